/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls about signals: actions, masks, waiting, sending, stacks (signal(7)). */
#include <asm/siginfo.h>

#include "arch/program.h"
#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/time/clock.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include <linux/capability.h>

#define SIGSET_SIZE sizeof(uint64_t)

/* ---- actions and masks ---- */

long sys_rt_sigaction(int sig, uaddr_t act, uaddr_t old, size_t sigsetsize)
{
	struct process *p = process_current();
	struct sigaction new_action, old_action;

	if (sigsetsize != SIGSET_SIZE)
		return -EINVAL;
	if (act != 0 && user_read_struct(&new_action, act) != 0)
		return -EFAULT;
	if (sig < 1 || sig > NSIG_MAX || (act != 0 && (SIGNAL_BIT(sig) & SIGNAL_UNBLOCKABLE) != 0))
		return -EINVAL;
	spin_lock(&p->actions->lock);
	old_action = p->actions->of[sig - 1];
	if (act != 0) {
		new_action.sa_mask &= ~SIGNAL_UNBLOCKABLE;
		p->actions->of[sig - 1] = new_action;
	}
	spin_unlock(&p->actions->lock);
	if (act != 0)
		signal_drop_ignored(p, sig);
	return old == 0 ? 0 : user_write_struct(old, &old_action);
}

long sys_rt_sigprocmask(int how, uaddr_t set, uaddr_t old, size_t sigsetsize)
{
	struct task *self = task_current();
	uint64_t before = self->blocked, mask;

	if (sigsetsize != SIGSET_SIZE)
		return -EINVAL;
	if (set != 0) {
		if (user_read_struct(&mask, set) != 0)
			return -EFAULT;
		if (how == SIG_BLOCK)
			mask |= before;
		else if (how == SIG_UNBLOCK)
			mask = before & ~mask;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_mask_set(mask);
	}
	return old == 0 ? 0 : user_write_struct(old, &before);
}

long sys_rt_sigpending(uaddr_t set, size_t sigsetsize)
{
	struct task *self = task_current();
	uint64_t pending = signal_pending_set(self) & self->blocked;

	if (sigsetsize > SIGSET_SIZE)
		return -EINVAL;
	return user_write(set, &pending, sigsetsize);
}

/* ---- waiting ---- */

static long wait_for_signal(void)
{
	struct waitq nobody = WAITQ_INIT(nobody);

	(void)wait_event(&nobody, false, WAIT_INTERRUPTIBLE, NSEC_NEVER);
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	return wait_for_signal();
}

long sys_rt_sigsuspend(uaddr_t mask, size_t sigsetsize)
{
	long result;
	int err;

	if (sigsetsize != SIGSET_SIZE)
		return -EINVAL;
	if (mask == 0)
		return -EFAULT;
	err = signal_mask_borrow(mask, sigsetsize);
	if (err != 0)
		return err;
	result = wait_for_signal();
	signal_mask_restore(true);
	return result;
}

long sys_rt_sigtimedwait(uaddr_t set, uaddr_t info_out, uaddr_t timeout, size_t sigsetsize)
{
	struct task *self = task_current();
	nsec_t deadline = NSEC_NEVER;
	siginfo_t info;
	uint64_t mask;
	int sig = 0, err;

	if (sigsetsize != SIGSET_SIZE)
		return -EINVAL;
	if (user_read_struct(&mask, set) != 0)
		return -EFAULT;
	if (timeout != 0) {
		err = clock_read_timeout(timeout, &deadline);
		if (err != 0)
			return err;
	}
	err = wait_event(&self->process->signal_wq,
			 (sig = signal_pending_take(self, mask, &info)) != 0, WAIT_INTERRUPTIBLE,
			 deadline);
	if (sig == 0)
		return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (info_out != 0 && user_write_struct(info_out, &info) != 0)
		return -EFAULT;
	return sig;
}

long sys_restart_syscall(void)
{
	return -EINTR; /* calls go on inside the kernel: a program never needs it */
}

/* ---- sending ---- */

void signal_fill_sender(siginfo_t *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_pid = process_current()->pid;
	info->si_uid = cred_current()->uid;
}

/* kill(2)'s rule: a capability, or one of the sender's user ids is one of the target's. */
static bool may_signal(struct process *target, const struct cred *theirs, int sig)
{
	const struct cred *mine = cred_current();

	return target == process_current() || cred_has_cap(mine, CAP_KILL) ||
	       mine->euid == theirs->suid || mine->euid == theirs->uid ||
	       mine->uid == theirs->suid || mine->uid == theirs->uid ||
	       (sig == SIGCONT && target->session == process_current()->session);
}

/* With task_lock held. */
static int send_locked(struct process *p, const siginfo_t *info, int sig)
{
	struct task *first = list_first(&p->tasks, struct task, process_link);
	const struct cred *theirs = first != NULL && first->thread != NULL ? first->thread->cred
									   : p->dead_cred;

	if (theirs == NULL || list_is_empty(&p->table_link))
		return -ESRCH;
	if (!may_signal(p, theirs, sig))
		return -EPERM;
	return sig == 0 ? 0 : signal_send_process(p, info);
}

int signal_send_checked(struct process *p, const siginfo_t *info, int sig)
{
	scoped_spin(&task_lock);
	return send_locked(p, info, sig);
}

/* pgrp 0: everybody but PID 1 and the sender. */
static int send_to_group(int pgrp, const siginfo_t *info, int sig)
{
	int result = -ESRCH, err;
	struct process *p;

	scoped_spin(&task_lock);
	list_foreach(&process_list, p, all_link) {
		if (pgrp != 0 ? p->pgrp != pgrp : p->pid == 1 || p == process_current())
			continue;
		err = send_locked(p, info, sig);
		if (err == 0 || result == -ESRCH)
			result = err;
	}
	return result;
}

long sys_kill(int pid, int sig)
{
	struct process *p;
	siginfo_t info;

	if (sig < 0 || sig > NSIG_MAX)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	signal_fill_sender(&info, sig, SI_USER);
	if (pid <= 0)
		return send_to_group(pid == -1  ? 0
				     : pid == 0 ? process_current()->pgrp
						: -pid,
				     &info, sig);
	scoped_spin(&task_lock);
	p = process_find_locked(pid);
	if (p == NULL) {
		struct task *t = task_find_locked(pid);

		p = t == NULL ? NULL : t->process; /* as Linux: a thread's id means its process */
	}
	return p == NULL ? -ESRCH : send_locked(p, &info, sig);
}

static long send_to_task(int tgid, int tid, const siginfo_t *info, int sig)
{
	struct task *t;
	long err = -ESRCH;

	if (tid <= 0 || (tgid <= 0 && tgid != -1) || sig < 0 || sig > NSIG_MAX)
		return -EINVAL;
	t = task_find(tid);
	if (t == NULL)
		return -ESRCH;
	if (tgid == -1 || t->process->pid == tgid) {
		struct cred *theirs = task_cred(t);

		err = may_signal(t->process, theirs, sig) ? 0 : -EPERM;
		cred_put(theirs);
		if (err == 0 && sig != 0)
			err = signal_send_task(t, info);
	}
	task_put(t);
	return err;
}

long sys_tgkill(int tgid, int tid, int sig)
{
	siginfo_t info;

	if (tgid <= 0)
		return -EINVAL;
	signal_fill_sender(&info, sig, SI_TKILL);
	return send_to_task(tgid, tid, &info, sig);
}

long sys_tkill(int tid, int sig)
{
	siginfo_t info;

	signal_fill_sender(&info, sig, SI_TKILL);
	return send_to_task(-1, tid, &info, sig);
}

/* Nobody may pretend to another process that the kernel or kill(2) sent something. */
int signal_read_info(siginfo_t *info, uaddr_t from, int sig, int target_pid)
{
	if (user_read_struct(info, from) != 0)
		return -EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) &&
	    target_pid != process_current()->pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(int pid, int sig, uaddr_t info_in)
{
	struct process *p;
	siginfo_t info;
	int err = signal_read_info(&info, info_in, sig, pid);

	if (err != 0)
		return err;
	if (sig < 0 || sig > NSIG_MAX)
		return -EINVAL;
	p = process_find(pid);
	if (p == NULL)
		return -ESRCH;
	err = signal_send_checked(p, &info, sig);
	process_put(p);
	return err;
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, uaddr_t info_in)
{
	siginfo_t info;
	int err;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	err = signal_read_info(&info, info_in, sig, tgid);
	return err != 0 ? err : send_to_task(tgid, tid, &info, sig);
}

/* ---- stacks and return ---- */

static bool is_on(const stack_t *s, uaddr_t sp)
{
	return s->ss_size != 0 && (s->ss_flags & (int)SS_AUTODISARM) == 0 &&
	       sp > (uaddr_t)s->ss_sp && sp - (uaddr_t)s->ss_sp <= s->ss_size;
}

static int check_stack(const stack_t *s)
{
	int mode = s->ss_flags & ~(int)SS_AUTODISARM;

	if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
		return -EINVAL;
	if (mode != SS_DISABLE && s->ss_size < program_minsigstksz())
		return -ENOMEM;
	return 0;
}

/* An alternate stack as the program sees it, and as it gives it back at the end of a handler. */
static int set_stack(struct task *self, const stack_t *s, uaddr_t sp)
{
	int err = check_stack(s);

	if (is_on(&self->altstack, sp))
		return -EPERM;
	if (err != 0)
		return err;
	if ((s->ss_flags & ~(int)SS_AUTODISARM) == SS_DISABLE)
		self->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	else
		self->altstack = (stack_t){ s->ss_sp, s->ss_flags & (int)SS_AUTODISARM,
					    s->ss_size };
	return 0;
}

long sys_sigaltstack(uaddr_t ss, uaddr_t old)
{
	struct task *self = task_current();
	uaddr_t sp = frame_sp(thread_frame(self->thread));
	stack_t before = self->altstack, s;
	int err;

	before.ss_flags = before.ss_size == 0 ? SS_DISABLE : is_on(&before, sp) ? SS_ONSTACK : 0;
	before.ss_flags |= self->altstack.ss_flags & (int)SS_AUTODISARM;
	if (ss != 0) {
		if (user_read_struct(&s, ss) != 0)
			return -EFAULT;
		err = set_stack(self, &s, sp);
		if (err != 0)
			return err;
	}
	return old == 0 ? 0 : user_write_struct(old, &before);
}

long sys_rt_sigreturn(void)
{
	struct task *self = task_current();
	struct trap_frame *f = thread_frame(self->thread);
	stack_t stack;
	uint64_t mask;

	if (signal_frame_pop(f, &mask, &stack) != 0) {
		signal_force_kernel(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	frame_clear_syscall(f);
	signal_mask_set(mask);
	(void)set_stack(self, &stack, frame_sp(f)); /* as in Linux: a bad one is ignored */
	return frame_result(f);
}
