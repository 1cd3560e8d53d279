/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP as a whole: its settings, with Linux's defaults (tcp(7)), its counts, and how much memory
 * all connections hold together. Above the second of tcp_mem buffers do not grow, above the third
 * only what is needed to go on is taken.
 */
#include "mm/kmem.h"
#include "mm/page.h"
#include "net/tcp/engine.h"

static const struct tcp_settings defaults = {
	.rmem = { 4096, 131072, 6291456 },
	.wmem = { 4096, 16384, 4194304 },
	.syn_retries = 6,
	.synack_retries = 5,
	.retries1 = 3,
	.retries2 = 15,
	.orphan_retries = 8,
	.keepalive_time_s = 7200,
	.keepalive_interval_s = 75,
	.keepalive_probes = 9,
	.fin_timeout_s = 60,
	.max_syn_backlog = 4096,
	.max_orphans = 65536,
	.max_tw_buckets = 65536,
	.fastopen = 1,
	.notsent_lowat = UINT32_MAX,
	.challenge_ack_limit = 1000,
	.base_mss = 1024,
	.min_rto_ms = 200,
	.syncookies = 1,
	.timestamps = 1,
	.sack = 1,
	.dsack = 1,
	.window_scaling = 1,
	.ecn = 2,
	.tw_reuse = 2,
	.mtu_probing = 1,
	.moderate_rcvbuf = 1,
	.slow_start_after_idle = 1,
	.recovery_frto = 2,
	.tlp = 1,
};

int tcp_stack_new(struct net *net)
{
	struct tcp_stack *s = kmem_new(struct tcp_stack);
	uint64_t most = page_nr_total() * PAGE_SIZE / 8;

	if (s == NULL)
		return -ENOMEM;
	s->settings = defaults;
	s->settings.congestion = &tcp_cubic;
	s->settings.mem[0] = most / 2;
	s->settings.mem[1] = most / 4 * 3;
	s->settings.mem[2] = most;
	tcp_clocks_init(net, s);
	net->tcp_stack = s;
	return 0;
}

void tcp_stack_free(struct net *net)
{
	if (net->tcp_stack == NULL)
		return;
	tcp_clocks_fini(net->tcp_stack);
	kmem_free(net->tcp_stack);
	net->tcp_stack = NULL;
}

struct tcp_settings *tcp_settings(struct net *net)
{
	return &net->tcp_stack->settings;
}

struct tcp_counters *tcp_counters(struct net *net)
{
	return &net->tcp_stack->counters;
}

void tcp_memory_add(struct tcp *t, int64_t bytes)
{
	(void)atomic_add(&t->stack->memory, (uint64_t)bytes);
}

bool tcp_memory_is_short(const struct tcp_stack *s)
{
	return atomic_load(&s->memory) > tcp_setting(s, mem[1]);
}

bool tcp_memory_is_out(const struct tcp_stack *s)
{
	return atomic_load(&s->memory) > tcp_setting(s, mem[2]);
}
