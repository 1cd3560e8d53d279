/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the network tells a machine of names: DHCP's answers (RFC 2132, RFC 8415) and routers'
 * advertisements (RFC 8106). Who writes resolv.conf and sets the host's name gives the net an
 * adviser; the advice of each source takes its last one's place.
 */
#pragma once
#include "lib/types.h"

#define ADVICE_DNS_MAX  4u
#define ADVICE_NAME_MAX 256u

struct net;
struct netdev;

enum advice_source { ADVICE_ROUTER, ADVICE_DHCP4, ADVICE_DHCP6 };

struct net_advice {
	uint8_t dns[ADVICE_DNS_MAX][16];
	unsigned nr_dns;
	char search[ADVICE_NAME_MAX];    /* names, with spaces between; empty: none */
	char host_name[ADVICE_NAME_MAX]; /* empty: none */
};

struct net_adviser {
	/* No lock is held; a is the caller's. Any context. */
	void (*advised)(struct net_adviser *self, struct netdev *d, enum advice_source source,
			const struct net_advice *a);
};

void net_advise(struct netdev *d, enum advice_source source, const struct net_advice *a);
/* A domain name as DNS writes it (RFC 1035 §3.1), without pointers, from *at on (up to len), behind
 * what is in `names`. False: it is none, or too long; names is as it was. */
bool advice_add_name(const uint8_t *bytes, unsigned len, unsigned *at, char names[ADVICE_NAME_MAX]);
