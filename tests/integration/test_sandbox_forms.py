"""What honest programs do works: every test form, on real containers."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.classify import Ending, classify
from sandbox.facts import CaseFacts, NotPlain, Raised, Returned, RunFacts
from sandbox.job import AssertTests, Call, CallTests, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=10, wall_seconds=60)


@pytest.fixture(scope="module")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


def program(source: str) -> Program:
    return Program("python", textwrap.dedent(source))


async def stdio(executor: DockerExecutor, source: str, *stdins: bytes) -> tuple[CaseFacts, ...]:
    facts = await executor.run(Job(program(source), StdioTests(stdins or (b"",)), LIMITS))
    assert facts.compile.ok, facts.compile.message
    return facts.cases


@pytest.mark.parametrize(
    ("source", "stdin", "stdout"),
    [
        ("print(int(input()) * 2)", b"21\n", b"42\n"),
        ("import sys; print(sys.stdin.read()[::-1], end='')", "añ".encode(), "ña".encode()),
        ("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", b"\xff\x00", b"\xff\x00"),
        ("print(open(0).read(), end='')", b"x", b"x"),
        ("print(open('/dev/stdin').read(), end='')", b"x", b"x"),
        ("open('/dev/stdout', 'w').write('x')", b"", b"x"),
        ("import sys\nfor line in sys.stdin: print(line.strip())", b"a\nb", b"a\nb\n"),
        ("import sys; print(len(sys.argv), __name__, sys.flags.interactive)", b"", b"1 __main__ 0\n"),
        ("if __name__ == '__main__': print('main')", b"", b"main\n"),
        ("import os; print('kept', flush=True); os._exit(0)", b"", b"kept\n"),
        ("print('x'); exit()", b"", b"x\n"),
        ("import atexit; atexit.register(print, 'bye')", b"", b"bye\n"),
        ("import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('t'))).start()", b"", b"t\n"),
        ("import os\nif os.fork() == 0: os._exit(0)\nos.wait(); print('x')", b"", b"x\n"),
        ("import os\nprint('in buffer')\nif os.fork() == 0: os._exit(0)\nos.wait()", b"", b"in buffer\n"),
        (
            (
                "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(1)'], "
                "capture_output=True, text=True).stdout)"
            ),
            b"",
            b"1\n\n",
        ),
        (
            (
                "from multiprocessing import Pool\ndef f(x): return x * x\n"
                "if __name__ == '__main__':\n    with Pool(2) as p: print(p.map(f, [1, 2, 3]))"
            ),
            b"",
            b"[1, 4, 9]\n",
        ),
        (
            (
                "import multiprocessing as mp\ndef f(q): q.put(5)\nif __name__ == '__main__':\n"
                "    c = mp.get_context('spawn'); q = c.Queue(); p = c.Process(target=f, args=(q,)); p.start()\n"
                "    print(q.get()); p.join()"
            ),
            b"",
            b"5\n",
        ),
        ("import asyncio\nasync def f(): print(1)\nasyncio.run(f())", b"", b"1\n"),
        (
            (
                "import sys; sys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
                "print(f(100_000))"
            ),
            b"",
            b"100000\n",
        ),
        ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(980))", b"", b"980\n"),
        ("open('a.txt', 'w').write('x'); print(open('a.txt').read())", b"", b"x\n"),
        ("import tempfile\nwith tempfile.TemporaryFile() as f: print(f.write(b'xy'))", b"", b"2\n"),
        ("import random, os; print(len(os.urandom(3)), 0 <= random.random() < 1)", b"", b"3 True\n"),
        (
            (
                "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nimport pickle\n"
                "print(pickle.loads(pickle.dumps(A(1))))"
            ),
            b"",
            b"A(x=1)\n",
        ),
        ("from __future__ import annotations\ndef f(x: Undefined): pass\nprint('x')", b"", b"x\n"),
        ("import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0])", b"", b"-1\n"),
        ("# -*- coding: utf-8 -*-\nprint('é')", b"", "é\n".encode()),
    ],
)
async def test_a_program_behaves_as_under_a_plain_interpreter(
    executor: DockerExecutor, source: str, stdin: bytes, stdout: bytes
) -> None:
    (case,) = await stdio(executor, source, stdin)
    assert (classify(case), case.stdout, case.exit_status) == (Ending.OK, stdout, 0), case


async def test_cases_see_nothing_of_each_other(executor: DockerExecutor) -> None:
    source = "import os; print(os.listdir('.'), os.listdir('/tmp')); open('x', 'w'); open('/tmp/y', 'w')"
    first, second = await stdio(executor, source, b"", b"")
    assert first.stdout == second.stdout == b"['main.py'] []\n"


async def test_set_order_does_not_change_between_cases(executor: DockerExecutor) -> None:
    cases = await stdio(executor, "print(list({'a', 'b', 'c', 'd', 'e'}))", b"", b"", b"")
    assert len({case.stdout for case in cases}) == 1


async def test_random_numbers_do_change_between_cases(executor: DockerExecutor) -> None:
    cases = await stdio(executor, "import random; print(random.random())", b"", b"")
    assert cases[0].stdout != cases[1].stdout


async def test_an_uncaught_exception_is_told(executor: DockerExecutor) -> None:
    (case,) = await stdio(executor, "print('before')\nraise ValueError('no')")
    assert classify(case) is Ending.RUNTIME_ERROR
    assert (case.exit_status, case.stdout, case.program_raised) == (1, b"before\n", Raised("ValueError", "no"))
    assert b'main.py", line 2' in case.stderr
    assert b"launcher" not in case.stderr


@pytest.mark.parametrize(("source", "status"), [("exit(3)", 3), ("exit('text')", 1), ("import os; os._exit(9)", 9)])
async def test_an_exit_status_is_told(executor: DockerExecutor, source: str, status: int) -> None:
    (case,) = await stdio(executor, source)
    assert (classify(case), case.exit_status) == (Ending.RUNTIME_ERROR, status)


async def test_a_signal_is_told(executor: DockerExecutor) -> None:
    (case,) = await stdio(executor, "import os; os.kill(os.getpid(), 11)")
    assert (classify(case), case.exit_status, case.signal) == (Ending.RUNTIME_ERROR, None, 11)


@pytest.mark.parametrize("source", ["def f(:", "x = '\0'", "(" * 300 + ")" * 300, "return 1", "\ud800"])
async def test_what_does_not_compile_runs_no_case(executor: DockerExecutor, source: str) -> None:
    facts = await executor.run(Job(Program("python", source), StdioTests((b"", b"")), LIMITS))
    assert not facts.compile.ok
    assert "Error" in facts.compile.message
    assert facts.cases == ()


async def call(executor: DockerExecutor, source: str, function: str, *calls: Call) -> RunFacts:
    return await executor.run(Job(program(source), CallTests(function, calls), LIMITS))


async def test_calls_return_values_and_show_what_they_did_to_their_arguments(executor: DockerExecutor) -> None:
    source = """
        from collections import Counter
        def f(a, k=0):
            a.append(9)
            yield from a
            yield Counter('aab')
            yield 10**5000 + k
    """
    facts = await call(executor, source, "f", Call(([1],), (("k", 2),)), Call((5,)), Call())
    assert facts.cases[0].call == Returned([1, 9, {"a": 2, "b": 1}, 10**5000 + 2], ([1, 9],))
    assert facts.cases[1].call == Raised("AttributeError", "'int' object has no attribute 'append'")
    assert isinstance(facts.cases[2].call, Raised)
    assert [classify(case) for case in facts.cases] == [Ending.OK] * 3


async def test_calls_of_methods_and_objects_that_are_not_plain(executor: DockerExecutor) -> None:
    source = "class Solution:\n    def twice(self, x): return 2 * x\n    def me(self): return self"
    assert (await call(executor, source, "Solution.twice", Call((4,)))).cases[0].call == Returned(8, (4,))
    assert (await call(executor, source, "Solution.me", Call())).cases[0].call == NotPlain("Solution")
    missing = (await call(executor, source, "absent", Call())).cases[0].program_raised
    assert isinstance(missing, Raised)
    assert missing.type_name == "NameError"


ASSERTS: list[tuple[str, str, str]] = [
    # (program, preamble, case): completed both split and shared
    ("def f(x): return x + 1", "", "assert f(1) == 2"),
    ("def f(x): return {1: (x, {x})}", "", "assert f(1) == {1: (1, {1})}"),
    ("def f(x): x.sort(); x[0].append(1)", "", "a = [[2], [1]]; f(a); assert a == [[1, 1], [2]]"),
    ("def f(x): x.update(a=1)", "", "d = {}; f(d); assert d == {'a': 1}"),
    ("def f(x): x.add(3)", "", "s = {1}; f(s); assert s == {1, 3}"),
    (
        "def f(x): raise ValueError('no')",
        "",
        "try: f(1)\nexcept ValueError as e: assert str(e) == 'no'\nelse: assert 0",
    ),
    (
        "class Odd(KeyError): pass\ndef f(x): raise Odd(x)",
        "",
        "try: f(1)\nexcept KeyError as e: assert e.args == (1,) and type(e).__name__ == 'Odd'\nelse: assert 0",
    ),
    ("def f(n): yield from range(n)", "", "g = f(3); assert next(g) == 0 and list(g) == [1, 2]"),
    ("def f(g, x): return g(x) + 1", "", "assert f(lambda y: y * 10, 2) == 21"),
    ("def f(x): return lambda y: x + y", "", "assert f(1)(2) == 3"),
    ("class P:\n    def __init__(s, x): s.x = x\ndef f(p): return p.x", "", "assert f(P(7)) == 7"),
    ("class S:\n    def m(self, x): return x * 2", "", "assert S().m(4) == 8"),
    ("def f(t): return t is int", "", "assert f(int) and not f(str)"),
    ("import re\ndef f(s): return re.match('a', s)", "", "assert f('ab') and not f('b')"),
    ("from decimal import Decimal\ndef f(): return Decimal('1.5')", "", "assert f() == 1.5"),
    ("def f(x): return x", "import math\ndef check(c):\n    assert math.isnan(c(math.nan))", "check(f)"),
    ("def g(x): return x\ndef f(x): return g(x)", "def g(x): return -x", "assert f(1) == 1 and g(1) == -1"),
    ("import sys\ndef f(): return 1", "", "assert f() <= sys.maxsize"),
    ("def f(x): print('noise'); return x", "", "assert f(1) == 1"),
    ("def f(xs): return max(xs, key=len)", "", "assert f(['a', 'bb']) == 'bb'"),
    ("def f(x): return f'{x!r}'", "", "assert f([True, None, 1.0, b'x']) == \"[True, None, 1.0, b'x']\""),
]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("source", "preamble", "case"), ASSERTS)
async def test_honest_programs_complete_their_asserts(
    executor: DockerExecutor, source: str, preamble: str, case: str, shared: bool
) -> None:
    tests = AssertTests((case,), preamble, shared=shared)
    (facts,) = (await executor.run(Job(Program("python", source), tests, LIMITS))).cases
    assert facts.assert_completed, facts
    assert classify(facts) is Ending.OK


@pytest.mark.parametrize("shared", [False, True])
async def test_a_wrong_answer_is_told_with_the_line_that_found_it(executor: DockerExecutor, shared: bool) -> None:
    tests = AssertTests(("assert f(1) == 1", "assert f(1) == 2", "check(f)"), "def check(c):\n    assert c(1) == 3")
    tests = AssertTests(tests.cases, tests.preamble, shared=shared)
    facts = await executor.run(Job(program("def f(x): return x"), tests, LIMITS))
    assert [case.assert_completed for case in facts.cases] == [True, False, False]
    assert facts.cases[1].assert_message == "AssertionError: assert f(1) == 2"
    assert facts.cases[2].assert_message == "AssertionError: assert c(1) == 3"
    assert [classify(case) for case in facts.cases] == [Ending.OK] * 3


@pytest.mark.parametrize("shared", [False, True])
async def test_the_entry_point_is_the_programs_even_if_the_preamble_defines_it(
    executor: DockerExecutor, shared: bool
) -> None:
    preamble = "def f(x):\n    '''The prompt's stub.'''\n"
    tests = AssertTests(("assert f(1) == 2",), preamble, "f", shared)
    (case,) = (await executor.run(Job(program("def f(x): return 2"), tests, LIMITS))).cases
    assert case.assert_completed


@pytest.mark.parametrize("shared", [False, True])
async def test_a_program_that_does_not_load_fails_its_asserts(executor: DockerExecutor, shared: bool) -> None:
    tests = AssertTests(("assert f(1) == 2",), shared=shared)
    (case,) = (await executor.run(Job(program("undefined"), tests, LIMITS))).cases
    assert (case.assert_completed, classify(case)) == (False, Ending.RUNTIME_ERROR)
    assert case.program_raised == Raised("NameError", "name 'undefined' is not defined")


async def test_the_observer_sees_each_case_and_may_stop(executor: DockerExecutor) -> None:
    seen: list[int] = []

    def observe(case: CaseFacts) -> bool:
        seen.append(case.index)
        return case.index < 1

    job = Job(program("print(input())"), StdioTests(tuple(b"%d\n" % n for n in range(30))), LIMITS)
    facts = await executor.run(job, observe)
    assert seen == [0, 1] == [case.index for case in facts.cases]
    (after,) = await stdio(executor, "print('next')")
    assert after.stdout == b"next\n"


async def test_usage_is_measured(executor: DockerExecutor) -> None:
    (case,) = await stdio(executor, "x = bytearray(60_000_000)\nfor i in range(2_000_000): pass")
    assert 0.02 < case.usage.cpu_seconds < 5
    assert case.usage.wall_seconds >= 0.02
    assert 50_000_000 < case.usage.peak_memory_bytes < 120_000_000


async def test_languages_are_reported_with_their_version(executor: DockerExecutor) -> None:
    python = next(language for language in await executor.languages() if language.name == "python")
    assert python.version.startswith("Python 3.")
    assert python.image_digest.startswith("sha256:")


async def test_a_large_job_passes_through(executor: DockerExecutor) -> None:
    big = b"x" * 3_000_000
    (case,) = await stdio(executor, "print(input())  #" + "c" * 1_000_000, big)
    assert case.stdout == big + b"\n"
    values: Any = [list(range(50_000))]
    facts = await call(executor, "def f(x): return [x, 0]", "f", Call((values,)))
    assert facts.cases[0].call == Returned([values, 0], (values,))
