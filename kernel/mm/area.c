/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas: the ordered set, splitting, finding room, limits. Areas never overlap and are never
 * empty; one that maps an object is on the object's list for as long as it is in the tree. All
 * with vs->lock held, but area_new() and area_free().
 */
#include "mm/area.h"

#include "core/file.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define OVERCOMMIT_EXTRA ((128ul << 20) / PAGE_SIZE) /* in place of the swap that there is not */
#define LOW_2G_START     0x40000000ul
#define LOW_2G_END       0x80000000ul

static struct vm_area *from_node(struct tree_node *n)
{
	return n != NULL ? tree_entry(n, struct vm_area, node) : NULL;
}

struct vm_area *area_new(struct vmspace *vs)
{
	struct vm_area *a = kmem_new(struct vm_area);

	if (a != NULL) {
		a->vmspace = vs;
		list_init(&a->object_link);
	}
	return a;
}

void area_free(struct vm_area *a)
{
	struct vm_object *o = a->object;

	/*
	 * What was written has to reach the file. munmap(2) cannot tell of an error; fsync(2)
	 * will.
	 */
	if (o != NULL && (a->flags & VM_SHARED) && (a->flags & VM_MAY_WRITE))
		IGNORE_RESULT(object_flush(o, a->object_idx * PAGE_SIZE,
					   (a->object_idx + area_pages(a)) * PAGE_SIZE));
	if (o != NULL && (a->flags & VM_WRITER))
		atomic_sub(&o->nr_writers, 1);
	if (o != NULL)
		object_put(o);
	if (a->file != NULL) {
		if (a->file->ops->unmapped != NULL)
			a->file->ops->unmapped(a->file);
		file_put(a->file);
	}
	for (uint64_t i = 0; a->special_pages != NULL && i < area_pages(a); i++)
		page_put(a->special_pages[i]);
	kmem_free(a->special_pages);
	kmem_free(a);
}

void area_hold(struct vm_area *a)
{
	if (a->object != NULL)
		object_get(a->object);
	if (a->flags & VM_WRITER)
		atomic_add(&a->object->nr_writers, 1);
	if (a->file != NULL)
		file_get(a->file);
}

struct vm_area *area_next(const struct vm_area *a)
{
	return from_node(tree_next(&a->node));
}

struct vm_area *area_prev(const struct vm_area *a)
{
	return from_node(tree_prev(&a->node));
}

struct vm_area *area_after(struct vmspace *vs, uaddr_t addr)
{
	struct tree_node *n = vs->areas.root;
	struct vm_area *a, *best = NULL;

	a = vs->last_hit;
	if (a != NULL && a->start <= addr && addr < a->end)
		return a;
	while (n != NULL) {
		a = from_node(n);
		if (a->end > addr) {
			best = a;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	vs->last_hit = best;
	return best;
}

struct vm_area *area_before(struct vmspace *vs, uaddr_t addr)
{
	struct tree_node *n = vs->areas.root;
	struct vm_area *a, *best = NULL;

	while (n != NULL) {
		a = from_node(n);
		if (a->start < addr) {
			best = a;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

struct vm_area *vmspace_area_first(struct vmspace *vs)
{
	return from_node(tree_first(&vs->areas));
}

struct vm_area *vmspace_area_next(struct vm_area *a)
{
	return area_next(a);
}

struct vm_area *vmspace_area_at(struct vmspace *vs, uaddr_t addr)
{
	struct vm_area *a = area_after(vs, addr);

	return a != NULL && a->start <= addr ? a : NULL;
}

void area_link(struct vmspace *vs, struct vm_area *a)
{
	struct tree_node **slot = &vs->areas.root, *parent = NULL;

	while (*slot != NULL) {
		parent = *slot;
		slot = a->start < from_node(parent)->start ? &parent->left : &parent->right;
	}
	tree_insert(&vs->areas, parent, slot, &a->node);
	vs->nr_areas++;
	vs->nr_mapped += area_pages(a);
	if (a->object != NULL) {
		scoped_spin(&a->object->lock);
		list_append(&a->object->areas, &a->object_link);
	}
}

void area_unlink(struct vm_area *a)
{
	struct vmspace *vs = a->vmspace;

	if (vs->last_hit == a)
		vs->last_hit = NULL;
	tree_remove(&vs->areas, &a->node);
	vs->nr_areas--;
	vs->nr_mapped -= area_pages(a);
	if (a->object != NULL) {
		scoped_spin(&a->object->lock);
		list_remove(&a->object_link);
	}
}

void area_set_start(struct vm_area *a, uaddr_t start)
{
	if (a->object != NULL)
		a->object_idx = start < a->start ? a->object_idx - (a->start - start) / PAGE_SIZE
						 : area_idx_at(a, start);
	a->vmspace->nr_mapped -= area_pages(a);
	a->start = start;
	a->vmspace->nr_mapped += area_pages(a);
}

void area_set_end(struct vm_area *a, uaddr_t end)
{
	a->vmspace->nr_mapped -= area_pages(a);
	a->end = end;
	a->vmspace->nr_mapped += area_pages(a);
}

static int split_special(struct vm_area *low, struct vm_area *high)
{
	uint64_t nr_low = (high->start - low->start) / PAGE_SIZE, nr_high = area_pages(high);

	if (low->special_pages == NULL)
		return 0;
	high->special_pages = kmem_new_array(struct page *, nr_high);
	if (high->special_pages == NULL)
		return -ENOMEM;
	memcpy(high->special_pages, low->special_pages + nr_low, nr_high * sizeof(struct page *));
	return 0;
}

int area_split(struct vm_area *a, uaddr_t addr)
{
	struct vmspace *vs = a->vmspace;
	struct vm_area *high;

	if (vs->nr_areas >= MAP_COUNT_MAX)
		return -ENOMEM;
	high = area_new(vs);
	if (high == NULL)
		return -ENOMEM;
	*high = *a;
	high->node = (struct tree_node){ 0 };
	list_init(&high->object_link);
	high->object_idx = a->object != NULL ? area_idx_at(a, addr) : 0;
	high->start = addr;
	if (split_special(a, high) != 0) {
		kmem_free(high);
		return -ENOMEM;
	}
	area_hold(high);
	area_set_end(a, addr);
	area_link(vs, high);
	return 0;
}

/* ---- room ---- */

/* Nothing is placed closer than this below an area. */
static uaddr_t lowest_use(const struct vm_area *a)
{
	if (!(a->flags & VM_GROWSDOWN))
		return a->start;
	return a->start > STACK_GUARD_GAP ? a->start - STACK_GUARD_GAP : 0;
}

bool area_range_is_free(struct vmspace *vs, uaddr_t addr, size_t len)
{
	struct vm_area *next;

	if (len > USER_TOP || addr > USER_TOP - len || addr < USER_BASE_MIN)
		return false;
	next = area_after(vs, addr);
	return next == NULL || addr + len <= lowest_use(next);
}

/*
 * The highest free range of len bytes in [low, high); *skipped grows to the largest hole passed
 * by.
 */
static uaddr_t search_down(struct vmspace *vs, size_t len, uaddr_t low, uaddr_t high,
			   size_t *skipped)
{
	struct vm_area *above = area_after(vs, high), *a = area_before(vs, high);
	uaddr_t top = high, bottom;

	if (a != NULL && a->end > high)
		above = a;
	if (above != NULL)
		top = min(top, lowest_use(above));
	if (a == above && a != NULL)
		a = area_prev(a);
	for (;; a = area_prev(a)) {
		bottom = a != NULL ? max(a->end, low) : low;
		if (top > bottom) {
			if (top - bottom >= len)
				return top - len;
			*skipped = max(*skipped, (size_t)(top - bottom));
		}
		if (a == NULL || a->start <= low)
			return 0;
		top = lowest_use(a);
	}
}

static uaddr_t search_cached(struct vmspace *vs, size_t len)
{
	uaddr_t base = vs->mmap_base != 0 ? vs->mmap_base : USER_TOP, addr = 0;

	if (len > vs->search_hole && vs->search_top != 0)
		addr = search_down(vs, len, USER_BASE_MIN, min(vs->search_top, base),
				   &vs->search_hole);
	if (addr == 0) {
		vs->search_hole = 0;
		addr = search_down(vs, len, USER_BASE_MIN, base, &vs->search_hole);
	}
	if (addr != 0)
		vs->search_top = addr;
	return addr;
}

int area_find_gap(struct vmspace *vs, uaddr_t hint, size_t len, unsigned map_flags, uaddr_t *out)
{
	uaddr_t addr = align_down(hint, PAGE_SIZE);
	bool low = map_flags & VM_MAP_32BIT;
	size_t unused = 0;

	if (addr != 0 && !(low && addr + len > LOW_2G_END) && area_range_is_free(vs, addr, len)) {
		*out = addr;
		return 0;
	}
	if (low)
		addr = search_down(vs, len, LOW_2G_START, LOW_2G_END, &unused);
	else
		addr = search_cached(vs, len);
	if (addr == 0 && !low) /* nothing below the base: above it, then */
		addr = search_down(vs, len, USER_BASE_MIN, USER_TOP, &unused);
	if (addr == 0)
		return -ENOMEM;
	*out = addr;
	return 0;
}

/* ---- limits ---- */

static bool is_data(unsigned prot, unsigned flags)
{
	return (prot & MMU_WRITE) && !(flags & (VM_SHARED | VM_STACK));
}

static uint64_t data_bytes(struct vmspace *vs)
{
	uint64_t sum = 0;

	for (struct vm_area *a = vmspace_area_first(vs); a != NULL; a = area_next(a))
		sum += is_data(a->prot, a->flags) ? a->end - a->start : 0;
	return sum;
}

int area_check_limits(struct vmspace *vs, size_t len, unsigned prot, unsigned flags)
{
	uint64_t as = READ_ONCE(vs->limit_as), data = READ_ONCE(vs->limit_data);
	uint64_t mapped = vs->nr_mapped * PAGE_SIZE;

	if (len > as || mapped > as - len)
		return -ENOMEM;
	if (!is_data(prot, flags))
		return 0;
	if (data != UINT64_MAX && data_bytes(vs) + len > data)
		return -ENOMEM;
	/* Linux's overcommit mode 0: only what can never be had is refused. */
	if (!(flags & VM_NORESERVE) && len / PAGE_SIZE > page_nr_total() + OVERCOMMIT_EXTRA)
		return -ENOMEM;
	return 0;
}
