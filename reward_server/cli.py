"""The command line of the server: ``gavel serve`` and ``python -m reward_server``."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, NoReturn

import click

from reward_server.config import ServerConfig
from reward_server.errors import GavelError
from reward_server.log import LogFormat, configure
from sandbox.languages import IMAGES

_DEFAULTS = ServerConfig()
_EPILOG = """\b
Examples:
  gavel serve                                  on 127.0.0.1:50051, one sandbox slot for each core
  gavel serve --slots 8 --queue 20000          more code at one time, a longer queue
  gavel serve --port 0 > ready.json            any free port; the line in ready.json says which
\b
Look around, and score from the shell:
  grpcurl -plaintext 127.0.0.1:50051 list
  grpcurl -plaintext 127.0.0.1:50051 gavel.v1.RewardService/GetCapabilities
  grpcurl -plaintext -d '{"groups": [{"spec": {"verifier": "math", "params_json": "{\\"gold\\": \\"4\\"}"},
    "completions": [{"text": "2 + 2 = #### 4"}]}]}' 127.0.0.1:50051 gavel.v1.RewardService/ScoreGroups
  curl -s http://127.0.0.1:9464/metrics | grep gavel_
"""


class _NotStarted(click.ClickException):
    exit_code = 2


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--host", default=_DEFAULTS.host, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=50051, show_default=True, help="0: any free one.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=9464,
    show_default=True,
    help="Where Prometheus scrapes /metrics. 0: any free one.",
)
@click.option("--no-metrics", is_flag=True, help="No metrics endpoint.")
@click.option(
    "--slots",
    type=click.IntRange(1, 1024),
    default=_DEFAULTS.slots,
    help="Sandbox containers: completions that run code at one time.  [default: a quarter more than there are cores]",
)
@click.option(
    "--image",
    type=click.Choice(IMAGES),
    default=None,
    help="Sandbox image: slim has Python, C and C++, full every language.  [default: the largest that has been built]",
)
@click.option(
    "--runtime",
    metavar="NAME",
    default=None,
    help="OCI runtime of the sandbox containers, by the engine's name for it, e.g. runsc.  [default: the engine's]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=_DEFAULTS.workers,
    help="Processes for verifiers that run no code.  [default: one for each core]",
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=_DEFAULTS.queue_capacity,
    show_default=True,
    help="Completions that may wait. More is refused with RESOURCE_EXHAUSTED and when to come back.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=_DEFAULTS.grace_seconds,
    show_default=True,
    help="Seconds that calls in flight may go on after SIGTERM or Ctrl-C. A second signal ends them at once.",
)
@click.option(
    "--require-sandbox", is_flag=True, help="Do not start without Docker; by default only code is unscored then."
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--parent-pid", type=int, hidden=True, help="End when this process is no longer the parent.")
def command(
    host: str,
    port: int,
    metrics_port: int,
    no_metrics: bool,
    slots: int,
    image: str | None,
    runtime: str | None,
    workers: int,
    queue: int,
    grace: float,
    require_sandbox: bool,
    log_format: LogFormat,
    log_level: str,
    parent_pid: int | None,
) -> None:
    """Run the reward server.

    Scores groups of completions over gRPC (gavel.v1.RewardService, health and reflection beside it). Code runs in
    Docker containers; math and text are checked in worker processes. Once it takes calls it prints one line of JSON
    on standard output; its log goes to standard error.

    There is no authentication yet: keep it on a network that you trust.
    """
    configure(log_format, log_level)
    config = ServerConfig(
        host=host,
        port=port,
        metrics_port=None if no_metrics else metrics_port,
        slots=slots,
        image=image,
        runtime=runtime,
        workers=workers,
        queue_capacity=queue,
        grace_seconds=grace,
        require_sandbox=require_sandbox,
    )
    try:
        from reward_server.run import serve  # here: `--help` needs none of the server's libraries

        asyncio.run(serve(config, parent_pid, _announce))
    except ModuleNotFoundError as error:
        _fail(f"the server needs the package {error.name!r}, which is not installed: pip install 'gavel-rl[server]'")
    except GavelError as error:
        _fail(str(error))


def _announce(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _fail(message: str) -> NoReturn:
    # For a parent that reads our standard output; people read the other one.
    _announce({"ready": False, "error": message})
    raise _NotStarted(message) from None
