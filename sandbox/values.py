"""Plain data across a distrusted channel: JSON text with tags, exact built-in types only.

Shared with the launcher inside the container, so: standard library only, no import of ours.

Encoding: ``None``, ``bool``, ``str``, finite ``float``, ``int`` below 2**63 and ``list`` are JSON's own; all else
is ``{tag: payload}``: ``{"i": "-1f"}`` big int in hex, ``{"f": "nan"}`` float that JSON lacks, ``{"c": [re, im]}``
complex, ``{"b": "<hex>"}`` bytes, ``{"t": [...]}`` tuple, ``{"s": [...]}`` set, ``{"z": [...]}`` frozenset,
``{"d": [[k, v], ...]}`` dict. No pickle, no marshal, no eval. Text is read by the parser in C, which builds the value
as it goes: a call and its answer take a few microseconds.

Subclasses become their built-in base (``Counter``, ``defaultdict`` and ``OrderedDict`` a dict, a named tuple a tuple,
an ``IntEnum`` an int), ``bytearray`` becomes bytes and what has ``__index__`` an int: their equality is the base's.
Iterators, ranges, dict views and deques are not equal to any list. They become a list for callers that compare with
JSON values; with ``live=True`` they keep their kind and ``decode(..., live=True)`` builds them again: ``"g"``
iterator, ``"r"`` range, ``"q"`` deque, ``"vk" "vv" "vi"`` dict views, ``"D"`` Decimal, ``"F"`` Fraction.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, islice
from typing import Any

Plain = Any
"""None, bool, int, float, complex, str, bytes, or list, tuple, set, frozenset, dict of such."""

MAX_DEPTH = 300
"""Brackets inside brackets of the text: a list takes one, a tuple or set two, a dict three."""
MAX_CONTAINERS = 2_000_000
"""Brackets of the text: what they stand for weighs a hundred bytes or more while it is read."""
MAX_ITEMS = 4_000_000
"""Commas of the text: a list of a million numbers is a fair answer to a fair question."""
MAX_BYTES = 16 * 1024 * 1024
"""Encoded text."""
MAX_SAME_HASH = 64
"""Members of one set or dict with one hash: more is an attack on the time that building it takes."""

_SMALL = 1 << 63
_EMPTY: dict[Any, Any] = {}
_KEYS, _VALUES, _ITEMS = type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items())
_SCALARS = {type(None), bool, str, int, float}

Other = Callable[[Any], "tuple[str, Any] | None"]
"""Hook of :func:`encode`: an object that is not plain -> (tag, JSON payload), or None if it has no encoding."""
Build = Callable[[str, Any], Any]
"""Hook of :func:`decode`: an unknown tag and its payload -> the object. Raises :class:`MalformedError`."""


class NotPlainError(TypeError):
    """The value holds an object that is not plain data. ``type_name`` says which."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"{type_name!r} is not plain data")
        self.type_name = type_name


class TooLargeError(ValueError):
    """The value is deeper or larger than the limits."""


class MalformedError(ValueError):
    """The text is no encoding of plain data."""


def encode(value: Any, *, live: bool = False, other: Other | None = None) -> bytes:
    """Encode ``value`` as ASCII bytes.

    Raises:
        NotPlainError: it holds something that is not plain data and that ``other`` does not take.
        TooLargeError: it is over :data:`MAX_DEPTH`, :data:`MAX_ITEMS`, :data:`MAX_CONTAINERS` or :data:`MAX_BYTES`.
        Exception: whatever an iterator raises while it is read.
    """
    try:
        tree = _Encoder(live, other).tree(value, 0)
    except RecursionError:
        raise TooLargeError("nested too deeply") from None
    text = _WRITER.encode(tree)
    excess = _excess(text)
    if excess:
        raise TooLargeError(excess)
    return text.encode("ascii")


def decode(text: bytes | str, *, live: bool = False, build: Build | None = None) -> Plain:
    """Decode what :func:`encode` wrote. Safe on any input.

    Raises:
        MalformedError: it is anything else, is too deep or too large, or is made to be slow.
    """
    return Decoder(live=live, build=build).decode(text)


class Decoder:
    """:func:`decode` with fixed options, for many texts."""

    def __init__(self, *, live: bool = False, build: Build | None = None) -> None:
        self._live = live
        self._build = build
        decoder: Any = json.JSONDecoder(object_hook=self._tagged, parse_constant=_no_constant)
        self._scan = decoder.scan_once  # what its methods wrap, not in the stubs

    def decode(self, text: bytes | str) -> Plain:
        """See :func:`decode`."""
        try:
            written = text if isinstance(text, str) else str(text, "ascii")
        except UnicodeDecodeError as error:
            raise MalformedError(f"not ASCII: {error}") from None
        excess = _excess(written)
        if excess:
            raise MalformedError(excess)
        try:
            value, end = self._scan(written, 0)
        except MalformedError:
            raise
        except (ValueError, RecursionError, StopIteration) as error:
            raise MalformedError(f"not JSON: {error}") from None
        if end != len(written):
            raise MalformedError("text after the value")
        return value

    def _tagged(self, tree: dict[str, Any]) -> Any:
        """Called by the parser for each ``{tag: payload}``, the innermost first."""
        if len(tree) != 1:
            raise MalformedError("expected one tag and its payload")
        ((tag, payload),) = tree.items()
        try:
            return self._tagged_value(tag, payload)
        except MalformedError:
            raise
        except (ValueError, TypeError, ArithmeticError) as error:
            raise MalformedError(f"bad payload of {tag!r}: {error}") from None

    def _tagged_value(self, tag: str, payload: Any) -> Any:
        if tag == "d":
            return _mapping(payload)
        if tag == "t":
            return tuple(_list(payload))
        if tag == "s":
            return set(_hashables(payload))
        if tag == "z":
            return frozenset(_hashables(payload))
        if tag == "i":
            return int(payload, 16)
        if tag == "f":
            return float(_text(payload))
        if tag == "c":
            real, imag = payload
            return complex(float(_text(real)), float(_text(imag)))
        if tag == "b":
            return bytes.fromhex(payload)
        if self._live:
            return self._live_value(tag, payload)
        return self._unknown(tag, payload)

    def _live_value(self, tag: str, payload: Any) -> Any:
        if tag == "g":
            return iter(_list(payload))
        if tag == "q":
            return deque(_list(payload))
        if tag == "vk":
            return dict.fromkeys(_hashables(payload)).keys()
        if tag == "vv":
            return dict(enumerate(_list(payload))).values()
        if tag == "vi":
            pairs = [(key, value) for key, value in _list(payload)]
            _check_hashes([key for key, _ in pairs])
            return dict(pairs).items()
        if tag == "r":
            start, stop, step = (int(part, 16) for part in payload)
            return range(start, stop, step)
        if tag == "D":
            return Decimal(_text(payload))
        if tag == "F":
            numerator, denominator = (int(part, 16) for part in payload)
            return Fraction(numerator, denominator)
        return self._unknown(tag, payload)

    def _unknown(self, tag: str, payload: Any) -> Any:
        if self._build is None:
            raise MalformedError(f"unknown tag {tag!r}")
        return self._build(tag, payload)


def _no_constant(name: str) -> None:
    raise MalformedError(f"{name} is not plain JSON")


_WRITER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)
_STRING = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL
)  # one without an end goes to the end: nothing is read twice
_NO_BRACKET = re.compile(r"[^][{}]+")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def _excess(text: str) -> str | None:
    """Which limit the text is over. Nearly all texts are shorter than what could be."""
    if len(text) > MAX_BYTES:
        return f"text of {len(text)} bytes; the limit is {MAX_BYTES}"
    brackets = text.count("[") + text.count("{")
    if brackets <= min(MAX_DEPTH, MAX_CONTAINERS) and text.count(",") <= MAX_ITEMS:
        return None
    bare = _STRING.sub("", text)
    if bare.count(",") > MAX_ITEMS:
        return f"more than {MAX_ITEMS} items"
    skeleton = _NO_BRACKET.sub("", bare)
    if len(skeleton) > 2 * MAX_CONTAINERS:
        return f"more than {MAX_CONTAINERS} lists, dicts and the like"
    if max(accumulate(map(_STEPS.__getitem__, skeleton)), default=0) > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH} brackets"
    return None


def _is_json(values: list[Any] | tuple[Any, ...]) -> bool:
    """True if JSON writes every value as it is: so are most lists, and nearly all long ones."""
    kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        return False
    ints = [value for value in values if type(value) is int] if int in kinds else [0]
    floats = (value for value in values if type(value) is float) if float in kinds else ()
    return min(ints) > -_SMALL and max(ints) < _SMALL and all(map(math.isfinite, floats))


class _Encoder:
    """One value being turned into what JSON can write."""

    def __init__(self, live: bool, other: Other | None) -> None:
        self.live = live
        self.other = other

    def tree(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is int:
            return value if -_SMALL < value < _SMALL else {"i": format(value, "x")}
        if kind is float:
            return value if value - value == 0.0 else {"f": repr(value)}
        if depth > MAX_DEPTH:
            raise TooLargeError(f"nested deeper than {MAX_DEPTH} brackets")
        if kind is list:
            return value if _is_json(value) else [self.tree(item, depth + 1) for item in value]
        if kind is tuple:
            return {"t": self.all(value, depth)}
        if kind is dict:
            return {"d": self.pairs(value.items(), depth)}
        return self.rare(value, depth)

    def all(self, values: Iterable[Any], depth: int) -> Any:
        """Items of one container, in an exact list or tuple: JSON writes both alike."""
        if type(values) is not list and type(values) is not tuple:
            values = list(islice(values, MAX_ITEMS + 1))
            if len(values) > MAX_ITEMS:
                raise TooLargeError(f"more than {MAX_ITEMS} items")
        if _is_json(values):
            return values
        return [self.tree(value, depth + 1) for value in values]

    def pairs(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> list[Any]:
        return [(self.tree(key, depth + 1), self.tree(value, depth + 1)) for key, value in pairs]

    def rare(self, value: Any, depth: int) -> Any:
        """Subclasses, by the base's own methods, and the types that JSON knows nothing of."""
        if isinstance(value, tuple):
            return {"t": self.all(tuple.__iter__(value), depth)}
        if isinstance(value, frozenset):
            return {"z": self.all(frozenset.__iter__(value), depth)}
        if isinstance(value, set):
            return {"s": self.all(set.__iter__(value), depth)}
        if isinstance(value, list):
            return self.all(list.__iter__(value), depth)
        if isinstance(value, dict):
            return {"d": self.pairs(dict.items(value), depth)}
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return self.tree(int.__index__(value), depth)
        if isinstance(value, float):
            return self.tree(float.__float__(value), depth)
        if isinstance(value, complex):
            return {"c": [repr(value.real), repr(value.imag)]}
        if isinstance(value, bytes | bytearray):
            return {"b": bytes(value).hex()}
        return self.live_or_other(value, depth)

    def live_or_other(self, value: Any, depth: int) -> Any:
        for kind, tag in ((deque, "q"), (_KEYS, "vk"), (_VALUES, "vv")):
            if isinstance(value, kind):
                items = self.all(value, depth)
                return {tag: items} if self.live else items
        if isinstance(value, _ITEMS):
            return {"vi": self.pairs(value, depth)} if self.live else self.all(value, depth)
        if isinstance(value, range):
            if self.live:
                return {"r": [format(part, "x") for part in (value.start, value.stop, value.step)]}
            return self.all(value, depth)
        if self.live and isinstance(value, Decimal):
            return {"D": str(value)}
        if self.live and isinstance(value, Fraction):
            return {"F": [format(value.numerator, "x"), format(value.denominator, "x")]}
        taken = self.other(value) if self.other is not None else None
        if taken is not None:
            return dict((taken,))
        if isinstance(value, Iterator):
            items = self.all(value, depth)
            return {"g": items} if self.live else items
        if not isinstance(value, type) and callable(getattr(type(value), "__index__", None)):
            return self.tree(value.__index__(), depth)
        raise NotPlainError(type(value).__name__)


def _text(payload: Any) -> str:
    if type(payload) is not str:
        raise MalformedError("expected a text")
    return payload


def _list(payload: Any) -> list[Any]:
    if type(payload) is not list:
        raise MalformedError("expected a list")
    return payload


def _hashables(payload: Any) -> list[Any]:
    members = _list(payload)
    _check_hashes(members)
    return members


def _mapping(payload: Any) -> dict[Any, Any]:
    pairs = _list(payload)
    if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        raise MalformedError("expected a list of pairs")
    _check_hashes([key for key, _ in pairs])
    return dict(pairs)


def _check_hashes(members: list[Any]) -> None:
    """Refuse what Python cannot hash, and members chosen to share one hash."""
    if len(members) <= MAX_SAME_HASH:
        return  # what cannot be hashed is refused by the one who builds
    try:
        hashes = Counter(map(hash, members))
    except TypeError as error:
        raise MalformedError(str(error)) from None
    if max(hashes.values()) > MAX_SAME_HASH:
        raise MalformedError(f"more than {MAX_SAME_HASH} members with one hash")
