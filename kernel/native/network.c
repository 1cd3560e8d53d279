/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's interfaces, and telling loops that something about them has changed. One listener
 * of the net's, which stays for good, serves all loops. */
#include "core/sync/mutex.h"
#include "core/sync/spinlock.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "native/native.h"
#include "net/ip/ip.h"
#include "net/net.h"
#include "net/netdev.h"

#define INTERFACES_MAX 64u

/* ---- changes ---- */

static struct spinlock watch_lock = SPINLOCK_INIT;
static struct list watchers = LIST_INIT(watchers); /* [watch_lock] struct native_loop */
static bool listens;                               /* [a] */

static void network_changed(struct net_listener *listener, unsigned what)
{
	struct native_loop *l;

	scoped_spin(&watch_lock);
	list_foreach(&watchers, l, watch_link) {
		atomic_store(&l->has_network, true);
		native_loop_wake(l);
	}
}

static struct net_listener listener = { .changed = network_changed };

static void set_watching(struct native_loop *l, bool on)
{
	scoped_spin(&watch_lock);
	list_remove(&l->watch_link);
	if (on)
		list_append(&watchers, &l->watch_link);
	l->watches = on;
}

int native_op_watch(struct native_loop *l, struct native_op *op)
{
	if (op->len > 1)
		return -EINVAL;
	if (op->len == 1 && !atomic_exchange(&listens, true))
		net_listen(l->net, &listener);
	set_watching(l, op->len == 1);
	return 0;
}

void native_watch_end(struct native_loop *l)
{
	set_watching(l, false);
}

/* ---- interfaces ---- */

/* net->lock is held. */
static void describe(const struct netdev *d, struct native_interface *i)
{
	unsigned flags = netdev_shown_flags(d);
	const struct net_address *a;

	memcpy(i->name, d->name, sizeof(i->name));
	i->index = d->index;
	i->mtu = READ_ONCE(d->mtu);
	i->is_up = (flags & NETDEV_IS_UP) != 0 && (flags & NETDEV_IS_RUNNING) != 0;
	i->is_loopback = (flags & NETDEV_IS_LOOPBACK) != 0;
	memcpy(i->link_address, d->mac, sizeof(i->link_address));
	list_foreach(&d->addresses, a, link) {
		if (i->nr_addresses == NATIVE_INTERFACE_ADDRESSES)
			break;
		if ((a->flags & (NET_ADDRESS_TENTATIVE | NET_ADDRESS_DUPLICATE)) == 0)
			memcpy(i->addresses[i->nr_addresses++], a->ip, 16);
	}
}

static uint32_t describe_all(struct net *net, struct native_interface *all, uint32_t room)
{
	uint32_t nr = 0;
	struct netdev *d;

	scoped_spin(&net->lock);
	list_foreach(&net->devices, d, link) {
		if (nr < room)
			describe(d, &all[nr]);
		nr++;
	}
	return nr;
}

int native_op_interfaces(struct native_loop *l, struct native_op *op)
{
	uint32_t room = min(op->len, INTERFACES_MAX), nr;
	struct native_interface *all = kmem_new_array(struct native_interface, max(room, 1u));
	int err;

	if (all == NULL)
		return -ENOMEM;
	nr = describe_all(l->net, all, room);
	err = user_write(op->data, all, min(nr, room) * sizeof(*all));
	kmem_free(all);
	return err != 0 ? err : (int)nr;
}
