"""The container's entry point: ``start.py --uid-base N``. Becomes the zygote; the supervisor is its first child."""

from __future__ import annotations

import os
import socket
import sys
import traceback

sys.path.insert(0, "/opt/gavel")

from sandbox.launcher import rehearsal, runner, seccomp, supervisor, zygote

sys.path.remove("/opt/gavel")

# Imported once, here, so that no program waits for them. What programs ask for most.
WARM = """abc array bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions functools
hashlib heapq inspect io itertools json math numbers operator os pprint queue random re statistics string struct
textwrap threading time traceback types typing weakref""".split()

_KEEP_OPEN = (sys.stdin, sys.stdout, sys.stderr)
"""Never collected: collecting one would close a descriptor that a program has been given under its number."""


def main(uid_base: int) -> None:
    """Set the container up and serve."""
    seccomp.install()
    os.umask(0o077)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        theirs.close()
        supervisor.main(ours, uid_base)
    ours.close()
    for name in WARM:
        __import__(name)
    host_stderr = os.dup(2)  # closed in every fork
    rehearsal.rehearse()
    runner.prepare()
    try:
        request = zygote.serve(theirs, pid)
        runner.run(request.role.decode(), request.home.decode())
    except BaseException:
        os.write(host_stderr, traceback.format_exc().encode())
        raise


if __name__ == "__main__":
    main(int(sys.argv[sys.argv.index("--uid-base") + 1]))
