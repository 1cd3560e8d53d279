/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP by the SDK: many connections with hashed contents, messages that come in pieces, slow
 * readers, ends of every kind. */
#include "check.h"

#include <errno.h>

static struct hull_listener *listener;
static unsigned nr_closed;

static size_t echo(struct hull_tcp *c, const void *data, size_t len)
{
	CHECK_EQUAL(hull_tcp_send(c, data, len), 0);
	return len;
}

static size_t drop(struct hull_tcp *c, const void *data, size_t len)
{
	return len;
}

static void listen_with(const struct hull_tcp_events *events, size_t hold_limit)
{
	const struct hull_listen_config config = {
		.local = address_of("127.0.0.1:0"),
		.events = events,
		.hold_limit = hold_limit,
	};

	nr_closed = 0;
	CHECK_EQUAL(hull_tcp_listen(&config, &listener), 0);
}

static struct hull_tcp *connect_with(const struct hull_tcp_events *events, void *user)
{
	const struct hull_connect_config config = {
		.remote = hull_listener_local(listener),
		.events = events,
		.user = user,
	};
	struct hull_tcp *c = NULL;

	CHECK_EQUAL(hull_tcp_connect(&config, &c), 0);
	return c;
}

/* ---- many connections ---- */

#define CLIENTS 100u
#define EACH    200000u

struct client {
	uint8_t sent[EACH];
	size_t nr_received;
	uint64_t hash;
};
static struct client *clients;

static void client_connected(struct hull_tcp *c)
{
	struct client *k = hull_tcp_user(c);

	fill(k->sent, EACH, (uint32_t)(k - clients));
	CHECK_EQUAL(hull_tcp_send(c, k->sent, EACH / 2), 0);
	CHECK_EQUAL(hull_tcp_send_static(c, k->sent + EACH / 2, EACH / 2), 0);
	hull_tcp_finish(c);
	CHECK_EQUAL(hull_tcp_send(c, "?", 1), -EPIPE);
}

static size_t client_received(struct hull_tcp *c, const void *data, size_t len)
{
	struct client *k = hull_tcp_user(c);

	k->hash = hash_more(k->hash, data, len);
	k->nr_received += len;
	return len;
}

static void client_closed(struct hull_tcp *c, int error)
{
	struct client *k = hull_tcp_user(c);

	CHECK_EQUAL(error, 0);
	CHECK_EQUAL(k->nr_received, EACH);
	CHECK(k->hash == hash_more(HASH_FIRST, k->sent, EACH));
	if (++nr_closed == CLIENTS)
		hull_listener_close(listener);
}

static int start_many(void *user)
{
	static const struct hull_tcp_events server = { .received = echo };
	static const struct hull_tcp_events client = {
		.connected = client_connected,
		.received = client_received,
		.closed = client_closed,
	};

	clients = calloc(CLIENTS, sizeof(*clients));
	listen_with(&server, 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].hash = HASH_FIRST;
		connect_with(&client, &clients[i]);
	}
	return 0;
}

/* ---- messages that callbacks take whole ---- */

#define MESSAGES 300u
static unsigned nr_messages;

static uint32_t length_of(unsigned i)
{
	return 1 + i * 7919u % 20000u;
}

/* Four bytes of length, then the message: taken only when all of it is there. */
static size_t take_messages(struct hull_tcp *c, const void *data, size_t len)
{
	static uint8_t wanted[20000];
	const uint8_t *at = data;
	uint32_t n;

	while (len >= sizeof(n)) {
		memcpy(&n, at, sizeof(n));
		if (len < sizeof(n) + n)
			break;
		CHECK_EQUAL(n, length_of(nr_messages));
		fill(wanted, n, nr_messages++);
		CHECK(memcmp(wanted, at + sizeof(n), n) == 0);
		at += sizeof(n) + n;
		len -= sizeof(n) + n;
	}
	if (nr_messages == MESSAGES) {
		hull_tcp_close(c);
		hull_listener_close(listener);
	}
	return (size_t)(at - (const uint8_t *)data);
}

/* In writes of odd lengths, which cut messages anywhere. */
static void send_messages(struct hull_tcp *c)
{
	static uint8_t all[MESSAGES * 20004u];
	size_t len = 0, part;

	for (unsigned i = 0; i < MESSAGES; i++) {
		uint32_t n = length_of(i);

		memcpy(all + len, &n, sizeof(n));
		fill(all + len + sizeof(n), n, i);
		len += sizeof(n) + n;
	}
	for (size_t at = 0; at < len; at += part) {
		part = len - at < 3571 ? len - at : 3571;
		CHECK_EQUAL(hull_tcp_send(c, all + at, part), 0);
	}
}

static int start_messages(void *user)
{
	static const struct hull_tcp_events server = { .received = take_messages };
	static const struct hull_tcp_events client = {
		.connected = send_messages,
		.received = drop,
	};

	nr_messages = 0;
	listen_with(&server, 65536);
	connect_with(&client, NULL);
	return 0;
}

/* ---- a slow reader ---- */

#define SLOW ((size_t)6 << 20)
static size_t slow_sent, slow_received, nr_refused;
static uint64_t hash_sent, hash_received;
static struct hull_tcp *slow;
static struct hull_timer slow_timer;

/* Until the library takes no more; then when it is drained. */
static void send_slowly(struct hull_tcp *c)
{
	static uint8_t part[100000];

	while (slow_sent < SLOW) {
		int err;

		fill(part, sizeof(part), (uint32_t)slow_sent);
		err = hull_tcp_send(c, part, sizeof(part));
		if (err != 0) {
			CHECK_EQUAL(err, -EAGAIN);
			nr_refused++;
			return;
		}
		hash_sent = hash_more(hash_sent, part, sizeof(part));
		slow_sent += sizeof(part);
	}
	hull_tcp_finish(c);
}

static void resume(struct hull_timer *t, void *user)
{
	hull_tcp_resume(slow);
}

/* Pauses after each piece, and has not taken all of it sometimes. */
static size_t receive_slowly(struct hull_tcp *c, const void *data, size_t len)
{
	size_t n = len > 7 && slow_received % 3 == 0 ? len - 7 : len;

	hash_received = hash_more(hash_received, data, n);
	slow_received += n;
	slow = c;
	hull_tcp_pause(c);
	hull_timer_start(&slow_timer, slow_received % 2 == 0 ? 200 * HULL_MICROSECOND : 0, 0);
	return n;
}

static void slow_closed(struct hull_tcp *c, int error)
{
	CHECK_EQUAL(error, 0);
	hull_listener_close(listener);
}

static int start_slow(void *user)
{
	static const struct hull_tcp_events server = { .received = receive_slowly };
	static const struct hull_tcp_events client = {
		.connected = send_slowly,
		.drained = send_slowly,
		.received = drop,
		.closed = slow_closed,
	};

	slow_sent = slow_received = nr_refused = 0;
	hash_sent = hash_received = HASH_FIRST;
	hull_timer_init(&slow_timer, resume, NULL);
	listen_with(&server, 0);
	connect_with(&client, NULL);
	return 0;
}

static int start_after_slow(void *user)
{
	CHECK_EQUAL(slow_received, slow_sent);
	CHECK(slow_sent >= SLOW);
	CHECK(hash_received == hash_sent);
	CHECK(nr_refused > 0);
	return 0;
}

/* ---- ends ---- */

static int first_error, second_error;

static void note_first(struct hull_tcp *c, int error)
{
	first_error = error;
}

static void note_second(struct hull_tcp *c, int error)
{
	second_error = error;
	hull_listener_close(listener);
}

static size_t take_none(struct hull_tcp *c, const void *data, size_t len)
{
	return 0;
}

static void send_too_much(struct hull_tcp *c)
{
	static uint8_t much[10000];

	CHECK_EQUAL(hull_tcp_send(c, much, sizeof(much)), 0);
}

static int start_hold_limit(void *user)
{
	static const struct hull_tcp_events server = { .received = take_none,
						       .closed = note_second };
	static const struct hull_tcp_events client = {
		.connected = send_too_much,
		.received = drop,
		.closed = note_first,
	};

	listen_with(&server, 4000);
	connect_with(&client, NULL);
	return 0;
}

static int start_after_hold_limit(void *user)
{
	CHECK_EQUAL(second_error, EMSGSIZE);
	CHECK_EQUAL(first_error, ECONNRESET);
	return 0;
}

static size_t abort_it(struct hull_tcp *c, const void *data, size_t len)
{
	hull_tcp_abort(c);
	hull_tcp_abort(c);
	return len;
}

static int start_abort(void *user)
{
	static const struct hull_tcp_events server = { .received = abort_it, .closed = note_first };
	static const struct hull_tcp_events client = {
		.connected = send_too_much,
		.received = drop,
		.closed = note_second,
	};

	listen_with(&server, 0);
	connect_with(&client, NULL);
	return 0;
}

static int start_after_abort(void *user)
{
	CHECK_EQUAL(first_error, ECONNABORTED);
	CHECK_EQUAL(second_error, ECONNRESET);
	return 0;
}

static void never_connected(struct hull_tcp *c)
{
	CHECK(false);
}

static int start_refused(void *user)
{
	static const struct hull_tcp_events client = {
		.connected = never_connected,
		.received = drop,
		.closed = note_first,
	};
	const struct hull_connect_config config = {
		.remote = address_of("127.0.0.1:9"),
		.events = &client,
	};
	struct hull_tcp *c;

	first_error = 0;
	CHECK_EQUAL(hull_tcp_connect(&config, &c), 0);
	return 0;
}

static int start_after_refused(void *user)
{
	CHECK_EQUAL(first_error, ECONNREFUSED);
	return 0;
}

/* The client ends first; the server answers all the same, and then ends. */
static size_t count_bytes(struct hull_tcp *c, const void *data, size_t len)
{
	size_t so_far = (size_t)(uintptr_t)hull_tcp_user(c) + len;

	hull_tcp_set_user(c, (void *)(uintptr_t)so_far);
	return len;
}

static void answer_count(struct hull_tcp *c)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%zu bytes", (size_t)(uintptr_t)hull_tcp_user(c));

	CHECK_EQUAL(hull_tcp_send(c, text, (size_t)n), 0);
	hull_tcp_finish(c);
}

static void send_and_finish(struct hull_tcp *c)
{
	send_too_much(c);
	hull_tcp_finish(c);
}

static size_t take_answer(struct hull_tcp *c, const void *data, size_t len)
{
	CHECK(len == 11 && memcmp(data, "10000 bytes", 11) == 0);
	nr_messages++;
	return len;
}

static int start_half_closed(void *user)
{
	static const struct hull_tcp_events server = { .received = count_bytes,
						       .ended = answer_count };
	static const struct hull_tcp_events client = {
		.connected = send_and_finish,
		.received = take_answer,
		.closed = note_second,
	};

	nr_messages = 0;
	second_error = -1;
	listen_with(&server, 0);
	connect_with(&client, NULL);
	return 0;
}

static int start_after_half_closed(void *user)
{
	CHECK_EQUAL(nr_messages, 1);
	CHECK_EQUAL(second_error, 0);
	return 0;
}

/* Closed by the server in `accepted`, with something to say; the client hears that first. */
static void say_and_close(struct hull_listener *l, struct hull_tcp *c)
{
	struct hull_address a = hull_tcp_remote(c), local = hull_tcp_local(c);

	CHECK(a.port != 0 && local.port == hull_listener_local(l).port);
	CHECK_EQUAL(hull_tcp_send(c, "go away", 7), 0);
	hull_tcp_close(c);
	hull_tcp_close(c);
	CHECK_EQUAL(hull_tcp_send(c, "?", 1), -EPIPE);
}

static size_t take_words(struct hull_tcp *c, const void *data, size_t len)
{
	CHECK(len == 7 && memcmp(data, "go away", 7) == 0);
	nr_messages++;
	return len;
}

static int start_close_at_once(void *user)
{
	static const struct hull_tcp_events server = { .received = drop };
	static const struct hull_tcp_events client = { .received = take_words,
						       .closed = note_second };
	const struct hull_listen_config config = {
		.events = &server,
		.accepted = say_and_close,
		.local = address_of("[::1]:0"),
	};

	nr_messages = 0;
	second_error = -1;
	CHECK_EQUAL(hull_tcp_listen(&config, &listener), 0);
	connect_with(&client, NULL);
	return 0;
}

/* What is given before the connection is there waits for it. */
static void answered(struct hull_tcp *c, int error)
{
	CHECK_EQUAL(error, 0);
	hull_listener_close(listener);
}

static size_t close_when_early(struct hull_tcp *c, const void *data, size_t len)
{
	CHECK(len == 5 && memcmp(data, "early", 5) == 0);
	hull_tcp_close(c);
	return len;
}

static int start_early(void *user)
{
	static const struct hull_tcp_events server = { .received = echo };
	static const struct hull_tcp_events client = { .received = close_when_early,
						       .closed = answered };
	struct hull_tcp *c;

	listen_with(&server, 0);
	c = connect_with(&client, NULL);
	CHECK_EQUAL(hull_tcp_send(c, "early", 5), 0);
	return 0;
}

static int start_in_use(void *user)
{
	static const struct hull_tcp_events server = { .received = echo };
	struct hull_listen_config config = { .events = &server };
	struct hull_listener *other;

	listen_with(&server, 0);
	config.local = hull_listener_local(listener);
	CHECK_EQUAL(hull_tcp_listen(&config, &other), -EADDRINUSE);
	hull_listener_close(listener);
	CHECK_EQUAL(hull_tcp_listen(&config, &other), 0);
	hull_listener_close(other);
	return 0;
}

static const struct test_case cases[] = {
	{ "100 connections", start_many },
	{ "messages", start_messages },
	{ "a slow reader", start_slow },
	{ "after the slow reader", start_after_slow },
	{ "hold limit", start_hold_limit },
	{ "after the hold limit", start_after_hold_limit },
	{ "abort", start_abort },
	{ "after the abort", start_after_abort },
	{ "refused", start_refused },
	{ "after refused", start_after_refused },
	{ "half closed", start_half_closed },
	{ "after half closed", start_after_half_closed },
	{ "closed at once", start_close_at_once },
	{ "after closed at once", start_after_half_closed },
	{ "sent early", start_early },
	{ "address in use", start_in_use },
};

int main(int argc, char **argv)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
