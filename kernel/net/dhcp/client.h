/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the clients of both families share: a port, a timer, and word of the interface. Answers, the
 * timer and changes of the link come at any moment and on any CPU; each leaves word of itself, and
 * one at a time works off what is there, with no lock held: so what a client keeps beside this
 * needs no lock.
 */
#pragma once
#include "net/net.h"
#include "net/udp/engine.h"

enum dhcp_event {
	DHCP_ANSWER = 1,
	DHCP_LINK = 2, /* the interface runs or not, or routers say something else */
	DHCP_TIME = 4,
	DHCP_STOP = 8,
	DHCP_START = 16,
};

struct dhcp_client {
	/* [I] immutable  [l] lock */
	struct udp udp;
	struct netdev *dev; /* [I] */
	struct timer timer;
	struct net_listener listener;
	struct spinlock lock;
	unsigned events;     /* [l] enum dhcp_event */
	struct list answers; /* [l] netbufs */
	unsigned nr_answers; /* [l] */
	bool is_busy;        /* [l] somebody works off events */
	/* One at a time is called. The answer is linear, and stays the caller's. */
	void (*happened)(struct dhcp_client *c, enum dhcp_event event); /* [I] */
	void (*answered)(struct dhcp_client *c, struct netbuf *b);      /* [I] */
};

/* c is all zero but for happened and answered. -EADDRINUSE: a program has the port. */
MUST_CHECK int dhcp_client_init(struct dhcp_client *c, struct netdev *d, unsigned port, bool v6);
void dhcp_client_fini(struct dhcp_client *c); /* for net_fini: nothing goes on */
void dhcp_client_post(struct dhcp_client *c, enum dhcp_event event);
/* The same, and net_run(): for who comes from outside of the stack. */
void dhcp_client_order(struct dhcp_client *c, enum dhcp_event event);
