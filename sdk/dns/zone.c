/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of names. zone.h has the theory. */
#include "dns/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/compiler.h"

#define BLOCK_SIZE    16384u
#define BUCKETS_FIRST 64u

struct dns_block {
	struct dns_block *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

struct hull_dns_zones *hull_dns_zones_new(void)
{
	struct hull_dns_zones *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return NULL;
	z->buckets = calloc(BUCKETS_FIRST, sizeof(z->buckets[0]));
	z->nr_buckets = BUCKETS_FIRST;
	if (z->buckets == NULL) {
		free(z);
		return NULL;
	}
	return z;
}

void hull_dns_zones_free(struct hull_dns_zones *z)
{
	struct dns_block *b;

	if (z == NULL)
		return;
	while ((b = z->blocks) != NULL) {
		z->blocks = b->next;
		free(b);
	}
	free(z->buckets);
	free(z);
}

/* Zeroed; freed with the zones. */
static void *take(struct hull_dns_zones *z, size_t size)
{
	struct dns_block *b = z->blocks;
	size_t room;
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (b == NULL || b->size - b->used < size) {
		room = max(size, (size_t)BLOCK_SIZE - sizeof(*b));
		b = calloc(1, sizeof(*b) + room);
		if (b == NULL)
			return NULL;
		b->size = room;
		b->next = z->blocks;
		z->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += size;
	return p;
}

/* ---- nodes ---- */

/* FNV-1a. The names are the program's own, not a stranger's choice. */
static uint32_t hash_of(const uint8_t *name, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ name[i]) * 16777619u;
	return h;
}

struct dns_node *hull_dns_find(const struct hull_dns_zones *z, const uint8_t *name, size_t len)
{
	uint32_t hash = hash_of(name, len);
	struct dns_node *n;

	for (n = z->buckets[hash & (z->nr_buckets - 1)]; n != NULL; n = n->next)
		if (n->hash == hash && n->name_len == len && memcmp(n->name, name, len) == 0)
			return n;
	return NULL;
}

static void put_in_bucket(struct hull_dns_zones *z, struct dns_node *n)
{
	struct dns_node **bucket = &z->buckets[n->hash & (z->nr_buckets - 1)];

	n->next = *bucket;
	*bucket = n;
}

static int grow(struct hull_dns_zones *z)
{
	struct dns_node **more = calloc(z->nr_buckets * 2, sizeof(more[0])), *n;

	if (more == NULL)
		return -ENOMEM;
	free(z->buckets);
	z->buckets = more;
	z->nr_buckets *= 2;
	for (n = z->first; n != NULL; n = n->all)
		put_in_bucket(z, n);
	return 0;
}

static struct dns_node *add_one(struct hull_dns_zones *z, const uint8_t *name, size_t len)
{
	struct dns_node *n = hull_dns_find(z, name, len);

	if (n != NULL)
		return n;
	if (z->nr_nodes >= z->nr_buckets && grow(z) != 0)
		return NULL;
	n = take(z, sizeof(*n) + len);
	if (n == NULL)
		return NULL;
	n->hash = hash_of(name, len);
	n->name_len = (uint8_t)len;
	memcpy(n->name, name, len);
	put_in_bucket(z, n);
	if (z->last != NULL)
		z->last->all = n;
	else
		z->first = n;
	z->last = n;
	z->nr_nodes++;
	return n;
}

struct dns_node *hull_dns_add_node(struct hull_dns_zones *z, const struct dns_name *name,
				   const struct dns_name *origin)
{
	struct dns_node *n = add_one(z, name->bytes, name->len), *up = n;

	for (size_t at = 0; up != NULL && name->len - at > origin->len; at += 1u + name->bytes[at])
		up = add_one(z, name->bytes + at, name->len - at);
	return up == NULL ? NULL : n;
}

/* ---- sets ---- */

struct dns_set *hull_dns_find_set(const struct dns_node *n, uint16_t type)
{
	struct dns_set *s = n->sets;

	while (s != NULL && s->type != type)
		s = s->next;
	return s;
}

static struct dns_set *add_set(struct hull_dns_zones *z, struct dns_node *n, uint16_t type)
{
	struct dns_set *s = hull_dns_find_set(n, type), **end = &n->sets;

	if (s != NULL)
		return s;
	s = take(z, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->type = type;
	s->ttl = UINT32_MAX;
	while (*end != NULL)
		end = &(*end)->next;
	*end = s;
	return s;
}

int hull_dns_add_record(struct hull_dns_zones *z, struct dns_node *n,
			const struct dns_record_data *d)
{
	struct dns_set *s = add_set(z, n, d->type);
	struct dns_data *data;

	if (s == NULL)
		return -ENOMEM;
	s->ttl = min(s->ttl, d->ttl); /* they are one: RFC 2181 §5.2 */
	for (data = s->first; data != NULL; data = data->next)
		if (data->len == d->len && memcmp(data->bytes, d->bytes, d->len) == 0)
			return 0;
	data = take(z, sizeof(*data) + d->len);
	if (data == NULL)
		return -ENOMEM;
	data->len = d->len;
	memcpy(data->bytes, d->bytes, d->len);
	if (s->last != NULL)
		s->last->next = data;
	else
		s->first = data;
	s->last = data;
	s->nr++;
	return 0;
}

/* ---- when all are loaded ---- */

static bool is_apex(const struct dns_node *n)
{
	return hull_dns_find_set(n, DNS_TYPE_SOA) != NULL;
}

/* Its zone, and the topmost delegation between. */
static void find_place(const struct hull_dns_zones *z, struct dns_node *n)
{
	struct dns_node *up = n;

	n->apex = n->cut = NULL;
	for (size_t at = 0; n->apex == NULL; at += 1u + n->name[at]) {
		up = hull_dns_find(z, n->name + at, n->name_len - at);
		if (up != NULL && is_apex(up))
			n->apex = up;
		else if (up != NULL && hull_dns_find_set(up, DNS_TYPE_NS) != NULL)
			n->cut = up;
		if (n->name[at] == 0)
			break;
	}
}

static const char *complaint(const struct dns_node *n)
{
	const struct dns_set *cname = hull_dns_find_set(n, DNS_TYPE_CNAME);

	if (n->apex == NULL)
		return "the zone has no SOA record";
	if (n->apex == n && hull_dns_find_set(n, DNS_TYPE_NS) == NULL)
		return "the zone has no NS record at its apex";
	if (n->apex == n && hull_dns_find_set(n, DNS_TYPE_SOA)->nr > 1)
		return "the zone has two SOA records";
	if (cname != NULL && (cname->nr > 1 || n->sets != cname || cname->next != NULL))
		return "a name with CNAME has another record";
	return NULL;
}

static void find_wildcard(const struct hull_dns_zones *z, struct dns_node *n)
{
	struct dns_node *above;

	if (n->name_len < 3 || n->name[0] != 1 || n->name[1] != '*')
		return;
	above = hull_dns_find(z, n->name + 2, n->name_len - 2u);
	if (above != NULL)
		above->wildcard = n;
}

int hull_dns_finish(struct hull_dns_zones *z, struct hull_dns_error *error)
{
	struct dns_node *n;

	for (n = z->first; n != NULL; n = n->all) {
		find_place(z, n);
		find_wildcard(z, n);
	}
	for (n = z->first; n != NULL; n = n->all) {
		*error = (struct hull_dns_error){ 0, complaint(n) };
		if (error->text != NULL)
			return -EINVAL;
	}
	*error = (struct hull_dns_error){ 0, "there is no zone" };
	z->is_finished = z->first != NULL;
	return z->is_finished ? 0 : -EINVAL;
}
