/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet sockets that receive datagrams: a queue of netbufs, each charged with its memory. What
 * comes when SO_RCVBUF is used up is lost, and counted. A reader takes a netbuf off the queue, or
 * peeks at a clone, and copies with no lock held.
 */
#pragma once
#include "net/inet/inet.h"

enum datagram_ends { DATAGRAM_NO_RECEIVE = 1, DATAGRAM_NO_SEND = 2, DATAGRAM_NO_BOTH = 3 };

struct datagram_socket {
	struct inet_socket inet;
	struct list queue;          /* [socket.lock] netbufs */
	unsigned nr_queued;         /* [socket.lock; a to read] */
	size_t charged;             /* [socket.lock] bytes of memory in the queue */
	size_t nr_sent;             /* [a] bytes of memory on their way out */
	uint32_t nr_dropped;        /* [a] because it was full: SO_RXQ_OVFL */
	unsigned ends;              /* [a] enum datagram_ends */
	bool corks;                 /* [a] UDP_CORK: as if each send said MSG_MORE */
	struct mutex cork_lock;     /* before names_lock */
	struct datagram_cork *cork; /* [cork_lock; a to see if there is one] owned: send.c */
};

static inline struct datagram_socket *datagram_of(struct socket *s)
{
	return container_of(inet_of(s), struct datagram_socket, inet);
}

MUST_CHECK int datagram_init(struct datagram_socket *d, const struct socket_ops *ops, int type);
void datagram_fini(struct datagram_socket *d);
/* Takes b, data at what the program is to read, `header` bytes of the transport's before that, a
 * struct udp_info in its notes. Any context. */
void datagram_arrived(struct datagram_socket *d, struct netbuf *b, unsigned header);
ssize_t datagram_receive(struct socket *s, struct socket_message *m);
long datagram_ioctl(struct socket *s, unsigned cmd, unsigned long arg);
int datagram_shutdown(struct socket *s, int how);
unsigned datagram_poll(struct socket *s, struct poll_table *t);

/* ---- send.c ---- */

/* One datagram that is being sent. */
struct datagram_sending {
	struct socket_message *message;
	struct inet_target to;
	struct inet_way way;
};
struct ip_path;
/* What the kinds do differently. */
struct datagram_kind {
	/* x->to, by the message's name or the socket's peer; binds the socket if it must be. */
	int (*find_target)(struct datagram_socket *d, struct datagram_sending *x);
	int (*check)(struct datagram_socket *d, struct datagram_sending *x); /* NULL: nothing */
	/* Takes b, all of the message's bytes. */
	int (*send)(struct datagram_socket *d, struct netbuf *b, struct datagram_sending *x);
};
ssize_t datagram_send(struct datagram_socket *d, struct socket_message *m,
		      const struct datagram_kind *kind);
/* Sends what MSG_MORE and UDP_CORK keep back. 0, or why it could not be sent. */
MUST_CHECK int datagram_uncork(struct datagram_socket *d);
void datagram_close(struct datagram_socket *d); /* what was kept back is dropped */
bool datagram_is_writable(const struct datagram_socket *d);

/* For kinds that know nothing but IP. The connected peer; -EDESTADDRREQ. */
MUST_CHECK int datagram_find_peer(struct datagram_socket *d, struct datagram_sending *x);
/* Checks and completes the bytes of b for that path; b stays the caller's. */
typedef int datagram_finish(struct datagram_socket *d, struct netbuf *b,
			    const struct datagram_sending *x, const struct ip_path *path);
/* Takes b: behind an IP header of the socket's protocol. */
MUST_CHECK int datagram_send_along(struct datagram_socket *d, struct netbuf *b,
				   struct datagram_sending *x, datagram_finish *finish);

/* ---- note.c: what is told beside the bytes ---- */

void datagram_note(struct datagram_socket *d, struct socket_message *m, const struct netbuf *b);
