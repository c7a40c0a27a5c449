"""Every row of sandbox.languages, on real containers: one program per language whose first input word says what to do.

A row without a program here fails: adding a language is adding its row, and what it must show here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.classify import Ending, classify, classify_compile
from sandbox.facts import CaseFacts, RunFacts
from sandbox.images import connect, ensure_image
from sandbox.job import MIB, Job, Limits, Program, ProgramTest, StdioTests
from sandbox.languages import IMAGES, LANGUAGES
from sandbox.pool import DockerExecutor

pytestmark = pytest.mark.docker

C = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *square(void *n) { *(long *)n *= *(long *)n; return 0; }
static long depth(long n) { volatile long kept[4] = {n}; return n == 0 ? 0 : 1 + depth(kept[0] - 1); }
int main(void) {
    char word[16]; long n = 0; volatile long burnt = 0;
    if (scanf("%15s %ld", word, &n) < 1) return 1;
    if (!strcmp(word, "twice")) printf("%ld\\n", 2 * n);
    else if (!strcmp(word, "crash")) abort();
    else if (!strcmp(word, "burn")) for (;;) burnt++;
    else if (!strcmp(word, "hog")) for (;;) memset(malloc(1 << 20), 1, 1 << 20);
    else if (!strcmp(word, "depth")) printf("%ld\\n", depth(n));
    else if (!strcmp(word, "threads")) {
        long numbers[8], sum = 0; pthread_t threads[8];
        for (int i = 0; i < 8; i++) { numbers[i] = i; pthread_create(&threads[i], 0, square, &numbers[i]); }
        for (int i = 0; i < 8; i++) { pthread_join(threads[i], 0); sum += numbers[i]; }
        printf("%ld\\n", sum);
    }
}
"""
CPP = """
#include <bits/stdc++.h>
using namespace std;
long depth(long n) { volatile long kept[4] = {n}; return n == 0 ? 0 : 1 + depth(kept[0] - 1); }
int main() {
    string word; long n = 0; cin >> word >> n;
    if (word == "twice") cout << 2 * n << endl;
    if (word == "crash") throw runtime_error("crash");
    if (word == "burn") for (volatile long i = 0;; ) i = i + 1;
    if (word == "hog") for (vector<vector<char>> all;;) all.emplace_back(1 << 20, 'x');
    if (word == "depth") cout << depth(n) << endl;
    if (word == "threads") {
        atomic<long> sum{0}; vector<thread> threads;
        for (long i = 0; i < 8; i++) threads.emplace_back([&sum, i] { sum += i * i; });
        for (auto &one : threads) one.join();
        cout << sum << endl;
    }
}
"""
JS = """
const fs = require('fs');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
function depth(n) { return n === 0 ? 0 : 1 + depth(n - 1); }
if (!isMainThread) parentPort.postMessage(workerData * workerData);
else {
    const [word, n] = fs.readFileSync(0, 'utf8').split(/\\s+/);
    if (word === 'twice') console.log(2 * Number(n));
    if (word === 'crash') throw new Error('crash');
    if (word === 'burn') for (;;);
    if (word === 'hog') for (const all = [];;) all.push(Buffer.alloc(1 << 20, 1));
    if (word === 'depth') console.log(depth(Number(n)));
    if (word === 'threads') {
        let sum = 0, left = 2;
        for (const i of [5, 10]) new Worker(__filename, { workerData: i }).on('message', (square) => {
            sum += square + 7.5;
            if (--left === 0) console.log(sum);
        });
    }
}
"""
PROGRAMS = {
    "python": """
import sys, threading
sys.setrecursionlimit(10**6)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
word, *rest = sys.stdin.read().split()
n = int(rest[0]) if rest else 0
if word == "twice": print(2 * n)
if word == "crash": raise ValueError("crash")
if word == "burn":
    while True: pass
if word == "hog":
    every = []
    while True: every.append(b"x" * (1 << 20))
if word == "depth": print(depth(n))
if word == "threads":
    squares = []
    threads = [threading.Thread(target=lambda i=i: squares.append(i * i)) for i in range(8)]
    for one in threads: one.start()
    for one in threads: one.join()
    print(sum(squares))
""",
    "c": C,
    "cpp": CPP,
    "cpp20": "#include <concepts>\ntemplate <std::integral T> T same(T x) { return x; }\n" + CPP,
    "java": """
import java.util.*;
public class AnyNameWillDo {
    static long depth(long n) { return n == 0 ? 0 : 1 + depth(n - 1); }
    public static void main(String[] args) throws Exception {
        Scanner in = new Scanner(System.in);
        String word = in.next(); long n = in.hasNextLong() ? in.nextLong() : 0;
        switch (word) {
            case "twice": System.out.println(2 * n); break;
            case "crash": throw new IllegalStateException("crash");
            case "burn": for (long i = 0;; i++) if (i < 0) break;
            case "hog": for (List<byte[]> all = new ArrayList<>();;) { byte[] b = new byte[1 << 20];
                Arrays.fill(b, (byte) 1); all.add(b); }
            case "depth": System.out.println(depth(n)); break;
            case "threads":
                long[] squares = new long[8]; List<Thread> threads = new ArrayList<>();
                for (int i = 0; i < 8; i++) { int k = i; threads.add(new Thread(() -> squares[k] = k * k)); }
                for (Thread one : threads) one.start();
                for (Thread one : threads) one.join();
                System.out.println(Arrays.stream(squares).sum());
        }
    }
}
class Other { }
""",
    "javascript": JS,
    "typescript": JS.replace("const fs = require('fs');", "import * as fs from 'fs';")
    .replace("const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');",
             "import { Worker, isMainThread, parentPort, workerData } from 'worker_threads';")
    .replace("depth(n)", "depth(n: number): number", 1)
    .replace("const all = []", "const all: Buffer[] = []")
    .replace("(square)", "(square: number)")
    .replace("parentPort.post", "parentPort!.post"),
    "go": """
package main
import ("fmt"; "sync")
func depth(n int) int { if n == 0 { return 0 }; return 1 + depth(n-1) }
func main() {
    var word string; var n int
    fmt.Scan(&word, &n)
    switch word {
    case "twice": fmt.Println(2 * n)
    case "crash": panic("crash")
    case "burn": for { }
    case "hog":
        var all [][]byte
        for { b := make([]byte, 1<<20); for i := range b { b[i] = 1 }; all = append(all, b) }
    case "depth": fmt.Println(depth(n))
    case "threads":
        var wait sync.WaitGroup; squares := make([]int, 8); sum := 0
        for i := range squares { wait.Add(1); go func(k int) { squares[k] = k * k; wait.Done() }(i) }
        wait.Wait()
        for _, s := range squares { sum += s }
        fmt.Println(sum)
    }
}
""",
    "rust": """
use std::io::Read;
fn depth(n: i64) -> i64 {
    let kept = [n; 4];
    if n == 0 { 0 } else { 1 + depth(unsafe { std::ptr::read_volatile(&kept[0]) } - 1) }
}
fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let mut words = text.split_whitespace();
    let word = words.next().unwrap();
    let n: i64 = words.next().map_or(0, |w| w.parse().unwrap());
    match word {
        "twice" => println!("{}", 2 * n),
        "crash" => panic!("crash"),
        "burn" => loop { std::hint::spin_loop() },
        "hog" => { let mut all = vec![]; loop { all.push(vec![1u8; 1 << 20]) } }
        "depth" => println!("{}", depth(n)),
        "threads" => {
            let threads: Vec<_> = (0..8u64).map(|i| std::thread::spawn(move || i * i)).collect();
            println!("{}", threads.into_iter().map(|t| t.join().unwrap()).sum::<u64>());
        }
        _ => {}
    }
}
""",
    "bash": """
read -r word n
depth() { if (( $1 == 0 )); then total=0; else depth $(( $1 - 1 )); total=$(( total + 1 )); fi; }
case $word in
    twice) echo $(( 2 * n )) ;;
    crash) exit 3 ;;
    burn) while :; do :; done ;;
    hog) x=$(printf '%1048576s' x); for (( ;; )); do x+=$x; done ;;
    depth) depth "$n"; echo "$total" ;;
    threads) for i in {0..7}; do echo $(( i * i )) & done | awk '{ sum += $1 } END { print sum }' ;;
esac
""",
}  # fmt: skip
BROKEN = {
    "python": "print(1",
    "bash": "if true; then echo 1",
    "java": "class A { public static void main(String[] a) { int x = undefined; } }",
    "javascript": "const x = ;",
    "typescript": "const x: number = 'text';",
    "go": "package main\nfunc main() { x := 1 }",
    "rust": 'fn main() { let s = String::from("x"); drop(s); println!("{}", s); }',
}
DEPTH = {"bash": 500}
ROOM = Limits(cpu_seconds=10, wall_seconds=60)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def executor() -> AsyncIterator[DockerExecutor]:
    client = connect()
    ensure_image(client, lambda line: None, IMAGES[-1])
    client.close()
    pool = DockerExecutor(slots=1, image=IMAGES[-1])
    await pool.start()
    yield pool
    await pool.close()


def test_every_row_has_a_program_here() -> None:
    assert PROGRAMS.keys() == LANGUAGES.keys()


async def run(executor: DockerExecutor, language: str, *stdins: str, limits: Limits = ROOM) -> tuple[CaseFacts, ...]:
    job = Job(Program(language, PROGRAMS[language]), StdioTests(tuple(map(str.encode, stdins))), limits)
    facts = await executor.run(job)
    assert facts.compile.ok, facts.compile.message
    return facts.cases


@pytest.mark.parametrize("language", LANGUAGES)
async def test_programs_read_write_recurse_and_use_threads(executor: DockerExecutor, language: str) -> None:
    depth = DEPTH.get(language, 100_000)
    cases = await run(executor, language, "twice 21\n", "twice -4\n", f"depth {depth}\n", "threads 0\n")
    assert [classify(case) for case in cases] == [Ending.OK] * 4, cases
    assert [case.stdout for case in cases] == [b"42\n", b"-8\n", b"%d\n" % depth, b"140\n"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_error_of_the_program_is_told(executor: DockerExecutor, language: str) -> None:
    (case,) = await run(executor, language, "crash 0\n")
    assert classify(case) is Ending.RUNTIME_ERROR, case


@pytest.mark.parametrize("language", LANGUAGES)
async def test_cpu_time_is_limited(executor: DockerExecutor, language: str) -> None:
    (case,) = await run(executor, language, "burn 0\n", limits=Limits(cpu_seconds=1, wall_seconds=60))
    assert classify(case) is Ending.TIME_LIMIT, case
    assert case.usage.cpu_seconds >= 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_memory_is_limited(executor: DockerExecutor, language: str) -> None:
    limits = Limits(cpu_seconds=20, wall_seconds=120, memory_bytes=192 * MIB)
    (case,) = await run(executor, language, "hog 0\n", limits=limits)
    assert classify(case) is Ending.MEMORY_LIMIT, case


async def broken(executor: DockerExecutor, language: str) -> RunFacts:
    source = BROKEN.get(language, "int main(void) { return undefined; }")
    return await executor.run(Job(Program(language, source), StdioTests((b"", b"")), ROOM))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_does_not_compile_is_told_and_not_run(executor: DockerExecutor, language: str) -> None:
    facts = await broken(executor, language)
    assert classify_compile(facts) is Ending.COMPILE_ERROR
    assert facts.compile.message
    assert facts.cases == ()


async def test_the_image_says_which_version_of_each_language_it_has(executor: DockerExecutor) -> None:
    versions = {language.name: language.version for language in await executor.languages()}
    assert versions.keys() == LANGUAGES.keys()
    assert all(any(letter.isdigit() for letter in version) for version in versions.values())


RUST = """
use std::collections::HashMap;
#[derive(Debug, Clone, PartialEq)]
pub struct Point { x: i64, y: i64 }
#[derive(Debug, PartialEq)]
pub enum Problem { Empty(String) }
fn point(x: i64) -> Point { Point { x, y: 2 * x } }
fn name(n: i64) -> String { format!("{n}!") }
fn first(words: &[&str]) -> Result<String, Problem> {
    words.first().map(|word| word.to_string()).ok_or(Problem::Empty(vec!["none"].join("")))
}
fn counts(text: &str) -> HashMap<char, usize> {
    let mut all = HashMap::new();
    for c in text.chars() { *all.entry(c).or_insert(0) += 1; }
    all
}
"""
RUST_TEST = """
use std::collections::HashMap;
#[derive(Debug)]
struct Near(f64);
impl PartialEq<f64> for Near { fn eq(&self, other: &f64) -> bool { (self.0 - other).abs() < 1e-6 } }
fn main() {
    let candidate = point;
    assert_eq!(candidate(1), Point { x: 1, y: 2 }, "the point of {}", 1);
    assert_ne!(point(2), point(3));
    assert_eq!(name(3), "3!");
    assert_eq!(&name(4), &format!("{}!", 4));
    assert_eq!(vec![point(1)], [point(1)]);
    assert_eq!(first(&["a", "b"]), Ok("a".to_string()));
    assert_eq!(first(&[]), Err(Problem::Empty(String::from("none"))));
    assert_eq!(counts("aab"), HashMap::from([('a', 2), ('b', 1)]));
    assert_eq!(Near(0.1 + 0.2), 0.3);
    assert!(matches!(first(&[]), Err(Problem::Empty(_))));
}
"""


@pytest.mark.parametrize("ends_right", [True, False])
async def test_a_rust_test_compares_what_honest_programs_return(executor: DockerExecutor, ends_right: bool) -> None:
    test = RUST_TEST if ends_right else RUST_TEST.replace('"3!"', '"4!"')
    facts = await executor.run(Job(Program("rust", RUST), ProgramTest(test), Limits(memory_bytes=256 * MIB)))
    (case,) = facts.cases
    assert case.assert_completed is ends_right, (facts, case.assert_message)
