#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A guest's interfaces as programs find them: addresses by DHCP, from routers and from the command line, the
user network with its ports, taps in a namespace of the test's own, and the names in /etc.
"""
import contextlib, fcntl, http.server, os, socket, struct, subprocess, sys, threading
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, equal, execute, hull, hull_command, main, needs, scratch, test, wait_until
from namespaces import Guest, Namespace, free_port, guest4, guest6, network

MAC = "02:00:00:00:00:99"

# What a guest says of its interfaces, by netdevice(7): a line each, and the IPv6 addresses that it sends from.
SHOW = r"""
import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def ask(number, name):
    return fcntl.ioctl(s, number, struct.pack("16s24x", name.encode()))[16:]
for name in "lo", "eth0", "eth1", "eth2":
    try:
        flags = struct.unpack_from("H", ask(0x8913, name))[0]
    except OSError:
        continue
    try:
        address = socket.inet_ntoa(ask(0x8915, name)[4:8]) + "/" + socket.inet_ntoa(ask(0x891b, name)[4:8])
    except OSError:
        address = "none"
    mac = ask(0x8927, name)[2:8].hex(":")
    mtu = struct.unpack_from("i", ask(0x8921, name))[0]
    print(name, "up" if flags & 1 else "down", "running" if flags & 0x40 else "no carrier", address, mac, mtu)
"""


def guest_python(script, *words, options=(), **more):
    result = hull("/usr/bin/python3", "-c", script, *words, options=options, **more)
    equal("status", (result.returncode, result.stderr[-800:] if result.returncode else b""), (0, b""))
    return result.stdout.decode()


@contextlib.contextmanager
def web_server(family, address):
    """Answers every GET with its path. Its port."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"you asked for {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        address_family = family

    server = Server((address, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def name_server(names, address="127.0.0.1"):
    """A DNS server (RFC 1035) on port 53 that knows these names: {name: (IPv4 or None, IPv6 or None)}."""
    def answer(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack_from(">H", query, at + 1)[0]
        known = names.get(".".join(labels))
        found = known and {1: known[0], 28: known[1]}.get(kind)
        data = found and socket.inet_pton(socket.AF_INET if kind == 1 else socket.AF_INET6, found)
        record = struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data if found else b""
        flags = 0x8180 | (0 if known else 3)
        return query[:2] + struct.pack(">HHHHH", flags, 1, 1 if found else 0, 0, 0) + query[12:at + 5] + record

    def serve():
        with contextlib.suppress(OSError):
            while True:
                query, sender = server.recvfrom(2000)
                server.sendto(answer(query), sender)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield


# ---- the user network ----

@test
def loopback_is_there_without_a_network():
    script = r"""
import socket
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    server = socket.socket(family); server.bind((address, 0)); server.listen()
    client = socket.create_connection(server.getsockname()[:2]); client.send(b"x")
    print(address, server.accept()[0].recv(1))
"""
    for options in ((), ("--net", "none"), ("--net", "user")):
        equal(str(options), guest_python(script, options=options), "127.0.0.1 b'x'\n::1 b'x'\n")


@test
def the_user_network_configures_itself():
    shown = guest_python(SHOW, options=["--net", f"user,mac={MAC}"]).splitlines()
    equal("interfaces", shown, ["lo up running 127.0.0.1/255.0.0.0 00:00:00:00:00:00 65536",
                                f"eth0 up running 10.0.2.15/255.255.255.0 {MAC} 65520"])
    equal("MTU", guest_python(SHOW, options=["--net", "user,mtu=1400"]).split()[-1], "1400")


@test
def a_program_reaches_its_host():
    needs("curl")
    for family, here, there in ((socket.AF_INET, "127.0.0.1", "10.0.2.2"), (socket.AF_INET6, "::1", "[fec0::2]")):
        with web_server(family, here) as port:
            result = hull("curl", "-sS", f"http://{there}:{port}/some/path", options=["--net", "user"])
        equal(there, (result.stdout, result.returncode, result.stderr), (b"you asked for /some/path", 0, b""))


@test
def the_host_can_be_hidden():
    script = """
import socket, sys
try:
    socket.create_connection(("10.0.2.2", int(sys.argv[1])))
    print("connected")
except OSError as error:
    print("refused")
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        equal("user", guest_python(script, port, options=["--net", "user"]), "connected\n")
        equal("host=off", guest_python(script, port, options=["--net", "user,host=off"]), "refused\n")


ECHO = r"""
import socket, sys, threading
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
server = socket.socket(socket.AF_INET6, kind)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("::", 7))
if kind == socket.SOCK_STREAM:
    server.listen()
print("ready", flush=True)
if kind == socket.SOCK_DGRAM:
    for _ in range(2):
        data, sender = server.recvfrom(60000)
        server.sendto(data, sender)
else:
    for _ in range(2):
        client = server.accept()[0]
        while data := client.recv(65536):
            client.sendall(data)
        client.close()
"""


def exchange(family, kind, port):
    data = os.urandom(200000 if kind == socket.SOCK_STREAM else 1400)
    with socket.socket(family, kind) as client:
        client.settimeout(GUARD)
        client.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        back = b""
        while len(back) < len(data):
            piece = client.recv(65536)
            assert piece, f"{len(back)} of {len(data)} bytes came back"
            back += piece
        sender.join()
    assert back == data, "other bytes came back"


def ports_lead_in(kind, suffix, *options):
    port4, port6 = (free_port((family, kind)) for family in (socket.AF_INET, socket.AF_INET6))
    with Guest("/usr/bin/python3", "-c", ECHO, suffix, net=["-p", f"127.0.0.1:{port4}:7/{suffix}",
                                                           "-p", f"[::1]:{port6}:7/{suffix}", *options]) as guest:
        guest.wait_printed("ready")
        exchange(socket.AF_INET, kind, port4)
        exchange(socket.AF_INET6, kind, port6)
        guest.finish()


@test
def tcp_ports_lead_to_the_program():
    ports_lead_in(socket.SOCK_STREAM, "tcp")


MANY = """
import socket
server = socket.create_server(("", 7), backlog=512)
print("ready", flush=True)
for _ in range(NR):
    client = server.accept()[0]
    client.sendall(client.recv(64))
    client.close()
"""


def turned_away():
    """How many handshakes sockets of this namespace had no place for."""
    with open("/proc/thread-self/net/netstat") as file:
        names, values = (line.split() for line in file if line.startswith("TcpExt:"))
    return [int(values[names.index(name)]) for name in ("ListenOverflows", "ListenDrops")]


@test
def many_clients_at_once_reach_a_port():
    """None is turned away at the host's socket: its SYN would come again after a second, and after three."""
    port, nr = 8080, 100
    with Namespace() as net, net.entered(), contextlib.ExitStack() as stack:
        guest = stack.enter_context(Guest("/usr/bin/python3", "-c", MANY.replace("NR", str(nr)),
                                          net=["-p", f"127.0.0.1:{port}:7"]))
        guest.wait_printed("ready")
        clients = [stack.enter_context(socket.socket()) for _ in range(nr)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        for number, client in enumerate(clients):
            client.settimeout(GUARD)
            client.sendall(b"%d" % number)
        for number, client in enumerate(clients):
            equal("answer", client.recv(64), b"%d" % number)
        guest.finish()
        equal("turned away", turned_away(), [0, 0])


@test
def udp_ports_lead_to_the_program():
    ports_lead_in(socket.SOCK_DGRAM, "udp")


@test
def a_port_leads_to_a_static_address():
    for kind, suffix in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
        ports_lead_in(kind, suffix, "--ip", "10.0.2.77/24,10.0.2.2", "--ip", "fec0::77/64")
    result = hull("sh", "-c", FILES, options=["--ip", "10.0.2.77/24,10.0.2.2"])
    assert result.stdout.startswith(b"nameserver 10.0.2.3\n"), result.stdout


# ---- names ----

FILES = "cat /etc/resolv.conf; uname -n; cat /etc/hostname; tail -1 /etc/hosts"


@test
def names_come_from_dhcp_and_the_command_line():
    def files(*options):
        result = hull("sh", "-c", FILES, options=options)
        equal(f"{options}: status", (result.returncode, result.stderr), (0, b""))
        return result.stdout.decode().splitlines()

    with open("/etc/hostname") as file:
        name = file.read().strip()
    equal("user network", files("--net", "user")[:1], ["nameserver 10.0.2.3"])
    equal("its host's name", files("--net", "user")[-2], name)
    equal("--dns", files("--net", "user", "--dns", "192.0.2.1", "--dns", "2001:db8::1")[:3],
          ["nameserver 192.0.2.1", "nameserver 2001:db8::1", "nameserver 10.0.2.3"])
    equal("--hostname", files("--hostname", "boxy")[-3:], ["boxy", "boxy", "127.0.1.1\tboxy"])
    equal("both", files("--net", "user", "--hostname", "boxy"),
          ["nameserver 10.0.2.3", "boxy", "boxy", "127.0.1.1\tboxy"])
    with open("/etc/resolv.conf") as file:
        first = file.readline().strip()
    equal("no network", files()[:1], [first] if first else [])


@test
def a_name_of_its_own_resolves():
    result = hull("sh", "-c", "getent hosts boxy; getent ahosts localhost | head -1", options=["--hostname", "boxy"])
    equal("address", result.stdout.split()[:3], [b"127.0.1.1", b"boxy", result.stdout.split()[2]])


@test
def files_of_names_are_the_programs_to_change():
    script = """echo nameserver 192.0.2.9 > /etc/resolv.conf && cat /etc/resolv.conf
                echo "search example" >> /etc/resolv.conf && mv /etc/resolv.conf /etc/x && cat /etc/x && rm /etc/x
                ls /etc/resolv.conf; stat -c '%a %U' /etc/hosts"""
    with open("/etc/resolv.conf", "rb") as file:
        before = file.read()
    result = hull("sh", "-c", script, options=["--net", "user", "--hostname", "boxy"])
    equal("files", result.stdout, b"nameserver 192.0.2.9\nnameserver 192.0.2.9\nsearch example\n644 root\n")
    assert b"No such file" in result.stderr, result.stderr
    with open("/etc/resolv.conf", "rb") as file:
        equal("the host's", file.read(), before)
    result = hull("sh", "-c", "echo x > /etc/resolv.conf; cat /etc/resolv.conf", options=["--net", "user", "--user", "65534:65534"])
    assert b"ermission denied" in result.stderr, result.stderr
    equal("unchanged", result.stdout, b"nameserver 10.0.2.3\n")


@test
def a_mounted_folder_keeps_its_files():
    with scratch() as folder:
        with open(os.path.join(folder, "resolv.conf"), "w") as file:
            file.write("nameserver 192.0.2.44\n")
        result = hull("cat", "/etc/resolv.conf", options=["--net", "user", "--hostname", "boxy", "-v", f"{folder}:/etc"])
        equal("resolv.conf", result.stdout, b"nameserver 192.0.2.44\n")
        equal("files", os.listdir(folder), ["resolv.conf"])


RESOLVE = r"""
#include <netdb.h>
#include <stdio.h>
#include <arpa/inet.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
		int err = getaddrinfo(argv[i], "80", &hints, &found);
		printf("%s", argv[i]);
		if (err != 0)
			printf(" %s", err == EAI_NONAME ? "unknown" : gai_strerror(err));
		for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
			char text[100];
			getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
			printf(" %s", text);
		}
		printf("\n");
	}
	return 0;
}
"""


@contextlib.contextmanager
def resolvers():
    """The program, by each library's compiler that is here."""
    with scratch() as folder:
        source = os.path.join(folder, "resolve.c")
        with open(source, "w") as file:
            file.write(RESOLVE)
        programs = []
        for compiler, name in (("gcc", "glibc"), ("musl-gcc", "musl")):
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):
                assert execute([compiler, "-o", path, source], GUARD).returncode == 0, compiler
                programs.append(path)
        assert programs or needs("gcc")
        yield programs


KNOWN = {"four.example": ("192.0.2.4", None), "six.example": (None, "2001:db8::6"), "both.example": ("192.0.2.8", "2001:db8::8")}
EXPECTED = ["both.example 192.0.2.8 2001:db8::8", "four.example 192.0.2.4", "localhost", "none.example unknown",
            "six.example 2001:db8::6"]


# A resolver asks again after five seconds, and gives up after ten: less than a machine with other work may take.
PATIENTLY = ["/bin/sh", "-c", 'echo options timeout:30 attempts:5 >> /etc/resolv.conf; exec "$@"', "sh"]


def resolve(program, options):
    result = hull("--", *PATIENTLY, program, "four.example", "six.example", "both.example", "none.example", "localhost",
                  options=options)
    equal("status", (result.returncode, result.stderr), (0, b""))
    lines = result.stdout.decode().splitlines()
    # the order of a name's addresses is the library's choice; localhost's are the host's files'
    return sorted(" ".join([words[0], *sorted(words[1:])]) if words[0] != "localhost" else words[0]
                  for words in map(str.split, lines))


@test
def names_resolve_by_a_server_that_was_named():
    with resolvers() as programs, Namespace() as net, net.entered(), name_server(KNOWN):
        for program in programs:
            equal(program, resolve(program, ["--net", "user", "--dns", "10.0.2.2"]), EXPECTED)


@test
def names_resolve_by_the_user_networks_own_server():
    """Which asks the host's, of the host's resolv.conf: another one for this test alone."""
    needs("unshare", "mount")
    with resolvers() as programs, Namespace() as net, net.entered(), name_server(KNOWN), scratch() as folder:
        conf = os.path.join(folder, "resolv.conf")
        with open(conf, "w") as file:
            file.write("nameserver 127.0.0.1\n")
        for program in programs:
            words = hull_command(["--", *PATIENTLY, program, "both.example", "none.example"], ["--net", "user"])
            result = execute(["unshare", "--mount", "sh", "-c", f"mount --bind {conf} /etc/resolv.conf && exec \"$@\"",
                              "sh", *words], GUARD)
            lines = [" ".join(sorted(line.split())) for line in result.stdout.decode().splitlines()]
            equal(program, (lines, result.stderr), (["192.0.2.8 2001:db8::8 both.example", "none.example unknown"], b""))


# ---- taps ----

@test
def a_tap_has_static_addresses():
    needs("curl")
    with network() as net, Guest("/usr/bin/python3", "-m", "http.server", "--bind", "::", "80") as guest:
        guest.wait_port(80, guest4())
        guest.wait_port(80, guest6())
        neighbours = net.run("ip", "neigh", "show", "dev", "tap0")
        assert guest4() in neighbours and guest6() in neighbours, neighbours


@test
def a_gateway_may_be_off_the_link():
    script = "import socket; print(socket.create_connection(('203.0.113.1', %s)).recv(9))"
    with Namespace() as net:
        net.add_tap("tap0", "10.1.0.1/24", "203.0.113.1/32", "192.0.2.1/32")
        with net.entered(), socket.create_server(("203.0.113.1", 0)) as server:
            def greet():
                server.accept()[0].send(b"hello")
            threading.Thread(target=greet, daemon=True).start()
            shown = guest_python(script % server.getsockname()[1], options=["--net", "tap=tap0", "--ip", "10.1.0.9/32,10.1.0.1"])
    equal("greeting", shown, "b'hello'\n")


@contextlib.contextmanager
def dhcp_server(net, *options):
    """dnsmasq on tap0, in the namespace. What it says is its .log()."""
    needs("dnsmasq")
    with scratch() as folder:
        log = os.path.join(folder, "log")
        with open(log, "w") as file:
            process = subprocess.Popen(net.command("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null",
                                                   "--interface=tap0", "--bind-dynamic", "--no-resolv", "--no-hosts", "--no-ping",
                                                   "--leasefile-ro", "--pid-file=", "--user=root", *options),
                                       stdout=file, stderr=file)

        def said():
            with open(log) as file:
                return file.read()

        try:
            assert wait_until(lambda: "started" in said() or process.poll() is not None) and process.poll() is None, said()
            yield said
        finally:
            process.terminate()
            process.wait()


# A program starts after five seconds though a server may not have answered; the interface goes on asking. Of all that a
# lease brings, this comes last.
WHEN_IT_HAS_A_NAME = """
import time
while open("/etc/hostname").read() != "named-by-dhcp\\n":
    time.sleep(0.1)
"""


@test
def dhcp_gives_address_routes_and_names():
    with Namespace() as net, contextlib.ExitStack() as stack:
        net.add_tap("tap0", "10.1.0.1/24")
        said = stack.enter_context(dhcp_server(
            net, "--dhcp-range=10.1.0.50,10.1.0.60,255.255.255.0,1h", f"--dhcp-host={MAC},10.1.0.57,named-by-dhcp",
            "--dhcp-option=option:domain-search,one.example,two.example,three.example", "--dhcp-option=option:mtu,1400",
            "--dhcp-option=option:dns-server,10.1.0.1,192.0.2.53", "--address=/known.one.example/192.0.2.77"))
        with net.entered():
            shown = guest_python(WHEN_IT_HAS_A_NAME + SHOW, options=["--net", f"tap=tap0,mac={MAC}"]).splitlines()
            files = hull("sh", "-c", f"until grep -q named-by-dhcp /etc/hostname; do sleep 0.1; done; {FILES}; "
                         "export RES_OPTIONS='timeout:30 attempts:5'; getent ahostsv4 known | head -1",
                         options=["--net", f"tap=tap0,mac={MAC}"])
            kept = hull("uname", "-n", options=["--net", f"tap=tap0,mac={MAC}", "--hostname", "kept"])
        equal("interface", shown[1], f"eth0 up running 10.1.0.57/255.255.255.0 {MAC} 1400")
        equal("names", files.stdout.decode().splitlines()[:6],
              ["nameserver 10.1.0.1", "nameserver 192.0.2.53", "search one.example two.example three.example",
               "named-by-dhcp", "named-by-dhcp", "127.0.1.1\tnamed-by-dhcp"])
        equal("search", files.stdout.split()[-3:-1] and files.stdout.decode().splitlines()[-1].split()[0], "192.0.2.77")
        equal("--hostname goes before", kept.stdout, b"kept\n")
        assert "DHCPACK(tap0) 10.1.0.57" in said(), said()


@test
def a_network_of_ipv6_alone_is_enough():
    script = """
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
def from_global():
    try:
        s.connect(("fd01::1", 9))
    except OSError:
        return False
    return not s.getsockname()[0].startswith("fe80:")
while not from_global() or "fd01::1" not in open("/etc/resolv.conf").read():
    time.sleep(0.1)
print(s.getsockname()[0])
print(open("/etc/resolv.conf").read(), end="")
"""
    with Namespace() as net, contextlib.ExitStack() as stack:
        net.add_tap("tap0", "fd01::1/64")
        # a router says who it is by this address: at once, not after duplicates were looked for
        net.run("ip", "link", "set", "tap0", "addrgenmode", "none")
        net.run("ip", "address", "add", "fe80::1/64", "dev", "tap0", "nodad")
        said = stack.enter_context(dhcp_server(net, "--enable-ra", "--dhcp-range=fd01::100,fd01::1ff,slaac,64,1h",
                                               "--dhcp-option=option6:dns-server,[fd01::1]"))
        with net.entered():
            shown = guest_python(script, options=["--net", f"tap=tap0,mac={MAC}"]).splitlines()
    assert shown[0] == "fd01::ff:fe00:99" or shown[0].startswith("fd01::1"), shown
    assert "nameserver fd01::1" in shown, (shown, said)


@test
def without_a_server_the_program_starts_all_the_same():
    with network() as net:
        result = hull("/bin/echo", "here", options=["--net", "tap=tap0"])
    equal("output", (result.stdout, result.returncode), (b"here\n", 0))
    assert b"eth0: no DHCP server answers" in result.stderr and b"--ip" in result.stderr, result.stderr


@test
def several_interfaces_have_names_in_order():
    with Namespace() as net:
        net.add_tap("tap0", "10.1.0.1/24")
        net.add_tap("tap1", "10.2.0.1/24")
        with net.entered():
            shown = guest_python(SHOW, options=["--net", "tap=tap0,mac=02:00:00:00:00:10", "--ip", "10.1.0.2/24",
                                                "--net", "tap=tap1,mac=02:00:00:00:00:11,mtu=1280", "--ip", "10.2.0.2/24",
                                                "--net", "user,mac=02:00:00:00:00:12"]).splitlines()
    equal("interfaces", shown[1:], ["eth0 up running 10.1.0.2/255.255.255.0 02:00:00:00:00:10 1500",
                                    "eth1 up running 10.2.0.2/255.255.255.0 02:00:00:00:00:11 1280",
                                    "eth2 up running 10.0.2.15/255.255.255.0 02:00:00:00:00:12 65520"])


def open_tap(name):
    """A tap as who starts a VM without privileges gets it: a descriptor (Documentation/networking/tuntap.rst)."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x0002 | 0x1000 | 0x4000))  # TAP, NO_PI, VNET_HDR
    return tap


@test
def a_descriptor_may_be_a_tap():
    with network() as net:
        tap = open_tap("tap0")
        words = hull_command(["/usr/bin/python3", "-c", "import socket; print(socket.create_connection(('10.1.0.1', %d)).recv(9))"],
                             ["--net", f"fd={tap}", "--ip", "10.1.0.2/24"])
        with socket.create_server(("10.1.0.1", 0)) as server:
            def greet():
                server.accept()[0].send(b"hello")
            threading.Thread(target=greet, daemon=True).start()
            words[-1] = words[-1] % server.getsockname()[1]
            result = execute(words, GUARD, pass_fds=[tap])
        os.close(tap)
    equal("greeting", (result.stdout, result.stderr), (b"b'hello'\n", b""))


@test
def a_link_goes_down_and_comes_back():
    """What programs see: no carrier, then ENETUNREACH or nothing, then everything goes on."""
    script = r"""
import fcntl, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def running():
    return struct.unpack_from("H", fcntl.ioctl(s, 0x8913, struct.pack("16s24x", b"eth0")), 16)[0] & 0x40 != 0
client = socket.create_connection(("10.1.0.1", int(sys.argv[1])))
client.sendall(b"down")
while running():
    time.sleep(0.01)
print("down", flush=True)
client.sendall(b"still here")
while not running():
    time.sleep(0.01)
print("up", flush=True)
print(client.recv(9), flush=True)
"""
    with network() as net, socket.create_server(("10.1.0.1", 0)) as server:
        with Guest("/usr/bin/python3", "-c", script, str(server.getsockname()[1])) as guest:
            client = server.accept()[0]
            client.settimeout(GUARD)
            equal("asked", client.recv(4), b"down")
            net.run("ip", "link", "set", "tap0", "down")
            guest.wait_printed("down")
            net.run("ip", "link", "set", "tap0", "up")
            guest.wait_printed("up")
            equal("connection", client.recv(10), b"still here")
            client.sendall(b"answer")
            guest.finish()
            assert "b'answer'" in guest.printed(), guest.printed()


@test
def a_host_that_stops_reading_stops_the_sender():
    """Sockets are full, poll says so, and nothing is lost that was taken; then all goes on."""
    script = r"""
import select, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setblocking(False)
to, number = ("10.1.0.255", 9), 0
while number < 5000:
    try:
        s.sendto(b"%8d" % number + bytes(1000), to)
        number += 1
    except BlockingIOError:
        if not select.select([], [s], [], 2)[1]:
            break
print("sent", number, flush=True)
select.select([], [s], [])
s.sendto(b"end", to)
print("resumed", flush=True)
"""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        words = hull_command(["/usr/bin/python3", "-c", script], ["--net", f"fd={theirs.fileno()}", "--ip", "10.1.0.2/24"])
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              pass_fds=[theirs.fileno()]) as guest:
            try:
                words = guest.stdout.readline().split()
                assert words[:1] == [b"sent"] and int(words[1]) < 5000, (words, guest.stdout.read())
                ours.settimeout(GUARD)
                numbers, frame = [], b""
                while not frame.endswith(b"end"):
                    frame = ours.recv(70000)
                    if len(frame) == 1050:
                        numbers.append(int(frame[42:50]))
                equal("datagrams", numbers, list(range(int(words[1]))))
                equal("then", guest.stdout.read(), b"resumed\n")
                equal("status", guest.wait(GUARD), 0)
            finally:
                guest.kill()


def datagram(to, mac, payload):
    """A frame with UDP (RFC 768) to port 9, whose checksum is left out."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 1, 0, 4, 17, 0, socket.inet_aton("10.1.0.1"), socket.inet_aton(to))
    total = sum(struct.unpack(">10H", head))
    head = head[:10] + struct.pack(">H", ~(total % 65535) & 65535) + head[12:]
    return bytes.fromhex(mac) + bytes.fromhex("02000000beef0800") + head + struct.pack(">HHHH", 9, 9, 8 + len(payload), 0) + payload


@test
def groups_of_others_do_not_wake_the_guest():
    """The device sorts them out; one that is joined comes through."""
    script = r"""
import socket
def packets():
    return next(int(line.split("eth0:")[1].split()[1]) for line in open("/proc/net/dev") if "eth0:" in line)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9))
heard = 100
while heard > 50:
    before = packets()
    print("ready", flush=True)
    assert s.recv(100) == b"to all"
    heard = packets() - before
    print(heard, flush=True)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.9.9.9") + socket.inet_aton("10.1.0.2"))
print("joined", flush=True)
print(s.recv(100), flush=True)
"""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        words = hull_command(["/usr/bin/python3", "-c", script], ["--net", f"fd={theirs.fileno()}", "--ip", "10.1.0.2/24"])
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              pass_fds=[theirs.fileno()]) as guest:
            try:
                heard = 100
                while heard > 50:       # the device may not have heard yet what the guest wants
                    equal("begin", guest.stdout.readline(), b"ready\n")
                    for _ in range(100):
                        ours.send(datagram("239.9.9.9", "01005e090909", b"to some"))
                    ours.send(datagram("255.255.255.255", "ffffffffffff", b"to all"))
                    heard = int(guest.stdout.readline())
                equal("then", guest.stdout.readline(), b"joined\n")
                # what the program sent is lost if it came before the device heard of the group: as on any network
                ours.settimeout(0.2)
                for _ in range(GUARD * 5):
                    if guest.poll() is not None:
                        break
                    with contextlib.suppress(TimeoutError):     # or its queue is full: it has enough of them
                        ours.send(datagram("239.9.9.9", "01005e090909", b"to some"))
                    with contextlib.suppress(TimeoutError):
                        ours.recv(70000)
                equal("group", guest.stdout.read(), b"b'to some'\n")
                equal("status", guest.wait(GUARD), 0)
            finally:
                guest.kill()


@test
def a_capture_has_both_directions():
    needs("tcpdump")
    with scratch() as folder:
        path = os.path.join(folder, "x.pcapng")
        equal("status", hull("/bin/true", options=["--net", "user", "--pcap", path]).returncode, 0)
        shown = execute(["tcpdump", "-nr", path, "udp"], GUARD).stdout.decode()
    assert "0.0.0.0.68 > 255.255.255.255.67" in shown and "10.0.2.2.67 > 255.255.255.255.68" in shown, shown


if __name__ == "__main__":
    main()
