/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCPv6 messages, read and written: no state. */
#pragma once
#include "net/ip/advice.h"
#include "net/wire/dhcp6.h"

#define DHCP6_ID_MAX      130u /* RFC 8415 §11.1 */
#define DHCP6_MESSAGE_MAX 512u

struct dhcp6_answer {
	uint8_t type; /* enum dhcp6_type */
	uint32_t transaction;
	uint16_t status;  /* of the message and of the IA: 0 if all is well */
	bool for_client;  /* our identifier is in it */
	bool has_address; /* in the IA of that number, and valid */
	uint8_t address[16];
	uint32_t preferred_s, valid_s, t1_s, t2_s; /* t1, t2 0: the client's to choose */
	uint8_t server[DHCP6_ID_MAX];
	unsigned server_len; /* 0: it was not said */
	struct net_advice advice;
};

/* Our identifier: of the link address (RFC 8415 §11.4). */
#define DHCP6_OUR_ID_LEN 10u
void dhcp6_make_id(const uint8_t mac[6], uint8_t id[DHCP6_OUR_ID_LEN]);

/* False: it is none, or not sound. */
bool dhcp6_read(const uint8_t *bytes, uint32_t len, const uint8_t mac[6], uint32_t ia,
		struct dhcp6_answer *out);

struct dhcp6_question {
	uint8_t type;
	uint32_t transaction; /* 24 bits */
	uint32_t ia;
	nsec_t elapsed_ns;
	const uint8_t *mac;
	const uint8_t *server; /* NULL: any */
	unsigned server_len;
	bool wants_address;
	const uint8_t *address; /* NULL: any */
};

/* How long it is. */
unsigned dhcp6_write(uint8_t out[DHCP6_MESSAGE_MAX], const struct dhcp6_question *q);
