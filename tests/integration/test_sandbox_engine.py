"""What becomes of jobs and slots when the engine goes away, the image is removed or the launcher is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import images
from sandbox.errors import SandboxLost, SandboxUnavailable
from sandbox.job import Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import containers, engine_client, pool_of

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=5, wall_seconds=30)
SLEEP = Job(Program("python", "import time\ntime.sleep(5)\nprint('done')"), StdioTests((b"",)), LIMITS)
QUICK = Job(Program("python", "print(input())"), StdioTests((b"a", b"b")), LIMITS)
HEALED_SECONDS = 10.0
"""From the moment that the fault is over."""


class EngineRoad:
    """The road to the engine: a socket that leads to the engine's own, and that can be cut."""

    def __init__(self, path: Path, engine: str) -> None:
        self.address = f"unix://{path}"
        self._path = path
        self._engine = engine
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._travels: set[asyncio.Task[None]] = set()

    async def build(self) -> None:
        def set_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            travel = asyncio.create_task(self._travel(reader, writer))
            self._travels.add(travel)
            travel.add_done_callback(self._travels.discard)

        self._server = await asyncio.start_unix_server(set_out, self._path)

    async def cut(self) -> None:
        """Every connection ends, and no new one is made."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        self._path.unlink()
        await asyncio.gather(*self._travels)

    async def _travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._engine)
        self._open |= {writer, there_writer}
        await asyncio.gather(_carry(reader, there_writer), _carry(there_reader, writer))
        self._open -= {writer, there_writer}
        for end in (writer, there_writer):
            end.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    with engine_client() as connection:
        yield connection


@pytest.fixture
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


async def heal(pool: DockerExecutor) -> None:
    """Wait until every slot is there again and a job runs."""
    async with asyncio.timeout(HEALED_SECONDS):
        while pool.healthy_slots < pool.slots:
            await asyncio.sleep(0.05)
        assert [case.stdout for case in (await pool.run(QUICK)).cases] == [b"a\n", b"b\n"]


async def test_an_engine_that_goes_away_and_comes_back(
    client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    road = EngineRoad(tmp_path / "engine.sock", engine)
    await road.build()
    monkeypatch.setenv("DOCKER_HOST", road.address)
    pool = DockerExecutor(slots=2)
    await pool.start()
    try:
        running = asyncio.create_task(pool.run(SLEEP))
        await asyncio.sleep(0.5)
        await road.cut()
        async with asyncio.timeout(HEALED_SECONDS):
            while pool.healthy_slots == pool.slots:
                await asyncio.sleep(0.05)
        await road.build()
        with contextlib.suppress(SandboxLost, SandboxUnavailable):  # typed, if it did not come back in time
            assert [case.stdout for case in (await running).cases] == [b"done\n"]
        await heal(pool)
    finally:
        await pool.close()
        await road.cut()
    assert await asyncio.to_thread(containers, client, pool) == []


async def test_an_image_that_is_removed_and_built_anew(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = await asyncio.to_thread(images.find_image, client, images.SMALLEST)
    assert real is not None
    made = await asyncio.to_thread(client.api.create_container, real)
    copy = (await asyncio.to_thread(client.api.commit, made["Id"]))["Id"]
    await asyncio.to_thread(client.api.remove_container, made["Id"])
    there: list[str | None] = [copy]
    monkeypatch.setattr(images, "find_image", lambda *_: there[0])
    pool = DockerExecutor(slots=1)
    await pool.start()
    try:
        (container,) = await asyncio.to_thread(containers, client, pool)
        there[0] = None
        await asyncio.to_thread(client.api.remove_container, container, force=True)
        await asyncio.to_thread(client.api.remove_image, copy, force=True)
        running = asyncio.create_task(pool.run(QUICK))  # finds out that the slot is dead
        async with asyncio.timeout(HEALED_SECONDS):
            while pool.healthy_slots:
                await asyncio.sleep(0.05)
        there[0] = real
        await heal(pool)
        assert [case.stdout for case in (await running).cases] == [b"a\n", b"b\n"]
    finally:
        await pool.close()


async def test_a_launcher_that_is_killed_costs_one_retry(client: docker.DockerClient, executor: DockerExecutor) -> None:
    running = asyncio.create_task(executor.run(SLEEP))
    await asyncio.sleep(0.5)
    (container,) = await asyncio.to_thread(containers, client, executor)
    # The supervisor is root's only process beside PID 1 and this one.
    kill = (
        "import os\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    if os.stat(f'/proc/{pid}').st_uid == 0 and int(pid) not in (1, os.getpid()): os.kill(int(pid), 9)"
    )
    command: Any = await asyncio.to_thread(client.api.exec_create, container, ["/usr/bin/python3", "-c", kill])
    await asyncio.to_thread(client.api.exec_start, command["Id"])
    facts = await running
    assert (facts.attempts, facts.cases[0].stdout) == (2, b"done\n")
    await heal(executor)


async def test_a_disk_that_was_filled_is_empty_for_the_next_case(executor: DockerExecutor) -> None:
    fill = (
        "import os\n"
        "for place in ('.', '/tmp', '/dev/shm'):\n"
        "    try:\n"
        "        for n in range(100_000):\n"
        "            with open(f'{place}/{n}', 'wb') as file: file.write(bytes(1 << 22))\n"
        "    except OSError as error: print(error.errno)"
    )
    room = "with open('/tmp/x', 'wb') as file: file.write(bytes(1 << 24))\nprint('room')"
    limits = Limits(cpu_seconds=10, wall_seconds=60, memory_bytes=1 << 30)
    filled = await executor.run(Job(Program("python", fill), StdioTests((b"",)), limits))
    assert [case.stdout for case in filled.cases] == [b"28\n28\n28\n"]
    after = await executor.run(Job(Program("python", room), StdioTests((b"",)), limits))
    assert (after.cases[0].stdout, after.attempts) == (b"room\n", 1)
