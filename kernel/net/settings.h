/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be set of the network as a whole: /proc/sys/net (socket(7), ip(7), ipv6(7)). TCP has
 * its own (tcp/tcp.h). Numbers are Linux's, by Linux's names; each is looked at when it matters,
 * so that a change works from then on.
 */
#pragma once
#include "lib/types.h"

/* Of all sockets, whichever family: net/core. [a] */
struct socket_settings {
	uint32_t somaxconn;
	uint32_t rmem_max, wmem_max, rmem_default, wmem_default;
};
extern struct socket_settings socket_settings;

#define NET_SOURCES_MAX 64u /* that one group of one socket can have, whatever is set */

/* Of one stack: net/ipv4 and net/ipv6. [a] */
struct net_settings {
	uint32_t port_range[2];           /* ip_local_port_range: the first and the last */
	uint32_t unprivileged_port_start; /* ports from here on are for everybody */
	uint32_t default_ttl;
	uint32_t ping_groups[2];   /* ping_group_range: who may have ICMP's datagram sockets */
	uint32_t nonlocal_bind[2]; /* IPv4's, IPv6's: as IP_FREEBIND for everybody */
	uint32_t bindv6only;
	uint32_t neighbours[2][3]; /* neigh/default/gc_thresh1 to 3: IPv4's, IPv6's */
	uint32_t disable_ipv6[2];  /* what was said of all, and of those to come */
	uint32_t max_memberships;  /* igmp_max_memberships: IPv4's groups of one socket */
	uint32_t max_sources[2];   /* igmp_max_msf, mld_max_msf: of one group */
};
#define NET_SETTINGS_DEFAULT \
	{ \
		.port_range = { 32768, 60999 }, .unprivileged_port_start = 1024, \
		.default_ttl = 64, .ping_groups = { 0, 2147483647 }, .max_memberships = 20, \
		.neighbours = { { 128, 512, 1024 }, { 128, 512, 1024 } }, .max_sources = { \
			10, \
			64 \
		} \
	}
