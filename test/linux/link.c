/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hard and symbolic links: counts, targets, loops, trailing components, unlink(2),
	 and files that are
 * unlinked while open.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include "check.h"

static nlink_t links_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? 0 : st.st_nlink;
}

static void test_hard(void)
{
	struct stat a, b;

	close(open("file", O_CREAT | O_WRONLY, 0600));
	mkdir("dir", 0700);
	CHECK_EQ(link("file", "hard"), 0);
	CHECK_EQ(links_of("file"), 2);
	stat("file", &a), stat("hard", &b);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_ERR(link("file", "hard"), EEXIST);
	CHECK_ERR(link("none", "x"), ENOENT);
	CHECK_ERR(link("dir", "x"), EPERM);
	CHECK_EQ(unlink("file"), 0);
	CHECK_EQ(links_of("hard"), 1);
	CHECK_ERR(unlink("file"), ENOENT);
	CHECK_EQ(symlink("hard", "soft"), 0);
	CHECK_EQ(linkat(AT_FDCWD, "soft", AT_FDCWD, "soft-hard", 0), 0);
	CHECK(lstat("soft-hard", &a) == 0 && S_ISLNK(a.st_mode));
	CHECK_EQ(linkat(AT_FDCWD, "soft", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW), 0);
	CHECK(lstat("followed", &a) == 0 && S_ISREG(a.st_mode));
	CHECK_ERR(linkat(AT_FDCWD, "hard", AT_FDCWD, "x", 0x8000), EINVAL);
}

static void test_symbolic(void)
{
	char buf[64] = "";
	struct stat st;

	CHECK_EQ(readlink("soft", buf, sizeof(buf)), 4);
	CHECK(!memcmp(buf, "hard", 4));
	CHECK_EQ(readlink("soft", buf, 2), 2); /* truncated without a word */
	CHECK_ERR(readlink("hard", buf, sizeof(buf)), EINVAL);
	CHECK_ERR(syscall(SYS_readlink, "soft", buf, 0), EINVAL);
	CHECK_EQ(lstat("soft", &st), 0);
	CHECK_EQ(st.st_size, 4);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0777);
	CHECK_ERR(symlink("", "empty"), ENOENT);
	CHECK_ERR(symlink("x", "soft"), EEXIST);
	CHECK_EQ(symlink("dir", "to-dir"), 0);
	CHECK(lstat("to-dir/", &st) == 0 && S_ISDIR(st.st_mode)); /* the slash follows it */
	CHECK_EQ(symlink("../x/./y", "odd"), 0);
	CHECK_EQ(readlink("odd", buf, sizeof(buf)), 8); /* kept as it was given */
}

static void test_loops(void)
{
	char name[16], target[16];

	CHECK_EQ(symlink("loop-b", "loop-a"), 0);
	CHECK_EQ(symlink("loop-a", "loop-b"), 0);
	CHECK_ERR(open("loop-a", O_RDONLY), ELOOP);
	CHECK_ERR(access("loop-a/x", F_OK), ELOOP);
	CHECK_EQ(symlink("self", "self"), 0);
	CHECK_ERR(open("self", O_RDONLY), ELOOP);
	symlink("hard", "n0") ? abort() : (void)0;
	for (int i = 1; i <= 45; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(target, sizeof(target), "n%d", i - 1);
		if (symlink(target, name))
			break;
	}
	CHECK_EQ(access("n39", F_OK), 0); /* forty links */
	CHECK_ERR(access("n40", F_OK), ELOOP);
}

static void test_unlinked_while_open(void)
{
	char path[64], target[PATH_MAX] = "", buf[8] = "";
	struct stat st;
	int fd = open("open", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(write(fd, "still", 5), 5);
	CHECK_EQ(unlink("open"), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pread(fd, buf, 8, 0), 5);
	CHECK_STR(buf, "still");
	CHECK_EQ(ftruncate(fd, 10000), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(readlink(path, target, sizeof(target) - 1) > 0);
	CHECK(strstr(target, "/open (deleted)") != NULL);
	close(fd);
	fd = open("open", O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

int main(void)
{
	scratch_enter();
	test_hard();
	test_symbolic();
	test_loops();
	test_unlinked_while_open();
	return check_done();
}
