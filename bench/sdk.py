#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What the SDK's native door is worth beside sockets: the same echo server (test/sdk/tcp_echo) over a tap by either, as
a process of this machine, and in a Linux guest, with the same client for each in turns; then both ends in one
program (bench/programs/sdk.c), where nothing but the stack is between them. Part "sdk" of bench/run; by itself:

    bench/sdk.py [--sides "KVM;KVM, sockets"] [WORD]...
"""
import os, re, sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(f"{TOP}/test/cli")
import alone                                                                        # noqa: E402
from clients import echo                                                            # noqa: E402
from harness import HULL, PROGRAMS                                                  # noqa: E402
from processes import finished                                                      # noqa: E402
from sides import HOST, KVM, KVM_SOCKETS, LINUX, SOCKETS, TCG, TCG_SOCKETS, Sides   # noqa: E402
from sides import is_here                                                           # noqa: E402
from turns import ROUNDS, add_row, with_ratios                                      # noqa: E402

BUILD = os.path.dirname(os.path.dirname(PROGRAMS))
SERVER, PROGRAM = f"{BUILD}/test/sdk/tcp_echo", f"{BUILD}/bench/sdk"
NAMES = (HOST, KVM, KVM_SOCKETS, TCG, TCG_SOCKETS, LINUX)
COLUMNS = (HOST, KVM, KVM_SOCKETS, "KVM / sockets", TCG, TCG_SOCKETS, LINUX, "TCG / Linux")
RATIOS = {"KVM / sockets": (KVM, KVM_SOCKETS), "TCG / Linux": (TCG, LINUX)}
LOADS = (("UDP", 64), ("UDP", 1400), ("TCP", 64), ("TCP", 4096))
REQUESTS = 30000
WITHIN = "Both ends in one program"
OPTIONS = {KVM: ("--accel", "kvm"), KVM_SOCKETS: ("--accel", "kvm", *SOCKETS),
           TCG: ("--accel", "tcg"), TCG_SOCKETS: ("--accel", "tcg", *SOCKETS)}


def within(side):
    """{name: nanoseconds an echo}, of the program's own rounds the least."""
    words = [PROGRAM, str(REQUESTS // 10 if side.startswith(TCG) else REQUESTS)]
    if side != HOST:
        words = [HULL, "run", "-c", "1", *OPTIONS[side], "--", *words]
    result = finished(words, 240)
    assert result.returncode == 0, f"{side}: {' '.join(words)}: {result.stderr[-300:]}"
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\d+) ns$", result.stdout, re.MULTILINE)}


def add_within(table, names):
    table.set_columns(WITHIN, [column for column in COLUMNS if LINUX not in column and column != "TCG / Linux"])
    best = {}
    for turn in range(ROUNDS):
        for side in [name for name in (HOST, *OPTIONS) if name in names and is_here(name)]:
            if turn == 0 or not side.startswith(TCG):
                for name, ns in table.quiet.take(lambda side=side: within(side)).items():
                    row = best.setdefault(name, {})
                    row[side] = min(ns, row.get(side, ns))
    for kind, size in LOADS:
        for end, label in (("", "echo"), ("-cpu", "echo, CPU time")):
            table.add(f"{kind} {label}, {size} bytes", "ns",
                      with_ratios(best.get(f"{kind.lower()}-echo-{size}{end}", {}), RATIOS), WITHIN)


def measure(table, words=(), names=NAMES):
    """The rows whose name has one of the words. Skip: it cannot be done here."""
    def wanted(name):
        return not words or any(word in name for word in words)

    rows = [(f"{kind} echo, {size} bytes", "1/s", echo(PROGRAM, kind, size, REQUESTS)) for kind, size in LOADS]
    rows = [row for row in rows if wanted(row[0])]
    if rows:
        with Sides(names) as sides, sides.serve([SERVER, "7"], 7) as serving:
            for row in rows:
                add_row(table, row, serving, RATIOS)
    if wanted(WITHIN):
        add_within(table, names)


if __name__ == "__main__":
    alone.main(__doc__, measure, COLUMNS, NAMES)
