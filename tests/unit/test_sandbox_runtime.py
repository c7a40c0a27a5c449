"""The OCI runtime that was asked for is used, or nothing runs."""

from __future__ import annotations

from typing import Any

import docker.errors
import pytest
from click.testing import CliRunner

from sandbox import docker as engine
from sandbox.images import ENGINE_ERRORS
from trainer.cli.redteam import command as redteam
from trainer.cli.verify import command as verify

OWNER = engine.Owner.me()


class Engine:
    """Answers as an engine does that knows ``runtimes`` and says that containers use ``used``."""

    def __init__(self, runtimes: tuple[str, ...], used: str, product: str = "Engine") -> None:
        self.api = self
        self.runtimes = runtimes
        self.used = used
        self.product = product
        self.base_url = "http://podman"
        self.memory = 0
        self.there: set[str] = set()
        self.asked: dict[str, Any] = {}

    def version(self) -> dict[str, Any]:
        return {"Components": [{"Name": self.product}]}

    def info(self) -> dict[str, Any]:
        return {"Runtimes": {name: {} for name in self.runtimes}}

    def create_host_config(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return asked

    def create_container(self, image: str, *, host_config: dict[str, Any], **_: Any) -> dict[str, str]:
        if self.product == "Engine" and host_config["runtime"] not in (None, *self.runtimes):
            raise docker.errors.APIError("Unknown runtime specified")
        if image == "absent":
            raise docker.errors.ImageNotFound("No such image")
        self.there.add("made")
        return {"Id": "made"}

    def inspect_container(self, container: str) -> dict[str, Any]:
        assert container in self.there
        return {"HostConfig": {"Runtime": self.used}}

    def update_container(self, container: str, **limits: int) -> None:
        if self.product != "Engine" or container not in self.there:
            raise docker.errors.NotFound("404")
        self.memory = limits["mem_limit"]

    def post(self, url: str, json: dict[str, dict[str, int]]) -> Engine:
        assert url == "http://podman/v4.0.0/libpod/containers/made/update"
        assert json["memory"]["limit"] == json["memory"]["swap"]
        self.memory = json["memory"]["limit"]
        return self

    def raise_for_status(self) -> None:
        """All is well."""

    def remove_container(self, container: str, **_: Any) -> None:
        self.there.remove(container)

    def create(self, runtime: str | None, image: str = "image") -> str:
        client: Any = self
        return engine.create(client, image, OWNER, "slot-0", 10_000, 1 << 29, runtime)


def test_a_runtime_that_the_engine_has_is_asked_for() -> None:
    docker_engine = Engine(("runc", "runsc"), used="runsc")
    assert docker_engine.create("runsc") == "made"
    assert docker_engine.asked["runtime"] == "runsc"


def test_without_one_the_engine_chooses() -> None:
    docker_engine = Engine(("runc",), used="runc")
    assert docker_engine.create(None) == "made"
    assert docker_engine.asked["runtime"] is None


def test_an_unknown_one_is_refused_with_the_names_of_those_that_are_there() -> None:
    with pytest.raises(engine.RuntimeRefusedError, match="no OCI runtime 'runsc', it has crun, runc: install it"):
        Engine(("runc", "crun"), used="runc").create("runsc")


def test_another_error_is_not_blamed_on_the_runtime() -> None:
    with pytest.raises(docker.errors.ImageNotFound):
        Engine(("runc",), used="runc").create("runc", image="absent")


def test_an_engine_that_ignores_the_wish_is_refused_and_keeps_no_container() -> None:
    podman = Engine(("crun", "runsc"), used="oci", product="Podman Engine")
    with pytest.raises(engine.RuntimeRefusedError, match="asked for the OCI runtime 'runsc' and says that it uses"):
        podman.create("runsc")
    assert not podman.there


def test_a_refused_runtime_is_an_error_of_the_engine_so_that_slots_are_tried_again() -> None:
    assert issubclass(engine.RuntimeRefusedError, ENGINE_ERRORS)


@pytest.mark.parametrize(("product", "limited"), [("Engine", True), ("Podman Engine", False)])
def test_podman_is_not_given_the_option_that_it_refuses(product: str, limited: bool) -> None:
    made = Engine(("runc",), used="runc", product=product)
    made.create(None)
    assert all(("nr_inodes" in options) is limited for options in made.asked["tmpfs"].values())


def test_places_that_podman_makes_writable_are_closed() -> None:
    podman = Engine(("crun",), used="oci", product="Podman Engine")
    podman.create(None)
    assert (podman.asked["tmpfs"]["/run"], podman.asked["tmpfs"]["/var/tmp"]) == ("ro", "ro")


@pytest.mark.parametrize("product", ["Engine", "Podman Engine"])
def test_a_memory_limit_is_changed_on_either_engine(product: str) -> None:
    made: Any = Engine(("runc",), used="runc", product=product)
    engine.set_memory(made, made.create(None), 1 << 30)
    assert made.memory == (1 << 30) + engine.LAUNCHER_BYTES


def test_a_container_that_is_gone_has_no_memory_limit() -> None:
    gone: Any = Engine(("runc",), used="runc")
    with pytest.raises(docker.errors.NotFound):
        engine.set_memory(gone, "gone", 1 << 30)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"MemoryLimit": False, "PidsLimit": False},
            ": the engine has no MemoryLimit and no PidsLimit (`docker info`)",
        ),
        ({"MemoryLimit": True, "PidsLimit": False}, ": the engine has no PidsLimit (`docker info`)"),
        ({"MemoryLimit": True, "PidsLimit": True}, ""),
        ({}, ""),
    ],
)
def test_a_launcher_that_ended_for_want_of_limits_says_so(limits: dict[str, bool], said: str) -> None:
    class Rootless(Engine):
        def inspect_container(self, container: str) -> dict[str, Any]:
            return {"State": {"OOMKilled": False, "Running": False, "ExitCode": 71}}

        def info(self) -> dict[str, Any]:
            return limits

    client: Any = Rootless((), used="runc")
    death = engine.autopsy(client, "made")
    assert death.by_itself
    assert death.reason.partition(". A rootless")[0] == f"the launcher ended with status 71{said}"


@pytest.mark.parametrize("command", [redteam, verify])
def test_a_runtime_for_a_server_that_runs_already_is_refused(command: Any) -> None:
    arguments = ["code", "--answer", "x"] if command is verify else []
    done = CliRunner().invoke(command, [*arguments, "--server", "127.0.0.1:1", "--runtime", "runsc"])
    assert done.exit_code == 2
    assert "the server at --server has its own" in done.output
