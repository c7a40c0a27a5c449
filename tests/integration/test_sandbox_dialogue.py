"""Two programs that talk, each in its own container: what honest ones do works, and what others do ends."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator

import pytest

from sandbox.classify import Ending, classify
from sandbox.errors import SandboxUnavailable
from sandbox.facts import Exchange, Stopped
from sandbox.job import MIB, CaseExtras, Dialogue, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=10, wall_seconds=60, output_bytes=8 * MIB)
INTERACTOR_LIMITS = Limits(cpu_seconds=10, wall_seconds=120, output_bytes=8 * MIB)

GUESS = """
low, high = 1, 1000
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    answer = input()
    if answer == "correct": break
    if answer == "lower": high = middle - 1
    else: low = middle + 1
"""
JUDGE = """
import sys
secret = int(open("judge.in").read())
for turn in range(10):
    line = sys.stdin.readline()
    if not line: sys.exit(43)
    guess = int(line)
    print("correct" if guess == secret else "lower" if guess > secret else "higher", flush=True)
    if guess == secret: sys.exit(42 if not sys.stdin.read() else 43)
sys.exit(43)
"""


@pytest.fixture(scope="module")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(2) as pool:
        yield pool


def dialogue(program: str, interactor: str = JUDGE, *secrets: int, limits: Limits = LIMITS) -> Dialogue:
    cases = tuple(CaseExtras(files=(("judge.in", str(secret).encode()),)) for secret in secrets or (1,))
    sides = [Program("python", textwrap.dedent(source)) for source in (program, interactor)]
    return Dialogue(sides[0], sides[1], cases, limits, INTERACTOR_LIMITS)


async def talk(
    executor: DockerExecutor, program: str, interactor: str = JUDGE, *secrets: int, limits: Limits = LIMITS
) -> tuple[Exchange, ...]:
    facts = await executor.converse(dialogue(program, interactor, *secrets, limits=limits))
    assert facts.compile.ok
    assert facts.interactor_compile.ok
    return facts.exchanges


async def honest(executor: DockerExecutor) -> None:
    """Both slots are as good as new."""
    exchanges = await talk(executor, GUESS, JUDGE, 17, 999)
    assert [one.interactor.exit_status for one in exchanges] == [42, 42]


async def test_every_case_is_a_talk_of_its_own(executor: DockerExecutor):
    exchanges = await talk(executor, GUESS, JUDGE, 1, 500, 1000)
    assert [one.interactor.exit_status for one in exchanges] == [42, 42, 42]
    assert all(classify(one.program) is Ending.OK for one in exchanges)
    assert exchanges[1].program.stdout == b"500\n"
    assert exchanges[1].interactor.stdout == b"correct\n"


async def test_a_wrong_program_is_rejected_and_the_observer_ends_the_dialogue(executor: DockerExecutor):
    job = dialogue("while True: print(1, flush=True); input()", JUDGE, 7, 8, 9)
    facts = await executor.converse(job, lambda one: one.interactor.exit_status == 42)
    assert [one.interactor.exit_status for one in facts.exchanges] == [43]
    assert facts.exchanges[0].interactor_first
    await honest(executor)


async def test_who_ends_first_is_told_apart_though_the_other_ends_because_of_it(executor: DockerExecutor):
    for _ in range(5):
        (one,) = await talk(executor, "input()", "raise SystemExit(43)")
        assert (one.interactor_first, one.interactor_heard) == (True, False)
        assert one.program.program_raised is not None  # EOFError
        (one,) = await talk(executor, "raise SystemExit(3)", "import sys; sys.exit(42 if sys.stdin.read() else 43)")
        assert (one.interactor_first, one.interactor_heard) == (False, True)
        assert one.program.exit_status == 3


async def test_a_deadlock_is_the_programs_wall_limit_and_the_interactor_then_reads_the_end(executor: DockerExecutor):
    limits = Limits(cpu_seconds=1, wall_seconds=1)
    (one,) = await talk(executor, "input()", JUDGE, 5, limits=limits)
    assert one.program.stopped is Stopped.WALL
    assert one.interactor.exit_status == 43
    assert not one.interactor_first
    await honest(executor)


async def test_each_side_has_its_own_cpu_limit(executor: DockerExecutor):
    limits = Limits(cpu_seconds=0.5, wall_seconds=60)
    (one,) = await talk(executor, "while True: pass", JUDGE, 5, limits=limits)
    assert one.program.stopped is Stopped.CPU
    busy = "import sys, time\nwhile time.process_time() < 1.5: pass\nsys.exit(42)"
    (one,) = await talk(executor, "input()", busy, 5, limits=limits)
    assert one.interactor.exit_status == 42


async def test_much_data_both_ways_is_held_back_and_none_is_lost(executor: DockerExecutor):
    echo = "import sys, shutil\nshutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    check = """
        import os, sys, threading
        data = os.urandom(3_000_000)
        def write():
            sys.stdout.buffer.write(data); sys.stdout.flush(); os.close(1)
        threading.Thread(target=write).start()
        os.write(2, str(len(got := sys.stdin.buffer.read())).encode())
        os._exit(42 if got == data else 43)
    """
    (one,) = await talk(executor, echo, check)
    assert one.interactor.exit_status == 42, one.interactor.stderr


async def test_a_flood_is_an_output_limit_and_a_program_that_is_not_read_waits(executor: DockerExecutor):
    limits = Limits(cpu_seconds=5, wall_seconds=5, output_bytes=MIB)
    flood = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    reader = "import sys\nwhile sys.stdin.buffer.read(65536): pass\nsys.exit(43)"
    (one,) = await talk(executor, flood, reader, limits=limits)
    assert one.program.stopped is Stopped.OUTPUT
    (one,) = await talk(executor, flood, "import time; time.sleep(4)", limits=Limits(cpu_seconds=1, wall_seconds=1))
    assert one.program.stopped is Stopped.WALL
    await honest(executor)


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.close(0); os.close(1)",
        "import os, time; os.close(1); time.sleep(0.2)",
        "import os\nos.write(1, b'4')\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import os\nif os.fork() == 0:\n    while True: os.write(1, b'1\\n')",
        "print('no number', flush=True); input()",
        "import os\nfor _ in range(9): os.fork()",
    ],
)
async def test_whatever_a_program_does_the_talk_ends_without_a_pass_and_the_slots_stay_good(
    executor: DockerExecutor, program: str
):
    (one,) = await talk(executor, program, JUDGE, 5, limits=Limits(cpu_seconds=2, wall_seconds=4))
    assert one.interactor.exit_status != 42
    await honest(executor)


async def test_an_interactor_that_does_not_read_breaks_no_program_that_goes_on(executor: DockerExecutor):
    interactor = "import os, sys, time\nos.close(0)\nfor _ in range(20): time.sleep(0.02)\nsys.exit(42)"
    (one,) = await talk(executor, "for _ in range(50_000): print('x' * 50)", interactor)
    assert one.interactor.exit_status == 42


async def test_many_dialogues_and_jobs_on_two_slots_never_wait_for_each_other(executor: DockerExecutor):
    async def single() -> None:
        await executor.run(Job(Program("python", "pass"), StdioTests((b"",)), LIMITS))

    await asyncio.gather(*(honest(executor) for _ in range(6)), *(single() for _ in range(6)))


async def test_a_cancelled_dialogue_frees_both_slots(executor: DockerExecutor):
    task = asyncio.create_task(talk(executor, "input()", "import time; time.sleep(60)"))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20):
        await honest(executor)
    assert executor.healthy_slots == 2


async def test_a_program_that_does_not_compile_is_told_and_nothing_waits(executor: DockerExecutor):
    facts = await executor.converse(dialogue("def", JUDGE, 1, 2))
    assert not facts.compile.ok
    facts = await executor.converse(dialogue(GUESS, "def", 1, 2))
    assert facts.compile.ok
    assert not facts.interactor_compile.ok
    await honest(executor)


async def test_with_one_slot_there_is_a_clear_error():
    pool = DockerExecutor(slots=1)
    await pool.start()
    try:
        with pytest.raises(SandboxUnavailable, match="needs two slots"):
            await pool.converse(dialogue(GUESS))
    finally:
        await pool.close()
