/* SPDX-License-Identifier: BSD-2-Clause */
/* msync(2), mincore(2), mlock(2) and munlock(2). */
#include <asm/mman.h>

#include "core/file.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/area.h"

struct span { /* what one area has to write back */
	struct vm_object *object;
	struct file *file; /* keeps the object's owner */
	uint64_t start, end;
};

/* The area at or above *at; *at becomes its end. False: there is none below end. */
static bool next_span(struct vmspace *vs, uaddr_t *at, uaddr_t end, struct span *out, bool *hole)
{
	struct vm_area *a;
	uaddr_t from;

	scoped_mutex(&vs->lock);
	*out = (struct span){ 0 };
	a = area_after(vs, *at);
	if (a == NULL || a->start >= end) {
		*hole = true;
		return false;
	}
	*hole |= a->start > *at;
	from = max(a->start, *at);
	*at = min(a->end, end);
	if (a->object == NULL || !(a->flags & VM_SHARED))
		return true;
	object_get(a->object);
	out->object = a->object;
	out->file = a->file != NULL ? file_get(a->file) : NULL;
	out->start = area_idx_at(a, from) * PAGE_SIZE;
	out->end = out->start + (*at - from);
	return true;
}

static int sync_span(struct span *s)
{
	int err = 0;

	if (s->object == NULL)
		return 0;
	err = object_flush(s->object, s->start, s->end);
	object_put(s->object);
	if (s->file != NULL)
		file_put(s->file);
	return err;
}

/* MS_ASYNC writes as well: there is nobody to do it later. */
int vmspace_sync(struct vmspace *vs, uaddr_t addr, size_t len, unsigned ms_flags)
{
	uaddr_t end = align_up(addr + len, PAGE_SIZE), at = addr;
	bool hole = false;
	struct span s;
	int err = 0;

	if ((ms_flags & ~(unsigned)(MS_ASYNC | MS_SYNC | MS_INVALIDATE)) ||
	    ((ms_flags & MS_ASYNC) && (ms_flags & MS_SYNC)) || !is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (end < addr || end > USER_TOP)
		return -ENOMEM;
	while (at < end && err == 0 && next_span(vs, &at, end, &s, &hole))
		err = sync_span(&s);
	return err == 0 && hole ? -ENOMEM : err;
}

static bool is_resident(struct vmspace *vs, const struct vm_area *a, uaddr_t va)
{
	struct mmu_entry entry;
	struct page *p;

	if (mmu_lookup(&vs->mmu, va, &entry))
		return true;
	if (a->object == NULL)
		return false;
	p = object_page_cached(a->object, area_idx_at(a, va));
	if (p != NULL)
		page_put(p);
	return p != NULL;
}

int vmspace_mincore(struct vmspace *vs, uaddr_t addr, size_t len, uint8_t *kernel_vec)
{
	uaddr_t end = align_up(addr + len, PAGE_SIZE);
	struct vm_area *a;

	if (!is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (end < addr || end > USER_TOP)
		return -ENOMEM;
	scoped_mutex(&vs->lock);
	a = area_after(vs, addr);
	for (uaddr_t va = addr; va < end; va += PAGE_SIZE) {
		if (a != NULL && va >= a->end)
			a = area_next(a);
		if (a == NULL || va < a->start)
			return -ENOMEM;
		*kernel_vec++ = is_resident(vs, a, va);
	}
	return 0;
}
