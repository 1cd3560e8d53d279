/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_NETLINK (netlink(7), RFC 3549): sockets by which programs ask this kernel and hear of changes.
 *
 *	netlink.c	the family, ports, groups, names, poll
 *	queue.c		messages to sockets, and out of them
 *	option.c	SOL_NETLINK
 *	message.c	messages and attributes written, and read
 *	request.c	what a program sends: requests, answers, errors, dumps
 *	rtnetlink.c	NETLINK_ROUTE (rtnetlink(7)): which request is whose; link.c address.c
 *			route.c neighbour.c rule.c the objects; event.c what changed
 *	diag.c		NETLINK_SOCK_DIAG (sock_diag(7)): diag_inet.c, diag_unix.c and others
 *
 * A request is handled while it is sent, and its answers are in the sender's queue when send
 * returns. A dump is made part by part: the first one then, each other one when the reader has
 * taken one; where it is, is kept in the socket. Something that changed meanwhile marks the parts
 * from there on with NLM_F_DUMP_INTR.
 *
 * A message is written once into a buffer of its own. netlink_begin() starts one, the writers add
 * to it, and netlink_end() says whether all of it had room: nobody else needs to look.
 *
 * Locks, outermost first: request_lock, netlink_lock (the sockets there are), socket.lock,
 * waitq.lock. Events come in any context, with no lock of the stack's held.
 */
#pragma once
#include <linux/netlink.h>

#include "core/sync/mutex.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "net/socket/report.h"
#include "net/socket/socket.h"

#define NETLINK_ATTRS_MAX 64u
#define NETLINK_PART      3776u /* bytes of a dump's part: less than anybody's buffer */
#define NETLINK_SPARE     96u
#define NETLINK_FILTER    160u

struct net;
struct netlink_dump;
struct netlink_protocol;

/* One datagram: one message, or several. */
struct netlink_message {
	struct list link;   /* [socket.lock] of a queue */
	unsigned len, room; /* of bytes[] */
	unsigned at;        /* where the message that is being written begins */
	bool is_full;       /* that message had no room */
	uint32_t from;      /* the port it comes from; 0: the kernel */
	uint32_t group;     /* 0: to this socket alone */
	struct socket_cred cred;
	uint8_t spare[NETLINK_SPARE]; /* where headers go that have no room */
	uint8_t bytes[] ALIGNED(8);
};

struct netlink_socket {
	/* [I] immutable  [a] atomic  [n] netlink_lock  [l] socket.lock  [r] request_lock */
	struct socket socket;
	const struct netlink_protocol *protocol; /* [I] */
	struct list link;                        /* [n] of all */
	uint32_t port;                           /* [n to write; a] 0: not bound */
	uint64_t groups;                         /* [n to write; a] bit 0 is group 1 */
	uint32_t peer_port, peer_groups;         /* [a] connect(2) */
	unsigned options;                        /* [a] a bit for each NETLINK_* that is on */
	struct list queue;                       /* [l] struct netlink_message */
	size_t charged;                          /* [l; a to read] bytes of memory in the queue */
	bool is_congested;                       /* [l] nothing more before it has been emptied */
	uint32_t nr_dropped;                     /* [a] */
	struct mutex request_lock;
	struct netlink_dump *dump; /* [r to write; a] NULL: none goes on */
};

static inline struct netlink_socket *netlink_of(struct socket *s)
{
	return container_of(s, struct netlink_socket, socket);
}

static inline bool netlink_option_is_on(const struct netlink_socket *n, int name)
{
	return (READ_ONCE(n->options) >> name & 1) != 0;
}

/* ---- reading what programs send ---- */

struct netlink_request {
	struct netlink_socket *socket;
	struct net *net;
	const struct nlmsghdr *header; /* whole, in kernel memory */
	const void *body;              /* behind it: the family's header */
	unsigned body_len;
	const struct nlattr *attrs[NETLINK_ATTRS_MAX]; /* by type; NULL: not there */
	const char *why;                               /* of an error: NLMSGERR_ATTR_MSG */
	const void *where;                             /* the attribute at fault */
};

/* What an attribute must have: at least so many bytes; 0: there is none of the type. */
struct netlink_rule {
	uint8_t type, least;
};

/* The attributes behind `skip` bytes of the body, into r->attrs; with a shorter body there are
 * none. Those with no rule are passed over; -ERANGE: one is too short; a strict socket has every
 * byte looked at: -EINVAL. */
MUST_CHECK int netlink_parse(struct netlink_request *r, unsigned skip,
			     const struct netlink_rule *rules, unsigned nr);
/* Those in a nested attribute, by type below `nr`. */
void netlink_parse_nested(const struct nlattr *in, const struct nlattr **attrs, unsigned nr);
static inline const void *netlink_data(const struct nlattr *a)
{
	return a + 1;
}
static inline unsigned netlink_data_len(const struct nlattr *a)
{
	return a->nla_len - (unsigned)sizeof(*a);
}
uint32_t netlink_get_u32(const struct nlattr *a);
/* The family's header, as much of it as there is; the rest is zero. */
void netlink_read_header(const struct netlink_request *r, void *to, unsigned len);
/* An error with its reason. */
int netlink_refuse(struct netlink_request *r, int err, const char *why, const struct nlattr *where);

/* ---- writing ---- */

/* NULL = no memory. Any context. */
struct netlink_message *netlink_message_new(unsigned room);
/* A message begins: its header, and `len` bytes of the family's, which are zero and returned. */
void *netlink_begin(struct netlink_message *m, const struct nlmsghdr *header, unsigned len);
void netlink_put(struct netlink_message *m, unsigned type, const void *data, unsigned len);
void netlink_put_u8(struct netlink_message *m, unsigned type, uint8_t value);
void netlink_put_u32(struct netlink_message *m, unsigned type, uint32_t value);
void netlink_put_string(struct netlink_message *m, unsigned type, const char *text);
unsigned netlink_nest(struct netlink_message *m, unsigned type);
void netlink_nest_end(struct netlink_message *m, unsigned at);
/* False: it had no room, and m is as it was before it began. */
MUST_CHECK bool netlink_end(struct netlink_message *m);

/* ---- dumps ---- */

struct netlink_dump {
	struct nlmsghdr header; /* of the parts */
	struct net *net;
	/* Writes what has room from d->at on. True: that was all. Thread context; request_lock. */
	bool (*more)(struct netlink_dump *d, struct netlink_message *m);
	void (*end)(struct netlink_dump *d); /* frees what is in `kept`; NULL: nothing */
	bool watches_net;         /* NLM_F_DUMP_INTR when the net's generation is another */
	uint64_t generation;      /* of the net, when it began */
	unsigned family, at, at2; /* how far it is: more()'s own */
	void *kept;               /* more()'s own */
	uint64_t filter[NETLINK_FILTER / sizeof(uint64_t)]; /* more()'s own */
};
/* Takes *like over: its first part comes now, with the others or -errno at the reader. -EBUSY: one
 * goes on. 0: no acknowledgement follows. */
MUST_CHECK int netlink_dump_start(struct netlink_request *r, const struct netlink_dump *like);
void netlink_dump_go_on(struct netlink_socket *n); /* the reader has taken something */

/* An answer to r of one message. */
struct nlmsghdr netlink_answer_header(const struct netlink_request *r, unsigned type);
/* Takes m: to who asked. */
void netlink_answer(struct netlink_request *r, struct netlink_message *m);

/* ---- the protocols ---- */

#define NETLINK_NO_ANSWER 1 /* of handle: a dump answers */

struct netlink_protocol {
	int number;         /* NETLINK_* */
	unsigned nr_groups; /* that may be joined */
	bool all_may_send;  /* to other programs; else CAP_NET_ADMIN */
	bool admin_hears;   /* groups are for CAP_NET_ADMIN */
	/* One request: 0, -errno or NETLINK_NO_ANSWER. NULL: nobody listens. */
	int (*handle)(struct netlink_request *r);
	/* Somebody joins a group; NULL: nothing to do. Thread context, no lock. */
	int (*joined)(void);
};
extern const struct netlink_protocol netlink_route_protocol, netlink_diag_protocol;

/* ---- netlink.c ---- */

extern struct spinlock netlink_lock;
extern struct list netlink_all; /* [netlink_lock] struct netlink_socket */
MUST_CHECK int netlink_autobind(struct netlink_socket *n);
/* -EINVAL: there is no such group; -EPERM. */
MUST_CHECK int netlink_join(struct netlink_socket *n, unsigned group, bool on);
/* Is anybody in the group? A hint, no lock. */
bool netlink_has_listeners(int protocol, unsigned group);

/* ---- queue.c ---- */

/* Takes m. -ECONNREFUSED: no socket has that port; -EAGAIN: its queue is full. */
MUST_CHECK int netlink_send_to_port(struct netlink_socket *from, uint32_t port,
				    struct netlink_message *m);
/* Takes m: to all in m->group but `except`. Any context. */
void netlink_send_to_group(int protocol, struct netlink_socket *except, struct netlink_message *m);
/* Takes m: in any case; false: n has not heard of it, and is told so. Any context. */
bool netlink_queue(struct netlink_socket *n, struct netlink_message *m, bool is_answer);
void netlink_queue_clear(struct netlink_socket *n);
ssize_t netlink_receive(struct socket *s, struct socket_message *m);

/* ---- request.c, option.c ---- */

ssize_t netlink_send(struct socket *s, struct socket_message *m);
int netlink_set_option(struct socket *s, const struct socket_option *o);
int netlink_get_option(struct socket *s, struct socket_option *o);

/* ---- report: /proc/net/netlink ---- */

struct netlink_report {
	int protocol;
	uint32_t port;
	uint64_t groups;
	size_t nr_received;
	bool dumps;
	unsigned refs;
	uint32_t nr_dropped;
	uint64_t ino, cookie;
};
socket_report_fn netlink_report; /* of struct netlink_report */
