/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait4(2) and waitid(2): a child that ended, stopped or went on. The children are looked through
 * under task_lock; what is found is noted there, a zombie taken out of the table, and the program
 * told afterwards.
 */
#include <linux/wait.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/family.h"
#include "linux/task/pidfd.h"
#include "linux/task/task.h"
#include "mm/user.h"

#define WAIT_STATUS_STOPPED(sig) ((sig) << 8 | 0x7f)
#define WAIT_STATUS_CONTINUED    0xffff

struct query {
	int which;               /* P_ALL, P_PID, P_PGID, P_PIDFD */
	int id;                  /* of the process or group */
	unsigned options;        /* W* of wait.h */
	struct process *process; /* P_PIDFD's, counted: its id may be another's by now; or NULL */
};

struct answer {
	int pid;    /* 0: nothing yet */
	int status; /* as wait(2) has it */
	int code;   /* CLD_* */
	uint32_t uid;
	struct usage usage;
};

/* ---- looking, with task_lock held ---- */

static bool is_meant(const struct process *child, const struct query *q)
{
	bool is_clone = child->exit_signal != SIGCHLD;

	if (q->which == P_PID && child->pid != q->id)
		return false;
	if (q->process != NULL && child != q->process)
		return false;
	if (q->which == P_PGID && child->pgrp != q->id)
		return false;
	return (q->options & __WALL) != 0 || is_clone == ((q->options & __WCLONE) != 0);
}

static void fill(struct process *child, struct answer *a, int code, int status)
{
	struct task *first = list_first(&child->tasks, struct task, process_link);

	a->pid = child->pid;
	a->code = code;
	a->status = status;
	if (child->dead_cred != NULL)
		a->uid = child->dead_cred->uid;
	else if (first != NULL && first->thread != NULL)
		a->uid = first->thread->cred->uid;
	a->usage = child->dead;
	usage_add(&a->usage, &child->child_usage);
}

/* Takes the child's end. True: *reaped is out of the table, its count the caller's. */
static bool take_end(struct process *child, const struct query *q, struct answer *a)
{
	struct process *self = child->parent;

	if (!child->zombie || (q->options & WEXITED) == 0)
		return false;
	fill(child, a, (child->exit_status & 0x7f) != 0 ? CLD_KILLED : CLD_EXITED,
	     child->exit_status);
	if ((q->options & WNOWAIT) != 0)
		return false;
	usage_add(&self->child_usage, &a->usage);
	process_unpublish_locked(child);
	return true;
}

static void take_change(struct process *child, const struct query *q, struct answer *a)
{
	bool keep = (q->options & WNOWAIT) != 0;

	scoped_spin(&child->lock);
	if ((q->options & WSTOPPED) != 0 && child->stop_reported && !child->stop_waited) {
		child->stop_waited = !keep;
		fill(child, a, CLD_STOPPED, WAIT_STATUS_STOPPED(child->stop_signal));
	} else if ((q->options & WCONTINUED) != 0 && child->continued) {
		child->continued = keep;
		fill(child, a, CLD_CONTINUED, WAIT_STATUS_CONTINUED);
	}
}

/* 0: nothing yet; 1: *a is the answer; -ECHILD: no such child. */
static int look(const struct query *q, struct answer *a)
{
	struct process *self = process_current(), *child, *reaped = NULL;
	int result = -ECHILD;

	spin_lock(&task_lock);
	list_foreach(&self->children, child, sibling) {
		if (!is_meant(child, q))
			continue;
		result = 0;
		if (take_end(child, q, a))
			reaped = child;
		if (a->pid == 0 && !child->zombie)
			take_change(child, q, a);
		if (a->pid != 0)
			break;
	}
	spin_unlock(&task_lock);
	if (reaped != NULL)
		process_put(reaped);
	return a->pid != 0 ? 1 : result;
}

/* As look(), but waits unless WNOHANG; -ERESTARTSYS. */
static int wait_for(const struct query *q, struct answer *a)
{
	int found = 0, err;

	memset(a, 0, sizeof(*a));
	if ((q->options & WNOHANG) != 0)
		return look(q, a);
	err = wait_event(&process_current()->child_wq, (found = look(q, a)) != 0,
			 WAIT_INTERRUPTIBLE, NSEC_NEVER);
	return err != 0 ? err : found;
}

/* ---- the calls ---- */

static int write_usage(uaddr_t to, const struct answer *a)
{
	struct rusage usage;

	if (to == 0)
		return 0;
	usage_to_rusage(&a->usage, &usage);
	return user_write_struct(to, &usage);
}

long sys_wait4(int pid, uaddr_t status, int options, uaddr_t usage)
{
	struct query q = { .options = (unsigned)options | WEXITED };
	struct answer a;
	int found;

	if ((options &
	     ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL)) != 0)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	q.which = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	q.id = pid > 0 ? pid : pid == 0 ? process_current()->pgrp : -pid;
	found = wait_for(&q, &a);
	if (found <= 0)
		return found;
	if (status != 0 && user_write_struct(status, &a.status) != 0)
		return -EFAULT;
	return write_usage(usage, &a) != 0 ? -EFAULT : a.pid;
}

/* What a pidfd means. -EBADF; a pidfd that does not block does not wait. */
static int read_pidfd(struct query *q)
{
	bool nonblocking;
	int err = pidfd_process(q->id, &q->process, &nonblocking);

	return err != 0 ? err : nonblocking;
}

static int check_waitid(struct query *q)
{
	const unsigned kinds = WEXITED | WSTOPPED | WCONTINUED;

	if ((q->options & ~(kinds | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL)) != 0 ||
	    (q->options & kinds) == 0)
		return -EINVAL;
	switch (q->which) {
	case P_ALL:
		return 0;
	case P_PID:
		return q->id <= 0 ? -EINVAL : 0;
	case P_PGID:
		if (q->id == 0)
			q->id = process_current()->pgrp;
		return q->id < 0 ? -EINVAL : 0;
	case P_PIDFD:
		return q->id < 0 ? -EINVAL : read_pidfd(q);
	default:
		return -EINVAL;
	}
}

static int status_of(const struct answer *a)
{
	switch (a->code) {
	case CLD_EXITED:
	case CLD_STOPPED:
		return a->status >> 8 & 0xff;
	case CLD_CONTINUED:
		return SIGCONT;
	default:
		return a->status & 0x7f;
	}
}

/* Linux writes these fields and no others, zeroes when nothing was found (WNOHANG). */
static int write_info(uaddr_t to, const struct answer *a)
{
	siginfo_t info;

	if (to == 0)
		return 0;
	if (user_read_struct(&info, to) != 0)
		return -EFAULT;
	info.si_signo = a->pid != 0 ? SIGCHLD : 0;
	info.si_errno = 0;
	info.si_code = a->code;
	info.si_pid = a->pid;
	info.si_uid = a->uid;
	info.si_status = a->pid != 0 ? status_of(a) : 0;
	return user_write_struct(to, &info);
}

long sys_waitid(int which, int id, uaddr_t info, int options, uaddr_t usage)
{
	struct query q = { which, id, (unsigned)options, NULL };
	int nonblocking = check_waitid(&q), found;
	struct answer a;

	if (nonblocking < 0)
		return nonblocking;
	if (nonblocking != 0)
		q.options |= WNOHANG;
	found = wait_for(&q, &a);
	if (q.process != NULL)
		process_put(q.process);
	if (found == 0 && nonblocking != 0 && (options & WNOHANG) == 0)
		return -EAGAIN;
	if (found < 0)
		return found;
	if (found > 0 && write_usage(usage, &a) != 0)
		return -EFAULT;
	return write_info(info, &a);
}
