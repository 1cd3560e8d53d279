/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of endpoints (endpoint.h). Buckets are chosen by hashes that are keyed with the net's
 * secret, so that nobody outside fills one on purpose. Listeners and what bind put there stand in
 * their port's bucket in the order of binding, the latest first; a child of a listener is in its
 * pair's bucket and in its port's, behind those that listen.
 */
#include "net/endpoint.h"

#include "core/random.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mm/alloc/kmem.h"
#include "net/net.h"

#define NR_BUCKETS 1024u

struct bucket {
	struct spinlock lock;
	struct list endpoints; /* [lock] */
};

struct endpoint_table {
	struct spinlock lock; /* who binds and connects */
	struct net *net;      /* [I] */
	bool datagrams;       /* [I] */
	uint64_t key;         /* [I] */
	uint32_t next;        /* [lock] RFC 6056 §3.3.3's next_ephemeral */
	struct bucket ports[NR_BUCKETS], pairs[NR_BUCKETS];
};

int endpoint_table_new(struct net *net, bool datagrams, struct endpoint_table **out)
{
	struct endpoint_table *t = kmem_new(struct endpoint_table);

	*out = t;
	if (t == NULL)
		return -ENOMEM;
	t->net = net;
	t->datagrams = datagrams;
	t->key = random_u64();
	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		list_init(&t->ports[i].endpoints);
		list_init(&t->pairs[i].endpoints);
	}
	return 0;
}

void endpoint_table_free(struct endpoint_table *t)
{
	kmem_free(t);
}

struct net *endpoint_net(const struct endpoint *e)
{
	return e->table->net;
}

void endpoint_init(struct endpoint *e, struct endpoint_table *t, const struct endpoint_ops *ops)
{
	e->ops = ops;
	e->table = t;
	list_init(&e->port_link);
	list_init(&e->pair_link);
}

static struct bucket *port_bucket(struct endpoint_table *t, uint16_t port)
{
	return &t->ports[port % NR_BUCKETS];
}

/* Keyed by both ends. */
static uint64_t hash_pair(const struct endpoint_table *t, const struct inet_address *local,
			  const struct inet_address *remote)
{
	uint64_t h = hash_bytes(local->ip, sizeof(local->ip), t->key);

	h = hash_bytes(remote->ip, sizeof(remote->ip), h);
	return hash_u64(h ^ ((uint64_t)local->port << 16 | remote->port));
}

static struct bucket *pair_bucket(struct endpoint_table *t, const struct inet_address *local,
				  const struct inet_address *remote)
{
	return &t->pairs[hash_pair(t, local, remote) % NR_BUCKETS];
}

/* ---- who hears whom ---- */

static bool hears_device(const struct endpoint *e, unsigned dev_index)
{
	unsigned bound = READ_ONCE(e->dev_index);

	return bound == 0 || dev_index == 0 || bound == dev_index;
}

static bool covers(const struct endpoint *e, const uint8_t ip[16])
{
	if (inet_ip_equal(e->local.ip, inet_any6))
		return (READ_ONCE(e->flags) & ENDPOINT_ONLY_V6) == 0 || !inet_ip_is_v4(ip);
	if (inet_ip_equal(e->local.ip, inet_any4))
		return inet_ip_is_v4(ip);
	return inet_ip_equal(e->local.ip, ip);
}

static bool overlap(const struct endpoint *a, const struct endpoint *b)
{
	return a->local.port == b->local.port && hears_device(a, b->dev_index) &&
	       (covers(a, b->local.ip) || covers(b, a->local.ip));
}

/* May both be bound, though they overlap? */
static bool may_share(const struct endpoint *a, const struct endpoint *b)
{
	unsigned both = READ_ONCE(a->flags) & READ_ONCE(b->flags);
	bool listens = ((READ_ONCE(a->flags) | READ_ONCE(b->flags)) & ENDPOINT_LISTENS) != 0;

	if ((both & ENDPOINT_REUSE_ADDRESS) != 0 && (a->table->datagrams || !listens))
		return true;
	return (both & ENDPOINT_REUSE_PORT) != 0 && a->uid == b->uid;
}

/* ---- binding: table->lock is held ---- */

static void enter_port(struct endpoint *e, bool first)
{
	struct bucket *k = port_bucket(e->table, e->local.port);

	scoped_spin(&k->lock);
	if (first)
		list_prepend(&k->endpoints, &e->port_link);
	else
		list_append(&k->endpoints, &e->port_link);
}

static void leave_port(struct endpoint *e)
{
	struct bucket *k = port_bucket(e->table, e->local.port);

	scoped_spin(&k->lock);
	list_remove(&e->port_link);
}

static void enter_pair(struct endpoint *e)
{
	struct bucket *k = pair_bucket(e->table, &e->local, &e->remote);

	scoped_spin(&k->lock);
	list_append(&k->endpoints, &e->pair_link);
}

static void leave_pair(struct endpoint *e)
{
	struct bucket *k = pair_bucket(e->table, &e->local, &e->remote);

	scoped_spin(&k->lock);
	list_remove(&e->pair_link);
}

/* Behind such a one in a port's bucket all are so: enter_port has put them there. */
static bool is_mere_connection(const struct endpoint *e)
{
	return e->remote.port != 0 && !e->table->datagrams &&
	       (READ_ONCE(e->flags) & (ENDPOINT_PORT_CHOSEN | ENDPOINT_LISTENS)) == 0;
}

/* Nobody else changes the lists, so that reading needs the table's lock only. */
static bool is_free(const struct endpoint *e)
{
	struct endpoint *o;

	list_foreach(&port_bucket(e->table, e->local.port)->endpoints, o, port_link) {
		if (o != e && overlap(e, o) && !may_share(e, o))
			return false;
	}
	return true;
}

static struct endpoint *find_pair(struct endpoint_table *t, const struct inet_address *local,
				  const struct inet_address *remote)
{
	struct endpoint *o;

	list_foreach(&pair_bucket(t, local, remote)->endpoints, o, pair_link) {
		if (inet_same(&o->local, local) && inet_same(&o->remote, remote))
			return o;
	}
	return NULL;
}

/* Nobody has that pair, or who has gives it up. */
static bool is_pair_free(struct endpoint *e, const struct inet_address *to)
{
	struct endpoint *o = find_pair(e->table, &e->local, to);

	if (o == NULL)
		return true;
	if (o->ops->yields == NULL || !o->ops->yields(o))
		return false;
	leave_pair(o);
	leave_port(o);
	o->local.port = o->remote.port = 0;
	return true;
}

/* For a connection any port will do that nobody chose, if the pair is new. */
static bool is_free_to(struct endpoint *e, const struct inet_address *to)
{
	struct endpoint *o;

	list_foreach(&port_bucket(e->table, e->local.port)->endpoints, o, port_link) {
		if (is_mere_connection(o))
			break;
		if ((READ_ONCE(o->flags) & ENDPOINT_PORT_CHOSEN) != 0 && overlap(e, o))
			return false;
	}
	return is_pair_free(e, to);
}

/* RFC 6056 §3.3.3: each destination has a sequence of its own, at a place that is not known. */
static int choose_port(struct endpoint *e, const struct inet_address *to)
{
	const struct net_settings *s = &e->table->net->settings;
	unsigned first = READ_ONCE(s->port_range[0]), start = (unsigned)random_u64();
	unsigned nr = READ_ONCE(s->port_range[1]) - first + 1;

	if (nr > UINT16_MAX || first > UINT16_MAX) /* both are being changed just now */
		nr = 1;
	if (to != NULL)
		start = (unsigned)hash_pair(e->table, &e->local, to) + e->table->next;
	for (unsigned n = 0; n < nr; n++) {
		e->local.port = (uint16_t)(first + (start + n) % nr);
		e->table->next += to != NULL;
		if (to != NULL ? is_free_to(e, to) : is_free(e))
			return 0;
	}
	e->local.port = 0;
	return to != NULL ? -EADDRNOTAVAIL : -EADDRINUSE;
}

static void set_any(struct inet_address *a, const struct endpoint *e)
{
	bool v6 = (READ_ONCE(e->flags) & ENDPOINT_V6) != 0;

	memcpy(a->ip, v6 ? inet_any6 : inet_any4, sizeof(a->ip));
	a->port = 0;
}

int endpoint_bind(struct endpoint *e, const struct inet_address *a)
{
	int err = 0;

	scoped_spin(&e->table->lock);
	if (e->local.port != 0)
		return -EINVAL;
	e->local = *a;
	if (a->port == 0)
		err = choose_port(e, NULL);
	else if (!is_free(e))
		err = -EADDRINUSE;
	if (err != 0) {
		set_any(&e->local, e);
		return err;
	}
	(void)atomic_or(&e->flags, ENDPOINT_PORT_CHOSEN);
	if (!inet_ip_is_any(a->ip))
		(void)atomic_or(&e->flags, ENDPOINT_ADDRESS_CHOSEN);
	enter_port(e, true);
	return 0;
}

int endpoint_autobind(struct endpoint *e)
{
	int err;

	scoped_spin(&e->table->lock);
	if (e->local.port != 0)
		return 0;
	err = choose_port(e, NULL);
	if (err == 0)
		enter_port(e, true);
	return err;
}

int endpoint_connect(struct endpoint *e, const uint8_t from[16], const struct inet_address *to)
{
	struct inet_address was;
	int err = 0;

	scoped_spin(&e->table->lock);
	was = e->local;
	if (e->remote.port != 0) { /* datagrams may be connected anew */
		leave_pair(e);
		set_any(&e->remote, e);
	}
	if (was.port != 0)
		leave_port(e);
	memcpy(e->local.ip, from, sizeof(e->local.ip));
	if (was.port == 0)
		err = choose_port(e, to);
	else if (!e->table->datagrams && !is_pair_free(e, to))
		err = -EADDRNOTAVAIL;
	if (err == 0) {
		e->remote = *to;
		enter_pair(e);
	} else {
		e->local = was;
	}
	if (e->local.port != 0)
		enter_port(e, (READ_ONCE(e->flags) & ENDPOINT_PORT_CHOSEN) != 0);
	return err;
}

int endpoint_accept(struct endpoint *child, const struct endpoint *listener,
		    const struct inet_address *local, const struct inet_address *remote)
{
	scoped_spin(&child->table->lock);
	if (find_pair(child->table, local, remote) != NULL)
		return -EADDRINUSE;
	child->local = *local;
	child->remote = *remote;
	child->dev_index = READ_ONCE(listener->dev_index);
	child->uid = listener->uid;
	child->flags = READ_ONCE(listener->flags) &
		       ~(unsigned)(ENDPOINT_LISTENS | ENDPOINT_PORT_CHOSEN |
				   ENDPOINT_ADDRESS_CHOSEN);
	enter_port(child, false);
	enter_pair(child);
	return 0;
}

static void swap_pair(struct endpoint *old, struct endpoint *fresh)
{
	struct bucket *k = pair_bucket(old->table, &old->local, &old->remote);

	scoped_spin(&k->lock);
	fresh->local = old->local;
	fresh->remote = old->remote;
	list_insert_before(&old->pair_link, &fresh->pair_link);
	list_remove(&old->pair_link);
	set_any(&old->remote, old);
}

/* What bind gave to the old one, it keeps. */
int endpoint_replace(struct endpoint *old, struct endpoint *fresh)
{
	const unsigned kept = ENDPOINT_V6 | ENDPOINT_ONLY_V6 | ENDPOINT_REUSE_ADDRESS |
			      ENDPOINT_REUSE_PORT;

	scoped_spin(&old->table->lock);
	if (old->remote.port == 0)
		return -ESRCH;
	fresh->dev_index = READ_ONCE(old->dev_index);
	fresh->uid = old->uid;
	fresh->flags |= READ_ONCE(old->flags) & kept;
	leave_port(old); /* who looks up reads what changes now */
	swap_pair(old, fresh);
	enter_port(fresh, false);
	if ((READ_ONCE(old->flags) & ENDPOINT_PORT_CHOSEN) != 0)
		enter_port(old, true);
	else
		set_any(&old->local, old);
	return 0;
}

int endpoint_listen(struct endpoint *e, bool on)
{
	struct endpoint *o;

	scoped_spin(&e->table->lock);
	if (!on) {
		(void)atomic_and(&e->flags, ~(unsigned)ENDPOINT_LISTENS);
		return 0;
	}
	list_foreach(&port_bucket(e->table, e->local.port)->endpoints, o, port_link) {
		bool both = (READ_ONCE(e->flags) & READ_ONCE(o->flags) & ENDPOINT_REUSE_PORT) != 0;

		if (o != e && (READ_ONCE(o->flags) & ENDPOINT_LISTENS) != 0 && overlap(e, o) &&
		    !(both && e->uid == o->uid))
			return -EADDRINUSE;
	}
	(void)atomic_or(&e->flags, ENDPOINT_LISTENS);
	leave_port(e);
	enter_port(e, true);
	return 0;
}

void endpoint_disconnect(struct endpoint *e)
{
	uint16_t port;

	scoped_spin(&e->table->lock);
	if (e->remote.port != 0)
		leave_pair(e);
	/* Off both lists it is this one's alone. */
	port = e->local.port;
	if (port != 0)
		leave_port(e);
	set_any(&e->remote, e);
	if (port == 0)
		return;
	if ((READ_ONCE(e->flags) & ENDPOINT_ADDRESS_CHOSEN) == 0)
		set_any(&e->local, e);
	e->local.port = (READ_ONCE(e->flags) & ENDPOINT_PORT_CHOSEN) != 0 ? port : 0;
	if (e->local.port != 0)
		enter_port(e, true);
}

void endpoint_remove(struct endpoint *e)
{
	scoped_spin(&e->table->lock);
	if (e->remote.port != 0)
		leave_pair(e);
	if (e->local.port != 0)
		leave_port(e);
	e->local.port = e->remote.port = 0;
}

/* ---- looking up ---- */

struct endpoint *endpoint_find_pair(struct endpoint_table *t, const struct inet_address *from,
				    const struct inet_address *to, unsigned dev_index)
{
	struct bucket *k = pair_bucket(t, to, from);
	struct endpoint *o;

	scoped_spin(&k->lock);
	list_foreach(&k->endpoints, o, pair_link) {
		if (inet_same(&o->local, to) && inet_same(&o->remote, from) &&
		    hears_device(o, dev_index)) {
			o->ops->get(o);
			return o;
		}
	}
	return NULL;
}

/* How well it fits, above 0; 0: not at all. */
static unsigned score(const struct endpoint *o, const struct inet_address *from,
		      const struct inet_address *to, unsigned dev_index)
{
	unsigned flags = READ_ONCE(o->flags), n = 1;

	if (o->local.port != to->port || !covers(o, to->ip) || !hears_device(o, dev_index))
		return 0;
	if (!o->table->datagrams && (flags & ENDPOINT_LISTENS) == 0)
		return 0;
	if (o->remote.port != 0 && !inet_same(&o->remote, from))
		return 0;
	n += o->remote.port != 0 ? 8 : 0;
	n += READ_ONCE(o->dev_index) != 0 ? 4 : 0;
	n += !inet_ip_is_any(o->local.ip) ? 2 : 0;
	return n + (inet_ip_is_v4(to->ip) && (flags & ENDPOINT_V6) == 0);
}

struct endpoint *endpoint_find(struct endpoint_table *t, const struct inet_address *from,
			       const struct inet_address *to, unsigned dev_index)
{
	struct bucket *k = port_bucket(t, to->port);
	uint64_t hash = hash_pair(t, to, from);
	struct endpoint *o, *best = NULL;
	unsigned most = 0, nr_equal = 0;

	scoped_spin(&k->lock);
	list_foreach(&k->endpoints, o, port_link) {
		unsigned n = score(o, from, to, dev_index);

		if (is_mere_connection(o))
			break; /* thousands may follow, none of which listens */
		if (n == 0 || n < most)
			continue;
		nr_equal = n > most ? 1 : nr_equal + 1;
		most = n;
		/* The first that fits best; of a group that shares the port, the hash chooses. */
		if (nr_equal == 1 || ((READ_ONCE(o->flags) & ENDPOINT_REUSE_PORT) != 0 &&
				      hash_u64(hash + nr_equal) % nr_equal == 0))
			best = o;
	}
	if (best != NULL)
		best->ops->get(best);
	return best;
}

/* The next after `last` in a bucket, or its first; counted. k->lock is held. */
static struct endpoint *next_in_bucket(struct bucket *k, const struct endpoint *last)
{
	struct list *at = last == NULL ? k->endpoints.next : last->port_link.next;

	/* `last` was taken off the list meanwhile: whoever is behind it is not known any more. */
	if (at == &k->endpoints || (last != NULL && at == &last->port_link))
		return NULL;
	return list_entry(at, struct endpoint, port_link);
}

struct endpoint *endpoint_find_next(struct endpoint_table *t, struct endpoint *last,
				    const struct inet_address *from, const struct inet_address *to,
				    unsigned dev_index)
{
	struct bucket *k = port_bucket(t, to->port);
	struct endpoint *o = last;

	spin_lock(&k->lock);
	do {
		o = next_in_bucket(k, o);
	} while (o != NULL && score(o, from, to, dev_index) == 0);
	if (o != NULL)
		o->ops->get(o);
	spin_unlock(&k->lock);
	if (last != NULL)
		last->ops->put(last);
	return o;
}

/* The same where `last` may be in another bucket by now, or in none. */
static struct endpoint *next_if_there(struct bucket *k, const struct endpoint *last, unsigned i)
{
	if (last != NULL && (last->local.port == 0 || last->local.port % NR_BUCKETS != i))
		return NULL;
	return next_in_bucket(k, last);
}

struct endpoint *endpoint_next(struct endpoint_table *t, struct endpoint *last, unsigned *bucket)
{
	struct endpoint *o = NULL;

	for (const struct endpoint *from = last; *bucket < NR_BUCKETS; from = NULL) {
		struct bucket *k = &t->ports[*bucket];

		spin_lock(&k->lock);
		o = next_if_there(k, from, *bucket);
		if (o != NULL)
			o->ops->get(o);
		spin_unlock(&k->lock);
		if (o != NULL)
			break;
		++*bucket;
	}
	if (last != NULL)
		last->ops->put(last);
	return o;
}
