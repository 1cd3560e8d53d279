/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP by the SDK: contents of all sizes, both families, nothing lost within a window, keeping,
 * errors, closing. */
#include "check.h"

#include <errno.h>

#define LOOPBACK  "127.0.0.1:0"
#define LOOPBACK6 "[::1]:0"

static struct hull_udp *server, *client;
static unsigned nr_received, nr_failed;
static uint8_t bytes[HULL_UDP_MAX + 1];

static void echo(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK_EQUAL(hull_udp_reply(u, d, d->data, d->len), 0);
}

static void close_both(void)
{
	hull_udp_close(server);
	hull_udp_close(client);
}

/* A server that echoes, and a client with that callback. */
static void open_both(const char *where,
		      void (*received)(struct hull_udp *u, const struct hull_datagram *d))
{
	const struct hull_udp_config s = { .local = address_of(where), .received = echo };
	const struct hull_udp_config c = { .local = address_of(where), .received = received };

	nr_received = nr_failed = 0;
	CHECK_EQUAL(hull_udp_open(&s, &server), 0);
	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
}

static void send_client(const void *data, size_t len)
{
	struct hull_address to = hull_udp_local(server);

	CHECK_EQUAL(hull_udp_send(client, &to, data, len), 0);
}

/* ---- sizes ---- */

static const size_t sizes[] = { 0,    1,    2,    511,   1400,  1472,  1473,  1800,
				1801, 4095, 4096, 16383, 32768, 65000, 65506, 65507 };
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void send_size(unsigned i)
{
	fill(bytes, sizes[i], i);
	send_client(bytes, sizes[i]);
}

static void got_size(struct hull_udp *u, const struct hull_datagram *d)
{
	static uint8_t wanted[HULL_UDP_MAX];
	struct hull_address from = hull_udp_local(server), to = hull_udp_local(client);

	CHECK_EQUAL(d->len, sizes[nr_received]);
	fill(wanted, d->len, nr_received);
	CHECK(memcmp(wanted, d->data, d->len) == 0);
	CHECK(hull_address_equal(&d->from, &from));
	CHECK(hull_address_equal(&d->to, &to));
	if (++nr_received == NR_SIZES)
		close_both();
	else
		send_size(nr_received);
}

static int start_sizes(void *user)
{
	open_both(LOOPBACK, got_size);
	send_size(0);
	return 0;
}

static int start_sizes_v6(void *user)
{
	open_both(LOOPBACK6, got_size);
	send_size(0);
	return 0;
}

/* ---- many ---- */

#define MANY   10000u
#define WINDOW 64u
static unsigned nr_sent;
static uint8_t seen[MANY];

static void send_next(void)
{
	uint32_t *room = hull_room(100);

	CHECK(room != NULL);
	memset(room, 0x5a, 100);
	*room = nr_sent++;
	send_client(room, 100);
}

static void got_one_of_many(struct hull_udp *u, const struct hull_datagram *d)
{
	uint32_t number;

	CHECK_EQUAL(d->len, 100);
	memcpy(&number, d->data, sizeof(number));
	CHECK(number < MANY && !seen[number]);
	seen[number % MANY] = 1;
	if (nr_sent < MANY)
		send_next();
	if (++nr_received == MANY)
		close_both();
}

static int start_many(void *user)
{
	open_both(LOOPBACK, got_one_of_many);
	while (nr_sent < WINDOW)
		send_next();
	return 0;
}

/* More in one turn than the queue and the arena have room for; the receiver's limit is above it. */
#define BURST     300u
#define BURST_LEN 400u

static void got_burst(struct hull_udp *u, const struct hull_datagram *d)
{
	static uint8_t wanted[BURST_LEN];
	uint32_t number;

	CHECK_EQUAL(d->len, BURST_LEN);
	memcpy(&number, d->data, sizeof(number));
	CHECK_EQUAL(number, nr_received);
	fill(wanted, BURST_LEN, number);
	CHECK(memcmp(wanted + 4, (const uint8_t *)d->data + 4, BURST_LEN - 4) == 0);
	if (++nr_received == BURST)
		close_both();
}

static int start_burst(void *user)
{
	const struct hull_udp_config s = {
		.local = address_of(LOOPBACK),
		.received = got_burst,
		.receive_limit = 16u << 20,
	};
	const struct hull_udp_config c = { .local = address_of(LOOPBACK), .received = echo };

	nr_received = 0;
	CHECK_EQUAL(hull_udp_open(&s, &server), 0);
	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	for (uint32_t i = 0; i < BURST; i++) {
		uint8_t *room = i % 3 == 0 ? hull_room(HULL_UDP_MAX) : bytes;

		CHECK(room != NULL);
		fill(room, BURST_LEN, i);
		memcpy(room, &i, sizeof(i));
		send_client(room, BURST_LEN);
	}
	return 0;
}

/* ---- both families on one socket ---- */

static void got_of_both(struct hull_udp *u, const struct hull_datagram *d)
{
	struct hull_address to = hull_udp_local(server);

	CHECK_EQUAL(d->from.port, to.port);
	CHECK_EQUAL(hull_address_is_v4(&d->from), nr_received == 0);
	to.ip[15] = 1;
	if (++nr_received == 2)
		close_both();
	else
		CHECK_EQUAL(hull_udp_send(client, &to, "6", 1), 0);
}

static int start_both(void *user)
{
	struct hull_address to;

	open_both("*:0", got_of_both);
	to = address_of("127.0.0.1:1");
	to.port = hull_udp_local(server).port;
	CHECK_EQUAL(hull_udp_send(client, &to, "4", 1), 0);
	return 0;
}

/* ---- keeping ---- */

#define KEPT 50u
static const struct hull_datagram *kept[KEPT];

static void got_to_keep(struct hull_udp *u, const struct hull_datagram *d)
{
	uint8_t wanted[1200];

	CHECK_EQUAL(hull_datagram_keep(u, d, &kept[nr_received]), 0);
	if (++nr_received < KEPT) {
		fill(bytes, 24 * (nr_received + 1), nr_received);
		send_client(bytes, 24 * (nr_received + 1));
		return;
	}
	for (unsigned i = 0; i < KEPT; i++) {
		CHECK_EQUAL(kept[i]->len, 24 * (i + 1));
		fill(wanted, kept[i]->len, i);
		CHECK(memcmp(kept[i]->data, wanted, kept[i]->len) == 0);
		hull_datagram_release(kept[i]);
	}
	close_both();
}

static int start_keep(void *user)
{
	open_both(LOOPBACK, got_to_keep);
	fill(bytes, 24, 0);
	send_client(bytes, 24);
	return 0;
}

/* ---- limits and errors ---- */

static void got_none(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK(false);
}

static void refused(struct hull_udp *u, const struct hull_address *to, int error)
{
	CHECK_EQUAL(error, ECONNREFUSED);
	CHECK_EQUAL(to->port, 9);
	nr_failed++;
	hull_udp_close(client);
}

static int start_refused(void *user)
{
	const struct hull_udp_config c = {
		.local = address_of(LOOPBACK),
		.received = got_none,
		.failed = refused,
	};
	struct hull_address to = address_of("127.0.0.1:9");

	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	CHECK_EQUAL(hull_udp_send(client, &to, "?", 1), 0);
	CHECK_EQUAL(hull_udp_send(client, &to, bytes, HULL_UDP_MAX + 1), -EMSGSIZE);
	return 0;
}

static int start_in_use(void *user)
{
	struct hull_udp_config c = { .local = address_of(LOOPBACK), .received = got_none };
	struct hull_udp *other;

	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	c.local = hull_udp_local(client);
	CHECK_EQUAL(hull_udp_open(&c, &other), -EADDRINUSE);
	c.local = address_of("192.0.2.77:0");
	CHECK_EQUAL(hull_udp_open(&c, &other), -EADDRNOTAVAIL);
	hull_udp_close(client);
	c.local = hull_udp_local(client);
	CHECK_EQUAL(hull_udp_open(&c, &other), 0);
	hull_udp_close(other);
	return 0;
}

static unsigned nr_flood, nr_before;

static void got_flood(struct hull_udp *u, const struct hull_datagram *d)
{
	nr_flood++;
}

/* When some have come, and no more do. */
static void stop_when_calm(struct hull_timer *t, void *user)
{
	if (nr_flood > 0 && nr_flood == nr_before) {
		hull_timer_stop(t);
		close_both();
	}
	nr_before = nr_flood;
}

/* 4 MiB for somebody whose limit is 64 KiB: what is too much is dropped, and he goes on. */
static int start_flood(void *user)
{
	static struct hull_timer timer;
	struct hull_udp_config s = {
		.local = address_of(LOOPBACK),
		.received = got_flood,
		.receive_limit = 65536,
	};
	const struct hull_udp_config c = { .local = address_of(LOOPBACK), .received = got_none };

	nr_flood = 0;
	CHECK_EQUAL(hull_udp_open(&s, &server), 0);
	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	for (unsigned i = 0; i < 4096; i++)
		send_client(bytes, 1000);
	hull_timer_init(&timer, stop_when_calm, NULL);
	hull_timer_start(&timer, 0, 20 * HULL_MILLISECOND);
	return 0;
}

static int start_after_flood(void *user)
{
	CHECK(nr_flood > 0 && nr_flood < 4096);
	return 0;
}

/* ---- closing in callbacks ---- */

static void close_at_once(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK_EQUAL(++nr_received, 1);
	hull_udp_reply(u, d, "bye", 3);
	hull_udp_close(u);
	hull_udp_close(u);
	CHECK_EQUAL(hull_udp_send(u, &d->from, "?", 1), -EBADF);
}

static void got_bye(struct hull_udp *u, const struct hull_datagram *d)
{
	CHECK(d->len == 3 && memcmp(d->data, "bye", 3) == 0);
	hull_udp_close(u);
}

static int start_close(void *user)
{
	const struct hull_udp_config s = { .local = address_of(LOOPBACK),
					   .received = close_at_once };
	const struct hull_udp_config c = { .local = address_of(LOOPBACK), .received = got_bye };

	nr_received = 0;
	CHECK_EQUAL(hull_udp_open(&s, &server), 0);
	CHECK_EQUAL(hull_udp_open(&c, &client), 0);
	for (unsigned i = 0; i < 10; i++)
		send_client("hello", 5);
	return 0;
}

/* The loop ends with everything open: the port is free for the next. */
static struct hull_address left;

static int start_leave(void *user)
{
	const struct hull_udp_config s = { .local = address_of(LOOPBACK), .received = got_none };

	CHECK_EQUAL(hull_udp_open(&s, &server), 0);
	left = hull_udp_local(server);
	hull_stop(0);
	return 0;
}

static int start_take_over(void *user)
{
	const struct hull_udp_config s = { .local = left, .received = got_none };

	CHECK_EQUAL(hull_udp_open(&s, &server), 0);
	hull_udp_close(server);
	return 0;
}

static const struct test_case cases[] = {
	{ "sizes", start_sizes },
	{ "sizes of IPv6", start_sizes_v6 },
	{ "10,000 in a window", start_many },
	{ "a burst", start_burst },
	{ "both families", start_both },
	{ "keeping", start_keep },
	{ "refused", start_refused },
	{ "address in use", start_in_use },
	{ "flood", start_flood },
	{ "after the flood", start_after_flood },
	{ "closing in a callback", start_close },
	{ "leaving it open", start_leave },
	{ "taking over", start_take_over },
};

int main(int argc, char **argv)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
