#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
An interface of several pairs of queues (--net tap=NAME of a tap made with multi_queue): each CPU has its own,
a flow stays with the CPU of its program, and the number is changed while streams run, by ethtool's requests.
"""
import hashlib, os, random, socket, sys, threading
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, equal, hull, main, test
from namespaces import HERE4, addresses, network

# What guests have in common: ethtool(8)'s requests of SIOCETHTOOL, by their numbers in <linux/ethtool.h>.
REQUESTS = r"""
import array, fcntl, hashlib, os, socket, struct, sys, threading, time
HERE = sys.argv[1]
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def ethtool(request, name=b"eth0"):
    data = array.array("B", request)
    fcntl.ioctl(asker, 0x8946, struct.pack("16sQ16x", name, data.buffer_info()[0]))
    return data.tobytes()

def channels():
    numbers = struct.unpack("9I", ethtool(struct.pack("9I", 0x3c, *[0] * 8)))
    assert numbers[1:4] == (0, 0, 0) and numbers[5:8] == (0, 0, 0), numbers
    return numbers[8], numbers[4]           # now, at most

def set_channels(combined, rx=0):
    try:
        ethtool(struct.pack("9I", 0x3d, 0, 0, 0, 0, rx, 0, 0, combined))
    except OSError as error:
        return error.errno

def counters():
    number = struct.unpack("IIQI", ethtool(struct.pack("IIQI", 0x37, 0, 1 << 1, 0)))[3]
    names = ethtool(struct.pack("III", 0x1b, 1, number) + bytes(32 * number))[12:]
    values = struct.unpack(f"{number}Q", ethtool(struct.pack("II", 0x1d, number) + bytes(8 * number))[8:])
    return {names[32 * i:32 * i + 32].rstrip(b"\0").decode(): value for i, value in enumerate(values)}
"""

ASK = REQUESTS + r"""
while channels()[0] != int(sys.argv[2]):        # until the device has said that it uses them
    time.sleep(0.01)
print(*channels())
print([set_channels(n) for n in (0, channels()[1] + 1)], set_channels(1, rx=1))
print(sorted(counters()))
"""

# Datagrams to and fro, from one CPU after the other.
MOVE = REQUESTS + r"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((HERE, 7))
for cpu in 0, 1, 0, 1:
    os.sched_setaffinity(0, {cpu})
    before = counters()
    for _ in range(200):
        s.send(b"x" * 100)
        s.recv(200)
    print(cpu, *[counters()[f"{way}_queue_{q}_packets"] - before[f"{way}_queue_{q}_packets"]
                 for way in ("tx", "rx") for q in (0, 1)])
"""

# Streams both ways, while the number of queues changes.
STREAMS = REQUESTS + r"""
BYTES = int(sys.argv[2])
hashes, has_changed, is_over = {}, threading.Event(), threading.Event()

def fetch(n):
    s, h, left = socket.create_connection((HERE, 5000)), hashlib.sha256(), BYTES
    s.sendall(bytes([n]))
    while left > 0:
        if left < BYTES // 2:
            has_changed.wait()
        data = s.recv(1 << 16)
        assert data, left
        h.update(data)
        left -= len(data)
    hashes[n] = h.hexdigest()

def give(n):
    s, h, left = socket.create_connection((HERE, 5000)), hashlib.sha256(), BYTES
    s.sendall(bytes([n]))
    block = bytes((i * n) & 255 for i in range(1 << 16))
    while left > 0:
        if left < BYTES // 2:
            has_changed.wait()
        h.update(block[:left])
        s.sendall(block[:left])
        left -= len(block)
    s.shutdown(socket.SHUT_WR)
    hashes[n] = h.hexdigest()
    assert s.recv(64).decode() == hashes[n][:64]

def change():
    number = 0
    while not is_over.wait(0.01):
        number += 1
        assert set_channels(1 + number % 2) is None
        assert channels()[0] == 1 + number % 2
        if number == 2:
            has_changed.set()
    print("changed")

threads = [threading.Thread(target=fetch if n < 4 else give, args=(n,)) for n in range(8)]
changer = threading.Thread(target=change)
for t in threads + [changer]:
    t.start()
for t in threads:
    t.join()
is_over.set()
changer.join()
for n in range(8):
    print(n, hashes.get(n))
"""
BYTES = 8 << 20


def guest(script, *words, cpus=2):
    here = ["--net", "tap=tap0", *(word for a in addresses() for word in ("--ip", a))]
    result = hull("/usr/bin/python3", "-c", script, HERE4, *words, options=["-c", str(cpus), "-u", "0:0", *here],
                  timeout=GUARD)
    equal("status", (result.returncode, result.stderr[-800:] if result.returncode else b""), (0, b""))
    return result.stdout.decode().splitlines()


def counter_names(queues):
    return str(sorted(f"{way}_queue_{n}_{what}" for way in ("rx", "tx") for n in range(queues)
                      for what in ("bytes", "packets")))


@test
def as_many_as_there_are_cpus():
    for queues, cpus, have in (1, 2, 1), (2, 1, 1), (2, 2, 2), (4, 3, 3):
        with network(queues=queues):
            equal(f"{queues} queues, {cpus} CPUs", guest(ASK, str(have), cpus=cpus),
                  [f"{have} {have}", "[22, 22] 22", counter_names(have)])


def send_back(echo):
    while True:
        echo.sendto(*echo.recvfrom(2000))


@test
def a_flow_stays_with_its_program():
    with network(queues=2):
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind((HERE4, 7))
        threading.Thread(target=send_back, args=(echo,), daemon=True).start()
        for line in guest(MOVE):
            cpu, *packets = map(int, line.split())
            # What else there is, of neighbours and routers, may go by any.
            sent, received = packets[cpu], packets[2 + cpu]
            assert sent >= 200 and received >= 190, line
            assert packets[1 - cpu] < 20 and packets[3 - cpu] < 20, line


class Peer:
    """Gives the streams 0 to 3, takes the others and says their hash."""
    def __init__(self):
        self.hashes = {}
        self.listener = socket.create_server((HERE4, 5000), backlog=16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, stream):
        number, total = stream.recv(1)[0], hashlib.sha256()
        if number < 4:
            data = random.Random(number).randbytes(BYTES)
            self.hashes[number] = hashlib.sha256(data).hexdigest()
            stream.sendall(data)
            return
        while data := stream.recv(1 << 16):
            total.update(data)
        self.hashes[number] = total.hexdigest()
        stream.sendall(total.hexdigest().encode())


@test
def streams_outlive_changes():
    with network(queues=2):
        peer = Peer()
        printed = guest(STREAMS, str(BYTES))
        equal("streams", printed, ["changed", *(f"{n} {peer.hashes.get(n)}" for n in range(8))])


if __name__ == "__main__":
    main()
