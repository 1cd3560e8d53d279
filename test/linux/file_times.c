/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File times: utimensat(2) and its older forms, UTIME_NOW and UTIME_OMIT,
	 and which operation moves which.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>
#include <time.h>
#include "check.h"

static struct stat look(const char *name)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	lstat(name, &st);
	return st;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void test_utimensat(void)
{
	struct timespec set[2] = { { 1000000, 123456789 }, { 2000000, 987654321 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 3000000, 0 } };
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	struct timespec bad[2] = { { 0, 1000000000 }, { 0, 0 } };
	int fd = open("file", O_RDWR);

	CHECK_EQ(utimensat(AT_FDCWD, "file", set, 0), 0);
	CHECK_EQ(look("file").st_atim.tv_sec, 1000000);
	CHECK_EQ(look("file").st_atim.tv_nsec, 123456789);
	CHECK_EQ(look("file").st_mtim.tv_sec, 2000000);
	CHECK_EQ(look("file").st_mtim.tv_nsec, 987654321);
	CHECK_EQ(utimensat(AT_FDCWD, "file", omit, 0), 0);
	CHECK_EQ(look("file").st_atim.tv_sec, 1000000);
	CHECK_EQ(look("file").st_mtim.tv_sec, 3000000);
	CHECK_EQ(futimens(fd, now), 0);
	CHECK(look("file").st_atim.tv_sec > 1600000000);
	CHECK_EQ(look("file").st_mtim.tv_sec, 3000000);
	CHECK_EQ(utimensat(AT_FDCWD, "file", NULL, 0), 0);
	CHECK(look("file").st_mtim.tv_sec > 1600000000);
	CHECK_ERR(utimensat(AT_FDCWD, "file", bad, 0), EINVAL);
	CHECK_ERR(utimensat(AT_FDCWD, "none", set, 0), ENOENT);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "file", 1, 0), EFAULT);
	CHECK_ERR(utimensat(AT_FDCWD, "file", set, 0x8000), EINVAL);
	CHECK_EQ(utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_EQ(look("link").st_mtim.tv_sec, 2000000);
	CHECK(look("file").st_mtim.tv_sec > 1600000000);
	close(fd);
}

static void test_older_calls(void)
{
	struct utimbuf buf = { 11, 22 };
	struct timeval tv[2] = { { 33, 444444 }, { 55, 666666 } },
		       bad[2] = { { 0, 1000000 }, { 0, 0 } };

	CHECK_EQ(utime("file", &buf), 0);
	CHECK_EQ(look("file").st_atim.tv_sec, 11);
	CHECK_EQ(look("file").st_mtim.tv_sec, 22);
	CHECK_EQ(utimes("file", tv), 0);
	CHECK_EQ(look("file").st_mtim.tv_sec, 55);
	CHECK_EQ(look("file").st_mtim.tv_nsec, 666666000);
	CHECK_ERR(utimes("file", bad), EINVAL);
}

/* Files are marked with the coarse clock's time. */
static void await_clock_past(struct timespec t)
{
	struct timespec now;

	do {
		usleep(1000);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (!later(now, t));
}

static void test_what_moves_them(void)
{
	struct timespec old[2] = { { 100, 0 }, { 100, 0 } };
	struct stat before = look("file"), after;
	int fd = open("file", O_RDWR);

	await_clock_past(before.st_ctim);
	CHECK_EQ(write(fd, "x", 1), 1);
	after = look("file");
	CHECK(later(after.st_mtim, before.st_mtim));
	CHECK(later(after.st_ctim, before.st_ctim));
	CHECK_EQ(utimensat(AT_FDCWD, "file", old, 0), 0);
	before = look("file");
	CHECK(before.st_ctim.tv_sec > 1600000000); /* not ours to set */
	await_clock_past(before.st_ctim);
	CHECK_EQ(chmod("file", 0644), 0);
	after = look("file");
	CHECK_EQ(after.st_mtim.tv_sec, 100);
	CHECK(later(after.st_ctim, before.st_ctim));
	CHECK_EQ(utimensat(AT_FDCWD, "dir", old, 0), 0);
	close(open("dir/new", O_CREAT | O_WRONLY, 0600));
	CHECK(look("dir").st_mtim.tv_sec > 1600000000);
	CHECK_EQ(utimensat(AT_FDCWD, "dir", old, 0), 0);
	CHECK_EQ(unlink("dir/new"), 0);
	CHECK(look("dir").st_mtim.tv_sec > 1600000000);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK(look("file").st_mtim.tv_sec > 1600000000);
	close(fd);
}

int main(void)
{
	scratch_enter();
	close(open("file", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(symlink("file", "link"), 0);
	mkdir("dir", 0700);
	test_utimensat();
	test_older_calls();
	test_what_moves_them();
	return check_done();
}
