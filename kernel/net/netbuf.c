/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netbufs: memory, and moving over bytes that lie in one linear part and several pages. netbuf.h
 * has the theory. A page that netbuf_fill made may be a block of several; its first page's `order`
 * says so, and the count is kept there.
 */
#include "net/netbuf.h"

#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "net/wire/checksum.h"

#define BLOCK_ORDER 3u /* 32 KiB: two make the largest segment */

/* ---- pages ---- */

void netbuf_page_get(struct page *p)
{
	page_get(p);
}

void netbuf_page_put(struct page *p)
{
	if (p->order == 0 || (p->flags & PAGE_HUGE) != 0)
		page_put(p);
	else if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		page_free(p, p->order);
}

static uint8_t *part_bytes(const struct netbuf_part *part)
{
	return (uint8_t *)page_to_ptr(part->page) + part->offset;
}

static uint32_t block_bytes(const struct page *p)
{
	return PAGE_SIZE << p->order;
}

/* ---- pages that are lent ---- */

static struct netbuf_loan *loan_get(struct netbuf_loan *l)
{
	if (l != NULL)
		ref_get(&l->ref);
	return l;
}

void netbuf_loan_put(struct netbuf_loan *l)
{
	if (l != NULL && ref_put(&l->ref))
		l->done(l);
}

void netbuf_lend(struct netbuf *b, struct netbuf_loan *l)
{
	b->loan = loan_get(l);
}

/* ---- birth and death ---- */

struct netbuf *netbuf_new(unsigned linear)
{
	uint32_t room = NETBUF_HEADROOM + linear;
	struct netbuf *b = kmem_alloc_nowait(sizeof(*b) + room);

	if (b == NULL)
		return NULL;
	list_init(&b->link);
	b->data = b->room + NETBUF_HEADROOM;
	b->room_len = room;
	b->charge = (uint32_t)kmem_size(b);
	return b;
}

static void drop_parts(struct netbuf *b)
{
	for (unsigned i = 0; i < b->nr_parts; i++)
		netbuf_page_put(b->parts[i].page);
	b->nr_parts = 0;
}

void netbuf_orphan(struct netbuf *b)
{
	if (b->on_free != NULL)
		b->on_free(b);
	b->on_free = NULL;
}

void netbuf_free(struct netbuf *b)
{
	if (b == NULL)
		return;
	netbuf_orphan(b);
	drop_parts(b);
	netbuf_loan_put(b->loan);
	kmem_free(b);
}

void netbuf_free_all(struct list *l)
{
	while (!list_is_empty(l)) {
		struct netbuf *b = list_first(l, struct netbuf, link);

		list_remove(&b->link);
		netbuf_free(b);
	}
}

/* ---- both ends ---- */

void *netbuf_push(struct netbuf *b, unsigned n)
{
	assert(b->data - b->room >= (ptrdiff_t)n);
	b->data -= n;
	b->head_len += n;
	b->len += n;
	return b->data;
}

static uint32_t linear_room(const struct netbuf *b)
{
	return b->room_len - (uint32_t)(b->data - b->room) - b->head_len;
}

void *netbuf_put(struct netbuf *b, unsigned n)
{
	uint8_t *at = b->data + b->head_len;

	assert(b->nr_parts == 0 && linear_room(b) >= n);
	b->head_len += n;
	b->len += n;
	return at;
}

static void remove_first_parts(struct netbuf *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		netbuf_page_put(b->parts[i].page);
	b->nr_parts = (uint8_t)(b->nr_parts - n);
	memmove(b->parts, b->parts + n, b->nr_parts * sizeof(b->parts[0]));
}

/* n bytes of the parts' go; there are as many. */
static void pull_parts(struct netbuf *b, uint32_t n)
{
	unsigned i = 0;

	while (n > 0 && n >= b->parts[i].len)
		n -= b->parts[i++].len;
	if (n > 0) {
		b->parts[i].offset += n;
		b->parts[i].len -= n;
	}
	if (i > 0)
		remove_first_parts(b, i);
}

void netbuf_pull(struct netbuf *b, uint32_t n)
{
	uint32_t linear = min(n, b->head_len);

	assert(n <= b->len);
	b->data += linear;
	b->head_len -= linear;
	b->len -= n;
	if (n > linear)
		pull_parts(b, n - linear);
}

/* Moves the linear bytes to where `more` of them fit behind. */
static bool make_linear_room(struct netbuf *b, uint32_t more)
{
	uint32_t spare = (uint32_t)(b->data - b->room);

	if (linear_room(b) >= more)
		return true;
	if (linear_room(b) + spare < more)
		return false;
	/* What was pulled is still to be found by network and transport: they move along. */
	spare = more - linear_room(b);
	if (b->network < spare || b->transport < spare)
		b->network = b->transport = (uint16_t)spare;
	memmove(b->room, b->room + spare, b->room_len - spare - linear_room(b));
	b->network = (uint16_t)(b->network - spare);
	b->transport = (uint16_t)(b->transport - spare);
	b->data -= spare;
	return true;
}

void *netbuf_need(struct netbuf *b, uint32_t n)
{
	uint32_t more;

	if (n <= b->head_len)
		return b->data;
	more = n - b->head_len;
	if (n > b->len || n > NETBUF_LINEAR_MAX || !make_linear_room(b, more))
		return NULL;
	netbuf_copy_out(b, b->head_len, b->data + b->head_len, more);
	pull_parts(b, more);
	b->head_len = n;
	return b->data;
}

void netbuf_trim(struct netbuf *b, uint32_t len)
{
	uint32_t left;
	unsigned i = 0;

	if (len >= b->len)
		return;
	b->len = len;
	b->tail_room = 0;
	b->head_len = min(b->head_len, len);
	left = len - b->head_len;
	for (; i < b->nr_parts && left > 0; i++) {
		b->parts[i].len = min(b->parts[i].len, left);
		left -= b->parts[i].len;
	}
	while (b->nr_parts > i)
		netbuf_page_put(b->parts[--b->nr_parts].page);
}

/* ---- parts ---- */

bool netbuf_add_page(struct netbuf *b, struct page *p, uint32_t offset, uint32_t len)
{
	if (b->nr_parts == NETBUF_PARTS_MAX)
		return false;
	b->parts[b->nr_parts++] = (struct netbuf_part){ p, offset, len };
	b->len += len;
	b->tail_room = 0;
	b->charge += block_bytes(p);
	return true;
}

static bool continues(const struct netbuf_part *a, const struct netbuf_part *b)
{
	return a->page == b->page && a->offset + a->len == b->offset;
}

/* Its bytes are all in parts, or there are none. */
static void take_parts(struct netbuf *b, struct netbuf *more)
{
	for (unsigned i = 0; i < more->nr_parts; i++) {
		struct netbuf_part *part = &more->parts[i];

		if (b->nr_parts > 0 && continues(&b->parts[b->nr_parts - 1], part)) {
			b->parts[b->nr_parts - 1].len += part->len;
			netbuf_page_put(part->page);
		} else {
			b->parts[b->nr_parts++] = *part;
		}
	}
	more->nr_parts = 0;
}

bool netbuf_join(struct netbuf *b, struct netbuf *more)
{
	uint32_t linear = more->head_len, was = b->len;

	if (b->nr_parts + more->nr_parts + (linear > 0) > NETBUF_PARTS_MAX || b->loan != more->loan)
		return false;
	if (linear > 0 && netbuf_append(b, more->data, linear) != 0) {
		netbuf_trim(b, was);
		return false;
	}
	take_parts(b, more);
	b->len += more->len - linear;
	b->charge += more->charge - (uint32_t)kmem_size(more);
	if (more->len > linear)
		b->tail_room = more->tail_room;
	netbuf_free(more);
	return true;
}

/* The parts' bytes from `offset` on, counted once more. Only these are charged: the block is, as a
 * whole, to whoever it was made for, and slices of one often wait in one queue. */
static void share_parts(struct netbuf *to, const struct netbuf *from, uint32_t offset, uint32_t len)
{
	for (unsigned i = 0; i < from->nr_parts && len > 0; i++) {
		struct netbuf_part part = from->parts[i];
		uint32_t skip = min(offset, part.len);

		offset -= skip;
		part.offset += skip;
		part.len = min(part.len - skip, len);
		if (part.len == 0)
			continue;
		len -= part.len;
		netbuf_page_get(part.page);
		to->parts[to->nr_parts++] = part;
		to->len += part.len;
		to->charge += part.len;
	}
}

struct netbuf *netbuf_slice(const struct netbuf *b, uint32_t offset, uint32_t len)
{
	uint32_t linear = offset < b->head_len ? min(len, b->head_len - offset) : 0;
	struct netbuf *s = netbuf_new(linear);

	assert(offset + len <= b->len);
	if (s == NULL)
		return NULL;
	if (linear > 0)
		memcpy(netbuf_put(s, linear), b->data + offset, linear);
	share_parts(s, b, offset + linear - b->head_len, len - linear);
	s->loan = loan_get(b->loan);
	return s;
}

struct netbuf *netbuf_clone(const struct netbuf *b)
{
	struct netbuf *c = kmem_alloc_nowait(sizeof(*b) + b->room_len);

	if (c == NULL)
		return NULL;
	memcpy(c, b, sizeof(*b) + b->room_len);
	list_init(&c->link);
	c->data = c->room + (b->data - b->room);
	c->on_free = NULL;
	c->tail_room = 0;
	for (unsigned i = 0; i < c->nr_parts; i++)
		netbuf_page_get(c->parts[i].page);
	(void)loan_get(c->loan);
	if (netbuf_own(c) == 0)
		return c;
	netbuf_free(c);
	return NULL;
}

static struct netbuf *copy_linear(const struct netbuf *b)
{
	uint32_t pulled = (uint32_t)(b->data - b->room), room = pulled + b->len;
	struct netbuf *new = kmem_alloc_nowait(sizeof(*b) + room);

	if (new == NULL)
		return NULL;
	memcpy(new, b, sizeof(*b) + pulled);
	list_init(&new->link);
	new->data = new->room + pulled;
	netbuf_copy_out(b, 0, new->data, b->len);
	new->head_len = b->len;
	new->room_len = room;
	new->nr_parts = 0;
	new->tail_room = 0;
	new->loan = NULL;
	new->charge = (uint32_t)kmem_size(new);
	return new;
}

struct netbuf *netbuf_linear(struct netbuf *b)
{
	struct netbuf *new;

	if (b->head_len == b->len)
		return b;
	new = b->len <= NETBUF_LINEAR_MAX ? copy_linear(b) : NULL;
	if (new != NULL)
		b->on_free = NULL; /* it is the new one's */
	netbuf_free(b);
	return new;
}

/* ---- bytes in ---- */

/* A block for `len` bytes or some of them; smaller ones when memory is in pieces. NULL = none. */
static struct page *new_block(uint32_t len, unsigned flags)
{
	unsigned order = 0;
	struct page *p;

	while (order < BLOCK_ORDER && (PAGE_SIZE << order) < len)
		order++;
	p = page_alloc(order, flags | PAGE_ALLOC_NOWAIT);
	return p == NULL ? page_alloc(0, flags) : p;
}

/* Room for at most len bytes at the end: where it is and how much, or NULL. */
static uint8_t *extend(struct netbuf *b, uint32_t *len, unsigned flags)
{
	struct page *p;
	uint32_t n;

	if (b->nr_parts == 0 && linear_room(b) > 0) {
		*len = min(*len, linear_room(b));
		return netbuf_put(b, *len);
	}
	if (b->tail_room == 0) {
		p = b->nr_parts == NETBUF_PARTS_MAX ? NULL : new_block(*len, flags);
		if (p == NULL || !netbuf_add_page(b, p, 0, 0))
			return NULL;
		b->tail_room = block_bytes(p);
	}
	n = min(*len, b->tail_room);
	*len = n;
	b->parts[b->nr_parts - 1].len += n;
	b->tail_room -= n;
	b->len += n;
	return part_bytes(&b->parts[b->nr_parts - 1]) + b->parts[b->nr_parts - 1].len - n;
}

/* The uio's own pages, which are kept: how many bytes of them there were. */
static uint32_t share_pages(struct netbuf *b, struct uio *u, uint32_t len)
{
	uint32_t done = 0;
	size_t n, offset;
	struct page *p;

	while (done < len && b->nr_parts < NETBUF_PARTS_MAX) {
		n = uio_take_page(u, len - done, &p, &offset);
		if (n == 0)
			break;
		IGNORE_RESULT(netbuf_add_page(b, p, (uint32_t)offset, (uint32_t)n)); /* room is */
		done += (uint32_t)n;
	}
	return done;
}

int netbuf_fill(struct netbuf *b, struct uio *u, uint32_t len)
{
	if (b->nr_parts > 0 || linear_room(b) == 0)
		len -= share_pages(b, u, len);
	while (len > 0) {
		uint32_t n = len, was = b->len;
		uint8_t *to = extend(b, &n, 0);

		if (to == NULL)
			return -ENOBUFS;
		if (uio_copy_from(u, to, n) != n) {
			netbuf_trim(b, was);
			return -EFAULT;
		}
		len -= n;
	}
	return 0;
}

int netbuf_append(struct netbuf *b, const void *from, uint32_t len)
{
	const uint8_t *bytes = from;

	for (uint32_t at = 0, n; at < len; at += n) {
		uint8_t *to;

		n = len - at;
		to = extend(b, &n, PAGE_ALLOC_NOWAIT);
		if (to == NULL)
			return -ENOBUFS;
		memcpy(to, bytes + at, n);
	}
	return 0;
}

/* ---- bytes out ---- */

/* A stretch of bytes in one piece. */
struct stretch {
	const uint8_t *at;
	uint32_t len;
};

/* The one at `offset`, of at most `most` bytes; there are as many. */
static struct stretch stretch_at(const struct netbuf *b, uint32_t offset, uint32_t most)
{
	unsigned i = 0;

	if (offset < b->head_len)
		return (struct stretch){ b->data + offset, min(most, b->head_len - offset) };
	offset -= b->head_len;
	for (; offset >= b->parts[i].len; i++)
		offset -= b->parts[i].len;
	return (struct stretch){ part_bytes(&b->parts[i]) + offset,
				 min(most, b->parts[i].len - offset) };
}

uint32_t netbuf_read(const struct netbuf *b, uint32_t offset, struct uio *u, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		struct stretch s = stretch_at(b, offset + done, len - done);
		size_t got = uio_copy_to(u, s.at, s.len);

		done += (uint32_t)got;
		if (got < s.len)
			break;
	}
	return done;
}

void netbuf_copy_out(const struct netbuf *b, uint32_t offset, void *to, uint32_t len)
{
	uint8_t *bytes = to;

	for (uint32_t done = 0; done < len;) {
		struct stretch s = stretch_at(b, offset + done, len - done);

		memcpy(bytes + done, s.at, s.len);
		done += s.len;
	}
}

int netbuf_append_netbuf(struct netbuf *b, struct netbuf *more)
{
	uint32_t was = b->len;

	for (uint32_t done = 0; done < more->len;) {
		struct stretch s = stretch_at(more, done, more->len - done);

		if (netbuf_append(b, s.at, s.len) != 0) {
			netbuf_trim(b, was);
			return -ENOBUFS;
		}
		done += s.len;
	}
	netbuf_free(more);
	return 0;
}

/* All bytes of b's parts, behind to's. */
static int copy_parts(struct netbuf *to, const struct netbuf *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->nr_parts && err == 0; i++)
		err = netbuf_append(to, part_bytes(&b->parts[i]), b->parts[i].len);
	return err;
}

/* The charge of one with an on_free is told to its owner: it stays. */
int netbuf_own(struct netbuf *b)
{
	struct netbuf *own;

	if (b->loan == NULL)
		return 0;
	own = netbuf_new(0);
	if (own == NULL || copy_parts(own, b) != 0) {
		netbuf_free(own);
		return -ENOBUFS;
	}
	drop_parts(b);
	memcpy(b->parts, own->parts, own->nr_parts * sizeof(own->parts[0]));
	b->nr_parts = own->nr_parts;
	if (b->on_free == NULL)
		b->charge = (uint32_t)kmem_size(b) + own->charge - (uint32_t)kmem_size(own);
	own->nr_parts = 0;
	netbuf_free(own);
	atomic_store(&b->loan->copied, true);
	netbuf_loan_put(b->loan);
	b->loan = NULL;
	return 0;
}

uint64_t netbuf_sum(const struct netbuf *b, uint32_t offset, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t done = 0; done < len;) {
		struct stretch s = stretch_at(b, offset + done, len - done);

		if ((done & 1) == 0)
			sum = checksum_add(sum, s.at, s.len);
		else
			sum = checksum_add_odd(sum, checksum_add(0, s.at, s.len));
		done += s.len;
	}
	return sum;
}

int netbuf_sum_finish(struct netbuf *b)
{
	uint32_t field = (uint32_t)b->sum_start + b->sum_offset;
	struct be16 sum;

	if ((b->flags & NETBUF_SUM_WANTED) == 0)
		return 0;
	if (field + sizeof(sum) > b->head_len)
		return -ENOBUFS;
	sum = checksum_finish(netbuf_sum(b, b->sum_start, b->len - b->sum_start));
	/* 0 means "none" to UDP (RFC 768); its other form is as good for TCP. */
	if (be16_get(sum) == 0)
		sum = be16_of(0xffff);
	memcpy(b->data + field, &sum, sizeof(sum));
	b->flags &= (uint16_t)~NETBUF_SUM_WANTED;
	return 0;
}
