"""Grades completions on a reward server: texts and how they are judged in, one verdict for each out.

The one place that evaluation and `gavel score` share: many calls in flight, overload waited for, and every completion
accounted for: it has a verdict, or the reason why it has none.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from reward_server.client import (
    Completion,
    DeadlinePassed,
    Group,
    Limits,
    NotScored,
    RequestRefused,
    RewardError,
    ServerFault,
    ServerOverloaded,
    ServerUnavailable,
    Verdict,
)
from trainer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from reward_server.client import AsyncRewardClient
    from router.task import VerifierSpec

COMPLETIONS_PER_CALL = 32
CALLS_IN_FLIGHT = 8
RETRY_SECONDS = 120.0
"""How long a call is tried again while the server is overloaded or away. A server that restarts is back by then."""
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

REASONS: dict[type[RewardError], str] = {
    DeadlinePassed: "DEADLINE",
    RequestRefused: "REFUSED",
    ServerFault: "SERVER_FAULT",
    ServerOverloaded: "SERVER_OVERLOADED",
    ServerUnavailable: "SERVER_UNAVAILABLE",
}
"""Reason in a verdict line where the whole call failed, so that the server could not give one itself."""


@dataclass(frozen=True, slots=True)
class Item:
    """One completion to be graded."""

    position: int
    """Its place in the input, from 0; verdicts are put back into this order."""
    row: int
    """Row number in the data set, from 0."""
    key: str
    """The row's key: items with the same key are samples of the same row, also if they do not share a spec."""
    spec: VerifierSpec | None
    """None: the row cannot be judged, see ``problem``."""
    text: str
    truncated: bool = False
    problem: str = ""
    limits: Limits | None = None
    """None: the server's defaults."""


async def grade(
    items: Sequence[Item], client: AsyncRewardClient, on_verdict: Callable[[Item, Verdict], None]
) -> list[Verdict]:
    """Return one verdict per item, in order; ``on_verdict`` gets each as soon as it is there.

    Never raises for what the server does: a completion whose call failed gets a verdict with an error. When the server
    is gone for good, what is left is not asked for any more and gets that error, too.
    """
    grading = _Grading(client, on_verdict, {})
    calls = iter(_calls(items, grading))
    async with asyncio.TaskGroup() as workers:
        for _ in range(CALLS_IN_FLIGHT):
            workers.create_task(grading.work(calls))
    return [grading.verdicts[item.position] for item in items]


class _Grading:
    """The state of one :func:`grade`."""

    def __init__(
        self, client: AsyncRewardClient, on_verdict: Callable[[Item, Verdict], None], verdicts: dict[int, Verdict]
    ) -> None:
        self.client = client
        self.on_verdict = on_verdict
        self.verdicts = verdicts
        self.gone: RewardError | None = None

    async def work(self, calls: Iterator[list[list[Item]]]) -> None:
        """Take calls until none is left. Several workers share one iterator."""
        for groups in calls:
            await self._score(groups)

    async def _score(self, groups: list[list[Item]]) -> None:
        if self.gone is not None:
            self.fail(groups, self.gone)
            return
        try:
            results = await self.client.score([_group(i, group) for i, group in enumerate(groups)])
        except (RequestRefused, ServerFault) as error:
            # One bad completion refuses the whole call: ask again without its neighbours.
            parts = _halves(groups)
            if not parts:
                self.fail(groups, error)
            for part in parts:
                await self._score(part)
        except RewardError as error:
            self.gone = error
            self.fail(groups, error)
        else:
            for group, result in zip(groups, results, strict=True):
                for item, verdict in zip(group, result.verdicts, strict=True):
                    self.put(item, verdict)

    def fail(self, groups: list[list[Item]], error: RewardError) -> None:
        """Give every item of a failed call the same error."""
        reason = REASONS.get(type(error), "SERVER_FAULT")
        for item in (item for group in groups for item in group):
            self.put(item, Verdict(str(item.position), error=NotScored(reason, str(error))))

    def put(self, item: Item, verdict: Verdict) -> None:
        """Keep and show one verdict."""
        self.verdicts[item.position] = verdict
        self.on_verdict(item, verdict)


def _calls(items: Sequence[Item], grading: _Grading) -> Iterator[list[list[Item]]]:
    """Yield the items as calls: lists of groups that share a spec, at most COMPLETIONS_PER_CALL together."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        if item.spec is None:
            error = NotScored("BAD_REFERENCE", item.problem)
            grading.put(item, Verdict(str(item.position), error=error))
        else:
            # By identity: items may share a key and still be judged against different references.
            groups.setdefault(id(item.spec), []).append(item)
    call: list[list[Item]] = []
    size = 0
    for members in groups.values():
        for start in range(0, len(members), COMPLETIONS_PER_CALL):
            group = members[start : start + COMPLETIONS_PER_CALL]
            if call and size + len(group) > COMPLETIONS_PER_CALL:
                yield call
                call, size = [], 0
            call.append(group)
            size += len(group)
    if call:
        yield call


def _halves(groups: list[list[Item]]) -> list[list[list[Item]]]:
    """Return a call as two smaller ones; nothing if it is of one completion."""
    if len(groups) > 1:
        middle = len(groups) // 2
        return [groups[:middle], groups[middle:]]
    middle = len(groups[0]) // 2
    return [[groups[0][:middle]], [groups[0][middle:]]] if middle else []


def _group(index: int, items: list[Item]) -> Group:
    spec = items[0].spec
    assert spec is not None
    # Half of a character pair cannot travel as UTF-8; what a model emits is judged all the same.
    completions = [Completion(LONE_SURROGATE.sub("\ufffd", item.text), item.truncated) for item in items]
    return Group(spec.verifier, spec.params, completions, id=str(index), limits=items[0].limits)


def verdict_line(item: Item, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as it stands in ``verdicts.jsonl``: either ``outcome`` and ``reward``, or ``error``."""
    line: dict[str, Any] = {"row": item.row, "id": item.key}
    if verdict.error is not None:
        return line | {"error": {"reason": verdict.error.reason, "message": verdict.error.message}}
    line |= {
        "outcome": verdict.outcome,
        "reward": verdict.reward,
        "cases_passed": verdict.cases_passed,
        "cases_total": verdict.cases_total,
    }
    if verdict.first_failure is not None:
        line["first_failure"] = asdict(verdict.first_failure) | {"outcome": verdict.first_failure.outcome.name}
    if verdict.diagnostics:
        line["diagnostics"] = verdict.diagnostics
    if verdict.parts:
        line["parts"] = [asdict(part) for part in verdict.parts]
    return line | {"explanation": asdict(verdict.explanation)}


class VerdictFile:
    """``verdicts.jsonl``: written as verdicts come, put into the input's order at the end, also after Ctrl-C.

    Until then the lines stand in ``NAME.partial``, which is what remains after a power cut; an older file of that name
    is replaced only at the end.
    """

    def __init__(self, path: Path) -> None:
        """Open for writing.

        Raises:
            InputError, OSError: it cannot be written there. Nothing was spent.
        """
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a file that verdicts can be written to")
        self.path = path
        self.partial = path.with_name(f"{path.name}.partial")
        self._lines: list[tuple[int, int, int]] = []
        """(position, offset, length) of every line."""
        self._stream = self.partial.open("w+b")

    def write(self, item: Item, verdict: Verdict) -> None:
        """Add a line."""
        # ASCII: model text may hold what UTF-8 cannot.
        line = json.dumps(verdict_line(item, verdict)).encode("ascii") + b"\n"
        self._lines.append((item.position, self._stream.tell(), len(line)))
        self._stream.write(line)
        self._stream.flush()

    def close(self) -> None:
        """Put the lines into order and the file into its place."""
        ordered = self.path.with_name(f"{self.path.name}.ordered")
        with self._stream as stream, ordered.open("wb") as out:
            for _, offset, length in sorted(self._lines):
                stream.seek(offset)
                out.write(stream.read(length))
        ordered.replace(self.path)
        self.partial.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of all completions."""

    outcomes: dict[str, int]
    """By outcome name, most frequent first."""
    unscored: dict[str, int]
    """By reason."""
    passed: list[list[bool | None]]
    """Per row that has completions, in order of first mention: one per completion."""


def totals(items: Sequence[Item], verdicts: Sequence[Verdict]) -> Totals:
    """Count what became of the items."""
    rows: dict[str, list[bool | None]] = {}
    for item, verdict in zip(items, verdicts, strict=True):
        rows.setdefault(item.key, []).append(verdict.passed)
    outcomes = Counter(verdict.outcome for verdict in verdicts if verdict.outcome is not None)
    unscored = Counter(verdict.error.reason for verdict in verdicts if verdict.error is not None)
    return Totals(dict(outcomes.most_common()), dict(unscored.most_common()), list(rows.values()))
