/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP for IPv6: RFC 8415 §7, §21; RFC 3646 for names. Layouts and numbers. */
#pragma once
#include "net/wire/bytes.h"

#define DHCP6_SERVER_PORT 547
#define DHCP6_CLIENT_PORT 546

struct dhcp6_header { /* options follow */
	uint8_t type;
	uint8_t transaction[3];
};

struct dhcp6_option { /* so many bytes follow */
	struct be16 code, len;
};

enum dhcp6_code {
	DHCP6_CLIENT = 1,
	DHCP6_SERVER = 2,
	DHCP6_IA_NA = 3,
	DHCP6_ADDRESS = 5,
	DHCP6_WANTED = 6,
	DHCP6_ELAPSED = 8,
	DHCP6_STATUS = 13,
	DHCP6_DNS = 23,
	DHCP6_DOMAINS = 24,
};

struct dhcp6_ia { /* of an IA_NA; options follow */
	struct be32 id, t1, t2;
};

struct dhcp6_address { /* options follow */
	uint8_t ip[16];
	struct be32 preferred, valid;
};

enum dhcp6_type {
	DHCP6_SOLICIT = 1,
	DHCP6_ADVERTISE = 2,
	DHCP6_REQUEST = 3,
	DHCP6_RENEW = 5,
	DHCP6_REBIND = 6,
	DHCP6_REPLY = 7,
	DHCP6_RELEASE = 8,
	DHCP6_DECLINE = 9,
	DHCP6_INFORM = 11,
};
