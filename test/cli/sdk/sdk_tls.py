#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The SDK's TLS client (hull_tls_connect) against OpenSSL, the SDK's own server, and peers that cut, lie or have
the wrong certificate: it says the same as a process of Linux, in Hull, and in Hull by sockets.
"""
import contextlib, os, random, socket, ssl, struct, subprocess, sys, threading
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, GUARD, PROGRAMS, equal, host, hull, main, needs, scratch, test, wait_until
from namespaces import HERE4, addresses, end_with_parent, network

BUILD = os.path.dirname(os.path.dirname(PROGRAMS))
CLIENT = os.path.join(BUILD, "test", "sdk", "tls_client")
SERVER = os.path.join(BUILD, "examples", "tls")
NAME, PORT = "hull.test", 4433
ECHO = 3000000 if ACCEL == "kvm" else 300000

WELL = ["connected: TLSv1.2", "ended: whole, after lines", "closed: well"]
REJECTED = ["closed: Key was rejected by service"]


def client(*words, port=PORT):
    """What it says, which is the same everywhere."""
    tap = ["--net", "tap=tap0"] + [word for a in addresses() for word in ("--ip", a)]
    command = [CLIENT, f"{HERE4}:{port}", *words]
    said = host(*command).stdout
    for more in ([], ["-e", "HULL_BACKEND=linux"]):
        equal("in Hull", hull("--", *command, options=[*tap, *more]).stdout, said)
    return said.decode().splitlines()


@contextlib.contextmanager
def scene():
    """A network, and a folder with a certificate for NAME and its key."""
    needs(CLIENT, "openssl")
    with scratch() as folder, network():
        cert, key = (os.path.join(folder, name) for name in ("cert.pem", "key.pem"))
        host("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
             "-out", cert, "-days", "30", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
        yield cert, key


@contextlib.contextmanager
def process(*command, port=PORT):
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=end_with_parent)

    def listens():
        with contextlib.suppress(OSError), socket.create_connection((HERE4, port), GUARD):
            return True
    try:
        assert wait_until(listens), f"{command[0]} does not listen"
        yield
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def peer(serve):
    """serve(connection) for each that comes."""
    def run(listener):
        with contextlib.suppress(OSError):
            while True:
                with listener.accept()[0] as s, contextlib.suppress(OSError):
                    serve(s)
    with socket.create_server((HERE4, PORT)) as listener:
        threading.Thread(target=run, args=(listener,), daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


@test
def openssl_s_server():
    with scene() as (cert, key), process("openssl", "s_server", "-accept", f"{HERE4}:{PORT}", "-cert", cert, "-key", key, "-www"):
        equal("trusted", client(NAME, cert), WELL)
        equal("another name", client("other.test", cert), REJECTED)
        equal("no name", client("-", cert), WELL)
        equal("anyone", client("-", "-"), WELL)


@test
def whom_nobody_vouches_for():
    with scene() as (cert, key), scratch() as folder:
        stranger, other = (os.path.join(folder, name) for name in ("stranger.pem", "other.pem"))
        host("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", other,
             "-out", stranger, "-days", "30", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
        with process("openssl", "s_server", "-accept", f"{HERE4}:{PORT}", "-cert", stranger, "-key", other, "-www"):
            equal("a stranger of that name", client(NAME, cert), REJECTED)
        with process("openssl", "s_server", "-accept", f"{HERE4}:{PORT}", "-cert", cert, "-key", key, "-www", "-tls1_3"):
            equal("nothing in common", client(NAME, cert), ["closed: Protocol error"])
        equal("no such file", client(NAME, os.path.join(folder, "none.pem")),
              ["no context: the authorities' file cannot be read, or has no certificates"])
        equal("nobody listens", client(NAME, cert), ["closed: Connection refused"])


@test
def our_own_server():
    needs(SERVER)
    with scene() as (cert, key), process(SERVER, f"{HERE4}:{PORT}", cert, key):
        equal("trusted", client(NAME, cert), WELL)
        equal("another name", client("other.test", cert), REJECTED)


@test
def much_both_ways():
    with scene() as (cert, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        def echo(s):
            with context.wrap_socket(s, server_side=True) as t:
                while part := t.recv(random.Random(1).randrange(1, 30000)):
                    t.sendall(part)
        with peer(echo):
            equal("echo", client(NAME, cert, str(ECHO)), ["connected: TLSv1.2", "all came back", "closed: well"])


def raw(t):
    return socket.socket(fileno=t.detach())


def cut(t):
    raw(t).close()


def reset(t):
    with raw(t) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def forge_a_record(t):
    with raw(t) as s:
        s.sendall(b"\x17\x03\x03\x00\x40" + bytes(64))
        while s.recv(1000):
            pass


def end_well(t):
    t.unwrap().close()


@test
def peers_that_cut_or_lie():
    with scene() as (cert, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        def after(act):
            def serve(s):
                t = context.wrap_socket(s, server_side=True)
                t.recv(1000)
                t.sendall(b"a line\n")
                act(t)
            return serve

        def close_at_hello(s):
            s.recv(5000)

        def no_tls(s):
            s.recv(5000)
            s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            s.recv(5000)

        for serve, expected in (
                (after(end_well), WELL), (after(cut), [WELL[0], "ended: cut, after lines", WELL[2]]),
                (after(reset), [WELL[0], "closed: Connection reset by peer"]),
                (after(forge_a_record), [WELL[0], "closed: Protocol error"]),
                (close_at_hello, ["closed: Connection reset by peer"]), (no_tls, ["closed: Protocol error"])):
            with peer(serve):
                equal("said", client(NAME, cert), expected)


if __name__ == "__main__":
    main()
