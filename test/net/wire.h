/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet layer as the tests of TCP have it: one path, and what is sent goes to the test. */
#pragma once
#include "net/ip/ip.h"
#include "net/netdev.h"

/* A struct net with TCP in it and nothing below. */
struct wire_net {
	struct net net;
	struct netdev dev;
	uint32_t mtu;
	int route_error; /* what ip_route says; 0 */
	/* Takes b, with data at TCP's header and the checksum complete; each a segment of its own
	 * unless keep_gso is set. */
	void (*sent)(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v);
	bool keep_gso;
	void *owner;
};

void wire_init(struct wire_net *n);
void wire_fini(struct wire_net *n);
void wire_mtu(struct wire_net *n, uint32_t mtu); /* it changes */
/* Hands over a segment as the IP layer would. */
void wire_receive(struct wire_net *n, struct netbuf *b, const struct ip_info *info);
