#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The SDK's DNS and HTTP examples under load (dnsperf, wrk): the same binary in Hull by the native door and by sockets,
as a process of this machine, with unbound and nginx beside it, and in a Linux guest; all in turns. Part "servers" of
bench/run; by itself:

    bench/sdk_servers.py [--sides "TCG;Linux, TCG"] [WORD]...
"""
import os, shutil, sys, tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(f"{TOP}/test/cli")
import alone                                                                        # noqa: E402
from clients import dns, wrk                                                        # noqa: E402
from harness import PROGRAMS                                                        # noqa: E402
from sides import HOST, KVM, KVM_SOCKETS, LINUX, NAMES, PEER, TCG, TCG_SOCKETS, Sides   # noqa: E402
from turns import add_row                                                           # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(PROGRAMS)), "examples")
ZONE = f"{TOP}/examples/dns/example.org.zone"
COLUMNS = (HOST, PEER, KVM, KVM_SOCKETS, "KVM / host", TCG, TCG_SOCKETS, LINUX, "TCG / Linux")
RATIOS = {"KVM / host": (KVM, HOST), "TCG / Linux": (TCG, LINUX)}
QUERIES = "www.example.org A\nexample.org MX\nx.wild.example.org A\nnothing.example.org A\nsip.example.org A\n"
UNBOUND = """server:
 interface: 0.0.0.0
 access-control: 0.0.0.0/0 allow
 do-daemonize: no
 username: ""
 chroot: ""
 directory: "{folder}"
 pidfile: ""
 use-syslog: no
 do-ip6: no
 num-threads: 1
 module-config: "iterator"
remote-control:
 control-enable: no
auth-zone:
 name: example.org
 zonefile: "{zone}"
 for-upstream: no
 for-downstream: yes
"""
NGINX = """daemon off; master_process off; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; default_type text/plain;
 client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
 scgi_temp_path {folder}; server {{ listen 80; location / {{ return 200 "Hello, world!\\n"; }} }} }}
"""


def servers(folder):
    """Command, files that it reads, the peer's command, client, port, and the rows: name, unit, client."""
    queries = f"{folder}/queries"
    return (
        ([f"{EXAMPLES}/dns", "*:53", "example.org", ZONE], [ZONE], ["unbound", "-d", "-c", f"{folder}/unbound.conf"],
         "dnsperf", 53, [("DNS: 100 queries under way", "1/s", dns(queries, 100)),
                         ("DNS: a query after the other", "1/s", dns(queries, 1))]),
        ([f"{EXAMPLES}/http-hello", "*:80"], [], ["nginx", "-c", f"{folder}/nginx.conf", "-e", "/dev/null"],
         "wrk", 80, [("HTTP: 64 connections", "1/s", wrk(64, path="/")), ("HTTP: 1 connection", "1/s", wrk(1, path="/"))]))


def measure(table, words=(), names=NAMES):
    """The rows whose name has one of the words. Skip: it cannot be done here."""
    with tempfile.TemporaryDirectory(prefix="hull-bench-") as folder, Sides(names) as sides:
        for name, text in (("queries", QUERIES), ("unbound.conf", UNBOUND), ("nginx.conf", NGINX)):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text.format(folder=folder, zone=ZONE))
        for command, files, peer, client, port, rows in servers(folder):
            rows = [row for row in rows if not words or any(word in row[0] for word in words)]
            if not rows or not shutil.which(client):
                continue
            peer = peer if shutil.which(peer[0]) else None
            with sides.serve(command, port, files, peer=peer) as serving:
                for row in rows:
                    add_row(table, row, serving, RATIOS)


if __name__ == "__main__":
    alone.main(__doc__, measure, COLUMNS, NAMES)
