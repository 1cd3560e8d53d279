# SPDX-License-Identifier: BSD-2-Clause
"""
A bad path between two hosts: test/net/path's forwarder, with Linux in a network namespace of the
test's own at its left end (LEFT4, LEFT6), and at the right end (RIGHT4, RIGHT6) Linux in another one
("linux"), a guest of Hull's ("guest"), or Hull's stack as a process ("stack").

    with path("guest", ["loss=1", "delay=10", "seed=3"]) as p:
        stream(p, "push", 1 << 20)
"""
import contextlib, json, os, signal, socket, subprocess
from harness import GUARD, PROGRAMS, Skip, hull_command
from namespaces import Namespace

BUILD = os.path.dirname(os.path.dirname(PROGRAMS))
FORWARDER, STACK = (os.path.join(BUILD, f"test-net-{name}") for name in ("path", "stack"))
STREAM = os.path.join(PROGRAMS, "net_stream")
LEFT4, LEFT6, RIGHT4, RIGHT6 = "10.9.0.1", "fd09::1", "10.9.0.2", "fd09::2"
PORT = 7001
MTU6_MIN = 1280
# What a host's are by default, whatever the one that the test runs on was set to.
BUFFERS = {"tcp_rmem": "4096 131072 6291456", "tcp_wmem": "4096 16384 4194304"}


def _raise(space, mtu, four, six, settings):
    for name, value in {**BUFFERS, **settings}.items():
        space.run("sh", "-c", f"echo '{value}' >/proc/sys/net/ipv4/{name}")
    space.run("ip", "link", "set", "tap0", "mtu", str(mtu), "up")
    space.run("ip", "address", "add", f"{four}/24", "dev", "tap0")
    if mtu >= MTU6_MIN:
        space.run("ip", "address", "add", f"{six}/64", "dev", "tap0", "nodad")


class Path:
    def __init__(self, kind, left, forwarder, mtu, end):
        self.kind, self.left, self.forwarder, self.mtu, self.end = kind, left, forwarder, mtu, end

    def right(self, *command, options=(), stdin=subprocess.DEVNULL):
        """A program at the right end; the stack as a process has net_stream's protocol alone."""
        if self.kind == "linux":
            command, fds = self.end.command(*command), []
        else:
            fds = [self.end.fileno()]
            self.end.setblocking(self.kind == "guest")
            if self.kind == "stack":
                command = [STACK, str(fds[0]), str(self.mtu), *command[1:]]
            else:
                command = hull_command(command, ["--net", f"fd={fds[0]},mtu={self.mtu}", "--ip", f"{RIGHT4}/24",
                                                 *(["--ip", f"{RIGHT6}/64"] if self.mtu >= MTU6_MIN else []), *options])
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                pass_fds=fds, start_new_session=True)

    def set_cut(self, cut):
        """Nothing passes any more, or everything again."""
        self.forwarder.send_signal(signal.SIGUSR1 if cut else signal.SIGUSR2)

    def counts(self):
        """The forwarder ends; what it counted, by direction and name."""
        self.forwarder.terminate()
        lines = self.forwarder.communicate()[0].splitlines()
        found = {}
        for line in lines:
            name, _, rest = line.partition(": ")
            words = rest.split()
            found[name] = dict(zip(words[::2], map(int, words[1::2])))
        return found


@contextlib.contextmanager
def path(kind, impairments, mtu=1500, settings=None, patient=True):
    """settings: more of the namespaces' /proc/sys/net/ipv4; patient: a neighbour of Linux's may take long to answer."""
    settings = settings or {}
    if not os.access("/dev/net/tun", os.W_OK):
        raise Skip("/dev/net/tun is not here")
    with contextlib.ExitStack() as stack:
        left = stack.enter_context(Namespace())
        ends, theirs, fds = [f"tap:tap0@/proc/{left.holder.pid}/ns/net"], None, []
        if kind == "linux":
            end = stack.enter_context(Namespace())
            ends.append(f"tap:tap0@/proc/{end.holder.pid}/ns/net")
        else:
            end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            stack.enter_context(end)
            stack.enter_context(theirs)
            for each in (end, theirs):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
            fds = [theirs.fileno()]
            ends.append(f"fd:{fds[0]}")
        forwarder = subprocess.Popen([FORWARDER, *ends, *impairments], stdout=subprocess.PIPE, text=True, pass_fds=fds)
        stack.enter_context(forwarder)
        stack.callback(forwarder.terminate)
        assert forwarder.stdout.readline() == "ready\n", f"the forwarder does not start: {impairments}"
        if theirs:
            theirs.close()
        _raise(left, mtu, LEFT4, LEFT6, settings)
        left.ask_patiently("tap0")
        if kind == "linux":
            _raise(end, mtu, RIGHT4, RIGHT6, settings)
            if patient:
                end.ask_patiently("tap0")
        yield Path(kind, left, forwarder, mtu, end)


def finish(process, guard=GUARD):
    """What it printed; it ends in time, and well."""
    try:
        out, err = process.communicate(timeout=guard)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running: {process.args}\n{out[-300:]}\n{err[-600:]}") from None
    assert process.returncode == 0, f"status {process.returncode}: {process.args}\n{out[-300:]}\n{err[-600:]}"
    return out


@contextlib.contextmanager
def left(p, *command, until=None):
    """A program at the left end, while the `with` lasts; until: its first line."""
    process = subprocess.Popen(p.left.command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        if until is not None:
            line = process.stdout.readline()
            assert line == until + "\n", f"{command}: {line!r} {process.stderr.read() if not line else ''}"
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def stream(p, way, nr_bytes, seed=1, v6=False, guard=GUARD, during=None):
    """
    One transfer: the right end connects and pushes or pulls. What the sender's tcp_info says, and Mbit/s
    as the right end sees them. during: called with the right end's process while it is under way.
    """
    with left(p, STREAM, "listen", str(PORT), until="listening") as listener:
        client = p.right(STREAM, way, LEFT6 if v6 else LEFT4, str(PORT), str(nr_bytes), str(seed))
        if during:
            during(client)
        ours, theirs = json.loads(finish(client, guard)), json.loads(finish(listener, guard))
    return {**(ours if ours["sends"] else theirs), "Mbit/s": nr_bytes * 8 / ours["seconds"] / 1e6}
