/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP's sockets (udp(7)): a queue of datagrams over the engine (net/udp/engine.h).
 */
#pragma once
#include "net/inet/datagram/datagram.h"
#include "net/udp/engine.h"

struct udp_socket {
	struct datagram_socket datagram;
	struct udp udp;
	uint32_t segment; /* [a] UDP_SEGMENT; 0: off */
};

static inline struct udp_socket *udp_of(struct socket *s)
{
	return container_of(datagram_of(s), struct udp_socket, datagram);
}

ssize_t udp_socket_send(struct socket *s, struct socket_message *m); /* udp_send.c */
