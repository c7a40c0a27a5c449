"""The standing test process of a slot: what it keeps from case to case, which is nothing, and when it is replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.facts import RunFacts, Stopped
from sandbox.job import MIB, AssertTests, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker

LIMITS = Limits(cpu_seconds=0.5, wall_seconds=60.0, memory_bytes=128 * MIB)
HONEST = "def f(x):\n    return [x]\n"
CHECK = "assert f(1) == [1]"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


async def run(executor: DockerExecutor, *cases: str, program: str = HONEST, preamble: str = "") -> RunFacts:
    facts = await executor.run(Job(Program("python", program), AssertTests(cases, preamble), LIMITS))
    assert facts.attempts == 1, "the slot was lost"
    return facts


async def completed(executor: DockerExecutor, *cases: str, program: str = HONEST, preamble: str = "") -> list[bool]:
    facts = await run(executor, *cases, program=program, preamble=preamble)
    return [case.assert_completed is True for case in facts.cases]


PATCHES = {
    "builtins": "import builtins\nbuiltins.list = None\nbuiltins.len = lambda x: 9\nf(1)",
    "a module": "import math\nmath.floor = None\nf(1)",
    "the recursion limit": "import sys\nsys.setrecursionlimit(60)\nf(1)",
    "the launcher": "import sys\nsys.modules['sandbox.values'].encode = None\nsys.modules.clear()\nf(1)",
    "an own global": "leak = f(1)",
    "the process": "import os\nos.chdir('/')\nos.close(0)\nos.close(5)\nf(1)",
    "a thread": (
        "import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start()\nf(1)"
    ),
}
UNHARMED = "import math, sys\nassert len(list(f(1))) == 1 and math.floor(1.5) == 1 and sys.getrecursionlimit() > 900"


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES.keys())
async def test_what_a_test_changes_is_gone_with_it(executor: DockerExecutor, patch: str):
    await run(executor, patch)
    fresh = "\nassert 'leak' not in [*globals()]"
    assert await completed(executor, UNHARMED + fresh, CHECK, "assert 'leak' not in dir()") == [True, True, True]


@pytest.mark.parametrize(
    "ending", ["import os\nos._exit(0)", "import os\nos.kill(os.getpid(), 9)", "import os\nos.fork()"]
)
async def test_a_test_that_ends_its_process_is_not_complete_and_the_next_is(executor: DockerExecutor, ending: str):
    cases = await completed(executor, ending, CHECK)
    assert cases[1]
    assert cases[0] is ("fork" in ending)


@pytest.mark.parametrize("loop", ["while True:\n    pass", "import os\nwhile True:\n    os.getpid()"])
async def test_a_test_without_end_is_stopped_and_the_next_has_a_process(executor: DockerExecutor, loop: str):
    facts = await run(executor, CHECK, loop, CHECK)
    assert [case.stopped for case in facts.cases] == [None, Stopped.CPU, None]
    assert [case.assert_completed for case in facts.cases] == [True, False, True]


async def test_a_program_that_leaves_its_test_alone_is_not_passed_and_the_next_has_a_process(executor: DockerExecutor):
    gone = "import os\ndef f(x):\n    os._exit(0)\n"
    facts = await run(executor, "try:\n    f(1)\nexcept BaseException:\n    pass", CHECK, program=gone)
    assert [case.stopped for case in facts.cases] == [Stopped.VIOLATION, Stopped.VIOLATION]
    assert await completed(executor, CHECK) == [True]


async def test_other_forms_and_leftovers_spare_nobody_but_the_test_process(executor: DockerExecutor):
    assert await completed(executor, CHECK) == [True]
    daemon = "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n"
    for program in (daemon, "print(1)"):
        facts = await executor.run(Job(Program("python", program), StdioTests((b"", b"")), LIMITS))
        assert [case.leftover_processes for case in facts.cases] == [int(program == daemon)] * 2
        assert facts.attempts == 1
        assert await completed(executor, CHECK, "import os\nassert f(1) == [1]") == [True, True]


async def test_what_a_program_returned_does_not_stay(executor: DockerExecutor):
    """Forty large values would fill the container if the process kept them or grew with them."""
    large = "def f(x):\n    return ['x' * 1000 + str(n) for n in range(10_000)]\n"
    cases = await completed(executor, *["assert len(f(1)) == 10_000"] * 40, program=large)
    assert cases == [True] * 40


async def test_sources_that_do_not_compile_or_hold_odd_text_are_answered(executor: DockerExecutor):
    odd = "assert f('\\x00\\ud800') == ['\\x00\\ud800']"
    assert await completed(executor, "def", odd, CHECK) == [False, True, True]


async def test_tests_that_are_kept_take_no_memory_from_a_program(executor: DockerExecutor):
    # Each of these stays compiled in the standing process.
    large = [f"x = [{', '.join(str(n * 1.5 + seed) for n in range(20000))}]\n{CHECK}" for seed in range(60)]
    for source in large:
        assert await completed(executor, source) == [True]
    hungry = "def f(x):\n    room = bytearray(118 << 20)\n    return [x] if len(room) else None\n"
    assert await completed(executor, CHECK, program=hungry) == [True]
