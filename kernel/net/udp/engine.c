/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP's datagrams in and out. engine.h has the theory. */
#include "net/udp/engine.h"

#include <linux/in.h>

#include "lib/errno.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

#define HEADER ((unsigned)sizeof(struct udp_header))

static struct udp *udp_of(struct endpoint *e)
{
	return container_of(e, struct udp, end);
}

static void get(struct endpoint *e)
{
	udp_of(e)->events->get(udp_of(e));
}

static void put(struct endpoint *e)
{
	udp_of(e)->events->put(udp_of(e));
}

static const struct endpoint_ops ops = { .get = get, .put = put };

void udp_init(struct udp *u, struct net *net, const struct udp_events *events, bool v6)
{
	endpoint_init(&u->end, net->udp, &ops);
	u->end.flags = v6 ? ENDPOINT_V6 : 0;
	memcpy(u->end.local.ip, v6 ? inet_any6 : inet_any4, sizeof(u->end.local.ip));
	memcpy(u->end.remote.ip, u->end.local.ip, sizeof(u->end.remote.ip));
	u->events = events;
	u->net = net;
}

static void forget_path(struct udp *u)
{
	struct ip_path old;

	spin_lock(&u->lock);
	old = u->path;
	u->path = (struct ip_path){ .dev = NULL };
	spin_unlock(&u->lock);
	ip_path_drop(&old);
}

void udp_fini(struct udp *u)
{
	endpoint_remove(&u->end);
	forget_path(u);
}

/* ---- where to ---- */

int udp_connect(struct udp *u, const struct inet_address *to, const uint8_t *from)
{
	struct ip_query q = { .to = to->ip, .from = from, .dev_index = u->end.dev_index };
	struct ip_path path;
	int err = ip_route(u->net, &q, &path);

	if (err != 0)
		return err;
	endpoint_disconnect(&u->end);
	err = endpoint_connect(&u->end, path.from, to);
	ip_path_drop(&path);
	forget_path(u);
	return err;
}

void udp_disconnect(struct udp *u)
{
	endpoint_disconnect(&u->end);
	forget_path(u);
}

/* The path that was kept, if it is still right; counted. */
static bool use_kept_path(struct udp *u, struct ip_path *out)
{
	scoped_spin(&u->lock);
	if (!ip_path_is_valid(u->net, &u->path))
		return false;
	*out = u->path;
	neighbour_hold(out->neighbour);
	return true;
}

static void keep_path(struct udp *u, const struct ip_path *p)
{
	struct ip_path old;

	neighbour_hold(p->neighbour);
	spin_lock(&u->lock);
	old = u->path;
	u->path = *p;
	spin_unlock(&u->lock);
	ip_path_drop(&old);
}

/* A datagram to the connected peer that asks for nothing else goes the kept way. */
static int find_path(struct udp *u, const struct udp_values *v, struct ip_path *out)
{
	bool plain = v->from == NULL && v->dev_index == 0 && inet_same(&v->to, &u->end.remote);
	const uint8_t *from = v->from != NULL ? v->from : u->end.local.ip;
	struct ip_query q = { .to = v->to.ip, .from = from };
	int err;

	if (plain && use_kept_path(u, out))
		return 0;
	q.dev_index = v->dev_index != 0 ? v->dev_index : READ_ONCE(u->end.dev_index);
	if (inet_ip_is_multicast(from))
		q.from = NULL;
	err = ip_route(u->net, &q, out);
	if (err == 0 && plain)
		keep_path(u, out);
	return err;
}

/* ---- out ---- */

static void push_header(struct udp *u, struct netbuf *b, const struct udp_values *v,
			const uint8_t from[16])
{
	struct udp_header *h = netbuf_push(b, HEADER);
	struct be16 pseudo;

	*h = (struct udp_header){
		.from = be16_of(u->end.local.port),
		.to = be16_of(v->to.port),
		.len = be16_of((uint16_t)b->len),
	};
	if (v->no_checksum && inet_ip_is_v4(v->to.ip))
		return;
	pseudo = checksum_finish(checksum_pseudo(from, v->to.ip, IPPROTO_UDP, b->len));
	h->checksum = be16_of((uint16_t)~be16_get(pseudo));
	b->sum_start = 0;
	b->sum_offset = offsetof(struct udp_header, checksum);
	b->flags |= NETBUF_SUM_WANTED;
	if (v->segment != 0 && b->len - HEADER > v->segment) {
		b->gso = NETBUF_GSO_UDP;
		b->gso_size = v->segment;
	}
}

/* 0: so it may go along that path. */
static int check_values(const struct netbuf *b, const struct udp_values *v,
			const struct ip_path *path)
{
	bool v4 = inet_ip_is_v4(v->to.ip);
	unsigned headers = HEADER + (v4 ? (unsigned)sizeof(struct ip4_header)
					: (unsigned)sizeof(struct ip6_header));

	if (b->len > (v4 ? UDP_MAX4 : UDP_MAX6))
		return -EMSGSIZE;
	if (path->is_broadcast && !v->is_broadcast_allowed)
		return -EACCES;
	/* Each of several must be one packet: udp(7). */
	if (v->segment != 0 && v->segment < b->len &&
	    v->segment + headers + v->options_len > path->mtu)
		return -EINVAL;
	return 0;
}

int udp_send_along(struct udp *u, struct netbuf *b, const struct udp_values *v,
		   const struct ip_path *path)
{
	struct ip_header_values ip = {
		.to = v->to.ip,
		.protocol = IPPROTO_UDP,
		.hops = v->hops,
		.traffic_class = v->traffic_class,
		.dont_fragment = v->dont_fragment,
		.flow_label = v->flow_label,
		.options = v->options,
		.options_len = v->options_len,
		.first_header = v->first_header,
		.no_echo = v->no_echo,
	};
	int err = check_values(b, v, path);

	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	ip.from = v->from != NULL && !inet_ip_is_any(v->from) ? v->from : path->from;
	push_header(u, b, v, ip.from);
	return ip_send(u->net, b, &ip, path);
}

int udp_send(struct udp *u, struct netbuf *b, const struct udp_values *v)
{
	struct ip_path path = { .dev = NULL };
	int err = find_path(u, v, &path);

	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	err = udp_send_along(u, b, v, &path);
	ip_path_drop(&path);
	return err;
}

/* ---- in ---- */

/* The header is looked at; false: the datagram is not sound. */
static bool check(struct netbuf *b, const struct ip_info *i)
{
	const struct udp_header *h = netbuf_need(b, HEADER);
	uint64_t sum;
	uint32_t len;

	if (h == NULL)
		return false;
	len = be16_get(h->len);
	if (len < HEADER || len > b->len)
		return false;
	netbuf_trim(b, len);
	if ((b->flags & NETBUF_SUM_GOOD) != 0)
		return true;
	if (be16_get(h->checksum) == 0)
		return i->v4; /* RFC 8200 §8.1: IPv6 must have one */
	sum = checksum_pseudo(i->from, i->to, IPPROTO_UDP, len);
	return be16_get(checksum_finish(checksum_join(sum, netbuf_sum(b, 0, len)))) == 0;
}

/* One of several datagrams that came as one, with the notes of all. NULL = no memory. */
static struct netbuf *take_piece(const struct netbuf *b, uint32_t at)
{
	struct netbuf *piece = netbuf_slice(b, at, min(b->len - at, (uint32_t)b->gso_size));

	if (piece == NULL)
		return NULL;
	memcpy(piece->notes, b->notes, sizeof(piece->notes));
	piece->dev = b->dev;
	piece->flags = b->flags;
	piece->time_ns = b->time_ns;
	return piece;
}

/* What was sent with UDP_SEGMENT to this machine has never been cut: it is now. Takes b. */
static void hand_over(struct udp *u, struct netbuf *b)
{
	if (b->gso_size == 0) {
		u->events->received(u, b);
		return;
	}
	for (uint32_t at = 0; at < b->len; at += b->gso_size) {
		struct netbuf *piece = take_piece(b, at);

		if (piece != NULL)
			u->events->received(u, piece);
	}
	netbuf_free(b);
}

static void deliver_to_many(struct endpoint_table *t, struct netbuf *b,
			    const struct inet_address *from, const struct inet_address *to)
{
	unsigned dev_index = netbuf_notes(b, struct ip_info)->dev_index;
	struct endpoint *e = NULL;
	struct netbuf *copy;

	while ((e = endpoint_find_next(t, e, from, to, dev_index)) != NULL) {
		copy = netbuf_clone(b);
		if (copy != NULL)
			hand_over(udp_of(e), copy);
	}
	netbuf_free(b);
}

static void deliver_to_one(struct net *net, struct netbuf *b, const struct inet_address *from,
			   const struct inet_address *to)
{
	unsigned dev_index = netbuf_notes(b, struct ip_info)->dev_index;
	struct endpoint *e = endpoint_find(net->udp, from, to, dev_index);

	if (e == NULL) {
		netbuf_push(b, HEADER);
		ip_complain(net, b, IP_PORT_UNREACHABLE);
		netbuf_free(b);
		return;
	}
	hand_over(udp_of(e), b);
	put(e);
}

void udp_input(struct net *net, struct netbuf *b)
{
	struct udp_info *info = netbuf_notes(b, struct udp_info);
	struct inet_address from, to;
	const struct udp_header *h;

	if (!check(b, &info->ip)) {
		netbuf_free(b);
		return;
	}
	h = (const void *)b->data;
	from.port = info->from_port = be16_get(h->from);
	to.port = info->to_port = be16_get(h->to);
	memcpy(from.ip, info->ip.from, sizeof(from.ip));
	memcpy(to.ip, info->ip.to, sizeof(to.ip));
	netbuf_pull(b, HEADER);
	if (inet_ip_is_multicast(to.ip) || net_address_is_broadcast(net, to.ip, info->ip.dev_index))
		deliver_to_many(net->udp, b, &from, &to);
	else
		deliver_to_one(net, b, &from, &to);
}

void udp_error(struct net *net, const struct ip_error *e)
{
	struct inet_address ours, theirs;
	struct udp_header h;
	struct endpoint *end;

	memcpy(&h, e->payload, sizeof(h));
	ours.port = be16_get(h.from);
	theirs.port = be16_get(h.to);
	memcpy(ours.ip, e->from, sizeof(ours.ip));
	memcpy(theirs.ip, e->to, sizeof(theirs.ip));
	end = endpoint_find(net->udp, &theirs, &ours, 0);
	if (end == NULL)
		return;
	if (e->mtu != 0)
		pmtu_learn(net, e->to, e->mtu);
	udp_of(end)->events->failed(udp_of(end), e, &theirs);
	put(end);
}
