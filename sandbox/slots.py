"""The warm slots of a pool: started together, handed out in turn, replaced when one can no longer be used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from sandbox import docker as engine
from sandbox import images
from sandbox.errors import SandboxUnavailable
from sandbox.job import Limits
from sandbox.slot import Slot, SlotLostError
from sandbox.turns import Turn, Turns

if TYPE_CHECKING:
    import docker

_LOG = logging.getLogger(__name__)

_HEAL_SECONDS = 0.5
"""Between attempts to start a slot anew."""
_PATIENCE_SECONDS = 15.0
"""How long a job waits while no slot at all is alive."""
_FIRST_UID = 10_000
_UIDS_PER_SLOT = 64
_UID_WINDOWS = 700


class Slots:
    """A fixed number of slots, each a container of its own. Belongs to one event loop."""

    def __init__(self, count: int, image: str | None, runtime: str | None) -> None:
        """See :class:`sandbox.pool.DockerExecutor`."""
        if count < 1:
            raise ValueError(f"slots is {count}; it must be at least 1")
        self.count = count
        self.image = ""
        """Content id of the image that new slots are made of."""
        self.owner = engine.Owner.me()
        self._wanted_image = image
        self._runtime = runtime
        self._turns: Turns[Slot] = Turns()
        self._alive: set[Slot] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._uid_window = random.randrange(_UID_WINDOWS)  # noqa: S311  # apart from other servers on this host
        self._why_down = "the sandbox has not been started"
        self._closed = False
        self._connected = False
        self._client: docker.DockerClient

    @property
    def healthy(self) -> int:
        """How many are alive now, busy or idle."""
        return len(self._alive)

    def versions(self) -> dict[str, str] | None:
        """Language -> version, as a live slot reported them; None while no slot is alive."""
        return next((slot.versions for slot in self._alive), None)

    def none_alive(self) -> SandboxUnavailable:
        """The error to raise where a slot is needed and there is none."""
        return SandboxUnavailable(f"no sandbox slot is alive: {self._why_down}")

    async def start(self) -> None:
        """See :meth:`sandbox.pool.DockerExecutor.start`."""
        self._client = await asyncio.to_thread(images.connect)
        self._connected = True
        image = await asyncio.to_thread(images.find_image, self._client, self._wanted_image)
        if image is None:
            await self.close()
            wanted = self._wanted_image or images.SMALLEST
            raise SandboxUnavailable(
                f"the sandbox image {images.image_tag(wanted)} is missing; "
                f"build it: python -m sandbox.images build {wanted}"
            )
        self.image = image
        await asyncio.to_thread(engine.reap, self._client)
        started = await asyncio.gather(*(self._new_slot(n) for n in range(self.count)), return_exceptions=True)
        failed = [result for result in started if isinstance(result, BaseException)]
        if failed:
            await self.close()
            raise SandboxUnavailable(f"a sandbox slot did not start: {failed[0]}") from failed[0]

    async def close(self) -> None:
        """Remove every container. Idempotent."""
        self._closed = True
        self._why_down = "the sandbox has been closed"
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        slots = list(self._alive)
        self._alive.clear()
        await asyncio.gather(*(slot.close() for slot in slots))
        if self._connected:
            self._connected = False
            with contextlib.suppress(*images.ENGINE_ERRORS):  # an engine that is gone holds nothing that runs
                await asyncio.to_thread(engine.remove_owned, self._client, self.owner)
            self._client.close()

    async def acquire(self, count: int, apart_from: str = "") -> tuple[Slot, ...]:
        """The next ``count`` free slots; each is to be given to :meth:`release`.

        Waits for as long as some slot is alive, and for a while if none is. ``apart_from``: name of one that is of no
        use, where there are others.

        Raises:
            SandboxUnavailable: no slot is alive.
        """
        turn = self._turns.ask(count, apart_from if self.count > 1 else "")
        slots = await self._granted(turn, self._while_alive(turn))
        if not slots:
            raise self.none_alive()
        return slots

    async def acquire_all(self, seconds: float) -> tuple[Slot, ...]:
        """All slots at once, first in line, or none of them if that takes longer than ``seconds``."""
        turn = self._turns.ask(self.count, first=True)
        return await self._granted(turn, asyncio.wait({turn.granted}, timeout=seconds))

    async def _while_alive(self, turn: Turn[Slot]) -> None:
        alive_at = time.monotonic()
        while not turn.granted.done() and not self._closed and time.monotonic() - alive_at < _PATIENCE_SECONDS:
            await asyncio.wait({turn.granted}, timeout=_HEAL_SECONDS)
            if self._alive:
                alive_at = time.monotonic()

    async def _granted(self, turn: Turn[Slot], waiting: Awaitable[object]) -> tuple[Slot, ...]:
        """What ``turn`` was granted when ``waiting`` is over; nothing if it was not, and then its place is given up."""
        try:
            await waiting
        except BaseException:
            self._turns.withdraw(turn)
            raise
        if turn.granted.done():
            return turn.granted.result()
        self._turns.withdraw(turn)
        return ()

    def release(self, slot: Slot) -> None:
        """Free ``slot``; one that can no longer be used is replaced."""
        if slot.usable and not self._closed:
            self._turns.put(slot)
        else:
            _LOG.info("replacing %s", slot.name)
            self._alive.discard(slot)
            self._spawn(self._replace(slot))

    async def _new_slot(self, number: int) -> None:
        uid_base = _FIRST_UID + (self._uid_window + number) % _UID_WINDOWS * _UIDS_PER_SLOT
        name = f"slot-{number}"
        memory = Limits().memory_bytes
        slot = await Slot.start(self._client, self.image, self.owner, name, uid_base, memory, self._runtime)
        self._alive.add(slot)
        self._turns.put(slot)

    async def _replace(self, slot: Slot) -> None:
        """Remove a slot's container and start another until it works."""
        await slot.close()
        number = int(slot.name.rpartition("-")[2])
        while not self._closed:
            try:
                await self._find_image()
                await self._new_slot(number)
            except (SlotLostError, *images.ENGINE_ERRORS) as error:
                self._why_down = str(error)
                await asyncio.sleep(_HEAL_SECONDS)
            else:
                return

    async def _find_image(self) -> None:
        """The image may have been removed, and built anew, since the last container was made of it."""
        found = await asyncio.to_thread(images.find_image, self._client, self._wanted_image)
        self.image = found if found is not None else self.image

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
