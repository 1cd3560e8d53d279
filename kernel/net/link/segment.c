/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cutting: what a device with TSO or USO does, for one that does not. Each piece gets a copy of the
 * headers; what differs from piece to piece is as in virtio 1.2 §5.1.6.2 and RFC 9293: lengths,
 * IPv4's identification, TCP's sequence number, FIN and PSH in the last only, CWR in the first only
 * (RFC 3168 §6.1.2). The pieces share the payload's pages.
 */
#include "net/link/segment.h"

#include <linux/in.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/address.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

/* A frame's headers, as offsets from its data. */
struct headers {
	uint32_t network, transport, len; /* len: all of them */
	bool v4, tcp;
};

static struct headers headers_of(const struct netbuf *b)
{
	uint32_t data_at = (uint32_t)(b->data - b->room);
	struct headers h = {
		.network = b->network - data_at,
		.transport = b->transport - data_at,
		.v4 = (*(const uint8_t *)netbuf_network(b) >> 4) == 4,
		.tcp = b->gso != NETBUF_GSO_UDP,
	};
	const struct tcp_header *tcp = netbuf_transport(b);

	h.len = h.transport + (h.tcp ? (tcp->words >> 4) * 4u : sizeof(struct udp_header));
	return h;
}

static void fix_network(struct netbuf *b, const struct headers *h, unsigned nth)
{
	struct ip4_header *v4 = (void *)(b->data + h->network);
	struct ip6_header *v6 = (void *)(b->data + h->network);

	if (!h->v4) {
		v6->payload_len = be16_of((uint16_t)(b->len - h->network - sizeof(*v6)));
		return;
	}
	v4->total_len = be16_of((uint16_t)(b->len - h->network));
	v4->id = be16_of((uint16_t)(be16_get(v4->id) + nth));
	v4->checksum = be16_of(0);
	v4->checksum = checksum_finish(checksum_add(0, v4, (v4->version_words & 15) * 4u));
}

static void fix_tcp(struct netbuf *b, const struct headers *h, uint32_t at, bool last)
{
	struct tcp_header *t = (void *)(b->data + h->transport);

	t->seq = be32_of(be32_get(t->seq) + at);
	if (!last)
		t->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (at > 0)
		t->flags &= (uint8_t)~TCP_CWR;
}

static uint64_t pseudo(const struct netbuf *b, const struct headers *h)
{
	const struct ip4_header *v4 = (void *)(b->data + h->network);
	const struct ip6_header *v6 = (void *)(b->data + h->network);
	unsigned protocol = h->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint8_t from[16], to[16];

	if (!h->v4)
		return checksum_pseudo(v6->from, v6->to, protocol, b->len - h->transport);
	inet_ip_from_v4_bytes(from, v4->from);
	inet_ip_from_v4_bytes(to, v4->to);
	return checksum_pseudo(from, to, protocol, b->len - h->transport);
}

/* The pseudo header's part goes into the field; who sums the rest is told by the flag. */
static void fix_sum(struct netbuf *b, const struct headers *h)
{
	struct be16 *field, part = checksum_finish(pseudo(b, h));

	b->sum_start = (uint16_t)h->transport;
	b->sum_offset = h->tcp ? offsetof(struct tcp_header, checksum)
			       : offsetof(struct udp_header, checksum);
	field = (void *)(b->data + h->transport + b->sum_offset);
	*field = be16_of((uint16_t)~be16_get(part));
	b->flags |= NETBUF_SUM_WANTED;
}

/* The nth piece, with payload from `at` on. NULL = no memory. */
static struct netbuf *piece(const struct netbuf *b, const struct headers *h, unsigned nth)
{
	uint32_t at = nth * b->gso_size, left = b->len - h->len - at;
	struct netbuf *p = netbuf_slice(b, h->len + at, min(left, (uint32_t)b->gso_size));

	if (p == NULL)
		return NULL;
	memcpy(netbuf_push(p, h->len), b->data, h->len);
	p->network = (uint16_t)(p->data - p->room + h->network);
	p->transport = (uint16_t)(p->data - p->room + h->transport);
	fix_network(p, h, nth);
	if (h->tcp)
		fix_tcp(p, h, at, left <= b->gso_size);
	else
		((struct udp_header *)(p->data + h->transport))->len =
			be16_of((uint16_t)(p->len - h->transport));
	fix_sum(p, h);
	return p;
}

static int cut(const struct netbuf *b, bool device_sums, struct list *out)
{
	struct headers h = headers_of(b);

	for (unsigned n = 0; n * b->gso_size < b->len - h.len; n++) {
		struct netbuf *p = piece(b, &h, n);

		if (p == NULL)
			return -ENOBUFS;
		list_append(out, &p->link);
		if (!device_sums && netbuf_sum_finish(p) != 0)
			return -ENOBUFS;
	}
	return 0;
}

int segment_cut(struct netbuf *b, bool device_sums, struct list *out)
{
	struct list pieces = LIST_INIT(pieces);
	int err = 0;

	if (b->gso_size == 0) {
		if (!device_sums)
			err = netbuf_sum_finish(b);
		if (err == 0)
			list_append(out, &b->link);
		else
			netbuf_free(b);
		return err;
	}
	err = cut(b, device_sums, &pieces);
	if (err == 0)
		list_splice(out, &pieces);
	else
		netbuf_free_all(&pieces);
	netbuf_free(b);
	return err;
}
