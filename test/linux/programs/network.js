// SPDX-License-Identifier: BSD-2-Clause
// node on the loopback: http, https, http2, net, UNIX sockets, dgram, dns, workers that share a port.
//	node network.js FOLDER		FOLDER has cert.pem and key.pem, and gets a socket
const [http, https, http2, net, dgram, dns, os, fs, crypto, cluster] =
	["http", "https", "http2", "net", "dgram", "dns", "os", "fs", "crypto", "cluster"].map((m) => require(m));

const folder = process.argv[2];
const hash = (data) => crypto.createHash("sha256").update(data).digest("hex").slice(0, 16);
const once = (emitter, event) => new Promise((resolve, reject) => {
	emitter.once(event, (...a) => resolve(a));
	if (event !== "error")
		emitter.once("error", reject);
});
const listening = async (server, ...where) => { server.listen(...where); await once(server, "listening"); return server; };
const closed = (server) => new Promise((resolve) => server.close(resolve));

async function body(stream) {
	const parts = [];
	for await (const part of stream)
		parts.push(part);
	return Buffer.concat(parts);
}

function answer(request, response) {
	body(request).then((data) => {
		response.writeHead(request.url === "/teapot" ? 418 : 200, { "x-family": request.socket.remoteFamily });
		for (let i = 0; i < 4; i++)
			response.write(`${request.method} ${request.url} ${data.length} ${hash(data)}\n`);
		response.end();
	});
}

async function ask(library, options, data) {
	const request = library.request({ ...options, rejectUnauthorized: false });
	request.end(data);
	const [response] = await once(request, "response");
	return [response.statusCode, response.headers["x-family"], hash(await body(response))].join(" ");
}

async function web() {
	const secret = { key: fs.readFileSync(`${folder}/key.pem`), cert: fs.readFileSync(`${folder}/cert.pem`) };
	for (const [name, library, server] of [["http", http, http.createServer(answer)],
		["https", https, https.createServer(secret, answer)]])
		for (const host of ["127.0.0.1", "::1"]) {
			server.keepAliveTimeout = 0; // none ends while a request is on its way
			const { port } = (await listening(server, 0, host)).address();
			const agent = new library.Agent({ keepAlive: true, maxSockets: 5 });
			const big = crypto.createHash("shake256", { outputLength: 1 << 20 }).update("big").digest();
			console.log(name, host, await ask(library, { host, port, agent, method: "POST", path: "/big" }, big));
			const many = [...Array(50).keys()].map((n) => ask(library, { host, port, agent, path: `/${n}` }));
			console.log(name, host, hash((await Promise.all(many)).join()));
			console.log(name, host, await ask(library, { host, port, agent, path: "/teapot" }));
			agent.destroy();
			await closed(server);
		}
}

async function streams() {
	const server = await listening(http2.createServer(), 0, "127.0.0.1");
	server.on("stream", (stream, headers) => { stream.respond({ ":status": 200 }); stream.end(headers[":path"].repeat(20000)); });
	const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
	const all = [...Array(20).keys()].map(async (n) => hash(await body(client.request({ ":path": `/${n}` }).end())));
	console.log("http2", hash((await Promise.all(all)).join()));
	client.close();
	await closed(server);
}

async function sockets() {
	const echo = () => net.createServer({ allowHalfOpen: true }, (s) => s.pipe(s));
	for (const where of [[0, "127.0.0.1"], [0, "::1"], [0], [`${folder}/socket`]]) {
		const server = await listening(echo(), ...where), at = server.address();
		const client = net.connect(typeof at === "string" ? { path: at } : { port: at.port, host: where[1] ?? "127.0.0.1" });
		await once(client, "connect");
		client.setNoDelay(true).setKeepAlive(true, 1000).end(Buffer.alloc(3000000, "abc"));
		console.log("net", at.family, client.remoteFamily, client.remoteAddress, hash(await body(client)));
		await closed(server);
	}
	const server = await listening(echo(), 0, "127.0.0.1"), { port } = server.address();
	const second = echo();
	second.listen(port, "127.0.0.1");
	console.log((await once(second, "error"))[0].code);
	const client = net.connect(port, "127.0.0.1");
	client.setTimeout(50);
	await once(client, "timeout");
	client.destroy();
	await closed(server);
	console.log((await once(net.connect(port, "127.0.0.1"), "error"))[0].code);
	console.log((await once(net.connect("/no/such/socket"), "error"))[0].code);
}

async function datagrams() {
	for (const [type, host] of [["udp4", "127.0.0.1"], ["udp6", "::1"]]) {
		const server = dgram.createSocket({ type, recvBufferSize: 100000 }), client = dgram.createSocket(type);
		server.on("message", (data, from) => server.send(data, from.port, from.address));
		server.bind(0, host);
		await once(server, "listening");
		client.connect(server.address().port, host);
		await once(client, "connect");
		client.setTTL(5);
		client.setMulticastTTL(3);
		for (const size of [0, 1, 1472, 9000, 65000]) {
			client.send(Buffer.alloc(size, "x"));
			const [data, from] = await once(client, "message");
			console.log(type, data.length, from.family, from.size, hash(data));
		}
		console.log(server.getRecvBufferSize() >= 100000);
		client.setBroadcast(true);
		client.close();
		server.close();
	}
}

async function names() {
	const look = dns.promises.lookup;
	console.log(await look("localhost", { family: 4 }), await look("127.0.0.9"), await look("::1"));
	console.log(await look("no.such.name.invalid").catch((e) => e.syscall), net.isIP("::ffff:1.2.3.4"));
	console.log(JSON.stringify(os.networkInterfaces().lo));
}

async function workers() {
	for (const policy of [cluster.SCHED_RR, cluster.SCHED_NONE]) {
		cluster.schedulingPolicy = policy;
		cluster.setupPrimary({ args: [folder] });
		const all = [cluster.fork(), cluster.fork(), cluster.fork()];
		const ports = await Promise.all(all.map(async (w) => (await once(w, "message"))[0]));
		const get = () => ask(http, { host: "127.0.0.1", port: ports[0], path: "/worker", agent: false });
		const answers = await Promise.all([...Array(40)].map(get));
		console.log("cluster", new Set(ports).size, new Set(answers).size, answers[0]);
		await Promise.all(all.map((w) => { const end = once(w, "exit"); w.disconnect(); return end; }));
	}
}

async function main() {
	for (const part of [web, streams, sockets, datagrams, names, workers])
		await part();
}

if (cluster.isPrimary)
	main().catch((e) => { console.log("failed", e); process.exit(1); });
else
	listening(http.createServer(answer), 0, "127.0.0.1").then((server) => process.send(server.address().port));
