/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modes and owners: chmod, chown, umask, access, faccessat2. As root and as anybody else.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include "check.h"

static mode_t mode_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? 0 : st.st_mode & 07777;
}

static void test_chmod(void)
{
	int fd = open("file", O_RDONLY);

	CHECK_EQ(chmod("file", 0604), 0);
	CHECK_EQ(mode_of("file"), 0604);
	CHECK_EQ(fchmod(fd, 04711), 0);
	CHECK_EQ(mode_of("file"), 04711);
	CHECK_EQ(fchmodat(AT_FDCWD, "link", 0600, 0), 0);
	CHECK_EQ(mode_of("file"), 0600);
	CHECK_EQ(chmod("dir", 01777), 0);
	CHECK_EQ(mode_of("dir"), 01777);
	CHECK_ERR(chmod("none", 0600), ENOENT);
	CHECK_ERR(fchmod(999, 0600), EBADF);
	CHECK_ERR(syscall(SYS_chmod, 1, 0600), EFAULT);
	close(fd);
}

static void test_umask(void)
{
	CHECK_EQ(umask(077), 0);
	close(open("masked", O_CREAT | O_WRONLY, 0666));
	CHECK_EQ(mode_of("masked"), 0600);
	CHECK_EQ(umask(01027), 077);
	CHECK_EQ(umask(0), 0027); /* only the permission bits are kept */
	mkdir("masked-dir", 0777);
	CHECK_EQ(mode_of("masked-dir"), 0777);
}

static void test_access(void)
{
	chmod("file", 0400);
	CHECK_EQ(access("file", F_OK), 0);
	CHECK_EQ(access("file", R_OK), 0);
	CHECK_ERR(access("file", X_OK), EACCES); /* no x bit at all: not even root */
	if (geteuid() == 0)
		CHECK_EQ(access("file", W_OK), 0);
	else
		CHECK_ERR(access("file", W_OK), EACCES);
	chmod("file", 0100);
	CHECK_EQ(access("file", X_OK), 0);
	CHECK_ERR(access("none", F_OK), ENOENT);
	CHECK_ERR(access("file", 99), EINVAL);
	CHECK_EQ(faccessat(AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "file", X_OK, AT_EACCESS), 0);
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "file", X_OK, 0x8000), EINVAL);
	chmod("file", 0644);
}

static void test_denied(void)
{
	if (geteuid() == 0)
		return;
	chmod("file", 0);
	CHECK_ERR(open("file", O_RDONLY), EACCES);
	chmod("dir", 0600);
	CHECK_ERR(access("dir/x", F_OK), EACCES);
	chmod("dir", 0700);
	CHECK_ERR(chown("file", 0, 0), EPERM);
}

static void test_chown(void)
{
	struct stat st;

	CHECK_EQ(chown("file", (uid_t)-1, (gid_t)-1), 0);
	CHECK_EQ(chown("file", geteuid(), getegid()), 0);
	CHECK_ERR(chown("none", 0, 0), ENOENT);
	CHECK_ERR(fchown(999, 0, 0), EBADF);
	if (geteuid() != 0)
		return;
	chmod("file", 06755);
	CHECK_EQ(chown("file", 1000, 1001), 0);
	stat("file", &st);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(st.st_gid, 1001);
	CHECK_EQ(st.st_mode & 07777, 0755); /* set-id bits go */
	CHECK_EQ(lchown("link", 7, 8), 0);
	stat("file", &st);
	CHECK_EQ(st.st_uid, 1000);
	lstat("link", &st);
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(fchownat(AT_FDCWD, "link", 0, (gid_t)-1, 0), 0);
	stat("file", &st);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 1001);
}

int main(void)
{
	scratch_enter();
	umask(0);
	close(open("file", O_CREAT | O_WRONLY, 0600));
	mkdir("dir", 0700);
	CHECK_EQ(symlink("file", "link"), 0);
	test_chmod();
	test_umask();
	test_access();
	test_denied();
	test_chown();
	return check_done();
}
