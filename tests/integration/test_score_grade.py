"""Grading against a real server: every completion gets its verdict or the reason why it has none."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from reward_server.client import AsyncRewardClient
from router.task import VerifierSpec
from trainer.grade import COMPLETIONS_PER_CALL, Item, grade, totals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OBEY = VerifierSpec("obey", {})
GAVEL = [sys.executable, "-m", "trainer.cli"]


def items_of(*texts: str, spec: VerifierSpec = OBEY) -> list[Item]:
    return [Item(i, i, str(i), spec, text) for i, text in enumerate(texts)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(*texts: str) -> list[dict[str, Any]]:
    return [{"verifier": "obey", "params": {}, "completion": text} for text in texts]


async def gavel(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, [*GAVEL, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_verdicts_come_back_in_the_order_of_the_items(start_server: Any):
    bench = await start_server()
    texts = ["pass", "fail 1/4", "outcome TIME_LIMIT"] * 100
    verdicts = await grade(items_of(*texts), bench.client, lambda *_: None)
    assert [v.reward for v in verdicts] == [1.0, 0.25, 0.0] * 100


async def test_samples_of_one_row_stay_together_and_each_keeps_its_own_verdict(start_server: Any):
    bench = await start_server()
    count = COMPLETIONS_PER_CALL * 2 + 5
    items = [Item(i, 0, "row", OBEY, "pass" if i % 3 else "fail 0/1") for i in range(count)]
    found = totals(items, await grade(items, bench.client, lambda *_: None))
    assert found.passed == [[bool(i % 3) for i in range(count)]]


async def test_items_of_one_key_with_different_references_are_judged_each_by_its_own(start_server: Any):
    bench = await start_server()
    wrong = VerifierSpec("no such verifier", {})
    items = [Item(0, 0, "same", OBEY, "pass"), Item(1, 1, "same", wrong, "pass")]
    good, bad = await grade(items, bench.client, lambda *_: None)
    assert good.outcome == "PASSED"
    assert bad.error is not None
    assert bad.error.reason == "REFUSED"


async def test_what_was_not_scored_has_a_reason_and_no_reward(start_server: Any):
    bench = await start_server()
    items = items_of("pass", "crash", "unscored SANDBOX_LOST")
    verdicts = await grade(items, bench.client, lambda *_: None)
    assert [v.reward for v in verdicts] == [1.0, None, None]
    assert totals(items, verdicts).unscored == {"VERIFIER_CRASHED": 1, "SANDBOX_LOST": 1}


async def test_one_refused_completion_does_not_take_its_neighbours_along(start_server: Any):
    bench = await start_server()
    items = [Item(i, 0, "row", OBEY, "pass" + (" " * 5 * 1024 * 1024 if i == 7 else "")) for i in range(20)]
    verdicts = await grade(items, bench.client, lambda *_: None)
    assert [i for i, v in enumerate(verdicts) if v.error is not None] == [7]


async def test_a_row_that_cannot_be_read_is_not_scored_and_never_sent(start_server: Any):
    bench = await start_server()
    items = [Item(0, 3, "3", None, "pass", problem="line 4: no answer")]
    [verdict] = await grade(items, bench.client, lambda *_: None)
    assert verdict.error is not None
    assert (verdict.error.reason, verdict.error.message) == ("BAD_REFERENCE", "line 4: no answer")
    assert not bench.verifier.started


async def test_a_full_queue_is_waited_for(start_server: Any):
    bench = await start_server(queue_capacity=COMPLETIONS_PER_CALL)
    async with AsyncRewardClient(bench.server.address, retry_seconds=30) as client:
        verdicts = await grade(items_of(*["pass"] * 300), client, lambda *_: None)
    assert all(v.reward == 1.0 for v in verdicts)


async def test_half_a_character_pair_is_judged_and_not_an_error(start_server: Any):
    bench = await start_server()
    [verdict] = await grade(items_of("pass \ud800"), bench.client, lambda *_: None)
    assert verdict.outcome == "PASSED"
    assert list(bench.verifier.started) == ["pass \ufffd"]


async def test_a_server_that_goes_away_leaves_every_item_with_a_reason(start_server: Any):
    bench = await start_server()
    items = items_of(*["pass"] * 40, *["hold"] * 400)
    grading = asyncio.create_task(grade(items, bench.client, lambda *_: None))
    await wait_until(lambda: bench.verifier.started["hold"] > 0)
    await bench.server.close()
    verdicts = await grading
    assert all(v.error is not None and v.reward is None for v in verdicts[40:])
    assert {v.error.reason for v in verdicts if v.error is not None} == {"SERVER_UNAVAILABLE"}


async def test_score_writes_one_line_per_completion_in_order_and_says_pass_at_1(start_server: Any, tmp_path: Path):
    bench = await start_server()
    source = write_rows(tmp_path / "in.jsonl", rows_of("pass", "fail 1/4", "pass"))
    out = tmp_path / "out.jsonl"
    done = await gavel("score", "--in", str(source), "--out", str(out), "--server", bench.server.address)
    assert done.returncode == 0, done.stderr
    assert "pass@1  66.7%" in done.stdout
    first, second, third = lines(out)
    assert (first["row"], first["outcome"], first["reward"]) == (0, "PASSED", 1.0)
    assert (second["cases_passed"], second["cases_total"]) == (1, 4)
    assert second["first_failure"]["expected"] == "want"
    assert "error" not in third
    assert not out.with_name("out.jsonl.partial").exists()


async def test_a_line_may_have_limits_of_its_own_within_the_servers(start_server: Any, tmp_path: Path):
    bench = await start_server()
    plain, large, too_large = rows_of("pass", "pass", "pass")
    large["limits"] = {"cpu_seconds": 2.5, "memory_bytes": 2 << 30}
    too_large["limits"] = {"memory_bytes": 1 << 40}
    source = write_rows(tmp_path / "in.jsonl", [plain, large, too_large])
    out = tmp_path / "out.jsonl"
    done = await gavel("score", "--in", str(source), "--out", str(out), "--server", bench.server.address)
    assert done.returncode == 1, done.stderr
    assert sorted((seen.cpu_seconds, seen.memory_bytes) for seen in bench.verifier.limits_seen) == [
        (2.5, 2 << 30),
        (5.0, 512 << 20),
    ]
    assert lines(out)[2]["error"]["reason"] == "REFUSED"
    assert "memory_bytes" in lines(out)[2]["error"]["message"]


async def test_score_exits_1_if_something_was_not_scored(start_server: Any, tmp_path: Path):
    bench = await start_server()
    source = write_rows(tmp_path / "in.jsonl", rows_of("pass", "crash"))
    out = tmp_path / "out.jsonl"
    done = await gavel("score", "--in", str(source), "--out", str(out), "--server", bench.server.address, "--json")
    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert summary["unscored"] == {"VERIFIER_CRASHED": 1}
    assert summary["pass_at_k"][0]["value"] == 1.0
    assert lines(out)[1]["error"]["reason"] == "VERIFIER_CRASHED"
    assert "reward" not in lines(out)[1]


async def test_interrupted_scoring_keeps_what_it_has_and_exits_130(start_server: Any, tmp_path: Path):
    bench = await start_server(workers=200)
    source = write_rows(tmp_path / "in.jsonl", rows_of(*["pass"] * 64, *["hold"] * 64))
    out = tmp_path / "out.jsonl"
    process = subprocess.Popen(  # noqa: ASYNC220 - starting does not block; it is waited for in a thread
        [*GAVEL, "score", "--in", str(source), "--out", str(out), "--server", bench.server.address],
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = tmp_path / "out.jsonl.partial"
    await wait_until(lambda: bench.verifier.started["pass"] == 64)
    await wait_until(lambda: partial.read_bytes().count(b"PASSED") == 64)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 130
    assert "64 of 128 verdicts" in err
    assert [line["outcome"] for line in lines(out)] == ["PASSED"] * 64
    assert not partial.exists()
    await wait_until(lambda: bench.verifier.running == 0)  # the server does not work for a client that has left


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"{not json}\n", "in.jsonl:1: not a JSON line"),
        (b"[1]\n", "in.jsonl:1: a JSON object is needed, not list"),
        (b'{"verifier": "obey", "params": {}, "completion": "\xff"}\n', "in.jsonl:1: not UTF-8 text"),
        (b'{"verifier": "obey", "params": {}}\n', 'in.jsonl:1: "completion" is missing'),
        (b'{"verifier": "obey", "params": [], "completion": ""}\n', '"params" an object'),
        (b'{"verifier": "obey", "params": {}, "completion": "", "limits": {"memory": 1}}\n', "some of cpu_seconds"),
        (
            b'{"verifier": "obey", "params": {}, "completion": "", "limits": {"memory_bytes": 1.5}}\n',
            "memory_bytes must be a positive integer, not 1.5",
        ),
        (
            b'{"verifier": "obey", "params": {}, "completion": "", "limits": {"cpu_seconds": NaN}}\n',
            "cpu_seconds must be a positive number, not NaN",
        ),
        (b"[" * 100_000 + b"\n", "in.jsonl:1: not a JSON line"),
    ],
)
async def test_bad_input_is_one_error_before_anything_is_spent(tmp_path: Path, content: bytes, said: str):
    source = tmp_path / "in.jsonl"
    source.write_bytes(content)
    done = await gavel("score", "--in", str(source), "--out", str(tmp_path / "out.jsonl"), "--server", "127.0.0.1:1")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


async def test_every_faulty_line_is_named_up_to_ten(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n" * 25)
    done = await gavel("score", "--in", str(source), "--server", "127.0.0.1:1")
    assert done.stderr.count("in.jsonl:") == 11
    assert "and 15 more" in done.stderr


async def test_no_server_is_one_sentence(tmp_path: Path):
    source = write_rows(tmp_path / "in.jsonl", rows_of("pass"))
    started = time.monotonic()
    with socket.socket() as taken:  # bound and never listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        done = await gavel("score", "--in", str(source), "--server", nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert nowhere in done.stderr
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score"], "give DATASET with --completions"),
        (["score", "data.jsonl"], "give DATASET with --completions"),
        (["score", "data.jsonl", "--in", "x"], "leave DATASET"),
        (["score", "--in", "/does/not/exist"], "/does/not/exist: No such file"),
        (["score", "--in", "/"], "Is a directory"),
        (["score", "--in", "x", "--out", "x"], "overwrite the input"),
        (["score", "--in", "x", "--k", "0"], "positive integers"),
        (["score", "--in", "x", "--slots", "0"], "not in the range"),
    ],
)
async def test_wrong_usage_is_one_error(arguments: list[str], said: str):
    done = await gavel(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_device_is_never_replaced_by_the_verdict_file(start_server: Any, tmp_path: Path):
    bench = await start_server()
    source = write_rows(tmp_path / "in.jsonl", rows_of("pass"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = await gavel("score", "--in", str(source), "--out", str(pipe), "--server", bench.server.address)
    assert done.returncode == 2
    assert pipe.is_fifo()


async def test_a_folder_that_is_not_there_is_said_before_anything_is_spent(start_server: Any, tmp_path: Path):
    bench = await start_server()
    source = write_rows(tmp_path / "in.jsonl", rows_of("pass"))
    out = tmp_path / "folder" / "out.jsonl"
    done = await gavel("score", "--in", str(source), "--out", str(out), "--server", bench.server.address)
    assert done.returncode == 2
    assert "No such file" in done.stderr
    assert not bench.verifier.started, "work was spent on verdicts that nobody could keep"
