/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll between processes and threads: a shared instance, descriptors that outlive their number,
 * exclusive waiters, removal while others wait, nesting; signalfd, eventfd and timerfd after fork.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include "asleep.h"

static struct epoll_event seen[8];

static int add(int ep, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int mod(int ep, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
}

static int ready(int ep, int timeout_ms)
{
	memset(seen, 0, sizeof(seen));
	return epoll_wait(ep, seen, 8, timeout_ms);
}

/* ---- edges ---- */

static void test_edges(void)
{
	int ep = epoll_create1(0), p[2];
	char buf[8];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(add(ep, p[0], EPOLLIN | EPOLLET), 0);
	CHECK_EQ(add(ep, p[1], EPOLLOUT | EPOLLET), 0);
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(seen[0].data.fd, p[1]);
	CHECK_EQ(ready(ep, 0), 0);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(seen[0].data.fd, p[0]);
	CHECK_EQ(ready(ep, 0), 0);
	CHECK_EQ(write(p[1], "c", 1), 1); /* more of the same is an edge */
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(read(p[0], buf, 1), 1);
	CHECK_EQ(ready(ep, 0), 0);
	CHECK_EQ(mod(ep, p[0], EPOLLIN | EPOLLET), 0); /* asks anew */
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(mod(ep, p[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(write(p[1], "d", 1), 1);
	CHECK_EQ(ready(ep, 0), 0);
	CHECK_EQ(mod(ep, p[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(ready(ep, 0), 1);
	close(p[1]);
	CHECK_EQ(ready(ep, 0), 0); /* spent: not even a hang-up */
	CHECK_EQ(mod(ep, p[0], 0), 0);
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(seen[0].events, EPOLLHUP);
	close(p[0]), close(ep);
}

/* ---- a number is closed, the file is not ---- */

static int use_inherited(void *arg)
{
	int *fds = arg; /* ep, read end, write end */

	close(fds[1]); /* the parent still has it: the watch stays */
	if (write(fds[2], "x", 1) != 1)
		return 1;
	return ready(fds[0], 1000) == 1 && seen[0].data.fd == fds[1] ? 0 : 2;
}

static void test_closed(void)
{
	int ep = epoll_create1(0), p[2], copy;
	int fds[3];
	char c;

	CHECK_EQ(pipe(p), 0);
	copy = dup(p[0]);
	CHECK_EQ(add(ep, p[0], EPOLLIN), 0);
	CHECK_EQ(add(ep, copy, EPOLLIN), 0); /* another number: another watch */
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ready(ep, 0), 2);
	close(copy);
	CHECK_EQ(ready(ep, 0), 2); /* reported though its number is closed */
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, copy, NULL), EBADF);
	CHECK_EQ(dup2(p[0], copy), copy);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, copy, NULL), 0); /* same number, same file */
	close(copy);
	CHECK_EQ(ready(ep, 0), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	fds[0] = ep, fds[1] = p[0], fds[2] = p[1];
	CHECK_EQ(child_run(use_inherited, fds), 0);
	CHECK_EQ(ready(ep, 0), 1);
	close(p[0]); /* the last one: the watch goes */
	CHECK_EQ(ready(ep, 0), 0);
	close(p[1]), close(ep);
}

/* ---- several processes wait ---- */

static int wait_once(void *arg)
{
	return epoll_wait(*(int *)arg, seen, 1, -1) == 1 ? 0 : 1;
}

static int wait_exclusive(void *arg)
{
	int ep = epoll_create1(0);

	if (add(ep, *(int *)arg, EPOLLIN | EPOLLEXCLUSIVE) != 0)
		return 1;
	return ready(ep, -1) == 1 ? 0 : 2;
}

static void test_processes(void)
{
	int ep = epoll_create1(0), event = eventfd(0, 0);
	pid_t pids[3];

	CHECK_EQ(add(ep, event, EPOLLIN), 0);
	for (int i = 0; i < 3; i++)
		pids[i] = child_start(wait_once, &ep);
	for (int i = 0; i < 3; i++)
		await_asleep(pids[i]);
	CHECK_EQ(eventfd_write(event, 1), 0); /* level: all of them */
	for (int i = 0; i < 3; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(mod(ep, event, 0), 0);
	eventfd_read(event, &(eventfd_t){ 0 });
	for (int i = 0; i < 3; i++)
		pids[i] = child_start(wait_exclusive, &event);
	for (int i = 0; i < 3; i++)
		await_asleep(pids[i]);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(eventfd_write(event, 1), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(add(epoll_create1(0), ep, EPOLLIN), 0);
	CHECK_ERR(add(epoll_create1(0), ep, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERR(mod(ep, event, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	close(event), close(ep);
}

/* ---- threads that wait while the set changes ---- */

static int shared_ep;
static atomic_int waiting_tid;

static void *wait_thread(void *result)
{
	struct epoll_event e;

	atomic_store(&waiting_tid, gettid());
	*(int *)result = epoll_wait(shared_ep, &e, 1, -1) == 1 ? e.data.fd : -1;
	return NULL;
}

/* It waits when this returns. */
static pthread_t start_waiting(int *result)
{
	pthread_t t;

	*result = -2;
	atomic_store(&waiting_tid, 0);
	pthread_create(&t, NULL, wait_thread, result);
	while (!atomic_load(&waiting_tid))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&waiting_tid));
	return t;
}

static void test_changes(void)
{
	int p[2], q[2], result;
	pthread_t t;

	shared_ep = epoll_create1(0);
	CHECK_EQ(pipe(p) | pipe(q), 0);
	CHECK_EQ(add(shared_ep, p[0], EPOLLIN), 0);
	t = start_waiting(&result);
	CHECK_EQ(epoll_ctl(shared_ep, EPOLL_CTL_DEL, p[0], NULL), 0);
	CHECK_EQ(write(p[1], "x", 1), 1); /* nobody hears of it */
	child_pause_ms(30);
	CHECK_EQ(*(volatile int *)&result, -2);
	CHECK_EQ(write(q[1], "x", 1), 1);
	CHECK_EQ(add(shared_ep, q[0], EPOLLIN), 0); /* ready when it comes: wakes */
	pthread_join(t, NULL);
	CHECK_EQ(result, q[0]);
	CHECK_EQ(mod(shared_ep, q[0], EPOLLOUT), 0);
	t = start_waiting(&result);
	CHECK_EQ(mod(shared_ep, q[0], EPOLLIN), 0);
	pthread_join(t, NULL);
	CHECK_EQ(result, q[0]);
	close(shared_ep), close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

/* ---- nesting ---- */

static void test_nesting(void)
{
	int eps[7], p[2], other = epoll_create1(0);
	struct pollfd poll_outer;

	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 7; i++)
		eps[i] = epoll_create1(0);
	CHECK_EQ(add(eps[0], p[0], EPOLLIN), 0);
	for (int i = 1; i < 5; i++)
		CHECK_EQ(add(eps[i], eps[i - 1], EPOLLIN), 0);
	CHECK_ERR(add(eps[0], eps[4], EPOLLIN), ELOOP);
	CHECK_ERR(add(eps[1], eps[1], EPOLLIN), EINVAL);
	CHECK_EQ(add(eps[6], other, EPOLLIN), 0);
	CHECK_EQ(ready(eps[4], 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ready(eps[4], 0), 1);
	CHECK_EQ(seen[0].data.fd, eps[3]);
	poll_outer = (struct pollfd){ .fd = eps[4], .events = POLLIN };
	CHECK_EQ(poll(&poll_outer, 1, 0), 1);
	CHECK_EQ(poll_outer.revents, POLLIN);
	close(eps[2]); /* in the middle */
	CHECK_EQ(ready(eps[4], 0), 0);
	CHECK_EQ(ready(eps[1], 0), 1);
	for (int i = 0; i < 7; i++)
		close(eps[i]);
	close(other), close(p[0]), close(p[1]);
}

/* ---- signalfd, eventfd, timerfd ---- */

static int own_signals(void *arg)
{
	struct signalfd_siginfo info;
	int fd = *(int *)arg;

	raise(SIGUSR1);
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 1;
	return info.ssi_signo == SIGUSR1 && info.ssi_pid == (unsigned)getpid() ? 0 : 2;
}

static int watch_and_end(void *arg)
{
	int *fds = arg;

	return add(fds[0], fds[1], EPOLLIN); /* the shared instance looks at our queue now */
}

static void test_signalfd(void)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int ep = epoll_create1(0), fds[2], fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	CHECK_EQ(child_run(own_signals, &fd), 0);
	CHECK_ERR(read(fd, &info, sizeof(info)), EAGAIN); /* it was the child's */
	fds[0] = ep, fds[1] = fd;
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(child_run(watch_and_end, fds), 0);
		CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
	}
	CHECK_EQ(child_run(watch_and_end, fds), 0);
	raise(SIGUSR1);
	CHECK_EQ(ready(ep, 0) >= 0, 1);
	CHECK_EQ(mod(ep, fd, EPOLLIN), 0);
	CHECK_EQ(ready(ep, 0), 1); /* asked by the parent: its own signals */
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	close(fd), close(ep);
}

static int post(void *arg)
{
	return eventfd_write(*(int *)arg, 3);
}

static void test_eventfd(void)
{
	int fd = eventfd(0, EFD_SEMAPHORE), counter = eventfd(0, EFD_NONBLOCK);
	struct pollfd p = { .fd = counter, .events = POLLIN | POLLOUT };
	eventfd_t v;

	CHECK_EQ(child_run(post, &fd), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(eventfd_read(fd, &v), 0);
		CHECK_EQ(v, 1);
	}
	CHECK_EQ(eventfd_write(counter, UINT64_MAX - 1), 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK_ERR(eventfd_write(counter, 1), EAGAIN);
	CHECK_ERR(eventfd_write(counter, UINT64_MAX), EINVAL);
	CHECK_EQ(eventfd_read(counter, &v), 0);
	CHECK_EQ(v == UINT64_MAX - 1, 1);
	CHECK_ERR(eventfd_read(counter, &v), EAGAIN);
	close(fd), close(counter);
}

static int read_timer(void *arg)
{
	uint64_t n;

	return read(*(int *)arg, &n, 8) == 8 && n >= 1 ? 0 : 1;
}

static void test_timerfd(void)
{
	struct itimerspec t = { .it_value.tv_nsec = 20000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), real = timerfd_create(CLOCK_REALTIME, 0);

	CHECK_EQ(timerfd_settime(fd, 0, &t, NULL), 0);
	CHECK_EQ(child_run(read_timer, &fd), 0); /* one timer for both */
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_CANCEL_ON_SET, &t, NULL), 0);
	CHECK_EQ(timerfd_settime(real, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
				 &(struct itimerspec){ .it_value.tv_sec = 1 }, NULL),
		 0);
	CHECK_EQ(child_run(read_timer, &real), 0);
	CHECK_ERR(timerfd_settime(fd, 0x80, &t, NULL), EINVAL);
	close(fd), close(real);
}

/* More at once than fit one go of the kernel's: each is told once, and all again if level-
 * triggered. */
static void test_many(unsigned how)
{
	enum { MANY = 2500 };
	static struct epoll_event events[2 * MANY];
	struct epoll_event e = { .events = EPOLLIN | how };
	int fds[MANY], fd = epoll_create1(0), told[MANY] = { 0 }, wrong = 0;
	struct rlimit files = { .rlim_cur = MANY + 100, .rlim_max = MANY + 100 };

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (int i = 0; i < MANY; i++) {
		e.data.u32 = (uint32_t)i;
		fds[i] = eventfd(1, 0);
		wrong += epoll_ctl(fd, EPOLL_CTL_ADD, fds[i], &e) != 0;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(epoll_wait(fd, events, 2 * MANY, 0), MANY);
	for (int i = 0; i < MANY; i++)
		wrong += told[events[i].data.u32]++ != 0;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(epoll_wait(fd, events, 100, 0), how == 0 ? 100 : 0);
	CHECK_EQ(epoll_wait(fd, events, 2 * MANY, 0), how == 0 ? MANY : 0);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	CHECK_EQ(epoll_wait(fd, events, 2 * MANY, 0), 0);
	close(fd);
}

int main(void)
{
	test_edges();
	test_closed();
	test_processes();
	test_changes();
	test_nesting();
	test_signalfd();
	test_eventfd();
	test_timerfd();
	test_many(0);
	test_many(EPOLLET);
	test_many(EPOLLONESHOT);
	return check_done();
}
