/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers to queries: RFC 1034 §4.3.2, with RFC 4592 for wildcards, RFC 2308 for what there is not,
 * RFC 6891 for EDNS, RFC 8482 for ANY.
 *
 * The answer is written straight to where it is sent from. Names are compressed against those that
 * are in it already (RFC 1035 §4.1.4): the places of their labels are remembered, up to a number.
 * What does not fit: answers and referrals are left out as a whole, with TC; addresses of other
 * names' are left out without.
 */
#include <errno.h>
#include <string.h>

#include "dns/zone.h"
#include "lib/compiler.h"

#define PLACES_MAX  48u
#define CHAIN_MAX   8u /* CNAMEs that are followed */
#define EDNS_SIZE   11u
#define BAD_VERSION 16u /* an extended RCODE: RFC 6891 §9 */

enum { TYPE_DS = 43, TYPE_TRANSFER_FIRST = 251, TYPE_TRANSFER_LAST = 254 };

struct query {
	struct dns_header header;
	struct dns_name name; /* lower case */
	uint16_t type, class;
	size_t question_end; /* in its bytes */
	bool has_edns, wants_dnssec;
	uint8_t edns_version;
	uint16_t udp_size;
};

struct answer {
	struct dns_writer w;
	const struct hull_dns_zones *zones;
	uint16_t places[PLACES_MAX]; /* of labels that names begin at */
	unsigned nr_places;
	struct dns_header header;
	unsigned rcode; /* the extended one */
};

/* ---- the query ---- */

/* As it is to be repeated: without pointers. */
static bool read_question(struct dns_reader *r, struct query *q)
{
	size_t at = r->at, n = 0;
	uint8_t c;

	do {
		uint8_t left = at < r->len ? r->bytes[at] : 0xff;

		if (left > 63 || n + 1u + left > DNS_NAME_MAX - (left != 0) || left >= r->len - at)
			return false;
		c = left;
		q->name.bytes[n++] = r->bytes[at++];
		for (; left > 0; left--) {
			uint8_t b = r->bytes[at++];

			q->name.bytes[n++] = b >= 'A' && b <= 'Z' ? b | 0x20 : b;
		}
	} while (c != 0);
	q->name.len = (uint8_t)n;
	if (r->len - at < 4)
		return false;
	q->type = (uint16_t)(r->bytes[at] << 8 | r->bytes[at + 1]);
	q->class = (uint16_t)(r->bytes[at + 2] << 8 | r->bytes[at + 3]);
	r->at = q->question_end = at + 4;
	return true;
}

static bool read_edns(const struct dns_record *o, struct query *q)
{
	if (q->has_edns || o->name.len != 1)
		return false;
	q->has_edns = true;
	q->udp_size = max(o->class, (uint16_t)DNS_UDP_MAX);
	q->edns_version = (uint8_t)(o->ttl >> 16);
	q->wants_dnssec = (o->ttl & 0x8000) != 0;
	return true;
}

static bool read_query(struct dns_reader *r, struct query *q)
{
	struct dns_record o;
	unsigned nr = q->header.nr_answers + q->header.nr_authorities + q->header.nr_additional;

	if (q->header.nr_questions != 1 || !read_question(r, q))
		return false;
	for (; nr > 0; nr--) {
		if (!hull_dns_read_record(r, &o))
			return false;
		if (o.type == DNS_TYPE_OPT && !read_edns(&o, q))
			return false;
	}
	return true;
}

/* ---- names, compressed ---- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static size_t follow(const uint8_t *bytes, size_t at)
{
	while (bytes[at] >= 0xc0)
		at = (size_t)(bytes[at] & 0x3f) << 8 | bytes[at + 1];
	return at;
}

/* Is the name written at `at` that one? Its own pointers go backwards: we wrote them. */
static bool is_written_at(const struct answer *a, size_t at, const uint8_t *name)
{
	const uint8_t *bytes = a->w.bytes;

	for (;;) {
		uint8_t n = *name;

		at = follow(bytes, at);
		if (bytes[at] != n)
			return false;
		if (n == 0)
			return true;
		for (uint8_t i = 1; i <= n; i++)
			if (lower(bytes[at + i]) != name[i])
				return false;
		at += 1u + n;
		name += 1u + n;
	}
}

static void remember(struct answer *a, size_t at)
{
	if (a->nr_places < PLACES_MAX && at < 0x4000)
		a->places[a->nr_places++] = (uint16_t)at;
}

static void write_name(struct answer *a, const uint8_t *name)
{
	while (*name != 0 && !a->w.is_full) {
		for (unsigned i = 0; i < a->nr_places; i++)
			if (is_written_at(a, a->places[i], name)) {
				hull_dns_write_u16(&a->w, (uint16_t)(0xc000 | a->places[i]));
				return;
			}
		hull_dns_write_bytes(&a->w, name, 1u + *name);
		/* It can be compared with when it is whole; a partial one is never looked at. */
		name += 1u + *name;
	}
	hull_dns_write_bytes(&a->w, name, 1);
}

/* The labels of the name at `at`, which is whole now. */
static void remember_name(struct answer *a, size_t at)
{
	const uint8_t *bytes = a->w.bytes;

	while (!a->w.is_full && bytes[at] != 0 && bytes[at] < 0xc0) {
		remember(a, at);
		at += 1u + bytes[at];
	}
}

static void put_name(struct answer *a, const uint8_t *name)
{
	size_t at = a->w.len;

	write_name(a, name);
	remember_name(a, at);
}

/* ---- records ---- */

static size_t name_len(const uint8_t *name)
{
	size_t n = 0;

	while (name[n] != 0)
		n += 1u + name[n];
	return n + 1;
}

/* Names in RDATA that may be compressed: those of RFC 1035 (RFC 3597 §4). */
static void put_data(struct answer *a, uint16_t type, const struct dns_data *d)
{
	size_t len_at = a->w.len, skip = type == DNS_TYPE_MX ? 2 : 0, at = 0;
	unsigned nr_names = type == DNS_TYPE_SOA ? 2
			    : type == DNS_TYPE_NS || type == DNS_TYPE_CNAME ||
					    type == DNS_TYPE_PTR || type == DNS_TYPE_MX
				    ? 1
				    : 0;

	hull_dns_write_u16(&a->w, d->len);
	hull_dns_write_bytes(&a->w, d->bytes, skip);
	for (at = skip; nr_names > 0; nr_names--) {
		put_name(a, d->bytes + at);
		at += name_len(d->bytes + at);
	}
	hull_dns_write_bytes(&a->w, d->bytes + at, d->len - at);
	if (!a->w.is_full) {
		size_t len = a->w.len - len_at - 2;

		a->w.bytes[len_at] = (uint8_t)(len >> 8);
		a->w.bytes[len_at + 1] = (uint8_t)len;
	}
}

/* All records of a set, or none of them. */
static bool put_set(struct answer *a, const uint8_t *owner, const struct dns_set *s, uint32_t ttl,
		    uint16_t *count)
{
	size_t before = a->w.len;
	unsigned places = a->nr_places;

	for (const struct dns_data *d = s->first; d != NULL; d = d->next) {
		put_name(a, owner);
		hull_dns_write_u16(&a->w, s->type);
		hull_dns_write_u16(&a->w, DNS_CLASS_IN);
		hull_dns_write_u32(&a->w, ttl);
		put_data(a, s->type, d);
	}
	if (a->w.is_full) {
		a->w.len = before;
		a->w.is_full = false;
		a->nr_places = places;
		return false;
	}
	*count = (uint16_t)(*count + s->nr);
	return true;
}

/* ---- what is in the answer ---- */

/* The negative answer's: RFC 2308 §3: for as long as its own TTL and its last field say. */
static bool put_soa(struct answer *a, const struct dns_node *apex)
{
	const struct dns_set *soa = hull_dns_find_set(apex, DNS_TYPE_SOA);
	const uint8_t *end = soa->first->bytes + soa->first->len;
	uint32_t least = (uint32_t)end[-4] << 24 | (uint32_t)end[-3] << 16 |
			 (uint32_t)end[-2] << 8 | end[-1];

	return put_set(a, apex->name, soa, min(soa->ttl, least), &a->header.nr_authorities);
}

static const uint8_t *target_of(uint16_t type, const struct dns_data *d)
{
	switch (type) {
	case DNS_TYPE_NS:
		return d->bytes;
	case DNS_TYPE_MX:
		return d->bytes + 2;
	case DNS_TYPE_SRV:
		return d->bytes + 6;
	default:
		return NULL;
	}
}

/* Addresses of the names that a set points to, as far as they are known here. False: some did not
 * fit. */
static bool put_addresses(struct answer *a, const struct dns_set *s)
{
	static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	bool fit = true;

	for (const struct dns_data *d = s->first; d != NULL; d = d->next) {
		const uint8_t *name = target_of(s->type, d);
		const struct dns_node *n = name == NULL
						   ? NULL
						   : hull_dns_find(a->zones, name, name_len(name));

		for (unsigned i = 0; n != NULL && i < 2; i++) {
			const struct dns_set *x = hull_dns_find_set(n, types[i]);

			if (x != NULL)
				fit &= put_set(a, n->name, x, x->ttl, &a->header.nr_additional);
		}
	}
	return fit;
}

/* RFC 1034 §4.3.2 3b; glue that does not fit is said: RFC 9471 §3. */
static bool put_referral(struct answer *a, const struct dns_node *cut)
{
	const struct dns_set *ns = hull_dns_find_set(cut, DNS_TYPE_NS);

	return put_set(a, cut->name, ns, ns->ttl, &a->header.nr_authorities) &&
	       put_addresses(a, ns);
}

enum found { FOUND, NOTHING, NO_NAME, REFERRAL, ELSEWHERE };

/* The node whose records a name has, or what else there is of it: then *out is whose it is. */
static enum found look_up(const struct hull_dns_zones *z, const struct dns_name *name,
			  uint16_t type, const struct dns_node **out)
{
	const struct dns_node *n = NULL;
	size_t at = 0;

	for (;; at += 1u + name->bytes[at]) {
		n = hull_dns_find(z, name->bytes + at, name->len - at);
		if (n != NULL || name->bytes[at] == 0)
			break;
	}
	*out = n;
	if (n == NULL)
		return ELSEWHERE;
	if (n->cut != NULL && !(type == TYPE_DS && at == 0 && n->cut == n)) {
		*out = n->cut;
		return REFERRAL;
	}
	if (at == 0)
		return FOUND;
	if (n->wildcard == NULL)
		return NO_NAME;
	*out = n->wildcard;
	return FOUND;
}

/* One name's answer. *next: the name that is to be looked up then, or NULL. False: TC. */
static bool answer_name(struct answer *a, const struct dns_name *name, uint16_t type,
			const uint8_t **next)
{
	const struct dns_node *n;
	const struct dns_set *s;
	enum found found = look_up(a->zones, name, type, &n);
	bool is_first = a->header.nr_answers == 0;

	*next = NULL;
	if (found == ELSEWHERE) {
		if (is_first)
			a->rcode = DNS_RCODE_REFUSED;
		return true;
	}
	if (found == REFERRAL)
		return put_referral(a, n);
	a->header.flags |= DNS_AUTHORITATIVE;
	if (found == NO_NAME) {
		a->rcode = DNS_RCODE_NO_NAME;
		return put_soa(a, n->apex);
	}
	s = type == DNS_TYPE_ANY ? n->sets : hull_dns_find_set(n, type);
	if (s != NULL) {
		if (!put_set(a, name->bytes, s, s->ttl, &a->header.nr_answers))
			return false;
		(void)put_addresses(a, s);
		return true;
	}
	s = hull_dns_find_set(n, DNS_TYPE_CNAME);
	if (s == NULL)
		return put_soa(a, n->apex);
	*next = s->first->bytes;
	return put_set(a, name->bytes, s, s->ttl, &a->header.nr_answers);
}

static void answer_query(struct answer *a, const struct query *q)
{
	struct dns_name name = q->name;
	size_t question = a->w.len;
	const uint8_t *next;

	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		if (!answer_name(a, &name, q->type, &next)) {
			a->header.flags |= DNS_TRUNCATED;
			a->header.nr_answers = 0;
			a->header.nr_authorities = a->header.nr_additional = 0;
			a->w.len = question;
			return;
		}
		if (next == NULL)
			return;
		name.len = (uint8_t)name_len(next);
		memcpy(name.bytes, next, name.len);
	}
}

/* ---- the message ---- */

static void write_edns(struct answer *a, const struct query *q)
{
	const uint8_t opt[EDNS_SIZE] = {
		[2] = DNS_TYPE_OPT,
		[3] = DNS_EDNS_MAX >> 8,
		[4] = DNS_EDNS_MAX & 0xff,
		[5] = (uint8_t)(a->rcode >> 4),
		[7] = q->wants_dnssec ? 0x80 : 0, /* as it was asked: RFC 3225 §3 */
	};

	a->w.room += EDNS_SIZE;
	hull_dns_write_bytes(&a->w, opt, sizeof(opt));
	a->header.nr_additional++;
}

static size_t finish(struct answer *a)
{
	struct dns_writer head = { a->w.bytes, DNS_HEADER, 0, false };

	a->header.flags = (uint16_t)(a->header.flags | (a->rcode & DNS_RCODE));
	hull_dns_write_header(&head, &a->header);
	return a->w.len;
}

static void answer_question(struct answer *a, const struct query *q, const uint8_t *query)
{
	a->header.nr_questions = 1;
	hull_dns_write_bytes(&a->w, query + DNS_HEADER, q->question_end - DNS_HEADER);
	remember_name(a, DNS_HEADER);
	if (q->edns_version > 0)
		a->rcode = BAD_VERSION;
	else if (q->class != DNS_CLASS_IN && q->class != DNS_CLASS_ANY)
		a->rcode = DNS_RCODE_REFUSED;
	else if (q->type >= TYPE_TRANSFER_FIRST && q->type <= TYPE_TRANSFER_LAST)
		a->rcode = DNS_RCODE_REFUSED;
	else
		answer_query(a, q);
}

/* Bytes of a message that the asker takes. */
static size_t limit_of(const struct query *q, size_t room, bool by_tcp)
{
	size_t most = by_tcp         ? UINT16_MAX
		      : !q->has_edns ? DNS_UDP_MAX
				     : min((size_t)q->udp_size, (size_t)DNS_EDNS_MAX);

	return min(room, most) - (q->has_edns ? EDNS_SIZE : 0);
}

size_t hull_dns_answer(const struct hull_dns_zones *z, const struct hull_dns_query *query, void *to,
		       size_t room)
{
	struct dns_reader r = { query->data, query->len, 0 };
	struct query q = { .has_edns = false };
	struct answer a = { .zones = z };

	if (!hull_dns_read_header(&r, &q.header) || (q.header.flags & DNS_ANSWER) != 0)
		return 0;
	a.header.id = q.header.id;
	a.header.flags = DNS_ANSWER | (q.header.flags & (DNS_OPCODE | DNS_RECURSION_DESIRED));
	a.w = (struct dns_writer){ to, DNS_UDP_MAX, DNS_HEADER, false };
	if ((q.header.flags & DNS_OPCODE) != 0) {
		a.rcode = DNS_RCODE_NOT_IMPLEMENTED;
		return finish(&a);
	}
	if (!read_query(&r, &q)) {
		a.rcode = DNS_RCODE_FORMAT;
		return finish(&a);
	}
	a.w.room = limit_of(&q, room, query->by_tcp);
	answer_question(&a, &q, query->data);
	if (q.has_edns)
		write_edns(&a, &q);
	return finish(&a);
}
