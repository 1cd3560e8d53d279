/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truncate(2), ftruncate(2), fallocate(2): growth reads as zeros, shrinking forgets,
	 errors by kind.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include "check.h"

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

static void test_truncate(int fd)
{
	char buf[16] = { 0 };

	CHECK_EQ(write(fd, "abcdefgh", 8), 8);
	CHECK_EQ(ftruncate(fd, 3), 0);
	CHECK_EQ(size_of(fd), 3);
	CHECK_EQ(ftruncate(fd, 10), 0);
	CHECK_EQ(pread(fd, buf, 16, 0), 10);
	CHECK(!memcmp(buf, "abc\0\0\0\0\0\0\0", 10));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8); /* the offset does not move */
	CHECK_EQ(truncate("file", 100000), 0);
	CHECK_EQ(size_of(fd), 100000);
	CHECK_EQ(pread(fd, buf, 1, 99999), 1);
	CHECK_EQ(buf[0], 0);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("file", -1), EINVAL);
	CHECK_ERR(truncate("none", 0), ENOENT);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate("file/x", 0), ENOTDIR);
}

static void test_modes(void)
{
	int rd = open("file", O_RDONLY), ends[2];

	CHECK_ERR(ftruncate(rd, 0), EINVAL);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(ftruncate(ends[1], 0), EINVAL);
	CHECK_ERR(ftruncate(999, 0), EBADF);
	CHECK_ERR(fallocate(rd, 0, 0, 10), EBADF);
	CHECK_ERR(fallocate(ends[1], 0, 0, 10), ESPIPE);
	close(rd);
}

static void test_fallocate(int fd)
{
	char buf[4] = "";

	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(posix_fallocate(fd, 0, 8192), 0);
	CHECK_EQ(size_of(fd), 8192);
	CHECK_ERR(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_EQ(pwrite(fd, "data", 4, 4096), 4);
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000) == 0)
		CHECK_EQ(size_of(fd), 8192);
	else
		CHECK_EQ(errno, EOPNOTSUPP);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0) {
		CHECK_EQ(pread(fd, buf, 4, 4096), 4);
		CHECK(!memcmp(buf, "\0\0\0\0", 4));
	} else {
		CHECK_EQ(errno, EOPNOTSUPP);
	}
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
}

int main(void)
{
	int fd;

	scratch_enter();
	fd = open("file", O_RDWR | O_CREAT, 0600);
	test_truncate(fd);
	test_modes();
	test_fallocate(fd);
	return check_done();
}
