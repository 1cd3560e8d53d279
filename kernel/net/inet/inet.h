/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet sockets, AF_INET and AF_INET6 (ip(7), ipv6(7), tcp(7), udp(7), raw(7)), over the stack's
 * transports: what both families and all protocols share.
 *
 *	address.c	addresses of programs, in and out; which of them can be bound to
 *	inet.c		the families, birth, bind, names, ioctl
 *	option.c	IPPROTO_IP, _IPV6 and _TCP of setsockopt(2), option_way.c of them
 *			what is about the way; group.c,
 *			group_option.c multicast groups and from whom
 *	error.c		the queue of errors, and of what is no error (MSG_ERRQUEUE)
 *	lend.c		memory that a program lends for a send (MSG_ZEROCOPY)
 *	report.c	what /proc/net and sock_diag(7) show
 *	datagram/	sockets with a queue of datagrams: UDP's, raw ones, ICMP's echo
 *	tcp/		TCP's
 *
 * A socket embeds its transport's object (struct udp, struct tcp), which calls back in any context:
 * what it calls only queues, counts and wakes. A socket's call that has sent something calls
 * net_run() when it holds no lock.
 *
 * Locks, outermost first: names_lock, the stack's (net.h), socket.lock, waitq.lock.
 */
#pragma once
#include <linux/in.h>
#include <linux/in6.h>

#include "core/sync/mutex.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/net.h"
#include "net/netbuf.h"
#include "net/socket/socket.h"

#define INET_ADDRESS_MAX  sizeof(struct sockaddr_in6)
#define INET6_ADDRESS_MIN 24 /* RFC 2133's sockaddr_in6 had no scope */

/* The switches and numbers of option.c's table, by position in it. */
#define INET_NR_VALUES 72

struct inet_groups;
struct inet_loan;
struct ip_error;
struct ip_info;
struct ip_path;
struct netdev;

struct inet_socket {
	/* [I] immutable  [a] atomic  [l] socket.lock  [n] names_lock */
	struct socket socket;
	struct net *net;                   /* [I] */
	struct endpoint *end;              /* [I] of the transport's object; its own locks */
	struct mutex names_lock;           /* who binds, connects, joins groups */
	struct inet_address local, remote; /* [l; n to write] what the endpoint has, or had last */
	struct inet_groups *groups;        /* [n to change the pointer, l] owned; NULL: none */
	struct list errors;                /* [l] netbufs: error.c */
	unsigned nr_errors;                /* [l; a to read] */
	size_t errors_charged;             /* [l] bytes of memory */
	int values[INET_NR_VALUES];        /* [a] option.c */
	uint32_t stamping;                 /* [a] SO_TIMESTAMPING */
	uint32_t nr_stamped;               /* [a] packets, since SOF_TIMESTAMPING_OPT_ID */
	bool lends;                        /* [a] SO_ZEROCOPY */
	uint32_t nr_lent;                  /* [l] calls with MSG_ZEROCOPY */
	struct inet_loan *last_loan;       /* [l] not counted: it is cleared first; NULL: none */
	size_t lent_charged;               /* [l] bytes of what is, or will be, told of loans */
};

static inline struct inet_socket *inet_of(struct socket *s)
{
	return container_of(s, struct inet_socket, socket);
}

static inline bool inet_is_v6(const struct inet_socket *i)
{
	return i->socket.family->family == AF_INET6;
}

/* ---- address.c ---- */

static inline uint16_t inet_swap16(uint16_t x)
{
	return __builtin_bswap16(x);
}

/* An address with the interface that its scope is of; 0: none. */
struct inet_target {
	struct inet_address at;
	unsigned scope;
};

/* A program's address, of this socket's family: -EINVAL, -EAFNOSUPPORT. */
MUST_CHECK int inet_address_read(const struct inet_socket *i, const struct socket_address *from,
				 struct inet_target *to);
MUST_CHECK int inet_address_read_v4(const struct socket_address *from, struct inet_target *to);
void inet_address_write(const struct inet_socket *i, const struct inet_address *from,
			unsigned scope, struct socket_address *to);
/* A wildcard that is sent to means this machine. -ENETUNREACH: of a family that i may not use. */
MUST_CHECK int inet_address_mean(struct inet_socket *i, struct inet_target *to);
/* The interface that i's packets to there must go by; 0: any. */
unsigned inet_address_device(const struct inet_socket *i, const struct inet_target *to);
struct inet_address inet_local(struct inet_socket *i);
struct inet_address inet_remote(struct inet_socket *i);
/* The source that bind chose; NULL: none. names_lock is held. */
const uint8_t *inet_bound_address(const struct inet_socket *i);

/* ---- inet.c ---- */

/* -ENOBUFS: no memory for a stack. */
MUST_CHECK int inet_init(struct inet_socket *i, const struct socket_ops *ops, int type);
/* The same for what has come to a listener. Any context. */
void inet_init_child(struct inet_socket *i, struct inet_socket *listener);
/* The endpoint's flags follow the socket's: for its owner, once it is initialised. */
void inet_attach(struct inet_socket *i, struct endpoint *end, bool v6);
void inet_names_changed(struct inet_socket *i); /* names_lock is held */
void inet_close(struct inet_socket *i);         /* groups */
void inet_fini(struct inet_socket *i);          /* before its memory goes; any context */
/* What bind(2) is told: may it be? -EINVAL, -EADDRNOTAVAIL, -EACCES... */
MUST_CHECK int inet_bind_check(const struct inet_socket *i, const struct socket_address *a,
			       struct inet_target *own);
int inet_bind(struct socket *s, const struct socket_address *a, uint32_t mode);
/* A port, if there is none. -EAGAIN: none is free. */
MUST_CHECK int inet_autobind(struct inet_socket *i);
int inet_get_name(struct socket *s, enum socket_name of, struct socket_address *out);
long inet_ioctl(struct socket *s, unsigned cmd, unsigned long arg);

/* ---- option.c ---- */

void inet_options_init(struct inet_socket *i);
/* IPV6_ADDR_PREFERENCES, as ip_query has it: 0: RFC 6724's rules alone. */
unsigned inet_source_preference(const struct inet_socket *i);
void inet_options_inherit(struct inet_socket *child, const struct inet_socket *listener);
int inet_option(const struct inet_socket *i, int level, int name); /* of the table */
/* IPv4's or IPv6's of the two, by where a packet goes. */
int inet_option_for(const struct inet_socket *i, const uint8_t ip[16], int name4, int name6);
int inet_set_option(struct socket *s, const struct socket_option *o);
int inet_get_option(struct socket *s, struct socket_option *o);
void inet_option_changed(struct socket *s, int name); /* of SOL_SOCKET */
/* As much of a value as there is room for; always 0. */
int inet_give(struct socket_option *o, const void *value, size_t len);

/* ---- group.c, group_option.c ---- */

int inet_set_group(struct inet_socket *i, const struct socket_option *o); /* -ENOPROTOOPT */
int inet_get_group(struct inet_socket *i, struct socket_option *o);       /* the same */
/* Does what came to a group concern i? */
bool inet_hears_group(struct inet_socket *i, const struct ip_info *p);
/* The interface that a program named by address or index. NULL: there is none. */
struct netdev *inet_find_device(struct net *net, const uint8_t ip[16], unsigned dev_index);
void inet_leave_groups(struct inet_socket *i);

/* ---- error.c ---- */

/* ICMP says so of a packet that went to `to`: does the socket hear it? Any context. */
void inet_error_arrived(struct inet_socket *i, const struct ip_error *e,
			const struct inet_address *to);
ssize_t inet_error_receive(struct inet_socket *i, struct socket_message *m);
/* A packet for `to` was longer than its path takes, and may not be cut. */
void inet_error_too_long(struct inet_socket *i, const struct inet_address *to, uint32_t mtu);
/* The device has had the packet: at its time_ns. Any context. */
void inet_error_stamped(struct inet_socket *i, const struct netbuf *packet, uint32_t key);
/* Memory to tell of a loan. NULL: there is none, or too much is not told yet. */
struct netbuf *inet_error_reserve(struct inet_socket *i);
/* Calls with MSG_ZEROCOPY, from `first` on; nr may be 0. */
struct inet_lent {
	uint32_t first, nr;
	bool copied;
};
/* socket.lock is held. True: the note is in the queue; false: nothing, or the last entry tells. */
MUST_CHECK bool inet_error_lent(struct inet_socket *i, struct netbuf *note,
				const struct inet_lent *lent);
void inet_note_stamp(const struct inet_socket *i, struct socket_message *m, nsec_t ns);

/* ---- lend.c ---- */

static inline bool inet_is_lending(const struct inet_socket *i, const struct socket_message *m)
{
	return (m->flags & MSG_ZEROCOPY) != 0 && m->data->left > 0 && READ_ONCE(i->lends);
}
/* A call begins: m->loan is what its netbufs count. -ENOBUFS. */
MUST_CHECK int inet_lend(struct inet_socket *i, struct socket_message *m);
/* It ends; net_run() is to be called. sent: some of its bytes were. */
void inet_lend_end(struct inet_socket *i, struct socket_message *m, bool sent);

/* ---- way.c: how a datagram goes ---- */

struct inet_way {
	struct inet_address own;
	const uint8_t *from; /* NULL: to be chosen */
	unsigned dev_index;
	unsigned prefer;   /* as ip_query's */
	uint32_t mtu_most; /* IPV6_MTU; 0: as the path has it */
	uint8_t hops, traffic_class;
	bool dont_fragment, no_echo;
};

/* sendto's address: IPv6's sockets take IPv4's, too. -EINVAL, -EAFNOSUPPORT, -ENETUNREACH. */
MUST_CHECK int inet_way_target(const struct inet_socket *i, const struct socket_address *a,
			       struct inet_target *to);
/* w may point into m. -EINVAL, -ENETUNREACH: a source that is not ours. */
MUST_CHECK int inet_way_choose(struct inet_socket *i, const struct socket_message *m,
			       const struct inet_target *to, struct inet_way *w);
/* The path; its is_broadcast has been allowed. As ip_route, -EACCES. */
MUST_CHECK int inet_way_path(struct inet_socket *i, const struct inet_target *to,
			     const struct inet_way *w, struct ip_path *out);
/* Takes b: behind an IP header of the socket's protocol, along the path. As ip_send. */
MUST_CHECK int inet_way_send(struct inet_socket *i, struct netbuf *b, const struct inet_target *to,
			     const struct inet_way *w, const struct ip_path *path);

/* ---- births ---- */

int inet_udp_new(bool v6, struct socket **out);
int inet_tcp_new(bool v6, struct socket **out);
int inet_raw_new(bool v6, int protocol, struct socket **out);
int inet_ping_new(bool v6, struct socket **out);
