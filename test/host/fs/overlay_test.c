/* SPDX-License-Identifier: BSD-2-Clause */
/* The overlay over a tmpfs as its lower: nothing below ever changes, whatever is done above. */
#include "test/host/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/fcntl.h>
#include <linux/fs.h>

#include "fs/object_file.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"
#include "test/host/fs/fs_world.h"

#define is(expr, value) assert_int_equal((expr), (value))

static int make_lower(void)
{
	struct path p;
	int err = 0;

	err |= vfs_mkdir(NULL, "/low", 0755);
	err |= vfs_mkdir(NULL, "/o", 0755);
	err |= vfs_mount("tmpfs", "lower", "/low", 0, "");
	err |= vfs_mkdir(NULL, "/low/d", 0755);
	err |= vfs_mkdir(NULL, "/low/d/sub", 0755);
	err |= world_write("/low/f", "lower f");
	err |= world_write("/low/d/a", "lower a");
	err |= world_write("/low/d/b", "lower b");
	err |= vfs_symlink("d/a", NULL, "/low/link");
	p = world_path("/low/f");
	err |= vfs_link(&p, NULL, "/low/hard");
	err |= vfs_xattr_set(&p, "user.x", "low", 3, 0);
	path_put(&p);
	return err;
}

static int start(void **state)
{
	world_start();
	return make_lower() != 0 ? -1 : vfs_mount("overlay", "", "/o", 0, "lowerdir=/low,size=1m");
}

static void check_lower(void)
{
	struct statx st;

	assert_true(world_reads("/low/f", "lower f"));
	assert_true(world_reads("/low/hard", "lower f"));
	assert_true(world_reads("/low/d/a", "lower a"));
	assert_true(world_reads("/low/d/b", "lower b"));
	assert_string_equal(world_list("/low"), "d f link hard ");
	assert_string_equal(world_list("/low/d"), "sub a b ");
	is(world_stat("/low/f", &st), 0);
	is(st.stx_nlink, 2);
	is(st.stx_mode & 07777, 0644);
}

static void test_reading(void **state)
{
	struct statx st, low;

	assert_true(world_reads("/o/f", "lower f"));
	assert_true(world_reads("/o/link", "lower a"));
	assert_string_equal(world_list("/o"), "d f link hard ");
	is(world_stat("/o/f", &st), 0);
	is(world_stat("/low/f", &low), 0);
	is(st.stx_ino, low.stx_ino);
	assert_int_not_equal(st.stx_dev_minor, low.stx_dev_minor);
	is(st.stx_size, 7);
	is(world_exists("/o/none"), false);
	check_lower();
}

static void test_writing(void **state)
{
	struct statx before, after;
	struct file *old = world_open("/o/f", O_RDONLY);
	char buf[32];

	is(world_stat("/o/f", &before), 0);
	is(world_append("/o/f", "+more"), 0);
	assert_true(world_reads("/o/f", "lower f+more"));
	assert_true(world_reads("/o/hard", "lower f+more")); /* one file, two names */
	is(world_file_read(old, buf, 32), 12);               /* an old open sees it too */
	file_put(old);
	is(world_stat("/o/f", &after), 0);
	is(after.stx_ino, before.stx_ino);
	is(world_write("/o/d/a", "new"), 0);
	assert_true(world_reads("/o/link", "new"));
	is(world_write("/o/d/new", "N"), 0);
	assert_string_equal(world_list("/o/d"), "new sub a b ");
	check_lower();
}

/* More names than one reading, and one block of memory, hold. */
static void test_large_directory(void **state)
{
	char name[64];
	size_t nr = 0;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "/low/d/sub/a-rather-long-name-%d", i);
		is(world_write(name, ""), 0);
	}
	is(vfs_unlink(NULL, "/o/d/sub/a-rather-long-name-7"), 0);
	is(world_write("/o/d/sub/own", ""), 0);
	for (const char *n = world_list("/o/d/sub"); *n != '\0'; n++)
		nr += *n == ' ';
	is(nr, 300);
}

static void test_attributes(void **state)
{
	struct attr_change c = { .valid = ATTR_MODE, .mode = 0600 };
	struct path p = world_path("/o/f");
	struct statx st;
	char buf[16];

	is(vfs_setattr(&p, &c), 0);
	is(vfs_truncate(&p, 5), 0);
	is(vfs_xattr_get(&p, "user.x", buf, 16), 3);
	is(vfs_xattr_set(&p, "user.y", "up", 2, 0), 0);
	is(vfs_xattr_get(&p, "user.x", buf, 16), 3);
	path_put(&p);
	is(world_stat("/o/hard", &st), 0);
	is(st.stx_mode & 07777, 0600);
	is(st.stx_size, 5);
	assert_true(world_reads("/o/hard", "lower"));
	check_lower();
}

static void test_removing(void **state)
{
	struct statx st;

	is(vfs_unlink(NULL, "/o/f"), 0);
	is(world_exists("/o/f"), false);
	is(world_stat("/o/hard", &st), 0);
	is(st.stx_nlink, 1);
	assert_string_equal(world_list("/o"), "d link hard ");
	is(world_write("/o/f", "again"), 0);
	assert_true(world_reads("/o/hard", "lower f"));
	is(vfs_unlink(NULL, "/o/f"), 0);
	is(world_exists("/o/f"), false);
	is(vfs_rmdir(NULL, "/o/d"), -ENOTEMPTY);
	is(vfs_unlink(NULL, "/o/d/a"), 0);
	is(vfs_unlink(NULL, "/o/d/b"), 0);
	is(vfs_rmdir(NULL, "/o/d/sub"), 0);
	is(vfs_rmdir(NULL, "/o/d"), 0);
	is(vfs_mkdir(NULL, "/o/d", 0755), 0);
	assert_string_equal(world_list("/o/d"), "");
	is(world_exists("/o/d/a"), false);
	check_lower();
}

static void test_renaming(void **state)
{
	is(vfs_rename(NULL, "/o/d", NULL, "/o/moved", 0), 0); /* a lower directory, as it is */
	assert_true(world_reads("/o/moved/a", "lower a"));
	is(world_exists("/o/d"), false);
	assert_string_equal(world_list("/o"), "moved f link hard ");
	is(vfs_rename(NULL, "/o/moved/a", NULL, "/o/f", 0), 0);
	assert_true(world_reads("/o/f", "lower a"));
	assert_true(world_reads("/o/hard", "lower f"));
	is(vfs_rename(NULL, "/o/f", NULL, "/o/moved/b", RENAME_EXCHANGE), 0);
	assert_true(world_reads("/o/f", "lower b"));
	assert_true(world_reads("/o/moved/b", "lower a"));
	is(vfs_rename(NULL, "/o/moved", NULL, "/o/d", 0), 0);
	assert_string_equal(world_list("/o/d"), "b sub ");
	is(world_write("/o/n", "n"), 0);
	is(vfs_rename(NULL, "/o/n", NULL, "/o/d/b", 0), 0);
	is(vfs_unlink(NULL, "/o/d/b"), 0);
	is(world_exists("/o/d/b"), false);
	check_lower();
}

/* The pages of a file that nobody wrote are the lower's own. */
static void test_shared_pages(void **state)
{
	struct file *f = world_open("/o/f", O_RDONLY);
	struct vm_area area = { .flags = 0 };
	struct path low = world_path("/low/f");

	is(f->ops->mmap(f, &area), 0);
	assert_ptr_equal(area.object, &low.dentry->inode->object);
	object_put(area.object);
	file_put(f);
	f = world_open("/o/f", O_RDWR);
	is(f->ops->mmap(f, &area), 0);
	assert_ptr_equal(area.object, &f->inode->object);
	object_put(area.object);
	file_put(f);
	path_put(&low);
}

static void test_limit(void **state)
{
	static char block[1 << 18];
	struct file *f = world_open("/o/big", O_WRONLY | O_CREAT);

	for (int i = 0; i < 4; i++)
		is(world_file_write(f, block, sizeof(block)), 1 << 18);
	is(world_file_write(f, block, sizeof(block)), -ENOSPC);
	file_put(f);
	f = NULL;
	is(vfs_open(NULL, "/o/f", O_RDWR, 0, 0, &f), -ENOSPC); /* no room for the copy */
	assert_true(world_reads("/o/f", "lower f"));
	is(vfs_unlink(NULL, "/o/big"), 0);
	is(world_append("/o/f", "!"), 0);
	check_lower();
}

static void test_own_lower(void **state)
{
	struct path p;

	is(vfs_mount("overlay", "", "/o", 0, "lowerfs=tmpfs:x,size=64k"), 0);
	is(world_write("/o/f", "up"), 0);
	assert_string_equal(world_list("/o"), "f ");
	p = world_path("/o");
	is(vfs_unmount(&p, 0), 0);
	path_put(&p);
	is(vfs_mount("overlay", "", "/o", 0, "size=64k"), -EINVAL);
	is(vfs_mount("overlay", "", "/o", 0, "lowerfs=nofs:x"), -ENODEV);
	assert_true(world_reads("/o/f", "lower f"));
}

static int do_things(void)
{
	struct attr_change c = { .valid = ATTR_MODE, .mode = 0600 };
	struct path p;
	int err = vfs_mount("overlay", "", "/o", 0, "lowerdir=/low");

	if (err == 0)
		err = world_append("/o/f", "x");
	if (err == 0)
		err = vfs_rename(NULL, "/o/d/a", NULL, "/o/c", 0);
	if (err == 0)
		err = vfs_rename(NULL, "/o/d", NULL, "/o/e", 0);
	if (err == 0)
		err = vfs_unlink(NULL, "/o/hard");
	if (err == 0)
		err = vfs_lookup(NULL, "/o/e/b", 0, &p);
	if (err == 0) {
		err = vfs_setattr(&p, &c);
		path_put(&p);
	}
	return err;
}

static void test_failing_allocator(void **state)
{
	unsigned nth = 0;
	int err = -1;

	for (bool failed = true; failed; nth++) {
		world_start();
		is(make_lower(), 0);
		kmem_fail_at(nth + 1);
		err = do_things();
		failed = kmem_fail_at(0);
		if (err != 0 && err != -ENOMEM && err != -ENOSPC)
			fail_msg("allocation %u: error %d", nth, err);
		check_lower();
	}
	is(err, 0);
	assert_in_range(nth, 20, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reading, start),
		cmocka_unit_test_setup(test_writing, start),
		cmocka_unit_test_setup(test_large_directory, start),
		cmocka_unit_test_setup(test_attributes, start),
		cmocka_unit_test_setup(test_removing, start),
		cmocka_unit_test_setup(test_renaming, start),
		cmocka_unit_test_setup(test_shared_pages, start),
		cmocka_unit_test_setup(test_limit, start),
		cmocka_unit_test_setup(test_own_lower, start),
		cmocka_unit_test_setup(test_failing_allocator, start),
	};

	return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
