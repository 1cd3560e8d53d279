/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls, and the operations on their way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "native/door.h"

long hull_door_call(long nr, const long args[6])
{
	switch (nr) {
	case NATIVE_CALL_TURN:
		return DOOR_CALL(NATIVE_CALL_TURN, args);
	case NATIVE_CALL_OPEN:
		return DOOR_CALL(NATIVE_CALL_OPEN, args);
	case NATIVE_CALL_WAKE:
		return DOOR_CALL(NATIVE_CALL_WAKE, args);
	case NATIVE_CALL_CLOSE:
		return DOOR_CALL(NATIVE_CALL_CLOSE, args);
	default:
		return -ENOSYS;
	}
}

/* ---- results ---- */

static void look_at(const struct door *d, const struct native_op *op, void *owner)
{
	struct hull_address to;

	if (op->kind != NATIVE_OP_SEND_TO) {
		if (d->streams != NULL)
			d->streams->result(op, owner);
		return;
	}
	if (op->result >= 0)
		return;
	hull_door_address_read(&op->remote, &to);
	hull_udp_failed(owner, &to, -op->result);
}

/* ---- turns ---- */

static NORETURN void give_up(long result)
{
	hull_say("libhull: the kernel refuses a turn of the loop: ", strerror((int)-result), NULL);
	abort();
}

unsigned hull_door_turn(struct hull_loop *l, unsigned max_events, hull_ns until)
{
	struct door *d = l->state;
	struct door_ops *ops = d->ops;
	long deadline = until > INT64_MAX ? -1 : (long)until, n;
	const long args[6] = { d->loop,         (long)ops->all,   (long)ops->nr,
			       (long)d->events, (long)max_events, deadline };

	d->ops = d->doing;
	d->ops->nr = 0;
	d->doing = ops;
	n = hull_door_call(NATIVE_CALL_TURN, args);
	if (n < 0 && n != -EINTR)
		give_up(n);
	for (unsigned i = 0; i < ops->nr; i++)
		look_at(d, &ops->all[i], ops->owners[i]);
	ops->nr = 0;
	return n < 0 ? 0 : (unsigned)n;
}

void hull_door_reserve(struct hull_loop *l, unsigned nr)
{
	struct door *d = l->state;

	if (d->ops->nr + nr > DOOR_OPS)
		(void)hull_door_turn(l, 0, 0);
}

void hull_door_add(struct hull_loop *l, const struct native_op *op, void *owner)
{
	struct door *d = l->state;

	hull_door_reserve(l, 1);
	d->ops->all[d->ops->nr] = *op;
	d->ops->owners[d->ops->nr++] = owner;
}

/* Behind what is collected: a port that is asked for may be one that is closed there. */
int hull_door_now(struct hull_loop *l, struct native_op *op)
{
	struct door *d = l->state;
	const long args[6] = { d->loop, (long)op, 1, 0, 0, 0 };
	long n;

	if (d->ops->nr > 0)
		(void)hull_door_turn(l, 0, 0);
	n = hull_door_call(NATIVE_CALL_TURN, args);

	return n < 0 ? (int)n : op->result;
}

/* ---- addresses ---- */

void hull_door_address_write(const struct hull_address *a, struct native_address *out)
{
	memcpy(out->ip, a->ip, sizeof(out->ip));
	out->port = a->port;
	out->interface = a->interface;
}

void hull_door_address_read(const struct native_address *a, struct hull_address *out)
{
	memcpy(out->ip, a->ip, sizeof(out->ip));
	out->port = a->port;
	out->interface = a->interface;
}
