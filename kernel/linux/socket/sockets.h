/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of programs: descriptors to sockets, addresses and ancillary data in and out of user
 * memory. net/socket.h has what is done with them.
 */
#pragma once
#include "lib/compiler.h"
#include "linux/file/rw.h"
#include "net/socket/socket.h"

/* struct user_msghdr of <sys/socket.h> on 64 bits. */
struct user_message {
	uaddr_t name;
	int32_t name_len;
	uint32_t unused;
	uaddr_t iov;
	uint64_t nr_iov;
	uaddr_t control;
	uint64_t control_len;
	uint32_t flags, unused2;
};

/* struct cmsghdr. */
struct user_control {
	uint64_t len; /* with this header */
	int32_t level, type;
};

/* ---- socket.c ---- */

/* Of the current task: *f is counted. -EBADF, -ENOTSOCK. */
MUST_CHECK int socket_fd_get(int fd, struct file **f, struct socket **s);
/* An address from user memory: -EINVAL, -EFAULT. */
MUST_CHECK int socket_address_read(struct socket_address *a, uaddr_t from, int len);
/* As much of it as there is room for; *len_at is the room, then the address's length. */
MUST_CHECK int socket_address_write(const struct socket_address *a, uaddr_t to, uaddr_t len_at);

/* accept4(2) on the file of a listening socket: the new descriptor, or -errno. */
MUST_CHECK long socket_accept_file(struct file *f, int flags, uaddr_t address, uaddr_t len_at,
				   bool nonblock);
MUST_CHECK int socket_shutdown(struct socket *s, int how);

/* ---- message.c ---- */

/* A message header copied in, with its vectors. */
struct socket_call {
	struct user_message user;
	struct uio_vec room[RW_VECS_INLINE], *vecs;
	struct uio data;
	struct socket_address address;
	struct socket_notes notes;
	struct socket_way way;
	struct socket_message m;
};

/* With O_NONBLOCK and SIGPIPE looked at. */
ssize_t socket_send(struct file *f, struct socket *s, struct socket_message *m);
ssize_t socket_receive(struct file *f, struct socket *s, struct socket_message *m);
/* The header; then the rest of what is sent, or what is expected; socket_call_end() frees it. */
MUST_CHECK int socket_call_begin(struct socket_call *c, uaddr_t from, unsigned flags);
MUST_CHECK int socket_call_read(struct socket_call *c, const struct socket *s);
void socket_call_expect(struct socket_call *c);
MUST_CHECK int socket_call_write(struct socket_call *c, uaddr_t to); /* what was received */
void socket_call_end(struct socket_call *c);

/* ---- control.c ---- */

/* Ancillary data of a send, into m. Its rights are the caller's, who frees what is left. */
MUST_CHECK int socket_control_read(struct socket_message *m, uaddr_t control, size_t len);
/* What was received, to the program: *len is the room, then what is used of it. Takes m->rights.
 * MSG_CTRUNC goes to m->out_flags. */
void socket_control_write(struct socket_message *m, uaddr_t control, size_t *len);
