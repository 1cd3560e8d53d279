/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections by the door: how they begin, what their events and results mean, and what of theirs
 * waits to be handed over. Only a program that has connections is linked with this (core/core.h),
 * and its asking for them is a call that `hull scan` sees.
 */
#include <errno.h>

#include "native/door.h"
#include "native/native.h"

#define SENDS_MAX 8u /* of one connection in a turn */

/* ---- events ---- */

static void *object_of(const struct native_event *v)
{
	return (void *)(uintptr_t)v->cookie;
}

static void accepted(struct hull_loop *l, const struct native_event *v)
{
	struct hull_listener *listener = object_of(v);
	struct hull_tcp *c = listener->e.is_closed || l->stops ? NULL : hull_tcp_accepted(listener);
	struct native_op op = { .kind = NATIVE_OP_ADOPT, .id = v->token };

	op.cookie = (uint64_t)(uintptr_t)c;
	if (c == NULL) {
		op.kind = NATIVE_OP_CLOSE;
		op.flags = NATIVE_ABORT;
		hull_door_add(l, &op, NULL);
		return;
	}
	c->e.id = v->token;
	hull_door_address_read(&v->local, &c->e.local);
	hull_door_address_read(&v->remote, &c->remote);
	hull_door_add(l, &op, c);
	hull_tcp_tell_accepted(listener, c);
}

static void bytes(struct hull_tcp *c, const struct native_event *v)
{
	size_t n;

	if (c->e.is_closed)
		return;
	c->given += v->len;
	hull_tcp_mark(c);
	if (c->has_gap)
		return;
	n = hull_tcp_arrived(c, (const void *)(uintptr_t)v->data, v->len);
	c->consumed += (uint32_t)n;
	c->has_gap = n < v->len;
}

/* Both ends have finished: that the peer has may still be to be told. */
static void closed(struct hull_tcp *c, int error)
{
	if (error != 0 || !c->is_end_due)
		hull_tcp_over(c, error);
}

static void event(struct hull_loop *l, const struct native_event *v)
{
	struct hull_tcp *c = object_of(v);

	switch (v->kind) {
	case NATIVE_EVENT_ACCEPTED:
		accepted(l, v);
		break;
	case NATIVE_EVENT_CONNECTED:
		hull_door_address_read(&v->local, &c->e.local);
		hull_tcp_connected(c);
		break;
	case NATIVE_EVENT_BYTES:
		bytes(c, v);
		break;
	case NATIVE_EVENT_WRITABLE:
		hull_tcp_writable(c);
		break;
	case NATIVE_EVENT_END:
		hull_tcp_ended(c);
		break;
	case NATIVE_EVENT_CLOSED:
		closed(c, v->error);
		break;
	default:
		break; /* of a newer kernel: there is no such event in NATIVE_VERSION 1 */
	}
}

/* ---- results ---- */

static void sent(const struct native_op *op, struct hull_tcp *c)
{
	if (c->is_blocked || c->e.id < 0)
		return;
	if (op->result < 0) {
		/* An end of the connection is told by an event; the rest is ours. */
		if (op->result != -EPIPE && op->result != -ENOTCONN)
			hull_tcp_over(c, -op->result);
		return;
	}
	hull_tcp_sent(c, (size_t)op->result);
	if ((uint32_t)op->result < op->len)
		c->is_blocked = true;
	else if (c->out_len > 0)
		hull_tcp_mark(c);
	hull_tcp_flushed(c);
}

static void result(const struct native_op *op, struct hull_tcp *c)
{
	if (op->kind == NATIVE_OP_SEND)
		sent(op, c);
	else if (op->kind == NATIVE_OP_FINISH)
		hull_tcp_flushed(c);
}

/* ---- out ---- */

/* One piece of a chunk; how long it is. */
static uint32_t add_send(struct hull_tcp *c, const uint8_t *data, size_t len, bool is_last)
{
	struct native_op op = {
		.kind = NATIVE_OP_SEND,
		.flags = is_last ? 0 : NATIVE_MORE,
		.id = (uint32_t)c->e.id,
		.data = (uint64_t)(uintptr_t)data,
		.len = (uint32_t)min(len, (size_t)NATIVE_SEND_MAX),
	};

	hull_door_add(c->e.loop, &op, c);
	return op.len;
}

/* True: more is left for the next turn. */
static bool queue_bytes(struct hull_tcp *c)
{
	size_t left = c->out_len;
	unsigned nr = 0;
	struct hull_chunk *k;

	list_foreach(&c->out, k, link) {
		size_t at = 0;

		for (; at < k->len && nr < SENDS_MAX; nr++) {
			size_t n = min(k->len - at, (size_t)NATIVE_SEND_MAX);

			at += add_send(c, k->data + at, n, n == left);
			left -= n;
		}
		if (nr == SENDS_MAX)
			break;
	}
	return left > 0;
}

static void queue_consumed(struct hull_tcp *c)
{
	const struct native_op op = {
		.kind = NATIVE_OP_CONSUME,
		.id = (uint32_t)c->e.id,
		.len = c->consumed,
	};

	if (c->given == 0 || c->is_paused)
		return;
	hull_door_add(c->e.loop, &op, c);
	c->given = c->consumed = 0;
	c->has_gap = false;
}

static void queue_finish(struct hull_tcp *c)
{
	const struct native_op op = { .kind = NATIVE_OP_FINISH, .id = (uint32_t)c->e.id };

	c->told_finish = true;
	hull_door_add(c->e.loop, &op, c);
}

/* True: what is sent is followed by something that its result decides. */
static bool queue_connection(struct hull_tcp *c)
{
	bool wants_result = false;

	hull_door_reserve(c->e.loop, SENDS_MAX + 2);
	if (c->e.is_closed || c->e.id < 0)
		return false;
	if (c->out_len > 0 && !c->is_blocked) {
		wants_result = queue_bytes(c) || hull_tcp_wants_result(c);
	} else if (c->out_len == 0 && c->is_finishing && !c->told_finish && !c->is_closing) {
		queue_finish(c);
	}
	queue_consumed(c);
	if (c->out_len == 0)
		hull_tcp_flushed(c);
	return wants_result;
}

static bool queue(struct hull_loop *l)
{
	struct list now;
	struct hull_tcp *c;
	bool wants_result = false;

	list_init(&now);
	list_splice(&now, &l->dirty);
	while ((c = list_first(&now, struct hull_tcp, dirty_link)) != NULL) {
		list_remove(&c->dirty_link);
		wants_result |= queue_connection(c);
	}
	return wants_result || !list_is_empty(&l->news);
}

/* ---- beginning ---- */

static int begin(struct hull_loop *l)
{
	static const struct door_streams streams = { event, result, queue };
	const long none[6] = { 0 };
	struct door *d = l->state;

	if (DOOR_CALL(NATIVE_CALL_TCP, none) != 0)
		return -ENOSYS;
	d->streams = &streams;
	return 0;
}

static int listen_on(struct hull_listener *l, const struct hull_listen_config *c)
{
	struct native_op op = {
		.kind = NATIVE_OP_LISTEN,
		.flags = hull_door_flags(c->reuse_port, c->only_v6),
		.len = c->backlog == 0 ? 1024 : c->backlog,
	};

	return hull_door_make(&l->e, &op, &c->local);
}

static int connect_to(struct hull_tcp *c, const struct hull_connect_config *config)
{
	struct native_op op = { .kind = NATIVE_OP_CONNECT };

	hull_door_address_write(&config->remote, &op.remote);
	return hull_door_make(&c->e, &op, &config->local);
}

const struct hull_stream_backend hull_native_streams = {
	.of = &hull_native,
	.begin = begin,
	.listen = listen_on,
	.connect = connect_to,
};
