#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Little memory: a program gets ENOMEM or is killed with a message that names sizes, the others go on, and the
kernel neither panics nor hangs. What was used up is free again afterwards.
"""
import os, re, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import equal, guest_only, hull, main, needs, program, test

PANIC = 3                       # what hull answers for a guest whose kernel panicked
ENOUGH = {"hello-static": 3, "hello": 3, "sh": 4, "python3": 12}       # MiB


def survives(result, *statuses):
    text = (result.stdout + result.stderr).decode(errors="replace")
    assert "panic" not in text, text[-3000:]
    assert not statuses or result.returncode in statuses, (result.returncode, text[-2000:])
    return text


@test
def as_little_as_there_may_be():
    for name, command in (("hello-static", (program("hello-static"), "x")), ("hello", (program("hello"), "x")),
                          ("sh", ("/bin/busybox", "sh", "-c", "echo $((6 * 7)) | cat")),
                          ("python3", ("/usr/bin/python3", "-S", "-E", "-c", "print(6 * 7)"))):
        result = hull(*command, options=("-m", f"{ENOUGH[name]}M"))
        assert result.returncode == 0 and result.stdout, (name, ENOUGH[name], result)


@test
def less_than_that_is_said():
    """Whatever a VM is given, it ends with what it was to do, or with words."""
    for mebibytes in range(1, 13):
        for command in (("/bin/busybox", "sh", "-c", "echo $((6 * 7)) | cat"),
                        ("/usr/bin/python3", "-S", "-E", "-c", "print(6 * 7)")):
            result = hull(*command, options=("-m", f"{mebibytes}M"))
            survives(result)
            assert result.stdout == b"42\n" or result.stderr, (mebibytes, result)


PYTHON = r"""
import errno, os, resource, signal, socket, sys, threading, time, mmap
assert "Hull" in os.uname().version
def until_refused(make, most=1 << 20):
    "Makes things until an error says that there is no room; they go with the list."
    made = []
    try:
        while len(made) < most:
            made.append(make())
    except MemoryError:
        return made, "ENOMEM"
    except (OSError, RuntimeError) as error:
        name = errno.errorcode.get(getattr(error, "errno", None), "")
        return made, name or "ENOMEM" if "start new thread" in str(error) or name else repr(error)
    return made, "never"
def child(function):
    "In a process of its own, since it may be killed: what became of it."
    pid = os.fork()
    if pid == 0:
        try:
            answer = function()
            os.write(1, (answer + "\n").encode())
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return "killed" if os.WIFSIGNALED(status) else "ended"
def free():
    return int(next(l for l in open("/proc/meminfo") if l.startswith("MemFree")).split()[1])
def processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))
resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
"""

USES = {
    "touched memory": ("""
def use():
    made, error = until_refused(lambda: bytearray(b"x" * 262144))
    return error""", "ENOMEM"),
    "mapped memory that is touched later": ("""
def use():
    m = mmap.mmap(-1, 48 << 20)
    for at in range(0, 48 << 20, 4096): m[at] = 1
    return "all" """, None),
    "pipes that are full": ("""
def fill():
    r, w = os.pipe(); os.set_blocking(w, False)
    try:
        while True: os.write(w, b"x" * 65536)
    except BlockingIOError: pass
    return r, w
def use():
    made, error = until_refused(fill)
    return error""", "ENOMEM ENFILE"),
    "open files": ("""
def use():
    made, error = until_refused(lambda: os.open("/etc/passwd", os.O_RDONLY))
    return error""", "ENOMEM ENFILE EMFILE"),
    "socket pairs that are full": ("""
def fill():
    a, b = socket.socketpair(); a.setblocking(False)
    try:
        while True: a.send(b"x" * 32768)
    except BlockingIOError: pass
    return a, b
def use():
    made, error = until_refused(fill)
    return error""", "ENOMEM ENOBUFS ENFILE"),
    "descriptors in flight": ("""
def fill():
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [a.fileno(), b.fileno()])
    return a.detach(), b.detach()
def use():
    made, error = until_refused(fill, 4000)
    return error""", "ENOMEM ENOBUFS ENFILE ETOOMANYREFS never"),
    "threads": ("""
def use():
    threading.stack_size(65536)
    stop = threading.Event()
    def make():
        t = threading.Thread(target=stop.wait); t.start(); return t
    made, error = until_refused(make)
    stop.set()
    return error""", "ENOMEM EAGAIN"),
    "files in memory": ("""
def make(n=[0]):
    n[0] += 1
    with open(f"/tmp/used/many-{n[0]}", "w"): pass
def use():
    made, error = until_refused(make)
    return error""", "ENOMEM ENOSPC"),
    "one large file in memory": ("""
def use():
    with open("/tmp/used/large", "wb", buffering=0) as f:
        made, error = until_refused(lambda: f.write(b"x" * 65536))
    return error""", "ENOMEM ENOSPC"),
    "memory files": ("""
def make():
    fd = os.memfd_create("m"); os.write(fd, b"x" * 65536); return fd
def use():
    made, error = until_refused(make)
    return error""", "ENOMEM ENOSPC ENFILE"),
    "processes": ("""
def make(r, w):
    pid = os.fork()
    if pid == 0:
        os.close(w)
        os.read(r, 1)           # until whoever made it is gone
        os._exit(0)
    return pid
def use():
    r, w = os.pipe()
    made, error = until_refused(lambda: make(r, w))
    os.close(w)
    for pid in made: os.waitpid(pid, 0)
    return error""", "ENOMEM EAGAIN"),
}


def used_up(name):
    use, errors = USES[name]

    def run():
        needs("python3")
        script = f"""mkdir /tmp/used; cat > /tmp/use.py <<'END'
{PYTHON}
{use}
before, alone = free(), processes()
for i in range(2):
    print(child(use))
    for name in os.listdir("/tmp/used"):
        os.unlink("/tmp/used/" + name)
socket.socketpair()             # closing one finds sockets that only messages hold
while processes() > alone: time.sleep(0.01)     # those of one that was killed end by themselves
os.sync()
open("/proc/sys/vm/drop_caches", "w").write("3")
print("less", before - free())
END
python3 -S -E /tmp/use.py; echo "status $?"; (echo after | cat)"""
        result = guest_only(script, options=("-m", "48M"))
        text = survives(result, 0)
        assert "status 0" in text and text.rstrip().endswith("after") or "after" in text, text[-2000:]
        ends = re.findall(r"^(killed|ended)$", text, re.MULTILINE)
        equal("children", len(ends), 2)
        for word in re.findall(r"^(E[A-Z]+|never|all)$", text, re.MULTILINE):
            assert errors is None or word in errors.split(), f"{word}: {text[-1500:]}"
        for _ in range(ends.count("killed")):
            assert "out of memory" in text and "KiB are free" in text, text[-1500:]
        lost = int(re.search(r"^less (-?\d+)", text, re.MULTILINE)[1])
        assert lost < 2048, f"{lost} KiB less are free afterwards\n{text[-1500:]}"
    run.__name__ = "used up: " + name
    test(run)


for use_name in USES:
    used_up(use_name)


@test
def a_fork_bomb_leaves_a_shell():
    bomb = "bomb() { bomb | bomb & }; (ulimit -u 400; bomb) 2>/dev/null; sleep 2; echo alive"
    for size in ("16M", "64M"):
        result = guest_only(bomb, options=("-m", size, "-u", "nobody:nogroup"))
        text = survives(result)
        assert "alive" in text or "out of memory" in text, (size, result.returncode, text[-1500:])


@test
def a_tree_deeper_than_the_kernels_stack_goes():
    script = """mkdir /tmp/m; mount -t tmpfs none /tmp/m; cd /tmp/m
python3 -S -c 'import os
for n in range(3000): os.mkdir("d"); open("file", "w").close(); os.chdir("d")'
cd /; umount /tmp/m && echo unmounted"""
    result = guest_only(script)
    assert result.stdout == b"unmounted\n", result


@test
def empty_files_do_not_take_all_of_memory():
    script = """mkdir /tmp/m; mount -t tmpfs -o nr_inodes=100 none /tmp/m; cd /tmp/m
for i in $(seq 200); do : > f$i || break; done 2>/tmp/error; ls | wc -l; grep -c 'No space left' /tmp/error
stat -f -c '%c %d' .; rm f1 && : > again && echo again"""
    result = guest_only(script)
    equal("what fits", result.stdout.split(), b"99 1 100 0 again".split())


@test
def anonymous_memory_is_accounted_for():
    # Nobody else is there when it looks: how much a parent and a child share depends on who has run.
    script = """look() { while read -r name kib _; do [ "$name" = AnonPages: ] && break; done < /proc/meminfo; }
for j in 1 2 3 4 5; do (exit 0); done; look; before=$kib
for i in $(seq 200); do (exit 0); done; look; echo $((kib - before))"""
    result = hull("/bin/bash", "-c", script)
    assert -64 <= int(result.stdout) <= 64, result


if __name__ == "__main__":
    main()
