/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX timers (timer_create(2)). Each has a signal entry of its own, so that ringing never fails.
 * A periodic timer that has rung waits until its signal is taken and only then starts the next
 * period, counting those that passed meanwhile as overruns: a fast timer whose signal is blocked
 * costs nothing.
 */
#include "linux/time/posix_timer.h"

#include <linux/time.h>

#include "core/sync/mutex.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/time/clock.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "linux/task/user_counts.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

/* Held by the calls that use a timer for longer than process.lock: none deletes it meanwhile. */
static struct mutex calls_lock = MUTEX_INIT(calls_lock);

/* Of the clock that the timer runs on; callbacks too, so it looks nothing up. The clock of a thread
 * that has ended stands still. */
static nsec_t timer_now(const struct posix_timer *pt)
{
	nsec_t now = 0;

	if (pt->counted != NULL)
		return thread_cpu_time(pt->counted->thread);
	if (clock_is_cpu_time(pt->clock))
		return process_cpu_time(pt->process);
	return clock_now(pt->clock, &now) == 0 ? now : 0; /* checked when it was made */
}

/* It will never ring: its thread has ended. */
static bool is_orphan(const struct posix_timer *pt)
{
	const struct list *link = pt->counted == NULL ? NULL : &pt->counted->process_link;

	return link != NULL && READ_ONCE(link->next) == link;
}

/* How long until it may ring, in real time. */
static void arm(struct posix_timer *pt, nsec_t now)
{
	nsec_t left = max(pt->expires - now, (nsec_t)0);

	if (pt->expires == NSEC_NEVER)
		return;
	if (clock_is_cpu_time(pt->clock))
		left = max(left, CPU_TIMER_STEP / 4);
	timer_arm(&pt->timer, clock_add(clock_monotonic(), left));
}

/* Moves `expires` past now. Returns the periods that were missed. */
static unsigned skip_missed(struct posix_timer *pt, nsec_t now)
{
	uint64_t missed = 0;

	if (now >= pt->expires) {
		missed = (uint64_t)(now - pt->expires) / (uint64_t)pt->interval;
		pt->expires += (nsec_t)(missed + 1) * pt->interval;
	}
	return (unsigned)min(missed, (uint64_t)INT32_MAX);
}

void posix_timer_taken_locked(struct posix_timer *pt, siginfo_t *info)
{
	nsec_t now;

	pt->overrun_last = 0;
	if (pt->interval != 0 && pt->expires != 0) {
		now = clock_is_cpu_time(pt->clock) ? pt->expires : timer_now(pt);
		pt->overrun_last = skip_missed(pt, now);
		arm(pt, now);
	}
	info->si_overrun = (int)pt->overrun_last;
}

static void rings(struct timer *timer)
{
	struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
	struct process *p = pt->process;
	nsec_t now = timer_now(pt);
	bool queued = false;

	if (pt->expires == 0 || is_orphan(pt))
		return;
	if (now < pt->expires) { /* CPU time: not used up yet */
		arm(pt, now);
		return;
	}
	if (pt->interval == 0) { /* before anybody can know that it rang */
		spin_lock(&p->lock);
		pt->expires = 0;
		spin_unlock(&p->lock);
	}
	if (pt->notify != SIGEV_NONE)
		queued = signal_send_timer(p, pt->target, &pt->entry);
	if (pt->interval == 0 || queued)
		return;
	scoped_spin(&p->lock); /* ignored: goes on, at a bearable rate */
	(void)skip_missed(pt, now);
	timer_arm(&pt->timer, clock_monotonic() + max(pt->expires - now, CPU_TIMER_STEP));
}

/* ---- making and deleting ---- */

static int read_event(uaddr_t event, struct sigevent *out)
{
	if (event == 0) {
		memset(out, 0, sizeof(*out));
		out->sigev_notify = SIGEV_SIGNAL;
		out->sigev_signo = SIGALRM;
		return 0;
	}
	if (user_read_struct(out, event) != 0)
		return -EFAULT;
	switch (out->sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		return out->sigev_signo >= 1 && out->sigev_signo <= NSIG_MAX ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* A thread of this process. */
static int find_own(int tid, struct task **out)
{
	struct task *t = task_find(tid);

	if (t != NULL && t->process == process_current()) {
		*out = t;
		return 0;
	}
	if (t != NULL)
		task_put(t);
	return -EINVAL;
}

/* The thread that the signal goes to, and the one whose time is counted. */
static int find_tasks(struct posix_timer *pt, const struct sigevent *ev)
{
	int tid, err = 0;

	if (clock_is_of_thread(pt->clock, &tid) && tid == 0)
		pt->counted = task_get(task_current());
	else if (clock_is_of_thread(pt->clock, &tid))
		err = find_own(tid, &pt->counted);
	if (err == 0 && (ev->sigev_notify & SIGEV_THREAD_ID) != 0)
		err = find_own(ev->_sigev_un._tid, &pt->target);
	return err;
}

static void free_timer(struct posix_timer *pt)
{
	if (pt->counted != NULL)
		task_put(pt->counted);
	if (pt->target != NULL)
		task_put(pt->target);
	user_counts_drop_signal(pt->entry.uid);
	kmem_free(pt);
}

static void fill_entry(struct posix_timer *pt, const struct sigevent *ev, bool given)
{
	siginfo_t *info = &pt->entry.info;

	list_init(&pt->entry.link);
	pt->entry.timer = pt;
	info->si_signo = pt->signo;
	info->si_code = SI_TIMER;
	info->si_tid = pt->id;
	if (given)
		info->si_value = ev->sigev_value;
	else
		info->si_int = pt->id;
}

/* From here on any thread of the process may use it, and delete it. Its number is returned. */
static int publish(struct process *p, struct posix_timer *pt, const struct sigevent *ev, bool given)
{
	scoped_spin(&p->lock);
	pt->id = p->next_timer_id++ & INT32_MAX;
	fill_entry(pt, ev, given);
	list_append(&p->posix_timers, &pt->link);
	return pt->id;
}

static void delete_timer(struct process *p, struct posix_timer *pt)
{
	/* `expires` is 0: neither a ring under way nor a signal being taken arms it again. */
	timer_cancel(&pt->timer);
	signal_cancel_entry(p, &pt->entry);
	free_timer(pt);
}

static struct posix_timer *unlink_timer(struct process *p, int id)
{
	struct posix_timer *pt;

	scoped_spin(&p->lock);
	list_foreach(&p->posix_timers, pt, link) {
		if (id < 0 || pt->id == id) {
			pt->expires = 0;
			list_remove(&pt->link);
			return pt;
		}
	}
	return NULL;
}

void posix_timer_delete_all(struct process *p)
{
	struct posix_timer *pt;

	while ((pt = unlink_timer(p, -1)) != NULL)
		delete_timer(p, pt);
}

static int check_clock(int clock)
{
	nsec_t now, deadline;
	int err = clock_now(clock, &now);

	if (err != 0)
		return err;
	if (clock_is_cpu_time(clock))
		return 0;
	return clock_to_deadline(clock, 0, &deadline) == 0 ? 0 : -EOPNOTSUPP;
}

long sys_timer_create(int clock, uaddr_t event, uaddr_t timer_id)
{
	struct process *p = process_current();
	struct posix_timer *pt;
	struct sigevent ev;
	int id, err = check_clock(clock);

	if (err == 0)
		err = read_event(event, &ev);
	if (err != 0)
		return err;
	pt = kmem_new(struct posix_timer);
	if (pt == NULL)
		return -EAGAIN;
	if (!user_counts_add_signal(p->uid, process_limit(p, RLIMIT_SIGPENDING))) {
		kmem_free(pt);
		return -EAGAIN;
	}
	pt->entry.uid = p->uid;
	pt->clock = clock;
	err = clock_is_allowed(clock) ? find_tasks(pt, &ev) : -EPERM;
	if (err != 0) {
		free_timer(pt);
		return err;
	}
	pt->notify = ev.sigev_notify;
	pt->signo = ev.sigev_signo;
	pt->process = p;
	timer_init(&pt->timer, rings);
	id = publish(p, pt, &ev, event != 0);
	if (user_write_struct(timer_id, &id) == 0)
		return 0;
	(void)sys_timer_delete(id);
	return -EFAULT;
}

long sys_timer_delete(int timer_id)
{
	struct process *p = process_current();
	struct posix_timer *pt;

	scoped_mutex(&calls_lock);
	pt = timer_id < 0 ? NULL : unlink_timer(p, timer_id);
	if (pt == NULL)
		return -EINVAL;
	delete_timer(p, pt);
	return 0;
}

/* ---- setting and reading ---- */

/* With p->lock held. */
static struct posix_timer *find_locked(struct process *p, int id)
{
	struct posix_timer *pt;

	list_foreach(&p->posix_timers, pt, link) {
		if (pt->id == id)
			return pt;
	}
	return NULL;
}

static void read_setting(const struct posix_timer *pt, nsec_t now, struct __kernel_itimerspec *out)
{
	nsec_t left = 0;

	if (pt->expires != 0 && !is_orphan(pt)) {
		left = pt->expires - now;
		if (left <= 0 && pt->interval != 0)
			left = pt->interval - (-left % pt->interval);
		left = max(left, (nsec_t)1);
	}
	*out = (struct __kernel_itimerspec){
		.it_interval = { pt->interval / NSEC_PER_SEC, pt->interval % NSEC_PER_SEC },
		.it_value = { left / NSEC_PER_SEC, left % NSEC_PER_SEC },
	};
}

struct setting {
	nsec_t value, interval;
	bool absolute;
};

/* -EINVAL: no such timer; -ESRCH: nor its thread. `old` may be filled even when nothing is set. */
static int change(struct process *p, int id, const struct setting *s,
		  struct __kernel_itimerspec *old)
{
	struct posix_timer *pt;
	nsec_t now;

	scoped_mutex(&calls_lock);
	/* CPU time takes the process's lock itself, so the clock is read before. */
	spin_lock(&p->lock);
	pt = find_locked(p, id);
	spin_unlock(&p->lock);
	if (pt == NULL)
		return -EINVAL;
	if (s != NULL && is_orphan(pt))
		return -ESRCH;
	if (s != NULL) {
		timer_cancel(&pt->timer);
		signal_cancel_entry(p, &pt->entry);
	}
	now = timer_now(pt);
	scoped_spin(&p->lock);
	read_setting(pt, now, old);
	if (s == NULL)
		return 0;
	pt->interval = s->interval;
	pt->expires = s->value == 0 ? 0 : s->absolute ? s->value : clock_add(now, s->value);
	pt->overrun_last = 0;
	if (pt->expires != 0)
		arm(pt, now);
	return 0;
}

long sys_timer_settime(int timer_id, int flags, uaddr_t value, uaddr_t old)
{
	struct __kernel_itimerspec its, before;
	struct setting s;
	int err;

	if (value == 0)
		return -EINVAL;
	if (user_read_struct(&its, value) != 0)
		return -EFAULT;
	s.value = clock_timespec_ns(&its.it_value);
	s.interval = clock_timespec_ns(&its.it_interval);
	s.absolute = (flags & TIMER_ABSTIME) != 0;
	if (s.value < 0 || s.interval < 0)
		return -EINVAL;
	err = change(process_current(), timer_id, &s, &before);
	if (err != 0)
		return err;
	return old == 0 ? 0 : user_write_struct(old, &before);
}

long sys_timer_gettime(int timer_id, uaddr_t value)
{
	struct __kernel_itimerspec now;
	int err = change(process_current(), timer_id, NULL, &now);

	return err != 0 ? err : user_write_struct(value, &now);
}

long sys_timer_getoverrun(int timer_id)
{
	struct process *p = process_current();
	struct posix_timer *pt;

	scoped_spin(&p->lock);
	pt = find_locked(p, timer_id);
	return pt == NULL ? -EINVAL : (long)pt->overrun_last;
}
