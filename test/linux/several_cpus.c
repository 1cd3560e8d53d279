/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only goes wrong when several CPUs do it at once: signals as fast as they can be sent, timers
 * used before timer_create(2) has returned, two that wait for one level-triggered event (epoll(7)),
 * names that change while they are told to inotify(7).
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include "child.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- signals ---- */

static volatile sig_atomic_t nr_signals;

static void count(int sig)
{
	(void)sig;
	nr_signals++;
}

static int send_signals(void *arg)
{
	double end = now() + 0.4;
	pid_t to = *(pid_t *)arg;

	do {
		if (kill(to, SIGUSR1) != 0)
			return 1;
	} while (now() < end);
	return 0;
}

static void test_signal_storm(void)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_RESTART };
	pid_t self = getpid(), senders[3];
	double end = now() + 0.4;

	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	for (int i = 0; i < 3; i++)
		senders[i] = child_start(send_signals, &self);
	while (now() < end)
		syscall(SYS_getppid);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(child_wait(senders[i]), 0);
	CHECK(nr_signals > 0);
}

/* ---- timers ---- */

#define NR_TIMERS 40

static int first_timer;
static atomic_bool all_made;

/* Sets and deletes each timer as soon as its number works. */
static void *use_timers(void *arg)
{
	struct itimerspec hour = { .it_value = { 3600, 0 } };
	long nr = 0;

	for (int id = first_timer; id < first_timer + NR_TIMERS; id++) {
		while (syscall(SYS_timer_settime, id, 0, &hour, NULL) != 0 &&
		       !atomic_load(&all_made))
			;
		nr += syscall(SYS_timer_delete, id) == 0;
	}
	*(long *)arg = nr;
	return NULL;
}

static void test_timers_at_once(void)
{
	int id = -1, nr_made = 0;
	long nr_deleted = 0;
	pthread_t user;

	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id), 0);
	CHECK_EQ(syscall(SYS_timer_delete, id), 0);
	first_timer = id + 1;
	CHECK_EQ(pthread_create(&user, NULL, use_timers, &nr_deleted), 0);
	for (int i = 0; i < NR_TIMERS; i++)
		nr_made += syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id) == 0;
	atomic_store(&all_made, true);
	CHECK_EQ(pthread_join(user, NULL), 0);
	CHECK_EQ(nr_made, NR_TIMERS);
	CHECK_EQ(nr_deleted, NR_TIMERS);
}

/* ---- epoll ---- */

#define ROUNDS 300

struct waiting {
	int ep;
	pthread_barrier_t begin, end;
	int missed[2];
};

struct waiter {
	struct waiting *w;
	int nr;
};

static void *wait_rounds(void *arg)
{
	const struct waiter *me = arg;
	struct epoll_event event;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&me->w->begin);
		if (epoll_wait(me->w->ep, &event, 1, -1) != 1)
			me->w->missed[me->nr]++;
		pthread_barrier_wait(&me->w->end);
	}
	return NULL;
}

/* Nobody reads it, so each of the two is to see it. */
static void test_two_epoll_waiters(void)
{
	int fd = eventfd(0, 0);
	struct epoll_event event = { .events = EPOLLIN };
	struct waiting w = { .ep = epoll_create1(0) };
	struct waiter waiters[2] = { { &w, 0 }, { &w, 1 } };
	pthread_t threads[2];
	uint64_t one = 1;

	CHECK_EQ(epoll_ctl(w.ep, EPOLL_CTL_ADD, fd, &event), 0);
	pthread_barrier_init(&w.begin, NULL, 3);
	pthread_barrier_init(&w.end, NULL, 3);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, wait_rounds, &waiters[i]), 0);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&w.begin);
		if (write(fd, &one, sizeof(one)) != sizeof(one))
			break;
		pthread_barrier_wait(&w.end);
		if (read(fd, &one, sizeof(one)) != sizeof(one))
			break;
		one = 1;
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(w.missed[0], 0);
	CHECK_EQ(w.missed[1], 0);
	close(w.ep);
	close(fd);
}

/* ---- names ---- */

static char folder[] = "/tmp/several-XXXXXX";

static int rename_all_the_time(void *arg)
{
	double end = now() + 0.3;
	char a[64], b[80];

	(void)arg;
	snprintf(a, sizeof(a), "%s/a", folder);
	snprintf(b, sizeof(b), "%s/a-name-that-is-longer-than-the-other", folder);
	while (now() < end) {
		if (rename(a, b) != 0 || rename(b, a) != 0)
			return 1;
	}
	return 0;
}

static bool is_a_name(const char *name)
{
	return strcmp(name, "a") == 0 || strcmp(name, "a-name-that-is-longer-than-the-other") == 0;
}

/* Reads what there is; 1 when a name is neither of the two. */
static int read_events(int in)
{
	char buf[4096] __attribute__((aligned(8)));
	struct pollfd p = { .fd = in, .events = POLLIN };
	ssize_t n = poll(&p, 1, 0) == 1 ? read(in, buf, sizeof(buf)) : 0;
	int bad = 0;

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf + at);

		bad |= (e->mask & IN_Q_OVERFLOW) == 0 && !is_a_name(e->name);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return bad;
}

static void test_names_that_change(void)
{
	int in = inotify_init1(0), fd, bad = 0;
	double end = now() + 0.3;
	char path[64], c;
	pid_t child;

	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/a", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(inotify_add_watch(in, folder, IN_MODIFY | IN_MOVE) > 0);
	child = child_start(rename_all_the_time, NULL);
	while (now() < end) {
		if (pwrite(fd, "x", 1, 0) != 1 || pread(fd, &c, 1, 0) != 1)
			break;
		bad |= read_events(in);
	}
	CHECK_EQ(child_wait(child), 0);
	CHECK_EQ(bad, 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(folder), 0);
	close(fd);
	close(in);
}

int main(void)
{
	test_signal_storm();
	test_timers_at_once();
	test_two_epoll_waiters();
	test_names_that_change();
	return check_done();
}
