"""The contestants of ``gavel bench sandbox``: every one of them judges right and wrong programs as they are."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest
from click.testing import CliRunner

from trainer.bench import alternatives, workloads
from trainer.bench.workloads import Submission
from trainer.cli.bench_sandbox import Result, command
from trainer.errors import InputError

RIGHT_AND_WRONG = [
    *workloads.asserts(None).submissions[:4],
    Submission("python", "print(int(input()) + 1)", cases=(("1\n", "2\n"), ("5\n", "6\n"))),
    Submission("python", "print(2)", cases=(("1\n", "2\n"), ("5\n", "6\n")), passes=False),
    Submission("python", "def", cases=(("1\n", "2\n"),), passes=False),
]


@pytest.mark.parametrize("measure", [alternatives.by_subprocess, alternatives.by_fork])
def test_each_alternative_gives_the_right_verdicts(measure):
    measured = measure(RIGHT_AND_WRONG, 2)
    assert measured.passed == [submission.passes for submission in RIGHT_AND_WRONG]
    assert len(measured.latencies) == len(RIGHT_AND_WRONG)


def test_every_task_of_ours_has_a_right_and_a_wrong_program():
    sources = [submission.source for submission in workloads.asserts(None).submissions]
    assert all(right != wrong for right, wrong in zip(sources[::2], sources[1::2], strict=True))


def test_a_fresh_submission_is_new_to_a_cache_and_otherwise_the_same():
    for submission in (*RIGHT_AND_WRONG[:1], *workloads.cpp().submissions[:1]):
        assert submission.fresh("1").source != submission.fresh("2").source
        assert submission.fresh("1").cases == submission.cases


def test_humaneval_is_read_and_its_absence_named(tmp_path):
    with pytest.raises(InputError, match=r"HumanEval\.jsonl"):
        workloads.asserts(tmp_path)
    row = {
        "prompt": "def f():\n",
        "canonical_solution": "    return 1\n",
        "test": "def check(c): pass",
        "entry_point": "f",
    }
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    found = {(one.source, one.entry_point) for one in workloads.asserts(tmp_path).submissions}
    assert found == {("def f():\n    return 1\n", "f")}


def test_a_missing_tool_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "docker" else tool)
    with pytest.raises(InputError, match="docker"):
        alternatives.check_tools(needs_cpp=False)


def test_wrong_verdicts_are_counted_one_by_one():
    result = Result()
    result.add(RIGHT_AND_WRONG[:2], alternatives.Measured(1.0, [0.5, 0.5], [False, False]))
    assert (result.wrong, result.rates) == (1, [2.0])


def test_an_unknown_workload_is_refused():
    assert CliRunner().invoke(command, ["--only", "nothing"]).exit_code == 2
