/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client over TLS: sends a line, and says what came of it.
 *
 *	tls_client ADDRESS:PORT NAME AUTHORITIES [BYTES]
 *
 * NAME "-": none; AUTHORITIES "-": anyone is trusted. With BYTES it sends so many, and ends when as
 * many have come back.
 */
#include <hull_tls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART 16384u

static struct hull_tls *stream;
static size_t to_send, to_come, nr_lines;
static uint8_t next_sent, next_wanted;
static bool is_echo;

/* As much as is taken: `drained` tells when to go on. */
static void send_some(void)
{
	static uint8_t part[PART];

	while (to_send > 0) {
		size_t n = to_send < PART ? to_send : PART;

		for (size_t i = 0; i < n; i++)
			part[i] = (uint8_t)(next_sent + i);
		if (hull_tls_transport.send(stream, part, n) != 0)
			return;
		next_sent = (uint8_t)(next_sent + n);
		to_send -= n;
	}
}

static void connected(void *user)
{
	printf("connected: %s\n", hull_tls_version(stream));
	if (is_echo)
		send_some();
	else if (hull_tls_transport.send(stream, "GET / HTTP/1.0\r\n\r\n", 18) != 0)
		printf("nothing can be sent\n");
}

static size_t received(void *user, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len && is_echo; i++) {
		if (bytes[i] != next_wanted++)
			printf("another byte\n");
	}
	for (size_t i = 0; i < len; i++)
		nr_lines += bytes[i] == '\n';
	if (is_echo && len >= to_come) {
		printf("all came back\n");
		hull_tls_transport.close(stream);
	}
	to_come -= is_echo ? len : 0;
	return len;
}

static void ended(void *user)
{
	printf("ended: %s, %s\n", hull_tls_is_whole(stream) ? "whole" : "cut",
	       nr_lines > 0 ? "after lines" : "without a line");
	hull_tls_transport.close(stream);
}

static void drained(void *user)
{
	send_some();
}

static void closed(void *user, int error)
{
	printf("closed: %s\n", error == 0 ? "well" : strerror(error));
}

int hull_start(int argc, char **argv)
{
	static const struct hull_sink sink = { received, ended, drained, closed };
	struct hull_tls_config tls = { .is_client = true };
	struct hull_tls_connect_config c = { .connected = connected, .sink = &sink };
	const char *why = "there is no memory";
	int err;

	if (argc < 4 || hull_address_parse(argv[1], 443, &c.remote) != 0)
		return 2;
	c.name = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
	tls.trusts_anyone = strcmp(argv[3], "-") == 0;
	tls.authorities = tls.trusts_anyone ? NULL : argv[3];
	is_echo = argc > 4;
	to_send = to_come = is_echo ? strtoul(argv[4], NULL, 10) : 0;
	err = hull_tls_context_new(&tls, &c.context, &why);
	if (err != 0) {
		printf("no context: %s\n", why);
		return 1;
	}
	err = hull_tls_connect(&c, &stream);
	if (err != 0)
		printf("not connected: %s\n", strerror(-err));
	return err != 0;
}
