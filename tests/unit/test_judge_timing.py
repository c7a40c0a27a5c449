"""Measured time limits: true to the fastest that each case can be, however disturbed the timings were."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from reward_server.judge.programs import Program
from reward_server.judge.settings import Settings, read_settings
from reward_server.judge.submissions import Submission
from reward_server.judge.timing import MOST_TIMINGS, TIMES_ALONE, AcceptedTimes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Multiplier 5, whole seconds."""
    (tmp_path / "problem.yaml").write_text("name: x\n")
    return read_settings(tmp_path)


def submission(name: str) -> Submission:
    return Submission("accepted", Program(Path(name), "python", ""))


A, B = submission("a.py"), submission("b.py")


def settle(times: AcceptedTimes, measure: Callable[[Submission, str], float | None]) -> int:
    """Time alone what is asked for; how often."""
    count = 0
    while (timed := times.next()) is not None:
        times.add_alone(timed, measure(*timed))
        count += 1
    return count


@pytest.mark.parametrize(
    ("version", "multiplier", "seconds", "limit"),
    [
        ("legacy", 5, [0.01], 1),
        ("legacy", 5, [0.29], 1),
        ("legacy", 5, [0.1, 0.31, 0.2], 2),
        ("legacy", 1.1, [1.25], 2),  # or the slowest one would not pass
        ("2023-07", 5, [0.01], 1),
        ("2023-07", 5, [0.2], 1),
        ("2023-07", 5, [0.1, 0.21, 0.2], 2),
    ],
)
def test_the_limit_is_the_slowest_case_times_the_multiplier_rounded_as_the_format_says(
    tmp_path: Path, version: str, multiplier: float, seconds: list[float], limit: float
):
    key = "time_multipliers: {ac_to_time_limit" if version != "legacy" else "time_multiplier"
    end = "}" if version != "legacy" else ""
    (tmp_path / "problem.yaml").write_text(
        f"problem_format_version: {version}\nname: x\nlimits:\n  {key}: {multiplier}{end}\n"
    )
    times = AcceptedTimes(read_settings(tmp_path))
    for at, one in enumerate(seconds):
        times.add((A, str(at)), one)
    settle(times, lambda _, name: seconds[int(name)])
    assert times.limit() == limit


def test_no_submission_that_passed_is_no_limit(settings: Settings):
    times = AcceptedTimes(settings)
    assert (times.next(), times.limit()) == (None, None)


def test_the_smallest_of_several_timings_counts(settings: Settings):
    times = AcceptedTimes(settings)
    times.add((A, "1"), 0.58)
    timings = iter([0.55, 0.39, 0.57, 0.6, 0.45])
    assert settle(times, lambda *_: next(timings)) == TIMES_ALONE
    assert times.limit() == 2
    assert times.slowest(A) == ("1", 0.39)


def test_nothing_is_timed_again_where_no_time_could_lower_the_limit(settings: Settings):
    times = AcceptedTimes(settings)
    times.add((A, "1"), 0.19)
    times.add((B, "1"), 0.15)
    assert times.next() is None
    times.add((B, "2"), 0.79)
    times.add((A, "2"), 0.78)
    assert settle(times, lambda *_: 0.75) == TIMES_ALONE + 1, "one case that is believed to be that slow is enough"


@pytest.mark.parametrize("seed", range(20))
def test_timings_disturbed_at_first_never_hide_which_case_is_slowest(settings: Settings, seed: int):
    noise = random.Random(seed)
    true = {(one, str(n)): noise.uniform(0.01, 1.0) for one in (A, B) for n in range(4)}
    times = AcceptedTimes(settings)
    for timed, seconds in true.items():
        times.add(timed, seconds * noise.uniform(1.0, 2.0))
    settle(times, lambda *timed: true[timed])
    undisturbed = AcceptedTimes(settings)
    for timed, seconds in true.items():
        undisturbed.add(timed, seconds)
    assert times.limit() == undisturbed.limit()


def test_a_case_that_cannot_be_timed_again_keeps_its_time_and_many_alike_come_to_an_end(settings: Settings):
    times = AcceptedTimes(settings)
    times.add((A, "1"), 0.5)
    assert settle(times, lambda *_: None) == TIMES_ALONE
    assert times.limit() == 3
    for n in range(1000):
        times.add((B, str(n)), 1.0)
    assert settle(times, lambda *_: 0.01) + TIMES_ALONE == MOST_TIMINGS
    assert times.limit() == 5, "too many to be sure, so the longer limit"
