"""Speaks with the host over the container's stdin and stdout, and runs one job at a time, case after case.

From the host: ``{"op": "job", "id", "form", "limits", "header", "program", "cases", "extras", "stream"}`` with a
blob for each file name in ``program``, those that all cases share, then one per case (``extras`` says what each case
gets besides); ``{"op": "stop", "id"}`` to end that job now. To the host: ``{"op": "ready", "versions"}`` once, ``{"op":
"case", "id", "index", ...}`` per case (see :meth:`sandbox.launcher.case.Case.run`), ``{"op": "done", "id", "clean"}``.
The container ends when the host closes the stream.

With ``stream``, the launcher says ``{"op": "waiting"}`` before each case and begins at the host's ``{"op": "begin"}``;
meanwhile the messages of :mod:`sandbox.launcher.link` go to and fro. All carry ``id`` and ``index``.
"""

from __future__ import annotations

import functools
import json
import os
import select
import socket
import time
import traceback
from collections import deque
from typing import Any, NoReturn

from sandbox.launcher import case, clean, meter, processes, streams, testing, wire

VERSIONS = "/opt/gavel/versions.json"
"""Written while the image was built: ``{language: version}``."""
_STDIN_FORMS = {"stdio", "command", "recorded", "compile"}
"""Forms whose cases differ in standard input, and in what they get beside it."""
_KEEPING_FORMS = {"stdio", "asserts"}
"""Forms whose cases compile the same Python program."""
HOST_IN, HOST_OUT, HOST_ERR = 0, 1, 2
_FLUSH_SECONDS, _FLUSH_BYTES = 0.01, 1 << 16
UID_PAIRS = 16
"""Uids rotate, so that what the kernel keeps per uid is never shared by neighbouring cases."""


def main(control: socket.socket, uid_base: int) -> NoReturn:
    """Serve the host until it closes the stream."""
    try:
        Supervisor(control, uid_base).serve()
    except BaseException:  # noqa: BLE001  # whatever it is, it is told before the container ends
        os.write(HOST_ERR, traceback.format_exc().encode())
    finally:
        os._exit(73)  # the zygote, and the container, end with this process


class Supervisor:
    """The container's side of a slot."""

    def __init__(self, control: socket.socket, uid_base: int) -> None:
        self._zygote = processes.Zygote(control)
        self._tests = testing.TestProcess(self._zygote, uid_base + 2 * UID_PAIRS)
        self._uid_base = uid_base
        self._turn = 0
        self._cgroup = meter.find()
        self._reader = wire.FrameReader()
        self._frames: deque[wire.Frame] = deque()
        self._stopped_job: int | None = None
        self._outgoing = bytearray()
        self._flushed = 0.0

    def serve(self) -> NoReturn:
        """Announce, then run what comes."""
        clean.wipe(keep=None)
        with open(VERSIONS, encoding="utf-8") as file:
            versions = json.load(file)
        self._send({"op": "ready", "versions": versions})
        self._flush()
        while True:
            while not self._frames:
                self._receive()
            header, blobs = self._frames.popleft()
            if header["op"] == "job":
                self._run(header, blobs)

    def _receive(self) -> None:
        data = os.read(HOST_IN, 1 << 20)
        if not data:
            os._exit(0)
        for frame in self._reader.feed(data):
            if frame[0]["op"] == "stop":
                self._stopped_job = frame[0]["id"]
            else:
                self._frames.append(frame)

    def _run(self, job: dict[str, Any], blobs: list[bytes]) -> None:
        self._flushed = time.monotonic()
        limits = case.CaseLimits(**job["limits"])
        names = job["program"]
        files, shared, own = blobs[: len(names)], blobs[len(names) : -job["cases"]], blobs[-job["cases"] :]
        clean.write_program(names, files)
        is_clean = True
        code = streams.CodeFile(job["form"] in _KEEPING_FORMS and job["cases"] > 1)
        for index, content in enumerate(own):
            if not is_clean or self._is_stopped(job["id"]) or (job["stream"] and not self._may_begin(job["id"], index)):
                break
            self._turn = (self._turn + 1) % UID_PAIRS
            uids = (self._uid_base + 2 * self._turn, self._uid_base + 2 * self._turn + 1)
            run = case.Case(
                self._zygote,
                self._tests,
                self._cgroup,
                limits,
                uids,
                HOST_IN,
                interrupted=lambda: self._poll_host() == job["id"],
                while_waiting=self._flush,
                messages=functools.partial(self._messages, job["id"], index),
                send=functools.partial(self._say, job["id"], index),
                code=code.fd,
            )
            header, output = run.run(_plan(job, shared, index, content))
            code.seal()
            is_clean = header["clean"]
            if header["stopped"] == case.INTERRUPTED:
                break  # nobody waits for it
            self._send({"op": "case", "id": job["id"], "index": index, **header}, output)
        code.close()
        is_clean = is_clean and (not names or clean.wipe(keep=None))
        self._send({"op": "done", "id": job["id"], "clean": is_clean})
        self._flush()

    def _may_begin(self, job: int, index: int) -> bool:
        """Wait until the other side of a dialogue is ready, too; False if the host wants no more."""
        self._say(job, index, {"op": "waiting"}, [])
        begin = {"op": "begin", "id": job, "index": index}
        while self._stopped_job != job:
            for at, (header, _) in enumerate(self._frames):
                if begin.items() <= header.items():
                    del self._frames[at]  # what follows may be the other side's first words
                    return True
            self._receive()
        return False

    def _messages(self, job: int, index: int) -> list[wire.Frame]:
        """What the host has sent for a case; what it sent for one that is over is dropped."""
        frames = [frame for frame in self._frames if frame[0]["op"] != "job"]
        self._frames = deque(frame for frame in self._frames if frame[0]["op"] == "job")
        return [frame for frame in frames if frame[0]["id"] == job and frame[0]["index"] == index]

    def _say(self, job: int, index: int, header: dict[str, Any], blobs: list[bytes]) -> None:
        """Send at once: somebody waits for it."""
        self._send({**header, "id": job, "index": index}, blobs)
        self._flush()

    def _poll_host(self) -> int | None:
        """Take in what the host has sent; the job it wants stopped."""
        self._receive()
        return self._stopped_job

    def _is_stopped(self, job: int) -> bool:
        while select.select([HOST_IN], [], [], 0)[0]:
            self._receive()
        return self._stopped_job == job

    def _send(self, header: dict[str, Any], blobs: list[bytes] | None = None) -> None:
        """Send with what follows within a moment: a write for each case costs the engine more than the case."""
        self._outgoing += wire.pack(header, blobs or [])
        if len(self._outgoing) > _FLUSH_BYTES or time.monotonic() > self._flushed + _FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        view = memoryview(bytes(self._outgoing))
        self._outgoing.clear()
        while view:
            view = view[os.write(HOST_OUT, view) :]
        self._flushed = time.monotonic()


def _plan(job: dict[str, Any], shared: list[bytes], index: int, content: bytes) -> case.CasePlan:
    if job["form"] not in _STDIN_FORMS:
        return case.CasePlan(job["form"], job["header"], [*shared, content], b"")
    at = 1 if job["form"] == "stdio" else 0
    source, files = shared[:at], shared[at:]
    extras = job["extras"][index] if job["extras"] else {"arguments": [], "files": [], "results": []}
    header = job["header"]
    if extras["arguments"] or job["stream"] or job["form"] != "stdio":
        header = {**header, "arguments": extras["arguments"], "stream": job["stream"]}
    return case.CasePlan(
        job["form"],
        header,
        source,
        content,
        [(path, files[number]) for path, number in extras["files"]],
        job["stream"],
        extras["results"],
    )
