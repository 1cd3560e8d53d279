/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of the internet. One is kept as IPv6's sixteen bytes; IPv4's are mapped (RFC 4291
 * §2.5.5.2), so that one table of ports, of routes and of neighbours serves both families.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/string.h"
#include "lib/types.h"

#define IP_V4_AT 12 /* where the four bytes of a mapped address are */

struct inet_address {
	uint8_t ip[16]; /* as on the wire; IPv4 as ::ffff:a.b.c.d */
	uint16_t port;  /* in the machine's order */
};

extern const uint8_t inet_any4[16], inet_any6[16], inet_loopback4[16], inet_loopback6[16];
extern const uint8_t inet_broadcast4[16]; /* 255.255.255.255 */
extern const uint8_t inet_all_nodes6[16]; /* ff02::1 */

/* Done for each packet several times: two words, not sixteen bytes. */
static inline bool inet_ip_equal(const uint8_t a[16], const uint8_t b[16])
{
	uint64_t x[2], y[2];

	__builtin_memcpy(x, a, sizeof(x));
	__builtin_memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline bool inet_ip_is_v4(const uint8_t ip[16])
{
	uint64_t zero;
	uint32_t mark;

	__builtin_memcpy(&zero, ip, sizeof(zero));
	__builtin_memcpy(&mark, ip + sizeof(zero), sizeof(mark));
	return zero == 0 && mark == 0xffff0000u;
}

bool inet_ip_is_any(const uint8_t ip[16]);      /* of either family */
bool inet_ip_is_loopback(const uint8_t ip[16]); /* 127.0.0.0/8, ::1 */
bool inet_ip_is_multicast(const uint8_t ip[16]);
bool inet_ip_is_link_local(const uint8_t ip[16]); /* 169.254/16, fe80::/10, ff02::/16, 224.0.0/24 */
uint32_t inet_ip_v4(const uint8_t ip[16]);        /* as struct in_addr has it */
void inet_ip_from_v4(uint8_t ip[16], uint32_t in_addr);
void inet_ip_from_v4_bytes(uint8_t ip[16], const uint8_t bytes[4]);
/* Are the first `bits` of both the same? Of sixteen bytes: a mapped IPv4 prefix has 96 more. */
bool inet_ip_in_prefix(const uint8_t ip[16], const uint8_t prefix[16], unsigned bits);
unsigned inet_ip_common_bits(const uint8_t a[16], const uint8_t b[16]);  /* 0..128 */
void inet_ip_mask(uint8_t out[16], const uint8_t ip[16], unsigned bits); /* the rest is 0 */
#define INET_TEXT_MAX 46                                                 /* INET6_ADDRSTRLEN */
void inet_ip_text(const uint8_t ip[16], char text[INET_TEXT_MAX]);       /* RFC 5952 */
bool inet_same(const struct inet_address *a, const struct inet_address *b);
