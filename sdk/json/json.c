/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON in requests and answers: RFC 8259. */
#include <hull_json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TYPE "application/json"

/* "application/json", "application/problem+json", either with parameters; or none at all. */
static bool is_json(struct hull_bytes type)
{
	const char *end = memchr(type.data == NULL ? "" : type.data, ';', type.len);
	size_t len = end == NULL ? type.len : (size_t)(end - type.data);

	while (len > 0 && (type.data[len - 1] == ' ' || type.data[len - 1] == '\t'))
		len--;
	if (type.data == NULL)
		return true;
	return (len == strlen(TYPE) && strncasecmp(type.data, TYPE, len) == 0) ||
	       (len > 5 && strncasecmp(type.data + len - 5, "+json", 5) == 0);
}

int hull_json_body(struct hull_http_request *r, json_t **out)
{
	struct hull_bytes body = hull_http_body(r);
	json_error_t error;

	if (!is_json(hull_http_header(r, "Content-Type"))) {
		hull_json_refuse(r, 415, "the body is to be " TYPE);
		return -EINVAL;
	}
	*out = json_loadb(body.len == 0 ? "" : body.data, body.len, JSON_REJECT_DUPLICATES, &error);
	if (*out != NULL)
		return 0;
	hull_json_refuse(r, 400, error.text);
	return -EINVAL;
}

void hull_json_respond(struct hull_http_request *r, int status, json_t *value)
{
	char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);

	json_decref(value);
	if (text == NULL)
		hull_http_refuse(r, 500, NULL);
	else
		hull_http_respond(r, status, TYPE, text, strlen(text));
	free(text);
}

void hull_json_refuse(struct hull_http_request *r, int status, const char *why)
{
	hull_json_respond(r, status, json_pack("{s:s}", "error", why));
}
