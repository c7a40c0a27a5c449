"""Comparisons of a test that shares a process with the program: liars are found out, nothing else is changed."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from sandbox.launcher import equality

LIAR = """
class A:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __contains__(self, other): return True
    def __sub__(self, other): return self
    def __abs__(self): return self
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    __hash__ = None
def f(n): return A()
"""
LIED_TO = [
    "assert f(1) == [1, 2]",
    "assert [1, 2] == f(1)",
    "assert not f(1) != [1]",
    "assert f(1) in [1, 2]",
    "assert 3 in f(1)",
    "assert not 3 not in f(1)",
    "assert 3 in [1, f(1)]",
    "assert abs(f(1) - 3.0) < 1e-6",
    "assert 2 < f(1)",
    "assert 3 == f(1) == 3",
    "assert f(1) == None",
    "assert f(1) == {}",
    "assert f(1) == {1, 2}",
    "r = f(1)\nassert r == 5",
    "assert all(f(n) == n for n in range(3))",
    "assert {'a': [f(1)]} == {'a': [2]}",
    "from collections import deque\nassert deque([f(1)]) == deque([1])",
    "from unittest.mock import ANY\nassert f(1) == ANY",
    "import unittest\nunittest.TestCase().assertEqual(f(1), 5)",
    "def check(candidate):\n    assert candidate(1) == 2\ncheck(f)",
]
LIARS = {
    "a list that equals lists": "class A(list):\n    def __eq__(self, other): return type(other) is list\n",
    "an int": "class A(int):\n    def __eq__(self, other): return True\n",
    "a type that is a list by its own word": "class M(type):\n    def __eq__(cls, other): return True\n"
    "    def __hash__(cls): return hash(list)\n"
    "class A(list, metaclass=M):\n    def __eq__(self, other): return True\n",
    "the standard library's": "from unittest.mock import ANY\nA = lambda: ANY\n",
}
HONEST = """
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
@dataclass
class Point:
    x: int
    y: int = 0
class Careless:
    def __init__(self, v): self.v = v
    def __eq__(self, other): return self.v == other.v
class Modulo:
    def __init__(self, v): self.v = v % 7
    def __eq__(self, other): return self.v == (other % 7 if isinstance(other, int) else other.v)
class Folded(str):
    def __eq__(self, other): return self.lower() == str(other).lower()
    def __ne__(self, other): return not self == other
    __hash__ = str.__hash__
def f(x): return x
"""
BELIEVED = [
    "assert f([1, 2]) == [1, 2] and f(1) != 2 and f(1) in (1, 2) and 3 not in f([1]) and 0 < f(1) <= 1 == 1",
    "assert f(Point(1)) == Point(1) and f(Point(1)) != Point(2) and f(Point(1)) in [Point(1)]",
    "assert [f(Point(1))] == [Point(1, 0)] and f(Point(1)) is not None and f(Point(1)) != None",
    "assert f(Careless(1)) == Careless(1) and not f(Careless(1)) == Careless(2)",
    "assert f(Modulo(8)) == 1 and f(Modulo(8)) == 15",
    "assert f(Folded('Ab')) == 'aB' and f(Folded('Ab')) in ['x', 'ab']",
    "assert f(Fraction(1)) == 1 and abs(f(Fraction(1)) - 1) < 1e-6 and f(Fraction(3)) >= 1",
    "assert f(Counter('aab')) == {'a': 2, 'b': 1} and f({1: 2}.keys()) == {1}",
    "from unittest.mock import ANY\nassert f({'id': 5}) == {'id': ANY} and f(5) == ANY",
    "import unittest.mock\nexpected = {'id': unittest.mock.ANY}\nassert f({'id': 5}) == expected",
    "from unittest.mock import ANY\nfor given, expected in [(1, ANY), (2, 2)]:\n    assert f(given) == expected",
    "class AnyOrder:\n    def __eq__(self, other): return True\nassert f([1]) == AnyOrder()",
    "class T:\n    a = 1\n    assert a == 1 == 1\n    ok = [v == 1 == 1 for v in (1,)]",
    "assert f(float('nan')) != f(1) and f'{f(1) == 1}' == 'True'",
    "points = [Point(n) for n in range(2000)]\nassert f(points) == [Point(n) for n in range(2000)]",
]
FAILURES = [
    "assert f(1) == 2, 'msg'",
    "x = 1\nassert (f(1)\n    == 2)",
    "assert f(1) < 'a'",
    "assert 1 in f(1)",
    "assert f(1) == undefined",
    "assert (y := f(1)) == 1 == y and y < 0",
    "class Z:\n    def __eq__(self, other): raise ValueError('z')\nassert f(Z()) == 2",
]


def run(program: str, test: str) -> None:
    given: dict[str, Any] = {}
    exec(program, given)
    own: dict[str, Any] = {}
    (code,) = equality.compile_guarded({"<case>": test}, "f", own)
    exec(code, {**given, **own, "__name__": "test"})


@pytest.mark.parametrize("test", LIED_TO)
def test_what_says_yes_to_everything_fails(test: str):
    with pytest.raises(AssertionError, match="type A equals values that it cannot be equal to"):
        run(LIAR, test)


@pytest.mark.parametrize("liar", LIARS.values(), ids=LIARS.keys())
def test_however_it_is_made(liar: str):
    for test in ("assert f() == 3", "assert f() == [1, 2, 3]", "assert [f(), f()] == [[1], [2]]"):
        with pytest.raises(AssertionError):
            run(f"{liar}\ndef f(): return A()", test)


def test_who_says_yes_only_once_seldom_hits_the_question_that_counts():
    once = "class A(list):\n    def __eq__(self, other):\n        self.append(1)\n        return len(self) == 1\n"
    passed = 0
    for _ in range(200):
        try:
            run(f"{once}def f(): return A()", "assert f() == [1, 2, 3]")
            passed += 1
        except AssertionError:
            pass
    assert passed < 60  # one in eleven


@pytest.mark.parametrize("test", BELIEVED)
def test_honest_objects_and_the_tests_own_words_pass(test: str):
    for _ in range(5):
        run(HONEST, test)


@pytest.mark.parametrize("test", FAILURES)
def test_failures_are_what_they_were(test: str):
    def plainly(program: str, test: str) -> None:
        given: dict[str, Any] = {}
        exec(program, given)
        exec(compile(test, "<case>", "exec"), given)

    told = []
    for tried in (plainly, run):
        with pytest.raises(Exception) as raised:  # whichever it is
            tried("def f(x): return x", test)
        frames = traceback.extract_tb(raised.value.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == "<case>"]
        told.append((type(raised.value), str(raised.value), lines))
    assert told[0] == told[1]


@pytest.mark.parametrize("test", ["x = = 2", "return 1", "assert f(1) =="])
def test_what_does_not_compile_says_so(test: str):
    with pytest.raises(SyntaxError) as plain:
        compile(test, "<case>", "exec")
    with pytest.raises(SyntaxError) as guarded:
        equality.compile_guarded({"<case>": test}, None, {})
    assert str(guarded.value) == str(plain.value)


def test_arrays_are_compared_item_by_item():
    class Array:
        def __init__(self, items: list[int]) -> None:
            self.items = items

        def __eq__(self, other: object) -> Any:
            return Array([item == 1 for item in self.items])

        def __bool__(self) -> bool:
            raise ValueError("the truth value of an array is ambiguous")

        def all(self) -> bool:
            return all(self.items)

        __hash__ = None  # type: ignore[assignment]

    assert equality.compare("Eq", Array([1, 1]), [1, 1], 0).all()
    assert not equality.compare("Eq", Array([1, 2]), [1, 1], 0).all()
