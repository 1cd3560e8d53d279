/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the driver and the stack: below.h. */
#include "below.h"

#include "core/sync/spinlock.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "frame.h"
#include "lib/atomic.h"
#include "net/ip/ip.h"

#define MS       1000000ll
#define KEPT_MAX 4096u

struct netdev *below_dev;

static struct spinlock lock = SPINLOCK_INIT;
static struct list received = LIST_INIT(received); /* [lock] */
static unsigned nr_received;                       /* [lock] */
static struct waitq came = WAITQ_INIT(came);

void __real_netdev_receive(struct netdev *d, struct list *burst);
void __wrap_netdev_receive(struct netdev *d, struct list *burst);

static void keep(struct netbuf *b)
{
	struct netbuf *copy = netbuf_clone(b);

	scoped_spin(&lock);
	if (copy == NULL || nr_received == KEPT_MAX)
		return; /* a test that needs it waits in vain, and says so */
	list_append(&received, &copy->link);
	nr_received++;
}

void __wrap_netdev_receive(struct netdev *d, struct list *burst)
{
	struct netbuf *b;

	list_foreach(burst, b, link)
		keep(b);
	waitq_wake_all(&came, 0);
	__real_netdev_receive(d, burst);
}

static struct netbuf *take(void)
{
	struct netbuf *b;

	scoped_spin(&lock);
	if (list_is_empty(&received))
		return NULL;
	b = list_first(&received, struct netbuf, link);
	list_remove(&b->link);
	nr_received--;
	return b;
}

struct netbuf *below_receive(unsigned ms)
{
	struct netbuf *b = NULL;

	(void)wait_event(&came, (b = take()) != NULL, WAIT_UNINTERRUPTIBLE,
			 clock_monotonic() + ms * MS);
	return b;
}

void below_forget(void)
{
	struct netbuf *b;

	while ((b = take()) != NULL)
		netbuf_free(b);
}

void below_send(struct netbuf *b)
{
	netdev_send(below_dev, b);
	net_run();
}

static struct netdev *find(struct net *net)
{
	scoped_spin(&net->lock);
	return netdev_find(net, "eth0");
}

bool below_begin(void)
{
	struct net_address_values own = {
		.prefix_bits = 24,
		.flags = NET_ADDRESS_PERMANENT,
		.preferred_until = NSEC_NEVER,
		.valid_until = NSEC_NEVER,
	};
	struct net *net = net_machine_get();
	struct netdev *d = net == NULL ? NULL : find(net);
	int err;

	if (below_dev != NULL || d == NULL)
		return below_dev != NULL;
	inet_ip_from_v4_bytes(own.ip, frame_own);
	err = net_device_set_up(d, true);
	if (err == 0)
		err = net_address_add(d, &own);
	if (err == 0)
		below_dev = d;
	return err == 0;
}
