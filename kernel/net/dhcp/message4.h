/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCPv4 messages, read and written: no state. */
#pragma once
#include "net/ip/advice.h"
#include "net/wire/dhcp.h"

#define DHCP4_ROUTES_MAX  16u
#define DHCP4_MESSAGE_MAX 576u /* RFC 2131 §2: what everybody must take */

struct dhcp4_route {
	uint8_t prefix[4], gateway[4]; /* gateway 0: on the link */
	uint8_t bits;
};

struct dhcp4_answer {
	uint8_t type; /* enum dhcp4_type */
	uint32_t transaction;
	uint8_t hardware[16];
	uint8_t address[4], server[4], broadcast[4]; /* 0: it was not said */
	uint8_t bits;
	uint16_t mtu;                                /* 0: it was not said */
	uint32_t lease_s, renewal_s, rebinding_s;    /* 0: it was not said */
	struct dhcp4_route routes[DHCP4_ROUTES_MAX]; /* the default one too */
	unsigned nr_routes;
	struct net_advice advice;
};

/* False: it is none, or not sound. */
bool dhcp4_read(const uint8_t *bytes, uint32_t len, struct dhcp4_answer *out);

struct dhcp4_question {
	uint8_t type;
	uint32_t transaction;
	uint16_t seconds;
	const uint8_t *hardware;  /* six bytes */
	const uint8_t *client;    /* the address that we have, or NULL: ciaddr */
	const uint8_t *requested; /* NULL: none is asked for */
	const uint8_t *server;    /* NULL: any */
	const char *host_name;    /* empty: none */
};

/* How long it is: at most DHCP4_MESSAGE_MAX. */
unsigned dhcp4_write(uint8_t out[DHCP4_MESSAGE_MAX], const struct dhcp4_question *q);
