/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memfd_create(2) and the seals of fcntl(2).
 */
#include <fcntl.h>
#include <sys/mman.h>
#include "check.h"

static void test_plain(void)
{
	int fd = memfd_create("plain", MFD_CLOEXEC);
	char buf[8] = "", path[64], target[64] = "", *p;

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "memory", 6), 6);
	CHECK_EQ(pread(fd, buf, 8, 0), 6);
	CHECK_STR(buf, "memory");
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_EQ(p[0], 'm');
	p[0] = 'M';
	CHECK_EQ(pread(fd, buf, 1, 0), 1);
	CHECK_EQ(buf[0], 'M');
	munmap(p, 4096);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(readlink(path, target, sizeof(target) - 1) > 0);
	CHECK_STR(target, "/memfd:plain (deleted)");
	close(fd);
}

static void test_seals(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	char *p;

	CHECK_EQ(ftruncate(fd, 4096), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 8192), EPERM);
	CHECK_EQ(ftruncate(fd, 2048), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, 1024), EPERM);
	p = mmap(NULL, 2048, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(p, 2048);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	CHECK_ERR(pwrite(fd, "x", 1, 0), EPERM);
	CHECK_ERR(mmap(NULL, 2048, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	CHECK(mmap(NULL, 2048, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	close(fd);
}

static void test_errors(void)
{
	char name[300];
	int fd;

	memset(name, 'n', sizeof(name));
	name[299] = 0;
	CHECK_ERR(memfd_create(name, 0), EINVAL);
	CHECK_ERR(memfd_create("x", 0x8000), EINVAL);
	CHECK_ERR(memfd_create((char *)1, 0), EFAULT);
	scratch_enter();
	fd = open("ordinary", O_RDWR | O_CREAT, 0600);
	CHECK(fcntl(fd, F_GET_SEALS) == F_SEAL_SEAL || errno == EINVAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, 0x4000), EINVAL);
	close(fd);
}

int main(void)
{
	test_plain();
	test_seals();
	test_errors();
	return check_done();
}
