/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARP (RFC 826; RFC 5227 for announcements and for telling that an address is in use twice). What
 * is asked for us is answered to whoever asks; who asks is remembered, since it is about to send.
 */
#include "lib/string.h"
#include "net/ip/ip.h"
#include "net/link/ethernet.h"
#include "net/link/neighbour.h"
#include "net/netdev.h"

static const uint8_t everybody[ETHERNET_ADDRESS_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t nobody[4];

static void send(struct netdev *d, enum arp_operation operation, const struct arp_packet *values,
		 const uint8_t to[6])
{
	struct netbuf *b = netbuf_new(sizeof(struct arp_packet));
	struct arp_packet *p;

	if (b == NULL)
		return;
	p = netbuf_put(b, sizeof(*p));
	*p = *values;
	p->hardware_type = be16_of(1);
	p->protocol_type = be16_of(ETHERNET_IP4);
	p->hardware_len = ETHERNET_ADDRESS_LEN;
	p->protocol_len = sizeof(p->sender_ip);
	p->operation = be16_of((uint16_t)operation);
	memcpy(p->sender_mac, d->mac, sizeof(p->sender_mac));
	ethernet_send(d, b, to, ETHERNET_ARP);
}

void arp_ask(struct netdev *d, const uint8_t ip[16], const uint8_t *mac)
{
	struct arp_packet p = { .hardware_len = 0 };
	uint8_t from[16];

	/* Our own address on that link; 0.0.0.0, a probe, if there is none. */
	if (net_address_for_link(d, ip, from))
		memcpy(p.sender_ip, from + IP_V4_AT, sizeof(p.sender_ip));
	memcpy(p.target_ip, ip + IP_V4_AT, sizeof(p.target_ip));
	send(d, ARP_REQUEST, &p, mac == NULL ? everybody : mac);
}

void arp_announce(struct netdev *d, const uint8_t ip[16])
{
	struct arp_packet p = { .hardware_len = 0 };

	memcpy(p.sender_ip, ip + IP_V4_AT, sizeof(p.sender_ip));
	memcpy(p.target_ip, ip + IP_V4_AT, sizeof(p.target_ip));
	send(d, ARP_REQUEST, &p, everybody);
}

static bool is_ours(struct netdev *d, const uint8_t v4[4])
{
	uint8_t ip[16];

	inet_ip_from_v4_bytes(ip, v4);
	return !inet_ip_is_loopback(ip) && net_address_is_ours(d->net, ip, d->index);
}

static bool is_sound(const struct arp_packet *p)
{
	return be16_get(p->hardware_type) == 1 && be16_get(p->protocol_type) == ETHERNET_IP4 &&
	       p->hardware_len == ETHERNET_ADDRESS_LEN && p->protocol_len == 4 &&
	       (p->sender_mac[0] & 1) == 0;
}

static void learn(struct netdev *d, const struct arp_packet *p)
{
	bool reply = be16_get(p->operation) == ARP_REPLY, for_us = is_ours(d, p->target_ip);
	unsigned news = NEIGHBOUR_OVERRIDE;
	uint8_t ip[16];

	inet_ip_from_v4_bytes(ip, p->sender_ip);
	if (memcmp(p->sender_ip, nobody, sizeof(nobody)) == 0 || is_ours(d, p->sender_ip) ||
	    inet_ip_is_multicast(ip) || net_address_is_broadcast(d->net, ip, 0))
		return;
	if (for_us)
		news |= reply ? NEIGHBOUR_SOLICITED : NEIGHBOUR_CREATE;
	neighbour_learn(d, ip, p->sender_mac, news);
}

static void answer(struct netdev *d, const struct arp_packet *question)
{
	struct arp_packet p = { .hardware_len = 0 };

	memcpy(p.sender_ip, question->target_ip, sizeof(p.sender_ip));
	memcpy(p.target_ip, question->sender_ip, sizeof(p.target_ip));
	memcpy(p.target_mac, question->sender_mac, sizeof(p.target_mac));
	send(d, ARP_REPLY, &p, question->sender_mac);
}

void arp_input(struct netdev *d, struct netbuf *b)
{
	const struct arp_packet *p = netbuf_need(b, sizeof(*p));

	if (p != NULL && is_sound(p)) {
		learn(d, p);
		if (be16_get(p->operation) == ARP_REQUEST && is_ours(d, p->target_ip))
			answer(d, p);
	}
	netbuf_free(b);
}
