/* SPDX-License-Identifier: BSD-2-Clause */
/* Multicast groups that a socket has joined, on lo (ip(7): IP_ADD_MEMBERSHIP; ipv6(7)). */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "net/inet/inet.h"

bool inet_has_group_locked(const struct inet_socket *i, const uint8_t ip[16])
{
	for (unsigned n = 0; i->groups != NULL && n < i->groups->nr; n++) {
		if (inet_ip_equal(i->groups->ip[n], ip))
			return true;
	}
	return false;
}

/* Which group, and on which interface: only lo is there, and no route says so by itself. */
static int read_group_v4(const struct socket_option *o, uint8_t ip[16])
{
	struct ip_mreqn r = { .imr_ifindex = 0 };
	uint8_t own[16];

	if (o->len >= sizeof(r))
		memcpy(&r, o->value, sizeof(r));
	else if (o->len >= sizeof(struct ip_mreq))
		memcpy(&r, o->value, sizeof(struct ip_mreq));
	else
		return -EINVAL;
	inet_ip_from_v4(ip, r.imr_multiaddr.s_addr);
	inet_ip_from_v4(own, r.imr_address.s_addr);
	if (!inet_ip_is_multicast(ip))
		return -EINVAL;
	return r.imr_ifindex == INET_LOOPBACK_INDEX || inet_ip_is_ours(own) ? 0 : -ENODEV;
}

static int read_group_v6(const struct socket_option *o, uint8_t ip[16])
{
	struct ipv6_mreq r;

	if (o->len < sizeof(r))
		return -EINVAL;
	memcpy(&r, o->value, sizeof(r));
	memcpy(ip, &r.ipv6mr_multiaddr, 16);
	if (!inet_ip_is_multicast(ip))
		return -EINVAL;
	return r.ipv6mr_ifindex <= INET_LOOPBACK_INDEX ? 0 : -ENODEV;
}

static int join(struct inet_socket *i, const uint8_t ip[16])
{
	struct inet_groups *spare = kmem_new(struct inet_groups);
	int err = 0;

	if (spare == NULL)
		return -ENOMEM;
	spin_lock(&inet_lock);
	if (i->groups == NULL) {
		i->groups = spare;
		spare = NULL;
	}
	if (inet_has_group_locked(i, ip))
		err = -EADDRINUSE;
	else if (i->groups->nr == INET_GROUPS_MAX)
		err = -ENOBUFS;
	else
		memcpy(i->groups->ip[i->groups->nr++], ip, 16);
	spin_unlock(&inet_lock);
	kmem_free(spare);
	return err;
}

static int leave(struct inet_socket *i, const uint8_t ip[16])
{
	struct inet_groups *g;

	scoped_spin(&inet_lock);
	g = i->groups;
	for (unsigned n = 0; g != NULL && n < g->nr; n++) {
		if (!inet_ip_equal(g->ip[n], ip))
			continue;
		g->nr--;
		memcpy(g->ip[n], g->ip[g->nr], 16);
		return 0;
	}
	return -EADDRNOTAVAIL;
}

int inet_set_group(struct inet_socket *i, const struct socket_option *o)
{
	bool v4 = o->level == IPPROTO_IP, joins;
	uint8_t ip[16];
	int err;

	if (o->level != IPPROTO_IP && o->level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	joins = o->name == (v4 ? IP_ADD_MEMBERSHIP : IPV6_ADD_MEMBERSHIP);
	if (!joins && o->name != (v4 ? IP_DROP_MEMBERSHIP : IPV6_DROP_MEMBERSHIP))
		return -ENOPROTOOPT;
	if (v4 && i->socket.type == SOCK_STREAM)
		return -EPROTO;
	err = v4 ? read_group_v4(o, ip) : read_group_v6(o, ip);
	if (err != 0)
		return err;
	return joins ? join(i, ip) : leave(i, ip);
}
