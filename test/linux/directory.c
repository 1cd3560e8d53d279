/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mkdir, rmdir, getdents64 through readdir, large directories, seeking in one,
	 changes while reading.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include "check.h"

static int count_entries(const char *path, const char *wanted)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int nr = 0;

	while ((entry = readdir(dir)) != NULL) {
		if (!wanted || !strcmp(entry->d_name, wanted))
			nr++;
	}
	closedir(dir);
	return nr;
}

static void test_mkdir(void)
{
	struct stat st;

	umask(022);
	CHECK_EQ(mkdir("a", 0777), 0);
	CHECK_EQ(stat("a", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	CHECK_ERR(mkdir("a", 0777), EEXIST);
	CHECK_ERR(mkdir("none/b", 0777), ENOENT);
	CHECK_EQ(mkdir("a/b/", 0700), 0);
	CHECK_EQ(mkdirat(AT_FDCWD, "a/c", 0700), 0);
	CHECK_EQ(count_entries("a", NULL), 4);
	CHECK_EQ(count_entries("a", "."), 1);
	CHECK_EQ(count_entries("a", ".."), 1);
	close(open("file", O_CREAT | O_WRONLY, 0600));
	CHECK_ERR(mkdir("file/x", 0700), ENOTDIR);
	CHECK_ERR(mkdir("file", 0700), EEXIST);
	CHECK_ERR(mkdir("", 0700), ENOENT);
	CHECK_ERR(mkdir("/", 0700), EEXIST);
}

static void test_rmdir(void)
{
	CHECK_ERR(rmdir("a"), ENOTEMPTY);
	CHECK_ERR(rmdir("file"), ENOTDIR);
	CHECK_ERR(rmdir("none"), ENOENT);
	CHECK_ERR(rmdir("a/b/."), EINVAL);
	CHECK_ERR(rmdir("a/b/.."), ENOTEMPTY);
	CHECK_ERR(unlink("a/b"), EISDIR);
	CHECK_EQ(rmdir("a/b"), 0);
	CHECK_EQ(unlinkat(AT_FDCWD, "a/c", AT_REMOVEDIR), 0);
	CHECK_EQ(rmdir("a"), 0);
	CHECK_ERR(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "file", 0x8000), EINVAL);
}

static void test_many_entries(void)
{
	bool seen[500] = { false };
	int nr = 0, kinds = 0, number;
	struct dirent *entry;
	char name[32];
	DIR *dir;

	mkdir("many", 0700);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "many/entry-%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	dir = opendir("many");
	while ((entry = readdir(dir)) != NULL) {
		if (sscanf(entry->d_name, "entry-%d", &number) != 1)
			continue;
		nr += !seen[number];
		seen[number] = true;
		kinds += entry->d_type == DT_REG;
	}
	CHECK_EQ(nr, 500);
	CHECK(kinds == 500);
	rewinddir(dir);
	CHECK(readdir(dir) != NULL);
	closedir(dir);
}

static void test_seek(void)
{
	DIR *dir = opendir("many");
	char name[256];
	long at;

	for (int i = 0; i < 100; i++)
		readdir(dir);
	at = telldir(dir);
	strcpy(name, readdir(dir)->d_name);
	for (int i = 0; i < 100; i++)
		readdir(dir);
	seekdir(dir, at);
	CHECK_STR(readdir(dir)->d_name, name);
	closedir(dir);
}

static void test_remove_while_reading(void)
{
	DIR *dir = opendir("many");
	struct dirent *entry;
	int nr = 0;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			nr += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
	}
	CHECK_EQ(nr, 500);
	closedir(dir);
	CHECK_EQ(rmdir("many"), 0);
}

static void test_raw(void)
{
	char buf[1024];
	int fd = open(".", O_RDONLY | O_DIRECTORY), file = open("file", O_RDONLY);
	long len;

	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 4), EINVAL);
	len = syscall(SYS_getdents64, fd, buf, sizeof(buf));
	CHECK(len > 0);
	CHECK_EQ(len % 8, 0);
	CHECK_EQ(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
	lseek(fd, 0, SEEK_SET);
	CHECK_EQ(syscall(SYS_getdents64, fd, buf, sizeof(buf)), len);
	CHECK_ERR(syscall(SYS_getdents64, file, buf, sizeof(buf)), ENOTDIR);
	CHECK_ERR(syscall(SYS_getdents64, 999, buf, sizeof(buf)), EBADF);
	lseek(fd, 0, SEEK_SET);
	CHECK_ERR(syscall(SYS_getdents64, fd, 1, sizeof(buf)), EFAULT);
	close(fd), close(file);
}

static void test_removed_directory(void)
{
	int fd;

	mkdir("doomed", 0700);
	fd = open("doomed", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(rmdir("doomed"), 0);
	CHECK_ERR(openat(fd, "x", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_ERR(mkdirat(fd, "x", 0600), ENOENT);
	close(fd);
}

int main(void)
{
	scratch_enter();
	test_mkdir();
	test_rmdir();
	test_many_entries();
	test_seek();
	test_remove_while_reading();
	test_raw();
	test_removed_directory();
	return check_done();
}
