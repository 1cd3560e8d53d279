/* SPDX-License-Identifier: BSD-2-Clause */
/* Scheduling as programs set and ask it: policy, priority, nice, affinity (sched(7)),
 * membarrier(2). */
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/time_types.h>

#include "core/cpu.h"
#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"

#define RT_MIN         1
#define RT_MAX         99
#define NICE_MIN       (-20)
#define NICE_MAX       19
#define RR_INTERVAL_NS 3000000
#define POLICY_MASK    (~(int)SCHED_RESET_ON_FORK)

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(int policy)
{
	return is_realtime(policy) || policy == SCHED_NORMAL || policy == SCHED_BATCH ||
	       policy == SCHED_IDLE;
}

/* Counted; 0 is the caller. -ESRCH as NULL. */
static struct task *find(int pid)
{
	struct task *t = pid == 0 ? task_get(task_current()) : task_find(pid);

	if (t != NULL && t->thread == NULL) {
		task_put(t);
		return NULL;
	}
	return t;
}

static bool may_change(const struct task *t)
{
	const struct cred *self = cred_current(), *other = t->thread->cred;

	return cred_has_cap(self, CAP_SYS_NICE) || self->euid == other->euid ||
	       self->euid == other->uid;
}

long sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

/* ---- policy ---- */

static int set_policy(int pid, int policy, int priority, const int *nice)
{
	struct task *t;
	int err = 0, limit;

	if (pid < 0 || !is_known(policy) ||
	    (is_realtime(policy) ? priority < RT_MIN || priority > RT_MAX : priority != 0))
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	limit = (int)min(process_limit(t->process, RLIMIT_RTPRIO), (uint64_t)RT_MAX);
	if (!may_change(t) || (is_realtime(policy) && priority > limit &&
			       !cred_has_cap(cred_current(), CAP_SYS_NICE)))
		err = -EPERM;
	else
		thread_set_sched(t->thread, (enum sched_policy)policy,
				 nice == NULL ? t->thread->nice : *nice, priority);
	task_put(t);
	return err;
}

long sys_sched_setscheduler(int pid, int policy, uaddr_t param)
{
	int priority;

	if (policy < 0 || param == 0)
		return -EINVAL;
	if (user_read_struct(&priority, param) != 0)
		return -EFAULT;
	return set_policy(pid, policy & POLICY_MASK, priority, NULL);
}

long sys_sched_getscheduler(int pid)
{
	struct task *t = pid < 0 ? NULL : find(pid);
	int policy;

	if (t == NULL)
		return pid < 0 ? -EINVAL : -ESRCH;
	policy = (int)t->thread->policy;
	task_put(t);
	return policy;
}

long sys_sched_setparam(int pid, uaddr_t param)
{
	int priority;
	long policy;

	if (param == 0 || pid < 0)
		return -EINVAL;
	if (user_read_struct(&priority, param) != 0)
		return -EFAULT;
	policy = sys_sched_getscheduler(pid);
	return policy < 0 ? policy : set_policy(pid, (int)policy, priority, NULL);
}

long sys_sched_getparam(int pid, uaddr_t param)
{
	struct task *t = pid < 0 ? NULL : find(pid);
	int priority;

	if (param == 0 || pid < 0) {
		if (t != NULL)
			task_put(t);
		return -EINVAL;
	}
	if (t == NULL)
		return -ESRCH;
	priority = t->thread->rt_priority;
	task_put(t);
	return user_write_struct(param, &priority);
}

#define ATTR_SIZE_0 48 /* SCHED_ATTR_SIZE_VER0 */

long sys_sched_setattr(int pid, uaddr_t uattr, unsigned long flags)
{
	struct sched_attr a;

	if (uattr == 0 || pid < 0 || flags != 0)
		return -EINVAL;
	memset(&a, 0, sizeof(a));
	if (user_read(&a, uattr, ATTR_SIZE_0) != 0)
		return -EFAULT;
	if (a.size != 0 && a.size < ATTR_SIZE_0)
		return -E2BIG;
	if (a.sched_nice < NICE_MIN || a.sched_nice > NICE_MAX)
		return -EINVAL;
	return set_policy(pid, (int)a.sched_policy, (int)a.sched_priority, &a.sched_nice);
}

long sys_sched_getattr(int pid, uaddr_t uattr, unsigned size, unsigned long flags)
{
	struct sched_attr a = { .size = ATTR_SIZE_0 };
	struct task *t;

	if (uattr == 0 || pid < 0 || size < ATTR_SIZE_0 || size > PAGE_SIZE || flags != 0)
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	a.sched_policy = t->thread->policy;
	a.sched_nice = is_realtime((int)a.sched_policy) ? 0 : t->thread->nice;
	a.sched_priority = (uint32_t)t->thread->rt_priority;
	task_put(t);
	return user_write(uattr, &a, ATTR_SIZE_0);
}

long sys_sched_get_priority_max(int policy)
{
	if (!is_known(policy))
		return policy == SCHED_DEADLINE ? 0 : -EINVAL;
	return is_realtime(policy) ? RT_MAX : 0;
}

long sys_sched_get_priority_min(int policy)
{
	if (!is_known(policy))
		return policy == SCHED_DEADLINE ? 0 : -EINVAL;
	return is_realtime(policy) ? RT_MIN : 0;
}

long sys_sched_rr_get_interval(int pid, uaddr_t to)
{
	struct __kernel_timespec ts = { 0, RR_INTERVAL_NS };
	struct task *t;

	if (pid < 0)
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	if (t->thread->policy == SCHED_POLICY_FIFO)
		ts.tv_nsec = 0;
	task_put(t);
	return user_write_struct(to, &ts);
}

/* ---- nice ---- */

static bool is_meant(struct task *t, int which, int who)
{
	if (which == PRIO_PROCESS)
		return t->tid == who;
	if (which == PRIO_PGRP)
		return t->process->pgrp == who;
	return t->thread->cred->uid == (uint32_t)who;
}

/* Calls fn for every task that which/who names; its last non-zero answer, or -ESRCH when there
 * is none. */
static long for_each_meant(int which, int who, long (*fn)(struct task *t, long so_far, int arg),
			   int arg)
{
	long result = -ESRCH;
	struct task *t;

	if (which == PRIO_PROCESS) {
		t = find(who);
		if (t == NULL)
			return -ESRCH;
		result = fn(t, -ESRCH, arg);
		task_put(t);
		return result;
	}
	for (struct process *p = process_next(0), *next; p != NULL; p = next) {
		t = process_leader(p);
		if (t != NULL) {
			if (t->thread != NULL && is_meant(t, which, who))
				result = fn(t, result, arg);
			task_put(t);
		}
		next = process_next(p->pid);
		process_put(p);
	}
	return result;
}

static int default_who(int which, int who)
{
	if (who != 0)
		return who;
	if (which == PRIO_PGRP)
		return process_current()->pgrp;
	return which == PRIO_USER ? (int)cred_current()->uid : 0;
}

/* getpriority's raw result is 20 - nice, so that it is never negative (getpriority(2), NOTES). */
static long highest(struct task *t, long so_far, int arg)
{
	return max(so_far, (long)(20 - t->thread->nice));
}

static long change_nice(struct task *t, long so_far, int nice)
{
	uint64_t limit = process_limit(t->process, RLIMIT_NICE);

	if (!may_change(t))
		return -EPERM;
	if (nice < t->thread->nice && (uint64_t)(20 - nice) > limit &&
	    !cred_has_cap(cred_current(), CAP_SYS_NICE))
		return -EACCES;
	thread_set_sched(t->thread, t->thread->policy, nice, t->thread->rt_priority);
	return so_far == -ESRCH ? 0 : so_far;
}

long sys_getpriority(int which, int who)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	return for_each_meant(which, default_who(which, who), highest, 0);
}

long sys_setpriority(int which, int who, int nice)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = max(min(nice, NICE_MAX), NICE_MIN);
	return for_each_meant(which, default_who(which, who), change_nice, nice);
}

/* I/O priorities are kept for whoever asks; there is no disk queue to use them. */
long sys_ioprio_get(int which, int who)
{
	struct task *t;
	int ioprio;

	if (which < 1 || which > 3)
		return -EINVAL;
	t = find(which == 1 ? who : 0);
	if (t == NULL)
		return -ESRCH;
	ioprio = t->ioprio;
	task_put(t);
	return ioprio;
}

long sys_ioprio_set(int which, int who, int ioprio)
{
	struct task *t;

	if (which < 1 || which > 3 || ioprio >> 13 > 3)
		return -EINVAL;
	t = find(which == 1 ? who : 0);
	if (t == NULL)
		return -ESRCH;
	t->ioprio = ioprio;
	task_put(t);
	return 0;
}

/* ---- CPUs ---- */

static uint64_t all_cpus(void)
{
	return nr_cpus >= 64 ? UINT64_MAX : (1ull << nr_cpus) - 1;
}

long sys_sched_setaffinity(int pid, size_t len, uaddr_t umask)
{
	uint64_t mask = 0;
	struct task *t;
	int err = 0;

	if (user_read(&mask, umask, min(len, sizeof(mask))) != 0)
		return -EFAULT;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	if (!may_change(t))
		err = -EPERM;
	else if ((mask & all_cpus()) == 0)
		err = -EINVAL;
	else
		WRITE_ONCE(t->thread->affinity, mask & all_cpus());
	task_put(t);
	return err;
}

long sys_sched_getaffinity(int pid, size_t len, uaddr_t umask)
{
	struct task *t;
	uint64_t mask;

	if (len < sizeof(mask) || len % sizeof(mask) != 0)
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	mask = t->thread->affinity & all_cpus();
	task_put(t);
	return user_write_struct(umask, &mask) != 0 ? -EFAULT : (long)sizeof(mask);
}

long sys_getcpu(uaddr_t cpu, uaddr_t node, uaddr_t unused)
{
	unsigned id = cpu_this()->id, zero = 0;

	if ((cpu != 0 && user_write_struct(cpu, &id) != 0) ||
	    (node != 0 && user_write_struct(node, &zero) != 0))
		return -EFAULT;
	return 0;
}

/* On one CPU entering the kernel is all the barrier there is to make. */
#define MEMBARRIER_ALL \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | \
	 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)

long sys_membarrier(int cmd, unsigned long flags, int cpu)
{
	struct process *p = process_current();
	int registered = cmd << 1;

	if (flags != 0)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
		p->membarriers |= cmd;
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
		if ((p->membarriers & registered) == 0)
			return -EPERM;
		break;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		break;
	default:
		return -EINVAL;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}
