/* SPDX-License-Identifier: BSD-2-Clause */
/* SO_PEERPIDFD, SO_PASSPIDFD and SCM_PIDFD: descriptors of the process at the other end. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include "child.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#define SCM_PIDFD_ 4

/* The number in a line of a descriptor's fdinfo; -2: there is none. */
static int pid_of(int fd)
{
	char name[64], line[200];
	int pid = -2;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (!strncmp(line, "Pid:", 4))
			pid = atoi(line + 4);
	}
	if (f != NULL)
		fclose(f);
	return pid;
}

/* The descriptor in a message's control data of this kind, or -1. Others are closed. */
static int receive(int s, int *flags, size_t room)
{
	char byte, control[256];
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int fd = -1;

	m.msg_control = control;
	m.msg_controllen = room;
	if (recvmsg(s, &m, 0) != 1)
		return -2;
	*flags = m.msg_flags;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_PIDFD_ &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static int sends(void *fd)
{
	char byte;

	if (write(*(int *)fd, "x", 1) != 1)
		return 1;
	return read(*(int *)fd, &byte, 1) == 1 ? 5 : 2; /* lives until it is told to end */
}

static void test_messages(int type)
{
	int s[2], on = 1, fd, flags;
	pid_t pid;

	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)), 0);
	on = 0;
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_PASSPIDFD, &on, &(socklen_t){ sizeof(on) }), 0);
	CHECK_EQ(on, 1);
	pid = child_start(sends, &s[1]);
	fd = receive(s[0], &flags, 256);
	CHECK(fd >= 0);
	CHECK_EQ(flags & MSG_CTRUNC, 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(pid_of(fd), pid);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), 0);
	CHECK_EQ(write(s[0], "y", 1), 1);
	CHECK_EQ(child_wait(pid), 5);
	close(fd);

	CHECK_EQ(write(s[1], "x", 1), 1);
	fd = receive(s[0], &flags, CMSG_SPACE(0)); /* no room for it */
	CHECK_EQ(fd, -1);
	CHECK_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
	on = 0;
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)), 0);
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(receive(s[0], &flags, 256), -1);
	close(s[0]), close(s[1]);
}

static int connects(void *arg)
{
	const struct sockaddr_un *a = arg;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;

	if (connect(s, (const struct sockaddr *)a, sizeof(*a)) != 0)
		return 1;
	return read(s, &byte, 1) == 1 ? 6 : 2;
}

static int peer_pidfd(int s)
{
	socklen_t len = sizeof(int);
	int fd = -1;

	return getsockopt(s, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0 && len == sizeof(fd) ? fd
											    : -1;
}

static void test_peer(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), conn, fd, pair[2];
	pid_t pid;

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "pidfd-%d", (int)getpid());
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(s, 1), 0);
	pid = child_start(connects, &a);
	conn = accept(s, NULL, NULL);
	fd = peer_pidfd(conn);
	CHECK(fd >= 0);
	CHECK_EQ(pid_of(fd), pid);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(conn, "x", 1), 1);
	CHECK_EQ(child_wait(pid), 6);
	CHECK_EQ(pid_of(fd), -1);
	close(fd), close(conn), close(s);

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	fd = peer_pidfd(pair[0]);
	CHECK_EQ(pid_of(fd), getpid());
	close(fd), close(pair[0]), close(pair[1]);

	s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(getsockopt(s, SOL_SOCKET, SO_PEERPIDFD, &fd, &(socklen_t){ sizeof(fd) }),
		  ENODATA);
	close(s);
}

/* Linux has it since 6.5. */
static bool is_there(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), on = 1;
	bool there = setsockopt(s, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)) == 0 ||
		     errno != ENOPROTOOPT;

	close(s);
	return there || check_in_hull();
}

int main(void)
{
	if (!is_there()) {
		printf("# this kernel has no SO_PASSPIDFD\n");
		return check_done();
	}
	test_messages(SOCK_STREAM);
	test_messages(SOCK_DGRAM);
	test_messages(SOCK_SEQPACKET);
	test_peer();
	return check_done();
}
