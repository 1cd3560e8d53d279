/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes, FIFOs and splice, by one thread that never waits. */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/fs.h>

#include "fs/pipe/pipe.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "test/host/fs/fs_world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define NONBLOCK        2u /* SPLICE_F_NONBLOCK */

static int start(void **state)
{
	world_start();
	return 0;
}

static void test_bytes(void **state)
{
	static char in[100000], out[100000];
	struct file *r, *w;
	size_t written = 0, read = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7 + i / 251);
	is(pipe_new(O_NONBLOCK, &r, &w), 0);
	is(world_file_read(r, out, 1), -EAGAIN);
	while (read < sizeof(in)) {
		if (written < sizeof(in)) {
			n = world_file_write(w, in + written,
					     3000 < sizeof(in) - written ? 3000 : 1);
			written += n > 0 ? (size_t)n : 0;
		}
		n = world_file_read(r, out + read, read % 5000 + 1);
		read += n > 0 ? (size_t)n : 0;
	}
	assert_memory_equal(in, out, sizeof(in));
	is(world_file_write(w, in, sizeof(in)), 65536);
	is(world_file_write(w, in, 1), -EAGAIN);
	is(vfs_poll(w, NULL), 0);
	file_put(w);
	is(vfs_poll(r, NULL), EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	is(world_file_read(r, out, sizeof(out)), 65536);
	is(world_file_read(r, out, 1), 0);
	file_put(r);
}

static void test_ends(void **state)
{
	struct file *r, *w;
	char c;

	is(pipe_new(O_NONBLOCK, &r, &w), 0);
	is(world_file_read(w, &c, 1), -EBADF);
	is(world_file_write(r, &c, 1), -EBADF);
	is(vfs_seek(r, 0, SEEK_CUR), -ESPIPE);
	is(vfs_poll(w, NULL), EPOLLOUT | EPOLLWRNORM);
	file_put(r);
	is(world_file_write(w, "x", 1), -EPIPE);
	is(vfs_poll(w, NULL), EPOLLOUT | EPOLLWRNORM | EPOLLERR);
	file_put(w);
}

static void test_sizes(void **state)
{
	static char block[70000];
	struct file *r, *w;

	is(pipe_new(O_NONBLOCK, &r, &w), 0);
	is(pipe_get_size(r), 65536);
	is(pipe_set_size(w, 5000), 8192);
	is(world_file_write(w, block, sizeof(block)), 8192);
	is(pipe_set_size(w, 4096), -EBUSY);
	is(pipe_set_size(w, 32768), 32768);
	is(world_file_write(w, block, 4096), 4096);
	file_put(r);
	file_put(w);
	is(pipe_new(O_NONBLOCK | O_DIRECT, &r, &w), 0);
	is(world_file_write(w, "packet", 6), 6);
	is(world_file_write(w, "two", 3), 3);
	is(world_file_read(r, block, 3), 3); /* the rest of the packet is dropped */
	is(world_file_read(r, block, 100), 3);
	assert_memory_equal(block, "two", 3);
	file_put(r);
	file_put(w);
}

static void test_fifo(void **state)
{
	struct file *r, *w, *both;
	char buf[8];

	is(vfs_mknod(NULL, "/fifo", S_IFIFO | 0666, 0), 0);
	is(vfs_open(NULL, "/fifo", O_WRONLY | O_NONBLOCK, 0, 0, &w), -ENXIO);
	r = world_open("/fifo", O_RDONLY | O_NONBLOCK);
	is(vfs_poll(r, NULL), 0); /* no writer yet: no hang-up */
	is(world_file_read(r, buf, 8), 0);
	w = world_open("/fifo", O_WRONLY | O_NONBLOCK);
	is(world_file_write(w, "hi", 2), 2);
	is(world_file_read(r, buf, 8), 2);
	is(world_file_read(r, buf, 8), -EAGAIN);
	file_put(w);
	is(vfs_poll(r, NULL), EPOLLHUP);
	file_put(r);
	both = world_open("/fifo", O_RDWR);
	is(world_file_write(both, "me", 2), 2);
	is(world_file_read(both, buf, 8), 2);
	file_put(both);
}

static void test_reopen(void **state)
{
	struct file *r, *w, *again;
	struct path p;
	char buf[8];

	is(pipe_new(O_NONBLOCK, &r, &w), 0);
	is(file_path_get(r, &p), 0);
	is(vfs_open_path(&p, O_WRONLY, &again), 0); /* as through /proc/self/fd */
	path_put(&p);
	file_put(w);
	is(world_file_write(again, "z", 1), 1);
	is(world_file_read(r, buf, 8), 1);
	file_put(again);
	is(world_file_read(r, buf, 8), 0);
	file_put(r);
}

static void test_splice(void **state)
{
	struct file *r, *w, *r2, *w2, *f, *g;
	int64_t pos = 2;
	char buf[64];

	is(pipe_new(O_NONBLOCK, &r, &w), 0);
	is(pipe_new(O_NONBLOCK, &r2, &w2), 0);
	is(world_write("/f", "0123456789"), 0);
	f = world_open("/f", O_RDONLY);
	g = world_open("/g", O_RDWR | O_CREAT);
	is(pipe_splice_in(w, f, &pos, 5, 0), 5);
	is(pos, 7);
	is(pipe_tee(r, w2, 100, NONBLOCK), 5);
	is(pipe_splice_in(w2, r, NULL, 3, NONBLOCK), 3);
	is(world_file_write(w, "abc", 3), 3); /* not into the shared page */
	is(pipe_splice_out(r, g, NULL, 100, NONBLOCK), 5);
	assert_true(world_reads("/g", "56abc"));
	assert_true(world_reads("/f", "0123456789"));
	is(world_file_read(r2, buf, 64), 8);
	assert_memory_equal(buf, "23456234", 8);
	is(pipe_tee(r, w2, 1, NONBLOCK), -EAGAIN);
	is(pipe_splice_out(r, g, NULL, 1, NONBLOCK), -EAGAIN);
	file_put(w);
	is(pipe_splice_out(r, g, NULL, 1, 0), 0);
	file_put(r);
	file_put(r2);
	is(pipe_splice_in(w2, f, NULL, 1, 0), -EPIPE);
	file_put(w2);
	file_put(f);
	file_put(g);
}

static void test_failing_allocator(void **state)
{
	struct file *r, *w;
	unsigned nth = 1;

	for (bool failed = true; failed; nth++) {
		kmem_fail_at(nth);
		if (pipe_new(0, &r, &w) == 0) {
			(void)!world_file_write(w, "x", 1);
			file_put(r);
			file_put(w);
		}
		failed = kmem_fail_at(0);
	}
	assert_in_range(nth, 6, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bytes, start),
		cmocka_unit_test_setup(test_ends, start),
		cmocka_unit_test_setup(test_sizes, start),
		cmocka_unit_test_setup(test_fifo, start),
		cmocka_unit_test_setup(test_reopen, start),
		cmocka_unit_test_setup(test_splice, start),
		cmocka_unit_test_setup(test_failing_allocator, start),
	};

	return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
