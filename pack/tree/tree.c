/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of files (tree.h): names, paths and symbolic links. */
#include <string.h>

#include "pack/tree/tree.h"

#define MAX_LINKS 40 /* symbolic links on one path, as in path_resolution(7) */
#define MAX_PATH  4096

static struct node *new_node(struct tree *tree, const char *name, size_t len, uint32_t mode)
{
	struct node *node = arena_alloc(tree->arena, sizeof(*node));

	node->name = arena_copy(tree->arena, name, len);
	node->mode = mode;
	node->mtime = TREE_NO_TIME;
	node->content.fd = -1;
	node->nlink = S_ISDIR(mode) ? 2 : 1;
	return node;
}

void tree_init(struct tree *tree, struct arena *arena)
{
	tree->arena = arena;
	tree->root = new_node(tree, "", 0, S_IFDIR | 0755);
	tree->root->parent = tree->root;
}

static int compare(const char *name, size_t len, const char *other)
{
	size_t other_len = strlen(other);
	int order = memcmp(name, other, len < other_len ? len : other_len);

	return order ? order : (len > other_len) - (len < other_len);
}

/* The entry of that name, or where it would be. */
static bool find_entry(const struct node *dir, const char *name, size_t len, size_t *at)
{
	size_t low = 0, high = dir->nr_entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(name, len, dir->entries[middle]->name);

		if (order == 0) {
			*at = middle;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*at = low;
	return false;
}

static void insert(struct tree *tree, struct node *dir, struct node *node)
{
	size_t at;

	find_entry(dir, node->name, strlen(node->name), &at);
	dir->entries = arena_grow(tree->arena, dir->entries, dir->nr_entries, &dir->capacity,
				  sizeof(*dir->entries));
	memmove(dir->entries + at + 1, dir->entries + at,
		(dir->nr_entries - at) * sizeof(*dir->entries));
	dir->entries[at] = node;
	dir->nr_entries++;
	node->parent = dir;
	if (S_ISDIR(node->mode))
		dir->nlink++;
}

/* Of a file with other names, one of these takes over what the first one held. */
static void hand_over(struct node *node, struct node *from, struct node **heir)
{
	for (size_t i = 0; i < from->nr_entries; i++)
		hand_over(node, from->entries[i], heir);
	if (from->same_as != node)
		return;
	if (*heir) {
		from->same_as = *heir;
		return;
	}
	const char *name = from->name;
	struct node *parent = from->parent;

	*from = *node;
	from->name = name;
	from->parent = parent;
	from->same_as = NULL;
	*heir = from;
}

static void forget(struct node *node)
{
	struct node *inode = tree_inode(node), *root = node, *heir = NULL;

	for (size_t i = 0; i < node->nr_entries; i++)
		forget(node->entries[i]);
	if (S_ISDIR(node->mode) || inode->nlink == 1)
		return;
	inode->nlink--;
	if (inode != node)
		return;
	while (root->parent != root)
		root = root->parent;
	hand_over(node, root, &heir);
}

void tree_remove(struct node *node)
{
	struct node *dir = node->parent;
	size_t at;

	if (dir == node || !find_entry(dir, node->name, strlen(node->name), &at))
		return;
	memmove(dir->entries + at, dir->entries + at + 1,
		(dir->nr_entries - at - 1) * sizeof(*dir->entries));
	dir->nr_entries--;
	if (S_ISDIR(node->mode))
		dir->nlink--;
	forget(node);
}

/* A walk along a path: what is left of it, with the targets of links put before. */
struct walk {
	struct tree *tree;
	bool make, follow;
	unsigned nr_links;
	char rest[MAX_PATH];
	const char *wrong;
};

static bool take_link(struct walk *walk, const char *target, const char *rest)
{
	size_t target_len = strlen(target), rest_len = strlen(rest);

	if (++walk->nr_links > MAX_LINKS || target_len + 1 + rest_len >= sizeof(walk->rest)) {
		walk->wrong = "too many symbolic links";
		return false;
	}
	memmove(walk->rest + target_len + 1, rest, rest_len + 1);
	memcpy(walk->rest, target, target_len);
	walk->rest[target_len] = '/';
	return true;
}

static struct node *make_directory(struct walk *walk, struct node *dir, const char *name,
				   size_t len)
{
	struct node *made;

	if (!walk->make)
		return NULL;
	made = new_node(walk->tree, name, len, S_IFDIR | 0755);
	insert(walk->tree, dir, made);
	return made;
}

/* One component from a directory; *rest is what follows it. NULL: not there, or walk->wrong. */
static struct node *step(struct walk *walk, struct node *dir, const char **rest)
{
	const char *name = *rest, *end = name + strcspn(name, "/");
	size_t len = (size_t)(end - name), at;
	struct node *node;

	*rest = end + strspn(end, "/");
	if (len == 1 && name[0] == '.')
		return dir;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return dir->parent;
	if (!find_entry(dir, name, len, &at))
		return make_directory(walk, dir, name, len);
	node = dir->entries[at];
	if (S_ISLNK(node->mode) && (**rest || walk->follow)) {
		if (!take_link(walk, node->target, *rest))
			return NULL;
		*rest = walk->rest + strspn(walk->rest, "/");
		return node->target[0] == '/' ? walk->tree->root : dir;
	}
	return node;
}

static struct node *walk_path(struct walk *walk, const char *path)
{
	struct node *node = walk->tree->root;
	const char *rest = walk->rest;

	if (strlen(path) >= sizeof(walk->rest)) {
		walk->wrong = "the path is too long";
		return NULL;
	}
	strcpy(walk->rest, path);
	rest += strspn(rest, "/");
	while (*rest) {
		if (!S_ISDIR(node->mode)) {
			walk->wrong = "something on the way is not a directory";
			return NULL;
		}
		node = step(walk, node, &rest);
		if (!node)
			return NULL;
	}
	return node;
}

struct node *tree_find(const struct tree *tree, const char *path, bool follow)
{
	struct walk walk = { .tree = (struct tree *)tree, .follow = follow };

	return walk_path(&walk, path);
}

struct node *tree_directory(struct tree *tree, const char *path, struct failure *failure)
{
	struct walk walk = { .tree = tree, .make = true, .follow = true };
	struct node *node = walk_path(&walk, path);

	if (node && !S_ISDIR(node->mode))
		walk.wrong = "it is not a directory";
	if (!walk.wrong)
		return node;
	failure_set(failure, "%s cannot be a directory of the image: %s", path, walk.wrong);
	return NULL;
}

/* The directory that a path's last component is in; *name, of *len bytes, is that component. */
static struct node *parent_of(struct tree *tree, const char *path, const char **name, size_t *len,
			      struct failure *failure)
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	*name = path + start;
	*len = end - start;
	return tree_directory(tree, arena_copy(tree->arena, path, start), failure);
}

struct node *tree_add(struct tree *tree, const char *path, uint32_t mode, struct failure *failure)
{
	const char *name;
	size_t len, at;
	struct node *dir = parent_of(tree, path, &name, &len, failure), *node;

	if (!dir)
		return NULL;
	if (S_ISDIR(mode) && len == 0) {
		tree->root->mode = mode;
		return tree->root;
	}
	if (len == 0 || len > 255 || (len <= 2 && memcmp(name, "..", len) == 0)) {
		failure_set(failure, "'%s' cannot be the path of a file of the image", path);
		return NULL;
	}
	if (find_entry(dir, name, len, &at)) {
		node = dir->entries[at];
		if (S_ISDIR(mode) && S_ISDIR(node->mode)) {
			node->mode = mode;
			return node;
		}
		tree_remove(node);
	}
	node = new_node(tree, name, len, mode);
	insert(tree, dir, node);
	return node;
}

int tree_link(struct tree *tree, const char *path, struct node *file, struct failure *failure)
{
	struct node *inode = tree_inode(file), *node;

	if (tree_find(tree, path, false) == file)
		return 0;
	node = tree_add(tree, path, inode->mode, failure);
	if (!node)
		return -1;
	/* What was in its place may have been the file's first name. */
	inode = tree_inode(file);
	node->same_as = inode;
	inode->nlink++;
	return 0;
}

void tree_set_text(struct node *file, const char *text)
{
	file->content.bytes = text;
	file->content.size_bytes = strlen(text);
}
