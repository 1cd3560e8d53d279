/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames from the backend into the guest's buffers (virtio 1.2 §5.1.6.3, §5.1.6.4). */
#include <errno.h>
#include <string.h>
#include "monitor/device/net_device.h"
#include "monitor/net/iov.h"

#define BURST       64
#define HEAD_BYTES  18u /* Ethernet with a VLAN tag */
#define LINK_HEADER 18u

/* The largest frame that can come, with its header. */
static size_t wanted_bytes(const struct net_pair *pair)
{
	bool large = net_has(pair->net, VIRTIO_NET_F_GUEST_TSO4) ||
		     net_has(pair->net, VIRTIO_NET_F_GUEST_TSO6) ||
		     net_has(pair->net, VIRTIO_NET_FEATURE_GUEST_USO4);

	/* one more: what fills the room to the last byte may have been cut */
	return VIRTIO_NET_HEADER_BYTES + 1 +
	       (large ? NET_FRAME_MAX : pair->backend->mtu + LINK_HEADER);
}

static bool hold(struct net_pair *pair, const struct virtqueue_chain *chain)
{
	struct net_receive *r = &pair->receive;

	if (r->nr_held == DEVICE_QUEUE_SIZE ||
	    r->nr_pieces + chain->nr_writable > NET_HELD_PIECES_MAX)
		return false;
	memcpy(&r->pieces[r->nr_pieces], chain->writable,
	       chain->nr_writable * sizeof(*chain->writable));
	r->held[r->nr_held++] = (struct net_held){
		.head = chain->head,
		.nr_pieces = (uint16_t)chain->nr_writable,
		.bytes = (uint32_t)chain->writable_bytes,
	};
	r->nr_pieces += chain->nr_writable;
	r->bytes += chain->writable_bytes;
	return true;
}

/* A chain that holds no header, or one too many pieces, breaks the rules. */
static bool pop_one(struct net_pair *pair, struct virtqueue *vq)
{
	if (virtqueue_pop(vq, &pair->chain) <= 0)
		return false;
	if (pair->chain.writable_bytes >= VIRTIO_NET_HEADER_BYTES && hold(pair, &pair->chain))
		return true;
	vq->broken = true;
	return false;
}

bool net_receive_is_ready(struct net_pair *pair)
{
	struct virtqueue *vq = net_queue(pair, NET_QUEUE_RECEIVE);
	struct net_receive *r = &pair->receive;
	size_t wanted = wanted_bytes(pair);

	if (!net_has(pair->net, VIRTIO_NET_F_MRG_RXBUF))
		return r->nr_held > 0 || pop_one(pair, vq);
	while (r->bytes < wanted)
		if (!pop_one(pair, vq))
			return false;
	return true;
}

/* The first `nr` chains are the guest's again. */
static void forget(struct net_receive *r, unsigned nr)
{
	unsigned nr_pieces = 0;

	for (unsigned i = 0; i < nr; i++) {
		nr_pieces += r->held[i].nr_pieces;
		r->bytes -= r->held[i].bytes;
	}
	r->nr_held -= nr;
	r->nr_pieces -= nr_pieces;
	memmove(r->held, r->held + nr, r->nr_held * sizeof(r->held[0]));
	memmove(r->pieces, r->pieces + nr_pieces, r->nr_pieces * sizeof(r->pieces[0]));
}

static unsigned pieces_for_one(const struct net_pair *pair)
{
	return net_has(pair->net, VIRTIO_NET_F_MRG_RXBUF) ? pair->receive.nr_pieces
							  : pair->receive.held[0].nr_pieces;
}

/* Gives the chains back that the first `len` bytes lie in, which say how many they are. */
static void deliver(struct net_pair *pair, size_t len)
{
	struct vring_used_elem used[DEVICE_QUEUE_SIZE];
	struct net_receive *r = &pair->receive;
	const size_t at = offsetof(struct virtio_net_hdr_v1, num_buffers);
	size_t left = len;
	uint16_t nr = 0;

	while (left > 0 && nr < r->nr_held) {
		size_t part = min(left, (size_t)r->held[nr].bytes);

		used[nr].id = r->held[nr].head;
		used[nr].len = (uint32_t)part;
		left -= part;
		nr++;
	}
	iov_copy_in(r->pieces, r->nr_pieces, at, &nr, sizeof(nr));
	virtqueue_push_all(net_queue(pair, NET_QUEUE_RECEIVE), used, nr);
	forget(r, nr);
}

/* A driver that took GUEST_CSUM need not verify what never was on a wire (§5.1.6.4.1). */
static void mark_valid(struct net_pair *pair)
{
	struct virtio_net_hdr_v1 header;
	struct net_receive *r = &pair->receive;

	if (!net_has(pair->net, VIRTIO_NET_F_GUEST_CSUM) || !pair->backend->sums_are_good)
		return;
	iov_copy_out(r->pieces, r->nr_pieces, 0, &header, sizeof(header));
	header.flags |= VIRTIO_NET_HDR_F_DATA_VALID;
	iov_copy_in(r->pieces, r->nr_pieces, 0, &header, sizeof(header));
}

/* False: there is none, or no room for one. */
static bool receive_one(struct net_pair *pair)
{
	struct net_receive *r = &pair->receive;
	uint8_t head[HEAD_BYTES];
	unsigned nr;
	size_t got;
	ssize_t len;

	r->starved = !net_receive_is_ready(pair);
	if (r->starved)
		return false;
	nr = pieces_for_one(pair);
	len = pair->backend->ops->receive(pair->backend, r->pieces, nr);
	if (len < (ssize_t)(VIRTIO_NET_HEADER_BYTES + NET_FRAME_MIN))
		return false;
	got = iov_copy_out(r->pieces, nr, VIRTIO_NET_HEADER_BYTES, head,
			   min(sizeof(head), (size_t)len - VIRTIO_NET_HEADER_BYTES));
	if (!net_filter_wants(pair->net, head, got))
		return true; /* the buffers wait for the next */
	mark_valid(pair);
	capture_add(pair->net->capture, pair->net->idx, false,
		    &(struct capture_frame){ r->pieces, nr, (size_t)len });
	deliver(pair, (size_t)len);
	return true;
}

bool net_receive_serve(struct net_pair *pair)
{
	int nr = 0;

	while (nr < BURST && receive_one(pair))
		nr++;
	return nr > 0;
}

void net_receive_reset(struct net_pair *pair)
{
	memset(&pair->receive, 0, sizeof(pair->receive));
}
