#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The network device's tests with a tap behind it: unshare -rn test/kernel/net/tap.py HULL ACCEL CPUS KERNEL

The tap lies in the network namespace that the caller has made; its address is the router's of the
tests, and this machine's kernel answers them. What comes to UDP port 7 goes back, but an S is answered
by 3,000 bytes that the kernel is to cut into 1,000 each. What comes to UDP port 9 takes the link down
until the guest says that it is.
"""
import socket, subprocess, sys, threading

GUEST, ROUTER, MTU = "10.0.2.15", "10.0.2.2", "9000"
UDP_SEGMENT = 103  # udp(7)
MAC = "02:00:00:00:00:05"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def know_the_guest(mac):
    """It does not answer ARP."""
    ip("neigh", "replace", GUEST, "lladdr", mac, "dev", "tap0", "nud", "permanent")


def send_back(echo):
    while True:
        data, sender = echo.recvfrom(9000)
        echo.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000 if data == b"S" else 0)
        echo.sendto(bytes(i * 7 % 256 for i in range(3000)) if data == b"S" else data, sender)


def bound(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((ROUTER, port))
    return server


def take_link_down(signal, is_seen):
    while signal.recv(2000):
        ip("link", "set", "tap0", "down")
        is_seen.wait()
        is_seen.clear()
        ip("link", "set", "tap0", "up")
        know_the_guest(MAC)


def main():
    hull, accel, cpus, kernel = sys.argv[1:]
    ip("tuntap", "add", "dev", "tap0", "mode", "tap")
    ip("link", "set", "tap0", "mtu", MTU)
    ip("addr", "add", f"{ROUTER}/24", "dev", "tap0")
    ip("link", "set", "tap0", "up")
    know_the_guest(MAC)
    is_seen = threading.Event()
    threading.Thread(target=take_link_down, args=(bound(9), is_seen), daemon=True).start()
    threading.Thread(target=send_back, args=(bound(7),), daemon=True).start()
    with subprocess.Popen([hull, "run", "--accel", accel, "-c", cpus, "-m", "64M", "--verbose", "--net", f"tap=tap0,mac={MAC}",
                           "--kernel", kernel, "/bin/true"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as guest:
        for line in guest.stdout:
            print(line, end="", flush=True)
            if line.startswith("# the link is down"):
                is_seen.set()


main()
