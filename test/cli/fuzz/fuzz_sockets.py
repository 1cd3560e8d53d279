#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Options, control messages, netlink requests, ioctls and filters at random from a seed, to sockets of every kind
(test/linux/programs/fuzz_sockets), with the loopback alone, the user network and a tap: no panic, no hang, no leak, and
connections are still made.
"""
import os, sys
sys.path.append(os.path.dirname(sys.path[0]))
from fuzzer import SEED, fuzz
from harness import ACCEL, SOAK, main, test
from namespaces import addresses, network

ROUNDS = 600 if ACCEL == "kvm" else 200
SECONDS = 900 if SOAK else 0


def fuzz_sockets(seed, options=()):
    fuzz("fuzz_sockets", seed, ROUNDS, options, SECONDS)


@test
def sockets_of_the_loopback():
    fuzz_sockets(SEED)


@test
def sockets_of_the_user_network():
    fuzz_sockets(SEED + 2, ["--net", "user"])


@test
def sockets_of_a_tap():
    with network():
        fuzz_sockets(SEED + 1, ["--net", "tap=tap0", *(x for a in addresses() for x in ("--ip", a))])


if __name__ == "__main__":
    main()
