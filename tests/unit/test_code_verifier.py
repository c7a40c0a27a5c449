"""From captured facts to findings, and the verifier around them, with a scripted executor.

The executor plays back facts as the sandbox reports them; ``tests/contract/test_verifier_examples.py`` holds the
same examples against real containers.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from reward_server.errors import Reason, Unscored
from reward_server.scoring import judge as score
from reward_server.verdict import Explanation, Outcome
from reward_server.verifiers.base import Candidate, Example, Verified
from reward_server.verifiers.code import CodeVerifier
from reward_server.verifiers.code_examples import EXAMPLES
from reward_server.verifiers.code_params import CodeParams
from sandbox.errors import JobRefused, SandboxLost, SandboxUnavailable
from sandbox.facts import (
    Again,
    CallResult,
    CaseFacts,
    CompileFacts,
    DialogueFacts,
    Exchange,
    NotPlain,
    Raised,
    Returned,
    RunFacts,
    Stall,
    Stopped,
    SuiteItem,
    Unusable,
    Usage,
)
from sandbox.job import AssertTests, CallTests, Dialogue, Job, Limits, StdioTests

if TYPE_CHECKING:
    from sandbox.executor import ExchangeObserver, LanguageVersion, Observer

USAGE = Usage(cpu_seconds=0.25, wall_seconds=0.5, peak_memory_bytes=1000)
OK = CompileFacts(ok=True, message="", seconds=0.0)
SYNTAX_ERROR = CompileFacts(ok=False, message="SyntaxError: invalid syntax", seconds=0.0)


class ScriptedExecutor:
    """Plays back facts, one entry per job, through the observer as the real one does; raises when they run out."""

    slots = 1

    def __init__(self, *script: RunFacts | DialogueFacts | Exception) -> None:
        self.script = list(script)
        self.jobs: list[Job] = []

    async def run(self, job: Job, observe: Observer | None = None, apart_from: str = "") -> RunFacts:
        self.jobs.append(job)
        assert self.script, f"the script has run out; unexpected job: {job}"
        facts = self.script.pop(0)
        if isinstance(facts, Exception):
            raise facts
        assert isinstance(facts, RunFacts)
        seen: list[CaseFacts] = []
        for case in facts.cases:
            seen.append(case)
            if observe is not None and not observe(case):
                break
        return dataclasses.replace(facts, cases=tuple(seen))

    async def converse(self, dialogue: Dialogue, observe: ExchangeObserver | None = None) -> DialogueFacts:
        assert self.script, f"the script has run out; unexpected dialogue: {dialogue}"
        facts = self.script.pop(0)
        assert isinstance(facts, DialogueFacts)
        seen: list[Exchange] = []
        for exchange in facts.exchanges:
            seen.append(exchange)
            if observe is not None and not observe(exchange):
                break
        return dataclasses.replace(facts, exchanges=tuple(seen))

    async def languages(self) -> tuple[LanguageVersion, ...]:
        raise AssertionError("not in the script")

    async def close(self) -> None:
        raise AssertionError("the executor is not the verifier's to close")


def case(**fields: Any) -> CaseFacts:
    """A case that ended well, but for ``fields``."""
    ended: dict[str, Any] = {"exit_status": 0, "signal": None, "stopped": None, "stdout": b"", "stderr": b""}
    ended |= {"stdout_truncated": False, "leftover_processes": 0, "index": 0, "usage": USAGE}
    return CaseFacts(**(ended | fields))


def run(*cases: CaseFacts, compile: CompileFacts = OK) -> RunFacts:  # noqa: A002
    numbered = tuple(dataclasses.replace(c, index=i) for i, c in enumerate(cases))
    return RunFacts(compile, numbered, slot="slot-0", queue_seconds=0.0, attempts=1)


def out(text: str, **fields: Any) -> CaseFacts:
    return case(stdout=text.encode(), **fields)


def says(*statuses: int) -> RunFacts:
    """A checker's runs."""
    return run(*(case(exit_status=status) for status in statuses))


def talk(*ends: tuple[CaseFacts, int], first: bool = True, heard: bool = True) -> DialogueFacts:
    """Programs, and the interactor's exit statuses."""
    exchanges = [
        Exchange(dataclasses.replace(program, index=i), case(index=i, exit_status=status), first, heard)
        for i, (program, status) in enumerate(ends)
    ]
    return DialogueFacts(OK, OK, tuple(exchanges), slot="slot-0", queue_seconds=0.0, attempts=1)


def returned(value: Any) -> CaseFacts:
    return case(call=Returned(value, ()))


def stacked(*steps: CallResult) -> CaseFacts:
    return case(steps=steps)


def suite(*tests: str, file: str = "test_solution.py", **fields: Any) -> CaseFacts:
    """``"id"`` of a test that passed, or ``"id outcome"``."""
    told = [test.partition(" ") for test in tests]
    found = tuple(SuiteItem(f"{file}::{name}", outcome or "passed", "because") for name, _, outcome in told)
    return case(suite=found, **{"assert_completed": True, **fields})


NONE = Returned(None, ())
FULL = Raised("OverflowError", "9", ("ArithmeticError", "Exception"))
DONE = case(assert_completed=True)
WRONG = case(assert_completed=False, assert_message="AssertionError: assert twice(3) == 6")
NAME_ERROR = Raised("NameError", "name 'add' is not defined")
NOT_COMPILED = run(compile=SYNTAX_ERROR)

FACTS: dict[str, list[RunFacts | DialogueFacts]] = {
    "stdio: right output": [run(out("8\n16\n"), out("0\n0\n"))],
    "stdio: the beginning is not enough": [run(out("8\n"), out("0\n"))],
    "stdio: a bare program counts": [run(out("8 16\n"), out("0 0\n"))],
    "stdio: prose is no program": [NOT_COMPILED],
    "stdio: a fenced program must parse": [NOT_COMPILED],
    "stdio: an uncaught exception": [
        run(case(exit_status=1, program_raised=Raised("ZeroDivisionError", "integer division by zero")))
    ],
    "stdio: right output, but it says itself that it failed": [run(out("8 16\n", exit_status=3))],
    "stdio: exact means exact": [run(out("8 16\n"))],
    "stdio: thoughts are no answer": [],
    "stdio: one of two cases": [run(out("0 0\n"), out("0 0\n"))],
    "checker: any right output": [run(out("-93 100")), says(42), run(out("-101 100")), says(42)],
    "checker: the judge's answer to another case": [run(out("3 4")), says(42), run(out("3 4")), says(43)],
    "checker: an output that it breaks down on": [run(out("forty two")), says(1), says(42)],
    "checker: its verdict cannot be forged": [run(case(exit_status=42))],
    "checker: it breaks down on the judge's answer, too": [run(out("3 4")), says(1), says(1)],
    "checker: it does not compile": [run(out("3 4")), NOT_COMPILED],
    "checker: testlib's protocol": [run(out("7")), says(0), run(out("-1")), says(0)],
    "checker: testlib's wrong answer": [run(out("8")), says(1)],
    "interactive: a binary search": [talk(*((case(), 42),) * 3)],
    "interactive: rejected, though the program then crashes for want of a partner": [
        talk((case(), 42), (case(exit_status=1), 43))
    ],
    "interactive: a crash after the right word": [talk((case(exit_status=1), 43), first=False)],
    "interactive: words that the interactor breaks down on": [
        talk((case(exit_status=1), 1)),
        talk((case(stopped=Stopped.WALL), 43), first=False),
    ],
    "interactive: an interactor that breaks down by itself": [
        talk((case(exit_status=1), 1)),
        talk((case(), 1), heard=False),
    ],
    "calls: right values": [run(returned(3), returned(0.30000000000000004))],
    "calls: wrong values": [run(returned(-1))],
    "calls: printing is not returning": [run(returned(None))],
    "calls: nothing of that name": [run(case(program_raised=NAME_ERROR))],
    "calls: an object that equals everything is no plain data": [run(case(call=NotPlain("Any")))],
    "calls: the process ends before the call comes back": [run(case(exit_status=None, stopped=Stopped.VIOLATION))],
    "calls: a derived exception is the one that was asked for": [
        run(returned(2.0), case(call=Raised("ZeroDivisionError", "negative", ("ArithmeticError", "Exception"))))
    ],
    "calls: another exception is not": [
        run(returned(2.0), case(call=Raised("ValueError", "negative", ("Exception",))))
    ],
    "calls: no exception at all": [run(returned(2.0), returned(1.0))],
    "calls: a function that is not there raises nothing": [run(case(program_raised=NAME_ERROR))],
    "calls: changed in place": [run(case(call=Returned(None, ([3, 2, 1], True))))],
    "calls: returned instead of changed": [run(case(call=Returned([3, 2, 1], ([3, 1, 2], True))))],
    "calls: several on one object": [run(stacked(NONE, NONE, FULL, Returned(8, ()), Returned([7], ())))],
    "calls: an object in the wrong state": [run(stacked(NONE, NONE, FULL, Returned(8, ()), Returned([7, 8], ())))],
    "calls: a missing method": [run(stacked(NONE, NONE, FULL, Unusable("no such method"), Returned([7, 8], ())))],
    "calls: an endless iterator is no value": [
        run(stacked(NONE, NONE, FULL, Returned(8, ()), Unusable("too large a value")))
    ],
    "calls: a set where the row allows it": [run(returned({1, 2}))],
    "suite: pytest": [run(suite("test_half[2]", "test_half[10]", "test_odd", "TestShelf::test_put"))],
    "suite: one of two parameters": [
        run(suite("test_half[2]", "test_half[10] failed", "test_odd", "TestShelf::test_put"))
    ],
    "suite: the import fails": [run(suite(" broken"))],
    "suite: a declared test is not there": [run(suite("test_half[2]", "test_half[10]", "test_odd"))],
    "suite: skipped is not passed": [run(suite("test_skipped skipped", file="test_it.py"))],
    "suite: unittest": [run(suite("TestHalf::test_half", "TestHalf::test_odd", file="test_half.py"))],
    "suite: unittest, one fails": [run(suite("TestHalf::test_half failed", "TestHalf::test_odd", file="test_half.py"))],
    "suite: more tests than declared": [run(suite("TestHalf::test_half", "TestHalf::test_odd", file="test_half.py"))],
    "suite: tests that do not parse": [],
    "asserts: a continuation of the prompt": [run(DONE)],
    "asserts: a continuation that rambles on": [NOT_COMPILED, run(DONE)],
    "asserts: the prompt's imports are there": [run(DONE)],
    "asserts: wrong answer": [run(WRONG)],
    "asserts: an exception of the program": [
        run(case(assert_completed=False, assert_message="AttributeError: 'list' object has no attribute 'top'"))
    ],
    "asserts: leaving at import with status 0": [
        run(case(assert_completed=False, program_raised=Raised("SystemExit", "0")))
    ],
    "asserts: prose continues no prompt": [NOT_COMPILED],
    "asserts: plain assert lines": [run(DONE, DONE)],
    "asserts: one of two lines": [run(DONE, WRONG)],
    "asserts: one process where the row asks for it": [run(DONE, DONE)],
    "asserts: tests that do not parse": [],
    "asserts: a case that tests nothing": [],
    "program: C++, a continuation of the prompt": [run(DONE)],
    "program: C++, a main of its own is not the test's": [run(DONE)],
    "program: C++, a wrong value": [run(case(assert_completed=False, assert_message="AssertionError: triple(1) == 3"))],
    "program: C++, leaving with status 0": [
        run(case(exit_status=None, stopped=Stopped.VIOLATION, assert_completed=False))
    ],
    "program: C++, it does not compile": [NOT_COMPILED, NOT_COMPILED],
    "program: C++, a test without main": [],
}


async def verify(
    params: dict[str, Any], text: str, *script: RunFacts | DialogueFacts | Exception, limits: Limits | None = None
) -> Verified:
    executor = ScriptedExecutor(*script)
    found = await CodeVerifier(executor).verify(
        CodeParams.model_validate_json(json.dumps(params)), Candidate(text), limits or Limits()
    )
    assert not executor.script, "the script was not played to its end"
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.why)
async def test_examples_on_captured_facts(example: Example):
    script = FACTS[example.why]
    if isinstance(example.expect, Reason):
        with pytest.raises(Unscored) as caught:
            await verify(example.params, example.text, *script)
        assert caught.value.reason is example.expect
        return
    verified = await verify(example.params, example.text, *script)
    finding = verified.finding
    assert finding.outcome is example.expect
    assert finding.cases_total == len(example.params["cases"])
    judgement = score(finding)
    assert (judgement.reward == 1.0) is (example.expect is Outcome.PASSED)


def test_examples_are_named_once():
    assert sorted(FACTS) == sorted(example.why for example in EXAMPLES)


STDIO = {"form": "stdio", "cases": [{"stdin": f"{i}", "stdout": f"{i}"} for i in range(4)]}
CALLS = {"form": "calls", "entry_point": "f", "cases": [{"args": [i], "expected": i} for i in range(4)]}
STEPS = {
    "form": "calls",
    "entry_point": "F",
    "cases": [{"steps": [{"method": "put", "args": [1]}, {"method": "get", "expected": 1}]}] * 4,
}
ASSERTS = {"form": "asserts", "entry_point": "f", "cases": [f"assert f({i}) == {i}" for i in range(4)]}
PROGRAM = "```python\ndef f(x):\n    return x\n```"


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


def weighted(*weights: float, policy: str = "pass_rate") -> dict[str, Any]:
    cases = [{"stdin": f"{i}", "stdout": f"{i}", "weight": w, "name": f"w{w}"} for i, w in enumerate(weights)]
    return {"form": "stdio", "policy": policy, "cases": cases}


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


SUITE = {
    "form": "suite",
    "files": [{"path": "test_it.py", "source": ""}],
    "cases": ["test_a", "test_b", {"id": "test_c", "weight": 2}],
    "policy": "pass_rate",
}


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


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({}, "form"),
        ({"form": "stdio", "cases": []}, "at least 1"),
        ({"form": "stdio", "cases": [{"stdout": 4}]}, "valid string"),
        ({"form": "stdio", "cases": [{"stdout": "4"}], "entry_point": "f"}, "Extra inputs"),
        ({"form": "stdio", "cases": [{"stdout": "4"}] * 1025}, "at most 1024"),
        ({**STDIO, "language": "cobol"}, "unknown language 'cobol'; known: python"),
        ({**STDIO, "policy": "most"}, "'first_failure', 'all' or 'pass_rate'"),
        (weighted(0, 0), "every case has weight 0"),
        (weighted(1, -1), "greater than or equal to 0"),
        ({**STDIO, "float_abs": -1e-6}, "greater than or equal to 0"),
        ({**CALLS, "entry_point": "f.g.h"}, "neither a name nor Class.method"),
        ({**CALLS, "entry_point": "f()"}, "neither a name nor Class.method"),
        ({**CALLS, "cases": [{"args": [1]}]}, "the case asks for nothing"),
        ({**CALLS, "cases": [{"expected": 1, "raises": "E"}]}, "neither expected nor args_after"),
        ({**CALLS, "cases": [{"expected": 1, "raises_message": "x"}]}, "raises_message needs raises"),
        ({**CALLS, "cases": [{"raises": "E", "raises_message": "("}]}, "not a regular expression of RE2"),
        ({**CALLS, "cases": [{"expected": 1, "steps": [{"method": "m"}]}]}, "put it into the steps"),
        ({**CALLS, "cases": [{"steps": [{"method": "m"}]}]}, "the case asks for nothing"),
        ({**CALLS, "cases": [{"steps": [{"method": "m()", "expected": 1}]}]}, "is not a name"),
        ({**SUITE, "language": "cobol"}, "unknown language"),
        ({**SUITE, "module": "a.b"}, "not a name that can be imported"),
        ({**SUITE, "files": [{"path": "../t.py", "source": ""}]}, "must be relative"),
        ({**SUITE, "files": [{"path": "solution.py", "source": ""}]}, "in the way of the module"),
        ({**SUITE, "files": [{"path": f"{n}.py", "source": ""} for n in "ab"]}, "nothing would be run"),
        ({**SUITE, "cases": ["test_a", "test_a"]}, "all different, or all left out"),
        ({**SUITE, "cases": ["test_a", "test_it.py::test_a"]}, "all different, or all left out"),
        ({**SUITE, "cases": ["test_a", {}]}, "all different, or all left out"),
        ({**CALLS, "rel_tol": -1}, "greater than or equal to 0"),
        ({**ASSERTS, "entry_point": None, "prefix": "def f():\n"}, "prefix needs entry_point"),
        ({**ASSERTS, "cases": [""]}, "at least 1 character"),
        (
            {"form": "program", "language": "rust", "cases": [{"source": "fn main() {}"}], "declaration": "fn f();"},
            "declaration is for C and C++",
        ),
    ],
)
def test_malformed_params_are_refused_with_the_reason(params: dict[str, Any], complaint: str):
    with pytest.raises(ValidationError, match="(?s)" + complaint.replace("(", r"\(").replace(")", r"\)")):
        CodeParams.model_validate_json(json.dumps(params))


def test_the_published_schema_describes_every_field():
    schema = CodeParams.model_json_schema()
    for model in schema["$defs"].values():
        for name, field in model.get("properties", {}).items():
            assert field.get("description"), name
