/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TIME-WAIT (RFC 9293 §3.6.1) as a small struct that takes the connection's place: for a minute it
 * acknowledges the peer's FIN when that comes again, and lets old segments die. A SYN that is
 * clearly newer, by its number or its timestamp (RFC 6191), begins a new connection at once.
 */
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/tcp/engine.h"

#define FRESH_DISTANCE 65537u /* a new connection's numbers begin so far ahead */

struct tcp_rest {
	/* [I] but where marked */
	struct ref ref;
	struct endpoint endpoint;
	struct tcp_alarm alarm;
	struct net *net;
	struct inet_address local, remote;
	unsigned dev_index;
	uint32_t snd_nxt, rcv_nxt, ts_offset;
	uint32_t ts_recent; /* [a] */
	uint16_t window;
	uint8_t traffic_class;
	bool has_timestamps;
	nsec_t answered_at; /* [a] */
	nsec_t born;
};

static struct tcp_rest *rest_of(struct endpoint *e)
{
	return container_of(e, struct tcp_rest, endpoint);
}

static void put(struct tcp_rest *r)
{
	if (!ref_put(&r->ref))
		return;
	endpoint_remove(&r->endpoint);
	(void)atomic_sub(&r->net->tcp_stack->nr_rest, 1);
	kmem_free(r);
}

static void get_endpoint(struct endpoint *e)
{
	ref_get(&rest_of(e)->ref);
}

static void put_endpoint(struct endpoint *e)
{
	put(rest_of(e));
}

/* RFC 6191 §2, as tcp_tw_reuse has it: timestamps that are a second newer keep both apart. */
static bool yields(const struct endpoint *e)
{
	const struct tcp_rest *r = container_of(e, const struct tcp_rest, endpoint);
	unsigned reuse = tcp_setting(r->net->tcp_stack, tw_reuse);

	if (reuse == 0 || !r->has_timestamps || clock_monotonic() - r->born < NSEC_PER_SEC)
		return false;
	return reuse == 1 || inet_ip_is_loopback(r->remote.ip) ||
	       inet_ip_equal(r->local.ip, r->remote.ip);
}

static const struct endpoint_ops rest_ops = { get_endpoint, put_endpoint, yields };

/* The alarm's count is the one of being alive. */
static void timeout(struct tcp_alarm *a)
{
	struct tcp_rest *r = container_of(a, struct tcp_rest, alarm);

	endpoint_remove(&r->endpoint);
	put(r);
}

static void stop(struct tcp_rest *r)
{
	endpoint_remove(&r->endpoint);
	if (tcp_alarm_clear(r->net->tcp_stack, &r->alarm))
		put(r);
}

static void fill(struct tcp_rest *r, const struct tcp *t)
{
	r->net = t->net;
	r->born = clock_monotonic();
	r->local = t->local;
	r->remote = t->remote;
	r->dev_index = t->dev_index;
	r->snd_nxt = t->snd.nxt;
	r->rcv_nxt = t->rcv.nxt;
	r->ts_offset = t->ts_offset;
	r->ts_recent = t->ts_recent;
	r->window = (uint16_t)min(t->rcv.window >> t->rcv.scale, 65535u);
	r->traffic_class = t->wishes.traffic_class;
	r->has_timestamps = t->has_timestamps;
}

bool tcp_rest_start(struct tcp *t)
{
	struct tcp_stack *s = t->stack;
	struct tcp_rest *r;

	if (atomic_add(&s->nr_rest, 1) > tcp_setting(s, max_tw_buckets))
		goto err;
	r = kmem_alloc_nowait(sizeof(*r));
	if (r == NULL)
		goto err;
	ref_init(&r->ref);
	r->alarm.fn = timeout;
	endpoint_init(&r->endpoint, t->net->tcp, &rest_ops);
	r->endpoint.flags |= ENDPOINT_TIME_WAIT | (t->endpoint.flags & ENDPOINT_V6);
	fill(r, t);
	if (endpoint_replace(&t->endpoint, &r->endpoint) != 0) {
		put(r);
		return false;
	}
	tcp_count(s, time_wait);
	/* The first count is the alarm's, unless a FIN that came meanwhile has set it (answer). */
	if (!tcp_alarm_set(s, &r->alarm, clock_monotonic() + TCP_TIME_WAIT))
		put(r);
	return true;
err:
	(void)atomic_sub(&s->nr_rest, 1);
	return false;
}

static void acknowledge(struct tcp_rest *r)
{
	struct tcp_reply reply = {
		.local = &r->local,
		.remote = &r->remote,
		.seq = r->snd_nxt,
		.ack = r->rcv_nxt,
		.flags = TCP_ACK,
		.window = r->window,
		.dev_index = r->dev_index,
		.traffic_class = r->traffic_class,
	};

	if (!tcp_may_challenge(r->net->tcp_stack, &r->answered_at))
		return;
	if (r->has_timestamps)
		reply.options_len = tcp_options_timestamps(
			reply.options, tcp_clock_ms() + r->ts_offset, READ_ONCE(r->ts_recent));
	tcp_reply_send(r->net, &reply);
}

static bool is_stale(const struct tcp_rest *r, const struct tcp_segment *s)
{
	return r->has_timestamps && s->options.has_timestamps &&
	       tcp_before(s->options.ts, READ_ONCE(r->ts_recent));
}

static bool is_new_connection(const struct tcp_rest *r, const struct tcp_segment *s)
{
	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN || is_stale(r, s))
		return false;
	return tcp_after(s->seq, r->rcv_nxt) || (r->has_timestamps && s->options.has_timestamps &&
						 tcp_after(s->options.ts, READ_ONCE(r->ts_recent)));
}

/* The alarm's count is there before the alarm, which somebody may clear at once. */
static void wait_anew(struct tcp_rest *r)
{
	ref_get(&r->ref);
	if (!tcp_alarm_set(r->net->tcp_stack, &r->alarm, clock_monotonic() + TCP_TIME_WAIT))
		put(r);
}

/* RFC 9293 §3.10.7.4 for TIME-WAIT. */
static void answer(struct tcp_rest *r, const struct tcp_segment *s)
{
	if ((s->flags & TCP_RST) != 0) {
		if (s->seq == r->rcv_nxt && !is_stale(r, s) &&
		    !tcp_setting(r->net->tcp_stack, rfc1337))
			stop(r);
		return;
	}
	if (s->seq == r->rcv_nxt && s->end == s->seq && !is_stale(r, s))
		return; /* the last ACK, once more */
	if ((s->flags & TCP_FIN) != 0)
		wait_anew(r);
	acknowledge(r);
}

bool tcp_rest_input(struct endpoint *e, const struct tcp_segment *s, uint32_t *iss)
{
	struct tcp_rest *r = rest_of(e);
	bool is_new = is_new_connection(r, s);

	if (is_new) {
		*iss = r->snd_nxt + FRESH_DISTANCE;
		if (*iss == 0)
			*iss = 1;
		stop(r);
	} else {
		answer(r, s);
	}
	put(r);
	return is_new;
}

bool tcp_rest_show(struct endpoint *e, struct inet_address *local, struct inet_address *remote,
		   nsec_t *left_ns)
{
	nsec_t end;

	if (e->ops != &rest_ops)
		return false;
	*local = rest_of(e)->local;
	*remote = rest_of(e)->remote;
	end = rest_of(e)->born + TCP_TIME_WAIT;
	*left_ns = max(end - clock_monotonic(), (nsec_t)0);
	return true;
}
