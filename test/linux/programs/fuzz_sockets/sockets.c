/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of a round: every kind, some connected to each other. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"

#define PORT 7100

int sockets[SOCKETS];

static const struct {
	int family, type, protocol;
} kinds[] = {
	{ AF_INET, SOCK_STREAM, 0 },
	{ AF_INET6, SOCK_STREAM, 0 },
	{ AF_INET, SOCK_DGRAM, 0 },
	{ AF_INET6, SOCK_DGRAM, 0 },
	{ AF_INET, SOCK_RAW, IPPROTO_ICMP },
	{ AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 },
	{ AF_INET, SOCK_RAW, IPPROTO_RAW },
	{ AF_INET, SOCK_RAW, 200 },
	{ AF_INET6, SOCK_RAW, 200 },
	{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 },
	{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE },
	{ AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG },
	{ AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT },
	{ AF_PACKET, SOCK_RAW, 0x0300 },
	{ AF_PACKET, SOCK_DGRAM, 0x0008 },
	{ AF_UNIX, SOCK_STREAM, 0 },
	{ AF_UNIX, SOCK_DGRAM, 0 },
	{ AF_UNIX, SOCK_SEQPACKET, 0 },
};

/* Port 7100 to 7103 of this machine or of another, or a name of each other family. */
unsigned make_address(void *to, unsigned room)
{
	static const char *const v4s[] = { "127.0.0.1", "0.0.0.0",   "255.255.255.255",
					   "224.0.0.1", "127.0.0.2", "10.0.2.2" };
	static const char *const v6s[] = { "::1", "::", "ff02::1", "::ffff:127.0.0.1", "fe80::1" };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x0800) };
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };
	const void *all[] = { &v4, &v6, &un, &ll, &nl };
	const unsigned lengths[] = { sizeof(v4), sizeof(v6), 3, sizeof(ll), sizeof(nl) };
	unsigned which = below(8), len;

	v4.sin_port = v6.sin6_port = htons((uint16_t)(PORT + below(4)));
	inet_pton(AF_INET, v4s[below(LENGTH(v4s))], &v4.sin_addr);
	inet_pton(AF_INET6, v6s[below(LENGTH(v6s))], &v6.sin6_addr);
	v6.sin6_scope_id = below(3);
	un.sun_path[1] = (char)('a' + below(4));
	ll.sll_ifindex = (int)below(3);
	ll.sll_halen = (unsigned char)(one_in(4) ? below(256) : 6);
	nl.nl_groups = one_in(2) ? some_number() : 0;
	nl.nl_pid = one_in(4) ? some_number() : 0;
	which = which < LENGTH(all) ? which : which % 2;
	len = lengths[which] + (which == 2);
	memset(to, 0, room);
	memcpy(to, all[which], len < room ? len : room);
	if (one_in(16))
		((char *)to)[below(len < room ? len : room)] = (char)below(256);
	return one_in(16) ? below(room + 8) : len;
}

static int open_one(unsigned kind)
{
	return socket(kinds[kind].family, kinds[kind].type | SOCK_NONBLOCK | SOCK_CLOEXEC,
		      kinds[kind].protocol);
}

static void make_pair(int type, int *two)
{
	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, two) != 0)
		two[0] = two[1] = -1;
}

/* A connection of TCP to itself. */
static void connect_stream(int *two)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int listener = socket(AF_INET6, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);

	two[0] = socket(AF_INET6, SOCK_STREAM, 0);
	two[1] = -1;
	if (bind(listener, (void *)&at, sizeof(at)) == 0 && listen(listener, 1) == 0 &&
	    getsockname(listener, (void *)&at, &len) == 0 && connect(two[0], (void *)&at, len) == 0)
		two[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	close(listener);
}

void open_sockets(void)
{
	unsigned n = 0;

	for (; n < LENGTH(kinds); n++)
		sockets[n] = open_one(n);
	connect_stream(&sockets[n]);
	make_pair(one_in(2) ? SOCK_STREAM : SOCK_DGRAM, &sockets[n + 2]);
	for (n += 4; n < SOCKETS; n++)
		sockets[n] = open_one(below(LENGTH(kinds)));
}

void close_one_and_open(void)
{
	unsigned n = below(SOCKETS);

	close(sockets[n]);
	sockets[n] = open_one(below(LENGTH(kinds)));
}

void name_sockets(void)
{
	struct sockaddr_storage *at = place(0, sizeof(*at));
	socklen_t *len = place(1, sizeof(*len));
	int fd = some_socket(), got;

	switch (below(6)) {
	case 0:
		bind(fd, (void *)at, make_address(at, sizeof(*at)));
		break;
	case 1:
	case 2:
		connect(fd, (void *)at, make_address(at, sizeof(*at)));
		break;
	case 3:
		listen(fd, (int)below(4));
		break;
	case 4:
		*len = some_length();
		got = accept4(fd, (void *)at, len, SOCK_NONBLOCK);
		if (got >= 0) {
			unsigned n = below(SOCKETS);

			close(sockets[n]);
			sockets[n] = got;
		}
		break;
	default:
		*len = some_length();
		if (one_in(2))
			getsockname(fd, (void *)at, len);
		else
			getpeername(fd, (void *)at, len);
	}
}
