# SPDX-License-Identifier: BSD-2-Clause
"""
Sides asked in turns by the same client, round after round: what disturbs one disturbs all. The median of the
rounds counts, and how far they lay apart is told. Of each row come as many figures as its client found: a rate,
latencies, and the CPU time of each thing done.
"""
import functools
from figures import Sample
from processes import cpu_ns

ROUNDS = 3
RATES, LATENCY, TIME, MEMORY = "Requests and throughput", "Latency", "CPU time", "Memory"


def with_ratios(values, ratios):
    """ratios: {column: (one side, over which)}."""
    for name, (over, under) in ratios.items():
        if values.get(over) is not None and values.get(under):
            values[name] = values[over] / values[under]
    return values


def ask(client, side):
    """With the CPU time of each thing done."""
    before = cpu_ns(side.pid)
    result = client(side)
    if "done" in result:
        result["cpu"] = (cpu_ns(side.pid) - before) / 1000 / result.pop("done")
    return result


def in_turns(client, sides, quiet):
    """{what: {side: median}}."""
    found = {}
    for _ in range(ROUNDS):
        for side in sides:
            for what, value in quiet.take(functools.partial(ask, client, side)).items():
                found.setdefault(what, {}).setdefault(side.name, []).append(value)
    return {what: {side: Sample.of(values) for side, values in row.items()} for what, row in found.items()}


def add_row(table, row, sides, ratios):
    """row: name, unit of the rate, client. One that fails is told, and the others go on."""
    name, unit, client = row
    try:
        found = in_turns(client, sides, table.quiet)
    except (AssertionError, OSError) as error:
        table.fail(name, error)
        return
    if "rate" in found:
        table.add(name, unit, with_ratios(found["rate"], ratios), RATES)
    for what, group, label in (("p50", LATENCY, ", half within"), ("p99", LATENCY, ", 99 % within"),
                               ("cpu", TIME, "")):
        if what in found:
            table.add(name + label, "µs", with_ratios(found[what], ratios), group)
