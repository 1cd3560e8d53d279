/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables. One struct mmu_space per process; the upper half is shared by all of them. Callers
 * serialise changes to a space (mm holds the address space's lock).
 *
 * What was not present may be mapped without a flush. Everything else goes through a batch: changes
 * are made, then mmu_batch_end() flushes once (on some hosts a single CR3 load is 100 times cheaper
 * than page-wise invalidation), on this CPU and by one round of interrupts on all others that have
 * the space loaded, and only then gives the pages that were handed to it back to mm.
 *
 * A CPU puts itself into space->cpus before it loads the tables, and whoever changes them looks at
 * the mask after the change: either the flush reaches that CPU, or it loaded the change. A CPU that
 * halts has the kernel's own tables loaded, so none is woken for a flush. What a change only allows
 * more of needs no flush: a CPU that still has the old entry faults, forgets it by that (Intel SDM
 * 3A §4.10.4.3), and looks again.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

enum mmu_prot { MMU_READ = 1, MMU_WRITE = 2, MMU_EXEC = 4, MMU_UNCACHED = 8 };
enum mmu_level { MMU_4K = 1, MMU_2M = 2 };

struct mmu_space {
	paddr_t root;  /* [I] */
	uint64_t cpus; /* [a] bit per CPU that has it loaded */
};

/*
 * "Present" means that there is an entry, whatever its prot: prot 0 (PROT_NONE) is an entry that
 * the hardware does not use but that keeps its page, and mmu_lookup and mmu_next find it.
 */
struct mmu_entry {
	paddr_t paddr; /* of the first byte of the entry's own 4 KiB or 2 MiB */
	unsigned prot; /* enum mmu_prot */
	enum mmu_level level;
	bool dirty, accessed;
};

MUST_CHECK int mmu_space_init(struct mmu_space *s);
/* Frees the tables, not what they map; idle CPUs may have them loaded, the caller has not. */
void mmu_space_fini(struct mmu_space *s);
/* On this CPU, interrupts off. NULL: the kernel's own, with an empty lower half. */
void mmu_space_load(struct mmu_space *s);
/* This CPU forgets its TLB; interrupts off. It serialises, too. */
void mmu_flush_here(void);

/* Maps a page that is not present now. -ENOMEM: no page for a table. Entries are U/S=1 always. */
MUST_CHECK int mmu_map(struct mmu_space *s, vaddr_t va, paddr_t pa, unsigned prot,
		       enum mmu_level level);
bool mmu_lookup(const struct mmu_space *s, vaddr_t va, struct mmu_entry *out);
/* First present entry at or above *va and below end (updates *va to its start), skipping absent
 * tables fast. */
bool mmu_next(const struct mmu_space *s, vaddr_t *va, vaddr_t end, struct mmu_entry *out);

struct mmu_batch {
	struct mmu_space *space;
	unsigned nr_changed;
	bool takes_away; /* no CPU must go on using what was there */
	vaddr_t first, last;
	struct page *freed; /* chain of pages to put after the flush */
};

void mmu_batch_begin(struct mmu_batch *b, struct mmu_space *s);
/* Both take an address that mmu_lookup finds present. */
void mmu_unmap(struct mmu_batch *b, vaddr_t va);
void mmu_remap(struct mmu_batch *b, vaddr_t va, paddr_t pa, unsigned prot); /* same level */
/* Replaces a 2 MiB entry by 512 small ones for the same memory. */
MUST_CHECK int mmu_split(struct mmu_batch *b, vaddr_t va);
/* Give tables that are empty in [start, end) back. */
void mmu_prune(struct mmu_batch *b, vaddr_t start, vaddr_t end);
void mmu_clear_dirty(struct mmu_batch *b, vaddr_t va);
/* mm/alloc/page.c's page_put() runs on each page of b->freed (linked by page->batch_next) after the
 * flush. */
void mmu_batch_end(struct mmu_batch *b);

/* The upper half: device registers and kernel stacks. Tables for KVIRT_BASE are made at boot. */
#define KVIRT_BASE    0xffffc90000000000ull /* guarded area: stacks, device registers */
#define KVIRT_END     0xffffca0000000000ull
#define USER_TOP      0x00007ffffffff000ull /* first address that a program cannot have */
#define USER_BASE_MIN 0x10000ull            /* mmap_min_addr */
MUST_CHECK int mmu_kernel_map(vaddr_t va, paddr_t pa, size_t len, unsigned prot);
/* On all CPUs, which are asked and waited for: thread context, no spinlock held. */
void mmu_kernel_unmap(vaddr_t va, size_t len);
/* The two halves of it: many ranges, one flush. Until then the memory must not be used anew. */
void mmu_kernel_clear(vaddr_t va, size_t len);
void mmu_kernel_flush(void);

/* Called once by boot, with what it found; builds the kernel's tables (W^X) and loads them. */
struct boot_info;
void mmu_init(const struct boot_info *info, paddr_t (*early_page)(void));

/* The direct map. Host tests have theirs elsewhere. */
#ifndef DIRECT_MAP_BASE
#define DIRECT_MAP_BASE 0xffff880000000000ull
#endif
static inline void *paddr_to_ptr(paddr_t pa)
{
	return (void *)(DIRECT_MAP_BASE + pa);
}
/* For pointers into the direct map or the kernel's image. */
paddr_t ptr_to_paddr(const void *ptr);
