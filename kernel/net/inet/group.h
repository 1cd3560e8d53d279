/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups that a socket has joined (ip(7), ipv6(7), RFC 3678): from all sources but some,
 * or from some alone. group.c has the memberships, group_option.c what programs say of them. The
 * interface hears what any of its sockets wants (ip/group/); the rest is left out here.
 */
#pragma once
#include "net/inet/inet.h"

#define INET_GROUPS6_MAX 2340u /* of IPv6: what Linux's optmem_max is enough for */

struct inet_sources {
	bool include; /* from these alone; else from all but these */
	unsigned nr;
	uint8_t ip[NET_SOURCES_MAX][16];
};

struct inet_groups {
	unsigned nr, room;
	unsigned nr4; /* of IPv4 */
	struct inet_group {
		uint8_t ip[16];
		struct netdev *dev;
		struct inet_sources *sources; /* owned; NULL: from all */
	} all[];
};

enum group_act {
	GROUP_JOIN,
	GROUP_LEAVE,
	GROUP_JOIN_SOURCE,
	GROUP_LEAVE_SOURCE,
	GROUP_BLOCK_SOURCE,
	GROUP_UNBLOCK_SOURCE,
};

struct group_request {
	uint8_t ip[16], source[16];
	struct netdev *dev;
};

/* How many sources a group may have: /proc/sys/net. */
unsigned group_sources_max(const struct inet_socket *i, bool v4);

/* ---- group.c; thread context ---- */

/* -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL, -ENOBUFS. */
MUST_CHECK int group_change(struct inet_socket *i, enum group_act act,
			    const struct group_request *r);
/* All sources at once; s is taken if it succeeds. -EINVAL: not a member. */
MUST_CHECK int group_set_sources(struct inet_socket *i, const struct group_request *r,
				 struct inet_sources *s);
MUST_CHECK int group_get_sources(struct inet_socket *i, const struct group_request *r,
				 struct inet_sources *out); /* -EADDRNOTAVAIL */
