/* SPDX-License-Identifier: BSD-2-Clause */
/* Times of Python's sources (python_times.h). */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pack/tree/python_times.h"

struct pyc_header {
	uint32_t magic, flags;      /* flags: 0: it is validated by time and size */
	uint32_t mtime, size_bytes; /* of the source */
};

static bool read_header(const char *path, struct pyc_header *header)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool whole = fd >= 0 && read(fd, header, sizeof(*header)) == sizeof(*header);

	if (fd >= 0)
		close(fd);
	return whole && header->flags == 0;
}

/* What an entry is in the end: an absolute symbolic link is followed (sitecustomize.py). */
static struct node *resolve(const struct tree *tree, struct node *entry)
{
	struct node *node = tree_inode(entry);

	if (S_ISLNK(node->mode) && node->target[0] == '/')
		node = tree_find(tree, node->target, true);
	return node ? tree_inode(node) : NULL;
}

/* The source beside __pycache__, of "NAME.cpython-311.pyc" or "NAME.cpython-311.opt-1.pyc". */
static struct node *find_source(const struct tree *tree, const struct node *cache,
				const char *compiled)
{
	const char *tag = strstr(compiled, ".cpython-");
	size_t len = tag ? (size_t)(tag - compiled) : 0;

	for (size_t i = 0; len && i < cache->parent->nr_entries; i++) {
		struct node *entry = cache->parent->entries[i];

		if (strlen(entry->name) == len + 3 && memcmp(entry->name, compiled, len) == 0 &&
		    strcmp(entry->name + len, ".py") == 0)
			return resolve(tree, entry);
	}
	return NULL;
}

static void keep_time(const struct tree *tree, const struct node *cache,
		      const struct node *compiled)
{
	struct node *source = find_source(tree, cache, compiled->name);
	struct pyc_header header;
	struct stat st;

	if (!source || !source->content.path || !compiled->content.path ||
	    !read_header(compiled->content.path, &header))
		return;
	if (stat(source->content.path, &st) == 0 && (uint32_t)st.st_mtime == header.mtime &&
	    (uint32_t)st.st_size == header.size_bytes)
		source->mtime = header.mtime;
}

static void visit(const struct tree *tree, struct node *node)
{
	bool is_cache = strcmp(node->name, "__pycache__") == 0;

	for (size_t i = 0; i < node->nr_entries; i++) {
		struct node *entry = node->entries[i];

		if (S_ISDIR(entry->mode))
			visit(tree, entry);
		else if (is_cache && S_ISREG(entry->mode))
			keep_time(tree, node, tree_inode(entry));
	}
}

void python_times_keep(struct tree *tree)
{
	visit(tree, tree->root);
}
