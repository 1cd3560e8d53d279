/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend over sockets and epoll: level triggered, each descriptor with its object as the
 * event's data. Buffers for what is received are the loop's; a datagram lies there until what was
 * queued meanwhile has been sent, so that an answer made of it is not copied.
 *
 *	poll.c		the loop: epoll, waking, which event is whose
 *	datagram.c	UDP: recvmmsg(2), sendmmsg(2)
 *	stream.c	TCP
 *	address.c	sockaddr, binding
 *	interfaces.c	getifaddrs(3), rtnetlink(7)
 */
#pragma once
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/core.h"

#define POLL_EVENTS   256
#define STREAM_MAX    65536u      /* bytes of one recv(2) */
#define INTEREST_NONE 0xffffffffu /* it is not in epoll's set */

struct datagram_buffers;

/* What concerns connections: stream.c's. */
struct poller_streams {
	void (*accept)(struct hull_listener *l);
	void (*ready)(struct hull_tcp *c, uint32_t events);
	void (*flush)(struct hull_tcp *c);
	void (*close)(struct hull_tcp *c, bool abort);
};

struct poller {
	int epoll, waker, netlink; /* netlink -1: nobody watches */
	int spare;                 /* a descriptor that is given up to refuse a connection */
	bool has_pwait2;           /* epoll_pwait2(2) */
	struct datagram_buffers *datagrams;   /* NULL: there was none yet */
	uint8_t *stream;                      /* STREAM_MAX; NULL: the same */
	const struct poller_streams *streams; /* NULL: there is no connection */
	struct epoll_event events[POLL_EVENTS];
};

static inline struct poller *poller_of(const struct hull_loop *l)
{
	return l->state;
}

/* poll.c */
int hull_poll_add(struct hull_loop *l, int fd, void *object, uint32_t interest);

/* address.c */
socklen_t hull_sockaddr_write(const struct hull_address *a, bool v4, struct sockaddr_storage *out);
void hull_sockaddr_read(const struct sockaddr_storage *a, struct hull_address *out);
struct binding {
	const struct hull_address *local;
	int type;
	bool reuse_port, only_v6, must_bind, v4;
};
/* A socket that is bound, and what to. Its descriptor or a negative errno. */
int hull_socket_make(const struct binding *b, struct hull_address *bound);
void hull_socket_local(int fd, struct hull_address *out);

/* datagram.c */
int hull_datagram_open(struct hull_udp *u, const struct hull_udp_config *c);
void hull_datagram_ready(struct hull_udp *u, uint32_t events);
void hull_datagram_send(struct hull_loop *l);
void hull_datagram_free(struct poller *p);

/* interfaces.c */
int hull_interfaces_get(struct hull_loop *l, struct hull_interface *out, unsigned max);
int hull_interfaces_watch(struct hull_loop *l, bool on);
void hull_interfaces_changed(struct hull_loop *l);
