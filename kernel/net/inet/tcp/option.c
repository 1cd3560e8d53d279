/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's options (tcp(7)): most are kept in option.c's table and passed on to the engine as wishes;
 * what is told of the engine's state has a case each.
 */
#include <linux/capability.h>
#include <linux/tcp.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/tcp/tcp.h"

#define CONGESTION_MAX 16u /* TCP_CA_NAME_MAX */
#define MSS_DEFAULT    536 /* before there is a connection: RFC 9293 §3.7.1 */
#define MSS_LEAST      88
#define MSS_MOST       32767
#define CLAMP_LEAST    1152 /* of TCP_WINDOW_CLAMP: half the least SO_RCVBUF */
#define LINGER2_MOST   120  /* seconds */
#define DEFER_MOST     255  /* retransmissions */
#define RTO_MOST_S     120
#define IS_MPTCP       43 /* TCP_IS_MPTCP: newer than some headers */

struct wish {
	int name, value;
};

/* ---- wishes ---- */

static void wish_tcp(struct tcp_wishes *w, const struct wish *x)
{
	uint32_t n = (uint32_t)max(x->value, 0);

	switch (x->name) {
	case TCP_NODELAY:
		w->no_delay = x->value != 0;
		break;
	case TCP_CORK:
		w->cork = x->value != 0;
		break;
	case TCP_FASTOPEN_CONNECT:
		w->fastopen_connect = x->value != 0;
		break;
	case TCP_KEEPIDLE:
		w->keep_idle_s = n;
		break;
	case TCP_KEEPINTVL:
		w->keep_interval_s = n;
		break;
	case TCP_KEEPCNT:
		w->keep_count = n;
		break;
	case TCP_SYNCNT:
		w->syn_retries = n;
		break;
	case TCP_LINGER2:
		w->linger2_s = x->value;
		break;
	case TCP_DEFER_ACCEPT:
		w->defer_accept_s = n;
		break;
	case TCP_WINDOW_CLAMP:
		w->window_clamp = n;
		break;
	case TCP_USER_TIMEOUT:
		w->user_timeout_ms = n;
		break;
	case TCP_NOTSENT_LOWAT:
		w->not_sent_low = n;
		break;
	case TCP_FASTOPEN:
		w->fastopen_queue = n;
		break;
	case TCP_MAXSEG:
		w->max_segment = n;
		break;
	default:
		break;
	}
}

static void change_tcp(struct tcp_wishes *w, void *arg)
{
	wish_tcp(w, arg);
}

struct header_wish {
	uint8_t hops, traffic_class, least_hops;
};

static void change_header(struct tcp_wishes *w, void *arg)
{
	const struct header_wish *x = arg;

	w->hops = x->hops;
	w->traffic_class = x->traffic_class;
	w->least_hops = x->least_hops;
}

/* The header's fields, of the family that is spoken. */
static void apply_header(struct tcp_socket *u)
{
	struct inet_address local = inet_local(&u->inet);
	const struct inet_socket *i = &u->inet;
	struct header_wish x = {
		.hops = (uint8_t)inet_option_for(i, local.ip, IP_TTL, IPV6_UNICAST_HOPS),
		.traffic_class = (uint8_t)inet_option_for(i, local.ip, IP_TOS, IPV6_TCLASS),
		.least_hops = (uint8_t)inet_option_for(i, local.ip, IP_MINTTL, IPV6_MINHOPCOUNT),
	};

	tcp_wish(&u->tcp, change_header, &x);
}

static void change_switches(struct tcp_wishes *w, void *arg)
{
	const struct socket *s = arg;

	w->keepalive = socket_option_is_on(s, SO_KEEPALIVE);
	w->out_of_band_inline = socket_option_is_on(s, SO_OOBINLINE);
}

/* 0 means none as well, as by Linux. */
static void change_rate(struct tcp_wishes *w, void *arg)
{
	const struct socket *s = arg;
	uint64_t rate = READ_ONCE(s->max_pacing_rate);

	w->pacing_rate = rate == UINT64_MAX ? 0 : rate;
}

void tcp_socket_option_changed(struct socket *s, int name)
{
	struct tcp *t = &tcp_socket_of(s)->tcp;

	inet_option_changed(s, name);
	switch (name) {
	case SO_KEEPALIVE:
	case SO_OOBINLINE:
		tcp_wish(t, change_switches, s);
		break;
	case SO_MAX_PACING_RATE:
		tcp_wish(t, change_rate, s);
		break;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		tcp_set_send_limit(t, READ_ONCE(s->send_limit));
		break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		tcp_set_receive_limit(t, READ_ONCE(s->receive_limit));
		break;
	default:
		return;
	}
	net_run();
}

/* ---- set ---- */

/* TCP_DEFER_ACCEPT: up to the next time at which a SYN-ACK would be sent again. */
static int whole_retransmissions(int seconds)
{
	int timeout = 1, total = 1;

	if (seconds <= 0)
		return 0;
	for (unsigned n = 1; total < seconds && n < DEFER_MOST; n++) {
		timeout = min(timeout * 2, RTO_MOST_S);
		total += timeout;
	}
	return total;
}

static int set_congestion(struct tcp_socket *u, const struct socket_option *o)
{
	char name[CONGESTION_MAX] = "";

	if (o->len < 1)
		return -EINVAL;
	memcpy(name, o->value, min(o->len, CONGESTION_MAX - 1u));
	return tcp_set_congestion(&u->tcp, name);
}

/* What Linux keeps of a value that it takes: seconds as a number of retransmissions, and limits. */
static int kept_of(struct tcp_socket *u, int name, int value)
{
	switch (name) {
	case TCP_WINDOW_CLAMP:
		return value == 0 || value >= CLAMP_LEAST ? value : CLAMP_LEAST;
	case TCP_LINGER2:
		return value == 0 ? (int)READ_ONCE(tcp_settings(u->inet.net)->fin_timeout_s)
				  : min(value, LINGER2_MOST);
	case TCP_FASTOPEN:
		return min(value, (int)READ_ONCE(socket_settings.somaxconn));
	case TCP_DEFER_ACCEPT:
		return whole_retransmissions(value);
	default:
		return value;
	}
}

/* A connection is not taken apart and put together elsewhere here: TCP_REPAIR stays off. */
static int set_repair(int name, int value)
{
	if (name == TCP_QUEUE_SEQ || name == TCP_REPAIR_OPTIONS)
		return -EINVAL;
	if (name != TCP_REPAIR || !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (value < -1 || value > 1)
		return -EINVAL;
	return value == 1 ? -ENOPROTOOPT : 0;
}

/* What has no place in the table. -ENOPROTOOPT: it does. */
static int set_special(const struct socket_option *o, int value)
{
	switch (o->name) {
	case TCP_REPAIR:
	case TCP_REPAIR_QUEUE:
	case TCP_REPAIR_OPTIONS:
	case TCP_REPAIR_WINDOW:
	case TCP_QUEUE_SEQ:
	case TCP_TIMESTAMP:
		return set_repair(o->name, value);
	case TCP_THIN_DUPACK: /* RACK does what it did: Linux takes it, too */
		return value < 0 || value > 1 ? -EINVAL : 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_number(struct tcp_socket *u, const struct socket_option *asked, int value)
{
	int kept = kept_of(u, asked->name, value);
	struct wish x = { asked->name, kept };
	struct socket_option known = *asked;
	const struct socket_option *o = &known;
	int err = 0;

	known.value = &kept;
	known.len = sizeof(kept);

	if (o->name != TCP_MAXSEG)
		err = inet_set_option(&u->inet.socket, o);
	else if (value != 0 && (value < MSS_LEAST || value > MSS_MOST))
		err = -EINVAL;
	if (err != 0)
		return err;
	if (o->name == TCP_QUICKACK)
		tcp_set_quick_ack(&u->tcp, value != 0);
	else
		tcp_wish(&u->tcp, change_tcp, &x);
	return 0;
}

int tcp_socket_set_option(struct socket *s, const struct socket_option *o)
{
	struct tcp_socket *u = tcp_socket_of(s);
	int err, value;

	if (o->level != IPPROTO_TCP) {
		err = inet_set_option(s, o);
		if (err == 0 && o->level != SOL_SOCKET)
			apply_header(u);
		return err;
	}
	if (o->name == TCP_CONGESTION)
		return set_congestion(u, o);
	if (o->name == TCP_ULP)
		return o->len < 1 ? -EINVAL : -ENOENT; /* no protocol lies above: kTLS has none */
	if (o->len < sizeof(value))
		return -EINVAL;
	memcpy(&value, o->value, sizeof(value));
	err = set_special(o, value);
	if (err == -ENOPROTOOPT && o->name != TCP_REPAIR)
		err = set_number(u, o, value);
	net_run();
	return err;
}

/* ---- get ---- */

static int give_segment(struct tcp_socket *u, struct socket_option *o)
{
	enum tcp_state state = tcp_state(&u->tcp);
	bool is_new = state == TCP_STATE_CLOSED || state == TCP_STATE_LISTEN;
	int wished = (int)READ_ONCE(u->tcp.wishes.max_segment), mss = (int)READ_ONCE(u->tcp.mss);

	if (is_new)
		mss = wished != 0 ? wished : MSS_DEFAULT;
	return inet_give(o, &mss, sizeof(mss));
}

int tcp_socket_get_option(struct socket *s, struct socket_option *o)
{
	struct tcp_socket *u = tcp_socket_of(s);
	char name[CONGESTION_MAX] = "";
	const int none = 0;
	struct tcp_info info;

	if (o->level != IPPROTO_TCP)
		return inet_get_option(s, o);
	switch (o->name) {
	case TCP_INFO:
		tcp_info_get(&u->tcp, &info);
		return inet_give(o, &info, sizeof(info));
	case TCP_CONGESTION:
		memcpy(name, tcp_congestion_name(&u->tcp),
		       min(strlen(tcp_congestion_name(&u->tcp)), CONGESTION_MAX - 1ul));
		return inet_give(o, name, sizeof(name));
	case TCP_MAXSEG:
		return give_segment(u, o);
	case TCP_ULP:
	case TCP_CC_INFO: /* of CUBIC and Reno there is nothing to tell */
		return inet_give(o, "", 0);
	case TCP_REPAIR:
	case TCP_THIN_DUPACK:
	case IS_MPTCP:
		return inet_give(o, &none, sizeof(none));
	case TCP_REPAIR_QUEUE:
	case TCP_REPAIR_WINDOW:
	case TCP_QUEUE_SEQ:
		return -EINVAL; /* it is not being repaired */
	default:
		return inet_get_option(s, o);
	}
}
