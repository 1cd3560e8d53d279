/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RLIMIT_CPU and RLIMIT_RTTIME (getrlimit(2), sched(7)): CPU time of a process, and that of a
 * real-time thread since it last slept. Past the soft limit the process gets SIGXCPU, and again for
 * each further second; past the hard one SIGKILL.
 *
 * A process that has such a limit has a timer, armed for the earliest moment at which the limit can
 * be reached; when it rings too early, because the process did not run all the time, it is armed
 * again for what is left.
 */
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/time/timer.h"
#include "linux/signal/signals.h"
#include "linux/task/rlimits.h"
#include "linux/task/task.h"
#include "linux/time/posix_timer.h"

#define NSEC_PER_USEC 1000

struct verdict {
	int signal;  /* 0: none */
	nsec_t left; /* CPU time until the next look; NSEC_NEVER: no limit */
};

static nsec_t limit_ns(uint64_t value, uint64_t unit)
{
	return value > (uint64_t)NSEC_NEVER / unit ? NSEC_NEVER : (nsec_t)(value * unit);
}

/* Compares what was used with a limit, in units of `unit` ns, whose soft value
 * moves on by a second when it is passed. */
static void judge(struct rlimit_pair *limit, nsec_t used, uint64_t unit, struct verdict *v)
{
	nsec_t soft = limit_ns(max(limit->soft, (uint64_t)1), unit);
	nsec_t hard = limit_ns(max(limit->hard, (uint64_t)1), unit), next;

	if (used >= hard) {
		v->signal = SIGKILL;
		return;
	}
	if (used >= soft) {
		v->signal = v->signal == 0 ? SIGXCPU : v->signal;
		limit->soft += NSEC_PER_SEC / unit;
		soft = limit_ns(limit->soft, unit);
	}
	next = min(soft, hard);
	if (next != NSEC_NEVER)
		v->left = min(v->left, next - used);
}

/* With p->lock held: the CPU time of t since it last slept; 0 if it is not a real-time one. */
static nsec_t awake_time(const struct task *t)
{
	const struct thread *thread = t->thread;

	if (thread == NULL ||
	    (thread->policy != SCHED_POLICY_FIFO && thread->policy != SCHED_POLICY_RR))
		return 0;
	return thread_cpu_time(thread) - READ_ONCE(thread->woke_ns);
}

/* With p->lock held. */
static void judge_realtime(struct process *p, struct verdict *v)
{
	struct rlimit_pair *limit = &p->limits[RLIMIT_RTTIME];
	nsec_t longest = 0;
	struct task *t;

	if (limit->soft == RLIM_INFINITY)
		return;
	list_foreach(&p->tasks, t, process_link) {
		nsec_t awake = awake_time(t);

		longest = max(longest, awake);
	}
	judge(limit, longest, NSEC_PER_USEC, v);
}

/* With p->lock held. */
static void arm(struct process *p, nsec_t left)
{
	if (left == NSEC_NEVER || p->nr_tasks == 0)
		return;
	left = max(left / nr_cpus, CPU_TIMER_STEP / 4);
	timer_arm(&p->cpu_timer, clock_monotonic() + left);
}

static void rings(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, cpu_timer);
	nsec_t used = process_cpu_time(p);
	struct verdict v = { 0, NSEC_NEVER };

	spin_lock(&p->lock);
	if (p->limits[RLIMIT_CPU].soft != RLIM_INFINITY)
		judge(&p->limits[RLIMIT_CPU], used, NSEC_PER_SEC, &v);
	judge_realtime(p, &v);
	arm(p, v.left);
	spin_unlock(&p->lock);
	if (v.signal != 0)
		signal_send_kernel(p, v.signal);
}

void cpu_limit_init(struct process *p)
{
	timer_init(&p->cpu_timer, rings);
}

void cpu_limit_check(struct process *p)
{
	scoped_spin(&p->lock);
	if (p->limits[RLIMIT_CPU].soft != RLIM_INFINITY ||
	    p->limits[RLIMIT_RTTIME].soft != RLIM_INFINITY)
		arm(p, 0);
}

void cpu_limit_stop(struct process *p)
{
	(void)timer_cancel(&p->cpu_timer);
}
