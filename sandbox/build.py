"""What is compiled and run for a job: files, commands, environment. Which test form a job has shows here only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sandbox.job import MIB, Job, Limits, Program, ProgramTest
from sandbox.joined import Joined, join
from sandbox.languages import LANGUAGES, CompileLimits, Language

Files = tuple[tuple[str, bytes], ...]
"""(relative name, content)."""


@dataclass(frozen=True, slots=True)
class Build:
    """One program in a language that is compiled, or at least checked before it runs."""

    language: Language
    sources: Files
    compile_commands: tuple[tuple[str, ...], ...]
    run_command: tuple[str, ...]
    stdin: bytes = b""
    """What a test that comes with the program gets on standard input."""

    @property
    def limits(self) -> CompileLimits:
        """Of the compile."""
        return self.language.compile_limits

    def key(self, image_digest: str) -> str:
        """Two builds with one key have one artefact."""
        sources = [(name, hashlib.sha256(content).hexdigest()) for name, content in self.sources]
        parts = [image_digest, self.compile_commands, self.language.environment, repr(self.limits), sources]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def compile_header(self, limits: Limits) -> dict[str, object]:
        """As the launcher reads it; see :func:`sandbox.launcher.commands.run_compile`."""
        return {
            "commands": self.compile_commands,
            "environment": _variables(self.language, limits),
            "artefact_bytes": self.limits.artefact_bytes,
        }

    def run_header(self, limits: Limits) -> dict[str, object]:
        """As the launcher reads it; see :func:`sandbox.launcher.commands.run_program`."""
        return {
            "command": [_filled(word, limits) for word in self.run_command],
            "environment": _variables(self.language, limits),
            "memory_status": self.language.memory_status,
        }


def build_of(job: Job) -> Build | None:
    """What is compiled for ``job``; None where the launcher's own interpreter does all of it."""
    language = LANGUAGES[job.program.language]
    if isinstance(job.tests, ProgramTest) and language.joined is not None:
        joined = join(language.joined.style, job.program, job.tests, language.suffixes[0])
        commands = language.joined.apart_commands if job.tests.declaration else language.joined.compile_commands
        return Build(language, _encoded(joined), commands, language.joined.run_command, _bytes(joined.stdin))
    if not language.compile_commands:
        return None
    files = ((language.source_name, job.program.source), *job.program.files)
    names = [language.source_name, *(name for name, _ in job.program.files if name.endswith(language.suffixes))]
    expanded = tuple(
        tuple(word for part in command for word in (names if part == "{sources}" else (part,)))
        for command in language.compile_commands
    )
    return Build(language, _encoded(Joined(files)), expanded, language.run_command)


def further_files(program: Program) -> Files:
    """What an interpreted program has beside its main source."""
    return _encoded(Joined(program.files))


def _encoded(joined: Joined) -> Files:
    return tuple((name, _bytes(text)) for name, text in joined.files)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _variables(language: Language, limits: Limits) -> dict[str, str]:
    return {name: _filled(value, limits) for name, value in language.environment}


def _filled(text: str, limits: Limits) -> str:
    return text.replace("{memory_mib}", str(limits.memory_bytes // MIB))
