#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong: a clear message on stderr, the status that a shell would give, nothing left behind."""
import contextlib, glob, os, re, signal, struct, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import (ACCEL, GUARD, HULL, Skip, add_test, equal, execute, hull, hull_command, main, needs,
                     is_gone, program, scratch, stat_of, test, wait_until)


def one_message(result, status, *words):
    equal("status", result.returncode, status)
    equal("stdout", result.stdout, b"")
    text = result.stderr.decode(errors="replace")
    assert text.strip(), "no message on stderr"
    assert len(text.splitlines()) <= 3, f"more than three lines:\n{text}"
    for word in words:
        assert word in text, f"'{word}' is not in the message: {text}"


def write_executable(path, content):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)


def corrupted(*changes):
    """hello-minimal with fields of its ELF header changed: offset, struct's format, value."""
    with open(program("hello-minimal"), "rb") as file:
        image = bytearray(file.read())
    for offset, pack, value in changes:
        struct.pack_into(pack, image, offset, value)
    return bytes(image)


@test
def no_such_file_is_127():
    one_message(hull("/no/such/program"), 127, "/no/such/program")
    one_message(hull("no-such-program-anywhere"), 127, "no-such-program-anywhere")


@test
def not_executable_is_126():
    one_message(hull("/etc/passwd"), 126, "/etc/passwd")
    one_message(hull("/etc"), 126, "/etc")


@test
def no_program_is_bad_use():
    result = execute([HULL, "run"], GUARD)
    assert result.returncode == 2 and result.stderr and not result.stdout, result
    result = execute([HULL, "run", "--no-such-option", "/bin/true"], GUARD)
    assert result.returncode == 2 and b"--no-such-option" in result.stderr, result
    result = execute([HULL, "no-such-subcommand"], GUARD)
    assert result.returncode == 2 and b"no-such-subcommand" in result.stderr, result


@test
def help_version_and_doctor():
    for words in (["--help"], ["run", "--help"], ["version"], ["doctor"]):
        result = execute([HULL, *words], GUARD)
        assert result.returncode == 0 and result.stdout, (words, result)


WRONG_IMAGES = {
    "another machine (aarch64)": lambda: corrupted((18, "<H", 183)),
    "another class (i386)": lambda: corrupted((4, "<B", 1), (18, "<H", 3)),
    "another byte order (s390x)": lambda: corrupted((5, "<B", 2), (18, ">H", 22)),
    "not a program (relocatable)": lambda: corrupted((16, "<H", 1)),
    "an empty file": lambda: b"",
    "text without #!": lambda: b"\x00\x01\x02\x03 not a program\n",
    "a truncated header": lambda: corrupted()[:40],
    "truncated program headers": lambda: corrupted()[:70],
    "no program headers": lambda: corrupted((56, "<H", 0)),
    "65535 program headers": lambda: corrupted((56, "<H", 65535)),
}


def wrong_image_case(name, make):
    def run():
        with scratch() as folder:
            path = f"{folder}/wrong"
            write_executable(path, make())
            one_message(hull(path), 126, "wrong")
    add_test(f"126 for {name}", run)


for case, maker in WRONG_IMAGES.items():
    wrong_image_case(case, maker)


@test
def missing_interpreters_are_named():
    with scratch() as folder:
        write_executable(f"{folder}/script", b"#!/no/such/interpreter\n")
        result = hull(f"{folder}/script")
        assert result.returncode in (126, 127), result
        assert b"/no/such/interpreter" in result.stderr or b"script" in result.stderr, result
        with open(program("hello"), "rb") as file:
            image = file.read()
        assert image.count(b"/lib64/ld-linux-x86-64.so.2") >= 1
        write_executable(f"{folder}/dynamic", image.replace(b"/lib64/ld-linux-x86-64.so.2",
                                                            b"/lib64/ld-linux-nothing.xx", 1))
        result = hull(f"{folder}/dynamic")
        assert result.returncode in (126, 127) and result.stderr, result


@test
def too_little_memory():
    result = hull("/usr/bin/python3", "-c", "print(1)", options=("-m", "1M"))
    assert result.returncode not in (0, 139) and result.stderr, result
    assert b"memory" in result.stderr.lower(), result.stderr


@test
def a_program_that_needs_more_than_there_is():
    hog = "x = bytearray(10 << 20)\nl = []\nwhile True: l.append(bytearray(8 << 20))"
    result = hull("/usr/bin/python3", "-c", hog, options=("-m", "128M"))
    assert result.returncode in (1, 137), result
    assert b"MemoryError" in result.stderr or b"memory" in result.stderr.lower(), result.stderr


@test
def a_full_tmpfs():
    result = hull("/bin/busybox", "dd", "if=/dev/zero", "of=/tmp/fill", "bs=1M", "count=4096",
                  options=("-m", "128M"))
    assert result.returncode == 1, result
    assert b"No space left on device" in result.stderr, result.stderr


@test
def a_missing_volume():
    result = hull("/bin/true", options=("-v", "/no/such/folder:/vol"))
    assert result.returncode not in (0, 139) and b"/no/such/folder" in result.stderr, result


@test
def a_volume_that_vanishes():
    with scratch() as folder:
        os.mkdir(f"{folder}/vol")
        script = "echo ready; read l; cd /vol; read l </vol/file; echo x >/vol/new; echo alive"
        process = subprocess.Popen(hull_command(["/bin/busybox", "sh", "-c", script],
                                                ("-v", f"{folder}/vol:/vol")),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n", process.stderr.read(1000)
        os.rename(f"{folder}/vol", f"{folder}/gone")
        os.rmdir(f"{folder}/gone")
        out, _ = process.communicate(b"go\n", timeout=GUARD)
        assert b"alive" in out and process.returncode == 0, (out, process.returncode)


def children_of(pid):
    result = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in result.stdout.split()]


@test
def kill_9_leaves_nothing_behind():
    with scratch() as folder:
        environment = {**os.environ, "TMPDIR": folder}
        process = subprocess.Popen(hull_command(["/bin/busybox", "sh", "-c", "echo ready; read l"]),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=environment)
        assert process.stdout.readline() == b"ready\n"
        below = children_of(process.pid)
        process.kill()
        process.wait()
        assert wait_until(lambda: all(map(is_gone, below))), f"children of hull still run: {below}"
        equal("temporary files", os.listdir(folder), [])


@test
def signals_reach_the_program():
    # not a shell: one that is about to read keeps a SIGINT until it has read (on Linux, too)
    script = "BEGIN { print \"ready\"; fflush(); getline }"
    for name in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(hull_command(["/bin/busybox", "awk", script]),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(name)
        try:
            process.wait(GUARD)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"signal {name} did not end it") from None
        assert process.returncode in (128 + name, -name), process.returncode


def spinning_kernel(path):
    """A kernel that does nothing at all, for KVM's direct entry and for PVH's."""
    base, at, code = 0xffffffff80000000, 0x100000, b"\xeb\xfe"
    note = struct.pack("<III4sQ", 4, 8, 18, b"Xen", at)
    headers = 64 + 2 * 56
    segments = ((1, 5, headers, at, code), (4, 4, headers + 8, at + 8, note))
    with open(path, "wb") as file:
        file.write(b"\x7fELF\x02\x01\x01".ljust(16, b"\0"))
        file.write(struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + at, 64, 0, 0, 64, 56, 2, 0, 0, 0))
        for kind, flags, offset, physical, content in segments:
            file.write(struct.pack("<IIQQQQQQ", kind, flags, offset, base + physical, physical,
                                   len(content), len(content), 1))
        file.write(code.ljust(8, b"\0") + note)


def catches(process, number):
    """Has it a handler for that signal?"""
    with open(f"/proc/{process.pid}/status") as status:
        caught = re.search(r"^SigCgt:\s*(\w+)$", status.read(), re.MULTILINE)
    return int(caught[1], 16) >> number - 1 & 1


def ends_of(process, number):
    """One more signal: a busy machine may have given it the one before late."""
    if process.poll() is None:
        process.send_signal(number)
    return process.poll() is not None


@test
def a_second_signal_ends_a_guest_that_does_not_react():
    for name in (signal.SIGTERM, signal.SIGINT):
        with scratch() as folder:
            spinning_kernel(f"{folder}/kernel")
            process = subprocess.Popen(hull_command(["/bin/true"], ("--kernel", f"{folder}/kernel")),
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                assert wait_until(lambda: catches(process, name)), process.returncode
                process.send_signal(name)
                time.sleep(0.6)         # half a second is the guest's to answer
                assert process.poll() is None, (process.returncode, process.stderr.read())
                assert wait_until(lambda: ends_of(process, name)), "hull does not end"
                _, err = process.communicate(timeout=GUARD)
            finally:
                process.kill()
            equal("status", process.returncode, 128 + name)
            assert err.startswith(b"hull: ") and b"does not react" in err, err


def wait_rest(process):
    """Until each thread of its QEMU, then each of hull's, waits for more, or has ended: hull knows what its guest has said."""
    for pid in (*children_of(process.pid), process.pid):
        for task in glob.glob(f"{pid}/task/*", root_dir="/proc"):
            assert wait_until(lambda: (stat_of(task) or "Z")[0] in "SZX"), f"thread {task} never waits"


@test
def a_program_may_take_many_signals():
    script = ("import signal, time\ntaken = []\n"
              "signal.signal(15, lambda *_: (taken.append(1), print('taken', flush=True)))\n"
              "print('ready', flush=True)\nwhile len(taken) < 3: time.sleep(0.1)\nprint('done')")
    process = subprocess.Popen(hull_command(["/usr/bin/python3", "-c", script]), stdout=subprocess.PIPE, bufsize=0)
    try:
        assert process.stdout.readline() == b"ready\n"
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == b"taken\n"
            wait_rest(process)
            time.sleep(0.6)             # longer than a guest has to answer
        out, _ = process.communicate(timeout=GUARD)
    finally:
        process.kill()
    equal("output and status", (out, process.returncode), (b"done\n", 0))


@test
def qemu_gets_no_descriptors_of_the_caller():
    if ACCEL != "tcg":
        raise Skip("no QEMU here")
    with scratch() as folder, open(f"{folder}/secret", "w") as secret:
        process = subprocess.Popen(hull_command(["/bin/busybox", "sh", "-c", "echo ready; read l"]),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[secret.fileno()])
        try:
            assert process.stdout.readline() == b"ready\n"
            qemu, = children_of(process.pid)
            links = []
            for fd in os.listdir(f"/proc/{qemu}/fd"):
                with contextlib.suppress(FileNotFoundError):    # closed since
                    links.append(os.readlink(f"/proc/{qemu}/fd/{fd}"))
            assert links and secret.name not in links, links
            process.communicate(b"\n", timeout=GUARD)
        finally:
            process.kill()


@test
def without_dev_kvm():
    needs("unshare", "qemu-system-x86_64")
    if os.geteuid() != 0 or not os.path.exists("/dev/kvm"):
        raise Skip("needs root and a /dev/kvm to hide")
    inside = 'mount --bind /dev/null /dev/kvm && exec "$@"'
    hidden = ["unshare", "-m", "sh", "-c", inside, "sh"]
    result = execute([*hidden, HULL, "run", "/bin/busybox", "echo", "hello"], GUARD)
    equal("stdout", (result.returncode, result.stdout), (0, b"hello\n"))
    assert b"kvm" in result.stderr.lower() and len(result.stderr.splitlines()) == 1, result.stderr
    result = execute([*hidden, HULL, "run", "--accel", "kvm", "/bin/true"], GUARD)
    assert result.returncode not in (0, 139) and b"kvm" in result.stderr.lower(), result


@test
def many_at_once():
    processes = [subprocess.Popen(hull_command([program("hello-static"), str(n)]), stdout=subprocess.PIPE)
                 for n in range(4)]
    for n, process in enumerate(processes):
        out, _ = process.communicate(timeout=GUARD)
        assert f"argument 1: {n}".encode() in out and process.returncode == 0, out


if __name__ == "__main__":
    main()
