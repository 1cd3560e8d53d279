# SPDX-License-Identifier: BSD-2-Clause
"""
Where a server can be: a process of the host's in a namespace of its own, behind a pair of veth interfaces; a
guest of Hull's, on KVM or emulated; a guest with Debian's kernel, emulated. Each guest has one CPU, one GiB
and one tap. All of them are up at once and wait, which takes no CPU time; clients ask one after the other.
Of a program of the SDK's there are sides where it is made to use sockets in Hull; and beside any program another
one that does the same can be a process of the host's (PEER).

    with Sides(("host", "KVM")) as sides:               # in a namespace from here on
        with sides.serve(["/usr/bin/redis-server"], 6379):
            for side in sides:
                socket.create_connection((side.address, 6379))
"""
import contextlib, os, shutil, signal, socket, subprocess, tempfile, time
from harness import HULL
from linux_guest import LinuxGuest
from namespaces import Namespace, end_with_parent

HOST, PEER, KVM, KVM_SOCKETS = "host", "its peer", "KVM", "KVM, sockets"
TCG, TCG_SOCKETS, LINUX = "TCG", "TCG, sockets", "Linux, TCG"
NAMES = (HOST, PEER, KVM, KVM_SOCKETS, TCG, TCG_SOCKETS, LINUX)
SOCKETS = ("-e", "HULL_BACKEND=linux")
START = 120             # seconds until a server must be there


class Side:
    def __init__(self, name):
        self.name = name
        self.number = NAMES.index(name)
        self.address, self.peer = f"10.{self.number + 1}.0.2", f"10.{self.number + 1}.0.1"
        self.is_emulated = "TCG" in name
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def wait_port(self, port):
        end = time.monotonic() + START
        while True:
            assert self.process.poll() is None, \
                f"{self.name}: it ended with status {self.process.returncode}: {self.printed()[-500:]}"
            assert time.monotonic() < end, f"{self.name}: nothing at port {port}"
            try:
                return socket.create_connection((self.address, port), timeout=1).close()
            except OSError:
                time.sleep(0.05)

    def printed(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    @contextlib.contextmanager
    def serve(self, command, files):
        words = self.command(command, files)
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                        start_new_session=True, preexec_fn=end_with_parent)
        try:
            yield self
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.output.close()


class Host(Side):
    def attach(self, net, stack):
        self.other = stack.enter_context(Namespace())
        net.join(self.other, f"wire{self.number}", (f"{self.peer}/24",), (f"{self.address}/24",))

    def command(self, command, _):
        return self.other.command(*command)


class Tap(Side):
    def attach(self, net, _stack):
        self.tap = f"tap{self.number}"
        net.add_tap(self.tap, f"{self.peer}/24")


class Hull(Tap):
    def command(self, command, _):
        accel, sockets = "tcg" if self.is_emulated else "kvm", SOCKETS if "sockets" in self.name else ()
        return [HULL, "run", "--accel", accel, "-c", "1", "-m", "1G", "--net", f"tap={self.tap}",
                "--ip", f"{self.address}/24", *sockets, "--", *command]


class Linux(Tap):
    def attach(self, net, stack):
        super().attach(net, stack)
        build = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.environ.get("O", "build"))
        self.guest = LinuxGuest(f"{build}/linux", memory="1G")

    def command(self, command, files):
        return self.guest.command(command, self.tap, f"{self.address}/24", files)


CLASSES = {HOST: Host, PEER: Host, KVM: Hull, KVM_SOCKETS: Hull, TCG: Hull, TCG_SOCKETS: Hull, LINUX: Linux}


def is_here(name):
    if CLASSES[name] is Host:
        return True
    if name in (KVM, KVM_SOCKETS):
        return os.access("/dev/kvm", os.R_OK | os.W_OK)
    return all(map(shutil.which, ("qemu-system-x86_64", "busybox")))


class Sides(contextlib.ExitStack):
    """The sides of those names, connected; what this machine has not got is left out."""
    def __init__(self, names):
        super().__init__()
        self.names = [name for name in NAMES if name in names and is_here(name)]
        self.sides = []

    def __iter__(self):
        return iter(self.sides)

    def __enter__(self):
        try:
            net = self.enter_context(Namespace())
            for name in self.names:
                side = CLASSES[name](name)
                try:
                    side.attach(net, self)
                except (OSError, subprocess.CalledProcessError):        # the kernel cannot be had
                    continue
                self.sides.append(side)
            self.enter_context(net.entered())
        except BaseException:
            self.close()
            raise
        return self

    @contextlib.contextmanager
    def serve(self, command, port, files=(), names=NAMES, peer=None):
        """
        The server on those sides, each ready. files: files and folders that it reads, for the guest that sees none.
        peer: the command of the program beside it; without one that side is left out.
        """
        commands = {PEER: peer} if peer else {}
        with contextlib.ExitStack() as stack:
            serving = [stack.enter_context(side.serve(commands.get(side.name, command), files)) for side in self.sides
                       if side.name in names and (side.name != PEER or peer)]
            for side in serving:
                side.wait_port(port)
            time.sleep(0.3)         # iperf3's server is busy with that connection
            yield serving
