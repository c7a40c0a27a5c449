"""Loads and runs a candidate's Python program. Everything here runs under the candidate's uid and is its to break.

What it reports is data, one JSON object written to the descriptor :data:`REPORT`:

    {"compile": text}                        the source does not compile; nothing ran
    {"raised": [names, message], "loading": true}   an exception ended the program, or its loading

and for calls what ``calls.py`` says.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import json
import marshal
import os
import struct
import sys
import threading
import traceback
import types
from collections.abc import Sequence
from typing import Any, NoReturn, cast

from sandbox.launcher import clean, wire

REPORT = 4
HOME = f"{clean.WORK}/s"
"""The working directory of every program."""
PATH = f"{HOME}/{clean.MAIN}"
"""Of its main source."""
MAX_MESSAGE = 2000
_LENGTH = struct.Struct(">I")
_new_module = types.ModuleType


def report(fields: dict[str, Any]) -> None:
    """Write the one report of this process; a process that it forked and that came back here has nothing to say."""
    if os.getsid(0) == os.getpid():
        write_all(REPORT, json.dumps(fields).encode())


def write_all(fd: int, data: bytes) -> None:
    """Write every byte."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def describe(error: BaseException) -> list[Any]:
    """``[[type name and its bases' names, most derived first], message]``; never raises."""
    try:
        message = str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001  # a candidate's own __str__
        message = ""
    return [[str(kind.__name__) for kind in type.__dict__["__mro__"].__get__(type(error))][:20], message]


def explain(error: BaseException, sources: dict[str, str]) -> str:
    """The exception and, where it has no message of its own, the line of the test that it comes from."""
    message = str(error).strip()
    if not message:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename in sources and frame.lineno is not None:
                message = sources[frame.filename].splitlines()[frame.lineno - 1].strip()
                break
    return f"{type(error).__name__}: {message}"[:MAX_MESSAGE]


class Kept:
    """The compiled program, for the other cases of its job: they need not compile it again.

    It is written before any code of the program runs, and is read by nobody but this program's own processes.
    """

    code = b""
    """As it was kept; empty: not yet."""
    file = -1
    """Descriptor to keep it in; -1: nobody asks for it."""

    @classmethod
    def read(cls, data: bytes) -> bool:
        """Take what the file holds, :data:`wire.CODE_MARK` first; False if there is nothing, or only a part."""
        start = len(wire.CODE_MARK) + _LENGTH.size
        if len(data) < start or _LENGTH.unpack_from(data, len(wire.CODE_MARK)) != (len(data) - start,):
            return False
        cls.code = data[start:]
        return True

    @classmethod
    def write(cls, code: types.CodeType) -> None:
        """Keep ``code``, if that is wanted, and close the file. What cannot be kept is compiled by each case."""
        if cls.file >= 0:
            with contextlib.suppress(ValueError, OSError):
                data = marshal.dumps(code)
                write_all(cls.file, _LENGTH.pack(len(data)) + data)
            os.close(cls.file)


def compile_source(source: bytes) -> types.CodeType:
    """Compile, or report a compile error and end the process."""
    if Kept.code:
        return cast("types.CodeType", marshal.loads(Kept.code))  # noqa: S302  # see Kept
    try:
        code = compile(source.decode("utf-8"), PATH, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        text = "".join(traceback.format_exception_only(error))
        sys.stderr.write(text)
        report({"compile": text[:MAX_MESSAGE]})
        sys.stderr.flush()
        os._exit(1)
    Kept.write(code)
    return code


def load(source: bytes, name: str, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Execute the program as module ``name`` and return its namespace, or report why not and end the process."""
    code = compile_source(source)
    module = _new_module(name)
    module.__dict__.update(__file__=PATH, __builtins__=__builtins__)
    sys.modules[name] = module
    sys.argv = [PATH, *arguments]
    sys.path.insert(0, HOME)
    if os.access(clean.PROGRAM, os.F_OK):  # the program's other files
        sys.path.insert(1, clean.PROGRAM)
    sys.setrecursionlimit(sys.getrecursionlimit() + 20)  # the launcher's own frames do not count
    try:
        exec(code, module.__dict__)  # noqa: S102  # what a sandbox is for
    except BaseException as error:  # noqa: BLE001  # whatever it is, it ends the program
        _end_by(error, main=name == "__main__")
    return module.__dict__


def _end_by(error: BaseException, main: bool) -> NoReturn:
    """End the process as the interpreter does for an uncaught exception. A main program may well call ``exit``."""
    if isinstance(error, SystemExit):
        status = error.code
        if status is not None and not isinstance(status, int):
            sys.stderr.write(f"{status}\n")
            status = 1
        finish((status or 0) & 0xFF, None if main else {"raised": describe(error), "loading": True})
    own = error.__traceback__.tb_next if error.__traceback__ is not None else None
    try:
        sys.excepthook(type(error), error.with_traceback(own), own)
    except BaseException:  # noqa: BLE001  # a candidate's own hook
        traceback.print_exception(error)
    finish(1, {"raised": describe(error), "loading": True})


def finish(status: int, fields: dict[str, Any] | None) -> NoReturn:
    """Join threads, run exit handlers, flush, report and end. Objects are not finalised: it costs milliseconds."""
    if _thread._count() or threading._threading_atexits:  # type: ignore[attr-defined]
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            status = status or 120  # as the interpreter does
    if fields is not None:
        report(fields)
    os._exit(status)


def run_stdio(header: dict[str, Any], blobs: list[bytes]) -> NoReturn:
    """Header, if any: ``arguments``, ``stream``. Blobs: source. Run it as ``__main__``."""
    if header.get("stream"):  # it is a pipe, and the zygote's stream remembers a file
        sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    load(blobs[0], "__main__", header.get("arguments", ()))
    finish(0, None)


def resolve(namespace: dict[str, Any], name: str) -> Any:
    """A top-level function, or ``Class.method`` of a fresh instance."""
    owner, _, method = name.rpartition(".")
    if owner:
        return getattr(namespace[owner](), method)
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined by the program")
    return namespace[name]
