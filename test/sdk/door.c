/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native door as no library would use it: wrong numbers, pointers, tokens; then random
 * operations. The kernel must answer with an error, and live. On Linux, which has no door, nothing
 * is tried.
 *
 *	door [SEED [ROUNDS]]
 */
#include <abi/hull/native.h>

#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_EVENTS 64u

static struct native_event events[NR_EVENTS];
static long loop;

static long call(long nr, long a, long b, long c, long d)
{
	long result = syscall(nr, a, b, c, d, NR_EVENTS, 0);

	return result < 0 ? -errno : result;
}

static long turn(struct native_op *ops, unsigned nr)
{
	return call(NATIVE_CALL_TURN, loop, (long)ops, nr, (long)events);
}

static long turn_with(long ops, long nr, long to, long max)
{
	long result = syscall(NATIVE_CALL_TURN, loop, ops, nr, to, max, 0L);

	return result < 0 ? -errno : result;
}

/* One operation's result. */
static int do_op(struct native_op op)
{
	op.result = 0;
	CHECK_EQUAL(turn_with((long)&op, 1, 0, 0), 0);
	return op.result;
}

/* Turns until there is an event of that kind; its place. */
static int wait_for(enum native_event_kind kind)
{
	for (;;) {
		long n = turn(NULL, 0);

		for (long i = 0; i < n; i++) {
			if (events[i].kind == kind)
				return (int)i;
		}
		usleep(100);
	}
}

static struct native_address local(uint16_t port)
{
	return (struct native_address){
		.ip = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1 },
		.port = port,
	};
}

static struct native_address local_of(int id)
{
	struct native_op op = { .kind = NATIVE_OP_LOCAL, .id = (uint32_t)id };

	CHECK_EQUAL(turn_with((long)&op, 1, 0, 0), 0);
	CHECK_EQUAL(op.result, 0);
	return op.local;
}

/* ---- arguments ---- */

static void test_calls(void)
{
	static long more[NATIVE_LOOPS_MAX];
	unsigned nr = 0;
	long number;

	CHECK_EQUAL(call(NATIVE_CALL_OPEN, NATIVE_VERSION + 1, 0, 0, 0), -EINVAL);
	CHECK_EQUAL(call(NATIVE_CALL_TURN, 63, 0, 0, 0), -EBADF);
	CHECK_EQUAL(call(NATIVE_CALL_TURN, -1, 0, 0, 0), -EBADF);
	CHECK_EQUAL(call(NATIVE_CALL_WAKE, 1l << 40, 0, 0, 0), -EBADF);
	CHECK_EQUAL(call(NATIVE_CALL_CLOSE, 64, 0, 0, 0), -EBADF);
	CHECK_EQUAL(call(NATIVE_CALL_FIRST + NATIVE_NR_CALLS, 0, 0, 0, 0), -ENOSYS);
	while ((number = call(NATIVE_CALL_OPEN, NATIVE_VERSION, 0, 0, 0)) >= 0)
		more[nr++] = number;
	CHECK_EQUAL(number, -EMFILE);
	CHECK_EQUAL(nr, NATIVE_LOOPS_MAX - 1);
	while (nr-- > 0) {
		CHECK_EQUAL(call(NATIVE_CALL_CLOSE, more[nr], 0, 0, 0), 0);
		CHECK_EQUAL(call(NATIVE_CALL_CLOSE, more[nr], 0, 0, 0), -EBADF);
	}
}

static void test_pointers(void)
{
	static struct native_op op = { .kind = NATIVE_OP_WATCH };
	void *none = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQUAL(turn_with(0x10, 1, 0, 0), -EFAULT);
	CHECK_EQUAL(turn_with(-4096, 1, 0, 0), -EFAULT);
	CHECK_EQUAL(turn_with((long)&op, NATIVE_OPS_MAX + 1, 0, 0), -EINVAL);
	CHECK_EQUAL(turn_with((long)&op, 1l << 32, 0, 0), -EINVAL);
	CHECK_EQUAL(turn_with((long)&op, 1, (long)events, 1), -EINVAL);
	CHECK_EQUAL(turn_with((long)&op, 1, (long)events, NATIVE_EVENTS_MAX + 1), -EINVAL);
	CHECK_EQUAL(turn_with((long)&op, 1, (long)events, -1), -EINVAL);
	/* A result cannot be written there, and 0 need not be. */
	CHECK_EQUAL(turn_with((long)none, 1, 0, 0), -EFAULT);
	CHECK_EQUAL(call(NATIVE_CALL_WAKE, loop, 0, 0, 0), 0);
	CHECK_EQUAL(turn_with(0, 0, (long)events, NR_EVENTS), 0);
	munmap(none, 8192);
}

static void test_ids(int udp, int listener)
{
	struct native_op op = { .kind = 0 };

	for (int kind = NATIVE_OP_ADOPT; kind <= NATIVE_OP_LOCAL; kind++) {
		op.kind = (uint16_t)kind;
		op.id = 0x7fffffff;
		CHECK(do_op(op) < 0);
	}
	for (int kind = NATIVE_OP_JOIN; kind <= NATIVE_OP_LEAVE; kind++) {
		op.kind = (uint16_t)kind;
		op.id = (uint32_t)listener;
		CHECK_EQUAL(do_op(op), -EBADF);
		op.id = (uint32_t)udp;
		CHECK_EQUAL(do_op(op), -EINVAL);
	}
	CHECK_EQUAL(do_op((struct native_op){ .kind = 0 }), -EINVAL);
	CHECK_EQUAL(do_op((struct native_op){ .kind = 60000 }), -EINVAL);
	CHECK_EQUAL(
		do_op((struct native_op){ .kind = NATIVE_OP_SEND, .id = (uint32_t)udp, .len = 1 }),
		-EBADF);
	CHECK_EQUAL(do_op((struct native_op){
			    .kind = NATIVE_OP_SEND, .id = (uint32_t)listener, .len = 1 }),
		    -EBADF);
	CHECK_EQUAL(
		do_op((struct native_op){ .kind = NATIVE_OP_SEND_TO, .id = (uint32_t)listener }),
		-EBADF);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_ADOPT, .id = (uint32_t)udp }),
		    -EINVAL);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_ADOPT, .id = (uint32_t)listener }),
		    -EINVAL);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_WATCH, .len = 2 }), -EINVAL);
}

/* ---- datagrams ---- */

static struct native_op send_op(int udp, const void *data, uint32_t len)
{
	return (struct native_op){
		.kind = NATIVE_OP_SEND_TO,
		.id = (uint32_t)udp,
		.data = (uint64_t)(uintptr_t)data,
		.len = len,
		.remote = local_of(udp),
	};
}

static void test_datagrams(int udp)
{
	struct native_op op = send_op(udp, "hello", 5), keep = { .kind = NATIVE_OP_KEEP };
	struct native_op release = { .kind = NATIVE_OP_RELEASE };

	op.data = 0x10;
	CHECK_EQUAL(do_op(op), -EFAULT);
	op.data = (uint64_t)-4096;
	CHECK_EQUAL(do_op(op), -EFAULT);
	op.len = UINT32_MAX;
	CHECK_EQUAL(do_op(op), -EMSGSIZE);
	op = send_op(udp, "hello", 5);
	op.flags = NATIVE_GIVEN;
	CHECK_EQUAL(do_op(op), -EINVAL);
	CHECK_EQUAL(do_op(send_op(udp, "hello", 5)), 0);
	CHECK_EQUAL(wait_for(NATIVE_EVENT_DATAGRAM), 0);
	CHECK(events[0].len == 5 && memcmp((void *)(uintptr_t)events[0].data, "hello", 5) == 0);
	op.cookie = events[0].token;
	op.data = 4;
	op.len = 2;
	CHECK_EQUAL(do_op(op), -EINVAL);
	op.data = (uint64_t)-1;
	CHECK_EQUAL(do_op(op), -EINVAL);
	keep.cookie = events[0].token;
	release.cookie = (uint64_t)do_op(keep);
	CHECK_EQUAL((int)release.cookie > 0, 1);
	CHECK_EQUAL(do_op(keep), -EINVAL);
	keep.cookie = (uint64_t)1 << 40;
	CHECK_EQUAL(do_op(keep), -EINVAL);
	CHECK_EQUAL(turn(NULL, 0), 0);
	CHECK_EQUAL(do_op(release), 0);
	CHECK_EQUAL(do_op(release), -EINVAL);
	release.cookie = (uint64_t)1 << 33 | 1;
	CHECK_EQUAL(do_op(release), -EINVAL);
}

/* Kept datagrams count: who keeps all that comes gets no more. */
static void test_keeping_all(void)
{
	struct native_op op = { .kind = NATIVE_OP_UDP, .local = local(0), .len = 65536 };
	struct native_op keep = { .kind = NATIVE_OP_KEEP };
	static uint8_t bytes[1000];
	int udp = do_op(op);
	unsigned nr = 0;

	while (nr < 1000) {
		CHECK_EQUAL(do_op(send_op(udp, bytes, sizeof(bytes))), 0);
		if (turn(NULL, 0) != 1)
			break;
		keep.cookie = events[0].token;
		CHECK(do_op(keep) > 0);
		nr++;
	}
	CHECK(nr > 10 && nr < 100);
	/* They go with their endpoint's loop, or now. */
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_CLOSE, .id = (uint32_t)udp }), 0);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_CLOSE, .id = (uint32_t)udp }),
		    -EBADF);
	for (uint64_t i = 1; i <= nr; i++)
		CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_RELEASE, .cookie = i }), 0);
}

/* ---- connections ---- */

static void test_connection(int listener)
{
	struct native_op connect = { .kind = NATIVE_OP_CONNECT, .remote = local_of(listener) };
	struct native_op send = { .kind = NATIVE_OP_SEND, .len = 3 };
	struct native_op consume = { .kind = NATIVE_OP_CONSUME };
	int client = do_op(connect), at = wait_for(NATIVE_EVENT_ACCEPTED);
	uint32_t server;

	CHECK(client > 0);
	server = events[at].token;
	send.id = (uint32_t)client;
	send.data = 8;
	CHECK_EQUAL(do_op(send), -EFAULT);
	send.data = (uint64_t)(uintptr_t) "abc";
	CHECK_EQUAL(do_op(send), 3);
	send.len = 0;
	CHECK_EQUAL(do_op(send), -EINVAL);
	send.len = NATIVE_SEND_MAX + 1;
	CHECK_EQUAL(do_op(send), -EINVAL);
	/* Silent until it is adopted, once. */
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_ADOPT, .id = server, .cookie = 7 }),
		    0);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_ADOPT, .id = server }), -EINVAL);
	at = wait_for(NATIVE_EVENT_BYTES);
	CHECK_EQUAL(events[at].cookie, 7);
	CHECK_EQUAL(events[at].len, 3);
	consume.id = server;
	consume.len = 4;
	CHECK_EQUAL(do_op(consume), -EINVAL);
	consume.len = 1;
	CHECK_EQUAL(do_op(consume), 0);
	at = wait_for(NATIVE_EVENT_BYTES);
	CHECK_EQUAL(events[at].len, 2);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_CLOSE,
					      .id = (uint32_t)client,
					      .flags = NATIVE_ABORT }),
		    0);
	at = wait_for(NATIVE_EVENT_CLOSED);
	CHECK_EQUAL(events[at].error, ECONNRESET);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_CLOSE, .id = server }), 0);
}

/* ---- processes and threads ---- */

static void *busy_turns(void *arg)
{
	long *nr_busy = arg;

	for (int i = 0; i < 2000; i++) {
		long result = syscall(NATIVE_CALL_TURN, loop, 0L, 0L, events, (long)NR_EVENTS, 0L);

		CHECK(result >= 0 || errno == EBUSY);
		*nr_busy += result < 0;
	}
	return NULL;
}

static void test_sharing(void)
{
	pthread_t threads[2];
	long nr_busy[2] = { 0 };
	int status;
	pid_t child;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, busy_turns, &nr_busy[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		/* It has none of its parent's, and leaves its own open. */
		if (call(NATIVE_CALL_TURN, loop, 0, 0, (long)events) != -EBADF)
			_exit(1);
		loop = call(NATIVE_CALL_OPEN, NATIVE_VERSION, 0, 0, 0);
		if (do_op((struct native_op){ .kind = NATIVE_OP_LISTEN, .local = local(7099) }) < 0)
			_exit(2);
		_exit(0);
	}
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	/* What it had is free again. */
	status = do_op((struct native_op){ .kind = NATIVE_OP_LISTEN, .local = local(7099) });
	CHECK(status > 0);
	CHECK_EQUAL(do_op((struct native_op){ .kind = NATIVE_OP_CLOSE, .id = (uint32_t)status }),
		    0);
}

/* ---- random operations ---- */

static uint64_t state;

static uint32_t any(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16) % below;
}

static uint32_t ids[16];
static uint8_t data[70000];

static uint64_t any_pointer(void)
{
	static const uint64_t odd[] = { 0, 8, 0x7ffffffff000, 0x8000000000000000, (uint64_t)-16 };
	uint32_t n = any(40);

	return n < 5 ? odd[n] : (uint64_t)(uintptr_t)data + any(1000);
}

static uint32_t any_len(void)
{
	static const uint32_t odd[] = { 0, 1, 65535, 65536, 65537, 0x7fffffff, 0xffffffff, 1472 };
	uint32_t n = any(32);

	return n < 8 ? odd[n] : any(3000);
}

static struct native_op any_op(uint16_t port)
{
	struct native_op op = {
		.kind = (uint16_t)any(18),
		.flags = any(4) == 0 ? (uint16_t)any(64) : 0,
		.id = any(20) == 0 ? any(UINT32_MAX) : ids[any(16)],
		.cookie = any(8) == 0 ? any_pointer() : any(40),
		.data = any_pointer(),
		.len = any_len(),
		.local = local(any(3) == 0 ? port : 0),
		.remote = local(port),
	};

	if (op.kind == NATIVE_OP_INTERFACES)
		op.len = any(100);
	if (any(30) == 0)
		fill(&op.remote, sizeof(op.remote), any(1000));
	if (any(30) == 0)
		fill(&op.local, sizeof(op.local), any(1000));
	return op;
}

static bool makes(const struct native_op *op)
{
	return op->kind == NATIVE_OP_UDP || op->kind == NATIVE_OP_LISTEN ||
	       op->kind == NATIVE_OP_CONNECT;
}

static void fuzz_round(void)
{
	struct native_op ops[24];
	unsigned nr = any(24);
	long n;

	for (unsigned i = 0; i < nr; i++)
		ops[i] = any_op((uint16_t)(7100 + any(4)));
	n = turn_with((long)ops, nr, any(20) == 0 ? (long)any_pointer() : (long)events, NR_EVENTS);
	CHECK(n >= 0 || n == -EFAULT);
	for (unsigned i = 0; i < nr; i++) {
		if (!makes(&ops[i]) || ops[i].result <= 0)
			continue;
		/* At most 16 are open. */
		(void)do_op((struct native_op){ .kind = NATIVE_OP_CLOSE, .id = ids[i % 16] });
		ids[i % 16] = (uint32_t)ops[i].result;
	}
	for (long i = 0; i < n; i++) {
		if (events[i].kind == NATIVE_EVENT_ACCEPTED)
			(void)do_op((struct native_op){ .kind = any(2) == 0 ? NATIVE_OP_ADOPT
									    : NATIVE_OP_CLOSE,
							.id = events[i].token });
	}
}

static void fuzz(uint32_t seed, unsigned rounds)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (unsigned i = 0; i < rounds; i++)
		fuzz_round();
}

static int start(void *user)
{
	char **argv = user;
	int udp, listener;

	loop = call(NATIVE_CALL_OPEN, NATIVE_VERSION, 0, 0, 0);
	if (loop == -ENOSYS)
		return 0;
	test_calls();
	test_pointers();
	udp = do_op((struct native_op){ .kind = NATIVE_OP_UDP, .local = local(0) });
	listener =
		do_op((struct native_op){ .kind = NATIVE_OP_LISTEN, .local = local(0), .len = 8 });
	CHECK(udp > 0 && listener > 0);
	test_ids(udp, listener);
	test_datagrams(udp);
	test_keeping_all();
	test_connection(listener);
	test_sharing();
	fuzz(argv[1] == NULL ? 1 : (uint32_t)atoi(argv[1]),
	     argv[1] == NULL || argv[2] == NULL ? 2000 : (unsigned)atoi(argv[2]));
	return 0;
}

int main(int argc, char **argv)
{
	(void)start(argv);
	printf("%s the door\n", nr_wrong == 0 ? "ok" : "not ok");
	return nr_wrong == 0 ? 0 : 1;
}
