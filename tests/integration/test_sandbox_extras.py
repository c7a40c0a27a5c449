"""A run with arguments, files and results: what a checker needs, and what it cannot be tricked into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.errors import JobRefused
from sandbox.facts import CaseFacts, Stopped
from sandbox.job import CaseExtras, Job, Limits, Program, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=10, wall_seconds=60)


@pytest.fixture(scope="module")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(2) as pool:
        yield pool


async def run(executor: DockerExecutor, source: str, *extras: CaseExtras) -> tuple[CaseFacts, ...]:
    tests = StdioTests(tuple(f"stdin {i}".encode() for i in range(len(extras))), extras)
    facts = await executor.run(Job(Program("python", source), tests, LIMITS))
    assert facts.compile.ok, facts.compile.message
    return facts.cases


async def test_every_case_has_its_own_arguments_files_and_results(executor: DockerExecutor):
    source = (
        "import sys\n"
        "text = open('judge/in.txt', 'rb').read()\n"
        "open('feedback/note.txt', 'wb').write(text[::-1])\n"
        "print(sys.argv[1:], sys.stdin.read(), text)\n"
        "sys.exit(42)\n"
    )
    first, second = await run(
        executor,
        source,
        CaseExtras(("a b", "", "é"), (("judge/in.txt", b"one\xff"),), ("feedback/note.txt", "never.txt")),
        CaseExtras(("c",), (("judge/in.txt", b"two"), ("unused", b"two")), ("feedback/note.txt",)),
    )
    assert first.stdout.decode() == "['a b', '', 'é'] stdin 0 b'one\\xff'\n"
    assert second.stdout.decode() == "['c'] stdin 1 b'two'\n"
    assert (first.exit_status, second.exit_status) == (42, 42)
    assert first.files == (("feedback/note.txt", b"\xffeno"),)
    assert second.files == (("feedback/note.txt", b"owt"),)


async def test_the_files_of_a_case_cannot_be_written_to(executor: DockerExecutor):
    (case,) = await run(executor, "open('in.txt', 'w')", CaseExtras(files=(("in.txt", b"x"),)))
    assert case.program_raised is not None
    assert case.program_raised.type_name == "PermissionError"


@pytest.mark.parametrize(
    "trick",
    [
        "os.symlink('/opt/gavel/sandbox/job.py', 'feedback/note.txt')",
        "os.rmdir('feedback'); os.symlink('/opt/gavel/sandbox', 'feedback')",
        "os.mkfifo('feedback/note.txt')",
        "os.mkdir('feedback/note.txt')",
        "os.symlink('note.txt', 'feedback/note.txt')",
        "os.chmod('feedback', 0)",
        "os.chmod('.', 0)",
    ],
)
async def test_only_an_ordinary_file_that_was_left_there_comes_back(executor: DockerExecutor, trick: str):
    results = ("feedback/note.txt", "feedback/job.py")
    bad, good = await run(
        executor,
        "import os, sys\n"
        f"if sys.stdin.read() == 'stdin 0': {trick}\n"
        "else: open('feedback/note.txt', 'w').write('well')",
        CaseExtras(results=results),
        CaseExtras(results=results),
    )
    assert (bad.files, bad.stopped) == ((), None)
    assert good.files == (("feedback/note.txt", b"well"),)


async def test_a_result_comes_back_bounded_and_after_a_time_out_too(executor: DockerExecutor):
    source = "open('note.txt', 'wb').write(b'x' * 5_000_000)\nwhile True: pass"
    tests = StdioTests((b"",), (CaseExtras(results=("note.txt",)),))
    facts = await executor.run(Job(Program("python", source), tests, Limits(cpu_seconds=0.5, wall_seconds=60)))
    assert facts.cases[0].stopped is Stopped.CPU
    assert facts.cases[0].files == (("note.txt", b"x" * 4096),)


async def test_nothing_of_a_run_is_left_for_the_next(executor: DockerExecutor):
    await run(executor, "open('left.txt', 'w')", CaseExtras(files=(("secret/in.txt", b"x"),)))
    (case,) = await run(executor, "import os; print(os.listdir('.'))", CaseExtras(("x",)))
    assert case.stdout == b"['main.py']\n"


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../x", "", "a//b", "./a", "a\0b", "x\ny", "é" * 200])
async def test_a_path_out_of_the_work_directory_is_refused(executor: DockerExecutor, path: str):
    for extras in (CaseExtras(files=((path, b""),)), CaseExtras(results=(path,))):
        with pytest.raises(JobRefused, match="path"):
            await run(executor, "pass", extras)


@pytest.mark.parametrize("paths", [("a", "a/b"), ("a", "a"), ("main.py",), ("main.py/a",)])
async def test_two_files_of_one_path_are_refused(executor: DockerExecutor, paths: tuple[str, ...]):
    with pytest.raises(JobRefused, match="one path"):
        await run(executor, "pass", CaseExtras(files=tuple((path, b"") for path in paths)))


async def test_jobs_that_avoid_each_others_slot_all_come_to_their_end(executor: DockerExecutor):
    async def one(number: int) -> None:
        apart_from = f"slot-{number % 2}"
        facts = await executor.run(Job(Program("python", "pass"), StdioTests((b"",)), LIMITS), None, apart_from)
        assert facts.slot != apart_from

    await asyncio.gather(*map(one, range(12)))
