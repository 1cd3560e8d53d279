/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flags of interfaces as programs see and set them (netdevice(7)). That an interface hears what is
 * for others, or all groups, is asked for by programs' flags and by packet sockets; it does as long
 * as anybody asks, and programs see what they asked for themselves.
 */
#include "lib/atomic.h"
#include "lib/errno.h"
#include "net/event.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

#define TYPE_ETHERNET 1   /* ARPHRD_ETHER */
#define TYPE_LOOPBACK 772 /* ARPHRD_LOOPBACK */
#define HEARS_MORE    (NETDEV_IS_PROMISCUOUS | NETDEV_HEARS_ALL_GROUPS)

unsigned netdev_shown_flags(const struct netdev *d)
{
	unsigned flags = READ_ONCE(d->flags) & ~HEARS_MORE;

	if ((flags & NETDEV_IS_UP) == 0)
		flags &= ~(unsigned)NETDEV_IS_RUNNING;
	if ((flags & NETDEV_IS_RUNNING) != 0)
		flags |= NETDEV_IS_LOWER_UP;
	/* Linux's loopback has no multicast of its own to offer, though groups can be joined. */
	if ((flags & NETDEV_IS_LOOPBACK) != 0)
		flags &= ~(unsigned)NETDEV_HAS_MULTICAST;
	return flags | READ_ONCE(d->asked_flags);
}

unsigned netdev_hardware_type(const struct netdev *d)
{
	return (d->features & NETDEV_LOOPBACK) != 0 ? TYPE_LOOPBACK : TYPE_ETHERNET;
}

/* Linux does not say that a loopback is up, though packets pass. */
enum netdev_operational netdev_operational_state(const struct netdev *d)
{
	unsigned flags = netdev_shown_flags(d);

	if ((d->features & NETDEV_LOOPBACK) != 0)
		return (flags & NETDEV_IS_UP) != 0 ? NETDEV_OPER_UNKNOWN : NETDEV_OPER_DOWN;
	return (flags & NETDEV_IS_RUNNING) != 0 ? NETDEV_OPER_UP : NETDEV_OPER_DOWN;
}

void netdev_hear_more(struct netdev *d, unsigned flag, bool on)
{
	unsigned *nr = flag == NETDEV_IS_PROMISCUOUS ? &d->nr_promiscuous : &d->nr_all_groups;
	unsigned flags;

	spin_lock(&d->net->lock);
	*nr += on ? 1u : -1u;
	flags = *nr > 0 ? atomic_or(&d->flags, flag) | flag : atomic_and(&d->flags, ~flag);
	spin_unlock(&d->net->lock);
	if (d->ops->set_filter != NULL && (flags & NETDEV_IS_UP) != 0)
		d->ops->set_filter(d);
}

/* What programs ask for is another now: true. */
static bool change_asked(struct netdev *d, unsigned flag, unsigned flags, unsigned mask)
{
	bool on = (flags & flag) != 0, was;

	if ((mask & flag) == 0)
		return false;
	spin_lock(&d->net->lock);
	was = (d->asked_flags & flag) != 0;
	d->asked_flags = on ? d->asked_flags | flag : d->asked_flags & ~flag;
	spin_unlock(&d->net->lock);
	if (was != on)
		netdev_hear_more(d, flag, on);
	return was != on;
}

int net_device_set_flags(struct netdev *d, unsigned flags, unsigned mask)
{
	bool changed = change_asked(d, NETDEV_IS_PROMISCUOUS, flags, mask);

	changed |= change_asked(d, NETDEV_HEARS_ALL_GROUPS, flags, mask);
	if (changed)
		net_tell_link(d);
	if ((mask & NETDEV_IS_UP) != 0)
		return net_device_set_up(d, (flags & NETDEV_IS_UP) != 0);
	net_run();
	return 0;
}

void net_tell_link(struct netdev *d)
{
	struct net_event e = { .kind = NET_EVENT_LINK, .dev = d };

	net_tell(d->net, &e);
}
