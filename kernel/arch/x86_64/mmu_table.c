/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages that page tables are made of. A host without nested paging shadows them: it protects
 * each one against writes, and a page that is a table now and data then costs it dozens of
 * microseconds each time. So tables that are no longer used are kept, empty, by level, and are the
 * first to be used again at the same level; the host's shadow of them fits then.
 *
 * Tables of a kind are chained by page->next. The kernel's half of a kept root stays in it: it is
 * the same in every root, for ever.
 */
#include "arch/mmu.h"
#include "arch/x86_64/pte.h"
#include "core/sync/spinlock.h"
#include "lib/string.h"
#include "mm/alloc/page.h"

#define KEPT_MAX     64 /* pages of a level */
#define ENTRIES      512
#define USER_ENTRIES (ENTRIES / 2) /* of a root */

static struct spinlock lock;
static struct kept {
	struct page *first; /* [lock] */
	unsigned nr;        /* [lock] */
} kept[PTE_LEVELS];

static struct page *take(unsigned level)
{
	struct kept *k = &kept[level];
	struct page *p;

	scoped_spin(&lock);
	p = k->first;
	if (p != NULL) {
		k->first = p->next;
		k->nr--;
	}
	return p;
}

static bool keep(struct page *p, unsigned level)
{
	struct kept *k = &kept[level];

	if (!page_memory_is_plenty())
		return false;
	scoped_spin(&lock);
	if (k->nr == KEPT_MAX)
		return false;
	p->next = k->first;
	k->first = p;
	k->nr++;
	return true;
}

uint64_t *pte_table_new(unsigned level)
{
	struct page *p = take(level);

	if (p == NULL)
		p = page_alloc(0, PAGE_ALLOC_ZERO);
	if (p == NULL)
		return NULL;
	page_account(PAGE_USE_TABLES, 1);
	return page_to_ptr(p);
}

/* A write that changes nothing would be dear, too. */
static void clear(uint64_t *table, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (READ_ONCE(table[i]) != 0)
			WRITE_ONCE(table[i], 0);
	}
}

void pte_table_free(uint64_t *table, unsigned level)
{
	struct page *p = paddr_to_page(ptr_to_paddr(table));

	page_account(PAGE_USE_TABLES, -1);
	clear(table, ENTRIES);
	if (!keep(p, level))
		page_free(p, 0);
}

uint64_t *pte_root_new(void)
{
	struct page *pair = take(PTE_ROOT_LEVEL);
	bool is_kept = pair != NULL;
	uint64_t *root;

	if (!is_kept)
		pair = page_alloc(1, PAGE_ALLOC_ZERO); /* aligned to 8 KiB: bit 12 is clear */
	if (pair == NULL)
		return NULL;
	page_account(PAGE_USE_TABLES, 2);
	root = page_to_ptr(pair);
	if (is_kept)
		return root;
	memcpy(root + USER_ENTRIES, mmu_kernel_root + USER_ENTRIES,
	       USER_ENTRIES * sizeof(uint64_t));
	return root;
}

void pte_root_free(uint64_t *root)
{
	struct page *pair = paddr_to_page(ptr_to_paddr(root));

	page_account(PAGE_USE_TABLES, -2);
	clear(root, USER_ENTRIES);
	if (!keep(pair, PTE_ROOT_LEVEL))
		page_free(pair, 1);
}

static size_t reclaim(size_t want)
{
	size_t got = 0;
	struct page *p;

	for (unsigned level = 0; level < PTE_LEVELS; level++) {
		unsigned order = level == PTE_ROOT_LEVEL;

		for (; got < want && (p = take(level)) != NULL; got += 1ul << order)
			page_free(p, order);
	}
	return got;
}

PAGE_RECLAIMER(tables) = { .reclaim = reclaim };
