"""Test code that is no Python is told so, however large, and nobody waits for it."""

from __future__ import annotations

import asyncio

import pytest

from reward_server.errors import Reason, Unscored
from reward_server.python_source import LARGE, compile_problem, python_problem
from reward_server.verifiers.base import Candidate
from reward_server.verifiers.code import CodeVerifier
from reward_server.verifiers.code_params import CodeParams
from reward_server.verifiers.registry import NoExecutor
from sandbox.job import Limits

FILLING = "# " + "x" * LARGE + "\n"


@pytest.mark.parametrize("filling", ["", FILLING], ids=["small", "large"])
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("assert f(1) == 'é'", None),
        ("def f(:", "invalid syntax"),
        ("x = '\0'", "null bytes"),
        ("(" * 5000, "too many nested parentheses"),
        ("x = '\udcff'", "surrogates"),
        ("raise SystemExit(3)", None),
    ],
)
def test_what_does_not_compile(filling: str, source: str, problem: str | None):
    found = python_problem(filling + source)
    assert found is None if problem is None else found is not None
    assert problem is None or problem in str(found)


async def test_a_large_reference_is_compiled_once_and_beside_the_event_loop():
    # 4 MiB of test code: seconds of compiling, in which this loop must go on turning.
    preamble = "\n".join(f"x{n} = [{n}, {n}, {n}, {n}]" for n in range(120_000)) + "\ndef f(:"
    params = CodeParams.model_validate({"form": "asserts", "preamble": preamble, "cases": ["assert f()"]})
    verifier = CodeVerifier(NoExecutor())
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    turning = asyncio.create_task(turn())
    group = [verifier.verify(params, Candidate("def f(): ..."), Limits()) for _ in range(4)]
    found = await asyncio.gather(*group, return_exceptions=True)
    turning.cancel()
    assert [error.reason for error in found if isinstance(error, Unscored)] == [Reason.BAD_REFERENCE] * 4
    assert turns > 20


def test_only_sources_that_are_not_large_are_kept():
    before = compile_problem.cache_info().currsize
    assert python_problem("x = 1\n" + "#" * LARGE) is None
    assert compile_problem.cache_info().currsize == before
    assert python_problem("x = 1  # of this test") is None
    assert compile_problem.cache_info().currsize == before + 1
