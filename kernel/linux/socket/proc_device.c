/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces and what is on them: /proc/net/dev, if_inet6 and arp (proc(5)), and /sys/class/net
 * (sysfs(5)). Interfaces do not go away: each may be shown with no lock held.
 */
#include <linux/if_addr.h>
#include <linux/neighbour.h>

#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/socket/proc_device.h"
#include "net/ip/device.h"
#include "net/link/neighbour.h"
#include "net/netdev.h"

struct netdev *proc_device_at(struct net *net, unsigned index)
{
	scoped_spin(&net->lock);
	return netdev_by_index(net, index);
}

/* ---- names, for procfs and sysfs ---- */

static int find_interface(const char *name, size_t len)
{
	struct net *net = net_machine_get();
	char text[NETDEV_NAME_MAX] = "";
	struct netdev *d;

	if (net == NULL || len >= sizeof(text))
		return 0;
	memcpy(text, name, len);
	scoped_spin(&net->lock);
	d = netdev_find(net, text);
	return d == NULL ? 0 : (int)d->index;
}

static int next_interface(int nr)
{
	struct net *net = net_machine_get();

	return net == NULL || proc_device_at(net, (unsigned)nr + 1) == NULL ? 0 : nr + 1;
}

static void interface_name(int nr, char *buf, size_t size)
{
	struct net *net = net_machine_get();
	struct netdev *d = net == NULL ? NULL : proc_device_at(net, (unsigned)nr);

	string_copy(buf, d == NULL ? "" : d->name, size);
}

const struct proc_interfaces proc_interfaces = {
	.find = find_interface,
	.next = next_interface,
	.name = interface_name,
};

/* ---- /proc/net/dev ---- */

static void show_device(struct text_buffer *b, const struct netdev *d)
{
	const struct netdev_stats *s = &d->stats;

	text_print(b, "%6s: %7llu %7llu %4llu %4llu    0     0          0 %9llu", d->name,
		   (unsigned long long)READ_ONCE(s->rx_bytes),
		   (unsigned long long)READ_ONCE(s->rx_packets),
		   (unsigned long long)READ_ONCE(s->rx_errors),
		   (unsigned long long)READ_ONCE(s->rx_dropped),
		   (unsigned long long)READ_ONCE(s->multicast));
	text_print(b, " %8llu %7llu %4llu %4llu    0     0       0          0\n",
		   (unsigned long long)READ_ONCE(s->tx_bytes),
		   (unsigned long long)READ_ONCE(s->tx_packets),
		   (unsigned long long)READ_ONCE(s->tx_errors),
		   (unsigned long long)READ_ONCE(s->tx_dropped));
}

static int show_dev(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();
	struct netdev *d;

	if (net == NULL)
		return -ENOMEM;
	text_print(b, "Inter-|   Receive                                                |  "
		      "Transmit\n face |bytes    packets errs drop fifo frame compressed "
		      "multicast|bytes    packets errs drop fifo colls carrier compressed\n");
	for (unsigned i = 1; (d = proc_device_at(net, i)) != NULL; i++)
		show_device(b, d);
	return 0;
}
PROC_FILE(net_dev) = { .path = "net/dev", .mode = 0444, .show = show_dev };

/* ---- addresses ---- */

/* The nth address of an interface, as it is now. */
static bool nth_address(struct netdev *d, unsigned n, struct net_address *out)
{
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (n-- == 0) {
			*out = *a;
			return true;
		}
	}
	return false;
}

void proc_print_ip6(struct text_buffer *b, const uint8_t ip[16])
{
	for (unsigned i = 0; i < 16; i++)
		text_print(b, "%02x", ip[i]);
}

static unsigned address_flags(const struct net_address *a)
{
	unsigned flags = a->valid_until == NSEC_NEVER ? IFA_F_PERMANENT : 0;

	flags |= (a->flags & NET_ADDRESS_TENTATIVE) != 0 ? IFA_F_TENTATIVE : 0;
	flags |= (a->flags & NET_ADDRESS_DUPLICATE) != 0 ? IFA_F_DADFAILED : 0;
	flags |= (a->flags & NET_ADDRESS_DEPRECATED) != 0 ? IFA_F_DEPRECATED : 0;
	return flags | ((a->flags & NET_ADDRESS_TEMPORARY) != 0 ? IFA_F_TEMPORARY : 0);
}

static void show_addresses6(struct text_buffer *b, struct netdev *d)
{
	struct net_address a;

	for (unsigned n = 0; nth_address(d, n, &a); n++) {
		unsigned scope = inet_ip_is_loopback(a.ip)     ? 0x10
				 : inet_ip_is_link_local(a.ip) ? 0x20
							       : 0;

		if (inet_ip_is_v4(a.ip))
			continue;
		proc_print_ip6(b, a.ip);
		text_print(b, " %02x %02x %02x %02x %8s\n", d->index, a.prefix_bits, scope,
			   address_flags(&a), d->name);
	}
}

static int show_if_inet6(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();
	struct netdev *d;

	if (net == NULL)
		return -ENOMEM;
	for (unsigned i = 1; (d = proc_device_at(net, i)) != NULL; i++)
		show_addresses6(b, d);
	return 0;
}
PROC_FILE(net_if_inet6) = { .path = "net/if_inet6", .mode = 0444, .show = show_if_inet6 };

/* ---- neighbours ---- */

/* The nth of the table, counted; NULL: there is none. */
static struct neighbour *nth_neighbour(struct net *net, unsigned n)
{
	struct neighbour *found;

	scoped_spin(&net->lock);
	list_foreach(&net->neighbours.all, found, link) {
		if (n-- == 0) {
			neighbour_hold(found);
			return found;
		}
	}
	return NULL;
}

static void show_neighbour(struct text_buffer *b, struct neighbour *n)
{
	unsigned state = READ_ONCE(n->state);
	const uint8_t *ip = n->ip + IP_V4_AT, *mac = n->mac;
	char text[16];

	if (!inet_ip_is_v4(n->ip) || state == NUD_NONE)
		return;
	fmt(text, sizeof(text), "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	text_print(b, "%-16s 0x%-10x0x%-10x", text, netdev_hardware_type(n->dev),
		   state == NUD_PERMANENT                         ? 6u
		   : (state & (NUD_INCOMPLETE | NUD_FAILED)) != 0 ? 0u
								  : 2u);
	text_print(b, "%02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", mac[0], mac[1], mac[2],
		   mac[3], mac[4], mac[5], n->dev->name);
}

static int show_arp(struct text_buffer *b, int pid)
{
	struct net *net = net_machine_get();
	struct neighbour *n;

	if (net == NULL)
		return -ENOMEM;
	text_print(b, "IP address       HW type     Flags       HW address            Mask     "
		      "Device\n");
	for (unsigned i = 0; (n = nth_neighbour(net, i)) != NULL; i++) {
		show_neighbour(b, n);
		neighbour_put(n);
	}
	return 0;
}
PROC_FILE(net_arp) = { .path = "net/arp", .mode = 0444, .show = show_arp };

/* ---- /sys/class/net ---- */

static struct netdev *shown(int nr)
{
	struct net *net = net_machine_get();

	return net == NULL ? NULL : proc_device_at(net, (unsigned)nr);
}

#define FACT(name, format, ...) \
	static int show_##name(struct text_buffer *b, int nr) \
	{ \
		struct netdev *d = shown(nr); \
\
		if (d == NULL) \
			return -ENOMEM; \
		text_print(b, format "\n", __VA_ARGS__); \
		return 0; \
	} \
	SYSFS_FILE( \
		net_##name) = { .path = "class/net/IF/" #name, .mode = 0444, .show = show_##name }
#define STATISTIC(name) \
	static int show_stat_##name(struct text_buffer *b, int nr) \
	{ \
		struct netdev *d = shown(nr); \
\
		if (d == NULL) \
			return -ENOMEM; \
		text_print(b, "%llu\n", (unsigned long long)READ_ONCE(d->stats.name)); \
		return 0; \
	} \
	SYSFS_FILE(net_stat_##name) = { .path = "class/net/IF/statistics/" #name, \
					.mode = 0444, \
					.show = show_stat_##name }

static const char *operational_name(const struct netdev *d)
{
	enum netdev_operational state = netdev_operational_state(d);

	return state == NETDEV_OPER_UP ? "up" : state == NETDEV_OPER_DOWN ? "down" : "unknown";
}

FACT(address, "%02x:%02x:%02x:%02x:%02x:%02x", d->mac[0], d->mac[1], d->mac[2], d->mac[3],
     d->mac[4], d->mac[5]);
FACT(addr_len, "%u", ETHERNET_ADDRESS_LEN);
FACT(flags, "0x%x", netdev_shown_flags(d) & 0xffffu & ~(unsigned)NETDEV_IS_RUNNING);
FACT(ifindex, "%u", d->index);
FACT(iflink, "%u", d->index);
FACT(mtu, "%u", READ_ONCE(d->mtu));
FACT(operstate, "%s", operational_name(d));
FACT(tx_queue_len, "%u", NETDEV_QUEUE);
FACT(type, "%u", netdev_hardware_type(d));

/* Of one that is down Linux does not know. */
static int show_carrier(struct text_buffer *b, int nr)
{
	struct netdev *d = shown(nr);
	unsigned flags = d == NULL ? 0 : netdev_shown_flags(d);

	if ((flags & NETDEV_IS_UP) == 0)
		return -EINVAL;
	text_print(b, "%d\n", (flags & NETDEV_IS_LOWER_UP) != 0);
	return 0;
}
SYSFS_FILE(net_carrier) = { .path = "class/net/IF/carrier", .mode = 0444, .show = show_carrier };

STATISTIC(rx_packets);
STATISTIC(tx_packets);
STATISTIC(rx_bytes);
STATISTIC(tx_bytes);
STATISTIC(rx_errors);
STATISTIC(tx_errors);
STATISTIC(rx_dropped);
STATISTIC(tx_dropped);
STATISTIC(multicast);
