/* SPDX-License-Identifier: BSD-2-Clause */
/* The native backend: what the core calls. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "native/door.h"
#include "native/native.h"

/* ---- the loop ---- */

static struct door *new_door(long number)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->loop = number;
	d->ops = malloc(sizeof(*d->ops));
	d->doing = malloc(sizeof(*d->doing));
	if (d->ops != NULL && d->doing != NULL) {
		d->ops->nr = d->doing->nr = 0;
		return d;
	}
	free(d->ops);
	free(d->doing);
	free(d);
	return NULL;
}

static int open_door(struct hull_loop *l)
{
	const long open[6] = { NATIVE_VERSION };
	long number = hull_door_call(NATIVE_CALL_OPEN, open);
	const long close[6] = { number };

	/* Linux has no such call, and a filter of calls may say so in its own way. */
	if (number == -EPERM || number == -EINVAL)
		return -ENOSYS;
	if (number < 0)
		return (int)number;
	l->state = new_door(number);
	if (l->state != NULL)
		return 0;
	(void)hull_door_call(NATIVE_CALL_CLOSE, close);
	return -ENOMEM;
}

static void close_door(struct hull_loop *l)
{
	struct door *d = l->state;
	const long close[6] = { d->loop };

	(void)hull_door_call(NATIVE_CALL_CLOSE, close);
	free(d->ops);
	free(d->doing);
	free(d->join);
	free(d);
}

/* ---- turns ---- */

static void queue_datagrams(struct hull_loop *l)
{
	for (unsigned i = 0; i < l->nr_out; i++) {
		const struct hull_outgoing *o = &l->out[i];
		struct native_op op = {
			.kind = NATIVE_OP_SEND_TO,
			.id = (uint32_t)o->u->e.id,
			.data = (uint64_t)(uintptr_t)o->data,
			.len = o->len,
		};

		if (o->token != 0) {
			op.flags = NATIVE_GIVEN;
			op.cookie = o->token;
			op.data = o->offset;
		}
		hull_door_address_write(&o->to, &op.remote);
		hull_door_address_write(&o->from, &op.local);
		hull_door_add(l, &op, o->u);
	}
	l->nr_out = 0;
}

/* What the callbacks have left. True: a result of it is wanted at once. */
static bool queue_all(struct hull_loop *l)
{
	struct door *d = l->state;

	queue_datagrams(l);
	return d->streams != NULL && d->streams->queue(l);
}

static void turn(struct hull_loop *l, hull_ns until)
{
	bool wants_result = queue_all(l);
	unsigned nr;

	wants_result |= !list_is_empty(&l->udp_news);
	nr = hull_door_turn(l, DOOR_EVENTS, wants_result ? 0 : until);

	hull_arena_reset(l);
	hull_loop_read_clock(l);
	hull_door_dispatch(l, nr);
}

static void send(struct hull_loop *l)
{
	queue_datagrams(l);
	(void)hull_door_turn(l, 0, 0);
}

static void wake(struct hull_loop *l)
{
	const struct door *d = l->state;
	const long args[6] = { d->loop };

	(void)hull_door_call(NATIVE_CALL_WAKE, args);
}

/* ---- endpoints ---- */

int hull_door_make(struct hull_endpoint *e, struct native_op *op, const struct hull_address *local)
{
	struct native_op where = { .kind = NATIVE_OP_LOCAL };
	int result;

	hull_door_address_write(local, &op->local);
	op->cookie = (uint64_t)(uintptr_t)e;
	result = hull_door_now(e->loop, op);
	if (result < 0)
		return result;
	e->id = result;
	where.id = (uint32_t)result;
	if (hull_door_now(e->loop, &where) == 0)
		hull_door_address_read(&where.local, &e->local);
	return 0;
}

uint16_t hull_door_flags(bool reuse_port, bool only_v6)
{
	return (uint16_t)((reuse_port ? NATIVE_REUSE_PORT : 0) | (only_v6 ? NATIVE_ONLY_V6 : 0));
}

static int udp_open(struct hull_udp *u, const struct hull_udp_config *c)
{
	struct native_op op = {
		.kind = NATIVE_OP_UDP,
		.flags = hull_door_flags(c->reuse_port, c->only_v6),
		.len = c->receive_limit > UINT32_MAX ? UINT32_MAX : (uint32_t)c->receive_limit,
	};

	return hull_door_make(&u->e, &op, &c->local);
}

static void endpoint_close(struct hull_endpoint *e, bool abort)
{
	const struct native_op op = {
		.kind = NATIVE_OP_CLOSE,
		.flags = abort ? NATIVE_ABORT : 0,
		.id = (uint32_t)e->id,
	};

	e->id = -1;
	hull_door_add(e->loop, &op, NULL);
}

/* ---- datagrams that are kept ---- */

static int keep(struct hull_udp *u, uint32_t token, uint32_t *number)
{
	struct native_op op = { .kind = NATIVE_OP_KEEP, .cookie = token };
	int result = hull_door_now(u->e.loop, &op);

	*number = result < 0 ? 0 : (uint32_t)result;
	return result < 0 ? result : 0;
}

static void release(struct hull_loop *l, uint32_t number)
{
	const struct native_op op = { .kind = NATIVE_OP_RELEASE, .cookie = number };

	hull_door_add(l, &op, NULL);
}

/* ---- the network ---- */

static void describe(const struct native_interface *from, struct hull_interface *to)
{
	*to = (struct hull_interface){
		.index = from->index,
		.mtu = from->mtu,
		.is_up = from->is_up,
		.is_loopback = from->is_loopback,
		.nr_addresses = from->nr_addresses,
	};
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->link_address, from->link_address, sizeof(to->link_address));
	for (unsigned i = 0; i < from->nr_addresses; i++)
		memcpy(to->addresses[i].ip, from->addresses[i], sizeof(to->addresses[i].ip));
}

static int interfaces(struct hull_loop *l, struct hull_interface *out, unsigned max)
{
	struct native_interface *all = calloc(max + 1, sizeof(*all));
	struct native_op op = { .kind = NATIVE_OP_INTERFACES, .len = max };
	int nr;

	if (all == NULL)
		return -ENOMEM;
	op.data = (uint64_t)(uintptr_t)all;
	nr = hull_door_now(l, &op);
	for (unsigned i = 0; nr > 0 && i < min((unsigned)nr, max); i++)
		describe(&all[i], &out[i]);
	free(all);
	return nr;
}

static int watch(struct hull_loop *l, bool on)
{
	struct native_op op = { .kind = NATIVE_OP_WATCH, .len = on };

	return hull_door_now(l, &op);
}

const struct hull_backend hull_native = {
	.name = "native",
	.open = open_door,
	.close = close_door,
	.turn = turn,
	.send = send,
	.wake = wake,
	.udp_open = udp_open,
	.endpoint_close = endpoint_close,
	.keep = keep,
	.release = release,
	.interfaces = interfaces,
	.watch = watch,
};
