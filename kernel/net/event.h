/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exactly has changed: for NETLINK_ROUTE, which tells programs of each change (net_listen, of
 * net.h, is for who looks at the whole again). While nobody observes, an event costs one load.
 */
#pragma once
#include "net/net.h"

struct net_address;
struct neighbour;
struct netdev;
struct route;

enum net_event_kind {
	NET_EVENT_LINK,
	NET_EVENT_ADDRESS,
	NET_EVENT_ROUTE,
	NET_EVENT_NEIGHBOUR,
};

struct net_event {
	enum net_event_kind kind;
	bool is_gone; /* else it is new, or has changed */
	union {       /* by kind; the caller's, whole while it is told */
		struct netdev *dev;
		const struct net_address *address;
		const struct route *route;
		struct neighbour *neighbour;
	};
};

struct net_observer {
	/* Any context, no lock of the stack's is held. */
	void (*happened)(struct net *net, const struct net_event *e);
};

void net_tell_link(struct netdev *d); /* the interface is another now */

static inline void net_tell(struct net *net, const struct net_event *e)
{
	const struct net_observer *o = __atomic_load_n(&net->observer, __ATOMIC_ACQUIRE);

	if (o != NULL)
		o->happened(net, e);
}
