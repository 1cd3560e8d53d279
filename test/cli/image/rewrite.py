#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
`hull rewrite`: programs and libraries whose system calls are patched in the file print in Hull what the
unpatched ones print on the host, alone, with threads, signals and children; elsewhere they say what they are.

LD_LIBRARY_PATH leads a guest's programs to rewritten copies of the libraries; a root made of rewritten files has
a rewritten ld.so as well.
"""
import functools, glob, os, re, shutil, sys, tempfile
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, HULL, SOAK, TOP, add_test, equal, execute, host, host_test, hull, main, needs, program, scratch, test

BUILD = os.path.join(TOP, os.environ.get("O", "build"))
LINUX = f"{BUILD}/test/linux"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
LOADER = "/lib64/ld-linux-x86-64.so.2"
# What is most about how calls come in and go out.
ABOUT_CALLS = ("doors", "doors_signals", "signal_restart", "signal_handler", "signal_threads", "pthread_cancel", "pthread",
               "pthread_many", "fork", "fork_stress", "process", "exec_threads", "clone_flags", "clone_thread", "seccomp",
               "futex", "read_write", "auxv", "stack", "proc_self")
REWRITTEN = re.compile(rb"^(\S+): (\d+) of (\d+) system-call sites rewritten$", re.MULTILINE)
folder = tempfile.TemporaryDirectory(prefix="hull-rewrite-")


def rewrite(*files, to, **more):
    result = host(HULL, "rewrite", *files, "-o", to, **more)
    assert result.returncode == 0, result
    return result.stdout


def libraries_of(*programs):
    """Their files, ld.so among them."""
    return sorted({path for p in programs for path in re.findall(r"(/\S+) \(0x", host("ldd", p).stdout.decode())})


@functools.lru_cache(None)
def libraries():
    """A folder of the libraries that the programs of these tests share."""
    path = f"{folder.name}/lib"
    os.mkdir(path)
    names = ["libc.so.6", "libpthread.so.0", "libm.so.6", "librt.so.1", "libdl.so.2", "libsqlite3.so.0", "libcrypto.so.3"]
    rewrite(*[p for p in (f"/lib/x86_64-linux-gnu/{n}" for n in names) if os.path.exists(p)], to=path)
    return path


def rewritten(path):
    """The program's rewritten copy."""
    to = f"{folder.name}/{os.path.basename(path)}"
    if not os.path.exists(to):
        rewrite(path, to=to)
    return to


def hull_rewritten(path, *arguments, options=(), **more):
    return hull(rewritten(path), *arguments, options=("-e", f"LD_LIBRARY_PATH={libraries()}", *options), **more)


def same_rewritten(path, *arguments, options=(), **more):
    expected = host(path, *arguments, **more)
    result = hull_rewritten(path, *arguments, options=options, **more)
    equal("status and errors", (result.returncode, result.stderr[-900:]), (expected.returncode, expected.stderr))
    equal("stdout", result.stdout.splitlines(), expected.stdout.splitlines())


# ---- the file ----

@host_test
def most_sites_of_the_c_library():
    for path in (LIBC, LOADER):
        found = REWRITTEN.search(rewrite(path, to=f"{folder.name}/most"))
        assert found and int(found[2]) > 0.9 * int(found[3]), found


@host_test
def the_same_bytes_each_time_and_once_only():
    first, second, third = (f"{folder.name}/{name}" for name in ("first", "second", "third"))
    rewrite(LIBC, to=first)
    rewrite(LIBC, to=second)
    said = rewrite(first, to=third)
    assert b"rewritten before" in said and b"unchanged" in said, said
    contents = [open(path, "rb").read() for path in (first, second, third)]
    assert contents[0] == contents[1] == contents[2]
    equal("mode", os.stat(first).st_mode, os.stat(LIBC).st_mode)


@host_test
def what_it_says_is_all_there_is():
    said = rewrite(LIBC, to=f"{folder.name}/counted")
    found = REWRITTEN.search(said)
    left = sum(int(n) for n in re.findall(rb"^ +(\d+) left: ", said, re.MULTILINE))
    equal("sites", int(found[2]) + left, int(found[3]))
    equal("-q", rewrite("-q", LIBC, to=f"{folder.name}/counted"), b"")


@host_test
def readelf_objdump_and_gdb_read_the_file():
    needs("readelf", "objdump")
    for path in (LIBC, LOADER, program("hello-static"), program("hello-static-pie"), program("hello-go")):
        copy = rewritten(path)
        for command in (("readelf", "-aW"), ("objdump", "-dj.hull"), ("objdump", "-p")):
            before, after = (host(*command, p) for p in (path, copy))
            equal(f"status of {command}", after.returncode, 0)
            if command[0] == "readelf":
                equal("warnings", after.stderr.replace(copy.encode(), b""), before.stderr.replace(path.encode(), b""))
        equal("build id", *[re.findall(rb"Build ID: (\S+)", host("readelf", "-n", p).stdout) for p in (copy, path)])
    if shutil.which("gdb"):
        result = host("gdb", "-batch", "-ex", "info symbol getppid", "-ex", "x/3i getppid", rewritten(LIBC))
        assert b"getppid in section .text" in result.stdout and b"syscall" in result.stdout, result


@host_test
def its_calls_are_not_scanned():
    result = host(HULL, "scan", rewritten(program("hello-static")))
    assert result.returncode == 126 and b"scan the original" in result.stderr and not result.stdout, result


@host_test
def elsewhere_it_says_what_it_is():
    for path in (LOADER, program("hello-static"), program("hello-static-pie"), program("hello-musl"), program("hello-go")):
        result = host(rewritten(path))
        equal("status and output", (result.returncode, result.stdout), (126, b""))
        assert b"rewritten for Hull" in result.stderr and b"hull run" in result.stderr, result


@host_test
def a_bad_file_is_refused():
    with scratch() as parent:
        cut, text, archive, out = (f"{parent}/{name}" for name in ("cut", "text", "archive", "out"))
        with open(LIBC, "rb") as file:
            content = file.read()
        for path, data in ((cut, content[:3000]), (text, b"hello\n"), (archive, content + b"PK\5\6" + bytes(18))):
            with open(path, "wb") as file:
                file.write(data)
        for status, said, *words in (
                (126, cut, cut, "-o", out), (126, "not an ELF file", text, "-o", out),
                (126, "22 bytes follow", archive, "-o", out), (126, "not a regular file", parent, "-o", out),
                (127, "No such file", "/nowhere", "-o", out), (125, "No such file", LIBC, "-o", f"{parent}/no/where"),
                (2, "the file itself", LIBC, "-o", os.path.realpath(LIBC)), (2, "-o PATH is missing", LIBC),
                (2, "not a directory", LIBC, LOADER, "-o", out), (2, "which file")):
            result = host(HULL, "rewrite", *words)
            assert result.returncode == status and said.encode() in result.stderr, (words, result)
            assert result.stderr.startswith(b"hull: ") and result.stderr.count(b"\n") <= 2, result
            assert not os.path.exists(out) and len(os.listdir(parent)) == 3


# ---- programs ----

for name in ("hello", "hello-static", "hello-static-pie", "hello-no-pie", "hello-musl", "hello-go", "hello-rust", "throw",
             "goroutines", "openmp"):
    add_test(f"{name} prints the same", lambda name=name: same_rewritten(program(name), options=("-m", "1G", "-c", "2")))


@test
def python_prints_the_same():
    script = """
import hashlib, os, signal, sqlite3, subprocess, threading
db = sqlite3.connect(":memory:"); db.execute("create table t(a)")
db.executemany("insert into t values(?)", ((i,) for i in range(20000)))
print(db.execute("select sum(a), count(*) from t").fetchone())
results = []; threads = [threading.Thread(target=lambda i=i: results.append(sum(range(i * 10000)))) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]; print(sorted(results))
for i in range(20):
    pid = os.fork()
    if pid == 0: os._exit(i)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == i
print(subprocess.run(["/bin/sh", "-c", "echo child; kill -TERM $$"], capture_output=True))
seen = []; signal.signal(signal.SIGALRM, lambda *_: seen.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
r, w = os.pipe()
while len(seen) < 200: os.write(w, b"x"); assert os.read(r, 1) == b"x"
signal.setitimer(signal.ITIMER_REAL, 0); print(len(seen) >= 200, hashlib.sha256(b"x" * 10**6).hexdigest())
"""
    needs("python3")
    same_rewritten("/usr/bin/python3", "-c", script, options=("-c", "2"))


@test
def sqlite3_and_bash_print_the_same():
    needs("sqlite3")
    with scratch() as parent:
        same_rewritten("/usr/bin/sqlite3", f"{parent}/db", "create table t(a, b); with recursive n(i) as (select 1 union all "
                       "select i + 1 from n where i < 2000) insert into t select i, i * i from n; select sum(b) from t; "
                       "drop table t;")
    same_rewritten("/bin/bash", "-c", "for i in {1..20}; do (exit $i); echo $?; done; seq 1000 | sort -rn | head -3; "
                   "trap 'echo got' USR1; kill -USR1 $$; coproc cat; echo x >&${COPROC[1]}; read y <&${COPROC[0]}; echo $y")


def server_prints_the_same(name, programs, *arguments):
    """On the host, in Hull patched ahead of time, and in Hull with nothing patched at all."""
    needs(*programs)
    with scratch() as parent:
        os.chmod(parent, 0o755)
        path = f"{parent}/{name}"
        command = ["/bin/bash", f"{TOP}/test/cli/scripts/{name}.sh", path, *arguments]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        os.mkdir(path)
        expected = host(*command, env=environment)
        for patched in (["-e", f"LD_LIBRARY_PATH={libraries()}"], ["--no-patch"]):
            shutil.rmtree(path)
            os.mkdir(path)
            result = hull(*command, env=environment, options=["-m", "1G", *patched])
            equal(f"status and errors, {patched}", (result.returncode, result.stderr[-900:]), (0, expected.stderr))
            equal(f"stdout, {patched}", result.stdout.splitlines(), expected.stdout.splitlines())


if ACCEL == "kvm" or SOAK:
    add_test("redis prints the same", lambda: server_prints_the_same(
        "redis", ("redis-server", "redis-cli", "redis-benchmark"), "20000" if SOAK else "3000"))
    add_test("nginx prints the same", lambda: server_prints_the_same("nginx", ("/usr/sbin/nginx", "curl", "pgrep", "pkill")))


def make_root(root, *programs):
    """What these programs load, all of it rewritten."""
    for path in (*programs, *libraries_of(*programs)):
        real = f"{root}/{os.path.realpath(os.path.dirname(path))}/{os.path.basename(path)}"
        if not os.path.exists(real):
            os.makedirs(os.path.dirname(real), exist_ok=True)
            rewrite(path, to=real)
    for name in ("bin", "lib", "lib64"):
        if not os.path.lexists(f"{root}/{name}") and os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")


@test
def a_root_with_a_rewritten_loader():
    needs("sqlite3")
    script = "ls -d /usr /lib; sqlite3 :memory: 'select 6 * 7'; for i in 1 2 3; do (ls / | grep -cx usr); done; ls /x"
    programs = [shutil.which(p) for p in ("bash", "ls", "sqlite3", "grep")]
    with scratch() as root:
        make_root(root, *programs)
        env = {**os.environ, "LC_ALL": "C"}                 # the root has no locales
        expected = host("bash", "-c", script, env=env)
        result = hull("/bin/bash", "-c", script, options=("--rootfs", root), env=env)
        equal("output", (result.returncode, result.stdout, result.stderr),
              (expected.returncode, expected.stdout, expected.stderr))


@test
def its_segment_is_in_the_map():
    result = hull_rewritten("/bin/cat", "/proc/self/maps")
    lines = [line for line in result.stdout.decode().splitlines() if line.endswith("libc.so.6")]
    equal("code of libc and of its stubs", [line.split()[1] for line in lines if "x" in line.split()[1]], ["r-xp"] * 2)


@test
def strace_shows_the_same_calls():
    with scratch() as plain:
        for path in glob.glob(f"{libraries()}/*"):
            shutil.copy(f"/lib/x86_64-linux-gnu/{os.path.basename(path)}", plain)
        found = []
        for path in (plain, libraries()):
            result = hull("/bin/ls", "/", options=("--strace", "-e", f"LD_LIBRARY_PATH={path}"))
            names = [line.split("(")[0] for line in result.stderr.decode().splitlines()]
            found.append([name for name in names if name not in ("mmap", "mprotect")])      # ld.so: of one segment more
    assert len(found[0]) > 20
    equal("calls", found[1], found[0])


# ---- the tests of the kernel ----

def linux_test(name, *options):
    result = hull_rewritten(f"{LINUX}/{name}", options=options)
    last = (result.stdout.splitlines() or [b""])[-1]
    failed = [line for line in result.stdout.splitlines() if line.startswith(b"FAIL")]
    assert result.returncode == 0 and last.endswith(b" checks, 0 failed"), (name, failed, result.stderr[-900:])


def linux_tests(*options):
    names = [os.path.basename(p) for p in glob.glob(f"{LINUX}/*") if os.access(p, os.X_OK) and os.path.isfile(p)]
    for name in sorted(names) if SOAK else ABOUT_CALLS:
        if not name.startswith("fail_"):
            linux_test(name, *options)


for words in ((), ("--no-patch",), ("-c", "2")) if ACCEL == "kvm" or SOAK else (("-c", "2"),):
    add_test(f"tests of Linux's calls {' '.join(words)}".strip(), lambda words=words: linux_tests(*words))

if __name__ == "__main__":
    main()
