/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of tasks and processes (exit(2), exit_group(2)).
 *
 * A task ends itself, always: others only ask it to (THREAD_WORK_KILLED), and it notices on its
 * way out of the kernel. It first does what needs its address space (robust futexes, the cleared
 * id), gives back what it shares, then leaves the process. The last one tells whoever waits for
 * the process: its parent (family.c), for PID 1 the host, and the VM ends.
 */
#include "arch/context.h"
#include "core/cred.h"
#include "fs/tty/port.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/futex/futexes.h"
#include "linux/event/polling.h"
#include "linux/exec/launch.h"
#include "linux/ipc/sem_undo.h"
#include "linux/time/posix_timer.h"
#include "linux/signal/signals.h"
#include "linux/strace/strace.h"
#include "linux/sys.h"
#include "linux/task/family.h"
#include "linux/task/rlimits.h"
#include "linux/task/task.h"
#include "linux/uring/exit.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"

void task_leave_memory(struct task *t)
{
	static const uint32_t zero;
	bool shared = atomic_load(&t->thread->vmspace->ref.count) > 1;

	futex_task_exit(t);
	if (t->clear_child_tid != 0 && shared && user_write_struct(t->clear_child_tid, &zero) == 0)
		futex_wake_address(t->clear_child_tid, 1);
}

bool task_return_memory(struct task *t)
{
	if (!READ_ONCE(t->borrows_memory))
		return false;
	atomic_store(&t->borrows_memory, false);
	waitq_wake_all(&t->process->exit_wq, 0);
	return true;
}

/* Gives back what may sleep to give back. */
static void release_shares(struct task *t)
{
	struct thread *self = t->thread;
	struct fd_table *fds = t->fds;
	struct fs_view *view = self->fs_view;
	struct vmspace *vs = self->vmspace;

	spin_lock(&task_lock);
	t->fds = NULL;
	self->fs_view = NULL;
	spin_unlock(&task_lock);
	fd_table_put(fds);
	if (view != NULL)
		fs_view_put(view);
	if (vs == NULL)
		return;
	spin_lock(&task_lock);
	sched_switch_space(NULL);
	spin_unlock(&task_lock);
	if (!task_return_memory(t) && READ_ONCE(t->process->nr_tasks) == 1)
		process_usage_keep(t->process, vs);
	vmspace_put(vs);
}

/*
 * Runs when the thread's stack is no longer in use; any context. The rest of the thread goes with
 * its task: a timer or another task may still look at it.
 */
static void thread_gone(struct thread *thread)
{
	fpu_free(thread->context.fpu);
	thread->context.fpu = NULL;
	thread_free_stack(thread);
	task_put(thread->task);
}

/* The last task that begins to end gives the process its status, unless something ended all. */
static void record_status(struct process *p, int wait_status)
{
	scoped_spin(&p->lock);
	if (--p->nr_staying == 0 && !p->exiting)
		p->exit_status = wait_status;
}

/* The session's leader ends: its terminal is nobody's any more. */
static void leave_session(struct process *p)
{
	if (READ_ONCE(p->session) == p->pid)
		tty_session_ended(p->pid);
}

static void end_process(struct process *p)
{
	epoll_forget_queue(&p->signal_wq);
	posix_timer_interval_stop(p);
	cpu_limit_stop(p);
	posix_timer_delete_all(p);
	strace_exited(p->exit_status);
	if (p->pid == 1)
		launch_program_ended(p->exit_status);
	leave_session(p);
	if (family_process_ended(p))
		process_put(p);
}

/* The last task that ran ends while the others are parked: the process has stopped now. */
static void check_stopped(struct process *p)
{
	bool stopped;

	spin_lock(&p->lock);
	stopped = p->stopping && p->nr_tasks != 0 && p->nr_stopped == p->nr_tasks;
	spin_unlock(&p->lock);
	if (stopped)
		signal_report_stop(p);
}

void task_exit(int wait_status)
{
	struct task *t = task_current();
	struct process *p = t->process;
	bool last;

	uring_task_exit();
	record_status(p, wait_status);
	task_leave_memory(t);
	sem_undo_exit(t);
	release_shares(t);
	signal_retarget();
	last = task_unpublish(t);
	family_task_ended(t, last);
	if (last) {
		signal_pending_drop(p, &p->pending, ~0ull);
		end_process(p);
	} else {
		check_stopped(p);
	}
	waitq_wake_all(&p->exit_wq, 0);
	signal_pending_drop(p, &t->pending, ~0ull);
	task_put(t); /* the table's count; the thread's goes in thread_gone */
	thread_exit(thread_gone);
}

/* With p->lock held. */
static void kill_tasks(struct process *p, const struct task *but)
{
	struct task *t;

	list_foreach(&p->tasks, t, process_link) {
		if (t != but && t->thread != NULL)
			thread_set_work(t->thread, THREAD_WORK_KILLED);
	}
}

void process_kill(struct process *p, int wait_status)
{
	scoped_spin(&p->lock);
	if (p->exiting || p->nr_tasks == 0)
		return;
	p->exiting = true;
	p->exit_status = wait_status;
	kill_tasks(p, NULL);
	signal_continue_locked(p);
}

void process_exit(int wait_status)
{
	struct process *p = process_current();

	process_kill(p, wait_status);
	task_exit(p->exit_status);
}

int process_become_single(void)
{
	struct task *self = task_current();
	struct process *p = self->process;
	int err;

	spin_lock(&p->lock);
	err = p->exiting || p->exec_task != NULL ? -EAGAIN : 0;
	if (err == 0) {
		p->exec_task = self;
		kill_tasks(p, self);
		signal_continue_locked(p);
	}
	spin_unlock(&p->lock);
	if (err != 0)
		return err;
	err = wait_event(&p->exit_wq, READ_ONCE(p->nr_tasks) == 1, WAIT_KILLABLE, NSEC_NEVER);
	spin_lock(&p->lock);
	p->exec_task = NULL;
	spin_unlock(&p->lock);
	if (err != 0)
		return -EAGAIN;
	task_become_leader(self);
	return 0;
}

long sys_exit(int status)
{
	task_exit(WAIT_STATUS_EXIT(status));
}

long sys_exit_group(int status)
{
	process_exit(WAIT_STATUS_EXIT(status));
}
