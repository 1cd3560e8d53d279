/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments: RFC 791 §3.2, RFC 8200 §4.5, RFC 5722, RFC 8900. ip.h has the theory. */
#pragma once
#include "net/ip/ip.h"

/* Takes b, data at the transport's header, longer than the path takes: 0, -ENOBUFS. */
MUST_CHECK int fragment_send(struct net *net, struct netbuf *b, const struct ip_header_values *v,
			     const struct ip_path *path);

/*
 * Takes a fragment, whose data is behind all headers that each fragment has, and its ip_info in
 * the notes. The whole packet if this was the last piece: data at the transport's header. Bounded:
 * 4 MiB in all, and the oldest goes first; 30 seconds each (then ICMP's time exceeded, if the first
 * piece is there). Overlaps discard the packet (RFC 5722 §4).
 */
struct fragment_piece {
	uint32_t id, offset; /* bytes */
	bool more;
	uint8_t protocol; /* IPv6: what the first one's fragment header names */
};
struct netbuf *fragment_receive(struct net *net, struct netbuf *b, const struct fragment_piece *p);

/* output.c's, for the pieces. */
uint16_t ip4_next_id(const struct net *net, const uint8_t to[16], unsigned nr);
void ip4_push_header(struct net *net, struct netbuf *b, const struct ip_header_values *v);
void ip6_push_header(struct netbuf *b, const struct ip_header_values *v);

MUST_CHECK int fragment_init(struct net *net); /* -ENOMEM */
void fragment_fini(struct net *net);
