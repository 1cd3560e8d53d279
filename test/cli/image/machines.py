#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Images of real programs with kernels of their own (hull build --minimal) on every machine: QEMU's microvm,
q35 by SeaBIOS from a disk and by OVMF from an ISO, and Bochs from a disk. What they print on the serial port
there is what they print on the host. And what QEMU's machines differ in: processors, where devices are named.

make check boots each program once and each machine once or twice; make soak boots each on each.
"""
import os, sys
sys.path.append(os.path.dirname(sys.path[0]))
from disks import *
from disks import _scratch
from minimal import calls_of
from programs.programs import IMPORTS, LUA, SQL

forget_tests()

VIRTIO_1 = ("-global", "virtio-mmio.force-legacy=false")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = ("mkdir", "chmod", "seq", "cat", "sleep", "md5sum", "wc")
FOLDER = "/tmp/once"                    # where the scripts work, in the machine


def image_of_program(*command, options=()):
    """What hull build is given, and what the host prints."""
    return ("--minimal", *options, *command), host(*command).stdout


def image_of_script(name, *programs):
    """
    A script that starts the server and asks it. What the programs call is what strace sees them call: bash can
    start anything.
    """
    script = f"{TOP}/test/cli/scripts/{name}.sh"
    needs("strace", *programs, *TOOLS)
    folder = tempfile.mkdtemp(dir=_scratch.name)
    os.chmod(_scratch.name, 0o755)
    os.chmod(folder, 0o755)
    calls, expected = calls_of(["/bin/bash", script, f"{folder}/once"], env={"PATH": PATH})
    assert expected.returncode == 0, expected
    calls_file = f"{folder}/calls"
    with open(calls_file, "w") as file:
        file.write("\n".join(calls) + "\n")
    files = [option for program in (*programs, *TOOLS)
             for option in ("--files", f"{os.path.realpath(shutil.which(program))}:/usr/bin/{program}")]
    return ("--minimal", "--calls", f"@{calls_file}", "--env", f"PATH={PATH}", *files, "--files", f"{script}:/once.sh",
            "/bin/bash", "/once.sh", FOLDER), expected.stdout


IMAGES = {
    "lua5.4": lambda: image_of_program("lua5.4", "-e", LUA),
    "sqlite3": lambda: image_of_program("sqlite3", ":memory:", SQL),
    "python3": lambda: image_of_program("/usr/bin/python3", "-c", IMPORTS, options=("--preset", "python3")),
    "redis": lambda: image_of_script("redis_once", "redis-server", "redis-cli"),
    "nginx": lambda: image_of_script("nginx_once", "nginx", "curl"),
}
MACHINES = {
    "microvm": lambda *c: qemu("-kernel", build(*c), machine="microvm", memory=256),
    "q35 by SeaBIOS": lambda *c: qemu(*as_disk(disk(*c, firmware="bios")), memory=256),
    "q35 by OVMF": lambda *c: qemu(*as_cd(iso(*c, firmware="uefi")), firmware="uefi", memory=512),
    "Bochs": lambda *c: bochs(disk(*c, firmware="bios"), memory=256),
}
QUICK = {("lua5.4", "Bochs"), ("sqlite3", "q35 by OVMF"), ("python3", "microvm"), ("redis", "q35 by SeaBIOS"),
         ("nginx", "microvm")}


@functools.lru_cache
def image(name):
    return IMAGES[name]()


def says(machine, expected):
    """Firmware may speak first; whether its status says how the program ended is the machine's own affair."""
    with machine:
        machine.wait()
        output = machine.output()
    assert output.endswith(expected), f"on the serial port: {output[-900:]!r}\nthe host: {expected!r}"


def add_pair(name, where):
    def run():
        arguments, expected = image(name)
        says(MACHINES[where](*arguments), expected)
    if ACCEL == "tcg" and (SOAK or (name, where) in QUICK):
        add_test(f"{name} on {where}", run)


os.environ["PATH"] += ":/usr/sbin"      # where nginx is
for where in MACHINES:
    for name in IMAGES:
        add_pair(name, where)


def add_processor(cpu):
    def run():
        says_as_host(qemu("-kernel", build(*hello()), "-smp", "2", cpu=cpu), hello())
    if ACCEL == "tcg":
        add_test(f"hello on a processor like {cpu}", run)


# The oldest, one without FSGSBASE, one of each maker; QEMU's Opteron_G4 and G5 refuse CR4.OSXSAVE.
for cpu in ("qemu64", "SandyBridge", "EPYC") + (("core2duo", "Nehalem", "Opteron_G3", "IvyBridge", "Haswell") if SOAK else ()):
    add_processor(cpu)


@test
def a_processor_that_lacks_something_is_told_of():
    only_emulated()
    with qemu("-kernel", build(*hello()), cpu="qemu64,-nx") as machine:
        machine.wait()
        output = machine.output()
    assert output.endswith(b"hull: cannot start: the processor has no 64-bit mode or no NX (QEMU: -cpu max)\n"), output


@test
def a_processor_of_the_host_that_lacks_FSGSBASE():
    if ACCEL == "tcg":
        raise Skip("QEMU is told of the processor: above")
    needs("gcc")
    shim = f"{_scratch.name}/no_fsgsbase.so"
    built = host("gcc", "-shared", "-fPIC", "-o", shim, f"{TOP}/test/cli/scripts/no_fsgsbase.c")
    assert built.returncode == 0, built.stderr.decode()
    for command in ((program("cpus"), "count", "100000"), ("/usr/bin/python3", "-c", IMPORTS)):
        expected = hull(*command, options=("-c", "2"))
        result = hull(*command, options=("-c", "2"), env={**os.environ, "LD_PRELOAD": shim})
        equal(command[0], (result.returncode, result.stdout, result.stderr), (0, expected.stdout, b""))


def add_microvm(name, *options, machine="microvm", device="virtio-net-device,netdev=n"):
    def run():
        serve(lambda command, network: qemu("-kernel", build(*command), *options, *network,
                                            "-device", "virtio-rng-device", machine=machine), device=device)
    if ACCEL == "tcg":
        add_test(name, run)


# microvm's devices have the legacy interface unless it is told otherwise.
add_microvm("devices that only ACPI names", *VIRTIO_1)
add_microvm("legacy devices that the command line names", machine="microvm,acpi=off")
add_microvm("legacy devices, each frame in one buffer, on one interrupt controller", machine="microvm,ioapic2=off",
            device="virtio-net-device,netdev=n,mrg_rxbuf=off,event_idx=off,indirect_desc=off")
add_microvm("legacy devices that only ACPI names")
add_microvm("devices that only ACPI names on one interrupt controller", *VIRTIO_1, machine="microvm,ioapic2=off")
add_microvm("devices that the command line names", *VIRTIO_1, machine="microvm,acpi=off")


def add_console(name, *options):
    command, typed = (BUSYBOX, "sh", "-c", "read a; read b; echo $b $a"), b"one\ntwo\n"

    def run():
        needs(BUSYBOX)
        pipe = tempfile.mktemp(dir=_scratch.name)
        ends = []
        for end in (f"{pipe}.in", f"{pipe}.out"):
            os.mkfifo(end)
            ends.append(os.open(end, os.O_RDWR))
        os.write(ends[0], typed)
        with qemu("-kernel", build(*command), *options, "-device", "virtio-serial-device",
                  "-chardev", f"pipe,id=c,path={pipe}", "-device", "virtconsole,chardev=c",
                  machine="microvm,isa-serial=off") as machine:    # which would be the console
            machine.wait()
            output = os.read(ends[1], 1 << 16).replace(b"\r", b"")
        for end in ends:
            os.close(end)
        expected = host(*command, input=typed).stdout
        assert output.endswith(expected), f"on the console: {output[-600:]!r}\nthe host: {expected!r}"
    if ACCEL == "tcg":
        add_test(name, run)


add_console("a console", *VIRTIO_1)
add_console("a legacy console")


@test
def a_legacy_network_device_that_wants_its_header_apart_is_left_alone():
    only_emulated()
    needs(BUSYBOX)
    with qemu("-kernel", build(BUSYBOX, "sh", "-c", f"{BUSYBOX} ip link; {BUSYBOX} dmesg"), "-netdev", "user,id=n",
              "-device", "virtio-net-device,netdev=n,any_layout=off", machine="microvm") as machine:
        machine.wait()
        output = machine.output()
    assert b"lo:" in output and b"eth0" not in output and b"VIRTIO_F_ANY_LAYOUT" in output, output


if __name__ == "__main__":
    main()
