/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets: their memory and the bytes in it. packet.h has the theory. */
#include "net/socket/packet.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define INLINE_MAX  1024u
#define BLOCK_ORDER 3u /* 32 KiB */
#define TAIL_STEP   16u

struct block {
	struct page *page;
	unsigned order;
};

static struct block *blocks_of(const struct packet *p)
{
	return (struct block *)((char *)p + p->tail);
}

static unsigned order_for(size_t len, unsigned most)
{
	unsigned order = 0;

	while (order < most && (PAGE_SIZE << order) < len)
		order++;
	return order;
}

static void free_blocks(struct packet *p)
{
	for (unsigned i = 0; i < p->nr_blocks; i++)
		page_free(blocks_of(p)[i].page, blocks_of(p)[i].order);
}

/* With blocks of at most this order. NULL = no memory. */
static struct packet *new_in_blocks(size_t tail, size_t len, unsigned most)
{
	unsigned order = order_for(len, most);
	size_t size = PAGE_SIZE << order, nr = (len + size - 1) / size;
	struct packet *p = kmem_alloc(tail + nr * sizeof(struct block));

	if (p == NULL)
		return NULL;
	p->tail = (unsigned)tail;
	p->block_order = order;
	p->charge = kmem_size(p);
	for (size_t at = 0; at < len; at += size, p->nr_blocks++) {
		struct block *b = &blocks_of(p)[p->nr_blocks];

		b->order = order_for(len - at, order);
		b->page = page_alloc(b->order, 0);
		if (b->page == NULL) {
			packet_free(p);
			return NULL;
		}
		p->charge += PAGE_SIZE << b->order;
	}
	return p;
}

struct packet *packet_new(size_t size, size_t len)
{
	size_t tail = align_up(size, TAIL_STEP);
	struct packet *p;

	if (len <= INLINE_MAX) {
		p = kmem_alloc(tail + len);
		if (p != NULL) {
			p->tail = (unsigned)tail;
			p->charge = kmem_size(p);
		}
	} else {
		p = new_in_blocks(tail, len, BLOCK_ORDER);
		if (p == NULL)
			p = new_in_blocks(tail, len, 0);
	}
	if (p == NULL)
		return NULL;
	list_init(&p->link);
	p->len = len;
	return p;
}

void packet_free(struct packet *p)
{
	free_blocks(p);
	kmem_free(p);
}

/* Where the byte at `offset` is, and how many follow it there. */
static char *part_at(const struct packet *p, size_t offset, size_t *len)
{
	unsigned shift = PAGE_SHIFT + p->block_order;
	size_t within;

	if (p->nr_blocks == 0) {
		*len = p->len - offset;
		return (char *)p + p->tail + offset;
	}
	within = offset & ((1ul << shift) - 1);
	*len = min(p->len - offset, (1ul << shift) - within);
	return (char *)page_to_ptr(blocks_of(p)[offset >> shift].page) + within;
}

int packet_fill(struct packet *p, struct uio *u)
{
	for (size_t at = 0, n; at < p->len; at += n) {
		char *part = part_at(p, at, &n);

		if (uio_copy_from(u, part, n) != n)
			return -EFAULT;
	}
	return 0;
}

size_t packet_read(const struct packet *p, size_t offset, struct uio *u, size_t len)
{
	size_t done = 0, n, got;

	while (done < len) {
		char *part = part_at(p, offset + done, &n);

		n = min(n, len - done);
		got = uio_copy_to(u, part, n);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

void packet_copy(struct packet *to, const struct packet *from)
{
	size_t room, n;

	for (size_t at = 0; at < from->len; at += n) {
		char *dst = part_at(to, at, &room), *src = part_at(from, at, &n);

		n = min(n, room);
		memcpy(dst, src, n);
	}
}
