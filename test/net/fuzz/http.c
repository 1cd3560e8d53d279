/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SDK's HTTP server with peers that send anything, in any pieces, read when they like, end and
 * reset, while time passes: no crash, no leak, each connection ends, and what is answered does not
 * depend on the pieces. On a wire of memory and virtual time (test/host/sdk/wire.h).
 */
#include <hull_http.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host/sdk/wire.h"
#include "test/net/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a/b%20c?x=1&y HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /parts HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /later HTTP/1.1\r\nHost: h\r\n\r\n",
	"HEAD /parts HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: h\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
	"Content-Length: 5\r\n\r\n",
	"Content-Length: ",
	"Transfer-Encoding: chunked\r\n\r\n",
	"5\r\nhello\r\n",
	"0\r\n\r\n",
	"0\r\nA: b\r\n\r\n",
	"ffff\r\n",
	"hello",
	"Expect: 100-continue\r\n",
	"Connection: close\r\n",
	"Connection: keep-alive\r\n",
	"\r\n",
	"\n",
	"\r",
	" ",
	":",
	"%",
	"\t",
	"GET ",
	"/",
	"?",
	" HTTP/1.1\r\n",
	" HTTP/1.0\r\n",
	"Host: h\r\n",
	"X: y\r\n",
	"0",
	"9",
	"*",
	"http://h",
};
#define NR_WORDS (sizeof(words) / sizeof(words[0]))
#define TEXT_MAX 8192u

/* ---- what is served ---- */

static struct hull_http_server *server;

static void hello(struct hull_http_request *r, void *user)
{
	char text[64];

	(void)user;
	(void)hull_http_parameter(r, "name", text, sizeof(text));
	(void)hull_http_argument(r, "x", text, sizeof(text));
	(void)hull_http_header(r, "host");
	hull_http_respond(r, 200, "text/plain", "hello", 5);
}

static void echo(struct hull_http_request *r, void *user)
{
	struct hull_bytes body = hull_http_body(r);

	(void)user;
	hull_http_respond(r, 200, NULL, body.data, body.len);
}

#define PARTS 40u

struct parts {
	unsigned nr;
};

static void write_parts(struct hull_http_request *r, void *user)
{
	static const char part[32768];
	struct parts *p = user;
	int err = 0;

	for (; p->nr < PARTS && err == 0; p->nr += err == 0)
		err = hull_http_write(r, part, sizeof(part));
	if (p->nr < PARTS && !hull_http_is_gone(r)) {
		hull_http_on_drained(r, write_parts, p);
		return;
	}
	free(p);
	hull_http_end(r);
}

static void parts(struct hull_http_request *r, void *user)
{
	struct parts *p = calloc(1, sizeof(*p));

	(void)user;
	if (p == NULL)
		abort();
	hull_http_begin(r, 200, "text/plain");
	write_parts(r, p);
}

struct later {
	struct hull_timer timer;
	struct hull_http_request *r;
};

static void answer_later(struct hull_timer *t, void *user)
{
	struct later *l = user;

	(void)t;
	hull_http_refuse(l->r, 503, NULL);
	free(l);
}

static void later(struct hull_http_request *r, void *user)
{
	struct later *l = calloc(1, sizeof(*l));

	(void)user;
	if (l == NULL)
		abort();
	l->r = r;
	hull_timer_init(&l->timer, answer_later, l);
	hull_timer_start(&l->timer, HULL_SECOND, 0);
}

static int start(void *user)
{
	const struct hull_http_config config = {
		.most_connections = 4,
		.head_limit = 2048,
		.body_limit = 4096,
	};

	(void)user;
	if (hull_http_listen(&config, &server) != 0 ||
	    hull_http_route(server, "GET", "/", hello, NULL) != 0 ||
	    hull_http_route(server, "GET", "/a/:name", hello, NULL) != 0 ||
	    hull_http_route(server, "GET", "/parts", parts, NULL) != 0 ||
	    hull_http_route(server, "GET", "/later", later, NULL) != 0 ||
	    hull_http_route(server, NULL, "/echo", echo, NULL) != 0)
		abort();
	return 0;
}

/* ---- what peers do ---- */

static void close_all(struct wire *w)
{
	for (unsigned i = 0; i < w->nr_peers; i++) {
		w->peers[i].ends = true;
		w->peers[i].window = SIZE_MAX;
	}
	hull_http_close(server);
	server = NULL;
}

static size_t read_word(struct bytes *b, char *to)
{
	const char *word;
	unsigned n = bytes_8(b);

	if (n >= 2 * NR_WORDS)
		return bytes_take(b, to, n % 16);
	word = words[n % NR_WORDS];
	memcpy(to, word, strlen(word));
	return strlen(word);
}

static void act(struct wire_peer *p, struct bytes *b)
{
	char word[64];

	switch (bytes_8(b) % 16) {
	case 0:
		p->window = bytes_16(b);
		break;
	case 1:
		p->window = SIZE_MAX;
		break;
	case 2:
		p->ends = true;
		break;
	case 3:
		wire_reset(p);
		break;
	default:
		if (!p->ends)
			wire_give(p, word, read_word(b, word));
		break;
	}
}

static bool any_step(struct wire *w)
{
	struct bytes *b = w->user;
	unsigned n = bytes_8(b);

	if (server == NULL)
		return false;
	if (!bytes_are_left(b)) {
		close_all(w);
		return true;
	}
	if (n < 8)
		w->now += n * 3 * HULL_SECOND;
	else if (n < 24 || w->nr_peers == 0)
		(void)wire_connect();
	else
		act(&w->peers[n % w->nr_peers], b);
	return true;
}

/* ---- the same bytes in other pieces ---- */

struct talk {
	const char *text;
	size_t len, at;
	unsigned piece; /* 0: all at once */
};

static bool talk_step(struct wire *w)
{
	struct talk *t = w->user;
	size_t n = t->piece == 0 ? t->len - t->at : t->piece;

	if (server == NULL)
		return false;
	if (w->nr_peers == 0 && wire_connect() == NULL)
		abort();
	n = min(n, t->len - t->at);
	if (n == 0) {
		close_all(w);
		return true;
	}
	wire_give(&w->peers[0], t->text + t->at, n);
	t->at += n;
	return true;
}

/* The statuses of all answers, but for 100: that depends on what is here already. */
static void read_statuses(const struct wire_peer *p, char *to, size_t room)
{
	static const char version[] = "HTTP/1.1 ";
	const uint8_t *at = p->out, *end = p->out + p->out_len;
	size_t n = 0;

	while (at != NULL && n + 5 < room &&
	       (at = memmem(at, (size_t)(end - at), version, 9)) != NULL && end - at >= 12) {
		if (at[9] != '1')
			to = mempcpy(to, at + 9, 3), n += 3;
		at += 12;
	}
	*to = '\0';
}

static void talk(const char *text, size_t len, unsigned piece, char *statuses, size_t room)
{
	struct talk t = { text, len, 0, piece };

	if (wire_run(talk_step, start, &t) != 0)
		abort();
	read_statuses(&wire.peers[0], statuses, room);
	wire_free();
}

static void compare(struct bytes *b)
{
	static char text[TEXT_MAX], whole[TEXT_MAX], pieces[TEXT_MAX];
	unsigned piece = 1 + bytes_8(b) % 32;
	size_t len = 0;

	while (bytes_are_left(b) && len + 64 < sizeof(text))
		len += read_word(b, text + len);
	talk(text, len, 0, whole, sizeof(whole));
	talk(text, len, piece, pieces, sizeof(pieces));
	if (strcmp(whole, pieces) == 0)
		return;
	fprintf(stderr, "at once: %s, by %u: %s\n%.*s\n", whole, piece, pieces, (int)len, text);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };

	if (bytes_8(&b) % 2 == 0) {
		compare(&b);
		return 0;
	}
	if (wire_run(any_step, start, &b) != 0)
		abort();
	wire_free();
	return 0;
}
