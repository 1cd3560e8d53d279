/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the address space share: areas (area.c), edits (edit.c) and faults (fault.c).
 *
 * Every change happens inside a struct vm_edit: it holds vs->lock, gathers the page table changes,
 * keeps the pages that lost a mapping until the flush, and the areas that went until the lock is
 * released (giving up a file may sleep and write).
 */
#pragma once
#include "mm/vmspace.h"

#define VM_EDIT_PAGES   64
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
#define MAP_COUNT_MAX   65530u

struct vm_edit {
	struct vmspace *vs;
	struct mmu_batch batch;
	struct page *pages[VM_EDIT_PAGES]; /* to put after the flush; others: batch.freed */
	unsigned nr_pages;
	struct page *spilled; /* by batch_next: pages full of such arrays, the newest first */
	unsigned nr_spilled;  /* arrays */
	struct list doomed;   /* areas, by object_link */
};

void edit_begin(struct vm_edit *e, struct vmspace *vs);
void edit_end(struct vm_edit *e);
/* Takes the mapping at va away; `entry` is what mmu_lookup finds there. */
void edit_unmap_entry(struct vm_edit *e, uaddr_t va, const struct mmu_entry *entry);
void edit_drop_page(struct vm_edit *e, struct page *p); /* one count, after the flush */
/* Empties the tables in [start, end); no huge page may cross the bounds (edit_split_huge). */
void edit_zap(struct vm_edit *e, uaddr_t start, uaddr_t end);
/* Makes addr a border of entries: a 2 MiB entry across it becomes 512 small ones. -ENOMEM. */
MUST_CHECK int edit_split_huge(struct vm_edit *e, uaddr_t addr);
/* Makes start and end borders of areas and entries. -ENOMEM; nothing visible changes. */
MUST_CHECK int edit_isolate(struct vm_edit *e, uaddr_t start, uaddr_t end);
/* As munmap(2), with the lock held. -ENOMEM and nothing has changed. */
MUST_CHECK int edit_unmap(struct vm_edit *e, uaddr_t start, uaddr_t end);
void edit_doom(struct vm_edit *e, struct vm_area *a); /* a is in no tree any more */
/* Puts a into the tree, or lets a neighbour grow over it and dooms a. */
void edit_insert(struct vm_edit *e, struct vm_area *a);
/* Unites neighbours that have become alike, from the area before start to the one at end. */
void edit_merge(struct vm_edit *e, uaddr_t start, uaddr_t end);

/* The hardware's permissions for what is mapped in an area that allows `prot`. */
static inline unsigned prot_effective(unsigned prot)
{
	return prot != 0 ? prot | MMU_READ : 0;
}

static inline uint64_t area_pages(const struct vm_area *a)
{
	return (a->end - a->start) / PAGE_SIZE;
}

static inline uint64_t area_idx_at(const struct vm_area *a, uaddr_t va)
{
	return a->object_idx + (va - a->start) / PAGE_SIZE;
}

/* Is p in a private mapping the mapping's own copy (not the object's page, nor the zero page)? */
static inline bool page_is_copy(const struct page *p)
{
	return !(p->flags & (PAGE_UPTODATE | PAGE_ZERO | PAGE_RESERVED));
}

struct vm_area *area_new(struct vmspace *vs); /* in no tree; NULL = no memory */
void area_free(struct vm_area *a);            /* gives its references back; may sleep */
/* The references of an area whose object, file and flags are another's, which has its own. */
void area_hold(struct vm_area *a);
struct vm_area *area_after(struct vmspace *vs, uaddr_t addr);  /* the first that ends above addr */
struct vm_area *area_before(struct vmspace *vs, uaddr_t addr); /* the last starting below it */
struct vm_area *area_next(const struct vm_area *a);
struct vm_area *area_prev(const struct vm_area *a);
void area_link(struct vmspace *vs, struct vm_area *a);
void area_unlink(struct vm_area *a);
void area_set_start(struct vm_area *a, uaddr_t start);
void area_set_end(struct vm_area *a, uaddr_t end);
MUST_CHECK int area_split(struct vm_area *a, uaddr_t addr);
/* A free range of len bytes for a mapping: near the hint, else top down. -ENOMEM. */
MUST_CHECK int area_find_gap(struct vmspace *vs, uaddr_t hint, size_t len, unsigned map_flags,
			     uaddr_t *out);
/* Does [addr, addr + len) lie in the program's half with nothing in it, nor a stack's guard gap? */
bool area_range_is_free(struct vmspace *vs, uaddr_t addr, size_t len);
/* May len more bytes be mapped so? 0 or -ENOMEM: RLIMIT_AS, RLIMIT_DATA, overcommit. */
MUST_CHECK int area_check_limits(struct vmspace *vs, size_t len, unsigned prot, unsigned flags);
/* Every mapping of pages [first, end) of o goes; private copies too if `copies`. No lock held. */
void area_zap_object(struct vm_object *o, uint64_t first, uint64_t end, bool copies);

/* What the present entry for page p may allow: without MMU_WRITE where a write must be noticed. */
unsigned fault_entry_prot(const struct vm_area *a, const struct page *p);
/* Makes va accessible; maps up to `want` pages there (0: as many as seems wise). */
MUST_CHECK int fault_handle(struct vm_edit *e, struct vm_area *a, uaddr_t va, unsigned access,
			    unsigned want);
