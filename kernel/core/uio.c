/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving bytes in and out of a list of buffers. `offset` is always below vecs[0].len, or there is
 * nothing left: advance() steps over what is used up and over empty vectors.
 */
#include "core/uio.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

enum direction { TO, FROM, ZERO };

static void advance(struct uio *u, size_t len)
{
	u->offset += len;
	u->left -= len;
	while (u->nr_vecs > 0 && u->offset >= u->vecs->len) {
		u->offset -= u->vecs->len;
		u->vecs++;
		u->nr_vecs--;
		u->pages += u->pages != NULL;
	}
}

void uio_init_vecs(struct uio *u, struct uio_vec *vecs, unsigned nr, bool user)
{
	*u = (struct uio){ .vecs = vecs, .nr_vecs = nr, .user = user };
	for (unsigned i = 0; i < nr; i++)
		u->left += vecs[i].len;
	advance(u, 0);
}

static void init_single(struct uio *u, struct uio_vec vec, bool user)
{
	*u = (struct uio){ .nr_vecs = 1, .left = vec.len, .user = user, .single = vec };
	u->vecs = &u->single;
	advance(u, 0);
}

void uio_init_user(struct uio *u, uaddr_t base, size_t len)
{
	init_single(u, (struct uio_vec){ base, len }, true);
}

void uio_init_kernel(struct uio *u, void *base, size_t len)
{
	init_single(u, (struct uio_vec){ (uaddr_t)base, len }, false);
}

static size_t move_kernel(void *at, void *mem, size_t len, enum direction direction)
{
	if (direction == TO)
		memcpy(at, mem, len);
	else if (direction == FROM)
		memcpy(mem, at, len);
	else
		memset(at, 0, len);
	return len;
}

static size_t move_user(uaddr_t at, void *mem, size_t len, enum direction direction)
{
	if (direction == TO)
		return user_write_some(at, mem, len);
	if (direction == FROM)
		return user_read_some(mem, at, len);
	return user_range_ok(at, len) ? len - arch_user_zero((void *)at, len) : 0;
}

/* Room in a fresh page, at most *len bytes; NULL: there is none. */
static void *sink_room(struct uio_pages *r, size_t *len)
{
	struct uio_vec *v;

	if (r->own_room == 0) {
		struct page *p = r->nr == UIO_PAGES_MAX ? NULL : page_alloc(0, 0);

		if (p == NULL)
			return NULL;
		r->vecs[r->nr] = (struct uio_vec){ (uaddr_t)page_to_ptr(p), 0 };
		r->pages[r->nr++] = p;
		r->own_room = PAGE_SIZE;
	}
	v = &r->vecs[r->nr - 1];
	*len = min(*len, r->own_room);
	v->len += *len;
	r->own_room -= *len;
	return (char *)v->base + v->len - *len;
}

static size_t move_to_sink(struct uio *u, void *mem, size_t len, enum direction direction)
{
	size_t done = 0, n;
	void *at;

	for (; done < len && u->left > 0; done += n, u->left -= n) {
		n = min(len - done, u->left);
		at = sink_room(u->sink, &n);
		if (at == NULL)
			break;
		(void)move_kernel(at, (char *)mem + done, n, direction);
	}
	return done;
}

static size_t move(struct uio *u, void *mem, size_t len, enum direction direction)
{
	size_t done = 0, n, got;
	uaddr_t at;

	if (u->sink != NULL)
		return move_to_sink(u, mem, len, direction);
	while (done < len && u->left > 0) {
		at = u->vecs->base + u->offset;
		n = min(len - done, u->vecs->len - u->offset);
		got = u->user ? move_user(at, (char *)mem + done, n, direction)
			      : move_kernel((void *)at, (char *)mem + done, n, direction);
		advance(u, got);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

size_t uio_copy_to(struct uio *u, const void *src, size_t len)
{
	return move(u, (void *)src, len, TO);
}

size_t uio_copy_from(struct uio *u, void *dst, size_t len)
{
	return move(u, dst, len, FROM);
}

size_t uio_zero(struct uio *u, size_t len)
{
	return move(u, NULL, len, ZERO);
}

void uio_skip(struct uio *u, size_t len)
{
	size_t n;

	for (len = min(len, u->left); len > 0; len -= n) {
		n = min(len, u->vecs->len - u->offset);
		advance(u, n);
	}
}

/*
 * One byte of the first page is enough: the copy goes on from there and comes back if need be. For
 * writing, a locked exchange of 0 by 0 asks for the page and changes nothing: what another thread
 * stores there meanwhile stays.
 */
int uio_fault_in(const struct uio *u, bool write)
{
	uaddr_t at;
	uint32_t old;
	char byte;

	if (!u->user || u->left == 0)
		return 0;
	at = u->vecs->base + u->offset;
	if (write)
		return user_compare_exchange_u32(align_down(at, sizeof(old)), 0, 0, &old);
	return user_read(&byte, at, 1);
}

/* ---- pages ---- */

void uio_init_sink(struct uio *u, struct uio_pages *r, size_t len)
{
	r->nr = 0;
	r->own_room = 0;
	*u = (struct uio){ .left = len, .sink = r };
}

void uio_init_pages(struct uio *u, struct uio_pages *r)
{
	uio_init_vecs(u, r->vecs, r->nr, false);
	u->pages = r->pages;
}

void uio_pages_put(struct uio_pages *r)
{
	for (unsigned i = 0; i < r->nr; i++)
		page_put(r->pages[i]);
	r->nr = 0;
}

size_t uio_give_page(struct uio *u, struct page *p, size_t offset, size_t len)
{
	struct uio_pages *r = u->sink;
	char *at = (char *)page_to_ptr(p) + offset;

	if (r == NULL)
		return uio_copy_to(u, at, len);
	if (r->nr == UIO_PAGES_MAX)
		return 0;
	len = min(len, u->left);
	page_get(p);
	r->vecs[r->nr] = (struct uio_vec){ (uaddr_t)at, len };
	r->pages[r->nr++] = p;
	r->own_room = 0;
	u->left -= len;
	return len;
}

/* A program's own: the count keeps it, whatever becomes of the mapping; a fork's copy-on-write, or
 * one that is under way, leaves it as it is. */
static size_t take_user_page(struct uio *u, size_t most, struct page **p, size_t *offset)
{
	uaddr_t at = u->vecs->base + u->offset;
	size_t n = min(most, u->vecs->len - u->offset);

	*offset = at % PAGE_SIZE;
	n = min(n, PAGE_SIZE - *offset);
	if (vmspace_page(vmspace_current(), at, MMU_READ, p) != 0)
		return 0;
	advance(u, n);
	return n;
}

size_t uio_reach(const struct uio *u, unsigned nr)
{
	size_t offset = u->offset, reach = 0;

	for (unsigned i = 0; i < u->nr_vecs; i++, offset = 0) {
		uaddr_t at = u->vecs[i].base + offset;
		size_t len = u->vecs[i].len - offset, room = nr * PAGE_SIZE - at % PAGE_SIZE;

		if (len == 0)
			continue;
		if (nr == 0 || len > room)
			return nr == 0 ? reach : reach + room;
		reach += len;
		nr -= (unsigned)((at % PAGE_SIZE + len + PAGE_SIZE - 1) / PAGE_SIZE);
	}
	return reach;
}

size_t uio_take_page(struct uio *u, size_t most, struct page **p, size_t *offset)
{
	size_t n;

	if (u->left == 0)
		return 0;
	if (u->user && u->lends)
		return take_user_page(u, most, p, offset);
	if (u->pages == NULL)
		return 0;
	n = min(most, u->vecs->len - u->offset);
	*p = *u->pages;
	*offset = u->vecs->base + u->offset - (uaddr_t)page_to_ptr(*p);
	page_get(*p);
	advance(u, n);
	return n;
}
