"""A campaign tells each breach from an attack that was held. The real server's answers: tests/adversarial."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reward_server.client import (
    AsyncRewardClient,
    Capabilities,
    Group,
    GroupResult,
    Language,
    Limits,
    NotScored,
    Verdict,
)
from reward_server.groups import group_stats
from reward_server.redteam import honest
from reward_server.redteam.campaign import Breach, run_attack, run_campaign, why_not
from reward_server.redteam.entries import Attack, load_attacks
from reward_server.redteam.tasks import task
from reward_server.verdict import Execution, Outcome

ATTACK = Attack("a", "early_exit", "python", "stdio", "pass", "why", (Outcome.FAILED,), known_limit=False)
SLOT = Execution(worker="slot-0")
ELSEWHERE = Execution(worker="slot-1")
HELD = Verdict("0", "FAILED", 0.0, execution=SLOT)
HONEST = Verdict("0", "PASSED", 1.0, execution=SLOT)
LOST = Verdict("0", error=NotScored("SANDBOX_LOST", "gone"), execution=SLOT)


class Script:
    """Answers with these verdicts, in order; raises when there is none left."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)
        self.forms: list[str] = []

    async def score(self, groups: list[Group], **_: Any) -> list[GroupResult]:
        self.forms.append(groups[0].params["form"])
        return [GroupResult("0", (self.verdicts.pop(0),), group_stats([None], [False]))]


def client(*verdicts: Verdict) -> AsyncRewardClient:
    return cast("AsyncRewardClient", Script(*verdicts))


@pytest.mark.parametrize(
    ("attack_got", "honest_got", "breach"),
    [
        (HELD, HONEST, None),
        (HONEST, HONEST, Breach.PASSED),
        (Verdict("0", "FAILED", 0.5, execution=SLOT), HONEST, Breach.PASSED),
        (Verdict("0", "VIOLATION", 0.0, execution=SLOT), HONEST, Breach.WRONG_OUTCOME),
        (LOST, HONEST, Breach.INFRASTRUCTURE),
        (HELD, HELD, Breach.POISONED),
        (HELD, LOST, Breach.POISONED),
    ],
)
async def test_each_breach_is_told(attack_got: Verdict, honest_got: Verdict, breach: Breach | None):
    result = await run_attack(client(attack_got, honest_got), ATTACK, slots=1)
    assert (result.breach, result.same_slot) == (breach, True)


async def test_honest_programs_are_sent_until_one_meets_the_slot():
    elsewhere = Verdict("0", "PASSED", 1.0, execution=ELSEWHERE)
    script = Script(HELD, elsewhere, elsewhere, HONEST)
    result = await run_attack(cast("AsyncRewardClient", script), ATTACK, slots=2)
    assert (result.breach, result.same_slot, script.verdicts) == (None, True, [])


async def test_a_slot_that_is_never_met_is_said():
    elsewhere = Verdict("0", "PASSED", 1.0, execution=ELSEWHERE)
    result = await run_attack(client(HELD, *[elsewhere] * 4), ATTACK, slots=1)
    assert (result.breach, result.same_slot) == (None, False)


async def test_every_attack_of_a_campaign_has_its_result():
    campaign = run_campaign(client(HELD, HONEST, HELD, HELD, HELD, HONEST), [ATTACK] * 3, at_once=1, slots=1)
    assert [result.breach async for result in campaign] == [None, Breach.POISONED, None]


async def test_a_talk_is_followed_by_honest_programs_that_take_one_slot_at_a_time():
    attack = Attack("a", "early_exit", "python", "interactive", "pass", "why", (), known_limit=False)
    elsewhere = Verdict("0", "PASSED", 1.0, execution=ELSEWHERE)
    script = Script(HELD, elsewhere, elsewhere, HONEST)
    result = await run_attack(cast("AsyncRewardClient", script), attack, slots=2)
    assert result.same_slot
    assert script.forms == ["interactive", "interactive", "stdio", "stdio"]


def able(*languages: str, slots: int) -> Capabilities:
    known = tuple(Language(name, "1", "sha256:0") for name in languages)
    return Capabilities("0", {}, known, Limits(), Limits(), 1, slots, 1)


@pytest.mark.parametrize(
    ("language", "form", "server", "reason"),
    [
        ("python", "stdio", able("python", slots=1), None),
        ("python", "interactive", able("python", slots=2), None),
        ("python", "interactive", able("python", slots=1), "two sandbox slots"),
        ("python", "interactive_fragile", able("python", slots=1), "two sandbox slots"),
        ("python", "checker", able("python", slots=1), None),
        ("java", "stdio", able("python", slots=2), "no java"),
    ],
)
def test_what_a_server_cannot_run_is_said_and_not_held(
    language: str, form: str, server: Capabilities, reason: str | None
):
    told = why_not(Attack("a", "early_exit", language, form, "pass", "why", (), known_limit=False), server)
    assert told is None if reason is None else told is not None and reason in told


def test_every_attack_has_a_task_and_an_honest_program():
    for attack in load_attacks():
        assert task(attack.form, attack.language)["form"]
        assert attack.language in honest.HONEST
