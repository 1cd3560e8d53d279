/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP (RFC 792, RFC 1812 §4.3.3 for the later codes) and ICMPv6 (RFC 4443): layouts. */
#pragma once
#include "net/wire/bytes.h"

struct icmp_header {
	uint8_t type, code;
	struct be16 checksum;
	union {
		struct {
			struct be16 id, sequence;
		} echo;
		struct {
			struct be16 unused, mtu; /* RFC 1191 §4 */
		} too_big;
		struct be32 word; /* ICMPv6's MTU, pointer, flags; a gateway */
	};
};

enum icmp4_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER_PROBLEM = 12,
	ICMP4_TYPE_MAX = 18, /* as Linux's NR_ICMP_TYPES */
};

enum icmp4_unreachable { /* codes of ICMP4_UNREACHABLE */
			 ICMP4_NET = 0,
			 ICMP4_HOST = 1,
			 ICMP4_PROTOCOL = 2,
			 ICMP4_PORT = 3,
			 ICMP4_TOO_BIG = 4,
			 ICMP4_SOURCE_ROUTE = 5,
			 ICMP4_NET_UNKNOWN = 6,
			 ICMP4_HOST_UNKNOWN = 7,
			 ICMP4_HOST_ISOLATED = 8,
			 ICMP4_NET_PROHIBITED = 9,
			 ICMP4_HOST_PROHIBITED = 10,
			 ICMP4_NET_SERVICE = 11,
			 ICMP4_HOST_SERVICE = 12,
			 ICMP4_FILTERED = 13,
			 ICMP4_PRECEDENCE = 14,
			 ICMP4_PRECEDENCE_CUTOFF = 15,
};

#define ICMP4_TIME_REASSEMBLY 1 /* code of ICMP4_TIME_EXCEEDED */
#define ICMP6_TIME_REASSEMBLY 1 /* code of ICMP6_TIME_EXCEEDED */
#define ICMP6_ADDRESS         3 /* codes of ICMP6_UNREACHABLE */
#define ICMP6_PORT            4

enum icmp6_problem { ICMP6_BAD_FIELD = 0, ICMP6_BAD_HEADER = 1, ICMP6_BAD_OPTION = 2 };

enum icmp6_type {
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_GROUP_QUERY = 130, /* MLD: RFC 3810 §5 */
	ICMP6_GROUP_REPORT_1 = 131,
	ICMP6_GROUP_DONE_1 = 132,
	ICMP6_ROUTER_SOLICIT = 133, /* RFC 4861 §4 */
	ICMP6_ROUTER_ADVERT = 134,
	ICMP6_NEIGHBOUR_SOLICIT = 135,
	ICMP6_NEIGHBOUR_ADVERT = 136,
	ICMP6_REDIRECT = 137,
	ICMP6_GROUP_REPORT_2 = 143,
};
