"""``gavel verify``: explains one verdict, or measures a verifier on labelled rows."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from reward_server.client import AsyncRewardClient, Completion, Group, NotScored, Verdict
from reward_server.errors import Unscored
from reward_server.scoring import judge
from reward_server.verifiers.base import Candidate, VerifierSet
from reward_server.verifiers.registry import build_verifiers
from sandbox.job import Limits
from sandbox.pool import DockerExecutor
from trainer.cli.options import refuse_runtime_of_another, runtime_option
from trainer.errors import InputError
from trainer.labelled import Labelled, agreement, read_labelled

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\b
Examples:
  gavel verify math --gold '\\frac{1}{2}' --answer 'so \\boxed{0.5}'
  gavel verify math --file labelled.jsonl
  gavel verify choice --gold B --answer 'The answer is (b) Paris' --params '{"options": ["Rome", "Paris"]}'
  gavel verify regex --answer '<answer>2024-02</answer>' --params '{"pattern": "[0-9]{4}-[0-9]{2}"}'
  gavel verify structured --answer '{"a": 1, "c": 2}' --params '{"gold": {"a": 1, "b": 2}, "credit": "partial"}'
  gavel verify exact --gold Paris --answer '<answer>paris</answer>' --params '{"normalize": ["casefold", "strip"]}'
  gavel verify code --answer - --params '{"form": "stdio", "cases": [{"stdin": "1\\n", "stdout": "2\\n"}]}' < a.py
\b
A line of --file:  {"gold": "1/2", "answer": "0.5", "verdict": true}
\b
The exit status is 1 if something was not scored; a wrong answer is a verdict like any other.
"""
AT_ONCE = 8
"""Rows judged at one time."""
SHOWN = 100
"""Disagreements listed on the terminal; --json lists all."""


@click.command(epilog=EPILOG)
@click.argument("verifier")
@click.option("--gold", help="The reference.")
@click.option("--answer", help="The completion to judge; '-' reads it from standard input.")
@click.option("--file", "path", type=click.Path(path_type=Path), help="JSON lines with a label each.")
@click.option("--format", "declared", help="The format that the prompt asked for, e.g. boxed.")
@click.option("--params", default="{}", help="More params of the verifier, as a JSON object.")
@click.option("--server", metavar="HOST:PORT", help="A running reward server; default: judged in this process.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@runtime_option
def command(
    verifier: str,
    gold: str | None,
    answer: str | None,
    path: Path | None,
    declared: str | None,
    params: str,
    server: str | None,
    as_json: bool,
    runtime: str | None,
) -> int:
    """Explain one verdict of VERIFIER, or measure it on labelled rows.

    VERIFIER is math, choice, exact, regex, structured, logic or code; docs/verifiers.md says what each takes.

    With --answer: what was extracted, both canonical forms, and the rule that decided. With --file: accuracy, false
    positives and false negatives, and every row on which verdict and label differ.
    """
    if (answer is None) == (path is None):
        raise click.UsageError("give --answer with --gold for one verdict, or --file for labelled rows")
    refuse_runtime_of_another(server, runtime)
    given = _params(params, declared)
    if path is not None:
        rows = read_labelled(path, given)
        verdicts = asyncio.run(_judge_all(verifier, rows, server, runtime))
        (_print_agreement_json if as_json else _print_agreement)(rows, verdicts)
    else:
        assert answer is not None
        if gold is not None:
            given["gold"] = gold
        row = Labelled(1, given, sys.stdin.read() if answer == "-" else answer, is_right=True)
        verdicts = asyncio.run(_judge_all(verifier, [row], server, runtime))
        (_print_verdict_json if as_json else _print_verdict)(verdicts[0])
    return 1 if any(verdict.error for verdict in verdicts) else 0


def _params(text: str, declared: str | None) -> dict[str, Any]:
    try:
        params = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--params") from error
    if not isinstance(params, dict):
        raise click.BadParameter('a JSON object is needed, e.g. {"format": "boxed"}', param_hint="--params")
    return params | ({"format": declared} if declared else {})


async def _judge_all(verifier: str, rows: Sequence[Labelled], server: str | None, runtime: str | None) -> list[Verdict]:
    if server is not None:
        groups = [Group(verifier, row.params, [Completion(row.answer)]) for row in rows]
        async with AsyncRewardClient(server) as client:
            return [result.verdicts[0] for result in await client.score(groups)]
    async with AsyncExitStack() as stack:
        executor = None
        if verifier == "code":
            executor = DockerExecutor(slots=1, runtime=runtime)
            stack.push_async_callback(executor.close)
            await executor.start()
        verifiers = build_verifiers(executor)
        stack.push_async_callback(verifiers.close)
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(row: Labelled) -> Verdict:
            async with at_once:
                return await _judge(verifiers, verifier, row)

        return list(await asyncio.gather(*map(one, rows)))


async def _judge(verifiers: VerifierSet, name: str, row: Labelled) -> Verdict:
    """As the server does it, in this process."""
    if name not in verifiers.by_name:
        raise InputError(f"unknown verifier {name!r}; known: {', '.join(sorted(verifiers.by_name))}")
    verifier = verifiers.by_name[name]
    try:
        params = verifier.params.model_validate_json(json.dumps(row.params))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "params"
        raise InputError(f"params of {name!r}, row {row.number}: {where}: {first['msg']}") from error
    try:
        verified = await verifier.verify(params, Candidate(row.answer), Limits())
    except Unscored as error:
        return Verdict("", error=NotScored(error.reason.name, str(error)))
    judgement = judge(verified.finding)
    finding = judgement.finding
    return Verdict(
        completion_id="",
        outcome=finding.outcome.name,
        reward=judgement.reward,
        components=judgement.components,
        cases_passed=finding.cases_passed,
        cases_total=finding.cases_total,
        first_failure=finding.first_failure,
        diagnostics=finding.diagnostics,
        explanation=finding.explanation,
        parts=finding.parts,
        execution=verified.execution,
    )


def _facts(verdict: Verdict) -> dict[str, Any]:
    """Everything that explains a verdict, as JSON."""
    if verdict.error is not None:
        return {"outcome": None, "error": {"reason": verdict.error.reason, "message": verdict.error.message}}
    failure = verdict.first_failure
    return {
        "outcome": verdict.outcome,
        "reward": verdict.reward,
        **asdict(verdict.explanation),
        "diagnostics": verdict.diagnostics,
        "cases_passed": verdict.cases_passed,
        "cases_total": verdict.cases_total,
        "first_failure": failure.message if failure else None,
        "parts": [asdict(part) for part in verdict.parts],
        "milliseconds": round(verdict.execution.wall_seconds * 1000, 3),
        "worker": verdict.execution.worker,
    }


def _print_verdict_json(verdict: Verdict) -> None:
    click.echo(json.dumps(_facts(verdict)))


def _print_verdict(verdict: Verdict) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if verdict.error is not None:
        console.print(f"not scored  {verdict.error}", markup=False)
        return
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(verdict).items():
        if value not in (None, "", []):
            table.add_row(name.replace("_", " "), _cell(value))
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_part_line, value))
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return text.replace("[", "\\[")  # rich reads brackets as markup


def _part_line(part: dict[str, Any]) -> str:
    why = ": ".join(filter(None, (part["reason"], part["message"])))
    return f"{part['score']:.2f} x {part['weight']:g}  {part['name']}  {why}".rstrip().replace("[", "\\[")


def _disagreements(rows: Sequence[Labelled], verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {
            "line": row.number,
            "kind": {True: "false positive", False: "false negative", None: "not scored"}[verdict.passed],
            "gold": row.params["gold"],
            "answer": row.answer,
            **_facts(verdict),
        }
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.passed != row.is_right
    ]


def _print_agreement_json(rows: Sequence[Labelled], verdicts: Sequence[Verdict]) -> None:
    found = agreement(rows, verdicts)
    click.echo(
        json.dumps(asdict(found) | {"accuracy": found.accuracy, "disagreements": _disagreements(rows, verdicts)})
    )


def _print_agreement(rows: Sequence[Labelled], verdicts: Sequence[Verdict]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    found = agreement(rows, verdicts)
    listed = _disagreements(rows, verdicts)
    for item in listed[:SHOWN]:
        why = item.get("error", {}).get("message") or item.get("decision_rule") or item.get("diagnostics")
        line = (
            f"{item['kind']}  line {item['line']}: gold {item['gold']!r:.80}  answer {item['answer'][-80:]!r}  ({why})"
        )
        console.print(line, markup=False)
    if len(listed) > SHOWN:
        console.print(f"... and {len(listed) - SHOWN} more; --json lists all")
    console.print(
        f"accuracy {found.accuracy:.1%} ({found.agree} of {found.rows})   false positives {found.false_positives}"
        f"   false negatives {found.false_negatives}   not scored {found.unscored}"
    )
