"""What a suite's tests told, and what of that counts."""

from __future__ import annotations

from typing import Any

import pytest

from reward_server.scoring import judge as score
from reward_server.verdict import Outcome
from sandbox.facts import (
    Stopped,
)
from tests.unit.code_facts import PROGRAM, SUITE, USAGE, run, suite, verify


@pytest.mark.parametrize(
    ("facts", "outcome", "reward", "reasons"),
    [
        (["test_a", "test_b", "test_c"], Outcome.PASSED, 1.0, ["", "", ""]),
        (["test_c", "test_x", "test_a failed", "test_b"], Outcome.FAILED, 0.75, ["wrong_value", "", ""]),
        (["test_a", "test_b", "test_c error"], Outcome.FAILED, 0.5, ["", "", "runtime_error"]),
        (["test_a", "test_b", "test_c xpassed"], Outcome.FAILED, 0.5, ["", "", "wrong_value"]),
        (["test_a", "test_b", "test_c", "test_c"], Outcome.FAILED, 0.5, ["", "", "wrong_value"]),
        ([], Outcome.FAILED, 0.0, ["wrong_value"] * 3),
    ],
)
async def test_a_suite_counts_what_was_declared(facts: list[str], outcome: Outcome, reward: float, reasons: list[str]):
    finding = (await verify(SUITE, PROGRAM, run(suite(*facts, file="test_it.py")))).finding
    assert (finding.outcome, finding.cases_total) == (outcome, 3)
    assert [part.reason for part in finding.parts] == reasons
    assert score(finding).reward == reward


@pytest.mark.parametrize(
    ("told", "fields", "outcome", "reasons"),
    [
        ("test_a test_b", {"stopped": Stopped.CPU}, Outcome.FAILED, ["", "", "time_limit"]),
        ("test_a test_b test_c", {"stopped": Stopped.CPU}, Outcome.FAILED, ["", "", "time_limit"]),
        ("test_a", {"stopped": Stopped.MEMORY}, Outcome.FAILED, ["", "memory_limit", "memory_limit"]),
        ("test_a test_b test_c", {"stopped": Stopped.VIOLATION}, Outcome.VIOLATION, ["violation"] * 3),
        ("", {"signal": 11, "assert_completed": False}, Outcome.RUNTIME_ERROR, ["runtime_error"] * 3),
        ("test_a", {"assert_completed": False}, Outcome.FAILED, ["", "runtime_error", "runtime_error"]),
    ],
)  # fmt: skip
async def test_a_suite_that_was_cut_off_has_not_passed(
    told: str, fields: dict[str, Any], outcome: Outcome, reasons: list[str]
):
    verified = await verify(SUITE, PROGRAM, run(suite(*told.split(), file="test_it.py", **fields)))
    assert verified.finding.outcome is outcome
    assert [part.reason for part in verified.finding.parts] == reasons
    assert verified.execution.cpu_seconds == USAGE.cpu_seconds, "one run, told once"
