# SPDX-License-Identifier: BSD-2-Clause
"""A command on a pseudo-terminal of its own, and the dialogue with it, on the host and in Hull."""
import fcntl, os, pty, select, signal, struct, subprocess, termios, time
from harness import GUARD, equal, hull_command


class Terminal:
    """A command on a new pseudo-terminal of 91x37, and the dialogue with it."""

    def __init__(self, command):
        self.master, self.slave = pty.openpty()
        self.resize(91, 37)
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=self.take_terminal)

    def take_terminal(self):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, text, seen=0):
        """Waits until text is in the output, beyond what is `seen` already."""
        end = time.monotonic() + GUARD
        while text not in self.output[seen:]:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.output!r}"
            self.output += os.read(self.master, 4096)

    def send(self, data):
        os.write(self.master, data)

    def status(self):
        """The exit status, once all that it wrote is in self.output."""
        try:
            status = self.process.wait(GUARD)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {self.output!r}") from None
        while select.select([self.master], [], [], 0.05)[0]:
            self.output += os.read(self.master, 4096)
        return status

    def restored(self):
        return termios.tcgetattr(self.slave)[:4] == self.before[:4]

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for fd in (self.master, self.slave):
            os.close(fd)


def on_both(scene, *command, options=()):
    """The scene's result on the host and in Hull, which must be equal."""
    results = []
    for line in (list(command), hull_command(command, options)):
        terminal = Terminal(line)
        try:
            results.append(scene(terminal))
        finally:
            terminal.close()
    equal("dialogue", results[1], results[0])
    return results[1]
