/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules over NETLINK_ROUTE: RTM_GETRULE (ip-rule(8)). There are those that each Linux begins with,
 * which say what the stack does: what is ours first, then the main table. They cannot be changed.
 */
#include <linux/fib_rules.h>

#include "lib/errno.h"
#include "net/netlink/rtnetlink.h"

static const struct {
	uint8_t family;
	uint8_t table;
	uint32_t priority;
} rules[] = {
	{ AF_INET, RT_TABLE_LOCAL, 0 },       { AF_INET, RT_TABLE_MAIN, 32766 },
	{ AF_INET, RT_TABLE_DEFAULT, 32767 }, { AF_INET6, RT_TABLE_LOCAL, 0 },
	{ AF_INET6, RT_TABLE_MAIN, 32766 },
};

static bool write_rule(struct netlink_message *m, const struct nlmsghdr *h, size_t i)
{
	struct fib_rule_hdr *t = netlink_begin(m, h, sizeof(*t));

	t->family = rules[i].family;
	t->table = rules[i].table;
	t->action = FR_ACT_TO_TBL;
	netlink_put_u32(m, FRA_TABLE, rules[i].table);
	netlink_put_u32(m, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	netlink_put_u8(m, FRA_PROTOCOL, RTPROT_KERNEL);
	if (rules[i].priority != 0)
		netlink_put_u32(m, FRA_PRIORITY, rules[i].priority);
	return netlink_end(m);
}

static bool more_rules(struct netlink_dump *d, struct netlink_message *m)
{
	struct nlmsghdr h = d->header;

	h.nlmsg_type = RTM_NEWRULE;
	for (; d->at < ARRAY_SIZE(rules); d->at++) {
		if ((d->family == AF_UNSPEC || d->family == rules[d->at].family) &&
		    !write_rule(m, &h, d->at))
			return false;
	}
	return true;
}

static int dump_rules(struct netlink_request *r)
{
	struct netlink_dump d = { .more = more_rules };
	struct rtgenmsg t;

	netlink_read_header(r, &t, sizeof(t));
	d.family = t.rtgen_family;
	return netlink_dump_start(r, &d);
}

const struct rtnetlink_row rtnetlink_rules[] = {
	{ RTM_GETRULE, sizeof(struct fib_rule_hdr), NULL, 0, NULL, dump_rules },
	{ 0 },
};
