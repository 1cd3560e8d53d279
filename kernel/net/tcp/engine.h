/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of tcp/ share; tcp.h has the theory. Functions that take a connection want its
 * lock held, unless they say otherwise.
 */
#pragma once
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "net/tcp/tcp.h"
#include "net/wire/ip.h"

#define TCP_HEADER          20u
#define TCP_HEADER_MAX      60u
#define TCP_MS              1000000ll       /* nanoseconds */
#define TCP_RTO_FIRST       (1000 * TCP_MS) /* RFC 6298 §2.1 */
#define TCP_RTO_MAX         (120 * NSEC_PER_SEC)
#define TCP_TIME_WAIT       (60 * NSEC_PER_SEC)
#define TCP_DELAY_MIN       (40 * TCP_MS)
#define TCP_DELAY_MAX       (200 * TCP_MS)
#define TCP_MSS_USUAL       536u /* RFC 9293 §3.7.1 */
#define TCP_MSS_MIN         48u
#define TCP_SCALE_MAX       14u /* RFC 7323 §2.3 */
#define TCP_WINDOW_FIRST    10u /* segments: RFC 6928 */
#define TCP_NEVER_THRESHOLD INT32_MAX

/* ---- sequence numbers: RFC 9293 §3.4 ---- */

static inline bool tcp_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool tcp_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline uint32_t tcp_later(uint32_t a, uint32_t b)
{
	return tcp_after(a, b) ? a : b;
}

/* ---- segments ---- */

struct tcp_acked;
enum tcp_ecn { TCP_ECN_DEMAND_CWR = 1, TCP_ECN_SEND_CWR = 2 }; /* tcp.ecn_flags: RFC 3168 §6.1 */

struct tcp_range {
	uint32_t seq, end;
};

#define TCP_SACKS_MAX 4u

struct tcp_options {
	uint16_t mss; /* 0: not there */
	uint8_t scale, nr_sacks;
	bool has_scale, sack_ok, has_timestamps, has_fastopen;
	uint32_t ts, ts_echo;
	struct tcp_range sacks[TCP_SACKS_MAX];
	uint8_t cookie_len;
	uint8_t cookie[16];
};

struct tcp_segment {            /* one that came in */
	struct netbuf *b;       /* its payload; NULL: taken */
	uint32_t seq, end, ack; /* end: behind SYN, payload and FIN */
	uint32_t len;
	uint16_t window, urgent;
	uint8_t flags, hops;
	bool is_ce; /* congestion experienced: RFC 3168 §5 */
	unsigned dev_index;
	struct inet_address from, to;
	struct tcp_options options;
};

/* In the notes of a netbuf that waits in one of a connection's queues. */
struct tcp_piece {
	uint32_t seq, end;
	uint8_t flags; /* enum tcp_piece_flags */
	struct tree_node node;
	struct list order; /* of sent_order or lost */
	nsec_t sent_at, first_sent_at;
};

enum tcp_piece_flags {
	TCP_PIECE_SACKED = 1 << 0,
	TCP_PIECE_LOST = 1 << 1,
	TCP_PIECE_RETRANS = 1 << 2, /* sent again, and that is in flight */
	TCP_PIECE_EVER_RETRANS = 1 << 3,
	TCP_PIECE_FIN = 1 << 4,
	TCP_PIECE_PUSH = 1 << 5,
	TCP_PIECE_ALONE = 1 << 6,
	TCP_PIECE_SEEN = 1 << 7, /* received: a reader may be at it */
};

static inline struct tcp_piece *tcp_piece(const struct netbuf *b)
{
	return netbuf_notes((struct netbuf *)b, struct tcp_piece);
}

static inline struct netbuf *tcp_piece_netbuf(const struct tcp_piece *p)
{
	return (struct netbuf *)((char *)p - offsetof(struct netbuf, notes));
}

static inline uint32_t tcp_piece_len(const struct tcp_piece *p)
{
	return p->end - p->seq;
}

/* ---- the stack ---- */

#define TCP_CLOCKS 16u

struct tcp_clock { /* alarm.c */
	struct spinlock lock;
	struct tree alarms; /* [l] */
	nsec_t armed;       /* [l] */
	struct timer timer;
	struct net *net; /* [I] */
};

#define TCP_COOKIES_KEPT 64u

struct tcp_kept_cookie { /* a server's, for fast open */
	uint8_t ip[16];
	uint8_t cookie[16];
	uint8_t len;
	uint16_t mss;
};

struct tcp_stack {
	struct tcp_settings settings; /* [a] */
	struct tcp_counters counters; /* [a] */
	struct tcp_clock clocks[TCP_CLOCKS];
	uint64_t memory;  /* [a] bytes that connections hold */
	unsigned nr_rest; /* [a] connections in TIME-WAIT */
	struct spinlock lock;
	nsec_t cookie_sent_at;                         /* [a] the last SYN cookie */
	nsec_t challenge_second;                       /* [l] RFC 5961 §7 */
	unsigned nr_challenges;                        /* [l] in that second */
	struct tcp_kept_cookie kept[TCP_COOKIES_KEPT]; /* [l] by hash */
};

#define tcp_count(stack, what)   ((void)atomic_add(&(stack)->counters.what, 1))
#define tcp_setting(stack, what) READ_ONCE((stack)->settings.what)

/* True: it was not set, so that the caller gives it a count. */
MUST_CHECK bool tcp_alarm_set(struct tcp_stack *s, struct tcp_alarm *a, nsec_t deadline);
/* True: it was set, so that the caller has its count. */
MUST_CHECK bool tcp_alarm_clear(struct tcp_stack *s, struct tcp_alarm *a);
void tcp_clocks_init(struct net *net, struct tcp_stack *s);
void tcp_clocks_fini(struct tcp_stack *s); /* alarms that are still set fire */

/* ---- connection.c ---- */

enum tcp_todo {
	TCP_TODO_REST = 1 << 0,      /* over: TIME-WAIT's struct takes its place */
	TCP_TODO_GONE = 1 << 1,      /* over: the engine lets go of it */
	TCP_TODO_ALARM = 1 << 2,     /* the alarm's count is to be given back */
	TCP_TODO_RESET_FOR = 1 << 3, /* segment.c: what came is answered by a reset */
};

void tcp_lock(struct tcp *t); /* the path is looked up again if it must be */
void tcp_unlock(struct tcp *t);
void tcp_set_state(struct tcp *t, enum tcp_state state);
/* It is over. error: positive, for the user; 0: none. */
void tcp_end(struct tcp *t, int error);
void tcp_end_in_rest(struct tcp *t); /* by way of TIME-WAIT */
void tcp_forget(struct tcp *t);      /* one that nobody knows yet; no lock is held */
void tcp_end_timed_out(struct tcp *t);
void tcp_orphan_waits(struct tcp *t);      /* it is in FIN-WAIT-2, with nobody there */
bool tcp_orphan_is_dropped(struct tcp *t); /* there is no room for it: it is over, by a reset */
/* Is it one of those in which a sequence number is agreed on with the peer? */
static inline bool tcp_is_synchronised(const struct tcp *t)
{
	return t->state != TCP_STATE_CLOSED && t->state != TCP_STATE_LISTEN &&
	       t->state != TCP_STATE_SYN_SENT;
}
static inline bool tcp_may_send(const struct tcp *t)
{
	return (1u << t->state & (1u << TCP_STATE_ESTABLISHED | 1u << TCP_STATE_CLOSE_WAIT |
				  1u << TCP_STATE_FIN_WAIT_1 | 1u << TCP_STATE_CLOSING |
				  1u << TCP_STATE_LAST_ACK)) != 0;
}
/* handshake/secret.c: a keyed hash of two ends that nobody else can know. */
uint64_t tcp_secret(const struct net *net, uint64_t salt, const struct inet_address *local,
		    const struct inet_address *remote);
/* Numbers and options of a fresh connection, from its ends: RFC 6528, RFC 7323 §5.4. */
uint32_t tcp_first_sequence(struct net *net, const struct inet_address *local,
			    const struct inet_address *remote);
uint32_t tcp_timestamp_offset(struct net *net, const struct inet_address *local,
			      const struct inet_address *remote);
static inline uint32_t tcp_clock_ms(void)
{
	return (uint32_t)((uint64_t)clock_monotonic() / 1000000u);
}
static inline uint32_t tcp_timestamp(const struct tcp *t)
{
	return (uint32_t)((uint64_t)t->now / 1000000u) + t->ts_offset;
}
void tcp_start_space(struct tcp *t); /* both are known: windows, buffers, the algorithm */
void tcp_accepted(struct tcp *t);    /* a passive one is established */
void tcp_memory_add(struct tcp *t, int64_t bytes);
uint64_t tcp_memory_left(const struct tcp_stack *s); /* until it is short */
bool tcp_memory_is_short(const struct tcp_stack *s);
bool tcp_memory_is_out(const struct tcp_stack *s);

/* ---- segment.c, header.c, options.c ---- */

struct tcp_reply { /* a segment with no connection behind it */
	const struct inet_address *local, *remote;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint8_t traffic_class, hops;
	unsigned dev_index;
	uint8_t options[40];
	unsigned options_len; /* of four bytes each */
};
void tcp_reply_send(struct net *net, const struct tcp_reply *r);  /* no lock is held */
void tcp_reset_for(struct net *net, const struct tcp_segment *s); /* RFC 9293 §3.10.7.1 */
/* May an out-of-window segment be answered now? Once in half a second each, in whose *last [a] that
 * is; RFC 5961 §7: and so many in all. */
bool tcp_may_challenge(struct tcp_stack *s, nsec_t *last);

struct tcp_header_values {
	const struct inet_address *local, *remote;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window, urgent;
	const uint8_t *options;
	unsigned options_len;
};
void tcp_header_push(struct netbuf *b, const struct tcp_header_values *v);

void tcp_options_parse(struct tcp_options *o, const uint8_t *at, unsigned len, bool syn);
/* Each returns how many bytes it wrote, a multiple of four. */
struct tcp_syn_options {
	uint16_t mss;
	bool has_timestamps, sack_ok, has_scale, has_fastopen;
	uint8_t scale, cookie_len;
	uint32_t ts, ts_echo;
	const uint8_t *cookie;
};
unsigned tcp_options_syn(uint8_t *to, const struct tcp_syn_options *o);
unsigned tcp_options_timestamps(uint8_t *to, uint32_t ts, uint32_t echo);
unsigned tcp_options_sacks(uint8_t *to, const struct tcp_range *r, unsigned nr);

/* ---- handshake/, rest.c ---- */

struct tcp_request { /* a handshake that a listener has begun: SYN-RECEIVED */
	/* [I] but where marked */
	struct ref ref;
	struct endpoint endpoint;
	struct tcp_alarm alarm;
	struct net *net;
	struct tcp *listener; /* counted */
	struct list link;     /* [listener->lock] */
	struct inet_address local, remote;
	uint32_t iss, irs, window; /* window: as we offered it */
	uint32_t ts_offset;
	uint32_t ts_recent;   /* [a] */
	uint16_t mss;         /* the peer's */
	uint16_t peer_window; /* of its SYN */
	uint8_t scale, peer_scale;
	bool has_scale, has_timestamps, has_sack, has_ecn;
	uint8_t tries; /* [a] */
	uint8_t traffic_class;
	unsigned dev_index;
	nsec_t born, answered_at; /* [a] */
	nsec_t challenged_at;     /* [a] */
	bool want_cookie;
	uint8_t cookie_len;
	uint8_t cookie[16];
};

/* What came for a listener, an entry of a handshake, or TIME-WAIT; no lock is held. */
void tcp_listener_input(struct tcp *l, struct tcp_segment *s, uint32_t iss_or_0);
void tcp_request_input(struct tcp_request *r, struct tcp_segment *s);
bool tcp_is_request(const struct endpoint *e);
struct tcp_request *tcp_request_of_endpoint(struct endpoint *e);
void tcp_request_put(struct tcp_request *r);
/* Counted by the table, the alarm and the listener's list. NULL = no memory. */
struct tcp_request *tcp_request_new(struct tcp *l, const struct tcp_segment *s);
void tcp_request_fill(struct tcp_request *r, struct tcp *l, const struct tcp_segment *s);
bool tcp_request_start(struct tcp_request *r, struct tcp *l); /* false: the pair exists */
void tcp_request_answer(struct tcp_request *r);               /* its SYN-ACK */
void tcp_request_drop(struct tcp_request *r);
/* A connection out of it, whose SYN was acknowledged; NULL: no memory. Counted for its queue. */
struct tcp *tcp_request_child(const struct tcp_request *r);
void tcp_listener_stop(struct tcp *l); /* after it is CLOSED: what was for it is refused */
/* Room in the queue is the child's now: it comes to be accepted, and the user hears. */
bool tcp_listener_reserve(struct tcp *l);
void tcp_listener_unreserve(struct tcp *l);
void tcp_listener_deliver(struct tcp *l, struct tcp *child);
/* The same once the child has seen the segment that completes it; or it is found by nobody yet,
 * and goes. */
void tcp_listener_complete(struct tcp *l, struct tcp *child, struct tcp_segment *s);
void tcp_child_drop(struct tcp *child);

void tcp_cookie_answer(struct tcp *l, const struct tcp_segment *s);
/* An ACK that no handshake knows: false, it proves nothing. Else r is as it would have been. */
bool tcp_cookie_check(struct tcp *l, const struct tcp_segment *s, struct tcp_request *r);

bool tcp_rest_start(struct tcp *t); /* false: no memory, or too many */
/* Takes e's count. True: it was a SYN for a new connection, which may begin at *iss. */
bool tcp_rest_input(struct endpoint *e, const struct tcp_segment *s, uint32_t *iss);

/* Of a SYN with the option: true, the child is under way and has the data. */
bool tcp_fastopen_input(struct tcp *l, struct tcp_segment *s, struct tcp_request *r);
struct netbuf *tcp_fastopen_data(struct tcp *t); /* what goes with the SYN; NULL: nothing */
void tcp_fastopen_client(struct tcp *t);         /* before a SYN: is there a cookie? */
void tcp_fastopen_keep(struct tcp *t, const struct tcp_options *o);
void tcp_fastopen_acked(struct tcp *t, const struct tcp_segment *s, struct tcp_acked *a);

/* ---- input.c, ack.c, loss/ ---- */

void tcp_connection_input(struct tcp *t, struct tcp_segment *s);
void tcp_challenge(struct tcp *t);

/* What one ACK told. Bytes; nsec_t samples are -1 when there is none. */
struct tcp_acked {
	uint32_t prior_una, bytes, newly_sacked, delivered, newly_lost, prior_flight;
	nsec_t rtt, sack_rtt; /* of the oldest; of what was SACKed */
	bool advanced, original, ece, dsack, window_changed, spurious, has_data, retrans_acked;
};
bool tcp_ack(struct tcp *t, struct tcp_segment *s); /* false: it is to be dropped */
void tcp_rtt_sample(struct tcp *t, nsec_t rtt);
void tcp_set_rto(struct tcp *t);
void tcp_sack(struct tcp *t, const struct tcp_segment *s, struct tcp_acked *a);
void tcp_delivered(struct tcp *t, struct tcp_piece *p, struct tcp_acked *a);

void tcp_rack_update(struct tcp *t, const struct tcp_piece *p, const struct tcp_acked *a);
void tcp_rack_reordering(struct tcp *t, const struct tcp_piece *p, const struct tcp_acked *a);
void tcp_rack_round(struct tcp *t, const struct tcp_acked *a);
uint32_t tcp_rack_detect(struct tcp *t); /* bytes that it found lost */
void tcp_rack_timeout(struct tcp *t);    /* what of it is old enough is lost */
void tcp_loss_probe_arm(struct tcp *t);
void tcp_loss_probe_send(struct tcp *t);
void tcp_loss_probe_acked(struct tcp *t, const struct tcp_segment *s, const struct tcp_acked *a);

void tcp_recovery(struct tcp *t, struct tcp_acked *a);
void tcp_recovery_timeout(struct tcp *t);
void tcp_recovery_reduce(struct tcp *t); /* ECN, or a tail loss that was repaired */
void tcp_recovery_lost(struct tcp *t);   /* found by a timer */
void tcp_recovery_sent(struct tcp *t, uint32_t bytes, bool again);

/* ---- congestion/ ---- */

struct tcp_congestion {
	const char *name;
	void (*start)(struct tcp *t);
	uint32_t (*threshold)(struct tcp *t);        /* ssthresh after a loss */
	void (*grow)(struct tcp *t, uint32_t acked); /* congestion avoidance */
	void (*restart)(struct tcp *t);              /* after an idle time, a time-out */
};
extern const struct tcp_congestion tcp_cubic, tcp_reno;
const struct tcp_congestion *tcp_congestion_find(const char *name); /* NULL: none */
void tcp_congestion_start(struct tcp *t);
void tcp_congestion_acked(struct tcp *t, const struct tcp_acked *a);
void tcp_congestion_idle(struct tcp *t);
uint32_t tcp_flight(const struct tcp *t); /* RFC 6675's pipe */
uint32_t tcp_window_first(const struct tcp *t);
void tcp_window_used(struct tcp *t, bool limited);
bool tcp_pace_holds(struct tcp *t); /* nothing may go yet: TCP_TIMER_PACE is set */
void tcp_pace_sent(struct tcp *t, uint32_t bytes);
uint32_t tcp_pace_burst(const struct tcp *t); /* bytes of one piece, at most */

/* ---- queue.c ---- */

void tcp_queue_add(struct tcp *t, struct netbuf *b, unsigned flags); /* takes b */
bool tcp_queue_add_fin(struct tcp *t);
/* b keeps the first `len` of its bytes. False: no memory. */
MUST_CHECK bool tcp_queue_split(struct tcp *t, struct netbuf *b, uint32_t len);
void tcp_queue_sent(struct tcp *t, struct netbuf *b); /* the first unsent one is under way */
void tcp_queue_resent(struct tcp *t, struct netbuf *b);
void tcp_queue_acked(struct tcp *t, uint32_t ack, struct tcp_acked *a);
void tcp_queue_mark_lost(struct tcp *t, struct tcp_piece *p);
void tcp_queue_unmark_lost(struct tcp *t);                   /* all: it was a mistake */
struct tcp_piece *tcp_queue_at(struct tcp *t, uint32_t seq); /* sent: the one with seq, or behind */
void tcp_queue_forget_sacks(struct tcp *t);                  /* the peer has: RFC 2018 §8 */
void tcp_queue_free(struct tcp *t);
static inline struct netbuf *tcp_queue_first(const struct tcp *t)
{
	return list_first(&t->out, struct netbuf, link);
}

/* ---- output.c ---- */

void tcp_output(struct tcp *t); /* whatever may go now */
void tcp_output_probe(
	struct tcp *t); /* one segment of fresh bytes, whatever the window of congestion */
void tcp_output_frto(struct tcp *t); /* two of them: RFC 5682 §2.1 step 2b */
void tcp_send_ack(struct tcp *t);
void tcp_send_reset(struct tcp *t);
/* Or SYN-ACK, of a passive fast open. False: no memory, as if it had been lost. */
bool tcp_send_syn(struct tcp *t);
/* A segment that says where we are: keepalive, window probe (RFC 9293 §3.8.4, §3.8.6.1). */
void tcp_send_probe(struct tcp *t);
void tcp_window_probe(struct tcp *t);
bool tcp_retransmit_first(struct tcp *t);
bool tcp_retransmit(struct tcp *t, struct netbuf *b, uint32_t most);
void tcp_update_mss(struct tcp *t);
uint16_t tcp_our_mss(const struct ip_path *path, const struct tcp *t_or_null);
unsigned tcp_established_options(struct tcp *t, uint8_t *to, bool sacks);

/* ---- receive.c, window.c ---- */

void tcp_receive(struct tcp *t, struct tcp_segment *s); /* payload and FIN, acceptable ones */
void tcp_receive_free(struct tcp *t);
unsigned tcp_sack_blocks(struct tcp *t, struct tcp_range *r, unsigned most);
void tcp_urgent_input(struct tcp *t, const struct tcp_segment *s);
uint32_t tcp_window_select(struct tcp *t); /* what may be offered, in bytes */
uint16_t tcp_window_offer(struct tcp *t);  /* the header's field; the window is offered then */
void tcp_window_start(struct tcp *t);
void tcp_quick_acks(struct tcp *t);
void tcp_window_measure(struct tcp *t, uint32_t len, uint32_t charge);
void tcp_window_read(struct tcp *t, uint32_t n);
void tcp_window_rtt(struct tcp *t, const struct tcp_segment *s);
uint8_t tcp_window_scale(const struct tcp *t);   /* a listener's, or of a fresh connection */
uint32_t tcp_window_enough(const struct tcp *t); /* a sender that has so much does not wait */
void tcp_send_space_grow(struct tcp *t);
void tcp_write_space(struct tcp *t); /* is there room to tell of? */

/* ---- timer.c ---- */

void tcp_timer_set(struct tcp *t, enum tcp_timer which, nsec_t in);
static inline void tcp_timer_stop(struct tcp *t, enum tcp_timer which)
{
	t->due[which] = NSEC_NEVER;
}
static inline bool tcp_timer_is_set(const struct tcp *t, enum tcp_timer which)
{
	return t->due[which] != NSEC_NEVER;
}
void tcp_timers_stop(struct tcp *t);
void tcp_timers_sync(struct tcp *t); /* the alarm is set for the earliest */
void tcp_timer_fired(struct tcp_alarm *a);
void tcp_retransmit_arm(struct tcp *t); /* from now, if anything is in flight */
void tcp_keepalive_arm(struct tcp *t);
void tcp_delay_ack(struct tcp *t);
/* loss/black_hole.c: a timeout; what a probe with a full segment comes to */
void tcp_black_hole_judge(struct tcp *t);
bool tcp_mtu_probe_is_due(const struct tcp *t);
void tcp_mtu_probe_sent(struct tcp *t, uint32_t seq, uint32_t end);
void tcp_mtu_probe_acked(struct tcp *t); /* SND.UNA has advanced */
void tcp_mtu_probe_resent(struct tcp *t, const struct tcp_piece *p);
