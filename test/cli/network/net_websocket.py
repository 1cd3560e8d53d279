#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
WebSockets (RFC 6455): a connection that was HTTP's carries frames both ways. By node in a guest, and through nginx in
a guest to node on the host.
"""
import base64, hashlib, os, socket, struct, subprocess, sys
sys.path.append(os.path.dirname(sys.path[0]))
from harness import GUARD, equal, main, needs, scratch, test
from namespaces import HERE4, Guest, end_with_parent, guest4, guest6, network

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20)
ECHO = """
const crypto = require('crypto'), http = require('http');
function frame(opcode, data) {
	const long = data.length > 65535, some = data.length > 125, head = Buffer.alloc(long ? 10 : some ? 4 : 2);
	head[0] = 0x80 | opcode;
	head[1] = long ? 127 : some ? 126 : data.length;
	if (long) head.writeBigUInt64BE(BigInt(data.length), 2); else if (some) head.writeUInt16BE(data.length, 2);
	return Buffer.concat([head, data]);
}
function next(bytes) {		// [opcode, payload, what is left], or nothing
	if (bytes.length < 2) return;
	let length = bytes[1] & 127, at = length === 127 ? 10 : length === 126 ? 4 : 2;
	if (bytes.length < at + 4) return;
	if (length === 127) length = Number(bytes.readBigUInt64BE(2)); else if (length === 126) length = bytes.readUInt16BE(2);
	if (bytes.length < at + 4 + length) return;
	const mask = bytes.subarray(at, at + 4), data = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
	for (let i = 0; i < length; i++) data[i] ^= mask[i & 3];
	return [bytes[0] & 15, data, bytes.subarray(at + 4 + length)];
}
http.createServer().on('upgrade', (request, connection, bytes) => {
	const key = request.headers['sec-websocket-key'] + '%s';
	connection.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
		`Sec-WebSocket-Accept: ${crypto.createHash('sha1').update(key).digest('base64')}\\r\\n\\r\\n`);
	connection.on('data', (more) => {
		bytes = Buffer.concat([bytes, more]);
		for (let found; (found = next(bytes)); bytes = found[2]) {
			connection.write(frame(found[0] === 9 ? 10 : found[0], found[1]));
			if (found[0] === 8) connection.end();
		}
	});
}).listen(Number(process.argv[1]), '::', () => console.log('ready'));
""" % MAGIC
NGINX = """
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log stderr warn; events {{ worker_connections 100; }}
http {{
	access_log off; client_header_timeout 600; send_timeout 600; client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
	uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
	server {{
		listen [::]:80 ipv6only=off;
		location / {{
			proxy_pass http://{here}:8000; proxy_http_version 1.1; proxy_read_timeout 600;
			proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "Upgrade";
		}}
	}}
}}
"""


class WebSocket:
    def __init__(self, address):
        self.socket = socket.create_connection((address, 80), timeout=GUARD)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(b"sixteen bytes ok").decode()
        self.socket.sendall(f"GET /chat HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        equal("status", self.file.readline().split()[1], b"101")
        headers = dict(line.strip().split(b": ", 1) for line in iter(self.file.readline, b"\r\n"))
        equal("accept", headers[b"Sec-WebSocket-Accept"],
              base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    @staticmethod
    def frame(opcode, data, mask=b"\x11\x22\x33\x44"):
        size = len(data)
        if size > 65535:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
        elif size > 125:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
        masks = int.from_bytes(mask * (size // 4 + 1), "big")
        padded = int.from_bytes(data + bytes(-size % 4 + (4 if size % 4 == 0 else 0)), "big")
        return head + mask + (masks ^ padded).to_bytes((size // 4 + 1) * 4, "big")[:size]

    def send(self, opcode, data):
        self.socket.sendall(self.frame(opcode, data))

    def receive(self):
        first, size = self.file.read(2)
        if size == 126:
            size, = struct.unpack(">H", self.file.read(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.file.read(8))
        return first & 15, self.file.read(size)


def talk(address):
    with WebSocket(address) as s:
        for size in SIZES:
            data = os.urandom(size)
            s.send(TEXT, data)
            equal(f"{size} bytes", s.receive(), (TEXT, data))
        s.send(PING, b"are you there")
        equal("ping", s.receive(), (PONG, b"are you there"))
        s.socket.sendall(b"".join(s.frame(TEXT, str(n).encode()) for n in range(1000)))
        equal("many at once", [s.receive() for _ in range(1000)], [(TEXT, str(n).encode()) for n in range(1000)])
        for part in (s.frame(TEXT, b"in two")[:1], s.frame(TEXT, b"in two")[1:]):
            s.socket.sendall(part)
        equal("in two parts", s.receive(), (TEXT, b"in two"))
        s.send(CLOSE, struct.pack(">H", 1000))
        equal("close", s.receive(), (CLOSE, struct.pack(">H", 1000)))
        equal("the end", s.file.read(1), b"")


@test
def node_in_a_guest():
    needs("node")
    with network(), Guest("/usr/bin/node", "-e", ECHO, "80", options=["-m", "1G"]) as guest:
        guest.wait_printed("ready")
        for address in (guest4(), guest6()):
            talk(address)


@test
def nginx_in_a_guest_between():
    needs("node", "/usr/sbin/nginx")
    with scratch() as folder, network():
        os.chmod(folder, 0o755)
        os.mkdir(f"{folder}/tmp")
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder, here=HERE4))
        with subprocess.Popen(["/usr/bin/node", "-e", ECHO, "8000"], stdout=subprocess.PIPE, preexec_fn=end_with_parent) as server, \
                Guest("/usr/sbin/nginx", "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr",
                      options=["-v", f"{folder}:{folder}"]) as guest:
            try:
                equal("server", server.stdout.readline(), b"ready\n")
                guest.wait_port(80)
                for address in (guest4(), guest6()):
                    talk(address)
            finally:
                server.kill()


main()
