"""What a forked process does once it is a candidate's (``image/zygote.c``): read what it is to do, do it."""

from __future__ import annotations

import _random
import os
import random
import sys
from typing import Any, NoReturn

from sandbox.launcher import calls, commands, program, shared, solution, tester, wire

STDIN, STDOUT, STDERR, SPEC, REPORT, CHANNEL = range(6)
"""Numbers of the descriptors that come with a request, in order. CHANNEL only where the role has one."""

_CHUNK = 1 << 20
_seed = _random.Random.seed
_FAILED = 70

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "USER": "candidate",
    "LOGNAME": "candidate",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": program.HOME,
    "PWD": program.HOME,
}


def _run_suite(header: dict[str, Any], blobs: list[bytes]) -> NoReturn:
    from sandbox.launcher import suite  # it brings a megabyte that every other fork would be the dearer for

    suite.run_suite(header, blobs)


ROLES = {
    "stdio": program.run_stdio,
    "calls": calls.run_call,
    "solution": solution.run_solution,
    "tests": tester.run_tests,
    "suite": _run_suite,
    "shared": shared.run_shared,
    "compile": commands.run_compile,
    "command": commands.run_program,
    "recorded": commands.run_recorded,
}


def run(role: str, home: str) -> NoReturn:
    """Become the process that is asked for: ``role`` is a key of :data:`ROLES`, ``home`` the working directory.

    Its header and blobs are in SPEC. Where that is empty, or for compiled code (:class:`program.Kept`), there is no
    header, and the one blob is the program.
    """
    try:
        if role == "test":
            os.environ.update(HOME=home, PWD=home)
        data = _read_all(SPEC)
        header: dict[str, Any] = {}
        blobs = [b""]
        if data == wire.CODE_MARK:
            program.Kept.file = SPEC
        else:
            os.close(SPEC)
        if data and data[:1] != wire.CODE_MARK:
            header, blobs = wire.unpack(data)
        elif not program.Kept.read(data):
            blobs = [_read_program()]
        _seed(random._inst)  # or all programs would draw the same numbers
        ROLES[header.get("role", role)](header, blobs)
        os._exit(0)
    finally:
        os._exit(_FAILED)


def _read_program() -> bytes:
    fd = os.open(program.PATH, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _read_all(fd)
    finally:
        os.close(fd)


def prepare() -> None:
    """In the zygote, once: the environment and standard streams that every program starts with.

    The streams are bound to descriptors 0 to 2 by number, and built on the kinds of file that a program gets there (a
    file in memory and two pipes), since they remember whether they can seek.
    """
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    reader, writer = os.pipe()
    memory = os.memfd_create("stdin")
    for fd, number in ((memory, STDIN), (writer, STDOUT), (writer, STDERR)):
        os.dup2(fd, number)
    for fd in (reader, writer, memory):
        os.close(fd)
    streams = (
        open(STDIN, encoding="utf-8", errors="surrogateescape", closefd=False),  # noqa: SIM115
        open(STDOUT, "w", encoding="utf-8", errors="surrogateescape", closefd=False),  # noqa: SIM115
        open(STDERR, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False),  # noqa: SIM115
    )
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]  # final for others, not for PID 1


def _read_all(fd: int) -> bytes:
    """The whole of a file, without moving the offset that other processes share."""
    data = os.pread(fd, _CHUNK, 0)
    while len(data) % _CHUNK == 0 and (part := os.pread(fd, _CHUNK, len(data))):
        data += part
    return data
