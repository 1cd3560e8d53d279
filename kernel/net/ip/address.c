/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of interfaces, and interfaces going up and down. An address brings the route to its
 * prefix with it, and takes it away; an IPv6 one is not used before it is known to be unique
 * (ndp.c), and hears the group at which others ask for it. All of it is under net->lock; listeners
 * hear of it afterwards.
 */
#include <linux/rtnetlink.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/event.h"
#include "net/ip/device.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

#define V4_BITS 96u /* in front of an IPv4 prefix, as it is mapped */

/* ---- questions ---- */

static struct net_address *find_locked(struct netdev *d, const uint8_t ip[16])
{
	struct net_address *a;

	list_foreach(&d->addresses, a, link) {
		if (inet_ip_equal(a->ip, ip))
			return a;
	}
	return NULL;
}

/* Of 127.0.0.0/8, which is ours whole but for this one. */
static bool is_loopback_broadcast(const uint8_t ip[16])
{
	return inet_ip_is_v4(ip) && inet_ip_v4(ip) == __builtin_bswap32(0x7fffffff);
}

static bool is_duplicate(const struct net_address *a)
{
	return (a->flags & NET_ADDRESS_DUPLICATE) != 0;
}

/* The loopback has the prefixes of its IPv4 addresses whole, but for the broadcasts. */
static bool is_in_prefix_locked(struct netdev *d, const uint8_t ip[16])
{
	struct net_address *a;

	if (!inet_ip_is_v4(ip))
		return false;
	list_foreach(&d->addresses, a, link) {
		if (inet_ip_is_v4(a->ip) &&
		    inet_ip_in_prefix(ip, a->ip, V4_BITS + a->prefix_bits) &&
		    memcmp(a->broadcast, ip + IP_V4_AT, sizeof(a->broadcast)) != 0)
			return true;
	}
	return false;
}

/* ::1 is there before it is written down, until IPv6 is taken off the loopback. */
static bool has_loopback6(const struct net *net)
{
	return net->loopback == NULL || !ip_device_has_mode(net->loopback, NET_DEVICE_NO_IP6);
}

bool net_address_is_ours_locked(struct net *net, const uint8_t ip[16], unsigned dev_index)
{
	struct net_address *a;
	struct netdev *d;

	if (inet_ip_is_loopback(ip))
		return !is_loopback_broadcast(ip) && (inet_ip_is_v4(ip) || has_loopback6(net));
	list_foreach(&net->devices, d, link) {
		if (dev_index != 0 && d->index != dev_index)
			continue;
		a = find_locked(d, ip);
		if (a != NULL && !is_duplicate(a))
			return true;
		if ((d->features & NETDEV_LOOPBACK) != 0 && is_in_prefix_locked(d, ip))
			return true;
	}
	return false;
}

bool net_address_is_ours(struct net *net, const uint8_t ip[16], unsigned dev_index)
{
	scoped_spin(&net->lock);
	return net_address_is_ours_locked(net, ip, dev_index);
}

static bool is_broadcast_of(struct netdev *d, const uint8_t v4[4])
{
	static const uint8_t none[4];
	struct net_address *a;

	list_foreach(&d->addresses, a, link) {
		if (inet_ip_is_v4(a->ip) && memcmp(a->broadcast, none, sizeof(none)) != 0 &&
		    memcmp(a->broadcast, v4, sizeof(a->broadcast)) == 0)
			return true;
	}
	return false;
}

struct netdev *net_broadcast_device_locked(struct net *net, const uint8_t ip[16],
					   unsigned dev_index)
{
	struct netdev *d;

	if (!inet_ip_is_v4(ip))
		return NULL;
	if (is_loopback_broadcast(ip))
		return dev_index <= 1 ? net->loopback : NULL;
	list_foreach(&net->devices, d, link) {
		if ((dev_index == 0 || d->index == dev_index) && is_broadcast_of(d, ip + IP_V4_AT))
			return d;
	}
	return NULL;
}

bool net_address_is_broadcast(struct net *net, const uint8_t ip[16], unsigned dev_index)
{
	if (inet_ip_equal(ip, inet_broadcast4))
		return true;
	scoped_spin(&net->lock);
	return net_broadcast_device_locked(net, ip, dev_index) != NULL;
}

bool net_address_for_link(struct netdev *d, const uint8_t ip[16], uint8_t from[16])
{
	struct net_address *a, *best = NULL;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (!inet_ip_is_v4(a->ip))
			continue;
		if (inet_ip_in_prefix(ip, a->ip, V4_BITS + a->prefix_bits)) {
			best = a;
			break;
		}
		if (best == NULL)
			best = a;
	}
	if (best != NULL)
		memcpy(from, best->ip, 16);
	return best != NULL;
}

/* Who observes hears of it: a copy, or what is off its list. */
static void tell(const struct net_address *a, bool is_gone)
{
	struct net_event e = { NET_EVENT_ADDRESS, is_gone, { .address = a } };

	net_tell(a->dev->net, &e);
}

void net_address_tell(struct netdev *d, const uint8_t ip[16])
{
	struct net_address *a, copy;

	spin_lock(&d->net->lock);
	a = find_locked(d, ip);
	if (a != NULL)
		copy = *a;
	spin_unlock(&d->net->lock);
	if (a != NULL)
		tell(&copy, false);
}

/* ---- routes that come with an address ---- */

static unsigned bits_of(const struct net_address *a)
{
	return inet_ip_is_v4(a->ip) ? V4_BITS + a->prefix_bits : a->prefix_bits;
}

static struct route prefix_route(struct net_address *a)
{
	struct route r = {
		.dev = a->dev,
		.prefix_bits = (uint8_t)bits_of(a),
		.type = RTN_UNICAST,
		.protocol = RTPROT_KERNEL,
		.table = RT_TABLE_MAIN,
		.valid_until = NSEC_NEVER,
	};
	bool v4 = inet_ip_is_v4(a->ip);

	inet_ip_mask(r.prefix, a->ip, r.prefix_bits);
	memcpy(r.gateway, v4 ? inet_any4 : inet_any6, sizeof(r.gateway));
	memcpy(r.prefer_from, v4 ? a->ip : inet_any6, sizeof(r.prefer_from));
	r.scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	r.metric = v4 ? 0 : 256;
	return r;
}

/* A single address needs no route, and what is local is not looked up in the routes. */
static bool has_prefix_route(const struct net_address *a)
{
	if (inet_ip_is_v4(a->ip) && (a->dev->features & NETDEV_LOOPBACK) != 0)
		return false;
	return bits_of(a) < 128 && !inet_ip_is_loopback(a->ip) &&
	       (a->flags & NET_ADDRESS_NO_ROUTE) == 0;
}

/* ---- changes ---- */

static int check(const struct net_address_values *v)
{
	unsigned most = inet_ip_is_v4(v->ip) ? 32 : 128;

	if (v->prefix_bits > most || inet_ip_is_multicast(v->ip) || inet_ip_is_any(v->ip))
		return -EINVAL;
	return 0;
}

/* Is it one that others are asked for before it is used? */
static bool is_probed(const struct net_address *a)
{
	return !inet_ip_is_v4(a->ip) && (a->flags & NET_ADDRESS_NO_PROBE) == 0 &&
	       (a->dev->features & (NETDEV_LOOPBACK | NETDEV_POINTTOPOINT)) == 0 &&
	       !ip_device_has_mode(a->dev, NET_DEVICE_NO_PROBES);
}

/* The group at which others ask for it: IPv6's. */
static bool has_group(const struct net_address *a)
{
	return !inet_ip_is_v4(a->ip) && (a->dev->features & NETDEV_LOOPBACK) == 0;
}

static struct net_address *new_address(struct netdev *d, const struct net_address_values *v)
{
	struct net_address *a = kmem_alloc_nowait(sizeof(*a));

	if (a == NULL)
		return NULL;
	list_init(&a->link);
	a->dev = d;
	memcpy(a->ip, v->ip, sizeof(a->ip));
	memcpy(a->broadcast, v->broadcast, sizeof(a->broadcast));
	a->prefix_bits = v->prefix_bits;
	a->flags = v->flags;
	a->preferred_until = v->preferred_until;
	a->valid_until = v->valid_until;
	a->probe_at = NSEC_NEVER;
	if (is_probed(a)) {
		a->flags |= NET_ADDRESS_TENTATIVE;
		a->probe_at = 0; /* as soon as the interface runs */
	}
	return a;
}

/* True: it was there already, and has the new values' times now. */
static bool renew_locked(struct netdev *d, const struct net_address_values *v)
{
	struct net_address *a = find_locked(d, v->ip);

	if (a == NULL)
		return false;
	a->preferred_until = v->preferred_until;
	a->valid_until = v->valid_until;
	a->flags &= ~(unsigned)NET_ADDRESS_DEPRECATED;
	return true;
}

static int join_group(const struct net_address *a)
{
	uint8_t group[16];

	if (!has_group(a))
		return 0;
	ndp_solicited_group(a->ip, group);
	return net_group_join(a->dev, group);
}

int net_address_add(struct netdev *d, const struct net_address_values *v)
{
	struct net_address *a;
	struct route r;
	bool is_known;
	int err = check(v);

	if (err == 0 && !inet_ip_is_v4(v->ip) && ip_device_has_mode(d, NET_DEVICE_NO_IP6))
		err = -EACCES;
	if (err != 0)
		return err;
	a = new_address(d, v);
	if (a == NULL)
		return -ENOMEM;
	spin_lock(&d->net->lock);
	is_known = renew_locked(d, v);
	if (!is_known)
		list_append(&d->addresses, &a->link);
	spin_unlock(&d->net->lock);
	if (is_known) {
		kmem_free(a);
		net_address_tell(d, v->ip);
		ndp_watch(d);
		return -EEXIST;
	}
	r = prefix_route(a);
	if (has_prefix_route(a))
		err = route_add(d->net, &r, true);
	if (err == 0)
		err = join_group(a);
	if (err != 0) {
		net_address_remove(d, v->ip, v->prefix_bits);
		return err;
	}
	net_changed(d->net, NET_ADDRESS);
	net_address_tell(d, v->ip);
	if (inet_ip_is_v4(v->ip) && (READ_ONCE(d->flags) & NETDEV_IS_LOOPBACK) == 0)
		arp_announce(d, v->ip);
	ndp_watch(d);
	net_run();
	return 0;
}

/* What came with it goes, and it too; it is off the list. */
static void discard(struct net_address *a)
{
	struct netdev *d = a->dev;
	struct route r = prefix_route(a);
	uint8_t group[16];

	if (has_prefix_route(a))
		route_remove(d->net, &r);
	ndp_solicited_group(a->ip, group);
	if (has_group(a) && net_group_leave(d, group) != 0)
		(void)0; /* there was no memory to join it */
	tell(a, true);
	kmem_free(a);
	net_changed(d->net, NET_ADDRESS);
}

int net_address_remove(struct netdev *d, const uint8_t ip[16], unsigned prefix_bits)
{
	struct net_address *a;

	spin_lock(&d->net->lock);
	a = find_locked(d, ip);
	if (a != NULL && a->prefix_bits != prefix_bits)
		a = NULL;
	if (a != NULL)
		list_remove(&a->link);
	spin_unlock(&d->net->lock);
	if (a == NULL)
		return -EADDRNOTAVAIL;
	discard(a);
	net_run();
	return 0;
}

/* One whose time is over; of the others, what was preferred too long is no more. */
static struct net_address *take_expired(struct netdev *d, nsec_t now, bool *changed)
{
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (a->valid_until <= now) {
			list_remove(&a->link);
			return a;
		}
		if (a->preferred_until <= now && (a->flags & NET_ADDRESS_DEPRECATED) == 0) {
			a->flags |= NET_ADDRESS_DEPRECATED;
			*changed = true;
		}
	}
	return NULL;
}

void net_address_expire(struct netdev *d, nsec_t now)
{
	struct net_address *a;
	bool changed = false;

	while ((a = take_expired(d, now, &changed)) != NULL)
		discard(a);
	if (changed)
		net_changed(d->net, NET_ADDRESS);
}

static struct net_address *take_v6(struct netdev *d)
{
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (!inet_ip_is_v4(a->ip)) {
			list_remove(&a->link);
			return a;
		}
	}
	return NULL;
}

void net_address_forget_v6(struct netdev *d)
{
	struct net_address *a;

	while ((a = take_v6(d)) != NULL)
		discard(a);
}

/* The routes of the nth address; false: there is no such one. */
static bool find_nth_route(struct netdev *d, unsigned n, struct route *out, bool *has)
{
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (n-- > 0)
			continue;
		*has = has_prefix_route(a);
		*out = prefix_route(a);
		return true;
	}
	return false;
}

void net_address_restore_routes(struct netdev *d)
{
	struct route r;
	bool has;

	for (unsigned n = 0; find_nth_route(d, n, &r, &has); n++) {
		if (has && route_add(d->net, &r, true) != 0)
			return; /* no memory: the link is reached by whoever asks again */
	}
}

void net_address_forget_all(struct netdev *d)
{
	struct net_address *a;

	for (;;) {
		spin_lock(&d->net->lock);
		a = list_first(&d->addresses, struct net_address, link);
		if (a != NULL)
			list_remove(&a->link);
		spin_unlock(&d->net->lock);
		if (a == NULL)
			return;
		kmem_free(a);
	}
}

/* ---- interfaces ---- */

int net_device_set_up(struct netdev *d, bool up)
{
	unsigned was = up ? atomic_or(&d->flags, (unsigned)NETDEV_IS_UP)
			  : atomic_and(&d->flags, ~(unsigned)NETDEV_IS_UP);

	if (((was & NETDEV_IS_UP) != 0) == up)
		return 0;
	if ((d->features & NETDEV_LOOPBACK) != 0)
		netdev_set_carrier(d, up);
	if (up) {
		net_address_restore_routes(d);
	} else {
		if ((d->features & NETDEV_LOOPBACK) == 0)
			ndp_stop(ip_device_of(d));
		neighbour_forget_all(d);
		route_forget_device(d);
	}
	ip_device_changed(d);
	net_changed(d->net, NET_LINK);
	net_tell_link(d);
	net_run();
	return 0;
}

int net_device_set_mtu(struct netdev *d, uint32_t mtu)
{
	if (mtu < ETHERNET_MTU_MIN || mtu > d->mtu_max)
		return -EINVAL;
	WRITE_ONCE(d->mtu, mtu);
	net_changed(d->net, NET_LINK);
	net_tell_link(d);
	net_run();
	return 0;
}
