/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as text (RFC 5952, RFC 3986 §3.2.2 for the brackets). Without printf(3), which would
 * be a sixth of a small program.
 */
#include <string.h>

#include "core/core.h"
#include "lib/ip6_groups.h"

static char *add_text(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len + 1);
	return to + len;
}

static char *add_number(char *to, uint32_t n, unsigned base)
{
	char digits[11], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	return add_text(to, at);
}

static char *add_v4(char *to, const uint8_t ip[4])
{
	for (unsigned i = 0; i < 4; i++) {
		to = add_text(to, i == 0 ? "" : ".");
		to = add_number(to, ip[i], 10);
	}
	return to;
}

static char *add_v6(char *to, const uint8_t ip[16])
{
	unsigned len, zeros = ip6_find_zeros(ip, &len);

	for (unsigned i = 0; i < IP6_GROUPS; i++) {
		if (i == zeros) {
			to = add_text(to, "::");
			i += len - 1;
			continue;
		}
		to = add_text(to, i == 0 || i == zeros + len ? "" : ":");
		to = add_number(to, ip6_group(ip, i), 16);
	}
	return to;
}

char *hull_address_text(const struct hull_address *a, char text[HULL_ADDRESS_TEXT])
{
	bool v4 = hull_address_is_v4(a), has_brackets = !v4 && a->port != 0;
	char *to = add_text(text, has_brackets ? "[" : "");

	to = v4 ? add_v4(to, a->ip + 12) : add_v6(to, a->ip);
	if (!v4 && a->interface != 0)
		to = add_number(add_text(to, "%"), a->interface, 10);
	to = add_text(to, has_brackets ? "]" : "");
	if (a->port != 0)
		(void)add_number(add_text(to, ":"), a->port, 10);
	return text;
}
