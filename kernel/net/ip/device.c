/* SPDX-License-Identifier: BSD-2-Clause */
/* What the internet layer has with each interface: its birth, its end, and its begin to run. */
#include "net/ip/device.h"

#include "lib/errno.h"
#include "mm/kmem.h"

bool ip_device_runs(const struct netdev *d)
{
	const unsigned both = NETDEV_IS_UP | NETDEV_IS_RUNNING;

	return (READ_ONCE(d->flags) & both) == both;
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
