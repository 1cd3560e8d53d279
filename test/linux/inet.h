/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs about internet sockets share. Only 127.0.0.0/8 and ::1 are used. */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include "sockets.h"

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

/* Until something happens to fd, at most a second: the host needs a moment for an answer. */
static inline int poll_soon(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, 1000) < 0 ? -1 : p.revents;
}
