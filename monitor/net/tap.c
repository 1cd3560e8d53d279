/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tap interface of the host's (Documentation/networking/tuntap.rst). It speaks virtio's own
 * header (IFF_VNET_HDR): checksums and segmentation are left to it, and by it to the guest, so that
 * a frame of 64 KiB crosses in one read or write, straight between the host's kernel and the
 * guest's buffers.
 *
 * A tap of several queues (multi_queue) is opened once for each. Its kernel keeps a flow's frames
 * to the queue by which the last of that flow was sent to it.
 *
 * The tap must exist: who may use it is root's decision (ip tuntap add ... user ...). One that was
 * inherited (VM_NET_FD) may be without the header; then it is put on and taken off here.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib/compiler.h"
#include "monitor/net/backend.h"
#include "monitor/net/iov.h"
#include "monitor/net/tap.h"
#include "monitor/net/tap_link.h"

#define DEVICE     "/dev/net/tun"
#define PIECES_MAX 1024
#define FLAGS      (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

struct tap {
	struct net_backend backend;
	struct tap_link link;
	int fd;
	bool is_own;     /* opened here: not blocking, and ours to close */
	bool has_header; /* IFF_VNET_HDR */
	bool is_full;    /* the last send said so */
	int link_at;     /* entry in the poll; -1: none */
	bool has_queues; /* IFF_MULTI_QUEUE: it may be opened several times */
	char name[IFNAMSIZ];
};

unsigned if_nametoindex(const char *name); /* <net/if.h> does not go with <linux/if.h> */

static struct tap *of_backend(struct net_backend *b)
{
	return container_of(b, struct tap, backend);
}

/* An inherited descriptor may block, and its flags are its owner's. */
static bool is_ready(const struct tap *tap, short events)
{
	struct pollfd fd = { .fd = tap->fd, .events = events };

	return tap->is_own || poll(&fd, 1, 0) > 0;
}

static int tap_send(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	struct tap *tap = of_backend(b);
	struct iovec bare[PIECES_MAX];

	if (!tap->has_header) {
		nr = iov_skip(iov, nr, VIRTIO_NET_HEADER_BYTES, bare);
		iov = bare;
	}
	tap->is_full = !is_ready(tap, POLLOUT) ||
		       (writev(tap->fd, iov, (int)nr) < 0 && errno == EAGAIN);
	return tap->is_full ? -EAGAIN : 0;
}

static ssize_t tap_receive(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	static const char no_header[VIRTIO_NET_HEADER_BYTES];
	struct tap *tap = of_backend(b);
	size_t room = iov_bytes(iov, nr), head = 0;
	struct iovec bare[PIECES_MAX];
	ssize_t len;

	if (!is_ready(tap, POLLIN))
		return -EAGAIN;
	if (!tap->has_header) {
		head = iov_copy_in(iov, nr, 0, no_header, sizeof(no_header));
		nr = iov_skip(iov, nr, head, bare);
		iov = bare;
	}
	do {
		len = readv(tap->fd, iov, (int)nr);
	} while (len >= 0 && (size_t)len + head >= room); /* it was cut */
	return len > 0 ? len + (ssize_t)head : -EAGAIN;
}

static unsigned tun_flags(unsigned offloads)
{
	unsigned flags = 0;

	if ((offloads & NET_OFFLOAD_SUM) == 0)
		return 0;
	flags |= TUN_F_CSUM;
	flags |= (offloads & NET_OFFLOAD_TSO4) != 0 ? TUN_F_TSO4 : 0;
	flags |= (offloads & NET_OFFLOAD_TSO6) != 0 ? TUN_F_TSO6 : 0;
	flags |= (offloads & NET_OFFLOAD_ECN) != 0 ? TUN_F_TSO_ECN : 0;
	flags |= (offloads & NET_OFFLOAD_USO) != 0 ? TUN_OFFLOAD_USO4 | TUN_OFFLOAD_USO6 : 0;
	return flags;
}

static void tap_set_offloads(struct net_backend *b, unsigned offloads)
{
	if (of_backend(b)->has_header)
		ioctl(of_backend(b)->fd, TUNSETOFFLOAD, tun_flags(offloads));
}

static void tap_before_poll(struct net_backend *b, struct net_poll *poll, bool wants_frames)
{
	struct tap *tap = of_backend(b);
	short events = (short)((wants_frames ? POLLIN : 0) | (tap->is_full ? POLLOUT : 0));

	if (events != 0)
		net_poll_add(poll, tap->fd, events);
	tap->link_at = tap->link.fd >= 0 ? net_poll_add(poll, tap->link.fd, POLLIN) : -1;
}

static void tap_after_poll(struct net_backend *b, const struct net_poll *poll)
{
	struct tap *tap = of_backend(b);

	tap->is_full = false;
	if (tap->link_at < 0 || poll->fds[tap->link_at].revents == 0)
		return;
	tap_link_read(&tap->link);
	b->link_up = tap->link.is_up;
}

static int tap_set_active(struct net_backend *b, bool on)
{
	struct ifreq request = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(of_backend(b)->fd, TUNSETQUEUE, &request) == 0 ? 0 : -errno;
}

static struct net_backend *tap_add_queue(struct net_backend *b);

static void tap_free(struct net_backend *b)
{
	struct tap *tap = of_backend(b);

	tap_link_fini(&tap->link);
	if (tap->is_own && tap->fd >= 0)
		close(tap->fd);
	free(tap);
}

static const struct net_backend_ops ops = {
	.send = tap_send,
	.receive = tap_receive,
	.set_offloads = tap_set_offloads,
	.before_poll = tap_before_poll,
	.after_poll = tap_after_poll,
	.add_queue = tap_add_queue,
	.set_active = tap_set_active,
	.free = tap_free,
};

uint32_t net_tap_mtu(const char *name)
{
	struct ifreq request = { .ifr_mtu = NET_MTU_STANDARD };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd >= 0) {
		ioctl(fd, SIOCGIFMTU, &request);
		close(fd);
	}
	return min((uint32_t)request.ifr_mtu, VM_NET_MTU_MAX);
}

/* What this kernel's taps can do is found by asking for it. */
static unsigned find_offloads(const struct tap *tap)
{
	static const unsigned tries[] = {
		NET_OFFLOAD_SUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN |
			NET_OFFLOAD_USO,
		NET_OFFLOAD_SUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN,
		NET_OFFLOAD_SUM,
	};
	unsigned found = 0;

	if (!tap->has_header)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(tries) && found == 0; i++) {
		if (ioctl(tap->fd, TUNSETOFFLOAD, tun_flags(tries[i])) == 0)
			found = tries[i];
	}
	ioctl(tap->fd, TUNSETOFFLOAD, 0);
	return found;
}

/* The descriptor is a tap. Takes it if it is our own. */
static struct net_backend *new_of(int fd, const struct ifreq *request, bool is_own)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int header_bytes = VIRTIO_NET_HEADER_BYTES;

	if (tap == NULL)
		return NULL;
	tap->fd = fd;
	tap->is_own = is_own;
	tap->link_at = -1;
	tap->has_header = (request->ifr_flags & IFF_VNET_HDR) != 0 &&
			  ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) == 0;
	memcpy(tap->name, request->ifr_name, sizeof(tap->name));
	tap->has_queues = is_own && (request->ifr_flags & IFF_MULTI_QUEUE) != 0;
	tap_link_init(&tap->link, request->ifr_name);
	tap->backend.ops = &ops;
	tap->backend.takes = tap->backend.gives = find_offloads(tap);
	tap->backend.mtu = net_tap_mtu(request->ifr_name);
	tap->backend.link_up = tap->link.is_up;
	return &tap->backend;
}

struct net_backend *net_tap_of_fd(int fd)
{
	struct ifreq request = { .ifr_flags = 0 };

	if (ioctl(fd, TUNGETIFF, &request) != 0 || (request.ifr_flags & IFF_TAP) == 0)
		return NULL;
	return new_of(fd, &request, false);
}

/* A tap of several queues must be opened as such. */
static int attach(int fd, struct ifreq *request)
{
	request->ifr_flags = FLAGS;
	if (ioctl(fd, TUNSETIFF, request) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	request->ifr_flags = FLAGS | IFF_MULTI_QUEUE;
	return ioctl(fd, TUNSETIFF, request) == 0 ? 0 : -errno;
}

int net_tap_open_queue(const char *name)
{
	struct ifreq request = { .ifr_flags = FLAGS | IFF_MULTI_QUEUE };
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Opened, then detached: the kernel spreads frames over all that are attached. */
static struct net_backend *tap_add_queue(struct net_backend *b)
{
	const struct tap *first = of_backend(b);
	struct tap *tap = first->has_queues ? calloc(1, sizeof(*tap)) : NULL;

	if (tap == NULL)
		return NULL;
	*tap = *first;
	tap->link.fd = tap->link_at = -1;
	tap->fd = net_tap_open_queue(first->name);
	if (tap->fd >= 0 && tap_set_active(&tap->backend, false) == 0)
		return &tap->backend;
	tap_free(&tap->backend);
	return NULL;
}

static void explain(const char *name, int error, char message[512])
{
	if (error == EBUSY)
		snprintf(message, 512, "tap %s: another program uses it", name);
	else if (error == EPERM)
		snprintf(message, 512,
			 "tap %s: %s: it is not for user %u; make it by: "
			 "ip tuntap add dev NAME mode tap user %u",
			 name, strerror(error), (unsigned)geteuid(), (unsigned)geteuid());
	else if (error == EINVAL)
		snprintf(message, 512, "%s is not a tap interface", name);
	else
		snprintf(message, 512, "tap %s: %s", name, strerror(error));
}

int net_tap_open(const char *name, char message[512])
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd, error;

	if (strlen(name) >= IFNAMSIZ || if_nametoindex(name) == 0) {
		snprintf(message, 512,
			 "there is no interface %s; make it by: ip tuntap add dev %s mode tap user "
			 "%u; ip link set %s up",
			 name, name, (unsigned)geteuid(), name);
		return -ENXIO;
	}
	fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		error = errno;
		snprintf(message, 512, "tap %s: %s: %s", name, DEVICE, strerror(error));
		return -error;
	}
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	error = attach(fd, &request);
	if (error == 0)
		return fd;
	close(fd);
	explain(name, -error, message);
	return error;
}

struct net_backend *net_tap_new(const struct vm_net *net, int *error, char message[512])
{
	struct ifreq request = { .ifr_flags = IFF_VNET_HDR };
	struct net_backend *b;
	int fd = net_tap_open(net->tap, message);

	*error = fd;
	if (fd < 0)
		return NULL;
	ioctl(fd, TUNGETIFF, &request);
	b = new_of(fd, &request, true);
	if (b != NULL)
		return b;
	close(fd);
	*error = -ENOMEM;
	snprintf(message, 512, "no memory for tap %s", net->tap);
	return NULL;
}
