/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read(2) and write(2) by way of the page cache. User memory is touched with no lock held and no
 * page locked, only counted, so a buffer that is a mapping of the very same page is no special
 * case.
 */
#include "core/uio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/object/object_internal.h"

#define FLUSH_BATCH 256 /* pages written before scarce memory makes us flush */

/* The part of [pos, pos + left) that lies in one page. */
static size_t in_page(int64_t pos, size_t left)
{
	return min(PAGE_SIZE - (uint64_t)pos % PAGE_SIZE, left);
}

static ssize_t result(size_t done, int err)
{
	return done > 0 ? (ssize_t)done : err;
}

/* Holes of an object that is its own store stay holes when they are read. */
static int page_to_read(struct vm_object *o, uint64_t idx, size_t left, struct page **out)
{
	unsigned want = (unsigned)min(left / PAGE_SIZE + 1, 4096ul);

	if (object_is_filled(o))
		return object_page_of_run(o, idx, want, 0, out);
	*out = object_page_cached(o, idx);
	return 0;
}

ssize_t object_read(struct vm_object *o, struct uio *u, int64_t pos, uint64_t size)
{
	size_t done = 0, left, n, got;
	struct page *p;
	int err = 0;

	left = (uint64_t)pos < size ? min(u->left, size - (uint64_t)pos) : 0;
	while (left > 0) {
		n = in_page(pos, left);
		err = page_to_read(o, (uint64_t)pos / PAGE_SIZE, left, &p);
		if (err != 0) {
			err = err == -EFAULT ? 0 : err; /* cut short meanwhile: the end */
			break;
		}
		if (p != NULL) {
			got = uio_give_page(u, p, (size_t)pos % PAGE_SIZE, n);
			page_put(p);
		} else {
			got = uio_zero(u, n);
		}
		done += got;
		pos += (int64_t)got;
		left -= got;
		if (got < n) {
			err = -EFAULT;
			break;
		}
	}
	return result(done, err);
}

static void mark_dirty(struct vm_object *o, struct page *p)
{
	scoped_spin(&o->lock);
	if (p->object == o)
		p->flags |= PAGE_DIRTY;
	o->nr_dirtied++;
}

/* Bytes of the program's into part of a page that is, or comes to be, in the object. */
static ssize_t write_part(struct vm_object *o, struct uio *u, int64_t pos, size_t n)
{
	struct page *p;
	size_t got;
	int err = object_page(o, (uint64_t)pos / PAGE_SIZE, OBJECT_BEYOND | OBJECT_FOR_WRITE, &p);

	if (err != 0)
		return err;
	got = uio_copy_from(u, (char *)page_to_ptr(p) + pos % (int64_t)PAGE_SIZE, n);
	mark_dirty(o, p);
	page_put(p);
	return got > 0 ? (ssize_t)got : -EFAULT;
}

/* The tree takes `fresh` unless there is a page at idx by now. 1 = taken. */
static int insert_fresh(struct vm_object *o, uint64_t idx, struct page *fresh)
{
	scoped_spin(&o->lock);
	if (radix_get(&o->pages, idx) != NULL)
		return 0;
	if (object_insert_locked(o, idx, fresh, PAGE_UPTODATE | PAGE_DIRTY) != 0)
		return -ENOMEM;
	o->nr_dirtied++;
	return 1;
}

static ssize_t copy_into_page(struct vm_object *o, uint64_t idx, const void *bytes, size_t n)
{
	struct page *p;
	int err = object_page(o, idx, OBJECT_BEYOND | OBJECT_FOR_WRITE, &p);

	if (err != 0)
		return err;
	memcpy(page_to_ptr(p), bytes, n);
	mark_dirty(o, p);
	page_put(p);
	return (ssize_t)n;
}

static void uncharge_one(struct vm_object *o)
{
	if (o->pager != NULL && o->pager->uncharge != NULL)
		o->pager->uncharge(o, 1);
}

/*
 * A whole page that is not cached: it is composed outside the tree, so that nothing is read from
 * the store and no one sees half of it. If the program's buffer breaks off, the page is needed
 * after all.
 */
static ssize_t write_whole(struct vm_object *o, struct uio *u, uint64_t idx)
{
	struct page *fresh = page_alloc(0, 0);
	ssize_t moved = -EFAULT;
	size_t got;
	int err = 0;

	if (fresh == NULL)
		return -ENOMEM;
	got = uio_copy_from(u, page_to_ptr(fresh), PAGE_SIZE);
	if (got == PAGE_SIZE) {
		if (o->pager != NULL && o->pager->charge != NULL)
			err = o->pager->charge(o, 1);
		if (err == 0) {
			err = insert_fresh(o, idx, fresh);
			if (err == 1)
				return PAGE_SIZE;
			uncharge_one(o);
		}
	}
	if (err < 0)
		moved = err;
	else if (got > 0)
		moved = copy_into_page(o, idx, page_to_ptr(fresh), got);
	page_put(fresh);
	return moved;
}

static bool is_cached(struct vm_object *o, uint64_t idx)
{
	scoped_spin(&o->lock);
	return radix_get(&o->pages, idx) != NULL;
}

/*
 * A program that writes faster than the store takes it must not fill all memory with dirty pages.
 */
static int limit_dirty(struct vm_object *o)
{
	unsigned nr = READ_ONCE(o->nr_dirtied);

	if (o->pager == NULL || o->pager->flush == NULL)
		return 0;
	if (nr < FLUSH_BATCH || (page_memory_is_ample() && nr < page_nr_total() / 8))
		return 0;
	return object_flush(o, 0, UINT64_MAX);
}

ssize_t object_write(struct vm_object *o, struct uio *u, int64_t pos)
{
	size_t done = 0, n;
	ssize_t moved = 0;
	uint64_t idx;

	while (u->left > 0) {
		idx = (uint64_t)pos / PAGE_SIZE;
		n = in_page(pos, u->left);
		if (n == PAGE_SIZE && !is_cached(o, idx))
			moved = write_whole(o, u, idx);
		else
			moved = write_part(o, u, pos, n);
		if (moved > 0) {
			done += (size_t)moved;
			pos += moved;
		}
		if (moved < (ssize_t)n)
			break;
		moved = limit_dirty(o);
		if (moved < 0)
			break;
	}
	return result(done, (int)min(moved, 0l));
}
