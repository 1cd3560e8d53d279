/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks down a path, each directory by all of its names (erofs_find.h). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pack/fs/erofs_find.h"
#include "pack/fs/erofs_image.h"

static struct erofs_dirent dirent_at(const uint8_t *block, uint32_t i)
{
	struct erofs_dirent entry;

	memcpy(&entry, block + i * sizeof(entry), sizeof(entry));
	return entry;
}

/* The name in one block of a directory, of `len` bytes: its inode's number; false: not there. */
static bool find_in_block(const uint8_t *block, size_t len, const char *name, size_t name_len,
			  uint64_t *nid)
{
	size_t nr = len < sizeof(struct erofs_dirent)
			    ? 0
			    : dirent_at(block, 0).name_offset / sizeof(struct erofs_dirent);

	if (nr * sizeof(struct erofs_dirent) > len)
		return false;
	for (uint32_t i = 0; i < nr; i++) {
		struct erofs_dirent entry = dirent_at(block, i);
		size_t end = i + 1 < nr ? dirent_at(block, i + 1).name_offset : len;

		/* In a directory's last block zeros may follow the last name. */
		if (entry.name_offset > len || end > len || entry.name_offset > end ||
		    strnlen((const char *)block + entry.name_offset, end - entry.name_offset) !=
			    name_len ||
		    memcmp(block + entry.name_offset, name, name_len) != 0)
			continue;
		*nid = entry.nid;
		return true;
	}
	return false;
}

static bool find_entry(const struct erofs_image *image, const struct erofs_inode *dir,
		       const char *name, size_t name_len, uint64_t *nid)
{
	uint64_t size = 1ull << image->super.block_bits;

	if (!S_ISDIR(dir->mode))
		return false;
	for (uint64_t at = 0; at < dir->size; at += size) {
		size_t len = dir->size - at < size ? dir->size - at : size;
		const uint8_t *block = erofs_image_bytes(image, dir, at, len);

		if (!block)
			return false;
		if (find_in_block(block, len, name, name_len, nid))
			return true;
	}
	return false;
}

static char *copy_file(const struct erofs_image *image, const struct erofs_inode *inode)
{
	uint64_t size = 1ull << image->super.block_bits;
	char *text = inode->size < EROFS_FIND_MAX ? malloc(inode->size + 1) : NULL;

	for (uint64_t at = 0; text && at < inode->size; at += size) {
		size_t len = inode->size - at < size ? inode->size - at : size;
		const uint8_t *bytes = erofs_image_bytes(image, inode, at, len);

		if (!bytes) {
			free(text);
			return NULL;
		}
		memcpy(text + at, bytes, len);
	}
	if (text)
		text[inode->size] = '\0';
	return text;
}

char *erofs_find_file(const void *bytes, size_t len, const char *path, size_t *file_len)
{
	struct erofs_image image;
	struct erofs_inode inode;
	uint64_t nid;
	char *text;

	if (!erofs_image_open(&image, bytes, len))
		return NULL;
	nid = image.super.root_nid;
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t name_len = strcspn(path, "/");

		if (!erofs_image_inode(&image, nid, &inode) ||
		    !find_entry(&image, &inode, path, name_len, &nid))
			return NULL;
		path += name_len;
	}
	if (!erofs_image_inode(&image, nid, &inode) || !S_ISREG(inode.mode))
		return NULL;
	text = copy_file(&image, &inode);
	if (text)
		*file_len = inode.size;
	return text;
}
