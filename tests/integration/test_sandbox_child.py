"""A program's process is made by a fork in C, without Python's own care after one; it is an ordinary one."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator

import pytest

from sandbox.facts import Stopped
from sandbox.job import MIB, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=10, wall_seconds=60, memory_bytes=256 * MIB)


@pytest.fixture(scope="module")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


async def outputs(executor: DockerExecutor, source: str, times: int = 1) -> list[str]:
    program = Program("python", textwrap.dedent(source))
    facts = await executor.run(Job(program, StdioTests((b"",) * times), LIMITS))
    assert [case.exit_status for case in facts.cases] == [0] * times, facts.cases[0].stderr.decode()
    return [case.stdout.decode() for case in facts.cases]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            """
            import signal
            print(signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)
            print(signal.set_wakeup_fd(-1), signal.pthread_sigmask(signal.SIG_BLOCK, []))
            """,
            "True\n-1 set()\n",
            id="no handler, no wake-up descriptor, no blocked signal",
        ),
        pytest.param(
            """
            import os, signal, time
            ended = []
            signal.signal(signal.SIGCHLD, lambda *_: ended.append(os.waitpid(-1, os.WNOHANG)[1]))
            if os.fork() == 0:
                os._exit(3)
            while not ended:
                time.sleep(0.01)
            print(os.waitstatus_to_exitcode(ended[0]))
            """,
            "3\n",
            id="signals of its own children",
        ),
        pytest.param(
            """
            import signal, time
            def late(*_): raise TimeoutError
            signal.signal(signal.SIGALRM, late)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                time.sleep(5)
            except TimeoutError:
                print("late")
            """,
            "late\n",
            id="alarms",
        ),
        pytest.param(
            """
            import threading
            print(threading.current_thread() is threading.main_thread(), threading.active_count())
            found = []
            threads = [threading.Thread(target=found.append, args=(n,)) for n in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(sorted(found))
            """,
            "True 1\n[0, 1, 2, 3, 4, 5, 6, 7]\n",
            id="threads",
        ),
        pytest.param(
            """
            from concurrent.futures import ThreadPoolExecutor
            pool = ThreadPoolExecutor(4)
            pool.submit(lambda: __import__("time").sleep(0.1) or print("done"))
            """,
            "done\n",
            id="a pool of threads is waited for at the end",
        ),
        pytest.param(
            """
            import asyncio
            async def main():
                process = await asyncio.create_subprocess_exec("/bin/echo", "child", stdout=asyncio.subprocess.PIPE)
                print((await process.communicate())[0].decode().strip())
            asyncio.run(main())
            """,
            "child\n",
            id="asyncio and a child process",
        ),
        pytest.param(
            """
            import sys
            print("solution" in sys.modules, sys.argv, sys.getrecursionlimit(), sys.path[0], len(sys.path))
            """,
            "False ['/w/s/main.py'] 1020 /w/s 6\n",
            id="nothing of the launcher's rehearsal",
        ),
        pytest.param(
            """
            import os, resource
            print(os.getuid() == os.getgid() >= 10000, os.getgroups(), os.getsid(0) == os.getpid(), os.getcwd())
            print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE))
            print(sorted(map(int, os.listdir("/proc/self/fd")))[:5], open("/proc/self/oom_score_adj").read().strip())
            mask = os.umask(0)
            print(oct(mask), os.environ["HOME"], __file__)
            """,
            "True [] True /w/s\n(0, 0) (512, 512)\n[0, 1, 2, 3, 4] 1000\n0o22 /w/s /w/s/main.py\n",
            id="uid, session, limits, descriptors",
        ),
    ],
)
async def test_a_program_finds_an_ordinary_process(executor: DockerExecutor, source: str, expected: str):
    assert await outputs(executor, source) == [expected]


async def test_programs_draw_different_random_numbers(executor: DockerExecutor):
    drawn = await outputs(executor, "import random; print(random.random(), random.SystemRandom().random())", times=3)
    assert len({number for line in drawn for number in line.split()}) == 6


async def test_a_program_that_opens_its_own_output_cannot_hold_the_launcher_up(executor: DockerExecutor):
    source = """
        import os, threading
        reader = os.open("/proc/self/fd/1", os.O_RDONLY)
        def steal():
            while True: os.read(reader, 1 << 16)
        threading.Thread(target=steal, daemon=True).start()
        for _ in range(2000): os.write(1, b"x" * 100)
        os._exit(0)
    """
    assert len((await outputs(executor, source))[0]) <= 200_000
    assert await outputs(executor, "print('next')") == ["next\n"]


async def test_the_cases_of_a_job_share_compiled_code_and_nothing_else(executor: DockerExecutor):
    source = """
        import os, sys, traceback
        def where():
            return traceback.extract_stack()[-1].line
        def f(x, y=1): return x + y
        f.__defaults__ = (os.getpid(),) if f(0) == 1 else None
        for fd in (3, *range(5, 32)):  # 4 is where its own report goes
            try: os.write(fd, b"x" * 99)
            except OSError: pass
        print(f(0) == os.getpid(), where(), os.listdir("."))
    """
    assert (
        await outputs(executor, source, times=4) == ["True return traceback.extract_stack()[-1].line ['main.py']\n"] * 4
    )


async def test_a_first_case_that_ends_before_its_code_is_kept_holds_up_no_other(executor: DockerExecutor):
    # Compiling this takes more memory than there is, in each case anew.
    program = Program("python", "x = [" + "1.5, " * 2_000_000 + "]\nprint(input())")
    limits = Limits(cpu_seconds=20, wall_seconds=60, memory_bytes=64 * MIB)
    facts = await executor.run(Job(program, StdioTests((b"a", b"b")), limits))
    assert [case.stopped for case in facts.cases] == [Stopped.MEMORY, Stopped.MEMORY]
    assert await outputs(executor, "print('next')", times=2) == ["next\n"] * 2


async def test_large_sources_and_inputs_cross_whole(executor: DockerExecutor):
    for size in (1 << 20, (1 << 20) + 1, 3 << 20):
        source = "#" * (size - 20) + f"\nprint({size})"
        program = Program("python", source)
        facts = await executor.run(Job(program, StdioTests((b"",)), LIMITS))
        assert facts.cases[0].stdout == f"{size}\n".encode()
