/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of an image, as a tree in memory: what is there, under which name, whose, and where
 * the bytes come from. It is filled from the host (host_files.h), from container images
 * (oci/oci.h) and with a few files that are made up, later ones in the place of earlier ones; then
 * written as a file system (fs/erofs.h, fs/cpio.h). A directory's entries are always in the order
 * of their bytes, so that what is written depends on nothing but what was put in.
 *
 * Paths are the image's own, absolute; symbolic links on the way are followed inside of the tree.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "pack/arena.h"
#include "pack/failure.h"

/* A regular file's bytes: in memory, or to be read when the image is written. */
struct content {
	const void *bytes; /* or NULL, then: */
	const char *path;  /* a file of the host's, whole; or NULL, then: */
	int fd;            /* a part of this file */
	uint64_t offset;
	uint64_t size_bytes;
};

struct xattr {
	struct xattr *next;
	const char *name;
	const void *value;
	size_t len;
};

struct node {
	const char *name;
	uint32_t mode; /* type and permissions */
	uint32_t uid, gid;
	uint32_t rdev;      /* of a device: Linux's 32-bit encoding */
	int64_t mtime;      /* seconds; TREE_NO_TIME: the image's one time */
	const char *target; /* of a symbolic link */
	struct content content;
	struct xattr *xattrs;
	struct node *same_as; /* a hard link: the node that holds all but the name */
	uint32_t nlink;       /* names that lead here; of a directory: 2 and its subdirectories */
	struct node *parent;  /* the root's own is itself */
	struct node **entries;
	size_t nr_entries, capacity;
	/* The writers' own notes. */
	uint64_t nid;
	uint32_t first_block;
	uint64_t at;
};

#define TREE_NO_TIME INT64_MIN

struct tree {
	struct arena *arena;
	struct node *root;
};

void tree_init(struct tree *tree, struct arena *arena);
/* NULL: nothing there. `follow`: a symbolic link as the last component is followed. */
struct node *tree_find(const struct tree *tree, const char *path, bool follow);
/* The directory at path, made with its parents (0755, root) as far as it is missing. */
struct node *tree_directory(struct tree *tree, const char *path, struct failure *failure);
/*
 * A new node at path, in the place of what is there (a directory stays a directory, and keeps its
 * entries); its directory is made. The caller fills in the rest. NULL: failure.
 */
struct node *tree_add(struct tree *tree, const char *path, uint32_t mode, struct failure *failure);
/* A name more for a file that is there. */
int tree_link(struct tree *tree, const char *path, struct node *file, struct failure *failure);
/* Takes it out, with everything below. */
void tree_remove(struct node *node);
void tree_set_text(struct node *file, const char *text);

/* The node that a name stands for. */
static inline struct node *tree_inode(struct node *node)
{
	return node->same_as ? node->same_as : node;
}
