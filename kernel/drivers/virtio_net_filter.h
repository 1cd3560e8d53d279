/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the network device is told by its control queue (virtio 1.2 §5.1.6.5): which frames to let
 * through, and how many pairs of queues to use. Groups and flags of the interface are told whole,
 * by commands that are always there, so that no memory is needed; and once more when they have
 * changed before the device has answered. Where there is no control queue, or the device refuses,
 * it passes everything, and has one pair.
 *
 * The interface sends by fewer pairs before the device hears of it, and by more when it has agreed.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "drivers/virtio.h"
#include "net/netdev.h"

#include <linux/virtio_net.h>

#define FILTER_COMMANDS 4u
#define FILTER_GROUPS   32u /* that the device sorts out; of more, and others, it passes all */
#define FILTER_COUNTS   8u  /* bytes of a table's two */

struct virtio_net_command {
	struct virtio_net_ctrl_hdr header;
	uint8_t data[FILTER_COUNTS + FILTER_GROUPS * ETHERNET_ADDRESS_LEN];
	uint8_t answer;
};

struct virtio_net_filter {
	/* [I] immutable after init  [l] lock, which comes before net->lock (the groups) */
	struct netdev *dev; /* [I] */
	struct spinlock lock;
	struct virtq *queue;      /* [l] what it holds; NULL: none */
	unsigned nr_unanswered;   /* [l] of `commands`: they are the device's until none is */
	bool is_old;              /* [l] the device is to be told once more */
	bool is_refused;          /* [l] it wants to hear of no filter */
	bool has_filter;          /* [I] VIRTIO_NET_F_CTRL_RX */
	bool has_pairs;           /* [I] VIRTIO_NET_F_MQ */
	bool are_pairs_refused;   /* [l] the number that it was told last */
	unsigned nr_pairs;        /* [l] to be told */
	unsigned nr_pairs_wanted; /* [a] the driver's: of as many CPUs */
	struct waitq answered;    /* nothing more is to be told */
	struct virtio_net_command commands[FILTER_COMMANDS];
};

/* Before the device runs; f is all zero. Without memory for the queue there is no filter. */
void virtio_net_filter_init(struct virtio_net_filter *f, struct virtio_device *d,
			    struct netdev *dev, unsigned queue);
/* The interface's groups or flags have changed, or the number of pairs. Any context, net->lock not
 * held. */
void virtio_net_filter_tell(struct virtio_net_filter *f, unsigned nr_pairs);
/* Until the device has heard of all. -EIO: it refuses that many pairs. -EINTR. */
MUST_CHECK int virtio_net_filter_wait(struct virtio_net_filter *f);
void virtio_net_filter_answered(struct virtio_net_filter *f); /* the interrupt's */
