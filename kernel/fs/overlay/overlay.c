/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The overlay's superblock: the table of inodes that stand for lower ones, what keeps changed
 * inodes, and mounting. See overlay.h for the theory.
 *
 * Mount options: lowerdir=PATH (a directory that can be seen now) or lowerfs=TYPE:SOURCE (a file
 * system that the overlay mounts for itself), and size=N, the limit of what is kept in memory.
 */
#include "fs/overlay/overlay.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define OVERLAYFS_MAGIC 0x794c7630u
#define FIRST_OWN_INO   (1ull << 40) /* above what lower file systems number */

static struct overlay_sb *sb_of(const struct superblock *sb)
{
	return sb->fs_private;
}

static struct inode *inode_alloc(struct superblock *sb)
{
	struct overlay_inode *o = kmem_new(struct overlay_inode);

	if (o == NULL)
		return NULL;
	tmpfs_inode_setup(&o->mem.inode);
	return &o->mem.inode;
}

static void inode_free(struct inode *inode)
{
	struct overlay_inode *o = overlay_inode_of(inode);
	struct overlay_sb *sb = sb_of(inode->sb);

	spin_lock(&sb->lock);
	if (o->in_table)
		tree_remove(&sb->by_lower, &o->node);
	spin_unlock(&sb->lock);
	if (o->lower != NULL)
		inode_put(o->lower);
	tmpfs_inode_free(inode);
}

static struct tree_node **find_slot(struct overlay_sb *sb, const struct inode *lower,
				    struct tree_node **parent)
{
	struct tree_node **slot = &sb->by_lower.root;

	*parent = NULL;
	while (*slot != NULL) {
		const struct inode *here = tree_entry(*slot, struct overlay_inode, node)->lower;

		if (here == lower)
			break;
		*parent = *slot;
		slot = lower < here ? &(*slot)->left : &(*slot)->right;
	}
	return slot;
}

/* The table's inode for lower, counted, or NULL. One that is just being freed leaves the table. */
static struct inode *find_locked(struct overlay_sb *sb, const struct inode *lower)
{
	struct tree_node *parent, **slot = find_slot(sb, lower, &parent);
	struct overlay_inode *o;

	if (*slot == NULL)
		return NULL;
	o = tree_entry(*slot, struct overlay_inode, node);
	if (inode_try_get(&o->mem.inode))
		return &o->mem.inode;
	tree_remove(&sb->by_lower, &o->node);
	o->in_table = false;
	return NULL;
}

void overlay_copy_fields(struct inode *inode)
{
	const struct inode *lower = overlay_inode_of(inode)->lower;

	inode->mode = lower->mode;
	inode->uid = lower->uid;
	inode->gid = lower->gid;
	inode->nlink = lower->nlink;
	atomic_store(&inode->size, lower->size);
	inode->blocks = lower->blocks;
	inode->atime = lower->atime;
	inode->mtime = lower->mtime;
	inode->ctime = lower->ctime;
	inode->btime = lower->btime;
}

static struct inode *new_for_lower(struct superblock *sb, struct inode *lower)
{
	struct inode *inode = tmpfs_inode_new(sb, NULL, lower->mode);

	if (inode == NULL)
		return NULL;
	inode_get(lower);
	overlay_inode_of(inode)->lower = lower;
	inode->ino = lower->ino;
	inode->rdev = lower->rdev;
	inode->blksize = lower->blksize;
	if (S_ISREG(inode->mode))
		inode->fops = &overlay_fops;
	overlay_copy_fields(inode);
	return inode;
}

struct inode *overlay_inode_get(struct superblock *sb, struct inode *lower)
{
	struct overlay_sb *o = sb_of(sb);
	struct tree_node *parent, **slot;
	struct inode *inode, *fresh = NULL;

	spin_lock(&o->lock);
	inode = find_locked(o, lower);
	spin_unlock(&o->lock);
	if (inode == NULL) {
		fresh = new_for_lower(sb, lower);
		if (fresh == NULL)
			goto out_lower;
		spin_lock(&o->lock);
		inode = find_locked(o, lower);
		if (inode == NULL) {
			inode = fresh;
			fresh = NULL;
			slot = find_slot(o, lower, &parent);
			tree_insert(&o->by_lower, parent, slot, &overlay_inode_of(inode)->node);
			overlay_inode_of(inode)->in_table = true;
		}
		spin_unlock(&o->lock);
	}
	if (fresh != NULL)
		inode_put(fresh);
out_lower:
	inode_put(lower);
	return inode;
}

void overlay_change_locked(struct inode *inode)
{
	struct overlay_inode *o = overlay_inode_of(inode);

	o->own_attrs = true;
	if (o->lower == NULL || o->kept)
		return;
	o->kept = true;
	inode_get(inode);
}

void overlay_forget_locked(struct inode *inode)
{
	struct overlay_inode *o = overlay_inode_of(inode);

	if (!o->kept)
		return;
	o->kept = false;
	inode_put(inode);
}

static struct inode *next_kept(struct superblock *sb)
{
	struct inode *inode;

	scoped_spin(&sb->lock);
	list_foreach(&sb->inodes, inode, sb_link) {
		if (overlay_inode_of(inode)->kept)
			return inode;
	}
	return NULL;
}

static void unmount(struct superblock *sb)
{
	struct superblock *lower = sb_of(sb)->lower;
	struct inode *inode;

	while ((inode = next_kept(sb)) != NULL)
		overlay_forget_locked(inode);
	kmem_free(sb->fs_private);
	superblock_put(lower);
}

/* What is free is the limit's; what the lower has counts as used. */
static int statfs(struct superblock *sb, struct statfs_info *out)
{
	struct superblock *lower = sb_of(sb)->lower;
	struct statfs_info below = { .blocks = 0 };
	int err = tmpfs_statfs(sb, out);

	if (err == 0 && lower->ops->statfs != NULL)
		err = lower->ops->statfs(lower, &below);
	if (err == 0 && below.blocks > below.blocks_free)
		out->blocks += (below.blocks - below.blocks_free) * below.block_size / PAGE_SIZE;
	return err;
}

static const struct superblock_ops sb_ops = {
	.inode_alloc = inode_alloc,
	.inode_free = inode_free,
	.statfs = statfs,
	.unmount = unmount,
};

int overlay_new(struct superblock *lower, struct inode *root, uint64_t limit_bytes,
		unsigned sb_flags, struct superblock **out)
{
	struct superblock *sb = superblock_new("overlay", &sb_ops, sb_flags);
	struct overlay_sb *o = kmem_new(struct overlay_sb);
	struct inode *inode;

	if (sb == NULL || o == NULL) {
		kmem_free(sb);
		kmem_free(o);
		superblock_put(lower);
		return -ENOMEM;
	}
	sb->fs_private = o;
	sb->next_ino = FIRST_OWN_INO;
	o->lower = lower;
	o->mem.limit_pages = limit_bytes / PAGE_SIZE;
	o->mem.limit_inodes = limit_bytes != 0 ? tmpfs_default_inodes() : 0;
	o->mem.fs_magic = OVERLAYFS_MAGIC;
	o->mem.ops = &overlay_ops;
	o->mem.fops = &tmpfs_fops;
	o->mem.dir_fops = &overlay_dir_fops;
	inode_get(root);
	inode = overlay_inode_get(sb, root);
	if (inode == NULL || superblock_set_root(sb, inode) != 0) {
		superblock_put(sb);
		return -ENOMEM;
	}
	*out = sb;
	return 0;
}

/* What the options say, and the lower that they lead to. */
struct overlay_options {
	struct tmpfs_options mem;
	struct superblock *lower; /* counted */
	struct inode *root;       /* counted */
};

static int use_lowerdir(const char *name, struct overlay_options *o)
{
	struct path p;
	int err = vfs_lookup(NULL, name, LOOKUP_DIRECTORY, &p);

	if (err != 0)
		return err;
	o->lower = p.mnt->sb;
	ref_get(&o->lower->ref);
	o->root = p.dentry->inode;
	inode_get(o->root);
	path_put(&p);
	return 0;
}

/* spec: "TYPE:SOURCE" */
static int use_lowerfs(char *spec, struct overlay_options *o)
{
	char *source = strchr(spec, ':');
	const struct fs_type *type;
	int err;

	if (source == NULL)
		return -EINVAL;
	*source++ = '\0';
	type = fs_type_find(spec);
	if (type == NULL)
		return -ENODEV;
	err = type->mount(source, "", SB_RDONLY, &o->lower);
	if (err != 0)
		return err;
	o->root = o->lower->root->inode;
	inode_get(o->root);
	return 0;
}

static int parse_option(char *text, struct overlay_options *o)
{
	static const char dir[] = "lowerdir=", fs[] = "lowerfs=";

	if (strncmp(text, dir, sizeof(dir) - 1) == 0 && o->lower == NULL)
		return use_lowerdir(text + sizeof(dir) - 1, o);
	if (strncmp(text, fs, sizeof(fs) - 1) == 0 && o->lower == NULL)
		return use_lowerfs(text + sizeof(fs) - 1, o);
	return tmpfs_parse_options(text, &o->mem);
}

static int parse_options(char *text, struct overlay_options *o)
{
	int err = 0;

	while (err == 0 && text != NULL && *text != '\0') {
		char *next = strchr(text, ',');

		if (next != NULL)
			*next++ = '\0';
		err = parse_option(text, o);
		text = next;
	}
	if (err == 0 && o->lower == NULL)
		err = -EINVAL;
	return err;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	struct overlay_options o = { .mem.size_bytes = tmpfs_default_size() };
	char *text = kmem_string(options);
	int err;

	if (text == NULL)
		return -ENOMEM;
	err = parse_options(text, &o);
	kmem_free(text);
	if (err == 0)
		err = overlay_new(o.lower, o.root, o.mem.size_bytes, sb_flags, out);
	else if (o.lower != NULL)
		superblock_put(o.lower);
	if (o.root != NULL)
		inode_put(o.root);
	return err;
}

FS_TYPE(overlay_type) = { .name = "overlay", .mount = mount };

const struct inode_ops overlay_ops = {
	.lookup = overlay_lookup,
	.create = overlay_create,
	.mkdir = overlay_mkdir,
	.mknod = overlay_mknod,
	.symlink = overlay_symlink,
	.link = overlay_link,
	.unlink = overlay_unlink,
	.rmdir = overlay_rmdir,
	.rename = overlay_rename,
	.tmpfile = tmpfs_tmpfile,
	.readlink = overlay_readlink,
	.getattr = overlay_getattr,
	.setattr = overlay_setattr,
	.open = overlay_open,
	.xattr_get = overlay_xattr_get,
	.xattr_set = overlay_xattr_set,
	.xattr_list = overlay_xattr_list,
	.xattr_remove = overlay_xattr_remove,
};
