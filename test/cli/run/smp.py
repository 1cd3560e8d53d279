#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Several CPUs: hull run -c N."""
import os, random, signal, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import (ACCEL, GUARD, HULL, SLOW, SOAK, add_test, equal, execute, hull, hull_command, is_gone, main, program,
                     same, stat_of, test, wait_until)

COUNTS = (1, 2, 4)
KILLS = 50 if ACCEL == "kvm" else 5
STOPS = 60 if SOAK else 6


def cpus(count, *words):
    return hull(program("cpus"), *words, options=("-c", str(count)))


def nproc_case(count):
    def run():
        result = hull("nproc", options=("-c", str(count)))
        equal("nproc", (result.stdout, result.stderr, result.returncode), (b"%d\n" % count, b"", 0))
        result = hull("grep", "-c", "^processor", "/proc/cpuinfo", options=("-c", str(count)))
        equal("processors", result.stdout, b"%d\n" % count)
    add_test(f"-c {count}: as many CPUs as asked for", run)


def threads_case(count):
    def run():
        result = cpus(count, "where")
        lines = [f"thread {n} on CPU {n}\n" for n in range(count)] + [f"{count} CPUs, counter 0\n"]
        equal("places", (result.stdout, result.stderr), ("".join(lines).encode(), b""))
        result = cpus(count, "count", "100000")
        equal("sum", result.stdout, f"{count} CPUs, counter {count * 100000}\n".encode())
        same(program("openmp"), options=("-c", str(count)))
    add_test(f"-c {count}: threads on every CPU", run)


def exit_case(count):
    def run():
        for status in (0, 7, 255):
            result = cpus(count, "exit", str(status))
            equal("status", (result.returncode, result.stdout, result.stderr), (status, b"", b""))
    add_test(f"-c {count}: the program ends while all CPUs are busy", run)


for number in COUNTS:
    nproc_case(number)
for number in COUNTS:
    threads_case(number)
for number in COUNTS:
    exit_case(number)


@test
def a_signal_ends_a_program_that_keeps_all_CPUs_busy():
    process = subprocess.Popen(hull_command([program("cpus"), "spin"], ("-c", "4")), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        equal("its first words", process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=GUARD)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    equal("end", (process.returncode, out, err), (128 + signal.SIGTERM, b"", b""))


def with_children(pid):
    """A process and its children: hull, and QEMU if it runs one."""
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != pid]
    return [pid] + [other for other in others if (stat_of(other) or [0, 0])[1] == str(pid)]


def cpu_seconds(pid):
    """User and system time."""
    stats = [stat_of(each) for each in with_children(pid)]
    return sum(int(s[11]) + int(s[12]) for s in stats if s) / os.sysconf("SC_CLK_TCK")


def is_idle(process):
    """Whether it takes next to no CPU time in two seconds."""
    before = cpu_seconds(process.pid)
    time.sleep(2)
    assert process.poll() is None, f"it ended with status {process.returncode}"
    return cpu_seconds(process.pid) - before < 0.02 * (1 if ACCEL == "kvm" else 5)


@test
def an_idle_machine_takes_no_time():
    process = subprocess.Popen(hull_command([program("cpus"), "sleep", "600"], ("-c", "4")), stdout=subprocess.PIPE,
                               start_new_session=True)
    try:
        equal("its first words", process.stdout.readline(), b"ready\n")
        # What it has woken comes to rest after a while; what polls, never does.
        assert wait_until(lambda: is_idle(process)), "it takes CPU time in its sleep"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@test
def killed_at_random_moments_it_leaves_nothing():
    chance = random.Random(1)
    for _ in range(KILLS):
        process = subprocess.Popen(hull_command([program("cpus"), "spin"], ("-c", "4")), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(chance.random() * 0.03 * SLOW)
        all_pids = with_children(process.pid)
        process.kill()
        equal("status", process.wait(timeout=GUARD), -signal.SIGKILL)
        assert wait_until(lambda: all(map(is_gone, all_pids))), f"left: {all_pids}"


def stop_and_go(process, chance):
    """What a host does that has others to run, while the VM starts: its CPUs come late and wait long for each other."""
    end = time.monotonic() + 0.2 * SLOW
    while process.poll() is None and time.monotonic() < end:
        for number, longest in ((signal.SIGSTOP, 0.03), (signal.SIGCONT, 0.008)):
            for pid in with_children(process.pid):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            time.sleep(chance.random() * longest)


@test
def a_VM_that_is_stopped_again_and_again_while_it_starts_has_all_its_CPUs():
    chance = random.Random(2)
    for _ in range(STOPS):
        process = subprocess.Popen(hull_command([program("cpus"), "where"], ("-c", "4")), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            stop_and_go(process, chance)
            out, _ = process.communicate(timeout=GUARD)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        equal("places", (process.returncode, out.splitlines()[-1:]), (0, [b"4 CPUs, counter 0"]))


@test
def wrong_numbers_of_CPUs_are_bad_use():
    for wrong in ("0", "65", "-1", "two", "1.5", "", "99999999999999999999"):
        result = execute([HULL, "run", f"--cpus={wrong}", "/bin/true"], GUARD)
        equal("status", (result.returncode, result.stdout), (2, b""))
        assert b"from 1 to 64" in result.stderr, result.stderr


if __name__ == "__main__":
    main()
