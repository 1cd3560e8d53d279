/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP for IPv4: RFC 2131 §2, RFC 2132; RFC 3442 for routes. Layouts and numbers. */
#pragma once
#include "net/wire/bytes.h"

#define DHCP4_SERVER_PORT 67
#define DHCP4_CLIENT_PORT 68
#define DHCP4_COOKIE      0x63825363u
#define DHCP4_FILE_LEN    128u
#define DHCP4_NAME_LEN    64u

struct dhcp4_header { /* options follow */
	uint8_t operation, hardware_type, hardware_len, hops;
	struct be32 transaction;
	struct be16 seconds, flags;
	uint8_t client[4], your[4], server[4], relay[4];
	uint8_t hardware[16];
	uint8_t server_name[DHCP4_NAME_LEN], file[DHCP4_FILE_LEN];
	struct be32 cookie;
};

enum dhcp4_operation { DHCP4_QUESTION = 1, DHCP4_ANSWER = 2 };

enum dhcp4_option {
	DHCP4_PAD = 0,
	DHCP4_MASK = 1,
	DHCP4_ROUTERS = 3,
	DHCP4_DNS = 6,
	DHCP4_HOST_NAME = 12,
	DHCP4_DOMAIN = 15,
	DHCP4_MTU = 26,
	DHCP4_BROADCAST = 28,
	DHCP4_REQUESTED = 50,
	DHCP4_LEASE = 51,
	DHCP4_OVERLOAD =
		52, /* 1: options in the file's field too, 2: in the server's name's, 3: both */
	DHCP4_TYPE = 53,
	DHCP4_SERVER = 54,
	DHCP4_PARAMETERS = 55,
	DHCP4_SIZE = 57,
	DHCP4_RENEWAL = 58,
	DHCP4_REBINDING = 59,
	DHCP4_CLIENT = 61,
	DHCP4_SEARCH = 119, /* RFC 3397 */
	DHCP4_ROUTES = 121,
	DHCP4_END = 255,
};

enum dhcp4_type {
	DHCP4_DISCOVER = 1,
	DHCP4_OFFER = 2,
	DHCP4_REQUEST = 3,
	DHCP4_DECLINE = 4,
	DHCP4_ACK = 5,
	DHCP4_NAK = 6,
	DHCP4_RELEASE = 7,
};
