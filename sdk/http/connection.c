/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection's life. http.h has its states; hull_http.h what its time-outs are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

#define LINGER_TIME  (2 * HULL_SECOND)
#define PART         HULL_HTTP_UNSENT /* bytes of a long answer that are given at once */
#define BODY_AT_ONCE 4096u            /* bytes: the first room of a collected body */

struct http_connection *hull_http_connection_of(const struct hull_http_request *r)
{
	return (struct http_connection *)(uintptr_t)r;
}

/* ---- time ---- */

static void start_timer(struct http_connection *c)
{
	c->timer_due = c->deadline;
	hull_timer_start(&c->timer, c->deadline - hull_now(), 0);
}

/* A later deadline costs nothing: the timer is put off when it comes. */
static void set_deadline(struct http_connection *c, hull_ns delay)
{
	c->deadline = hull_now() + delay;
	if (!hull_timer_is_set(&c->timer) || c->timer_due > c->deadline)
		start_timer(c);
}

static size_t unsent(const struct http_connection *c)
{
	return c->transport->unsent(c->stream);
}

/* How much of what was given is with the system. */
static int64_t progress(const struct http_connection *c)
{
	return (int64_t)(c->given - unsent(c));
}

/* ---- the end ---- */

static void free_request(struct hull_http_request *r)
{
	free(r->copy);
	free(r->collected);
	free(r->fields);
	r->copy = r->collected = r->fields = NULL;
	r->bytes = r->body = NULL;
	r->body_len = r->collected_room = r->fields_len = 0;
	r->nr_parameters = 0;
	r->has_begun = r->is_chunked = false;
	r->drained = NULL;
}

static void drop_rest(struct http_connection *c)
{
	free(c->rest_owned);
	c->rest_owned = NULL;
	c->rest = NULL;
	c->rest_len = 0;
}

static void free_connection(struct http_connection *c)
{
	struct hull_http_server *s = c->server;

	free_request(&c->r);
	drop_rest(c);
	list_remove(&c->link);
	s->nr_connections--;
	free(c);
	hull_http_free_if_done(s);
}

static void resume(struct http_connection *c)
{
	if (c->is_paused && !c->in_received) {
		c->is_paused = false;
		c->transport->resume(c->stream);
	}
}

static void linger(struct http_connection *c)
{
	c->state = HTTP_LINGER;
	c->was_sent = progress(c);
	c->transport->finish(c->stream);
	/* The peer has the usual time to read: drained() tells when all is with the system. */
	set_deadline(c, unsent(c) > 0 ? c->server->config.stall_timeout : LINGER_TIME);
	resume(c);
}

void hull_http_give_up(struct http_connection *c)
{
	c->state = HTTP_LINGER;
	if (c->stream != NULL)
		c->transport->abort(c->stream);
}

void hull_http_answered(struct http_connection *c)
{
	bool ends = c->ends || !c->r.head.keeps_alive;

	free_request(&c->r);
	drop_rest(c);
	if (c->stream == NULL) {
		free_connection(c);
		return;
	}
	if (c->state == HTTP_LINGER) /* given up */
		return;
	if (ends) {
		linger(c);
		return;
	}
	c->state = HTTP_HEAD;
	c->has_begun = false;
	c->was_sent = progress(c);
	set_deadline(c, c->server->config.idle_timeout);
	if (unsent(c) <= HULL_HTTP_UNSENT)
		resume(c);
}

/* What came is no request, or none that is wanted: it is said, and nothing else is read. */
static void refuse(struct http_connection *c, int status)
{
	c->ends = true;
	c->state = HTTP_ANSWER;
	hull_http_refuse(&c->r, status, NULL);
}

/* ---- time is over ---- */

static bool peer_reads(struct http_connection *c)
{
	int64_t before = c->was_sent;

	c->was_sent = progress(c);
	return c->was_sent > before;
}

static void expired(struct http_connection *c)
{
	bool waits = unsent(c) > 0;

	if (waits && !peer_reads(c)) {
		hull_http_give_up(c);
		return;
	}
	if (waits || (c->state == HTTP_ANSWER && c->r.has_begun))
		set_deadline(c, c->server->config.stall_timeout);
	else if (c->state == HTTP_BODY || (c->state == HTTP_HEAD && c->has_begun))
		refuse(c, 408);
	else if (c->state == HTTP_HEAD || c->state == HTTP_LINGER)
		c->transport->close(c->stream); /* what the system has still goes: no reset */
}

static void timer_came(struct hull_timer *t, void *user)
{
	struct http_connection *c = user;

	(void)t;
	if (c->deadline > hull_now())
		start_timer(c);
	else if (c->stream != NULL)
		expired(c);
}

/* ---- the answer's bytes ---- */

bool hull_http_send(struct http_connection *c, const void *data, size_t len)
{
	if (c->stream == NULL || c->state == HTTP_LINGER)
		return false;
	if (len == 0)
		return true;
	if (c->transport->send(c->stream, data, len) == 0) {
		c->given += len;
		return true;
	}
	hull_http_give_up(c);
	return false;
}

static void send_parts(struct http_connection *c)
{
	size_t n;

	while (c->rest_len > 0 && unsent(c) < PART) {
		n = min(c->rest_len, PART);
		if (!hull_http_send(c, c->rest, n)) {
			c->rest_len = 0;
			break;
		}
		c->rest += n;
		c->rest_len -= n;
	}
	if (c->rest_len == 0)
		hull_http_answered(c);
}

void hull_http_watch_stall(struct http_connection *c)
{
	if (hull_http_is_gone(&c->r))
		return;
	c->was_sent = progress(c);
	set_deadline(c, c->server->config.stall_timeout);
}

void hull_http_send_rest(struct http_connection *c, const void *data, size_t len, void *owned)
{
	c->rest = data;
	c->rest_len = len;
	c->rest_owned = owned;
	c->r.has_begun = true;
	if (c->stream == NULL || c->state == HTTP_LINGER) {
		hull_http_answered(c);
		return;
	}
	hull_http_watch_stall(c);
	send_parts(c);
}

/* ---- requests ---- */

/* The bytes are the stream's: moved to memory of the request's own. */
static int detach(struct hull_http_request *r, size_t head_len)
{
	if (r->copy == NULL) {
		r->copy = malloc(head_len);
		if (r->copy == NULL)
			return -ENOMEM;
		memcpy(r->copy, r->bytes, head_len);
		r->bytes = r->copy;
	}
	if (r->body_len == 0 || r->collected != NULL)
		return 0;
	r->collected = malloc(r->body_len);
	if (r->collected == NULL)
		return -ENOMEM;
	memcpy(r->collected, r->body, r->body_len);
	r->body = r->collected;
	return 0;
}

static void call_handler(struct http_connection *c, const struct http_route *t, const char *allow)
{
	struct hull_http_request *r = &c->r;
	struct hull_bytes method = hull_http_method(r);
	bool is_options = method.len == 7 && memcmp(method.data, "OPTIONS", 7) == 0;
	bool is_star = r->head.path.len == 1 && r->bytes[r->head.path.at] == '*';

	if (t != NULL)
		t->fn(r, t->user);
	else if (*allow == '\0' && !is_star)
		hull_http_refuse(r, hull_http_knows_method(method) ? 404 : 501, NULL);
	else if (!is_star && hull_http_set_header(r, "Allow", allow) != 0)
		hull_http_give_up(c);
	else if (is_options)
		hull_http_respond(r, 204, NULL, NULL, 0);
	else
		hull_http_refuse(r, hull_http_knows_method(method) ? 405 : 501, NULL);
}

/* The request is whole; its head takes that many bytes. */
static void deliver(struct http_connection *c, size_t head_len)
{
	char allow[HTTP_ALLOW_MAX];
	const struct http_route *t;

	c->state = HTTP_ANSWER;
	t = hull_http_find_route(c->server, &c->r, allow);
	call_handler(c, t, allow);
	if (c->r.bytes == NULL) /* answered, or given up and answered */
		return;
	if (detach(&c->r, head_len) == 0)
		return;
	/* The handler has it: empty, and nobody waits for the answer. */
	memset(&c->r.head, 0, sizeof(c->r.head));
	c->r.bytes = "";
	c->r.nr_parameters = 0;
	c->r.body_len = 0;
	hull_http_give_up(c);
}

/* Bytes of the body. -413, -ENOMEM. */
static int collect(struct http_connection *c, const char *data, size_t len)
{
	struct hull_http_request *r = &c->r;
	size_t limit = c->server->config.body_limit, room = r->collected_room;
	char *larger;

	if (len > limit - r->body_len)
		return -413;
	if (r->body_len + len > room) {
		room = room == 0 ? BODY_AT_ONCE : room * 2;
		room = max(room, r->body_len + len);
		larger = realloc(r->collected, min(room, limit));
		if (larger == NULL)
			return -ENOMEM;
		r->collected = larger;
		r->collected_room = min(room, limit);
	}
	if (len > 0)
		memcpy(r->collected + r->body_len, data, len);
	r->body_len += len;
	r->body = r->collected;
	return 0;
}

/* How many of the bytes are done with; 0: more are needed. */
static size_t read_body(struct http_connection *c, const char *bytes, size_t len)
{
	struct hull_http_request *r = &c->r;
	struct http_slice data = { 0, 0 };
	size_t used = 0;
	int err;

	if (r->head.is_chunked) {
		err = hull_http_read_chunks(&c->chunks, bytes, len, &used, &data);
	} else {
		used = (size_t)min((uint64_t)len, r->head.length - r->body_len);
		data.len = (uint32_t)used;
		err = 0;
	}
	if (err == 0)
		err = collect(c, bytes, data.len);
	if (err != 0) {
		refuse(c, err == -ENOMEM ? 503 : -err);
		return len;
	}
	if (r->head.is_chunked ? c->chunks.state == HTTP_CHUNK_DONE : r->body_len == r->head.length)
		deliver(c, 0);
	else if (used > 0)
		set_deadline(c, c->server->config.stall_timeout);
	return used;
}

/* The head is whole, and len - head_len bytes follow it. How many of those are done with. */
static size_t begin_request(struct http_connection *c, size_t head_len, size_t len)
{
	struct hull_http_request *r = &c->r;
	size_t behind = len - head_len;

	if (r->head.length > c->server->config.body_limit) {
		refuse(c, 413);
		return behind;
	}
	if (!r->head.is_chunked && r->head.length <= behind) {
		r->body = r->bytes + head_len;
		r->body_len = (size_t)r->head.length;
		deliver(c, head_len);
		return (size_t)r->head.length;
	}
	c->state = HTTP_BODY;
	c->chunks = (struct http_chunks){ .state = HTTP_CHUNK_SIZE };
	if (detach(r, head_len) != 0) {
		refuse(c, 503);
		return behind;
	}
	if (r->head.expects_continue && behind == 0)
		hull_http_send_continue(c);
	set_deadline(c, c->server->config.stall_timeout);
	return 0;
}

static size_t read_head(struct http_connection *c, const char *bytes, size_t len)
{
	int n = hull_http_read_head(bytes, len, c->server->config.head_limit, &c->scan, &c->r.head);

	if (n == 0) {
		if (!c->has_begun)
			set_deadline(c, c->server->config.head_timeout);
		c->has_begun = true;
		return 0;
	}
	c->scan = (struct http_scan){ 0 };
	if (n < 0) {
		memset(&c->r.head, 0, sizeof(c->r.head));
		refuse(c, -n);
		return len;
	}
	c->r.bytes = bytes;
	return (size_t)n + begin_request(c, (size_t)n, len);
}

/* ---- what the stream tells ---- */

static size_t received(void *user, const void *data, size_t len)
{
	struct http_connection *c = user;
	const char *bytes = data;
	size_t done = 0, n = 1;

	c->in_received = true;
	while (done < len && n > 0 && c->state < HTTP_ANSWER && unsent(c) <= HULL_HTTP_UNSENT) {
		n = c->state == HTTP_HEAD ? read_head(c, bytes + done, len - done)
					  : read_body(c, bytes + done, len - done);
		done += n;
	}
	c->in_received = false;
	if (c->state == HTTP_LINGER)
		return len;
	if (c->state == HTTP_ANSWER || unsent(c) > HULL_HTTP_UNSENT) {
		c->is_paused = true;
		c->transport->pause(c->stream);
	}
	return done;
}

static void ended(void *user)
{
	struct http_connection *c = user;

	if (c->state == HTTP_ANSWER)
		c->ends = true;
	else
		c->transport->close(c->stream);
}

static void tell_drained(struct http_connection *c)
{
	hull_http_handler *fn = c->r.drained;

	c->r.drained = NULL;
	if (fn != NULL)
		fn(&c->r, c->r.drained_user);
}

static void drained(void *user)
{
	struct http_connection *c = user;

	if (c->state == HTTP_LINGER)
		set_deadline(c, LINGER_TIME);
	else if (c->rest_len > 0)
		send_parts(c);
	else if (c->state == HTTP_ANSWER)
		tell_drained(c);
	else
		resume(c);
}

static void closed(void *user, int error)
{
	struct http_connection *c = user;

	(void)error;
	hull_timer_stop(&c->timer);
	c->stream = NULL;
	if (c->r.bytes == NULL || c->state == HTTP_BODY) {
		free_connection(c);
		return;
	}
	/* A handler has the request, unless its answer was only on the way out. */
	if (c->rest_owned != NULL || c->rest_len > 0)
		hull_http_answered(c);
	else
		tell_drained(c);
}

const struct hull_sink hull_http_sink = { received, ended, drained, closed };

/* ---- birth ---- */

int hull_http_adopt(struct hull_http_server *s, struct hull_tcp *tcp)
{
	struct http_connection *c;
	int err;

	if (s->nr_connections >= s->config.most_connections)
		return -EMFILE;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->server = s;
	c->transport = s->config.transport;
	c->remote = hull_tcp_remote(tcp);
	hull_timer_init(&c->timer, timer_came, c);
	err = c->transport->open(s->config.transport_context, tcp, &hull_http_sink, c, &c->stream);
	if (err != 0) {
		free(c);
		return err;
	}
	list_append(&s->connections, &c->link);
	s->nr_connections++;
	set_deadline(c, s->config.idle_timeout);
	return 0;
}

void hull_http_end_all(struct hull_http_server *s)
{
	struct http_connection *c;

	list_foreach(&s->connections, c, link) {
		c->ends = true;
		if (c->state < HTTP_ANSWER)
			c->transport->close(c->stream);
	}
}
