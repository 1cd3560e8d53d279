/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relay of one interface. A frame is held in `out` until the backend takes it, and one in `in`
 * until QEMU's end of the pair has room; neither side is read while its frame is held.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/compiler.h"
#include "monitor/net/backend.h"
#include "monitor/net/capture.h"
#include "monitor/qemu/qemu_net.h"

#define FRAME_BYTES (VIRTIO_NET_HEADER_BYTES + NET_FRAME_MAX + 1)

struct qemu_net {
	/* [I] immutable once started  [r] the relay's thread */
	struct net_backend *backend; /* [I] what it points to: [r] */
	struct capture *capture;     /* [I] */
	unsigned idx;                /* [I] */
	int peer_fd, stop_fd;        /* [I] */
	pthread_t thread;
	bool has_thread;
	size_t out_len, in_len;                    /* [r] 0: nothing is held */
	uint8_t out[FRAME_BYTES], in[FRAME_BYTES]; /* [r] with virtio's header */
};

/* One frame of the guest's. True: something was done. */
static bool pass_out(struct qemu_net *net)
{
	struct iovec iov = { .iov_base = net->out };
	ssize_t len;

	if (net->out_len == 0) {
		len = recv(net->peer_fd, net->out + VIRTIO_NET_HEADER_BYTES,
			   sizeof(net->out) - VIRTIO_NET_HEADER_BYTES, MSG_DONTWAIT);
		if (len < (ssize_t)NET_FRAME_MIN || len > (ssize_t)NET_FRAME_MAX)
			return len >= 0;
		net->out_len = VIRTIO_NET_HEADER_BYTES + (size_t)len;
	}
	iov.iov_len = net->out_len;
	if (net->backend->ops->send(net->backend, &iov, 1) == -EAGAIN)
		return false;
	capture_add(net->capture, net->idx, true, &(struct capture_frame){ &iov, 1, net->out_len });
	net->out_len = 0;
	return true;
}

static bool pass_in(struct qemu_net *net)
{
	struct iovec iov = { .iov_base = net->in, .iov_len = sizeof(net->in) };
	ssize_t len;

	if (net->in_len == 0) {
		len = net->backend->ops->receive(net->backend, &iov, 1);
		if (len < (ssize_t)(VIRTIO_NET_HEADER_BYTES + NET_FRAME_MIN))
			return false;
		net->in_len = (size_t)len;
	}
	len = send(net->peer_fd, net->in + VIRTIO_NET_HEADER_BYTES,
		   net->in_len - VIRTIO_NET_HEADER_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (len < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	capture_add(net->capture, net->idx, false, &(struct capture_frame){ &iov, 1, net->in_len });
	net->in_len = 0;
	return true;
}

static bool pass(struct qemu_net *net)
{
	bool out = pass_out(net), in = pass_in(net);

	return out || in;
}

/* False: it is over. */
static bool wait_for_frames(struct qemu_net *net, struct net_poll *p)
{
	short events = (short)((net->out_len == 0 ? POLLIN : 0) | (net->in_len > 0 ? POLLOUT : 0));

	p->nr = 0;
	p->timeout_ms = -1;
	if (net_poll_add(p, net->stop_fd, POLLIN) < 0 || net_poll_add(p, net->peer_fd, events) < 0)
		return false;
	capture_flush(net->capture);
	net->backend->ops->before_poll(net->backend, p, net->in_len == 0);
	if (poll(p->fds, p->nr, p->timeout_ms) < 0)
		return true;
	net->backend->ops->after_poll(net->backend, p);
	return p->fds[0].revents == 0;
}

static void *run(void *argument)
{
	struct qemu_net *net = argument;
	struct net_poll p = { .timeout_ms = -1 };

	do {
		while (pass(net))
			continue;
	} while (wait_for_frames(net, &p));
	while (pass_out(net))
		continue;
	if (net->backend->ops->flush != NULL)
		net->backend->ops->flush(net->backend);
	net_poll_fini(&p);
	return NULL;
}

struct qemu_net *qemu_net_new(const struct vm_net *net, int peer_fd, int *error, char message[512])
{
	struct qemu_net *q = calloc(1, sizeof(*q));

	*error = -ENOMEM;
	snprintf(message, 512, "no memory for a network interface");
	if (q != NULL) {
		q->peer_fd = peer_fd;
		q->stop_fd = eventfd(0, EFD_CLOEXEC);
		q->backend = net_backend_new(net, error, message);
		if (q->backend != NULL)
			return q;
	}
	close(peer_fd);
	free(q);
	return NULL;
}

uint32_t qemu_net_mtu(const struct qemu_net *net)
{
	return net->backend->mtu;
}

int qemu_net_start(struct qemu_net *net, unsigned idx, struct capture *capture)
{
	sigset_t all, before;
	int error;

	net->idx = idx;
	net->capture = capture;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&net->thread, NULL, run, net);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	net->has_thread = error == 0;
	return -error;
}

void qemu_net_stop(struct qemu_net *net)
{
	const uint64_t one = 1;

	if (net->has_thread) {
		(void)!write(net->stop_fd, &one, sizeof(one)); /* an eventfd at 0 takes it */
		pthread_join(net->thread, NULL);
	}
	net->backend->ops->free(net->backend);
	close(net->peer_fd);
	close(net->stop_fd);
	free(net);
}
