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

/* The process that a pid argument means, counted; 0 is the caller. */
static struct process *find(int pid)
{
	return pid == 0 ? process_get(process_current()) : process_find(pid);
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

/* With task_lock held: is there a group `pgrp` in the session? */
static int group_check(struct process *p, int pgrp)
{
	struct process *self = process_current();

	if (p != self && (p->parent_pid != self->pid || p->session != self->session))
		return p->parent_pid != self->pid ? -ESRCH : -EPERM;
	if (p->session == p->pid)
		return -EPERM; /* a session's leader */
	if (p != self && p->did_exec)
		return -EACCES;
	return 0;
}

/* Is any process of the session in the group? */
static bool group_exists(int pgrp, int session)
{
	bool found = false;

	for (struct process *p = process_next(0), *next; p != NULL; p = next) {
		found |= p->pgrp == pgrp && p->session == session;
		next = process_next(p->pid);
		process_put(p);
	}
	return found;
}

long sys_setpgid(int pid, int pgid)
{
	struct process *p;
	int err;

	if (pgid < 0)
		return -EINVAL;
	p = find(pid);
	if (p == NULL)
		return -ESRCH;
	if (pgid == 0)
		pgid = p->pid;
	err = group_check(p, pgid);
	if (err == 0 && pgid != p->pid && !group_exists(pgid, p->session))
		err = -EPERM;
	if (err == 0) {
		scoped_spin(&task_lock);
		p->pgrp = pgid;
	}
	process_put(p);
	return err;
}

long sys_setsid(void)
{
	struct process *p = process_current();

	if (p->pgrp == p->pid)
		return -EPERM;
	scoped_spin(&task_lock);
	p->pgrp = p->session = p->pid;
	return p->pid;
}
