/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two sides of a split ring against each other: the kernel's driver side
 * (drivers/virtio_ring.c) and the monitor's device side (monitor/device/virtqueue.c), in one
 * address space where physical is virtual. Random traffic with and without event indices and
 * indirect descriptors; then a device that lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/mmu.h"
#include "core/log.h"
#include "drivers/virtio.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "monitor/guest_memory.h"
#include "monitor/device/virtqueue.h"

#define RING_SIZE   16u
#define ROUNDS      20000u
#define PIECES_MAX  6u
#define ARENA_BYTES (1u << 20)

/* What the ring code asks of the kernel. Memory comes from one arena, so that it is guest memory.
 * */
static char *arena;
static bool no_memory;
static unsigned nr_notified;

paddr_t ptr_to_paddr(const void *ptr)
{
	return (paddr_t)((const char *)ptr - arena);
}

void log_print(enum log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static char *arena_next;
static void *free_lists[64];

static void *arena_alloc(size_t size)
{
	size_t class = (size + 63) / 64;
	char *p;

	if (class < 64 && free_lists[class] != NULL) {
		p = free_lists[class];
		free_lists[class] = *(void **)(void *)p;
	} else {
		p = arena_next + 16;
		*(size_t *)(void *)arena_next = class;
		arena_next += class * 64 + 16;
		assert_true(arena_next < arena + ARENA_BYTES);
	}
	memset(p, 0, class * 64);
	return p;
}

void *kmem_alloc(size_t size)
{
	return arena_alloc(size);
}

void *kmem_alloc_nowait(size_t size)
{
	return no_memory ? NULL : arena_alloc(size);
}

void *kmem_alloc_array(size_t size, size_t n)
{
	return arena_alloc(size * n);
}

void kmem_free(void *p)
{
	size_t class;

	if (p == NULL)
		return;
	class = *(size_t *)(void *)((char *)p - 16);
	if (class >= 64)
		return;
	*(void **)p = free_lists[class];
	free_lists[class] = p;
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	size_t next = (size_t)(arena_next - arena);

	(void)flags;
	arena_next = arena + align_up(next + 16, PAGE_SIZE) - 16;
	return arena_alloc(PAGE_SIZE << order);
}

void *page_to_ptr(const struct page *p)
{
	return (void *)(uintptr_t)p;
}

/* The transport. */
static unsigned queue_size_max(struct virtio_device *d, unsigned idx)
{
	(void)d;
	return idx == 0 ? RING_SIZE : 0;
}

static int queue_setup(struct virtio_device *d, struct virtq *q)
{
	(void)d;
	(void)q;
	return 0;
}

static void notify(struct virtio_device *d, struct virtq *q)
{
	(void)d;
	(void)q;
	nr_notified++;
}

bool virtio_has_feature(const struct virtio_device *d, unsigned bit)
{
	return (d->features >> bit & 1) != 0;
}

static const struct virtio_transport transport = {
	.queue_setup = queue_setup,
	.queue_size_max = queue_size_max,
	.notify = notify,
};
static const struct virtio_transport legacy_transport = {
	.is_legacy = true,
	.queue_setup = queue_setup,
	.queue_size_max = queue_size_max,
	.notify = notify,
};
static const struct virtio_driver driver = { .name = "test" };

struct world {
	struct virtio_device d;
	struct virtq *q;
	struct guest_memory memory;
	struct virtqueue device;
	struct virtqueue_chain chain;
	bool device_sleeps;
};

static void world_init_by(struct world *w, const struct virtio_transport *t, uint64_t features)
{
	struct virtqueue_rings rings;
	uint64_t gpa[3];

	memset(w, 0, sizeof(*w));
	memset(free_lists, 0, sizeof(free_lists));
	arena_next = arena + 4096;
	no_memory = false;
	nr_notified = 0;
	w->d = (struct virtio_device){
		.transport = t,
		.driver = &driver,
		.features = features,
	};
	w->memory.nr_regions = 1;
	w->memory.regions[0] = (struct guest_region){ 0, ARENA_BYTES, (uint8_t *)arena };
	w->q = virtq_new(&w->d, 0, 64);
	assert_non_null(w->q);
	assert_int_equal(w->q->size, RING_SIZE);
	gpa[0] = ptr_to_paddr(w->q->desc);
	gpa[1] = ptr_to_paddr(w->q->avail);
	gpa[2] = ptr_to_paddr(w->q->used);
	assert_int_equal(virtqueue_map(&w->memory, RING_SIZE, gpa, &rings), 0);
	w->device.event_idx = (features >> VIRTIO_RING_F_EVENT_IDX & 1) != 0;
	virtqueue_start(&w->device, &w->memory, &rings, RING_SIZE, 0);
}

static void world_init(struct world *w, uint64_t features)
{
	world_init_by(w, &transport, features);
}

/* A request carries its number; the device answers with its complement. */
struct message {
	uint32_t number;
	unsigned nr_out, nr_in;
	uint32_t data[2 * PIECES_MAX][3]; /* pieces: not adjacent, of one word each */
};

static int send_message(struct world *w, uint32_t number)
{
	struct message *m = arena_alloc(sizeof(*m));
	struct virtq_piece pieces[2 * PIECES_MAX];
	struct virtq_request r = { .out = pieces, .in = pieces + PIECES_MAX, .cookie = m };
	int err;

	m->number = number;
	m->nr_out = 1 + (unsigned)rand() % (PIECES_MAX - 1);
	m->nr_in = 1 + (unsigned)rand() % (PIECES_MAX - 1);
	for (unsigned i = 0; i < 2 * PIECES_MAX; i++) {
		m->data[i][0] = number + i;
		pieces[i] = (struct virtq_piece){ &m->data[i][0], sizeof(uint32_t) };
	}
	r.nr_out = m->nr_out;
	r.nr_in = m->nr_in;
	err = virtq_add(w->q, &r);
	if (err != 0)
		kmem_free(m);
	return err;
}

static void serve_one(struct world *w)
{
	struct virtqueue_chain *c = &w->chain;
	uint32_t number = *(uint32_t *)c->readable[0].iov_base;

	assert_int_equal(c->readable_bytes % sizeof(uint32_t), 0);
	for (unsigned i = 0; i < c->nr_writable; i++) {
		assert_int_equal(c->writable[i].iov_len, sizeof(uint32_t));
		*(uint32_t *)c->writable[i].iov_base = ~number;
	}
	virtqueue_push(&w->device, c->head, (uint32_t)c->writable_bytes);
}

static void serve(struct world *w, unsigned at_most)
{
	int got = 1;

	while (at_most-- > 0 && (got = virtqueue_pop(&w->device, &w->chain)) == 1)
		serve_one(w);
	assert_true(got >= 0);
}

static uint32_t take_all(struct world *w)
{
	struct message *m;
	uint32_t len, taken = 0;

	while ((m = virtq_take(w->q, &len)) != NULL) {
		assert_int_equal(len, m->nr_in * sizeof(uint32_t));
		for (unsigned i = 0; i < m->nr_in; i++)
			assert_int_equal(m->data[PIECES_MAX + i][0], ~m->number);
		kmem_free(m);
		taken++;
	}
	return taken;
}

/* Any interleaving of adding, serving and taking loses nothing, and leaves the ring empty. */
static void traffic(const struct virtio_transport *t, uint64_t features)
{
	struct world *w = malloc(sizeof(*w));
	uint32_t sent = 0, taken = 0;
	int err;

	assert_non_null(w);
	world_init_by(w, t, features);
	for (unsigned i = 0; i < ROUNDS; i++) {
		no_memory = rand() % 8 == 0;
		switch (rand() % 3) {
		case 0:
			err = send_message(w, i);
			assert_true(err == 0 || err == -ENOSPC);
			sent += err == 0;
			virtq_kick(w->q);
			break;
		case 1:
			serve(w, (unsigned)rand() % 8);
			break;
		default:
			taken += take_all(w);
		}
		assert_false(w->d.broken);
	}
	serve(w, UINT32_MAX);
	taken += take_all(w);
	assert_int_equal(sent, taken);
	assert_true(virtq_is_empty(w->q));
	assert_int_equal(w->q->nr_free, RING_SIZE);
	free(w);
}

static void passes_traffic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t features = (i & 1 ? 1ull << VIRTIO_RING_F_INDIRECT_DESC : 0) |
				    (i & 2 ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0);

		traffic(&transport, features);
		traffic(&legacy_transport, features);
	}
}

/* A legacy device is told one page's number, and finds the rest by itself (§2.7.2). */
static void lays_out_legacy_rings(void **state)
{
	struct world *w = malloc(sizeof(*w));
	paddr_t at;

	(void)state;
	assert_non_null(w);
	world_init_by(w, &legacy_transport, 0);
	at = ptr_to_paddr(w->q->desc);
	assert_int_equal(at % PAGE_SIZE, 0);
	assert_int_equal(ptr_to_paddr(w->q->avail), at + 16 * RING_SIZE);
	assert_int_equal(ptr_to_paddr(w->q->used),
			 at + align_up(16 * RING_SIZE + 2 * (3 + RING_SIZE), PAGE_SIZE));
	free(w);
}

/* A device that sleeps is told; one that looks by itself is not. The same for completions. */
static void suppresses(void **state)
{
	struct world *w = malloc(sizeof(*w));

	(void)state;
	assert_non_null(w);
	world_init(w, 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC);
	assert_false(virtqueue_arm(&w->device));
	assert_int_equal(send_message(w, 1), 0);
	virtq_kick(w->q);
	assert_int_equal(nr_notified, 1);
	assert_int_equal(send_message(w, 2), 0);
	virtq_kick(w->q);
	assert_int_equal(nr_notified, 1);
	serve(w, 1);
	assert_false(virtqueue_needs_interrupt(&w->device));
	assert_true(virtq_arm(w->q)); /* one is there already */
	assert_int_equal(take_all(w), 1);
	assert_false(virtq_arm(w->q));
	serve(w, 1);
	assert_true(virtqueue_needs_interrupt(&w->device));
	assert_int_equal(take_all(w), 1);
	assert_false(virtqueue_arm(&w->device));
	assert_int_equal(send_message(w, 3), 0);
	virtq_kick(w->q);
	assert_int_equal(nr_notified, 2);
	free(w);
}

/* Neighbours in memory are one buffer for the device. */
static void joins_neighbours(void **state)
{
	struct world *w = malloc(sizeof(*w));
	char *buf;
	struct virtq_piece pieces[3];
	struct virtq_request r = { .out = pieces, .nr_out = 2, .in = pieces + 2, .nr_in = 1 };

	(void)state;
	assert_non_null(w);
	world_init(w, 1ull << VIRTIO_RING_F_INDIRECT_DESC);
	buf = arena_alloc(96);
	for (unsigned i = 0; i < 3; i++)
		pieces[i] = (struct virtq_piece){ buf + 32 * i, 32 };
	r.cookie = buf;
	assert_int_equal(virtq_add(w->q, &r), 0);
	assert_int_equal(virtqueue_pop(&w->device, &w->chain), 1);
	assert_int_equal(w->chain.nr_readable, 1);
	assert_int_equal(w->chain.readable_bytes, 64);
	assert_int_equal(w->chain.nr_writable, 1);
	assert_int_equal(w->chain.writable_bytes, 32);
	free(w);
}

static void refuses_lies(void **state)
{
	struct world *w = malloc(sizeof(*w));
	uint32_t len;

	(void)state;
	assert_non_null(w);
	world_init(w, 0); /* a completion that nobody asked for */
	w->q->used->idx = 1;
	assert_null(virtq_take(w->q, &len));
	assert_true(w->d.broken);
	assert_int_equal(send_message(w, 1), -EIO);

	world_init(w, 1ull << VIRTIO_RING_F_INDIRECT_DESC); /* of an unknown request */
	assert_int_equal(send_message(w, 1), 0);
	w->q->used->ring[0].id = 5;
	w->q->used->idx = 1;
	assert_null(virtq_take(w->q, &len));
	assert_true(w->d.broken);
	assert_non_null(virtq_abandon(w->q));
	assert_null(virtq_abandon(w->q));

	world_init(w, 0); /* an index outside the ring */
	assert_int_equal(send_message(w, 1), 0);
	w->q->used->ring[0].id = 0x10000;
	w->q->used->idx = 1;
	assert_null(virtq_take(w->q, &len));
	assert_true(w->d.broken);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_traffic), cmocka_unit_test(lays_out_legacy_rings),
		cmocka_unit_test(suppresses),     cmocka_unit_test(joins_neighbours),
		cmocka_unit_test(refuses_lies),
	};
	int failed;

	arena = aligned_alloc(PAGE_SIZE, ARENA_BYTES);
	srand(1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(arena);
	return failed;
}
