/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending datagrams: to one socket, or to all that listen to a group or broadcast. */
#include <linux/eventpoll.h>

#include "core/random.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/udp.h"

#define RECEIVERS_MAX 16u /* of one multicast or broadcast */

/* ---- where to ---- */

static int read_target(const struct inet_socket *i, const struct socket_address *a,
		       struct inet_address *to)
{
	struct socket_address known = *a;
	int err;

	if (inet_is_v6(i) && a->family == AF_INET) {
		err = READ_ONCE(i->only_v6) ? -ENETUNREACH : inet_address_read_v4(a, to);
	} else {
		if (a->family == AF_UNSPEC && a->len >= sizeof(struct sockaddr_in))
			known.family = inet_is_v6(i) ? AF_INET6 : AF_INET;
		err = inet_address_read(i, &known, to);
	}
	if (err == 0 && to->port == 0)
		err = -EINVAL;
	return err;
}

static bool is_for_many(const struct inet_address *to)
{
	return inet_ip_is_multicast(to->ip) || inet_ip_is_broadcast(to->ip);
}

/* Multicast leaves by the interface that was chosen, and only lo is there to be chosen. */
static int route_locked(const struct inet_socket *i, struct inet_address *to)
{
	bool v4 = inet_ip_is_v4(to->ip);
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int name = v4 ? IP_MULTICAST_IF : IPV6_MULTICAST_IF;

	if (!inet_ip_is_multicast(to->ip))
		return inet_route(i, to);
	return inet_option(i, level, name) != 0 ? 0 : -ENETUNREACH;
}

/* ---- who hears it ---- */

static unsigned score(const struct inet_socket *o, const struct udp_packet *p)
{
	unsigned n = 1;

	if (!inet_is_bound_to(o, &p->to))
		return 0;
	if (o->remote.port != 0 && !inet_same(&o->remote, &p->from))
		return 0;
	if (o->remote.port != 0)
		n += 4;
	if (!inet_ip_is_any(o->local.ip))
		n += 4;
	return n + (inet_ip_is_v4(p->to.ip) && !inet_is_v6(o));
}

/* The one that fits best; of several with SO_REUSEPORT any, of others the one bound last. */
static struct inet_socket *find_one_locked(const struct udp_packet *p)
{
	struct inet_socket *o, *best = NULL;
	unsigned most = 0, nr_equal = 0;

	list_foreach(inet_port_bucket(&inet_udp, p->to.port), o, port_link) {
		unsigned n = score(o, p);

		if (n == 0 || n < most)
			continue;
		nr_equal = n > most ? 1 : nr_equal + 1;
		most = n;
		if (!socket_option_is_on(&o->socket, SO_REUSEPORT) || nr_equal == 1 ||
		    random_u64() % nr_equal == 0)
			best = o;
	}
	return best;
}

static bool wants_group_locked(const struct inet_socket *o, const struct udp_packet *p)
{
	if (score(o, p) == 0)
		return false;
	return !inet_ip_is_multicast(p->to.ip) || inet_has_group_locked(o, p->to.ip);
}

/* Counted; how many. */
static unsigned find_receivers_locked(const struct udp_packet *p, struct udp_socket **to)
{
	struct inet_socket *o;
	unsigned nr = 0;

	if (!is_for_many(&p->to)) {
		o = find_one_locked(p);
		if (o == NULL)
			return 0;
		socket_get(&o->socket);
		to[0] = udp_of(&o->socket);
		return 1;
	}
	list_foreach(inet_port_bucket(&inet_udp, p->to.port), o, port_link) {
		if (nr == RECEIVERS_MAX || !wants_group_locked(o, p))
			continue;
		socket_get(&o->socket);
		to[nr++] = udp_of(&o->socket);
	}
	return nr;
}

/* ---- on its way ---- */

/* Takes p. */
static void deliver(struct udp_socket *to, struct udp_packet *p)
{
	struct socket *s = &to->inet.socket;
	bool taken;

	spin_lock(&s->lock);
	taken = (to->ends & UDP_NO_RECEIVE) == 0 &&
		(to->nr_queued == 0 ||
		 to->charged + p->packet.charge <= READ_ONCE(s->receive_limit));
	if (taken) {
		list_append(&to->queue, &p->packet.link);
		to->charged += p->packet.charge;
		atomic_store(&to->nr_queued, to->nr_queued + 1);
		atomic_store(&to->nr_arrived, to->nr_arrived + 1);
	}
	spin_unlock(&s->lock);
	if (taken) {
		waitq_wake_all(&s->readable, EPOLLIN | EPOLLRDNORM);
		return;
	}
	(void)atomic_add(&to->nr_dropped, 1);
	packet_free(&p->packet);
}

/* A copy of p; NULL = no memory. */
static struct udp_packet *copy(const struct udp_packet *p)
{
	struct packet *c = packet_new(sizeof(*p), p->packet.len);
	struct udp_packet *to;

	if (c == NULL)
		return NULL;
	to = container_of(c, struct udp_packet, packet);
	to->from = p->from;
	to->to = p->to;
	to->hops = p->hops;
	to->traffic_class = p->traffic_class;
	to->time_ns = p->time_ns;
	packet_copy(c, &p->packet);
	return to;
}

/* Nobody takes what u sent to `to`. */
static void bounce(struct udp_socket *u, const struct inet_address *to)
{
	struct inet_socket *i = &u->inet;
	bool told = inet_same(&i->remote, to) || inet_option(i, IPPROTO_IP, IP_RECVERR) != 0;

	if (!told || is_for_many(to))
		return;
	atomic_store(&i->socket.error, ECONNREFUSED);
	socket_wake(&i->socket, EPOLLERR);
}

/* Takes p, whose addresses are set. */
static void dispatch(struct udp_socket *u, struct udp_packet *p)
{
	struct udp_socket *to[RECEIVERS_MAX];
	unsigned nr;

	spin_lock(&inet_lock);
	nr = find_receivers_locked(p, to);
	spin_unlock(&inet_lock);
	if (nr == 0)
		bounce(u, &p->to);
	for (unsigned n = 0; n < nr; n++) {
		struct udp_packet *own = n + 1 < nr ? copy(p) : p;

		if (own != NULL)
			deliver(to[n], own);
		socket_put(&to[n]->inet.socket);
	}
	if (nr == 0)
		packet_free(&p->packet);
}

/* Every send binds a socket that is not bound, also one that fails. */
static int bind_first(struct inet_socket *i)
{
	if (READ_ONCE(i->local.port) != 0)
		return 0;
	scoped_spin(&inet_lock);
	return inet_autobind_locked(i, NULL) != 0 ? -EAGAIN : 0;
}

/* Where to and from. */
static int address(struct udp_socket *u, const struct socket_message *m, struct inet_address *to,
		   struct inet_address *from)
{
	struct inet_socket *i = &u->inet;
	int err = bind_first(i);

	if (err == 0 && m->name != NULL)
		err = read_target(i, m->name, to);
	if (err != 0)
		return err;
	scoped_spin(&inet_lock);
	if (m->name == NULL)
		*to = i->remote;
	if (to->port == 0)
		return -EDESTADDRREQ;
	err = route_locked(i, to);
	if (err == 0)
		inet_source(i, to, from);
	return err;
}

/* What is not the address: the program's word for this one, or the socket's for all. */
static void set_header(const struct inet_socket *i, struct udp_packet *p,
		       const struct socket_message *m)
{
	bool v4 = inet_ip_is_v4(p->to.ip), many = inet_ip_is_multicast(p->to.ip);
	int hops = v4 ? (many ? IP_MULTICAST_TTL : IP_TTL)
		      : (many ? IPV6_MULTICAST_HOPS : IPV6_UNICAST_HOPS);
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;

	p->time_ns = clock_realtime();
	p->hops = (uint8_t)(m->hops_plus_1 > 0 ? m->hops_plus_1 - 1 : inet_option(i, level, hops));
	p->traffic_class = (uint8_t)(m->class_plus_1 > 0
					     ? m->class_plus_1 - 1
					     : inet_option(i, level, v4 ? IP_TOS : IPV6_TCLASS));
}

ssize_t udp_send(struct socket *s, struct socket_message *m)
{
	struct udp_socket *u = udp_of(s);
	const struct inet_socket *i = &u->inet;
	struct inet_address to, from;
	size_t len = m->data->left;
	struct packet *p;
	struct udp_packet *d;
	int err;

	if (len > UINT16_MAX)
		return -EMSGSIZE;
	if ((m->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	err = address(u, m, &to, &from);
	if (err != 0)
		return err;
	if (len > (inet_ip_is_v4(to.ip) ? UDP_MAX4 : UDP_MAX6))
		return -EMSGSIZE;
	err = socket_take_error(s);
	if (err == 0 && (atomic_load(&u->ends) & UDP_NO_SEND) != 0)
		err = -EPIPE;
	if (err != 0)
		return err;
	p = packet_new(sizeof(*d), len);
	if (p == NULL)
		return -ENOBUFS;
	d = container_of(p, struct udp_packet, packet);
	d->to = to;
	d->from = from;
	set_header(i, d, m);
	err = packet_fill(p, m->data);
	if (err != 0) {
		packet_free(p);
		return err;
	}
	dispatch(u, d);
	return (ssize_t)len;
}
