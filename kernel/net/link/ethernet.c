/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet frames (IEEE 802.3 §3): who they are for, and to which protocol they go. A tag of VLAN 0
 * is a priority only (IEEE 802.1Q §6.9) and is looked through; of other VLANs nothing is heard.
 */
#include "net/link/ethernet.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "net/ip/ip.h"
#include "net/link/neighbour.h"
#include "net/netdev.h"

#define VLAN_ID 0x0fff

static unsigned kind_of(const struct netdev *d, const uint8_t to[ETHERNET_ADDRESS_LEN])
{
	static const uint8_t all[ETHERNET_ADDRESS_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (memcmp(to, d->mac, sizeof(all)) == 0)
		return 0;
	if (memcmp(to, all, sizeof(all)) == 0)
		return NETBUF_FOR_ALL;
	return (to[0] & 1) != 0 ? NETBUF_FOR_GROUP : NETBUF_FOR_OTHER;
}

/* The header is taken off. 0: not to be understood. */
static uint16_t take_header(struct netdev *d, struct netbuf *b)
{
	const struct ethernet_header *h = netbuf_need(b, sizeof(*h));
	const struct vlan_tag *tag;
	uint16_t type;

	if (h == NULL)
		return 0;
	b->flags |= (uint16_t)kind_of(d, h->to);
	type = be16_get(h->type);
	netbuf_pull(b, sizeof(*h));
	if (type != ETHERNET_VLAN)
		return type;
	tag = netbuf_need(b, sizeof(*tag));
	if (tag == NULL || (be16_get(tag->control) & VLAN_ID) != 0)
		return 0;
	b->vlan = (uint16_t)(be16_get(tag->control) + 1);
	type = be16_get(tag->type);
	netbuf_pull(b, sizeof(*tag));
	return type;
}

void ethernet_input(struct netdev *d, struct netbuf *b)
{
	uint16_t type;

	netdev_show(d, b, false);
	type = take_header(d, b);
	if ((b->flags & NETBUF_FOR_GROUP) != 0)
		(void)atomic_add(&d->stats.multicast, 1);
	if ((b->flags & NETBUF_FOR_OTHER) != 0 || (READ_ONCE(d->flags) & NETDEV_IS_UP) == 0) {
		netbuf_free(b);
		return;
	}
	switch (type) {
	case ETHERNET_IP4:
		ip4_input(d->net, b);
		break;
	case ETHERNET_IP6:
		ip6_input(d->net, b);
		break;
	case ETHERNET_ARP:
		arp_input(d, b);
		break;
	default:
		(void)atomic_add(&d->stats.rx_dropped, 1);
		netbuf_free(b);
		break;
	}
}

void ethernet_send(struct netdev *d, struct netbuf *b, const uint8_t to[ETHERNET_ADDRESS_LEN],
		   uint16_t type)
{
	struct ethernet_header *h = netbuf_push(b, sizeof(*h));

	memcpy(h->to, to, sizeof(h->to));
	memcpy(h->from, d->mac, sizeof(h->from));
	h->type = be16_of(type);
	if ((b->flags & NETBUF_SUM_WANTED) != 0)
		b->sum_start = (uint16_t)(b->sum_start + sizeof(*h));
	netdev_send(d, b);
}
