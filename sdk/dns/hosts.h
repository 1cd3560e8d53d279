/* SPDX-License-Identifier: BSD-2-Clause */
/* What files say of names: /etc/hosts (hosts(5)) and /etc/resolv.conf (resolv.conf(5)). */
#pragma once
#include <hull.h>

#include "dns/message.h"

#define DNS_SERVERS_MAX 3u /* as MAXNS */
#define DNS_DOMAINS_MAX 6u /* as MAXDNSRCH */

struct dns_config {
	unsigned nr_servers;
	struct hull_address servers[DNS_SERVERS_MAX];
	unsigned nr_domains; /* of the search list */
	struct dns_name domains[DNS_DOMAINS_MAX];
	unsigned nr_dots;  /* in a name that is asked for as it is first: `ndots` */
	unsigned attempts; /* of each server */
	hull_ns timeout;   /* of each attempt */
};

/* How many addresses of that name; localhost is always known (RFC 6761 §6.3). */
unsigned hull_dns_hosts_find(const char *name, struct hull_address *out, unsigned max);
/* nameserver, search, domain, and of the options ndots, attempts and timeout. */
void hull_dns_config_read(struct dns_config *out);
void hull_dns_config_parse(char *text, struct dns_config *out); /* the file's; it is changed */
