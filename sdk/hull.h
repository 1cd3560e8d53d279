/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hull's SDK: programs as callbacks on a loop of events.
 *
 *	#include <hull.h>
 *
 *	static void tick(struct hull_timer *t, void *user)
 *	{
 *		hull_log("another second");
 *	}
 *
 *	int hull_start(int argc, char **argv)
 *	{
 *		static struct hull_timer timer;
 *
 *		hull_timer_init(&timer, tick, NULL);
 *		hull_timer_start(&timer, HULL_SECOND, HULL_SECOND);
 *		return 0;
 *	}
 *
 * A program defines hull_start() instead of main(); libhull.a has main(). When hull_start has
 * returned 0 the loop runs until hull_stop(), or until nothing is left that could call back.
 *
 * In Hull the library talks to the network stack directly: one entry into the kernel a turn of the
 * loop brings all events and takes all that was sent meanwhile, and what was received is read where
 * it lies in the packet. On Linux the same binary runs over epoll and sockets. Which of the two is
 * found out at run time; HULL_BACKEND=linux in the environment chooses sockets in Hull as well.
 *
 * Contexts. A loop belongs to one thread, and all of its callbacks run there, one after the other:
 * nothing needs a lock. A function here acts on the calling thread's loop, and may be called from
 * hull_start and from callbacks; those marked [any thread] from anywhere. A callback that blocks
 * keeps the loop from everything else: long work goes to hull_work(). Threads of the program's own
 * may run loops of their own (hull_loop_run).
 *
 * Callbacks. None is called from inside of a function of this library: what a call brings about is
 * told later, by the loop. An object may be closed from any callback, its own too; what was to be
 * called for it is not called any more, but for a connection's `closed`, which always comes, once.
 *
 * Ownership. The library makes and frees its objects; a close gives one back. Timers are the
 * program's memory. Data that a callback gets is the library's and lasts until the callback
 * returns. Data that a function takes is copied before it returns, unless said otherwise.
 *
 * Errors. What can fail returns 0 or a negative errno, and hands results out by its last parameter.
 * NULL and bad sizes of the program's own are not checked for.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the program ---- */

/* The program's: 0: the loop runs; anything else is the exit status. */
int hull_start(int argc, char **argv);

/* The loop ends when the callback at hand has returned: main's with that exit status, another
 * thread's (hull_loop_run) with that result. What was sent goes out first, as far as the system
 * takes it without waiting. Nothing is called back any more. */
void hull_stop(int status);

/* A loop for this thread: start(user), then the loop until hull_stop. Returns its status, start's
 * result if that is not 0, or a negative errno: there is no memory for a loop. */
int hull_loop_run(int (*start)(void *user), void *user);

struct hull_loop;
struct hull_loop *hull_loop_here(void); /* this thread's */
/* fn(user) is called by that loop. [any thread] -ENOMEM. The loop must still run. */
int hull_post(struct hull_loop *loop, void (*fn)(void *user), void *user);

/* "native" or "linux". */
const char *hull_backend(void);

/* ---- time: timer.c ---- */

typedef uint64_t hull_ns;
#define HULL_MICROSECOND ((hull_ns)1000)
#define HULL_MILLISECOND ((hull_ns)1000000)
#define HULL_SECOND      ((hull_ns)1000000000)

/* CLOCK_MONOTONIC, when this turn of the loop began: costs nothing. */
hull_ns hull_now(void);

/* The program's memory, which must stay while it is set. */
struct hull_timer {
	void (*fn)(struct hull_timer *t, void *user);
	void *user;
	uint64_t opaque[8];
};

void hull_timer_init(struct hull_timer *t, void (*fn)(struct hull_timer *t, void *user),
		     void *user);
/* From now in `delay`, then each `period` (0: once). A period is kept to from the first time on,
 * whatever callbacks take; times that were missed are left out. A timer that is set is set anew.
 * Timers that are due together are called in the order of their times. */
void hull_timer_start(struct hull_timer *t, hull_ns delay, hull_ns period);
void hull_timer_stop(struct hull_timer *t); /* also when it is not set */
bool hull_timer_is_set(const struct hull_timer *t);

/* ---- addresses: address.c ---- */

/* Of both families: IPv4's as ::ffff:a.b.c.d. All zero: any address of either family. */
struct hull_address {
	uint8_t ip[16];
	uint16_t port;      /* in the machine's order */
	uint32_t interface; /* of a link-local address or a multicast group: its index; else 0 */
};

#define HULL_ADDRESS_TEXT 64
/* "192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.1", "2001:db8::1", "fe80::1%2", "*:53" or ":53":
 * any. No names: hull_resolve. -EINVAL. */
int hull_address_parse(const char *text, uint16_t port_if_none, struct hull_address *out);
/* RFC 5952, with the port unless that is 0. Returns text. */
char *hull_address_text(const struct hull_address *a, char text[HULL_ADDRESS_TEXT]);
bool hull_address_is_v4(const struct hull_address *a);
bool hull_address_equal(const struct hull_address *a, const struct hull_address *b);

/* ---- the network as a whole: network.c ---- */

#define HULL_INTERFACE_ADDRESSES 16
struct hull_interface {
	char name[16];
	uint32_t index;
	bool is_up, is_loopback; /* up: and there is a carrier */
	uint32_t mtu;
	uint8_t link_address[6];
	unsigned nr_addresses;
	struct hull_address addresses[HULL_INTERFACE_ADDRESSES]; /* ports are 0 */
};
/* Fills `out`, up to max; returns how many there are, or -ENOMEM. */
int hull_interfaces(struct hull_interface *out, unsigned max);

/* fn(is_up, user) soon, and whenever the network may have changed: up means that an interface
 * other than the loopback has a carrier and an address that is not link-local. One fn a loop; NULL
 * ends it. Waiting for it does not keep the loop going. -ENOMEM. */
int hull_on_network(void (*fn)(bool is_up, void *user), void *user);

/* ---- UDP: udp.c ---- */

struct hull_udp;

struct hull_datagram {
	const void *data;
	size_t len;
	struct hull_address from;
	struct hull_address to; /* ours, that it was sent to; a group's or broadcast's, maybe */
};

struct hull_udp_config {
	struct hull_address local; /* port 0: one is chosen */
	bool reuse_port;           /* several share the port: a flow stays with one of them */
	bool only_v6;              /* of any address: not IPv4's */
	/* Memory of datagrams that wait for `received`; more are dropped. 0: 256 KiB. Linux has its
	 * own most (net.core.rmem_max) for programs of users. */
	size_t receive_limit;
	void (*received)(struct hull_udp *u, const struct hull_datagram *d);
	/* What was sent to `to` did not arrive (ICMP says), or could not be sent. NULL: no matter.
	 * error: positive. */
	void (*failed)(struct hull_udp *u, const struct hull_address *to, int error);
	void *user;
};

#define HULL_UDP_MAX 65507u /* bytes of a datagram (IPv4's) */

/* -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -ENOMEM. */
int hull_udp_open(const struct hull_udp_config *config, struct hull_udp **out);
void hull_udp_close(struct hull_udp *u); /* what was sent before goes out */
void *hull_udp_user(const struct hull_udp *u);
struct hull_address hull_udp_local(const struct hull_udp *u);
/* 0: it goes out when the callbacks of this turn have run. Datagrams get lost; `failed` tells what
 * is known. -EMSGSIZE, -ENOMEM. */
int hull_udp_send(struct hull_udp *u, const struct hull_address *to, const void *data, size_t len);
/* To where d came from, from the address that it was sent to. */
int hull_udp_reply(struct hull_udp *u, const struct hull_datagram *d, const void *data, size_t len);
/* What is sent to the group, to u's port, comes to u as well, from now on and on that interface (0:
 * the one that packets to it go out by). Who sends to a group need not be in it; such datagrams go
 * to the link alone (a TTL of 1), and to this machine's members too. -EINVAL: no group, or not of
 * u's family; -ENODEV: no such interface; -EADDRINUSE: u is in it; -ENOBUFS: u is in too many
 * (IPv4: 20); -ENOMEM. */
int hull_udp_join(struct hull_udp *u, const struct hull_address *group);  /* its port: no matter */
int hull_udp_leave(struct hull_udp *u, const struct hull_address *group); /* -EADDRNOTAVAIL */
/* Room for something that is sent in this turn: a send of data in there copies it once less. It
 * lasts until the callback returns, or the next hull_room. NULL: len is above 65,536. */
void *hull_room(size_t len);
/* d lasts until hull_datagram_release: its memory counts as waiting, so that who keeps too many
 * receives no more. The result is another pointer. In Hull nothing is copied. -ENOMEM. */
int hull_datagram_keep(struct hull_udp *u, const struct hull_datagram *d,
		       const struct hull_datagram **out);
void hull_datagram_release(const struct hull_datagram *kept); /* before its socket is closed */

/* ---- TCP: tcp.c ---- */

struct hull_tcp;
struct hull_listener;

/* All but `received` may be NULL. */
struct hull_tcp_events {
	/* Of hull_tcp_connect: bytes may be sent. (They may be before, too: they wait.) */
	void (*connected)(struct hull_tcp *c);
	/* Bytes in order. Returns how many of them are done with; the rest comes again with what
	 * follows it, in one piece. */
	size_t (*received)(struct hull_tcp *c, const void *data, size_t len);
	/* The peer sends no more; bytes may still be sent. NULL: hull_tcp_close(c). What `received`
	 * has left is lost. */
	void (*ended)(struct hull_tcp *c);
	/* All that was given is with the system (by hull_tcp_send_static: and is not needed any
	 * more). */
	void (*drained)(struct hull_tcp *c);
	/* The last that is called for c. error: 0: by hull_tcp_close or both ends; else why. */
	void (*closed)(struct hull_tcp *c, int error);
};

struct hull_listen_config {
	struct hull_address local; /* port 0: one is chosen */
	unsigned backlog;          /* 0: 1024 */
	bool reuse_port, only_v6;
	/* Bytes that `received` may leave, at most; it is called with that many at least before the
	 * connection ends by -EMSGSIZE. 0: 64 KiB. */
	size_t hold_limit;
	const struct hull_tcp_events *events; /* of accepted connections; stays the program's */
	/* A connection came. NULL: nothing to do. */
	void (*accepted)(struct hull_listener *l, struct hull_tcp *c);
	void *user; /* the listener's, and at first each connection's */
};

struct hull_connect_config {
	struct hull_address remote;
	struct hull_address local; /* zero: chosen */
	size_t hold_limit;         /* as above */
	const struct hull_tcp_events *events;
	void *user;
};

/* -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -ENOMEM. */
int hull_tcp_listen(const struct hull_listen_config *config, struct hull_listener **out);
void hull_listener_close(struct hull_listener *l); /* its connections stay */
void *hull_listener_user(const struct hull_listener *l);
struct hull_address hull_listener_local(const struct hull_listener *l);

/* 0: under way; `connected` or `closed` tells. -ENETUNREACH, -EADDRNOTAVAIL, -ENOMEM. */
int hull_tcp_connect(const struct hull_connect_config *config, struct hull_tcp **out);

/* All of it is taken, or nothing: -EPIPE (after finish, close or an error), -ENOMEM, -EAGAIN: more
 * than HULL_TCP_UNSENT bytes would wait. `drained` says when none do. */
#define HULL_TCP_UNSENT ((size_t)4 << 20)
int hull_tcp_send(struct hull_tcp *c, const void *data, size_t len);
/* The same without a copy: data stays as it is until `drained` or `closed`. Not counted in
 * HULL_TCP_UNSENT. */
int hull_tcp_send_static(struct hull_tcp *c, const void *data, size_t len);
size_t hull_tcp_unsent(const struct hull_tcp *c); /* bytes that wait here */
/* `received` is not called; the peer's window fills, and it waits. */
void hull_tcp_pause(struct hull_tcp *c);
void hull_tcp_resume(struct hull_tcp *c);
/* What was given is sent, then the end of the stream; bytes may still come. */
void hull_tcp_finish(struct hull_tcp *c);
/* The same, and nothing is received any more: only `closed` follows. */
void hull_tcp_close(struct hull_tcp *c);
void hull_tcp_abort(struct hull_tcp *c); /* at once: the peer sees a reset */

void *hull_tcp_user(const struct hull_tcp *c);
void hull_tcp_set_user(struct hull_tcp *c, void *user);
/* Other callbacks from now on: for protocols on top. */
void hull_tcp_set_events(struct hull_tcp *c, const struct hull_tcp_events *events);
struct hull_address hull_tcp_local(const struct hull_tcp *c);
struct hull_address hull_tcp_remote(const struct hull_tcp *c);

/* ---- names: resolve.c ---- */

struct hull_query;
#define HULL_RESOLVE_MAX 16
/* error: 0, or positive: ENOENT (there is no such name), ETIMEDOUT, EIO (the servers say nonsense),
 * ENETUNREACH (no server is known). Addresses are the callback's only, ports are as asked for. */
typedef void hull_resolved_fn(void *user, int error, const struct hull_address *addresses,
			      unsigned nr);
/* An address's text, a name in /etc/hosts, or by the servers of /etc/resolv.conf (A and AAAA), with
 * its search list, ndots, attempts and timeout (resolv.conf(5); else 2 attempts of 5 s). The same
 * code on both backends. -EINVAL: no name; -ENOMEM. */
int hull_resolve(const char *name, uint16_t port, hull_resolved_fn *fn, void *user,
		 struct hull_query **out);
void hull_query_cancel(struct hull_query *q); /* before fn was called: it is not */

/* ---- work on threads: work.c ---- */

/* fn(user) runs on a thread of its own, at most HULL_WORK_THREADS at once; then this loop calls
 * done(user) (NULL: nothing). -ENOMEM, -EAGAIN: no thread. */
#define HULL_WORK_THREADS 16
int hull_work(void (*fn)(void *user), void (*done)(void *user), void *user);

/* ---- interrupts: interrupt.c ---- */

/*
 * What the host tells the program: signals. In Hull `hull run` passes the terminal's and kill's
 * through, and SIGWINCH when the window changes its size. fn is called by the loop, not in the
 * signal's context. NULL: as before. -EINVAL: SIGKILL, SIGSTOP, no signal. A device's interrupts
 * are the kernel's: no platform hands them to programs.
 */
int hull_on_interrupt(int signo, void (*fn)(int signo, void *user), void *user);

/* ---- files: file.c ---- */

/* By POSIX, and blocking: for what is read at the start, or by hull_work. A file is open()ed by
 * the program. Whole transfers: fewer bytes only at the file's end. */
int hull_file_read(const char *path, void **data, size_t *len);      /* free() it; a NUL follows */
int hull_file_write(const char *path, const void *data, size_t len); /* replaces it as a whole */
/* How many bytes, or a negative errno. */
ptrdiff_t hull_read_at(int fd, void *to, size_t len, uint64_t offset);
ptrdiff_t hull_write_at(int fd, const void *from, size_t len, uint64_t offset);

/* ---- the rest: log.c, entropy.c ---- */

void hull_random(void *to, size_t len); /* [any thread] of the kernel's generator */
/* A line on stderr. [any thread] */
void hull_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif
