"""Every attack of ``gavel redteam``: never PASSED, always an answer, and the slots are as good as new afterwards.

In the languages that the largest image here has; `make test` builds the one that has all.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from reward_server.redteam.entries import CLASSES, Attack, load_attacks
from reward_server.redteam.honest import HONEST
from reward_server.redteam.tasks import FORMS, HONEST_LIMITS, completion, limits_of, plain_form, task
from reward_server.scoring import judge
from reward_server.verdict import Outcome
from reward_server.verifiers.base import Candidate, Verified
from reward_server.verifiers.code import CodeVerifier
from sandbox.errors import SandboxUnavailable
from sandbox.images import connect, find_image
from sandbox.job import Limits
from sandbox.languages import languages_of
from sandbox.pool import DockerExecutor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.docker


def languages_here() -> set[str]:
    """Of the sandbox that the tests will find; those of the smallest where none answers yet."""
    try:
        client = connect()
    except SandboxUnavailable:
        return {language.name for language in languages_of("slim")}
    try:
        return {language.name for language in languages_of("full" if find_image(client, "full") else "slim")}
    finally:
        client.close()


SHIPPED = load_attacks()
LANGUAGES = languages_here()
ATTACKS = [attack for attack in SHIPPED if attack.language in LANGUAGES]
HELD = [attack for attack in ATTACKS if not attack.known_limit]
LIMITS_OF_A_FORM = [attack for attack in ATTACKS if attack.known_limit]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone() -> AsyncIterator[CodeVerifier]:
    """On one slot: what follows an attack runs where the attack ran."""
    executor = DockerExecutor(slots=1)
    await executor.start()
    yield CodeVerifier(executor)
    await executor.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pair() -> AsyncIterator[CodeVerifier]:
    """On two slots, for a program and the row's own: an honest run takes both, and shows that both are good."""
    executor = DockerExecutor(slots=2)
    await executor.start()
    yield CodeVerifier(executor)
    await executor.close()


@pytest.fixture
def verifier(attack: Attack, alone: CodeVerifier, pair: CodeVerifier) -> CodeVerifier:
    return alone if plain_form(attack.form) == attack.form else pair


@cache
def params_of(form: str, language: str) -> Any:
    return CodeVerifier.params.model_validate(task(form, language))


async def verify(verifier: CodeVerifier, attack: Attack, source: str, limits: Limits) -> Verified:
    params = params_of(attack.form, attack.language)
    return await verifier.verify(params, Candidate(completion(attack.language, source)), limits)


@pytest.mark.parametrize("attack", HELD, ids=lambda attack: attack.title)
async def test_attack_is_answered_and_does_not_pass(verifier: CodeVerifier, attack: Attack):
    verified = await verify(verifier, attack, attack.source, limits_of(attack.form, attack.language))
    finding = verified.finding
    assert finding.outcome is not Outcome.PASSED
    assert not attack.expect or finding.outcome in attack.expect, finding
    assert finding.cases_total == len(task(attack.form, attack.language)["cases"])
    assert judge(finding).reward == 0.0
    next_one = await verify(verifier, attack, HONEST[attack.language], HONEST_LIMITS)
    assert next_one.finding.outcome is Outcome.PASSED, next_one.finding
    assert next_one.execution.attempts == 1, "the slot was handed on before it was clean"


@pytest.mark.parametrize("attack", LIMITS_OF_A_FORM, ids=lambda attack: attack.title)
async def test_a_known_limit_is_what_the_docs_say_and_says_so_in_the_verdict(verifier: CodeVerifier, attack: Attack):
    verified = await verify(verifier, attack, attack.source, limits_of(attack.form, attack.language))
    assert verified.finding.outcome is Outcome.PASSED, "held now: take known_limit away"
    assert verified.finding.explanation.isolation == "shared"
    next_one = await verify(verifier, attack, HONEST[attack.language], HONEST_LIMITS)
    assert next_one.finding.outcome is Outcome.PASSED, next_one.finding


async def test_stop_iteration_does_not_end_the_loop_of_a_test(alone: CodeVerifier):
    tests = [
        "assert all(map(lambda n: mix(n) == [n], range(5)))",
        "for value in map(mix, range(5)):\n    assert value == 1",
    ]
    params = {"form": "asserts", "entry_point": "mix", "policy": "pass_rate", "cases": tests}
    candidate = Candidate("```python\ndef mix(n):\n    raise StopIteration\n```")
    verified = await alone.verify(CodeVerifier.params.model_validate(params), candidate, HONEST_LIMITS)
    assert verified.finding.cases_passed == 0


def test_every_class_is_attacked_in_every_form_of_the_split_judge():
    assert {attack.attack_class for attack in SHIPPED} == set(CLASSES)
    assert {attack.form for attack in SHIPPED} == set(FORMS)
    one_process_only = {
        "always_equal": {"stdio"},
        "data_channel": set[str](),
        "frame_walk": set[str](),
        "compiling": {"calls", "asserts"},  # Python is not compiled
    }
    for attack_class in CLASSES:
        forms = {attack.form for attack in SHIPPED if attack.attack_class == attack_class} - {"shared"}
        assert forms >= {"stdio", "calls", "asserts"} - one_process_only.get(attack_class, set()), attack_class


def test_names_are_unique():
    names = [(attack.name, attack.form) for attack in SHIPPED]
    assert len(names) == len(set(names))
