"""The usual ways to run untrusted programs, each with a worker per core: a subprocess per test, a fork per sample
inside one interpreter, and ``docker run --rm`` per submission."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trainer.bench import harness
from trainer.bench.workloads import Submission
from trainer.errors import InputError

PYTHON = "/usr/bin/python3"
"""The plainest interpreter of the machine: one found on PATH may be a slow shim."""
DOCKER_RUN = tuple("docker run --rm --network none --label gavel=bench --tmpfs /tmp:exec".split())
COMPILE = ("g++", "-O2", "-std=c++17")
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One contestant's run over some submissions."""

    seconds: float
    latencies: list[float]
    """Seconds from start to verdict of each, in order."""
    passed: list[bool]


def check_tools(needs_cpp: bool) -> None:
    """Raises InputError if a program that the alternatives need is not there."""
    for tool in (PYTHON, "docker", *((COMPILE[0],) if needs_cpp else ())):
        if shutil.which(tool) is None:
            raise InputError(f"{tool} is needed for the comparison and is not on this machine")


def by_subprocess(submissions: Sequence[Submission], workers: int) -> Measured:
    """(a) A plain, unprotected ``subprocess.run`` per test."""
    return _in_threads(_subprocess_passes, submissions, workers)


def by_fork(submissions: Sequence[Submission], workers: int) -> Measured:
    """(b) ``harness.py``: a fork per sample, tests inside. Python only."""
    keys = ("source", "test", "entry_point", "cases")
    jobs = json.dumps([{key: getattr(submission, key) for key in keys} for submission in submissions])
    done = subprocess.run(
        [PYTHON, "-I", harness.__file__, str(workers)],
        input=jobs,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS + len(submissions),
        check=True,
    )
    return Measured(**json.loads(done.stdout))


def by_docker_run(image: str, runtime: str | None = None) -> Callable[[Sequence[Submission], int], Measured]:
    """(c) A container per submission: ``docker run --rm`` of ``image``; all of its tests run in it."""
    docker_run = [*DOCKER_RUN, *(() if runtime is None else ("--runtime", runtime))]

    def measure(submissions: Sequence[Submission], workers: int) -> Measured:
        return _in_threads(lambda submission: _docker_passes(docker_run, image, submission), submissions, workers)

    return measure


def _in_threads(passes: Callable[[Submission], bool], submissions: Sequence[Submission], workers: int) -> Measured:
    def timed(submission: Submission) -> tuple[bool, float]:
        started = time.perf_counter()
        return passes(submission), time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(timed, submissions))
    seconds = time.perf_counter() - started
    return Measured(seconds, [took for _, took in found], [ok for ok, _ in found])


def _subprocess_passes(submission: Submission) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main"
        if submission.language == "cpp":
            source = path.with_suffix(".cpp")
            source.write_text(submission.source, encoding="utf-8")
            if subprocess.run([*COMPILE, "-o", str(path), str(source)], check=False, capture_output=True).returncode:
                return False
            command = [str(path)]
        else:
            path.write_text(_whole(submission), encoding="utf-8")
            command = [PYTHON, "-I", str(path)]
        return all(_prints(command, stdin, expected) for stdin, expected in submission.cases or (("", ""),))


def _whole(submission: Submission) -> str:
    if not submission.test:
        return submission.source
    return f"{submission.source}\n{submission.test}\ncheck({submission.entry_point})\n"


def _prints(command: list[str], stdin: str, expected: str) -> bool:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    return done.returncode == 0 and (not expected or done.stdout.split() == expected.split())


_IN_CONTAINER = """set -e
if [ -e /job/main.cpp ]; then {compile} -o /tmp/main /job/main.cpp; run=/tmp/main; else run="python3 -I /job/main"; fi
for test in /job/*.in; do $run < $test; echo; echo "== next"; done
"""


def _docker_passes(docker_run: Sequence[str], image: str, submission: Submission) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        cases = submission.cases or (("", ""),)
        main = "main.cpp" if submission.language == "cpp" else "main"
        (folder / main).write_text(_whole(submission), encoding="utf-8")
        for index, (stdin, _) in enumerate(cases):
            (folder / f"{index:04}.in").write_text(stdin, encoding="utf-8")
        script = _IN_CONTAINER.format(compile=" ".join(COMPILE))
        done = subprocess.run(
            [*docker_run, "--volume", f"{name}:/job:ro", "--entrypoint", "/bin/sh", image, "-c", script],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        outputs = done.stdout.split("== next\n")[:-1]
        if done.returncode != 0 or len(outputs) != len(cases):
            return False
        return all(not wanted or got.split() == wanted.split() for got, (_, wanted) in zip(outputs, cases, strict=True))
