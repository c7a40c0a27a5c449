"""The form ``program``: a test in the program's own language, which calls the program directly."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reward_server.compare import clip
from reward_server.verifiers.code_asserts import judge_completion
from reward_server.verifiers.code_form import MAX_TEXT, Case, CaseVerdict, EntryPoint, FunctionParams, Text
from sandbox.facts import CaseFacts
from sandbox.job import Limits, ProgramTest
from sandbox.languages import LANGUAGES

_ABLE = [name for name, language in LANGUAGES.items() if language.joined is not None]


class ProgramCase(Case):
    """The test."""

    source: str = Field(
        min_length=1,
        max_length=MAX_TEXT,
        description="C, C++ and Rust: has a main, and passes if that returns (0). JavaScript: statements that throw if "
        "something is wrong; require gives Node's own modules.",
    )


class ProgramParams(FunctionParams):
    """Test code in the program's own language: HumanEvalPack's C++, MultiPL-E's JavaScript and Rust."""

    form: Literal["program"] = Field(
        description="A test in the program's own language is built together with it, and passes if it runs to its "
        "end. Both share a process, so the verdict says isolation = shared. Languages: " + ", ".join(_ABLE) + "."
    )
    entry_point: EntryPoint | None = Field(
        default=None, description="The name that the program must define; needed for a prefix."
    )
    preamble: Text = Field(
        default="",
        description='C and C++: put before the program, e.g. "#include <bits/stdc++.h>". Elsewhere: before the test.',
    )
    declaration: Text = Field(
        default="",
        description='C and C++: declares what the test calls, e.g. "int add(int, int);". The test is then compiled '
        "apart, and sees nothing else of the program: its operators and overloads have no say in the test, and its "
        "function must have just these parameters.",
    )
    cases: Annotated[tuple[ProgramCase, ...], Field(strict=False)] = Field(
        min_length=1, max_length=1, description="One: a program has one main. All that is checked stands in it."
    )

    @model_validator(mode="after")
    def _language_has_such_tests(self) -> Self:
        if self.language not in _ABLE:
            raise ValueError(f"form program is for {', '.join(_ABLE)}; the language is {self.language!r}")
        if self.prefix and self.entry_point is None:
            raise ValueError("prefix needs entry_point: it tells whether a program stands alone")
        style = LANGUAGES[self.language].joined
        if self.declaration and style is not None and not style.apart_commands:
            raise ValueError(f"declaration is for C and C++; the language is {self.language!r}")
        return self

    @property
    def wanted_name(self) -> str | None:
        """See :attr:`FormParams.wanted_name`."""
        return self.entry_point

    @property
    def isolation(self) -> str:
        """See :attr:`FormParams.isolation`."""
        return "shared"

    def bad_reference(self, limits: Limits) -> str | None:  # noqa: ARG002  # the same under any limits
        """See :meth:`FormParams.bad_reference`: a test that cannot hold anything."""
        source = self.cases[0].source
        if not source.strip():
            return "the test is empty, so it would pass whatever the program does"
        style = LANGUAGES[self.language].joined
        if style is not None and style.style != "javascript" and "main" not in source:
            return "the test has no main, so nothing would be tested"
        return None

    def tests(self) -> ProgramTest:
        """See :meth:`FormParams.tests`."""
        return ProgramTest(self.cases[0].source, self.preamble, self.declaration)

    def judge_ended(self, case: CaseFacts) -> CaseVerdict:
        """See :meth:`FormParams.judge_ended`."""
        return judge_completion(case)

    def input_text(self, index: int) -> str:
        """See :meth:`FormParams.input_text`."""
        return clip(self.cases[index].source) if self.show_expected else ""
