/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames to the router and back, by hand. */
#include "frame.h"

#include "lib/string.h"
#include "net/wire/checksum.h"
#include "net/wire/link.h"

const uint8_t frame_own[4] = { 10, 0, 2, 15 }, frame_router[4] = { 10, 0, 2, 2 };
uint8_t frame_router_mac[ETHERNET_ADDRESS_LEN];

struct netbuf *frame_new(unsigned linear, const uint8_t *to, uint16_t type)
{
	struct netbuf *b = netbuf_new(sizeof(struct ethernet_header) + linear);
	struct ethernet_header *h;

	if (b == NULL)
		return NULL;
	h = netbuf_put(b, sizeof(*h));
	memcpy(h->to, to, sizeof(h->to));
	memcpy(h->from, below_dev->mac, sizeof(h->from));
	h->type = be16_of(type);
	return b;
}

struct netbuf *frame_new_arp(void)
{
	static const uint8_t all[ETHERNET_ADDRESS_LEN] = { 255, 255, 255, 255, 255, 255 };
	struct netbuf *b = frame_new(sizeof(struct arp_packet), all, ETHERNET_ARP);
	struct arp_packet *p;

	if (b == NULL)
		return NULL;
	p = netbuf_put(b, sizeof(*p));
	memset(p, 0, sizeof(*p));
	p->hardware_type = be16_of(1);
	p->protocol_type = be16_of(ETHERNET_IP4);
	p->hardware_len = ETHERNET_ADDRESS_LEN;
	p->protocol_len = 4;
	p->operation = be16_of(ARP_REQUEST);
	memcpy(p->sender_mac, below_dev->mac, sizeof(p->sender_mac));
	memcpy(p->sender_ip, frame_own, sizeof(frame_own));
	memcpy(p->target_ip, frame_router, sizeof(frame_router));
	return b;
}

bool frame_is_arp_reply(struct netbuf *b)
{
	const uint8_t *bytes =
		netbuf_need(b, sizeof(struct ethernet_header) + sizeof(struct arp_packet));
	struct arp_packet p;

	if (bytes == NULL)
		return false;
	memcpy(&p, bytes + sizeof(struct ethernet_header), sizeof(p));
	if (be16_get(p.operation) != ARP_REPLY || memcmp(p.sender_ip, frame_router, 4) != 0)
		return false;
	memcpy(frame_router_mac, p.sender_mac, sizeof(frame_router_mac));
	return true;
}

/* The next reply; other frames (advertisements of the frame_router) are passed over. */
struct netbuf *frame_receive(bool (*is_it)(struct netbuf *))
{
	struct netbuf *b;

	while ((b = below_receive(PATIENCE_MS)) != NULL) {
		if (is_it(b))
			return b;
		netbuf_free(b);
	}
	return NULL;
}

/* And so the router's MAC is known. */
bool frame_ask_for_router(void)
{
	struct netbuf *b = below_begin() ? frame_new_arp() : NULL;
	bool for_us;

	if (b == NULL)
		return false;
	below_send(b);
	b = frame_receive(frame_is_arp_reply);
	for_us = b != NULL && memcmp(b->data, below_dev->mac, sizeof(below_dev->mac)) == 0;
	netbuf_free(b);
	return for_us;
}

/* RFC 791 §3.1. */
void frame_put_ip(struct netbuf *b, uint8_t protocol, uint32_t len)
{
	uint8_t *ip = netbuf_put(b, FRAME_IP);
	struct be16 total = be16_of((uint16_t)(FRAME_IP + len)), sum;

	memset(ip, 0, FRAME_IP);
	ip[0] = 0x45;
	memcpy(ip + 2, &total, 2);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, frame_own, 4);
	memcpy(ip + 16, frame_router, 4);
	sum = checksum_finish(checksum_add(0, ip, FRAME_IP));
	memcpy(ip + 10, &sum, 2);
}
