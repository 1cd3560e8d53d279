/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of the stack (net/event.h), told to the groups of NETLINK_ROUTE: rtnetlink(7). */
#include "net/event.h"

#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/link/neighbour.h"
#include "net/netlink/rtnetlink.h"

#define EVENT_ROOM 1536u

struct kind {
	uint16_t come, gone; /* RTM_* */
	unsigned group;
	bool (*write)(struct netlink_message *m, const struct nlmsghdr *h, const void *object);
	const void *object;
};

static bool is_v4(const uint8_t ip[16])
{
	return inet_ip_is_v4(ip);
}

static struct kind kind_of(const struct net_event *e)
{
	switch (e->kind) {
	case NET_EVENT_ADDRESS:
		return (struct kind){ RTM_NEWADDR, RTM_DELADDR,
				      is_v4(e->address->ip) ? RTNLGRP_IPV4_IFADDR
							    : RTNLGRP_IPV6_IFADDR,
				      rtnetlink_write_address, e->address };
	case NET_EVENT_ROUTE:
		return (struct kind){ RTM_NEWROUTE, RTM_DELROUTE,
				      is_v4(e->route->prefix) ? RTNLGRP_IPV4_ROUTE
							      : RTNLGRP_IPV6_ROUTE,
				      rtnetlink_write_route, e->route };
	case NET_EVENT_NEIGHBOUR:
		return (struct kind){ RTM_NEWNEIGH, RTM_DELNEIGH, RTNLGRP_NEIGH,
				      rtnetlink_write_neighbour, e->neighbour };
	default:
		return (struct kind){ RTM_NEWLINK, RTM_DELLINK, RTNLGRP_LINK, rtnetlink_write_link,
				      e->dev };
	}
}

static void happened(struct net *net, const struct net_event *e)
{
	struct kind k = kind_of(e);
	struct nlmsghdr h = { .nlmsg_type = e->is_gone ? k.gone : k.come };
	struct netlink_message *m;

	if (!netlink_has_listeners(NETLINK_ROUTE, k.group))
		return;
	m = netlink_message_new(EVENT_ROOM);
	if (m == NULL)
		return;
	if (!k.write(m, &h, k.object)) {
		kmem_free(m);
		return;
	}
	m->group = k.group;
	netlink_send_to_group(NETLINK_ROUTE, NULL, m);
}

static const struct net_observer observer = { .happened = happened };

int rtnetlink_observe(void)
{
	struct net *net = net_machine_get();

	if (net == NULL)
		return -ENOMEM;
	atomic_store(&net->observer, &observer);
	return 0;
}
