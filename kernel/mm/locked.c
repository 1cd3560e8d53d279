/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locked memory (mlock(2), mlockall(2)). Nothing is ever swapped out, so a locked page is one that
 * is there: a lock is a mark of the area, which counts against RLIMIT_MEMLOCK and keeps
 * madvise(2) from dropping pages, and mlock() brings the pages in. mlockall() only marks: pages
 * that a program never uses would take memory from it that no lock can give back.
 */
#include "lib/errno.h"
#include "mm/area.h"

static int set_locked(struct vmspace *vs, uaddr_t start, uaddr_t end, bool on)
{
	struct vm_area *a;
	struct vm_edit e;
	uaddr_t at = start;
	int err;

	edit_begin(&e, vs);
	err = edit_isolate(&e, start, end);
	if (err == 0) {
		for (a = area_after(vs, start); a != NULL && a->start == at && at < end;
		     a = area_next(a)) {
			a->flags = on ? a->flags | VM_LOCKED : a->flags & ~VM_LOCKED;
			at = a->end;
		}
		err = at < end ? -ENOMEM : 0;
		edit_merge(&e, start, end);
	}
	edit_end(&e);
	return err;
}

static int check_range(uaddr_t start, uaddr_t end)
{
	if (end < start)
		return -EINVAL;
	return end > USER_TOP ? -ENOMEM : 0;
}

int vmspace_lock_on_fault(struct vmspace *vs, uaddr_t start, uaddr_t end)
{
	int err = check_range(start, end);

	return err != 0 || start == end ? err : set_locked(vs, start, end, true);
}

int vmspace_lock_pages(struct vmspace *vs, uaddr_t addr, size_t len, bool on)
{
	uaddr_t start = align_down(addr, PAGE_SIZE), end = align_up(addr + len, PAGE_SIZE);
	int err = check_range(start, end);

	if (err != 0 || len == 0)
		return err;
	err = set_locked(vs, start, end, on);
	if (err == 0 && on) {
		err = vmspace_populate(vs, start, end - start, MMU_READ);
		if (err != 0)
			err = err == -ENOMEM ? -EAGAIN : -ENOMEM;
	}
	return err;
}

void vmspace_lock_all(struct vmspace *vs, bool now, bool later)
{
	struct vm_area *a;
	struct vm_edit e;

	edit_begin(&e, vs);
	vs->flags_of_new = later ? VM_LOCKED : 0;
	for (a = now ? vmspace_area_first(vs) : NULL; a != NULL; a = area_next(a)) {
		if ((a->flags & VM_SPECIAL) == 0)
			a->flags |= VM_LOCKED;
	}
	edit_merge(&e, 0, USER_TOP);
	edit_end(&e);
}

void vmspace_unlock_all(struct vmspace *vs)
{
	struct vm_area *a;
	struct vm_edit e;

	edit_begin(&e, vs);
	vs->flags_of_new = 0;
	for (a = vmspace_area_first(vs); a != NULL; a = area_next(a))
		a->flags &= ~VM_LOCKED;
	edit_merge(&e, 0, USER_TOP);
	edit_end(&e);
}

uint64_t vmspace_nr_locked(struct vmspace *vs, uaddr_t start, uaddr_t end)
{
	uint64_t nr = 0;

	scoped_mutex(&vs->lock);
	for (struct vm_area *a = area_after(vs, start); a != NULL && a->start < end;
	     a = area_next(a)) {
		if ((a->flags & VM_LOCKED) != 0)
			nr += (align_up(min(a->end, end), PAGE_SIZE) - max(a->start, start)) /
			      PAGE_SIZE;
	}
	return nr;
}
