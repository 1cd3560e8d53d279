/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs say of groups (ip(7), ipv6(7), RFC 3678): each thing that can be done has a form
 * with IPv4's addresses, most one with IPv6's, and one for both with a struct sockaddr_storage.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/inet/group.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

/* ---- which interface ---- */

struct netdev *inet_find_device(struct net *net, const uint8_t ip[16], unsigned dev_index)
{
	struct netdev *d;

	scoped_spin(&net->lock);
	if (dev_index != 0)
		return netdev_by_index(net, dev_index);
	list_foreach(&net->devices, d, link) {
		if (net_address_is_ours_locked(net, ip, d->index))
			return d;
	}
	return NULL;
}

/* Where packets to the group would go. */
static struct netdev *device_towards(struct net *net, const uint8_t group[16])
{
	struct ip_query q = { .to = group };
	struct ip_path path;
	struct netdev *d;

	if (ip_route(net, &q, &path) != 0)
		return NULL;
	d = path.dev;
	ip_path_drop(&path);
	return d;
}

static struct netdev *choose_device(struct net *net, const uint8_t group[16], const uint8_t own[16],
				    int index)
{
	if (index != 0 || !inet_ip_is_any(own))
		return inet_find_device(net, own, (unsigned)index);
	return device_towards(net, group);
}

/* ---- the forms ---- */

#define ANY_LEVEL (-1) /* IP's and IPv6's */

enum form { FORM_V4, FORM_V4_SOURCE, FORM_V6, FORM_ANY, FORM_ANY_SOURCE };

static const struct row {
	int level, name;
	enum group_act act;
	enum form form;
} rows[] = {
	{ IPPROTO_IP, IP_ADD_MEMBERSHIP, GROUP_JOIN, FORM_V4 },
	{ IPPROTO_IP, IP_DROP_MEMBERSHIP, GROUP_LEAVE, FORM_V4 },
	{ IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, GROUP_JOIN_SOURCE, FORM_V4_SOURCE },
	{ IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, GROUP_LEAVE_SOURCE, FORM_V4_SOURCE },
	{ IPPROTO_IP, IP_BLOCK_SOURCE, GROUP_BLOCK_SOURCE, FORM_V4_SOURCE },
	{ IPPROTO_IP, IP_UNBLOCK_SOURCE, GROUP_UNBLOCK_SOURCE, FORM_V4_SOURCE },
	{ IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, GROUP_JOIN, FORM_V6 },
	{ IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, GROUP_LEAVE, FORM_V6 },
	{ ANY_LEVEL, MCAST_JOIN_GROUP, GROUP_JOIN, FORM_ANY },
	{ ANY_LEVEL, MCAST_LEAVE_GROUP, GROUP_LEAVE, FORM_ANY },
	{ ANY_LEVEL, MCAST_JOIN_SOURCE_GROUP, GROUP_JOIN_SOURCE, FORM_ANY_SOURCE },
	{ ANY_LEVEL, MCAST_LEAVE_SOURCE_GROUP, GROUP_LEAVE_SOURCE, FORM_ANY_SOURCE },
	{ ANY_LEVEL, MCAST_BLOCK_SOURCE, GROUP_BLOCK_SOURCE, FORM_ANY_SOURCE },
	{ ANY_LEVEL, MCAST_UNBLOCK_SOURCE, GROUP_UNBLOCK_SOURCE, FORM_ANY_SOURCE },
};

/* A group and where: own is an address of the interface, or any. */
static int name_group(struct inet_socket *i, struct group_request *r, const uint8_t own[16],
		      unsigned index)
{
	if (!inet_ip_is_multicast(r->ip))
		return -EINVAL;
	r->dev = choose_device(i->net, r->ip, own, (int)index);
	return r->dev == NULL ? -ENODEV : 0;
}

static int read_v4(struct inet_socket *i, const struct socket_option *o, struct group_request *r)
{
	struct ip_mreqn m = { .imr_ifindex = 0 };
	uint8_t own[16];

	if (o->len >= sizeof(m))
		memcpy(&m, o->value, sizeof(m));
	else if (o->len >= sizeof(struct ip_mreq))
		memcpy(&m, o->value, sizeof(struct ip_mreq));
	else
		return -EINVAL;
	inet_ip_from_v4(r->ip, m.imr_multiaddr.s_addr);
	inet_ip_from_v4(own, m.imr_address.s_addr);
	return name_group(i, r, own, (unsigned)m.imr_ifindex);
}

static int read_v4_source(struct inet_socket *i, const struct socket_option *o,
			  struct group_request *r)
{
	struct ip_mreq_source m;
	uint8_t own[16];

	if (o->len != sizeof(m))
		return -EINVAL;
	memcpy(&m, o->value, sizeof(m));
	inet_ip_from_v4(r->ip, m.imr_multiaddr);
	inet_ip_from_v4(r->source, m.imr_sourceaddr);
	inet_ip_from_v4(own, m.imr_interface);
	return name_group(i, r, own, 0);
}

static int read_v6(struct inet_socket *i, const struct socket_option *o, struct group_request *r)
{
	struct ipv6_mreq m;

	if (o->len < sizeof(m))
		return -EINVAL;
	memcpy(&m, o->value, sizeof(m));
	memcpy(r->ip, &m.ipv6mr_multiaddr, sizeof(r->ip));
	return name_group(i, r, inet_any6, (unsigned)m.ipv6mr_ifindex);
}

/* False: of another family than the option's level. */
static bool read_storage(int level, const struct __kernel_sockaddr_storage *from, uint8_t ip[16])
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;

	if (from->ss_family != (level == IPPROTO_IP ? AF_INET : AF_INET6))
		return false;
	if (level == IPPROTO_IP)
		inet_ip_from_v4(ip, v4->sin_addr.s_addr);
	else
		memcpy(ip, &v6->sin6_addr, 16);
	return true;
}

static int read_any(struct inet_socket *i, const struct socket_option *o, struct group_request *r)
{
	struct group_req m;

	if (o->len < sizeof(m))
		return -EINVAL;
	memcpy(&m, o->value, sizeof(m));
	if (!read_storage(o->level, &m.gr_group, r->ip))
		return o->level == IPPROTO_IP ? -EINVAL : -EADDRNOTAVAIL;
	return name_group(i, r, inet_any6, m.gr_interface);
}

static int read_any_source(struct inet_socket *i, const struct socket_option *o,
			   struct group_request *r)
{
	struct group_source_req m;

	if (o->len < sizeof(m))
		return -EINVAL;
	memcpy(&m, o->value, sizeof(m));
	if (!read_storage(o->level, &m.gsr_group, r->ip) ||
	    !read_storage(o->level, &m.gsr_source, r->source))
		return -EADDRNOTAVAIL;
	return name_group(i, r, inet_any6, m.gsr_interface);
}

static int set_by_row(struct inet_socket *i, const struct row *row, const struct socket_option *o)
{
	static int (*const readers[])(struct inet_socket *, const struct socket_option *,
				      struct group_request *) = {
		[FORM_V4] = read_v4,   [FORM_V4_SOURCE] = read_v4_source,   [FORM_V6] = read_v6,
		[FORM_ANY] = read_any, [FORM_ANY_SOURCE] = read_any_source,
	};
	struct group_request r = { .dev = NULL };
	int err;

	if (i->socket.type == SOCK_STREAM && (row->form == FORM_V4 || row->form == FORM_V6))
		return -EPROTO;
	err = readers[row->form](i, o, &r);
	return err != 0 ? err : group_change(i, row->act, &r);
}

/* ---- all sources at once: IP_MSFILTER, MCAST_MSFILTER ---- */

#define STORAGE sizeof(struct __kernel_sockaddr_storage)

struct filter_head {
	struct group_request request;
	unsigned mode, nr;
	size_t list_at, step; /* of the sources in the value */
};

static bool is_filter(const struct socket_option *o)
{
	return o->name == MCAST_MSFILTER || (o->level == IPPROTO_IP && o->name == IP_MSFILTER);
}

static int read_head_v4(struct inet_socket *i, const struct socket_option *o, struct filter_head *h)
{
	struct ip_msfilter m;
	uint8_t own[16];

	h->list_at = offsetof(struct ip_msfilter, imsf_slist);
	h->step = sizeof(m.imsf_slist[0]);
	if (o->len < h->list_at)
		return -EINVAL;
	memcpy(&m, o->value, h->list_at);
	inet_ip_from_v4(h->request.ip, m.imsf_multiaddr);
	inet_ip_from_v4(own, m.imsf_interface);
	h->mode = m.imsf_fmode;
	h->nr = m.imsf_numsrc;
	return name_group(i, &h->request, own, 0);
}

static int read_head(struct inet_socket *i, const struct socket_option *o, struct filter_head *h)
{
	struct group_filter m;

	*h = (struct filter_head){ .mode = 0 };
	if (o->name != MCAST_MSFILTER)
		return read_head_v4(i, o, h);
	h->list_at = offsetof(struct group_filter, gf_slist);
	h->step = STORAGE;
	if (o->len < h->list_at)
		return -EINVAL;
	memcpy(&m, o->value, h->list_at);
	h->mode = m.gf_fmode;
	h->nr = m.gf_numsrc;
	if (!read_storage(o->level, &m.gf_group, h->request.ip))
		return -EADDRNOTAVAIL;
	return name_group(i, &h->request, inet_any6, m.gf_interface);
}

static int read_source(const struct socket_option *o, const struct filter_head *h, unsigned n,
		       uint8_t ip[16])
{
	const char *at = (const char *)o->value + h->list_at + n * h->step;
	struct __kernel_sockaddr_storage any;
	uint32_t v4;

	if (h->step == STORAGE) {
		memcpy(&any, at, sizeof(any));
		return read_storage(o->level, &any, ip) ? 0 : -EADDRNOTAVAIL;
	}
	memcpy(&v4, at, sizeof(v4));
	inet_ip_from_v4(ip, v4);
	return 0;
}

static int check_head(const struct inet_socket *i, const struct socket_option *o,
		      const struct filter_head *h)
{
	if (h->nr > group_sources_max(i, o->level == IPPROTO_IP))
		return -ENOBUFS;
	if (h->list_at + h->nr * h->step > o->len)
		return -EINVAL;
	return h->mode != MCAST_INCLUDE && h->mode != MCAST_EXCLUDE ? -EINVAL : 0;
}

static int set_filter(struct inet_socket *i, const struct socket_option *o)
{
	struct inet_sources *s;
	struct filter_head h;
	int err = read_head(i, o, &h);

	if (err == 0)
		err = check_head(i, o, &h);
	if (err != 0)
		return err;
	s = kmem_new(struct inet_sources);
	if (s == NULL)
		return -ENOBUFS;
	s->include = h.mode == MCAST_INCLUDE;
	for (s->nr = 0; err == 0 && s->nr < h.nr; s->nr++)
		err = read_source(o, &h, s->nr, s->ip[s->nr]);
	if (err == 0)
		err = group_set_sources(i, &h.request, s);
	if (err != 0)
		kmem_free(s);
	return err;
}

static void write_source(const struct socket_option *o, const struct filter_head *h, unsigned n,
			 const uint8_t ip[16])
{
	char *at = (char *)o->value + h->list_at + n * h->step;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	v4.sin_addr.s_addr = inet_ip_v4(ip);
	memcpy(&v6.sin6_addr, ip, 16);
	if (h->step != STORAGE) {
		memcpy(at, &v4.sin_addr, sizeof(v4.sin_addr));
		return;
	}
	memset(at, 0, STORAGE);
	if (o->level == IPPROTO_IP)
		memcpy(at, &v4, sizeof(v4));
	else
		memcpy(at, &v6, sizeof(v6));
}

/* The head tells how many there are, the length how many there was room for. */
static void give_filter(struct socket_option *o, const struct filter_head *h,
			const struct inet_sources *s)
{
	uint32_t told[2] = { s->include ? MCAST_INCLUDE : MCAST_EXCLUDE, s->nr };
	unsigned room = (unsigned)min((size_t)h->nr, (o->len - h->list_at) / h->step);
	unsigned nr = min(room, s->nr);

	memcpy((char *)o->value + h->list_at - sizeof(told), told, sizeof(told));
	for (unsigned n = 0; n < nr; n++)
		write_source(o, h, n, s->ip[n]);
	o->len = (unsigned)(h->list_at + nr * h->step);
}

int inet_get_group(struct inet_socket *i, struct socket_option *o)
{
	struct inet_sources *s;
	struct filter_head h;
	int err;

	if (!is_filter(o))
		return -ENOPROTOOPT;
	err = read_head(i, o, &h);
	if (err != 0)
		return err;
	s = kmem_new(struct inet_sources);
	if (s == NULL)
		return -ENOMEM;
	err = group_get_sources(i, &h.request, s);
	if (err == 0)
		give_filter(o, &h, s);
	kmem_free(s);
	return err;
}

int inet_set_group(struct inet_socket *i, const struct socket_option *o)
{
	if (o->level != IPPROTO_IP && o->level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	if (is_filter(o))
		return set_filter(i, o);
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		bool is_level = rows[n].level == ANY_LEVEL || rows[n].level == o->level;

		if (is_level && rows[n].name == o->name)
			return set_by_row(i, &rows[n], o);
	}
	return -ENOPROTOOPT;
}
