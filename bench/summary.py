# SPDX-License-Identifier: BSD-2-Clause
"""
What is made of the figures that are there: the table at the head of docs/figures.md that sets them beside what they
should be, and README's short one. Nothing is measured here: a figure that no part has taken yet is `-`.
"""
import re
import sizes

KVM_OVER_HOST, TCG_OVER_LINUX, KERNEL = "KVM over host", "TCG / Linux", "kernel"
AIMS_TITLE = "Beside what they should be"
STARTING, PROGRAMS, DOORS, NETWORK, SERVERS = "Starting", "Programs", "Doors", "Network", "The SDK's servers"
MEMORY, SIZES, IMAGES, RATES, TIME = "Memory in use", "Sizes", "Images", "Requests and throughput", "CPU time"
LESS, MORE = "at most", "at least"

# What, unit; where it stands: title, group, row, column; what is to do, at the least and as the aim.
AIMS = (
    ("getppid, patched", "cycles", (DOORS, "Cycles", "getppid", "while it runs"), LESS, 60, 30),
    ("guest: kernel entry to the first instruction", "ms",
     (STARTING, "", "hello: kernel entry to first instruction", "KVM"), LESS, 5, 1),
    ("hull run of a static hello, command to exit", "ms", (STARTING, "", "start to exit: static hello", "KVM"), LESS, 30, 5),
    ("compute, one thread, against a process", "times",
     (PROGRAMS, "", "cpu-bound program, one thread", KVM_OVER_HOST), LESS, 1.03, 1),
    ("resident memory, monitor and guest: busybox sh", "MiB",
     (MEMORY, "", "resident memory: busybox sh, waiting", "KVM"), LESS, 12, 4),
    ("smallest memory of a guest: hello", "MiB", (SIZES, "", "smallest -m: static hello", "KVM"), LESS, 8, 2),
    ("smallest memory of a guest: redis, asked by the host", "MiB",
     (SIZES, "", "smallest -m: redis-server, asked by the host", "KVM"), LESS, 12, 6),
    ("the same, and its client", "MiB", (SIZES, "", "smallest -m: redis-server with its client", "KVM"), LESS, 12, 6),
    ("kernel, everything in", "KiB", (IMAGES, "", sizes.FULL, KERNEL), LESS, 1536, 700),
    *((f"minimal image: hello, {form}", "KiB", (IMAGES, "", sizes.HELLO, form), LESS, 300, 100) for form in sizes.COLUMNS[1:]),
    *((f"minimal image: DNS server, {form}", "KiB", (IMAGES, "", sizes.DNS, form), LESS, 400, 158)
      for form in sizes.COLUMNS[1:]),
    *((f"the same by UDP alone, {form}", "KiB", (IMAGES, "", sizes.DNS_UDP, form), LESS, 400, 158)
      for form in sizes.COLUMNS[1:]),
    ("redis, 30 connections: requests, to a Linux guest's", "times",
     (NETWORK, RATES, "redis GET: 30 connections", TCG_OVER_LINUX), MORE, 1, 2),
    ("nginx, 30 connections: requests, to a Linux guest's", "times",
     (NETWORK, RATES, "nginx, 1 KiB: 30 connections", TCG_OVER_LINUX), MORE, 1, 2),
    ("DNS server: CPU time a query, to a Linux guest's", "times",
     (SERVERS, TIME, "DNS: 100 queries under way", TCG_OVER_LINUX), LESS, 0.95, 0.8),
)

# What a newcomer wants first: what, unit, title, group, row; columns of that row for README_COLUMNS.
README_COLUMNS = ("Linux process", "Hull, KVM", "Hull, emulated", "Linux guest, emulated")
SIDES = ("host", "KVM", "TCG", "Linux, TCG")
README = (
    ("a static hello, command to exit", "ms", STARTING, "", "start to exit: static hello"),
    ("`python3 -c pass`, command to exit", "ms", STARTING, "", "start to exit: python3 -c pass"),
    ("memory in use: `busybox sh`, waiting", "MiB", MEMORY, "", "resident memory: busybox sh, waiting"),
    ("memory that a guest needs: hello", "MiB", SIZES, "", "smallest -m: static hello"),
    ("nginx, 1 KiB, 30 connections", "requests/s", NETWORK, RATES, "nginx, 1 KiB: 30 connections"),
    ("redis GET, 30 connections", "requests/s", NETWORK, RATES, "redis GET: 30 connections"),
    ("DNS server of `examples/`", "queries/s", SERVERS, RATES, "DNS: 100 queries under way"),
)
BEGIN, END = "<!-- figures: by `make bench`, from docs/figures.md -->\n", "<!-- end of figures -->\n"


def number(cell):
    """What a cell of the file says, without its spread; None: nothing."""
    found = re.match(r"[\d,.]+", cell or "")
    return float(found[0].replace(",", "")) if found else None


def value(values, title, group, row, column):
    cells = values.get((title, group, row), {})
    if column != KVM_OVER_HOST:
        return number(cells.get(column))
    ours, theirs = number(cells.get("KVM")), number(cells.get("host"))
    return ours / theirs if ours and theirs else None


def verdict(found, which, least, aim):
    if found is None:
        return "not measured"
    meets = (lambda bound: found <= bound) if which == LESS else (lambda bound: found >= bound)
    return "the aim" if meets(aim) else "the least" if meets(least) else "missed"


def add_aims(table, values):
    """table: with the columns of AIM_COLUMNS."""
    for what, unit, where, which, least, aim in AIMS:
        found = value(values, *where)
        if found is not None:
            table.add(what, unit, {"measured": found, "at the least": f"{which} {least:,}", "the aim": f"{aim:,}",
                                   "it meets": verdict(found, which, least, aim)})


AIM_COLUMNS = ("measured", "at the least", "the aim", "it meets")


def plain(cell):
    """Without how far the rounds lay apart."""
    return re.sub(r" ±.*", "", cell or "-")


def readme_table(values):
    lines = ["| what | unit | " + " | ".join(README_COLUMNS) + " |", "|---|---|" + "---:|" * len(README_COLUMNS)]
    for what, unit, *row in README:
        cells = values.get(tuple(row), {})
        if cells:
            lines.append(f"| {what} | {unit} | " + " | ".join(plain(cells.get(side)) for side in SIDES) + " |")
    return "\n".join(lines) + "\n"


def images_line(values):
    """The sizes, in words: a kernel is no server."""
    full = number(values.get((IMAGES, "", sizes.FULL), {}).get(KERNEL))
    parts = [f"The kernel with everything in it is {full:,.0f} KiB"] if full else []
    for what, row in (("a static hello", sizes.HELLO), ("a DNS server", sizes.DNS)):
        size = number(values.get((IMAGES, "", row), {}).get("BIOS disk, LZMA"))
        if size:
            parts.append(f"{what} on a disk that boots, with a kernel of its own, {size:,.0f} KiB")
    return "; ".join(parts) + ".\n" if parts else ""


def write_readme(path, values):
    with open(path) as file:
        text = file.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{path}: the lines {BEGIN.strip()!r} and {END.strip()!r}, between which its table stands, are missing"
    words = "\n".join(filter(None, (readme_table(values), images_line(values))))
    with open(path, "w") as file:
        file.write(f"{before}{begin}\n{words}\n{end}{after}")
