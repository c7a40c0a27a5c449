"""A program and a test in its own language, joined into one that is built and run as a whole.

The test holds the expected values and calls the program directly, so both share a process. What counts is a record that
the harness (``image/harness.c``, ``image/harness.js``) writes once the test has run to its end. The joining makes
sure that the test which is compiled is the row's, whatever the program's text does to what follows it:

- The program's text is a file of its own (``#include``, ``mod``, a script): it cannot leave a comment, a string, a
  conditional or a brace open that swallows the test.
- C and C++: the program's ``main`` is renamed, and every macro that its text defines is undefined before the test. The
  test's ``main`` is found in the object file; two of them do not compile. Where the row declares what its test calls,
  the test is compiled apart, and the linker joins them.
- Rust: the test is in a module of the program's, so that it sees what is private; macros and common names are those of
  the standard library, and ``assert_eq`` compares no value of a type of the program's with one of another type.
- JavaScript: the test is run after the program, in the same global scope, with a ``require`` of its own.

What it cannot make sure of is in docs/sandbox.md.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from sandbox.job import Program, ProgramTest
from sandbox.languages import JoinStyle

_FIRST_IN_C = "#define main gavel_main_of_the_program\n"


@dataclass(frozen=True, slots=True)
class Joined:
    """What is built: files, the main one first, and what the program gets on standard input."""

    files: tuple[tuple[str, str], ...]
    stdin: str = ""


def join_c(program: Program, test: ProgramTest, suffix: str) -> Joined:
    """``unit.c`` or ``unit.cpp``: the preamble (headers of the test), the program, the test."""
    if test.declaration:
        return _apart(program, test, suffix)
    names = sorted({name for text in (program.source, *(text for _, text in program.files)) for name in _macros(text)})
    unit = "".join(
        [
            f"{test.preamble}\n",
            _FIRST_IN_C,
            f'#include "program{suffix}"\n',
            *(f"#undef {name}\n" for name in ("main", "assert", "NDEBUG", *names)),
            "#include <assert.h>\n",
            f'#line 1 "test{suffix}"\n{test.source}\n',
        ]
    )
    return Joined(((f"unit{suffix}", unit), (f"program{suffix}", program.source), *program.files))


def _apart(program: Program, test: ProgramTest, suffix: str) -> Joined:
    """The program and, in a file of its own, the test, which sees of it what is declared."""
    unit = f'{test.preamble}\n{_FIRST_IN_C}#include "program{suffix}"\n'
    source = f'{test.preamble}\n{test.declaration}\n#include <assert.h>\n#line 1 "test{suffix}"\n{test.source}\n'
    return Joined(
        ((f"unit{suffix}", unit), (f"program{suffix}", program.source), (f"test{suffix}", source), *program.files)
    )


_BLANKS = re.compile(r"[\s\\]*+")
_NAME = re.compile(r"[^\W\d]\w*")


def _macros(text: str) -> set[str]:
    """Names that ``text`` may define as macros, and perhaps some that it does not. In linear time.

    Whatever follows the word ``define``, in a comment as well: leaving one out would be an error, one more is none.
    """
    text = re.sub(r"\\[ \t\v\f\r]*+\n", "", text)  # lines that go on in the next one, in the middle of a word too
    ends = [match.end() for match in re.finditer(r"\*/", text)]
    past: dict[int, int] = {}
    """Where blanks that begin at a comment's end are over: many comments may end at one place."""
    names = set()
    for match in re.finditer(r"define\b", text):
        at = _BLANKS.match(text, match.end()).end()  # type: ignore[union-attr]  # it matches nothing as well
        while text.startswith("/*", at):
            following = bisect_left(ends, at + 4)
            if following == len(ends):
                break
            end = ends[following]
            if end not in past:
                past[end] = _BLANKS.match(text, end).end()  # type: ignore[union-attr]
            at = past[end]
        name = _NAME.match(text, at)
        if name is not None:
            names.add(name[0])
    return names - {"defined", "__VA_ARGS__", "__VA_OPT__"}  # these are no macros, and cannot be undefined


# An attribute that the program's text leaves open is spent on this.
_RUST_END = "\nconst _: () = ();\npub mod gavel_test;\n"
# What is named here goes before what the program has under that name; the test's own `use` goes before both.
_RUST_NAMES = """#[allow(unused_imports)]
use super::*;
#[allow(unused_imports)]
use ::std::{
    borrow::ToOwned, boxed::Box, clone::Clone, cmp::{Eq, Ord, PartialEq, PartialOrd},
    convert::{AsMut, AsRef, From, Into}, default::Default, iter::{DoubleEndedIterator, ExactSizeIterator},
    iter::{Extend, IntoIterator, Iterator}, ops::{Fn, FnMut, FnOnce}, option::Option::{self, None, Some},
    result::Result::{self, Err, Ok}, string::{String, ToString}, vec::Vec,
};
/// A comparison of two types is decided by whoever wrote one of them: the program may not.
#[allow(dead_code)]
pub(super) fn comparable<L: ?Sized, R: ?Sized>(_: &L, _: &R) {
    fn of_the_program(name: &str) -> Vec<&str> {
        let words = name.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let is_own = |word: &&str| *word == "dyn"
            || word.starts_with("unit::program::") && !word.starts_with("unit::program::gavel_test::");
        let mut own: Vec<&str> = words.filter(is_own).collect();
        own.sort();
        own.dedup();
        own
    }
    let names = [::std::any::type_name::<L>(), ::std::any::type_name::<R>()];
    if of_the_program(names[0]) != of_the_program(names[1]) {
        ::std::panic!("assertion failed: a {} is compared with a {}, by the program's rule", names[0], names[1]);
    }
}
"""
_RUST_MACROS = "".join(
    f"#[allow(unused_macros)]\nmacro_rules! {name} {{ ($($t:tt)*) => {{ ::std::{name}!($($t)*) }} }}\n"
    for name in """assert cfg column concat dbg debug_assert debug_assert_eq debug_assert_ne env eprint eprintln file
    format format_args line matches module_path panic print println stringify todo unimplemented unreachable vec write
    writeln""".split()
)
_RUST_COMPARISONS = "".join(
    f"""#[allow(unused_macros)]
macro_rules! {name} {{ ($l:expr, $r:expr $(, $($t:tt)*)?) => {{ match (&$l, &$r) {{ (l, r) => {{
    $crate::program::gavel_test::comparable(l, r);
    ::std::{name}!(*l, *r $(, $($t)*)?)
}} }} }} }}
"""
    for name in ("assert_eq", "assert_ne")
)
_RUST_TEST = """mod test {{
#[allow(unused_imports)]
use super::*;
{preamble}
{source}
pub fn run() {{ let _: () = main(); }}
}}
pub use self::test::run;
"""
_RUST_UNIT = """#![no_main]
mod program;
extern "C" { fn gavel_failed(kind: *const u8, text: *const u8, length: usize) -> !; }
#[no_mangle]
pub extern "C" fn gavel_test_main() -> i32 {
    let error = match std::panic::catch_unwind(program::gavel_test::run) {
        Ok(()) => return 0,
        Err(error) => error,
    };
    let text = error.downcast_ref::<String>().map(|text| text.as_str())
        .or_else(|| error.downcast_ref::<&str>().copied()).unwrap_or("panic");
    let kind: &[u8] = if text.starts_with("assertion failed") { b"AssertionError\\0" } else { b"panic\\0" };
    unsafe { gavel_failed(kind.as_ptr(), text.as_ptr(), text.len()) }
}
"""


def join_rust(program: Program, test: ProgramTest) -> Joined:
    """``unit.rs``: the program is a module, the test a module inside it, so that it sees what is private."""
    own = _RUST_TEST.format(preamble=test.preamble, source=test.source)
    inner = f"{_RUST_NAMES}{_RUST_MACROS}{_RUST_COMPARISONS}{own}"
    return Joined(
        (
            ("unit.rs", _RUST_UNIT),
            ("program.rs", f"{program.source}{_RUST_END}"),
            ("program/gavel_test.rs", inner),
            *program.files,
        )
    )


def join(style: JoinStyle, program: Program, test: ProgramTest, suffix: str) -> Joined:
    """Join them as ``style`` says; ``suffix`` is that of the language's files."""
    if style == "c":
        return join_c(program, test, suffix)
    return join_rust(program, test) if style == "rust" else join_javascript(program, test)


def join_javascript(program: Program, test: ProgramTest) -> Joined:
    """The program as it is; the test comes on standard input, where the harness takes it from."""
    return Joined((("main.js", program.source), *program.files), f"{test.preamble}\n{test.source}")
