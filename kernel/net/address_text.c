/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of the internet as people write them: RFC 5952 for IPv6. */
#include "lib/fmt.h"
#include "lib/ip6_groups.h"
#include "net/address.h"

void inet_ip_text(const uint8_t ip[16], char text[INET_TEXT_MAX])
{
	const uint8_t *v4 = ip + IP_V4_AT;
	unsigned len, zeros = ip6_find_zeros(ip, &len), at = 0;

	if (inet_ip_is_v4(ip)) {
		(void)fmt(text, INET_TEXT_MAX, "%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]);
		return;
	}
	for (unsigned i = 0; i < IP6_GROUPS; i++) {
		bool behind_zeros = i == zeros + len;

		if (i == zeros) {
			at += (unsigned)fmt(text + at, INET_TEXT_MAX - at, "::");
			i += len - 1;
			continue;
		}
		at += (unsigned)fmt(text + at, INET_TEXT_MAX - at, "%s%x",
				    i == 0 || behind_zeros ? "" : ":", ip6_group(ip, i));
	}
}
