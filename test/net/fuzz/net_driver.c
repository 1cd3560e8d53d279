/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's network driver with a device that breaks every rule, and the stack above it: used
 * elements that were never offered, lengths beyond the buffers, indices that jump, headers whose
 * checksums, segments and number of buffers are lies about real frames, answers to commands, a
 * link that comes and goes, memory that fails. The host is trusted, but what it passes on comes
 * from others. Nothing is compared, but the kernel must not crash, and in the end all memory is
 * given back.
 *
 * A libFuzzer target; bytes_seeds.c runs it by seeds. Physical addresses are pointers.
 */
#include <abi/virtio/net.h>
#include <linux/in.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "arch/mmu.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "drivers/virtio_net.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "net/ip/ip.h"
#include "net/netdev.h"
#include "net/tcp/tcp.h"
#include "net/wire/ip.h"
#include "test/net/cable.h"
#include "test/net/frame.h"
#include "test/net/fuzz/bytes.h"
#include "test/net/user.h"
#include "test/net/world.h"

#define QUEUES_MAX 8u
#define PORT       80u
#define BIT(n)     (1ull << (n))
#define NETWORK_AT 14u
#define CONTROL    2u   /* queue, with one pair of others */
#define PAGED_RING 128u /* a ring of so many has pages of its own */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
struct net *__wrap_net_machine_get(void);
struct thread *__wrap_thread_new(const char *name, void (*fn)(void *), void *arg);

const struct user_kind user_kind = { .size = sizeof(struct user) };
pfn_t page_array_end = 1u << 18;
struct cpu *cpus[CPUS_MAX]; /* one, which nobody asks about */

static struct net net;
static struct device device;
static struct virtq *queues[QUEUES_MAX];
static uint16_t next_avail[QUEUES_MAX]; /* of the driver's, that the device takes next */
static bool has_lied[QUEUES_MAX];       /* what the driver offered may be gone */
static struct virtio_net_config config;
static uint64_t offered;
static unsigned size_max;
static struct netdev *interface;
static struct user *listener;

/* ---- what the driver asks of the kernel ---- */

struct net *__wrap_net_machine_get(void)
{
	return &net;
}

/* It never runs: a burst that is too long for the interrupt stays where it is. */
struct thread *__wrap_thread_new(const char *name, void (*fn)(void *), void *arg)
{
	static uint64_t none;

	(void)name, (void)fn, (void)arg;
	return (void *)&none;
}

void thread_sleep_until(nsec_t deadline)
{
	(void)deadline;
}

void log_print(enum log_level level, const char *format, ...)
{
	(void)level, (void)format;
}

paddr_t ptr_to_paddr(const void *ptr)
{
	return (paddr_t)(uintptr_t)ptr;
}

/* ---- the transport ---- */

static uint64_t features(struct virtio_device *d)
{
	(void)d;
	return offered;
}

static int negotiate(struct virtio_device *d, uint64_t taken)
{
	(void)d;
	return (taken & ~offered) != 0 ? -ENODEV : 0;
}

static void config_read(struct virtio_device *d, unsigned offset, void *to, size_t len)
{
	(void)d;
	memset(to, 0, len);
	if (offset < sizeof(config))
		memcpy(to, (const char *)&config + offset, min(len, sizeof(config) - offset));
}

static int queue_setup(struct virtio_device *d, struct virtq *q)
{
	(void)d;
	if (q->idx >= QUEUES_MAX)
		panic("queue %u is asked for", q->idx);
	queues[q->idx] = q;
	return 0;
}

static unsigned queue_size_max(struct virtio_device *d, unsigned idx)
{
	(void)d;
	return idx <= CONTROL ? size_max : 0;
}

static void nothing(struct virtio_device *d)
{
	(void)d;
}

static void notify(struct virtio_device *d, struct virtq *q)
{
	(void)d, (void)q;
}

static struct virtio_transport transport = {
	.features = features,
	.negotiate = negotiate,
	.config_read = config_read,
	.queue_setup = queue_setup,
	.queue_size_max = queue_size_max,
	.ready = nothing,
	.notify = notify,
	.fail = nothing,
};

/* ---- the device ---- */

static struct virtio_device *driver_device(void)
{
	return device.driver_data;
}

/* The next chain that the driver offers in queue `idx`: its head, or -1. */
static int take_offered(unsigned idx)
{
	struct virtq *q = queues[idx];

	if (q == NULL || q->avail->idx == next_avail[idx])
		return -1;
	return q->avail->ring[next_avail[idx]++ % q->size];
}

static void put_used(unsigned idx, uint32_t id, uint32_t len)
{
	struct vring_used *used = queues[idx]->used;

	used->ring[used->idx % queues[idx]->size] = (struct vring_used_elem){ id, len };
	used->idx++;
}

static void make_segment(struct frame *f, struct bytes *b, unsigned payload)
{
	bool v6 = bytes_one_in(b, 2), udp = bytes_one_in(b, 3);
	const char *from = v6 ? "fd00::9" : "10.0.0.9", *to = v6 ? "fd00::1" : "10.0.0.1";
	unsigned at = NETWORK_AT + (v6 ? 40u : 20u), len = (udp ? 8u : 20u) + payload;
	struct udp_header u = { be16_of(9), be16_of(2000), be16_of((uint16_t)len), be16_of(0) };
	struct tcp_header t = { .from = be16_of(9000), .to = be16_of(PORT), .words = 0x50 };

	frame_begin(f, ip_of(to), v6 ? ETHERNET_IP6 : ETHERNET_IP4);
	if (v6)
		frame_put_ip6(f, ip_of(from), ip_of(to), udp ? IPPROTO_UDP : IPPROTO_TCP, len);
	else
		frame_put_ip4(f, ip_of(from), ip_of(to), udp ? IPPROTO_UDP : IPPROTO_TCP, len);
	t.seq = be32_of(bytes_8(b));
	t.flags = bytes_one_in(b, 4) ? TCP_SYN : (uint8_t)bytes_8(b);
	t.window = be16_of(0xffff);
	if (udp)
		frame_put(f, &u, sizeof(u));
	else
		frame_put(f, &t, sizeof(t));
	frame_put_byte(f, payload, payload);
	if (bytes_one_in(b, 2))
		frame_sum(f, at, udp ? 6 : 16, udp ? IPPROTO_UDP : IPPROTO_TCP);
}

static void make_frame(struct frame *f, struct bytes *b)
{
	static const uint16_t types[] = { ETHERNET_IP4, ETHERNET_IP6, ETHERNET_ARP, ETHERNET_VLAN };
	uint8_t body[255];
	unsigned kind = bytes_8(b);

	if (kind >= 64) {
		make_segment(f, b, bytes_16(b) % 7000);
		if (kind < 128) /* a change somewhere in its headers */
			f->bytes[bytes_8(b) % 74] = (uint8_t)bytes_8(b);
		return;
	}
	frame_begin(f, ip_of("10.0.0.1"), types[kind % 4]);
	frame_put(f, body, (uint32_t)bytes_take(b, body, bytes_8(b)));
	if (kind < 16)
		f->len = min(f->len, bytes_8(b));
}

static void make_header(struct virtio_net_hdr_v1 *h, struct bytes *b, const struct frame *f)
{
	static const uint8_t types[] = { 0, 1, 4, 5, 0x81, 0x84, 3, 0xff };

	memset(h, 0, sizeof(*h));
	if (bytes_one_in(b, 2))
		return;
	h->flags = (uint8_t)(bytes_8(b) % 8);
	h->gso_type = types[bytes_8(b) % ARRAY_SIZE(types)];
	h->gso_size = (uint16_t)(bytes_one_in(b, 2) ? 1 + bytes_8(b) * 6 : bytes_16(b));
	h->hdr_len = (uint16_t)bytes_8(b);
	h->csum_start = (uint16_t)(f->bytes[12] == 8 ? 34 : 54);
	h->csum_offset = bytes_one_in(b, 2) ? 16 : 6;
	if (bytes_one_in(b, 8))
		h->csum_start = (uint16_t)bytes_16(b);
	if (bytes_one_in(b, 8))
		h->csum_offset = (uint16_t)bytes_16(b);
}

/* Header and frame into the driver's buffers, of which each says that it has so much. */
static void receive(struct bytes *b)
{
	uint32_t header = ((struct virtio_net *)driver_device()->private)->header_bytes;
	struct virtio_net_hdr_v1 h;
	static uint8_t all[sizeof(h) + sizeof(((struct frame *)NULL)->bytes)];
	int heads[8], head;
	static struct frame f;
	uint32_t len, at = 0;
	unsigned nr = 0;

	f.len = 0;
	make_frame(&f, b);
	make_header(&h, b, &f);
	len = header + f.len;
	while (nr < ARRAY_SIZE(heads) && nr * PAGE_SIZE < len && (head = take_offered(0)) >= 0)
		heads[nr++] = head;
	h.num_buffers = (uint16_t)(bytes_one_in(b, 16) ? bytes_16(b) : nr);
	memcpy(all, &h, header);
	memcpy(all + header, f.bytes, f.len);
	for (unsigned i = 0; i < nr; i++) {
		const struct vring_desc *d = &queues[0]->desc[heads[i]];
		uint32_t part = min(len - at, d->len), lie = part;

		if (!has_lied[0])
			memcpy((void *)(uintptr_t)d->addr, all + at, part);
		at += part;
		if (bytes_one_in(b, 32))
			lie = bytes_one_in(b, 2) ? bytes_32(b) : bytes_8(b);
		put_used(0, (uint32_t)heads[i], lie);
	}
}

static void complete(struct bytes *b, unsigned idx)
{
	static const uint8_t answers[] = { VIRTIO_NET_OK, VIRTIO_NET_OK, VIRTIO_NET_ERR, 0xee };
	int head;

	for (unsigned n = bytes_8(b); n > 0 && (head = take_offered(idx)) >= 0; n--) {
		const struct vring_desc *d = &queues[idx]->desc[head];
		const struct vring_desc *table = (const void *)(uintptr_t)d->addr;

		if (idx == CONTROL && !has_lied[idx] && (d->flags & VRING_DESC_F_INDIRECT) != 0 &&
		    (table[1].flags & VRING_DESC_F_WRITE) != 0)
			*(uint8_t *)(uintptr_t)table[1].addr = answers[bytes_8(b) % 4];
		put_used(idx, (uint32_t)head, 1);
	}
}

static void lie(struct bytes *b)
{
	unsigned idx = bytes_8(b) % (CONTROL + 1);
	struct virtq *q = queues[idx];

	if (q == NULL)
		return;
	has_lied[idx] = true;
	switch (bytes_8(b) % 4) {
	case 0:
		put_used(idx, bytes_one_in(b, 4) ? bytes_32(b) : bytes_8(b), bytes_32(b));
		break;
	case 1:
		q->used->idx = (uint16_t)(q->used->idx + bytes_16(b));
		break;
	case 2:
		q->used->flags = (uint16_t)bytes_8(b);
		*(uint16_t *)(void *)&q->used->ring[q->size] =
			(uint16_t)bytes_16(b); /* avail_event */
		break;
	default:
		q->used->ring[bytes_8(b) % q->size].id = bytes_16(b);
	}
}

/* ---- steps ---- */

static void interrupt(void)
{
	virtio_device_interrupt(driver_device());
	net_run();
}

static void change_config(struct bytes *b)
{
	config.status = (uint16_t)(bytes_8(b) & 1);
	virtio_device_config_changed(driver_device());
	net_run();
}

static void pass(struct bytes *b)
{
	unsigned x = bytes_8(b);

	world_advance(world_now + (nsec_t)x * x * (NSEC_PER_SEC / 1000));
	net_run();
}

static void use_connections(void)
{
	uint32_t n;
	struct tcp *t;

	while ((t = tcp_accept(&listener->tcp)) != NULL) {
		n = tcp_readable(t);
		tcp_consumed(t, n);
		tcp_close(t);
		user_put(user_of(t));
	}
	net_run();
}

static void step(struct bytes *b)
{
	unsigned what = bytes_8(b) % 32;

	if (what < 14)
		receive(b);
	else if (what < 22)
		interrupt();
	else if (what < 25)
		complete(b, 1);
	else if (what < 26)
		complete(b, CONTROL);
	else if (what < 27)
		pass(b);
	else if (what < 28)
		change_config(b);
	else if (what < 29)
		world_fail_rate(bytes_one_in(b, 4) ? bytes_8(b) * 64 : 0);
	else if (what < 30)
		use_connections();
	else if (bytes_one_in(b, 16))
		lie(b);
}

/* ---- a round ---- */

static void add_address(struct netdev *d, const char *address, unsigned bits)
{
	struct net_address_values v = { .prefix_bits = (uint8_t)bits,
					.flags = NET_ADDRESS_PERMANENT | NET_ADDRESS_NO_PROBE,
					.preferred_until = NSEC_NEVER,
					.valid_until = NSEC_NEVER };

	memcpy(v.ip, ip_of(address), sizeof(v.ip));
	if (net_address_add(d, &v) != 0)
		panic("no memory for an address");
}

static void listen_here(void)
{
	struct inet_address us = { .port = PORT };

	listener = user_new(&net, true);
	if (listener == NULL || endpoint_bind(&listener->tcp.endpoint, &us) != 0 ||
	    tcp_listen(&listener->tcp, 8) != 0)
		panic("no memory to listen");
}

static void begin(struct bytes *b)
{
	world_start(bytes_8(b));
	memset(queues, 0, sizeof(queues));
	memset(next_avail, 0, sizeof(next_avail));
	memset(has_lied, 0, sizeof(has_lied));
	memset(&net, 0, sizeof(net));
	device = (struct device){ .irq = 5 };
	config = (struct virtio_net_config){ .mac = { 2, 0, 0, 0, 0, 1 },
					     .status = VIRTIO_NET_S_LINK_UP,
					     .max_virtqueue_pairs = 1,
					     .mtu = 1500 };
	offered = bytes_one_in(b, 2) ? ~0ull : (uint64_t)bytes_32(b) << 32 | bytes_32(b);
	offered &= ~BIT(VIRTIO_NET_F_MQ);
	offered |= BIT(VIRTIO_F_VERSION_1);
	transport.is_legacy = bytes_one_in(b, 4);
	if (transport.is_legacy)
		offered = (uint32_t)offered | BIT(VIRTIO_F_ANY_LAYOUT);
	if (bytes_one_in(b, 4))
		config.mtu = (uint16_t)bytes_16(b);
	size_max = 1u << (bytes_one_in(b, 2) ? 8 : bytes_8(b) % 9);
	if (net_init(&net) != 0 || virtio_device_new(&device, &transport, VIRTIO_ID_NET, NULL) != 0)
		panic("no memory to begin with");
	interface = netdev_find(&net, "eth0");
	if (interface == NULL || net_device_set_up(interface, true) != 0)
		panic("there is no interface");
	net_run();
	add_address(interface, "10.0.0.1", 24);
	add_address(interface, "fd00::1", 64);
	listen_here();
	net_run();
}

/* What the driver would never take down: the device has everything that it was given. */
static void free_queue(struct virtq *q)
{
	static struct page any;
	ptrdiff_t page_head = (char *)page_to_ptr(&any) - (char *)&any;
	void *cookie;

	while ((cookie = virtq_abandon(q)) != NULL) {
		if (q->idx == 0)
			page_put(cookie);
		else if (q->idx != CONTROL)
			netbuf_free(cookie);
	}
	for (unsigned i = 0; i < q->size; i++)
		kmem_free(q->slots[i].table);
	kmem_free(q->slots);
	if (q->size >= PAGED_RING || transport.is_legacy)
		page_put((struct page *)((char *)q->desc - page_head));
	else
		kmem_free(q->desc);
	kmem_free(q);
}

static void end(void)
{
	struct virtio_device *d = driver_device();

	world_fail_rate(0);
	use_connections();
	tcp_close(&listener->tcp);
	user_put(listener);
	d->broken = true;
	d->running = false;
	netdev_tx_ready(&interface->queues[0]); /* what waits for room is lost */
	net_run();
	world_advance(world_now + 2000 * NSEC_PER_SEC);
	net_run();
	net_fini(&net);
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		if (queues[i] != NULL)
			free_queue(queues[i]);
	kmem_free(((struct virtio_net *)d->private)->pairs);
	kmem_free(d->private);
	kmem_free(d);
	if (world_nr_objects() != 0)
		panic("%zu allocations are lost", world_nr_objects());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };

	begin(&b);
	while (bytes_are_left(&b))
		step(&b);
	interrupt();
	end();
	return 0;
}
