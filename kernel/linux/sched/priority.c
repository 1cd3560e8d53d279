/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nice values (getpriority(2)) and I/O priorities (ioprio_get(2)) of a thread, a process group or a
 * user. I/O priorities are kept for whoever asks; there is no disk queue to use them.
 */
#include <linux/capability.h>
#include <linux/ioprio.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/sched/scheduling.h"
#include "linux/task/task.h"

#define NICE_MIN (-20)
#define NICE_MAX 19

enum which { WHICH_TASK, WHICH_GROUP, WHICH_USER };

struct visit {
	enum which which;
	int who;
	/* Runs under task_lock and process->lock. `so_far` starts as -ESRCH. */
	long (*fn)(struct task *t, long so_far, int arg);
	int arg;
};

static bool is_meant(const struct task *t, const struct visit *v)
{
	if (t->thread == NULL)
		return false;
	return v->which == WHICH_GROUP ? t->process->pgrp == v->who
				       : t->thread->cred->uid == (uint32_t)v->who;
}

/* With task_lock held. */
static long visit_process(struct process *p, const struct visit *v, long result)
{
	struct task *t;

	scoped_spin(&p->lock);
	list_foreach(&p->tasks, t, process_link) {
		if (is_meant(t, v))
			result = v->fn(t, result, v->arg);
	}
	return result;
}

/* Its last answer, or -ESRCH when nobody is meant. */
static long visit_all(const struct visit *v)
{
	long result = -ESRCH;
	struct process *p;
	struct task *t;

	scoped_spin(&task_lock);
	if (v->which == WHICH_TASK) {
		t = task_find_locked(v->who);
		return t == NULL || t->thread == NULL ? -ESRCH : v->fn(t, result, v->arg);
	}
	list_foreach(&process_list, p, all_link)
		result = visit_process(p, v, result);
	return result;
}

/* 0 is the caller, its group, its user. */
static int who_or_self(enum which which, int who)
{
	if (who != 0)
		return who;
	if (which == WHICH_GROUP)
		return READ_ONCE(process_current()->pgrp);
	return which == WHICH_USER ? (int)cred_current()->uid : task_current()->tid;
}

/* ---- nice ---- */

/* getpriority's raw result is 20 - nice, so that it is never negative (getpriority(2), NOTES). */
static long highest_nice(struct task *t, long so_far, int arg)
{
	return max(so_far, (long)(20 - t->thread->nice));
}

static long change_nice(struct task *t, long so_far, int nice)
{
	if (!sched_may_change_locked(t))
		return -EPERM;
	if (!sched_may_nice(t, nice))
		return -EACCES;
	thread_set_sched(t->thread, t->thread->policy, nice, t->thread->rt_priority);
	return so_far == -ESRCH ? 0 : so_far;
}

long sys_getpriority(int which, int who)
{
	if (which < WHICH_TASK || which > WHICH_USER)
		return -EINVAL;
	return visit_all(&(struct visit){ (enum which)which, who_or_self((enum which)which, who),
					  highest_nice, 0 });
}

long sys_setpriority(int which, int who, int nice)
{
	if (which < WHICH_TASK || which > WHICH_USER)
		return -EINVAL;
	nice = max(min(nice, NICE_MAX), NICE_MIN);
	return visit_all(&(struct visit){ (enum which)which, who_or_self((enum which)which, who),
					  change_nice, nice });
}

/* ---- I/O ---- */

static int ioprio_class(int ioprio)
{
	return ioprio >> 13 & 7;
}

/* What a task without one of its own has: best effort, by its nice value. */
static int effective_ioprio(const struct task *t)
{
	if (ioprio_class(t->ioprio) != IOPRIO_CLASS_NONE)
		return t->ioprio;
	return IOPRIO_CLASS_BE << 13 | (t->thread->nice + 20) / 5;
}

static long own_ioprio(struct task *t, long so_far, int arg)
{
	return t->ioprio;
}

/* The lower number is the higher priority. */
static long best_ioprio(struct task *t, long so_far, int arg)
{
	long own = effective_ioprio(t);

	return so_far == -ESRCH ? own : min(so_far, own);
}

static long change_ioprio(struct task *t, long so_far, int ioprio)
{
	if (!sched_may_change_locked(t))
		return -EPERM;
	t->ioprio = ioprio;
	return 0;
}

static int check_ioprio(int ioprio)
{
	const struct cred *c = cred_current();

	switch (ioprio_class(ioprio)) {
	case IOPRIO_CLASS_RT:
		return cred_has_cap(c, CAP_SYS_ADMIN) || cred_has_cap(c, CAP_SYS_NICE) ? 0 : -EPERM;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		return 0;
	case IOPRIO_CLASS_NONE:
		return (ioprio & 7) != 0 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

long sys_ioprio_get(int which, int who)
{
	enum which meant = (enum which)(which - 1);

	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	return visit_all(&(struct visit){
		meant,
		who_or_self(meant, who),
		meant == WHICH_TASK ? own_ioprio : best_ioprio,
		0,
	});
}

long sys_ioprio_set(int which, int who, int ioprio)
{
	enum which meant = (enum which)(which - 1);
	int err = check_ioprio(ioprio);

	if (err != 0)
		return err;
	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	return visit_all(&(struct visit){ meant, who_or_self(meant, who), change_ioprio, ioprio });
}
