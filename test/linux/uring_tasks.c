/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring(7) and processes and threads: rings that are inherited, tasks that end with requests
 * under way, exec, many threads on one ring and on their own. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "child.h"
#include "uring.h"

#define THREADS 4
#define ROUNDS  200

/* Reads that will never be served, a poll, a time-out, and one that opens a FIFO. */
static void leave_behind(struct ring *r, const int fds[2])
{
	static const struct {
		long long sec, nsec;
	} late = { 1000, 0 };
	static char bytes[4];
	struct io_uring_sqe *s;

	for (int i = 0; i < 2; i++)
		ring_add_rw(r, IORING_OP_READ, fds[0], bytes + i, 1)->user_data = 1;
	ring_add(r, IORING_OP_POLL_ADD, fds[0])->poll32_events = 1;
	s = ring_add(r, IORING_OP_TIMEOUT, -1);
	s->addr = (unsigned long)&late;
	s->len = 1;
	s = ring_add_rw(r, IORING_OP_OPENAT, AT_FDCWD, "fifo", 0);
	s->off = 0;
	s->open_flags = O_RDONLY;
	s->flags = IOSQE_ASYNC; /* or Linux opens it as with O_NONBLOCK */
	ring_add_rw(r, IORING_OP_READ, fds[0], bytes + 2, 1)->flags = IOSQE_ASYNC;
	CHECK_EQ(ring_submit(r, 0), 6);
}

static int end_with_requests(void *arg)
{
	int fds[2];
	struct ring r;

	(void)arg;
	if (pipe(fds) != 0)
		return 2;
	ring_open(&r, 8, 0);
	leave_behind(&r, fds);
	return 0;
}

static int exec_with_requests(void *arg)
{
	char *argv[] = { "true", NULL };
	int fds[2];
	struct ring r;

	(void)arg;
	if (pipe(fds) != 0)
		return 2;
	ring_open(&r, 8, 0);
	leave_behind(&r, fds);
	execv("/bin/true", argv);
	return 3;
}

static int killed_in_wait(void *arg)
{
	int fds[2];
	struct ring r;

	if (pipe(fds) != 0)
		return 2;
	ring_open(&r, 8, 0);
	leave_behind(&r, fds);
	if (write(*(int *)arg, "x", 1) != 1)
		return 4;
	while (ring_ready(&r) == 0)
		uring_enter(r.fd, 0, 1, IORING_ENTER_GETEVENTS);
	return 3;
}

static void ends(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_EQ(child_run(end_with_requests, NULL), 0);
	CHECK_EQ(child_run(exec_with_requests, NULL), 0);
	pid = child_start(killed_in_wait, &fds[1]);
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(child_wait(pid), 1009);
	close(fds[0]);
	close(fds[1]);
}

/* The ring's last descriptor goes: its requests leave the file alone. */
static void closed(void)
{
	int fds[2], nr_lost = -1;
	struct ring r;
	ssize_t n;
	char byte;

	CHECK_EQ(pipe(fds), 0);
	ring_open(&r, 8, 0);
	leave_behind(&r, fds);
	ring_close(&r);
	CHECK_EQ(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	do {
		CHECK_EQ(write(fds[1], "x", 1), 1);
		n = read(fds[0], &byte, 1);
		nr_lost++;
	} while (n == -1 && errno == EAGAIN);
	CHECK_EQ(n, 1);
	/* Linux cancels them by and by; Hull at once, but for one that a worker has begun. */
	CHECK(nr_lost <= 1 || !check_in_hull());
	close(fds[0]);
	close(fds[1]);
}

static int use_inherited(void *arg)
{
	struct ring *r = arg;

	ring_add(r, IORING_OP_NOP, -1)->user_data = 5;
	return ring_submit(r, 0) == 1 ? 0 : 1;
}

static void inherited(void)
{
	struct ring r;

	ring_open(&r, 8, 0);
	CHECK_EQ(child_run(use_inherited, &r), 0);
	CHECK_EQ(ring_result(&r, 5), 0);
	ring_close(&r);
}

static int single_issuer_child(void *arg)
{
	struct ring *r = arg;

	ring_add(r, IORING_OP_NOP, -1);
	return ring_submit(r, 0) == -1 && errno == EEXIST ? 0 : 1;
}

static void single_issuer(void)
{
	struct ring r;

	ring_open(&r, 8, IORING_SETUP_SINGLE_ISSUER);
	CHECK_EQ(child_run(single_issuer_child, &r), 0);
	ring_close(&r);
}

/* A thread ends, and its requests with it, by some Linux versions at once; the ring goes on. */
static int left[2];

static void *submit_and_end(void *arg)
{
	static char byte;
	struct ring *r = arg;

	ring_add_rw(r, IORING_OP_READ, left[0], &byte, 1)->user_data = 8;
	ring_submit(r, 0);
	return NULL;
}

static void thread_ends(void)
{
	struct ring r;
	pthread_t t;
	int result;

	CHECK_EQ(pipe(left), 0);
	ring_open(&r, 8, 0);
	CHECK_EQ(pthread_create(&t, NULL, submit_and_end, &r), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close(left[1]);
	result = ring_result(&r, 8);
	CHECK(result == -ECANCELED || result == 0);
	close(left[0]);
	ring_add(&r, IORING_OP_NOP, -1)->user_data = 9;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 9), 0);
	ring_close(&r);
}

/* Two threads play ball through rings of their own. */
struct player {
	int fd;
	long nr_wrong;
};

static void *play(void *arg)
{
	struct player *p = arg;
	struct ring r;

	ring_open(&r, 8, 0);
	for (int i = 0; i < ROUNDS; i++) {
		char out = (char)i, in = -1;

		ring_add_rw(&r, IORING_OP_RECV, p->fd, &in, 1)->off = 0;
		ring_submit(&r, 0);
		ring_add_rw(&r, IORING_OP_SEND, p->fd, &out, 1)->off = 0;
		ring_submit(&r, 2);
		p->nr_wrong += ring_take(&r) != 1;
		p->nr_wrong += ring_take(&r) != 1;
		p->nr_wrong += in != out;
	}
	ring_close(&r);
	return NULL;
}

static void ball(void)
{
	struct player p[2 * THREADS];
	pthread_t t[2 * THREADS];

	for (int i = 0; i < THREADS; i++) {
		int sv[2];

		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		p[2 * i] = (struct player){ sv[0], 0 };
		p[2 * i + 1] = (struct player){ sv[1], 0 };
	}
	for (int i = 0; i < 2 * THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, play, &p[i]), 0);
	for (int i = 0; i < 2 * THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(p[i].nr_wrong, 0);
		close(p[i].fd);
	}
}

/* Requests are armed, woken and cancelled all at once; each completes once. */
static void *wake_all(void *arg)
{
	unsigned long long n = 1;

	for (int i = 0; i < ROUNDS; i++) {
		if (write(*(int *)arg, &n, 8) != 8)
			break;
		sched_yield();
	}
	return NULL;
}

static void races(void)
{
	int fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK), nr_done = 0, nr_wrong = 0;
	struct ring r;
	pthread_t t;

	ring_open(&r, 32, 0);
	CHECK_EQ(pthread_create(&t, NULL, wake_all, &fd), 0);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned long long n[4];

		for (unsigned k = 0; k < 4; k++)
			ring_add_rw(&r, IORING_OP_READ, fd, &n[k], 8)->user_data = 1 + k;
		ring_submit(&r, 0);
		for (unsigned k = 0; k < 4; k++) {
			struct io_uring_sqe *s = ring_add(&r, IORING_OP_ASYNC_CANCEL, -1);

			s->addr = 1 + k;
			s->user_data = 100;
		}
		ring_submit(&r, 0);
		for (int k = 0; k < 8; k++) {
			int res = ring_take(&r);

			if (r.last_data == 100)
				nr_wrong += res != 0 && res != -ENOENT && res != -EALREADY;
			else
				nr_wrong += res != 8 && res != -ECANCELED && res != -EINTR;
			nr_done++;
		}
		nr_wrong += ring_ready(&r) != 0;
	}
	pthread_join(t, NULL);
	CHECK_EQ(nr_wrong, 0);
	CHECK_EQ(nr_done, 8 * ROUNDS);
	close(fd);
	ring_close(&r);
}

static int enough;

static void *wake_on(void *arg)
{
	unsigned long long n = 1;

	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED) && write(*(int *)arg, &n, 8) == 8)
		sched_yield();
	return NULL;
}

/* The same of one with many completions: it goes on until it is cancelled, and then ends. */
static void races_of_many(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), nr_wrong = 0;
	struct ring r;
	pthread_t t;

	ring_open(&r, 32, 0);
	CHECK_EQ(pthread_create(&t, NULL, wake_on, &fd), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct io_uring_sqe *s = ring_add(&r, IORING_OP_POLL_ADD, fd);

		s->poll32_events = POLLIN;
		s->len = IORING_POLL_ADD_MULTI;
		s->user_data = 1;
		ring_submit(&r, 0);
		while (ring_ready(&r) < 2)
			sched_yield();
		s = ring_add(&r, IORING_OP_ASYNC_CANCEL, -1);
		s->addr = 1;
		s->user_data = 100;
		ring_submit(&r, 0);
		for (int nr_ended = 0; nr_ended < 2;) {
			int res = ring_take(&r);

			if ((r.last_flags & IORING_CQE_F_MORE) != 0) {
				nr_wrong += res != POLLIN;
				continue;
			}
			nr_wrong += res != (r.last_data == 100 ? 0 : -ECANCELED);
			nr_ended++;
		}
		nr_wrong += ring_ready(&r) != 0;
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CHECK_EQ(nr_wrong, 0);
	close(fd);
	ring_close(&r);
}

static void described(void)
{
	char path[64], text[1024] = "";
	struct ring r;
	FILE *f;

	ring_open(&r, 8, 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", r.fd);
	f = fopen(path, "r");
	CHECK(f != NULL && fread(text, 1, sizeof(text) - 1, f) > 0);
	CHECK(strstr(text, "SqMask:\t0x7\n") != NULL);
	CHECK(strstr(text, "CqMask:\t0xf\n") != NULL);
	fclose(f);
	memset(text, 0, sizeof(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r.fd);
	CHECK(readlink(path, text, sizeof(text) - 1) > 0);
	CHECK_STR(text, "anon_inode:[io_uring]");
	ring_close(&r);
}

int main(void)
{
	scratch_enter();
	ends();
	closed();
	inherited();
	single_issuer();
	thread_ends();
	ball();
	races();
	races_of_many();
	described();
	return check_done();
}
