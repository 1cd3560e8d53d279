/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that scripts use: of settings, wishes, numbers of a connection, counts, errors. */
#include <stdio.h>
#include <string.h>

#include "test/net/play.h"
#include "test/net/world.h"

int play_error_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = {
		{ "ECONNREFUSED", ECONNREFUSED },
		{ "ECONNRESET", ECONNRESET },
		{ "ETIMEDOUT", ETIMEDOUT },
		{ "EPIPE", EPIPE },
		{ "EHOSTUNREACH", EHOSTUNREACH },
		{ "ENOTCONN", ENOTCONN },
		{ "EINVAL", EINVAL },
		{ "EAGAIN", EAGAIN },
		{ "EALREADY", EALREADY },
		{ "EISCONN", EISCONN },
		{ "ENETUNREACH", ENETUNREACH },
		{ "ENOENT", ENOENT },
		{ "EADDRNOTAVAIL", EADDRNOTAVAIL },
		{ "0", 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	play_fail("an unknown error %s", name);
	return -1;
}

/* ---- numbers ---- */

struct number {
	const char *name;
	size_t at;
	unsigned size;
};

#define WISH(field) \
	{ \
#field, offsetof(struct tcp_wishes, field), \
			sizeof(((struct tcp_wishes *)NULL)->field) \
	}
#define SETTING(field) \
	{ \
#field, offsetof(struct tcp_settings, field), \
			sizeof(((struct tcp_settings *)NULL)->field) \
	}
#define FIELD(field) \
	{ \
#field, offsetof(struct tcp, field), sizeof(((struct tcp *)NULL)->field) \
	}
#define COUNT(field) \
	{ \
#field, offsetof(struct tcp_counters, field), 8 \
	}

static const struct number wishes[] = {
	WISH(no_delay),       WISH(cork),
	WISH(keepalive),      WISH(out_of_band_inline),
	WISH(no_quick_ack),   WISH(fastopen_connect),
	WISH(keep_idle_s),    WISH(keep_interval_s),
	WISH(keep_count),     WISH(user_timeout_ms),
	WISH(defer_accept_s), WISH(syn_retries),
	WISH(max_segment),    WISH(window_clamp),
	WISH(not_sent_low),   WISH(linger2_s),
	WISH(fastopen_queue), WISH(traffic_class),
	WISH(hops),           WISH(pacing_rate),
};

static const struct number settings[] = {
	SETTING(rmem[0]),
	SETTING(rmem[1]),
	SETTING(rmem[2]),
	SETTING(wmem[0]),
	SETTING(wmem[1]),
	SETTING(wmem[2]),
	SETTING(mem[1]),
	SETTING(mem[2]),
	SETTING(syn_retries),
	SETTING(synack_retries),
	SETTING(retries2),
	SETTING(orphan_retries),
	SETTING(fin_timeout_s),
	SETTING(max_syn_backlog),
	SETTING(max_orphans),
	SETTING(max_tw_buckets),
	SETTING(fastopen),
	SETTING(base_mss),
	SETTING(challenge_ack_limit),
	SETTING(syncookies),
	SETTING(timestamps),
	SETTING(sack),
	SETTING(dsack),
	SETTING(window_scaling),
	SETTING(ecn),
	SETTING(mtu_probing),
	SETTING(moderate_rcvbuf),
	SETTING(slow_start_after_idle),
	SETTING(recovery_frto),
	SETTING(abort_on_overflow),
	SETTING(tlp),
	SETTING(min_rto_ms),
	SETTING(rfc1337),
	SETTING(tw_reuse),
};

static const struct number fields[] = {
	FIELD(cwnd),
	FIELD(ssthresh),
	FIELD(mss),
	FIELD(mood),
	FIELD(probes),
	FIELD(lost_bytes),
	FIELD(sacked),
	FIELD(retrans),
	FIELD(in_bytes),
	FIELD(nr_pending),
	FIELD(nr_requests),
	FIELD(peer_mss),
	FIELD(has_timestamps),
	FIELD(has_sack),
	FIELD(has_scale),
	FIELD(has_ecn),
	FIELD(retries),
	FIELD(receive_limit),
	FIELD(send_limit),
	FIELD(nr_retrans),
	FIELD(nr_dsacks),
	FIELD(rack_mult),
	FIELD(reordering_seen),
	FIELD(nr_blocks),
	FIELD(snd.window),
	FIELD(snd.scale),
	FIELD(rcv.scale),
	FIELD(rcv.window),
	FIELD(bytes_acked),
	FIELD(backoff),
	FIELD(hystart.in_css),
	FIELD(hystart.is_on),
	FIELD(bytes_received),
	FIELD(soft_error),
	FIELD(got_fin),
	FIELD(syn_data_acked),
	FIELD(is_interactive),
	FIELD(quick_acks),
	FIELD(rcv_mss),
	FIELD(ack_now),
	FIELD(ack_wanted),
	FIELD(srtt),
	FIELD(rto),
	FIELD(out_charge),
	FIELD(in_charge),
};

static const struct number counters[] = {
	COUNT(active_opens),     COUNT(passive_opens),     COUNT(attempt_fails),
	COUNT(estab_resets),     COUNT(curr_estab),        COUNT(retrans_segs),
	COUNT(in_errs),          COUNT(out_rsts),          COUNT(syncookies_sent),
	COUNT(syncookies_recv),  COUNT(syncookies_failed), COUNT(listen_overflows),
	COUNT(listen_drops),     COUNT(time_wait),         COUNT(paws_rejected),
	COUNT(timeouts),         COUNT(loss_probes),       COUNT(fast_retransmits),
	COUNT(spurious_rtos),    COUNT(challenge_acks),    COUNT(out_of_order_queued),
	COUNT(rcv_pruned),       COUNT(orphans),           COUNT(fastopen_active),
	COUNT(fastopen_passive),
};

static const struct number *find_number(const struct number *of, unsigned nr, const char *name)
{
	for (unsigned i = 0; i < nr; i++)
		if (strcmp(of[i].name, name) == 0)
			return &of[i];
	return NULL;
}

static void set_number(const struct number *of, unsigned nr, void *base, const char *rest)
{
	const struct number *n;
	char name[64];
	long value;

	if (sscanf(rest, "%63s %ld", name, &value) != 2 ||
	    (n = find_number(of, nr, name)) == NULL) {
		play_fail("no such number");
		return;
	}
	memcpy((char *)base + n->at, &value, n->size);
}

static void change_wish(struct tcp_wishes *w, void *arg)
{
	set_number(wishes, ARRAY_SIZE(wishes), w, arg);
}

void play_wish(struct tcp *t, char *rest)
{
	tcp_wish(t, change_wish, rest);
}

void play_set(const char *rest)
{
	set_number(settings, ARRAY_SIZE(settings), tcp_settings(&play.wire.net), rest);
}

static long special_number(struct tcp *t, const char *name, bool *known)
{
	*known = true;
	if (strcmp(name, "flight") == 0)
		return tcp_flight(t);
	if (strcmp(name, "readable") == 0)
		return tcp_readable(t);
	if (strcmp(name, "unacked") == 0)
		return tcp_unacked(t);
	if (strcmp(name, "notsent") == 0)
		return tcp_not_sent(t);
	if (strcmp(name, "room") == 0)
		return tcp_room(t);
	if (strcmp(name, "writable") == 0)
		return tcp_is_writable(t);
	if (strcmp(name, "atmark") == 0)
		return tcp_is_at_mark(t);
	if (strcmp(name, "rest") == 0)
		return play.wire.net.tcp_stack->nr_rest;
	if (strcmp(name, "memory") == 0)
		return (long)play.wire.net.tcp_stack->memory;
	if (strcmp(name, "srtt_ms") == 0)
		return t->srtt / TCP_MS;
	if (strcmp(name, "rto_ms") == 0)
		return t->rto / TCP_MS;
	*known = false;
	return 0;
}

void play_check_number(struct tcp *t, const char *rest)
{
	const struct number *n;
	char name[64], relation[4] = "=";
	long value = 0, wanted;
	bool known, right;

	if (sscanf(rest, "%63s %3[<>=] %ld", name, relation, &wanted) != 3 &&
	    sscanf(rest, "%63s %ld", name, &wanted) != 2) {
		play_fail("not a number");
		return;
	}
	value = special_number(t, name, &known);
	if (!known && (n = find_number(fields, ARRAY_SIZE(fields), name)) != NULL) {
		memcpy(&value, (char *)t + n->at, n->size);
	} else if (!known && (n = find_number(counters, ARRAY_SIZE(counters), name)) != NULL) {
		memcpy(&value, (char *)tcp_counters(&play.wire.net) + n->at, n->size);
	} else if (!known) {
		play_fail("no number %s", name);
	}
	right = *relation == '<'   ? value < wanted
		: *relation == '>' ? value > wanted
				   : value == wanted;
	if (!right)
		play_fail("%s is %ld", name, value);
}
