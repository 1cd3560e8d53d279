/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs ask of the interfaces by ioctl, and tell them (netdevice(7)). Of several IPv4
 * addresses these calls know the first; SIOCGIFCONF has all.
 */
#include <asm/sockios.h>
#include <linux/capability.h>
#include <linux/sockios.h>

#include "core/cred.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/ioctl/ioctl.h"
#include "net/ip/ip.h"
#include "net/netdev.h"
#include "net/socket/socket.h"

#define LIST_MAX 64u /* addresses that SIOCGIFCONF tells of, at most */

struct sockaddr_v4 {
	uint16_t family, port;
	uint32_t address;
	char zero[8];
};

struct sockaddr_mac {
	uint16_t type;
	uint8_t mac[ETHERNET_ADDRESS_LEN];
};

/* struct ifreq. */
struct request {
	char name[NETDEV_NAME_MAX];
	union {
		struct sockaddr_v4 address;
		struct sockaddr_mac hardware;
		int32_t number;
		uint16_t flags;
		char room[24];
	};
};

/* struct ifconf. */
struct list_request {
	int32_t len, unused;
	uaddr_t to;
};

static struct sockaddr_v4 v4(uint32_t address)
{
	return (struct sockaddr_v4){ .family = AF_INET, .address = address };
}

static struct netdev *find(struct net *net, const char *name)
{
	scoped_spin(&net->lock);
	return netdev_find(net, name);
}

/* The first IPv4 address; false: there is none. */
static bool first_address(struct netdev *d, struct net_address_values *out)
{
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (!inet_ip_is_v4(a->ip))
			continue;
		*out = (struct net_address_values){ .prefix_bits = a->prefix_bits,
						    .flags = a->flags };
		memcpy(out->ip, a->ip, sizeof(out->ip));
		memcpy(out->broadcast, a->broadcast, sizeof(out->broadcast));
		out->preferred_until = a->preferred_until;
		out->valid_until = a->valid_until;
		return true;
	}
	return false;
}

static uint32_t mask_of(unsigned bits)
{
	return bits == 0 ? 0 : __builtin_bswap32(UINT32_MAX << (32 - bits));
}

/* Above 32: it is no mask. */
static unsigned bits_of(uint32_t mask)
{
	unsigned bits = 0;

	while (bits <= 32 && mask_of(bits) != mask)
		bits++;
	return bits;
}

/* ---- all of them ---- */

static unsigned list_locked(struct net *net, struct request *to)
{
	struct net_address *a;
	struct netdev *d;
	unsigned nr = 0;

	list_foreach(&net->devices, d, link) {
		list_foreach(&d->addresses, a, link) {
			if (!inet_ip_is_v4(a->ip) || nr == LIST_MAX)
				continue;
			memcpy(to[nr].name, d->name, sizeof(d->name));
			to[nr++].address = v4(inet_ip_v4(a->ip));
		}
	}
	return nr;
}

/* SIOCGIFCONF: all that have an IPv4 address, as many as fit. */
static long list_all(struct net *net, uaddr_t arg)
{
	struct request *all = kmem_new_array(struct request, LIST_MAX);
	struct list_request l;
	unsigned nr;
	int err;

	if (all == NULL)
		return -ENOMEM;
	spin_lock(&net->lock);
	nr = list_locked(net, all);
	spin_unlock(&net->lock);
	err = user_read_struct(&l, arg);
	if (err == 0 && l.to != 0) {
		nr = min(nr, (unsigned)max(l.len, 0) / (unsigned)sizeof(*all));
		err = user_write(l.to, all, nr * sizeof(*all));
	}
	kmem_free(all);
	if (err != 0)
		return -EFAULT;
	l.len = (int32_t)(nr * sizeof(*all));
	return user_write_struct(arg, &l);
}

/* ---- one ---- */

static int answer_address(unsigned cmd, struct netdev *d, struct request *r)
{
	struct net_address_values a;
	uint32_t broadcast;

	if (!first_address(d, &a))
		return -EADDRNOTAVAIL;
	memcpy(&broadcast, a.broadcast, sizeof(broadcast));
	if (cmd == SIOCGIFNETMASK)
		r->address = v4(mask_of(a.prefix_bits));
	else if (cmd == SIOCGIFBRDADDR)
		r->address = v4(broadcast);
	else
		r->address = v4(inet_ip_v4(a.ip));
	return 0;
}

static void answer_hardware(const struct netdev *d, struct request *r)
{
	r->hardware.type = (uint16_t)netdev_hardware_type(d);
	memcpy(r->hardware.mac, d->mac, sizeof(r->hardware.mac));
}

static int answer(unsigned cmd, struct netdev *d, struct request *r)
{
	memset(r->room, 0, sizeof(r->room));
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = (uint16_t)netdev_shown_flags(d);
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
		return answer_address(cmd, d, r);
	case SIOCGIFMTU:
		r->number = (int32_t)READ_ONCE(d->mtu);
		return 0;
	case SIOCGIFINDEX:
		r->number = (int32_t)d->index;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = NETDEV_QUEUE;
		return 0;
	case SIOCGIFHWADDR:
		answer_hardware(d, r);
		return 0;
	default: /* SIOCGIFMETRIC */
		return 0;
	}
}

static bool is_question(unsigned cmd)
{
	switch (cmd) {
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
	case SIOCGIFMTU:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFHWADDR:
	case SIOCGIFMETRIC:
		return true;
	default:
		return false;
	}
}

/* SIOCGIFNAME: by number. */
static long name_of(struct net *net, uaddr_t arg)
{
	struct netdev *d = NULL;
	struct request r;

	if (user_read_struct(&r, arg) != 0)
		return -EFAULT;
	spin_lock(&net->lock);
	if (r.number > 0)
		d = netdev_by_index(net, (unsigned)r.number);
	spin_unlock(&net->lock);
	if (d == NULL)
		return -ENODEV;
	memcpy(r.name, d->name, sizeof(r.name));
	return user_write_struct(arg, &r);
}

/* ---- changes ---- */

/* As addresses had it before prefixes: RFC 791 §3.2. */
static unsigned bits_by_class(const uint8_t ip[16])
{
	uint8_t first = ip[IP_V4_AT];

	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

/* The first address is another now, or the only one. */
static int replace_address(struct netdev *d, const struct net_address_values *v)
{
	struct net_address_values old;

	if (first_address(d, &old))
		net_address_remove(d, old.ip, old.prefix_bits);
	return inet_ip_equal(v->ip, inet_any4) ? 0 : net_address_add(d, v);
}

static void set_broadcast(struct net_address_values *v)
{
	uint32_t all = inet_ip_v4(v->ip) | ~mask_of(v->prefix_bits);

	memcpy(v->broadcast, &all, sizeof(all));
}

static int set_address(unsigned cmd, struct netdev *d, const struct request *r)
{
	struct net_address_values v = { .flags = NET_ADDRESS_PERMANENT };
	bool had = first_address(d, &v);
	unsigned bits;

	if (r->address.family != AF_INET)
		return -EINVAL;
	if (!had && cmd != SIOCSIFADDR)
		return -EADDRNOTAVAIL;
	if (cmd == SIOCSIFADDR) {
		inet_ip_from_v4(v.ip, r->address.address);
		v.prefix_bits = (uint8_t)bits_by_class(v.ip);
		v.preferred_until = v.valid_until = NSEC_NEVER;
	} else if (cmd == SIOCSIFNETMASK) {
		bits = bits_of(r->address.address);
		if (bits > 32)
			return -EINVAL;
		v.prefix_bits = (uint8_t)bits;
	}
	if (cmd == SIOCSIFBRDADDR)
		memcpy(v.broadcast, &r->address.address, sizeof(v.broadcast));
	else
		set_broadcast(&v);
	return replace_address(d, &v);
}

static int change(unsigned cmd, struct netdev *d, const struct request *r)
{
	switch (cmd) {
	case SIOCSIFFLAGS:
		return net_device_set_flags(d, r->flags, UINT16_MAX);
	case SIOCSIFMTU:
		return r->number < 0 ? -EINVAL : net_device_set_mtu(d, (uint32_t)r->number);
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
		return set_address(cmd, d, r);
	default:
		return -EOPNOTSUPP;
	}
}

static bool is_change(unsigned cmd)
{
	switch (cmd) {
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFNAME:
	case SIOCSIFHWADDR:
	case SIOCSIFTXQLEN:
		return true;
	default:
		return false;
	}
}

/* The request, and the interface that it names: -EFAULT, -ENODEV. */
static int read_request(struct net *net, uaddr_t arg, struct request *r, struct netdev **d)
{
	if (user_read_struct(r, arg) != 0)
		return -EFAULT;
	r->name[NETDEV_NAME_MAX - 1] = '\0';
	*d = find(net, r->name);
	return *d == NULL ? -ENODEV : 0;
}

static long change_one(struct net *net, unsigned cmd, uaddr_t arg)
{
	struct netdev *d;
	struct request r;
	int err;

	if (!cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	err = read_request(net, arg, &r, &d);
	if (err == 0)
		err = change(cmd, d, &r);
	net_run();
	return err;
}

static long ask_one(struct net *net, unsigned cmd, uaddr_t arg)
{
	struct netdev *d;
	struct request r;
	int err;

	err = read_request(net, arg, &r, &d);
	if (err == 0)
		err = answer(cmd, d, &r);
	return err != 0 ? err : user_write_struct(arg, &r);
}

/* SIOCETHTOOL: of one, by a pointer in the request. */
static long ethtool(struct net *net, uaddr_t arg)
{
	struct netdev *d;
	struct request r;
	uaddr_t data;
	int err;

	err = read_request(net, arg, &r, &d);
	if (err != 0)
		return err;
	memcpy(&data, r.room, sizeof(data));
	return ethtool_ioctl(d, data);
}

/* What is of no single interface, or has a struct of its own. */
static bool is_other(unsigned cmd)
{
	switch (cmd) {
	case SIOCGIFCONF:
	case SIOCGIFNAME:
	case SIOCETHTOOL:
	case SIOCADDRT:
	case SIOCDELRT:
	case SIOCSARP:
	case SIOCGARP:
	case SIOCDARP:
		return true;
	default:
		return false;
	}
}

static long do_other(struct net *net, unsigned cmd, uaddr_t arg)
{
	switch (cmd) {
	case SIOCGIFCONF:
		return list_all(net, arg);
	case SIOCGIFNAME:
		return name_of(net, arg);
	case SIOCETHTOOL:
		return ethtool(net, arg);
	case SIOCADDRT:
	case SIOCDELRT:
		return route_ioctl(net, cmd, arg);
	default:
		return arp_ioctl(net, cmd, arg);
	}
}

long interface_ioctl(unsigned cmd, uaddr_t arg)
{
	struct net *net;

	if (!is_other(cmd) && !is_change(cmd) && !is_question(cmd))
		return -ENOTTY;
	net = net_machine_get();
	if (net == NULL)
		return -ENOMEM;
	if (is_other(cmd))
		return do_other(net, cmd, arg);
	return is_change(cmd) ? change_one(net, cmd, arg) : ask_one(net, cmd, arg);
}
