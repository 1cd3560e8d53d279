#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The options of the network: what they accept, what they say, the ports that they take, the capture."""
import contextlib, os, socket, struct, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, HULL, equal, execute, hull, hull_command, main, scratch, test
from namespaces import free_port


def refused(options, status, *words):
    result = execute(hull_command(["/bin/true"], options), GUARD)
    text = result.stderr.decode(errors="replace")
    equal("status", result.returncode, status)
    assert 0 < len(text.splitlines()) <= 3, f"no message, or a long one: {text}"
    for word in words:
        assert word in text, f"'{word}' is not in the message: {text}"


@contextlib.contextmanager
def taken_port(kind):
    """A port that this process listens on."""
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        yield listener.getsockname()[1]


@test
def malformed_options_are_bad_use():
    refused(["--net", "bridge"], 2, "--net bridge", "tap=NAME")
    refused(["--net", "user,mac=1:2"], 2, "02:00:00:00:00:01")
    refused(["--net", "user,mac=01:00:00:00:00:01"], 2, "even")
    refused(["--net", "user,mtu=67"], 2, "68")
    refused(["--net", "user,speed=1"], 2, "mtu=")
    refused(["--net", "tap=tap0,host=off"], 2, "behind user")
    refused(["--net", "fd=1"], 2, "fd=N")
    refused(["--net", "none", "-p", "8080:80"], 2, "--net none")
    refused(["--net", "user"] + ["--net", "user"] * 4, 2, "at most 4")
    refused(["-p", "80"], 2, "HOST:GUEST")
    refused(["-p", "0:80"], 2, "1 to 65535")
    refused(["-p", "8080:65536"], 2, "1 to 65535")
    refused(["-p", "8080:80/sctp"], 2, "tcp or udp")
    refused(["-p", "::1:8080:80"], 2, "brackets")
    refused(["-p", "localhost:8080:80"], 2, "address")
    refused(["--ip", "10.0.0.2"], 2, "ADDR/BITS")
    refused(["--ip", "10.0.0.2/33"], 2, "prefix")
    refused(["--ip", "10.0.0.2/24,fe80::1"], 2, "gateway")
    refused(["--dns", "name.example"], 2, "--dns name.example")
    refused(["--hostname", "a b"], 2, "--hostname a b")


@test
def what_is_not_there_is_named():
    refused(["--net", "tap=nosuchtap0"], 125, "nosuchtap0", "ip tuntap add")
    refused(["--net", "fd=77"], 125, "descriptor 77")
    refused(["--pcap", "/no/such/folder/x.pcapng", "--net", "user"], 2, "/no/such/folder/x.pcapng")
    with scratch() as folder:
        refused(["--pcap", os.path.join(folder, "x.pcapng")], 2, "no interface")


@test
def a_port_in_use_is_named_with_its_owner():
    for kind, suffix, name in ((socket.SOCK_STREAM, "", "TCP"), (socket.SOCK_DGRAM, "/udp", "UDP")):
        with taken_port(kind) as port:
            refused(["-p", f"127.0.0.1:{port}:80{suffix}"], 125, f"{name} port {port} of 127.0.0.1",
                    f"({os.getpid()})")


@test
def an_interface_costs_the_program_nothing():
    for options in (["--net", "user"], ["--net", "user", "--net", "user,mtu=1500"], ["--net", "none"],
                    ["-p", f"127.0.0.1:{free_port()}:80", "-p", f"[::1]:{free_port((socket.AF_INET6, socket.SOCK_STREAM))}:80"],
                    ["--ip", "10.0.2.20/24,10.0.2.2", "--ip", "fec0::20/64", "--dns", "10.0.2.3"]):
        result = hull("/bin/echo", "here", options=options)
        equal(f"{options}: output", (result.stdout, result.returncode), (b"here\n", 0))


@test
def hostname_is_the_one_that_was_asked_for():
    result = hull("/bin/uname", "-n", options=["--hostname", "little-one"])
    equal("name", result.stdout, b"little-one\n")


@test
def a_descriptor_may_be_a_socket_of_frames():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        result = execute(hull_command(["/bin/true"], ["--net", f"fd={theirs.fileno()}", "--ip", "10.1.0.2/24"]), GUARD,
                         pass_fds=[theirs.fileno()])
    equal("status", result.returncode, 0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        result = execute(hull_command(["/bin/true"], ["--net", f"fd={theirs.fileno()}", "--ip", "10.1.0.2/24"]), GUARD,
                         pass_fds=[theirs.fileno()])
    equal("status", result.returncode, 125)
    assert b"keeps frames apart" in result.stderr, result.stderr


def blocks(capture):
    """Type and body of each block of a pcapng file."""
    at, found = 0, []
    while at < len(capture):
        kind, size = struct.unpack_from("<II", capture, at)
        assert size % 4 == 0 and 12 <= size <= len(capture) - at, f"a block of {size} bytes at {at}"
        assert struct.unpack_from("<I", capture, at + size - 4)[0] == size, f"the block at {at} has two lengths"
        found.append((kind, capture[at + 8:at + size - 4]))
        at += size
    return found


@test
def a_capture_begins_with_its_interfaces():
    with scratch() as folder:
        path = os.path.join(folder, "x.pcapng")
        result = hull("/bin/true", options=["--net", "user", "--net", "user,mac=02:00:00:00:00:77", "--pcap", path])
        equal("status", result.returncode, 0)
        with open(path, "rb") as file:
            found = blocks(file.read())
    equal("blocks", [kind for kind, body in found[:3]], [0x0A0D0D0A, 1, 1])
    assert b"eth0" in found[1][1] and b"eth1" in found[2][1], found
    assert bytes.fromhex("020000000077") in found[2][1], found


@test
def help_names_the_options():
    result = execute([HULL, "run", "--help"], GUARD)
    for word in (b"--net", b"--publish", b"--pcap", b"--ip", b"--dns", b"--hostname"):
        assert word in result.stdout, word


if __name__ == "__main__":
    main()
