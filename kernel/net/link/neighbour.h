/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbours: which link address an IP address of the same link has. One table for ARP (RFC 826)
 * and NDP, with NDP's states (RFC 4861 §7.3.2), as Linux does it:
 *
 *	NONE -> INCOMPLETE	a packet waits; who has it? is asked
 *	INCOMPLETE -> REACHABLE	an answer to us
 *	INCOMPLETE -> FAILED	three questions without one: what waits is lost, EHOSTUNREACH
 *	REACHABLE -> STALE	30 s without a confirmation
 *	STALE -> DELAY		used again; 5 s for the transport to confirm it
 *	DELAY -> PROBE		asked, three times, at the address that was known
 *	PROBE -> FAILED		no answer
 *	any -> STALE		told of another link address without having asked
 *	any -> PERMANENT	set by hand
 *
 * A neighbour is counted: the table holds one count, each path another. One timer of the net's
 * serves all of the table. Nobody looks after one that has left it (deleted by hand, its interface
 * down): nothing waits with such a one, as by Linux, for what waits holds a count of its socket,
 * and a socket one of the neighbour by the path that it keeps: a circle that nothing would open.
 *
 * The table is bounded as Linux's (arp(7)), for each family by gc_thresh1 to 3: above the first,
 * what nobody has used for a minute goes; above the second what has been idle for five seconds; at
 * the third the one that was looked for longest ago makes room for each new one, so that a flood
 * keeps nobody from a new neighbour. What a path keeps stays, and is bounded by who has paths.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "net/netbuf.h"
#include "net/wire/link.h"

struct net;
struct netdev;

/* As <linux/neighbour.h> numbers them: NUD_*. */
enum neighbour_state {
	NEIGHBOUR_NONE = 0,
	NEIGHBOUR_INCOMPLETE = 0x01,
	NEIGHBOUR_REACHABLE = 0x02,
	NEIGHBOUR_STALE = 0x04,
	NEIGHBOUR_DELAY = 0x08,
	NEIGHBOUR_PROBE = 0x10,
	NEIGHBOUR_FAILED = 0x20,
	NEIGHBOUR_PERMANENT = 0x80,
};

struct neighbour_alarm { /* one in a struct net */
	struct spinlock lock;
	nsec_t at; /* [lock] what the timer is set to, or NSEC_NEVER */
	struct timer timer;
};
void neighbour_alarm_init(struct net *net);

#define NEIGHBOUR_BUCKETS  256u
#define NEIGHBOURS_DUE_MAX 16u

struct neighbour_table {                      /* one in a struct net; [n] */
	struct list all;                      /* in the order of their making */
	struct list by_ip[NEIGHBOUR_BUCKETS]; /* by a hash of IP address and interface */
	struct neighbour_family {
		struct list by_use; /* the one first that was looked for longest ago */
		unsigned nr;
		nsec_t swept_at; /* because there were many */
	} families[2];           /* IPv4's, IPv6's */
	nsec_t sweep_at;         /* those that are idle go; NSEC_NEVER: there are few */
};

struct neighbour {
	/* [I] immutable  [l] lock  [n] net->lock */
	struct ref ref;
	struct list link;          /* [n] of the table's `all` */
	struct list by_ip, by_use; /* [n] */
	struct netdev *dev;        /* [I] */
	uint8_t ip[16];            /* [I] */
	struct spinlock lock;
	enum neighbour_state state;        /* [l] */
	uint8_t mac[ETHERNET_ADDRESS_LEN]; /* [l] */
	bool is_router;                    /* [l] RFC 4861 §7.2.5 */
	bool is_gone;                      /* [l] it has left the table: nothing waits */
	struct list waiting;               /* [l] netbufs, with their ethernet type in notes */
	unsigned nr_waiting, nr_probes;    /* [l] */
	uint32_t waiting_bytes;            /* [l] memory of `waiting` */
	nsec_t confirmed_ns, used_ns;      /* [l] */
	nsec_t deadline_ns;                /* [l] of the state; NSEC_NEVER: none */
};

/* What an answer or a question of another's tells: RFC 4861 §7.2.5. */
enum neighbour_news {
	NEIGHBOUR_SOLICITED = 1 << 0, /* it answers us: it is reachable both ways */
	NEIGHBOUR_OVERRIDE = 1 << 1,  /* a different link address takes the old one's place */
	NEIGHBOUR_CREATE = 1 << 2,    /* worth an entry though nobody asked */
	NEIGHBOUR_ROUTER = 1 << 3,
	NEIGHBOUR_HOST = 1 << 4, /* an advertisement without the router's flag */
};

/* Counted; made if it is new. NULL = no memory. */
struct neighbour *neighbour_get(struct netdev *d, const uint8_t ip[16]);
struct neighbour *neighbour_find(struct netdev *d, const uint8_t ip[16]); /* counted, or NULL */
void neighbour_hold(struct neighbour *n); /* a count more; NULL is fine */
void neighbour_put(struct neighbour *n);  /* NULL is fine */
/* Takes b, which begins with the IP header. Any context; an endpoint's lock may be held. */
void neighbour_send(struct neighbour *n, struct netbuf *b, uint16_t ethernet_type);
/* mac NULL: the one that is known. */
void neighbour_learn(struct netdev *d, const uint8_t ip[16], const uint8_t *mac, unsigned news);
/* The transport has heard from there: RFC 4861 §7.3.1. */
void neighbour_confirm(struct neighbour *n);
bool neighbour_has_failed(struct neighbour *n);
/* By hand: `ip neigh`. mac NULL: it goes. -ENOMEM, -ENOENT. */
MUST_CHECK int neighbour_set(struct netdev *d, const uint8_t ip[16], const uint8_t *mac,
			     enum neighbour_state state);
void neighbour_forget_all(struct netdev *d); /* the interface goes down */
void neighbour_forget_net(struct net *net);  /* for net_fini */

/* ---- neighbour_table.c, for neighbour.c ---- */

void neighbour_table_init(struct net *net);
/* Those whose time is over by `now`, counted, at most NEIGHBOURS_DUE_MAX; and when the first of the
 * others' will be. */
unsigned neighbour_table_due(struct net *net, nsec_t now, struct neighbour **due, nsec_t *next);
/* What is idle goes, if there are many. When to come again. */
nsec_t neighbour_table_sweep(struct net *net, nsec_t now);
/* One off the table, with the table's count; ip NULL: any of d's, d NULL too: any. NULL: none. */
struct neighbour *neighbour_table_take(struct net *net, struct netdev *d, const uint8_t *ip);
void neighbour_alarm_arm(struct net *net, nsec_t deadline_ns);
/* n has left the table, whose count this takes: what waits is lost, who observes hears of it. */
void neighbour_let_go(struct neighbour *n);
/* Who observes hears of it. n is counted; no lock is held. */
void neighbour_tell(struct neighbour *n, bool is_gone);

/* ARP, arp.c. */
void arp_input(struct netdev *d, struct netbuf *b);                       /* takes b */
void arp_ask(struct netdev *d, const uint8_t ip[16], const uint8_t *mac); /* NULL: everybody */
void arp_announce(struct netdev *d, const uint8_t ip[16]);                /* RFC 5227 §2.3 */
/* NDP, ip/ndp.c. */
void ndp_ask(struct netdev *d, const uint8_t ip[16], bool everybody);
