"""The test's side of a split assert test: trusted source against proxies of an adversary.

One *standing* test process serves a slot, case after case, job after job: no candidate's code ever runs in it, and it
is never forked from. A source that leaves no trace (:mod:`sandbox.launcher.purity`) runs in it, in a fresh namespace;
any other runs in a fork of it. What goes wrong ends the process that it went wrong in.

It speaks over a stream socket with :class:`sandbox.launcher.testing.TestProcess`. A case comes as a frame, header
``{"entry_point"}``, blobs preamble and case, with the descriptor of the channel to the solution. The answer is a frame
with the header ``{"completed": bool, "message": text, "status": int, "last": bool}``; after ``last`` it ends.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import json
import os
import resource
import socket
import types
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox import values
from sandbox.launcher import names, program, purity, wire
from sandbox.launcher.channel import BUILT_IN_TYPES, Channel, ChannelClosedError

CONTROL = 5
"""Number of the descriptor of the socket to the supervisor."""
SOLUTION_GONE = 3
SOLUTION_BROKE_PROTOCOL = 4
MAX_RESIDENT_BYTES = 40 << 20
"""A standing process that has grown over this makes room for a new one. Half of it is shared with the zygote; the rest,
kept tests included, must stay within what a container has for its launcher, or a program's own limit would shrink."""
_CHUNK = 1 << 16

Report = Callable[[dict[str, Any]], None]


def run_tests(_header: dict[str, Any], _blobs: list[bytes]) -> NoReturn:
    """Serve until the supervisor closes the connection, or a case ends the process."""
    control = socket.socket(fileno=CONTROL)
    while True:
        (header, blobs), channel = _receive(control)
        entry_point, (preamble, case) = header["entry_point"], (blob.decode("utf-8") for blob in blobs)

        def answer(fields: dict[str, Any], last: bool = True) -> None:
            control.sendall(wire.pack({"status": 0, "message": "", **fields, "last": last}))

        if _is_pure(preamble, case):
            fields = judge(entry_point, preamble, case, channel, answer)
        else:
            fields = _judge_in_fork(entry_point, preamble, case, channel)
            os.close(channel)
        last = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MAX_RESIDENT_BYTES
        answer(fields, last)
        if last:
            os._exit(0)


def _receive(control: socket.socket) -> tuple[wire.Frame, int]:
    reader = wire.FrameReader()
    data, fds, _, _ = socket.recv_fds(control, _CHUNK, 1)
    while True:
        if not data:
            os._exit(0)
        for frame in reader.feed(data):
            return frame, fds[0]
        data = control.recv(_CHUNK)


@functools.lru_cache(maxsize=256)
def _compiled(preamble: str, case: str) -> list[types.CodeType]:
    """Kept for the other completions of a group, and for the next time that a task is asked."""
    sources = {"<preamble>": preamble, "<case>": case}
    return [compile(text, name, "exec", dont_inherit=True) for name, text in sources.items()]


def _is_pure(preamble: str, case: str) -> bool:
    try:
        return purity.is_pure(_compiled(preamble, case))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return True  # it does not compile: :func:`judge` says so


def judge(entry_point: str | None, preamble: str, case: str, channel: int, report: Report) -> dict[str, Any]:
    """Run ``preamble`` and ``case``, close ``channel``, and say whether they ran to their end: ``{"completed",
    "message"}``.

    Where the solution is gone or breaks the protocol, ``report`` is called and this process ends.
    """
    sources = {"<preamble>": preamble, "<case>": case}
    tester = Tester(channel, report)
    namespace = types.ModuleType("test").__dict__
    namespace["__builtins__"] = builtins
    try:
        codes = _compiled(preamble, case)
        proxies, modules = names.resolve(codes, case, list(sources.values()), tester.defined())
        namespace.update({name: tester.proxy(name) for name in proxies})
        namespace.update({name: importlib.import_module(name) for name in modules})
        exec(codes[0], namespace)  # noqa: S102  # the task's own test source
        if entry_point is not None:
            namespace[entry_point] = tester.proxy(entry_point)
        exec(codes[1], namespace)  # noqa: S102
    except BaseException as error:  # noqa: BLE001  # SystemExit too: the source did not run to its end
        return {"completed": False, "message": program.explain(error, sources)}
    finally:
        tester.close()
    return {"completed": True}


def _judge_in_fork(entry_point: str | None, preamble: str, case: str, channel: int) -> dict[str, Any]:
    """As :func:`judge`, in a process, a session and a working directory of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:

        def report(fields: dict[str, Any], write: Any = program.write_all, own: int = os.getpid()) -> None:
            if os.getpid() == own:  # a process that the test forked and that came back here has nothing to say
                write(writer, json.dumps(fields).encode())

        try:
            os.close(CONTROL)
            os.setsid()
            _enter_home()
            report(judge(entry_point, preamble, case, channel, report))
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    os.set_blocking(reader, False)
    try:
        record = os.read(reader, _CHUNK)  # it was written before the process ended, or never
    except BlockingIOError:
        record = b""
    os.close(reader)
    fields: dict[str, Any] = json.loads(record) if record else {"completed": False, "message": _NO_RECORD}
    return fields


_NO_RECORD = "the test process ended without a record"


def _enter_home() -> None:
    """An empty working directory. It is wiped with all else that was written while the case ran."""
    home = f"/tmp/{os.urandom(16).hex()}"  # noqa: S108  # the container's own, in memory
    os.mkdir(home, 0o700)
    os.chdir(home)
    os.environ.update(HOME=home, PWD=home)


_RAISABLE = {
    name: kind
    for name, kind in BUILT_IN_TYPES.items()
    if (issubclass(kind, Exception) and not issubclass(kind, UnicodeError | BaseExceptionGroup)) or kind is UnicodeError
}
"""Built-in exceptions that a test may catch and that take any arguments."""
# They would end a loop of the test's own without a word: `all(map(check, xs))` is then true with nothing compared.
# The test gets what a generator makes of them (PEP 479).
_RAISABLE |= {"StopIteration": RuntimeError, "StopAsyncIteration": RuntimeError}


_PREDICATES = frozenset({"issubset", "issuperset", "isdisjoint", "startswith", "endswith"})
"""Methods that a test calls with what it expects. A real set or string is plain data and answers for itself; an object
of the program's would be told the expected value and judge it."""


class Remote:
    """An object of the solution that is not plain data, as the test sees it."""

    __slots__ = ("_number", "_tester")

    def __init__(self, tester: Tester, number: int) -> None:
        self._tester = tester
        self._number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in the solution."""
        return self._tester.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_pytest", "pytest")) or name in _PREDICATES:
            raise AttributeError(f"an object that is not plain data has no {name!r} here")
        return self._tester.request(["attribute", self, name], ())

    def __bool__(self) -> bool:
        return self._tester.request(["truth", self], ()) is True


class Tester:
    """Proxies for the program's names, and the conversation behind them."""

    def __init__(self, channel: int, report: Report) -> None:
        self._channel = Channel(channel, self._to_handle, self._from_handle)
        self._report = report
        self._callables: list[Callable[..., Any]] = []
        self._proxies: dict[Any, str] = {}

    def close(self) -> None:
        """End the conversation."""
        self._channel.close()

    def defined(self) -> set[str]:
        """The names that the program defines at top level, once it is loaded."""
        message = self._receive()
        if message[0] != "ready" or len(message) != 2 or type(message[1]) is not list:
            self._broken()
        return {name for name in message[1] if type(name) is str}

    def proxy(self, name: str) -> Callable[..., Any]:
        """A function that calls the program's ``name``."""

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.call(name, args, kwargs)

        call.__name__ = call.__qualname__ = name
        self._proxies[call] = name
        return call

    def call(self, target: str | Remote, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call in the solution; write back what it did to its positional arguments."""
        return self.request(["call", target, list(args), kwargs], args)

    def request(self, message: list[Any], args: tuple[Any, ...]) -> Any:
        """Send and wait for the value.

        Raises:
            Exception: what the call raised: the same built-in type, or a stand-in derived from the nearest one.
            NotPlainError: an argument cannot cross (the task needs ``shared``).
        """
        self._send(message)
        while True:
            kind, *rest = self._receive()
            if kind == "value" and len(rest) == 2:
                self._write_back(args, rest[1])
                return rest[0]
            if kind == "raised" and len(rest) == 2:
                raise self._stand_in(*rest)
            if kind == "callback" and len(rest) == 3:
                self._call_back(*rest)
            else:
                self._broken()

    def _call_back(self, number: Any, args: Any, kwargs: Any) -> None:
        if type(number) is not int or not 0 <= number < len(self._callables):
            self._broken()
        if type(args) is not list or type(kwargs) is not dict or not all(type(key) is str for key in kwargs):
            self._broken()
        try:
            reply = ["answer", self._callables[number](*args, **kwargs)]
        except Exception as error:  # noqa: BLE001  # the solution sees it as the callback's failure
            reply = ["failed", f"{type(error).__name__}: {error}"[: program.MAX_MESSAGE]]
        self._send(reply)

    def _write_back(self, args: tuple[Any, ...], changed: Any) -> None:
        if type(changed) is not list:
            self._broken()
        for pair in changed:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not int:
                self._broken()
            index, after = pair
            if not 0 <= index < len(args) or type(after) is not type(args[index]):
                self._broken()
            if type(after) is list:
                args[index][:] = after
            elif type(after) in (dict, set):
                args[index].clear()
                args[index].update(after)

    def _stand_in(self, names: Any, args: Any) -> Exception:
        if type(names) is not list or type(args) is not list or not all(type(name) is str for name in names):
            self._broken()
        base = next((_RAISABLE[name] for name in names if name in _RAISABLE), Exception)
        name = names[0] if names and names[0].isidentifier() else "Exception"
        kind = base if name == base.__name__ else type(name, (base,), {})
        try:
            error: Exception = kind(*args)
        except Exception:  # noqa: BLE001  # constructors such as SyntaxError's are picky
            return Exception(f"{name}: {args}"[: program.MAX_MESSAGE])
        return error

    def _to_handle(self, value: Any) -> tuple[str, Any] | None:
        if type(value) is Remote:
            return "h", value._number
        if isinstance(value, type):
            return ("T", value.__name__) if BUILT_IN_TYPES.get(value.__name__) is value else None
        if isinstance(value, types.FunctionType) and value in self._proxies:
            return "n", self._proxies[value]
        if callable(value) and not hasattr(value, "__next__"):
            self._callables.append(value)
            return "k", len(self._callables) - 1
        return None

    def _from_handle(self, tag: str, payload: Any) -> Any:
        if tag == "h" and type(payload) is int:
            return Remote(self, payload)
        if tag == "k" and type(payload) is int and 0 <= payload < len(self._callables):
            return self._callables[payload]
        if tag == "T" and type(payload) is str and payload in BUILT_IN_TYPES:
            return BUILT_IN_TYPES[payload]
        raise values.MalformedError(f"unknown handle {tag!r}")

    def _send(self, message: list[Any]) -> None:
        try:
            self._channel.send(message)
        except ChannelClosedError:
            self._gone()

    def _receive(self) -> list[Any]:
        try:
            return self._channel.receive()
        except ChannelClosedError:
            self._gone()
        except values.MalformedError:
            self._broken()

    def _gone(self) -> NoReturn:
        self._end(SOLUTION_GONE, "the program ended before its tests were done")

    def _broken(self) -> NoReturn:
        self._end(SOLUTION_BROKE_PROTOCOL, "the program broke the protocol between itself and its tests")

    def _end(self, status: int, message: str) -> NoReturn:
        """End at once, past any ``except`` of the test source: no source can take this for a pass."""
        self._report({"completed": False, "message": message, "status": status})
        os._exit(status)
