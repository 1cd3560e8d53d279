/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_INET and AF_INET6: the families, birth, the end, bind, names, ioctl. inet.h has the theory. */
#include "net/ioctl/ioctl.h"
#include "net/inet/inet.h"

#include <linux/capability.h>

#include "core/cred.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/ip.h"

#define PROTOCOL_MAX 255 /* that an IP header can name */

/* ---- birth and death ---- */

int inet_init(struct inet_socket *i, const struct socket_ops *ops, int type)
{
	i->net = net_machine_get();
	if (i->net == NULL)
		return -ENOBUFS;
	socket_init(&i->socket, ops, type);
	mutex_init(&i->names_lock);
	list_init(&i->errors);
	inet_options_init(i);
	return 0;
}

void inet_init_child(struct inet_socket *i, struct inet_socket *listener)
{
	i->net = listener->net;
	socket_init(&i->socket, listener->socket.ops, listener->socket.type);
	i->socket.family = listener->socket.family;
	mutex_init(&i->names_lock);
	list_init(&i->errors);
	inet_options_inherit(i, listener);
}

static const struct socket_family *family_of(bool v6);

/* Before the endpoint is in a table: whoever finds it there asks for the family too. */
void inet_attach(struct inet_socket *i, struct endpoint *end, bool v6)
{
	i->socket.family = family_of(v6);
	i->end = end;
	memcpy(end->local.ip, v6 ? inet_any6 : inet_any4, sizeof(end->local.ip));
	memcpy(end->remote.ip, end->local.ip, sizeof(end->remote.ip));
	i->local = end->local;
	i->remote = end->remote;
}

void inet_names_changed(struct inet_socket *i)
{
	scoped_spin(&i->socket.lock);
	i->local = i->end->local;
	i->remote = i->end->remote;
}

void inet_close(struct inet_socket *i)
{
	inet_leave_groups(i);
}

void inet_fini(struct inet_socket *i)
{
	netbuf_free_all(&i->errors);
	kmem_free(i->groups);
}

/* ---- making ---- */

/* ICMP's datagram sockets are for groups in a range: icmp(7). */
static bool may_ping(void)
{
	const struct cred *c = cred_current();
	struct net *net = net_machine_get();
	uint32_t first, last;

	if (net == NULL)
		return true; /* there is no memory for the socket either */
	first = READ_ONCE(net->settings.ping_groups[0]);
	last = READ_ONCE(net->settings.ping_groups[1]);
	if (c->egid >= first && c->egid <= last)
		return true;
	for (uint32_t i = 0; i < c->nr_groups; i++) {
		if (c->groups[i] >= first && c->groups[i] <= last)
			return true;
	}
	return false;
}

static int make(bool v6, int type, int protocol, struct socket **out)
{
	int icmp = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	if (type == SOCK_STREAM)
		return protocol == 0 || protocol == IPPROTO_TCP ? inet_tcp_new(v6, out)
								: -EPROTONOSUPPORT;
	if (type == SOCK_DGRAM && protocol == icmp)
		return may_ping() ? inet_ping_new(v6, out) : -EACCES;
	if (type == SOCK_DGRAM)
		return protocol == 0 || protocol == IPPROTO_UDP ? inet_udp_new(v6, out)
								: -EPROTONOSUPPORT;
	if (type != SOCK_RAW)
		return -ESOCKTNOSUPPORT;
	if (protocol == 0 || protocol > PROTOCOL_MAX)
		return -EPROTONOSUPPORT;
	if (!cred_has_cap(cred_current(), CAP_NET_RAW))
		return -EPERM;
	return inet_raw_new(v6, protocol, out);
}

static int create(bool v6, int type, int protocol, struct socket **out)
{
	int err;

	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	err = make(v6, type, protocol, out);
	if (err != 0)
		return err;
	if (type == SOCK_DGRAM)
		(*out)->protocol = protocol == 0 ? IPPROTO_UDP : protocol;
	inet_of(*out)->end->uid = cred_current()->fsuid;
	if (v6 && READ_ONCE(inet_of(*out)->net->settings.bindv6only) != 0)
		(void)atomic_or(&inet_of(*out)->end->flags, (unsigned)ENDPOINT_ONLY_V6);
	return 0;
}

static int create_v4(int type, int protocol, struct socket **out)
{
	return create(false, type, protocol, out);
}

static int create_v6(int type, int protocol, struct socket **out)
{
	return net_has_ip6() ? create(true, type, protocol, out) : -EAFNOSUPPORT;
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

static const struct socket_family *family_of(bool v6)
{
	return v6 ? &inet6_family : &inet_family;
}

/* ---- bind ---- */

/* IPv4's bind takes AF_UNSPEC for the wildcard, as BSD's did. */
static int read_own(const struct inet_socket *i, const struct socket_address *from,
		    struct inet_target *to)
{
	struct socket_address as_v4;

	if (inet_is_v6(i) && from->len < INET6_ADDRESS_MIN)
		return -EINVAL;
	if (inet_is_v6(i) || from->len < sizeof(struct sockaddr_in) || from->family != AF_UNSPEC)
		return inet_address_read(i, from, to);
	as_v4 = *from;
	as_v4.family = AF_INET;
	if (inet_address_read(i, &as_v4, to) != 0 || !inet_ip_is_any(to->at.ip))
		return -EAFNOSUPPORT;
	return 0;
}

/* What can be bound to: ours, wildcards, for datagrams groups and broadcasts; or IP_FREEBIND. */
static bool may_be_local(const struct inet_socket *i, const uint8_t ip[16])
{
	if (inet_ip_is_any(ip) || net_address_is_ours(i->net, ip, 0) ||
	    inet_option_for(i, ip, IP_FREEBIND, IPV6_FREEBIND) != 0 ||
	    inet_option_for(i, ip, IP_TRANSPARENT, IPV6_TRANSPARENT) != 0 ||
	    READ_ONCE(i->net->settings.nonlocal_bind[!inet_ip_is_v4(ip)]) != 0)
		return true;
	return i->socket.type != SOCK_STREAM &&
	       (inet_ip_is_multicast(ip) || inet_ip_equal(ip, inet_broadcast4) ||
		net_address_is_broadcast(i->net, ip, 0));
}

static bool has_ports(const struct inet_socket *i)
{
	return i->socket.protocol == IPPROTO_TCP || i->socket.protocol == IPPROTO_UDP;
}

static int check_own(const struct inet_socket *i, const struct inet_target *a)
{
	bool v4 = inet_ip_is_v4(a->at.ip), group = inet_ip_is_multicast(a->at.ip);

	if (inet_is_v6(i) && v4 && (READ_ONCE(i->end->flags) & ENDPOINT_ONLY_V6) != 0)
		return -EINVAL;
	if (inet_is_v6(i) && group && i->socket.type == SOCK_STREAM)
		return -EINVAL;
	if (!v4 && !group && inet_ip_is_link_local(a->at.ip) && a->scope == 0)
		return -EINVAL;
	if (!may_be_local(i, a->at.ip))
		return -EADDRNOTAVAIL;
	if (has_ports(i) && a->at.port != 0 &&
	    a->at.port < READ_ONCE(i->net->settings.unprivileged_port_start) &&
	    !cred_has_cap(cred_current(), CAP_NET_BIND_SERVICE))
		return -EACCES;
	return 0;
}

int inet_bind_check(const struct inet_socket *i, const struct socket_address *a,
		    struct inet_target *own)
{
	int err = read_own(i, a, own);

	return err != 0 ? err : check_own(i, own);
}

int inet_bind(struct socket *s, const struct socket_address *a, uint32_t mode)
{
	struct inet_socket *i = inet_of(s);
	struct inet_target own;
	int err = inet_bind_check(i, a, &own);

	if (err != 0)
		return err;
	scoped_mutex(&i->names_lock);
	if (i->end->remote.port != 0)
		return -EINVAL;
	err = endpoint_bind(i->end, &own.at);
	if (err != 0)
		return err;
	if (own.scope != 0)
		WRITE_ONCE(i->end->dev_index, own.scope);
	inet_names_changed(i);
	return 0;
}

int inet_autobind(struct inet_socket *i)
{
	int err;

	if (READ_ONCE(i->end->local.port) != 0)
		return 0;
	scoped_mutex(&i->names_lock);
	err = endpoint_autobind(i->end);
	inet_names_changed(i);
	return err != 0 ? -EAGAIN : 0;
}

int inet_get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	struct inet_socket *i = inet_of(s);
	struct inet_address a = of == SOCKET_OWN_NAME ? inet_local(i) : inet_remote(i);

	if (of != SOCKET_OWN_NAME && a.port == 0)
		return -ENOTCONN;
	inet_address_write(i, &a, READ_ONCE(i->end->dev_index), out);
	return 0;
}

long inet_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	return interface_ioctl(cmd, arg);
}
