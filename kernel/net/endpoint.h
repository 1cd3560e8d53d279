/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Endpoints: who has which port, and who is meant by a packet (bind(2), ip(7), RFC 9293 §3.10.7).
 * A socket's transport part, and anything else that speaks UDP or TCP, embeds one.
 *
 * A table has each bound endpoint in its port's bucket, and each connected one in the bucket of its
 * two ends. What comes in looks in the second, then in the first. Two may share a port if no packet
 * could be meant for both, or if their flags say so (SO_REUSEADDR, SO_REUSEPORT: socket(7)).
 *
 * Lookups take a bucket's lock only, and return a counted endpoint; binding, which must see
 * ports as a whole, is serialised by the table's lock, outside of the buckets'. An endpoint that
 * was found may have been removed meanwhile: its owner's state, under the owner's lock, tells.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "lib/list.h"
#include "net/address.h"

struct net;
struct endpoint;

enum endpoint_flags {
	ENDPOINT_V6 = 1 << 0,      /* AF_INET6: "any" is any6 */
	ENDPOINT_ONLY_V6 = 1 << 1, /* IPV6_V6ONLY */
	ENDPOINT_REUSE_ADDRESS = 1 << 2,
	ENDPOINT_REUSE_PORT = 1 << 3,
	ENDPOINT_LISTENS = 1 << 4,
	ENDPOINT_PORT_CHOSEN = 1 << 5,    /* by bind, of whatever number */
	ENDPOINT_ADDRESS_CHOSEN = 1 << 6, /* by bind, not by connect */
	ENDPOINT_TIME_WAIT = 1 << 7,      /* a new connection may take its place: tcp/ */
};

struct endpoint_ops {
	void (*get)(struct endpoint *e); /* count it: under a bucket's lock */
	void (*put)(struct endpoint *e);
	/* Of an ENDPOINT_TIME_WAIT: may a connection of ours take its place? NULL: no. It is taken
	 * out of the table then. */
	bool (*yields)(const struct endpoint *e);
};

struct endpoint {
	/* [I] immutable  [t] table->lock and the bucket's to write, either to read  [a] atomic */
	const struct endpoint_ops *ops; /* [I] */
	struct endpoint_table *table;   /* [I] */
	struct list port_link;          /* [t] */
	struct list pair_link;          /* [t] */
	struct inet_address local;      /* [t] port 0: not bound */
	struct inet_address remote;     /* [t] port 0: not connected */
	unsigned dev_index;             /* [t] bound to an interface; 0: not */
	unsigned flags;                 /* [a] enum endpoint_flags */
	uint32_t uid;                   /* [I] whose: SO_REUSEPORT is for one user's */
};

/* -ENOMEM. For datagrams, both of two that share an address hear a broadcast. */
MUST_CHECK int endpoint_table_new(struct net *net, bool datagrams, struct endpoint_table **out);
void endpoint_table_free(struct endpoint_table *t);

struct net *endpoint_net(const struct endpoint *e);
void endpoint_init(struct endpoint *e, struct endpoint_table *t, const struct endpoint_ops *ops);
/* port 0: any free one. -EADDRINUSE, -EINVAL: it is bound already. That the address is ours is the
 * caller's to check. */
MUST_CHECK int endpoint_bind(struct endpoint *e, const struct inet_address *a);
/* Any free port, as if nobody had chosen one: it goes with the connection. Nothing if there is one.
 * -EADDRINUSE. */
MUST_CHECK int endpoint_autobind(struct endpoint *e);
/* Sets both ends and enters the pair; binds a port if there is none, by algorithm 3 of RFC 6056.
 * -EADDRNOTAVAIL: none is free, or the pair exists. */
MUST_CHECK int endpoint_connect(struct endpoint *e, const uint8_t from[16],
				const struct inet_address *to);
/* A listener's child: its port is the listener's. -EADDRINUSE: the pair exists. */
MUST_CHECK int endpoint_accept(struct endpoint *child, const struct endpoint *listener,
			       const struct inet_address *local, const struct inet_address *remote);
/* `fresh`, which is in no table, takes old's place with its ends and its port; at no time is
 * neither found. -ESRCH: old is not connected (any more). */
MUST_CHECK int endpoint_replace(struct endpoint *old, struct endpoint *fresh);
MUST_CHECK int endpoint_listen(struct endpoint *e, bool on); /* -EADDRINUSE */
void endpoint_disconnect(struct endpoint *e);                /* the port stays if bind chose it */
void endpoint_remove(struct endpoint *e);                    /* nobody can find it any more */

/* For a packet that came from `from` to `to` by that interface. Counted, or NULL. */
struct endpoint *endpoint_find_pair(struct endpoint_table *t, const struct inet_address *from,
				    const struct inet_address *to, unsigned dev_index);
/* A listener, or a datagram's receiver: of several with SO_REUSEPORT that fit equally, one by the
 * hash of the four-tuple. */
struct endpoint *endpoint_find(struct endpoint_table *t, const struct inet_address *from,
			       const struct inet_address *to, unsigned dev_index);
/* All that a broadcast or multicast concerns, one after the other: the next after `last` (whose
 * count is given back), from NULL to NULL. */
struct endpoint *endpoint_find_next(struct endpoint_table *t, struct endpoint *last,
				    const struct inet_address *from, const struct inet_address *to,
				    unsigned dev_index);
/* Every endpoint of the table in turn, for /proc/net and netlink: as above. *bucket, 0 at first, is
 * where `last` was found: what has left its place meanwhile is followed by the next bucket's. */
struct endpoint *endpoint_next(struct endpoint_table *t, struct endpoint *last, unsigned *bucket);
