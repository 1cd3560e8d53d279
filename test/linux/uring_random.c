/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring(7): entries at random, with flags, chains and buffers at random, on files that wait for
 * each other; two threads write into the ring. Each round is a process with a seed, which ends with
 * whatever is under way: nothing may hang or crash.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "child.h"
#include "uring.h"

#define ROUNDS  24
#define STEPS   400
#define NR_FDS  12
#define ENTRIES 16

static int fds[NR_FDS];
static char memory[65536];
static unsigned long long state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % n;
}

static void open_all(const struct ring *r)
{
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds + 4), 0);
	fds[6] = eventfd(1, 0);
	fds[7] = open("file", O_RDWR | O_CREAT, 0644);
	fds[8] = epoll_create1(0);
	fds[9] = r->fd;
	fds[10] = -1;
	fds[11] = 999;
}

static unsigned long long address(void)
{
	static const char *const names[] = { "file", "dir", "other", "" };

	switch (pick(6)) {
	case 0:
		return (unsigned long)names[pick(4)];
	case 1:
		return 0;
	case 2:
		return pick(100);
	default:
		return (unsigned long)(memory + pick(4096) * 8);
	}
}

static void fill(struct ring *r, struct io_uring_sqe *s)
{
	s->flags = pick(4) == 0 ? (unsigned char)pick(128) : (unsigned char)(pick(2) * 4);
	s->ioprio = pick(4) == 0 ? (unsigned short)pick(8) : 0;
	s->off = pick(2) == 0 ? 0 : pick(3) == 0 ? (unsigned long long)-1 : address();
	s->addr = address();
	s->len = pick(3) == 0 ? 1 : pick(100);
	s->rw_flags = pick(4) == 0 ? (int)pick(64) : 0;
	s->user_data = pick(8);
	s->buf_index = (unsigned short)(pick(4) == 0 ? pick(4) : 0);
	s->file_index = pick(4) == 0 ? pick(6) : 0;
	if (s->opcode == IORING_OP_TIMEOUT || s->opcode == IORING_OP_LINK_TIMEOUT)
		s->len = 1;
	if (s->opcode == IORING_OP_POLL_ADD || s->opcode == IORING_OP_NOP)
		s->off = s->addr = s->len = s->buf_index = 0;
	if (s->opcode == IORING_OP_OPENAT)
		s->open_flags = O_RDWR;
	(void)r;
}

static void add_random(struct ring *r)
{
	struct io_uring_sqe *s;
	int op = (int)pick(IORING_OP_SOCKET + 3);

	if (op == IORING_OP_MADVISE) /* could take away what this program stands on */
		op = IORING_OP_NOP;
	s = ring_add(r, op, fds[pick(NR_FDS)]);
	fill(r, s);
}

static void *scribble(void *arg)
{
	struct ring *r = arg;
	char byte[8] = { 1 };

	for (unsigned i = 0; i < STEPS; i++) {
		*(volatile unsigned *)ring_word(r, r->p.cq_off.head) = i * 7919;
		r->sqes[i % ENTRIES].opcode = (unsigned char)(i % 40 == IORING_OP_MADVISE ? 0
											  : i % 40);
		if (write(fds[6], byte, 8) < 0)
			break;
		child_pause_ms(0);
	}
	return NULL;
}

static int round_of(void *arg)
{
	int table[4] = { -1, -1, -1, -1 };
	struct ring r;
	pthread_t t;

	state = (unsigned long)arg;
	signal(SIGPIPE, SIG_IGN);
	ring_open(&r, ENTRIES, 0);
	open_all(&r);
	fcntl(fds[6], F_SETFL, O_NONBLOCK);
	uring_register(r.fd, IORING_REGISTER_FILES, table, 4);
	if (pthread_create(&t, NULL, scribble, &r) != 0)
		return 2;
	for (int i = 0; i < STEPS; i++) {
		for (unsigned n = 1 + pick(4); n > 0; n--)
			add_random(&r);
		ring_submit(&r, 0);
		uring_enter(r.fd, 0, 0, IORING_ENTER_GETEVENTS);
		if (pick(8) == 0 && write(fds[1], memory, 1) < 0)
			fds[1] = -1;
	}
	return 0;
}

int main(void)
{
	scratch_enter();
	for (unsigned long i = 1; i <= ROUNDS; i++) {
		int status = child_run(round_of, (void *)i);

		CHECK(status == 0 || status == 1000 + SIGSEGV); /* it may overwrite itself */
	}
	return check_done();
}
