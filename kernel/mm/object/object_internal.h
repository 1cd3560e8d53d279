/* SPDX-License-Identifier: BSD-2-Clause */
/* What object.c, object_io.c, object_drop.c, object_flush.c and object_reclaim.c share. */
#pragma once
#include "mm/object/object.h"

/* As object_page(); `want` pages from idx on will be read next. */
MUST_CHECK int object_page_of_run(struct vm_object *o, uint64_t idx, unsigned want, unsigned flags,
				  struct page **out);
/* Sleeps until p, of which the caller holds a count, has none of `flags`. */
void object_wait_page(struct vm_object *o, struct page *p, unsigned flags);
/* With o->lock held and nothing at idx: the tree takes over the caller's count. -ENOMEM. */
MUST_CHECK int object_insert_locked(struct vm_object *o, uint64_t idx, struct page *p,
				    unsigned flags);
/*
 * Takes the pages around idx in that its pager has in place. 0: that at idx is there. -ENOENT: it
 * is to be filled. -ENOMEM.
 */
MUST_CHECK int object_take_in_place(struct vm_object *o, uint64_t idx);
/* With o->lock held: the tree's count becomes the caller's. */
void object_remove_locked(struct vm_object *o, struct page *p);
bool object_is_filled(const struct vm_object *o);  /* absent pages come from a store */
uint64_t object_size(const struct vm_object *o);   /* bytes; UINT64_MAX: no limit */
void object_note_clean_pages(struct vm_object *o); /* reclaim may look at it */
void object_forget(struct vm_object *o);           /* reclaim will not look at it again */
