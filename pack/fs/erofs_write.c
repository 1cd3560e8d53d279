/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a planned EROFS image (erofs.h): the metadata is made in memory, with the inline tails
 * in it, and the whole blocks follow as they are read.
 */
#include <string.h>

#include "abi/disk/erofs.h"
#include "lib/crc32c.h"
#include "pack/tree/content.h"
#include "pack/fs/erofs_inode.h"

static void put_super(struct erofs_plan *plan)
{
	struct erofs_super super = {
		.magic = EROFS_MAGIC,
		.feature_compat = EROFS_COMPAT_CHECKSUM | EROFS_COMPAT_MTIME,
		.block_bits = 12,
		.root_nid = (uint16_t)plan->inodes[0]->nid,
		.inodes = plan->nr_inodes,
		.build_time = (uint64_t)plan->time,
		.blocks = plan->blocks,
	};

	memcpy(plan->meta + EROFS_SUPER_OFFSET, &super, sizeof(super));
	super.checksum = crc32c(CRC32C_INIT, plan->meta + EROFS_SUPER_OFFSET,
				EROFS_BLOCK - EROFS_SUPER_OFFSET);
	memcpy(plan->meta + EROFS_SUPER_OFFSET, &super, sizeof(super));
}

static uint32_t inode_data(const struct node *node, bool has_blocks)
{
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode))
		return node->rdev;
	return has_blocks ? node->first_block : 0;
}

static void put_compact(struct erofs_plan *plan, size_t i, struct erofs_inode_extended *wide)
{
	struct erofs_inode_compact inode = {
		.format = wide->format,
		.xattr_count = wide->xattr_count,
		.mode = wide->mode,
		.nlink = (uint16_t)wide->nlink,
		.size = (uint32_t)wide->size,
		.data = wide->data,
		.ino = wide->ino,
		.uid = (uint16_t)wide->uid,
		.gid = (uint16_t)wide->gid,
	};

	memcpy(plan->meta + plan->inodes[i]->at, &inode, sizeof(inode));
}

static uint8_t *put_xattrs(const struct node *node, uint8_t *at)
{
	if (!erofs_xattr_bytes(node))
		return at;
	at += sizeof(struct erofs_xattr_header); /* nothing shared */
	for (const struct xattr *x = node->xattrs; x; x = x->next) {
		struct erofs_xattr_entry entry = { .value_bytes = (uint16_t)x->len };
		const char *name;
		size_t len;

		entry.prefix = erofs_xattr_index(x->name, &name);
		if (!entry.prefix || x->len > UINT16_MAX)
			continue;
		entry.name_len = (uint8_t)strlen(name);
		memcpy(at, &entry, sizeof(entry));
		memcpy(at + sizeof(entry), name, entry.name_len);
		memcpy(at + sizeof(entry) + entry.name_len, x->value, x->len);
		len = sizeof(entry) + entry.name_len + x->len;
		at += (len + 3) & ~(size_t)3;
	}
	return at;
}

static void put_inode(struct erofs_plan *plan, size_t i)
{
	const struct node *node = plan->inodes[i];
	uint64_t size = erofs_data_bytes(node);
	bool is_inline = erofs_is_inline(plan, node), extended = erofs_is_extended(plan, node);
	uint32_t xattrs = erofs_xattr_bytes(node);
	struct erofs_inode_extended inode = {
		.format = (uint16_t)((is_inline ? EROFS_FLAT_INLINE : EROFS_FLAT_PLAIN) << 1 |
				     extended),
		.xattr_count = (uint16_t)(xattrs ? (xattrs - 12) / 4 + 1 : 0),
		.mode = (uint16_t)node->mode,
		.size = size,
		.data = inode_data(node, size >= EROFS_BLOCK || (size && !is_inline)),
		.ino = (uint32_t)i + 1,
		.uid = node->uid,
		.gid = node->gid,
		.mtime = (uint64_t)(node->mtime == TREE_NO_TIME ? plan->time : node->mtime),
		.nlink = node->nlink,
	};

	if (extended)
		memcpy(plan->meta + node->at, &inode, sizeof(inode));
	else
		put_compact(plan, i, &inode);
	put_xattrs(node, plan->meta + node->at + (extended ? sizeof(inode) : 32));
}

/* The part of a file that stands behind its inode. */
static void put_tail(struct erofs_plan *plan, const struct node *node, struct sink *sink)
{
	uint64_t size = erofs_data_bytes(node), from = size - size % EROFS_BLOCK, len = size - from;
	uint8_t *to = plan->meta + node->at + erofs_inode_bytes(plan, node);

	if (!erofs_is_inline(plan, node))
		return;
	if (S_ISLNK(node->mode))
		memcpy(to, node->target + from, len);
	else if (content_read(&node->content, to, len, from) != (ssize_t)len)
		sink_fail(sink, "%s: it cannot be read, or became shorter meanwhile",
			  content_name(&node->content));
}

/* The blocks of their own. */
static void write_blocks(struct erofs_plan *plan, const struct node *node, struct sink *sink)
{
	uint64_t size = erofs_data_bytes(node), len = size;
	struct content whole = node->content;

	if (erofs_is_inline(plan, node))
		len -= size % EROFS_BLOCK;
	if (!len)
		return;
	if (S_ISLNK(node->mode))
		whole = (struct content){ .bytes = node->target };
	whole.size_bytes = len;
	sink_content(sink, &whole);
	sink_zeros(sink, -len % EROFS_BLOCK);
}

/* Directories become contents as any other. */
static void make_directories(struct erofs_plan *plan)
{
	for (size_t i = 0; i < plan->nr_inodes; i++) {
		struct node *node = plan->inodes[i];
		uint8_t *bytes;

		if (!S_ISDIR(node->mode))
			continue;
		bytes = arena_alloc(plan->tree->arena, node->content.size_bytes + EROFS_BLOCK);
		erofs_directory_write(node, bytes);
		node->content.bytes = bytes;
	}
}

void erofs_write(struct erofs_plan *plan, struct sink *sink)
{
	plan->meta = arena_alloc(plan->tree->arena, (size_t)plan->meta_blocks * EROFS_BLOCK);
	make_directories(plan);
	for (size_t i = 0; i < plan->nr_inodes; i++) {
		put_inode(plan, i);
		put_tail(plan, plan->inodes[i], sink);
	}
	put_super(plan);
	sink_write(sink, plan->meta, (size_t)plan->meta_blocks * EROFS_BLOCK);
	for (size_t i = 0; i < plan->nr_inodes; i++)
		write_blocks(plan, plan->inodes[i], sink);
}
