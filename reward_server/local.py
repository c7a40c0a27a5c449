"""A reward server of one's own, for as long as a block lasts. Needs grpcio and protobuf here; the server, its extra.

    with LocalServer(slots=2) as server, RewardClient(server.address) as client:
        ...

It runs in a process of its own on a free port of 127.0.0.1, in a session of its own (Ctrl-C in the terminal reaches
it only through us), and ends with this process, however this process ends.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

from reward_server.errors import GavelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import IO

_KILL_AFTER_SECONDS = 20.0
_GRACE_SECONDS = 5.0


class LocalServerError(GavelError):
    """The server did not start. ``str(error)`` is its own sentence about why."""


class LocalServer:
    """Starts a server on entering, stops it on leaving.

    Args:
        slots: sandbox containers; None: a quarter more than there are cores.
        runtime: their OCI runtime, by the engine's name for it; None: the engine's default.
        require_sandbox: fail if there is no sandbox, instead of answering SANDBOX_UNAVAILABLE for code.
        log_path: where the server's log goes (appended); None: nowhere that lasts.
        arguments: more arguments of ``gavel serve``.
        start_timeout: seconds until it must take calls; building nothing, it takes a few.
    """

    def __init__(
        self,
        *,
        slots: int | None = None,
        runtime: str | None = None,
        require_sandbox: bool = False,
        log_path: Path | None = None,
        arguments: Sequence[str] = (),
        start_timeout: float = 60.0,
    ) -> None:
        self._command = [
            # -P: a json.py in the user's folder must not become a module of the server.
            *(sys.executable, "-P", "-m", "reward_server", "--port", "0", "--metrics-port", "0"),
            *("--grace", str(_GRACE_SECONDS)),
            *(() if slots is None else ("--slots", str(slots))),
            *(() if runtime is None else ("--runtime", runtime)),
            *(("--require-sandbox",) if require_sandbox else ()),
            *arguments,
        ]
        self._log_path = log_path
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.address = ""
        """``HOST:PORT``, once started."""
        self.metrics_port: int | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._running().pid

    def is_alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it takes calls.

        Raises:
            LocalServerError: it ended, or did not take calls in time.
        """
        # Its own file, not a pipe: nobody has to read it for the server to go on.
        self._log = tempfile.TemporaryFile() if self._log_path is None else self._log_path.open("a+b")  # noqa: SIM115
        self._process = subprocess.Popen(
            [*self._command, "--parent-pid", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            ready = self._await_ready()
        except BaseException:
            self.stop()
            raise
        self.address = ready["address"]
        self.metrics_port = ready["metrics_port"]

    def stop(self) -> None:
        """Let calls in flight end for a moment, then end the server. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise LocalServerError("the local reward server is not started: use it as a context manager")
        return self._process

    def _await_ready(self) -> dict[str, Any]:
        line = _first_line(self._running(), self._start_timeout)
        if not line:
            raise LocalServerError(self._why_not_ready())
        message: dict[str, Any] = json.loads(line)
        if not message["ready"]:
            raise LocalServerError(message["error"])
        return message

    def _why_not_ready(self) -> str:
        try:
            status = self._running().wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return (
                f"the reward server did not take calls within {self._start_timeout:g} s: "
                f"its log ends with: {self._log_tail()}"
            )
        return f"the reward server ended with status {status} while it started: {self._log_tail()}"

    def _log_tail(self) -> str:
        assert self._log is not None
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 2000))
        return self._log.read().decode("utf-8", "replace").strip() or "nothing"


def _first_line(process: subprocess.Popen[bytes], timeout: float) -> bytes:
    """The first line of its standard output; empty if there is none in time."""
    assert process.stdout is not None
    give_up = time.monotonic() + timeout
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in data:
            if not selector.select(max(0.0, give_up - time.monotonic())):
                return b""
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return b""
            data += chunk
    return data


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=_KILL_AFTER_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
