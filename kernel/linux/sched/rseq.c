/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rseq(2). Linux's <linux/rseq.h> has the layout of the area up to `flags`; node_id and mm_cid
 * follow it.
 *
 * The scheduler sets THREAD_WORK_OTHER for a thread that has registered (thread->preempt_work)
 * when it is preempted; on its way back to the program the area is refreshed and a critical
 * section is aborted. A task that cannot have its area read or written any more gets SIGSEGV, as
 * in Linux.
 */
#include <linux/rseq.h>

#include "arch/mmu.h"
#include "lib/errno.h"
#include "linux/sched/rseq_area.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"

#define AREA_SIZE_FIRST 32 /* what glibc 2.35 registers */
#define NODE_ID_OFFSET  20
#define MM_CID_OFFSET   24

static int write_cpu(const struct task *t, uint32_t cpu_start, uint32_t cpu)
{
	struct {
		uint32_t start, id;
	} ids = { cpu_start, cpu };
	struct {
		uint32_t node, cid;
	} more = { 0, cpu_start };

	if (user_write_struct(t->rseq, &ids) != 0)
		return -EFAULT;
	return user_write_struct(t->rseq + NODE_ID_OFFSET, &more);
}

/* 0: not in a section, or sent to its abort handler. */
static int abort_if_inside(const struct task *t, struct trap_frame *f)
{
	static const uint64_t none;
	struct rseq_cs cs;
	uint64_t section;
	uint32_t sig;

	if (user_read_struct(&section, t->rseq + offsetof(struct rseq, rseq_cs)) != 0)
		return -EFAULT;
	if (section == 0)
		return 0;
	if (user_read_struct(&cs, section) != 0)
		return -EFAULT;
	if (cs.version != 0 || cs.start_ip + cs.post_commit_offset < cs.start_ip ||
	    cs.abort_ip - cs.start_ip < cs.post_commit_offset || cs.abort_ip >= USER_TOP)
		return -EINVAL;
	if (user_write_struct(t->rseq + offsetof(struct rseq, rseq_cs), &none) != 0)
		return -EFAULT;
	if (frame_pc(f) - cs.start_ip >= cs.post_commit_offset)
		return 0;
	if (user_read_u32(&sig, cs.abort_ip - sizeof(sig)) != 0 || sig != t->rseq_sig)
		return -EINVAL;
	frame_set_pc(f, cs.abort_ip);
	frame_clear_syscall(f);
	return 0;
}

static void give_up(struct task *t)
{
	t->rseq = 0;
	t->thread->preempt_work = 0;
	signal_force_kernel(SIGSEGV, SI_KERNEL, 0);
}

void rseq_abort_section(struct task *t, struct trap_frame *f)
{
	if (t->rseq != 0 && !frame_is_syscall(f) && abort_if_inside(t, f) != 0)
		give_up(t);
}

void rseq_after_preemption(struct task *t, struct trap_frame *f)
{
	if (t->rseq == 0)
		return;
	if (write_cpu(t, t->thread->cpu->id, t->thread->cpu->id) != 0)
		give_up(t);
	else
		rseq_abort_section(t, f);
}

static int unregister(struct task *t, uaddr_t rseq, uint32_t len, uint32_t sig)
{
	if (t->rseq != rseq || rseq == 0)
		return -EINVAL;
	if (t->rseq_len != len)
		return -EINVAL;
	if (t->rseq_sig != sig)
		return -EPERM;
	if (write_cpu(t, 0, (uint32_t)RSEQ_CPU_ID_UNINITIALIZED) != 0)
		return -EFAULT;
	t->rseq = 0;
	t->thread->preempt_work = 0;
	return 0;
}

long sys_rseq(uaddr_t rseq, unsigned len, int flags, unsigned long sig)
{
	struct task *t = task_current();

	if ((flags & RSEQ_FLAG_UNREGISTER) != 0) {
		if ((flags & ~RSEQ_FLAG_UNREGISTER) != 0)
			return -EINVAL;
		return unregister(t, rseq, len, (uint32_t)sig);
	}
	if (flags != 0)
		return -EINVAL;
	if (t->rseq != 0) {
		if (t->rseq != rseq || t->rseq_len != len)
			return -EINVAL;
		return t->rseq_sig != (uint32_t)sig ? -EPERM : -EBUSY;
	}
	if (len < AREA_SIZE_FIRST || !is_aligned(rseq, RSEQ_AREA_ALIGN))
		return -EINVAL;
	if (!user_range_ok(rseq, len))
		return -EFAULT;
	t->rseq = rseq;
	t->rseq_len = len;
	t->rseq_sig = (uint32_t)sig;
	t->thread->preempt_work = THREAD_WORK_OTHER;
	thread_set_work(t->thread, THREAD_WORK_OTHER); /* fills the area on the way out */
	return 0;
}
