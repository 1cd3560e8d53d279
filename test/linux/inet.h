/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs about internet sockets share. Only 127.0.0.0/8 and ::1 are used. */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include "netspace.h"
#include "sockets.h"

/* On the host root has a network of its own: nobody else's packets, ports and groups are in it. */
static void __attribute__((constructor)) in_own_network(void)
{
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return;
	netspace_raise_lo();
	fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "0 2147483647", 12);
		close(fd);
	}
}

static inline struct sockaddr_in in_address(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	a.sin_addr.s_addr = inet_addr(ip);
	return a;
}

static inline struct sockaddr_in6 in6_address(const char *ip, int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	inet_pton(AF_INET6, ip, &a.sin6_addr);
	return a;
}

static inline int in_bind(int fd, const char *ip, int port)
{
	struct sockaddr_in a = in_address(ip, port);

	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static inline int in_connect(int fd, const char *ip, int port)
{
	struct sockaddr_in a = in_address(ip, port);

	return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static inline int in6_bind(int fd, const char *ip, int port)
{
	struct sockaddr_in6 a = in6_address(ip, port);

	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static inline int in6_connect(int fd, const char *ip, int port)
{
	struct sockaddr_in6 a = in6_address(ip, port);

	return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static inline int in_disconnect(int fd)
{
	struct sockaddr a = { .sa_family = AF_UNSPEC };

	return connect(fd, &a, sizeof(a));
}

/* Of either family. */
static inline int in_port(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &len) == 0 ? ntohs(a.sin6_port) : -1;
}

static inline int in_listener(const char *ip, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || in_bind(fd, ip, 0) != 0 || listen(fd, backlog) != 0) {
		printf("FAIL cannot listen at %s: %s\n", ip, strerror(errno));
		exit(1);
	}
	return fd;
}

/* fds[0] connected, fds[1] was accepted. */
static inline void in_pair(int fds[2])
{
	int l = in_listener("127.0.0.1", 1);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (in_connect(fds[0], "127.0.0.1", in_port(l)) != 0 || (fds[1] = accept(l, 0, 0)) < 0) {
		printf("FAIL cannot make a connection: %s\n", strerror(errno));
		exit(1);
	}
	close(l);
}

/* An address of either family. */
union in_name {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Not blocking, bound to the loopback and connected to itself. */
static inline int in_to_itself(int family, int type)
{
	union in_name a = { .sa.sa_family = (sa_family_t)family };
	int fd = socket(family, type | SOCK_NONBLOCK, 0);
	socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);

	if (family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.v6.sin6_addr = in6addr_loopback;
	CHECK_EQ(bind(fd, &a.sa, len), 0);
	CHECK_EQ(getsockname(fd, &a.sa, &len), 0);
	CHECK_EQ(connect(fd, &a.sa, len), 0);
	return fd;
}

static inline int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* -1: errno. */
static inline int get_int(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static inline int socket_error(int fd)
{
	return get_int(fd, SOL_SOCKET, SO_ERROR);
}

/* Until something happens to fd: Linux may leave what is sent to its ksoftirqd for a while. */
static inline int poll_soon(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, 240000) < 0 ? -1 : p.revents;
}

/* The same for POLLIN alone: an error that is told before it does not count. */
static inline void in_wait_readable(int fd)
{
	while ((poll_soon(fd, POLLIN) & (POLLIN | POLLERR)) == POLLERR)
		usleep(1000);
}

/* Until a stream has nr bytes to read. */
static inline void in_wait_bytes(int fd, int nr)
{
	int there = 0;

	while (ioctl(fd, FIONREAD, &there) == 0 && there < nr)
		usleep(1000);
}

/* One datagram there and back, on this CPU. */
static inline void in_ping_pong(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char byte = 0;

	if (getsockname(fd, (struct sockaddr *)&a, &len) == 0 &&
	    sendto(fd, &byte, 1, 0, (struct sockaddr *)&a, len) == 1)
		(void)!recv(fd, &byte, 1, 0);
}

/*
 * Until everything that was sent through the loopback has arrived, or was thrown away: Linux has a
 * queue of it for each CPU, and a datagram that is sent there now comes after it. That many
 * datagrams were sent.
 */
static inline int in_settle(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), nr = 0;
	cpu_set_t all, one;

	if (fd < 0 || in_bind(fd, "127.0.0.1", 0) != 0 ||
	    sched_getaffinity(0, sizeof(all), &all) != 0) {
		printf("FAIL cannot settle: %s\n", strerror(errno));
		exit(1);
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!CPU_ISSET(cpu, &all) || sched_setaffinity(0, sizeof(one), &one) != 0)
			continue;
		in_ping_pong(fd);
		nr++;
	}
	(void)sched_setaffinity(0, sizeof(all), &all);
	close(fd);
	return nr;
}
