/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * madvise(2), mincore(2), mlock(2) and msync(2): what the advice that programs rely on really does.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include "check.h"

#define PAGE 4096ul
#define RW   (PROT_READ | PROT_WRITE)

static void test_dontneed(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, 4 * PAGE);
	CHECK_EQ(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 1);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_WILLNEED), 0);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_NORMAL), 0);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_RANDOM), 0);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_SEQUENTIAL), 0);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_FREE), 0);
	CHECK(p[0] == 0 || p[0] == 1);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_DONTFORK), 0);
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_DONTDUMP), 0);
	munmap(p, 4 * PAGE);
}

static void test_dontneed_file(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	char *p;

	CHECK_EQ(pwrite(fd, "file", 4, 0), 4);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	memcpy(p, "copy", 4);
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK(!memcmp(p, "file", 4)); /* the private copy is dropped */
	munmap(p, PAGE);
	close(fd);
}

static void test_errors(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 9999), EINVAL);
	CHECK_EQ(madvise(p, 0, MADV_DONTNEED), 0);
	munmap(p + PAGE, PAGE);
	CHECK_ERR(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	munmap(p, 4 * PAGE);
}

static void test_mincore(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char vec[4];

	p[2 * PAGE] = 1;
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK_EQ(vec[2] & 1, 1);
	CHECK_ERR(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK_ERR(mincore(p, PAGE, (unsigned char *)1), EFAULT);
	munmap(p, 4 * PAGE);
	CHECK_ERR(mincore(p, 4 * PAGE, vec), ENOMEM);
}

static void test_mlock(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(mlock(p, 4 * PAGE), 0);
	CHECK_EQ(munlock(p, 4 * PAGE), 0);
	munmap(p, 4 * PAGE);
	CHECK_ERR(mlock(p, 4 * PAGE), ENOMEM);
}

static void test_msync(void)
{
	int fd = open("sync", O_RDWR | O_CREAT, 0600);
	char byte, *p;

	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	p[PAGE] = 'm';
	CHECK_EQ(msync(p, 2 * PAGE, MS_SYNC), 0);
	CHECK_EQ(msync(p, 2 * PAGE, MS_ASYNC), 0);
	CHECK_EQ(msync(p, 2 * PAGE, MS_SYNC | MS_INVALIDATE), 0);
	CHECK_EQ(pread(fd, &byte, 1, PAGE), 1);
	CHECK_EQ(byte, 'm');
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, 0x80), EINVAL);
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	munmap(p + PAGE, PAGE);
	CHECK_ERR(msync(p, 2 * PAGE, MS_SYNC), ENOMEM);
	munmap(p, PAGE);
	close(fd);
}

int main(void)
{
	scratch_enter();
	test_dontneed();
	test_dontneed_file();
	test_errors();
	test_mincore();
	test_mlock();
	test_msync();
	return check_done();
}
