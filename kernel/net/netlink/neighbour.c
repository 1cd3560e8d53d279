/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours over NETLINK_ROUTE: RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH (rtnetlink(7)). */
#include <linux/neighbour.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/link/neighbour.h"
#include "net/netlink/rtnetlink.h"

#define TICKS 100 /* a second: USER_HZ */

static const struct netlink_rule neighbour_rules[] = {
	{ NDA_DST, 4 },
	{ NDA_LLADDR, 1 },
	{ NDA_IFINDEX, 4 },
	{ NDA_MASTER, 4 },
};

/* ---- writing ---- */

static uint32_t ticks_since(nsec_t then)
{
	return (uint32_t)((clock_monotonic() - then) / (NSEC_PER_SEC / TICKS));
}

bool rtnetlink_write_neighbour(struct netlink_message *m, const struct nlmsghdr *h,
			       const void *neighbour)
{
	struct neighbour *n = (struct neighbour *)neighbour;
	struct ndmsg *t = netlink_begin(m, h, sizeof(*t));
	struct nda_cacheinfo times;
	uint8_t mac[ETHERNET_ADDRESS_LEN];
	bool has_mac, is_router;

	spin_lock(&n->lock);
	t->ndm_state = (uint16_t)n->state;
	memcpy(mac, n->mac, sizeof(mac));
	has_mac = (n->state & (NEIGHBOUR_INCOMPLETE | NEIGHBOUR_FAILED)) == 0 &&
		  n->state != NEIGHBOUR_NONE;
	is_router = n->is_router;
	times = (struct nda_cacheinfo){ ticks_since(n->confirmed_ns), ticks_since(n->used_ns),
					ticks_since(n->confirmed_ns),
					atomic_load(&n->ref.count) - 1 };
	spin_unlock(&n->lock);
	t->ndm_family = (uint8_t)rtnetlink_family(n->ip);
	t->ndm_ifindex = (int)n->dev->index;
	t->ndm_flags = is_router ? NTF_ROUTER : 0;
	t->ndm_type = RTN_UNICAST;
	rtnetlink_put_ip(m, NDA_DST, n->ip);
	if (has_mac)
		netlink_put(m, NDA_LLADDR, mac, sizeof(mac));
	netlink_put(m, NDA_CACHEINFO, &times, sizeof(times));
	netlink_put_u32(m, NDA_PROBES, READ_ONCE(n->nr_probes));
	return netlink_end(m);
}

/* ---- asking ---- */

struct filter {
	uint32_t dev_index; /* 0: any */
	bool nothing;
};

/* The first from the d->at'th on that fits, counted; d->at is its place. NULL: none is left. */
static struct neighbour *next_that_fits(struct netlink_dump *d)
{
	const struct filter *f = (const void *)d->filter;
	struct neighbour *n;
	unsigned i = 0;

	scoped_spin(&d->net->lock);
	list_foreach(&d->net->neighbours.all, n, link) {
		bool fits = !f->nothing && READ_ONCE(n->state) != NEIGHBOUR_NONE &&
			    (d->family == AF_UNSPEC || d->family == rtnetlink_family(n->ip)) &&
			    (f->dev_index == 0 || n->dev->index == f->dev_index);

		if (i++ < d->at || !fits)
			continue;
		d->at = i - 1;
		neighbour_hold(n);
		return n;
	}
	return NULL;
}

/* They are in the order of their making: what goes meanwhile may hide another. */
static bool more_neighbours(struct netlink_dump *d, struct netlink_message *m)
{
	struct nlmsghdr h = d->header;
	struct neighbour *n;

	h.nlmsg_type = RTM_NEWNEIGH;
	while ((n = next_that_fits(d)) != NULL) {
		bool had_room = rtnetlink_write_neighbour(m, &h, n);

		neighbour_put(n);
		if (!had_room)
			return false;
		d->at++;
	}
	return true;
}

static int dump_neighbours(struct netlink_request *r)
{
	struct netlink_dump d = { .more = more_neighbours, .watches_net = true };
	struct filter *f = (void *)d.filter;
	struct ndmsg t;

	netlink_read_header(r, &t, sizeof(t));
	d.family = t.ndm_family;
	if (r->attrs[NDA_IFINDEX] != NULL)
		f->dev_index = netlink_get_u32(r->attrs[NDA_IFINDEX]);
	f->nothing = (t.ndm_flags & NTF_PROXY) != 0 ||
		     (r->attrs[NDA_MASTER] != NULL && netlink_get_u32(r->attrs[NDA_MASTER]) != 0);
	return netlink_dump_start(r, &d);
}

/* Which one a request means: -EINVAL, -ENODEV. */
static int read_which(struct netlink_request *r, const struct ndmsg *t, struct netdev **d,
		      uint8_t ip[16])
{
	if (r->attrs[NDA_DST] == NULL)
		return netlink_refuse(r, -EINVAL, "Network address not specified", NULL);
	if (t->ndm_family != AF_INET && t->ndm_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (rtnetlink_read_ip(r->attrs[NDA_DST], t->ndm_family, ip) != 0)
		return netlink_refuse(r, -EINVAL, "Invalid network address", r->attrs[NDA_DST]);
	if (t->ndm_ifindex == 0)
		return netlink_refuse(r, -EINVAL, "No device specified", NULL);
	*d = rtnetlink_device(r->net, (unsigned)t->ndm_ifindex);
	return *d == NULL ? -ENODEV : 0;
}

/* Counted, or NULL: none is made. */
static struct neighbour *find(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n;

	scoped_spin(&d->net->lock);
	list_foreach(&d->net->neighbours.all, n, link) {
		if (n->dev == d && inet_ip_equal(n->ip, ip)) {
			neighbour_hold(n);
			return n;
		}
	}
	return NULL;
}

static int get_neighbour(struct netlink_request *r)
{
	struct neighbour *n;
	struct netdev *d;
	struct ndmsg t;
	uint8_t ip[16];
	int err;

	netlink_read_header(r, &t, sizeof(t));
	err = read_which(r, &t, &d, ip);
	if (err != 0)
		return err;
	n = find(d, ip);
	if (n == NULL)
		return netlink_refuse(r, -ENOENT, "Neighbour entry not found", NULL);
	err = rtnetlink_answer_one(r, rtnetlink_write_neighbour, n, RTM_NEWNEIGH);
	neighbour_put(n);
	return err;
}

/* ---- changing ---- */

/* Those that can be set by hand here. */
static bool may_be_set(unsigned state)
{
	return state == NUD_PERMANENT || state == NUD_REACHABLE || state == NUD_STALE;
}

static int new_neighbour(struct netlink_request *r)
{
	const struct nlattr *mac = r->attrs[NDA_LLADDR];
	unsigned how = r->header->nlmsg_flags;
	struct neighbour *old;
	struct netdev *d;
	struct ndmsg t;
	uint8_t ip[16];
	int err;

	netlink_read_header(r, &t, sizeof(t));
	err = read_which(r, &t, &d, ip);
	if (err != 0)
		return err;
	if (mac == NULL || netlink_data_len(mac) < ETHERNET_ADDRESS_LEN)
		return netlink_refuse(r, -EINVAL, "Invalid link address", mac);
	if (!may_be_set(t.ndm_state) || (t.ndm_flags & NTF_PROXY) != 0)
		return netlink_refuse(r, -EOPNOTSUPP, "This state cannot be set", NULL);
	old = find(d, ip);
	neighbour_put(old);
	if (old == NULL && (how & NLM_F_CREATE) == 0)
		return -ENOENT;
	if (old != NULL && (how & NLM_F_EXCL) != 0)
		return -EEXIST;
	return neighbour_set(d, ip, netlink_data(mac), (enum neighbour_state)t.ndm_state);
}

static int delete_neighbour(struct netlink_request *r)
{
	struct netdev *d;
	struct ndmsg t;
	uint8_t ip[16];
	int err;

	netlink_read_header(r, &t, sizeof(t));
	err = read_which(r, &t, &d, ip);
	return err != 0 ? err : neighbour_set(d, ip, NULL, NEIGHBOUR_NONE);
}

#define ROW(type, one, all) \
	{ \
		type, sizeof(struct ndmsg), RTNETLINK_RULES(neighbour_rules), one, all \
	}

const struct rtnetlink_row rtnetlink_neighbours[] = {
	ROW(RTM_GETNEIGH, get_neighbour, dump_neighbours),
	ROW(RTM_NEWNEIGH, new_neighbour, NULL),
	ROW(RTM_DELNEIGH, delete_neighbour, NULL),
	{ 0 },
};
