"""``gavel score``: grades completions that exist already, against a data set's rows or against explicit specs."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from reward_server.client import AsyncRewardClient
from trainer.cli.options import dataset_options, server_options
from trainer.cli.serving import ServerChoice, reward_server_at
from trainer.completions import match, read_completions, read_explicit
from trainer.errors import InputError
from trainer.grade import RETRY_SECONDS, Item, Totals, VerdictFile, grade, totals
from trainer.passk import Estimate, estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reward_server.client import Verdict

EPILOG = """\b
Examples:
  gavel score data.jsonl --completions out.jsonl --out verdicts.jsonl
  gavel score openai_humaneval:test --completions out.jsonl --k 1,10 --server 127.0.0.1:50051
  gavel score --in rows.jsonl --out verdicts.jsonl
\b
A line of --completions:  {"row": 0, "completion": "..."}  or  {"id": "HumanEval/0", "completion": "..."}
A line of --in:           {"verifier": "math", "params": {"gold": "4"}, "completion": "... #### 4"}
                          and, if need be, "limits": {"cpu_seconds": 10, "memory_bytes": 2147483648}
A line of --out:          {"row": 0, "id": "0", "outcome": "PASSED", "reward": 1.0, "cases_passed": 1, ...}
                     or   {"row": 0, "id": "0", "error": {"reason": "SANDBOX_LOST", "message": "..."}}
\b
The exit status is 1 if a completion was not scored. It is never given a reward then, not even 0.
"""


@click.command(epilog=EPILOG)
@click.argument("dataset", required=False)
@click.option("--completions", type=click.Path(path_type=Path), help="JSON lines to be graded; several per row may be.")
@click.option(
    "--in", "explicit", type=click.Path(path_type=Path), help="JSON lines with their own verifier and params."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where the verdicts go, one JSON line per completion.")
@click.option("--k", "ks", default="1", show_default=True, help="The k of pass@k, e.g. 1,10.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@dataset_options
@server_options
def command(
    dataset: str | None,
    completions: Path | None,
    explicit: Path | None,
    out: Path | None,
    ks: str,
    as_json: bool,
    schema: str | None,
    schemas: tuple[Path, ...],
    mapping: str | None,
    split: str | None,
    config: str | None,
    server: ServerChoice,
) -> int:
    """Grade the completions of a data set's rows.

    The router turns the rows of DATASET (a file, a folder or a hub name) into tasks; --completions are judged against
    them by a running reward server (--server) or by one that is started for it and stopped again.
    """
    _check_usage(dataset, completions, explicit, out)
    wanted = parse_ks(ks)
    without = 0
    if explicit is not None:
        items = read_explicit(explicit)
    else:
        assert dataset is not None
        assert completions is not None
        written = read_completions(completions)
        matched = match(written, dataset, schema=schema, mapping=mapping, split=split, config=config, schemas=schemas)
        items, without = matched.items, matched.rows_without
    started = time.monotonic()
    verdicts = grade_to_file(items, out, server)
    found = totals(items, verdicts)
    estimates = [estimate(found.passed, k) for k in wanted]
    show = _print_json if as_json else _print_table
    show(found, estimates, without, time.monotonic() - started, out)
    return 1 if found.unscored else 0


def parse_ks(text: str) -> list[int]:
    """Return the numbers of ``--k 1,10``.

    Raises:
        BadParameter: they are not positive integers.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(
            f"{text!r}: positive integers with commas between are needed, e.g. 1,10", param_hint="--k"
        )
    return sorted({int(part) for part in parts})


def grade_to_file(items: Sequence[Item], out: Path | None, server: ServerChoice) -> list[Verdict]:
    """Grade with a progress bar, writing each verdict to ``out`` as it comes; what is there survives Ctrl-C.

    Raises:
        InputError, OSError: ``out`` cannot be written.
        GavelError: there is no server, or none could be started.
    """
    needs_sandbox = any(item.spec is not None and item.spec.verifier == "code" for item in items)
    with ExitStack() as stack:
        sink = stack.enter_context(VerdictFile(out)) if out is not None else None
        address = stack.enter_context(reward_server_at(server, needs_sandbox))
        progress = stack.enter_context(progress_bar())
        bar = progress.add_task("scoring", total=len(items))
        done = 0

        def on_verdict(item: Item, verdict: Verdict) -> None:
            nonlocal done
            done += 1
            if sink is not None:
                sink.write(item, verdict)
            progress.advance(bar)

        try:
            return asyncio.run(_grade(items, address, on_verdict))
        except KeyboardInterrupt:
            kept = f"; they are in {out}" if out is not None else ""
            click.echo(f"Stopped after {done} of {len(items)} verdicts{kept}.", err=True)
            raise


async def _grade(items: Sequence[Item], address: str, on_verdict: Callable[[Item, Verdict], None]) -> list[Verdict]:
    async with AsyncRewardClient(address, retry_seconds=RETRY_SECONDS) as client:
        return await grade(items, client, on_verdict)


def _check_usage(dataset: str | None, completions: Path | None, explicit: Path | None, out: Path | None) -> None:
    if explicit is not None:
        if dataset is not None or completions is not None:
            raise click.UsageError("--in brings its own references: leave DATASET and --completions away")
    elif dataset is None or completions is None:
        raise click.UsageError("give DATASET with --completions FILE, or --in FILE")
    source = explicit or completions
    if source is not None and out is not None and source.resolve() == out.resolve():
        raise InputError(f"{out}: --out would overwrite the input")


def progress_bar() -> Progress:
    """Return a bar for a terminal's standard error; on anything else it shows nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


def _print_json(found: Totals, estimates: list[Estimate], without: int, seconds: float, out: Path | None) -> None:
    summary = {
        "completions": sum(map(len, found.passed)),
        "rows": len(found.passed),
        "rows_without_completions": without,
        "outcomes": found.outcomes,
        "unscored": found.unscored,
        # NaN is not JSON: nothing scored, no number.
        "pass_at_k": [asdict(e) if e.rows else {"k": e.k, "rows": 0, "excluded": e.excluded} for e in estimates],
        "seconds": round(seconds, 3),
        "out": str(out) if out is not None else None,
    }
    click.echo(json.dumps(summary))


def _print_table(found: Totals, estimates: list[Estimate], without: int, seconds: float, out: Path | None) -> None:
    console = Console(highlight=False)
    total = sum(map(len, found.passed))
    rows = f"{len(found.passed)} rows" + (f" ({without} more have none)" if without else "")
    console.print(f"{total} completions of {rows} in {seconds:.1f} s ({total / max(seconds, 1e-9):.0f}/s)")
    table = Table.grid(padding=(0, 3))
    for outcome, count in found.outcomes.items():
        table.add_row(outcome, str(count), f"{count / total:.1%}")
    for reason, count in found.unscored.items():
        table.add_row("[red]not scored[/red]", str(count), reason)
    console.print(table)
    for e in estimates:
        console.print(estimate_line(e))
    if out is not None:
        console.print(f"verdicts: {out}", markup=False)


def estimate_line(found: Estimate) -> str:
    """Return pass@k in words."""
    left_out = f", {found.excluded} left out: fewer than {found.k} samples scored" if found.excluded else ""
    if found.rows == 0:
        return f"pass@{found.k}  not known{left_out}"
    interval = f"95% interval {found.low:.1%} to {found.high:.1%}"
    return f"pass@{found.k}  {found.value:.1%}   {interval}   ({found.rows} rows{left_out})"
