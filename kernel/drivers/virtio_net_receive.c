/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving by the network device. The ring is full of pages; a large frame comes in several
 * (VIRTIO_NET_F_MRG_RXBUF, virtio 1.2 §5.1.6.4). The first bytes of a frame are copied into the
 * netbuf's linear part, where the headers are read; the rest stays where it is. A frame of
 * Ethernet's usual length is copied whole and its page used again: so its memory is less than twice
 * its payload, which TCP's windows count on (a buffer of 128 KiB offers 64), and segments that are
 * merged lie close.
 *
 * The interrupt handler hands a burst to the stack by itself, up to BURSTS times; what is left then
 * is the pair's thread's, so that a flood does not keep a CPU in its handler. One of the two
 * receives at a time, so that frames keep their order. The thread also waits for memory when pages
 * are short.
 */
#include "drivers/virtio_net.h"

#include <abi/virtio/net.h>
#include <linux/in.h>
#include <linux/virtio_net.h>

#include "arch/mmu.h"
#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/page.h"
#include "net/wire/ip.h"

#define BURSTS     4u
#define COPY_WHOLE 1600u /* a shorter frame gives its page back: see above */
#define COPY_HEAD  128u  /* link, IPv6 and TCP with options */

static int offer_page(struct virtio_net_pair *v, struct page *p)
{
	struct virtq_piece piece = { page_to_ptr(p), PAGE_SIZE };
	const struct virtq_request r = { .in = &piece, .nr_in = 1, .cookie = p };

	return virtq_add(v->rx, &r);
}

/* Pages until the ring holds what it should. False: there is no memory for one. */
static bool refill_locked(struct virtio_net_pair *v)
{
	while (virtq_in_flight(v->rx) < v->net->nr_buffers) {
		struct page *p = page_alloc(0, PAGE_ALLOC_NOWAIT);

		if (p == NULL)
			return false;
		if (offer_page(v, p) != 0) {
			page_put(p);
			break;
		}
	}
	virtq_kick(v->rx);
	return true;
}

struct incoming { /* a frame that is being put together */
	struct page *page;
	uint32_t len; /* of bytes in the page, virtio's header included */
	struct virtio_net_hdr_v1 header;
	unsigned nr_more; /* pages that follow it */
};

static bool take_first(struct virtio_net_pair *v, struct incoming *in)
{
	in->page = virtq_take(v->rx, &in->len);
	if (in->page == NULL)
		return false;
	in->len = min(in->len, (uint32_t)PAGE_SIZE);
	memcpy(&in->header, page_to_ptr(in->page), sizeof(in->header));
	in->nr_more = v->net->is_merged ? max(in->header.num_buffers, (uint16_t)1) - 1u : 0;
	return true;
}

/* Its further pages go back to the ring, or to where they came from. */
static void skip_pages(struct virtio_net_pair *v, unsigned nr)
{
	uint32_t len;
	struct page *p;

	while (nr-- > 0 && (p = virtq_take(v->rx, &len)) != NULL)
		if (offer_page(v, p) != 0)
			page_put(p);
}

/* What of the first page is not linear, and the pages after it. */
static bool add_pages(struct virtio_net_pair *v, struct netbuf *b, struct incoming *in, uint32_t at)
{
	uint32_t len;

	if (in->len > at) {
		if (!netbuf_add_page(b, in->page, at, in->len - at))
			return false;
	} else if (offer_page(v, in->page) != 0) {
		page_put(in->page);
	}
	in->page = NULL;
	while (in->nr_more > 0) {
		struct page *p = virtq_take(v->rx, &len);

		in->nr_more--;
		if (p == NULL)
			return false;
		if (!netbuf_add_page(b, p, 0, min(len, (uint32_t)PAGE_SIZE))) {
			page_put(p);
			return false;
		}
	}
	return true;
}

/* §5.1.6.4. False: it says what cannot be. */
static bool read_offloads(struct netbuf *b, const struct virtio_net_hdr_v1 *h)
{
	static const uint8_t types[] = {
		[VIRTIO_NET_HDR_GSO_TCPV4] = NETBUF_GSO_TCP4,
		[VIRTIO_NET_HDR_GSO_TCPV6] = NETBUF_GSO_TCP6,
		[VIRTIO_NET_HEADER_GSO_UDP_L4] = NETBUF_GSO_UDP,
	};
	unsigned type = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;

	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
		if ((uint32_t)h->csum_start + h->csum_offset + 2 > b->len)
			return false;
		b->flags |= NETBUF_SUM_WANTED;
		b->sum_start = h->csum_start;
		b->sum_offset = h->csum_offset;
	} else if ((h->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
		b->flags |= NETBUF_SUM_GOOD;
	}
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (type >= ARRAY_SIZE(types) || types[type] == NETBUF_GSO_NONE || h->gso_size == 0)
		return false;
	b->gso = types[type];
	b->gso_size = h->gso_size;
	return true;
}

/* How much of a large frame is linear: of TCP the headers alone, so that the payloads of segments
 * are put together by their pages (RFC 9293 §3.1). */
static uint32_t linear_len(const uint8_t *frame)
{
	const struct ethernet_header *e = (const void *)frame;
	const struct ip4_header *ip4 = (const void *)(e + 1);
	const struct ip6_header *ip6 = (const void *)(e + 1);
	uint32_t at = sizeof(*e), protocol;
	const struct tcp_header *t;

	switch (be16_get(e->type)) {
	case ETHERNET_IP4:
		protocol = ip4->protocol;
		at += (ip4->version_words & 15u) * 4;
		break;
	case ETHERNET_IP6:
		protocol = ip6->next_header;
		at += (uint32_t)sizeof(*ip6);
		break;
	default:
		return COPY_HEAD;
	}
	t = (const void *)(frame + at);
	return protocol == IPPROTO_TCP ? at + (t->words >> 4) * 4u : COPY_HEAD;
}

/* The frame as a netbuf; NULL: it is lost, and its pages are not. */
static struct netbuf *make_netbuf(struct virtio_net_pair *v, struct incoming *in)
{
	const uint32_t head = v->net->header_bytes;
	const uint8_t *frame = (const uint8_t *)page_to_ptr(in->page) + head;
	uint32_t bytes = in->len > head ? in->len - head : 0;
	uint32_t linear = bytes <= COPY_WHOLE ? bytes : linear_len(frame);
	struct netbuf *b = bytes > 0 ? netbuf_new(linear) : NULL;

	if (b == NULL) {
		skip_pages(v, in->nr_more);
		if (offer_page(v, in->page) != 0)
			page_put(in->page);
		return NULL;
	}
	memcpy(netbuf_put(b, linear), frame, linear);
	if (add_pages(v, b, in, head + linear) && read_offloads(b, &in->header))
		return b;
	if (in->page != NULL)
		page_put(in->page);
	skip_pages(v, in->nr_more);
	netbuf_free(b);
	return NULL;
}

/* Up to NETDEV_BURST frames. False: the ring could not be filled up again. */
static bool take_burst_locked(struct virtio_net_pair *v, struct list *burst, unsigned *nr)
{
	struct netdev_queue *q = v->queue;
	struct incoming in;
	uint64_t bytes = 0;

	for (*nr = 0; *nr < NETDEV_BURST && take_first(v, &in); ++*nr) {
		struct netbuf *b = make_netbuf(v, &in);

		if (b != NULL) {
			list_append(burst, &b->link);
			bytes += b->len;
		} else {
			(void)atomic_add(&v->net->dev.stats.rx_dropped, 1);
		}
	}
	WRITE_ONCE(q->rx_packets, q->rx_packets + *nr);
	WRITE_ONCE(q->rx_bytes, q->rx_bytes + bytes);
	return refill_locked(v);
}

enum receive_state { RECEIVE_DONE, RECEIVE_MORE, RECEIVE_NO_MEMORY };

/* One burst, for who set is_receiving; it is given up when nothing is left. */
static enum receive_state receive_burst(struct virtio_net_pair *v)
{
	struct list burst = LIST_INIT(burst);
	enum receive_state state = RECEIVE_MORE;
	unsigned nr;

	spin_lock(&v->rx_lock);
	if (!take_burst_locked(v, &burst, &nr) && virtq_is_empty(v->rx))
		state = RECEIVE_NO_MEMORY; /* nothing can come, and no interrupt either */
	else if (nr == 0 && !virtq_arm(v->rx))
		state = RECEIVE_DONE;
	v->is_receiving = state != RECEIVE_DONE;
	spin_unlock(&v->rx_lock);
	if (nr > 0)
		netdev_receive(&v->net->dev, &burst);
	return state;
}

static bool begin_receiving(struct virtio_net_pair *v)
{
	bool was;

	scoped_spin(&v->rx_lock);
	was = v->is_receiving;
	v->is_receiving = true;
	return !was;
}

/* It has is_receiving from now on. */
static void leave_to_thread(struct virtio_net_pair *v)
{
	atomic_store(&v->thread_has_work, true);
	waitq_wake_all(&v->rx_waitq, 0);
}

void virtio_net_receive(struct virtio_net_pair *v)
{
	if (!begin_receiving(v))
		return;
	for (unsigned i = 0; i < BURSTS; i++) {
		enum receive_state state = receive_burst(v);

		if (state == RECEIVE_DONE)
			return;
		if (state == RECEIVE_NO_MEMORY)
			break;
	}
	leave_to_thread(v);
}

/* A page by waiting for one. */
static void wait_for_memory(struct virtio_net_pair *v)
{
	struct page *p = page_alloc(0, 0);
	int err;

	if (p == NULL) {
		thread_sleep_until(clock_monotonic() + 10 * 1000 * 1000);
		return;
	}
	spin_lock(&v->rx_lock);
	err = offer_page(v, p);
	spin_unlock(&v->rx_lock);
	if (err != 0)
		page_put(p);
}

static void receive_thread(void *arg)
{
	struct virtio_net_pair *v = arg;

	for (;;) {
		enum receive_state state = RECEIVE_MORE;

		(void)wait_event(&v->rx_waitq, atomic_load(&v->thread_has_work),
				 WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		atomic_store(&v->thread_has_work, false);
		while (state != RECEIVE_DONE) {
			state = receive_burst(v);
			if (state == RECEIVE_NO_MEMORY)
				wait_for_memory(v);
		}
	}
}

void virtio_net_receive_begin(struct virtio_net_pair *v)
{
	bool more;

	spin_lock(&v->rx_lock);
	if (v->is_begun) {
		spin_unlock(&v->rx_lock);
		return;
	}
	v->is_begun = true;
	more = !refill_locked(v) || virtq_arm(v->rx);
	more = more && !v->is_receiving;
	v->is_receiving |= more;
	spin_unlock(&v->rx_lock);
	if (more)
		leave_to_thread(v);
}

int virtio_net_receive_init(struct virtio_net_pair *v)
{
	struct thread *t;

	waitq_init(&v->rx_waitq);
	t = thread_new("net receive", receive_thread, v);
	if (t == NULL)
		return -ENOMEM;
	thread_start(t);
	return 0;
}
