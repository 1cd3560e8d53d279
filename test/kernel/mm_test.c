/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory on the real page tables: allocators, user copies that fault, address spaces. */
#include "arch/mmu.h"
#include "core/sched/thread.h"
#include "ktest.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define NR 64

KTEST(kmem_keeps_objects_apart)
{
	uint8_t *p[NR];
	size_t size[NR];

	for (unsigned i = 0; i < NR; i++) {
		size[i] = 1 + ktest_random() % 3000;
		p[i] = kmem_alloc(size[i]);
		KCHECK(p[i] != NULL);
		memset(p[i], (int)i, size[i]);
	}
	for (unsigned i = 0; i < NR; i++) {
		for (size_t k = 0; k < size[i]; k++)
			KCHECK(p[i][k] == i);
		kmem_free(p[i]);
	}
}

KTEST(pages_come_back)
{
	struct page_stats before, after;
	struct page *p[NR];

	page_stats_get(&before);
	for (unsigned i = 0; i < NR; i++) {
		p[i] = page_alloc(i % 4, PAGE_ALLOC_ZERO);
		KCHECK(p[i] != NULL);
		memset(page_to_ptr(p[i]), 0xa5, PAGE_SIZE << (i % 4));
	}
	for (unsigned i = 0; i < NR; i++)
		page_free(p[i], i % 4);
	page_stats_get(&after);
	KCHECK(before.free == after.free);
}

/* Runs fn in an address space of its own. */
static void in_space(void (*fn)(struct vmspace *vs))
{
	struct vmspace *vs = vmspace_new();

	KCHECK(vs != NULL);
	vs->mmap_base = 0x7f0000000000;
	vs->limit_as = vs->limit_data = vs->limit_stack = UINT64_MAX;
	sched_switch_space(vs);
	fn(vs);
	sched_switch_space(NULL);
	vmspace_put(vs);
}

static void copy_across_a_hole(struct vmspace *vs)
{
	struct vm_map m = { .len = 2 * PAGE_SIZE,
			    .prot = MMU_READ | MMU_WRITE,
			    .flags = VM_MAY_WRITE };
	char text[64];
	uaddr_t at;

	KCHECK(vmspace_map(vs, &m, &at) == 0);
	KCHECK(vmspace_unmap(vs, at + PAGE_SIZE, PAGE_SIZE) == 0);
	KCHECK(user_write(at, "hello", 5) == 0);
	KCHECK(user_read(text, at, 5) == 0 && memcmp(text, "hello", 5) == 0);
	KCHECK(user_read(text, at + PAGE_SIZE - 4, 8) == -EFAULT);
	KCHECK(user_read_some(text, at + PAGE_SIZE - 4, 8) == 4);
	KCHECK(user_write(0x10, text, 1) == -EFAULT);
	KCHECK(user_write(DIRECT_MAP_BASE, text, 1) == -EFAULT);
	KCHECK(vmspace_protect(vs, at, PAGE_SIZE, MMU_READ) == 0);
	KCHECK(user_write(at, "x", 1) == -EFAULT);
	KCHECK(user_read(text, at, 5) == 0);
}

KTEST(user_copies_fault_cleanly)
{
	in_space(copy_across_a_hole);
}

/* Of each length, over each distance to the end of the page, exactly what is there arrives. */
static void copy_up_to_a_hole(struct vmspace *vs)
{
	struct vm_map m = { .len = 2 * PAGE_SIZE,
			    .prot = MMU_READ | MMU_WRITE,
			    .flags = VM_MAY_WRITE };
	uint8_t pattern[160], got[160];
	uaddr_t at;

	KCHECK(vmspace_map(vs, &m, &at) == 0);
	KCHECK(vmspace_unmap(vs, at + PAGE_SIZE, PAGE_SIZE) == 0);
	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i + 1);
	for (size_t len = 0; len <= sizeof(pattern); len++) {
		for (size_t room = 0; room <= sizeof(pattern); room++) {
			uaddr_t from = at + PAGE_SIZE - room;
			size_t fits = len < room ? len : room;

			KCHECK(user_zero(from, room) == 0);
			KCHECK(user_write_some(from, pattern, len) == fits);
			memset(got, 0, sizeof(got));
			KCHECK(user_read_some(got, from, len) == fits);
			KCHECK(memcmp(got, pattern, fits) == 0);
			KCHECK(fits == len || got[fits] == 0);
			KCHECK(user_zero(from, len) == (fits == len ? 0 : -EFAULT));
			KCHECK(user_read(got, from, room) == 0);
			for (size_t i = 0; i < room; i++)
				KCHECK(got[i] == 0);
		}
	}
}

KTEST(user_copies_are_exact)
{
	in_space(copy_up_to_a_hole);
}

static uint8_t expected_byte(size_t at, size_t dst, size_t src, size_t len)
{
	size_t from = at >= dst && at < dst + len ? at - dst + src : at;

	return (uint8_t)(from * 7 + 1);
}

KTEST(memory_moves_as_a_whole)
{
	uint8_t bytes[400];

	for (unsigned round = 0; round < 3000; round++) {
		size_t len = ktest_random() % 200, dst = ktest_random() % 200;
		size_t src = ktest_random() % 200;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(i * 7 + 1);
		memmove(bytes + dst, bytes + src, len);
		for (size_t i = 0; i < sizeof(bytes); i++)
			KCHECK(bytes[i] == expected_byte(i, dst, src, len));
	}
}

static void fork_and_write(struct vmspace *vs)
{
	struct vm_map m = { .len = 16 * PAGE_SIZE,
			    .prot = MMU_READ | MMU_WRITE,
			    .flags = VM_MAY_WRITE };
	struct vmspace *child;
	uint32_t value = 1, seen = 0;
	uaddr_t at;

	KCHECK(vmspace_map(vs, &m, &at) == 0);
	for (unsigned i = 0; i < 16; i++)
		KCHECK(user_write_struct(at + i * PAGE_SIZE, &value) == 0);
	child = vmspace_fork(vs);
	KCHECK(child != NULL);
	sched_switch_space(child);
	value = 2;
	KCHECK(user_write_struct(at, &value) == 0);
	sched_switch_space(vs);
	KCHECK(user_read_struct(&seen, at) == 0 && seen == 1);
	sched_switch_space(child);
	KCHECK(user_read_struct(&seen, at) == 0 && seen == 2);
	KCHECK(user_read_struct(&seen, at + PAGE_SIZE) == 0 && seen == 1);
	sched_switch_space(vs);
	vmspace_put(child);
}

KTEST(a_fork_copies_on_write)
{
	in_space(fork_and_write);
}

KTEST(an_address_space_gives_everything_back)
{
	struct page_stats before, after;

	in_space(fork_and_write); /* whatever is cached once is cached now */
	page_stats_get(&before);
	in_space(fork_and_write);
	in_space(copy_across_a_hole);
	page_stats_get(&after);
	KCHECK(after.anonymous == before.anonymous);
	KCHECK(after.tables == before.tables);
}
