/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a virtqueue against drivers that break the rules: every index, length, flag
 * and address is taken from the driver here, first by hand, then at random (seeded; CMOCKA's output
 * names the case). Guest memory has guard pages around it, so that an access outside it is seen.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
/* after the four above */
#include <cmocka.h>
#include "monitor/device/virtqueue.h"

#define LOW_BYTES  0x10000u
#define HIGH_BYTES 0x4000u
#define HIGH_GPA   0x100000000ull
#define GUARD      0x1000u
#define SIZE       16u
#define DESC_GPA   0x1000u
#define AVAIL_GPA  0x2000u
#define USED_GPA   0x3000u
#define TABLE_GPA  0x4000u
#define DATA_GPA   0x8000u

struct fixture {
	struct guest_memory memory;
	struct virtqueue vq;
	struct virtqueue_chain chain;
	uint8_t *low, *high;
};

static uint8_t *map_guarded(size_t len)
{
	uint8_t *all = mmap(NULL, len + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(all != MAP_FAILED);
	assert_int_equal(mprotect(all + GUARD, len, PROT_READ | PROT_WRITE), 0);
	return all + GUARD;
}

static void start(struct fixture *f, bool event_idx)
{
	const uint64_t gpa[3] = { DESC_GPA, AVAIL_GPA, USED_GPA };
	struct virtqueue_rings rings;

	memset(f->low, 0, LOW_BYTES);
	assert_int_equal(virtqueue_map(&f->memory, SIZE, gpa, &rings), 0);
	f->vq.event_idx = event_idx;
	virtqueue_start(&f->vq, &f->memory, &rings, SIZE, 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->low = map_guarded(LOW_BYTES);
	f->high = map_guarded(HIGH_BYTES);
	f->memory.regions[0] = (struct guest_region){ 0, LOW_BYTES, f->low };
	f->memory.regions[1] = (struct guest_region){ HIGH_GPA, HIGH_BYTES, f->high };
	f->memory.nr_regions = 2;
	start(f, false);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	munmap(f->low - GUARD, LOW_BYTES + 2 * GUARD);
	munmap(f->high - GUARD, HIGH_BYTES + 2 * GUARD);
	free(f);
	return 0;
}

static void describe(struct fixture *f, unsigned idx, struct vring_desc d)
{
	f->vq.rings.desc[idx] = d;
}

static void offer(struct fixture *f, uint16_t head)
{
	struct vring_avail *avail = f->vq.rings.avail;

	avail->ring[avail->idx % SIZE] = head;
	avail->idx++;
}

static int pop(struct fixture *f)
{
	return virtqueue_pop(&f->vq, &f->chain);
}

static void expect_broken(struct fixture *f)
{
	assert_int_equal(pop(f), -EPROTO);
	assert_true(f->vq.broken);
	assert_int_equal(pop(f), 0);
	assert_false(virtqueue_has_work(&f->vq));
	assert_false(virtqueue_arm(&f->vq));
}

static void test_memory_bounds(void **state)
{
	struct fixture *f = *state;
	const struct guest_memory *m = &f->memory;

	assert_ptr_equal(guest_memory_at(m, 0, LOW_BYTES), f->low);
	assert_null(guest_memory_at(m, 0, LOW_BYTES + 1));
	assert_null(guest_memory_at(m, LOW_BYTES, 1));
	assert_null(guest_memory_at(m, LOW_BYTES - 1, 2));
	assert_null(guest_memory_at(m, 1, UINT64_MAX));
	assert_null(guest_memory_at(m, UINT64_MAX, 2));
	assert_ptr_equal(guest_memory_at(m, HIGH_GPA + HIGH_BYTES - 1, 1),
			 f->high + HIGH_BYTES - 1);
	assert_null(guest_memory_at(m, HIGH_GPA - 1, 2));
}

static void test_map_refuses(void **state)
{
	static const struct {
		uint16_t size;
		uint64_t gpa[3];
	} bad[] = {
		{ 0, { DESC_GPA, AVAIL_GPA, USED_GPA } },
		{ 3, { DESC_GPA, AVAIL_GPA, USED_GPA } },
		{ 2048, { DESC_GPA, AVAIL_GPA, USED_GPA } },
		{ SIZE, { DESC_GPA + 8, AVAIL_GPA, USED_GPA } },
		{ SIZE, { DESC_GPA, AVAIL_GPA + 1, USED_GPA } },
		{ SIZE, { DESC_GPA, AVAIL_GPA, USED_GPA + 2 } },
		{ SIZE, { LOW_BYTES - 16, AVAIL_GPA, USED_GPA } },
		{ SIZE, { DESC_GPA, LOW_BYTES - 4, USED_GPA } },
		{ SIZE, { DESC_GPA, AVAIL_GPA, ~15ull } },
	};
	struct fixture *f = *state;
	struct virtqueue_rings rings;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(virtqueue_map(&f->memory, bad[i].size, bad[i].gpa, &rings),
				 -EINVAL);
}

static void test_chain(void **state)
{
	struct fixture *f = *state;

	describe(f, 3, (struct vring_desc){ DATA_GPA, 100, VRING_DESC_F_NEXT, 7 });
	describe(f, 7, (struct vring_desc){ DATA_GPA + 100, 0, VRING_DESC_F_NEXT, 9 });
	describe(f, 9, (struct vring_desc){ HIGH_GPA, HIGH_BYTES, VRING_DESC_F_WRITE, 0 });
	assert_int_equal(pop(f), 0);
	offer(f, 3);
	assert_true(virtqueue_has_work(&f->vq));
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, 3);
	assert_int_equal(f->chain.nr_readable, 1);
	assert_int_equal(f->chain.nr_writable, 1);
	assert_int_equal(f->chain.readable_bytes, 100);
	assert_int_equal(f->chain.writable_bytes, HIGH_BYTES);
	assert_ptr_equal(f->chain.readable[0].iov_base, f->low + DATA_GPA);
	assert_ptr_equal(f->chain.writable[0].iov_base, f->high);
	virtqueue_push(&f->vq, 3, 55);
	assert_int_equal(f->vq.rings.used->idx, 1);
	assert_int_equal(f->vq.rings.used->ring[0].id, 3);
	assert_int_equal(f->vq.rings.used->ring[0].len, 55);
	assert_int_equal(pop(f), 0);
}

static void test_indirect(void **state)
{
	struct fixture *f = *state;
	struct vring_desc *table = (void *)(f->low + TABLE_GPA);

	table[0] = (struct vring_desc){ DATA_GPA, 8, VRING_DESC_F_NEXT, 2 };
	table[2] = (struct vring_desc){ DATA_GPA + 8, 8, VRING_DESC_F_WRITE, 0 };
	describe(f, 1, (struct vring_desc){ TABLE_GPA, 3 * 16, VRING_DESC_F_INDIRECT, 0 });
	offer(f, 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_readable, 1);
	assert_int_equal(f->chain.nr_writable, 1);
}

static void test_bad_heads_and_links(void **state)
{
	static const uint16_t bad[] = { SIZE, SIZE + 1, 0x7fff, 0xffff };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(f, false);
		offer(f, bad[i]);
		expect_broken(f);
		start(f, false);
		describe(f, 0, (struct vring_desc){ DATA_GPA, 1, VRING_DESC_F_NEXT, bad[i] });
		offer(f, 0);
		expect_broken(f);
	}
}

static void test_loops(void **state)
{
	struct fixture *f = *state;
	struct vring_desc *table = (void *)(f->low + TABLE_GPA);

	describe(f, 0, (struct vring_desc){ DATA_GPA, 1, VRING_DESC_F_NEXT, 0 });
	offer(f, 0);
	expect_broken(f);
	start(f, false);
	describe(f, 0, (struct vring_desc){ DATA_GPA, 0, VRING_DESC_F_NEXT, 1 });
	describe(f, 1, (struct vring_desc){ DATA_GPA, 0, VRING_DESC_F_NEXT, 0 });
	offer(f, 0);
	expect_broken(f);
	start(f, false);
	table[0] = (struct vring_desc){ DATA_GPA, 1, VRING_DESC_F_NEXT, 1 };
	table[1] = (struct vring_desc){ DATA_GPA, 1, VRING_DESC_F_NEXT, 0 };
	describe(f, 0, (struct vring_desc){ TABLE_GPA, 32, VRING_DESC_F_INDIRECT, 0 });
	offer(f, 0);
	expect_broken(f);
}

static void test_bad_buffers(void **state)
{
	static const struct vring_desc bad[] = {
		{ LOW_BYTES, 1, 0, 0 },         /* outside */
		{ LOW_BYTES - 1, 2, 0, 0 },     /* across the end */
		{ DATA_GPA, UINT32_MAX, 0, 0 }, /* giant */
		{ UINT64_MAX, 1, 0, 0 },
		{ UINT64_MAX - 0xfff, 0x2000, VRING_DESC_F_WRITE, 0 },
		{ HIGH_GPA - 1, 2, 0, 0 }, /* from the hole into memory */
		{ TABLE_GPA, 0, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE_GPA, 17, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE_GPA + 8, 16, VRING_DESC_F_INDIRECT, 0 },
		{ LOW_BYTES - 16, 32, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE_GPA, 16 * 1025, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE_GPA, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(f, false);
		describe(f, 0, bad[i]);
		offer(f, 0);
		expect_broken(f);
	}
}

static void test_order_and_nesting(void **state)
{
	struct fixture *f = *state;
	struct vring_desc *table = (void *)(f->low + TABLE_GPA);

	describe(f, 0,
		 (struct vring_desc){ DATA_GPA, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 });
	describe(f, 1, (struct vring_desc){ DATA_GPA, 1, 0, 0 });
	offer(f, 0);
	expect_broken(f);
	start(f, false);
	table[0] = (struct vring_desc){ TABLE_GPA, 16, VRING_DESC_F_INDIRECT, 0 };
	describe(f, 0, (struct vring_desc){ TABLE_GPA, 16, VRING_DESC_F_INDIRECT, 0 });
	offer(f, 0);
	expect_broken(f);
}

static void test_available_index_jumps(void **state)
{
	struct fixture *f = *state;

	describe(f, 0, (struct vring_desc){ DATA_GPA, 1, 0, 0 });
	f->vq.rings.avail->idx = SIZE;
	assert_int_equal(pop(f), 1);
	start(f, false);
	f->vq.rings.avail->idx = SIZE + 1;
	expect_broken(f);
}

static void test_total_length(void **state)
{
	struct fixture *f = *state;
	struct vring_desc *table = (void *)(f->low + TABLE_GPA);

	for (unsigned i = 0; i < 1024; i++)
		table[i] = (struct vring_desc){ 0, LOW_BYTES, VRING_DESC_F_NEXT,
						(uint16_t)(i + 1) };
	table[1023].flags = 0;
	describe(f, 0, (struct vring_desc){ TABLE_GPA, 1024 * 16, VRING_DESC_F_INDIRECT, 0 });
	offer(f, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_readable, 1024);
	assert_true(f->chain.readable_bytes == 1024ull * LOW_BYTES);
}

static void test_notifications(void **state)
{
	struct fixture *f = *state;
	struct vring_used *used;
	uint16_t *event;

	start(f, true);
	used = f->vq.rings.used;
	event = (uint16_t *)(void *)&used->ring[SIZE];
	assert_false(virtqueue_needs_interrupt(&f->vq));
	assert_false(virtqueue_arm(&f->vq));
	assert_int_equal(*event, 0);
	describe(f, 0, (struct vring_desc){ DATA_GPA, 1, 0, 0 });
	offer(f, 0);
	assert_true(virtqueue_arm(&f->vq));
	assert_int_equal(pop(f), 1);
	virtqueue_push(&f->vq, 0, 0);
	assert_true(virtqueue_needs_interrupt(&f->vq));
	assert_false(virtqueue_needs_interrupt(&f->vq));
	offer(f, 0);
	assert_int_equal(pop(f), 1);
	virtqueue_push(&f->vq, 0, 0);
	f->vq.rings.avail->ring[SIZE] = 5; /* used_event: not yet */
	assert_false(virtqueue_needs_interrupt(&f->vq));

	start(f, false);
	virtqueue_disarm(&f->vq);
	assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_arm(&f->vq));
	assert_int_equal(used->flags, 0);
	describe(f, 0, (struct vring_desc){ DATA_GPA, 1, 0, 0 });
	offer(f, 0);
	assert_int_equal(pop(f), 1);
	virtqueue_push(&f->vq, 0, 0);
	f->vq.rings.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_false(virtqueue_needs_interrupt(&f->vq));
}

/* Rings of noise: whatever is popped lies inside guest memory, and the walk ends. */
static void test_random_rings(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 1, popped = 0;

	for (unsigned round = 0; round < 20000; round++) {
		start(f, round % 2 != 0);
		for (unsigned i = 0; i < SIZE + 64; i++) {
			struct vring_desc *d =
				i < SIZE ? &f->vq.rings.desc[i]
					 : (struct vring_desc *)(void *)(f->low + TABLE_GPA) +
						   (i - SIZE);

			d->addr = rand_r(&seed) % 4 ? (unsigned)rand_r(&seed) % LOW_BYTES & ~15u
						    : (uint64_t)rand_r(&seed) << 8;
			d->len = rand_r(&seed) % 8 ? (unsigned)rand_r(&seed) % 256 & ~15u
						   : (unsigned)rand_r(&seed) * 2u;
			d->flags = (uint16_t)(rand_r(&seed) % 8);
			d->next = (uint16_t)(rand_r(&seed) % (rand_r(&seed) % 8 ? SIZE : 0xffff));
		}
		offer(f, (uint16_t)(rand_r(&seed) % SIZE));
		if (pop(f) != 1)
			continue;
		popped++;
		for (unsigned i = 0; i < f->chain.nr_readable + f->chain.nr_writable; i++) {
			volatile uint8_t *p = f->chain.iov[i].iov_base;

			(void)p[0];
			(void)p[f->chain.iov[i].iov_len - 1];
		}
	}
	assert_true(popped > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memory_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_map_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_chain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_indirect, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_heads_and_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loops, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_buffers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_and_nesting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_available_index_jumps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_total_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_notifications, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_rings, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
