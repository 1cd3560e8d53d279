/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What parents learn of their children, and what becomes of children whose parent ends. family.h
 * has the theory. Everything happens under task_lock: signals are sent to parents under it, which
 * take process->lock inside.
 */
#include "linux/task/family.h"

#include "arch/trap.h"
#include "core/cred.h"
#include "fs/tty/port.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"

/* ---- telling, with task_lock held ---- */

static void fill_info(const struct process *child, siginfo_t *info, int code, int status)
{
	const nsec_t tick = NSEC_PER_SEC / 100;

	info->si_signo = SIGCHLD;
	info->si_code = code;
	info->si_pid = child->pid;
	info->si_status = status;
	info->si_utime = child->dead.cpu_ns / tick;
}

static void fill_end(const struct process *child, siginfo_t *info)
{
	int sig = child->exit_status & 0x7f;

	fill_info(child, info, sig != 0 ? CLD_KILLED : CLD_EXITED,
		  sig != 0 ? sig : child->exit_status >> 8 & 0xff);
	info->si_signo = child->exit_signal;
	info->si_uid = child->dead_cred != NULL ? child->dead_cred->uid : 0;
}

/* True: the parent does not wait for children. */
static bool parent_ignores(struct process *parent, int exit_signal, bool *silent)
{
	scoped_spin(&parent->lock);
	const struct sigaction a = signal_action_get(parent->actions, SIGCHLD);

	*silent = exit_signal == SIGCHLD && a.sa_handler == SIG_IGN;
	return exit_signal == SIGCHLD &&
	       (a.sa_handler == SIG_IGN || (a.sa_flags & SA_NOCLDWAIT) != 0);
}

/* Tells the parent of a zombie. True: it will not wait for it. */
static bool tell_end(struct process *p)
{
	struct process *parent = p->parent;
	bool silent, ignores;
	siginfo_t info = { 0 };

	if (parent == NULL)
		return true;
	ignores = parent_ignores(parent, p->exit_signal, &silent);
	if (p->exit_signal >= 1 && p->exit_signal <= NSIG_MAX && !silent) {
		fill_end(p, &info);
		(void)signal_send_process(parent, &info); /* a standard one always gets through */
	}
	waitq_wake_all(&parent->child_wq, 0);
	return ignores;
}

static void tell_change(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	struct sigaction a;
	siginfo_t info = { 0 };
	struct task *first;
	bool wanted;

	if (parent == NULL)
		return;
	spin_lock(&parent->lock);
	a = signal_action_get(parent->actions, SIGCHLD);
	wanted = a.sa_handler != SIG_IGN && (a.sa_flags & SA_NOCLDSTOP) == 0;
	spin_unlock(&parent->lock);
	if (wanted) {
		fill_info(p, &info, code, status);
		first = list_first(&p->tasks, struct task, process_link);
		if (first != NULL && first->thread != NULL)
			info.si_uid = first->thread->cred->uid;
		(void)signal_send_process(parent, &info);
	}
	waitq_wake_all(&parent->child_wq, 0);
}

void family_stopped(struct process *p)
{
	int sig;

	scoped_spin(&task_lock);
	spin_lock(&p->lock);
	sig = p->stopping && !p->stop_reported ? p->stop_signal : 0;
	p->stop_reported |= sig != 0;
	spin_unlock(&p->lock);
	if (sig != 0)
		tell_change(p, CLD_STOPPED, sig);
}

void family_continued(struct process *p)
{
	bool tell;

	scoped_spin(&task_lock);
	spin_lock(&p->lock);
	tell = p->tell_continued;
	p->tell_continued = false;
	spin_unlock(&p->lock);
	if (tell)
		tell_change(p, CLD_CONTINUED, SIGCONT);
}

/* ---- orphaned process groups ---- */

static bool is_link(const struct process *p)
{
	const struct process *parent = p->parent;

	if (p->pid == 1)
		return true;
	return parent != NULL && parent->session == p->session && parent->pgrp != p->pgrp;
}

bool family_group_is_orphaned(int pgrp, int session)
{
	struct process *p;

	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pgrp && p->session == session && !p->zombie && is_link(p))
			return false;
	}
	return true;
}

static bool has_stopped_member(int pgrp)
{
	struct process *p;

	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pgrp && READ_ONCE(p->stopping))
			return true;
	}
	return false;
}

/* POSIX.1 _exit(): a group that becomes orphaned with a stopped member is hung up and continued. */
static void check_group(int pgrp, int session)
{
	if (!has_stopped_member(pgrp) || !family_group_is_orphaned(pgrp, session))
		return;
	signal_send_group_locked(pgrp, SIGHUP);
	signal_send_group_locked(pgrp, SIGCONT);
}

/* ---- the end of a process ---- */

static struct process *reaper_of(const struct process *p)
{
	for (struct process *a = p->parent; a != NULL; a = a->parent) {
		if (a->subreaper && !a->zombie)
			return a;
	}
	return NULL;
}

/* A zombie that nobody waits for. */
static void drop(struct process *p)
{
	process_unpublish_locked(p);
	process_put(p);
}

static void give_away(struct process *child, struct process *to)
{
	list_remove(&child->sibling);
	child->parent = to;
	child->parent_pid = to != NULL ? to->pid : 1;
	child->parent_tid = to != NULL ? to->pid : 0;
	child->exit_signal = SIGCHLD;
	if (to != NULL)
		list_append(&to->children, &child->sibling);
	if (child->zombie && tell_end(child))
		drop(child);
}

static void give_children_away(struct process *p)
{
	struct process *child, *to = list_is_empty(&p->children) ? NULL : reaper_of(p);

	list_foreach_safe(&p->children, child, sibling) {
		int pgrp = child->pgrp, session = child->session;

		give_away(child, to);
		if (pgrp != p->pgrp && session == p->session)
			check_group(pgrp, session);
	}
}

bool family_process_ended(struct process *p)
{
	bool unwanted;

	scoped_spin(&task_lock);
	p->zombie = true;
	give_children_away(p);
	if (p->parent != NULL && p->parent->session == p->session && p->parent->pgrp != p->pgrp)
		check_group(p->pgrp, p->session);
	unwanted = tell_end(p);
	if (unwanted)
		process_unpublish_locked(p);
	return unwanted;
}

static void send_death_signal(struct process *child)
{
	struct task *t;
	int sig = 0;

	spin_lock(&child->lock);
	list_foreach(&child->tasks, t, process_link) {
		if (t->parent_death_signal != 0)
			sig = t->parent_death_signal;
	}
	spin_unlock(&child->lock);
	if (sig != 0) {
		siginfo_t info = { .si_signo = sig, .si_code = SI_USER };

		info.si_pid = child->parent->pid;
		info.si_uid = cred_current()->uid;
		(void)signal_send_process(child, &info);
	}
}

void family_task_ended(struct task *t, bool last)
{
	struct process *child;

	scoped_spin(&task_lock);
	list_foreach(&t->process->children, child, sibling) {
		if (child->zombie || (child->parent_tid != t->tid && !last))
			continue;
		send_death_signal(child);
		child->parent_tid = 0;
	}
}
