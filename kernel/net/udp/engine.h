/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP (RFC 768), without sockets. A user of UDP (a socket in inet/, DHCP, the SDK's objects) embeds
 * a struct udp and is handed each datagram. Nothing is kept here: queues, and how much may wait in
 * them, are the user's.
 */
#pragma once
#include "net/endpoint.h"
#include "net/ip/ip.h"
#include "net/netbuf.h"

#define UDP_MAX4 65507u /* most bytes of a datagram: 65,535 without both headers */
#define UDP_MAX6 65527u

struct udp;
struct udp_events {
	/* Any context, no lock of UDP's held. Takes b: data is at the payload, udp_info in its
	 * notes. */
	void (*received)(struct udp *u, struct netbuf *b);
	/* ICMP says that a datagram to `to` did not arrive. */
	void (*failed)(struct udp *u, const struct ip_error *e, const struct inet_address *to);
	void (*get)(struct udp *u); /* counts of whatever embeds it */
	void (*put)(struct udp *u);
};

struct udp {
	/* [I] immutable  [l] lock */
	struct endpoint end;
	const struct udp_events *events; /* [I] */
	struct net *net;                 /* [I] */
	struct spinlock lock;
	struct ip_path path; /* [l] of a connected one; dev NULL: none is known */
};

/* In the notes of a received datagram; ip_info stands first, as in every packet. */
struct udp_info {
	struct ip_info ip;
	uint16_t from_port, to_port;
};

/* Of one datagram; zero stands for what is usual. */
struct udp_values {
	struct inet_address to;
	const uint8_t *from; /* NULL or any: the endpoint's own address, or one that is chosen */
	unsigned dev_index;
	uint8_t hops, traffic_class;
	bool dont_fragment;
	uint16_t segment; /* UDP_SEGMENT: payload is cut into datagrams of so many bytes; 0: not */
	bool no_checksum; /* SO_NO_CHECK, IPv4's only */
	bool is_broadcast_allowed;
	uint32_t flow_label;
	const void *options; /* as ip_header_values has them */
	unsigned options_len;
	uint8_t first_header;
	bool no_echo; /* IP_MULTICAST_LOOP is off */
};

void udp_init(struct udp *u, struct net *net, const struct udp_events *events, bool v6);
void udp_fini(struct udp *u); /* nobody finds it any more; counts may still be held */
/* Connects the endpoint: only that peer is heard, and the path is kept. As ip_route,
 * endpoint_connect. */
MUST_CHECK int udp_connect(struct udp *u, const struct inet_address *to, const uint8_t *from);
void udp_disconnect(struct udp *u);
/* Takes b, the payload, and sends it from the endpoint's port, which is bound. -EMSGSIZE, -EACCES:
 * a broadcast that was not allowed, and as ip_route and ip_send. net_run() is the caller's. */
MUST_CHECK int udp_send(struct udp *u, struct netbuf *b, const struct udp_values *v);
/* The same along a path that the caller has: DHCP has no address, and so no route, when it asks for
 * one. The path stays the caller's. */
MUST_CHECK int udp_send_along(struct udp *u, struct netbuf *b, const struct udp_values *v,
			      const struct ip_path *path);
