#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The SDK's servers (examples/dns, examples/http-hello): the same binary as a process of Linux in a namespace,
in Hull by the native door, and in Hull by sockets, answers the same to curl, dig, wrk, dnsperf, and to who
sends what is no request. What a name's answer is, unbound says, which serves the same zone.
"""
import contextlib, hashlib, os, random, re, socket, struct, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from harness import ACCEL, GUARD, PROGRAMS, SOAK, TOP, equal, host, main, needs, scratch, test, wait_until
from namespaces import HERE4, Guest, Namespace, end_with_parent, guest4, network

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(PROGRAMS)), "examples")
ZONE = os.path.join(TOP, "examples", "dns", "example.org.zone")
SIDES = {"a process of Linux": None, "Hull": [], "Hull by sockets": ["-e", "HULL_BACKEND=linux"]}
CONNECTIONS = 256
ROUNDS = "500" if ACCEL == "kvm" else "50"
STREAM = (64 << 20) if SOAK else (4 << 20) if ACCEL == "kvm" else (1 << 20)


def example(name):
    path = os.path.join(EXAMPLES, name)
    needs(path)
    return path


class Process:
    """The program on Linux, reached as a guest is: at guest4(), over a wire."""
    def __init__(self, *command):
        self.words = command

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        peer, here = (self.stack.enter_context(Namespace()) for _ in range(2))
        here.join(peer, "wire", [f"{HERE4}/24"], [f"{guest4()}/24"])
        self.process = subprocess.Popen(peer.command(*self.words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=end_with_parent)
        self.stack.enter_context(here.entered())
        self.process.stderr.readline()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.stack.close()


@contextlib.contextmanager
def served(side, *command, ready="serving on"):
    options = SIDES[side]
    if options is None:
        with Process(*command) as process:
            yield process
    else:
        with network(), Guest(*command, options=options) as guest:
            guest.wait_printed(ready)
            yield guest


def on_all_sides(probe, *command):
    """What probe() finds is the same on each; the process of Linux comes first."""
    expected = None
    for side in SIDES:
        with served(side, *command):
            found = probe()
        expected = found if expected is None else expected
        equal(side, found, expected)
    return expected


# ---- HTTP ----

def url(path):
    return f"http://{guest4()}:8080{path}"


def curl(*words, **more):
    needs("curl")
    result = host("curl", "-s", "--max-time", str(GUARD), "--expect100-timeout", str(GUARD), *words, **more)
    assert result.returncode == 0, f"curl {' '.join(words)}: status {result.returncode}"
    return re.sub(rb"Date: [^\r]*", b"Date: DATE", result.stdout)


@test
def pages():
    def probe():
        return [curl("-i", *words) for words in (
            [url("/")], ["-I", url("/")], [url("/hello/W%C3%B6rld")], [url("/hello/a%2Fb")], [url("/hello/%00")],
            [url("/hello/" + "x" * 200)], [url("/hello/")], [url("/nothing")], ["-X", "DELETE", url("/")],
            ["-X", "BREW", url("/")], ["-X", "OPTIONS", url("/echo")], ["-0", url("/")], ["-d", "abc", url("/echo")],
            ["-d", "", url("/echo")], [url("/count?to=20")], ["-0", url("/count?to=20")], ["-I", url("/count")],
            [url("/later/20")], [url("/"), url("/hello/again"), url("/nothing"), url("/later/1")],
            ["-H", "Expect: 100-continue", "-d", "abc", url("/echo")], ["-H", "Expect: wonders", url("/")],
            ["-H", "Connection: close", url("/")], ["--request-target", "*", "-X", "OPTIONS", url("/")],
            ["--proxy", url(""), "http://absolute.example/hello/proxy"], ["-H", f"Long: {'y' * 20000}", url("/")])]
    answers = on_all_sides(probe, example("http-hello"), "*:8080")
    equal("first words", [a.split(b"\r\n")[0].split(b" ")[1] for a in answers],
          b"200 200 200 200 400 400 404 404 405 501 204 200 200 200 200 200 200 200 200 100 417 200 204 200 431".split())


@test
def pages_of_cpp():
    def probe():
        return [curl("-i", *words) for words in (
            [url("/")], [url("/hello/W%C3%B6rld")], [url("/hello/%00")], ["-d", "abc", url("/echo")], [url("/later/20")],
            [url("/nothing")], ["-X", "DELETE", url("/")])]
    c, cpp = (on_all_sides(probe, example(name), "*:8080") for name in ("http-hello", "http-hello-cpp"))
    equal("C++ and C", cpp, c)


@test
def slow_readers_of_long_answers():
    """Many answers wait at once, for peers who begin to read later than the server lingers: all of it comes."""
    count = 20 if ACCEL == "kvm" else 5

    def fetch(connections):
        for connection in connections:
            connection.sendall(b"GET /count?to=20000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(3)
        return [sum(len(part) for part in iter(lambda c=connection: c.recv(1 << 16), b"")) for connection in connections]

    def probe():
        with contextlib.ExitStack() as stack:
            return fetch([stack.enter_context(socket.create_connection((guest4(), 8080), timeout=GUARD)) for _ in range(count)])
    answers = on_all_sides(probe, example("http-hello"), "*:8080")
    equal("lengths of the answers", len(set(answers)), 1)


@test
def bodies_and_streams():
    with scratch() as folder:
        path = os.path.join(folder, "body")
        data = random.Random(1).randbytes(1000000)
        with open(path, "wb") as file:
            file.write(data)

        def probe():
            echoes = [curl("--data-binary", f"@{path}", *words, url("/echo"))
                      for words in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"])]
            assert all(echo == data for echo in echoes), "an echo differs"
            with open(path, "ab") as file:
                file.write(bytes(100000))
            refused = curl("-i", "--data-binary", f"@{path}", url("/echo")).split(b"\r\n")[0]
            os.truncate(path, len(data))
            last = STREAM // 8
            lines = "".join(f"{n}\n" for n in range(1, last + 1)).encode()
            counted = curl(url(f"/count?to={last}"))
            equal("stream", hashlib.sha256(counted).hexdigest(), hashlib.sha256(lines).hexdigest())
            return [refused]
        equal("too long", on_all_sides(probe, example("http-hello"), "*:8080"), [b"HTTP/1.1 413 Content Too Large"])


def talk(data, pieces=1, end=True):
    """Statuses of all that is answered to these bytes, until the server ends the connection."""
    with socket.create_connection((guest4(), 8080), GUARD) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = -(-len(data) // pieces)
        with contextlib.suppress(OSError):                  # it may have ended it before it has all
            for at in range(0, len(data), step):
                s.sendall(data[at:at + step])
                if pieces > 1:
                    time.sleep(0.001)
            if end:
                s.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(ConnectionResetError):     # what came before is read first
            while part := s.recv(65536):
                got += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", got)]


GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

# Bytes, and the statuses that RFC 9112 wants, with the choices that sdk/http/message.h makes.
TALKS = [
    (GET, [200]), (GET * 5, [200] * 5), (b"\r\n" + GET, [200]), (b"\n" + GET, [400]),
    (GET + b"GET /later/5 HTTP/1.1\r\nHost: h\r\n\r\n" + GET, [200, 200, 200]),
    (GET.replace(b"\r\n", b"\n"), [400]), (b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\n\r\n", [400]), (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", [400]), (b"GET / HTTP/1.0\r\n\r\n", [200]),
    (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET, [200, 200]), (b"GET / HTTP/1.0\r\n\r\n" + GET, [200]),
    (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", [505]), (b"GET / HTTP/1.1.1\r\nHost: h\r\n\r\n", [400]),
    (b"GET / http/1.1\r\nHost: h\r\n\r\n", [400]), (b"GET /\r\n\r\n", [400]), (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", [400]), (b"GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    (b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", [501]), (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    (b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", [400]), (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", [400]), (b"GET / HTTP/1.1\r\nHost: h\r\nA\0: x\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", [400]), (b"GET / HTTP/1.1\r\nHost: h\r\nNo colon\r\n\r\n", [400]),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", [414]),
    (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 70 + b"\r\n", [431]),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"b" * 17000 + b"\r\n\r\n", [431]),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", [400]),
    (POST + b"Content-Length: 3\r\n\r\nabc" + GET, [200, 200]), (POST + b"Content-Length: 3\r\n\r\nab", []),
    (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", [400]), (POST + b"Content-Length: 3, 3\r\n\r\nabc", [400]),
    (POST + b"Content-Length: +3\r\n\r\nabc", [400]), (POST + b"Content-Length: -3\r\n\r\nabc", [400]),
    (POST + b"Content-Length: 0x3\r\n\r\nabc", [400]), (POST + b"Content-Length:\r\n\r\nabc", [400]),
    (POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc", [400]), (POST + b"Content-Length: 2000000\r\n\r\nabc", [413]),
    (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", [400]),
    (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [501]),
    (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", [501]),
    (POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n" + GET, [200, 200]), (CHUNKED + b"3;a=b\r\nabc\r\n00\r\nTrailer: x\r\n\r\n" + GET, [200, 200]),
    (CHUNKED + b"3\nabc\r\n0\r\n\r\n", [400]), (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", [400]), (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", [400]),
    (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", [400]), (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", [400]), (CHUNKED + b"\r\n", [400]),
    (CHUNKED + b"fffffffffffffffff\r\n", [400]), (CHUNKED + b"ffffffff\r\n" + b"x" * 1100000, [413]),
    (CHUNKED + b"1;" + b"x" * 2000 + b"\r\n", [400]), (CHUNKED + b"0\r\nno trailer\r\n\r\n", [400]),
]


@test
def bytes_that_are_no_request():
    def probe():
        return [(data[:80], talk(data)) for data, _ in TALKS]
    found = on_all_sides(probe, example("http-hello"), "*:8080")
    equal("statuses", found, [(data[:80], statuses) for data, statuses in TALKS])


@test
def byte_after_byte():
    whole = GET + POST + b"Content-Length: 5\r\n\r\nhello" + CHUNKED + b"5\r\nworld\r\n0\r\n\r\n" + GET
    found = on_all_sides(lambda: [talk(whole, pieces) for pieces in (len(whole), 50, 7)], example("http-hello"), "*:8080")
    equal("statuses", found, [[200] * 4] * 3)


@test
def many_connections():
    """All open at once, each with requests on the way; then a storm by wrk."""
    needs("wrk")

    def storm():            # for two seconds, of which the server may have had nothing
        result = host("wrk", "-t1", f"-c{CONNECTIONS}", "-d2", "--timeout", "60s", url("/")).stdout.decode()
        assert "Socket errors" not in result and "Non-2xx" not in result, result
        return int(re.search(r"(\d+) requests in", result)[1]) > 0

    def probe():
        many = [socket.create_connection((guest4(), 8080), GUARD) for _ in range(CONNECTIONS)]
        for s in many:
            s.sendall(GET * 3)
        lengths = set()
        for s in many:
            s.shutdown(socket.SHUT_WR)
            got = b""
            while part := s.recv(65536):
                got += part
            lengths.add((len(got), got.count(b"Hello, world!")))
            s.close()
        assert wait_until(storm), "wrk gets no answer"
        return sorted(lengths)
    on_all_sides(probe, example("http-hello"), "*:8080")


@test
def peers_that_do_not_read():
    """They cost no more than a bound, and no one else's answers."""
    def probe():
        slow = [socket.create_connection((guest4(), 8080), GUARD) for _ in range(8)]
        for s in slow:
            s.sendall(b"GET /count?to=100000000 HTTP/1.1\r\nHost: h\r\n\r\n" + GET * 100)
        answers = [curl(url("/hello/other")) for _ in range(20)]
        for s in slow:
            s.close()
        return answers + [curl(url("/"))]
    on_all_sides(probe, example("http-hello"), "*:8080")


# ---- TLS ----

@test
def https():
    needs("openssl")
    with scratch() as folder:
        key, cert, body = (os.path.join(folder, name) for name in ("key.pem", "cert.pem", "body"))
        host("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
             cert, "-days", "30", "-subj", "/CN=hull", "-addext", f"subjectAltName=IP:{guest4()}")
        with open(body, "wb") as file:
            file.write(random.Random(2).randbytes(900000))
        base = f"https://{guest4()}:8443"

        def probe():
            answers = [curl("-i", "--cacert", cert, *words) for words in (
                [base], [base, base], ["-I", base], [f"{base}/nothing"], ["-d", "abc", f"{base}/echo"], ["--no-alpn", base])]
            with open(body, "rb") as file:
                equal("echo", curl("--cacert", cert, "--data-binary", f"@{body}", f"{base}/echo"), file.read())
            for words in ([], ["--cacert", cert, "--tls-max", "1.1"], ["--cacert", cert, "--resolve", f"other:8443:{guest4()}"]):
                target = "https://other:8443" if "--resolve" in words else base
                assert host("curl", "-s", *words, target).returncode != 0, words
            with socket.create_connection((guest4(), 8443), GUARD) as s:      # no TLS: the end, maybe an alert before
                s.sendall(GET)
                try:
                    first = s.recv(100)[:1]
                except ConnectionResetError:
                    first = b""
                assert first in (b"", b"\x15"), first
            session = host("openssl", "s_client", "-connect", f"{guest4()}:8443", "-CAfile", cert, "-tls1_2", "-reconnect")
            return answers + [session.stdout.count(b"Reused"), b"Verify return code: 0" in session.stdout]
        found = on_all_sides(probe, example("tls"), "*:8443", cert, key)
        equal("resumed and verified", found[-2:], [5, True])
        wrong = host(example("tls"), "*:8443", cert, cert)
        assert wrong.returncode == 1 and b"the key's file" in wrong.stderr, wrong


# ---- notes ----

@test
def notes():
    """Numbers, changes, what is wrong, and a hundred that come at once."""
    def note(*words):
        return curl("-i", *([] if "-H" in words else ["-H", "Content-Type: application/json"]), *words)

    def probe():
        base = url("/notes")
        answers = [note(*words) for words in (
            [base], ["-d", '{"text": "first"}', base], ["-d", '{"text": "w\u00f6rd \u2713"}', base], [base], [base + "/1"],
            ["-X", "PUT", "-d", '{"text": "changed"}', base + "/1"], [base + "?like=hang"], [base + "/1"],
            ["-X", "DELETE", base + "/1"], ["-X", "DELETE", base + "/1"], [base + "/1"], [base + "/x"], ["-d", "{", base],
            ["-d", '{"text": 5}', base], ["-d", "[]", base], ["-X", "PATCH", base + "/2"],
            ["-H", "Content-Type: text/plain", "-d", "x", base], ["-d", '{"text": "a", "text": "b"}', base])]
        many = [socket.create_connection((guest4(), 8080), GUARD) for _ in range(100)]
        body = b'{"text": "one of many"}'
        for s in many:
            s.sendall(b"POST /notes HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        created = 0
        for s in many:
            got = b""
            while part := s.recv(65536):
                got += part
            s.close()
            created += got.startswith(b"HTTP/1.1 201 ")
        return answers + [created, note(base)]
    found = on_all_sides(probe, example("notes"), "*:8080", ":memory:")
    equal("statuses", [int(a.split(b" ")[1]) for a in found[:-2]],
          [200, 201, 201, 200, 200, 200, 200, 200, 204, 404, 404, 404, 400, 422, 422, 405, 415, 400])
    equal("created", found[-2], 100)


# ---- DNS ----

QUERIES = [(name + ".example.org" if name else "example.org", kind) for name, kind in (
    ("", "SOA"), ("", "NS"), ("", "MX"), ("", "TXT"), ("", "A"), ("", "AAAA"), ("", "SRV"), ("ns1", "A"), ("ns1", "AAAA"),
    ("mail", "A"), ("www", "A"), ("WWW", "aaaa"), ("www", "CNAME"), ("chain", "A"), ("chain", "TXT"), ("away", "A"),
    ("_sip._tcp", "SRV"), ("_tcp", "SRV"), ("x.wild", "A"), ("x.y.wild", "TXT"), ("x.wild", "MX"),
    ("wild", "A"), ("*.wild", "A"), ("deep.wild", "A"), ("deep.wild", "TXT"), ("x.deep.wild", "A"), ("empty.between", "A"),
    ("between", "TXT"), ("b.empty.between", "A"), ("a.empty.between", "A"), ("sub", "A"), ("sub", "NS"), ("x.y.sub", "A"),
    ("ns.sub", "A"), ("sub", "DS"), ("caa", "CAA"), ("caa", "A"), ("ptr", "PTR"), ("short", "A"), ("many", "A"), ("huge", "TXT"),
    ("nothing", "A"), ("a.b.c.nothing", "MX"))]
ODD = [(["lost.example.org", "A"]), (["example.com", "A"]), (["org", "NS"]), ([".", "NS"]), (["-c", "CH", "version.bind", "TXT"]), (["example.org", "ANY"]),
       (["example.org", "AXFR"]), (["+edns=1", "+noednsneg", "example.org", "A"]), (["+opcode=STATUS", "example.org"]),
       (["+opcode=UPDATE", "example.org"]), (["+noedns", "+ignore", "many.example.org", "A"]),
       (["+bufsize=600", "+ignore", "many.example.org", "A"]), (["+bufsize=65535", "+ignore", "huge.example.org", "TXT"]),
       (["+dnssec", "example.org", "A"]), (["+noedns", "example.org", "MX"]), (["+header-only", "example.org"]),
       (["x" * 63 + ".example.org", "A"]), (["+tcp", "huge.example.org", "TXT"]), (["+tcp", "+keepopen", "a.example.org", "A", "www.example.org"])]


def dig(*words, server=None):
    """Header's words, and the records of each section, in an order of ours."""
    needs("dig")
    text = host("dig", f"@{server or guest4()}", "+norecurse", "+nocmd", "+nostats", f"+timeout={GUARD}", "+tries=1", *words).stdout.decode()
    text = re.sub(r"id: \d+", "id: N", text)
    return ["\n".join(sorted(section.splitlines())) for section in text.split("\n\n")]


def sections(name, kind, server):
    """What two servers of one zone must agree on: rcode, aa, answers and authorities; with TCP, for all of them."""
    lines = "\n".join(dig(name, kind, "+tcp", server=server)).splitlines()
    status = [re.search(r"status: (\w+)", line)[1] for line in lines if "status:" in line]
    flags = [" aa" in line for line in lines if line.startswith(";; flags")]
    return status, flags, sorted(re.sub(r"\s+", " ", line.lower()) for line in lines if line and line[0] != ";")


def listens(address):
    with socket.socket() as client:
        return client.connect_ex((address, 53)) == 0


@test
def answers_as_unbound_gives_them():
    """Additional records are each server's choice, so those that only one has do not count."""
    needs("unbound")
    with scratch() as folder, Namespace() as net:
        path = os.path.join(folder, "unbound.conf")
        with open(path, "w") as file:
            file.write(f"server:\n interface: 127.0.0.2\n access-control: 0.0.0.0/0 allow\n do-daemonize: no\n username: \"\"\n"
                       f" chroot: \"\"\n directory: \"{folder}\"\n pidfile: \"\"\n use-syslog: no\n do-ip6: no\n"
                       f" module-config: \"iterator\"\nremote-control:\n control-enable: no\n"
                       f"auth-zone:\n name: example.org\n zonefile: \"{ZONE}\"\n for-upstream: no\n for-downstream: yes\n")
        commands = [["unbound", "-d", "-c", path], [example("dns"), "127.0.0.3:53", "example.org", ZONE]]
        with net.entered(), contextlib.ExitStack() as stack:
            for command in commands:
                process = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)
                stack.callback(process.wait)
                stack.callback(process.kill)
            assert wait_until(lambda: listens("127.0.0.2") and listens("127.0.0.3")), "a server does not begin"
            for name, kind in QUERIES:
                unbound, ours = (sections(name, kind, server) for server in ("127.0.0.2", "127.0.0.3"))
                extra = set(ours[2]) ^ set(unbound[2])
                assert all(re.search(r" in (a|aaaa) ", line) for line in extra), f"{name} {kind}: {extra}"
                equal(f"{name} {kind}", ours[:2], unbound[:2])


@test
def names():
    def probe():
        return [dig(name, kind) for name, kind in QUERIES] + [dig(*words) for words in ODD]
    on_all_sides(probe, example("dns"), "*:53", "example.org", ZONE)


def random_query(generator):
    """One that is nearly right."""
    name = b"".join(bytes([len(label)]) + label for label in generator.choice([b"www.example.org", b"many.example.org", b""]).split(b".") if label)
    data = bytearray(struct.pack(">HHHHHH", generator.randrange(65536), generator.choice([0, 0x100, 0x2800, 0x8000]), 1, 0, 0, 1) + name +
                     b"\0\0\x01\0\x01" + b"\0\0\x29\x10\0\0\0\0\0\0\0")
    for _ in range(generator.randrange(4)):
        data[generator.randrange(2, len(data))] = generator.randrange(256)
    return bytes(data[:generator.randrange(len(data) + 1)] if generator.random() < 0.2 else data)


@test
def messages_that_are_no_query():
    """Each is answered as on Linux, or not at all as there; and the server goes on."""
    def probe():
        generator, answers = random.Random(3), []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((guest4(), 53))
            s.settimeout(GUARD)
            for number in range(20000 if SOAK else 500):
                s.send(random_query(generator))
                marker = struct.pack(">HHHHHH", 0, 0, 1, 0, 0, 0) + b"\7example\3org\0\0\x06\0\x01" + number.to_bytes(4, "big")
                s.send(marker[:29])
                got = [s.recv(2000)]
                while b"\7example\3org\0\0\x06\0\x01" not in got[-1]:
                    got.append(s.recv(2000))
                answers.append([hashlib.sha256(g).hexdigest() for g in got])
        return answers
    on_all_sides(probe, example("dns"), "*:53", "example.org", ZONE)


def tcp_question(number, name):
    data = struct.pack(">HHHHHH", number, 0, 1, 0, 0, 0) + b"".join(
        bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\x10\0\x01"
    return struct.pack(">H", len(data)) + data


@test
def questions_by_tcp():
    """Many on one connection before the first answer is read, in pieces, and more than the peer reads at once."""
    def probe():
        with socket.create_connection((guest4(), 53), GUARD) as s:
            asked = b"".join(tcp_question(n, "huge.example.org" if n % 10 == 0 else "www.example.org") for n in range(200))
            for at in range(0, len(asked), 997):
                s.sendall(asked[at:at + 997])
            s.shutdown(socket.SHUT_WR)
            got = b""
            while part := s.recv(65536):
                got += part
        return [len(got), hashlib.sha256(got).hexdigest()]
    on_all_sides(probe, example("dns"), "*:53", "example.org", ZONE)


@test
def a_storm_of_queries():
    needs("dnsperf")
    with scratch() as folder:
        path = os.path.join(folder, "queries")
        with open(path, "w") as file:
            file.write("\n".join(f"{name} {kind}" for name, kind in QUERIES if kind not in ("CAA", "DS")
                                 and name.split(".")[0] not in ("many", "huge")))

        def probe():
            text = host("dnsperf", "-s", guest4(), "-d", path, "-n", ROUNDS, "-q", "50", "-t", str(GUARD)).stdout.decode()
            lost = re.search(r"Queries lost:\s+(\d+)", text)
            assert lost and lost[1] == "0", text
            return sorted(set(re.findall(r"(NOERROR|NXDOMAIN|REFUSED|SERVFAIL|FORMERR)", text)))
        on_all_sides(probe, example("dns"), "*:53", "example.org", ZONE)


@test
def zones_that_are_wrong():
    soa = "@ 60 IN SOA a b 1 2 3 4 5\n@ 60 NS a\n"
    texts = ["", "garbage\n", soa + "x 60 A 1.2.3\n", soa + "x 60 A 1.2.3.4 5\n", soa + "x 60 MX 10\n", soa + "x A 1.2.3.4 (\n",
             soa + "x ) A 1.2.3.4\n", soa + "x 60 TXT \"open\n", soa + "x 60 NONE 1\n", soa + "y.example.com. 60 A 1.2.3.4\n",
             soa + "x 60 CNAME y\nx 60 A 1.2.3.4\n", "@ 60 NS a\n", "@ 60 IN SOA a b 1 2 3 4 5\n", soa + "$INCLUDE other\n",
             soa + "x 60 MX 99999 y\n", soa + "x..y 60 A 1.2.3.4\n", soa + "x" * 64 + " 60 A 1.2.3.4\n", soa + "x 60 TYPE1 \\# 0\n",
             soa + "x 60 TYPE300 \\# 2 00\n", soa + "x 60 AAAA ::1::\n", " 60 A 1.2.3.4\n", soa + "x 99999999999 A 1.2.3.4\n",
             "@ IN SOA a b 1 2 3 4 1\n@ NS a\n" + "x 60 TXT " + "a " * 400 + "\n"]
    with scratch() as folder:
        path = os.path.join(folder, "zone")
        for text in texts:
            with open(path, "w") as file:
                file.write(text)
            result = host(example("dns"), "127.0.0.1:0", "example.org", path)
            assert result.returncode == 1 and result.stderr.startswith(b"dns: ") and len(result.stderr) > 15, (text, result)


if __name__ == "__main__":
    main()
