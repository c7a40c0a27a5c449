"""The published examples of the verifier "code", on captured facts.

``tests/contract/test_verifier_examples.py`` holds the same examples against real containers.
"""

from __future__ import annotations

import pytest

from reward_server.errors import Reason, Unscored
from reward_server.scoring import judge as score
from reward_server.verdict import Outcome
from reward_server.verifiers.base import Example
from reward_server.verifiers.code_examples import EXAMPLES
from sandbox.facts import (
    DialogueFacts,
    NotPlain,
    Raised,
    Returned,
    RunFacts,
    Stopped,
    Unusable,
)
from tests.unit.code_facts import (
    DONE,
    FULL,
    NAME_ERROR,
    NONE,
    NOT_COMPILED,
    WRONG,
    case,
    out,
    returned,
    run,
    says,
    stacked,
    suite,
    talk,
    verify,
)

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
