/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NETLINK_ROUTE (rtnetlink(7)): interfaces, addresses, routes, neighbours and rules as messages. A
 * row says who handles a request, and what it has behind its header. What a request says is checked
 * whole before anything changes.
 */
#pragma once
#include <linux/rtnetlink.h>

#include "net/event.h"
#include "net/ip/ip.h"
#include "net/netdev.h"
#include "net/netlink/netlink.h"

struct rtnetlink_row {
	uint16_t type;      /* RTM_* */
	uint8_t header_len; /* of the family's header */
	const struct netlink_rule *rules;
	unsigned nr_rules;
	int (*handle)(struct netlink_request *r); /* of one: 0 or -errno; NULL: -EOPNOTSUPP */
	int (*dump)(struct netlink_request *r);   /* NETLINK_NO_ANSWER or -errno; the same */
};
#define RTNETLINK_RULES(rules) (rules), ARRAY_SIZE(rules)

extern const struct rtnetlink_row rtnetlink_links[], rtnetlink_addresses[], rtnetlink_routes[],
	rtnetlink_neighbours[], rtnetlink_rules[]; /* each ends with a row of type 0 */

/* An interface by number. NULL: there is none. No lock is held. */
struct netdev *rtnetlink_device(struct net *net, unsigned index);
/* An address of the family in an attribute: -EINVAL. */
MUST_CHECK int rtnetlink_read_ip(const struct nlattr *a, unsigned family, uint8_t ip[16]);
void rtnetlink_put_ip(struct netlink_message *m, unsigned type, const uint8_t ip[16]);
static inline unsigned rtnetlink_family(const uint8_t ip[16])
{
	return inet_ip_is_v4(ip) ? AF_INET : AF_INET6;
}
/* One message of such an object to who asked: -ENOBUFS. It is the caller's, or counted. */
MUST_CHECK int rtnetlink_answer_one(struct netlink_request *r,
				    bool (*write)(struct netlink_message *m,
						  const struct nlmsghdr *h, const void *object),
				    const void *object, unsigned type);

/* False: it had no room. Addresses and routes are copies, or net->lock is held; a neighbour is
 * counted, and no lock is held: its own is taken. */
bool rtnetlink_write_link(struct netlink_message *m, const struct nlmsghdr *h, const void *netdev);
bool rtnetlink_write_address(struct netlink_message *m, const struct nlmsghdr *h,
			     const void *address);
bool rtnetlink_write_route(struct netlink_message *m, const struct nlmsghdr *h, const void *route);
bool rtnetlink_write_neighbour(struct netlink_message *m, const struct nlmsghdr *h,
			       const void *neighbour);

int rtnetlink_observe(void); /* event.c: from now on events come; -ENOMEM */
