#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Kernels that hold only what one program uses: linked here for the calls that strace(1) sees the program
make on the host (and those that the vDSO hides from it), they run it as the full kernel does.
"""
import errno, os, re, shutil, struct, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, PROGRAMS, SOAK, TOP, add_test, equal, forget_tests, host, host_test, hull, main, needs, program, same, scratch, test
from programs.programs import IMPORTS, LUA, SQL
from programs.servers import SERVERS

forget_tests()

BUILD = os.path.dirname(os.path.dirname(PROGRAMS))
LINK = os.path.join(BUILD, "link-kernel")
VDSO = ("clock_gettime", "gettimeofday", "time", "getcpu")
# What a program calls when it has to wait for another one, as it had to, or had not, while strace looked on.
WAITS = ("clock_nanosleep", "futex", "madvise", "mremap", "munmap", "poll", "restart_syscall", "rt_sigreturn", "rt_sigsuspend",
         "wait4")
LINE = re.compile(r"^(?:\d+ +)?(?:<\.\.\. )?([a-z]\w*)[( ]", re.M)
# What `hull run` needs beside the calls: the host's files, /proc, /dev, both ways to start.
FACTS = "direct,pvh,pc,files,layer,dev,proc,network,cpus,report"


def calls_of(command, **more):
    """The calls that the command makes on the host, and what it prints there."""
    needs("strace")
    with scratch() as folder:
        traced = host("strace", "-f", "-qq", "-o", f"{folder}/calls", *command, **more)
        with open(f"{folder}/calls") as file:
            return sorted({*LINE.findall(file.read()), *VDSO, *WAITS}), traced


def known(calls):
    """Those that Hull has: the others answer ENOSYS in any kernel."""
    with open(f"{TOP}/kernel/linux/syscalls.def") as file:
        rows = set(re.findall(r"^SYSCALL\d\(\d+, (\w+),", file.read(), re.M))
    return [call for call in calls if call in rows]


def link(folder, calls, facts=FACTS, parts=None):
    """A kernel with these calls; its path, and what link-kernel says is in it."""
    path = f"{folder}/kernel.elf"
    with open(f"{folder}/calls", "w") as file:
        file.write("\n".join(known(calls)) + "\n")
    result = host(LINK, "--folder", BUILD, "--out", path, "--calls", f"@{folder}/calls", "--facts", facts, "--verbose",
                  *(["--parts", parts] if parts else []))
    assert result.returncode == 0, result.stderr.decode()
    return path, result.stdout.decode()


def program_case(name, *command):
    def run():
        needs(command[0])
        calls, _ = calls_of(command)
        with scratch() as folder:
            kernel, _ = link(folder, calls)
            full = os.path.getsize(os.path.join(BUILD, "hull-kernel.elf"))
            assert os.path.getsize(kernel) < full, (os.path.getsize(kernel), full)
            same(*command, options=["--kernel", kernel])
    add_test(f"{name} with a kernel of its own", run)


def server_case(name):
    programs = SERVERS[name][0]
    arguments = ["1000"] if name == "redis" else []

    def run():
        needs(*programs)
        with scratch() as parent:
            os.chmod(parent, 0o755)
            folder = f"{parent}/{name}"
            command = ["/bin/bash", f"{TOP}/test/cli/scripts/{name}.sh", folder, *arguments]
            environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
            os.mkdir(folder)
            calls, expected = calls_of(command, env=environment)
            assert expected.returncode == 0, expected
            shutil.rmtree(folder)
            os.mkdir(folder)
            kernel, _ = link(parent, calls)
            result = hull(*command, env=environment, options=["-m", "1G", "--kernel", kernel])
            equal("stdout", result.stdout.decode().splitlines(), expected.stdout.decode().splitlines())
            equal("status and errors", (result.returncode, result.stderr[-1500:]), (0, expected.stderr))
    add_test(f"{name} with a kernel of its own", run)


program_case("hello", os.path.join(PROGRAMS, "hello-musl"), "a", "b")
program_case("hello, linked dynamically", os.path.join(PROGRAMS, "hello"), "a", "b")
program_case("lua5.4", "lua5.4", "-e", LUA)
program_case("sqlite3", "sqlite3", ":memory:", SQL)
program_case("python3", "/usr/bin/python3", "-c", IMPORTS)
for server in SERVERS if ACCEL == "kvm" or SOAK else ():
    server_case(server)


@test
def a_call_that_was_left_out_answers_ENOSYS_and_is_named_once():
    needs("perl")
    command = ("perl", "-e", "syscall(110) for 1..5; print syscall(110), ' ', $! + 0, qq(\\n)")
    calls, _ = calls_of(command)
    with scratch() as folder:
        kernel, _ = link(folder, [call for call in calls if call != "getppid"])
        result = hull(*command, options=["--kernel", kernel, "--verbose"])
        equal("what it prints", result.stdout.decode(), f"-1 {errno.ENOSYS}\n")
        equal("times that the log names it", result.stderr.decode().count("(getppid) is not in this kernel"), 1)


def images(*options, command):
    """The image of `hull build --minimal` in a folder that goes with it."""
    image = f"{options[0]}/image"
    result = host(os.path.join(BUILD, "hull-image"), "build", "--minimal", "-o", image, *options[1:], *command)
    assert result.returncode == 0, result.stderr.decode()
    return image


def image_case(name, *options, command):
    def run():
        needs(command[0])
        expected = host(*command)
        with scratch() as folder:
            image = images(folder, *options, command=command)
            result = hull(image)
            equal("in Hull", (result.stdout, result.stderr, result.returncode),
                  (expected.stdout, expected.stderr, expected.returncode))
            if shutil.which("qemu-system-x86_64"):
                machine = host("qemu-system-x86_64", "-M", "microvm", "-cpu", "max", "-m", "128M", "-display", "none",
                               "-no-reboot", "-serial", "stdio", "-kernel", image)
                equal("alone on a machine", machine.stdout.decode().split(), expected.stdout.decode().split())
    add_test(f"an image of {name}", run)


HELLO = [os.path.join(PROGRAMS, "hello-musl"), "a", "b"]
image_case("hello as an archive", "--format", "cpio", command=HELLO)
image_case("hello as an archive that is only read", "--format", "cpio", "--read-only", "--no-etc", command=HELLO)
image_case("hello as a file system", command=HELLO)
image_case("hello without a patched call", "--no-patch", command=HELLO)
image_case("lua5.4", command=["lua5.4", "-e", LUA])
image_case("sqlite3", command=["sqlite3", ":memory:", SQL])


@test
def hello_runs_in_two_megabytes():
    with scratch() as folder:
        result = hull(images(folder, "--format", "cpio", command=HELLO), options=["-m", "2M"])
        equal("what it says", (result.stdout, result.returncode), (host(*HELLO).stdout, 0))


@test
def parts_are_added_and_removed_by_name():
    calls, _ = calls_of([program("hello-musl")])
    with scratch() as folder:
        _, says = link(folder, calls, facts="direct,cpio")
        assert " symbols" not in says, says
        _, says = link(folder, calls, facts="direct,cpio", parts="+symbols")
        assert " symbols" in says and " report" in says, says  # what a part needs comes with it
        result = host(LINK, "--folder", BUILD, "--out", f"{folder}/k", "--calls", "read", "--parts", "+symbols,-report")
        assert result.returncode != 0 and b"symbols needs report" in result.stderr, result
        result = host(LINK, "--folder", BUILD, "--out", f"{folder}/k", "--calls", "read", "--parts", "+nonsense")
        assert result.returncode != 0 and b"there is no part nonsense" in result.stderr, result


@host_test
def what_needs_another_thread_is_left_out():
    """A program that starts nobody has nobody to lend a priority to."""
    with scratch() as folder:
        for calls, is_in in ((["futex"], False), (["futex", "clone"], True), (["futex", "vfork"], True)):
            _, says = link(folder, calls, facts="direct,cpio")
            equal(f"futex-pi with {calls}", " futex-pi" in says, is_in)


def segments(path):
    """(offset, bytes in the file, alignment) of what is loaded (gABI 4.1 ch. 5)."""
    with open(path, "rb") as file:
        content = file.read()
    at, (size, number) = struct.unpack_from("<Q", content, 32)[0], struct.unpack_from("<HH", content, 54)
    rows = [struct.unpack_from("<IIQQQQQQ", content, at + i * size) for i in range(number)]
    return [(row[2], row[5], row[7]) for row in rows if row[0] == 1], at + number * size, len(content)


@host_test
def there_are_no_gaps_in_a_kernels_file():
    with scratch() as folder:
        kernel, _ = link(folder, ["read"], facts="direct,pvh,cpio")
        loaded, end, size = segments(kernel)
        assert len(loaded) == 3, loaded
        for offset, file_bytes, alignment in loaded:
            assert offset % alignment == 0 and end <= offset < end + alignment <= end + 64, (end, loaded)
            end = offset + file_bytes
        equal("nothing behind them", end, size)


@host_test
def a_wrong_request_is_refused_in_words():
    with scratch() as folder:
        for arguments, words in ((["--calls", "no_such_call"], b"no_such_call: Hull has no system call of this name"),
                                 (["--calls", f"@{folder}/none"], b"cannot read the list of calls"),
                                 (["--calls", "read", "--folder", folder], b"cannot read " + folder.encode())):
            result = host(LINK, "--folder", BUILD, "--out", f"{folder}/k", *arguments)
            assert result.returncode != 0 and words in result.stderr, (arguments, result)
        equal("what is left", os.listdir(folder), [])


@host_test
def without_binutils_it_says_what_is_missing():
    with scratch() as folder:
        result = host(LINK, "--folder", BUILD, "--out", f"{folder}/k", "--calls", "read", env={"PATH": folder})
        assert result.returncode != 0 and b"binutils" in result.stderr, result
        equal("what is left", os.listdir(folder), [])


if __name__ == "__main__":
    main()
