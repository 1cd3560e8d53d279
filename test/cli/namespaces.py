# SPDX-License-Identifier: BSD-2-Clause
"""
Network namespaces of a test's own: nothing of the machine's network is seen from them, or touched. Each is
held by a process that ends with the test, and the kernel takes it down with all its interfaces.

    with Namespace() as net:
        net.add_tap("tap0", "10.1.0.1/24", "fd00::1/64")
        execute(net.command(*hull_command(PROGRAM, ("--net", "tap=tap0", "--ip", "10.1.0.2/24"))), 60)

A network of guests is a namespace that the test itself enters: the processes that it starts and the sockets
that it opens are in there, at HERE4 and HERE6, and guest number N is at guest4(N) and guest6(N).

    with network() as net, Guest("/usr/bin/python3", "-m", "http.server", "80") as guest:
        guest.wait_port(80)
        host("curl", f"http://{guest4()}/")
"""
import contextlib, ctypes, errno, os, random, signal, socket, subprocess, tempfile, time
from harness import GUARD, Skip, hull_command, needs

HERE4, HERE6 = "10.1.0.1", "fd01::1"
PORTS = range(20000, 32768)     # of the machine's own, these are given to nobody who has not asked for one by its number
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1


def guest4(number=0):
    return f"10.1.0.{number + 2}"


def guest6(number=0):
    return f"fd01::{number + 2}"


def addresses(number=0):
    """As --ip and `ip address` write them; -1 is the namespace itself."""
    return f"{guest4(number)}/24", f"{guest6(number)}/64"


_claims = []


def claim(port):
    """No other test is given it until this one ends: a name that one socket has at a time."""
    name = socket.socket(socket.AF_UNIX)
    _claims.append(name)
    name.bind(f"\0hull-test-port-{port}")


def free_port(*wanted):
    """One that hull may take on the machine's own loopback; wanted: (family, kind) of each, TCP of IPv4 without any."""
    for _ in range(1000):
        port = random.choice(PORTS)
        try:
            claim(port)
            for family, kind in wanted or [(socket.AF_INET, socket.SOCK_STREAM)]:
                with socket.socket(family, kind) as s:
                    s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
            return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("no port is free")


class Namespace:
    def __init__(self):
        needs("unshare", "nsenter", "ip")
        if os.geteuid() != 0:
            raise Skip("only root makes network namespaces")

    def __enter__(self):
        # cat reads its standard input, which this process holds: it ends at the latest with us.
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.holder.stdout.readline() != b"up\n":
            self.__exit__()
            raise Skip("this machine gives no network namespace")
        return self

    def ask_patiently(self, name):
        """That interface asks for a neighbour's address until a guest that gets little time answers."""
        for family in ("ipv4", "ipv6"):
            self.run("sh", "-c", f"cd /proc/sys/net/{family}/neigh/{name} && echo {GUARD} > mcast_solicit && "
                                 f"echo {GUARD} > ucast_solicit")

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait()

    @contextlib.contextmanager
    def entered(self):
        """This thread, and what it starts, is in here. Sockets stay where they were opened."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as before, open(f"/proc/{self.holder.pid}/ns/net") as inside:
            if libc.setns(inside.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield self
            finally:
                if libc.setns(before.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")

    def command(self, *words):
        """The command, to run in here."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *words]

    def run(self, *words):
        """Runs it, which must succeed: for `ip` and its like."""
        result = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{' '.join(words)}: {result.stderr}"
        return result.stdout

    def _raise(self, name, addresses):
        for address in addresses:
            # An IPv6 address is to be usable at once, not after duplicates were looked for.
            self.run("ip", "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        self.run("ip", "link", "set", name, "up")

    def add_tap(self, name, *addresses, queues=1):
        if not os.access("/dev/net/tun", os.W_OK):
            raise Skip("/dev/net/tun is not here")
        self.run("ip", "tuntap", "add", name, "mode", "tap", "vnet_hdr", *(["multi_queue"] if queues > 1 else []))
        self._raise(name, addresses)

    def join(self, other, name, here, there):
        """A wire to another namespace: an interface of that name on both sides; tuples of addresses."""
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", str(other.holder.pid))
        self._raise(name, here)
        other._raise(name, there)

    def add_bridge(self, name, *addresses, taps=()):
        """Taps that are one Ethernet, and this namespace on it."""
        self.run("ip", "link", "add", name, "type", "bridge")
        for tap in taps:
            self.add_tap(tap)
            self.run("ip", "link", "set", tap, "master", name)
        self._raise(name, addresses)


@contextlib.contextmanager
def network(guests=1, queues=1):
    """Entered, with tap0 for one guest, or tap0, tap1, … on a bridge for several."""
    with Namespace() as net:
        if guests == 1:
            net.add_tap("tap0", *addresses(-1), queues=queues)
        else:
            net.add_bridge("bridge0", *addresses(-1), taps=[f"tap{n}" for n in range(guests)])
        net.ask_patiently("tap0" if guests == 1 else "bridge0")
        with net.entered():
            yield net


def end_with_parent():
    """In a child: a test that is killed leaves no guest behind, nor the namespace that it is in."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Guest:
    """
    A guest that runs beside the test until the `with` ends; what it prints is shown when the test fails.
    net: other options than a tap's, such as ["--net", "user", "-p", …].
    """
    def __init__(self, *command, number=0, options=(), net=None):
        self.words = command
        self.number = number
        if net is None:
            net = ["--net", f"tap=tap{number}"]
            for address in addresses(number):
                net += ["--ip", address]
        self.command = hull_command(["--", *command], [*net, *options])

    def __enter__(self):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=end_with_parent)
        return self

    def __exit__(self, kind, error, _):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        text = self.printed()
        self.output.close()
        if isinstance(error, AssertionError):
            raise AssertionError(f"{error}\nthe guest {' '.join(self.words)[:200]}:\n{text[-1500:]}") from None

    def printed(self):
        # By offset: the guest writes at the one that the file has.
        return os.pread(self.output.fileno(), 1 << 24, 0).decode(errors="replace")

    def wait_for(self, condition, what):
        """Until condition() is true; the guest is alive meanwhile."""
        end = time.monotonic() + GUARD
        while True:
            ended = self.process.poll() is not None     # what it did before that counts
            if condition():
                return
            assert not ended, f"the guest ended with status {self.process.returncode} before {what}"
            assert time.monotonic() < end, f"never: {what}"
            time.sleep(0.02)

    def wait_port(self, port, address=None):
        """Until a connection to it is accepted; the server sees one that closes at once."""
        address = address or guest4(self.number)

        def accepts():
            try:
                socket.create_connection((address, port), timeout=5).close()
                return True
            except OSError:
                return False
        self.wait_for(accepts, f"port {port} of {address} is open")

    def wait_printed(self, text):
        self.wait_for(lambda: text in self.printed(), f"it prints {text!r}")

    def signal(self, number):
        os.kill(self.process.pid, number)

    def finish(self, status=0, timeout=GUARD):
        """It ends by itself, with that status. What it printed."""
        try:
            found = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the guest does not end within {timeout} s") from None
        assert found == status, f"the guest ended with status {found}, not {status}"
        return self.printed()
