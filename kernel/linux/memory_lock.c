/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlock(2), mlock2(2), mlockall(2) and their opposites, and RLIMIT_MEMLOCK: what an address space
 * has locked is counted by its areas, for those without CAP_IPC_LOCK.
 */
#include "linux/memory_lock.h"

#include <asm/mman.h>
#include <linux/capability.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/vmspace.h"

static uint64_t limit_pages(void)
{
	return process_limit(process_current(), RLIMIT_MEMLOCK) / PAGE_SIZE;
}

static bool is_limited(void)
{
	return !cred_has_cap(cred_current(), CAP_IPC_LOCK);
}

static bool may_lock(void)
{
	return !is_limited() || process_limit(process_current(), RLIMIT_MEMLOCK) != 0;
}

/* With `nr` pages more, which are not locked yet. */
static bool is_too_much(uint64_t nr)
{
	return is_limited() &&
	       nr + vmspace_nr_locked(vmspace_current(), 0, USER_TOP) > limit_pages();
}

int memory_lock_check_new(size_t len, unsigned flags)
{
	if ((flags & VM_LOCKED) != 0 && !may_lock())
		return -EPERM;
	if (((flags | READ_ONCE(vmspace_current()->flags_of_new)) & VM_LOCKED) == 0)
		return 0;
	return is_too_much(align_up(len, PAGE_SIZE) / PAGE_SIZE) ? -EAGAIN : 0;
}

static long lock_range(uaddr_t addr, size_t len, bool on_fault)
{
	uaddr_t start = align_down(addr, PAGE_SIZE), end = align_up(addr + len, PAGE_SIZE);
	struct vmspace *vs = vmspace_current();

	if (!may_lock())
		return -EPERM;
	if (end < start)
		return is_limited() ? -ENOMEM : -EINVAL; /* as Linux, which counts first */
	if (is_too_much((end - start) / PAGE_SIZE - vmspace_nr_locked(vs, start, end)))
		return -ENOMEM;
	if (len == 0)
		return 0;
	return on_fault ? vmspace_lock_on_fault(vs, start, end)
			: vmspace_lock_pages(vs, start, end - start, true);
}

long sys_mlock(uaddr_t addr, size_t len)
{
	return lock_range(addr, len, false);
}

long sys_mlock2(uaddr_t addr, size_t len, int flags)
{
	if ((flags & ~MLOCK_ONFAULT) != 0)
		return -EINVAL;
	return lock_range(addr, len, flags != 0);
}

long sys_munlock(uaddr_t addr, size_t len)
{
	size_t skew = addr & (PAGE_SIZE - 1);

	if (addr + len < addr)
		return -EINVAL;
	if (len == 0)
		return 0;
	return vmspace_lock_pages(vmspace_current(), addr - skew, align_up(len + skew, PAGE_SIZE),
				  false);
}

long sys_mlockall(int flags)
{
	struct vmspace *vs = vmspace_current();

	if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0 ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock())
		return -EPERM;
	if ((flags & MCL_CURRENT) != 0 && is_limited() && READ_ONCE(vs->nr_mapped) > limit_pages())
		return -ENOMEM;
	vmspace_lock_all(vs, (flags & MCL_CURRENT) != 0, (flags & MCL_FUTURE) != 0);
	return 0;
}

long sys_munlockall(void)
{
	vmspace_unlock_all(vmspace_current());
	return 0;
}
