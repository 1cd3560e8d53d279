/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's end of an interface: where a guest's frames go and come from. A device (or, under
 * QEMU, a relay) drives it from one thread.
 *
 *	user	libslirp: connections as this process's own sockets (user.c)
 *	tap	a tap interface of the host's, opened here or inherited (tap.c)
 *	socket	an inherited UNIX datagram or seqpacket socket, a frame a message (frames.c)
 *
 * A frame is always preceded by a struct virtio_net_hdr_v1 (virtio 1.2 §5.1.6) of
 * VIRTIO_NET_HEADER_BYTES, both ways, whether the other side knows of it or not. What it may ask of
 * the backend is in `takes`; what the backend may ask of the guest is what was given to
 * set_offloads, out of `gives`. The caller fills in num_buffers.
 *
 * The bytes that send reads and receive writes may be guest memory, which changes at any time: a
 * backend reads it once.
 */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "abi/virtio/net.h"
#include "monitor/monitor.h"

#define NET_FRAME_MAX    (65535u + 18u) /* with a VLAN tag */
#define NET_FRAME_MIN    14u
#define NET_MTU_STANDARD 1500u

enum net_offload {
	NET_OFFLOAD_SUM = 1 << 0, /* checksums left to the other side */
	NET_OFFLOAD_TSO4 = 1 << 1,
	NET_OFFLOAD_TSO6 = 1 << 2,
	NET_OFFLOAD_ECN = 1 << 3, /* with TSO: segments with CWR */
	NET_OFFLOAD_USO = 1 << 4, /* UDP segments, IPv4 and IPv6 */
};

/* What to wait for; grows as it has to. */
struct net_poll {
	struct pollfd *fds;
	unsigned nr, capacity;
	int timeout_ms; /* -1: none */
};

/* The entry's index, -1: no memory, and it is not waited for. */
int net_poll_add(struct net_poll *poll, int fd, short events);
void net_poll_limit(struct net_poll *poll, int timeout_ms); /* not longer than this */
void net_poll_fini(struct net_poll *poll);

struct net_backend;

struct net_backend_ops {
	/* 0: taken, or lost as frames may be; -EAGAIN: not now. The frame has NET_FRAME_MIN
	 * to NET_FRAME_MAX bytes behind its header. */
	int (*send)(struct net_backend *b, const struct iovec *iov, unsigned nr);
	/* The next frame: its length with the header, or -EAGAIN: there is none. One that does not
	 * fit is lost. */
	ssize_t (*receive)(struct net_backend *b, const struct iovec *iov, unsigned nr);
	void (*set_offloads)(struct net_backend *b, unsigned offloads); /* NULL: it gives none */
	/* Adds what it waits for: frames, if they are wanted; after -EAGAIN, being able to send. */
	void (*before_poll)(struct net_backend *b, struct net_poll *poll, bool wants_frames);
	void (*after_poll)(struct net_backend *b, const struct net_poll *poll);
	/* The guest is gone: waits a little for what it sent to leave. NULL: nothing is held. */
	void (*flush)(struct net_backend *b);
	/* A further queue of the same link, which has no frames until it is made active; it says
	 * nothing of the link. NULL: there is none; the operation: there never is. Before
	 * confinement. */
	struct net_backend *(*add_queue)(struct net_backend *b);
	int (*set_active)(struct net_backend *b, bool on); /* of such a queue; 0, or -Exxx */
	void (*free)(struct net_backend *b);
};

struct net_backend {
	const struct net_backend_ops *ops;
	unsigned takes, gives; /* enum net_offload */
	uint32_t mtu;          /* of the link behind it */
	bool sums_are_good;    /* of frames received: the transport's need no second look */
	bool link_up;          /* changes in send, receive and after_poll */
};

/* NULL: `message` says what failed, on what, why and what to do; *error is -Exxx. Before
 * confinement. */
struct net_backend *net_backend_new(const struct vm_net *net, int *error, char message[512]);

/* Of the kinds. */
struct net_backend *net_user_new(const struct vm_net *net, int *error, char message[512]);
struct net_backend *net_tap_new(const struct vm_net *net, int *error, char message[512]);
struct net_backend *net_frames_new(const struct vm_net *net, int *error, char message[512]);

/* "hull run (4711)" for who listens on the port, if it can be known from here; else "". */
void net_port_owner(const struct vm_forward *forward, char *name, size_t size);
