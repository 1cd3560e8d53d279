#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Web servers in a guest, and the host's own clients in a network namespace: what arrives is compared by its hash."""
import contextlib, os, signal, socket, subprocess, sys, time
sys.path.append(os.path.dirname(sys.path[0]))
from content import SIZES, check_downloads, file_hash, printed_hash, write_certificate, write_file, write_files
from harness import ACCEL, GUARD, equal, host, main, needs, scratch, test, wait_until
from namespaces import HERE4, Guest, guest4, guest6, network

PYTHON = "/usr/bin/python3"
NGINX = "/usr/sbin/nginx"
PATIENCE = "60s"        # of wrk, which takes 8 bytes of memory for each microsecond of it
SHORT = SIZES[:3]
CLIENTS = 4096 if "HULL_SOAK" in os.environ else 512 if ACCEL == "kvm" else 64
NGINX_CONFIG = """
daemon off; user root; worker_processes {workers}; pid {folder}/pid; error_log stderr warn;
worker_rlimit_nofile 12000; events {{ worker_connections 6000; }}
http {{
	access_log off; client_header_timeout 600; client_body_timeout 600; send_timeout 600; proxy_read_timeout 600;
	sendfile on; client_max_body_size 2g; proxy_max_temp_file_size 0;
	client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
	uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
	ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
	add_header X-Version {version};
	server {{
		listen [::]:80 ipv6only=off backlog=4096; listen [::]:443 ssl http2 ipv6only=off;
		root {folder}/html;
		location /proxy/ {{ proxy_pass http://{here}:8000/; }}
		location /put/ {{ root {folder}; dav_methods PUT; create_full_put_path on; }}
	}}
}}
"""


def write_nginx(folder, version=1, workers=2):
    os.makedirs(f"{folder}/tmp", exist_ok=True)
    os.makedirs(f"{folder}/put", exist_ok=True)
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(NGINX_CONFIG.format(folder=folder, version=version, workers=workers, here=HERE4))


@contextlib.contextmanager
def nginx(sizes=SHORT, net=None):
    """A guest that serves files of these sizes: the guest, its folder (a volume), the files."""
    needs(NGINX, "curl", "openssl")
    with scratch() as folder:
        os.chmod(folder, 0o755)
        files = write_files(f"{folder}/html", sizes)
        write_certificate(folder)
        write_nginx(folder)
        with network(), Guest(NGINX, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr", net=net,
                              options=["-m", "1G", "-v", f"{folder}:{folder}"]) as guest:
            if net:         # the forwarded port is open before the server's is
                guest.wait_for(lambda: host("curl", "-s", "http://127.0.0.1:8080/1024").returncode == 0, "an answer")
            else:
                guest.wait_port(80)
            yield guest, folder, files


@test
def nginx_serves_files():
    with nginx(SIZES) as (_, folder, files):
        for host_name in (guest4(), f"[{guest6()}]"):
            check_downloads(files, f"http://{host_name}/")
        equal("a range", printed_hash("curl", "-sS", "--fail", "-r", "1000-300999", f"http://{guest4()}/{1 << 20}"),
              printed_hash("bash", "-c", f"tail -c +1001 {folder}/html/{1 << 20} | head -c 300000"))
        urls = [f"http://{guest4()}/{size}" for size in SHORT] * 3
        result = host("curl", "-sS", "--fail", "-w", "%{num_connects} %{size_download}\\n",
                      *(word for url in urls for word in ("-o", "/dev/null", url)))
        lines = result.stdout.decode().splitlines()
        equal("connections of one curl", sum(int(line.split()[0]) for line in lines), 1)
        equal("sizes", [int(line.split()[1]) for line in lines], [*SHORT] * 3)


@test
def nginx_serves_by_TLS_and_HTTP2():
    with nginx() as (_, folder, files):
        for host_name in (guest4(), f"[{guest6()}]"):
            for version, number in (("--http1.1", b"1.1"), ("--http2", b"2")):
                check_downloads(files, f"https://{host_name}/", "-k", version)
                equal("version", host("curl", "-k", "-sS", version, "-o", "/dev/null", "-w", "%{http_version}",
                                      f"https://{host_name}/1024").stdout, number)
        # Streams of one connection that are sent at the same time.
        words = [f"https://{guest4()}/{1 << 20}"] * 8
        result = host("curl", "-sS", "-k", "--http2", "--parallel", "--no-progress-meter", "--fail",
                      *(word for n, url in enumerate(words) for word in ("-o", f"{folder}/got{n}", url)), timeout=GUARD)
        equal("status", (result.returncode, result.stderr), (0, b""))
        equal("eight at once", {file_hash(f"{folder}/got{n}") for n in range(8)}, {files[str(1 << 20)]})


@test
def nginx_takes_a_body():
    with nginx() as (guest, folder, _), scratch() as here:
        for size in (0, 1024, 10 << 20):
            digest = write_file(f"{here}/{size}", size, seed=2)
            result = host("curl", "-sS", "--fail", "-T", f"{here}/{size}", f"http://{guest4()}/put/{size}", timeout=GUARD)
            equal("status", (result.returncode, result.stderr), (0, b""))
            equal(f"what came of {size}", file_hash(f"{folder}/put/{size}"), digest)


def listens(port):
    """A server of this side."""
    with socket.socket() as client:
        return client.connect_ex((HERE4, port)) == 0


@test
def nginx_is_a_proxy():
    with nginx() as (_, _, _), scratch() as folder:
        files = write_files(folder, SHORT)
        server = subprocess.Popen([PYTHON, "-m", "http.server", "-d", folder, "8000"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            assert wait_until(lambda: listens(8000)), "the server does not listen"
            check_downloads(files, f"http://{guest4()}/proxy/")
            check_downloads(files, f"https://{guest4()}/proxy/", "-k", "--http2")
        finally:
            server.kill()
            server.wait()


def wrk(url, seconds, connections, *options):
    """Its report, in which there must be requests and no error."""
    needs("wrk")
    result = host("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", PATIENCE, *options, url,
                  timeout=GUARD)
    text = result.stdout.decode()
    assert result.returncode == 0 and "requests in" in text, text + result.stderr.decode()
    assert "Socket errors" not in text and "Non-2xx" not in text, text
    return text


@test
def nginx_answers_many_clients_at_once():
    with nginx() as (guest, _, files):
        wrk(f"http://{guest4()}/1024", 2, min(CLIENTS, 256))
        wrk(f"http://{guest4()}/1024", 2, 30, "-H", "Connection: close")
        check_downloads(files, f"http://{guest4()}/")
        guest.signal(signal.SIGQUIT)
        guest.finish()


@test
def nginx_reloads_while_it_serves():
    with nginx() as (guest, folder, files):
        def version():
            return host("curl", "-sSI", f"http://{guest4()}/1024").stdout.decode()
        assert "X-Version: 1\r" in version(), version()
        load = subprocess.Popen(["wrk", "-t", "1", "-c", "16", "-d", "5s", "--timeout", PATIENCE, "-H", "Connection: close",
                                 f"http://{guest4()}/1024"], stdout=subprocess.PIPE, text=True)
        for number in (2, 3):
            write_nginx(folder, version=number, workers=number)
            time.sleep(1.1)             # for a second a guest may trust what it knows of a volume's file
            guest.signal(signal.SIGHUP)
            guest.wait_for(lambda: f"X-Version: {number}\r" in version(), f"version {number}")
        text = load.communicate(timeout=GUARD)[0]
        assert load.returncode == 0 and "requests in" in text and "Socket errors" not in text and "Non-2xx" not in text, text
        check_downloads(files, f"http://{guest4()}/")


@test
def nginx_through_a_forwarded_port():
    net = ["--net", "user", "-p", "127.0.0.1:8080:80", "-p", "[::1]:8443:443"]
    with nginx(net=net) as (_, _, files):
        check_downloads(files, "http://127.0.0.1:8080/")
        check_downloads(files, "https://[::1]:8443/", "-k", "--http2")
        wrk("http://127.0.0.1:8080/1024", 1, 16)


@test
def python_serves_files():
    needs("curl", "wget")
    with scratch() as folder:
        files = write_files(folder, SHORT)
        with network(), Guest(PYTHON, "-m", "http.server", "--bind", "::", "-d", folder, "80") as guest:
            guest.wait_port(80)
            for host_name in (guest4(), f"[{guest6()}]"):
                check_downloads(files, f"http://{host_name}/")
                equal("wget", printed_hash("wget", "-q", "-O", "-", f"http://{host_name}/{1 << 20}"), files[str(1 << 20)])


NODE = """
const http = require('http'), crypto = require('crypto');
http.createServer((request, response) => {
	const hash = crypto.createHash('sha256');
	let size = 0;
	if (request.method === 'GET') {
		response.writeHead(200, {'Transfer-Encoding': 'chunked'});
		for (let n = 0; n < 1000; n++) response.write(`line ${n} of ${request.url}\\n`.repeat(20));
		return response.end();
	}
	request.on('data', block => { hash.update(block); size += block.length; });
	request.on('end', () => response.end(`${size} ${hash.digest('hex')}`));
}).listen(80, '::');
"""


@test
def node_answers():
    needs("node", "curl")
    expected = "".join(f"line {n} of /some\n" * 20 for n in range(1000)).encode()
    with scratch() as folder, network(), Guest("/usr/bin/node", "-e", NODE, options=["-m", "1G"]) as guest:
        guest.wait_port(80)
        for host_name in (guest4(), f"[{guest6()}]"):
            equal("chunks", host("curl", "-sS", "--fail", f"http://{host_name}/some", timeout=GUARD).stdout, expected)
            for size in (1, 5 << 20):
                digest = write_file(f"{folder}/body", size, seed=3)
                for encoding in ("Expect:", "Transfer-Encoding: chunked"):
                    result = host("curl", "-sS", "--fail", "-H", encoding, "--data-binary", f"@{folder}/body",
                                  f"http://{host_name}/", timeout=GUARD)
                    equal(f"hash of {size} sent", result.stdout.decode(), f"{size} {digest}")


HAPROXY = """
global
	maxconn 2000
defaults
	mode http
	timeout connect 600s
	timeout client 600s
	timeout server 600s
	timeout check 600s
frontend in
	bind :::80 v4v6
	default_backend out
backend out
	balance roundrobin
	option httpchk GET /name
	option redispatch
	default-server check inter 5s downinter 100ms observe layer4 error-limit 1 on-error mark-down
	server one {here}:8001
	server two {here}:8002
"""


@test
def haproxy_in_front_of_two_servers():
    needs("/usr/sbin/haproxy", "curl")
    with scratch() as folder:
        servers = []
        with network():
            with open(f"{folder}/haproxy.conf", "w") as file:
                file.write(HAPROXY.format(here=HERE4))
            try:
                for number in (1, 2):
                    files = write_files(f"{folder}/{number}", SHORT)
                    with open(f"{folder}/{number}/name", "w") as file:
                        file.write(f"server {number}")
                    servers.append(subprocess.Popen([PYTHON, "-m", "http.server", "-d", f"{folder}/{number}", str(8000 + number)],
                                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                assert wait_until(lambda: listens(8001) and listens(8002)), "a server does not listen"
                check_haproxy(folder, files, servers)
            finally:
                for server in servers:
                    server.kill()
                    server.wait()


def check_haproxy(folder, files, servers):
    with Guest("/usr/sbin/haproxy", "-db", "-f", f"{folder}/haproxy.conf") as guest:
        def answers(count=8):
            return {host("curl", "-sS", f"http://{guest4()}/name").stdout for _ in range(count)}
        guest.wait_port(80)
        guest.wait_for(lambda: answers() == {b"server 1", b"server 2"}, "both servers are asked")
        check_downloads(files, f"http://{guest4()}/")
        check_downloads(files, f"http://[{guest6()}]/")
        servers[0].kill()
        guest.wait_for(lambda: answers() == {b"server 2"}, "the one that is left is asked")
        check_downloads(files, f"http://{guest4()}/")


if __name__ == "__main__":
    main()
