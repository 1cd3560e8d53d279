/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's endpoints: listeners and connections over the engine (net/tcp/tcp.h), which has states,
 * queues and windows. Bytes are shown to the program in the engine's queue, from its beginning, and
 * stay there until CONSUME; meanwhile no more are shown, so that the window closes when it does not
 * keep up.
 *
 * What a connection has told:
 *
 *	-> CONNECTED		of connect
 *	-> BYTES, WRITABLE	as often as there are any
 *	-> END			the peer's FIN, when all bytes before it are consumed
 *	-> CLOSED		last: both FINs, after END; or an error, at once
 *
 * An accepted connection is silent until ADOPT says what its cookie is.
 */
#include "net/tcp/tcp.h"

#include "core/uio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "native/native.h"
#include "net/net.h"
#include "net/netbuf.h"

#define LINEAR_MAX 1800u /* bytes to send; more are in pages */
#define PART_MIN   2048u /* even if there is less room: no crumbs */
#define TURN_MAX   64u   /* pieces of one connection in a turn, so that others have theirs */
#define ACCEPT_MAX 64u   /* connections of one listener in a turn */

#define NEWS \
	(TCP_NEWS_READABLE | TCP_NEWS_WRITABLE | TCP_NEWS_CONNECTED | TCP_NEWS_PENDING | \
	 TCP_NEWS_ENDED)

struct native_tcp {
	struct native_endpoint e;
	struct tcp tcp;
	unsigned news;              /* [l] enum tcp_news, not told yet */
	uint32_t given;             /* [t] bytes that the program reads */
	bool wants_write;           /* [t] */
	bool is_listener;           /* [t] */
	bool told_end, told_closed; /* [t] */
};

static const struct native_endpoint_ops tcp_ops;
static const struct tcp_events events;

static struct native_tcp *of_engine(struct tcp *t)
{
	return container_of(t, struct native_tcp, tcp);
}

static struct native_tcp *of_endpoint(struct native_endpoint *e)
{
	return container_of(e, struct native_tcp, e);
}

/* ---- what the engine tells ---- */

static bool note(struct native_tcp *c, unsigned news)
{
	scoped_spin(&c->e.loop->lock);
	c->news |= news;
	return native_endpoint_ready_locked(&c->e);
}

static void changed(struct tcp *t, unsigned news)
{
	struct native_tcp *c = of_engine(t);

	if ((news & NEWS) != 0 && note(c, news & NEWS))
		native_loop_wake(c->e.loop);
}

static void start(struct native_tcp *c, struct native_loop *l, bool v6)
{
	native_endpoint_init(&c->e, l, &tcp_ops);
	c->e.end = &c->tcp.endpoint;
	tcp_init(&c->tcp, l->net, &events, v6);
	memcpy(c->e.end->local.ip, v6 ? inet_any6 : inet_any4, 16);
	memcpy(c->e.end->remote.ip, c->e.end->local.ip, 16);
	c->tcp.wishes.no_delay = true; /* all of a turn goes at once */
	c->tcp.wishes.out_of_band_inline = true;
}

static struct tcp *child(struct tcp *listener)
{
	struct native_tcp *l = of_engine(listener), *c = kmem_alloc_nowait(sizeof(*c));

	if (c == NULL)
		return NULL;
	start(c, l->e.loop, listener->v6);
	c->e.is_silent = true;
	return &c->tcp;
}

static void get(struct tcp *t)
{
	ref_get(&of_engine(t)->e.ref);
}

static void put(struct tcp *t)
{
	native_endpoint_put(&of_engine(t)->e);
}

static const struct tcp_events events = {
	.changed = changed,
	.child = child,
	.get = get,
	.put = put,
};

/* ---- birth and death ---- */

static void free_connection(struct native_endpoint *e)
{
	struct native_tcp *c = of_endpoint(e);

	tcp_fini(&c->tcp);
	kmem_free(c);
}

static void close_connection(struct native_endpoint *e, bool abort)
{
	struct native_tcp *c = of_endpoint(e);

	if (abort && !c->is_listener)
		tcp_abort(&c->tcp);
	else
		tcp_close(&c->tcp);
}

/* With its id, and bound if the operation says where. */
static int make(struct native_loop *l, const struct native_op *op, bool must_bind,
		struct native_tcp **out)
{
	struct native_binding binding;
	struct native_tcp *c;
	int err = native_binding_read(l->net, op, false, &binding);

	if (err != 0)
		return err;
	c = kmem_new(struct native_tcp);
	if (c == NULL)
		return -ENOMEM;
	start(c, l, binding.v6 && (must_bind || !inet_ip_is_v4(op->remote.ip)));
	c->e.cookie = op->cookie;
	err = native_endpoint_enter(&c->e);
	if (err != 0) {
		native_endpoint_put(&c->e);
		return err;
	}
	if (must_bind || binding.at.port != 0 || !inet_ip_is_any(binding.at.ip))
		err = native_bind(c->e.end, &binding);
	else
		c->e.end->dev_index = op->remote.interface;
	*out = c;
	return err;
}

/* make() may have failed after it had entered c. */
static int finish_making(struct native_tcp *c, int err)
{
	if (err == 0)
		return (int)c->e.id;
	if (c != NULL)
		native_endpoint_close(&c->e, true);
	return err;
}

int native_op_listen(struct native_loop *l, struct native_op *op)
{
	struct native_tcp *c = NULL;
	int err = make(l, op, true, &c);

	if (err == 0) {
		c->is_listener = true;
		err = tcp_listen(&c->tcp, max(op->len, 1u));
	}
	return finish_making(c, err);
}

int native_op_connect(struct native_loop *l, struct native_op *op)
{
	struct inet_address to;
	struct native_tcp *c = NULL;
	const uint8_t *from;
	int err;

	native_target_read(&op->remote, &to);
	if (to.port == 0)
		return -EADDRNOTAVAIL;
	if (inet_ip_is_multicast(to.ip) || net_address_is_broadcast(l->net, to.ip, 0))
		return -ENETUNREACH;
	err = make(l, op, false, &c);
	if (err == 0) {
		from = inet_ip_is_any(c->e.end->local.ip) ? NULL : c->e.end->local.ip;
		err = tcp_connect(&c->tcp, &to, from);
	}
	return finish_making(c, err);
}

static int adopt(struct native_endpoint *e)
{
	struct native_tcp *c = of_endpoint(e);

	scoped_spin(&e->loop->lock);
	if (!e->is_silent)
		return -EINVAL;
	e->is_silent = false;
	c->news |= TCP_NEWS_READABLE;
	(void)native_endpoint_ready_locked(e);
	return 0;
}

/* ---- what is told ---- */

static struct native_event event_of(const struct native_tcp *c, enum native_event_kind kind)
{
	return (struct native_event){ .kind = kind, .id = c->e.id, .cookie = c->e.cookie };
}

static unsigned scope_of(const struct tcp *t)
{
	return inet_ip_is_link_local(t->remote.ip) ? t->dev_index : 0;
}

static void emit_names(struct native_tcp *c, const struct tcp *names, struct native_event *v,
		       struct native_batch *out)
{
	native_address_write(names->local.ip, names->local.port, scope_of(names), &v->local);
	native_address_write(names->remote.ip, names->remote.port, scope_of(names), &v->remote);
	native_emit(out, v);
}

static void tell_pending(struct native_tcp *l, struct native_batch *out)
{
	struct native_event v = event_of(l, NATIVE_EVENT_ACCEPTED);
	struct native_tcp *c;
	struct tcp *t;

	for (unsigned nr = 0; nr < ACCEPT_MAX && native_has_room(out, 1); nr++) {
		t = tcp_accept(&l->tcp);
		if (t == NULL)
			return;
		c = of_engine(t);
		if (native_endpoint_enter(&c->e) != 0) {
			tcp_abort(t);
			native_endpoint_put(&c->e);
			continue;
		}
		v.token = c->e.id;
		emit_names(l, t, &v, out);
	}
	native_endpoint_ready(&l->e);
}

struct piece {
	const uint8_t *at;
	uint32_t len;
};

/* A netbuf's piece that byte `offset` is in, from there on. */
static struct piece piece_at(const struct netbuf *b, uint32_t offset)
{
	unsigned i = 0;

	if (offset < b->head_len)
		return (struct piece){ b->data + offset, b->head_len - offset };
	offset -= b->head_len;
	while (offset >= b->parts[i].len)
		offset -= b->parts[i++].len;
	return (struct piece){
		(const uint8_t *)page_to_ptr(b->parts[i].page) + b->parts[i].offset + offset,
		b->parts[i].len - offset,
	};
}

static void emit_piece(struct native_tcp *c, const struct piece *p, struct native_batch *out)
{
	struct native_event v = event_of(c, NATIVE_EVENT_BYTES);

	if (p->len == 0)
		return;
	v.data = (uint64_t)(uintptr_t)p->at;
	v.len = p->len;
	native_emit(out, &v);
	c->given += p->len;
}

/* The queue from its beginning; pieces that lie behind each other in memory are one. */
static void tell_bytes(struct native_tcp *c, struct native_batch *out)
{
	struct piece all = { NULL, 0 }, p;
	uint32_t offset;
	struct netbuf *b = tcp_first(&c->tcp, &offset);
	unsigned nr = 0;

	while (b != NULL && nr < TURN_MAX && native_has_room(out, 2)) {
		p = piece_at(b, offset);
		if (all.len > 0 && all.at + all.len == p.at) {
			all.len += p.len;
		} else {
			emit_piece(c, &all, out);
			all = p;
			nr++;
		}
		offset += p.len;
		if (offset < b->len)
			continue;
		b = tcp_next(&c->tcp, b);
		offset = 0;
	}
	emit_piece(c, &all, out);
}

/* The end of it, once nothing is left to be read. */
static void tell_end(struct native_tcp *c, struct native_batch *out)
{
	struct native_event end = event_of(c, NATIVE_EVENT_END);
	struct native_event closed = event_of(c, NATIVE_EVENT_CLOSED);

	if (c->told_closed || !tcp_is_at_end(&c->tcp))
		return;
	if (!c->told_end)
		native_emit(out, &end);
	c->told_end = true;
	if (tcp_state(&c->tcp) != TCP_STATE_CLOSED)
		return;
	native_emit(out, &closed);
	c->told_closed = true;
}

/* True: it is over by an error. */
static bool tell_error(struct native_tcp *c, struct native_batch *out)
{
	struct native_event v = event_of(c, NATIVE_EVENT_CLOSED);

	v.error = tcp_take_error(&c->tcp);
	if (v.error == 0)
		return false;
	native_emit(out, &v);
	c->told_closed = true;
	return true;
}

static void tell_writable(struct native_tcp *c, struct native_batch *out)
{
	struct native_event v = event_of(c, NATIVE_EVENT_WRITABLE);

	if (!c->wants_write || !tcp_is_writable(&c->tcp))
		return;
	c->wants_write = false;
	native_emit(out, &v);
}

static unsigned take_news(struct native_tcp *c)
{
	unsigned news;

	scoped_spin(&c->e.loop->lock);
	news = c->news;
	c->news = 0;
	return news;
}

static void tell(struct native_endpoint *e, struct native_batch *out)
{
	struct native_tcp *c = of_endpoint(e);
	unsigned news = take_news(c);
	struct native_event connected = event_of(c, NATIVE_EVENT_CONNECTED);

	if (c->is_listener) {
		tell_pending(c, out);
		return;
	}
	if (c->told_closed)
		return;
	if ((news & TCP_NEWS_CONNECTED) != 0)
		emit_names(c, &c->tcp, &connected, out);
	if ((news & TCP_NEWS_ENDED) != 0 && tell_error(c, out))
		return;
	if (c->given == 0)
		tell_bytes(c, out);
	if (c->given == 0)
		tell_end(c, out);
	tell_writable(c, out);
}

static const struct native_endpoint_ops tcp_ops = {
	.tell = tell,
	.close = close_connection,
	.free = free_connection,
	.adopt = adopt,
};

/* ---- operations on connections ---- */

static struct native_tcp *find(struct native_loop *l, uint32_t id)
{
	struct native_endpoint *e = native_endpoint_find(l, id);

	return e == NULL || e->ops != &tcp_ops || of_endpoint(e)->is_listener ? NULL
									      : of_endpoint(e);
}

static int send_bytes(struct native_tcp *c, const struct native_op *op, uint32_t len)
{
	struct netbuf *b = netbuf_new(len <= LINEAR_MAX ? len : 0);
	struct uio from;
	int err;

	if (b == NULL)
		return -ENOBUFS;
	uio_init_user(&from, op->data, len);
	err = netbuf_fill(b, &from, len);
	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	return tcp_send(&c->tcp, b, (op->flags & NATIVE_MORE) != 0 ? TCP_SEND_MORE : 0);
}

int native_op_send(struct native_loop *l, struct native_op *op)
{
	struct native_tcp *c = find(l, op->id);
	uint32_t room, len;
	int err;

	if (c == NULL)
		return -EBADF;
	if (op->len == 0 || op->len > NATIVE_SEND_MAX)
		return -EINVAL;
	/* What comes behind something that found no room waits with it. */
	room = c->wants_write ? 0 : tcp_room(&c->tcp);
	len = room == 0 ? 0 : min(op->len, max(room, PART_MIN));
	err = len == 0 ? 0 : send_bytes(c, op, len);
	if (err != 0)
		return err;
	if (len < op->len) {
		tcp_push(&c->tcp);
		c->wants_write = true;
		if (tcp_is_writable(&c->tcp))
			native_endpoint_ready(&c->e);
	}
	return (int)len;
}

int native_op_consume(struct native_loop *l, struct native_op *op)
{
	struct native_tcp *c = find(l, op->id);

	if (c == NULL)
		return -EBADF;
	if (op->len > c->given)
		return -EINVAL;
	c->given = 0;
	if (op->len > 0)
		tcp_consumed(&c->tcp, op->len);
	if (READ_ONCE(c->tcp.in_bytes) > 0 || READ_ONCE(c->tcp.got_fin) ||
	    tcp_state(&c->tcp) == TCP_STATE_CLOSED)
		native_endpoint_ready(&c->e);
	return 0;
}

int native_op_finish(struct native_loop *l, struct native_op *op)
{
	struct native_tcp *c = find(l, op->id);

	return c == NULL ? -EBADF : tcp_shutdown(&c->tcp, false, true);
}
