"""Runs one server in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from reward_server.late_executor import LateExecutor
from reward_server.log import event
from reward_server.server import RewardServer
from reward_server.verifiers.registry import build_verifiers
from sandbox.pool import DockerExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from reward_server.config import ServerConfig

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PARENT_CHECK_SECONDS = 0.5


async def serve(config: ServerConfig, parent_pid: int | None, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM, SIGINT, or the end of the parent; then drain.

    Args:
        config: of the server.
        parent_pid: end when this is no longer our parent's id; None: outlive it.
        announce: called once when calls are taken, with ``ready``, ``address``, ``port`` and ``metrics_port``.

    Raises:
        StartError: it could not start.
    """
    stop = _StopRequests()
    executor = LateExecutor(lambda: DockerExecutor(config.slots, config.image, config.runtime), config.slots)
    server = RewardServer(config, build_verifiers(executor, config.workers), executor)
    watcher = asyncio.create_task(stop.when_orphaned(parent_pid)) if parent_pid is not None else None
    try:
        await _until(server.start(), stop.first)
        if not stop.first.is_set():
            _say_ready(config, server, announce)
        await stop.first.wait()
        await _until(server.drain(config.grace_seconds), stop.second)
    finally:
        await server.close()
        if watcher is not None:
            watcher.cancel()
    event("stopped")


class _StopRequests:
    """The first asks to drain, the second to stop at once."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)

    def ask(self) -> None:
        (self.second if self.first.is_set() else self.first).set()

    async def when_orphaned(self, parent_pid: int) -> None:
        # Asked, not signalled by the kernel: PR_SET_PDEATHSIG fires when the parent's *thread* ends, and a pipe to
        # the parent stays open in the parent's forked children.
        while os.getppid() == parent_pid:  # noqa: ASYNC110 - nothing in this process can signal it
            await asyncio.sleep(_PARENT_CHECK_SECONDS)
        event("parent_ended", parent_pid=parent_pid)
        self.ask()


async def _until(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Await ``work``, or give it up when ``stop`` is set."""
    doing, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({doing, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if doing.done():
        doing.result()
    else:
        doing.cancel()
        await asyncio.wait({doing})


def _say_ready(config: ServerConfig, server: RewardServer, announce: Callable[[dict[str, Any]], None]) -> None:
    if config.host not in _LOOPBACK:
        event(
            "no_authentication",
            logging.WARNING,
            host=config.host,
            advice="anyone who reaches this port can run code in the sandbox: keep it on a network that you trust",
        )
    event(
        "serving",
        address=server.address,
        metrics_port=server.metrics_port,
        slots=config.slots,
        runtime=config.runtime or "engine-default",
    )
    announce({"ready": True, "address": server.address, "port": server.port, "metrics_port": server.metrics_port})
