/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Echoes of both kinds on one port, for peers outside and for bench/programs/sdk.c.
 *
 *	tcp_echo PORT
 */
#include <hull.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What does not go out waits here, and the peer with it. */
#define ENOUGH ((size_t)1 << 20)

static size_t received(struct hull_tcp *c, const void *data, size_t len)
{
	if (hull_tcp_send(c, data, len) != 0)
		return 0;
	if (hull_tcp_unsent(c) > ENOUGH)
		hull_tcp_pause(c);
	return len;
}

static void drained(struct hull_tcp *c)
{
	hull_tcp_resume(c);
}

static void ended(struct hull_tcp *c)
{
	hull_tcp_close(c);
}

static void received_datagram(struct hull_udp *u, const struct hull_datagram *d)
{
	hull_udp_reply(u, d, d->data, d->len);
}

static void stop(int signo, void *user)
{
	hull_stop(0);
}

int hull_start(int argc, char **argv)
{
	static const struct hull_tcp_events events = {
		.received = received,
		.drained = drained,
		.ended = ended,
	};
	struct hull_address any = { .port = (uint16_t)atoi(argc > 1 ? argv[1] : "7") };
	const struct hull_listen_config stream = { .local = any, .events = &events };
	const struct hull_udp_config datagrams = {
		.local = any,
		.received = received_datagram,
		.receive_limit = 4u << 20,
	};
	struct hull_listener *l;
	struct hull_udp *u;
	int err = hull_tcp_listen(&stream, &l);

	if (err == 0)
		err = hull_udp_open(&datagrams, &u);
	if (err != 0) {
		hull_log("tcp_echo: port %u: %s", any.port, strerror(-err));
		return 1;
	}
	hull_on_interrupt(SIGTERM, stop, NULL);
	printf("ready\n");
	fflush(stdout);
	return 0;
}
