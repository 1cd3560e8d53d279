#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Debian's tools of the network in a guest: ip, ss, ifconfig, route, netstat, ping, tcpdump. Each script runs
in a guest and in a network namespace of the host, where lo is alone too, and both must say the same.
"""
import os, re, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, ONE_ECHO, Skip, equal, execute, guest_only, main, needs, test

NUMBERS = [
    (r"time=[0-9.]+ ms", "time=T ms"),
    (r"time [0-9]+ms", "time Tms"),
    (r"rtt min/avg/max/mdev = .*", "rtt"),
    (r"^[0-9]+:[0-9:.]+ ", "T "),
    (r"^.*bash: line [0-9]+: ", "bash: "),
    (r", id [0-9]+, seq", ", id N, seq"),
    (r"[0-9]+ packets received by filter", "N packets received by filter"),
    (r"(RX|TX) packets [0-9]+  bytes [0-9]+ \(.*\)", r"\1 packets N bytes N"),
    (r"pid=[0-9]+", "pid=N"),
    (r"ino:[0-9]+", "ino:N"),
    (r" +$", ""),
]


def lines(output):
    """What is the same each time, of each line."""
    text = output.decode(errors="replace")
    for pattern, instead in NUMBERS:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return [re.sub(" +", " ", line) for line in text.splitlines()]


def alike(script, *tools, order=True):
    """In the guest as in a namespace of the host; `order`: line by line, else as sets of lines."""
    needs("unshare", "bash", "ip", *tools)
    if execute(["unshare", "-n", "true"], GUARD).returncode != 0:
        raise Skip("no network namespaces for this user")
    script = f"exec 2>&1\nexport PATH=$PATH:/usr/sbin:/sbin LC_ALL=C\nip link set lo up\n{script}\n"
    there = execute(["unshare", "-n", "bash", "-c", script], GUARD)
    here = guest_only(script)
    expected, result = lines(there.stdout), lines(here.stdout)
    equal("output", result if order else sorted(result), expected if order else sorted(expected))
    assert len(result) > 1, f"nothing was said: {here.stdout + here.stderr!r}"


@test
def ip_shows_interfaces_and_addresses():
    alike("ip addr; ip link; ip -4 addr show dev lo; ip link show nosuch0; echo $?")


@test
def ip_changes_addresses():
    alike("""
ip addr add 10.1.2.3/24 dev lo; ip addr add 10.1.2.3/24 dev lo; echo $?
ip addr add 10.1.2.4/32 dev lo; ip -4 addr; ip -j -4 addr show dev lo
ip addr del 10.1.2.3/24 dev lo; ip addr del 10.1.2.3/24 dev lo; echo $?; ip -4 addr
ip addr add 10.1.3.3/24 brd + dev lo valid_lft 2000 preferred_lft 1000; echo $?
ip addr show to 10.1.3.0/24 | grep -v valid_lft; ip addr add 1.2.3.4/24 dev nosuch0; echo $?""")


@test
def ip_changes_routes():
    alike("""
ip route add 10.9.0.0/16 dev lo; ip route; ip route add 10.9.0.0/16 dev lo; echo $?
ip route replace 10.9.0.0/16 dev lo metric 5; ip route; ip route add 10.10.0.1/16 dev lo; echo $?
ip route add default via 99.1.1.1; echo $?; ip route del 10.9.0.0/16; echo $?
ip route del 10.9.0.0/16; ip route del 10.9.0.0/16; echo $?; ip route
ip route add blackhole 10.20.0.0/16; ip route add unreachable 10.21.0.0/16
ip route add prohibit 10.22.0.0/16; ip route; ip route get 10.20.1.1; echo $?
ip route get 10.21.1.1; echo $?; ip route get 10.22.1.1; echo $?; ip route get 127.0.0.1
ip route flush 10.21.0.0/16; ip route; ip rule; ip -6 rule""")


@test
def ip_changes_interfaces():
    alike("""
ip link set lo mtu 1500; ip link; ip link set lo mtu 65536; ip link set lo promisc on; ip link
ip link set lo promisc off; ip link set lo down; ip link; ip link set lo up; ip link
ip link add x0 type nosuchkind; echo $?; ip link set nosuch0 up; echo $?""")


@test
def ip_monitor_hears_of_changes():
    """What happens while it still asks which interfaces there are it does not tell: first a route of no account."""
    alike("""
said=$(mktemp); ip monitor address route > $said &
until grep -q 10.43 $said; do ip route add blackhole 10.43.0.0/16; ip route del blackhole 10.43.0.0/16; sleep 0.1; done
ip addr add 10.4.4.4/32 dev lo; ip route add blackhole 10.44.0.0/16; ip route del blackhole 10.44.0.0/16
ip addr del 10.4.4.4/32 dev lo; until grep -q 'Deleted 1: lo' $said; do sleep 0.1; done
kill $!; wait; grep -v -e 'local 10.4' -e 10.43 $said | sed 's/^\\[.*\\]//'; rm $said""")


SOCKETS = """
exec 3< <(exec python3 -c '
import fcntl, socket, struct, termios, time
keep = []
def listener(family, kind, address):
    s = socket.socket(family, kind)
    s.bind(address)
    if kind == socket.SOCK_STREAM:
        s.listen(7)
    keep.append(s)
    return s
l = listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 5000))
listener(socket.AF_INET6, socket.SOCK_STREAM, ("::", 5001))
listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 5353))
listener(socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 5354))
listener(socket.AF_UNIX, socket.SOCK_STREAM, "\\0network-tools")
c = socket.socket()
c.bind(("127.0.0.1", 6000))
c.connect(("127.0.0.1", 5000))
a = l.accept()[0]
c.send(b"x" * 100)
def queued(s, way):
    return struct.unpack("i", fcntl.ioctl(s, way, bytes(4)))[0]
while queued(a, termios.FIONREAD) < 100 or queued(c, termios.TIOCOUTQ) > 0:     # it has come, and that is known
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(1000)
'); python=$!; read -u 3
"""


@test
def ss_shows_sockets():
    alike(SOCKETS + """
for o in -tan -ltn -uan -tano '-tn sport = :5000' '-tan dst 127.0.0.1' '-tn state established' '-tln sport = :5001'; do
    echo "ss $o"; ss $o; done
ss -tanp | grep -c python3; ss -tan -e | grep -c ino:
ss -xl | grep -c network-tools; ss -s | grep -E '^(RAW|UDP|TCP|INET) '; ss -ti | grep -c wscale
kill $python""", "ss", "python3", order=False)


@test
def netstat_shows_sockets():
    alike(SOCKETS + "netstat -tan; netstat -uan; netstat -rn; kill $python", "netstat", "python3", order=False)


@test
def net_tools_change_things():
    alike("""
ifconfig lo; ifconfig lo mtu 1400; ifconfig lo | head -1; ifconfig lo mtu 65536
route -n; route add -net 10.5.0.0 netmask 255.255.0.0 dev lo; route -n
route add -net 10.5.0.0 netmask 255.255.0.0 dev lo; echo $?; route del -net 10.5.0.0 netmask 255.255.0.0; route -n
route del -net 10.5.0.0 netmask 255.255.0.0; echo $?; ifconfig nosuch0; echo $?; ifconfig lo down; ifconfig
ifconfig lo up; ifconfig lo | head -1; arp -an""", "ifconfig", "route", "arp")


ECHO = " ".join(("ping", *ONE_ECHO))


@test
def ping_pings():
    alike(f"{ECHO} 127.0.0.1; {ECHO} ::1; ping -c 1 -W 1 198.51.100.1; echo $?", "ping")


@test
def tcpdump_sees_frames():
    alike(f"ECHO='{ECHO}'" + """
said=$(mktemp)
listen() { : > $said; tcpdump -n -l "$@" > $said 2>&1 & until grep -q ^listening $said; do sleep 0.1; done; }
listen -i lo -c 4 icmp; for n in 1 2; do $ECHO 127.0.0.1 > /dev/null; done; wait; cat $said
listen -i any -c 2 icmp6; $ECHO ::1 > /dev/null; wait; cat $said; rm $said""", "tcpdump", "ping")


@test
def sysctl_reads_and_writes():
    alike("""
sysctl -w net.ipv4.ip_local_port_range="40000 40010" net.ipv4.tcp_fin_timeout=30 net.ipv4.ip_default_ttl=77
sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_fin_timeout net.ipv4.ip_default_ttl net.ipv4.ip_forward
echo 5 3 > /proc/sys/net/ipv4/ip_local_port_range; echo abc > /proc/sys/net/ipv4/tcp_fin_timeout
python3 -c 'import socket
for n in range(4):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    print(40000 <= s.getsockname()[1] <= 40010)'
ping -c 1 -W 600 127.0.0.1 | head -2""", "sysctl", "ping", "python3")


main()
