/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything of an EROFS image goes (erofs.h). An inode with its inline tail must not cross
 * the end of a block: those that do not fit begin the next block, and smaller ones fill the gap.
 */
#include <string.h>

#include "abi/disk/erofs.h"
#include "pack/fs/erofs_inode.h"

#define OPEN_MAX  64 /* blocks with a gap that are remembered */
#define MAX_NAMES UINT32_MAX

uint32_t erofs_xattr_bytes(const struct node *node)
{
	uint32_t len = 0;

	for (const struct xattr *x = node->xattrs; x; x = x->next) {
		const char *name;

		if (!erofs_xattr_index(x->name, &name) || x->len > UINT16_MAX)
			continue;
		len += (uint32_t)((sizeof(struct erofs_xattr_entry) + strlen(name) + x->len + 3) &
				  ~3ul);
	}
	return len ? len + (uint32_t)sizeof(struct erofs_xattr_header) : 0;
}

uint8_t erofs_xattr_index(const char *name, const char **rest)
{
	static const struct {
		const char *prefix;
		uint8_t index;
	} prefixes[] = {
		{ "user.", EROFS_XATTR_USER },
		{ "trusted.", EROFS_XATTR_TRUSTED },
		{ "security.", EROFS_XATTR_SECURITY },
		{ "system.posix_acl_access", EROFS_XATTR_ACL_ACCESS },
		{ "system.posix_acl_default", EROFS_XATTR_ACL_DEFAULT },
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len = strlen(prefixes[i].prefix);

		if (strncmp(name, prefixes[i].prefix, len) == 0 && strlen(name) - len < 256) {
			*rest = name + len;
			return prefixes[i].index;
		}
	}
	return 0;
}

bool erofs_is_extended(const struct erofs_plan *plan, const struct node *node)
{
	return node->uid > UINT16_MAX || node->gid > UINT16_MAX || node->nlink > UINT16_MAX ||
	       erofs_data_bytes(node) > UINT32_MAX ||
	       (node->mtime != TREE_NO_TIME && node->mtime != plan->time);
}

uint32_t erofs_inode_bytes(const struct erofs_plan *plan, const struct node *node)
{
	uint32_t fixed = erofs_is_extended(plan, node) ? sizeof(struct erofs_inode_extended)
						       : sizeof(struct erofs_inode_compact);

	return fixed + erofs_xattr_bytes(node);
}

/* A directory's entries with "." and "..", which sort among them. */
struct dir_cursor {
	const struct node *dir;
	size_t next;   /* of dir->entries */
	unsigned dots; /* of "." and "..", how many were given */
};

/* The next name in order. *of: NULL after the last. */
static const char *next_name(struct dir_cursor *c, struct node **of)
{
	static const char *const dots[] = { ".", ".." };
	struct node *entry = c->next < c->dir->nr_entries ? c->dir->entries[c->next] : NULL;

	if (c->dots < 2 && (!entry || strcmp(dots[c->dots], entry->name) < 0)) {
		*of = c->dots ? c->dir->parent : (struct node *)c->dir;
		return dots[c->dots++];
	}
	*of = entry;
	c->next++;
	return entry ? entry->name : "";
}

static uint8_t file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return EROFS_FT_REG_FILE;
	case S_IFDIR:
		return EROFS_FT_DIR;
	case S_IFCHR:
		return EROFS_FT_CHRDEV;
	case S_IFBLK:
		return EROFS_FT_BLKDEV;
	case S_IFIFO:
		return EROFS_FT_FIFO;
	case S_IFSOCK:
		return EROFS_FT_SOCK;
	case S_IFLNK:
		return EROFS_FT_SYMLINK;
	default:
		return EROFS_FT_UNKNOWN;
	}
}

/* Fills one block from the cursor, or only measures it (block NULL). The bytes used; 0: no more. */
static uint32_t fill_block(struct dir_cursor *cursor, uint8_t *block)
{
	struct dir_cursor first = *cursor, probe;
	uint32_t used = 0, nr = 0, names;
	struct node *of;

	for (probe = first;; cursor->next = probe.next, cursor->dots = probe.dots, nr++) {
		const char *name = next_name(&probe, &of);
		uint32_t need = (uint32_t)(sizeof(struct erofs_dirent) + strlen(name));

		if (!of || used + need > EROFS_BLOCK)
			break;
		used += need;
	}
	if (!block)
		return used;
	names = nr * (uint32_t)sizeof(struct erofs_dirent);
	for (uint32_t i = 0; i < nr; i++) {
		const char *name = next_name(&first, &of);
		uint64_t nid = tree_inode(of)->nid;
		struct erofs_dirent entry = {
			.nid = nid,
			.name_offset = (uint16_t)names,
			.type = file_type(tree_inode(of)->mode),
		};

		memcpy(block + i * sizeof(entry), &entry, sizeof(entry));
		memcpy(block + names, name, strlen(name));
		names += (uint32_t)strlen(name);
	}
	return used;
}

static uint64_t directory_bytes(const struct node *dir)
{
	struct dir_cursor cursor = { .dir = dir };
	uint64_t blocks = 0;
	uint32_t used, last = 0;

	while ((used = fill_block(&cursor, NULL)) != 0) {
		blocks++;
		last = used;
	}
	return (blocks - 1) * EROFS_BLOCK + last;
}

void erofs_directory_write(const struct node *dir, uint8_t *bytes)
{
	struct dir_cursor cursor = { .dir = dir };

	while (fill_block(&cursor, bytes) != 0)
		bytes += EROFS_BLOCK;
}

uint64_t erofs_data_bytes(const struct node *node)
{
	if (S_ISDIR(node->mode))
		return node->content.size_bytes; /* collect() measured it */
	if (S_ISLNK(node->mode))
		return strlen(node->target);
	return S_ISREG(node->mode) ? node->content.size_bytes : 0;
}

bool erofs_is_inline(const struct erofs_plan *plan, const struct node *node)
{
	uint32_t tail = (uint32_t)(erofs_data_bytes(node) % EROFS_BLOCK);

	return tail && erofs_inode_bytes(plan, node) + tail <= EROFS_BLOCK;
}

/* Each inode once, parents before children. */
static void collect(struct erofs_plan *plan, struct node *node)
{
	struct node *inode = tree_inode(node);

	if (inode->nid)
		return;
	inode->nid = 1; /* seen */
	if (S_ISDIR(inode->mode))
		inode->content.size_bytes = directory_bytes(inode);
	plan->inodes = arena_grow(plan->tree->arena, plan->inodes, plan->nr_inodes, &plan->capacity,
				  sizeof(struct node *));
	plan->inodes[plan->nr_inodes++] = inode;
	for (size_t i = 0; i < inode->nr_entries; i++)
		collect(plan, inode->entries[i]);
}

static void forget_numbers(struct node *node)
{
	tree_inode(node)->nid = 0;
	for (size_t i = 0; i < node->nr_entries; i++)
		forget_numbers(node->entries[i]);
}

/* Blocks of the metadata that have room left. */
struct gaps {
	uint64_t end;
	struct gap {
		uint64_t at;
		uint32_t len;
	} open[OPEN_MAX];
	unsigned nr, oldest;
};

static void note_gap(struct gaps *gaps, uint64_t at, uint32_t len)
{
	if (len < EROFS_NID_UNIT)
		return;
	if (gaps->nr < OPEN_MAX) {
		gaps->open[gaps->nr++] = (struct gap){ at, len };
		return;
	}
	gaps->open[gaps->oldest++ % OPEN_MAX] = (struct gap){ at, len };
}

static uint64_t take_slot(struct gaps *gaps, uint32_t len)
{
	uint32_t padded = (len + EROFS_NID_UNIT - 1) & ~(EROFS_NID_UNIT - 1), left;
	uint64_t at;

	for (unsigned i = 0; i < gaps->nr; i++) {
		struct gap *gap = &gaps->open[i];

		if (gap->len < padded)
			continue;
		at = gap->at;
		gap->at += padded;
		gap->len -= padded;
		return at;
	}
	left = EROFS_BLOCK - (uint32_t)(gaps->end % EROFS_BLOCK);
	if (padded > left && padded <= EROFS_BLOCK) {
		note_gap(gaps, gaps->end, left);
		gaps->end += left;
	}
	at = gaps->end;
	gaps->end += padded;
	return at;
}

static void place_inodes(struct erofs_plan *plan)
{
	struct gaps gaps = { .end = EROFS_SUPER_OFFSET + sizeof(struct erofs_super) };

	for (size_t i = 0; i < plan->nr_inodes; i++) {
		struct node *node = plan->inodes[i];
		uint32_t len = erofs_inode_bytes(plan, node);

		if (erofs_is_inline(plan, node))
			len += (uint32_t)(erofs_data_bytes(node) % EROFS_BLOCK);
		node->at = take_slot(&gaps, len);
		node->nid = node->at >> EROFS_NID_BITS;
	}
	plan->meta_blocks = (uint32_t)((gaps.end + EROFS_BLOCK - 1) / EROFS_BLOCK);
}

static int place_blocks(struct erofs_plan *plan, struct failure *failure)
{
	uint64_t next = plan->meta_blocks;

	for (size_t i = 0; i < plan->nr_inodes; i++) {
		struct node *node = plan->inodes[i];
		uint64_t blocks = erofs_data_bytes(node) / EROFS_BLOCK;

		if (erofs_data_bytes(node) % EROFS_BLOCK && !erofs_is_inline(plan, node))
			blocks++;
		node->first_block = (uint32_t)next;
		next += blocks;
		if (next > UINT32_MAX)
			return failure_set(failure, "the files are more than 16 TiB");
	}
	plan->blocks = (uint32_t)next;
	return 0;
}

int erofs_plan(struct erofs_plan *plan, struct tree *tree, int64_t time, struct failure *failure)
{
	*plan = (struct erofs_plan){ .tree = tree, .time = time };
	forget_numbers(tree->root);
	collect(plan, tree->root);
	place_inodes(plan);
	return place_blocks(plan, failure);
}
