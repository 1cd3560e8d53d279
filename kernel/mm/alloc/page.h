/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical pages. A buddy allocator with per-CPU lists of single pages; one struct page per page
 * of RAM. A zeroed struct page is a valid "never handed out yet", so that the array need not be
 * touched at boot.
 *
 * Pages are counted. Whoever holds a count may read the page by page_to_ptr(); a mapping in a page
 * table holds one count, an object (page cache) holds one, a kernel user holds one.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct vm_object;

enum page_flags {
	PAGE_BUDDY = 1 << 0, /* heads a free block of `order` */
	PAGE_SLAB = 1 << 1,
	PAGE_DIRTY = 1 << 2,         /* in an object: newer than the store behind it */
	PAGE_UPTODATE = 1 << 3,      /* is, or was, in an object: a private mapping must copy it */
	PAGE_LOCKED = 1 << 4,        /* being filled or written */
	PAGE_ZERO = 1 << 5,          /* the shared zero page: never written */
	PAGE_HUGE = 1 << 6,          /* head of a 2 MiB block that is counted as one */
	PAGE_TAIL = 1 << 7,          /* inside such a block: page_head() finds it */
	PAGE_RESERVED = 1 << 8,      /* not ours: never freed */
	PAGE_USED = 1 << 9,          /* handed out at least once: its bytes may be anything */
	PAGE_WRITEBACK = 1 << 10,    /* in an object: being written to the store */
	PAGE_MAPPED_WRITE = 1 << 11, /* in an object: some table maps, or did map, it writable */
	PAGE_ACCESSED = 1 << 12,     /* in an object: used since reclaim last looked */
	PAGE_ANONYMOUS = 1 << 13,    /* accounted as such until it is freed */
};

struct page {
	uint32_t refs;      /* [a] */
	uint16_t flags;     /* [a] enum page_flags */
	uint8_t order;      /* of a free block, and of a kernel allocation's head */
	uint8_t slab_class; /* mm/alloc/kmem.c's */
	union {
		struct {
			struct page *next, *prev;
		}; /* free */
		struct {
			struct vm_object *object;
			uint64_t idx;
		}; /* in an object */
		struct {
			void *slab;
			struct page *batch_next;
		}; /* anonymous and on its way out; slab's */
		struct {
			struct page *head;
		}; /* PAGE_TAIL */
	};
	void *lru; /* mm's own */
};

struct boot_info;
extern struct page *page_array;
extern pfn_t page_array_end; /* pfn past the last */

/*
 * Before there is anything else: pages for the first tables are cut from the RAM behind the image
 * (which ends at `image_end`, physical) and the launch record.
 */
void page_early_init(const struct boot_info *info, paddr_t image_end);
paddr_t page_early(void); /* before page_init: a zeroed page */
/* From boot_info's map. What was handed out by page_early() before is not free. */
void page_init(const struct boot_info *info);

enum page_alloc_flags {
	PAGE_ALLOC_ZERO = 1,
	PAGE_ALLOC_NOWAIT = 2, /* no reclaim: interrupt context, or locks held */
};
/* 2^order pages, physically contiguous and aligned, count 1. NULL = no memory. */
struct page *page_alloc(unsigned order, unsigned flags);
void page_free_range(struct page *p, size_t nr); /* any part of a block that was never shared */
void page_free(struct page *p,
	       unsigned order); /* whoever allocated with an order and never shared it */
void page_get(struct page *p);
void page_put(struct page *p);      /* frees at 0; a PAGE_HUGE head goes as a whole */
struct page *page_alloc_huge(void); /* a zeroed PAGE_HUGE head of 2 MiB, or NULL */
struct page *page_head(struct page *p);
void page_split_huge(struct page *head); /* 512 pages, each with the head's count */
extern struct page *page_zero;           /* the shared zero page */

struct page *paddr_to_page(paddr_t pa); /* NULL: not RAM */
paddr_t page_to_paddr(const struct page *p);
void *page_to_ptr(const struct page *p);

struct page_stats {
	uint64_t total, free, cached, slab, tables, anonymous;
	uint64_t shmem; /* the part of `cached` with no store behind it */
	uint64_t stacks;
}; /* pages */
void page_stats_get(struct page_stats *out);
/* Bookkeeping for page_stats, by whoever uses pages so: nr more (or, below zero, fewer) of them. */
enum page_use {
	PAGE_USE_CACHE,
	PAGE_USE_SHMEM,
	PAGE_USE_SLAB,
	PAGE_USE_TABLES,
	PAGE_USE_STACKS,
	PAGE_USE_ANONYMOUS,
	PAGE_NR_USES
};
void page_account(enum page_use use, long nr);
/* A fresh page, or PAGE_HUGE head, is a program's own: counts as anonymous until it is freed. */
void page_set_anonymous(struct page *p);
bool page_memory_is_ample(void);  /* more than an eighth of RAM is free */
bool page_memory_is_plenty(void); /* more than 16 MiB are free */
uint64_t page_nr_free(void);
/* Are `nr` pages free, or can caches be made to give that many back? Thread context. */
bool page_make_room(uint64_t nr);
void page_drop_caches(void); /* all that can be made again; thread context */
uint64_t page_nr_total(void);
/* A cache that can give pages back when memory is short. Returns pages freed. Thread context. */
struct page_reclaimer {
	size_t (*reclaim)(size_t want);
};
#define PAGE_RECLAIMER(name) LINKER_SET_ITEM(page_reclaimers, struct page_reclaimer) name
