/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap(2) and munmap(2). A new area is made whole first, file and object included; then the lock
 * is taken, a place found, what lies there removed, and the area put in: after the removal nothing
 * can fail.
 */
#include "core/file.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/area.h"

#define AREA_FLAGS (VM_MAP_FIXED - 1) /* those of vm_map.flags that an area keeps */

static int check_request(const struct vm_map *m, size_t len)
{
	if (m->len == 0 || !is_aligned(m->offset, PAGE_SIZE))
		return -EINVAL;
	if (len < m->len || len > USER_TOP)
		return -ENOMEM;
	if (m->offset + len < m->offset)
		return -EOVERFLOW;
	if (!(m->flags & (VM_MAP_FIXED | VM_MAP_NOREPLACE)))
		return 0;
	if (!is_aligned(m->addr, PAGE_SIZE))
		return -EINVAL;
	if (m->addr > USER_TOP - len)
		return -ENOMEM;
	return m->addr < USER_BASE_MIN ? -EPERM : 0;
}

/* mmap(2): EACCES. */
static int check_file(const struct vm_map *m, struct vm_area *a)
{
	const struct file *f = m->file;

	if (!(f->traits & FILE_READ))
		return -EACCES;
	if (a->flags & VM_SHARED) {
		if ((m->prot & MMU_WRITE) && !(f->traits & FILE_WRITE))
			return -EACCES;
		if (!(f->traits & FILE_WRITE))
			a->flags &= ~VM_MAY_WRITE;
	}
	return f->ops->mmap != NULL ? 0 : -ENODEV;
}

static int attach(struct vm_area *a, const struct vm_map *m)
{
	int err;

	if (m->file != NULL) {
		err = check_file(m, a);
		if (err != 0)
			return err;
		a->file = file_get(m->file);
		err = m->file->ops->mmap(m->file, a);
		if (err != 0)
			return err;
	} else if (m->object != NULL) {
		object_get(m->object);
		a->object = m->object;
	}
	if (a->object == NULL && (a->flags & VM_SHARED)) {
		a->object = object_new_anonymous();
		if (a->object == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int make_area(struct vmspace *vs, const struct vm_map *m, struct vm_area **out)
{
	struct vm_area *a = area_new(vs);
	int err;

	if (a == NULL)
		return -ENOMEM;
	a->prot = m->prot;
	a->flags = (m->flags & AREA_FLAGS) | VM_MAY_WRITE | READ_ONCE(vs->flags_of_new);
	a->name = m->name;
	a->object_idx = m->offset / PAGE_SIZE;
	err = attach(a, m);
	if (err != 0) {
		area_free(a);
		return err;
	}
	if (a->object == NULL)
		a->object_idx = 0;
	*out = a;
	return 0;
}

static uint64_t bytes_in(struct vmspace *vs, uaddr_t start, uaddr_t end)
{
	uint64_t sum = 0;

	for (struct vm_area *a = area_after(vs, start); a != NULL && a->start < end;
	     a = area_next(a))
		sum += min(a->end, end) - max(a->start, start);
	return sum;
}

/* Finds the place; a fixed one is emptied. Nothing fails after that. */
static int make_room(struct vm_edit *e, const struct vm_map *m, size_t len, uaddr_t *addr)
{
	struct vm_area *there;
	size_t more = len;
	int err;

	if (e->vs->nr_areas >= MAP_COUNT_MAX)
		return -ENOMEM;
	if (m->flags & VM_MAP_NOREPLACE) {
		there = area_after(e->vs, m->addr);
		if (there != NULL && there->start < m->addr + len)
			return -EEXIST;
	} else if (m->flags & VM_MAP_FIXED) {
		more -= bytes_in(e->vs, m->addr, m->addr + len);
	}
	err = area_check_limits(e->vs, more, m->prot, m->flags);
	if (err != 0)
		return err;
	*addr = m->addr;
	if (m->flags & VM_MAP_NOREPLACE)
		return 0;
	if (m->flags & VM_MAP_FIXED)
		return edit_unmap(e, m->addr, m->addr + len);
	return area_find_gap(e->vs, m->addr, len, m->flags, addr);
}

static int place(struct vm_area *a, const struct vm_map *m, size_t len, uaddr_t *out)
{
	struct vm_edit e;
	int err;

	edit_begin(&e, a->vmspace);
	err = make_room(&e, m, len, out);
	if (err == 0) {
		a->start = *out;
		a->end = *out + len;
		edit_insert(&e, a);
	}
	edit_end(&e);
	return err;
}

/* Private pages are made as they will be needed; shared ones only become dirty by a real write. */
static unsigned populate_access(const struct vm_map *m)
{
	return (m->prot & MMU_WRITE) && !(m->flags & VM_SHARED) ? MMU_WRITE : MMU_READ;
}

int vmspace_map(struct vmspace *vs, const struct vm_map *m, uaddr_t *out)
{
	size_t len = align_up(m->len, PAGE_SIZE);
	struct vm_area *a;
	uaddr_t addr;
	int err = check_request(m, len);

	if (err == 0)
		err = make_area(vs, m, &a);
	if (err != 0)
		return err;
	err = place(a, m, len, &addr);
	if (err != 0) {
		area_free(a);
		return err;
	}
	/* As on Linux, populating is an attempt: its failure is not the mapping's. */
	if ((m->flags & (VM_MAP_POPULATE | VM_LOCKED)) && m->prot != 0)
		IGNORE_RESULT(vmspace_populate(vs, addr, len, populate_access(m)));
	*out = addr;
	return 0;
}

int vmspace_map_special(struct vmspace *vs, const struct vm_map *m, struct page **pages,
			uaddr_t *out)
{
	size_t len = align_up(m->len, PAGE_SIZE), nr = len / PAGE_SIZE;
	struct page **copy;
	struct vm_area *a;
	int err = check_request(m, len);

	if (err != 0)
		return err;
	a = area_new(vs);
	copy = kmem_new_array(struct page *, nr);
	if (a == NULL || copy == NULL) {
		kmem_free(a);
		kmem_free(copy);
		return -ENOMEM;
	}
	a->prot = m->prot;
	a->flags = (m->flags & AREA_FLAGS) | VM_SPECIAL;
	a->name = m->name;
	memcpy(copy, pages, nr * sizeof(*copy));
	a->special_pages = copy;
	err = place(a, m, len, out);
	if (err != 0) {
		kmem_free(copy); /* the pages stay the caller's */
		kmem_free(a);
	}
	return err;
}

int vmspace_unmap(struct vmspace *vs, uaddr_t addr, size_t len)
{
	struct vm_edit e;
	int err;

	if (len == 0 || !is_aligned(addr, PAGE_SIZE) || len > USER_TOP || addr > USER_TOP - len ||
	    align_up(addr + len, PAGE_SIZE) > USER_TOP)
		return -EINVAL;
	edit_begin(&e, vs);
	err = edit_unmap(&e, addr, align_up(addr + len, PAGE_SIZE));
	edit_end(&e);
	return err;
}
