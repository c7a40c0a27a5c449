"""Numbers, shapes and their comparison, in process and without symbols. Each rule has its own lines."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_server.verifiers.math_compare import compare
from reward_server.verifiers.math_number import Number, numbers_equal, parse_number
from reward_server.verifiers.math_oracle import NeedsSymbols, NoSymbols
from reward_server.verifiers.math_shape import Interval, Leaf, Sequence, Words, parse, readings, show
from reward_server.verifiers.math_text import clean, latexify

ON_A_BUSY_HOST = settings(deadline=None)


def number(text: str) -> Number:
    parsed = parse_number(clean(text))
    assert parsed is not None, text
    return parsed


def same(gold: str, answer: str) -> bool:
    pairs = [(left, right) for left in readings(clean(gold)) for right in readings(clean(answer))]
    return any(compare(left, right, NoSymbols()).equal for left, right in pairs)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18), ("-5", -5), ("−5", -5), ("1,234", 1234), ("1 234", 1234), (r"11,\! 111", 11111),
        ("$1,234.50", Fraction("1234.5")), (".4", Fraction(2, 5)), ("3/4", Fraction(3, 4)),
        (r"\frac34", Fraction(3, 4)),
        (r"-\dfrac{10}{9}", Fraction(-10, 9)), (r"21 \frac{13}{14}", Fraction(307, 14)), ("½", Fraction(1, 2)),
        (r"1.2 \times 10^{5}", 120000), ("1e5", 100000), ("１２", 12), ("१२", 12), ("{7}", 7), ("1010_{2}", 10),
    ],
)  # fmt: skip
def test_numerals_are_read_exactly(text: str, value: Fraction | int):
    assert number(text).value == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "1.2.3", "1,23", "0,111", "2x", "1/0", "1_2_3", "9" * 5000, "1e9999", "1 2 3", "12 3456", "1010_1"],
)
def test_what_is_no_numeral_is_not_read_as_one(text: str):
    assert parse_number(clean(text)) is None


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("1000", "1000.0", True), ("10", "10.01", False),  # integers are exact
        ("3/4", "0.75", True), ("3/4", "0.751", False), ("1/3", "0.33", False), ("1/3", "0.3333", True),
        ("600/7", "85.71", True), ("600/7", "82.02", False), ("1/3000000", "0.0", False),
        ("21.93", "21 13/14", True), ("0.458", "27/59", True), ("0.458", "31/60", False),  # the reference's precision
        ("165.47", "165.5", False), ("0.5", "0.54", False), ("0.0000001", "0.0000002", False),
        ("28%", "0.28", True), ("28%", "28", True), ("0.28", "28%", True), ("62.5%", "5/8", True),
        ("20%", "0.02", False),
        ("5 km", "5000 meters", True), ("5 cm", "5 km", False), ("5 cm", "5 seconds", False), ("5 cm", "5", True),
        ("5", "5 apples", True), ("2 hours", "120 minutes", True), ("1 m^2", "10000 cm^2", True),
        ("50 cents", "0.5 dollars", True),
        ("90^\\circ", "90", True), ("30^\\circ", "30 rad", False),
        ("1010_2", "1010_3", False), ("1010_2", "1010", True), ("1010_2", "10", False),
    ],
)  # fmt: skip
def test_numbers_are_compared_as_the_reference_states_them(gold: str, answer: str, equal: bool):
    assert numbers_equal(number(gold), number(answer))[0] is equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("1,22", "1.22", True), ("100,200", "200,100", True), ("32349", "32, 349", False),  # readings
        ("-2, 1", "1, -2", True), ("-2, 1", "1, -3", False), ("1", "1 or 2 or 3", False), ("1,2,3", "1,2", False),
        ("2,3", r"\{3, 2\}", True), (r"\pm 2", "-2, 2", True), ("1,1,2", "1,2", True),
        ("7,4", "7 goats and 4 toys", True),
        ("(1,2)", "(2,1)", False), ("(p,q)=(3,2)", "(3,2)", True), ("(1;2)", "(1, 2)", True),
        ("[0,1)", "[0,1)", True), ("[0,1)", "[0,1]", False), ("(0,1)", "[0,1)", False),
        (r"[2,\infty)", r"x \ge 2", True), (r"[2,\infty)", "x > 2", False), ("x<3", r"(-\infty,3)", True),
        ("-2<x<=7", "(-2,7]", True), (r"\{x|-2<x<3\}", "(-2,3)", True), (r"x \in [-2,7]", "[-2,7]", True),
        ("x > 1 and x <= 3", "(1,3]", True), ("x<1 or x>3", r"(-\infty,1)\cup(3,\infty)", True),
        ("x>2", "y>2", False),
        (r"1 \leq |z| \leq 3", r"[-3,-1]\cup[1,3]", True), ("|x|<2", "(-2,2)", True),
        ("5 \\geq x", "x \\leq 5", True),
        (r"[0,1]\cup[2,3]", r"[2,3]\cup[0,1]", True), (r"[0,1]\cup[2,3]", "[0,3]", False),
        ("x=5", "5", True), ("5", "x=5", True), ("x = 11", "x = 5+5+1 = 7 = 11", True),
        ("5", "5=4", False), ("5", "1=2=3=4=5", False), ("4", r"4\approx5", False), ("1/3", r"x=1/3\approx1.3", True),
        ("x_1=-2, x_2=3", "-2, 3", True), ("a=1 or a=-2", "a=-2 or a=1", True),
        ("1,2", "Maximum = 2, Minimum = 1", True),
        ("7,14,18", "Paolo: 18, Qing: 14, Rayna: 7", True), ("p=5,q=2;p=7,q=2", "(5,2),(7,2)", True),
        ("7:32", "14:64", True), ("7:32", "32:7", False), ("6.67", "20:3", True), ("12:00", "1:00", False),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", True),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}", False),
        (r"3^{10}\bmod 7", "4", True), (r"3^{10}\bmod 7", "7", False),
        ("A", "(A)", True), ("A", "B", False), ("A", "a", False), ("(D) Alina", "D", True),
        (r"\text{Even}", "even", True),
        ("abc", "cab", False), ("Petya will receive the last token.", "Petya", True),
        ("Petya will receive the last token.", "Vasya", False), ("Petya will not receive the token", "Petya", False),
        (r"\text{infinitely many}", r"\infty", True), ("f(n)=1", r"f(n)=1 \text{ for all } n \in \mathbb{Z}", True),
        ("②③", "2, 3", True), ("②③", "1, 2", False), ("not possible", "possible", False),
    ],
)  # fmt: skip
def test_shapes_are_compared_by_rule(gold: str, answer: str, equal: bool):
    assert same(gold, answer) is equal


def test_expressions_are_left_to_symbols():
    with pytest.raises(NeedsSymbols):
        same("x^2+1", "1+x^2")


def test_shapes():
    assert parse(clean("(1, 2]")) == Interval(Number(Fraction(1)), Number(Fraction(2)), low_open=True, high_open=False)
    assert parse(clean("(1, 2)")) == Sequence("tuple", (Number(Fraction(1)), Number(Fraction(2))))
    assert parse(clean("x + 1")) == Leaf("x + 1")
    assert parse(clean(r"\text{no solution}")) == Words("no solution")
    assert show(parse(clean(r"\{1, 1/2\}"))) == "{1, 1/2}"


@pytest.mark.parametrize(
    ("typed", "latex"),
    [
        ("pi/2", r"\pi /2"), ("exp(16)", "e^{16}"), ("4sqrt(2)", r"4\sqrt{2}"), ("x^(2/3)", "x^{2/3}"),
        ("2**10", "2^10"),
        ("sqrt(1+sqrt(2))", r"\sqrt{1+\sqrt{2}}"), ("sqrt(2", "sqrt(2"), ("a*b", r"a \cdot b"),
    ],
)  # fmt: skip
def test_calculator_syntax_becomes_latex(typed: str, latex: str):
    assert latexify(typed) == latex


@ON_A_BUSY_HOST
@given(st.integers(-(10**12), 10**12))
def test_every_way_to_write_an_integer_is_that_integer(value: int):
    for written in (
        f"{value}",
        f"{value:,}",
        f"{value}.0",
        f"${value}$",
        rf"\text{{{value}}}",
        f"{value}.",
        f"{value} dollars",
    ):
        assert same(str(value), written), written
    assert not same(str(value), str(value + 1))
    assert not same(str(value), f"{value}, {value + 1}")


@ON_A_BUSY_HOST
@given(st.fractions(max_denominator=10**6))
def test_every_way_to_write_a_fraction_is_that_fraction(value: Fraction):
    top, bottom = value.numerator, value.denominator
    for written in (f"{top}/{bottom}", rf"\frac{{{top}}}{{{bottom}}}", rf"\dfrac{{{3 * top}}}{{{3 * bottom}}}"):
        assert same(str(value), written), written
    assert not same(str(value), f"{top}/{bottom + 1}") or top == 0


@ON_A_BUSY_HOST
@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str):
    cleaned = clean(text)
    for shape in readings(cleaned):
        show(shape)
    assert clean(cleaned) is not None


@ON_A_BUSY_HOST
@given(st.text(alphabet=r"\{}()[],;=<>^_&|:+-*/.$ 12xyfracoundsqt", max_size=80))
def test_no_latex_breaks_the_comparison(text: str):
    try:
        same("x^2", text)
        same(text, "1, 2")
        same(text, text)
    except NeedsSymbols:
        pass
