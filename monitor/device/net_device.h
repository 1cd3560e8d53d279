/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the network device: what virtio_net.c (features, sending, the worker), net_receive.c
 * (frames into the guest's buffers) and net_control.c (the control queue, and which frames the
 * guest wants) share.
 *
 * Pairs of queues (VIRTIO_NET_F_MQ). Each has a worker and a queue of the backend's; pair 0 and the
 * control queue are the device's own, under its lock, and each other pair is a part of the device.
 * What all workers read is changed under all locks.
 *
 * Receiving. Chains are popped ahead and held until a frame comes; the backend writes into their
 * pieces as if they were one buffer, and as many chains as the frame took are given back, together
 * (VIRTIO_NET_F_MRG_RXBUF, §5.1.6.3.2). Without merging a frame gets one chain.
 */
#pragma once
#include <linux/virtio_net.h>
#include "monitor/device/device.h"
#include "monitor/device/worker.h"
#include "monitor/net/backend.h"
#include "monitor/net/capture.h"

/* Of pair 0; pair n's are 2n further. */
enum { NET_QUEUE_RECEIVE, NET_QUEUE_TRANSMIT, NET_PAIR_QUEUES };

#define NET_PAIRS_MAX       16u
#define NET_HELD_PIECES_MAX 1024u /* of all held chains: what one readv(2) takes */
#define NET_TABLE_MAX       64u   /* addresses of each kind; more, and all are let through */
#define NET_VLANS           4096u

struct net_held { /* a chain that waits for a frame */
	uint16_t head;
	uint16_t nr_pieces;
	uint32_t bytes;
};

struct net_receive {
	struct net_held held[DEVICE_QUEUE_SIZE];
	unsigned nr_held;
	struct iovec pieces[NET_HELD_PIECES_MAX]; /* of all of them, in order */
	unsigned nr_pieces;
	size_t bytes;
	bool starved; /* there was a wish for frames and no buffer for them */
};

/* What VIRTIO_NET_CTRL_RX, _MAC and _VLAN set (§5.1.6.5). */
struct net_filter {
	bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
	uint8_t mac[6];
	uint8_t unicast[NET_TABLE_MAX][6], multicast[NET_TABLE_MAX][6];
	unsigned nr_unicast, nr_multicast;
	bool any_vlan;
	uint8_t vlans[NET_VLANS / 8];
};

struct net_pair {
	/* [I] immutable once started  [l] its lock: the device's for pair 0, else part.lock
	 * [w] its worker only */
	struct device_part part; /* unused in pair 0, which is the device's own */
	struct worker worker;
	struct virtio_net *net;       /* [I] */
	unsigned idx;                 /* [I] */
	struct net_backend *backend;  /* [l]; the pointer: [I] */
	bool is_active;               /* [l, changed under all] the driver uses it */
	struct net_receive receive;   /* [l] */
	struct virtqueue_chain chain; /* [l] the one at hand */
	struct virtqueue_chain sent;  /* [l] with is_sending: the backend does not take it yet */
	bool is_sending;              /* [l] */
	struct net_poll poll;         /* [w] */
};

struct virtio_net {
	/* [I] immutable once started  [l] device.lock  [a] changed under all locks */
	struct device device;
	struct net_pair *pairs[NET_PAIRS_MAX];    /* [I] */
	struct device_part *parts[NET_PAIRS_MAX]; /* [I] of the pairs from 1 on */
	unsigned nr_pairs;                        /* [I] */
	struct capture *capture;                  /* [I] NULL: none */
	unsigned idx;                             /* [I] of the interfaces */
	struct virtio_net_config config;          /* [I] but its status: [l to write] */
	uint64_t features;                        /* [a] what the driver took, once is_running */
	bool is_running;                          /* [a] the worker has seen that the device runs */
	struct net_filter filter;                 /* [a] */
	int error;                                /* [I] of the backend's beginning */
	char message[512];                        /* [I] for it */
};

static inline bool net_has(const struct virtio_net *net, unsigned feature)
{
	return (net->features >> feature & 1) != 0;
}

static inline struct virtqueue *net_queue(const struct net_pair *pair, unsigned which)
{
	return &pair->net->device.queues[NET_PAIR_QUEUES * pair->idx + which];
}

/* §5.1.2: behind all pairs, or behind the only one that such a driver knows. */
static inline unsigned net_control_idx(const struct virtio_net *net)
{
	return NET_PAIR_QUEUES * (net_has(net, VIRTIO_NET_F_MQ) ? net->nr_pairs : 1);
}

/* One step each; true: something was done. */
bool net_receive_serve(struct net_pair *pair);
bool net_control_serve(struct virtio_net *net);

/* Are there buffers for a frame? Pops what is needed. */
bool net_receive_is_ready(struct net_pair *pair);
void net_receive_reset(struct net_pair *pair);

/* The first `nr` pairs are used from now on. All locks are held. False: a backend refuses. */
bool net_use_pairs(struct virtio_net *net, unsigned nr);

void net_filter_reset(struct virtio_net *net);
/* `head`: the frame's first bytes, up to 18 of them. */
bool net_filter_wants(const struct virtio_net *net, const uint8_t *head, size_t len);
