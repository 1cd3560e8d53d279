/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users of TCP, as a test has them: something that embeds a struct tcp and is counted. A program
 * says once, by user_kind, how large its own kind is, which begins with a struct user.
 */
#pragma once
#include "net/tcp/tcp.h"

struct user {
	struct tcp tcp;
	unsigned refs, news;     /* [a] */
	uint32_t sent, received; /* the program's own: offsets of the streams */
	bool closed;             /* too */
};

struct user_kind {
	size_t size;
	/* Both may be NULL. listener: whose child it is; NULL: nobody's. */
	void (*born)(struct user *u, const struct user *listener);
	void (*changed)(struct user *u, unsigned news);
};
extern const struct user_kind user_kind; /* the program's */

/* Zeroed but for TCP's part; counted once. NULL = no memory. */
struct user *user_new(struct net *net, bool v6);
struct user *user_of(struct tcp *t);
void user_put(struct user *u);

/* 10.0.0.`host` or fd00::`host`. */
void user_address(struct inet_address *a, bool v6, unsigned host, uint16_t port);

/* Several of them in an array; NULL: nobody. Closes or aborts, and leaves the place empty. */
void user_end(struct user **slot, bool abort);
/* Who waits at the listener gets an empty place, or is closed where there is none. */
void user_accept(struct user *listener, struct user **all, unsigned nr);
/* At most so many bytes are taken, and all else that a reader asks is asked. */
void user_read(struct user *u, bool peek_urgent, uint32_t most);
