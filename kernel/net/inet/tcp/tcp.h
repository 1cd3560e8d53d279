/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's sockets (tcp(7)) over the engine (net/tcp/tcp.h), which has the states and the bytes. A
 * socket adds who waits for what, and what connect(2) has told of its outcome:
 *
 *	UNCONNECTED -> CONNECTING	connect
 *	CONNECTING -> CONNECTED		connect, again or still, finds it established
 *	CONNECTING -> UNCONNECTED	it finds that it failed, and says why
 *	any -> UNCONNECTED		connect to AF_UNSPEC; shutdown of a listener
 *
 * Accepted ones are born CONNECTED.
 */
#pragma once
#include "net/inet/inet.h"
#include "net/tcp/tcp.h"

enum tcp_phase { TCP_UNCONNECTED, TCP_CONNECTING, TCP_CONNECTED };

enum tcp_ends { TCP_NO_RECEIVE = 1, TCP_NO_SEND = 2, TCP_NO_BOTH = 3 };

struct tcp_socket {
	struct inet_socket inet;
	struct tcp tcp;
	struct mutex read_lock; /* one reader at a time; before names_lock */
	enum tcp_phase phase;   /* [names_lock] */
	unsigned ends;          /* [a] enum tcp_ends, by shutdown(2) */
};

static inline struct tcp_socket *tcp_socket_of(struct socket *s)
{
	return container_of(inet_of(s), struct tcp_socket, inet);
}

/* What nobody will read, or send, any more: by either end. */
static inline unsigned tcp_socket_ends(const struct tcp_socket *u)
{
	const struct tcp *t = &u->tcp;
	unsigned ends = atomic_load(&u->ends);

	ends |= READ_ONCE(t->got_fin) || READ_ONCE(t->no_receive) ? TCP_NO_RECEIVE : 0;
	return ends | (READ_ONCE(t->no_send) ? TCP_NO_SEND : 0);
}

static inline bool tcp_socket_is_connecting(const struct tcp_socket *u)
{
	enum tcp_state state = tcp_state(&u->tcp);

	return state == TCP_STATE_SYN_SENT || state == TCP_STATE_SYN_RECEIVED;
}

/* The engine's is found here until it has told the socket. */
static inline bool tcp_socket_has_error(const struct tcp_socket *u)
{
	return READ_ONCE(u->inet.socket.error) != 0 || READ_ONCE(u->tcp.error) != 0;
}

int tcp_socket_take_error(struct tcp_socket *u); /* 0 or -Exxx */

/* ---- connect.c: beginnings and ends ---- */

int tcp_socket_listen(struct socket *s, unsigned backlog);
int tcp_socket_connect(struct socket *s, const struct socket_address *a, bool nonblock);
int tcp_socket_accept(struct socket *s, bool nonblock, struct socket **out);
int tcp_socket_shutdown(struct socket *s, int how);
void tcp_socket_close(struct socket *s);

/* ---- stream.c: bytes ---- */

ssize_t tcp_socket_send(struct socket *s, struct socket_message *m);
ssize_t tcp_socket_receive(struct socket *s, struct socket_message *m);

/* ---- tcp_option.c ---- */

int tcp_socket_set_option(struct socket *s, const struct socket_option *o);
int tcp_socket_get_option(struct socket *s, struct socket_option *o);
void tcp_socket_option_changed(struct socket *s, int name);
