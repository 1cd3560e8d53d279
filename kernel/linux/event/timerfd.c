/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timerfd_create(2): expirations as a count to read. Periods are advanced when somebody looks, from
 * the first deadline, so they do not drift; while some are unread the timer is not armed, as on
 * Linux, so a short period that nobody reads costs nothing. A timer on the real-time clock is
 * armed at the monotonic time that corresponds; when somebody sets that clock, absolute ones move,
 * and those with TFD_TIMER_CANCEL_ON_SET tell their reader (ECANCELED).
 */
#include <linux/eventpoll.h>
#include <linux/time_types.h>
#include <linux/timerfd.h>

#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/event/polling.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/time/clock.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

struct timerfd {
	struct timer timer;
	struct spinlock lock;
	int clock;           /* [I] */
	nsec_t next, period; /* [lock] next: CLOCK_MONOTONIC; NSEC_NEVER: disarmed */
	uint64_t expired;    /* [lock] not yet read */
	unsigned flags;      /* [lock] of timerfd_settime, for fdinfo */
	nsec_t wall_offset;  /* [lock] real time less monotonic when `next` was worked out */
	bool canceled;       /* [lock] the clock was set, and nobody has read that yet */
	struct list link;    /* [all_lock] */
	struct waitq wq;
};

static struct mutex all_lock = MUTEX_INIT(all_lock);
static struct list all = LIST_INIT(all); /* [all_lock] every timerfd */

static bool is_realtime(const struct timerfd *t)
{
	return t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
}

/* With the lock held: counts what has expired by now. */
static void advance_locked(struct timerfd *t)
{
	nsec_t now = clock_monotonic();

	if (t->next > now)
		return;
	if (t->period == 0) {
		t->expired++;
		t->next = NSEC_NEVER;
		return;
	}
	t->expired += (uint64_t)((now - t->next) / t->period) + 1;
	t->next += (now - t->next) / t->period * t->period + t->period;
}

static void arm_locked(struct timerfd *t)
{
	if (t->next != NSEC_NEVER)
		timer_arm(&t->timer, t->next);
}

static void on_timer(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	spin_lock(&t->lock);
	advance_locked(t);
	if (t->expired == 0)
		arm_locked(t);
	spin_unlock(&t->lock);
	waitq_wake_all(&t->wq, EPOLLIN);
}

static uint64_t take(struct timerfd *t)
{
	scoped_spin(&t->lock);
	uint64_t n;

	advance_locked(t);
	n = t->expired;
	t->expired = 0;
	if (n != 0)
		arm_locked(t);
	return n;
}

/* -ECANCELED once, after the clock was set; -EAGAIN: nothing yet. */
static int try_take(struct timerfd *t, uint64_t *n)
{
	bool canceled;

	spin_lock(&t->lock);
	canceled = t->canceled;
	t->canceled = false;
	spin_unlock(&t->lock);
	if (canceled)
		return -ECANCELED;
	*n = take(t);
	return *n == 0 ? -EAGAIN : 0;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct timerfd *t = f->private;
	uint64_t n;
	int err, wait_err = 0;

	if (u->left < sizeof(n))
		return -EINVAL;
	err = try_take(t, &n);
	if (err == -EAGAIN && (f->flags & O_NONBLOCK) == 0)
		wait_err = wait_event(&t->wq, (err = try_take(t, &n)) != -EAGAIN,
				      WAIT_INTERRUPTIBLE, NSEC_NEVER);
	if (wait_err != 0 || err != 0)
		return wait_err != 0 ? wait_err : err;
	return uio_copy_to(u, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n) : -EFAULT;
}

static unsigned timerfd_poll(struct file *f, struct poll_table *table)
{
	struct timerfd *t = f->private;

	poll_add(table, &t->wq);
	scoped_spin(&t->lock);
	advance_locked(t);
	return t->expired > 0 || t->canceled ? EPOLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->private;

	mutex_lock(&all_lock);
	list_remove(&t->link);
	mutex_unlock(&all_lock);
	timer_cancel(&t->timer);
	kmem_free(t);
}

static void timerfd_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:[timerfd]");
}

static struct __kernel_timespec to_timespec(nsec_t ns)
{
	return (struct __kernel_timespec){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}

static struct __kernel_itimerspec state_locked(struct timerfd *t)
{
	nsec_t left = 0;

	advance_locked(t);
	if (t->next != NSEC_NEVER)
		left = max(t->next - clock_monotonic(), (nsec_t)1);
	return (struct __kernel_itimerspec){ to_timespec(t->period), to_timespec(left) };
}

static void timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct timerfd *t = f->private;
	struct __kernel_itimerspec s;

	spin_lock(&t->lock);
	s = state_locked(t);
	spin_unlock(&t->lock);
	fmt(buf, size,
	    "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%lld, %lld)\n"
	    "it_interval: (%lld, %lld)\n",
	    t->clock, (unsigned long long)t->expired, t->flags, s.it_value.tv_sec,
	    s.it_value.tv_nsec, s.it_interval.tv_sec, s.it_interval.tv_nsec);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.describe = timerfd_describe,
	.fdinfo = timerfd_fdinfo,
};

long sys_timerfd_create(int clock, int flags)
{
	struct timerfd *t;
	struct file *f;
	int err;

	if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0)
		return -EINVAL;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	    clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)
		return -EINVAL;
	if (!clock_is_allowed(clock))
		return -EPERM;
	t = kmem_new(struct timerfd);
	if (t == NULL)
		return -ENOMEM;
	t->clock = clock;
	t->next = NSEC_NEVER;
	list_init(&t->link);
	timer_init(&t->timer, on_timer);
	waitq_init(&t->wq);
	err = file_new_anonymous(&timerfd_ops, 0600, O_RDWR | ((unsigned)flags & O_NONBLOCK), t,
				 &f);
	if (err != 0) {
		kmem_free(t);
		return err;
	}
	mutex_lock(&all_lock);
	list_append(&all, &t->link);
	mutex_unlock(&all_lock);
	return fd_install(f, (unsigned)flags & TFD_CLOEXEC, 0);
}

static bool is_valid(const struct __kernel_timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NSEC_PER_SEC;
}

static nsec_t to_ns(const struct __kernel_timespec *ts)
{
	return ts->tv_sec >= NSEC_NEVER / NSEC_PER_SEC / 2
		       ? NSEC_NEVER / 2
		       : ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}

static void set(struct timerfd *t, const struct __kernel_itimerspec *s, unsigned flags)
{
	nsec_t value = to_ns(&s->it_value), now = clock_monotonic();

	timer_cancel(&t->timer);
	spin_lock(&t->lock);
	t->flags = flags;
	t->expired = 0;
	t->canceled = false;
	t->wall_offset = clock_realtime() - now;
	t->period = to_ns(&s->it_interval);
	if (value == 0)
		t->next = NSEC_NEVER;
	else if ((flags & TFD_TIMER_ABSTIME) == 0)
		t->next = now + value;
	else
		t->next = is_realtime(t) ? value - t->wall_offset : value;
	arm_locked(t);
	spin_unlock(&t->lock);
}

static void move(struct timerfd *t)
{
	nsec_t offset = clock_realtime() - clock_monotonic();

	timer_cancel(&t->timer);
	spin_lock(&t->lock);
	if (t->next != NSEC_NEVER)
		t->next -= offset - t->wall_offset;
	t->wall_offset = offset;
	t->canceled = (t->flags & TFD_TIMER_CANCEL_ON_SET) != 0;
	arm_locked(t);
	spin_unlock(&t->lock);
	waitq_wake_all(&t->wq, EPOLLIN);
}

void timerfd_clock_was_set(void)
{
	struct timerfd *t;

	scoped_mutex(&all_lock);
	list_foreach(&all, t, link)
		if (is_realtime(t) && (READ_ONCE(t->flags) & TFD_TIMER_ABSTIME) != 0)
			move(t);
}

/* The timerfd behind a descriptor, counted through *out. */
static int timerfd_get(int fd, struct file **out)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	if (f->ops != &timerfd_ops) {
		file_put(f);
		return -EINVAL;
	}
	*out = f;
	return 0;
}

static struct __kernel_itimerspec state(struct timerfd *t)
{
	scoped_spin(&t->lock);
	return state_locked(t);
}

long sys_timerfd_settime(int fd, int flags, uaddr_t new_value, uaddr_t old_value)
{
	struct __kernel_itimerspec now, old;
	struct file *f;
	int err;

	if (user_read_struct(&now, new_value) != 0)
		return -EFAULT;
	if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 ||
	    !is_valid(&now.it_value) || !is_valid(&now.it_interval))
		return -EINVAL;
	err = timerfd_get(fd, &f);
	if (err != 0)
		return err;
	old = state(f->private);
	set(f->private, &now, (unsigned)flags);
	file_put(f);
	return old_value == 0 ? 0 : user_write_struct(old_value, &old);
}

long sys_timerfd_gettime(int fd, uaddr_t value)
{
	struct __kernel_itimerspec now;
	struct file *f;
	int err = timerfd_get(fd, &f);

	if (err != 0)
		return err;
	now = state(f->private);
	file_put(f);
	return user_write_struct(value, &now);
}
