/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames by hand: frame.h. */
#include "test/net/frame.h"

#include <string.h>

#include "net/address.h"
#include "net/ip/device.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"
#include "net/wire/link.h"

#define NETWORK_AT ((unsigned)sizeof(struct ethernet_header))

void frame_put(struct frame *f, const void *bytes, uint32_t len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

void frame_put_byte(struct frame *f, unsigned byte, uint32_t times)
{
	memset(f->bytes + f->len, (int)byte, times);
	f->len += times;
}

void frame_begin(struct frame *f, const uint8_t to_ip[16], unsigned type)
{
	struct ethernet_header h = {
		.to = { 2, 0, 0, 0, 0, 1 },
		.from = { 2, 0, 0, 0, 0, 0x99 },
		.type = be16_of((uint16_t)type),
	};

	if (inet_ip_is_multicast(to_ip) || inet_ip_equal(to_ip, inet_broadcast4))
		ip_group_mac(to_ip, h.to);
	f->len = 0;
	frame_put(f, &h, sizeof(h));
}

void frame_put_ip4(struct frame *f, const uint8_t from[16], const uint8_t to[16], unsigned protocol,
		   unsigned payload)
{
	struct ip4_header h = {
		.version_words = 0x45,
		.total_len = be16_of((uint16_t)(sizeof(h) + payload)),
		.hops = 64,
		.protocol = (uint8_t)protocol,
	};

	memcpy(h.from, from + IP_V4_AT, 4);
	memcpy(h.to, to + IP_V4_AT, 4);
	h.checksum = checksum_finish(checksum_add(0, &h, sizeof(h)));
	frame_put(f, &h, sizeof(h));
}

void frame_set_fragment4(struct frame *f, unsigned id, unsigned field)
{
	struct ip4_header *h = (void *)(f->bytes + f->len - sizeof(*h));

	h->id = be16_of((uint16_t)id);
	h->fragment = be16_of((uint16_t)field);
	h->checksum = be16_of(0);
	h->checksum = checksum_finish(checksum_add(0, h, sizeof(*h)));
}

void frame_put_ip6(struct frame *f, const uint8_t from[16], const uint8_t to[16], unsigned next,
		   unsigned payload)
{
	struct ip6_header h = {
		.version_class_flow = be32_of(6u << 28),
		.payload_len = be16_of((uint16_t)payload),
		.next_header = (uint8_t)next,
		.hops = 64,
	};

	memcpy(h.from, from, 16);
	memcpy(h.to, to, 16);
	frame_put(f, &h, sizeof(h));
}

void frame_sum_header(struct frame *f, unsigned len)
{
	struct ip4_header *h = (void *)(f->bytes + NETWORK_AT);

	h->checksum = be16_of(0);
	h->checksum = checksum_finish(checksum_add(0, h, len));
}

void frame_set_hops(struct frame *f, unsigned hops)
{
	((struct ip6_header *)(f->bytes + NETWORK_AT))->hops = (uint8_t)hops;
}

void frame_sum_icmp4(struct frame *f, uint32_t at)
{
	struct be16 sum;

	memset(f->bytes + at + 2, 0, 2);
	sum = checksum_finish(checksum_add(0, f->bytes + at, f->len - at));
	memcpy(f->bytes + at + 2, &sum, 2);
}

void frame_sum(struct frame *f, uint32_t at, unsigned field, unsigned protocol)
{
	const struct ip6_header *v6 = (void *)(f->bytes + NETWORK_AT);
	const struct ip4_header *v4 = (const void *)v6;
	uint8_t from[16], to[16];
	struct be16 sum;

	if (v4->version_words >> 4 == 4) {
		inet_ip_from_v4_bytes(from, v4->from);
		inet_ip_from_v4_bytes(to, v4->to);
	} else {
		memcpy(from, v6->from, 16);
		memcpy(to, v6->to, 16);
	}
	memset(f->bytes + at + field, 0, 2);
	sum = checksum_finish(checksum_join(checksum_pseudo(from, to, protocol, f->len - at),
					    checksum_add(0, f->bytes + at, f->len - at)));
	memcpy(f->bytes + at + field, &sum, 2);
}
