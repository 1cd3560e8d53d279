/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fast open (RFC 7413): bytes with the SYN. A server's cookie is a secret hash of the client's
 * address; who shows it has received from us before, so that its SYN makes a connection at once. A
 * client keeps the cookies of a few servers.
 */
#include "lib/hash.h"
#include "lib/string.h"
#include "net/tcp/engine.h"

#define COOKIE_LEN    8u
#define SALT_FASTOPEN 4u
enum { FASTOPEN_CLIENT = 1, FASTOPEN_SERVER = 2, FASTOPEN_NO_COOKIE = 4 }; /* tcp_fastopen's bits */

/* ---- servers ---- */

static void make_cookie(const struct tcp_request *r, uint8_t cookie[COOKIE_LEN])
{
	struct inet_address local = r->local, remote = r->remote;
	uint64_t value;

	local.port = remote.port = 0;
	value = tcp_secret(r->net, SALT_FASTOPEN, &local, &remote);
	memcpy(cookie, &value, COOKIE_LEN);
}

static bool is_valid(const struct tcp_options *o, const uint8_t cookie[COOKIE_LEN])
{
	return o->cookie_len == COOKIE_LEN && memcmp(o->cookie, cookie, COOKIE_LEN) == 0;
}

static bool has_room(struct tcp *l)
{
	return READ_ONCE(l->nr_pending) < l->wishes.fastopen_queue && tcp_listener_reserve(l);
}

/* The child is in SYN-RECEIVED, and may be accepted. */
static bool start_child(struct tcp *l, struct tcp_segment *s, struct tcp_request *r)
{
	struct tcp *child = tcp_request_child(r);

	if (child == NULL)
		return false;
	if (endpoint_accept(&child->endpoint, &l->endpoint, &r->local, &r->remote) != 0) {
		tcp_child_drop(child);
		return false;
	}
	tcp_lock(child);
	child->is_fastopen = true;
	s->seq++;
	s->flags &= (uint8_t)~TCP_SYN;
	if (s->len > 0)
		tcp_receive(child, s);
	child->ack_now = child->ack_wanted = false;
	(void)tcp_send_syn(child);
	tcp_unlock(child);
	tcp_count(l->stack, fastopen_passive);
	tcp_listener_deliver(l, child);
	return true;
}

bool tcp_fastopen_input(struct tcp *l, struct tcp_segment *s, struct tcp_request *r)
{
	const struct tcp_options *o = &s->options;
	uint8_t cookie[COOKIE_LEN];

	if (l->wishes.fastopen_queue == 0 || !o->has_fastopen ||
	    (tcp_setting(l->stack, fastopen) & FASTOPEN_SERVER) == 0)
		return false;
	make_cookie(r, cookie);
	if (is_valid(o, cookie) && has_room(l)) {
		if (start_child(l, s, r))
			return true;
		tcp_listener_unreserve(l);
		return false;
	}
	if (!is_valid(o, cookie)) {
		r->want_cookie = true;
		r->cookie_len = COOKIE_LEN;
		memcpy(r->cookie, cookie, COOKIE_LEN);
	}
	return false;
}

/* ---- clients ---- */

static struct tcp_kept_cookie *kept_for(struct tcp_stack *s, const uint8_t ip[16])
{
	return &s->kept[hash_bytes(ip, 16, 0) % TCP_COOKIES_KEPT];
}

void tcp_fastopen_client(struct tcp *t)
{
	struct tcp_stack *s = t->stack;
	struct tcp_kept_cookie *k = kept_for(s, t->remote.ip);

	if (!t->wishes.fastopen_connect || (tcp_setting(s, fastopen) & FASTOPEN_CLIENT) == 0)
		return;
	t->fastopen_wanted = true;
	scoped_spin(&s->lock);
	if (k->len == 0 || !inet_ip_equal(k->ip, t->remote.ip))
		return;
	t->fastopen_len = k->len;
	memcpy(t->fastopen_cookie, k->cookie, k->len);
}

void tcp_fastopen_keep(struct tcp *t, const struct tcp_options *o)
{
	struct tcp_stack *s = t->stack;
	struct tcp_kept_cookie *k = kept_for(s, t->remote.ip);

	if (!t->fastopen_wanted || !o->has_fastopen || o->cookie_len == 0)
		return;
	scoped_spin(&s->lock);
	memcpy(k->ip, t->remote.ip, 16);
	memcpy(k->cookie, o->cookie, o->cookie_len);
	k->len = o->cookie_len;
	k->mss = t->peer_mss;
}

struct netbuf *tcp_fastopen_data(struct tcp *t)
{
	struct netbuf *b = t->out_next, *copy;
	uint32_t n, options = min(t->mss / 2, 40u);

	if (t->state != TCP_STATE_SYN_SENT || !t->fastopen_wanted || t->fastopen_len == 0 ||
	    t->retries > 0 || b == NULL)
		return NULL;
	n = min(b->len, t->mss - options);
	copy = netbuf_slice(b, 0, n);
	if (copy == NULL)
		return NULL;
	t->syn_data = n;
	t->snd.nxt = t->snd.iss + 1 + n;
	tcp_count(t->stack, fastopen_active);
	return copy;
}

/* The SYN-ACK is here: has it taken the bytes? If not they are as if they had never been sent. */
void tcp_fastopen_acked(struct tcp *t, const struct tcp_segment *s, struct tcp_acked *a)
{
	uint32_t n = s->ack - (t->snd.iss + 1);
	struct netbuf *b = t->out_next;

	t->snd.nxt = t->snd.iss + 1;
	t->syn_data = 0;
	if (n == 0 || b == NULL || (n < b->len && !tcp_queue_split(t, b, n)))
		return;
	t->syn_data_acked = true;
	tcp_queue_sent(t, b);
	t->snd.una = s->ack;
	tcp_queue_acked(t, s->ack, a);
	tcp_write_space(t);
}
