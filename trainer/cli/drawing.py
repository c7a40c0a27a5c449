"""What the commands that sample a data set's rows share: their options, and the samples themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from router.errors import RowError
from router.load import iter_tasks
from router.source import open_source
from router.task import Task
from trainer.cli.data import DataSetup, answer_room
from trainer.cli.options import apply
from trainer.cli.score import progress_bar
from trainer.cli.serving import OnDemandServer, ServerChoice
from trainer.draws import Answers, DrawFile, DrawnGroup, draw, sample_tasks, texts_at
from trainer.errors import InputError
from trainer.evaluate import Sample
from trainer.models import resolve_model
from trainer.recipes import GrpoRecipe
from trainer.sampling import Sampling, from_model, with_system

if TYPE_CHECKING:
    from router.task import Messages

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class DrawSetup:
    """Which rows are sampled, and how. Beside ``data``, the fields are options of the command line."""

    data: DataSetup
    model: str | None
    samples: int
    temperature: float
    max_tokens: int | None
    """None: read off the rows' gold answers, as training does."""
    seed: int
    system: str
    generator: str
    server: ServerChoice
    limit: int | None = None
    """Rows to sample, chosen by the seed; None: all."""
    columns: tuple[str, ...] = ()
    """Where the rows hold solutions; then no model is asked."""

    def made_with(self) -> dict[str, Any]:
        """Return the provenance that each written row carries."""
        if self.columns:
            return {"made_by": ",".join(self.columns), "seed": self.seed}
        return {"made_by": self.model, "seed": self.seed, "temperature": self.temperature}

    def prompt_of(self, task: Task) -> Messages:
        """Return the prompt as the model gets it."""
        return with_system(task.prompt, self.system)

    def settings(self, max_tokens: int) -> dict[str, Any]:
        """Return what the samples depend on."""
        rows = dataclasses.asdict(self.data) | {"limit": self.limit, "seed": self.seed}
        if self.columns:
            return rows | {"columns": self.columns}
        return rows | {
            "model": self.model, "samples": self.samples, "temperature": self.temperature, "max_tokens": max_tokens,
            "system": self.system,
        }  # fmt: skip


def draw_setup(
    dataset: str, *, schema: str | None, schemas: Sequence[Path], mapping: str | None, split: str | None,
    config: str | None, without: Path | None, dedup: bool, i_know: bool, **sampling: Any,
) -> DrawSetup:  # fmt: skip
    """Take what all the commands' options gave; ``sampling`` holds the fields of :class:`DrawSetup` by name."""
    data = DataSetup.of(
        dataset, schema=schema, schemas=schemas, mapping=mapping, split=split, config=config, without=without,
        dedup=dedup, i_know=i_know,
    )  # fmt: skip
    return DrawSetup(data, **sampling)


def sampling_options(command: Command) -> Command:
    """Add how a model is sampled: --temperature, --max-tokens, --system, --generator."""
    return apply(
        command,
        [
            click.option(
                "--temperature",
                type=click.FloatRange(min=0, min_open=True),
                default=GrpoRecipe().temperature,
                show_default=True,
                help="Of the samples; the default is training's.",
            ),
            click.option(
                "--max-tokens",
                type=click.IntRange(min=1),
                help="Longest completion; default: by the rows' gold answers.",
            ),
            click.option("--system", default="", help="A system message before every prompt."),
            click.option(
                "--generator", type=click.Choice(["auto", "vllm", "transformers"]), default="auto", show_default=True
            ),
        ],
    )


def source_options(command: Command) -> Command:
    """Add where solutions come from: --model and --samples, or --from-column; and which rows: --limit, --seed."""
    return apply(
        command,
        [
            click.option("--model", metavar="NAME", help="Draws fresh samples: an alias, a hub name or a folder."),
            click.option(
                "--from-column",
                "columns",
                metavar="PATH",
                multiple=True,
                help="Solutions that the rows carry, e.g. solutions or answer.text; may be given several times.",
            ),
            click.option(
                "--samples", type=click.IntRange(min=2), default=8, show_default=True, help="Completions per row."
            ),
            click.option("--limit", type=click.IntRange(min=1), help="Only so many rows, chosen by --seed."),
            click.option("--seed", type=int, default=0, show_default=True, help="Of the rows and the sampling."),
        ],
    )


@contextmanager
def drawing(setup: DrawSetup, folder: Path | None) -> Iterator[Iterator[DrawnGroup]]:
    """Yield the verified samples of every row, as they come, with a progress bar on the terminal.

    Args:
        setup: which, and how.
        folder: keeps them, see :class:`trainer.draws.DrawFile`; None: nothing is kept.

    Raises:
        InputError, RouterError, GavelError: before anything is drawn.
    """
    if (setup.model is None) == (not setup.columns):
        raise click.UsageError("say where the answers come from: either --model NAME or --from-column PATH")
    tasks = read_tasks(setup)
    max_tokens = setup.max_tokens or answer_room(tasks)
    with ExitStack() as stack:
        file = stack.enter_context(DrawFile(folder, setup.settings(max_tokens))) if folder is not None else None
        rewards = stack.enter_context(OnDemandServer(setup.server))
        answers = _from_columns(setup, tasks) if setup.columns else _from_model(setup, max_tokens, stack)
        # Before minutes of generation: a server that is not there is found out now.
        address = rewards.address(any(task.spec.verifier == "code" for task in tasks))
        progress = stack.enter_context(progress_bar())
        bar = progress.add_task("rows", total=len(tasks))
        groups = draw(tasks, answers, address, setup.samples, file)
        try:
            yield _counted(groups, lambda: progress.advance(bar))
        except KeyboardInterrupt:
            if folder is not None:
                click.echo(
                    f"Stopped. What was drawn is kept in {folder}: the same command goes on from there.", err=True
                )
            raise


def read_tasks(setup: DrawSetup) -> list[Task]:
    """Return the rows to sample. Rows that cannot be read are left out, and said.

    Raises:
        RouterError: the data set cannot be read, or its rows have nothing to verify against.
        InputError: no row is left.
    """
    faults: list[RowError] = []
    rows = iter_tasks(
        setup.data.dataset, method="grpo", purpose="train", on_error=faults.append, **setup.data.reading()
    )
    tasks = sample_tasks((row for row in rows if isinstance(row, Task)), setup.limit, setup.seed)
    if not tasks:
        raise InputError(
            f"{setup.data.dataset}: no row can be sampled" + (f"; the first: {faults[0]}" if faults else "")
        )
    if faults:
        click.echo(f"{len(faults)} rows cannot be read and are left out; the first: {faults[0]}", err=True)
    return tasks


def _from_model(setup: DrawSetup, max_tokens: int, stack: ExitStack) -> Answers:
    """The model is loaded when the first sample is missing, and not at all if all were drawn before."""
    assert setup.model is not None
    source = resolve_model(setup.model)
    sampling = Sampling(max_tokens, setup.temperature, seed=setup.seed, system_prompt=setup.system)
    loaded: list[Any] = []

    def answers(tasks: Sequence[Task]) -> list[list[Sample]]:
        if not loaded:
            loaded.append(stack.enter_context(from_model(source, sampling, generator=setup.generator)))
        made: list[list[Sample]] = loaded[0]([task.prompt for task in tasks], setup.samples)
        return made

    return answers


def _from_columns(setup: DrawSetup, tasks: Sequence[Task]) -> Answers:
    wanted = {task.index for task in tasks}
    texts: dict[int, list[Sample]] = {}
    for record in open_source(setup.data.dataset, setup.data.split, setup.data.config).records():
        if record.index in wanted:
            row = record.row()
            texts[record.index] = [Sample(text) for column in setup.columns for text in texts_at(row, column)]
    return lambda part: [texts[task.index] for task in part]


def _counted(groups: Iterator[DrawnGroup], count: Callable[[], None]) -> Iterator[DrawnGroup]:
    for group in groups:
        count()
        yield group
