"""Assert tests in one process with the program: weaker, for tasks whose test needs the live object.

A candidate that knows this file can forge the completion record: it shares the interpreter with it. What ends the
common cheats is that nothing counts but a record that is written after the last line of the test: ``os._exit``,
``sys.exit`` and a killed process leave none. The record needs a token that stays unread in a descriptor while the
candidate runs, and is read and written by functions that were bound before it was loaded. The test has built-ins of its
own, and objects that equal everything are found out (:mod:`equality`).
"""

from __future__ import annotations

import builtins
import os
import types
from typing import Any, NoReturn

from sandbox.launcher import equality, program

TOKEN = 5
TOKEN_BYTES = 32


def run_shared(
    header: dict[str, Any],
    blobs: list[bytes],
    read: Any = os.read,
    write: Any = os.write,
    leave: Any = os._exit,
) -> NoReturn:
    """Header: ``entry_point``. Blobs: source, preamble, case. The record is the token and nothing else."""
    source, preamble, case = blobs
    sources = {"<preamble>": preamble.decode("utf-8"), "<case>": case.decode("utf-8")}
    entry_point = header["entry_point"]
    own: dict[str, Any] = {"__name__": "test", "__builtins__": dict(vars(builtins))}
    # A test that does not compile must not be seen by the program, so this comes first.
    codes = equality.compile_guarded(sources, entry_point, own)
    loaded = program.load(source, "solution")
    namespace = types.ModuleType("test").__dict__
    namespace.update({name: value for name, value in loaded.items() if name not in own["__builtins__"]})
    namespace.update(own)
    try:
        exec(codes[0], namespace)  # noqa: S102  # the data set's own test source
        if entry_point is not None:
            namespace[entry_point] = program.resolve(loaded, entry_point)
        exec(codes[1], namespace)  # noqa: S102
    except BaseException as error:  # noqa: BLE001  # SystemExit too: the source did not run to its end
        program.report({"completed": False, "message": program.explain(error, sources)})
        leave(0)
    write(program.REPORT, read(TOKEN, TOKEN_BYTES))
    raise SystemExit(leave(0))
