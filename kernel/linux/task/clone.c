/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New threads and processes: clone(2), clone3(2), fork(2), vfork(2). The new task shares what the
 * flags say and has a copy of the rest, gets the caller's registers with a result of 0, and starts
 * at the way out of the kernel.
 *
 * Every flag of the two calls is either done or changes nothing here (CLONE_IO, CLONE_UNTRACED,
 * CLONE_PTRACE, CLONE_DETACHED); only namespaces (EPERM) and control groups (EBADF, as there are
 * no descriptors of any) are not to be had.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "arch/context.h"
#include "arch/trap.h"
#include "core/cred.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/ipc/sem_undo.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/pidfd.h"
#include "linux/task/rlimits.h"
#include "linux/sched/scheduling.h"
#include "linux/task/task.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define THREAD_FLAGS (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)
#define FLAGS_ALL \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | \
	 CLONE_DETACHED | CLONE_IO | CLONE_UNTRACED | CLONE_PTRACE | CLONE_VFORK | CLONE_PARENT | \
	 CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)
/* What a fork must leave, with 3 % of memory, for those who run already and the pages that
 * children which have not run yet will write. */
#define MEMORY_RESERVE_PAGES 64
#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

struct request {
	uint64_t flags;
	uaddr_t stack; /* the new stack pointer; 0: the caller's */
	uaddr_t parent_tid, child_tid, pidfd;
	uaddr_t tls;
	int exit_signal;
	int tid; /* clone3's set_tid; 0: any */
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
	uint64_t f = r->flags;

	if ((f & CLONE_THREAD) != 0 && (f & THREAD_FLAGS) != THREAD_FLAGS)
		return -EINVAL;
	if ((f & CLONE_SIGHAND) != 0 && (f & CLONE_VM) == 0)
		return -EINVAL;
	if ((f & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) == (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((f & (CLONE_FS | CLONE_NEWNS)) == (CLONE_FS | CLONE_NEWNS))
		return -EINVAL;
	if ((f & CLONE_PIDFD) != 0 && (f & (CLONE_THREAD | CLONE_DETACHED)) != 0)
		return -EINVAL;
	if ((f & CLONE_PARENT) != 0 && process_current()->pid == 1)
		return -EINVAL; /* it has none that could be the child's */
	if ((f & NAMESPACES) != 0)
		return -EPERM;
	if ((f & CLONE_INTO_CGROUP) != 0)
		return -EBADF;
	return (f & ~(uint64_t)FLAGS_ALL) != 0 ? -EINVAL : 0;
}

/* fork(2) "EAGAIN", "ENOMEM": limits of the user, and of the machine. */
static int check_limits(void)
{
	const struct cred *c = cred_current();
	uint64_t limit = process_limit(process_current(), RLIMIT_NPROC);

	if (c->uid != 0 && !cred_has_cap(c, CAP_SYS_RESOURCE) && !cred_has_cap(c, CAP_SYS_ADMIN) &&
	    task_nr_alive() >= limit && task_count_user(c->uid) >= limit)
		return -EAGAIN;
	return page_make_room(MEMORY_RESERVE_PAGES + page_nr_total() / 32) ? 0 : -ENOMEM;
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
	thread->fs_view = view;
	return view == NULL ? -ENOMEM : 0;
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

/* The address space: shared or copied. */
static int share_memory(struct task *t, struct thread *thread, const struct request *r)
{
	struct vmspace *vs = thread_current()->vmspace;

	if ((r->flags & CLONE_VM) != 0)
		vs = vmspace_get(vs);
	else
		vs = vmspace_fork(vs);
	if (vs == NULL)
		return -ENOMEM;
	thread->vmspace = vs;
	t->borrows_memory = (r->flags & CLONE_VFORK) != 0;
	return 0;
}

/* What a task of another process keeps of its parent's, beyond what threads share. */
static void inherit_process(struct task *t, const struct request *r)
{
	struct task *self = task_current();
	struct process *p = t->process;

	p->exit_signal = r->exit_signal;
	t->ioprio = self->ioprio;
	/* Memory of its own has the same areas; the borrower of vfork runs on the parent's. */
	if ((r->flags & CLONE_VM) == 0 || (r->flags & CLONE_VFORK) != 0)
		t->altstack = self->altstack;
	if ((r->flags & CLONE_VM) == 0) {
		t->rseq = self->rseq;
		t->rseq_len = self->rseq_len;
		t->rseq_sig = self->rseq_sig;
		t->thread->preempt_work = self->thread->preempt_work;
	}
	if ((r->flags & CLONE_CLEAR_SIGHAND) != 0)
		signal_actions_reset(p->actions);
	if ((r->flags & CLONE_SIGHAND) != 0) {
		signal_actions_put(p->actions);
		p->actions = signal_actions_get(self->process->actions);
	}
}

static void inherit(struct task *t, struct thread *thread, const struct request *r)
{
	struct thread *self = thread_current();

	thread->cred = cred_get(self->cred);
	sched_inherit(t);
	memcpy(thread->name, self->name, sizeof(thread->name));
	t->blocked = task_current()->blocked;
	thread->slack_ns = self->slack_ns;
	t->mce_kill = task_current()->mce_kill;
	t->io_flusher = task_current()->io_flusher;
	if ((r->flags & CLONE_CHILD_CLEARTID) != 0)
		t->clear_child_tid = r->child_tid;
	if ((r->flags & CLONE_CHILD_SETTID) != 0)
		t->set_child_tid = r->child_tid;
}

/* Gives back what a task got that will not run. */
static void undo_thread(struct task *t)
{
	struct thread *thread = t->thread;

	fpu_free(thread->context.fpu);
	thread->context.fpu = NULL;
	if (thread->vmspace != NULL)
		vmspace_put(thread->vmspace);
	if (thread->fs_view != NULL)
		fs_view_put(thread->fs_view);
	if (t->fds != NULL)
		fd_table_put(t->fds);
	sem_undo_exit(t);
}

/* On failure undo_thread() and task_discard() clean up, if there is a thread. */
static int make_thread(struct task *t, const struct request *r)
{
	struct thread *thread = thread_new("", enter, NULL);
	int err;

	if (thread == NULL)
		return -ENOMEM;
	task_attach(t, thread);
	inherit(t, thread, r);
	thread->context.fpu = fpu_copy_new();
	if (thread->context.fpu == NULL)
		return -ENOMEM;
	if (!sem_undo_clone(t, (r->flags & CLONE_SYSVSEM) != 0))
		return -ENOMEM;
	err = share_files(t, thread, r->flags);
	if (err == 0)
		err = share_memory(t, thread, r);
	if (err != 0)
		return err;
	copy_registers(thread, r);
	if ((r->flags & CLONE_THREAD) == 0)
		inherit_process(t, r);
	return 0;
}

/* CLONE_PIDFD and CLONE_PARENT_SETTID: what the parent is told before the child runs. */
static int tell_parent(struct task *t, const struct request *r, int *pidfd)
{
	if ((r->flags & CLONE_PIDFD) != 0) {
		*pidfd = pidfd_install(t->process, 0);
		if (*pidfd < 0)
			return *pidfd;
		if (user_write_struct(r->pidfd, pidfd) != 0)
			return -EFAULT;
	}
	if ((r->flags & CLONE_PARENT_SETTID) != 0)
		(void)!user_write_struct(r->parent_tid, &t->tid); /* as Linux: the child runs */
	return 0;
}

/* Everybody sees the task from now on. */
static int publish(struct task *t, const struct request *r)
{
	int pidfd = -1, err = tell_parent(t, r, &pidfd);

	if (err == 0)
		err = task_publish(t, (r->flags & CLONE_PARENT) != 0);
	if (err != 0 && pidfd >= 0)
		(void)fd_close(pidfd);
	return err;
}

static void wait_for_memory(struct task *child)
{
	(void)wait_event(&child->process->exit_wq, !READ_ONCE(child->borrows_memory), WAIT_KILLABLE,
			 NSEC_NEVER);
}

static long clone(const struct request *r)
{
	bool is_thread = (r->flags & CLONE_THREAD) != 0;
	struct task *t;
	int err = check(r), tid;

	if (err == 0)
		err = check_limits();
	if (err != 0)
		return err;
	t = is_thread ? task_new(process_current()) : process_new(process_current());
	if (t == NULL)
		return -EAGAIN;
	if (r->tid != 0)
		err = task_choose_id(t, r->tid);
	if (err == 0)
		err = make_thread(t, r);
	if (err == 0)
		err = publish(t, r);
	if (err != 0) {
		if (t->thread != NULL)
			undo_thread(t);
		task_discard(t);
		return err;
	}
	tid = t->tid;
	if (!is_thread)
		cpu_limit_check(t->process);
	(void)task_get(t);
	thread_start(t->thread);
	if ((r->flags & CLONE_VFORK) != 0)
		wait_for_memory(t);
	task_put(t);
	return tid;
}

long sys_clone(unsigned long flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t child_tid,
	       unsigned long tls)
{
	struct request r = {
		.flags = flags & 0xffffffff & ~(unsigned long)CSIGNAL,
		.stack = stack,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.pidfd = parent_tid,
		.tls = tls,
		.exit_signal = (int)(flags & CSIGNAL),
	};

	if ((r.flags & (CLONE_PIDFD | CLONE_PARENT_SETTID)) == (CLONE_PIDFD | CLONE_PARENT_SETTID))
		return -EINVAL;
	return clone(&r);
}

long sys_fork(void)
{
	const struct request r = { .exit_signal = SIGCHLD };

	return clone(&r);
}

long sys_vfork(void)
{
	const struct request r = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };

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

static int check_args(const struct clone_args *a, size_t size)
{
	if ((a->flags & ((CSIGNAL & ~(uint64_t)CLONE_NEWTIME) | CLONE_DETACHED)) != 0 ||
	    a->exit_signal > NSIG_MAX ||
	    ((a->flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && a->exit_signal != 0) ||
	    (a->stack == 0) != (a->stack_size == 0) || (a->set_tid == 0) != (a->set_tid_size == 0))
		return -EINVAL;
	if ((a->flags & CLONE_INTO_CGROUP) != 0 &&
	    (a->cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2))
		return -EINVAL;
	return a->set_tid_size > 1 ? -EINVAL : 0; /* one pid namespace */
}

/* clone3(2): an id of the caller's choice, which restores a program that was saved. */
static int read_tid(const struct clone_args *a, int *tid)
{
	const struct cred *c = cred_current();

	*tid = 0;
	if (a->set_tid_size == 0)
		return 0;
	if (user_read_struct(tid, a->set_tid) != 0)
		return -EFAULT;
	if (*tid <= 0 || *tid >= PID_LIMIT)
		return -EINVAL;
	return cred_has_cap(c, CAP_CHECKPOINT_RESTORE) || cred_has_cap(c, CAP_SYS_ADMIN) ? 0
											 : -EPERM;
}

long sys_clone3(uaddr_t uargs, size_t size)
{
	struct clone_args a;
	struct request r;
	int err = read_args(&a, uargs, size), tid;

	if (err == 0)
		err = check_args(&a, size);
	if (err == 0)
		err = read_tid(&a, &tid);
	if (err != 0)
		return err;
	r = (struct request){
		.flags = a.flags,
		.stack = a.stack + a.stack_size,
		.parent_tid = a.parent_tid,
		.child_tid = a.child_tid,
		.pidfd = a.pidfd,
		.tls = a.tls,
		.exit_signal = (int)a.exit_signal,
		.tid = tid,
	};
	return clone(&r);
}

long sys_set_tid_address(uaddr_t tid)
{
	task_current()->clear_child_tid = tid;
	return task_current()->tid;
}
