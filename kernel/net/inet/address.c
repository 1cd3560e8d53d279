/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of internet sockets: struct sockaddr_in and sockaddr_in6 in and out, and what a
 * wildcard means to who sends there. inet.h has the theory.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/inet.h"

/* ---- in and out ---- */

int inet_address_read_v4(const struct socket_address *from, struct inet_target *to)
{
	struct sockaddr_in in;

	if (from->len < sizeof(in))
		return -EINVAL;
	memcpy(&in, from->bytes, sizeof(in));
	inet_ip_from_v4(to->at.ip, in.sin_addr.s_addr);
	to->at.port = inet_swap16(in.sin_port);
	to->scope = 0;
	return 0;
}

int inet_address_read(const struct inet_socket *i, const struct socket_address *from,
		      struct inet_target *to)
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
	memcpy(to->at.ip, &in.sin6_addr, sizeof(to->at.ip));
	to->at.port = inet_swap16(in.sin6_port);
	to->scope = inet_ip_is_link_local(to->at.ip) ? in.sin6_scope_id : 0;
	return 0;
}

void inet_address_write(const struct inet_socket *i, const struct inet_address *from,
			unsigned scope, struct socket_address *to)
{
	if (inet_is_v6(i)) {
		struct sockaddr_in6 in = { .sin6_family = AF_INET6,
					   .sin6_port = inet_swap16(from->port) };

		memcpy(&in.sin6_addr, from->ip, sizeof(from->ip));
		if (!inet_ip_is_v4(from->ip) && inet_ip_is_link_local(from->ip))
			in.sin6_scope_id = scope;
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

/* ---- names ---- */

struct inet_address inet_local(struct inet_socket *i)
{
	scoped_spin(&i->socket.lock);
	return i->local;
}

struct inet_address inet_remote(struct inet_socket *i)
{
	scoped_spin(&i->socket.lock);
	return i->remote;
}

const uint8_t *inet_bound_address(const struct inet_socket *i)
{
	return (READ_ONCE(i->end->flags) & ENDPOINT_ADDRESS_CHOSEN) != 0 ? i->end->local.ip : NULL;
}

int inet_address_mean(struct inet_socket *i, struct inet_target *to)
{
	bool v4 = inet_ip_is_v4(to->at.ip), is_bound;
	struct inet_address own = inet_local(i);

	if (v4 && (READ_ONCE(i->end->flags) & ENDPOINT_ONLY_V6) != 0)
		return -ENETUNREACH;
	is_bound = own.port != 0 && !inet_ip_is_any(own.ip);
	if (inet_ip_is_any(to->at.ip)) {
		/* A socket that is bound to an IPv4 address means that wildcard, too. */
		if (own.port != 0 && inet_ip_is_v4(own.ip))
			v4 = true;
		if (is_bound && inet_ip_is_v4(own.ip) == v4)
			memcpy(to->at.ip, own.ip, sizeof(own.ip));
		else
			memcpy(to->at.ip, v4 ? inet_loopback4 : inet_loopback6, sizeof(own.ip));
	}
	return is_bound && inet_bound_address(i) != NULL && inet_ip_is_v4(own.ip) != v4
		       ? -ENETUNREACH
		       : 0;
}

unsigned inet_address_device(const struct inet_socket *i, const struct inet_target *to)
{
	unsigned bound = READ_ONCE(i->end->dev_index);

	if (bound != 0 || to->scope != 0)
		return bound != 0 ? bound : to->scope;
	if (!inet_ip_is_multicast(to->at.ip))
		return (unsigned)inet_option_for(i, to->at.ip, IP_UNICAST_IF, IPV6_UNICAST_IF);
	return (unsigned)inet_option_for(i, to->at.ip, IP_MULTICAST_IF, IPV6_MULTICAST_IF);
}
