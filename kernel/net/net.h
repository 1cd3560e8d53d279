/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack, as a whole. Layers, from below:
 *
 *	wire/		layouts and checksums
 *	netbuf netdev	packets; interfaces and their drivers
 *	link/		Ethernet, ARP and neighbours, the loopback, merging and cutting (GRO, GSO)
 *	ip/		IPv4 and IPv6: routes, addresses, fragments, ICMP, groups, configuration
 *	endpoint	ports, and who is meant by a packet
 *	tcp/ udp/	the transports, with calls back into who uses them
 *	inet/		sockets of AF_INET and AF_INET6 on top of these; packet/, netlink/ beside it
 *
 * Everything below inet/ runs in any context (a driver's interrupt, a timer, a system call), never
 * sleeps, and belongs to one struct net, so that a test has several in one process and joins them
 * by a wire of its own. Time and randomness are core/time/timer.h's and core/random.h's, which the
 * test provides.
 *
 * Deferred work. A layer that is called with a lock held must not call up into a layer that may
 * take the same: the loopback would come back to the very socket that sends. It leaves the work to
 * this CPU's list (net_later), and whoever entered the stack from outside (a system call, a driver,
 * a timer) calls net_run() when it holds no lock: kicks of devices and packets of the loopback are
 * done there, in order, bounded by NET_RUN_MAX a call; a kernel thread goes on with what is left.
 *
 * Locks, outermost first: the tables' of endpoints, one endpoint's own, a neighbour's, net->lock
 * (interfaces, addresses, routes, the neighbours' list; nothing is called with it held but timers
 * and net_later), netdev_queue.lock, waitq.lock.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "lib/list.h"
#include "net/address.h"
#include "net/link/neighbour.h"
#include "net/settings.h"

struct netbuf;
struct netdev;
struct route;

/* Work of this CPU: done by the next net_run(), once, however often it is asked for before. */
struct net_work {
	struct list link; /* [the CPU's list] */
	bool pending;     /* [a] */
	void (*fn)(struct net_work *w);
};
struct net {
	/* [I] immutable after net_init  [a] atomic  [l] lock */
	struct spinlock lock;
	struct list devices;               /* [l] struct netdev, by index */
	unsigned nr_devices;               /* [l] */
	struct list routes;                /* [l] struct route, longest prefix first */
	struct neighbour_table neighbours; /* [l] */
	struct neighbour_alarm neighbour_alarm;
	uint64_t waiting_bytes;  /* [a] memory of packets that wait for link addresses */
	uint64_t nr_unsent;      /* [a] connections that nobody has, with unacknowledged bytes */
	nsec_t unsent_heard_at;  /* [a] when a peer of theirs was heard of last */
	struct waitq sent_wq;    /* both counts above may be 0 now */
	struct netdev *loopback; /* [I] */
	/* Changes with any of the above: a path that was looked up before is looked up again. */
	uint64_t generation;                    /* [a] */
	struct endpoint_table *tcp, *udp, *raw; /* [I] */
	struct endpoint_table *ping;            /* [I] by the identifiers of echoes */
	struct tcp_stack *tcp_stack;            /* [I] tcp/'s */
	struct net_settings settings;           /* [a] /proc/sys/net */
	struct net_counters *counters;          /* [I] of each CPU: counters.h */
	struct fragments *fragments;            /* [I] ip/fragment.c */
	struct pmtu_table *pmtu;                /* [I] ip/pmtu.c */
	nsec_t icmp_full_at;                    /* [l] ip/ip.c */
	uint8_t secret[16];                  /* [I] hashes of ports, sequence numbers and cookies */
	struct list on_change;               /* [l] struct net_listener */
	struct net_adviser *adviser;         /* [a] ip/advice.h; NULL: nobody asks */
	const struct net_observer *observer; /* [a] event.h; NULL: nobody */
	/* [a] packet/: looks at a frame that comes or goes, which stays the caller's; any context.
	 * NULL: nobody does. */
	void (*tap)(struct netdev *d, const struct netbuf *b, bool out);
};

/* Who is told of changes (netlink, DHCP): by net_run(), several changes in one call. */
enum net_change { NET_LINK = 1, NET_ADDRESS = 2, NET_ROUTE = 4, NET_NEIGHBOUR = 8 };
struct net_listener {
	struct list link; /* [net->lock] */
	struct net_work work;
	unsigned what; /* [a] enum net_change */
	void (*changed)(struct net_listener *l, unsigned what);
};
void net_listen(struct net *net, struct net_listener *l); /* until the end */
/* Something changed: paths are looked up again, listeners are told. Any context, no lock held. */
void net_changed(struct net *net, unsigned what);

/* The kernel's own, made when it is first asked for: a program that has no use for the network has
 * no memory for it. NULL = no memory. Thread context. */
struct net *net_machine_get(void);

/* -ENOMEM. With lo, which is up and has 127.0.0.1 and ::1. Thread context. */
MUST_CHECK int net_init(struct net *net);
void net_fini(struct net *net); /* for tests: nothing of it is in use */

/* The programs have ended: waits until what they gave is where it was to go, at the other end or,
 * packets for link addresses that are asked for, on the wire; not longer than it looks like
 * getting there. Thread context. */
void net_finish(void);
/* There is less to wait for. Any context; any lock may be held but a waitq's. */
void net_finish_wake(struct net *net);

void net_work_init(struct net_work *w, void (*fn)(struct net_work *));
void net_later(struct net_work *w); /* any context */
#define NET_RUN_MAX 256u
void net_run(void); /* no lock is held */
