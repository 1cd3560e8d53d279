/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation fails once: io_uring(7), its rings, requests, workers and registered things. */
#include <arpa/inet.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fail.h"
#include "uring.h"

static char bytes[64 * 1024];
static struct ring r;

static int opened(unsigned flags)
{
	struct io_uring_params p = { .flags = flags };
	int err = fail_done(ring_open_with(&r, 8, &p));

	if (err != 0 && r.fd >= 0)
		close(r.fd); /* it could not be mapped */
	return err;
}

/* What was added is submitted; the result of the first completion. */
static int go(void)
{
	int n = ring_submit(&r, 1);

	return n < 0 ? -errno : n == 0 ? -EAGAIN : ring_take(&r);
}

static int expect(int result, int wanted)
{
	return result == wanted ? 0 : result < 0 ? result : -ENOMEM;
}

/* The same of a system call. */
static int expect_call(ssize_t result, int wanted)
{
	return expect(result < 0 ? -errno : (int)result, wanted);
}

static int registered(unsigned op, const void *arg, unsigned nr)
{
	return fail_done(uring_register(r.fd, op, arg, nr));
}

static int run_ring(void)
{
	int err = opened(0);

	if (err != 0)
		return err;
	ring_add(&r, IORING_OP_NOP, -1);
	err = go();
	ring_close(&r);
	return err;
}

static int run_files(void)
{
	int err = opened(0), fd;

	if (err != 0)
		return err;
	ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "file", 0600)->open_flags = O_RDWR | O_CREAT;
	fd = go();
	err = fd < 0 ? fd : 0;
	if (err == 0) {
		ring_add_rw(&r, IORING_OP_WRITE, fd, bytes, 10000)->off = 0;
		err = expect(go(), 10000);
	}
	if (err == 0) {
		ring_add_rw(&r, IORING_OP_READ, fd, bytes, 10000)->off = 0;
		err = expect(go(), 10000);
	}
	if (err == 0) {
		ring_add(&r, IORING_OP_FSYNC, fd);
		err = go();
	}
	if (err == 0) {
		struct io_uring_sqe *s = ring_add(&r, IORING_OP_STATX, AT_FDCWD);

		s->addr = (unsigned long)"file";
		s->len = STATX_SIZE;
		s->off = (unsigned long)bytes;
		err = go();
	}
	if (fd >= 0)
		close(fd);
	ring_close(&r);
	return err;
}

/* By workers, which are threads. */
static int run_workers(void)
{
	int err = opened(0), fds[2];

	if (err != 0)
		return err;
	err = fail_done(pipe(fds));
	if (err != 0) {
		ring_close(&r);
		return err;
	}
	ring_add_rw(&r, IORING_OP_READ, fds[0], bytes, 3)->flags = IOSQE_ASYNC;
	err = ring_submit(&r, 0) == 1 ? 0 : -EAGAIN;
	if (err == 0)
		err = expect_call(write(fds[1], "abc", 3), 3);
	if (err == 0)
		err = expect(ring_take(&r), 3);
	close(fds[0]), close(fds[1]);
	ring_close(&r);
	return err;
}

/* Armed, and done when the bytes come; one with a time-out; one cancelled. */
static int run_armed(void)
{
	struct {
		long long sec, nsec;
	} late = { 100, 0 };
	int err = opened(0), fds[2], n;

	if (err != 0)
		return err;
	err = fail_done(pipe(fds));
	if (err != 0) {
		ring_close(&r);
		return err;
	}
	ring_add_rw(&r, IORING_OP_READ, fds[0], bytes, 3)->flags = IOSQE_IO_LINK;
	ring_add_rw(&r, IORING_OP_LINK_TIMEOUT, -1, &late, 1)->off = 0;
	n = ring_submit(&r, 0);
	if (n == 2 && ring_ready(&r) == 0 && write(fds[1], "abc", 3) == 3)
		err = expect(ring_take(&r) + ring_take(&r), 3 - ECANCELED);
	else
		err = n < 0 ? -errno : ring_ready(&r) > 0 ? ring_take(&r) : -EAGAIN;
	if (err == 0) {
		ring_add(&r, IORING_OP_POLL_ADD, fds[0])->poll32_events = 1;
		ring_add(&r, IORING_OP_ASYNC_CANCEL, -1)->user_data = 1;
		n = ring_submit(&r, 2);
		err = n == 2 ? expect(ring_take(&r) + ring_take(&r), -ECANCELED) : -EAGAIN;
	}
	close(fds[0]), close(fds[1]);
	ring_close(&r);
	return err;
}

static int use_buffers(void)
{
	struct iovec v = { bytes, sizeof(bytes) };
	int err = registered(IORING_REGISTER_BUFFERS, &v, 1), fd;

	if (err != 0)
		return err;
	fd = open("/dev/zero", O_RDONLY);
	if (fd < 0)
		return -errno;
	/* Less than a page: there a read of /dev/zero may end, when the task has other work. */
	ring_add_rw(&r, IORING_OP_READ_FIXED, fd, bytes + 5, 4000);
	err = expect(go(), 4000);
	close(fd);
	return err == 0 ? registered(IORING_UNREGISTER_BUFFERS, NULL, 0) : err;
}

static int use_files(void)
{
	struct io_uring_sqe *s;
	int table[4] = { -1, -1, -1, -1 }, err = registered(IORING_REGISTER_FILES, table, 4);

	if (err != 0)
		return err;
	s = ring_add_rw(&r, IORING_OP_OPENAT, AT_FDCWD, "/dev/null", 0);
	s->open_flags = O_RDWR;
	s->file_index = 1;
	err = go();
	if (err == 0) {
		ring_add_rw(&r, IORING_OP_WRITE, 0, bytes, 7)->flags = IOSQE_FIXED_FILE;
		err = expect(go(), 7);
	}
	return err == 0 ? registered(IORING_UNREGISTER_FILES, NULL, 0) : err;
}

static int use_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), err;
	unsigned long long n;

	if (fd < 0)
		return -errno;
	err = registered(IORING_REGISTER_EVENTFD, &fd, 1);
	if (err == 0) {
		ring_add(&r, IORING_OP_NOP, -1);
		err = go();
	}
	if (err == 0)
		err = expect_call(read(fd, &n, 8), 8);
	close(fd);
	return err;
}

static int use_personality(void)
{
	int id = uring_register(r.fd, IORING_REGISTER_PERSONALITY, NULL, 0);

	if (id < 0)
		return -errno;
	ring_add(&r, IORING_OP_NOP, -1)->personality = (unsigned short)id;
	return go();
}

static int with_ring(int (*fn)(void))
{
	int err = opened(0);

	if (err != 0)
		return err;
	err = fn();
	ring_close(&r);
	return err;
}

static int run_buffers(void)
{
	return with_ring(use_buffers);
}

static int run_fixed_files(void)
{
	return with_ring(use_files);
}

static int run_eventfd(void)
{
	return with_ring(use_eventfd);
}

static int run_personality(void)
{
	return with_ring(use_personality);
}

/* Buffers that the kernel picks, given by requests. */
static int use_provided(void)
{
	struct io_uring_sqe *s = ring_add_rw(&r, IORING_OP_PROVIDE_BUFFERS, 4, bytes, 64);
	int err, sv[2];

	s->off = 0;
	s->buf_group = 1;
	err = go();
	if (err < 0)
		return err;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0)
		return -errno;
	s = ring_add_rw(&r, IORING_OP_RECV, sv[1], NULL, 64);
	s->off = 0;
	s->buf_group = 1;
	s->flags = IOSQE_BUFFER_SELECT;
	err = ring_submit(&r, 0) == 1 ? 0 : -EAGAIN;
	if (err == 0)
		err = expect_call(send(sv[0], "abc", 3, 0), 3);
	if (err == 0)
		err = expect(ring_take(&r), 3);
	close(sv[0]), close(sv[1]);
	return err;
}

static int run_provided(void)
{
	return with_ring(use_provided);
}

/* Datagrams, one to oneself, by messages. */
static int use_sockets(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct iovec v = { bytes, 100 };
	struct msghdr m = {
		.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &v, .msg_iovlen = 1
	};
	struct pollfd p = { .events = POLLIN };
	socklen_t len = sizeof(a);
	int fd, err;

	ring_add_rw(&r, IORING_OP_SOCKET, AF_INET, NULL, 0)->off = SOCK_DGRAM;
	fd = go();
	if (fd < 0)
		return fd;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	err = fail_done(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	if (err == 0)
		err = fail_done(getsockname(fd, (struct sockaddr *)&a, &len));
	if (err == 0) {
		ring_add_rw(&r, IORING_OP_SENDMSG, fd, &m, 1)->off = 0;
		err = expect(go(), 100);
	}
	p.fd = fd; /* the datagram may have been lost */
	while (err == 0 && poll(&p, 1, 100) == 0 && fail_is_to_come())
		continue;
	if (err == 0) {
		struct io_uring_sqe *s = ring_add_rw(&r, IORING_OP_RECV, fd, bytes, 200);

		s->off = 0;
		s->msg_flags = MSG_DONTWAIT;
		err = expect(go(), 100);
	}
	close(fd);
	return err;
}

static int run_sockets(void)
{
	return with_ring(use_sockets);
}

static int run_message(void)
{
	struct io_uring_params p = { 0 };
	struct ring other;
	int err = fail_done(ring_open_with(&other, 8, &p));

	if (err != 0) {
		if (other.fd >= 0)
			close(other.fd);
		return err;
	}
	err = opened(0);
	if (err == 0) {
		ring_add(&r, IORING_OP_MSG_RING, other.fd)->len = 5;
		err = go();
		if (err == 0)
			err = expect(ring_take(&other), 5);
		ring_close(&r);
	}
	ring_close(&other);
	return err;
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ } \
	}

/* An entry that was not taken up is tried again: EAGAIN. A poll that cannot be had cancels. */
static const struct fail_op ops[] = {
	ROW(ring, EAGAIN),
	ROW(files, EAGAIN),
	ROW(workers, EAGAIN, ECANCELED),
	ROW(armed, EAGAIN, ECANCELED),
	ROW(buffers, EAGAIN),
	ROW(fixed_files, EAGAIN),
	ROW(eventfd, EAGAIN),
	ROW(personality, EAGAIN),
	ROW(provided, EAGAIN, ECANCELED),
	ROW(sockets, EAGAIN, ENOBUFS),
	ROW(message, EAGAIN),
};

int main(int argc, char **argv)
{
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
