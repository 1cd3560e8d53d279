#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Random system calls from a seed (test/linux/programs/fuzz_syscalls.c): no panic, no hang, no leak. A failure
names the command that repeats the round. HULL_FUZZ_SEED chooses the seed, HULL_FUZZ_SECONDS the time.
"""
import os, re
from harness import ACCEL, CPUS, HULL, SLOW, SOAK, execute, hull_command, main, program, test

SEED = os.environ.get("HULL_FUZZ_SEED", "1")
SECONDS = int(os.environ.get("HULL_FUZZ_SECONDS", 3600 if SOAK and ACCEL == "kvm" else 600 if SOAK else 60 if ACCEL == "kvm" and not CPUS else 30))
WARM_UP = 32                    # rounds until caches are what they will be
COUNTERS = re.compile(r"counters (\d+) available_kib (-?\d+) slab_kib (-?\d+) tables_kib (-?\d+) files (-?\d+) tasks (-?\d+)")
LEAK_KIB_A_ROUND = 1.0          # beyond this, in the mean, the kernel's memory grows


def repeat(seed, number):
    cpus = f" -c {CPUS}" if CPUS else ""
    return (f"{HULL} run --accel {ACCEL}{cpus} -m 512M {program('fuzz_syscalls')} --seed {seed} --first {number} --count 1")


def check_leaks(output):
    found = [tuple(map(int, match)) for match in COUNTERS.findall(output)]
    later = [row for row in found if row[0] >= WARM_UP]
    if len(later) < 2:
        return
    first, last = later[0], later[-1]
    rounds = last[0] - first[0]
    assert last[5] == first[5], f"tasks: {first[5]} became {last[5]}"
    assert last[4] <= first[4], f"open files: {first[4]} became {last[4]} in {rounds} rounds"
    for name, column, sign in (("available memory", 1, -1), ("slab", 2, 1), ("page tables", 3, 1)):
        growth = sign * (last[column] - first[column])
        assert rounds < 50 or growth <= LEAK_KIB_A_ROUND * rounds, \
            f"{name}: {growth} KiB lost in {rounds} rounds\n" + "\n".join(map(str, later))


def fuzz(seed):
    command = [program("fuzz_syscalls"), "--seed", seed, "--seconds", str(SECONDS), "--check"]
    try:
        result = execute(hull_command(command, ("-m", "512M")), SECONDS + 60 * SLOW)
        output, status, errors = result.stdout.decode(errors="replace"), result.returncode, result.stderr
    except AssertionError as hang:
        output, status, errors = str(hang), "hang", b""
    rounds = re.findall(r"round (\d+)\n", output)
    summary = re.findall(r"\d+ rounds, \d+ calls.*", output)
    print(f"# seed {seed}: {summary[-1] if summary else 'no summary'}", flush=True)
    assert status == 0 and summary, (f"status {status} in round {rounds[-1] if rounds else '?'}\n{output[-1500:]}\n"
                                     f"{errors.decode(errors='replace')[-3000:]}\n"
                                     f"repeat: {repeat(seed, rounds[-1] if rounds else 0)}")
    check_leaks(output)


@test
def random_system_calls():
    fuzz(SEED)


@test
def random_system_calls_of_another_seed():
    fuzz(str(int(SEED) + 1))


if __name__ == "__main__":
    main()
