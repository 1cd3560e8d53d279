#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A guest behind a bad path (badpath.py), with Linux at the other end: what is sent arrives as it was, and Linux in
the guest's place, over the same path with the same seed, says how fast it may be. The ratios are printed; one
that is too low fails in a soak, where each is the mean of several seeds.
"""
import concurrent.futures, contextlib, os, signal, socket, statistics, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from badpath import LEFT4, LEFT6, PORT, RIGHT4, RIGHT6, finish, left, path, stream
from harness import GUARD, ONE_ECHO, SOAK, equal, main, needs, test, wait_until


MIB = 1 << 20
PYTHON = "/usr/bin/python3"
RATIO_MIN = 0.8
# Linux finds black holes only when it is told to; Hull's default is to.
SETTINGS = {"tcp_mtu_probing": "1"}

# Name: impairments and the interfaces' MTU. The rates are such that a busy machine keeps up.
CASES = {
    "a lossy path": (["rate=20", "queue=100", "delay=5", "loss=1"], 1500),
    "all at once": (["rate=20", "queue=100", "delay=5", "jitter=2", "loss=0.3", "reorder=1", "hold=3", "duplicate=1",
                     "corrupt=0.1"], 1500),
    "a long path": (["rate=20", "queue=1000", "delay=150"], 1500),
    "a black hole": (["rate=20", "queue=100", "delay=5", "mtu=1300"], 1500),
    "large frames": (["rate=50", "queue=50", "delay=5", "loss=0.1"], 9000),
}
MORE_CASES = {
    "nothing but a rate": (["rate=20", "queue=100", "delay=1"], 1500),
    "a short queue": (["rate=20", "queue=20", "delay=20"], 1500),
    "a deep queue": (["rate=20", "queue=500", "delay=10"], 1500),
    "loss 0.1 %": (["rate=20", "queue=100", "delay=20", "loss=0.1"], 1500),
    "loss 1 %": (["rate=20", "queue=100", "delay=10", "loss=1"], 1500),
    "loss 3 %": (["rate=20", "queue=100", "delay=2", "loss=3"], 1500),
    "loss 10 %": (["rate=20", "queue=100", "delay=1", "loss=10"], 1500),
    "loss in bursts": (["rate=20", "queue=100", "delay=5", "loss=1", "burst=4"], 1500),
    "reordering 2 %": (["rate=20", "queue=200", "delay=10", "reorder=2", "hold=3"], 1500),
    "reordering 10 %": (["rate=20", "queue=200", "delay=5", "reorder=10", "hold=8"], 1500),
    "duplicates": (["rate=20", "queue=200", "delay=5", "duplicate=5"], 1500),
    "jitter": (["rate=20", "queue=200", "delay=5", "jitter=10"], 1500),
    "300 ms and some loss": (["rate=20", "queue=1000", "delay=150", "loss=0.01"], 1500),
    "600 ms": (["rate=10", "queue=500", "delay=300"], 1500),
    "corruption": (["rate=20", "queue=100", "delay=4", "corrupt=1"], 1500),
    "a narrow hop that says so": (["rate=20", "queue=100", "delay=5", "mtu=1300", "icmp=1"], 1500),
    "MTU 576": (["rate=15", "queue=100", "delay=5"], 576),
    "MTU 1280": (["rate=20", "queue=100", "delay=5", "loss=0.5"], 1280),
    "MTU 9000 and loss": (["rate=50", "queue=100", "delay=10", "loss=1"], 9000),
}
# A GiB each way: as fast as the machine goes, but for what is bad.
GIB_CASES = {
    "nothing": ([], 1500),
    "loss 0.1 %": (["loss=0.1"], 1500),
    "loss 1 %": (["loss=1"], 1500),
    "loss 10 %": (["loss=10"], 1500),
    "reordering": (["delay=1", "reorder=5", "hold=2"], 1500),
    "duplicates": (["duplicate=10"], 1500),
    "corruption": (["corrupt=1"], 1500),
    "300 ms": (["delay=150", "rate=500", "queue=10000"], 1500),
    "jitter": (["delay=1", "jitter=20", "rate=300", "queue=2000"], 1500),
    "MTU 576": ([], 576),
    "MTU 9000": (["loss=0.1"], 9000),
    "a black hole": (["mtu=1300", "delay=1"], 1500),
    "a narrow hop": (["mtu=1300", "icmp=1", "loss=0.1"], 1500),
}


def transfer(kind, case, way, nr_bytes, seed, v6):
    impairments, mtu = case
    with path(kind, [*impairments, f"seed={seed}"], mtu, SETTINGS) as p:
        return stream(p, way, nr_bytes, seed, v6 and mtu >= 1280)["Mbit/s"]


def table(cases, nr_bytes, seeds):
    """Each case both ways, IPv4 and IPv6 in turn, by Linux and by a guest. The rows whose ratio is too low."""
    low, rows = [], [(name, way) for name in cases for way in ("push", "pull")]
    # They mostly wait for the path.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = {(name, way, kind): [pool.submit(transfer, kind, cases[name], way, nr_bytes, seed, seed % 2 == 0)
                                    for seed in seeds]
                for name, way in rows for kind in ("linux", "guest")}
        for name, way in rows:
            linux, guest = (statistics.fmean(run.result() for run in runs[name, way, kind])
                            for kind in ("linux", "guest"))
            line = (f"{name}, the guest {'sends' if way == 'push' else 'receives'}: {guest:.1f} Mbit/s, "
                    f"Linux {linux:.1f}, ratio {guest / linux:.2f}")
            print("#", line, flush=True)
            if guest < RATIO_MIN * linux:
                low.append(line)
    return low


@test
def bytes_arrive_over_bad_paths():
    table(CASES, 8 * MIB if SOAK else 4 * MIB, (1, 2) if SOAK else (1,))


@test
def the_stack_as_a_process_under_sanitizers_agrees_with_linux():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(transfer, "stack", case, way, MIB, seed, seed % 2 == 0)
                for case in CASES.values() for way in ("push", "pull") for seed in (3, 4)]
        for run in runs:
            run.result()


@test
def no_impairment_makes_a_guest_slower_than_linux():
    if not SOAK:
        table({"loss 10 %": MORE_CASES["loss 10 %"]}, MIB // 8, (1,))
        return
    low = table({**CASES, **MORE_CASES}, 16 * MIB, range(1, 9))
    assert not low, "\n".join(low)


@test
def a_gibibyte_arrives_each_way():
    cases = GIB_CASES if SOAK else {"nothing": GIB_CASES["nothing"]}
    for number, (name, case) in enumerate(cases.items()):
        for way in ("push", "pull"):
            impairments, mtu = case
            with path("guest", impairments, mtu, SETTINGS) as p:
                result = stream(p, way, 1024 * MIB if SOAK else 64 * MIB, number, number % 2 and mtu >= 1280, 3600)
            print(f"# {name}, {way}: {result['Mbit/s']:.1f} Mbit/s, {result['retransmits']} sent again", flush=True)


# ---- a path that comes and goes, ends that stop ----

def is_connected(p):
    """Has the left end a connection at the port?"""
    rows = [line.split() for line in p.left.run("cat", "/proc/net/tcp", "/proc/net/tcp6").splitlines()]
    return any(row[1].endswith(f":{PORT:04X}") and row[3] == "01" for row in rows)


def interrupted(stop, go_on):
    """Transfers both ways, in the middle of which something stops for seconds."""
    def one(way):
        with path("guest", ["rate=50", "queue=100", "delay=5", "seed=7"]) as p:
            def during(client):     # who may be at the end before this process looks
                assert wait_until(lambda: is_connected(p) or client.poll() is not None), "no connection"
                time.sleep(1)
                stop(p)
                time.sleep(3)
                go_on(p)
            stream(p, way, 16 * MIB, during=during)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(one, ("push", "pull")))


@test
def a_transfer_outlives_a_cut_path():
    interrupted(lambda p: p.set_cut(True), lambda p: p.set_cut(False))


@test
def a_transfer_outlives_a_link_that_goes_down():
    interrupted(lambda p: p.left.run("ip", "link", "set", "tap0", "down"),
                lambda p: p.left.run("ip", "link", "set", "tap0", "up"))


@test
def a_transfer_outlives_a_stalled_backend():
    interrupted(lambda p: p.forwarder.send_signal(signal.SIGSTOP), lambda p: p.forwarder.send_signal(signal.SIGCONT))


@test
def a_transfer_outlives_a_host_that_stops_reading():
    with path("guest", ["rate=100", "queue=100", "delay=5"]) as p:
        script = ("import socket, sys, time, hashlib\n"
                  f"s = socket.create_server(('', {PORT}))\n"
                  "print('listening', flush=True)\n"
                  "c = s.accept()[0]\n"
                  "h = hashlib.sha256(c.recv(1000, socket.MSG_WAITALL))\n"
                  "time.sleep(4)\n"
                  "while data := c.recv(1 << 20): h.update(data)\n"
                  "print(h.hexdigest())\n")
        with left(p, PYTHON, "-c", script, until="listening") as listener:
            client = p.right(PYTHON, "-c", "import hashlib, random, socket\n"
                             f"data = random.Random(1).randbytes({16 * MIB})\n"
                             f"s = socket.create_connection(('{LEFT4}', {PORT}))\n"
                             "s.sendall(data)\n"
                             "s.shutdown(socket.SHUT_WR)\n"
                             "s.recv(1)\n"          # until it has all: a guest that ends waits only so long
                             "print(hashlib.sha256(data).hexdigest())\n")
            equal("hash", finish(listener), finish(client))


def given_and_gone(program, server, expected):
    """A program that ends as soon as it has given its bytes to the kernel."""
    with path("guest", ["rate=100", "queue=100", "delay=5"]) as p:
        with left(p, PYTHON, "-c", f"import socket, time\n{server}", until="ready") as receiver:
            guest = p.right(PYTHON, "-c", f"import os, socket\nTO = ('{LEFT4}', {PORT})\n{program}\nos._exit(0)")
            finish(guest)
            equal("received", finish(receiver), expected)


@test
def what_a_program_gave_before_it_ended_arrives():
    server = (f"s = socket.create_server(('', {PORT}))\nprint('ready', flush=True)\nc, n = s.accept()[0], 0\n{{}}"
              "while data := c.recv(1 << 20): n += len(data)\nprint(n)\n")
    program = "s = socket.create_connection(TO); s.sendall(bytes(3000000))"
    for end in ("", "; s.close()"):
        given_and_gone(program + end, server.format(""), "3000000\n")
    given_and_gone(program, server.format("time.sleep(2)\n"), "3000000\n")
    # The first datagram goes only when the neighbour's address is known.
    given_and_gone("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'last words', TO)",
                   f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', {PORT}))\n"
                   "print('ready', flush=True)\nprint(s.recv(100))\n", "b'last words'\n")


@test
def a_program_ends_though_nobody_takes_what_it_gave():
    with path("guest", []) as p:
        with p.left.entered():
            server = socket.create_server(("", PORT))
        with server:
            guest = p.right(PYTHON, "-c", "import os, socket, sys\n"
                            f"s = socket.create_connection(('{LEFT4}', {PORT}))\n"
                            "sys.stdin.read()\ns.sendall(b'to nobody')\nos._exit(3)", stdin=subprocess.PIPE)
            server.accept()
        p.set_cut(True)
        guest.stdin.close()
        equal("status", guest.wait(GUARD), 3)
        for pipe in (guest.stdout, guest.stderr):
            pipe.close()


# ---- what programs see at the right end: Linux there is the oracle ----

def both(script, impairments=(), mtu=1500, server=None, listener=None, during=None, patient=True):
    """
    The script's output in a guest equals Linux's in the same place. What happens at the left end: server, a
    script that prints "ready" before; listener, makes a socket before, which during, called meanwhile, gets.
    What the path counted for the guest.
    """
    def one(kind):
        with path(kind, impairments, mtu, patient=patient) as p, contextlib.ExitStack() as stack:
            if server:
                stack.enter_context(left(p, PYTHON, "-c", server, until="ready"))
            if listener:
                with p.left.entered():
                    heard = stack.enter_context(listener())
            program = p.right(PYTHON, "-c", "import errno, socket, struct, time\n"
                              f"LEFT4, LEFT6, PORT = '{LEFT4}', '{LEFT6}', {PORT}\n" + script)
            if during:
                during(p, heard, program)
            return finish(program), p.counts()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        (linux, _), (guest, counts) = pool.map(one, ("linux", "guest"))
    equal("output", guest, linux)
    assert linux, "the script prints nothing"
    return counts


ECHO = f"""
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", {PORT}))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(65536)
    s.sendto(data, who)
"""

# Every answer is what was asked; as many as are told arrive within some tries.
ASK = f"""
GUARD = {GUARD}
def ask(address, sizes, tries):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, PORT))
    s.settimeout(0.3 if tries > 1 else GUARD)
    for size in sizes:
        asked = (size.to_bytes(4, "big") * (size // 4 + 1))[:size]
        for i in range(tries):
            s.send(asked)
            try:
                while (answer := s.recv(65536)) != asked:
                    assert any(answer == (n.to_bytes(4, "big") * (n // 4 + 1))[:n] for n in sizes), "other bytes"
                break
            except TimeoutError:
                pass
        else:
            print(address, size, "was never answered")
    print(address, "done")
"""


def udp(impairments, mtu=1500, tries=1, sizes=(0, 1, 1400, 1472, 1473, 4000, 9000, 30000, 65507)):
    both(f"{ASK}\nfor address in (LEFT4, LEFT6):\n    ask(address, {sizes}, {tries})\n", impairments, mtu, server=ECHO)


@test
def datagrams_of_every_size_come_back():
    udp([])
    udp(["delay=3", "reorder=20", "hold=5", "duplicate=10"], 1500)
    udp([], 9000)


@test
def datagrams_come_back_over_a_lossy_path():
    udp(["loss=1", "delay=1", "corrupt=1"], 1500, 100, (0, 1, 1400, 1473, 4000, 30000))


@test
def a_guest_answers_datagrams():
    with path("guest", ["delay=2", "reorder=20", "hold=5", "duplicate=10"]) as p:
        guest = p.right(PYTHON, "-c", ECHO)
        guest.stdout.readline()
        script = (f"import socket\nPORT = {PORT}\n{ASK}\n"
                  f"for a in ('{RIGHT4}', '{RIGHT6}'): ask(a, (1, 1472, 1473, 20000, 60000), 100)")
        with left(p, PYTHON, "-c", script) as client:
            equal("answers", finish(client), f"{RIGHT4} done\n{RIGHT6} done\n")
        guest.kill()
        guest.communicate()


@test
def a_router_cuts_datagrams():
    """Both ends send without "don't fragment": the path cuts in between, and each puts together."""
    script = f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 0)      # IP_MTU_DISCOVER, IP_PMTUDISC_DONT
s.settimeout({GUARD})
for size in (100, 560, 1400, 5000, 20000):
    s.sendto(bytes([size % 251]) * size, (LEFT4, PORT))
    print(size, s.recv(65536) == bytes([size % 251]) * size)
"""
    echo = ECHO.replace('"::"', f'"{LEFT4}"').replace("AF_INET6", "AF_INET").replace(
        "s.bind", "s.setsockopt(socket.IPPROTO_IP, 10, 0); s.bind")
    counts = both(script, ["mtu=576", "fragment=1", "delay=1", "reorder=10", "hold=3"], server=echo)
    assert counts["to-left"]["fragmented"] > 3, "the path had nothing to cut"


@test
def a_narrow_hop_is_learnt_of():
    """The error reaches the socket, and later datagrams are as long as the path is wide."""
    both(f"""
import select
for family, address, level, name in ((socket.AF_INET, LEFT4, socket.IPPROTO_IP, 14),
                                     (socket.AF_INET6, LEFT6, socket.IPPROTO_IPV6, 24)):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect((address, PORT))
    s.setsockopt(level, 10 if family == socket.AF_INET else 23, 2)      # ..._MTU_DISCOVER, ..._PMTUDISC_DO
    print(s.getsockopt(level, name))
    s.send(bytes(1400))
    wait = select.poll()
    wait.register(s, 0)
    print("told", bool(wait.poll({GUARD} * 1000)))
    try:
        s.send(bytes(1400))
        print("sent")
    except OSError as e:
        print(errno.errorcode[e.errno])
    print(s.getsockopt(level, name))
""", ["mtu=1300", "icmp=1"])


@test
def nobody_is_there():
    both("""
def show(what, call):
    start = time.monotonic()
    try:
        print(what, call())
    except OSError as e:
        print(what, errno.errorcode.get(e.errno, e))
    return time.monotonic() - start

def answer(s):
    s.settimeout(1)
    while True:
        try:
            return s.recv(100)
        except TimeoutError:    # a host sends only so many errors a second, to all together
            s.send(b"hello")

for family, prefix in ((socket.AF_INET, "10.9.0."), (socket.AF_INET6, "fd09::")):
    s = socket.socket(family, socket.SOCK_STREAM)
    print("at once" if show("connect", lambda: s.connect((prefix + "77", 80))) < 1 else "after some seconds")
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect((prefix + "78", 80))
    show("send", lambda: s.send(b"hello"))
    s.settimeout(5)         # nobody says anything
    show("receive", lambda: s.recv(100))
    s = socket.socket(family, socket.SOCK_STREAM)
    show("no route", lambda: s.connect(("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 80)))
for address in (LEFT4, LEFT6):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    show("closed port", lambda: s.connect((address, PORT)))
    s = socket.socket(s.family, socket.SOCK_DGRAM)
    s.connect((address, PORT))
    show("send", lambda: s.send(b"hello"))
    show("closed port", lambda: answer(s))
""", patient=False)


# ---- from the left: pings, groups ----

@test
def pings_go_both_ways():
    needs("ping")
    with path("guest", ["delay=2"]) as p:
        guest = p.right("/usr/bin/env", "bash", "-c", "echo up; sleep 1000")
        guest.stdout.readline()
        for address in (RIGHT4, RIGHT6):
            for size in (8, 56, 1452, 1472, 4000, 30000):
                out = p.left.run("ping", "-n", *ONE_ECHO, "-s", str(size), address)
                assert "1 received" in out, out
        guest.kill()
        guest.communicate()
    for address in (LEFT4, LEFT6):
        with path("guest", ["delay=2"]) as p:
            out = finish(p.right("/usr/bin/ping", "-n", *ONE_ECHO, "-s", "4000", address))
            assert "1 received" in out, out


GROUPS = f"""
GUARD = {GUARD}
s4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
              socket.inet_aton("239.1.2.3") + socket.inet_aton("10.9.0.2"))
s4.bind(("", PORT))
s6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
              socket.inet_pton(socket.AF_INET6, "ff05::1:3") + struct.pack("i", 2))
s6.bind(("::", PORT + 1))
for s in (s4, s6):
    s.settimeout(GUARD)
    print(s.recv(100))
"""


@test
def groups_are_joined_and_heard():
    """IGMPv3 and MLDv2 reports of them cross the path, and then what is sent to the groups is received."""
    def listener():
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))

    def during(p, heard, program):
        reports = {bytes([224, 0, 0, 22]): socket.inet_aton("239.1.2.3"),
                   socket.inet_pton(socket.AF_INET6, "ff02::16"): socket.inet_pton(socket.AF_INET6, "ff05::1:3")}
        heard.settimeout(GUARD)
        while reports:
            frame = heard.recv(2000)
            to = frame[30:34] if frame[12:14] == b"\x08\x00" else frame[38:54]
            if to in reports and reports[to] in frame[34:]:
                del reports[to]
        with p.left.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four, \
                socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
            four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LEFT4))
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("tap0"))
            while program.poll() is None:
                four.sendto(b"to the four", ("239.1.2.3", PORT))
                six.sendto(b"to the six", ("ff05::1:3", PORT + 1))
                time.sleep(0.1)
    both(GROUPS, listener=listener, during=during)


if __name__ == "__main__":
    # Where the ratios count, nothing else runs.
    main(1 if SOAK else 5)
