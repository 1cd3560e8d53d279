/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native door, inside. include/abi/hull/native.h is what programs see of it.
 *
 *	door.c		the calls; loops of an address space, their turns
 *	loop.c		a loop: its ids, its endpoints with news, what it has given
 *	address.c	addresses in and out; which may be bound to
 *	udp.c tcp.c	endpoints of each kind, over net/udp and net/tcp
 *	group.c		multicast groups of UDP's
 *	network.c	interfaces
 *
 * It does what sockets do with the same transports, but for queues that a program reads in place,
 * and one call for everything. The stack calls back in any context: that only queues, puts the
 * endpoint on its loop's list of those with news, and wakes. All else happens in a turn, by one
 * thread at a time: it does the operations, gives back the datagrams of the turn before, and asks
 * each endpoint with news to tell of it.
 *
 * Counts. An endpoint is counted by its id, by what the transport counts (a table's lookup, the
 * engine of a connection, a listener's queue), and by each datagram that is kept. A loop is counted
 * by its address space, by a call that is in it, and by each endpoint. A closed loop's endpoints
 * live on while the stack needs them, and tell nobody.
 *
 * Locks: loop.lock is taken with none of the stack's held, and only waitq.lock inside of it.
 */
#pragma once
#include <abi/hull/native.h>

#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"
#include "net/address.h"

struct net;
struct netbuf;
struct netdev;
struct endpoint;
struct native_loop;
struct native_endpoint;
struct native_batch;

struct native_endpoint_ops {
	/* In a turn: its news as events. It stops when there is no room, and asks again. */
	void (*tell)(struct native_endpoint *e, struct native_batch *out);
	void (*close)(struct native_endpoint *e, bool abort); /* its id is gone */
	void (*free)(struct native_endpoint *e);              /* any context */
	int (*adopt)(struct native_endpoint *e);              /* NULL: -EINVAL */
	/* A datagram that was given comes back; loop->lock is held. NULL: it gives none. */
	void (*returned)(struct native_endpoint *e, const struct netbuf *b);
};

struct native_endpoint {
	/* [I] immutable  [l] loop->lock  [t] the thread that is in the turn */
	struct ref ref;
	const struct native_endpoint_ops *ops; /* [I] */
	struct native_loop *loop;              /* [I] counted */
	struct endpoint *end;                  /* [I] the transport's */
	struct list link;                      /* [l] of loop->ready; [t] of doomed */
	bool has_news;                         /* [l] it is on loop->ready */
	bool is_silent;                        /* [l] closed, or not adopted yet */
	uint32_t id;                           /* [t] */
	uint64_t cookie;                       /* [t] */
};

struct native_slot {
	struct native_endpoint *endpoint; /* NULL: free */
	uint16_t generation;
	uint32_t next_free; /* index plus 1 */
};

/* A datagram that the program reads. */
struct native_given {
	struct netbuf *b;          /* NULL: kept, or none */
	struct native_endpoint *e; /* kept ones: counted */
};

struct native_loop {
	/* [I] immutable  [l] lock  [a] atomic  [t] the thread that is in the turn */
	struct ref ref;
	struct net *net; /* [I] */
	bool in_turn;    /* [a] */
	struct waitq wq; /* something of the next four is true */
	struct spinlock lock;
	struct list ready;             /* [l; a to look] struct native_endpoint with news */
	bool is_woken;                 /* [a] */
	bool has_network;              /* [a] the network has changed */
	bool watches;                  /* [a] and is to be told of */
	struct list watch_link;        /* [network.c's lock] */
	struct list doomed;            /* [t] closed in this turn */
	struct native_slot *slots;     /* [t] by the low half of an id */
	uint32_t nr_slots, first_free; /* [t] first_free: index plus 1 */
	struct native_given *given;    /* [t] by token, from 1 */
	uint32_t nr_given, given_room; /* [t] */
	struct native_given *kept;     /* [t] by number */
	uint32_t kept_room;            /* [t] */
};

/* The events of a turn, on their way to the program. */
struct native_batch {
	struct native_loop *loop;
	uaddr_t to;
	uint32_t nr, max;
	int error; /* -EFAULT */
};

/* ---- loop.c ---- */

/* -ENOBUFS: no memory for a stack, -ENOMEM. Thread context. */
MUST_CHECK int native_loop_new(struct native_loop **out);
void native_loop_put(struct native_loop *l);   /* any context */
void native_loop_close(struct native_loop *l); /* in a turn of its own */
bool native_loop_has_news(struct native_loop *l);
void native_loop_wake(struct native_loop *l);
void native_loop_give_back(struct native_loop *l); /* the last turn's datagrams */
void native_loop_tell(struct native_loop *l, struct native_batch *out);

/* Count 1, which is the id's. */
void native_endpoint_init(struct native_endpoint *e, struct native_loop *l,
			  const struct native_endpoint_ops *ops);
void native_endpoint_put(struct native_endpoint *e);             /* any context */
MUST_CHECK int native_endpoint_enter(struct native_endpoint *e); /* gets its id; -ENOMEM, -EMFILE */
struct native_endpoint *native_endpoint_find(struct native_loop *l, uint32_t id); /* or NULL */
void native_endpoint_close(struct native_endpoint *e, bool abort);
/* It has something to tell; under loop->lock, then native_loop_wake. False: nobody listens. */
bool native_endpoint_ready_locked(struct native_endpoint *e);
void native_endpoint_ready(struct native_endpoint *e); /* the same; the turn's own thread */

/* Room for that many events more? */
static inline bool native_has_room(const struct native_batch *out, uint32_t nr)
{
	return out->error == 0 && out->max - out->nr >= nr;
}
void native_emit(struct native_batch *out, const struct native_event *v);
/* A token for b, which is the loop's from now on. -ENOMEM. */
MUST_CHECK int native_give(struct native_endpoint *e, struct netbuf *b, uint32_t *token);
struct netbuf *native_given_find(struct native_loop *l, uint64_t token); /* or NULL */

/* ---- address.c ---- */

struct native_binding {
	struct inet_address at;
	unsigned dev_index;
	bool v6;        /* the endpoint is of IPv6 (and, if not only_v6, of both) */
	unsigned flags; /* enum endpoint_flags to be set */
};
void native_address_read(const struct native_address *a, struct inet_address *out);
void native_address_write(const uint8_t ip[16], uint16_t port, unsigned interface,
			  struct native_address *out);
/* What an operation wants to be bound to. -EADDRNOTAVAIL, -EACCES, -EINVAL. */
MUST_CHECK int native_binding_read(struct net *net, const struct native_op *op, bool datagrams,
				   struct native_binding *out);
/* Before and at the binding: what of it is the endpoint's. As endpoint_bind. */
MUST_CHECK int native_bind(struct endpoint *end, const struct native_binding *b);
/* Where to: a wildcard means this machine. */
void native_target_read(const struct native_address *a, struct inet_address *out);

/* ---- udp.c, group.c ---- */

struct native_group {
	uint8_t ip[16];
	struct netdev *dev;
};
/* Those that an endpoint has joined. Read under loop->lock, changed in a turn and under it. */
struct native_groups {
	unsigned nr, room;
	struct native_group all[];
};
struct native_groups **native_udp_groups(struct native_endpoint *e); /* NULL: it is none of UDP's */
void native_groups_end(struct native_endpoint *e);                   /* leaves them */
bool native_hears_group(const struct native_groups *g, const uint8_t ip[16], unsigned dev_index);

/* ---- operations: each is weak where they are called, and in the file of its kind ---- */

typedef int native_op_fn(struct native_loop *l, struct native_op *op);
native_op_fn native_op_udp, native_op_send_to, native_op_listen, native_op_connect, native_op_send,
	native_op_consume, native_op_finish, native_op_watch, native_op_interfaces, native_op_keep,
	native_op_release, native_op_close, native_op_adopt, native_op_local, native_op_join,
	native_op_leave;
/* network.c: the loop goes. */
void native_watch_end(struct native_loop *l);
