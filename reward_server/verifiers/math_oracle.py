"""Who is asked for what the shapes of two answers cannot decide: an oracle, and the one that knows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reward_server.verifiers.math_number import Number
from reward_server.verifiers.math_shape import Chain, Leaf
from reward_server.verifiers.math_text import squash

Scalar = Number | Leaf


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an answer is right, and the rule that decided."""

    equal: bool
    rule: str

    def __bool__(self) -> bool:
        return self.equal


@dataclass(frozen=True, slots=True)
class Rename:
    """A bound variable of the answer and its name in the reference."""

    answer: str
    gold: str


class NeedsSymbols(Exception):
    """The shapes alone cannot decide."""


class Oracle(Protocol):
    """Judges expressions."""

    def same(self, gold: Scalar, answer: Scalar, rename: Rename | None = None) -> Decision:
        """Both have the same value for every value of their variables."""
        ...

    def relation(self, gold: Chain, answer: Chain) -> Decision:
        """Both relations hold for the same values. Each has two parts."""
        ...

    def solves(self, gold: Chain, answer: Scalar) -> Decision:
        """``answer`` is the equation ``gold`` solved for the one variable that the answer lacks."""
        ...

    def within_answer(self) -> Oracle:
        """Return the oracle for comparing parts of an answer with each other: none of them is a reference."""
        ...


class NoSymbols:
    """The oracle that knows nothing."""

    def same(self, gold: Scalar, answer: Scalar, rename: Rename | None = None) -> Decision:
        """Raises: NeedsSymbols: unless both are spelt alike."""
        if (
            rename is None
            and isinstance(gold, Leaf)
            and isinstance(answer, Leaf)
            and squash(gold.latex) == squash(answer.latex)
        ):
            return Decision(True, "identical")
        raise NeedsSymbols

    def relation(self, gold: Chain, answer: Chain) -> Decision:  # noqa: ARG002 - the protocol's
        """Raises: NeedsSymbols: always."""
        raise NeedsSymbols

    def solves(self, gold: Chain, answer: Scalar) -> Decision:  # noqa: ARG002 - the protocol's
        """Raises: NeedsSymbols: always."""
        raise NeedsSymbols

    def within_answer(self) -> NoSymbols:
        """It knows as little of these."""
        return self
