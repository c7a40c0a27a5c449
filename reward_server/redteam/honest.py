"""The honest programs: in each language one that solves the task of all attacks, whatever form of test it meets.

It reads one line and no further, so that it also talks with an interactor, which leaves its input open.
"""

from __future__ import annotations

_PYTHON = """
import json, math, random, sys, tempfile

def mix(n):
    with tempfile.TemporaryFile() as file:  # the work directory can be written, the standard library is whole
        file.write(json.dumps([n, math.floor(2.5), random.Random(0).randrange(10)]).encode())
    return [(n * 7919 + 104729 + k * 31337) % 1000003 for k in range(3)]

if __name__ == "__main__":
    print(*mix(int(input())), sep="\\n")
"""
_C = """
#include <stdio.h>
void mix(long n, long out[3]) {
    for (long k = 0; k < 3; k++) out[k] = (n * 7919 + 104729 + k * 31337) % 1000003;
}
int main(void) {
    long n, out[3];
    if (scanf("%ld", &n) != 1) return 1;
    mix(n, out);
    printf("%ld\\n%ld\\n%ld\\n", out[0], out[1], out[2]);
}
"""
_CPP = """
#include <iostream>
#include <vector>
std::vector<long> mix(long n) {
    std::vector<long> out;
    for (long k = 0; k < 3; k++) out.push_back((n * 7919 + 104729 + k * 31337) % 1000003);
    return out;
}
int main() { long n; std::cin >> n; for (long value : mix(n)) std::cout << value << "\\n"; }
"""
_JAVA = """
public class Main {
    public static void main(String[] arguments) {
        long n = new java.util.Scanner(System.in).nextLong();
        for (long k = 0; k < 3; k++) System.out.println((n * 7919 + 104729 + k * 31337) % 1000003);
    }
}
"""
_JAVASCRIPT = """
function mix(n) { return [0, 1, 2].map(k => (n * 7919 + 104729 + k * 31337) % 1000003); }
if (typeof require !== "undefined") {
    const fs = require("fs"), byte = Buffer.alloc(1);
    let line = "";
    while (fs.readSync(0, byte) === 1 && byte[0] !== 10) line += byte;
    if (line) console.log(mix(Number(line)).join("\\n"));
}
"""
_TYPESCRIPT = """
import * as fs from "fs";
function mix(n: number): number[] { return [0, 1, 2].map(k => (n * 7919 + 104729 + k * 31337) % 1000003); }
const byte = Buffer.alloc(1);
let line = "";
while (fs.readSync(0, byte) === 1 && byte[0] !== 10) line += byte.toString();
console.log(mix(Number(line)).join("\\n"));
"""
_GO = """
package main
import "fmt"
func main() {
    var n int64
    fmt.Scan(&n)
    for k := int64(0); k < 3; k++ { fmt.Println((n*7919 + 104729 + k*31337) % 1000003) }
}
"""
_RUST = """
pub fn mix(n: i64) -> Vec<i64> { (0..3).map(|k| (n * 7919 + 104729 + k * 31337) % 1000003).collect() }
fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    for value in mix(line.trim().parse().unwrap()) { println!("{}", value); }
}
"""
_BASH = """
read -r n
for k in 0 1 2; do echo $(((n * 7919 + 104729 + k * 31337) % 1000003)); done
"""
HONEST = {
    "python": _PYTHON,
    "c": _C,
    "cpp": _CPP,
    "java": _JAVA,
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "go": _GO,
    "rust": _RUST,
    "bash": _BASH,
}
