/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks an EROFS image (erofs_read.h; abi/disk/erofs.h). */
#include <string.h>
#include <sys/stat.h>

#include "pack/fs/erofs_image.h"
#include "pack/fs/erofs_read.h"

#define MAX_DEPTH 256
#define MAX_PATH  4096

struct walk {
	struct erofs_list *list;
	struct arena *arena;
	struct erofs_image image;
	struct failure *failure;
};

static int broken(struct walk *w, const char *what, uint64_t nid)
{
	return failure_set(w->failure, "the root file system is damaged: %s (inode %llu)", what,
			   (unsigned long long)nid);
}

static int read_inode(struct walk *w, uint64_t nid, struct erofs_inode *out)
{
	return erofs_image_inode(&w->image, nid, out)
		       ? 0
		       : broken(w, "an inode lies outside of it", nid);
}

static const char *read_target(struct walk *w, const struct erofs_inode *inode)
{
	const uint8_t *bytes;

	if (!S_ISLNK(inode->mode) || inode->size >= 1u << w->image.super.block_bits)
		return NULL;
	bytes = erofs_image_bytes(&w->image, inode, 0, inode->size);
	return bytes ? arena_copy(w->arena, bytes, inode->size) : "";
}

static int walk_directory(struct walk *w, uint64_t nid, const char *path, unsigned depth);

static int add_entry(struct walk *w, uint64_t nid, const char *path, unsigned depth)
{
	struct erofs_list *list = w->list;
	struct erofs_inode inode;

	if (read_inode(w, nid, &inode))
		return -1;
	/* In a tree, each entry takes a directory entry of its own. */
	if (list->nr > w->image.len / sizeof(struct erofs_dirent) || depth > MAX_DEPTH ||
	    strlen(path) >= MAX_PATH)
		return broken(w, "a directory leads back to itself", nid);
	list->entries = arena_grow(w->arena, list->entries, list->nr, &list->capacity,
				   sizeof(*list->entries));
	list->entries[list->nr++] = (struct erofs_entry){
		.path = path,
		.mode = inode.mode,
		.uid = inode.uid,
		.gid = inode.gid,
		.size_bytes = inode.size,
		.nid = nid,
		.target = read_target(w, &inode),
	};
	return S_ISDIR(inode.mode) ? walk_directory(w, nid, path, depth) : 0;
}

static struct erofs_dirent dirent_at(const uint8_t *block, uint32_t i)
{
	struct erofs_dirent entry;

	memcpy(&entry, block + i * sizeof(entry), sizeof(entry));
	return entry;
}

/* One block of a directory, of `len` bytes. */
static int walk_block(struct walk *w, const uint8_t *block, size_t len, const char *path,
		      unsigned depth)
{
	uint32_t nr, last;

	if (len < sizeof(struct erofs_dirent))
		return broken(w, "a directory's block is too short", 0);
	nr = dirent_at(block, 0).name_offset / (uint32_t)sizeof(struct erofs_dirent);
	last = nr * (uint32_t)sizeof(struct erofs_dirent);
	if (nr == 0 || last > len)
		return broken(w, "a directory's block is wrong", 0);
	for (uint32_t i = 0; i < nr; i++) {
		struct erofs_dirent entry = dirent_at(block, i);
		size_t end = i + 1 < nr ? dirent_at(block, i + 1).name_offset : len;
		const char *name;

		if (entry.name_offset < last || entry.name_offset >= end || end > len)
			return broken(w, "a directory's names are wrong", 0);
		last = entry.name_offset;
		name = arena_copy(w->arena, block + entry.name_offset, end - entry.name_offset);
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (add_entry(w, entry.nid, arena_printf(w->arena, "%s/%s", path, name), depth + 1))
			return -1;
	}
	return 0;
}

static int walk_directory(struct walk *w, uint64_t nid, const char *path, unsigned depth)
{
	uint64_t size = 1ull << w->image.super.block_bits;
	struct erofs_inode dir;

	if (read_inode(w, nid, &dir))
		return -1;
	for (uint64_t at = 0; at < dir.size; at += size) {
		size_t len = dir.size - at < size ? dir.size - at : size;
		const uint8_t *block = erofs_image_bytes(&w->image, &dir, at, len);

		if (!block)
			return broken(w, "a directory lies outside of it", nid);
		if (walk_block(w, block, len, depth ? path : "", depth))
			return -1;
	}
	return 0;
}

int erofs_read(struct erofs_list *list, struct arena *arena, const void *bytes, size_t len,
	       struct failure *failure)
{
	struct walk w = {
		.list = list,
		.arena = arena,
		.failure = failure,
	};

	*list = (struct erofs_list){ .nr = 0 };
	if (!erofs_image_open(&w.image, bytes, len))
		return broken(&w, "it has no superblock", 0);
	return add_entry(&w, w.image.super.root_nid, "/", 0);
}
