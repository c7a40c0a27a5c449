r"""``math``: a number, an expression, a set, ... compared with a reference by value.

Three steps, each stops at a decision:
  1. the final answer is extracted (:mod:`reward_server.extract`);
  2. numbers, words, and lists, intervals and matrices of them are compared here, exactly and in linear time;
  3. the rest, screened for cost, is compared by symbols in a worker process (Math-Verify's parser; see
     :mod:`reward_server.verifiers.math_symbols`).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from pydantic import Field

from reward_server.errors import Reason, Unscored
from reward_server.extract import Extracted, Format, extract, marked_answer
from reward_server.verdict import Execution, Explanation, Finding, Outcome
from reward_server.verifiers.base import Candidate, Example, Params, Verified
from reward_server.verifiers.math_compare import compare
from reward_server.verifiers.math_form import MAX_QUESTION, Form, FormPolicy, UnitPolicy, echoes, formulas_of, objection
from reward_server.verifiers.math_guard import Cost, cost
from reward_server.verifiers.math_number import Number, parse_number
from reward_server.verifiers.math_oracle import Decision, NeedsSymbols, NoSymbols
from reward_server.verifiers.math_shape import Leaf, Shape, needs_reading, readings, show
from reward_server.verifiers.math_text import clean, is_balanced, squash, strip_stop
from reward_server.verifiers.math_units import registry
from reward_server.workers import JobCrashed, JobLimit, PoolLimits, WorkerPool, WorkersLost
from sandbox.job import Limits

WORKER_MODULE = "reward_server.verifiers.math_worker"
MAX_ANSWER = 8000
"""Characters of an extracted answer; a longer one is wrong without being read."""
SHOWN = 2048
BIG_TEXT = 10_000
"""Characters from which a completion is read in a thread, so that the event loop stays free."""


class MathParams(Params):
    """Params of ``math``."""

    gold: str = Field(description="The reference: LaTeX, plain text, or a whole solution whose answer is marked.")
    format: Format = Field(
        default="any",
        description="The format that the prompt asked for. 'any' also accepts what no format marks. Answers in another "
        "format still count; strict_format in the explanation says whether the declared one was kept.",
    )
    form: Form = Field(
        default="evaluated",
        description="'evaluated': where the reference is a number, an expression that comes to it (a sum, a root, a "
        "quotient not in lowest terms unless the reference is a fraction) is no answer. 'lowest_terms': nor is any "
        "fraction that can be reduced. 'any': the value alone counts; then the question written down again may pass.",
    )
    units: UnitPolicy = Field(
        default="convert",
        description="'convert': 5 m is 500 cm. 'same': an answer in another unit than the reference's is wrong.",
    )
    question: str = Field(
        default="",
        description="The question. Where it is given, one of its own formulas is no answer, unless the reference is "
        "spelt so or the question offers options. Its last 20,000 characters are read.",
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference, read once."""

    text: str
    """Cleaned."""
    shapes: tuple[Shape, ...]
    cost: Cost
    why_costly: str

    @property
    def form(self) -> str:
        """For people."""
        return show(self.shapes[0])[:SHOWN]


EXAMPLES = (
    Example({"gold": "18"}, "She makes $18.\n#### 18", Outcome.PASSED, "the GSM8K form"),
    Example({"gold": "1234"}, r"\boxed{1,234}", Outcome.PASSED, "thousands separators"),
    Example({"gold": "\\frac{1}{2}"}, r"so \boxed{0.5}", Outcome.PASSED, "a decimal that is exactly the fraction"),
    Example({"gold": "\\frac{\\pi}{2}"}, "pi/2", Outcome.PASSED, "calculator syntax"),
    Example({"gold": "x^2+2x+1"}, r"\boxed{(x+1)^2}", Outcome.PASSED, "an identity"),
    Example({"gold": "[2,\\infty)"}, r"\boxed{x \ge 2}", Outcome.PASSED, "an inequality for an interval"),
    Example({"gold": "1, -2"}, r"\boxed{x=-2 \text{ or } x=1}", Outcome.PASSED, "solutions in any order"),
    Example({"gold": "So it is \\boxed{7}."}, "The answer is 7.", Outcome.PASSED, "a solution as reference"),
    Example({"gold": "5 \\text{ cm}"}, r"\boxed{50 \text{ mm}}", Outcome.PASSED, "units are converted"),
    Example({"gold": "500 cm", "units": "same"}, r"\boxed{5 \text{ m}}", Outcome.FAILED, "unless that is declined"),
    Example({"gold": "1/2"}, r"\boxed{\frac{2}{4}}", Outcome.PASSED, "a fraction for a fraction, in any terms"),
    Example({"gold": "1/2", "form": "lowest_terms"}, r"\boxed{\frac{2}{4}}", Outcome.FAILED, "unless lowest are asked"),
    Example({"gold": "80"}, r"\boxed{160/2}", Outcome.FAILED, "still to be worked out: maybe the question itself"),
    Example({"gold": "80", "form": "any"}, r"\boxed{160/2}", Outcome.PASSED, "where the value alone counts"),
    Example({"gold": "x^2+2x+1", "question": "Expand $(x+1)^2$."}, r"\boxed{(x+1)^2}", Outcome.FAILED, "an echo"),
    Example({"gold": "7:30 pm"}, r"\boxed{19:30}", Outcome.PASSED, "a time of day"),
    Example({"gold": "18"}, "#### 19", Outcome.FAILED, "a wrong number"),
    Example({"gold": "5 \\text{ cm}"}, r"\boxed{5 \text{ km}}", Outcome.FAILED, "a wrong unit is wrong"),
    Example({"gold": "1"}, r"\boxed{1 \text{ or } 2 \text{ or } 3}", Outcome.FAILED, "listing guesses does not pay"),
    Example({"gold": "\\frac{1}{2004!}"}, r"\boxed{\frac{1}{2006!}}", Outcome.FAILED, "tiny is not zero"),
    Example({"gold": "7"}, r"\boxed{10^{10^{10}}}", Outcome.FAILED, "too costly to evaluate, and nobody waits for it"),
    Example({"gold": "3"}, r"\boxed{2} no wait, and then \boxed{3}", Outcome.NO_ANSWER, "two final answers are none"),
    Example({"gold": "3"}, r"<think>\boxed{3}", Outcome.NO_ANSWER, "reasoning that never ends holds no answer"),
    Example({"gold": "3"}, "", Outcome.NO_ANSWER, "nothing at all"),
    Example({"gold": ""}, r"\boxed{3}", Reason.BAD_REFERENCE, "an empty reference"),
    Example({"gold": "\\frac{1}{"}, r"\boxed{3}", Reason.BAD_REFERENCE, "a reference that was cut"),
    Example({"gold": "10^{10^{10}} + x"}, r"\boxed{x+3}", Reason.BAD_REFERENCE, "a reference too costly to evaluate"),
)  # fmt: skip


class MathVerifier:
    """See the module. Safe to share between tasks of one event loop.

    Args:
        workers: processes on each of the two lanes (:mod:`reward_server.workers`).
    """

    name = "math"
    summary = "Compares a final answer with a reference by mathematical value."
    params = MathParams
    examples = EXAMPLES

    def __init__(self, workers: int = 2, limits: PoolLimits | None = None) -> None:
        self._pool = WorkerPool(WORKER_MODULE, workers, "math", limits)
        registry()  # now, while the workers' process loads, and not at the first answer with a unit
        self._references: OrderedDict[str, Reference] = OrderedDict()
        self._checked: OrderedDict[str, str] = OrderedDict()
        self._questions: OrderedDict[str, frozenset[str]] = OrderedDict()

    async def verify(self, params: MathParams, candidate: Candidate, limits: Limits) -> Verified:  # noqa: ARG002
        """Judge ``candidate``. ``limits`` are for programs; an expression's are the pool's.

        Raises:
            Unscored: BAD_REFERENCE, or VERIFIER_CRASHED where workers were killed from outside.
        """
        began = time.monotonic()
        reference = self._reference(params.gold)
        if len(candidate.text) > BIG_TEXT:
            found = await asyncio.to_thread(extract, candidate.text, params.format, answer_kind)
        else:
            found = extract(candidate.text, params.format, answer_kind)
        if not isinstance(found, Extracted):
            why = found.why + (" (the completion was cut at the token limit)" if candidate.truncated else "")
            explanation = Explanation(reference_form=reference.form)
            finding = Finding(Outcome.NO_ANSWER, 0, 1, diagnostics=why, explanation=explanation)
            return Verified(finding, Execution(wall_seconds=time.monotonic() - began))
        return await self._judge(params, reference, found, began)

    async def _judge(self, params: MathParams, reference: Reference, found: Extracted, began: float) -> Verified:
        answer = strip_stop(clean(found.text)) if len(found.text) <= MAX_ANSWER else found.text
        shapes = _read(answer)
        if echoes(self._formulas(params.question), reference.text, answer):
            verdict: _Verdict | None = _Verdict(Outcome.FAILED, "echo", "a formula of the question itself")
        else:
            verdict = _in_process(reference, answer, shapes, FormPolicy(params.form, params.units))
        execution = Execution()
        if verdict is None:
            verdict, execution = await self._in_worker(reference, answer)
        elif verdict.outcome is Outcome.FAILED and needs_reading(reference.shapes[0]):
            await self._check(reference)
        explanation = Explanation(
            extracted=found.text[:SHOWN],
            extraction_rule=found.rule,
            candidate_form=show(shapes[0])[:SHOWN],
            reference_form=reference.form,
            decision_rule=verdict.rule,
            strict_format=found.strict,
        )
        passed = int(verdict.outcome is Outcome.PASSED)
        finding = Finding(verdict.outcome, passed, 1, diagnostics=verdict.diagnostics, explanation=explanation)
        wall = time.monotonic() - began - execution.queue_seconds
        timed = Execution(execution.queue_seconds, wall, worker=execution.worker, attempts=execution.attempts)
        return Verified(finding, timed)

    def _reference(self, gold: str) -> Reference:
        reference = self._references.get(gold)
        if reference is None:
            reference = read_reference(gold)
            _remember(self._references, gold, reference)
        return reference

    def _formulas(self, question: str) -> frozenset[str]:
        if not question:
            return frozenset()
        question = question[-MAX_QUESTION:]
        known = self._questions.get(question)
        if known is None:
            known = formulas_of(question)
            _remember(self._questions, question, known)
        return known

    async def _in_worker(self, reference: Reference, answer: str) -> tuple[_Verdict, Execution]:
        answer_cost, why = cost(answer)
        if answer_cost is Cost.REFUSE:
            return _Verdict(Outcome.FAILED, "cost_guard", f"not evaluated: {why}"), Execution()
        await self._check(reference)
        heavy = Cost.HEAVY in (answer_cost, reference.cost)
        job = {"do": "compare", "gold": reference.text, "answer": answer}
        try:
            done = await self._pool.run(job, heavy=heavy)
        except JobLimit as error:
            outcome = Outcome.MEMORY_LIMIT if error.memory else Outcome.TIME_LIMIT
            return _Verdict(outcome, "worker_limit", f"comparing the answer took {error}"), Execution()
        except JobCrashed as error:
            return _Verdict(Outcome.FAILED, "worker_crash", str(error)), Execution()
        except WorkersLost as error:
            raise Unscored(Reason.VERIFIER_CRASHED, str(error)) from error
        if "bad_reference" in done.reply:
            raise _bad(reference.text, done.reply["bad_reference"])
        outcome = Outcome.PASSED if done.reply["equal"] else Outcome.FAILED
        execution = Execution(done.queue_seconds, worker=done.worker, attempts=done.attempts)
        return _Verdict(outcome, done.reply["rule"]), execution

    async def _check(self, reference: Reference) -> None:
        """The reference by itself, once: what it alone does is never held against an answer."""
        if reference.cost is Cost.REFUSE:
            raise _bad(reference.text, f"it is too costly to evaluate: {reference.why_costly}")
        problem = self._checked.get(reference.text)
        if problem is None:
            try:
                done = await self._pool.run({"do": "check", "gold": reference.text}, heavy=reference.cost is Cost.HEAVY)
                problem = str(done.reply.get("bad_reference", ""))
            except (JobLimit, JobCrashed) as error:
                problem = f"reading it took {error}"
            except WorkersLost as error:
                raise Unscored(Reason.VERIFIER_CRASHED, str(error)) from error
            _remember(self._checked, reference.text, problem)
        if problem:
            raise _bad(reference.text, problem)

    async def close(self) -> None:
        """Stop the workers. Idempotent."""
        await self._pool.close()


_OBJECTIONS = {
    "unevaluated": "an expression, still to be worked out, where the reference is a number",
    "lowest_terms": "a fraction that is not in lowest terms",
    "unit": "in another unit than the reference",
}


@dataclass(frozen=True, slots=True)
class _Verdict:
    outcome: Outcome
    rule: str
    diagnostics: str = ""


T = TypeVar("T")
REMEMBERED = 4096
"""References kept, least recently added first out."""


def _remember(cache: OrderedDict[str, T], key: str, value: T) -> None:
    cache[key] = value
    if len(cache) > REMEMBERED:
        cache.popitem(last=False)


def _bad(gold: str, why: str) -> Unscored:
    return Unscored(Reason.BAD_REFERENCE, f"the reference {gold[:200]!r} cannot be judged: {why}; quarantine the row")


def read_reference(gold: str) -> Reference:
    """``gold`` as a reference.

    Raises:
        Unscored: BAD_REFERENCE: it is empty, too long, or its braces do not match.
    """
    text = _final_answer(gold)
    if len(text) > MAX_ANSWER:
        raise _bad(text, f"it is longer than {MAX_ANSWER} characters")
    text = strip_stop(clean(text))
    if not text:
        raise _bad(gold, "it is empty")
    if not is_balanced(text):
        raise _bad(gold, "its braces do not match")
    return Reference(text, _read(text), *cost(text))


def _read(text: str) -> tuple[Shape, ...]:
    """The readings of ``text``; what is too costly to evaluate is not taken apart either, unless it is a number."""
    number = parse_number(text)
    if number is None and (len(text) > MAX_ANSWER or cost(text)[0] is Cost.REFUSE):
        return (Leaf(text),)
    return (number,) if number is not None and not _AMBIGUOUS.search(text) else readings(text)


_AMBIGUOUS = re.compile(r"[,:(]|[AaPp]\.?[Mm]")
"""Holds what may make a list or a time of day of a text that is a number, too."""


def _final_answer(gold: str) -> str:
    """The marked answer of a reference that is a whole solution; else all of it."""
    marked = marked_answer(gold)
    if marked is not None:
        return marked
    unclosed = _UNCLOSED_BOX.fullmatch(gold.strip())
    return unclosed[1] if unclosed and is_balanced(unclosed[1]) else gold


_UNCLOSED_BOX = re.compile(r"\$*\\+boxed\{(.*?)\$*", re.DOTALL)


def answer_kind(text: str) -> str:
    """The unit of a quantity: a quantity with a unit and a bare number are different kinds of answers."""
    if len(text) > 200:
        return ""
    number = parse_number(clean(text))
    return number.unit if number else ""


def _in_process(reference: Reference, answer: str, shapes: tuple[Shape, ...], policy: FormPolicy) -> _Verdict | None:
    """Decide without symbols; None where they are needed."""
    if len(answer) > MAX_ANSWER:
        return _Verdict(Outcome.FAILED, "cost_guard", f"not read: longer than {MAX_ANSWER} characters")
    if not answer:
        return _Verdict(Outcome.NO_ANSWER, "", "the final answer is empty")
    if squash(answer) == squash(reference.text):
        return _Verdict(Outcome.PASSED, "identical")
    answer_cost, why = (Cost.LIGHT, "") if isinstance(shapes[0], Number) else cost(answer)
    if answer_cost is Cost.REFUSE:
        return _Verdict(Outcome.FAILED, "cost_guard", f"not evaluated: {why}")
    decision = Decision(False, "")
    for gold in reference.shapes:
        for shape in shapes:
            broken = objection(gold, shape, policy)
            if broken:
                return _Verdict(Outcome.FAILED, broken, _OBJECTIONS[broken])
            try:
                decision = compare(gold, shape, NoSymbols())
            except NeedsSymbols:
                return None
            if decision:
                return _Verdict(Outcome.PASSED, decision.rule)
    return _Verdict(Outcome.FAILED, decision.rule)
