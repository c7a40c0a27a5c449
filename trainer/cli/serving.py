"""The reward server of a command: the one that the user named, or one that lives as long as the command."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from reward_server.client import RewardClient
from reward_server.local import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from reward_server.client import Group, GroupResult

CONNECT_SECONDS = 5.0
RETRY_SECONDS = 60.0
"""How long a busy server is asked again."""


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """Which reward server a command asks: the fields are options of the command line."""

    address: str | None = None
    """``HOST:PORT`` of one that runs; None: one is started, and the other fields are its own."""
    slots: int | None = None
    runtime: str | None = None


@contextmanager
def reward_server_at(choice: ServerChoice, needs_sandbox: bool = False, log_path: Path | None = None) -> Iterator[str]:
    """Yield the address of a server that takes calls; a server that was started here is stopped at the end.

    Raises:
        GavelError: nothing answers at the address of ``choice``, or no server could be started.
    """
    if choice.address is not None:
        with RewardClient(choice.address) as client:
            client.wait_ready(CONNECT_SECONDS)
        yield choice.address
        return
    with LocalServer(
        slots=choice.slots, runtime=choice.runtime, require_sandbox=needs_sandbox, log_path=log_path
    ) as server:
        yield server.address


class OnDemandServer:
    """A reward server that is looked for, or started, when it is first needed, and then kept to the end."""

    def __init__(self, choice: ServerChoice, log: Path | None = None) -> None:
        self._choice = choice
        self._log = log
        self._keeps_log = False
        self._stack = ExitStack()
        self._address: str | None = None

    def keep_log(self, path: Path) -> None:
        """Rename the log of the server that was started, or will be, to ``path``, on the same file system.

        The server goes on writing to it. A log that is not kept is deleted with the server.
        """
        if self._log is not None and self._log.exists():
            self._log.rename(path)
        self._log, self._keeps_log = path, True

    def address(self, needs_sandbox: bool) -> str:
        """Return the address of a server that takes calls.

        Raises:
            GavelError: no server answers, or none could be started.
        """
        if self._address is None:
            at = reward_server_at(self._choice, needs_sandbox, self._log)
            self._address = self._stack.enter_context(at)
        return self._address

    def score(self, groups: Sequence[Group]) -> list[GroupResult]:
        """Judge every group, for the router's proof.

        Raises:
            GavelError: no server answers, none could be started, or it refused the call.
        """
        needs_sandbox = any(group.verifier == "code" for group in groups)
        with RewardClient(self.address(needs_sandbox), retry_seconds=RETRY_SECONDS) as client:
            return client.score(groups)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._log is not None and not self._keeps_log:
            self._log.unlink(missing_ok=True)
