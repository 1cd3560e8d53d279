/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handshake that a listener has begun: RFC 9293's SYN-RECEIVED as a small struct, which has no
 * buffers and remembers only what its SYN-ACK and the connection will need. It is in the table of
 * endpoints by its two ends, in the listener's list, and answers again by its alarm until the SYN-
 * ACK has been sent tcp_synack_retries times more.
 *
 * Counts: one for being alive (the listener's list has it), one of the alarm, those of lookups.
 */
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/tcp/engine.h"

/* ---- counts ---- */

void tcp_request_put(struct tcp_request *r)
{
	struct tcp *l = r->listener;

	if (!ref_put(&r->ref))
		return;
	endpoint_remove(&r->endpoint);
	kmem_free(r);
	l->events->put(l);
}

static void get_endpoint(struct endpoint *e)
{
	ref_get(&tcp_request_of_endpoint(e)->ref);
}

static void put_endpoint(struct endpoint *e)
{
	tcp_request_put(tcp_request_of_endpoint(e));
}

static const struct endpoint_ops request_ops = { .get = get_endpoint, .put = put_endpoint };

bool tcp_is_request(const struct endpoint *e)
{
	return e->ops == &request_ops;
}

struct tcp_request *tcp_request_of_endpoint(struct endpoint *e)
{
	return container_of(e, struct tcp_request, endpoint);
}

/* ---- birth and end ---- */

static uint16_t first_window(const struct tcp *l)
{
	uint32_t window = l->receive_limit / 2;

	if (l->wishes.window_clamp != 0)
		window = min(window, l->wishes.window_clamp);
	if (tcp_memory_is_short(l->stack))
		window = min(window, tcp_setting(l->stack, rmem[0]));
	return (uint16_t)min(window, 65535u);
}

void tcp_request_fill(struct tcp_request *r, struct tcp *l, const struct tcp_segment *s)
{
	const struct tcp_options *o = &s->options;
	const struct tcp_settings *settings = &l->stack->settings;

	r->net = l->net;
	r->listener = l;
	r->local = s->to;
	r->remote = s->from;
	r->dev_index = s->dev_index;
	r->irs = s->seq;
	r->iss = tcp_first_sequence(l->net, &r->local, &r->remote);
	r->ts_offset = tcp_timestamp_offset(l->net, &r->local, &r->remote);
	r->ts_recent = o->ts;
	r->mss = o->mss == 0 ? TCP_MSS_USUAL : max(o->mss, (uint16_t)TCP_MSS_MIN);
	r->window = first_window(l);
	r->peer_window = s->window;
	r->has_timestamps = o->has_timestamps && settings->timestamps;
	r->has_sack = o->sack_ok && settings->sack;
	r->has_scale = o->has_scale && settings->window_scaling;
	r->peer_scale = o->scale;
	r->scale = r->has_scale ? tcp_window_scale(l) : 0;
	r->has_ecn = settings->ecn != 0 && (s->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
	r->traffic_class = l->wishes.traffic_class;
	r->answered_at = clock_monotonic();
}

/* False: it has ended, or a connection has taken its place, while the alarm was on its way. */
static bool is_listed(struct tcp_request *r)
{
	scoped_spin(&r->listener->lock);
	return !list_is_empty(&r->link);
}

static void timeout(struct tcp_alarm *a)
{
	struct tcp_request *r = container_of(a, struct tcp_request, alarm);
	struct tcp_stack *stack = r->net->tcp_stack;

	if (!is_listed(r)) {
		tcp_request_put(r);
		return;
	}
	if (r->tries >= tcp_setting(stack, synack_retries) ||
	    tcp_state(r->listener) != TCP_STATE_LISTEN) {
		tcp_count(stack, attempt_fails);
		tcp_request_drop(r);
	} else {
		(void)atomic_add(&r->tries, 1);
		tcp_count(stack, retrans_segs);
		tcp_request_answer(r);
		ref_get(&r->ref);
		if (!tcp_alarm_set(stack, &r->alarm,
				   clock_monotonic() + (TCP_RTO_FIRST << r->tries)))
			tcp_request_put(r);
	}
	tcp_request_put(r);
}

struct tcp_request *tcp_request_new(struct tcp *l, const struct tcp_segment *s)
{
	struct tcp_request *r = kmem_alloc_nowait(sizeof(*r));

	if (r == NULL)
		return NULL;
	ref_init(&r->ref);
	l->events->get(l);
	tcp_request_fill(r, l, s);
	r->alarm.fn = timeout;
	list_init(&r->link);
	endpoint_init(&r->endpoint, l->net->tcp, &request_ops);
	return r;
}

bool tcp_request_start(struct tcp_request *r, struct tcp *l)
{
	if (endpoint_accept(&r->endpoint, &l->endpoint, &r->local, &r->remote) != 0)
		return false;
	ref_get(&r->ref); /* the alarm's */
	ref_get(&r->ref); /* alive */
	/* Both at once: who takes it off the list clears its alarm, and who is rung finds it there,
	 * however long this CPU may be held up. */
	spin_lock(&l->lock);
	list_append(&l->requests, &r->link);
	l->nr_requests++;
	IGNORE_RESULT(tcp_alarm_set(l->stack, &r->alarm, clock_monotonic() + TCP_RTO_FIRST));
	spin_unlock(&l->lock);
	if (tcp_state(l) == TCP_STATE_LISTEN)
		return true;
	tcp_request_drop(r); /* it was closed meanwhile */
	return false;
}

/* Is it this caller who ends it? */
static bool leave_list(struct tcp_request *r)
{
	struct tcp *l = r->listener;

	scoped_spin(&l->lock);
	if (list_is_empty(&r->link))
		return false;
	list_remove(&r->link);
	l->nr_requests--;
	return true;
}

void tcp_request_drop(struct tcp_request *r)
{
	if (!leave_list(r))
		return;
	endpoint_remove(&r->endpoint);
	if (tcp_alarm_clear(r->net->tcp_stack, &r->alarm))
		tcp_request_put(r);
	tcp_request_put(r);
}

/* ---- answers ---- */

static uint16_t mss_of(const struct tcp_request *r)
{
	struct ip_query q = { .to = r->remote.ip, .from = r->local.ip, .dev_index = r->dev_index };
	struct ip_path path = { 0 };
	uint16_t mss = TCP_MSS_USUAL;

	if (ip_route(r->net, &q, &path) == 0) {
		mss = tcp_our_mss(&path, r->listener);
		ip_path_drop(&path);
	}
	return mss;
}

void tcp_request_answer(struct tcp_request *r)
{
	struct tcp_reply reply = {
		.local = &r->local,
		.remote = &r->remote,
		.seq = r->iss,
		.ack = r->irs + 1,
		.flags = TCP_SYN | TCP_ACK | (r->has_ecn ? TCP_ECE : 0),
		.window = (uint16_t)r->window,
		.dev_index = r->dev_index,
		.traffic_class = r->traffic_class,
		.hops = r->listener->wishes.hops,
	};
	struct tcp_syn_options o = {
		.mss = mss_of(r),
		.has_timestamps = r->has_timestamps,
		.sack_ok = r->has_sack,
		.has_scale = r->has_scale,
		.scale = r->scale,
		.ts = tcp_clock_ms() + r->ts_offset,
		.ts_echo = READ_ONCE(r->ts_recent),
		.has_fastopen = r->want_cookie,
		.cookie_len = r->cookie_len,
		.cookie = r->cookie,
	};

	reply.options_len = tcp_options_syn(reply.options, &o);
	atomic_store(&r->answered_at, clock_monotonic());
	tcp_reply_send(r->net, &reply);
}

static void acknowledge(struct tcp_request *r)
{
	struct tcp_reply reply = {
		.local = &r->local,
		.remote = &r->remote,
		.seq = r->iss + 1,
		.ack = r->irs + 1,
		.flags = TCP_ACK,
		.window = (uint16_t)(r->window >> r->scale),
		.dev_index = r->dev_index,
	};

	if (!tcp_may_challenge(r->net->tcp_stack, &r->challenged_at))
		return;
	if (r->has_timestamps)
		reply.options_len = tcp_options_timestamps(
			reply.options, tcp_clock_ms() + r->ts_offset, READ_ONCE(r->ts_recent));
	tcp_reply_send(r->net, &reply);
}

/* ---- the connection ---- */

static void take_over(struct tcp *t, const struct tcp_request *r)
{
	const struct tcp *l = r->listener;

	t->wishes = l->wishes;
	t->congestion = l->congestion;
	t->receive_limit = l->receive_limit;
	t->send_limit = l->send_limit;
	t->dev_index = r->dev_index;
	t->local = r->local;
	t->remote = r->remote;
	t->has_timestamps = r->has_timestamps;
	t->has_sack = r->has_sack;
	t->has_scale = r->has_scale;
	t->has_ecn = r->has_ecn;
	t->ts_offset = r->ts_offset;
	t->ts_recent = r->ts_recent;
	t->ts_recent_at = t->now;
	t->peer_mss = r->mss;
	t->snd.iss = t->snd.una = r->iss;
	t->snd.nxt = t->snd.end = r->iss + 1;
	t->snd.scale = r->has_scale ? r->peer_scale : 0;
	t->snd.window = t->snd.max_window = r->peer_window;
	t->rcv.irs = r->irs;
	t->rcv.nxt = t->rcv.acked = t->rcv.read = r->irs + 1;
	t->rcv.scale = r->scale;
	t->rcv.window = r->window;
	t->is_passive = true;
}

struct tcp *tcp_request_child(const struct tcp_request *r)
{
	struct ip_query q = { .to = r->remote.ip, .from = r->local.ip, .dev_index = r->dev_index };
	struct tcp *t = r->listener->events->child(r->listener);
	struct ip_path path = { 0 };

	if (t == NULL)
		return NULL;
	if (ip_route(r->net, &q, &path) == 0)
		t->path = path;
	else
		t->path.generation = READ_ONCE(r->net->generation);
	take_over(t, r);
	tcp_set_state(t, TCP_STATE_SYN_RECEIVED);
	tcp_start_space(t);
	t->last_sent_at = atomic_load(&r->answered_at);
	t->retries = atomic_load(&r->tries);
	tcp_retransmit_arm(t); /* another CPU may find it before the segment that ends that is in */
	t->held = true;
	t->events->get(t);
	return t;
}

/* ---- what comes: RFC 9293 §3.10.7.4 ---- */

static bool is_wanted(struct tcp_request *r, struct tcp_segment *s)
{
	if (r->has_timestamps && s->options.has_timestamps && (s->flags & TCP_RST) == 0 &&
	    tcp_before(s->options.ts, READ_ONCE(r->ts_recent))) {
		acknowledge(r);
		return false;
	}
	if ((s->flags & TCP_SYN) != 0 && s->seq == r->irs && (s->flags & TCP_ACK) == 0) {
		if (clock_monotonic() - atomic_load(&r->answered_at) > TCP_DELAY_MAX)
			tcp_request_answer(r); /* ours was lost */
		return false;
	}
	if (tcp_before(s->end, r->irs + 1) || tcp_after(s->seq, r->irs + 1 + r->window)) {
		if ((s->flags & TCP_RST) == 0)
			acknowledge(r);
		return false;
	}
	if ((s->flags & TCP_RST) != 0) {
		if (s->seq == r->irs + 1) {
			tcp_count(r->net->tcp_stack, attempt_fails);
			tcp_request_drop(r);
		} else {
			acknowledge(r);
		}
		return false;
	}
	if ((s->flags & TCP_SYN) != 0)
		acknowledge(r);
	return (s->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK;
}

/* TCP_DEFER_ACCEPT: nobody is woken before there is something to read. */
static bool is_deferred(struct tcp_request *r, const struct tcp_segment *s)
{
	uint32_t wait = r->listener->wishes.defer_accept_s;

	if (wait == 0 || s->end != s->seq || s->seq != r->irs + 1)
		return false;
	return (TCP_RTO_FIRST << atomic_load(&r->tries)) <= wait * NSEC_PER_SEC;
}

/* Gives up the count of being alive, if the child took r's place. */
static bool replace(struct tcp_request *r, struct tcp *child)
{
	if (!leave_list(r))
		return false;
	if (endpoint_replace(&r->endpoint, &child->endpoint) != 0) {
		endpoint_remove(&r->endpoint);
		tcp_request_put(r);
		return false;
	}
	if (tcp_alarm_clear(r->net->tcp_stack, &r->alarm))
		tcp_request_put(r);
	tcp_request_put(r);
	return true;
}

void tcp_request_input(struct tcp_request *r, struct tcp_segment *s)
{
	struct tcp *l = r->listener, *child;

	if (!is_wanted(r, s))
		return;
	if (s->ack != r->iss + 1) {
		tcp_reset_for(r->net, s);
		return;
	}
	if (is_deferred(r, s))
		return;
	if (!tcp_listener_reserve(l)) {
		if (tcp_setting(l->stack, abort_on_overflow))
			tcp_reset_for(r->net, s);
		return;
	}
	child = tcp_request_child(r);
	if (child == NULL || !replace(r, child)) {
		tcp_listener_unreserve(l);
		if (child != NULL)
			tcp_child_drop(child);
		return;
	}
	tcp_listener_complete(l, child, s);
}
