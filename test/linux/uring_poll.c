/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring_enter(2): POLL_ADD, POLL_REMOVE, TIMEOUT, LINK_TIMEOUT, ASYNC_CANCEL. */
#include <fcntl.h>
#include <linux/time_types.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "uring.h"

static const struct __kernel_timespec soon = { .tv_nsec = 2000000 }, late = { .tv_sec = 1000 };

static struct io_uring_sqe *add_poll(struct ring *r, int fd, unsigned events, unsigned data)
{
	struct io_uring_sqe *s = ring_add(r, IORING_OP_POLL_ADD, fd);

	s->poll32_events = events;
	s->user_data = data;
	return s;
}

static struct io_uring_sqe *add_timeout(struct ring *r, const struct __kernel_timespec *ts,
					unsigned count, unsigned data)
{
	struct io_uring_sqe *s = ring_add(r, IORING_OP_TIMEOUT, -1);

	s->addr = (unsigned long)ts;
	s->len = 1;
	s->off = count;
	s->user_data = data;
	return s;
}

static struct io_uring_sqe *add_cancel(struct ring *r, unsigned target, unsigned flags)
{
	struct io_uring_sqe *s = ring_add(r, IORING_OP_ASYNC_CANCEL, -1);

	s->addr = target;
	s->cancel_flags = flags;
	s->user_data = 1000;
	return s;
}

static void poll_once(void)
{
	struct ring r;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	add_poll(&r, fds[1], POLLOUT, 1);
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 1), POLLOUT);
	add_poll(&r, fds[0], POLLIN, 2);
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(ring_result(&r, 2), POLLIN);
	add_poll(&r, fds[0], POLLIN, 3)->len = 64;
	CHECK_EQ(ring_do(&r), -EINVAL);
	add_poll(&r, fds[0], POLLIN, 3)->addr = 1;
	CHECK_EQ(ring_do(&r), -EINVAL);
	add_poll(&r, 999, POLLIN, 3);
	CHECK_EQ(ring_do(&r), -EBADF);
	close(fds[1]);
	add_poll(&r, fds[0], 0, 4);
	CHECK_EQ(ring_do(&r), POLLHUP);
	close(fds[0]);
	ring_close(&r);
}

static void poll_many(void)
{
	unsigned long long n = 1;
	struct ring r;
	int fd = eventfd(0, 0);

	ring_open(&r, 8, 0);
	add_poll(&r, fd, POLLIN, 1)->len = IORING_POLL_ADD_MULTI;
	CHECK_EQ(ring_submit(&r, 0), 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(write(fd, &n, 8), 8);
		CHECK_EQ(ring_result(&r, 1), POLLIN);
		CHECK((r.last_flags & IORING_CQE_F_MORE) != 0);
		CHECK_EQ(read(fd, &n, 8), 8);
	}
	CHECK_EQ(ring_ready(&r), 0);
	ring_add(&r, IORING_OP_POLL_REMOVE, -1)->addr = 1;
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++) {
		int res = ring_take(&r);

		CHECK_EQ(res, r.last_data == 1 ? -ECANCELED : 0);
		CHECK_EQ(r.last_flags, 0);
	}
	close(fd);
	ring_close(&r);
}

static void poll_removed(void)
{
	struct io_uring_sqe *s;
	struct ring r;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	ring_add(&r, IORING_OP_POLL_REMOVE, -1)->addr = 77;
	CHECK_EQ(ring_do(&r), -ENOENT);
	/* Changed: what it waits for and what it is called. */
	add_poll(&r, fds[0], POLLPRI, 1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	s = ring_add(&r, IORING_OP_POLL_REMOVE, -1);
	s->addr = 1;
	s->off = 2;
	s->len = IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA;
	s->poll32_events = POLLIN;
	s->user_data = 9;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 9), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(ring_result(&r, 2), POLLIN);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

static void timeouts(void)
{
	struct __kernel_timespec at, bad = { .tv_nsec = -1 };
	struct timespec now;
	struct ring r;

	ring_open(&r, 8, 0);
	add_timeout(&r, &soon, 0, 1);
	CHECK_EQ(ring_do(&r), -ETIME);
	clock_gettime(CLOCK_MONOTONIC, &now);
	at = (struct __kernel_timespec){ now.tv_sec, now.tv_nsec };
	add_timeout(&r, &at, 0, 2)->timeout_flags = IORING_TIMEOUT_ABS;
	CHECK_EQ(ring_do(&r), -ETIME);
	clock_gettime(CLOCK_REALTIME, &now);
	at = (struct __kernel_timespec){ now.tv_sec, now.tv_nsec };
	add_timeout(&r, &at, 0, 2)->timeout_flags = IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME;
	CHECK_EQ(ring_do(&r), -ETIME);
	add_timeout(&r, &bad, 0, 3);
	CHECK_EQ(ring_do(&r), -EINVAL);
	add_timeout(&r, NULL, 0, 3);
	CHECK_EQ(ring_do(&r), -EFAULT);
	add_timeout(&r, &soon, 0, 3)->len = 2;
	CHECK_EQ(ring_do(&r), -EINVAL);
	/* Failing, it breaks a chain, unless it is said to be none. */
	for (unsigned ok = 0; ok < 2; ok++) {
		struct io_uring_sqe *s = add_timeout(&r, &soon, 0, 4);

		s->flags = IOSQE_IO_LINK;
		s->timeout_flags = ok ? IORING_TIMEOUT_ETIME_SUCCESS : 0;
		ring_add(&r, IORING_OP_NOP, -1)->user_data = 5;
		CHECK_EQ(ring_submit(&r, 2), 2);
		CHECK_EQ(ring_result(&r, 4), -ETIME);
		CHECK_EQ(ring_result(&r, 5), ok ? 0 : -ECANCELED);
	}
	ring_close(&r);
}

/* One that counts completions ends with them. */
static void counted(void)
{
	struct ring r;

	ring_open(&r, 8, 0);
	add_timeout(&r, &late, 2, 1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 2;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 2), 0);
	CHECK_EQ(ring_ready(&r), 0);
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 3;
	CHECK_EQ(ring_submit(&r, 2), 1);
	CHECK_EQ(ring_result(&r, 3), 0);
	CHECK_EQ(ring_result(&r, 1), 0);
	ring_close(&r);
}

static void timeout_removed(void)
{
	struct io_uring_sqe *s;
	struct ring r;

	ring_open(&r, 8, 0);
	ring_add(&r, IORING_OP_TIMEOUT_REMOVE, -1)->addr = 5;
	CHECK_EQ(ring_do(&r), -ENOENT);
	add_timeout(&r, &late, 0, 1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	s = ring_add(&r, IORING_OP_TIMEOUT_REMOVE, -1);
	s->addr = 1;
	s->user_data = 2;
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++) {
		int res = ring_take(&r);

		CHECK_EQ(res, r.last_data == 1 ? -ECANCELED : 0);
	}
	/* Brought forward. */
	add_timeout(&r, &late, 0, 3);
	CHECK_EQ(ring_submit(&r, 0), 1);
	s = ring_add(&r, IORING_OP_TIMEOUT_REMOVE, -1);
	s->addr = 3;
	s->addr2 = (unsigned long)&soon;
	s->timeout_flags = IORING_TIMEOUT_UPDATE;
	s->user_data = 4;
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++) {
		int res = ring_take(&r);

		CHECK_EQ(res, r.last_data == 3 ? -ETIME : 0);
	}
	ring_close(&r);
}

static struct io_uring_sqe *add_link_timeout(struct ring *r, const struct __kernel_timespec *ts)
{
	struct io_uring_sqe *s = ring_add(r, IORING_OP_LINK_TIMEOUT, -1);

	s->addr = (unsigned long)ts;
	s->len = 1;
	s->user_data = 50;
	return s;
}

/* Whichever comes first: the bytes or the end of the time. */
static void link_timeouts(bool in_time)
{
	struct ring r;
	int fds[2];
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1;
	r.sqes[0].flags = IOSQE_IO_LINK;
	add_link_timeout(&r, in_time ? &late : &soon)->flags = IOSQE_IO_LINK;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 60;
	CHECK_EQ(ring_submit(&r, 0), 3);
	if (in_time)
		CHECK_EQ(write(fds[1], "x", 1), 1);
	for (int i = 0; i < 3; i++) {
		int res = ring_take(&r);

		if (r.last_data == 1)
			CHECK_EQ(res, in_time ? 1 : -ECANCELED);
		else if (r.last_data == 50)
			CHECK_EQ(res, in_time ? -ECANCELED : -ETIME);
		else
			CHECK_EQ(res, in_time ? 0 : -ECANCELED);
	}
	/* One that follows nothing. */
	add_link_timeout(&r, &soon);
	CHECK_EQ(ring_do(&r), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

static void cancel_one(void)
{
	struct ring r;
	int fds[2];
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	add_cancel(&r, 1, 0);
	CHECK_EQ(ring_do(&r), -ENOENT);
	add_cancel(&r, 1, 1u << 20);
	CHECK_EQ(ring_do(&r), -EINVAL);
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1;
	CHECK_EQ(ring_submit(&r, 0), 1);
	add_cancel(&r, 1, 0);
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++) {
		int res = ring_take(&r);

		CHECK_EQ(res, r.last_data == 1 ? -ECANCELED : 0);
	}
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

static void cancel_many(unsigned flags, int expected)
{
	struct ring r;
	int fds[2], nr_cancelled = 0;
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	for (unsigned i = 0; i < 4; i++)
		ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1 + i / 2;
	CHECK_EQ(ring_submit(&r, 0), 4);
	add_cancel(&r, 1, flags)->fd = fds[0];
	CHECK_EQ(ring_submit(&r, (unsigned)expected + 1), 1);
	for (int i = 0; i <= expected; i++) {
		int res = ring_take(&r);

		CHECK_EQ(res, r.last_data == 1000 ? expected : -ECANCELED);
		nr_cancelled += res == -ECANCELED;
	}
	CHECK_EQ(nr_cancelled, expected);
	CHECK_EQ(ring_ready(&r), 0);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

static void cancel_sync(void)
{
	struct io_uring_sync_cancel_reg c = { .addr = 1, .timeout = { -1, -1 } };
	struct ring r;
	int fds[2];
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_SYNC_CANCEL, &c, 1), ENOENT);
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_SYNC_CANCEL, &c, 1), 0);
	CHECK_EQ(ring_result(&r, 1), -ECANCELED);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

/* IORING_SETUP_DEFER_TASKRUN: nothing completes before the program asks. */
static void deferred(void)
{
	struct ring r;
	int fds[2];
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8,
		  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			  IORING_SETUP_TASKRUN_FLAG);
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK((*ring_word(&r, r.p.sq_off.flags) & IORING_SQ_TASKRUN) == 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK((*ring_word(&r, r.p.sq_off.flags) & IORING_SQ_TASKRUN) != 0);
	CHECK_EQ(uring_enter(r.fd, 0, 0, IORING_ENTER_GETEVENTS), 0);
	CHECK_EQ(ring_ready(&r), 1);
	CHECK((*ring_word(&r, r.p.sq_off.flags) & IORING_SQ_TASKRUN) == 0);
	CHECK_EQ(ring_result(&r, 1), 1);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

int main(void)
{
	poll_once();
	poll_many();
	poll_removed();
	timeouts();
	counted();
	timeout_removed();
	link_timeouts(false);
	link_timeouts(true);
	cancel_one();
	cancel_many(IORING_ASYNC_CANCEL_ALL, 2);
	cancel_many(IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL, 4);
	cancel_many(IORING_ASYNC_CANCEL_ANY, 4);
	cancel_sync();
	deferred();
	return check_done();
}
