#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A guest on a network that attacks it, and under load: floods of frames of all kinds, peers that do not read,
ten thousand connections, a hundred thousand a minute. What there was goes on with its bytes right, what is
new succeeds, memory stays bounded and comes back.

test/net/flood sends; net_load serves in the guest and is its client out here. Rates are wishes, which a machine
with other work does not fulfil; nothing here depends on time but the guard against hangs.
"""
import collections, contextlib, json, os, socket, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, CPUS, GUARD, SOAK, Skip, equal, main, program, test, wait_until
from namespaces import HERE4, HERE6, Guest, guest4, guest6, network

PORT, FILES, NO_READER, SOURCE = 7000, 7001, 7002, 7003
TCG = ACCEL == "tcg"
RATE = 5000 if TCG else 50000
SECONDS = 20 if SOAK else 0.5 if TCG else 0.4           # a flood
CHURN = 600 if SOAK else 0                              # connections that come and go; at least once
REST_KIB = 256 / 1024                                   # a connection in TIME-WAIT: struct tcp_rest
# What a load may leave: a CPU has up to 156 free slots of the kernel's memory at hand (mm/alloc/kmem.c), each of which
# may keep a page; beside that a descriptor table that has grown, and a minute of our own questions in TIME-WAIT.
KEPT_KIB = 640 * int(CPUS or 2) + 768
ROUTES = ["--net", "tap=tap0", "--ip", f"{guest4()}/24,{HERE4}", "--ip", f"{guest6()}/64,{HERE6}"]
FAMILIES = ((guest4(), HERE4), (guest6(), HERE6))

SEGMENTS = ("syn", "cookie", "ack", "data", "fin", "reset", "flags", "near")
PACKETS = ("first", "tiny", "echo", "error", "closed", "datagram", "protocol")
LINK = ("neighbour", "router", "query", "syn-near", "noise")
EVERYTHING = ("all", "mix")


# ---- the guest ----

def fetch(path):
    """A file of the guest's."""
    with socket.create_connection((guest4(), FILES), timeout=GUARD) as connection:
        connection.sendall(path.encode() + b"\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def free():
    """
    KiB that the kernel has not taken. What the program has is its own affair: where its table of connections
    crosses a border of 2 MiB, and only there, the next part of it is one huge page.
    """
    fields = dict(line.split()[:2] for line in fetch("/proc/meminfo").splitlines())
    return int(fields["MemFree:"]) + int(fields["AnonPages:"])


def sockets():
    """Of TCP, in all states but TIME-WAIT; the one that asks is among them."""
    words = next(line for line in fetch("/proc/net/sockstat").splitlines() if line.startswith("TCP:")).split()
    return int(words[words.index("alloc") + 1])


def states():
    """How many connections of each state there are in the guest, by Linux's numbers, and here."""
    there = [line.split()[3] for name in ("tcp", "tcp6") for line in fetch(f"/proc/net/{name}").splitlines()[1:]]
    here = subprocess.run(["ss", "-Htan"], capture_output=True, text=True, check=False).stdout
    return dict(collections.Counter(there)), dict(collections.Counter(line.split()[0] for line in here.splitlines()))


def wait_free(least, what):
    end = time.monotonic() + GUARD
    while (now := free()) < least:
        assert time.monotonic() < end, f"{what}: {now} KiB are free, not {least}"
        time.sleep(0.1)


@contextlib.contextmanager
def server(memory):
    with network() as net, Guest(program("net_load"), "serve", str(PORT), net=ROUTES, options=["-m", memory]) as guest:
        guest.wait_port(FILES)
        fetch("/proc/meminfo")          # it is in the page cache now, as is what reads it
        try:
            yield net, guest
        except OSError as error:        # of a connection to the guest: what did that say?
            raise AssertionError(f"{error}; the guest's status: {guest.process.poll()}") from error


def use(address):
    """One new connection, and bytes there and back."""
    with socket.create_connection((address, PORT), timeout=GUARD) as connection:
        connection.settimeout(GUARD)
        connection.sendall(b"c" * 64)
        got = b""
        while len(got) < 64 and (more := connection.recv(64)):
            got += more
        equal("bytes of a new connection", got, b"c" * 64)


class Load:
    """net_load as a client of the guest's; each line that it prints is JSON."""
    def __init__(self, *words):
        self.words = words
        self.process = subprocess.Popen([program("net_load"), *map(str, words)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def line(self):
        text = self.process.stdout.readline()
        assert text, f"net_load {self.words}: {self.process.stderr.read()}"
        return json.loads(text)

    def again(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self):
        """What it prints at the end of its input."""
        try:
            out, err = self.process.communicate(timeout=GUARD)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"net_load {self.words} hangs") from None
        equal(f"net_load {self.words}", (self.process.returncode, err), (0, ""))
        return [json.loads(line) for line in out.splitlines()]


# ---- floods ----

def mac_of_guest(net):
    return net.run("ip", "neighbour", "show", guest4()).split("lladdr ")[1].split()[0]


def flood(net, kind, family, from_port, seconds=SECONDS):
    """New connections meanwhile: the least that was free, and how many frames there were."""
    to, here = family
    words = [program("flood"), "tap0", kind, str(RATE), str(seconds), f"to={to}", f"from={here}",
             f"mac={mac_of_guest(net)}", f"port={PORT}", f"from_port={from_port}"]
    least = free()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as sender:
        while sender.poll() is None:
            use(to)
            least = min(least, free())
        equal(f"status of flood {kind}", sender.returncode, 0)
        return least, json.loads(sender.stdout.read())["sent"]


def check_floods(kinds, memory="64M", rounds=2, seconds=SECONDS):
    """One connection of each family lives through all of them. Nothing is held that was not before."""
    with server(memory) as (net, guest), Load("stream", guest4(), PORT) as four, Load("stream", guest6(), PORT) as six:
        before, after, sent, since = free(), [], 0, time.monotonic()
        ports = [load.line()["port"] for load in (four, six)]
        for _ in range(rounds):
            for family, port in zip(FAMILIES, ports):
                for kind in kinds:
                    if kind == "router" and family == FAMILIES[0]:
                        continue
                    least, nr = flood(net, kind, family, port, seconds)
                    assert least > before / 2, f"{kind} to {family[0]}: {least} of {before} KiB are free"
                    assert nr > 0, f"{kind}: nothing was sent"
                    sent += nr
            after.append(free())
        for load in (four, six):
            assert load.finish()[0]["echoes"] > 0, "nothing came back"
        wait_free(after[0] - KEPT_KIB, "after a second round")
        assert guest.process.poll() is None
        print(f"# {sent} frames, {sent / (time.monotonic() - since):.0f} a second; KiB free: {before}, then {after}", flush=True)


@test
def floods_of_segments():
    check_floods(SEGMENTS)


@test
def handshakes_by_the_minute():
    if not SOAK:
        raise Skip("the same as above, for minutes: in a soak")
    check_floods(("syn",), rounds=1, seconds=120)


@test
def floods_of_packets():
    check_floods(PACKETS)


@test
def floods_of_the_link():
    check_floods(LINK)


@test
def floods_of_everything_and_of_changed_frames():
    check_floods(EVERYTHING, rounds=3)


@test
def floods_in_little_memory():
    check_floods((*SEGMENTS[:4], *PACKETS[:4], *LINK[:4], *EVERYTHING), memory="32M", rounds=1)


@test
def an_idle_guest_after_floods():
    """It has forgotten them: handshakes and pieces of packets end by themselves, and then nothing is done."""
    if not SOAK:
        raise Skip("it takes minutes: in a soak")
    with server("64M") as (net, guest):
        for family in FAMILIES:
            flood(net, "all", family, PORT, 10)
        time.sleep(130)
        before = cpu_seconds(guest)
        time.sleep(10)
        equal("CPU seconds of ten", round(cpu_seconds(guest) - before, 1), 0.0)


def cpu_seconds(guest):
    with open(f"/proc/{guest.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- peers that do not read, and servers that do not ----

def check_stalled(memory, count):
    with server(memory) as (_, guest):
        before = free()
        for address in (guest4(), guest6()):
            for port in (NO_READER, SOURCE):
                with Load("stall", address, port, count) as load:
                    load.line()
                    use(address)
                    least = free()
                    assert least > before / 8, f"{count} that stall: {least} of {before} KiB are free"
                    load.finish()
                wait_free(before - KEPT_KIB, f"when {count} have gone")
        assert guest.process.poll() is None


@test
def peers_that_stall():
    check_stalled("32M", 100 if TCG else 1000)


# ---- very many ----

@test
def very_many_connections():
    """And when they close nothing of them stays, in a soak after ten times as well."""
    count = 10000 if SOAK else 500 if TCG else 3000
    # All close at once, and none of them is to be one too many: tcp_max_orphans is one for 64 KiB of memory.
    with server("1G" if SOAK else "256M") as (_, guest):
        before, open_before = free(), sockets()
        for address in (guest4(), guest6()) * (10 if SOAK else 1):
            hold(address, count, before)
            assert wait_until(lambda: sockets() <= open_before), f"{sockets() - open_before} stay: {states()}"
            wait_free(before - KEPT_KIB, "when they have gone")
        assert guest.process.poll() is None
        print(f"# KiB free: {before}, then {free()}", flush=True)


def hold(address, count, free_before):
    with Load("hold", address, PORT, count) as load:
        load.line()
        each = (free_before - free()) / count
        for _ in range(3):
            load.again()
            load.line()
        use(address)
        print(f"# {each:.2f} KiB for each of {count} idle connections", flush=True)
        assert each < 6, f"{each} KiB for an idle connection"
        load.finish()


def churn(address, count, who):
    with Load("churn", address, PORT, count, who) as load:
        return load.line()["rate"]


@test
def connections_that_come_and_go():
    """By whoever ends them; ports in TIME-WAIT are taken again on both sides."""
    count = 500 if TCG else 4000
    with server("128M") as (net, guest):
        net.run("sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=20000 25999")
        for address in (guest4(), guest6()):
            for who in ("client", "server", "reset"):
                churn(address, 200, who)
        before = free()
        end = time.monotonic() + CHURN
        rates = []
        while not rates or time.monotonic() < end:
            for address in (guest4(), guest6()):
                rates += [churn(address, count, who) for who in ("client", "server", "reset")]
        # What is in TIME-WAIT is there for a minute: at most as many as there are ports.
        wait_free(before - 2 * 6000 * REST_KIB - KEPT_KIB, "after all of them")
        assert guest.process.poll() is None
        print(f"# {len(rates) * count} connections, {60 * sum(rates) / len(rates):.0f} a minute", flush=True)


def serves():
    with socket.socket() as client:
        return client.connect_ex((HERE4, PORT)) == 0


# In the guest: PROGRAM PORT SECONDS COUNT ADDRESS...; counters before and after.
CLIENT = r"""
case $(cat /proc/sys/kernel/version) in (*Hull*) ;; (*) echo 'not in a guest'; exit 2;; esac
program=$1 port=$2 seconds=$3 count=$4; shift 4
churn() {
	for address in "${@:2}"; do
		for who in client server reset; do "$program" churn "$address" "$port" "$1" $who || exit; done
	done
}
sockets() { awk -v "name=$1" '/^TCP:/ { for (i = 2; i < NF; i += 2) if ($i == name) print $(i + 1) }' /proc/net/sockstat; }
counters() {
	while [ "$(sockets orphan)" != 0 ]; do sleep 0.1; done
	echo 3 > /proc/sys/vm/drop_caches
	free=$(awk '/^(MemFree|Cached):/ { free += $2 } END { print free }' /proc/meminfo)
	echo "{\"free\": $free, \"alloc\": $(sockets alloc), \"tw\": $(sockets tw)}"
}
churn 200 "$@"; counters
until=$((SECONDS + seconds))
while churn "$count" "$@"; [ $SECONDS -lt $until ]; do :; done
counters
"""


@test
def connections_from_the_guest():
    """The guest is the client, and its ports are those that run short."""
    count = 500 if TCG else 4000
    with network(), subprocess.Popen([program("net_load"), "serve", str(PORT)]) as here:
        try:
            assert wait_until(serves), "net_load does not listen"
            with Guest("/bin/bash", "-c", CLIENT, "client", program("net_load"), str(PORT), str(CHURN), str(count), HERE4, HERE6,
                       net=ROUTES, options=["-m", "128M", "-u", "0:0"]) as guest:
                lines = [json.loads(line) for line in guest.finish(timeout=GUARD + CHURN).splitlines()]
        finally:
            here.kill()
        before, after = (line for line in lines if "free" in line)
        rates = [line["rate"] for line in lines if line.get("closed") == count]
        assert len(rates) >= 6, lines
        equal("sockets", after["alloc"], before["alloc"])
        least = before["free"] - (after["tw"] - before["tw"]) * REST_KIB - KEPT_KIB
        assert after["free"] >= least, f"{before} KiB were free, then {after}"
        print(f"# {len(rates) * count} connections, {60 * sum(rates) / len(rates):.0f} a minute; {before}, then {after}", flush=True)


if __name__ == "__main__":
    main()
