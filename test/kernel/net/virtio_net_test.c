/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device's driver against the user network (--net user), whose router answers ARP and
 * pings: frames both ways, small and large, many at once.
 */
#include "frame.h"

#include "../ktest.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "net/wire/checksum.h"
#include "net/wire/link.h"

#define ICMP_BYTES 8u
#define NR_MANY    2000u
#define IN_FLIGHT  200u

KTEST(net_device_is_found)
{
	KCHECK(below_begin());
	KCHECK((below_dev->mac[0] & 3) == 2);
	KCHECK(below_dev->mtu >= ETHERNET_MTU);
	KCHECK((atomic_load(&below_dev->flags) & NETDEV_IS_RUNNING) != 0);
}

KTEST(net_arp_is_answered)
{
	KCHECK(frame_ask_for_router());
}

/* More than the ring holds: it fills up, and goes on; all are answered. */
KTEST(net_many_frames)
{
	unsigned nr_sent = 0, nr_answered = 0;

	KCHECK(below_begin());
	while (nr_answered < NR_MANY) {
		struct netbuf *b;

		if (nr_sent < NR_MANY && nr_sent - nr_answered < IN_FLIGHT) {
			b = frame_new_arp();
			KCHECK(b != NULL);
			below_send(b);
			nr_sent++;
			continue;
		}
		b = frame_receive(frame_is_arp_reply);
		KCHECK(b != NULL);
		netbuf_free(b);
		nr_answered++;
	}
}

/* The ring is filled faster than the device empties it; some of these frames are lost there. */
KTEST(net_ring_fills_up)
{
	struct netbuf *b;

	KCHECK(below_begin());
	for (unsigned i = 0; i < NR_MANY; i++) {
		b = frame_new_arp();
		KCHECK(b != NULL);
		below_send(b);
	}
	b = frame_receive(frame_is_arp_reply);
	KCHECK(b != NULL);
	netbuf_free(b);
	thread_sleep_until(clock_monotonic() + 100 * 1000 * 1000);
	below_forget();
}

/* ---- pings ---- */

static uint16_t ping_number;

/* RFC 792, an echo request with `len` bytes behind its header. */
static void put_ping_headers(struct netbuf *b, uint32_t len)
{
	struct be16 number = be16_of(++ping_number);
	uint8_t *icmp;

	frame_put_ip(b, 1, ICMP_BYTES + len);
	icmp = netbuf_put(b, ICMP_BYTES);
	memset(icmp, 0, ICMP_BYTES);
	icmp[0] = 8;
	memcpy(icmp + 6, &number, 2);
}

static struct netbuf *new_ping(const uint8_t *data, uint32_t len)
{
	const unsigned at = FRAME_LINK + FRAME_IP;
	struct netbuf *b = frame_new(FRAME_IP + ICMP_BYTES, frame_router_mac, ETHERNET_IP4);
	struct be16 sum;

	if (b == NULL)
		return NULL;
	put_ping_headers(b, len);
	if (netbuf_append(b, data, len) != 0) {
		netbuf_free(b);
		return NULL;
	}
	sum = checksum_finish(netbuf_sum(b, at, b->len - at));
	memcpy(b->data + at + 2, &sum, 2);
	return b;
}

static bool is_echo(struct netbuf *b)
{
	const unsigned at = FRAME_LINK + FRAME_IP;
	const uint8_t *bytes = netbuf_need(b, at + ICMP_BYTES);
	struct be16 number = be16_of(ping_number);

	return bytes != NULL && bytes[12] == 8 && bytes[13] == 0 && bytes[at - FRAME_IP + 9] == 1 &&
	       bytes[at] == 0 && memcmp(bytes + at + 6, &number, 2) == 0;
}

static uint8_t data[65000], back[65000];

static bool ping(uint32_t len)
{
	const unsigned at = FRAME_LINK + FRAME_IP + ICMP_BYTES;
	struct netbuf *b = new_ping(data, len);
	bool same;

	if (b == NULL)
		return false;
	below_send(b);
	b = frame_receive(is_echo);
	if (b == NULL)
		return false;
	/* a short frame is padded to 60 bytes on the way */
	same = b->len >= at + len && (b->len == at + len || b->len <= 64);
	if (same) {
		netbuf_copy_out(b, at, back, len);
		same = memcmp(back, data, len) == 0;
	}
	netbuf_free(b);
	return same;
}

/* Around the sizes at which a frame is copied, takes one page, two, and as many as there are. */
KTEST(net_pings_of_all_sizes)
{
	static const uint32_t sizes[] = { 0,    1,    18,    56,    84,    85,   86,   100,
					  470,  471,  512,   1000,  1472,  1557, 1558, 1559,
					  4000, 4042, 4043,  4044,  4084,  4085, 8000, 8191,
					  8192, 9000, 16384, 32768, 60000, 64900 };

	KCHECK(frame_ask_for_router());
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)ktest_random();
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] + FRAME_IP + ICMP_BYTES > below_dev->mtu)
			break;
		KCHECK(ping(sizes[i]));
	}
}

KTEST(net_pings_of_random_sizes)
{
	KCHECK(frame_ask_for_router());
	for (unsigned i = 0; i < 300; i++)
		KCHECK(ping((uint32_t)(ktest_random() % (below_dev->mtu - 600))));
}

/* ---- the link ---- */

/* Only tap.py's takes its link down, when it is asked to by a datagram (RFC 768), and up again when
 * it reads that this was seen. */
static struct netbuf *new_signal(void)
{
	static const uint8_t udp[8] = { 0x30, 0x39, 0, 9, 0, 9, 0, 0 };
	struct netbuf *b = frame_new(FRAME_IP + sizeof(udp) + 1, frame_router_mac, ETHERNET_IP4);

	if (b == NULL)
		return NULL;
	frame_put_ip(b, 17, sizeof(udp) + 1);
	memcpy(netbuf_put(b, sizeof(udp)), udp, sizeof(udp));
	*(uint8_t *)netbuf_put(b, 1) = 0;
	return b;
}

static bool link_is_up(void)
{
	return (atomic_load(&below_dev->flags) & NETDEV_IS_RUNNING) != 0;
}

KTEST(net_link_goes_down_and_up)
{
	static const uint8_t tap_mac[ETHERNET_ADDRESS_LEN] = { 2, 0, 0, 0, 0, 5 };
	struct netbuf *b;

	KCHECK(frame_ask_for_router());
	if (memcmp(below_dev->mac, tap_mac, sizeof(tap_mac)) != 0)
		return; /* the user network's is always up */
	b = new_signal();
	KCHECK(b != NULL);
	below_send(b);
	KCHECK(ktest_wait(!link_is_up()));
	ktest_say("# the link is down\n");
	KCHECK(ktest_wait(link_is_up()));
	KCHECK(frame_ask_for_router());
}

static unsigned nr_freed;

static void count_free(struct netbuf *b)
{
	(void)atomic_add((unsigned *)b->owner, 1);
}

/* Whoever waits for the end of a transmission hears of it though nothing else happens. */
KTEST(net_end_of_transmission_is_told)
{
	struct netbuf *b;

	KCHECK(below_begin());
	for (unsigned i = 0; i < 20; i++) {
		b = frame_new_arp();
		KCHECK(b != NULL);
		b->data[0] = 2; /* for nobody: no answer comes */
		b->on_free = count_free;
		b->owner = &nr_freed;
		below_send(b);
	}
	KCHECK(ktest_wait(atomic_load(&nr_freed) == 20));
}
