/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ICMP says of our segments (RFC 9293 §3.9.2.2, RFC 5927): believed only if it quotes a
 * sequence number that is in flight. A handshake fails by it, a connection only remembers; "too
 * big" (RFC 1191, RFC 8201) makes segments smaller, and what was too large is sent again.
 */
#include <linux/in.h>

#include "lib/string.h"
#include "net/tcp/engine.h"

#define QUOTED_MIN 8u /* ports and the sequence number */

static uint32_t mtu_least(const struct tcp *t)
{
	return inet_ip_is_v4(t->remote.ip) ? TCP_MSS_USUAL + 16 : IP6_MTU_MIN;
}

/* It is not congestion that lost them: the window stays. */
static void send_smaller(struct tcp *t)
{
	uint32_t lost = t->lost_bytes;
	struct tcp_piece *p;

	list_foreach_safe(&t->sent_order, p, order)
		if (tcp_piece_len(p) >= t->mss)
			tcp_queue_mark_lost(t, p);
	if (t->lost_bytes == lost)
		return;
	if (t->mood < TCP_MOOD_RECOVERY) {
		t->mood = TCP_MOOD_LOSS;
		t->high_seq = t->snd.nxt;
		t->may_undo = t->frto = t->frto_new_data = false;
	}
	tcp_output(t);
}

static void too_big(struct tcp *t, uint32_t mtu)
{
	uint32_t was = t->mss;

	mtu = max(mtu, mtu_least(t));
	if (mtu >= t->pmtu && mtu >= t->path.mtu)
		return;
	t->path.mtu = min(t->path.mtu, mtu);
	tcp_update_mss(t);
	if (t->mss < was && tcp_may_send(t))
		send_smaller(t);
}

static void connection_error(struct tcp *t, const struct ip_error *e, uint32_t seq)
{
	uint32_t mtu = t->pmtu;

	if (t->state == TCP_STATE_CLOSED || t->state == TCP_STATE_LISTEN ||
	    tcp_before(seq, t->snd.una) || tcp_after(seq, t->snd.nxt))
		return;
	if (e->mtu != 0) {
		if (e->mtu < mtu || t->mss > e->mtu)
			too_big(t, e->mtu);
		return;
	}
	if (t->state == TCP_STATE_SYN_SENT || t->state == TCP_STATE_SYN_RECEIVED) {
		tcp_count(t->stack, attempt_fails);
		tcp_end(t, e->error);
	} else {
		t->soft_error = e->error;
	}
}

void tcp_error(struct net *net, const struct ip_error *e)
{
	struct inet_address local, remote;
	struct tcp_header h;
	struct endpoint *found;

	if (e->payload_len < QUOTED_MIN)
		return;
	memcpy(&h, e->payload, QUOTED_MIN);
	memcpy(local.ip, e->from, 16);
	memcpy(remote.ip, e->to, 16);
	local.port = be16_get(h.from);
	remote.port = be16_get(h.to);
	found = endpoint_find_pair(net->tcp, &remote, &local, 0);
	if (found == NULL)
		return;
	if (tcp_is_connection(found)) {
		struct tcp *t = tcp_of_endpoint(found);

		tcp_lock(t);
		connection_error(t, e, be32_get(h.seq));
		tcp_unlock(t);
	} else if (tcp_is_request(found) && e->mtu == 0 &&
		   tcp_request_of_endpoint(found)->iss == be32_get(h.seq)) {
		tcp_request_drop(tcp_request_of_endpoint(found));
	}
	found->ops->put(found);
}
