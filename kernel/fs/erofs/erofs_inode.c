/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inodes: read and checked when they are first looked up, kept in a table by nid as long as they
 * are in use, so that hard links are one inode.
 *
 * What is checked here need not be looked at again: the type, that inode and xattrs lie in the
 * image, and of a flat file that all its blocks do.
 */
#include <linux/stat.h>

#include "fs/erofs/erofs.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"

#define SECTOR 512u

/* Either form of an inode. */
struct fields {
	uint16_t format, xattr_count, mode;
	uint32_t nlink, uid, gid, ino, data;
	uint64_t size, bytes; /* `bytes`: of the inode itself */
	struct timestamp mtime;
};

static struct tree_node **find_slot(struct erofs *fs, uint64_t nid, struct tree_node **parent)
{
	struct tree_node **slot = &fs->nodes.root;

	*parent = NULL;
	while (*slot != NULL) {
		uint64_t here = tree_entry(*slot, struct erofs_inode, node)->nid;

		if (here == nid)
			break;
		*parent = *slot;
		slot = nid < here ? &(*slot)->left : &(*slot)->right;
	}
	return slot;
}

static void leave_table_locked(struct erofs *fs, struct erofs_inode *node)
{
	if (node->in_table)
		tree_remove(&fs->nodes, &node->node);
	node->in_table = false;
}

/* Counted, or NULL. One that is just being freed leaves the table. */
static struct inode *find_locked(struct erofs *fs, uint64_t nid)
{
	struct tree_node *parent, **slot = find_slot(fs, nid, &parent);
	struct erofs_inode *node;

	if (*slot == NULL)
		return NULL;
	node = tree_entry(*slot, struct erofs_inode, node);
	if (inode_try_get(&node->inode))
		return &node->inode;
	leave_table_locked(fs, node);
	return NULL;
}

static int read_extended(const struct erofs *fs, uint64_t at, struct fields *out)
{
	const struct erofs_inode_extended *e = erofs_at(fs, at, sizeof(*e));

	if (e == NULL)
		return -EUCLEAN;
	*out = (struct fields){
		.format = e->format,
		.xattr_count = e->xattr_count,
		.mode = e->mode,
		.nlink = e->nlink,
		.uid = e->uid,
		.gid = e->gid,
		.ino = e->ino,
		.data = e->data,
		.size = e->size,
		.bytes = sizeof(*e),
		.mtime = { (int64_t)e->mtime, e->mtime_nsec },
	};
	return 0;
}

static int read_compact(const struct erofs *fs, uint64_t at, struct fields *out)
{
	const struct erofs_inode_compact *c = erofs_at(fs, at, sizeof(*c));

	if (c == NULL)
		return -EUCLEAN;
	*out = (struct fields){
		.format = c->format,
		.xattr_count = c->xattr_count,
		.mode = c->mode,
		.nlink = c->nlink,
		.uid = c->uid,
		.gid = c->gid,
		.ino = c->ino,
		.data = c->data,
		.size = c->size,
		.bytes = sizeof(*c),
		.mtime = fs->built,
	};
	return 0;
}

static int read_fields(const struct erofs *fs, uint64_t at, struct fields *out)
{
	const uint16_t *format = erofs_at(fs, at, sizeof(*format));

	if (format == NULL || (*format & ~EROFS_FORMAT_KNOWN) ||
	    EROFS_FORMAT_LAYOUT(*format) >= EROFS_NR_LAYOUTS)
		return -EUCLEAN;
	return *format & EROFS_FORMAT_EXTENDED ? read_extended(fs, at, out)
					       : read_compact(fs, at, out);
}

static bool is_type(uint16_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

static uint64_t decode_rdev(uint32_t rdev)
{
	return dev_make(rdev >> 8 & 0xfff, (rdev & 0xff) | (rdev >> 12 & 0xfff00));
}

/* All blocks of a flat file lie in the image; its inline part in one block. */
static int check_flat(const struct erofs *fs, const struct erofs_inode *node, uint64_t size)
{
	uint64_t whole = align_down(size, (uint64_t)EROFS_BLOCK), part = size - whole;

	if (node->layout == EROFS_FLAT_PLAIN) {
		whole = size;
		part = 0;
	}
	if (part > EROFS_BLOCK - node->tail % EROFS_BLOCK || erofs_at(fs, node->tail, part) == NULL)
		return -EUCLEAN;
	if (whole > 0 && erofs_at(fs, (uint64_t)node->data * EROFS_BLOCK, whole) == NULL)
		return -EUCLEAN;
	return 0;
}

static int check_compressed(const struct erofs *fs, struct erofs_inode *node)
{
	const struct erofs_map_header *h;

	h = erofs_at(fs, align_up(node->tail, (uint64_t)8), sizeof(*h));
	if (h == NULL || (h->advise & ~EROFS_ADVISE_KNOWN) || h->algorithms != 0 ||
	    h->cluster_bits != 0)
		return -EUCLEAN;
	node->advise = h->advise;
	return 0;
}

static int check_data(const struct erofs *fs, struct erofs_inode *node, uint64_t size)
{
	uint16_t mode = (uint16_t)node->inode.mode;

	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return 0;
	if (size > INT64_MAX - EROFS_BLOCK)
		return -EUCLEAN;
	switch (node->layout) {
	case EROFS_FLAT_PLAIN:
	case EROFS_FLAT_INLINE:
		return check_flat(fs, node, size);
	case EROFS_CHUNKED:
		return node->data & ~EROFS_CHUNK_FORMAT_KNOWN ? -EUCLEAN : 0;
	default:
		return S_ISREG(mode) ? check_compressed(fs, node) : -EUCLEAN;
	}
}

static void set_operations(struct erofs_inode *node)
{
	static const struct inode_ops file_ops = {
		.xattr_get = erofs_xattr_get,
		.xattr_list = erofs_xattr_list,
	};
	static const struct inode_ops link_ops = {
		.readlink = erofs_readlink,
		.xattr_get = erofs_xattr_get,
		.xattr_list = erofs_xattr_list,
	};
	bool is_compressed = node->layout == EROFS_COMPRESSED_FULL ||
			     node->layout == EROFS_COMPRESSED_COMPACT;
	struct inode *inode = &node->inode;

	inode->ops = &file_ops;
	if (S_ISREG(inode->mode)) {
		inode->fops = &vfs_object_fops;
		inode->object.pager = is_compressed ? &erofs_compressed_pager : &erofs_pager;
	} else if (S_ISDIR(inode->mode)) {
		inode->ops = &erofs_dir_inode_ops;
		inode->fops = &erofs_dir_fops;
	} else if (S_ISLNK(inode->mode)) {
		inode->ops = &link_ops;
	}
}

static void take_fields(struct erofs_inode *node, const struct fields *f)
{
	struct inode *inode = &node->inode;

	inode->ino = f->ino;
	inode->uid = f->uid;
	inode->gid = f->gid;
	inode->nlink = f->nlink;
	inode->rdev = S_ISCHR(f->mode) || S_ISBLK(f->mode) ? decode_rdev(f->data) : 0;
	inode->size = inode->rdev != 0 ? 0 : f->size;
	inode->blocks = align_up(inode->size, (uint64_t)EROFS_BLOCK) / SECTOR;
	if (node->layout == EROFS_COMPRESSED_FULL || node->layout == EROFS_COMPRESSED_COMPACT)
		inode->blocks = (uint64_t)f->data * (EROFS_BLOCK / SECTOR);
	inode->mtime = f->mtime;
	if (inode->mtime.nsec >= NSEC_PER_SEC)
		inode->mtime.nsec = 0;
	inode->atime = inode->ctime = inode->btime = inode->mtime;
}

static int new_node(struct erofs *fs, uint64_t nid, struct erofs_inode **out)
{
	uint64_t at = fs->meta + nid * EROFS_NID_UNIT;
	struct erofs_inode *node;
	struct fields f;
	int err = nid > fs->len / EROFS_NID_UNIT ? -EUCLEAN : read_fields(fs, at, &f);

	if (err != 0)
		return err;
	if (!is_type(f.mode))
		return -EUCLEAN;
	node = (struct erofs_inode *)inode_new(fs->sb, f.mode);
	if (node == NULL)
		return -ENOMEM;
	node->nid = nid;
	node->layout = EROFS_FORMAT_LAYOUT(f.format);
	node->data = f.data;
	node->xattrs = at + f.bytes;
	if (f.xattr_count != 0)
		node->xattr_bytes = sizeof(struct erofs_xattr_header) + (f.xattr_count - 1u) * 4;
	node->tail = node->xattrs + node->xattr_bytes;
	take_fields(node, &f);
	set_operations(node);
	err = erofs_at(fs, node->xattrs, node->xattr_bytes) == NULL
		      ? -EUCLEAN
		      : check_data(fs, node, node->inode.size);
	if (err != 0)
		inode_put(&node->inode);
	*out = node;
	return err;
}

int erofs_inode_get(struct erofs *fs, uint64_t nid, struct inode **out)
{
	struct tree_node *parent, **slot;
	struct erofs_inode *fresh;
	int err;

	spin_lock(&fs->lock);
	*out = find_locked(fs, nid);
	spin_unlock(&fs->lock);
	if (*out != NULL)
		return 0;
	err = new_node(fs, nid, &fresh);
	if (err != 0)
		return err;
	spin_lock(&fs->lock);
	*out = find_locked(fs, nid);
	if (*out == NULL) {
		slot = find_slot(fs, nid, &parent);
		tree_insert(&fs->nodes, parent, slot, &fresh->node);
		fresh->in_table = true;
		*out = &fresh->inode;
		fresh = NULL;
	}
	spin_unlock(&fs->lock);
	if (fresh != NULL)
		inode_put(&fresh->inode);
	return 0;
}

struct inode *erofs_inode_alloc(struct superblock *sb)
{
	struct erofs_inode *node = kmem_new(struct erofs_inode);

	return node == NULL ? NULL : &node->inode;
}

void erofs_inode_free(struct inode *inode)
{
	struct erofs *fs = erofs_of(inode->sb);

	scoped_spin(&fs->lock);
	leave_table_locked(fs, erofs_inode_of(inode));
}
