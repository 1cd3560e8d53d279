/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of the door, as calls of the core. An event's cookie is the object that it is about, which
 * lives at least until all events of its turn are done. */
#include <stdlib.h>
#include <string.h>

#include "native/door.h"

#define JOIN_MAX 65536u

static void *object_of(const struct native_event *v)
{
	return (void *)(uintptr_t)v->cookie;
}

/* A datagram in several pieces is put together; how many events it takes. */
static unsigned join(struct door *d, const struct native_event *v, struct hull_datagram *out)
{
	unsigned nr = 0;

	if (d->join == NULL)
		d->join = malloc(JOIN_MAX);
	out->data = d->join;
	out->len = 0;
	for (;; nr++) {
		if (d->join != NULL && v[nr].len <= JOIN_MAX - out->len)
			memcpy(d->join + out->len, (const void *)(uintptr_t)v[nr].data, v[nr].len);
		out->len += v[nr].len;
		if ((v[nr].flags & NATIVE_MORE) == 0)
			return nr + 1;
	}
}

static unsigned datagram(struct hull_loop *l, const struct native_event *v)
{
	struct hull_datagram in = { .data = (const void *)(uintptr_t)v->data, .len = v->len };
	struct door *d = l->state;
	unsigned nr = 1;

	hull_door_address_read(&v->remote, &in.from);
	hull_door_address_read(&v->local, &in.to);
	if ((v->flags & NATIVE_MORE) == 0) {
		hull_udp_arrived(object_of(v), &in, v->token);
		return 1;
	}
	nr = join(d, v, &in);
	if (d->join != NULL)
		hull_udp_arrived(object_of(v), &in, 0);
	return nr;
}

static void failed(struct hull_udp *u, const struct native_event *v)
{
	struct hull_address to;

	hull_door_address_read(&v->remote, &to);
	hull_udp_failed(u, &to, v->error);
}

/* How many events it takes. */
static unsigned dispatch(struct hull_loop *l, const struct native_event *v)
{
	struct door *d = l->state;

	switch (v->kind) {
	case NATIVE_EVENT_DATAGRAM:
		return datagram(l, v);
	case NATIVE_EVENT_FAILED:
		failed(object_of(v), v);
		break;
	case NATIVE_EVENT_NETWORK:
		l->network_due = true;
		break;
	default:
		if (d->streams != NULL)
			d->streams->event(l, v);
		break;
	}
	return 1;
}

void hull_door_dispatch(struct hull_loop *l, unsigned nr)
{
	struct door *d = l->state;

	for (unsigned i = 0; i < nr;)
		i += dispatch(l, &d->events[i]);
}
