"""``gavel judge``: problem packages, every submission against its label."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from reward_server.judge.errors import PackageError
from reward_server.judge.package import Package, read_package
from reward_server.judge.run import Agreement, Options, Result, judge_packages
from reward_server.verifiers.code import CodeVerifier
from sandbox.pool import DockerExecutor
from trainer.cli.options import runtime_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EPILOG = """\b
Examples:
  gavel judge problems/different                          one package
  gavel judge problems/ --concurrency 8                   every package in a folder
  gavel judge problems/* --only accepted --json           the accepted submissions, for a machine
\b
A package is a folder with problem.yaml, data/ and submissions/<label>/ in the Kattis format.
The exit status is 1 if a verdict is not what its label says, or was not scored; 2 if a package cannot be read.
"""
_STYLES = {
    Agreement.AGREES: "green",
    Agreement.OTHER_KIND: "yellow",
    Agreement.DISAGREES: "red",
    Agreement.NOT_SCORED: "red",
    Agreement.NOT_RUN: "dim",
}
_BAD = (Agreement.DISAGREES, Agreement.NOT_SCORED)


@click.command(epilog=EPILOG)
@click.argument("packages", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--concurrency", type=click.IntRange(1, 256), help="Submissions at one time; default: one for each core.")
@click.option("--only", multiple=True, metavar="TEXT", help="Only submissions whose name (label/file) holds TEXT, and "
              "the accepted ones that a time limit is measured from.")  # fmt: skip
@click.option("--margin/--no-margin", default=True, help="Run what is labelled time_limit_exceeded up to the package's "
              "safety margin, to say which come near.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@runtime_option
def command(
    packages: tuple[Path, ...],
    concurrency: int | None,
    only: tuple[str, ...],
    margin: bool,
    as_json: bool,
    runtime: str | None,
) -> int:
    """Run the submissions of problem PACKAGES and compare each verdict with its label.

    The verdicts come from the verifier "code" and the sandbox, as in training. Time limits are CPU time, from the
    package or measured from its accepted submissions.
    """
    found = [_selected(read_package(path), only) for path in _package_folders(packages)]
    at_once = concurrency or os.cpu_count() or 1
    # A checker runs in another slot than the program that it judges, an interactor beside it.
    slots = at_once + any(package.judge is not None for package in found)
    options = Options(at_once, slots, margin)
    total = sum(len(package.submissions) for package in found)
    with _progress(as_json) as progress:
        task = progress.add_task("judging", total=total)

        def report(result: Result) -> None:
            progress.update(task, advance=1, description=f"{result.package} {result.submission}")

        results = asyncio.run(_judge(found, options, runtime, report))
    (_print_json if as_json else _print_table)(results)
    return 1 if any(result.agreement in _BAD for result in results) else 0


def _package_folders(paths: Sequence[Path]) -> list[Path]:
    """The packages among ``paths``, and those inside of folders that are none."""
    folders: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise PackageError(f"{path}: no such folder; give the folder of a problem package")
        inside = (
            [path] if (path / "problem.yaml").exists() else sorted(file.parent for file in path.rglob("problem.yaml"))
        )
        if not inside:
            raise PackageError(f"{path}: no problem package in there: no folder holds a problem.yaml")
        folders += inside
    return folders


def _selected(package: Package, only: tuple[str, ...]) -> Package:
    return package.only(only) if only else package


async def _judge(
    packages: Sequence[Package], options: Options, runtime: str | None, report: Callable[[Result], None]
) -> list[Result]:
    executor = DockerExecutor(slots=options.slots, runtime=runtime)
    try:
        await executor.start()
        return await judge_packages(CodeVerifier(executor), packages, options, report)
    finally:
        await executor.close()


def _progress(quiet: bool) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Counts, and the shares over what was run."""
    counts = {agreement.name.lower(): sum(r.agreement is agreement for r in results) for agreement in Agreement}
    run = [result for result in results if result.agreement is not Agreement.NOT_RUN]
    pass_fail = sum(result.agreement in (Agreement.AGREES, Agreement.OTHER_KIND) for result in run)
    return {
        "submissions": len(results),
        "run": len(run),
        "pass_fail_agrees": pass_fail,
        "kind_agrees": counts["agrees"],
        **counts,
    }


def _print_json(results: Sequence[Result]) -> None:
    rows = [
        asdict(result)
        | {"agreement": result.agreement.value, "outcome": result.outcome.name if result.outcome else None}
        for result in results
    ]
    click.echo(json.dumps({"results": rows, "summary": summary(results)}))


def _print_table(results: Sequence[Result]) -> None:
    # A log has no width of its own.
    console = Console(highlight=False, soft_wrap=True) if Console().is_terminal else Console(highlight=False, width=200)
    table = Table(box=None, pad_edge=False)
    for heading in ("package", "submission", "verdict", "CPU s", "limit s", "slowest case", "agreement", "note"):
        right = heading.endswith(" s")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "note")
    for result in results:
        style = _STYLES[result.agreement]
        limit = "" if result.time_limit_seconds is None else f"{result.time_limit_seconds:g}"
        slowest = f"{result.slowest_seconds:.2f} {result.slowest_case}" if result.slowest_case else ""
        cells = (result.package, result.submission, result.outcome.name if result.outcome else "-",
                 f"{result.cpu_seconds:.2f}", limit, slowest, result.agreement.value, result.note)  # fmt: skip
        table.add_row(*(cell.replace("[", "\\[") for cell in cells), style=style)
    console.print(table)
    total = summary(results)
    console.print(
        f"\n{total['run']} of {total['submissions']} submissions run: pass or fail agrees for "
        f"{total['pass_fail_agrees']}, the kind of failure too for {total['kind_agrees']}; "
        f"{total['not_scored']} not scored, {total['not_run']} not run"
    )
