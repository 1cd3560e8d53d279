/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mremap(2). Growing tries the room behind the mapping; else it moves: a second area is made for
 * the same object, the page table entries are copied over (the only step that may fail half way,
 * and is undone), and then taken away from the old place without touching the pages' counts.
 */
#include <linux/mman.h>

#include "core/file.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/area.h"

struct move {
	uaddr_t old, new;
	size_t old_len, new_len; /* page multiples */
	unsigned flags;          /* MREMAP_* */
};

static int check_request(const struct move *m)
{
	if (m->flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(m->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && m->old_len != m->new_len)
		return -EINVAL;
	if (!is_aligned(m->old, PAGE_SIZE) || m->new_len == 0)
		return -EINVAL;
	if (m->old_len > USER_TOP || m->old > USER_TOP - m->old_len)
		return -EFAULT;
	if (!(m->flags & MREMAP_FIXED))
		return 0;
	if (!is_aligned(m->new, PAGE_SIZE) || m->new_len > USER_TOP ||
	    m->new > USER_TOP - m->new_len || m->new < USER_BASE_MIN)
		return -EINVAL;
	if (m->new < m->old + m->old_len && m->old < m->new + m->new_len)
		return -EINVAL;
	return 0;
}

static int check_area(struct vmspace *vs, const struct move *m, const struct vm_area *a)
{
	if (a == NULL || m->old_len > a->end - m->old)
		return -EFAULT;
	if (a->flags & VM_SPECIAL)
		return -EINVAL;
	if (m->old_len == 0 && !(a->flags & VM_SHARED))
		return -EINVAL; /* only a shared mapping can be had twice */
	if ((m->flags & MREMAP_DONTUNMAP) && (a->object != NULL || (a->flags & VM_SHARED)))
		return -EINVAL;
	if (m->new_len > USER_TOP)
		return -ENOMEM;
	if (m->new_len > m->old_len)
		return area_check_limits(vs, m->new_len - m->old_len, a->prot, a->flags);
	return 0;
}

/* The area behind the move's target, like `a` but in no tree yet. */
static struct vm_area *new_area(struct vm_area *a, const struct move *m)
{
	struct vm_area *to = area_new(a->vmspace);

	if (to == NULL)
		return NULL;
	to->start = m->new;
	to->end = m->new + m->new_len;
	to->prot = a->prot;
	to->flags = a->flags;
	to->name = a->name;
	to->policy = a->policy;
	to->object = a->object;
	to->file = a->file;
	if (to->object != NULL)
		to->object_idx = area_idx_at(a, m->old);
	area_hold(to);
	return to;
}

static void forget_entries(struct vm_edit *e, uaddr_t start, uaddr_t end)
{
	struct mmu_entry entry;
	vaddr_t va = start;

	for (; va < end && mmu_next(&e->vs->mmu, &va, end, &entry); va += PAGE_SIZE)
		mmu_unmap(&e->batch, va);
}

/* Small pages only: moved mappings are seldom aligned alike. */
static int copy_entries(struct vm_edit *e, const struct move *m)
{
	uaddr_t end = m->old + min(m->old_len, m->new_len);
	struct mmu_entry entry;
	vaddr_t va = m->old;
	int err = 0;

	for (; va < end && mmu_next(&e->vs->mmu, &va, end, &entry); va += PAGE_SIZE) {
		if (entry.level == MMU_2M)
			err = edit_split_huge(e, va + PAGE_SIZE);
		if (err == 0)
			err = mmu_map(&e->vs->mmu, va - m->old + m->new, entry.paddr, entry.prot,
				      MMU_4K);
		if (err != 0)
			break;
	}
	if (err != 0)
		forget_entries(e, m->new, m->new + m->new_len);
	return err;
}

/* What stays at the old place: nothing, or with MREMAP_DONTUNMAP an empty mapping. */
static void leave(struct vm_edit *e, const struct move *m)
{
	struct vm_area *a = vmspace_area_at(e->vs, m->old);

	forget_entries(e, m->old, m->old + m->old_len);
	if ((m->flags & MREMAP_DONTUNMAP) || m->old_len == 0)
		return;
	area_unlink(a);
	a->flags &= ~VM_SHARED; /* its pages live on: nothing to write back */
	edit_doom(e, a);
}

static int move_area(struct vm_edit *e, struct move *m)
{
	uaddr_t hint = m->flags & MREMAP_FIXED ? m->new : 0;
	struct vm_area *a, *to;
	int err = 0;

	if (e->vs->nr_areas + 2 >= MAP_COUNT_MAX)
		return -ENOMEM;
	if (m->flags & MREMAP_FIXED)
		err = edit_unmap(e, m->new, m->new + m->new_len);
	else
		err = area_find_gap(e->vs, hint, m->new_len, 0, &m->new);
	if (err == 0 && m->old_len > m->new_len) {
		err = edit_unmap(e, m->old + m->new_len, m->old + m->old_len);
		m->old_len = err == 0 ? m->new_len : m->old_len;
	}
	if (err == 0 && m->old_len != 0)
		err = edit_isolate(e, m->old, m->old + m->old_len);
	if (err != 0)
		return err;
	a = vmspace_area_at(e->vs, m->old);
	to = new_area(a, m);
	if (to == NULL)
		return -ENOMEM;
	err = copy_entries(e, m);
	if (err != 0) {
		to->flags &= ~VM_SHARED;
		edit_doom(e, to);
		return err;
	}
	leave(e, m);
	edit_insert(e, to);
	return 0;
}

static int resize(struct vm_edit *e, struct move *m)
{
	struct vm_area *a = vmspace_area_at(e->vs, m->old);
	size_t more = m->new_len - m->old_len;
	int err = check_area(e->vs, m, a);

	if (err != 0)
		return err;
	if (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return move_area(e, m);
	m->new = m->old;
	if (m->new_len <= m->old_len && m->old_len != 0)
		return edit_unmap(e, m->old + m->new_len, m->old + m->old_len);
	if (m->old_len != 0 && m->old + m->old_len == a->end &&
	    area_range_is_free(e->vs, a->end, more)) {
		area_set_end(a, a->end + more);
		edit_merge(e, a->start, a->end);
		return 0;
	}
	return m->flags & MREMAP_MAYMOVE ? move_area(e, m) : -ENOMEM;
}

int vmspace_remap(struct vmspace *vs, uaddr_t old, size_t old_len, size_t new_len,
		  unsigned mremap_flags, uaddr_t *inout_addr)
{
	struct move m = {
		.old = old,
		.new = *inout_addr,
		.old_len = align_up(old_len, PAGE_SIZE),
		.new_len = align_up(new_len, PAGE_SIZE),
		.flags = mremap_flags,
	};
	struct vm_edit e;
	bool locked;
	int err;

	if (m.old_len < old_len || m.new_len < new_len)
		return -EINVAL;
	err = check_request(&m);
	if (err != 0)
		return err;
	edit_begin(&e, vs);
	err = resize(&e, &m);
	locked = err == 0 && (vmspace_area_at(vs, m.new)->flags & VM_LOCKED);
	edit_end(&e);
	if (err != 0)
		return err;
	if (locked && m.new_len > m.old_len) /* an attempt, as with mmap(2) */
		IGNORE_RESULT(vmspace_populate(vs, m.new, m.new_len, MMU_READ));
	*inout_addr = m.new;
	return 0;
}
