"""Assert tests in two processes: the test side (``tester.py``) knows what is right, the solution side
(``solution.py``) is the candidate's.

They speak over a socket pair, one message at a time, each a list encoded by :mod:`sandbox.values`:

    test to solution    ["call", target, args, kwargs]   target: a top-level name or a handle
                        ["attribute", handle, name]   ["truth", handle]   ["name", top-level name]
                        ["answer", value]  ["failed", message]     to a callback
    solution to test    ["ready", names]
                        ["value", value, [[index, positional argument as the call left it], ...]]
                        ["raised", names of the type and its bases, args]
                        ["callback", number, args, kwargs]

Plain data crosses as copies of exact built-in type. What is not plain stays where it is and crosses as a handle:
``"h"`` an object of the solution, ``"k"`` a callable of the test, ``"n"`` a top-level name of the program, ``"T"`` a
built-in type. A handle can be called, passed back, and asked for an attribute or its truth value; it equals nothing
but itself.

Messages of the solution are data of an adversary. Whatever they hold, the test side ends by its own decision: an
exception for the test source to see, or the end of the test process with a report that it was not completed.
"""

from __future__ import annotations

import builtins
import os
import struct
from typing import Any

from sandbox import values

BUILT_IN_TYPES = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type)}

_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 13


class ChannelClosedError(Exception):
    """The other process is gone."""


class Channel:
    """Messages over ``fd``, one end of the socket pair; no socket object: a new process pays for all it touches."""

    def __init__(self, fd: int, other: values.Other, build: values.Build) -> None:
        self._fd = fd
        self._other = other
        self._decoder = values.Decoder(live=True, build=build)
        self._received = b""

    def send(self, message: list[Any]) -> None:
        """Raises NotPlainError, TooLargeError (nothing was sent), ChannelClosedError."""
        data = values.encode(message, live=True, other=self._other)
        view = memoryview(_LENGTH.pack(len(data)) + data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise ChannelClosedError from error

    def receive(self) -> list[Any]:
        """Raises ChannelClosedError, MalformedError."""
        self._fill(_LENGTH.size)
        (length,) = _LENGTH.unpack_from(self._received)
        if length > values.MAX_BYTES:
            raise values.MalformedError(f"message of {length} bytes")
        end = _LENGTH.size + length
        self._fill(end)
        text, self._received = self._received[_LENGTH.size : end], self._received[end:]
        message = self._decoder.decode(text)
        if type(message) is not list or not message or type(message[0]) is not str:
            raise values.MalformedError("a message is a list that starts with its kind")
        return message

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)

    def _fill(self, length: int) -> None:
        """Wait until ``length`` bytes are there. A message mostly comes whole."""
        if len(self._received) >= length:
            return
        parts = [self._received]
        missing = length - len(self._received)
        while missing > 0:
            try:
                part = os.read(self._fd, max(missing, _CHUNK))
            except OSError as error:
                raise ChannelClosedError from error
            if not part:
                raise ChannelClosedError
            parts.append(part)
            missing -= len(part)
        self._received = b"".join(parts)
