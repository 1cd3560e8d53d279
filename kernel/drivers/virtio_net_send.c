/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending by the network device (virtio 1.2 §5.1.6.2). virtio's header is written in front of the
 * frame, into the netbuf's headroom, and the linear part and the parts are the pieces of one
 * request: nothing is copied. Completions cost no interrupt: the next transmission or any interrupt
 * collects them. They are asked for only when the ring is full (half of it done: the queue in front
 * of the ring goes on), and for a netbuf that somebody waits for. Sent netbufs are freed by
 * net_run(), with no lock held.
 */
#include "drivers/virtio_net.h"

#include <abi/virtio/net.h>
#include <linux/virtio_net.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/page.h"

static void free_sent(struct net_work *w)
{
	struct virtio_net_pair *v = container_of(w, struct virtio_net_pair, freeing);
	struct list sent = LIST_INIT(sent);

	spin_lock(&v->queue->lock);
	list_splice(&sent, &v->sent);
	spin_unlock(&v->queue->lock);
	netbuf_free_all(&sent);
}

/* Those that the device is done with. */
static void collect_locked(struct virtio_net_pair *v)
{
	struct netbuf *b;
	uint32_t len;

	if (!virtq_has_used(v->tx))
		return;
	while ((b = virtq_take(v->tx, &len)) != NULL) {
		v->nr_awaited -= netbuf_is_awaited(b);
		list_append(&v->sent, &b->link);
	}
	net_later(&v->freeing);
}

static uint8_t gso_type_of(const struct netbuf *b)
{
	switch (b->gso) {
	case NETBUF_GSO_TCP4:
		return VIRTIO_NET_HDR_GSO_TCPV4;
	case NETBUF_GSO_TCP6:
		return VIRTIO_NET_HDR_GSO_TCPV6;
	case NETBUF_GSO_UDP:
		return VIRTIO_NET_HEADER_GSO_UDP_L4;
	default:
		return VIRTIO_NET_HDR_GSO_NONE;
	}
}

/* §5.1.6.2. hdr_len is a hint: the headers are linear, whatever else is. */
static void write_header(struct netbuf *b, uint32_t len)
{
	struct virtio_net_hdr_v1 h = { .flags = 0 };

	if ((b->flags & NETBUF_SUM_WANTED) != 0) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = b->sum_start;
		h.csum_offset = b->sum_offset;
	}
	if (b->gso_size > 0) {
		h.gso_type = gso_type_of(b);
		h.gso_size = b->gso_size;
		h.hdr_len = (uint16_t)b->head_len;
	}
	memcpy(netbuf_push(b, len), &h, len);
}

static int add_frame(struct virtio_net_pair *v, struct netbuf *b)
{
	struct virtq_piece pieces[1 + NETBUF_PARTS_MAX];
	struct virtq_request r = { .out = pieces, .nr_out = 1, .cookie = b };

	pieces[0] = (struct virtq_piece){ b->data, b->head_len };
	for (unsigned i = 0; i < b->nr_parts; i++) {
		const struct netbuf_part *part = &b->parts[i];

		pieces[r.nr_out++] = (struct virtq_piece){
			(char *)page_to_ptr(part->page) + part->offset,
			part->len,
		};
	}
	return virtq_add(v->tx, &r);
}

/* Again when half of what is in flight is done. False: it is done already. */
static bool wait_for_room_locked(struct virtio_net_pair *v)
{
	unsigned half = max(virtq_in_flight(v->tx) / 2, 1u);

	v->is_full = !virtq_arm_after(v->tx, half);
	return v->is_full;
}

/* It cannot be sent, now or later. */
static int lose(struct virtio_net_pair *v, struct netbuf *b)
{
	(void)atomic_add(&v->queue->dev->stats.tx_errors, 1);
	list_append(&v->sent, &b->link);
	net_later(&v->freeing);
	return 0;
}

static struct virtio_net_pair *of_queue(struct netdev_queue *q)
{
	return &virtio_net_of(q->dev)->pairs[q->idx];
}

int virtio_net_transmit(struct netdev_queue *q, struct netbuf *b)
{
	struct virtio_net_pair *v = of_queue(q);
	uint32_t header = v->net->header_bytes;
	int err;

	collect_locked(v);
	if (b->data - b->room < (ptrdiff_t)header)
		return lose(v, b);
	write_header(b, header);
	while ((err = add_frame(v, b)) == -ENOSPC) {
		if (wait_for_room_locked(v)) {
			netbuf_pull(b, header);
			return -ENOSPC;
		}
		collect_locked(v);
	}
	if (err != 0)
		return lose(v, b);
	v->nr_awaited += netbuf_is_awaited(b);
	return 0;
}

void virtio_net_kick(struct netdev_queue *q)
{
	struct virtio_net_pair *v = of_queue(q);

	virtq_kick(v->tx);
	if (v->nr_awaited > 0 && !v->is_full &&
	    virtq_arm_after(v->tx, max(virtq_in_flight(v->tx), 1u)))
		collect_locked(v);
}

/* True: the stack may go on. */
static bool collect_all(struct virtio_net_pair *v)
{
	bool was_full;

	scoped_spin(&v->queue->lock);
	was_full = v->is_full;
	collect_locked(v);
	if (!was_full && v->nr_awaited > 0 &&
	    virtq_arm_after(v->tx, max(virtq_in_flight(v->tx), 1u)))
		collect_locked(v);
	v->is_full = false;
	return was_full;
}

void virtio_net_end_transmissions(struct virtio_net_pair *v)
{
	if (collect_all(v))
		netdev_tx_ready(v->queue);
}

void virtio_net_send_init(struct virtio_net_pair *v)
{
	list_init(&v->sent);
	net_work_init(&v->freeing, free_sent);
}
