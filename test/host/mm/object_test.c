/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page cache: fills and read-ahead, reads and writes against a plain array, truncation,
 * flushing, reclaim, and every allocation failing in turn.
 */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "core/uio.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "test/host/machine.h"

#define NR_PAGES 8192

static int start(void **state)
{
	(void)state;
	machine_start(NR_PAGES);
	return 0;
}

static ssize_t read_at(struct vm_object *o, void *buf, size_t len, uint64_t pos, uint64_t size)
{
	struct uio u;

	uio_init_kernel(&u, buf, len);
	return object_read(o, &u, (int64_t)pos, size);
}

static ssize_t write_at(struct vm_object *o, const void *buf, size_t len, uint64_t pos)
{
	struct uio u;

	uio_init_kernel(&u, (void *)buf, len);
	return object_write(o, &u, (int64_t)pos);
}

static void test_read_ahead(void **state)
{
	struct machine_file *m = machine_file_new(256, true);
	struct vm_object *o = machine_file_object(m);
	uint8_t buf[PAGE_SIZE];

	(void)state;
	for (uint64_t pos = 0; pos < 256 * PAGE_SIZE; pos += PAGE_SIZE) {
		assert_int_equal(read_at(o, buf, PAGE_SIZE, pos, 256 * PAGE_SIZE), PAGE_SIZE);
		assert_memory_equal(buf, machine_file_bytes(m) + pos, PAGE_SIZE);
	}
	assert_in_range(machine_file_fills(m), 8, 12); /* 8, 16, then 32 pages each */
	machine_file_free(m);
}

static void test_large_read(void **state)
{
	struct machine_file *m = machine_file_new(64, true);
	struct vm_object *o = machine_file_object(m);
	uint8_t *buf = malloc(64 * PAGE_SIZE);

	(void)state;
	assert_int_equal(read_at(o, buf, 64 * PAGE_SIZE, 100, 64 * PAGE_SIZE - 50),
			 64 * PAGE_SIZE - 150);
	assert_memory_equal(buf, machine_file_bytes(m) + 100, 64 * PAGE_SIZE - 150);
	assert_int_equal(machine_file_fills(m), 2);
	assert_int_equal(read_at(o, buf, 10, 64 * PAGE_SIZE, 64 * PAGE_SIZE), 0);
	free(buf);
	machine_file_free(m);
}

/* Random reads, writes, truncations and flushes, the file's store and a copy of it side by side. */
static void test_model(void **state)
{
	enum { MAX = 40 * 4096 };
	struct machine_file *m = machine_file_new(20, true);
	struct vm_object *o = machine_file_object(m);
	uint8_t *model = calloc(1, MAX), *buf = malloc(MAX);
	uint64_t size = 20 * PAGE_SIZE, pos, len;

	(void)state;
	srand(6);
	memcpy(model, machine_file_bytes(m), size);
	for (int step = 0; step < 4000; step++) {
		pos = (uint64_t)rand() % (size + 5000);
		len = rand() % 2 ? (uint64_t)rand() % 300 : (uint64_t)rand() % 20000;
		pos = min(pos, (uint64_t)MAX);
		len = min(len, MAX - pos);
		switch (rand() % 5) {
		case 0:
		case 1:
			memset(buf, rand(), len);
			if (len == 0)
				break;
			if (pos > size)
				object_truncate(o, size, align_up(size, PAGE_SIZE));
			assert_int_equal(write_at(o, buf, len, pos), len);
			memcpy(model + pos, buf, len);
			if (pos + len > size) {
				size = pos + len;
				machine_file_resize(m, size);
			}
			break;
		case 2:
		case 3:
			len = pos < size ? min(len, size - pos) : 0;
			assert_int_equal(read_at(o, buf, len, pos, size), len);
			assert_memory_equal(buf, model + pos, len);
			break;
		default:
			if (rand() % 4 == 0) {
				assert_int_equal(object_flush(o, 0, UINT64_MAX), 0);
				assert_memory_equal(machine_file_bytes(m), model, size);
				object_invalidate(o);
				assert_int_equal(o->nr_pages, 0);
			} else if (rand() % 4 == 0) {
				size = min(size, pos);
				memset(model + size, 0, MAX - size);
				machine_file_resize(m, size);
			}
		}
	}
	assert_int_equal(object_flush(o, 0, UINT64_MAX), 0);
	assert_memory_equal(machine_file_bytes(m), model, size);
	machine_file_free(m);
	free(model);
	free(buf);
}

static void test_anonymous(void **state)
{
	struct vm_object *o = object_new_anonymous();
	uint8_t buf[100], zero[100] = { 0 };
	uint64_t before = page_nr_free();

	(void)state;
	assert_int_equal(read_at(o, buf, 100, 5000, 10000), 100);
	assert_memory_equal(buf, zero, 100);
	assert_int_equal(o->nr_pages, 0); /* a hole stays one */
	assert_int_equal(write_at(o, "data", 4, 3 * PAGE_SIZE), 4);
	assert_int_equal(object_seek(o, 0, true), 3 * PAGE_SIZE);
	assert_int_equal(object_seek(o, 0, false), 0);
	assert_int_equal(object_seek(o, 3 * PAGE_SIZE + 2, true), 3 * PAGE_SIZE + 2);
	assert_int_equal(object_seek(o, 3 * PAGE_SIZE, false), 4 * PAGE_SIZE);
	assert_int_equal(object_seek(o, 4 * PAGE_SIZE, true), UINT64_MAX);
	object_truncate(o, 3 * PAGE_SIZE + 1, UINT64_MAX);
	assert_int_equal(read_at(o, buf, 4, 3 * PAGE_SIZE, UINT64_MAX), 4);
	assert_memory_equal(buf, "d\0\0\0", 4);
	object_put(o);
	assert_true(page_nr_free() + 2 >= before);
}

static void test_reclaim(void **state)
{
	struct machine_file *m = machine_file_new(1000, true);
	struct vm_object *o = machine_file_object(m);
	struct page *held[2 * NR_PAGES], *kept;
	uint8_t byte = 'K';
	size_t n = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(read_at(o, &byte, 1, i * PAGE_SIZE, 1000 * PAGE_SIZE), 1);
	assert_int_equal(write_at(o, "dirty", 5, 10 * PAGE_SIZE), 5);
	assert_int_equal(object_page(o, 20, 0, &kept), 0);
	while ((held[n] = page_alloc(0, 0)) != NULL)
		n++;
	assert_int_equal(o->nr_pages, 2); /* the dirty one and the one in use */
	assert_non_null(object_page_cached(o, 10));
	page_put(object_page_cached(o, 10));
	page_put(object_page_cached(o, 10));
	page_put(kept);
	while (n > 0)
		page_put(held[--n]);
	assert_int_equal(read_at(o, &byte, 1, 10 * PAGE_SIZE, 1000 * PAGE_SIZE), 1);
	assert_int_equal(byte, 'd');
	machine_file_free(m);
}

static void test_failures(void **state)
{
	uint8_t buf[5 * 4096];
	uint64_t before = 0;
	bool failed = true;

	(void)state;
	for (uint64_t n = 1; failed; n++) {
		struct machine_file *m = machine_file_new(30, true);
		struct vm_object *o = machine_file_object(m);
		ssize_t got;

		kmem_fail_at(n);
		got = read_at(o, buf, sizeof(buf), 123, 30 * PAGE_SIZE);
		assert_true(got == -ENOMEM || got == -EIO || got > 0);
		if (got > 0)
			assert_memory_equal(buf, machine_file_bytes(m) + 123, (size_t)got);
		memset(buf, 'w', sizeof(buf));
		got = write_at(o, buf, sizeof(buf), 10 * PAGE_SIZE + 5);
		assert_true(got == -ENOMEM || got == -EIO || got > 0);
		failed = kmem_fail_at(0);
		assert_int_equal(read_at(o, buf, 100, 20 * PAGE_SIZE, 30 * PAGE_SIZE), 100);
		assert_memory_equal(buf, machine_file_bytes(m) + 20 * PAGE_SIZE, 100);
		machine_file_free(m);
		if (n == 3)
			before = page_nr_free();
		if (n > 3)
			assert_int_equal(page_nr_free(), before);
	}
}

/* A program's buffer that breaks off, and one that is a mapping of the very page written to. */
static void test_user_buffers(void **state)
{
	struct vmspace *vs = vmspace_new();
	struct machine_file *m = machine_file_new(8, true);
	struct vm_object *o = machine_file_object(m);
	struct vm_map map = { .addr = 0x10000000,
			      .len = 8 * PAGE_SIZE,
			      .prot = MMU_READ | MMU_WRITE,
			      .flags = VM_SHARED | VM_MAP_FIXED,
			      .file = machine_file_get(m) };
	uint8_t buf[16];
	struct uio u;
	uaddr_t at;

	(void)state;
	machine_use(vs);
	assert_int_equal(vmspace_map(vs, &map, &at), 0);
	uio_init_user(&u, at + PAGE_SIZE + 10, PAGE_SIZE);
	assert_int_equal(object_write(o, &u, 2 * PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(read_at(o, buf, 16, 2 * PAGE_SIZE, 8 * PAGE_SIZE), 16);
	assert_memory_equal(buf, machine_file_bytes(m) + PAGE_SIZE + 10, 16);
	uio_init_user(&u, at + 3 * PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(object_write(o, &u, 3 * PAGE_SIZE), PAGE_SIZE);
	uio_init_user(&u, at + 8 * PAGE_SIZE - 100, PAGE_SIZE);
	assert_int_equal(object_write(o, &u, 6 * PAGE_SIZE), 100); /* composed aside */
	assert_int_equal(read_at(o, buf, 16, 6 * PAGE_SIZE + 100, 8 * PAGE_SIZE), 16);
	assert_memory_equal(buf, machine_file_bytes(m) + 6 * PAGE_SIZE + 100, 16);
	uio_init_user(&u, 0x20000000, 10);
	assert_int_equal(object_write(o, &u, 0), -EFAULT);
	uio_init_user(&u, 0x20000000, 10);
	assert_int_equal(object_read(o, &u, 0, 8 * PAGE_SIZE), -EFAULT);
	vmspace_put(vs);
	machine_file_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_ahead),   cmocka_unit_test(test_large_read),
		cmocka_unit_test(test_model),        cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_reclaim),      cmocka_unit_test(test_failures),
		cmocka_unit_test(test_user_buffers),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
