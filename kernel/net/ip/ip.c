/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet layer's state: its birth, its end, and the rate of its complaints. */
#include "net/ip/ip.h"

#include "lib/errno.h"
#include "net/dhcp/dhcp4.h"
#include "net/dhcp/dhcp6.h"
#include "net/ip/deliver.h"
#include "net/ip/device.h"
#include "net/ip/fragment.h"
#include "net/netdev.h"

/* RFC 4443 §2.4 f: a bucket of tokens; as Linux's icmp_msgs_per_sec and icmp_msgs_burst. */
#define MESSAGES_PER_SEC 1000u
#define MESSAGES_BURST   50u
#define TOKEN_NS         (NSEC_PER_SEC / MESSAGES_PER_SEC)

int ip_init(struct net *net)
{
	int err = fragment_init(net);

	return err != 0 ? err : pmtu_init(net);
}

void ip_fini(struct net *net)
{
	struct netdev *d;

	fragment_fini(net);
	pmtu_fini(net);
	route_forget_all(net);
	list_foreach(&net->devices, d, link) {
		dhcp4_forget(d);
		dhcp6_forget(d);
		net_address_forget_all(d);
		group_forget_all(d);
		ip_device_fini(d);
	}
}

bool net_is_configuring(const struct netdev *d)
{
	return READ_ONCE(ip_device_of(d)->nr_configuring) > 0;
}

/* The bucket is a time: when it would be full again. */
bool icmp_may_send(struct net *net)
{
	nsec_t now = clock_monotonic();

	scoped_spin(&net->lock);
	if (net->icmp_full_at < now)
		net->icmp_full_at = now;
	if (net->icmp_full_at - now > (MESSAGES_BURST - 1) * TOKEN_NS)
		return false;
	net->icmp_full_at += TOKEN_NS;
	return true;
}
