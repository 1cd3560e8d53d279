/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP on the loopback: names, sizes, connected sockets, errors, what is told beside (udp(7)). */
#include <sys/time.h>
#include "inet.h"

static int udp_bound(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || in_bind(fd, "127.0.0.1", 0) != 0)
		exit(1);
	return fd;
}

static ssize_t send_to(int fd, const void *data, size_t len, const char *ip, int port)
{
	struct sockaddr_in a = in_address(ip, port);

	return sendto(fd, data, len, 0, (struct sockaddr *)&a, sizeof(a));
}

static void test_basic(void)
{
	int a = udp_bound(), b = socket(AF_INET, SOCK_DGRAM, 0), n = -1;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char buf[64];

	CHECK_EQ(poll_now(a), POLLOUT);
	CHECK_EQ(get_int(a, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	CHECK_ERR(recv(a, buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(b, "x", 1, 0), EDESTADDRREQ);
	CHECK_ERR(getpeername(b, (struct sockaddr *)&from, &len), ENOTCONN);
	CHECK(in_port(b) > 0); /* bound before it failed */
	CHECK_EQ(send_to(b, "hello", 5, "127.0.0.1", in_port(a)), 5);
	CHECK_EQ(poll_soon(a, POLLIN), POLLIN);
	CHECK_EQ(ioctl(a, FIONREAD, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(recv(a, buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recv(a, buf, 2, MSG_PEEK | MSG_TRUNC), 5);
	CHECK_EQ(recvfrom(a, buf, 64, 0, (struct sockaddr *)&from, &len), 5);
	CHECK_EQ(len, sizeof(from));
	CHECK_EQ(from.sin_family, AF_INET);
	CHECK_EQ(ntohs(from.sin_port), in_port(b));
	CHECK_EQ(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(send_to(b, "", 0, "127.0.0.1", in_port(a)), 0);
	CHECK_EQ(poll_soon(a, POLLIN), POLLIN);
	CHECK_EQ(recv(a, buf, 64, 0), 0);
	CHECK_EQ(send_to(b, "truncated", 9, "127.0.0.1", in_port(a)), 9);
	CHECK_EQ(recv(a, buf, 4, 0), 4);
	CHECK_ERR(recv(a, buf, 4, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send_to(b, "x", 1, "127.0.0.1", 0), EINVAL);
	CHECK_ERR(sendto(b, "x", 1, 0, (struct sockaddr *)&from, 8), EINVAL);
	from.sin_family = AF_UNIX;
	CHECK_ERR(sendto(b, "x", 1, 0, (struct sockaddr *)&from, sizeof(from)), EAFNOSUPPORT);
	CHECK_ERR(listen(a, 1), EOPNOTSUPP);
	CHECK_ERR(accept(a, 0, 0), EOPNOTSUPP);
	CHECK_ERR(send(a, "x", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(shutdown(a, SHUT_RD), ENOTCONN);
	close(a);
	close(b);
}

static void test_sizes(void)
{
	static char big[70000], buf[70000];
	int a = udp_bound(), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec v = { buf, 10 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	memset(big, 7, sizeof(big));
	CHECK_EQ(send_to(b, big, 65507, "127.0.0.1", in_port(a)), 65507);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 65507);
	CHECK(memcmp(big, buf, 65507) == 0);
	CHECK_ERR(send_to(b, big, 65508, "127.0.0.1", in_port(a)), EMSGSIZE);
	CHECK_ERR(send_to(b, big, 70000, "127.0.0.1", in_port(a)), EMSGSIZE);
	CHECK_EQ(send_to(b, big, 100, "127.0.0.1", in_port(a)), 100);
	CHECK_EQ(recvmsg(a, &m, 0), 10);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(send_to(b, big, 100, "127.0.0.1", in_port(a)), 100);
	CHECK_EQ(recvmsg(a, &m, MSG_TRUNC), 100);
	close(a);
	close(b);
}

static void test_connected(void)
{
	int a = udp_bound(), b = udp_bound(), c = udp_bound();
	char buf[16];

	CHECK_EQ(in_connect(b, "127.0.0.1", in_port(a)), 0);
	CHECK_EQ(in_connect(a, "127.0.0.1", in_port(b)), 0);
	CHECK_EQ(send(b, "one", 3, 0), 3);
	CHECK_EQ(recv(a, buf, 16, 0), 3);
	CHECK_EQ(send_to(c, "stranger", 8, "127.0.0.1", in_port(a)), 8);
	in_settle();
	CHECK_ERR(recv(a, buf, 16, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send_to(b, "to c", 4, "127.0.0.1", in_port(c)), 4);
	CHECK_EQ(recv(c, buf, 16, 0), 4);
	CHECK_EQ(in_connect(b, "127.0.0.1", in_port(c)), 0);
	CHECK_EQ(send(b, "c again", 7, 0), 7);
	CHECK_EQ(recv(c, buf, 16, 0), 7);
	CHECK_EQ(in_disconnect(b), 0);
	CHECK_ERR(send(b, "x", 1, 0), EDESTADDRREQ);
	CHECK_EQ(shutdown(a, SHUT_RDWR), 0);
	CHECK_EQ(poll_now(a) & (POLLIN | POLLHUP | POLLRDHUP), POLLIN | POLLHUP | POLLRDHUP);
	CHECK_EQ(recv(a, buf, 16, 0), 0);
	CHECK_ERR(send(a, "x", 1, 0), EPIPE);
	close(a);
	close(b);
	close(c);
}

static void test_refused(void)
{
	int a = udp_bound(), port = in_port(a), b = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[4];

	/* Nobody else gets the port, and who is connected to itself hears nobody else. */
	CHECK_EQ(in_connect(a, "127.0.0.1", port), 0);
	CHECK_EQ(send_to(b, "x", 1, "127.0.0.1", port), 1);
	/* The datagram has come, and then what answers it. */
	in_settle();
	in_settle();
	CHECK_EQ(socket_error(b), 0); /* not connected: not told */
	CHECK_EQ(in_connect(b, "127.0.0.1", port), 0);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(poll_soon(b, POLLIN) & POLLERR, POLLERR);
	CHECK_ERR(recv(b, buf, 4, 0), ECONNREFUSED);
	CHECK_EQ(poll_now(b), POLLOUT);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	poll_soon(b, POLLIN);
	CHECK_ERR(send(b, "x", 1, 0), ECONNREFUSED);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	poll_soon(b, POLLIN);
	CHECK_EQ(socket_error(b), ECONNREFUSED);
	close(a);
	close(b);
}

/* What a queue has no room for is lost; the sender is not told. */
static void test_full(void)
{
	static char block[4096];
	int a = udp_bound(), b = socket(AF_INET, SOCK_DGRAM, 0), nr = 0, good = 1;

	CHECK_EQ(set_int(a, SOL_SOCKET, SO_RCVBUF, 16384), 0);
	for (int i = 0; i < 100; i++)
		good &= send_to(b, block, sizeof(block), "127.0.0.1", in_port(a)) == 4096;
	CHECK(good);
	in_settle();
	while (recv(a, block, sizeof(block), MSG_DONTWAIT) > 0)
		nr++;
	CHECK(nr > 0 && nr < 20);
	close(a);
	close(b);
}

static void test_broadcast(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[4];

	CHECK_EQ(in_bind(a, "0.0.0.0", 0), 0);
	CHECK_ERR(send_to(b, "x", 1, "127.255.255.255", in_port(a)), EACCES);
	CHECK_ERR(in_connect(b, "127.255.255.255", 9), EACCES);
	CHECK_EQ(set_int(b, SOL_SOCKET, SO_BROADCAST, 1), 0);
	CHECK_EQ(send_to(b, "x", 1, "127.255.255.255", in_port(a)), 1);
	CHECK_EQ(recv(a, buf, 4, 0), 1);
	close(a);
	close(b);
}

static void test_multicast(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct in_addr lo = { htonl(INADDR_LOOPBACK) };
	struct ip_mreq r = { .imr_interface = lo };
	char buf[4];

	r.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
	CHECK_EQ(in_bind(a, "0.0.0.0", 0), 0);
	CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)), 0);
	CHECK_ERR(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)), EADDRINUSE);
	CHECK_EQ(setsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)), 0);
	CHECK_EQ(get_int(b, IPPROTO_IP, IP_MULTICAST_IF), htonl(INADDR_LOOPBACK));
	CHECK_EQ(send_to(b, "x", 1, "239.1.2.3", in_port(a)), 1);
	CHECK_EQ(poll_soon(a, POLLIN), POLLIN);
	CHECK_EQ(recv(a, buf, 4, MSG_DONTWAIT), 1);
	CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &r, sizeof(r)), 0);
	CHECK_ERR(setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &r, sizeof(r)), EADDRNOTAVAIL);
	r.imr_multiaddr.s_addr = inet_addr("127.0.0.1");
	CHECK_ERR(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)), EINVAL);
	CHECK_ERR(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, 4), EINVAL);
	close(a);
	close(b);
}

static void test_told_beside(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(), seen = 0;
	char buf[16], control[256] __attribute__((aligned(8)));
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	CHECK_EQ(in_bind(a, "0.0.0.0", 0), 0);
	CHECK_EQ(set_int(a, IPPROTO_IP, IP_PKTINFO, 1), 0);
	CHECK_EQ(set_int(a, IPPROTO_IP, IP_RECVTTL, 1), 0);
	CHECK_EQ(set_int(a, IPPROTO_IP, IP_RECVTOS, 1), 0);
	CHECK_EQ(set_int(a, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
	CHECK_EQ(set_int(b, IPPROTO_IP, IP_TTL, 33), 0);
	CHECK_EQ(set_int(b, IPPROTO_IP, IP_TOS, 0x10), 0);
	CHECK_EQ(send_to(b, "x", 1, "127.0.0.5", in_port(a)), 1);
	CHECK_EQ(recvmsg(a, &m, 0), 1);
	CHECK_EQ(m.msg_flags, 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct in_pktinfo *info = (void *)CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof(*info)));
			CHECK_EQ(info->ipi_addr.s_addr, inet_addr("127.0.0.5"));
			CHECK_EQ(info->ipi_ifindex, 1);
			seen |= 1;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) {
			CHECK_EQ(*(int *)CMSG_DATA(c), 33);
			seen |= 2;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			CHECK_EQ(*CMSG_DATA(c), 0x10);
			seen |= 4;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP) {
			CHECK(((struct timeval *)(void *)CMSG_DATA(c))->tv_sec > 1600000000);
			seen |= 8;
		}
	}
	CHECK_EQ(seen, 15);
	CHECK_EQ(send_to(b, "x", 1, "127.0.0.1", in_port(a)), 1);
	m.msg_controllen = 20;
	CHECK_EQ(recvmsg(a, &m, 0), 1);
	CHECK_EQ(m.msg_flags, MSG_CTRUNC);
	close(a);
	close(b);
}

int main(void)
{
	test_basic();
	test_sizes();
	test_connected();
	test_refused();
	test_full();
	test_broadcast();
	test_multicast();
	test_told_beside();
	return check_done();
}
