/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * madvise(2). Advice either changes an area's flags, drops pages, or brings them in. As on Linux,
 * holes in the range are reported (ENOMEM) after the rest has been done.
 */
#include <asm/mman.h>

#include "core/file.h"
#include "lib/errno.h"
#include "mm/area.h"

#define FALLOC_FL_KEEP_SIZE  1 /* linux/falloc.h */
#define FALLOC_FL_PUNCH_HOLE 2
#define WILLNEED_MAX         1024u /* pages */

struct flag_advice {
	int advice;
	unsigned set, clear;
};

static const struct flag_advice flag_advices[] = {
	{ MADV_NORMAL, 0, VM_RANDOM },           { MADV_RANDOM, VM_RANDOM, 0 },
	{ MADV_SEQUENTIAL, 0, VM_RANDOM },       { MADV_DONTFORK, VM_DONTFORK, 0 },
	{ MADV_DOFORK, 0, VM_DONTFORK },         { MADV_WIPEONFORK, VM_WIPEONFORK, 0 },
	{ MADV_KEEPONFORK, 0, VM_WIPEONFORK },   { MADV_DONTDUMP, VM_DONTDUMP, 0 },
	{ MADV_DODUMP, 0, VM_DONTDUMP },         { MADV_HUGEPAGE, VM_HUGE, VM_NOHUGE },
	{ MADV_NOHUGEPAGE, VM_NOHUGE, VM_HUGE },
};

static const struct flag_advice *find_flag_advice(int advice)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_advices); i++) {
		if (flag_advices[i].advice == advice)
			return &flag_advices[i];
	}
	return NULL;
}

/* Calls fn for each area in the range. -ENOMEM after all of it if there are holes. */
static int for_areas(struct vm_edit *e, uaddr_t start, uaddr_t end,
		     int (*fn)(struct vm_edit *, struct vm_area *, const void *), const void *arg)
{
	struct vm_area *a;
	uaddr_t at = start;
	int err, holes = 0;

	for (a = area_after(e->vs, start); a != NULL && a->start < end; a = area_next(a)) {
		if (a->start > at)
			holes = -ENOMEM;
		err = fn(e, a, arg);
		if (err != 0)
			return err;
		at = a->end;
	}
	return at < end ? -ENOMEM : holes;
}

static int change_flags(struct vm_edit *e, struct vm_area *a, const void *arg)
{
	const struct flag_advice *f = arg;

	(void)e;
	if (a->flags & VM_SPECIAL)
		return -EINVAL;
	if (f->advice == MADV_WIPEONFORK && (a->object != NULL || (a->flags & VM_SHARED)))
		return -EINVAL;
	a->flags = (a->flags & ~f->clear) | f->set;
	return 0;
}

static int drop(struct vm_edit *e, struct vm_area *a, const void *arg)
{
	int advice = *(const int *)arg;

	if ((a->flags & VM_SPECIAL) || ((a->flags & VM_LOCKED) && advice != MADV_DONTNEED_LOCKED))
		return -EINVAL;
	if (advice == MADV_FREE && (a->object != NULL || (a->flags & VM_SHARED)))
		return -EINVAL;
	edit_zap(e, a->start, a->end);
	return 0;
}

static int nothing(struct vm_edit *e, struct vm_area *a, const void *arg)
{
	(void)e;
	(void)a;
	(void)arg;
	return 0;
}

static int advise_locked(struct vm_edit *e, uaddr_t start, uaddr_t end, int advice)
{
	const struct flag_advice *flags = find_flag_advice(advice);
	int err;

	if (flags == NULL && advice != MADV_DONTNEED && advice != MADV_FREE &&
	    advice != MADV_DONTNEED_LOCKED)
		return for_areas(e, start, end, nothing, NULL);
	err = edit_isolate(e, start, end);
	if (err != 0)
		return err == -ENOMEM ? -EAGAIN : err; /* ENOMEM would mean a hole */
	if (flags != NULL)
		err = for_areas(e, start, end, change_flags, flags);
	else
		err = for_areas(e, start, end, drop, &advice);
	edit_merge(e, start, end);
	return err;
}

/* What an object-backed part of a range is, held so that work can be done without the lock. */
struct part {
	struct vm_object *object;
	struct file *file;
	uint64_t start, end; /* bytes of the object */
	bool shared, may_write;
};

/*
 * The first area at or above *at: its end goes to *at. False: none below end, or a hole comes
 * first.
 */
static bool take_part(struct vmspace *vs, uaddr_t *at, uaddr_t end, struct part *out)
{
	struct vm_area *a;
	uaddr_t from;

	scoped_mutex(&vs->lock);
	a = area_after(vs, *at);
	if (a == NULL || a->start >= end || a->start > *at)
		return false;
	from = *at;
	*at = min(a->end, end);
	*out = (struct part){
		.object = a->object,
		.file = a->file != NULL ? file_get(a->file) : NULL,
		.shared = a->flags & VM_SHARED,
		.may_write = a->flags & VM_MAY_WRITE,
	};
	if (a->object != NULL) {
		object_get(a->object);
		out->start = area_idx_at(a, from) * PAGE_SIZE;
		out->end = out->start + (*at - from);
	}
	return true;
}

static void put_part(struct part *p)
{
	if (p->object != NULL)
		object_put(p->object);
	if (p->file != NULL)
		file_put(p->file);
}

static int remove_part(struct part *p)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (p->object == NULL || !p->shared || !p->may_write)
		return p->shared ? -EACCES : -EINVAL;
	if (p->file == NULL) {
		object_truncate(p->object, p->start, p->end);
		return 0;
	}
	if (p->file->ops->allocate == NULL)
		return -EOPNOTSUPP;
	return p->file->ops->allocate(p->file, punch, (int64_t)p->start,
				      (int64_t)(p->end - p->start));
}

static int will_need(struct part *p)
{
	uint64_t idx = p->start / PAGE_SIZE, end = p->end / PAGE_SIZE;
	struct page *page;

	if (p->object == NULL || p->file == NULL)
		return 0;
	for (unsigned i = 0; i < WILLNEED_MAX && idx + i < end && page_memory_is_ample(); i++) {
		if (object_page(p->object, idx + i, 0, &page) != 0)
			break; /* only advice */
		page_put(page);
	}
	return 0;
}

static int advise_parts(struct vmspace *vs, uaddr_t start, uaddr_t end, int (*fn)(struct part *))
{
	uaddr_t at = start;
	struct part p;
	int err;

	while (at < end) {
		if (!take_part(vs, &at, end, &p))
			return -ENOMEM;
		err = fn(&p);
		put_part(&p);
		if (err != 0)
			return err;
	}
	return 0;
}

static int populate(struct vmspace *vs, uaddr_t start, size_t len, unsigned access)
{
	int err = vmspace_populate(vs, start, len, access);

	if (err == -ENXIO || err == -EIO)
		return -EFAULT;
	return err == -EFAULT ? -ENOMEM : err == -EACCES ? -EINVAL : err;
}

static bool is_known(int advice)
{
	return find_flag_advice(advice) != NULL || advice == MADV_DONTNEED || advice == MADV_FREE ||
	       advice == MADV_DONTNEED_LOCKED || advice == MADV_WILLNEED || advice == MADV_REMOVE ||
	       advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE ||
	       advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_MERGEABLE ||
	       advice == MADV_UNMERGEABLE;
}

int vmspace_advise(struct vmspace *vs, uaddr_t addr, size_t len, int advice)
{
	uaddr_t end = align_up(addr + len, PAGE_SIZE);
	struct vm_edit e;
	int err;

	if (!is_known(advice) || !is_aligned(addr, PAGE_SIZE) || end < addr)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (end > USER_TOP)
		return -ENOMEM;
	switch (advice) {
	case MADV_WILLNEED:
		return advise_parts(vs, addr, end, will_need);
	case MADV_REMOVE:
		return advise_parts(vs, addr, end, remove_part);
	case MADV_POPULATE_READ:
		return populate(vs, addr, end - addr, MMU_READ);
	case MADV_POPULATE_WRITE:
		return populate(vs, addr, end - addr, MMU_WRITE);
	default:
		edit_begin(&e, vs);
		err = advise_locked(&e, addr, end, advice);
		edit_end(&e);
		return err;
	}
}
