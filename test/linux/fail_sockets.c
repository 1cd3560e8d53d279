/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation fails once: sockets of AF_UNIX, descriptors sent. */
#include <sys/socket.h>
#include <sys/un.h>

#include "fail.h"

static char bytes[64 * 1024];

static int whole(ssize_t n, size_t len)
{
	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOMEM;
}

/* ---- AF_UNIX ---- */

static int pair(int type, int fds[2])
{
	return fail_done(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
}

static int run_pair_stream(void)
{
	int fds[2], err = pair(SOCK_STREAM, fds);

	if (err != 0)
		return err;
	err = whole(write(fds[0], bytes, sizeof(bytes)), sizeof(bytes));
	if (err == 0)
		err = whole(read(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
	close(fds[0]), close(fds[1]);
	return err;
}

static int run_pair_datagrams(void)
{
	int fds[2], err = pair(SOCK_DGRAM, fds);

	if (err != 0)
		return err;
	err = whole(write(fds[0], bytes, 5000), 5000);
	if (err == 0)
		err = whole(read(fds[1], bytes, 6000), 5000);
	close(fds[0]), close(fds[1]);
	if (err == 0)
		err = pair(SOCK_SEQPACKET, fds);
	if (err != 0)
		return err;
	err = whole(write(fds[0], bytes, 3000), 3000);
	close(fds[0]), close(fds[1]);
	return err;
}

static int run_rights(void)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct iovec v = { bytes, 10 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;
	int fds[2], sent[2], err = pair(SOCK_STREAM, fds);

	if (err != 0)
		return err;
	m.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	c->cmsg_len = CMSG_LEN(sizeof(sent));
	sent[0] = fds[0], sent[1] = fds[1]; /* a circle, which must be found and freed */
	memcpy(CMSG_DATA(c), sent, sizeof(sent));
	err = whole(sendmsg(fds[0], &m, 0), 10);
	if (err == 0)
		err = whole(sendmsg(fds[0], &m, 0), 10);
	m.msg_controllen = sizeof(control);
	if (err == 0)
		err = whole(recvmsg(fds[1], &m, MSG_CMSG_CLOEXEC), 10);
	c = CMSG_FIRSTHDR(&m);
	if (err == 0 && c != NULL && c->cmsg_type == SCM_RIGHTS) {
		memcpy(sent, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
			close(sent[i]);
	}
	close(fds[0]), close(fds[1]);
	return err;
}

static int serve(int listener, const void *address, socklen_t len)
{
	int client = socket(((const struct sockaddr *)address)->sa_family,
			    SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server, err;

	if (client < 0)
		return -errno;
	err = fail_done(connect(client, address, len));
	if (err != 0) {
		close(client);
		return err;
	}
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	err = server < 0 ? -errno : whole(write(server, bytes, 20000), 20000);
	if (err == 0)
		err = whole(recv(client, bytes, 20000, MSG_WAITALL), 20000);
	if (server >= 0)
		close(server);
	close(client);
	return err;
}

static int prepare_name(void)
{
	(void)unlink("listener"); /* the last child may have failed to */
	return 0;
}

static int run_unix_server(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "listener" };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (listener < 0)
		return -errno;
	err = fail_done(bind(listener, (struct sockaddr *)&a, sizeof(a)));
	if (err == 0)
		err = fail_done(listen(listener, 4));
	if (err == 0)
		err = serve(listener, &a, sizeof(a));
	close(listener);
	(void)unlink("listener");
	return err;
}

static int run_unix_abstract(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (s < 0)
		return -errno;
	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "%09d", getpid());
	err = fail_done(bind(s, (struct sockaddr *)&a, 12));
	if (err == 0)
		err = whole(sendto(s, bytes, 100, 0, (struct sockaddr *)&a, 12), 100);
	if (err == 0)
		err = whole(recv(s, bytes, 100, 0), 100);
	close(s);
	return err;
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ } \
	}

static const struct fail_op ops[] = {
	ROW(pair_stream, ENOBUFS),
	ROW(pair_datagrams, ENOBUFS),
	ROW(rights, ENOBUFS, ETOOMANYREFS),
	{ .name = "unix_server",
	  .run = run_unix_server,
	  .prepare = prepare_name,
	  .errors = { ENOBUFS, ENOSPC } },
	ROW(unix_abstract, ENOBUFS),
};

int main(int argc, char **argv)
{
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
