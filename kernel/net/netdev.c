/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces: their list, their counters, and the queue in front of a driver's ring. netdev.h has
 * the theory. A device is kicked by net_run(), once for all that was sent since the last time.
 */
#include "net/netdev.h"

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "net/ip/device.h"
#include "net/link/ethernet.h"
#include "net/link/merge.h"
#include "net/link/segment.h"

/* ---- the list ---- */

struct netdev *netdev_find(struct net *net, const char *name)
{
	struct netdev *d;

	list_foreach(&net->devices, d, link) {
		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

struct netdev *netdev_by_index(struct net *net, unsigned index)
{
	struct netdev *d;

	list_foreach(&net->devices, d, link) {
		if (d->index == index)
			return d;
	}
	return NULL;
}

/* The first of such names that is free. */
static void choose_name(struct net *net, struct netdev *d)
{
	char name[NETDEV_NAME_MAX];

	if (d->name[0] != '\0')
		return;
	for (unsigned i = 0; i <= net->nr_devices; i++) {
		(void)fmt(name, sizeof(name), "eth%u", i);
		if (netdev_find(net, name) == NULL)
			break;
	}
	memcpy(d->name, name, sizeof(name));
}

static void kick(struct net_work *w)
{
	struct netdev *d = container_of(w, struct netdev, kick);

	scoped_spin(&d->tx_lock);
	if (d->kick_wanted)
		d->ops->kick(d);
	d->kick_wanted = false;
}

int netdev_register(struct net *net, struct netdev *d)
{
	int err = ip_device_init(d);

	if (err != 0)
		return err;
	d->net = net;
	list_init(&d->addresses);
	list_init(&d->groups);
	list_init(&d->queue);
	net_work_init(&d->kick, kick);
	d->flags = NETDEV_HAS_MULTICAST |
		   ((d->features & NETDEV_LOOPBACK) != 0 ? NETDEV_IS_LOOPBACK
							 : NETDEV_HAS_BROADCAST);
	spin_lock(&net->lock);
	choose_name(net, d);
	d->index = ++net->nr_devices;
	list_append(&net->devices, &d->link);
	spin_unlock(&net->lock);
	net_changed(net, NET_LINK);
	return 0;
}

void netdev_set_carrier(struct netdev *d, bool on)
{
	unsigned was = on ? atomic_or(&d->flags, (unsigned)NETDEV_IS_RUNNING)
			  : atomic_and(&d->flags, ~(unsigned)NETDEV_IS_RUNNING);

	if (((was & NETDEV_IS_RUNNING) != 0) == on)
		return;
	ip_device_changed(d);
	net_changed(d->net, NET_LINK);
}

/* ---- in ---- */

/* What is known of each before it is looked at. */
static void account(struct netdev *d, struct list *burst)
{
	uint64_t nr = 0, bytes = 0;
	struct netbuf *b;

	list_foreach(burst, b, link) {
		nr++;
		bytes += b->len;
		b->dev = d;
		/* A peer on this host leaves the sum to who needs it. */
		if ((b->flags & NETBUF_SUM_WANTED) != 0)
			b->flags = (uint16_t)((b->flags & ~NETBUF_SUM_WANTED) | NETBUF_SUM_GOOD);
	}
	(void)atomic_add(&d->stats.rx_packets, nr);
	(void)atomic_add(&d->stats.rx_bytes, bytes);
}

void netdev_receive(struct netdev *d, struct list *burst)
{
	account(d, burst);
	merge_burst(burst);
	while (!list_is_empty(burst)) {
		struct netbuf *b = list_first(burst, struct netbuf, link);

		list_remove(&b->link);
		ethernet_input(d, b);
	}
	net_run();
}

/* ---- out ---- */

/* tx_lock is held. False: the ring is full. */
static bool give(struct netdev *d, struct netbuf *b)
{
	uint32_t len = b->len;

	if (d->ops->transmit(d, b) != 0)
		return false;
	d->kick_wanted = true;
	(void)atomic_add(&d->stats.tx_packets, 1);
	(void)atomic_add(&d->stats.tx_bytes, len);
	return true;
}

static void drop(struct netdev *d, struct netbuf *b)
{
	(void)atomic_add(&d->stats.tx_dropped, 1);
	netbuf_free(b);
}

static void send_one(struct netdev *d, struct netbuf *b)
{
	bool full;

	spin_lock(&d->tx_lock);
	full = d->nr_queued == NETDEV_QUEUE;
	if (!full && (d->nr_queued > 0 || !give(d, b))) {
		list_append(&d->queue, &b->link);
		d->nr_queued++;
	}
	spin_unlock(&d->tx_lock);
	if (full)
		drop(d, b);
}

/* Can the device do what b asks of it? */
static bool is_fit(const struct netdev *d, const struct netbuf *b)
{
	static const unsigned needs[] = { 0, NETDEV_TSO4, NETDEV_TSO6, NETDEV_USO };

	if (b->gso_size > 0)
		return (d->features & needs[b->gso]) != 0;
	return (b->flags & NETBUF_SUM_WANTED) == 0 || (d->features & NETDEV_SUM) != 0;
}

static void send_in_parts(struct netdev *d, struct netbuf *b)
{
	struct list parts = LIST_INIT(parts);

	if (segment_cut(b, (d->features & NETDEV_SUM) != 0, &parts) != 0)
		(void)atomic_add(&d->stats.tx_dropped, 1);
	while (!list_is_empty(&parts)) {
		struct netbuf *part = list_first(&parts, struct netbuf, link);

		list_remove(&part->link);
		send_one(d, part);
	}
}

void netdev_send(struct netdev *d, struct netbuf *b)
{
	if ((READ_ONCE(d->flags) & NETDEV_IS_UP) == 0) {
		drop(d, b);
		return;
	}
	if (is_fit(d, b))
		send_one(d, b);
	else
		send_in_parts(d, b);
	net_later(&d->kick);
}

void netdev_tx_ready(struct netdev *d)
{
	spin_lock(&d->tx_lock);
	while (!list_is_empty(&d->queue)) {
		struct netbuf *b = list_first(&d->queue, struct netbuf, link);

		list_remove(&b->link);
		if (!give(d, b)) {
			list_prepend(&d->queue, &b->link);
			break;
		}
		d->nr_queued--;
	}
	spin_unlock(&d->tx_lock);
	net_later(&d->kick);
	net_run();
}
