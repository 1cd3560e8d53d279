/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of the HTTP server's connections on virtual time: time-outs of heads, bodies, idle ones
 * and peers that do not read; limits; the end of the server. hull_http.h says what is meant.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hull_http.h>

#include "wire.h"

#define GET   "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST  "POST /size HTTP/1.1\r\nHost: h\r\n"
#define LARGE (3u << 20)

/* What a peer does at a time, and what must be true then; ends with a NULL. */
struct scene {
	unsigned at_ms; /* since the beginning */
	void (*act)(struct wire_peer *p);
};

static struct hull_http_server *server;
static const struct scene *next_scene;
static struct hull_timer alarm_timer;
static struct wire_peer *peer;

/* ---- handlers ---- */

static void hello(struct hull_http_request *r, void *user)
{
	(void)user;
	hull_http_respond(r, 200, "text/plain", "hello", 5);
}

static void size(struct hull_http_request *r, void *user)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%zu bytes", hull_http_body(r).len);

	(void)user;
	hull_http_respond(r, 200, "text/plain", text, (size_t)n);
}

static void large(struct hull_http_request *r, void *user)
{
	static const char bytes[LARGE];

	(void)user;
	hull_http_respond(r, 200, "text/plain", bytes, sizeof(bytes));
}

static struct hull_http_request *kept;

static void keep(struct hull_http_request *r, void *user)
{
	(void)user;
	kept = r;
}

/* ---- the stage ---- */

static void next(struct hull_timer *t, void *user)
{
	const struct scene *s = next_scene++;
	hull_ns at;

	(void)user;
	s->act(peer);
	if (next_scene->act == NULL)
		return;
	at = HULL_SECOND + next_scene->at_ms * HULL_MILLISECOND;
	hull_timer_start(t, at - hull_now(), 0);
}

static bool no_steps(struct wire *w)
{
	(void)w;
	return false;
}

static int start(void *user)
{
	const struct hull_http_config *config = user;

	assert_int_equal(hull_http_listen(config, &server), 0);
	assert_int_equal(hull_http_route(server, "GET", "/", hello, NULL), 0);
	assert_int_equal(hull_http_route(server, "POST", "/size", size, NULL), 0);
	assert_int_equal(hull_http_route(server, "GET", "/large", large, NULL), 0);
	assert_int_equal(hull_http_route(server, "GET", "/keep", keep, NULL), 0);
	peer = wire_connect();
	assert_non_null(peer);
	hull_timer_init(&alarm_timer, next, NULL);
	hull_timer_start(&alarm_timer, next_scene->at_ms * HULL_MILLISECOND, 0);
	return 0;
}

/* The loop ends by itself when the server was closed and its connections have ended. */
static void play(const struct scene *scenes, struct hull_http_config config)
{
	next_scene = scenes;
	assert_int_equal(wire_run(no_steps, start, &config), 0);
	wire_free();
}

/* ---- what peers do, and see ---- */

static void say(struct wire_peer *p, const char *text)
{
	wire_give(p, text, strlen(text));
}

static void get(struct wire_peer *p)
{
	say(p, GET);
}

static void byte_of_head(struct wire_peer *p)
{
	say(p, "G");
}

static void field(struct wire_peer *p)
{
	say(p, "ET / HTTP/1.1\r\n");
}

static void begin_body(struct wire_peer *p)
{
	say(p, POST "Content-Length: 8\r\n\r\nab");
}

static void two_bytes(struct wire_peer *p)
{
	say(p, "cd");
}

static void get_large(struct wire_peer *p)
{
	p->window = 1000;
	say(p, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n" GET);
}

static void read_a_little(struct wire_peer *p)
{
	p->window += 1000;
}

static void read_all(struct wire_peer *p)
{
	p->window = SIZE_MAX;
}

static void get_kept(struct wire_peer *p)
{
	kept = NULL;
	say(p, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void close_server(struct wire_peer *p)
{
	(void)p;
	hull_http_close(server);
}

static void end(struct wire_peer *p)
{
	p->ends = true;
}

/* Did it answer like this, and nothing else since? */
static bool answered(struct wire_peer *p, const char *status)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
	bool is_right = p->out_len >= (size_t)n && memcmp(p->out, line, (size_t)n) == 0;

	p->out_len = 0;
	return is_right;
}

static void is_open(struct wire_peer *p)
{
	assert_non_null(p->c);
	assert_false(p->was_ended);
	assert_int_equal(p->out_len, 0);
}

static void is_served(struct wire_peer *p)
{
	assert_true(answered(p, "200"));
	is_open(p);
}

static void is_refused_408(struct wire_peer *p)
{
	assert_true(p->was_ended && !p->was_reset);
	assert_true(answered(p, "408"));
}

static void is_closed(struct wire_peer *p)
{
	assert_null(p->c);
	assert_false(p->was_reset);
	assert_int_equal(p->out_len, 0);
}

static void is_reset(struct wire_peer *p)
{
	assert_null(p->c);
	assert_true(p->was_reset);
}

/* ---- the tests ---- */

#define LIMITS \
	(struct hull_http_config) \
	{ \
		.head_timeout = HULL_SECOND, .idle_timeout = 5 * HULL_SECOND, \
		.stall_timeout = 2 * HULL_SECOND \
	}

static void slow_heads(void **state)
{
	(void)state;
	/* Byte after byte does not help: the head has its time from the first byte on. */
	static const struct scene scenes[] = {
		{ 100, byte_of_head },    { 700, field },         { 1090, is_open },
		{ 1110, is_refused_408 }, { 1200, close_server }, { 0, NULL },
	};

	play(scenes, LIMITS);
}

static void slow_bodies(void **state)
{
	(void)state;
	/* A body's time is from byte to byte. */
	static const struct scene goes_on[] = {
		{ 100, begin_body }, { 2000, two_bytes }, { 3900, two_bytes },
		{ 5800, two_bytes }, { 5900, is_served }, { 6000, close_server },
		{ 6100, is_closed }, { 0, NULL },
	};
	static const struct scene stalls[] = {
		{ 100, begin_body },      { 2000, two_bytes },    { 3990, is_open },
		{ 4010, is_refused_408 }, { 4100, close_server }, { 0, NULL },
	};

	play(goes_on, LIMITS);
	play(stalls, LIMITS);
}

static void idle_connections(void **state)
{
	(void)state;
	static const struct scene never[] = {
		{ 4990, is_open },
		{ 5010, is_closed },
		{ 5100, close_server },
		{ 0, NULL },
	};
	static const struct scene between[] = {
		{ 4000, get },           { 4010, is_served }, { 8900, get },
		{ 8910, is_served },     { 13800, is_open },  { 14000, is_closed },
		{ 14100, close_server }, { 0, NULL },
	};

	play(never, LIMITS);
	play(between, LIMITS);
}

static void readers(void **state)
{
	(void)state;
	static const struct scene none[] = {
		{ 100, get_large },
		{ 4200, is_reset },
		{ 4300, close_server },
		{ 0, NULL },
	};
	/* Slow ones are waited for. What was asked for behind it comes after it. */
	static const struct scene slow[] = {
		{ 100, get_large },      { 1900, read_a_little },
		{ 3700, read_a_little }, { 5500, read_a_little },
		{ 7300, read_all },      { 7400, is_served },
		{ 7500, close_server },  { 0, NULL },
	};

	play(none, LIMITS);
	play(slow, LIMITS);
}

static void answer_kept(struct wire_peer *p)
{
	(void)p;
	assert_non_null(kept);
	assert_false(hull_http_is_gone(kept));
	hull_http_respond(kept, 200, NULL, "at last", 7);
}

static void answer_gone(struct wire_peer *p)
{
	(void)p;
	assert_true(hull_http_is_gone(kept));
	hull_http_respond(kept, 200, NULL, "too late", 8);
}

static void is_answered(struct wire_peer *p)
{
	assert_true(answered(p, "200"));
	assert_true(p->was_ended);
}

static void give_up(struct wire_peer *p)
{
	wire_reset(p);
}

/* A handler has as long as it likes; and what it has is answered though the server has closed. */
static void handlers_that_wait(void **state)
{
	(void)state;
	static const struct scene long_time[] = {
		{ 100, get_kept },       { 90000, answer_kept }, { 90100, is_served },
		{ 90200, close_server }, { 90300, is_closed },   { 0, NULL },
	};
	static const struct scene closed[] = {
		{ 100, get_kept },    { 200, close_server }, { 300, is_open },
		{ 400, answer_kept }, { 500, is_answered },  { 0, NULL },
	};
	static const struct scene gone[] = {
		{ 100, get_kept },    { 200, give_up }, { 300, close_server },
		{ 400, answer_gone }, { 0, NULL },
	};
	static const struct scene half[] = {
		{ 100, get_kept },    { 200, end },          { 300, answer_kept },
		{ 400, is_answered }, { 500, close_server }, { 0, NULL },
	};

	play(long_time, LIMITS);
	play(closed, LIMITS);
	play(gone, LIMITS);
	play(half, LIMITS);
}

static struct wire_peer *many[4];

static void connect_more(struct wire_peer *p)
{
	(void)p;
	for (unsigned i = 0; i < 4; i++)
		many[i] = wire_connect();
}

static void two_are_left(struct wire_peer *p)
{
	is_open(p);
	is_open(many[0]);
	is_reset(many[1]);
	is_reset(many[3]);
}

static void connections(void **state)
{
	(void)state;
	static const struct scene scenes[] = {
		{ 100, connect_more },
		{ 200, two_are_left },
		{ 300, close_server },
		{ 0, NULL },
	};
	struct hull_http_config config = LIMITS;

	config.most_connections = 2;
	play(scenes, config);
}

/* Peers that never end are not waited for: the server ends with its lingering. */
static void the_end(void **state)
{
	(void)state;
	static const struct scene idle[] = {
		{ 100, get },       { 200, is_served }, { 300, close_server },
		{ 310, is_closed }, { 0, NULL },
	};
	static const struct scene in_head[] = {
		{ 100, byte_of_head },
		{ 200, close_server },
		{ 210, is_closed },
		{ 0, NULL },
	};
	static const struct scene in_answer[] = {
		{ 100, get_large },   { 200, close_server }, { 300, read_all },
		{ 400, is_answered }, { 0, NULL },
	};

	play(idle, LIMITS);
	play(in_head, LIMITS);
	play(in_answer, LIMITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_heads),
		cmocka_unit_test(slow_bodies),
		cmocka_unit_test(idle_connections),
		cmocka_unit_test(readers),
		cmocka_unit_test(handlers_that_wait),
		cmocka_unit_test(connections),
		cmocka_unit_test(the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
