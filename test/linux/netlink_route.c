/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NETLINK_ROUTE (rtnetlink(7)): interfaces, addresses, routes and rules, asked for, changed, and
 * told of; and what libc makes of it. In a network of the test's own, with lo alone.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/fib_rules.h>
#include <netdb.h>
#include <poll.h>
#include "netlink.h"
#include "netspace.h"

struct found {
	int nr, nr_lo, nr_wanted;
	unsigned type, family;
	char ip[16];
};

static int nl_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* ---- interfaces ---- */

static void see_link(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct rtattr *name = nl_find(h, sizeof(*i), IFLA_IFNAME);
	struct found *f = arg;

	f->nr++;
	if (!CHECK(h->nlmsg_type == RTM_NEWLINK && name != NULL))
		return;
	CHECK_EQ(h->nlmsg_flags & ~NLM_F_DUMP_INTR, NLM_F_MULTI);
	if (strcmp(RTA_DATA(name), "lo") != 0)
		return;
	f->nr_lo++;
	CHECK_EQ(i->ifi_index, 1);
	CHECK_EQ(i->ifi_type, 772);
	CHECK_EQ(i->ifi_flags, IFF_UP | IFF_LOOPBACK | IFF_RUNNING | 0x10000);
	CHECK_EQ(nl_u32(nl_find(h, sizeof(*i), IFLA_MTU)), 65536);
	CHECK_EQ(RTA_PAYLOAD(nl_find(h, sizeof(*i), IFLA_ADDRESS)), 6);
	CHECK_EQ(RTA_PAYLOAD(nl_find(h, sizeof(*i), IFLA_BROADCAST)), 6);
	CHECK(RTA_PAYLOAD(nl_find(h, sizeof(*i), IFLA_STATS64)) >= 23 * 8);
	CHECK_EQ(*(char *)RTA_DATA(nl_find(h, sizeof(*i), IFLA_OPERSTATE)), 0);
	CHECK_EQ(nl_u32(nl_find(h, sizeof(*i), IFLA_TXQLEN)), 1000);
}

static void test_links(int fd)
{
	struct found f = { 0 };
	struct nl_request r;
	struct ifinfomsg *i;
	char buf[NL_ROOM];
	struct nlmsghdr *h = (void *)buf;

	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(*i));
	CHECK(nl_dump(fd, &r, see_link, &f) > 0);
	CHECK_EQ(f.nr_lo, 1);
	/* As libc asks: a header that is shorter than the family's. */
	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(struct rtgenmsg));
	f = (struct found){ 0 };
	CHECK(nl_dump(fd, &r, see_link, &f) > 0);
	CHECK_EQ(f.nr_lo, 1);
	nl_begin(&r, RTM_GETLINK, 0, sizeof(*i));
	nl_put(&r, IFLA_IFNAME, "lo", 3);
	CHECK(nl_send(fd, &r) > 0);
	CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
	CHECK_EQ(h->nlmsg_type, RTM_NEWLINK);
	CHECK_EQ(h->nlmsg_flags, 0);
	CHECK_EQ(((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index, 1);
	nl_begin(&r, RTM_GETLINK, 0, sizeof(*i));
	nl_put(&r, IFLA_IFNAME, "nosuch0", 8);
	CHECK_EQ(nl_ask(fd, &r), -ENODEV);
}

static void test_change_link(int fd)
{
	struct nl_request r;
	struct ifinfomsg *i = nl_begin(&r, RTM_NEWLINK, 0, sizeof(*i));

	i->ifi_index = 1;
	nl_put_u32(&r, IFLA_MTU, 9000);
	CHECK_EQ(nl_ask(fd, &r), 0);
	i = nl_begin(&r, RTM_NEWLINK, 0, sizeof(*i));
	i->ifi_index = 1;
	nl_put_u32(&r, IFLA_MTU, 65536);
	CHECK_EQ(nl_ask(fd, &r), 0);
	i = nl_begin(&r, RTM_NEWLINK, 0, sizeof(*i));
	i->ifi_index = 4321;
	CHECK_EQ(nl_ask(fd, &r), -ENODEV);
	i = nl_begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*i));
	nl_put(&r, IFLA_IFNAME, "lo", 3);
	CHECK_EQ(nl_ask(fd, &r), -EEXIST);
	i = nl_begin(&r, RTM_NEWLINK, 0, sizeof(*i));
	i->ifi_index = 1;
	i->ifi_change = IFF_UP;
	CHECK_EQ(nl_ask(fd, &r), 0);
	CHECK_EQ(if_nametoindex("lo"), 1);
	i->ifi_flags = IFF_UP;
	CHECK_EQ(nl_ask(fd, &r), 0);
}

/* ---- addresses ---- */

static void see_address(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	struct rtattr *ip = nl_find(h, sizeof(*a), IFA_ADDRESS);
	struct found *f = arg;

	f->nr++;
	if (!CHECK(h->nlmsg_type == RTM_NEWADDR && ip != NULL))
		return;
	CHECK(f->family == AF_UNSPEC || a->ifa_family == f->family);
	if (a->ifa_family == AF_INET) {
		CHECK_EQ(RTA_PAYLOAD(ip), 4);
		CHECK(nl_find(h, sizeof(*a), IFA_LOCAL) != NULL);
		CHECK(nl_find(h, sizeof(*a), IFA_LABEL) != NULL);
	}
	CHECK(nl_find(h, sizeof(*a), IFA_CACHEINFO) != NULL);
	CHECK_EQ(nl_u32(nl_find(h, sizeof(*a), IFA_FLAGS)) & 0xff, a->ifa_flags);
	if (memcmp(RTA_DATA(ip), f->ip, a->ifa_family == AF_INET ? 4 : 16) == 0)
		f->nr_wanted++;
}

static int count_addresses(int fd, int family, const char *ip, int of)
{
	struct found f = { .family = (unsigned)family };
	struct nl_request r;
	struct ifaddrmsg *a = nl_begin(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(*a));

	a->ifa_family = (unsigned char)family;
	inet_pton(of, ip, f.ip);
	CHECK(nl_dump(fd, &r, see_address, &f) > 0);
	return f.nr_wanted;
}

static int change_address(int fd, int type, int flags, const char *ip)
{
	struct nl_request r;
	struct ifaddrmsg *a = nl_begin(&r, type, flags, sizeof(*a));
	char bytes[4];

	a->ifa_family = AF_INET;
	a->ifa_prefixlen = 24;
	a->ifa_index = 1;
	inet_pton(AF_INET, ip, bytes);
	nl_put(&r, IFA_LOCAL, bytes, 4);
	nl_put(&r, IFA_ADDRESS, bytes, 4);
	return nl_ask(fd, &r);
}

static void test_addresses(int fd)
{
	const int new = NLM_F_CREATE | NLM_F_EXCL;
	struct nl_request r;
	struct ifaddrmsg *a;

	CHECK_EQ(count_addresses(fd, AF_UNSPEC, "127.0.0.1", AF_INET), 1);
	CHECK_EQ(count_addresses(fd, AF_INET, "127.0.0.1", AF_INET), 1);
	CHECK_EQ(count_addresses(fd, AF_INET6, "::1", AF_INET6), 1);
	CHECK_EQ(change_address(fd, RTM_NEWADDR, new, "10.7.7.1"), 0);
	CHECK_EQ(change_address(fd, RTM_NEWADDR, new, "10.7.7.1"), -EEXIST);
	CHECK_EQ(change_address(fd, RTM_NEWADDR, NLM_F_CREATE, "10.7.7.1"), -EEXIST);
	CHECK_EQ(change_address(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, "10.7.7.1"), 0);
	CHECK_EQ(count_addresses(fd, AF_INET, "10.7.7.1", AF_INET), 1);
	CHECK_EQ(change_address(fd, RTM_DELADDR, 0, "10.7.7.1"), 0);
	CHECK_EQ(change_address(fd, RTM_DELADDR, 0, "10.7.7.1"), -EADDRNOTAVAIL);
	CHECK_EQ(count_addresses(fd, AF_INET, "10.7.7.1", AF_INET), 0);
	a = nl_begin(&r, RTM_NEWADDR, new, sizeof(*a));
	a->ifa_family = AF_INET;
	a->ifa_index = 1;
	CHECK_EQ(nl_ask(fd, &r), -EINVAL); /* no address */
	nl_put_u32(&r, IFA_LOCAL, htonl(0x0a070702));
	a->ifa_prefixlen = 33;
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
	a->ifa_prefixlen = 24;
	a->ifa_index = 999;
	CHECK_EQ(nl_ask(fd, &r), -ENODEV);
}

/* ---- routes ---- */

static void see_route(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *t = NLMSG_DATA(h);
	struct rtattr *to = nl_find(h, sizeof(*t), RTA_DST);
	struct found *f = arg;

	f->nr++;
	CHECK_EQ(h->nlmsg_type, RTM_NEWROUTE);
	CHECK(nl_find(h, sizeof(*t), RTA_TABLE) != NULL);
	if (to == NULL || t->rtm_family != AF_INET || memcmp(RTA_DATA(to), f->ip, 4) != 0)
		return;
	f->nr_wanted++;
	f->type = t->rtm_type;
	CHECK_EQ(t->rtm_dst_len, 16);
	CHECK_EQ(t->rtm_table, RT_TABLE_MAIN);
}

static struct found find_route(int fd, const char *to)
{
	struct found f = { 0 };
	struct nl_request r;
	struct rtmsg *t = nl_begin(&r, RTM_GETROUTE, NLM_F_DUMP, sizeof(*t));

	t->rtm_family = AF_INET;
	inet_pton(AF_INET, to, f.ip);
	CHECK(nl_dump(fd, &r, see_route, &f) > 0);
	return f;
}

static int change_route(int fd, int what, int flags, int type)
{
	struct nl_request r;
	struct rtmsg *t = nl_begin(&r, what, flags, sizeof(*t));
	char to[4];

	t->rtm_family = AF_INET;
	t->rtm_dst_len = 16;
	t->rtm_table = RT_TABLE_MAIN;
	t->rtm_protocol = RTPROT_BOOT;
	t->rtm_type = (unsigned char)type;
	inet_pton(AF_INET, "10.99.0.0", to);
	nl_put(&r, RTA_DST, to, 4);
	if (type == RTN_UNICAST)
		nl_put_u32(&r, RTA_OIF, 1);
	return nl_ask(fd, &r);
}

static void test_routes(int fd)
{
	const int new = NLM_F_CREATE | NLM_F_EXCL;
	struct nl_request r;
	struct rtmsg *t;

	CHECK_EQ(change_route(fd, RTM_NEWROUTE, 0, RTN_UNICAST), -ENOENT);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, new, RTN_UNICAST), 0);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, new, RTN_UNICAST), -EEXIST);
	CHECK_EQ(find_route(fd, "10.99.0.0").nr_wanted, 1);
	CHECK_EQ(find_route(fd, "10.99.0.0").type, RTN_UNICAST);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, RTN_UNREACHABLE), 0);
	CHECK_EQ(find_route(fd, "10.99.0.0").type, RTN_UNREACHABLE);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, RTN_UNREACHABLE), 0);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, RTN_UNREACHABLE), -ESRCH);
	CHECK_EQ(find_route(fd, "10.99.0.0").nr_wanted, 0);
	t = nl_begin(&r, RTM_NEWROUTE, new, sizeof(*t));
	t->rtm_family = AF_INET;
	t->rtm_dst_len = 8;
	t->rtm_type = RTN_UNICAST;
	nl_put_u32(&r, RTA_DST, htonl(0x0a010000)); /* bits beyond the prefix */
	nl_put_u32(&r, RTA_OIF, 1);
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
	t->rtm_dst_len = 33;
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
	t = nl_begin(&r, RTM_NEWROUTE, new, sizeof(*t));
	t->rtm_family = AF_INET;
	t->rtm_type = RTN_UNICAST;
	nl_put_u32(&r, RTA_GATEWAY, htonl(0x63010101)); /* on no link */
	CHECK_EQ(nl_ask(fd, &r), -ENETUNREACH);
}

static void test_route_get(int fd)
{
	char buf[NL_ROOM];
	struct nlmsghdr *h = (void *)buf;
	struct nl_request r;
	struct rtmsg *t = nl_begin(&r, RTM_GETROUTE, 0, sizeof(*t));

	t->rtm_family = AF_INET;
	nl_put_u32(&r, RTA_DST, htonl(0x7f000001));
	CHECK(nl_send(fd, &r) > 0);
	CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
	t = NLMSG_DATA(h);
	CHECK_EQ(h->nlmsg_type, RTM_NEWROUTE);
	CHECK_EQ(t->rtm_type, RTN_LOCAL);
	CHECK_EQ(t->rtm_dst_len, 32);
	CHECK_EQ(nl_u32(nl_find(h, sizeof(*t), RTA_OIF)), 1);
	CHECK_EQ(nl_u32(nl_find(h, sizeof(*t), RTA_PREFSRC)), htonl(0x7f000001));
	t = nl_begin(&r, RTM_GETROUTE, 0, sizeof(*t));
	t->rtm_family = AF_INET;
	nl_put_u32(&r, RTA_DST, htonl(0xc6336401)); /* 198.51.100.1 */
	CHECK_EQ(nl_ask(fd, &r), -ENETUNREACH);
}

static void see_rule(const struct nlmsghdr *h, void *arg)
{
	struct found *f = arg;
	unsigned table = nl_u32(nl_find(h, sizeof(struct fib_rule_hdr), FRA_TABLE));

	f->nr++;
	f->nr_wanted += table == RT_TABLE_MAIN || table == RT_TABLE_LOCAL;
}

static void test_rules(int fd)
{
	struct found f = { 0 };
	struct nl_request r;
	struct fib_rule_hdr *t = nl_begin(&r, RTM_GETRULE, NLM_F_DUMP, sizeof(*t));

	t->family = AF_INET;
	CHECK(nl_dump(fd, &r, see_rule, &f) > 0);
	CHECK_EQ(f.nr, 3);
	CHECK_EQ(f.nr_wanted, 2);
}

/* ---- what is told ---- */

/* The next message of that type that comes; its group; 0: none comes. */
static unsigned await(int fd, int type)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[NL_ROOM];
	struct sockaddr_nl from;
	struct nlmsghdr *h = (void *)buf;

	while (poll(&p, 1, 0) == 1) {
		socklen_t len = sizeof(from);

		if (recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len) < 0)
			return 0;
		if (h->nlmsg_type == type)
			return from.nl_groups;
	}
	return 0;
}

static void test_events(int fd)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };
	int listener = nl_socket(), deaf = nl_socket();
	struct nl_request r;
	struct ifinfomsg *i;

	a.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE;
	CHECK(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK_EQ(change_address(fd, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "10.7.8.1"), 0);
	CHECK_EQ(await(listener, RTM_NEWADDR), RTMGRP_IPV4_IFADDR);
	CHECK_EQ(change_address(fd, RTM_DELADDR, 0, "10.7.8.1"), 0);
	CHECK_EQ(await(listener, RTM_DELADDR), RTMGRP_IPV4_IFADDR);
	CHECK_EQ(change_route(fd, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, RTN_BLACKHOLE), 0);
	CHECK_EQ(await(listener, RTM_NEWROUTE), RTMGRP_IPV4_ROUTE);
	CHECK_EQ(change_route(fd, RTM_DELROUTE, 0, RTN_BLACKHOLE), 0);
	CHECK_EQ(await(listener, RTM_DELROUTE), RTMGRP_IPV4_ROUTE);
	i = nl_begin(&r, RTM_NEWLINK, 0, sizeof(*i));
	i->ifi_index = 1;
	nl_put_u32(&r, IFLA_MTU, 8000);
	CHECK_EQ(nl_ask(fd, &r), 0);
	CHECK_EQ(await(listener, RTM_NEWLINK), RTMGRP_LINK);
	CHECK_EQ(await(deaf, RTM_NEWLINK), 0);
	close(listener);
	close(deaf);
}

/* ---- libc ---- */

static void test_libc(void)
{
	struct addrinfo hints = { .ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM }, *all;
	struct if_nameindex *names = if_nameindex();
	struct ifaddrs *list = NULL;
	int nr_lo = 0, nr_packet = 0;

	CHECK(names != NULL && strcmp(names[0].if_name, "lo") == 0);
	if_freenameindex(names);
	CHECK(getifaddrs(&list) == 0);
	for (struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
		if (strcmp(a->ifa_name, "lo") != 0 || a->ifa_addr == NULL)
			continue;
		nr_packet += a->ifa_addr->sa_family == AF_PACKET;
		nr_lo += a->ifa_addr->sa_family != AF_PACKET;
		CHECK((a->ifa_flags & IFF_LOOPBACK) != 0);
	}
	CHECK_EQ(nr_packet, 1);
	CHECK(nr_lo >= 2);
	freeifaddrs(list);
	CHECK_EQ(getaddrinfo("127.0.0.1", "80", &hints, &all), 0);
	freeaddrinfo(all);
}

int main(void)
{
	bool ours = netspace_enter();
	int fd = nl_socket();

	test_links(fd);
	test_rules(fd);
	test_libc();
	test_route_get(fd);
	if (ours) {
		test_addresses(fd);
		test_routes(fd);
		test_change_link(fd);
		test_events(fd);
	}
	return check_done();
}
