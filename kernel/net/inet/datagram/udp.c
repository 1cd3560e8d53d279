/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP's sockets: birth and death, what the engine tells, connect, options (udp(7)). */
#include "net/inet/datagram/udp.h"

#include <linux/udp.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/inet/report.h"

static const struct socket_ops udp_ops;

/* ---- what the engine tells ---- */

static struct udp_socket *of_engine(struct udp *e)
{
	return container_of(e, struct udp_socket, udp);
}

static void received(struct udp *e, struct netbuf *b)
{
	struct udp_socket *u = of_engine(e);
	const struct ip_info *i = netbuf_notes(b, const struct ip_info);

	if (inet_ip_is_multicast(i->to) && !inet_hears_group(&u->datagram.inet, i))
		netbuf_free(b);
	else
		datagram_arrived(&u->datagram, b, UDP_HEADER);
}

static void failed(struct udp *e, const struct ip_error *error, const struct inet_address *to)
{
	inet_error_arrived(&of_engine(e)->datagram.inet, error, to);
}

static void get(struct udp *e)
{
	socket_get(&of_engine(e)->datagram.inet.socket);
}

static void put(struct udp *e)
{
	socket_put(&of_engine(e)->datagram.inet.socket);
}

static const struct udp_events events = {
	.received = received,
	.failed = failed,
	.get = get,
	.put = put,
};

/* ---- birth and death ---- */

int inet_udp_new(bool v6, struct socket **out)
{
	struct udp_socket *u = kmem_new(struct udp_socket);
	struct inet_socket *i;
	int err;

	if (u == NULL)
		return -ENOMEM;
	i = &u->datagram.inet;
	err = datagram_init(&u->datagram, &udp_ops, SOCK_DGRAM);
	if (err != 0) {
		kmem_free(u);
		return err;
	}
	udp_init(&u->udp, i->net, &events, v6);
	inet_attach(i, &u->udp.end, v6);
	*out = &i->socket;
	return 0;
}

static void udp_free(struct socket *s)
{
	struct udp_socket *u = udp_of(s);

	udp_fini(&u->udp);
	datagram_fini(&u->datagram);
	kmem_free(u);
}

static void udp_close(struct socket *s)
{
	struct udp_socket *u = udp_of(s);

	endpoint_remove(&u->udp.end);
	datagram_close(&u->datagram);
	inet_close(&u->datagram.inet);
	net_run();
}

/* ---- connect ---- */

/* IPv6's sockets take IPv4's addresses, too. */
static int read_remote(const struct inet_socket *i, const struct socket_address *a,
		       struct inet_target *to)
{
	if (inet_is_v6(i) && a->family == AF_INET)
		return (READ_ONCE(i->end->flags) & ENDPOINT_ONLY_V6) != 0
			       ? -EAFNOSUPPORT
			       : inet_address_read_v4(a, to);
	return inet_address_read(i, a, to);
}

/* names_lock is held. */
static int connect_to(struct udp_socket *u, struct inet_target *to)
{
	struct inet_socket *i = &u->datagram.inet;
	struct udp_values v = { .from = inet_bound_address(i) };
	int err;

	if (!inet_ip_is_multicast(to->at.ip))
		v.dev_index = inet_address_device(i, to);
	v.to = to->at;
	v.prefer = inet_ip_is_v4(to->at.ip) ? 0 : inet_source_preference(i);
	v.is_broadcast_allowed = socket_option_is_on(&i->socket, SO_BROADCAST);
	err = endpoint_autobind(&u->udp.end) != 0 ? -EAGAIN : udp_connect(&u->udp, &v);
	inet_names_changed(i);
	return err;
}

static int udp_connect_socket(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct udp_socket *u = udp_of(s);
	struct inet_socket *i = &u->datagram.inet;
	struct inet_target to;
	int err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	scoped_mutex(&i->names_lock);
	if (a->family == AF_UNSPEC) {
		udp_disconnect(&u->udp);
		inet_names_changed(i);
		return 0;
	}
	err = read_remote(i, a, &to);
	if (err == 0)
		err = inet_address_mean(i, &to);
	return err != 0 ? err : connect_to(u, &to);
}

/* ---- options ---- */

static int udp_set_option(struct socket *s, const struct socket_option *o)
{
	struct udp_socket *u = udp_of(s);
	int value;

	if (o->level != IPPROTO_UDP)
		return inet_set_option(s, o);
	if (o->len < sizeof(value))
		return -EINVAL;
	memcpy(&value, o->value, sizeof(value));
	switch (o->name) {
	case UDP_SEGMENT:
		if (value < 0 || value > (int)UINT16_MAX)
			return -EINVAL;
		WRITE_ONCE(u->segment, (uint32_t)value);
		return 0;
	case UDP_GRO:
		WRITE_ONCE(u->udp.takes_whole, value != 0);
		return 0;
	case UDP_CORK:
		WRITE_ONCE(u->datagram.corks, value != 0);
		if (value == 0)
			IGNORE_RESULT(datagram_uncork(&u->datagram)); /* nobody is told */
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int udp_get_option(struct socket *s, struct socket_option *o)
{
	struct udp_socket *u = udp_of(s);
	int value;

	if (o->level != IPPROTO_UDP)
		return inet_get_option(s, o);
	if (o->name == UDP_SEGMENT)
		value = (int)READ_ONCE(u->segment);
	else if (o->name == UDP_CORK)
		value = READ_ONCE(u->datagram.corks);
	else if (o->name == UDP_GRO)
		value = READ_ONCE(u->udp.takes_whole);
	else
		return -ENOPROTOOPT;
	return inet_give(o, &value, sizeof(value));
}

static const struct socket_ops udp_ops = {
	.bind = inet_bind,
	.connect = udp_connect_socket,
	.send = udp_socket_send,
	.receive = datagram_receive,
	.get_name = inet_get_name,
	.set_option = udp_set_option,
	.get_option = udp_get_option,
	.option_changed = inet_option_changed,
	.shutdown = datagram_shutdown,
	.ioctl = datagram_ioctl,
	.poll = datagram_poll,
	.close = udp_close,
	.free = udp_free,
};

/* ---- /proc/net ---- */

bool inet_udp_report(struct endpoint *end, struct inet_report *r)
{
	struct udp *e = container_of(end, struct udp, end);

	if (e->events != &events)
		return false;
	inet_report_datagram(&of_engine(e)->datagram, r);
	return true;
}
