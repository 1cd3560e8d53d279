/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A name that does not end with a dot may be another's beginning: with each domain of the search
 * list behind it, and as it is, first if it has ndots dots in it and else last. One that nobody
 * knows is followed by the next.
 */
#pragma once
#include "dns/hosts.h"

struct dns_search {
	struct dns_name name;
	bool is_whole; /* it ended with a dot */
	unsigned nr_dots, next;
};

void hull_dns_search_begin(struct dns_search *s, const char *text, const struct dns_name *name);
/* False: there are no more. */
bool hull_dns_search_next(struct dns_search *s, const struct dns_config *c, struct dns_name *out);
