/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: who is bound to which (bind(2), ip(7)). Every bound socket is in its port's bucket, also
 * the accepted ones, which share their listener's port. Two may share a port if no packet could
 * be meant for both, or if the protocol's may_share says so (SO_REUSEADDR, SO_REUSEPORT,
 * socket(7)). Connections are in a table by both their ends, for TCP's rule that no two are the
 * same (RFC 9293 §3.3.1); a connection's two sockets are in the same bucket.
 *
 * There is no TIME-WAIT: nothing of an old connection can be under way, so a port is in use as long
 * as a socket has it.
 */
#include <linux/capability.h>

#include "core/cred.h"
#include "core/random.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "net/inet/inet.h"

#define NR_BUCKETS   1024u
#define NR_EPHEMERAL (INET_EPHEMERAL_MAX - INET_EPHEMERAL_MIN + 1)

struct spinlock inet_lock = SPINLOCK_INIT;

static bool tcp_may_share(const struct inet_socket *a, const struct inet_socket *b)
{
	if (socket_option_is_on(&a->socket, SO_REUSEADDR) &&
	    socket_option_is_on(&b->socket, SO_REUSEADDR) &&
	    ((READ_ONCE(a->socket.traits) | READ_ONCE(b->socket.traits)) & SOCKET_LISTENS) == 0)
		return true;
	return socket_option_is_on(&a->socket, SO_REUSEPORT) &&
	       socket_option_is_on(&b->socket, SO_REUSEPORT) && a->uid == b->uid;
}

static bool udp_may_share(const struct inet_socket *a, const struct inet_socket *b)
{
	if (socket_option_is_on(&a->socket, SO_REUSEADDR) &&
	    socket_option_is_on(&b->socket, SO_REUSEADDR))
		return true;
	return socket_option_is_on(&a->socket, SO_REUSEPORT) &&
	       socket_option_is_on(&b->socket, SO_REUSEPORT) && a->uid == b->uid;
}

struct inet_table inet_tcp = { .all = LIST_INIT(inet_tcp.all), .may_share = tcp_may_share };
struct inet_table inet_udp = { .all = LIST_INIT(inet_udp.all), .may_share = udp_may_share };

static int prepare_buckets(struct list **buckets)
{
	struct list *now, *none = NULL;

	if (atomic_load(buckets) != NULL)
		return 0;
	now = kmem_new_array(struct list, NR_BUCKETS);
	if (now == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < NR_BUCKETS; i++)
		list_init(&now[i]);
	if (!atomic_compare_exchange(buckets, &none, now))
		kmem_free(now);
	return 0;
}

int inet_table_prepare(struct inet_table *t)
{
	int err = prepare_buckets(&t->ports);

	return err != 0 ? err : prepare_buckets(&t->connections);
}

struct list *inet_port_bucket(const struct inet_table *t, uint16_t port)
{
	return &t->ports[port % NR_BUCKETS];
}

/* ---- who hears whom ---- */

static bool covers(const struct inet_socket *i, const uint8_t ip[16])
{
	if (inet_ip_equal(i->local.ip, inet_any6))
		return !READ_ONCE(i->only_v6) || !inet_ip_is_v4(ip);
	if (inet_ip_equal(i->local.ip, inet_any4))
		return inet_ip_is_v4(ip);
	return inet_ip_equal(i->local.ip, ip);
}

bool inet_is_bound_to(const struct inet_socket *i, const struct inet_address *to)
{
	return i->local.port == to->port && covers(i, to->ip);
}

static bool overlap(const struct inet_socket *a, const struct inet_socket *b)
{
	return a->local.port == b->local.port && (covers(a, b->local.ip) || covers(b, a->local.ip));
}

/* ---- bind ---- */

/* May i, whose local address is set, have its port? */
static bool is_free_locked(const struct inet_socket *i)
{
	const struct inet_table *t = inet_table_of(i);
	struct inet_socket *o;

	list_foreach(inet_port_bucket(t, i->local.port), o, port_link) {
		if (o != i && overlap(i, o) && !t->may_share(i, o))
			return false;
	}
	return true;
}

/* A port that connect may have: no one bound it, and the connection does not exist. */
static bool is_free_to_locked(const struct inet_socket *i, const struct inet_address *to)
{
	const struct inet_table *t = inet_table_of(i);
	struct inet_socket *o;

	list_foreach(inet_port_bucket(t, i->local.port), o, port_link) {
		if (o->port_chosen && overlap(i, o))
			return false;
	}
	return !inet_is_connected_locked(&i->local, to);
}

static void enter_locked(struct inet_socket *i)
{
	list_append(inet_port_bucket(inet_table_of(i), i->local.port), &i->port_link);
}

/* Starts anywhere: a program does not guess the next one. */
static int choose_port_locked(struct inet_socket *i, const struct inet_address *to)
{
	unsigned start = (unsigned)(random_u64() % NR_EPHEMERAL);

	for (unsigned n = 0; n < NR_EPHEMERAL; n++) {
		i->local.port = (uint16_t)(INET_EPHEMERAL_MIN + (start + n) % NR_EPHEMERAL);
		if (to != NULL ? is_free_to_locked(i, to) : is_free_locked(i)) {
			enter_locked(i);
			return 0;
		}
	}
	i->local.port = 0;
	return to != NULL ? -EADDRNOTAVAIL : -EADDRINUSE;
}

/* What can be bound to: ours, wildcards, and for datagrams groups and broadcasts. */
static bool may_be_local(const struct inet_socket *i, const uint8_t ip[16])
{
	return inet_ip_is_any(ip) || inet_ip_is_ours(ip) || inet_ip_is_broadcast(ip) ||
	       (inet_ip_is_multicast(ip) && i->socket.type == SOCK_DGRAM);
}

static int check_address(const struct inet_socket *i, const struct inet_address *a)
{
	if (inet_is_v6(i) && inet_ip_is_v4(a->ip) && i->only_v6)
		return -EINVAL;
	if (inet_is_v6(i) && inet_ip_is_multicast(a->ip) && i->socket.type == SOCK_STREAM)
		return -EINVAL;
	return may_be_local(i, a->ip) ? 0 : -EADDRNOTAVAIL;
}

int inet_bind_locked(struct inet_socket *i, const struct inet_address *a)
{
	int err = check_address(i, a);

	if (err == 0 && a->port != 0 && a->port < INET_PRIVILEGED &&
	    !cred_has_cap(cred_current(), CAP_NET_BIND_SERVICE))
		err = -EACCES;
	if (err == 0 && i->local.port != 0)
		err = -EINVAL;
	if (err != 0)
		return err;
	i->local = *a;
	if (a->port == 0)
		err = choose_port_locked(i, NULL);
	else if (is_free_locked(i))
		enter_locked(i);
	else
		err = -EADDRINUSE;
	if (err != 0) {
		i->local = (struct inet_address){ .port = 0 };
		memcpy(i->local.ip, inet_is_v6(i) ? inet_any6 : inet_any4, 16);
		return err;
	}
	i->port_chosen = true;
	i->address_chosen = !inet_ip_is_any(a->ip);
	return 0;
}

int inet_autobind_locked(struct inet_socket *i, const struct inet_address *to)
{
	if (i->local.port != 0)
		return to != NULL && inet_is_connected_locked(&i->local, to) ? -EADDRNOTAVAIL : 0;
	return choose_port_locked(i, to);
}

int inet_may_listen_locked(struct inet_socket *i)
{
	struct inet_socket *o;

	/* As with bind, but that nobody else may listen there whatever SO_REUSEADDR says. */
	list_foreach(inet_port_bucket(&inet_tcp, i->local.port), o, port_link) {
		bool listens = (READ_ONCE(o->socket.traits) & SOCKET_LISTENS) != 0;

		if (o != i && listens && overlap(i, o) && !inet_tcp.may_share(i, o))
			return -EADDRINUSE;
	}
	return 0;
}

void inet_put_first_locked(struct inet_socket *i)
{
	list_remove(&i->port_link);
	list_prepend(inet_port_bucket(inet_table_of(i), i->local.port), &i->port_link);
}

void inet_put_last_locked(struct inet_socket *i)
{
	list_remove(&i->port_link);
	enter_locked(i);
}

void inet_unbind_locked(struct inet_socket *i)
{
	list_remove(&i->port_link);
	list_remove(&i->connection_link);
	i->local.port = 0;
	i->port_chosen = i->address_chosen = false;
}

/* ---- connections ---- */

/* The same for both directions. */
static struct list *connection_bucket(const struct inet_address *a, const struct inet_address *b)
{
	uint64_t ports = ((uint64_t)(a->port ^ b->port) << 32) | (uint32_t)(a->port + b->port);

	return &inet_tcp.connections[(hash_u64(ports) >> 16) % NR_BUCKETS];
}

bool inet_is_connected_locked(const struct inet_address *from, const struct inet_address *to)
{
	struct inet_socket *o;

	list_foreach(connection_bucket(from, to), o, connection_link) {
		if (inet_same(&o->local, from) && inet_same(&o->remote, to))
			return true;
		if (inet_same(&o->local, to) && inet_same(&o->remote, from))
			return true;
	}
	return false;
}

void inet_connected_locked(struct inet_socket *i)
{
	list_append(connection_bucket(&i->local, &i->remote), &i->connection_link);
}

void inet_share_port_locked(struct inet_socket *child)
{
	enter_locked(child);
	child->port_chosen = true;
}
