/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw sockets: sending, with or without an IP header of the program's, and options (raw(7)). */
#include <linux/icmpv6.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/datagram/raw.h"
#include "net/ip/fragment.h"
#include "net/ip/ip.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

#define SOL_RAW_LEVEL    255 /* SOL_RAW */
#define RAW_ICMP_FILTER  1   /* ICMP_FILTER: <linux/icmp.h> is not for kernels */
#define SOL_ICMPV6_LEVEL 58  /* SOL_ICMPV6 */

/* ---- send ---- */

static struct raw_socket *raw_of_datagram(struct datagram_socket *d)
{
	return container_of(d, struct raw_socket, datagram);
}

static int find_target(struct datagram_socket *d, struct datagram_sending *x)
{
	const struct socket_address *name = x->message->name;
	struct inet_target *to = &x->to;
	struct inet_socket *i = &d->inet;
	int err;

	if (name == NULL)
		return datagram_find_peer(d, x);
	if (inet_is_v6(i) && name->len >= sizeof(name->family) && name->family != AF_INET6 &&
	    name->family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	err = inet_way_target(i, name, to);
	if (err != 0)
		return err;
	if (inet_is_v6(i) && to->at.port != 0 && to->at.port != i->socket.protocol)
		return -EINVAL;
	if (inet_is_v6(i) && inet_ip_is_v4(to->at.ip))
		return -EINVAL;
	return inet_address_mean(i, to);
}

/* IPV6_CHECKSUM: two bytes somewhere in the packet. */
static int finish_sum(struct netbuf *b, unsigned at, const uint8_t from[16], const uint8_t to[16],
		      int protocol)
{
	uint8_t *bytes = netbuf_need(b, at + 2);
	struct be16 sum = be16_of(0);

	if (bytes == NULL)
		return -EINVAL;
	memcpy(bytes + at, &sum, sizeof(sum));
	sum = checksum_finish(checksum_join(checksum_pseudo(from, to, (unsigned)protocol, b->len),
					    netbuf_sum(b, 0, b->len)));
	if (be16_get(sum) == 0)
		sum = be16_of(0xffff);
	memcpy(bytes + at, &sum, sizeof(sum));
	return 0;
}

/* The program's header: the length and the checksum are filled in always, and what is zero of the
 * source and the identification (raw(7)). */
static int finish_header(struct net *net, struct netbuf *b, const struct ip_path *path)
{
	struct ip4_header *h = netbuf_need(b, sizeof(*h));
	uint32_t len = b->len, words;
	static const uint8_t none[4];

	if (h == NULL)
		return -EINVAL;
	words = (h->version_words & 15u) * 4u;
	if (words < sizeof(*h) || words > len)
		return -EINVAL;
	h = netbuf_need(b, words);
	if (h == NULL)
		return -ENOBUFS;
	h->total_len = be16_of((uint16_t)len);
	if (memcmp(h->from, none, sizeof(none)) == 0)
		memcpy(h->from, path->from + IP_V4_AT, sizeof(h->from));
	if (be16_get(h->id) == 0)
		h->id = be16_of(ip4_next_id(net, path->next_hop, 1));
	h->checksum = be16_of(0);
	h->checksum = checksum_finish(checksum_add(0, h, words));
	return 0;
}

static int send_whole(struct datagram_socket *d, struct netbuf *b, struct datagram_sending *x)
{
	struct ip_path path;
	int err = inet_way_path(&d->inet, &x->to, &x->way, &path);

	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	err = b->len > path.mtu ? -EMSGSIZE : finish_header(d->inet.net, b, &path);
	if (err != 0)
		netbuf_free(b);
	else
		ip_transmit(b, &path);
	ip_path_drop(&path);
	return err;
}

static int finish(struct datagram_socket *d, struct netbuf *b, const struct datagram_sending *x,
		  const struct ip_path *path)
{
	int at = READ_ONCE(raw_of_datagram(d)->checksum_at);

	if (at < 0)
		return 0;
	return finish_sum(b, (unsigned)at, path->from, x->to.at.ip, d->inet.socket.protocol);
}

static int send(struct datagram_socket *d, struct netbuf *b, struct datagram_sending *x)
{
	if (READ_ONCE(raw_of_datagram(d)->has_header))
		return send_whole(d, b, x);
	return datagram_send_along(d, b, x, finish);
}

static const struct datagram_kind kind = { .find_target = find_target, .send = send };

ssize_t raw_send(struct socket *s, struct socket_message *m)
{
	if (READ_ONCE(raw_of(s)->has_header))
		m->flags &= ~MSG_MORE; /* each is whole */
	return datagram_send(datagram_of(s), m, &kind);
}

/* ---- options ---- */

static bool is_filter(const struct inet_socket *i, int level, int name)
{
	if (inet_is_v6(i))
		return i->socket.protocol == IPPROTO_ICMPV6 && level == SOL_ICMPV6_LEVEL &&
		       name == ICMPV6_FILTER;
	return i->socket.protocol == IPPROTO_ICMP && level == SOL_RAW_LEVEL &&
	       name == RAW_ICMP_FILTER;
}

static bool is_checksum(const struct inet_socket *i, int level, int name)
{
	return inet_is_v6(i) && name == IPV6_CHECKSUM &&
	       (level == IPPROTO_IPV6 || level == SOL_RAW_LEVEL);
}

static int set_checksum(struct raw_socket *r, int value)
{
	if (r->datagram.inet.socket.protocol == IPPROTO_ICMPV6)
		return -EINVAL; /* it always has one: RFC 3542 §3.1 */
	if (value > 0 && (value & 1) != 0)
		return -EINVAL;
	WRITE_ONCE(r->checksum_at, max(value, -1));
	return 0;
}

int raw_set_option(struct socket *s, const struct socket_option *o)
{
	struct raw_socket *r = raw_of(s);
	struct inet_socket *i = &r->datagram.inet;
	int value = 0;

	if (is_filter(i, o->level, o->name)) {
		memcpy(r->filter, o->value, min((size_t)o->len, sizeof(r->filter)));
		return 0;
	}
	memcpy(&value, o->value, min((size_t)o->len, sizeof(value)));
	if (is_checksum(i, o->level, o->name))
		return o->len < sizeof(value) ? -EINVAL : set_checksum(r, value);
	if (o->level != IPPROTO_IP || o->name != IP_HDRINCL || inet_is_v6(i))
		return inet_set_option(s, o);
	if (o->len == 0)
		return -EINVAL;
	WRITE_ONCE(r->has_header, value != 0);
	return 0;
}

int raw_get_option(struct socket *s, struct socket_option *o)
{
	struct raw_socket *r = raw_of(s);
	struct inet_socket *i = &r->datagram.inet;
	int value;

	if (is_filter(i, o->level, o->name))
		return inet_give(o, r->filter,
				 inet_is_v6(i) ? sizeof(r->filter) : sizeof(r->filter[0]));
	if (is_checksum(i, o->level, o->name))
		value = READ_ONCE(r->checksum_at);
	else if (o->level == IPPROTO_IP && o->name == IP_HDRINCL && !inet_is_v6(i))
		value = READ_ONCE(r->has_header);
	else
		return inet_get_option(s, o);
	return inet_give(o, &value, sizeof(value));
}
