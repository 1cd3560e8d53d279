/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP (RFC 9293): connections, without sockets. A user of TCP (a socket in inet/, the SDK's
 * objects) embeds a struct tcp and is told of what happens by tcp_events.
 *
 *	connection.c	birth, states, ends
 *	handshake/	what is for a listener: request.c, cookie.c; fastopen.c (RFC 7413); secret.c
 *	segment.c	a segment from outside: checked, and whom it concerns; rest.c: TIME-WAIT
 *	input.c		segments in: RFC 9293 §3.10.7, RFC 5961's challenges; error.c: ICMP's
 *	ack.c		what an ACK says: round trips (RFC 6298), windows
 *	loss/		sack.c (RFC 2018, 2883); what is lost: rack.c (RACK-TLP, RFC 8985); what is
 *			done about it: recovery.c (RFC 6937, 5682, 4015)
 *	receive.c	what arrived, in order and out of order; read.c: the user takes it, the
 *			urgent byte; window.c: how much may come
 *	send.c		what the user gives; queue.c: what was sent and is not acknowledged
 *	output.c	segments out: what may go now, Nagle, cork, windows; header.c: how they look
 *	timer.c		retransmission, probes, delayed ACKs, keepalive, user time-out; alarm.c
 *	congestion/	the interface of algorithms, HyStart++; cubic.c (RFC 9438), reno.c (5681);
 *			pace.c: a rate that the user names
 *	options.c	options in and out (RFC 7323)
 *	stack.c		settings, memory; tune.c: setsockopt's, tcp_info
 *
 * tcp->lock guards a connection. It is taken inside every call below, and no event is called under
 * it. Data goes in and out as netbufs: what is sent is kept, by its pages, until it is
 * acknowledged; what is received waits in order until the user takes it. Copies from and to user
 * memory are made by the user of TCP with no lock held. Whoever calls in from outside of the stack
 * calls net_run() afterwards.
 *
 * Counts. The user's own is given back after tcp_close or tcp_abort; the engine has one (`held`)
 * from connect or accept until the connection is over, the alarm one while it is set. A connection
 * that is over is no longer to be found by segments; TIME-WAIT is a small struct of its own, and
 * so is a handshake that a listener has begun.
 */
#pragma once
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "net/endpoint.h"
#include "net/ip/ip.h"
#include "net/netbuf.h"

struct tcp_info;

/* RFC 9293 §3.3.2; the numbers are those that Linux shows. */
enum tcp_state {
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_SYN_SENT,
	TCP_STATE_SYN_RECEIVED,
	TCP_STATE_FIN_WAIT_1,
	TCP_STATE_FIN_WAIT_2,
	TCP_STATE_TIME_WAIT,
	TCP_STATE_CLOSED,
	TCP_STATE_CLOSE_WAIT,
	TCP_STATE_LAST_ACK,
	TCP_STATE_LISTEN,
	TCP_STATE_CLOSING,
};

/* What tcp_events->changed is told. */
enum tcp_news {
	TCP_NEWS_READABLE = 1 << 0, /* bytes came, or the peer's FIN */
	TCP_NEWS_WRITABLE = 1 << 1, /* there is room again, a third of the limit at least */
	TCP_NEWS_CONNECTED = 1 << 2,
	TCP_NEWS_URGENT = 1 << 3,
	TCP_NEWS_PENDING = 1 << 4,  /* a listener has a connection to accept */
	TCP_NEWS_ENDED = 1 << 5,    /* over: tcp->error says why, 0: by both FINs */
	TCP_NEWS_SENT_ALL = 1 << 6, /* everything is acknowledged: for SO_LINGER */
};

struct tcp;
struct tcp_events {
	void (*changed)(struct tcp *t,
			unsigned news); /* enum tcp_news; any context, no lock held */
	/* A connection has come to a listener: an initialised struct tcp of the same kind, counted
	 * for the listener's queue. NULL: no memory. Any context. */
	struct tcp *(*child)(struct tcp *listener);
	void (*get)(struct tcp *t); /* counts of whatever embeds it: timers, tables hold some */
	void (*put)(struct tcp *t);
};

/* A deadline: alarm.c. While it is set, whoever owns it is counted for it. */
struct tcp_alarm {
	struct tree_node node;           /* [shard] */
	nsec_t deadline;                 /* [shard] */
	bool is_set;                     /* [shard] */
	void (*fn)(struct tcp_alarm *a); /* [I] has the count; no lock is held */
};

/* What may come due in a connection: timer.c. */
enum tcp_timer {
	TCP_TIMER_RETRANSMIT,
	TCP_TIMER_LOSS_PROBE, /* RFC 8985 §7 */
	TCP_TIMER_REORDER,    /* RFC 8985 §6.2 step 5 */
	TCP_TIMER_WINDOW_PROBE,
	TCP_TIMER_ACK,
	TCP_TIMER_KEEPALIVE,
	TCP_TIMER_END, /* FIN-WAIT-2 with nobody there */
	TCP_TIMER_PACE,
	TCP_NR_TIMERS
};

/* RFC 5681, 6582, 8985 and tcp_info's numbers. */
enum tcp_mood {
	TCP_MOOD_OPEN,
	TCP_MOOD_DISORDER, /* something is SACKed, nothing known to be lost */
	TCP_MOOD_REDUCING, /* by ECN or a repaired tail loss */
	TCP_MOOD_RECOVERY,
	TCP_MOOD_LOSS, /* after a time-out */
};

/* A user's wishes. All: [l]; 0 where not said otherwise: as the stack's settings have it. */
struct tcp_wishes {
	bool no_delay, cork, keepalive, out_of_band_inline, no_quick_ack;
	bool fastopen_connect, receive_limit_fixed, send_limit_fixed;
	uint32_t keep_idle_s, keep_interval_s, keep_count;
	uint32_t user_timeout_ms, defer_accept_s, syn_retries, max_segment, window_clamp;
	uint32_t not_sent_low;   /* TCP_NOTSENT_LOWAT */
	int linger2_s;           /* -1: FIN-WAIT-2 ends at once */
	uint32_t fastopen_queue; /* a listener's; 0: no fast open */
	uint8_t traffic_class, hops;
	uint8_t least_hops;   /* that what comes must still have: RFC 5082 */
	uint64_t pacing_rate; /* bytes a second; 0: as fast as may be */
};

/* Send and receive sequence spaces, RFC 9293 §3.3.1. */
struct tcp_send_space {
	uint32_t una, nxt, end; /* end: behind all that the user gave, the FIN too */
	uint32_t window, wl1, wl2, max_window;
	uint32_t iss, urgent_end; /* behind the urgent byte */
	uint32_t small_end;       /* behind the last short segment: Minshall's Nagle */
	uint8_t scale;
	bool has_urgent;
};

struct tcp_receive_space {
	uint32_t nxt, acked, window,
		irs;     /* acked: what nxt was in the last ACK; window: from there */
	uint32_t widest; /* the largest window that was offered */
	uint32_t read;   /* the next byte for the user */
	uint8_t scale;
};

struct tcp_hystart { /* RFC 9406 */
	uint32_t round_end, nr_samples, nr_css_rounds;
	nsec_t round_min, last_min, css_base;
	bool is_on, in_css;
};

struct tcp_cubic { /* RFC 9438; windows in bytes */
	uint32_t w_max, w_est, cwnd_epoch;
	uint64_t k_ms;
	nsec_t epoch;
	uint32_t w_est_left, grow_left; /* remainders */
};

struct tcp {
	/* [I] immutable after init  [l] lock  [a] atomic to read  [c] immutable once connected */
	struct spinlock lock;
	struct endpoint endpoint;          /* its own locks */
	const struct tcp_events *events;   /* [I] */
	struct net *net;                   /* [I] */
	struct tcp_stack *stack;           /* [I] */
	struct tcp_alarm alarm;            /* its own lock */
	enum tcp_state state;              /* [l, a] */
	int error;                         /* [a] positive: why it ended; tcp_take_error */
	unsigned news, todo;               /* [l] what tcp_unlock is to do */
	bool v6;                           /* [I] */
	bool is_orphan;                    /* [l] the user has closed it */
	bool is_unsent;                    /* [l] net->nr_unsent counts it */
	bool held;                         /* [l] the engine's count */
	bool is_leaving;                   /* [l] it is over, and about to leave the endpoints */
	struct inet_address local, remote; /* [c] */
	struct ip_path path;               /* [l] */
	unsigned dev_index;                /* [c] as the endpoint has it */
	struct tcp_wishes wishes;          /* [l] */
	nsec_t now;                        /* [l] when the lock was taken: the clock is read once */
	nsec_t due[TCP_NR_TIMERS];         /* [l] NSEC_NEVER: off */
	nsec_t alarm_at;                   /* [l] what the alarm is set to at the latest */

	/* Listeners: handshake/listen.c. */
	struct list pending, requests; /* [l] of tcp.pending_link; of tcp_request.link */
	struct list pending_link;      /* [the listener's l] */
	struct tcp *listener;          /* [the listener's l] counted: whose queue it waits in */
	unsigned nr_pending, nr_requests, backlog; /* [l, a] */

	const struct tcp_congestion *congestion; /* [l] */
	uint32_t send_limit, receive_limit;      /* [a] memory that may be in `out`; received */

	/* From here on it is zeroed when a connection begins. Options agreed on. [c] */
	bool has_timestamps, has_sack, has_scale, has_ecn, is_fastopen;
	bool no_receive, no_send; /* [l, a] shut down by the user; no_send: a FIN is queued */
	bool got_fin, sent_fin;   /* [l, a] the peer's, in order; ours is in the queue */
	bool is_passive;          /* [l] a listener's child that is not established yet */
	int soft_error;           /* [l] what ICMP said */
	uint16_t peer_mss;
	/* RFC 7323 */
	uint32_t ts_offset, ts_recent; /* [c], [l] */
	nsec_t ts_recent_at;           /* [l] */
	uint32_t ts_last_ack;          /* [l] RCV.NXT of the last ACK: Last.ACK.sent */

	/* Sending. [l] */
	struct tcp_send_space snd;
	struct list out;              /* netbufs with a tcp_piece: sent ones, then others */
	struct netbuf *out_next;      /* the first not sent; NULL: none */
	struct tree out_tree;         /* of the sent ones, by seq */
	struct list sent_order, lost; /* pieces in flight by time; lost ones to be sent again */
	uint32_t out_charge;          /* [a] memory of what is in `out` */
	uint32_t mss, pmtu, base_mtu; /* payload of a full segment; base_mtu: a black hole's */
	uint32_t sacked, lost_bytes, retrans; /* in flight: SACKed; lost; sent again */
	struct {
		uint32_t seq, end;
	} sack_seen[4];    /* the last ACK's blocks */
	bool wants_room;   /* the user found none */
	bool more;         /* MSG_MORE */
	uint8_t ecn_flags; /* enum tcp_ecn */
	/* Round trips and retransmission */
	nsec_t srtt, rttvar, rto, min_rtt, min_rtt_at;
	unsigned backoff, retries, probes, keep_probes;
	nsec_t first_retry_at, last_sent_at, last_received_at, last_ack_at, probing_since;
	/* RACK-TLP */
	nsec_t rack_sent_at, rack_rtt;
	uint32_t rack_end, fack, dsack_round;
	uint8_t rack_mult, rack_persist;
	bool reordering_seen, dsack_seen, tlp_is_retrans, tlp_active;
	uint32_t tlp_end;
	/* Recovery */
	enum tcp_mood mood;
	uint32_t cwnd, ssthresh, high_seq, prior_cwnd, prior_ssthresh;
	uint32_t prr_delivered, prr_out, recover_flight;
	uint32_t undo_marker, undo_retrans, dup_acks;
	uint32_t retrans_ts; /* our timestamp when recovery began */
	nsec_t pace_at;      /* when the next piece may go, if there is a rate */
	bool may_undo, frto, frto_new_data, cwnd_limited;
	uint32_t cwnd_used; /* of this flight, at most */
	uint32_t cwnd_used_end;
	struct tcp_hystart hystart;
	struct tcp_cubic cubic;

	/* Receiving. [l] */
	struct tcp_receive_space rcv;
	struct list in;           /* netbufs with a tcp_piece, in order */
	uint32_t in_offset;       /* bytes of the first that were read */
	uint32_t in_bytes;        /* [a] unread; the FIN is none */
	struct tree out_of_order; /* pieces by seq, none overlapping */
	uint32_t out_of_order_bytes;
	uint32_t in_charge; /* [a] memory of both */
	struct {
		uint32_t seq, end;
	} blocks[4]; /* what is out of order, the newest first */
	unsigned nr_blocks;
	uint32_t share; /* of 256 parts of memory so many are payload */
	uint32_t dsack_seq, dsack_end;
	bool dsack_wanted;
	uint32_t rcv_mss; /* what full segments of the peer seem to be */
	bool ack_now, ack_wanted, is_interactive;
	unsigned quick_acks;
	unsigned
		nr_pushed; /* ends of what the peer wrote that no ACK has gone for: 0, 1, or more */
	nsec_t ack_delay, last_data_at;
	nsec_t rcv_rtt, rcv_round_at, rcv_space_at; /* dynamic right-sizing */
	uint32_t rcv_round_end, rcv_space, rcv_space_read;
	nsec_t challenge_at; /* when out-of-window segments were last answered */
	/* Urgent data, as tcp(7) has it */
	uint32_t urgent_seq; /* of the byte */
	enum {
		TCP_URGENT_NONE,
		TCP_URGENT_COMING,
		TCP_URGENT_HERE,
		TCP_URGENT_TAKEN
	} urgent; /* [a] */
	uint8_t urgent_byte;
	/* Fast open */
	uint8_t fastopen_cookie[16];
	uint8_t fastopen_len;
	bool fastopen_wanted, syn_data_acked;
	uint32_t syn_data; /* bytes that went with our SYN */
	struct {
		nsec_t at, wait; /* the next; until the one after it */
		uint32_t seq, end;
		bool in_flight;
	} mtu_probe; /* while base_mtu is set */
	/* tcp_info's counts */
	uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
	uint32_t segs_in, segs_out, data_segs_in, data_segs_out, nr_retrans, nr_dsacks;
	uint32_t nr_out_of_order, nr_reorderings, delivered, delivered_ce;
};

/* The numbers of /proc/sys/net/ipv4/tcp_*, with Linux's defaults. [a] */
struct tcp_settings {
	uint32_t rmem[3], wmem[3]; /* least, at first, most */
	uint64_t mem[3];           /* bytes of all connections: calm, pressure, most */
	uint32_t syn_retries, synack_retries, retries1, retries2, orphan_retries;
	uint32_t keepalive_time_s, keepalive_interval_s, keepalive_probes;
	uint32_t fin_timeout_s, max_syn_backlog, max_orphans, max_tw_buckets;
	uint32_t fastopen; /* 1: clients, 2: servers, 4: clients without a cookie */
	uint32_t notsent_lowat, challenge_ack_limit, base_mss, min_rto_ms;
	uint8_t syncookies, timestamps, sack, dsack, window_scaling, ecn, tw_reuse, mtu_probing;
	uint8_t moderate_rcvbuf, slow_start_after_idle, recovery_frto, abort_on_overflow, rfc1337;
	uint8_t tlp;
	const struct tcp_congestion *congestion;
};

struct tcp_counters { /* [a] /proc/net/snmp's and netstat's */
	uint64_t active_opens, passive_opens, attempt_fails, estab_resets, curr_estab;
	uint64_t in_segs, out_segs, retrans_segs, in_errs, out_rsts, in_csum_errors;
	uint64_t syncookies_sent, syncookies_recv, syncookies_failed, listen_overflows,
		listen_drops;
	uint64_t time_wait, paws_rejected, timeouts, loss_probes, fast_retransmits, spurious_rtos;
	uint64_t challenge_acks, out_of_order_queued, rcv_pruned, memory_aborts, dsack_recv;
	uint64_t fastopen_active, fastopen_passive, orphans;
};

/* TCP's part of a struct net (net->tcp_stack). -ENOMEM. */
MUST_CHECK int tcp_stack_new(struct net *net);
void tcp_stack_free(struct net *net); /* no connection is left; TIME-WAIT's go */
struct tcp_settings *tcp_settings(struct net *net);
struct tcp_counters *tcp_counters(struct net *net);

/* ---- birth and ends (connection.c) ---- */

/* t is zeroed memory. Its user is counted once. */
void tcp_init(struct tcp *t, struct net *net, const struct tcp_events *events, bool v6);
void tcp_fini(struct tcp *t); /* nobody has a count any more; any context */
/* From t's address or, `from` being NULL or any, one that is chosen. Bind by endpoint_bind before.
 * 0: under way; -EISCONN, -EALREADY, -EADDRNOTAVAIL, -ENOBUFS, what ip_route says. */
MUST_CHECK int tcp_connect(struct tcp *t, const struct inet_address *to, const uint8_t from[16]);
/* The sending half ends by a FIN, the receiving one silently. -ENOTCONN. */
MUST_CHECK int tcp_shutdown(struct tcp *t, bool receive, bool send);
/* The user goes: what was given is sent, then a FIN; an RST if bytes were not read. */
void tcp_close(struct tcp *t);
/* The same by an RST, at once. */
void tcp_abort(struct tcp *t);
/* As new, but for the bound port: connect(2) to AF_UNSPEC. By an RST. */
void tcp_disconnect(struct tcp *t);
int tcp_take_error(struct tcp *t); /* positive, once; 0: none */
static inline enum tcp_state tcp_state(const struct tcp *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_ACQUIRE);
}

/* ---- listeners (handshake/listen.c) ---- */

MUST_CHECK int tcp_listen(struct tcp *t, unsigned backlog); /* -EINVAL, -EADDRINUSE */
struct tcp *tcp_accept(struct tcp *t);                      /* counted, or NULL */
bool tcp_has_pending(const struct tcp *t);

/* ---- bytes (send.c, read.c) ---- */

enum tcp_send_flags {
	TCP_SEND_MORE = 1 << 0,
	TCP_SEND_URGENT = 1 << 1, /* the last byte is */
	TCP_SEND_ALONE = 1 << 2,  /* is not joined with others: its on_free is wanted */
};
/* Takes `data`, of 1 to 65,536 bytes, in any case. -EPIPE, -ENOTCONN, -ENOBUFS. */
MUST_CHECK int tcp_send(struct tcp *t, struct netbuf *data, unsigned flags);
void tcp_push(struct tcp *t);     /* what TCP_SEND_MORE held back */
uint32_t tcp_room(struct tcp *t); /* bytes of memory that may still be given */
bool tcp_is_writable(struct tcp *t);
uint32_t tcp_unacked(struct tcp *t);  /* SIOCOUTQ */
uint32_t tcp_not_sent(struct tcp *t); /* SIOCOUTQNSD */

/* The in-order queue: only one reader at a time, which its user sees to. *offset: what was read of
 * the first. NULL: empty. The netbufs stay as they are until tcp_consumed. */
struct netbuf *tcp_first(struct tcp *t, uint32_t *offset);
struct netbuf *tcp_next(struct tcp *t, struct netbuf *b);
void tcp_consumed(struct tcp *t, uint32_t n);
/* To be read before the mark, or in all if there is none ahead: FIONREAD. */
uint32_t tcp_readable(struct tcp *t);
uint32_t tcp_run(struct tcp *t);    /* what one read may take: no further than a mark ahead */
bool tcp_is_at_end(struct tcp *t);  /* nothing more will come */
bool tcp_is_at_mark(struct tcp *t); /* SIOCATMARK */
void tcp_pass_mark(struct tcp *t);  /* the reader steps over the urgent byte, if it is there */
/* The urgent byte: 1, and with !peek it is taken; 0: the end; -EINVAL, -EAGAIN. */
MUST_CHECK int tcp_urgent(struct tcp *t, bool peek, uint8_t *byte);

/* ---- setsockopt's (tune.c) ---- */

/* Changes t->wishes under the lock and lets them work. */
void tcp_wish(struct tcp *t, void (*change)(struct tcp_wishes *w, void *arg), void *arg);
void tcp_set_quick_ack(struct tcp *t, bool on);
void tcp_set_receive_limit(struct tcp *t, uint32_t bytes); /* SO_RCVBUF, doubled */
void tcp_set_send_limit(struct tcp *t, uint32_t bytes);
MUST_CHECK int tcp_set_congestion(struct tcp *t, const char *name); /* -ENOENT */
const char *tcp_congestion_name(struct tcp *t);
/* Of new connections: tcp_congestion_control. */
const char *tcp_default_congestion(struct net *net);
MUST_CHECK int tcp_set_default_congestion(struct net *net, const char *name); /* -ENOENT */
/* An endpoint of TCP's table: a connection or listener, and which; or rest.c's TIME-WAIT, with how
 * long it still lasts; the third is none of both. */
bool tcp_is_connection(const struct endpoint *e);
struct tcp *tcp_of_endpoint(struct endpoint *e);
bool tcp_rest_show(struct endpoint *e, struct inet_address *local, struct inet_address *remote,
		   nsec_t *left_ns);
void tcp_info_get(struct tcp *t, struct tcp_info *out);
