/* SPDX-License-Identifier: BSD-2-Clause */
/* The ioctls that any socket answers, by what they are about. -ENOTTY: the call is not of these. */
#pragma once
#include "lib/types.h"

struct net;
struct netdev;

/* netdevice(7): SIOCGIFCONF and the like; it asks the two below. */
long interface_ioctl(unsigned cmd, uaddr_t arg);
/* arp(7): SIOCSARP, SIOCGARP, SIOCDARP. */
long arp_ioctl(struct net *net, unsigned cmd, uaddr_t arg);
/* SIOCADDRT, SIOCDELRT. */
long route_ioctl(struct net *net, unsigned cmd, uaddr_t arg);
/* SIOCETHTOOL of one interface; `arg` is what ifr_data points to. */
long ethtool_ioctl(struct netdev *d, uaddr_t arg);

/* ethtool_queues.c: its requests about queues. */
unsigned ethtool_nr_stats(const struct netdev *d);
long ethtool_get_channels(const struct netdev *d, uint32_t cmd, uaddr_t arg);
long ethtool_set_channels(struct netdev *d, uaddr_t arg);
long ethtool_get_sets(const struct netdev *d, uaddr_t arg);
long ethtool_get_strings(const struct netdev *d, uaddr_t arg);
long ethtool_get_stats(const struct netdev *d, uint32_t cmd, uaddr_t arg);
