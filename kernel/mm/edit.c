/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing an address space: the one way in which mappings and areas go away.
 *
 * A page that loses a mapping must not be used anew before the TLBs forgot it. A private page that
 * nobody else holds goes on the batch's chain by its own `batch_next`; any other page, whose
 * fields others may be using, is noted in e->pages. When that is full it is copied to a page made
 * for it, for a flush costs as much as the unmapping of 64 pages; without memory it means a flush.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/area.h"

#define HUGE_PAGES      (HUGE_SIZE / PAGE_SIZE)
#define SPILLS_PER_PAGE (PAGE_SIZE / sizeof(((struct vm_edit *)0)->pages))

static void put_all(struct page **pages, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		page_put(pages[i]);
}

static void put_spilled(struct vm_edit *e)
{
	while (e->spilled != NULL) {
		struct page *p = e->spilled;
		unsigned nr = (e->nr_spilled - 1) % SPILLS_PER_PAGE + 1;

		put_all(page_to_ptr(p), nr * VM_EDIT_PAGES);
		e->nr_spilled -= nr;
		e->spilled = p->batch_next;
		page_put(p);
	}
}

static void finish(struct vm_edit *e)
{
	mmu_batch_end(&e->batch);
	put_all(e->pages, e->nr_pages);
	e->nr_pages = 0;
	put_spilled(e);
}

static void flush(struct vm_edit *e)
{
	finish(e);
	mmu_batch_begin(&e->batch, &e->vs->mmu);
}

void edit_begin(struct vm_edit *e, struct vmspace *vs)
{
	e->vs = vs;
	e->nr_pages = e->nr_spilled = 0;
	e->spilled = NULL;
	list_init(&e->doomed);
	mutex_lock(&vs->lock);
	mmu_batch_begin(&e->batch, &vs->mmu);
}

void edit_end(struct vm_edit *e)
{
	struct vm_area *a;

	finish(e);
	e->vs->nr_pages_peak = max(e->vs->nr_pages_peak, e->vs->nr_pages);
	mutex_unlock(&e->vs->lock);
	while ((a = list_first(&e->doomed, struct vm_area, object_link)) != NULL) {
		list_remove(&a->object_link);
		area_free(a);
	}
}

void edit_doom(struct vm_edit *e, struct vm_area *a)
{
	list_append(&e->doomed, &a->object_link);
}

/* Empties e->pages for later. False: no memory. */
static bool spill(struct vm_edit *e)
{
	unsigned at = e->nr_spilled % SPILLS_PER_PAGE;
	struct page *p;

	if (at == 0) {
		p = page_alloc(0, PAGE_ALLOC_NOWAIT);
		if (p == NULL)
			return false;
		p->batch_next = e->spilled;
		e->spilled = p;
	}
	memcpy((char *)page_to_ptr(e->spilled) + at * sizeof(e->pages), e->pages, sizeof(e->pages));
	e->nr_spilled++;
	e->nr_pages = 0;
	return true;
}

void edit_drop_page(struct vm_edit *e, struct page *p)
{
	if (p->flags & PAGE_RESERVED)
		return;
	if (p->refs == 1 && page_is_copy(p)) {
		p->batch_next = e->batch.freed;
		e->batch.freed = p;
		return;
	}
	if (e->nr_pages == VM_EDIT_PAGES && !spill(e))
		flush(e);
	e->pages[e->nr_pages++] = p;
}

static unsigned entry_pages(const struct mmu_entry *entry)
{
	return entry->level == MMU_2M ? HUGE_PAGES : 1;
}

void edit_unmap_entry(struct vm_edit *e, uaddr_t va, const struct mmu_entry *entry)
{
	struct page *p = paddr_to_page(entry->paddr);

	mmu_unmap(&e->batch, va);
	if (p == NULL || (p->flags & PAGE_RESERVED))
		return;
	e->vs->nr_pages -= entry_pages(entry);
	edit_drop_page(e, p);
}

void edit_zap(struct vm_edit *e, uaddr_t start, uaddr_t end)
{
	struct mmu_entry entry;
	vaddr_t va = start;

	while (va < end && mmu_next(&e->vs->mmu, &va, end, &entry)) {
		edit_unmap_entry(e, va, &entry);
		va += entry_pages(&entry) * PAGE_SIZE;
	}
}

int edit_split_huge(struct vm_edit *e, uaddr_t addr)
{
	struct mmu_entry entry;
	int err;

	if (is_aligned(addr, HUGE_SIZE) || !mmu_lookup(&e->vs->mmu, addr, &entry) ||
	    entry.level != MMU_2M)
		return 0;
	err = mmu_split(&e->batch, align_down(addr, HUGE_SIZE));
	if (err == 0)
		page_split_huge(paddr_to_page(align_down(entry.paddr, HUGE_SIZE)));
	return err;
}

static int split_at(struct vm_edit *e, uaddr_t addr)
{
	struct vm_area *a = vmspace_area_at(e->vs, addr);

	return a != NULL && a->start < addr ? area_split(a, addr) : 0;
}

int edit_isolate(struct vm_edit *e, uaddr_t start, uaddr_t end)
{
	int err = edit_split_huge(e, start);

	if (err == 0)
		err = edit_split_huge(e, end);
	if (err == 0)
		err = split_at(e, start);
	if (err == 0)
		err = split_at(e, end);
	if (err != 0)
		edit_merge(e, start, end);
	return err;
}

/* The hole that is now around [start, end) may be where the next search should begin. */
static void note_hole(struct vmspace *vs, uaddr_t end)
{
	struct vm_area *next = area_after(vs, end);
	uaddr_t top = next != NULL ? next->start : USER_TOP;

	if (vs->search_top != 0 && top > vs->search_top)
		vs->search_top = min(top, vs->mmap_base != 0 ? vs->mmap_base : USER_TOP);
}

int edit_unmap(struct vm_edit *e, uaddr_t start, uaddr_t end)
{
	struct vm_area *a, *next;
	int err;

	a = area_after(e->vs, start);
	if (a == NULL || a->start >= end)
		return 0;
	err = edit_isolate(e, start, end);
	if (err != 0)
		return err;
	edit_zap(e, start, end);
	for (a = area_after(e->vs, start); a != NULL && a->start < end; a = next) {
		next = area_next(a);
		area_unlink(a);
		edit_doom(e, a);
	}
	if (end - start >= HUGE_SIZE)
		mmu_prune(&e->batch, start, end);
	note_hole(e->vs, end);
	return 0;
}

static bool are_alike(const struct vm_area *low, const struct vm_area *high)
{
	if (low == NULL || high == NULL || low->end != high->start || low->prot != high->prot ||
	    low->flags != high->flags || low->object != high->object || low->file != high->file ||
	    low->name != high->name || (low->flags & (VM_SPECIAL | VM_GROWSDOWN)))
		return false;
	if (low->policy.mode != high->policy.mode || low->policy.nodes != high->policy.nodes)
		return false;
	if (low->file != NULL && low->file->ops->unmapped != NULL)
		return false; /* who counts mappings (shmat) counts pieces, as Linux does */
	return low->object == NULL || low->object_idx + area_pages(low) == high->object_idx;
}

/* `high` is in no tree; its mappings are low's from now on. */
static void absorb(struct vm_edit *e, struct vm_area *low, struct vm_area *high)
{
	area_set_end(low, high->end);
	high->flags &= ~VM_SHARED; /* nothing to write back: low goes on mapping it */
	edit_doom(e, high);
}

void edit_insert(struct vm_edit *e, struct vm_area *a)
{
	struct vm_area *low = area_before(e->vs, a->start);

	if (are_alike(low, a)) {
		absorb(e, low, a);
		edit_merge(e, low->start, low->end);
		return;
	}
	area_link(e->vs, a);
	edit_merge(e, a->start, a->end);
}

void edit_merge(struct vm_edit *e, uaddr_t start, uaddr_t end)
{
	struct vm_area *low = area_before(e->vs, start), *high;

	if (low == NULL)
		low = vmspace_area_first(e->vs);
	while (low != NULL && low->start <= end) {
		high = area_next(low);
		if (!are_alike(low, high)) {
			low = high;
			continue;
		}
		area_unlink(high);
		absorb(e, low, high);
	}
}

/* ---- truncation ---- */

static void zap_entries(struct vm_edit *e, uaddr_t start, uaddr_t end, bool copies)
{
	struct mmu_entry entry;
	vaddr_t va = start;

	for (; va < end && mmu_next(&e->vs->mmu, &va, end, &entry); va += PAGE_SIZE) {
		if (copies || !page_is_copy(paddr_to_page(entry.paddr)))
			edit_unmap_entry(e, va, &entry);
	}
}

static void zap_in_space(struct vmspace *vs, struct vm_object *o, uint64_t first, uint64_t end,
			 bool copies)
{
	uint64_t from, to;
	struct vm_edit e;

	edit_begin(&e, vs);
	for (struct vm_area *a = vmspace_area_first(vs); a != NULL; a = area_next(a)) {
		if (a->object != o)
			continue;
		from = max(first, a->object_idx);
		to = min(end, a->object_idx + area_pages(a));
		if (from < to)
			zap_entries(&e, a->start + (from - a->object_idx) * PAGE_SIZE,
				    a->start + (to - a->object_idx) * PAGE_SIZE,
				    copies || (a->flags & VM_SHARED));
	}
	edit_end(&e);
}

/* False: its last user is just giving it up, and will unmap everything. */
static bool get_if_alive(struct vmspace *vs)
{
	unsigned count = atomic_load(&vs->ref.count);

	while (count != 0) {
		if (atomic_compare_exchange(&vs->ref.count, &count, count + 1))
			return true;
	}
	return false;
}

/* A space that maps o and that this pass has not seen, counted; NULL: all were. */
static struct vmspace *next_space(struct vm_object *o, uint64_t pass)
{
	struct vm_area *a;

	scoped_spin(&o->lock);
	list_foreach(&o->areas, a, object_link) {
		if (a->zap_pass == pass)
			continue;
		a->zap_pass = pass;
		if (get_if_alive(a->vmspace))
			return a->vmspace;
	}
	return NULL;
}

void area_zap_object(struct vm_object *o, uint64_t first, uint64_t end, bool copies)
{
	struct vmspace *vs;
	uint64_t pass;

	spin_lock(&o->lock);
	pass = ++o->zap_pass;
	spin_unlock(&o->lock);
	while ((vs = next_space(o, pass)) != NULL) {
		zap_in_space(vs, o, first, end, copies);
		vmspace_put(vs);
	}
}
