/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces: their list, their counters, and the queue in front of a driver's ring. netdev.h has
 * the theory. A device is kicked by net_run(), once for all that was sent since the last time.
 */
#include "net/netdev.h"

#include "core/smp/cpu.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "net/event.h"
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
	struct netdev_queue *q = container_of(w, struct netdev_queue, kick);

	scoped_spin(&q->lock);
	if (q->kick_wanted)
		q->dev->ops->kick(q);
	q->kick_wanted = false;
}

static void init_queues(struct netdev *d)
{
	d->nr_queues_max = max(d->nr_queues_max, 1u);
	d->nr_queues = max(d->nr_queues, 1u);
	for (unsigned i = 0; i < NETDEV_QUEUES_MAX; i++) {
		struct netdev_queue *q = &d->queues[i];

		q->dev = d;
		q->idx = i;
		list_init(&q->waiting);
		net_work_init(&q->kick, kick);
	}
}

int netdev_register(struct net *net, struct netdev *d)
{
	int err = ip_device_init(d);

	if (err != 0)
		return err;
	d->net = net;
	list_init(&d->addresses);
	init_queues(d);
	d->flags = NETDEV_HAS_MULTICAST |
		   ((d->features & NETDEV_LOOPBACK) != 0 ? NETDEV_IS_LOOPBACK
							 : NETDEV_HAS_BROADCAST);
	spin_lock(&net->lock);
	choose_name(net, d);
	d->index = ++net->nr_devices;
	list_append(&net->devices, &d->link);
	spin_unlock(&net->lock);
	net_changed(net, NET_LINK);
	net_tell_link(d);
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
	if ((READ_ONCE(d->flags) & NETDEV_IS_UP) != 0)
		net_tell_link(d);
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

static bool transmit(struct netdev_queue *q, struct netbuf *b)
{
	struct netdev_stats *stats = &q->dev->stats;
	uint32_t len = b->len;

	if ((b->flags & NETBUF_WANTS_STAMP) != 0)
		b->time_ns = clock_realtime();
	if (q->dev->ops->transmit(q, b) != 0)
		return false;
	(void)atomic_add(&stats->tx_packets, 1);
	(void)atomic_add(&stats->tx_bytes, len);
	return true;
}

/* q->lock is held. False: the ring is full. */
static bool give(struct netdev_queue *q, struct netbuf *b)
{
	uint32_t len = b->len;

	if (!transmit(q, b))
		return false;
	WRITE_ONCE(q->tx_packets, q->tx_packets + 1);
	WRITE_ONCE(q->tx_bytes, q->tx_bytes + len);
	q->kick_wanted = true;
	return true;
}

static void drop(struct netdev *d, struct netbuf *b)
{
	(void)atomic_add(&d->stats.tx_dropped, 1);
	netbuf_free(b);
}

static void send_one(struct netdev_queue *q, struct netbuf *b)
{
	bool full;

	spin_lock(&q->lock);
	full = q->nr_waiting == NETDEV_QUEUE;
	if (!full && (q->nr_waiting > 0 || !give(q, b))) {
		list_append(&q->waiting, &b->link);
		q->nr_waiting++;
	}
	spin_unlock(&q->lock);
	if (full)
		drop(q->dev, b);
}

/* Can the device do what b asks of it? */
static bool is_fit(const struct netdev *d, const struct netbuf *b)
{
	static const unsigned needs[] = { 0, NETDEV_TSO4, NETDEV_TSO6, NETDEV_USO };

	if (b->gso_size > 0)
		return (d->features & needs[b->gso]) != 0;
	return (b->flags & NETBUF_SUM_WANTED) == 0 || (d->features & NETDEV_SUM) != 0;
}

static void send_in_parts(struct netdev_queue *q, struct netbuf *b)
{
	struct list parts = LIST_INIT(parts);
	struct netdev *d = q->dev;

	if (segment_cut(b, (d->features & NETDEV_SUM) != 0, &parts) != 0)
		(void)atomic_add(&d->stats.tx_dropped, 1);
	while (!list_is_empty(&parts)) {
		struct netbuf *part = list_first(&parts, struct netbuf, link);

		list_remove(&part->link);
		send_one(q, part);
	}
}

/* This CPU's, while it is. */
static struct netdev_queue *queue_here(struct netdev *d)
{
	unsigned nr = READ_ONCE(d->nr_queues);

	return &d->queues[nr > 1 ? cpu_this()->id % nr : 0];
}

void netdev_send(struct netdev *d, struct netbuf *b)
{
	struct netdev_queue *q = queue_here(d);

	if ((READ_ONCE(d->flags) & NETDEV_IS_UP) == 0) {
		drop(d, b);
		return;
	}
	netdev_show(d, b, true);
	if ((d->features & NETDEV_LOOPBACK) != 0) {
		(void)transmit(q, b); /* it has no ring, takes everything, and needs no kick */
		return;
	}
	if (is_fit(d, b))
		send_one(q, b);
	else
		send_in_parts(q, b);
	net_later(&q->kick);
}

void netdev_tx_ready(struct netdev_queue *q)
{
	spin_lock(&q->lock);
	while (!list_is_empty(&q->waiting)) {
		struct netbuf *b = list_first(&q->waiting, struct netbuf, link);

		list_remove(&b->link);
		if (!give(q, b)) {
			list_prepend(&q->waiting, &b->link);
			break;
		}
		q->nr_waiting--;
	}
	spin_unlock(&q->lock);
	net_later(&q->kick);
	net_run();
}
