/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of programs: descriptors to sockets, addresses and ancillary data in and out of user
 * memory. net/socket.h has what is done with them.
 */
#pragma once
#include "lib/compiler.h"
#include "net/socket.h"

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

/* ---- control.c ---- */

/* Ancillary data of a send, into m. Its rights are the caller's, who frees what is left. */
MUST_CHECK int socket_control_read(struct socket_message *m, uaddr_t control, size_t len);
/* What was received, to the program: *len is the room, then what is used of it. Takes m->rights.
 * MSG_CTRUNC goes to m->out_flags. */
void socket_control_write(struct socket_message *m, uaddr_t control, size_t *len);
