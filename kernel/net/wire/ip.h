/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200), UDP (RFC 768), TCP
 * (RFC 9293 §3.1). Layouts and numbers only. */
#pragma once
#include "net/wire/bytes.h"

struct ip4_header {
	uint8_t version_words; /* 4 << 4, and the header's length in 32-bit words */
	uint8_t traffic_class; /* DSCP and ECN */
	struct be16 total_len;
	struct be16 id;
	struct be16 fragment; /* enum ip4_fragment, and the offset in 8 bytes */
	uint8_t hops, protocol;
	struct be16 checksum;
	uint8_t from[4], to[4];
};

enum ip4_fragment {
	IP4_DONT_FRAGMENT = 0x4000,
	IP4_MORE_FRAGMENTS = 0x2000,
	IP4_FRAGMENT_OFFSET = 0x1fff,
};

struct ip6_header {
	struct be32 version_class_flow; /* 4, 8 and 20 bits */
	struct be16 payload_len;
	uint8_t next_header, hops;
	uint8_t from[16], to[16];
};

struct ip6_extension { /* RFC 8200 §4.2 and on: hop-by-hop, routing, destination options */
	uint8_t next_header;
	uint8_t len; /* in 8 bytes, without the first 8 */
};

struct ip6_fragment {
	uint8_t next_header, reserved;
	struct be16 offset_more; /* offset in 8 bytes << 3, and bit 0: more follow */
	struct be32 id;
};

/* Beside <linux/in.h>'s IPPROTO_*, which name the protocols. */
#define IP6_MTU_MIN 1280u /* RFC 8200 §5 */
#define IP4_MTU_MIN 68u

struct udp_header {
	struct be16 from, to, len, checksum;
};

struct tcp_header {
	struct be16 from, to;
	struct be32 seq, ack;
	uint8_t words; /* header's length in 32-bit words << 4; the low four bits are reserved */
	uint8_t flags; /* enum tcp_flags */
	struct be16 window, checksum, urgent;
};

enum tcp_flags {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40, /* RFC 3168 §6.1 */
	TCP_CWR = 0x80,
};
