/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP (RFC 768), without sockets. A user of UDP (a socket in inet/, DHCP, the SDK's objects) embeds
 * a struct udp and is handed each datagram. Nothing is kept here: queues, and how much may wait in
 * them, are the user's. Binding and connecting one object is for one caller at a time.
 */
#pragma once
#include "net/endpoint.h"
#include "net/ip/ip.h"
#include "net/netbuf.h"

#define UDP_HEADER 8u
#define UDP_MAX4   65507u /* most bytes of a datagram: 65,535 without both headers */
#define UDP_MAX6   65527u

struct udp;
struct udp_events {
	/* Any context, no lock of UDP's held. Takes b: data is at the payload, UDP's header before
	 * that, udp_info in its notes. */
	void (*received)(struct udp *u, struct netbuf *b);
	/* ICMP says that a datagram to `to` did not arrive. */
	void (*failed)(struct udp *u, const struct ip_error *e, const struct inet_address *to);
	void (*get)(struct udp *u); /* counts of whatever embeds it */
	void (*put)(struct udp *u);
};

/* The way that the last datagram went, if that was in no way special. */
struct udp_way {
	struct ip_path path; /* dev NULL: none */
	uint8_t to[16], from[16];
	unsigned dev_index;
};

struct udp {
	/* [I] immutable  [l] lock */
	struct endpoint end;
	const struct udp_events *events; /* [I] */
	struct net *net;                 /* [I] */
	struct spinlock lock;
	struct udp_way way; /* [l] */
	/* [a] Of datagrams of one size that came together one netbuf is wanted, whose gso_size says
	 * which; else each comes by itself. */
	bool takes_whole;
};

/* In the notes of a received datagram; ip_info stands first, as in every packet. */
struct udp_info {
	struct ip_info ip;
	uint16_t from_port, to_port;
};

/* Of one datagram; zero stands for what is usual. */
struct udp_values {
	struct inet_address to;
	const uint8_t *from; /* NULL or any: one that is chosen */
	unsigned dev_index;
	unsigned prefer;   /* as ip_query's */
	uint32_t mtu_most; /* of packets, if the path takes longer ones; 0: as it does */
	uint8_t hops, traffic_class;
	bool dont_fragment; /* and -EMSGSIZE if it had to be */
	uint16_t segment; /* UDP_SEGMENT: payload is cut into datagrams of so many bytes; 0: not */
	bool no_checksum; /* SO_NO_CHECK, IPv4's only */
	bool no_echo;     /* to a group: members on this machine do not hear it */
	bool is_broadcast_allowed;
	uint32_t flow_label;
	const void *options;
	unsigned options_len;
	uint8_t first_header; /* IPv6: of what options are; as ip_header_values has it */
};

void udp_init(struct udp *u, struct net *net, const struct udp_events *events, bool v6);
void udp_fini(struct udp *u); /* nobody finds it any more; counts may still be held */
/* Connects the endpoint: only that peer is heard. As udp_send, endpoint_connect. */
MUST_CHECK int udp_connect(struct udp *u, const struct udp_values *v);
void udp_disconnect(struct udp *u);
/* Takes b, the payload, and sends it from the endpoint's port, which is bound. -EMSGSIZE, -EACCES:
 * a broadcast that was not allowed, and as ip_route and ip_send. net_run() is the caller's. */
MUST_CHECK int udp_send(struct udp *u, struct netbuf *b, const struct udp_values *v);
/* The same along a path that the caller has; v->to and path say where to and from. */
MUST_CHECK int udp_send_along(struct udp *u, struct netbuf *b, const struct udp_values *v,
			      const struct ip_path *path);
/* Of packets there, with their headers; or as ip_route. */
MUST_CHECK int udp_mtu(struct udp *u, const struct udp_values *v, uint32_t *mtu);
