"""From captured facts to findings: the first failing case, policies and weights, what is hidden, what is unscored."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from reward_server.errors import Reason, Unscored
from reward_server.scoring import judge as score
from reward_server.verdict import Explanation, Outcome
from reward_server.verifiers.base import Candidate
from reward_server.verifiers.code import CodeVerifier
from reward_server.verifiers.code_params import CodeParams
from sandbox.errors import JobRefused, SandboxLost, SandboxUnavailable
from sandbox.facts import (
    Again,
    CaseFacts,
    NotPlain,
    Raised,
    Returned,
    Stall,
    Stopped,
    Unusable,
)
from sandbox.job import AssertTests, CallTests, Limits, StdioTests
from tests.unit.code_facts import (
    ASSERTS,
    CALLS,
    DONE,
    NONE,
    NOT_COMPILED,
    PROGRAM,
    STDIO,
    STEPS,
    WRONG,
    ScriptedExecutor,
    case,
    out,
    returned,
    run,
    stacked,
    verify,
    weighted,
)


@pytest.mark.parametrize(
    ("params", "facts", "outcome", "message"),
    [
        (STDIO, out("0", stopped=Stopped.CPU, exit_status=None), Outcome.TIME_LIMIT,
         "the time limit was reached: 0.25 s of CPU time in 0.50 s"),
        (STDIO, out("0", stopped=Stopped.CPU, exit_status=None, again=Again.ALONE), Outcome.TIME_LIMIT,
         "the time limit was reached: 0.25 s of CPU time in 0.50 s; run again alone, with this result"),
        (STDIO, out("0", stopped=Stopped.CPU, exit_status=None, again=Again.SKIPPED), Outcome.TIME_LIMIT,
         "the time limit was reached: 0.25 s of CPU time in 0.50 s; not run again alone, there were too many "
         "time-outs"),
        (STDIO, out("0", stopped=Stopped.WALL, exit_status=None, stall=Stall(3, 0, 0.1)), Outcome.TIME_LIMIT,
         "the time limit was reached: it slept or deadlocked, all 3 threads blocked (0.25 s of CPU time in 0.50 s)"),
        (STDIO, out("0", stopped=Stopped.WALL, exit_status=None, stall=Stall(3, 2, 0.1)), Outcome.TIME_LIMIT,
         "the time limit was reached: it did not end (0.25 s of CPU time in 0.50 s, 0.10 s in want of a CPU)"),
        (STDIO, out("0", stopped=Stopped.MEMORY), Outcome.MEMORY_LIMIT, "the memory limit was reached"),
        (STDIO, out("0", stopped=Stopped.OUTPUT), Outcome.OUTPUT_LIMIT, "the program wrote more than the output limit"),
        (STDIO, out("0", stdout_truncated=True), Outcome.OUTPUT_LIMIT, "the program wrote more than the output limit"),
        (STDIO, out("0", exit_status=None, signal=11), Outcome.RUNTIME_ERROR,
         "the program ended by an error: signal 11"),
        (STDIO, out("0", exit_status=7), Outcome.RUNTIME_ERROR, "the program ended by an error: exit status 7"),
        (STDIO, out("1"), Outcome.FAILED, "token 1 is '1', expected '0'"),
        (CALLS, case(), Outcome.VIOLATION, None),
        (CALLS, case(call=Raised("ValueError", "no")), Outcome.RUNTIME_ERROR, "ValueError: no"),
        (CALLS, case(call=NotPlain("Same")), Outcome.FAILED,
         "the call returned an object of type 'Same', which is not plain data"),
        (CALLS, returned(True), Outcome.FAILED, "expected 0, got True"),
        (CALLS, case(call=Returned(0, ()), stopped=Stopped.VIOLATION), Outcome.VIOLATION, None),
        (CALLS, case(call=Unusable("the call returned too large a value")), Outcome.FAILED,
         "the call returned too large a value"),
        (STEPS, stacked(NONE), Outcome.VIOLATION, None),
        (STEPS, stacked(NONE, NONE, NONE), Outcome.VIOLATION, None),
        (STEPS, case(call=NONE), Outcome.VIOLATION, None),
        (STEPS, case(call=Raised("TypeError", "no")), Outcome.RUNTIME_ERROR, "TypeError: no"),
        (STEPS, stacked(Raised("ValueError", "no"), Returned(1, ())), Outcome.RUNTIME_ERROR,
         "step 0, put(1): ValueError: no"),
        (STEPS, stacked(NotPlain("Stack"), Returned(2, ())), Outcome.FAILED, "step 1, get(): expected 1, got 2"),
        (ASSERTS, case(assert_completed=False), Outcome.RUNTIME_ERROR, "the program ended by an error"),
        (ASSERTS, case(assert_completed=None), Outcome.RUNTIME_ERROR, None),
        (ASSERTS, case(assert_completed=True, stopped=Stopped.CPU), Outcome.TIME_LIMIT, None),
        (ASSERTS, WRONG, Outcome.FAILED, "AssertionError: assert twice(3) == 6"),
    ],
)  # fmt: skip
async def test_the_first_failing_case_decides_and_is_explained(
    params: dict[str, Any], facts: CaseFacts, outcome: Outcome, message: str | None
):
    finding = (await verify(params, PROGRAM, run(facts))).finding
    assert finding.outcome is outcome
    assert (finding.cases_passed, finding.cases_total) == (0, 4)
    assert finding.first_failure is not None
    assert (finding.first_failure.index, finding.first_failure.outcome) == (0, outcome)
    if message is not None:
        assert finding.first_failure.message == message


async def test_first_failure_stops_there_says_what_was_not_run_and_keeps_the_denominator():
    finding = (await verify(STDIO, PROGRAM, run(out("0"), out("x"), out("2"), out("3")))).finding
    assert (finding.outcome, finding.cases_passed, finding.cases_total) == (Outcome.FAILED, 1, 4)
    assert finding.first_failure is not None
    assert (finding.first_failure.index, finding.first_failure.input, finding.first_failure.expected) == (1, "1", "1")
    assert [part.reason for part in finding.parts] == ["", "wrong_value", "not_run", "not_run"]
    assert score(finding).reward == 0.0


async def test_all_runs_every_case_and_pays_nothing_for_some():
    cases = run(out("0"), out("x"), out("2", stopped=Stopped.CPU), out("3"))
    finding = (await verify({**STDIO, "policy": "all"}, PROGRAM, cases)).finding
    assert (finding.outcome, finding.cases_passed, finding.cases_total) == (Outcome.FAILED, 2, 4)
    assert [(part.name, part.score, part.reason) for part in finding.parts] == [
        ("case 0", 1.0, ""),
        ("case 1", 0.0, "wrong_value"),
        ("case 2", 0.0, "time_limit"),
        ("case 3", 1.0, ""),
    ]
    assert score(finding).reward == 0.0


async def test_pass_rate_pays_by_weight():
    finding = (await verify(weighted(1, 5, 2), PROGRAM, run(out("x"), out("1"), out("2")))).finding
    assert score(finding).reward == 7 / 8
    assert [part.name for part in finding.parts] == ["w1", "w5", "w2"]


@pytest.mark.parametrize("policy", ["first_failure", "all", "pass_rate"])
async def test_a_case_of_no_weight_is_shown_and_decides_nothing(policy: str):
    params = weighted(0, 1, 0, policy=policy)
    right = (await verify(params, PROGRAM, run(out("x"), out("1"), out("", stopped=Stopped.CPU)))).finding
    assert (right.outcome, right.cases_passed, right.cases_total) == (Outcome.PASSED, 1, 1)
    assert [part.reason for part in right.parts] == ["wrong_value", "", "time_limit"]
    assert score(right).reward == 1.0
    wrong = (await verify(params, PROGRAM, run(out("0"), out("x"), out("2")))).finding
    assert (wrong.outcome, wrong.cases_passed, wrong.cases_total) == (Outcome.FAILED, 0, 1)
    assert wrong.first_failure is not None
    assert wrong.first_failure.index == 1
    assert score(wrong).reward == 0.0


async def test_a_program_that_never_ran_has_a_part_for_every_case():
    finding = (await verify(STDIO, PROGRAM, NOT_COMPILED)).finding
    assert [part.reason for part in finding.parts] == ["not_run"] * 4


SECRET = "4711"


@pytest.mark.parametrize(
    ("params", "facts"),
    [
        ({"form": "stdio", "cases": [{"stdin": "1", "stdout": SECRET}]}, out("1")),
        ({"form": "calls", "entry_point": "f", "cases": [{"expected": int(SECRET)}]}, returned(1)),
        ({"form": "calls", "entry_point": "f", "cases": [{"expected": SECRET}]}, case(call=Raised("KeyError", "1"))),
        ({"form": "calls", "entry_point": "f", "cases": [{"expected": SECRET}]}, case(call=NotPlain("Any"))),
        ({"form": "asserts", "cases": [f"assert f() == {SECRET}"]},
         case(assert_completed=False, assert_message=f"AssertionError: assert f() == {SECRET}")),
        ({"form": "asserts", "cases": [f"assert f()[{SECRET}]"]},
         case(assert_completed=False, assert_message=f"KeyError: {SECRET}")),
    ],
)  # fmt: skip
async def test_what_is_expected_is_hidden_where_the_row_asks_for_it(params: dict[str, Any], facts: CaseFacts):
    shown = (await verify(params, PROGRAM, run(facts))).finding
    assert SECRET in repr(dataclasses.replace(shown, explanation=Explanation()))
    hidden = (await verify({**params, "show_expected": False}, PROGRAM, run(facts))).finding
    assert SECRET not in repr(hidden)
    assert hidden.outcome is shown.outcome


async def test_parts_stay_small_however_many_cases_fail():
    failing = case(call=Raised("E", "\ud800" * 5000))
    params = {"form": "calls", "entry_point": "f", "policy": "all", "cases": [{"expected": 1}] * 1024}
    finding = (await verify(params, PROGRAM, run(*[failing] * 1024))).finding
    assert len(finding.parts) == 1024
    assert all(len(part.message.encode()) <= 256 for part in finding.parts)
    assert sum(len(part.message) for part in finding.parts) <= 16 * 256


@pytest.mark.parametrize("bad", [out("x"), out("1", stopped=Stopped.CPU), out("1", exit_status=1)])
async def test_pass_rate_runs_every_case_and_pays_the_passed_ones(bad: CaseFacts):
    finding = (await verify({**STDIO, "policy": "pass_rate"}, PROGRAM, run(out("0"), bad, out("2"), out("3")))).finding
    assert (finding.outcome, finding.cases_passed, finding.cases_total) == (Outcome.FAILED, 3, 4)
    assert score(finding).reward == 0.75


async def test_pass_rate_pays_nothing_for_a_violation():
    violation = out("", stopped=Stopped.VIOLATION)
    finding = (
        await verify({**STDIO, "policy": "pass_rate"}, PROGRAM, run(out("0"), out("x"), violation, out("3")))
    ).finding
    assert (finding.outcome, finding.cases_passed) == (Outcome.VIOLATION, 2)
    assert score(finding).reward == 0.0


@pytest.mark.parametrize("cases", [(), (out("0"),)])
async def test_a_sandbox_that_loses_cases_gives_no_reward(cases: tuple[CaseFacts, ...]):
    with pytest.raises(Unscored) as caught:
        await verify(STDIO, PROGRAM, run(*cases))
    assert caught.value.reason is Reason.VERIFIER_CRASHED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SandboxLost("the engine went away"), Reason.SANDBOX_LOST),
        (SandboxUnavailable("start Docker"), Reason.SANDBOX_UNAVAILABLE),
        (JobRefused("no such language"), Reason.BAD_REFERENCE),
    ],
)
async def test_sandbox_errors_are_plane_two(error: Exception, reason: Reason):
    with pytest.raises(Unscored, match=str(error)) as caught:
        await verify(STDIO, PROGRAM, error)
    assert caught.value.reason is reason


async def test_an_expected_output_over_the_limit_is_a_bad_reference():
    params = {"form": "stdio", "cases": [{"stdout": "1"}, {"stdout": "123"}, {"stdout": "1234"}]}
    with pytest.raises(Unscored, match="case 2 is over the output limit of 3 bytes") as caught:
        await verify(params, PROGRAM, limits=Limits(output_bytes=3))
    assert caught.value.reason is Reason.BAD_REFERENCE


async def test_a_bad_reference_is_told_before_the_candidate_is_looked_at():
    with pytest.raises(Unscored):
        await verify({**ASSERTS, "preamble": "("}, "")


async def test_jobs_hold_inputs_and_no_expected_output():
    executor = ScriptedExecutor(run(out("42")), run(returned(43)), run(DONE))
    verifier = CodeVerifier(executor)
    for params in (
        {"form": "stdio", "cases": [{"stdin": "7", "stdout": "42"}]},
        {"form": "calls", "entry_point": "f", "cases": [{"args": [7], "kwargs": {"k": 8}, "expected": 43}]},
        {"form": "asserts", "entry_point": "f", "preamble": "import math", "cases": ["f()"]},
    ):
        await verifier.verify(CodeParams.model_validate_json(json.dumps(params)), Candidate(PROGRAM), Limits())
    stdio, calls, asserts = (job.tests for job in executor.jobs)
    assert stdio == StdioTests((b"7",))
    assert isinstance(calls, CallTests)
    assert "43" not in repr(calls)
    assert (calls.function, calls.calls[0].args, calls.calls[0].kwargs) == ("f", (7,), (("k", 8),))
    assert asserts == AssertTests(("f()",), "import math", "f", shared=False)
    await verifier.close()


async def test_hostile_texts_come_out_bounded_and_serialisable():
    hostile = case(
        call=Raised("\ud800" * 5000, "\udfff\x00" * 5000),
        stderr=b"\xff" * 4096,
        program_raised=Raised("\ud800", "\udfff"),
    )
    verified = await verify(
        {**CALLS, "policy": "pass_rate"}, PROGRAM, run(hostile, returned("\ud800"), hostile, hostile)
    )
    finding = verified.finding
    assert finding.first_failure is not None
    texts = [*dataclasses.astuple(finding.first_failure), *dataclasses.astuple(finding.explanation)]
    for text in texts:
        if isinstance(text, str):
            assert len(text.encode("utf-8")) <= 2048
    assert 0 < len(finding.diagnostics.encode("utf-8")) <= 4096


async def test_execution_adds_up_cases_and_runs():
    rambling = "    return x\n\nThat is it."
    params = {**ASSERTS, "prefix": "def f(x):\n"}
    verified = await verify(params, rambling, NOT_COMPILED, run(DONE, DONE, DONE, DONE))
    assert verified.execution.cpu_seconds == 1.0
    assert verified.execution.peak_memory_bytes == 1000
    assert verified.execution.worker == "slot-0"
    assert verified.finding.explanation.extraction_rule == "continuation_cut+prefix"
    assert verified.finding.explanation.strict_format is False
