/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing dirty pages to the store, in runs. A page stays usable meanwhile: PAGE_WRITEBACK only
 * keeps a second flush of the same page from overtaking the first.
 *
 * A page that some page table maps writable may change without notice, so it stays dirty: it is
 * written again at every flush until no mapping of it is left (its count is then the tree's
 * alone).
 */
#include "lib/errno.h"
#include "mm/object/object_internal.h"

#define RUN_MAX 32

/* With o->lock held. */
static void begin_write(struct page *p)
{
	page_get(p);
	p->flags |= PAGE_WRITEBACK;
	if ((p->flags & PAGE_MAPPED_WRITE) && p->refs > 2)
		return;
	p->flags &= (uint16_t) ~(PAGE_DIRTY | PAGE_MAPPED_WRITE);
}

static void end_write(struct vm_object *o, struct page **pages, unsigned nr, int err)
{
	spin_lock(&o->lock);
	for (unsigned i = 0; i < nr; i++) {
		pages[i]->flags &= (uint16_t)~PAGE_WRITEBACK;
		if (err != 0 && pages[i]->object == o)
			pages[i]->flags |= PAGE_DIRTY;
	}
	spin_unlock(&o->lock);
	waitq_wake_all(&o->filled, 0);
	for (unsigned i = 0; i < nr; i++)
		page_put(pages[i]);
}

/*
 * Collects dirty neighbours from *idx on, below end, and returns how many. 0: there are none left,
 * or the first is being written: then it is *busy, counted.
 */
static unsigned collect(struct vm_object *o, uint64_t *idx, uint64_t end, struct page **pages,
			struct page **busy)
{
	struct page *p;
	uint64_t at = *idx;
	unsigned nr = 0;

	*busy = NULL;
	scoped_spin(&o->lock);
	for (; nr < RUN_MAX && at < end; at++) {
		p = nr == 0 ? radix_next(&o->pages, &at) : radix_get(&o->pages, at);
		if (p == NULL || at >= end)
			break;
		if (nr == 0 && !(p->flags & (PAGE_DIRTY | PAGE_WRITEBACK)))
			continue;
		if ((p->flags & PAGE_WRITEBACK) && nr == 0) {
			page_get(p);
			*busy = p;
		}
		if ((p->flags & (PAGE_DIRTY | PAGE_WRITEBACK)) != PAGE_DIRTY)
			break;
		begin_write(p);
		if (nr == 0)
			*idx = at;
		pages[nr++] = p;
	}
	return nr;
}

/* As collect; what is being written is waited for. */
static unsigned collect_idle(struct vm_object *o, uint64_t *idx, uint64_t end, struct page **pages)
{
	struct page *busy;
	unsigned nr;

	for (;;) {
		nr = collect(o, idx, end, pages, &busy);
		if (busy == NULL)
			return nr;
		object_wait_page(o, busy, PAGE_WRITEBACK);
		page_put(busy);
	}
}

int object_flush(struct vm_object *o, uint64_t start, uint64_t end)
{
	uint64_t idx = start / PAGE_SIZE;
	uint64_t last = end / PAGE_SIZE + (end % PAGE_SIZE != 0);
	struct page *pages[RUN_MAX];
	int err, first_err = 0;
	unsigned nr;

	if (o->pager == NULL || o->pager->flush == NULL)
		return 0;
	atomic_store(&o->nr_dirtied, 0);
	for (; (nr = collect_idle(o, &idx, last, pages)) > 0; idx += nr) {
		err = o->pager->flush(o, idx, pages, nr);
		end_write(o, pages, nr, err);
		if (err != 0 && first_err == 0)
			first_err = err;
	}
	return first_err;
}
