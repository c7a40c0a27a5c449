"""``gavel eval``: what share of a suite's tasks a model solves, with an interval."""

from __future__ import annotations

import dataclasses
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from router.load import iter_tasks
from router.task import Task
from trainer.cli.data import absolute
from trainer.cli.options import dataset_options, server_options
from trainer.cli.score import estimate_line, parse_ks
from trainer.cli.serving import OnDemandServer, ServerChoice
from trainer.errors import InputError
from trainer.evaluate import Evaluation, Suite, evaluate, write_lines
from trainer.models import resolve_model
from trainer.passk import compare, estimate
from trainer.records import EvalRecord
from trainer.sampling import Sampling, from_model

if TYPE_CHECKING:
    from router.errors import RowError

EPILOG = """\b
Examples:
  gavel eval smollm2-135m gsm8k/test.jsonl --limit 100
  gavel eval Qwen/Qwen3-0.6B openai_humaneval:test --samples 20 --k 1,10 --temperature 0.8 --max-tokens 512
  gavel eval runs/first/model data.jsonl --out after --compare before/eval.json
\b
--out FOLDER holds eval.json (the numbers row by row) and completions.jsonl, which `gavel score` can grade again.
\b
The exit status is 1 if a completion was not scored.
"""


@click.command(epilog=EPILOG)
@click.argument("model")
@click.argument("suite")
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Completions per task.")
@click.option("--k", "ks", default="1", show_default=True, help="The k of pass@k, e.g. 1,10; none above --samples.")
@click.option("--temperature", type=click.FloatRange(min=0), help="Default: 0 for one sample, else 0.8.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=512, show_default=True, help="Longest completion.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many tasks.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sampling.")
@click.option("--system", default="", help="A system message before every prompt.")
@click.option("--generator", type=click.Choice(["auto", "vllm", "transformers"]), default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="A new folder for the numbers and the completions.")
@click.option("--compare", "baseline", type=click.Path(path_type=Path), help="An earlier eval.json of the same suite.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@dataset_options
@server_options
def command(
    model: str,
    suite: str,
    samples: int,
    ks: str,
    temperature: float | None,
    max_tokens: int,
    limit: int | None,
    seed: int,
    system: str,
    generator: str,
    out: Path | None,
    baseline: Path | None,
    as_json: bool,
    schema: str | None,
    schemas: tuple[Path, ...],
    mapping: str | None,
    split: str | None,
    config: str | None,
    server: ServerChoice,
) -> int:
    """Measure MODEL on SUITE (a data set with verifiers): pass@k with 95% intervals.

    The answers are generated with vLLM where it is installed, else with transformers, and judged by a reward server.
    """
    wanted = parse_ks(ks)
    if wanted[-1] > samples:
        raise click.BadParameter(f"pass@{wanted[-1]} needs at least --samples {wanted[-1]}", param_hint="--k")
    heat = temperature if temperature is not None else (0.0 if samples == 1 else 0.8)
    if samples > 1 and heat == 0:
        raise click.BadParameter(
            "at 0 all samples of a task are the same: raise it, or take one", param_hint="--temperature"
        )
    if out is not None and out.exists():
        raise InputError(f"{out}: already there; give the evaluation another folder")
    earlier = read_record(baseline) if baseline is not None else None
    tasks = read_tasks(suite, schema, mapping, split, config, limit, schemas)
    source = resolve_model(model)
    asked = Suite(absolute(suite), samples, heat, max_tokens, seed)
    sampling = Sampling(max_tokens, heat, seed=seed, system_prompt=system)
    with OnDemandServer(server) as rewards:
        # Before minutes of generation: a server that is not there is found out now.
        address = rewards.address(any(task.spec.verifier == "code" for task in tasks))
        with from_model(source, sampling, generator=generator) as generate:
            found = evaluate(generate, tasks, address, asked, label=model)
    if out is not None:
        write_evaluation(out, found)
    _show(found, wanted, earlier, out, as_json)
    return 1 if any(verdict.error is not None for verdict in found.verdicts) else 0


def read_tasks(
    suite: str,
    schema: str | None,
    mapping: str | None,
    split: str | None,
    config: str | None,
    limit: int | None,
    schemas: tuple[Path, ...] = (),
) -> list[Task]:
    """Return the suite's tasks. Rows that cannot be read are an error: a suite with holes measures something else.

    Raises:
        RouterError, InputError.
    """
    faults: list[RowError] = []
    rows = iter_tasks(
        suite, schema, mapping, split, config=config, method="grpo", schemas=schemas, on_error=faults.append
    )
    tasks = [row for row in islice(rows, limit) if isinstance(row, Task)]
    if faults:
        raise InputError(f"{suite}: {len(faults)} rows cannot be read; the first: {faults[0]}")
    return tasks


def read_record(path: Path) -> EvalRecord:
    """Read an ``eval.json``.

    Raises:
        InputError: it is not one.
        OSError: it cannot be read.
    """
    try:
        return EvalRecord(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not an eval.json of `gavel eval --out` ({error})") from None


def write_evaluation(folder: Path, found: Evaluation) -> None:
    """Write ``eval.json`` and ``completions.jsonl`` into a new folder.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True)
    write_lines(folder / "completions.jsonl", found.lines)
    write_lines(folder / "eval.json", [dataclasses.asdict(found.record)])


def _show(found: Evaluation, ks: list[int], earlier: EvalRecord | None, out: Path | None, as_json: bool) -> None:
    record = found.record
    estimates = [estimate(record.passed, k) for k in ks]
    strict = estimate(record.strict)
    change = compare(earlier.rows, earlier.passed, record.rows, record.passed) if earlier is not None else None
    if as_json:
        summary = {
            "model": record.label,
            "suite": record.suite,
            "pass_at_k": [dataclasses.asdict(e) if e.rows else {"k": e.k, "rows": 0} for e in estimates],
            "strict_pass_at_1": strict.value if strict.rows else None,
            "unscored": sum(verdict.error is not None for verdict in found.verdicts),
            "comparison": dataclasses.asdict(change) if change is not None and change.rows else None,
            "seconds": record.seconds,
        }
        click.echo(json.dumps(summary))
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{record.label} on {record.suite}: {len(found.lines)} completions in {record.seconds:.0f} s")
    for e in estimates:
        console.print(estimate_line(e))
    if strict.rows and strict.value < estimates[0].value:
        console.print(
            f"of these in the declared format: {strict.value:.1%} (95% interval {strict.low:.1%} to {strict.high:.1%})"
        )
    if change is not None:
        console.print(change.sentence)
    if out is not None:
        console.print(f"written: {out}")
