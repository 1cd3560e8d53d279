/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told beside a datagram (ip(7), ipv6(7), socket(7)): times, addresses, header fields. */
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "net/inet/datagram/datagram.h"
#include "net/ip/ip.h"
#include "net/udp/engine.h"

#define NSEC_PER_USEC 1000

static void note_int(const struct inet_socket *i, struct socket_message *m, int level, int asked_by,
		     int type, int value)
{
	if (inet_option(i, level, asked_by) != 0)
		socket_notes_add(m->notes, level, type, &value, sizeof(value));
}

/* The address that an answer would come from. */
static uint32_t own_address(struct inet_socket *i, const struct ip_info *p)
{
	struct inet_address local;

	if (!inet_ip_is_multicast(p->to) && !net_address_is_broadcast(i->net, p->to, 0))
		return inet_ip_v4(p->to);
	local = inet_local(i);
	return inet_ip_is_any(local.ip) ? 0 : inet_ip_v4(local.ip);
}

static void note_v4(struct inet_socket *i, struct socket_message *m, const struct ip_info *p)
{
	struct in_pktinfo info = { .ipi_ifindex = (int)p->dev_index };
	uint8_t tos = p->traffic_class;

	if (inet_option(i, IPPROTO_IP, IP_PKTINFO) != 0) {
		info.ipi_addr.s_addr = inet_ip_v4(p->to);
		info.ipi_spec_dst.s_addr = own_address(i, p);
		socket_notes_add(m->notes, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
	note_int(i, m, IPPROTO_IP, IP_RECVTTL, IP_TTL, p->hops);
	if (inet_option(i, IPPROTO_IP, IP_RECVTOS) != 0)
		socket_notes_add(m->notes, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

/* IP_RECVORIGDSTADDR: nothing rewrites packets here, so it is where this one went. */
static void note_target(const struct inet_socket *i, struct socket_message *m,
			const struct udp_info *u)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	v4.sin_port = v6.sin6_port = __builtin_bswap16(u->to_port);
	v4.sin_addr.s_addr = inet_ip_v4(u->ip.to);
	memcpy(&v6.sin6_addr, u->ip.to, sizeof(u->ip.to));
	if (u->ip.v4 && inet_option(i, IPPROTO_IP, IP_RECVORIGDSTADDR) != 0)
		socket_notes_add(m->notes, IPPROTO_IP, IP_ORIGDSTADDR, &v4, sizeof(v4));
	if (inet_is_v6(i) && inet_option(i, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR) != 0)
		socket_notes_add(m->notes, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &v6, sizeof(v6));
}

static void note_v6(const struct inet_socket *i, struct socket_message *m, const struct ip_info *p)
{
	struct in6_pktinfo info = { .ipi6_ifindex = (int)p->dev_index };

	memcpy(&info.ipi6_addr, p->to, sizeof(p->to));
	if (inet_option(i, IPPROTO_IPV6, IPV6_RECVPKTINFO) != 0)
		socket_notes_add(m->notes, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	note_int(i, m, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, p->hops);
	note_int(i, m, IPPROTO_IPV6, IPV6_RECVTCLASS, IPV6_TCLASS, p->traffic_class);
}

static void note_time(const struct socket *s, struct socket_message *m, int64_t ns)
{
	bool in_ns = socket_option_is_on(s, SO_TIMESTAMPNS_OLD);
	int64_t t[2];

	if (!in_ns && !socket_option_is_on(s, SO_TIMESTAMP_OLD))
		return;
	if (ns == 0)
		ns = clock_realtime();
	t[0] = ns / NSEC_PER_SEC;
	t[1] = ns % NSEC_PER_SEC / (in_ns ? 1 : NSEC_PER_USEC);
	socket_notes_add(m->notes, SOL_SOCKET, in_ns ? SO_TIMESTAMPNS_OLD : SO_TIMESTAMP_OLD, t,
			 sizeof(t));
}

/* UDP_GRO: several datagrams in one. */
static void note_segment(struct socket_message *m, const struct netbuf *b)
{
	int size = b->gso_size;

	socket_notes_add(m->notes, IPPROTO_UDP, UDP_GRO, &size, sizeof(size));
}

void datagram_note(struct datagram_socket *d, struct socket_message *m, const struct netbuf *b)
{
	const struct ip_info *p = netbuf_notes(b, const struct ip_info);
	struct inet_socket *i = &d->inet;
	uint32_t nr_dropped = atomic_load(&d->nr_dropped);

	if (m->notes == NULL)
		return;
	note_time(&i->socket, m, b->time_ns);
	if (b->time_ns != 0)
		inet_note_stamp(i, m, b->time_ns);
	if (socket_option_is_on(&i->socket, SO_RXQ_OVFL) && nr_dropped != 0)
		socket_notes_add(m->notes, SOL_SOCKET, SO_RXQ_OVFL, &nr_dropped,
				 sizeof(nr_dropped));
	if (b->gso == NETBUF_GSO_UDP && i->socket.type == SOCK_DGRAM)
		note_segment(m, b);
	if (p->v4)
		note_v4(i, m, p);
	if (inet_is_v6(i))
		note_v6(i, m, p);
	if (i->socket.protocol == IPPROTO_UDP)
		note_target(i, m, netbuf_notes(b, const struct udp_info));
}
