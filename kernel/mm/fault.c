/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: bringing in what an area promises.
 *
 * A fault is expensive (some microseconds where KVM is done in software), a page more in the same
 * fault is not. So reads of files map all cached pages of the aligned 256 KiB around; reads of
 * untouched anonymous memory map the zero page many times; writes to anonymous memory map ahead,
 * twice as much each time while they go on in sequence, and a whole 2 MiB page where a sequence
 * reaches its start or an area has seen many faults. All that only while memory is ample.
 *
 * Changing an entry is much more expensive than making one, so pages are not mapped read-only
 * ahead where the program is likely to write: private writable file mappings come in page by page,
 * the data of programs and libraries as copies at once, small anonymous areas as fresh pages. An
 * area no larger than what would come at once comes whole: most of a program's and its libraries'
 * are.
 */
#include "core/sched/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/area.h"

#define AROUND       64u /* pages: fault-around of files; what is mapped is not reclaimed */
#define AROUND_LEAST 16u /* where memory is small */
#define AHEAD_MAX    16u /* pages: the most to map ahead */
#define AHEAD_FIRST  2u
#define SMALL_PAGES  64u   /* an anonymous area that is likely to be written all over */
#define DATA_PAGES   2048u /* as likely: a program's data */
#define DATA_AROUND  16u   /* pages: copies made around one */
#define HUGE_PAGES   (HUGE_SIZE / PAGE_SIZE)
#define HUGE_FAULTS  64 /* in an area of 4 MiB or more: it is used all over */

/* A write to a page of this object must be noticed: it has a store to write back to. */
static bool is_tracked(const struct vm_object *o)
{
	return o->pager != NULL && o->pager->flush != NULL;
}

unsigned fault_entry_prot(const struct vm_area *a, const struct page *p)
{
	unsigned prot = prot_effective(a->prot);

	if (!(prot & MMU_WRITE) || (a->flags & VM_SPECIAL))
		return prot;
	if (a->flags & VM_SHARED)
		return is_tracked(a->object) && !(p->flags & PAGE_MAPPED_WRITE) ? prot & ~MMU_WRITE
										: prot;
	return page_is_copy(p) && p->refs == 1 ? prot : prot & ~MMU_WRITE;
}

static bool is_present(struct vm_edit *e, uaddr_t va)
{
	struct mmu_entry entry;

	return mmu_lookup(&e->vs->mmu, va, &entry);
}

/* Maps p at va, which is empty; the count is the mapping's from now on, or is given up. */
static int map_page(struct vm_edit *e, struct vm_area *a, uaddr_t va, struct page *p, unsigned prot)
{
	int err = mmu_map(&e->vs->mmu, va, page_to_paddr(p), prot, MMU_4K);

	if (err != 0) {
		page_put(p);
		return err;
	}
	if (!(p->flags & PAGE_RESERVED))
		e->vs->nr_pages++;
	if (page_is_copy(p) && !(a->flags & VM_SPECIAL))
		page_set_anonymous(p);
	return 0;
}

/* ---- anonymous memory ---- */

static bool is_in_sequence(const struct vm_area *a, uaddr_t va)
{
	return a->flags & VM_GROWSDOWN ? va + PAGE_SIZE == a->ahead_next : va == a->ahead_next;
}

static unsigned pages_ahead(const struct vm_area *a, uaddr_t va)
{
	if ((a->flags & VM_RANDOM) || !page_memory_is_ample())
		return 1;
	return is_in_sequence(a, va) ? min(max(a->ahead_pages * 2, AHEAD_FIRST), AHEAD_MAX)
				     : AHEAD_FIRST;
}

static void note_ahead(struct vm_area *a, uaddr_t va, unsigned nr)
{
	a->ahead_next = a->flags & VM_GROWSDOWN ? va - (nr - 1) * PAGE_SIZE : va + nr * PAGE_SIZE;
	a->ahead_pages = nr;
}

static bool wants_huge(struct vm_edit *e, const struct vm_area *a, uaddr_t va)
{
	uaddr_t start = align_down(va, HUGE_SIZE);
	struct mmu_entry entry;
	vaddr_t at = start;

	if (start < a->start || a->end - start < HUGE_SIZE || a->end <= start)
		return false;
	if ((a->flags & (VM_NOHUGE | VM_GROWSDOWN)) || !page_memory_is_ample())
		return false;
	if (!(a->flags & VM_HUGE) &&
	    !(va == start && is_in_sequence(a, va) && a->ahead_pages >= AHEAD_MAX) &&
	    !(a->nr_faults > HUGE_FAULTS && a->end - a->start >= 2 * HUGE_SIZE))
		return false;
	return !mmu_next(&e->vs->mmu, &at, start + HUGE_SIZE, &entry);
}

static int map_huge(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	uaddr_t start = align_down(va, HUGE_SIZE);
	struct page *p = page_alloc_huge();
	int err;

	if (p == NULL)
		return -ENOMEM;
	mmu_prune(&e->batch, start, start + HUGE_SIZE);
	err = mmu_map(&e->vs->mmu, start, page_to_paddr(p), prot_effective(a->prot), MMU_2M);
	if (err != 0) {
		page_put(p);
		return err;
	}
	e->vs->nr_pages += HUGE_PAGES;
	page_set_anonymous(p);
	note_ahead(a, start, HUGE_PAGES);
	return 0;
}

/*
 * Fresh pages from va on (down from it in a stack) as long as nothing is mapped there, and not
 * across a 2 MiB border, where a huge page may come next.
 */
static int map_fresh(struct vm_edit *e, struct vm_area *a, uaddr_t va, unsigned want)
{
	unsigned nr = want != 0 ? want : pages_ahead(a, va), i;
	bool down = (a->flags & VM_GROWSDOWN) && want == 0;
	uaddr_t start = max(a->start, align_down(va, HUGE_SIZE));
	uaddr_t end = min(a->end, align_down(va, HUGE_SIZE) + HUGE_SIZE);
	struct page *p;
	uaddr_t at;
	int err;

	for (i = 0; i < nr; i++) {
		at = down ? va - i * PAGE_SIZE : va + i * PAGE_SIZE;
		if (i > 0 && (at < start || at >= end || is_present(e, at)))
			break;
		p = page_alloc(0, PAGE_ALLOC_ZERO);
		err = p != NULL ? map_page(e, a, at, p, prot_effective(a->prot)) : -ENOMEM;
		if (err != 0 && i == 0)
			return err;
		if (err != 0)
			break;
	}
	note_ahead(a, va, i);
	a->ahead_pages = nr; /* what was meant: a border breaks no sequence */
	return 0;
}

static int map_zero(struct vm_edit *e, struct vm_area *a, uaddr_t va, unsigned want)
{
	unsigned prot = prot_effective(a->prot) & ~MMU_WRITE;
	uaddr_t end = min(a->end, va + max(want, AHEAD_MAX) * PAGE_SIZE);
	uaddr_t at = va;
	int err = 0;

	do {
		err = map_page(e, a, at, page_zero, prot);
		at += PAGE_SIZE;
	} while (err == 0 && at < end && !is_present(e, at));
	return at > va + PAGE_SIZE ? 0 : err;
}

/*
 * A program's variables, stack, heap: read once, they will be written. What was mapped read-only
 * must then be changed, which costs more than a page that stays as it is.
 */
static bool will_be_written(const struct vm_area *a)
{
	uint64_t most = a->object == NULL ? SMALL_PAGES : a->flags & VM_PROGRAM ? DATA_PAGES : 0;

	return (a->prot & MMU_WRITE) && !(a->flags & (VM_SHARED | VM_RANDOM)) &&
	       area_pages(a) <= most && page_memory_is_plenty();
}

/* A small area: from va to its end, and what is missing before va, as far as memory goes. */
static int map_whole(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	unsigned nr = (unsigned)area_pages(a);
	int err = map_fresh(e, a, va, nr);

	for (uaddr_t at = a->start; at < va && err == 0; at += PAGE_SIZE) {
		if (!is_present(e, at) && map_fresh(e, a, at, nr) != 0)
			break;
	}
	return err;
}

static int fault_anonymous(struct vm_edit *e, struct vm_area *a, uaddr_t va, bool write,
			   unsigned want)
{
	bool fresh = will_be_written(a);

	if (wants_huge(e, a, va) && map_huge(e, a, va) == 0)
		return 0;
	if (fresh && area_pages(a) <= AHEAD_MAX && !(a->flags & VM_GROWSDOWN))
		return map_whole(e, a, va);
	return write || fresh ? map_fresh(e, a, va, want) : map_zero(e, a, va, want);
}

/* ---- objects ---- */

static int object_error(int err)
{
	return err == -EFAULT || err == -ENOSPC ? -ENXIO : err;
}

/* A page of the object that will be mapped writable: it is dirty until that mapping is gone. */
static bool mark_mapped_write(struct vm_object *o, struct page *p)
{
	scoped_spin(&o->lock);
	if (p->object != o)
		return false; /* truncated meanwhile */
	p->flags |= PAGE_DIRTY | PAGE_MAPPED_WRITE;
	return true;
}

static int fetch(struct vm_edit *e, struct vm_area *a, uaddr_t va, unsigned flags,
		 struct page **out)
{
	uint64_t idx = area_idx_at(a, va);
	struct page *p = object_page_cached(a->object, idx);

	if (p == NULL)
		atomic_add(&e->vs->nr_major_faults, 1);
	else
		page_put(p);
	if (!(a->flags & VM_RANDOM))
		flags |= OBJECT_AROUND;
	return object_error(object_page(a->object, idx, flags, out));
}

static int map_copy(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	struct page *source, *copy;
	int err = fetch(e, a, va, 0, &source);

	if (err != 0)
		return err;
	copy = page_alloc(0, 0);
	if (copy != NULL)
		memcpy(page_to_ptr(copy), page_to_ptr(source), PAGE_SIZE);
	page_put(source);
	return copy != NULL ? map_page(e, a, va, copy, prot_effective(a->prot)) : -ENOMEM;
}

/* What comes with va, up to *end: the area if it is no larger, else the aligned window in it. */
static uaddr_t window_start(const struct vm_area *a, uaddr_t va, uint64_t nr_pages, uaddr_t *end)
{
	uaddr_t start = align_down(va, nr_pages * PAGE_SIZE);

	*end = a->end;
	if (area_pages(a) <= nr_pages)
		return a->start;
	*end = min(start + nr_pages * PAGE_SIZE, a->end);
	return max(start, a->start);
}

/* A program's data: relocation and start-up go through all of it. A failure only means less. */
static void map_copies_around(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	uaddr_t end, at = window_start(a, va, DATA_AROUND, &end);
	struct page *p;

	for (; at < end; at += PAGE_SIZE) {
		if (is_present(e, at))
			continue;
		p = object_page_cached(a->object, area_idx_at(a, at));
		if (p == NULL)
			continue;
		page_put(p);
		if (map_copy(e, a, at) != 0)
			return;
	}
}

static int fault_data(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	int err = map_copy(e, a, va);

	if (err == 0)
		map_copies_around(e, a, va);
	return err;
}

/* Maps what is cached in the window around va. A failure only means less. */
static void map_around(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	uint64_t nr_pages = page_memory_is_plenty() ? AROUND : AROUND_LEAST;
	uaddr_t end, at = window_start(a, va, nr_pages, &end);
	struct page *p;

	for (; at < end; at += PAGE_SIZE) {
		if (is_present(e, at))
			continue;
		p = object_page_cached(a->object, area_idx_at(a, at));
		if (p != NULL && map_page(e, a, at, p, fault_entry_prot(a, p)) != 0)
			return;
	}
}

static bool may_map_around(const struct vm_area *a)
{
	if (a->flags & VM_RANDOM)
		return false;
	return (a->flags & VM_SHARED) || !(a->prot & MMU_WRITE);
}

static int fault_object(struct vm_edit *e, struct vm_area *a, uaddr_t va, bool write)
{
	bool shared = a->flags & VM_SHARED;
	bool dirties = shared && (write || (!is_tracked(a->object) && (a->prot & MMU_WRITE)));
	struct page *p;
	int err;

	if (will_be_written(a))
		return fault_data(e, a, va);
	if (write && !shared)
		return map_copy(e, a, va);
	err = fetch(e, a, va, dirties ? OBJECT_FOR_WRITE : 0, &p);
	if (err != 0)
		return err;
	if (dirties && !mark_mapped_write(a->object, p)) {
		page_put(p);
		return 0; /* look again */
	}
	err = map_page(e, a, va, p, fault_entry_prot(a, p));
	if (err == 0 && may_map_around(a))
		map_around(e, a, va);
	return err;
}

/* ---- entries that are there but do not allow the access ---- */

static int write_shared(struct vm_edit *e, struct vm_area *a, uaddr_t va, struct mmu_entry *entry)
{
	struct page *p = paddr_to_page(entry->paddr);

	if (mark_mapped_write(a->object, p))
		mmu_remap(&e->batch, va, entry->paddr, prot_effective(a->prot));
	else
		edit_unmap_entry(e, va, entry);
	return 0;
}

static int replace_by_copy(struct vm_edit *e, struct vm_area *a, uaddr_t va,
			   struct mmu_entry *entry)
{
	struct page *old = paddr_to_page(entry->paddr), *copy;
	bool was_zero = old->flags & PAGE_ZERO;

	copy = page_alloc(0, was_zero ? PAGE_ALLOC_ZERO : 0);
	if (copy == NULL)
		return -ENOMEM;
	if (!was_zero)
		memcpy(page_to_ptr(copy), page_to_ptr(old), PAGE_SIZE);
	mmu_remap(&e->batch, va, page_to_paddr(copy), prot_effective(a->prot));
	page_set_anonymous(copy);
	if (old->flags & PAGE_RESERVED)
		e->vs->nr_pages++;
	edit_drop_page(e, old);
	return 0;
}

/* One flush serves a run of zero pages that are written in sequence. */
static int write_private(struct vm_edit *e, struct vm_area *a, uaddr_t va, struct mmu_entry *entry)
{
	bool was_zero = paddr_to_page(entry->paddr)->flags & PAGE_ZERO;
	unsigned nr = was_zero ? pages_ahead(a, va) : 1, i;
	int err = replace_by_copy(e, a, va, entry);

	if (err != 0)
		return err;
	for (i = 1; i < nr && va + i * PAGE_SIZE < a->end; i++) {
		if (!mmu_lookup(&e->vs->mmu, va + i * PAGE_SIZE, entry) ||
		    !(paddr_to_page(entry->paddr)->flags & PAGE_ZERO) ||
		    replace_by_copy(e, a, va + i * PAGE_SIZE, entry) != 0)
			break;
	}
	note_ahead(a, va, i);
	return 0;
}

static int fault_present(struct vm_edit *e, struct vm_area *a, uaddr_t va, unsigned access,
			 struct mmu_entry *entry)
{
	struct page *p = paddr_to_page(entry->paddr);
	uaddr_t at = entry->level == MMU_2M ? align_down(va, HUGE_SIZE) : va;
	unsigned prot = fault_entry_prot(a, p);

	if ((entry->prot & access) == access)
		return 0; /* another thread was faster */
	if ((prot & access) == access) {
		mmu_remap(&e->batch, at, entry->paddr, prot);
		return 0;
	}
	if (a->flags & VM_SHARED)
		return write_shared(e, a, va, entry);
	return write_private(e, a, va, entry);
}

static int fault_special(struct vm_edit *e, struct vm_area *a, uaddr_t va)
{
	struct page *p = a->special_pages[(va - a->start) / PAGE_SIZE];

	page_get(p);
	return map_page(e, a, va, p, prot_effective(a->prot));
}

int fault_handle(struct vm_edit *e, struct vm_area *a, uaddr_t va, unsigned access, unsigned want)
{
	bool write = access & MMU_WRITE;
	struct mmu_entry entry;

	if ((prot_effective(a->prot) & access) != access)
		return -EACCES;
	if (mmu_lookup(&e->vs->mmu, va, &entry))
		return fault_present(e, a, va, access, &entry);
	a->nr_faults++;
	if (a->flags & VM_SPECIAL)
		return fault_special(e, a, va);
	if (a->object == NULL)
		return fault_anonymous(e, a, va, write, want);
	return fault_object(e, a, va, write);
}
