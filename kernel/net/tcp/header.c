/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of what goes out (RFC 9293 §3.1), and segments that no connection stands behind: resets,
 * the answers to a SYN, of TIME-WAIT. The checksum is left to whoever sends last.
 */
#include <linux/in.h>

#include "lib/string.h"
#include "net/tcp/engine.h"
#include "net/wire/checksum.h"

#define CHECKSUM_AT offsetof(struct tcp_header, checksum)

/* The sum itself, not its complement, as the device wants it. */
static uint16_t fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void tcp_header_push(struct netbuf *b, const struct tcp_header_values *v)
{
	struct tcp_header *h;
	uint16_t sum;

	memcpy(netbuf_push(b, v->options_len), v->options, v->options_len);
	h = netbuf_push(b, TCP_HEADER);
	netbuf_set_transport(b);
	h->from = be16_of(v->local->port);
	h->to = be16_of(v->remote->port);
	h->seq = be32_of(v->seq);
	h->ack = be32_of(v->ack);
	h->words = (uint8_t)((TCP_HEADER + v->options_len) / 4 << 4);
	h->flags = v->flags;
	h->window = be16_of(v->window);
	h->urgent = be16_of(v->urgent);
	sum = fold(checksum_pseudo(v->local->ip, v->remote->ip, IPPROTO_TCP, b->len));
	memcpy(&h->checksum, &sum, sizeof(sum));
	b->flags |= NETBUF_SUM_WANTED;
	b->sum_start = 0;
	b->sum_offset = CHECKSUM_AT;
}

void tcp_reply_send(struct net *net, const struct tcp_reply *r)
{
	struct tcp_header_values v = {
		.local = r->local,
		.remote = r->remote,
		.seq = r->seq,
		.ack = r->ack,
		.flags = r->flags,
		.window = r->window,
		.options = r->options,
		.options_len = r->options_len,
	};
	struct ip_header_values ip = {
		.from = r->local->ip,
		.to = r->remote->ip,
		.protocol = IPPROTO_TCP,
		.hops = r->hops,
		.traffic_class = r->traffic_class,
		.dont_fragment = true,
	};
	struct ip_query q = { .to = r->remote->ip,
			      .from = r->local->ip,
			      .dev_index = r->dev_index };
	struct ip_path path = { 0 };
	struct netbuf *b;

	if (ip_route(net, &q, &path) != 0)
		return;
	b = netbuf_new(0);
	if (b != NULL) {
		tcp_header_push(b, &v);
		tcp_count(net->tcp_stack, out_segs);
		/* As if it had been lost: the peer asks again. */
		IGNORE_RESULT(ip_send(net, b, &ip, &path));
	}
	ip_path_drop(&path);
}

void tcp_reset_for(struct net *net, const struct tcp_segment *s)
{
	struct tcp_reply r = {
		.local = &s->to,
		.remote = &s->from,
		.flags = TCP_RST,
		.dev_index = s->dev_index,
	};

	if ((s->flags & TCP_RST) != 0)
		return;
	if ((s->flags & TCP_ACK) != 0) {
		r.seq = s->ack;
	} else {
		r.flags |= TCP_ACK;
		r.ack = s->end;
	}
	tcp_count(net->tcp_stack, out_rsts);
	tcp_reply_send(net, &r);
}
