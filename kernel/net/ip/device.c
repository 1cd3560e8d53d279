/* SPDX-License-Identifier: BSD-2-Clause */
/* What the internet layer has with each interface: its birth, its end, and its begin to run. */
#include "net/ip/device.h"

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

bool ip_device_runs(const struct netdev *d)
{
	const unsigned both = NETDEV_IS_UP | NETDEV_IS_RUNNING;

	return (READ_ONCE(d->flags) & both) == both;
}

bool ip_device_has_mode(const struct netdev *d, enum net_device_mode mode)
{
	if (mode == NET_DEVICE_NO_IP6 && !net_has_ip6())
		return true;
	return (READ_ONCE(ip_device_of(d)->modes) & mode) != 0;
}

void net_device_set_modes(struct netdev *d, unsigned modes)
{
	WRITE_ONCE(ip_device_of(d)->modes, modes);
}

/* ::1, as when the machine began. */
static int restore_loopback6(struct netdev *d)
{
	struct net_address_values v = {
		.prefix_bits = 128,
		.flags = NET_ADDRESS_PERMANENT,
		.preferred_until = NSEC_NEVER,
		.valid_until = NSEC_NEVER,
	};
	int err;

	memcpy(v.ip, inet_loopback6, sizeof(v.ip));
	err = net_address_add(d, &v);
	return err == -EEXIST ? 0 : err;
}

int net_device_set_ip6(struct netdev *d, bool on)
{
	struct ip_device *i = ip_device_of(d);
	unsigned was = on ? atomic_and(&i->modes, ~(unsigned)NET_DEVICE_NO_IP6)
			  : atomic_or(&i->modes, (unsigned)NET_DEVICE_NO_IP6);
	int err = 0;

	if (((was & NET_DEVICE_NO_IP6) == 0) == on)
		return 0;
	if (!on) {
		ndp_stop(i);
		route_forget_v6(d);
	} else if ((d->features & NETDEV_LOOPBACK) != 0) {
		err = restore_loopback6(d);
	} else if (ip_device_runs(d)) {
		ndp_start(i);
	}
	net_run();
	return err;
}

static void state_changed(struct net_work *w)
{
	struct ip_device *i = container_of(w, struct ip_device, state_changed);
	bool runs = ip_device_runs(i->dev), began;

	spin_lock(&i->dev->net->lock);
	began = runs && !i->is_running;
	i->is_running = runs;
	spin_unlock(&i->dev->net->lock);
	if (!began || (i->dev->features & NETDEV_LOOPBACK) != 0)
		return;
	group_start(i);
	ndp_start(i);
}

int ip_device_init(struct netdev *d)
{
	struct ip_device *i = kmem_new(struct ip_device);

	if (i == NULL)
		return -ENOMEM;
	i->dev = d;
	net_work_init(&i->state_changed, state_changed);
	ndp_init(i);
	group_init(i);
	d->ip_private = i;
	return 0;
}

void ip_device_fini(struct netdev *d)
{
	struct ip_device *i = ip_device_of(d);

	if (i == NULL)
		return;
	(void)timer_cancel(&i->ndp_timer);
	(void)timer_cancel(&i->group_timer);
	d->ip_private = NULL;
	kmem_free(i);
}

void ip_device_changed(struct netdev *d)
{
	net_later(&ip_device_of(d)->state_changed);
}
