"""What a server is told at its start. Plain records; the command line (``cli.py``) fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.executor import cores, default_slots
from sandbox.job import Limits

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# Bounds of one request, as the proto states them.
MAX_GROUPS = 1024
MAX_COMPLETIONS = 1024
MAX_TEXT_BYTES = 4 * MIB
MAX_PARAMS_BYTES = 16 * MIB

# What the sandbox takes at the least and at the most (sandbox.pool says the same).
MIN_MEMORY_BYTES = 16 * MIB
MAX_LIMITS = Limits(cpu_seconds=60.0, wall_seconds=300.0, memory_bytes=4 * GIB, output_bytes=64 * MIB, processes=256)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server. Defaults are those of ``gavel serve``, apart from ports: here 0, any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    metrics_port: int | None = 0
    """Where Prometheus scrapes; 0 is any free port, None is no metrics endpoint."""
    slots: int = field(default_factory=default_slots)
    """Sandbox containers, so completions that run code at one time."""
    image: str | None = None
    """Sandbox image, ``slim`` or ``full``; None: the largest that has been built."""
    runtime: str | None = None
    """OCI runtime of the sandbox containers, by the engine's name for it; None: the engine's default."""
    workers: int = field(default_factory=cores)
    """Worker processes for verifiers that run no code."""
    queue_capacity: int = 4096
    """Completions that may wait at one time, of all calls together."""
    held_bytes: int = 2 * GIB
    """Requests that are being worked on may take this much memory together."""
    max_request_bytes: int = 64 * MIB
    grace_seconds: float = 30.0
    """After SIGTERM: how long calls in flight may go on."""
    replay_seconds: float = 600.0
    """How long an answer is kept under its ``request_id``."""
    replay_bytes: int = 256 * MIB
    """All kept answers together; the oldest go first."""
    require_sandbox: bool = False
    """True: no sandbox at the start is an error. False: serve the other verifiers and keep trying."""
    sandbox_check_seconds: float = 5.0
    """How often the sandbox is asked whether it is there."""
    default_limits: Limits = field(default_factory=Limits)
    max_limits: Limits = MAX_LIMITS
