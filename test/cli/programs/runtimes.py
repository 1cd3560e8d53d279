#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Language runtimes with threads and child processes, and the tools that look at processes: what they print
in Hull is what they print on the host.
"""
import os, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import TOP, equal, guest_only, host, hull, main, needs, program, same, test

SOURCES = f"{TOP}/test/linux/programs"
ROOMY = ("-m", "2G")


@test
def node_workers_and_child_processes():
    needs("node")
    same("node", f"{SOURCES}/workers.js", options=ROOMY)


@test
def perl_forks_and_signals():
    needs("perl")
    result = same("perl", f"{SOURCES}/processes.pl")
    assert b"not ok" not in result.stdout and b"1..31" in result.stdout, result.stdout


@test
def a_jvm_with_threads_and_garbage():
    needs("java", "javac")
    path = os.path.dirname(program("Threads.class"))
    for collector in ("-XX:+UseSerialGC", "-XX:+UseParallelGC", "-XX:+UseG1GC"):
        same("java", collector, "-Xmx256m", "-cp", path, "Threads", options=ROOMY)


@test
def ten_thousand_goroutines():
    needs("go")
    same(program("goroutines"), options=ROOMY)


@test
def openmp_on_several_cpus():
    for threads in ("1", "2", "4"):
        same(program("openmp"), options=("-c", threads), env={**os.environ, "OMP_NUM_THREADS": threads})


@test
def as_many_cpus_as_asked_for():
    for cpus in ("1", "2", "4"):
        result = hull("/bin/sh", "-c", "nproc; grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat",
                      options=("-c", cpus))
        equal(f"-c {cpus}", result.stdout.split(), [cpus.encode()] * 3)


@test
def ps_top_pgrep_and_kill():
    needs("ps", "top", "pgrep", "pkill")
    script = """
await() { until eval "$1"; do :; done; }
sleep 1000 & first=$!; sleep 1001 & second=$!; bash -c 'exec -a renamed sleep 1002' & third=$!
await '[ "$(ps -o stat=,comm= -p $first,$second,$third | grep -c "^S.* sleep$")" = 3 ]'
ps -o comm=,args= -p $first,$second; ps -o ppid= -p $first | tr -d ' ' | grep -cx $$; ps -o stat= -p $first | cut -c1
ps -o user=,pri=,ni= -p $first | wc -w; ps -o comm= --ppid $$ | grep -c '^sleep$'
top -b -n1 -p $first,$second | grep -c ' sleep'; top -b -n1 | head -1 | grep -c '^top - '
pgrep -x sleep | grep -cE "^($first|$second)$"; pgrep -P $$ sleep | wc -l; pgrep -f 'sleep 1001' | grep -cx $second
pidof sleep | tr ' ' '\\n' | grep -cx $first; cat /proc/$first/comm; tr '\\0' ' ' < /proc/$first/cmdline; echo
ls -l /proc/$first/exe | sed 's/.*-> //'; ls /proc/$first/task | wc -l; grep -E '^(Name|State|Threads|Uid)' /proc/$first/status
kill -STOP $first; await 'ps -o stat= -p $first | grep -q T'; ps -o stat= -p $first | cut -c1; kill -CONT $first; kill $first; wait $first 2>/dev/null; echo $?
pkill -P $$ -f 'sleep 1001'; wait $second 2>/dev/null; echo $?; ps -p $first,$second -o pid= | wc -l
gate=$(mktemp -u); mkfifo $gate; (true < $gate & exec sleep 1003) & await '[ "$(ps -o comm= -p $!)" = sleep ]'	# nobody waits for its child
: > $gate; rm $gate; await 'ps -o stat= --ppid $! | grep -q Z'; ps -o stat=,comm= --ppid $! | tr -s ' '
ps -o pid=,comm= -p 1 | wc -l; uptime | grep -c 'load average'; free | grep -c ^Mem; pstree $$ | head -1 | cut -c1-4
kill -9 $(jobs -p) 2>/dev/null; wait; kill -0 $first 2>/dev/null; echo $?; nproc > /dev/null && vmstat 1 1 | wc -l
"""
    results = [run("/bin/bash", "-c", script) for run in (host, hull)]
    equal("output", results[1].stdout.decode().splitlines(), results[0].stdout.decode().splitlines())


@test
def memory_runs_out_for_one_process_only():
    script = """perl -e 'my @all; push @all, "x" x 1000000 while 1' 2>/dev/null; echo "status $(($? > 0))"
for i in 1 2 3; do sh -c 'echo alive'; done"""
    result = guest_only(script, options=("-m", "128M"))
    equal("what goes on", result.stdout.split(b"\n"), [b"status 1", b"alive", b"alive", b"alive", b""])


@test
def a_fork_bomb_ends_in_an_error():
    script = """ulimit -u 150
python3 - <<END
import errno, os, signal
assert "Hull" in os.uname().version
children = []
try:
    while len(children) < 100000:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        children.append(pid)
except OSError as error:
    print("refused", errno.errorcode[error.errno], len(children) > 20, flush=True)
for pid in children:
    os.kill(pid, 9)
for pid in children:
    os.waitpid(pid, 0)
print("reaped", os.fork() == 0 or os.wait()[1])
END
echo after"""
    limited, unlimited = ("-u", "nobody:nogroup"), ()       # root has no such limit: memory ends it
    for user, error in ((limited, "EAGAIN"), (unlimited, "ENOMEM")):
        result = guest_only(script, options=("-m", "256M", *user))
        lines = [line for line in result.stdout.decode().splitlines() if line != "reaped True"]
        equal("the parent", lines, [f"refused {error} True", "reaped 0", "after"])


if __name__ == "__main__":
    main()
