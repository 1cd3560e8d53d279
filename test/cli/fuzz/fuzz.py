#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Corrupted and truncated ELF files: each mutation of a seeded series is one program for one guest. It may
run, be refused (126) or die of a signal; the guest must not panic and must not hang. A short run takes as
many as fit in its time; a soak takes 2,500, and HULL_FUZZ_FIRST=N HULL_FUZZ_COUNT=1 repeats one.
"""
import concurrent.futures, os, random, struct, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, SOAK, hull, main, program, scratch, test

CORPUS = ("hello-minimal", "hello-static", "hello", "hello-static-pie")
FIRST = int(os.environ.get("HULL_FUZZ_FIRST", "0"))
COUNT = int(os.environ.get("HULL_FUZZ_COUNT", "2500"))
SECONDS = None if SOAK or "HULL_FUZZ_COUNT" in os.environ else 10 if ACCEL == "kvm" else 5
INTERESTING = (0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 40,
               (1 << 47) - 4096, 1 << 47, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096, 0xffffffff80000000)
PANIC = (b"panic", b"PANIC", b"assert", b"BUG")


def mutate_headers(rng, image):
    """One to three fields of the ELF header or the program headers."""
    table, entries = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    for _ in range(rng.randint(1, 3)):
        end = table + 56 * entries if rng.random() < 0.75 else 64
        at = rng.randrange(16 if end == 64 else min(table, end - 1), end)
        size = rng.choice((1, 2, 4, 8))
        at -= at % size
        value = rng.choice(INTERESTING) if rng.random() < 0.6 else rng.getrandbits(64)
        image[at:at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def mutate_bytes(rng, image):
    for _ in range(rng.choice((1, 4, 32))):
        image[rng.randrange(len(image))] = rng.getrandbits(8)


def mutate_length(rng, image):
    del image[rng.randrange(len(image)) if rng.random() < 0.5 else rng.randrange(min(len(image), 1024)):]


def mutation(seed):
    rng = random.Random(seed)
    with open(program(rng.choices(CORPUS, (6, 2, 2, 1))[0]), "rb") as file:
        image = bytearray(file.read())
    rng.choices((mutate_headers, mutate_bytes, mutate_length), (6, 2, 2))[0](rng, image)
    return bytes(image)


def run_one(folder, seed):
    """What was wrong, or None."""
    path = f"{folder}/mutation-{seed}"
    with open(path, "wb") as file:
        file.write(mutation(seed))
    os.chmod(path, 0o755)
    try:
        result = hull(path)
    except AssertionError as hang:
        return f"seed {seed}: {hang}"
    finally:
        os.unlink(path)
    if any(word in result.stderr for word in PANIC) or b"Traceback" in result.stderr:
        return f"seed {seed}: {result.stderr[-800:]}"
    if result.returncode == 126 and not result.stderr:
        return f"seed {seed}: refused without a message"
    if result.returncode < 0:
        return f"seed {seed}: hull itself died of signal {-result.returncode}"
    return None


@test
def corrupted_elf_files():
    start, wrong, done = time.monotonic(), [], 0
    with scratch() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for first in range(FIRST, FIRST + COUNT, 16):
            if SECONDS and time.monotonic() - start > SECONDS or len(wrong) > 5:
                break
            seeds = range(first, min(first + 16, FIRST + COUNT))
            wrong += [w for w in pool.map(lambda seed: run_one(folder, seed), seeds) if w]
            done += len(seeds)
    print(f"# {done} mutations", flush=True)
    assert not wrong, "\n".join(wrong) + "\nrepeat: HULL_FUZZ_FIRST=SEED HULL_FUZZ_COUNT=1 test/cli/fuzz/fuzz.py"


if __name__ == "__main__":
    main()
