/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a tree's programs to a folder (unpack.h), by openat(2), one folder at a time. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack/tree/content.h"
#include "pack/tree/unpack.h"

#define PART_BYTES ((size_t)64 << 10)

static int failed(const char *name, struct failure *failure)
{
	return failure_set(failure,
			   "unpacking %s to look at it: %s; TMPDIR says where it is unpacked", name,
			   strerror(errno));
}

static bool is_program(const struct node *file)
{
	char head[4] = "";

	return content_read(&file->content, head, sizeof(head), 0) == sizeof(head) &&
	       (memcmp(head, "\177ELF", 4) == 0 || memcmp(head, "#!", 2) == 0);
}

static int write_file(int folder, const char *name, const struct node *file,
		      struct failure *failure)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0700);
	char *part = malloc(PART_BYTES);
	uint64_t at = 0;
	ssize_t n = 0;

	while (fd >= 0 && part && at < file->content.size_bytes) {
		n = content_read(&file->content, part, PART_BYTES, at);
		if (n <= 0 || write(fd, part, (size_t)n) != n)
			break;
		at += (uint64_t)n;
	}
	free(part);
	if (fd < 0)
		return failed(name, failure);
	close(fd);
	return at == file->content.size_bytes ? 0 : failed(name, failure);
}

static int write_folder(int folder, const struct node *dir, struct failure *failure);

static int write_entry(int folder, struct node *entry, struct failure *failure)
{
	struct node *inode = tree_inode(entry);
	int child, err;

	if (S_ISLNK(inode->mode))
		return symlinkat(inode->target, folder, entry->name) == 0
			       ? 0
			       : failed(entry->name, failure);
	if (S_ISREG(inode->mode))
		return is_program(inode) ? write_file(folder, entry->name, inode, failure) : 0;
	if (!S_ISDIR(inode->mode))
		return 0;
	if (mkdirat(folder, entry->name, 0700) < 0)
		return failed(entry->name, failure);
	child = openat(folder, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0)
		return failed(entry->name, failure);
	err = write_folder(child, inode, failure);
	close(child);
	return err;
}

static int write_folder(int folder, const struct node *dir, struct failure *failure)
{
	for (size_t i = 0; i < dir->nr_entries; i++) {
		if (write_entry(folder, dir->entries[i], failure))
			return -1;
	}
	return 0;
}

const char *unpack_programs(struct tree *tree, struct failure *failure)
{
	const char *temporary = getenv("TMPDIR");
	char *path = arena_printf(tree->arena, "%s/hull-scan-XXXXXX",
				  temporary && *temporary ? temporary : "/tmp");
	int folder, err = -1;

	if (!mkdtemp(path)) {
		failed(path, failure);
		return NULL;
	}
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		err = write_folder(folder, tree->root, failure);
		close(folder);
	}
	if (!err)
		return path;
	unpack_remove(path);
	return NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void unpack_remove(const char *folder)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
