/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is left to the device, with a tap behind it: this machine's kernel completes checksums and
 * cuts segments, or takes only right ones; and it leaves the same to us. tap.py sends back what
 * comes to UDP port 7, and answers an S by 3,000 bytes in one call, to be cut into 1,000 each.
 */
#include "frame.h"

#include "../ktest.h"
#include "lib/string.h"
#include "net/wire/checksum.h"

#define UDP        8u
#define HEADERS    (FRAME_LINK + FRAME_IP + UDP)
#define SUM_OFFSET 6u
#define PIECE      1000u
#define PIECES     3u
#define PORT       7

static uint8_t data[PIECE * PIECES], back[PIECE * PIECES];

/* RFC 768, with the pseudo header's part in the checksum's field (netbuf.h). */
static struct netbuf *new_udp(const void *bytes, uint32_t len)
{
	struct netbuf *b = frame_new(FRAME_IP + UDP, frame_router_mac, 0x0800);
	struct be16 ports[2] = { be16_of(5000), be16_of(PORT) };
	struct be16 total = be16_of((uint16_t)(UDP + len)), sum;
	uint8_t pseudo[12] = { [9] = 17 }, *udp;

	if (b == NULL)
		return NULL;
	frame_put_ip(b, 17, UDP + len);
	udp = netbuf_put(b, UDP);
	memcpy(udp, ports, sizeof(ports));
	memcpy(udp + 4, &total, sizeof(total));
	/* addresses, protocol and length; the field holds a sum, not its complement */
	memcpy(pseudo, udp - 8, 8);
	memcpy(pseudo + 10, &total, sizeof(total));
	sum = be16_of(
		(uint16_t)~be16_get(checksum_finish(checksum_add(0, pseudo, sizeof(pseudo)))));
	memcpy(udp + SUM_OFFSET, &sum, sizeof(sum));
	if (netbuf_append(b, bytes, len) != 0) {
		netbuf_free(b);
		return NULL;
	}
	b->flags |= NETBUF_SUM_WANTED;
	b->sum_start = FRAME_LINK + FRAME_IP;
	b->sum_offset = SUM_OFFSET;
	return b;
}

static bool is_echo(struct netbuf *b)
{
	const uint8_t *bytes = netbuf_need(b, HEADERS);
	struct be16 port = be16_of(PORT);

	return bytes != NULL && bytes[12] == 8 && bytes[FRAME_LINK + 9] == 17 &&
	       memcmp(bytes + FRAME_LINK + FRAME_IP, &port, sizeof(port)) == 0;
}

/* The transport's checksum is right, or is left to us with the right part in its field. */
static bool is_sum_right(struct netbuf *b)
{
	struct be16 none = be16_of(0);

	if ((b->flags & NETBUF_SUM_WANTED) == 0)
		return (b->flags & NETBUF_SUM_GOOD) != 0;
	if (b->sum_start != FRAME_LINK + FRAME_IP || b->sum_offset != SUM_OFFSET)
		return false;
	return memcmp(b->data + b->sum_start + b->sum_offset, &none, sizeof(none)) != 0;
}

/* So many bytes of `data` from `at` on come back in one frame, or with gso_size in several. */
static uint32_t receive_back(uint32_t at)
{
	struct netbuf *b = frame_receive(is_echo);
	uint32_t len;

	if (b == NULL)
		return 0;
	len = b->len - HEADERS;
	if (at + len > sizeof(back) || !is_sum_right(b) ||
	    (len > PIECE && (b->gso != NETBUF_GSO_UDP || b->gso_size != PIECE)))
		len = 0;
	netbuf_copy_out(b, HEADERS, back + at, len);
	netbuf_free(b);
	return len;
}

static void fill_data(void)
{
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)ktest_random();
	data[0] = 'x';
}

KTEST(net_checksum_is_completed)
{
	struct netbuf *b;

	KCHECK(frame_ask_for_router());
	if ((below_dev->features & NETDEV_SUM) == 0)
		return;
	fill_data();
	for (uint32_t len = 1; len < PIECE; len += 111) {
		b = new_udp(data, len);
		KCHECK(b != NULL);
		below_send(b);
		KCHECK(receive_back(0) == len);
		KCHECK(memcmp(back, data, len) == 0);
	}
}

static bool receive_all(void)
{
	for (uint32_t at = 0, len; at < sizeof(back); at += len) {
		len = receive_back(at);
		if (len == 0)
			return false;
	}
	return true;
}

KTEST(net_segments_are_cut)
{
	struct netbuf *b;

	KCHECK(frame_ask_for_router());
	if ((below_dev->features & NETDEV_USO) == 0)
		return;
	fill_data();
	data[PIECE] = data[2 * PIECE] = 'x';
	b = new_udp(data, sizeof(data));
	KCHECK(b != NULL);
	b->gso = NETBUF_GSO_UDP;
	b->gso_size = PIECE;
	below_send(b);
	KCHECK(receive_all());
	KCHECK(memcmp(back, data, sizeof(data)) == 0);
}

KTEST(net_segments_come_whole)
{
	struct netbuf *b;

	KCHECK(frame_ask_for_router());
	if ((below_dev->features & NETDEV_USO) == 0)
		return;
	b = new_udp("S", 1);
	KCHECK(b != NULL);
	below_send(b);
	KCHECK(receive_back(0) == sizeof(back));
	for (uint32_t i = 0; i < sizeof(back); i++)
		KCHECK(back[i] == (uint8_t)(i * 7));
}
