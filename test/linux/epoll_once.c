/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll_wait(2) while its files wake all the time: one call names a descriptor once, level or edge
 * triggered, and none is forgotten when more are ready than fit.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "check.h"

#define NR_FILES 6
#define NR_CALLS 20000

static int ep, files[NR_FILES];
static _Atomic int is_over;

static void *wakes(void *unused)
{
	uint64_t one = 1;

	(void)unused;
	while (!is_over)
		for (int i = 0; i < NR_FILES; i++)
			if (write(files[i], &one, sizeof(one)) != sizeof(one))
				return "write";
	return NULL;
}

static void open_files(unsigned events)
{
	ep = epoll_create1(0);
	for (int i = 0; i < NR_FILES; i++) {
		struct epoll_event event = { .events = events, .data.u32 = (unsigned)i };

		files[i] = eventfd(0, EFD_NONBLOCK);
		CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, files[i], &event), 0);
	}
}

static void close_files(void)
{
	for (int i = 0; i < NR_FILES; i++)
		close(files[i]);
	close(ep);
}

/* With room for `max` events. What each file was reported, in `nr_reports`; the number of calls
 * that named a file twice. */
static int count_twice(int max, long nr_reports[NR_FILES])
{
	int nr_twice = 0;

	for (int call = 0; call < NR_CALLS; call++) {
		struct epoll_event seen[2 * NR_FILES];
		unsigned mask = 0;
		int nr = epoll_wait(ep, seen, max, -1), is_twice = 0;
		uint64_t value;

		for (int i = 0; i < nr; i++) {
			unsigned which = seen[i].data.u32;

			is_twice |= mask >> which & 1;
			mask |= 1u << which;
			nr_reports[which]++;
			(void)!read(files[which], &value, sizeof(value));
		}
		nr_twice += is_twice;
	}
	return nr_twice;
}

static void test_once(unsigned events, int max)
{
	long nr_reports[NR_FILES] = { 0 };
	pthread_t thread;
	void *failed;

	open_files(events);
	is_over = 0;
	CHECK_EQ(pthread_create(&thread, NULL, wakes, NULL), 0);
	CHECK_EQ(count_twice(max, nr_reports), 0);
	is_over = 1;
	CHECK_EQ(pthread_join(thread, &failed), 0);
	CHECK(failed == NULL);
	for (int i = 0; i < NR_FILES; i++)
		CHECK(nr_reports[i] > 0);
	close_files();
}

int main(void)
{
	test_once(EPOLLIN, 2 * NR_FILES);
	test_once(EPOLLIN | EPOLLET, 2 * NR_FILES);
	test_once(EPOLLIN, 2);
	test_once(EPOLLIN | EPOLLET, 2);
	return check_done();
}
