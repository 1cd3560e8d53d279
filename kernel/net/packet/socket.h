/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET (packet(7)): sockets that see frames as they come and go, and send their own.
 *
 *	socket.c	the family, birth and death, bind, names, poll
 *	tap.c		frames of the interfaces to sockets
 *	receive.c	the queue, recvmsg and what is told beside a frame; ring.c PACKET_RX_RING
 *	send.c		frames of programs; option.c SOL_PACKET
 *
 * While there is a socket that listens, net->tap is set, and each frame is shown to it: what comes
 * before anything looks at it, what goes on its way to the driver. Else that costs one load. A
 * socket keeps a clone, whose bytes are shared with the original, or copies into its ring. A
 * frame of the loopback, which has no link header in this stack, gets one of zeros as on Linux.
 *
 * Locks, outermost first: member_lock, packet_lock (the sockets there are), socket.lock,
 * waitq.lock. Frames are shown in any context, with whatever lock of the stack's above
 * netdev_queue.lock held.
 */
#pragma once
#include <linux/if_packet.h>

#include "core/sync/mutex.h"
#include "lib/list.h"
#include "net/netbuf.h"
#include "net/netdev.h"
#include "net/socket/report.h"
#include "net/socket/socket.h"

#define PACKET_LINK_HEADER 14u /* Ethernet's */
#define PACKET_ALL         3u  /* ETH_P_ALL */

struct packet_ring;
struct vm_area;

/* With a frame in a queue: netbuf_notes(). */
struct packet_note {
	struct sockaddr_ll from;
	uint32_t len;     /* before the filter cut it */
	uint16_t network; /* where the network header begins, from the frame's first byte */
	uint32_t status;  /* TP_STATUS_* */
};

struct packet_member {    /* PACKET_ADD_MEMBERSHIP */
	struct list link; /* [member_lock] */
	struct netdev *dev;
	struct packet_mreq what;
	unsigned nr;
};

struct packet_socket {
	/* [I] immutable  [a] atomic  [p] packet_lock  [l] socket.lock  [m] member_lock */
	struct socket socket;
	struct net *net;    /* [I] */
	struct list link;   /* [p] of those that listen; on itself: it does not */
	unsigned dev_index; /* [p to write; a] 0: any */
	uint16_t protocol;  /* [p to write; a] as the wire's number in our order; 0: none */
	struct list queue;  /* [l] netbufs */
	unsigned nr_queued; /* [l; a to read] */
	size_t charged;     /* [l] */
	uint32_t nr_seen, nr_dropped;         /* [l] since they were last asked for */
	bool wants_auxdata, ignores_outgoing; /* [a] */
	unsigned version, reserve;            /* [l] PACKET_VERSION, PACKET_RESERVE */
	struct packet_ring *ring;             /* [l] NULL: a queue */
	struct mutex member_lock;             /* and who changes the ring */
	struct list members;                  /* [m] struct packet_member */
};

static inline struct packet_socket *packet_of(struct socket *s)
{
	return container_of(s, struct packet_socket, socket);
}

/* ---- tap.c ---- */

/* From now on p hears that protocol of that interface; 0: nothing any more. */
void packet_listen(struct packet_socket *p, uint16_t protocol, unsigned dev_index);

/* ---- receive.c ---- */

void packet_arrived(struct packet_socket *p, struct netbuf *b); /* takes b, with a packet_note */
ssize_t packet_receive(struct socket *s, struct socket_message *m);

/* ---- ring.c ---- */

/* -EINVAL, -EBUSY, -ENOMEM. With no blocks it goes. */
MUST_CHECK int packet_ring_set(struct packet_socket *p, const struct tpacket_req *q);
void packet_ring_free(struct packet_ring *r);
/* False: it is full. socket.lock is held; b stays the caller's. */
bool packet_ring_put(struct packet_socket *p, const struct netbuf *b);
bool packet_ring_has_news(struct packet_socket *p); /* socket.lock is held */
int packet_mmap(struct socket *s, struct vm_area *area);

/* ---- send.c, option.c ---- */

ssize_t packet_send(struct socket *s, struct socket_message *m);
int packet_set_option(struct socket *s, const struct socket_option *o);
int packet_get_option(struct socket *s, struct socket_option *o);
void packet_leave_all(struct packet_socket *p);

/* ---- report ---- */

struct packet_report {
	int type;
	unsigned protocol, dev_index, refs;
	bool runs;
	size_t nr_received;
	uint64_t ino, cookie;
};
socket_report_fn packet_report; /* of struct packet_report: those that listen */
