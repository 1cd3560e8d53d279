/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Master files (RFC 1035 §5, RFC 2308 §4 for $TTL, RFC 3597 §5 for other types). An entry is read
 * as words, over line ends within parentheses, and then as a whole. Numbers of time may be written
 * as 1h30m, as BIND has it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/zone.h"

#define WORDS_MAX 300u   /* of an entry */
#define DATA_MAX  65535u /* bytes of RDATA; a constant of the protocol */
#define TTL_MAX   0x7fffffffu

struct word {
	const char *at;
	size_t len;
	bool is_quoted;
};

struct file {
	struct hull_dns_zones *zones;
	const char *at, *end;
	unsigned line;
	struct dns_name origin, zone; /* $ORIGIN; what all names are in */
	struct dns_name owner;        /* len 0: none yet */
	uint32_t ttl;
	bool has_ttl;
	/* The entry at hand. */
	struct word words[WORDS_MAX];
	unsigned nr_words;
	bool begins_blank;   /* the owner is the last one's */
	unsigned entry_line; /* where it begins */
	const char *error;
	uint8_t data[DATA_MAX];
	size_t data_len;
};

static bool fail(struct file *f, const char *error)
{
	if (f->error == NULL)
		f->error = error;
	return false;
}

/* ---- words ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool take_quoted(struct file *f)
{
	struct word *w = &f->words[f->nr_words++];

	w->at = ++f->at;
	w->is_quoted = true;
	while (f->at < f->end && *f->at != '"' && *f->at != '\n')
		f->at += *f->at == '\\' && f->end - f->at > 1 ? 2 : 1;
	if (f->at >= f->end || *f->at != '"')
		return fail(f, "a quoted string has no end on its line");
	w->len = (size_t)(f->at++ - w->at);
	return true;
}

static void take_plain(struct file *f)
{
	struct word *w = &f->words[f->nr_words++];

	w->at = f->at;
	w->is_quoted = false;
	while (f->at < f->end && !is_space(*f->at) && memchr("\n;()\"", *f->at, 5) == NULL)
		f->at += *f->at == '\\' && f->end - f->at > 1 && f->at[1] != '\n' ? 2 : 1;
	w->len = (size_t)(f->at - w->at);
}

/* What is between words. False: the entry's end. */
static bool skip_to_word(struct file *f, unsigned *depth)
{
	while (f->at < f->end) {
		char c = *f->at;

		if (c == ';') {
			while (f->at < f->end && *f->at != '\n')
				f->at++;
			continue;
		}
		if (c == '\n' && *depth == 0)
			return false;
		if (c != '\n' && c != '(' && c != ')' && !is_space(c))
			return true;
		f->line += c == '\n';
		if (c == ')' && *depth == 0)
			return fail(f, "a parenthesis is closed that was not opened");
		*depth += c == '(';
		*depth -= c == ')';
		f->at++;
	}
	return *depth == 0 ? false : fail(f, "a parenthesis is not closed");
}

/* The next entry's words; none: an empty line. False: it is wrong. */
static bool read_words(struct file *f)
{
	unsigned depth = 0;

	f->nr_words = 0;
	f->entry_line = f->line;
	f->begins_blank = is_space(*f->at);
	while (skip_to_word(f, &depth)) {
		if (f->nr_words == WORDS_MAX)
			return fail(f, "a record has too many words");
		if (*f->at != '"')
			take_plain(f);
		else if (!take_quoted(f))
			return false;
	}
	if (f->at < f->end && *f->at == '\n') {
		f->at++;
		f->line++;
	}
	return f->error == NULL;
}

static bool is_word(const struct word *w, const char *text)
{
	return !w->is_quoted && strlen(text) == w->len && strncasecmp(w->at, text, w->len) == 0;
}

/* ---- numbers and names ---- */

static bool read_number(const struct word *w, uint64_t most, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->len; i++) {
		if (w->at[i] < '0' || w->at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(w->at[i] - '0');
		if (n > most)
			return false;
	}
	*out = n;
	return w->len > 0;
}

static uint32_t unit(char c)
{
	switch (c | 0x20) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 604800;
	default:
		return 0;
	}
}

/* 3600, 1h, 1h30m. */
static bool read_time(const struct word *w, uint32_t *out)
{
	uint64_t total = 0, n = 0;
	bool has_digit = false;

	for (size_t i = 0; i < w->len; i++) {
		char c = w->at[i];

		if (c >= '0' && c <= '9') {
			n = n * 10 + (uint64_t)(c - '0');
			has_digit = true;
		} else if (has_digit && unit(c) != 0) {
			total += n * unit(c);
			n = 0;
			has_digit = false;
		} else {
			return false;
		}
		if (n > TTL_MAX || total > TTL_MAX)
			return false;
	}
	total += n;
	*out = (uint32_t)total;
	return w->len > 0 && total <= TTL_MAX;
}

/* A character with its backslash: RFC 1035 §5.1. How many bytes of text it took; 0: wrong. */
static size_t read_character(const char *s, size_t len, uint8_t *out)
{
	unsigned n = 0;

	*out = (uint8_t)*s;
	if (*s != '\\')
		return 1;
	if (len < 2)
		return 0;
	*out = (uint8_t)s[1];
	if (s[1] < '0' || s[1] > '9')
		return 2;
	if (len < 4)
		return 0;
	for (unsigned i = 1; i < 4; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		n = n * 10 + (unsigned)(s[i] - '0');
	}
	*out = (uint8_t)n;
	return n > 255 ? 0 : 4;
}

static bool append_origin(const struct file *f, size_t len, struct dns_name *out)
{
	if (len + f->origin.len > DNS_NAME_MAX)
		return false;
	memcpy(out->bytes + len, f->origin.bytes, f->origin.len);
	out->len = (uint8_t)(len + f->origin.len);
	return true;
}

/* One label and its dot, if there is one. How much of the text it took; 0: wrong. */
static size_t read_label(const char *s, size_t len, struct dns_name *out, size_t *to, bool *dot)
{
	size_t at = 0, n = 0, step;
	uint8_t c;

	*dot = false;
	while (at < len && s[at] != '.') {
		step = read_character(s + at, len - at, &c);
		if (step == 0 || n == 63 || *to + 1 + n + 1 >= DNS_NAME_MAX)
			return 0;
		at += step;
		out->bytes[*to + 1 + n++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	*dot = at < len;
	out->bytes[*to] = (uint8_t)n;
	*to += 1 + n;
	return n == 0 ? 0 : at + *dot;
}

static bool read_name(struct file *f, const struct word *w, struct dns_name *out)
{
	size_t at = 0, to = 0, step;
	bool dot = false;

	if (is_word(w, "@"))
		return append_origin(f, 0, out);
	if (is_word(w, ".")) {
		*out = (struct dns_name){ .len = 1 };
		return true;
	}
	while (at < w->len) {
		step = read_label(w->at + at, w->len - at, out, &to, &dot);
		if (step == 0)
			return fail(f, "a name is wrong, or too long");
		at += step;
	}
	if (w->len == 0)
		return fail(f, "a name is empty");
	if (!dot)
		return append_origin(f, to, out) || fail(f, "a name is too long");
	out->bytes[to] = 0;
	out->len = (uint8_t)(to + 1);
	return true;
}

/* ---- RDATA ---- */

static bool put(struct file *f, const void *bytes, size_t len)
{
	if (len > DATA_MAX - f->data_len)
		return fail(f, "a record is too long");
	memcpy(f->data + f->data_len, bytes, len);
	f->data_len += len;
	return true;
}

static bool put_number(struct file *f, const struct word *w, unsigned nr_bytes)
{
	uint8_t bytes[4];
	uint64_t n;

	if (!read_number(w, (1ull << (8 * nr_bytes)) - 1, &n))
		return fail(f, "a number is wrong, or too large");
	for (unsigned i = 0; i < nr_bytes; i++)
		bytes[i] = (uint8_t)(n >> (8 * (nr_bytes - 1 - i)));
	return put(f, bytes, nr_bytes);
}

static bool put_time(struct file *f, const struct word *w)
{
	uint32_t n;
	uint8_t bytes[4];

	if (!read_time(w, &n))
		return fail(f, "a time is wrong");
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(n >> (24 - 8 * i));
	return put(f, bytes, 4);
}

static bool put_name(struct file *f, const struct word *w)
{
	struct dns_name n;

	return read_name(f, w, &n) && put(f, n.bytes, n.len);
}

static bool put_address(struct file *f, const struct word *w, int family)
{
	char text[64];
	uint8_t ip[16];

	if (w->len >= sizeof(text))
		return fail(f, "an address is wrong");
	memcpy(text, w->at, w->len);
	text[w->len] = '\0';
	if (inet_pton(family, text, ip) != 1)
		return fail(f, "an address is wrong");
	return put(f, ip, family == AF_INET ? 4 : 16);
}

static bool put_string(struct file *f, const struct word *w)
{
	uint8_t text[256];
	size_t at = 0, n = 0, step;

	while (at < w->len) {
		step = n == 255 ? 0 : read_character(w->at + at, w->len - at, &text[1 + n]);
		if (step == 0)
			return fail(f, "a string is wrong, or longer than 255 bytes");
		at += step;
		n++;
	}
	text[0] = (uint8_t)n;
	return put(f, text, n + 1);
}

/* One letter a word: n name, a A, 6 AAAA, 1, 2 and 4 bytes, t time; S: strings to the end. */
static const struct type {
	const char *name;
	uint16_t type;
	const char *words;
} types[] = {
	{ "A", DNS_TYPE_A, "a" },           { "AAAA", DNS_TYPE_AAAA, "6" },
	{ "CNAME", DNS_TYPE_CNAME, "n" },   { "MX", DNS_TYPE_MX, "2n" },
	{ "NS", DNS_TYPE_NS, "n" },         { "PTR", DNS_TYPE_PTR, "n" },
	{ "SOA", DNS_TYPE_SOA, "nn4tttt" }, { "SRV", DNS_TYPE_SRV, "222n" },
	{ "TXT", DNS_TYPE_TXT, "S" },
};

static bool put_word(struct file *f, const struct word *w, char kind)
{
	switch (kind) {
	case 'n':
		return put_name(f, w);
	case 'a':
		return put_address(f, w, AF_INET);
	case '6':
		return put_address(f, w, AF_INET6);
	case 't':
		return put_time(f, w);
	case 'S':
		return put_string(f, w);
	default:
		return put_number(f, w, (unsigned)(kind - '0'));
	}
}

static bool put_words(struct file *f, unsigned first, const char *kinds)
{
	unsigned i = first;

	f->data_len = 0;
	for (; *kinds != '\0'; i++) {
		if (i >= f->nr_words)
			return i > first && *kinds == 'S'
				       ? true
				       : fail(f, "a record's data is incomplete");
		if (!put_word(f, &f->words[i], *kinds))
			return false;
		kinds += *kinds != 'S';
	}
	return i == f->nr_words || fail(f, "a record has more data than its type");
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \# LENGTH HEX...: RFC 3597 §5. */
static bool put_generic(struct file *f, unsigned first)
{
	uint64_t len;
	int high = -1, digit;

	f->data_len = 0;
	if (first + 2 > f->nr_words || !is_word(&f->words[first], "\\#") ||
	    !read_number(&f->words[first + 1], DATA_MAX, &len))
		return fail(f, "the data of such a type is written \\# LENGTH HEX");
	for (unsigned i = first + 2; i < f->nr_words; i++) {
		for (size_t k = 0; k < f->words[i].len; k++) {
			digit = hex_digit(f->words[i].at[k]);
			if (digit < 0)
				return fail(f, "hexadecimal data is wrong");
			if (high >= 0 && !put(f, &(uint8_t){ (uint8_t)(high << 4 | digit) }, 1))
				return false;
			high = high >= 0 ? -1 : digit;
		}
	}
	return (high < 0 && f->data_len == len) || fail(f, "the data is not as long as it says");
}

/* TYPE257; not one that has a name here, for its data must be what we think. */
static bool read_type_number(const struct word *w, uint16_t *type)
{
	struct word digits = { w->at + 4, w->len - 4, false };
	uint64_t n;

	if (w->is_quoted || w->len < 5 || strncasecmp(w->at, "TYPE", 4) != 0 ||
	    !read_number(&digits, UINT16_MAX, &n))
		return false;
	*type = (uint16_t)n;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == n)
			return false;
	/* No records are of these: OPT, and what is asked for only. */
	return n != 0 && n != DNS_TYPE_OPT && !(n >= 128 && n <= 255);
}

static bool read_data(struct file *f, unsigned first, uint16_t *type)
{
	const struct word *w = &f->words[first];

	if (first >= f->nr_words)
		return fail(f, "a record has no type");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_word(w, types[i].name)) {
			*type = types[i].type;
			return put_words(f, first + 1, types[i].words);
		}
	if (!read_type_number(w, type))
		return fail(f, "this type of record is not known");
	return put_generic(f, first + 1);
}

/* ---- entries ---- */

static bool is_in_zone(const struct file *f, const struct dns_name *n)
{
	size_t at = 0;

	while (n->len - at > f->zone.len)
		at += 1u + n->bytes[at];
	return n->len - at == f->zone.len && memcmp(n->bytes + at, f->zone.bytes, f->zone.len) == 0;
}

static bool add(struct file *f, uint16_t type, uint32_t ttl)
{
	struct dns_node *n;
	struct dns_record_data d = { type, (uint16_t)f->data_len, ttl, f->data };

	if (!is_in_zone(f, &f->owner))
		return fail(f, "a name is not in the zone");
	if (type == DNS_TYPE_SOA && (f->owner.len != f->zone.len))
		return fail(f, "SOA belongs to the zone's own name");
	n = hull_dns_add_node(f->zones, &f->owner, &f->zone);
	if (n == NULL || hull_dns_add_record(f->zones, n, &d) != 0)
		return fail(f, "");
	return true;
}

/* [TTL] [class] in either order: RFC 1035 §5.1. */
static bool read_record(struct file *f)
{
	unsigned i = 0;
	uint32_t ttl = f->ttl;
	bool has_ttl = f->has_ttl, has_class = false, has_own = false;
	uint16_t type;

	if (!f->begins_blank && !read_name(f, &f->words[i++], &f->owner))
		return false;
	if (f->owner.len == 0)
		return fail(f, "the first record has no name");
	for (; i < f->nr_words; i++) {
		if (!has_class && is_word(&f->words[i], "IN"))
			has_class = true;
		else if (!has_own && read_time(&f->words[i], &ttl))
			has_ttl = has_own = true;
		else
			break;
	}
	if (!read_data(f, i, &type))
		return false;
	if (!has_ttl && type == DNS_TYPE_SOA) {
		ttl = (uint32_t)f->data[f->data_len - 4] << 24 |
		      (uint32_t)f->data[f->data_len - 3] << 16 |
		      (uint32_t)f->data[f->data_len - 2] << 8 | f->data[f->data_len - 1];
		has_ttl = true;
	}
	if (!has_ttl)
		return fail(f, "a record has no TTL, and there is no $TTL");
	if (!f->has_ttl) { /* the last one's holds on: RFC 1035 §5.1 */
		f->ttl = ttl;
		f->has_ttl = true;
	}
	return add(f, type, ttl);
}

static bool read_entry(struct file *f)
{
	const struct word *w = f->words;

	if (f->begins_blank || *w[0].at != '$' || w[0].is_quoted)
		return read_record(f);
	if (is_word(&w[0], "$ORIGIN") && f->nr_words == 2) {
		struct dns_name origin; /* the last one counts while it is read */

		if (!read_name(f, &w[1], &origin))
			return false;
		f->origin = origin;
		return true;
	}
	if (is_word(&w[0], "$TTL") && f->nr_words == 2) {
		f->has_ttl = read_time(&w[1], &f->ttl);
		return f->has_ttl || fail(f, "a time is wrong");
	}
	return fail(f, "only $ORIGIN NAME and $TTL TIME are known");
}

static bool read_file(struct file *f)
{
	while (f->at < f->end)
		if (!read_words(f) || (f->nr_words > 0 && !read_entry(f)))
			return false;
	return true;
}

int hull_dns_load(struct hull_dns_zones *z, const char *origin, const char *text, size_t len,
		  struct hull_dns_error *error)
{
	struct file *f = calloc(1, sizeof(*f));
	int err = 0;

	if (f == NULL)
		return -ENOMEM;
	f->zones = z;
	f->at = text;
	f->end = text + len;
	f->line = 1;
	if (hull_dns_name_parse(origin, &f->zone) != 0) {
		*error = (struct hull_dns_error){ 0, "the zone's name is none" };
		free(f);
		return -EINVAL;
	}
	f->origin = f->zone;
	if (!read_file(f)) {
		*error = (struct hull_dns_error){ f->entry_line, f->error };
		err = *f->error == '\0' ? -ENOMEM : -EINVAL;
	}
	free(f);
	return err;
}
