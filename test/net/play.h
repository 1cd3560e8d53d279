/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripts of one TCP on virtual time. A file has cases; each begins in a fresh world, is the user
 * of the one TCP and all that is on its wire, and at its end nothing may be left unexpected or
 * allocated. A line is
 *
 *	[+SECONDS[~TOLERANCE]] action		first so much time passes
 *
 *	case WHAT				begins one
 *	ipv6 | mtu N | gso | route ERROR|0	the world
 *	set NAME N				a setting of tcp(7)
 *	open <OPTIONS>				a connection; these are the peer's, 100 ms away
 *	listen [N] | connect | accept [none] | write N [more] [urgent] [= ERROR] | read N
 *	close | abort | disconnect | shutdown rd|wr|rdwr | push | eof | use N
 *	wish NAME N				an option of setsockopt(2)
 *	is NAME N				what a number of the connection must be
 *	state NAME | error NAME|0 | news NAME... | nonews
 *	bind PORT | socket | peer N		another socket; segments are from and to that peer
 *	quickack 0|1 | rcvbuf N | sndbuf N | congestion NAME | passmark | urgent [N] [peek]
 *	icmp ERROR|toobig MTU [seq N]		about our segment
 *	drain					forget what was sent so far
 *	fail N					of 65536 allocations so many fail from now on
 *	> FLAGS SEQ:END(LEN) [ack N] [win N] [urg N] [ce|ect] [<OPTIONS>]
 *						is sent, now; what is not named may be anything
 *	< the same				comes in
 *
 * Numbers are relative: 0 is the SYN's, of whoever sends. Options: mss N, sackOK, wscale N, nop,
 * ts VALUE ECHO (VALUE * on output, ECHO `last` on input), sack A:B [C:D...], fo [HEX|*|last]; on
 * output nots, nosack, nofo too. FLAGS: S F R . U E W; P is accepted and means nothing.
 */
#pragma once
#include "net/tcp/engine.h"
#include "test/net/wire.h"

#define PLAY_BLOCKS 4

struct play_options {
	int mss, scale; /* -1: not there */
	bool sack_ok, has_ts, any_ts, last_echo, has_sack, has_fastopen, any_fastopen, last_cookie;
	bool no_ts, no_sack, no_fastopen;
	uint32_t ts, echo;
	unsigned nr_sacks, cookie_len;
	struct tcp_range sacks[PLAY_BLOCKS];
	uint8_t cookie[16];
};

struct play_segment {
	uint8_t flags;
	uint32_t seq, len;
	bool has_ack, has_window, ce, ect, bad_sum;
	uint32_t ack, window;
	int urgent; /* -1: not said */
	bool has_options;
	struct play_options options;
};

/* One that was sent. */
struct play_sent {
	struct list link;
	nsec_t at;
	struct netbuf *b; /* at the payload */
	uint16_t from, to;
	uint8_t flags, traffic_class;
	uint32_t seq, ack;
	uint16_t window, urgent;
	struct tcp_options options;
};

/* NULL, or what is wrong with it. */
const char *play_parse_segment(char *text, struct play_segment *out);
unsigned play_put_options(uint8_t *to, const struct play_options *o, uint32_t base);
void play_take_apart(struct play_sent *s, const struct ip_header_values *v);
uint8_t play_byte(bool ours, uint32_t offset); /* of the stream */

/* ---- what the files of the player share ---- */

#define PLAY_LOCAL_PORT 80
#define PLAY_PEER_PORT  9000 /* of peer 0; the others follow */
#define PLAY_PEERS      64
#define PLAY_TOLERANCE  (2 * TCP_MS)

struct play_peer {
	uint32_t base, ours; /* sequence numbers of the SYNs */
	bool has_ours;
	uint16_t local_port;
	uint32_t window, last_ts;
	uint8_t cookie[16];
	unsigned cookie_len;
};

struct play {
	struct wire_net wire;
	struct list sent; /* struct play_sent that no line has expected yet */
	struct play_peer peers[PLAY_PEERS];
	unsigned peer_idx;
	bool v6;
	nsec_t tolerance;
};
extern struct play play;

static inline struct play_peer *play_peer(void)
{
	return &play.peers[play.peer_idx];
}

void play_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void play_address(struct inet_address *a, unsigned host, uint16_t port);

/* play_wire.c */
void play_on_sent(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v);
void play_drain(void);
void play_expect(char *text);
void play_expect_nothing(void);
void play_inject(char *text);
void play_icmp(const char *what, const char *rest);

/* play_number.c: t is the connection that the script speaks of */
void play_wish(struct tcp *t, char *rest);
void play_set(const char *rest);
void play_check_number(struct tcp *t, const char *rest);
int play_error_number(const char *name);
