/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HTTP/1.1 server (RFC 9110, RFC 9112) on the loop of hull.h.
 *
 *	static void greet(struct hull_http_request *r, void *user)
 *	{
 *		char name[100];
 *
 *		if (hull_http_parameter(r, "name", name, sizeof(name)) < 0)
 *			hull_http_refuse(r, 400, NULL);
 *		else
 *			hull_http_respond(r, 200, "text/plain", name, strlen(name));
 *	}
 *
 *	hull_http_listen(&(struct hull_http_config){ .local.port = 8080 }, &server);
 *	hull_http_route(server, "GET", "/hello/:name", greet, NULL);
 *
 * A handler is called when a request is here as a whole, its body too. It answers at once, or keeps
 * the pointer and answers later, from the same loop: then the request's bytes are moved to memory
 * of its own when the handler returns. Every request must be answered, once; the pointer is the
 * library's again with the answer. When the peer has gone meanwhile the answer is thrown away.
 *
 * Requests of a connection are answered one after the other (pipelining): while one waits for its
 * answer, or the peer does not read those before, no more is read from it.
 *
 * What the server does by itself: 400 and its like for what is no HTTP (the connection ends then),
 * 404, 405 with Allow, 501 for methods that nobody knows; OPTIONS; HEAD wherever there is GET;
 * 100 (Continue); the fields Date, Content-Length, Transfer-Encoding and Connection.
 *
 * Contexts, ownership and errors are those of hull.h.
 */
#pragma once
#include <hull.h>
#include <hull_transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hull_http_server;
struct hull_http_request;

typedef void hull_http_handler(struct hull_http_request *r, void *user);

/* Zero: the value in brackets. */
struct hull_http_config {
	struct hull_address local;
	bool reuse_port;
	unsigned most_connections; /* [10,000] more are closed at once */
	size_t head_limit; /* bytes of a request without its body [16 KiB]: 431; at most 48 KiB */
	size_t body_limit; /* bytes [1 MiB]: 413 */
	hull_ns head_timeout; /* until the head is whole, from its first byte [10 s]: 408 */
	hull_ns idle_timeout; /* between two requests [60 s] */
	/* Without a byte of a body, or with the peer reading nothing of the answer [30 s]. */
	hull_ns stall_timeout;
	const struct hull_transport *transport; /* NULL: TCP; hull_tls_transport */
	void *transport_context;
};

/* As hull_tcp_listen. */
int hull_http_listen(const struct hull_http_config *config, struct hull_http_server **out);
/* No new connections, and no handler is called any more: connections end, those whose request a
 * handler has when it is answered. The server is freed with the last of them. */
void hull_http_close(struct hull_http_server *s);
struct hull_address hull_http_local(const struct hull_http_server *s);

/*
 * Paths: segments as they are, ":name" for any one, "*name" at the end for what is left (which may
 * be nothing). The first route that fits is taken. Method: "GET", …; NULL: any. -EINVAL: the path
 * is none; -ENOMEM.
 */
int hull_http_route(struct hull_http_server *s, const char *method, const char *path,
		    hull_http_handler *fn, void *user);

/* ---- the request ---- */

struct hull_bytes {
	const char *data; /* no NUL follows */
	size_t len;
};

struct hull_bytes hull_http_method(const struct hull_http_request *r);
struct hull_bytes hull_http_path(const struct hull_http_request *r);  /* as it came */
struct hull_bytes hull_http_query(const struct hull_http_request *r); /* without "?" */
struct hull_bytes hull_http_body(const struct hull_http_request *r);
/* The first field of that name, in any case. len 0 and data NULL: there is none. */
struct hull_bytes hull_http_header(const struct hull_http_request *r, const char *name);
/* Of the path, with %XX read; a NUL follows. Its length, -ENOENT, -EINVAL: a wrong %; -ENOSPC. */
int hull_http_parameter(const struct hull_http_request *r, const char *name, char *to, size_t room);
/* The same of "a=1&b=2" behind the question mark; "+" is a space. */
int hull_http_argument(const struct hull_http_request *r, const char *name, char *to, size_t room);
struct hull_address hull_http_remote(const struct hull_http_request *r);
bool hull_http_is_gone(const struct hull_http_request *r); /* the peer is: an answer is in vain */

/* ---- the answer ---- */

/* A field of the answer, before it begins. -EINVAL: bytes that may not be in one, or one that the
 * server writes itself; -ENOMEM. */
int hull_http_set_header(struct hull_http_request *r, const char *name, const char *value);
/* The whole of it. type: Content-Type, or NULL. Without memory for it the connection is ended. */
void hull_http_respond(struct hull_http_request *r, int status, const char *type, const void *data,
		       size_t len);
/* The same; data stays as it is for as long as the server is. */
void hull_http_respond_static(struct hull_http_request *r, int status, const char *type,
			      const void *data, size_t len);
/* A line of text; why: NULL: the status's own words. */
void hull_http_refuse(struct hull_http_request *r, int status, const char *why);

/*
 * An answer of unknown length: begin, writes, end (chunked; to HTTP/1.0 by the connection's end).
 * A write takes all of it or nothing: -EAGAIN: more than HULL_HTTP_UNSENT bytes wait: fn of
 * hull_http_on_drained tells when there is room (once); -EPIPE: the peer has gone; end it.
 */
#define HULL_HTTP_UNSENT ((size_t)256 << 10)
void hull_http_begin(struct hull_http_request *r, int status, const char *type);
int hull_http_write(struct hull_http_request *r, const void *data, size_t len);
void hull_http_on_drained(struct hull_http_request *r, hull_http_handler *fn, void *user);
void hull_http_end(struct hull_http_request *r);

#ifdef __cplusplus
}
#endif
