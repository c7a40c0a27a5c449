"""Comparisons in a test that shares a process with the program: an object that equals everything equals nothing.

Such a test needs live objects, so its ``==`` asks the program's own ``__eq__``. Where that says yes, it is asked again
with values that it cannot be equal to: a fresh object, and changed copies of what it was compared with. Saying yes to
those as well fails the test. The real question comes somewhere among them, by chance: the program cannot know which one
counts. Plain data is compared as ever, and so is what the test itself wrote (:mod:`own_words`).

The test's source is compiled with its comparisons turned into calls of :func:`compare`; lines, exceptions and their
messages stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import operator
import os
import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from sandbox.launcher.own_words import OwnWords

# Functions keep the built-ins that their module has when they are made: here those of before the program.
globals()["__builtins__"] = dict(vars(builtins))


def _ids(*kinds: type) -> frozenset[int]:
    """Types by their identity: a metaclass of the program's has its own idea of equality."""
    return frozenset(map(id, kinds))


_LEAVES = _ids(int, float, complex, bool, str, bytes, type(None), range, type(Ellipsis), type)
_NUMBERS = _ids(int, float)
_SEQUENCES = _ids(list, tuple, deque)
_MAPPINGS = _ids(dict, OrderedDict, defaultdict, Counter)
_SETS = _ids(set, frozenset)
_CONTAINERS = _SEQUENCES | _MAPPINGS | _SETS
_OPERATIONS: dict[str, Any] = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt,
    "GtE": operator.ge, "In": lambda left, right: left in right, "NotIn": lambda left, right: left not in right,
}  # fmt: skip
_NO_MEANS_EQUAL = frozenset({"NotEq", "NotIn"})
_BEYOND = {"Lt": float("-inf"), "LtE": float("-inf"), "Gt": float("inf"), "GtE": float("inf")}
"""What no number stands to in this relation, on the right."""
_MAX_MEMBERS, _MAX_SUSPECTS = 64, 1000
_CHANCE = random.SystemRandom()
_ASSERTS = frozenset(
    f"assert{name}Equal" for name in ("", "List", "Tuple", "Dict", "Set", "Sequence", "Count", "MultiLine")
) | {"assertEquals"}


class _Other:
    """A class that no program knows."""


_UNKNOWN = _Other()
"""Instead of a value that has no counterpart."""

_Question = Callable[[], bool]
"""Do they agree? They should not."""
_CHANGES = 8


@dataclass(frozen=True, slots=True)
class _Suspect:
    """An object that is not plain data, and what it is asked."""

    value: Any
    strange: list[_Question]
    """To agree once is to lie."""
    changed: list[_Question] = field(default_factory=list)
    """An honest object may agree with some by chance, but not with most."""

    def lies(self, agreed: set[_Question]) -> bool:
        changed = sum(question in agreed for question in self.changed)
        return 2 * changed > len(self.changed) or not agreed.isdisjoint(self.strange)


def compare(name: str, left: Any, right: Any, own: int) -> Any:
    """``left <operation> right``. ``own``: 1 if the left, 2 if the right operand is the test's own words, 3: both.

    Raises:
        AssertionError: an operand says yes to everything.
    """
    operation = _OPERATIONS[name]
    suspects = list(_suspects(name, left, right, own))
    if not suspects:
        return operation(left, right)
    if len(suspects) > _MAX_SUSPECTS:
        suspects = _CHANCE.sample(suspects, _MAX_SUSPECTS)
    questions = [question for suspect in suspects for question in (*suspect.strange, *suspect.changed)]
    _CHANCE.shuffle(questions)
    first = _CHANCE.randrange(len(questions) + 1)
    agreed = {question for question in questions[:first] if question()}
    answer = operation(left, right)
    if _agrees(name, answer):
        agreed.update(question for question in questions[first:] if question())
        for suspect in suspects:
            if suspect.lies(agreed):
                kind = type.__dict__["__name__"].__get__(type(suspect.value))
                raise AssertionError(f"the program's object of type {kind} equals values that it cannot be equal to")
    return answer


def compare_both(left: Any, right: Any, own: int) -> tuple[Any, Any]:
    """For ``assertEqual(left, right)``: the two, once they have been looked at as :func:`compare` does."""
    compare("Eq", left, right, own)
    return left, right


def _suspects(name: str, left: Any, right: Any, own: int) -> Iterator[_Suspect]:
    """Of the operands that are not the test's own words, what might lie."""
    if name in ("In", "NotIn"):
        members = list(islice(right, _MAX_MEMBERS)) if id(type(right)) in _CONTAINERS else [_UNKNOWN]
        if not own & 1:
            yield from (suspect for member in members for suspect in _equals("Eq", left, member))
        if not own & 2 and id(type(right)) in _CONTAINERS:
            odd = (member for member in right if id(type(member)) not in _LEAVES)
            yield from (suspect for member in odd for suspect in _equals("Eq", member, left))
        elif not own & 2 and id(type(right)) not in _LEAVES:
            yield _suspect(right, left, lambda decoy: _asked(name, decoy, right))
    elif name in _BEYOND:
        if not own & 1 and id(type(left)) not in _LEAVES and id(type(right)) in _NUMBERS:
            yield _Suspect(left, [partial(_asked, name, left, _BEYOND[name])])
        if not own & 2 and id(type(right)) not in _LEAVES and id(type(left)) in _NUMBERS:
            yield _Suspect(right, [partial(_asked, name, -_BEYOND[name], right)])
    else:
        yield from _equals(name, left, right) if not own & 1 else ()
        yield from _equals(name, right, left) if not own & 2 else ()


def _equals(name: str, value: Any, other: Any) -> Iterator[_Suspect]:
    """What in ``value`` is not plain data, asked about its counterpart in ``other``."""
    waiting = [(value, other)]
    seen: set[int] = set()
    while waiting:
        value, other = waiting.pop()
        if id(type(value)) in _LEAVES or id(value) in seen:
            continue
        if id(type(value)) in _CONTAINERS:
            seen.add(id(value))
            waiting += _items(value, other)
        else:
            yield _suspect(value, other, partial(_asked, name, value))


def _items(value: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """The items of a container that are not plain at first sight, and their counterparts."""
    if id(type(value)) in _MAPPINGS:
        yield from ((key, _UNKNOWN) for key in value if id(type(key)) not in _LEAVES)
        known = id(type(other)) in _MAPPINGS
        for key, item in value.items():
            yield item, other.get(key, _UNKNOWN) if known and id(type(key)) in _LEAVES else _UNKNOWN
    elif not set(map(id, map(type, value))) <= _LEAVES:
        matches = id(type(value)) in _SEQUENCES and id(type(other)) in _SEQUENCES and len(value) == len(other)
        yield from zip(value, other, strict=True) if matches else ((item, _UNKNOWN) for item in value)


def _suspect(value: Any, other: Any, agrees: Callable[[Any], bool]) -> _Suspect:
    strange: list[_Question] = [partial(agrees, decoy) for decoy in (object(), _Other())]
    changed: list[_Question] = [partial(agrees, decoy) for decoy in _changed(other)]
    return _Suspect(value, strange, changed)


def _asked(name: str, left: Any, right: Any) -> bool:
    """Whether they agree; an error is a no."""
    try:
        return _agrees(name, _OPERATIONS[name](left, right))
    except Exception:  # noqa: BLE001  # honest objects compare with their own kind only
        return False


def _agrees(name: str, answer: Any) -> bool:
    """Whether ``answer`` means equal. One that has no truth (an array's, compared item by item) does not."""
    return _says(answer) is (name not in _NO_MEANS_EQUAL)


def _says(answer: Any) -> bool | None:
    """An answer's truth; None if it has none, as that of an array, which is compared item by item."""
    try:
        return bool(answer)
    except Exception:  # noqa: BLE001
        return None


def _changed(value: Any) -> list[Any]:
    """Different values of the same type, all far from ``value``; empty if it is not plain data."""
    kind = type(value)
    if id(kind) in _NUMBERS or kind is complex:
        size = abs(value)
        far = 2 * size + 1000 if size < float("inf") else 0  # a NaN is not smaller either
        return [(value if far else 0) + far + step for step in range(_CHANGES)]
    if kind is str or kind is bytes:
        mark = "~" if kind is str else b"~"
        return [mark * (step % 2) + value + mark * (step + 1) for step in range(_CHANGES)]
    if kind is bool:
        return [not value]
    if value is None:
        return [0, "", False]
    if kind is list or kind is tuple:
        return [kind(changed.values()) for changed in _changed_items(dict(enumerate(value)))]
    if kind is dict:
        return _changed_items(value)
    return [value | {0.5 + step} for step in range(_CHANGES)] if id(kind) in _SETS else []


def _changed_items(items: dict[Any, Any]) -> list[dict[Any, Any]]:
    """Copies of ``items`` in which one is changed, or has come to none."""
    if not items:
        return [{0: step} for step in range(_CHANGES)]
    changes = ((key, _changed(item)) for key, item in items.items())
    key, changed = next((change for change in changes if change[1]), (None, []))
    return [{**items, key: new} for new in changed]


def compile_guarded(sources: dict[str, str], program: str | None, helpers: dict[str, Any]) -> list[types.CodeType]:
    """Compile a test's sources (file name: text), their comparisons guarded; ``helpers`` gets what these call.

    ``program``: the name that always is the program's, if there is one. Raises what ``compile`` does.
    """
    trees = [ast.parse(text, name) for name, text in sources.items()]
    own_words = OwnWords(trees, program)
    names = {function: f"_{function.__name__}_{os.urandom(8).hex()}" for function in (compare, compare_both)}
    helpers.update({name: function for function, name in names.items()})
    guard = _Guard(own_words, names[compare], names[compare_both])
    guarded = [ast.fix_missing_locations(guard.visit(tree)) for tree in trees]
    return [compile(tree, name, "exec", dont_inherit=True) for tree, name in zip(guarded, sources, strict=True)]


class _Guard(ast.NodeTransformer):
    """Turns comparisons into calls."""

    def __init__(self, own_words: OwnWords, compare_name: str, both_name: str) -> None:
        self._own_words = own_words
        self._compare = compare_name
        self._both = both_name
        self._in_comprehension = 0

    def visit_Compare(self, node: ast.Compare) -> ast.AST:  # the names of ast
        owns = [self._own_words.include(operand) for operand in (node.left, *node.comparators)]
        self.generic_visit(node)
        if len(node.ops) == 1:
            return self._guarded(node, node.ops[0], node.left, node.comparators[0], owns[0] + 2 * owns[1])
        if self._in_comprehension:  # where no name can be given to what stands in the middle
            return node
        parts, left = [], node.left
        for at, (operation, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            name = f"_middle_{os.urandom(8).hex()}"
            is_last = at == len(node.ops) - 1
            named = right if is_last else ast.copy_location(ast.NamedExpr(ast.Name(name, ast.Store()), right), right)
            parts.append(self._guarded(node, operation, left, named, owns[at] + 2 * owns[at + 1]))
            left = ast.copy_location(ast.Name(name, ast.Load()), right)
        return ast.copy_location(ast.BoolOp(ast.And(), parts), node)

    def _comprehension(self, node: ast.AST) -> ast.AST:
        self._in_comprehension += 1
        visited = self.generic_visit(node)
        self._in_comprehension -= 1
        return visited

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_assert = isinstance(node.func, ast.Attribute) and node.func.attr in _ASSERTS
        pair = node.args[:2]
        if not is_assert or len(pair) < 2 or any(isinstance(argument, ast.Starred) for argument in pair):
            return self.generic_visit(node)
        own = self._own_words.include(pair[0]) + 2 * self._own_words.include(pair[1])
        self.generic_visit(node)
        both = ast.Call(ast.Name(self._both, ast.Load()), [*node.args[:2], ast.Constant(own)], [])
        node.args[:2] = [ast.copy_location(ast.Starred(ast.copy_location(both, node), ast.Load()), node)]
        return node

    def _guarded(self, node: ast.Compare, operation: ast.cmpop, left: ast.expr, right: ast.expr, own: int) -> ast.expr:
        name = type(operation).__name__
        if name not in _OPERATIONS:  # ``is``: no program has a say in that
            return ast.copy_location(ast.Compare(left, [operation], [right]), node)
        arguments = [ast.Constant(name), left, right, ast.Constant(own)]
        return ast.copy_location(ast.Call(ast.Name(self._compare, ast.Load()), arguments, []), node)
