/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: the native door (include/abi/hull/native.h), by which the SDK's
 * programs reach the network. Linux has no such call: there is nothing to do there.
 */
#include <arpa/inet.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../include/abi/hull/native.h"
#include "fail.h"

#define NR_EVENTS 32
#define TRIES     4800
#define TRY_NS    50000000ll /* what was lost with an allocation comes again, or is sent again */

static struct native_event events[NR_EVENTS];
static long loop;

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	long result = syscall(nr, a, b, c, d, e, f);

	return result < 0 ? -errno : result;
}

/* Its result. */
static int do_op(struct native_op op)
{
	long err = call(NATIVE_CALL_TURN, loop, (long)&op, 1, 0, 0, 0);

	return err < 0 ? (int)err : op.result;
}

static long soon(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec + TRY_NS;
}

/* The place of an event of that kind; -ETIMEDOUT: none has come for a while. */
static int wait_for(enum native_event_kind kind)
{
	long nr = call(NATIVE_CALL_TURN, loop, 0, 0, (long)events, NR_EVENTS, soon());

	for (long i = 0; i < nr; i++) {
		if (events[i].kind == kind)
			return (int)i;
	}
	return nr < 0 ? (int)nr : -ETIMEDOUT;
}

static int wait_long(enum native_event_kind kind)
{
	int at = -ETIMEDOUT;

	for (int i = 0; i < TRIES && at == -ETIMEDOUT; i++)
		at = wait_for(kind);
	return at;
}

static struct native_address loopback(uint16_t port)
{
	return (struct native_address){
		.ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 },
		.port = port,
	};
}

static uint16_t port_of(int id)
{
	struct native_op op = { .kind = NATIVE_OP_LOCAL, .id = (uint32_t)id };

	return call(NATIVE_CALL_TURN, loop, (long)&op, 1, 0, 0, 0) == 0 ? op.local.port : 0;
}

/* In a loop of its own. */
static int in_loop(int (*run)(void))
{
	int err;

	loop = call(NATIVE_CALL_OPEN, NATIVE_VERSION, 0, 0, 0, 0, 0);
	if (loop == -ENOSYS)
		return 0;
	if (loop < 0)
		return (int)loop;
	err = run();
	(void)call(NATIVE_CALL_CLOSE, loop, 0, 0, 0, 0, 0);
	return err;
}

/* ---- datagrams ---- */

static int open_udp(void)
{
	return do_op((struct native_op){ .kind = NATIVE_OP_UDP, .local = loopback(0) });
}

static int send_to_itself(int udp, uint32_t len)
{
	static char bytes[20000];
	struct native_op op = {
		.kind = NATIVE_OP_SEND_TO,
		.id = (uint32_t)udp,
		.data = (uintptr_t)bytes,
		.len = len,
		.remote = loopback(port_of(udp)),
	};

	return do_op(op);
}

/* Kept, sent again from where it lies, and given back. */
static int keep_and_echo(int udp, uint32_t token, uint32_t len)
{
	struct native_op keep = { .kind = NATIVE_OP_KEEP, .cookie = token };
	struct native_op release = { .kind = NATIVE_OP_RELEASE };
	struct native_op echo = {
		.kind = NATIVE_OP_SEND_TO,
		.flags = NATIVE_GIVEN,
		.id = (uint32_t)udp,
		.cookie = token,
		.len = len,
		.remote = loopback(port_of(udp)),
	};
	int err = do_op(echo), number;

	if (err != 0)
		return err;
	number = do_op(keep);
	if (number < 0)
		return number;
	release.cookie = (uint64_t)number;
	return do_op(release);
}

static int exchange_datagrams(uint32_t len)
{
	int udp = open_udp(), at = -ETIMEDOUT, err = 0;

	if (udp < 0)
		return udp;
	for (int i = 0; i < TRIES && err == 0 && at == -ETIMEDOUT; i++) {
		err = send_to_itself(udp, len);
		at = wait_for(NATIVE_EVENT_DATAGRAM);
	}
	if (err == 0)
		err = at < 0 ? at : keep_and_echo(udp, events[at].token, events[at].len);
	if (err == 0)
		err = do_op((struct native_op){ .kind = NATIVE_OP_CLOSE, .id = (uint32_t)udp });
	return err;
}

static int small_datagrams(void)
{
	return exchange_datagrams(100);
}

static int large_datagrams(void)
{
	return exchange_datagrams(20000);
}

static int run_datagrams(void)
{
	return in_loop(small_datagrams);
}

static int run_datagrams_large(void)
{
	return in_loop(large_datagrams);
}

/* ---- groups ---- */

static int change_group(enum native_op_kind kind, int udp, uint8_t last)
{
	struct native_op op = { .kind = (uint16_t)kind, .id = (uint32_t)udp };

	op.remote = loopback(0);
	op.remote.ip[12] = 239;
	op.remote.ip[15] = last;
	op.remote.interface = 1;
	return do_op(op);
}

#define GROUPS 6 /* more than the first room for them */

static int join_some(void)
{
	int udp = open_udp(), err = udp < 0 ? udp : 0;

	for (uint8_t i = 0; i < GROUPS && err == 0; i++)
		err = change_group(NATIVE_OP_JOIN, udp, i);
	if (err == 0)
		err = change_group(NATIVE_OP_LEAVE, udp, 1);
	return err; /* the loop's end leaves the others */
}

static int run_groups(void)
{
	return in_loop(join_some);
}

/* ---- connections ---- */

static int end_connection(uint32_t id)
{
	return do_op(
		(struct native_op){ .kind = NATIVE_OP_CLOSE, .flags = NATIVE_ABORT, .id = id });
}

/* Bytes from one end to the other, who takes them. */
static int exchange_bytes(uint32_t from, uint32_t to)
{
	static char bytes[3000];
	struct native_op send = {
		.kind = NATIVE_OP_SEND,
		.id = from,
		.data = (uintptr_t)bytes,
		.len = sizeof(bytes),
	};
	struct native_op consume = { .kind = NATIVE_OP_CONSUME, .id = to };
	int n = do_op(send), at = n < 0 ? n : wait_long(NATIVE_EVENT_BYTES);

	if (at < 0)
		return at;
	consume.len = events[at].len;
	n = do_op(consume);
	return n < 0 ? n : do_op((struct native_op){ .kind = NATIVE_OP_FINISH, .id = from });
}

/* Both ends by a reset, whatever has failed: a TIME-WAIT would look like a leak. */
static int serve_one(int client)
{
	int at = wait_long(NATIVE_EVENT_ACCEPTED), err = at < 0 ? at : 0, ended;
	uint32_t id = err == 0 ? events[at].token : 0;

	if (err == 0)
		err = do_op((struct native_op){ .kind = NATIVE_OP_ADOPT, .id = id, .cookie = 1 });
	if (err == 0)
		err = exchange_bytes((uint32_t)client, id);
	ended = end_connection((uint32_t)client);
	if (id != 0 && ended == 0)
		ended = end_connection(id);
	return err != 0 ? err : ended;
}

static int connect_and_send(void)
{
	int listener, client;

	if (call(NATIVE_CALL_TCP, 0, 0, 0, 0, 0, 0) != 0)
		return 0;
	listener = do_op(
		(struct native_op){ .kind = NATIVE_OP_LISTEN, .local = loopback(0), .len = 8 });
	if (listener < 0)
		return listener;
	client = do_op((struct native_op){ .kind = NATIVE_OP_CONNECT,
					   .local = loopback(0),
					   .remote = loopback(port_of(listener)) });
	return client < 0 ? client : serve_one(client);
}

static int run_connections(void)
{
	return in_loop(connect_and_send);
}

/* ---- the rest ---- */

static int open_many(void)
{
	int err = 0;

	for (int i = 0; i < 100 && err >= 0; i++) /* more than the first room for ids */
		err = open_udp();
	return err < 0 ? err : 0;
}

static int run_ids(void)
{
	return in_loop(open_many);
}

static int look_at_interfaces(void)
{
	static struct native_interface all[4];
	struct native_op op = {
		.kind = NATIVE_OP_INTERFACES,
		.data = (uintptr_t)all,
		.len = 4,
	};
	int nr = do_op(op), err;

	if (nr < 0)
		return nr;
	err = do_op((struct native_op){ .kind = NATIVE_OP_WATCH, .len = 1 });
	return err != 0 ? err : do_op((struct native_op){ .kind = NATIVE_OP_WATCH });
}

static int run_interfaces(void)
{
	return in_loop(look_at_interfaces);
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ } \
	}

static const struct fail_op ops[] = {
	ROW(datagrams, ENOBUFS), ROW(datagrams_large, ENOBUFS),
	ROW(groups, ENOBUFS),    ROW(connections, ENOBUFS),
	ROW(ids, ENOBUFS),       ROW(interfaces, ENOBUFS),
};

int main(int argc, char **argv)
{
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
