#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Several CPUs: hull run -c N."""
import os, random, signal, subprocess, time
from harness import (ACCEL, HULL, SLOW, SOAK, add_test, equal, execute, hull, hull_command, main, needs, program, same,
                     test, wait_until)

COUNTS = (1, 2, 4)
KILLS = 50 if ACCEL == "kvm" else 5
STOPS = 60 if SOAK else 6


def cpus(count, *words, timeout=30):
    return hull(program("cpus"), *words, options=("-c", str(count)), timeout=timeout)


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
    time.sleep(0.5 * SLOW)
    process.send_signal(signal.SIGTERM)
    try:
        out, err = process.communicate(timeout=20 * SLOW)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    equal("end", (process.returncode, out, err), (128 + signal.SIGTERM, b"", b""))


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on; None: there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def with_children(pid):
    """A process and its children: hull, and QEMU if it runs one."""
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != pid]
    return [pid] + [other for other in others if (stat_of(other) or [0, 0])[1] == str(pid)]


def cpu_seconds(pid):
    """User and system time."""
    stats = [stat_of(each) for each in with_children(pid)]
    return sum(int(s[11]) + int(s[12]) for s in stats if s) / os.sysconf("SC_CLK_TCK")


def is_gone(pid):
    return (stat_of(pid) or ["Z"])[0] == "Z"


@test
def an_idle_machine_takes_no_time():
    process = subprocess.Popen(hull_command([program("cpus"), "sleep", "60"], ("-c", "4")), start_new_session=True)
    try:
        time.sleep(1 * SLOW)
        before = cpu_seconds(process.pid)
        time.sleep(2)
        used = cpu_seconds(process.pid) - before
        assert process.poll() is None, f"it ended with status {process.returncode}"
        assert used < 0.02 * (1 if ACCEL == "kvm" else 5), f"{used} s of CPU time in 2 s of sleep"
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
        equal("status", process.wait(timeout=10), -signal.SIGKILL)
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
            out, _ = process.communicate(timeout=60 * SLOW)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        equal("places", (process.returncode, out.splitlines()[-1:]), (0, [b"4 CPUs, counter 0"]))


@test
def wrong_numbers_of_CPUs_are_bad_use():
    for wrong in ("0", "65", "-1", "two", "1.5", "", "99999999999999999999"):
        result = execute([HULL, "run", f"--cpus={wrong}", "/bin/true"], 20)
        equal("status", (result.returncode, result.stdout), (2, b""))
        assert b"from 1 to 64" in result.stderr, result.stderr


if __name__ == "__main__":
    main()
