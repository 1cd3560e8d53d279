/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What IP, ICMP and UDP have counted: /proc/net/snmp and snmp6 (RFC 4293, RFC 4113). There are
 * several sets of counts, over which the CPUs are spread so that they seldom write to the same
 * line; they are added up when somebody looks. TCP's are in tcp/tcp.h.
 */
#pragma once
#include "core/smp/cpu.h"
#include "net/net.h"

enum net_count {
	NET_COUNT_IN_RECEIVES,
	NET_COUNT_IN_HEADER_ERRORS,
	NET_COUNT_IN_ADDRESS_ERRORS,
	NET_COUNT_IN_UNKNOWN_PROTOCOLS,
	NET_COUNT_IN_DELIVERS,
	NET_COUNT_OUT_REQUESTS,
	NET_COUNT_ICMP_IN,
	NET_COUNT_ICMP_IN_ERRORS, /* damaged, cut short, of no known type: with the next */
	NET_COUNT_ICMP_SUM_ERRORS,
	NET_COUNT_UDP_IN,
	NET_COUNT_UDP_NO_PORTS,
	NET_COUNT_UDP_IN_ERRORS,
	NET_COUNT_UDP_OUT,
	NET_COUNT_UDP_BUFFER_ERRORS,
	NET_NR_COUNTS
};

#define NET_COUNTER_SETS 8u

struct net_counters {                                    /* one set */
	uint64_t of4[NET_NR_COUNTS], of6[NET_NR_COUNTS]; /* [a] */
};

MUST_CHECK int net_counters_init(struct net *net); /* -ENOMEM */
void net_counters_fini(struct net *net);
/* The sum of all sets. */
uint64_t net_counters_get(const struct net *net, bool v4, enum net_count what);

/* One more. Any context. */
static inline void net_count(struct net *net, bool v4, enum net_count what)
{
	struct net_counters *c = &net->counters[cpu_this()->id % NET_COUNTER_SETS];

	(void)__atomic_fetch_add(v4 ? &c->of4[what] : &c->of6[what], 1, __ATOMIC_RELAXED);
}
