/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts of the stack under /proc/net: snmp, snmp6, netstat, sockstat and sockstat6 (proc(5); RFC
 * 4293, RFC 4022, RFC 4113). What the stack does not count is not listed in netstat and snmp6;
 * in snmp, whose columns programs know by their places, it is 0.
 */
#include "core/time/timer.h"
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "mm/alloc/page.h"
#include "net/counters.h"
#include "net/inet/report.h"
#include "net/tcp/tcp.h"
#include "net/unix/report.h"

typedef unsigned long long count_t;

static count_t sum(const struct net *net, bool v4, enum net_count what)
{
	return net_counters_get(net, v4, what);
}

/* ---- snmp ---- */

static void show_ip(struct text_buffer *b, const struct net *net)
{
	text_print(b,
		   "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams "
		   "InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes "
		   "ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates\n");
	text_print(b, "Ip: 2 %u %llu %llu %llu 0 %llu 0 %llu %llu 0 0 0 0 0 0 0 0 0\n",
		   READ_ONCE(net->settings.default_ttl), sum(net, true, NET_COUNT_IN_RECEIVES),
		   sum(net, true, NET_COUNT_IN_HEADER_ERRORS),
		   sum(net, true, NET_COUNT_IN_ADDRESS_ERRORS),
		   sum(net, true, NET_COUNT_IN_UNKNOWN_PROTOCOLS),
		   sum(net, true, NET_COUNT_IN_DELIVERS), sum(net, true, NET_COUNT_OUT_REQUESTS));
	text_print(b, "Icmp: InMsgs InErrors InCsumErrors\nIcmp: %llu %llu %llu\n",
		   sum(net, true, NET_COUNT_ICMP_IN), sum(net, true, NET_COUNT_ICMP_IN_ERRORS),
		   sum(net, true, NET_COUNT_ICMP_SUM_ERRORS));
}

/* Connections that are established, or wait to be closed by the program. */
static unsigned count_established(void)
{
	struct inet_cursor c = { .at = NULL };
	struct inet_report r;
	unsigned nr = 0;

	while (inet_report_next(INET_TABLE_TCP, &c, &r))
		nr += r.state == TCP_STATE_ESTABLISHED || r.state == TCP_STATE_CLOSE_WAIT;
	return nr;
}

static void show_tcp(struct text_buffer *b, struct net *net)
{
	const struct tcp_counters *c = tcp_counters(net);

	text_print(b,
		   "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens "
		   "AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts "
		   "InCsumErrors\n");
	text_print(b, "Tcp: 1 %u 120000 -1 %llu %llu %llu %llu %u %llu %llu %llu %llu %llu %llu\n",
		   READ_ONCE(tcp_settings(net)->min_rto_ms), (count_t)READ_ONCE(c->active_opens),
		   (count_t)READ_ONCE(c->passive_opens), (count_t)READ_ONCE(c->attempt_fails),
		   (count_t)READ_ONCE(c->estab_resets), count_established(),
		   (count_t)READ_ONCE(c->in_segs), (count_t)READ_ONCE(c->out_segs),
		   (count_t)READ_ONCE(c->retrans_segs), (count_t)READ_ONCE(c->in_errs),
		   (count_t)READ_ONCE(c->out_rsts), (count_t)READ_ONCE(c->in_csum_errors));
}

static int show_snmp(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();

	if (net == NULL)
		return -ENOMEM;
	show_ip(b, net);
	show_tcp(b, net);
	text_print(b, "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors "
		      "InCsumErrors IgnoredMulti MemErrors\n");
	text_print(b, "Udp: %llu %llu %llu %llu %llu 0 0 0 0\n", sum(net, true, NET_COUNT_UDP_IN),
		   sum(net, true, NET_COUNT_UDP_NO_PORTS), sum(net, true, NET_COUNT_UDP_IN_ERRORS),
		   sum(net, true, NET_COUNT_UDP_OUT), sum(net, true, NET_COUNT_UDP_BUFFER_ERRORS));
	text_print(b, "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors "
		      "SndbufErrors InCsumErrors IgnoredMulti MemErrors\n"
		      "UdpLite: 0 0 0 0 0 0 0 0 0\n");
	return 0;
}
PROC_FILE(net_snmp) = { .path = "net/snmp", .mode = 0444, .show = show_snmp };

/* ---- snmp6 ---- */

static const struct {
	const char *name;
	enum net_count what;
} counts6[] = {
	{ "Ip6InReceives", NET_COUNT_IN_RECEIVES },
	{ "Ip6InHdrErrors", NET_COUNT_IN_HEADER_ERRORS },
	{ "Ip6InAddrErrors", NET_COUNT_IN_ADDRESS_ERRORS },
	{ "Ip6InUnknownProtos", NET_COUNT_IN_UNKNOWN_PROTOCOLS },
	{ "Ip6InDelivers", NET_COUNT_IN_DELIVERS },
	{ "Ip6OutRequests", NET_COUNT_OUT_REQUESTS },
	{ "Icmp6InMsgs", NET_COUNT_ICMP_IN },
	{ "Icmp6InErrors", NET_COUNT_ICMP_IN_ERRORS },
	{ "Icmp6InCsumErrors", NET_COUNT_ICMP_SUM_ERRORS },
	{ "Udp6InDatagrams", NET_COUNT_UDP_IN },
	{ "Udp6NoPorts", NET_COUNT_UDP_NO_PORTS },
	{ "Udp6InErrors", NET_COUNT_UDP_IN_ERRORS },
	{ "Udp6OutDatagrams", NET_COUNT_UDP_OUT },
	{ "Udp6RcvbufErrors", NET_COUNT_UDP_BUFFER_ERRORS },
};

static int show_snmp6(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();

	if (net == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(counts6); i++)
		text_print(b, "%-32s\t%llu\n", counts6[i].name, sum(net, false, counts6[i].what));
	return 0;
}
PROC_FILE(net_snmp6) = { .path = "net/snmp6", .mode = 0444, .show = show_snmp6 };

/* ---- netstat ---- */

#define COUNT(name, field) \
	{ \
		name, offsetof(struct tcp_counters, field) \
	}

static const struct {
	const char *name;
	size_t at;
} extended[] = {
	COUNT("SyncookiesSent", syncookies_sent),
	COUNT("SyncookiesRecv", syncookies_recv),
	COUNT("SyncookiesFailed", syncookies_failed),
	COUNT("TW", time_wait),
	COUNT("PAWSEstab", paws_rejected),
	COUNT("ListenOverflows", listen_overflows),
	COUNT("ListenDrops", listen_drops),
	COUNT("TCPLossProbes", loss_probes),
	COUNT("TCPFastRetrans", fast_retransmits),
	COUNT("TCPTimeouts", timeouts),
	COUNT("TCPSpuriousRTOs", spurious_rtos),
	COUNT("TCPRcvCollapsed", rcv_pruned),
	COUNT("TCPDSACKRecv", dsack_recv),
	COUNT("TCPAbortOnMemory", memory_aborts),
	COUNT("TCPChallengeACK", challenge_acks),
	COUNT("TCPOFOQueue", out_of_order_queued),
	COUNT("TCPFastOpenActive", fastopen_active),
	COUNT("TCPFastOpenPassive", fastopen_passive),
};

static int show_netstat(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();

	if (net == NULL)
		return -ENOMEM;
	text_print(b, "TcpExt:");
	for (size_t i = 0; i < ARRAY_SIZE(extended); i++)
		text_print(b, " %s", extended[i].name);
	text_print(b, "\nTcpExt:");
	for (size_t i = 0; i < ARRAY_SIZE(extended); i++) {
		const void *at = (const char *)tcp_counters(net) + extended[i].at;

		text_print(b, " %llu", (count_t)READ_ONCE(*(const uint64_t *)at));
	}
	text_print(b, "\n");
	return 0;
}
PROC_FILE(net_netstat) = { .path = "net/netstat", .mode = 0444, .show = show_netstat };

/* ---- sockstat ---- */

struct socket_counts {
	unsigned in_use[2], nr_rest, nr_orphans; /* IPv4's, IPv6's */
	uint64_t memory;                         /* bytes */
};

static struct socket_counts count(enum inet_table table)
{
	struct socket_counts all = { .memory = 0 };
	struct inet_cursor c = { .at = NULL };
	struct inet_report r;

	while (inet_report_next(table, &c, &r)) {
		bool is_rest = table == INET_TABLE_TCP && r.state == TCP_STATE_TIME_WAIT;

		all.in_use[r.v6] += !is_rest;
		all.nr_rest += is_rest;
		all.nr_orphans += table == INET_TABLE_TCP && !is_rest && r.is_orphan;
		all.memory += r.received_memory + r.sent_memory;
	}
	return all;
}

static count_t pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static int show_sockstat(struct text_buffer *b, int pid)
{
	struct socket_counts tcp = count(INET_TABLE_TCP), udp = count(INET_TABLE_UDP),
			     raw = count(INET_TABLE_RAW);
	unsigned nr_tcp = tcp.in_use[0] + tcp.in_use[1];

	text_print(b, "sockets: used %u\n",
		   nr_tcp + udp.in_use[0] + udp.in_use[1] + raw.in_use[0] + raw.in_use[1] +
			   unix_report(NULL, 0));
	text_print(b, "TCP: inuse %u orphan %u tw %u alloc %u mem %llu\n", tcp.in_use[0],
		   tcp.nr_orphans, tcp.nr_rest, nr_tcp, pages(tcp.memory));
	text_print(b, "UDP: inuse %u mem %llu\nUDPLITE: inuse 0\nRAW: inuse %u\n", udp.in_use[0],
		   pages(udp.memory), raw.in_use[0]);
	text_print(b, "FRAG: inuse 0 memory 0\n");
	return 0;
}
PROC_FILE(net_sockstat) = { .path = "net/sockstat", .mode = 0444, .show = show_sockstat };

static int show_sockstat6(struct text_buffer *b, int pid)
{
	text_print(b,
		   "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse %u\n"
		   "FRAG6: inuse 0 memory 0\n",
		   count(INET_TABLE_TCP).in_use[1], count(INET_TABLE_UDP).in_use[1],
		   count(INET_TABLE_RAW).in_use[1]);
	return 0;
}
PROC_FILE(net_sockstat6) = { .path = "net/sockstat6", .mode = 0444, .show = show_sockstat6 };
