# SPDX-License-Identifier: BSD-2-Clause
"""
What asks the servers. Each function returns a client: it asks one side for a second or two and returns what it
found as {"rate": …, "p50": µs, "p99": µs, "done": how many}, without what it cannot tell.
"""
import hashlib, json, os, re, socket, statistics, time
from processes import finished

SECONDS = 2


def run(*words):
    result = finished(words, 120)
    assert result.returncode == 0, f"{' '.join(words)}: {(result.stderr or result.stdout)[-300:]}"
    return result.stdout


def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1000, "s": 1000000}[unit]


def wrk(connections, *more, path="/1024"):
    def ask(side):
        text = run("wrk", "-t", "1", "-c", str(connections), "-d", f"{SECONDS}s", "--latency", *more,
                   f"http://{side.address}{path}")
        assert "Socket errors" not in text and "Non-2xx" not in text, text
        return {"rate": float(re.search(r"Requests/sec:\s*([\d.]+)", text)[1]),
                "p50": microseconds(re.search(r"\s50%\s+(\S+)", text)[1]),
                "p99": microseconds(re.search(r"\s99%\s+(\S+)", text)[1]),
                "done": int(re.search(r"(\d+) requests in", text)[1])}
    return ask


def redis(test, clients, count, *more):
    def ask(side):
        number = count // 10 if side.is_emulated else count
        text = run("redis-benchmark", "-h", side.address, "-t", test, "-c", str(clients), "-n", str(number), "--csv",
                   *more)
        head, values = [re.findall(r'"([^"]*)"', line) for line in text.splitlines()[-2:]]
        found = dict(zip(head, values))
        return {"rate": float(found["rps"]), "done": number, "p50": 1000 * float(found["p50_latency_ms"]),
                "p99": 1000 * float(found["p99_latency_ms"])}
    return ask


def now_and_then(port, question, answer, interval=0.01):
    """A question each 10 ms: what one waits for where nothing else happens."""
    def ask(side):
        times = []
        with socket.create_connection((side.address, port), timeout=10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(int(SECONDS / interval)):
                time.sleep(interval)
                start = time.perf_counter()
                s.sendall(question)
                got = s.recv(len(answer))
                times.append((time.perf_counter() - start) * 1e6)
                assert got == answer, got
        cuts = statistics.quantiles(times, n=100)
        return {"p50": cuts[49], "p99": cuts[98], "done": len(times)}
    return ask


def iperf(*more):
    """By CUBIC, whatever this host was set to: BBR's model of the path holds it to two thirds of what a guest takes."""
    def ask(side):
        end = json.loads(run("iperf3", "-c", side.address, "-t", str(SECONDS), "-C", "cubic", "-J", *more))["end"]
        return {"rate": end["sum_received"]["bits_per_second"] / 1e9}
    return ask


def datagrams(*more):
    """Those that arrive."""
    def ask(side):
        words = ("iperf3", "-c", side.address, "-t", str(SECONDS), "-J", "-u", "-b", "0", "-l", "64", *more)
        end = json.loads(run(*words))["end"]
        arrived = end["sum"]["packets"] - end["sum"]["lost_packets"]
        return {"rate": arrived / end["sum"]["seconds"], "done": arrived}
    return ask


def file(path, copy):
    """A file by curl, into memory; it must be the one that the server has."""
    with open(path, "rb") as original:
        content = original.read()
    digest = hashlib.sha256(content).hexdigest()

    def ask(side):
        address = f"http://{side.address}/{os.path.basename(path)}"
        seconds = float(run("curl", "-s", "-o", copy, "-w", "%{time_total}", address))
        with open(copy, "rb") as got:
            assert hashlib.sha256(got.read()).hexdigest() == digest, f"{side.name}: another file arrived"
        return {"rate": len(content) / 1e6 / seconds, "p50": seconds * 1e6}
    return ask


def dns(queries, at_once):
    """Queries of the file, that many under way. When each was answered is told for one at a time: many take too long to tell."""
    each = ("-v",) if at_once == 1 else ()

    def ask(side):
        text = run("dnsperf", "-s", side.address, "-d", queries, "-l", str(SECONDS), "-q", str(at_once), *each)
        sent, done = (int(re.search(rf"Queries {word}:\s+(\d+)", text)[1]) for word in ("sent", "completed"))
        assert done > 0.99 * sent, f"{side.name}: {sent - done} of {sent} queries were not answered"
        result = {"rate": done / float(re.search(r"Run time \(s\):\s+([\d.]+)", text)[1]), "done": done}
        if each:
            times = [1e6 * float(time) for time in re.findall(r"^> \S+ \S+ \S+ ([\d.]+)$", text, re.MULTILINE)]
            result["p50"], *_, result["p99"] = statistics.quantiles(times, n=100)[49:]
        return result
    return ask


def echo(program, kind, size, count):
    """bench/programs/sdk.c's other end: 32 requests under way. "UDP" or "TCP"."""
    def ask(side):
        number = count // 10 if side.is_emulated else count
        ns = float(run(program, "client", f"{side.address}:7", kind.lower(), str(size), str(number)))
        return {"rate": 1e9 / ns, "done": number}
    return ask
