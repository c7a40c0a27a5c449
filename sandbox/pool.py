"""The :class:`~sandbox.executor.Executor` on top of warm slots (:mod:`sandbox.slots`).

Who caused the loss of a slot? A candidate can never end PID 1 by a signal, reach the engine or close the stream. It
can make its container run out of memory, or trip a fault of the launcher. So:

- A container that was killed or removed from outside, or an engine that does not answer, is no candidate's doing.
  The job is tried once more in another slot; if that is lost as well, :class:`SandboxLost`.
- A launcher that ended by itself, fell silent or ran out of memory may be the candidate's doing. The job is tried
  once more in another slot. If that one is lost in such a way too, while a third slot that runs an empty program
  proves that the engine and the image are well, then it was the job: its case is reported as ``Stopped.MEMORY`` or
  ``Stopped.VIOLATION``, never as an error. A candidate cannot turn its failure into an infrastructure error.

Cases that were finished before a loss are kept; the second attempt goes on with the one that was cut off.

A case whose time-out the host may have caused (:func:`~sandbox.classify.host_may_be_to_blame`) is run again while no
other slot works, before it counts. That takes from everybody else, so it may take a share of the time and no more
(:mod:`sandbox.quiet`): a flood of such cases costs the flood its second chance, and nobody else the service.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sandbox import docker as engine
from sandbox import reports
from sandbox.artefacts import ArtefactCache, Compiled
from sandbox.build import Build, build_of, further_files
from sandbox.check import case_count, check
from sandbox.dialogue import INTERACTOR, PROGRAM, Side, Talk, TalkLostError, jobs_of
from sandbox.errors import SandboxLost, SandboxUnavailable
from sandbox.executor import ExchangeObserver, LanguageVersion, Observer, default_slots
from sandbox.facts import Again, CaseFacts, CompileFacts, DialogueFacts, Exchange, RunFacts, Stopped
from sandbox.job import Dialogue, Job, Program, StdioTests
from sandbox.languages import LANGUAGES
from sandbox.launcher import wire
from sandbox.progress import Progress, blame, compiled_facts, finished, run_in, unknown
from sandbox.quiet import QuietTime
from sandbox.slot import Slot, SlotLostError
from sandbox.slots import Slots

_LOG = logging.getLogger(__name__)

_DRAIN_SECONDS = 2.0
"""How long slots are kept idle until the others have ended what they do, so that a case can run alone."""
_ALONE_PATIENCE_SECONDS = 5.0
"""How long a case waits for others that run alone."""
_QUIET_SHARE, _QUIET_SECONDS = 0.1, 30.0
"""Of all time, and saved up at most: what such cases may take from everybody else."""
_PROBE = Job(Program("python", "pass"), StdioTests((b"",)))


class DockerExecutor:
    """Runs jobs in a pool of warm containers. Satisfies :class:`sandbox.executor.Executor`.

    Use: ``executor = DockerExecutor(slots=2); await executor.start(); ...; await executor.close()``.
    """

    def __init__(self, slots: int | None = None, image: str | None = None, runtime: str | None = None) -> None:
        """``slots``: jobs at one time; None: :func:`~sandbox.executor.default_slots`. ``image``: ``slim`` or ``full``;
        None: the largest there. ``runtime``: the containers' OCI runtime, by the engine's name for it; None: the
        engine's default."""
        self._slots = Slots(slots if slots is not None else default_slots(), image, runtime)
        self._quiet = QuietTime(_QUIET_SHARE, _QUIET_SECONDS)
        self._one_alone = asyncio.Lock()
        self._artefacts = ArtefactCache()

    @property
    def slots(self) -> int:
        """How many jobs run at one time."""
        return self._slots.count

    @property
    def owner_id(self) -> str:
        """Value of the label ``gavel.owner`` on this pool's containers."""
        return self._slots.owner.id

    @property
    def healthy_slots(self) -> int:
        """How many slots are alive now, busy or idle."""
        return self._slots.healthy

    async def start(self) -> None:
        """Connect, remove orphans of owners that are gone, and start every slot. A few hundred milliseconds.

        Raises:
            SandboxUnavailable: no engine, no permission, no image, or no slot would start.
        """
        await self._slots.start()

    async def run(self, job: Job, observe: Observer | None = None, apart_from: str = "") -> RunFacts:
        """Run ``job``; see :meth:`sandbox.executor.Executor.run`."""
        check(job)
        self._check_has(job.program.language)
        progress = Progress(observe)
        await self._prepare(job, progress, apart_from)
        while len(progress.cases) < case_count(job) and not progress.over:
            loss = await self._attempt(job, progress, apart_from)
            if loss is not None:
                await self._bear(loss, job, progress)
            elif progress.suspect is not None:
                await progress.take(await self._settle(job, progress.suspect, progress), large=True)
        return finished(progress)

    async def converse(self, dialogue: Dialogue, observe: ExchangeObserver | None = None) -> DialogueFacts:
        """Run two programs that talk; see :meth:`sandbox.executor.Executor.converse`."""
        jobs = jobs_of(dialogue)
        for job in jobs:
            check(job)
            self._check_has(job.program.language)
        if self.slots < 2:
            raise SandboxUnavailable(
                "an interactive problem needs two slots, one for the program and one for the interactor, and this "
                "sandbox has one: start it with --slots 2 or more"
            )
        sides = (Progress(None), Progress(None))
        exchanges: list[Exchange] = []
        for job, side in zip(jobs, sides, strict=True):
            await self._prepare(job, side, "")
        while len(exchanges) < len(dialogue.cases) and not any(side.over for side in sides):
            lost = await self._talk(jobs, sides, exchanges, observe)
            if lost is not None:
                await self._bear_talk(lost, jobs, sides, exchanges)
        return DialogueFacts(
            compiled_facts(sides[PROGRAM]),
            compiled_facts(sides[INTERACTOR]),
            tuple(exchanges),
            sides[PROGRAM].slot,
            sum(side.queue_seconds for side in sides),
            max(1, sides[PROGRAM].attempts),
        )

    async def languages(self) -> tuple[LanguageVersion, ...]:
        """The languages of the image, as a live slot reported them."""
        versions = self._slots.versions()
        if versions is None:
            raise self._slots.none_alive()
        return tuple(LanguageVersion(name, versions[name], self._slots.image) for name in LANGUAGES if name in versions)

    async def close(self) -> None:
        """Stop everything and remove every container. Idempotent."""
        await self._slots.close()

    # ---- compiling

    def _check_has(self, language: str) -> None:
        """Raises SandboxUnavailable if the image lacks ``language``; while no slot is alive, nobody knows."""
        versions = self._slots.versions()
        if versions is not None and language not in versions:
            raise SandboxUnavailable(
                f"this server's sandbox image has no {language!r}; build the one that has, "
                f"python -m sandbox.images build {LANGUAGES[language].image}, and start the server again"
            )

    async def _prepare(self, job: Job, progress: Progress, apart_from: str) -> None:
        """Compile, where the language is compiled: kept, compiled by another job at this moment, or compiled now."""
        build = build_of(job)
        if build is None:
            progress.program = further_files(job.program)
            return
        asked = time.monotonic()
        memory = job.limits.memory_bytes
        key = build.key(self._slots.image)
        compiled, cached = await self._artefacts.get(key, lambda: self._compile(build, memory, progress, apart_from))
        if cached:
            progress.queue_seconds += time.monotonic() - asked  # another job's compile is no time of this one
        progress.compile = replace(compiled.facts, cached=cached)
        progress.program = compiled.files
        progress.over = not compiled.facts.ok

    async def _compile(self, build: Build, memory_bytes: int, progress: Progress, apart_from: str) -> Compiled:
        frames: list[wire.Frame] = []

        async def compile_in(slot: Slot) -> None:
            frames.append(await slot.compile(build, memory_bytes))

        losses: list[engine.Death] = []
        while not frames:
            loss = await self._in_slot(compile_in, progress, apart_from)
            if loss is not None:
                progress.attempts += 1
                losses.append(loss)
                stopped = await self._to_blame(losses)
                if stopped is not None:
                    message = "the compile took its sandbox with it, twice"
                    return Compiled(CompileFacts(ok=False, message=message, seconds=0.0, stopped=stopped))
        compiled = reports.read_compile(*frames[0])
        if compiled.facts.ok and build.language.runs_sources:
            return replace(compiled, files=build.sources)
        return compiled

    # ---- one attempt

    async def _in_slot(
        self, work: Callable[[Slot], Awaitable[None]], progress: Progress, apart_from: str = ""
    ) -> engine.Death | None:
        """Do ``work`` in the next free slot; how the slot was lost, if it was."""
        asked = time.monotonic()
        (slot,) = await self._slots.acquire(1, apart_from)
        progress.queue_seconds += time.monotonic() - asked
        progress.slot = slot.name
        try:
            await work(slot)
        except SlotLostError as error:
            _LOG.warning("sandbox slot lost: %s", error)
            return error.death
        finally:
            self._slots.release(slot)
        return None

    async def _attempt(self, job: Job, progress: Progress, apart_from: str = "") -> engine.Death | None:
        """Run what is left of ``job`` in the next free slot; how the slot was lost, if it was."""
        progress.attempts += 1
        progress.suspect = None
        loss = await self._in_slot(lambda slot: run_in(slot, job, progress), progress, apart_from)
        if loss is not None:
            return loss
        ended_early = len(progress.cases) < case_count(job) and not progress.over and progress.suspect is None
        if ended_early:
            return engine.Death(f"{progress.slot} was not clean after case {len(progress.cases) - 1}", by_itself=True)
        return None

    async def _talk(
        self,
        jobs: tuple[Job, Job],
        sides: tuple[Progress, Progress],
        exchanges: list[Exchange],
        observe: ExchangeObserver | None,
    ) -> TalkLostError | None:
        """Go on with a dialogue in the next two free slots; how one was lost, if it was."""

        def take(exchange: Exchange) -> bool:
            exchanges.append(exchange)
            wanted = observe is None or observe(exchange)
            sides[PROGRAM].over = not wanted
            return wanted

        asked = time.monotonic()
        slots = await self._slots.acquire(2)
        sides[PROGRAM].queue_seconds += time.monotonic() - asked
        sides[PROGRAM].attempts += 1
        ends = [Side(slot, job, side.program) for slot, job, side in zip(slots, jobs, sides, strict=True)]
        try:
            await Talk(ends[PROGRAM], ends[INTERACTOR], len(exchanges), case_count(jobs[PROGRAM]), take).run()
        except TalkLostError as error:
            _LOG.warning("sandbox slot lost: %s", error)
            return error
        finally:
            for end, side in zip(ends, sides, strict=True):
                side.slot = end.slot.name
                side.compile = side.compile or end.compile
                side.over = side.over or (side.compile is not None and not side.compile.ok)
                self._slots.release(end.slot)
        return None

    async def _bear_talk(
        self,
        lost: TalkLostError,
        jobs: tuple[Job, Job],
        sides: tuple[Progress, Progress],
        exchanges: list[Exchange],
    ) -> None:
        """As :meth:`_bear`: the side that lost its slot is blamed for the cases that are left."""
        sides[PROGRAM].losses.append(lost.death)
        stopped = await self._to_blame(sides[PROGRAM].losses)
        if stopped is None:
            return
        for index in range(len(exchanges), case_count(jobs[PROGRAM])):
            program, interactor = (
                unknown(index, jobs[side].tests, stopped if side == lost.side else None)
                for side in (PROGRAM, INTERACTOR)
            )
            exchanges.append(Exchange(program, interactor, lost.side == INTERACTOR, lost.heard))

    async def _bear(self, loss: engine.Death, job: Job, progress: Progress) -> None:
        """The first loss is borne: the rest is tried in another slot. The second has to be somebody's doing.

        Raises:
            SandboxLost: not the job's.
        """
        progress.losses.append(loss)
        stopped = await self._to_blame(progress.losses)
        if stopped is not None:
            blame(job, progress, stopped)

    async def _to_blame(self, losses: list[engine.Death]) -> Stopped | None:
        """What the work that lost these slots did; None if it has one more chance.

        Raises:
            SandboxLost: it was not its doing.
        """
        if len(losses) < 2:
            return None
        if not (all(loss.by_itself for loss in losses) and await self._is_healthy()):
            reasons = "; then ".join(loss.reason for loss in losses)
            raise SandboxLost(f"the sandbox was lost twice: {reasons}")
        return Stopped.MEMORY if losses[-1].out_of_memory else Stopped.VIOLATION

    async def _settle(self, job: Job, suspect: CaseFacts, progress: Progress) -> CaseFacts:
        """Run a case again while nothing else runs in this pool, if that can be had; the facts that count."""
        asked = time.monotonic()
        again = replace(progress, observe=lambda _: False, cases=list(progress.cases), suspect=None)
        try:
            async with asyncio.timeout(_ALONE_PATIENCE_SECONDS):
                await self._one_alone.acquire()
        except TimeoutError:  # many wait: the call that this case belongs to has a deadline
            return replace(suspect, again=Again.SKIPPED)
        try:
            slots = await self._every_slot() if self._quiet.is_left() else ()
            progress.queue_seconds += time.monotonic() - asked
            await self._run_alone(job, slots, again)
        finally:
            self._one_alone.release()
        progress.attempts += 1 if slots else 0
        if len(again.cases) > len(progress.cases):
            return replace(again.cases[-1], again=Again.ALONE)
        return replace(suspect, again=Again.SKIPPED)

    async def _run_alone(self, job: Job, slots: tuple[Slot, ...], again: Progress) -> None:
        """Run the next case in the first of ``slots``, then free all of them."""
        started = time.monotonic()
        try:
            if slots:
                await run_in(slots[0], job, again, alone=True)
        except SlotLostError as error:
            _LOG.warning("sandbox slot lost while a case ran alone: %s", error)
        finally:
            self._quiet.spend(time.monotonic() - started)
            for slot in slots:
                self._slots.release(slot)

    async def _every_slot(self) -> tuple[Slot, ...]:
        """All slots at once, or none of them if the pool does not get quiet soon.

        First in line: the case has waited for its turn already, and its call has a deadline.
        """
        asked = time.monotonic()
        slots = await self._slots.acquire_all(_DRAIN_SECONDS)
        self._quiet.spend(time.monotonic() - asked)
        return slots

    async def _is_healthy(self) -> bool:
        """True if a slot runs an empty program now."""
        try:
            return await self._attempt(_PROBE, Progress(None)) is None
        except SandboxUnavailable:
            return False
