"""Containers that are killed, jobs that are cancelled, engines that are not there: healed, or told, never invented."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import docker as engine
from sandbox.build import Files
from sandbox.classify import Ending, classify
from sandbox.errors import SandboxLost, SandboxUnavailable
from sandbox.facts import CaseFacts
from sandbox.job import Job, Limits, Program, StdioTests
from sandbox.launcher import wire
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import containers, engine_client, pool_of

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=5, wall_seconds=30)
SLEEP = Job(Program("python", "import time\ntime.sleep(float(input()))\nprint('done')"), StdioTests((b"2",)), LIMITS)
QUICK = Job(Program("python", "print(input())"), StdioTests((b"a", b"b")), LIMITS)


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    with engine_client() as connection:
        yield connection


@pytest.fixture
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


async def kill_one(client: docker.DockerClient, pool: DockerExecutor) -> None:
    (container,) = await asyncio.to_thread(containers, client, pool)
    await asyncio.to_thread(client.api.kill, container)


async def healed(pool: DockerExecutor, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while pool.healthy_slots < pool.slots:
            await asyncio.sleep(0.05)


async def test_a_container_killed_while_a_job_runs_costs_one_retry(
    client: docker.DockerClient, executor: DockerExecutor
) -> None:
    running = asyncio.create_task(executor.run(SLEEP))
    await asyncio.sleep(0.5)
    await kill_one(client, executor)
    facts = await running
    assert (facts.attempts, facts.cases[0].stdout) == (2, b"done\n")


async def test_cases_that_were_finished_before_the_loss_are_not_run_again(
    client: docker.DockerClient, executor: DockerExecutor
) -> None:
    seen: list[int] = []
    job = Job(SLEEP.program, StdioTests((b"0", b"0", b"2", b"0")), LIMITS)

    def observe(case: CaseFacts) -> bool:
        seen.append(case.index)
        return True

    running = asyncio.create_task(executor.run(job, observe))
    while len(seen) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    await kill_one(client, executor)
    facts = await running
    assert seen == [0, 1, 2, 3] == [case.index for case in facts.cases]
    assert all(case.stdout == b"done\n" for case in facts.cases)


async def test_a_container_killed_twice_is_lost_and_never_a_verdict(
    client: docker.DockerClient, executor: DockerExecutor
) -> None:
    running = asyncio.create_task(executor.run(SLEEP))
    for _ in range(2):
        await asyncio.sleep(0.5)
        await healed(executor)
        await kill_one(client, executor)
    with pytest.raises(SandboxLost):
        await running
    await healed(executor)
    assert [case.stdout for case in (await executor.run(QUICK)).cases] == [b"a\n", b"b\n"]


async def test_an_idle_container_that_was_killed_is_replaced(
    client: docker.DockerClient, executor: DockerExecutor
) -> None:
    await kill_one(client, executor)
    facts = await executor.run(QUICK)
    assert [case.stdout for case in facts.cases] == [b"a\n", b"b\n"]


async def test_a_launcher_that_fails_by_itself_twice_is_the_jobs_doing(
    executor: DockerExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "autopsy", lambda *_: engine.Death("the launcher ended with status 73", by_itself=True))
    reads = iter([b"", b""])  # the launcher gets two jobs that end it; the probe after them is left alone
    from sandbox import slot

    honest = slot._job_frame

    def deadly(job: Job, program: Files, first: int) -> wire.Frame:
        message, blobs = honest(job, program, first)
        return (message if next(reads, None) is None else {"op": "job", "id": 1}), blobs

    monkeypatch.setattr(slot, "_job_frame", deadly)
    facts = await executor.run(QUICK)
    assert [classify(case) for case in facts.cases] == [Ending.VIOLATION, Ending.VIOLATION]


async def test_cancelling_frees_the_slot_at_once(executor: DockerExecutor) -> None:
    for program in ("import time; time.sleep(100)", "while True: pass", "while True: print('x' * 1000)"):
        job = Job(Program("python", program), StdioTests((b"",)), Limits(20, 60, output_bytes=10**9))
        running = asyncio.create_task(executor.run(job))
        await asyncio.sleep(0.3)
        running.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [case.stdout for case in (await executor.run(QUICK)).cases] == [b"a\n", b"b\n"]
        assert time.monotonic() - began < 15, program


async def test_waiting_jobs_can_be_cancelled_and_leave_the_queue(executor: DockerExecutor) -> None:
    first = asyncio.create_task(executor.run(SLEEP))
    waiting = [asyncio.create_task(executor.run(QUICK)) for _ in range(20)]
    await asyncio.sleep(0.1)
    for task in waiting[:-1]:
        task.cancel()
    results = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 19
    last: Any = results[-1]
    assert last.queue_seconds > 0.5
    assert len(last.cases) == 2


async def test_memory_limits_are_the_jobs_own(executor: DockerExecutor) -> None:
    program = Program("python", "x = b'x' * 150_000_000\nprint('ok')")
    for megabytes, ending in ((64, Ending.MEMORY_LIMIT), (400, Ending.OK), (64, Ending.MEMORY_LIMIT)):
        limits = Limits(5, 30, megabytes * 1024 * 1024)
        (case,) = (await executor.run(Job(program, StdioTests((b"",)), limits))).cases
        assert classify(case) is ending


async def test_a_closed_pool_says_so(executor: DockerExecutor) -> None:
    await executor.close()
    await executor.close()
    with pytest.raises(SandboxUnavailable, match="closed"):
        await executor.run(QUICK)
    with pytest.raises(SandboxUnavailable):
        await executor.languages()


async def test_no_engine_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")
    with pytest.raises(SandboxUnavailable, match="no Docker engine"):
        await DockerExecutor(slots=1).start()


async def test_no_image_is_unavailable(client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox import images

    monkeypatch.setattr(images, "BASE", "debian:nowhere")
    monkeypatch.setattr(images, "image_tag", lambda image: "gavel-sandbox:absent")
    with pytest.raises(SandboxUnavailable, match=r"python -m sandbox\.images build"):
        await DockerExecutor(slots=1).start()


@pytest.mark.parametrize("doing", ["asyncio.sleep(100)", "pool.run(job)"], ids=["idle", "busy"])
async def test_an_owner_that_was_killed_leaves_nothing_behind(client: docker.DockerClient, doing: str) -> None:
    script = (
        "import asyncio\nfrom sandbox.pool import DockerExecutor\nfrom sandbox.job import Job, Program, StdioTests\n"
        "job = Job(Program('python', 'import time; time.sleep(100)'), StdioTests((b'',)))\n"
        "async def main():\n    pool = DockerExecutor(slots=1)\n    await pool.start()\n"
        f"    print(pool.owner_id, flush=True)\n    await {doing}\nasyncio.run(main())"
    )
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    label = f"gavel.owner={(await owner.stdout.readline()).decode().strip()}"
    await asyncio.sleep(0.5)  # a job, if it is to have one, runs by now
    owner.send_signal(signal.SIGKILL)
    await owner.wait()

    def running() -> list[Any]:
        return list(client.api.containers(filters={"label": label}))

    async with asyncio.timeout(10):
        while await asyncio.to_thread(running):  # its stdin closed with its owner
            await asyncio.sleep(0.1)
    assert await asyncio.to_thread(engine.main, ["reap"]) == 0
    assert await asyncio.to_thread(client.api.containers, all=True, filters={"label": label}) == []


async def test_reaping_leaves_the_containers_of_the_living(
    client: docker.DockerClient, executor: DockerExecutor
) -> None:
    await asyncio.to_thread(engine.reap, client)
    assert [case.stdout for case in (await executor.run(QUICK)).cases] == [b"a\n", b"b\n"]


async def test_no_descriptor_is_left_open(client: docker.DockerClient) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    pool = DockerExecutor(slots=1)
    await pool.start()
    await pool.close()
    before = count()
    for _ in range(3):
        pool = DockerExecutor(slots=1)
        await pool.start()
        await pool.run(QUICK)
        await pool.close()
    assert count() <= before + 2
