/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of neighbours by ioctl, as arp(7) has it: SIOCSARP, SIOCGARP, SIOCDARP. It knows
 * IPv4 and Ethernet only; netlink does the rest. An entry for others (ATF_PUBL, proxy ARP) is
 * refused: a host forwards nothing.
 */
#include <asm/sockios.h>
#include <linux/capability.h>
#include <linux/sockios.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"
#include "net/ioctl/ioctl.h"
#include "net/ip/ip.h"
#include "net/link/neighbour.h"
#include "net/netdev.h"
#include "net/socket/socket.h"

#define TYPE_ETHERNET 1 /* ARPHRD_ETHER */

/* <linux/if_arp.h>'s ATF_*. */
enum arp_flags {
	ARP_COMPLETE = 0x02,
	ARP_PERMANENT = 0x04,
	ARP_PUBLISHED = 0x08,
	ARP_HAS_MASK = 0x20,
	ARP_DONT_PUBLISH = 0x40,
};

/* struct arpreq. */
struct arp_request {
	struct {
		uint16_t family, port;
		uint32_t address;
		char zero[8];
	} ip;
	struct {
		uint16_t type;
		uint8_t mac[ETHERNET_ADDRESS_LEN];
		char zero[8];
	} hardware;
	int32_t flags;
	char netmask[16];
	char dev[NETDEV_NAME_MAX];
};

/* The interface that the address is on, if the request names none. */
static int device_on_the_way(struct net *net, const uint8_t ip[16], struct netdev **out)
{
	const struct ip_query q = { .to = ip };
	struct ip_path path;
	int err = ip_route(net, &q, &path);

	if (err != 0)
		return err;
	*out = path.dev;
	ip_path_drop(&path);
	return 0;
}

static int check(unsigned cmd, const struct arp_request *r)
{
	if (r->ip.family != AF_INET)
		return -EPFNOSUPPORT;
	if ((r->flags & ARP_PUBLISHED) == 0 && (r->flags & (ARP_HAS_MASK | ARP_DONT_PUBLISH)) != 0)
		return -EINVAL;
	if (r->dev[0] == '\0' && cmd == SIOCGARP)
		return -ENODEV;
	return (r->flags & ARP_PUBLISHED) != 0 && cmd != SIOCGARP ? -EOPNOTSUPP : 0;
}

static int set(struct netdev *d, const uint8_t ip[16], const struct arp_request *r)
{
	bool is_ours = r->hardware.type == 0 || r->hardware.type == TYPE_ETHERNET;

	if (!is_ours || (d->flags & NETDEV_IS_LOOPBACK) != 0 || (r->flags & ARP_COMPLETE) == 0)
		return -EINVAL;
	return neighbour_set(d, ip, r->hardware.mac,
			     (r->flags & ARP_PERMANENT) != 0 ? NEIGHBOUR_PERMANENT
							     : NEIGHBOUR_STALE);
}

static int get(struct netdev *d, const uint8_t ip[16], struct arp_request *r)
{
	struct neighbour *n = neighbour_find(d, ip);
	unsigned known = NEIGHBOUR_REACHABLE | NEIGHBOUR_STALE | NEIGHBOUR_DELAY | NEIGHBOUR_PROBE |
			 NEIGHBOUR_PERMANENT;

	if (n == NULL)
		return -ENXIO;
	spin_lock(&n->lock);
	memcpy(r->hardware.mac, n->mac, sizeof(r->hardware.mac));
	r->flags = (n->state & known) != 0 ? ARP_COMPLETE : 0;
	r->flags |= n->state == NEIGHBOUR_PERMANENT ? ARP_PERMANENT : 0;
	spin_unlock(&n->lock);
	r->hardware.type = TYPE_ETHERNET;
	neighbour_put(n);
	return 0;
}

static int find_device(struct net *net, struct arp_request *r, const uint8_t ip[16],
		       struct netdev **out)
{
	r->dev[NETDEV_NAME_MAX - 1] = '\0';
	if (r->dev[0] == '\0')
		return device_on_the_way(net, ip, out);
	scoped_spin(&net->lock);
	*out = netdev_find(net, r->dev);
	return *out == NULL ? -ENODEV : 0;
}

long arp_ioctl(struct net *net, unsigned cmd, uaddr_t arg)
{
	struct netdev *d = NULL;
	struct arp_request r;
	uint8_t ip[16];
	int err;

	if (cmd != SIOCGARP && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (user_read_struct(&r, arg) != 0)
		return -EFAULT;
	inet_ip_from_v4(ip, r.ip.address);
	err = check(cmd, &r);
	if (err == 0)
		err = find_device(net, &r, ip, &d);
	if (err != 0)
		return err;
	if (cmd == SIOCGARP) {
		err = get(d, ip, &r);
		return err != 0 ? err : user_write_struct(arg, &r);
	}
	err = cmd == SIOCSARP ? set(d, ip, &r) : neighbour_set(d, ip, NULL, NEIGHBOUR_NONE);
	net_run();
	return err == -ENOENT ? -ENXIO : err;
}
