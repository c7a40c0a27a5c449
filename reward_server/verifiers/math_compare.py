r"""Compares the shape of an answer with the shape of a reference. Pure; what needs symbols is asked of an oracle.

The same code runs twice: in the server with an oracle that knows nothing
(:class:`~reward_server.verifiers.math_oracle.NoSymbols`), which settles the common case (numbers, words, lists and
intervals of numbers) without sympy; and in a worker process with the real one
(:class:`~reward_server.verifiers.math_symbols.Symbols`) where the first run raised
:class:`~reward_server.verifiers.math_oracle.NeedsSymbols`.
"""

from __future__ import annotations

import re
from fractions import Fraction

from reward_server.verifiers.math_number import Number, numbers_equal, parse_quantity
from reward_server.verifiers.math_oracle import Decision, Oracle, Rename, Scalar
from reward_server.verifiers.math_region import (
    FLIP,
    INFINITE,
    as_region,
    infinite,
    is_closed,
    is_name,
    names_value,
)
from reward_server.verifiers.math_shape import (
    EMPTY,
    EVERYTHING,
    Chain,
    Clock,
    Interval,
    Leaf,
    Matrix,
    Ratio,
    Sequence,
    Shape,
    Union,
    Words,
    clock,
    parse,
    single,
)
from reward_server.verifiers.math_words import plain, words_equal


def compare(gold: Shape, answer: Shape, oracle: Oracle) -> Decision:
    """Whether ``answer`` is what ``gold`` says."""
    gold, answer = _infinity(single(gold)), _infinity(single(answer))
    match gold, answer:
        case Number(), Number():
            return Decision(*numbers_equal(gold, answer))
        case (Number(unit=str(unit)), Leaf()) if unit and (quantity := parse_quantity(answer.latex)):
            return Decision(*numbers_equal(gold, quantity))
        case (Leaf(), Number(unit=str(unit))) if unit and (quantity := parse_quantity(gold.latex)):
            return Decision(*numbers_equal(quantity, answer))
        case Words(), Words():
            return Decision(words_equal(gold.text, answer.text), "words")
        case Chain(), Chain():
            return _chains(gold, answer, oracle)
        case (Chain(), _) | (_, Chain()):
            return _chain_and_value(gold, answer, oracle)
        case (Interval() | Union(), _) | (_, Interval() | Union()):
            return _sets(gold, answer, oracle)
        case Sequence(), Sequence():
            return _sequences(gold, answer, oracle)
        case Matrix(), Matrix():
            return _matrices(gold, answer, oracle)
        case (Matrix(), Sequence("tuple")) | (Sequence("tuple"), Matrix()):
            return _matrices(_column(gold), _column(answer), oracle)
        case Matrix(latex=latex), Leaf():
            return oracle.same(Leaf(latex), answer)
        case (Clock(), Clock() | Ratio()) | (Ratio(), Clock()):
            return _clocks(gold, answer)
        case (Ratio(), _) | (_, Ratio()):
            return _ratios(gold, answer, oracle)
    left, right = _scalar(gold), _scalar(answer)
    if left is None or right is None:
        return Decision(False, "kind")
    # A letter or word that is no mathematics is a good reference still: only nothing but itself equals it.
    return (oracle.within_answer() if isinstance(gold, Words) else oracle).same(left, right)


def _infinity(shape: Shape) -> Shape:
    if isinstance(shape, Words):
        said = plain(shape.text)
        if said in {"infinitely many", "infinite", "infinity"}:
            return INFINITE
        if said in {"all real number", "all real", "set of all real number", "set of real number"}:
            return EVERYTHING
        if said == "no solution":
            return EMPTY
    return shape


def _scalar(shape: Shape) -> Scalar | None:
    match shape:
        case Number() | Leaf():
            return shape
        case Words(text) if " " not in text and len(text) <= 3:
            return Leaf(text)
        case _:
            return None


# --- chains: equations, assignments, inequalities -----------------------------------------------------------------

_EQUALS = frozenset({"=", "\\approx"})
_FUNCTION = re.compile(r"([A-Za-z])\s?\(\s?([A-Za-z])\s?\)")


def value_of(chain: Chain, oracle: Oracle, *, trusted: bool) -> Shape | None:
    """The value that a chain of equations ends in; None if it names none, or contradicts itself.

    ``x = 2 + 3 = 5`` is 5; ``1/3 \\approx 0.33`` is 1/3; ``5 = 4`` and ``4 \\approx 5`` are nothing; ``2x + z = 1`` is
    an equation, not a value.
    """
    if not set(chain.operators) <= _EQUALS:
        return None
    first = chain.parts[0]
    exact = chain.operators.index("\\approx") if "\\approx" in chain.operators else len(chain.operators)
    value = chain.parts[exact] if exact > 0 else chain.parts[1]
    if chain.label or is_name(first) or (not trusted and names_value(first)):
        shape = parse(value)
        product = isinstance(shape, Words) and not chain.label and re.fullmatch(r"[a-z](?: ?[a-z]){1,2}", shape.text)
        return Leaf(shape.text) if isinstance(shape, Words) and product else shape
    if not is_closed(first):
        return None
    return parse(chain.parts[exact]) if consistent(chain, oracle, trusted=trusted) else None


def consistent(chain: Chain, oracle: Oracle, *, trusted: bool) -> bool:
    """Every step between values without variables is true. How near a trusted "approximately" is, is its own affair."""
    judge = oracle if trusted else oracle.within_answer()
    for operator, *sides in zip(chain.operators, chain.parts, chain.parts[1:], strict=False):
        if not all(is_closed(side) for side in sides):
            continue
        left, right = (parse(side) for side in sides)
        if operator == "\\approx" and (trusted or _near(left, right)):
            continue
        if not compare(left, right, judge):
            return False
    return True


def _near(left: Shape, right: Shape) -> bool:
    """Within one per cent."""
    if not (isinstance(left, Number) and isinstance(right, Number)):
        return False
    return abs(left.value - right.value) * 100 <= abs(left.value)


def _chains(gold: Chain, answer: Chain, oracle: Oracle) -> Decision:
    if set(gold.operators) <= _EQUALS and set(answer.operators) <= _EQUALS:
        renamed = _bound_variable(gold, answer)
        gold_value, answer_value = value_of(gold, oracle, trusted=True), value_of(answer, oracle, trusted=False)
        if gold_value and answer_value and _same_label(gold.parts[0], answer.parts[0]):
            return compare(gold_value, answer_value, oracle)
        if renamed and isinstance(gold_value, Leaf | Words) and isinstance(answer_value, Leaf | Words):
            left, right = _scalar(gold_value), _scalar(answer_value)
            if left is not None and right is not None:
                return oracle.same(left, right, renamed)
        if renamed and gold_value and answer_value:
            return compare(gold_value, answer_value, oracle)
        if gold.label or answer.label:
            return Decision(False, "label")
    as_sets = _sets(gold, answer, oracle)
    if as_sets.rule != "kind":
        return as_sets
    if len(gold.parts) == 2 and len(answer.parts) == 2:
        return oracle.relation(gold, answer)
    return _stepwise(gold, answer, oracle)


def _same_label(gold: str, answer: str) -> bool:
    """``y`` is ``f(x)``; ``x`` is ``x_1`` to one who numbers the solutions."""
    gold, answer = ("f(x)" if label.strip() == "y" else label for label in (gold, answer))
    if ("_" in gold) != ("_" in answer):
        gold, answer = (_NUMBERED.sub(r"\1", label) for label in (gold, answer))
    return re.sub(r"[\s{}\\]|text", "", gold).casefold() == re.sub(r"[\s{}\\]|text", "", answer).casefold() and (
        gold.strip()[:1] == answer.strip()[:1] or len(gold) > 2
    )


_NUMBERED = re.compile(r"^\s*([A-Za-z])\s?_\s?\{?\d\}?\s*$")


def _bound_variable(gold: Chain, answer: Chain) -> Rename | None:
    """``f(x) = ...`` and ``f(z) = ...``: the argument's name is free."""
    left, right = _FUNCTION.fullmatch(gold.parts[0].strip()), _FUNCTION.fullmatch(answer.parts[0].strip())
    if left and right and left[1] == right[1] and left[2] != right[2]:
        return Rename(answer=right[2], gold=left[2])
    return None


def _stepwise(gold: Chain, answer: Chain, oracle: Oracle) -> Decision:
    """``f(2) < f(1) < f(4)``: the same steps, forwards or backwards."""
    if gold.operators != answer.operators:
        flipped = tuple(FLIP.get(operator, operator) for operator in reversed(answer.operators))
        answer = Chain(tuple(reversed(answer.parts)), flipped)
    if gold.operators != answer.operators:
        return Decision(False, "chain")
    pairs = zip(gold.parts, answer.parts, strict=True)
    return Decision(all(compare(parse(left), parse(right), oracle) for left, right in pairs), "chain")


def _chain_and_value(gold: Shape, answer: Shape, oracle: Oracle) -> Decision:
    if isinstance(answer, Chain):
        value = value_of(answer, oracle, trusted=False)
        return compare(gold, value, oracle) if value is not None else _sets(gold, answer, oracle)
    assert isinstance(gold, Chain)
    value = value_of(gold, oracle, trusted=True)
    if value is not None and (not is_closed(gold.parts[0]) or is_closed(gold.parts[-1])):
        return compare(value, answer, oracle)
    right = _scalar(answer)
    if gold.operators == ("=",) and right is not None:
        return oracle.solves(gold, right)
    return _sets(gold, answer, oracle)


# --- sets: intervals, inequalities, unions ------------------------------------------------------------------------


def _sets(gold: Shape, answer: Shape, oracle: Oracle) -> Decision:
    """Decides with rule "kind" where one of the two is no set of numbers."""
    left, right = as_region(gold, pairs=True), as_region(answer, pairs=True)
    if isinstance(gold, Union) and isinstance(answer, Union) and (left is None or right is None):
        return Decision(_any_order(gold.items, answer.items, oracle), "union")
    if left is None or right is None:
        return Decision(False, "kind")
    if left.variable and right.variable and left.variable.replace(" ", "") != right.variable.replace(" ", ""):
        return Decision(False, "variable")
    if len(left.intervals) != len(right.intervals):
        return Decision(False, "interval")
    rest = list(right.intervals)
    for interval in left.intervals:
        found = next((other for other in rest if _same_interval(interval, other, oracle)), None)
        if found is None:
            return Decision(False, "interval")
        rest.remove(found)
    return Decision(True, "interval")


def _same_interval(gold: Interval, answer: Interval, oracle: Oracle) -> bool:
    return (
        gold.low_open == answer.low_open
        and gold.high_open == answer.high_open
        and _same_bound(gold.low, answer.low, oracle)
        and _same_bound(gold.high, answer.high, oracle)
    )


def _same_bound(gold: Shape, answer: Shape, oracle: Oracle) -> bool:
    if infinite(gold) or infinite(answer):
        return infinite(gold) == infinite(answer)
    return compare(gold, answer, oracle).equal


# --- lists, tuples, sets, matrices, ratios ------------------------------------------------------------------------


def _sequences(gold: Sequence, answer: Sequence, oracle: Oracle) -> Decision:
    if len(gold.items) != len(answer.items):
        return Decision(False, "count")
    if "tuple" in (gold.kind, answer.kind):
        pairs = zip(gold.items, answer.items, strict=True)
        return Decision(all(compare(left, right, oracle) for left, right in pairs), "tuple")
    as_sets = _sets(gold, answer, oracle)
    if as_sets.equal:
        return as_sets
    return Decision(_any_order(gold.items, answer.items, oracle), gold.kind)


def _any_order(gold: tuple[Shape, ...], answer: tuple[Shape, ...], oracle: Oracle) -> bool:
    """Every part of one matches its own part of the other; parts that are spelt alike are paired first."""
    if len(gold) != len(answer):
        return False
    rest = list(answer)
    for item in [item for item in gold if item not in answer]:
        found = next((other for other in rest if other not in gold and compare(item, other, oracle)), None)
        if found is None:
            return False
        rest.remove(found)
    return True


def _matrices(gold: Shape, answer: Shape, oracle: Oracle) -> Decision:
    assert isinstance(gold, Matrix)
    assert isinstance(answer, Matrix)
    if [len(row) for row in gold.rows] != [len(row) for row in answer.rows]:
        return Decision(False, "matrix")
    cells = [pair for rows in zip(gold.rows, answer.rows, strict=True) for pair in zip(*rows, strict=True)]
    return Decision(all(compare(left, right, oracle) for left, right in cells), "matrix")


def _column(shape: Shape) -> Shape:
    """A tuple as a column vector."""
    return Matrix(tuple((item,) for item in shape.items)) if isinstance(shape, Sequence) else shape


def _ratios(gold: Shape, answer: Shape, oracle: Oracle) -> Decision:
    if isinstance(gold, Ratio) and isinstance(answer, Ratio):
        if len(gold.parts) != len(answer.parts):
            return Decision(False, "ratio")
        left, right = _numbers(gold), _numbers(answer)
        if left and right and left[0] and right[0]:
            scaled = [value * right[0] for value in left] == [value * left[0] for value in right]
            return Decision(scaled, "ratio")
        pairs = zip(gold.parts, answer.parts, strict=True)
        return Decision(all(compare(one, two, oracle) for one, two in pairs), "ratio")
    left_value, right_value = _quotient(gold), _quotient(answer)
    if left_value is None or right_value is None:
        return Decision(False, "kind")
    return compare(left_value, right_value, oracle)


def _clocks(gold: Shape, answer: Shape) -> Decision:
    """Where one says which half of the day it means and the other does not, twelve hours apart is the same."""
    left, right = _clock(gold), _clock(answer)
    if left is None or right is None:
        return Decision(False, "kind")
    apart = abs(left.seconds - right.seconds)
    silent = left if not left.half else right
    halves_left_out = bool(left.half) != bool(right.half) and silent.seconds < 13 * 3600
    return Decision(apart == 0 or (halves_left_out and apart % (12 * 3600) == 0), "time")


def _clock(shape: Shape) -> Clock | None:
    if isinstance(shape, Clock):
        return shape
    values = _numbers(shape) if isinstance(shape, Ratio) else None
    if not values or len(values) > 3 or any(value.denominator != 1 or not 0 <= value < 60 for value in values):
        return None
    return clock([str(value) for value in values])


def _numbers(ratio: Ratio) -> list[Fraction] | None:
    values = [part.value for part in ratio.parts if isinstance(part, Number)]
    return values if len(values) == len(ratio.parts) else None


def _quotient(shape: Shape) -> Scalar | None:
    """``20:3`` as the number 20/3; a scalar as itself."""
    if not isinstance(shape, Ratio):
        return _scalar(shape)
    values = _numbers(shape)
    return Number(values[0] / values[1]) if values and len(values) == 2 and values[1] else None
