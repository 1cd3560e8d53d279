/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPOLLEXCLUSIVE (epoll_ctl(2)): of several epoll files that watch one file, each with a thread
 * asleep in epoll_wait(2), an event wakes one; the end of a file wakes all. Without the flag all
 * are woken.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include "asleep.h"

#define WAITERS 4

static struct waiter {
	pthread_t thread;
	_Atomic int tid; /* set when it is about to sleep */
	int ep;
	_Atomic int woken;
	uint32_t events;
} waiters[WAITERS];

static _Atomic int nr_woken;

static void *waits(void *arg)
{
	struct waiter *w = arg;
	struct epoll_event e;

	w->tid = (int)syscall(SYS_gettid);
	if (epoll_wait(w->ep, &e, 1, -1) == 1) {
		w->events = e.events;
		w->woken = 1;
		nr_woken++;
	}
	return NULL;
}

/* Each watches fd in an epoll file of its own; when this returns all are asleep. */
static void start(int fd, uint32_t flags)
{
	nr_woken = 0;
	for (int i = 0; i < WAITERS; i++) {
		struct waiter *w = &waiters[i];
		struct epoll_event e = { .events = EPOLLIN | flags };

		w->tid = w->woken = 0;
		w->ep = epoll_create1(0);
		epoll_ctl(w->ep, EPOLL_CTL_ADD, fd, &e);
		pthread_create(&w->thread, NULL, waits, w);
		while (w->tid == 0)
			child_pause_ms(1);
		await_thread_asleep(w->tid);
	}
}

static void wait_for_woken(int nr)
{
	while (nr_woken < nr)
		child_pause_ms(1);
	child_pause_ms(30); /* for those who should not */
}

static void finish(void)
{
	for (int i = 0; i < WAITERS; i++) {
		pthread_join(waiters[i].thread, NULL);
		close(waiters[i].ep);
	}
}

static void test_pipe(void)
{
	int p[2];

	CHECK_EQ(pipe(p), 0);
	start(p[0], EPOLLEXCLUSIVE);
	for (int nr = 1; nr < WAITERS; nr++) {
		char c;

		CHECK_EQ(write(p[1], "x", 1), 1);
		wait_for_woken(nr);
		CHECK_EQ(nr_woken, nr);
		CHECK_EQ(read(p[0], &c, 1), 1);
	}
	close(p[1]);
	finish();
	CHECK_EQ(nr_woken, WAITERS);
	close(p[0]);

	CHECK_EQ(pipe(p), 0);
	start(p[0], EPOLLEXCLUSIVE);
	close(p[1]); /* its end is everybody's */
	finish();
	CHECK_EQ(nr_woken, WAITERS);
	for (int i = 0; i < WAITERS; i++)
		CHECK_EQ(waiters[i].events, EPOLLHUP);
	close(p[0]);

	CHECK_EQ(pipe(p), 0);
	start(p[0], 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	finish();
	CHECK_EQ(nr_woken, WAITERS);
	close(p[0]), close(p[1]);
}

/* Others who watch the same file are told, too. */
static void test_mixed(void)
{
	int event = eventfd(0, 0), plain = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };

	start(event, EPOLLEXCLUSIVE);
	CHECK_EQ(epoll_ctl(plain, EPOLL_CTL_ADD, event, &e), 0);
	CHECK_EQ(eventfd_write(event, 1), 0);
	CHECK_EQ(epoll_wait(plain, &e, 1, -1), 1);
	wait_for_woken(1);
	CHECK_EQ(nr_woken, 1);
	for (int nr = 2; nr <= WAITERS; nr++) {
		CHECK_EQ(eventfd_write(event, 1), 0);
		wait_for_woken(nr);
		CHECK_EQ(nr_woken, nr);
	}
	finish();
	close(event), close(plain);
}

/* What this is for: several threads that accept. */
static void test_listener(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), clients[WAITERS];

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "exclusive-%d", (int)getpid());
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(s, WAITERS), 0);
	start(s, EPOLLEXCLUSIVE);
	for (int nr = 1; nr <= WAITERS; nr++) {
		clients[nr - 1] = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_EQ(connect(clients[nr - 1], (struct sockaddr *)&a, sizeof(a)), 0);
		wait_for_woken(nr);
		CHECK_EQ(nr_woken, nr);
	}
	finish();
	for (int i = 0; i < WAITERS; i++)
		close(clients[i]);
	close(s);
}

/* An epoll file that nobody waits on does not take a wake-up from one that somebody waits on, and
 * tells of the event when it is asked. */
static void test_unattended(void)
{
	int event = eventfd(0, 0), idle = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	CHECK_EQ(epoll_ctl(idle, EPOLL_CTL_ADD, event, &e), 0);
	start(event, EPOLLEXCLUSIVE);
	for (int nr = 1; nr <= WAITERS; nr++) {
		CHECK_EQ(eventfd_write(event, 1), 0);
		wait_for_woken(nr);
	}
	CHECK_EQ(nr_woken, WAITERS);
	CHECK_EQ(epoll_wait(idle, &e, 1, 0), 1);
	finish();
	close(event), close(idle);
}

int main(void)
{
	test_pipe();
	test_mixed();
	test_listener();
	test_unattended();
	return check_done();
}
