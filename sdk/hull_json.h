/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON in requests and answers of hull_http.h, by jansson: link with libhull-json.a and
 * -ljansson. */
#pragma once
#include <hull_http.h>
#include <jansson.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The request's body: an object or array, without names that come twice. 0 and a reference; or the
 * request was refused: 415: its Content-Type is not JSON; 400: it is none, and why. */
int hull_json_body(struct hull_http_request *r, json_t **out);
/* Answers with it. Takes the reference; NULL, or no memory for its text: 500. */
void hull_json_respond(struct hull_http_request *r, int status, json_t *value);
/* {"error": why}, as an answer. */
void hull_json_refuse(struct hull_http_request *r, int status, const char *why);

#ifdef __cplusplus
}
#endif
