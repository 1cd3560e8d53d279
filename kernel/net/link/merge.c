/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging of TCP segments, the contrary of segment.c (GRO). A segment goes behind the one before it
 * of its connection if a cutter could have made the two of one: the same headers but for lengths,
 * IPv4's identification, sequence number, FIN and PSH; consecutive; all but the last of one length.
 * Checksums are verified before, since the merged one has none of its own. What comes later than a
 * burst is never waited for, so nothing is delayed.
 */
#include "net/link/merge.h"

#include <linux/in.h>

#include "lib/string.h"
#include "net/address.h"
#include "net/netbuf.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"
#include "net/wire/link.h"

#define FLOWS_MAX 8u     /* connections that are looked for in one burst */
#define BYTES_MAX 65000u /* of one merged segment's payload */
#define IP_AT     ((uint32_t)sizeof(struct ethernet_header))

/* A frame with a segment. */
struct segment {
	struct netbuf *b;
	uint32_t tcp_at, header, payload; /* bytes: before TCP, of all headers, behind them */
	uint32_t seq, next_seq;
	uint16_t id;
	bool v4;
	bool is_plain; /* data, and nothing special: it may be merged */
};

struct flow {
	struct segment first;
	uint16_t last_id;
	bool is_open; /* another may follow */
};

static const struct ip4_header *ip4_of(const struct segment *s)
{
	return (const void *)(s->b->data + IP_AT);
}

static const struct ip6_header *ip6_of(const struct segment *s)
{
	return (const void *)(s->b->data + IP_AT);
}

static const struct tcp_header *tcp_of(const struct segment *s)
{
	return (const void *)(s->b->data + s->tcp_at);
}

/* ---- is it one? ---- */

static bool read_ip4(struct segment *s)
{
	const struct ip4_header *h = ip4_of(s);

	s->v4 = true;
	s->tcp_at = IP_AT + (uint32_t)sizeof(*h);
	s->id = be16_get(h->id);
	return h->version_words == 0x45 && h->protocol == IPPROTO_TCP &&
	       (be16_get(h->fragment) & ~IP4_DONT_FRAGMENT) == 0 &&
	       be16_get(h->total_len) == s->b->len - IP_AT &&
	       be16_get(checksum_finish(checksum_add(0, h, sizeof(*h)))) == 0;
}

static bool read_ip6(struct segment *s)
{
	const struct ip6_header *h = ip6_of(s);

	s->tcp_at = IP_AT + (uint32_t)sizeof(*h);
	return be32_get(h->version_class_flow) >> 28 == 6 && h->next_header == IPPROTO_TCP &&
	       be16_get(h->payload_len) == s->b->len - s->tcp_at;
}

static bool read_ip(struct segment *s)
{
	const struct ethernet_header *h = (const void *)s->b->data;
	uint16_t type = be16_get(h->type);

	if (type == ETHERNET_IP4)
		return read_ip4(s);
	return type == ETHERNET_IP6 && read_ip6(s);
}

static bool is_intact(const struct segment *s)
{
	uint32_t len = s->b->len - s->tcp_at;
	uint8_t from[16], to[16];
	uint64_t sum;

	if ((s->b->flags & NETBUF_SUM_GOOD) != 0)
		return true;
	if (s->v4) {
		inet_ip_from_v4_bytes(from, ip4_of(s)->from);
		inet_ip_from_v4_bytes(to, ip4_of(s)->to);
		sum = checksum_pseudo(from, to, IPPROTO_TCP, len);
	} else {
		sum = checksum_pseudo(ip6_of(s)->from, ip6_of(s)->to, IPPROTO_TCP, len);
	}
	sum = checksum_join(sum, netbuf_sum(s->b, s->tcp_at, len));
	if (be16_get(checksum_finish(sum)) != 0)
		return false;
	s->b->flags |= NETBUF_SUM_GOOD;
	return true;
}

/* False: it cannot be told whether it is one of TCP's. Its headers are linear then. */
static bool read_segment(struct netbuf *b, struct segment *s)
{
	const uint32_t least = IP_AT + (uint32_t)sizeof(struct ip6_header);
	const struct tcp_header *t;

	*s = (struct segment){ .b = b };
	if (b->gso_size != 0 || b->vlan != 0 || b->len < least || netbuf_need(b, least) == NULL ||
	    !read_ip(s))
		return false;
	if (netbuf_need(b, s->tcp_at + (uint32_t)sizeof(*t)) == NULL)
		return false;
	t = tcp_of(s);
	s->header = s->tcp_at + (t->words >> 4) * 4u;
	if (t->words < 5 << 4 || netbuf_need(b, s->header) == NULL)
		return false;
	t = tcp_of(s);
	s->payload = b->len - s->header;
	s->seq = be32_get(t->seq);
	s->next_seq = s->seq + s->payload;
	s->is_plain = s->payload > 0 && (t->flags & ~(TCP_PSH | TCP_FIN | TCP_ECE)) == TCP_ACK &&
		      is_intact(s);
	return true;
}

/* A frame that TCP has nothing to do with. */
static bool is_other(struct netbuf *b)
{
	struct segment s = { .b = b };
	uint16_t type;

	if (b->vlan != 0 || netbuf_need(b, IP_AT + (uint32_t)sizeof(struct ip6_header)) == NULL)
		return false;
	type = be16_get(((const struct ethernet_header *)(const void *)b->data)->type);
	if (type == ETHERNET_IP4)
		return ip4_of(&s)->protocol != IPPROTO_TCP;
	if (type == ETHERNET_IP6)
		return ip6_of(&s)->next_header == IPPROTO_UDP;
	return type == ETHERNET_ARP;
}

/* ---- does it go behind the other? ---- */

static bool is_same_way(const struct segment *a, const struct segment *b)
{
	const struct ip4_header *a4 = ip4_of(a), *b4 = ip4_of(b);
	const struct ip6_header *a6 = ip6_of(a), *b6 = ip6_of(b);

	if (a->v4 != b->v4 || memcmp(a->b->data, b->b->data, IP_AT) != 0)
		return false;
	if (a->v4)
		return memcmp(a4->from, b4->from, sizeof(a4->from) + sizeof(a4->to)) == 0;
	return memcmp(a6->from, b6->from, sizeof(a6->from) + sizeof(a6->to)) == 0;
}

/* The same connection: ports stand at the same place for both families. */
static bool is_same_flow(const struct segment *a, const struct segment *b)
{
	return is_same_way(a, b) && memcmp(tcp_of(a), tcp_of(b), 2 * sizeof(struct be16)) == 0;
}

static bool has_same_ip(const struct flow *f, const struct segment *s)
{
	const struct ip4_header *a = ip4_of(&f->first), *b = ip4_of(s);
	bool whole = (be16_get(a->fragment) & IP4_DONT_FRAGMENT) != 0;

	if (!s->v4)
		return memcmp(ip6_of(&f->first), ip6_of(s), 4) == 0 &&
		       ip6_of(&f->first)->hops == ip6_of(s)->hops;
	/* What may not be cut needs no identification (RFC 6864 §4.1). */
	return a->traffic_class == b->traffic_class && a->hops == b->hops &&
	       memcmp(&a->fragment, &b->fragment, sizeof(a->fragment)) == 0 &&
	       (whole || s->id == (uint16_t)(f->last_id + 1));
}

static bool has_same_tcp(const struct segment *first, const struct segment *s)
{
	const struct tcp_header *a = tcp_of(first), *b = tcp_of(s);
	uint32_t options = first->header - first->tcp_at - (uint32_t)sizeof(*a);

	return a->words == b->words && memcmp(&a->ack, &b->ack, sizeof(a->ack)) == 0 &&
	       memcmp(&a->window, &b->window, sizeof(a->window)) == 0 &&
	       ((a->flags ^ b->flags) & TCP_ECE) == 0 && memcmp(a + 1, b + 1, options) == 0;
}

static bool follows(const struct flow *f, const struct segment *s)
{
	return f->is_open && s->is_plain && s->seq == f->first.next_seq &&
	       s->payload <= f->first.payload && f->first.b->len + s->payload <= BYTES_MAX &&
	       has_same_ip(f, s) && has_same_tcp(&f->first, s);
}

static bool is_last(const struct segment *s)
{
	return (tcp_of(s)->flags & (TCP_PSH | TCP_FIN)) != 0;
}

/* The IP header says how long the whole is now. */
static void set_len(struct segment *s)
{
	struct ip4_header *v4 = (void *)(s->b->data + IP_AT);
	struct ip6_header *v6 = (void *)v4;

	if (!s->v4) {
		v6->payload_len = be16_of((uint16_t)(s->b->len - s->tcp_at));
		return;
	}
	v4->total_len = be16_of((uint16_t)(s->b->len - IP_AT));
	v4->checksum = be16_of(0);
	v4->checksum = checksum_finish(checksum_add(0, v4, sizeof(*v4)));
}

/* True: it is in the flow's first segment now. */
static bool join(struct flow *f, struct segment *s)
{
	uint8_t flags = tcp_of(s)->flags;
	struct tcp_header *t;
	bool last = is_last(s) || s->payload < f->first.payload;
	uint32_t header = s->header;

	netbuf_pull(s->b, header);
	if (!netbuf_join(f->first.b, s->b)) {
		netbuf_push(s->b, header);
		return false;
	}
	t = (void *)(f->first.b->data + f->first.tcp_at);
	t->flags |= flags & (TCP_PSH | TCP_FIN);
	f->first.next_seq = s->next_seq;
	f->first.b->gso_size = (uint16_t)f->first.payload;
	f->first.b->gso = f->first.v4 ? NETBUF_GSO_TCP4 : NETBUF_GSO_TCP6;
	f->last_id = s->id;
	f->is_open = !last;
	set_len(&f->first);
	return true;
}

/* ---- a burst ---- */

struct flows {
	struct flow all[FLOWS_MAX];
	unsigned nr;
};

/* Whatever is of that connection goes behind all that it had so far. */
static struct flow *find(struct flows *w, const struct segment *s)
{
	for (unsigned i = w->nr; i > 0; i--) {
		if (is_same_flow(&w->all[i - 1].first, s))
			return &w->all[i - 1];
	}
	return NULL;
}

/* False: b is not in another, and stays a frame of its own. */
static bool take(struct flows *w, struct netbuf *b)
{
	struct segment s;
	struct flow *f;

	if (!read_segment(b, &s)) {
		/* Perhaps it is of one of them: nothing later may come before it. */
		if (!is_other(b))
			w->nr = 0;
		return false;
	}
	f = find(w, &s);
	if (f != NULL && follows(f, &s) && join(f, &s))
		return true;
	if (f == NULL && w->nr == FLOWS_MAX)
		w->nr = 0;
	if (f == NULL)
		f = &w->all[w->nr++];
	*f = (struct flow){ .first = s, .last_id = s.id };
	f->is_open = s.is_plain && !is_last(&s);
	return false;
}

void merge_burst(struct list *burst)
{
	struct list out = LIST_INIT(out);
	struct flows w = { .nr = 0 };

	while (!list_is_empty(burst)) {
		struct netbuf *b = list_first(burst, struct netbuf, link);

		list_remove(&b->link);
		if (!take(&w, b))
			list_append(&out, &b->link);
	}
	list_splice(burst, &out);
}
