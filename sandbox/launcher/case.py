"""One case: start its processes, drain what they write, hold the limits, read the facts, leave the slot clean."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.launcher import clean, link, meter, processes, stall, streams, testing, wire

_SOLUTION_GONE = 3  # tester.SOLUTION_GONE; the supervisor imports nothing that runs a program
_SOLUTION_GRACE_SECONDS = 1.0
"""How long a solution may take to be reaped after its test process saw it end."""
INTERRUPTED = "interrupted"
"""Instead of the name of a ``Stopped``: the host wants no more of this job."""
_LAUNCHER_TASKS = 2
"""PID 1 and the supervisor, one thread each. The standing test process comes to it while it is idle."""
_KILL_SECONDS = 3.0
MAX_RESULT_BYTES = 4096
_FIRST_LOOK_SECONDS = 0.01
"""Most cases are over by then and are never looked at."""
_MAX_CPUS = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class CaseLimits:
    """As in :class:`sandbox.job.Limits`; the memory limit is the container's own and set by the host."""

    cpu_seconds: float
    cpu_stop_seconds: float
    """Where it is cut off: over ``cpu_seconds``, so that the host sees how near a case was."""
    wall_seconds: float
    wall_stop_seconds: float
    """Where it is cut off even if it was in want of a CPU for all of the time over ``wall_seconds``."""
    output_bytes: int
    processes: int
    report_bytes: int
    stack_bytes: int


@dataclass(frozen=True, slots=True)
class CasePlan:
    """What one case runs. ``form`` is ``asserts``, ``suite`` or a role of :data:`sandbox.launcher.runner.ROLES`.

    A compile is a case, too: its sources are ``files``, and the header says how large the artefact may be.
    """

    form: str
    header: dict[str, Any]
    blobs: list[bytes]
    """The source first; none where the program is in :data:`sandbox.launcher.clean.PROGRAM`."""
    stdin: bytes
    files: list[tuple[str, bytes]] = field(default_factory=list)
    """Put into the work directory; path and content."""
    stream: bool = False
    """Standard input and output lead to another program, by way of the host; then ``stdin`` is empty."""
    results: list[str] = field(default_factory=list)
    """Paths of files to read there when the program has ended."""


class _Baseline:
    """Counters before the case, and what they say since."""

    def __init__(self, cgroup: meter.Meter) -> None:
        self._cgroup = cgroup
        self._wall = time.monotonic()
        self._cpu = cgroup.cpu_seconds()
        self._own_cpu = time.process_time()
        self._oom_kills = cgroup.oom_kills()
        self._memory = cgroup.memory_bytes()
        self._peak = cgroup.peak_bytes()
        self._highest = 0

    def wall_seconds(self) -> float:
        return time.monotonic() - self._wall

    def cpu_seconds(self) -> float:
        """Of the whole container, the supervisor's own work left out."""
        own = time.process_time() - self._own_cpu
        return max(0.0, self._cgroup.cpu_seconds() - self._cpu - own)

    def oom_killed(self) -> bool:
        return self._cgroup.oom_kills() > self._oom_kills

    def sample_memory(self) -> None:
        self._highest = max(self._highest, self._cgroup.memory_bytes() - self._memory)

    def peak_bytes(self, maxrss: int) -> int:
        """Exact if the container's own peak moved; otherwise the largest process or sample."""
        peak = self._cgroup.peak_bytes()
        if peak > self._peak:
            return peak - self._memory
        return max(self._highest, maxrss)


class Case:
    """Runs one case. ``interrupted`` is asked whenever ``host`` is readable: True ends the case. ``while_waiting`` is
    called now and then while the program runs. ``messages`` and ``send`` are for a plan with ``stream``. ``code``: of
    :class:`streams.CodeFile`."""

    def __init__(
        self,
        zygote: processes.Zygote,
        tests: testing.TestProcess,
        cgroup: meter.Meter,
        limits: CaseLimits,
        uids: tuple[int, int],
        host: int,
        interrupted: Callable[[], bool],
        while_waiting: Callable[[], None],
        messages: Callable[[], list[wire.Frame]],
        send: link.Send,
        code: int,
    ) -> None:
        self._zygote = zygote
        self._tests = tests
        self._limits = limits
        self._uids = uids
        self._host = host
        self._interrupted = interrupted
        self._while_waiting = while_waiting
        self._messages = messages
        self._send = send
        self._code = code
        self._link: link.Link | None = None
        self._cgroup = cgroup
        self._pids: dict[str, int] = {}
        self._fds = streams.Descriptors()
        self._since = _Baseline(cgroup)
        self._output: dict[str, streams.Stream | link.Link] = {}
        self._verdict: dict[str, Any] | None = None

    def run(self, plan: CasePlan) -> wire.Frame:
        """The facts: a header, and the blobs stdout, stderr, the program's report, the test process's report.

        Header ``clean`` false: something could not be removed, the slot must be replaced. Header ``results``: names of
        files that were left behind; their contents are further blobs.
        """
        token = ""
        try:
            if plan.form == "asserts":
                main = self._start_asserts(plan)
            elif plan.form == "suite":
                main = self._start_suite(plan)
            else:
                token = secrets.token_hex(16) if plan.form in ("shared", "recorded") else ""
                extra = [self._fds.memory_file(token.encode())] if token else []
                self._start(plan.form, self._uids[0], plan.header, plan.blobs, plan.stdin, extra, plan)
                main = plan.form
            stopped = self._watch(main)
            return self._facts("solution" if main == "test" else main, stopped, token, plan)
        finally:
            self._fds.close()
            self._zygote.forget()

    def _start_asserts(self, plan: CasePlan) -> str:
        source, *tests = plan.blobs
        ours, theirs = (self._fds.keep(end.detach()) for end in socket.socketpair())
        self._tests.judge(plan.header, tests, theirs)  # it reads the test while the program starts
        self._fds.release(theirs)  # each process must see the other's end close
        self._start("solution", self._uids[0], {}, [source], b"", [ours])
        self._fds.release(ours)
        self._fds.poll.register(self._tests, select.POLLIN)
        return "solution"

    def _start_suite(self, plan: CasePlan) -> str:
        source, *tests = plan.blobs
        ours, theirs = (self._fds.keep(end.detach()) for end in socket.socketpair())
        self._start("solution", self._uids[0], {}, [source], b"", [ours])
        self._start("test", self._uids[1], plan.header, tests, b"", [theirs])
        for end in (ours, theirs):
            self._fds.release(end)  # each process must see the other's end close
        return "test"

    def _start(
        self,
        role: str,
        uid: int,
        header: dict[str, Any],
        blobs: list[bytes],
        stdin: bytes,
        extra: list[int],
        plan: CasePlan | None = None,
    ) -> None:
        home = clean.make_home("t" if role == "test" else "s", uid)
        if plan is not None:
            for path in (*plan.results, *(path for path, _ in plan.files)):
                clean.make_folders(home, path, uid)
            for path, content in plan.files:
                clean.write_file(f"{home}/{path}", content)
        if role == "compile":
            os.mkdir(clean.OUT, 0o700)
            os.chown(clean.OUT, uid, uid)
        elif role != "test" and blobs:
            clean.write_file(f"{home}/{clean.MAIN}", blobs[0])
        stdin_fd, stdout = self._standard_streams(role, uid, stdin, plan is not None and plan.stream)
        stderr, self._output[f"{role}.stderr"] = self._fds.pipe(streams.MAX_STDERR, uid, tail=role != "compile")
        report, self._output[f"{role}.report"] = self._fds.pipe(self._limits.report_bytes, uid)
        is_plain = not header and len(blobs) == 1
        spec = self._code if is_plain else self._fds.memory_file(wire.pack(header, blobs))
        limits = self._limits.processes, self._limits.cpu_stop_seconds, self._limits.stack_bytes
        fds = [stdin_fd, stdout, stderr, spec, report, *extra]
        self._pids[role] = self._zygote.fork(role, uid, home, *limits, fds)
        for fd in (stdin_fd, stdout, stderr, report):
            self._fds.release(fd)
        if self._link is not None:
            self._link.pid = self._pids[role]

    def _standard_streams(self, role: str, uid: int, stdin: bytes, is_linked: bool) -> tuple[int, int]:
        """The program's standard input and output."""
        if is_linked:
            self._link = link.Link(self._fds, uid, self._limits.output_bytes, self._send)
            self._output[f"{role}.stdout"] = self._link
            return self._link.stdin, self._link.stdout
        stdout, self._output[f"{role}.stdout"] = self._fds.pipe(self._limits.output_bytes, uid)
        return self._fds.memory_file(stdin), stdout

    def _watch(self, main: str) -> str | None:
        """Drain and hold the limits until ``main`` has ended, or its tests have. The name of a ``Stopped`` if a limit
        ended it."""
        poll = self._fds.poll
        poll.register(self._zygote, select.POLLIN)
        poll.register(self._host, select.POLLIN)
        capped = self._output["solution.stdout" if main == "test" else f"{main}.stdout"]
        look = time.monotonic() + _FIRST_LOOK_SECONDS
        self._take_messages()  # that came together with the word to begin
        tests = self._tests.fileno() if main == "solution" else -1
        while not self._is_over(main):
            for fd, _ in poll.poll(1000 * max(0.0, look - time.monotonic()) + 1):
                if fd == self._zygote.fileno():
                    self._zygote.read()
                elif fd == self._host:
                    if self._interrupted():
                        return INTERRUPTED
                    self._take_messages()
                elif fd == tests:
                    self._verdict = self._tests.answer()
                elif self._link is not None and self._link.owns(fd):
                    self._link.ready(fd)
                    if self._link.truncated:
                        return "output"
                elif self._fds.read_ready(fd) is capped and capped.truncated:
                    return "output"
            if time.monotonic() >= look:
                self._while_waiting()
                stopped = self._over_limit()
                if stopped is not None:
                    return stopped
                look = time.monotonic() + self._patience_seconds()
        if main in ("solution", "test"):
            self._settle_solution()
        return None

    def _is_over(self, main: str) -> bool:
        return self._verdict is not None if main == "solution" else self._zygote.ended(self._pids[main]) is not None

    def _take_messages(self) -> None:
        if self._link is not None:
            for header, blobs in self._messages():
                self._link.take(header, blobs)

    def _over_limit(self) -> str | None:
        self._since.sample_memory()
        if self._since.oom_killed():
            return "memory"
        if self._since.cpu_seconds() > self._limits.cpu_stop_seconds:
            return "cpu"
        return "wall" if self._is_over_wall() else None

    def _is_over_wall(self) -> bool:
        """Past the wall limit, the time that it was kept waiting for a CPU left out."""
        wall = self._since.wall_seconds()
        if wall <= self._limits.wall_seconds:
            return False
        _, _, starved = self._stall()
        return wall - starved > self._limits.wall_seconds or wall > self._limits.wall_stop_seconds

    def _stall(self) -> tuple[int, int, float]:
        return stall.look(clean.processes(self._uids))

    def _patience_seconds(self) -> float:
        """Until the earliest moment at which a limit could be reached: all CPUs busy, or the wall."""
        cpu = (self._limits.cpu_stop_seconds - self._since.cpu_seconds()) / _MAX_CPUS
        wall = self._limits.wall_seconds - self._since.wall_seconds()
        return max(0.002, min(cpu, wall if wall > 0 else 0.1, 0.1))

    def _settle_solution(self) -> None:
        """Where the test process saw the solution end, learn how it ended."""
        test = self._zygote.ended(self._pids["test"]) if "test" in self._pids else None
        gone = test is not None and test.status == _SOLUTION_GONE << 8
        gone = gone or (self._verdict is not None and self._verdict["status"] == _SOLUTION_GONE)
        deadline = time.monotonic() + (_SOLUTION_GRACE_SECONDS if gone else 0.0)
        while self._zygote.ended(self._pids["solution"]) is None and time.monotonic() < deadline:
            if select.select([self._zygote], [], [], _SOLUTION_GRACE_SECONDS)[0]:
                self._zygote.read()

    def _facts(self, program: str, stopped: str | None, token: str, plan: CasePlan) -> wire.Frame:
        wall, cpu = self._since.wall_seconds(), self._since.cpu_seconds()
        stalled = self._stall() if stopped == "wall" else None
        ended = self._zygote.ended(self._pids[program])
        test_ended = self._zygote.ended(self._pids["test"]) if "test" in self._pids else None
        leftovers, quiet = self._end_all()
        exits = [self._zygote.ended(pid) for pid in self._pids.values()]
        if stopped is None and self._since.oom_killed():
            stopped = "memory"
        late = stopped is None and self._limits.cpu_seconds < cpu <= self._limits.cpu_stop_seconds
        if stopped is None and cpu > self._limits.cpu_seconds:
            stopped = "cpu"
        self._fds.read_rest()
        if self._link is not None:
            self._link.finish()
        stdout = self._output[f"{program}.stdout"]
        if stopped is None and stdout.truncated:
            stopped = "output"
        if stopped is None and plan.form in ("command", "recorded") and _says_out_of_memory(plan, ended):
            stopped = "memory"
        try:
            succeeded = stopped is None and quiet and ended is not None and ended.status == 0
            found = _found(plan, succeeded)
        except (clean.ArtefactError, OSError, RecursionError):
            found = {}
            stopped = "output"
        header = {
            "results": list(found),
            "wall": wall,
            "cpu": cpu,
            "peak": self._since.peak_bytes(max((end.maxrss_bytes for end in exits if end is not None), default=0)),
            "status": ended.status if ended is not None else None,
            "verdict": self._verdict,
            "test_status": test_ended.status if test_ended is not None else None,
            "stopped": stopped,
            "late": late,
            "stall": stalled,
            "truncated": stdout.truncated,
            "report_truncated": self._output[f"{program}.report"].truncated,
            "leftovers": leftovers,
            "token": token,
            "clean": quiet and clean.wipe(),
        }
        test_report = self._output["test.report"].data if "test.report" in self._output else b""
        blobs = [stdout.data, self._output[f"{program}.stderr"].data, self._output[f"{program}.report"].data]
        return header, [bytes(blob) for blob in (*blobs, test_report, *found.values())]

    def _end_all(self) -> tuple[int, bool]:
        """End every process of the case: (how many there were besides its main ones, whether all are gone).

        The main ones come first; if that was all, an idle test process is spared. Otherwise ``kill(-1)`` reaches all
        processes of the container but this one and PID 1, at one stroke: no fork escapes it. The cgroup's count says
        when all are gone, and reaped.
        """
        alive = [pid for pid in self._pids.values() if self._zygote.ended(pid) is None]
        expected = self._standing()
        others = 0
        if self._cgroup.tasks() > expected + len(alive):
            others = len(set(clean.processes(self._uids)) - set(alive))
        deadline = time.monotonic() + _KILL_SECONDS
        while self._cgroup.tasks() > expected:
            if time.monotonic() > deadline:
                return others, False
            victims = alive
            if others or all(self._zygote.ended(pid) is not None for pid in alive):
                victims = [-1]
                self._tests.give_up()
                expected = _LAUNCHER_TASKS
            for victim in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            if select.select([self._zygote], [], [], 0.0005)[0]:
                self._zygote.read()
        for pid in alive:
            self._zygote.wait(pid)
        return others, self._standing() == expected

    def _standing(self) -> int:
        """Tasks that stay after a case."""
        return _LAUNCHER_TASKS + (1 if self._tests.is_idle() else 0)


def _found(plan: CasePlan, succeeded: bool) -> dict[str, bytes]:
    """The files that the host wants of what was left behind: a compile's artefact, or those it named."""
    if plan.form == "compile":
        return clean.collect(plan.header["artefact_bytes"]) if succeeded else {}
    left = {path: clean.read_result(f"{clean.WORK}/s", path, MAX_RESULT_BYTES) for path in plan.results}
    return {path: content for path, content in left.items() if content is not None}


def _says_out_of_memory(plan: CasePlan, ended: processes.Exit | None) -> bool:
    status = plan.header["memory_status"]
    return status is not None and ended is not None and ended.status == status << 8
