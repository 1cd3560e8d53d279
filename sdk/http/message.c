/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/1.1 messages, read. message.h has the theory. */
#include "http/message.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum character {
	TOKEN = 1 << 0,  /* tchar: RFC 9110 §5.6.2 */
	TARGET = 1 << 1, /* of a URI, without its fragment: RFC 3986 §2; and what browsers send */
	VALUE = 1 << 2,  /* field-vchar, SP, HTAB, obs-text: RFC 9110 §5.5 */
	HOST = 1 << 3,   /* of uri-host and port */
};

#define ALNUM (TOKEN | TARGET | VALUE | HOST)
static const uint8_t characters[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = TOKEN | TARGET | VALUE | HOST,
	['"'] = TARGET | VALUE,
	['#'] = TOKEN | VALUE,
	['$' ... '\''] = TOKEN | TARGET | VALUE | HOST,
	['('] = TARGET | VALUE | HOST,
	[')'] = TARGET | VALUE | HOST,
	['*'] = TOKEN | TARGET | VALUE | HOST,
	['+'] = TOKEN | TARGET | VALUE | HOST,
	[','] = TARGET | VALUE | HOST,
	['-'] = TOKEN | TARGET | VALUE | HOST,
	['.'] = TOKEN | TARGET | VALUE | HOST,
	['/'] = TARGET | VALUE,
	['0' ... '9'] = ALNUM,
	[':'] = TARGET | VALUE | HOST,
	[';'] = TARGET | VALUE | HOST,
	['<'] = TARGET | VALUE,
	['='] = TARGET | VALUE | HOST,
	['>'] = TARGET | VALUE,
	['?'] = TARGET | VALUE,
	['@'] = TARGET | VALUE,
	['A' ... 'Z'] = ALNUM,
	['['] = TARGET | VALUE | HOST,
	['\\'] = TARGET | VALUE,
	[']'] = TARGET | VALUE | HOST,
	['^'] = TOKEN | TARGET | VALUE,
	['_'] = ALNUM,
	['`'] = TOKEN | TARGET | VALUE,
	['a' ... 'z'] = ALNUM,
	['{'] = TARGET | VALUE,
	['|'] = TOKEN | TARGET | VALUE,
	['}'] = TARGET | VALUE,
	['~'] = TOKEN | TARGET | VALUE | HOST,
	[0x80 ... 0xff] = VALUE,
};

/* How many bytes at the front are of that kind. */
static size_t span(const char *bytes, size_t len, enum character kind)
{
	size_t n = 0;

	while (n < len && (characters[(uint8_t)bytes[n]] & kind) != 0)
		n++;
	return n;
}

static bool is_word(const char *bytes, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(bytes, word, len) == 0;
}

/* ---- where the head ends ---- */

static int too_long(const struct http_scan *s)
{
	return s->line == s->start ? -414 : -431;
}

/* The line that ends at `lf`: 1: it is the last; 0: more follow; or a status. */
static int end_line(const char *bytes, struct http_scan *s, size_t lf)
{
	bool is_empty = lf == s->line + 1;

	if (lf == s->line || bytes[lf - 1] != '\r')
		return -400;
	if (is_empty && s->line != s->start)
		return 1;
	if (s->line == s->start && lf - s->start > HTTP_LINE_MAX)
		return -414;
	s->line = s->at = lf + 1;
	if (is_empty)
		s->start = s->line;
	return s->start > HTTP_BLANK_MAX ? -400 : 0;
}

static int find_end(const char *bytes, size_t len, size_t most, struct http_scan *s)
{
	const char *lf;
	int end;

	while ((lf = memchr(bytes + s->at, '\n', len - s->at)) != NULL) {
		end = end_line(bytes, s, (size_t)(lf - bytes));
		if (end < 0)
			return end;
		if ((size_t)(lf - bytes) + 1 - s->start > most)
			return too_long(s);
		if (end > 0)
			return (int)(lf - bytes) + 1;
	}
	s->at = len;
	/* What begins as no request does is not waited for. */
	if (s->start < len && bytes[s->start] != '\r' && span(bytes + s->start, 1, TOKEN) == 0)
		return -400;
	if (s->line == s->start && len - s->start > HTTP_LINE_MAX)
		return -414;
	return len - s->start > most ? too_long(s) : 0;
}

/* ---- the request line: RFC 9112 §3 ---- */

/* What of an absolute target comes before its path: §3.2.2. */
static size_t authority_len(const char *target, size_t len)
{
	size_t at = 0;

	if (len >= 7 && strncasecmp(target, "http://", 7) == 0)
		at = 7;
	else if (len >= 8 && strncasecmp(target, "https://", 8) == 0)
		at = 8;
	return at == 0 ? 0 : at + span(target + at, len - at, HOST);
}

static int read_target(const char *bytes, size_t at, size_t len, struct http_head *h)
{
	size_t skip = authority_len(bytes + at, len);
	const char *query;

	at += skip;
	len -= skip;
	h->path = (struct http_slice){ (uint32_t)at, (uint32_t)len };
	h->query = (struct http_slice){ (uint32_t)(at + len), 0 };
	if (is_word(bytes + h->method.at, h->method.len, "CONNECT"))
		return -501;
	if (len == 1 && bytes[at] == '*')
		return is_word(bytes + h->method.at, h->method.len, "OPTIONS") ? 0 : -400;
	query = memchr(bytes + at, '?', len);
	if (query != NULL) {
		h->path.len = (uint32_t)((size_t)(query - bytes) - at);
		h->query = (struct http_slice){ (uint32_t)(at + h->path.len + 1),
						(uint32_t)(len - h->path.len - 1) };
	}
	if (h->path.len > 0 ? bytes[at] != '/' : skip == 0)
		return -400;
	return 0;
}

static int read_version(const char *v, size_t len, struct http_head *h)
{
	if (len != 8 || memcmp(v, "HTTP/", 5) != 0 || v[6] != '.')
		return -400;
	if (v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9')
		return -400;
	if (v[5] != '1')
		return -505;
	h->minor = v[7] == '0' ? 0 : 1;
	h->keeps_alive = h->minor == 1;
	return 0;
}

static int read_request_line(const char *bytes, size_t at, size_t end, struct http_head *h)
{
	size_t target, n = span(bytes + at, end - at, TOKEN);
	int err;

	h->method = (struct http_slice){ (uint32_t)at, (uint32_t)n };
	if (n == 0 || at + n == end || bytes[at + n] != ' ')
		return -400;
	target = at + n + 1;
	n = span(bytes + target, end - target, TARGET);
	if (n == 0 || target + n == end || bytes[target + n] != ' ')
		return -400;
	err = read_version(bytes + target + n + 1, end - target - n - 1, h);
	return err != 0 ? err : read_target(bytes, target, n, h);
}

/* ---- fields: RFC 9112 §5, §6 ---- */

static int take_length(const char *v, size_t len, struct http_head *h)
{
	uint64_t length = 0;

	if (h->has_length || h->is_chunked || len == 0)
		return -400;
	for (size_t i = 0; i < len; i++) {
		if (v[i] < '0' || v[i] > '9' || length > (UINT64_MAX >> 4) / 10)
			return -400;
		length = length * 10 + (uint64_t)(v[i] - '0');
	}
	h->length = length;
	h->has_length = true;
	return 0;
}

static int take_coding(const char *v, size_t len, struct http_head *h)
{
	if (h->has_length || h->is_chunked || h->minor == 0)
		return -400;
	if (!is_word(v, len, "chunked"))
		return -501;
	h->is_chunked = true;
	return 0;
}

static int take_host(const char *v, size_t len, struct http_head *h)
{
	if (h->has_host || span(v, len, HOST) != len)
		return -400;
	h->has_host = true;
	return 0;
}

static int take_expectation(const char *v, size_t len, struct http_head *h)
{
	if (!is_word(v, len, "100-continue"))
		return -417;
	h->expects_continue = h->minor == 1; /* RFC 9110 §10.1.1 */
	return 0;
}

/* A list: RFC 9110 §7.6.1. */
static int take_connection(const char *v, size_t len, struct http_head *h)
{
	size_t at = 0, n;

	while (at < len) {
		n = span(v + at, len - at, TOKEN);
		if (is_word(v + at, n, "close"))
			h->keeps_alive = false;
		else if (is_word(v + at, n, "keep-alive") && h->minor == 0)
			h->keeps_alive = true;
		at += n + (n == 0);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*take)(const char *v, size_t len, struct http_head *h);
} known[] = {
	{ "host", take_host },
	{ "content-length", take_length },
	{ "transfer-encoding", take_coding },
	{ "connection", take_connection },
	{ "expect", take_expectation },
};

static int take_field(const char *bytes, const struct http_field *f, struct http_head *h)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_word(bytes + f->name.at, f->name.len, known[i].name))
			return known[i].take(bytes + f->value.at, f->value.len, h);
	return 0;
}

static int read_field(const char *bytes, size_t at, size_t end, struct http_head *h)
{
	size_t n = span(bytes + at, end - at, TOKEN), from = at + n + 1, to = end;
	struct http_field *f = &h->fields[h->nr_fields];

	if (n == 0 || at + n == end || bytes[at + n] != ':')
		return -400;
	while (from < to && (bytes[from] == ' ' || bytes[from] == '\t'))
		from++;
	while (to > from && (bytes[to - 1] == ' ' || bytes[to - 1] == '\t'))
		to--;
	if (span(bytes + from, to - from, VALUE) != to - from)
		return -400;
	if (h->nr_fields == HTTP_FIELDS_MAX)
		return -431;
	f->name = (struct http_slice){ (uint32_t)at, (uint32_t)n };
	f->value = (struct http_slice){ (uint32_t)from, (uint32_t)(to - from) };
	h->nr_fields++;
	return take_field(bytes, f, h);
}

static int read_lines(const char *bytes, size_t at, size_t end, struct http_head *h)
{
	bool is_first = true;
	size_t lf;
	int err;

	while (at < end - 2) {
		lf = (size_t)((const char *)memchr(bytes + at, '\n', end - at) - bytes);
		err = is_first ? read_request_line(bytes, at, lf - 1, h)
			       : read_field(bytes, at, lf - 1, h);
		if (err != 0)
			return err;
		is_first = false;
		at = lf + 1;
	}
	return h->minor == 1 && !h->has_host ? -400 : 0;
}

int hull_http_read_head(const char *bytes, size_t len, size_t most, struct http_scan *scan,
			struct http_head *out)
{
	int end = find_end(bytes, len, most, scan), err;

	if (end <= 0)
		return end;
	memset(out, 0, offsetof(struct http_head, fields));
	err = read_lines(bytes, scan->start, (size_t)end, out);
	return err != 0 ? err : end;
}

const struct http_field *hull_http_find_field(const struct http_head *h, const char *bytes,
					      const char *name)
{
	for (unsigned i = 0; i < h->nr_fields; i++)
		if (is_word(bytes + h->fields[i].name.at, h->fields[i].name.len, name))
			return &h->fields[i];
	return NULL;
}

/* ---- the chunked coding: RFC 9112 §7.1 ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A line with its CRLF: its length, 0: not whole, -400. */
static int whole_line(const char *bytes, size_t len)
{
	const char *lf = memchr(bytes, '\n', len);
	size_t n;

	if (lf == NULL)
		return len > HTTP_CHUNK_LINE ? -400 : 0;
	n = (size_t)(lf - bytes) + 1;
	if (n < 2 || n > HTTP_CHUNK_LINE || bytes[n - 2] != '\r')
		return -400;
	return span(bytes, n - 2, VALUE) == n - 2 ? (int)n : -400;
}

static int read_size(struct http_chunks *k, const char *line, size_t len)
{
	uint64_t size = 0;
	size_t n = 0;

	while (n < len && hex_digit(line[n]) >= 0) {
		if (size > UINT64_MAX >> 8)
			return -400;
		size = size << 4 | (uint64_t)hex_digit(line[n++]);
	}
	/* chunk-ext: space before the semicolon is allowed to be there, and is not sent. */
	if (n == 0 || (n < len && line[n] != ';'))
		return -400;
	k->left = size;
	k->state = size == 0 ? HTTP_CHUNK_TRAILER : HTTP_CHUNK_DATA;
	return 0;
}

/* The trailer fields are read over: RFC 9110 §6.5.1 leaves that to us. */
static int read_trailer(struct http_chunks *k, const char *line, size_t len)
{
	size_t n = span(line, len, TOKEN);

	k->trailers += len + 2;
	if (len == 0)
		k->state = HTTP_CHUNK_DONE;
	else if (n == 0 || n == len || line[n] != ':')
		return -400;
	return k->trailers > HTTP_LINE_MAX ? -431 : 0;
}

int hull_http_read_chunks(struct http_chunks *k, const char *bytes, size_t len, size_t *used,
			  struct http_slice *data)
{
	int n;

	*used = 0;
	*data = (struct http_slice){ 0, 0 };
	if (k->state == HTTP_CHUNK_DATA) {
		*used = len < k->left ? len : (size_t)k->left;
		*used = *used > UINT32_MAX ? UINT32_MAX : *used;
		data->len = (uint32_t)*used;
		k->left -= *used;
		if (k->left == 0)
			k->state = HTTP_CHUNK_END;
		return 0;
	}
	n = whole_line(bytes, len);
	if (n <= 0)
		return n;
	*used = (size_t)n;
	if (k->state == HTTP_CHUNK_SIZE)
		return read_size(k, bytes, *used - 2);
	if (k->state == HTTP_CHUNK_TRAILER)
		return read_trailer(k, bytes, *used - 2);
	k->state = HTTP_CHUNK_SIZE;
	return n == 2 ? 0 : -400;
}

/* ---- percent ---- */

int hull_http_decode(const char *from, size_t len, bool plus_is_space, char *to, size_t room)
{
	size_t n = 0;

	for (size_t at = 0; at < len; at++) {
		char c = from[at];

		if (n + 1 >= room)
			return -ENOSPC;
		if (c == '%') {
			if (len - at < 3 || hex_digit(from[at + 1]) < 0 ||
			    hex_digit(from[at + 2]) < 0)
				return -EINVAL;
			c = (char)(hex_digit(from[at + 1]) << 4 | hex_digit(from[at + 2]));
			at += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0')
			return -EINVAL;
		to[n++] = c;
	}
	if (n >= room)
		return -ENOSPC;
	to[n] = '\0';
	return (int)n;
}
