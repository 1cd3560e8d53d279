/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From which address to send: RFC 6724 §5, its rules in order, on the addresses of the interface
 * that the packet goes out by (candidates as RFC 6724 §4 recommends). IPv4's addresses go through
 * the same rules, mapped (§3.2); between equals the first one wins, as Linux's primary address.
 */
#include <linux/in6.h>

#include "net/ip/ip.h"
#include "net/netdev.h"

enum scope { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

static enum scope scope_of(const uint8_t ip[16])
{
	if (!inet_ip_is_v4(ip) && ip[0] == 0xff)
		return (enum scope)(ip[1] & 15);
	if (inet_ip_is_link_local(ip) || inet_ip_is_loopback(ip))
		return SCOPE_LINK;
	return !inet_ip_is_v4(ip) && ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0 ? SCOPE_SITE
									     : SCOPE_GLOBAL;
}

/* RFC 6724 §2.1's table of labels. */
static unsigned label_of(const uint8_t ip[16])
{
	static const struct {
		uint8_t prefix[16];
		uint8_t bits, label;
	} table[] = {
		{ { [15] = 1 }, 128, 0 },   { { [10] = 0xff, [11] = 0xff }, 96, 4 },
		{ { 0 }, 96, 3 },           { { 0x20, 0x01 }, 32, 5 },
		{ { 0x20, 0x02 }, 16, 2 },  { { 0x3f, 0xfe }, 16, 12 },
		{ { 0xfe, 0xc0 }, 10, 11 }, { { 0xfc }, 7, 13 },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (inet_ip_in_prefix(ip, table[i].prefix, table[i].bits))
			return table[i].label;
	}
	return 1;
}

/* Rule 2: a positive number if a is the better one, negative if b, 0 if it does not tell. */
static int compare_scopes(const uint8_t a[16], const uint8_t b[16], const uint8_t to[16])
{
	enum scope sa = scope_of(a), sb = scope_of(b), st = scope_of(to);

	if (sa == sb)
		return 0;
	if (sa < sb)
		return sa < st ? -1 : 1;
	return sb < st ? 1 : -1;
}

static int compare_flags(const struct net_address *a, const struct net_address *b, unsigned bit)
{
	return (int)((b->flags & bit) != 0) - (int)((a->flags & bit) != 0);
}

/* Rule 8, by the prefix's own length at most. */
static unsigned common_bits(const struct net_address *a, const uint8_t to[16])
{
	unsigned most = a->prefix_bits + (inet_ip_is_v4(a->ip) ? 96u : 0u);

	return min(inet_ip_common_bits(a->ip, to), most);
}

/* Is a better than b? Rules 4, 5 and 5.5 do not tell: one interface, no mobility. */
static bool is_better(const struct net_address *a, const struct net_address *b,
		      const uint8_t to[16], bool temporary)
{
	int by;

	by = compare_scopes(a->ip, b->ip, to);
	if (by == 0)
		by = compare_flags(a, b, NET_ADDRESS_DEPRECATED);
	if (by == 0)
		by = (int)(label_of(a->ip) == label_of(to)) -
		     (int)(label_of(b->ip) == label_of(to));
	if (by == 0) /* rule 7; by default, as Linux has it, the public one */
		by = compare_flags(a, b, NET_ADDRESS_TEMPORARY) * (temporary ? -1 : 1);
	if (by == 0)
		by = (int)common_bits(a, to) - (int)common_bits(b, to);
	return by > 0;
}

static bool is_candidate(const struct net_address *a, const uint8_t to[16])
{
	const unsigned unusable = NET_ADDRESS_TENTATIVE | NET_ADDRESS_DUPLICATE;

	return (a->flags & unusable) == 0 && inet_ip_is_v4(a->ip) == inet_ip_is_v4(to);
}

static const struct net_address *choose(struct netdev *d, const uint8_t to[16], bool temporary)
{
	const struct net_address *a, *best = NULL;

	list_foreach(&d->addresses, a, link) {
		if (!is_candidate(a, to))
			continue;
		if (inet_ip_equal(a->ip, to)) /* rule 1 */
			return a;
		if (best == NULL || is_better(a, best, to, temporary))
			best = a;
	}
	return best;
}

bool source_choose_locked(struct net *net, struct netdev *out, const uint8_t to[16],
			  unsigned prefer, uint8_t from[16])
{
	bool temporary = (prefer & IPV6_PREFER_SRC_TMP) != 0;
	const struct net_address *best = choose(out, to, temporary);
	struct netdev *d;

	/* An interface without an address of its own borrows another's (RFC 5220 has the case). */
	list_foreach(&net->devices, d, link) {
		if (best != NULL)
			break;
		if (d != net->loopback && !inet_ip_is_link_local(to))
			best = choose(d, to, temporary);
	}
	if (best == NULL)
		return false;
	memcpy(from, best->ip, sizeof(best->ip));
	return true;
}
