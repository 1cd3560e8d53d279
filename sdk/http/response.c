/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers: RFC 9112 §4, §6; which fields an answer has: RFC 9110 §6.6.1, §8.6. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http/http.h"

#define FIELDS_MAX 8192u /* bytes of a handler's own fields */
#define TYPE_MAX   200u

/* ---- text ---- */

struct text {
	size_t len;
	char bytes[512 + TYPE_MAX];
};

static void add(struct text *t, const char *s, size_t len)
{
	memcpy(t->bytes + t->len, s, len);
	t->len += len;
}

static void add_string(struct text *t, const char *s)
{
	add(t, s, strlen(s));
}

static void add_number(struct text *t, uint64_t n, unsigned base)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	add(t, digits + at, sizeof(digits) - at);
}

static const struct {
	uint16_t status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};

const char *hull_http_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

bool hull_http_knows_method(struct hull_bytes m)
{
	static const char *const all[] = { "GET",    "HEAD",    "POST",  "PUT",
					   "DELETE", "OPTIONS", "PATCH", "TRACE" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strlen(all[i]) == m.len && memcmp(all[i], m.data, m.len) == 0)
			return true;
	return false;
}

/* IMF-fixdate: RFC 9110 §5.6.7. Made once a second. */
static const char *date_now(struct hull_http_server *s)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;
	char *d = s->date;

	if (now == s->date_at && *d != '\0')
		return d;
	gmtime_r(&now, &tm);
	memcpy(d, "Day, 00 Mon 0000 00:00:00 GMT", 30);
	memcpy(d, days + tm.tm_wday * 3, 3);
	memcpy(d + 8, months + tm.tm_mon * 3, 3);
	for (int i = 0, year = tm.tm_year + 1900; i < 4; i++, year /= 10)
		d[15 - i] = (char)('0' + year % 10);
	d[5] = (char)('0' + tm.tm_mday / 10), d[6] = (char)('0' + tm.tm_mday % 10);
	d[17] = (char)('0' + tm.tm_hour / 10), d[18] = (char)('0' + tm.tm_hour % 10);
	d[20] = (char)('0' + tm.tm_min / 10), d[21] = (char)('0' + tm.tm_min % 10);
	d[23] = (char)('0' + tm.tm_sec / 10), d[24] = (char)('0' + tm.tm_sec % 10);
	s->date_at = now;
	return d;
}

/* ---- fields of the handler's ---- */

static bool is_own(const char *name)
{
	static const char *const all[] = { "Content-Length", "Transfer-Encoding", "Connection",
					   "Date" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcasecmp(name, all[i]) == 0)
			return true;
	return false;
}

/* RFC 9110 §5.1, §5.5: what would end the line, or the name, is not let in. */
static bool is_name(const char *s)
{
	size_t n = strspn(s, "!#$%&'*+-.^_`|~0123456789"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	return n > 0 && s[n] == '\0';
}

static bool is_value(const char *s)
{
	while (*s == '\t' || (uint8_t)*s >= ' ')
		if (*s++ == 0x7f)
			return false;
	return *s == '\0';
}

int hull_http_set_header(struct hull_http_request *r, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value), len = n + v + 4;
	char *to;

	if (!is_name(name) || !is_value(value) || is_own(name) || len > FIELDS_MAX ||
	    r->fields_len + len > FIELDS_MAX || r->has_begun)
		return -EINVAL;
	to = realloc(r->fields, r->fields_len + len);
	if (to == NULL)
		return -ENOMEM;
	r->fields = to;
	to = mempcpy(to + r->fields_len, name, n);
	to = mempcpy(to, ": ", 2);
	to = mempcpy(to, value, v);
	memcpy(to, "\r\n", 2);
	r->fields_len += len;
	return 0;
}

/* ---- heads ---- */

static bool has_no_content(int status)
{
	return status < 200 || status == 204 || status == 304;
}

static bool is_head_request(const struct hull_http_request *r)
{
	return r->head.method.len == 4 && memcmp(r->bytes + r->head.method.at, "HEAD", 4) == 0;
}

#define UNKNOWN UINT64_MAX

/* length: UNKNOWN: chunked, or to the connection's end. False: the connection is given up. */
static bool send_head(struct hull_http_request *r, int status, const char *type, uint64_t length)
{
	struct http_connection *c = hull_http_connection_of(r);
	struct text t = { .len = 0 };

	r->has_begun = true;
	add_string(&t, "HTTP/1.1 ");
	add_number(&t, (uint64_t)status, 10);
	add_string(&t, " ");
	add_string(&t, hull_http_reason(status));
	add_string(&t, "\r\nDate: ");
	add_string(&t, date_now(c->server));
	if (type != NULL && strlen(type) <= TYPE_MAX && is_value(type)) {
		add_string(&t, "\r\nContent-Type: ");
		add_string(&t, type);
	}
	r->is_chunked = length == UNKNOWN && r->head.minor == 1;
	if (r->is_chunked)
		add_string(&t, "\r\nTransfer-Encoding: chunked");
	else if (length == UNKNOWN)
		c->ends = true;
	else if (status != 204 && status >= 200) {
		add_string(&t, "\r\nContent-Length: ");
		add_number(&t, length, 10);
	}
	if (c->ends || !r->head.keeps_alive)
		add_string(&t, "\r\nConnection: close");
	else if (r->head.minor == 0)
		add_string(&t, "\r\nConnection: keep-alive");
	add_string(&t, "\r\n");
	if (!hull_http_send(c, t.bytes, t.len) || !hull_http_send(c, r->fields, r->fields_len))
		return false;
	return hull_http_send(c, "\r\n", 2);
}

void hull_http_send_continue(struct http_connection *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	(void)hull_http_send(c, line, sizeof(line) - 1);
}

/* ---- whole answers ---- */

/* What is sent in one go is copied once; more goes in parts, from a copy of its own if it must. */
static void send_content(struct hull_http_request *r, const void *data, size_t len, bool is_static)
{
	struct http_connection *c = hull_http_connection_of(r);
	void *copy = NULL;

	if (len <= HULL_HTTP_UNSENT) {
		(void)hull_http_send(c, data, len);
		hull_http_answered(c);
		return;
	}
	if (!is_static) {
		copy = malloc(len);
		if (copy == NULL) {
			hull_http_give_up(c);
			hull_http_answered(c);
			return;
		}
		memcpy(copy, data, len);
	}
	hull_http_send_rest(c, copy == NULL ? data : copy, len, copy);
}

static void respond(struct hull_http_request *r, int status, const char *type,
		    struct hull_bytes content, bool is_static)
{
	bool is_whole = has_no_content(status) || (r->bytes != NULL && is_head_request(r));

	if (!send_head(r, status, type, content.len) || is_whole)
		hull_http_answered(hull_http_connection_of(r));
	else
		send_content(r, content.data, content.len, is_static);
}

void hull_http_respond(struct hull_http_request *r, int status, const char *type, const void *data,
		       size_t len)
{
	respond(r, status, type, (struct hull_bytes){ data, len }, false);
}

void hull_http_respond_static(struct hull_http_request *r, int status, const char *type,
			      const void *data, size_t len)
{
	respond(r, status, type, (struct hull_bytes){ data, len }, true);
}

void hull_http_refuse(struct hull_http_request *r, int status, const char *why)
{
	struct text t = { .len = 0 };
	size_t len;

	why = why == NULL ? hull_http_reason(status) : why;
	len = min(strlen(why), sizeof(t.bytes) - 1);
	add(&t, why, len);
	add(&t, "\n", 1);
	hull_http_respond(r, status, "text/plain", t.bytes, t.len);
}

/* ---- answers in parts ---- */

void hull_http_begin(struct hull_http_request *r, int status, const char *type)
{
	(void)send_head(r, status, type, UNKNOWN);
	hull_http_watch_stall(hull_http_connection_of(r));
}

static bool sends_parts(const struct hull_http_request *r)
{
	return r->bytes == NULL || !is_head_request(r);
}

int hull_http_write(struct hull_http_request *r, const void *data, size_t len)
{
	struct http_connection *c = hull_http_connection_of(r);
	struct text t = { .len = 0 };

	if (hull_http_is_gone(r))
		return -EPIPE;
	if (len == 0 || !sends_parts(r))
		return 0;
	if (c->transport->unsent(c->stream) > HULL_HTTP_UNSENT)
		return -EAGAIN;
	if (r->is_chunked) {
		add_number(&t, len, 16);
		add(&t, "\r\n", 2);
	}
	if (!hull_http_send(c, t.bytes, t.len) || !hull_http_send(c, data, len) ||
	    (r->is_chunked && !hull_http_send(c, "\r\n", 2)))
		return -EPIPE;
	return 0;
}

void hull_http_on_drained(struct hull_http_request *r, hull_http_handler *fn, void *user)
{
	r->drained = fn;
	r->drained_user = user;
}

void hull_http_end(struct hull_http_request *r)
{
	struct http_connection *c = hull_http_connection_of(r);

	if (r->is_chunked && sends_parts(r))
		(void)hull_http_send(c, "0\r\n\r\n", 5);
	hull_http_answered(c);
}
