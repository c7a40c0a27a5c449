"""Every labelled set, scored by a real server: ``python -m tests.truth --data DIR``.

Each module beside this one that has ``rows(data, address)`` adds rows to the table. Exit status: 0, 1 if a set agrees
less than it must, 2 if the data or the server is not there.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from reward_server.errors import GavelError
from reward_server.local import LocalServer
from tests.truth.rows import Row, ScoreFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOWN = 20
"""Disagreements listed per set that falls short; of the others, too."""


def main() -> int:
    """Score, show, and say whether all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.truth", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with code/ and math/ (see its README.md)")
    parser.add_argument("--only", default="", help="only modules whose name starts so, e.g. code")
    parser.add_argument("--slots", type=int, default=None, help="sandbox containers; default: one per core")
    parser.add_argument("--runtime", default=None, help="their OCI runtime; default: the engine's")
    arguments = parser.parse_args()
    if not (arguments.data / "code").is_dir() or not (arguments.data / "math").is_dir():
        print(f"{arguments.data}: no folders code/ and math/ here; give the folder of the labelled data, "
              "e.g. make truth DATA=../shared/data", file=sys.stderr)  # fmt: skip
        return 2
    try:
        with LocalServer(slots=arguments.slots, runtime=arguments.runtime, require_sandbox=True) as server:
            found = _score_all(arguments.data, server.address, arguments.only)
    except (GavelError, ScoreFailedError) as error:
        print(f"the labelled sets could not be scored: {error}", file=sys.stderr)
        return 2
    return 0 if found and all(row.is_good for row in found) else 1


def _score_all(data: Path, address: str, only: str) -> list[Row]:
    """Score set by set, showing each as it is done, then the table."""
    # A log has no width: the table's own is 140.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    found: list[Row] = []
    for name, rows in _modules():
        if not name.startswith(only):
            continue
        with console.status(f"{name} …"):
            for row in rows(data, address):
                found.append(row)
                _show_row(console, row)
    console.print(_table(found))
    return found


def _modules() -> Iterator[tuple[str, Callable[[Path, str], Iterator[Row]]]]:
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if info.name in ("__main__", "rows"):
            continue
        yield info.name, importlib.import_module(f"tests.truth.{info.name}").rows


def _show_row(console: Console, row: Row) -> None:
    mark = "[green]✓[/green]" if row.is_good else "[red]✗[/red]"
    console.print(f"{mark} {row.set_name}: {row.agree}/{row.rows} agree ({row.seconds:.1f} s)")
    for text in row.disagreements[:SHOWN]:
        console.print(f"    {text}", markup=False)
    if len(row.disagreements) > SHOWN:
        console.print(f"    … and {len(row.disagreements) - SHOWN} more")


def _table(found: list[Row]) -> Table:
    table = Table(title="Labelled sets", title_justify="left")
    for heading in ("set", "rows", "agree", "share", "required", "not scored", "note"):
        table.add_column(heading, justify="left" if heading in ("set", "note") else "right", no_wrap=heading != "note")
    for row in found:
        style = "" if row.is_good else "red"
        share = f"{row.agree / row.rows:.2%}" if row.rows else "-"
        numbers = (str(row.rows), str(row.agree), share, str(row.required), str(row.unscored))
        table.add_row(row.set_name, *numbers, row.note, style=style)
    return table


if __name__ == "__main__":
    sys.exit(main())
