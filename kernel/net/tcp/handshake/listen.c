/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners (RFC 9293 §3.10.7.2): what a SYN begins is a tcp_request, small enough that a flood of
 * them costs little; with as many as the backlog, SYNs are answered by cookies (RFC 4987 §3.6),
 * which cost nothing. A handshake that is complete becomes a connection and waits in `pending` to
 * be accepted, at most backlog + 1 of them (listen(2)); then what completes is ignored, and tried
 * again by the peer.
 */
#include "lib/string.h"
#include "net/tcp/engine.h"

/* ---- the user's calls ---- */

static bool may_listen(struct tcp *t, unsigned backlog, bool *already)
{
	scoped_spin(&t->lock);
	*already = t->state == TCP_STATE_LISTEN;
	t->backlog = backlog;
	return *already || (t->state == TCP_STATE_CLOSED && !t->held);
}

int tcp_listen(struct tcp *t, unsigned backlog)
{
	struct inet_address any = { .port = 0 };
	bool already;
	int err = 0;

	if (!may_listen(t, backlog, &already))
		return -EINVAL;
	if (already)
		return 0;
	memcpy(any.ip, t->v6 ? inet_any6 : inet_any4, 16);
	if (t->endpoint.local.port == 0)
		err = endpoint_bind(&t->endpoint, &any);
	if (err == 0)
		err = endpoint_listen(&t->endpoint, true);
	if (err != 0)
		return err;
	spin_lock(&t->lock);
	tcp_set_state(t, TCP_STATE_LISTEN);
	spin_unlock(&t->lock);
	return 0;
}

struct tcp *tcp_accept(struct tcp *t)
{
	struct tcp *child;

	scoped_spin(&t->lock);
	child = list_first(&t->pending, struct tcp, pending_link);
	if (child == NULL)
		return NULL;
	list_remove(&child->pending_link);
	t->nr_pending--;
	return child;
}

bool tcp_has_pending(const struct tcp *t)
{
	return READ_ONCE(t->pending.next) != &t->pending;
}

static struct tcp_request *first_request(struct tcp *l)
{
	struct tcp_request *r;

	scoped_spin(&l->lock);
	r = list_first(&l->requests, struct tcp_request, link);
	if (r != NULL)
		ref_get(&r->ref);
	return r;
}

void tcp_listener_stop(struct tcp *l)
{
	const struct tcp_events *events = l->events;
	struct tcp_request *r;
	struct tcp *child;

	IGNORE_RESULT(endpoint_listen(&l->endpoint, false)); /* turning it off cannot fail */
	while ((r = first_request(l)) != NULL) {
		tcp_request_drop(r);
		tcp_request_put(r);
	}
	while ((child = tcp_accept(l)) != NULL) {
		tcp_abort(child);
		events->put(child);
	}
}

/* ---- the queue of connections ---- */

bool tcp_listener_reserve(struct tcp *l)
{
	scoped_spin(&l->lock);
	if (l->state != TCP_STATE_LISTEN || l->nr_pending > l->backlog) {
		tcp_count(l->stack, listen_overflows);
		return false;
	}
	l->nr_pending++;
	return true;
}

void tcp_listener_unreserve(struct tcp *l)
{
	scoped_spin(&l->lock);
	l->nr_pending--;
}

void tcp_listener_deliver(struct tcp *l, struct tcp *child)
{
	bool listens;

	spin_lock(&l->lock);
	listens = l->state == TCP_STATE_LISTEN;
	if (listens) {
		list_append(&l->pending, &child->pending_link);
		l->news |= TCP_NEWS_PENDING;
	} else {
		l->nr_pending--;
	}
	tcp_unlock(l);
	tcp_count(l->stack, passive_opens);
	if (listens)
		return;
	tcp_abort(child);
	child->events->put(child);
}

void tcp_listener_complete(struct tcp *l, struct tcp *child, struct tcp_segment *s)
{
	tcp_lock(child);
	tcp_connection_input(child, s);
	tcp_unlock(child);
	tcp_listener_deliver(l, child);
}

void tcp_child_drop(struct tcp *child)
{
	tcp_forget(child);
	child->events->put(child);
}

/* ---- what comes ---- */

enum verdict { DROP, REFUSE, COOKIE, REMEMBER };

static enum verdict judge_syn(struct tcp *l)
{
	unsigned most;

	scoped_spin(&l->lock);
	if (l->state != TCP_STATE_LISTEN)
		return REFUSE;
	if (l->nr_pending > l->backlog) {
		tcp_count(l->stack, listen_overflows);
		return DROP;
	}
	most = min(max(l->backlog, 1u), tcp_setting(l->stack, max_syn_backlog));
	if (l->nr_requests < most)
		return tcp_setting(l->stack, syncookies) == 2 ? COOKIE : REMEMBER;
	return tcp_setting(l->stack, syncookies) != 0 ? COOKIE : DROP;
}

static void syn_input(struct tcp *l, struct tcp_segment *s, uint32_t iss)
{
	enum verdict verdict = judge_syn(l);
	struct tcp_request *r = NULL;

	if (verdict == REFUSE) {
		tcp_reset_for(l->net, s);
		return;
	}
	if (verdict == COOKIE) {
		tcp_cookie_answer(l, s);
		return;
	}
	if (verdict == REMEMBER)
		r = tcp_request_new(l, s);
	if (r == NULL) {
		tcp_count(l->stack, listen_drops);
		return;
	}
	if (iss != 0)
		r->iss = iss;
	if (!tcp_fastopen_input(l, s, r) && tcp_request_start(r, l))
		tcp_request_answer(r);
	tcp_request_put(r);
}

/* The last segment of a handshake that only a cookie remembers. */
static void cookie_input(struct tcp *l, struct tcp_segment *s)
{
	struct tcp_request r;
	struct tcp *child = NULL;

	if (!tcp_cookie_check(l, s, &r)) {
		tcp_reset_for(l->net, s);
		return;
	}
	if (!tcp_listener_reserve(l))
		return;
	child = tcp_request_child(&r);
	if (child == NULL) {
		tcp_listener_unreserve(l);
		return;
	}
	if (endpoint_accept(&child->endpoint, &l->endpoint, &r.local, &r.remote) != 0) {
		tcp_listener_unreserve(l);
		tcp_child_drop(child);
		return;
	}
	tcp_listener_complete(l, child, s);
}

void tcp_listener_input(struct tcp *l, struct tcp_segment *s, uint32_t iss)
{
	if ((s->flags & TCP_RST) != 0)
		return;
	if (tcp_state(l) != TCP_STATE_LISTEN) {
		tcp_reset_for(l->net, s);
		return;
	}
	if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK) {
		cookie_input(l, s);
		return;
	}
	if ((s->flags & TCP_ACK) != 0) {
		tcp_reset_for(l->net, s);
		return;
	}
	if ((s->flags & (TCP_SYN | TCP_FIN)) == TCP_SYN)
		syn_input(l, s, iss);
}
