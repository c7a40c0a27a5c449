"""Options that several subcommands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from trainer.cli.serving import ServerChoice

Command = TypeVar("Command", bound=Callable[..., Any])


def dataset_options(command: Command) -> Command:
    """Add how the rows of a data set are read: --schema, --schemas, --map, --split, --config."""
    options = [
        click.option("--schema", metavar="NAME", help="The rows' shape; default: found out, see `gavel inspect`."),
        click.option(
            "--schemas",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            multiple=True,
            help="A folder with rule files of your own; may be repeated.",
        ),
        click.option("--map", "mapping", metavar="FIELD=COLUMN,...", help="Columns of another name."),
        click.option("--split", metavar="NAME", help="The split to read."),
        click.option("--config", metavar="NAME", help="The configuration of a hub data set or folder; '*': all."),
    ]
    return apply(command, options)


def row_options(command: Command) -> Command:
    """Add which rows are trained on: --without, --dedup, --i-know."""
    options = [
        click.option(
            "--without",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Leave out the rows of a file that `gavel inspect --quarantine` wrote.",
        ),
        click.option("--dedup", is_flag=True, help="Leave out rows that repeat a prompt (GRPO) or a whole row."),
        click.option("--i-know", is_flag=True, help="Take an evaluation set as training data all the same."),
    ]
    return apply(command, options)


def server_options(command: Command) -> Command:
    """Add which reward server judges: --server, --slots, --runtime. The command gets them as ``server``."""

    @functools.wraps(command)
    def with_choice(*args: Any, server: str | None, slots: int | None, runtime: str | None, **others: Any) -> Any:
        refuse_runtime_of_another(server, runtime)
        return command(*args, server=ServerChoice(server, slots, runtime), **others)

    options = [
        click.option("--server", metavar="HOST:PORT", help="A running reward server; default: one is started."),
        click.option(
            "--slots",
            type=click.IntRange(min=1),
            help="Sandboxes of a started server; default: cores and a quarter.",
        ),
        runtime_option,
    ]
    return apply(cast("Command", with_choice), options)


def runtime_option(command: Command) -> Command:
    """Add what the containers of a sandbox that is started here run on: --runtime."""
    return click.option(
        "--runtime", metavar="NAME", help="OCI runtime of the sandboxes started here; default: the engine's."
    )(command)


def refuse_runtime_of_another(server: str | None, runtime: str | None) -> None:
    """Refuse a --runtime that would have no effect: who asks for a wall must not be left without it unawares.

    Raises:
        UsageError: --server names a server, which has its own.
    """
    if server is not None and runtime is not None:
        raise click.UsageError("--runtime is for a sandbox that is started here; the server at --server has its own")


def apply(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Add options, so that `--help` lists them in this order."""
    for option in reversed(options):
        command = option(command)
    return command
