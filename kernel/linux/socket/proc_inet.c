/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/net/tcp, udp, dev, route and their like; /proc/sys/net/ipv4 (proc(5), tcp(7)). */
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "net/inet/report.h"

#define SPARE 16u /* sockets that may come while the table is made */

/* A snapshot. NULL = no memory. */
static struct inet_report *snapshot(bool tcp, unsigned *nr)
{
	unsigned room = inet_report(tcp, NULL, 0);

	for (;;) {
		struct inet_report *all;

		room += SPARE;
		all = kmem_new_array(struct inet_report, room);
		if (all == NULL)
			return NULL;
		*nr = inet_report(tcp, all, room);
		if (*nr <= room)
			return all;
		kmem_free(all);
		room = *nr;
	}
}

/* Words as they are in memory, which is how Linux prints them. */
static void show_address(struct text_buffer *b, const struct inet_address *a, bool v6)
{
	uint32_t words[4];
	static const uint8_t zero[16];

	memcpy(words, a->port == 0 && inet_ip_is_any(a->ip) ? zero : a->ip, sizeof(words));
	if (v6)
		text_print(b, "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3],
			   (unsigned)a->port);
	else
		text_print(b, "%08X:%04X", inet_ip_v4(a->ip), (unsigned)a->port);
}

static void show_one(struct text_buffer *b, const struct inet_report *r, unsigned n, bool tcp)
{
	struct inet_address remote = r->remote;

	if (remote.port == 0)
		memcpy(remote.ip, r->v6 ? inet_any6 : inet_any4, sizeof(remote.ip));
	text_print(b, tcp ? "%4u: " : "%5u: ", n);
	show_address(b, &r->local, r->v6);
	text_append(b, " ", 1);
	show_address(b, &remote, r->v6);
	text_print(b, " %02X %08X:%08X %02X:%08X %08X %5u %8d %llu %u %016x", r->state,
		   (unsigned)r->nr_sent, (unsigned)r->nr_received, 0u, 0u, 0u, r->uid, 0,
		   (unsigned long long)r->ino, r->refs, 0u);
	text_print(b, tcp ? " 100 0 0 10 0\n" : " 0\n");
}

static int show_table(struct text_buffer *b, bool tcp, bool v6)
{
	unsigned nr, n = 0;
	struct inet_report *all = snapshot(tcp, &nr);

	if (all == NULL)
		return -ENOMEM;
	if (v6)
		text_print(b,
			   "  sl  local_address                         remote_address          "
			   "              st tx_queue rx_queue tr tm->when retrnsmt   uid  "
			   "timeout inode%s\n",
			   tcp ? "" : " ref pointer drops");
	else
		text_print(b,
			   "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			   "retrnsmt   uid  timeout inode%s\n",
			   tcp ? "" : " ref pointer drops");
	for (unsigned i = 0; i < nr; i++) {
		if (all[i].v6 == v6)
			show_one(b, &all[i], n++, tcp);
	}
	kmem_free(all);
	return 0;
}

static int show_tcp(struct text_buffer *b, int pid)
{
	return show_table(b, true, false);
}
PROC_FILE(net_tcp) = { .path = "net/tcp", .mode = 0444, .show = show_tcp };

static int show_tcp6(struct text_buffer *b, int pid)
{
	return show_table(b, true, true);
}
PROC_FILE(net_tcp6) = { .path = "net/tcp6", .mode = 0444, .show = show_tcp6 };

static int show_udp(struct text_buffer *b, int pid)
{
	return show_table(b, false, false);
}
PROC_FILE(net_udp) = { .path = "net/udp", .mode = 0444, .show = show_udp };

static int show_udp6(struct text_buffer *b, int pid)
{
	return show_table(b, false, true);
}
PROC_FILE(net_udp6) = { .path = "net/udp6", .mode = 0444, .show = show_udp6 };

/* ---- the interface ---- */

/* Nothing crosses lo as packets: its counters stay at none. */
static int show_dev(struct text_buffer *b, int pid)
{
	text_print(b,
		   "Inter-|   Receive                                                |  "
		   "Transmit\n face |bytes    packets errs drop fifo frame compressed "
		   "multicast|bytes    packets errs drop fifo colls carrier compressed\n"
		   "    lo: %7d %7d    0    0    0     0          0         0 %8d %7d    0    0 "
		   "   0     0       0          0\n",
		   0, 0, 0, 0);
	return 0;
}
PROC_FILE(net_dev) = { .path = "net/dev", .mode = 0444, .show = show_dev };

static int show_route(struct text_buffer *b, int pid)
{
	text_print(b, "%-127s\n",
		   "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU"
		   "\tWindow\tIRTT");
	return 0;
}
PROC_FILE(net_route) = { .path = "net/route", .mode = 0444, .show = show_route };

static int show_if_inet6(struct text_buffer *b, int pid)
{
	text_print(b, "00000000000000000000000000000001 01 80 10 80 %8s\n", "lo");
	return 0;
}
PROC_FILE(net_if_inet6) = { .path = "net/if_inet6", .mode = 0444, .show = show_if_inet6 };

static int show_sockstat(struct text_buffer *b, int pid)
{
	unsigned nr_tcp = inet_report(true, NULL, 0), nr_udp = inet_report(false, NULL, 0);

	text_print(b,
		   "sockets: used %u\nTCP: inuse %u orphan 0 tw 0 alloc %u mem 0\n"
		   "UDP: inuse %u mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\n"
		   "FRAG: inuse 0 memory 0\n",
		   nr_tcp + nr_udp, nr_tcp, nr_tcp, nr_udp);
	return 0;
}
PROC_FILE(net_sockstat) = { .path = "net/sockstat", .mode = 0444, .show = show_sockstat };

/* ---- limits ---- */

static int show_port_range(struct text_buffer *b, int pid)
{
	text_print(b, "%u\t%u\n", INET_EPHEMERAL_MIN, INET_EPHEMERAL_MAX);
	return 0;
}
PROC_FILE(port_range) = { .path = "sys/net/ipv4/ip_local_port_range",
			  .mode = 0444,
			  .show = show_port_range };

static int show_unprivileged(struct text_buffer *b, int pid)
{
	text_print(b, "%u\n", INET_PRIVILEGED);
	return 0;
}
PROC_FILE(unprivileged) = { .path = "sys/net/ipv4/ip_unprivileged_port_start",
			    .mode = 0444,
			    .show = show_unprivileged };

static int show_congestion(struct text_buffer *b, int pid)
{
	text_print(b, "cubic\n");
	return 0;
}
PROC_FILE(congestion) = { .path = "sys/net/ipv4/tcp_congestion_control",
			  .mode = 0444,
			  .show = show_congestion };
PROC_FILE(congestions) = { .path = "sys/net/ipv4/tcp_available_congestion_control",
			   .mode = 0444,
			   .show = show_congestion };

static int show_keepalive(struct text_buffer *b, int pid)
{
	text_print(b, "7200\n");
	return 0;
}
PROC_FILE(keepalive) = { .path = "sys/net/ipv4/tcp_keepalive_time",
			 .mode = 0444,
			 .show = show_keepalive };

static int show_fin_timeout(struct text_buffer *b, int pid)
{
	text_print(b, "60\n");
	return 0;
}
PROC_FILE(fin_timeout) = { .path = "sys/net/ipv4/tcp_fin_timeout",
			   .mode = 0444,
			   .show = show_fin_timeout };
