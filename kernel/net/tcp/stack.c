/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP as a whole: its settings, with Linux's defaults (tcp(7)), its counts, and how much memory
 * all connections hold together. Above the second of tcp_mem buffers do not grow, above the third
 * only what is needed to go on is taken. How many may be in TIME-WAIT, or be left by their users,
 * follows from the machine's memory.
 */
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "net/tcp/engine.h"

#define ORPHAN_SHARE 65536u /* bytes of memory, of which one orphan may have a part */
#define REST_SHARE   16384u
#define NUMBER_MIN   256u
#define NUMBER_MAX   65536u

static const struct tcp_settings defaults = {
	.rmem = { 4096, 131072, 6291456 },
	.wmem = { 4096, 16384, 4194304 },
	.syn_retries = 6,
	.synack_retries = 5,
	.retries1 = 3,
	.retries2 = 15,
	.orphan_retries = 0,
	.keepalive_time_s = 7200,
	.keepalive_interval_s = 75,
	.keepalive_probes = 9,
	.fin_timeout_s = 60,
	.max_syn_backlog = 4096,
	.fastopen = 1,
	.notsent_lowat = UINT32_MAX,
	.challenge_ack_limit = INT32_MAX,
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

/* One for so many bytes of memory. */
static uint32_t one_for(uint64_t memory, uint64_t bytes)
{
	return (uint32_t)min(max(memory / bytes, (uint64_t)NUMBER_MIN), (uint64_t)NUMBER_MAX);
}

static void scale(struct tcp_settings *s, uint64_t memory)
{
	uint64_t most = memory / 8;

	s->mem[0] = most / 2;
	s->mem[1] = most / 4 * 3;
	s->mem[2] = most;
	s->max_orphans = one_for(memory, ORPHAN_SHARE);
	s->max_tw_buckets = one_for(memory, REST_SHARE);
}

int tcp_stack_new(struct net *net)
{
	struct tcp_stack *s = kmem_new(struct tcp_stack);

	if (s == NULL)
		return -ENOMEM;
	s->settings = defaults;
	s->settings.congestion = &tcp_cubic;
	scale(&s->settings, page_nr_total() * PAGE_SIZE);
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

const char *tcp_default_congestion(struct net *net)
{
	return READ_ONCE(net->tcp_stack->settings.congestion)->name;
}

int tcp_set_default_congestion(struct net *net, const char *name)
{
	const struct tcp_congestion *c = tcp_congestion_find(name);

	if (c == NULL)
		return -ENOENT;
	WRITE_ONCE(net->tcp_stack->settings.congestion, c);
	return 0;
}

struct tcp_counters *tcp_counters(struct net *net)
{
	return &net->tcp_stack->counters;
}

void tcp_memory_add(struct tcp *t, int64_t bytes)
{
	(void)atomic_add(&t->stack->memory, (uint64_t)bytes);
}

uint64_t tcp_memory_left(const struct tcp_stack *s)
{
	uint64_t used = atomic_load(&s->memory), most = tcp_setting(s, mem[1]);

	return most - min(used, most);
}

bool tcp_memory_is_short(const struct tcp_stack *s)
{
	return atomic_load(&s->memory) > tcp_setting(s, mem[1]);
}

bool tcp_memory_is_out(const struct tcp_stack *s)
{
	return atomic_load(&s->memory) > tcp_setting(s, mem[2]);
}
