/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes "newc" archives (cpio.h): measured first, then written into one piece of memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pack/tree/content.h"
#include "pack/fs/cpio.h"

#define HEADER_BYTES 110
#define TRAILER      "TRAILER!!!"

struct writer {
	struct tree *tree;
	int64_t time;
	char *at; /* NULL: only measuring */
	size_t len;
	uint32_t next_ino;
	struct failure *failure;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
	if (w->at && len)
		memcpy(w->at + w->len, bytes, len);
	w->len += len;
}

static void pad(struct writer *w)
{
	static const char zeros[4];

	put(w, zeros, -w->len & 3);
}

static void put_header(struct writer *w, const struct node *inode, const char *name, uint64_t size)
{
	char header[HEADER_BYTES + 1];
	uint32_t major_nr = inode->rdev >> 8 & 0xfff;
	uint32_t minor_nr = (inode->rdev & 0xff) | (inode->rdev >> 12 & 0xfff00);
	int64_t mtime = inode->mtime == TREE_NO_TIME ? w->time : inode->mtime;

	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", (uint32_t)inode->nid,
		 inode->mode, inode->uid, inode->gid, inode->nlink, (uint32_t)mtime, (uint32_t)size,
		 0, 0, major_nr, minor_nr, (uint32_t)strlen(name) + 1, 0);
	put(w, header, HEADER_BYTES);
	put(w, name, strlen(name) + 1);
	pad(w);
}

static int put_content(struct writer *w, const struct content *content)
{
	ssize_t n = (ssize_t)content->size_bytes;

	if (w->at)
		n = content_read(content, w->at + w->len, content->size_bytes, 0);
	w->len += content->size_bytes;
	if (n == (ssize_t)content->size_bytes)
		return 0;
	return failure_set(w->failure, "%s: %s", content_name(content),
			   n < 0 ? strerror(errno) : "it became shorter while it was read");
}

/* Of several names of one file, the first has the bytes. */
static int put_node(struct writer *w, struct node *node, const char *name)
{
	struct node *inode = tree_inode(node);
	bool first = inode->nid == 0;

	if (first)
		inode->nid = ++w->next_ino;
	if (S_ISLNK(inode->mode)) {
		put_header(w, inode, name, strlen(inode->target));
		put(w, inode->target, strlen(inode->target));
	} else if (S_ISREG(inode->mode) && first) {
		if (inode->content.size_bytes > UINT32_MAX)
			return failure_set(w->failure, "/%s: it is too large for cpio; use erofs",
					   name);
		put_header(w, inode, name, inode->content.size_bytes);
		if (put_content(w, &inode->content))
			return -1;
	} else {
		put_header(w, inode, name, 0);
	}
	pad(w);
	return 0;
}

static int put_folder(struct writer *w, struct node *dir, const char *path)
{
	for (size_t i = 0; i < dir->nr_entries; i++) {
		struct node *entry = dir->entries[i];
		const char *name = arena_printf(w->tree->arena, "%s%s", path, entry->name);

		if (put_node(w, entry, name))
			return -1;
		if (S_ISDIR(entry->mode) &&
		    put_folder(w, entry, arena_printf(w->tree->arena, "%s/", name)))
			return -1;
	}
	return 0;
}

static void forget_numbers(struct node *node)
{
	tree_inode(node)->nid = 0;
	for (size_t i = 0; i < node->nr_entries; i++)
		forget_numbers(node->entries[i]);
}

static int put_all(struct writer *w)
{
	struct node trailer = { .nlink = 1, .mtime = 0 };

	forget_numbers(w->tree->root);
	w->next_ino = 0;
	w->len = 0;
	if (put_folder(w, w->tree->root, ""))
		return -1;
	put_header(w, &trailer, TRAILER, 0);
	return 0;
}

int cpio_make(struct tree *tree, int64_t time, const void **archive, size_t *len,
	      struct failure *failure)
{
	struct writer w = { .tree = tree, .time = time, .failure = failure };

	if (put_all(&w))
		return -1;
	w.at = arena_alloc(tree->arena, w.len);
	if (put_all(&w))
		return -1;
	*archive = w.at;
	*len = w.len;
	return 0;
}
