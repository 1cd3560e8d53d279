#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The SDK: its tests print the same on the host, in Hull by the native door, and in Hull by sockets; its
examples too; a peer outside sees the same echoes; a flood of wrong operations does no harm.
"""
import contextlib, hashlib, os, random, re, socket, struct, sys, threading, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, GUARD, PROGRAMS, SOAK, Skip, equal, host, hull, main, needs, same, scratch, test, wait_until
from namespaces import HERE4, Guest, Namespace, addresses, guest4, guest6, network

BUILD = os.path.dirname(os.path.dirname(PROGRAMS))
TESTS = os.path.join(BUILD, "test", "sdk")
EXAMPLES = os.path.join(BUILD, "examples")
SOCKETS = ("-e", "HULL_BACKEND=linux")
DATAGRAMS = 10000 if ACCEL == "kvm" else 1000
STREAM = (64 << 20) if SOAK else (8 << 20) if ACCEL == "kvm" else (1 << 20)
CONNECTIONS = 100


def built(folder, name):
    path = os.path.join(folder, name)
    needs(path)
    return path


@contextlib.contextmanager
def alone():
    """Where there are namespaces, in one: what ports are free nobody else has a part in."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(Skip):
            stack.enter_context(stack.enter_context(Namespace()).entered())
        yield


def both_ways(name, *arguments):
    with alone():
        same(built(TESTS, name), *arguments)
        same(built(TESTS, name), *arguments, options=SOCKETS)


@test
def loops():
    both_ways("loop")


@test
def datagrams():
    both_ways("udp")


@test
def multicast_groups():
    """The process of Linux has a wire for them: no loopback of Linux's delivers groups of IPv6."""
    def is_ready():         # the wire is, some time after its ends are up
        return "multicast ff00::/8" in net.run("ip", "-6", "route", "show", "table", "local", "dev", "groups0")

    with Namespace() as net, Namespace() as peer:
        net.join(peer, "groups0", addresses(0), addresses(1))
        assert wait_until(is_ready), "IPv6 does not come up"
        with net.entered():
            same(built(TESTS, "groups"))
            same(built(TESTS, "groups"), options=SOCKETS)


@test
def connections():
    both_ways("tcp")


@test
def objects_of_cpp():
    both_ways("objects")


@test
def several_cpus():
    with alone():
        for name in ("loop", "udp", "tcp"):
            same(built(TESTS, name), options=["-c", "2"])


@test
def static_by_musl():
    needs("musl-gcc")
    with alone():
        same(built(TESTS, "udp-musl"))


@test
def the_native_door_alone():
    needs("musl-gcc")
    with alone():
        expected = host(built(TESTS, "udp"))
    result = hull(built(TESTS, "udp-native"))
    equal("output", (result.returncode, result.stdout, result.stderr), (0, expected.stdout, b""))


@test
def a_program_for_hull_alone_says_so_on_linux():
    needs("musl-gcc")
    result = host(built(TESTS, "udp-native"), "sizes")
    assert result.returncode == 1 and b"not ok sizes" in result.stdout, result


@test
def the_door_with_wrong_operations():
    seed, rounds = (time.time_ns() % 100000, 200000) if SOAK else (1, 3000)
    same(built(TESTS, "door"), str(seed), str(rounds))
    same(built(TESTS, "door"), str(seed + 1), str(rounds), options=["-c", "2"])


@test
def small_memory():
    same(built(TESTS, "door"), "3", "3000", options=["-m", "24"])


# ---- names ----

def dns_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def dns_records(name, kind):
    """What the test's server knows: records (type, data) of a name, or None: there is no such name."""
    v4, v6 = (lambda a: (1, socket.inet_aton(a))), (lambda a: (28, socket.inet_pton(socket.AF_INET6, a)))
    known = {"both.test": [v4("192.0.2.1"), v6("2001:db8::1")],
             "four.test": [v4("192.0.2.2"), v4("192.0.2.3")],
             "none.test": [],
             "many.test": [v4(f"192.0.2.{n}") for n in range(100)],
             "once.test": [v4("192.0.2.9")],
             "broken.test": [(1, b"abc"), (28, b"")],
             "host.one.test": [v4("192.0.2.4")], "host.two.test": [v4("192.0.2.5")],
             "deep.host.two.test": [v4("192.0.2.6")], "deep.host": [v4("192.0.2.7")]}
    return [r for r in known[name] if r[0] == kind] if name in known else None


def dns_answer(query, room, refused):
    """None: no answer at all."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    name, kind = ".".join(labels), struct.unpack_from(">H", query, at + 1)[0]
    if name == "silent.test" or (name == "once.test" and (name, kind) not in refused):
        refused.add((name, kind))
        return None
    chain = []                          # aliasN.test is another name for the one before, the first for both.test
    while name.startswith("alias"):
        before = f"alias{int(name[5:-5]) - 1}.test" if name != "alias0.test" else "both.test"
        chain.append(dns_name(name) + struct.pack(">HHIH", 5, 1, 60, len(dns_name(before))) + dns_name(before))
        name = before
    records = dns_records(name, kind)
    owner = dns_name(name) if chain else b"\xc0\x0c"
    body = b"".join(chain) + b"".join(owner + struct.pack(">HHIH", kind_of, 1, 60, len(data)) + data
                                      for kind_of, data in records or [])
    flags = 0x8180 | (3 if records is None else 0)
    if name == "loop.test":             # a name that points at itself
        body, records = b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 2) + b"\xc0\x27", [()]
    records = chain + (records or [])
    if len(query[:at + 5]) + len(body) > room:
        flags, body, records = flags | 0x200, b"", []
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + query[12:at + 5] + body


@contextlib.contextmanager
def dns_server(address):
    """Answers by UDP up to 512 bytes, and by TCP."""
    refused = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.create_server((address, 53)) as tcp:
        udp.bind((address, 53))

        def serve_udp():
            with contextlib.suppress(OSError):
                while True:
                    query, peer = udp.recvfrom(2000)
                    answer = dns_answer(query, 512, refused) if query else None
                    if answer:
                        udp.sendto(b"\0\0" + answer[2:], peer)    # a wrong id: it does not count
                        udp.sendto(answer, peer)

        def serve_tcp():
            with contextlib.suppress(OSError):
                while True:
                    with tcp.accept()[0] as s:
                        size, = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))
                        answer = dns_answer(s.recv(size, socket.MSG_WAITALL), 65535, refused)
                        s.sendall(struct.pack(">H", len(answer)) + answer[:50])
                        time.sleep(0.01)
                        s.sendall(answer[50:])

        for function in (serve_udp, serve_tcp):
            threading.Thread(target=function, daemon=True).start()
        yield refused


@test
def names_that_files_know():
    both_ways("names", "localhost", "192.0.2.7", "2001:db8::7", "a..b", "x" * 64, "")


@test
def names_by_a_server():
    names = ["both.test", "BOTH.test.", "four.test", "none.test", "absent.test", "many.test", "once.test", "alias3.test",
             "alias40.test", "silent.test", "broken.test", "loop.test"]
    expected = ["192.0.2.1:80 [2001:db8::1]:80", "192.0.2.1:80 [2001:db8::1]:80", "192.0.2.2:80 192.0.2.3:80",
                os.strerror(2), os.strerror(2), " ".join(f"192.0.2.{n}:80" for n in range(16)), "192.0.2.9:80",
                "192.0.2.1:80 [2001:db8::1]:80", os.strerror(5), os.strerror(110), os.strerror(2), os.strerror(5)]
    tap = ["--net", "tap=tap0", "--dns", HERE4] + [word for a in addresses() for word in ("--ip", a)]
    with network(), dns_server(HERE4) as refused:
        for options in ([], SOCKETS):
            refused.clear()
            result = hull("--", built(TESTS, "names"), *names, options=[*tap, *options])
            equal("answers", result.stdout.decode().splitlines(), [f"{n}: {e}" for n, e in zip(names, expected)])


def name_with_search(folder, options, *names):
    """The addresses of each, in a guest whose resolv.conf has a search list."""
    with open(os.path.join(folder, "resolv.conf"), "w") as file:
        file.write(f"nameserver {HERE4}\nsearch one.test two.test\noptions {options}\n")
    tap = ["--net", "tap=tap0"] + [word for a in addresses() for word in ("--ip", a)]
    both = [hull("--", built(TESTS, "names"), *names, options=[*tap, "-v", f"{folder}:/etc:ro", *more])
            for more in ([], SOCKETS)]
    equal("both ways", both[0].stdout, both[1].stdout)
    return [line.split(": ", 1)[1] for line in both[0].stdout.decode().splitlines()]


@test
def names_by_a_search_list():
    with scratch() as folder, network(), dns_server(HERE4):
        equal("one dot is enough", name_with_search(folder, "timeout:30", "host", "host.", "deep.host", "four.test", "absent"),
              ["192.0.2.4:80", os.strerror(2), "192.0.2.7:80", "192.0.2.2:80 192.0.2.3:80", os.strerror(2)])
        equal("two are", name_with_search(folder, "timeout:30 ndots:2", "host", "deep.host", "deep.host."),
              ["192.0.2.4:80", "192.0.2.6:80", "192.0.2.7:80"])
        equal("no answer", name_with_search(folder, "timeout:1 attempts:1", "silent.test"), [os.strerror(110)])


# ---- examples ----

@test
def example_hello():
    same(built(EXAMPLES, "hello"))
    same(built(EXAMPLES, "hello"), "Hull")


@test
def example_sampler():
    same(built(EXAMPLES, "sampler"), "127.0.0.1:7100", "1000", "1")


@test
def example_stencil():
    needs("gfortran")
    command = (built(EXAMPLES, "stencil"), "200", "50")
    result = hull(*command)
    equal("the heat", (result.stdout, result.returncode), (host(*command).stdout, 0))
    told = result.stderr.decode().splitlines()  # how far it is, each 200 ms that it takes
    assert all(re.fullmatch(r"\d+ of 50", line) for line in told), told


@test
def example_udp_echo():
    with network(), Guest(built(EXAMPLES, "udp-echo"), "*:7") as guest:
        guest.wait_printed("echoing on")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(GUARD)
            s.connect((guest4(), 7))
            for size in (0, 1, 1472, 1473, 9000, 65507):
                data = random.Random(size).randbytes(size)
                s.send(data)
                equal(f"{size} bytes", hashlib.sha256(s.recv(65536)).digest(), hashlib.sha256(data).digest())


# ---- peers outside ----

def echo_datagrams(s):
    """Windows of 32; within one nothing is lost."""
    for first in range(0, DATAGRAMS, 32):
        sent = {number.to_bytes(4, "big") * 100 for number in range(first, min(first + 32, DATAGRAMS))}
        for data in sent:
            s.send(data)
        equal("echoes", {s.recv(1000) for _ in sent}, sent)


def echo_stream(s, size):
    """As much as goes at a time, both ways; then the end."""
    sent, got, data, left = hashlib.sha256(), hashlib.sha256(), random.Random(size).randbytes(65536), size
    s.setblocking(False)
    while True:
        try:
            while left > 0:
                n = s.send(data[:left])
                sent.update(data[:n])
                data = data[n:] + data[:n]
                left -= n
                if left == 0:
                    s.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        try:
            part = s.recv(1 << 20)
            if not part:
                break
            got.update(part)
        except BlockingIOError:
            time.sleep(0.0005)
    equal("echo", got.hexdigest(), sent.hexdigest())


def check_echoes(options):
    with network(), Guest(built(TESTS, "tcp_echo"), "7", options=options) as guest:
        guest.wait_printed("ready")
        for family, address in ((socket.AF_INET, guest4()), (socket.AF_INET6, guest6())):
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                s.settimeout(GUARD)
                s.connect((address, 7))
                echo_datagrams(s)
            with socket.create_connection((address, 7), GUARD) as s:
                echo_stream(s, STREAM)
        many = [socket.create_connection((guest4(), 7), GUARD) for _ in range(CONNECTIONS)]
        for number, s in enumerate(many):
            s.sendall(f"connection {number}".encode())
        for number, s in enumerate(many):
            equal("answer", s.recv(100), f"connection {number}".encode())
            s.close()


@test
def a_peer_outside():
    check_echoes([])


@test
def a_peer_outside_by_sockets():
    check_echoes(SOCKETS)


@test
def a_peer_that_does_not_read():
    """It is sent no more than fits; others are served meanwhile; what it closes is given back."""
    with network(), Guest(built(TESTS, "tcp_echo"), "7", options=["-m", "64"]) as guest:
        guest.wait_printed("ready")
        for _ in range(3):
            with socket.create_connection((guest4(), 7), GUARD) as slow:
                slow.setblocking(False)
                total, quiet = 0, time.monotonic()
                while time.monotonic() - quiet < 0.5:
                    try:
                        total += slow.send(bytes(65536))
                        quiet = time.monotonic()
                    except BlockingIOError:
                        time.sleep(0.01)
                assert total < 64 << 20, f"{total} bytes were taken"
                with socket.create_connection((guest4(), 7), GUARD) as other:
                    other.sendall(b"still there?")
                    equal("answer", other.recv(100), b"still there?")


@test
def the_link_goes_down_and_comes_back():
    with network() as net, Guest(built(TESTS, "tcp_echo"), "7") as guest:
        guest.wait_printed("ready")
        with socket.create_connection((guest4(), 7), GUARD) as s:
            s.sendall(b"before")
            equal("echo", s.recv(100), b"before")
            net.run("ip", "link", "set", "tap0", "down")
            time.sleep(0.3)
            net.run("ip", "link", "set", "tap0", "up")
            s.sendall(b"after")
            equal("echo", s.recv(100), b"after")


if __name__ == "__main__":
    main()
