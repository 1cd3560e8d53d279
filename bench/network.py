#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Servers over the network, with the same client for each side (sides.py), in turns. Part "network" of bench/run; by
itself it prints what it measures:

    bench/network.py [--sides "host;KVM"] [WORD]...      only the rows whose name has one of these

The median of three rounds counts, and how far they lay apart is told. Where other programs run,
`chrt -r 1 bench/network.py` says more: a guest's threads wake each other often, and wait each time for them.
"""
import contextlib, os, resource, shutil, socket, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(f"{TOP}/test/cli")
import namespaces                                                       # noqa: E402
import alone                                                            # noqa: E402
from clients import datagrams, file, iperf, now_and_then, redis, wrk    # noqa: E402
from figures import Sample                                              # noqa: E402
from processes import cpu_ns, resident_kib, slab_kib                    # noqa: E402
from sides import HOST, KVM, LINUX, TCG, Sides                          # noqa: E402
from turns import MEMORY, ROUNDS, TIME, add_row, with_ratios            # noqa: E402

NAMES = (HOST, KVM, TCG, LINUX)
RATIOS = {"KVM / host": (KVM, HOST), "TCG / Linux": (TCG, LINUX)}
IDLE_CONNECTIONS = 10000
IDLE_SECONDS = 3
COLUMNS = ("host", "KVM", "KVM / host", "TCG", LINUX, "TCG / Linux")
NGINX = """
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log stderr crit;
worker_rlimit_nofile 12100; events {{ worker_connections 12000; }}
http {{
	access_log off; sendfile on; keepalive_requests 1000000; tcp_nopush on;
	client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
	uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
	server {{ listen 80 backlog=4096; root {folder}; }}
}}
"""
SIZES = (1024, 1 << 20, 52000000)


def servers(folder, memory):
    """Program, its client, words, port, and the rows: name, unit of the rate, client."""
    return (
        ("/usr/sbin/nginx", "wrk", ["-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"], 80,
         [("nginx, 1 KiB: 1 connection", "1/s", wrk(1)), ("nginx, 1 KiB: 30 connections", "1/s", wrk(30)),
          ("nginx, 1 KiB: 256 connections", "1/s", wrk(256)),
          ("nginx, 1 KiB: a connection each", "1/s", wrk(30, "-H", "Connection: close")),
          ("nginx, 1 MiB: 8 connections", "1/s", wrk(8, path="/1048576")),
          ("nginx, 52 MB: one file", "MB/s", file(f"{folder}/52000000", f"{memory}/copy"))]),
        ("/usr/bin/redis-server", "redis-benchmark",
         ["--save", "", "--protected-mode", "no", "--bind", "0.0.0.0"], 6379,
         [("redis GET: 1 connection", "1/s", redis("get", 1, 20000)),
          ("redis GET: 30 connections", "1/s", redis("get", 30, 100000)),
          ("redis GET: 256 connections", "1/s", redis("get", 256, 100000)),
          ("redis SET: 30 connections", "1/s", redis("set", 30, 100000)),
          ("redis SET: 30, 16 at once", "1/s", redis("set", 30, 300000, "-P", "16")),
          ("redis: a request each 10 ms", "", now_and_then(6379, b"PING\r\n", b"+PONG\r\n"))]),
        ("/usr/bin/iperf3", "iperf3", ["-s"], 5201,
         [("iperf3 to the server", "Gbit/s", iperf()), ("iperf3 from the server", "Gbit/s", iperf("-R")),
          ("UDP of 64 bytes to the server", "1/s", datagrams()), ("UDP of 64 bytes from it", "1/s", datagrams("-R"))]))


def write_site(folder):
    os.chmod(folder, 0o755)
    os.mkdir(f"{folder}/tmp")
    for size in SIZES:
        with open(f"{folder}/{size}", "wb") as site:
            site.write(os.urandom(size))
    with open(f"{folder}/nginx.conf", "w") as site:
        site.write(NGINX.format(folder=folder))


@contextlib.contextmanager
def tap():
    """The options of an interface to a namespace of its own, which is entered."""
    with namespaces.network():
        yield ["--net", "tap=tap0", "--ip", namespaces.addresses()[0]]


def add_idle(table, sides):
    """All of them at once: who is idle disturbs nobody."""
    before = {side: cpu_ns(side.pid) for side in sides}
    time.sleep(IDLE_SECONDS)
    table.add("a server that nobody asks, of a second", "ms",
        {side.name: (cpu_ns(side.pid) - ns) / 1e6 / IDLE_SECONDS for side, ns in before.items()}, TIME)


def connect(side, port):
    """Connections that have been answered once and then say nothing."""
    connections = []
    for _ in range(IDLE_CONNECTIONS):
        connections.append(socket.create_connection((side.address, port), timeout=60))
        connections[-1].sendall(b"GET /1024 HTTP/1.1\r\nHost: x\r\n\r\n")
    for connection in connections:
        missing = 1024
        while missing > 0:
            missing -= len(connection.recv(4096))
    return connections


def connection_memory(sides, command, port):
    """
    By side: the growth of its processes and of this machine's kernel, in KiB. The kernel has the clients' ends as
    well, which are the same ones for each side.
    """
    grown = {}
    for name in (HOST, KVM):
        with sides.serve(command, port, names=(name,)) as serving:
            for side in serving:
                socket.create_connection((side.address, port)).close()
                before, kernel = resident_kib(side.pid), slab_kib()
                connections = connect(side, port)
                time.sleep(1)
                grown[name] = (resident_kib(side.pid) - before, slab_kib() - kernel)
                for connection in connections:
                    connection.close()
        time.sleep(1)
    return grown


def add_connections(table, sides, command, port):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < IDLE_CONNECTIONS + 200 or not {HOST, KVM} <= {side.name for side in sides}:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = {HOST: [], KVM: []}
    for _ in range(ROUNDS):
        grown = connection_memory(sides, command, port)
        found[KVM].append(grown[KVM][0] / IDLE_CONNECTIONS)
        found[HOST].append((sum(grown[HOST]) - grown[KVM][1]) / IDLE_CONNECTIONS)
    medians = {side: Sample.of(values) for side, values in found.items()}
    table.add("nginx, an idle connection of 10,000", "KiB", with_ratios(medians, RATIOS), MEMORY)


def measure(table, words=(), names=NAMES):
    """The rows whose name has one of the words. Skip: it cannot be done here."""
    def wanted(name):
        return not words or any(word in name for word in words)

    with tempfile.TemporaryDirectory(prefix="hull-bench-") as folder, \
            tempfile.TemporaryDirectory(prefix="hull-bench-", dir="/dev/shm") as memory, Sides(names) as sides:
        write_site(folder)
        for program, client, more, port, rows in servers(folder, memory):
            rows = [row for row in rows if wanted(row[0])]
            command = [program, *more]
            if not all(shutil.which(name) for name in (program, client)):
                continue
            if rows:
                with sides.serve(command, port, [folder]) as serving:
                    for row in rows:
                        add_row(table, row, serving, RATIOS)
                    if port == 80 and not words:
                        add_idle(table, serving)
            if port == 80 and wanted("idle connection"):
                add_connections(table, sides, command, port)


if __name__ == "__main__":
    alone.main(__doc__, measure, COLUMNS, NAMES)
