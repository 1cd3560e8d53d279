/* SPDX-License-Identifier: BSD-2-Clause */
/* What the input of both families ends in. */
#pragma once
#include "net/ip/ip.h"
#include "net/wire/icmp.h"

/* Takes b, whole and for us: data at the transport's header, ip_info in the notes. */
void ip_deliver(struct net *net, struct netbuf *b);
/* Takes b, of a transport that is not here (RFC 1122 §3.2.2.1); also what stands in for one. */
void ip_refuse(struct net *net, struct netbuf *b);
/* Takes b: stands in for what is dropped without a word. */
void ip_ignore(struct net *net, struct netbuf *b);
/* Takes b, whose data is at the ICMP header. */
void icmp4_input(struct net *net, struct netbuf *b);
void icmp6_input(struct net *net, struct netbuf *b);
/* ip_complain's two halves. */
void icmp4_complain(struct net *net, const struct netbuf *b, enum ip_complaint what);
void icmp6_complain(struct net *net, const struct netbuf *b, enum ip_complaint what);
/* b's data is anywhere behind the IP header; `at`: the byte at fault, from the IP header on. */
void icmp6_problem(struct net *net, const struct netbuf *b, enum icmp6_problem problem,
		   uint32_t at);
/* Behind the extension headers of a quoted packet, of which `next` is the first; at least 8 bytes,
 * of what *next is then. NULL: its transport is not in the quotation. */
const uint8_t *icmp6_find_transport(const uint8_t *at, const uint8_t *end, uint8_t *next);
/* To the transport and to raw sockets. */
void ip_report_error(struct net *net, const struct ip_error *e);
void igmp_input(struct net *net, struct netbuf *b);
/* Is that the answer to nobody yet: DHCP has no address while it asks for one (RFC 2131 §4.1). */
bool net_is_configuring(const struct netdev *d);
/* Does somebody hear the group, and from there? */
bool net_group_hears(struct netdev *d, const uint8_t group[16], const uint8_t from[16]);
/* How ICMP's rate is kept (RFC 4443 §2.4 f): may one more go out now? */
bool icmp_may_send(struct net *net);
