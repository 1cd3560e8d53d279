/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork(2)'s part of memory. The child gets a copy of every area; shared mappings start without
 * entries, private ones with the parent's, read-only on both sides. A private page's count says
 * how many spaces map it: whoever writes while it is above 1 copies, the last one writes in place
 * (fault.c).
 *
 * A page that the parent may write now is one that it has written since its last fork, and will
 * write soon again: the stack, the C library's data. The first few of those are copied at once.
 * That costs less than one of the two faults that it saves, and no change of the parent's entry
 * (on software KVM 45 us). Not while other threads run, which could write during the copy.
 */
#include "arch/program.h"
#include "core/file.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/area.h"

static int copy_special(struct vm_area *to, const struct vm_area *from)
{
	uint64_t nr = area_pages(from);

	to->special_pages = kmem_new_array(struct page *, nr);
	if (to->special_pages == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr; i++) {
		to->special_pages[i] = from->special_pages[i];
		page_get(to->special_pages[i]);
	}
	return 0;
}

static struct vm_area *copy_area(struct vmspace *child, const struct vm_area *from)
{
	struct vm_area *a = area_new(child);

	if (a == NULL)
		return NULL;
	a->start = from->start;
	a->end = from->end;
	a->prot = from->prot;
	a->flags = from->flags & ~VM_LOCKED;
	a->object_idx = from->object_idx;
	a->name = from->name;
	a->policy = from->policy;
	if (from->special_pages != NULL && copy_special(a, from) != 0) {
		kmem_free(a);
		return NULL;
	}
	a->object = from->object;
	a->file = from->file;
	area_hold(a);
	return a;
}

#define COPIES_MAX       96 /* pages copied at once, in all areas but the stack */
#define STACK_COPIES_MAX 16

/* Copies of pages that a fork may still make. */
struct copy_budget {
	unsigned stack, others;
};

static bool takes_copy(struct copy_budget *budget, const struct vm_area *a,
		       const struct mmu_entry *entry)
{
	unsigned *left = a->flags & VM_GROWSDOWN ? &budget->stack : &budget->others;

	if (*left == 0 || !(entry->prot & MMU_WRITE) || !page_is_copy(paddr_to_page(entry->paddr)))
		return false;
	(*left)--;
	return true;
}

static int copy_entry(struct vmspace *child, uaddr_t va, const struct mmu_entry *entry)
{
	struct page *copy = page_alloc(0, 0);
	int err;

	if (copy == NULL)
		return -ENOMEM;
	memcpy(page_to_ptr(copy), paddr_to_ptr(entry->paddr), PAGE_SIZE);
	err = mmu_map(&child->mmu, va, page_to_paddr(copy), entry->prot, MMU_4K);
	if (err != 0) {
		page_put(copy);
		return err;
	}
	page_set_anonymous(copy);
	child->nr_pages++;
	return 0;
}

static int share_entry(struct vm_edit *parent, struct vmspace *child, uaddr_t va,
		       struct mmu_entry *entry)
{
	struct page *p = paddr_to_page(entry->paddr);
	unsigned prot = entry->prot & ~MMU_WRITE;
	int err = mmu_map(&child->mmu, va, entry->paddr, prot, MMU_4K);

	if (err != 0)
		return err;
	page_get(p);
	if (!(p->flags & PAGE_RESERVED))
		child->nr_pages++;
	if (prot != entry->prot)
		mmu_remap(&parent->batch, va, entry->paddr, prot);
	return 0;
}

static int share_pages(struct vm_edit *parent, struct vmspace *child, const struct vm_area *a,
		       struct copy_budget *budget)
{
	struct mmu_entry entry;
	vaddr_t va = a->start;
	int err = 0;

	for (; va < a->end && mmu_next(&parent->vs->mmu, &va, a->end, &entry); va += PAGE_SIZE) {
		if (entry.level == MMU_2M) {
			err = edit_split_huge(parent, va + PAGE_SIZE);
			if (err == 0)
				mmu_lookup(&parent->vs->mmu, va, &entry);
		}
		if (err == 0)
			err = takes_copy(budget, a, &entry)
				      ? copy_entry(child, va, &entry)
				      : share_entry(parent, child, va, &entry);
		if (err != 0)
			return err;
	}
	return 0;
}

static int fork_areas(struct vm_edit *parent, struct vmspace *child)
{
	bool alone = atomic_load(&parent->vs->ref.count) == 1;
	struct copy_budget budget = { 0, 0 };
	struct vm_area *a, *copy;
	int err;

	if (alone && page_memory_is_ample())
		budget = (struct copy_budget){ STACK_COPIES_MAX, COPIES_MAX };
	for (a = vmspace_area_first(parent->vs); a != NULL; a = area_next(a)) {
		if (a->flags & VM_DONTFORK)
			continue;
		copy = copy_area(child, a);
		if (copy == NULL)
			return -ENOMEM;
		area_link(child, copy);
		if (a->flags & (VM_SHARED | VM_WIPEONFORK | VM_SPECIAL))
			continue;
		err = share_pages(parent, child, a, &budget);
		if (err != 0)
			return err;
	}
	return 0;
}

static void copy_facts(struct vmspace *to, const struct vmspace *from)
{
	to->mmap_base = from->mmap_base;
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->stack_top = from->stack_top;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->code_start = from->code_start;
	to->code_end = from->code_end;
	to->data_start = from->data_start;
	to->data_end = from->data_end;
	to->limit_as = from->limit_as;
	to->limit_data = from->limit_data;
	to->limit_stack = from->limit_stack;
	to->vdso = from->vdso;
	to->auxv_len = from->auxv_len;
	memcpy(to->auxv, from->auxv, sizeof(to->auxv));
	to->exe = from->exe != NULL ? file_get(from->exe) : NULL;
}

/*
 * A failure half way leaves pages of the parent read-only: its next writes find their count 1
 * again.
 */
struct vmspace *vmspace_fork(struct vmspace *vs)
{
	struct vmspace *child = vmspace_new();
	struct vm_edit e;
	int err;

	if (child == NULL)
		return NULL;
	edit_begin(&e, vs);
	copy_facts(child, vs);
	err = fork_areas(&e, child);
	edit_end(&e);
	if (err == 0 && atomic_load(&vs->door) != NULL) {
		child->door = door_table_fork(vs->door);
		err = child->door == NULL ? -ENOMEM : 0;
	}
	if (err == 0)
		return child;
	vmspace_put(child);
	return NULL;
}
