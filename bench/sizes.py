# SPDX-License-Identifier: BSD-2-Clause
"""
What images weigh: the kernel that `hull build --minimal` links for a program, the image, and the disks that
start it by BIOS. Each is built here; what cannot be (a compiler or a program is not there) is left out.
"""
import os, shutil, tempfile
from processes import finished

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = ["kernel", "image", "BIOS disk, LZ4", "BIOS disk, LZMA"]
DISK = ["--target", "disk", "--firmware", "bios", "--compression"]
FULL, HELLO = "the full kernel alone", "hello, static with musl, as an archive"
DNS, DNS_UDP, DNS_IPV4 = "DNS server of the SDK, by UDP and TCP", "the same by UDP alone", "and without IPv6"
HELLO_C = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
SMALL = ["-std=gnu11", "-static", "-Os", "-s", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
LIMIT = 600


def must(words):
    result = finished(words, LIMIT)
    assert result.returncode == 0, f"{' '.join(words)}: {result.stderr[-200:]}"
    return result.stdout


def hello(folder):
    """As small as an ordinary compiler makes it."""
    with open(f"{folder}/hello.c", "w") as file:
        file.write(HELLO_C)
    must(["musl-gcc", *SMALL, "-o", f"{folder}/hello", f"{folder}/hello.c"])
    return [f"{folder}/hello"]


def programs(folder, build):
    """Name, options of hull build, command."""
    if shutil.which("musl-gcc"):
        command = hello(folder)
        yield HELLO, ["--minimal", "--format", "cpio"], command
        yield "the same as a file system", ["--minimal"], command
        yield "the same with the full kernel", [], command
    zone = ["--files", f"{TOP}/examples/dns/example.org.zone:/zone"]
    small = ["--minimal", "--format", "cpio", "--read-only", "--no-etc", *zone]
    for what, name, options in ((DNS, "dns-native", small), (DNS_UDP, "dns-udp", small),
                                (DNS_IPV4, "dns-udp", [*small, "--parts", "-ipv6"]),
                                ("by UDP and TCP, with the full kernel", "dns-native", zone)):
        if os.access(f"{build}/examples/{name}", os.X_OK):
            yield what, options, [f"{build}/examples/{name}", "*:53", "example.org", "/zone"]
    for name, options in (("lua5.4", []), ("sqlite3", []), ("redis-server", []), ("nginx", []),
                          ("python3", ["--preset", "python3"])):
        path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
        if path:
            yield name, ["--minimal", *options], [os.path.realpath(path)]


def kernel_of(inspected):
    """KiB, from the line of `hull inspect`."""
    for line in inspected.splitlines():
        words = line.split()
        if words[:1] == ["kernel"] and words[2].rstrip(",") in ("KiB", "MiB"):
            return float(words[1]) * (1024 if words[2].startswith("MiB") else 1)
    return None


def sizes_of(tool, options, command, folder):
    """{column: KiB}."""
    out, sizes = f"{folder}/image", {}
    for column, target in zip(COLUMNS[1:], ([], [*DISK, "lz4"], [*DISK, "lzma"])):
        must([tool, "build", "--quiet", *options, *target, "-o", out, *command])
        sizes[column] = os.path.getsize(out) / 1024
        if column == "image":
            sizes["kernel"] = kernel_of(must([tool, "inspect", out]))
    return sizes


def bench(table, build):
    tool = f"{build}/hull-image"
    table.add(FULL, "KiB", {"kernel": os.path.getsize(f"{build}/hull-kernel.elf") / 1024})
    with tempfile.TemporaryDirectory(prefix="hull-sizes-") as folder:
        for name, options, command in programs(folder, build):
            try:
                table.add(name, "KiB", sizes_of(tool, options, command, folder))
            except AssertionError as error:
                table.fail(name, error)
