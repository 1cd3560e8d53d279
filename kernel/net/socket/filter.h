/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters of sockets (socket(7): SO_ATTACH_FILTER; lib/bpf.h): a program looks at each packet that
 * comes, and says how many bytes of it the socket is to have; 0: it does not hear of it. A family
 * whose sockets have filters sets SOCKET_HAS_FILTER among their traits and asks filter_takes() of
 * what arrives. A filter is never changed: another one takes its place.
 */
#pragma once
#include "net/netbuf.h"
#include "net/socket/socket.h"

struct socket_filter;

/* The options of SOL_SOCKET; options.c's. */
MUST_CHECK int filter_attach(struct socket *s, const struct socket_option *o);
MUST_CHECK int filter_detach(struct socket *s);
MUST_CHECK int filter_get(struct socket *s, struct socket_option *o);
void filter_put(struct socket_filter *f); /* NULL is fine; any context */

/* Does s, which may have a filter, want b? Bytes above what it wants go, but for the first `least`.
 * Offsets count from b's data. Any context. */
MUST_CHECK bool filter_takes(struct socket *s, struct netbuf *b, uint32_t least);
/* The same of a whole frame, of which more is known: its protocol (ETH_P_*), and PACKET_HOST... */
struct filter_facts {
	uint16_t protocol;
	uint8_t type;
};
MUST_CHECK bool filter_takes_frame(struct socket *s, struct netbuf *b,
				   const struct filter_facts *facts);
