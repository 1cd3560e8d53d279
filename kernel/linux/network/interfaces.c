/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launch record's interfaces: each gets its name by its place in the record, comes up, and has
 * its static addresses or asks for them. All of that goes on while the program is loaded; before
 * its first instruction the start waits until
 *
 *	- an interface that asks by DHCP has its IPv4 address,
 *	- a private one (only the host is on its link, which answers at once) has its IPv6 address
 *	  too,
 *
 * but not for an interface without a carrier, and WAIT_NS at most; where all that ask are private,
 * for as long as a host with other work may take to answer (PRIVATE_NS). Where no DHCP server
 * answers while an IPv6 address is usable, it waits for OTHER_NS more: such networks exist.
 */
#include "core/log.h"
#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/errors.h"
#include "linux/exec/launch.h"
#include "linux/network/network.h"
#include "linux/system.h"
#include "net/dhcp/dhcp4.h"
#include "net/dhcp/dhcp6.h"
#include "net/ip/device.h"

#include <linux/rtnetlink.h>

#define WAIT_NS    (5 * NSEC_PER_SEC)
#define PRIVATE_NS (60 * NSEC_PER_SEC)
#define OTHER_NS   (1 * NSEC_PER_SEC)

struct waitq network_changed = WAITQ_INIT(network_changed);

static struct interface {
	struct netdev *dev;
	unsigned flags;     /* enum launch_network_flags */
} interfaces[NETWORKS_MAX]; /* [I] after begin() */
static unsigned nr_interfaces;
static struct netdev *first_any; /* [I] the same: that LAUNCH_NETWORK_ANY speaks for */
static nsec_t wait_until;        /* [I] the same */

static void changed(struct net_listener *l, unsigned what)
{
	waitq_wake_all(&network_changed, 0);
}

static struct net_listener listener = { .changed = changed };

/* ---- static addresses ---- */

static bool is_mac(const struct netdev *d, const uint8_t mac[6])
{
	return (d->features & NETDEV_LOOPBACK) == 0 && memcmp(d->mac, mac, 6) == 0;
}

static bool is_no_mac(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return memcmp(mac, none, sizeof(none)) == 0;
}

static struct netdev *find(struct net *net, const uint8_t mac[6])
{
	struct netdev *d;

	scoped_spin(&net->lock);
	list_foreach(&net->devices, d, link) {
		if (is_mac(d, mac))
			return d;
	}
	return NULL;
}

static void read_ip(uint8_t ip[16], uint8_t family, const uint8_t from[16])
{
	if (family == 4)
		inet_ip_from_v4_bytes(ip, from);
	else
		memcpy(ip, from, 16);
}

/* The last address of the prefix, if it has one to spare (RFC 3021). */
static void set_broadcast(struct net_address_values *v)
{
	if (!inet_ip_is_v4(v->ip) || v->prefix_bits > 30)
		return;
	memcpy(v->broadcast, v->ip + IP_V4_AT, 4);
	for (unsigned i = v->prefix_bits; i < 32; i++)
		v->broadcast[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static int add_route(struct netdev *d, const uint8_t prefix[16], unsigned bits,
		     const uint8_t gateway[16])
{
	struct route r = {
		.dev = d,
		.prefix_bits = (uint8_t)bits,
		.type = RTN_UNICAST,
		.protocol = RTPROT_STATIC,
		.table = RT_TABLE_MAIN,
		.scope = inet_ip_is_any(gateway) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.metric = inet_ip_is_v4(gateway) ? 0 : 1024, /* as ip(8)'s */
		.valid_until = NSEC_NEVER,
	};

	memcpy(r.prefix, prefix, 16);
	memcpy(r.gateway, gateway, 16);
	memcpy(r.prefer_from, inet_any6, 16);
	return route_add(d->net, &r, true);
}

/* One that is on no prefix of the link's is reached by a route of its own. */
static int add_gateway(struct netdev *d, const uint8_t gateway[16],
		       const struct net_address_values *own)
{
	bool v4 = inet_ip_is_v4(gateway);
	const uint8_t *any = v4 ? inet_any4 : inet_any6;
	unsigned bits = own->prefix_bits + (v4 ? 96u : 0);
	int err = 0;

	if (!inet_ip_in_prefix(gateway, own->ip, bits) && !inet_ip_is_link_local(gateway))
		err = add_route(d, gateway, 128, any);
	if (err == 0)
		err = add_route(d, any, v4 ? 96 : 0, gateway);
	return err;
}

/* Nobody is asked whether it is free: it was chosen by who knows the link. */
static int add_address(struct netdev *d, const struct launch_address *a)
{
	struct net_address_values v = {
		.prefix_bits = a->prefix_bits,
		.flags = NET_ADDRESS_PERMANENT | NET_ADDRESS_NO_PROBE,
		.preferred_until = NSEC_NEVER,
		.valid_until = NSEC_NEVER,
	};
	uint8_t gateway[16];
	int err;

	read_ip(v.ip, a->family, a->address);
	set_broadcast(&v);
	err = net_address_add(d, &v);
	if (err != 0 || (a->flags & LAUNCH_ADDRESS_HAS_GATEWAY) == 0)
		return err;
	read_ip(gateway, a->family, a->gateway);
	return add_gateway(d, gateway, &v);
}

static void add_addresses(const struct launch_record *r, struct net *net)
{
	const struct launch_address *a;
	struct netdev *d;
	size_t at = 0;
	int err;

	while ((a = launch_record_item(r, LAUNCH_ADDRESS, &at)) != NULL) {
		d = is_no_mac(a->mac) ? first_any : find(net, a->mac);
		err = d == NULL ? -ENODEV : add_address(d, a);
		if (err != 0)
			log_user("an address of the network is not set: %s", error_text(-err));
	}
}

/* ---- begin ---- */

static void set_name(struct netdev *d, unsigned idx)
{
	char name[NETDEV_NAME_MAX];
	struct netdev *other;

	(void)fmt(name, sizeof(name), "eth%u", idx);
	scoped_spin(&d->net->lock);
	other = netdev_find(d->net, name);
	if (other != NULL && other != d)
		memcpy(other->name, d->name, sizeof(name));
	memcpy(d->name, name, sizeof(name));
}

/* A client that was left out of this kernel asks for nothing, and is not waited for. */
static int drop_if_absent(struct interface *i, unsigned flag, int err)
{
	if (err == -ENOSYS)
		i->flags &= ~flag;
	return err == -ENOSYS ? 0 : err;
}

static void start_clients(struct interface *i, const char *host_name)
{
	int err = 0;

	if ((i->flags & LAUNCH_NETWORK_DHCP4) != 0)
		err = drop_if_absent(i, LAUNCH_NETWORK_DHCP4, dhcp4_start(i->dev, host_name));
	if (err == 0 && (i->flags & LAUNCH_NETWORK_AUTO6) != 0)
		err = drop_if_absent(i, LAUNCH_NETWORK_AUTO6, dhcp6_start(i->dev));
	if (err != 0)
		log_user("%s asks for no address: %s", i->dev->name, error_text(-err));
}

static void start_interface(struct interface *i)
{
	unsigned modes = 0;

	if ((i->flags & LAUNCH_NETWORK_AUTO6) == 0)
		modes |= NET_DEVICE_NO_ROUTERS;
	if ((i->flags & LAUNCH_NETWORK_PRIVATE) != 0)
		modes |= NET_DEVICE_NO_PROBES;
	net_device_set_modes(i->dev, modes);
	if (net_device_set_up(i->dev, true) != 0)
		log_user("%s does not come up", i->dev->name);
}

static void add_interface(struct netdev *d, unsigned flags)
{
	set_name(d, nr_interfaces);
	interfaces[nr_interfaces++] = (struct interface){ d, flags };
}

static bool is_named(const struct launch_record *r, const struct netdev *d)
{
	const struct launch_network *n;
	size_t at = 0;

	while ((n = launch_record_item(r, LAUNCH_NETWORK, &at)) != NULL) {
		if ((n->flags & LAUNCH_NETWORK_ANY) == 0 && is_mac(d, n->mac))
			return true;
	}
	return false;
}

static bool is_added(const struct netdev *d)
{
	for (unsigned i = 0; i < nr_interfaces; i++) {
		if (interfaces[i].dev == d)
			return true;
	}
	return false;
}

/* One that no item names, or NULL. */
static struct netdev *next_any(const struct launch_record *r, struct net *net)
{
	struct netdev *d;

	scoped_spin(&net->lock);
	list_foreach(&net->devices, d, link) {
		if ((d->features & NETDEV_LOOPBACK) == 0 && !is_added(d) && !is_named(r, d))
			return d;
	}
	return NULL;
}

static void add_any(const struct launch_record *r, struct net *net, unsigned flags)
{
	struct netdev *d;

	while (nr_interfaces < NETWORKS_MAX && (d = next_any(r, net)) != NULL) {
		if (first_any == NULL)
			first_any = d;
		add_interface(d, flags);
	}
}

static void find_interfaces(const struct launch_record *r, struct net *net)
{
	const struct launch_network *n;
	size_t at = 0;

	while ((n = launch_record_item(r, LAUNCH_NETWORK, &at)) != NULL) {
		struct netdev *d = find(net, n->mac);

		if ((n->flags & LAUNCH_NETWORK_ANY) != 0)
			add_any(r, net, n->flags);
		else if (d != NULL && nr_interfaces < NETWORKS_MAX)
			add_interface(d, n->flags);
		else
			log_user("a network interface of the launch record is not there");
	}
}

static nsec_t patience(void)
{
	for (unsigned i = 0; i < nr_interfaces; i++) {
		unsigned asks = interfaces[i].flags &
				(LAUNCH_NETWORK_DHCP4 | LAUNCH_NETWORK_PRIVATE);

		if (asks == LAUNCH_NETWORK_DHCP4)
			return WAIT_NS;
	}
	return PRIVATE_NS;
}

static void begin(const struct launch_record *r)
{
	bool named = (r->options & LAUNCH_NAME_IS_GIVEN) != 0;
	struct net *net;
	size_t at = 0;

	if (launch_record_item(r, LAUNCH_NETWORK, &at) == NULL)
		net = NULL;
	else if ((net = net_machine_get()) == NULL)
		log_user("no memory for the network");
	if (net != NULL) {
		find_interfaces(r, net);
		net_listen(net, &listener);
	}
	if (names_start(r, net) != 0)
		log_user("no memory for the network's names");
	for (unsigned i = 0; i < nr_interfaces; i++)
		start_interface(&interfaces[i]);
	if (net != NULL)
		add_addresses(r, net);
	for (unsigned i = 0; i < nr_interfaces; i++)
		start_clients(&interfaces[i], named ? r->hostname : "");
	wait_until = clock_monotonic() + patience();
}

/* ---- finish ---- */

static bool has_v6(struct netdev *d)
{
	const unsigned unusable = NET_ADDRESS_TENTATIVE | NET_ADDRESS_DUPLICATE;
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		if (!inet_ip_is_v4(a->ip) && !inet_ip_is_link_local(a->ip) &&
		    (a->flags & unusable) == 0)
			return true;
	}
	return false;
}

static bool lacks_v4(const struct interface *i)
{
	return (i->flags & LAUNCH_NETWORK_DHCP4) != 0 && ip_device_runs(i->dev) &&
	       !dhcp4_is_bound(i->dev);
}

static bool lacks_v6(const struct interface *i)
{
	const unsigned both = LAUNCH_NETWORK_AUTO6 | LAUNCH_NETWORK_PRIVATE;

	return (i->flags & both) == both && ip_device_runs(i->dev) && !has_v6(i->dev);
}

static bool is_configured(void)
{
	for (unsigned i = 0; i < nr_interfaces; i++) {
		if (lacks_v4(&interfaces[i]) || lacks_v6(&interfaces[i]))
			return false;
	}
	return names_are_written();
}

/* Is there an IPv6 address wherever one of IPv4 is missing? */
static bool has_other_way(void)
{
	for (unsigned i = 0; i < nr_interfaces; i++) {
		if (lacks_v4(&interfaces[i]) && !has_v6(interfaces[i].dev))
			return false;
	}
	return true;
}

static void tell_missing(void)
{
	for (unsigned i = 0; i < nr_interfaces; i++) {
		if (lacks_v4(&interfaces[i]) && !has_v6(interfaces[i].dev))
			log_user("%s: no DHCP server answers; the program starts without an "
				 "address (--ip sets one)",
				 interfaces[i].dev->name);
	}
}

static void log_addresses(struct netdev *d)
{
	char text[INET_TEXT_MAX];
	struct net_address *a;

	scoped_spin(&d->net->lock);
	list_foreach(&d->addresses, a, link) {
		inet_ip_text(a->ip, text);
		log_info("%s: %s/%u", d->name, text, a->prefix_bits);
	}
}

static void finish(void)
{
	if (wait_event(&network_changed, is_configured() || has_other_way(), WAIT_UNINTERRUPTIBLE,
		       wait_until) != 0)
		tell_missing();
	else
		(void)wait_event(&network_changed, is_configured(), WAIT_UNINTERRUPTIBLE,
				 min(wait_until, clock_monotonic() + OTHER_NS));
	for (unsigned i = 0; i < nr_interfaces; i++)
		log_addresses(interfaces[i].dev);
}

LAUNCH_STAGE(network) = { begin, finish, net_finish };
