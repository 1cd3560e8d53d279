/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP: birth and death, connect, names, poll, ioctl (udp(7)). udp.h has the theory. */
#include "net/inet/udp.h"

#include <asm/ioctls.h>
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/user.h"

static const struct socket_ops udp_ops;

int inet_udp_new(struct socket **out)
{
	struct udp_socket *u = kmem_new(struct udp_socket);

	if (u == NULL)
		return -ENOMEM;
	inet_init(&u->inet, &udp_ops, SOCK_DGRAM);
	u->inet.socket.traits = SOCKET_QUIET_PIPE;
	mutex_init(&u->read_lock);
	list_init(&u->queue);
	*out = &u->inet.socket;
	return 0;
}

static void udp_free(struct socket *s)
{
	struct udp_socket *u = udp_of(s);
	struct packet *p;

	inet_fini(&u->inet);
	while ((p = list_first(&u->queue, struct packet, link)) != NULL) {
		list_remove(&p->link);
		packet_free(p);
	}
	kmem_free(u);
}

static void udp_close(struct socket *s)
{
	inet_remove(inet_of(s));
}

/* ---- connect ---- */

static void disconnect_locked(struct inet_socket *i)
{
	i->remote.port = 0;
	if (!i->address_chosen)
		memcpy(i->local.ip, inet_is_v6(i) ? inet_any6 : inet_any4, 16);
	if (!i->port_chosen)
		inet_unbind_locked(i);
}

/* IPv6's sockets take IPv4's addresses, too. */
static int read_remote(const struct inet_socket *i, const struct socket_address *a,
		       struct inet_address *to)
{
	if (inet_is_v6(i) && a->family == AF_INET)
		return READ_ONCE(i->only_v6) ? -EAFNOSUPPORT : inet_address_read_v4(a, to);
	return inet_address_read(i, a, to);
}

static int udp_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct inet_socket *i = inet_of(s);
	struct inet_address to;
	int err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family == AF_UNSPEC) {
		scoped_spin(&inet_lock);
		disconnect_locked(i);
		return 0;
	}
	err = read_remote(i, a, &to);
	if (err != 0)
		return err;
	scoped_spin(&inet_lock);
	err = inet_route(i, &to);
	if (err != 0)
		return err;
	if (!i->address_chosen)
		memcpy(i->local.ip, inet_is_v6(i) ? inet_any6 : inet_any4, 16);
	inet_source(i, &to, &i->local);
	err = inet_autobind_locked(i, NULL);
	if (err == 0)
		i->remote = to;
	return err;
}

static int udp_get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	struct inet_socket *i = inet_of(s);

	scoped_spin(&inet_lock);
	if (of != SOCKET_OWN_NAME && i->remote.port == 0)
		return -ENOTCONN;
	inet_address_write(i, of == SOCKET_OWN_NAME ? &i->local : &i->remote, out);
	return 0;
}

/* ---- shutdown, poll, ioctl ---- */

static int udp_shutdown(struct socket *s, int how)
{
	struct udp_socket *u = udp_of(s);
	unsigned ends = atomic_or(&u->ends, (unsigned)how + 1) | ((unsigned)how + 1);

	socket_wake(s, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM |
			       (ends == UDP_NO_BOTH ? EPOLLHUP : 0));
	return READ_ONCE(u->inet.remote.port) == 0 ? -ENOTCONN : 0;
}

static unsigned udp_poll(struct socket *s, struct poll_table *t)
{
	struct udp_socket *u = udp_of(s);
	unsigned ends = atomic_load(&u->ends), events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	if (READ_ONCE(s->error) != 0)
		events |= EPOLLERR;
	if ((ends & UDP_NO_RECEIVE) != 0)
		events |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (ends == UDP_NO_BOTH)
		events |= EPOLLHUP;
	if (atomic_load(&u->nr_queued) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	return events;
}

static long udp_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	int value;

	if (cmd == FIONREAD)
		value = (int)udp_next_length(udp_of(s));
	else if (cmd == TIOCOUTQ)
		value = 0; /* what was sent has arrived */
	else
		return inet_ioctl(s, cmd, arg);
	return user_write_struct(arg, &value);
}

static const struct socket_ops udp_ops = {
	.bind = inet_bind,
	.connect = udp_connect,
	.send = udp_send,
	.receive = udp_receive,
	.get_name = udp_get_name,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.shutdown = udp_shutdown,
	.ioctl = udp_ioctl,
	.poll = udp_poll,
	.close = udp_close,
	.free = udp_free,
};
