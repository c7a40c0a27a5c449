"""Plain data crosses as it is, everything else is refused, and no text can do harm."""

from __future__ import annotations

import contextlib
import enum
import json
import time
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import values
from sandbox.values import MalformedError, NotPlainError, TooLargeError, decode, encode

# A busy machine is no fault of the code.
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**200), max_value=2**200),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)
HASHABLE = st.recursive(
    ATOMS, lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=3)), max_leaves=4
)
PLAIN = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(HASHABLE, inner, max_size=4), st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=8,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from("ifctbszdgrqDF") | st.sampled_from(["vk", "vv", "vi", "h"]), inner, max_size=1),
    ),
    max_leaves=20,
)


def shape(value: Any) -> Any:
    """A value with its exact types spelt out, so that 1, 1.0 and True differ, and -0.0 and 0.0."""
    if isinstance(value, dict):
        return dict, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, map(shape, value)))
    if isinstance(value, list | tuple):
        return type(value), [shape(item) for item in value]
    return type(value), repr(value)


@RELAXED
@given(PLAIN)
def test_plain_data_comes_back_with_its_exact_types(value: Any) -> None:
    assert shape(decode(encode(value))) == shape(value)


@RELAXED
@given(PLAIN)
def test_live_encoding_keeps_plain_data_as_well(value: Any) -> None:
    assert shape(decode(encode(value, live=True), live=True)) == shape(value)


@RELAXED
@given(JSON, st.booleans())
def test_any_json_is_decoded_or_refused(tree: Any, live: bool) -> None:
    with contextlib.suppress(MalformedError):
        decode(json.dumps(tree), live=live)


@RELAXED
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(text: bytes) -> None:
    with contextlib.suppress(MalformedError):
        decode(text)


class Point(NamedTuple):
    x: int
    y: int


class Shade(enum.IntEnum):
    DARK = 3


class Loud(str):
    def __str__(self) -> str:
        return "overridden"


class Liar(list[int]):
    def __eq__(self, other: object) -> bool:
        return True

    def __iter__(self) -> Any:
        raise RuntimeError

    __hash__ = None


class Indexed:
    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, {"k": [1]}), {"k": [1]}),
        (OrderedDict([("b", 1), ("a", 2)]), {"b": 1, "a": 2}),
        (Point(1, 2), (1, 2)),
        (Shade.DARK, 3),
        (Loud("text"), "text"),
        (Liar([1, 2]), [1, 2]),
        (bytearray(b"ab"), b"ab"),
        (Indexed(), 7),
        (iter([1, 2]), [1, 2]),
        ((n * n for n in range(3)), [0, 1, 4]),
        (map(str, [1]), ["1"]),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        ({"a": 1}.items(), [("a", 1)]),
    ],
)
def test_what_is_as_good_as_plain_becomes_its_built_in_base(value: Any, expected: Any) -> None:
    assert shape(decode(encode(value))) == shape(expected)


@pytest.mark.parametrize(
    "value",
    [range(2, 10, 3), deque([1, [2]]), {"a": 1}.keys(), {"a": 1}.items(), Decimal("1.50"), Fraction(1, 3)],
)
def test_live_values_keep_their_kind(value: Any) -> None:
    back = decode(encode(value, live=True), live=True)
    assert type(back) is type(value)
    assert back == value


def test_a_live_iterator_is_an_iterator_and_equals_no_list() -> None:
    back = decode(encode(iter([1, 2]), live=True), live=True)
    assert back != [1, 2]
    assert next(back) == 1
    assert list(back) == [2]


@pytest.mark.parametrize("value", [object(), len, int, [1, {"k": object()}], (lambda: 1)])
def test_objects_are_not_plain(value: Any) -> None:
    with pytest.raises(NotPlainError):
        encode(value)


def test_a_value_that_holds_itself_is_too_deep() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TooLargeError):
        encode(loop)


def test_an_endless_iterator_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_ITEMS", 1000)
    with pytest.raises(TooLargeError):
        encode(iter(int, 1))


@pytest.mark.parametrize(
    "make", [lambda n: list(range(n)), lambda n: [0.5] * n, lambda n: ["x"] * n], ids=["int", "float", "str"]
)
def test_a_list_of_a_million_crosses(make: Any) -> None:
    value = make(1_000_001)
    assert decode(encode(value)) == value
    assert decode(encode(tuple(value))) == tuple(value)


def test_containers_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode([[0] * 5] * 20)
    monkeypatch.setattr(values, "MAX_CONTAINERS", 20)
    with pytest.raises(TooLargeError):
        encode([[0] * 5] * 20)
    with pytest.raises(MalformedError):
        decode(text)
    assert decode(encode([[0] * 5] * 19)) == [[0] * 5] * 19


@pytest.mark.parametrize(
    "value", [[1, 2**63], [2**63, -(2**63)], [float("nan"), 1.0], [True, 1], [1, 1.0], [None, "x"], [2**63, 0.5]]
)
def test_lists_of_one_kind_are_no_exception(value: list[Any]) -> None:
    assert repr(decode(encode(value))) == repr(value)


def test_text_beyond_the_limit_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_BYTES", 100)
    with pytest.raises(TooLargeError):
        encode("x" * 100)
    with pytest.raises(MalformedError):
        decode(b'"' + b"x" * 100 + b'"')


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 5000 + b"]" * 5000,
        b'{"s":[[]]}',
        b'{"d":[[[],1]]}',
        b'{"d":[1]}',
        b'{"d":[[1]]}',
        b'{"d":{"t":[]}}',
        b'{"b":"zz"}',
        b'{"c":["1"]}',
        b'{"c":[1,2]}',
        b'{"g":[]}',
        b'{"h":0}',
        b"{}",
        b'{"t":[],"l":[]}',
        b"[1] 2",
        b" 1",
        b"[1",
        b'"\xff"',
        b"NaN",
        b"1" * 5000,
        b'{"i":5}',
        b'{"f":true}',
        json.dumps({"s": [{"i": format(n * (2**61 - 1), "x")} for n in range(1, 100)]}),
        json.dumps({"d": [[{"i": format(n * (2**61 - 1), "x")}, 0] for n in range(1, 100)]}),
    ],
)
def test_hostile_text_is_refused(text: bytes | str) -> None:
    with pytest.raises(MalformedError):
        decode(text)


@pytest.mark.parametrize("text", [b'"' + b'\\"' * 2_000_000, b'"' + b"[" * 4_000_000, b'["' * 2_000_000])
def test_a_string_without_an_end_is_read_once(text: bytes) -> None:
    started = time.process_time()
    with pytest.raises(MalformedError):
        decode(text)
    assert time.process_time() - started < 5.0, "the time grows with the square of the length"


def test_brackets_and_commas_of_a_string_are_its_text() -> None:
    for text in ("[" * 5000, "{,}" * 2000, '\\"[' * 2000, "," * (values.MAX_ITEMS + 1)):
        assert decode(encode([text, text[:7]])) == [text, text[:7]]


@pytest.mark.parametrize(
    ("wrap", "brackets"), [(lambda value: [value], 1), (lambda value: (value,), 2), (lambda value: {1: value}, 3)]
)
def test_depth_is_limited_on_both_sides_alike(wrap: Any, brackets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_DEPTH", 60)
    value: Any = 0
    for _ in range(60 // brackets):
        value = wrap(value)
    text = encode(value)
    assert decode(text) == value
    with pytest.raises(TooLargeError):
        encode(wrap(value))
    monkeypatch.setattr(values, "MAX_DEPTH", 59)
    with pytest.raises(MalformedError):
        decode(text)


def test_the_deepest_list_crosses_from_an_ordinary_stack() -> None:
    value: list[Any] = []
    for _ in range(values.MAX_DEPTH - 1):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(TooLargeError):
        encode([value])
