#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
bash as people use it: a script of everything that shells ask of a kernel, and a session on a terminal
with job control. What they print on the host is what they print in Hull.
"""
import os, re, shutil, sys
sys.path.append(os.path.dirname(sys.path[0]))
from dialogue import on_both
from harness import TOP, equal, host, hull, main, needs, scratch, test

SCRIPT = f"{TOP}/test/cli/scripts/processes.sh"
SHELL = ("/bin/bash", "--norc", "--noprofile", "-i")
PROMPT = b"prompt> "


def script_equals_the_hosts(options_of):
    """The script once a side, in an empty folder of the same name."""
    needs("/bin/bash", "perl", "ps", "flock")
    with scratch() as folder:
        command = ["/bin/bash", SCRIPT, folder]
        expected = host(*command)
        shutil.rmtree(folder)
        os.mkdir(folder)
        result = hull(*command, options=options_of(folder))
        equal("stdout", result.stdout.decode().splitlines(), expected.stdout.decode().splitlines())
        equal("status", result.returncode, expected.returncode)


@test
def the_script_in_the_overlay():
    script_equals_the_hosts(lambda folder: ())


@test
def the_script_in_a_volume():
    script_equals_the_hosts(lambda folder: ("-v", f"{folder}:{folder}"))


class Session:
    """Commands to an interactive shell, each answered until the next prompt."""

    def __init__(self, terminal):
        self.terminal = terminal
        self.wait_for(b"$ " if os.getuid() else b"# ")
        self.run("PS1='prompt''> '; bind 'set enable-bracketed-paste off'; set +o history")
        # Until bash knows that so many jobs run, and so many are stopped: of one moment. No command of a job's own is
        # in the loop, after which bash would say what has become of the others so far.
        self.run("count='$2 == \"Running\" { r++ } $2 == \"Stopped\" { s++ } END { print r + 0, s + 0 }'")
        self.run('jobs_are() { until [ "$(jobs | awk "$count")" = "$*" ]; do :; done; }')
        # Until the last one runs sleep: bash's child may lose a TERM before its exec.
        self.run('sleeps() { until [ "$(< /proc/$!/comm)" = sleep ]; do :; done; }')

    def wait_for(self, text, seen=0):
        self.terminal.expect(text, seen=seen)

    def start(self, line, ready=b"\r\nready\r\n"):
        """Type a line that prints `ready` once it may be disturbed; where its output begins."""
        seen = len(self.terminal.output)
        self.terminal.send(line.encode() + b"\n")
        self.wait_for(ready, seen)
        return self.terminal.output.index(ready, seen) + len(ready)

    def finish(self, seen):
        """
        The lines until the prompt, without what depends on the moment: processes' numbers, and the mark of the job
        that fg means, which a job has no more once bash has seen it end.
        """
        self.wait_for(PROMPT, seen=seen)
        text = self.terminal.output[seen:].replace(PROMPT, b"").decode(errors="replace")
        text = re.sub(r"\x1b\[\?2004[hl]\r?", "", text)
        text = re.sub(r"\[(\d+)\] \d+", r"[\1] PID", text)
        return [line for line in re.sub(r"^(\[\d+\])[+ -](?= )", r"\1", text, flags=re.M).split("\r\n") if line]

    def run(self, line):
        before = len(self.terminal.output)
        self.terminal.send(line.encode() + b"\n")
        self.wait_for(b"\r\n", seen=before)
        self.wait_for(PROMPT, seen=self.terminal.output.index(b"\r\n", before))
        return self.finish(self.terminal.output.index(b"\r\n", before) + 2)

    def press(self, key, seen):
        self.terminal.send(key)
        return self.finish(seen)

    def end(self, line="exit 5"):
        self.terminal.send(line.encode() + b"\n")
        return self.terminal.status()


def session_case(function):
    def run():
        on_both(lambda terminal: function(Session(terminal)), *SHELL, options=("-it",))
    run.__name__ = function.__name__
    return test(run)


@session_case
def commands_pipes_and_status(shell):
    return [shell.run(line) for line in (
        "echo hello | tr a-z A-Z", "false; echo $?", "cat <<END\nhere\nEND", "tty > /dev/null; echo $?",
        "(exit 3); echo $?", "echo $((6 * 7))", "for i in 1 2 3; do echo $i; done | paste -sd+",
        "test -t 0 && test -t 1 && echo terminal", "echo $-", "sh -c 'kill -SEGV $$'; echo $?")] + [shell.end()]


@session_case
def control_c_interrupts_the_job(shell):
    seen = shell.start("sh -c 'echo ready; exec sleep 100'")
    results = [shell.press(b"\x03", seen), shell.run("echo $?")]
    seen = shell.start("trap 'echo caught' INT; sh -c 'trap \"echo inner; exit 7\" INT; echo ready; while :; do sleep 0.05; done'")
    results += [shell.press(b"\x03", seen), shell.run("echo $?"), shell.run("trap - INT")]
    seen = shell.start("yes | sh -c 'echo ready; cat > /dev/null'")
    return results + [shell.press(b"\x03", seen), shell.run("echo $?"), shell.end()]


@session_case
def control_z_stops_and_fg_goes_on(shell):
    seen = shell.start("sh -c 'echo ready; read line; echo \"got $line\"; exit 6'")
    results = [shell.press(b"\x1a", seen), shell.run("echo $?"), shell.run("jobs")]
    seen = shell.start("fg", b"exit 6'\r\n")
    results += [shell.press(b"input\n", seen), shell.run("echo $?")]
    return results + [shell.end("exit")]


@session_case
def background_jobs(shell):
    results = [shell.run(line) for line in (
        "sleep 100 & sleeps", "sleep 101 & sleeps", "jobs", "kill %1; jobs_are 1 0", "wait %1; echo $?",
        "kill -STOP %2; jobs_are 0 1", "jobs", "bg %2", "jobs", "kill %2; jobs_are 0 0", "wait; echo $?",
        "(sleep 0.05; exit 9) & wait $!; echo $?")]
    seen = shell.start("(echo ready; exec cat)")
    results += [shell.press(b"\x1a", seen), shell.run("bg; jobs_are 0 1"), shell.run("jobs"),
                shell.run("kill -9 %1; jobs_are 0 0"), shell.run("fg %nothing")]
    return results + [shell.end()]


@session_case
def the_terminals_settings(shell):
    return [shell.run(line) for line in (
        "stty size", "stty -a | head -3", "stty -echo; stty -a | grep -o -- '-echo '; stty echo",
        "stty tostop; (sleep 0.1; echo out) & jobs_are 0 1; jobs; kill %1; jobs_are 0 0; stty -tostop", "stty -a | grep -o -- '-tostop'",
        "stty raw; stty sane; stty -a | grep -o ' icanon'",
        "until ps -o stat= -p $$ | tr -d 'N<' | cut -c1-2 | grep -x Ss; do :; done",
        "test $(ps -o tpgid= -p $$) = $(ps -o pgid= -p $$); echo $?")] + [shell.end()]


@session_case
def quit_and_end_of_file(shell):
    seen = shell.start("ulimit -c 0; sh -c 'echo ready; exec sleep 100'")
    results = [shell.press(b"\x1c", seen), shell.run("echo $?")]
    seen = shell.start("(echo ready; exec cat)")
    shell.terminal.send(b"line\n")
    shell.wait_for(b"line\r\nline\r\n", seen)
    results += [shell.press(b"\x04", seen), shell.run("echo $?")]
    shell.terminal.send(b"\x04")
    return results + [shell.terminal.status()]


@session_case
def the_size_changes(shell):
    shell.run("trap 'echo winch' WINCH")
    seen = len(shell.terminal.output)
    shell.terminal.resize(120, 50)
    shell.wait_for(b"winch\r\n", seen)
    return [shell.run("stty size"), shell.run("echo $LINES $COLUMNS"), shell.end()]


if __name__ == "__main__":
    main()
