"""The one interface between the sandbox and those who use it. Implementations may be remote."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sandbox.facts import CaseFacts, DialogueFacts, Exchange, RunFacts
from sandbox.job import Dialogue, Job

Observer = Callable[[CaseFacts], bool]
"""Called with each case as it ends; returns False to skip the cases that are left. Comparison with expected
output happens here, outside the sandbox, while the next case may already run. One case at a time, in order; for a case
that reported much, in another thread, so it touches nothing but its own data."""

ExchangeObserver = Callable[[Exchange], bool]
"""The same for the cases of a dialogue."""


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def default_slots() -> int:
    """Jobs at one time where nobody says otherwise: a quarter more than there are cores, since a slot waits for the
    engine and for the host for about a fifth of its time. At least two, as interactive problems need."""
    return cores() + -(-cores() // 4)


@dataclass(frozen=True, slots=True)
class LanguageVersion:
    """A language as the image has it."""

    name: str
    version: str
    image_digest: str


class Executor(Protocol):
    """Runs jobs in isolation. Safe to share between tasks of one event loop."""

    async def run(self, job: Job, observe: Observer | None = None, apart_from: str = "") -> RunFacts:
        """Run ``job``, waiting for a free slot first: any but the one named ``apart_from``, where there are two.

        Cancelling the task stops the program, cleans or replaces its slot, and frees it.

        Raises:
            SandboxUnavailable, SandboxLost, JobRefused: see :mod:`sandbox.errors`.
        """
        ...

    async def converse(self, dialogue: Dialogue, observe: ExchangeObserver | None = None) -> DialogueFacts:
        """Run two programs that talk with each other, each in a slot of its own; both are taken in one step.

        Cancelling and errors as for :meth:`run`. With fewer than two slots: SandboxUnavailable.
        """
        ...

    async def languages(self) -> tuple[LanguageVersion, ...]:
        """The languages that can be run now.

        Raises:
            SandboxUnavailable: the engine or the image is not there.
        """
        ...

    @property
    def slots(self) -> int:
        """How many jobs run at one time."""
        ...

    async def close(self) -> None:
        """Stop everything and remove every container. Idempotent."""
        ...
