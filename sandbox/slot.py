"""One slot: a warm container, the stream to its launcher, one job at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from sandbox import docker as engine
from sandbox import values
from sandbox.build import Build, Files, build_of
from sandbox.images import ENGINE_ERRORS
from sandbox.job import (
    MOST_WALL,
    NEAR_CPU_LIMIT,
    AssertTests,
    Call,
    CallTests,
    CaseExtras,
    Job,
    Limits,
    StdioTests,
    StreamTests,
    SuiteTests,
)
from sandbox.launcher import wire

if TYPE_CHECKING:
    import docker

_MULTIPLEX = struct.Struct(">BxxxI")
_STDERR = 2
_START_SECONDS = 20.0
_GRACE_SECONDS = 10.0
"""Over a case's wall limit before a silent launcher counts as lost: starting, cleaning, a busy host."""
_STOP_SECONDS = 1.0
"""For a launcher to end a job that is no longer wanted."""
_MAX_REPORT_BYTES = 17 * 1024 * 1024


class SlotLostError(Exception):
    """The slot went away, or can no longer be used, while a job ran."""

    def __init__(self, death: engine.Death) -> None:
        super().__init__(death.reason)
        self.death = death


class Slot:
    """A container that is ready for jobs. After :class:`SlotLostError`, or with :attr:`usable` false, replace it."""

    def __init__(self, client: docker.DockerClient, name: str, container: str, memory_bytes: int) -> None:
        self.name = name
        self.usable = True
        self.versions: dict[str, str] = {}
        self._client = client
        self._container = container
        self._memory_bytes = memory_bytes
        self._jobs = itertools.count(1)
        self._number = 0
        self._stderr = b""
        self._frames: asyncio.Queue[wire.Frame | None] = asyncio.Queue()
        self._response: Any = None
        self._writer: asyncio.StreamWriter
        self._pump: asyncio.Task[None]

    @classmethod
    async def start(
        cls,
        client: docker.DockerClient,
        image: str,
        owner: engine.Owner,
        name: str,
        uid_base: int,
        memory_bytes: int,
        runtime: str | None = None,
    ) -> Slot:
        """Create a container and wait until its launcher is ready.

        Raises:
            SlotLostError: it did not start. Also :data:`~sandbox.images.ENGINE_ERRORS`.
        """
        container = await asyncio.to_thread(engine.create, client, image, owner, name, uid_base, memory_bytes, runtime)
        slot = cls(client, name, container, memory_bytes)
        try:
            raw, slot._response = await asyncio.to_thread(engine.attach, client, container)
            stream, slot._writer = await asyncio.open_connection(sock=raw)
            slot._pump = asyncio.create_task(slot._read(stream))
            await asyncio.to_thread(engine.start, client, container)
            async with asyncio.timeout(_START_SECONDS):
                header, _ = await slot._next_frame()
            slot.versions = header["versions"]
        except TimeoutError as error:
            await slot.close()
            death = engine.Death(f"the launcher was not ready within {_START_SECONDS:.0f} s", by_itself=False)
            raise SlotLostError(death) from error
        except EOFError as error:
            lost = await slot._lost(None)
            await slot.close()
            raise lost from error
        except BaseException:
            await slot.close()
            raise
        return slot

    async def run(
        self, job: Job, program: Files, first: int, wall_seconds: float | None = None
    ) -> AsyncGenerator[tuple[int, wire.Header, list[bytes]], None]:
        """Run the cases of ``job`` from index ``first`` on; yields (index, header, blobs) of each as it ends.

        ``program``: what an interpreted program has beside its main source, or a compiled one's artefact.
        ``wall_seconds``: how long the launcher may have nothing to say, if longer than the job's limit. A job of
        :class:`StreamTests` also yields what its program says. Closing the generator early stops the job; then
        :attr:`usable` tells whether the slot may go on.

        Raises:
            SlotLostError: the container ended, does not speak the protocol, or is silent for too long.
        """
        async with contextlib.aclosing(
            self._replies(_job_frame(job, program, first), job.limits, wall_seconds)
        ) as replies:
            async for header, blobs in replies:
                yield first + header["index"], header, blobs

    async def compile(self, build: Build, memory_bytes: int) -> wire.Frame:
        """Compile ``build``, for a job that runs with ``memory_bytes``; the facts are those of a case.

        Raises:
            SlotLostError: as for :meth:`run`.
        """
        limits = _compile_limits(build, memory_bytes)
        async with contextlib.aclosing(self._replies(_compile_frame(build, limits), limits)) as replies:
            (reply,) = [reply async for reply in replies]
        return reply

    async def tell(self, message: wire.Header, blobs: list[bytes]) -> None:
        """Send a message to the job that runs now.

        Raises:
            SlotLostError: as for :meth:`run`.
        """
        await self._send(wire.pack({**message, "id": self._number}, blobs))

    async def _replies(
        self, frame: wire.Frame, limits: Limits, wall_seconds: float | None = None
    ) -> AsyncGenerator[wire.Frame, None]:
        """Send a job; yields what the launcher says of each case, until it says that it is done."""
        number = self._number = next(self._jobs)
        finished = False
        patience = max(limits.wall_seconds, wall_seconds or 0.0) * MOST_WALL + _GRACE_SECONDS
        try:
            await self._fit_memory(limits.memory_bytes)
            message, blobs = frame
            await self._send(wire.pack({**message, "id": number}, blobs))
            while True:
                header, blobs = await self._expect(patience)
                if header["op"] == "done":
                    finished = True
                    self.usable = bool(header["clean"])
                    return
                yield header, blobs
        except KeyError as error:
            raise await self._lost(engine.Death(f"the launcher broke its protocol: {error}", by_itself=True)) from error
        finally:
            if not finished and self.usable:
                self.usable = False  # unless the launcher says otherwise, and if this is cancelled as well
                self.usable = await self._stop(number)

    async def close(self) -> None:
        """Remove the container. An engine that is gone is left alone; the next owner reaps."""
        self.usable = False
        if self._response is not None:
            self._pump.cancel()
            self._writer.close()
            self._response.close()
        with contextlib.suppress(*ENGINE_ERRORS):
            await asyncio.to_thread(engine.remove, self._client, self._container)

    async def _fit_memory(self, memory_bytes: int) -> None:
        if memory_bytes == self._memory_bytes:
            return
        try:
            await asyncio.to_thread(engine.set_memory, self._client, self._container, memory_bytes)
        except ENGINE_ERRORS as error:
            raise await self._lost(engine.Death(f"its memory limit cannot be set: {error}", by_itself=False)) from error
        self._memory_bytes = memory_bytes

    async def _send(self, frame: bytes) -> None:
        try:
            self._writer.write(frame)
            await self._writer.drain()
        except OSError as error:
            raise await self._lost(None) from error

    async def _expect(self, seconds: float) -> wire.Frame:
        try:
            async with asyncio.timeout(seconds):
                return await self._next_frame()
        except TimeoutError as error:
            death = engine.Death(f"the launcher was silent for {seconds:.0f} s", by_itself=True)
            raise await self._lost(death) from error
        except (OSError, EOFError) as error:
            raise await self._lost(None) from error

    async def _lost(self, death: engine.Death | None) -> SlotLostError:
        """The error to raise; without a known ``death`` the engine is asked."""
        self.usable = False
        if death is None:
            death = await asyncio.to_thread(engine.autopsy, self._client, self._container)
        detail = self._stderr.decode("utf-8", "replace").strip()[-300:]
        reason = f"{self.name}: {death.reason}" + (f" ({detail})" if detail else "")
        return SlotLostError(engine.Death(reason, death.by_itself, death.out_of_memory))

    async def _stop(self, number: int) -> bool:
        """End a job that is no longer wanted; True if the launcher did so and the slot is clean."""
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                self._writer.write(wire.pack({"op": "stop", "id": number}))
                await self._writer.drain()
                while True:
                    header, _ = await self._next_frame()
                    if header["op"] == "done":
                        return bool(header["clean"])
        except (TimeoutError, OSError, EOFError, KeyError):
            return False

    async def _next_frame(self) -> wire.Frame:
        """Raises EOFError at the end of the stream."""
        frame = await self._frames.get()
        if frame is None:
            self._frames.put_nowait(None)
            raise EOFError
        return frame

    async def _read(self, stream: asyncio.StreamReader) -> None:
        """Take the engine's multiplexed stream apart, to its end or to the first thing that is not a frame."""
        frames = wire.FrameReader()
        try:
            while True:
                kind, length = _MULTIPLEX.unpack(await stream.readexactly(_MULTIPLEX.size))
                data = await stream.readexactly(length)
                if kind == _STDERR:
                    self._stderr = (self._stderr + data)[-4096:]
                    continue
                for frame in frames.feed(data):
                    self._frames.put_nowait(frame)
        except (OSError, EOFError):
            pass  # whoever waits for a frame learns of it
        except wire.BrokenFrameError as error:
            self._stderr = str(error).encode()
        finally:
            self._frames.put_nowait(None)


def _compile_limits(build: Build, memory_bytes: int) -> Limits:
    own = build.limits
    return Limits(own.cpu_seconds, own.wall_seconds, max(own.memory_bytes, memory_bytes), processes=own.processes)


def _compile_frame(build: Build, limits: Limits) -> wire.Frame:
    extras, blobs = _extras((CaseExtras(files=build.sources),))
    return _message("compile", limits, build.compile_header(limits), extras, (), 1), [*blobs, b""]


def _job_frame(job: Job, program: Files, first: int) -> wire.Frame:
    """The job from case ``first`` on, as the supervisor reads it."""
    form, header, shared, cases = _content(job)
    extras, files = _extras(job.tests.extras[first:] if isinstance(job.tests, StdioTests | StreamTests) else ())
    rest = cases[first:]
    message = _message(form, job.limits, header, extras, tuple(name for name, _ in program), len(rest))
    message["stream"] = isinstance(job.tests, StreamTests)
    return message, [*(content for _, content in program), *shared, *files, *rest]


def _message(
    form: str, limits: Limits, header: wire.Header, extras: list[wire.Header], program: tuple[str, ...], cases: int
) -> wire.Header:
    return {
        "op": "job",
        "form": form,
        "stream": False,
        "limits": {
            "cpu_seconds": limits.cpu_seconds,
            "cpu_stop_seconds": limits.cpu_seconds * NEAR_CPU_LIMIT,
            "wall_seconds": limits.wall_seconds,
            "wall_stop_seconds": limits.wall_seconds * MOST_WALL,
            "output_bytes": limits.output_bytes,
            "processes": limits.processes,
            "report_bytes": _MAX_REPORT_BYTES,
            "stack_bytes": limits.memory_bytes,
        },
        "header": header,
        "program": program,
        "extras": extras,
        "cases": cases,
    }


def _extras(extras: tuple[CaseExtras, ...]) -> tuple[list[wire.Header], list[bytes]]:
    """Per case what it gets, files by the number of their blob; and those blobs, equal ones once."""
    numbers: dict[bytes, int] = {}
    listed = [
        {
            "arguments": case.arguments,
            "files": [(path, numbers.setdefault(content, len(numbers))) for path, content in case.files],
            "results": case.results,
        }
        for case in extras
    ]
    return listed, list(numbers)


def _call_blob(call: Call) -> bytes:
    steps = [[step.method, list(step.args), dict(step.kwargs)] for step in call.steps]
    return values.encode([list(call.args), dict(call.kwargs), steps])


def _content(job: Job) -> tuple[str, wire.Header, list[bytes], list[bytes]]:
    """Form, header, blobs that all cases share, one blob per case."""
    tests, build = job.tests, build_of(job)
    source = job.program.source.encode("utf-8", "surrogatepass")
    if isinstance(tests, CallTests):
        calls = [_call_blob(call) for call in tests.calls]
        return "calls", {"function": tests.function}, [source], calls
    if isinstance(tests, AssertTests):
        form = "shared" if tests.shared else "asserts"
        cases = [case.encode() for case in tests.cases]
        return form, {"entry_point": tests.entry_point}, [source, tests.preamble.encode()], cases
    if isinstance(tests, SuiteTests):
        suite: wire.Header = {"role": "suite", "framework": tests.framework, "module": tests.module}
        suite |= {"targets": tests.targets, "paths": [path for path, _ in tests.files]}
        return "suite", suite, [source, *(text.encode() for _, text in tests.files)], [b""]
    if isinstance(tests, StdioTests | StreamTests):
        stdins = [b""] * len(tests.extras) if isinstance(tests, StreamTests) else list(tests.stdins)
        if build is None:
            return "stdio", {}, [source], stdins
        return "command", build.run_header(job.limits), [], stdins
    assert build is not None, "sandbox.check refuses a test in a language that has none"
    return "recorded", build.run_header(job.limits), [], [build.stdin]
