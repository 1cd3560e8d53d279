# SPDX-License-Identifier: BSD-2-Clause
"""
What the tests of the command share: functions marked @test, run in order, printed as TAP.

    test/cli/FILE.py [NAME]...      only the tests whose name contains one of these

HULL names the command (./hull), HULL_ACCEL the accelerator (kvm or tcg), HULL_CPUS the number of CPUs
(hull's default), O the build directory.
Expected output is never typed in: the same command runs on the host in the same test.
"""
import difflib, os, shutil, signal, subprocess, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HULL = os.path.abspath(os.path.join(TOP, os.environ.get("HULL", "./hull")))
ACCEL = os.environ.get("HULL_ACCEL", "kvm")
CPUS = os.environ.get("HULL_CPUS", "")
PROGRAMS = os.path.join(TOP, os.environ.get("O", "build"), "test", "programs")
SOAK = "HULL_SOAK" in os.environ
SLOW = 8 if ACCEL == "tcg" else 1       # emulation's time-outs

COMPILERS = {"hello-musl": "musl-gcc", "hello-go": "go", "hello-rust": "rustc", "stencil": "gfortran"}

# Whoever runs the tests in the background ignores these, and would pass that on to every program.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

_tests = []


class Skip(Exception):
    pass


def test(function):
    _tests.append((function.__name__.replace("_", " "), function))
    return function


def add_test(name, function):
    _tests.append((name, function))


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


def hull(*command, options=(), timeout=60, **more):
    return execute(hull_command(command, options), timeout * SLOW, **more)


def guest_only(script, options=(), timeout=60, **more):
    """
    A bash script that would harm a host. It is not started but by a command that answers as a guest of
    Hull's does and this host does not, and it looks again before its first line.
    """
    version = hull("cat", "/proc/sys/kernel/version", options=options, timeout=timeout)
    assert version.returncode == 0 and b"Hull" in version.stdout and "Hull" not in os.uname().version, \
        f"{HULL} does not start a guest: {version.stdout + version.stderr!r}"
    check = "case $(cat /proc/sys/kernel/version) in (*Hull*) ;; (*) echo 'not in a guest'; exit 2;; esac\n"
    return hull("/bin/bash", "-c", check + script, options=options, timeout=timeout, **more)


def host(*command, timeout=60, **more):
    result = execute(list(command), timeout, **more)
    if result.returncode < 0:                   # as a shell, and as hull, reports a signal
        result.returncode = 128 - result.returncode
    return result


def equal(what, in_hull, on_host):
    if in_hull == on_host:
        return
    if isinstance(in_hull, list) and isinstance(on_host, list):
        lines = difflib.unified_diff([str(x) for x in on_host], [str(x) for x in in_hull], "host", "hull", lineterm="", n=2)
        raise AssertionError(f"{what} differs\n" + "\n".join(lines)[:3000])
    raise AssertionError(f"{what} differs\nhull: {in_hull!r:.1500}\nhost: {on_host!r:.1500}")


def same(*command, stderr=True, options=(), timeout=60, **more):
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


def wait_until(condition, timeout=10):
    end = time.monotonic() + timeout * SLOW
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


def main():
    chosen = [t for t in _tests if not sys.argv[1:] or any(a in t[0] for a in sys.argv[1:])]
    for number, (name, function) in enumerate(chosen, 1):
        start = time.monotonic()
        verdict, skip, details = _run(function)
        print(f"{verdict} {number} - {name} ({time.monotonic() - start:.1f} s){skip}", flush=True)
        for line in details:
            print("#", line, flush=True)
    print(f"1..{len(chosen)}")
    sys.exit(0)
