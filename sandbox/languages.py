"""The languages, one row each. A row says everything: adding a language is adding a row.

The images install the rows' packages and record what their version commands print; ``tests/contract`` finds every
row by itself. In commands, ``{out}`` is the folder that a compile leaves its artefact in, ``{program}`` the read-only
folder that holds the artefact when it runs, ``{sources}`` stands for all sources of the language, the main one first,
and ``{memory_mib}`` is the memory limit. Commands run in the working directory, which is the candidate's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.job import MIB

IMAGES = ("slim", "full")
"""Names of the images; each holds all that the ones before it hold."""


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """Limits of one compile, all of its processes together."""

    cpu_seconds: float = 20.0
    wall_seconds: float = 60.0
    memory_bytes: int = 512 * MIB
    """At least; a job that may use more memory compiles with as much as that."""
    artefact_bytes: int = 32 * MIB
    """All files that the compile leaves behind, together."""
    processes: int = 128


JoinStyle = Literal["c", "rust", "javascript"]


@dataclass(frozen=True, slots=True)
class JoinedCommands:
    """How a program is built and run together with a test in its own language (:mod:`sandbox.joined`)."""

    style: JoinStyle
    compile_commands: tuple[tuple[str, ...], ...]
    run_command: tuple[str, ...] = ("{program}/main",)
    apart_commands: tuple[tuple[str, ...], ...] = ()
    """Instead, where the row declares what its test calls. Empty: the language has no declarations."""


@dataclass(frozen=True, slots=True)
class Language:
    """How programs of one language are stored, compiled and run."""

    name: str
    """Key in :data:`LANGUAGES` and in the params of the verifier ``code``."""
    source_name: str
    """File that holds the main source."""
    suffixes: tuple[str, ...]
    """Of the files of a program that ``{sources}`` stands for."""
    compile_commands: tuple[tuple[str, ...], ...]
    """Run one after the other until one fails. Empty: interpreted without one; the parse is the compile step."""
    run_command: tuple[str, ...]
    """Runs the program. Python's is what its warm, forked interpreter stands for."""
    version_command: tuple[str, ...]
    """Its first line of output names the version, e.g. ``"Python 3.11.2"``."""
    packages: tuple[str, ...]
    """Debian packages."""
    aliases: tuple[str, ...]
    """Other names that people and models give it, in lower case, e.g. as the label of a fenced block."""
    definition: str
    """Regular expression with ``{name}``: a line that defines it at top level."""
    body_end: str
    """Regular expression: where the body of a top-level function is over; its own text is no part of the body."""
    image: str = "full"
    """The smallest of :data:`IMAGES` that has it."""
    libraries: tuple[str, ...] = ()
    """Debian packages that its programs may want beside; in the full image only."""
    joined: JoinedCommands | None = None
    """None: it has no tests of this kind."""
    environment: tuple[tuple[str, str], ...] = ()
    """Beside what every program gets, when it is compiled and when it runs."""
    unused: tuple[str, ...] = ()
    """Paths (shell patterns) that its packages bring and no program needs: removed, to keep the image small."""
    memory_status: int | None = None
    """Exit status by which its runtime says that memory ran out."""
    runs_sources: bool = False
    """True: compiling only checks, and the sources themselves are the artefact."""
    compile_limits: CompileLimits = CompileLimits()


_BRACE = r"(?<=^\})"
_C_DEFINITION = (
    r"^[A-Za-z_][^\n;={{}}]*?\b{name}\s*\(|^(?:struct|class|union|enum)\b[^\n;]*?\b{name}\b|^#\s*define\s+{name}\b"
)
_JS_DEFINITION = (
    r"^(?:export[ \t]+)?(?:default[ \t]+)?(?:async[ \t]+)?(?:function\b[ \t]*\*?|class)[ \t]*{name}\b"
    r"|^(?:export[ \t]+)?(?:const|let|var)[ \t]+{name}\b"
)
_CPP_SUFFIXES = (".cpp", ".cc", ".cxx", ".c++", ".C")
_CPP_ALIASES = ("c++", "cc", "cxx", "cpp11", "c++11", "cpp14", "c++14", "cpp17", "c++17", "c++20", "cpp23", "c++23")
_JAVA = ("/usr/bin/java", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:ActiveProcessorCount=2")
_NODE = ("/usr/bin/node", "--stack-size=65000", "--max-old-space-size={memory_mib}")
"""65,000 KiB of stack: JavaScript's recursion is then limited by memory, as that of the other languages is."""


_RUSTC = ("/usr/bin/rustc", "--edition", "2021", "-C", "opt-level=2", "-C", "codegen-units=1", "-C",
          "strip=symbols", "-A", "warnings")  # fmt: skip


_LINKED = ("-lm", "-Wl,--as-needed", "-l:libcrypto.so.3")
"""The last is linked only if it is used: MD5 and the like, which every image has for Python."""


_HARNESS = "/opt/gavel/harness/harness.o"
"""First among the objects: what it has the loader run before everything else then is first indeed."""


def _gcc(name: str, compiler: str, standard: str, suffixes: tuple[str, ...], aliases: tuple[str, ...]) -> Language:
    """-pipe: no temporary files between the compiler and the assembler."""
    flags = (f"-std={standard}", "-O2", "-pipe", "-fmax-errors=5")
    return Language(
        name=name,
        source_name=f"main{suffixes[0]}",
        suffixes=suffixes,
        compile_commands=((compiler, *flags, "-o", "{out}/main", "{sources}", *_LINKED),),
        joined=JoinedCommands(
            style="c",
            compile_commands=(
                (compiler, *flags, "-c", "-o", "unit.o", f"unit{suffixes[0]}"),
                ("/usr/bin/objcopy", "--redefine-sym", "main=gavel_test_main", "unit.o"),
                (compiler, "-o", "{out}/main", _HARNESS, "unit.o", *_LINKED),
            ),
            # The test keeps its own copies of all templates that it uses, and nobody else may have its symbols.
            apart_commands=(
                (compiler, *flags, "-c", "-o", "test.o", f"test{suffixes[0]}"),
                ("/usr/bin/ld", "-r", "--force-group-allocation", "-o", "apart.o", "test.o"),
                ("/usr/bin/objcopy", "--redefine-sym", "main=gavel_test_main", "--redefine-sym", "memcmp=gavel_memcmp",
                 "--keep-global-symbol", "gavel_test_main", "apart.o"),
                (compiler, *flags, "-c", "-o", "unit.o", f"unit{suffixes[0]}"),
                (compiler, "-o", "{out}/main", _HARNESS, "apart.o", "unit.o", *_LINKED),
            ),
        ),
        run_command=("{program}/main",),
        version_command=(compiler, "--version"),
        packages=(compiler.rpartition("/")[2], "libc6-dev"),
        libraries=("libboost-dev", "libssl-dev"),
        aliases=aliases,
        definition=_C_DEFINITION,
        body_end=_BRACE,
        image="slim",
    )  # fmt: skip


LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(
            name="python",
            source_name="main.py",
            suffixes=(".py",),
            compile_commands=(),
            run_command=("/usr/bin/python3", "main.py"),
            version_command=("/usr/bin/python3", "--version"),
            packages=("python3", "python3-pytest"),
            aliases=("py", "python3", "py3"),
            definition=r"^(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*(?::[^=\n]*)?=(?!=)"
            r"|^(?:from|import)\b[^\n]*\b{name}\b",
            body_end=r"^[^\s#]",
            image="slim",
        ),
        _gcc("c", "/usr/bin/gcc", "gnu17", (".c",), ("c11", "c17", "c99")),
        _gcc("cpp", "/usr/bin/g++", "gnu++17", _CPP_SUFFIXES, (*_CPP_ALIASES, "cpp20")),
        _gcc("cpp20", "/usr/bin/g++", "gnu++20", _CPP_SUFFIXES, (*_CPP_ALIASES, "cpp")),
        Language(
            name="java",
            source_name="Main.java",
            suffixes=(".java",),
            # JavaCompile (sandbox/image) is javac, but a public class may have any name.
            compile_commands=(
                (*_JAVA, "-XX:TieredStopAtLevel=1", "-XX:SharedArchiveFile=/opt/gavel/java/compile.jsa", "-jar",
                 "/opt/gavel/java/compile.jar", "{out}/program.jar", "{sources}"),
            ),
            run_command=(*_JAVA, "-Xss64m", "-Xmx{memory_mib}m", "-XX:+ExitOnOutOfMemoryError", "-jar",
                         "{program}/program.jar"),
            version_command=("/usr/bin/java", "--version"),
            packages=("openjdk-17-jdk-headless",),
            aliases=("java17", "java11", "java8"),
            definition=r"^[^\n;={{}}]*?\b{name}\s*\(|\b(?:class|interface|record|enum)\s+{name}\b",
            body_end=_BRACE,
            memory_status=3,
            unused=("/usr/lib/jvm/*/jmods", "/usr/lib/jvm/*/lib/src.zip", "/usr/lib/jvm/*/lib/ct.sym"),
        ),
        Language(
            name="javascript",
            source_name="main.js",
            suffixes=(".js",),
            compile_commands=(("/usr/bin/node", "--check", "main.js"),),
            run_command=(*_NODE, "{program}/main.js"),
            version_command=("/usr/bin/node", "--version"),
            packages=("nodejs",),
            aliases=("js", "node", "nodejs", "mjs", "cjs"),
            definition=_JS_DEFINITION,
            body_end=_BRACE,
            joined=JoinedCommands(
                style="javascript",
                compile_commands=(("/usr/bin/node", "--check", "main.js"),),
                run_command=(*_NODE, "/opt/gavel/harness/harness.js", "{program}/main.js"),
            ),
            runs_sources=True,
        ),
        Language(
            name="typescript",
            source_name="main.ts",
            suffixes=(".ts",),
            # Only the libraries that Node has: the browser's would take three times as long to read.
            compile_commands=(
                ("/usr/bin/node", "/usr/bin/tsc", "--target", "es2022", "--lib", "es2022", "--module", "commonjs",
                 "--skipLibCheck", "--types", "node", "--typeRoots", "/usr/share/nodejs/@types", "--pretty", "false",
                 "--outDir", "{out}", "{sources}"),
            ),
            run_command=(*_NODE, "{program}/main.js"),
            version_command=("/usr/bin/node", "/usr/bin/tsc", "--version"),
            packages=("nodejs", "node-typescript"),
            aliases=("ts",),
            definition=_JS_DEFINITION,
            body_end=_BRACE,
        ),
        Language(
            name="go",
            source_name="main.go",
            suffixes=(".go",),
            # What `go build` does for a program that needs the standard library only, without its cache.
            compile_commands=(
                ("/usr/bin/go", "tool", "compile", "-p", "main", "-complete", "-o", "main.o", "{sources}"),
                ("/usr/bin/go", "tool", "link", "-s", "-w", "-o", "{out}/main", "main.o"),
            ),
            run_command=("{program}/main",),
            version_command=("/usr/bin/go", "version"),
            packages=("golang-go",),
            aliases=("golang",),
            definition=r"^func\s+(?:\([^)\n]*\)\s*)?{name}\b|^(?:type|var|const)\s+{name}\b",
            body_end=_BRACE,
            # GOMAXPROCS: as many threads as the container has CPUs, not the host.
            environment=(("GOMAXPROCS", "2"), ("GOMEMLIMIT", "{memory_mib}MiB"), ("GOENV", "off")),
            unused=("/usr/share/go-*/src", "/usr/share/go-*/test", "/usr/share/go-*/api", "/usr/lib/go-*/pkg/*/cmd",
                    "/usr/lib/go-*/pkg/tool/*/[abd-kmo-z]*", "/usr/lib/go-*/pkg/tool/*/c[!o]*",
                    "/usr/lib/go-*/pkg/tool/*/cov*"),
        ),
        Language(
            name="rust",
            source_name="main.rs",
            suffixes=(".rs",),
            compile_commands=(
                (*_RUSTC, "-o", "{out}/main", "main.rs"),
            ),
            joined=JoinedCommands(
                style="rust",
                compile_commands=(
                    (*_RUSTC, "-C", "link-arg=/opt/gavel/harness/harness.o", "-o", "{out}/main", "unit.rs"),
                ),
            ),
            run_command=("{program}/main",),
            version_command=("/usr/bin/rustc", "--version"),
            packages=("rustc",),
            aliases=("rs",),
            definition=r"^(?:pub(?:\([^)\n]*\))?\s+)?(?:(?:const|async|unsafe)\s+)*"
            r"(?:fn|struct|enum|trait|type|static)\s+{name}\b",
            body_end=_BRACE,
        ),
        Language(
            name="bash",
            source_name="main.sh",
            suffixes=(".sh",),
            compile_commands=(("/bin/bash", "--norc", "-n", "main.sh"),),
            run_command=("/bin/bash", "--norc", "{program}/main.sh"),
            version_command=("/bin/bash", "--version"),
            packages=("bash", "bc", "gawk"),
            aliases=("sh", "shell"),
            definition=r"^(?:function[ \t]+)?{name}[ \t]*\(\)|^function[ \t]+{name}\b",
            body_end=_BRACE,
            runs_sources=True,
        ),
    )
}  # fmt: skip


def packages(image: str) -> list[str]:
    """Debian packages that ``image`` has over the one before it, in a fixed order."""
    own = {package for row in LANGUAGES.values() if row.image == image for package in row.packages}
    libraries = {package for row in LANGUAGES.values() for package in row.libraries} if image == IMAGES[-1] else set()
    return sorted(own | libraries)


def unused_paths(image: str) -> list[str]:
    """Shell patterns of what those packages bring for nothing."""
    return [path for row in LANGUAGES.values() if row.image == image for path in row.unused]


def languages_of(image: str) -> list[Language]:
    """The rows that ``image`` can run."""
    return [row for row in LANGUAGES.values() if IMAGES.index(row.image) <= IMAGES.index(image)]
