/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend of the SDK's without a system: connections are bytes in memory, and time stands still
 * while anything is to be done, then leaps to what is due. Peers do what the test's step() does
 * with them; the library above is what programs have.
 */
#pragma once
#include "core/core.h"

#define WIRE_PEERS 64u

struct wire_peer {
	struct hull_tcp *c; /* NULL: there is none, or the library has closed it */
	uint8_t *in;        /* sent to the library, not shown to it yet */
	size_t in_len, in_room;
	uint8_t *out; /* what the library has sent */
	size_t out_len, out_room;
	size_t window;             /* bytes that it takes still */
	bool ends;                 /* it sends no more */
	bool was_ended, was_reset; /* by the library */
};

struct wire {
	hull_ns now;
	/* The next that peers do; false: nothing more by themselves. */
	bool (*step)(struct wire *w);
	void *user;
	struct hull_listener *listener; /* NULL: closed */
	struct wire_peer peers[WIRE_PEERS];
	unsigned nr_peers, nr_turns;
};

extern struct wire wire;

/* Runs start(w) and the loop on a new wire, whose time begins at a second. */
int wire_run(bool (*step)(struct wire *w), int (*start)(void *user), void *user);
void wire_free(void);                 /* what the peers had */
struct wire_peer *wire_connect(void); /* NULL: there are too many, or nobody listens */
void wire_give(struct wire_peer *p, const void *bytes, size_t len);
void wire_reset(struct wire_peer *p);
