/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internet layer, IPv4 and IPv6 behind one interface: addresses are sixteen bytes (address.h),
 * and only where the header is written or read do the two part.
 *
 *	input.c		from the link: checks, is it for us, forwards nothing (a host, not a router:
 *			RFC 1122 §3.3.1); input6.c with the extension headers
 *	output.c	a transport's netbuf gets its header and goes along a path
 *	fragment.c	cut and put together, RFC 791 §3.2, RFC 8200 §4.5, RFC 5722, bounded memory
 *	route.c		where to: the longest prefix, then the metric; pmtu.c what was learnt of it
 *	source.c	from which address: RFC 6724
 *	icmp.c icmp6.c	errors to whom they concern, echo; group/ IGMP and MLD
 *	ndp.c		neighbour discovery, duplicate addresses; router.c routers and SLAAC
 *	device.c	what each interface has of all this; problem.c errors of ours about a packet
 *
 * Sending. A transport asks ip_route() for a path, keeps it as long as path.generation is the
 * net's, pushes its own header and calls ip_send(). Receiving. The transport's input function gets
 * the netbuf with data at the transport's header and an ip_info in its notes.
 */
#pragma once
#include "net/net.h"
#include "net/netbuf.h"

#define IP_DEFAULT_HOPS 64u

struct neighbour;

struct ip_path {
	struct netdev *dev;
	struct neighbour *neighbour; /* counted; NULL: none is needed (loopback, groups) */
	uint8_t from[16];            /* the address to send from */
	uint8_t next_hop[16];        /* the router's, or the destination's own */
	uint32_t mtu;                /* of packets, with their IP header; PMTU is in it */
	uint64_t generation;
	bool is_local;     /* to an address of this machine: by lo */
	bool is_broadcast; /* of the link */
};

struct ip_query {
	const uint8_t *to;
	const uint8_t *from; /* bound to; NULL or any: to be chosen */
	unsigned dev_index;  /* SO_BINDTODEVICE, scope of a link-local address; 0: any */
	unsigned prefer;     /* IPV6_PREFER_SRC_*; 0: the defaults of RFC 6724 */
};

/* -ENETUNREACH, -EHOSTUNREACH; -EADDRNOTAVAIL: there is no source address of that family; -EINVAL:
 * link-local with no interface. out->neighbour is counted: ip_path_drop. */
MUST_CHECK int ip_route(struct net *net, const struct ip_query *q, struct ip_path *out);
void ip_path_drop(struct ip_path *p);
static inline bool ip_path_is_valid(const struct net *net, const struct ip_path *p)
{
	return p->dev != NULL &&
	       p->generation == __atomic_load_n(&net->generation, __ATOMIC_RELAXED);
}

/* Of one packet; zero stands for what is usual. */
struct ip_header_values {
	const uint8_t *from, *to;
	uint8_t protocol;
	uint8_t hops;          /* 0: the default (64), to groups 1 */
	uint8_t traffic_class; /* DSCP and ECN */
	bool dont_fragment;    /* IPv4's bit; a packet that is too long gives -EMSGSIZE */
	uint32_t flow_label;   /* IPv6, 20 bits */
	/* IPv4 options, or IPv6 extension headers whole; the last next_header is overwritten */
	const void *options;
	unsigned options_len;
	uint8_t first_header; /* IPv6: the first extension header's number */
	bool no_echo;         /* to a group or all: members on this machine do not hear it */
};

/* Takes b: data is at the transport's header. A packet with gso_size is not fragmented. 0,
 * -EMSGSIZE (path->mtu has it), -ENOBUFS, -EHOSTUNREACH, -ENETDOWN. Any context; may be called with
 * an endpoint's lock held. */
MUST_CHECK int ip_send(struct net *net, struct netbuf *b, const struct ip_header_values *v,
		       const struct ip_path *path);

/* Takes b, which begins with its IP header: onto the link. */
void ip_transmit(struct netbuf *b, const struct ip_path *path);
/* From the loopback: data is at the IP header. Takes b. */
void ip_input(struct net *net, struct netbuf *b);

/* In the notes of a packet that came in. */
struct ip_info {
	uint8_t from[16], to[16];
	uint8_t protocol, hops, traffic_class;
	bool v4;
	uint16_t options_at, options_len; /* IPv4: from room[]; 0: none */
	uint16_t protocol_at;             /* IPv6: of the byte that named it, from the IP header */
	uint32_t flow_label;
	unsigned dev_index;
	uint32_t max_fragment; /* of a packet put together: the longest; 0: it came whole */
};

/* A kernel may be linked without IPv6: then no interface has it, and no socket of its family. */
bool net_has_ip6(void);

/* From the link: data is at the IP header. Take b. */
void ip4_input(struct net *net, struct netbuf *b);
void ip6_input(struct net *net, struct netbuf *b);

/* The transports'. Take b, whose data is at their header. */
void tcp_input(struct net *net, struct netbuf *b);
void udp_input(struct net *net, struct netbuf *b);
void raw_input(struct net *net, const struct netbuf *b); /* a look at each, before the others */

/* An ICMP error about a packet that we sent. */
struct ip_error {
	uint8_t from[16], to[16]; /* of that packet: ours, and where it went */
	uint8_t reporter[16];     /* who says so */
	uint8_t protocol;
	uint8_t type, code; /* as it came */
	bool v4;
	int error;     /* what a socket reports: positive */
	bool is_fatal; /* not transient (RFC 1122 §4.2.3.9) */
	uint32_t mtu;  /* too big: the next hop's; else 0 */
	const uint8_t
		*payload; /* of that packet, from the transport's header on; at least 8 bytes */
	unsigned payload_len;
};
void tcp_error(struct net *net, const struct ip_error *e);
void udp_error(struct net *net, const struct ip_error *e);
void raw_error(struct net *net, const struct ip_error *e);

/* Answers b, which stays the caller's, with an error; limited in rate (RFC 4443 §2.4 f). b's data
 * is at the IP header's payload. */
enum ip_complaint { IP_PORT_UNREACHABLE, IP_PROTOCOL_UNREACHABLE, IP_TIME_EXCEEDED_FRAGMENT };
/* Takes a packet that was to go out, from its IP header on: its neighbour is not there. */
void ip_unreachable(struct net *net, struct netbuf *b);
void ip_complain(struct net *net, const struct netbuf *b, enum ip_complaint what);

/* ---- the state behind it ---- */

MUST_CHECK int ip_init(struct net *net); /* -ENOMEM */
void ip_fini(struct net *net);

/* ---- addresses (address.c) ---- */

enum net_address_flags {
	NET_ADDRESS_TENTATIVE = 1 << 0, /* not yet known to be unique: RFC 4862 §5.4 */
	NET_ADDRESS_DUPLICATE = 1 << 1,
	NET_ADDRESS_DEPRECATED = 1 << 2,
	NET_ADDRESS_PERMANENT = 1 << 3, /* by hand; else by DHCP or a router */
	NET_ADDRESS_TEMPORARY = 1 << 4, /* RFC 8981 */
	NET_ADDRESS_NO_ROUTE = 1 << 5,  /* without a route to its prefix */
	NET_ADDRESS_NO_PROBE = 1 << 6,  /* it is known to be unique */
};

struct net_address {
	struct list link;                    /* [net->lock] of netdev->addresses */
	struct netdev *dev;                  /* [I] */
	uint8_t ip[16];                      /* [I] */
	uint8_t prefix_bits;                 /* [I] of the family: 0..32, 0..128 */
	uint8_t broadcast[4];                /* [I] IPv4's; 0: none */
	unsigned flags;                      /* [net->lock] */
	nsec_t preferred_until, valid_until; /* [net->lock] CLOCK_MONOTONIC, NSEC_NEVER */
	nsec_t probe_at;                     /* [net->lock] duplicate detection goes on */
	unsigned nr_probes;                  /* [net->lock] */
};

struct net_address_values {
	uint8_t ip[16];
	uint8_t prefix_bits;
	uint8_t broadcast[4];
	unsigned flags;
	nsec_t preferred_until, valid_until;
};
/* With its prefix route. -EEXIST, -ENOMEM, -EINVAL, -EACCES: IPv6 is off there. Any context with
 * no lock. */
MUST_CHECK int net_address_add(struct netdev *d, const struct net_address_values *v);
/* Observers (net/event.h) hear of d's address as it is now. Any context with no lock. */
void net_address_tell(struct netdev *d, const uint8_t ip[16]);
int net_address_remove(struct netdev *d, const uint8_t ip[16], unsigned prefix_bits);
/* Is it one of this machine's (127.0.0.0/8 whole)? dev_index 0: of any interface. */
bool net_address_is_ours(struct net *net, const uint8_t ip[16], unsigned dev_index);
/* The IPv4 address of d that is in one prefix with ip, else its first; false: it has none. */
bool net_address_for_link(struct netdev *d, const uint8_t ip[16], uint8_t from[16]);
bool net_address_is_broadcast(struct net *net, const uint8_t ip[16], unsigned dev_index);

/* The same with net->lock held; of a broadcast, the interface. */
bool net_address_is_ours_locked(struct net *net, const uint8_t ip[16], unsigned dev_index);
struct netdev *net_broadcast_device_locked(struct net *net, const uint8_t ip[16],
					   unsigned dev_index);
void net_address_forget_all(struct netdev *d); /* for net_fini */

/* What an interface does not do. To be set before it is up. */
enum net_device_mode {
	/* Nobody is on its link who could have an address of ours. */
	NET_DEVICE_NO_PROBES = 1 << 0,
	NET_DEVICE_NO_ROUTERS = 1 << 1, /* what routers advertise does not count */
	NET_DEVICE_NO_IP6 = 1 << 2,     /* net_device_set_ip6 */
};
void net_device_set_modes(struct netdev *d, unsigned modes);

/* IPv6 on that interface, or not (disable_ipv6): without, it has no address and no route of IPv6's,
 * gets none, and hears no packet. -ENOMEM: the loopback's address does not come back. Thread
 * context. */
MUST_CHECK int net_device_set_ip6(struct netdev *d, bool on);

/* Interface up or down, MTU, MAC: what ip link set does. Thread context. */
MUST_CHECK int net_device_set_up(struct netdev *d, bool up);
MUST_CHECK int net_device_set_mtu(struct netdev *d, uint32_t mtu);
/* Those of IFF_UP, IFF_PROMISC and IFF_ALLMULTI that are in mask. */
MUST_CHECK int net_device_set_flags(struct netdev *d, unsigned flags, unsigned mask);

/* ---- routes (route.c) ---- */

struct route {
	struct list link; /* [net->lock] */
	uint8_t prefix[16];
	uint8_t prefix_bits;                  /* of sixteen bytes: IPv4's plus 96 */
	uint8_t gateway[16];                  /* any: on the link */
	uint8_t prefer_from[16];              /* any: none */
	struct netdev *dev;                   /* NULL: unreachable, by `type` */
	uint32_t metric, mtu;                 /* mtu 0: the interface's */
	uint8_t type, protocol, scope, table; /* RTN_*, RTPROT_*, RT_SCOPE_*: <linux/rtnetlink.h> */
	nsec_t valid_until;
};
/* Copies r. -EEXIST (with `replace` it takes the old one's place), -ENOMEM. */
MUST_CHECK int route_add(struct net *net, const struct route *r, bool replace);
int route_remove(struct net *net, const struct route *r); /* -ESRCH */

void route_forget_device(struct netdev *d);
void route_forget_v6(struct netdev *d); /* IPv6's alone */
void route_forget_all(struct net *net);

/* ---- sources (source.c) ---- */

/* RFC 6724 §5: from which address to send to `to` by that interface. net->lock is held. False:
 * there is none of that family. */
bool source_choose_locked(struct net *net, struct netdev *out, const uint8_t to[16],
			  unsigned prefer, uint8_t from[16]);

/* ---- path MTU (pmtu.c) ---- */

/* RFC 1191 §6.3, RFC 8201 §5.3: the way there takes packets of that length, for ten minutes. */
void pmtu_learn(struct net *net, const uint8_t to[16], uint32_t mtu);
MUST_CHECK int pmtu_init(struct net *net); /* -ENOMEM */
void pmtu_fini(struct net *net);
uint32_t pmtu_known_locked(struct net *net, const uint8_t to[16], uint32_t otherwise);

/* ---- groups (group/) ---- */

/* What a user hears of a group: these sources alone, or all but these. */
struct net_sources {
	bool include;
	unsigned nr;
	const uint8_t (*ip)[16];
};
/* A user's filter is another; was NULL: it was no member; now NULL: it is none any more. Only
 * -ENOBUFS and -EINVAL (no group), and neither when there is nothing new in `now`. No lock held. */
MUST_CHECK int net_group_change(struct netdev *d, const uint8_t group[16],
				const struct net_sources *was, const struct net_sources *now);
/* The same from all sources. -EADDRNOTAVAIL: nobody had joined. */
MUST_CHECK int net_group_join(struct netdev *d, const uint8_t group[16]);
MUST_CHECK int net_group_leave(struct netdev *d, const uint8_t group[16]);
