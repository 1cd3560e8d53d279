/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes by ioctl, as route(8) has them: SIOCADDRT, SIOCDELRT (netdevice(7), rtnetlink(7)). */
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"
#include "net/ioctl/ioctl.h"
#include "net/ip/ip.h"
#include "net/netdev.h"
#include "net/socket/socket.h"

#define V4_BITS 96u

/* RTF_* of <linux/route.h>, which needs a C library. */
#define ROUTE_UP       0x1u
#define ROUTE_GATEWAY  0x2u
#define ROUTE_HOST     0x4u
#define ROUTE_MTU      0x40u
#define ROUTE_REJECT   0x200u
#define MTU_OF_HEADERS 40u /* what the old interface called MTU was a segment's payload */

struct sockaddr_v4 {
	uint16_t family, port;
	uint32_t address;
	char zero[8];
};

/* struct rtentry. */
struct route_request {
	uint64_t pad1;
	struct sockaddr_v4 to, gateway, mask;
	uint16_t flags;
	int16_t pad2;
	uint64_t pad3, pad4;
	int16_t metric; /* plus 1 */
	uaddr_t device; /* a name */
	uint64_t mtu, window;
	uint16_t irtt;
};

static struct netdev *find(struct net *net, const char *name)
{
	scoped_spin(&net->lock);
	return netdev_find(net, name);
}

/* Bits of a mask; above 32: it is none. */
static unsigned bits_of(uint32_t mask)
{
	uint32_t m = __builtin_bswap32(mask);
	unsigned bits = m == UINT32_MAX ? 32 : (unsigned)__builtin_clz(~m);

	return bits == 32 || m << bits == 0 ? bits : 33;
}

static int find_device(struct net *net, const struct route_request *q, struct route *to)
{
	char name[NETDEV_NAME_MAX];
	ssize_t len;

	if (q->device == 0)
		return 0;
	len = user_string(name, q->device, sizeof(name));
	if (len < 0)
		return len == -ENAMETOOLONG ? -ENODEV : (int)len;
	to->dev = find(net, name);
	return to->dev == NULL ? -ENODEV : 0;
}

static int read_route(struct net *net, const struct route_request *q, struct route *to)
{
	unsigned bits = (q->flags & ROUTE_HOST) != 0 ? 32 : bits_of(q->mask.address);

	*to = (struct route){ .type = RTN_UNICAST,
			      .protocol = RTPROT_BOOT,
			      .table = RT_TABLE_MAIN,
			      .valid_until = NSEC_NEVER,
			      .metric = q->metric > 0 ? (uint32_t)q->metric - 1 : 0 };
	if (q->to.family != AF_INET)
		return -EAFNOSUPPORT;
	if (bits > 32 || (bits < 32 && (q->to.address & ~q->mask.address) != 0))
		return -EINVAL;
	to->prefix_bits = (uint8_t)(V4_BITS + bits);
	inet_ip_from_v4(to->prefix, q->to.address);
	memcpy(to->gateway, inet_any4, sizeof(to->gateway));
	memcpy(to->prefer_from, inet_any4, sizeof(to->prefer_from));
	if ((q->flags & ROUTE_GATEWAY) != 0 && q->gateway.family == AF_INET)
		inet_ip_from_v4(to->gateway, q->gateway.address);
	if ((q->flags & ROUTE_MTU) != 0)
		to->mtu = (uint32_t)q->mtu + MTU_OF_HEADERS;
	to->scope = inet_ip_is_any(to->gateway) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if ((q->flags & ROUTE_REJECT) != 0) {
		to->type = RTN_UNREACHABLE;
		return 0;
	}
	return find_device(net, q, to);
}

/* The interface on whose link the gateway is. */
static int resolve(struct net *net, struct route *to)
{
	struct ip_query q = { .to = to->gateway,
			      .dev_index = to->dev != NULL ? to->dev->index : 0 };
	struct ip_path p;

	if (to->type != RTN_UNICAST)
		return 0;
	if (inet_ip_is_any(to->gateway))
		return to->dev == NULL ? -ENODEV : 0;
	if (ip_route(net, &q, &p) != 0)
		return -ENETUNREACH;
	if (to->dev == NULL)
		to->dev = p.dev;
	if (p.is_local || !inet_ip_equal(p.next_hop, to->gateway)) {
		ip_path_drop(&p);
		return -ENETUNREACH;
	}
	ip_path_drop(&p);
	return (READ_ONCE(to->dev->flags) & NETDEV_IS_UP) == 0 ? -ENETDOWN : 0;
}

static bool is_meant(const struct route *r, const struct route *like)
{
	return r->prefix_bits == like->prefix_bits && inet_ip_equal(r->prefix, like->prefix) &&
	       (like->dev == NULL || r->dev == like->dev) &&
	       (like->metric == 0 || r->metric == like->metric) &&
	       (inet_ip_is_any(like->gateway) || inet_ip_equal(r->gateway, like->gateway));
}

static int remove_route(struct net *net, const struct route *like)
{
	struct route found = { .prefix_bits = 0 }, *r;
	bool is_there = false;

	spin_lock(&net->lock);
	list_foreach(&net->routes, r, link) {
		is_there = is_meant(r, like);
		if (is_there) {
			found = *r;
			break;
		}
	}
	spin_unlock(&net->lock);
	return is_there ? route_remove(net, &found) : -ESRCH;
}

long route_ioctl(struct net *net, unsigned cmd, uaddr_t arg)
{
	struct route_request q;
	struct route to;
	int err;

	if (!cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (user_read_struct(&q, arg) != 0)
		return -EFAULT;
	err = read_route(net, &q, &to);
	if (err == 0 && cmd == SIOCADDRT)
		err = resolve(net, &to);
	if (err == 0)
		err = cmd == SIOCADDRT ? route_add(net, &to, false) : remove_route(net, &to);
	net_run();
	return err;
}
