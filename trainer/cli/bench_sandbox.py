"""``gavel bench sandbox``: this server's sandbox against the usual ways to run programs, on the same tests."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from reward_server.verdict import Outcome
from reward_server.verifiers.base import Candidate
from reward_server.verifiers.code import CodeVerifier
from sandbox.executor import Observer, cores, default_slots
from sandbox.facts import RunFacts
from sandbox.job import Job, Limits
from sandbox.pool import DockerExecutor
from trainer.bench import alternatives, workloads
from trainer.bench.alternatives import Measured
from trainer.bench.workloads import Submission, Workload
from trainer.cli.options import runtime_option

WORKLOADS = ("asserts", "stdio", "cpp", "group")
OURS = "gavel"
_DOCKER_RUNS = 4
"""Submissions per round that the slowest contestant gets: each costs it a third of a second or more."""
_SETTLE_SECONDS = 1.0
"""Before each contestant: an engine goes on clearing up after its containers are gone."""
_LIMITS = Limits(cpu_seconds=10.0, wall_seconds=60.0)

EPILOG = """\b
Examples:
  gavel bench sandbox
  gavel bench sandbox --only asserts --data ../data/humaneval --rounds 5
  gavel bench sandbox --json > bench.json
\b
Every contestant judges the same programs in the same rounds, in turn, so that a busy machine hits all
alike; the others have one worker per core. "x" is our throughput divided by theirs in the same round:
the median, and the range. The test sources come again in every round, the programs never do.
The exit status is 1 if a verdict of ours was wrong.
"""

Contestant = Callable[[Sequence[Submission], int], Awaitable[Measured]]


@dataclass
class Stages:
    """Seconds of our submissions, in all, by what they were spent on."""

    queue: float = 0.0
    compile: float = 0.0
    run: float = 0.0
    """From the fork of a case to its end."""
    transfer_and_clean: float = 0.0
    """What a slot was held for besides: the way there and back, the clean-up between cases."""
    extract_and_compare: float = 0.0

    def shares(self) -> dict[str, float]:
        """Of the whole."""
        whole = sum(vars(self).values())
        return {name: seconds / whole for name, seconds in vars(self).items()} if whole else {}


class TimedExecutor(DockerExecutor):
    """Keeps account of its jobs' stages."""

    def __init__(self, slots: int, runtime: str | None = None) -> None:
        super().__init__(slots, runtime=runtime)
        self.reset()

    def reset(self) -> None:
        """Begin the account anew."""
        self.stages = Stages()
        self.held = 0.0
        """Seconds spent in here, by all jobs."""

    async def run(self, job: Job, observe: Observer | None = None, apart_from: str = "") -> RunFacts:
        """See :class:`sandbox.executor.Executor`."""
        started = time.perf_counter()
        facts = await super().run(job, observe, apart_from)
        took = time.perf_counter() - started
        compiling = 0.0 if facts.compile.cached else facts.compile.seconds
        running = sum(case.usage.wall_seconds for case in facts.cases)
        self.stages.queue += facts.queue_seconds
        self.stages.compile += compiling
        self.stages.run += running
        self.stages.transfer_and_clean += max(0.0, took - facts.queue_seconds - compiling - running)
        self.held += took
        return facts


@dataclass
class Result:
    """One contestant on one workload, over all rounds."""

    rates: list[float] = field(default_factory=list)
    """Submissions per second, by round."""
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    ratios: list[float] = field(default_factory=list)
    """Our rate divided by this one's, by round."""

    def add(self, submissions: Sequence[Submission], measured: Measured) -> None:
        """Take in one round."""
        self.rates.append(len(submissions) / measured.seconds)
        self.latencies += measured.latencies
        self.wrong += sum(s.passes is not ok for s, ok in zip(submissions, measured.passed, strict=True))


@click.command(epilog=EPILOG)
@click.option("--only", "names", multiple=True, type=click.Choice(WORKLOADS), help="Only this; may be repeated.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with HumanEval.jsonl[.gz], for asserts.")
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1), help="Each contestant runs once in each."
)
@click.option(
    "--slots",
    type=click.IntRange(1),
    help="Sandbox slots.  [default: the cores and a quarter]",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@runtime_option
def command(
    names: tuple[str, ...], data: Path | None, rounds: int, slots: int | None, as_json: bool, runtime: str | None
) -> int:
    """Measure the sandbox against an unprotected subprocess per test, a fork per sample, and a container per
    submission.
    """
    wanted = names or WORKLOADS
    made = {"asserts": lambda: workloads.asserts(data), "stdio": workloads.stdio}
    made |= {"cpp": workloads.cpp, "group": workloads.group}
    chosen = [made[name]() for name in WORKLOADS if name in wanted]
    alternatives.check_tools(any(s.language == "cpp" for workload in chosen for s in workload.submissions))
    report = asyncio.run(_measure(chosen, rounds, slots or default_slots(), runtime))
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _print(report, chosen)
    return 1 if any(entry["contestants"][OURS]["wrong"] for entry in report["workloads"].values()) else 0


async def _measure(chosen: Sequence[Workload], rounds: int, slots: int, runtime: str | None) -> dict[str, Any]:
    executor = TimedExecutor(slots, runtime)
    workers = cores()
    await executor.start()
    try:
        image = (await executor.languages())[0].image_digest
        by_docker_run = _in_thread(alternatives.by_docker_run(image, runtime))
        found = {
            workload.name: await _rounds(workload, executor, by_docker_run, rounds, workers) for workload in chosen
        }
    finally:
        await executor.close()
    return {
        "workers": workers,
        "slots": slots,
        "rounds": rounds,
        "image": image,
        "runtime": runtime,
        "workloads": found,
    }


async def _rounds(
    workload: Workload, timed: TimedExecutor, by_docker_run: Contestant, rounds: int, workers: int
) -> dict[str, Any]:
    contestants = _contestants(workload, timed, by_docker_run)
    results = {name: Result() for name in contestants}
    await contestants[OURS](workload.submissions[: timed.slots], workers)  # whatever is made only once
    timed.reset()
    for turn in range(rounds):
        sys.stderr.write(f"\r{workload.title}: round {turn + 1} of {rounds}  ")
        sys.stderr.flush()
        for name, contest in contestants.items():
            given = _fresh(workload, f"round {turn}")
            given = given[:_DOCKER_RUNS] if name == "docker run" else given
            await asyncio.sleep(_SETTLE_SECONDS)
            results[name].add(given, await contest(given, workers))
        for result in results.values():
            result.ratios.append(results[OURS].rates[-1] / result.rates[-1])
    sys.stderr.write("\n")
    described = {name: _describe(result, workload.targets.get(name)) for name, result in results.items()}
    return {"title": workload.title, "contestants": described, "stages": timed.stages.shares()}


def _fresh(workload: Workload, nonce: str) -> list[Submission]:
    """The submissions, unknown to any cache; those of a group stay equal among themselves."""
    if not workload.distinct:
        return [submission.fresh(nonce) for submission in workload.submissions]
    return [submission.fresh(f"{nonce}, {index}") for index, submission in enumerate(workload.submissions)]


def _contestants(workload: Workload, timed: TimedExecutor, by_docker_run: Contestant) -> dict[str, Contestant]:
    async def ours(submissions: Sequence[Submission], _workers: int) -> Measured:
        return await _ours(submissions, timed)

    found: dict[str, Contestant] = {OURS: ours, "subprocess": _in_thread(alternatives.by_subprocess)}
    if all(submission.language == "python" for submission in workload.submissions):
        found["fork"] = _in_thread(alternatives.by_fork)
    found["docker run"] = by_docker_run
    return found


def _in_thread(run: Callable[[Sequence[Submission], int], Measured]) -> Contestant:
    async def contest(submissions: Sequence[Submission], workers: int) -> Measured:
        return await asyncio.to_thread(run, submissions, workers)

    return contest


async def _ours(submissions: Sequence[Submission], timed: TimedExecutor) -> Measured:
    """As many at a time as keep every slot busy; what waits for a slot is not counted as latency."""
    verifier = CodeVerifier(timed)
    waiting = iter(enumerate(submissions))
    passed = [False] * len(submissions)
    latencies = [0.0] * len(submissions)
    held = timed.held

    async def work() -> None:
        for index, submission in waiting:
            started = time.perf_counter()
            params = CodeVerifier.params.model_validate(_params(submission))
            fence = f"```{submission.language}\n{submission.source}\n```"
            verified = await verifier.verify(params, Candidate(fence), _LIMITS)
            passed[index] = verified.finding.outcome is Outcome.PASSED
            latencies[index] = time.perf_counter() - started - verified.execution.queue_seconds

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(timed.slots + 1)))
    seconds = time.perf_counter() - started
    timed.stages.extract_and_compare += max(0.0, sum(latencies) - (timed.held - held))
    return Measured(seconds, latencies, passed)


def _params(submission: Submission) -> dict[str, Any]:
    if submission.test:
        check = {"preamble": submission.test, "cases": (f"check({submission.entry_point})",)}
        return {"form": "asserts", "entry_point": submission.entry_point, **check}
    cases = tuple({"stdin": stdin, "stdout": stdout} for stdin, stdout in submission.cases)
    return {"form": "stdio", "language": submission.language, "cases": cases}


def _describe(result: Result, target: float | None) -> dict[str, Any]:
    p50, p95, p99 = (_percentile(result.latencies, share) for share in (0.5, 0.95, 0.99))
    ratio = statistics.median(result.ratios)
    return {
        "per_second": statistics.median(result.rates),
        "ratio": ratio,
        "ratio_range": [min(result.ratios), max(result.ratios)],
        "target": target,
        "reached": None if target is None else ratio >= target,
        "latency_seconds": {"p50": p50, "p95": p95, "p99": p99},
        "wrong": result.wrong,
        "submissions": len(result.latencies),
    }


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _print(report: dict[str, Any], chosen: Sequence[Workload]) -> None:
    console = Console(highlight=False)
    console.print(f"{report['slots']} slots, {report['workers']} workers for others, {report['rounds']} rounds")
    for workload in chosen:
        entry = report["workloads"][workload.name]
        table = Table("", "per s", "x", "range", "target", "p50 ms", "p95", "p99", "wrong", box=None)
        for name, found in entry["contestants"].items():
            low, high = found["ratio_range"]
            versus = ("", "") if name == OURS else (f"{found['ratio']:.2f}", f"{low:.2f}-{high:.2f}")
            target = "" if found["target"] is None else f"{found['target']:g} {'yes' if found['reached'] else 'NO'}"
            times = [f"{1000 * seconds:.0f}" for seconds in found["latency_seconds"].values()]
            table.add_row(name, f"{found['per_second']:.1f}", *versus, target, *times, str(found["wrong"]))
        console.print(f"\n{entry['title']}")
        console.print(table)
        shares = "  ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in entry["stages"].items())
        console.print(f"where our time goes: {shares}")
