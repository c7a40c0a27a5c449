"""A campaign: every attack against a running server, each followed by an honest program.

Three things must hold for each attack: it does not pass, it is answered (a candidate must not be able to become an
error of the infrastructure), and the honest program after it passes, in the slot where the attack ran.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from functools import partial

from reward_server.client import AsyncRewardClient, Capabilities, Completion, Group, Limits, Verdict
from reward_server.redteam.entries import Attack
from reward_server.redteam.honest import HONEST
from reward_server.redteam.tasks import HONEST_LIMITS, completion, limits_of, plain_form, slots_of, task
from sandbox import job

_TRIES_PER_SLOT = 4
"""Honest programs sent, for each slot of the server, until one comes to the slot of the attack."""


class Breach(Enum):
    """What an attack can achieve; the value says what that means."""

    PASSED = "the attack was paid: a policy can learn it"
    WRONG_OUTCOME = "not paid, but judged as something that it is not"
    INFRASTRUCTURE = "the attack made itself unscored: its failures leave the statistics"
    POISONED = "the honest program after it did not pass: one answer spoils another's reward"


@dataclass(frozen=True, slots=True)
class Result:
    """What one attack came to."""

    attack: Attack
    breach: Breach | None
    """None: it was held."""
    detail: str
    """The verdicts that the breach rests on, or the outcome."""
    same_slot: bool
    """Whether an honest program was seen in the slot of the attack, if it had one. On a server that is busy with others
    it may not be."""


def why_not(attack: Attack, able: Capabilities) -> str | None:
    """Why a server of these abilities cannot run ``attack``; None if it can. What was not run was not held."""
    if attack.language not in {language.name for language in able.languages}:
        return f"the server's sandbox has no {attack.language}: serve with --image full"
    if able.sandbox_slots < slots_of(attack.form):
        return "an interactive problem needs two sandbox slots, and the server has one: serve with --slots 2"
    return None


async def run_campaign(
    client: AsyncRewardClient, attacks: Sequence[Attack], at_once: int, slots: int
) -> AsyncGenerator[Result, None]:
    """Yield each result as it comes, at most ``at_once`` attacks at one time; closing the iterator stops the rest.

    ``slots``: of the server. Raises:
        RewardError: the server is gone or refuses the call; that is no result of an attack.
    """
    waiting = iter(attacks)
    running: set[asyncio.Task[Result]] = set()
    try:
        while True:
            while len(running) < at_once and (attack := next(waiting, None)) is not None:
                running.add(asyncio.create_task(run_attack(client, attack, slots)))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for finished in done:
                yield finished.result()
    finally:
        for unfinished in running:
            unfinished.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def run_attack(client: AsyncRewardClient, attack: Attack, slots: int) -> Result:
    """Send ``attack`` and then honest programs, until one was judged where the attack was."""
    send = partial(_judge, client, attack.language)
    verdict = await send(attack.form, attack.source, limits_of(attack.form, attack.language))
    made = partial(Result, attack)
    same_slot = False
    form = attack.form
    for _ in range(_TRIES_PER_SLOT * slots):
        honest = await send(form, HONEST[attack.language], HONEST_LIMITS)
        same_slot = verdict.execution.worker in ("", honest.execution.worker)  # "": not compiled, from the store
        if not honest.passed:
            return made(Breach.POISONED, f"the honest program after it: {_said(honest)}", same_slot)
        if same_slot:
            break
        form = plain_form(form)
    return made(_breach(attack, verdict), _said(verdict), same_slot)


def _breach(attack: Attack, verdict: Verdict) -> Breach | None:
    if verdict.error is not None:
        return Breach.INFRASTRUCTURE
    if verdict.passed or verdict.reward != 0.0:
        return Breach.PASSED
    if attack.expect and verdict.outcome not in {outcome.name for outcome in attack.expect}:
        return Breach.WRONG_OUTCOME
    return None


async def _judge(client: AsyncRewardClient, language: str, form: str, source: str, limits: job.Limits) -> Verdict:
    group = Group(
        "code",
        task(form, language),
        [Completion(completion(language, source))],
        limits=Limits(**asdict(limits)),
    )
    [result] = await client.score([group])
    return result.verdicts[0]


def _said(verdict: Verdict) -> str:
    if verdict.error is not None:
        return f"not scored, {verdict.error}"
    failure = verdict.first_failure
    return f"{verdict.outcome}" + (f": {failure.message[:200]}" if failure is not None and failure.message else "")
