/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: what they are, and reading them (RFC 3986 §3.2.2 for the brackets). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

const uint8_t hull_v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool hull_address_is_v4(const struct hull_address *a)
{
	return memcmp(a->ip, hull_v4_prefix, sizeof(hull_v4_prefix)) == 0;
}

bool hull_address_is_any(const struct hull_address *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, 10) == 0 && memcmp(a->ip + 12, zero, 4) == 0 &&
	       (memcmp(a->ip + 10, zero, 2) == 0 || hull_address_is_v4(a));
}

bool hull_address_is_group(const struct hull_address *a)
{
	return hull_address_is_v4(a) ? (a->ip[12] & 0xf0) == 0xe0 : a->ip[0] == 0xff;
}

bool hull_address_equal(const struct hull_address *a, const struct hull_address *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->port == b->port &&
	       a->interface == b->interface;
}

/* ---- reading ---- */

static int read_number(const char *text, unsigned long most, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return *end != '\0' || errno != 0 || *out > most ? -EINVAL : 0;
}

/* Without a port. `host` is changed. */
static int read_host(char *host, struct hull_address *out)
{
	char *scope = strchr(host, '%');
	unsigned long index = 0;

	if (*host == '\0' || strcmp(host, "*") == 0)
		return 0;
	if (inet_pton(AF_INET, host, out->ip + 12) == 1) {
		memcpy(out->ip, hull_v4_prefix, sizeof(hull_v4_prefix));
		return 0;
	}
	if (scope != NULL) {
		*scope = '\0';
		if (read_number(scope + 1, UINT32_MAX, &index) != 0)
			return -EINVAL;
	}
	out->interface = (uint32_t)index;
	return inet_pton(AF_INET6, host, out->ip) == 1 ? 0 : -EINVAL;
}

/* Where the port begins, and the host ends; NULL: there is none. */
static char *split(char *text, char **host)
{
	char *end, *colon = strchr(text, ':');

	*host = text;
	if (*text == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return NULL; /* no address either */
		*host = text + 1;
		*end = '\0';
		return end[1] == ':' ? end + 2 : NULL;
	}
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

int hull_address_parse(const char *text, uint16_t port_if_none, struct hull_address *out)
{
	char copy[HULL_ADDRESS_TEXT], *host, *port;
	unsigned long number = port_if_none;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	memset(out, 0, sizeof(*out));
	port = split(copy, &host);
	if (port != NULL && read_number(port, UINT16_MAX, &number) != 0)
		return -EINVAL;
	out->port = (uint16_t)number;
	return read_host(host, out);
}
