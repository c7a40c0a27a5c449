"""Whether trusted test code is Python at all. Compiled, never executed."""

from __future__ import annotations

import functools
import subprocess
import sys
import warnings

LARGE = 32 * 1024
"""Characters. Compiling holds the interpreter's lock, some 2 microseconds for each; more is done in another process."""
_PATIENCE_SECONDS = 60.0
_BESIDE = (
    "import sys\n"
    "from reward_server.python_source import compile_problem\n"
    "print(compile_problem(sys.stdin.buffer.read().decode('utf-8', 'surrogatepass')) or '')"
)


def python_problem(source: str) -> str | None:
    """Why ``source`` does not compile, or None if it does. Blocks, but no other thread."""
    if len(source) <= LARGE:
        return compile_problem(source)
    text = source.encode("utf-8", "surrogatepass")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _BESIDE], input=text, capture_output=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {_PATIENCE_SECONDS:.0f} s to compile"
    if done.returncode != 0:  # the compiler itself gave up: nested deeper than its stack
        return f"the compiler breaks down on it: {done.stderr.decode('utf-8', 'replace').strip()[-200:]}"
    return done.stdout.decode("utf-8", "replace").strip() or None


@functools.lru_cache(maxsize=512)
def compile_problem(source: str) -> str | None:
    """Why ``source`` does not compile in this process, or None if it does. The answer is kept, of a source that is
    not large: a task comes again in every epoch."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in somebody's tests is not our warning
            compile(source, "<reference>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:  # ValueError: a NUL in the source
        return str(error)
    except (RecursionError, MemoryError):
        return "it is nested too deeply"
    return None
