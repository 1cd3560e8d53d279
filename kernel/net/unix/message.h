/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message on its way: what one send(2) put into a queue, or for streams a part of it. Its
 * memory is charged to the sender (sender->nr_sent) until it is freed. unix.h has the theory.
 */
#pragma once
#include "net/socket/packet.h"
#include "net/unix/unix.h"

struct unix_message {
	struct packet packet;         /* link: [receiver's socket.lock]; offset: its read_lock */
	struct unix_socket *sender;   /* [I] counted */
	struct socket_cred cred;      /* [I once queued] */
	uint64_t birth;               /* [I once queued] of the process cred.pid */
	bool has_cred;                /* [I once queued] */
	bool peeked;                  /* [receiver's read_lock] */
	struct socket_rights *rights; /* [rights_lock] or NULL */
};

#define UNIX_STREAM_PART (32 * 1024ul) /* most bytes of a stream in one message */

/* Charged to `sender`. NULL = no memory. */
struct unix_message *unix_message_new(struct unix_socket *sender, size_t len);
/* Gives the charge back and wakes the sender if it waits for that; may sleep. */
void unix_message_free(struct unix_message *m);
void unix_messages_free(struct list *messages);
/* Until the sender may send one more. 0; -EAGAIN, -EPIPE, its SO_ERROR, a signal. */
MUST_CHECK int unix_wait_send(struct unix_socket *u, unsigned flags);
/* What u wants to know of msg's sender, to m. */
void unix_message_tell_sender(const struct unix_message *msg, const struct unix_socket *u,
			      struct socket_message *m);
/* Who sends: given by the program, or if somebody wants to know. */
void unix_message_sign(struct unix_message *m, const struct socket_message *from,
		       const struct unix_socket *to);
/* The rights of `from` go with the message: -ETOOMANYREFS. unix_rights_send_locked and queueing
 * are one step: see rights.c. -EPIPE: `to` takes no more. */
MUST_CHECK int unix_deliver(struct unix_socket *to, struct unix_message *m,
			    struct socket_message *from);
/* The message after `m` (NULL: the first), or NULL. */
struct unix_message *unix_queue_next(struct unix_socket *u, struct unix_message *m);
/* Off the queue, with read_lock held; senders that wait for room are woken. */
void unix_queue_remove(struct unix_socket *u, struct unix_message *m);
/* What a receiver learns of the sender. */
void unix_message_name(const struct unix_message *m, struct socket_message *to);
/* SO_PEEK_OFF: where a peek starts; and after one, or a receive, of n bytes. */
size_t unix_peek_start(struct unix_socket *u, unsigned flags);
void unix_peek_moved(struct unix_socket *u, unsigned flags, size_t n);

/* ---- rights.c ---- */

extern struct mutex unix_rights_lock;
/* With rights_lock held, each file is counted as under way. -ETOOMANYREFS. */
MUST_CHECK int unix_rights_depart_locked(struct socket_rights *r);
void unix_rights_arrive_locked(struct socket_rights *r);
/* A receiver takes the message's files; or, peeking, a copy: -ENOMEM. */
struct socket_rights *unix_rights_take(struct unix_message *m);
MUST_CHECK int unix_rights_copy(struct unix_message *m, struct socket_rights **out);
/* Puts the files, not inside of another put. */
void unix_rights_discard(struct socket_rights *r);

/* ---- garbage.c ---- */

/* Frees sockets that only messages in their own queues refer to. */
void unix_collect_garbage(void);
/* The same, when many are under way. Closes sockets: with no lock held. */
void unix_bound_garbage(void);
/* What is under way: [rights_lock] by flight_link. */
extern struct list unix_flights;
extern unsigned unix_nr_flights; /* [rights_lock to write] */
