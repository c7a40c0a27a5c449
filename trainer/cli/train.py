"""``gavel train``: finds out which method fits, proves it, trains, and says whether the model became better."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from router.report import render
from trainer.cli.data import DataSetup, RunRows, answer_room, choose, load, look, refusal_status
from trainer.cli.errors import explain
from trainer.cli.options import dataset_options, row_options, server_options
from trainer.cli.serving import OnDemandServer, ServerChoice
from trainer.errors import InputError
from trainer.evaluate import Suite, evaluate, write_lines
from trainer.live import LiveView
from trainer.models import resolve_model
from trainer.recipes import RECIPES, AnyRecipe, DpoRecipe, GrpoRecipe, SftRecipe, describe, resolve, restore
from trainer.report import write_report
from trainer.report.load import load_run
from trainer.report.summary import summarize
from trainer.run import RunFolder
from trainer.versions import versions

if TYPE_CHECKING:
    from router.schema import Method
    from trainer.evaluate import Generate
    from trainer.grpo import Measure
    from trainer.records import EvalRecord

SERVER_LOG = "server.log"
"""In the run folder: the log of the reward server that was started for the run."""
HELD_OUT = 200
"""Rows kept from training to measure the model before and after, where the data set is large enough."""

EPILOG = """\b
Examples:
  gavel train auto data.jsonl                          the first of GRPO, DPO, SFT that the rows allow
  gavel train grpo openai/gsm8k --model Qwen/Qwen3-0.6B --steps 200 --set max_completion_tokens=512
  gavel train sft data.jsonl --no-lora --run runs/first
  gavel train auto --resume runs/first                 go on after a kill or Ctrl-C
\b
The run folder then holds report.html, report.md, metrics.jsonl, samples.jsonl, evals.jsonl, checkpoints/ and model/.
\b
Exit status: 0 finished, 1 stopped (status.json says why; --resume goes on), 2 bad input, 3 no method fits,
4 the proof failed, 5 ambiguous shape, 130 interrupted.
"""


@click.command(epilog=EPILOG)
@click.argument("method", type=click.Choice(["auto", "grpo", "dpo", "sft"]))
@click.argument("dataset", required=False)
@click.option("--model", help="An alias (smollm2-135m), a hub id or a local folder.")
@click.option("--steps", type=click.IntRange(min=1), help="Optimizer steps.")
@click.option("--seed", type=int, help="Of the data order, the sampling and the adapters' first weights.")
@click.option("--lora/--no-lora", default=None, help="Adapters, or all weights.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any other setting; may be repeated.")
@click.option("--run", "run_path", type=click.Path(path_type=Path), help="Folder of the new run; default: under runs/.")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder.")
@click.option("--held-out", type=click.IntRange(min=0), default=HELD_OUT, show_default=True, help="Rows to measure on.")
@row_options
@dataset_options
@server_options
def command(
    method: str,
    dataset: str | None,
    model: str | None,
    steps: int | None,
    seed: int | None,
    lora: bool | None,
    settings: tuple[str, ...],
    run_path: Path | None,
    resume: Path | None,
    held_out: int,
    without: Path | None,
    dedup: bool,
    i_know: bool,
    schema: str | None,
    schemas: tuple[Path, ...],
    mapping: str | None,
    split: str | None,
    config: str | None,
    server: ServerChoice,
) -> int:
    """Train a model on DATASET with a METHOD that its rows allow: auto, grpo, dpo or sft.

    Before anything is spent the router looks at the rows and proves the verifier on them. GRPO is measured on held-out
    rows before and after.
    """
    given = given_settings(settings, model=model, steps=steps, seed=seed, lora=lora)
    with OnDemandServer(server, first_log(resume or run_path)) as rewards:
        if resume is not None:
            if dataset is not None or given or run_path is not None:
                raise click.UsageError("--resume goes on with a run as it was: leave DATASET, --run and settings away")
            return _resume(resume, rewards)
        if dataset is None:
            raise click.UsageError("give DATASET, or --resume FOLDER")
        setup = DataSetup.of(
            dataset, held_out, schema=schema, schemas=schemas, mapping=mapping, split=split, config=config,
            without=without, dedup=dedup, i_know=i_know,
        )  # fmt: skip
        return _start(method, setup, given, run_path, rewards)


def given_settings(settings: tuple[str, ...], **options: Any) -> dict[str, tuple[Any, str]]:
    """Return what was asked for as {recipe field: (value, where it came from)}.

    Raises:
        InputError: a --set is not NAME=VALUE.
    """
    given = {name: (value, f"option --{name}") for name, value in options.items() if value is not None}
    for text in settings:
        name, separator, value = (part.strip() for part in text.partition("="))
        if not separator or not name:
            raise InputError(f"--set {text}: NAME=VALUE is needed, e.g. --set temperature=0.9")
        given[name] = (value, f"option --set {name}")
    return given


def recipe_of(method: str, given: dict[str, tuple[Any, str]]) -> tuple[AnyRecipe, dict[str, str]]:
    """Return the recipe of a method, and where each of its values came from.

    Raises:
        InputError: a setting is unknown to the method or does not fit.
    """
    # The class is one of three; resolve's type variable would need to know which.
    return resolve(cast("type[GrpoRecipe]", RECIPES[method]), given)


def _start(
    asked: str, setup: DataSetup, given: dict[str, tuple[Any, str]], run_path: Path | None, rewards: OnDemandServer
) -> int:
    if asked in RECIPES:  # a misspelt setting is found before the data set is read and proven
        recipe_of(asked, given)
    findings = look(setup, rewards if asked in ("auto", "grpo") else None)
    click.echo(render(findings))
    choice = choose(asked, findings)
    if choice.message:
        click.secho(choice.message, fg="yellow", err=True)
    method = choice.method
    if method is None:
        return refusal_status(asked, findings)
    recipe, _ = recipe_of(method, given)
    resolve_model(recipe.model)
    setup = dataclasses.replace(setup, schema=findings.schema)  # what was proven is what is trained on
    rows = load(setup, method, recipe.seed)
    if method == "grpo":
        given.setdefault("max_completion_tokens", (answer_room(rows.training), "the rows' gold answers"))
    recipe, sources = recipe_of(method, given)
    config = describe(recipe, sources) | setup.describe()
    path = run_path or default_run_path(method, setup.dataset)
    with RunFolder.create(path, config, versions(rows=rows.digest)) as run:
        rewards.keep_log(run.path / SERVER_LOG)
        said = {"asked": choice.asked, "said": choice.message, "text": click.unstyle(render(findings))}
        run.write_json("router.json", findings.as_dict() | said)
        return _train(recipe, rows, run, rewards)


def _resume(path: Path, rewards: OnDemandServer) -> int:
    with RunFolder.resume(path, versions()) as run:
        rewards.keep_log(run.path / SERVER_LOG)
        config = run.config()
        recipe, _ = restore(config)
        setup = DataSetup.restore(config)
        rows = load(setup, _method(recipe), recipe.seed)
        if rows.digest != load_run(path).versions.get("rows"):
            raise InputError(
                f"{setup.dataset}: its rows are not those that {path} was started with: put the old ones back, or"
                " start a new run"
            )
        return _train(recipe, rows, run, rewards)


def _train(recipe: AnyRecipe, rows: RunRows, run: RunFolder, rewards: OnDemandServer) -> int:
    """Train to the end, or to whatever ends it; in any case leave a status and a report."""
    _say_rows(rows)
    title = f"{recipe.method.upper()} · {recipe.model} · {run.path}"
    try:
        with LiveView(recipe.steps, title) as view:
            _by_method(recipe, rows, run, rewards, view)
    except BaseException as error:
        _leave(run, error)
        raise
    write_report(run.path)
    found = summarize(load_run(run.path))
    click.secho(f"\n{found.headline}.", bold=True)
    click.echo(found.comparison.sentence if found.comparison else found.finding)
    click.echo(f"Report: {run.path / 'report.html'}")
    click.echo(f"Model:  {run.model}")
    return 0


def _by_method(recipe: AnyRecipe, rows: RunRows, run: RunFolder, rewards: OnDemandServer, view: LiveView) -> None:
    # Imported here: each pulls in torch and TRL, which takes seconds that a refusal above need not wait for.
    match recipe:
        case GrpoRecipe():
            from trainer.grpo import train_grpo

            address = rewards.address(any(task.spec.verifier == "code" for task in rows.training))
            measure = _measure_on(rows, recipe, run, address) if rows.held_out else None
            train_grpo(rows.training, recipe, run, address, watcher=view, measure=measure)
        case DpoRecipe():
            from trainer.dpo import train_dpo

            train_dpo(rows.training, recipe, run, watcher=view)
        case SftRecipe():
            from trainer.sft import train_sft

            train_sft(rows.training, recipe, run, watcher=view)


def _measure_on(rows: RunRows, recipe: GrpoRecipe, run: RunFolder, address: str) -> Measure:
    """Return what evaluates the model in training on the held-out rows, and keeps its answers in the run folder."""
    suite = Suite("held-out rows", max_tokens=recipe.max_completion_tokens, seed=recipe.seed)

    def measure(generate: Generate, label: str, step: int) -> EvalRecord:
        found = evaluate(generate, rows.held_out, address, suite, label=label, step=step)
        write_lines(run.path / f"eval-{label}.jsonl", found.lines)
        return found.record

    return measure


def _leave(run: RunFolder, error: BaseException) -> None:
    """Write down how the run ended before its end, and tell how to go on."""
    status = run.status()
    step = int(status.get("step", 0))
    if status.get("state") == "running":  # it ended before, or after, the training itself, which says so by itself
        interrupted = isinstance(error, KeyboardInterrupt)
        known = explain(error) if isinstance(error, Exception) else None
        reason = "by the user" if interrupted else known.message if known else f"{type(error).__name__}: {error}"
        run.set_status("interrupted" if interrupted else "stopped", step=step, reason=reason)
    write_report(run.path)
    click.echo(f"\nStopped. What was done is in {run.path / 'report.html'}", err=True)
    click.echo(f"Go on from step {step}: make grpo RESUME={shlex.quote(str(run.path))}", err=True)
    click.echo(f"            or: gavel train auto --resume {shlex.quote(str(run.path))}", err=True)


def _say_rows(rows: RunRows) -> None:
    held_out = f", {len(rows.held_out)} held out to measure on" if rows.held_out else ""
    click.echo(f"\n{len(rows.training)} rows to train on{held_out}.")
    if rows.unreadable:
        click.secho(f"{len(rows.unreadable)} rows left out; the first: {rows.unreadable[0]}", fg="yellow", err=True)


def first_log(run_path: Path | None) -> Path:
    """Return where a reward server logs before its run has a folder: near it, so that the log can be moved in."""
    wanted = (run_path or Path("runs") / "new").resolve()
    return next(place for place in wanted.parents if place.is_dir()) / f".gavel-server-{os.getpid()}.log"


def _method(recipe: AnyRecipe) -> Method:
    match recipe:
        case GrpoRecipe():
            return "grpo"
        case DpoRecipe():
            return "dpo"
        case SftRecipe():
            return "sft"


def default_run_path(method: str, dataset: str) -> Path:
    """Return a new folder's name under runs/: method, data set, time."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(dataset).name.partition(".")[0]).strip("-").lower() or "data"
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{method}-{stem}-{now}"
