/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: Ethernet (IEEE 802.3, 802.1Q), ARP (RFC 826). Layouts only. */
#pragma once
#include "net/wire/bytes.h"

#define ETHERNET_ADDRESS_LEN 6
#define ETHERNET_MTU_MIN     68 /* RFC 791 §3.2; with IPv6 it is 1280 (RFC 8200 §5) */
#define ETHERNET_MTU         1500

enum ethernet_type {
	ETHERNET_IP4 = 0x0800,
	ETHERNET_ARP = 0x0806,
	ETHERNET_VLAN = 0x8100,
	ETHERNET_IP6 = 0x86dd,
};

struct ethernet_header {
	uint8_t to[ETHERNET_ADDRESS_LEN], from[ETHERNET_ADDRESS_LEN];
	struct be16 type; /* below 1536 it is a length: IEEE 802.3 §3.2.6 */
};

struct vlan_tag {            /* behind a type of ETHERNET_VLAN */
	struct be16 control; /* priority (3 bits), drop eligible, identifier (12 bits) */
	struct be16 type;
};

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_packet {                /* of IPv4 over Ethernet */
	struct be16 hardware_type; /* 1 */
	struct be16 protocol_type; /* ETHERNET_IP4 */
	uint8_t hardware_len, protocol_len;
	struct be16 operation;
	uint8_t sender_mac[ETHERNET_ADDRESS_LEN], sender_ip[4];
	uint8_t target_mac[ETHERNET_ADDRESS_LEN], target_ip[4];
};
