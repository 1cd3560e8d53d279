/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery (RFC 4861 §4) and the options that routers send (RFC 4862, 8106). Layouts. */
#pragma once
#include "net/wire/icmp.h"
#include "net/wire/link.h"

struct nd_neighbour {            /* solicitation and advertisement; options follow */
	struct icmp_header icmp; /* word: enum nd_flags of an advertisement */
	uint8_t target[16];
};

enum nd_flags {
	ND_IS_ROUTER = 1u << 31,
	ND_SOLICITED = 1u << 30,
	ND_OVERRIDE = 1u << 29,
};

struct nd_router_advert { /* options follow */
	uint8_t type, code;
	struct be16 checksum;
	uint8_t hops, flags;
	struct be16 lifetime; /* seconds; 0: no default router */
	struct be32 reachable_ms, retrans_ms;
};

enum nd_router_flags { ND_MANAGED = 0x80, ND_OTHER = 0x40 }; /* DHCPv6: addresses; the rest */

struct nd_option {
	uint8_t type;
	uint8_t len; /* in 8 bytes, with this */
};

enum nd_option_type {
	ND_SOURCE_MAC = 1,
	ND_TARGET_MAC = 2,
	ND_PREFIX = 3,
	ND_MTU = 5,
	ND_DNS = 25,        /* RFC 8106 §5.1 */
	ND_DNS_SEARCH = 31, /* §5.2 */
};

struct nd_mac {
	struct nd_option option;
	uint8_t mac[ETHERNET_ADDRESS_LEN];
};

struct nd_prefix {
	struct nd_option option;
	uint8_t bits, flags;
	struct be32 valid, preferred; /* seconds; all ones: for ever */
	struct be32 reserved;
	uint8_t prefix[16];
};

enum nd_prefix_flags { ND_ON_LINK = 0x80, ND_AUTONOMOUS = 0x40 };

struct nd_mtu {
	struct nd_option option;
	struct be16 reserved;
	struct be32 mtu;
};

struct nd_dns { /* addresses or names follow */
	struct nd_option option;
	struct be16 reserved;
	struct be32 lifetime;
};
