"""What the sandbox is asked to do. Plain frozen records; nothing here knows what a right answer is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sandbox.values import Plain

MIB = 1024 * 1024
NEAR_CPU_LIMIT = 1.25
"""A case that needs more CPU time than its limit, but less than this many times as much, is not cut off: a busy host
makes CPU time dearer, so such a case is run again alone before it counts."""
MOST_WALL = 3.0
"""Time in which a case wanted a CPU and had none does not count for its wall limit, up to this many times the limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one case. All of the program's processes together, except where the field says otherwise."""

    cpu_seconds: float = 5.0
    """CPU time, user and system. The limit that decides: it does not change when the host is busy."""
    wall_seconds: float = 20.0
    """Wall-time backstop for sleepers and deadlocks. At least ``cpu_seconds``."""
    memory_bytes: int = 512 * MIB
    """Memory as the container's cgroup counts it (never an address-space limit)."""
    output_bytes: int = 4 * MIB
    """Standard output that is kept. More ends the case with an output limit; the rest is drained."""
    processes: int = 64
    """Processes and threads at one time."""


@dataclass(frozen=True, slots=True)
class Program:
    """A candidate's program."""

    language: str
    """Key of :data:`sandbox.languages.LANGUAGES`, e.g. ``"python"``."""
    source: str
    """The whole source text, UTF-8."""
    files: tuple[tuple[str, str], ...] = ()
    """More files of the program, (relative name, text): further sources and headers. The compiler gets all sources of
    the language; an interpreted program finds them where its main file is looked for."""


@dataclass(frozen=True, slots=True)
class CaseExtras:
    """What one run gets beside its standard input, e.g. a checker: the judge's files, and room for what it says."""

    arguments: tuple[str, ...] = ()
    """After the program's name."""
    files: tuple[tuple[str, bytes], ...] = ()
    """Path and content; read-only in the work directory, where the program starts."""
    results: tuple[str, ...] = ()
    """Paths of files that the program may leave in the work directory; they come back in ``CaseFacts.files``. Their
    folders are there from the start. All paths are relative, without ``..``."""


@dataclass(frozen=True, slots=True)
class StdioTests:
    """Run the program once per case as ``__main__``; standard input in, standard output out."""

    stdins: tuple[bytes, ...]
    extras: tuple[CaseExtras, ...] = ()
    """As many as ``stdins``, or none at all."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a method."""

    method: str
    args: tuple[Plain, ...] = ()
    kwargs: tuple[tuple[str, Plain], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function that the program defines."""

    args: tuple[Plain, ...] = ()
    kwargs: tuple[tuple[str, Plain], ...] = ()
    steps: tuple[Step, ...] = ()
    """If any, the call makes an object (its value is not asked for), and these are calls of its methods, in order."""


@dataclass(frozen=True, slots=True)
class CallTests:
    """Load the program once per case, call ``function`` and report the value as plain data."""

    function: str
    """Name of a top-level function or class, or ``"Class.method"`` for a class without constructor arguments."""
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class AssertTests:
    """Run test code that checks the program by calling it.

    Split (the default): each case runs in a *test process*; the program lives in a *solution process* under
    another uid. Every name that the program defines at top level and that the test code uses without defining
    it is, in the test process, a proxy that sends plain arguments and receives plain data. The expected values
    stay in the test process. A case passes if its source runs to its end without an exception, as recorded by
    the launcher on a channel that only the test process holds.

    Shared (only where the task needs the live object; chosen by the task, never by the candidate): test code
    and program run in one process, with a per-case completion record.
    """

    cases: tuple[str, ...]
    """Source text of each case, e.g. ``"assert f(1) == 2"`` or ``"check(f)"``. One fresh namespace each."""
    preamble: str = ""
    """Trusted source that runs in the test process before each case: imports, helpers, ``def check``."""
    entry_point: str | None = None
    """If given, the one name that is always the program's, even if the preamble defines it too."""
    shared: bool = False
    """True: one process for both. The verdict is then marked as weaker (``isolation = "shared"``)."""


@dataclass(frozen=True, slots=True)
class StreamTests:
    """One side of a :class:`Dialogue`: as :class:`StdioTests`, but standard input and output lead to the other side."""

    extras: tuple[CaseExtras, ...]
    """One per case."""


@dataclass(frozen=True, slots=True)
class SuiteTests:
    """Run test files once, in a test process, against the program in another; split as in :class:`AssertTests`.

    The program's module is imported by the test files under the name :attr:`module`. What it defines are proxies there.
    All of it is one case: :attr:`sandbox.facts.CaseFacts.suite` tells it test by test.
    """

    framework: Literal["pytest", "unittest"]
    module: str
    files: tuple[tuple[str, str], ...]
    """Path and source; in the test process's work directory, out of the program's reach."""
    targets: tuple[str, ...]
    """The paths among them that hold tests."""


@dataclass(frozen=True, slots=True)
class ProgramTest:
    """One test in the program's own language, joined with it when it is compiled, or run after it.

    Program and test share a process. The test is completed only if it ran to its end, by a record that the harness
    writes (:mod:`sandbox.joined`); the verdict is marked as weaker (``isolation = "shared"``).
    """

    source: str
    """C, C++, Rust: with a ``main`` whose return means that all is right. JavaScript: statements that throw."""
    preamble: str = ""
    """Before the program in C and C++ (headers that the prompt promised), before the test elsewhere."""
    declaration: str = ""
    """C and C++: declares what the test calls. Then the test is compiled apart from the program, and none of the
    program's operators, overloads and macros has a say in it. Empty: both are compiled as one text."""


Tests = StdioTests | CallTests | AssertTests | SuiteTests | StreamTests | ProgramTest


@dataclass(frozen=True, slots=True)
class Job:
    """A program, the tests to run it on, and the limits of each case."""

    program: Program
    tests: Tests
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A program and an interactor that talk with each other: what one writes to standard output, the other reads from
    standard input. Each is in a slot of its own, both start anew for each case."""

    program: Program
    interactor: Program
    cases: tuple[CaseExtras, ...]
    """What the interactor gets beside the talk. The program gets nothing."""
    limits: Limits
    interactor_limits: Limits
    """Its wall limit is over the program's: where both wait for each other, it is the program that is out of time."""
