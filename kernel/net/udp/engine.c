/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP's datagrams in and out. engine.h has the theory. */
#include "net/udp/engine.h"

#include <linux/in.h>

#include "lib/errno.h"
#include "net/counters.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

_Static_assert(sizeof(struct udp_header) == UDP_HEADER, "engine.h has its length");

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

void udp_fini(struct udp *u)
{
	endpoint_remove(&u->end);
	ip_path_drop(&u->way.path);
}

/* ---- where to ---- */

static const uint8_t *source_of(const struct udp_values *v)
{
	return v->from != NULL && !inet_ip_is_multicast(v->from) ? v->from : inet_any6;
}

/* The way that was kept, if it is the right one; counted. */
static bool use_kept_way(struct udp *u, const struct udp_values *v, struct ip_path *out)
{
	const struct udp_way *w = &u->way;

	scoped_spin(&u->lock);
	if (!ip_path_is_valid(u->net, &w->path) || !inet_ip_equal(w->to, v->to.ip) ||
	    !inet_ip_equal(w->from, source_of(v)) || w->dev_index != v->dev_index)
		return false;
	*out = w->path;
	neighbour_hold(out->neighbour);
	return true;
}

static void keep_way(struct udp *u, const struct udp_values *v, const struct ip_path *p)
{
	struct udp_way fresh = { .path = *p, .dev_index = v->dev_index };
	struct ip_path old;

	memcpy(fresh.to, v->to.ip, sizeof(fresh.to));
	memcpy(fresh.from, source_of(v), sizeof(fresh.from));
	neighbour_hold(p->neighbour);
	spin_lock(&u->lock);
	old = u->way.path;
	u->way = fresh;
	spin_unlock(&u->lock);
	ip_path_drop(&old);
}

/* *out is counted, unless it fails. */
static int find_path(struct udp *u, const struct udp_values *v, struct ip_path *out)
{
	struct ip_query q = { .to = v->to.ip, .from = source_of(v), .prefer = v->prefer };
	bool kept = v->prefer == 0 && use_kept_way(u, v, out);
	int err;

	q.dev_index = v->dev_index;
	err = kept ? 0 : ip_route(u->net, &q, out);
	if (err != 0)
		return err;
	if (!kept && v->prefer == 0)
		keep_way(u, v, out);
	if (v->mtu_most != 0)
		out->mtu = min(out->mtu, v->mtu_most);
	if (!out->is_broadcast || v->is_broadcast_allowed)
		return 0;
	ip_path_drop(out);
	return -EACCES;
}

int udp_connect(struct udp *u, const struct udp_values *v)
{
	struct ip_path path;
	int err = find_path(u, v, &path);

	if (err != 0)
		return err;
	err = endpoint_connect(&u->end, path.from, &v->to);
	ip_path_drop(&path);
	return err;
}

void udp_disconnect(struct udp *u)
{
	endpoint_disconnect(&u->end);
}

int udp_mtu(struct udp *u, const struct udp_values *v, uint32_t *mtu)
{
	struct ip_path path;
	int err = find_path(u, v, &path);

	if (err != 0)
		return err;
	*mtu = path.mtu;
	ip_path_drop(&path);
	return 0;
}

/* ---- out ---- */

static void push_header(struct udp *u, struct netbuf *b, const struct udp_values *v,
			const uint8_t from[16])
{
	struct udp_header *h = netbuf_push(b, UDP_HEADER);
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
	if (v->segment != 0 && b->len - UDP_HEADER > v->segment) {
		b->gso = NETBUF_GSO_UDP;
		b->gso_size = v->segment;
	}
}

/* 0: so it may go along that path. */
static int check_values(const struct netbuf *b, const struct udp_values *v,
			const struct ip_path *path)
{
	bool v4 = inet_ip_is_v4(v->to.ip);
	unsigned headers = UDP_HEADER + (v4 ? (unsigned)sizeof(struct ip4_header)
					    : (unsigned)sizeof(struct ip6_header));

	if (b->len > (v4 ? UDP_MAX4 : UDP_MAX6))
		return -EMSGSIZE;
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
		.from = path->from,
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
	push_header(u, b, v, ip.from);
	net_count(u->net, inet_ip_is_v4(ip.to), NET_COUNT_UDP_OUT);
	return ip_send(u->net, b, &ip, path);
}

int udp_send(struct udp *u, struct netbuf *b, const struct udp_values *v)
{
	struct ip_path path;
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
	const struct udp_header *h = netbuf_need(b, UDP_HEADER);
	uint64_t sum;
	uint32_t len;

	if (h == NULL)
		return false;
	len = be16_get(h->len);
	if (len < UDP_HEADER || len > b->len)
		return false;
	netbuf_trim(b, len);
	if ((b->flags & NETBUF_SUM_GOOD) != 0)
		return true;
	if (be16_get(h->checksum) == 0)
		return i->v4; /* RFC 8200 §8.1: IPv6 must have one */
	sum = checksum_pseudo(i->from, i->to, IPPROTO_UDP, len);
	return be16_get(checksum_finish(checksum_join(sum, netbuf_sum(b, 0, len)))) == 0;
}

/* A part's own headers, as far as anybody looks at them. */
static void copy_headers(struct netbuf *part, const struct netbuf *b)
{
	unsigned ip = (unsigned)(b->transport - b->network), n = ip + UDP_HEADER;
	struct udp_header *h;

	if (n > NETBUF_HEADROOM)
		n = ip = 0;
	memcpy(netbuf_push(part, n), netbuf_network(b), n);
	netbuf_set_network(part);
	netbuf_pull(part, ip);
	netbuf_set_transport(part);
	if (n == 0)
		return;
	h = (void *)part->data;
	h->len = be16_of((uint16_t)part->len);
	netbuf_pull(part, UDP_HEADER);
}

/* One segment for many datagrams, from this machine or its host (UDP_SEGMENT): cut here. */
static void receive_parts(struct udp *u, struct netbuf *b)
{
	for (uint32_t at = 0; at < b->len; at += b->gso_size) {
		struct netbuf *part = netbuf_slice(b, at, min(b->len - at, (uint32_t)b->gso_size));

		if (part == NULL)
			break;
		part->dev = b->dev;
		part->flags = b->flags;
		part->time_ns = b->time_ns;
		memcpy(part->notes, b->notes, sizeof(part->notes));
		copy_headers(part, b);
		u->events->received(u, part);
	}
	netbuf_free(b);
}

static void receive(struct udp *u, struct netbuf *b)
{
	bool is_one = b->gso_size == 0 || b->len <= b->gso_size;

	if (is_one)
		b->gso = NETBUF_GSO_NONE;
	if (!is_one && !READ_ONCE(u->takes_whole))
		receive_parts(u, b);
	else
		u->events->received(u, b);
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
			receive(udp_of(e), copy);
	}
	netbuf_free(b);
}

static void deliver_to_one(struct net *net, struct netbuf *b, const struct inet_address *from,
			   const struct inet_address *to)
{
	unsigned dev_index = netbuf_notes(b, struct ip_info)->dev_index;
	struct endpoint *e = endpoint_find(net->udp, from, to, dev_index);

	if (e == NULL) {
		net_count(net, inet_ip_is_v4(to->ip), NET_COUNT_UDP_NO_PORTS);
		netbuf_push(b, UDP_HEADER);
		ip_complain(net, b, IP_PORT_UNREACHABLE);
		netbuf_free(b);
		return;
	}
	receive(udp_of(e), b);
	put(e);
}

void udp_input(struct net *net, struct netbuf *b)
{
	struct udp_info *info = netbuf_notes(b, struct udp_info);
	struct inet_address from, to;
	const struct udp_header *h;

	if (!check(b, &info->ip)) {
		net_count(net, info->ip.v4, NET_COUNT_UDP_IN_ERRORS);
		netbuf_free(b);
		return;
	}
	h = (const void *)b->data;
	from.port = info->from_port = be16_get(h->from);
	to.port = info->to_port = be16_get(h->to);
	memcpy(from.ip, info->ip.from, sizeof(from.ip));
	memcpy(to.ip, info->ip.to, sizeof(to.ip));
	netbuf_pull(b, UDP_HEADER);
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
