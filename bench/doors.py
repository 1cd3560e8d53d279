# SPDX-License-Identifier: BSD-2-Clause
"""
What each way into the kernel costs, and what it is worth to programs: by the trap (--no-patch), by sites patched
while the program runs, by libraries rewritten ahead of time (`hull rewrite`), beside a process of the host's. One
CPU, on KVM and emulated, the client in the same guest; round after round, side after side. Of a program count its
own rate, the CPU time of the whole run (the guest's start, its client and all) for each thing done, and, where the
work is a given amount, the time of the whole run, from the command to its exit.
"""
import contextlib, os, re, shutil, tempfile, time
from figures import Sample
from processes import finished, used_ns

HOST, DOORS = "host", ("trap", "while it runs", "ahead of time")
COLUMNS = (HOST, *DOORS)
EMULATED = {f"TCG, {door}": door for door in DOORS}
WORTH = (*COLUMNS, "ahead / trap", *EMULATED, "TCG, ahead / trap")
ROUNDS, EMULATED_ROUNDS = 5, 3
RATE, TIME, CPU = "What it is worth: a second", "The same: time of the whole run", "The same: CPU time of the whole run, each"
LIBRARIES = [f"/lib/x86_64-linux-gnu/{name}" for name in (
    "libc.so.6", "libpthread.so.0", "libm.so.6", "libdl.so.2", "libsqlite3.so.0", "libcrypto.so.3", "libssl.so.3")]
CALLS = {"getppid": "getppid", "read": "read, refused", "syscall": "getppid by syscall(3)",
         "pipe": "a byte through a pipe: two calls"}

REDIS = """
f=$(mktemp -d); cd $f; redis-server --port 0 --unixsocket $f/s --save '' --daemonize yes > /dev/null
until redis-cli -s $f/s ping > /dev/null 2>&1; do sleep 0.02; done
redis-benchmark -s $f/s -t get -n $1 -c 16 --csv 2> /dev/null | sed -n 's/^"GET","\\([0-9.]*\\)".*/rate \\1/p'
echo done $1; redis-cli -s $f/s shutdown nosave; rm -rf $f
"""
NGINX = """
f=$(mktemp -d); cd $f; chmod 755 $f; head -c 612 /dev/zero > index.html
cat > c <<END
daemon on; worker_processes 1; pid $f/pid; error_log $f/log; events {}
http { access_log off; client_body_temp_path $f/t; proxy_temp_path $f/t; fastcgi_temp_path $f/t; uwsgi_temp_path $f/t;
scgi_temp_path $f/t; server { listen 127.0.0.1:8099; root $f; } }
END
/usr/sbin/nginx -p $f -c $f/c -e $f/log
wrk -t 1 -c 16 -d 2 http://127.0.0.1:8099/ | sed -n 's/^Requests.sec: */rate /p; s/^ *\\([0-9]*\\) requests in.*/done \\1/p'
kill $(cat pid); while [ -e pid ]; do sleep 0.02; done; rm -rf $f
"""
SQLITE = """
f=$(mktemp -d); cd $f
{ echo 'pragma synchronous = off; create table t(a integer primary key, b);'
  for i in $(seq $1); do echo "insert into t(b) values('row $i');"; done; } > sql
s=$(date +%s%N); sqlite3 db < sql > /dev/null; e=$(date +%s%N)
echo rate $(($1 * 1000000000 / (e - s))); echo done $1; rm -rf $f
"""
PYTHON = """
exec python3 -c "
import os, time
f = os.open('/dev/zero', os.O_RDONLY); n = $1; s = time.perf_counter()
for i in range(n): os.read(f, 512); os.getppid()
print('rate', 2 * n / (time.perf_counter() - s)); print('done', 2 * n)"
"""
# The last: how much is to be done, if that is given; emulated it is a fifth.
PROGRAMS = (("redis: GET, 16 clients on a UNIX socket", REDIS, ("redis-server", "redis-benchmark"), 40000),
            ("nginx: 612 bytes, wrk with 16 connections", NGINX, ("/usr/sbin/nginx", "wrk"), 0),
            ("sqlite3: transactions of one row, not synced", SQLITE, ("sqlite3",), 3000),
            ("python3: os.read and os.getppid in a loop", PYTHON, ("python3",), 60000))
EMULATED_PART = 5


def command(hull, side, libraries, *words):
    """The host's files are in memory, as a guest's are."""
    if side == HOST:
        return ["env", "TMPDIR=/dev/shm", "taskset", "-c", "0", *words]
    accel, door = ("tcg", EMULATED[side]) if side in EMULATED else ("kvm", side)
    options = dict(zip(DOORS, (["--no-patch"], [], ["-e", f"LD_LIBRARY_PATH={libraries}"])))[door]
    return [hull, "run", "--accel", accel, "-c", "1", "-m", "1G", *options, *words]


@contextlib.contextmanager
def rewritten(hull):
    with tempfile.TemporaryDirectory(prefix="hull-bench-") as folder:
        files = [path for path in LIBRARIES if os.path.exists(path)]
        result = finished([hull, "rewrite", "-q", *files, "-o", folder])
        assert result.returncode == 0, f"hull rewrite: {result.stderr}"
        yield folder


def bench_calls(table, hull, build, libraries):
    found, units = {}, {}
    for _ in range(ROUNDS):
        for side in COLUMNS:
            words = command(hull, side, libraries, f"{build}/bench/doors")
            for line in table.quiet.take(lambda words=words: finished(words, 240)).stdout.splitlines():
                name, value, units[name] = line.split()
                found.setdefault(name, {}).setdefault(side, []).append(float(value))
    for kind in ("cycles", "rate"):
        for name, label in CALLS.items():
            values = found.get(f"{name}-{kind}", {})
            best = {side: (min if kind == "cycles" else max)(v) for side, v in values.items()}
            table.add(label, units.get(f"{name}-{kind}", ""), best,
                      "Cycles" if kind == "cycles" else "Calls per second")


def run(words):
    """{what: value} of one run."""
    start, used = time.perf_counter(), used_ns()
    result = finished(words, 240)
    seconds, microseconds = time.perf_counter() - start, (used_ns() - used) / 1000
    said = dict(re.findall(r"^(rate|done) ([0-9.]+)$", result.stdout, re.MULTILINE))
    assert result.returncode == 0 and {"rate", "done"} <= said.keys() and float(said["done"]) > 0, \
        f"{' '.join(words[:9])} …: status {result.returncode}: {(result.stderr or result.stdout)[-200:]}"
    return {RATE: float(said["rate"]), TIME: seconds, CPU: microseconds / float(said["done"])}


def in_turns(table, hull, libraries, script, amount):
    """{what: {side: median}}."""
    found, has_qemu = {}, shutil.which("qemu-system-x86_64") is not None
    for turn in range(ROUNDS):
        for side in (*COLUMNS, *(EMULATED if has_qemu and turn < EMULATED_ROUNDS else ())):
            number = amount // EMULATED_PART if side in EMULATED else amount
            words = command(hull, side, libraries, "/bin/bash", "-c", script, "-", str(number))
            for what, value in table.quiet.take(lambda words=words: run(words)).items():
                found.setdefault(what, {}).setdefault(side, []).append(value)
    return {what: {side: Sample.of(v) for side, v in row.items()} for what, row in found.items()}


def bench_programs(table, hull, libraries):
    for what in (RATE, TIME, CPU):
        table.set_columns(what, WORTH)
    for label, script, needed, amount in PROGRAMS:
        if not all(map(shutil.which, needed)):
            continue
        try:
            found = in_turns(table, hull, libraries, script, amount)
        except AssertionError as error:
            table.fail(label, error)
            continue
        for what, unit in ((RATE, "1/s"), *(((TIME, "s"),) if amount else ()), (CPU, "µs")):
            row = found[what]
            for column, trap, ahead in (("ahead / trap", *DOORS[::2]), ("TCG, ahead / trap", *list(EMULATED)[::2])):
                if trap in row and ahead in row:
                    row[column] = row[ahead] / row[trap]
            table.add(label, unit, row, what)


def measure(table, hull, build):
    with rewritten(hull) as libraries:
        bench_calls(table, hull, build, libraries)
        bench_programs(table, hull, libraries)
