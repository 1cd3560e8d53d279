/* SPDX-License-Identifier: BSD-2-Clause */
/* The server as a whole, and plain TCP as a transport. */
#include <errno.h>
#include <stdlib.h>

#include "http/http.h"

/* ---- plain TCP: hull_tcp's callbacks with the connection ---- */

static size_t plain_received(struct hull_tcp *t, const void *data, size_t len)
{
	return hull_http_sink.received(hull_tcp_user(t), data, len);
}

static void plain_ended(struct hull_tcp *t)
{
	hull_http_sink.ended(hull_tcp_user(t));
}

static void plain_drained(struct hull_tcp *t)
{
	hull_http_sink.drained(hull_tcp_user(t));
}

static void plain_closed(struct hull_tcp *t, int error)
{
	hull_http_sink.closed(hull_tcp_user(t), error);
}

static int plain_open(void *context, struct hull_tcp *t, const struct hull_sink *sink, void *user,
		      void **stream)
{
	static const struct hull_tcp_events events = {
		.received = plain_received,
		.ended = plain_ended,
		.drained = plain_drained,
		.closed = plain_closed,
	};

	(void)context, (void)sink; /* it is hull_http_sink: one call less */
	hull_tcp_set_user(t, user);
	hull_tcp_set_events(t, &events);
	*stream = t;
	return 0;
}

static int plain_send(void *stream, const void *data, size_t len)
{
	return hull_tcp_send(stream, data, len);
}

static size_t plain_unsent(const void *stream)
{
	return hull_tcp_unsent(stream);
}

static void plain_pause(void *stream)
{
	hull_tcp_pause(stream);
}

static void plain_resume(void *stream)
{
	hull_tcp_resume(stream);
}

static void plain_finish(void *stream)
{
	hull_tcp_finish(stream);
}

static void plain_close(void *stream)
{
	hull_tcp_close(stream);
}

static void plain_abort(void *stream)
{
	hull_tcp_abort(stream);
}

const struct hull_transport hull_http_plain = {
	plain_open,   plain_send,   plain_unsent, plain_pause,
	plain_resume, plain_finish, plain_close,  plain_abort,
};

/* ---- connections that come ---- */

/* Of one that is not adopted. */
static size_t discard(struct hull_tcp *t, const void *data, size_t len)
{
	(void)t, (void)data;
	return len;
}

static void accepted(struct hull_listener *l, struct hull_tcp *t)
{
	if (hull_http_adopt(hull_listener_user(l), t) != 0)
		hull_tcp_abort(t);
}

#define HEAD_LIMIT_MAX (48u * 1024)

static void set_usual(struct hull_http_config *c)
{
	c->most_connections = c->most_connections == 0 ? 10000 : c->most_connections;
	c->head_limit = c->head_limit == 0 ? 16384 : min(c->head_limit, (size_t)HEAD_LIMIT_MAX);
	c->body_limit = c->body_limit == 0 ? 1 << 20 : c->body_limit;
	c->head_timeout = c->head_timeout == 0 ? 10 * HULL_SECOND : c->head_timeout;
	c->idle_timeout = c->idle_timeout == 0 ? 60 * HULL_SECOND : c->idle_timeout;
	c->stall_timeout = c->stall_timeout == 0 ? 30 * HULL_SECOND : c->stall_timeout;
	c->transport = c->transport == NULL ? &hull_http_plain : c->transport;
}

int hull_http_listen(const struct hull_http_config *config, struct hull_http_server **out)
{
	static const struct hull_tcp_events events = { .received = discard };
	struct hull_http_server *s = calloc(1, sizeof(*s));
	struct hull_listen_config listen = { .local = config->local,
					     .reuse_port = config->reuse_port,
					     .events = &events,
					     .accepted = accepted,
					     .user = s };
	int err;

	if (s == NULL)
		return -ENOMEM;
	s->config = *config;
	set_usual(&s->config);
	list_init(&s->routes);
	list_init(&s->connections);
	err = hull_tcp_listen(&listen, &s->listener);
	if (err != 0) {
		free(s);
		return err;
	}
	s->local = hull_listener_local(s->listener);
	*out = s;
	return 0;
}

struct hull_address hull_http_local(const struct hull_http_server *s)
{
	return s->local;
}

void hull_http_free_if_done(struct hull_http_server *s)
{
	if (s->listener != NULL || s->nr_connections > 0)
		return;
	hull_http_free_routes(s);
	free(s);
}

void hull_http_close(struct hull_http_server *s)
{
	hull_listener_close(s->listener);
	s->listener = NULL;
	hull_http_end_all(s);
	hull_http_free_if_done(s);
}
