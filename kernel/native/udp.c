/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP's endpoints. A datagram waits in the netbuf that it came in, is given to the program by its
 * address, and freed after the turn; all three count against the endpoint's limit. Of ICMP's errors
 * the last is told. What comes to a group that was not joined (group.c) is for somebody else.
 */
#include "net/udp/engine.h"

#include "core/uio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "native/native.h"
#include "net/counters.h"
#include "net/ip/ip.h"

OPTIONAL(native_groups_end);
OPTIONAL(native_hears_group);

#define LIMIT_USUAL (256u * 1024)
#define LIMIT_LEAST 4096u
#define LINEAR_MAX  1800u /* bytes to send; more are in pages */
#define TURN_MAX    256u  /* datagrams of one endpoint in a turn, so that others have theirs */

struct native_udp {
	struct native_endpoint e;
	struct udp udp;
	struct list queue;            /* [l] netbufs */
	uint32_t charged, limit;      /* [l], [I] bytes of memory */
	int error;                    /* [l] positive; 0: none */
	struct inet_address lost;     /* [l] where to, what `error` is about */
	uint8_t own[16];              /* [t] an address that was ours at own_generation */
	uint64_t own_generation;      /* [t] net->generation; 0: none */
	struct native_groups *groups; /* [l to read, and t to write] owned; NULL: none */
};

/* ---- what the engine tells ---- */

static struct native_udp *of_engine(struct udp *u)
{
	return container_of(u, struct native_udp, udp);
}

static struct native_udp *of_endpoint(struct native_endpoint *e)
{
	return container_of(e, struct native_udp, e);
}

static bool append(struct native_udp *u, struct netbuf *b)
{
	scoped_spin(&u->e.loop->lock);
	if (u->charged != 0 && u->charged + b->charge > u->limit)
		return false;
	if (!native_endpoint_ready_locked(&u->e))
		return false;
	list_append(&u->queue, &b->link);
	u->charged += b->charge;
	return true;
}

/* None can be joined where group.c is left out. */
static bool hears(struct native_udp *u, const struct ip_info *i)
{
	if (!inet_ip_is_multicast(i->to))
		return true;
	if (native_hears_group == NULL)
		return false;
	scoped_spin(&u->e.loop->lock);
	return native_hears_group(u->groups, i->to, i->dev_index);
}

static void received(struct udp *e, struct netbuf *b)
{
	const struct ip_info *i = netbuf_notes(b, const struct ip_info);
	struct native_udp *u = of_engine(e);

	if (!hears(u, i)) {
		netbuf_free(b);
	} else if (append(u, b)) {
		native_loop_wake(u->e.loop);
	} else {
		net_count(e->net, i->v4, NET_COUNT_UDP_IN_ERRORS);
		net_count(e->net, i->v4, NET_COUNT_UDP_BUFFER_ERRORS);
		netbuf_free(b);
	}
}

static bool note_failure(struct native_udp *u, int error, const struct inet_address *to)
{
	scoped_spin(&u->e.loop->lock);
	u->error = error;
	u->lost = *to;
	return native_endpoint_ready_locked(&u->e);
}

static void failed(struct udp *e, const struct ip_error *error, const struct inet_address *to)
{
	if (note_failure(of_engine(e), error->error, to))
		native_loop_wake(of_engine(e)->e.loop);
}

static void get(struct udp *e)
{
	ref_get(&of_engine(e)->e.ref);
}

static void put(struct udp *e)
{
	native_endpoint_put(&of_engine(e)->e);
}

static const struct udp_events events = {
	.received = received,
	.failed = failed,
	.get = get,
	.put = put,
};

/* ---- birth and death ---- */

static void udp_free(struct native_endpoint *e)
{
	struct native_udp *u = of_endpoint(e);

	netbuf_free_all(&u->queue);
	udp_fini(&u->udp);
	kmem_free(u);
}

static void udp_close(struct native_endpoint *e, bool abort)
{
	endpoint_remove(e->end);
	if (of_endpoint(e)->groups != NULL)
		native_groups_end(e);
}

static void udp_tell(struct native_endpoint *e, struct native_batch *out);

static void udp_returned(struct native_endpoint *e, const struct netbuf *b)
{
	of_endpoint(e)->charged -= b->charge;
}

static const struct native_endpoint_ops udp_ops = {
	.tell = udp_tell,
	.close = udp_close,
	.free = udp_free,
	.returned = udp_returned,
};

struct native_groups **native_udp_groups(struct native_endpoint *e)
{
	return e->ops == &udp_ops ? &of_endpoint(e)->groups : NULL;
}

int native_op_udp(struct native_loop *l, struct native_op *op)
{
	struct native_binding binding;
	struct native_udp *u;
	int err = native_binding_read(l->net, op, true, &binding);

	if (err != 0)
		return err;
	u = kmem_new(struct native_udp);
	if (u == NULL)
		return -ENOMEM;
	native_endpoint_init(&u->e, l, &udp_ops);
	list_init(&u->queue);
	u->limit = op->len == 0 ? LIMIT_USUAL : max(op->len, LIMIT_LEAST);
	u->e.cookie = op->cookie;
	u->e.end = &u->udp.end;
	udp_init(&u->udp, l->net, &events, binding.v6);
	err = native_endpoint_enter(&u->e);
	if (err != 0) {
		native_endpoint_put(&u->e);
		return err;
	}
	err = native_bind(u->e.end, &binding);
	if (err != 0) {
		native_endpoint_close(&u->e, false);
		return err;
	}
	return (int)u->e.id;
}

/* ---- in ---- */

static struct netbuf *take_first(struct native_udp *u)
{
	struct netbuf *b;

	scoped_spin(&u->e.loop->lock);
	b = list_first(&u->queue, struct netbuf, link);
	if (b != NULL)
		list_remove(&b->link);
	return b;
}

static int take_failure(struct native_udp *u, struct inet_address *to)
{
	int error;

	scoped_spin(&u->e.loop->lock);
	error = u->error;
	*to = u->lost;
	u->error = 0;
	return error;
}

/* Pieces that lie behind each other in memory are one. */
static unsigned pieces_of(const struct netbuf *b, struct uio_vec *pieces)
{
	unsigned nr = 1;

	pieces[0] = (struct uio_vec){ (uaddr_t)b->data, b->head_len };
	for (unsigned i = 0; i < b->nr_parts; i++) {
		const struct netbuf_part *part = &b->parts[i];
		uaddr_t at = (uaddr_t)page_to_ptr(part->page) + part->offset;

		if (pieces[nr - 1].len == 0)
			pieces[nr - 1].base = at;
		else if (at != pieces[nr - 1].base + pieces[nr - 1].len)
			pieces[nr++] = (struct uio_vec){ at, 0 };
		pieces[nr - 1].len += part->len;
	}
	return nr;
}

static void emit_datagram(struct native_udp *u, const struct netbuf *b, uint32_t token,
			  struct native_batch *out)
{
	const struct udp_info *i = netbuf_notes(b, const struct udp_info);
	struct uio_vec pieces[NETBUF_PARTS_MAX + 1];
	unsigned nr = pieces_of(b, pieces);
	struct native_event v = {
		.kind = NATIVE_EVENT_DATAGRAM,
		.id = u->e.id,
		.cookie = u->e.cookie,
		.token = token,
	};
	unsigned from = inet_ip_is_link_local(i->ip.from) ? i->ip.dev_index : 0;
	bool is_here = inet_ip_is_link_local(i->ip.to) || inet_ip_is_multicast(i->ip.to);

	native_address_write(i->ip.from, i->from_port, from, &v.remote);
	native_address_write(i->ip.to, i->to_port, is_here ? i->ip.dev_index : 0, &v.local);
	for (unsigned n = 0; n < nr; n++) {
		v.data = pieces[n].base;
		v.len = (uint32_t)pieces[n].len;
		v.flags = n + 1 < nr ? NATIVE_MORE : 0;
		native_emit(out, &v);
	}
	net_count(u->udp.net, i->ip.v4, NET_COUNT_UDP_IN);
}

static void emit_failure(struct native_udp *u, struct native_batch *out)
{
	struct inet_address to;
	struct native_event v = {
		.kind = NATIVE_EVENT_FAILED,
		.id = u->e.id,
		.cookie = u->e.cookie,
		.error = take_failure(u, &to),
	};

	if (v.error == 0)
		return;
	native_address_write(to.ip, to.port, 0, &v.remote);
	native_emit(out, &v);
}

static void udp_tell(struct native_endpoint *e, struct native_batch *out)
{
	struct native_udp *u = of_endpoint(e);
	unsigned nr = 0;
	uint32_t token;
	struct netbuf *b;

	emit_failure(u, out);
	for (; nr < TURN_MAX && native_has_room(out, NETBUF_PARTS_MAX + 1); nr++) {
		b = take_first(u);
		if (b == NULL)
			return;
		if (native_give(e, b, &token) != 0) {
			spin_lock(&e->loop->lock);
			udp_returned(e, b);
			spin_unlock(&e->loop->lock);
			netbuf_free(b); /* no memory to say which: a datagram is lost */
			return;
		}
		emit_datagram(u, b, token, out);
	}
	native_endpoint_ready(e);
}

/* ---- out ---- */

/* What the operation names, as a netbuf. -EINVAL, -EFAULT, -ENOBUFS. */
static int payload_of(struct native_loop *l, const struct native_op *op, struct netbuf **out)
{
	struct netbuf *given;
	struct uio from;
	int err;

	if (op->len > UDP_MAX6)
		return -EMSGSIZE;
	if ((op->flags & NATIVE_GIVEN) != 0) {
		given = native_given_find(l, op->cookie);
		if (given == NULL || op->data > given->len || op->len > given->len - op->data)
			return -EINVAL;
		*out = netbuf_slice(given, (uint32_t)op->data, op->len);
		return *out == NULL ? -ENOBUFS : 0;
	}
	*out = netbuf_new(op->len <= LINEAR_MAX ? op->len : 0);
	if (*out == NULL)
		return -ENOBUFS;
	uio_init_user(&from, op->data, op->len);
	err = netbuf_fill(*out, &from, op->len);
	if (err != 0)
		netbuf_free(*out);
	return err;
}

/* May it be sent from there? A reply's address usually is the last one's. */
static bool is_ours(struct native_udp *u, const uint8_t ip[16])
{
	struct net *net = u->udp.net;
	uint64_t generation = READ_ONCE(net->generation);

	if (inet_ip_equal(ip, u->own) && u->own_generation == generation)
		return true;
	if (inet_ip_is_any(ip) || inet_ip_is_multicast(ip) || !net_address_is_ours(net, ip, 0))
		return false;
	memcpy(u->own, ip, sizeof(u->own));
	u->own_generation = generation;
	return true;
}

int native_op_send_to(struct native_loop *l, struct native_op *op)
{
	struct native_endpoint *e = native_endpoint_find(l, op->id);
	struct udp_values v = { .from = op->local.ip, .dev_index = op->remote.interface };
	struct netbuf *b;
	int err;

	if (e == NULL || e->ops != &udp_ops)
		return -EBADF;
	native_target_read(&op->remote, &v.to);
	if (v.to.port == 0)
		return -EINVAL;
	if (!is_ours(of_endpoint(e), op->local.ip))
		v.from = inet_ip_is_any(e->end->local.ip) ? NULL : e->end->local.ip;
	v.is_broadcast_allowed = true;
	err = payload_of(l, op, &b);
	return err != 0 ? err : udp_send(&of_endpoint(e)->udp, b, &v);
}
