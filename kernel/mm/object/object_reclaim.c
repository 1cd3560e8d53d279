/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving cached pages back when memory is short: second chance over all objects that have a store.
 * An object is scanned from where the last scan of it stopped; a clean page that nobody maps or
 * uses loses its PAGE_ACCESSED first and its place next time.
 *
 * The list's lock is taken before an object's. An object leaves the list before it is freed
 * (object_forget), so what is on the list is alive while the lock is held.
 */
#include "mm/alloc/page.h"
#include "mm/object/object_internal.h"

#define SCAN_MAX 512 /* pages of one object in one go: time under locks */
#define PASSES   3

static struct spinlock lock;
static struct list objects = LIST_INIT(objects); /* [lock] */
static size_t nr_objects;                        /* [lock] */

void object_note_clean_pages(struct vm_object *o)
{
	if (!list_is_empty(&o->lru_link))
		return;
	scoped_spin(&lock);
	if (list_is_empty(&o->lru_link)) {
		list_append(&objects, &o->lru_link);
		nr_objects++;
	}
}

void object_forget(struct vm_object *o)
{
	scoped_spin(&lock);
	if (!list_is_empty(&o->lru_link)) {
		list_remove(&o->lru_link);
		nr_objects--;
	}
}

static bool may_drop(const struct page *p)
{
	const unsigned busy = PAGE_DIRTY | PAGE_LOCKED | PAGE_WRITEBACK;

	return READ_ONCE(p->refs) == 1 && !(p->flags & busy);
}

/* Goes on where the last scan of o stopped. *at_end: there is nothing behind what was looked at. */
static size_t scan(struct vm_object *o, size_t want, bool *at_end)
{
	size_t got = 0;
	struct page *p;

	*at_end = false;
	scoped_spin(&o->lock);
	for (unsigned i = 0; i < SCAN_MAX && got < want; i++, o->reclaim_idx++) {
		p = radix_next(&o->pages, &o->reclaim_idx);
		if (p == NULL) {
			o->reclaim_idx = 0;
			*at_end = true;
			break;
		}
		if (!may_drop(p))
			continue;
		if (p->flags & PAGE_ACCESSED) {
			p->flags &= (uint16_t)~PAGE_ACCESSED;
			continue;
		}
		object_remove_locked(o, p);
		page_put(p);
		got++;
	}
	return got;
}

/* One piece of the object at the head of the list; an object that was seen to its end goes to
 * the tail. */
static size_t scan_first(size_t want, size_t *nr_ends)
{
	size_t got = 0;
	bool at_end = true;
	struct vm_object *o;

	scoped_spin(&lock);
	o = list_first(&objects, struct vm_object, lru_link);
	if (o == NULL) {
		*nr_ends = SIZE_MAX;
		return 0;
	}
	if (o->pager->uncharge == NULL) /* that must not be called under a lock */
		got = scan(o, want, &at_end);
	if (at_end) {
		list_remove(&o->lru_link);
		list_append(&objects, &o->lru_link);
		++*nr_ends;
	}
	return got;
}

/* Until enough was found, or every object was gone through PASSES times: the first pass may only
 * have taken the second chances. */
static size_t reclaim_cache(size_t want)
{
	size_t got = 0, nr_ends = 0;

	while (got < want && nr_ends < PASSES * READ_ONCE(nr_objects))
		got += scan_first(want - got, &nr_ends);
	return got;
}

PAGE_RECLAIMER(cache_reclaimer) = { .reclaim = reclaim_cache };
