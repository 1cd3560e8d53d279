/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rename(2) and renameat2(2): replacing, directories, loops, NOREPLACE and EXCHANGE.
 */
#include <fcntl.h>
#include "check.h"

static void put(const char *name, const char *content)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (write(fd, content, strlen(content)) < 0)
		abort();
	close(fd);
}

static bool holds(const char *name, const char *content)
{
	char buf[32] = "";
	int fd = open(name, O_RDONLY);
	bool good = fd >= 0 && read(fd, buf, 31) >= 0 && !strcmp(buf, content);

	close(fd);
	return good;
}

static void test_files(void)
{
	struct stat before, after;
	int fd;

	put("a", "A"), put("b", "B");
	stat("a", &before);
	fd = open("b", O_RDONLY);
	CHECK_EQ(rename("a", "b"), 0);
	CHECK(holds("b", "A"));
	CHECK_ERR(access("a", F_OK), ENOENT);
	stat("b", &after);
	CHECK_EQ(before.st_ino, after.st_ino);
	fstat(fd, &after);
	CHECK_EQ(after.st_nlink, 0); /* the replaced file lives while open */
	close(fd);
	CHECK_EQ(rename("b", "b"), 0);
	CHECK_ERR(rename("none", "x"), ENOENT);
	CHECK_ERR(rename("b", "none/x"), ENOENT);
	CHECK_ERR(rename("b", "b/x"), ENOTDIR);
	CHECK_EQ(link("b", "hard"), 0);
	CHECK_EQ(rename("b", "hard"), 0); /* the same inode: nothing happens */
	CHECK_EQ(access("b", F_OK), 0);
	unlink("hard");
}

static void test_directories(void)
{
	mkdir("d1", 0700), mkdir("d2", 0700), mkdir("d1/in", 0700);
	CHECK_ERR(rename("d1", "d1/in/x"), EINVAL);
	CHECK_ERR(rename("d1", "b"), ENOTDIR);
	CHECK_ERR(rename("b", "d1"), EISDIR);
	CHECK_ERR(rename("d2", "d1"), ENOTEMPTY);
	CHECK_EQ(rename("d1", "d2"), 0); /* over an empty one */
	CHECK_EQ(access("d2/in", F_OK), 0);
	CHECK_EQ(rename("b", "d2/in/b"), 0);
	CHECK(holds("d2/in/b", "A"));
	CHECK_EQ(rename("d2/in", "top"), 0);
	CHECK(holds("top/../top/b", "A"));
	CHECK_EQ(symlink("top", "link"), 0);
	CHECK_EQ(rename("link", "link2"), 0); /* the link itself moves */
	CHECK(holds("link2/b", "A"));
	CHECK_ERR(rename("d2/.", "x"), EBUSY);
}

static void test_flags(void)
{
	put("one", "1"), put("two", "2");
	CHECK_ERR(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE), EEXIST);
	CHECK(holds("two", "2"));
	CHECK_EQ(renameat2(AT_FDCWD, "one", AT_FDCWD, "three", RENAME_NOREPLACE), 0);
	CHECK(holds("three", "1"));
	if (renameat2(AT_FDCWD, "two", AT_FDCWD, "three", RENAME_EXCHANGE) == 0) {
		CHECK(holds("two", "1"));
		CHECK(holds("three", "2"));
		CHECK_EQ(renameat2(AT_FDCWD, "two", AT_FDCWD, "top", RENAME_EXCHANGE), 0);
		CHECK(holds("two/b", "A"));
		CHECK(holds("top", "1"));
	} else {
		CHECK_EQ(errno, EINVAL); /* a file system may not have it */
	}
	CHECK_ERR(renameat2(AT_FDCWD, "two", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	CHECK_ERR(renameat2(AT_FDCWD, "two", AT_FDCWD, "x", RENAME_EXCHANGE | RENAME_NOREPLACE),
		  EINVAL);
	CHECK_ERR(renameat2(AT_FDCWD, "two", AT_FDCWD, "x", 0x100), EINVAL);
	CHECK_ERR(renameat(999, "two", AT_FDCWD, "x"), EBADF);
}

int main(void)
{
	scratch_enter();
	test_files();
	test_directories();
	test_flags();
	return check_done();
}
