"""Descriptors of one case: pipes that programs write to, and sealed files in memory that they read from."""

from __future__ import annotations

import fcntl
import os
import select

from sandbox.launcher import wire

MAX_STDERR = 4096
_CHUNK = 1 << 18
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class Stream:
    """The reading end of a pipe that a program writes to. Always drained; at most ``limit`` bytes are kept."""

    def __init__(self, fd: int, limit: int, tail: bool) -> None:
        self._fd = fd
        self._limit = limit
        self._tail = tail
        self.data = bytearray()
        self.truncated = False

    def drain(self) -> bool:
        """Read once; False if the writers are gone."""
        try:
            part = os.read(self._fd, _CHUNK)
        except BlockingIOError:  # the program has opened its own output and read it first
            return True
        self.data += part
        if len(self.data) > self._limit:
            self.truncated = True
            if self._tail:
                del self.data[: -self._limit]
            else:
                del self.data[self._limit :]
        return bool(part)


class CodeFile:
    """What a process gets that needs no more than its program: where several cases will run it, a file in memory for
    the first to keep its compiled code in (:class:`sandbox.launcher.program.Kept`), which nobody can change then."""

    def __init__(self, is_kept: bool) -> None:
        self._is_sealed = not is_kept
        if is_kept:
            self.fd = os.memfd_create("code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.write(self.fd, wire.CODE_MARK)
        else:
            self.fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def seal(self) -> None:
        """Call it after every case: what has been written stays as it is."""
        if not self._is_sealed and os.fstat(self.fd).st_size > 1:
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _SEALS)
            self._is_sealed = True

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)


class Descriptors:
    """All descriptors of one case, closed together."""

    def __init__(self) -> None:
        self._open: list[int] = []
        self.streams: dict[int, Stream] = {}
        self.poll = select.poll()

    def close(self) -> None:
        """Close every descriptor that was made here."""
        for fd in self._open:
            os.close(fd)
        self._open.clear()

    def pipe(self, limit: int, uid: int, tail: bool = False) -> tuple[int, Stream]:
        """A pipe's writing end, owned by ``uid`` so that it can open ``/dev/stdout``, and the stream it feeds."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        self._open += (reader, writer)
        fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK)
        os.fchown(writer, uid, uid)
        stream = self.streams[reader] = Stream(reader, limit, tail)
        self.poll.register(reader, select.POLLIN)
        return writer, stream

    def raw_pipe(self, uid: int, reader_is_ours: bool) -> tuple[int, int]:
        """A pipe's reading and writing end: ours does not block, the program's belongs to ``uid``."""
        ends = os.pipe2(os.O_CLOEXEC)
        self._open += ends
        ours, theirs = ends if reader_is_ours else reversed(ends)
        os.set_blocking(ours, False)
        os.fchown(theirs, uid, uid)
        return ends

    def memory_file(self, content: bytes) -> int:
        """A file that holds ``content`` and that nobody can change."""
        if not content:
            return self.keep(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        fd = os.memfd_create("data", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._open.append(fd)
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
        os.fchmod(fd, 0o444)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        return fd

    def keep(self, fd: int) -> int:
        """Take over a descriptor made elsewhere."""
        self._open.append(fd)
        return fd

    def release(self, fd: int) -> None:
        """Close one descriptor now."""
        self._open.remove(fd)
        os.close(fd)

    def read_ready(self, fd: int) -> Stream:
        """Drain the stream of ``fd``; at its end, stop watching it."""
        stream = self.streams[fd]
        if not stream.drain():
            self.poll.unregister(fd)
            del self.streams[fd]
        return stream

    def read_rest(self) -> None:
        """Drain every stream that is still open, as far as something is there. Its writers are gone, so the pipe's
        capacity bounds what comes."""
        rest = select.poll()
        for fd in self.streams:
            rest.register(fd, select.POLLIN)
        while self.streams and (ready := rest.poll(0)):
            for fd, _ in ready:
                if not self.streams[fd].drain():
                    rest.unregister(fd)
                    del self.streams[fd]
