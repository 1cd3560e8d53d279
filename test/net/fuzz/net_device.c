/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor's network device with a guest that breaks every rule: its registers, the page that
 * starts it at once, rings anywhere in memory and chains of any shape, headers that lie, commands
 * of the control queue, resets at any time. The backend is the target's own: it sees that only
 * what was agreed on reaches it, and gives frames of any length. Guest memory is a block of the
 * sanitizer's, so that one byte beside it is found.
 *
 * A libFuzzer target; bytes_seeds.c runs it by seeds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi/hull/virtio_setup.h"
#include "lib/compiler.h"
#include "monitor/device/net_device.h"
#include "monitor/device/virtio_net.h"
#include "test/host/monitor/no_worker.h"
#include "test/net/fuzz/bytes.h"

#define RAM_BYTES  (256u << 10)
#define CONTROL    2u      /* queue, with one pair of others */
#define RING_BYTES 0x4000u /* a queue's, one after the other */
#define SETUP_PAGE 0x20u
#define DATA_GPA   0x28000u
#define RINGS_MAX  8u
#define BIT(n)     (1ull << (n))
#define OFFLOADS   0x1fu

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vm vm;
static struct vm_net config;
static struct vm_config vm_config;
static struct virtio_net *net;
static uint8_t *ram;
static struct capture *capture;
static int null_fd = -1;
static uint16_t ring_size, avail_idx[RINGS_MAX];
static bool stalled;
static unsigned nr_frames, frame_len, frame_kind;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* ---- what the backend is asked by its user ---- */

int net_poll_add(struct net_poll *poll, int fd, short events)
{
	(void)poll, (void)fd, (void)events;
	return -1;
}

void net_poll_limit(struct net_poll *poll, int timeout_ms)
{
	(void)poll, (void)timeout_ms;
}

void net_poll_fini(struct net_poll *poll)
{
	(void)poll;
}

/* ---- the backend ---- */

static bool is_segment_fine(const struct virtio_net_hdr_v1 *h)
{
	unsigned type = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;

	if ((h->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0 && !net_has(net, VIRTIO_NET_F_HOST_ECN))
		return false;
	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 || h->gso_size == 0)
		return false;
	return (type == VIRTIO_NET_HDR_GSO_TCPV4 && net_has(net, VIRTIO_NET_F_HOST_TSO4)) ||
	       (type == VIRTIO_NET_HDR_GSO_TCPV6 && net_has(net, VIRTIO_NET_F_HOST_TSO6)) ||
	       (type == VIRTIO_NET_HEADER_GSO_UDP_L4 && net_has(net, VIRTIO_NET_FEATURE_HOST_USO));
}

static int take_frame(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	static uint8_t frame[VIRTIO_NET_HEADER_BYTES + NET_FRAME_MAX];
	struct virtio_net_hdr_v1 h;
	size_t len = 0;

	(void)b;
	for (unsigned i = 0; i < nr; i++) {
		if (iov[i].iov_len > sizeof(frame) - len)
			wrong("a frame that is too long is sent");
		memcpy(frame + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (stalled)
		return -EAGAIN;
	if (len < VIRTIO_NET_HEADER_BYTES + NET_FRAME_MIN)
		wrong("a frame that is too short is sent");
	memcpy(&h, frame, sizeof(h));
	len -= sizeof(h);
	if ((h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 &&
	    (!net_has(net, VIRTIO_NET_F_CSUM) || h.csum_start + h.csum_offset + 2u > len))
		wrong("a checksum that cannot be completed");
	if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE && !is_segment_fine(&h))
		wrong("a segment that was not agreed on");
	return 0;
}

static ssize_t give_frame(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	static const uint8_t kinds[][14] = {
		{ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8 },
		{ 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6 },
		{ 1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8 },
		{ 2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 9, 0x81 },
		{ 2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 9, 0x81 },
	};
	static uint8_t frame[VIRTIO_NET_HEADER_BYTES + NET_FRAME_MAX + 14];
	size_t left = VIRTIO_NET_HEADER_BYTES + frame_len, len = left, room = 0;

	(void)b;
	for (unsigned i = 0; i < nr; i++)
		room += iov[i].iov_len;
	if (nr_frames == 0)
		return -EAGAIN;
	nr_frames--;
	if (len > room)
		return 0;
	memset(frame, 0, VIRTIO_NET_HEADER_BYTES);
	memset(frame + VIRTIO_NET_HEADER_BYTES, (int)frame_kind, len - VIRTIO_NET_HEADER_BYTES);
	memcpy(frame + VIRTIO_NET_HEADER_BYTES, kinds[frame_kind % ARRAY_SIZE(kinds)], 14);
	for (unsigned i = 0; left > 0; i++) {
		size_t part = min(left, iov[i].iov_len);

		memcpy(iov[i].iov_base, frame + len - left, part);
		left -= part;
	}
	return (ssize_t)len;
}

static void set_offloads(struct net_backend *b, unsigned offloads)
{
	if ((offloads & ~b->gives) != 0)
		wrong("offloads that it does not give");
}

static void before_poll(struct net_backend *b, struct net_poll *poll, bool wants_frames)
{
	(void)b, (void)poll, (void)wants_frames;
}

static void after_poll(struct net_backend *b, const struct net_poll *poll)
{
	(void)b, (void)poll;
}

static void free_backend(struct net_backend *b)
{
	free(b);
}

struct net_backend *net_backend_new(const struct vm_net *n, int *error, char message[512])
{
	static const struct net_backend_ops ops = {
		.send = take_frame,
		.receive = give_frame,
		.set_offloads = set_offloads,
		.before_poll = before_poll,
		.after_poll = after_poll,
		.free = free_backend,
	};
	struct net_backend *b = calloc(1, sizeof(*b));

	(void)error, (void)message;
	if (b == NULL)
		abort();
	*b = (struct net_backend){ .ops = &ops,
				   .takes = OFFLOADS,
				   .gives = OFFLOADS,
				   .mtu = n->mtu,
				   .sums_are_good = true,
				   .link_up = true };
	return b;
}

/* ---- the guest ---- */

static uint64_t ring_gpa(unsigned queue, unsigned part)
{
	return (uint64_t)queue % RINGS_MAX * RING_BYTES + part * 0x1800u;
}

/* Most often one of its own memory. */
static uint64_t address(struct bytes *b)
{
	uint32_t at = bytes_32(b);

	if (at % 64 == 0)
		return at;
	if (at % 64 == 1)
		return RAM_BYTES - (at >> 6) % 64;
	return DATA_GPA + (at >> 6) % (RAM_BYTES - DATA_GPA - 0x8000u);
}

static uint32_t length(struct bytes *b)
{
	static const uint32_t lengths[] = { 0, 1, 2, 11, 12, 13, 26, 60, 400, 1514, 1526, 4096 };
	unsigned n = bytes_8(b);

	if (n < 16)
		return bytes_32(b);
	return n < 64 ? bytes_16(b) : lengths[n % ARRAY_SIZE(lengths)];
}

static void describe(struct bytes *b)
{
	unsigned queue = bytes_8(b) % net->device.nr_queues, idx = bytes_8(b), flags = bytes_8(b);
	struct vring_desc *d = (void *)(ram + ring_gpa(queue, 0) + idx % 256 * sizeof(*d));

	d->addr = address(b);
	d->len = length(b);
	d->flags = (uint16_t)(flags < 16 ? flags : queue == NET_QUEUE_RECEIVE ? 2 : 0);
	if (flags >= 192)
		d->flags |= VRING_DESC_F_NEXT;
	d->next = (uint16_t)(flags == 200 ? bytes_16(b) : (idx + 1) % ring_size);
}

static void offer(struct bytes *b)
{
	unsigned queue = bytes_8(b) % net->device.nr_queues % RINGS_MAX, head = bytes_8(b);
	struct vring_avail *avail = (void *)(ram + ring_gpa(queue, 1));

	if (bytes_one_in(b, 128))
		head = bytes_16(b);
	avail->ring[avail_idx[queue]++ % ring_size] = (uint16_t)(head % (ring_size + 1u));
	if (bytes_one_in(b, 128))
		avail_idx[queue] = (uint16_t)bytes_16(b);
	avail->idx = avail_idx[queue];
	avail->ring[ring_size] = (uint16_t)bytes_8(b); /* used_event */
}

/* A chain that is as it should be: header and frame, a command, a buffer. */
static void offer_sound(struct bytes *b)
{
	unsigned queue = bytes_8(b) % 3, idx = bytes_8(b) % 64, at = idx * 0x200u;
	struct vring_desc *d = (void *)(ram + ring_gpa(queue, 0) + idx * sizeof(*d));
	struct vring_avail *avail = (void *)(ram + ring_gpa(queue, 1));
	uint32_t len = bytes_16(b) % 1600;

	d[0] = (struct vring_desc){ DATA_GPA + at, len, 0, (uint16_t)(idx + 1) };
	if (queue == NET_QUEUE_RECEIVE)
		d[0].flags = VRING_DESC_F_WRITE;
	if (queue == CONTROL) {
		d[0].flags = VRING_DESC_F_NEXT;
		d[1] = (struct vring_desc){ DATA_GPA, 1, VRING_DESC_F_WRITE, 0 };
	}
	if (queue != NET_QUEUE_RECEIVE)
		(void)bytes_take(b, ram + DATA_GPA + at, bytes_8(b) % 64);
	if (queue == CONTROL) { /* class and code that there may be, sizes of tables */
		ram[DATA_GPA + at] %= 6;
		ram[DATA_GPA + at + 1] %= 7;
		d[0].len %= 160;
		memset(ram + DATA_GPA + at + 3, 0, len % 2 * 3);
		ram[DATA_GPA + at + 2] &= (uint8_t)(len % 2 ? 3 : 255);
	}
	avail->ring[avail_idx[queue]++ % ring_size] = (uint16_t)idx;
	avail->idx = avail_idx[queue];
}

static void write_memory(struct bytes *b)
{
	uint64_t at = address(b);
	size_t len = bytes_8(b);

	if (at < RAM_BYTES)
		(void)bytes_take(b, ram + at, min(len, (size_t)(RAM_BYTES - at)));
}

static void access_register(struct bytes *b)
{
	static const uint32_t offsets[] = {
		VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_MMIO_DRIVER_FEATURES_SEL,
		VIRTIO_MMIO_DRIVER_FEATURES,     VIRTIO_MMIO_QUEUE_SEL,
		VIRTIO_MMIO_QUEUE_NUM,           VIRTIO_MMIO_QUEUE_READY,
		VIRTIO_MMIO_INTERRUPT_ACK,       VIRTIO_MMIO_STATUS,
		VIRTIO_MMIO_QUEUE_DESC_LOW,      VIRTIO_MMIO_QUEUE_DESC_HIGH,
		VIRTIO_MMIO_QUEUE_AVAIL_LOW,     VIRTIO_MMIO_QUEUE_USED_LOW,
		VIRTIO_SETUP_REGISTER,
	};
	unsigned which = bytes_8(b);
	uint32_t offset = offsets[which % ARRAY_SIZE(offsets)], value = bytes_8(b);
	uint8_t data[8];

	if (which > 240)
		offset = bytes_16(b) % VM_DEVICE_BYTES;
	if (bytes_one_in(b, 4))
		value = bytes_32(b);
	virtio_mmio_write(&net->device, offset, value);
	virtio_mmio_read(&net->device, offset, data, 1u << which % 4);
	virtio_mmio_read(&net->device, VIRTIO_MMIO_CONFIG + value % 512, data, 1u << which % 4);
}

/* The device starts with features of which some may be missing, and rings as ring_gpa says. */
static void start(struct bytes *b)
{
	struct virtio_setup *s = (void *)(ram + SETUP_PAGE * 0x1000u);
	uint64_t without = bytes_one_in(b, 2) ? 0 : BIT(bytes_8(b) % 64) | BIT(bytes_8(b) % 64);
	unsigned nr = net->device.nr_queues;

	ring_size = (uint16_t)(1u << bytes_8(b) % 9);
	memset(ram, 0, SETUP_PAGE * 0x1000u);
	memset(avail_idx, 0, sizeof(avail_idx));
	memset(s, 0, sizeof(*s));
	s->command = VIRTIO_SETUP_IDENTIFY;
	virtio_mmio_write(&net->device, VIRTIO_SETUP_REGISTER, SETUP_PAGE);
	s->command = VIRTIO_SETUP_START;
	s->features &= ~without | BIT(VIRTIO_F_VERSION_1);
	s->nr_queues = bytes_one_in(b, 16) ? bytes_8(b) : nr;
	s->config_changes = bytes_one_in(b, 2) ? address(b) : 0;
	for (unsigned i = 0; i < nr; i++) {
		s->queues[i].desc = ring_gpa(i, 0);
		s->queues[i].avail = ring_gpa(i, 1);
		s->queues[i].used = ring_gpa(i, 2);
		s->queues[i].size = ring_size;
		if (bytes_one_in(b, 32)) /* anywhere */
			s->queues[i].used = address(b);
		if (bytes_one_in(b, 32))
			s->queues[i].size = bytes_16(b);
	}
	virtio_mmio_write(&net->device, VIRTIO_SETUP_REGISTER, SETUP_PAGE);
}

static void serve(void)
{
	for (unsigned i = 0; i < 4 && device_serve(&net->device); i++)
		continue;
	(void)device_arm(&net->device);
}

static void step(struct bytes *b)
{
	uint64_t counter;

	switch (bytes_8(b) % 16) {
	case 0:
		start(b);
		break;
	case 1:
		access_register(b);
		break;
	case 2:
	case 3:
		write_memory(b);
		break;
	case 4:
		nr_frames = bytes_8(b) % 8;
		frame_kind = bytes_8(b);
		frame_len = bytes_one_in(b, 8) ? bytes_16(b) % NET_FRAME_MAX : bytes_8(b) * 8;
		break;
	case 5:
		stalled = bytes_one_in(b, 2);
		net->pairs[0]->backend->link_up = !bytes_one_in(b, 4);
		break;
	case 6:
	case 7:
		describe(b);
		break;
	case 8:
	case 9:
		offer(b);
		break;
	case 10:
	case 11:
	case 12:
		offer_sound(b);
		break;
	default:
		serve();
		if (read(no_worker_kick_fd, &counter, sizeof(counter)) < 0 && errno != EAGAIN)
			wrong("the eventfd");
	}
}

static void set_up(void)
{
	if (no_worker_kick_fd < 0) {
		no_worker_kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	}
	ram = aligned_alloc(0x1000, RAM_BYTES);
	if (ram == NULL || no_worker_kick_fd < 0 || null_fd < 0)
		wrong("no memory");
	memset(ram, 0, RAM_BYTES);
	memset(&vm, 0, sizeof(vm));
	config = (struct vm_net){
		.kind = VM_NET_FD, .fd = -1, .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 1 }
	};
	vm_config = (struct vm_config){ .nets = &config, .nr_nets = 1 };
	vm.config = &vm_config;
	vm.vm_fd = -1;
	vm.memory.regions[0] = (struct guest_region){ 0, RAM_BYTES, ram };
	vm.memory.nr_regions = 1;
	stalled = false;
	nr_frames = frame_len = frame_kind = 0;
	ring_size = 256;
	capture = capture_new(null_fd, &config, 1);
	net = virtio_net_new(&vm, 0, capture);
	if (net == NULL)
		wrong("no device");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };

	set_up();
	start(&b);
	while (bytes_are_left(&b))
		step(&b);
	stalled = false;
	serve();
	net->pairs[0]->worker.finish(&net->pairs[0]->worker);
	virtio_net_free(net);
	if (capture_free(capture) != 0)
		wrong("the capture");
	free(ram);
	return 0;
}
