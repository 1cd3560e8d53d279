/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user gives (RFC 9293 §3.10.2), and how much it may: the send buffer grows with the
 * window of congestion up to tcp_wmem's third number (tcp(7)), so that two round trips' worth fit.
 * All connections together get no further than tcp_mem's second number. Above it who has nothing
 * may still give tcp_wmem's first; what is between the second and the third is for that, and for
 * what comes in. For above the third, bytes that were taken are lost with their orphans
 * (connection.c).
 */
#include "net/tcp/engine.h"

#define SEGMENT_COST 1024u /* what a full segment's memory is above its bytes: queue.c */

static int may_take(const struct tcp *t)
{
	if (t->no_send || t->state == TCP_STATE_CLOSED)
		return t->held || t->no_send ? -EPIPE : -ENOTCONN;
	if (t->state == TCP_STATE_LISTEN)
		return -ENOTCONN;
	return 0;
}

int tcp_send(struct tcp *t, struct netbuf *data, unsigned flags)
{
	int err;

	tcp_lock(t);
	err = may_take(t);
	if (err != 0) {
		tcp_unlock(t);
		netbuf_free(data);
		return err;
	}
	tcp_queue_add(t, data, flags);
	if ((flags & TCP_SEND_URGENT) != 0) {
		t->snd.has_urgent = true;
		t->snd.urgent_end = t->snd.end;
	}
	t->more = (flags & TCP_SEND_MORE) != 0;
	if (t->state == TCP_STATE_SYN_SENT && t->fastopen_wanted && t->snd.nxt == t->snd.iss)
		(void)tcp_send_syn(t);
	tcp_output(t);
	tcp_unlock(t);
	return 0;
}

void tcp_push(struct tcp *t)
{
	tcp_lock(t);
	t->more = false;
	tcp_output(t);
	tcp_unlock(t);
}

/* ---- room ---- */

static uint32_t room_of(const struct tcp *t)
{
	uint32_t charge = READ_ONCE(t->out_charge), limit = READ_ONCE(t->send_limit);
	uint32_t least = tcp_setting(t->stack, wmem[0]);
	uint64_t left = tcp_memory_left(t->stack);

	if (charge >= limit)
		return 0;
	if (left < least)
		left = charge > 0 ? 0 : least;
	return (uint32_t)min((uint64_t)(limit - charge), left);
}

static bool has_low_backlog(const struct tcp *t)
{
	uint32_t low = t->wishes.not_sent_low;

	if (low == 0)
		low = tcp_setting(t->stack, notsent_lowat);
	return t->snd.end - t->snd.nxt < low;
}

/* A third of all is free: as much as half of what is taken. */
static bool is_writable(const struct tcp *t)
{
	return room_of(t) > 0 && room_of(t) >= READ_ONCE(t->out_charge) / 2 && has_low_backlog(t);
}

uint32_t tcp_room(struct tcp *t)
{
	uint32_t room;

	scoped_spin(&t->lock);
	room = room_of(t);
	if (room == 0)
		t->wants_room = true;
	return room;
}

bool tcp_is_writable(struct tcp *t)
{
	bool is;

	scoped_spin(&t->lock);
	is = is_writable(t);
	if (!is)
		t->wants_room = true;
	return is;
}

void tcp_write_space(struct tcp *t)
{
	if (!t->wants_room || !is_writable(t))
		return;
	t->wants_room = false;
	t->news |= TCP_NEWS_WRITABLE;
}

void tcp_send_space_grow(struct tcp *t)
{
	uint32_t most = tcp_setting(t->stack, wmem[2]), nr;
	uint64_t want;

	if (t->wishes.send_limit_fixed || t->mss == 0 || tcp_memory_is_short(t->stack))
		return;
	nr = max(t->cwnd / t->mss + 1, TCP_WINDOW_FIRST);
	want = 2ull * nr * (t->mss + SEGMENT_COST);
	if (want > t->send_limit)
		t->send_limit = (uint32_t)min(want, (uint64_t)most);
}

uint32_t tcp_unacked(struct tcp *t)
{
	scoped_spin(&t->lock);
	if (t->state == TCP_STATE_SYN_SENT || t->state == TCP_STATE_CLOSED)
		return 0;
	return t->snd.end - t->snd.una - (t->sent_fin && t->snd.una != t->snd.end);
}

uint32_t tcp_not_sent(struct tcp *t)
{
	scoped_spin(&t->lock);
	return t->snd.end - t->snd.nxt;
}
