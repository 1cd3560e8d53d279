/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a router on the path does with packets that do not fit: fragments of them (RFC 791 §2.3,
 * §3.2), ICMP's "fragmentation needed" (RFC 792, RFC 1191 §4) and ICMPv6's "packet too big"
 * (RFC 4443 §3.2). The error comes from the packet's own destination: the two ends are neighbours,
 * there is no address between.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

#include "test/net/path/impair.h"

#define HEADER_V4     20u
#define ICMP4_LEN_MAX 548u  /* RFC 1812 §4.3.2.3: 576 with its header */
#define ICMP6_LEN_MAX 1232u /* RFC 4443 §3.2: the least MTU of IPv6 */
#define DONT_FRAGMENT 0x4000u
#define MORE          0x2000u

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, size_t len, uint32_t so_far)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		so_far += get16(at + i);
	return len % 2 ? so_far + (uint32_t)at[len - 1] * 256 : so_far;
}

static uint32_t fold(uint32_t value)
{
	value = (value & 0xffff) + (value >> 16);
	return ~((value & 0xffff) + (value >> 16)) & 0xffff;
}

static bool is_v4(const uint8_t *frame, size_t len)
{
	return len >= ETH_HLEN + sizeof(struct iphdr) && get16(frame + 12) == ETH_P_IP &&
	       frame[ETH_HLEN] >> 4 == 4;
}

static bool is_v6(const uint8_t *frame, size_t len)
{
	return len >= ETH_HLEN + sizeof(struct ipv6hdr) && get16(frame + 12) == ETH_P_IPV6 &&
	       frame[ETH_HLEN] >> 4 == 6;
}

bool ip_is_too_big(const uint8_t *frame, size_t len, size_t mtu)
{
	return len - ETH_HLEN > mtu && (is_v4(frame, len) || is_v6(frame, len));
}

static void header_v4(uint8_t *ip, size_t len)
{
	put16(ip + 2, (uint32_t)len);
	put16(ip + 10, 0);
	put16(ip + 10, fold(sum(ip, (size_t)(ip[0] & 15) * 4, 0)));
}

static size_t answer_v4(const uint8_t *ip, size_t len, size_t mtu, uint8_t *to)
{
	uint8_t *icmp = to + HEADER_V4;

	if ((get16(ip + 6) & DONT_FRAGMENT) == 0)
		return 0;
	len = len < ICMP4_LEN_MAX ? len : ICMP4_LEN_MAX;
	memset(to, 0, HEADER_V4 + 8);
	to[0] = 0x45;
	to[8] = 64;
	to[9] = IPPROTO_ICMP;
	memcpy(to + 12, ip + 16, 4);
	memcpy(to + 16, ip + 12, 4);
	icmp[0] = ICMP_DEST_UNREACH;
	icmp[1] = ICMP_FRAG_NEEDED;
	put16(icmp + 6, (uint32_t)mtu);
	memcpy(icmp + 8, ip, len);
	put16(icmp + 2, fold(sum(icmp, 8 + len, 0)));
	header_v4(to, HEADER_V4 + 8 + len);
	return HEADER_V4 + 8 + len;
}

static size_t answer_v6(const uint8_t *ip, size_t len, size_t mtu, uint8_t *to)
{
	uint8_t *icmp = to + sizeof(struct ipv6hdr);
	size_t most = ICMP6_LEN_MAX - 8;

	len = len < most ? len : most;
	memset(to, 0, sizeof(struct ipv6hdr) + 8);
	to[0] = 0x60;
	put16(to + 4, (uint32_t)(8 + len));
	to[6] = IPPROTO_ICMPV6;
	to[7] = 64;
	memcpy(to + 8, ip + 24, 16);
	memcpy(to + 24, ip + 8, 16);
	icmp[0] = ICMPV6_PKT_TOOBIG;
	put16(icmp + 6, (uint32_t)mtu);
	memcpy(icmp + 8, ip, len);
	put16(icmp + 2,
	      fold(sum(icmp, 8 + len, sum(to + 8, 32, (uint32_t)(8 + len) + IPPROTO_ICMPV6))));
	return sizeof(struct ipv6hdr) + 8 + len;
}

size_t ip_too_big_answer(const uint8_t *frame, size_t len, size_t mtu, uint8_t *answer)
{
	const uint8_t *ip = frame + ETH_HLEN;
	uint8_t *to = answer + ETH_HLEN;
	size_t answer_len;

	memcpy(answer, frame + ETH_ALEN, ETH_ALEN);
	memcpy(answer + ETH_ALEN, frame, ETH_ALEN);
	memcpy(answer + 12, frame + 12, 2);
	answer_len = is_v4(frame, len) ? answer_v4(ip, len - ETH_HLEN, mtu, to)
				       : answer_v6(ip, len - ETH_HLEN, mtu, to);
	return answer_len > 0 ? ETH_HLEN + answer_len : 0;
}

size_t ip_fragment(const uint8_t *frame, size_t len, size_t mtu, size_t *at, uint8_t *part)
{
	const uint8_t *ip = frame + ETH_HLEN;
	size_t header = (size_t)(ip[0] & 15) * 4, payload, n;
	uint32_t flags;

	if (!is_v4(frame, len) || (get16(ip + 6) & DONT_FRAGMENT) != 0 || header < HEADER_V4 ||
	    get16(ip + 2) > len - ETH_HLEN || get16(ip + 2) <= header)
		return 0;
	payload = get16(ip + 2) - header;
	if (*at >= payload)
		return 0;
	n = (mtu - header) & ~(size_t)7;
	flags = get16(ip + 6);
	if (n >= payload - *at)
		n = payload - *at;
	else
		flags |= MORE;
	memcpy(part, frame, ETH_HLEN + header);
	memcpy(part + ETH_HLEN + header, ip + header + *at, n);
	put16(part + ETH_HLEN + 6, flags + (uint32_t)(*at / 8));
	header_v4(part + ETH_HLEN, header + n);
	*at += n;
	return ETH_HLEN + header + n;
}
