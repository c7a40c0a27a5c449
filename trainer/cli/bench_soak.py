"""``gavel bench soak``: many submissions, some hostile, through a real server; none misjudged, nothing left over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

import trainer.bench
from reward_server.client import AsyncRewardClient, Completion, Group, Limits, Verdict
from reward_server.local import LocalServer
from trainer.cli.options import runtime_option
from trainer.errors import InputError

_GROUP = 8
_IN_FLIGHT = 4
"""Groups sent at one time."""
_SAMPLES = 20
_MAX_GROWTH = 0.2
"""Of resident memory and of descriptors, from the end of the first fifth to the end."""
_GROWS = (("server_bytes", 32 << 20), ("container_bytes", 32 << 20), ("server_files", 16))
"""Fields of :class:`Sample`, and what they may grow by besides."""
_TIMEOUT_SECONDS = 600.0
_LIMITS = Limits(cpu_seconds=0.5, wall_seconds=10.0, memory_bytes=128 << 20)

EPILOG = """\b
Examples:
  gavel bench soak --count 2000
  gavel bench soak --count 20000 --hostile 0.1 --json
\b
The exit status is 1 if a verdict was wrong or missing, or a process, container, descriptor, temporary file or memory
was left behind.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """The server and its containers at one moment."""

    done: int
    server_bytes: int
    server_files: int
    container_bytes: int
    """Memory of all of its containers, as the engine counts it."""


@dataclass
class Report:
    """What came of it."""

    count: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def _mix(n: int) -> list[int]:
    return [(n * 7919 + k * 31337) % 1009 for k in range(3)]


_HONEST = "def mix(n):\n    return [(n * 7919 + k * 31337) % 1009 for k in range(3)]\n"
_WRONG = "def mix(n):\n    return [(n * 7919 + k * 31337) % 1013 for k in range(3)]\n"


def _params(form: str) -> dict[str, Any]:
    """The task in one form of test."""
    if form == "calls":
        cases: list[Any] = [{"args": [n], "expected": _mix(n)} for n in (12, 90001)]
        return {"form": "calls", "entry_point": "mix", "cases": cases}
    if form == "stdio":
        cases = [{"stdin": f"{n}\n", "stdout": " ".join(map(str, _mix(n)))} for n in (12, 90001)]
        return {"form": "stdio", "cases": cases}
    body = "".join(f"    assert candidate({n}) == {_mix(n)}\n" for n in (12, 90001))
    return {
        "form": "asserts",
        "entry_point": "mix",
        "preamble": f"def check(candidate):\n{body}",
        "cases": ["check(mix)"],
    }


def _hostile() -> list[tuple[str, str]]:
    path = Path(trainer.bench.__path__[0]) / "hostile.toml"
    return [(entry["name"], entry["source"]) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["hostile"]]


def _groups(count: int, share: float, seed: int) -> list[tuple[Group, list[tuple[str, bool]]]]:
    """Groups of completions, and for each completion its name and whether it must pass."""
    chance = random.Random(seed)  # noqa: S311  # the same soak each time
    hostile = _hostile()
    found = []
    for first in range(0, count, _GROUP):
        form = chance.choice(("asserts", "calls", "stdio"))
        main = "print(*mix(int(input())))\n" if form == "stdio" else ""
        members: list[tuple[str, bool]] = []
        completions = []
        for _ in range(min(_GROUP, count - first)):
            drawn = chance.random()
            if drawn < share:
                name, source = chance.choice(hostile)
            else:
                name, source = ("honest", _HONEST) if drawn < (1 + share) / 2 else ("wrong", _WRONG)
            members.append((name, name == "honest"))
            completions.append(Completion(f"```python\n{source}\n{main}```"))
        found.append((Group("code", _params(form), completions, limits=_LIMITS), members))
    return found


@click.command(epilog=EPILOG)
@click.option("--count", default=20_000, show_default=True, type=click.IntRange(1), help="Submissions.")
@click.option("--hostile", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="Share that attacks.")
@click.option("--slots", type=click.IntRange(1), help="Sandbox slots.  [default: the cores and a quarter]")
@click.option("--seed", default=0, show_default=True, help="Of the order.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@runtime_option
def command(count: int, hostile: float, slots: int | None, seed: int, as_json: bool, runtime: str | None) -> int:
    """Send many submissions, some hostile, through a server of its own, and look for what is left of them."""
    if shutil.which("docker") is None:
        raise InputError("docker is needed to look at the containers, and is not on PATH")
    report = Report(count)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, _as_temporary_folder(folder):
        with LocalServer(slots=slots, runtime=runtime, require_sandbox=True) as server:
            pid = server.pid
            asyncio.run(_soak(report, server, _groups(count, hostile, seed)))
        report.problems += [f"temporary file {path.name} is still there" for path in Path(folder).iterdir()]
    report.seconds = time.monotonic() - started
    _check_growth(report)
    report.problems += [f"process {left} of the server is still there" for left in _session(pid)]
    report.problems += [f"container {name} is still there" for name in _containers(pid)]
    click.echo(json.dumps(asdict(report), indent=1)) if as_json else _print(report)
    return 1 if report.problems else 0


async def _soak(report: Report, server: LocalServer, groups: list[tuple[Group, list[tuple[str, bool]]]]) -> None:
    waiting = iter(groups)
    done = 0
    next_look = 0.0
    # Calls that may be repeated have their answers kept for ten minutes, which would look like a leak.
    async with AsyncRewardClient(server.address, retry_seconds=0.0) as client:

        async def work() -> None:
            nonlocal done, next_look
            for group, members in waiting:
                [result] = await client.score([group], timeout=_TIMEOUT_SECONDS)
                for (name, passes), verdict in zip(members, result.verdicts, strict=True):
                    _judge(report, name, passes, verdict)
                done += len(members)
                if done >= next_look:
                    next_look += report.count / _SAMPLES
                    report.samples.append(await asyncio.to_thread(_sample, done, server.pid))
                    sys.stderr.write(f"\r{done} of {report.count}, {len(report.problems)} problems ")
                    sys.stderr.flush()

        await asyncio.gather(*(work() for _ in range(_IN_FLIGHT)))
    report.samples.append(_sample(done, server.pid))
    sys.stderr.write("\n")
    if done != report.count:
        report.problems.append(f"{done} of {report.count} were answered")


def _judge(report: Report, name: str, passes: bool, verdict: Verdict) -> None:
    kind = name if name in ("honest", "wrong") else "hostile"
    if verdict.error is not None:
        report.outcomes[f"{kind}: not scored"] += 1
        report.problems.append(f"{name}: {verdict.error}")
        return
    report.outcomes[f"{kind}: {verdict.outcome}"] += 1
    if verdict.passed is not passes:
        report.problems.append(f"{name}: {verdict.outcome} {verdict.diagnostics[-200:]}")


def _sample(done: int, pid: int) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(done, resident, files, sum(map(_container_bytes, _containers(pid))))


def _container_bytes(container: str) -> int:
    """Resident memory of all processes in ``container``; 0 for one that is being replaced."""
    found = subprocess.run(
        ["docker", "top", container, "-o", "pid,rss"], capture_output=True, text=True, check=False, timeout=60
    )
    return sum(int(line.split()[1]) * 1024 for line in found.stdout.splitlines()[1:])


def _containers(pid: int) -> list[str]:
    """Names of the sandbox containers of the server ``pid``; others may use the same engine."""
    filters = f"--filter label=gavel=sandbox --filter label=gavel.owner-pid={pid}".split()
    command = ["docker", "ps", "--all", *filters, "--format", "{{.Names}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def _session(pid: int) -> list[int]:
    """Processes in the session that the server ``pid`` began."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end while we look
            if int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[3]) == pid:
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def _as_temporary_folder(folder: str) -> Iterator[None]:
    """Whatever is started inside puts its temporary files there."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _check_growth(report: Report) -> None:
    """Compare the end with the state after the first fifth, when caches are warm and slots have been replaced once."""
    warm = [sample for sample in report.samples if sample.done >= report.count / 5][:3]
    end = report.samples[-3:]
    for what, slack in _GROWS:
        before = max(getattr(sample, what) for sample in warm)
        after = min(getattr(sample, what) for sample in end)
        if after > before * (1 + _MAX_GROWTH) + slack:
            report.problems.append(f"{what.replace('_', ' ')} grew from {before} to {after}")


def _print(report: Report) -> None:
    click.echo(f"{report.count} submissions in {report.seconds:.0f} s ({report.count / report.seconds:.0f}/s)")
    for outcome, count in sorted(report.outcomes.items()):
        click.echo(f"  {count:6}  {outcome}")
    click.echo("     done   server MiB   descriptors   containers MiB")
    for sample in report.samples[:: max(1, len(report.samples) // 8)]:
        sizes = f"{sample.server_bytes / 2**20:12.0f}{sample.server_files:14}{sample.container_bytes / 2**20:17.0f}"
        click.echo(f"  {sample.done:7}{sizes}")
    for problem in report.problems[:20]:
        click.echo(f"PROBLEM  {problem}")
    click.echo(f"{len(report.problems)} problems")
