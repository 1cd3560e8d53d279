/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces as a whole: birth, end, what they map, and the heap's break (brk(2)).
 */
#include "mm/vmspace.h"

#include "arch/program.h"
#include "core/file.h"
#include "core/program.h"
#include "core/sched/thread.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/area.h"

static uint64_t last_id; /* [a] */
static const char heap_name[] = "[heap]";

struct vmspace *vmspace_new(void)
{
	struct vmspace *vs = kmem_new(struct vmspace);

	if (vs == NULL)
		return NULL;
	if (mmu_space_init(&vs->mmu) != 0) {
		kmem_free(vs);
		return NULL;
	}
	ref_init(&vs->ref);
	mutex_init(&vs->lock);
	vs->limit_as = vs->limit_data = vs->limit_stack = UINT64_MAX;
	vs->id = atomic_add(&last_id, 1);
	return vs;
}

struct vmspace *vmspace_get(struct vmspace *vs)
{
	ref_get(&vs->ref);
	return vs;
}

struct vmspace *vmspace_current(void)
{
	return thread_current()->vmspace;
}

OPTIONAL(program_native_free);

static bool is_first(const struct vm_area *a)
{
	scoped_spin(&a->object->lock);
	return list_first(&a->object->areas, struct vm_area, object_link) == a;
}

uint64_t vmspace_nr_object_pages(struct vmspace *vs)
{
	uint64_t nr = 0;

	scoped_mutex(&vs->lock);
	for (struct vm_area *a = vmspace_area_first(vs); a != NULL; a = vmspace_area_next(a)) {
		if (a->object != NULL && is_first(a))
			nr += object_nr_mapped(a->object);
	}
	return nr;
}

static void unmap_all(struct vmspace *vs)
{
	struct vm_area *a;
	struct vm_edit e;

	edit_begin(&e, vs);
	edit_zap(&e, 0, USER_TOP);
	while ((a = vmspace_area_first(vs)) != NULL) {
		area_unlink(a);
		edit_doom(&e, a);
	}
	edit_end(&e);
}

void vmspace_put(struct vmspace *vs)
{
	if (!ref_put(&vs->ref))
		return;
	if (vs->native != NULL)
		program_native_free(vs->native);
	unmap_all(vs);
	mmu_space_fini(&vs->mmu);
	if (vs->door != NULL)
		door_table_free(vs->door);
	if (vs->exe != NULL)
		file_put(vs->exe);
	kmem_free(vs);
}

/* ---- brk(2) ---- */

static int grow_heap(struct vm_edit *e, uaddr_t from, uaddr_t to)
{
	struct vmspace *vs = e->vs;
	struct vm_area *a;
	int err;

	if (to > USER_TOP || !area_range_is_free(vs, from, to - from))
		return -ENOMEM;
	err = area_check_limits(vs, to - from, MMU_READ | MMU_WRITE, 0);
	if (err != 0)
		return err;
	a = area_new(vs);
	if (a == NULL)
		return -ENOMEM;
	a->start = from;
	a->end = to;
	a->prot = MMU_READ | MMU_WRITE;
	a->flags = VM_MAY_WRITE | vs->flags_of_new;
	a->name = heap_name;
	edit_insert(e, a);
	return 0;
}

uaddr_t vmspace_brk(struct vmspace *vs, uaddr_t new_brk)
{
	uaddr_t from, to, now;
	struct vm_edit e;
	int err = 0;

	edit_begin(&e, vs);
	if (new_brk < vs->brk_start || new_brk > USER_TOP)
		goto out;
	from = align_up(vs->brk, PAGE_SIZE);
	to = align_up(new_brk, PAGE_SIZE);
	if (to > from)
		err = grow_heap(&e, from, to);
	else if (to < from)
		err = edit_unmap(&e, to, from);
	if (err == 0)
		vs->brk = new_brk;
out:
	now = vs->brk;
	edit_end(&e);
	return now;
}
