/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens on the way out of the kernel (program_exit_work): a task dies, yields, is parked by
 * job control, or takes a signal and runs its action (signal(7), sigaction(2)).
 *
 * A system call that was interrupted left -ERESTART* as its result. When a handler runs,
 * SA_RESTART and the kind decide whether the call is executed again after the handler or returns
 * EINTR; when none runs it is executed again, or, for ERESTART_RESTARTBLOCK, goes on from what
 * task->restart kept.
 */
#include "abi/hull/control.h"
#include "core/program.h"
#include "core/sched/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/exec/launch.h"
#include "linux/sched/rseq_area.h"
#include "linux/signal/signals.h"
#include "linux/strace/strace.h"
#include "linux/task/family.h"
#include "linux/task/task.h"
#include "mm/user.h"

/* ---- stopping ---- */

void signal_continue_locked(struct process *p)
{
	if (!p->stopping)
		return;
	p->stopping = false;
	if (p->stop_reported && !p->exiting)
		p->continued = p->tell_continued = true;
	waitq_wake_all(&p->continue_wq, 0);
}

static void begin_stop(struct process *p, int sig)
{
	struct task *t;

	scoped_spin(&p->lock);
	if (p->exiting || p->exec_task != NULL || !p->stop_taken)
		return;
	p->stop_taken = false;
	p->stopping = true;
	p->stop_reported = p->stop_waited = p->continued = p->tell_continued = false;
	p->stop_signal = sig;
	list_foreach(&p->tasks, t, process_link)
		thread_set_work(t->thread, THREAD_WORK_SIGNAL);
}

/* Marks the current task parked; true: it was the last one that still ran. */
static bool mark_stopped(struct process *p, struct task *self, bool on)
{
	scoped_spin(&p->lock);
	if (self->stopped == on)
		return false;
	self->stopped = on;
	p->nr_stopped += on ? 1 : -1u;
	return on && p->stopping && p->nr_stopped == p->nr_tasks;
}

void signal_report_stop(struct process *p)
{
	if (p->pid == 1)
		control_send(CONTROL_STOPPED, (uint32_t)p->stop_signal, 0, 0);
	family_stopped(p);
}

static void park(struct task *self)
{
	struct process *p = self->process;

	if (mark_stopped(p, self, true))
		signal_report_stop(p);
	(void)wait_event(&p->continue_wq, !READ_ONCE(p->stopping), WAIT_KILLABLE, NSEC_NEVER);
	(void)mark_stopped(p, self, false);
	if (READ_ONCE(p->tell_continued))
		family_continued(p);
}

/* A stop from the terminal in a group that nobody could continue (POSIX.1 2.4.3). */
static bool stop_is_pointless(struct process *p, int sig)
{
	if (sig == SIGSTOP)
		return false;
	scoped_spin(&task_lock);
	return family_group_is_orphaned(p->pgrp, p->session);
}

/* ---- what a signal does ---- */

enum disposition { DO_NOTHING, DO_STOP, DO_DIE, DO_HANDLER };

struct taken {
	siginfo_t info;
	struct sigaction action;
	enum disposition what;
};

static enum disposition default_of(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGCONT:
		return DO_NOTHING;
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return DO_STOP;
	default:
		return DO_DIE;
	}
}

/* Takes the next signal. 0: none. */
static int take(struct task *self, struct taken *out)
{
	struct process *p = self->process;
	struct signal_actions *actions = p->actions;
	struct sigaction *a;
	int sig;

	scoped_spin(&p->lock);
	sig = signal_take_locked(self, ~self->blocked, &out->info);
	if (sig == 0)
		return 0;
	scoped_spin(&actions->lock);
	a = &actions->of[sig - 1];
	out->action = *a;
	if (a->sa_handler == SIG_IGN)
		out->what = DO_NOTHING;
	else if (a->sa_handler == SIG_DFL)
		out->what = default_of(sig);
	else
		out->what = DO_HANDLER;
	if (out->what == DO_STOP)
		p->stop_taken = true;
	if (out->what == DO_HANDLER && (a->sa_flags & SA_RESETHAND) != 0)
		a->sa_handler = SIG_DFL;
	return sig;
}

static NORETURN void die(const struct trap_frame *f, const siginfo_t *info)
{
	if (!READ_ONCE(process_current()->exiting))
		fault_report(f, info);
	process_exit(WAIT_STATUS_SIGNAL(info->si_signo));
}

static bool is_on_altstack(const struct task *t, uaddr_t sp)
{
	return (t->altstack.ss_flags & (int)SS_AUTODISARM) == 0 && t->altstack.ss_size != 0 &&
	       sp - (uaddr_t)t->altstack.ss_sp <= t->altstack.ss_size &&
	       sp != (uaddr_t)t->altstack.ss_sp;
}

static void block_for_handler(struct task *self, const struct taken *s)
{
	uint64_t mask = self->blocked | s->action.sa_mask;

	if ((s->action.sa_flags & SA_NODEFER) == 0)
		mask |= SIGNAL_BIT(s->info.si_signo);
	self->restore_mask = false;
	signal_mask_set(mask);
}

static void run_handler(struct task *self, struct trap_frame *f, const struct taken *s)
{
	bool wants_altstack = (s->action.sa_flags & SA_ONSTACK) != 0 && self->altstack.ss_size != 0;
	struct signal_delivery d = {
		.info = &s->info,
		.handler = (uaddr_t)s->action.sa_handler,
		.restorer = (uaddr_t)s->action.sa_restorer,
		.mask = self->restore_mask ? self->saved_mask : self->blocked,
		.altstack = self->altstack,
		.on_altstack = wants_altstack && !is_on_altstack(self, frame_sp(f)),
		.fault = self->has_fault ? &self->fault : NULL,
	};

	rseq_abort_section(self, f);
	self->has_fault = false;
	if (signal_frame_push(f, &d) != 0) {
		if (s->info.si_signo == SIGSEGV)
			die(f, &s->info);
		signal_force_kernel(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	frame_clear_syscall(f);
	if ((self->altstack.ss_flags & (int)SS_AUTODISARM) != 0)
		self->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	block_for_handler(self, s);
}

/* ---- interrupted system calls ---- */

static bool is_restart(long result)
{
	return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

static void restart_for_handler(struct trap_frame *f, const struct sigaction *a)
{
	long result = frame_result(f);

	if (!frame_is_syscall(f) || !is_restart(result))
		return;
	if (result == -ERESTARTNOINTR ||
	    (result == -ERESTARTSYS && (a->sa_flags & SA_RESTART) != 0))
		frame_restart_syscall(f);
	else
		frame_set_result(f, -EINTR);
}

static void restart_without_handler(struct task *self, struct trap_frame *f)
{
	long result = frame_result(f);

	if (!frame_is_syscall(f) || !is_restart(result))
		return;
	if (result != -ERESTART_RESTARTBLOCK) {
		frame_restart_syscall(f);
		return;
	}
	result = self->restart.fn == NULL ? -EINTR : self->restart.fn(&self->restart);
	frame_set_result(f, result);
	if (is_restart(result))
		thread_set_work(self->thread, THREAD_WORK_SIGNAL);
}

/* True: a handler will run. */
static bool act(struct task *self, struct trap_frame *f, const struct taken *s)
{
	strace_signal(&s->info);
	switch (s->what) {
	case DO_NOTHING:
		return false;
	case DO_STOP:
		if (!stop_is_pointless(self->process, s->info.si_signo))
			begin_stop(self->process, s->info.si_signo);
		return false;
	case DO_DIE:
		die(f, &s->info);
	default:
		restart_for_handler(f, &s->action);
		run_handler(self, f, s);
		return true;
	}
}

void signal_deliver(struct trap_frame *f)
{
	struct task *self = task_current();
	struct taken s;

	for (;;) {
		thread_clear_work(self->thread, THREAD_WORK_SIGNAL);
		if (READ_ONCE(self->process->stopping))
			park(self);
		if ((atomic_load(&self->thread->work) & THREAD_WORK_KILLED) != 0)
			return;
		if (READ_ONCE(self->process->stopping))
			continue;
		if (take(self, &s) == 0)
			break;
		if (act(self, f, &s)) {
			signal_recheck();
			return;
		}
	}
	self->has_fault = false;
	restart_without_handler(self, f);
	if (self->restore_mask)
		signal_mask_restore(false);
}

void program_exit_work(struct trap_frame *f)
{
	struct task *self = task_current();
	unsigned work = atomic_load(&self->thread->work);

	if ((work & THREAD_WORK_KILLED) != 0)
		task_exit(self->process->exiting ? self->process->exit_status : 0);
	if ((work & THREAD_WORK_RESCHED) != 0) {
		thread_clear_work(self->thread, THREAD_WORK_RESCHED);
		thread_yield();
	}
	if ((work & THREAD_WORK_OTHER) != 0) {
		thread_clear_work(self->thread, THREAD_WORK_OTHER);
		rseq_after_preemption(self, f);
	}
	thread_clear_work(self->thread, THREAD_WORK_TRACE);
	if ((work & THREAD_WORK_SIGNAL) != 0)
		signal_deliver(f);
}
