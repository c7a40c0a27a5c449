"""Reads what `gavel score` grades and finds the row that each completion answers, before anything is spent."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from reward_server.client import Limits
from router.load import iter_tasks
from router.task import Task, VerifierSpec
from trainer.errors import InputError
from trainer.grade import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from router.errors import RowError

_LIMITS = {field.name for field in fields(Limits)}
MAX_SHOWN = 10
"""Faults of a file that one error message lists."""


@dataclass(frozen=True, slots=True)
class Written:
    """One line of a completions file."""

    where: str
    """``file:line``."""
    row: int | None
    id: str | None
    """At least one of ``row`` and ``id`` is given."""
    text: str
    truncated: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """The completions with their rows' specs."""

    items: list[Item]
    rows_without: int
    """Rows of the data set that no completion answers."""


def read_completions(path: Path) -> list[Written]:
    """Read ``{"row": index or "id": key, "completion": text[, "truncated": bool]}`` lines; other fields are ignored.

    Raises:
        InputError: a line is not such an object, or there is none; names file and line.
        OSError: the file cannot be read.
    """
    written: list[Written] = []
    faults: list[str] = []
    for where, value in _json_lines(path, faults):
        row, key = value.get("row"), value.get("id")
        text, truncated = value.get("completion"), value.get("truncated", False)
        if fault := _fault(row, key, text, truncated):
            faults.append(f"{where}: {fault}")
            continue
        assert isinstance(text, str)
        written.append(Written(where, row, None if key is None else str(key), text, truncated))
    _raise_all(faults, f"{path}: cannot be graded")
    if not written:
        raise InputError(f'{path}: there is no completion in it; each line is {{"row": 0, "completion": "..."}}')
    return written


def read_explicit(path: Path) -> list[Item]:
    """Read ``{"verifier": name, "params": {...}, "completion": text[, "id": key][, "limits": {...}]}`` lines: one
    item each. ``limits`` has fields of :class:`reward_server.client.Limits`.

    Raises:
        InputError: a line is not such an object, or there is none; names file and line.
        OSError: the file cannot be read.
    """
    items: list[Item] = []
    faults: list[str] = []
    for number, (where, value) in enumerate(_json_lines(path, faults)):
        verifier, params, key = value.get("verifier"), value.get("params"), value.get("id", number)
        text, truncated = value.get("completion"), value.get("truncated", False)
        limits = value.get("limits")
        fault = _fault(number, key, text, truncated) or _limits_fault(limits)
        if not isinstance(verifier, str) or not isinstance(params, dict):
            fault = '"verifier" must be a name and "params" an object'
        if fault:
            faults.append(f"{where}: {fault}")
            continue
        assert isinstance(verifier, str)
        assert isinstance(params, dict)
        assert isinstance(text, str)
        spec, bounds = VerifierSpec(verifier, params), None if limits is None else Limits(**limits)
        items.append(Item(len(items), number, str(key), spec, text, truncated, limits=bounds))
    _raise_all(faults, f"{path}: cannot be graded")
    if not items:
        raise InputError(f'{path}: it is empty; each line is {{"verifier": ..., "params": ..., "completion": ...}}')
    return items


def match(
    written: list[Written],
    dataset: str,
    *,
    schema: str | None = None,
    mapping: str | Mapping[str, str] | None = None,
    split: str | None = None,
    config: str | None = None,
    schemas: Sequence[Path] = (),
) -> Matched:
    """Find each completion's row. A row that the router cannot read becomes an item with ``problem`` set.

    Raises:
        InputError: a completion names a row that is not in the data set; names file and line.
        RouterError: the data set cannot be read, or its rows have nothing to verify against.
    """
    wanted_rows = {w.row for w in written if w.row is not None}
    wanted_ids = {w.id for w in written if w.row is None}
    by_row: dict[int, Task] = {}
    by_id: dict[str, Task] = {}
    unreadable: dict[int, RowError] = {}
    answered = total = 0

    def put_aside(error: RowError) -> None:
        unreadable[error.index] = error

    tasks = iter_tasks(
        dataset, schema, mapping, split, config=config, method="grpo", schemas=schemas, on_error=put_aside
    )
    for task in tasks:
        assert isinstance(task, Task)
        total += 1
        answered += task.index in wanted_rows or task.key in wanted_ids
        if task.index in wanted_rows:
            by_row[task.index] = task
        if task.key in wanted_ids:
            by_id[task.key] = task
    items: list[Item] = []
    faults: list[str] = []
    for w in written:
        task_or_none = by_row.get(w.row) if w.row is not None else by_id.get(w.id or "")
        if task_or_none is not None and w.id in (None, task_or_none.key):
            task = task_or_none
            items.append(Item(len(items), task.index, task.key, task.spec, w.text, w.truncated))
        elif w.row is not None and w.row in unreadable:
            key = w.id or str(w.row)
            items.append(Item(len(items), w.row, key, None, w.text, w.truncated, str(unreadable[w.row])))
        else:
            faults.append(f"{w.where}: {_unknown(w, task_or_none, total, len(unreadable))}")
    _raise_all(faults, f"completions do not belong to {dataset}")
    return Matched(items, total - answered)


def _unknown(written: Written, task: Task | None, total: int, unreadable: int) -> str:
    if task is not None:
        return f"row {written.row} has the id {task.key!r}, not {written.id!r}"
    aside = f" ({unreadable} more cannot be read)" if unreadable else ""
    what = f"row {written.row}" if written.row is not None else f"id {written.id!r}"
    return f"there is no {what} among the data set's {total} rows{aside}"


def _fault(row: Any, key: Any, text: Any, truncated: Any) -> str:
    """Say what is wrong with a line's fields; empty if nothing is."""
    if row is None and key is None:
        return '"row" (an index from 0) or "id" is missing'
    if row is not None and (not isinstance(row, int) or isinstance(row, bool) or row < 0):
        return f'"row" must be an index from 0, not {json.dumps(row)[:80]}'
    if key is not None and (not isinstance(key, str | int) or isinstance(key, bool)):
        return f'"id" must be a text or an integer, not {json.dumps(key)[:80]}'
    if text is None:
        return '"completion" is missing'
    if not isinstance(text, str):
        return f'"completion" must be a text, not {json.dumps(text)[:80]}'
    return "" if isinstance(truncated, bool) else '"truncated" must be true or false'


def _limits_fault(limits: Any) -> str:
    """Say what is wrong with a line's limits; empty if nothing is. What they may be at most is the server's to say."""
    if limits is None:
        return ""
    if not isinstance(limits, dict) or not limits.keys() <= _LIMITS:
        return f'"limits" must be an object with some of {", ".join(sorted(_LIMITS))}'
    for name, value in limits.items():
        kinds = int | float if name.endswith("_seconds") else int
        if not isinstance(value, kinds) or isinstance(value, bool) or not 0 < value < math.inf:
            kind = "number" if name.endswith("_seconds") else "integer"
            return f'"limits": {name} must be a positive {kind}, not {json.dumps(value)[:80]}'
    return ""


def _json_lines(path: Path, faults: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (``file:line``, object) of every line that is not blank; what is no JSON object goes to ``faults``."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                faults.append(f"{where}: not UTF-8 text (byte {error.start} of the line)")
            except (ValueError, RecursionError) as error:
                faults.append(f"{where}: not a JSON line ({error})")
            else:
                if isinstance(value, dict):
                    yield where, value
                else:
                    faults.append(f"{where}: a JSON object is needed, not {type(value).__name__}")


def _raise_all(faults: list[str], summary: str) -> None:
    if not faults:
        return
    more = f"\n  … and {len(faults) - MAX_SHOWN} more" if len(faults) > MAX_SHOWN else ""
    listed = "".join(f"\n  {fault}" for fault in faults[:MAX_SHOWN])
    raise InputError(f"{summary}; nothing was scored:{listed}{more}")
