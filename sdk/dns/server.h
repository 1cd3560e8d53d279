/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server is one for UDP (server.c) or, first in a larger struct, one for both (server_tcp.c): so
 * a program that serves UDP alone has no code for connections.
 */
#pragma once
#include "dns/zone.h"

struct hull_dns_server {
	struct hull_dns_config config;
	struct hull_udp *udp;
	struct hull_address local;
	struct hull_dns_counts counts;
	void (*close)(struct hull_dns_server *s); /* what is not UDP's, and its memory */
};

/* Serves UDP; `close` is set. As hull_dns_listen_udp; the memory stays the caller's. */
int hull_dns_begin(struct hull_dns_server *s, const struct hull_dns_config *config);
void hull_dns_count(struct hull_dns_server *s, const uint8_t *answer, size_t len);
