/* SPDX-License-Identifier: BSD-2-Clause */
/* Kinds of records in an input of fuzz_packets.c, by number. */
#pragma once

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
	PACKET_TIME,
	NR_PACKET_KINDS,
};

#define PACKET_WITH_LAST \
	0x80 /* in one burst with the one before; kinds are taken modulo their number */
