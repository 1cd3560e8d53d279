/* SPDX-License-Identifier: BSD-2-Clause */
/* Resource limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2). */
#include <linux/capability.h>
#include <linux/times.h>

#include "core/cred.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/task/rlimits.h"
#include "linux/task/task.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define TICKS_PER_SEC  100
#define NSEC_PER_TICK  (NSEC_PER_SEC / TICKS_PER_SEC)
#define RUSAGE_THREAD_ 1

uint64_t process_limit(struct process *p, unsigned resource)
{
	return READ_ONCE(p->limits[resource].soft);
}

void process_limits_init(struct process *p)
{
	struct page_stats s;
	uint64_t threads;

	page_stats_get(&s);
	threads = max(s.total / 8, (uint64_t)64);
	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		p->limits[i] = (struct rlimit_pair){ RLIM_INFINITY, RLIM_INFINITY };
	p->limits[RLIMIT_STACK].soft = 8 << 20;
	p->limits[RLIMIT_CORE].soft = 0;
	p->limits[RLIMIT_NPROC] = (struct rlimit_pair){ threads, threads };
	p->limits[RLIMIT_SIGPENDING] = (struct rlimit_pair){ threads, threads };
	p->limits[RLIMIT_NOFILE] = (struct rlimit_pair){ 1024, 1024 * 1024 };
	p->limits[RLIMIT_MEMLOCK] = (struct rlimit_pair){ 8 << 20, 8 << 20 };
	p->limits[RLIMIT_MSGQUEUE] = (struct rlimit_pair){ 819200, 819200 };
	p->limits[RLIMIT_NICE] = (struct rlimit_pair){ 0, 0 };
	p->limits[RLIMIT_RTPRIO] = (struct rlimit_pair){ 0, 0 };
}

void process_limits_apply(struct process *p, struct vmspace *vs)
{
	WRITE_ONCE(vs->limit_as, process_limit(p, RLIMIT_AS));
	WRITE_ONCE(vs->limit_data, process_limit(p, RLIMIT_DATA));
	WRITE_ONCE(vs->limit_stack, process_limit(p, RLIMIT_STACK));
	cpu_limit_check(p);
}

static int check_change(const struct rlimit_pair *was, const struct rlimit_pair *now,
			unsigned resource)
{
	if (now->soft > now->hard)
		return -EINVAL;
	if (resource == RLIMIT_NOFILE && now->hard > FD_TABLE_MAX)
		return -EPERM;
	if (now->hard > was->hard && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		return -EPERM;
	return 0;
}

static int change_limit(struct process *p, unsigned resource, const struct rlimit_pair *now,
			struct rlimit_pair *was)
{
	struct vmspace *vs;
	int err = 0;

	spin_lock(&p->lock);
	*was = p->limits[resource];
	if (now != NULL) {
		err = check_change(was, now, resource);
		if (err == 0)
			p->limits[resource] = *now;
	}
	spin_unlock(&p->lock);
	if (err != 0 || now == NULL)
		return err;
	vs = process_vmspace(p);
	if (vs != NULL) {
		process_limits_apply(p, vs);
		vmspace_put(vs);
	}
	return err;
}

/* prlimit(2): the caller's real ids are all of the target's, or it has the capability. */
static bool may_limit(struct task *t)
{
	const struct cred *mine = cred_current();
	struct cred *theirs;
	bool same;

	if (t->process == process_current() || cred_has_cap(mine, CAP_SYS_RESOURCE))
		return true;
	theirs = task_cred(t);
	same = mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
	       mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid;
	cred_put(theirs);
	return same;
}

long sys_prlimit64(int pid, int resource, uaddr_t unew, uaddr_t uold)
{
	struct rlimit_pair now, was;
	struct task *t;
	int err;

	if (resource < 0 || resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (unew != 0 && user_read_struct(&now, unew) != 0)
		return -EFAULT;
	t = pid == 0 ? task_get(task_current()) : task_find(pid);
	if (t == NULL)
		return -ESRCH;
	err = !may_limit(t)
		      ? -EPERM
		      : change_limit(t->process, (unsigned)resource, unew == 0 ? NULL : &now, &was);
	task_put(t);
	if (err != 0)
		return err;
	return uold == 0 ? 0 : user_write_struct(uold, &was);
}

long sys_getrlimit(int resource, uaddr_t to)
{
	struct rlimit_pair was;

	if (resource < 0 || resource >= RLIM_NLIMITS)
		return -EINVAL;
	change_limit(process_current(), (unsigned)resource, NULL, &was);
	return user_write_struct(to, &was);
}

long sys_setrlimit(int resource, uaddr_t from)
{
	struct rlimit_pair now, was;

	if (resource < 0 || resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (user_read_struct(&now, from) != 0)
		return -EFAULT;
	return change_limit(process_current(), (unsigned)resource, &now, &was);
}

/* ---- usage ---- */

static void thread_usage(struct rusage *out)
{
	const struct thread *t = thread_current();
	nsec_t cpu = thread_cpu_time(t);

	process_usage(process_current(), out);
	out->ru_utime.tv_sec = cpu / NSEC_PER_SEC;
	out->ru_utime.tv_usec = cpu % NSEC_PER_SEC / 1000;
	out->ru_nvcsw = (long)t->nr_voluntary;
	out->ru_nivcsw = (long)t->nr_involuntary;
}

static void children_usage(struct usage *out)
{
	scoped_spin(&task_lock);
	*out = process_current()->child_usage;
}

long sys_getrusage(int who, uaddr_t to)
{
	struct usage children;
	struct rusage r;

	switch (who) {
	case RUSAGE_SELF:
		process_usage(process_current(), &r);
		break;
	case RUSAGE_THREAD_:
		thread_usage(&r);
		break;
	case RUSAGE_CHILDREN:
		children_usage(&children);
		usage_to_rusage(&children, &r);
		break;
	default:
		return -EINVAL;
	}
	return user_write_struct(to, &r);
}

long sys_times(uaddr_t to)
{
	struct tms t = { .tms_utime = (long)(process_cpu_time(process_current()) / NSEC_PER_TICK) };
	struct usage children;

	children_usage(&children);
	t.tms_cutime = (long)(children.cpu_ns / NSEC_PER_TICK);
	if (to != 0 && user_write_struct(to, &t) != 0)
		return -EFAULT;
	return (long)(clock_monotonic() / NSEC_PER_TICK);
}
