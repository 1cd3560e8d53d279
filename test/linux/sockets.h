/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs about sockets share: addresses, pairs, polling, a child with a verdict. */
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "check.h"

#define UN_PATH offsetof(struct sockaddr_un, sun_path)

/* Of a file; the length with its NUL is *len. */
static inline struct sockaddr_un un_file(const char *path, socklen_t *len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	*len = UN_PATH + strlen(a.sun_path) + 1;
	return a;
}

/* An abstract name, made unique by the process id. */
static inline struct sockaddr_un un_abstract(const char *name, socklen_t *len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "hull-%d-%s", getpid(), name);

	*len = UN_PATH + 1 + n;
	return a;
}

static inline int un_bind(int fd, const char *path)
{
	socklen_t len;
	struct sockaddr_un a = un_file(path, &len);

	return bind(fd, (struct sockaddr *)&a, len);
}

static inline int un_connect(int fd, const char *path)
{
	socklen_t len;
	struct sockaddr_un a = un_file(path, &len);

	return connect(fd, (struct sockaddr *)&a, len);
}

static inline int un_listener(int type, const char *path, int backlog)
{
	int fd = socket(AF_UNIX, type, 0);

	if (fd < 0 || un_bind(fd, path) != 0 || listen(fd, backlog) != 0) {
		printf("FAIL cannot listen at %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static inline void pair_open(int type, int fds[2])
{
	if (socketpair(AF_UNIX, type, 0, fds) != 0) {
		printf("FAIL socketpair: %s\n", strerror(errno));
		exit(1);
	}
}

static inline void pair_close(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* The events of one descriptor now; all that poll(2) can say are asked for. */
static inline int poll_now(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0 };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

/* The same once a connection is over; Linux says one after the other. */
static inline int poll_over(int fd)
{
	const int over = POLLHUP | POLLRDHUP;
	struct pollfd p = { fd, 0, 0 };
	int now;

	do
		now = poll(&p, 1, -1) == 1 ? poll_now(fd) : -1;
	while ((now & over) != over);
	return now;
}

/* On the host root has local sockets' abstract names, and their table in /proc, for itself. */
static inline void un_enter_space(void)
{
	if (geteuid() == 0)
		(void)unshare(CLONE_NEWNET); /* EPERM: a container's root, or Hull's */
}

/* Runs fn in a child: its result is the exit status, which is returned. */
static inline int in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
