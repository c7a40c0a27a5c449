"""Tests in the program's own language: HumanEvalPack in C++, MultiPL-E in JavaScript and Rust.

MultiPL-E comes without solutions: those of ``multipl_e_solutions.toml`` were written for this and checked by hand. Each
task is also given a body that leaves: by an exception in JavaScript, with status 0 in Rust.
"""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.truth.rows import Row, gavel_score

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADERS = "#include <bits/stdc++.h>"
"""What the authors' own harness puts before each program: the solutions count on it."""
_OWN_HEADERS = {"CPP/23"}
"""Its strlen would be the C library's for the test if more than the prompt's headers were there."""


def rows(data: Path, address: str) -> Iterator[Row]:
    """Score each set on the server at ``address``, one after the other."""
    pack = _read(data / "code" / "humanevalpack" / "cpp.jsonl")
    yield _score(
        "HumanEvalPack C++, canonical", address, [(_pack(row), row["canonical_solution"]) for row in pack], True
    )
    yield _score("HumanEvalPack C++, buggy", address, [(_pack(row), row["buggy_solution"]) for row in pack], False)
    solutions = tomllib.loads((Path(__file__).parent / "multipl_e_solutions.toml").read_text(encoding="utf-8"))
    for language, short in (("javascript", "js"), ("rust", "rs")):
        tasks = {row["name"]: row for row in _read(data / "code" / "multipl_e" / f"humaneval-{short}.jsonl")}
        pairs = [(_multipl_e(tasks[name], language), text) for name, text in solutions[language].items()]
        yield _score(f"MultiPL-E {language}, solutions", address, pairs, True)
        leaving = "throw new Error('no');\n}" if language == "javascript" else "std::process::exit(0)\n}"
        wrong = [(params, f"    {leaving}\n") for params, _ in pairs]
        yield _score(f"MultiPL-E {language}, no solutions", address, wrong, False)


def _pack(row: dict[str, Any]) -> dict[str, Any]:
    headers = "" if row["task_id"] in _OWN_HEADERS else _HEADERS
    params = _program("cpp", row["task_id"], row["entry_point"], row["prompt"], row["test"], headers)
    before, signature, _ = row["declaration"].partition(row["signature"])
    return {**params, "declaration": f"{before}{signature.rstrip()};"}


def _multipl_e(row: dict[str, Any], language: str) -> dict[str, Any]:
    entry_point = row["name"].split("_", 2)[2]
    # In Rust the tests begin with the brace that ends the function; here it is the completion's.
    test = row["tests"].removeprefix("}") if language == "rust" else row["tests"]
    return _program(language, row["name"], entry_point, row["prompt"], test, "")


def _program(language: str, name: str, entry_point: str, prefix: str, test: str, preamble: str) -> dict[str, Any]:
    return {
        "form": "program",
        "language": language,
        "entry_point": entry_point,
        "prefix": prefix,
        "preamble": preamble,
        "cases": [{"source": test, "name": name}],
    }


def _score(name: str, address: str, pairs: list[tuple[dict[str, Any], str]], passes: bool) -> Row:
    started = time.monotonic()
    lines = [{"verifier": "code", "params": params, "completion": text} for params, text in pairs]
    verdicts = sorted(gavel_score([], address, lines, "--in"), key=lambda verdict: int(verdict["row"]))
    wrong = [
        f"{params['cases'][0]['name']}: {json.dumps(verdict)[:300]}"
        for (params, _), verdict in zip(pairs, verdicts, strict=True)
        if "error" in verdict or (verdict["outcome"] == "PASSED") is not passes
    ]
    return Row(
        set_name=name,
        rows=len(pairs),
        agree=len(pairs) - len(wrong),
        unscored=sum("error" in verdict for verdict in verdicts),
        required=len(pairs),
        disagreements=tuple(wrong),
        seconds=time.monotonic() - started,
    )


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
