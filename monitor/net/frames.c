/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An inherited descriptor (VM_NET_FD): a tap, which is tap.c's, or a connected UNIX socket that
 * keeps messages apart (datagram or seqpacket), each message one bare Ethernet frame: what two
 * VMs, a switch in user space or a test speak. No offloads: nobody behind it could complete them.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "lib/compiler.h"
#include "monitor/net/backend.h"
#include "monitor/net/iov.h"
#include "monitor/net/tap.h"

#define PIECES_MAX 1024

struct frames {
	struct net_backend backend;
	int fd; /* the caller's */
	bool is_full;
};

static struct frames *of_backend(struct net_backend *b)
{
	return container_of(b, struct frames, backend);
}

/* Whoever is gone does not come back to this socket. */
static bool is_gone(int error)
{
	return error == EPIPE || error == ECONNREFUSED || error == ECONNRESET || error == ENOTCONN;
}

/* A message of no bytes looks like the end. */
static bool is_over(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };

	return poll(&end, 1, 0) > 0;
}

static int frames_send(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	struct frames *f = of_backend(b);
	struct iovec bare[PIECES_MAX];
	struct msghdr message = { .msg_iov = bare };

	message.msg_iovlen = iov_skip(iov, nr, VIRTIO_NET_HEADER_BYTES, bare);
	f->is_full = false;
	if (!b->link_up || sendmsg(f->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	f->is_full = errno == EAGAIN;
	if (is_gone(errno))
		b->link_up = false;
	return f->is_full ? -EAGAIN : 0;
}

static bool is_unfit(const struct msghdr *message, ssize_t len)
{
	return (message->msg_flags & MSG_TRUNC) != 0 || len < (ssize_t)NET_FRAME_MIN;
}

static ssize_t frames_receive(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	static const char no_header[VIRTIO_NET_HEADER_BYTES];
	struct iovec bare[PIECES_MAX];
	struct msghdr message = { .msg_iov = bare };
	ssize_t len = -1;

	if (!b->link_up)
		return -EAGAIN;
	iov_copy_in(iov, nr, 0, no_header, sizeof(no_header));
	message.msg_iovlen = iov_skip(iov, nr, sizeof(no_header), bare);
	do {
		message.msg_flags = 0;
		len = recvmsg(of_backend(b)->fd, &message, MSG_DONTWAIT);
		if ((len == 0 && is_over(of_backend(b)->fd)) || (len < 0 && is_gone(errno)))
			b->link_up = false;
	} while (b->link_up && len >= 0 && is_unfit(&message, len));
	return len > 0 ? len + (ssize_t)sizeof(no_header) : -EAGAIN;
}

static void frames_before_poll(struct net_backend *b, struct net_poll *poll, bool wants_frames)
{
	struct frames *f = of_backend(b);
	short events = (short)((wants_frames ? POLLIN : 0) | (f->is_full ? POLLOUT : 0));

	if (b->link_up && events != 0)
		net_poll_add(poll, f->fd, events);
}

static void frames_after_poll(struct net_backend *b, const struct net_poll *poll)
{
	(void)poll;
	of_backend(b)->is_full = false;
}

static void frames_free(struct net_backend *b)
{
	free(of_backend(b));
}

static const struct net_backend_ops ops = {
	.send = frames_send,
	.receive = frames_receive,
	.before_poll = frames_before_poll,
	.after_poll = frames_after_poll,
	.free = frames_free,
};

struct net_backend *net_frames_new(const struct vm_net *net, int *error, char message[512])
{
	struct net_backend *tap = net_tap_of_fd(net->fd);
	struct frames *f;
	socklen_t len = sizeof(int);
	int type = 0;

	if (tap != NULL)
		return tap;
	*error = -EINVAL;
	if (getsockopt(net->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    (type != SOCK_DGRAM && type != SOCK_SEQPACKET)) {
		snprintf(message, 512,
			 "descriptor %d: it is neither a tap nor a socket that keeps frames apart "
			 "(SOCK_DGRAM or SOCK_SEQPACKET)%s%s",
			 net->fd, errno == EBADF ? ": " : "",
			 errno == EBADF ? strerror(errno) : "");
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	*error = -ENOMEM;
	if (f == NULL) {
		snprintf(message, 512, "no memory for a network interface");
		return NULL;
	}
	f->fd = net->fd;
	f->backend = (struct net_backend){
		.ops = &ops,
		.mtu = net->mtu != 0 ? net->mtu : NET_MTU_STANDARD,
		.link_up = true,
	};
	return &f->backend;
}
