#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients in a guest, and the host's own servers in a network namespace: what arrives is compared by its hash."""
import contextlib, glob, os, re, shutil, signal, socket, subprocess, sys, tempfile
sys.path.append(os.path.dirname(sys.path[0]))
from content import SIZES, file_hash, write_certificate, write_file, write_files
from harness import ACCEL, GUARD, ONE_ECHO, SOAK, TOP, Skip, equal, host, hull, main, needs, scratch, test, wait_until
from namespaces import HERE4, HERE6, addresses, network

PYTHON = "/usr/bin/python3"
SHORT = SIZES[:3]
SIZE = (64 << 20) if SOAK else (8 << 20) if ACCEL == "kvm" else (1 << 20)
BOTH = (HERE4, f"[{HERE6}]")
TAP = ["--net", "tap=tap0"] + [word for address in addresses() for word in ("--ip", address)]


def accepts(port, address=HERE4):
    try:
        socket.create_connection((address, port), timeout=5).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def server(*command, port=None, **more):
    """A process and its children beside the test, until the `with` ends; its port is open when it begins."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                          start_new_session=True, **more) as process:
        try:
            assert port is None or wait_until(lambda: accepts(port)), f"{command[0]} does not open port {port}"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):       # the test has ended it
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def files_by_http(sizes=SHORT, port=8000):
    """nginx, or python where there is none, serves files of these sizes: their hashes."""
    with scratch() as folder, network():
        files = write_files(folder, sizes)
        with server(PYTHON, "-m", "http.server", "--bind", "::", "-d", folder, str(port), port=port):
            yield files


def guest(script, *arguments, options=(), net=None, **more):
    """What a bash script prints in a guest; it must succeed."""
    result = hull("--", "/bin/bash", "-c", "set -o pipefail -e; " + script, "bash", *arguments,
                  options=[*(net or TAP), "-m", "1G", *options], timeout=GUARD, **more)
    assert result.returncode == 0, f"status {result.returncode}: {result.stderr[-1500:]!r} {result.stdout[-500:]!r}"
    return result.stdout.decode(errors="replace")


def check_fetch(files, fetch, url, net=None):
    """fetch: a command with the URL behind it."""
    script = "\n".join(f"{fetch} {url}{name} | sha256sum" for name in files)
    equal(f"{fetch} {url}", [line.split()[0] for line in guest(script, net=net).splitlines()], list(files.values()))


@test
def curl_and_wget_fetch():
    needs("curl", "wget")
    with files_by_http(SIZES) as files:
        for address in BOTH:
            check_fetch(files, "curl -sS --fail", f"http://{address}:8000/")
        check_fetch(files, "wget -q -O -", f"http://{HERE4}:8000/")


@test
def curl_by_the_user_network():
    needs("curl")
    with files_by_http() as files:
        check_fetch(files, "curl -sS --fail", "http://10.0.2.2:8000/", net=["--net", "user"])


@test
def python_and_node_fetch():
    needs("node")
    python = "import hashlib, sys, urllib.request as r\n" \
        "for u in sys.argv[1:]: print(hashlib.sha256(r.urlopen(u).read()).hexdigest())"
    node = "(async () => { for (const u of process.argv.slice(1)) console.log(require('crypto').createHash('sha256')" \
        ".update(Buffer.from(await (await fetch(u)).arrayBuffer())).digest('hex')) })()"
    with files_by_http() as files:
        urls = [f"http://{address}:8000/{name}" for address in BOTH for name in files]
        for command in ([PYTHON, "-c", python], ["node", "-e", node]):
            equal(command[0], guest('"$@"', *command, *urls).split(), list(files.values()) * 2)


NGINX = """
daemon off; user root; pid {folder}/pid; error_log {folder}/log;
events {{ }}
http {{
	access_log off; client_header_timeout 600; client_body_timeout 600; send_timeout 600;
	client_max_body_size 2g; client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp;
	fastcgi_temp_path {folder}/tmp; uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
	ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
	server {{
		listen [::]:80 ipv6only=off; listen [::]:443 ssl http2 ipv6only=off; root {folder}/html;
		location /put/ {{ root {folder}; dav_methods PUT; create_full_put_path on; }}
	}}
}}
"""


@contextlib.contextmanager
def nginx(sizes=SHORT):
    """On the host's side: the folder and the files."""
    needs("/usr/sbin/nginx", "curl", "openssl")
    with scratch() as folder, network():
        os.chmod(folder, 0o755)
        files = write_files(f"{folder}/html", sizes)
        write_certificate(folder)
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder))
        with server("/usr/sbin/nginx", "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr", port=80):
            yield folder, files


@test
def curl_by_TLS_and_HTTP2_and_upload():
    with nginx() as (folder, files):
        for address in BOTH:
            check_fetch(files, "curl -sS --fail -k --http2", f"https://{address}/")
        check_fetch(files, "curl -sS --fail -k --http1.1", f"https://{HERE4}/")
        digest = write_file(f"{folder}/up", SIZE, seed=5)
        guest(f"curl -sS --fail -T {folder}/up http://{HERE4}/put/one; curl -sS --fail -k -T {folder}/up 'https://[{HERE6}]/put/two'")
        equal("uploads", (file_hash(f"{folder}/put/one"), file_hash(f"{folder}/put/two")), (digest, digest))


@test
def wrk_asks_without_an_error():
    needs("wrk")
    with nginx():
        for connections in ("1", "100"):
            text = guest(f"wrk -t 1 -c {connections} -d 1s --timeout 60s http://{HERE4}/1024")
            assert "requests in" in text and "Socket errors" not in text and "Non-2xx" not in text, text


@test
def redis_clients():
    needs("redis-server", "redis-benchmark", "redis-cli")
    count = "20000" if ACCEL == "kvm" else "1600"
    with network(), server("redis-server", "--save", "", "--protected-mode", "no", "--bind", "0.0.0.0", "::", port=6379):
        text = guest(f"redis-benchmark -h {HERE4} -n {count} -c 50 -P 16 --csv incr counter; redis-cli -h {HERE6} get counter;"
                     f"redis-benchmark -h {HERE6} -n {count} -c 20 --csv -t set,get; redis-cli -h {HERE4} dbsize;"
                     f"seq 1 5000 | sed 's/.*/SET k& v&/' | redis-cli -h {HERE4} --pipe; redis-cli -h {HERE4} dbsize")
        lines = text.splitlines()
        assert count in lines and "errors: 0, replies: 5000" in lines, text
        equal("keys", lines[-1], "5002")


@test
def dig_asks():
    needs("/usr/sbin/dnsmasq", "dig")
    long = "y" * 250
    words = ["--address=/name.example/10.9.8.7", "--address=/six.example/fd00::77", "--txt-record=long.example," + ",".join([long] * 14)]
    with network(), server("/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "--no-resolv", "--no-hosts", "--pid-file=",
                           "--listen-address", f"{HERE4},{HERE6}", "--bind-interfaces", "--log-facility=/dev/null", *words, port=53):
        for address in (HERE4, HERE6):
            for how in ("", "+tcp"):
                dig = f"dig @{address} +short +tries=1 +time={GUARD} {how}"
                lines = guest(f"{dig} name.example; {dig} six.example AAAA; {dig} long.example TXT").splitlines()
                equal(f"{dig}", lines, ["10.9.8.7", "fd00::77", " ".join([f'"{long}"'] * 14)])
        program = "import socket; print(socket.gethostbyname('name.example'), socket.getaddrinfo('six.example', 80)[0][4][0])"
        equal("by the resolver", guest("RES_OPTIONS='timeout:30 attempts:5' \"$@\"", PYTHON, "-c", program, net=TAP + ["--dns", HERE4]).split(), ["10.9.8.7", "fd00::77"])


@test
def iperf3_both_ways():
    needs("iperf3")
    ways = [f"{address} -n {SIZE * 4} {words}" for address in (HERE4, HERE6) for words in ("", "-R", "-P 4", "-P 4 -R")]
    # As little as fits into the receiver's socket: it need not take any before all is sent.
    ways += [f"{HERE4} -u -b 4M -n 64K {words}" for words in ("", "-R")]
    with network(), tempfile.TemporaryFile() as output, \
            subprocess.Popen(["iperf3", "-s", "--forceflush"], stdout=output, stdin=subprocess.DEVNULL) as process:
        try:
            for number, words in enumerate(ways, 1):
                # Between two tests its port is closed.
                assert wait_until(lambda: b"(test #%d)" % number in os.pread(output.fileno(), 1 << 20, 0)), "no server"
                text = guest(f"iperf3 -J -c {words}")
                equal(f"{words}: lost", re.findall(r'"lost_packets":\s*([1-9]\d*)', text), [])
                assert re.search(r'"bytes":\s*[1-9]', text), text[-2000:]
        finally:
            process.kill()


@test
def socat_sends():
    needs("socat")
    with scratch() as folder, network(), \
            server("socat", "-t", str(GUARD), "TCP6-LISTEN:7,fork,reuseaddr,backlog=64", "EXEC:cat", port=7), \
            server("socat", "UDP6-LISTEN:7,fork", "EXEC:cat"):
        digest = write_file(f"{folder}/big", SIZE)
        wait_until(lambda: "0007 " in open("/proc/thread-self/net/udp6").read())
        for address in BOTH:
            text = guest(f"socat -t {GUARD} - TCP:{address}:7 < {folder}/big | sha256sum; "
                         f"until exec 3< <(exec socat -t {GUARD} - UDP:{address}:7 <<< datagram); read -u 3 answer; "
                         "do sleep 0.1; done; echo $answer; kill $!")
            equal(address, text.split(), [digest, "-", "datagram"])
        text = guest(f"for i in {{1..32}}; do head -c 10000 /dev/zero | socat -t {GUARD} - TCP:{HERE4}:7 | wc -c & done; wait")
        equal("32 at once", sorted(text.split()), ["10000"] * 32)


@test
def openssl_connects():
    needs("openssl")
    with scratch() as folder, network():
        write_certificate(folder)
        with server("openssl", "s_server", "-accept", "4433", "-www", "-key", f"{folder}/key.pem", "-cert", f"{folder}/cert.pem",
                    port=4433):
            for address in BOTH:
                for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
                    text = guest(f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -connect {address}:4433 {version} -quiet "
                                 f"-no_ign_eof -ign_eof -CAfile {folder}/cert.pem -verify_return_error")
                    assert f"Protocol  : {name}" in text or f"{name}" in text, text


@test
def ssh_into_the_host():
    needs("/usr/sbin/sshd", "ssh", "scp", "ssh-keygen")
    if ACCEL == "tcg" and not SOAK:
        raise Skip("each login takes many seconds under emulation")
    with scratch() as folder, network():
        for name in ("host", "client"):
            equal("key", host("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}").returncode, 0)
        os.makedirs("/run/sshd", exist_ok=True)
        digest = write_file(f"{folder}/big", SIZE)
        sshd = ["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", "2222", "-h", f"{folder}/host", "-o", "PidFile=none", "-o", "UsePAM=no",
                "-o", f"AuthorizedKeysFile={folder}/client.pub", "-o", "StrictModes=no", "-o", "PermitRootLogin=yes",
                "-o", "Subsystem=sftp internal-sftp"]
        words = f"-q -F none -i {folder}/client -o StrictHostKeyChecking=no -o UserKnownHostsFile=/tmp/known -o BatchMode=yes"
        with server(*sshd, port=2222):
            script = f"ssh {words} -p 2222 $1 'echo from $SSH_CONNECTION; exit 7' | cut -d' ' -f1,2; " \
                f"ssh {words} -p 2222 $1 sha256sum < {folder}/big; ssh {words} -p 2222 $1 cat {folder}/big | sha256sum"
            for address, own in ((HERE4, "10.1.0.2"), (HERE6, "fd01::2")):
                text = guest("set +o pipefail; " + script, f"root@{address}")
                equal(address, text.split(), ["from", own, digest, "-", digest, "-"])
            text = guest(f"scp {words} -P 2222 {folder}/big root@{HERE4}:{folder}/copy; "
                         f"scp {words} -P 2222 root@{HERE4}:{folder}/copy /tmp/back; sha256sum < /tmp/back")
            equal("scp", (file_hash(f"{folder}/copy"), text.split()[0]), (digest, digest))


@test
def psql_asks():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        raise Skip("postgresql is not here")
    with scratch() as parent, network():
        os.chmod(parent, 0o755)
        folder = f"{parent}/pg"
        os.mkdir(folder)
        shutil.chown(folder, "nobody", "nogroup")
        nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        equal("initdb", host(*nobody, f"{found[-1]}/initdb", "-A", "trust", "-N", "-D", f"{folder}/data").returncode, 0)
        with open(f"{folder}/data/pg_hba.conf", "a") as file:
            file.write("host all all all trust\n")
        with server(*nobody, f"{found[-1]}/postgres", "-D", f"{folder}/data", "-k", folder, "-h", "*", "-F", port=5432) as process:
            psql = f"{found[-1]}/psql -U nobody -d postgres -At -h"
            bench = f"{found[-1]}/pgbench -U nobody -h {HERE4}"
            text = guest(f"until {psql} {HERE4} -c 'select 1' > /dev/null 2>&1; do sleep 0.1; done; "
                         f"{bench} -i -q postgres 2> /dev/null; {bench} -c 8 -j 2 -t 50 postgres 2> /dev/null | grep actually; "
                         f"{psql} {HERE6} -c 'select i, md5(i::text) from generate_series(1, 50000) i' | sha256sum")
            expected = host("bash", "-c", "%s %s -c 'select i, md5(i::text) from generate_series(1, 50000) i' | sha256sum" % (psql, HERE4))
            assert "actually processed: 400/400" in text, text
            equal("hash", text.splitlines()[-1], expected.stdout.decode().strip())
            process.send_signal(signal.SIGINT)      # its processes, each of a session of its own, use the folder until then
            process.wait()


FTP = """
import ftplib, hashlib, sys
host, name = sys.argv[1:]
ftp = ftplib.FTP()
ftp.connect(host, 2121)
ftp.login()
print(ftp.pwd())
print(sorted(ftp.nlst()))
digest = hashlib.sha256()
ftp.retrbinary('RETR ' + name, digest.update)
print(digest.hexdigest())
with open(name, 'rb') as file: ftp.storbinary('STOR stored', file)
ftp.set_pasv(False)
digest = hashlib.sha256()
ftp.retrbinary('RETR ' + name, digest.update)
print(digest.hexdigest())
print(ftp.quit()[:3])
"""


@test
def ftp_passive_and_active():
    with scratch() as folder, network():
        digest = write_file(f"{folder}/big", SIZE)
        with server(PYTHON, f"{TOP}/test/cli/scripts/ftpd.py", folder, port=2121):
            for address in (HERE4, HERE6):
                text = guest(f"cd {folder}; \"$@\"", PYTHON, "-c", FTP, address, "big")
                equal(address, text.splitlines()[0::1][2:], [digest, digest, "221"])
                equal("stored", file_hash(f"{folder}/stored"), digest)
                os.unlink(f"{folder}/stored")


@test
def ping_and_who_does_not_answer():
    needs("ping")
    with network():
        for address in (HERE4, HERE6):
            for size in ("56", "1473", "20000"):
                text = guest(f"ping {' '.join(ONE_ECHO)} -s {size} {address}")
                assert " 1 received" in text and "wrong data" not in text, text
        program = """
import errno, socket
for where in (('10.1.0.1', 81), ('fd01::1', 81), ('10.1.0.77', 80), ('10.77.0.1', 80)):
    s = socket.socket(socket.AF_INET6 if ':' in where[0] else socket.AF_INET)
    print(errno.errorcode.get(s.connect_ex(where)))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.connect(('10.1.0.1', 81))
u.settimeout(1)
while True:
    try:
        u.send(b'x')
        u.recv(1)
    except TimeoutError:        # a host sends only so many errors a second, to all together
        continue
    except OSError as error:
        print(errno.errorcode[error.errno])
        break
"""
        equal("errors", guest('"$@"', PYTHON, "-c", program).split(),
              ["ECONNREFUSED", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED"])


ARP = r"""
import errno, fcntl, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
SET, GET, DELETE, COMPLETE, PERMANENT, PUBLISHED, NETMASK = 0x8955, 0x8954, 0x8953, 2, 4, 8, 0x20
def ask(number, address, flags=0, mac=bytes(6), dev=sys.argv[1], family=2):
    request = struct.pack("=HH4s8xH6s8xi16x16s", family, 0, socket.inet_aton(address), 1, mac, flags, dev.encode())
    try:
        found = fcntl.ioctl(s, number, request)
    except OSError as error:
        return errno.errorcode[error.errno]
    return found[18:24].hex(":"), struct.unpack_from("=i", found, 32)[0] & 15
one, other = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
print(ask(GET, "10.1.0.77"), ask(DELETE, "10.1.0.77"))
print(ask(SET, "10.1.0.77", COMPLETE | PERMANENT, one)[0], ask(GET, "10.1.0.77"))
print(ask(SET, "10.1.0.77", COMPLETE, other)[0], ask(GET, "10.1.0.77"))
print(ask(SET, "10.1.0.78", COMPLETE | PERMANENT, other, dev="")[0], ask(GET, "10.1.0.78"), ask(GET, "10.1.0.78", dev=""))
print(ask(DELETE, "10.1.0.78")[0], ask(GET, "10.1.0.78") in ("ENXIO", ("00:00:00:00:00:00", 0)))
print(ask(GET, "10.1.0.77", dev="none0"), ask(SET, "10.1.0.77", COMPLETE, one, family=10), ask(SET, "10.1.0.77", NETMASK, one))
print(ask(SET, "10.77.0.1", COMPLETE, one, dev=""))
"""


@test
def the_ARP_table_by_ioctl():
    with network():
        equal("answers", guest('"$@"', PYTHON, "-c", ARP, "eth0").splitlines(),
              host(PYTHON, "-c", ARP, "tap0").stdout.decode().splitlines())


if __name__ == "__main__":
    main()
