/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open(2), openat(2) and openat2(2): every flag's effect and error, one small scene each.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include "check.h"

static int touch(const char *name, const char *content)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (write(fd, content, strlen(content)) < 0)
		return -1;
	return fd;
}

static void test_create(void)
{
	int fd;

	CHECK_ERR(open("none", O_RDONLY), ENOENT);
	fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(open("new", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_ERR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	fd = open("dangling", O_RDWR | O_CREAT, 0644); /* creates the target */
	CHECK(fd >= 0);
	CHECK_EQ(access("nowhere", F_OK), 0);
	close(fd);
	fd = creat("created", 0600);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	close(fd);
}

static void test_trunc_append(void)
{
	char text[16] = { 0 };
	int fd = touch("file", "hello");

	close(fd);
	fd = open("file", O_WRONLY | O_APPEND);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "++", 2), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK_EQ(pwrite(fd, "**", 2, 0), 2); /* Linux appends here too */
	CHECK_ERR(read(fd, text, 1), EBADF);
	close(fd);
	fd = open("file", O_RDONLY);
	CHECK_EQ(read(fd, text, 15), 9);
	CHECK_STR(text, "hello++**");
	CHECK_ERR(write(fd, "x", 1), EBADF);
	close(fd);
	fd = open("file", O_WRONLY | O_TRUNC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static void test_directory_flags(void)
{
	int fd = touch("plain", "x");

	close(fd);
	CHECK_EQ(mkdir("dir", 0755), 0);
	CHECK_ERR(open("plain", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("dir", O_WRONLY), EISDIR);
	CHECK_ERR(open("dir", O_RDWR), EISDIR);
	CHECK_ERR(open("plain/x", O_RDONLY), ENOTDIR);
	fd = open("dir", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &fd, 1), EISDIR);
	close(openat(fd, "inside", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(access("dir/inside", F_OK), 0);
	CHECK_ERR(openat(fd, "none", O_RDONLY), ENOENT);
	CHECK_ERR(openat(12345, "none", O_RDONLY), EBADF);
	/* absolute: fd not looked at */
	CHECK(openat(12345, check_scratch_path, O_RDONLY) >= 0);
	close(fd);
	fd = open("plain", O_RDONLY);
	CHECK_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
	close(fd);
}

static void test_nofollow_and_path(void)
{
	struct stat st;
	char target[16];
	int fd;

	CHECK_EQ(symlink("plain", "link"), 0);
	CHECK_ERR(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	fd = open("link", O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(fd, "", target, sizeof(target)), 5);
	close(fd);
	fd = open("plain", O_PATH);
	CHECK_ERR(read(fd, target, 1), EBADF);
	CHECK_ERR(write(fd, target, 1), EBADF);
	CHECK_ERR(fchmod(fd, 0600), EBADF);
	CHECK_ERR(syscall(SYS_ioctl, fd, 0, 0), EBADF);
	CHECK((fcntl(fd, F_GETFL) & O_PATH) != 0);
	close(fd);
}

static void test_cloexec_lowest(void)
{
	int a = open(".", O_RDONLY), b = open(".", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(fcntl(a, F_GETFD), 0);
	CHECK_EQ(fcntl(b, F_GETFD), FD_CLOEXEC);
	close(a);
	CHECK_EQ(open(".", O_RDONLY), a); /* the lowest free number */
	close(a), close(b);
}

static void test_tmpfile(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	struct stat st;

	if (fd < 0) {
		CHECK(errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
		return;
	}
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(write(fd, "tmp", 3), 3);
	close(fd);
	CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}

static long openat2_with(const char *path, unsigned long flags, unsigned long resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };

	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static void test_openat2(void)
{
	CHECK(openat2_with("plain", O_RDONLY, 0) >= 0);
	CHECK_ERR(openat2_with("../", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(openat2_with("link", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK(openat2_with("/../..", O_RDONLY, RESOLVE_IN_ROOT) >= 0);
	CHECK_ERR(openat2_with("plain", 1ul << 40, 0), EINVAL);
	CHECK_ERR(openat2_with("plain", O_RDONLY, 1ul << 40), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "plain", NULL, 24), EFAULT);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "plain", "x", 8), EINVAL);
}

int main(void)
{
	scratch_enter();
	umask(022);
	test_create();
	test_trunc_append();
	test_directory_flags();
	test_nofollow_and_path();
	test_cloexec_lowest();
	test_tmpfile();
	test_openat2();
	return check_done();
}
