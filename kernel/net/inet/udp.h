/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP within this machine (udp(7), RFC 768). A send finds who is bound to the address and appends
 * the datagram to the queue there; a queue that is full loses it. A datagram that nobody takes
 * comes back as ICMP would report it (RFC 1122 §4.1.3.3): ECONNREFUSED, to who is connected there.
 */
#pragma once
#include "net/inet/inet.h"

#define UDP_MAX4 65507u /* most bytes of a datagram: 65,535 without both headers */
#define UDP_MAX6 65527u

struct udp_packet {
	struct packet packet;
	struct inet_address from, to;
	uint8_t hops, traffic_class;
	int64_t time_ns; /* when it was sent, since 1970 */
};

enum udp_ends { UDP_NO_RECEIVE = 1, UDP_NO_SEND = 2, UDP_NO_BOTH = 3 };

struct udp_socket {
	struct inet_socket inet;
	struct mutex read_lock;
	struct list queue;   /* [socket.lock] packets; only under read_lock do any leave it */
	unsigned nr_queued;  /* [socket.lock; a to read] */
	size_t charged;      /* [socket.lock] bytes of memory in the queue */
	uint64_t nr_arrived; /* [socket.lock; a to read] ever */
	uint32_t nr_dropped; /* [a] because it was full: SO_RXQ_OVFL */
	unsigned ends;       /* [a] enum udp_ends */
};

static inline struct udp_socket *udp_of(struct socket *s)
{
	return container_of(inet_of(s), struct udp_socket, inet);
}

ssize_t udp_send(struct socket *s, struct socket_message *m);    /* udp_send.c */
ssize_t udp_receive(struct socket *s, struct socket_message *m); /* udp_receive.c */
size_t udp_next_length(struct udp_socket *u);                    /* FIONREAD */
