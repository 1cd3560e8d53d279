/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections: birth, the user's calls that begin and end them (RFC 9293 §3.10.1, §3.10.4,
 * §3.10.5), and what is done when the lock is let go: the user hears the news, and what is over
 * leaves the table of endpoints.
 *
 *	CLOSED -> SYN_SENT		tcp_connect
 *	SYN_SENT -> ESTABLISHED		the peer's SYN and ACK (input.c)
 *	SYN_SENT -> SYN_RECEIVED	its SYN alone
 *	(request) -> SYN_RECEIVED	a listener's child; but by fast open its ACK is here already
 *	SYN_RECEIVED -> ESTABLISHED	our SYN is acknowledged
 *	ESTABLISHED -> FIN_WAIT_1	tcp_shutdown, tcp_close; SYN_RECEIVED by way of both
 *	FIN_WAIT_1 -> FIN_WAIT_2	our FIN is acknowledged; -> CLOSING: the peer's came
 *	FIN_WAIT_2, CLOSING -> (TIME-WAIT)	both
 *	ESTABLISHED -> CLOSE_WAIT	the peer's FIN; -> LAST_ACK: then ours
 *	LAST_ACK -> CLOSED		it is acknowledged
 *	any -> CLOSED			RST, time-out, tcp_abort
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

#define ORPHAN_BYTES \
	4608u /* that much an orphan may keep though memory is out: SO_SNDBUF's least */

/* ---- endpoints ---- */

static void get_endpoint(struct endpoint *e)
{
	struct tcp *t = container_of(e, struct tcp, endpoint);

	t->events->get(t);
}

static void put_endpoint(struct endpoint *e)
{
	struct tcp *t = container_of(e, struct tcp, endpoint);

	t->events->put(t);
}

static const struct endpoint_ops connection_ops = { .get = get_endpoint, .put = put_endpoint };

bool tcp_is_connection(const struct endpoint *e)
{
	return e->ops == &connection_ops;
}

struct tcp *tcp_of_endpoint(struct endpoint *e)
{
	return container_of(e, struct tcp, endpoint);
}

/* ---- birth ---- */

/* What a connection before this one may have left. */
static void start_afresh(struct tcp *t)
{
	const struct tcp_settings *s = &t->stack->settings;

	memset(&t->has_timestamps, 0, sizeof(*t) - offsetof(struct tcp, has_timestamps));
	list_init(&t->out);
	list_init(&t->in);
	list_init(&t->sent_order);
	list_init(&t->lost);
	tcp_timers_stop(t);
	if (!t->wishes.send_limit_fixed)
		t->send_limit = s->wmem[1];
	if (!t->wishes.receive_limit_fixed)
		t->receive_limit = s->rmem[1];
	t->rto = TCP_RTO_FIRST;
	t->ssthresh = TCP_NEVER_THRESHOLD;
	t->peer_mss = TCP_MSS_USUAL;
	t->share = 128;
	t->ack_delay = TCP_DELAY_MIN;
}

void tcp_init(struct tcp *t, struct net *net, const struct tcp_events *events, bool v6)
{
	t->net = net;
	t->stack = net->tcp_stack;
	t->events = events;
	t->v6 = v6;
	t->alarm.fn = tcp_timer_fired;
	t->alarm_at = NSEC_NEVER;
	t->now = clock_monotonic();
	t->state = TCP_STATE_CLOSED;
	t->congestion = t->stack->settings.congestion;
	list_init(&t->pending);
	list_init(&t->requests);
	list_init(&t->pending_link);
	start_afresh(t);
	endpoint_init(&t->endpoint, net->tcp, &connection_ops);
	if (v6)
		t->endpoint.flags |= ENDPOINT_V6;
}

void tcp_fini(struct tcp *t)
{
	endpoint_remove(&t->endpoint);
	tcp_queue_free(t);
	tcp_receive_free(t);
	assert(t->out_charge == 0 && t->in_charge == 0);
	ip_path_drop(&t->path);
}

void tcp_start_space(struct tcp *t)
{
	t->snd.small_end = t->snd.una;
	t->last_received_at = t->last_ack_at = t->last_sent_at = t->now;
	t->rack_mult = 1;
	t->fack = t->dsack_round = t->snd.una;
	tcp_update_mss(t);
	tcp_window_start(t);
	tcp_congestion_start(t);
	tcp_send_space_grow(t);
	tcp_keepalive_arm(t);
}

/* ---- the lock ---- */

/* Interfaces, addresses or routes have changed: where to now? The lock is let go meanwhile, because
 * the net's comes before it. */
static void look_up_path(struct tcp *t)
{
	uint64_t generation = READ_ONCE(t->net->generation);
	struct ip_query q = { .to = t->remote.ip, .from = t->local.ip, .dev_index = t->dev_index };
	struct ip_path fresh = { 0 }, old;

	spin_unlock(&t->lock);
	if (ip_route(t->net, &q, &fresh) != 0)
		fresh = (struct ip_path){ .generation = generation };
	spin_lock(&t->lock);
	old = t->path;
	t->path = fresh;
	if (fresh.dev != NULL)
		tcp_update_mss(t);
	spin_unlock(&t->lock);
	ip_path_drop(&old);
	spin_lock(&t->lock);
}

static void lock(struct tcp *t)
{
	spin_lock(&t->lock);
	t->now = clock_monotonic();
}

void tcp_lock(struct tcp *t)
{
	lock(t);
	if (t->state != TCP_STATE_CLOSED && t->state != TCP_STATE_LISTEN &&
	    t->path.generation != READ_ONCE(t->net->generation))
		look_up_path(t);
}

/* Nobody shall find a connection that is over. Who closes it meanwhile leaves that to us. */
static void leave(struct tcp *t, unsigned todo)
{
	bool is_orphan;

	if ((todo & TCP_TODO_REST) == 0 || !tcp_rest_start(t))
		endpoint_disconnect(&t->endpoint);
	spin_lock(&t->lock);
	t->is_leaving = false;
	is_orphan = t->is_orphan;
	spin_unlock(&t->lock);
	if (is_orphan)
		endpoint_remove(&t->endpoint);
	t->events->put(t); /* the engine's */
}

/* net_finish() waits for what a program gave before it went, if it is not for one of this machine's
 * own, which end with it. */
static void note_unsent(struct tcp *t)
{
	bool is_unsent = t->is_orphan && tcp_may_send(t) && t->snd.una != t->snd.end &&
			 t->path.dev != t->net->loopback;

	if (is_unsent)
		atomic_store(&t->net->unsent_heard_at, t->last_received_at);
	if (is_unsent == t->is_unsent)
		return;
	t->is_unsent = is_unsent;
	if (is_unsent)
		(void)atomic_add(&t->net->nr_unsent, 1);
	else if (atomic_sub(&t->net->nr_unsent, 1) == 0)
		net_finish_wake(t->net);
}

void tcp_unlock(struct tcp *t)
{
	unsigned news = t->is_orphan ? 0 : t->news, todo = t->todo;
	const struct tcp_events *events = t->events;

	t->news = t->todo = 0;
	if (t->state != TCP_STATE_CLOSED)
		tcp_timers_sync(t);
	note_unsent(t);
	spin_unlock(&t->lock);
	if (news != 0)
		events->changed(t, news);
	if ((todo & (TCP_TODO_REST | TCP_TODO_GONE)) != 0)
		leave(t, todo);
	if ((todo & TCP_TODO_ALARM) != 0)
		events->put(t);
}

/* ---- states ---- */

void tcp_set_state(struct tcp *t, enum tcp_state state)
{
	bool was = t->state == TCP_STATE_ESTABLISHED || t->state == TCP_STATE_CLOSE_WAIT;
	bool is = state == TCP_STATE_ESTABLISHED || state == TCP_STATE_CLOSE_WAIT;

	if (is && !was)
		tcp_count(t->stack, curr_estab);
	if (was && !is)
		(void)atomic_sub(&t->stack->counters.curr_estab, 1);
	atomic_store(&t->state, state);
}

static void end_with(struct tcp *t, unsigned todo)
{
	if (t->is_orphan)
		(void)atomic_sub(&t->stack->counters.orphans, 1);
	tcp_set_state(t, TCP_STATE_CLOSED);
	tcp_timers_stop(t);
	tcp_queue_free(t);
	t->no_send = t->no_receive = true;
	t->news |= TCP_NEWS_ENDED | TCP_NEWS_READABLE | TCP_NEWS_WRITABLE;
	if (t->held) {
		t->todo |= todo;
		t->is_leaving = true;
	}
	t->held = false;
	t->alarm_at = NSEC_NEVER;
	if (t->is_orphan)
		tcp_receive_free(t);
	if (tcp_alarm_clear(t->stack, &t->alarm))
		t->todo |= TCP_TODO_ALARM;
}

void tcp_end(struct tcp *t, int error)
{
	if (t->state == TCP_STATE_CLOSED)
		return;
	if (error != 0)
		atomic_store(&t->error, error);
	end_with(t, TCP_TODO_GONE);
}

void tcp_end_in_rest(struct tcp *t)
{
	end_with(t, TCP_TODO_REST);
}

void tcp_end_timed_out(struct tcp *t)
{
	tcp_end(t, t->soft_error != 0 ? t->soft_error : ETIMEDOUT);
}

void tcp_forget(struct tcp *t)
{
	spin_lock(&t->lock);
	t->is_orphan = true;
	(void)atomic_add(&t->stack->counters.orphans, 1);
	tcp_end(t, 0);
	tcp_unlock(t);
}

int tcp_take_error(struct tcp *t)
{
	return atomic_exchange(&t->error, 0);
}

/* ---- the user's calls ---- */

static int may_connect(struct tcp *t)
{
	scoped_spin(&t->lock);
	if (t->state == TCP_STATE_SYN_SENT || t->state == TCP_STATE_SYN_RECEIVED)
		return -EALREADY;
	if (t->is_leaving)
		return -EALREADY;
	return t->state == TCP_STATE_CLOSED && !t->held ? 0 : -EISCONN;
}

/* False: no memory for its SYN. */
static bool start_connecting(struct tcp *t, const struct ip_path *path)
{
	struct tcp_stack *s = t->stack;

	tcp_receive_free(t);
	start_afresh(t);
	t->local = t->endpoint.local;
	t->remote = t->endpoint.remote;
	t->dev_index = READ_ONCE(t->endpoint.dev_index);
	t->path = *path;
	t->held = true;
	t->events->get(t);
	t->ts_offset = tcp_timestamp_offset(t->net, &t->local, &t->remote);
	t->has_timestamps = tcp_setting(s, timestamps) != 0;
	t->has_sack = tcp_setting(s, sack) != 0;
	t->has_scale = tcp_setting(s, window_scaling) != 0;
	t->has_ecn = tcp_setting(s, ecn) == 1;
	t->snd.iss = tcp_first_sequence(t->net, &t->local, &t->remote);
	t->snd.una = t->snd.nxt = t->snd.iss;
	t->snd.end = t->snd.iss + 1;
	t->snd.window = t->snd.max_window = TCP_MSS_USUAL;
	tcp_set_state(t, TCP_STATE_SYN_SENT);
	tcp_count(s, active_opens);
	tcp_start_space(t);
	tcp_fastopen_client(t);
	if (t->fastopen_wanted && t->fastopen_len != 0)
		return true; /* the first bytes go with it */
	return tcp_send_syn(t);
}

int tcp_connect(struct tcp *t, const struct inet_address *to, const uint8_t from[16])
{
	struct ip_query q = { .to = to->ip, .from = from, .dev_index = t->endpoint.dev_index };
	struct ip_path path = { 0 }, old;
	int err = may_connect(t);

	if (err != 0)
		return err;
	err = ip_route(t->net, &q, &path);
	if (err != 0)
		return err;
	err = endpoint_connect(&t->endpoint, path.from, to);
	if (err != 0) {
		ip_path_drop(&path);
		return err;
	}
	lock(t);
	old = t->path;
	if (!start_connecting(t, &path)) {
		tcp_end(t, 0);
		err = -ENOBUFS;
	}
	tcp_unlock(t);
	ip_path_drop(&old);
	return err;
}

/* Our FIN goes behind what is queued. */
static void send_fin(struct tcp *t)
{
	if (t->sent_fin)
		return;
	if (!tcp_queue_add_fin(t)) {
		tcp_send_reset(t); /* no memory for an orderly end */
		tcp_end(t, ENOBUFS);
		return;
	}
	t->sent_fin = t->no_send = true;
	if (t->state == TCP_STATE_SYN_RECEIVED)
		return; /* it goes when our SYN is acknowledged: RFC 9293 §3.10.4 */
	tcp_set_state(t,
		      t->state == TCP_STATE_CLOSE_WAIT ? TCP_STATE_LAST_ACK : TCP_STATE_FIN_WAIT_1);
	tcp_output(t);
}

int tcp_shutdown(struct tcp *t, bool receive, bool send)
{
	int err = 0;

	tcp_lock(t);
	switch (t->state) {
	case TCP_STATE_CLOSED:
	case TCP_STATE_LISTEN:
		err = -ENOTCONN;
		break;
	case TCP_STATE_SYN_SENT:
		tcp_end(t, 0);
		break;
	default:
		if (receive)
			t->no_receive = true;
		if (send)
			send_fin(t);
		t->news |= TCP_NEWS_READABLE | TCP_NEWS_WRITABLE;
	}
	tcp_unlock(t);
	return err;
}

/* tcp(7), tcp_max_orphans: nobody waits for it, so that it goes first when there are too many, or
 * when its bytes are needed. */
bool tcp_orphan_is_dropped(struct tcp *t)
{
	if (atomic_load(&t->stack->counters.orphans) <= tcp_setting(t->stack, max_orphans) &&
	    !(t->out_charge > ORPHAN_BYTES && tcp_memory_is_out(t->stack)))
		return false;
	tcp_count(t->stack, memory_aborts);
	tcp_send_reset(t);
	tcp_end(t, 0);
	return true;
}

static void start_orphan(struct tcp *t)
{
	if (tcp_orphan_is_dropped(t))
		return;
	send_fin(t);
	if (t->state == TCP_STATE_FIN_WAIT_2)
		tcp_orphan_waits(t);
}

void tcp_orphan_waits(struct tcp *t)
{
	if (t->wishes.linger2_s < 0) {
		tcp_send_reset(t);
		tcp_end(t, 0);
		return;
	}
	tcp_timer_set(t, TCP_TIMER_END,
		      NSEC_PER_SEC * (t->wishes.linger2_s > 0
					      ? t->wishes.linger2_s
					      : (int)tcp_setting(t->stack, fin_timeout_s)));
}

static void close_locked(struct tcp *t, bool reset)
{
	t->is_orphan = true;
	t->no_receive = true;
	if (t->state == TCP_STATE_CLOSED)
		return;
	(void)atomic_add(&t->stack->counters.orphans, 1);
	if (t->state == TCP_STATE_SYN_SENT) {
		tcp_end(t, 0);
	} else if (reset || t->in_bytes > 0) {
		tcp_send_reset(t);
		tcp_end(t, 0);
	} else {
		start_orphan(t);
	}
	tcp_receive_free(t);
}

static void close_with(struct tcp *t, bool reset)
{
	bool listened, is_over;

	tcp_lock(t);
	listened = t->state == TCP_STATE_LISTEN;
	if (listened) {
		t->is_orphan = true;
		tcp_set_state(t, TCP_STATE_CLOSED);
	} else {
		close_locked(t, reset);
	}
	is_over = !t->held && !t->is_leaving; /* nothing goes on behind the user's back */
	tcp_unlock(t);
	if (listened)
		tcp_listener_stop(t);
	if (is_over)
		endpoint_remove(&t->endpoint);
}

void tcp_close(struct tcp *t)
{
	close_with(t, false);
}

void tcp_abort(struct tcp *t)
{
	close_with(t, true);
}

void tcp_disconnect(struct tcp *t)
{
	bool listened;

	tcp_lock(t);
	listened = t->state == TCP_STATE_LISTEN;
	if (listened) {
		tcp_set_state(t, TCP_STATE_CLOSED);
	} else if (t->state != TCP_STATE_CLOSED) {
		if (t->state != TCP_STATE_SYN_SENT)
			tcp_send_reset(t);
		tcp_end(t, ECONNRESET);
	}
	tcp_receive_free(t);
	tcp_unlock(t);
	if (listened)
		tcp_listener_stop(t);
	endpoint_disconnect(&t->endpoint);
	spin_lock(&t->lock);
	if (t->state == TCP_STATE_CLOSED && !t->is_leaving)
		start_afresh(t);
	spin_unlock(&t->lock);
}
