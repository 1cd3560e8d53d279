/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses over NETLINK_ROUTE: RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR (rtnetlink(7)). */
#include <linux/if_addr.h>

#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/netlink/rtnetlink.h"

#define FOREVER UINT32_MAX

static const struct netlink_rule address_rules[] = {
	{ IFA_ADDRESS, 4 }, { IFA_LOCAL, 4 },     { IFA_LABEL, 1 },
	{ IFA_FLAGS, 4 },   { IFA_BROADCAST, 4 }, { IFA_CACHEINFO, sizeof(struct ifa_cacheinfo) },
};

/* ---- writing ---- */

static const struct {
	unsigned ours, theirs;
} flags[] = {
	{ NET_ADDRESS_TENTATIVE, IFA_F_TENTATIVE },    { NET_ADDRESS_DUPLICATE, IFA_F_DADFAILED },
	{ NET_ADDRESS_DEPRECATED, IFA_F_DEPRECATED },  { NET_ADDRESS_TEMPORARY, IFA_F_TEMPORARY },
	{ NET_ADDRESS_NO_ROUTE, IFA_F_NOPREFIXROUTE }, { NET_ADDRESS_NO_PROBE, IFA_F_NODAD },
};

static unsigned flags_of(const struct net_address *a)
{
	unsigned all = a->valid_until == NSEC_NEVER ? IFA_F_PERMANENT : 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		all |= (a->flags & flags[i].ours) != 0 ? flags[i].theirs : 0;
	return all;
}

static uint32_t seconds_until(nsec_t then)
{
	nsec_t now = clock_monotonic();

	if (then == NSEC_NEVER)
		return FOREVER;
	if (then <= now)
		return 0;
	return (uint32_t)min((then - now + NSEC_PER_SEC - 1) / NSEC_PER_SEC, (nsec_t)FOREVER - 1);
}

static uint8_t scope_of(const uint8_t ip[16])
{
	if (inet_ip_is_loopback(ip))
		return RT_SCOPE_HOST;
	return inet_ip_is_link_local(ip) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

bool rtnetlink_write_address(struct netlink_message *m, const struct nlmsghdr *h,
			     const void *address)
{
	static const uint8_t none[4];
	const struct net_address *a = address;
	struct ifa_cacheinfo times = { .ifa_prefered = seconds_until(a->preferred_until),
				       .ifa_valid = seconds_until(a->valid_until) };
	struct ifaddrmsg *i = netlink_begin(m, h, sizeof(*i));
	bool v4 = inet_ip_is_v4(a->ip);

	i->ifa_family = (uint8_t)rtnetlink_family(a->ip);
	i->ifa_prefixlen = a->prefix_bits;
	i->ifa_flags = (uint8_t)flags_of(a);
	i->ifa_scope = scope_of(a->ip);
	i->ifa_index = a->dev->index;
	rtnetlink_put_ip(m, IFA_ADDRESS, a->ip);
	if (v4)
		rtnetlink_put_ip(m, IFA_LOCAL, a->ip);
	if (v4 && memcmp(a->broadcast, none, sizeof(none)) != 0)
		netlink_put(m, IFA_BROADCAST, a->broadcast, sizeof(a->broadcast));
	if (v4)
		netlink_put_string(m, IFA_LABEL, a->dev->name);
	netlink_put_u32(m, IFA_FLAGS, flags_of(a));
	netlink_put(m, IFA_CACHEINFO, &times, sizeof(times));
	return netlink_end(m);
}

/* ---- asking ---- */

struct filter {
	uint32_t dev_index; /* 0: any */
	unsigned pass;      /* AF_*: IPv4's come first, as on Linux */
};
_Static_assert(sizeof(struct filter) <= NETLINK_FILTER, "filter is too long");

/* Of one interface, from the at2th on; false: no more room. net->lock is held. */
static bool write_device(struct netlink_dump *d, struct netlink_message *m, struct netdev *dev)
{
	const struct filter *f = (const void *)d->filter;
	struct nlmsghdr h = d->header;
	struct net_address *a;
	unsigned n = 0;

	h.nlmsg_type = RTM_NEWADDR;
	list_foreach(&dev->addresses, a, link) {
		if (n++ < d->at2)
			continue;
		if (f->pass == rtnetlink_family(a->ip) && !rtnetlink_write_address(m, &h, a))
			return false;
		d->at2++;
	}
	return true;
}

/* d->at: the number of the last interface that was written whole. */
static bool write_pass(struct netlink_dump *d, struct netlink_message *m)
{
	const struct filter *f = (const void *)d->filter;
	struct netdev *dev;

	scoped_spin(&d->net->lock);
	while ((dev = netdev_by_index(d->net, d->at + 1)) != NULL) {
		if ((f->dev_index == 0 || f->dev_index == dev->index) && !write_device(d, m, dev))
			return false;
		d->at++;
		d->at2 = 0;
	}
	return true;
}

static bool more_addresses(struct netlink_dump *d, struct netlink_message *m)
{
	struct filter *f = (void *)d->filter;

	if (!write_pass(d, m))
		return false;
	if (d->family != AF_UNSPEC || f->pass == AF_INET6)
		return true;
	f->pass = AF_INET6;
	d->at = 0;
	return write_pass(d, m);
}

static int dump_addresses(struct netlink_request *r)
{
	struct netlink_dump d = { .more = more_addresses, .watches_net = true };
	struct filter *f = (void *)d.filter;
	struct ifaddrmsg i;

	netlink_read_header(r, &i, sizeof(i));
	d.family = i.ifa_family;
	f->pass = d.family == AF_UNSPEC ? AF_INET : d.family;
	if (netlink_option_is_on(r->socket, NETLINK_GET_STRICT_CHK)) {
		if (i.ifa_prefixlen != 0 || i.ifa_flags != 0 || i.ifa_scope != 0)
			return netlink_refuse(r, -EINVAL,
					      "Invalid values in header for address dump request",
					      NULL);
		f->dev_index = i.ifa_index;
	}
	if (f->dev_index != 0 && rtnetlink_device(r->net, f->dev_index) == NULL)
		return -ENODEV;
	return netlink_dump_start(r, &d);
}

/* The address of a request, by IFA_LOCAL or else IFA_ADDRESS. */
static int read_address(struct netlink_request *r, const struct ifaddrmsg *i, uint8_t ip[16])
{
	const struct nlattr *a = r->attrs[IFA_LOCAL] != NULL ? r->attrs[IFA_LOCAL]
							     : r->attrs[IFA_ADDRESS];

	return a == NULL ? -EINVAL : rtnetlink_read_ip(a, i->ifa_family, ip);
}

/* A copy of the address with that IP: of dev, or with none of any. */
static bool find_address(struct net *net, struct netdev *dev, const uint8_t ip[16],
			 struct net_address *out)
{
	struct net_address *a;
	struct netdev *d;

	scoped_spin(&net->lock);
	list_foreach(&net->devices, d, link) {
		if (dev != NULL && d != dev)
			continue;
		list_foreach(&d->addresses, a, link) {
			if (inet_ip_equal(a->ip, ip)) {
				*out = *a;
				return true;
			}
		}
	}
	return false;
}

static int get_address(struct netlink_request *r)
{
	struct net_address a;
	struct ifaddrmsg i;
	uint8_t ip[16];
	int err;

	netlink_read_header(r, &i, sizeof(i));
	if (i.ifa_family != AF_INET6) /* as Linux: of one of IPv4's nobody has asked yet */
		return -EOPNOTSUPP;
	err = read_address(r, &i, ip);
	if (err != 0)
		return err;
	if (!find_address(r->net, rtnetlink_device(r->net, i.ifa_index), ip, &a))
		return -EADDRNOTAVAIL;
	return rtnetlink_answer_one(r, rtnetlink_write_address, &a, RTM_NEWADDR);
}

/* ---- changing ---- */

static nsec_t moment_after(uint32_t seconds)
{
	return seconds == FOREVER ? NSEC_NEVER : clock_monotonic() + (nsec_t)seconds * NSEC_PER_SEC;
}

/* -EINVAL: it is preferred for longer than it is valid, or valid no more. */
static int read_times(struct netlink_request *r, struct net_address_values *v)
{
	struct ifa_cacheinfo times = { .ifa_prefered = FOREVER, .ifa_valid = FOREVER };

	if (r->attrs[IFA_CACHEINFO] != NULL)
		memcpy(&times, netlink_data(r->attrs[IFA_CACHEINFO]), sizeof(times));
	if (times.ifa_valid == 0 || times.ifa_prefered > times.ifa_valid)
		return netlink_refuse(r, -EINVAL, "address lifetime invalid",
				      r->attrs[IFA_CACHEINFO]);
	v->preferred_until = moment_after(times.ifa_prefered);
	v->valid_until = moment_after(times.ifa_valid);
	return 0;
}

static int read_values(struct netlink_request *r, const struct ifaddrmsg *i,
		       struct net_address_values *v)
{
	const struct nlattr *f = r->attrs[IFA_FLAGS], *broadcast = r->attrs[IFA_BROADCAST];
	unsigned asked = f != NULL ? netlink_get_u32(f) : i->ifa_flags;
	int err = read_address(r, i, v->ip);

	if (err == 0)
		err = read_times(r, v);
	if (err != 0)
		return err;
	if (i->ifa_prefixlen > (i->ifa_family == AF_INET ? 32 : 128))
		return netlink_refuse(r, -EINVAL, "Invalid prefix length", NULL);
	v->prefix_bits = i->ifa_prefixlen;
	v->flags = NET_ADDRESS_PERMANENT;
	v->flags |= (asked & IFA_F_NOPREFIXROUTE) != 0 ? NET_ADDRESS_NO_ROUTE : 0;
	v->flags |= (asked & IFA_F_NODAD) != 0 ? NET_ADDRESS_NO_PROBE : 0;
	if (broadcast != NULL && i->ifa_family == AF_INET)
		memcpy(v->broadcast, netlink_data(broadcast), sizeof(v->broadcast));
	return 0;
}

/* Known already: it gets new times if the request may replace it. */
static int add_address(struct netlink_request *r, struct netdev *d,
		       const struct net_address_values *v)
{
	unsigned how = r->header->nlmsg_flags;
	struct net_address old;
	bool known = find_address(r->net, d, v->ip, &old) && old.prefix_bits == v->prefix_bits;
	int err;

	if (known && ((how & NLM_F_EXCL) != 0 || (how & NLM_F_REPLACE) == 0))
		return netlink_refuse(r, -EEXIST,
				      inet_ip_is_v4(v->ip) ? "ipv4: Address already assigned"
							   : "ipv6: address already assigned",
				      NULL);
	err = net_address_add(d, v);
	return err == -EEXIST && known ? 0 : err;
}

static int new_address(struct netlink_request *r)
{
	struct net_address_values v = { .flags = 0 };
	struct ifaddrmsg i;
	struct netdev *d;
	int err;

	netlink_read_header(r, &i, sizeof(i));
	err = read_values(r, &i, &v);
	if (err != 0)
		return err;
	d = rtnetlink_device(r->net, i.ifa_index);
	if (d == NULL)
		return netlink_refuse(r, -ENODEV, "Unable to find the interface", NULL);
	return add_address(r, d, &v);
}

static int delete_address(struct netlink_request *r)
{
	struct net_address a;
	struct ifaddrmsg i;
	struct netdev *d;
	uint8_t ip[16];
	int err;

	netlink_read_header(r, &i, sizeof(i));
	err = read_address(r, &i, ip);
	if (err != 0)
		return err;
	d = rtnetlink_device(r->net, i.ifa_index);
	if (d == NULL)
		return netlink_refuse(r, -ENODEV, "Unable to find the interface", NULL);
	if (!find_address(r->net, d, ip, &a) ||
	    (r->attrs[IFA_ADDRESS] != NULL && a.prefix_bits != i.ifa_prefixlen))
		return netlink_refuse(r, -EADDRNOTAVAIL,
				      i.ifa_family == AF_INET ? "ipv4: Address not found"
							      : "ipv6: address not found",
				      NULL);
	return net_address_remove(d, ip, a.prefix_bits);
}

#define ROW(type, one, all) \
	{ \
		type, sizeof(struct ifaddrmsg), RTNETLINK_RULES(address_rules), one, all \
	}

const struct rtnetlink_row rtnetlink_addresses[] = {
	ROW(RTM_GETADDR, get_address, dump_addresses),
	ROW(RTM_NEWADDR, new_address, NULL),
	ROW(RTM_DELADDR, delete_address, NULL),
	{ 0 },
};
