/* SPDX-License-Identifier: BSD-2-Clause */
/* What handlers ask of a request. */
#include <errno.h>
#include <string.h>

#include "http/http.h"

static struct hull_bytes bytes_of(const struct hull_http_request *r, struct http_slice s)
{
	return (struct hull_bytes){ r->bytes + s.at, s.len };
}

struct hull_bytes hull_http_method(const struct hull_http_request *r)
{
	return bytes_of(r, r->head.method);
}

struct hull_bytes hull_http_path(const struct hull_http_request *r)
{
	return bytes_of(r, r->head.path);
}

struct hull_bytes hull_http_query(const struct hull_http_request *r)
{
	return bytes_of(r, r->head.query);
}

struct hull_bytes hull_http_body(const struct hull_http_request *r)
{
	return (struct hull_bytes){ r->body, r->body_len };
}

struct hull_bytes hull_http_header(const struct hull_http_request *r, const char *name)
{
	const struct http_field *f = hull_http_find_field(&r->head, r->bytes, name);

	return f == NULL ? (struct hull_bytes){ NULL, 0 } : bytes_of(r, f->value);
}

int hull_http_parameter(const struct hull_http_request *r, const char *name, char *to, size_t room)
{
	for (unsigned i = 0; i < r->nr_parameters; i++) {
		const struct http_parameter *p = &r->parameters[i];

		if (strlen(name) == p->name_len && memcmp(name, p->name, p->name_len) == 0)
			return hull_http_decode(r->bytes + p->value.at, p->value.len, false, to,
						room);
	}
	return -ENOENT;
}

int hull_http_argument(const struct hull_http_request *r, const char *name, char *to, size_t room)
{
	struct hull_bytes q = hull_http_query(r);
	size_t at = 0, name_len = strlen(name);

	while (at < q.len) {
		const char *end = memchr(q.data + at, '&', q.len - at);
		size_t n = end == NULL ? q.len - at : (size_t)(end - q.data) - at;

		if (n >= name_len && memcmp(q.data + at, name, name_len) == 0) {
			const char *value = q.data + at + name_len;

			if (n == name_len)
				return hull_http_decode(value, 0, true, to, room);
			if (*value == '=')
				return hull_http_decode(value + 1, n - name_len - 1, true, to,
							room);
		}
		at += n + 1;
	}
	return -ENOENT;
}

struct hull_address hull_http_remote(const struct hull_http_request *r)
{
	return hull_http_connection_of(r)->remote;
}

bool hull_http_is_gone(const struct hull_http_request *r)
{
	const struct http_connection *c = hull_http_connection_of(r);

	return c->stream == NULL || c->state == HTTP_LINGER;
}
