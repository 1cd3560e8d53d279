/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring(7) by bare system calls: a ring mapped, entries filled in, completions taken out.
 *
 *	struct ring r;
 *	ring_open(&r, 8, 0);
 *	ring_add(&r, IORING_OP_NOP, -1)->user_data = 7;
 *	ring_submit(&r, 1);			1: waits for one completion
 *	CHECK_EQ(ring_result(&r, 7), 0);	takes the next, checks its user_data
 */
#pragma once
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;
	size_t rings_len;
	struct io_uring_sqe *sqes;
	unsigned nr_added;
	unsigned last_flags; /* of the completion that was taken last */
	unsigned long long last_data;
};

static inline int uring_setup(unsigned entries, struct io_uring_params *p)
{
	return (int)syscall(__NR_io_uring_setup, entries, p);
}

static inline int uring_enter(int fd, unsigned submit, unsigned complete, unsigned flags)
{
	return (int)syscall(__NR_io_uring_enter, fd, submit, complete, flags, NULL, 0);
}

static inline int uring_register(int fd, unsigned op, const void *arg, unsigned nr)
{
	return (int)syscall(__NR_io_uring_register, fd, op, arg, nr);
}

static inline unsigned *ring_word(const struct ring *r, unsigned at)
{
	return (unsigned *)(r->rings + at);
}

static inline int ring_open_with(struct ring *r, unsigned entries, struct io_uring_params *p)
{
	size_t cqe = p->flags & IORING_SETUP_CQE32 ? 32 : 16;

	memset(r, 0, sizeof(*r));
	r->fd = uring_setup(entries, p);
	if (r->fd < 0)
		return -1;
	r->p = *p;
	r->rings_len = p->cq_off.cqes + p->cq_entries * cqe;
	if (r->rings_len < p->sq_off.array + p->sq_entries * 4)
		r->rings_len = p->sq_off.array + p->sq_entries * 4;
	r->rings = mmap(NULL, r->rings_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, p->sq_entries * (p->flags & IORING_SETUP_SQE128 ? 128 : 64),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	return r->rings == MAP_FAILED || r->sqes == MAP_FAILED ? -1 : 0;
}

static inline void ring_open(struct ring *r, unsigned entries, unsigned flags)
{
	struct io_uring_params p = { .flags = flags };

	if (ring_open_with(r, entries, &p) != 0) {
		printf("FAIL io_uring_setup: %s\n", strerror(errno));
		exit(1);
	}
}

static inline void ring_close(struct ring *r)
{
	munmap(r->rings, r->rings_len);
	munmap(r->sqes, r->p.sq_entries * (r->p.flags & IORING_SETUP_SQE128 ? 128 : 64));
	close(r->fd);
}

/* The next entry, in the ring already but seen by the kernel only with ring_submit(). */
static inline struct io_uring_sqe *ring_add(struct ring *r, int op, int fd)
{
	unsigned tail = *ring_word(r, r->p.sq_off.tail), idx = tail & (r->p.sq_entries - 1);
	size_t step = r->p.flags & IORING_SETUP_SQE128 ? 2 : 1;
	struct io_uring_sqe *sqe = r->sqes + idx * step;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = (unsigned char)op;
	sqe->fd = fd;
	ring_word(r, r->p.sq_off.array)[idx] = idx;
	__atomic_store_n(ring_word(r, r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	r->nr_added++;
	return sqe;
}

/* The same for what moves bytes. */
static inline struct io_uring_sqe *ring_add_rw(struct ring *r, int op, int fd, const void *buf,
					       unsigned len)
{
	struct io_uring_sqe *sqe = ring_add(r, op, fd);

	sqe->addr = (unsigned long)buf;
	sqe->len = len;
	sqe->off = (unsigned long long)-1;
	return sqe;
}

static inline int ring_submit(struct ring *r, unsigned wait)
{
	unsigned nr = r->nr_added;

	r->nr_added = 0;
	return uring_enter(r->fd, nr, wait, wait != 0 ? IORING_ENTER_GETEVENTS : 0);
}

static inline unsigned ring_ready(const struct ring *r)
{
	return __atomic_load_n(ring_word(r, r->p.cq_off.tail), __ATOMIC_ACQUIRE) -
	       *ring_word(r, r->p.cq_off.head);
}

/* Takes a completion, waiting for it. */
static inline int ring_take(struct ring *r)
{
	unsigned head = *ring_word(r, r->p.cq_off.head);
	size_t size = r->p.flags & IORING_SETUP_CQE32 ? 32 : 16;
	struct io_uring_cqe *cqe;
	int res;

	while (ring_ready(r) == 0)
		if (uring_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS) < 0 && errno != EINTR)
			return -4095;
	cqe = (struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes +
				      (head & (r->p.cq_entries - 1)) * size);
	res = cqe->res;
	r->last_flags = cqe->flags;
	r->last_data = cqe->user_data;
	__atomic_store_n(ring_word(r, r->p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return res;
}

/* The result of the next completion, which must be this one. */
#define ring_result(r, data) \
	({ \
		int ring_res = ring_take(r); \
		CHECK_EQ((r)->last_data, data); \
		ring_res; \
	})
/* One entry alone: submitted and awaited. */
#define ring_do(r) (ring_submit(r, 1), ring_take(r))
