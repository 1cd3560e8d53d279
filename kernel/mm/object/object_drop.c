/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking pages out of an object: truncation, hole punching, invalidation.
 *
 * The owner moves the end first, then calls object_truncate(): pages leave the tree, then the page
 * tables. A fault that found a page before it left holds its address space's lock until the page is
 * mapped, so the second step sees that mapping; a fault that comes later meets the new end.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/area.h"
#include "mm/object/object_internal.h"

static void zero_part(struct vm_object *o, uint64_t idx, size_t from, size_t to)
{
	struct page *p = object_page_cached(o, idx);

	if (p == NULL)
		return;
	memset((char *)page_to_ptr(p) + from, 0, to - from);
	if (!object_is_filled(o) || o->pager->flush == NULL)
		goto put;
	spin_lock(&o->lock);
	if (p->object == o)
		p->flags |= PAGE_DIRTY;
	spin_unlock(&o->lock);
put:
	page_put(p);
}

/* The first and the last page, where the range covers only a part of them. */
static void zero_edges(struct vm_object *o, uint64_t start, uint64_t end)
{
	uint64_t first = start / PAGE_SIZE, last = end / PAGE_SIZE;

	if (start % PAGE_SIZE != 0) {
		zero_part(o, first, start % PAGE_SIZE, last == first ? end % PAGE_SIZE : PAGE_SIZE);
		if (last == first)
			return;
	}
	if (end != UINT64_MAX && end % PAGE_SIZE != 0)
		zero_part(o, last, 0, end % PAGE_SIZE);
}

/* Takes one page at or above *idx and below end out of the tree. Returns whether there was one. */
static bool drop_one(struct vm_object *o, uint64_t *idx, uint64_t end)
{
	struct page *p;

	for (;;) {
		spin_lock(&o->lock);
		p = radix_next(&o->pages, idx);
		if (p == NULL || *idx >= end) {
			spin_unlock(&o->lock);
			return false;
		}
		if (!(p->flags & PAGE_LOCKED))
			break;
		page_get(p);
		spin_unlock(&o->lock);
		object_wait_page(o, p, PAGE_LOCKED);
		page_put(p);
	}
	object_remove_locked(o, p);
	spin_unlock(&o->lock);
	page_put(p);
	return true;
}

void object_truncate(struct vm_object *o, uint64_t start, uint64_t end)
{
	uint64_t first = start / PAGE_SIZE + (start % PAGE_SIZE != 0);
	uint64_t last = end == UINT64_MAX ? UINT64_MAX : end / PAGE_SIZE;
	uint64_t idx = first;
	unsigned nr = 0;

	if (start >= end)
		return;
	zero_edges(o, start, end);
	if (first >= last)
		return;
	while (drop_one(o, &idx, last))
		nr++;
	area_zap_object(o, first, last, end >= object_size(o));
	if (nr > 0 && o->pager != NULL && o->pager->uncharge != NULL)
		o->pager->uncharge(o, nr);
}

void object_invalidate(struct vm_object *o)
{
	const unsigned busy = PAGE_DIRTY | PAGE_LOCKED | PAGE_WRITEBACK;
	uint64_t idx = 0;
	struct page *p;

	for (;; idx++) {
		spin_lock(&o->lock);
		p = radix_next(&o->pages, &idx);
		if (p != NULL && (p->refs > 1 || (p->flags & busy) || !object_is_filled(o))) {
			spin_unlock(&o->lock);
			continue;
		}
		if (p != NULL)
			object_remove_locked(o, p);
		spin_unlock(&o->lock);
		if (p == NULL)
			return;
		page_put(p);
	}
}
