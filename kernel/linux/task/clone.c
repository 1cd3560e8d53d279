/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New threads: clone(2) and clone3(2) with CLONE_THREAD. The new task shares what the flags say,
 * gets a copy of the caller's registers with a result of 0 and a stack of its own, and starts at
 * the way out of the kernel.
 *
 * A process of its own (no CLONE_THREAD) is not offered: ENOSYS.
 */
#include <linux/sched.h>
#include <linux/wait.h>

#include "arch/context.h"
#include "arch/trap.h"
#include "core/cred.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define THREAD_FLAGS (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)
#define FLAGS_ALL \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | \
	 CLONE_DETACHED | CLONE_IO | CLONE_UNTRACED)
#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

struct request {
	uint64_t flags;
	uaddr_t stack; /* the new stack pointer; 0: the caller's */
	uaddr_t parent_tid, child_tid;
	uaddr_t tls;
};

static void enter(void *arg)
{
	struct task *self = task_current();

	if (self->set_child_tid != 0) {
		uint32_t tid = (uint32_t)self->tid;

		if (user_write_struct(self->set_child_tid, &tid) != 0)
			self->set_child_tid = 0; /* as Linux: no error */
	}
	trap_enter_program();
}

static int check(const struct request *r)
{
	if ((r->flags & CLONE_THREAD) != 0 && (r->flags & THREAD_FLAGS) != THREAD_FLAGS)
		return -EINVAL;
	if ((r->flags & CLONE_SIGHAND) != 0 && (r->flags & CLONE_VM) == 0)
		return -EINVAL;
	if ((r->flags & (CLONE_FS | CLONE_NEWNS)) == (CLONE_FS | CLONE_NEWNS))
		return -EINVAL;
	if ((r->flags & CLONE_THREAD) == 0)
		return -ENOSYS;
	if ((r->flags & NAMESPACES) != 0)
		return -EPERM;
	return (r->flags & ~(uint64_t)FLAGS_ALL) != 0 ? -EINVAL : 0;
}

/* The files and the view: shared or copied. */
static int share_files(struct task *t, struct thread *thread, uint64_t flags)
{
	struct task *self = task_current();
	struct fs_view *view = thread_current()->fs_view;

	t->fds = (flags & CLONE_FILES) != 0 ? fd_table_get(self->fds) : fd_table_copy(self->fds);
	if (t->fds == NULL)
		return -ENOMEM;
	if ((flags & CLONE_FS) != 0)
		fs_view_get(view);
	else
		view = fs_view_copy(view);
	if (view == NULL) {
		fd_table_put(t->fds);
		return -ENOMEM;
	}
	thread->fs_view = view;
	return 0;
}

static void copy_registers(struct thread *thread, const struct request *r)
{
	struct trap_frame *f = thread_frame(thread);

	*f = *thread_frame(thread_current());
	frame_set_result(f, 0);
	frame_clear_syscall(f);
	if (r->stack != 0)
		frame_set_sp(f, r->stack);
	context_set_tls(thread, (r->flags & CLONE_SETTLS) != 0
					? r->tls
					: context_tls(&thread_current()->context));
}

static void inherit(struct task *t, struct thread *thread, const struct request *r)
{
	struct thread *self = thread_current();

	thread->cred = cred_get(self->cred);
	thread->vmspace = vmspace_get(self->vmspace);
	thread->affinity = self->affinity;
	thread_set_sched(thread, self->policy, self->nice, self->rt_priority);
	memcpy(thread->name, self->name, sizeof(thread->name));
	t->blocked = task_current()->blocked;
	t->timer_slack_ns = task_current()->timer_slack_ns;
	if ((r->flags & CLONE_CHILD_CLEARTID) != 0)
		t->clear_child_tid = r->child_tid;
	if ((r->flags & CLONE_CHILD_SETTID) != 0)
		t->set_child_tid = r->child_tid;
}

static int make_thread(struct task *t, const struct request *r, struct thread **out)
{
	struct thread *thread = thread_new("", enter, NULL);
	int err = -ENOMEM;

	if (thread == NULL)
		return err;
	thread->context.fpu = fpu_copy_new();
	if (thread->context.fpu != NULL)
		err = share_files(t, thread, r->flags);
	if (err != 0) {
		fpu_free(thread->context.fpu);
		thread_discard(thread);
		return err;
	}
	copy_registers(thread, r);
	inherit(t, thread, r);
	task_attach(t, thread);
	*out = thread;
	return 0;
}

static long clone(const struct request *r)
{
	struct process *p = process_current();
	struct thread *thread;
	struct task *t;
	int err = check(r), tid;

	if (err != 0)
		return err;
	if (p->nr_tasks >= process_limit(p, RLIMIT_NPROC) && cred_current()->uid != 0)
		return -EAGAIN;
	t = task_new(p);
	if (t == NULL)
		return -EAGAIN;
	err = make_thread(t, r, &thread);
	if (err != 0) {
		task_discard(t);
		return err;
	}
	tid = t->tid;
	if ((r->flags & CLONE_PARENT_SETTID) != 0 && user_write_struct(r->parent_tid, &tid) != 0)
		err = -EFAULT; /* as Linux: the thread runs all the same */
	task_publish(t);
	thread_start(thread);
	return tid;
}

long sys_clone(unsigned long flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid,
	       unsigned long tls)
{
	struct request r = {
		.flags = flags & ~(unsigned long)CSIGNAL,
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.tls = tls,
	};

	return clone(&r);
}

/* A struct that may be larger than ours is fine while the rest is zero (clone3(2), E2BIG). */
static int read_args(struct clone_args *a, uaddr_t from, size_t size)
{
	size_t known = min(size, sizeof(*a));

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	if (user_read(a, from, known) != 0)
		return -EFAULT;
	for (size_t at = known; at < size; at++) {
		uint8_t byte;

		if (user_read(&byte, from + at, 1) != 0)
			return -EFAULT;
		if (byte != 0)
			return -E2BIG;
	}
	return 0;
}

long sys_clone3(uaddr_t uargs, size_t size)
{
	struct clone_args a;
	struct request r;
	int err = read_args(&a, uargs, size);

	if (err != 0)
		return err;
	if ((a.flags & (CSIGNAL | CLONE_DETACHED)) != 0 || a.exit_signal > NSIG_MAX ||
	    ((a.flags & CLONE_THREAD) != 0 && a.exit_signal != 0) ||
	    (a.stack == 0) != (a.stack_size == 0) || a.set_tid_size != 0)
		return -EINVAL;
	r = (struct request){
		.flags = a.flags,
		.stack = a.stack + a.stack_size,
		.parent_tid = a.parent_tid,
		.child_tid = a.child_tid,
		.tls = a.tls,
	};
	return clone(&r);
}

long sys_set_tid_address(uaddr_t tid)
{
	task_current()->clear_child_tid = tid;
	return task_current()->tid;
}
