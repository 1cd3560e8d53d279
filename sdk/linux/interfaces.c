/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces by getifaddrs(3); that they change, by rtnetlink(7). */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "linux/sockets.h"

static void add_address(struct hull_interface *i, const struct sockaddr *a)
{
	struct sockaddr_storage copy = { .ss_family = a->sa_family };
	bool v4 = a->sa_family == AF_INET;

	if (i->nr_addresses == HULL_INTERFACE_ADDRESSES)
		return;
	memcpy(&copy, a, v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	hull_sockaddr_read(&copy, &i->addresses[i->nr_addresses]);
	i->addresses[i->nr_addresses++].interface = 0;
}

static void describe(struct hull_interface *i, const struct ifaddrs *a)
{
	const struct sockaddr_ll *link = (const void *)a->ifa_addr;
	int family = a->ifa_addr == NULL ? AF_UNSPEC : a->ifa_addr->sa_family;

	if (family == AF_PACKET && link->sll_halen == sizeof(i->link_address))
		memcpy(i->link_address, link->sll_addr, sizeof(i->link_address));
	if (family == AF_INET || family == AF_INET6)
		add_address(i, a->ifa_addr);
}

static uint32_t mtu_of(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &r) != 0)
		r.ifr_mtu = 0;
	if (fd >= 0)
		close(fd);
	return (uint32_t)r.ifr_mtu;
}

/* The entry of that name; a new one as long as there is room. NULL: it is not of those wanted. */
static struct hull_interface *entry(struct hull_interface *all, unsigned max, int *nr,
				    const struct ifaddrs *a)
{
	int known = min(*nr, (int)max);
	struct hull_interface *i;

	for (int n = 0; n < known; n++) {
		if (strncmp(all[n].name, a->ifa_name, sizeof(all[n].name)) == 0)
			return &all[n];
	}
	if (*nr >= (int)max)
		return NULL;
	i = &all[(*nr)++];
	memset(i, 0, sizeof(*i));
	strncpy(i->name, a->ifa_name, sizeof(i->name) - 1);
	i->index = if_nametoindex(a->ifa_name);
	i->is_up = (a->ifa_flags & IFF_UP) != 0 && (a->ifa_flags & IFF_RUNNING) != 0;
	i->is_loopback = (a->ifa_flags & IFF_LOOPBACK) != 0;
	i->mtu = mtu_of(a->ifa_name);
	return i;
}

int hull_interfaces_get(struct hull_loop *l, struct hull_interface *out, unsigned max)
{
	struct hull_interface *i;
	struct ifaddrs *all;
	int nr = 0;

	(void)l;
	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
		i = entry(out, max, &nr, a);
		if (i != NULL)
			describe(i, a);
	}
	freeifaddrs(all);
	return nr;
}

int hull_interfaces_watch(struct hull_loop *l, bool on)
{
	struct sockaddr_nl a = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	struct poller *p = poller_of(l);
	int fd;

	if (on == (p->netlink >= 0))
		return 0;
	if (!on) {
		close(p->netlink);
		p->netlink = -1;
		return 0;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	p->netlink = fd;
	return hull_poll_add(l, fd, &p->netlink, EPOLLIN);
}

/* What exactly is asked for afterwards; lost messages (ENOBUFS) are news, too. */
void hull_interfaces_changed(struct hull_loop *l)
{
	char bytes[4096];
	ssize_t n;

	do {
		n = recv(poller_of(l)->netlink, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && errno == ENOBUFS));
	l->network_due = true;
}
