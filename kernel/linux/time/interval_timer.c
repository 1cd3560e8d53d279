/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setitimer(2), getitimer(2), alarm(2). ITIMER_VIRTUAL counts all CPU time of the process, as
 * ITIMER_PROF does: program and kernel run at one privilege level and their times are not told
 * apart.
 */
#include <linux/time.h>

#include "lib/errno.h"
#include "linux/time/clock.h"
#include "linux/time/posix_timer.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"

/* A periodic timer rings again after this at the earliest: the program gets to run in between. */
#define RING_AGAIN_NS (100 * 1000ll)

static const int signal_of[] = { SIGALRM, SIGVTALRM, SIGPROF };

static nsec_t time_of(const struct interval_timer *it)
{
	return it->which == ITIMER_REAL ? clock_monotonic() : process_cpu_time(it->process);
}

static void arm(struct interval_timer *it, nsec_t now)
{
	nsec_t left = max(it->expires - now, (nsec_t)0);

	if (it->which != ITIMER_REAL)
		left = max(left, CPU_TIMER_STEP / 4);
	timer_arm(&it->timer, clock_add(clock_monotonic(), left));
}

/* Moves to the next period; true: it has rung. */
static bool advance(struct interval_timer *it, nsec_t now)
{
	scoped_spin(&it->process->lock);
	bool rang = it->expires != 0 && now >= it->expires;

	if (rang && it->interval == 0)
		it->expires = 0;
	else if (rang)
		it->expires += ((now - it->expires) / it->interval + 1) * it->interval;
	if (it->expires != 0)
		arm(it, rang ? min(now, it->expires - RING_AGAIN_NS) : now);
	return rang;
}

void posix_timer_interval_rings(struct timer *t)
{
	struct interval_timer *it = container_of(t, struct interval_timer, timer);

	if (advance(it, time_of(it)))
		signal_send_kernel(it->process, signal_of[it->which]);
}

void posix_timer_interval_stop(struct process *p)
{
	for (unsigned i = 0; i < ARRAY_SIZE(p->itimers); i++) {
		spin_lock(&p->lock);
		p->itimers[i].expires = 0;
		spin_unlock(&p->lock);
		timer_cancel(&p->itimers[i].timer);
	}
}

struct setting {
	nsec_t value, interval;
};

static struct setting exchange(int which, const struct setting *s)
{
	struct interval_timer *it = &process_current()->itimers[which];
	struct setting old = { 0, 0 };
	nsec_t now;

	if (s != NULL)
		timer_cancel(&it->timer);
	now = time_of(it);
	scoped_spin(&it->process->lock);
	if (it->expires != 0)
		old = (struct setting){ max(it->expires - now, (nsec_t)1000), it->interval };
	if (s == NULL)
		return old;
	it->interval = s->interval;
	it->expires = s->value == 0 ? 0 : clock_add(now, s->value);
	if (it->expires != 0)
		arm(it, now);
	return old;
}

static void to_timeval(nsec_t t, struct __kernel_old_timeval *tv)
{
	tv->tv_sec = t / NSEC_PER_SEC;
	tv->tv_usec = t % NSEC_PER_SEC / 1000;
}

/* -1: not a time. */
static nsec_t from_timeval(const struct __kernel_old_timeval *tv)
{
	struct __kernel_timespec ts = { tv->tv_sec, tv->tv_usec * 1000 };

	if (tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return -1;
	return clock_timespec_ns(&ts);
}

static int write_setting(uaddr_t to, const struct setting *s)
{
	struct __kernel_old_itimerval value;

	to_timeval(s->value, &value.it_value);
	to_timeval(s->interval, &value.it_interval);
	return user_write_struct(to, &value);
}

long sys_getitimer(int which, uaddr_t value)
{
	struct setting s;

	if (which < 0 || which > ITIMER_PROF)
		return -EINVAL;
	s = exchange(which, NULL);
	return write_setting(value, &s);
}

long sys_setitimer(int which, uaddr_t value, uaddr_t old)
{
	struct __kernel_old_itimerval given = { 0 };
	struct setting s;

	if (value != 0 && user_read_struct(&given, value) != 0)
		return -EFAULT;
	s.value = from_timeval(&given.it_value);
	s.interval = from_timeval(&given.it_interval);
	if (which < 0 || which > ITIMER_PROF || s.value < 0 || s.interval < 0)
		return -EINVAL;
	s = exchange(which, &s);
	return old == 0 ? 0 : write_setting(old, &s);
}

long sys_alarm(unsigned seconds)
{
	struct setting s = { (nsec_t)seconds * NSEC_PER_SEC, 0 };
	nsec_t left;

	left = exchange(ITIMER_REAL, &s).value;
	if (left != 0 && left < NSEC_PER_SEC)
		return 1;
	return (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}
