/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks: the system's, and CPU-time clocks of processes and threads, whose ids Linux encodes as
 * (~pid << 3) | (4 if per thread) | kind. TAI has no offset from UTC here, as on a host that was
 * told none.
 */
#include "linux/time/clock.h"

#include "core/cred.h"
#include "lib/errno.h"
#include "linux/event/polling.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include <linux/capability.h>
#include <linux/timex.h>

#define CPU_CLOCK_THREAD 4
#define CPU_CLOCK_KINDS  3 /* PROF, VIRT, SCHED: all one here */
#define COARSE_TICK      (4 * 1000 * 1000ll)
#define YEARS_MAX_SEC    9000000000ll /* beyond it a time is "never" */

/* ---- reading clocks ---- */

static int thread_clock(int tid, nsec_t *out)
{
	struct task *t = tid == 0 ? task_get(task_current()) : task_find(tid);
	int err = -EINVAL;

	if (t == NULL)
		return -EINVAL;
	if (t->process == process_current()) {
		spin_lock(&t->process->lock);
		*out = t->thread == NULL ? 0 : thread_cpu_time(t->thread);
		spin_unlock(&t->process->lock);
		err = 0;
	}
	task_put(t);
	return err;
}

static int process_clock(int pid, nsec_t *out)
{
	struct process *p = pid == 0 ? process_get(process_current()) : process_find(pid);

	if (p == NULL)
		return -EINVAL;
	*out = process_cpu_time(p);
	process_put(p);
	return 0;
}

int clock_now(int clock, nsec_t *out)
{
	if (clock < 0) {
		if ((clock & 3) >= CPU_CLOCK_KINDS)
			return -EINVAL;
		return (clock & CPU_CLOCK_THREAD) != 0 ? thread_clock(~(clock >> 3), out)
						       : process_clock(~(clock >> 3), out);
	}
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*out = clock_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*out = clock_monotonic();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		return process_clock(0, out);
	case CLOCK_THREAD_CPUTIME_ID:
		return thread_clock(0, out);
	default:
		return -EINVAL;
	}
}

bool clock_is_cpu_time(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

bool clock_is_of_thread(int clock, int *tid)
{
	*tid = clock < 0 ? ~(clock >> 3) : 0;
	return clock < 0 ? (clock & CPU_CLOCK_THREAD) != 0 : clock == CLOCK_THREAD_CPUTIME_ID;
}

bool clock_is_allowed(int clock)
{
	return (clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM) ||
	       cred_has_cap(cred_current(), CAP_WAKE_ALARM);
}

int clock_to_deadline(int clock, nsec_t when, nsec_t *deadline)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*deadline = when == NSEC_NEVER
				    ? when
				    : clock_add(when, clock_monotonic() - clock_realtime());
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*deadline = when;
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- times of programs ---- */

nsec_t clock_add(nsec_t a, nsec_t b)
{
	nsec_t sum;

	return __builtin_add_overflow(a, b, &sum) ? NSEC_NEVER : sum;
}

nsec_t clock_timespec_ns(const struct __kernel_timespec *ts)
{
	if (ts->tv_sec < 0 || (uint64_t)ts->tv_nsec >= (uint64_t)NSEC_PER_SEC)
		return -EINVAL;
	if (ts->tv_sec > YEARS_MAX_SEC)
		return NSEC_NEVER;
	return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}

int clock_read_timespec(uaddr_t from, nsec_t *out)
{
	struct __kernel_timespec ts;

	if (user_read_struct(&ts, from) != 0)
		return -EFAULT;
	*out = clock_timespec_ns(&ts);
	return *out < 0 ? -EINVAL : 0;
}

int clock_write_timespec(uaddr_t to, nsec_t t)
{
	struct __kernel_timespec ts = { t / NSEC_PER_SEC, t % NSEC_PER_SEC };

	return user_write_struct(to, &ts);
}

int clock_read_timeout(uaddr_t from, nsec_t *deadline)
{
	nsec_t timeout;
	int err = clock_read_timespec(from, &timeout);

	if (err == 0)
		*deadline = clock_add(clock_monotonic(), timeout);
	return err;
}

/* ---- calls ---- */

long sys_clock_gettime(int clock, uaddr_t ts)
{
	nsec_t now;
	int err = clock_now(clock, &now);

	return err != 0 ? err : clock_write_timespec(ts, now);
}

long sys_clock_getres(int clock, uaddr_t ts)
{
	nsec_t now, resolution = 1;
	int err = clock_now(clock, &now);

	if (err != 0)
		return err;
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		resolution = COARSE_TICK;
	return ts == 0 ? 0 : clock_write_timespec(ts, resolution);
}

long sys_clock_settime(int clock, uaddr_t ts)
{
	nsec_t when;
	int err;

	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	err = clock_read_timespec(ts, &when);
	if (err != 0)
		return err;
	if (!cred_has_cap(cred_current(), CAP_SYS_TIME))
		return -EPERM;
	clock_set_realtime(when);
	timerfd_clock_was_set();
	return 0;
}

long sys_gettimeofday(uaddr_t tv_out, uaddr_t tz_out)
{
	static const struct timezone utc;
	nsec_t now = clock_realtime();
	struct timeval tv = { now / NSEC_PER_SEC, now % NSEC_PER_SEC / 1000 };

	if (tv_out != 0 && user_write_struct(tv_out, &tv) != 0)
		return -EFAULT;
	return tz_out == 0 ? 0 : user_write_struct(tz_out, &utc);
}

long sys_settimeofday(uaddr_t tv_in, uaddr_t tz_in)
{
	struct timezone tz;
	struct timeval tv;

	if (tv_in != 0) {
		if (user_read_struct(&tv, tv_in) != 0)
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000)
			return -EINVAL;
	}
	if (tz_in != 0 && user_read_struct(&tz, tz_in) != 0)
		return -EFAULT;
	if (!cred_has_cap(cred_current(), CAP_SYS_TIME))
		return -EPERM;
	if (tv_in != 0) {
		clock_set_realtime(tv.tv_sec * NSEC_PER_SEC + tv.tv_usec * 1000);
		timerfd_clock_was_set();
	}
	return 0;
}

long sys_time(uaddr_t out)
{
	int64_t now = clock_realtime() / NSEC_PER_SEC;

	if (out != 0 && user_write_struct(out, &now) != 0)
		return -EFAULT;
	return now;
}

/* The clock runs as its hardware does: it can be read, and any change is refused. */
static long adjust(uaddr_t buf)
{
	nsec_t now = clock_realtime();
	struct timex t;

	if (user_read_struct(&t, buf) != 0)
		return -EFAULT;
	if (t.modes != 0)
		return -EPERM;
	t = (struct timex){
		.status = STA_UNSYNC,
		.maxerror = 16000000,
		.esterror = 16000000,
		.constant = 2,
		.precision = 1,
		.tolerance = 32768000,
		.tick = 10000,
		.time = { now / NSEC_PER_SEC, now % NSEC_PER_SEC / 1000 },
	};
	return user_write_struct(buf, &t) != 0 ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(uaddr_t buf)
{
	return adjust(buf);
}

long sys_clock_adjtime(int clock, uaddr_t buf)
{
	nsec_t now;

	if (clock_now(clock, &now) != 0)
		return -EINVAL;
	return clock == CLOCK_REALTIME ? adjust(buf) : -EOPNOTSUPP;
}

/* ---- sleeping ---- */

static long sleep_on(struct restart *r)
{
	struct waitq nobody = WAITQ_INIT(nobody);
	nsec_t left;
	int err = wait_event(&nobody, false, WAIT_INTERRUPTIBLE, r->deadline);

	if (err == -ETIMEDOUT)
		return 0;
	left = max(r->deadline - clock_monotonic(), (nsec_t)0);
	if (left == 0)
		return 0;
	if (r->remain != 0 && clock_write_timespec(r->remain, left) != 0)
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_relative(nsec_t span, uaddr_t remain)
{
	struct restart *r = &task_current()->restart;

	*r = (struct restart){
		.fn = sleep_on,
		.deadline = clock_add(clock_monotonic(), span),
		.remain = remain,
	};
	return sleep_on(r);
}

long sys_nanosleep(uaddr_t req, uaddr_t rem)
{
	nsec_t span;
	int err = clock_read_timespec(req, &span);

	return err != 0 ? err : sleep_relative(span, rem);
}

static long sleep_until(nsec_t deadline)
{
	struct waitq nobody = WAITQ_INIT(nobody);
	int err = wait_event(&nobody, false, WAIT_INTERRUPTIBLE, deadline);

	return err == -ETIMEDOUT ? 0 : -ERESTARTNOHAND;
}

/* Until `when` of a CPU-time clock: looked at again when that much time can have been used. */
static long sleep_on_cpu_time(int clock, nsec_t when)
{
	for (;;) {
		nsec_t now;
		long err = clock_now(clock, &now);

		if (err != 0)
			return err;
		if (now >= when)
			return 0;
		err = sleep_until(clock_monotonic() + max(when - now, (nsec_t)1000000));
		if (err != 0)
			return err;
	}
}

long sys_clock_nanosleep(int clock, int flags, uaddr_t req, uaddr_t rem)
{
	bool absolute = (flags & TIMER_ABSTIME) != 0;
	nsec_t when, now;
	int err;

	if (clock == CLOCK_THREAD_CPUTIME_ID || clock_now(clock, &now) != 0)
		return -EINVAL;
	if (!clock_is_cpu_time(clock) && clock_to_deadline(clock, 0, &when) != 0)
		return -EOPNOTSUPP;
	err = clock_read_timespec(req, &when);
	if (err != 0)
		return err;
	if (!clock_is_allowed(clock))
		return -EPERM;
	if (clock_is_cpu_time(clock))
		return sleep_on_cpu_time(clock, absolute ? when : clock_add(now, when));
	if (!absolute)
		return sleep_relative(when, rem);
	if (clock_to_deadline(clock, when, &when) != 0)
		return -EINVAL;
	return sleep_until(when);
}
