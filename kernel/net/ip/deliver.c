/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet that has come whole goes to raw sockets, which see a copy, and to its transport. */
#include "net/ip/deliver.h"

#include <linux/in.h>
#include <linux/in6.h>

void ip_complain(struct net *net, const struct netbuf *b, enum ip_complaint what)
{
	if (netbuf_notes(b, struct ip_info)->v4)
		icmp4_complain(net, b, what);
	else
		icmp6_complain(net, b, what);
}

void ip_deliver(struct net *net, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);

	netbuf_set_transport(b);
	raw_input(net, b);
	switch (info->protocol) {
	case IPPROTO_TCP:
		tcp_input(net, b);
		return;
	case IPPROTO_UDP:
		udp_input(net, b);
		return;
	case IPPROTO_ICMP:
		if (info->v4) {
			icmp4_input(net, b);
			return;
		}
		break;
	case IPPROTO_ICMPV6:
		if (!info->v4) {
			icmp6_input(net, b);
			return;
		}
		break;
	case IPPROTO_IGMP:
		if (info->v4) {
			igmp_input(net, b);
			return;
		}
		break;
	}
	ip_complain(net, b, IP_PROTOCOL_UNREACHABLE);
	netbuf_free(b);
}
