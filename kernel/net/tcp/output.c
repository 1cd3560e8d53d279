/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments out (RFC 9293 §3.8): what is lost first, then fresh bytes as far as both windows,
 * Nagle's rule in Minshall's form (RFC 9293 §3.7.4), TCP_CORK and the avoidance of silly windows
 * (§3.8.6.2.1) allow. A large piece goes down as one netbuf with gso_size, and is cut where it
 * leaves.
 */
#include <linux/in.h>

#include "net/netdev.h"
#include "net/tcp/engine.h"

#define ECN_ECT0      2u
#define IP4_HEADER    20u
#define IP6_HEADER    40u
#define GSO_MAX       65000u /* with headers it is an IP packet yet */
#define FRTO_SEGMENTS 2u

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- sizes ---- */

static uint32_t header_bytes(const struct tcp *t)
{
	return (inet_ip_is_v4(t->remote.ip) ? IP4_HEADER : IP6_HEADER) + TCP_HEADER;
}

uint16_t tcp_our_mss(const struct ip_path *path, const struct tcp *t)
{
	uint32_t header = (inet_ip_is_v4(path->from) ? IP4_HEADER : IP6_HEADER) + TCP_HEADER;
	uint32_t mss = path->mtu > header + TCP_MSS_MIN ? path->mtu - header : TCP_MSS_USUAL;

	if (t != NULL && t->wishes.max_segment != 0)
		mss = min(mss, t->wishes.max_segment);
	return (uint16_t)min(mss, 65535u);
}

void tcp_update_mss(struct tcp *t)
{
	uint32_t mtu = t->path.dev != NULL ? t->path.mtu : header_bytes(t) + TCP_MSS_USUAL;
	uint32_t mss;

	if (t->base_mtu != 0)
		mtu = min(mtu, t->base_mtu);
	t->pmtu = mtu;
	mss = mtu > header_bytes(t) + TCP_MSS_MIN ? mtu - header_bytes(t) : TCP_MSS_MIN;
	mss = min(mss, (uint32_t)t->peer_mss);
	if (t->wishes.max_segment != 0)
		mss = min(mss, t->wishes.max_segment);
	if (t->has_timestamps)
		mss -= 12;
	if (t->snd.max_window > TCP_MSS_USUAL) /* a peer with a tiny buffer: §3.8.6.2.1 */
		mss = min(mss, max(t->snd.max_window / 2, 68u - 40u));
	t->mss = max(mss, TCP_MSS_MIN - 12);
}

/* Payload of a segment now: what is out of order is told beside it. */
static uint32_t segment_size(const struct tcp *t)
{
	uint32_t sacks = t->has_sack && (t->nr_blocks > 0 || t->dsack_wanted)
				 ? 4 + 8 * (t->nr_blocks + t->dsack_wanted)
				 : 0;

	return max(t->mss - min(sacks, t->mss / 2), 1u);
}

unsigned tcp_established_options(struct tcp *t, uint8_t *to, bool sacks)
{
	struct tcp_range r[TCP_SACKS_MAX];
	unsigned len = 0;

	if (t->has_timestamps)
		len = tcp_options_timestamps(to, tcp_timestamp(t), t->ts_recent);
	if (t->has_sack && sacks)
		len += tcp_options_sacks(to + len, r,
					 tcp_sack_blocks(t, r, t->has_timestamps ? 3 : 4));
	return len;
}

/* ---- one segment ---- */

struct outgoing {
	uint32_t seq;
	uint8_t flags;
	bool is_fresh;
};

static void ack_sent(struct tcp *t)
{
	t->ack_now = t->ack_wanted = false;
	t->nr_pushed = 0;
	if (t->quick_acks > 0)
		t->quick_acks--;
	tcp_timer_stop(t, TCP_TIMER_ACK);
}

static void set_gso(const struct tcp *t, struct netbuf *b, uint32_t size)
{
	if (b->len <= size)
		return;
	b->gso_size = (uint16_t)size;
	b->gso = inet_ip_is_v4(t->remote.ip) ? NETBUF_GSO_TCP4 : NETBUF_GSO_TCP6;
}

static uint8_t ecn_of(struct tcp *t, struct outgoing *o, uint32_t len)
{
	if (!t->has_ecn || (o->flags & (TCP_SYN | TCP_RST)) != 0)
		return 0;
	if ((t->ecn_flags & TCP_ECN_DEMAND_CWR) != 0)
		o->flags |= TCP_ECE;
	if (len == 0 || !o->is_fresh)
		return 0; /* RFC 3168 §6.1.4, §6.1.5 */
	if ((t->ecn_flags & TCP_ECN_SEND_CWR) != 0) {
		o->flags |= TCP_CWR;
		t->ecn_flags &= (uint8_t)~TCP_ECN_SEND_CWR;
	}
	return ECN_ECT0;
}

static uint16_t urgent_of(const struct tcp *t, struct outgoing *o)
{
	if (!t->snd.has_urgent || !tcp_before(o->seq, t->snd.urgent_end))
		return 0;
	if (t->snd.urgent_end - o->seq > 0xffff)
		return 0;
	o->flags |= TCP_URG;
	return (uint16_t)(t->snd.urgent_end - o->seq);
}

/* Takes b, whose bytes are the payload, with the options given. */
static void send_with(struct tcp *t, struct netbuf *b, struct outgoing *o,
		      const struct tcp_header_values *options)
{
	struct ip_header_values ip = {
		.from = t->local.ip,
		.to = t->remote.ip,
		.protocol = IPPROTO_TCP,
		.hops = t->wishes.hops,
		.dont_fragment = true,
	};
	struct tcp_header_values v = *options;
	int err;

	ip.traffic_class = (t->wishes.traffic_class & 0xfcu) | ecn_of(t, o, b->len);
	t->segs_out++;
	tcp_count(t->stack, out_segs);
	v.urgent = urgent_of(t, o);
	v.local = &t->local;
	v.remote = &t->remote;
	v.seq = o->seq;
	v.flags = o->flags;
	v.ack = (o->flags & TCP_ACK) != 0 ? t->rcv.nxt : 0;
	tcp_header_push(b, &v);
	if (t->path.dev == NULL) {
		netbuf_free(b); /* there is no way now: as if it had been lost */
		return;
	}
	err = ip_send(t->net, b, &ip, &t->path);
	if (err != 0 && err != -ENOBUFS && err != -EMSGSIZE)
		t->soft_error = -err;
}

static void send_established(struct tcp *t, struct netbuf *b, struct outgoing *o)
{
	uint8_t options[40];
	struct tcp_header_values v = { .options = options };
	uint32_t size = segment_size(t);

	v.options_len = tcp_established_options(t, options, b->len <= size);
	v.window = tcp_window_offer(t);
	o->flags |= TCP_ACK;
	set_gso(t, b, size);
	ack_sent(t);
	send_with(t, b, o, &v);
}

static void send_empty(struct tcp *t, uint32_t seq, uint8_t flags)
{
	struct outgoing o = { .seq = seq, .flags = flags };
	struct netbuf *b = netbuf_new(0);

	if (b == NULL) {
		tcp_timer_set(t, TCP_TIMER_ACK, TCP_DELAY_MAX);
		return;
	}
	send_established(t, b, &o);
}

void tcp_send_ack(struct tcp *t)
{
	if (t->state != TCP_STATE_CLOSED && t->state != TCP_STATE_SYN_SENT)
		send_empty(t, t->snd.nxt, 0);
}

void tcp_send_reset(struct tcp *t)
{
	tcp_count(t->stack, out_rsts);
	send_empty(t, t->snd.nxt, TCP_RST);
}

void tcp_send_probe(struct tcp *t)
{
	send_empty(t, t->snd.una - 1, 0);
}

/* ---- SYN ---- */

bool tcp_send_syn(struct tcp *t)
{
	bool answers = t->state == TCP_STATE_SYN_RECEIVED;
	struct outgoing o = { .seq = t->snd.iss, .flags = answers ? TCP_SYN | TCP_ACK : TCP_SYN };
	uint8_t options[40];
	struct tcp_header_values v = { .options = options };
	struct tcp_syn_options s = {
		.mss = tcp_our_mss(&t->path, t),
		.has_timestamps = t->has_timestamps,
		.sack_ok = t->has_sack,
		.has_scale = t->has_scale,
		.scale = t->rcv.scale,
		.ts = tcp_timestamp(t),
		.ts_echo = answers ? t->ts_recent : 0,
		.has_fastopen = t->fastopen_wanted && t->retries == 0,
		.cookie_len = t->fastopen_len,
		.cookie = t->fastopen_cookie,
	};
	struct netbuf *b = tcp_fastopen_data(t);

	if (b == NULL)
		b = netbuf_new(0);
	if (!answers && t->has_ecn)
		o.flags |= TCP_ECE | TCP_CWR;
	t->rcv.acked = t->rcv.nxt;
	v.options_len = tcp_options_syn(options, &s);
	v.window = (uint16_t)min(t->rcv.window, 65535u);
	t->snd.nxt = tcp_later(t->snd.nxt, t->snd.iss + 1);
	t->snd.end = tcp_later(t->snd.end, t->snd.nxt);
	t->last_sent_at = t->now;
	tcp_timer_set(t, TCP_TIMER_RETRANSMIT, min(t->rto << t->backoff, TCP_RTO_MAX));
	if (b != NULL)
		send_with(t, b, &o, &v);
	return b != NULL;
}

/* ---- pieces ---- */

static uint32_t gso_most(const struct tcp *t, uint32_t size)
{
	uint32_t most = t->path.dev != NULL && t->path.dev->gso_max > 0 ? t->path.dev->gso_max
									: GSO_MAX;

	if (t->snd.has_urgent || (t->ecn_flags & TCP_ECN_SEND_CWR) != 0)
		return size; /* these are of one segment */
	most = least(least(most, GSO_MAX), tcp_pace_burst(t));
	return most < size ? size : most / size * size;
}

static bool send_piece(struct tcp *t, struct netbuf *b, bool is_fresh)
{
	struct tcp_piece *p = tcp_piece(b);
	struct netbuf *copy = netbuf_slice(b, 0, b->len);
	struct outgoing o = { .seq = p->seq, .is_fresh = is_fresh };

	if (copy == NULL)
		return false;
	if ((p->flags & TCP_PIECE_FIN) != 0)
		o.flags |= TCP_FIN;
	if ((p->flags & (TCP_PIECE_PUSH | TCP_PIECE_FIN)) != 0)
		o.flags |= TCP_PSH;
	if (b->len > 0) {
		t->data_segs_out++;
		t->bytes_sent += b->len;
		tcp_pace_sent(t, b->len);
	}
	t->last_sent_at = t->now;
	send_established(t, copy, &o);
	return true;
}

bool tcp_retransmit(struct tcp *t, struct netbuf *b, uint32_t most)
{
	uint32_t size = segment_size(t), len;

	most = max(min(most, gso_most(t, size)) / size * size, size);
	if (b->len > most && !tcp_queue_split(t, b, most))
		return false;
	len = tcp_piece_len(tcp_piece(b));
	if (!send_piece(t, b, false))
		return false;
	tcp_queue_resent(t, b);
	tcp_mtu_probe_resent(t, tcp_piece(b));
	t->nr_retrans++;
	t->bytes_retrans += b->len;
	tcp_count(t->stack, retrans_segs);
	if (t->first_retry_at == 0)
		t->first_retry_at = t->now;
	tcp_recovery_sent(t, len, true);
	return true;
}

/* What is lost, as far as the window of congestion goes. */
static void retransmit_lost(struct tcp *t)
{
	while (!list_is_empty(&t->lost) && !tcp_pace_holds(t)) {
		struct tcp_piece *p = list_first(&t->lost, struct tcp_piece, order);
		uint32_t flight = tcp_flight(t), room = t->cwnd > flight ? t->cwnd - flight : 0;

		if (room < min(tcp_piece_len(p), t->mss))
			return;
		if (!tcp_retransmit(t, tcp_piece_netbuf(p), room))
			return;
		if (tcp_piece_netbuf(p) == tcp_queue_first(t) ||
		    !tcp_timer_is_set(t, TCP_TIMER_RETRANSMIT))
			tcp_retransmit_arm(t);
	}
}

/* ---- fresh bytes ---- */

/* May a last, short segment go? */
static bool is_held_back(const struct tcp *t, const struct tcp_piece *p)
{
	if ((p->flags & TCP_PIECE_FIN) != 0)
		return false;
	if (t->snd.has_urgent)
		return false;
	if (t->wishes.cork || t->more)
		return true;
	return !t->wishes.no_delay && t->snd.una != t->snd.nxt &&
	       tcp_after(t->snd.small_end, t->snd.una);
}

/* How many bytes of b may go now; false: none. A FIN alone is 0. */
static bool may_send(struct tcp *t, const struct netbuf *b, uint32_t room, uint32_t *out)
{
	const struct tcp_piece *p = tcp_piece(b);
	uint32_t size = segment_size(t), whole = min(b->len, size), window, n;

	window = t->snd.una + t->snd.window - p->seq;
	window = (int32_t)window < 0 ? 0 : window;
	if (room < whole || (b->len == 0 && window == 0))
		return false;
	if (window < whole && (window == 0 || window < t->snd.max_window / 2))
		return false;
	n = least(least(b->len, room), least(window, gso_most(t, size)));
	if (n < b->len && n > size)
		n = n / size * size;
	if (n == b->len && n % size != 0 && b->link.next == &t->out && is_held_back(t, p)) {
		n = n / size * size;
		if (n == 0)
			return false;
	}
	*out = n;
	return true;
}

static bool send_next(struct tcp *t, uint32_t room)
{
	struct netbuf *b = t->out_next;
	uint32_t n, size = segment_size(t);
	struct tcp_piece *p;

	if (b == NULL || !may_send(t, b, room, &n))
		return false;
	if (n < b->len && !tcp_queue_split(t, b, n))
		return false;
	if (!send_piece(t, b, true))
		return false;
	p = tcp_piece(b);
	if (n % size != 0)
		t->snd.small_end = p->end;
	tcp_queue_sent(t, b);
	tcp_recovery_sent(t, tcp_piece_len(p), false);
	if (t->now - t->last_data_at < t->ack_delay)
		t->is_interactive = true;
	return true;
}

static uint32_t cwnd_room(const struct tcp *t)
{
	uint32_t flight = tcp_flight(t);

	return t->cwnd > flight ? t->cwnd - flight : 0;
}

static void sent_fresh(struct tcp *t)
{
	tcp_timer_stop(t, TCP_TIMER_WINDOW_PROBE);
	if (!tcp_timer_is_set(t, TCP_TIMER_RETRANSMIT))
		tcp_retransmit_arm(t);
	tcp_loss_probe_arm(t);
}

/* One segment as large as the path would take, were it no black hole. */
static bool send_mtu_probe(struct tcp *t)
{
	uint32_t base = t->base_mtu, size, seq = t->snd.nxt;
	bool sent;

	t->base_mtu = 0;
	tcp_update_mss(t);
	size = segment_size(t);
	sent = t->out_next != NULL && t->out_next->len >= size && cwnd_room(t) >= size &&
	       !tcp_pace_holds(t) && send_next(t, size);
	t->base_mtu = base;
	tcp_update_mss(t);
	if (sent)
		tcp_mtu_probe_sent(t, seq, t->snd.nxt);
	return sent;
}

/* Nothing is in flight, yet something cannot go: nobody would wake us up. */
static void judge_stall(struct tcp *t)
{
	if (t->out_next == NULL || t->snd.una != t->snd.nxt ||
	    tcp_timer_is_set(t, TCP_TIMER_WINDOW_PROBE) || tcp_timer_is_set(t, TCP_TIMER_PACE))
		return;
	tcp_timer_set(t, TCP_TIMER_WINDOW_PROBE, t->rto);
}

void tcp_output(struct tcp *t)
{
	bool sent = false, limited;

	if (!tcp_may_send(t))
		return;
	if (t->out_next != NULL && t->snd.una == t->snd.nxt)
		tcp_congestion_idle(t);
	if (!t->frto_new_data)
		retransmit_lost(t);
	if (tcp_mtu_probe_is_due(t) && send_mtu_probe(t))
		sent = true;
	while (t->out_next != NULL && !tcp_pace_holds(t) && send_next(t, cwnd_room(t)))
		sent = true;
	limited = t->out_next != NULL && cwnd_room(t) < min(t->out_next->len, t->mss);
	tcp_window_used(t, limited);
	if (sent) {
		sent_fresh(t);
		tcp_write_space(t); /* what waits unsent has become less */
	}
	judge_stall(t);
}

void tcp_output_probe(struct tcp *t)
{
	if (send_next(t, t->mss))
		sent_fresh(t);
}

void tcp_output_frto(struct tcp *t)
{
	for (unsigned i = 0; i < FRTO_SEGMENTS; i++)
		tcp_output_probe(t);
}

void tcp_window_probe(struct tcp *t)
{
	struct netbuf *b = t->out_next;
	uint32_t window = t->snd.una + t->snd.window - t->snd.nxt, n;

	if (b == NULL || (int32_t)window <= 0) {
		tcp_send_probe(t);
		return;
	}
	/* What Nagle, cork or silly windows held back has waited long enough; of the window it may
	 * be that no more will ever be offered. */
	if (window < t->snd.max_window / 2) {
		t->snd.max_window = t->snd.window;
		tcp_update_mss(t);
	}
	n = least(least(b->len, window), segment_size(t));
	if (n < b->len && !tcp_queue_split(t, b, n))
		return;
	if (send_piece(t, b, true)) {
		tcp_queue_sent(t, b);
		sent_fresh(t);
	}
}
