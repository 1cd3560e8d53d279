#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Terminals inside: programs that make pseudo-terminals of their own, in a terminal on both sides."""
import os, re, sys
sys.path.append(os.path.dirname(sys.path[0]))
from dialogue import on_both
from harness import ACCEL, main, needs, same, test

PYTHON = "/usr/bin/python3"


@test
def script_makes_a_terminal_like_ours():
    """Size and settings are those of the terminal that script runs in."""
    def scene(terminal):
        terminal.expect(b"DONE")
        status = terminal.status()
        return status, re.sub(rb"/dev/pts/\d+", b"/dev/pts/N", terminal.output)
    needs("script", "stty")
    _, output = on_both(scene, "/bin/sh", "-c",
                        "stty -iutf8 erase ^H; script -qc 'tty; stty size; stty' /dev/null; echo done | tr a-z A-Z")
    assert b"/dev/pts/N\r\n37 91\r\n" in output, output


@test
def a_shell_in_it_has_job_control():
    def scene(terminal):
        def run(line, answer, key=None):
            seen = len(terminal.output)
            terminal.send(line + b"\n")
            if key is not None:
                terminal.expect(b"ready\r\n", seen=seen)
                terminal.send(key)
            terminal.expect(answer, seen=seen)
            terminal.expect(b"inner> ", seen=terminal.output.index(answer, seen))
        terminal.expect(b"inner> ")
        run(b"sh -c 'echo ready; exec sleep 100'", b"^C", b"\x03")
        run(b"echo status $?", b"status 130\r\n")
        run(b"sh -c 'echo ready; read x; echo got $x'", b"Stopped", b"\x1a")
        run(b"jobs | wc -l", b"1\r\n")
        seen = len(terminal.output)
        terminal.send(b"fg\n")
        terminal.expect(b"sh -c", seen=seen)
        terminal.send(b"word\n")
        terminal.expect(b"got word\r\n", seen=seen)
        terminal.send(b"exit 7\n")
        return terminal.status()
    needs("script", "/bin/bash")
    on_both(scene, "/usr/bin/script", "-qec",
            "PS1='inner> ' exec bash --norc --noprofile --noediting -i", "/dev/null")


@test
def its_size_follows_ours():
    def scene(terminal):
        terminal.expect(b"ready")
        terminal.resize(120, 50)
        terminal.expect(b"50 120")
        return terminal.status()
    needs("script", "stty")
    on_both(scene, "/usr/bin/script", "-qec",
            "sh -c 'trap \"stty size; exit 3\" WINCH; echo ready; while :; do sleep 0.05; done'", "/dev/null")


@test
def hanging_up_ends_what_runs_in_it():
    same(PYTHON, "-c", """if True:
        import os, pty, signal, time
        pid, master = pty.fork()
        if pid == 0:
            os.execlp("sh", "sh", "-c", "echo ready; exec sleep 100")
        text = b""
        while not text.endswith(b"\\n"):
            text += os.read(master, 100)
        print(text)
        os.close(master)
        print(os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGHUP)
        """)


@test
def tmux_runs():
    needs("tmux")
    same("/bin/sh", "-c", """
        export TERM=xterm TMUX_TMPDIR=$(mktemp -d)
        tmux -f /dev/null new-session -d -x 80 -y 24 'stty size; exec sleep 100' || exit 1
        until tmux capture-pane -p | grep -qx '24 80'; do sleep 0.1; done
        tmux capture-pane -p | head -1
        tmux list-panes -F '#{pane_width} #{pane_height}'
        tmux kill-server
        rm -rf "$TMUX_TMPDIR" """)


@test
def python_makes_terminals():
    needs(PYTHON)
    if ACCEL != "tcg":
        same(PYTHON, "-c", "import pty, sys; sys.exit(pty.spawn(['sh', '-c', 'tty > /dev/null; echo in $?; exit 4']) >> 8)")


if __name__ == "__main__":
    main()
