/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loopback. What is sent waits in a queue until net_run(), when the sender holds no lock any
 * more; each CPU has its queue, so that packets of one flow keep their order. Segments of any size
 * pass whole, and a checksum that is still to be completed need not be: nothing can have changed
 * them.
 */
#include "net/link/loopback.h"

#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

#define QUEUE_MAX 1000u /* packets of one CPU; more are lost, as by a full queue anywhere */
#define GSO_MAX   65000u

struct queue {
	struct net_work work;
	struct loopback *of; /* [I] */
	struct spinlock lock;
	struct list packets; /* [lock] */
	unsigned nr;         /* [lock] */
};

struct loopback {
	struct netdev dev;
	struct net *net; /* [I] */
	struct queue queues[CPUS_MAX];
};

/* Never says "full": the netdev's own queue would only be in the way. Preemption is off. */
static void enqueue(struct netdev *d, struct netbuf *b)
{
	struct loopback *lo = container_of(d, struct loopback, dev);
	struct queue *q = &lo->queues[cpu_this()->id];
	bool full;

	spin_lock(&q->lock);
	full = q->nr == QUEUE_MAX;
	if (!full) {
		list_append(&q->packets, &b->link);
		q->nr++;
	}
	spin_unlock(&q->lock);
	if (full)
		netbuf_free(b);
	else
		net_later(&q->work);
}

static int transmit(struct netdev_queue *q, struct netbuf *b)
{
	if (netbuf_own(b) != 0) {
		(void)atomic_add(&q->dev->stats.tx_dropped, 1);
		netbuf_free(b);
		return 0;
	}
	b->dev = q->dev;
	preempt_disable();
	enqueue(q->dev, b);
	preempt_enable();
	return 0;
}

void loopback_echo(struct netdev *as, struct netbuf *b)
{
	b->dev = as;
	preempt_disable();
	enqueue(as->net->loopback, b);
	preempt_enable();
}

static void kick(struct netdev_queue *q)
{
}

static void receive_one(struct net *net, struct netdev *d, struct netbuf *b)
{
	netbuf_orphan(b); /* it is delivered: how long it waits there is no more the sender's */
	if ((b->flags & NETBUF_SUM_WANTED) != 0) /* else the sum is whatever a program wrote */
		b->flags = (uint16_t)((b->flags & ~NETBUF_SUM_WANTED) | NETBUF_SUM_GOOD);
	(void)atomic_add(&d->stats.rx_packets, 1);
	(void)atomic_add(&d->stats.rx_bytes, b->len);
	netdev_show(d, b, false);
	ip_input(net, b);
}

/* What was there when it began: what these cause comes after others' work. */
static void deliver(struct net_work *w)
{
	struct queue *q = container_of(w, struct queue, work);
	struct list now = LIST_INIT(now);

	spin_lock(&q->lock);
	list_splice(&now, &q->packets);
	q->nr = 0;
	spin_unlock(&q->lock);
	while (!list_is_empty(&now)) {
		struct netbuf *b = list_first(&now, struct netbuf, link);

		list_remove(&b->link);
		receive_one(q->of->net, &q->of->dev, b);
	}
}

static const struct netdev_ops ops = { .transmit = transmit, .kick = kick };

static int add_addresses(struct netdev *d)
{
	struct net_address_values v4 = { .prefix_bits = 8 }, v6 = { .prefix_bits = 128 };
	int err;

	v4.flags = v6.flags = NET_ADDRESS_PERMANENT;
	v4.preferred_until = v4.valid_until = v6.preferred_until = v6.valid_until = NSEC_NEVER;
	memcpy(v4.ip, inet_loopback4, sizeof(v4.ip));
	memcpy(v6.ip, inet_loopback6, sizeof(v6.ip));
	err = net_address_add(d, &v4);
	return err != 0 || !net_has_ip6() ? err : net_address_add(d, &v6);
}

int loopback_init(struct net *net)
{
	struct loopback *lo = kmem_new(struct loopback);
	int err;

	if (lo == NULL)
		return -ENOMEM;
	lo->net = net;
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		lo->queues[i].of = lo;
		list_init(&lo->queues[i].packets);
		net_work_init(&lo->queues[i].work, deliver);
	}
	lo->dev.ops = &ops;
	lo->dev.mtu = lo->dev.mtu_max = LOOPBACK_MTU;
	lo->dev.features = NETDEV_LOOPBACK | NETDEV_SUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_USO;
	lo->dev.gso_max = GSO_MAX;
	memcpy(lo->dev.name, "lo", sizeof("lo"));
	err = netdev_register(net, &lo->dev);
	if (err != 0) {
		kmem_free(lo);
		return err;
	}
	net->loopback = &lo->dev;
	err = net_device_set_up(&lo->dev, true);
	return err != 0 ? err : add_addresses(&lo->dev);
}

void loopback_fini(struct net *net)
{
	struct loopback *lo;

	if (net->loopback == NULL)
		return;
	lo = container_of(net->loopback, struct loopback, dev);
	for (unsigned i = 0; i < CPUS_MAX; i++)
		netbuf_free_all(&lo->queues[i].packets);
	list_remove(&lo->dev.link);
	net->loopback = NULL;
	kmem_free(lo);
}
