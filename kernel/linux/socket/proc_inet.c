/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of the internet under /proc/net: tcp, udp, raw, icmp and their forms of IPv6
 * (proc(5)). */
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "net/inet/report.h"
#include "net/tcp/tcp.h"

#define LINE_MAX   256u
#define WIDTH_TCP  149u /* to which Linux fills the lines of IPv4 */
#define WIDTH_UDP  127u
#define TICKS      100 /* a second: USER_HZ */
#define TCP_EXTRAS " 100 0 0 10 0"

/* Words as they are in memory, which is how Linux prints them. */
static void address_text(char *to, size_t size, const struct inet_address *a, bool v6)
{
	uint32_t words[4];
	static const uint8_t zero[16];

	memcpy(words, inet_ip_is_any(a->ip) ? zero : a->ip, sizeof(words));
	if (v6)
		fmt(to, size, "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3],
		    (unsigned)a->port);
	else
		fmt(to, size, "%08X:%04X", inet_ip_v4(a->ip), (unsigned)a->port);
}

static void show_one(struct text_buffer *b, const struct inet_report *r, unsigned n,
		     enum inet_table table)
{
	bool tcp = table == INET_TABLE_TCP;
	struct inet_address remote = r->remote;
	char local_text[48], remote_text[48], line[LINE_MAX];
	unsigned width = r->v6 ? 0 : tcp ? WIDTH_TCP : WIDTH_UDP;
	size_t at;

	if (remote.port == 0 && tcp)
		memcpy(remote.ip, r->v6 ? inet_any6 : inet_any4, sizeof(remote.ip));
	address_text(local_text, sizeof(local_text), &r->local, r->v6);
	address_text(remote_text, sizeof(remote_text), &remote, r->v6);
	at = (size_t)fmt(line, sizeof(line), "%*u: %s %s %02X %08X:%08X %02X:%08llX %08X %5u",
			 tcp ? 4 : 5, n, local_text, remote_text, r->state,
			 r->state == TCP_STATE_LISTEN ? 0u : (unsigned)r->nr_sent,
			 (unsigned)r->nr_received, (unsigned)r->timer,
			 (unsigned long long)(r->timer_ns / (NSEC_PER_SEC / TICKS)), r->nr_retries,
			 r->uid);
	at += (size_t)fmt(line + at, sizeof(line) - at, " %8d %llu %u %016x", 0,
			  (unsigned long long)r->ino, r->refs, 0u);
	if (!tcp)
		(void)fmt(line + at, sizeof(line) - at, " %u", r->nr_dropped);
	else if (r->state != TCP_STATE_TIME_WAIT)
		(void)fmt(line + at, sizeof(line) - at, TCP_EXTRAS);
	text_print(b, "%-*s\n", (int)width, line);
}

static void show_head(struct text_buffer *b, bool tcp, bool v6)
{
	if (v6)
		text_print(b,
			   "  sl  local_address                         remote_address          "
			   "              st tx_queue rx_queue tr tm->when retrnsmt   uid  "
			   "timeout inode%s\n",
			   tcp ? "" : " ref pointer drops");
	else if (tcp)
		text_print(b, "%-*s\n", (int)WIDTH_TCP,
			   "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			   "retrnsmt   uid  timeout inode");
	else
		text_print(b, "%-*s\n", (int)WIDTH_UDP,
			   "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			   "retrnsmt   uid  timeout inode ref pointer drops");
}

/* Listeners are on top, as on Linux. */
static void show_some(struct text_buffer *b, enum inet_table table, bool v6, bool listeners)
{
	struct inet_cursor c = { .at = NULL };
	struct inet_report r;

	while (inet_report_next(table, &c, &r)) {
		if (r.v6 == v6 && (r.state == TCP_STATE_LISTEN) == listeners)
			show_one(b, &r, (unsigned)b->nr++, table);
	}
}

static int show_table(struct text_buffer *b, enum inet_table table, bool v6)
{
	int nr = b->nr;

	show_head(b, table == INET_TABLE_TCP, v6);
	b->nr = 0; /* counts the lines, for show_some */
	if (table == INET_TABLE_TCP)
		show_some(b, table, v6, true);
	show_some(b, table, v6, false);
	b->nr = nr;
	return 0;
}

#define TABLE(name, table, v6) \
	static int show_##name(struct text_buffer *b, int pid) \
	{ \
		return show_table(b, table, v6); \
	} \
	PROC_FILE(net_##name) = { .path = "net/" #name, .mode = 0444, .show = show_##name }

TABLE(tcp, INET_TABLE_TCP, false);
TABLE(tcp6, INET_TABLE_TCP, true);
TABLE(udp, INET_TABLE_UDP, false);
TABLE(udp6, INET_TABLE_UDP, true);
TABLE(raw, INET_TABLE_RAW, false);
TABLE(raw6, INET_TABLE_RAW, true);
TABLE(icmp, INET_TABLE_PING, false);
TABLE(icmp6, INET_TABLE_PING, true);
