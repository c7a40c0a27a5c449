"""Time limits on real containers: what is cut off, what gets a second chance alone, and what is told of sleepers.

All work is measured in CPU time by the program itself, so that a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.facts import Again, CaseFacts, Stopped
from sandbox.job import NEAR_CPU_LIMIT, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=0.5, wall_seconds=60)
SLEEPY = Limits(cpu_seconds=0.5, wall_seconds=0.6)
BURN = "import time\nlimit = float(input())\nwhile time.process_time() < limit: pass\nprint('done')"
SLEEP = "import time\ntime.sleep(60)"
DEADLOCK = """
import threading
a, b = threading.Lock(), threading.Lock()
both = threading.Barrier(2)
def hold(first, second):
    with first:
        both.wait()
        with second: pass
threads = [threading.Thread(target=hold, args=pair) for pair in ((a, b), (b, a))]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.fixture(scope="module")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(2) as pool:
        yield pool


async def run(executor: DockerExecutor, source: str, stdin: str = "", limits: Limits = LIMITS) -> CaseFacts:
    facts = await executor.run(Job(Program("python", source), StdioTests((stdin.encode(),)), limits))
    (case,) = facts.cases
    return case


async def test_a_case_that_ends_a_little_late_is_run_again_alone(executor: DockerExecutor) -> None:
    job = Job(Program("python", BURN), StdioTests((b"0.1", b"0.55", b"0.1")), LIMITS)
    seen: list[int] = []

    def observe(case: CaseFacts) -> bool:
        seen.append(case.index)
        return True

    facts = await executor.run(job, observe)
    assert seen == [0, 1, 2] == [case.index for case in facts.cases]
    assert [case.stopped for case in facts.cases] == [None, Stopped.CPU, None]
    assert [case.again for case in facts.cases] == [None, Again.ALONE, None]
    assert facts.cases[1].ended_late
    assert facts.attempts == 3, "the job, the case alone, the rest of the job"


async def test_what_does_not_end_near_its_limit_is_cut_off_for_good(executor: DockerExecutor) -> None:
    case = await run(executor, BURN, "1e9")
    assert (case.stopped, case.again, case.ended_late) == (Stopped.CPU, None, False)
    assert case.usage.cpu_seconds >= LIMITS.cpu_seconds * NEAR_CPU_LIMIT


@pytest.mark.parametrize(("source", "threads"), [(SLEEP, 1), (DEADLOCK, 3)], ids=["sleep", "deadlock"])
async def test_sleepers_and_deadlocks_are_told_from_work(executor: DockerExecutor, source: str, threads: int) -> None:
    case = await run(executor, source, limits=SLEEPY)
    assert (case.stopped, case.again) == (Stopped.WALL, None)
    assert case.stall is not None
    assert (case.stall.threads, case.stall.runnable) == (threads, 0)


async def test_work_in_cpu_time_gets_the_same_verdict_at_any_concurrency(executor: DockerExecutor) -> None:
    limits = Limits(cpu_seconds=0.2, wall_seconds=60)
    within, beyond = str(0.6 * limits.cpu_seconds), str(2 * limits.cpu_seconds)
    for concurrency in (1, 8 * executor.slots):
        gate = asyncio.Semaphore(concurrency)

        async def turn(seconds: str, gate: asyncio.Semaphore = gate) -> Stopped | None:
            async with gate:
                return (await run(executor, BURN, seconds, limits)).stopped

        pairs = max(2, concurrency // 2)
        assert await asyncio.gather(*map(turn, [within, beyond] * pairs)) == [None, Stopped.CPU] * pairs
