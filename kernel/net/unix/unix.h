/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local sockets, AF_UNIX (unix(7)): the family's own struct and what its files share.
 *
 * What is sent becomes a message (message.c): copied in once, without a lock, then appended to the
 * receiver's queue under a spinlock; the receiver copies it out, again without the spinlock, and
 * takes it off. Readers of one socket are serialised by read_lock. A message is charged to its
 * sender until it is freed: a sender with send_limit bytes under way waits, and is woken when a
 * quarter of that is left, as Linux does it.
 *
 *	IDLE -> LISTENING		listen
 *	IDLE -> CONNECTED		connect, socketpair; accepted sockets are born so
 *	CONNECTED -> IDLE		datagrams only: connect to AF_UNSPEC, or the peer is gone
 *
 * Streams and seqpackets keep `peer` until they close, also when the peer has closed (it is marked
 * `closed` then). A connection that was not accepted yet is a whole socket, an embryo, on its
 * listener's list `pending`.
 *
 * Locks, outermost first: rights_lock (a mutex, rights.c), unix_lock (names, states, who is
 * connected to whom), socket.lock (queue, and `peer` for the fast path), waitq.lock. unix_lock
 * and one socket.lock at a time; read_lock is taken before all of them.
 */
#pragma once
#include "core/sync/mutex.h"
#include "lib/list.h"
#include "net/socket/socket.h"

enum unix_state { UNIX_IDLE, UNIX_LISTENING, UNIX_CONNECTED };

#define UNIX_PATH_OFFSET      2 /* of sun_path in struct sockaddr_un */
#define UNIX_ADDRESS_MAX      110
#define UNIX_DATAGRAM_BACKLOG 10u /* as /proc/sys/net/unix/max_dgram_qlen */

enum unix_shutdown { UNIX_NO_RECEIVE = 1, UNIX_NO_SEND = 2, UNIX_NO_BOTH = 3 };

/* A bound name. The socket that bound it is found by it until it closes; sockets that were accepted
 * through it, and nobody else, bear it too. */
struct unix_name {
	struct ref ref;
	struct list link;              /* [unix_lock] of the table; on itself: not found any more */
	struct unix_socket *owner;     /* [unix_lock] */
	int type;                      /* [I] SOCK_* */
	struct socket_key key;         /* [I while it is in the table] of a file */
	struct socket_address address; /* [I] */
};

struct unix_socket {
	struct socket socket;
	struct list all_link;     /* [unix_lock] */
	enum unix_state state;    /* [unix_lock to write; a] */
	struct unix_name *name;   /* [unix_lock to write; a] counted; never changes again */
	struct unix_socket *peer; /* [unix_lock and socket.lock to write] counted */
	struct mutex read_lock;
	struct list queue;   /* [socket.lock] messages; only under read_lock do any leave it */
	unsigned nr_queued;  /* [socket.lock; a to read] */
	size_t bytes_queued; /* [socket.lock] */
	uint64_t nr_arrived; /* [socket.lock; a to read] messages, ever */
	unsigned shutdown;   /* [socket.lock to write; a] enum unix_shutdown */
	bool closed;         /* [socket.lock] */
	bool embryo;         /* [unix_lock to write; a] not accepted yet */
	size_t nr_sent;      /* [a] bytes under way that are charged to it */
	struct list pending; /* [unix_lock] embryos, by pending_link */
	struct list pending_link;
	unsigned nr_pending;     /* [unix_lock; a to read] */
	unsigned backlog;        /* [a] how much may wait: embryos or datagrams */
	struct waitq room;       /* who waits to put something in here */
	struct list followers;   /* [socket.lock] datagram sockets that are connected to this one */
	struct list follow_link; /* [peer's socket.lock and unix_lock] */
	/* For descriptors under way: rights.c. */
	struct list flight_link; /* [rights_lock] */
	struct file *file;       /* [rights_lock] its own, not counted; set while in_flight > 0 */
	unsigned in_flight;      /* [rights_lock] messages that carry it */
	unsigned unexplained;    /* [rights_lock] in_flight that no candidate explains: garbage.c */
	bool candidate;          /* [rights_lock] */
};

extern struct spinlock unix_lock;
extern struct list unix_all;     /* [unix_lock] every socket */
extern unsigned unix_nr_sockets; /* [unix_lock] */

static inline struct unix_socket *unix_of(struct socket *s)
{
	return container_of(s, struct unix_socket, socket);
}

static inline bool unix_is_connection(const struct unix_socket *u)
{
	return u->socket.type != SOCK_DGRAM;
}

static inline void unix_get(struct unix_socket *u)
{
	socket_get(&u->socket);
}

static inline void unix_put(struct unix_socket *u)
{
	if (u != NULL)
		socket_put(&u->socket);
}

/* ---- unix.c ---- */

extern const struct socket_ops unix_stream_ops, unix_datagram_ops, unix_seqpacket_ops;
struct unix_socket *unix_new(int type);                   /* NULL = no memory */
struct unix_socket *unix_peer_get(struct unix_socket *u); /* counted, or NULL */
bool unix_is_writable(const struct unix_socket *u);
void unix_mark_shutdown(struct unix_socket *u, unsigned how);
void unix_unfollow_locked(struct unix_socket *u); /* unix_lock is held */
/* u's queue becomes `to`, which is empty. */
void unix_queue_take(struct unix_socket *u, struct list *to);

/* ---- name.c ---- */

int unix_bind(struct socket *s, const struct socket_address *a, uint32_t mode);
MUST_CHECK int unix_autobind(struct unix_socket *u);
/* SO_PASSCRED and SO_PASSPIDFD: who sends is to be passed on. */
static inline bool unix_wants_sender(const struct unix_socket *u)
{
	return socket_option_is_on(&u->socket, SO_PASSCRED) ||
	       socket_option_is_on(&u->socket, SO_PASSPIDFD);
}
/* That wants a sender to have a name. */
MUST_CHECK int unix_autobind_if_asked(struct unix_socket *u);
MUST_CHECK int unix_address_check(const struct socket_address *a);
/* Who bound this name, counted; NULL with an error. -ECONNREFUSED, -EPROTOTYPE, or of the path. */
MUST_CHECK int unix_name_find(const struct socket_address *a, int type, struct unix_socket **out);
void unix_name_get(struct unix_name *n);
void unix_name_put(struct unix_name *n);
/* The name is found no more: the owner closes. unix_lock is held; *key is to be put after it. */
void unix_name_forget_locked(struct unix_socket *u, struct socket_key *key);

/* ---- connect.c ---- */

int unix_listen(struct socket *s, unsigned backlog);
int unix_connect(struct socket *s, const struct socket_address *a, bool nonblock);
int unix_accept(struct socket *s, bool nonblock, struct socket **out);
int unix_pair(struct socket *a, struct socket *b);
int unix_datagram_connect(struct socket *s, const struct socket_address *a, bool nonblock);
/* u, which has no peer, is connected to `to`, which is counted for it. unix_lock is held. */
void unix_attach_locked(struct unix_socket *u, struct unix_socket *to);

/* ---- stream.c, datagram.c ---- */

ssize_t unix_stream_send(struct socket *s, struct socket_message *m);
ssize_t unix_stream_receive(struct socket *s, struct socket_message *m);
ssize_t unix_datagram_send(struct socket *s, struct socket_message *m);
ssize_t unix_datagram_receive(struct socket *s, struct socket_message *m);
ssize_t unix_seqpacket_send(struct socket *s, struct socket_message *m);
ssize_t unix_seqpacket_receive(struct socket *s, struct socket_message *m);
