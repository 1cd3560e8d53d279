/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where packets go: to ourselves, to a broadcast or group of a link, or along the route with the
 * longest prefix, of several with the lowest metric (RFC 1122 §3.3.1, RFC 1812 §5.2.4.3). Routes of
 * interfaces that are down are passed over. ip.h has the interface.
 */
#include <linux/rtnetlink.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/event.h"
#include "net/ip/device.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

/* Who observes hears of it: a copy, or what is off the table. */
static void tell(struct net *net, const struct route *r, bool is_gone)
{
	struct net_event e = { NET_EVENT_ROUTE, is_gone, { .route = r } };

	net_tell(net, &e);
}

/* ---- the table ---- */

/* IPv6 may have several routers for one prefix, as Linux has it. */
static bool is_same(const struct route *a, const struct route *b)
{
	return a->prefix_bits == b->prefix_bits && inet_ip_equal(a->prefix, b->prefix) &&
	       a->metric == b->metric && a->dev == b->dev &&
	       (inet_ip_is_v4(a->prefix) || inet_ip_equal(a->gateway, b->gateway));
}

static bool comes_before(const struct route *a, const struct route *b)
{
	if (a->prefix_bits != b->prefix_bits)
		return a->prefix_bits > b->prefix_bits;
	return a->metric < b->metric;
}

static struct route *find_same_locked(struct net *net, const struct route *like)
{
	struct route *r;

	list_foreach(&net->routes, r, link) {
		if (is_same(r, like))
			return r;
	}
	return NULL;
}

static void insert_locked(struct net *net, struct route *new)
{
	struct route *r;

	list_foreach(&net->routes, r, link) {
		if (comes_before(new, r))
			break;
	}
	list_insert_before(&r->link, &new->link);
}

int route_add(struct net *net, const struct route *like, bool replace)
{
	struct route *new = kmem_alloc_nowait(sizeof(*new)), *old;

	if (new == NULL)
		return -ENOMEM;
	*new = *like;
	spin_lock(&net->lock);
	old = find_same_locked(net, like);
	if (old != NULL && !replace) {
		spin_unlock(&net->lock);
		kmem_free(new);
		return -EEXIST;
	}
	if (old != NULL)
		list_remove(&old->link);
	insert_locked(net, new);
	spin_unlock(&net->lock);
	kmem_free(old);
	net_changed(net, NET_ROUTE);
	tell(net, like, false);
	return 0;
}

int route_remove(struct net *net, const struct route *like)
{
	struct route *r;

	spin_lock(&net->lock);
	r = find_same_locked(net, like);
	if (r != NULL)
		list_remove(&r->link);
	spin_unlock(&net->lock);
	if (r == NULL)
		return -ESRCH;
	net_changed(net, NET_ROUTE);
	tell(net, r, true);
	kmem_free(r);
	return 0;
}

/* d NULL: of any interface. */
static struct route *take_one(struct net *net, const struct netdev *d, bool only_v6)
{
	struct route *r;

	scoped_spin(&net->lock);
	list_foreach(&net->routes, r, link) {
		bool v4 = inet_ip_is_v4(r->prefix) && r->prefix_bits >= IP_V4_AT * 8;

		if ((d == NULL || r->dev == d) && !(only_v6 && v4)) {
			list_remove(&r->link);
			return r;
		}
	}
	return NULL;
}

static void forget(struct netdev *d, bool only_v6)
{
	struct route *r;

	while ((r = take_one(d->net, d, only_v6)) != NULL) {
		tell(d->net, r, true);
		kmem_free(r);
	}
	net_changed(d->net, NET_ROUTE);
}

void route_forget_device(struct netdev *d)
{
	forget(d, false);
}

void route_forget_v6(struct netdev *d)
{
	forget(d, true);
}

void route_forget_all(struct net *net)
{
	struct route *r;

	while ((r = take_one(net, NULL, false)) != NULL)
		kmem_free(r);
}

static struct route *take_expired(struct netdev *d, nsec_t now)
{
	struct route *r;

	scoped_spin(&d->net->lock);
	list_foreach(&d->net->routes, r, link) {
		if (r->dev == d && r->valid_until <= now) {
			list_remove(&r->link);
			return r;
		}
	}
	return NULL;
}

void route_expire(struct netdev *d, nsec_t now)
{
	struct route *r;

	while ((r = take_expired(d, now)) != NULL) {
		net_changed(d->net, NET_ROUTE);
		tell(d->net, r, true);
		kmem_free(r);
	}
}

/* ---- looking up; net->lock is held ---- */

static bool is_up(const struct netdev *d)
{
	return (READ_ONCE(d->flags) & NETDEV_IS_UP) != 0;
}

static struct route *find_route(struct net *net, const uint8_t to[16], unsigned dev_index)
{
	struct route *r;

	list_foreach(&net->routes, r, link) {
		bool usable = r->dev == NULL ||
			      (is_up(r->dev) && (dev_index == 0 || r->dev->index == dev_index));

		/* A prefix of no bits is of both families, by its gateway's. */
		if (usable && inet_ip_in_prefix(to, r->prefix, r->prefix_bits) &&
		    inet_ip_is_v4(to) == inet_ip_is_v4(r->prefix))
			return r;
	}
	return NULL;
}

static struct netdev *first_with(struct net *net, unsigned flags, unsigned dev_index)
{
	struct netdev *d;

	list_foreach(&net->devices, d, link) {
		if (dev_index != 0 ? d->index == dev_index : (READ_ONCE(d->flags) & flags) == flags)
			return d;
	}
	return NULL;
}

/* Broadcasts and groups go out by the interface that was named, the route's, or the first. */
static int find_many(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	bool group = inet_ip_is_multicast(q->to);
	unsigned flag = NETDEV_IS_UP | (group ? NETDEV_HAS_MULTICAST : NETDEV_HAS_BROADCAST);
	struct route *r = q->dev_index == 0 ? find_route(net, q->to, 0) : NULL;

	out->dev = r != NULL && r->dev != NULL ? r->dev : first_with(net, flag, q->dev_index);
	if (out->dev == NULL || !is_up(out->dev))
		return -ENETUNREACH;
	out->is_broadcast = !group;
	out->is_local = (READ_ONCE(out->dev->flags) & NETDEV_IS_LOOPBACK) != 0;
	memcpy(out->next_hop, q->to, sizeof(out->next_hop));
	return 0;
}

static int unreachable(const struct route *r)
{
	if (r == NULL)
		return -ENETUNREACH;
	return r->type == RTN_PROHIBIT    ? -EACCES
	       : r->type == RTN_BLACKHOLE ? -EINVAL
					  : -EHOSTUNREACH;
}

static int find_one(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	struct route *r = find_route(net, q->to, q->dev_index);

	if (r == NULL || r->dev == NULL)
		return unreachable(r);
	out->dev = r->dev;
	memcpy(out->next_hop, inet_ip_is_any(r->gateway) ? q->to : r->gateway, 16);
	if (!inet_ip_is_any(r->prefer_from))
		memcpy(out->from, r->prefer_from, sizeof(out->from));
	if (r->mtu != 0)
		out->mtu = r->mtu;
	return 0;
}

static int find_local(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	out->dev = net->loopback;
	out->is_local = true;
	memcpy(out->next_hop, q->to, sizeof(out->next_hop));
	/* The whole of 127.0.0.0/8 is ours, but only one is an address that we send from. */
	memcpy(out->from,
	       inet_ip_is_v4(q->to) && inet_ip_is_loopback(q->to) ? inet_loopback4 : q->to,
	       sizeof(out->from));
	return is_up(net->loopback) ? 0 : -ENETUNREACH;
}

static int find_way(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	if (net_address_is_ours_locked(net, q->to, 0))
		return find_local(net, q, out);
	if (inet_ip_is_loopback(q->to) && !inet_ip_is_v4(q->to))
		return -EADDRNOTAVAIL; /* IPv6 is off there: nothing else has a way to it */
	if (inet_ip_is_multicast(q->to) || inet_ip_equal(q->to, inet_broadcast4))
		return find_many(net, q, out);
	out->dev = net_broadcast_device_locked(net, q->to, q->dev_index);
	if (out->dev != NULL) {
		out->is_broadcast = true;
		memcpy(out->next_hop, q->to, sizeof(out->next_hop));
		return 0;
	}
	if (!inet_ip_is_v4(q->to) && inet_ip_is_link_local(q->to) && q->dev_index == 0)
		return -EINVAL;
	return find_one(net, q, out);
}

static int find_source(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	if (q->from != NULL && !inet_ip_is_any(q->from)) {
		memcpy(out->from, q->from, sizeof(out->from));
		return 0;
	}
	if (!inet_ip_is_any(out->from))
		return 0;
	return source_choose_locked(net, out->dev, q->to, q->prefer, out->from) ? 0
										: -EADDRNOTAVAIL;
}

/* Of the link, or the route; no longer than a header can say (lo's is 65,536). */
static uint32_t mtu_of(const uint8_t to[16], const struct ip_path *p)
{
	uint32_t mtu = p->mtu != 0 ? p->mtu : READ_ONCE(p->dev->mtu);
	uint32_t told = READ_ONCE(ip_device_of(p->dev)->mtu6);

	if (inet_ip_is_v4(to))
		return min(mtu, 65535u);
	return told != 0 ? min(mtu, told) : mtu;
}

static int find_path(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	int err;

	scoped_spin(&net->lock);
	err = find_way(net, q, out);
	if (err == 0)
		err = find_source(net, q, out);
	if (err != 0)
		return err;
	out->mtu = pmtu_known_locked(net, q->to, mtu_of(q->to, out));
	return 0;
}

static bool needs_neighbour(const struct ip_path *p)
{
	return !p->is_local && !p->is_broadcast && !inet_ip_is_multicast(p->next_hop) &&
	       (p->dev->features & (NETDEV_LOOPBACK | NETDEV_POINTTOPOINT)) == 0;
}

int ip_route(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	int err;

	*out = (struct ip_path){ .generation = atomic_load(&net->generation) };
	err = find_path(net, q, out);
	if (err == 0 && needs_neighbour(out)) {
		out->neighbour = neighbour_get(out->dev, out->next_hop);
		if (out->neighbour == NULL)
			err = -ENOBUFS;
	}
	if (err != 0)
		*out = (struct ip_path){ .dev = NULL };
	return err;
}

void ip_path_drop(struct ip_path *p)
{
	neighbour_put(p->neighbour);
	*p = (struct ip_path){ .dev = NULL };
}
