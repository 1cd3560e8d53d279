/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling as programs set and ask it: policy, priority, affinity (sched(7)). priority.c has nice
 * values.
 *
 * SCHED_DEADLINE needs an admission test, and there is no bandwidth set aside for it: EBUSY, as
 * sched_setattr(2) has it.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/time_types.h>

#include "core/smp/cpu.h"
#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/sys.h"
#include "linux/futex/futexes.h"
#include "linux/sched/scheduling.h"
#include "linux/task/task.h"
#include "mm/user.h"

#define RT_MIN         1
#define RT_MAX         99
#define NICE_MIN       (-20)
#define NICE_MAX       19
#define RR_INTERVAL_NS 3000000

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(int policy)
{
	return is_realtime(policy) || policy == SCHED_NORMAL || policy == SCHED_BATCH ||
	       policy == SCHED_IDLE || policy == SCHED_DEADLINE;
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

/* ---- who may ---- */

static bool same_owner(const struct cred *theirs)
{
	const struct cred *mine = cred_current();

	return mine->euid == theirs->euid || mine->euid == theirs->uid;
}

bool sched_may_change_locked(const struct task *t)
{
	return cred_has_cap(cred_current(), CAP_SYS_NICE) || same_owner(t->thread->cred);
}

bool sched_may_change(struct task *t)
{
	scoped_spin(&task_lock);
	return sched_may_change_locked(t);
}

bool sched_may_nice(const struct task *t, int nice)
{
	return nice >= t->thread->nice ||
	       (uint64_t)(20 - nice) <= process_limit(t->process, RLIMIT_NICE) ||
	       cred_has_cap(cred_current(), CAP_SYS_NICE);
}

/* ---- policy ---- */

struct change {
	int policy, priority, nice;
	bool reset_on_fork;
};

/* Without CAP_SYS_NICE. */
static bool may_become(struct task *t, const struct change *c)
{
	const struct thread *thread = t->thread;
	uint64_t limit = process_limit(t->process, RLIMIT_RTPRIO);

	if (c->policy == SCHED_DEADLINE || (t->reset_on_fork && !c->reset_on_fork))
		return false;
	if (is_realtime(c->policy)) {
		if ((int)thread->policy != c->policy && limit == 0)
			return false;
		if (c->priority > thread->rt_priority && (uint64_t)c->priority > limit)
			return false;
	} else if (!sched_may_nice(t, c->nice)) {
		return false;
	}
	if (thread->policy == SCHED_POLICY_IDLE && c->policy != SCHED_IDLE &&
	    (uint64_t)(20 - thread->nice) > process_limit(t->process, RLIMIT_NICE))
		return false;
	return sched_may_change(t);
}

static int apply(struct task *t, const struct change *c)
{
	bool rt = is_realtime(c->policy);

	if (!is_known(c->policy) ||
	    (rt ? c->priority < RT_MIN || c->priority > RT_MAX : c->priority != 0))
		return -EINVAL;
	if (!cred_has_cap(cred_current(), CAP_SYS_NICE) && !may_become(t, c))
		return -EPERM;
	if (c->policy == SCHED_DEADLINE)
		return -EBUSY;
	WRITE_ONCE(t->reset_on_fork, c->reset_on_fork);
	thread_set_sched(t->thread, (enum sched_policy)c->policy, rt ? t->thread->nice : c->nice,
			 c->priority);
	futex_priority_changed(t);
	return 0;
}

static struct change current_settings(const struct task *t)
{
	return (struct change){
		.policy = (int)t->thread->policy,
		.priority = t->thread->rt_priority,
		.nice = t->thread->nice,
		.reset_on_fork = t->reset_on_fork,
	};
}

void sched_inherit(struct task *t)
{
	const struct task *self = task_current();
	struct change c = current_settings(self);

	if (c.reset_on_fork && is_realtime(c.policy))
		c = (struct change){ .policy = SCHED_NORMAL };
	else if (c.reset_on_fork)
		c.nice = max(c.nice, 0);
	thread_set_sched(t->thread, (enum sched_policy)c.policy, c.nice, c.priority);
	t->thread->affinity = READ_ONCE(self->thread->affinity);
	t->ioprio = self->ioprio;
	t->mempolicy = self->mempolicy;
}

long sys_sched_setscheduler(int pid, int policy, uaddr_t param)
{
	struct change c;
	struct task *t;
	int priority, err;

	if (policy < 0 || param == 0 || pid < 0)
		return -EINVAL;
	if (user_read_struct(&priority, param) != 0)
		return -EFAULT;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	c = current_settings(t);
	c.policy = policy & ~(int)SCHED_RESET_ON_FORK;
	c.priority = priority;
	c.reset_on_fork = (policy & SCHED_RESET_ON_FORK) != 0;
	/* It has no way to give a deadline. */
	err = c.policy == SCHED_DEADLINE ? -EINVAL : apply(t, &c);
	task_put(t);
	return err;
}

long sys_sched_getscheduler(int pid)
{
	struct task *t = pid < 0 ? NULL : find(pid);
	int policy;

	if (t == NULL)
		return pid < 0 ? -EINVAL : -ESRCH;
	policy = (int)t->thread->policy | (t->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(t);
	return policy;
}

long sys_sched_setparam(int pid, uaddr_t param)
{
	struct change c;
	struct task *t;
	int priority, err;

	if (param == 0 || pid < 0)
		return -EINVAL;
	if (user_read_struct(&priority, param) != 0)
		return -EFAULT;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	c = current_settings(t);
	c.priority = priority;
	err = apply(t, &c);
	task_put(t);
	return err;
}

long sys_sched_getparam(int pid, uaddr_t param)
{
	struct task *t;
	int priority;

	if (param == 0 || pid < 0)
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	priority = t->thread->rt_priority;
	task_put(t);
	return user_write_struct(param, &priority);
}

/* ---- sched_setattr(2) ---- */

#define ATTR_SIZE_0 48 /* SCHED_ATTR_SIZE_VER0 */
#define FLAGS_KNOWN \
	(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN | \
	 SCHED_FLAG_KEEP_ALL)

/* A larger struct is fine while the rest is zero; else E2BIG, and the size that is known. */
static int read_attr(struct sched_attr *a, uaddr_t from)
{
	uint32_t size;
	uint8_t byte;

	if (user_read_struct(&size, from) != 0)
		return -EFAULT;
	if (size == 0)
		size = ATTR_SIZE_0;
	if (size < ATTR_SIZE_0 || size > PAGE_SIZE)
		goto bad_size;
	memset(a, 0, sizeof(*a));
	if (user_read(a, from, min((size_t)size, sizeof(*a))) != 0)
		return -EFAULT;
	for (uint32_t at = sizeof(*a); at < size; at++) {
		if (user_read(&byte, from + at, 1) != 0)
			return -EFAULT;
		if (byte != 0)
			goto bad_size;
	}
	a->sched_nice = min(max(a->sched_nice, NICE_MIN), NICE_MAX);
	return 0;
bad_size:
	size = sizeof(*a);
	return user_write_struct(from, &size) != 0 ? -EFAULT : -E2BIG;
}

/* sched(7): runtime <= deadline <= period, and all of 1,024 ns or more. */
static bool is_deadline_valid(const struct sched_attr *a)
{
	uint64_t period = a->sched_period == 0 ? a->sched_deadline : a->sched_period;

	return a->sched_priority == 0 && a->sched_deadline != 0 && a->sched_runtime >= 1024 &&
	       a->sched_runtime <= a->sched_deadline && a->sched_deadline <= period &&
	       period >> 63 == 0;
}

static int apply_attr(struct task *t, const struct sched_attr *a)
{
	struct change c = current_settings(t);

	if ((a->sched_flags & SCHED_FLAG_KEEP_POLICY) == 0) {
		c.policy = (int)a->sched_policy;
		c.reset_on_fork = (a->sched_flags & SCHED_FLAG_RESET_ON_FORK) != 0;
	}
	if ((a->sched_flags & SCHED_FLAG_KEEP_PARAMS) == 0) {
		c.priority = (int)a->sched_priority;
		c.nice = a->sched_nice;
	}
	if (c.policy == SCHED_DEADLINE && !is_deadline_valid(a))
		return -EINVAL;
	return apply(t, &c);
}

long sys_sched_setattr(int pid, uaddr_t uattr, unsigned long flags)
{
	struct sched_attr a;
	struct task *t;
	int err;

	if (uattr == 0 || pid < 0 || flags != 0)
		return -EINVAL;
	err = read_attr(&a, uattr);
	if (err != 0)
		return err;
	if ((int)a.sched_policy < 0 || (a.sched_flags & ~(uint64_t)FLAGS_KNOWN) != 0)
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	err = apply_attr(t, &a);
	task_put(t);
	return err;
}

long sys_sched_getattr(int pid, uaddr_t uattr, unsigned size, unsigned long flags)
{
	struct sched_attr a = { .size = (uint32_t)min((size_t)size, sizeof(a)) };
	struct task *t;

	if (uattr == 0 || pid < 0 || size < ATTR_SIZE_0 || size > PAGE_SIZE || flags != 0)
		return -EINVAL;
	t = find(pid);
	if (t == NULL)
		return -ESRCH;
	a.sched_policy = t->thread->policy;
	a.sched_flags = t->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	a.sched_nice = is_realtime((int)a.sched_policy) ? 0 : t->thread->nice;
	a.sched_priority = (uint32_t)t->thread->rt_priority;
	task_put(t);
	return user_write(uattr, &a, a.size);
}

long sys_sched_get_priority_max(int policy)
{
	if (!is_known(policy))
		return -EINVAL;
	return is_realtime(policy) ? RT_MAX : 0;
}

long sys_sched_get_priority_min(int policy)
{
	if (!is_known(policy))
		return -EINVAL;
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

long sys_sched_yield(void)
{
	thread_yield();
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
	if (!sched_may_change(t))
		err = -EPERM;
	else if ((mask & all_cpus()) == 0)
		err = -EINVAL;
	else
		err = thread_set_affinity(t->thread, mask & all_cpus());
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
	mask = READ_ONCE(t->thread->affinity) & all_cpus();
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
