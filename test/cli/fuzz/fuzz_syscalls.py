#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Random system calls from a seed (test/linux/programs/fuzz_syscalls.c).
"""
import os, sys
sys.path.append(os.path.dirname(sys.path[0]))
from fuzzer import SEED, fuzz
from harness import ACCEL, SOAK, add_test, main

ROUNDS = 64 if ACCEL == "kvm" else 40
SECONDS = 1800 if SOAK and ACCEL == "kvm" else 600 if SOAK else 0

for number in range(SEED, SEED + (1 if ACCEL == "tcg" and not SOAK else 2)):
    add_test(f"random system calls, seed {number}", lambda seed=number: fuzz("fuzz_syscalls", seed, ROUNDS, seconds=SECONDS))

if __name__ == "__main__":
    main()
