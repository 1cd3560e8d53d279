/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment from outside: its header is checked once, here, and taken apart; then it goes to the
 * connection, the handshake or the TIME-WAIT entry of its two ends, or to a listener; what is for
 * nobody is answered by a reset (RFC 9293 §3.10.7.1). No lock is held.
 */
#include <linux/in.h>

#include "lib/string.h"
#include "net/tcp/engine.h"
#include "net/wire/checksum.h"

#define ECN_MASK 3u /* RFC 3168 §5 */
#define ECN_CE   3u

static bool is_intact(const struct netbuf *b, const struct ip_info *info)
{
	uint64_t sum;

	if ((b->flags & (NETBUF_SUM_GOOD | NETBUF_SUM_WANTED)) != 0)
		return true;
	sum = checksum_join(checksum_pseudo(info->from, info->to, IPPROTO_TCP, b->len),
			    netbuf_sum(b, 0, b->len));
	return be16_get(checksum_finish(sum)) == 0;
}

/* b becomes the payload; s has the rest. */
static bool take_apart(struct netbuf *b, struct tcp_segment *s)
{
	struct ip_info info = *netbuf_notes(b, struct ip_info);
	const struct tcp_header *h = netbuf_need(b, TCP_HEADER);
	unsigned header;

	if (h == NULL)
		return false;
	header = (h->words >> 4) * 4u;
	if (header < TCP_HEADER || header > b->len || !is_intact(b, &info))
		return false;
	h = netbuf_need(b, header);
	if (h == NULL || be16_get(h->from) == 0 || be16_get(h->to) == 0)
		return false; /* no port: endpoint.h takes it for an end that is not there */
	*s = (struct tcp_segment){
		.b = b,
		.seq = be32_get(h->seq),
		.ack = be32_get(h->ack),
		.len = b->len - header,
		.window = be16_get(h->window),
		.urgent = be16_get(h->urgent),
		.flags = h->flags,
		.hops = info.hops,
		.is_ce = (info.traffic_class & ECN_MASK) == ECN_CE,
		.dev_index = info.dev_index,
		.from.port = be16_get(h->from),
		.to.port = be16_get(h->to),
	};
	memcpy(s->from.ip, info.from, 16);
	memcpy(s->to.ip, info.to, 16);
	s->end = s->seq + s->len + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
	tcp_options_parse(&s->options, (const uint8_t *)(h + 1), header - TCP_HEADER,
			  (s->flags & TCP_SYN) != 0);
	netbuf_pull(b, header);
	memset(b->notes, 0, sizeof(b->notes));
	b->on_free = NULL;
	return true;
}

static void input_to_nobody(struct net *net, struct tcp_segment *s, uint32_t iss)
{
	struct endpoint *e = endpoint_find(net->tcp, &s->from, &s->to, s->dev_index);

	if (e == NULL || !tcp_is_connection(e)) {
		tcp_reset_for(net, s);
		if (e != NULL)
			e->ops->put(e);
		return;
	}
	if (s->hops >= READ_ONCE(tcp_of_endpoint(e)->wishes.least_hops))
		tcp_listener_input(tcp_of_endpoint(e), s, iss);
	e->ops->put(e);
}

static void input_to_connection(struct net *net, struct tcp *t, struct tcp_segment *s)
{
	bool is_wrong;

	tcp_lock(t);
	if (s->hops >= t->wishes.least_hops)
		tcp_connection_input(t, s);
	is_wrong = (t->todo & TCP_TODO_RESET_FOR) != 0;
	tcp_unlock(t);
	if (is_wrong)
		tcp_reset_for(net, s);
}

static void dispatch(struct net *net, struct tcp_segment *s)
{
	struct endpoint *e = endpoint_find_pair(net->tcp, &s->from, &s->to, s->dev_index);
	uint32_t iss = 0;

	if (e == NULL) {
		input_to_nobody(net, s, 0);
	} else if (tcp_is_connection(e)) {
		input_to_connection(net, tcp_of_endpoint(e), s);
		e->ops->put(e);
	} else if (tcp_is_request(e)) {
		tcp_request_input(tcp_request_of_endpoint(e), s);
		e->ops->put(e);
	} else if (tcp_rest_input(e, s, &iss)) {
		input_to_nobody(net, s, iss);
	}
}

void tcp_input(struct net *net, struct netbuf *b)
{
	struct tcp_stack *stack = net->tcp_stack;
	struct tcp_segment s;

	tcp_count(stack, in_segs);
	if ((b->flags & (NETBUF_FOR_ALL | NETBUF_FOR_GROUP)) != 0) {
		netbuf_free(b);
		return;
	}
	if (!take_apart(b, &s)) {
		tcp_count(stack, in_errs);
		netbuf_free(b);
		return;
	}
	dispatch(net, &s);
	netbuf_free(s.b);
}

/* How many in all is not limited unless somebody wishes it: a count that all share tells one peer
 * about another's connections, and what is above it is never answered. */
static bool is_challenge_left(struct tcp_stack *s, nsec_t now)
{
	uint32_t most = tcp_setting(s, challenge_ack_limit);

	if (most == INT32_MAX)
		return true;
	scoped_spin(&s->lock);
	if (now - s->challenge_second >= NSEC_PER_SEC) {
		s->challenge_second = now;
		s->nr_challenges = 0;
	}
	if (s->nr_challenges >= most)
		return false;
	s->nr_challenges++;
	return true;
}

bool tcp_may_challenge(struct tcp_stack *s, nsec_t *last)
{
	nsec_t now = clock_monotonic(), before = atomic_load(last);

	if (before != 0 && now - before < 500 * TCP_MS)
		return false;
	atomic_store(last, now);
	if (!is_challenge_left(s, now))
		return false;
	tcp_count(s, challenge_acks);
	return true;
}
