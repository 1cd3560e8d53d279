/* SPDX-License-Identifier: BSD-2-Clause */
/* setsockopt's wishes and what getsockopt tells (tcp(7)); struct tcp_info as Linux fills it. */
#include <linux/tcp.h>

#include "lib/string.h"
#include "net/tcp/engine.h"

#define BUFFER_MIN 2304u /* as SO_RCVBUF's least */

void tcp_wish(struct tcp *t, void (*change)(struct tcp_wishes *w, void *arg), void *arg)
{
	bool kept_alive, was_corked;

	tcp_lock(t);
	kept_alive = t->wishes.keepalive;
	was_corked = t->wishes.cork;
	change(&t->wishes, arg);
	if (t->wishes.keepalive != kept_alive || t->wishes.keepalive)
		tcp_timer_stop(t, TCP_TIMER_KEEPALIVE);
	tcp_keepalive_arm(t);
	if (tcp_is_synchronised(t)) {
		tcp_update_mss(t);
		if (was_corked && !t->wishes.cork)
			t->more = false;
		tcp_output(t);
	}
	tcp_unlock(t);
}

void tcp_set_quick_ack(struct tcp *t, bool on)
{
	tcp_lock(t);
	t->wishes.no_quick_ack = !on;
	t->is_interactive = !on;
	if (on && t->ack_wanted && tcp_is_synchronised(t))
		tcp_send_ack(t);
	tcp_unlock(t);
}

void tcp_set_receive_limit(struct tcp *t, uint32_t bytes)
{
	scoped_spin(&t->lock);
	t->receive_limit = max(bytes, BUFFER_MIN);
	t->wishes.receive_limit_fixed = true;
}

void tcp_set_send_limit(struct tcp *t, uint32_t bytes)
{
	tcp_lock(t);
	t->send_limit = max(bytes, 2 * BUFFER_MIN);
	t->wishes.send_limit_fixed = true;
	tcp_write_space(t);
	tcp_unlock(t);
}

int tcp_set_congestion(struct tcp *t, const char *name)
{
	const struct tcp_congestion *c = tcp_congestion_find(name);

	if (c == NULL)
		return -ENOENT;
	scoped_spin(&t->lock);
	if (t->congestion != c) {
		t->congestion = c;
		c->start(t);
	}
	return 0;
}

const char *tcp_congestion_name(struct tcp *t)
{
	scoped_spin(&t->lock);
	return t->congestion->name;
}

/* ---- struct tcp_info ---- */

static uint32_t segments(const struct tcp *t, uint32_t bytes)
{
	return (bytes + max(t->mss, 1u) - 1) / max(t->mss, 1u);
}

static uint32_t us(nsec_t ns)
{
	return (uint32_t)min((uint64_t)ns / 1000u, (uint64_t)UINT32_MAX);
}

static uint32_t ms_since(nsec_t then)
{
	return (uint32_t)((uint64_t)(clock_monotonic() - then) / 1000000u);
}

static void fill_sender(const struct tcp *t, struct tcp_info *i)
{
	i->tcpi_rto = us(min(t->rto << t->backoff, TCP_RTO_MAX));
	i->tcpi_snd_mss = t->mss;
	i->tcpi_unacked = segments(t, t->snd.nxt - t->snd.una);
	i->tcpi_sacked = segments(t, t->sacked);
	i->tcpi_lost = segments(t, t->lost_bytes);
	i->tcpi_retrans = segments(t, t->retrans);
	i->tcpi_pmtu = t->pmtu;
	i->tcpi_rtt = us(t->srtt);
	i->tcpi_rttvar = us(t->rttvar);
	i->tcpi_min_rtt = us(t->min_rtt);
	i->tcpi_snd_ssthresh = t->ssthresh >= TCP_NEVER_THRESHOLD ? TCP_NEVER_THRESHOLD
								  : segments(t, t->ssthresh);
	i->tcpi_snd_cwnd = segments(t, max(t->cwnd, 1u));
	i->tcpi_snd_wnd = t->snd.window;
	i->tcpi_reordering = 3;
	i->tcpi_total_retrans = t->nr_retrans;
	i->tcpi_notsent_bytes = t->snd.end - t->snd.nxt;
	i->tcpi_bytes_acked = t->bytes_acked;
	i->tcpi_bytes_sent = t->bytes_sent;
	i->tcpi_bytes_retrans = t->bytes_retrans;
	i->tcpi_segs_out = t->segs_out;
	i->tcpi_data_segs_out = t->data_segs_out;
	i->tcpi_delivered = t->delivered;
	i->tcpi_delivered_ce = t->delivered_ce;
	i->tcpi_dsack_dups = t->nr_dsacks;
	i->tcpi_reord_seen = t->nr_reorderings;
	i->tcpi_pacing_rate = t->wishes.pacing_rate != 0 ? t->wishes.pacing_rate : UINT64_MAX;
	i->tcpi_max_pacing_rate = i->tcpi_pacing_rate;
}

static void fill_receiver(const struct tcp *t, struct tcp_info *i)
{
	i->tcpi_ato = us(t->ack_delay);
	i->tcpi_rcv_mss = t->rcv_mss;
	i->tcpi_advmss = t->path.dev != NULL ? tcp_our_mss(&t->path, t) : TCP_MSS_USUAL;
	i->tcpi_rcv_ssthresh = t->rcv.window;
	i->tcpi_rcv_rtt = us(t->rcv_rtt);
	i->tcpi_rcv_space = t->rcv_space;
	i->tcpi_bytes_received = t->bytes_received;
	i->tcpi_segs_in = t->segs_in;
	i->tcpi_data_segs_in = t->data_segs_in;
	i->tcpi_rcv_ooopack = t->nr_out_of_order;
	i->tcpi_last_data_sent = ms_since(t->last_sent_at);
	i->tcpi_last_data_recv = ms_since(t->last_data_at);
	i->tcpi_last_ack_recv = ms_since(t->last_ack_at);
}

static uint8_t options_of(const struct tcp *t)
{
	uint8_t options = 0;

	options |= t->has_timestamps ? TCPI_OPT_TIMESTAMPS : 0;
	options |= t->has_sack ? TCPI_OPT_SACK : 0;
	options |= t->has_scale ? TCPI_OPT_WSCALE : 0;
	options |= t->has_ecn ? TCPI_OPT_ECN : 0;
	options |= t->syn_data_acked ? TCPI_OPT_SYN_DATA : 0;
	return options;
}

void tcp_info_get(struct tcp *t, struct tcp_info *out)
{
	struct tcp_info i = { 0 };

	scoped_spin(&t->lock);
	i.tcpi_state = (uint8_t)t->state;
	if (t->state == TCP_STATE_LISTEN) {
		i.tcpi_unacked = t->nr_pending;
		i.tcpi_sacked = t->backlog;
		*out = i;
		return;
	}
	i.tcpi_ca_state = (uint8_t)(t->mood == TCP_MOOD_OPEN && t->sacked > 0 ? TCP_MOOD_DISORDER
									      : t->mood);
	i.tcpi_retransmits = (uint8_t)min(t->retries, 255u);
	i.tcpi_probes = (uint8_t)min(t->probes, 255u);
	i.tcpi_backoff = (uint8_t)t->backoff;
	i.tcpi_options = options_of(t);
	i.tcpi_snd_wscale = t->snd.scale & 15u;
	i.tcpi_rcv_wscale = t->rcv.scale & 15u;
	fill_sender(t, &i);
	fill_receiver(t, &i);
	*out = i;
}
