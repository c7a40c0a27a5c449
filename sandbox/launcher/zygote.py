"""PID 1: forks a process per request, reaps every process of the container, knows nothing of jobs.

It is a warm interpreter: common modules are imported once and shared by all forks. It must stay ignorant, because a
candidate starts as a copy of its memory. The data of a case travels in descriptors that only pass through. Its loop is
in C (``sandbox/image/zygote.c``).
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket

from sandbox.launcher.processes import HOME_BYTES, MAX_DESCRIPTORS, ROLE_BYTES

_LIBRARY = "/opt/gavel/zygote.so"


class Request(ctypes.Structure):
    """What a child is to become; packed by :class:`sandbox.launcher.processes.Zygote`."""

    _fields_ = (
        ("uid", ctypes.c_uint32),
        ("processes", ctypes.c_uint32),
        ("cpu_seconds", ctypes.c_uint64),
        ("stack_bytes", ctypes.c_uint64),
        ("file_bytes", ctypes.c_uint64),
        ("open_files", ctypes.c_uint64),
        ("role", ctypes.c_char * ROLE_BYTES),
        ("home", ctypes.c_char * HOME_BYTES),
    )


def serve(control: socket.socket, supervisor: int) -> Request:
    """Serve the supervisor at the other end of ``control``, a SOCK_SEQPACKET connection, until it is gone; the
    container ends with this process. Returns in every child: it leads a session of its own and has the request's
    descriptors (as 0, 1, ...) and no others, its limits, its working directory and, for good, its uid.

    Raises:
        OSError: the kernel refuses what serving needs.
    """
    library = ctypes.PyDLL(_LIBRARY, use_errno=True)
    request = Request()
    _keep_low_numbers_taken()
    gc.collect()
    gc.freeze()
    if library.gavel_serve(control.fileno(), supervisor, ctypes.byref(request)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return request


def _keep_low_numbers_taken() -> None:
    """So that no descriptor received later has a number that a child's own is to have."""
    while os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC) <= MAX_DESCRIPTORS:
        pass
