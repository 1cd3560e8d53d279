/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIOCETHTOOL (ethtool(8)): the driver, whether there is a link, which offloads there are, and that
 * times are those of software; its queues are ethtool_queues.c's. What a virtual interface has no
 * notion of, a speed, gives EOPNOTSUPP as Linux's does.
 */
#include <linux/net_tstamp.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"
#include "net/ioctl/ioctl.h"
#include "net/netdev.h"

/* Of <linux/ethtool.h>, which needs a C library. */
enum ethtool_command {
	ETHTOOL_GDRVINFO = 0x03,
	ETHTOOL_GLINK = 0x0a,
	ETHTOOL_GRXCSUM = 0x14,
	ETHTOOL_GTXCSUM = 0x16,
	ETHTOOL_GSG = 0x18,
	ETHTOOL_GSTRINGS = 0x1b,
	ETHTOOL_GSTATS = 0x1d,
	ETHTOOL_GTSO = 0x1e,
	ETHTOOL_GGSO = 0x23,
	ETHTOOL_GFLAGS = 0x25,
	ETHTOOL_GGRO = 0x2b,
	ETHTOOL_GSSET_INFO = 0x37,
	ETHTOOL_GCHANNELS = 0x3c,
	ETHTOOL_SCHANNELS = 0x3d,
	ETHTOOL_GET_TS_INFO = 0x41,
};

struct ethtool_value {
	uint32_t cmd, data;
};

struct ethtool_drvinfo {
	uint32_t cmd;
	char driver[32], version[32], fw_version[32], bus_info[32], erom_version[32], reserved[12];
	uint32_t n_priv_flags, n_stats, testinfo_len, eedump_len, regdump_len;
};

struct ethtool_ts_info {
	uint32_t cmd, so_timestamping;
	int32_t phc_index;
	uint32_t tx_types, tx_reserved[3], rx_filters, rx_reserved[3];
};

static bool is_loopback(const struct netdev *d)
{
	return (d->features & NETDEV_LOOPBACK) != 0;
}

static long give_driver(const struct netdev *d, uaddr_t arg)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (is_loopback(d))
		return -EOPNOTSUPP;
	string_copy(info.driver, "virtio_net", sizeof(info.driver));
	string_copy(info.version, "1.0.0", sizeof(info.version));
	info.n_stats = ethtool_nr_stats(d);
	return user_write_struct(arg, &info);
}

static long give_value(uaddr_t arg, uint32_t cmd, uint32_t value)
{
	struct ethtool_value v = { .cmd = cmd, .data = value };

	return user_write_struct(arg, &v);
}

/* Which clock packets' times are from: the machine's own, none of a card's. */
static long give_times(uaddr_t arg)
{
	struct ethtool_ts_info info = {
		.cmd = ETHTOOL_GET_TS_INFO,
		.so_timestamping = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
		.phc_index = -1,
	};

	return user_write_struct(arg, &info);
}

static long about_queues(struct netdev *d, uint32_t cmd, uaddr_t arg)
{
	switch (cmd) {
	case ETHTOOL_GCHANNELS:
		return ethtool_get_channels(d, cmd, arg);
	case ETHTOOL_SCHANNELS:
		return ethtool_set_channels(d, arg);
	case ETHTOOL_GSSET_INFO:
		return ethtool_get_sets(d, arg);
	case ETHTOOL_GSTRINGS:
		return ethtool_get_strings(d, arg);
	case ETHTOOL_GSTATS:
		return ethtool_get_stats(d, cmd, arg);
	default:
		return -EOPNOTSUPP;
	}
}

long ethtool_ioctl(struct netdev *d, uaddr_t arg)
{
	unsigned flags = netdev_shown_flags(d), features = d->features;
	uint32_t cmd;

	if (user_read_struct(&cmd, arg) != 0)
		return -EFAULT;
	switch (cmd) {
	case ETHTOOL_GDRVINFO:
		return give_driver(d, arg);
	case ETHTOOL_GLINK:
		return give_value(arg, cmd, (flags & NETDEV_IS_LOWER_UP) != 0);
	case ETHTOOL_GTXCSUM:
		return give_value(arg, cmd, (features & NETDEV_SUM) != 0);
	case ETHTOOL_GTSO:
		return give_value(arg, cmd, (features & NETDEV_TSO4) != 0);
	case ETHTOOL_GRXCSUM:
	case ETHTOOL_GSG:
	case ETHTOOL_GGSO:
	case ETHTOOL_GGRO:
		return give_value(arg, cmd, 1);
	case ETHTOOL_GFLAGS:
		return give_value(arg, cmd, 0);
	case ETHTOOL_GET_TS_INFO:
		return give_times(arg);
	default:
		return about_queues(d, cmd, arg);
	}
}
