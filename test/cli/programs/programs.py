#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs as Debian ships them and as its compilers make them: their output equals the host's."""
import os, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import TOP, add_test, hull, main, needs, program, same, test

PYTHON = "/usr/bin/python3"
IMPORTS = """
import json, ssl, sqlite3, decimal, threading, hashlib, zlib, re, struct, ctypes, queue
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values(?, ?)", [(i, i * i) for i in range(1000)])
results = []
threads = [threading.Thread(target=lambda n=n: results.append(sum(range(n * 1000)))) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(json.dumps({"sum": db.execute("select sum(b) from t").fetchone()[0], "threads": sorted(results),
                  "ssl": ssl.OPENSSL_VERSION, "pi": str(decimal.Decimal(2).sqrt()),
                  "sha": hashlib.sha256(zlib.compress(b"x" * 100000)).hexdigest()}, indent=1))
"""
LUA = "local t = {} for i = 1, 1000 do t[i] = i * i end print(_VERSION, #t, string.format('%.3f', t[77] / 3))"
PERL = "my %h = map { $_ => $_ ** 2 } 1..100; print join(',', map { \"$_=$h{$_}\" } sort { $a <=> $b } keys %h), qq(\\n)"
AWK = 'BEGIN { for (i = 1; i <= 1000; i++) { s += sqrt(i); k[i % 7]++ } printf "%.6f %d\\n", s, k[3] }'
SQL = """create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
insert into t select i, hex(i) from n;
select count(*), sum(a), max(b), group_concat(distinct substr(b, 1, 1)) from t;"""
NODE = """
const crypto = require('crypto');
const words = {};
for (let i = 0; i < 200000; i++) { const k = 'k' + i % 997; words[k] = (words[k] || 0) + i; }
Promise.all([1, 2, 3].map(n => new Promise(r => setTimeout(() => r(n * n), 5 * n)))).then(v => {
  console.log(v, Object.keys(words).length, words.k7);
  crypto.pbkdf2('a', 'b', 1000, 16, 'sha256', (e, key) => console.log(key.toString('hex')));
});"""

WORKER = """
const { Worker } = require("worker_threads");
new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true }).on("message", console.log);"""
PERL_THREADS = """use threads;
print join(",", map { $_->join } map { my $n = $_; threads->create(sub { $n * $n }) } 1..5), "\\n";"""


def program_case(name, *arguments):
    add_test(name, lambda: same(program(name), *arguments))


def command_case(name, *command, **more):
    def run():
        needs(command[0])
        same(*command, **more)
    add_test(name, run)


command_case("busybox echo", "/bin/busybox", "echo", "hello")
command_case("python3 with imports", PYTHON, "-c", IMPORTS)
command_case("python3 traceback", PYTHON, "-c", "import json\njson.loads('{')")
command_case("sqlite3", "sqlite3", ":memory:", SQL)
command_case("lua5.4", "lua5.4", "-e", LUA)
command_case("perl", "perl", "-e", PERL)
command_case("awk", "awk", AWK)
command_case("gawk", "gawk", AWK + " BEGIN { print toupper(strftime(\"%Y\", 0)) }")
command_case("bc", "bc", "-lq", input=b"scale=50\n4*a(1)\n2^200\n")
command_case("jq", "jq", "-c", "[.[] | select(. % 3 == 0) | . * 2] | add", input=str(list(range(500))).encode())
command_case("node", "node", "-e", NODE)
command_case("node worker", "node", "-e", WORKER)
command_case("perl threads", "perl", "-e", PERL_THREADS)
command_case("vim as an editor of streams", "vim", "-es", "-u", "NONE", "-c", "r /etc/passwd", "-c", "%p", "-c", "q!")
command_case("java", "java", "-version")
command_case("find and its metadata", "find", "kernel", "-type", "f", "-printf", "%p %s %m %n %T@\\n", cwd=TOP)
command_case("a script with #!", "/usr/bin/ldd", "--version")
program_case("hello", "one", "", "two words", "\u20ac")
program_case("hello-static", "x")
program_case("hello-static-pie", "x")
program_case("hello-no-pie", "x")
program_case("hello-musl", "x")
program_case("hello-minimal")
program_case("throw")
program_case("stencil")
program_case("openmp")
program_case("hello-go")
program_case("hello-rust")


@test
def compute_has_the_same_checksum():
    for kind in ("cpu", "memory"):
        same(program("compute"), kind, "3", stderr=False)


@test
def xz_there_and_back():
    data = b"".join(b"line %d of the text\n" % (i * i % 10007) for i in range(30000))
    packed = same("xz", "-c", "-2", input=data).stdout
    assert hull("xz", "-dc", input=packed).stdout == data, "xz -d does not give back what xz took"


@test
def openssl_speed_and_digest():
    same("openssl", "dgst", "-sha256", input=b"digest me" * 1000)
    result = hull("openssl", "speed", "-seconds", "1", "-bytes", "1024", "sha256")
    assert result.returncode == 0 and b"sha256" in result.stdout, result


if __name__ == "__main__":
    main()
