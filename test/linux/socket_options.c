/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of sockets and socket(2)'s errors, with local sockets (socket(7), unix(7)). */
#include <grp.h>
#include <sys/time.h>
#include "sockets.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static int get_int(int fd, int name)
{
	int v = -12345;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) == 0 && len == sizeof(v) ? v : -12345;
}

static int set_int(int fd, int name, int v)
{
	return setsockopt(fd, SOL_SOCKET, name, &v, sizeof(v));
}

static void test_socket(void)
{
	int fd;

	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(200, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNSPEC, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, 0, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, 15, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM | 0x40000000, 0), EINVAL);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 2), EPROTONOSUPPORT);
	fd = socket(AF_UNIX, SOCK_RAW, 0);
	CHECK_EQ(get_int(fd, SO_TYPE), SOCK_DGRAM);
	close(fd);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, AF_UNIX);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(get_int(fd, SO_TYPE), SOCK_SEQPACKET);
	CHECK_EQ(get_int(fd, SO_DOMAIN), AF_UNIX);
	CHECK_EQ(get_int(fd, SO_PROTOCOL), 0);
	CHECK_EQ(get_int(fd, SO_ACCEPTCONN), 0);
	CHECK_EQ(get_int(fd, SO_ERROR), 0);
	close(fd);
}

static void test_switches(int fd)
{
	static const int names[] = { SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE,
				     SO_OOBINLINE, SO_PASSCRED,  SO_PASSSEC };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHECK_EQ(get_int(fd, names[i]), 0);
		CHECK_EQ(set_int(fd, names[i], 5), 0);
		CHECK_EQ(get_int(fd, names[i]), 1);
		CHECK_EQ(set_int(fd, names[i], 0), 0);
		CHECK_EQ(get_int(fd, names[i]), 0);
	}
	CHECK_EQ(set_int(fd, SO_DEBUG, 0), 0);
}

static void test_buffers(int fd)
{
	int before = get_int(fd, SO_SNDBUF);

	CHECK(before >= 4608);
	CHECK_EQ(set_int(fd, SO_SNDBUF, 10000), 0);
	CHECK_EQ(get_int(fd, SO_SNDBUF), 20000);
	CHECK_EQ(set_int(fd, SO_SNDBUF, 1), 0);
	CHECK_EQ(get_int(fd, SO_SNDBUF), 4608);
	CHECK_EQ(set_int(fd, SO_RCVBUF, 8000), 0);
	CHECK_EQ(get_int(fd, SO_RCVBUF), 16000);
	CHECK_EQ(set_int(fd, SO_RCVBUF, 0), 0);
	CHECK_EQ(get_int(fd, SO_RCVBUF), 2304);
	CHECK_EQ(set_int(fd, SO_SNDBUF, 1 << 30), 0);
	CHECK(get_int(fd, SO_SNDBUF) >= before && get_int(fd, SO_SNDBUF) < 1 << 30);
	CHECK_EQ(get_int(fd, SO_RCVLOWAT), 1);
	CHECK_EQ(set_int(fd, SO_RCVLOWAT, 7), 0);
	CHECK_EQ(get_int(fd, SO_RCVLOWAT), 7);
	CHECK_EQ(set_int(fd, SO_RCVLOWAT, 0), 0);
	CHECK_EQ(get_int(fd, SO_RCVLOWAT), 1);
	CHECK_EQ(get_int(fd, SO_SNDLOWAT), 1);
	CHECK_ERR(set_int(fd, SO_SNDLOWAT, 2), ENOPROTOOPT);
}

static void test_times(int fd)
{
	struct timeval tv = { 7, 7 };
	struct linger l = { 7, 7 };
	socklen_t len = sizeof(tv);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len), 0);
	CHECK_EQ(len, sizeof(tv));
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	tv = (struct timeval){ 3, 250000 };
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	tv.tv_sec = 0;
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len), 0);
	CHECK_EQ(tv.tv_sec, 3);
	tv = (struct timeval){ 0, 1000000 };
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), EDOM);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 8), EINVAL);
	tv = (struct timeval){ 0, 0 };
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	len = sizeof(l);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len), 0);
	CHECK_EQ(l.l_onoff, 0);
	l = (struct linger){ 1, 5 };
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	l = (struct linger){ 0, 0 };
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len), 0);
	CHECK_EQ(l.l_onoff, 1);
	CHECK_EQ(l.l_linger, 5);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
}

static void test_errors(int fd)
{
	int v = 1;
	socklen_t len = sizeof(v);
	char c = 'x';

	CHECK_ERR(getsockopt(fd, SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_TYPE, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ERROR, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 3), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, (socklen_t)-1), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4), EFAULT);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &len), EFAULT);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (void *)8), EFAULT);
	len = (socklen_t)-1;
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len), EINVAL);
	len = 1;
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &c, &len), 0);
	CHECK_EQ(len, 1);
	CHECK_EQ(c, SOCK_STREAM);
	len = 100;
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len), 0);
	CHECK_EQ(len, 4);
	CHECK_ERR(getsockopt(fd, 6, 1, &v, &len), EOPNOTSUPP);
	CHECK_ERR(setsockopt(fd, 6, 1, &v, sizeof(v)), EOPNOTSUPP);
	len = sizeof(v);
	CHECK_ERR(getsockopt(0, SOL_SOCKET, SO_TYPE, &v, &len), ENOTSOCK);
	CHECK_ERR(setsockopt(-1, SOL_SOCKET, SO_TYPE, &v, 4), EBADF);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_PEERSEC, &v, &len), ENOPROTOOPT);
}

static bool peer_of(int fd, struct ucred *c)
{
	socklen_t len = sizeof(*c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, c, &len) == 0 && len == sizeof(*c);
}

static int child_connects(void *arg)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	return un_connect(s, arg) != 0;
}

static void test_peer(void)
{
	int p[2], s = socket(AF_UNIX, SOCK_STREAM, 0), l, a;
	struct ucred c;
	gid_t groups[100], mine[100];
	socklen_t len = sizeof(groups);
	int nr = getgroups(100, mine);

	CHECK(peer_of(s, &c));
	CHECK_EQ(c.pid, 0);
	CHECK_EQ(c.uid, (uid_t)-1);
	CHECK_EQ(c.gid, (gid_t)-1);
	CHECK_ERR(getsockopt(s, SOL_SOCKET, SO_PEERGROUPS, groups, &len), ENODATA);
	close(s);
	pair_open(SOCK_STREAM, p);
	CHECK(peer_of(p[0], &c));
	CHECK_EQ(c.pid, getpid());
	CHECK_EQ(c.uid, geteuid());
	CHECK_EQ(c.gid, getegid());
	CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_PEERGROUPS, groups, &len), 0);
	CHECK_EQ(len, (size_t)nr * sizeof(gid_t));
	pair_close(p);
	l = un_listener(SOCK_STREAM, "peer", 4);
	CHECK_EQ(in_child(child_connects, "peer"), 0);
	a = accept(l, NULL, NULL);
	CHECK(peer_of(a, &c));
	CHECK(c.pid > 0 && c.pid != getpid());
	close(a);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(un_connect(s, "peer"), 0);
	CHECK(peer_of(s, &c));
	CHECK_EQ(c.pid, getpid());
	close(s);
	close(l);
}

int main(void)
{
	int p[2];

	scratch_enter();
	test_socket();
	pair_open(SOCK_STREAM, p);
	test_switches(p[0]);
	test_buffers(p[0]);
	test_times(p[0]);
	test_errors(p[0]);
	pair_close(p);
	test_peer();
	return check_done();
}
