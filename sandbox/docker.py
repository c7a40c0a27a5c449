"""Containers: how one is made, spoken to, removed, and how orphans are found.

``python -m sandbox.docker reap`` removes the containers of owners that are gone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors

from sandbox.errors import SandboxUnavailable
from sandbox.images import ENGINE_ERRORS, LABEL, connect
from sandbox.job import MIB

CAPABILITIES = ("SETUID", "SETGID", "KILL", "CHOWN", "DAC_OVERRIDE", "FOWNER")
"""All that the launcher needs: to become a candidate's uid, end its processes, and own and wipe its files."""

LAUNCHER_BYTES = 48 * MIB
"""What the launcher itself uses of a container's memory."""
MAX_PROCESSES = 512
"""A container's limit, over that of any job: the launcher must always be able to fork."""
WORK_BYTES = 128 * MIB
TMP_BYTES = 64 * MIB
INODES = 16384


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that containers belong to, so that they can be removed when it is gone."""

    id: str
    pid: int
    started: str
    """The process's start time in clock ticks since boot, so that a pid used again is told apart."""
    host: str

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        return cls(uuid.uuid4().hex, os.getpid(), _start_time(os.getpid()) or "", _host_name())

    def labels(self) -> dict[str, str]:
        """As they are put on a container."""
        return {
            LABEL: "sandbox",
            f"{LABEL}.owner": self.id,
            f"{LABEL}.owner-pid": str(self.pid),
            f"{LABEL}.owner-started": self.started,
            f"{LABEL}.owner-host": self.host,
        }


def _host_name() -> str:
    """Names the pid namespace that pids are meant in: a container on the same engine counts as another host."""
    return f"{socket.gethostname()}/{Path('/proc/self/ns/pid').stat().st_ino}"


def _start_time(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


class RuntimeRefusedError(docker.errors.DockerException):  # type: ignore[misc]  # the SDK has no types
    """The engine has no such OCI runtime, or does not use the one that it was asked for. One of ENGINE_ERRORS."""


def create(
    client: docker.DockerClient,
    image: str,
    owner: Owner,
    slot: str,
    uid_base: int,
    memory_bytes: int,
    runtime: str | None = None,
) -> str:
    """Create a container that is not running yet and return its id. Errors: :data:`ENGINE_ERRORS`.

    ``runtime``: the OCI runtime, by the name that the engine has for it; None: the engine's own choice.
    """
    try:
        created = client.api.create_container(
            image,
            command=["--uid-base", str(uid_base)],
            # It closes with its one client: the launcher of an owner that was killed ends.
            stdin_open=True,
            host_config=_host_config(client, memory_bytes, runtime),
            labels={**owner.labels(), f"{LABEL}.slot": slot},
            hostname="sandbox",
            environment={},
        )
    except docker.errors.APIError as error:
        if runtime is None or "runtime" not in str(error):
            raise
        known = ", ".join(sorted(client.info()["Runtimes"]))
        raise RuntimeRefusedError(
            f"the engine has no OCI runtime {runtime!r}, it has {known}: install it and add it to the engine's "
            "`runtimes` (/etc/docker/daemon.json), or start with one of these, or without --runtime"
        ) from error
    container = str(created["Id"])
    if runtime is not None:
        _check_runtime(client, container, runtime)
    return container


def _host_config(client: docker.DockerClient, memory_bytes: int, runtime: str | None) -> dict[str, Any]:
    is_podman = _is_podman(client)
    # Podman refuses this option. The kernel charges inodes to the container's memory.
    inodes = "" if is_podman else f",nr_inodes={INODES}"
    # Podman makes these writable in a read-only container, and nobody wipes them between cases.
    closed = {"/run": "ro", "/var/tmp": "ro"} if is_podman else {}  # noqa: S108  # in there
    config: dict[str, Any] = client.api.create_host_config(
        runtime=runtime,
        network_mode="none",
        read_only=True,
        tmpfs={
            "/w": f"rw,exec,nosuid,nodev,mode=0711,size={WORK_BYTES}{inodes}",
            "/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={TMP_BYTES}{inodes}",  # noqa: S108  # in there
            **closed,
        },
        shm_size=TMP_BYTES,
        cap_drop=["ALL"],
        cap_add=list(CAPABILITIES),
        security_opt=["no-new-privileges"],
        ipc_mode="private",
        pids_limit=MAX_PROCESSES,
        mem_limit=memory_bytes + LAUNCHER_BYTES,
        memswap_limit=memory_bytes + LAUNCHER_BYTES,
        nano_cpus=min(2, os.cpu_count() or 1) * 10**9,
        log_config={"Type": "none", "Config": {}},
        restart_policy={"Name": "no"},
    )
    return config


def _is_podman(client: docker.DockerClient) -> bool:
    return any(component["Name"] == "Podman Engine" for component in client.version().get("Components", ()))


def _check_runtime(client: docker.DockerClient, container: str, runtime: str) -> None:
    """An engine that leaves the runtime out of account (Podman's Docker API) would leave out the wall it stands for."""
    used = client.api.inspect_container(container)["HostConfig"].get("Runtime")
    if used != runtime:
        remove(client, container)
        raise RuntimeRefusedError(
            f"the engine was asked for the OCI runtime {runtime!r} and says that it uses {used!r}; where its API "
            "cannot choose one, set it in the engine (Podman: `runtime` in containers.conf) and start without --runtime"
        )


def attach(client: docker.DockerClient, container: str) -> tuple[socket.socket, Any]:
    """The container's raw, multiplexed stream, and the response that must be kept as long as it is used."""
    response = client.api.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    raw: socket.socket = response._sock
    raw.setblocking(False)
    raw.settimeout(0)
    return raw, response


def start(client: docker.DockerClient, container: str) -> None:
    """Start it."""
    client.api.start(container)


def set_memory(client: docker.DockerClient, container: str, memory_bytes: int) -> None:
    """Change the memory limit of a running container."""
    limit = memory_bytes + LAUNCHER_BYTES
    try:
        client.api.update_container(container, mem_limit=limit, memswap_limit=limit)
    except docker.errors.NotFound:
        if not _is_podman(client):
            raise
        # Podman 4 answers "update" under its own API only.
        address = f"{client.api.base_url}/v4.0.0/libpod/containers/{container}/update"
        client.api.post(address, json={"memory": {"limit": limit, "swap": limit}}).raise_for_status()


def remove(client: docker.DockerClient, container: str) -> None:
    """Kill and remove; fine if it is gone already."""
    with contextlib.suppress(docker.errors.NotFound):
        try:
            client.api.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            if "already in progress" not in str(error):
                raise


@dataclass(frozen=True, slots=True)
class Death:
    """What the engine knows of a container whose stream ended."""

    reason: str
    """For people."""
    by_itself: bool
    """True if the launcher ended or was ended by something inside: memory, its own fault. A candidate may have caused
    it. False if it was ended from outside, which no candidate can do: the container or the engine is gone, or the
    launcher was killed by a signal, which the kernel delivers to PID 1 from outside its namespace only."""
    out_of_memory: bool = False


def autopsy(client: docker.DockerClient, container: str) -> Death:
    """Why the stream of ``container`` ended. Never raises for an engine that is gone: that is an answer."""
    try:
        state = client.api.inspect_container(container)["State"]
        unlimited = _unlimited(client)
    except docker.errors.NotFound:
        return Death("the container was removed from outside", by_itself=False)
    except ENGINE_ERRORS as error:
        return Death(f"the Docker engine does not answer: {error}", by_itself=False)
    if state["OOMKilled"] and not state["Running"]:
        return Death("the container ran out of memory", by_itself=True, out_of_memory=True)
    if state["Running"] or state["ExitCode"] in (137, 143):
        return Death("the container was killed or cut off from outside", by_itself=False)
    return Death(f"the launcher ended with status {state['ExitCode']}{unlimited}", by_itself=True)


def _unlimited(client: docker.DockerClient) -> str:
    """What the engine says that it cannot limit, as the end of a sentence. The launcher does not run without limits."""
    info = client.info()
    lacking = [key for key in ("MemoryLimit", "PidsLimit") if not info.get(key, True)]
    if not lacking:
        return ""
    return (
        f": the engine has no {' and no '.join(lacking)} (`docker info`). A rootless engine needs cgroup v2 with the "
        "controllers cpu, memory and pids delegated to its user"
    )


def reap(client: docker.DockerClient) -> int:
    """Remove the containers whose owner is a process of this host that is gone; returns how many.

    Errors: :data:`ENGINE_ERRORS`.
    """
    removed = 0
    for summary in client.api.containers(all=True, filters={"label": f"{LABEL}=sandbox"}):
        labels = summary["Labels"]
        if labels.get(f"{LABEL}.owner-host") != _host_name():
            continue
        if _start_time(int(labels[f"{LABEL}.owner-pid"])) != labels[f"{LABEL}.owner-started"]:
            remove(client, summary["Id"])
            removed += 1
    return removed


def remove_owned(client: docker.DockerClient, owner: Owner) -> None:
    """Remove every container of ``owner``, those included whose creation was cut off."""
    for summary in client.api.containers(all=True, filters={"label": f"{LABEL}.owner={owner.id}"}):
        remove(client, summary["Id"])


def main(arguments: list[str]) -> int:
    """The command line; returns the exit status."""
    if arguments != ["reap"]:
        sys.stderr.write("usage: python -m sandbox.docker reap\n")
        return 2
    try:
        with contextlib.closing(connect()) as client:
            count = reap(client)
    except (SandboxUnavailable, *ENGINE_ERRORS) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"removed {count} orphaned sandbox containers\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
