#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What servers and clients meet beside their protocol: very many clients, a link that goes down and comes back, a peer
that stops reading, one that vanishes.
"""
import hashlib, os, resource, socket, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from content import printed_hash, write_file
from harness import ACCEL, GUARD, SOAK, TOP, equal, execute, hull, main, needs, scratch, test
from namespaces import HERE4, Guest, addresses, guest4, guest6, network

PYTHON = "/usr/bin/python3"
SCRIPT = f"{TOP}/test/cli/scripts/clients.py"
AT_ONCE = (512, 4096) if SOAK else (512,) if ACCEL == "kvm" else (100,)
IDLE = 10000 if SOAK else 1000 if ACCEL == "kvm" else 200
SIZE = (256 << 20) if SOAK else (24 << 20) if ACCEL == "kvm" else (2 << 20)
TAP = ["--net", "tap=tap0"] + [word for address in addresses() for word in ("--ip", address)]


def allow_many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def loads():
    return [("at-once", count) for count in AT_ONCE] + [("idle", IDLE)]


@test
def many_clients_of_a_guest():
    allow_many_files()
    with network(), Guest(PYTHON, SCRIPT, "serve", "7", options=["-m", "1G"]) as guest:
        guest.wait_printed("ready")
        for kind, count in loads():
            for address in (guest4(), guest6()):
                result = execute([PYTHON, SCRIPT, kind, address, "7", str(count)], GUARD)
                equal(f"{count} {kind} at {address}", (result.stdout, result.stderr), (f"{count} were answered\n".encode(), b""))


@test
def many_clients_in_a_guest():
    allow_many_files()
    with network(), subprocess.Popen([PYTHON, SCRIPT, "serve", "7"], stdout=subprocess.PIPE) as server:
        try:
            equal("server", server.stdout.readline(), b"ready\n")
            for kind, count in loads():
                result = hull("--", PYTHON, SCRIPT, kind, HERE4, "7", str(count), options=[*TAP, "-m", "1G"], timeout=GUARD)
                equal(f"{count} {kind}", (result.stdout, result.stderr), (f"{count} were answered\n".encode(), b""))
        finally:
            server.kill()


def serve_file(folder):
    """A guest that sends a file to each connection, and its hash."""
    needs("socat")
    digest = write_file(f"{folder}/big", SIZE)
    return digest, Guest("/usr/bin/socat", "TCP6-LISTEN:7,fork,reuseaddr", f"OPEN:{folder}/big,rdonly", options=["-m", "1G"])


def receive(s, amount):
    got = bytearray()
    while len(got) < amount:
        block = s.recv(min(1 << 16, amount - len(got)))
        assert block, f"closed after {len(got)} bytes"
        got += block
    return got


@test
def the_link_goes_down_and_comes_back():
    with scratch() as folder, network() as net:
        digest, guest = serve_file(folder)
        with guest:
            guest.wait_port(7)
            with socket.create_connection((guest4(), 7), timeout=GUARD) as s:
                got = hashlib.sha256(receive(s, 100000))
                for _ in range(3):
                    net.run("ip", "link", "set", "tap0", "down")
                    time.sleep(0.3)
                    net.run("ip", "link", "set", "tap0", "up")
                    got.update(receive(s, SIZE // 8))
                got.update(receive(s, SIZE - 100000 - SIZE // 8 * 3))
                equal("hash", got.hexdigest(), digest)
            equal("afterwards", printed_hash("socat", "-u", f"TCP:{guest4()}:7", "-"), digest)


@test
def a_client_that_stops_reading():
    with scratch() as folder, network():
        digest, guest = serve_file(folder)
        with guest:
            guest.wait_port(7)
            with socket.create_connection((guest4(), 7), timeout=GUARD) as idle:
                receive(idle, 1000)
                # Its window closes; others are served meanwhile.
                equal("another", printed_hash("socat", "-u", f"TCP:{guest4()}:7", "-"), digest)
                time.sleep(2)
                receive(idle, SIZE - 1000)
                equal("end", idle.recv(1), b"")


@test
def a_server_that_stops_reading():
    """A guest sends to a host's process that is stopped, and goes on when it does."""
    with scratch() as folder, network():
        digest = write_file(f"{folder}/big", SIZE)
        with socket.create_server((HERE4, 7)) as listener:
            listener.settimeout(GUARD)
            with Guest("/usr/bin/socat", "-u", f"OPEN:{folder}/big", f"TCP:{HERE4}:7") as guest, listener.accept()[0] as s, \
                    open(f"{folder}/got", "wb") as file:
                s.settimeout(GUARD)
                time.sleep(2)
                while block := s.recv(1 << 16):
                    file.write(block)
                guest.finish()
        equal("hash", printed_hash("cat", f"{folder}/got"), digest)


@test
def a_peer_that_vanishes():
    """Its connection ends by keep-alives; the one of a peer that only resets ends at once."""
    program = """
import errno, socket, sys
listener = socket.create_server(('0.0.0.0', 7))
print('ready', flush=True)
for way in ('reset', 'silence'):
    s, _ = listener.accept()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, way == 'silence')
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        s.setsockopt(socket.IPPROTO_TCP, option, value)
    print('has', way, flush=True)
    try: s.recv(1)
    except OSError as error: print(errno.errorcode[error.errno], flush=True)
"""
    with network() as net, Guest(PYTHON, "-c", program) as guest:
        guest.wait_printed("ready")
        with socket.create_connection((guest4(), 7), timeout=GUARD) as s:
            guest.wait_printed("has reset")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        guest.wait_printed("ECONNRESET")
        with socket.create_connection((guest4(), 7), timeout=GUARD):
            guest.wait_printed("has silence")
            net.run("ip", "link", "set", "tap0", "down")
            text = guest.finish()
        # The neighbour may be known to be gone before the last keep-alive is due.
        assert text.split()[-1] in ("ETIMEDOUT", "EHOSTUNREACH"), text


if __name__ == "__main__":
    main()
