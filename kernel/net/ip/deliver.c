/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet that has come whole goes to raw sockets, which see a copy, and to its transport. */
#include "net/ip/deliver.h"

#include <linux/in.h>
#include <linux/in6.h>

#include "net/counters.h"

void ip_input(struct net *net, struct netbuf *b)
{
	if (b->head_len > 0 && b->data[0] >> 4 == 4)
		ip4_input(net, b);
	else
		ip6_input(net, b);
}

void ip_refuse(struct net *net, struct netbuf *b)
{
	net_count(net, netbuf_notes(b, struct ip_info)->v4, NET_COUNT_IN_UNKNOWN_PROTOCOLS);
	ip_complain(net, b, IP_PROTOCOL_UNREACHABLE);
	netbuf_free(b);
}

void ip_ignore(struct net *net, struct netbuf *b)
{
	netbuf_free(b);
}

void ip_deliver(struct net *net, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);

	netbuf_set_transport(b);
	raw_input(net, b);
	net_count(net, info->v4, NET_COUNT_IN_DELIVERS);
	switch (info->protocol) {
	case IPPROTO_TCP:
		tcp_input(net, b);
		return;
	case IPPROTO_UDP:
		udp_input(net, b);
		return;
	case IPPROTO_ICMP:
		if (info->v4) {
			net_count(net, true, NET_COUNT_ICMP_IN);
			icmp4_input(net, b);
			return;
		}
		break;
	case IPPROTO_ICMPV6:
		if (!info->v4) {
			net_count(net, false, NET_COUNT_ICMP_IN);
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
	ip_refuse(net, b);
}
