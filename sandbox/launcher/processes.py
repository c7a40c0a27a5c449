"""The supervisor's end of the connection to the zygote: what crosses it are the structures of ``image/zygote.c``."""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

MIB = 1024 * 1024
STACK_BYTES = 100 * MIB
"""Deep recursion in C (repr, pickle, json, regular expressions) is limited by memory, not by the usual 8 MiB. More
where the memory limit is higher: a recursion that fits into its memory is no error."""
OPEN_FILES = 512
FILE_BYTES = 128 * MIB
MAX_DESCRIPTORS = 8
ROLE_BYTES, HOME_BYTES = 16, 32
_SPARE_CPU_SECONDS = 2
"""The kernel's own limit is a second line behind the supervisor's."""
_REQUEST = struct.Struct(f"=IIQQQQ{ROLE_BYTES}s{HOME_BYTES}s")
_ANSWER = struct.Struct("=iiqq")
_FORKED, _REFUSED, _ENDED = range(3)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    status: int
    """As ``wait`` says."""
    maxrss_bytes: int


class Zygote:
    """Forks through PID 1 and learns of the ends of what it forked."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._exits: dict[int, Exit] = {}

    def fileno(self) -> int:
        """For polling: readable when :meth:`read` has something."""
        return self._control.fileno()

    def fork(
        self, role: str, uid: int, home: str, processes: int, cpu_seconds: float, stack_bytes: int, fds: Sequence[int]
    ) -> int:
        """Start a process (see :func:`sandbox.launcher.runner.run`) in the folder ``home`` and return its pid.

        Raises:
            OSError: the kernel refused.
        """
        cpu, stack = int(cpu_seconds) + _SPARE_CPU_SECONDS, max(STACK_BYTES, stack_bytes)
        request = _REQUEST.pack(uid, processes, cpu, stack, FILE_BYTES, OPEN_FILES, role.encode(), home.encode())
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        self._control.sendmsg([request], [rights])
        while True:
            kind, number = self.read()
            if kind == _FORKED:
                return number
            if kind == _REFUSED:
                raise OSError(number, os.strerror(number))

    def read(self) -> tuple[int, int]:
        """Wait for one answer and take it in: its kind and pid. Ends the supervisor if PID 1 is gone."""
        data = self._control.recv(_ANSWER.size)
        if not data:
            os._exit(72)
        kind, pid, status, maxrss_kib = _ANSWER.unpack(data)
        if kind == _ENDED:
            self._exits[pid] = Exit(status, maxrss_kib * 1024)
        return kind, pid

    def ended(self, pid: int) -> Exit | None:
        """How ``pid`` ended, as far as is known; asking again gives the same answer."""
        return self._exits.get(pid)

    def wait(self, pid: int) -> Exit:
        """Wait for a process that is sure to end."""
        while pid not in self._exits:
            self.read()
        return self._exits[pid]

    def forget(self) -> None:
        """Drop what is known of past processes; their pids may come again."""
        self._exits.clear()
