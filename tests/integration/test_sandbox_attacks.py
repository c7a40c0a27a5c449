"""Programs that attack the slot or the test. None is taken for right, none is an error of ours, none leaves a trace."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.classify import Ending, classify
from sandbox.facts import CaseFacts
from sandbox.job import AssertTests, Call, CallTests, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=1.0, wall_seconds=8.0, memory_bytes=128 * 1024 * 1024, output_bytes=100_000, processes=32)

SLEEPER_LIMITS = replace(LIMITS, cpu_seconds=0.5, wall_seconds=1.5)


@pytest.fixture(scope="module")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


async def stdio(executor: DockerExecutor, source: str, limits: Limits = LIMITS) -> CaseFacts:
    """One run, and after it an honest one in the only slot, which must find nothing."""
    facts = await executor.run(Job(Program("python", textwrap.dedent(source)), StdioTests((b"in",)), limits))
    await assert_next_is_fine(executor)
    return facts.cases[0]


PROBE = """
import os
print(input(), os.listdir("."), [os.listdir(p) for p in ("/tmp", "/dev/shm", "/dev/mqueue")])
others = [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())]
uids = [int(open(f"/proc/{p}/status").read().split("Uid:")[1].split()[0]) for p in others]
print(uids.count(0), [uid for uid in uids if uid and uid != TEST_UID])
"""
"""Who is there beside PID 1 and this program: the supervisor and the standing test process, nobody else."""


async def assert_next_is_fine(executor: DockerExecutor) -> None:
    probe = "import os\nTEST_UID = (os.getuid() - 10_000) // 64 * 64 + 10_032\n" + PROBE
    (case,) = (await executor.run(Job(Program("python", probe), StdioTests((b"honest",)), LIMITS))).cases
    assert case.stdout == b"honest ['main.py'] [[], [], []]\n1 []\n", case


LIMIT_ATTACKS: dict[str, tuple[str, Ending]] = {
    "endless loop": ("while True: pass", Ending.TIME_LIMIT),
    "endless loop in children": (
        "import os\nos.fork(); os.fork()\nwhile True: pass",
        Ending.TIME_LIMIT,
    ),
    "loop that ignores every signal": (
        (
            "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
            "    except (OSError, ValueError): pass\nwhile True: pass"
        ),
        Ending.TIME_LIMIT,
    ),
    "sleeper": ("import time; time.sleep(1000)", Ending.TIME_LIMIT),
    "child that works while its parent sleeps": (
        "import os, time\nif os.fork():\n    time.sleep(1000)\nos.setsid()\nwhile True: pass",
        Ending.TIME_LIMIT,
    ),
    "memory at once": ("x = b'x' * 10**9", Ending.MEMORY_LIMIT),
    "memory bit by bit": ("x = []\nwhile True: x.append('x' * 10**5 + str(len(x)))", Ending.MEMORY_LIMIT),
    "memory in children": (
        (
            "import os, time\nfor i in range(8):\n    if os.fork() == 0:\n        x = b'x' * 40_000_000\n"
            "        time.sleep(100)\ntime.sleep(100)"
        ),
        Ending.MEMORY_LIMIT,
    ),
    "memory that swallows MemoryError": (
        "x = []\nwhile True:\n    try: x.append(bytearray(10**7))\n    except MemoryError: pass",
        Ending.MEMORY_LIMIT,
    ),
    "output flood": ("while True: print('x' * 1000)", Ending.OUTPUT_LIMIT),
    "output flood of a child": (
        "import os, time\nif os.fork():\n    time.sleep(1000)\nwhile True: os.write(1, b'x' * 1000)",
        Ending.OUTPUT_LIMIT,
    ),
    "output just over the limit": ("print('x' * 100_000)", Ending.OUTPUT_LIMIT),
    "error flood": ("import sys\nwhile True: sys.stderr.write('x' * 1000)", Ending.TIME_LIMIT),
    "crash": ("import ctypes; ctypes.string_at(0)", Ending.RUNTIME_ERROR),
    "broken report": ("import os; os.write(4, b'{')", Ending.VIOLATION),
    "report flood": ("import os\nwhile True: os.write(4, b'x' * 65536)", Ending.TIME_LIMIT),
}


@pytest.mark.parametrize("name", LIMIT_ATTACKS)
async def test_limits_hold(executor: DockerExecutor, name: str) -> None:
    source, ending = LIMIT_ATTACKS[name]
    limits = SLEEPER_LIMITS if "sleep" in source and ending is Ending.TIME_LIMIT else LIMITS
    case = await stdio(executor, source, limits)
    assert classify(case) is ending, case


async def test_recursion_in_c_ends_the_program_and_not_the_slot(executor: DockerExecutor) -> None:
    source = "import sys; sys.setrecursionlimit(10**8)\nx = ()\nfor _ in range(2 * 10**6): x = (x,)\nisinstance(1, x)"
    case = await stdio(executor, source, Limits(cpu_seconds=20, wall_seconds=60, memory_bytes=128 << 20))
    assert classify(case) is Ending.MEMORY_LIMIT, "the stack may be as large as the memory limit, and no larger"


@pytest.mark.parametrize(
    "source",
    [
        "import os\nwhile True: os.fork()",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        (
            "import os, signal\nfor _ in range(8):\n    if os.fork() == 0: break\n"
            "while True:\n    try: os.kill(-1, 9)\n    except OSError: pass\n    os.fork()"
        ),
        (
            "import os\nfor _ in range(20):\n    if os.fork() == 0:\n        os.setsid()\n"
            "        while os.fork() == 0: pass\n"
            "        os._exit(0)"
        ),
        "import threading, time\nfor _ in range(1000): threading.Thread(target=time.sleep, args=(100,)).start()",
    ],
)
async def test_the_job_after_a_fork_bomb_finds_a_clean_slot(executor: DockerExecutor, source: str) -> None:
    count = "import os\nprint(sum(name.isdigit() for name in os.listdir('/proc')))"
    before = await stdio(executor, count)
    bomb = await stdio(executor, source)
    assert bomb.stdout == b""
    after = await stdio(executor, count)
    assert classify(after) is Ending.OK
    assert int(after.stdout) == int(before.stdout)


async def test_daemons_are_ended_and_counted(executor: DockerExecutor) -> None:
    case = await stdio(
        executor,
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1000)
            os._exit(0)
        os.wait()
        print("done")
        """,
    )
    assert (classify(case), case.stdout, case.leftover_processes) == (Ending.OK, b"done\n", 1)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nfor i in range(20_000): open(f'/tmp/{i}', 'w').close()",
        "open('/tmp/big', 'wb').write(b'x' * 10**9)",
        (
            "import os\nd = os.open('.', os.O_RDONLY)\nfor i in range(3000):\n    os.mkdir('d', dir_fd=d)\n"
            "    d, old = os.open('d', os.O_RDONLY, dir_fd=d), d\n    os.close(old)"
        ),
        "import os\nos.mkdir('/tmp/a'); os.symlink('/', '/tmp/a/root'); os.chmod('/tmp/a', 0)",
        "import os\nos.mkfifo('/tmp/f'); os.symlink('/etc', '/dev/shm/x'); os.rename('main.py', '/tmp/main.py')",
        "from multiprocessing import shared_memory as s\ns.SharedMemory('left', True, 4096)",
        "open('/dev/mqueue/q', 'w')",
        "import os\nos.rmdir; os.unlink('main.py'); os.chmod('.', 0)",
    ],
)
async def test_what_is_written_is_wiped(executor: DockerExecutor, source: str) -> None:
    await stdio(executor, source)


FORBIDDEN = {
    "become root": "import os; os.setuid(0)",
    "signal the launcher": "import os; os.kill(1, 9)",
    "signal the supervisor": "import os\nfor p in range(2, 99):\n"
    "    try: os.kill(p, 9)\n    except ProcessLookupError: pass",
    "read the launcher's memory": "open('/proc/1/mem', 'rb')",
    "list the launcher's descriptors": "import os; os.listdir('/proc/1/fd')",
    "list the work directories": "import os; os.listdir('/w')",
    "write the root file system": "open('/usr/lib/python3.11/sitecustomize.py', 'w')",
    "write the launcher": "open('/opt/gavel/sandbox/values.py', 'w')",
    "mount": "import ctypes\nif ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, 0): raise OSError",
    "trace": "import ctypes\nif ctypes.CDLL(None).ptrace(16, 1, 0, 0): raise OSError",
    "system V shared memory": "import ctypes\nif ctypes.CDLL(None).shmget(1, 4096, 0o1666) < 0: raise OSError",
    "message queue": "import ctypes\nif ctypes.CDLL('librt.so.1').mq_open(b'/q', 66, 0o600, 0) < 0: raise OSError",
    "new namespaces": "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000): raise OSError",
    "io_uring": "import ctypes\nif ctypes.CDLL(None).syscall(425, 8, 0) < 0: raise OSError",
    "internet socket": "import socket; socket.socket()",
    "netlink": "import socket; socket.socket(socket.AF_NETLINK)",
    "raise a limit": "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (10**5, 10**5))",
    "undo its oom score": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "devices": "import os; os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))",
}


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_what_no_program_needs_fails(executor: DockerExecutor, name: str) -> None:
    case = await stdio(executor, FORBIDDEN[name] + "\nprint('it worked')")
    assert case.stdout == b"", case
    assert classify(case) is Ending.RUNTIME_ERROR
    assert case.program_raised is not None
    assert case.program_raised.type_name in ("PermissionError", "OSError", "ValueError"), case.program_raised


async def test_only_the_wiped_places_can_be_written(executor: DockerExecutor) -> None:
    case = await stdio(
        executor,
        """
        import os
        for root, dirs, files in os.walk("/"):
            if root.startswith(("/proc", "/sys")):
                dirs.clear()
                continue
            try:
                open(root + "/probe", "w").close()
            except OSError:
                continue
            print(root)
        """,
        Limits(cpu_seconds=20, wall_seconds=60),
    )
    assert sorted(case.stdout.decode().split()) == ["/dev/mqueue", "/dev/shm", "/tmp"]  # /w/s cannot be found from /w


async def test_the_environment_holds_nothing_but_its_own(executor: DockerExecutor) -> None:
    case = await stdio(executor, "import os; print(sorted(os.environ), os.listdir('/proc/self/fd'))")
    assert b"GAVEL" not in case.stdout
    assert b"SECRET" not in case.stdout
    assert case.stdout.endswith(b"['0', '1', '2', '3', '4']\n")  # 3 is the listing itself, 4 the report


SECRET = "83927465"
SPLIT_CASE = f"assert f(3) == {SECRET}"
TEST_ATTACKS: dict[str, str] = {
    "an object that equals everything": "class E:\n    __eq__ = lambda s, o: True\ndef f(x): return E()",
    "an int that equals everything": "class E(int):\n    __eq__ = lambda s, o: True\n    __hash__ = None\n"
    "def f(x): return E(1)",
    "sys.exit": "import sys\ndef f(x): sys.exit(0)",
    "os._exit": "import os\ndef f(x): os._exit(0)",
    "os._exit while loading": "import os\nos._exit(0)\ndef f(x): pass",
    "exit while loading": "exit(0)\ndef f(x): pass",
    "a BaseException": "class B(BaseException): pass\ndef f(x): raise B",
    "SystemExit of its own": "class S(SystemExit): pass\ndef f(x): raise S(0)",
    "frames": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for v in [*frame.f_locals.values(), *frame.f_globals.values()]:\n"
    f"            if v == {SECRET[0]} * 10**7 + {SECRET[1:]}: return v\n        frame = frame.f_back",
    "gc": "import gc\ndef f(x):\n    for o in gc.get_objects():\n        if 'assert f' in repr(o)[:10**4]:\n"
    "            return int(repr(o).split('== ')[1][:8])",
    "patched builtins": "import builtins\nbuiltins.AssertionError = Exception\nbuiltins.int = lambda *a: 1\n"
    "def f(x): return 1",
    "patched json": 'import json\njson.dumps = lambda *a, **k: \'["l",["value",83]]\'\ndef f(x): return 1',
    "report of completion": 'import os\nos.write(4, b\'{"completed": true, "message": ""}\')\ndef f(x): os._exit(0)',
    "report, then answer": "import os\nos.write(4, b'{\"completed\": true}')\ndef f(x): return 1",
    "nonsense on the channel": "import os\nos.write(5, b'\\xff' * 100)\ndef f(x): return 1",
    "forged ready": 'import os\nos.write(5, b\'\\0\\0\\0\\x1a["l",["ready",["l",["f"]]]]\')\ndef f(x): return 1',
    "endless message": "import os\ndef f(x):\n    os.write(5, b'\\0\\x90\\0\\0')\n"
    "    while True: os.write(5, b'x' * 4096)",
    "killing the test": "import os\ndef f(x):\n    for p in range(2, 200):\n        try: os.kill(p, 9)\n"
    "        except OSError: pass\n    return 1",
    "reading the test's memory": "import os\ndef f(x):\n    for p in os.listdir('/proc'):\n        if p.isdigit():\n"
    "            try: return int(open(f'/proc/{p}/mem').read()[:8])\n            except OSError: pass\n    return 1",
    "reading the test's directory": "import os\ndef f(x):\n    try: return os.listdir('/w/t')\n"
    "    except OSError: return 1",
    "a name that is a built-in": "def int(x): return 83927465\ndef f(x): return 1",
    "endless iterator": "import itertools\ndef f(x): return itertools.count()",
    "a value that holds itself": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "a deep exception": "def f(x): return f(x)",
    "an exception class with hostile text": "class X(Exception):\n    def __str__(s): raise SystemExit\n"
    "def f(x): raise X",
    "a hostile descriptor": "class M(type):\n    def __getattribute__(c, n): raise SystemExit\n"
    "class H(metaclass=M):\n    def __getattribute__(s, n): raise SystemExit\ndef f(x): return H()",
    "a truth that lies": "class T:\n    def __bool__(s): return True\n    def __ne__(s, o): return False\n"
    "def f(x): return T()",
    "closing everything": "import os\nos.closerange(0, 100)\ndef f(x): return 1",
    "forking in a call": "import os\ndef f(x):\n    os.fork()\n    return 1",
}


@pytest.mark.parametrize("name", TEST_ATTACKS)
async def test_no_attack_completes_a_split_test(executor: DockerExecutor, name: str) -> None:
    tests = AssertTests((SPLIT_CASE, f"try:\n    assert f(3) == {SECRET}\nexcept KeyError:\n    pass"))
    facts = await executor.run(Job(Program("python", TEST_ATTACKS[name]), tests, LIMITS))
    assert len(facts.cases) == 2
    assert not any(case.assert_completed for case in facts.cases), facts
    await assert_next_is_fine(executor)


@pytest.mark.parametrize("name", ["sys.exit", "os._exit", "os._exit while loading", "exit while loading",
                                  "report of completion", "report, then answer", "a BaseException"])  # fmt: skip
async def test_common_attacks_do_not_complete_a_shared_test(executor: DockerExecutor, name: str) -> None:
    tests = AssertTests((SPLIT_CASE,), shared=True)
    (case,) = (await executor.run(Job(Program("python", TEST_ATTACKS[name]), tests, LIMITS))).cases
    assert not case.assert_completed
    await assert_next_is_fine(executor)


@pytest.mark.parametrize(
    "source",
    [
        "import os\ndef f(): os._exit(0)",
        "import os\nos._exit(0)",
        "import os\ndef f():\n    os.write(4, b'[' * 10**5)\n    os._exit(0)",
        'import os\ndef f():\n    os.write(4, b\'{"value": 5, "args": []}\')\n    os._exit(0)',
        "import os\nos.close(4)\ndef f(): return 1",
    ],
)
async def test_a_call_that_cheats_its_report_has_no_result(executor: DockerExecutor, source: str) -> None:
    facts = await executor.run(Job(Program("python", source), CallTests("f", (Call(),)), LIMITS))
    assert facts.cases[0].call is None
    assert classify(facts.cases[0]) in (Ending.VIOLATION, Ending.RUNTIME_ERROR)
    await assert_next_is_fine(executor)


async def test_an_object_does_not_judge_what_is_expected_of_it(executor: DockerExecutor) -> None:
    source = "class Yes:\n    def issubset(self, other): return True\n    startswith = issubset\ndef f(): return Yes()"
    tests = AssertTests(("assert f().issubset({1, 2})", "assert f().startswith('a')"))
    facts = await executor.run(Job(Program("python", source), tests, LIMITS))
    assert [case.assert_completed for case in facts.cases] == [False, False]


async def test_colliding_hashes_do_not_hold_up_the_reader(executor: DockerExecutor) -> None:
    source = "def f(): return {n * (2**61 - 1) for n in range(300)}"
    facts = await executor.run(Job(Program("python", source), CallTests("f", (Call(),)), LIMITS))
    assert facts.cases[0].call is None
    assert classify(facts.cases[0]) is Ending.VIOLATION


async def test_the_uids_change_from_case_to_case(executor: DockerExecutor) -> None:
    job = Job(Program("python", "import os; print(os.getuid(), os.getgroups())"), StdioTests((b"",) * 3), LIMITS)
    seen = [case.stdout for case in (await executor.run(job)).cases]
    assert len(set(seen)) == 3
    assert all(line.endswith(b" []\n") and not line.startswith(b"0 ") for line in seen)
