/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memory object: pages by index, the one cache that read(2), mmap(2) and sendfile(2) see. An
 * inode embeds one; anonymous shared memory is one without a pager. Private (copy-on-write) pages
 * are not in objects: they live in page tables only.
 *
 * Locking: `lock` is a spinlock over the tree and the pages' flags; a page being filled is
 * PAGE_LOCKED and waited for on `filled`. Pager calls are made with no lock held.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/radix.h"
#include "mm/alloc/page.h"

struct vm_object;

/* Filled by a file system. Pages are locked by the caller and consecutive in the object. */
struct pager {
	/*
	 * Fill pages[0..nr) from idx on; zero what is past the end. 0 or -errno (then none is up
	 * to date).
	 */
	int (*fill)(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr);
	/*
	 * The page, if it is in memory already, whole and for good: part of an image that is
	 * never written. NULL: it is to be filled. Any context. NULL: there are none such.
	 */
	struct page *(*in_place)(struct vm_object *o, uint64_t idx);
	/* Write them to the store; NULL: the object is the store (tmpfs, anonymous). */
	int (*flush)(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr);
	/*
	 * The object's size in bytes: pages wholly past it do not exist (SIGBUS). NULL: no limit.
	 */
	uint64_t (*size)(struct vm_object *o);
	/* May a page be made at idx (tmpfs size limits)? 0 or -ENOSPC; uncharge is its opposite. */
	int (*charge)(struct vm_object *o, unsigned nr_pages);
	void (*uncharge)(struct vm_object *o, unsigned nr_pages);
	/*
	 * The last reference to a free-standing object is gone (memory of its owner); NULL:
	 * embedded.
	 */
	void (*destroy)(struct vm_object *o);
	unsigned readahead_pages; /* most pages that one fill is asked for; 0 = 1 */
};

struct vm_object {
	struct ref ref; /* held by mappings and by the owner */
	struct spinlock lock;
	struct radix pages; /* [l] */
	uint64_t nr_pages;  /* [l] */
	struct list areas;  /* [l] vm_areas that map it (area->object_link) */
	struct waitq filled;
	const struct pager *pager; /* [I] NULL: anonymous shared memory */
	uint64_t next_read_idx;    /* [l] for read-ahead: where the last fill ended */
	unsigned read_window;      /* [l] pages of the last fill */
	unsigned nr_writers;       /* [a] areas with VM_WRITER: a program may write by them */
	unsigned nr_dirtied;       /* [a] pages written since the last flush */
	uint64_t zap_pass;         /* [l] numbers the passes over `areas` */
	uint64_t reclaim_idx;      /* [object_reclaim.c's lock] where its scan goes on */
	struct list lru_link;      /* [object_reclaim.c's lock] its list of objects with a store */
};

void object_init(struct vm_object *o, const struct pager *pager);
void object_fini(struct vm_object *o);        /* drops every page; no mapping may be left */
struct vm_object *object_new_anonymous(void); /* counted, NULL = no memory */
void object_get(struct vm_object *o);
void object_put(struct vm_object *o);

enum object_get_flags {
	OBJECT_FOR_WRITE = 1,
	OBJECT_NO_FILL = 2, /* a page that is made is zero: the caller overwrites the whole of it */
	OBJECT_BEYOND = 4,  /* also past the end: the caller is about to extend it */
	OBJECT_AROUND = 8,  /* a fill brings in what is around, on both sides */
};
/* The page at idx, up to date, with a count of the caller's. Fills and reads ahead. -ENOMEM,
 * -EIO, -ENOSPC, -EFAULT: wholly past the end. For write: marks it dirty. */
MUST_CHECK int object_page(struct vm_object *o, uint64_t idx, unsigned flags, struct page **out);
/* How many of its pages are mapped, or otherwise in use at this moment. */
uint64_t object_nr_mapped(struct vm_object *o);
/* The page if it is there and up to date, counted; else NULL. Never sleeps. */
struct page *object_page_cached(struct vm_object *o, uint64_t idx);
/*
 * Copies between the object and a uio by way of its pages. Stops at `size`. Bytes moved or -errno.
 */
struct uio;
ssize_t object_read(struct vm_object *o, struct uio *u, int64_t pos, uint64_t size);
/* Makes pages as needed and marks them dirty; the caller sets the new size afterwards. */
ssize_t object_write(struct vm_object *o, struct uio *u, int64_t pos);
/*
 * Shrink or punch: drops pages in [start, end) bytes, zeroes the partial ones, unmaps them
 * everywhere.
 */
void object_truncate(struct vm_object *o, uint64_t start, uint64_t end);
MUST_CHECK int object_flush(struct vm_object *o, uint64_t start,
			    uint64_t end);   /* dirty pages -> store */
void object_invalidate(struct vm_object *o); /* drops clean, unmapped pages */
/*
 * lseek(SEEK_DATA/SEEK_HOLE) for objects that are the store: first byte >= pos with/without a
 * page.
 */
uint64_t object_seek(struct vm_object *o, uint64_t pos, bool data);
