/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups of UDP's endpoints: which were joined and on what interface, from all sources
 * (RFC 1112, RFC 4291 §2.7; ip(7), ipv6(7)). The interface hears what any member wants
 * (net/ip/group/); udp.c leaves out what comes to groups that an endpoint has not joined.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "native/native.h"
#include "net/endpoint.h"
#include "net/ip/ip.h"
#include "net/net.h"
#include "net/netdev.h"

#define ROOM_FIRST 4u

/* ---- which interface ---- */

static struct netdev *device_of_index(struct net *net, unsigned index)
{
	scoped_spin(&net->lock);
	return netdev_by_index(net, index);
}

/* Where packets to the group would go. NULL: nowhere. */
static struct netdev *device_towards(struct net *net, const uint8_t group[16])
{
	struct ip_query q = { .to = group };
	struct ip_path path;
	struct netdev *d;

	if (ip_route(net, &q, &path) != 0)
		return NULL;
	d = path.dev;
	ip_path_drop(&path);
	return d;
}

/* ---- the list; only the turn's thread changes it ---- */

static struct native_group *find(struct native_groups *g, const struct native_group *wanted)
{
	for (unsigned n = 0; g != NULL && n < g->nr; n++) {
		if (inet_ip_equal(g->all[n].ip, wanted->ip) && g->all[n].dev == wanted->dev)
			return &g->all[n];
	}
	return NULL;
}

static void replace(struct native_endpoint *e, struct native_groups **groups,
		    struct native_groups *by)
{
	scoped_spin(&e->loop->lock);
	*groups = by;
}

/* Room for one more. -ENOMEM, -ENOBUFS: there are as many as may be. */
static int make_room(struct native_endpoint *e, struct native_groups **groups)
{
	struct native_groups *was = *groups, *g;
	unsigned room = was == NULL ? ROOM_FIRST : was->room * 2;

	if (was != NULL && was->nr < was->room)
		return 0;
	if (room > NATIVE_GROUPS_MAX)
		return -ENOBUFS;
	g = kmem_alloc(sizeof(*g) + room * sizeof(g->all[0]));
	if (g == NULL)
		return -ENOMEM;
	g->nr = 0;
	if (was != NULL)
		memcpy(g, was, sizeof(*g) + was->nr * sizeof(g->all[0]));
	g->room = room;
	replace(e, groups, g);
	kmem_free(was);
	return 0;
}

static unsigned nr_of_v4(const struct native_groups *g)
{
	unsigned nr = 0;

	for (unsigned n = 0; g != NULL && n < g->nr; n++)
		nr += inet_ip_is_v4(g->all[n].ip);
	return nr;
}

/* ---- the operations ---- */

/* The group that is named, and the endpoint's list. -EBADF, -EINVAL, -ENODEV. */
static int read_op(struct native_loop *l, const struct native_op *op, struct native_group *out,
		   struct native_groups ***groups)
{
	struct native_endpoint *e = native_endpoint_find(l, op->id);
	const uint8_t *ip = op->remote.ip;
	bool v4 = inet_ip_is_v4(ip);

	*groups = e == NULL ? NULL : native_udp_groups(e);
	if (*groups == NULL)
		return -EBADF;
	if (!inet_ip_is_multicast(ip) || (!v4 && (e->end->flags & ENDPOINT_V6) == 0) ||
	    (v4 && (e->end->flags & ENDPOINT_ONLY_V6) != 0))
		return -EINVAL;
	memcpy(out->ip, ip, sizeof(out->ip));
	out->dev = op->remote.interface != 0 ? device_of_index(l->net, op->remote.interface)
					     : device_towards(l->net, ip);
	return out->dev == NULL ? -ENODEV : 0;
}

int native_op_join(struct native_loop *l, struct native_op *op)
{
	struct native_groups **groups;
	struct native_endpoint *e;
	struct native_group g;
	int err = read_op(l, op, &g, &groups);

	if (err != 0)
		return err;
	if (find(*groups, &g) != NULL)
		return -EADDRINUSE;
	if (inet_ip_is_v4(g.ip) && nr_of_v4(*groups) >= READ_ONCE(l->net->settings.max_memberships))
		return -ENOBUFS;
	e = native_endpoint_find(l, op->id);
	err = make_room(e, groups);
	if (err == 0)
		err = net_group_join(g.dev, g.ip);
	if (err != 0)
		return err;
	scoped_spin(&l->lock);
	(*groups)->all[(*groups)->nr++] = g;
	return 0;
}

static struct native_group take(struct native_loop *l, struct native_groups *from,
				struct native_group *at)
{
	struct native_group g = *at;

	scoped_spin(&l->lock);
	*at = from->all[--from->nr];
	return g;
}

int native_op_leave(struct native_loop *l, struct native_op *op)
{
	struct native_groups **groups;
	struct native_group g, *at;
	int err = read_op(l, op, &g, &groups);

	if (err != 0)
		return err;
	at = find(*groups, &g);
	if (at == NULL)
		return -EADDRNOTAVAIL;
	g = take(l, *groups, at);
	return net_group_leave(g.dev, g.ip);
}

void native_groups_end(struct native_endpoint *e)
{
	struct native_groups **groups = native_udp_groups(e), *g = *groups;

	if (g == NULL)
		return;
	replace(e, groups, NULL);
	for (unsigned n = 0; n < g->nr; n++)
		IGNORE_RESULT(net_group_leave(g->all[n].dev, g->all[n].ip)); /* it is a member */
	kmem_free(g);
}

/* ---- what comes: any context, loop->lock is held ---- */

bool native_hears_group(const struct native_groups *g, const uint8_t ip[16], unsigned dev_index)
{
	for (unsigned n = 0; g != NULL && n < g->nr; n++) {
		if (inet_ip_equal(g->all[n].ip, ip) && g->all[n].dev->index == dev_index)
			return true;
	}
	return false;
}
