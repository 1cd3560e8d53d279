/* SPDX-License-Identifier: BSD-2-Clause */
/* The level SOL_NETLINK of setsockopt(2) and getsockopt(2): netlink(7). */
#include <linux/capability.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/netlink/netlink.h"

/* A bit of n->options each. */
static bool is_switch(int name)
{
	switch (name) {
	case NETLINK_PKTINFO:
	case NETLINK_BROADCAST_ERROR:
	case NETLINK_NO_ENOBUFS:
	case NETLINK_LISTEN_ALL_NSID:
	case NETLINK_CAP_ACK:
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
		return true;
	default:
		return false;
	}
}

static int set_switch(struct netlink_socket *n, int name, bool on)
{
	if (name == NETLINK_LISTEN_ALL_NSID && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (on)
		(void)atomic_or(&n->options, 1u << name);
	else
		(void)atomic_and(&n->options, ~(1u << name));
	return 0;
}

int netlink_set_option(struct socket *s, const struct socket_option *o)
{
	struct netlink_socket *n = netlink_of(s);
	unsigned value = 0;

	if (o->level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (o->len >= sizeof(value))
		memcpy(&value, o->value, sizeof(value));
	if (is_switch(o->name))
		return set_switch(n, o->name, value != 0);
	if (o->name == NETLINK_ADD_MEMBERSHIP || o->name == NETLINK_DROP_MEMBERSHIP)
		return netlink_join(n, value, o->name == NETLINK_ADD_MEMBERSHIP);
	return -ENOPROTOOPT;
}

/* All groups, as words; the length that it would take in any case. */
static int give_groups(struct netlink_socket *n, struct socket_option *o)
{
	uint64_t groups = atomic_load(&n->groups);
	unsigned whole = align_up(n->protocol->nr_groups, 32u) / 8, room = min(o->len, whole);

	o->len = room / (unsigned)sizeof(uint32_t) * (unsigned)sizeof(uint32_t);
	memcpy(o->value, &groups, o->len);
	o->told = whole;
	return 0;
}

int netlink_get_option(struct socket *s, struct socket_option *o)
{
	struct netlink_socket *n = netlink_of(s);
	int value;

	if (o->level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (o->name == NETLINK_LIST_MEMBERSHIPS)
		return give_groups(n, o);
	if (!is_switch(o->name))
		return -ENOPROTOOPT;
	if (o->len < sizeof(value))
		return -EINVAL;
	value = netlink_option_is_on(n, o->name);
	o->len = sizeof(value);
	memcpy(o->value, &value, sizeof(value));
	return 0;
}
