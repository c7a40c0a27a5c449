r"""The oracle with symbols. Imported only in worker processes: sympy can hang, and hold the GIL while it does.

Expressions are read by Math-Verify's own LaTeX parser; never by ``eval`` or ``sympify``. Equality is decided by value:
two expressions are the same if they agree, to 20 digits, at fixed points of their common domain. Unlike ``simplify``
this neither runs away nor misses an identity, and unlike a comparison of floats it tells ``1/2006!`` from ``1/2004!``.
Math-Verify's comparison decides what cannot be evaluated (undefined functions, sets).
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import permutations
from typing import Any

import sympy
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, latex2sympy, normalize_latex
from math_verify.grader import verify
from sympy.core.function import AppliedUndef

from reward_server.verifiers.math_compare import consistent
from reward_server.verifiers.math_number import APPROXIMATE_DIGITS, HEDGE, TOLERANT_DIGITS, Number
from reward_server.verifiers.math_oracle import Decision, Rename, Scalar
from reward_server.verifiers.math_region import FLIP, is_closed
from reward_server.verifiers.math_shape import Chain, Interval, Leaf, Matrix, Ratio, Sequence, Shape, Union, parse, show
from reward_server.verifiers.math_text import latexify

_SPELLING = NormalizationConfig(
    basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False
)
logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that time-outs are off: they are the pool's
DIGITS = 30
"""Evaluated to this many decimal digits."""
TOLERANCE = sympy.Float("1e-20", DIGITS)
ENOUGH = 3
"""Points at which both sides must have a value."""
RANGES = ((0, 2), (0, 2), (1, 4), (0, 1), (-2, 0), (3, 10), (-5, -1), (10, 30))
"""Where the points lie, one range each: near zero and far, on both sides."""


class BadReference(Exception):
    """The reference holds an expression that cannot be read."""


class Unreadable(Exception):
    """The answer holds an expression that cannot be read."""


_UPPER = re.compile(r"\\[a-zA-Z]+|([A-Z])(?:\s?_\s?(?:\{([^{}]*)\}|(\w)))?")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\s?\^\{\\circ\}")
_FUNCTION_ATOM = re.compile(
    r"\\(sin|cos|tan|cot|sec|csc|ln|log|arcsin|arccos|arctan)\s?(?:([a-zA-Z])|(\\(?:theta|alpha|beta|pi)))\s?(?=\\cdot|\\times)"
)
_WORDS_WITHIN = re.compile(r"\\text\{[^{}]*[A-Za-z]{3}")
_POWER_OF_UNIT = re.compile(r"\^\s?\{?[23]\}?$")
_TAIL_UNIT = re.compile(r"(?<=\S)\s?\\text\{[^{}]*\}\s?(?:\^\s?\{?[23]\}?)?$")


@lru_cache(maxsize=256)
def read(latex: str) -> Any:
    """``latex`` as a sympy object with real symbols and exact numbers.

    Raises:
        Unreadable: the parser does not know it.
    """
    tail = _TAIL_UNIT.search(latex)
    text = latex[: tail.start()] if tail else latex
    if _WORDS_WITHIN.search(text) or (tail and HEDGE.search(_POWER_OF_UNIT.sub("", tail[0]))):
        raise Unreadable(f"words within mathematics: {latex[:80]!r}")
    text = _DEGREES.sub(r"(\\frac{\1 \\pi}{180})", text)
    text = _FUNCTION_ATOM.sub(lambda match: rf"\{match[1]}({match[2] or match[3]}) ", text)
    text = _UPPER.sub(_keep_case, text.replace("%", ""))
    try:
        parsed = latex2sympy(
            normalize_latex(text, _SPELLING), is_real=True, convert_degrees=False, normalization_config=None
        )
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # the parser raises bare Exceptions of every kind
        raise Unreadable(f"not readable as mathematics: {latex[:80]!r}") from error
    if parsed is None or not isinstance(parsed, sympy.Basic | sympy.MatrixBase):
        raise Unreadable(f"not readable as mathematics: {latex[:80]!r}")
    exact = _exact(parsed)
    return exact / 100 if latex.rstrip().endswith("%") and isinstance(exact, sympy.Expr) else exact


def _keep_case(match: re.Match[str]) -> str:
    """The parser folds ``C`` into ``c``: keep them apart by a subscript. ``E`` it takes for the number e."""
    if match[1] is None:
        return match[0]
    letter = "\\epsilon" if match[1] == "E" else match[1].lower()
    return rf"{letter}_{{9{match[2] or match[3] or ''}}}"


def _exact(parsed: Any) -> Any:
    """Decimals as the fractions that they spell, ``i`` as the imaginary unit, every symbol real."""
    renamed: dict[Any, Any] = {number: sympy.Rational(str(number)) for number in parsed.atoms(sympy.Float)}
    for symbol in parsed.atoms(sympy.Symbol):
        renamed[symbol] = sympy.I if symbol.name == "i" else sympy.Symbol(symbol.name, real=True)
    return parsed.xreplace(renamed) if renamed else parsed


def _sympy(value: Scalar) -> Any:
    if isinstance(value, Leaf):
        return read(value.latex)
    exact = sympy.Rational(value.value.numerator, value.value.denominator)
    if value.percent:
        return exact / 100
    return exact * sympy.pi / 180 if value.unit == "degree" else exact


class Symbols:
    """Satisfies :class:`reward_server.verifiers.math_oracle.Oracle`.

    Args:
        trusted: what stands on the gold side is the reference; False: both sides are the answer's.

    Raises:
        BadReference, Unreadable: from every method, where a side cannot be read.
    """

    def __init__(self, *, trusted: bool = True) -> None:
        self._trusted = trusted

    def within_answer(self) -> Symbols:
        """An answer that cannot be read says nothing of the reference."""
        return Symbols(trusted=False)

    def same(self, gold: Scalar, answer: Scalar, rename: Rename | None = None) -> Decision:
        """Same value for every value of the variables, after renaming what is free to be named."""
        left, right = _gold(gold) if self._trusted else _sympy(gold), _sympy(answer)
        if rename is not None:
            right = right.subs(_symbol(rename.answer), _symbol(rename.gold))
        if isinstance(gold, Number) and gold.places is not None and not right.free_symbols:
            return Decision(_at_stated_precision(right, gold, TOLERANT_DIGITS), "stated_precision")
        if isinstance(answer, Number) and answer.places is not None and not left.free_symbols:
            return Decision(_at_stated_precision(left, answer, APPROXIMATE_DIGITS), "decimal_of_exact")
        if isinstance(gold, Number) and gold.percent and not right.free_symbols:
            return Decision(bool(_zero(right - left)), "percent")
        return _identical(left, right)

    def relation(self, gold: Chain, answer: Chain) -> Decision:
        """Two equations, or inequalities, whose differences are a constant multiple of each other."""
        (one,), (other,) = gold.operators, answer.operators
        left, right = _difference(gold, trusted=self._trusted), _difference(answer, trusted=False)
        if one in FLIP and other == FLIP[one]:
            right, other = -right, one
        if one != other or one not in {"=", "\\neq", *FLIP}:
            return Decision(False, "relation")
        factor = _constant_ratio(left, right)
        return Decision(factor is not None and (one in {"=", "\\neq"} or bool(factor > 0)), "relation")

    def solves(self, gold: Chain, answer: Scalar) -> Decision:
        """The equation is linear in the one variable that the answer lacks, and the answer satisfies it."""
        difference, value = _difference(gold, trusted=self._trusted), _sympy(answer)
        missing = difference.free_symbols - value.free_symbols
        if len(missing) != 1 or difference.free_symbols - missing != value.free_symbols:
            return Decision(False, "equation")
        unknown = next(iter(missing))
        steps = [difference.subs(unknown, step) for step in (0, 1, 2)]
        linear = _identical(steps[0] + steps[2], 2 * steps[1]).equal
        return Decision(linear and _identical(difference.subs(unknown, value), sympy.S.Zero).equal, "equation")


def _gold(value: Scalar) -> Any:
    try:
        return _sympy(value)
    except Unreadable as error:
        raise BadReference(str(error)) from error


def _symbol(name: str) -> Any:
    return sympy.Symbol(name if name.islower() else f"{name.lower()}_9", real=True)


def _difference(chain: Chain, *, trusted: bool) -> Any:
    sides = [_gold(Leaf(latexify(part))) if trusted else read(latexify(part)) for part in chain.parts]
    difference = sides[0] - sides[1]
    return difference.replace(lambda part: isinstance(part, AppliedUndef), lambda part: sympy.Symbol(str(part)))


def _at_stated_precision(value: Any, decimal: Number, digits: int) -> bool:
    """``value``, which has no variables, rounds to ``decimal``, which has enough digits for that to mean something."""
    assert decimal.places is not None
    target = _sympy(decimal)
    if _zero(value - target):
        return True
    scale = 100 if decimal.percent else 1
    half = sympy.Rational(1, 2 * scale * 10**decimal.places)
    gap = sympy.Abs(value - target).evalf(DIGITS)
    return decimal.significant >= digits and bool(gap.is_number and gap.is_finite and gap <= half)


def _identical(left: Any, right: Any) -> Decision:
    if not isinstance(left, sympy.Expr) or not isinstance(right, sympy.Expr) or left.has(AppliedUndef):
        return Decision(bool(verify(left, right, allow_set_relation_comp=True, timeout_seconds=None)), "math_verify")
    infinite = (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan)
    if left in infinite or right in infinite:
        return Decision(bool(left == right and left is not sympy.nan), "infinity")
    for names in _namings(left, right):
        verdict = _agree(left, right.xreplace(names))
        if verdict is None and not (left.free_symbols or right.free_symbols):
            return Decision(False, "undefined")
        if verdict is None:
            confirmed = verify(left, right.xreplace(names), timeout_seconds=None)
            return Decision(bool(confirmed), "math_verify")
        if verdict:
            return Decision(True, "renamed_constants" if names else "identity")
    return Decision(False, "identity")


_CONSTANT = re.compile(r"[a-dk]_9|c_\{9\d\}|c_\d|[cdkmn]")
"""Names of constants of integration and of integer parameters: any upper-case A-D and K, C and c with a
digit, and c, d, k, m, n."""


def _namings(left: Any, right: Any) -> list[dict[Any, Any]]:
    """Ways to name the answer's own constants as the reference names its own; the first is: not at all."""
    ours = sorted(left.free_symbols - right.free_symbols, key=str)
    theirs = sorted(right.free_symbols - left.free_symbols, key=str)
    namings: list[dict[Any, Any]] = [{}]
    alone = isinstance(left, sympy.Symbol) or isinstance(right, sympy.Symbol)  # a name, or the letter of an option
    if alone or not ours or len(ours) != len(theirs) or len(ours) > 3:
        return namings
    if all(_CONSTANT.fullmatch(symbol.name) for symbol in [*ours, *theirs]):
        namings += [dict(zip(theirs, order, strict=True)) for order in permutations(ours)]
    return namings


def _agree(left: Any, right: Any) -> bool | None:
    """Whether both have the same value wherever both have one; None if that is hardly anywhere."""
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    seen = 0
    for at in _points(left, right, symbols):
        one, other = _value(left, at), _value(right, at)
        if one is None or other is None or _is_real(one) != _is_real(other):
            continue
        if not _close(one, other) or (not seen and _differ(left, right, at)):
            return False
        seen += 1
        if seen == ENOUGH + 2 or not symbols:
            return True
    return True if seen >= ENOUGH else None


def _differ(left: Any, right: Any, at: dict[Any, Any]) -> bool:
    """Whether sympy, which raises the precision until the digits are certain, sees a difference: ``2^{99}`` + 1."""
    gap = _value(left - right, at)
    return gap is not None and any(part != 0 and not _vanishes(part) for part in gap)


def _points(left: Any, right: Any, symbols: list[Any]) -> Iterator[dict[Any, Any]]:
    """Values for the variables: the same for the same pair, so that verdicts repeat; different for every pair, so that
    no answer can be made to agree at the points alone."""
    source = random.Random(f"{left}|{right}")  # noqa: S311  (nothing secret)
    for low, high in RANGES:
        yield {symbol: low + sympy.Rational(source.randint(1, 996), 997) * (high - low) for symbol in symbols}


_UNDONE = (sympy.Sum, sympy.Product, sympy.Integral, sympy.Limit, sympy.Derivative, sympy.Subs, sympy.MatrixExpr)
"""What holds bound variables, or is no number before it is done."""


def _value(expression: Any, at: dict[Any, Any]) -> Any:
    """The number that ``expression`` is at a point; None where it has none."""
    try:
        if expression.has(*_UNDONE):
            expression = expression.subs(at).doit()
        value = expression.evalf(DIGITS, subs=at)
    except (ArithmeticError, ValueError, TypeError, AttributeError, NotImplementedError):
        return None  # outside the domain, or sympy has no number for it
    if not value.is_number or not value.is_finite or value.free_symbols:
        return None
    parts = value.as_real_imag()
    return parts if all(isinstance(part, sympy.Number) for part in parts) else None


def _is_real(value: Any) -> bool:
    return _vanishes(value[1]) or abs(value[1]) < TOLERANCE * abs(value[0])


def _close(one: Any, other: Any) -> bool:
    """Relative to the larger: nothing is too small to tell from zero."""
    size = max(abs(part) for part in (*one, *other))
    if all(_vanishes(part) for part in (*one, *other)):
        return True
    return all(abs(first - second) <= TOLERANCE * size for first, second in zip(one, other, strict=True))


def _vanishes(part: Any) -> bool:
    """Zero, or indistinguishable from zero at a precision that sympy raised until it gave up."""
    return bool(part == 0) or (isinstance(part, sympy.Float) and part._prec <= 2)


def _zero(expression: Any) -> bool:
    return _agree(expression, sympy.S.Zero) is True


def _constant_ratio(left: Any, right: Any) -> Any:
    """c where ``left == c * right`` identically and c is not 0; None if there is none."""
    if left.free_symbols != right.free_symbols or not left.free_symbols:
        return None
    symbols = sorted(left.free_symbols, key=str)
    for at in _points(left, right, symbols):
        one, other = _value(left, at), _value(right, at)
        if one is None or other is None or not (_vanishes(one[1]) and _vanishes(other[1])):
            continue
        if _vanishes(one[0]) or _vanishes(other[0]):
            continue
        factor = one[0] / other[0]
        exact = sympy.nsimplify(factor, rational=True, tolerance=1e-15)
        return factor if _agree(left, exact * right) or _agree(left, factor * right) else None
    return None


def _evaluated(expression: Any) -> None:
    if isinstance(expression, sympy.Expr) and not expression.has(AppliedUndef):
        _agree(expression, expression)


def check_reference(shape: Shape) -> None:
    """Read and evaluate every expression of a reference, so that what it costs by itself is known.

    Raises:
        BadReference: one cannot be read.
    """
    match shape:
        case Leaf():
            if shape.latex not in {"\\infty", "-\\infty"}:
                _evaluated(_gold(shape))
        case Sequence(items=items) | Union(items=items):
            for item in items:
                check_reference(item)
        case Interval(low, high):
            check_reference(low)
            check_reference(high)
        case Matrix(rows):
            for row in rows:
                for cell in row:
                    check_reference(cell)
        case Ratio(parts):
            for part in parts:
                check_reference(part)
        case Chain(parts):
            check_reference(parse(parts[-1]))
            closed = all(is_closed(part) for part in parts) and set(shape.operators) == {"="}
            if closed and not consistent(shape, Symbols(), trusted=True):
                raise BadReference(f"it contradicts itself: {show(shape)[:80]}")
        case _:
            pass
