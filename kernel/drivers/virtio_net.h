/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device's driver (virtio 1.2 §5.1), inside: virtio_net.c (features, beginning,
 * interrupts), virtio_net_send.c and virtio_net_receive.c (one pair's two queues) and
 * virtio_net_filter.c (the control queue).
 *
 * Pairs. As many are used as there are CPUs, if the device has so many (VIRTIO_NET_F_MQ). Pair n is
 * CPU n's: what is sent there goes by it, and its interrupts come there. The device brings a flow
 * by the pair by which it was sent last (§5.1.6.5.5), so that a flow stays on the CPU of the
 * program that it is for, and no two CPUs want the same lock.
 */
#pragma once
#include "drivers/virtio.h"
#include "drivers/virtio_net_filter.h"
#include "net/netdev.h"

#define VIRTIO_NET_PAIRS_MAX NETDEV_QUEUES_MAX

struct virtio_net_pair {
	/* [I] immutable after probe  [r] rx_lock  [t] queue->lock  [a] atomic */
	struct virtio_net *net;     /* [I] */
	struct netdev_queue *queue; /* [I] */

	struct spinlock rx_lock; /* innermost */
	struct virtq *rx;        /* [r] what it holds */
	bool is_begun;           /* [r] it was given buffers */
	bool is_receiving;       /* [r] by the handler or the thread */
	bool thread_has_work;    /* [a] */
	struct waitq rx_waitq;   /* the thread's */

	struct virtq *tx;        /* [t] what it holds */
	struct list sent;        /* [t] netbufs that the device is done with */
	bool is_full;            /* [t] the stack was told so */
	unsigned nr_awaited;     /* [t] netbufs in the ring that are waited for */
	struct net_work freeing; /* frees `sent` */
};

struct virtio_net {
	/* [I] immutable after probe */
	struct netdev dev;
	struct virtio_device *d;       /* [I] */
	bool is_merged;                /* [I] VIRTIO_NET_F_MRG_RXBUF */
	uint32_t header_bytes;         /* [I] of what stands in front of a frame */
	unsigned nr_buffers;           /* [I] that each ring should hold */
	unsigned nr_pairs;             /* [I] that there are */
	struct virtio_net_pair *pairs; /* [I] nr_pairs */
	struct virtio_net_filter filter;
};

static inline struct virtio_net *virtio_net_of(struct netdev *d)
{
	return container_of(d, struct virtio_net, dev);
}

/* The transmit queue; netdev_ops. */
void virtio_net_send_init(struct virtio_net_pair *v);
int virtio_net_transmit(struct netdev_queue *q, struct netbuf *b);
void virtio_net_kick(struct netdev_queue *q);
void virtio_net_end_transmissions(struct virtio_net_pair *v); /* the interrupt's */

/* The receive queue. -ENOMEM: no thread. */
MUST_CHECK int virtio_net_receive_init(struct virtio_net_pair *v);
/* It has buffers from now on, and asks for interrupts. Any context, rx_lock not held; nothing is
 * handed to the stack here. */
void virtio_net_receive_begin(struct virtio_net_pair *v);
void virtio_net_receive(struct virtio_net_pair *v); /* the interrupt's */
