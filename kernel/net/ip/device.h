/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the internet layer keeps with each interface (netdev->ip_private), and what router and
 * neighbour discovery, groups and configuration tell each other. An interface runs while it is up
 * and has a carrier; what is said when it begins to is said by net_run(), with no lock held.
 */
#pragma once
#include "lib/tree.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

struct dhcp4;
struct dhcp6;

/* How a router asks for groups: the newest version, or for a while an older one. */
enum group_version { GROUP_NEWEST, GROUP_VERSION_2, GROUP_VERSION_1 };
struct group_querier {                         /* all: net->lock */
	nsec_t version2_until, version1_until; /* MLDv1 is as IGMPv2 */
	nsec_t general_at; /* the interface's groups are to be told; NSEC_NEVER */
	unsigned robustness;
};

struct ip_device {
	/* [I] immutable  [n] net->lock  [a] atomic */
	struct netdev *dev; /* [I] */
	bool is_running;    /* [n] */
	unsigned modes;     /* [a] enum net_device_mode */
	struct net_work state_changed;
	/* ndp.c */
	struct timer ndp_timer;
	nsec_t solicit_at;     /* [n] NSEC_NEVER: routers are known, or there are none */
	unsigned nr_solicits;  /* [n] */
	uint32_t mtu6;         /* [a] what routers said; 0: nothing */
	unsigned router_flags; /* [n] enum nd_router_flags of the last advertisement */
	/* group/ */
	struct tree groups; /* [n] struct net_group, by address */
	unsigned nr_groups; /* [n] */
	struct timer group_timer;
	nsec_t group_at; /* [n] when it rings; NSEC_NEVER */
	struct group_querier querier4, querier6;
	/* dhcp/ */
	unsigned nr_configuring; /* [a] clients without an address */
	struct dhcp4 *dhcp4;     /* [I] once it is there */
	struct dhcp6 *dhcp6;     /* [I] the same */
};

MUST_CHECK int ip_device_init(struct netdev *d); /* -ENOMEM; for netdev_register */
void ip_device_fini(struct netdev *d);
void ip_device_changed(
	struct netdev *d); /* it is up or not, it has a carrier or not; any context */

static inline struct ip_device *ip_device_of(const struct netdev *d)
{
	return d->ip_private;
}

bool ip_device_runs(const struct netdev *d);
bool ip_device_has_mode(const struct netdev *d, enum net_device_mode mode);

/* Sends an ICMPv6 message on the link; v has from and to. Takes b, whose checksum is made here. */
void icmp6_send_on_link(struct netdev *d, struct netbuf *b, const struct ip_header_values *v);

/* ---- ndp.c; no lock is held unless it says so ---- */

void ndp_init(struct ip_device *i);
void ndp_start(struct ip_device *i); /* it runs */
void ndp_stop(struct ip_device *i);  /* the interface was taken down: what was learnt goes */
void ndp_watch(struct netdev *d);    /* addresses or routes that are watched have changed */
/* Takes b, data at the ICMP header, whose checksum is right. */
void ndp_input(struct net *net, struct netbuf *b);
void ndp_solicited_group(const uint8_t ip[16], uint8_t group[16]); /* RFC 4291 §2.7.1 */
/* router.c's part; b is linear, and stays the caller's. */
void ndp_router_input(struct netdev *d, struct netbuf *b);
/* prefix and the identifier that d's link address gives (RFC 4291 appendix A). */
void ndp_make_address(const struct netdev *d, const uint8_t prefix[8], uint8_t ip[16]);
/* Options of a message: are their lengths right; the first of a type, with at least so many bytes,
 * or NULL. */
bool nd_are_options_sound(const uint8_t *at, unsigned len);
const uint8_t *nd_find_option(const uint8_t *at, unsigned len, unsigned type, unsigned least);
/* What is d's and over by `now` goes, or is deprecated. */
void net_address_expire(struct netdev *d, nsec_t now);
void route_expire(struct netdev *d, nsec_t now);
void net_address_forget_v6(struct netdev *d);      /* the interface went down */
void net_address_restore_routes(struct netdev *d); /* it came up again */

/* ---- group/ ---- */

void group_init(struct ip_device *i);
void group_start(struct ip_device *i);
void group_forget_all(struct netdev *d);
void group_query6(struct netdev *d, struct netbuf *b); /* b stays the caller's */
/* The link addresses of the groups, for a driver's filter; how many there are, which may be more
 * than `most`. Any context with no lock. */
unsigned net_group_macs(struct netdev *d, uint8_t (*macs)[ETHERNET_ADDRESS_LEN], unsigned most);
/* The groups that are heard, for who shows them: how many, at most `most`. No lock is held. */
struct net_group_view {
	uint8_t ip[16];
	unsigned nr_users;
	bool is_due; /* something of it is to be told */
};
unsigned net_group_list(struct netdev *d, struct net_group_view *to, unsigned most);
struct net_source_view {
	uint8_t group[16], ip[16];
	unsigned nr_include, nr_exclude;
};
/* The sources of all its groups: the same. */
unsigned net_group_list_sources(struct netdev *d, struct net_source_view *to, unsigned most);
enum group_version net_group_version(struct netdev *d, bool v4);
void ip_group_mac(const uint8_t to[16], uint8_t mac[ETHERNET_ADDRESS_LEN]); /* output.c's */
