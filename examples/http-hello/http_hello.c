/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP "hello": fixed text, a path with a parameter, a query, a body sent back, an answer in parts,
 * and one that comes later.
 *
 *	http-hello [ADDRESS:PORT]	by default *:8080
 */
#include <hull_http.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hull_http_server *server;

static void hello(struct hull_http_request *r, void *user)
{
	static const char text[] = "Hello, world!\n";

	hull_http_respond_static(r, 200, "text/plain", text, sizeof(text) - 1);
}

static void greet(struct hull_http_request *r, void *user)
{
	char name[100], text[120];

	if (hull_http_parameter(r, "name", name, sizeof(name)) < 0) {
		hull_http_refuse(r, 400, "that is no name");
		return;
	}
	snprintf(text, sizeof(text), "Hello, %s!\n", name);
	hull_http_respond(r, 200, "text/plain; charset=utf-8", text, strlen(text));
}

static void echo(struct hull_http_request *r, void *user)
{
	struct hull_bytes body = hull_http_body(r);

	hull_http_respond(r, 200, "application/octet-stream", body.data, body.len);
}

/* ---- in parts: as many lines as the query wants, as fast as the peer reads ---- */

struct count {
	unsigned next, last;
};

static void go_on(struct hull_http_request *r, void *user)
{
	struct count *c = user;
	char line[32];
	int err = 0;

	while (err == 0 && c->next <= c->last) {
		snprintf(line, sizeof(line), "%u\n", c->next);
		err = hull_http_write(r, line, strlen(line));
		c->next += err == 0;
	}
	if (err == -EAGAIN) {
		hull_http_on_drained(r, go_on, c);
		return;
	}
	free(c);
	hull_http_end(r);
}

static void count(struct hull_http_request *r, void *user)
{
	struct count *c = calloc(1, sizeof(*c));
	char to[16];

	if (c == NULL) {
		hull_http_refuse(r, 503, NULL);
		return;
	}
	c->next = 1;
	c->last = hull_http_argument(r, "to", to, sizeof(to)) > 0 ? (unsigned)atoi(to) : 10;
	hull_http_begin(r, 200, "text/plain");
	go_on(r, c);
}

/* ---- later ---- */

struct wait {
	struct hull_timer timer;
	struct hull_http_request *r;
};

static void waited(struct hull_timer *t, void *user)
{
	struct wait *w = user;
	char text[64], ms[16];

	if (hull_http_parameter(w->r, "ms", ms, sizeof(ms)) < 0)
		strcpy(ms, "?");
	snprintf(text, sizeof(text), "after %s ms\n", ms);
	hull_http_respond(w->r, 200, "text/plain", text, strlen(text));
	free(w);
}

static void later(struct hull_http_request *r, void *user)
{
	struct wait *w = calloc(1, sizeof(*w));
	char ms[16];

	if (w == NULL || hull_http_parameter(r, "ms", ms, sizeof(ms)) < 0) {
		free(w);
		hull_http_refuse(r, 400, NULL);
		return;
	}
	w->r = r;
	hull_timer_init(&w->timer, waited, w);
	hull_timer_start(&w->timer, (hull_ns)atoi(ms) * HULL_MILLISECOND, 0);
}

static void stop(int signo, void *user)
{
	hull_stop(0);
}

int hull_start(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : "*:8080";
	struct hull_http_config config = { 0 };
	char text[HULL_ADDRESS_TEXT];
	struct hull_address local;
	int err = hull_address_parse(where, 8080, &config.local);

	if (err == 0)
		err = hull_http_listen(&config, &server);
	if (err != 0) {
		hull_log("http-hello: %s: %s", where, strerror(-err));
		return 1;
	}
	if (hull_http_route(server, "GET", "/", hello, NULL) != 0 ||
	    hull_http_route(server, "GET", "/hello/:name", greet, NULL) != 0 ||
	    hull_http_route(server, "POST", "/echo", echo, NULL) != 0 ||
	    hull_http_route(server, "GET", "/count", count, NULL) != 0 ||
	    hull_http_route(server, "GET", "/later/:ms", later, NULL) != 0) {
		hull_log("http-hello: there is no memory");
		return 1;
	}
	hull_on_interrupt(SIGTERM, stop, NULL);
	hull_on_interrupt(SIGINT, stop, NULL);
	local = hull_http_local(server);
	hull_log("serving on %s (%s)", hull_address_text(&local, text), hull_backend());
	return 0;
}
