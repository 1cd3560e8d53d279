/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Robust lists (get_robust_list(2), Documentation/locking/robust-futex-ABI): a task leaves words in
 * user memory that say which futexes it holds. When it ends, or goes on as another program, each
 * that still bears its id is marked FUTEX_OWNER_DIED, and somebody who waits for it is woken.
 */
#include <linux/futex.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/futex/futex_queue.h"
#include "linux/futex/futexes.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "mm/user.h"

/* The word is not the dead task's any more. 0, also when it never was; -EFAULT. */
static int mark_died(uaddr_t addr, uint32_t *word)
{
	int err;

	do {
		if (user_read_u32(word, addr) != 0)
			return -EFAULT;
		if ((*word & FUTEX_TID_MASK) != (uint32_t)task_current()->tid) {
			*word = 0;
			return 0;
		}
		err = futex_exchange(addr, *word, (*word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
	} while (err == -EAGAIN);
	return err;
}

/* One word that the dead task may hold. `pending`: it was about to lock or unlock it, so the one
 * that it may have woken, or should have, needs another push. */
static int release_word(uaddr_t addr, bool pi, bool pending)
{
	uint32_t word;
	int err;

	if (!is_aligned(addr, 4) || user_read_u32(&word, addr) != 0)
		return -EFAULT;
	if (pending && !pi && word == 0) {
		futex_wake_address(addr, 1);
		return 0;
	}
	err = mark_died(addr, &word);
	if (err == 0 && !pi && (word & FUTEX_WAITERS) != 0)
		futex_wake_address(addr, 1);
	return err;
}

/* A list entry's low bit says that its futex is a PI one. */
static void walk_robust_list(uaddr_t head)
{
	struct robust_list_head h;
	uint64_t entry, next, pending;

	if (user_read_struct(&h, head) != 0)
		return;
	entry = (uint64_t)(uintptr_t)h.list.next;
	pending = (uint64_t)(uintptr_t)h.list_op_pending;
	for (int i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1ull) != head; i++) {
		int err = user_read_struct(&next, entry & ~1ull);

		if ((entry & ~1ull) != (pending & ~1ull) &&
		    release_word((entry & ~1ull) + (uint64_t)h.futex_offset, entry & 1, false) != 0)
			return;
		if (err != 0)
			return;
		entry = next;
	}
	if ((pending & ~1ull) != 0)
		(void)!release_word((pending & ~1ull) + (uint64_t)h.futex_offset, pending & 1,
				    true);
}

void futex_task_exit(struct task *t)
{
	if (t->robust_list != 0)
		walk_robust_list(t->robust_list);
	t->robust_list = 0;
	futex_pi_release(t);
}

long sys_set_robust_list(uaddr_t head, size_t len)
{
	if (len != sizeof(struct robust_list_head))
		return -EINVAL;
	WRITE_ONCE(task_current()->robust_list, head);
	return 0;
}

long sys_get_robust_list(int pid, uaddr_t head, uaddr_t len)
{
	struct task *t = pid == 0 ? task_get(task_current()) : task_find(pid);
	size_t size = sizeof(struct robust_list_head);
	uaddr_t list;

	if (t == NULL)
		return -ESRCH;
	list = READ_ONCE(t->robust_list);
	if (!task_may_access(t)) {
		task_put(t);
		return -EPERM;
	}
	task_put(t);
	if (user_write_struct(len, &size) != 0)
		return -EFAULT;
	return user_write_struct(head, &list);
}
