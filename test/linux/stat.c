/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stat(2), fstatat(2), statx(2), statfs(2): fields agree among the calls and with what was done.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include "check.h"

static void test_fields(void)
{
	struct stat st, other;
	int fd = open("file", O_RDWR | O_CREAT, 0640), ends[2];

	CHECK_EQ(write(fd, "12345", 5), 5);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK(st.st_blksize > 0);
	CHECK(st.st_ino != 0);
	CHECK_EQ(stat("file", &other), 0);
	CHECK(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
	CHECK_EQ(fstatat(fd, "", &other, AT_EMPTY_PATH), 0);
	CHECK_EQ(other.st_ino, st.st_ino);
	CHECK_EQ(fstatat(AT_FDCWD, "", &other, AT_EMPTY_PATH), 0);
	CHECK(S_ISDIR(other.st_mode));
	CHECK(other.st_nlink >= 1);
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK_EQ(fstatat(AT_FDCWD, "link", &other, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISLNK(other.st_mode));
	CHECK_EQ(fstatat(AT_FDCWD, "link", &other, 0), 0);
	CHECK(S_ISREG(other.st_mode));
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fstat(ends[0], &other), 0);
	CHECK(S_ISFIFO(other.st_mode));
	CHECK_EQ(stat("/dev/null", &other), 0);
	CHECK(S_ISCHR(other.st_mode));
	CHECK_EQ(other.st_rdev, makedev(1, 3));
	close(fd);
}

static void test_errors(void)
{
	struct stat st;

	CHECK_ERR(stat("none", &st), ENOENT);
	CHECK_ERR(stat("", &st), ENOENT);
	CHECK_ERR(stat("file/x", &st), ENOTDIR);
	CHECK_ERR(stat("file/", &st), ENOTDIR);
	CHECK_ERR(syscall(SYS_stat, "file", 1), EFAULT);
	CHECK_ERR(syscall(SYS_stat, 1, &st), EFAULT);
	CHECK_ERR(fstat(999, &st), EBADF);
	CHECK_ERR(fstatat(999, "x", &st, 0), EBADF);
	CHECK_ERR(fstatat(AT_FDCWD, "file", &st, 0x8000), EINVAL);
}

static void test_statx(void)
{
	struct statx x;
	struct stat st;

	CHECK_EQ(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &x), 0);
	CHECK_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	stat("file", &st);
	CHECK_EQ(x.stx_ino, st.st_ino);
	CHECK_EQ(x.stx_size, 5);
	CHECK_EQ(x.stx_mode, st.st_mode);
	CHECK_EQ(x.stx_mtime.tv_sec, st.st_mtim.tv_sec);
	CHECK_EQ(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	CHECK_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
	CHECK_EQ(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x), 0);
	CHECK(S_ISLNK(x.stx_mode));
	CHECK_ERR(statx(AT_FDCWD, "file", 0, STATX__RESERVED, &x), EINVAL);
	CHECK_ERR(statx(AT_FDCWD, "none", 0, STATX_TYPE, &x), ENOENT);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "file", 0, STATX_TYPE, 1), EFAULT);
}

static void test_statfs(void)
{
	struct statfs fs, proc;
	int fd = open("file", O_RDONLY);

	CHECK_EQ(statfs(".", &fs), 0);
	CHECK(fs.f_bsize > 0);
	CHECK(fs.f_blocks > 0);
	CHECK(fs.f_bfree <= fs.f_blocks);
	CHECK(fs.f_namelen >= 255);
	CHECK_EQ(fstatfs(fd, &proc), 0);
	CHECK_EQ(proc.f_type, fs.f_type);
	CHECK_EQ(statfs("/proc", &proc), 0);
	CHECK_EQ(proc.f_type, 0x9fa0);
	CHECK_ERR(statfs("none", &fs), ENOENT);
	CHECK_ERR(fstatfs(999, &fs), EBADF);
	CHECK_ERR(syscall(SYS_statfs, ".", 1), EFAULT);
	close(fd);
}

int main(void)
{
	scratch_enter();
	umask(0);
	test_fields();
	test_errors();
	test_statx();
	test_statfs();
	return check_done();
}
