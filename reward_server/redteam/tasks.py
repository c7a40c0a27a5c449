"""The one task of all attacks, in every form and language: three numbers that no attack can guess."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.job import MIB, Limits

FORMS = (
    "stdio", "checker", "interactive", "interactive_fragile", "calls", "asserts", "shared", "pytest", "unittest",
    "program", "program_undeclared",
)  # fmt: skip
"""As the verifier names them, but for: ``checker``, and ``interactive_fragile``, whose interactor breaks down easily;
``program_undeclared``, a C or C++ test that is compiled as one text with the program."""
LIMITS = Limits(cpu_seconds=0.3, wall_seconds=1.0, memory_bytes=128 * MIB, output_bytes=MIB, processes=32)
SUITE_LIMITS = replace(LIMITS, cpu_seconds=2.0, wall_seconds=10.0)
"""The runner's own start is part of what a suite uses."""
HONEST_LIMITS = Limits(memory_bytes=128 * MIB, output_bytes=MIB, processes=32)


def mix(n: int) -> list[int]:
    """The task."""
    return [(n * 7919 + 104729 + k * 31337) % 1000003 for k in range(3)]


INPUTS = (12, 90001, 7)

_PYTEST = f"""
import pytest
from solution import *
from solution import mix

@pytest.mark.parametrize("n", [12, 7])
def test_mix(n):
    assert mix(n) == {{12: {mix(12)}, 7: {mix(7)}}}[n]

def test_many():
    assert len(mix(5)) == 3
    assert sorted(mix(90001)) == {sorted(mix(90001))}
"""
_UNITTEST = f"""
import unittest
from solution import *
from solution import mix

class TestMix(unittest.TestCase):
    def test_mix(self):
        self.assertEqual(mix(12), {mix(12)})

    def test_many(self):
        for n, expected in ((7, {mix(7)}), (90001, {mix(90001)})):
            with self.subTest(n=n):
                self.assertEqual(sorted(mix(n)), sorted(expected))
"""

SUITES = {
    "pytest": (_PYTEST, ["test_mix[12]", "test_mix[7]", "test_many"]),
    "unittest": (_UNITTEST, ["TestMix::test_mix", "TestMix::test_many"]),
}

# It takes the numbers in any order, and reads what it is given without a second thought.
_CHECKER = """
import sys
expected = sorted(int(word) for word in open(sys.argv[2]).read().split())
numbers = [int(word) for word in sys.stdin.read().split()]
assert len(numbers) < 1000
open(sys.argv[3] + "judgemessage.txt", "w").write(str(numbers))
sys.exit(42 if sorted(numbers) == expected else 43)
"""
_INTERACTOR = """
import sys
n, *expected = open(sys.argv[1]).read().split()
print(n, flush=True)
heard = [sys.stdin.buffer.readline().strip().decode("latin-1") for _ in expected]
sys.exit(42 if heard == expected else 43)
"""
_INTERACTORS = {
    "interactive": _INTERACTOR,
    # It breaks down on a line that is no number.
    "interactive_fragile": _INTERACTOR.replace("heard == expected", "[int(x) for x in heard] == [*map(int, expected)]"),
}


def task(form: str, language: str = "python") -> dict[str, Any]:
    """Params of the verifier ``code``: the same task in each form."""
    if form in SUITES:
        source, ids = SUITES[form]
        files = [{"path": "test_solution.py", "source": source}]
        return {"form": "suite", "framework": form, "files": files, "cases": ids}
    if form == "stdio":
        cases = [{"stdin": f"{n}\n", "stdout": "\n".join(map(str, mix(n)))} for n in INPUTS]
        return {"form": "stdio", "language": language, "cases": cases}
    if form == "checker":
        return _checked(language)
    if form in _INTERACTORS:
        return _talk(form, language)
    if form == "calls":
        calls = [{"args": [n], "expected": mix(n)} for n in INPUTS]
        return {"form": "calls", "entry_point": "mix", "cases": calls}
    if form == "program":
        return _program(language) | {"declaration": _DECLARATIONS.get(language, "")}
    if form == "program_undeclared":
        return _program(language)
    asserts = (f"    assert candidate({n}) == {mix(n)}, 'wrong for {n}'\n" for n in INPUTS)
    preamble = "def check(candidate):\n" + "".join(asserts)
    tests = ["check(mix)", f"result = mix(5)\nassert isinstance(result, list) and result == {mix(5)}"]
    return {"form": "asserts", "entry_point": "mix", "preamble": preamble, "cases": tests, "shared": form == "shared"}


def _checked(language: str) -> dict[str, Any]:
    """The output is judged by a program of the row."""
    cases = [{"stdin": f"{n}\n", "stdout": "\n".join(map(str, mix(n)))} for n in INPUTS]
    checker = {"language": "python", "source": _CHECKER}
    return {"form": "stdio", "language": language, "cases": cases, "checker": checker}


def _talk(form: str, language: str) -> dict[str, Any]:
    """A program of the row says the number and listens."""
    cases = [{"input": f"{n} {' '.join(map(str, mix(n)))}"} for n in INPUTS]
    interactor = {"language": "python", "source": _INTERACTORS[form]}
    return {"form": "interactive", "language": language, "cases": cases, "interactor": interactor}


def slots_of(form: str) -> int:
    """Sandbox slots that a server must have for it: an interactor needs one of its own."""
    return 2 if form in _INTERACTORS else 1


def plain_form(form: str) -> str:
    """The form in which an honest program takes one slot at a time: with a program of the row's own beside it, it may
    take the same of two slots again and again."""
    return "stdio" if form == "checker" or form in _INTERACTORS else form


def _program(language: str) -> dict[str, Any]:
    """The test in the program's own language."""
    preamble, source = _PROGRAM_TESTS[language]
    cases = [{"source": source}]
    return {"form": "program", "language": language, "entry_point": "mix", "preamble": preamble, "cases": cases}


def _lines(template: str, opening: str = "[", closing: str = "]") -> str:
    """``template`` for each input, with the numbers between ``opening`` and ``closing``."""
    values = {n: f"{opening}{', '.join(map(str, mix(n)))}{closing}" for n in INPUTS}
    return "".join(f"{template.format(n=n, expected=values[n])}\n" for n in INPUTS)


_PROGRAM_TESTS = {
    "c": (
        "",
        "int main(void) {\n"
        + _lines(
            "{{ long out[3], expected[3] = {expected}; mix({n}, out);\n"
            "for (int k = 0; k < 3; k++) assert(out[k] == expected[k]); }}",
            "{",
            "}",
        )
        + "return 0;\n}\n",
    ),
    "cpp": (
        "#include <cassert>\n#include <vector>\n",
        f"int main() {{\n{_lines('assert((mix({n}) == std::vector<long>{expected}));', '{', '}')}return 0;\n}}\n",
    ),
    "rust": ("", f"fn main() {{\n{_lines('assert_eq!(mix({n}), vec!{expected});')}}}\n"),
    "javascript": (
        'const assert = require("node:assert");\n',
        _lines("assert.deepStrictEqual(mix({n}), {expected});"),
    ),
}
"""(preamble, test) of each language."""
_DECLARATIONS = {"c": "void mix(long n, long out[3]);", "cpp": "std::vector<long> mix(long n);"}


def limits_of(form: str, language: str) -> Limits:
    """Limits of an attack. A runtime of its own needs more time and memory to start than an attack may waste."""
    if language in ("java", "javascript", "typescript"):
        return replace(SUITE_LIMITS, memory_bytes=256 * MIB)
    return SUITE_LIMITS if form in SUITES else LIMITS


def completion(language: str, source: str) -> str:
    """The program as a model would answer it."""
    return f"```{language}\n{source}\n```"
