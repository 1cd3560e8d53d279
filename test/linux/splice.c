/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice(2), tee(2), vmsplice(2), sendfile(2), copy_file_range(2).
 */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include "check.h"

static int in, out;

static void test_splice(void)
{
	char buf[32] = "";
	int p[2], q[2];
	loff_t at = 3;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(q), 0);
	CHECK_EQ(splice(in, &at, p[1], NULL, 5, 0), 5);
	CHECK_EQ(at, 8);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(tee(p[0], q[1], 100, 0), 5);
	CHECK_EQ(read(q[0], buf, 32), 5);
	CHECK_STR(buf, "34567");
	at = 10;
	CHECK_EQ(splice(p[0], NULL, out, &at, 100, 0), 5);
	CHECK_EQ(pread(out, buf, 5, 10), 5);
	CHECK_STR(buf, "34567");
	CHECK_ERR(splice(in, NULL, out, NULL, 5, 0), EINVAL); /* one must be a pipe */
	CHECK_ERR(splice(in, NULL, p[1], &at, 5, 0), ESPIPE);
	CHECK_ERR(splice(999, NULL, p[1], NULL, 5, 0), EBADF);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(in, q[1], 5, 0), EINVAL);
	close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void test_vmsplice(void)
{
	struct iovec v[2] = { { "vector", 6 }, { "s", 1 } };
	char buf[16] = "";
	int p[2];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(vmsplice(p[1], v, 2, 0), 7);
	CHECK_EQ(read(p[0], buf, 16), 7);
	CHECK_STR(buf, "vectors");
	close(p[0]), close(p[1]);
}

static void test_sendfile(void)
{
	char buf[32] = "";
	off_t at = 2;
	int p[2];

	CHECK_EQ(ftruncate(out, 0), 0);
	CHECK_EQ(lseek(out, 0, SEEK_SET), 0);
	CHECK_EQ(sendfile(out, in, &at, 4), 4);
	CHECK_EQ(at, 6);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(sendfile(out, in, NULL, 100), 10);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 10);
	CHECK_EQ(pread(out, buf, 32, 0), 14);
	CHECK_STR(buf, "23450123456789");
	CHECK_EQ(pipe(p), 0);
	at = 0;
	CHECK_EQ(sendfile(p[1], in, &at, 3), 3);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_ERR(sendfile(out, 999, NULL, 1), EBADF);
	CHECK_ERR(sendfile(999, in, NULL, 1), EBADF);
	CHECK_ERR(sendfile(out, in, (off_t *)1, 1), EFAULT);
	at = -1;
	CHECK_ERR(sendfile(out, in, &at, 1), EINVAL);
	/* not from where bytes cannot be put back: cat(1) of busybox then reads them */
	at = 0;
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_ERR(sendfile(out, p[0], NULL, 3), EINVAL);
	CHECK_ERR(sendfile(out, p[0], &at, 3), ESPIPE);
	CHECK_EQ(read(p[0], buf, 16), 3);
	close(p[0]), close(p[1]);
}

static void test_copy_file_range(void)
{
	char buf[32] = "";
	loff_t from = 4, to = 1;
	int rd = open("in", O_RDONLY);

	CHECK_EQ(ftruncate(out, 0), 0);
	CHECK_EQ(copy_file_range(in, &from, out, &to, 3, 0), 3);
	CHECK_EQ(from, 7);
	CHECK_EQ(to, 4);
	CHECK_EQ(pread(out, buf, 32, 0), 4);
	CHECK(!memcmp(buf,
		      "\0"
		      "456",
		      4));
	from = 100;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 3, 0), 0);
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 3, 99), EINVAL);
	CHECK_ERR(copy_file_range(in, NULL, rd, NULL, 3, 0), EBADF);
	from = 0, to = 2;
	CHECK_ERR(copy_file_range(in, &from, in, &to, 5, 0), EINVAL); /* overlap */
	close(rd);
}

int main(void)
{
	scratch_enter();
	in = open("in", O_RDWR | O_CREAT, 0600);
	out = open("out", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(pwrite(in, "0123456789", 10, 0), 10);
	test_splice();
	test_vmsplice();
	test_sendfile();
	test_copy_file_range();
	return check_done();
}
