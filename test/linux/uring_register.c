/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring_register(2), and what one ring sends to another. */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "uring.h"

static void eventfds(void)
{
	unsigned long long n;
	struct ring r;
	int fd = eventfd(0, EFD_NONBLOCK), bad = open("/dev/null", O_RDONLY);

	ring_open(&r, 8, 0);
	CHECK_ERR(uring_register(r.fd, IORING_UNREGISTER_EVENTFD, NULL, 0), ENXIO);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_EVENTFD, &bad, 1), EINVAL);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_EVENTFD, &fd, 2), EINVAL);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_EVENTFD, &fd, 1), 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_EVENTFD, &fd, 1), EBUSY);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(ring_do(&r), 0);
	CHECK_EQ(read(fd, &n, 8), 8);
	*ring_word(&r, r.p.cq_off.flags) = IORING_CQ_EVENTFD_DISABLED;
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(ring_do(&r), 0);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	*ring_word(&r, r.p.cq_off.flags) = 0;
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_EVENTFD, NULL, 0), 0);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(ring_do(&r), 0);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	close(fd);
	close(bad);
	ring_close(&r);
}

static void probes(void)
{
	static const unsigned char known[] = {
		IORING_OP_NOP,     IORING_OP_READV,  IORING_OP_FSYNC,    IORING_OP_POLL_ADD,
		IORING_OP_SENDMSG, IORING_OP_ACCEPT, IORING_OP_TIMEOUT,  IORING_OP_OPENAT,
		IORING_OP_RECV,    IORING_OP_SPLICE, IORING_OP_MSG_RING, IORING_OP_SOCKET,
	};
	struct {
		struct io_uring_probe head;
		struct io_uring_probe_op ops[256];
	} p;
	struct ring r;

	ring_open(&r, 8, 0);
	memset(&p, 0, sizeof(p));
	p.head.last_op = 3;
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_PROBE, &p, 256), EINVAL);
	memset(&p, 0, sizeof(p));
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_PROBE, &p, 256), 0);
	CHECK(p.head.last_op >= IORING_OP_SOCKET);
	for (unsigned i = 0; i < sizeof(known); i++)
		CHECK((p.ops[known[i]].flags & IO_URING_OP_SUPPORTED) != 0);
	CHECK_ERR(uring_register(r.fd, 200, NULL, 0), EINVAL);
	CHECK_ERR(uring_register(999, IORING_REGISTER_PROBE, &p, 256), EBADF);
	CHECK_ERR(uring_register(0, IORING_REGISTER_PROBE, &p, 256), EOPNOTSUPP);
	ring_close(&r);
}

static void personalities(void)
{
	struct ring r;
	int id;

	ring_open(&r, 8, 0);
	id = uring_register(r.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
	CHECK(id > 0);
	ring_add(&r, IORING_OP_NOP, -1)->personality = (unsigned short)id;
	CHECK_EQ(ring_do(&r), 0);
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_PERSONALITY, NULL, (unsigned)id), 0);
	CHECK_ERR(uring_register(r.fd, IORING_UNREGISTER_PERSONALITY, NULL, (unsigned)id), EINVAL);
	ring_add(&r, IORING_OP_NOP, -1)->personality = (unsigned short)id;
	CHECK_EQ(ring_do(&r), -EINVAL);
	ring_close(&r);
}

static void restrictions(void)
{
	struct io_uring_restriction x[3] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
		  .register_op = IORING_REGISTER_PERSONALITY },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_ASYNC },
	};
	struct ring r;
	int fd = eventfd(0, 0);

	ring_open(&r, 8, 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_RESTRICTIONS, x, 3), EBADFD);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0), EBADFD);
	ring_close(&r);
	ring_open(&r, 8, IORING_SETUP_R_DISABLED);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_ERR(uring_enter(r.fd, 1, 1, IORING_ENTER_GETEVENTS), EBADFD);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_RESTRICTIONS, x, 3), 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_RESTRICTIONS, x, 3), EBUSY);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0), 0);
	CHECK_EQ(ring_do(&r), 0);
	ring_add(&r, IORING_OP_FSYNC, 0);
	CHECK_EQ(ring_do(&r), -EACCES);
	ring_add(&r, IORING_OP_NOP, -1)->flags = IOSQE_IO_DRAIN;
	CHECK_EQ(ring_do(&r), -EACCES);
	ring_add(&r, IORING_OP_NOP, -1)->flags = IOSQE_ASYNC;
	CHECK_EQ(ring_do(&r), 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_EVENTFD, &fd, 1), EACCES);
	CHECK(uring_register(r.fd, IORING_REGISTER_PERSONALITY, NULL, 0) > 0);
	close(fd);
	ring_close(&r);
}

static void ring_descriptors(void)
{
	struct io_uring_rsrc_update u = { .offset = ~0u };
	struct ring r;

	ring_open(&r, 8, 0);
	u.data = (unsigned)r.fd;
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_RING_FDS, &u, 1), 1);
	CHECK(u.offset < 16);
	CHECK_EQ(uring_enter((int)u.offset, 0, 0, IORING_ENTER_REGISTERED_RING), 0);
	ring_add(&r, IORING_OP_NOP, -1);
	CHECK_EQ(uring_enter((int)u.offset, 1, 1,
			     IORING_ENTER_REGISTERED_RING | IORING_ENTER_GETEVENTS),
		 1);
	r.nr_added = 0;
	CHECK_EQ(ring_take(&r), 0);
	u.data = 0;
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_RING_FDS, &u, 1), 1);
	CHECK_ERR(uring_enter((int)u.offset, 0, 0, IORING_ENTER_REGISTERED_RING), EBADF);
	ring_close(&r);
}

/* With tags: when a file or buffer is given up, a completion says so. */
static void tags(void)
{
	unsigned long long tag = 77;
	struct io_uring_rsrc_register reg = { .nr = 1, .tags = (unsigned long)&tag };
	struct io_uring_rsrc_register sparse = { .nr = 4, .flags = IORING_RSRC_REGISTER_SPARSE };
	struct io_uring_file_index_range range = { .off = 2, .len = 2 };
	struct ring r;
	int fd = open("/dev/null", O_RDONLY);

	ring_open(&r, 8, 0);
	reg.data = (unsigned long)&fd;
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_FILES2, &reg, 3), EINVAL);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_FILES2, &reg, sizeof(reg)), 0);
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_FILES, NULL, 0), 0);
	CHECK_EQ(ring_result(&r, 77), 0);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_FILES2, &sparse, sizeof(sparse)), 0);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_FILE_ALLOC_RANGE, &range, 0), 0);
	for (int i = 0; i < 3; i++) {
		struct io_uring_sqe *s = ring_add_rw(&r, IORING_OP_OPENAT, -100, "/dev/null", 0);

		s->off = 0;
		s->file_index = IORING_FILE_INDEX_ALLOC;
		CHECK_EQ(ring_do(&r), i < 2 ? 2 + i : -ENFILE);
	}
	range.len = 3;
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_FILE_ALLOC_RANGE, &range, 0), EINVAL);
	close(fd);
	ring_close(&r);
}

static void workers(void)
{
	unsigned n[2] = { 5, 7 };
	struct ring r;

	ring_open(&r, 8, 0);
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, n, 2), 0);
	n[0] = n[1] = 0;
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, n, 2), 0);
	CHECK_EQ(n[0], 5);
	CHECK_EQ(n[1], 7);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, n, 1), EINVAL);
	ring_close(&r);
}

static void to_another_ring(void)
{
	struct io_uring_sqe *s;
	struct ring a, b;
	char byte;
	int fds[2] = { open("/dev/zero", O_RDONLY), -1 };

	ring_open(&a, 8, 0);
	ring_open(&b, 8, 0);
	s = ring_add(&a, IORING_OP_MSG_RING, b.fd);
	s->off = 1234;
	s->len = 99;
	CHECK_EQ(ring_do(&a), 0);
	CHECK_EQ(ring_result(&b, 1234), 99);
	ring_add(&a, IORING_OP_MSG_RING, fds[0]);
	CHECK_EQ(ring_do(&a), -EBADFD);
	/* A registered file. */
	CHECK_EQ(uring_register(a.fd, IORING_REGISTER_FILES, fds, 1), 0);
	CHECK_EQ(uring_register(b.fd, IORING_REGISTER_FILES, fds + 1, 1), 0);
	s = ring_add(&a, IORING_OP_MSG_RING, b.fd);
	s->addr = IORING_MSG_SEND_FD;
	s->off = 55;
	s->file_index = 1;
	CHECK_EQ(ring_do(&a), 0);
	CHECK_EQ(ring_result(&b, 55), 0);
	s = ring_add_rw(&b, IORING_OP_READ, 0, &byte, 1);
	s->flags = IOSQE_FIXED_FILE;
	CHECK_EQ(ring_do(&b), 1);
	close(fds[0]);
	ring_close(&a);
	ring_close(&b);
}

static void epoll_control(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 5 }, out;
	unsigned long long n = 1;
	struct io_uring_sqe *s;
	struct ring r;
	int ep = epoll_create1(0), fd = eventfd(0, 0);

	ring_open(&r, 8, 0);
	s = ring_add(&r, IORING_OP_EPOLL_CTL, ep);
	s->off = (unsigned)fd;
	s->len = EPOLL_CTL_ADD;
	s->addr = (unsigned long)&e;
	CHECK_EQ(ring_do(&r), 0);
	CHECK_EQ(write(fd, &n, 8), 8);
	CHECK_EQ(epoll_wait(ep, &out, 1, -1), 1);
	CHECK_EQ(out.data.u32, 5);
	close(ep);
	close(fd);
	ring_close(&r);
}

int main(void)
{
	eventfds();
	probes();
	personalities();
	restrictions();
	ring_descriptors();
	tags();
	workers();
	to_another_ring();
	epoll_control();
	return check_done();
}
