/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path resolution (path_resolution(7)) and the working directory: lengths, dots, slashes, "..",
	 getcwd.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include "check.h"

static void test_lengths(void)
{
	static char name[PATH_MAX + 10];

	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERR(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	CHECK_ERR(access(name, F_OK), ENAMETOOLONG);
	name[255] = 0;
	CHECK_EQ(close(open(name, O_CREAT | O_WRONLY, 0600)), 0);
	CHECK_EQ(unlink(name), 0);
	for (size_t i = 0; i < PATH_MAX; i += 2)
		memcpy(name + i, "./", 2);
	name[PATH_MAX] = 0;
	CHECK_ERR(access(name, F_OK), ENAMETOOLONG);
	name[PATH_MAX - 2] = 0;
	CHECK_EQ(access(name, F_OK), 0);
}

static void test_shapes(void)
{
	struct stat a, b;

	mkdir("dir", 0700), mkdir("dir/sub", 0700);
	close(open("dir/file", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(access("dir//sub///", F_OK), 0);
	CHECK_EQ(access("./dir/./sub/../file", F_OK), 0);
	CHECK_ERR(access("dir/file/", F_OK), ENOTDIR);
	CHECK_ERR(access("dir/file/..", F_OK), ENOTDIR);
	CHECK_ERR(access("dir/none/..", F_OK), ENOENT);
	CHECK_ERR(open("newfile/", O_CREAT | O_WRONLY, 0600), EISDIR);
	CHECK_ERR(access("", F_OK), ENOENT);
	CHECK_ERR(unlink("dir/file/"), ENOTDIR);
	CHECK_ERR(unlink("."), EISDIR);
	CHECK_EQ(stat("/", &a), 0);
	CHECK_EQ(stat("/../..", &b), 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK_EQ(symlink("dir/sub", "link"), 0);
	CHECK_EQ(access("link/../file", F_OK), 0); /* .. of the target, not of the link */
}

static void test_cwd(void)
{
	char here[PATH_MAX], now[PATH_MAX], want[PATH_MAX + 16];
	int fd = open(".", O_RDONLY | O_DIRECTORY), file = open("dir/file", O_RDONLY);

	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK_EQ(chdir("dir/sub"), 0);
	snprintf(want, sizeof(want), "%s/dir/sub", here);
	CHECK(getcwd(now, sizeof(now)) != NULL);
	CHECK_STR(now, want);
	CHECK_EQ(syscall(SYS_getcwd, now, sizeof(now)), (long)strlen(want) + 1);
	CHECK_ERR(syscall(SYS_getcwd, now, 3), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, 1, 4096), EFAULT);
	CHECK_EQ(access("../file", F_OK), 0);
	CHECK_EQ(chdir(".."), 0);
	CHECK_EQ(rename("sub", "moved"), 0);
	CHECK_EQ(chdir("moved"), 0);
	CHECK_EQ(rmdir("../moved"), 0);
	CHECK_ERR(syscall(SYS_getcwd, now, sizeof(now)), ENOENT);
	CHECK_ERR(open("x", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_EQ(fchdir(fd), 0);
	CHECK_STR(getcwd(now, sizeof(now)), here);
	CHECK_ERR(chdir("dir/file"), ENOTDIR);
	CHECK_ERR(chdir("none"), ENOENT);
	CHECK_ERR(fchdir(file), ENOTDIR);
	CHECK_ERR(fchdir(999), EBADF);
	close(fd), close(file);
}

static void test_odd_names(void)
{
	static const char *const names[] = { " ", "a b", "\n",           "\xff\xfe",
					     "-", "...", "\xe2\x82\xac", "a:b*?" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = open(names[i], O_CREAT | O_EXCL | O_WRONLY, 0600);

		CHECK(fd >= 0);
		close(fd);
		CHECK_EQ(unlink(names[i]), 0);
	}
}

static void test_deep(void)
{
	int depth = 0;

	for (; depth < 200; depth++) {
		if (mkdir("d", 0700) || chdir("d"))
			break;
	}
	CHECK_EQ(depth, 200);
	while (depth-- > 0) {
		if (chdir("..") || rmdir("d"))
			break;
	}
	CHECK_EQ(depth, -1);
}

int main(void)
{
	scratch_enter();
	test_lengths();
	test_shapes();
	test_cwd();
	test_odd_names();
	test_deep();
	return check_done();
}
