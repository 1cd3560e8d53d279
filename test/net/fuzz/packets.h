/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input of packets.c: one byte of settings (enum packet_setting), then records. A record is its
 * kind, the length of its body in two bytes, the body. Whoever makes inputs (seeds.c by a seed,
 * mutate.c for libFuzzer) begins with the examples here.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum packet_kind {
	PACKET_RAW,
	PACKET_ETHERNET,
	PACKET_IP4,
	PACKET_IP4_OPTIONS,
	PACKET_IP6,
	PACKET_ICMP6,
	PACKET_DHCP,
	PACKET_QUOTE,
	PACKET_DHCP6,
	PACKET_SEGMENT,
	PACKET_CALL,
	PACKET_TIME,
	NR_PACKET_KINDS,
};

/* In one burst with the one before; kinds are taken modulo their number. */
#define PACKET_WITH_LAST 0x80u

#define PACKET_RECORD     3u /* in front of the body */
#define PACKET_BODY_MAX   2000u
#define PACKET_RECORD_MAX (PACKET_RECORD + PACKET_BODY_MAX)

enum packet_setting {
	PACKET_OFFLOADS = 0x01, /* the interface cuts segments and completes checksums */
	PACKET_PAGES = 0x02,    /* what comes is in pages */
	PACKET_COOKIES = 0x04,
	PACKET_RENO = 0x08,
	PACKET_ECN = 0x10,
	PACKET_LITTLE_MEMORY = 0x20, /* of TCP's */
	PACKET_ONE_TIME_WAIT = 0x40,
	PACKET_NO_ADDRESS = 0x80, /* but what router and DHCP give */
};

struct packet_example {
	unsigned kind, len;
	const char *bytes;
};
extern const struct packet_example packet_examples[];
extern const unsigned nr_packet_examples;

/* One example as a record: how many bytes. `to` has room for PACKET_RECORD_MAX. */
size_t packet_example_put(uint8_t *to, unsigned number);
/* The record at `data`, as packets.c reads it: its bytes in all; 0: there is none. */
size_t packet_record_len(const uint8_t *data, size_t size);
/* The same kind in one burst with the one before. */
uint8_t packet_with_last(uint8_t kind);
