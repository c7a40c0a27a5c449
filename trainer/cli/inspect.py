"""``gavel inspect``: which training method fits a data set, with evidence from its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from router.findings import MethodFinding
from router.health import Context
from router.inspect import ROWS, inspect
from router.load import open_reader
from router.prove import ROWS as PROOF_ROWS
from router.prove import THRESHOLD
from router.quarantine import Sweep, read_quarantine, sweep
from router.report import render
from trainer.cli.drawing import draw_setup, sampling_options
from trainer.cli.options import dataset_options, row_options, server_options
from trainer.cli.passrates import check_keep, measure_signal
from trainer.cli.serving import OnDemandServer, ServerChoice
from trainer.passrate import parse_range
from trainer.passrate import render as render_signal
from trainer.vllm_cpu import prepare_environment

if TYPE_CHECKING:
    from router.task import Messages

SIGNAL_ROWS = 64
NO_METHOD = MethodFinding("INCOMPATIBLE", "NO_METHOD", ())
NO_SIGNAL = "Signal: not measured: GRPO is not READY on these rows, so no verdict on a completion could be trusted."

EPILOG = """\b
Examples:
  gavel inspect openai/gsm8k                               a hub name; its `train` split
  gavel inspect data.jsonl --json                          for machines (docs/router.md)
  gavel inspect data.csv --map question=query,answer=final when your columns are called otherwise
  gavel inspect data.jsonl --no-proof                      the shape only; starts no server
  gavel inspect rows/ --schemas my_rules/                  with rule files of your own (router/schemas/README.md)
  gavel inspect data.jsonl --against gsm8k/test.jsonl      which prompts share phrases with an evaluation suite
  gavel inspect data.jsonl --quarantine bad.jsonl          judge every row's gold, and put the wrong ones aside
  gavel inspect data.jsonl --model smollm2-135m            count the prompts that the model has no room for
  gavel inspect data.jsonl --model smollm2-135m --samples 8    its pass rates on a sample of rows, and what they advise
  gavel inspect data.jsonl --model smollm2-135m --samples 8 --keep 0.1:0.9 --out kept.jsonl
\b
GRPO is READY when a verifier reads the rows' own answers: the gold of each row has to score 1; another row's
gold, the empty string, a gold cut in half and, for code, `pass` and `sys.exit(0)` have to score 0.
\b
Exit status: 0 a method fits, 1 the proof could not be finished, 2 usage or unreadable input, 3 no method fits,
4 the proof failed, 5 several shapes read the rows, or a config has to be chosen.
"""


@click.command(epilog=EPILOG)
@click.argument("dataset")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
@click.option(
    "--rows", type=click.IntRange(min=1), default=ROWS, show_default=True, help="Rows to look at, chosen by --seed."
)
@click.option(
    "--proof",
    type=click.IntRange(min=1),
    default=PROOF_ROWS,
    show_default=True,
    help="Rows that go through the real verifier.",
)
@click.option("--no-proof", is_flag=True, help="No row does; no server is started, and GRPO stays unproven.")
@click.option(
    "--threshold",
    type=click.FloatRange(0.5, 1.0),
    default=THRESHOLD,
    show_default=True,
    help="Share of the proof's rows that have to behave.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample and the proof.")
@click.option("--against", multiple=True, metavar="SUITE", help="Compare every prompt with a suite; may be repeated.")
@click.option(
    "--quarantine",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Judge the gold of every row, and write those to put aside to this file; for --without.",
)
@click.option("--model", help="Count prompts over this model's context: an alias, a hub id or a local folder.")
@click.option(
    "--samples", type=click.IntRange(min=2), help="Completions of --model per row: measures its pass rates on the rows."
)
@click.option(
    "--signal-rows",
    type=click.IntRange(min=1),
    default=SIGNAL_ROWS,
    show_default=True,
    help="Rows for --samples, chosen by --seed; with --keep: all.",
)
@click.option("--keep", metavar="LOW:HIGH", help="Write the rows of these pass rates to --out, e.g. 0.1:0.9.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where --keep writes, as JSON lines.")
@sampling_options
@row_options
@dataset_options
@server_options
def command(
    dataset: str,
    as_json: bool,
    rows: int,
    proof: int,
    no_proof: bool,
    threshold: float,
    seed: int,
    against: tuple[str, ...],
    quarantine: Path | None,
    model: str | None,
    samples: int | None,
    signal_rows: int,
    keep: str | None,
    out: Path | None,
    without: Path | None,
    dedup: bool,
    i_know: bool,
    schema: str | None,
    schemas: tuple[Path, ...],
    mapping: str | None,
    split: str | None,
    config: str | None,
    server: ServerChoice,
    **sampling: Any,
) -> int:
    """Say which training method fits DATASET, with evidence from its rows, before any compute is spent.

    DATASET is a .jsonl, .json, .parquet or .csv file (also .gz), a folder of them, or a name on the hub.
    """
    kept_rates = parse_range(keep) if keep is not None else None
    check_keep(kept_rates, out, samples, model)
    left_out = read_quarantine(without) if without is not None else frozenset()
    if quarantine is not None and no_proof:
        raise click.UsageError("--quarantine asks the verifier, --no-proof asks it nothing: give one of them")
    with OnDemandServer(server) as scorer:
        if quarantine is not None:
            reader = open_reader(
                dataset, schema=schema, mapping=mapping, split=split, config=config, schemas=schemas,
                purpose="train", i_know=True, without=left_out,
            )  # fmt: skip
            with Console(stderr=True).status("") as status:
                done = sweep(reader, scorer, quarantine, lambda done: status.update(_sweep_line(done)))
            click.echo(f"{_sweep_line(done)}: {quarantine}", err=True)
            left_out |= read_quarantine(quarantine)
        findings = inspect(
            dataset,
            client=None if no_proof else scorer,
            proof=proof,
            threshold=threshold,
            schema=schema,
            mapping=mapping,
            split=split,
            config=config,
            schemas=schemas,
            rows=rows,
            seed=seed,
            i_know=i_know,
            against=against,
            context=context_of(model) if model is not None else None,
            without=left_out,
            dedup=dedup,
        )
    signal = None
    if samples is not None and findings.methods.get("grpo", NO_METHOD).status == "READY":
        setup = draw_setup(
            dataset, schema=schema, schemas=schemas, mapping=mapping, split=split, config=config, without=without,
            dedup=dedup, i_know=i_know, model=model, samples=samples, seed=seed, server=server,
            limit=None if kept_rates is not None else signal_rows, **sampling,
        )  # fmt: skip
        signal = measure_signal(setup, kept_rates, out)
    if as_json:
        more = {"signal": signal.as_dict()} if signal is not None else {}
        click.echo(json.dumps(findings.as_dict() | more, indent=2, ensure_ascii=False))
    else:
        click.echo(render(findings))
        if samples is not None:
            click.echo("\n" + (render_signal(signal, str(model)) if signal is not None else NO_SIGNAL))
    return findings.exit_code


def _sweep_line(done: Sweep) -> str:
    unscored = f", {done.unscored:,} not scored" if done.unscored else ""
    return f"{done.faults:,} of {done.rows:,} rows put aside, {done.judged:,} golds judged{unscored}"


def context_of(model: str) -> Context:
    """Return the room of a model, and how its tokenizer counts a prompt.

    Raises:
        InputError: there is no such model, or it has no chat template.
    """
    prepare_environment()  # before torch is imported, as --samples may go on to vLLM
    from transformers import AutoConfig  # here: takes seconds that a refusal need not wait for

    from trainer.models import load_tokenizer, resolve_model

    source = resolve_model(model)
    tokenizer = load_tokenizer(source)
    settings = AutoConfig.from_pretrained(source.path)

    def count(prompt: Messages) -> int:
        return len(tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False))

    return Context(model, int(settings.max_position_embeddings), count)
