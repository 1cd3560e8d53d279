/* SPDX-License-Identifier: BSD-2-Clause */
/* Two hosts and a cable: cable.h. */
#include "test/net/cable.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"
#include "lib/errno.h"
#include "mm/alloc/page.h"
#include "test/net/world.h"

#define COPY_WHOLE 512u /* a shorter frame is linear; of another so much */
#define COPY_HEAD  128u

int inet_pton(int family, const char *text, void *to); /* <arpa/inet.h>'s names are ours too */

const uint8_t *ip_of(const char *text)
{
	static uint8_t several[8][16];
	static unsigned n;
	uint8_t *ip = several[n++ % 8], v4[4];

	if (inet_pton(2, text, v4) == 1)
		inet_ip_from_v4_bytes(ip, v4);
	else if (inet_pton(10, text, ip) != 1)
		panic("%s is no address", text);
	return ip;
}

static int transmit(struct netdev_queue *q, struct netbuf *b)
{
	struct host *h = q->dev->private;

	list_append(&h->on_cable, &b->link);
	h->nr_sent++;
	return 0;
}

static void kick(struct netdev_queue *q)
{
	(void)q;
}

static const struct netdev_ops ops = { .transmit = transmit, .kick = kick };

void host_start(struct host *h, unsigned n, unsigned features)
{
	*h = (struct host){ .dev.ops = &ops };
	list_init(&h->on_cable);
	if (net_init(&h->net) != 0)
		panic("no memory for a net");
	h->dev.private = h;
	h->dev.features = features;
	h->dev.mtu = 1500;
	h->dev.mtu_max = 9000;
	h->dev.gso_max = 65000;
	h->dev.mac[0] = 2;
	h->dev.mac[5] = (uint8_t)n;
	if (netdev_register(&h->net, &h->dev) != 0 || net_device_set_up(&h->dev, true) != 0)
		panic("no memory for an interface");
	netdev_set_carrier(&h->dev, true);
	net_run();
}

void host_join(struct host *a, struct host *b)
{
	a->peer = b;
	b->peer = a;
}

void host_stop(struct host *h)
{
	netbuf_free_all(&h->on_cable);
	net_fini(&h->net);
}

static void add(struct host *h, const char *address, unsigned bits, unsigned flags)
{
	struct net_address_values v = {
		.prefix_bits = (uint8_t)bits,
		.flags = NET_ADDRESS_PERMANENT | flags,
		.preferred_until = NSEC_NEVER,
		.valid_until = NSEC_NEVER,
	};

	memcpy(v.ip, ip_of(address), sizeof(v.ip));
	if (inet_ip_is_v4(v.ip) && bits < 31) {
		for (unsigned i = 0; i < 4; i++) {
			unsigned here = bits > i * 8 ? min(bits - i * 8, 8u) : 0;

			v.broadcast[i] = (uint8_t)(v.ip[IP_V4_AT + i] | 0xffu >> here);
		}
	}
	if (net_address_add(&h->dev, &v) != 0)
		panic("%s cannot be added", address);
}

void host_add4(struct host *h, const char *address, unsigned bits)
{
	add(h, address, bits, 0);
}

void host_add6(struct host *h, const char *address, unsigned bits)
{
	add(h, address, bits, NET_ADDRESS_NO_PROBE);
}

void host_add_route(struct host *h, const char *prefix, unsigned bits, const char *gateway)
{
	struct route r = {
		.dev = &h->dev,
		.type = RTN_UNICAST,
		.table = RT_TABLE_MAIN,
		.valid_until = NSEC_NEVER,
	};

	memcpy(r.prefix, ip_of(prefix), sizeof(r.prefix));
	r.prefix_bits = (uint8_t)(bits + (inet_ip_is_v4(r.prefix) ? 96 : 0));
	memcpy(r.gateway, ip_of(gateway), sizeof(r.gateway));
	if (route_add(&h->net, &r, false) != 0)
		panic("the route to %s cannot be added", prefix);
}

/* As drivers/virtio_net.c does it. False: no memory. */
static bool put_pages(struct netbuf *b, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t n; len > 0; bytes += n, len -= n) {
		struct page *p = page_alloc(0, PAGE_ALLOC_NOWAIT);

		n = min(len, (uint32_t)PAGE_SIZE);
		if (p == NULL)
			return false;
		memcpy(page_to_ptr(p), bytes, n);
		if (!netbuf_add_page(b, p, 0, n))
			panic("a frame of too many pages");
	}
	return true;
}

static void append(const struct host *h, struct list *burst, const void *frame, uint32_t len)
{
	uint32_t head = h->in_pages && len > COPY_WHOLE ? COPY_HEAD : len;
	struct netbuf *b = netbuf_new(head);

	if (b == NULL)
		return;
	memcpy(netbuf_put(b, head), frame, head);
	if (put_pages(b, (const uint8_t *)frame + head, len - head))
		list_append(burst, &b->link);
	else
		netbuf_free(b);
}

void host_receive(struct host *h, const void *frame, uint32_t len)
{
	struct list burst = LIST_INIT(burst);

	append(h, &burst, frame, len);
	netdev_receive(&h->dev, &burst);
}

void host_receive_two(struct host *h, const void *first, uint32_t first_len, const void *second,
		      uint32_t second_len)
{
	struct list burst = LIST_INIT(burst);

	append(h, &burst, first, first_len);
	append(h, &burst, second, second_len);
	netdev_receive(&h->dev, &burst);
}

/* One frame goes to the others that arrive, as a copy: nothing of the sender's is seen. */
static void carry(struct host *from, struct netbuf *b, struct list *burst)
{
	uint32_t len = b->len;
	uint8_t *bytes = malloc(len);

	if (bytes == NULL)
		panic("the host has no memory");
	netbuf_copy_out(b, 0, bytes, len);
	netbuf_free(b);
	if ((from->look == NULL || from->look(from, bytes, len)) && from->peer != NULL)
		append(from->peer, burst, bytes, len);
	free(bytes);
}

/* What is on the cable arrives together. False: there was nothing. */
static bool deliver(struct host *from)
{
	struct list burst = LIST_INIT(burst);
	unsigned nr = 0;

	while (!list_is_empty(&from->on_cable) && nr < NETDEV_BURST) {
		struct netbuf *b = list_first(&from->on_cable, struct netbuf, link);

		list_remove(&b->link);
		carry(from, b, &burst);
		nr++;
	}
	if (!list_is_empty(&burst))
		netdev_receive(&from->peer->dev, &burst);
	return nr > 0;
}

void cable_settle(struct host *a, struct host *b)
{
	bool again = true;

	net_run();
	while (again) {
		again = deliver(a);
		if (b != NULL && deliver(b))
			again = true;
		net_run();
	}
}

void cable_pass(struct host *a, struct host *b, nsec_t ns)
{
	nsec_t until = world_now + ns;

	cable_settle(a, b);
	while (world_step(until))
		cable_settle(a, b);
	world_now = until;
}
