/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_INET and AF_INET6: the families, birth, the end, bind, ioctl. inet.h has the theory. */
#include "net/inet/inet.h"

#include <linux/capability.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "net/inet/report.h"
#include "net/inet/tcp.h"

void inet_init(struct inet_socket *i, const struct socket_ops *ops, int type)
{
	struct inet_table *t = type == SOCK_STREAM ? &inet_tcp : &inet_udp;

	socket_init(&i->socket, ops, type);
	i->socket.protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	list_init(&i->port_link);
	list_init(&i->connection_link);
	i->uid = cred_current()->fsuid;
	inet_options_init(i);
	scoped_spin(&inet_lock);
	list_append(&t->all, &i->all_link);
	t->nr++;
}

void inet_remove(struct inet_socket *i)
{
	struct inet_table *t = inet_table_of(i);

	scoped_spin(&inet_lock);
	list_remove(&i->port_link);
	list_remove(&i->connection_link);
	if (!list_is_empty(&i->all_link))
		t->nr--;
	list_remove(&i->all_link);
}

void inet_fini(struct inet_socket *i)
{
	inet_remove(i);
	kmem_free(i->groups);
}

/* ---- making ---- */

static int create(bool v6, int type, int protocol, struct socket **out)
{
	static const struct {
		int type, protocol;
		struct inet_table *table;
		int (*make)(struct socket **out);
	} kinds[] = {
		{ SOCK_STREAM, IPPROTO_TCP, &inet_tcp, inet_tcp_new },
		{ SOCK_DGRAM, IPPROTO_UDP, &inet_udp, inet_udp_new },
	};
	struct inet_socket *i;
	int err;

	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (type == SOCK_RAW) /* there is nothing raw to be had */
		return cred_has_cap(cred_current(), CAP_NET_RAW) ? -EPROTONOSUPPORT : -EPERM;
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		if (kinds[k].type != type)
			continue;
		if (protocol != 0 && protocol != kinds[k].protocol)
			return -EPROTONOSUPPORT;
		err = inet_table_prepare(kinds[k].table);
		if (err == 0)
			err = kinds[k].make(out);
		if (err != 0)
			return err;
		i = inet_of(*out);
		memcpy(i->local.ip, v6 ? inet_any6 : inet_any4, 16);
		memcpy(i->remote.ip, i->local.ip, 16);
		return 0;
	}
	return -ESOCKTNOSUPPORT;
}

static int create_v4(int type, int protocol, struct socket **out)
{
	return create(false, type, protocol, out);
}

static int create_v6(int type, int protocol, struct socket **out)
{
	return create(true, type, protocol, out);
}

SOCKET_FAMILY(inet_family) = {
	.family = AF_INET,
	.create = create_v4,
	.address_max = sizeof(struct sockaddr_in),
};

SOCKET_FAMILY(inet6_family) = {
	.family = AF_INET6,
	.create = create_v6,
	.address_max = sizeof(struct sockaddr_in6),
};

/* ---- bind ---- */

/* IPv4's bind takes AF_UNSPEC for the wildcard, as BSD's did. */
static int read_own(const struct inet_socket *i, const struct socket_address *from,
		    struct inet_address *to)
{
	struct socket_address as_v4;

	if (inet_is_v6(i) && from->len < INET6_ADDRESS_MIN)
		return -EINVAL;
	if (inet_is_v6(i) || from->len < sizeof(struct sockaddr_in) || from->family != AF_UNSPEC)
		return inet_address_read(i, from, to);
	as_v4 = *from;
	as_v4.family = AF_INET;
	if (inet_address_read(i, &as_v4, to) != 0 || !inet_ip_is_any(to->ip))
		return -EAFNOSUPPORT;
	return 0;
}

int inet_bind(struct socket *s, const struct socket_address *a, uint32_t mode)
{
	struct inet_socket *i = inet_of(s);
	struct inet_address own;
	int err = read_own(i, a, &own);

	if (err != 0)
		return err;
	scoped_spin(&inet_lock);
	if (i->remote.port != 0)
		return -EINVAL;
	return inet_bind_locked(i, &own);
}

/* ---- ioctl ---- */

long inet_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	return socket_interface_ioctl(cmd, arg);
}

/* ---- /proc/net ---- */

static void report_one(struct inet_socket *i, struct inet_report *r)
{
	*r = (struct inet_report){
		.v6 = inet_is_v6(i),
		.local = i->local,
		.remote = i->remote,
		.ino = i->socket.ino,
		.uid = i->uid,
		.refs = i->socket.ref.count,
		.state = i->remote.port != 0 ? 1 : 7,
	};
	if (i->socket.type == SOCK_STREAM)
		inet_tcp_report_locked(i, r);
}

unsigned inet_report(bool tcp, struct inet_report *to, unsigned room)
{
	struct inet_table *t = tcp ? &inet_tcp : &inet_udp;
	struct inet_socket *i;
	unsigned nr = 0;

	scoped_spin(&inet_lock);
	list_foreach(&t->all, i, all_link) {
		if (nr == room)
			return t->nr;
		if (i->local.port != 0)
			report_one(i, &to[nr++]);
	}
	return nr;
}
