/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll(7): level and edge trigger, one-shot, modify and delete, nesting, waiting, and its errors.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include "asleep.h"

static int ep, p[2];

static int control(int op, int fd, unsigned int events)
{
	struct epoll_event event = { .events = events,
				     .data.u64 = 0x1122334455660000ull + (unsigned)fd };

	return epoll_ctl(ep, op, fd, &event);
}

/* The ready events of the one descriptor that is ready, 0 for none, -1 for several. */
static int ready_events(void)
{
	struct epoll_event events[4];
	int nr = epoll_wait(ep, events, 4, 0);

	if (nr == 0)
		return 0;
	return nr == 1 ? (int)events[0].events : -1;
}

static void put(void)
{
	CHECK_EQ(write(p[1], "x", 1), 1);
}

static void take(int nr)
{
	char buf[16];

	CHECK_EQ(read(p[0], buf, (size_t)nr), nr);
}

static void test_level(void)
{
	struct epoll_event event;

	CHECK_EQ(control(EPOLL_CTL_ADD, p[0], EPOLLIN), 0);
	CHECK_EQ(ready_events(), 0);
	put();
	CHECK_EQ(ready_events(), EPOLLIN);
	CHECK_EQ(ready_events(), EPOLLIN);
	CHECK_EQ(epoll_wait(ep, &event, 1, -1), 1);
	CHECK(event.data.u64 == 0x1122334455660000ull + (unsigned)p[0]);
	take(1);
	CHECK_EQ(ready_events(), 0);
	CHECK_EQ(control(EPOLL_CTL_ADD, p[1], EPOLLOUT), 0);
	CHECK_EQ(ready_events(), EPOLLOUT);
	CHECK_EQ(control(EPOLL_CTL_MOD, p[1], 0), 0);
	CHECK_EQ(ready_events(), 0);
	CHECK_EQ(control(EPOLL_CTL_DEL, p[1], 0), 0);
	CHECK_EQ(control(EPOLL_CTL_DEL, p[0], 0), 0);
}

static void test_edge(void)
{
	CHECK_EQ(control(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET), 0);
	put();
	CHECK_EQ(ready_events(), EPOLLIN);
	CHECK_EQ(ready_events(), 0); /* nothing new */
	put();
	CHECK_EQ(ready_events(), EPOLLIN); /* one more byte: a new edge */
	take(1);
	CHECK_EQ(ready_events(), 0);
	CHECK_EQ(control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET), 0);
	CHECK_EQ(ready_events(), EPOLLIN); /* MOD looks again */
	take(1);
	control(EPOLL_CTL_DEL, p[0], 0);
}

static void test_oneshot(void)
{
	CHECK_EQ(control(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLONESHOT), 0);
	put();
	CHECK_EQ(ready_events(), EPOLLIN);
	CHECK_EQ(ready_events(), 0);
	put();
	CHECK_EQ(ready_events(), 0);
	CHECK_EQ(control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(ready_events(), EPOLLIN);
	take(2);
	control(EPOLL_CTL_DEL, p[0], 0);
}

static void test_hangup_and_close(void)
{
	int q[2], copy;

	CHECK_EQ(pipe(q), 0);
	CHECK_EQ(control(EPOLL_CTL_ADD, q[0], 0), 0);
	close(q[1]);
	CHECK_EQ(ready_events(), EPOLLHUP); /* reported unasked */
	copy = dup(q[0]);
	close(q[0]);
	CHECK_EQ(ready_events(), EPOLLHUP); /* the open file lives: still watched */
	close(copy);
	CHECK_EQ(ready_events(), 0); /* closed: gone by itself */
	CHECK_EQ(pipe(q), 0);
	CHECK_EQ(control(EPOLL_CTL_ADD, q[1], EPOLLOUT | EPOLLET), 0);
	CHECK_EQ(ready_events(), EPOLLOUT);
	close(q[0]);
	CHECK_EQ(ready_events(), EPOLLOUT | EPOLLERR);
	close(q[1]);
}

static void test_many(void)
{
	struct epoll_event events[64];
	int fds[64], seen = 0, nr;

	for (int i = 0; i < 64; i++) {
		fds[i] = eventfd(1, 0);
		control(EPOLL_CTL_ADD, fds[i], EPOLLIN);
	}
	for (int round = 0; round < 16; round++) {
		nr = epoll_wait(ep, events, 8, 0);
		for (int i = 0; i < nr; i++) {
			seen++;
			epoll_ctl(ep, EPOLL_CTL_DEL, (int)(events[i].data.u64 & 0xffff), NULL);
		}
	}
	CHECK_EQ(seen, 64);
	for (int i = 0; i < 64; i++)
		close(fds[i]);
}

static void test_nested(void)
{
	int outer = epoll_create1(EPOLL_CLOEXEC), inner = ep;
	struct epoll_event event = { .events = EPOLLIN };

	CHECK_EQ(control(EPOLL_CTL_ADD, p[0], EPOLLIN), 0);
	CHECK_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
	CHECK_EQ(epoll_wait(outer, &event, 1, 0), 0);
	put();
	CHECK_EQ(epoll_wait(outer, &event, 1, 1000), 1);
	take(1);
	CHECK_EQ(epoll_wait(outer, &event, 1, 0), 0);
	CHECK_ERR(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event), ELOOP);
	control(EPOLL_CTL_DEL, p[0], 0);
	close(outer);
}

static void *write_later(void *unused)
{
	await_asleep(getpid()); /* the first thread */
	if (write(p[1], "x", 1) != 1)
		abort();
	return unused;
}

static void test_waiting(void)
{
	struct timespec before, after, limit = { 0, 20000000 };
	struct epoll_event event;
	pthread_t thread;

	control(EPOLL_CTL_ADD, p[0], EPOLLIN);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_EQ(epoll_wait(ep, &event, 1, 30), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >=
	      29);
	CHECK_EQ(epoll_pwait2(ep, &event, 1, &limit, NULL), 0);
	pthread_create(&thread, NULL, write_later, NULL);
	CHECK_EQ(epoll_wait(ep, &event, 1, -1), 1);
	CHECK_EQ(event.events, EPOLLIN);
	pthread_join(thread, NULL);
	take(1);
	control(EPOLL_CTL_DEL, p[0], 0);
}

static void test_errors(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int file = open("/proc/self/exe", O_RDONLY), dir = open("/", O_RDONLY);

	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(epoll_create1(0x10), EINVAL);
	CHECK_EQ(control(EPOLL_CTL_ADD, p[0], EPOLLIN), 0);
	CHECK_ERR(control(EPOLL_CTL_ADD, p[0], EPOLLIN), EEXIST);
	CHECK_ERR(control(EPOLL_CTL_MOD, p[1], EPOLLIN), ENOENT);
	CHECK_ERR(control(EPOLL_CTL_DEL, p[1], 0), ENOENT);
	CHECK_ERR(control(EPOLL_CTL_ADD, 999, EPOLLIN), EBADF);
	CHECK_ERR(control(EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL);
	CHECK_ERR(control(EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
	CHECK_ERR(control(EPOLL_CTL_ADD, dir, EPOLLIN), EPERM);
	CHECK_ERR(control(9, p[0], EPOLLIN), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], NULL), EFAULT);
	CHECK_ERR(control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERR(control(EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
	CHECK_EQ(control(EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLEXCLUSIVE), 0);
	CHECK_ERR(control(EPOLL_CTL_MOD, p[1], EPOLLOUT), EINVAL);
	CHECK_ERR(epoll_wait(ep, &event, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(p[0], &event, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(999, &event, 1, 0), EBADF);
	CHECK_ERR(syscall(SYS_epoll_wait, ep, 1, 1, 0), EFAULT);
	close(file), close(dir);
}

/* A chain may be so long and no longer, whichever end it is made from. */
static void test_chain(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int chain[12], nr = 1;

	for (unsigned i = 0; i < 12; i++)
		chain[i] = epoll_create1(0);
	while (nr < 12 && epoll_ctl(chain[nr - 1], EPOLL_CTL_ADD, chain[nr], &event) == 0)
		nr++;
	CHECK(nr >= 4 && nr < 8);
	for (unsigned i = 0; i < 12; i++)
		close(chain[i]);
}

int main(void)
{
	ep = epoll_create1(0);
	CHECK_EQ(pipe(p), 0);
	test_level();
	test_edge();
	test_oneshot();
	test_hangup_and_close();
	test_many();
	test_nested();
	test_chain();
	test_waiting();
	test_errors();
	return check_done();
}
