/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes under /proc/net: route and ipv6_route (proc(5)). */
#include <linux/rtnetlink.h>

#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

#define WIDTH   127 /* to which Linux fills the lines of IPv4 */
#define V4_BITS 96u

/* RTF_* of <linux/route.h> and <linux/ipv6_route.h>, which need a C library. */
#define ROUTE_UP      0x1u
#define ROUTE_GATEWAY 0x2u
#define ROUTE_HOST    0x4u
#define ROUTE_REJECT  0x200u
#define ROUTE_LOCAL   0x80000000u

static bool nth_route(struct net *net, unsigned n, struct route *out)
{
	struct route *r;

	scoped_spin(&net->lock);
	list_foreach(&net->routes, r, link) {
		if (n-- == 0) {
			*out = *r;
			return true;
		}
	}
	return false;
}

static bool leads_nowhere(const struct route *r)
{
	return r->type == RTN_UNREACHABLE || r->type == RTN_PROHIBIT || r->type == RTN_BLACKHOLE;
}

static unsigned flags_of(const struct route *r)
{
	unsigned flags = ROUTE_UP;

	flags |= leads_nowhere(r) ? ROUTE_REJECT : 0;
	flags |= !inet_ip_is_any(r->gateway) ? ROUTE_GATEWAY : 0;
	return flags | (inet_ip_is_v4(r->prefix) && r->prefix_bits == 128 ? ROUTE_HOST : 0);
}

static void show_route4(struct text_buffer *b, const struct route *r)
{
	unsigned bits = r->prefix_bits - V4_BITS;
	uint32_t mask = bits == 0 ? 0 : __builtin_bswap32(UINT32_MAX << (32 - bits));
	char line[WIDTH + 1];

	(void)fmt(line, sizeof(line), "%s\t%08X\t%08X\t%04X\t%d\t%u\t%u\t%08X\t%u\t%u\t%u",
		  r->dev == NULL ? "*" : r->dev->name, inet_ip_v4(r->prefix),
		  inet_ip_is_any(r->gateway) ? 0 : inet_ip_v4(r->gateway), flags_of(r), 0, 0u,
		  r->metric, mask, r->mtu != 0 ? r->mtu - 40 : 0, 0u, 0u);
	text_print(b, "%-*s\n", WIDTH, line);
}

static int show_route(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();
	struct route r;

	if (net == NULL)
		return -ENOMEM;
	text_print(b, "%-*s\n", WIDTH,
		   "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU"
		   "\tWindow\tIRTT");
	for (unsigned n = 0; nth_route(net, n, &r); n++) { /* defaults are on top */
		if (inet_ip_is_v4(r.prefix) && r.prefix_bits == V4_BITS)
			show_route4(b, &r);
	}
	for (unsigned n = 0; nth_route(net, n, &r); n++) {
		if (inet_ip_is_v4(r.prefix) && r.prefix_bits != V4_BITS)
			show_route4(b, &r);
	}
	return 0;
}
PROC_FILE(net_route) = { .path = "net/route", .mode = 0444, .show = show_route };

/* ---- IPv6 ---- */

struct line6 {
	const uint8_t *prefix, *gateway;
	unsigned bits, flags;
	uint32_t metric;
	const char *name;
};

static void print_ip6(struct text_buffer *b, const uint8_t ip[16])
{
	for (unsigned i = 0; i < 16; i++)
		text_print(b, "%02x", ip[i]);
}

static void show_line6(struct text_buffer *b, const struct line6 *l)
{
	print_ip6(b, l->prefix);
	text_print(b, " %02x ", l->bits);
	print_ip6(b, inet_any6);
	text_print(b, " 00 ");
	print_ip6(b, l->gateway);
	text_print(b, " %08x %08x %08x %08x %8s\n", l->metric, 1u, 0u, l->flags, l->name);
}

/* What is ours, behind the table as on Linux. */
static bool nth_address6(struct net *net, unsigned n, struct net_address *out)
{
	struct net_address *a;
	struct netdev *d;

	scoped_spin(&net->lock);
	list_foreach(&net->devices, d, link) {
		list_foreach(&d->addresses, a, link) {
			if (inet_ip_is_v4(a->ip) || n-- != 0)
				continue;
			*out = *a;
			return true;
		}
	}
	return false;
}

static int show_route6(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();
	struct net_address a;
	struct route r;

	if (net == NULL)
		return -ENOMEM;
	for (unsigned n = 0; nth_route(net, n, &r); n++) {
		struct line6 l = {
			r.prefix,     r.gateway, r.prefix_bits,
			flags_of(&r), r.metric,  r.dev == NULL ? net->loopback->name : r.dev->name
		};

		if (!inet_ip_is_v4(r.prefix))
			show_line6(b, &l);
	}
	for (unsigned n = 0; nth_address6(net, n, &a); n++) {
		struct line6 l = { a.ip, inet_any6, 128, ROUTE_UP | ROUTE_LOCAL, 0, a.dev->name };

		show_line6(b, &l);
	}
	return 0;
}
PROC_FILE(net_route6) = { .path = "net/ipv6_route", .mode = 0444, .show = show_route6 };
