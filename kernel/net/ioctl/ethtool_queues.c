/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIOCETHTOOL: the queues of an interface, how many there are, and what went by each (ethtool -l,
 * -L and -S). Each queue is for both directions ("combined"), and its counters are named as Linux's
 * virtio_net names them.
 */
#include <linux/capability.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/ioctl/ioctl.h"
#include "net/netdev.h"

#define NAME_BYTES  32u /* ETH_GSTRING_LEN of <linux/ethtool.h>, which needs a C library */
#define SET_STATS   1u  /* ETH_SS_STATS */
#define A_DIRECTION 2u  /* counters: packets and bytes */

struct ethtool_channels {
	uint32_t cmd, max_rx, max_tx, max_other, max_combined;
	uint32_t rx_count, tx_count, other_count, combined_count;
};

struct ethtool_strings {
	uint32_t cmd, set, nr;
};

struct ethtool_stats {
	uint32_t cmd, nr;
};

struct ethtool_sets {
	uint32_t cmd, reserved;
	uint64_t mask; /* asked about; of them those that there are */
	uint32_t nr;
};

unsigned ethtool_nr_stats(const struct netdev *d)
{
	return (d->features & NETDEV_LOOPBACK) != 0 ? 0
						    : 2 * A_DIRECTION * READ_ONCE(d->nr_queues_max);
}

long ethtool_get_channels(const struct netdev *d, uint32_t cmd, uaddr_t arg)
{
	const struct ethtool_channels c = {
		.cmd = cmd,
		.max_combined = d->nr_queues_max,
		.combined_count = READ_ONCE(d->nr_queues),
	};

	return d->ops->set_queues == NULL ? -EOPNOTSUPP : user_write_struct(arg, &c);
}

long ethtool_set_channels(struct netdev *d, uaddr_t arg)
{
	struct ethtool_channels c;

	if (!cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (d->ops->set_queues == NULL)
		return -EOPNOTSUPP;
	if (user_read_struct(&c, arg) != 0)
		return -EFAULT;
	if (c.rx_count != 0 || c.tx_count != 0 || c.other_count != 0 || c.combined_count == 0 ||
	    c.combined_count > d->nr_queues_max)
		return -EINVAL;
	return d->ops->set_queues(d, c.combined_count);
}

long ethtool_get_sets(const struct netdev *d, uaddr_t arg)
{
	struct ethtool_sets s;

	if (user_read(&s, arg, offsetof(struct ethtool_sets, nr)) != 0)
		return -EFAULT;
	s.mask = ethtool_nr_stats(d) == 0 ? 0 : s.mask & 1u << SET_STATS;
	s.nr = ethtool_nr_stats(d);
	return user_write(arg, &s,
			  s.mask == 0 ? offsetof(struct ethtool_sets, nr)
				      : offsetof(struct ethtool_sets, nr) + sizeof(s.nr));
}

/* The i-th: all that came, then all that went. */
static const uint64_t *stat_at(const struct netdev *d, unsigned i)
{
	unsigned rx = A_DIRECTION * d->nr_queues_max;
	const struct netdev_queue *q = &d->queues[i % rx / A_DIRECTION];

	if (i < rx)
		return i % A_DIRECTION == 0 ? &q->rx_packets : &q->rx_bytes;
	return i % A_DIRECTION == 0 ? &q->tx_packets : &q->tx_bytes;
}

long ethtool_get_strings(const struct netdev *d, uaddr_t arg)
{
	unsigned rx = A_DIRECTION * d->nr_queues_max;
	struct ethtool_strings s;
	char name[NAME_BYTES];

	if (user_read_struct(&s, arg) != 0)
		return -EFAULT;
	if (s.set != SET_STATS || ethtool_nr_stats(d) == 0)
		return -EOPNOTSUPP;
	s.nr = ethtool_nr_stats(d);
	if (user_write_struct(arg, &s) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < s.nr; i++) {
		memset(name, 0, sizeof(name));
		(void)fmt(name, sizeof(name), "%s_queue_%u_%s", i < rx ? "rx" : "tx",
			  i % rx / A_DIRECTION, i % A_DIRECTION == 0 ? "packets" : "bytes");
		if (user_write(arg + sizeof(s) + i * sizeof(name), name, sizeof(name)) != 0)
			return -EFAULT;
	}
	return 0;
}

long ethtool_get_stats(const struct netdev *d, uint32_t cmd, uaddr_t arg)
{
	const struct ethtool_stats s = { .cmd = cmd, .nr = ethtool_nr_stats(d) };

	if (s.nr == 0)
		return -EOPNOTSUPP;
	if (user_write_struct(arg, &s) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < s.nr; i++) {
		uint64_t value = READ_ONCE(*stat_at(d, i));

		if (user_write(arg + sizeof(s) + i * sizeof(value), &value, sizeof(value)) != 0)
			return -EFAULT;
	}
	return 0;
}
