/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend: wire.h has the theory. With a connection it does what linux/stream.c does. */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURNS_MAX 1000000u

struct wire wire;

/* The library's clock (the linker's --wrap). */
int __wrap_clock_gettime(clockid_t which, struct timespec *t);
int __wrap_clock_gettime(clockid_t which, struct timespec *t)
{
	(void)which;
	t->tv_sec = (time_t)(wire.now / HULL_SECOND);
	t->tv_nsec = (long)(wire.now % HULL_SECOND);
	return 0;
}

/* ---- bytes ---- */

static void append(uint8_t **all, size_t *len, size_t *room, const void *bytes, size_t n)
{
	if (*len + n > *room) {
		*room = (*len + n) * 2;
		*all = realloc(*all, *room);
		if (*all == NULL)
			abort();
	}
	if (n > 0)
		memcpy(*all + *len, bytes, n);
	*len += n;
}

void wire_give(struct wire_peer *p, const void *bytes, size_t len)
{
	append(&p->in, &p->in_len, &p->in_room, bytes, len);
}

static struct wire_peer *peer_of(const struct hull_tcp *c)
{
	return &wire.peers[c->e.id];
}

/* ---- out ---- */

static void send_some(struct hull_tcp *c, struct wire_peer *p)
{
	size_t total = 0;
	struct hull_chunk *k;

	list_foreach(&c->out, k, link) {
		size_t n = min(k->len, p->window);

		append(&p->out, &p->out_len, &p->out_room, k->data, n);
		p->window -= n;
		total += n;
	}
	hull_tcp_sent(c, total);
	c->is_blocked = c->out_len > 0;
}

static void flush(struct hull_tcp *c)
{
	struct wire_peer *p;

	if (c->e.id < 0 || c->e.is_closed)
		return;
	p = peer_of(c);
	if (c->out_len > 0 && !c->is_blocked)
		send_some(c, p);
	if (c->out_len == 0 && c->is_finishing && !c->told_finish) {
		c->told_finish = true;
		p->was_ended = true;
	}
	hull_tcp_flushed(c);
}

static void flush_all(struct hull_loop *l)
{
	struct hull_tcp *c;

	while ((c = list_first(&l->dirty, struct hull_tcp, dirty_link)) != NULL) {
		list_remove(&c->dirty_link);
		flush(c);
	}
}

/* ---- in ---- */

/* In memory of its own, so that a byte behind it is found out. */
static void show(struct hull_tcp *c, struct wire_peer *p)
{
	size_t len = p->in_len, done;
	uint8_t *bytes = malloc(len);

	if (bytes == NULL)
		abort();
	memcpy(bytes, p->in, len);
	p->in_len = 0;
	done = hull_tcp_arrived(c, bytes, len);
	if (done < len && c->e.id >= 0)
		hull_tcp_keep_rest(c, bytes + done, len - done);
	free(bytes);
}

/* True: something has happened. */
static bool serve(struct wire_peer *p)
{
	struct hull_tcp *c = p->c;

	if (c == NULL)
		return false;
	if (c->is_blocked && p->window > 0) {
		hull_tcp_writable(c);
		return true;
	}
	if (c->is_paused || (c->news & HULL_NEWS_RESUMED) != 0)
		return false;
	if (p->in_len > 0) {
		show(c, p);
		return true;
	}
	if (p->ends && !c->got_end) {
		hull_tcp_ended(c);
		return true;
	}
	return false;
}

static void turn(struct hull_loop *l, hull_ns until)
{
	bool busy = false;

	if (++wire.nr_turns > TURNS_MAX)
		abort(); /* it goes round and round */
	flush_all(l);
	for (unsigned i = 0; i < wire.nr_peers; i++)
		busy |= serve(&wire.peers[i]);
	if (busy || until <= wire.now || !list_is_empty(&l->dirty) || !list_is_empty(&l->news))
		return;
	if (!wire.step(&wire)) {
		if (until == UINT64_MAX)
			abort(); /* something waits for nothing */
		wire.now = until;
	}
	hull_loop_read_clock(l);
}

/* ---- endpoints ---- */

static int listen_on(struct hull_listener *l, const struct hull_listen_config *c)
{
	(void)c;
	l->e.id = 0;
	wire.listener = l;
	return 0;
}

static int connect_to(struct hull_tcp *c, const struct hull_connect_config *config)
{
	(void)c, (void)config;
	return -ENETUNREACH;
}

static void endpoint_close(struct hull_endpoint *e, bool abort)
{
	struct wire_peer *p;

	if (e->kind == HULL_TCP) {
		p = peer_of((struct hull_tcp *)e);
		p->c = NULL;
		p->was_ended = true;
		p->was_reset = abort;
	} else {
		wire.listener = NULL;
	}
	e->id = -1;
}

struct wire_peer *wire_connect(void)
{
	struct wire_peer *p = &wire.peers[wire.nr_peers];

	if (wire.listener == NULL || wire.nr_peers == WIRE_PEERS)
		return NULL;
	p->window = SIZE_MAX;
	p->c = hull_tcp_accepted(wire.listener);
	if (p->c == NULL)
		return NULL;
	p->c->e.id = wire.nr_peers++;
	hull_tcp_tell_accepted(wire.listener, p->c);
	return p;
}

void wire_reset(struct wire_peer *p)
{
	if (p->c != NULL)
		hull_tcp_over(p->c, ECONNRESET);
}

/* ---- the whole ---- */

static int open_wire(struct hull_loop *l)
{
	(void)l;
	return 0;
}

static void nothing(struct hull_loop *l)
{
	(void)l;
}

static const struct hull_backend virtual = {
	.name = "virtual",
	.open = open_wire,
	.close = nothing,
	.turn = turn,
	.send = nothing,
	.wake = nothing,
	.endpoint_close = endpoint_close,
};

static const struct hull_stream_backend virtual_streams = {
	.of = &virtual,
	.begin = open_wire,
	.listen = listen_on,
	.connect = connect_to,
};

const struct hull_backend *const hull_backends[] = { &virtual, NULL };
const struct hull_stream_backend *const hull_stream_backends[] = { &virtual_streams };

int wire_run(bool (*step)(struct wire *w), int (*start)(void *user), void *user)
{
	wire = (struct wire){ .now = HULL_SECOND, .step = step, .user = user };
	return hull_loop_run(start, user);
}

void wire_free(void)
{
	for (unsigned i = 0; i < wire.nr_peers; i++) {
		free(wire.peers[i].in);
		free(wire.peers[i].out);
	}
	wire.nr_peers = 0;
}
