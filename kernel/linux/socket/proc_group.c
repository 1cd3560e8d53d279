/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups that interfaces hear, and the sources that their users chose or left out:
 * /proc/net/igmp, igmp6, mcfilter, mcfilter6 and dev_mcast (proc(5), as ip maddress reads them).
 */
#include "lib/errno.h"
#include "linux/socket/proc_device.h"
#include "mm/alloc/kmem.h"
#include "net/ip/device.h"

#define ROOM_FIRST 64u

/* One interface's groups of one family; Count is how many they are. */
static void show_groups4(struct text_buffer *b, struct netdev *d, const struct net_group_view *all,
			 unsigned nr)
{
	static const char *const versions[] = { "V3", "V2", "V1" }; /* enum group_version */
	unsigned nr4 = 0;

	for (unsigned i = 0; i < nr; i++)
		nr4 += inet_ip_is_v4(all[i].ip);
	text_print(b, "%u\t%-10s: %5u %7s\n", d->index, d->name, nr4,
		   versions[net_group_version(d, true)]);
	for (unsigned i = 0; i < nr; i++) {
		if (inet_ip_is_v4(all[i].ip))
			text_print(b, "\t\t\t\t%08X %5u %d:00000000\t\t0\n", inet_ip_v4(all[i].ip),
				   all[i].nr_users, all[i].is_due);
	}
}

static void show_groups6(struct text_buffer *b, struct netdev *d, const struct net_group_view *all,
			 unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (inet_ip_is_v4(all[i].ip))
			continue;
		text_print(b, "%-4u %-15s ", d->index, d->name);
		proc_print_ip6(b, all[i].ip);
		text_print(b, " %5u %08x 0\n", all[i].nr_users, all[i].is_due ? 5u : 4u);
	}
}

/* The link addresses of groups; the loopback has none. */
static void show_macs(struct text_buffer *b, struct netdev *d, const struct net_group_view *all,
		      unsigned nr)
{
	uint8_t mac[ETHERNET_ADDRESS_LEN];

	for (unsigned i = 0; i < nr && (d->features & NETDEV_LOOPBACK) == 0; i++) {
		if (!inet_ip_is_v4(all[i].ip) && (all[i].ip[1] & 15) == 1)
			continue; /* it stays on this machine */
		ip_group_mac(all[i].ip, mac);
		text_print(b, "%-4u %-15s %-5u %-5u %02x%02x%02x%02x%02x%02x\n", d->index, d->name,
			   all[i].nr_users, 0u, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
}

/* All of d's groups, for kmem_free; NULL: no memory. */
static struct net_group_view *groups_of(struct netdev *d, unsigned *nr)
{
	for (unsigned room = ROOM_FIRST;; room *= 2) {
		struct net_group_view *all = kmem_new_array(struct net_group_view, room);

		if (all == NULL)
			return NULL;
		*nr = net_group_list(d, all, room);
		if (*nr < room)
			return all;
		kmem_free(all);
	}
}

static int show_groups(struct text_buffer *b, void (*show)(struct text_buffer *, struct netdev *,
							   const struct net_group_view *, unsigned))
{
	struct net *net = net_machine_get();
	struct net_group_view *all;
	struct netdev *d;
	unsigned nr;

	if (net == NULL)
		return -ENOMEM;
	for (unsigned i = 1; (d = proc_device_at(net, i)) != NULL; i++) {
		all = groups_of(d, &nr);
		if (all == NULL)
			return -ENOMEM;
		show(b, d, all, nr);
		kmem_free(all);
	}
	return 0;
}

static int show_igmp(struct text_buffer *b, int pid)
{
	text_print(b, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
	return show_groups(b, show_groups4);
}
PROC_FILE(net_igmp) = { .path = "net/igmp", .mode = 0444, .show = show_igmp };

static int show_igmp6(struct text_buffer *b, int pid)
{
	return show_groups(b, show_groups6);
}
PROC_FILE(net_igmp6) = { .path = "net/igmp6", .mode = 0444, .show = show_igmp6 };

static int show_dev_mcast(struct text_buffer *b, int pid)
{
	return show_groups(b, show_macs);
}
PROC_FILE(net_dev_mcast) = { .path = "net/dev_mcast", .mode = 0444, .show = show_dev_mcast };

/* ---- sources ---- */

static void show_source(struct text_buffer *b, const struct netdev *d,
			const struct net_source_view *s)
{
	const uint8_t *group = s->group + IP_V4_AT, *ip = s->ip + IP_V4_AT;

	text_print(b, "%3u %6s ", d->index, d->name);
	if (inet_ip_is_v4(s->group)) {
		text_print(b, "0x%02x%02x%02x%02x 0x%02x%02x%02x%02x", group[0], group[1], group[2],
			   group[3], ip[0], ip[1], ip[2], ip[3]);
	} else {
		proc_print_ip6(b, s->group);
		text_print(b, " ");
		proc_print_ip6(b, s->ip);
	}
	text_print(b, " %6u %6u\n", s->nr_include, s->nr_exclude);
}

/* All of d's sources, for kmem_free; NULL: no memory. */
static struct net_source_view *sources_of(struct netdev *d, unsigned *nr)
{
	for (unsigned room = ROOM_FIRST;; room *= 2) {
		struct net_source_view *all = kmem_new_array(struct net_source_view, room);

		if (all == NULL)
			return NULL;
		*nr = net_group_list_sources(d, all, room);
		if (*nr < room)
			return all;
		kmem_free(all);
	}
}

static int show_sources(struct text_buffer *b, bool v4)
{
	struct net *net = net_machine_get();
	struct net_source_view *all;
	struct netdev *d;
	unsigned nr;

	if (net == NULL)
		return -ENOMEM;
	for (unsigned i = 1; (d = proc_device_at(net, i)) != NULL; i++) {
		all = sources_of(d, &nr);
		if (all == NULL)
			return -ENOMEM;
		for (unsigned n = 0; n < nr; n++) {
			if (inet_ip_is_v4(all[n].group) == v4)
				show_source(b, d, &all[n]);
		}
		kmem_free(all);
	}
	return 0;
}

static int show_mcfilter(struct text_buffer *b, int pid)
{
	text_print(b, "Idx Device        MCA        SRC    INC    EXC\n");
	return show_sources(b, true);
}
PROC_FILE(net_mcfilter) = { .path = "net/mcfilter", .mode = 0444, .show = show_mcfilter };

static int show_mcfilter6(struct text_buffer *b, int pid)
{
	text_print(b, "Idx Device                Multicast Address                   "
		      "Source Address    INC    EXC\n");
	return show_sources(b, false);
}
PROC_FILE(net_mcfilter6) = { .path = "net/mcfilter6", .mode = 0444, .show = show_mcfilter6 };
