"""What a worker process of the ``math`` verifier does with a job. Loaded by :mod:`reward_server.worker_process`.

Jobs and replies are JSON objects; both texts are as cleaned by :func:`~reward_server.verifiers.math_text.clean`:

    {"do": "check", "gold": G}                    -> {"ok": true} or {"bad_reference": why}
    {"do": "compare", "gold": G, "answer": A}     -> {"equal": bool, "rule": name} or {"bad_reference": why}
"""

from __future__ import annotations

from typing import Any

from reward_server.verifiers.math_compare import compare
from reward_server.verifiers.math_oracle import Decision
from reward_server.verifiers.math_shape import readings
from reward_server.verifiers.math_symbols import BadReference, Symbols, Unreadable, check_reference
from reward_server.verifiers.math_units import registry


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job."""
    try:
        if job["do"] == "check":
            check_reference(readings(job["gold"])[0])
            return {"ok": True}
        decision = decide(job["gold"], job["answer"])
    except BadReference as error:
        return {"bad_reference": str(error)}
    return {"equal": decision.equal, "rule": decision.rule}


def decide(gold: str, answer: str) -> Decision:
    """Compare every reading of one with every reading of the other: one that fits is enough."""
    last = Decision(False, "unreadable")
    for left in readings(gold):
        for right in readings(answer):
            try:
                decision = compare(left, right, Symbols())
            except Unreadable:
                continue
            if decision:
                return decision
            last = decision
    return last


def warm() -> None:
    """Make the parser build its tables once, before workers are forked."""
    samples = (
        (r"\frac{1-p^{2}}{3}", r"\frac{-p^2+1}{3}"),
        (r"2 \sin b \cos a + \sqrt{3}", r"\tan^{-1}(x)"),
        (r"e^{16} - \ln 2", r"\log_{10}(2)"),
        (r"x^2/4 + y^2/3 = 1", r"3x^2+4y^2=12"),
        (r"\{1 \pm \sqrt{5}, -2\}", r"|x|"),
        (r"\binom{n}{2} x_{1} + n!", r"\sum_{k=1}^{n} k"),
        (
            r"-x + \frac{4}{\sqrt{5}} \arctan(\frac{\tan x}{\sqrt{7}}) + C",
            r"\frac{1}{2} \cot t \cdot \ln(\cos t) e^{-\sec^2 t}",
        ),
        (r"\sqrt{a^2b^2 + a^2c^2 + b^2c^2}", r"a(x - y)^2(ax - by) - \log_{2}(x+10^{20})"),
        (r"\sin(\cos(\tan(x)))^{2}", r"\sqrt{1+\sqrt{2+\sqrt[3]{x}}}"),
        (r"\frac{n(n+1)(2n+1)}{6}", r"\frac{1}{1+\frac{1}{1+\frac{1}{x}}}"),
        (r"||x|-1|", r"\lfloor x \rfloor + \lceil \frac{x}{2} \rceil"),
        (r"\frac{\pi}{2} + 2k\pi", r"3\pi/4 - \cos^{-1}(2x) + \sin 2x"),
        (r"2^{n+1} - \theta \alpha", r"(1-i)(2+3i)"),
    )
    for gold, answer in samples:
        decide(gold, answer)
    registry()
