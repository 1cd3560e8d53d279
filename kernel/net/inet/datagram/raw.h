/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw sockets (raw(7)): packets of one protocol as they come, IPv4's with their header. Their
 * endpoints stand in a table of their own, with the protocol for a port; all of them share it. Each
 * that a packet concerns gets a copy, before the protocol itself sees it.
 */
#pragma once
#include "net/inet/datagram/datagram.h"

#define RAW_FILTER_WORDS 8u

struct raw_socket {
	struct datagram_socket datagram;
	struct endpoint end;
	bool has_header;                   /* [a] IP_HDRINCL */
	int checksum_at;                   /* [a] IPV6_CHECKSUM; -1: none */
	uint32_t filter[RAW_FILTER_WORDS]; /* [a] ICMP's types that are not wanted, a bit each */
};

static inline struct raw_socket *raw_of(struct socket *s)
{
	return container_of(datagram_of(s), struct raw_socket, datagram);
}

ssize_t raw_send(struct socket *s, struct socket_message *m); /* raw_send.c */
int raw_set_option(struct socket *s, const struct socket_option *o);
int raw_get_option(struct socket *s, struct socket_option *o);

/* ---- ping.c ---- */

struct ip_error;
void ping_input(struct net *net, const struct netbuf *b); /* of ICMP's protocol; a look at it */
void ping_error(struct net *net, const struct ip_error *e);
