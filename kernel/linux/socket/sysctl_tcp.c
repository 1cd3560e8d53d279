/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's numbers: /proc/sys/net/ipv4/tcp_* (tcp(7)). */
#include "lib/atomic.h"
#include "lib/string.h"
#include "linux/socket/sysctl.h"
#include "mm/alloc/page.h"
#include "net/tcp/tcp.h"

#define BUFFER_MAX (INT32_MAX / 2)
#define NAME_MAX   16u

#define TCP(name, field, least, most) \
	SYSCTL(tcp_##name, "ipv4/tcp_" #name, __typeof__(((struct tcp_settings *)0)->field), \
	       tcp_settings(net)->field, least, most)

TCP(syn_retries, syn_retries, 1, 127);
TCP(synack_retries, synack_retries, 0, 255);
TCP(retries2, retries2, 0, 255);
TCP(orphan_retries, orphan_retries, 0, 255);
TCP(keepalive_time, keepalive_time_s, 0, INT32_MAX / 1000);
TCP(keepalive_intvl, keepalive_interval_s, 0, INT32_MAX / 1000);
TCP(keepalive_probes, keepalive_probes, 0, 255);
TCP(fin_timeout, fin_timeout_s, 0, INT32_MAX / 1000);
TCP(max_syn_backlog, max_syn_backlog, 0, INT32_MAX);
TCP(max_orphans, max_orphans, 0, INT32_MAX);
TCP(max_tw_buckets, max_tw_buckets, 0, INT32_MAX);
TCP(fastopen, fastopen, 0, 0xfff);
TCP(notsent_lowat, notsent_lowat, 0, UINT32_MAX);
TCP(challenge_ack_limit, challenge_ack_limit, 0, INT32_MAX);
TCP(base_mss, base_mss, 0, INT32_MAX);
TCP(syncookies, syncookies, 0, 2);
TCP(timestamps, timestamps, 0, 2);
TCP(sack, sack, 0, 1);
TCP(dsack, dsack, 0, 1);
TCP(window_scaling, window_scaling, 0, 1);
TCP(ecn, ecn, 0, 2);
TCP(tw_reuse, tw_reuse, 0, 2);
TCP(mtu_probing, mtu_probing, 0, 2);
TCP(moderate_rcvbuf, moderate_rcvbuf, 0, 1);
TCP(slow_start_after_idle, slow_start_after_idle, 0, 1);
TCP(frto, recovery_frto, 0, 2);
TCP(abort_on_overflow, abort_on_overflow, 0, 1);
TCP(rfc1337, rfc1337, 0, 1);
TCP(early_retrans, tlp, 0, 4);
SYSCTL_FIXED(tcp_retries1, "ipv4/tcp_retries1", "3");

/* ---- three numbers ---- */

static void three(struct sysctl_number n[3], uint32_t *at)
{
	for (unsigned i = 0; i < 3; i++)
		n[i] = (struct sysctl_number){ at == NULL ? NULL : &at[i], sizeof(*at), 1,
					       BUFFER_MAX, 1 };
}

#define BUFFERS(name) \
	static int show_##name(struct text_buffer *b, int id) \
	{ \
		struct sysctl_number n[3]; \
\
		three(n, SYSCTL_AT(tcp_settings(net)->name[0])); \
		return sysctl_show(b, n, 3); \
	} \
	static int store_##name(const char *text, size_t len, int id) \
	{ \
		struct sysctl_number n[3]; \
\
		three(n, SYSCTL_AT(tcp_settings(net)->name[0])); \
		return sysctl_store(n, 3, text, len); \
	} \
	PROC_FILE(tcp_##name) = { .path = "sys/net/ipv4/tcp_" #name, \
				  .mode = 0644, \
				  .show = show_##name, \
				  .store = store_##name }
BUFFERS(rmem);
BUFFERS(wmem);

/* In pages. */
static void memory(struct sysctl_number n[3])
{
	uint64_t *at = SYSCTL_AT(tcp_settings(net)->mem[0]);

	for (unsigned i = 0; i < 3; i++)
		n[i] = (struct sysctl_number){ at == NULL ? NULL : &at[i], sizeof(*at), 0,
					       INT64_MAX / PAGE_SIZE / 2, PAGE_SIZE };
}

static int show_mem(struct text_buffer *b, int id)
{
	struct sysctl_number n[3];

	memory(n);
	return sysctl_show(b, n, 3);
}

static int store_mem(const char *text, size_t len, int id)
{
	struct sysctl_number n[3];

	memory(n);
	return sysctl_store(n, 3, text, len);
}
PROC_FILE(tcp_mem) = {
	.path = "sys/net/ipv4/tcp_mem", .mode = 0644, .show = show_mem, .store = store_mem
};

/* ---- congestion control ---- */

static int show_congestion(struct text_buffer *b, int id)
{
	struct net *net = net_machine_get();

	if (net == NULL)
		return -ENOMEM;
	text_print(b, "%s\n", tcp_default_congestion(net));
	return 0;
}

static int store_congestion(const char *text, size_t len, int id)
{
	struct net *net = net_machine_get();
	char name[NAME_MAX] = "";

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\0'))
		len--;
	if (net == NULL)
		return -ENOMEM;
	if (len >= sizeof(name))
		return -ENOENT;
	memcpy(name, text, len);
	return tcp_set_default_congestion(net, name);
}
PROC_FILE(congestion) = { .path = "sys/net/ipv4/tcp_congestion_control",
			  .mode = 0644,
			  .show = show_congestion,
			  .store = store_congestion };
SYSCTL_FIXED(congestions, "ipv4/tcp_available_congestion_control", "reno cubic");
SYSCTL_FIXED(allowed_congestions, "ipv4/tcp_allowed_congestion_control", "reno cubic");
