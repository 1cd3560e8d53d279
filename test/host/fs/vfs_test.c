/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, opening, permissions and attributes on a tmpfs; every allocation failing in turn. */
#include "test/host/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/fcntl.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/memfd.h>

#include "fs/tmpfs/archive.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "test/host/fs/fs_world.h"

#define is(expr, value) assert_int_equal((expr), (value))

static int start(void **state)
{
	world_start();
	return 0;
}

static int lookup(const char *name, unsigned flags)
{
	struct path p;
	int err = vfs_lookup(NULL, name, flags, &p);

	if (err == 0)
		path_put(&p);
	return err;
}

static int open_err(const char *name, unsigned flags)
{
	struct file *f;
	int err = vfs_open(NULL, name, flags, 0644, 0, &f);

	if (err == 0)
		file_put(f);
	return err;
}

static void test_names(void **state)
{
	char *longest = calloc(1, 5000);

	is(vfs_mkdir(NULL, "/d", 0755), 0);
	is(vfs_mkdir(NULL, "/d", 0755), -EEXIST);
	is(vfs_mkdir(NULL, "/d/e/", 0755), 0);
	is(vfs_mkdir(NULL, "/x/y", 0755), -ENOENT);
	is(world_write("/d/f", "hello"), 0);
	is(lookup("/d/f", 0), 0);
	is(lookup("/d/f/", 0), -ENOTDIR);
	is(lookup("/d/f/..", 0), -ENOTDIR);
	is(lookup("/d/./e/../f", 0), 0);
	is(lookup("/../../d/f", 0), 0);
	is(lookup("", 0), -ENOENT);
	is(lookup("", LOOKUP_EMPTY), 0);
	is(lookup("/d/none", 0), -ENOENT);
	is(lookup("/d/f/none", 0), -ENOTDIR);
	is(lookup("/d/f", LOOKUP_DIRECTORY), -ENOTDIR);
	memset(longest, 'n', 256);
	is(lookup(longest, 0), -ENAMETOOLONG);
	longest[255] = '\0';
	is(lookup(longest, 0), -ENOENT);
	memset(longest, '/', 4096);
	is(lookup(longest, 0), -ENAMETOOLONG);
	free(longest);
	is(vfs_rmdir(NULL, "/d"), -ENOTEMPTY);
	is(vfs_rmdir(NULL, "/d/f"), -ENOTDIR);
	is(vfs_rmdir(NULL, "/d/e/."), -EINVAL);
	is(vfs_rmdir(NULL, "/d/e/.."), -ENOTEMPTY);
	is(vfs_rmdir(NULL, "/"), -EBUSY);
	is(vfs_unlink(NULL, "/d/e"), -EISDIR);
	is(vfs_unlink(NULL, "/d/f/"), -ENOTDIR);
	is(vfs_unlink(NULL, "/d/f"), 0);
	is(vfs_unlink(NULL, "/d/f"), -ENOENT);
	is(vfs_rmdir(NULL, "/d/e"), 0);
}

static void test_links(void **state)
{
	struct path p, q;
	struct statx st;

	is(world_write("/f", "text"), 0);
	is(vfs_mkdir(NULL, "/d", 0755), 0);
	is(vfs_symlink("../f", NULL, "/d/l"), 0);
	is(vfs_symlink("d", NULL, "/dl"), 0);
	assert_true(world_reads("/dl/l", "text"));
	is(lookup("/d/l/", 0), -ENOTDIR);
	is(vfs_symlink("loop", NULL, "/loop"), 0);
	is(lookup("/loop", 0), -ELOOP);
	is(lookup("/loop", LOOKUP_NOFOLLOW), 0);
	is(lookup("/dl", LOOKUP_NO_SYMLINKS), -ELOOP);
	is(lookup("/dl/l", LOOKUP_NOFOLLOW), 0);
	p = world_path("/f");
	is(vfs_link(&p, NULL, "/d/hard"), 0);
	is(vfs_link(&p, NULL, "/d/hard"), -EEXIST);
	path_put(&p);
	is(world_stat("/f", &st), 0);
	is(st.stx_nlink, 2);
	is(vfs_unlink(NULL, "/f"), 0);
	assert_true(world_reads("/d/hard", "text"));
	p = world_path("/d");
	is(vfs_link(&p, NULL, "/d2"), -EPERM);
	is(vfs_lookup(&p, "../d/hard", LOOKUP_BENEATH, &q), -EXDEV);
	is(vfs_lookup(&p, "/hard", LOOKUP_IN_ROOT | LOOKUP_NOFOLLOW, &q), 0);
	path_put(&q);
	path_put(&p);
	is(vfs_symlink("/made", NULL, "/dangling"), 0);
	is(world_write("/dangling", "through"), 0);
	assert_true(world_reads("/made", "through"));
	is(open_err("/dangling", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	is(open_err("/dangling", O_NOFOLLOW), -ELOOP);
	is(open_err("/dangling", O_NOFOLLOW | O_PATH), 0);
}

static void test_open(void **state)
{
	struct file *f, *g;
	char buf[16];

	is(open_err("/f", O_RDWR), -ENOENT);
	is(open_err("/f", O_RDWR | O_CREAT | O_EXCL), 0);
	is(open_err("/f", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	is(open_err("/f", O_DIRECTORY), -ENOTDIR);
	is(open_err("/", O_RDWR), -EISDIR);
	is(open_err("/", O_CREAT), -EISDIR);
	is(open_err("/new/", O_CREAT | O_RDWR), -EISDIR);
	is(open_err("/f/", O_CREAT | O_RDWR), -ENOTDIR);
	f = world_open("/f", O_RDWR | O_APPEND);
	g = world_open("/f", O_RDWR);
	is(world_file_write(g, "12345", 5), 5);
	is(world_file_write(f, "678", 3), 3);
	assert_true(world_reads("/f", "12345678"));
	is(vfs_seek(g, 2, SEEK_SET), 2);
	is(world_file_read(g, buf, 3), 3);
	assert_memory_equal(buf, "345", 3);
	is(vfs_seek(g, -6, SEEK_CUR), -EINVAL);
	is(vfs_seek(g, 0, SEEK_END), 8);
	is(vfs_unlink(NULL, "/f"), 0);
	is(vfs_seek(g, 0, SEEK_SET), 0);
	is(world_file_read(g, buf, 16), 8);
	file_put(g);
	is(file_deny_write(f), -ETXTBSY);
	file_put(f);
	is(world_write("/x", "code"), 0);
	f = world_open("/x", O_RDONLY);
	is(world_file_write(f, "y", 1), -EBADF);
	is(file_deny_write(f), 0);
	is(open_err("/x", O_WRONLY), -ETXTBSY);
	file_allow_write(f);
	is(open_err("/x", O_WRONLY), 0);
	file_put(f);
	f = world_open("/", O_TMPFILE | O_RDWR);
	is(world_file_write(f, "t", 1), 1);
	is(vfs_link(&f->path, NULL, "/linked"), 0);
	file_put(f);
	assert_true(world_reads("/linked", "t"));
	f = world_open("/linked", O_PATH);
	is(world_file_read(f, buf, 1), -EBADF);
	file_put(f);
}

static void test_rename(void **state)
{
	is(world_write("/a", "A"), 0);
	is(world_write("/b", "B"), 0);
	is(vfs_mkdir(NULL, "/d", 0755), 0);
	is(vfs_mkdir(NULL, "/d/sub", 0755), 0);
	is(vfs_rename(NULL, "/a", NULL, "/b", RENAME_NOREPLACE), -EEXIST);
	is(vfs_rename(NULL, "/a", NULL, "/b", RENAME_EXCHANGE), 0);
	assert_true(world_reads("/a", "B"));
	assert_true(world_reads("/b", "A"));
	is(vfs_rename(NULL, "/a", NULL, "/b", 0), 0);
	assert_true(world_reads("/b", "B"));
	is(world_exists("/a"), false);
	is(vfs_rename(NULL, "/d", NULL, "/d/sub/x", 0), -EINVAL);
	is(vfs_rename(NULL, "/d/sub", NULL, "/d", 0), -ENOTEMPTY);
	is(vfs_rename(NULL, "/b", NULL, "/d", 0), -EISDIR);
	is(vfs_rename(NULL, "/d", NULL, "/b", 0), -ENOTDIR);
	is(vfs_rename(NULL, "/b", NULL, "/b/", 0), -ENOTDIR);
	is(vfs_rename(NULL, "/b", NULL, "/d/sub/c", 0), 0);
	is(vfs_rename(NULL, "/d/sub", NULL, "/top", 0), 0);
	assert_true(world_reads("/top/c", "B"));
	is(vfs_rename(NULL, "/top", NULL, "/d", 0), 0); /* over an empty directory */
	assert_true(world_reads("/d/c", "B"));
	is(vfs_rename(NULL, "/d/c", NULL, "/d/.", 0), -EBUSY);
	is(vfs_rename(NULL, "/none", NULL, "/x", 0), -ENOENT);
	is(vfs_rename(NULL, "/d", NULL, "/x", 1 << 2), -EINVAL);
}

static void test_permissions(void **state)
{
	struct attr_change c = { .valid = ATTR_MODE, .mode = 0600 };
	struct path p;

	is(world_write("/secret", "s"), 0);
	p = world_path("/secret");
	is(vfs_setattr(&p, &c), 0);
	is(vfs_mkdir(NULL, "/shared", 01777), 0);
	path_put(&p);
	p = world_path("/shared");
	c.mode = 01777;
	is(vfs_setattr(&p, &c), 0);
	path_put(&p);
	world_user(1000, 1000);
	is(open_err("/secret", O_RDONLY), -EACCES);
	is(world_write("/mine", "m"), -EACCES);
	is(world_write("/shared/mine", "m"), 0);
	p = world_path("/secret");
	is(vfs_setattr(&p, &c), -EPERM);
	is(vfs_access(&p, 4, false), -EACCES);
	path_put(&p);
	world_user(1001, 1001);
	is(vfs_unlink(NULL, "/shared/mine"), -EPERM); /* sticky */
	is(open_err("/shared/mine", O_WRONLY), -EACCES);
	is(open_err("/shared/mine", O_RDONLY), 0);
	world_user(1000, 1000);
	p = world_path("/shared/mine");
	c = (struct attr_change){ .valid = ATTR_UID, .uid = 1001 };
	is(vfs_setattr(&p, &c), -EPERM);
	c = (struct attr_change){ .valid = ATTR_MODE, .mode = 04755 };
	is(vfs_setattr(&p, &c), 0);
	is(p.dentry->inode->mode & 07777, 04755);
	is(world_append("/shared/mine", "x"), 0);
	is(p.dentry->inode->mode & 07777, 0755); /* a write takes set-uid away */
	path_put(&p);
	is(vfs_unlink(NULL, "/shared/mine"), 0);
}

static void test_mounts(void **state)
{
	struct statfs_info s;
	struct path p;

	is(vfs_mkdir(NULL, "/m", 0755), 0);
	is(world_write("/m/under", "u"), 0);
	is(vfs_mount("tmpfs", "t", "/m", 0, "size=64k"), 0);
	is(world_exists("/m/under"), false);
	is(world_write("/m/over", "o"), 0);
	is(lookup("/m/../m/over", 0), 0);
	is(lookup("/m/over", LOOKUP_NO_XDEV), -EXDEV);
	is(vfs_rename(NULL, "/m/over", NULL, "/over", 0), -EXDEV);
	is(vfs_rmdir(NULL, "/m"), -EBUSY);
	p = world_path("/m");
	is(vfs_statfs(&p, &s), 0);
	is(s.blocks, 16);
	is(s.blocks_free, 15);
	path_put(&p);
	p = world_path("/m/over");
	is(vfs_unmount(&p, 0), -EINVAL);
	path_put(&p);
	is(vfs_mount("tmpfs", "ro", "/m", SB_RDONLY, ""), 0);
	is(world_write("/m/x", ""), -EROFS);
	p = world_path("/m");
	is(vfs_unmount(&p, 0), 0);
	path_put(&p);
	assert_true(world_reads("/m/over", "o"));
	p = world_path("/m");
	is(vfs_unmount(&p, 0), 0);
	path_put(&p);
	assert_true(world_reads("/m/under", "u"));
	is(vfs_mount("nofs", "", "/m", 0, ""), -ENODEV);
	is(vfs_mount("tmpfs", "", "/m", 0, "size=bad"), -EINVAL);
}

static void test_space(void **state)
{
	static char block[65536];
	uint64_t before = world_free_pages();
	struct statx st;
	struct file *f;
	char c = 1;

	is(vfs_mkdir(NULL, "/m", 0755), 0);
	is(vfs_mount("tmpfs", "t", "/m", 0, "size=128k"), 0);
	f = world_open("/m/f", O_RDWR | O_CREAT);
	is(world_file_write(f, block, sizeof(block)), 65536);
	is(world_file_write(f, block, sizeof(block)), 65536);
	is(world_file_write(f, block, sizeof(block)), -ENOSPC);
	is(vfs_allocate(f, FALLOC_FL_PUNCH_HOLE, 0, 4096), -EOPNOTSUPP);
	is(vfs_allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 65536), 0);
	is(vfs_seek(f, 0, SEEK_HOLE), 4096);
	is(vfs_seek(f, 4096, SEEK_DATA), 4096 + 65536);
	is(vfs_file_getattr(f, &st), 0);
	is(st.stx_size, 131072);
	is(st.stx_blocks, 128);
	is(vfs_seek(f, 5000, SEEK_SET), 5000);
	is(world_file_read(f, &c, 1), 1);
	is(c, 0);
	is(vfs_file_truncate(f, 100), 0);
	is(vfs_allocate(f, 0, 0, 8192), 0);
	is(vfs_file_getattr(f, &st), 0);
	is(st.stx_size, 8192);
	is(st.stx_blocks, 16);
	is(vfs_allocate(f, FALLOC_FL_ZERO_RANGE, 0, 100), 0);
	is(vfs_allocate(f, 0, 0, 1 << 20), -ENOSPC);
	is(vfs_file_getattr(f, &st), 0);
	is(st.stx_size, 8192);
	file_put(f);
	world_start();
	assert_in_range(world_free_pages(), before - 24, before + 8);
}

static void test_xattrs(void **state)
{
	char buf[64];
	struct path p;

	is(world_write("/f", ""), 0);
	p = world_path("/f");
	is(vfs_xattr_set(&p, "user.a", "one", 3, 0), 0);
	is(vfs_xattr_set(&p, "user.a", "two!", 4, 1), -EEXIST);
	is(vfs_xattr_set(&p, "user.b", "x", 1, 2), -ENODATA);
	is(vfs_xattr_set(&p, "trusted.t", "", 0, 0), 0);
	is(vfs_xattr_set(&p, "bad.name", "", 0, 0), -EOPNOTSUPP);
	is(vfs_xattr_get(&p, "user.a", NULL, 0), 3);
	is(vfs_xattr_get(&p, "user.a", buf, 2), -ERANGE);
	is(vfs_xattr_get(&p, "user.a", buf, 64), 3);
	is(vfs_xattr_list(&p, buf, 64), 17);
	is(vfs_xattr_remove(&p, "user.a"), 0);
	is(vfs_xattr_get(&p, "user.a", buf, 64), -ENODATA);
	path_put(&p);
}

static void test_path_names(void **state)
{
	char buf[128], *name;
	struct file *f;
	struct path p;

	is(vfs_mkdir(NULL, "/a", 0755), 0);
	is(vfs_mkdir(NULL, "/a/b", 0755), 0);
	is(vfs_mount("tmpfs", "t", "/a/b", 0, ""), 0);
	is(vfs_mkdir(NULL, "/a/b/c", 0755), 0);
	p = world_path("/a/b/c");
	is(path_name(&p, buf, sizeof(buf), &name), 0);
	assert_string_equal(name, "/a/b/c");
	is(path_name(&p, buf, 6, &name), -ENAMETOOLONG);
	is(vfs_chdir(&p), 0);
	is(world_write("rel", "r"), 0);
	assert_true(world_reads("/a/b/c/rel", "r"));
	assert_true(world_reads("../c/rel", "r"));
	path_put(&p);
	f = world_open("rel", O_RDONLY);
	is(vfs_rename(NULL, "rel", NULL, "/a/b/moved", 0), 0);
	is(path_name(&f->path, buf, sizeof(buf), &name), 0);
	assert_string_equal(name, "/a/b/moved");
	is(vfs_unlink(NULL, "/a/b/moved"), 0);
	is(path_name(&f->path, buf, sizeof(buf), &name), 0);
	assert_string_equal(name, "/a/b/moved (deleted)");
	file_put(f);
	p = world_path("/");
	is(vfs_chdir(&p), 0);
	is(path_name(&p, buf, sizeof(buf), &name), 0);
	assert_string_equal(name, "/");
	path_put(&p);
}

static void test_directories(void **state)
{
	char name[32];
	size_t len = 0;

	is(vfs_mkdir(NULL, "/d", 0755), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "/d/f%d", i);
		is(world_write(name, ""), 0);
	}
	for (const char *s = world_list("/d"); *s != '\0'; s++)
		len += *s == ' ';
	is(len, 100);
	is(vfs_unlink(NULL, "/d/f0"), 0);
	assert_memory_equal(world_list("/d"), "f1 f2 ", 6);
}

static void test_memory_files(void **state)
{
	char buf[64], *name;
	struct file *f, *g;

	is(vfs_memory_file("test", MFD_ALLOW_SEALING, &f), 0);
	is(world_file_write(f, "data", 4), 4);
	is(path_name(&f->path, buf, sizeof(buf), &name), 0);
	assert_string_equal(name, "/memfd:test (deleted)");
	is(vfs_open_path(&f->path, O_RDONLY, &g), 0);
	is(world_file_read(g, buf, 64), 4);
	file_put(g);
	is(vfs_seals_get(f), 0);
	is(vfs_seals_add(f, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	is(vfs_file_truncate(f, 2), -EPERM);
	is(vfs_file_truncate(f, 20), -EPERM);
	is(vfs_seek(f, 0, SEEK_SET), 0);
	is(world_file_write(f, "DATA", 4), 4);
	is(vfs_seals_add(f, F_SEAL_WRITE | F_SEAL_SEAL), 0);
	is(vfs_seek(f, 0, SEEK_SET), 0);
	is(world_file_write(f, "x", 1), -EPERM);
	is(vfs_seals_add(f, F_SEAL_WRITE), -EPERM);
	file_put(f);
}

static int do_things(void)
{
	struct path p;
	int err = vfs_mkdir(NULL, "/w", 0755);

	if (err == 0)
		err = world_write("/w/a", "some text");
	if (err == 0)
		err = vfs_symlink("a", NULL, "/w/l");
	if (err == 0)
		err = vfs_rename(NULL, "/w/a", NULL, "/w/b", 0);
	if (err == 0)
		err = vfs_mount("tmpfs", "t", "/w", 0, "size=1m");
	if (err == 0)
		err = world_write("/w/in", "side");
	if (err == 0)
		err = vfs_lookup(NULL, "/w/in", 0, &p);
	if (err == 0) {
		err = vfs_xattr_set(&p, "user.x", "v", 1, 0);
		path_put(&p);
	}
	return err;
}

static void test_failing_allocator(void **state)
{
	uint64_t before = 0;
	unsigned nth = 0;
	int err = -1;

	for (bool failed = true; failed; nth++) {
		world_start();
		if (nth == 2)
			before = world_free_pages();
		kmem_fail_at(nth + 1);
		err = do_things();
		failed = kmem_fail_at(0);
		if (err != 0 && err != -ENOMEM && err != -ENOSPC)
			fail_msg("allocation %u: error %d", nth, err);
	}
	is(err, 0);
	assert_in_range(nth, 15, 200);
	world_start();
	assert_in_range(world_free_pages(), before - 8, before + 64);
}

static void add_entry(char **at, const char *name, unsigned mode, const char *data, unsigned nlink)
{
	size_t name_len = strlen(name) + 1, len = strlen(data);

	*at += sprintf(*at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 5, mode,
		       3, 4, nlink, 77, (unsigned)len, 0, 0, 0, 0, (unsigned)name_len, 0);
	memcpy(*at, name, name_len);
	*at += name_len;
	while ((uintptr_t)*at % 4 != 0)
		*(*at)++ = '\0';
	memcpy(*at, data, len);
	*at += len;
	while ((uintptr_t)*at % 4 != 0)
		*(*at)++ = '\0';
}

static void test_archive(void **state)
{
	static char archive[4096] __attribute__((aligned(16)));
	char *at = archive;
	struct statx st;
	struct path root;

	add_entry(&at, "etc/conf", 0100640, "first", 2);
	add_entry(&at, "./etc/again", 0100640, "", 2);
	add_entry(&at, "link", 0120777, "etc/conf", 1);
	add_entry(&at, "TRAILER!!!", 0, "", 1);
	root = world_path("/");
	is(cpio_unpack(&root, archive, (size_t)(at - archive)), 0);
	assert_true(world_reads("/link", "first"));
	assert_true(world_reads("/etc/again", "first"));
	is(world_stat("/etc/again", &st), 0);
	is(st.stx_uid, 3);
	is(st.stx_mode, 0100640);
	is(st.stx_nlink, 2);
	is(st.stx_mtime.tv_sec, 77);
	is(cpio_unpack(&root, archive, 50), -EINVAL);
	path_put(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_names, start),
		cmocka_unit_test_setup(test_links, start),
		cmocka_unit_test_setup(test_open, start),
		cmocka_unit_test_setup(test_rename, start),
		cmocka_unit_test_setup(test_permissions, start),
		cmocka_unit_test_setup(test_mounts, start),
		cmocka_unit_test_setup(test_space, start),
		cmocka_unit_test_setup(test_xattrs, start),
		cmocka_unit_test_setup(test_path_names, start),
		cmocka_unit_test_setup(test_directories, start),
		cmocka_unit_test_setup(test_memory_files, start),
		cmocka_unit_test_setup(test_archive, start),
		cmocka_unit_test_setup(test_failing_allocator, start),
	};

	return cmocka_run_group_tests_name("vfs", tests, NULL, NULL);
}
