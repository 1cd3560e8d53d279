/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device (virtio 1.2 §5.1) as a netdev: its features, its queues and its interrupts.
 * virtio_net.h has the theory. Queues: pair n receives by 2n and sends by 2n + 1; the control queue
 * is behind all pairs that the device has, whether they are used or not (§5.1.2).
 */
#include "drivers/virtio_net.h"

#include <abi/virtio/net.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "arch/mmu.h"
#include "core/log.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define RING_SIZE     VIRTIO_QUEUE_SIZE_MAX
#define RING_MIN      32u /* buffers: a frame of 64 KiB takes 17 */
#define PAGES_A_FRAME 64u /* of RAM, for each buffer */
#define GSO_MAX       65000u
#define LINK_HEADERS  18u /* Ethernet with a VLAN tag */
#define BIT(n)        (1ull << (n))

#define FEATURES \
	(BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_STATUS) | \
	 BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | \
	 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) | \
	 BIT(VIRTIO_NET_FEATURE_HOST_USO) | BIT(VIRTIO_NET_F_MRG_RXBUF) | \
	 BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX))
/* Frames that need more than one page. */
#define FEATURES_MERGED \
	(BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) | \
	 BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_FEATURE_GUEST_USO4) | \
	 BIT(VIRTIO_NET_FEATURE_GUEST_USO6))

/* ---- what the stack asks for ---- */

/* Those that are to be used have buffers before the device hears of them. */
static void tell(struct virtio_net *n)
{
	unsigned nr = min(READ_ONCE(n->filter.nr_pairs_wanted), READ_ONCE(nr_cpus));

	for (unsigned i = 1; i < nr; i++)
		virtio_net_receive_begin(&n->pairs[i]);
	virtio_net_filter_tell(&n->filter, nr);
}

static void set_filter(struct netdev *d)
{
	tell(virtio_net_of(d));
}

static int set_queues(struct netdev *d, unsigned nr)
{
	struct virtio_net *n = virtio_net_of(d);

	WRITE_ONCE(n->filter.nr_pairs_wanted, nr);
	tell(n);
	return virtio_net_filter_wait(&n->filter);
}

/* ---- interrupts ---- */

/* This CPU's queues have something, or are said to. */
static void interrupt(struct virtio_device *d)
{
	struct virtio_net *n = d->private;
	unsigned here = cpu_this()->id;

	if (here == 0)
		virtio_net_filter_answered(&n->filter);
	for (unsigned i = 0; i < n->nr_pairs; i++) {
		struct virtio_net_pair *v = &n->pairs[i];

		if (v->rx->cpu != here)
			continue;
		virtio_net_end_transmissions(v);
		virtio_net_receive(v);
	}
	net_run();
}

static bool is_link_up(struct virtio_device *d)
{
	uint16_t status = VIRTIO_NET_S_LINK_UP;

	if (virtio_has_feature(d, VIRTIO_NET_F_STATUS))
		virtio_config_read(d, offsetof(struct virtio_net_config, status), &status,
				   sizeof(status));
	return (status & VIRTIO_NET_S_LINK_UP) != 0;
}

static void config_changed(struct virtio_device *d)
{
	netdev_set_carrier(&((struct virtio_net *)d->private)->dev, is_link_up(d));
}

/* ---- beginning ---- */

static const struct netdev_ops ops = {
	.transmit = virtio_net_transmit,
	.kick = virtio_net_kick,
	.set_filter = set_filter,
	.set_queues = set_queues,
};

static void read_config(struct virtio_net *n)
{
	struct virtio_device *d = n->d;
	uint16_t mtu = ETHERNET_MTU;

	virtio_config_read(d, offsetof(struct virtio_net_config, mac), n->dev.mac,
			   sizeof(n->dev.mac));
	if (virtio_has_feature(d, VIRTIO_NET_F_MTU))
		virtio_config_read(d, offsetof(struct virtio_net_config, mtu), &mtu, sizeof(mtu));
	if (!n->is_merged)
		mtu = (uint16_t)min((uint32_t)mtu,
				    (uint32_t)(PAGE_SIZE - LINK_HEADERS - n->header_bytes));
	n->dev.mtu = n->dev.mtu_max = max(mtu, (uint16_t)ETHERNET_MTU_MIN);
	if (virtio_has_feature(d, VIRTIO_NET_F_CSUM))
		n->dev.features |= NETDEV_SUM;
	if (virtio_has_feature(d, VIRTIO_NET_F_HOST_TSO4))
		n->dev.features |= NETDEV_TSO4;
	if (virtio_has_feature(d, VIRTIO_NET_F_HOST_TSO6))
		n->dev.features |= NETDEV_TSO6;
	if (virtio_has_feature(d, VIRTIO_NET_FEATURE_HOST_USO))
		n->dev.features |= NETDEV_USO;
	n->dev.gso_max = GSO_MAX;
}

/* The pairs that the device has. */
static unsigned pairs_of_device(struct virtio_device *d)
{
	uint16_t nr = 1;

	if (virtio_has_feature(d, VIRTIO_NET_F_MQ))
		virtio_config_read(d, offsetof(struct virtio_net_config, max_virtqueue_pairs), &nr,
				   sizeof(nr));
	return max(nr, (uint16_t)1);
}

/* CPUs that begin later are there already. */
static unsigned count_cpus(void)
{
	unsigned nr = 1;

	while (nr < VIRTIO_NET_PAIRS_MAX && cpus[nr] != NULL)
		nr++;
	return nr;
}

/* No more pairs than there is memory for. */
static void choose_sizes(struct virtio_net *n, unsigned nr_possible)
{
	unsigned nr_buffers = (unsigned)min(page_array_end / PAGES_A_FRAME, (pfn_t)UINT16_MAX);

	n->nr_pairs = min(nr_possible, count_cpus());
	n->nr_pairs = min(n->nr_pairs, max(nr_buffers / RING_MIN, 1u));
	n->nr_buffers = max(nr_buffers / n->nr_pairs, RING_MIN);
}

static int make_pair(struct virtio_net *n, unsigned i)
{
	struct virtio_net_pair *v = &n->pairs[i];

	v->net = n;
	v->queue = &n->dev.queues[i];
	v->rx = virtq_new_on(n->d, 2 * i, RING_SIZE, i);
	v->tx = virtq_new_on(n->d, 2 * i + 1, RING_SIZE, i);
	if (v->rx == NULL || v->tx == NULL)
		return -ENOMEM;
	virtio_net_send_init(v);
	return virtio_net_receive_init(v);
}

static int make_queues(struct virtio_net *n)
{
	unsigned nr_possible = pairs_of_device(n->d);
	int err = 0;

	choose_sizes(n, nr_possible);
	n->pairs = kmem_new_array(struct virtio_net_pair, n->nr_pairs);
	if (n->pairs == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n->nr_pairs && err == 0; i++)
		err = make_pair(n, i);
	if (err != 0)
		return err;
	n->nr_buffers = min(n->nr_buffers, (unsigned)n->pairs[0].rx->size);
	virtio_net_filter_init(&n->filter, n->d, &n->dev, 2 * nr_possible);
	n->dev.nr_queues_max = n->filter.queue != NULL ? n->nr_pairs : 1;
	n->filter.nr_pairs_wanted = n->dev.nr_queues_max;
	return 0;
}

/* A legacy header counts buffers only where there can be several (§5.1.6.1). */
static void init(struct virtio_net *n, struct virtio_device *d)
{
	n->d = d;
	n->dev.ops = &ops;
	n->is_merged = virtio_has_feature(d, VIRTIO_NET_F_MRG_RXBUF);
	n->header_bytes = d->transport->is_legacy && !n->is_merged
				  ? sizeof(struct virtio_net_hdr)
				  : sizeof(struct virtio_net_hdr_v1);
	read_config(n);
}

/* Header and frame are sent in one piece: who needs them apart (§2.7.4.3) is not driven. */
static int start(struct virtio_device *d)
{
	uint64_t wanted = FEATURES, offered = virtio_offered(d);

	if (d->transport->is_legacy && (offered & BIT(VIRTIO_F_ANY_LAYOUT)) == 0) {
		log_warn("virtio: a legacy network device without VIRTIO_F_ANY_LAYOUT: not driven");
		return -ENODEV;
	}
	if ((offered & BIT(VIRTIO_NET_F_MRG_RXBUF)) != 0)
		wanted |= FEATURES_MERGED;
	if ((offered & BIT(VIRTIO_NET_F_CTRL_VQ)) != 0)
		wanted |= BIT(VIRTIO_NET_F_MQ);
	return virtio_start(d, wanted);
}

/* The interrupt handler finds everything there as soon as the device runs. */
static int run(struct virtio_net *n, struct net *net)
{
	int err = netdev_register(net, &n->dev);

	if (err != 0)
		return err;
	n->d->private = n;
	netdev_set_carrier(&n->dev, is_link_up(n->d));
	virtio_ready(n->d);
	virtio_net_receive_begin(&n->pairs[0]);
	tell(n);
	return 0;
}

static int probe(struct virtio_device *d)
{
	struct virtio_net *n = kmem_new(struct virtio_net);
	struct net *net = net_machine_get();
	int err = -ENOMEM;

	if (n == NULL || net == NULL)
		goto err_free;
	err = start(d);
	if (err != 0)
		goto err_free;
	init(n, d);
	err = make_queues(n);
	if (err != 0)
		return err; /* the device may know the one that there is */
	return run(n, net);
err_free:
	kmem_free(n);
	return err;
}

VIRTIO_DRIVER(virtio_net) = { VIRTIO_ID_NET, "network", probe, interrupt, config_changed };
