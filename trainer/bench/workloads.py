"""Programs and their tests, as every contestant gets them."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer.errors import InputError

_TIMES = 3
"""Each program in a round: a round that is over in a moment measures how it begins and ends."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One program and its tests: a test source that calls it, or standard inputs with what they must print."""

    language: str
    """``python`` or ``cpp``."""
    source: str
    test: str = ""
    """Python source that defines ``check(candidate)``; empty for programs that read and print."""
    entry_point: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    """(standard input, expected standard output)."""
    passes: bool = True
    """The right verdict."""

    def fresh(self, nonce: str) -> Submission:
        """The same program, new to every cache."""
        return replace(self, source=f"{self.source}\n{'//' if self.language == 'cpp' else '#'} {nonce}\n")


@dataclass(frozen=True, slots=True)
class Workload:
    """Submissions that are measured together."""

    name: str
    title: str
    submissions: Sequence[Submission]
    targets: Mapping[str, float] = field(default_factory=dict)
    """Contestant -> how many times its throughput ours has to have."""
    distinct: bool = True
    """False: equal programs stay equal, as in a GRPO group."""


def asserts(data: Path | None) -> Workload:
    """HumanEval's form: ``HumanEval.jsonl`` or ``.jsonl.gz`` in ``data``, or examples of our own, right and wrong.

    Raises:
        InputError: ``data`` has no such file.
    """
    targets = {"subprocess": 2.5, "fork": 3.0, "docker run": 50.0}
    if data is not None:
        rows = _humaneval(data)
        return Workload("asserts", f"HumanEval, {len(rows)} canonical solutions, split", rows * _TIMES, targets)
    found = []
    tasks = tomllib.loads(Path(__file__).with_name("tasks.toml").read_text(encoding="utf-8"))["task"]
    for task in tasks * 4 * _TIMES:
        test = f"def check(candidate):\n{task['check']}"
        wrong = task["source"].replace(task["replace"], task["with"])
        found.append(Submission("python", task["source"], test, task["name"]))
        found.append(Submission("python", wrong, test, task["name"], passes=False))
    return Workload("asserts", f"{len(found)} functions with asserts, split", found, targets)


def _humaneval(data: Path) -> list[Submission]:
    for path in (data / "HumanEval.jsonl", data / "HumanEval.jsonl.gz"):
        if path.is_file():
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
            return [
                Submission("python", row["prompt"] + row["canonical_solution"], row["test"], row["entry_point"])
                for row in rows
            ]
    raise InputError(f"{data} has neither HumanEval.jsonl nor HumanEval.jsonl.gz")


_COUNT_PY = "n = int(input())\nxs = list(map(int, input().split()))\nprint(sum(xs), max(xs), *sorted(xs)[:3])\n"
_COUNT_CPP = """#include <bits/stdc++.h>
using namespace std;
int main() {
    int n; cin >> n;
    vector<long long> xs(n);
    for (auto &x : xs) cin >> x;
    cout << accumulate(xs.begin(), xs.end(), 0LL) << " " << *max_element(xs.begin(), xs.end());
    sort(xs.begin(), xs.end());
    for (int i = 0; i < min(n, 3); i++) cout << " " << xs[i];
    cout << "\\n";
}
"""


def _cases(count: int) -> tuple[tuple[str, str], ...]:
    found = []
    for seed in range(count):
        xs = [(seed * 7919 + k * 104729) % 1009 for k in range(5 + seed)]
        stdin = f"{len(xs)}\n{' '.join(map(str, xs))}\n"
        found.append((stdin, " ".join(map(str, (sum(xs), max(xs), *sorted(xs)[:3]))) + "\n"))
    return tuple(found)


def stdio() -> Workload:
    """A Python program of 10 tests."""
    right = Submission("python", _COUNT_PY, cases=_cases(10))
    return Workload("stdio", "Python, 10 tests each", [right] * 12 * _TIMES, {"subprocess": 4.0})


def cpp() -> Workload:
    """A C++ program of 20 tests. Each submission is compiled."""
    right = Submission("cpp", _COUNT_CPP, cases=_cases(20))
    return Workload("cpp", "C++, compile and 20 tests each", [right] * 4 * _TIMES, {"subprocess": 2.5})


def group() -> Workload:
    """A GRPO group of 16 C++ programs, of which 4 differ."""
    variants = [Submission("cpp", f"{_COUNT_CPP}// variant {n}\n", cases=_cases(20)) for n in range(4)]
    return Workload("group", "GRPO group of 16 C++ programs, 4 different", variants * 4, distinct=False)
