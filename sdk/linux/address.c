/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as sockets have them. One socket of IPv6 serves both families where it is bound to any
 * address of either; a machine without IPv6 has IPv4's. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "linux/sockets.h"

socklen_t hull_sockaddr_write(const struct hull_address *a, bool v4, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (v4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip + 12, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	in6->sin6_scope_id = a->interface;
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

void hull_sockaddr_read(const struct sockaddr_storage *a, struct hull_address *out)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;

	memset(out, 0, sizeof(*out));
	if (a->ss_family == AF_INET) {
		memcpy(out->ip, hull_v4_prefix, sizeof(hull_v4_prefix));
		memcpy(out->ip + 12, &in->sin_addr, 4);
		out->port = ntohs(in->sin_port);
	} else {
		memcpy(out->ip, &in6->sin6_addr, 16);
		out->port = ntohs(in6->sin6_port);
		out->interface = in6->sin6_scope_id;
	}
}

void hull_socket_local(int fd, struct hull_address *out)
{
	struct sockaddr_storage a = { .ss_family = AF_INET };
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
		hull_sockaddr_read(&a, out);
}

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value)); /* bind tells if it matters */
}

static int bind_to(int fd, const struct binding *b, bool v4)
{
	struct sockaddr_storage a;
	socklen_t len = hull_sockaddr_write(b->local, v4, &a);

	if (b->type == SOCK_STREAM)
		set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (b->reuse_port)
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!b->must_bind && b->local->port == 0 && hull_address_is_any(b->local))
		return 0;
	return bind(fd, (struct sockaddr *)&a, len) == 0 ? 0 : -errno;
}

int hull_socket_make(const struct binding *b, struct hull_address *bound)
{
	bool v4 = b->v4;
	int type = b->type | SOCK_CLOEXEC | (b->type == SOCK_STREAM ? SOCK_NONBLOCK : 0), err;
	int fd = socket(v4 ? AF_INET : AF_INET6, type, 0);

	if (fd < 0 && errno == EAFNOSUPPORT && !v4 && hull_address_is_any(b->local)) {
		v4 = true;
		fd = socket(AF_INET, type, 0);
	}
	if (fd < 0)
		return -errno;
	if (!v4)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, b->only_v6);
	err = bind_to(fd, b, v4);
	if (err != 0) {
		close(fd);
		return err;
	}
	hull_socket_local(fd, bound);
	return fd;
}
