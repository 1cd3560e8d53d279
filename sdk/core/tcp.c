/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP: bytes that wait to be sent, in chunks; bytes that `received` has left; and what is called
 * when. How a connection ends:
 *
 *	open -> finishing	hull_tcp_finish: when all bytes are with the system, its end too
 *	open, finishing -> closing	hull_tcp_close: the same, and it is closed then
 *	finishing -> closing	the peer has ended as well
 *	any -> closed		the backend closes it, or says that it is over: `closed` is due
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

#define CHUNK_LEAST 4096u /* bytes: small sends share one */

/* ---- birth ---- */

static struct hull_tcp *new_connection(const struct hull_tcp_events *events, void *user)
{
	struct hull_tcp *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	hull_endpoint_init(&c->e, HULL_TCP, user);
	list_init(&c->dirty_link);
	list_init(&c->news_link);
	list_init(&c->out);
	c->events = events;
	return c;
}

static size_t limit_of(size_t wanted)
{
	return wanted == 0 ? HULL_HOLD_USUAL : wanted;
}

static void drop_out(struct hull_tcp *c)
{
	struct hull_chunk *k;

	while ((k = list_first(&c->out, struct hull_chunk, link)) != NULL) {
		list_remove(&k->link);
		free(k);
	}
	c->out_len = c->copied_len = 0;
}

static void free_connection(struct hull_tcp *c)
{
	drop_out(c);
	free(c->hold);
	free(c);
}

static void run_news(struct hull_loop *l);

/* The loop's first: it has connections from now on. */
static int begin(struct hull_loop *l)
{
	static const struct hull_streams streams = { .news = run_news, .free = free_connection };
	const struct hull_stream_backend *const *b = hull_stream_backends;
	int err;

	if (l->stream_backend != NULL)
		return 0;
	while ((*b)->of != l->backend)
		b++;
	err = (*b)->begin(l);
	if (err != 0)
		return err;
	l->stream_backend = *b;
	l->streams = &streams;
	return 0;
}

int hull_tcp_connect(const struct hull_connect_config *config, struct hull_tcp **out)
{
	struct hull_tcp *c = new_connection(config->events, config->user);
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->hold_limit = limit_of(config->hold_limit);
	c->remote = config->remote;
	err = begin(c->e.loop);
	if (err == 0)
		err = c->e.loop->stream_backend->connect(c, config);
	if (err != 0) {
		hull_endpoint_undo(&c->e);
		free_connection(c);
		return err;
	}
	*out = c;
	return 0;
}

/* ---- listeners ---- */

int hull_tcp_listen(const struct hull_listen_config *config, struct hull_listener **out)
{
	struct hull_listener *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return -ENOMEM;
	hull_endpoint_init(&l->e, HULL_LISTENER, config->user);
	l->events = config->events;
	l->accepted = config->accepted;
	l->hold_limit = limit_of(config->hold_limit);
	err = begin(l->e.loop);
	if (err == 0)
		err = l->e.loop->stream_backend->listen(l, config);
	if (err != 0) {
		hull_endpoint_undo(&l->e);
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void hull_listener_close(struct hull_listener *l)
{
	if (l->e.is_closed)
		return;
	l->e.loop->backend->endpoint_close(&l->e, false);
	hull_endpoint_doom(&l->e);
}

void *hull_listener_user(const struct hull_listener *l)
{
	return l->e.user;
}

struct hull_address hull_listener_local(const struct hull_listener *l)
{
	return l->e.local;
}

struct hull_tcp *hull_tcp_accepted(struct hull_listener *l)
{
	struct hull_tcp *c = new_connection(l->events, l->e.user);

	if (c != NULL)
		c->hold_limit = l->hold_limit;
	return c;
}

void hull_tcp_tell_accepted(struct hull_listener *l, struct hull_tcp *c)
{
	if (l->accepted != NULL && !l->e.is_closed && !c->e.loop->stops)
		l->accepted(l, c);
}

/* ---- what is due ---- */

void hull_tcp_mark(struct hull_tcp *c)
{
	if (list_is_empty(&c->dirty_link))
		list_append(&c->e.loop->dirty, &c->dirty_link);
}

static void add_news(struct hull_tcp *c, unsigned news)
{
	c->news |= news;
	if (list_is_empty(&c->news_link))
		list_append(&c->e.loop->news, &c->news_link);
}

static bool is_silent(const struct hull_tcp *c)
{
	return c->e.is_closed || c->is_closing || c->e.loop->stops;
}

static void tell_closed(struct hull_tcp *c)
{
	hull_endpoint_doom(&c->e);
	if (c->events->closed != NULL && !c->e.loop->stops)
		c->events->closed(c, c->error);
}

static void resumed(struct hull_tcp *c);

static void run_news(struct hull_loop *l)
{
	struct hull_tcp *c;
	unsigned news;

	while ((c = list_first(&l->news, struct hull_tcp, news_link)) != NULL && !l->stops) {
		list_remove(&c->news_link);
		news = c->news;
		c->news = 0;
		if ((news & HULL_NEWS_CLOSED) != 0) {
			tell_closed(c);
			continue;
		}
		if ((news & HULL_NEWS_DRAINED) != 0 && c->out_len == 0 && !is_silent(c))
			c->events->drained(c);
		if ((news & HULL_NEWS_RESUMED) != 0 && !c->is_paused && !is_silent(c))
			resumed(c);
	}
}

void hull_tcp_over(struct hull_tcp *c, int error)
{
	if ((c->news & HULL_NEWS_CLOSED) != 0 || c->e.is_closed)
		return;
	if (c->e.id >= 0)
		c->e.loop->backend->endpoint_close(&c->e, error != 0);
	c->is_closing = true;
	c->error = error;
	list_remove(&c->dirty_link);
	drop_out(c);
	add_news(c, HULL_NEWS_CLOSED);
}

/* ---- out ---- */

static struct hull_chunk *last_with_room(struct hull_tcp *c)
{
	struct hull_chunk *k = list_last(&c->out, struct hull_chunk, link);

	return k == NULL || k->free == 0 ? NULL : k;
}

/* As much as the last chunk has room for; NULL chunk: nothing. */
static size_t fill_last(struct hull_tcp *c, const uint8_t *data, size_t len)
{
	struct hull_chunk *k = last_with_room(c);
	size_t n = k == NULL ? 0 : min(len, k->free);

	if (n == 0)
		return 0;
	memcpy((uint8_t *)(uintptr_t)k->data + k->len, data, n);
	k->len += n;
	k->free -= n;
	return n;
}

static struct hull_chunk *new_chunk(size_t room)
{
	struct hull_chunk *k = malloc(sizeof(*k) + room);

	if (k == NULL)
		return NULL;
	k->data = k->room;
	k->len = 0;
	k->free = room;
	k->is_copied = room > 0;
	return k;
}

static int may_send(const struct hull_tcp *c)
{
	return c->e.is_closed || c->is_closing || c->is_finishing ? -EPIPE : 0;
}

static void gave(struct hull_tcp *c, size_t len)
{
	c->out_len += len;
	c->drained_wanted = true;
	hull_tcp_mark(c);
}

int hull_tcp_send(struct hull_tcp *c, const void *data, size_t len)
{
	struct hull_chunk *k = last_with_room(c), *more = NULL;
	size_t n = k == NULL ? 0 : min(len, k->free);
	int err = may_send(c);

	if (err != 0 || len == 0)
		return err;
	if (len > HULL_TCP_UNSENT || c->copied_len > HULL_TCP_UNSENT - len)
		return -EAGAIN;
	if (n < len) {
		more = new_chunk(max(len - n, (size_t)CHUNK_LEAST));
		if (more == NULL)
			return -ENOMEM;
	}
	(void)fill_last(c, data, n);
	if (more != NULL) {
		list_append(&c->out, &more->link);
		(void)fill_last(c, (const uint8_t *)data + n, len - n);
	}
	c->copied_len += len;
	gave(c, len);
	return 0;
}

int hull_tcp_send_static(struct hull_tcp *c, const void *data, size_t len)
{
	struct hull_chunk *k;
	int err = may_send(c);

	if (err != 0 || len == 0)
		return err;
	k = new_chunk(0);
	if (k == NULL)
		return -ENOMEM;
	k->data = data;
	k->len = len;
	list_append(&c->out, &k->link);
	gave(c, len);
	return 0;
}

size_t hull_tcp_unsent(const struct hull_tcp *c)
{
	return c->out_len;
}

void hull_tcp_sent(struct hull_tcp *c, size_t n)
{
	c->out_len -= n;
	while (n > 0) {
		struct hull_chunk *k = list_first(&c->out, struct hull_chunk, link);
		size_t part = min(n, k->len);

		if (k->is_copied)
			c->copied_len -= part;
		k->data += part;
		k->len -= part;
		n -= part;
		if (k->len > 0)
			break;
		list_remove(&k->link);
		free(k);
	}
}

bool hull_tcp_wants_result(const struct hull_tcp *c)
{
	return c->is_closing || c->is_finishing || c->events->drained != NULL;
}

void hull_tcp_flushed(struct hull_tcp *c)
{
	if (c->out_len > 0 || c->e.is_closed)
		return;
	if (c->drained_wanted && c->events->drained != NULL && !is_silent(c))
		add_news(c, HULL_NEWS_DRAINED);
	c->drained_wanted = false;
	if (c->is_finishing && !c->told_finish)
		hull_tcp_mark(c);
	if (c->is_finishing && c->told_finish && c->got_end && !c->is_end_due)
		c->is_closing = true;
	if (c->is_closing)
		hull_tcp_over(c, 0);
}

void hull_tcp_writable(struct hull_tcp *c)
{
	c->is_blocked = false;
	hull_tcp_mark(c);
}

void hull_tcp_finish(struct hull_tcp *c)
{
	if (c->e.is_closed || c->is_finishing)
		return;
	c->is_finishing = true;
	hull_tcp_mark(c);
}

void hull_tcp_close(struct hull_tcp *c)
{
	if (c->e.is_closed || c->is_closing)
		return;
	c->is_closing = true;
	hull_tcp_mark(c);
}

void hull_tcp_abort(struct hull_tcp *c)
{
	hull_tcp_over(c, ECONNABORTED);
}

/* ---- in ---- */

void hull_tcp_connected(struct hull_tcp *c)
{
	if (c->events->connected != NULL && !is_silent(c))
		c->events->connected(c);
}

/* False: no memory. */
static bool hold_more(struct hull_tcp *c, const uint8_t *data, size_t len)
{
	size_t room = c->hold_room;
	uint8_t *larger;

	while (room < c->hold_len + len)
		room = room == 0 ? 1024 : room * 2;
	if (room != c->hold_room) {
		larger = realloc(c->hold, room);
		if (larger == NULL)
			return false;
		c->hold = larger;
		c->hold_room = room;
	}
	memcpy(c->hold + c->hold_len, data, len);
	c->hold_len += len;
	return true;
}

/* How many bytes of those the callback is done with. */
static size_t call_received(struct hull_tcp *c, const void *data, size_t len)
{
	size_t n = c->events->received(c, data, len);

	return min(n, len);
}

static void show_held(struct hull_tcp *c)
{
	size_t n;

	if (c->hold_len == 0)
		return;
	n = call_received(c, c->hold, c->hold_len);
	c->hold_len -= n;
	memmove(c->hold, c->hold + n, c->hold_len);
}

/* Behind what was left: how many of the bytes are held now. */
static size_t arrive_behind(struct hull_tcp *c, const uint8_t *data, size_t len)
{
	size_t done = 0, part;

	while (done < len && c->hold_len > 0 && !c->is_paused && !is_silent(c)) {
		part = c->hold_len < c->hold_limit ? c->hold_limit - c->hold_len : 0;
		part = min(len - done, part);
		if (part == 0 || !hold_more(c, data + done, part)) {
			hull_tcp_over(c, part == 0 ? EMSGSIZE : ENOMEM);
			return len;
		}
		done += part;
		show_held(c);
	}
	return done;
}

size_t hull_tcp_arrived(struct hull_tcp *c, const void *data, size_t len)
{
	const uint8_t *at = data;
	size_t done;

	if (is_silent(c))
		return len;
	if (c->is_paused)
		return 0;
	done = arrive_behind(c, at, len);
	if (done < len && !c->is_paused && !is_silent(c))
		done += call_received(c, at + done, len - done);
	if (is_silent(c))
		return len;
	if (done == len || c->is_paused)
		return done;
	if (len - done > c->hold_limit)
		hull_tcp_over(c, EMSGSIZE);
	else if (!hold_more(c, at + done, len - done))
		hull_tcp_over(c, ENOMEM);
	return len;
}

void hull_tcp_keep_rest(struct hull_tcp *c, const void *data, size_t len)
{
	if (!hold_more(c, data, len))
		hull_tcp_over(c, ENOMEM);
}

/* Behind all bytes: not while it is paused. */
static void tell_end(struct hull_tcp *c)
{
	if (!c->is_end_due || c->is_paused || is_silent(c))
		return;
	c->is_end_due = false;
	if (c->events->ended != NULL)
		c->events->ended(c);
	else
		hull_tcp_close(c);
	hull_tcp_mark(c); /* both ends may have finished now */
}

void hull_tcp_ended(struct hull_tcp *c)
{
	if (c->got_end || c->e.is_closed)
		return;
	c->got_end = true;
	if (is_silent(c))
		return;
	c->is_end_due = true;
	if ((c->news & HULL_NEWS_RESUMED) == 0)
		tell_end(c);
}

static void resumed(struct hull_tcp *c)
{
	show_held(c);
	tell_end(c);
}

void hull_tcp_pause(struct hull_tcp *c)
{
	if (!c->is_paused)
		hull_tcp_mark(c);
	c->is_paused = true;
}

void hull_tcp_resume(struct hull_tcp *c)
{
	if (!c->is_paused || c->e.is_closed)
		return;
	c->is_paused = false;
	hull_tcp_mark(c);
	add_news(c, HULL_NEWS_RESUMED);
}

/* ---- what it is like ---- */

void *hull_tcp_user(const struct hull_tcp *c)
{
	return c->e.user;
}

void hull_tcp_set_user(struct hull_tcp *c, void *user)
{
	c->e.user = user;
}

void hull_tcp_set_events(struct hull_tcp *c, const struct hull_tcp_events *events)
{
	c->events = events;
}

struct hull_address hull_tcp_local(const struct hull_tcp *c)
{
	return c->e.local;
}

struct hull_address hull_tcp_remote(const struct hull_tcp *c)
{
	return c->remote;
}
