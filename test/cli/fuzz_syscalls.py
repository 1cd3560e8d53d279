#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Random system calls from a seed (test/linux/programs/fuzz_syscalls.c): no panic, no hang, no leak. A failure
names the command that repeats the round. HULL_FUZZ_SEED chooses the seed, HULL_FUZZ_SECONDS the time.
"""
import os, re
from harness import ACCEL, CPUS, HULL, SLOW, SOAK, add_test, execute, hull_command, main, program

SEED = int(os.environ.get("HULL_FUZZ_SEED", {"": 1, "2": 11, "4": 21}.get(CPUS, 31)))
SECONDS = int(os.environ.get("HULL_FUZZ_SECONDS", 1800 if SOAK and ACCEL == "kvm" else 600 if SOAK else 75 if ACCEL == "kvm" else 45))
WARM_UP = 16                    # rounds until the kernel has what it keeps
COUNTERS = re.compile(r"counters (\d+) available_kib (-?\d+) slab_kib (-?\d+) tables_kib (-?\d+) files (-?\d+) tasks (-?\d+) "
                      r"anonymous_kib (-?\d+) by size.*?; objects (\d+)")
# With caches dropped, what is left varies with who is late to be freed; a leak grows with the rounds. In a quiet
# kernel objects stay within 15 of each other over 1,000 rounds, memory within 60 KiB.
OBJECTS, OBJECTS_A_ROUND = 40, 0.2
MEMORY_KIB, MEMORY_KIB_A_ROUND = 256, 0.5


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
    table = "\n".join(map(str, found))
    assert last[5] == first[5], f"tasks: {first[5]} became {last[5]}\n{table}"
    assert last[4] <= first[4], f"open files: {first[4]} became {last[4]} in {rounds} rounds\n{table}"
    assert last[7] - first[7] <= OBJECTS + OBJECTS_A_ROUND * rounds, f"objects: {first[7]} became {last[7]}\n{table}"
    for name, column, sign in (("available memory", 1, -1), ("slab", 2, 1), ("page tables", 3, 1), ("anonymous", 6, 1)):
        growth = sign * (last[column] - first[column])
        assert growth <= MEMORY_KIB + MEMORY_KIB_A_ROUND * rounds, \
            f"{name}: {growth} KiB lost in {rounds} rounds\n{table}"


def fuzz(seed):
    command = [program("fuzz_syscalls"), "--seed", str(seed), "--seconds", str(SECONDS), "--check"]
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


for number in range(SEED, SEED + (1 if ACCEL == "tcg" and not SOAK else 2)):
    add_test(f"random system calls, seed {number}", lambda seed=number: fuzz(seed))

if __name__ == "__main__":
    main()
