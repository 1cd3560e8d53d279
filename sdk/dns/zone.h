/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zones of a DNS server: a table of names, each with its sets of records, as they go out.
 *
 * Every name that exists is a node: those with records, and those that only have names below them
 * (RFC 4592 §2.2.2), up to their zone's apex. So the first node that is found, on the way from a
 * name upwards, is its closest encloser (RFC 4592 §3.3.1). When all zones are loaded each node
 * learns what else an answer needs: its zone, the delegation that it is under, its wildcard. Then
 * nothing changes any more, and whoever reads needs no lock.
 */
#pragma once
#include <hull_dns.h>

#include "dns/message.h"

struct dns_data {
	struct dns_data *next;
	uint16_t len;
	uint8_t bytes[]; /* RDATA; names in it are not compressed */
};

struct dns_set {
	struct dns_set *next;
	uint16_t type, nr;
	uint32_t ttl;
	struct dns_data *first, *last;
};

struct dns_node {
	struct dns_node *next; /* of the same bucket, or of all: order is the files' */
	struct dns_node *all;
	struct dns_node *apex;     /* of its zone; NULL: of none */
	struct dns_node *cut;      /* the name that its zone delegates it with; NULL: it does not */
	struct dns_node *wildcard; /* "*" below it */
	struct dns_set *sets;
	uint32_t hash;
	uint8_t name_len;
	uint8_t name[]; /* wire form, lower case */
};

struct dns_block;
struct hull_dns_zones {
	struct dns_node **buckets;
	size_t nr_buckets, nr_nodes;
	struct dns_node *first, *last; /* by `all` */
	struct dns_block *blocks;      /* all memory of nodes, sets and data */
	bool is_finished;
};

/* The node of that name in wire form, or NULL. */
struct dns_node *hull_dns_find(const struct hull_dns_zones *z, const uint8_t *name, size_t len);
/* The same, and its ancestors below and with the origin. NULL: no memory. */
struct dns_node *hull_dns_add_node(struct hull_dns_zones *z, const struct dns_name *name,
				   const struct dns_name *origin);
struct dns_set *hull_dns_find_set(const struct dns_node *n, uint16_t type);
/* One that is there already is not added again (RFC 2181 §5). -ENOMEM. */
struct dns_record_data {
	uint16_t type, len;
	uint32_t ttl;
	const uint8_t *bytes;
};
int hull_dns_add_record(struct hull_dns_zones *z, struct dns_node *n,
			const struct dns_record_data *d);
