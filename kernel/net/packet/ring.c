/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PACKET_RX_RING of TPACKET_V2 (packet(7)): frames go into memory that the program maps. The ring
 * is an object whose pages are held for as long as it is there; the kernel writes by its own
 * addresses. Each frame begins with a struct tpacket2_hdr: its status says whose it is.
 *
 *	TP_STATUS_KERNEL -> TP_STATUS_USER	a frame is in it
 *	TP_STATUS_USER -> TP_STATUS_KERNEL	the program has read it
 */
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/object/object.h"
#include "mm/vmspace.h"
#include "net/packet/socket.h"

#define RING_MAX (64u << 20) /* bytes */

struct packet_ring {
	struct vm_object *object;                                   /* [I] counted */
	struct page **pages;                                        /* [I] counted each */
	unsigned nr_pages;                                          /* [I] */
	uint32_t block_size, frame_size, nr_frames, frames_a_block; /* [I] */
	uint32_t head; /* [socket.lock] the frame that is filled next */
};

/* ---- memory ---- */

void packet_ring_free(struct packet_ring *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->nr_pages; i++)
		page_put(r->pages[i]);
	kmem_free(r->pages);
	if (r->object != NULL)
		object_put(r->object);
	kmem_free(r);
}

/* NULL = no memory. */
static struct packet_ring *ring_new(const struct tpacket_req *q)
{
	struct packet_ring *r = kmem_new(struct packet_ring);
	unsigned nr = (unsigned)((uint64_t)q->tp_block_size * q->tp_block_nr / PAGE_SIZE);

	if (r == NULL)
		return NULL;
	r->block_size = q->tp_block_size;
	r->frame_size = q->tp_frame_size;
	r->nr_frames = q->tp_frame_nr;
	r->frames_a_block = q->tp_block_size / q->tp_frame_size;
	r->object = object_new_anonymous();
	r->pages = kmem_new_array(struct page *, nr);
	if (r->object == NULL || r->pages == NULL)
		goto err;
	for (; r->nr_pages < nr; r->nr_pages++) {
		if (object_page(r->object, r->nr_pages, OBJECT_FOR_WRITE, &r->pages[r->nr_pages]) !=
		    0)
			goto err;
	}
	return r;
err:
	packet_ring_free(r);
	return NULL;
}

static void *at(const struct packet_ring *r, size_t offset)
{
	return (char *)page_to_ptr(r->pages[offset / PAGE_SIZE]) + offset % PAGE_SIZE;
}

static size_t frame_at(const struct packet_ring *r, uint32_t frame)
{
	return (size_t)(frame / r->frames_a_block) * r->block_size +
	       (size_t)(frame % r->frames_a_block) * r->frame_size;
}

/* Frames are aligned so that a status is in one page. */
static uint32_t *status_of(const struct packet_ring *r, uint32_t frame)
{
	return at(r, frame_at(r, frame));
}

/* ---- setting it up ---- */

static int check(const struct packet_socket *p, const struct tpacket_req *q)
{
	uint64_t size = (uint64_t)q->tp_block_size * q->tp_block_nr;

	if (p->version != TPACKET_V2) /* the others have not been made */
		return -EINVAL;
	if (q->tp_block_size == 0 || q->tp_block_size % PAGE_SIZE != 0 || size > RING_MAX)
		return -EINVAL;
	if (q->tp_frame_size < TPACKET2_HDRLEN + p->reserve ||
	    q->tp_frame_size % TPACKET_ALIGNMENT != 0 || q->tp_frame_size > q->tp_block_size)
		return -EINVAL;
	return (uint64_t)(q->tp_block_size / q->tp_frame_size) * q->tp_block_nr == q->tp_frame_nr
		       ? 0
		       : -EINVAL;
}

static bool is_mapped(struct packet_ring *r)
{
	return r != NULL && atomic_load(&r->object->ref.count) > 1;
}

int packet_ring_set(struct packet_socket *p, const struct tpacket_req *q)
{
	struct packet_ring *now = NULL, *was;
	int err = 0;

	scoped_mutex(&p->member_lock);
	if (is_mapped(p->ring))
		return -EBUSY;
	if (q->tp_block_nr != 0 && p->ring != NULL)
		return -EBUSY;
	if (q->tp_block_nr != 0)
		err = check(p, q);
	else if (q->tp_frame_nr != 0)
		err = -EINVAL;
	if (err != 0)
		return err;
	if (q->tp_block_nr != 0) {
		now = ring_new(q);
		if (now == NULL)
			return -ENOMEM;
	}
	spin_lock(&p->socket.lock);
	was = p->ring;
	p->ring = now;
	spin_unlock(&p->socket.lock);
	packet_ring_free(was);
	return 0;
}

/* How long the mapping is to be is not known here: behind the ring there is other memory. */
int packet_mmap(struct socket *s, struct vm_area *area)
{
	struct packet_socket *p = packet_of(s);

	scoped_mutex(&p->member_lock);
	if (p->ring == NULL || area->object_idx != 0)
		return -EINVAL;
	object_get(p->ring->object);
	area->object = p->ring->object;
	return 0;
}

/* ---- filling it ---- */

static void write(const struct packet_ring *r, size_t offset, const void *from, size_t len)
{
	while (len > 0) {
		size_t n = min(len, (size_t)PAGE_SIZE - offset % PAGE_SIZE);

		memcpy(at(r, offset), from, n);
		from = (const char *)from + n;
		offset += n;
		len -= n;
	}
}

static void write_bytes(const struct packet_ring *r, size_t offset, const struct netbuf *b,
			uint32_t len)
{
	for (uint32_t done = 0; done < len;) {
		uint32_t n = min(len - done, (uint32_t)(PAGE_SIZE - (offset + done) % PAGE_SIZE));

		netbuf_copy_out(b, done, at(r, offset + done), n);
		done += n;
	}
}

/* Where the bytes begin in a frame, and where their network header. */
static void place(const struct packet_socket *p, const struct packet_note *n, uint16_t *mac,
		  uint16_t *net)
{
	unsigned header = TPACKET2_HDRLEN, link = n->network;

	if (p->socket.type == SOCK_DGRAM)
		*net = (uint16_t)(TPACKET_ALIGN(header) + 16 + p->reserve);
	else
		*net = (uint16_t)(TPACKET_ALIGN(header + max(link, 16u)) + p->reserve);
	*mac = (uint16_t)(*net - link);
}

bool packet_ring_put(struct packet_socket *p, const struct netbuf *b)
{
	const struct packet_note *n = netbuf_notes(b, const struct packet_note);
	struct packet_ring *r = p->ring;
	size_t frame = frame_at(r, r->head);
	struct tpacket2_hdr h = { .tp_len = n->len,
				  .tp_sec = (uint32_t)(b->time_ns / NSEC_PER_SEC),
				  .tp_nsec = (uint32_t)(b->time_ns % NSEC_PER_SEC) };
	uint32_t status = TP_STATUS_USER | TP_STATUS_TS_SOFTWARE | n->status;

	if (atomic_load(status_of(r, r->head)) != TP_STATUS_KERNEL)
		return false;
	place(p, n, &h.tp_mac, &h.tp_net);
	h.tp_snaplen = h.tp_mac >= r->frame_size ? 0 : min(b->len, r->frame_size - h.tp_mac);
	write(r, frame, &h, sizeof(h));
	write(r, frame + TPACKET_ALIGN(sizeof(h)), &n->from, sizeof(n->from));
	write_bytes(r, frame + h.tp_mac, b, h.tp_snaplen);
	status |= p->nr_dropped > 0 ? TP_STATUS_LOSING : 0;
	atomic_store(status_of(r, r->head), status);
	r->head = (r->head + 1) % r->nr_frames;
	return true;
}

bool packet_ring_has_news(struct packet_socket *p)
{
	struct packet_ring *r = p->ring;

	return r != NULL &&
	       atomic_load(status_of(r, (r->head + r->nr_frames - 1) % r->nr_frames)) !=
		       TP_STATUS_KERNEL;
}
