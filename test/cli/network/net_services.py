#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Databases, shells, name servers and tools of the network in a guest, and the host's own clients in a namespace."""
import contextlib, glob, json, os, re, shutil, signal, socket, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from content import file_hash, printed_hash, write_certificate, write_file
from harness import ACCEL, GUARD, ONE_ECHO, SOAK, Skip, equal, execute, main, needs, scratch, test
from namespaces import HERE4, Guest, addresses, guest4, guest6, network

SIZE = (64 << 20) if SOAK else (8 << 20) if ACCEL == "kvm" else (1 << 20)
FEW = "500000" if SOAK else "4000" if ACCEL == "kvm" else "500"
REQUESTS = "1000000" if SOAK else "20000" if ACCEL == "kvm" else "1600"


def succeeds(*command, timeout=GUARD, **more):
    """What it prints; it must end with 0."""
    result = execute(list(command), timeout, **more)
    assert result.returncode == 0, f"{' '.join(command)}: {result.returncode} {result.stderr[-800:]!r} {result.stdout[-300:]!r}"
    return result.stdout.decode(errors="replace")


# ---- redis ----

def redis(*words, number=0, volume=None):
    needs("redis-server", "redis-cli", "redis-benchmark")
    options = ["-m", "1G"] + (["-v", f"{volume}:{volume}"] if volume else [])
    return Guest("/usr/bin/redis-server", "--save", "", "--protected-mode", "no", "--bind", "0.0.0.0", "::",
                 "--enable-debug-command", "yes", *words, number=number, options=options)


def cli(*words, number=0, address=None, **more):
    return succeeds("redis-cli", "-h", address or guest4(number), *words, **more).strip()


def benchmark(*words, address=None):
    text = succeeds("redis-benchmark", "-h", address or guest4(), "-n", REQUESTS, "--csv", *words)
    rows = [line.split(",")[0].strip('"') for line in text.splitlines() if line and "test" not in line]
    assert "rror" not in text, text
    return rows


@test
def redis_answers_its_benchmark():
    with network(), redis() as guest:
        guest.wait_port(6379)
        for words in (["-c", "1", "-n", "200"], ["-c", "50", "-n", FEW], ["-c", "50", "-P", "16"], ["-c", "8", "-d", "20000", "-n", "200"]):
            rows = benchmark(*words, "-t", "set,get,incr,lpush,lrange_100", "-r", "1000")
            equal("operations", [row.split()[0] for row in rows if not row.startswith("LPUSH (need")],
                  ["SET", "GET", "INCR", "LPUSH", "LRANGE_100"])
        benchmark("-c", "20", "-n", FEW, "-t", "ping", address=guest6())
        expected = int(REQUESTS)
        benchmark("-c", "50", "-P", "16", "incr", "counter")
        equal("each was counted once", cli("get", "counter"), str(expected))
        guest.signal(signal.SIGTERM)
        guest.finish()


def fill(keys, number=0):
    commands = "".join(f"SET key:{n} {'value' * (n % 50)}-{n}\r\n" for n in range(keys)).encode()
    cli("--pipe", number=number, input=commands)
    equal("keys", cli("dbsize", number=number), str(keys))
    return cli("debug", "digest", number=number)


@test
def redis_follows_another_guest():
    with network(guests=2), redis() as first, redis("--replicaof", guest4(0), "6379", number=1) as second:
        first.wait_port(6379)
        second.wait_port(6379)
        digest = fill(20000)

        def follows():
            return cli("debug", "digest", number=1) == digest
        second.wait_for(follows, "the follower has what the first has")
        for n in range(20):
            cli("set", f"late:{n}", str(n))
        digest = cli("debug", "digest")
        second.wait_for(follows, "the follower has what came later")
        equal("role", cli("role", number=1).splitlines()[0], "slave")
        equal("a write to the follower", cli("set", "a", "b", number=1)[:8], "READONLY")
        cli("replicaof", "no", "one", number=1)
        first.process.kill()
        equal("alone", (cli("set", "a", "b", number=1), cli("get", "late:7", number=1)), ("OK", "7"))


@test
def redis_has_its_data_after_a_restart():
    with scratch() as folder, network():
        words = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"]
        with redis(*words, volume=folder) as guest:
            guest.wait_port(6379)
            fill(2000)
            equal("save", cli("save"), "OK")
            for n in range(50):
                cli("set", f"late:{n}", str(n))
            digest = cli("debug", "digest")
        with redis(*words, volume=folder) as guest:      # the first was killed
            guest.wait_port(6379)
            guest.wait_for(lambda: "\nloading:0" in cli("info", "persistence"), "it has loaded")
            equal("digest", cli("debug", "digest"), digest)


# ---- memcached ----

class Memcache:
    """The text protocol, as far as it goes here."""
    def __init__(self, address):
        self.socket = socket.create_connection((address, 11211), timeout=GUARD)
        self.file = self.socket.makefile("rwb")

    def ask(self, *requests):
        """Sent together; one line of answer each."""
        self.file.write(b"".join(requests))
        self.file.flush()
        return [self.file.readline() for _ in requests]

    def get(self, key):
        head = self.ask(f"get {key}\r\n".encode())[0].split()
        value = self.file.read(int(head[3]))
        equal("end", (self.file.readline(), self.file.readline()), (b"\r\n", b"END\r\n"))
        return value


@test
def memcached_keeps_values():
    needs("memcached")
    with network(), Guest("/usr/bin/memcached", "-u", "root", "-l", f"0.0.0.0,::", "-U", "11211", "-m", "64") as guest:
        guest.wait_port(11211)
        source = os.urandom(1 << 20)
        for address in (guest4(), guest6()):
            cache = Memcache(address)
            values = {f"key{n}": source[n:n * 977 % 70000] for n in range(0, 1000, 7)}
            found = cache.ask(*(b"set %s 0 0 %d\r\n%s\r\n" % (key.encode(), len(value), value)
                                for key, value in values.items()))
            equal("stored", set(found), {b"STORED\r\n"})
            for key, value in values.items():
                assert cache.get(key) == value, f"{key} of {address} is another value"
            equal("counter", cache.ask(b"set n 0 0 1\r\n0\r\n", *[b"incr n 2\r\n"] * 100)[-1], b"200\r\n")
            equal("none", cache.ask(b"get nothing\r\n"), [b"END\r\n"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(GUARD)
            udp.sendto(b"\0\7\0\0\0\1\0\0get n\r\n", (guest4(), 11211))
            equal("by UDP", udp.recv(2000), b"\0\7\0\0\0\1\0\0VALUE n 0 3\r\n200\r\nEND\r\n")


# ---- PostgreSQL ----

@test
def postgres_over_TCP():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found or os.geteuid() != 0:
        raise Skip("postgresql is not here, or this is not root")
    if ACCEL == "tcg" and not SOAK:
        raise Skip("initdb takes minutes under emulation")
    script = """set -e; cd "$1"; PATH=$2:$PATH; umask 077; initdb -A trust -N -D data > initdb.log
        echo "host all all all trust" >> data/pg_hba.conf
        exec postgres -D data -k "$1" -h '*' -F"""
    with scratch() as parent:
        os.chmod(parent, 0o755)
        folder = f"{parent}/pg"
        os.mkdir(folder)
        shutil.chown(folder, "nobody", "nogroup")
        psql = [f"{found[-1]}/psql", "-U", "nobody", "-d", "postgres", "-At", "-h"]
        with network(), Guest("/bin/bash", "-c", script, "bash", folder, found[-1], options=["-m", "1G", "-u", "nobody:nogroup"]) as guest:
            guest.wait_port(5432)
            guest.wait_for(lambda: execute([*psql, guest4(), "-c", "select 1"], GUARD).stdout == b"1\n", "it accepts connections")
            rows = "select i, md5(i::text) || repeat('x', i % 300) as v from generate_series(1, 30000) i"
            succeeds(*psql, guest4(), "-c", f"create table t as {rows}")
            for address in (guest4(), guest6()):
                equal("hash", succeeds(*psql, address, "-c", "select md5(string_agg(v, ',' order by i)) from t"),
                      succeeds(*psql, guest4(), "-c", f"select md5(string_agg(v, ',' order by i)) from ({rows}) s"))
            copied = succeeds(*psql, guest6(), "-c", "copy (select v from t order by i) to stdout")
            succeeds(*psql, guest4(), "-c", "create table u (v text)")
            succeeds(*psql, guest4(), "-c", "copy u from stdin", input=copied.encode())
            back = succeeds(*psql, guest4(), "-c", "copy u to stdout")
            equal("copied in and out", sorted(back.splitlines()), sorted(copied.splitlines()))
            bench = [f"{found[-1]}/pgbench", "-U", "nobody", "-h", guest4()]
            succeeds(*bench, "-i", "-s", "1", "-q", "postgres")
            text = succeeds(*bench, "-c", "8", "-j", "2", "-t", "50", "postgres")
            assert "number of transactions actually processed: 400/400" in text, text
            equal("the accounts agree", succeeds(*psql, guest4(), "-c", "select (select sum(abalance) from pgbench_accounts)"
                                                 " = (select sum(delta) from pgbench_history)"), "t\n")


# ---- iperf3 ----

def iperf(guest, number, *words):
    """The guest's server has its number-th client, and the report. Between two tests its port is closed."""
    guest.wait_printed(f"(test #{number})")
    report = json.loads(succeeds("iperf3", "-c", guest4(), "-J", *words))
    assert "error" not in report, report
    return report["end"]


@test
def iperf3_both_ways():
    needs("iperf3")
    amount = str(SIZE * 4)
    with network(), Guest("/usr/bin/iperf3", "-s", "--forceflush") as guest:
        for number, words in enumerate(([], ["-R"], ["-P", "4"], ["-P", "4", "-R"], ["--bidir"]), 1):
            end = iperf(guest, number, "-n", amount, *words)    # what is on its way at the end does not count as received
            sent, received = (end[side]["bytes"] for side in ("sum_sent", "sum_received"))
            assert 0 < received <= sent and (sent >= int(amount) or words == ["--bidir"]), end
        # As little as fits into the receiver's socket: it need not take any before all is sent. 8,000 bytes are fragments.
        for number, words in enumerate(([], ["-R"], ["-l", "8000"]), 6):
            end = iperf(guest, number, "-u", "-b", "4M", "-n", "64K", *words)
            assert end["sum"]["packets"] > 7 and end["sum"]["lost_packets"] == 0, end["sum"]


# ---- socat, openssl ----

def ask_by_socat(address, question):
    """The answer; nothing if it is refused, as it is while socat's listener opens its next socket."""
    with subprocess.Popen(["socat", "-t", str(GUARD), "-", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdin.write(question)
        process.stdin.close()
        answer = process.stdout.read(len(question))
        process.kill()
    return answer


@test
def socat_echoes():
    needs("socat")
    with scratch() as folder, network():
        digest = write_file(f"{folder}/big", SIZE)
        script = f"socat -t {GUARD} TCP6-LISTEN:7,fork,reuseaddr,backlog=64 EXEC:cat & socat UDP6-LISTEN:7,fork EXEC:cat & " \
            "socat -u TCP-LISTEN:9,reuseaddr CREATE:/tmp/out & wait $!; sha256sum < /tmp/out; kill %1 %2"
        with Guest("/bin/bash", "-c", script) as guest:
            guest.wait_for(lambda: execute(["socat", "-u", "OPEN:/dev/null", f"TCP:{guest4()}:7"], GUARD).returncode == 0, "port 7")
            for address in (f"TCP:{guest4()}:7", f"TCP:[{guest6()}]:7"):
                equal(address, printed_hash("socat", "-t", str(GUARD), "-", address, stdin=f"{folder}/big"), digest)
            for address in (f"UDP:{guest4()}:7", f"UDP:[{guest6()}]:7"):
                guest.wait_for(lambda: ask_by_socat(address, b"a datagram" * 100) == b"a datagram" * 100, f"an echo of {address}")
            together = [subprocess.Popen(["socat", "-t", str(GUARD), "-", f"TCP:{guest4()}:7"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE) for _ in range(32)]
            equal("32 at once", {p.communicate(b"x" * 10000, GUARD)[0] for p in together}, {b"x" * 10000})
            succeeds("socat", "-u", f"OPEN:{folder}/big", f"TCP:{guest4()}:9,retry=100000,interval=0.1")
            equal("what came", guest.finish().split()[0], digest)


@test
def openssl_serves():
    needs("openssl")
    with scratch() as folder, network():
        write_certificate(folder)
        text = "".join(f"line {n} forth and back\n" for n in range(300))
        with Guest("/usr/bin/openssl", "s_server", "-accept", "443", "-rev", "-quiet", "-key", f"{folder}/key.pem",
                   "-cert", f"{folder}/cert.pem") as guest:
            guest.wait_port(443)
            for address in (f"{guest4()}:443", f"[{guest6()}]:443"):
                for version in ("-tls1_2", "-tls1_3"):
                    command = ["openssl", "s_client", "-connect", address, version, "-quiet", "-no_ign_eof", "-CAfile",
                               f"{folder}/cert.pem", "-verify_return_error"]
                    equal("reversed", talk(command, text), "".join(line[::-1] + "\n" for line in text.splitlines()))


def talk(command, text):
    """Sends the text, reads as many lines, and only then ends the input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        got = []
        for line in text.splitlines():
            process.stdin.write(line + "\n")
            process.stdin.flush()
            got.append(process.stdout.readline())
        process.stdin.close()
        process.wait(GUARD)
    return "".join(got)


# ---- ssh ----

SSHD = """Port 22
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


@test
def sshd_gives_a_shell():
    needs("/usr/sbin/sshd", "ssh", "scp", "ssh-keygen")
    if ACCEL == "tcg" and not SOAK:
        raise Skip("each login takes many seconds under emulation")
    with scratch() as folder, network():
        for name in ("host", "client"):
            succeeds("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}")
        with open(f"{folder}/sshd_config", "w") as file:
            file.write(SSHD.format(folder=folder))
        digest = write_file(f"{folder}/big", SIZE)
        words = ["-q", "-F", "none", "-i", f"{folder}/client", "-o", "StrictHostKeyChecking=no", "-o",
                 f"UserKnownHostsFile={folder}/known", "-o", "BatchMode=yes"]
        with Guest("/bin/sh", "-c", f"mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -f {folder}/sshd_config") as guest:
            guest.wait_port(22)
            ssh = ["ssh", *words, f"root@{guest4()}"]
            assert "hull" in succeeds(*ssh, "uname -r"), "the shell is not in the guest"
            equal("status", execute([*ssh, "exit 77"], GUARD).returncode, 77)
            for address in (guest4(), guest6()):
                ssh = ["ssh", *words, f"root@{address}"]
                equal("to it", succeeds(*ssh, f"sha256sum > /tmp/hash; cat /tmp/hash", stdin=open(f"{folder}/big")).split()[0], digest)
                equal("from it", printed_hash(*ssh, f"cat {folder}/big"), digest)
            succeeds("scp", *words, f"{folder}/big", f"root@{guest4()}:/tmp/copy")
            succeeds("scp", *words, f"root@{guest4()}:/tmp/copy", f"{folder}/back")
            equal("copied", file_hash(f"{folder}/back"), digest)
            terminal = succeeds("ssh", *words, "-tt", f"root@{guest4()}", "tty; stty size", stdin=subprocess.DEVNULL)
            assert terminal.startswith("/dev/pts/"), terminal


# ---- names, leases, echoes ----

@test
def dnsmasq_answers():
    needs("/usr/sbin/dnsmasq", "dig")
    long = "x" * 250
    words = [f"--address=/a{n}.example/10.9.8.{n}" for n in range(1, 6)]
    words += ["--address=/six.example/fd00::77", "--mx-host=example,mail.example,5", "--cname=other.example,a1.example",
              "--host-record=a1.example,10.9.8.1"]
    words += ["--txt-record=long.example," + ",".join([long] * 14)]
    with network(), Guest("/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "--no-resolv", "--no-hosts", "--log-facility=-",
                          "--pid-file=", "--edns-packet-max=4096", *words) as guest:
        guest.wait_port(53)
        for address in (guest4(), guest6()):
            for how in ([], ["+tcp"], ["+noedns"]):
                def dig(*what):
                    return succeeds("dig", f"@{address}", "+short", "+tries=1", f"+time={GUARD}", *how, *what).split("\n")[:-1]
                for n in range(1, 6):
                    equal("A", dig(f"a{n}.example"), [f"10.9.8.{n}"])
                equal("AAAA", dig("six.example", "AAAA"), ["fd00::77"])
                equal("MX", dig("example", "MX"), ["5 mail.example."])
                equal("CNAME", dig("other.example"), ["a1.example.", "10.9.8.1"])
                equal("TXT", dig("long.example", "TXT"), [" ".join([f'"{long}"'] * 14)])   # cut, and asked again by TCP
                text = succeeds("dig", f"@{address}", "+tries=1", f"+time={GUARD}", *how, "none.example")
                assert "status: REFUSED" in text or "status: NXDOMAIN" in text, text


@test
def dnsmasq_leases_an_address():
    needs("/usr/sbin/dnsmasq", "busybox")
    with network() as net, scratch() as folder:
        net.run("ip", "address", "flush", "dev", "tap0")
        script = f"{folder}/script"
        with open(script, "w") as file:
            file.write('#!/bin/sh\n[ "$1" = bound ] && echo "$ip $mask $router $dns $domain $serverid"\nexit 0\n')
        os.chmod(script, 0o755)
        words = ["--dhcp-range=10.1.0.50,10.1.0.60,255.255.255.0,1h", "--dhcp-option=option:router,10.1.0.9",
                 "--dhcp-option=option:dns-server,10.1.0.8", "--domain=example"]
        with Guest("/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "--no-resolv", "--no-hosts", "--log-facility=-",
                   "--pid-file=", "--dhcp-leasefile=/tmp/leases", *words, net=["--net", "tap=tap0", "--ip", addresses()[0]]) as guest:
            guest.wait_printed("DHCP, IP range")
            text = succeeds("busybox", "udhcpc", "-i", "tap0", "-n", "-q", "-f", "-t", str(GUARD), "-T", "1", "-s", script)
            address, *rest = text.splitlines()[0].split()
            assert re.fullmatch(r"10\.1\.0\.(5\d|60)", address), text
            equal("what else", rest, ["24", "10.1.0.9", "10.1.0.8", "example", guest4()])


# A program starts after five seconds though no server may have answered; the interface goes on asking.
LEASED = """
import socket, time
while True:
    try:
        name = socket.gethostbyname('name.example')
        break
    except OSError:
        time.sleep(0.1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('10.9.9.9', 9))
print(name, s.getsockname()[0])
"""


@test
def another_guest_gets_its_lease():
    needs("/usr/sbin/dnsmasq")
    with network(guests=2):
        words = ["--dhcp-range=10.1.0.50,10.1.0.60,255.255.255.0,1h", f"--dhcp-option=option:router,{HERE4}"]
        with Guest("/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "--no-resolv", "--no-hosts", "--log-facility=-",
                   "--pid-file=", "--dhcp-leasefile=/tmp/leases", "--no-ping", "--address=/name.example/10.9.8.7", *words) as server:
            server.wait_printed("DHCP, IP range")
            with Guest("/usr/bin/python3", "-c", LEASED, number=1, net=["--net", "tap=tap1"]) as client:
                name, address = client.finish().split()[-2:]
        equal("the name, by the server that the lease named", name, "10.9.8.7")
        assert re.fullmatch(r"10\.1\.0\.(5\d|60)", address), address


@test
def echoes_of_any_size():
    needs("ping")
    with network() as net, Guest("/bin/sleep", "1000") as guest:
        net.run("ip", "link", "set", "tap0", "mtu", "1500")
        guest.wait_for(lambda: execute(["ping", "-c", "1", "-W", "1", guest4()], GUARD).returncode == 0, "an echo")
        for address in (guest4(), guest6()):
            for size in ("0", "56", "1472", "1473", "9000", "65507"):
                text = succeeds("ping", *ONE_ECHO, "-s", size, address)
                assert " 1 received" in text and "wrong data" not in text, text


if __name__ == "__main__":
    main()
