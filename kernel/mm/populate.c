/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an address to a page: the fault entry, stack growth, and faults on purpose (populate, single
 * pages for futexes and patching).
 */
#include "core/smp/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/area.h"

#define POPULATE_RUN 256u
#define FETCH_BLOCK  16u /* bytes */

/* A stack grows to addr if the limit and the gap to what lies below allow it. */
static int grow_stack(struct vmspace *vs, struct vm_area *a, uaddr_t addr)
{
	struct vm_area *below = area_prev(a);
	uaddr_t start = align_down(addr, PAGE_SIZE);
	int err;

	if (!(a->flags & VM_GROWSDOWN) || start < USER_BASE_MIN)
		return -EFAULT;
	if (a->end - start > READ_ONCE(vs->limit_stack))
		return -EFAULT;
	if (below != NULL && !(below->flags & VM_GROWSDOWN) && below->prot != 0 &&
	    start - below->end < STACK_GUARD_GAP)
		return -EFAULT;
	err = area_check_limits(vs, a->start - start, a->prot, a->flags);
	if (err == 0)
		area_set_start(a, start);
	return err;
}

static int find_area(struct vmspace *vs, uaddr_t addr, struct vm_area **out)
{
	struct vm_area *a;

	if (addr >= USER_TOP)
		return -EFAULT;
	a = area_after(vs, addr);
	if (a == NULL)
		return -EFAULT;
	*out = a;
	return a->start <= addr ? 0 : grow_stack(vs, a, addr);
}

static int fault_at(struct vm_edit *e, uaddr_t addr, unsigned access, unsigned want)
{
	struct vm_area *a;
	int err = find_area(e->vs, addr, &a);

	return err == 0 ? fault_handle(e, a, align_down(addr, PAGE_SIZE), access, want) : err;
}

int vmspace_fault(struct vmspace *vs, uaddr_t addr, unsigned access)
{
	struct vm_edit e;
	int err;

	if (vs == NULL)
		return -EFAULT;
	edit_begin(&e, vs);
	err = fault_at(&e, addr, access, 0);
	edit_end(&e);
	atomic_add(&vs->nr_minor_faults, 1);
	return err;
}

/* As fault_at, until the page is there (a truncated page may need two tries). */
static int make_present(struct vm_edit *e, uaddr_t addr, unsigned access, unsigned want,
			struct mmu_entry *entry)
{
	int err;

	do {
		err = fault_at(e, addr, access, want);
		if (err != 0)
			return err;
	} while (!mmu_lookup(&e->vs->mmu, align_down(addr, PAGE_SIZE), entry) ||
		 (entry->prot & access) != access);
	return 0;
}

int vmspace_populate(struct vmspace *vs, uaddr_t addr, size_t len, unsigned access)
{
	uaddr_t at = align_down(addr, PAGE_SIZE), end = align_up(addr + len, PAGE_SIZE);
	struct mmu_entry entry;
	struct vm_edit e;
	int err = 0;

	if (len > USER_TOP || addr > USER_TOP - len)
		return -EFAULT;
	edit_begin(&e, vs);
	while (at < end) {
		err = make_present(&e, at, access,
				   (unsigned)min((end - at) / PAGE_SIZE, (uint64_t)POPULATE_RUN),
				   &entry);
		if (err != 0)
			break;
		at = entry.level == MMU_2M ? align_down(at, HUGE_SIZE) + HUGE_SIZE : at + PAGE_SIZE;
	}
	edit_end(&e);
	return err;
}

int vmspace_page(struct vmspace *vs, uaddr_t addr, unsigned access, struct page **out)
{
	uaddr_t va = align_down(addr, PAGE_SIZE);
	struct mmu_entry entry;
	struct vm_edit e;
	int err;

	edit_begin(&e, vs);
	err = make_present(&e, addr, access, 0, &entry);
	if (err == 0 && entry.level == MMU_2M) {
		/* Counts are of small pages; both borders, for va may be the first of the 512. */
		err = edit_split_huge(&e, is_aligned(va, HUGE_SIZE) ? va + PAGE_SIZE : va);
		if (err == 0)
			mmu_lookup(&vs->mmu, va, &entry);
	}
	if (err == 0) {
		*out = paddr_to_page(entry.paddr);
		page_get(*out);
	}
	edit_end(&e);
	return err;
}

/* The entry keeps its page, but whoever fetches or stores there waits for the space's lock. */
static void hide(struct vm_edit *e, uaddr_t va, const struct page *p)
{
	mmu_remap(&e->batch, va, page_to_paddr(p), 0);
	mmu_batch_end(&e->batch);
	mmu_batch_begin(&e->batch, &e->vs->mmu);
}

struct patch {
	uaddr_t addr;
	size_t len;
	const void *bytes;
	unsigned prot; /* of the page's entry */
	bool hidden;   /* nobody may reach the page while it changes */
};

/*
 * An instruction that other CPUs may be executing. They fetch code in aligned blocks, each by one
 * translation: what lies within one they see old or new when the page is exchanged for a patched
 * copy. What does not, and a page that they may store to, nobody can reach while it changes: the
 * flush interrupts whoever does.
 */
static int patch_shared(struct vm_edit *e, struct page *old, bool is_own, const struct patch *p)
{
	uaddr_t va = align_down(p->addr, PAGE_SIZE);
	struct page *to = p->hidden && is_own ? old : page_alloc(0, 0);

	if (to == NULL)
		return -ENOMEM;
	if (p->hidden)
		hide(e, va, old);
	if (to != old)
		memcpy(page_to_ptr(to), page_to_ptr(old), PAGE_SIZE);
	memcpy((char *)page_to_ptr(to) + p->addr % PAGE_SIZE, p->bytes, p->len);
	mmu_remap(&e->batch, va, page_to_paddr(to), p->prot);
	if (to != old) {
		page_set_anonymous(to);
		edit_drop_page(e, old);
	}
	return 0;
}

static int patch_locked(struct vm_edit *e, uaddr_t addr, const void *bytes, size_t len)
{
	struct patch p = { .addr = addr, .len = len, .bytes = bytes };
	bool runs_alone = cpu_is_alone() || atomic_load(&e->vs->ref.count) == 1, is_own;
	bool one_fetch = addr / FETCH_BLOCK == (addr + len - 1) / FETCH_BLOCK;
	uaddr_t va = align_down(addr, PAGE_SIZE);
	struct vm_area *a = vmspace_area_at(e->vs, va);
	struct mmu_entry entry;
	struct page *old;

	if (a == NULL || !(a->prot & MMU_EXEC) || (a->flags & (VM_SHARED | VM_SPECIAL)) ||
	    !mmu_lookup(&e->vs->mmu, va, &entry) || entry.level != MMU_4K)
		return -EAGAIN;
	old = paddr_to_page(entry.paddr);
	is_own = page_is_copy(old) && old->refs == 1;
	p.prot = entry.prot;
	p.hidden = !runs_alone && (!one_fetch || (p.prot & MMU_WRITE));
	if (!is_own || !runs_alone)
		return patch_shared(e, old, is_own, &p);
	memcpy((char *)page_to_ptr(old) + addr % PAGE_SIZE, bytes, len);
	return 0;
}

int vmspace_patch(struct vmspace *vs, uaddr_t addr, const void *bytes, size_t len)
{
	struct vm_edit e;
	int err;

	if (addr % PAGE_SIZE + len > PAGE_SIZE)
		return -EINVAL;
	edit_begin(&e, vs);
	err = patch_locked(&e, addr, bytes, len);
	edit_end(&e);
	return err;
}
