"""The time limit of a package that gives none: its slowest accepted case, times the multiplier, rounded.

The same work costs more CPU time while something else keeps the core's other hardware thread or the caches busy. That
only ever adds, so of several timings of a case the smallest is nearest to the truth. What a submission took while
others ran beside it says which case may be the slowest; the limit comes from cases that were then timed alone. Only
what the limit, as rounded, depends on is timed again.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reward_server.judge.settings import Settings
    from reward_server.judge.submissions import Submission

Timed = tuple["Submission", str]
"""An accepted submission and the name of a case."""

TIMES_ALONE = 5
"""Timings of a case after which its smallest is believed."""
MOST_TIMINGS = 30
"""Of one package: many cases of nearly the same time must not take for ever."""


class AcceptedTimes:
    """Seconds of CPU time of every case of the accepted submissions that passed."""

    def __init__(self, settings: Settings) -> None:
        self._multiplier = settings.time_multiplier
        self._step = settings.time_resolution_seconds
        self._rounds_up = settings.rounds_up
        self._seconds: dict[Timed, float] = {}
        self._alone: Counter[Timed] = Counter()

    def add(self, timed: Timed, seconds: float) -> None:
        """A time taken while others may have run."""
        self._seconds[timed] = seconds

    def add_alone(self, timed: Timed, seconds: float | None) -> None:
        """A time taken while nothing else of this pool ran; None: there was none, and what is known stands."""
        self._alone[timed] += 1
        if seconds is not None:
            self._seconds[timed] = min(self._seconds[timed], seconds)

    def next(self) -> Timed | None:
        """The case to time alone now; None if the limit is settled."""
        if not self._seconds or self._alone.total() >= MOST_TIMINGS:
            return None
        believed = [seconds for timed, seconds in self._seconds.items() if self._alone[timed] >= TIMES_ALONE]
        slowest = max(self._seconds, key=lambda timed: self._seconds[timed])
        is_settled = self._limit(self._seconds[slowest]) == self._limit(max(believed, default=0.0))
        return None if is_settled else slowest

    def slowest(self, submission: Submission) -> tuple[str, float]:
        """The slowest case of a submission that passed, and its time."""
        of_it = {case: seconds for (of, case), seconds in self._seconds.items() if of is submission}
        case = max(of_it, key=lambda name: of_it[name])
        return case, of_it[case]

    def limit(self) -> float | None:
        """In seconds; None if no submission passed."""
        return self._limit(max(self._seconds.values())) if self._seconds else None

    def _limit(self, seconds: float) -> float:
        steps = seconds * self._multiplier / self._step
        rounded = math.ceil(steps) if self._rounds_up else math.floor(steps + 0.5)
        return max(1, rounded, math.ceil(seconds / self._step)) * self._step
