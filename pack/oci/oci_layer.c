/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a layer's entries into the tree (oci_layer.h). A node's `at` is its layer meanwhile. */
#define _GNU_SOURCE 1
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "pack/oci/oci_layer.h"

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

struct layer {
	struct tree *tree;
	struct oci_source *source;
	struct oci_reader *reader;
	unsigned number;
	struct failure *failure;
};

/* Everything in a folder that other layers brought. */
static void hide_all(struct layer *layer, struct node *dir)
{
	for (size_t i = dir->nr_entries; i > 0; i--) {
		struct node *entry = dir->entries[i - 1];

		if (entry->at != layer->number)
			tree_remove(entry);
		else if (S_ISDIR(entry->mode))
			hide_all(layer, entry);
	}
}

/* True: the entry said that something is gone. */
static bool take_whiteout(struct layer *layer, const char *path)
{
	const char *name = strrchr(path, '/'), *folder;
	struct node *dir, *hidden;

	name = name ? name + 1 : path;
	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
		return false;
	folder = arena_copy(layer->tree->arena, path, (size_t)(name - path));
	dir = tree_find(layer->tree, folder, true);
	if (!dir || !S_ISDIR(dir->mode))
		return true;
	if (strcmp(name, OPAQUE) == 0) {
		hide_all(layer, dir);
		return true;
	}
	hidden = tree_find(
		layer->tree,
		arena_printf(layer->tree->arena, "%s/%s", folder, name + strlen(WHITEOUT)), false);
	if (hidden && hidden != layer->tree->root)
		tree_remove(hidden);
	return true;
}

static void take_xattrs(struct layer *layer, struct node *node, struct archive_entry *entry)
{
	struct arena *arena = layer->tree->arena;
	const char *name;
	const void *value;
	size_t len;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
		struct xattr *xattr = arena_alloc(arena, sizeof(*xattr));

		*xattr = (struct xattr){
			.next = node->xattrs,
			.name = arena_string(arena, name),
			.value = arena_copy(arena, value, len),
			.len = len,
		};
		node->xattrs = xattr;
	}
}

static uint32_t device_of(struct archive_entry *entry)
{
	unsigned major_nr = (unsigned)archive_entry_rdevmajor(entry);
	unsigned minor_nr = (unsigned)archive_entry_rdevminor(entry);

	return (minor_nr & 0xff) | major_nr << 8 | (minor_nr & ~0xffu) << 12;
}

static int add_link(struct layer *layer, const char *path, const char *target)
{
	struct node *file = tree_find(layer->tree, arena_printf(layer->tree->arena, "/%s", target),
				      false);

	if (!file || S_ISDIR(file->mode))
		return failure_set(layer->failure,
				   "%s: the hard link %s leads to %s, which is not "
				   "there",
				   layer->source->path, path, target);
	if (tree_link(layer->tree, path, file, layer->failure))
		return -1;
	file = tree_find(layer->tree, path, false);
	if (file)
		file->at = layer->number;
	return 0;
}

static int add_node(struct layer *layer, const char *path, struct archive_entry *entry)
{
	uint32_t mode = (uint32_t)archive_entry_mode(entry);
	struct node *node = tree_add(layer->tree, path, mode, layer->failure);
	const char *target = archive_entry_symlink(entry);

	if (!node)
		return -1;
	node->at = layer->number;
	node->uid = (uint32_t)archive_entry_uid(entry);
	node->gid = (uint32_t)archive_entry_gid(entry);
	node->mtime = archive_entry_mtime(entry);
	take_xattrs(layer, node, entry);
	if (S_ISLNK(mode))
		node->target = arena_string(layer->tree->arena, target ? target : "");
	if (S_ISLNK(mode) && !*node->target)
		return failure_set(layer->failure, "%s: the symbolic link %s leads nowhere",
				   layer->source->path, path);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		node->rdev = device_of(entry);
	if (S_ISREG(mode))
		return oci_reader_spool(layer->reader, layer->source, &node->content,
					layer->failure);
	return 0;
}

static int add_entry(struct layer *layer, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry), *path;
	uint32_t type = archive_entry_filetype(entry);

	if (!name)
		return failure_set(layer->failure, "%s: a file of a layer has no name",
				   layer->source->path);
	path = arena_printf(layer->tree->arena, "/%s", name);
	if (take_whiteout(layer, path))
		return 0;
	if (archive_entry_hardlink(entry))
		return add_link(layer, path, archive_entry_hardlink(entry));
	if (type == AE_IFSOCK)
		return 0;
	if (path[strspn(path, "/.")] == '\0' && type != AE_IFDIR)
		return 0;
	return add_node(layer, path[strspn(path, "/.")] ? path : "/", entry);
}

int oci_layer_add(struct tree *tree, struct oci_source *source, const struct content *content,
		  unsigned number, struct failure *failure)
{
	struct layer layer = {
		.tree = tree,
		.source = source,
		.reader = arena_alloc(tree->arena, sizeof(struct oci_reader)),
		.number = number,
		.failure = failure,
	};
	struct archive_entry *entry;
	int err = oci_reader_open(layer.reader, content, source->path, failure), status;

	if (err)
		return err;
	while (!err &&
	       (status = archive_read_next_header(layer.reader->archive, &entry)) != ARCHIVE_EOF) {
		if (status < ARCHIVE_WARN)
			err = failure_set(failure, "%s: a layer is damaged: %s", source->path,
					  archive_error_string(layer.reader->archive));
		else
			err = add_entry(&layer, entry);
	}
	oci_reader_close(layer.reader);
	return err;
}
