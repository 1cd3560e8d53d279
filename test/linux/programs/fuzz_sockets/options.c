/* SPDX-License-Identifier: BSD-2-Clause */
/* setsockopt(2) and getsockopt(2): every level and name, values that may mean something. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

static int some_level(void)
{
	static const int levels[] = { SOL_SOCKET,   SOL_SOCKET,     IPPROTO_IP,  IPPROTO_IP,
				      IPPROTO_IPV6, IPPROTO_IPV6,   IPPROTO_TCP, IPPROTO_TCP,
				      IPPROTO_UDP,  IPPROTO_ICMPV6, SOL_RAW,     SOL_PACKET,
				      SOL_PACKET,   SOL_NETLINK };

	return one_in(64) ? (int)some_number() : levels[below(LENGTH(levels))];
}

static int some_name(void)
{
	return one_in(64) ? (int)some_number() : (int)below(one_in(4) ? 128 : 84);
}

void fuzz_options(void)
{
	int fd = some_socket(), level = some_level(), name = some_name();
	unsigned len = some_length();
	socklen_t *got = place(1, sizeof(*got));
	void *value = filled_place(0, len);

	/* A close that waits for its linger is a process that waits. */
	if (level == SOL_SOCKET && name == SO_LINGER && len >= 8)
		((uint32_t *)value)[1] = below(2);
	if (!one_in(3)) {
		setsockopt(fd, level, name, value, one_in(64) ? some_number() : len);
		return;
	}
	*got = one_in(32) ? some_number() : len;
	if (*got <= len || one_in(8))
		getsockopt(fd, level, name, value, got);
}
