/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native door: how programs of the SDK reach the network stack without sockets. Crosses the
 * line between kernel/native and sdk/native; everything else of a program is Linux's.
 *
 * Calls of Hull's own, numbered above Linux's:
 *
 *	open(version)			a loop of the calling process; its number, from 0
 *	turn(loop, ops, nr_ops, events, max, deadline_ns)
 *					does the operations in order, sleeps until there are events
 *					or the deadline (CLOCK_MONOTONIC; 0: not at all; below: for
 *					ever), and gives up to `max` events: how many, 0 after the
 *					deadline or a wake, or -EINTR when a signal is to be handled
 *	wake(loop)			the turn under way, or the next one, does not sleep
 *	close(loop)			everything in it is closed
 *	tcp()				0: there are connections, -ENOSYS: this kernel has none. A
 *					program that has any asks first, so that `hull scan` sees it
 *	groups()			the same of multicast groups
 *
 * One thread at a time may be in a loop's turn. Loops are the address space's: exit, exec and death
 * close them, a fork's child has none.
 *
 * Endpoints (NATIVE_UDP, NATIVE_LISTENER, NATIVE_TCP) have an id, which is never that of another,
 * and a cookie that the program chose, which every event of theirs brings.
 *
 * Received bytes are read where the kernel has them: event.data is an address in the kernel's half,
 * which a program reads because it runs at the kernel's privilege level. It must not write there;
 * nothing but its own good will keeps it, as with all of the kernel's memory in fused mode.
 *	- A datagram's bytes last until the operations of the next turn with max above 0 are done,
 *	  unless one of them is KEEP. In several pieces, all events but its last have NATIVE_MORE.
 *	- A connection's bytes last until CONSUME takes them. Until then it brings no others.
 *
 * Memory. A UDP endpoint drops datagrams when those that wait, were given or are kept take more
 * than its limit; a connection's window closes. SEND takes no more than there is room for, and
 * WRITABLE tells when there is again.
 */
#pragma once
#include <stdint.h>

#define NATIVE_VERSION     1
#define NATIVE_CALL_FIRST  1024
#define NATIVE_CALL_OPEN   1024
#define NATIVE_CALL_TURN   1025
#define NATIVE_CALL_WAKE   1026
#define NATIVE_CALL_CLOSE  1027
#define NATIVE_CALL_TCP    1028
#define NATIVE_CALL_GROUPS 1029
#define NATIVE_NR_CALLS    6
#define NATIVE_EVENTS_MIN  32 /* turn's max, unless it is 0: a datagram may be in 20 pieces */
#define NATIVE_EVENTS_MAX  4096
#define NATIVE_OPS_MAX     65536
#define NATIVE_LOOPS_MAX   64    /* of a process */
#define NATIVE_IDS_MAX     65536 /* endpoints of a loop */
#define NATIVE_KEPT_MAX    4096  /* datagrams of a loop */
#define NATIVE_SEND_MAX    65536 /* bytes of an operation */
#define NATIVE_GROUPS_MAX  1024  /* of an endpoint */

struct native_address {
	uint8_t ip[16]; /* IPv4 mapped (RFC 4291 §2.5.5.2) */
	uint16_t port;  /* in the machine's order */
	uint16_t zero;
	uint32_t interface; /* index; 0: any */
};

enum native_op_kind {
	/* Result: the id. local; cookie; len: limit of memory, 0: the usual; flags. */
	NATIVE_OP_UDP = 1,
	NATIVE_OP_LISTEN,  /* the same; len: backlog */
	NATIVE_OP_CONNECT, /* the same; remote too */
	/* An accepted connection has a cookie now, and may tell of events. */
	NATIVE_OP_ADOPT,
	/* To remote, from local (port ignored; zero: chosen) `len` bytes at `data`; or, with
	 * NATIVE_GIVEN, of the datagram whose token is in cookie, from byte `data` on. */
	NATIVE_OP_SEND_TO,
	/* Result: how many bytes were taken, 0 if there is no room now: WRITABLE will tell. */
	NATIVE_OP_SEND,
	NATIVE_OP_CONSUME, /* len bytes, of those that events gave; 0 is fine */
	NATIVE_OP_FINISH,  /* no more will be sent */
	NATIVE_OP_CLOSE,   /* any kind; NATIVE_ABORT: by a reset */
	NATIVE_OP_KEEP,    /* the datagram whose token is in cookie; result: its number */
	NATIVE_OP_RELEASE, /* the datagram whose number is in cookie */
	NATIVE_OP_LOCAL,   /* local is filled in */
	NATIVE_OP_WATCH,   /* NETWORK events: len 1: wanted, 0: not */
	/* struct native_interface at data, room for len of them; result: how many there are. */
	NATIVE_OP_INTERFACES,
	/* A UDP endpoint hears the group remote, on that interface (0: where packets to it go). */
	NATIVE_OP_JOIN,
	NATIVE_OP_LEAVE,
};

enum native_flags {
	NATIVE_ONLY_V6 = 1 << 0,
	NATIVE_REUSE_PORT = 1 << 1,
	NATIVE_ABORT = 1 << 2,
	NATIVE_GIVEN = 1 << 3,
	NATIVE_MORE = 1 << 4, /* SEND: another follows; events: the datagram's next piece does */
};

struct native_op {
	uint16_t kind, flags;
	uint32_t id;
	uint64_t cookie;
	uint64_t data;
	uint32_t len;
	int32_t result; /* 0 or more, or -Exxx; written only if it is not 0 */
	struct native_address local, remote;
};

enum native_event_kind {
	NATIVE_EVENT_DATAGRAM = 1, /* data, len, local, remote; token */
	NATIVE_EVENT_FAILED,       /* what went to remote: error */
	NATIVE_EVENT_ACCEPTED,     /* the listener's; token: the connection's id; local, remote */
	NATIVE_EVENT_CONNECTED,    /* local is known now */
	NATIVE_EVENT_BYTES,        /* data, len */
	NATIVE_EVENT_WRITABLE,
	NATIVE_EVENT_END,    /* the peer sends no more; all bytes were consumed */
	NATIVE_EVENT_CLOSED, /* error; 0: both ends have finished */
	NATIVE_EVENT_NETWORK,
};

struct native_event {
	uint16_t kind, flags;
	uint32_t id;
	uint64_t cookie;
	uint64_t data;
	uint32_t len;
	uint32_t token;
	int32_t error; /* positive */
	uint32_t zero;
	struct native_address local, remote;
};

#define NATIVE_INTERFACE_ADDRESSES 16
struct native_interface {
	char name[16];
	uint32_t index, mtu;
	uint8_t is_up, is_loopback, link_address[6];
	uint32_t nr_addresses, zero;
	uint8_t addresses[NATIVE_INTERFACE_ADDRESSES][16];
};
