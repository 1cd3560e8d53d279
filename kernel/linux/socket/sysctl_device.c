/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /proc/sys/net/ipv6/conf has of each interface (ip-sysctl of Linux): IPv6 may be taken off
 * one, or with `all` off every one; of those that come later, `default` keeps the word, but none
 * does.
 */
#include "linux/socket/proc_device.h"
#include "linux/socket/sysctl.h"
#include "net/ip/device.h"
#include "net/netdev.h"
#include "net/settings.h"

static struct netdev *device(int id)
{
	struct net *net = net_machine_get();

	return net == NULL ? NULL : proc_device_at(net, (unsigned)id);
}

/* Does it listen to routers? As it was started: hull's command line says so. */
static int show_accept_ra(struct text_buffer *b, int id)
{
	struct netdev *d = device(id);

	if (d == NULL)
		return -ENOMEM;
	text_print(b, "%d\n", !ip_device_has_mode(d, NET_DEVICE_NO_ROUTERS));
	return 0;
}
PROC_FILE(accept_ra) = { .path = "sys/net/ipv6/conf/IF/accept_ra",
			 .mode = 0444,
			 .show = show_accept_ra };

static int show_mtu6(struct text_buffer *b, int id)
{
	struct netdev *d = device(id);

	if (d == NULL)
		return -ENOMEM;
	text_print(b, "%u\n", READ_ONCE(d->mtu));
	return 0;
}
PROC_FILE(mtu6) = { .path = "sys/net/ipv6/conf/IF/mtu", .mode = 0444, .show = show_mtu6 };

/* ---- disable_ipv6 ---- */

/* One number, 0 or 1. */
static int read_switch(const char *text, size_t len, uint32_t *out)
{
	const struct sysctl_number n = { out, sizeof(*out), 0, INT32_MAX, 1 };
	int err = sysctl_store(&n, 1, text, len);

	*out = *out != 0;
	return err;
}

static int show_disabled(struct text_buffer *b, int id)
{
	struct netdev *d = device(id);

	if (d == NULL)
		return -ENOMEM;
	text_print(b, "%d\n", ip_device_has_mode(d, NET_DEVICE_NO_IP6));
	return 0;
}

static int store_disabled(const char *text, size_t len, int id)
{
	struct netdev *d = device(id);
	uint32_t off = 0;
	int err = read_switch(text, len, &off);

	if (err != 0)
		return err;
	return d == NULL ? -ENOMEM : net_device_set_ip6(d, off == 0);
}
PROC_FILE(disable_ipv6) = { .path = "sys/net/ipv6/conf/IF/disable_ipv6",
			    .mode = 0644,
			    .show = show_disabled,
			    .store = store_disabled };

SYSCTL(disable_ipv6_default, "ipv6/conf/default/disable_ipv6", uint32_t,
       net->settings.disable_ipv6[1], 0, INT32_MAX);

static int show_all_disabled(struct text_buffer *b, int id)
{
	const struct sysctl_number n = { SYSCTL_AT(net->settings.disable_ipv6[0]), sizeof(uint32_t),
					 0, INT32_MAX, 1 };

	return sysctl_show(b, &n, 1);
}

/* And those that are there, and the default. */
static int store_all_disabled(const char *text, size_t len, int id)
{
	struct net *net = net_machine_get();
	uint32_t off = 0;
	struct netdev *d;
	int err = net == NULL ? -ENOMEM : read_switch(text, len, &off);

	if (err != 0)
		return err;
	WRITE_ONCE(net->settings.disable_ipv6[0], off);
	WRITE_ONCE(net->settings.disable_ipv6[1], off);
	for (unsigned i = 1; err == 0 && (d = proc_device_at(net, i)) != NULL; i++)
		err = net_device_set_ip6(d, off == 0);
	return err;
}
PROC_FILE(disable_ipv6_all) = { .path = "sys/net/ipv6/conf/all/disable_ipv6",
				.mode = 0644,
				.show = show_all_disabled,
				.store = store_all_disabled };
