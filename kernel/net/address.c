/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: which kind one is (RFC 1122 §3.2.1.3, RFC 4291 §2.5, RFC 3927). */
#include "net/address.h"

const uint8_t inet_any4[16] = { [10] = 0xff, [11] = 0xff };
const uint8_t inet_any6[16] = { 0 };
const uint8_t inet_loopback4[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
const uint8_t inet_loopback6[16] = { [15] = 1 };
const uint8_t inet_broadcast4[16] = {
	[10] = 0xff, [11] = 0xff, [12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0xff,
};
const uint8_t inet_all_nodes6[16] = { [0] = 0xff, [1] = 0x02, [15] = 1 };

bool inet_ip_is_any(const uint8_t ip[16])
{
	return inet_ip_equal(ip, inet_any4) || inet_ip_equal(ip, inet_any6);
}

bool inet_ip_is_loopback(const uint8_t ip[16])
{
	return inet_ip_is_v4(ip) ? ip[IP_V4_AT] == 127 : inet_ip_equal(ip, inet_loopback6);
}

bool inet_ip_is_multicast(const uint8_t ip[16])
{
	return inet_ip_is_v4(ip) ? (ip[IP_V4_AT] & 0xf0) == 0xe0 : ip[0] == 0xff;
}

bool inet_ip_is_link_local(const uint8_t ip[16])
{
	const uint8_t *v4 = ip + IP_V4_AT;

	if (!inet_ip_is_v4(ip))
		return (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) ||
		       (ip[0] == 0xff && (ip[1] & 0x0f) == 0x02);
	return (v4[0] == 169 && v4[1] == 254) || (v4[0] == 224 && v4[1] == 0 && v4[2] == 0);
}

uint32_t inet_ip_v4(const uint8_t ip[16])
{
	uint32_t in_addr;

	memcpy(&in_addr, ip + IP_V4_AT, sizeof(in_addr));
	return in_addr;
}

void inet_ip_from_v4(uint8_t ip[16], uint32_t in_addr)
{
	memcpy(ip, inet_any4, IP_V4_AT);
	memcpy(ip + IP_V4_AT, &in_addr, sizeof(in_addr));
}

void inet_ip_from_v4_bytes(uint8_t ip[16], const uint8_t bytes[4])
{
	memcpy(ip, inet_any4, IP_V4_AT);
	memcpy(ip + IP_V4_AT, bytes, 4);
}

unsigned inet_ip_common_bits(const uint8_t a[16], const uint8_t b[16])
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned differ = a[i] ^ b[i];

		if (differ != 0)
			return i * 8 + (unsigned)__builtin_clz(differ) - 24;
	}
	return 128;
}

bool inet_ip_in_prefix(const uint8_t ip[16], const uint8_t prefix[16], unsigned bits)
{
	return inet_ip_common_bits(ip, prefix) >= bits;
}

void inet_ip_mask(uint8_t out[16], const uint8_t ip[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned here = bits > i * 8 ? min(bits - i * 8, 8u) : 0;

		out[i] = (uint8_t)(ip[i] & (0xff00u >> here));
	}
}

bool inet_same(const struct inet_address *a, const struct inet_address *b)
{
	return a->port == b->port && inet_ip_equal(a->ip, b->ip);
}
