/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory policies of ranges (mbind(2)). A machine of one node obeys any of them; they are kept with
 * the areas for whoever asks.
 */
#include "lib/errno.h"
#include "mm/area.h"

/* -EFAULT: a hole, which only going back to the default may have; or nothing at all. */
static int check_holes(struct vmspace *vs, uaddr_t start, uaddr_t end, bool may_have)
{
	struct vm_area *a = area_after(vs, start);
	uaddr_t at = start;

	if (a == NULL || a->start >= end)
		return -EFAULT;
	if (may_have)
		return 0;
	for (; a != NULL && a->start < end; a = area_next(a)) {
		if (a->start > at)
			return -EFAULT;
		at = a->end;
	}
	return at < end ? -EFAULT : 0;
}

static int set_locked(struct vm_edit *e, uaddr_t start, uaddr_t end, const struct vm_policy *p)
{
	struct vm_area *a;
	int err = check_holes(e->vs, start, end, p->mode == 0);

	if (err == 0)
		err = edit_isolate(e, start, end);
	if (err != 0)
		return err;
	for (a = area_after(e->vs, start); a != NULL && a->start < end; a = area_next(a))
		a->policy = *p;
	edit_merge(e, start, end);
	return 0;
}

int vmspace_set_policy(struct vmspace *vs, uaddr_t start, uaddr_t end, const struct vm_policy *p)
{
	struct vm_edit e;
	int err;

	if (end > USER_TOP)
		return -EFAULT;
	edit_begin(&e, vs);
	err = set_locked(&e, start, end, p);
	edit_end(&e);
	return err;
}
