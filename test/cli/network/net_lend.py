#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Memory that a guest's program lends (MSG_ZEROCOPY) goes by the device as it is: what arrives at a host's process is
whole whatever becomes of the memory, each call is told of, and none was copied.
"""
import hashlib, os, socket, sys, threading
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, GUARD, PROGRAMS, SOAK, equal, hull, main, test
from namespaces import HERE4, addresses, network

LEND = os.path.join(PROGRAMS, "net_lend")
SO_RCVBUFFORCE = 33
MEGABYTES = 1024 if SOAK else 64 if ACCEL == "kvm" else 8
TAP = ["--net", "tap=tap0"] + [word for address in addresses() for word in ("--ip", address)]


def expected():
    """As net_lend fills its memory."""
    digest, row = hashlib.sha256(), bytes(range(256)) * 17
    for page in range((MEGABYTES << 20) // 4096):
        digest.update(row[page % 251:page % 251 + 4096])
    return digest.hexdigest()


class Sink(threading.Thread):
    """Accepts one connection and hashes what comes."""

    def __init__(self):
        super().__init__()
        self.listener = socket.create_server((HERE4, 7))
        self.listener.settimeout(GUARD)
        self.digest = hashlib.sha256()
        self.start()

    def run(self):
        with self.listener, self.listener.accept()[0] as s:
            s.settimeout(GUARD)
            while block := s.recv(1 << 18):
                self.digest.update(block)

    def hexdigest(self):
        self.join()
        return self.digest.hexdigest()


def lent(*how):
    with network():
        sink = Sink()
        result = hull("--", LEND, HERE4, "7", str(MEGABYTES), *how, options=[*TAP, "-m", "256M"], timeout=GUARD)
        equal(f"net_lend {how}", (result.returncode, result.stderr), (0, b""))
        equal("hash", sink.hexdigest(), expected())
        return result.stdout.decode()


def check_told(printed):
    told, calls, copied = (int(word) for word in printed.replace("of", "").replace(",", "").replace("copied", "").split())
    equal("calls told of", told, calls)
    equal("copied", copied, 0)


@test
def memory_that_is_used_again():
    check_told(lent())


@test
def memory_that_is_unmapped_at_once():
    check_told(lent("unmap"))


@test
def memory_that_a_child_writes_over():
    check_told(lent("fork"))


@test
def datagrams():
    """Nobody acknowledges them: the device says when it is done. Whether all arrive is not UDP's to promise."""
    row = bytes(range(256)) * 17
    whole = {b"".join(row[page % 251:page % 251 + 4096] for page in range(n * 8, n * 8 + 8)) for n in range(251)}
    with network(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((HERE4, 7))
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        s.settimeout(GUARD)
        result = hull("--", LEND, HERE4, "7", "8", "udp", options=[*TAP, "-m", "256M"], timeout=GUARD)
        equal("net_lend udp", (result.returncode, result.stderr), (0, b""))
        check_told(result.stdout.decode())
        for _ in range(4):
            assert s.recv(65536) in whole, "a datagram that was not sent"


@test
def a_program_that_ends_at_once():
    """What it lent arrives all the same."""
    equal("printed", lent("exit"), "")


main()
