/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP: datagrams are queued, their bytes in the loop's arena, and handed to the backend together
 * before it sleeps, or when either is full. What lies in the arena already (hull_room), or in the
 * datagram whose callback runs, is not copied.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

struct failure {
	struct list link;
	struct hull_address to;
	int error;
};

int hull_udp_open(const struct hull_udp_config *config, struct hull_udp **out)
{
	struct hull_udp *u = calloc(1, sizeof(*u));
	int err;

	if (u == NULL)
		return -ENOMEM;
	hull_endpoint_init(&u->e, HULL_UDP, config->user);
	list_init(&u->failures);
	list_init(&u->news_link);
	u->received = config->received;
	u->failed = config->failed;
	err = u->e.loop->backend->udp_open(u, config);
	if (err != 0) {
		hull_endpoint_undo(&u->e);
		free(u);
		return err;
	}
	*out = u;
	return 0;
}

static void drop_failures(struct hull_udp *u)
{
	struct failure *f;

	while ((f = list_first(&u->failures, struct failure, link)) != NULL) {
		list_remove(&f->link);
		free(f);
	}
}

void hull_udp_close(struct hull_udp *u)
{
	struct hull_loop *l = u->e.loop;

	if (u->e.is_closed)
		return;
	if (l->nr_out > 0)
		l->backend->send(l);
	l->backend->endpoint_close(&u->e, false);
	list_remove(&u->news_link);
	hull_endpoint_doom(&u->e);
}

void hull_udp_free(struct hull_udp *u)
{
	drop_failures(u);
	free(u);
}

void *hull_udp_user(const struct hull_udp *u)
{
	return u->e.user;
}

struct hull_address hull_udp_local(const struct hull_udp *u)
{
	return u->e.local;
}

/* ---- out ---- */

void hull_arena_reset(struct hull_loop *l)
{
	l->arena_len = l->room_at = l->room_len = l->room_used = 0;
	l->arena_end = HULL_ARENA;
}

/* Hands over what is queued, so that its bytes may be used anew; the room stays where it is. The
 * larger part of the arena is before or behind it. */
static void empty_arena(struct hull_loop *l)
{
	l->backend->send(l);
	if (l->room_at >= HULL_ARENA / 2) {
		l->arena_len = 0;
		l->arena_end = l->room_at;
	} else {
		l->arena_len = l->room_at + l->room_len;
		l->arena_end = HULL_ARENA;
	}
}

void *hull_room(size_t len)
{
	struct hull_loop *l = hull_loop_here();

	if (len > HULL_ROOM_MAX)
		return NULL;
	/* Of the last one only what was sent is kept. */
	if (l->room_at + l->room_len == l->arena_len)
		l->arena_len = l->room_at + l->room_used;
	l->room_len = l->room_used = 0;
	if (len > l->arena_end - l->arena_len) {
		l->backend->send(l);
		hull_arena_reset(l);
	}
	l->room_at = l->arena_len;
	l->room_len = len;
	l->arena_len += len;
	return l->arena + l->room_at;
}

static bool lies_in(const void *data, size_t len, const void *place, size_t place_len)
{
	uintptr_t at = (uintptr_t)data, from = (uintptr_t)place;

	return at >= from && at - from <= place_len && len <= place_len - (at - from);
}

/* Where the bytes are until they are handed over. */
static const uint8_t *hold(struct hull_loop *l, const void *data, size_t len)
{
	uint8_t *to;

	if (l->room_len > 0 && lies_in(data, len, l->arena + l->room_at, l->room_len)) {
		size_t end = (size_t)((const uint8_t *)data - l->arena) + len - l->room_at;

		l->room_used = max(l->room_used, end);
		return data;
	}
	if (len > l->arena_end - l->arena_len)
		empty_arena(l);
	to = l->arena + l->arena_len;
	memcpy(to, data, len);
	l->arena_len += len;
	return to;
}

static int queue(struct hull_udp *u, const struct hull_outgoing *o)
{
	struct hull_loop *l = u->e.loop;
	struct hull_outgoing *at;
	const uint8_t *held;

	if (o->len > HULL_UDP_MAX)
		return -EMSGSIZE;
	if (u->e.is_closed)
		return -EBADF;
	if (l->nr_out == HULL_OUT_MAX)
		l->backend->send(l);
	if (l->shown_token != 0 && lies_in(o->data, o->len, l->shown.data, l->shown.len)) {
		at = &l->out[l->nr_out++];
		*at = *o;
		at->token = l->shown_token;
		at->offset = (uint32_t)(o->data - (const uint8_t *)l->shown.data);
		return 0;
	}
	held = hold(l, o->data, o->len);
	at = &l->out[l->nr_out++];
	*at = *o;
	at->data = held;
	return 0;
}

int hull_udp_send(struct hull_udp *u, const struct hull_address *to, const void *data, size_t len)
{
	const struct hull_outgoing o = {
		.u = u,
		.to = *to,
		.data = data,
		.len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len,
	};

	return queue(u, &o);
}

int hull_udp_reply(struct hull_udp *u, const struct hull_datagram *d, const void *data, size_t len)
{
	const struct hull_outgoing o = {
		.u = u,
		.to = d->from,
		.from = d->to,
		.data = data,
		.len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len,
	};

	return queue(u, &o);
}

/* ---- in ---- */

void hull_udp_arrived(struct hull_udp *u, const struct hull_datagram *d, uint32_t token)
{
	struct hull_loop *l = u->e.loop;

	if (u->e.is_closed || l->stops)
		return;
	l->shown = *d;
	l->shown_token = token;
	u->received(u, d);
	l->shown_token = 0;
}

/* Told later: the caller may be inside of a call of the program's. */
void hull_udp_failed(struct hull_udp *u, const struct hull_address *to, int error)
{
	struct failure *f = u->failed == NULL || u->e.is_closed ? NULL : malloc(sizeof(*f));

	if (f == NULL)
		return;
	f->to = *to;
	f->error = error;
	list_append(&u->failures, &f->link);
	list_remove(&u->news_link);
	list_append(&u->e.loop->udp_news, &u->news_link);
}

void hull_udp_news(struct hull_loop *l)
{
	struct hull_udp *u;
	struct failure *f;

	while ((u = list_first(&l->udp_news, struct hull_udp, news_link)) != NULL && !l->stops) {
		f = list_first(&u->failures, struct failure, link);
		if (f == NULL) {
			list_remove(&u->news_link);
			continue;
		}
		list_remove(&f->link);
		u->failed(u, &f->to, f->error);
		free(f);
	}
}

/* ---- keeping ---- */

struct kept {
	struct hull_datagram d; /* first: what the program has */
	struct hull_loop *loop;
	uint32_t number; /* the backend's; 0: the bytes are in room[] */
	uint8_t room[];
};

int hull_datagram_keep(struct hull_udp *u, const struct hull_datagram *d,
		       const struct hull_datagram **out)
{
	struct hull_loop *l = u->e.loop;
	bool is_shown = l->shown_token != 0 && d->data == l->shown.data && l->backend->keep != NULL;
	struct kept *k = malloc(sizeof(*k) + (is_shown ? 0 : d->len));
	int err = 0;

	if (k == NULL)
		return -ENOMEM;
	*k = (struct kept){ .d = *d, .loop = l };
	if (is_shown) {
		/* Once kept it has no token any more: what is queued of it goes first. */
		l->backend->send(l);
		err = l->backend->keep(u, l->shown_token, &k->number);
		l->shown_token = 0;
	} else {
		memcpy(k->room, d->data, d->len);
		k->d.data = k->room;
	}
	if (err != 0) {
		free(k);
		return err;
	}
	*out = &k->d;
	return 0;
}

void hull_datagram_release(const struct hull_datagram *kept)
{
	struct kept *k = (struct kept *)(uintptr_t)kept;

	if (k->number != 0)
		k->loop->backend->release(k->loop, k->number);
	free(k);
}
