/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of internet sockets: struct sockaddr_in and sockaddr_in6 in and out, and which of them
 * are ours. inet.h has the theory.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/inet.h"

bool inet_ip_is_ours(const uint8_t ip[16])
{
	return inet_ip_is_loopback(ip) && !inet_ip_is_broadcast(ip);
}

/* All ones, or lo's own. */
bool inet_ip_is_broadcast(const uint8_t ip[16])
{
	uint32_t a = inet_ip_v4(ip);

	return inet_ip_is_v4(ip) && (a == UINT32_MAX || a == (UINT32_MAX & ~0x80u));
}

/* ---- in and out ---- */

int inet_address_read_v4(const struct socket_address *from, struct inet_address *to)
{
	struct sockaddr_in in;

	if (from->len < sizeof(in))
		return -EINVAL;
	memcpy(&in, from->bytes, sizeof(in));
	inet_ip_from_v4(to->ip, in.sin_addr.s_addr);
	to->port = inet_swap16(in.sin_port);
	return 0;
}

int inet_address_read(const struct inet_socket *i, const struct socket_address *from,
		      struct inet_address *to)
{
	struct sockaddr_in6 in = { 0 };

	if (from->len < sizeof(from->family))
		return -EINVAL;
	if (!inet_is_v6(i)) {
		if (from->len < sizeof(struct sockaddr_in))
			return -EINVAL;
		return from->family != AF_INET ? -EAFNOSUPPORT : inet_address_read_v4(from, to);
	}
	if (from->len >= INET6_ADDRESS_MIN && from->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (from->len < INET6_ADDRESS_MIN)
		return from->family == AF_INET6 || i->socket.type == SOCK_STREAM ? -EINVAL
										 : -EAFNOSUPPORT;
	memcpy(&in, from->bytes, min(from->len, (unsigned)sizeof(in)));
	memcpy(to->ip, &in.sin6_addr, sizeof(to->ip));
	to->port = inet_swap16(in.sin6_port);
	return 0;
}

void inet_address_write(const struct inet_socket *i, const struct inet_address *from,
			struct socket_address *to)
{
	if (inet_is_v6(i)) {
		struct sockaddr_in6 in = { .sin6_family = AF_INET6,
					   .sin6_port = inet_swap16(from->port) };

		memcpy(&in.sin6_addr, from->ip, sizeof(from->ip));
		memcpy(to->bytes, &in, sizeof(in));
		to->len = sizeof(in);
	} else {
		struct sockaddr_in in = { .sin_family = AF_INET,
					  .sin_port = inet_swap16(from->port) };

		in.sin_addr.s_addr = inet_ip_v4(from->ip);
		memcpy(to->bytes, &in, sizeof(in));
		to->len = sizeof(in);
	}
}

/* ---- routes ---- */

static const uint8_t *loopback_for(const struct inet_socket *i, bool v4)
{
	const uint8_t *own = i->local.ip;

	if (i->local.port != 0 && !inet_ip_is_any(own) && inet_ip_is_v4(own) == v4)
		return own;
	return v4 ? inet_loopback4 : inet_loopback6;
}

int inet_route(const struct inet_socket *i, struct inet_address *to)
{
	bool v4 = inet_ip_is_v4(to->ip);

	if (v4 && inet_is_v6(i) && READ_ONCE(i->only_v6))
		return -ENETUNREACH;
	if (inet_ip_is_any(to->ip)) {
		/* A socket that is bound to an IPv4 address means that wildcard, too. */
		if (!v4 && i->local.port != 0 && inet_ip_is_v4(i->local.ip))
			v4 = true;
		memcpy(to->ip, loopback_for(i, v4), sizeof(to->ip));
	}
	if (inet_ip_is_broadcast(to->ip) && i->socket.type == SOCK_DGRAM)
		return socket_option_is_on(&i->socket, SO_BROADCAST) ? 0 : -EACCES;
	return inet_ip_is_ours(to->ip) ? 0 : -ENETUNREACH;
}

void inet_source(const struct inet_socket *i, const struct inet_address *to,
		 struct inet_address *from)
{
	const uint8_t *own = i->local.ip;
	bool v4 = inet_ip_is_v4(to->ip);

	from->port = i->local.port;
	if (!inet_ip_is_any(own) && !inet_ip_is_multicast(own) && !inet_ip_is_broadcast(own))
		memcpy(from->ip, own, sizeof(from->ip));
	else
		memcpy(from->ip, v4 ? inet_loopback4 : inet_loopback6, sizeof(from->ip));
}
