#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Disks that boot by themselves (hull build --target disk, iso): by BIOS and by UEFI, from a hard disk and
from a CD, under QEMU and Bochs. What a program prints on the serial port there is what it prints on the
host; a disk that was changed or cut short ends with a message. Tools that did not make the disks check
their file systems and partitions.

Firmware is emulated: the machines are QEMU's and Bochs's own, whatever the accelerator of the suite.
"""
import functools, os, shutil, struct, subprocess, sys, tempfile, urllib.request
sys.path.append(os.path.dirname(sys.path[0]))
from harness import *
from loopback import HERE

OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
BOCHS_BIOS, BOCHS_VGA = "/usr/share/bochs/BIOS-bochs-latest", "/usr/share/bochs/VGABIOS-lgpl-latest"
BUSYBOX = "/bin/busybox"
PYTHON = ("/usr/bin/python3", "-c", "import json, hashlib, sys; print(json.dumps(sys.version_info[:3])); "
          "print(hashlib.sha256(b'hull').hexdigest())")
NO_START = 2 << 1 | 1           # isa-debug-exit's status for VM_END_NO_START (include/abi/hull/ports.h)
SECTOR = 512
WEB_PORT = 10080                # of HERE
RECORD, RECORD_FORMAT = 0x188, "<IHHHHIQI"      # include/abi/hull/disk.h
_scratch = scratch()


@functools.lru_cache
def build(*arguments):
    needs(os.path.join(os.path.dirname(HULL), "hull-image"))
    out = tempfile.mktemp(dir=_scratch.name)
    done = execute([HULL, "build", "-q", "-o", out, *arguments], GUARD)
    assert done.returncode == 0, done.stderr.decode()
    return out


def disk(*arguments, firmware="both", compression="lz4"):
    return build("--target", "disk", "--firmware", firmware, "--compression", compression, *arguments)


def iso(*arguments, firmware="both", compression="lz4"):
    return build("--target", "iso", "--firmware", firmware, "--compression", compression, *arguments)


def hello():
    return program("hello-static"), "by", "itself"


class Machine:
    """An emulator with what its serial port says; nothing is left running behind the block."""

    def __init__(self, command, serial, **more):
        self.command, self.serial = command, serial
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def output(self):
        try:
            with open(self.serial, "rb") as f:
                return f.read().replace(b"\r", b"")
        except FileNotFoundError:
            return b""

    def wait(self):
        """Its status, once it has ended."""
        try:
            return self.process.wait(GUARD)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {' '.join(self.command)}\n{self.output()[-600:]}") from None

    def wait_for(self, text):
        assert wait_until(lambda: text in self.output() or self.process.poll() is not None) and text in self.output(), \
            f"{text!r} was not said: {self.output()[-600:]!r}"


def qemu(*options, memory=192, firmware="bios", machine="q35", cpu="max"):
    needs("qemu-system-x86_64")
    serial = tempfile.mktemp(dir=_scratch.name)
    flash = []
    if firmware == "uefi":
        if not os.path.exists(OVMF):
            raise Skip(f"{OVMF} is not here")
        flash = ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}",
                 "-drive", f"if=pflash,format=raw,snapshot=on,file={OVMF_VARIABLES}"]
    return Machine(["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-M", machine, "-m", str(memory), *flash,
                    "-nodefaults", "-display", "none", "-serial", f"file:{serial}", "-no-reboot", *options], serial)


def as_disk(path, bus="ide"):
    return "-drive", f"file={path},format=raw,snapshot=on,if={bus}"


def as_cd(path):
    return "-cdrom", path


def bochs(path, is_cd=False, memory=128):
    for file in ("bochs", "script"):
        needs(file)
    if not os.path.exists(BOCHS_BIOS):
        raise Skip(f"{BOCHS_BIOS} is not here")
    folder = tempfile.mkdtemp(dir=_scratch.name)
    serial = f"{folder}/serial"
    cylinders = os.path.getsize(path) // (2 * 17 * SECTOR)
    drive = f"type=cdrom, path={path}, status=inserted" if is_cd else \
        f"type=disk, path={path}, mode=flat, cylinders={cylinders}, heads=2, spt=17"
    with open(f"{folder}/bochsrc", "w") as f:
        f.write(f"display_library: term\nromimage: file={BOCHS_BIOS}\nvgaromimage: file={BOCHS_VGA}\n"
                "cpu: model=corei7_skylake_x, count=1, ips=200000000, reset_on_triple_fault=0\n"
                f"memory: guest={memory}, host={memory}\nclock: sync=none\n"
                f"ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\nata0-master: {drive}\n"
                f"boot: {'cdrom' if is_cd else 'disk'}\ncom1: enabled=1, mode=file, dev={serial}\n"
                f"log: {folder}/log\npanic: action=fatal\nerror: action=ignore\n")
    with open(f"{folder}/rc", "w") as f:
        f.write("c\n")
    return Machine(["script", "-qec", f"bochs -q -f {folder}/bochsrc -rc {folder}/rc", "/dev/null"], serial,
                   env={**os.environ, "TERM": "xterm"})


def says_as_host(machine, command, status=0):
    """Firmware may speak first."""
    expected = host(*command)
    with machine:
        ended = machine.wait()
        output = machine.output()
    assert output.endswith(expected.stdout), f"on the serial port: {output[-600:]!r}\nthe host: {expected.stdout!r}"
    if status is not None:
        equal("the machine's status", ended, status)


def add_way(name, how):
    """how: from the program and its arguments to a machine that boots it."""
    def run(command=None, options=()):
        command = command or hello()
        says_as_host(how(*options, *command), command, None if "Bochs" in name else 0)
    if ACCEL == "tcg":
        add_test(f"hello from {name}", run)
        if SOAK and "a CD by Bochs" not in name:        # whose CD reads a few sectors a second
            add_test(f"python3 from {name}", lambda: run(PYTHON, ("--preset", "python3")))


add_way("a disk by BIOS", lambda *c: qemu(*as_disk(disk(*c))))
add_way("a virtio disk by BIOS, for BIOS alone, as small as it goes",
        lambda *c: qemu(*as_disk(disk(*c, firmware="bios", compression="lzma"), "virtio")))
add_way("a CD by BIOS", lambda *c: qemu(*as_cd(iso(*c))))
add_way("an ISO as a disk by BIOS", lambda *c: qemu(*as_disk(iso(*c))))
add_way("a disk by UEFI", lambda *c: qemu(*as_disk(disk(*c)), firmware="uefi", memory=256))
add_way("a CD by UEFI", lambda *c: qemu(*as_cd(iso(*c)), firmware="uefi", memory=256))
add_way("a disk by Bochs", lambda *c: bochs(disk(*c)))
add_way("a CD by Bochs", lambda *c: bochs(iso(*c)))
add_way("the image alone on microvm", lambda *c: qemu("-kernel", build(*c), machine="microvm"))
if SOAK:
    add_way("a disk with a GPT by UEFI", lambda *c: qemu(*as_disk(disk(*c, firmware="uefi")), firmware="uefi", memory=256))
    add_way("an ISO as a disk by UEFI", lambda *c: qemu(*as_disk(iso(*c)), firmware="uefi", memory=256))
    add_way("a CD for UEFI alone", lambda *c: qemu(*as_cd(iso(*c, firmware="uefi")), firmware="uefi", memory=256))
    add_way("a stored image by BIOS", lambda *c: qemu(*as_disk(disk(*c, compression="none"))))
    add_way("a disk of pc by BIOS", lambda *c: qemu(*as_disk(disk(*c)), machine="pc"))
    add_way("two CPUs by BIOS", lambda *c: qemu(*as_disk(disk(*c)), "-smp", "2"))
    add_way("two CPUs by UEFI", lambda *c: qemu(*as_disk(disk(*c)), "-smp", "2", firmware="uefi", memory=256))
    add_way("the image alone on q35", lambda *c: qemu("-kernel", build(*c)))


def serve(how, device="virtio-net-pci,netdev=n,romfile="):
    """A page of busybox's HTTP server, from a machine that boots it, is the file."""
    needs(BUSYBOX)
    folder = f"{_scratch.name}/www"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/page", "wb") as f:
        f.write(bytes(range(256)) * 500)
    network = ("-netdev", f"user,id=n,hostfwd=tcp:{HERE}:{WEB_PORT}-:80", "-device", device)
    # A SYN that comes before the machine has its address is sent again by QEMU six seconds later.
    command = ("--files", f"{folder}:/www", BUSYBOX, "sh", "-c", f"echo ready; {BUSYBOX} httpd -f -p 80 -h /www")
    with how(command, network) as machine:
        machine.wait_for(b"ready\n")
        page = []

        def fetch():
            try:
                with urllib.request.urlopen(f"http://{HERE}:{WEB_PORT}/page", timeout=GUARD) as r:
                    page.append(r.read())
            except OSError:
                pass        # it is not up yet
            return page or machine.process.poll() is not None
        assert wait_until(fetch) and page, f"no page: {machine.output()[-600:]!r}"
    equal("the page", page[0], open(f"{folder}/page", "rb").read())


def only_emulated():
    if ACCEL != "tcg":
        raise Skip("machines with firmware are emulated: cli-tcg has them")


@test
def a_web_server_from_a_disk():
    only_emulated()
    serve(lambda command, network: qemu(*as_disk(disk(*command)), *network))


@test
def a_web_server_from_a_CD_by_UEFI():
    only_emulated()
    if not SOAK:
        raise Skip("in a soak")
    serve(lambda command, network: qemu(*as_cd(iso(*command)), *network, firmware="uefi", memory=256))


def record_of(path):
    """magic, flags, sector_bytes, nr_more, loader_bytes, loader_sum, package, package_bytes"""
    with open(path, "rb") as f:
        f.seek(RECORD)
        return struct.unpack(RECORD_FORMAT, f.read(struct.calcsize(RECORD_FORMAT)))


def changed(path, at=None, length=None):
    out = tempfile.mktemp(dir=_scratch.name)
    shutil.copy(path, out)
    with open(out, "r+b") as f:
        if at is not None:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 0x10]))
        if length is not None:
            f.truncate(length)
            f.truncate((length + SECTOR - 1) // SECTOR * SECTOR)
    return out


def refused_by_bios(path, text, attach=as_disk, **more):
    """A message, and the end: neither the kernel nor the firmware's start comes after it."""
    with qemu(*attach(path), "-device", "isa-debug-exit,iobase=0xf4,iosize=4", **more) as machine:
        status = machine.wait()
        output = machine.output()
    assert output.startswith(b"Hull: ") and output.endswith(b"\n") and text in output, f"{output!r}"
    equal("status", status, NO_START)


@test
def a_changed_disk_says_so():
    only_emulated()
    whole = disk(*hello(), firmware="bios")
    *_, package, package_bytes = record_of(whole)
    refused_by_bios(changed(whole, at=SECTOR + 700), b"damaged")               # the loader
    refused_by_bios(changed(whole, at=package), b"no image")
    refused_by_bios(changed(whole, at=package + 20), b"damaged")               # what says what is where
    for at in (package + 400, package + package_bytes // 2, package + package_bytes - 500):
        refused_by_bios(changed(whole, at=at), b"damaged")


@test
def a_disk_that_is_cut_short_says_so():
    only_emulated()
    whole = disk(*hello(), firmware="bios")
    *_, package, package_bytes = record_of(whole)
    refused_by_bios(changed(whole, length=package + package_bytes // 2), b"cannot be read")
    # QEMU has a CD read as zeros what is not there
    cd = iso(*hello(), firmware="bios")
    *_, package, package_bytes = record_of(cd)
    refused_by_bios(changed(cd, length=(package + package_bytes // 2) // 2048 * 2048), b"Hull: ", as_cd)


@test
def too_little_memory_is_said():
    only_emulated()
    refused_by_bios(disk("--preset", "python3", *PYTHON, firmware="bios") if SOAK else
                    disk(*hello(), firmware="bios"), b"too little memory", memory=16 if SOAK else 2)


@test
def a_changed_disk_by_UEFI_says_so():
    only_emulated()
    whole = disk(*hello(), firmware="both")
    *_, package, package_bytes = record_of(whole)
    path = changed(whole, at=package + package_bytes // 2)
    with qemu(*as_disk(path), firmware="uefi", memory=256) as machine:
        machine.wait_for(b"Hull: the image is damaged")


@test
def disks_are_what_other_tools_know():
    needs("fsck.fat", "sgdisk", "xorriso", "mdir")
    command = hello()
    gpt, both, cd = disk(*command, firmware="uefi"), disk(*command), iso(*command)
    result = host("sgdisk", "-v", gpt)
    assert b"No problems found" in result.stdout, result.stdout
    for path in (gpt, both):
        system = f"{path}.esp"
        with open(path, "rb") as f, open(system, "wb") as out:
            f.seek(64 * SECTOR)
            out.write(f.read()[:-33 * SECTOR if path == gpt else None])
        checked = host("fsck.fat", "-n", "-v", system)
        equal("fsck.fat's status", (checked.returncode, checked.stdout), (0, checked.stdout))
        listed = host("mdir", "-i", system, "-b", "::/EFI/BOOT")
        equal("what mdir lists", listed.stdout.split(), [b"::/EFI/BOOT/BOOTX64.EFI"])
    report = host("xorriso", "-indev", cd, "-report_el_torito", "plain", "-find", "/")
    text = report.stdout + report.stderr
    assert report.returncode == 0 and b"BIOS" in text and b"UEFI" in text and b"/HULL.IMG" in text, text
    assert b"WARNING" not in text and b"FAILURE" not in text, text


@test
def the_same_image_makes_the_same_disk():
    command = hello()
    for target in ("disk", "iso"):
        first, second = (tempfile.mktemp(dir=_scratch.name) for _ in range(2))
        for out in (first, second):
            done = execute([HULL, "build", "-q", "--target", target, "-o", out, *command], GUARD)
            assert done.returncode == 0, done.stderr
        assert open(first, "rb").read() == open(second, "rb").read(), f"two builds of one {target} differ"


if __name__ == "__main__":
    main()
