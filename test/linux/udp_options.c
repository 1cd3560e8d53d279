/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP's options on the loopback: the queue of errors, sources, segments, shared ports, interfaces
 * (ip(7), ipv6(7), udp(7), socket(7)). */
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include "inet.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static char control[256] __attribute__((aligned(8)));

static int udp_bound(const char *ip)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || in_bind(fd, ip, 0) != 0)
		exit(1);
	return fd;
}

static ssize_t send_to(int fd, const void *data, size_t len, const char *ip, int port)
{
	struct sockaddr_in a = in_address(ip, port);

	return sendto(fd, data, len, 0, (struct sockaddr *)&a, sizeof(a));
}

/* The error that is queued: its type and code, and who said so. */
static void check_queued(int fd, int port)
{
	char buf[16];
	struct sockaddr_in to, by;
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_name = &to };
	struct sock_extended_err e;
	struct cmsghdr *c;

	m.msg_namelen = sizeof(to);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	CHECK_EQ(recvmsg(fd, &m, MSG_ERRQUEUE), 7);
	CHECK_EQ(m.msg_flags, MSG_ERRQUEUE);
	CHECK(memcmp(buf, "nowhere", 7) == 0);
	CHECK_EQ(ntohs(to.sin_port), port);
	CHECK_EQ(to.sin_addr.s_addr, inet_addr("127.0.0.1"));
	c = CMSG_FIRSTHDR(&m);
	CHECK(c != NULL);
	if (c == NULL)
		return;
	CHECK_EQ(c->cmsg_level, IPPROTO_IP);
	CHECK_EQ(c->cmsg_type, IP_RECVERR);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof(e) + sizeof(by)));
	memcpy(&e, CMSG_DATA(c), sizeof(e));
	memcpy(&by, CMSG_DATA(c) + sizeof(e), sizeof(by));
	CHECK_EQ(e.ee_errno, ECONNREFUSED);
	CHECK_EQ(e.ee_origin, SO_EE_ORIGIN_ICMP);
	CHECK_EQ(e.ee_type, ICMP_DEST_UNREACH);
	CHECK_EQ(e.ee_code, ICMP_PORT_UNREACH);
	CHECK_EQ(by.sin_addr.s_addr, inet_addr("127.0.0.1"));
}

static void test_errors(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), held = udp_bound("127.0.0.1");
	int port = in_port(held);
	char buf[16];

	/* Nobody else gets the port, and who is connected to itself hears nobody else. */
	CHECK_EQ(in_connect(held, "127.0.0.1", port), 0);
	CHECK_EQ(set_int(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
	CHECK_ERR(recv(fd, buf, sizeof(buf), MSG_ERRQUEUE), EAGAIN);
	CHECK_EQ(send_to(fd, "nowhere", 7, "127.0.0.1", port), 7);
	CHECK_EQ(poll_soon(fd, POLLIN) & POLLERR, POLLERR);
	CHECK_ERR(recv(fd, buf, sizeof(buf), 0), ECONNREFUSED);
	CHECK_EQ(poll_now(fd) & POLLERR, POLLERR); /* it is still queued */
	check_queued(fd, port);
	CHECK_EQ(poll_now(fd) & POLLERR, 0);
	CHECK_EQ(socket_error(fd), 0);
	close(fd);
	close(held);
}

/* IP_PKTINFO says where from. */
static void test_source(void)
{
	int a = udp_bound("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = in_address("127.0.0.1", in_port(a)), from;
	struct iovec v = { (char *)"x", 1 };
	struct msghdr m = { .msg_name = &to, .msg_iov = &v, .msg_iovlen = 1 };
	struct in_pktinfo info = { .ipi_ifindex = 1 };
	socklen_t len = sizeof(from);
	struct cmsghdr *c;
	char buf[4];

	m.msg_namelen = sizeof(to);
	m.msg_control = control;
	m.msg_controllen = CMSG_SPACE(sizeof(info));
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
	info.ipi_spec_dst.s_addr = inet_addr("127.0.0.77");
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	CHECK_EQ(sendmsg(b, &m, 0), 1);
	CHECK_EQ(recvfrom(a, buf, 4, 0, (struct sockaddr *)&from, &len), 1);
	CHECK_EQ(from.sin_addr.s_addr, inet_addr("127.0.0.77"));
	info.ipi_spec_dst.s_addr = inet_addr("192.0.2.1");
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	CHECK_ERR(sendmsg(b, &m, 0), ENETUNREACH);
	close(a);
	close(b);
}

/* One send, several datagrams. */
static void test_segments(void)
{
	int a = udp_bound("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
	char data[2500], buf[2500];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)i;
	CHECK_EQ(set_int(b, IPPROTO_UDP, UDP_SEGMENT, 1000), 0);
	CHECK_EQ(get_int(b, IPPROTO_UDP, UDP_SEGMENT), 1000);
	CHECK_EQ(send_to(b, data, sizeof(data), "127.0.0.1", in_port(a)), 2500);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 1000);
	CHECK_EQ(recv(a, buf + 1000, sizeof(buf), 0), 1000);
	CHECK_EQ(recv(a, buf + 2000, sizeof(buf), 0), 500);
	CHECK(memcmp(data, buf, sizeof(buf)) == 0);
	CHECK_ERR(recv(a, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(set_int(b, IPPROTO_UDP, UDP_SEGMENT, 70000), EINVAL);
	CHECK_ERR(set_int(b, IPPROTO_UDP, UDP_SEGMENT, -1), EINVAL);
	close(a);
	close(b);
}

/* SO_REUSEPORT: every flow to one of them, all of them used. */
static void test_shared_port(void)
{
	int servers[4], port = 0, nr[4] = { 0 }, used = 0;
	char c;

	for (int i = 0; i < 4; i++) {
		servers[i] = socket(AF_INET, SOCK_DGRAM, 0);
		CHECK_EQ(set_int(servers[i], SOL_SOCKET, SO_REUSEPORT, 1), 0);
		CHECK_EQ(in_bind(servers[i], "127.0.0.1", port), 0);
		port = in_port(servers[i]);
	}
	for (int i = 0; i < 64; i++) {
		int client = socket(AF_INET, SOCK_DGRAM, 0);

		CHECK_EQ(send_to(client, "x", 1, "127.0.0.1", port), 1);
		close(client);
	}
	in_settle();
	for (int i = 0; i < 4; i++) {
		while (recv(servers[i], &c, 1, MSG_DONTWAIT) == 1)
			nr[i]++;
		used += nr[i] > 0;
		close(servers[i]);
	}
	CHECK_EQ(nr[0] + nr[1] + nr[2] + nr[3], 64);
	CHECK_EQ(used, 4);
}

static void test_device(void)
{
	int a = udp_bound("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
	char name[16], c;
	socklen_t len = sizeof(name);

	CHECK_EQ(getsockopt(b, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_ERR(setsockopt(b, SOL_SOCKET, SO_BINDTODEVICE, "none7", 6), ENODEV);
	CHECK_EQ(setsockopt(b, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	len = sizeof(name);
	CHECK_EQ(getsockopt(b, SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
	CHECK_EQ(len, 3);
	CHECK_STR(name, "lo");
	CHECK_EQ(get_int(b, SOL_SOCKET, SO_BINDTOIFINDEX), 1);
	CHECK_EQ(send_to(b, "x", 1, "127.0.0.1", in_port(a)), 1);
	CHECK_EQ(recv(a, &c, 1, 0), 1);
	close(a);
	close(b);
}

/* Connecting again keeps the port, and hears the new peer only. */
static void test_again(void)
{
	int a = udp_bound("127.0.0.1"), b = udp_bound("127.0.0.2");
	int c = socket(AF_INET, SOCK_DGRAM, 0), port;
	char x;

	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(a)), 0);
	port = in_port(c);
	CHECK_EQ(in_connect(c, "127.0.0.2", in_port(b)), 0);
	CHECK_EQ(in_port(c), port);
	CHECK_EQ(send_to(a, "a", 1, "127.0.0.1", port), 1);
	CHECK_EQ(send_to(b, "b", 1, "127.0.0.1", port), 1);
	CHECK_EQ(recv(c, &x, 1, 0), 1);
	CHECK_EQ(x, 'b');
	CHECK_ERR(recv(c, &x, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(in_disconnect(c), 0);
	CHECK_EQ(in_port(c), 0);
	close(a);
	close(b);
	close(c);
}

int main(void)
{
	test_errors();
	test_source();
	test_segments();
	test_shared_port();
	if (geteuid() == 0)
		test_device();
	test_again();
	return check_done();
}
