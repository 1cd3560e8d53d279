/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet sockets, AF_INET and AF_INET6 (ip(7), ipv6(7), tcp(7), udp(7)): what both families and
 * both protocols share.
 *
 *	address.c	addresses of programs, checked; which of them are ours
 *	port.c		who has which port; ephemeral ports; connections by their two ends
 *	inet.c		the families, names, the ends of sockets, ioctl
 *	connect.c	TCP: listen, connect, accept, and how connections end
 *	stream.c	TCP: bytes; urgent.c: the urgent one
 *	udp.c		UDP; udp_send.c, udp_receive.c: datagrams
 *	option.c	IPPROTO_IP, _IPV6, _TCP, _UDP of setsockopt(2)
 *
 * The loopback. A connection whose ends are both in this machine has no segments, windows or
 * timers: the two sockets are joined, a send appends a packet to the peer's queue. What TCP's
 * peers can observe is kept: what a FIN and an RST do, when, and to which error (RFC 9293 §3.6,
 * §3.10.7). Only 127.0.0.0/8 and ::1 are ours; there is no route to anything else.
 *
 * Locks, outermost first: inet_lock (ports, states, who is joined to whom), socket.lock (queue and
 * what the peer does to it), waitq.lock. One socket.lock at a time. read_lock, a mutex, comes
 * before all of them: readers of one socket are serialised by it.
 */
#pragma once
#include <linux/in.h>
#include <linux/in6.h>

#include "core/mutex.h"
#include "net/address.h"
#include "net/packet.h"
#include "net/socket.h"

#define INET_LOOPBACK_INDEX 1 /* of the interface lo */
#define INET_LOOPBACK_MTU   65536
#define INET_ADDRESS_MAX    sizeof(struct sockaddr_in6)
#define INET6_ADDRESS_MIN   24 /* RFC 2133's sockaddr_in6 had no scope */
#define INET_EPHEMERAL_MIN  32768u
#define INET_EPHEMERAL_MAX  60999u
#define INET_PRIVILEGED     1024u /* below it CAP_NET_BIND_SERVICE is needed */

/* The switches and numbers of option.c's table, by position in it. */
#define INET_NR_VALUES 64

#define INET_GROUPS_MAX 20 /* as /proc/sys/net/ipv4/igmp_max_memberships */

struct inet_groups { /* multicast groups that a socket has joined */
	unsigned nr;
	uint8_t ip[INET_GROUPS_MAX][16];
};

struct inet_socket {
	struct socket socket;
	struct list all_link;        /* [inet_lock] of the protocol's table */
	struct list port_link;       /* [inet_lock] of the port's bucket; listeners stand first */
	struct list connection_link; /* [inet_lock] of its two ends' bucket */
	struct inet_address local;   /* [inet_lock to write] port 0: not bound */
	struct inet_address remote;  /* [inet_lock to write] port 0: none */
	bool address_chosen;         /* [inet_lock] by bind, not by connect */
	bool port_chosen;            /* [inet_lock] by bind, of whatever number */
	bool only_v6;                /* [inet_lock to write; a] IPV6_V6ONLY */
	uint32_t uid;                /* [I] of who made it */
	struct inet_groups *groups;  /* [inet_lock] owned; NULL: none */
	int values[INET_NR_VALUES];  /* [a] option.c */
};

static inline struct inet_socket *inet_of(struct socket *s)
{
	return container_of(s, struct inet_socket, socket);
}

static inline bool inet_is_v6(const struct inet_socket *i)
{
	return i->socket.family->family == AF_INET6;
}

extern struct spinlock inet_lock;

/* ---- address.c ---- */

static inline uint16_t inet_swap16(uint16_t x)
{
	return __builtin_bswap16(x);
}

bool inet_ip_is_ours(const uint8_t ip[16]);
bool inet_ip_is_broadcast(const uint8_t ip[16]);
/* A program's address, of this socket's family: -EINVAL, -EAFNOSUPPORT. */
MUST_CHECK int inet_address_read(const struct inet_socket *i, const struct socket_address *from,
				 struct inet_address *to);
MUST_CHECK int inet_address_read_v4(const struct socket_address *from, struct inet_address *to);
void inet_address_write(const struct inet_socket *i, const struct inet_address *from,
			struct socket_address *to);
/* Where a packet to `to` goes: a wildcard means the loopback. -ENETUNREACH; -EACCES: broadcast. */
MUST_CHECK int inet_route(const struct inet_socket *i, struct inet_address *to);
/* Where it comes from, if the socket is not bound to an address. */
void inet_source(const struct inet_socket *i, const struct inet_address *to,
		 struct inet_address *from);

/* ---- port.c ---- */

/* One of each protocol. */
struct inet_table {
	unsigned nr;              /* [inet_lock] sockets */
	struct list all;          /* [inet_lock] by all_link */
	struct list *ports;       /* [I] buckets */
	struct list *connections; /* [I] buckets; TCP's */
	/* May both be bound to a port that they share and their addresses overlap? */
	bool (*may_share)(const struct inet_socket *a, const struct inet_socket *b);
};
extern struct inet_table inet_tcp, inet_udp;

static inline struct inet_table *inet_table_of(const struct inet_socket *i)
{
	return i->socket.type == SOCK_STREAM ? &inet_tcp : &inet_udp;
}

MUST_CHECK int inet_table_prepare(struct inet_table *t); /* -ENOMEM */
/* Does what is sent to `to` concern i, going by its local address and port? */
bool inet_is_bound_to(const struct inet_socket *i, const struct inet_address *to);
/* The bucket of a port: others' sockets are in it, too. */
struct list *inet_port_bucket(const struct inet_table *t, uint16_t port);
/* inet_lock is held by all of these. */
MUST_CHECK int inet_bind_locked(struct inet_socket *i, const struct inet_address *a);
/* Any free port; `to`, if it is not NULL, is where i connects to: only that pair must be free. */
MUST_CHECK int inet_autobind_locked(struct inet_socket *i, const struct inet_address *to);
MUST_CHECK int inet_may_listen_locked(struct inet_socket *i); /* -EADDRINUSE */
void inet_put_first_locked(struct inet_socket *i);            /* it listens now */
void inet_put_last_locked(struct inet_socket *i);             /* it does not any more */
void inet_unbind_locked(struct inet_socket *i);               /* the port is free again */
/* A connection from i's local to its remote address; the child of a listener has its port. */
bool inet_is_connected_locked(const struct inet_address *from, const struct inet_address *to);
void inet_connected_locked(struct inet_socket *i);
void inet_share_port_locked(struct inet_socket *child);

/* ---- inet.c ---- */

void inet_init(struct inet_socket *i, const struct socket_ops *ops, int type);
/* Nobody can find it any more. inet_lock is not held. */
void inet_remove(struct inet_socket *i);
void inet_fini(struct inet_socket *i); /* before its memory goes */
int inet_bind(struct socket *s, const struct socket_address *a, uint32_t mode);
long inet_ioctl(struct socket *s, unsigned cmd, unsigned long arg);

/* ---- option.c ---- */

void inet_options_init(struct inet_socket *i);
void inet_options_inherit(struct inet_socket *child, const struct inet_socket *listener);
int inet_option(const struct inet_socket *i, int level, int name); /* of the table */
int inet_set_option(struct socket *s, const struct socket_option *o);
int inet_get_option(struct socket *s, struct socket_option *o);

/* ---- group.c ---- */

int inet_set_group(struct inet_socket *i, const struct socket_option *o); /* -ENOPROTOOPT */
bool inet_has_group_locked(const struct inet_socket *i, const uint8_t ip[16]);

/* ---- udp.c ---- */

int inet_udp_new(struct socket **out);
