"""What the zygote does once before it serves: the way of a program through the launcher, with a sample.

A fork pays for everything that it does for the first time: the interpreter counts how often a function is called,
rewrites its instructions after eight calls, looks names up and keeps where it found them, fills the caches of
``typing`` for the annotations that programs have most. Done here, all of it is there in every fork, in pages that the
fork then does not write to.
"""

from __future__ import annotations

import io
import os
import socket
import sys
from typing import Any

from sandbox.launcher import program, solution
from sandbox.launcher.channel import Channel, ChannelClosedError

_TIMES = 100
_SOURCE = b"""
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

def f(values, n=0, *, key=None):
    return [value for value in values if value != n]

class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x = x

for kind in (int, float, str, bool, Any):
    List[kind], Set[kind], Optional[kind], Iterable[kind], Sequence[kind], List[List[kind]], Optional[List[kind]]
    Dict[str, kind], Dict[int, kind], Tuple[kind, kind], Tuple[kind, ...], List[Tuple[kind, kind]]
"""
_CALLS: tuple[list[Any], ...] = (
    ["call", "f", [[1, 2, 3], 2], {}],
    ["call", "f", [["a", "b"]], {}],
    ["call", "f", [[1.5, 2.5], 1.5], {"key": None}],
    ["call", "f", [[[1, 2], [3]]], {}],
    ["call", "f", [(1, 2)], {}],
    ["call", "f", [{"a": 1}, "b"], {}],
)


def rehearse() -> None:
    """Leaves nothing behind but what the interpreter has learnt."""
    path, arguments, limit = list(sys.path), list(sys.argv), sys.getrecursionlimit()
    for _ in range(_TIMES):
        namespace = program.load(_SOURCE, "solution")
        sys.path[:], sys.argv[:] = path, arguments
        sys.setrecursionlimit(limit)
        del sys.modules["solution"]
        _talk()
    _answer(namespace)


def _talk() -> None:
    """Read and write as a program does that has its input line by line."""
    stdin = io.TextIOWrapper(io.BytesIO(b"3\n1 2 3\nend"), encoding="utf-8", errors="surrogateescape")
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
    print(int(stdin.readline()), *map(int, stdin.readline().split()), stdin.read(), file=stdout)
    stdout.flush()


def _answer(namespace: dict[str, Any]) -> None:
    """Answer the calls of a test process, which is a fork."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        channel = Channel(theirs.detach(), lambda _: None, lambda *_: None)
        channel.receive()
        for call in _CALLS * _TIMES:
            channel.send(call)
            channel.receive()
        os._exit(0)
    theirs.close()
    try:
        solution.Solution(namespace, ours.detach()).serve()
    except ChannelClosedError:
        os.waitpid(pid, 0)
