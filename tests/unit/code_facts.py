"""Facts as the sandbox reports them, in short words; an executor that plays them back; rows to judge them against."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from reward_server.verifiers.base import Candidate, Verified
from reward_server.verifiers.code import CodeVerifier
from reward_server.verifiers.code_params import CodeParams
from sandbox.facts import (
    CallResult,
    CaseFacts,
    CompileFacts,
    DialogueFacts,
    Exchange,
    Raised,
    Returned,
    RunFacts,
    SuiteItem,
    Usage,
)
from sandbox.job import Dialogue, Job, Limits

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


STDIO = {"form": "stdio", "cases": [{"stdin": f"{i}", "stdout": f"{i}"} for i in range(4)]}
CALLS = {"form": "calls", "entry_point": "f", "cases": [{"args": [i], "expected": i} for i in range(4)]}
STEPS = {
    "form": "calls",
    "entry_point": "F",
    "cases": [{"steps": [{"method": "put", "args": [1]}, {"method": "get", "expected": 1}]}] * 4,
}
ASSERTS = {"form": "asserts", "entry_point": "f", "cases": [f"assert f({i}) == {i}" for i in range(4)]}
PROGRAM = "```python\ndef f(x):\n    return x\n```"
SUITE = {
    "form": "suite",
    "files": [{"path": "test_it.py", "source": ""}],
    "cases": ["test_a", "test_b", {"id": "test_c", "weight": 2}],
    "policy": "pass_rate",
}


def weighted(*weights: float, policy: str = "pass_rate") -> dict[str, Any]:
    cases = [{"stdin": f"{i}", "stdout": f"{i}", "weight": w, "name": f"w{w}"} for i, w in enumerate(weights)]
    return {"form": "stdio", "policy": policy, "cases": cases}


async def verify(
    params: dict[str, Any], text: str, *script: RunFacts | DialogueFacts | Exception, limits: Limits | None = None
) -> Verified:
    executor = ScriptedExecutor(*script)
    found = await CodeVerifier(executor).verify(
        CodeParams.model_validate_json(json.dumps(params)), Candidate(text), limits or Limits()
    )
    assert not executor.script, "the script was not played to its end"
    return found
