/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lseek(2): the five kinds, sparse files, descriptors that cannot seek, shared offsets.
 */
#include <fcntl.h>
#include "check.h"

int main(void)
{
	int fd, pipes[2], copy;
	off_t at;

	scratch_enter();
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(lseek(fd, 2, SEEK_CUR), 4);
	CHECK_EQ(lseek(fd, -1, SEEK_END), 5);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, -100, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, 0, 77), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_EQ(lseek(fd, 1 << 20, SEEK_END), 6 + (1 << 20));
	CHECK_EQ(write(fd, "z", 1), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 7 + (1 << 20));
	at = lseek(fd, 0, SEEK_HOLE);
	CHECK(at > 0 && at <= 7 + (1 << 20));
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	at = lseek(fd, at - 1, SEEK_DATA);
	CHECK(at >= 0);
	CHECK_EQ(lseek(fd, 6 + (1 << 20), SEEK_HOLE), 7 + (1 << 20));
	CHECK_ERR(lseek(fd, 1 << 24, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, 1 << 24, SEEK_HOLE), ENXIO);
	copy = dup(fd);
	lseek(fd, 3, SEEK_SET);
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 3); /* one open file, one offset */
	CHECK_EQ(pipe(pipes), 0);
	CHECK_ERR(lseek(pipes[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(pipes[0], &at, 1, 0), ESPIPE);
	CHECK_ERR(lseek(999, 0, SEEK_CUR), EBADF);
	return check_done();
}
