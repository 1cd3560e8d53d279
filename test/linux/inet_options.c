/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of internet sockets that are numbers: what is taken, and what is told then; and what some
 * of them add to a message. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "inet.h"

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif

#define ERROR(e) (-(e))

/* What a new socket has; what setting 1, 2, 0 and -1 does: the value then, or the error. */
static const struct row {
	int family, type, level, name;
	int first, one, two, zero, minus;
} rows[] = {
	{ AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_BUSY_POLL, 0, 1, 2, 0, ERROR(EINVAL) },
	{ AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_PREFER_BUSY_POLL, 0, 1, 1, 0, 1 },
	{ AF_INET, SOCK_STREAM, SOL_SOCKET, SO_INCOMING_CPU, -1, 1, 2, 0, -1 },
	{ AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_MULTICAST_ALL, 1, 1, ERROR(EINVAL), 0,
	  ERROR(EINVAL) },
	{ AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_MULTICAST_LOOP, 1, 1, 1, 0, 1 },
	{ AF_INET, SOCK_DGRAM, IPPROTO_IP, IP_RECVORIGDSTADDR, 0, 1, 1, 0, 1 },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, 1, ERROR(EINVAL), 0,
	  ERROR(EINVAL) },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1, 1, 2, 0, ERROR(EINVAL) },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, 1, 2, 0, 64 },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, 1, 2, 0, 1 },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_TCLASS, 0, 1, 2, 0, 0 },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, 1, ERROR(EINVAL), 0,
	  ERROR(EINVAL) },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, 1, ERROR(EINVAL), 0,
	  ERROR(EINVAL) },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_INQ, 0, 1, ERROR(EINVAL), 0, ERROR(EINVAL) },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, UDP_GRO, 0, 1, 1, 0, 1 },
};

static int get(int s, const struct row *r)
{
	int value = -99;
	socklen_t len = sizeof(value);

	CHECK_EQ(getsockopt(s, r->level, r->name, &value, &len), 0);
	return value;
}

static int set(int s, const struct row *r, int value)
{
	if (setsockopt(s, r->level, r->name, &value, sizeof(value)) != 0)
		return -errno;
	return get(s, r);
}

static bool is_right(const struct row *r)
{
	int s = socket(r->family, r->type, 0), got = set(s, r, 1);
	bool good = true;

	if (got == -EPERM || got == -ENOPROTOOPT) { /* for root, or a newer kernel */
		close(s);
		return true;
	}
	close(s);
	s = socket(r->family, r->type, 0);
	good &= CHECK_EQ(get(s, r), r->first);
	good &= CHECK_EQ(set(s, r, 1), r->one);
	good &= CHECK_EQ(set(s, r, 2), r->two);
	good &= CHECK_EQ(set(s, r, 0), r->zero);
	good &= CHECK_EQ(set(s, r, -1), r->minus);
	close(s);
	return good;
}

static void numbers(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!is_right(&rows[i]))
			printf("# the level %d, the option %d\n", rows[i].level, rows[i].name);
	}
}

/* IPv4's options of groups are none of IPv6's level, whose numbers they have. */
static void levels(void)
{
	struct ip_mreqn m = { .imr_ifindex = 1 };
	int s = socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "239.1.1.1", &m.imr_multiaddr);
	CHECK_ERR(setsockopt(s, IPPROTO_IPV6, IP_BLOCK_SOURCE, &m, 12), ENOPROTOOPT);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)), 0);
	close(s);
}

static char control[256];

static struct cmsghdr *receive(int s, struct msghdr *m, ssize_t len)
{
	static char buf[64];
	static struct iovec v = { buf, 10 };

	*m = (struct msghdr){ .msg_iov = &v,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	CHECK_EQ(recvmsg(s, m, 0), len);
	return CMSG_FIRSTHDR(m);
}

static void original_target(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	socklen_t len = sizeof(a);
	struct cmsghdr *c;
	struct msghdr m;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 6);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_RECVORIGDSTADDR, &on, sizeof(on)), 0);
	CHECK_EQ(sendto(s, "abc", 3, 0, (struct sockaddr *)&a, sizeof(a)), 3);
	c = receive(s, &m, 3);
	CHECK(c != NULL && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_ORIGDSTADDR);
	CHECK(c != NULL && memcmp(CMSG_DATA(c), &a, 8) == 0);
	close(s);
}

static void original_target6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int s = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
	socklen_t len = sizeof(a);
	struct cmsghdr *c;
	struct msghdr m;

	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, 74 /* IPV6_RECVORIGDSTADDR */, &on, sizeof(on)), 0);
	CHECK_EQ(sendto(s, "abc", 3, 0, (struct sockaddr *)&a, sizeof(a)), 3);
	c = receive(s, &m, 3);
	CHECK(c != NULL && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == 74);
	CHECK(c != NULL && memcmp(CMSG_DATA(c), &a, 24) == 0);
	close(s);
}

static int told_left(struct cmsghdr *c)
{
	int left = -1;

	if (CHECK(c != NULL && c->cmsg_level == IPPROTO_TCP && c->cmsg_type == TCP_CM_INQ))
		memcpy(&left, CMSG_DATA(c), sizeof(left));
	return left;
}

/* How many bytes are left to be read. */
static void left(void)
{
	int fds[2], on = 1;
	struct msghdr m;

	in_pair(fds);
	CHECK_EQ(setsockopt(fds[1], IPPROTO_TCP, TCP_INQ, &on, sizeof(on)), 0);
	CHECK_EQ(send(fds[0], "0123456789abcde", 15, 0), 15);
	CHECK_EQ(told_left(receive(fds[1], &m, 10)), 5);
	CHECK_EQ(told_left(receive(fds[1], &m, 5)), 0);
	close(fds[0]), close(fds[1]);
}

/* What has come too far is not heard: RFC 5082. */
static void least_hops(void)
{
	int fds[2];
	int all = 255, none = 0;
	char byte = 0;

	in_pair(fds);
	CHECK_EQ(setsockopt(fds[1], IPPROTO_IP, IP_MINTTL, &all, sizeof(all)), 0);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1);
	in_settle();
	CHECK_ERR(recv(fds[1], &byte, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(setsockopt(fds[1], IPPROTO_IP, IP_MINTTL, &none, sizeof(none)), 0);
	CHECK_EQ(recv(fds[1], &byte, 1, 0), 1); /* it is sent again */
	CHECK_EQ(byte, 'x');
	close(fds[0]), close(fds[1]);
}

int main(void)
{
	numbers();
	levels();
	original_target();
	original_target6();
	left();
	least_hops();
	return check_done();
}
