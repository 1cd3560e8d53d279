# SPDX-License-Identifier: BSD-2-Clause
"""
Runs a fuzzer of test/linux/programs in a guest by a seed: no panic, no hang, and by the counters that it prints between
its rounds, no leak. A failure names the command that repeats the round. HULL_FUZZ_SEED chooses the seed,
HULL_FUZZ_SECONDS the time.
"""
import os, re
from harness import ACCEL, CPUS, GUARD, HULL, execute, hull_command, program

SEED = int(os.environ.get("HULL_FUZZ_SEED", {"": 1, "2": 11, "4": 21}.get(CPUS, 31)))

WARM_UP = 16                    # rounds until the kernel has what it keeps
COUNTERS = re.compile(r"counters (\d+) available_kib (-?\d+) slab_kib (-?\d+) tables_kib (-?\d+) files (-?\d+) tasks (-?\d+) "
                      r"anonymous_kib (-?\d+) by size.*?; objects (\d+)")
# With caches dropped, what is left varies with who is late to be freed; a leak grows with the rounds. In a quiet
# kernel objects stay within 15 of each other over 1,000 rounds, memory within 60 KiB.
OBJECTS, OBJECTS_A_ROUND = 40, 0.2
MEMORY_KIB, MEMORY_KIB_A_ROUND = 256, 0.5


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


def repeat(name, seed, number, options):
    cpus = f" -c {CPUS}" if CPUS else ""
    return (f"{HULL} run --accel {ACCEL}{cpus} -m 512M {' '.join(options)} {program(name)} --seed {seed} "
            f"--first {number} --count 1")


def fuzz(name, seed, rounds, options=(), seconds=0):
    """
    The program by that name: so many rounds, which are as many on a slow machine; or for so many seconds, which
    HULL_FUZZ_SECONDS overrides.
    """
    seconds = int(os.environ.get("HULL_FUZZ_SECONDS", seconds))
    amount = ["--seconds", str(seconds)] if seconds else ["--count", str(rounds)]
    command = ["--", program(name), "--seed", str(seed), *amount, "--check"]
    try:
        result = execute(hull_command(command, ("-m", "512M", *options)), seconds + GUARD)
        output, status, errors = result.stdout.decode(errors="replace"), result.returncode, result.stderr
    except AssertionError as hang:
        output, status, errors = str(hang), "hang", b""
    begun = re.findall(r"round (\d+)\n", output)
    summary = re.findall(r"\d+ rounds, \d+ calls.*", output)
    print(f"# seed {seed}: {summary[-1] if summary else 'no summary'}", flush=True)
    end = "\n".join(line[-300:] for line in output.splitlines()[-8:])
    assert status == 0 and summary, (f"status {status} in round {begun[-1] if begun else '?'}\n{end}\n"
                                     f"{errors.decode(errors='replace')[-3000:]}\n"
                                     f"repeat: {repeat(name, seed, begun[-1] if begun else 0, options)}")
    check_leaks(output)
