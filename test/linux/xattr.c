/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes (xattr(7)) in the user namespace. A file system may have none: then all
 * say so.
 */
#include <fcntl.h>
#include <sys/xattr.h>
#include "check.h"

static void test_supported(int fd)
{
	char buf[64] = "";

	CHECK_EQ(getxattr("file", "user.one", buf, sizeof(buf)), 5);
	CHECK(!memcmp(buf, "first", 5));
	CHECK_EQ(getxattr("file", "user.one", NULL, 0), 5);
	CHECK_ERR(getxattr("file", "user.one", buf, 2), ERANGE);
	CHECK_ERR(getxattr("file", "user.none", buf, sizeof(buf)), ENODATA);
	CHECK_ERR(setxattr("file", "user.one", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_ERR(setxattr("file", "user.two", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_EQ(fsetxattr(fd, "user.two", "", 0, 0), 0);
	CHECK_EQ(fgetxattr(fd, "user.two", buf, sizeof(buf)), 0);
	CHECK_EQ(listxattr("file", NULL, 0), 18);
	CHECK_EQ(flistxattr(fd, buf, sizeof(buf)), 18);
	CHECK(memmem(buf, 18, "user.one", 9) && memmem(buf, 18, "user.two", 9));
	CHECK_ERR(listxattr("file", buf, 3), ERANGE);
	CHECK_EQ(removexattr("file", "user.one"), 0);
	CHECK_ERR(removexattr("file", "user.one"), ENODATA);
	CHECK_EQ(fremovexattr(fd, "user.two"), 0);
	CHECK_EQ(listxattr("file", buf, sizeof(buf)), 0);
	CHECK_ERR(setxattr("file", "user.one", "x", 1, 99), EINVAL);
}

int main(void)
{
	char buf[8];
	int fd;

	scratch_enter();
	fd = open("file", O_RDWR | O_CREAT, 0600);
	if (setxattr("file", "user.one", "first", 5, 0) == 0)
		test_supported(fd);
	else
		CHECK_EQ(errno, EOPNOTSUPP);
	CHECK_ERR(getxattr("none", "user.one", buf, sizeof(buf)), ENOENT);
	CHECK_ERR(fgetxattr(999, "user.one", buf, sizeof(buf)), EBADF);
	CHECK_ERR(getxattr("file", "nonsense", buf, sizeof(buf)), EOPNOTSUPP);
	CHECK_ERR(getxattr("file", (char *)1, buf, sizeof(buf)), EFAULT);
	CHECK_ERR(getxattr("file", "", buf, sizeof(buf)), ERANGE);
	return check_done();
}
