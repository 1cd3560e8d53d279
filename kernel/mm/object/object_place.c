/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that need no filling: they lie in an image that the machine was started with, and stay
 * there. The object takes them in as they are, so that reading, mapping and executing a file costs
 * no memory and no copy.
 *
 * Such a page is PAGE_RESERVED, and so neither counted nor freed. It belongs to the first object
 * that takes it, until that lets it go: a page knows one object. Where an image keeps equal parts
 * of two files once, the second object fills a page of its own.
 */
#include "lib/errno.h"
#include "mm/object/object_internal.h"

#define AROUND 64u /* pages: as many as a fault maps */

static struct spinlock lock; /* whose the pages are; the innermost */

static bool claim(struct vm_object *o, struct page *p)
{
	scoped_spin(&lock);
	if (READ_ONCE(p->object) != NULL)
		return false;
	p->flags |= PAGE_RESERVED;
	p->object = o;
	return true;
}

/* 0: there is a page at idx. -ENOENT: none that the object may have. */
static int take_one(struct vm_object *o, uint64_t idx)
{
	struct page *p = o->pager->in_place(o, idx);
	int err;

	scoped_spin(&o->lock);
	if (radix_get(&o->pages, idx) != NULL)
		return 0;
	if (p == NULL || !claim(o, p))
		return -ENOENT;
	err = object_insert_locked(o, idx, p, PAGE_UPTODATE);
	if (err != 0)
		WRITE_ONCE(p->object, NULL);
	return err;
}

int object_take_in_place(struct vm_object *o, uint64_t idx)
{
	uint64_t start = align_down(idx, (uint64_t)AROUND), end = start + AROUND;
	int err = take_one(o, idx);

	if (err != 0)
		return err;
	end = min(end, object_size(o) / PAGE_SIZE);
	for (uint64_t at = start; at < end; at++) {
		if (take_one(o, at) == -ENOMEM)
			break; /* fewer at once */
	}
	return 0;
}
