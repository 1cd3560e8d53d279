/* SPDX-License-Identifier: BSD-2-Clause */
/* Ancillary data: descriptors and credentials by local sockets (unix(7), cmsg(3)). */
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <pthread.h>
#include "child.h"
#include "sockets.h"

#define FDS_MAX 253

/* A message with room for ancillary data. */
struct parcel {
	struct msghdr m;
	struct iovec iov;
	char data[32];
	union {
		struct cmsghdr align;
		char bytes[2048];
	} control;
};

static void parcel_init(struct parcel *p, size_t room)
{
	memset(p, 0, sizeof(*p));
	p->iov = (struct iovec){ p->data, sizeof(p->data) };
	p->m.msg_iov = &p->iov;
	p->m.msg_iovlen = 1;
	p->m.msg_control = room != 0 ? p->control.bytes : NULL;
	p->m.msg_controllen = room;
}

static void parcel_put(struct parcel *p, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)(p->control.bytes + p->m.msg_controllen);

	p->m.msg_control = p->control.bytes;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	p->m.msg_controllen += CMSG_SPACE(len);
}

static ssize_t send_fds(int to, const int *fds, int nr, const char *text)
{
	struct parcel p;

	parcel_init(&p, 0);
	p.iov = (struct iovec){ (void *)(uintptr_t)text, strlen(text) };
	parcel_put(&p, SCM_RIGHTS, fds, (size_t)nr * sizeof(int));
	return sendmsg(to, &p.m, 0);
}

/* Receives; the descriptors that came go to fds (room for FDS_MAX), their number is returned. */
static int receive_fds(int from, struct parcel *p, int *fds, int flags)
{
	struct cmsghdr *c;
	int nr = 0;

	if (recvmsg(from, &p->m, flags) < 0)
		return -1;
	for (c = CMSG_FIRSTHDR(&p->m); c != NULL; c = CMSG_NXTHDR(&p->m, c)) {
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		nr = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)nr * sizeof(int));
	}
	return nr;
}

static int receive_one(int from)
{
	struct parcel p;
	int fds[FDS_MAX];

	parcel_init(&p, sizeof(p.control));
	return receive_fds(from, &p, fds, MSG_DONTWAIT) == 1 ? fds[0] : -1;
}

static int nr_open(void)
{
	int n = 0;

	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void test_one(int type)
{
	int p[2], pipes[2], fd, before = nr_open();
	struct parcel in;
	struct stat a, b;
	char buf[8];

	pair_open(type, p);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(send_fds(p[0], &pipes[1], 1, "take"), 4);
	close(pipes[1]);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &fd, 0), 1);
	CHECK_EQ(in.m.msg_controllen, CMSG_SPACE(4));
	CHECK_EQ(in.m.msg_flags, 0);
	CHECK(memcmp(in.data, "take", 4) == 0);
	CHECK(fd != pipes[1] || fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(write(fd, "via", 3), 3);
	CHECK_EQ(read(pipes[0], buf, 8), 3);
	CHECK_EQ(fstat(fd, &a), 0);
	CHECK_EQ(fstat(pipes[0], &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	close(fd);
	CHECK_EQ(read(pipes[0], buf, 8), 0);
	CHECK_EQ(send_fds(p[0], &pipes[0], 1, "again"), 5);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &fd, MSG_CMSG_CLOEXEC), 1);
	CHECK_EQ(in.m.msg_flags, MSG_CMSG_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	close(pipes[0]);
	pair_close(p);
	CHECK_EQ(nr_open(), before);
}

static void test_many(void)
{
	int p[2], fds[FDS_MAX + 1], got[FDS_MAX], e = eventfd(0, 0), before;
	struct parcel in;

	pair_open(SOCK_STREAM, p);
	before = nr_open();
	for (int i = 0; i <= FDS_MAX; i++)
		fds[i] = e;
	CHECK_ERR(send_fds(p[0], fds, FDS_MAX + 1, "x"), EINVAL);
	CHECK_EQ(send_fds(p[0], fds, FDS_MAX, "x"), 1);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, got, 0), FDS_MAX);
	CHECK_EQ(in.m.msg_flags, 0);
	CHECK_EQ(nr_open(), before + FDS_MAX);
	for (int i = 0; i < FDS_MAX; i++)
		close(got[i]);
	/* None at all is no ancillary data. */
	CHECK_EQ(send_fds(p[0], fds, 0, "y"), 1);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, got, 0), 0);
	CHECK_EQ(in.m.msg_controllen, 0);
	CHECK_EQ(nr_open(), before);
	close(e);
	pair_close(p);
}

static void test_truncation(void)
{
	int p[2], fds[3], got[FDS_MAX], before;
	struct parcel in;

	pair_open(SOCK_DGRAM, p);
	for (int i = 0; i < 3; i++)
		fds[i] = eventfd(0, 0);
	before = nr_open();
	CHECK_EQ(send_fds(p[0], fds, 3, "x"), 1);
	parcel_init(&in, CMSG_LEN(8));
	CHECK_EQ(receive_fds(p[1], &in, got, 0), 2);
	CHECK_EQ(in.m.msg_flags, MSG_CTRUNC);
	CHECK_EQ(in.m.msg_controllen, CMSG_LEN(8));
	CHECK_EQ(nr_open(), before + 2);
	close(got[0]);
	close(got[1]);
	CHECK_EQ(send_fds(p[0], fds, 3, "x"), 1);
	parcel_init(&in, CMSG_LEN(0));
	CHECK_EQ(receive_fds(p[1], &in, got, 0), 0);
	CHECK_EQ(in.m.msg_flags, MSG_CTRUNC);
	CHECK_EQ(send_fds(p[0], fds, 3, "x"), 1);
	parcel_init(&in, 0);
	CHECK_EQ(receive_fds(p[1], &in, got, 0), 0);
	CHECK_EQ(in.m.msg_flags, MSG_CTRUNC);
	CHECK_EQ(in.m.msg_controllen, 0);
	CHECK_EQ(send_fds(p[0], fds, 3, "x"), 1);
	CHECK_EQ(recv(p[1], got, 1, 0), 1);
	CHECK_EQ(send_fds(p[0], fds, 3, "x"), 1);
	CHECK_EQ(read(p[1], got, 1), 1);
	CHECK_EQ(nr_open(), before);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	pair_close(p);
}

static void test_limit(void)
{
	int p[2], fds[2], got[FDS_MAX], top;
	struct rlimit old, low;
	struct parcel in;

	pair_open(SOCK_STREAM, p);
	fds[0] = eventfd(0, 0);
	fds[1] = eventfd(0, 0);
	CHECK_EQ(send_fds(p[0], fds, 2, "x"), 1);
	top = dup(0);
	close(top);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = (rlim_t)top + 1;
	setrlimit(RLIMIT_NOFILE, &low);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, got, 0), 1);
	CHECK_EQ(got[0], top);
	CHECK_EQ(in.m.msg_flags, MSG_CTRUNC);
	setrlimit(RLIMIT_NOFILE, &old);
	close(top);
	close(fds[0]);
	close(fds[1]);
	pair_close(p);
}

static void test_bad(void)
{
	int p[2], bad = 987, good = 0;
	struct ucred cred = { getpid(), getuid(), getgid() };
	struct parcel out;

	pair_open(SOCK_STREAM, p);
	CHECK_ERR(send_fds(p[0], &bad, 1, "x"), EBADF);
	bad = -1;
	CHECK_ERR(send_fds(p[0], &bad, 1, "x"), EBADF);
	parcel_init(&out, 0);
	parcel_put(&out, 99, &good, 4);
	CHECK_ERR(sendmsg(p[0], &out.m, 0), EINVAL);
	parcel_init(&out, 0);
	parcel_put(&out, SCM_RIGHTS, &good, 4);
	out.control.align.cmsg_len = 15;
	CHECK_ERR(sendmsg(p[0], &out.m, 0), EINVAL);
	out.control.align.cmsg_len = 4096;
	CHECK_ERR(sendmsg(p[0], &out.m, 0), EINVAL);
	out.control.align.cmsg_len = CMSG_LEN(4);
	out.control.align.cmsg_level = 77;
	CHECK_EQ(sendmsg(p[0], &out.m, 0), 32);
	out.m.msg_controllen = 15;
	CHECK_EQ(sendmsg(p[0], &out.m, 0), 32);
	out.m.msg_controllen = 1ul << 40;
	CHECK_ERR(sendmsg(p[0], &out.m, 0), ENOBUFS);
	out.m.msg_controllen = 64;
	out.m.msg_control = (void *)8;
	CHECK_ERR(sendmsg(p[0], &out.m, 0), EFAULT);
	parcel_init(&out, 0);
	parcel_put(&out, SCM_CREDENTIALS, &cred, 8);
	CHECK_ERR(sendmsg(p[0], &out.m, 0), EINVAL);
	out.m.msg_iovlen = 1025;
	CHECK_ERR(sendmsg(p[0], &out.m, 0), EMSGSIZE);
	CHECK_ERR(recvmsg(p[1], &out.m, 0), EMSGSIZE);
	CHECK_ERR(sendmsg(p[0], (void *)8, 0), EFAULT);
	CHECK_ERR(recvmsg(p[1], (void *)8, 0), EFAULT);
	pair_close(p);
}

/* In a stream, descriptors stand at a place: a receive ends behind their message. */
static void test_stream_places(void)
{
	int p[2], e = eventfd(0, 0), fd = -1;
	struct parcel in;

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(write(p[0], "ab", 2), 2);
	CHECK_EQ(send_fds(p[0], &e, 1, "cd"), 2);
	CHECK_EQ(write(p[0], "ef", 2), 2);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &fd, MSG_PEEK), 1);
	CHECK(fd >= 0);
	close(fd);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &fd, 0), 1);
	CHECK(memcmp(in.data, "abcd", 5) == 0);
	close(fd);
	CHECK_EQ(recv(p[1], in.data, 32, 0), 2);
	/* The first byte brings them. */
	CHECK_EQ(send_fds(p[0], &e, 1, "gh"), 2);
	parcel_init(&in, sizeof(in.control));
	in.iov.iov_len = 1;
	CHECK_EQ(receive_fds(p[1], &in, &fd, 0), 1);
	close(fd);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &fd, 0), 0);
	CHECK_EQ(in.data[0], 'h');
	close(e);
	pair_close(p);
}

static void test_peek(void)
{
	int p[2], e = eventfd(5, 0), a, b, before;
	struct parcel in;
	uint64_t n = 0;

	pair_open(SOCK_DGRAM, p);
	before = nr_open();
	CHECK_EQ(send_fds(p[0], &e, 1, "x"), 1);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &a, MSG_PEEK), 1);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &b, 0), 1);
	CHECK(a != b);
	CHECK_EQ(read(a, &n, 8), 8);
	CHECK_EQ(n, 5);
	close(a);
	close(b);
	CHECK_EQ(nr_open(), before);
	close(e);
	pair_close(p);
}

/* A message that nobody receives lets its files go. */
static void test_unread(void)
{
	int p[2], pipes[2];
	char c;

	pair_open(SOCK_STREAM, p);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(send_fds(p[0], &pipes[1], 1, "x"), 1);
	close(pipes[1]);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	CHECK_ERR(read(pipes[0], &c, 1), EAGAIN);
	pair_close(p);
	CHECK_EQ(read(pipes[0], &c, 1), 0);
	close(pipes[0]);
}

/* A pair whose queues hold each other, with the writing end of a pipe: when nobody has it any more,
 * and some other socket closes, the pipe's end is seen. */
static bool ends_soon(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int other[2];

	do {
		pair_open(SOCK_STREAM, other);
		pair_close(other);
	} while (poll(&p, 1, 20) != 1);
	return (p.revents & POLLHUP) != 0;
}

static void test_cycles(void)
{
	int p[2], q[2], pipes[2], three[3];

	CHECK_EQ(pipe(pipes), 0);
	pair_open(SOCK_STREAM, p);
	three[0] = p[0];
	three[1] = p[1];
	three[2] = pipes[1];
	CHECK_EQ(send_fds(p[0], three, 3, "x"), 1);
	CHECK_EQ(send_fds(p[1], three, 3, "x"), 1);
	pair_close(p);
	close(pipes[1]);
	CHECK(ends_soon(pipes[0]));
	close(pipes[0]);
	/* Two pairs, each in the other's queue; one end stays open: nothing is lost. */
	CHECK_EQ(pipe(pipes), 0);
	pair_open(SOCK_DGRAM, p);
	pair_open(SOCK_DGRAM, q);
	CHECK_EQ(send_fds(p[0], &q[1], 1, "x"), 1);
	three[0] = p[1];
	three[1] = pipes[1];
	CHECK_EQ(send_fds(q[0], three, 2, "x"), 1);
	close(q[0]);
	close(q[1]);
	close(p[0]);
	close(pipes[1]);
	CHECK_EQ(poll_now(pipes[0]), 0);
	pair_open(SOCK_STREAM, q);
	pair_close(q);
	CHECK_EQ(poll_now(pipes[0]), 0);
	q[1] = receive_one(p[1]);
	CHECK(q[1] >= 0);
	close(p[1]);
	CHECK_EQ(poll_now(pipes[0]), 0);
	close(q[1]);
	CHECK(ends_soon(pipes[0]));
	close(pipes[0]);
}

#define MANY_CYCLES 20000

static int nr_sockets(void)
{
	FILE *f = fopen("/proc/net/unix", "r");
	int nr = 0, c;

	while (f != NULL && (c = getc(f)) != EOF)
		nr += c == '\n';
	if (f != NULL)
		fclose(f);
	return nr;
}

/* Whoever makes circles and closes no other socket does not fill the memory with them. */
static int make_cycles(void *unused)
{
	struct rlimit l;
	int before = nr_sockets(), p[2];

	(void)unused;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max; /* bounds what is under way, too */
	setrlimit(RLIMIT_NOFILE, &l);
	for (int i = 0; i < MANY_CYCLES; i++) {
		if (socketpair(AF_UNIX, i % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM, 0, p) != 0)
			return 1;
		if (send_fds(p[0], p, 2, "x") != 1)
			return errno == ETOOMANYREFS ? 0 : 2;
		pair_close(p);
	}
	return nr_sockets() - before < MANY_CYCLES ? 0 : 3;
}

/* Sockets in sockets in sockets: closing the outermost closes all. */
static void test_chain(void)
{
	int pipes[2], inner, p[2];

	CHECK_EQ(pipe(pipes), 0);
	inner = pipes[1];
	for (int i = 0; i < 400; i++) {
		pair_open(SOCK_STREAM, p);
		if (send_fds(p[0], &inner, 1, "x") != 1)
			break;
		close(inner);
		close(p[0]);
		inner = p[1];
	}
	CHECK_EQ(poll_now(pipes[0]), 0);
	close(inner);
	CHECK(ends_soon(pipes[0]));
	close(pipes[0]);
}

/* ---- credentials ---- */

static bool cred_of(struct parcel *p, struct ucred *out)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(&p->m); c != NULL; c = CMSG_NXTHDR(&p->m, c)) {
		if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(*out))) {
			memcpy(out, CMSG_DATA(c), sizeof(*out));
			return true;
		}
	}
	return false;
}

static void pass_cred(int fd, int on)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
}

static void test_credentials(int type)
{
	int p[2], e = eventfd(0, 0), fd;
	struct ucred c = { 1, 2, 3 };
	struct parcel in;

	pair_open(type, p);
	CHECK_EQ(send(p[0], "before", 6, 0), 6);
	pass_cred(p[1], 1);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 6);
	CHECK(cred_of(&in, &c));
	CHECK_EQ(c.pid, 0);
	CHECK_EQ(c.uid, 65534);
	CHECK_EQ(c.gid, 65534);
	CHECK_EQ(send(p[0], "after", 5, 0), 5);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 5);
	CHECK(cred_of(&in, &c));
	CHECK_EQ(c.pid, getpid());
	CHECK_EQ(c.uid, getuid());
	CHECK_EQ(c.gid, getgid());
	CHECK_EQ(in.m.msg_controllen, CMSG_SPACE(sizeof(c)));
	CHECK_EQ(send_fds(p[0], &e, 1, "both"), 4);
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(receive_fds(p[1], &in, &fd, 0), 1);
	CHECK(cred_of(&in, &c));
	CHECK_EQ(in.m.msg_controllen, CMSG_SPACE(sizeof(c)) + CMSG_SPACE(4));
	close(fd);
	CHECK_EQ(send(p[0], "short", 5, 0), 5);
	parcel_init(&in, CMSG_LEN(4));
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 5);
	CHECK_EQ(in.m.msg_flags, MSG_CTRUNC);
	CHECK_EQ(in.m.msg_controllen, CMSG_LEN(4));
	CHECK_EQ(send(p[0], "none", 4, 0), 4);
	parcel_init(&in, 0);
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 4);
	CHECK_EQ(in.m.msg_flags, MSG_CTRUNC);
	close(e);
	pair_close(p);
}

static int child_pretend(void *arg)
{
	int *p = arg;
	struct ucred c = { getpid(), getuid(), getgid() };
	struct parcel out;

	if (getuid() == 0 && (setresgid(1234, 1234, 1234) != 0 || setresuid(1234, 1234, 1234) != 0))
		return 1;
	parcel_init(&out, 0);
	parcel_put(&out, SCM_CREDENTIALS, &c, sizeof(c));
	if (getuid() == 1234 && (sendmsg(p[0], &out.m, 0) != -1 || errno != EPERM))
		return 2;
	c.pid = getppid();
	c.uid = getuid();
	c.gid = getgid();
	parcel_init(&out, 0);
	parcel_put(&out, SCM_CREDENTIALS, &c, sizeof(c));
	if (sendmsg(p[0], &out.m, 0) != -1 || errno != EPERM)
		return 3;
	c.pid = getpid();
	parcel_init(&out, 0);
	parcel_put(&out, SCM_CREDENTIALS, &c, sizeof(c));
	return sendmsg(p[0], &out.m, 0) != 32 ? 4 : write(p[0], "plain", 5) != 5;
}

static void test_child(void)
{
	struct ucred c = { 0 };
	struct parcel in;
	int p[2];

	pair_open(SOCK_STREAM, p);
	pass_cred(p[1], 1);
	CHECK_EQ(write(p[0], "parent", 6), 6);
	CHECK_EQ(in_child(child_pretend, p), 0);
	/* Bytes of another sender are not read together with the first one's. */
	parcel_init(&in, sizeof(in.control));
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 6);
	CHECK(cred_of(&in, &c));
	CHECK_EQ(c.pid, getpid());
	in.iov.iov_len = sizeof(in.data);
	in.m.msg_controllen = sizeof(in.control);
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 32);
	CHECK(cred_of(&in, &c));
	CHECK(c.pid > 0 && c.pid != getpid());
	CHECK_EQ(c.uid, getuid() == 0 ? 1234 : getuid());
	in.m.msg_controllen = sizeof(in.control);
	CHECK_EQ(recvmsg(p[1], &in.m, 0), 5);
	CHECK(cred_of(&in, &c));
	pair_close(p);
}

static void test_privileged(void)
{
	struct ucred c = { getpid(), 77, 88 };
	struct parcel m;
	int p[2];

	if (getuid() != 0)
		return;
	pair_open(SOCK_DGRAM, p);
	parcel_init(&m, 0);
	parcel_put(&m, SCM_CREDENTIALS, &c, sizeof(c));
	CHECK_EQ(sendmsg(p[0], &m.m, 0), 32);
	pass_cred(p[1], 1);
	parcel_init(&m, sizeof(m.control));
	CHECK_EQ(recvmsg(p[1], &m.m, 0), 32);
	CHECK(cred_of(&m, &c));
	CHECK_EQ(c.uid, 77);
	CHECK_EQ(c.gid, 88);
	c.pid = 0x3fffffff; /* nobody has it */
	parcel_init(&m, 0);
	parcel_put(&m, SCM_CREDENTIALS, &c, sizeof(c));
	CHECK_ERR(sendmsg(p[0], &m.m, 0), ESRCH);
	pair_close(p);
}

/* ---- between processes ---- */

static int child_receives(void *arg)
{
	int *p = arg, fd = receive_one(p[1]);
	char buf[8];

	if (fd < 0 || lseek(fd, 0, SEEK_CUR) != 3)
		return 1;
	return read(fd, buf, sizeof(buf)) != 2 || memcmp(buf, "de", 2) != 0;
}

static int child_sends(void *arg)
{
	int *p = arg, f = open("file", O_RDONLY);

	return lseek(f, 1, SEEK_SET) != 1 || send_fds(p[1], &f, 1, "x") != 1;
}

static void test_processes(void)
{
	int p[2], f = open("file", O_RDWR | O_CREAT, 0600);
	char c;

	CHECK_EQ(write(f, "abcde", 5), 5);
	CHECK_EQ(lseek(f, 3, SEEK_SET), 3);
	pair_open(SOCK_STREAM, p);
	CHECK_EQ(send_fds(p[0], &f, 1, "x"), 1);
	CHECK_EQ(in_child(child_receives, p), 0);
	CHECK_EQ(lseek(f, 0, SEEK_CUR), 5); /* one open file, one position */
	close(f);
	CHECK_EQ(in_child(child_sends, p), 0);
	f = receive_one(p[0]);
	CHECK_EQ(read(f, &c, 1), 1);
	CHECK_EQ(c, 'b');
	close(f);
	pair_close(p);
}

static void *trade(void *arg)
{
	int *p = arg, fd, e = eventfd(0, 0);
	long bad = 0;

	for (int i = 0; i < 100; i++) {
		bad += send_fds(p[0], &e, 1, "x") != 1;
		fd = receive_one(p[0]);
		if (fd >= 0)
			close(fd);
	}
	close(e);
	return (void *)bad;
}

/* Two threads send each other descriptors; garbage is looked for meanwhile. */
static void test_threads(void)
{
	int p[2], q[2], back[2], before = nr_open();
	pthread_t t;
	void *bad;

	pair_open(SOCK_DGRAM, p);
	back[0] = p[1];
	pthread_create(&t, NULL, trade, back);
	for (int i = 0; i < 100; i++) {
		pair_open(SOCK_STREAM, q);
		send_fds(q[0], q, 2, "self");
		pair_close(q);
	}
	CHECK_EQ((long)trade(p), 0);
	pthread_join(t, &bad);
	CHECK_EQ((long)bad, 0);
	pair_close(p);
	CHECK_EQ(nr_open(), before);
}

int main(void)
{
	scratch_enter();
	un_enter_space();
	test_one(SOCK_STREAM);
	test_one(SOCK_DGRAM);
	test_one(SOCK_SEQPACKET);
	test_many();
	test_truncation();
	test_limit();
	test_bad();
	test_stream_places();
	test_peek();
	test_unread();
	test_cycles();
	CHECK_EQ(child_run(make_cycles, NULL), 0);
	test_chain();
	test_credentials(SOCK_STREAM);
	test_credentials(SOCK_DGRAM);
	test_child();
	test_privileged();
	test_processes();
	test_threads();
	return check_done();
}
