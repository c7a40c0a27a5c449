"""The solution's side of a split assert test. Runs under the candidate's uid: nothing here is trusted by anyone."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from sandbox import values
from sandbox.launcher import program
from sandbox.launcher.channel import BUILT_IN_TYPES, Channel, ChannelClosedError

CHANNEL = 5
"""Number of the descriptor of the socket to the test process."""


def run_solution(_header: dict[str, Any], blobs: list[bytes]) -> NoReturn:
    """Blobs: source. Load the program, then answer calls until the test is done."""
    namespace = program.load(blobs[0], "solution")
    try:
        Solution(namespace).serve()
    except ChannelClosedError:
        sys.stdout.flush()
        os._exit(0)


class Solution:
    """Answers the test side."""

    def __init__(self, namespace: dict[str, Any], channel: int = CHANNEL) -> None:
        self._namespace = namespace
        self._objects: list[Any] = []
        self._channel = Channel(channel, self._to_handle, self._from_handle)

    def serve(self) -> NoReturn:
        """Answer until the channel closes."""
        self._channel.send(["ready", [name for name in self._namespace if type(name) is str]])
        while True:
            self._answer(self._channel.receive())

    def _to_handle(self, value: Any) -> tuple[str, Any] | None:
        if isinstance(value, Callback):
            return "k", value.number
        if isinstance(value, type) and BUILT_IN_TYPES.get(value.__name__) is value:
            return "T", value.__name__
        if hasattr(type(value), "__next__") or hasattr(type(value), "__index__"):
            return None
        self._objects.append(value)
        return "h", len(self._objects) - 1

    def _from_handle(self, tag: str, payload: Any) -> Any:
        if tag == "h":
            return self._objects[payload]
        if tag == "n":
            return self._namespace[payload]
        if tag == "T":
            return BUILT_IN_TYPES[payload]
        return Callback(self, payload)

    def _answer(self, message: list[Any]) -> None:
        kind, target, *rest = message
        try:
            if kind == "name":
                reply = ["value", self._namespace[target], []]
            elif kind == "attribute":
                reply = ["value", getattr(target, rest[0]), []]
            elif kind == "truth":
                reply = ["value", bool(target), []]
            else:
                reply = self._call(program.resolve(self._namespace, target) if type(target) is str else target, *rest)
            self._channel.send(reply)
        except ChannelClosedError:
            raise
        except (values.NotPlainError, values.TooLargeError) as error:
            self._channel.send(
                ["raised", [type(error).__name__], [str(error)]]
            )  # not a TypeError or ValueError of its own
        except BaseException as error:  # noqa: BLE001  # SystemExit too: it is how the call ended
            self._channel.send(["raised", *_describe(error)])

    def _call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
        before = [self._snapshot(arg) for arg in args]
        value = function(*args, **kwargs)
        changed = [
            [index, arg]
            for index, (arg, old) in enumerate(zip(args, before, strict=True))
            if old is not None and self._snapshot(arg) not in (old, None)
        ]
        return ["value", value, changed]

    def _snapshot(self, arg: Any) -> bytes | None:
        """The encoding of a mutable argument; None if it cannot have changed in a way that could be sent."""
        if type(arg) not in (list, dict, set):
            return None
        try:
            return values.encode(arg)
        except (values.NotPlainError, values.TooLargeError):
            return None

    def call_back(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a callable of the test side from inside a call."""
        self._channel.send(["callback", number, list(args), kwargs])
        while True:
            message = self._channel.receive()
            if message[0] == "answer":
                return message[1]
            if message[0] == "failed":
                raise RuntimeError(message[1])
            self._answer(message)


class Callback:
    """A callable of the test side, as the solution sees it."""

    def __init__(self, solution: Solution, number: int) -> None:
        self._solution = solution
        self.number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Ask the test side."""
        return self._solution.call_back(self.number, args, kwargs)


def _describe(error: BaseException) -> list[Any]:
    """``[names, args]`` of an exception; the message stands in for args that are not plain."""
    names, message = program.describe(error)
    try:
        args = list(error.args)
        values.encode(args)
    except Exception:  # noqa: BLE001  # a candidate's own exception class
        args = [message]
    return [names, args]
