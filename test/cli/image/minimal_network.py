#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Minimal kernels and the network: programs of the SDK get its door and what they use behind it; the DNS example is a
disk of 158 KiB at most that boots by BIOS and answers as a process of the host does; and what a kernel without TCP,
IPv6, groups or raw sockets says to a program that asks for them.
"""
import errno, os, re, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from disks import Machine, only_emulated
from harness import GUARD, PROGRAMS, TOP, equal, forget_tests, host, host_test, hull, main, needs, scratch, test
from loopback import HERE

forget_tests()

BUILD = os.path.dirname(os.path.dirname(PROGRAMS))
IMAGE_TOOL = os.path.join(BUILD, "hull-image")
ZONE = os.path.join(TOP, "examples", "dns", "example.org.zone")
DISK_MOST = 158 * 1024
PORT, HOSTS_PORT = 10053, 10054         # of HERE
ASK_AGAIN = 5                           # seconds
SERVE = ["*:53", "example.org", "/zone"]
TINIEST = ["--minimal", "--format", "cpio", "--read-only", "--no-etc", "--files", f"{ZONE}:/zone"]
BIOS_DISK = ["--target", "disk", "--firmware", "bios", "--compression", "lzma"]
QUESTIONS = [("example.org", "SOA"), ("www.example.org", "A"), ("mail.example.org", "AAAA"), ("example.org", "MX"),
             ("any.wild.example.org", "TXT"), ("nothing.example.org", "A"), ("many.example.org", "A")]


def example(name):
    path = os.path.join(BUILD, "examples", name)
    needs(path)
    return path


def build(folder, *options, command):
    image = f"{folder}/image"
    result = host(IMAGE_TOOL, "build", "--quiet", "-o", image, *options, *command)
    assert result.returncode == 0, result.stderr.decode()
    return image


def calls_of(program):
    return host(IMAGE_TOOL, "scan", "--list", program).stdout.decode().split()


def parts_of(image):
    text = host(IMAGE_TOOL, "inspect", image).stdout.decode()
    return re.search(r"^parts +(.*)$", text, re.M).group(1).split()


def ask(port, *question):
    """
    The answer without what differs from one question to the next. As any resolver it asks again: nobody keeps a datagram
    for a machine that has not got its address yet, or does not say for a second who has it.
    """
    text = host("dig", f"@{HERE}", "-p", str(port), f"+tries={GUARD // ASK_AGAIN}", f"+time={ASK_AGAIN}",
                *question).stdout.decode()
    text = re.sub(r"(id: |Query time: |WHEN: |SERVER: |COOKIE: )[^\n,]*", r"\1", text)
    return [line for line in text.splitlines() if line and not line.startswith(("; <<>>", ";; communications error"))]


def answers(port, *more):
    return [ask(port, *more, *question) for question in QUESTIONS]


def expected_answers(*more):
    """By the same server as a process of the host."""
    process = subprocess.Popen([example("dns"), f"{HERE}:{HOSTS_PORT}", "example.org", ZONE], stderr=subprocess.PIPE)
    try:
        assert b"serving on" in process.stderr.readline()
        return answers(HOSTS_PORT, *more)
    finally:
        process.kill()
        process.communicate()


def machine(folder, disk):
    forwards = "".join(f",hostfwd={kind}:{HERE}:{PORT}-:53" for kind in ("udp", "tcp"))
    serial = f"{folder}/serial"
    return Machine(["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-m", "64M", "-display", "none", "-no-reboot",
                    "-serial", f"file:{serial}", "-drive", f"file={disk},format=raw,if=virtio",
                    "-netdev", f"user,id=n{forwards}", "-device", "virtio-net-pci,netdev=n"], serial)


def boots_and_answers(program, *options, most=None, tcp=False):
    only_emulated()
    needs("dig", "qemu-system-x86_64")
    with scratch() as folder:
        disk = build(folder, *TINIEST, *BIOS_DISK, *options, command=[example(program), *SERVE])
        assert most is None or os.path.getsize(disk) <= most, os.path.getsize(disk)
        with machine(folder, disk) as running:
            running.wait_for(b"serving on")
            equal("by UDP", answers(PORT, "+notcp", "+ignore"), expected_answers("+notcp", "+ignore"))
            if tcp:
                equal("by TCP", answers(PORT, "+tcp"), expected_answers("+tcp"))


@test
def the_dns_server_is_a_disk_of_158_kib():
    boots_and_answers("dns-udp", most=DISK_MOST)


@test
def it_is_one_without_ipv6_and_dhcp_too():
    boots_and_answers("dns-udp", "--parts", "-ipv6", "--ip", "10.0.2.15/24,10.0.2.2", most=DISK_MOST)


@test
def with_tcp_it_is_larger():
    boots_and_answers("dns-native", tcp=True)


@host_test
def scan_sees_the_door_and_who_has_connections():
    door = ["native_open", "native_turn", "native_wake", "native_close"]
    udp, both = calls_of(example("dns-udp")), calls_of(example("dns-native"))
    equal("of UDP alone", [call for call in udp if call.startswith("native_")], door)
    equal("of both", [call for call in both if call.startswith("native_")], [*door, "native_tcp"])
    assert not {"socket", "fcntl", "stat"} & {*udp, *both}, (udp, both)


@host_test
def the_kernel_has_what_the_program_has():
    with scratch() as folder:
        parts = parts_of(build(folder, *TINIEST, command=[example("dns-udp"), *SERVE]))
        assert {"native", "ip", "ipv6", "dhcp", "interfaces", "virtio-net"} <= {*parts}, parts
        assert not {"native-tcp", "tcp", "inet", "raw", "unix", "netlink"} & {*parts}, parts
        parts = parts_of(build(folder, *TINIEST, command=[example("dns-native"), *SERVE]))
        assert {"native", "native-tcp", "tcp"} <= {*parts} and "inet" not in parts, parts


@host_test
def a_list_of_calls_names_the_door_as_scan_does():
    with scratch() as folder:
        with open(f"{folder}/calls", "w") as file:
            file.write("\n".join(calls_of(example("dns-udp"))))
        command = [example("dns-udp"), *SERVE]
        listed = build(folder, *TINIEST, "--calls", f"@{folder}/calls", command=command)
        parts, size = parts_of(listed), os.path.getsize(listed)
        scanned = build(folder, *TINIEST, command=command)
        equal("parts and size", (parts, size), (parts_of(scanned), os.path.getsize(scanned)))


# AF_INET is 2, AF_INET6 10; SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3.
SOCKETS = r"""
sub try { my ($what, @how) = @_; print "$what ", socket(my $s, $how[0], $how[1], $how[2]) ? "made" : $! + 0, "\n" }
try("tcp", 2, 1, 0); try("udp", 2, 2, 0); try("tcp6", 10, 1, 0); try("udp6", 10, 2, 0); try("raw", 2, 3, 1);
my ($in, $out);
socket($in, 2, 2, 0) && bind($in, pack("S n C4 x8", 2, 0, 127, 0, 0, 1)) || die $!;
socket($out, 2, 2, 0) && send($out, "across", 0, getsockname($in)) || die $!;
recv($in, my $got, 100, 0); print "$got\n";
"""


def sockets_with(parts):
    needs("perl")
    with scratch() as folder:
        image = build(folder, "--minimal", "--no-net", "--parts", parts, command=["perl", "-e", SOCKETS])
        result = hull(image)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout.decode().split("\n")[:-1]


@test
def sockets_of_what_was_left_out_are_refused():
    made = ["tcp made", "udp made", "tcp6 made", "udp6 made", "raw made", "across"]
    equal("all", sockets_with("+tcp,+ipv6,+raw"), made)
    no_tcp = f"{errno.EPROTONOSUPPORT}"
    equal("without TCP", sockets_with("-tcp"), [f"tcp {no_tcp}", "udp made", f"tcp6 {no_tcp}", *made[3:]])
    no_ip6 = f"{errno.EAFNOSUPPORT}"
    equal("without IPv6", sockets_with("-ipv6"), [*made[:2], f"tcp6 {no_ip6}", f"udp6 {no_ip6}", *made[4:]])
    equal("without raw sockets", sockets_with("-raw,-groups,-ipv6")[4:], [f"raw {errno.EPROTONOSUPPORT}", "across"])


if __name__ == "__main__":
    main()
