/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces over NETLINK_ROUTE: RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK (rtnetlink(7)). */
#include "lib/errno.h"
#include "lib/string.h"
#include "net/netlink/rtnetlink.h"

#define MTU_MAX_SHOWN 65535u

static const struct netlink_rule link_rules[] = {
	{ IFLA_ADDRESS, 0 },   { IFLA_IFNAME, 1 },   { IFLA_MTU, 4 },
	{ IFLA_TXQLEN, 4 },    { IFLA_MASTER, 4 },   { IFLA_LINKINFO, 0 },
	{ IFLA_OPERSTATE, 1 }, { IFLA_EXT_MASK, 4 }, { IFLA_ALT_IFNAME, 1 },
};

/* ---- writing ---- */

static void put_stats(struct netlink_message *m, const struct netdev_stats *s)
{
	struct rtnl_link_stats64 all = {
		.rx_packets = READ_ONCE(s->rx_packets),
		.tx_packets = READ_ONCE(s->tx_packets),
		.rx_bytes = READ_ONCE(s->rx_bytes),
		.tx_bytes = READ_ONCE(s->tx_bytes),
		.rx_errors = READ_ONCE(s->rx_errors),
		.tx_errors = READ_ONCE(s->tx_errors),
		.rx_dropped = READ_ONCE(s->rx_dropped),
		.tx_dropped = READ_ONCE(s->tx_dropped),
		.multicast = READ_ONCE(s->multicast),
	};
	struct rtnl_link_stats old = {
		.rx_packets = (uint32_t)all.rx_packets,
		.tx_packets = (uint32_t)all.tx_packets,
		.rx_bytes = (uint32_t)all.rx_bytes,
		.tx_bytes = (uint32_t)all.tx_bytes,
		.rx_errors = (uint32_t)all.rx_errors,
		.tx_errors = (uint32_t)all.tx_errors,
		.rx_dropped = (uint32_t)all.rx_dropped,
		.tx_dropped = (uint32_t)all.tx_dropped,
		.multicast = (uint32_t)all.multicast,
	};

	netlink_put(m, IFLA_STATS64, &all, sizeof(all));
	netlink_put(m, IFLA_STATS, &old, sizeof(old));
}

static void put_addresses(struct netlink_message *m, const struct netdev *d)
{
	static const uint8_t all[ETHERNET_ADDRESS_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool lo = (d->features & NETDEV_LOOPBACK) != 0;

	netlink_put(m, IFLA_ADDRESS, d->mac, sizeof(d->mac));
	netlink_put(m, IFLA_BROADCAST, lo ? d->mac : all, sizeof(all));
}

bool rtnetlink_write_link(struct netlink_message *m, const struct nlmsghdr *h, const void *netdev)
{
	const struct netdev *d = netdev;
	bool lo = (d->features & NETDEV_LOOPBACK) != 0;
	struct rtnl_link_ifmap map = { .port = 0 };
	unsigned flags = netdev_shown_flags(d);
	struct ifinfomsg *i = netlink_begin(m, h, sizeof(*i));

	i->ifi_family = AF_UNSPEC;
	i->ifi_type = (uint16_t)netdev_hardware_type(d);
	i->ifi_index = (int)d->index;
	i->ifi_flags = flags;
	netlink_put_string(m, IFLA_IFNAME, d->name);
	netlink_put_u32(m, IFLA_TXQLEN, NETDEV_QUEUE);
	netlink_put_u8(m, IFLA_OPERSTATE, (uint8_t)netdev_operational_state(d));
	netlink_put_u8(m, IFLA_LINKMODE, 0);
	netlink_put_u32(m, IFLA_MTU, READ_ONCE(d->mtu));
	netlink_put_u32(m, IFLA_MIN_MTU, lo ? 0 : ETHERNET_MTU_MIN);
	netlink_put_u32(m, IFLA_MAX_MTU, lo ? 0 : min(d->mtu_max, MTU_MAX_SHOWN));
	netlink_put_u32(m, IFLA_GROUP, 0);
	netlink_put_u32(m, IFLA_PROMISCUITY, READ_ONCE(d->nr_promiscuous));
	netlink_put_u32(m, IFLA_NUM_TX_QUEUES, d->nr_queues_max);
	netlink_put_u32(m, IFLA_NUM_RX_QUEUES, d->nr_queues_max);
	netlink_put_u32(m, IFLA_GSO_MAX_SIZE, max(d->gso_max, (uint32_t)ETHERNET_MTU_MIN));
	netlink_put_u32(m, IFLA_GSO_MAX_SEGS, UINT16_MAX);
	netlink_put_u8(m, IFLA_CARRIER, (flags & NETDEV_IS_LOWER_UP) != 0);
	netlink_put_string(m, IFLA_QDISC, lo ? "noqueue" : "pfifo");
	netlink_put(m, IFLA_MAP, &map, sizeof(map));
	put_addresses(m, d);
	put_stats(m, &d->stats);
	return netlink_end(m);
}

/* ---- asking ---- */

/* The one that a request names. NULL: *err. */
static struct netdev *find_named(struct netlink_request *r, const struct ifinfomsg *i, int *err)
{
	const struct nlattr *name = r->attrs[IFLA_IFNAME];
	char text[NETDEV_NAME_MAX] = "";
	struct netdev *d;

	if (name == NULL)
		name = r->attrs[IFLA_ALT_IFNAME];
	*err = -EINVAL;
	if (i->ifi_index <= 0 && name == NULL)
		return NULL;
	if (name != NULL)
		memcpy(text, netlink_data(name),
		       min(netlink_data_len(name), (unsigned)sizeof(text) - 1));
	*err = -ENODEV;
	scoped_spin(&r->net->lock);
	d = i->ifi_index > 0 ? netdev_by_index(r->net, (unsigned)i->ifi_index)
			     : netdev_find(r->net, text);
	return d;
}

static int get_link(struct netlink_request *r)
{
	struct ifinfomsg i;
	struct netdev *d;
	int err;

	netlink_read_header(r, &i, sizeof(i));
	d = find_named(r, &i, &err);
	return d == NULL ? err : rtnetlink_answer_one(r, rtnetlink_write_link, d, RTM_NEWLINK);
}

/* d->at: the number of the last one that was written. */
static bool more_links(struct netlink_dump *d, struct netlink_message *m)
{
	struct nlmsghdr h = d->header;
	struct netdev *dev;

	h.nlmsg_type = RTM_NEWLINK;
	scoped_spin(&d->net->lock);
	while ((dev = netdev_by_index(d->net, d->at + 1)) != NULL) {
		if (!rtnetlink_write_link(m, &h, dev))
			return false;
		d->at++;
	}
	return true;
}

static int dump_links(struct netlink_request *r)
{
	/* No interface has a master, or is of a kind: a dump of those has none. */
	struct netlink_dump d = { .more = more_links, .watches_net = true };
	const struct nlattr *master = r->attrs[IFLA_MASTER];

	if ((master != NULL && netlink_get_u32(master) != 0) || r->attrs[IFLA_LINKINFO] != NULL)
		d.at = UINT32_MAX - 1;
	return netlink_dump_start(r, &d);
}

/* ---- changing ---- */

static int check_change(struct netlink_request *r, const struct netdev *d)
{
	const struct nlattr *mac = r->attrs[IFLA_ADDRESS], *mtu = r->attrs[IFLA_MTU],
			    *name = r->attrs[IFLA_IFNAME];

	if (mac != NULL && netlink_data_len(mac) < ETHERNET_ADDRESS_LEN)
		return -EINVAL;
	if (mac != NULL && memcmp(netlink_data(mac), d->mac, sizeof(d->mac)) != 0)
		return netlink_refuse(r, -EOPNOTSUPP, "Interfaces keep their addresses", mac);
	if (mtu != NULL && netlink_get_u32(mtu) < ETHERNET_MTU_MIN)
		return netlink_refuse(r, -EINVAL, "mtu less than device minimum", NULL);
	if (mtu != NULL && netlink_get_u32(mtu) > d->mtu_max)
		return netlink_refuse(r, -EINVAL, "mtu greater than device maximum", NULL);
	if (name != NULL && strncmp(netlink_data(name), d->name, netlink_data_len(name)) != 0)
		return netlink_refuse(r, -EOPNOTSUPP, "Interfaces keep their names", name);
	if (r->attrs[IFLA_MASTER] != NULL && netlink_get_u32(r->attrs[IFLA_MASTER]) != 0)
		return -EOPNOTSUPP;
	if (r->attrs[IFLA_TXQLEN] != NULL && netlink_get_u32(r->attrs[IFLA_TXQLEN]) != NETDEV_QUEUE)
		return -EOPNOTSUPP;
	return 0;
}

static int set_link(struct netlink_request *r)
{
	struct ifinfomsg i;
	struct netdev *d;
	int err;

	netlink_read_header(r, &i, sizeof(i));
	d = find_named(r, &i, &err);
	if (d == NULL)
		return err;
	err = check_change(r, d);
	if (err == 0 && r->attrs[IFLA_MTU] != NULL)
		err = net_device_set_mtu(d, netlink_get_u32(r->attrs[IFLA_MTU]));
	if (err == 0)
		err = net_device_set_flags(d, i.ifi_flags,
					   i.ifi_change != 0 ? i.ifi_change : i.ifi_flags);
	return err;
}

/* Interfaces come at boot: there is nothing to make. */
static int new_link(struct netlink_request *r)
{
	struct ifinfomsg i;
	struct netdev *d;
	int err;

	netlink_read_header(r, &i, sizeof(i));
	d = find_named(r, &i, &err);
	if (d != NULL && (r->header->nlmsg_flags & NLM_F_EXCL) != 0)
		return -EEXIST;
	if (d != NULL)
		return set_link(r);
	if ((r->header->nlmsg_flags & NLM_F_CREATE) == 0)
		return -ENODEV;
	return netlink_refuse(r, -EOPNOTSUPP, "Unknown device type", r->attrs[IFLA_LINKINFO]);
}

static int delete_link(struct netlink_request *r)
{
	struct ifinfomsg i;
	int err;

	netlink_read_header(r, &i, sizeof(i));
	return find_named(r, &i, &err) == NULL ? err : -EOPNOTSUPP;
}

const struct rtnetlink_row rtnetlink_links[] = {
	{ RTM_GETLINK, sizeof(struct ifinfomsg), RTNETLINK_RULES(link_rules), get_link,
	  dump_links },
	{ RTM_NEWLINK, sizeof(struct ifinfomsg), RTNETLINK_RULES(link_rules), new_link, NULL },
	{ RTM_SETLINK, sizeof(struct ifinfomsg), RTNETLINK_RULES(link_rules), set_link, NULL },
	{ RTM_DELLINK, sizeof(struct ifinfomsg), RTNETLINK_RULES(link_rules), delete_link, NULL },
	{ 0 },
};
