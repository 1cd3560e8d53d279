/* SPDX-License-Identifier: BSD-2-Clause */
/* The level SOL_PACKET of setsockopt(2) and getsockopt(2): packet(7). */
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/packet/socket.h"

#define MEMBERS_MAX 64u
#define RESERVE_MAX 4096u

/* ---- memberships ---- */

/* What the interface must hear for it; 0: it hears it anyway. */
static unsigned flag_of(const struct packet_mreq *q)
{
	if (q->mr_type == PACKET_MR_PROMISC)
		return NETDEV_IS_PROMISCUOUS;
	return q->mr_type == PACKET_MR_UNICAST ? NETDEV_IS_PROMISCUOUS : NETDEV_HEARS_ALL_GROUPS;
}

static bool is_same(const struct packet_member *a, const struct packet_mreq *q)
{
	return a->what.mr_ifindex == q->mr_ifindex && a->what.mr_type == q->mr_type &&
	       a->what.mr_alen == q->mr_alen &&
	       memcmp(a->what.mr_address, q->mr_address, q->mr_alen) == 0;
}

/* member_lock is held. NULL: there is none; *nr: how many there are. */
static struct packet_member *find_member(struct packet_socket *p, const struct packet_mreq *q,
					 unsigned *nr)
{
	struct packet_member *a;

	*nr = 0;
	list_foreach(&p->members, a, link) {
		if (is_same(a, q))
			return a;
		++*nr;
	}
	return NULL;
}

static int join(struct packet_socket *p, const struct packet_mreq *q, struct netdev *d)
{
	struct packet_member *a;
	unsigned nr;

	scoped_mutex(&p->member_lock);
	a = find_member(p, q, &nr);
	if (a != NULL) {
		a->nr++;
		return 0;
	}
	a = nr < MEMBERS_MAX ? kmem_new(struct packet_member) : NULL;
	if (a == NULL)
		return -ENOBUFS;
	a->dev = d;
	a->what = *q;
	a->nr = 1;
	list_append(&p->members, &a->link);
	netdev_hear_more(d, flag_of(q), true);
	return 0;
}

static void forget(struct packet_member *a)
{
	list_remove(&a->link);
	netdev_hear_more(a->dev, flag_of(&a->what), false);
	kmem_free(a);
}

static int leave(struct packet_socket *p, const struct packet_mreq *q)
{
	struct packet_member *a;
	unsigned nr;

	scoped_mutex(&p->member_lock);
	a = find_member(p, q, &nr);
	if (a != NULL && --a->nr == 0)
		forget(a);
	return 0;
}

void packet_leave_all(struct packet_socket *p)
{
	scoped_mutex(&p->member_lock);
	while (!list_is_empty(&p->members))
		forget(list_first(&p->members, struct packet_member, link));
}

static int set_member(struct packet_socket *p, const struct socket_option *o)
{
	struct packet_mreq q = { .mr_ifindex = 0 };
	struct netdev *d;

	if (o->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, o->value, sizeof(q));
	if (q.mr_alen > sizeof(q.mr_address))
		return -EINVAL;
	if (o->name == PACKET_DROP_MEMBERSHIP)
		return leave(p, &q);
	if (q.mr_type > PACKET_MR_UNICAST)
		return -EINVAL;
	spin_lock(&p->net->lock);
	d = netdev_by_index(p->net, (unsigned)q.mr_ifindex);
	spin_unlock(&p->net->lock);
	return d == NULL ? -ENODEV : join(p, &q, d);
}

/* ---- numbers ---- */

static int set_version(struct packet_socket *p, unsigned value)
{
	if (value != TPACKET_V1 && value != TPACKET_V2)
		return -EINVAL;
	scoped_spin(&p->socket.lock);
	if (p->ring != NULL)
		return -EBUSY;
	p->version = value;
	return 0;
}

static int set_reserve(struct packet_socket *p, unsigned value)
{
	if (value > RESERVE_MAX)
		return -EINVAL;
	scoped_spin(&p->socket.lock);
	if (p->ring != NULL)
		return -EBUSY;
	p->reserve = value;
	return 0;
}

static int set_ring(struct packet_socket *p, const struct socket_option *o)
{
	struct tpacket_req q;

	if (o->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, o->value, sizeof(q));
	return packet_ring_set(p, &q);
}

static int set_number(struct packet_socket *p, int name, unsigned value)
{
	switch (name) {
	case PACKET_AUXDATA:
		WRITE_ONCE(p->wants_auxdata, value != 0);
		return 0;
	case PACKET_IGNORE_OUTGOING:
		WRITE_ONCE(p->ignores_outgoing, value != 0);
		return value > 1 ? -EINVAL : 0;
	case PACKET_VERSION:
		return set_version(p, value);
	case PACKET_RESERVE:
		return set_reserve(p, value);
	default:
		return -ENOPROTOOPT;
	}
}

/* ---- setsockopt ---- */

int packet_set_option(struct socket *s, const struct socket_option *o)
{
	struct packet_socket *p = packet_of(s);
	unsigned value;

	if (o->level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (o->name == PACKET_ADD_MEMBERSHIP || o->name == PACKET_DROP_MEMBERSHIP)
		return set_member(p, o);
	if (o->name == PACKET_RX_RING)
		return set_ring(p, o);
	if (o->len < sizeof(value))
		return -EINVAL;
	memcpy(&value, o->value, sizeof(value));
	return set_number(p, o->name, value);
}

/* ---- getsockopt ---- */

static int give(struct socket_option *o, const void *value, unsigned len)
{
	o->len = min(o->len, len);
	memcpy(o->value, value, o->len);
	return 0;
}

static int give_statistics(struct packet_socket *p, struct socket_option *o)
{
	struct tpacket_stats now;

	spin_lock(&p->socket.lock);
	now.tp_packets = p->nr_seen;
	now.tp_drops = p->nr_dropped;
	p->nr_seen = p->nr_dropped = 0;
	spin_unlock(&p->socket.lock);
	return give(o, &now, sizeof(now));
}

/* Asked with a version, answered with the length of its header. */
static int give_header_len(struct socket_option *o)
{
	unsigned value;

	if (o->len < sizeof(value))
		return -EINVAL;
	if (user_read(&value, o->user_value, sizeof(value)) != 0)
		return -EFAULT;
	if (value != TPACKET_V1 && value != TPACKET_V2)
		return -EINVAL;
	value = value == TPACKET_V1 ? sizeof(struct tpacket_hdr) : sizeof(struct tpacket2_hdr);
	return give(o, &value, sizeof(value));
}

int packet_get_option(struct socket *s, struct socket_option *o)
{
	struct packet_socket *p = packet_of(s);
	int value;

	if (o->level != SOL_PACKET)
		return -ENOPROTOOPT;
	switch (o->name) {
	case PACKET_STATISTICS:
		return give_statistics(p, o);
	case PACKET_HDRLEN:
		return give_header_len(o);
	case PACKET_AUXDATA:
		value = READ_ONCE(p->wants_auxdata);
		break;
	case PACKET_IGNORE_OUTGOING:
		value = READ_ONCE(p->ignores_outgoing);
		break;
	case PACKET_VERSION:
		value = (int)READ_ONCE(p->version);
		break;
	case PACKET_RESERVE:
		value = (int)READ_ONCE(p->reserve);
		break;
	default:
		return -ENOPROTOOPT;
	}
	return give(o, &value, sizeof(value));
}
