"""Pools of real containers for tests, and a look at the engine behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from sandbox.images import connect, ensure_image
from sandbox.pool import DockerExecutor

if TYPE_CHECKING:
    import docker


@contextmanager
def engine_client() -> Iterator[docker.DockerClient]:
    """The engine, which has the slim image."""
    client = connect()
    ensure_image(client, lambda line: None)
    yield client
    client.close()


@asynccontextmanager
async def pool_of(slots: int) -> AsyncIterator[DockerExecutor]:
    """A pool that has started; at the end it is closed, and has left no container."""
    with engine_client() as client:
        pool = DockerExecutor(slots=slots)
        await pool.start()
        try:
            yield pool
        finally:
            await pool.close()
        assert await asyncio.to_thread(containers, client, pool) == []


def containers(client: docker.DockerClient, pool: DockerExecutor) -> list[str]:
    """Ids of the pool's containers, those that do not run included."""
    label = f"gavel.owner={pool.owner_id}"
    return [summary["Id"] for summary in client.api.containers(all=True, filters={"label": label})]
