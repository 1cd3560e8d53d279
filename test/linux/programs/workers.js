// SPDX-License-Identifier: BSD-2-Clause
// node: worker threads with shared memory, child processes by every call, signals, streams.
const { Worker, isMainThread, workerData, parentPort } = require("worker_threads");
const { spawn, exec, execFileSync, spawnSync, fork } = require("child_process");

if (!isMainThread) {
	const shared = new Int32Array(workerData.shared);
	for (let i = 0; i < 10000; i++)
		Atomics.add(shared, 0, 1);
	Atomics.wait(shared, 1, 0);
	parentPort.postMessage(workerData.id * workerData.id);
} else if (process.argv[2] === "child") {
	process.on("message", (m) => { process.send({ doubled: m.value * 2 }); process.disconnect(); });
} else {
	main().catch((e) => { console.log("failed", e); process.exit(1); });
}

function once(emitter, event) {
	return new Promise((resolve) => emitter.once(event, (...a) => resolve(a)));
}

async function workers() {
	const shared = new SharedArrayBuffer(8), view = new Int32Array(shared);
	const all = [...Array(8).keys()].map((id) => new Worker(__filename, { workerData: { shared, id } }));
	const answers = all.map((w) => once(w, "message"));
	while (Atomics.load(view, 0) < 80000)
		await new Promise((r) => setTimeout(r, 5));
	Atomics.store(view, 1, 1);
	Atomics.notify(view, 1);
	console.log("workers", (await Promise.all(answers)).map((a) => a[0]).join(), view[0]);
}

async function children() {
	const cat = spawn("cat");
	let text = "";
	cat.stdout.on("data", (d) => { text += d; });
	for (let i = 0; i < 1000; i++)
		cat.stdin.write(`line ${i} ${"x".repeat(100)}\n`);
	cat.stdin.end();
	console.log("cat", (await once(cat, "close"))[0], text.length);
	const sleeper = spawn("sleep", ["100"]);
	sleeper.kill("SIGTERM");
	console.log("sleeper", await once(sleeper, "exit"));
	console.log("exec", await new Promise((r) => exec("echo out; echo err >&2; exit 3",
		(e, out, err) => r([e.code, out, err]))));
	console.log("sync", execFileSync("sort", ["-r"], { input: "a\nb\nc\n" }).toString().trim().split("\n"));
	console.log("missing", spawnSync("/no/such/program").error.code);
	const many = [...Array(20).keys()].map((i) => once(spawn("sh", ["-c", `exit ${i}`]), "exit"));
	console.log("many", (await Promise.all(many)).map((a) => a[0]).join());
	const ipc = fork(__filename, ["child"]), answer = once(ipc, "message"), end = once(ipc, "exit");
	ipc.send({ value: 21 });
	console.log("fork", (await answer)[0], (await end)[0]);
}

async function main() {
	await workers();
	await children();
	const alive = setInterval(() => {}, 1000);	// whoever waits for a signal alone ends
	process.once("SIGUSR2", () => { console.log("SIGUSR2"); clearInterval(alive); });
	process.kill(process.pid, "SIGUSR2");
}
