/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments (RFC 9293): SYNs from everywhere; segments with made-up numbers for a connection that
 * there is, and, by who has watched it, numbers that are near the right ones (RFC 5961's
 * attacks).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

#include "test/net/flood/flood.h"

#define SUM_AT  16u
#define MESSAGE 64u /* net_load's */

struct numbers {
	uint16_t from_port, to_port;
	uint32_t seq, ack;
};

static void put_header(struct packet *p, const struct numbers *n, unsigned flags, unsigned words)
{
	packet_put16(p, n->from_port);
	packet_put16(p, n->to_port);
	packet_put32(p, n->seq);
	packet_put32(p, n->ack);
	packet_put16(p, words << 12 | flags);
	packet_put16(p, any());
	packet_put32(p, 0); /* checksum and urgent pointer */
}

static void end_segment(struct packet *p)
{
	packet_sum(p, SUM_AT, IPPROTO_TCP);
	packet_end_ip(p);
}

static struct numbers some_numbers(void)
{
	return (struct numbers){
		.from_port = (uint16_t)(1024 + below(60000)),
		.to_port = target.to_port,
		.seq = any(),
		.ack = any(),
	};
}

static void put_syn(struct packet *p, const uint8_t *from)
{
	struct numbers n = some_numbers();
	bool has_options = (any() & 1) != 0;

	n.ack = 0;
	packet_ip(p, from, NULL, IPPROTO_TCP);
	put_header(p, &n, TH_SYN, has_options ? 10 : 6);
	packet_put32(p, 0x02040000 + 536 + below(1000)); /* MSS */
	if (has_options) {
		packet_put32(p, 0x0402080a); /* SACK permitted, timestamps */
		packet_put32(p, any());
		packet_put32(p, 0);
		packet_put32(p, 0x01030307); /* window scale */
	}
	end_segment(p);
}

static void make_syn(struct packet *p)
{
	put_syn(p, NULL);
}

/* Whoever answers must first ask who they are. */
static void make_syn_near(struct packet *p)
{
	uint8_t from[16];

	packet_neighbour(from);
	put_syn(p, from);
}

/* A segment for the connection, from its peer by the look of it. */
static void put_segment(struct packet *p, const struct numbers *numbers, unsigned flags,
			unsigned len)
{
	struct numbers n = *numbers;

	n.from_port = target.from_port;
	packet_ip(p, target.from, NULL, IPPROTO_TCP);
	put_header(p, &n, flags, 5);
	packet_noise(p, len);
	end_segment(p);
}

static void make_reset(struct packet *p)
{
	struct numbers n = some_numbers();

	put_segment(p, &n, TH_RST | (any() & TH_ACK), 0);
}

static void make_fin(struct packet *p)
{
	struct numbers n = some_numbers();

	put_segment(p, &n, TH_FIN | TH_ACK, below(20));
}

static void make_ack(struct packet *p)
{
	struct numbers n = some_numbers();

	put_segment(p, &n, TH_ACK, 0);
}

static void make_data(struct packet *p)
{
	struct numbers n = some_numbers();

	put_segment(p, &n, TH_ACK | TH_PUSH, 1 + below(1400));
}

static void make_flags(struct packet *p)
{
	struct numbers n = some_numbers();

	put_segment(p, &n, any() & 0xff & ~(unsigned)TH_RST, below(100));
}

/* ACKs of handshakes that there were not: each might be a SYN cookie. */
static void make_cookie(struct packet *p)
{
	struct numbers n = some_numbers();

	packet_ip(p, NULL, NULL, IPPROTO_TCP);
	put_header(p, &n, TH_ACK, 5);
	end_segment(p);
}

/*
 * RFC 5961 §3 to §5: a reset that is in the window but not exactly there, a SYN anywhere, data
 * whose ACK is for what was never sent. None may end the connection or add to its bytes.
 */
static void make_near(struct packet *p)
{
	struct numbers n = { .to_port = target.to_port,
			     .seq = target.expects,
			     .ack = target.sends };

	if (!target.is_seen) {
		make_ack(p);
		return;
	}
	switch (below(4)) {
	case 0:
		/* The connection may have gone on by whole messages since it was seen. */
		n.seq += below(400) * MESSAGE + 1 + below(MESSAGE - 1);
		put_segment(p, &n, TH_RST, 0);
		break;
	case 1:
		n.seq += below(60000) - 30000;
		put_segment(p, &n, TH_SYN, 0);
		break;
	case 2:
		n.ack += (1u << 30) + below(1u << 30);
		put_segment(p, &n, TH_ACK | TH_PUSH, 1 + below(1000));
		break;
	default:
		n.seq -= 1 + below(100000);
		put_segment(p, &n, TH_ACK, below(2) == 0 ? 0 : 1);
	}
}

const struct kind kinds_tcp[] = {
	{ "syn", make_syn, false },     { "syn-near", make_syn_near, false },
	{ "reset", make_reset, false }, { "fin", make_fin, false },
	{ "ack", make_ack, false },     { "data", make_data, false },
	{ "flags", make_flags, false }, { "cookie", make_cookie, false },
	{ "near", make_near, true },    { NULL, NULL, false },
};
