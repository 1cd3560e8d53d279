/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces: the class header for their drivers, and what the stack does with them.
 *
 * A driver fills a struct netdev and registers it; from then on
 *
 *	stack -> driver	ops->transmit(q, b), then ops->kick(q) after a burst; both under q->lock
 *	driver -> stack	netdev_receive(d, burst), netdev_tx_ready(q), netdev_set_carrier(d, up)
 *
 * A netbuf that goes out is a whole frame, with its link header in the linear part and no more than
 * the features ask for: without NETDEV_SUM no NETBUF_SUM_WANTED, without NETDEV_TSO no gso_size.
 * transmit takes it, or says -ENOSPC when its ring is full: the stack keeps the netbuf in the
 * queue, and netdev_tx_ready lets it go on. A sent netbuf is freed with netbuf_free when the device
 * has it no more.
 *
 * An interface has one queue or several; a frame goes by that of the CPU that sends it. A device
 * that receives by several too brings what answers to the same CPU (virtio 1.2 §5.1.6.5.5), so that
 * a flow stays where the program is that it is for.
 *
 * netdev_receive takes frames in the order of arrival, in any context with no lock held; a driver
 * hands over all that its ring has, up to NETDEV_BURST, so that flows are merged and programs are
 * woken once for many. NETBUF_SUM_GOOD says that the checksum was verified; NETBUF_SUM_WANTED and
 * gso_size are fine too (virtio 1.2 §5.1.6.4.1: a peer of this host sends so).
 *
 * Nothing of a netdev goes away once it is registered: interfaces come at boot.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "lib/list.h"
#include "lib/types.h"
#include "net/net.h"
#include "net/netbuf.h"
#include "net/wire/link.h"

#define NETDEV_NAME_MAX   16
#define NETDEV_BURST      64u
#define NETDEV_QUEUES_MAX 16u
#define NETDEV_QUEUE      1000u /* frames that wait for the ring, at most: as Linux's txqueuelen */

struct net;
struct netdev;

enum netdev_feature {
	NETDEV_SUM = 1 << 0,  /* completes NETBUF_SUM_WANTED */
	NETDEV_TSO4 = 1 << 1, /* cuts NETBUF_GSO_TCP4 */
	NETDEV_TSO6 = 1 << 2,
	NETDEV_USO = 1 << 3,      /* cuts NETBUF_GSO_UDP */
	NETDEV_LOOPBACK = 1 << 4, /* no link layer: frames begin with the IP header */
	NETDEV_POINTTOPOINT = 1 << 5,
};

/* As <linux/if.h> has them, which programs see. */
enum netdev_flags {
	NETDEV_IS_UP = 0x1,
	NETDEV_HAS_BROADCAST = 0x2,
	NETDEV_IS_LOOPBACK = 0x8,
	NETDEV_IS_POINTTOPOINT = 0x10,
	NETDEV_IS_RUNNING = 0x40, /* there is a carrier */
	NETDEV_IS_PROMISCUOUS = 0x100,
	NETDEV_HEARS_ALL_GROUPS = 0x200,
	NETDEV_HAS_MULTICAST = 0x1000,
	NETDEV_IS_LOWER_UP = 0x10000, /* shown only */
};

struct netdev_queue {
	/* [I] immutable once registered  [l] lock  [d] a lock of the driver's */
	struct netdev *dev; /* [I] */
	unsigned idx;       /* [I] */
	struct spinlock lock;
	struct list waiting;           /* [l] netbufs that wait for the ring */
	unsigned nr_waiting;           /* [l] */
	bool kick_wanted;              /* [l] */
	struct net_work kick;          /* does it */
	uint64_t tx_packets, tx_bytes; /* [l; a to read] */
	uint64_t rx_packets, rx_bytes; /* [d; a to read] of a device that receives by several */
};

struct netdev_ops {
	int (*transmit)(struct netdev_queue *q, struct netbuf *b); /* 0, -ENOSPC */
	void (*kick)(struct netdev_queue *q);
	/* The groups or flags changed; NULL: it hears everything. Any context. */
	void (*set_filter)(struct netdev *d);
	/* Another nr_queues, from 1 to nr_queues_max. -EIO: the device refuses. NULL: there is one
	 * only. Thread context. */
	int (*set_queues)(struct netdev *d, unsigned nr);
};

/* As struct rtnl_link_stats64 counts them. */
struct netdev_stats {
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;              /* [a] */
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped, multicast; /* [a] */
};

struct netdev {
	/* [I] immutable once registered  [a] atomic  [n] net->lock */
	const struct netdev_ops *ops;      /* [I] */
	char name[NETDEV_NAME_MAX];        /* [I] empty: it becomes "eth0", "eth1"... */
	struct net *net;                   /* [I] set by netdev_register */
	unsigned index;                    /* [I] from 1; lo is 1 */
	unsigned features;                 /* [I] enum netdev_feature */
	uint32_t gso_max;                  /* [I] bytes of payload in one segment with gso_size */
	uint8_t mac[ETHERNET_ADDRESS_LEN]; /* [n to write; a] */
	uint32_t mtu, mtu_max;             /* [a], [I] without the link header */
	unsigned flags;                    /* [a] enum netdev_flags */
	unsigned asked_flags;              /* [n to write; a] what programs set: device_flags.c */
	unsigned nr_promiscuous;           /* [n] who wants to hear what is for others */
	unsigned nr_all_groups;            /* [n] or all groups */
	void *private;                     /* [I] the driver's */
	struct list link;                  /* [n] of net->devices */
	struct list addresses;             /* [n] struct net_address */
	unsigned nr_queues, nr_queues_max; /* [a], [I] 0 before it is registered: one */
	struct netdev_queue queues[NETDEV_QUEUES_MAX];
	struct netdev_stats stats;
	void *ip_private; /* [n] ip/'s: DHCP, router discovery */
};

/* Numbers it and makes it known; it is down. -ENOMEM. Thread context. */
MUST_CHECK int netdev_register(struct net *net, struct netdev *d);
void netdev_set_carrier(struct netdev *d, bool on); /* any context */
void netdev_receive(struct netdev *d, struct list *burst);
void netdev_tx_ready(struct netdev_queue *q); /* the ring has room again; any context */

/* For the stack. Takes b, which is a whole frame. */
void netdev_send(struct netdev *d, struct netbuf *b);
struct netdev *netdev_find(struct net *net, const char *name);   /* net->lock is held; NULL: none */
struct netdev *netdev_by_index(struct net *net, unsigned index); /* the same */

/* A frame as it comes, before anybody looks at it, or goes: to packet sockets. */
static inline void netdev_show(struct netdev *d, const struct netbuf *b, bool out)
{
	void (*tap)(struct netdev *, const struct netbuf *,
		    bool) = __atomic_load_n(&d->net->tap, __ATOMIC_ACQUIRE);

	if (unlikely(tap != NULL))
		tap(d, b, out);
}

/* ---- device_flags.c ---- */

unsigned netdev_shown_flags(const struct netdev *d); /* enum netdev_flags, as programs see them */
/* RFC 2863's ifOperStatus as <linux/if.h> numbers it: IF_OPER_*. */
enum netdev_operational { NETDEV_OPER_UNKNOWN = 0, NETDEV_OPER_DOWN = 2, NETDEV_OPER_UP = 6 };
enum netdev_operational netdev_operational_state(const struct netdev *d);
unsigned netdev_hardware_type(const struct netdev *d); /* ARPHRD_* of <linux/if_arp.h> */
/* Somebody wants it to hear NETDEV_IS_PROMISCUOUS or NETDEV_HEARS_ALL_GROUPS, or no more. */
void netdev_hear_more(struct netdev *d, unsigned flag, bool on);
