/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read, write, their p- and -v forms and preadv2: offsets, short counts at the end of file,
	 vectors,
 * RWF flags, and partial transfers into memory that ends.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "check.h"

static int fd;

static void test_offsets(void)
{
	char buf[32] = { 0 };

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(read(fd, buf, 10), 0);
	CHECK_EQ(pread(fd, buf, 4, 3), 4);
	CHECK_STR(buf, "3456");
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(pread(fd, buf, 10, 8), 2);
	CHECK_EQ(pread(fd, buf, 10, 100), 0);
	CHECK_EQ(pwrite(fd, "AB", 2, 4), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	CHECK_EQ(read(fd, buf, 3), 3);
	CHECK(!memcmp(buf, "AB6", 3));
	CHECK_EQ(pwrite(fd, "end", 3, 20), 3);
	CHECK_EQ(pread(fd, buf, 13, 10), 13);
	CHECK(buf[0] == 0 && buf[9] == 0 && buf[10] == 'e');
	CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
	CHECK_ERR(pwrite(fd, buf, 1, -1), EINVAL);
	CHECK_EQ(read(fd, NULL, 0), 0);
	CHECK_EQ(write(fd, NULL, 0), 0);
}

static void test_vectors(void)
{
	char a[4] = "", b[6] = "", c[8] = "";
	struct iovec out[3] = { { "one", 3 }, { NULL, 0 }, { "three", 5 } };
	struct iovec in[3] = { { a, 3 }, { b, 2 }, { c, 7 } };

	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(writev(fd, out, 3), 8);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, in, 3), 8);
	CHECK_STR(a, "one");
	CHECK_STR(b, "th");
	CHECK_STR(c, "ree");
	CHECK_EQ(pwritev(fd, out, 3, 4), 8);
	CHECK_EQ(preadv(fd, in, 1, 4), 3);
	CHECK_STR(a, "one");
	CHECK_EQ(preadv2(fd, in, 1, 0, 0), 3);
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_EQ(preadv2(fd, in, 1, -1, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(pwritev2(fd, out, 1, 0, RWF_APPEND), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 15);
	CHECK_ERR(preadv2(fd, in, 1, 0, 0x4000), EOPNOTSUPP);
	CHECK_EQ(readv(fd, in, 0), 0);
	CHECK_ERR(syscall(SYS_readv, fd, in, -1), EINVAL);
	CHECK_ERR(syscall(SYS_readv, fd, in, IOV_MAX + 1), EINVAL);
	in[0].iov_len = (size_t)-1;
	CHECK_ERR(readv(fd, in, 1), EINVAL);
}

/* The buffer's second page is not there: what fits is transferred, then the count says so. */
static void test_buffer_ends(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t r;

	munmap(p + 4096, 4096);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(ftruncate(fd, 4096), 0);
	r = pread(fd, p + 4096 - 10, 100, 0);
	CHECK(r == 10 || (r == -1 && errno == EFAULT));
	r = pwrite(fd, p + 4096 - 10, 100, 0);
	CHECK(r == 10 || (r == -1 && errno == EFAULT));
	CHECK_ERR(pread(fd, p + 4096, 10, 0), EFAULT);
	CHECK_ERR(pwrite(fd, p + 4096, 10, 0), EFAULT);
	CHECK_ERR(pread(fd, (void *)0xffffffff80000000ul, 10, 0), EFAULT);
	CHECK_ERR(pwrite(fd, (void *)0xffffffff80000000ul, 10, 0), EFAULT);
	munmap(p, 4096);
}

static void test_large(void)
{
	size_t len = 3 << 20;
	unsigned char *out = malloc(len), *in = malloc(len);

	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)(i * 31 + i / 4096);
	CHECK_EQ(pwrite(fd, out, len, 123), (ssize_t)len);
	CHECK_EQ(pread(fd, in, len, 123), (ssize_t)len);
	CHECK(!memcmp(in, out, len));
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	CHECK_EQ(readahead(fd, 0, 65536), 0);
	memset(in, 0, len);
	CHECK_EQ(pread(fd, in, len, 123), (ssize_t)len);
	CHECK(!memcmp(in, out, len));
	free(in), free(out);
}

int main(void)
{
	scratch_enter();
	fd = open("file", O_RDWR | O_CREAT, 0600);
	test_offsets();
	test_vectors();
	test_buffer_ends();
	test_large();
	return check_done();
}
