/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprotect(2). The whole range is validated first, its borders are made, then areas and entries
 * change. Entries are changed at once, not at the next fault: a change is dear, and one flush
 * serves them all.
 */
#include "lib/errno.h"
#include "mm/area.h"

static int check_area(struct vmspace *vs, const struct vm_area *a, size_t len, unsigned prot)
{
	if (a->flags & VM_SPECIAL)
		return -EACCES;
	if ((prot & MMU_WRITE) && (a->flags & VM_SHARED) && !(a->flags & VM_MAY_WRITE))
		return -EACCES;
	if ((prot & MMU_WRITE) && !(a->prot & MMU_WRITE) && !(a->flags & VM_SHARED) &&
	    vs->limit_data != UINT64_MAX)
		return area_check_limits(vs, len, prot, a->flags);
	return 0;
}

static int check_range(struct vmspace *vs, uaddr_t start, uaddr_t end, unsigned prot)
{
	struct vm_area *a = vmspace_area_at(vs, start);
	uaddr_t at = start;
	int err;

	for (; at < end; a = area_next(a)) {
		if (a == NULL || a->start > at)
			return -ENOMEM;
		err = check_area(vs, a, min(a->end, end) - at, prot);
		if (err != 0)
			return err;
		at = a->end;
	}
	return 0;
}

static void protect_entries(struct vm_edit *e, const struct vm_area *a)
{
	struct mmu_entry entry;
	vaddr_t va = a->start;
	unsigned prot;

	while (va < a->end && mmu_next(&e->vs->mmu, &va, a->end, &entry)) {
		prot = fault_entry_prot(a, paddr_to_page(entry.paddr));
		if (prot != entry.prot)
			mmu_remap(&e->batch, va, entry.paddr, prot);
		va += entry.level == MMU_2M ? HUGE_SIZE : PAGE_SIZE;
	}
}

int vmspace_protect(struct vmspace *vs, uaddr_t addr, size_t len, unsigned prot)
{
	uaddr_t end = align_up(addr + len, PAGE_SIZE);
	struct vm_edit e;
	int err;

	if (!is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (addr >= USER_TOP || len > USER_TOP - addr)
		return -ENOMEM;
	edit_begin(&e, vs);
	err = check_range(vs, addr, end, prot);
	if (err == 0)
		err = edit_isolate(&e, addr, end);
	if (err == 0) {
		for (struct vm_area *a = area_after(vs, addr); a != NULL && a->start < end;
		     a = area_next(a)) {
			if (a->prot == prot)
				continue;
			a->prot = prot;
			protect_entries(&e, a);
		}
		edit_merge(&e, addr, end);
	}
	edit_end(&e);
	return err;
}
