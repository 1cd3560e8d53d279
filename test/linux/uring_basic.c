/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring_setup(2), io_uring_enter(2): rings, chains, drains, full rings, bad entries. */
#include <fcntl.h>
#include <linux/time_types.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "uring.h"

static void setup_errors(void)
{
	struct io_uring_params p = { 0 };

	CHECK_ERR(uring_setup(8, NULL), EFAULT);
	CHECK_ERR(uring_setup(0, &p), EINVAL);
	p = (struct io_uring_params){ 0 };
	CHECK_ERR(uring_setup(32769, &p), EINVAL);
	p = (struct io_uring_params){ .flags = 1u << 31 };
	CHECK_ERR(uring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .resv = { 0, 1, 0 } };
	CHECK_ERR(uring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE };
	CHECK_ERR(uring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = 4 };
	CHECK_ERR(uring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_TASKRUN_FLAG };
	CHECK_ERR(uring_setup(8, &p), EINVAL);
	p = (struct io_uring_params){ .flags = IORING_SETUP_DEFER_TASKRUN };
	CHECK_ERR(uring_setup(8, &p), EINVAL);
}

static void setup_sizes(void)
{
	struct io_uring_params p = { 0 };
	struct ring r;

	CHECK_EQ(ring_open_with(&r, 5, &p), 0);
	CHECK_EQ(p.sq_entries, 8);
	CHECK_EQ(p.cq_entries, 16);
	CHECK_EQ(*ring_word(&r, p.sq_off.ring_mask), 7);
	CHECK_EQ(*ring_word(&r, p.cq_off.ring_mask), 15);
	CHECK_EQ(*ring_word(&r, p.sq_off.ring_entries), 8);
	CHECK_EQ(*ring_word(&r, p.cq_off.ring_entries), 16);
	CHECK((p.features & IORING_FEAT_SINGLE_MMAP) != 0);
	CHECK((p.features & IORING_FEAT_NODROP) != 0);
	CHECK((p.features & IORING_FEAT_EXT_ARG) != 0);
	CHECK_EQ(fcntl(r.fd, F_GETFD), FD_CLOEXEC);
	ring_close(&r);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = 100 };
	CHECK_EQ(ring_open_with(&r, 5, &p), 0);
	CHECK_EQ(p.cq_entries, 128);
	ring_close(&r);
	p = (struct io_uring_params){ .flags = IORING_SETUP_CLAMP };
	CHECK_EQ(ring_open_with(&r, 100000, &p), 0);
	CHECK_EQ(p.sq_entries, 32768);
	CHECK_EQ(p.cq_entries, 65536);
	ring_close(&r);
}

static void enter_errors(void)
{
	struct ring r;
	int fds[2];

	ring_open(&r, 4, 0);
	CHECK_ERR(uring_enter(-1, 0, 0, 0), EBADF);
	CHECK_EQ(pipe(fds), 0);
	CHECK_ERR(uring_enter(fds[0], 0, 0, 0), EOPNOTSUPP);
	CHECK_ERR(uring_enter(r.fd, 0, 0, 1u << 20), EINVAL);
	CHECK_ERR(uring_enter(3, 0, 0, IORING_ENTER_REGISTERED_RING), EBADF);
	CHECK_ERR(uring_enter(16, 0, 0, IORING_ENTER_REGISTERED_RING), EINVAL);
	CHECK_EQ(uring_enter(r.fd, 0, 0, 0), 0);
	CHECK_EQ(uring_enter(r.fd, 5, 0, 0), 0);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

static void nops(unsigned flags)
{
	struct ring r;

	ring_open(&r, 8, flags);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 8; i++)
			ring_add(&r, IORING_OP_NOP, -1)->user_data = round * 100 + i;
		CHECK_EQ(ring_submit(&r, 8), 8);
		CHECK_EQ(ring_ready(&r), 8);
		for (unsigned i = 0; i < 8; i++)
			CHECK_EQ(ring_result(&r, round * 100 + i), 0);
	}
	CHECK_EQ(*ring_word(&r, r.p.sq_off.head), 40);
	ring_close(&r);
}

/* Both mappings are one memory, by either offset. */
static void two_mappings(void)
{
	struct ring r;
	char *other;

	ring_open(&r, 4, 0);
	other = mmap(NULL, r.rings_len, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd,
		     IORING_OFF_CQ_RING);
	CHECK(other != MAP_FAILED);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(*(unsigned *)(other + r.p.cq_off.tail), 1);
	munmap(other, r.rings_len);
	ring_close(&r);
}

static void bad_entries(void)
{
	struct ring r;

	ring_open(&r, 8, 0);
	ring_add(&r, 250, -1)->user_data = 1;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 1), -EINVAL);
	ring_add(&r, IORING_OP_NOP, -1)->flags = 0x80;
	CHECK_EQ(ring_do(&r), -EINVAL);
	ring_add(&r, IORING_OP_READ, -1);
	CHECK_EQ(ring_do(&r), -EBADF);
	ring_add(&r, IORING_OP_READ, 3)->flags = IOSQE_FIXED_FILE;
	CHECK_EQ(ring_do(&r), -EBADF);
	ring_add(&r, IORING_OP_NOP, -1)->personality = 9;
	CHECK_EQ(ring_do(&r), -EINVAL);
	ring_add(&r, IORING_OP_WRITE, 1)->flags = IOSQE_BUFFER_SELECT;
	CHECK_EQ(ring_do(&r), -EOPNOTSUPP);
	/* The rest of a submission is left after a bad entry. */
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 1;
	ring_add(&r, 250, -1)->user_data = 2;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 3;
	CHECK_EQ(ring_submit(&r, 0), 2);
	CHECK_EQ(ring_result(&r, 1), 0);
	CHECK_EQ(ring_result(&r, 2), -EINVAL);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK_EQ(uring_enter(r.fd, 1, 1, IORING_ENTER_GETEVENTS), 1);
	CHECK_EQ(ring_result(&r, 3), 0);
	ring_close(&r);
	ring_open(&r, 8, IORING_SETUP_SUBMIT_ALL);
	ring_add(&r, 250, -1)->user_data = 2;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 3;
	CHECK_EQ(ring_submit(&r, 2), 2);
	CHECK_EQ(ring_result(&r, 2), -EINVAL);
	CHECK_EQ(ring_result(&r, 3), 0);
	ring_close(&r);
}

/* There is no device to be polled. */
static void device_polling(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	struct ring r;
	char byte;

	ring_open(&r, 8, IORING_SETUP_IOPOLL);
	ring_add_rw(&r, IORING_OP_READ, fd, &byte, 1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_take(&r), -EOPNOTSUPP);
	ring_add(&r, IORING_OP_POLL_ADD, fd);
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_take(&r), -EINVAL);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_take(&r), 0);
	close(fd);
	ring_close(&r);
}

/* What the program writes into the ring is checked. */
static void wild_indices(void)
{
	struct ring r;

	ring_open(&r, 4, 0);
	ring_add(&r, IORING_OP_NOP, -1);
	ring_word(&r, r.p.sq_off.array)[0] = 0xfffffff0;
	CHECK_EQ(ring_submit(&r, 0), 0);
	CHECK_EQ(*ring_word(&r, r.p.sq_off.dropped), 1);
	CHECK_EQ(*ring_word(&r, r.p.sq_off.head), 1);
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 5;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 5), 0);
	/* A head that is ahead of the tail, masks and sizes that are not so. */
	*ring_word(&r, r.p.sq_off.ring_mask) = 0xffffffff;
	*ring_word(&r, r.p.cq_off.ring_mask) = 0xffffffff;
	*ring_word(&r, r.p.sq_off.ring_entries) = 0xffffffff;
	*ring_word(&r, r.p.cq_off.ring_entries) = 0;
	*ring_word(&r, r.p.sq_off.head) = 77;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 6;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 6), 0);
	ring_close(&r);
}

/* A descriptor is looked up when its turn comes; what cannot be right breaks the chain at once. */
static void chains(void)
{
	const int expected[6] = { 0, -EBADF, -ECANCELED, -ECANCELED, -EINVAL, -ECANCELED };
	int results[6] = { 0 };
	struct ring r;

	ring_open(&r, 8, 0);
	for (unsigned i = 0; i < 6; i++) {
		bool bad = i == 1 || i == 4;
		struct io_uring_sqe *s = ring_add(&r, bad ? IORING_OP_READ : IORING_OP_NOP, -1);

		s->user_data = i + 1;
		s->flags = i % 3 < 2 ? IOSQE_IO_LINK : 0;
		if (i == 4)
			s->flags |= 0x80;
	}
	CHECK_EQ(ring_submit(&r, 6), 6);
	for (unsigned i = 0; i < 6; i++) {
		int res = ring_take(&r);

		results[r.last_data - 1] = res;
	}
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(results[i], expected[i]);
	ring_close(&r);
}

/* A chain that breaks when it runs: a read that is short, at the end of a file. */
static void broken_chain(unsigned link, int expected)
{
	struct ring r;
	char byte;
	int fd = open("/dev/null", O_RDONLY);

	ring_open(&r, 8, 0);
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 1;
	r.sqes[0].flags = IOSQE_IO_LINK;
	ring_add_rw(&r, IORING_OP_READ, fd, &byte, 1)->user_data = 2;
	r.sqes[1].flags = (unsigned char)link;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 3;
	r.sqes[2].flags = IOSQE_IO_LINK;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 4;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 5;
	CHECK_EQ(ring_submit(&r, 5), 5);
	for (int i = 0; i < 5; i++) {
		int res = ring_take(&r);
		bool behind = r.last_data == 3 || r.last_data == 4;

		CHECK_EQ(res, behind ? expected : 0);
	}
	close(fd);
	ring_close(&r);
}

static void skipped(void)
{
	struct ring r;
	char byte;
	int fd = open("/dev/null", O_RDONLY);

	ring_open(&r, 8, 0);
	ring_add(&r, IORING_OP_NOP, -1)->flags = IOSQE_CQE_SKIP_SUCCESS;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 2;
	CHECK_EQ(ring_submit(&r, 1), 2);
	CHECK_EQ(ring_result(&r, 2), 0);
	CHECK_EQ(ring_ready(&r), 0);
	/* A failure is told, and what is cancelled behind it is not. */
	ring_add_rw(&r, IORING_OP_READ, fd, &byte, 1)->user_data = 3;
	r.sqes[2].flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 4;
	CHECK_EQ(ring_submit(&r, 1), 2);
	CHECK_EQ(ring_result(&r, 3), 0);
	CHECK_EQ(ring_ready(&r), 0);
	close(fd);
	ring_close(&r);
}

/* One that drains waits for those before it, and those behind it wait for it. */
static void drains(void)
{
	struct ring r;
	int fds[2];
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 2;
	r.sqes[1].flags = IOSQE_IO_DRAIN;
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 3;
	CHECK_EQ(ring_submit(&r, 0), 3);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(ring_result(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 2), 0);
	CHECK_EQ(ring_result(&r, 3), 0);
	close(fds[0]);
	close(fds[1]);
	ring_close(&r);
}

static void overflow(void)
{
	struct ring r;

	ring_open(&r, 4, 0); /* 8 completions */
	for (unsigned i = 0; i < 12; i++) {
		ring_add(&r, IORING_OP_NOP, -1)->user_data = i;
		CHECK_EQ(ring_submit(&r, 0), 1);
	}
	CHECK_EQ(ring_ready(&r), 8);
	CHECK((*ring_word(&r, r.p.sq_off.flags) & IORING_SQ_CQ_OVERFLOW) != 0);
	CHECK_EQ(*ring_word(&r, r.p.cq_off.overflow), 0);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(ring_result(&r, i), 0);
	CHECK_EQ(ring_ready(&r), 0);
	CHECK_EQ(uring_enter(r.fd, 0, 1, IORING_ENTER_GETEVENTS), 0);
	CHECK_EQ(ring_ready(&r), 4);
	CHECK((*ring_word(&r, r.p.sq_off.flags) & IORING_SQ_CQ_OVERFLOW) == 0);
	for (unsigned i = 8; i < 12; i++)
		CHECK_EQ(ring_result(&r, i), 0);
	ring_close(&r);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void waiting(void)
{
	struct __kernel_timespec ts = { .tv_nsec = 2000000 };
	struct io_uring_getevents_arg arg = { .ts = (unsigned long)&ts };
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval timer = { .it_value.tv_usec = 5000 }, off = { 0 };
	const unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	struct ring r;

	ring_open(&r, 4, 0);
	CHECK_ERR(syscall(__NR_io_uring_enter, r.fd, 0, 1, flags, &arg, sizeof(arg)), ETIME);
	CHECK_ERR(syscall(__NR_io_uring_enter, r.fd, 0, 1, flags, &arg, 3), EINVAL);
	CHECK_ERR(syscall(__NR_io_uring_enter, r.fd, 0, 1, flags, NULL, sizeof(arg)), EFAULT);
	CHECK_EQ(syscall(__NR_io_uring_enter, r.fd, 0, 0, flags, &arg, sizeof(arg)), 0);
	timer.it_interval = timer.it_value;
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	CHECK_ERR(uring_enter(r.fd, 0, 1, IORING_ENTER_GETEVENTS), EINTR);
	setitimer(ITIMER_REAL, &off, NULL);
	ring_close(&r);
}

static void polled(void)
{
	struct epoll_event e = { .events = EPOLLIN }, out;
	struct ring r;
	struct pollfd p;
	int ep = epoll_create1(0);

	ring_open(&r, 4, 0);
	p = (struct pollfd){ .fd = r.fd, .events = POLLIN | POLLOUT };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, r.fd, &e), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(epoll_wait(ep, &out, 1, -1), 1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
	CHECK_EQ(ring_take(&r), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	close(ep);
	ring_close(&r);
}

/* Completions come though the program never enters the kernel for them. */
static void without_entering(void)
{
	struct epoll_event e = { .events = EPOLLIN }, out;
	struct ring r;
	int ep = epoll_create1(0), fds[2];
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 4, 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, r.fd, &e), 0);
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 1;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(epoll_wait(ep, &out, 1, -1), 1);
	CHECK_EQ(ring_ready(&r), 1);
	CHECK_EQ(ring_result(&r, 1), 1);
	/* And by looking at the ring's memory alone. */
	ring_add_rw(&r, IORING_OP_READ, fds[0], &byte, 1)->user_data = 2;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	while (ring_ready(&r) == 0)
		sched_yield();
	CHECK_EQ(ring_result(&r, 2), 1);
	close(fds[0]);
	close(fds[1]);
	close(ep);
	ring_close(&r);
}

int main(void)
{
	setup_errors();
	setup_sizes();
	enter_errors();
	nops(0);
	nops(IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	nops(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	nops(IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
	two_mappings();
	bad_entries();
	device_polling();
	wild_indices();
	chains();
	broken_chain(IOSQE_IO_LINK, -ECANCELED);
	broken_chain(IOSQE_IO_HARDLINK, 0);
	skipped();
	drains();
	overflow();
	waiting();
	polled();
	without_entering();
	return check_done();
}
