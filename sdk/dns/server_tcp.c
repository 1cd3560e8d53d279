/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server by TCP too (RFC 7766): messages with their lengths before them, several on the way at
 * once, answered in their order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/server.h"
#include "lib/compiler.h"
#include "lib/list.h"

#define TCP_ROOM (65535u + 2)
#define TCP_QUEUE \
	(256u * 1024) /* bytes of answers that the peer has not read: then it is not read */

struct server {
	struct hull_dns_server base;
	struct hull_listener *listener;
	struct list connections;
	unsigned nr_connections;
	bool is_closed;
	uint8_t room[TCP_ROOM];
};

struct connection {
	struct server *server;
	struct hull_tcp *tcp;
	struct list link;
	bool is_paused;
	struct hull_timer idle;
};

static void free_if_done(struct server *s)
{
	if (s->is_closed && s->nr_connections == 0)
		free(s);
}

/* One message, if it is whole: how many bytes it takes. */
static size_t answer_one(struct connection *c, const uint8_t *bytes, size_t len)
{
	struct server *s = c->server;
	struct hull_dns_query query = { bytes + 2, 0, true };
	size_t n;

	if (len < 2)
		return 0;
	query.len = (size_t)bytes[0] << 8 | bytes[1];
	if (len - 2 < query.len)
		return 0;
	n = hull_dns_answer(s->base.config.zones, &query, s->room + 2, TCP_ROOM - 2);
	hull_dns_count(&s->base, s->room + 2, n);
	s->base.counts.by_tcp++;
	s->room[0] = (uint8_t)(n >> 8);
	s->room[1] = (uint8_t)n;
	/* Who sends what is no query is not listened to. */
	if (n == 0 || hull_tcp_send(c->tcp, s->room, n + 2) != 0)
		hull_tcp_abort(c->tcp);
	return 2 + query.len;
}

static size_t tcp_received(struct hull_tcp *t, const void *data, size_t len)
{
	struct connection *c = hull_tcp_user(t);
	size_t done = 0, n = 1;

	while (n > 0 && hull_tcp_unsent(t) < TCP_QUEUE) {
		n = answer_one(c, (const uint8_t *)data + done, len - done);
		done += n;
	}
	if (done > 0)
		hull_timer_start(&c->idle, c->server->base.config.idle_timeout, 0);
	if (n > 0) {
		c->is_paused = true;
		hull_tcp_pause(t);
	}
	return done;
}

static void tcp_drained(struct hull_tcp *t)
{
	struct connection *c = hull_tcp_user(t);

	if (c->is_paused)
		hull_tcp_resume(t);
	c->is_paused = false;
}

static void tcp_closed(struct hull_tcp *t, int error)
{
	struct connection *c = hull_tcp_user(t);
	struct server *s = c->server;

	(void)error;
	hull_timer_stop(&c->idle);
	list_remove(&c->link);
	free(c);
	s->nr_connections--;
	free_if_done(s);
}

/* A peer that asks nothing, or reads nothing. */
static void tcp_idle(struct hull_timer *timer, void *user)
{
	struct connection *c = user;

	(void)timer;
	hull_tcp_abort(c->tcp);
}

static size_t discard(struct hull_tcp *t, const void *data, size_t len)
{
	(void)t, (void)data;
	return len;
}

static const struct hull_tcp_events refused_events = { .received = discard };
static const struct hull_tcp_events tcp_events = {
	.received = tcp_received,
	.drained = tcp_drained,
	.closed = tcp_closed,
};

static void accepted(struct hull_listener *l, struct hull_tcp *t)
{
	struct server *s = hull_listener_user(l);
	struct connection *c = NULL;

	if (s->nr_connections < s->base.config.most_connections)
		c = calloc(1, sizeof(*c));
	if (c == NULL) {
		hull_tcp_abort(t);
		return;
	}
	c->server = s;
	c->tcp = t;
	hull_tcp_set_user(t, c);
	hull_tcp_set_events(t, &tcp_events);
	list_append(&s->connections, &c->link);
	s->nr_connections++;
	hull_timer_init(&c->idle, tcp_idle, c);
	hull_timer_start(&c->idle, s->base.config.idle_timeout, 0);
}

/* ---- the whole ---- */

static int listen_tcp(struct server *s)
{
	struct hull_listen_config config = { .local = s->base.local,
					     .reuse_port = s->base.config.reuse_port,
					     .hold_limit = TCP_ROOM,
					     .events = &refused_events,
					     .accepted = accepted,
					     .user = s };

	return hull_tcp_listen(&config, &s->listener);
}

static void close_all(struct hull_dns_server *base)
{
	struct server *s = container_of(base, struct server, base);
	struct connection *c;

	hull_listener_close(s->listener);
	s->is_closed = true;
	list_foreach(&s->connections, c, link)
		hull_tcp_close(c->tcp);
	free_if_done(s);
}

int hull_dns_listen(const struct hull_dns_config *config, struct hull_dns_server **out)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -ENOMEM;
	list_init(&s->connections);
	s->base.close = close_all;
	err = hull_dns_begin(&s->base, config);
	if (err != 0)
		goto err_free;
	if (config->most_connections == 0)
		s->base.config.most_connections = 1000;
	if (config->idle_timeout == 0)
		s->base.config.idle_timeout = 10 * HULL_SECOND;
	err = listen_tcp(s);
	if (err != 0)
		goto err_close;
	*out = &s->base;
	return 0;
err_close:
	hull_udp_close(s->base.udp);
err_free:
	free(s);
	return err;
}
