#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Standard streams, arguments, environment, working directory and exit status, as a process has them."""
import hashlib, os, random, re, signal, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import (GUARD, SLOW, add_test, equal, execute, host, hull, hull_command, main, needs, program, same,
                     scratch, test)

LARGE = random.Random(1).randbytes(16 << 20) if SLOW == 1 else random.Random(1).randbytes(4 << 20)


def pipeline(text):
    command = text.replace("HULL", " ".join(hull_command([])))
    return execute(["/bin/bash", "-o", "pipefail", "-c", command], GUARD)


@test
def sort_in_a_pipeline():
    count = 2000000 if SLOW == 1 else 100000
    expected = host("/bin/sh", "-c", f"seq 1 {count} | sort -n | sha256sum")
    result = pipeline(f"seq 1 {count} | HULL sort -n | sha256sum")
    equal("stdout", (result.stdout, result.stderr), (expected.stdout, b""))


@test
def cat_is_byte_exact():
    with scratch() as folder:
        with open(f"{folder}/large", "wb") as file:
            file.write(LARGE)
        result = pipeline(f"HULL cat <{folder}/large >{folder}/copy")
        assert result.returncode == 0, result
        with open(f"{folder}/copy", "rb") as file:
            equal("sha256", hashlib.sha256(file.read()).hexdigest(), hashlib.sha256(LARGE).hexdigest())


@test
def cat_of_a_file_by_name():
    with scratch() as folder:
        with open(f"{folder}/large", "wb") as file:
            file.write(LARGE)
        result = hull("cat", f"{folder}/large")
        assert result.stdout == LARGE, f"{len(result.stdout)} of {len(LARGE)} bytes, or others"


@test
def two_guests_in_one_pipeline():
    result = pipeline("seq 1 50000 | HULL cat | HULL tail -n 1")
    equal("stdout", result.stdout, b"50000\n")


@test
def streams_are_separate():
    script = "i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    same("/bin/sh", "-c", script)


@test
def closed_streams_are_closed():
    for fd, redirect in ((0, "<&-"), (1, ">&-"), (2, "2>&-")):
        command = f"/bin/busybox readlink /proc/self/fd/{fd} {redirect}; echo $?"
        expected = host("/bin/bash", "-c", command)
        result = pipeline(f"HULL {command}")
        equal(redirect, result.stdout, expected.stdout)


@test
def stdin_from_dev_null_is_empty():
    same("cat", stdin=subprocess.DEVNULL)


@test
def stdin_that_ends_early():
    same("head", "-c", "10", input=b"0123456789" * 100000)


@test
def stdout_closed_early():
    expected = execute(["/bin/bash", "-c", "yes | head -n 1; echo ${PIPESTATUS[0]}"], GUARD)
    command = " ".join(hull_command(["yes"]))
    result = execute(["/bin/bash", "-c", f"{command} | head -n 1; echo ${{PIPESTATUS[0]}}"], GUARD)
    equal("stdout and status", result.stdout, expected.stdout)


@test
def exit_statuses():
    for status in (0, 1, 7, 100, 255):
        same(program("segv"), "exit", str(status))
    same("/bin/sh", "-c", "exit 7")


def signal_case(kind, *arguments):
    def run():
        expected = host(program("segv"), kind, *arguments)
        result = hull(program("segv"), kind, *arguments)
        equal("status", result.returncode, expected.returncode)
        equal("stdout", result.stdout, expected.stdout)
        lines = result.stderr.decode(errors="replace").splitlines()
        if expected.returncode in (139, 135, 132, 136):
            assert len(lines) == 1, f"one line on stderr says where, not {lines}"
            assert "segv" in lines[0] or "0x" in lines[0], lines
    add_test(f"ends by {kind} {' '.join(arguments)}", run)


for kind in ("null", "text", "stack", "abort"):
    signal_case(kind)
for number in ("15", "9", "10", "2", "6", "11", "8"):
    signal_case("raise", number)


@test
def an_ignored_signal_stays_ignored():
    """As under nohup: what the caller ignores, the program ignores (execve(2))."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        same(program("segv"), "raise", "15")
    finally:
        signal.signal(signal.SIGTERM, before)


@test
def arguments_arrive_as_they_are():
    same("/usr/bin/printf", "[%s]", "", " ", "a b", "\n", "*", "'", '"', "\\", "-x", "--", "\u20ac", "x" * 5000)


@test
def many_arguments():
    same("/bin/echo", *[str(i) for i in range(5000)])


@test
def environment_and_working_directory():
    with scratch() as folder:
        same("/bin/pwd", cwd=folder)
        environment = {"PATH": os.environ["PATH"], "EMPTY": "", "SPACED": "a b", "LINES_": "x\ny"}
        same("env", env=environment)
        result = hull("env", options=("-e", "ADDED=1", "-w", folder), env=environment)
        assert b"ADDED=1\n" in result.stdout, result
        result = hull("/bin/pwd", options=("-w", folder))
        equal("-w", result.stdout, folder.encode() + b"\n")


@test
def the_user_is_the_caller():
    same("id")
    result = hull("id", "-u", options=("-u", "1234"))
    equal("-u 1234", result.stdout, b"1234\n")


@test
def writes_stay_in_the_guest():
    with scratch() as folder:
        path = f"{folder}/made"
        result = hull("/bin/busybox", "sh", "-c", f"echo inside >{path}; while read l; do echo $l; done <{path}")
        equal("stdout", result.stdout, b"inside\n")
        assert not os.path.exists(path), "a write of the guest's reached the host"


@test
def a_large_sparse_file_can_be_changed():
    with scratch() as folder:
        path, size = f"{folder}/sparse", 4 << 30
        with open(path, "wb") as file:
            file.truncate(size)
            file.seek(size // 2 + 5)
            file.write(b"middle")
        change = (f"f = open({path!r}, 'r+b'); f.seek(0, 2); f.write(b'end'); f.seek({size // 2 + 5}); "
                  f"print(f.read(6), f.tell(), f.seek(0, 2), open({path!r}, 'rb').read(9))")
        result = hull("/usr/bin/python3", "-c", change)
        equal("guest", (result.stdout, result.stderr),
              (f"{b'middle'} {size // 2 + 11} {size + 3} {bytes(9)}\n".encode(), b""))
        equal("size on the host", os.path.getsize(path), size)


@test
def a_volume_is_shared_both_ways():
    with scratch() as folder:
        with open(f"{folder}/from-host", "w") as file:
            file.write("from the host\n")
        result = hull("/bin/busybox", "sh", "-c", "read l </vol/from-host; echo $l >/vol/from-guest; echo $l",
                      options=("-v", f"{folder}:/vol"))
        equal("stdout", (result.stdout, result.stderr), (b"from the host\n", b""))
        with open(f"{folder}/from-guest") as file:
            equal("file", file.read(), "from the host\n")
        result = hull("/bin/busybox", "sh", "-c", "echo x >/vol/no", options=("-v", f"{folder}:/vol:ro"))
        assert result.returncode != 0 and not os.path.exists(f"{folder}/no"), result


@test
def strace_is_on_stderr_in_its_own_format():
    needs("strace")
    result = hull(program("hello-minimal"), options=("--strace",))
    equal("stdout", result.stdout, b"hello\n")
    for wanted in (b'write(1, "hello\\n", 6)', b"= 6", b"exit(0)"):
        assert wanted in result.stderr, (wanted, result.stderr)


@test
def strace_follows_child_processes():
    # Signals of children that end at once are one: what is looked for is of children that end alone.
    script = "true | true; (exit 1); sh -c 'kill -9 $$'; (exit 3) & wait $!; exit 4"
    lines = hull("/bin/sh", "-c", script, options=("--strace", "-f")).stderr.decode().splitlines()
    assert all(re.match(r"\[pid \d+\] (\w+\(.*\) += |--- SIG\w+ {.*} ---|\+\+\+ .* \+\+\+)", line)
               for line in lines if not line.startswith("hull:") and line != "Killed"), lines
    text = "\n".join(lines)
    for wanted in (
            r"\[pid 1\] clone\(.*CLONE_CHILD_SETTID\|SIGCHLD, .*\) = [2-9]",
            r"\[pid [2-9]\] execve\(\"/\S+/true\", \[\"true\"\], .*\) = 0|exit_group\(0\)",
            r"\[pid 1\] wait4\(-1, \[{WIFEXITED\(s\) && WEXITSTATUS\(s\) == 1}\], 0, NULL\) = [2-9]",
            r"\[{WIFSIGNALED\(s\) && WTERMSIG\(s\) == SIGKILL}\]",
            r"\[pid 1\] wait4\(-1, .*, WNOHANG(\|WSTOPPED)?, NULL\)",
            r"--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=\d, si_uid=\d+, si_status=1, ",
            r"--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=\d, si_uid=\d+, si_status=SIGKILL, ",
            r"\[pid \d+\] exit_group\(3\) +=( \?)?",
            r"\[pid \d+\] \+\+\+ killed by SIGKILL \+\+\+",
            r"\[pid \d+\] \+\+\+ exited with 3 \+\+\+",
            r"\[pid 1\] \+\+\+ exited with 4 \+\+\+"):
        assert re.search(wanted, text), (wanted, text)


if __name__ == "__main__":
    main()
