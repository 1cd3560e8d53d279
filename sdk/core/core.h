/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library, inside. hull.h is what programs see of it.
 *
 *	core/		what is the same on both backends: the loop, timers, what waits to be
 *			sent, bytes that a callback left, work, files
 *	dns/		names: messages, and a resolver over hull_udp
 *	native/ linux/	a backend each: Hull's native door; epoll and sockets
 *	choose/		which of them a program has: both.c, or native.c alone (libhull-native.a);
 *			*_streams.c and *_groups.c the same of their halves for connections and
 *			multicast groups
 *
 * A program without connections has no code for them: what others call of tcp.c, and of a backend's
 * stream.c, goes through tables that hull_tcp_listen and hull_tcp_connect set when they are first
 * called, and only they refer to them.
 *
 * A turn of the loop:
 *
 *	1. what is due without the system: posts, interrupts, deferred news, timers
 *	2. backend->turn: hands over what the callbacks have queued (loop->out, the connections on
 *	   loop->dirty), sleeps, and calls hull_*_arrived() and so on for what has happened
 *	3. objects that were closed meanwhile are freed
 *
 * So no callback runs inside of a function that the program calls: those change the object, and put
 * it on loop->dirty (the backend has something to do), or on loop->news (a callback is due).
 *
 * Names: what is used by one file only is static; the rest begins with hull_, for a program's names
 * are the program's. Nothing here has a lock but loop->posts, which any thread may push.
 */
#pragma once
#include <hull.h>

#include "lib/compiler.h"
#include "lib/list.h"

#define HULL_OUT_MAX    256u          /* datagrams that are queued before they are handed over */
#define HULL_HOLD_USUAL (64u * 1024)  /* bytes that `received` may leave */
#define HULL_ROOM_MAX   65536u        /* bytes: hull_room */
#define HULL_ARENA      (512u * 1024) /* bytes queued, before they are handed over */

enum hull_kind { HULL_UDP, HULL_LISTENER, HULL_TCP };

/* What every endpoint has: first in each. `id` is the backend's: a descriptor, or the door's. */
struct hull_endpoint {
	enum hull_kind kind;
	struct hull_loop *loop;
	bool is_closed; /* by the program, or over: nothing is called but what is due */
	int64_t id;     /* -1: the backend has nothing of it */
	void *user;
	struct hull_address local;
	struct list link; /* loop->endpoints, or loop->doomed */
};

struct hull_udp {
	struct hull_endpoint e;
	void (*received)(struct hull_udp *u, const struct hull_datagram *d);
	void (*failed)(struct hull_udp *u, const struct hull_address *to, int error);
	struct list failures; /* struct failure, of udp.c */
	struct list news_link;
};

struct hull_listener {
	struct hull_endpoint e;
	const struct hull_tcp_events *events;
	void (*accepted)(struct hull_listener *l, struct hull_tcp *c);
	size_t hold_limit;
};

enum hull_news { /* callbacks that are due */
		 HULL_NEWS_DRAINED = 1 << 0,
		 HULL_NEWS_CLOSED = 1 << 1,
		 HULL_NEWS_RESUMED = 1 << 2,
};

/* Bytes to be sent. */
struct hull_chunk {
	struct list link;
	const uint8_t *data; /* of room[], or the program's */
	size_t len;          /* not sent yet */
	size_t free;         /* bytes behind them in room[] */
	bool is_copied;
	uint8_t room[];
};

struct hull_tcp {
	struct hull_endpoint e;
	const struct hull_tcp_events *events;
	struct hull_address remote;
	struct list dirty_link, news_link;
	unsigned news; /* enum hull_news */
	int error;     /* with HULL_NEWS_CLOSED */
	bool is_paused, is_finishing, is_closing;
	bool got_end;               /* the peer's */
	bool is_end_due;            /* and it is to be told when it is not paused any more */
	bool told_finish;           /* the backend was told */
	bool is_blocked;            /* the backend: no room; it tells when there is */
	bool drained_wanted;        /* something was given since it was called */
	bool in_received;           /* its callback runs */
	struct list out;            /* struct hull_chunk */
	size_t out_len, copied_len; /* bytes in it; of them in room[] */
	uint8_t *hold;              /* what `received` has left */
	size_t hold_len, hold_room, hold_limit;
	/* The native backend's. */
	uint32_t given, consumed; /* bytes shown by the door, and done with */
	bool has_gap;             /* some were not taken: those that follow are shown again */
	/* The Linux backend's. */
	uint32_t interest; /* EPOLL* that are asked for */
	bool is_connecting;
};

/* A datagram that is to go out. */
struct hull_outgoing {
	struct hull_udp *u;
	struct hull_address to, from;
	const uint8_t *data;
	uint32_t len;
	uint32_t token;  /* the backend's, of a received one that data lies in; 0: none */
	uint32_t offset; /* with a token: of data in that one */
};

struct hull_post {
	struct hull_post *next;
	void (*fn)(void *user);
	void *user;
	bool is_owned; /* its memory is the caller's */
};

struct hull_backend {
	const char *name;
	/* -ENOSYS: not here. */
	int (*open)(struct hull_loop *l);
	void (*close)(struct hull_loop *l);
	/* until: CLOCK_MONOTONIC; 0: does not sleep; UINT64_MAX: for ever. */
	void (*turn)(struct hull_loop *l, hull_ns until);
	void (*send)(struct hull_loop *l); /* loop->out now, without anything else */
	void (*wake)(struct hull_loop *l); /* any thread, signal handlers */
	int (*udp_open)(struct hull_udp *u, const struct hull_udp_config *c);
	void (*endpoint_close)(struct hull_endpoint *e, bool abort);
	/* Of the datagram that is shown. NULL: it is copied. */
	int (*keep)(struct hull_udp *u, uint32_t token, uint32_t *number);
	void (*release)(struct hull_loop *l, uint32_t number);
	int (*interfaces)(struct hull_loop *l, struct hull_interface *out, unsigned max);
	int (*watch)(struct hull_loop *l, bool on);
};

/* A backend's half for connections. */
struct hull_stream_backend {
	const struct hull_backend *of;
	int (*begin)(struct hull_loop *l); /* before the first one; -ENOSYS: there are none here */
	int (*listen)(struct hull_listener *l, const struct hull_listen_config *c);
	int (*connect)(struct hull_tcp *c, const struct hull_connect_config *config);
};

/* The same for multicast groups. */
struct hull_group_backend {
	const struct hull_backend *of;
	int (*change)(struct hull_udp *u, const struct hull_address *group, bool joins);
};

/* What the loop calls of tcp.c. */
struct hull_streams {
	void (*news)(struct hull_loop *l);
	void (*free)(struct hull_tcp *c);
};

struct hull_loop {
	const struct hull_backend *backend;
	const struct hull_stream_backend *stream_backend; /* NULL: no connection was asked for */
	const struct hull_streams *streams;               /* the same */
	void *state;                                      /* the backend's */
	hull_ns now;
	bool stops;
	int status;
	unsigned nr_busy;          /* what keeps it going, but for timers and posts */
	struct hull_timer *timers; /* a heap: timer.c */
	struct hull_post *posts;   /* [atomic] pushed by any thread, the last first */
	unsigned nr_posting;       /* [atomic] threads that push, for whom the loop stays */
	uint64_t interrupts;       /* [atomic] bit per signal that came */
	struct list dirty, news, udp_news;
	struct list endpoints, doomed; /* open ones; closed ones, to be freed after the turn */
	struct hull_outgoing *out;     /* HULL_OUT_MAX */
	unsigned nr_out;
	/* HULL_ARENA bytes: what is queued, and the room that hull_room gave last. New bytes go to
	 * arena_len, up to arena_end. */
	uint8_t *arena;
	size_t arena_len, arena_end, room_at, room_len, room_used;
	/* The datagram whose callback runs; token 0: its bytes do not last until it is sent. */
	struct hull_datagram shown;
	uint32_t shown_token;
	void (*network)(bool is_up, void *user);
	void *network_user;
	bool network_due;
};

/* ---- choose/ ---- */

/* The first that opens is it. */
extern const struct hull_backend *const hull_backends[];
extern const struct hull_stream_backend *const hull_stream_backends[]; /* of each of them */
extern const struct hull_group_backend *const hull_group_backends[];

/* ---- loop.c ---- */

int hull_loop_new(struct hull_loop **out);
void hull_endpoint_init(struct hull_endpoint *e, enum hull_kind kind, void *user);
void hull_endpoint_doom(struct hull_endpoint *e); /* freed when the callbacks have run */
void hull_endpoint_undo(struct hull_endpoint *e); /* of one that could not be opened; not freed */
void hull_loop_read_clock(struct hull_loop *l);
/* hull_post with memory of the caller's, which lasts until fn is called. Any thread. */
void hull_post_own(struct hull_loop *l, struct hull_post *p);

/* ---- timer.c ---- */

hull_ns hull_timers_due(const struct hull_loop *l); /* of the first; UINT64_MAX: none */
void hull_timers_run(struct hull_loop *l);

/* ---- udp.c: for backends ---- */

void hull_arena_reset(struct hull_loop *l); /* nothing is queued, and no callback runs */

void hull_udp_arrived(struct hull_udp *u, const struct hull_datagram *d, uint32_t token);
void hull_udp_failed(struct hull_udp *u, const struct hull_address *to, int error);
void hull_udp_news(struct hull_loop *l);
void hull_udp_free(struct hull_udp *u);

/* ---- tcp.c: for backends ---- */

/* NULL: no memory. The backend's id is given later. */
struct hull_tcp *hull_tcp_accepted(struct hull_listener *l);
void hull_tcp_tell_accepted(struct hull_listener *l, struct hull_tcp *c);
void hull_tcp_connected(struct hull_tcp *c);
/* How many of the bytes are done with; fewer than len: it is paused, or over. */
size_t hull_tcp_arrived(struct hull_tcp *c, const void *data, size_t len);
/* What it was not done with, of bytes that the backend cannot show again. */
void hull_tcp_keep_rest(struct hull_tcp *c, const void *data, size_t len);
void hull_tcp_ended(struct hull_tcp *c);
void hull_tcp_over(struct hull_tcp *c, int error); /* the backend has closed it, or will now */
void hull_tcp_writable(struct hull_tcp *c);
void hull_tcp_sent(struct hull_tcp *c, size_t n); /* so many of c->out are with the system */
/* All that was queued is with the system: what is to follow that? Also after hull_tcp_sent. */
void hull_tcp_flushed(struct hull_tcp *c);
bool hull_tcp_wants_result(const struct hull_tcp *c); /* of what is sent now, at once */
void hull_tcp_mark(struct hull_tcp *c);               /* dirty */

/* ---- others ---- */

void hull_say(const char *first, ...); /* parts of a line on stderr; NULL ends them */
void hull_interrupts_run(struct hull_loop *l);
void hull_network_run(struct hull_loop *l);
/* "any" of that family? */
bool hull_address_is_any(const struct hull_address *a);
bool hull_address_is_group(const struct hull_address *a); /* of multicast, of either family */
extern const uint8_t hull_v4_prefix[12];
