/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends every datagram back (RFC 862). The answer is the received bytes themselves: in Hull they
 * are not copied into this program, nor out of it.
 *
 *	udp-echo [ADDRESS:PORT]		by default *:7000
 */
#include <hull.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static uint64_t nr_datagrams, nr_bytes;

static void received(struct hull_udp *u, const struct hull_datagram *d)
{
	nr_datagrams++;
	nr_bytes += d->len;
	hull_udp_reply(u, d, d->data, d->len);
}

static void stop(int signo, void *user)
{
	hull_log("%llu datagrams, %llu bytes", (unsigned long long)nr_datagrams,
		 (unsigned long long)nr_bytes);
	hull_stop(0);
}

int hull_start(int argc, char **argv)
{
	struct hull_udp_config config = { .received = received };
	const char *where = argc > 1 ? argv[1] : "*:7000";
	char text[HULL_ADDRESS_TEXT];
	struct hull_address local;
	struct hull_udp *u;
	int err = hull_address_parse(where, 7000, &config.local);

	if (err == 0)
		err = hull_udp_open(&config, &u);
	if (err != 0) {
		hull_log("udp-echo: %s: %s", where, strerror(-err));
		return 1;
	}
	hull_on_interrupt(SIGTERM, stop, NULL);
	hull_on_interrupt(SIGINT, stop, NULL);
	local = hull_udp_local(u);
	hull_log("echoing on %s (%s)", hull_address_text(&local, text), hull_backend());
	return 0;
}
