/* SPDX-License-Identifier: BSD-2-Clause */
/* procfs and sysfs with a few files, and the devices. The one process is fs_world.c's. */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include <asm/fcntl.h>
#include <linux/fs.h>

#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "test/host/fs/fs_world.h"

#define is(expr, value) assert_int_equal((expr), (value))

static unsigned nr_shown;
static char stored[32];

static int show_count(struct text_buffer *b, int pid)
{
	text_print(b, "shown %u\n", ++nr_shown);
	return 0;
}

static int show_long(struct text_buffer *b, int pid)
{
	for (int i = 0; i < 5000; i++)
		text_print(b, "%d %d\n", pid, i);
	return 0;
}

static int show_nr(struct text_buffer *b, int pid)
{
	text_print(b, "%d of %d\n", b->nr, pid);
	return 0;
}

static int store(const char *text, size_t len, int pid)
{
	memcpy(stored, text, len);
	return 0;
}

static int link_to_root(int pid, int nr, struct path *out)
{
	*out = world_path("/");
	return 0;
}

static int link_text(int pid, int nr, char *buf, size_t size)
{
	strcpy(buf, "somewhere");
	return 0;
}

PROC_FILE(count) = { .path = "count", .mode = 0444, .show = show_count };
PROC_FILE(setting) = {
	.path = "sys/kernel/setting", .mode = 0644, .show = show_count, .store = store
};
PROC_FILE(maps) = { .path = "PID/maps", .mode = 0444, .show = show_long };
PROC_FILE(root) = {
	.path = "PID/root", .mode = 0120777, .link = link_to_root, .link_text = link_text
};
PROC_FILE(cwd) = { .path = "PID/cwd", .mode = 0120777, .link = link_to_root };
PROC_FILE(fdinfo) = { .path = "PID/fdinfo/NR", .mode = 0444, .show = show_nr };
SYSFS_FILE(online) = { .path = "devices/system/cpu/online", .mode = 0444, .show = show_count };

static int start(void **state)
{
	world_start();
	nr_shown = 0;
	return vfs_mkdir(NULL, "/proc", 0555) != 0 ? -1 : vfs_mount("proc", "", "/proc", 0, "");
}

static void test_files(void **state)
{
	struct file *f;
	char buf[64];

	assert_true(world_reads("/proc/count", "shown 1\n"));
	f = world_open("/proc/count", O_RDONLY);
	is(world_file_read(f, buf, 5), 5);
	is(world_file_read(f, buf, 50), 3);
	is(world_file_read(f, buf, 50), 0);
	is(vfs_seek(f, 0, SEEK_SET), 0);
	is(world_file_read(f, buf, 50), 8);
	assert_memory_equal(buf, "shown 3\n", 8);
	file_put(f);
	is(world_write("/proc/sys/kernel/setting", "value"), 0);
	assert_string_equal(stored, "value");
	is(world_write("/proc/count", "value"), -EACCES);
	is(world_write("/proc/new", "value"), -EACCES);
	is(vfs_mkdir(NULL, "/proc/new", 0755), -EPERM);
	is(vfs_unlink(NULL, "/proc/count"), -EPERM);
}

/* The linker orders its sets as it likes. */
static void check_names(const char *dir, const char *names)
{
	const char *list = world_list(dir);

	is(strlen(list), strlen(names));
	for (const char *n = names; *n != '\0'; n = strchr(n, ' ') + 1) {
		char name[32] = "";

		strncat(name, n, (size_t)(strchr(n, ' ') + 1 - n));
		assert_non_null(strstr(list, name));
	}
}

static void test_processes(void **state)
{
	char text[16], *buf = malloc(100000), *name;
	struct path p;
	struct file *f;
	size_t total = 0;
	ssize_t n;

	check_names("/proc", "self thread-self count sys 7 ");
	check_names("/proc/7", "task maps root cwd fdinfo ");
	assert_string_equal(world_list("/proc/7/task"), "7 8 ");
	check_names("/proc/thread-self/", "maps root cwd fdinfo ");
	assert_string_equal(world_list("/proc/self/fdinfo"), "0 3 ");
	assert_true(world_reads("/proc/self/fdinfo/3", "3 of 7\n"));
	is(world_exists("/proc/8"), false);
	is(world_exists("/proc/07"), false);
	is(world_exists("/proc/7/fdinfo/4"), false);
	f = world_open("/proc/7/task/8/maps", O_RDONLY);
	while ((n = world_file_read(f, buf + total, 777)) > 0)
		total += (size_t)n;
	file_put(f);
	assert_memory_equal(buf, "8 0\n8 1\n", 8);
	is(buf[total - 1], '\n');
	free(buf);
	p = world_path("/proc/self/root");
	is(vfs_readlink(&p, text, sizeof(text)), 9);
	assert_memory_equal(text, "somewhere", 9);
	is(path_name(&p, text, sizeof(text), &name), 0);
	assert_string_equal(name, "/proc/7/root");
	path_put(&p);
	p = world_path("/proc/self/cwd");
	is(vfs_readlink(&p, text, sizeof(text)), 1);
	is(text[0], '/');
	path_put(&p);
	is(world_write("/proc/self/root/made", "m"), 0);
	assert_true(world_reads("/made", "m"));
	is(vfs_lookup(NULL, "/proc/self/root/made", LOOKUP_NO_MAGICLINKS, &p), -ELOOP);
}

static void test_sysfs(void **state)
{
	is(vfs_mkdir(NULL, "/sys", 0555), 0);
	is(vfs_mount("sysfs", "", "/sys", 0, ""), 0);
	assert_string_equal(world_list("/sys/devices/system/cpu"), "online ");
	assert_true(world_reads("/sys/devices/system/cpu/online", "shown 1\n"));
}

static void test_devices(void **state)
{
	static char buf[8192];
	struct file *f;
	struct statx st;

	is(vfs_mkdir(NULL, "/dev", 0755), 0);
	is(vfs_mount("devtmpfs", "", "/dev", 0, ""), 0);
	is(world_stat("/dev/null", &st), 0);
	is(st.stx_mode, 020666);
	is(st.stx_rdev_major, 1);
	is(st.stx_rdev_minor, 3);
	is(world_stat("/dev/shm", &st), 0);
	is(st.stx_mode, 041777);
	f = world_open("/dev/null", O_RDWR | O_TRUNC);
	is(world_file_write(f, buf, 100), 100);
	is(world_file_read(f, buf, 100), 0);
	file_put(f);
	f = world_open("/dev/zero", O_RDWR);
	memset(buf, 1, sizeof(buf));
	is(world_file_read(f, buf, sizeof(buf)), sizeof(buf));
	is(buf[8191], 0);
	is(vfs_seek(f, 5, SEEK_SET), 0);
	file_put(f);
	f = world_open("/dev/full", O_RDWR);
	is(world_file_write(f, buf, 1), -ENOSPC);
	file_put(f);
	f = world_open("/dev/urandom", O_RDONLY);
	is(world_file_read(f, buf, 1000), 1000);
	is(buf[999], 0x5a);
	file_put(f);
}

static void test_failing_allocator(void **state)
{
	unsigned nth = 1;
	struct file *f;
	char c;

	for (bool failed = true; failed; nth++) {
		kmem_fail_at(nth);
		if (vfs_open(NULL, "/proc/self/maps", O_RDONLY, 0, 0, &f) == 0) {
			(void)!world_file_read(f, &c, 1);
			file_put(f);
		}
		failed = kmem_fail_at(0);
	}
	assert_in_range(nth, 8, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_files, start),
		cmocka_unit_test_setup(test_processes, start),
		cmocka_unit_test_setup(test_sysfs, start),
		cmocka_unit_test_setup(test_devices, start),
		cmocka_unit_test_setup(test_failing_allocator, start),
	};

	return cmocka_run_group_tests_name("gentree", tests, NULL, NULL);
}
