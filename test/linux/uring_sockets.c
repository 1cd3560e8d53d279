/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring_enter(2): operations on sockets, provided buffers, requests of many completions. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "uring.h"

static struct ring r;

static struct io_uring_sqe *add_named(int op, int fd, const void *buf, unsigned len, unsigned data)
{
	struct io_uring_sqe *s = ring_add(&r, op, fd);

	s->addr = (unsigned long)buf;
	s->len = len;
	s->user_data = data;
	return s;
}

/* Of a port of the loopback's, at which nobody listens yet. */
static int bound(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)a, &len), 0);
	return fd;
}

static int listener(struct sockaddr_in *a)
{
	int fd = bound(a);

	CHECK_EQ(listen(fd, 8), 0);
	return fd;
}

static void connections(void)
{
	struct sockaddr_in a, peer;
	socklen_t len = sizeof(peer);
	char buf[16] = { 0 };
	int l = listener(&a), c, s;

	add_named(IORING_OP_ACCEPT, l, &peer, 0, 1)->addr2 = (unsigned long)&len;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_ready(&r), 0);
	add_named(IORING_OP_SOCKET, AF_INET, NULL, 0, 2)->off = SOCK_STREAM;
	CHECK_EQ(ring_submit(&r, 1), 1);
	c = ring_result(&r, 2);
	CHECK(c >= 0);
	add_named(IORING_OP_CONNECT, c, &a, 0, 3)->addr2 = sizeof(a);
	CHECK_EQ(ring_submit(&r, 2), 1);
	s = -1;
	for (int i = 0; i < 2; i++) {
		int res = ring_take(&r);

		if (r.last_data == 1)
			s = res;
		else
			CHECK_EQ(res, 0);
	}
	CHECK(s >= 0);
	CHECK_EQ(len, sizeof(peer));
	CHECK_EQ(peer.sin_family, AF_INET);
	add_named(IORING_OP_RECV, s, buf, 16, 4);
	CHECK_EQ(ring_submit(&r, 0), 1);
	add_named(IORING_OP_SEND, c, "hello", 5, 5);
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(ring_take(&r), 5);
	CHECK_STR(buf, "hello");
	/* In pieces, wanted whole. */
	add_named(IORING_OP_RECV, s, buf, 10, 6)->msg_flags = MSG_WAITALL;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(send(c, "12345", 5, 0), 5);
	CHECK_EQ(send(c, "67890", 5, 0), 5);
	CHECK_EQ(ring_result(&r, 6), 10);
	CHECK_EQ(memcmp(buf, "1234567890", 10), 0);
	add_named(IORING_OP_RECV, s, buf, 10, 7)->msg_flags = MSG_DONTWAIT;
	CHECK_EQ(ring_do(&r), -EAGAIN);
	add_named(IORING_OP_SHUTDOWN, c, NULL, SHUT_WR, 8);
	CHECK_EQ(ring_do(&r), 0);
	add_named(IORING_OP_RECV, s, buf, 10, 9);
	CHECK_EQ(ring_do(&r), 0);
	add_named(IORING_OP_SEND, c, "x", 1, 10);
	CHECK_EQ(ring_do(&r), -EPIPE); /* and no signal */
	add_named(IORING_OP_RECV, 0, buf, 10, 11);
	CHECK_EQ(ring_do(&r), -ENOTSOCK);
	close(s);
	close(c);
	close(l);
	/* Nobody there. */
	l = bound(&a);
	c = socket(AF_INET, SOCK_STREAM, 0);
	add_named(IORING_OP_CONNECT, c, &a, 0, 3)->addr2 = sizeof(a);
	CHECK_EQ(ring_do(&r), -ECONNREFUSED);
	close(c);
	close(l);
}

static void messages(void)
{
	char buf[32] = { 0 }, control[64];
	struct iovec out[2] = { { "ab", 2 }, { "cde", 3 } }, in = { buf, 32 };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2 };
	struct msghdr got = { .msg_iov = &in,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	int sv[2], fd;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	memcpy(CMSG_DATA(&rights.head), &sv[0], sizeof(int));
	m.msg_control = &rights;
	m.msg_controllen = sizeof(rights);
	add_named(IORING_OP_RECVMSG, sv[1], &got, 1, 1);
	CHECK_EQ(ring_submit(&r, 0), 1);
	add_named(IORING_OP_SENDMSG, sv[0], &m, 1, 2);
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(ring_take(&r), 5);
	CHECK_STR(buf, "abcde");
	CHECK_EQ(got.msg_controllen, CMSG_SPACE(sizeof(int)));
	memcpy(&fd, CMSG_DATA((struct cmsghdr *)control), sizeof(int));
	CHECK_EQ(fcntl(fd, F_GETFD) >= 0, 1);
	close(fd);
	add_named(IORING_OP_SENDMSG, sv[0], NULL, 1, 2);
	CHECK_EQ(ring_do(&r), -EFAULT);
	close(sv[0]);
	close(sv[1]);
}

/* The one of many completions, just after one of them. */
static void cancel_many(void)
{
	ring_add(&r, IORING_OP_ASYNC_CANCEL, -1)->addr = 1;
	CHECK_EQ(ring_submit(&r, 2), 1);
	for (int i = 0; i < 2; i++) {
		int res = ring_take(&r);

		CHECK_EQ(res, r.last_data == 1 ? -ECANCELED : 0);
		CHECK_EQ(r.last_flags & IORING_CQE_F_MORE, 0);
	}
}

static void accept_many(void)
{
	struct sockaddr_in a;
	int l = listener(&a), c[3];

	add_named(IORING_OP_ACCEPT, l, NULL, 0, 1)->ioprio = IORING_ACCEPT_MULTISHOT;
	CHECK_EQ(ring_submit(&r, 0), 1);
	for (int i = 0; i < 3; i++) {
		int fd;

		c[i] = socket(AF_INET, SOCK_STREAM, 0);
		CHECK_EQ(connect(c[i], (struct sockaddr *)&a, sizeof(a)), 0);
		fd = ring_result(&r, 1);
		CHECK(fd >= 0);
		CHECK((r.last_flags & IORING_CQE_F_MORE) != 0);
		close(fd);
		close(c[i]);
	}
	cancel_many();
	close(l);
}

static char pool[4][64];

static void provided(void)
{
	struct io_uring_sqe *s;
	char byte = 0;
	int sv[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	s = add_named(IORING_OP_RECV, sv[1], NULL, 64, 1);
	s->flags = IOSQE_BUFFER_SELECT;
	s->buf_group = 7;
	CHECK_EQ(write(sv[0], "one", 3), 3);
	CHECK_EQ(ring_do(&r), -ENOBUFS);
	s = add_named(IORING_OP_PROVIDE_BUFFERS, 2, pool, 64, 2);
	s->off = 10;
	s->buf_group = 7;
	CHECK_EQ(ring_do(&r), 0);
	for (unsigned i = 0; i < 2; i++) {
		s = add_named(IORING_OP_RECV, sv[1], NULL, i == 0 ? 64 : 2, 1);
		s->flags = IOSQE_BUFFER_SELECT;
		s->buf_group = 7;
		CHECK_EQ(ring_submit(&r, 0), 1);
		if (i == 1)
			CHECK_EQ(write(sv[0], "two", 3), 3);
		CHECK_EQ(ring_result(&r, 1), i == 0 ? 3 : 2);
		CHECK((r.last_flags & IORING_CQE_F_BUFFER) != 0);
		CHECK_EQ(r.last_flags >> IORING_CQE_BUFFER_SHIFT, 10 + i);
	}
	CHECK_EQ(memcmp(pool[0], "one", 3), 0);
	CHECK_EQ(memcmp(pool[1], "tw", 2), 0);
	CHECK_EQ(read(sv[1], &byte, 1), 1);
	s = add_named(IORING_OP_PROVIDE_BUFFERS, 3, pool, 64, 2);
	s->buf_group = 7;
	CHECK_EQ(ring_do(&r), 0);
	s = add_named(IORING_OP_REMOVE_BUFFERS, 2, NULL, 0, 2);
	s->buf_group = 7;
	CHECK_EQ(ring_do(&r), 2);
	s = add_named(IORING_OP_REMOVE_BUFFERS, 9, NULL, 0, 2);
	s->buf_group = 7;
	CHECK_EQ(ring_do(&r), 1);
	close(sv[0]);
	close(sv[1]);
}

static void add_to_ring(struct io_uring_buf_ring *br, unsigned at, unsigned id)
{
	br->bufs[at & 3].addr = (unsigned long)pool[id];
	br->bufs[at & 3].len = 64;
	br->bufs[at & 3].bid = (unsigned short)id;
	__atomic_store_n(&br->tail, at + 1, __ATOMIC_RELEASE);
}

static void add_receive(int fd)
{
	struct io_uring_sqe *s = add_named(IORING_OP_RECV, fd, NULL, 0, 1);

	s->ioprio = IORING_RECV_MULTISHOT;
	s->flags = IOSQE_BUFFER_SELECT;
	s->buf_group = 3;
}

/* Buffers in a ring, taken by a receive of many completions until there are none. */
static void receive_many(void)
{
	struct io_uring_buf_reg reg = { .ring_entries = 4, .bgid = 3 };
	struct io_uring_buf_ring *br;
	int sv[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	br = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERR(uring_register(r.fd, IORING_UNREGISTER_PBUF_RING, &reg, 1), ENOENT);
	reg.ring_addr = (unsigned long)br + 8;
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 1), EINVAL);
	reg.ring_addr = (unsigned long)br;
	reg.ring_entries = 3;
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 1), EINVAL);
	reg.ring_entries = 4;
	CHECK_EQ(uring_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 1), 0);
	CHECK_ERR(uring_register(r.fd, IORING_REGISTER_PBUF_RING, &reg, 1), EEXIST);
	for (unsigned i = 0; i < 3; i++)
		add_to_ring(br, i, i);
	add_receive(sv[1]);
	CHECK_EQ(ring_submit(&r, 0), 1);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(write(sv[0], "abcdef", i + 2), i + 2);
		CHECK_EQ(ring_result(&r, 1), i + 2);
		CHECK((r.last_flags & IORING_CQE_F_MORE) != 0);
		CHECK_EQ(r.last_flags >> IORING_CQE_BUFFER_SHIFT, i);
		CHECK_EQ(memcmp(pool[i], "abcdef", i + 2), 0);
	}
	CHECK_EQ(write(sv[0], "x", 1), 1);
	CHECK_EQ(ring_result(&r, 1), -ENOBUFS);
	CHECK_EQ(r.last_flags & IORING_CQE_F_MORE, 0);
	add_to_ring(br, 3, 3);
	add_receive(sv[1]);
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 1), 1);
	CHECK_EQ(r.last_flags >> IORING_CQE_BUFFER_SHIFT, 3);
	add_to_ring(br, 4, 0);
	add_to_ring(br, 5, 1);
	CHECK_EQ(write(sv[0], "y", 1), 1);
	CHECK_EQ(ring_result(&r, 1), 1);
	cancel_many();
	add_receive(sv[1]);
	CHECK_EQ(ring_submit(&r, 0), 1);
	close(sv[0]);
	CHECK_EQ(ring_result(&r, 1), 0);
	CHECK_EQ(r.last_flags & IORING_CQE_F_MORE, 0);
	CHECK_EQ(uring_register(r.fd, IORING_UNREGISTER_PBUF_RING, &reg, 1), 0);
	munmap(br, 4096);
	close(sv[1]);
}

/* A datagram with its sender, whole in one buffer. */
static void receive_messages(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct msghdr m = { .msg_namelen = sizeof(a) };
	struct io_uring_recvmsg_out *out;
	socklen_t len = sizeof(a);
	static char buf[256];
	struct io_uring_sqe *s;
	int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(to, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(to, (struct sockaddr *)&a, &len), 0);
	s = add_named(IORING_OP_PROVIDE_BUFFERS, 1, buf, sizeof(buf), 2);
	s->buf_group = 9;
	CHECK_EQ(ring_do(&r), 0);
	s = add_named(IORING_OP_RECVMSG, to, &m, 1, 1);
	s->ioprio = IORING_RECV_MULTISHOT;
	s->flags = IOSQE_BUFFER_SELECT;
	s->buf_group = 9;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(sendto(from, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a)), 5);
	CHECK_EQ(ring_result(&r, 1), sizeof(*out) + sizeof(a) + 5);
	CHECK((r.last_flags & IORING_CQE_F_MORE) != 0);
	out = (struct io_uring_recvmsg_out *)buf;
	CHECK_EQ(out->namelen, sizeof(a));
	CHECK_EQ(out->controllen, 0);
	CHECK_EQ(out->payloadlen, 5);
	CHECK_EQ(memcmp(buf + sizeof(*out) + sizeof(a), "hello", 5), 0);
	CHECK_EQ(sendto(from, "more", 4, 0, (struct sockaddr *)&a, sizeof(a)), 4);
	CHECK_EQ(ring_result(&r, 1), -ENOBUFS);
	close(to);
	close(from);
}

/* More than a socket takes at once, wanted whole. */
static void send_much(void)
{
	static char big[4 << 20], got[65536];
	int sv[2];
	size_t sum = 0;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	add_named(IORING_OP_SEND, sv[0], big, sizeof(big), 1)->msg_flags = MSG_WAITALL;
	CHECK_EQ(ring_submit(&r, 0), 1);
	CHECK_EQ(ring_ready(&r), 0);
	while (sum < sizeof(big)) {
		ssize_t n = read(sv[1], got, sizeof(got));

		if (n <= 0)
			break;
		sum += (size_t)n;
	}
	CHECK_EQ(sum, sizeof(big));
	CHECK_EQ(ring_result(&r, 1), sizeof(big));
	close(sv[0]);
	close(sv[1]);
}

/* The result, then the notice: on the loopback everybody copies, and says so who is asked. */
static void zero_copy_result(int result, int usage)
{
	CHECK_EQ(ring_result(&r, 60), result);
	CHECK_EQ(r.last_flags, IORING_CQE_F_MORE);
	CHECK_EQ(ring_result(&r, 60), usage);
	CHECK_EQ(r.last_flags, IORING_CQE_F_NOTIF);
}

static void zero_copy(void)
{
	static char bytes[100000], got[100000];
	struct iovec v[2] = { { bytes, 30 }, { bytes + 100, 20 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	struct sockaddr_in a;
	int l = listener(&a), c = socket(AF_INET, SOCK_STREAM, 0), s, pair[2];

	memset(bytes, 'x', sizeof(bytes));
	CHECK_EQ(connect(c, (struct sockaddr *)&a, sizeof(a)), 0);
	s = accept(l, NULL, NULL);
	add_named(IORING_OP_SEND_ZC, c, bytes, sizeof(bytes), 60);
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(recv(s, got, sizeof(got), MSG_WAITALL), sizeof(got));
	CHECK_EQ(memcmp(got, bytes, sizeof(got)), 0);
	zero_copy_result(sizeof(bytes), 0);
	add_named(IORING_OP_SEND_ZC, c, bytes, 10000, 60)->ioprio = IORING_SEND_ZC_REPORT_USAGE;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(recv(s, got, 10000, MSG_WAITALL), 10000);
	zero_copy_result(10000, (int)IORING_NOTIF_USAGE_ZC_COPIED);
	add_named(IORING_OP_SENDMSG_ZC, c, &m, 1, 60);
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(recv(s, got, 50, MSG_WAITALL), 50);
	zero_copy_result(50, 0);
	/* Not where there is no notice, nor by a kind of socket that has none. */
	add_named(IORING_OP_SEND_ZC, c, bytes, 10, 61)->flags = IOSQE_CQE_SKIP_SUCCESS;
	CHECK_EQ(ring_submit(&r, 1), 1);
	CHECK_EQ(ring_result(&r, 61), -EINVAL);
	CHECK_EQ(r.last_flags, 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	add_named(IORING_OP_SEND_ZC, pair[0], bytes, 10, 60);
	CHECK_EQ(ring_submit(&r, 1), 1);
	zero_copy_result(-EOPNOTSUPP, 0);
	CHECK_EQ(shutdown(c, SHUT_WR), 0);
	add_named(IORING_OP_SEND_ZC, c, bytes, 10, 60);
	CHECK_EQ(ring_submit(&r, 1), 1);
	zero_copy_result(-EPIPE, 0);
	close(pair[0]), close(pair[1]);
	close(s), close(c), close(l);
}

int main(void)
{
	ring_open(&r, 8, 0);
	connections();
	messages();
	accept_many();
	provided();
	receive_many();
	receive_messages();
	send_much();
	zero_copy();
	ring_close(&r);
	return check_done();
}
