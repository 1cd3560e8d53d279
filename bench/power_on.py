# SPDX-License-Identifier: BSD-2-Clause
"""
How long a machine takes from power-on to a program's first words, by each way that an image boots: under QEMU
without KVM, where firmware is emulated like everything else. The same program's start by the image alone
(PVH, no disk) stands beside. What firmware itself takes is in every figure.
"""
import os, shutil, statistics, subprocess, tempfile, time
from processes import end_with_us, finished

OVMF = ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
        "-drive", "if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd"]
LIMIT = 120

# The way, the image's target, the machine's options; {} is the image.
WAYS = [("PVH, microvm", [], ["-M", "microvm", "-kernel", "{}"]),
        ("PVH, q35", [], ["-M", "q35", "-kernel", "{}"]),
        ("BIOS disk", ["--target", "disk"], ["-M", "q35", "-drive", "file={},format=raw,snapshot=on"]),
        ("BIOS disk, LZMA", ["--target", "disk", "--compression", "lzma"],
         ["-M", "q35", "-drive", "file={},format=raw,snapshot=on"]),
        ("BIOS CD", ["--target", "iso"], ["-M", "q35", "-cdrom", "{}"]),
        ("UEFI disk", ["--target", "disk"], ["-M", "q35", *OVMF, "-drive", "file={},format=raw,snapshot=on"]),
        ("UEFI CD", ["--target", "iso"], ["-M", "q35", *OVMF, "-cdrom", "{}"])]
ROUNDS = 3
COLUMNS = [way for way, _, _ in WAYS]


def start(options, words):
    """Milliseconds until the serial port has said `words`; None: it did not."""
    command = ["timeout", "-s", "KILL", str(LIMIT), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "256",
               "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", *options]
    begin, said = time.perf_counter(), b""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          preexec_fn=end_with_us) as machine:
        while words not in said:
            data = os.read(machine.stdout.fileno(), 4096)
            if not data:
                return None
            said += data
        spent = time.perf_counter() - begin
        machine.stdout.read()
    return spent * 1000


def programs(build):
    """Name, options of hull build, command, what it says first."""
    yield "a static hello", [], [f"{build}/test/programs/hello-static"], b"hello from C"
    if shutil.which("python3"):
        yield "python3", ["--preset", "python3"], ["/usr/bin/python3", "-c", "print('begun')"], b"begun"


def bench(table, build):
    if not shutil.which("qemu-system-x86_64"):
        return
    with tempfile.TemporaryDirectory(prefix="hull-power-on-") as folder:
        for name, options, command, words in programs(build):
            times = {}
            for way, target, machine in WAYS:
                if machine[2:4] == OVMF[:2] and not os.path.exists(OVMF[1].split("file=")[1]):
                    continue
                if "lzma" in target and options:        # it is for what is small: 50 MiB take minutes to make
                    continue
                image = f"{folder}/image"
                made = finished([f"{build}/hull-image", "build", "-q", *options, *target, "-o", image, *command], 600)
                if made.returncode != 0:
                    table.fail(f"{name}, {way}", made.stderr)
                    continue
                machine_words = [word.format(image) for word in machine]
                runs = [table.quiet.take(lambda: start(machine_words, words)) for _ in range(ROUNDS)]
                times[way] = statistics.median(runs) if None not in runs else None
            table.add(f"{name}: power-on to its first words", "ms", times)
