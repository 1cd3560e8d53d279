/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend over Hull's native door (include/abi/hull/native.h). Operations are collected, and
 * done by the call that ends a turn; one that needs its result at once is done by a call of its
 * own.
 */
#pragma once
#include <abi/hull/native.h>

#include "core/core.h"

#define DOOR_OPS    1024u
#define DOOR_EVENTS 256u

/* Operations and whose they are: of SEND the connection, of SEND_TO the socket. */
struct door_ops {
	unsigned nr;
	struct native_op all[DOOR_OPS];
	void *owners[DOOR_OPS];
};

/* What concerns connections: stream.c's. */
struct door_streams {
	void (*event)(struct hull_loop *l, const struct native_event *v);
	void (*result)(const struct native_op *op, struct hull_tcp *c);
	bool (*queue)(struct hull_loop *l); /* all that waits; true: a result is wanted at once */
};

struct door {
	long loop;              /* its number */
	struct door_ops *ops;   /* that are collected */
	struct door_ops *doing; /* by the call under way, or whose results are looked at */
	struct native_event events[DOOR_EVENTS];
	uint8_t *join; /* for a datagram in several pieces; NULL: there was none yet */
	const struct door_streams *streams; /* NULL: there is no connection */
};

/* mov $nr,%eax is right before syscall, so that Hull can make a jump of the two (DESIGN §2). */
#define DOOR_CALL(number, a) \
	({ \
		register long r10_ __asm__("r10") = (a)[3]; \
		register long r8_ __asm__("r8") = (a)[4]; \
		register long r9_ __asm__("r9") = (a)[5]; \
		long result_; \
		__asm__ volatile("movl %1, %%eax\n\tsyscall" \
				 : "=&a"(result_) \
				 : "i"(number), "D"((a)[0]), "S"((a)[1]), "d"((a)[2]), "r"(r10_), \
				   "r"(r8_), "r"(r9_) \
				 : "rcx", "r11", "memory"); \
		result_; \
	})

/* calls.c; the numbers of those that every program makes */
long hull_door_call(long nr, const long args[6]);
/* Does what is collected, sleeps until then, and looks at the results; how many events came. */
unsigned hull_door_turn(struct hull_loop *l, unsigned max_events, hull_ns until);
/* Room for nr more, which may take a call. */
void hull_door_reserve(struct hull_loop *l, unsigned nr);
void hull_door_add(struct hull_loop *l, const struct native_op *op, void *owner);
int hull_door_now(struct hull_loop *l, struct native_op *op); /* its result */

/* native.c: an endpoint of op's kind, made now, and where it is bound. */
int hull_door_make(struct hull_endpoint *e, struct native_op *op, const struct hull_address *local);
uint16_t hull_door_flags(bool reuse_port, bool only_v6);

/* events.c */
void hull_door_dispatch(struct hull_loop *l, unsigned nr);

void hull_door_address_write(const struct hull_address *a, struct native_address *out);
void hull_door_address_read(const struct native_address *a, struct hull_address *out);
