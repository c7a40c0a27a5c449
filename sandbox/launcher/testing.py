"""The supervisor's side of the standing test process; see :mod:`sandbox.launcher.tester`."""

from __future__ import annotations

import os
import socket
from typing import Any

from sandbox.launcher import processes, wire

_CHUNK = 1 << 16
_PROCESSES = 64
_LOOK: int = socket.MSG_PEEK | socket.MSG_DONTWAIT
_FOREVER_SECONDS = 10**7
"""The kernel's limit of CPU time counts over all cases; what holds for one is the supervisor's to watch."""


class TestProcess:
    """Started when it is first needed, and again after it ended or was given up."""

    def __init__(self, zygote: processes.Zygote, uid: int) -> None:
        self._zygote = zygote
        self._uid = uid
        self._control: socket.socket | None = None
        self._frames = wire.FrameReader()
        self._busy = False
        self.pid = 0

    def fileno(self) -> int:
        """For polling, after :meth:`judge`: readable when :meth:`answer` has something to say."""
        assert self._control is not None
        return self._control.fileno()

    def judge(self, header: dict[str, Any], blobs: list[bytes], channel: int) -> None:
        """Have it run a case against the solution at the other end of ``channel``."""
        if not self.is_idle():
            self._start()
        assert self._control is not None
        self._busy = True
        frame = wire.pack(header, blobs)
        sent = socket.send_fds(self._control, [frame[:_CHUNK]], [channel])
        self._control.sendall(frame[sent:])

    def answer(self) -> dict[str, Any] | None:
        """Wait for some of the answer to the last case: its header, or None while it is not whole.

        A process that ended without one has ``{"completed": False, "status": None}``.
        """
        assert self._control is not None
        data = self._control.recv(_CHUNK)
        if not data:
            self.give_up()
            return {"completed": False, "message": "the test process was ended", "status": None}
        for header, _ in self._frames.feed(data):
            self._busy = False
            if header["last"]:
                self.give_up()
            return header
        return None

    def is_idle(self) -> bool:
        """True if it exists and waits for a case. Exact: its end of the connection closes when it ends, and nobody
        else has it."""
        if self._control is None or self._busy:
            return False
        try:
            self._control.recv(1, _LOOK)
        except BlockingIOError:
            return True
        self.give_up()
        return False

    def give_up(self) -> None:
        """Use it no more. Whoever does this sees to it that the process ends."""
        if self._control is not None:
            self._control.close()
        self._control = None
        self._busy = False

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        self._frames = wire.FrameReader()
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        spec = os.memfd_create("spec", os.MFD_CLOEXEC)
        os.write(spec, wire.pack({}))
        fds = [nothing, nothing, nothing, spec, nothing, theirs.fileno()]
        try:
            self.pid = self._zygote.fork("tests", self._uid, "/", _PROCESSES, _FOREVER_SECONDS, 0, fds)
        finally:
            os.close(nothing)
            os.close(spec)
            theirs.close()
