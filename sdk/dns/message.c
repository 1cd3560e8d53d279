/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS messages, read and written. message.h has the theory. */
#include "dns/message.h"

#include <errno.h>
#include <string.h>

#define LABEL_MAX 63u
#define POINTER   0xc0u /* RFC 1035 §4.1.4 */

/* ---- names ---- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

int hull_dns_name_parse(const char *text, struct dns_name *out)
{
	size_t len = 0;

	if (strcmp(text, ".") == 0)
		text = "";
	else if (*text == '\0')
		return -EINVAL;
	while (*text != '\0') {
		size_t n = strcspn(text, ".");

		if (n == 0 || n > LABEL_MAX || len + 1 + n + 1 > DNS_NAME_MAX)
			return -EINVAL;
		out->bytes[len++] = (uint8_t)n;
		for (size_t i = 0; i < n; i++)
			out->bytes[len++] = lower((uint8_t)text[i]);
		text += n + (text[n] == '.');
	}
	out->bytes[len++] = 0;
	out->len = (uint8_t)len;
	return 0;
}

/* \DDD (RFC 1035 §5.1). */
static char *add_escape(char *to, uint8_t c)
{
	*to++ = '\\';
	*to++ = (char)('0' + c / 100);
	*to++ = (char)('0' + c / 10 % 10);
	*to++ = (char)('0' + c % 10);
	return to;
}

char *hull_dns_name_text(const struct dns_name *n, char text[DNS_TEXT_MAX])
{
	char *to = text;

	for (size_t at = 0; n->bytes[at] != 0; at += 1 + n->bytes[at]) {
		if (at > 0)
			*to++ = '.';
		for (size_t i = 1; i <= n->bytes[at]; i++) {
			uint8_t c = n->bytes[at + i];

			if (c > ' ' && c < 0x7f && c != '.' && c != '\\')
				*to++ = (char)c;
			else
				to = add_escape(to, c);
		}
	}
	if (to == text)
		*to++ = '.';
	*to = '\0';
	return text;
}

bool hull_dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* ---- reading ---- */

static bool has(const struct dns_reader *r, size_t n)
{
	return r->at <= r->len && n <= r->len - r->at;
}

static uint16_t take_u16(struct dns_reader *r)
{
	uint16_t x = (uint16_t)(r->bytes[r->at] << 8 | r->bytes[r->at + 1]);

	r->at += 2;
	return x;
}

/* One label or pointer at *at: 1: a label was added; 0: the end; -1: it is not sound. Pointers go
 * to before *first, which becomes where they go. */
static int read_label(const struct dns_reader *r, size_t *at, size_t *first, struct dns_name *out)
{
	uint8_t n;
	size_t to;

	if (*at >= r->len)
		return -1;
	n = r->bytes[*at];
	if ((n & POINTER) == POINTER) {
		if (*at + 1 >= r->len)
			return -1;
		to = (size_t)(n & 0x3fu) << 8 | r->bytes[*at + 1];
		if (to >= *first)
			return -1;
		*first = *at = to;
		return 1;
	}
	if (n > LABEL_MAX || n >= r->len - *at || out->len + 1u + n > DNS_NAME_MAX - (n != 0))
		return -1;
	out->bytes[out->len++] = n;
	for (uint8_t i = 0; i < n; i++)
		out->bytes[out->len++] = lower(r->bytes[*at + 1 + i]);
	*at += 1u + n;
	return n != 0;
}

bool hull_dns_read_name(struct dns_reader *r, struct dns_name *out)
{
	size_t at = r->at, first = r->at, end = 0;
	int more = 1;

	out->len = 0;
	while (more > 0) {
		bool is_pointer = at < r->len && (r->bytes[at] & POINTER) == POINTER;

		if (is_pointer && end == 0)
			end = at + 2;
		more = read_label(r, &at, &first, out);
	}
	r->at = end != 0 ? end : at;
	return more == 0;
}

bool hull_dns_read_header(struct dns_reader *r, struct dns_header *out)
{
	if (!has(r, DNS_HEADER))
		return false;
	out->id = take_u16(r);
	out->flags = take_u16(r);
	out->nr_questions = take_u16(r);
	out->nr_answers = take_u16(r);
	out->nr_authorities = take_u16(r);
	out->nr_additional = take_u16(r);
	return true;
}

bool hull_dns_read_question(struct dns_reader *r, struct dns_question *out)
{
	if (!hull_dns_read_name(r, &out->name) || !has(r, 4))
		return false;
	out->type = take_u16(r);
	out->class = take_u16(r);
	return true;
}

bool hull_dns_read_record(struct dns_reader *r, struct dns_record *out)
{
	if (!hull_dns_read_name(r, &out->name) || !has(r, 10))
		return false;
	out->type = take_u16(r);
	out->class = take_u16(r);
	out->ttl = (uint32_t)take_u16(r) << 16;
	out->ttl |= take_u16(r);
	out->data_len = take_u16(r);
	out->data_at = r->at;
	if (!has(r, out->data_len))
		return false;
	r->at += out->data_len;
	return true;
}

/* ---- writing ---- */

void hull_dns_write_bytes(struct dns_writer *w, const void *bytes, size_t len)
{
	if (w->is_full || len > w->room - w->len) {
		w->is_full = true;
		return;
	}
	memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
}

void hull_dns_write_u16(struct dns_writer *w, uint16_t x)
{
	const uint8_t bytes[2] = { (uint8_t)(x >> 8), (uint8_t)x };

	hull_dns_write_bytes(w, bytes, sizeof(bytes));
}

void hull_dns_write_u32(struct dns_writer *w, uint32_t x)
{
	hull_dns_write_u16(w, (uint16_t)(x >> 16));
	hull_dns_write_u16(w, (uint16_t)x);
}

void hull_dns_write_name(struct dns_writer *w, const struct dns_name *n)
{
	hull_dns_write_bytes(w, n->bytes, n->len);
}

void hull_dns_write_header(struct dns_writer *w, const struct dns_header *h)
{
	hull_dns_write_u16(w, h->id);
	hull_dns_write_u16(w, h->flags);
	hull_dns_write_u16(w, h->nr_questions);
	hull_dns_write_u16(w, h->nr_answers);
	hull_dns_write_u16(w, h->nr_authorities);
	hull_dns_write_u16(w, h->nr_additional);
}

void hull_dns_write_question(struct dns_writer *w, const struct dns_question *q)
{
	hull_dns_write_name(w, &q->name);
	hull_dns_write_u16(w, q->type);
	hull_dns_write_u16(w, q->class);
}

void hull_dns_write_edns(struct dns_writer *w, uint16_t udp_max)
{
	const uint8_t root = 0;

	hull_dns_write_bytes(w, &root, 1);
	hull_dns_write_u16(w, DNS_TYPE_OPT);
	hull_dns_write_u16(w, udp_max);
	hull_dns_write_u32(w, 0);
	hull_dns_write_u16(w, 0);
}
