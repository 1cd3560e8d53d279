/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black holes (RFC 4821 §7.7): a path that swallows full segments and says nothing. When the same
 * full segment has timed out TRIES times and nothing of it arrived, segments become small.
 *
 * That may have been plain loss, and a path may change. So from then on one full segment goes among
 * the small ones now and then, as a probe (§7.6): when it arrives, all are full again; when it must
 * be sent again, which is in small ones, the next follows after twice the time.
 */
#include "net/tcp/engine.h"

#define TRIES      3u
#define WAIT_FIRST NSEC_PER_SEC
#define WAIT_LAST  (600 * NSEC_PER_SEC) /* as tcp_probe_interval */
#define HEADERS    92u                  /* beside base_mss: of IP and TCP, with all options */

void tcp_black_hole_judge(struct tcp *t)
{
	struct netbuf *b = tcp_queue_first(t);
	uint32_t base = tcp_setting(t->stack, base_mss);

	if (tcp_setting(t->stack, mtu_probing) == 0 || t->retries < TRIES || b == NULL ||
	    b->len < t->mss || t->mss <= TCP_MSS_USUAL)
		return;
	t->base_mtu = t->pmtu > base + HEADERS ? base + HEADERS
					       : max(t->pmtu / 2, TCP_MSS_USUAL + HEADERS);
	t->mtu_probe.wait = WAIT_FIRST;
	t->mtu_probe.at = t->now + t->mtu_probe.wait;
	t->mtu_probe.in_flight = false;
	tcp_update_mss(t);
}

bool tcp_mtu_probe_is_due(const struct tcp *t)
{
	return t->base_mtu != 0 && !t->mtu_probe.in_flight && t->now >= t->mtu_probe.at &&
	       list_is_empty(&t->lost);
}

void tcp_mtu_probe_sent(struct tcp *t, uint32_t seq, uint32_t end)
{
	t->mtu_probe.in_flight = true;
	t->mtu_probe.seq = seq;
	t->mtu_probe.end = end;
}

void tcp_mtu_probe_acked(struct tcp *t)
{
	if (!t->mtu_probe.in_flight || tcp_before(t->snd.una, t->mtu_probe.end))
		return;
	t->mtu_probe.in_flight = false;
	t->base_mtu = 0;
	tcp_update_mss(t);
}

void tcp_mtu_probe_resent(struct tcp *t, const struct tcp_piece *p)
{
	if (!t->mtu_probe.in_flight || !tcp_before(p->seq, t->mtu_probe.end) ||
	    !tcp_after(p->end, t->mtu_probe.seq))
		return;
	t->mtu_probe.in_flight = false;
	t->mtu_probe.wait = min(2 * t->mtu_probe.wait, WAIT_LAST);
	t->mtu_probe.at = t->now + t->mtu_probe.wait;
}
