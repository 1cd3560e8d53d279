/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes: a path is compared segment by segment, after %XX of each was read (RFC 3986 §2.4: first
 * apart, then decoded, so that %2F is no slash). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

#define SEGMENT_MAX 256

/* Where the segment at the front of s ends. */
static size_t segment_len(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);

	return slash == NULL ? len : (size_t)(slash - s);
}

static bool is_sound(const char *path)
{
	unsigned nr = 0;

	if (*path != '/')
		return false;
	while (*path == '/') {
		size_t n = segment_len(path + 1, strlen(path + 1));

		if (path[1] == ':' || path[1] == '*')
			nr++;
		if ((path[1] == ':' && n == 1) || (path[1] == '*' && path[1 + n] != '\0'))
			return false;
		path += 1 + n;
	}
	return nr <= HTTP_PARAMETERS_MAX;
}

int hull_http_route(struct hull_http_server *s, const char *method, const char *path,
		    hull_http_handler *fn, void *user)
{
	struct http_route *t;

	if (!is_sound(path) || (method != NULL && strlen(method) > 16))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->path = strdup(path);
	t->method = method == NULL ? NULL : strdup(method);
	if (t->path == NULL || (method != NULL && t->method == NULL)) {
		free(t->path);
		free(t->method);
		free(t);
		return -ENOMEM;
	}
	t->fn = fn;
	t->user = user;
	list_append(&s->routes, &t->link);
	return 0;
}

void hull_http_free_routes(struct hull_http_server *s)
{
	struct http_route *t;

	while ((t = list_first(&s->routes, struct http_route, link)) != NULL) {
		list_remove(&t->link);
		free(t->path);
		free(t->method);
		free(t);
	}
}

static bool is_same_segment(const char *word, size_t word_len, const char *from, size_t len)
{
	char text[SEGMENT_MAX];
	int n;

	if (memchr(from, '%', len) == NULL)
		return word_len == len && memcmp(word, from, len) == 0;
	n = hull_http_decode(from, len, false, text, sizeof(text));
	return n >= 0 && (size_t)n == word_len && memcmp(word, text, word_len) == 0;
}

static void add_parameter(struct hull_http_request *r, const char *name, size_t name_len,
			  struct http_slice value)
{
	r->parameters[r->nr_parameters++] = (struct http_parameter){ name, name_len, value };
}

/* Both at a slash, or at their ends. */
static bool fits(const char *path, struct hull_http_request *r)
{
	size_t at = r->head.path.at, end = at + r->head.path.len, n, m;

	r->nr_parameters = 0;
	if (at == end) /* http://host without a path: RFC 9110 §4.2.3 */
		return strcmp(path, "/") == 0;
	while (*path == '/' && at < end) {
		n = segment_len(path + 1, strlen(path + 1));
		if (path[1] == '*') {
			add_parameter(
				r, path + 2, n - 1,
				(struct http_slice){ (uint32_t)at + 1, (uint32_t)(end - at - 1) });
			return true;
		}
		m = segment_len(r->bytes + at + 1, end - at - 1);
		if (path[1] == ':' && m > 0)
			add_parameter(r, path + 2, n - 1,
				      (struct http_slice){ (uint32_t)at + 1, (uint32_t)m });
		else if (path[1] == ':' || !is_same_segment(path + 1, n, r->bytes + at + 1, m))
			return false;
		path += 1 + n;
		at += 1 + m;
	}
	return *path == '\0' && at == end;
}

static bool is_method(const struct hull_http_request *r, const char *method)
{
	return strlen(method) == r->head.method.len &&
	       memcmp(r->bytes + r->head.method.at, method, r->head.method.len) == 0;
}

static void allow_method(char allow[HTTP_ALLOW_MAX], const char *method)
{
	size_t n = strlen(allow), m = strlen(method);
	const char *at = strstr(allow, method);

	/* A whole word of the list already? */
	if (at != NULL && (at == allow || at[-1] == ' ') && (at[m] == ',' || at[m] == '\0'))
		return;
	if (n + 2 + m + 1 > HTTP_ALLOW_MAX)
		return;
	if (n > 0)
		n = (size_t)(stpcpy(allow + n, ", ") - allow);
	memcpy(allow + n, method, m + 1);
}

const struct http_route *hull_http_find_route(struct hull_http_server *s,
					      struct hull_http_request *r,
					      char allow[HTTP_ALLOW_MAX])
{
	bool is_head = is_method(r, "HEAD");
	struct http_route *t;

	allow[0] = '\0';
	list_foreach(&s->routes, t, link) {
		if (!fits(t->path, r))
			continue;
		if (t->method == NULL || is_method(r, t->method) ||
		    (is_head && strcmp(t->method, "GET") == 0))
			return t;
		allow_method(allow, t->method);
		if (strcmp(t->method, "GET") == 0)
			allow_method(allow, "HEAD");
		allow_method(allow, "OPTIONS");
	}
	return NULL;
}
