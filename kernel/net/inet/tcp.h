/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCP socket whose peer is in this machine: inet.h has the theory.
 *
 *	IDLE -> LISTENING		listen
 *	LISTENING -> IDLE		shutdown of its receiving half, connect to AF_UNSPEC
 *	IDLE -> CONNECTING		connect, while the listener has no room
 *	IDLE, CONNECTING -> JOINED	connect; accepted sockets are born so
 *	CONNECTING -> IDLE		the listener has gone
 *	JOINED -> IDLE			connect to AF_UNSPEC
 *
 * How a joined socket's connection stands is told by `ends`. RFC 9293's states follow from it:
 * none ESTABLISHED, SENT_FIN FIN-WAIT-2, GOT_FIN CLOSE-WAIT, both or RESET CLOSED.
 *
 * A packet is charged to its sender (nr_sent) until it is read. Who fills its own send buffer and
 * the peer's receive buffer waits, and is woken when a third of that is free.
 */
#pragma once
#include "net/inet/inet.h"

enum stream_state { STREAM_IDLE, STREAM_CONNECTING, STREAM_LISTENING, STREAM_JOINED };

enum stream_ends {
	STREAM_NO_RECEIVE = 1 << 0, /* nothing more is waited for */
	STREAM_NO_SEND = 1 << 1,
	STREAM_NO_BOTH = STREAM_NO_RECEIVE | STREAM_NO_SEND,
	STREAM_SENT_FIN = 1 << 2,
	STREAM_GOT_FIN = 1 << 3,
	STREAM_RESET = 1 << 4, /* by an RST, of either side */
	STREAM_GONE = 1 << 5,  /* closed by its program: who sends here is reset */
};

enum urgent_state { URGENT_NONE, URGENT_NEW, URGENT_TAKEN };

struct tcp_socket {
	struct inet_socket inet;
	enum stream_state state; /* [inet_lock to write; a] */
	bool progressing;        /* [inet_lock] a connect(2) has not yet told the outcome */
	struct tcp_socket *peer; /* [inet_lock, socket.lock and read_lock to write] counted */
	struct mutex read_lock;
	struct list queue;   /* [socket.lock] packets; only under read_lock do any leave it */
	size_t bytes_queued; /* [socket.lock; a to read] */
	uint64_t nr_arrived; /* [socket.lock; a to read] packets, ever */
	unsigned ends;       /* [socket.lock to write; a] enum stream_ends */
	size_t nr_sent;      /* [a] bytes under way that are charged to it */
	uint64_t bytes_sent, bytes_received; /* [a] ever */
	/* The urgent byte is a packet of its own; urgent.c. */
	struct packet *urgent;     /* [socket.lock] where in the queue it is; NULL: not */
	enum urgent_state urgency; /* [socket.lock; a to read] */
	uint8_t urgent_byte;       /* [socket.lock] */
	/* Listeners, and those that want to get to one. */
	struct list pending;       /* [inet_lock] connections to accept, by pending_link */
	struct list waiters;       /* [inet_lock] CONNECTING ones, by pending_link */
	struct list pending_link;  /* [inet_lock] */
	struct tcp_socket *target; /* [inet_lock] whose waiter this is; counted */
	struct tcp_socket *spare;  /* [inet_lock] a waiter's other end, when there is room */
	unsigned nr_pending;       /* [inet_lock; a to read] */
	unsigned backlog;          /* [a] */
};

static inline struct tcp_socket *tcp_of(struct socket *s)
{
	return container_of(inet_of(s), struct tcp_socket, inet);
}

static inline void tcp_get(struct tcp_socket *u)
{
	socket_get(&u->inet.socket);
}

static inline void tcp_put(struct tcp_socket *u)
{
	if (u != NULL)
		socket_put(&u->inet.socket);
}

/* Is the connection over, or has there been none: CLOSED of RFC 9293? */
static inline bool tcp_is_closed(const struct tcp_socket *u)
{
	unsigned both = STREAM_SENT_FIN | STREAM_GOT_FIN, ends = atomic_load(&u->ends);

	return atomic_load(&u->state) == STREAM_IDLE || (ends & STREAM_RESET) != 0 ||
	       (ends & both) == both;
}

/* ---- tcp.c ---- */

int inet_tcp_new(struct socket **out);
struct tcp_socket *tcp_new(void);                      /* NULL = no memory */
struct tcp_socket *tcp_peer_get(struct tcp_socket *u); /* counted, or NULL */
unsigned tcp_state_number(const struct tcp_socket *u); /* as Linux has them */
size_t tcp_send_room(const struct tcp_socket *u, const struct tcp_socket *peer); /* in all */
bool tcp_is_writable(struct tcp_socket *u);
/* u's queue becomes `to`. */
void tcp_queue_take(struct tcp_socket *u, struct list *to);
/* Frees packets that `sender` sent. How many bytes were unread. */
size_t tcp_packets_free(struct tcp_socket *sender, struct list *packets);
struct inet_report;
void inet_tcp_report_locked(struct inet_socket *i, struct inet_report *r);

/* ---- connect.c ---- */

int tcp_listen(struct socket *s, unsigned backlog);
int tcp_connect(struct socket *s, const struct socket_address *a, bool nonblock);
int tcp_accept(struct socket *s, bool nonblock, struct socket **out);
bool tcp_has_pending(const struct tcp_socket *u);

/* ---- end.c: how connections end ---- */

void tcp_receive_reset(struct tcp_socket *u);
int tcp_shutdown(struct socket *s, int how);
void tcp_close(struct socket *s);
/* connect(2) to AF_UNSPEC: as new, but that what bind gave stays. */
int tcp_disconnect(struct tcp_socket *u);
/* A connect that failed: what was for it goes. inet_lock is held. */
void tcp_refuse_locked(struct tcp_socket *u, int error);

/* ---- stream.c, urgent.c ---- */

ssize_t tcp_send(struct socket *s, struct socket_message *m);
ssize_t tcp_receive(struct socket *s, struct socket_message *m);
/* What arrives is to be found at the end of `to`'s queue. -ECONNRESET: nobody is there. */
MUST_CHECK int tcp_deliver(struct tcp_socket *to, struct packet *p);
/* The same for one urgent byte, which p has. */
MUST_CHECK int tcp_deliver_urgent(struct tcp_socket *to, struct packet *p);
ssize_t tcp_receive_urgent(struct tcp_socket *u, struct socket_message *m);
bool tcp_is_at_mark(struct tcp_socket *u); /* SIOCATMARK */
/* FIONREAD: up to the mark. */
size_t tcp_bytes_to_read(struct tcp_socket *u);
/* p, the first of the queue, is about to be read; or has been taken off it. */
bool tcp_is_mark_locked(const struct tcp_socket *u, const struct packet *p);
void tcp_passed_locked(struct tcp_socket *u, const struct packet *p);

/* ---- tcp_option.c ---- */

int tcp_get_special(struct socket *s, struct socket_option *o); /* -ENOPROTOOPT: not mine */
int tcp_set_special(struct socket *s, const struct socket_option *o);
