/* SPDX-License-Identifier: BSD-2-Clause */
/* Process, group and session ids (getpid(2), setpgid(2), setsid(2)). */
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/task/task.h"

long sys_getpid(void)
{
	return process_current()->pid;
}

long sys_gettid(void)
{
	return task_current()->tid;
}

long sys_getppid(void)
{
	return READ_ONCE(process_current()->parent_pid);
}

/* The process that a pid argument means, or the one of the task; counted. 0 is the caller. */
static struct process *find(int pid)
{
	struct process *p = pid == 0 ? process_get(process_current()) : process_find(pid);
	struct task *t = p == NULL ? task_find(pid) : NULL;

	if (t == NULL)
		return p;
	p = process_get(t->process);
	task_put(t);
	return p;
}

long sys_getpgid(int pid)
{
	struct process *p = find(pid);
	int pgrp;

	if (p == NULL)
		return -ESRCH;
	pgrp = READ_ONCE(p->pgrp);
	process_put(p);
	return pgrp;
}

long sys_getpgrp(void)
{
	return READ_ONCE(process_current()->pgrp);
}

long sys_getsid(int pid)
{
	struct process *p = find(pid);
	int session;

	if (p == NULL)
		return -ESRCH;
	session = READ_ONCE(p->session);
	process_put(p);
	return session;
}

/* ---- with task_lock held ---- */

static bool group_exists(int pgrp, int session)
{
	struct process *p;

	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pgrp && p->session == session)
			return true;
	}
	return false;
}

/* setpgid(2), ERRORS. */
static int check_group_change(struct process *p, int pgrp)
{
	struct process *self = process_current();

	if (p != self && p->parent != self)
		return -ESRCH;
	if (p != self && p->session != self->session)
		return -EPERM;
	if (p != self && READ_ONCE(p->did_exec))
		return -EACCES;
	if (p->session == p->pid)
		return -EPERM; /* a session's leader */
	return pgrp != p->pid && !group_exists(pgrp, self->session) ? -EPERM : 0;
}

long sys_setpgid(int pid, int pgid)
{
	struct process *p;
	int err;

	if (pgid < 0)
		return -EINVAL;
	scoped_spin(&task_lock);
	p = pid == 0 ? process_current() : process_find_locked(pid);
	if (p == NULL) /* as Linux: a thread that leads no process */
		return task_find_locked(pid) != NULL ? -EINVAL : -ESRCH;
	if (pgid == 0)
		pgid = p->pid;
	err = check_group_change(p, pgid);
	if (err != 0)
		return err;
	process_set_groups_locked(p, pgid, p->session);
	return 0;
}

long sys_setsid(void)
{
	struct process *self = process_current(), *p;

	scoped_spin(&task_lock);
	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == self->pid)
			return -EPERM; /* it leads a group, or led one that lives on */
	}
	process_set_groups_locked(self, self->pid, self->pid);
	return self->pid;
}
