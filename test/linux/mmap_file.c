/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap(2) of files: private copies, shared write-back, coherence with read(2) and write(2),
	 the zeros
 * after the end, and the access modes that are refused.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include "check.h"

#define PAGE 4096ul

static int make_file(const char *name, size_t len)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < len; i++) {
		char c = (char)('a' + i / PAGE);

		if (pwrite(fd, &c, 1, (off_t)i) != 1)
			return -1;
		if (i % PAGE == 1)
			i += PAGE - 3;
	}
	return ftruncate(fd, (off_t)len) ? -1 : fd;
}

static void test_private(void)
{
	int fd = make_file("private", 2 * PAGE);
	char byte, *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE], 'b');
	p[0] = 'X';
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(pwrite(fd, "Z", 1, PAGE), 1);
	CHECK_EQ(p[PAGE], 'Z'); /* this page is not copied yet: the file shows through */
	CHECK_EQ(p[0], 'X');
	munmap(p, 2 * PAGE);
	close(fd);
}

static void test_shared(void)
{
	int fd = make_file("shared", 3 * PAGE);
	char byte, *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);

	p[PAGE + 5] = '!';
	CHECK_EQ(q[5], '!');
	CHECK_EQ(pread(fd, &byte, 1, PAGE + 5), 1);
	CHECK_EQ(byte, '!');
	CHECK_EQ(pwrite(fd, "?", 1, 2 * PAGE), 1);
	CHECK_EQ(p[2 * PAGE], '?');
	close(fd);
	p[0] = '#';
	CHECK_EQ(munmap(p, 3 * PAGE), 0);
	fd = open("shared", O_RDONLY);
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, '#');
	munmap(q, PAGE);
	close(fd);
}

static void test_tail(void)
{
	int fd = make_file("tail", PAGE);
	char *p;

	CHECK_EQ(ftruncate(fd, 100), 0);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p[100] == 0 && p[PAGE - 1] == 0);
	p[200] = 1; /* after the end: never reaches the file */
	CHECK_EQ(lseek(fd, 0, SEEK_END), 100);
	munmap(p, PAGE);
	close(fd);
}

static void test_modes(void)
{
	int fd = make_file("modes", PAGE), rd = open("modes", O_RDONLY),
	    wr = open("modes", O_WRONLY);
	int dir = open(".", O_RDONLY | O_DIRECTORY);

	CHECK_ERR(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, rd, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wr, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, rd, 0) != MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, rd, 64 * PAGE) != MAP_FAILED);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, 0, rd, 0), EINVAL);
	close(fd), close(rd), close(wr), close(dir);
}

static void test_shared_readonly_upgrade(void)
{
	int fd = make_file("upgrade", PAGE), rd = open("upgrade", O_RDONLY);
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, rd, 0);

	CHECK_ERR(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	munmap(p, PAGE);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
	p[3] = '3';
	munmap(p, PAGE);
	close(fd), close(rd);
}

static void test_unlinked(void)
{
	int fd = make_file("gone", PAGE);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK_EQ(unlink("gone"), 0);
	close(fd);
	CHECK_EQ(p[0], 'a');
	p[0] = 'b';
	CHECK_EQ(p[0], 'b');
	munmap(p, PAGE);
}

int main(void)
{
	scratch_enter();
	test_private();
	test_shared();
	test_tail();
	test_modes();
	test_shared_readonly_upgrade();
	test_unlinked();
	return check_done();
}
