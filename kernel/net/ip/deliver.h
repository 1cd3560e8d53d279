/* SPDX-License-Identifier: BSD-2-Clause */
/* What the input of both families ends in. */
#pragma once
#include "net/ip/ip.h"

/* Takes b, whole and for us: data at the transport's header, ip_info in the notes. */
void ip_deliver(struct net *net, struct netbuf *b);
/* Takes b, whose data is at the ICMP header. */
void icmp4_input(struct net *net, struct netbuf *b);
void icmp6_input(struct net *net, struct netbuf *b);
/* ip_complain's two halves. */
void icmp4_complain(struct net *net, const struct netbuf *b, enum ip_complaint what);
void icmp6_complain(struct net *net, const struct netbuf *b, enum ip_complaint what);
void igmp_input(struct net *net, struct netbuf *b);
/* Is that the answer to nobody yet: DHCP has no address while it asks for one (RFC 2131 §4.1). */
bool net_is_configuring(const struct netdev *d);
bool net_group_is_joined(struct netdev *d, const uint8_t group[16]);
/* How ICMP's rate is kept (RFC 4443 §2.4 f): may one more go out now? */
bool icmp_may_send(struct net *net);
