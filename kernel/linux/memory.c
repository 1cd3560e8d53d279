/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls about memory: mmap(2) and its family, brk(2), madvise(2), mlock(2), and the memory
 * policies of a machine with one node. Checks of arguments that only Linux's interface knows are
 * here; the work and the other checks are mm's.
 */
#include <linux/mman.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/file/rw.h"
#include "linux/memory_lock.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"

_Static_assert(PROT_READ == MMU_READ && PROT_WRITE == MMU_WRITE && PROT_EXEC == MMU_EXEC,
	       "same bits");

/* ---- mmap ---- */

#define MAP_KNOWN \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | \
	 MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | \
	 MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE | MAP_HUGETLB)

static unsigned vm_flags_of(unsigned long flags, bool shared)
{
	unsigned vm = shared ? VM_SHARED : 0;

	if ((flags & MAP_FIXED_NOREPLACE) != 0)
		vm |= VM_MAP_NOREPLACE;
	else if ((flags & MAP_FIXED) != 0)
		vm |= VM_MAP_FIXED;
	if ((flags & MAP_GROWSDOWN) != 0)
		vm |= VM_GROWSDOWN;
	if ((flags & MAP_LOCKED) != 0)
		vm |= VM_LOCKED | VM_MAP_POPULATE;
	if ((flags & MAP_DENYWRITE) != 0) /* says ld.so of what it loads */
		vm |= VM_PROGRAM;
	if ((flags & MAP_NORESERVE) != 0)
		vm |= VM_NORESERVE;
	if ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		vm |= VM_MAP_POPULATE;
	if ((flags & MAP_32BIT) != 0)
		vm |= VM_MAP_32BIT;
	return vm;
}

static int check_type(unsigned long flags, bool *shared)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
	case MAP_PRIVATE:
		*shared = (flags & MAP_TYPE) == MAP_SHARED;
		return 0;
	case MAP_SHARED_VALIDATE:
		*shared = true;
		return (flags & ~(unsigned long)(MAP_KNOWN | MAP_TYPE)) != 0 ? -EOPNOTSUPP : 0;
	default:
		return -EINVAL;
	}
}

/* What the file's mode allows; also whether a shared mapping may become writable later. */
static int check_file(struct vm_map *m, unsigned long flags)
{
	struct file *f = m->file;
	bool shared = (m->flags & VM_SHARED) != 0;

	if ((flags & MAP_HUGETLB) != 0)
		return -EINVAL;
	if ((f->traits & FILE_READ) == 0)
		return -EACCES;
	if (shared && (m->prot & MMU_WRITE) != 0 && (f->traits & FILE_WRITE) == 0)
		return -EACCES;
	if (f->path.mnt != NULL && (f->path.mnt->flags & SB_NOEXEC) != 0 &&
	    (m->prot & MMU_EXEC) != 0)
		return -EPERM;
	if (!shared || (f->traits & FILE_WRITE) != 0)
		m->flags |= VM_MAY_WRITE;
	return 0;
}

static int map_anonymous(struct vm_map *m, unsigned long flags, uaddr_t *out)
{
	int err;

	if ((flags & MAP_HUGETLB) != 0)
		return -ENOMEM; /* no pages are set aside for it */
	m->flags |= VM_MAY_WRITE;
	m->offset = 0;
	if ((m->flags & VM_SHARED) == 0)
		return vmspace_map(vmspace_current(), m, out);
	if ((m->flags & VM_GROWSDOWN) != 0)
		return -EINVAL;
	m->object = object_new_anonymous();
	if (m->object == NULL)
		return -ENOMEM;
	err = vmspace_map(vmspace_current(), m, out);
	object_put(m->object);
	return err;
}

/* Below mmap_min_addr nothing is mapped, so that a NULL pointer always faults. */
static int check_address(struct vm_map *m)
{
	if ((m->flags & (VM_MAP_FIXED | VM_MAP_NOREPLACE)) == 0) {
		m->addr = align_down(m->addr, PAGE_SIZE);
		if (m->addr != 0 && m->addr < USER_BASE_MIN)
			m->addr = USER_BASE_MIN;
		return 0;
	}
	if (!is_aligned(m->addr, PAGE_SIZE))
		return -EINVAL;
	return m->addr < USER_BASE_MIN ? -EPERM : 0;
}

long sys_mmap(uaddr_t addr, size_t len, unsigned long prot, unsigned long flags, int fd,
	      unsigned long offset)
{
	struct vm_map m = {
		.addr = addr,
		.len = len,
		.prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
		.offset = offset,
	};
	bool shared = false;
	uaddr_t at;
	int err = 0;

	if (!is_aligned(offset, PAGE_SIZE))
		return -EINVAL;
	if ((flags & MAP_ANONYMOUS) == 0)
		err = fd_get(fd, &m.file);
	if (err != 0)
		return err;
	err = len == 0 ? -EINVAL : len > USER_TOP ? -ENOMEM : check_type(flags, &shared);
	if (err == 0 && offset + len < offset)
		err = -EOVERFLOW;
	m.flags = vm_flags_of(flags, shared);
	if (err == 0)
		err = check_address(&m);
	if (err == 0 && m.file != NULL)
		err = check_file(&m, flags);
	if (err == 0)
		err = memory_lock_check_new(len, m.flags);
	if (err == 0)
		err = m.file != NULL ? vmspace_map(vmspace_current(), &m, &at)
				     : map_anonymous(&m, flags, &at);
	if (m.file != NULL)
		file_put(m.file);
	return err != 0 ? err : (long)at;
}

/* ---- changes to what is mapped ---- */

long sys_munmap(uaddr_t addr, size_t len)
{
	return vmspace_unmap(vmspace_current(), addr, len);
}

/* PROT_GROWSDOWN: from the start of the stack area that addr is in. */
static int extend_down(uaddr_t *addr, size_t *len)
{
	struct vmspace *vs = vmspace_current();

	scoped_mutex(&vs->lock);
	struct vm_area *a = vmspace_area_at(vs, *addr);

	if (a == NULL)
		return -ENOMEM;
	if ((a->flags & VM_GROWSDOWN) == 0)
		return -EINVAL;
	*len += *addr - a->start;
	*addr = a->start;
	return 0;
}

long sys_mprotect(uaddr_t addr, size_t len, unsigned long prot)
{
	const unsigned long bits = PROT_READ | PROT_WRITE | PROT_EXEC;
	int err = 0;

	if ((prot & ~(bits | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)) != 0 ||
	    (prot & PROT_GROWSUP) != 0 || !is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (len == 0)
		return 0;
	if ((prot & PROT_GROWSDOWN) != 0)
		err = extend_down(&addr, &len);
	return err != 0 ? err : vmspace_protect(vmspace_current(), addr, len, prot & bits);
}

long sys_mremap(uaddr_t addr, size_t old_len, size_t new_len, unsigned long flags, uaddr_t new_addr)
{
	uaddr_t at = new_addr;
	int err;

	if (flags > UINT32_MAX)
		return -EINVAL;
	if (new_len > old_len && vmspace_nr_locked(vmspace_current(), addr, addr + 1) != 0 &&
	    memory_lock_check_new(new_len - old_len, VM_LOCKED) != 0)
		return -EAGAIN;
	err = vmspace_remap(vmspace_current(), addr, old_len, new_len, (unsigned)flags, &at);
	return err != 0 ? err : (long)at;
}

long sys_brk(uaddr_t addr)
{
	struct vmspace *vs = vmspace_current();
	uaddr_t now = READ_ONCE(vs->brk);

	if (addr > now && memory_lock_check_new(addr - now, 0) != 0)
		return (long)now;
	return (long)vmspace_brk(vs, addr);
}

long sys_madvise(uaddr_t addr, size_t len, int advice)
{
	return vmspace_advise(vmspace_current(), addr, len, advice);
}

long sys_msync(uaddr_t addr, size_t len, int flags)
{
	return vmspace_sync(vmspace_current(), addr, len, (unsigned)flags);
}

long sys_mincore(uaddr_t addr, size_t len, uaddr_t vec)
{
	uint8_t *present = kmem_alloc(PAGE_SIZE);
	size_t pages, done = 0;
	int err = 0;

	if (present == NULL)
		return -EAGAIN;
	if (!is_aligned(addr, PAGE_SIZE))
		err = -EINVAL;
	else if (len > USER_TOP || addr > USER_TOP - len)
		err = -ENOMEM;
	pages = err != 0 ? 0 : align_up(len, PAGE_SIZE) / PAGE_SIZE;
	if (err == 0 && !user_range_ok(vec, pages))
		err = -EFAULT;
	while (err == 0 && done < pages) {
		size_t nr = min(pages - done, (size_t)PAGE_SIZE);

		err = vmspace_mincore(vmspace_current(), addr + done * PAGE_SIZE, nr * PAGE_SIZE,
				      present);
		if (err == 0)
			err = user_write(vec + done, present, nr);
		done += nr;
	}
	kmem_free(present);
	return err;
}
