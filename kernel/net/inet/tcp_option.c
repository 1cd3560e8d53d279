/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's options that are no plain numbers (tcp(7)): TCP_INFO, TCP_CONGESTION, TCP_MAXSEG. */
#include <linux/tcp.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/tcp.h"

#define CONGESTION     "cubic"
#define CONGESTION_MAX 16u    /* TCP_CA_NAME_MAX */
#define MSS_LOOPBACK   65483  /* of lo's MTU, without the headers and timestamps */
#define MSS_DEFAULT    536    /* before there is a connection: RFC 9293 §3.7.1 */
#define WINDOW_FIRST   10     /* segments: RFC 6928 */
#define RTT_US         25     /* what a loopback shows */
#define RTO_US         200000 /* Linux's least */

static int give(struct socket_option *o, const void *value, size_t len)
{
	o->len = min(o->len, (unsigned)len);
	memcpy(o->value, value, o->len);
	return 0;
}

static int give_info(struct tcp_socket *u, struct socket_option *o)
{
	uint64_t sent = atomic_load(&u->bytes_sent), received = atomic_load(&u->bytes_received);
	struct tcp_info t = {
		.tcpi_state = (uint8_t)tcp_state_number(u),
		.tcpi_rto = RTO_US,
		.tcpi_snd_mss = MSS_LOOPBACK,
		.tcpi_rcv_mss = MSS_DEFAULT,
		.tcpi_pmtu = INET_LOOPBACK_MTU - 1,
		.tcpi_rtt = RTT_US,
		.tcpi_rttvar = RTT_US / 2,
		.tcpi_snd_cwnd = WINDOW_FIRST,
		.tcpi_snd_ssthresh = INT32_MAX,
		.tcpi_advmss = MSS_LOOPBACK,
		.tcpi_reordering = 3,
		.tcpi_rcv_space = READ_ONCE(u->inet.socket.receive_limit) / 2,
		.tcpi_bytes_acked = sent,
		.tcpi_bytes_sent = sent,
		.tcpi_bytes_received = received + atomic_load(&u->bytes_queued),
	};

	if (atomic_load(&u->state) == STREAM_LISTENING) {
		t.tcpi_unacked = atomic_load(&u->nr_pending);
		t.tcpi_sacked = READ_ONCE(u->backlog);
	}
	return give(o, &t, sizeof(t));
}

int tcp_get_special(struct socket *s, struct socket_option *o)
{
	static const char congestion[CONGESTION_MAX] = CONGESTION;
	struct tcp_socket *u = tcp_of(s);
	int mss = atomic_load(&u->state) == STREAM_JOINED ? MSS_LOOPBACK : MSS_DEFAULT;

	if (o->level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	switch (o->name) {
	case TCP_INFO:
		return give_info(u, o);
	case TCP_CONGESTION:
		return give(o, congestion, sizeof(congestion));
	case TCP_MAXSEG:
		return give(o, &mss, sizeof(mss));
	case TCP_ULP:
		o->len = 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int tcp_set_special(struct socket *s, const struct socket_option *o)
{
	int value = 0;

	if (o->level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	if (o->name == TCP_CONGESTION) {
		if (o->len < 1)
			return -EINVAL;
		return strncmp(o->value, CONGESTION, min(o->len, CONGESTION_MAX)) == 0 ? 0
										       : -ENOENT;
	}
	if (o->name != TCP_MAXSEG)
		return -ENOPROTOOPT;
	if (o->len < sizeof(value))
		return -EINVAL;
	memcpy(&value, o->value, sizeof(value));
	/* Taken as the most; the loopback has no segments that could be smaller. */
	return value == 0 || (value >= 88 && value <= 32767) ? 0 : -EINVAL;
}
