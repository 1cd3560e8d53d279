/* SPDX-License-Identifier: BSD-2-Clause */
/* NETLINK_ROUTE: which request is whose, and what they share. rtnetlink.h has the theory. */
#include "net/netlink/rtnetlink.h"

#include <linux/capability.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define KIND(type) (((type)-RTM_BASE) & 3) /* new, delete, get, set */
#define KIND_GET   2
#define IS_DUMP(h) (((h)->nlmsg_flags & NLM_F_DUMP) != 0)

static const struct rtnetlink_row *const tables[] = {
	rtnetlink_links,      rtnetlink_addresses, rtnetlink_routes,
	rtnetlink_neighbours, rtnetlink_rules,
};

static const struct rtnetlink_row *find_row(unsigned type)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct rtnetlink_row *row = tables[i]; row->type != 0; row++) {
			if (row->type == type)
				return row;
		}
	}
	return NULL;
}

static int handle(struct netlink_request *r)
{
	unsigned type = r->header->nlmsg_type;
	bool dumps = KIND(type) == KIND_GET && IS_DUMP(r->header);
	const struct rtnetlink_row *row;
	int err;

	if (type > RTM_MAX)
		return -EOPNOTSUPP;
	if (r->body_len < sizeof(struct rtgenmsg))
		return 0;
	if (KIND(type) != KIND_GET && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	row = find_row(type);
	if (row == NULL || (dumps ? row->dump : row->handle) == NULL)
		return -EOPNOTSUPP;
	if (!dumps && r->body_len < row->header_len)
		return -EINVAL;
	err = netlink_parse(r, row->header_len, row->rules, row->nr_rules);
	if (err != 0)
		return err;
	return dumps ? row->dump(r) : row->handle(r);
}

const struct netlink_protocol netlink_route_protocol = {
	.number = NETLINK_ROUTE,
	.nr_groups = RTNLGRP_MAX,
	.handle = handle,
	.joined = rtnetlink_observe,
};

/* ---- what they share ---- */

struct netdev *rtnetlink_device(struct net *net, unsigned index)
{
	scoped_spin(&net->lock);
	return netdev_by_index(net, index);
}

int rtnetlink_read_ip(const struct nlattr *a, unsigned family, uint8_t ip[16])
{
	if (family == AF_INET && netlink_data_len(a) == 4)
		inet_ip_from_v4(ip, netlink_get_u32(a));
	else if (family == AF_INET6 && netlink_data_len(a) == 16)
		memcpy(ip, netlink_data(a), 16);
	else
		return -EINVAL;
	return 0;
}

void rtnetlink_put_ip(struct netlink_message *m, unsigned type, const uint8_t ip[16])
{
	if (inet_ip_is_v4(ip))
		netlink_put(m, type, ip + IP_V4_AT, 4);
	else
		netlink_put(m, type, ip, 16);
}

int rtnetlink_answer_one(struct netlink_request *r,
			 bool (*write)(struct netlink_message *m, const struct nlmsghdr *h,
				       const void *object),
			 const void *object, unsigned type)
{
	struct netlink_message *m = netlink_message_new(NETLINK_PART);
	struct nlmsghdr h = netlink_answer_header(r, type);

	if (m == NULL)
		return -ENOBUFS;
	if (!write(m, &h, object)) {
		kmem_free(m);
		return -EMSGSIZE;
	}
	netlink_answer(r, m);
	return 0;
}
