#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Images as they are run: `hull run IMAGE` with its streams, options and arguments, `--rootfs` with an
erofs file system, and an image that boots alone under QEMU with a serial port. What a program prints
there is what it prints on the host.
"""
import functools, os, random, re, struct, subprocess, sys, tempfile, threading
sys.path.append(os.path.dirname(sys.path[0]))
from harness import *

BUSYBOX = "/bin/busybox"
_scratch = scratch()
IMAGE_MAGIC = struct.pack("<Q", 0x65676D496C6C7548)     # include/abi/hull/image.h


def path(name):
    return os.path.join(_scratch.name, name)


def tree():
    """Files that the image has and the host's shell sees too, by the same names."""
    top = path("tree")
    if not os.path.exists(top):
        os.makedirs(top)
        with open(f"{top}/text", "w") as f:
            f.writelines(f"line {i} of a text\n" for i in range(20000))
        with open(f"{top}/bytes", "wb") as f:
            f.write(os.urandom(300000))
        for i in range(200):
            with open(f"{top}/file {i}", "w") as f:
                f.write(f"{i}\n")
        os.symlink("text", f"{top}/link")
    return top


@functools.lru_cache
def build(*options, program=(BUSYBOX, "echo", "the image's own arguments")):
    needs(BUSYBOX, os.path.join(os.path.dirname(HULL), "hull-image"))
    out = tempfile.mktemp(dir=_scratch.name)
    done = execute([HULL, "build", "-q", "-o", out, "--files", tree(), *options, *program], GUARD)
    assert done.returncode == 0, done.stderr.decode()
    return out


def run(*arguments, options=(), img=None, **more):
    return hull(img or image(), *arguments, options=options, **more)


def same_in_image(*arguments, options=(), img=None, **more):
    """busybox by the image is as busybox on the host."""
    expected = host(BUSYBOX, *arguments, **more)
    result = run(*arguments, options=options, img=img, **more)
    equal("status", (result.returncode, result.stderr), (expected.returncode, expected.stderr))
    equal("stdout", result.stdout, expected.stdout)


_lock = threading.Lock()


def image(*options, **more):
    with _lock:
        return build(*options, **more)


@test
def its_own_arguments_and_others():
    equal("own", run().stdout, host(BUSYBOX, "echo", "the image's own arguments").stdout)
    same_in_image("echo", "others", "a b", "")
    same_in_image("sh", "-c", "echo $0 $#", "name", "x")


@test
def its_files():
    look = f"cd '{tree()}' && cat * | sha256sum && ls -1 && readlink link && wc text && head -c 5000 bytes | sha256sum"
    same_in_image("sh", "-c", look)


@test
def streams_and_status():
    data = os.urandom(500000)
    same_in_image("sha256sum", input=data)
    same_in_image("cat", input=data)
    same_in_image("sh", "-c", "echo out; echo err >&2; exit 7")
    equal("killed", run("sh", "-c", "kill -9 $$", options=["-q"]).returncode, host("sh", "-c", "kill -9 $$").returncode)


@test
def options_on_top():
    with tempfile.TemporaryDirectory(dir=_scratch.name) as shared:
        with open(f"{shared}/given", "w") as f:
            f.write("by the host\n")
        os.chmod(shared, 0o777)
        out = run("sh", "-c", "echo $A $HOME; pwd; id -u; id -g; hostname; cat /v/given; echo back > /v/made; nproc",
                  options=["-e", "A=given", "-w", "/v", "-u", "12:34", "--hostname", "named", "-v", f"{shared}:/v",
                           "-c", "2", "-m", "64M"])
        wanted = ["given /root", "/v", "12", "34", "named", "by the host", "2"]
        equal("the options", (out.stdout.decode().split("\n")[:-1], out.stderr), (wanted, b""))
        assert os.path.exists(f"{shared}/made")


@test
def only_its_own_environment():
    out = run("env", env={**os.environ, "HOSTS_OWN": "1"}).stdout.decode()
    assert "HOSTS_OWN" not in out and "PATH=" in out, out
    out = run("env", options=["-e", "HOSTS_OWN"], env={**os.environ, "HOSTS_OWN": "1"}).stdout.decode()
    assert "HOSTS_OWN=1\n" in out, out


@test
def what_is_written_is_in_memory():
    with open(image(), "rb") as f:
        before = f.read()
    text = f"{tree()}/text"
    look = f"rm '{text}'; echo new > '{text}'; cat '{text}'; rm -r '{tree()}'; ls '{tree()}' 2>&1 | wc -l"
    equal("first", run("sh", "-c", look).stdout, b"new\n1\n")
    equal("again", run("sh", "-c", look).stdout, b"new\n1\n")
    with open(image(), "rb") as f:
        assert f.read() == before, "the image was written"


@test
def a_read_only_root():
    out = run("sh", "-c", f"echo x > '{tree()}/new'; touch /dev/shm/x && echo memory", img=image("--read-only"))
    assert b"Read-only file system" in out.stderr and out.stdout == b"memory\n", out


@test
def an_archive_as_root():
    img = image("--format", "cpio")
    same_in_image("sh", "-c", f"cat '{tree()}'/* | sha256sum", img=img)


@test
def its_memory_is_beside_the_programs():
    def total(*options):
        return int(run("sh", "-c", "grep MemTotal /proc/meminfo | tr -dc 0-9", options=options).stdout)
    assert total("-m", "64M") < 64 << 10 and total("-m", "16M") < 16 << 10
    same_in_image("sha256sum", f"{tree()}/text", options=["-m", "8M"])


@test
def strace_of_an_image():
    out = run("echo", "x", options=["--strace"])
    assert b"write(1" in out.stderr and out.stdout == b"x\n", out


def erofs_file(*options):
    needs("mkfs.erofs", BUSYBOX)
    top = path("root")
    if not os.path.exists(top):
        os.makedirs(f"{top}/bin")
        subprocess.run(["cp", BUSYBOX, f"{top}/bin/busybox"], check=True)
        subprocess.run(["cp", "-a", tree(), f"{top}/tree"], check=True)
    out = tempfile.mktemp(dir=_scratch.name)
    subprocess.run(["mkfs.erofs", "--quiet", *options, out, top], check=True, stdout=subprocess.DEVNULL)
    return out


@test
def a_rootfs_that_mkfs_made():
    look = "cat tree/* | sha256sum; ls -1 tree; dd if=tree/text bs=1 skip=123456 count=777 2>/dev/null | sha256sum"
    expected = host("sh", "-c", f"cd '{path('root')}' && {look}") if erofs_file() else None
    for options in ([], ["-zlz4"], ["-zlz4hc", "-C65536"], ["--chunksize=4096"]):
        out = hull("/bin/busybox", "sh", "-c", f"cd / && {look}", options=["--rootfs", erofs_file(*options)])
        equal(f"with {options}", (out.stdout, out.stderr), (expected.stdout, b""))


# ---- damage ----

def damaged(change):
    with open(image(), "rb") as f:
        data = bytearray(f.read())
    # the magic is also a constant in the kernel: the payload begins at a page
    at = next(m.start() for m in re.finditer(re.escape(IMAGE_MAGIC), data) if m.start() % 4096 == 0)
    data = change(data, at)
    out = tempfile.mktemp(dir=_scratch.name)
    with open(out, "wb") as f:
        f.write(data)
    os.chmod(out, 0o755)
    return out


def flip(offset, in_payload=True):
    def change(data, at):
        data[(at if in_payload else 0) + offset] ^= 0x10
        return data
    return change


DAMAGE = {
    "the header": flip(17), "a section's place": flip(60), "the launch record": flip(500),
    "the root": lambda d, at: flip(len(d) - at - 70000)(d, at),
    "the kernel": flip(0x40000, False), "a half": lambda d, at: d[:len(d) // 2],
    "the last byte": lambda d, at: d[:-1], "nothing but the kernel": lambda d, at: d[:at],
}


@test
def damage_is_refused():
    for what, change in DAMAGE.items():
        out = hull(damaged(change), "echo", "it ran")
        assert out.returncode == 126 and b"the image is damaged" in out.stderr and not out.stdout, (what, out)


@test
def many_flipped_bits():
    rng = random.Random(1)
    with open(image(), "rb") as f:
        size = len(f.read())
    for _ in range(300 if SOAK else 12):
        offset = rng.randrange(4096, size)
        out = hull(damaged(lambda d, at: flip(offset, False)(d, at)), "echo", "it ran")
        # a gap between two parts belongs to none
        assert out.returncode == 126 or (out.returncode == 0 and out.stdout == b"it ran\n"), (offset, out)


# ---- alone ----

def alone(img, machine="microvm", text=b"", memory=128, serial=("-serial", "stdio")):
    """Output as bytes, without the terminal's carriage returns."""
    needs("qemu-system-x86_64")
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", str(memory), "-nodefaults", "-display",
               "none", "-no-reboot", "-M", machine, *serial, "-kernel", img]
    return execute(command, GUARD, **({"input": text} if text else {})).stdout.replace(b"\r\n", b"\n")


@test
def it_boots_alone():
    script = f"cat '{tree()}/text' | sha256sum; ls -1 '{tree()}'; i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done"
    img = image(program=(BUSYBOX, "sh", "-c", script))
    expected = host(BUSYBOX, "sh", "-c", script).stdout
    for machine in ("microvm", "q35"):
        equal(machine, alone(img, machine), expected)
    equal("a virtio console", alone(img, "q35", serial=("-chardev", "stdio,id=c", "-device", "virtio-serial-pci",
                                                        "-device", "virtconsole,chardev=c")), expected)


@test
def alone_it_says_its_status():
    assert alone(image(program=(BUSYBOX, "sh", "-c", "exit 3"))).endswith(b"hull: the program ended with status 3\n")
    assert alone(image(program=(BUSYBOX, "sh", "-c", "kill -9 $$"))).endswith(b"hull: the program was killed by signal 9\n")
    equal("nothing to say", alone(image(program=(BUSYBOX, "true"))), b"")


@test
def alone_it_reads_what_is_typed():
    img = image(program=(BUSYBOX, "sh", "-c", "stty -echo; echo ready; cat | sha256sum"))
    needs("qemu-system-x86_64")
    lines = b"".join(b"typed line %d\n" % i for i in range(500))
    process = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "128", "-nodefaults",
                                "-display", "none", "-no-reboot", "-M", "microvm", "-serial", "stdio", "-kernel", img],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout.read(5) == b"ready"       # now nothing is echoed
        out, _ = process.communicate(lines + b"\x04", timeout=GUARD)
    finally:
        process.kill()
    equal("the sum", out.split()[0], host(BUSYBOX, "sha256sum", input=lines).stdout.split()[0])


@test
def alone_damage_is_said():
    assert b"hull: the image is damaged" in alone(damaged(flip(20)), "q35")
    assert b"hull: the image is damaged" in alone(damaged(flip(500)), "q35")
    out = alone(damaged(lambda d, at: flip(len(d) - at - 70000)(d, at)), "q35")
    assert b"panic" not in out, out


tree()
main(at_once=2)
