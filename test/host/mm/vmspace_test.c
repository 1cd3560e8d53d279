/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces, feature by feature: what a program sees, and how many faults and pages it costs.
 * Each test ends with as many free pages as it began with; the last ones let every allocation fail
 * in turn.
 */
#include "test/host/cmocka_all.h"

#include <asm/mman.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "test/host/mm/space.h"

/* ---- mapping ---- */

static void test_anonymous(void **state)
{
	uaddr_t at = map_rw(64 * P);

	(void)state;
	assert_int_equal(at, SPACE_BASE - 64 * P);
	machine_counts.faults = 0;
	for (uaddr_t a = at; a < at + 64 * P; a += P)
		store(a + 5, 7);
	assert_in_range(machine_counts.faults, 5, 8); /* 2, 4, 8, then 16 pages a fault */
	for (uaddr_t a = at; a < at + 64 * P; a += P)
		assert_int_equal(load(a + 5) + load(a + 6), 7);
	assert_int_equal(vs->nr_pages, 64);
	assert_int_equal(vmspace_unmap(vs, at, 64 * P), 0);
	assert_int_equal(vs->nr_pages, 0);
	assert_int_equal(try_load(at), -EFAULT);
	assert_int_equal(nr_areas(), 0);
}

static void test_zero_page(void **state)
{
	uaddr_t at = map_rw(128 * P); /* a small one would get pages of its own */

	(void)state;
	machine_counts.faults = 0;
	for (uaddr_t a = at; a < at + 32 * P; a += P)
		assert_int_equal(load(a), 0);
	assert_in_range(machine_counts.faults, 2, 5);
	assert_int_equal(vs->nr_pages, 0);
	store(at + 3 * P, 9);
	assert_int_equal(load(at + 3 * P), 9);
	assert_int_equal(load(at + 3 * P + 1), 0);
	assert_int_equal(load(at + 2 * P), 0);
}

/* What is small is likely to be written: no zero page that would have to be changed for it. */
static void test_small_area(void **state)
{
	uaddr_t at = map_rw(2 * P);

	(void)state;
	machine_counts.faults = 0;
	assert_int_equal(load(at + P) + load(at), 0);
	store(at, 1);
	store(at + P, 2);
	assert_in_range(machine_counts.faults, 1, 2);
	assert_int_equal(vs->nr_pages, 2);
	assert_int_equal(load(at) + load(at + P), 3);
}

static void test_huge(void **state)
{
	uaddr_t at = map_at(0x40000000, 4 * HUGE_SIZE, RW, 0);

	(void)state;
	machine_counts.faults = 0;
	for (uaddr_t a = at; a < at + 4 * HUGE_SIZE; a += P)
		store(a, 3);
	assert_true(machine_counts.faults < 45); /* only the first 2 MiB in small pages */
	assert_int_equal(vs->nr_pages, 4 * 512);
	assert_int_equal(vmspace_protect(vs, at + HUGE_SIZE + P, P, MMU_READ), 0);
	assert_int_equal(machine_store(vs, at + HUGE_SIZE + P, 1), -EACCES);
	store(at + HUGE_SIZE + 2 * P, 4);
	assert_int_equal(vmspace_unmap(vs, at + 2 * HUGE_SIZE + 10 * P, P), 0);
	assert_int_equal(load(at + 2 * HUGE_SIZE + 11 * P), 3);
	assert_int_equal(vmspace_advise(vs, at + 3 * HUGE_SIZE + P, P, MADV_DONTNEED), 0);
	assert_int_equal(load(at + 3 * HUGE_SIZE + P), 0);
	assert_int_equal(load(at + 3 * HUGE_SIZE), 3);
}

static void test_huge_page_of_one(void **state)
{
	uaddr_t at = map_at(0x40000000, HUGE_SIZE, RW, 0);
	struct page *p;

	(void)state;
	assert_int_equal(vmspace_advise(vs, at, HUGE_SIZE, MADV_HUGEPAGE), 0);
	store(at + 100 * P, 1);
	assert_int_equal(vs->nr_pages, 512);
	assert_int_equal(vmspace_page(vs, at, MMU_READ, &p), 0);
	assert_int_equal(p->refs, 2);
	page_put(p);
	assert_int_equal(load(at + 100 * P), 1);
}

/* One that is still held when its mapping goes, and one that two spaces share. */
static void test_anonymous_count(void **state)
{
	uaddr_t at = map_rw(2 * P);
	struct page_stats before, with;
	struct vmspace *child;
	struct page *p;

	(void)state;
	page_stats_get(&before);
	store(at, 1);
	store(at + P, 2);
	page_stats_get(&with);
	assert_true(with.anonymous > before.anonymous);
	assert_int_equal(vmspace_page(vs, at, MMU_READ, &p), 0);
	child = vmspace_fork(vs);
	assert_non_null(child);
	store(at, 3);
	assert_int_equal(vmspace_unmap(vs, at, 2 * P), 0);
	vmspace_put(child);
	page_put(p);
	page_stats_get(&with);
	assert_int_equal(with.anonymous, before.anonymous);
}

static void test_placement(void **state)
{
	struct vm_map m = { .addr = 0x5000000, .len = P, .prot = RW };
	uaddr_t a = map_rw(P), b = map_rw(4 * P), c, out;

	(void)state;
	assert_int_equal(b, a - 4 * P);
	assert_int_equal(nr_areas(), 1); /* grown together */
	assert_int_equal(vmspace_unmap(vs, b + P, P), 0);
	assert_int_equal(map_rw(P), b + P); /* the hole is found again */
	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	assert_int_equal(out, 0x5000000);
	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	assert_true(out != 0x5000000);
	m.flags = VM_MAP_NOREPLACE;
	assert_int_equal(vmspace_map(vs, &m, &out), -EEXIST);
	m.flags = VM_MAP_32BIT;
	m.addr = 0;
	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	assert_true(out < 0x80000000);
	c = map_at(a, P, MMU_READ, VM_MAP_FIXED);
	assert_int_equal(c, a);
	m = (struct vm_map){ .addr = USER_TOP, .len = P, .flags = VM_MAP_FIXED };
	assert_int_equal(vmspace_map(vs, &m, &out), -ENOMEM);
	m.addr = 1;
	assert_int_equal(vmspace_map(vs, &m, &out), -EINVAL);
	m.addr = 0;
	assert_int_equal(vmspace_map(vs, &m, &out), -EPERM);
	m = (struct vm_map){ .len = 0 };
	assert_int_equal(vmspace_map(vs, &m, &out), -EINVAL);
	m.len = SIZE_MAX - 100;
	assert_int_equal(vmspace_map(vs, &m, &out), -ENOMEM);
	m.len = 1ull << 47;
	assert_int_equal(vmspace_map(vs, &m, &out), -ENOMEM);
	assert_int_equal(vmspace_unmap(vs, 1, P), -EINVAL);
	assert_int_equal(vmspace_unmap(vs, P, 0), -EINVAL);
	assert_int_equal(vmspace_unmap(vs, USER_TOP - P, 2 * P), -EINVAL);
}

/* Below the base everything is taken: the search goes on above it. */
static void test_above_the_base(void **state)
{
	uaddr_t at;

	(void)state;
	map_at(0x10000, SPACE_BASE - 0x10000 - P, 0, VM_MAP_FIXED | VM_NORESERVE);
	assert_int_equal(map_rw(P), SPACE_BASE - P);
	at = map_rw(P);
	assert_true(at >= SPACE_BASE);
}

static void test_limits(void **state)
{
	struct vm_map m = { .len = 1ull << 40, .prot = RW };
	uaddr_t out;

	(void)state;
	assert_int_equal(vmspace_map(vs, &m, &out), -ENOMEM); /* overcommit: obviously too much */
	m.flags = VM_NORESERVE;
	m.len = 1ull << 31;
	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	vs->limit_as = (1ull << 31) + 10 * P;
	m.len = 11 * P;
	assert_int_equal(vmspace_map(vs, &m, &out), -ENOMEM);
	m.len = 10 * P;
	assert_int_equal(vmspace_map(vs, &m, &out), 0);
	m.addr = out;
	m.flags = VM_MAP_FIXED;
	assert_int_equal(vmspace_map(vs, &m, &out), 0); /* in its own place */
	vs->limit_as = UINT64_MAX;
	vs->limit_data = (1ull << 31) + 12 * P;
	m.addr = 0;
	m.flags = 0;
	m.len = 3 * P;
	assert_int_equal(vmspace_map(vs, &m, &out), -ENOMEM);
	m.prot = MMU_READ;
	assert_int_equal(vmspace_map(vs, &m, &out), 0);
}

static void test_brk(void **state)
{
	(void)state;
	vs->brk_start = vs->brk = 0x800123;
	assert_int_equal(vmspace_brk(vs, 0), 0x800123);
	assert_int_equal(vmspace_brk(vs, 0x804000), 0x804000);
	store(0x803fff, 1);
	assert_int_equal(vmspace_brk(vs, 0x806010), 0x806010);
	assert_int_equal(nr_areas(), 1);
	store(0x806fff, 2);
	assert_int_equal(vmspace_brk(vs, 0x803000), 0x803000);
	assert_int_equal(try_load(0x803fff), -EFAULT);
	assert_int_equal(vmspace_brk(vs, 0x804000), 0x804000);
	assert_int_equal(load(0x803fff), 0);
	map_at(0x810000, P, RW, VM_MAP_FIXED);
	assert_int_equal(vmspace_brk(vs, 0x811000), 0x804000);
	assert_int_equal(vmspace_brk(vs, USER_TOP + P), 0x804000);
}

static void test_stack(void **state)
{
	uaddr_t top = 0x60000000,
		at = map_at(top - 4 * P, 4 * P, RW, VM_GROWSDOWN | VM_STACK | VM_MAP_FIXED);

	(void)state;
	vs->limit_stack = 64 * P;
	store(at - 10 * P, 1);
	store(top - 64 * P, 2);
	assert_int_equal(machine_store(vs, top - 64 * P - 1, 1), -EFAULT);
	vs->limit_stack = UINT64_MAX;
	map_at(top - 400 * P, P, RW, VM_MAP_FIXED);
	store(top - 143 * P, 3); /* 256 pages above the neighbour */
	assert_int_equal(machine_store(vs, top - 144 * P, 1), -EFAULT);
	assert_int_equal(load(at - 10 * P), 1);
}

/* ---- protection ---- */

static void test_protect(void **state)
{
	uaddr_t at = map_rw(5 * P);

	(void)state;
	for (int i = 0; i < 5; i++)
		store(at + (uaddr_t)i * P, (uint8_t)(i + 1));
	assert_int_equal(vmspace_protect(vs, at + P, P, MMU_READ), 0);
	assert_int_equal(vmspace_protect(vs, at + 3 * P, P, 0), 0);
	assert_int_equal(nr_areas(), 5);
	assert_int_equal(machine_store(vs, at + P, 1), -EACCES);
	assert_int_equal(load(at + P), 2);
	assert_int_equal(try_load(at + 3 * P), -EACCES);
	assert_int_equal(machine_execute(vs, at), -EACCES);
	assert_int_equal(vmspace_protect(vs, at, 5 * P, RW), 0);
	assert_int_equal(nr_areas(), 1);
	machine_counts.faults = 0;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(load(at + (uaddr_t)i * P), i + 1);
		store(at + (uaddr_t)i * P, 9);
	}
	assert_int_equal(machine_counts.faults, 0); /* writable again at once */
	assert_int_equal(vmspace_protect(vs, at, 5 * P, MMU_READ | MMU_EXEC), 0);
	assert_int_equal(machine_execute(vs, at), 0);
	assert_int_equal(vmspace_unmap(vs, at + 2 * P, P), 0);
	assert_int_equal(vmspace_protect(vs, at, 5 * P, RW), -ENOMEM);
	assert_int_equal(vmspace_protect(vs, at + 1, P, RW), -EINVAL);
	assert_int_equal(vmspace_protect(vs, 0xffffffff80000000ull, P, RW), -ENOMEM);
}

/* ---- fork ---- */

static void test_fork(void **state)
{
	struct machine_file *f = machine_file_new(4, false);
	uaddr_t at = map_rw(8 * P), file = map_file(f, 4 * P, RW, 0), huge, gone, wiped;
	struct vmspace *parent = vs, *child;

	(void)state;
	huge = map_at(0x40000000, HUGE_SIZE, RW, 0);
	gone = map_at(0x50000000, P, RW, 0);
	wiped = map_at(0x50100000, P, RW, 0);
	assert_int_equal(vmspace_advise(vs, huge, HUGE_SIZE, MADV_HUGEPAGE), 0);
	assert_int_equal(vmspace_advise(vs, gone, P, MADV_DONTFORK), 0);
	assert_int_equal(vmspace_advise(vs, wiped, P, MADV_WIPEONFORK), 0);
	for (uaddr_t a = at; a < at + 4 * P; a += P)
		store(a, 1);
	store(huge + 5 * P, 1);
	store(file, 1);
	store(gone, 1);
	store(wiped, 1);
	child = vmspace_fork(vs);
	assert_non_null(child);
	assert_true(child->id != parent->id);
	store(at, 2);
	store(huge + 5 * P, 2);
	store(file, 2);
	vs = child;
	assert_int_equal(load(at), 1);
	assert_int_equal(load(huge + 5 * P), 1);
	assert_int_equal(load(file), 1);
	assert_int_equal(load(file + 1), machine_file_bytes(f)[1]);
	assert_int_equal(try_load(gone), -EFAULT);
	assert_int_equal(load(wiped), 0);
	store(at + P, 3);
	store(at + 6 * P, 3);
	vs = parent;
	assert_int_equal(load(at + P), 1);
	assert_int_equal(load(at + 6 * P), 0);
	vmspace_put(child);
	store(at + 2 * P, 4); /* alone again: in place */
	assert_int_equal(load(at + 2 * P), 4);
	assert_int_equal(vmspace_unmap(vs, file, 4 * P), 0);
	machine_file_free(f);
}

/* ---- mremap ---- */

static uaddr_t remap(uaddr_t old, size_t old_len, size_t new_len, unsigned flags, uaddr_t to)
{
	uaddr_t out = to;
	int err = vmspace_remap(vs, old, old_len, new_len, flags, &out);

	return err == 0 ? out : (uaddr_t)(int64_t)err;
}

static void test_remap(void **state)
{
	uaddr_t at = map_at(0x30000000, 4 * P, RW, 0), to;

	(void)state;
	store(at, 1);
	store(at + 3 * P, 4);
	assert_int_equal(remap(at, 4 * P, 8 * P, 0, 0), at);
	assert_int_equal(load(at + 7 * P), 0);
	map_at(at + 8 * P, P, MMU_READ, VM_MAP_FIXED);
	assert_int_equal(remap(at, 8 * P, 9 * P, 0, 0), -ENOMEM);
	to = remap(at, 8 * P, 600 * P, MREMAP_MAYMOVE, 0);
	assert_int_equal(to, SPACE_BASE - 600 * P);
	assert_int_equal(load(to) + load(to + 3 * P), 5);
	assert_int_equal(try_load(at), -EFAULT);
	assert_int_equal(remap(to, 600 * P, 3 * P, 0, 0), to);
	assert_int_equal(try_load(to + 3 * P), -EFAULT);
	at = remap(to, 3 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_FIXED, 0x30008000 - P);
	assert_int_equal(at, 0x30007000);
	assert_int_equal(load(at), 1);
	to = remap(at, 3 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	assert_int_equal(load(to), 1);
	assert_int_equal(load(at), 0);
	assert_int_equal(remap(at + 1, P, P, 0, 0), -EINVAL);
	assert_int_equal(remap(at, P, 0, 0, 0), -EINVAL);
	assert_int_equal(remap(at, P, P, 0x80, 0), -EINVAL);
	assert_int_equal(remap(at, P, P, MREMAP_FIXED, 0x70000000), -EINVAL);
	assert_int_equal(remap(at, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, at + P), -EINVAL);
	assert_int_equal(remap(0x77770000, P, 2 * P, MREMAP_MAYMOVE, 0), -EFAULT);
	assert_int_equal(remap(at, 0, P, MREMAP_MAYMOVE, 0), -EINVAL);
}

static void test_remap_huge(void **state)
{
	uaddr_t at = map_at(0x40000000, HUGE_SIZE, RW, 0), to;

	(void)state;
	assert_int_equal(vmspace_advise(vs, at, HUGE_SIZE, MADV_HUGEPAGE), 0);
	store(at + 9 * P, 9);
	to = remap(at, HUGE_SIZE, HUGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at + HUGE_SIZE + P);
	assert_int_equal(to, at + HUGE_SIZE + P);
	assert_int_equal(load(to + 9 * P), 9);
}

/* ---- the rest ---- */

static void test_advice(void **state)
{
	uaddr_t at = map_rw(4 * P);
	uint8_t vec[4];

	(void)state;
	store(at, 1);
	store(at + 3 * P, 1);
	assert_int_equal(vmspace_mincore(vs, at, 4 * P, vec), 0);
	assert_int_equal(vec[0] & vec[3], 1);
	assert_int_equal(vmspace_advise(vs, at, P, MADV_DONTNEED), 0);
	assert_int_equal(load(at), 0);
	assert_int_equal(vmspace_advise(vs, at, 4 * P, MADV_POPULATE_WRITE), 0);
	assert_int_equal(vs->nr_pages, 4);
	assert_int_equal(vmspace_lock_pages(vs, at, 4 * P, true), 0);
	assert_int_equal(vmspace_advise(vs, at, P, MADV_DONTNEED), -EINVAL);
	assert_int_equal(vmspace_lock_pages(vs, at, 4 * P, false), 0);
	assert_int_equal(vmspace_advise(vs, at, P, MADV_FREE), 0);
	assert_int_equal(vmspace_advise(vs, at, P, MADV_RANDOM), 0);
	assert_int_equal(nr_areas(), 2);
	assert_int_equal(vmspace_advise(vs, at, P, MADV_NORMAL), 0);
	assert_int_equal(nr_areas(), 1);
	assert_int_equal(vmspace_advise(vs, at, P, 9999), -EINVAL);
	assert_int_equal(vmspace_advise(vs, at + 1, P, MADV_DONTNEED), -EINVAL);
	assert_int_equal(vmspace_advise(vs, at, 0, MADV_DONTNEED), 0);
	assert_int_equal(vmspace_unmap(vs, at + P, P), 0);
	assert_int_equal(vmspace_advise(vs, at, 3 * P, MADV_DONTNEED), -ENOMEM);
	assert_int_equal(vmspace_mincore(vs, at, 2 * P, vec), -ENOMEM);
	assert_int_equal(vmspace_lock_pages(vs, at, 2 * P, true), -ENOMEM);
	assert_int_equal(vmspace_sync(vs, at, 2 * P, MS_SYNC), -ENOMEM);
	assert_int_equal(vmspace_sync(vs, at, P, MS_SYNC | MS_ASYNC), -EINVAL);
}

static void test_special(void **state)
{
	struct page *pages[2] = { page_alloc(0, PAGE_ALLOC_ZERO), page_alloc(0, PAGE_ALLOC_ZERO) };
	struct vm_map m = { .len = 2 * P, .prot = MMU_READ | MMU_EXEC, .name = "[vdso]" };
	struct vmspace *parent = vs;
	uaddr_t at;

	(void)state;
	*(uint8_t *)page_to_ptr(pages[1]) = 0x42;
	assert_int_equal(vmspace_map_special(vs, &m, pages, &at), 0);
	assert_int_equal(load(at + P), 0x42);
	assert_int_equal(machine_execute(vs, at), 0);
	assert_int_equal(machine_store(vs, at, 1), -EACCES);
	assert_int_equal(vmspace_protect(vs, at, P, RW), -EACCES);
	vs = vmspace_fork(parent);
	assert_int_equal(load(at + P), 0x42);
	vmspace_put(vs);
	vs = parent;
	assert_int_equal(vmspace_unmap(vs, at, P), 0);
	assert_int_equal(load(at + P), 0x42);
}

static void test_patch(void **state)
{
	struct machine_file *f = machine_file_new(4, false);
	uaddr_t at = map_file(f, 4 * P, MMU_READ | MMU_EXEC, 0);

	(void)state;
	assert_int_equal(vmspace_patch(vs, at + 10, "abcdefg", 7), -EAGAIN); /* not mapped yet */
	assert_int_equal(machine_execute(vs, at), 0);
	assert_int_equal(vmspace_patch(vs, at + 10, "abcdefg", 7), 0);
	assert_int_equal(vmspace_patch(vs, at + 20, "hi", 2), 0);
	assert_int_equal(load(at + 10), 'a');
	assert_int_equal(load(at + 21), 'i');
	assert_int_equal(load(at + 17), machine_file_bytes(f)[17]);
	assert_int_equal(machine_file_bytes(f)[10], 10);
	assert_int_equal(vmspace_patch(vs, at + P - 3, "abcdefg", 7), -EINVAL);
	assert_int_equal(vmspace_unmap(vs, at, 4 * P), 0);
	machine_file_free(f);
}

static void test_user(void **state)
{
	uaddr_t at = map_rw(2 * P);
	char buf[16] = "0123456789";
	uint32_t old;

	(void)state;
	assert_int_equal(user_write(at + P - 4, buf, 10), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(user_read(buf, at + P - 4, 10), 0);
	assert_string_equal(buf, "0123456789");
	assert_int_equal(user_string(buf, at + P - 4, 16), 10);
	assert_int_equal(user_string(buf, at + P - 4, 10), -ENAMETOOLONG);
	assert_int_equal(user_write(at + 2 * P - 2, "ab", 2), 0);
	assert_int_equal(user_string(buf, at + 2 * P - 2, 16), -EFAULT);
	assert_int_equal(user_read(buf, at + 2 * P - 2, 4), -EFAULT);
	assert_int_equal(user_read_some(buf, at + 2 * P - 2, 4), 2);
	assert_int_equal(user_read(buf, USER_TOP - 2, 4), -EFAULT);
	assert_int_equal(user_write(UINT64_MAX - 1, buf, 4), -EFAULT);
	assert_int_equal(user_zero(at, 2 * P), 0);
	assert_int_equal(user_compare_exchange_u32(at, 0, 7, &old), 0);
	assert_int_equal(user_compare_exchange_u32(at + 1, 0, 7, &old), -EFAULT);
	assert_int_equal(user_read_u32(&old, at), 0);
	assert_int_equal(old, 7);
}

/* ---- no memory ---- */

/* One of everything; any step may fail for want of memory, and the rest goes on. */
static void scenario(struct machine_file *f)
{
	struct vm_map m = { .addr = 0x40000000, .len = 3 * HUGE_SIZE, .prot = RW };
	struct vm_map fm = {
		.addr = 0x30000000, .len = 8 * P, .prot = RW, .file = machine_file_get(f)
	};
	struct vmspace *child;
	uaddr_t at, out;
	uint8_t byte;

	if (vmspace_map(vs, &m, &at) == 0) {
		(void)!vmspace_advise(vs, at, HUGE_SIZE, MADV_HUGEPAGE);
		(void)!machine_store(vs, at + 7 * P, 1);
		(void)!machine_store(vs, at + HUGE_SIZE, 1);
		(void)!machine_load(vs, at + HUGE_SIZE + 40 * P, &byte);
		(void)!vmspace_protect(vs, at + 3 * P, 2 * P, MMU_READ);
		child = vmspace_fork(vs);
		(void)!machine_store(vs, at + 7 * P, 2);
		if (child != NULL)
			vmspace_put(child);
		out = at + 4 * HUGE_SIZE + P;
		(void)!vmspace_remap(vs, at + HUGE_SIZE, HUGE_SIZE, 2 * HUGE_SIZE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, &out);
		(void)!vmspace_unmap(vs, at + 8 * P, P);
	}
	if (vmspace_map(vs, &fm, &at) == 0) {
		(void)!machine_load(vs, at, &byte);
		(void)!machine_store(vs, at + P, 1);
		(void)!vmspace_patch(vs, at, "x", 1);
		(void)!vmspace_unmap(vs, at + 4 * P, P);
	}
	fm.addr = 0x31000000;
	fm.flags = VM_SHARED;
	if (vmspace_map(vs, &fm, &at) == 0) {
		(void)!machine_store(vs, at + 2 * P, 9);
		(void)!vmspace_sync(vs, at, P, MS_SYNC);
	}
	vs->brk_start = vs->brk = 0x20000000;
	vmspace_brk(vs, 0x20003000);
	(void)!machine_store(vs, 0x20000000, 1);
	(void)!vmspace_unmap(vs, 0, USER_TOP);
}

static void test_every_failure(void **state)
{
	struct machine_file *f;
	uint64_t n = 0, before = 0;
	bool failed;

	(void)state;
	do {
		f = machine_file_new(16, true);
		kmem_fail_at(++n);
		scenario(f);
		failed = kmem_fail_at(0);
		assert_int_equal(vmspace_unmap(vs, 0, USER_TOP), 0);
		assert_int_equal(vs->nr_areas + vs->nr_mapped + vs->nr_pages, 0);
		machine_file_free(f);
		if (n == 1)
			before = page_nr_free();
		assert_true(page_nr_free() + 10 >= before);
	} while (failed);
	assert_true(n > 60);
}

static void test_random_failures(void **state)
{
	struct machine_file *f;

	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++) {
		f = machine_file_new(16, true);
		kmem_fail_rate(65536 / 20, seed);
		scenario(f);
		kmem_fail_rate(0, 0);
		assert_int_equal(vmspace_unmap(vs, 0, USER_TOP), 0);
		assert_int_equal(vs->nr_areas + vs->nr_mapped + vs->nr_pages, 0);
		machine_file_free(f);
	}
}

static void test_out_of_memory(void **state)
{
	uaddr_t at = map_at(0x40000000, SPACE_PAGES * P, RW, 0), a = at;

	(void)state;
	while (a < at + SPACE_PAGES * P && machine_store(vs, a, 1) == 0)
		a += P;
	assert_true(a < at + SPACE_PAGES * P + 1024 * P);
	map_at(0x80000000, 1024 * P, RW, 0);
	for (a = 0x80000000; machine_store(vs, a, 1) == 0; a += P)
		assert_true(a < 0x80000000 + 1024 * P);
	assert_int_equal(machine_store(vs, a, 1), -ENOMEM);
	assert_int_equal(vmspace_unmap(vs, at, SPACE_PAGES * P), 0);
	store(a, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPACE_TEST(test_anonymous),
		SPACE_TEST(test_zero_page),
		SPACE_TEST(test_small_area),
		SPACE_TEST(test_huge),
		SPACE_TEST(test_huge_page_of_one),
		SPACE_TEST(test_anonymous_count),
		SPACE_TEST(test_placement),
		SPACE_TEST(test_above_the_base),
		SPACE_TEST(test_limits),
		SPACE_TEST(test_brk),
		SPACE_TEST(test_stack),
		SPACE_TEST(test_protect),
		SPACE_TEST(test_fork),
		SPACE_TEST(test_remap),
		SPACE_TEST(test_remap_huge),
		SPACE_TEST(test_advice),
		SPACE_TEST(test_special),
		SPACE_TEST(test_patch),
		SPACE_TEST(test_user),
		SPACE_TEST(test_every_failure),
		SPACE_TEST(test_random_failures),
		SPACE_TEST(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, space_start, NULL);
}
