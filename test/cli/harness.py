# SPDX-License-Identifier: BSD-2-Clause
"""
What the tests of the command share: functions marked @test, run in order, printed as TAP.

    test/cli/FOLDER/FILE.py [NAME]...      only the tests whose name contains one of these

HULL names the command (./hull), HULL_ACCEL the accelerator (kvm or tcg), HULL_CPUS the number of CPUs
(hull's default), O the build directory.
Expected output is never typed in: the same command runs on the host in the same test.
"""
import concurrent.futures, difflib, fcntl, hashlib, os, pickle, resource, shutil, signal, subprocess, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HULL = os.path.abspath(os.path.join(TOP, os.environ.get("HULL", "./hull")))
ACCEL = os.environ.get("HULL_ACCEL", "kvm")
CPUS = os.environ.get("HULL_CPUS", "")
PROGRAMS = os.path.join(TOP, os.environ.get("O", "build"), "test", "programs")
SOAK = "HULL_SOAK" in os.environ
SLOW = 8 if ACCEL == "tcg" else 1       # emulation's time-outs
GUARD = 3600 if SOAK else 600           # seconds until a wait is a hang, however busy the machine is
ONE_ECHO = ("-c", "1", "-W", str(GUARD))  # ping waits for the last of several only as long as the others took

COMPILERS = {"hello-musl": "musl-gcc", "hello-go": "go", "network-go": "go", "hello-rust": "rustc", "stencil": "gfortran"}

# Whoever runs the tests in the background ignores these, and would pass that on to every program.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
# Nor may its other settings show: messages in its language, who may read what, "(core dumped)".
os.environ["LC_ALL"] = "C.UTF-8"
os.umask(0o022)
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

_tests = []


class Skip(Exception):
    pass


def test(function):
    _tests.append((function.__name__.replace("_", " "), function))
    return function


def host_test(function):
    """No guest is in it: one accelerator's suite has it, KVM's where there is KVM."""
    here = not CPUS and (ACCEL == "kvm" or not os.access("/dev/kvm", os.R_OK | os.W_OK))
    return test(function) if here else function


def add_test(name, function):
    _tests.append((name, function))


def forget_tests():
    """For a file that takes commands from another's: what that one's import has added is not its own to run."""
    _tests.clear()


def needs(*programs):
    for program in programs:
        if not (os.access(program, os.X_OK) if "/" in program else shutil.which(program)):
            raise Skip(f"{program} is not here")


def program(name):
    """A demonstration program of test/linux/programs, as built; its compiler may not be here."""
    path = os.path.join(PROGRAMS, name)
    if name in COMPILERS:
        needs(COMPILERS[name])
    assert os.access(path, os.X_OK), f"{path} is not built: make tests"
    return path


def hull_command(command, options=()):
    cpus = ["-c", CPUS] if CPUS and "-c" not in options else []
    return [HULL, "run", "--accel", ACCEL, *cpus, *options, *command]


def execute(command, timeout, **more):
    """Run to the end; a hang is an assertion that names the command, and nothing is left running."""
    more.setdefault("stdin", subprocess.DEVNULL if "input" not in more else None)
    if "input" in more:
        del more["stdin"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True,
                               **{"stdin": subprocess.PIPE if "input" in more else more.get("stdin"),
                                  **{k: v for k, v in more.items() if k not in ("input", "stdin")}})
    try:
        out, err = process.communicate(more.get("input"), timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout} s: {' '.join(command)}\n"
                             f"stdout {out[-300:]}\nstderr {err[-600:]}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def hull(*command, options=(), timeout=GUARD, **more):
    return execute(hull_command(command, options), timeout, **more)


def guest_only(script, options=(), timeout=GUARD, **more):
    """
    A bash script that would harm a host. It is not started but by a command that answers as a guest of
    Hull's does and this host does not, and it looks again before its first line.
    """
    version = hull("cat", "/proc/sys/kernel/version", options=options, timeout=timeout)
    assert version.returncode == 0 and b"Hull" in version.stdout and "Hull" not in os.uname().version, \
        f"{HULL} does not start a guest: {version.stdout + version.stderr!r}"
    check = "case $(cat /proc/sys/kernel/version) in (*Hull*) ;; (*) echo 'not in a guest'; exit 2;; esac\n"
    return hull("/bin/bash", "-c", check + script, options=options, timeout=timeout, **more)


def host(*command, timeout=GUARD, **more):
    result = execute(list(command), timeout, **more)
    if result.returncode < 0:                   # as a shell, and as hull, reports a signal
        result.returncode = 128 - result.returncode
    return result


def host_once(*command, timeout=GUARD):
    """
    As host(), but of all programs that one test/run starts, with whatever accelerator, only the first runs it: the others
    wait for what it got. For commands whose input is all in their words.
    """
    folder = os.environ.get("HULL_TEST_CACHE")
    if not folder:
        return host(*command, timeout=timeout)
    path = os.path.join(folder, hashlib.sha256("\0".join(command).encode()).hexdigest())
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path):
            with open(path, "rb") as file:
                return pickle.load(file)
        result = host(*command, timeout=timeout)
        with open(f"{path}.new", "wb") as file:
            pickle.dump(result, file)
        os.replace(f"{path}.new", path)     # whole, or not at all
        return result


def equal(what, in_hull, on_host):
    if in_hull == on_host:
        return
    if isinstance(in_hull, list) and isinstance(on_host, list):
        lines = difflib.unified_diff([str(x) for x in on_host], [str(x) for x in in_hull], "host", "hull", lineterm="", n=2)
        raise AssertionError(f"{what} differs\n" + "\n".join(lines)[:3000])
    raise AssertionError(f"{what} differs\nhull: {in_hull!r:.1500}\nhost: {on_host!r:.1500}")


def same(*command, stderr=True, options=(), timeout=GUARD, **more):
    """The command's output and status in Hull equal the host's."""
    expected = host(*command, timeout=timeout, **more)
    result = hull(*command, options=options, timeout=timeout, **more)
    equal("status", (result.returncode, result.stderr[-600:] if result.returncode != expected.returncode
                     else b""), (expected.returncode, b""))
    equal("stdout", result.stdout, expected.stdout)
    if stderr:
        equal("stderr", result.stderr, expected.stderr)
    return result


def scratch():
    return tempfile.TemporaryDirectory(prefix="hull-cli-")


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on; None: there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def is_gone(pid):
    return (stat_of(pid) or ["Z"])[0] == "Z"


def wait_until(condition):
    end = time.monotonic() + GUARD
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _run(function):
    try:
        function()
        return "ok", "", []
    except Skip as skip:
        return "ok", f" # SKIP {skip}", []
    except Exception as error:
        text = str(error) if isinstance(error, AssertionError) else repr(error)
        return "not ok", "", text.splitlines()


def _timed(function):
    start = time.monotonic()
    return *_run(function), time.monotonic() - start


def say(line):
    """A line of output, by one write: those of several threads do not mix, even where Python buffers nothing."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(at_once=1):
    """at_once: how many run beside each other, where most of their time is waiting; their lines stay in order."""
    chosen = [t for t in _tests if not sys.argv[1:] or any(a in t[0] for a in sys.argv[1:])]
    functions = [function for _, function in chosen]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results = pool.map(_timed, functions) if at_once > 1 else map(_timed, functions)
        for number, ((name, _), (verdict, skip, details, seconds)) in enumerate(zip(chosen, results), 1):
            say(f"{verdict} {number} - {name} ({seconds:.1f} s){skip}")
            for line in details:
                say(f"# {line}")
    say(f"1..{len(chosen)}")
    sys.exit(0)
