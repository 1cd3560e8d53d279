/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree of files on the host for erofs_test.c, by the C library's own headers, which do not go
 * together with the kernel's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct host_file {
	char kind;
	unsigned mode, nlink;
	long size;
};
int host_stat(const char *path, struct host_file *out);
int host_make_tree(const char *dir);

int host_stat(const char *path, struct host_file *out)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return -1;
	out->kind = S_ISREG(st.st_mode) ? 'f' : S_ISDIR(st.st_mode) ? 'd' : 'l';
	out->mode = st.st_mode & 07777;
	out->nlink = (unsigned)st.st_nlink;
	out->size = (long)st.st_size;
	return 0;
}

static int write_file(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT, 0644);
	ssize_t n = write(fd, bytes, len);

	return close(fd) == 0 && n == (ssize_t)len ? 0 : -1;
}

/* Hard to compress, but not impossible. */
static void fill(uint8_t *bytes, size_t len)
{
	uint32_t x = 7;

	for (size_t i = 0; i < len; i++) {
		x = x * 1103515245 + 12345;
		bytes[i] = i % 3 ? (uint8_t)(x >> 16) : (uint8_t)(i >> 8);
	}
}

static int make_files(int dir)
{
	static uint8_t bytes[700 * 1000], zeros[900 * 1000];
	static char lines[300 * 1000];
	int at = 0, err = 0;

	for (int i = 0; at < (int)sizeof(lines) - 64; i++)
		at += sprintf(lines + at, "line %d of a text that repeats itself\n", i);
	fill(bytes, sizeof(bytes));
	err |= write_file(dir, "bytes", bytes, sizeof(bytes));
	err |= write_file(dir, "twin", bytes, sizeof(bytes));
	err |= write_file(dir, "lines", lines, (size_t)at);
	err |= write_file(dir, "zeros", zeros, sizeof(zeros));
	err |= write_file(dir, "page", bytes, 4096);
	err |= write_file(dir, "page and one", bytes, 4097);
	err |= write_file(dir, "nothing", bytes, 0);
	err |= write_file(dir, "text", "some text\n", 10);
	err |= fchmodat(dir, "page", 04755, 0);
	err |= linkat(dir, "text", dir, "hard", 0);
	err |= symlinkat("d/e/f/../f", dir, "link");
	return err;
}

int host_make_tree(const char *name)
{
	char text[128];
	int dir, many, err = mkdir(name, 0755);

	dir = open(name, O_RDONLY | O_DIRECTORY);
	err |= make_files(dir);
	err |= mkdirat(dir, "empty", 0700) | mkdirat(dir, "many", 0755);
	err |= mkdirat(dir, "d", 0755) | mkdirat(dir, "d/e", 0755) | mkdirat(dir, "d/e/f", 0755);
	err |= write_file(dir, "d/e/f/deep", "deep", 4);
	many = openat(dir, "many", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 300; i++) {
		sprintf(text, "a_name_of_some_length,_number_%d", i);
		err |= write_file(many, text, text, strlen(text));
	}
	sprintf(text, "%.100s/text", name);
	(void)!setxattr(text, "user.colour", "green", 5, 0); /* not every /tmp has them */
	close(many);
	return close(dir) | err;
}
