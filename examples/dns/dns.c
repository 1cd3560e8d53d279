/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An authoritative DNS server.
 *
 *	dns ADDRESS:PORT ZONE FILE [ZONE FILE]...
 *
 * Messages are put together without printf: this program is what small images are measured by.
 */
#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line on stderr of such parts; NULL ends them. */
static void say(const char *first, ...)
{
	char line[512] = "";
	size_t len = 0;
	va_list parts;

	va_start(parts, first);
	for (const char *part = first; part != NULL; part = va_arg(parts, const char *)) {
		size_t n = strlen(part);

		n = n < sizeof(line) - 1 - len ? n : sizeof(line) - 1 - len;
		memcpy(line + len, part, n);
		len += n;
	}
	va_end(parts);
	line[len++] = '\n';
	if (write(2, line, len) < 0)
		_exit(1);
}

static const char *number(uint64_t n, char text[21])
{
	char *at = text + 20;

	*at = '\0';
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return at;
}

static struct hull_dns_server *server;

static void stop(int signo, void *user)
{
	struct hull_dns_counts c = hull_dns_counts(server);
	char a[21], b[21];

	say(number(c.queries, a), " queries, ", number(c.answers, b), " answers", NULL);
	hull_stop(0);
}

static int load(struct hull_dns_zones *zones, const char *origin, const char *path)
{
	struct hull_dns_error error;
	char line[21];
	void *text;
	size_t len;
	int err = hull_file_read(path, &text, &len);

	if (err != 0) {
		say("dns: ", path, ": ", strerror(-err), NULL);
		return err;
	}
	err = hull_dns_load(zones, origin, text, len, &error);
	if (err == -EINVAL)
		say("dns: ", path, ":", number(error.line, line), ": ", error.text, NULL);
	free(text);
	return err;
}

int hull_start(int argc, char **argv)
{
	struct hull_dns_config config = { 0 };
	struct hull_dns_zones *zones = hull_dns_zones_new();
	struct hull_dns_error error;
	char text[HULL_ADDRESS_TEXT];
	struct hull_address local;
	int err;

	if (argc < 4 || argc % 2 != 0 || zones == NULL ||
	    hull_address_parse(argv[1], 53, &config.local) != 0) {
		say("usage: dns ADDRESS:PORT ZONE FILE [ZONE FILE]...", NULL);
		return 2;
	}
	for (int i = 2; i < argc; i += 2)
		if (load(zones, argv[i], argv[i + 1]) != 0)
			return 1;
	if (hull_dns_finish(zones, &error) != 0) {
		say("dns: ", error.text, NULL);
		return 1;
	}
	config.zones = zones;
	err = serve(&config, &server);
	if (err != 0) {
		say("dns: ", argv[1], ": ", strerror(-err), NULL);
		return 1;
	}
	hull_on_interrupt(SIGTERM, stop, NULL);
	hull_on_interrupt(SIGINT, stop, NULL);
	local = hull_dns_local(server);
	say("serving on ", hull_address_text(&local, text), " (", hull_backend(), ")", NULL);
	return 0;
}
