"""``--runtime`` on the real engine: one that it has, and one that it has not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reward_server.client import Completion, Group, RewardClient
from reward_server.local import LocalServer, LocalServerError
from sandbox import docker as engine
from sandbox.errors import SandboxUnavailable
from sandbox.images import connect
from sandbox.job import Job, Program, StdioTests
from sandbox.pool import DockerExecutor

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker


async def test_a_pool_runs_on_the_runtime_that_it_was_given() -> None:
    pool = DockerExecutor(slots=1, runtime="runc")
    await pool.start()
    try:
        client = connect()
        (container,) = client.containers.list(filters={"label": f"gavel.owner={pool.owner_id}"})
        assert container.attrs["HostConfig"]["Runtime"] == "runc"
        client.close()
        facts = await pool.run(Job(Program("python", "print(input())"), StdioTests((b"a",))))
        assert facts.cases[0].stdout == b"a\n"
    finally:
        await pool.close()


async def test_an_unknown_runtime_is_unavailable_and_says_which_there_are() -> None:
    pool = DockerExecutor(slots=2, runtime="no-such-runtime")
    with pytest.raises(SandboxUnavailable, match=r"no OCI runtime 'no-such-runtime', it has .*runc.*: install it"):
        await pool.start()


async def test_a_slot_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    create = engine.create

    def without_a_uid(client: docker.DockerClient, image: str, owner: engine.Owner, slot: str, *_: object) -> str:
        nonsense: Any = "nonsense"
        return create(client, image, owner, slot, nonsense, 1 << 29)

    monkeypatch.setattr(engine, "create", without_a_uid)
    with pytest.raises(SandboxUnavailable, match=r"(?s)slot-0: the launcher ended with status 1 .*literal for int"):
        await DockerExecutor(slots=1).start()


def test_a_server_says_which_runtime_it_uses(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    params = {"form": "stdio", "cases": [{"stdin": "3\n", "stdout": "6\n"}]}
    with (
        LocalServer(slots=1, runtime="runc", require_sandbox=True, log_path=log) as server,
        RewardClient(server.address) as client,
    ):
        (result,) = client.score([Group("code", params, [Completion("```python\nprint(2 * int(input()))\n```")])])
    assert result.rewards == [1.0]
    assert "runtime=runc" in log.read_text()


def test_a_server_with_an_unknown_runtime_is_one_sentence() -> None:
    with pytest.raises(LocalServerError, match=r"^no sandbox: .*no OCI runtime 'no-such-runtime', it has "):
        LocalServer(slots=1, runtime="no-such-runtime", require_sandbox=True).start()
