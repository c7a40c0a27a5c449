"""Compiling is done in the sandbox, within limits of its own, once for duplicates; and tests that are built together
with a program count only if they ran to their end. On real containers with the slim image."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.classify import Ending, classify, classify_compile
from sandbox.facts import RunFacts
from sandbox.job import Job, Limits, Program, ProgramTest, StdioTests
from sandbox.pool import DockerExecutor
from tests.integration.sandbox_pool import pool_of

pytestmark = pytest.mark.docker
LIMITS = Limits(cpu_seconds=10, wall_seconds=60)
HONEST = '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", 2 * n); }'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def executor() -> AsyncIterator[DockerExecutor]:
    async with pool_of(1) as pool:
        yield pool


async def stdio(executor: DockerExecutor, program: Program, *stdins: bytes) -> RunFacts:
    return await executor.run(Job(program, StdioTests(stdins or (b"21\n",)), LIMITS))


@pytest.mark.parametrize(
    "source",
    [
        '#include "/dev/zero"',
        '#include "/dev/stdin"',
        '#include "/proc/self/environ"\n#include "/proc/self/maps"\n#include "/proc/1/environ"',
        '#include "main.cpp"',
        "int a[1 << 28] = {1}; int main() {}",
        "template <class T> struct L { typedef typename L<L<T>>::t t; }; L<int>::t x; int main() {}",
        "constexpr int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2); } constexpr int g = f(60); int main() {}",
        "#error " + "x" * 100_000,
        'asm(".rept 1000000000\\n.quad 0\\n.endr"); int main() {}',
    ],
)
async def test_a_compile_bomb_is_the_programs_own_failure(executor: DockerExecutor, source: str) -> None:
    facts = await stdio(executor, Program("cpp", source))
    assert classify_compile(facts) in {
        Ending.COMPILE_ERROR, Ending.TIME_LIMIT, Ending.MEMORY_LIMIT, Ending.OUTPUT_LIMIT,
    }  # fmt: skip
    assert len(facts.compile.message.encode()) <= 4 * 4096
    assert facts.attempts == 1
    honest = await stdio(executor, Program("c", HONEST))
    assert [case.stdout for case in honest.cases] == [b"42\n"]


async def test_duplicates_are_compiled_once(executor: DockerExecutor) -> None:
    program = Program("c", HONEST + "\n/* test_duplicates_are_compiled_once */")
    facts = await asyncio.gather(*(stdio(executor, program) for _ in range(4)))
    assert sorted(one.compile.cached for one in facts) == [False, True, True, True]
    assert all(one.cases[0].stdout == b"42\n" for one in facts)


async def test_a_cancelled_compile_leaves_nothing_to_the_next(executor: DockerExecutor) -> None:
    slow = Program("cpp", '#include <bits/stdc++.h>\nint main() { std::puts("done"); }\n// cancelled')
    running = asyncio.create_task(stdio(executor, slow))
    while not executor._artefacts._pending:
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait({running})
    facts = await stdio(executor, slow)
    assert (facts.compile.ok, facts.compile.cached, facts.cases[0].stdout) == (True, False, b"done\n")


async def test_no_case_can_change_the_program_for_the_next(executor: DockerExecutor) -> None:
    source = """
        #include <stdio.h>
        #include <sys/stat.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            int failed = chmod(argv[0], 0777) != 0;
            failed += unlink(argv[0]) != 0;
            FILE *own = fopen(argv[0], "wb");
            failed += own == NULL;
            printf("%d %d\\n", argc, failed);
        }
    """
    facts = await stdio(executor, Program("c", source), b"", b"")
    assert [case.stdout for case in facts.cases] == [b"1 3\n"] * 2


async def test_a_program_of_several_files(executor: DockerExecutor) -> None:
    files = (
        ("lib/twice.h", "int twice(int);"),
        ("twice.c", '#include "lib/twice.h"\nint twice(int n) { return 2 * n; }'),
    )
    main = '#include <stdio.h>\n#include "lib/twice.h"\nint main(void) { printf("%d\\n", twice(21)); }'
    facts = await stdio(executor, Program("c", main, files))
    assert facts.compile.ok, facts.compile.message
    assert facts.cases[0].stdout == b"42\n"
    python = Program("python", "from lib.twice import twice\nprint(twice(21))",
                     (("lib/twice.py", "def twice(n): return 2 * n"),))  # fmt: skip
    assert (await stdio(executor, python)).cases[0].stdout == b"42\n"


TEST = "#undef NDEBUG\n#include <assert.h>\nint main() {\n    assert(f(1) == 2);\n    assert(f(2) == 3);\n}"
RIGHT = "int f(int x) { return x + 1; }"
WRONG = "int f(int x) { return 2; }"


DECLARED = pytest.mark.parametrize("declaration", ["", "int f(int);"], ids=["joined", "apart"])


async def joined(
    executor: DockerExecutor, source: str, language: str = "cpp", declaration: str = "", test: str = TEST
) -> RunFacts:
    tests = ProgramTest(test, declaration=declaration)
    return await executor.run(Job(Program(language, source), tests, LIMITS))


@DECLARED
@pytest.mark.parametrize("source", [RIGHT, RIGHT + "\nint main() { return 1; }", "#define NDEBUG\n" + RIGHT])
async def test_a_right_program_completes_its_test(executor: DockerExecutor, source: str, declaration: str) -> None:
    for language in ("c", "cpp", "cpp20"):
        (case,) = (await joined(executor, source, language, declaration)).cases
        assert (classify(case), case.assert_completed) == (Ending.OK, True), case


@DECLARED
@pytest.mark.parametrize(
    "source",
    [
        WRONG,
        "#include <stdlib.h>\nint f(int x) { exit(0); }",
        "#include <unistd.h>\nint f(int x) { _exit(0); }",
        "#include <cstdlib>\nint f(int x) { std::quick_exit(0); }",
        "#include <cstdlib>\nstruct Early { Early() { _Exit(0); } } early;\n" + WRONG,
        "#include <cstdlib>\n#include <unistd.h>\nvoid bye() { _exit(0); }\nint f(int x) { atexit(bye); return 2; }",
        "#include <exception>\n#include <unistd.h>\nint f(int x) { std::set_terminate([] { _exit(0); }); throw 1; }",
        "#include <signal.h>\n#include <unistd.h>\nint f(int x) { signal(SIGABRT, [](int) { _exit(0); }); return 2; }",
        "#include <setjmp.h>\njmp_buf b; struct E { E() { setjmp(b); } } e; int f(int x) { longjmp(b, 1); }",
        "int f(int x) { throw 1; }",
        "int f(int x) { __builtin_trap(); }",
        WRONG + "\n#undef main\nint main() { return 0; }\n#define main other",
        WRONG + "\n#define __assert_fail(a, b, c, d) ((void)0)\n#define assert(x)\n#define NDEBUG",
        WRONG + "\n#def\\\nine assert(x)\n#define/*\n*/ __assert_fail(a, b, c, d) (void)0",
        'extern "C" void __assert_fail(const char *, const char *, unsigned, const char *) noexcept {}\n' + WRONG,
        'extern "C" int gavel_test_main() { return 0; }\n' + WRONG,
        WRONG + "\n/*",
        WRONG + "\n#if 0",
        WRONG + "\nnamespace hidden {",
        WRONG + '\nconst char *text = R"x(',
        "#include <unistd.h>\n"
        "struct E { E() { char s[64]; long n = read(5, s, 64); write(4, s, n > 0 ? n : 0); _exit(0); } } e;\n" + WRONG,
    ],
)
async def test_nothing_but_the_tests_own_end_completes_it(
    executor: DockerExecutor, source: str, declaration: str
) -> None:
    facts = await joined(executor, source, declaration=declaration)
    assert facts.attempts == 1
    assert [case.assert_completed for case in facts.cases] in ([], [False]), facts
    (case,) = (await joined(executor, RIGHT, declaration=declaration)).cases
    assert case.assert_completed


async def test_a_test_that_is_compiled_apart_shares_objects_and_exceptions_with_the_program(
    executor: DockerExecutor,
) -> None:
    declaration = """#include <map>
#include <stdexcept>
#include <string>
#include <vector>
std::map<std::string, std::vector<std::string>> f(const std::vector<std::string>& words, double limit);"""
    program = """#include <map>
#include <stdexcept>
#include <string>
#include <vector>
std::map<std::string, std::vector<std::string>> f(const std::vector<std::string>& words, double limit) {
    std::map<std::string, std::vector<std::string>> found;
    for (const auto& word : words) found[word.substr(0, 1)].push_back(word);
    if (found.size() > limit) throw std::out_of_range("too many");
    return found;
}"""
    test = """int main() {
    std::map<std::string, std::vector<std::string>> expected = {{"a", {"a", "ab"}}, {"b", {"b"}}};
    assert(f({"a", "ab", "b"}, 2) == expected);
    try { f({"a", "b"}, 1); assert(false); } catch (const std::out_of_range& error) {
        assert(std::string(error.what()) == "too many");
    }
}"""
    (case,) = (await joined(executor, program, declaration=declaration, test=test)).cases
    assert case.assert_completed, case
    (case,) = (await joined(executor, program.replace("0, 1", "0, 0"), declaration=declaration, test=test)).cases
    assert case.assert_message.startswith("AssertionError: f(")
