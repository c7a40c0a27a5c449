"""Frames: a JSON header and byte blobs, length-prefixed. Between host and supervisor, and from supervisor to a process.

    u32 length of the header · u32 length of all blobs · header JSON · blobs, one after another

The header's ``"blobs"`` lists the length of each blob.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

Header = dict[str, Any]
Frame = tuple[Header, list[bytes]]

_LENGTHS = struct.Struct(">II")
CODE_MARK = b"\xff"
"""Begins a file for compiled code (:class:`sandbox.launcher.program.Kept`); no frame and no source begins so."""
MAX_HEADER = 4 * 1024 * 1024
MAX_BLOBS = 256 * 1024 * 1024


class BrokenFrameError(ValueError):
    """The other side does not speak this protocol."""


def pack(header: Header, blobs: Sequence[bytes] = ()) -> bytes:
    """One frame as bytes."""
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}, separators=(",", ":")).encode()
    return b"".join((_LENGTHS.pack(len(text), sum(map(len, blobs))), text, *blobs))


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take ``data`` in and yield the frames that are complete.

        Raises:
            BrokenFrameError: the stream holds something else; it cannot be read any further.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            header_length, blobs_length = _LENGTHS.unpack_from(self._buffer)
            if header_length > MAX_HEADER or blobs_length > MAX_BLOBS:
                raise BrokenFrameError(f"frame of {header_length} + {blobs_length} bytes")
            end = _LENGTHS.size + header_length + blobs_length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield unpack(frame)


def unpack(frame: bytes) -> Frame:
    """Read one whole frame.

    Raises:
        BrokenFrameError: it is none.
    """
    header_length, _ = _LENGTHS.unpack_from(frame)
    at = _LENGTHS.size + header_length
    try:
        header = json.loads(str(frame[_LENGTHS.size : at], "utf-8"))
        lengths = header.pop("blobs")
        blobs = []
        for length in lengths:
            blobs.append(frame[at : at + length])
            at += length
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFrameError(f"bad frame: {error}") from None
    if at != len(frame):
        raise BrokenFrameError(f"frame of {len(frame)} bytes says {at}")
    return header, blobs
