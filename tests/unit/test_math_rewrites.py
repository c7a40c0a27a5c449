"""Five hundred references: rewritten ones stay right, perturbed ones become wrong; and what a fuzzer makes of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_server.errors import Unscored
from reward_server.extract import Extracted, extract
from reward_server.verdict import Outcome
from reward_server.verifiers.base import Candidate
from reward_server.verifiers.math import MathParams, MathVerifier
from reward_server.verifiers.math_compare import compare
from reward_server.verifiers.math_form import FormPolicy, objection
from reward_server.verifiers.math_guard import cost
from reward_server.verifiers.math_oracle import NeedsSymbols, NoSymbols
from reward_server.verifiers.math_shape import readings, show
from reward_server.verifiers.math_text import clean
from sandbox.job import Limits
from tests.truth.math_rewrites import rewrites

ROWS = Path(__file__).parent / "math_rows"
BY_CLASS: dict[str, list[list[str]]] = yaml.safe_load((ROWS / "accepted.yaml").read_text(encoding="utf-8"))
WRITTEN = [gold for pairs in BY_CLASS.values() for gold, _ in pairs if "$" not in gold]
TERMS = [
    "x",
    "x^2",
    r"\sqrt{x}",
    r"\frac{1}{x}",
    r"\sin x",
    r"e^{x}",
    r"\ln(x)",
    r"2\sqrt{3}",
    r"\frac{\pi}{4}",
    "3x",
    "ab",
    "n^2",
]


def made(count: int) -> list[str]:
    """References of every kind that :func:`rewrites` knows, always the same."""
    source = random.Random("references")
    kinds = (
        lambda: str(source.randint(-(10**6), 10**6)),
        lambda: rf"{source.choice(['', '-'])}\frac{{{source.randint(1, 99)}}}{{{source.randint(2, 99)}}}",
        lambda: f"{source.randint(0, 999)}.{source.randint(1, 999):03}",
        lambda: f"({source.randint(-9, 9)}, {source.randint(10, 99)})",
        lambda: f"{source.randint(-9, 9)}, {source.randint(10, 99)}, {source.randint(100, 200)}",
        lambda: f"[{source.randint(-9, 9)}, {source.choice(['20', '40'])})",
        lambda: rf"{source.choice(TERMS)} + {source.randint(2, 9)}{source.choice(TERMS[:6])}",
        lambda: f"({source.randint(-9, 9)}, {source.randint(10, 99)}/7)",
    )  # fmt: skip
    return [kinds[n % len(kinds)]() for n in range(count)]


REFERENCES = list(dict.fromkeys([*WRITTEN, *made(440)]))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def math() -> AsyncIterator[MathVerifier]:
    verifier = MathVerifier(workers=2)
    yield verifier
    await verifier.close()


async def verdict(math: MathVerifier, gold: str, answer: str) -> Outcome | str:
    try:
        found = await math.verify(MathParams(gold=gold), Candidate(rf"\boxed{{{answer}}}"), Limits())
    except Unscored as error:
        return str(error)
    return found.finding.outcome


async def test_rewritten_references_stay_right_and_perturbed_ones_become_wrong(math: MathVerifier):
    assert len(REFERENCES) >= 500
    pairs = [(gold, text, True) for gold in REFERENCES for text in rewrites(gold).same]
    pairs += [(gold, text, False) for gold in REFERENCES for text in rewrites(gold).other]
    assert len(pairs) > 5000
    odd = []
    for first in range(0, len(pairs), 500):
        part = pairs[first : first + 500]
        found = await asyncio.gather(*(verdict(math, gold, text) for gold, text, _ in part))
        odd += [
            (*pair, said)
            for pair, said in zip(part, found, strict=True)
            if said is not (Outcome.PASSED if pair[2] else Outcome.FAILED)
        ]
    assert odd == []


PIECES = [
    "{", "}", "(", ")", "[", "]", "\\{", "\\}", "^", "_", ",", ";", ":", "=", "<", "|", "!", "&", "$", "%", "\\\\", " ",
    "\\frac", "\\sqrt",
    "\\pm", "\\cup", "\\text{", "\\infty", "\\left", "\\neq", "\\setminus", "\\mathbb{R}", "\\$", "√",
    "½", "−", "°", "00", ".", "e", "pm", " or ", "\\pi", "9" * 40, "\ud800", "\x00", "\u202e",
]  # fmt: skip


def mutated(source: random.Random, text: str) -> str:
    """``text`` with a few pieces cut out, doubled, put in or taken from elsewhere."""
    for _ in range(source.randint(1, 4)):
        start = source.randint(0, len(text))
        end = min(len(text), start + source.randint(0, 6))
        middle = source.choice(["", text[start:end] * 2, source.choice(PIECES), text[: end - start]])
        text = text[:start] + middle + text[end:]
    return text


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False), st.sampled_from(REFERENCES), st.sampled_from(REFERENCES), st.integers(1, 40))
def test_no_mutation_breaks_the_reader_or_takes_long(source: random.Random, gold: str, answer: str, times: int):
    text = mutated(source, answer) * times
    started = time.process_time()
    found = extract(text)
    for reading in readings(clean(found.text if isinstance(found, Extracted) else text)):
        show(reading)
        for reference in readings(clean(gold)):
            objection(reference, reading, FormPolicy())
            with contextlib.suppress(NeedsSymbols):
                compare(reference, reading, NoSymbols())
    cost(clean(text))
    assert time.process_time() - started < 2


async def test_no_mutation_of_an_answer_stays_without_a_verdict(math: MathVerifier):
    source = random.Random("mutations")
    for gold in ("x^2+1", "42", r"\frac{1}{2}", "(1, 2)", "x > 3", "5 cm", r"\{1, 2\}", "y = 2x"):
        answers = [mutated(source, source.choice(REFERENCES)) for _ in range(60)]
        found = await asyncio.gather(*(verdict(math, gold, answer) for answer in answers))
        limits = {Outcome.PASSED, Outcome.FAILED, Outcome.NO_ANSWER}
        assert [(a, o) for a, o in zip(answers, found, strict=True) if o not in limits] == []
