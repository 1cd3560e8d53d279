#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A terminal is a terminal: each scene runs in a pty of its own, first on the host, then in Hull."""
import os, re, signal, sys, termios
sys.path.append(os.path.dirname(sys.path[0]))
from dialogue import Terminal, on_both
from harness import equal, hull_command, main, program, test


@test
def it_is_a_terminal_of_the_right_size():
    def scene(terminal):
        terminal.expect(b"raw\r\n")
        terminal.send(b"q")
        terminal.expect(b"cooked")
        return terminal.status(), terminal.restored(), terminal.output
    _, restored, output = on_both(scene, program("echo-tty"))
    assert restored and b"tty 1 1 1" in output and b"size 91x37" in output, output


@test
def raw_mode_passes_every_byte():
    def scene(terminal):
        terminal.expect(b"raw\r\n")
        for byte in (3, 4, 26, 13, 10, 27, 28, 127, 200):
            terminal.send(bytes([byte]))
            terminal.expect(b"byte %d\r\n" % byte)
        terminal.send(b"q")
        terminal.expect(b"cooked")
        return terminal.status(), terminal.restored()
    on_both(scene, program("echo-tty"))


@test
def the_terminal_is_restored_when_the_program_does_not():
    terminal = Terminal(hull_command([program("echo-tty"), "leave-raw"]))
    try:
        terminal.expect(b"raw\r\n")
        terminal.send(b"q")
        equal("status", terminal.status(), 0)
        assert terminal.restored(), "hull left the terminal in raw mode"
    finally:
        terminal.close()


@test
def the_terminal_is_restored_after_a_crash():
    terminal = Terminal(hull_command([program("segv"), "null"]))
    try:
        equal("status", terminal.status(), 139)
        assert terminal.restored(), "hull left the terminal in raw mode"
    finally:
        terminal.close()


@test
def the_terminal_is_restored_after_a_signal_to_hull():
    for number in (signal.SIGTERM, signal.SIGHUP):
        terminal = Terminal(hull_command([program("echo-tty")]))
        try:
            terminal.expect(b"raw\r\n")
            terminal.process.send_signal(number)
            equal("status", terminal.status(), 128 + number)
            assert terminal.restored(), "hull left the terminal in raw mode"
        finally:
            terminal.close()


@test
def interrupts_and_resizing_are_signals():
    def scene(terminal):
        terminal.expect(b"ready")
        terminal.resize(120, 50)
        terminal.expect(b"SIGWINCH 120x50")
        for number in (1, 2, 3):
            terminal.send(b"\x03")
            terminal.expect(b"SIGINT %d" % number)
        terminal.expect(b"done")
        return terminal.status(), terminal.restored()
    on_both(scene, program("echo-tty"), "wait")


@test
def control_c_ends_a_program():
    def scene(terminal):
        terminal.expect(b"about to: now")
        terminal.send(b"\x03")
        status = terminal.status()
        return 128 - status if status < 0 else status
    on_both(scene, "/usr/bin/python3", "-c",
            "import signal, time; signal.signal(2, signal.SIG_DFL); print('about to: now', flush=True); time.sleep(100)")


@test
def control_z_stops_and_fg_continues():
    """Under a shell with job control: Ctrl-Z stops hull as a job, fg continues the program."""
    command = " ".join(hull_command([program("echo-tty"), "wait"]))
    terminal = Terminal(["/bin/bash", "--norc", "--noprofile", "-i"])
    try:
        terminal.send(b"PS1='prompt '; set -m\n" + command.encode() + b"\n")
        terminal.expect(b"ready")
        terminal.send(b"\x1a")
        terminal.expect(b"Stopped")
        terminal.send(b"fg\n")
        terminal.expect(b"SIGCONT")
        seen = len(terminal.output)
        for number in (1, 2, 3):
            terminal.send(b"\x03")
            terminal.expect(b"SIGINT %d" % number)
        terminal.expect(b"done")
        terminal.expect(b"prompt ", seen=seen)      # what is typed before goes to the guest
        terminal.send(b"exit\n")
        terminal.status()
    finally:
        terminal.close()


@test
def a_line_is_edited_by_the_terminal():
    def scene(terminal):
        terminal.send(b"abX\x7fc\n")
        terminal.expect(b"<abc>")
        terminal.send(b"\x04")
        terminal.status()
        return terminal.output.count(b"<abc>")
    on_both(scene, "/usr/bin/awk", "{ print \"<\" $0 \">\"; fflush() }")


@test
def the_modes_are_the_terminals():
    """What the host's terminal was set to is so inside, and what the program changes stays changed."""
    for program_line in (["/usr/bin/stty", "-a"], ["/usr/bin/stty", "-echo", "kill", "^X", "ixany"],
                         ["/bin/sh", "-c", "stty -icrnl; stty -g"]):
        results = []
        for line in (program_line, hull_command(program_line)):
            terminal = Terminal(["/bin/sh", "-c", "stty -ixon erase ^H intr ^K -echoctl; exec \"$@\"", "sh", *line])
            try:
                results.append((terminal.status(), terminal.output, termios.tcgetattr(terminal.slave)))
            finally:
                terminal.close()
        equal(" ".join(program_line), results[1], results[0])


@test
def only_some_streams_are_terminals():
    def scene(terminal):
        terminal.status()
        return re.findall(rb"tty \d \d \d", terminal.output)
    for redirect in ("</dev/null", "2>/dev/null"):
        results = []
        for line in ([program("echo-tty")], hull_command([program("echo-tty")])):
            terminal = Terminal(["/bin/sh", "-c", f"{' '.join(line)} {redirect}"])
            try:
                if redirect == "2>/dev/null":
                    terminal.expect(b"raw")
                    terminal.send(b"q")
                terminal.expect(b"tty")
                results.append(scene(terminal))
            finally:
                terminal.close()
        equal(redirect, results[1], results[0])


if __name__ == "__main__":
    main()
