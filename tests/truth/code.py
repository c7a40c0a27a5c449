"""Code sets: reference solutions pass, buggy ones do not. Scored by ``gavel score``, as a user would."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.truth.rows import Row, gavel_score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MBPP_BROKEN = {367, 927}
"""These tasks of MBPP's full set fail their own tests (README.md of the data)."""
MBPP_PLUS_SHARED = {"Mbpp/255"}
"""One of its results has 128 million values, and four have 6 million: more than cross between two processes, at most 4
million. Test and program share one process there, and the two largest results, the reference's and the program's, need
over 2 GiB."""
_SHARED_LIMITS = {"memory_bytes": 4 << 30, "cpu_seconds": 40, "wall_seconds": 120}
"""All of their values are looked at before they are compared."""


def rows(data: Path, address: str) -> Iterator[Row]:
    """Score every code set under ``data`` on the server at ``address``, one after the other."""
    for labelled in _sets(data / "code"):
        yield labelled.score(address)


@dataclass(frozen=True, slots=True)
class _Set:
    """A file and one completion per row, with its label."""

    name: str
    path: Path
    completion: Callable[[dict[str, Any]], str]
    passes: Callable[[dict[str, Any]], bool] = lambda row: True
    """The label: whether the completion is right."""
    spec: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Params of our own making; None: the router reads the row, as in ``gavel score DATASET``."""
    limits: Callable[[dict[str, Any]], dict[str, int] | None] = lambda row: None
    """Where the server's defaults do not fit; with ``spec`` only."""
    note: str = ""

    def score(self, address: str) -> Row:
        started = time.monotonic()
        records = _read(self.path)
        texts = [self.completion(record) for record in records]
        if self.spec is None:
            lines = [{"row": index, "completion": text} for index, text in enumerate(texts)]
            verdicts = gavel_score([str(self.path)], address, lines, "--completions")
        else:
            lines = [
                {"verifier": "code", "params": self.spec(record), "completion": text, "limits": self.limits(record)}
                for record, text in zip(records, texts, strict=True)
            ]
            verdicts = gavel_score([], address, lines, "--in")
        verdicts.sort(key=lambda verdict: int(verdict["row"]))
        wrong = [
            f"{record['task_id']}: {_describe(verdict)}"
            for record, verdict in zip(records, verdicts, strict=True)
            if "error" in verdict or (verdict["outcome"] == "PASSED") is not self.passes(record)
        ]
        return Row(
            set_name=self.name,
            rows=len(records),
            agree=len(records) - len(wrong),
            unscored=sum("error" in verdict for verdict in verdicts),
            required=len(records),
            disagreements=tuple(wrong),
            seconds=time.monotonic() - started,
            note=self.note,
        )


def _describe(verdict: dict[str, Any]) -> str:
    if "error" in verdict:
        return f"not scored, {verdict['error']['reason']}: {verdict['error']['message']}"
    failure = verdict.get("first_failure") or {}
    return f"{verdict['outcome']} {failure.get('message') or verdict.get('diagnostics', '')}".strip()[:300]


def _sets(code: Path) -> list[_Set]:
    humaneval, pack = code / "humaneval/HumanEval.jsonl.gz", code / "humanevalpack/python.jsonl"
    mbpp = code / "mbpp"
    return [
        _Set("HumanEval, canonical, as a continuation", humaneval, lambda row: row["canonical_solution"]),
        _Set("HumanEval, canonical, fenced", humaneval, lambda row: _fenced(row["prompt"] + row["canonical_solution"])),
        _Set("HumanEval, the prompt alone", humaneval, lambda row: _fenced(row["prompt"]), passes=lambda row: False),
        _Set("HumanEvalPack Python, canonical", pack, lambda row: row["canonical_solution"]),
        _Set("HumanEvalPack Python, buggy", pack, lambda row: row["buggy_solution"], passes=lambda row: False),
        _Set("MBPP sanitized", mbpp / "sanitized-mbpp.json", lambda row: _fenced(row["code"])),
        _Set("MBPP full", mbpp / "mbpp.jsonl", lambda row: _fenced(row["code"]),
             passes=lambda row: row["task_id"] not in MBPP_BROKEN),
        _Set("HumanEval+, all inputs", code / "evalplus/HumanEvalPlus.jsonl.gz",
             lambda row: row["canonical_solution"], spec=_plus_params),
        _Set("MBPP+, all inputs", code / "evalplus/MbppPlus.jsonl.gz",
             lambda row: _fenced(row["canonical_solution"]), spec=_plus_params,
             limits=lambda row: _SHARED_LIMITS if row["task_id"] in MBPP_PLUS_SHARED else None,
             note="Mbpp/255 in one process with 4 GiB: a result has 128 million values"),
    ]  # fmt: skip


def _fenced(source: str) -> str:
    return f"```python\n{source}\n```"


_PLUS_CHECK = """
def _call(function, arguments):
    import copy
    try:
        return function(*copy.deepcopy(arguments))
    except Exception as error:
        return type(error)

def _check(candidate, first, step):
    import json
    for arguments in json.loads(_INPUTS)[first::step]:
        expected, actual = _call(_reference, arguments), _call(candidate, arguments)
        if isinstance(expected, type):  # a stand-in has the name of the exception
            same = getattr(actual, "__name__", "") == expected.__name__
        elif type(expected).__name__ == "Match":  # lives in the other process; tests only ask for its truth
            same = actual is not None
        else:
            same = actual == expected or (actual != actual and expected != expected)
        assert same, f"{arguments!r:.200}: {actual!r:.200} instead of {expected!r:.200}"
"""
_PLUS_CASES = 8
"""Cases that share a task's inputs (up to 1,100), by turns, so that heavy ones are spread: each case has a CPU limit of
its own, and two solutions use it."""


def _plus_params(row: dict[str, Any]) -> dict[str, Any]:
    """The released inputs, with the canonical solution in the test process as the reference: the release holds no
    outputs, so this says that values cross between the processes unchanged."""
    name = row["entry_point"]
    is_mbpp = row["task_id"].startswith("Mbpp")
    inputs = [*row["base_input"], *row["plus_input"]]
    count = min(_PLUS_CASES, len(inputs))
    source = row["canonical_solution"] if is_mbpp else row["prompt"] + row["canonical_solution"]
    return {
        "form": "asserts",
        "entry_point": name,
        "preamble": f"{source}\n_reference = {name}\n_INPUTS = {json.dumps(inputs)!r}\n{_PLUS_CHECK}",
        "cases": [f"_check({name}, {first}, {count})" for first in range(count)],
        "prefix": "" if is_mbpp else row["prompt"],
        "shared": row["task_id"] in MBPP_PLUS_SHARED,
    }


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file, compressed or not, or of a JSON array."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode("utf-8")
    if text.lstrip().startswith("["):
        records: list[dict[str, Any]] = json.loads(text)
        return records
    return [json.loads(line) for line in text.splitlines() if line.strip()]
