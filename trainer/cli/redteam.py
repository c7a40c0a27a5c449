"""``gavel redteam``: known ways to cheat a code judge, tried on a server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import aclosing
from dataclasses import replace

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from reward_server.client import AsyncRewardClient
from reward_server.redteam.campaign import Breach, Result, run_campaign, why_not
from reward_server.redteam.entries import CLASSES, Attack, load_attacks
from reward_server.redteam.tasks import FORMS, slots_of
from trainer.cli.options import server_options
from trainer.cli.serving import RETRY_SECONDS, ServerChoice, reward_server_at

LeftOut = dict[Attack, str]
"""Attacks that were not run, and why not."""

EPILOG = """\b
Examples:
  gavel redteam                                        against a server of its own, with two slots
  gavel redteam --server 127.0.0.1:50051 --rounds 3    against yours
  gavel redteam --class early_exit --form shared --json
\b
The exit status is 0 only if every attack that was run was held. What the server cannot run (a language that its image
lacks, interactive problems on one slot) is listed with the reason and counts as neither. A known limit is an attack
that a form which shares a process with the program cannot hold by design (docs/sandbox.md); it is run and listed, and
is no failure.
"""


@click.command(epilog=EPILOG)
@click.option("--class", "classes", type=click.Choice(CLASSES), multiple=True, help="Only these; may be repeated.")
@click.option("--form", "forms", type=click.Choice(FORMS), multiple=True, help="Only these; may be repeated.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=1, show_default=True, help="The whole, so many times.")
@click.option("--at-once", type=click.IntRange(1, 64), default=1, show_default=True, help="Attacks at one time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@server_options
def command(
    classes: tuple[str, ...],
    forms: tuple[str, ...],
    rounds: int,
    at_once: int,
    as_json: bool,
    server: ServerChoice,
) -> int:
    """Attack a reward server: nothing may pass, nothing may become an error, nothing may leave a trace.

    Each attack is followed by an honest program, which must pass in the same sandbox slot.
    """
    chosen = [
        attack
        for attack in load_attacks()
        if (not classes or attack.attack_class in classes) and (not forms or attack.form in forms)
    ]
    if not chosen:
        raise click.UsageError("no attack is of this class and form")
    enough = replace(server, slots=server.slots or _slots(chosen))
    with reward_server_at(enough, needs_sandbox=True) as address:
        results, left_out = asyncio.run(_attack(address, chosen, rounds, at_once))
    if as_json:
        click.echo(json.dumps(_summary(results, left_out)))
    else:
        _print(results, left_out)
    return int(not results or any(result.breach and not _is_excused(result) for result in results))


def _slots(chosen: list[Attack]) -> int:
    """As few as the attacks need, so that the next program soon meets the slot of an attack."""
    return max(slots_of(attack.form) for attack in chosen)


def _is_excused(result: Result) -> bool:
    """A known limit may pass. It may not become an error, nor spoil what comes after it."""
    return result.attack.known_limit and result.breach is Breach.PASSED


async def _attack(address: str, chosen: list[Attack], rounds: int, at_once: int) -> tuple[list[Result], LeftOut]:
    """The results, and what the server cannot run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    results: list[Result] = []
    async with AsyncRewardClient(address, retry_seconds=RETRY_SECONDS) as client:
        able = await client.capabilities()
        left_out = {attack: reason for attack in chosen if (reason := why_not(attack, able)) is not None}
        possible = [attack for attack in chosen if attack not in left_out]
        with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task("attacking", total=rounds * len(possible))
            async with aclosing(run_campaign(client, possible * rounds, at_once, able.sandbox_slots)) as campaign:
                async for result in campaign:
                    results.append(result)
                    progress.advance(bar)
    return results, left_out


def _counts(results: list[Result]) -> Counter[Breach | None]:
    return Counter(result.breach for result in results)


def _summary(results: list[Result], left_out: LeftOut) -> dict[str, object]:
    def row(result: Result) -> dict[str, object]:
        attack = result.attack
        breach = result.breach.name if result.breach else None
        return {"attack": attack.title, "language": attack.language, "breach": breach, "detail": result.detail}

    guarded = [result for result in results if not result.attack.known_limit]
    return {
        "attacks": len(guarded),
        "held": _counts(guarded)[None],
        "breaches": [row(result) for result in results if result.breach and not _is_excused(result)],
        "known_limits": [row(result) for result in results if result.attack.known_limit],
        "other_slot": sum(not result.same_slot for result in results),
        "left_out": [{"attack": attack.title, "reason": reason} for attack, reason in left_out.items()],
    }


def _print(results: list[Result], left_out: LeftOut) -> None:
    console = Console(highlight=False)
    table = Table("class", *(("attacks", "held", "passed!", "wrong outcome", "infrastructure errors", "poisoned")))
    guarded = [result for result in results if not result.attack.known_limit]
    groups = [(name, [r for r in guarded if r.attack.attack_class == name]) for name in CLASSES]
    for name, rows in [*groups, ("all", guarded)]:
        if rows:
            found = _counts(rows)
            table.add_row(name, str(len(rows)), str(found[None]), *(str(found[breach]) for breach in Breach))
    console.print(table)
    for result in results:
        if result.breach and not _is_excused(result):
            console.print(f"BREACH {result.attack.title}: {result.breach.value} ({result.detail})", markup=False)
    for result in results:
        if result.attack.known_limit:
            state = "held" if result.breach is None else result.breach.name
            console.print(f"known limit {result.attack.title}: {state}; {result.attack.why}", markup=False)
    for reason, count in Counter(left_out.values()).items():
        console.print(f"{count} attacks NOT RUN: {reason}", markup=False)
    elsewhere = sum(not result.same_slot for result in results)
    if elsewhere:
        console.print(f"{elsewhere} attacks were never followed into their slot: the server is busy with others")
