/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames made by hand, byte by byte: for what no sound stack sends. */
#pragma once
#include "lib/types.h"

struct frame {
	uint8_t bytes[8192];
	uint32_t len;
};

/* From 02::99 to 02::01, or to the group's link address. */
void frame_begin(struct frame *f, const uint8_t to_ip[16], unsigned type);
void frame_put(struct frame *f, const void *bytes, uint32_t len);
void frame_put_byte(struct frame *f, unsigned byte, uint32_t times);
/* Headers with the length of all that will follow. fragment: the field with flags and offset. */
void frame_put_ip4(struct frame *f, const uint8_t from[16], const uint8_t to[16], unsigned protocol,
		   unsigned payload);
void frame_put_ip6(struct frame *f, const uint8_t from[16], const uint8_t to[16], unsigned next,
		   unsigned payload);
void frame_set_fragment4(struct frame *f, unsigned id,
			 unsigned field);             /* the header is the last put */
void frame_sum_header(struct frame *f, unsigned len); /* IPv4's, of so many bytes */
void frame_set_hops(struct frame *f, unsigned hops);
/* Fills in the checksum of ICMP, ICMPv6 or UDP that begins at `at` and goes to the end. */
void frame_sum_icmp4(struct frame *f, uint32_t at);
void frame_sum(struct frame *f, uint32_t at, unsigned field, unsigned protocol);
