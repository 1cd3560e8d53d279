/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP server, inside. hull_http.h is what programs see.
 *
 *	message.c	what a request's bytes say
 *	router.c	which handler a path has
 *	connection.c	a connection's life: requests one after the other, time-outs
 *	request.c	what handlers ask of a request
 *	response.c	what they answer
 *	server.c	listening; plain TCP as a transport
 *
 * A connection has one request at a time. Its states:
 *
 *	HEAD -> BODY		the head is whole, and has a body that is not here yet
 *	HEAD, BODY -> ANSWER	the request is whole: the handler was called
 *	ANSWER -> HEAD		it is answered, and the connection goes on
 *	any -> LINGER		no more requests: our end is sent, and what comes is thrown away
 *				until the peer's comes or the time is over, for closing with bytes
 *				unread would be a reset, which may overtake the answer (RFC 9112
 *				§9.6)
 *
 * The connection's memory goes when the stream is closed and no handler has the request any more.
 */
#pragma once
#include <hull_http.h>
#include <time.h>

#include "http/message.h"
#include "lib/compiler.h"
#include "lib/list.h"

enum http_state { HTTP_HEAD, HTTP_BODY, HTTP_ANSWER, HTTP_LINGER };

#define HTTP_PARAMETERS_MAX 8

struct http_parameter {
	const char *name; /* the route's; not ended by a NUL */
	size_t name_len;
	struct http_slice value; /* in the head */
};

struct http_route {
	struct list link;
	char *method; /* NULL: any */
	char *path;
	hull_http_handler *fn;
	void *user;
};

struct hull_http_server {
	struct hull_http_config config;
	struct hull_listener *listener; /* NULL: closed */
	struct hull_address local;
	struct list routes, connections;
	unsigned nr_connections;
	time_t date_at; /* which second `date` is of */
	char date[32];
};

struct hull_http_request {
	struct http_head head;
	const char *bytes; /* the head's: the stream's, or copy */
	char *copy;
	const char *body; /* the stream's, or collected */
	char *collected;
	size_t body_len, collected_room;
	unsigned nr_parameters;
	struct http_parameter parameters[HTTP_PARAMETERS_MAX];
	/* The answer's. */
	char *fields; /* lines that the handler has set */
	size_t fields_len;
	bool has_begun, is_chunked;
	hull_http_handler *drained;
	void *drained_user;
};

struct http_connection {
	struct hull_http_request r; /* first: the pointer is the program's too */
	struct hull_http_server *server;
	const struct hull_transport *transport;
	void *stream; /* NULL: closed */
	struct list link;
	enum http_state state;
	struct http_scan scan;
	struct http_chunks chunks;
	struct hull_address remote;
	bool in_received; /* its callback runs */
	bool is_paused;
	bool has_begun;    /* HEAD: bytes of one are here */
	bool ends;         /* with the answer at hand */
	hull_ns deadline;  /* 0: none */
	hull_ns timer_due; /* the timer's: not later than the deadline, and put off when it comes */
	struct hull_timer timer;
	uint64_t given;   /* bytes, to the stream */
	int64_t was_sent; /* of them, when it was looked last whether the peer reads */
	/* An answer that goes out in parts. */
	const char *rest;
	char *rest_owned; /* to be freed, or NULL */
	size_t rest_len;
};

/* ---- message.c: message.h ---- */

/* ---- router.c ---- */

/* The path's route, with r's parameters, or NULL: *allow has the methods that there are, as the
 * field's value; empty: the path has none at all. */
#define HTTP_ALLOW_MAX 256
const struct http_route *hull_http_find_route(struct hull_http_server *s,
					      struct hull_http_request *r,
					      char allow[HTTP_ALLOW_MAX]);
void hull_http_free_routes(struct hull_http_server *s);

/* ---- connection.c ---- */

extern const struct hull_sink hull_http_sink;
int hull_http_adopt(struct hull_http_server *s, struct hull_tcp *tcp);
struct http_connection *hull_http_connection_of(const struct hull_http_request *r);
/* The answer's bytes; false: the connection is given up. */
bool hull_http_send(struct http_connection *c, const void *data, size_t len);
/* The same of any length, in parts, and the request is answered then. owned: is freed. */
void hull_http_send_rest(struct http_connection *c, const void *data, size_t len, void *owned);
/* The answer is given as a whole. */
void hull_http_answered(struct http_connection *c);
/* An answer has begun: the peer must read it. */
void hull_http_watch_stall(struct http_connection *c);
void hull_http_give_up(struct http_connection *c); /* at once, by a reset */
void hull_http_end_all(struct hull_http_server *s);

/* ---- response.c ---- */

const char *hull_http_reason(int status);
bool hull_http_knows_method(struct hull_bytes m); /* RFC 9110 §9, RFC 5789; not CONNECT */
void hull_http_send_continue(struct http_connection *c);

/* ---- server.c ---- */

extern const struct hull_transport hull_http_plain;
void hull_http_free_if_done(struct hull_http_server *s);
