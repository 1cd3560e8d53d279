/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The superblock: what it says is checked once, here; and mounting. The only source there is is the
 * image that the machine was started with (core/boot_root.h).
 */
#include "fs/erofs/erofs.h"

#include <linux/magic.h>
#include <linux/stat.h>

#include "core/boot_root.h"
#include "core/log.h"
#include "lib/crc32c.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define INCOMPAT_KNOWN \
	(EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_COMPR_CFGS | EROFS_INCOMPAT_CHUNKED)
#define ALGORITHM_LZ4 1u

static uint32_t checksum_of(const struct erofs_super *s)
{
	struct erofs_super copy = *s;
	uint32_t crc;

	copy.checksum = 0;
	crc = crc32c(CRC32C_INIT, &copy, sizeof(copy));
	return crc32c(crc, s + 1, EROFS_BLOCK - EROFS_SUPER_OFFSET - sizeof(copy));
}

/* NULL, or why it cannot be used. */
static const char *check_super(const struct erofs_super *s, uint64_t len)
{
	if (s->magic != EROFS_MAGIC)
		return "it is not an erofs file system";
	if (s->block_bits != EROFS_BLOCK_BITS)
		return "its blocks are not of 4096 bytes";
	if ((s->feature_compat & EROFS_COMPAT_CHECKSUM) && checksum_of(s) != s->checksum)
		return "it is damaged: its superblock's checksum is wrong";
	if (s->feature_incompat & ~INCOMPAT_KNOWN)
		return "it was made with features that are not known here (tail packing, "
		       "fragments, dedupe or several devices)";
	if ((s->feature_incompat & EROFS_INCOMPAT_COMPR_CFGS) && s->compression != ALGORITHM_LZ4)
		return "it is compressed by something other than LZ4";
	if (s->extra_devices != 0)
		return "it needs a second device";
	if (s->blocks == 0 || s->blocks > len / EROFS_BLOCK)
		return "it is cut short";
	return NULL;
}

static int statfs(struct superblock *sb, struct statfs_info *out)
{
	const struct erofs *fs = erofs_of(sb);

	*out = (struct statfs_info){
		.type = EROFS_SUPER_MAGIC_V1,
		.block_size = EROFS_BLOCK,
		.blocks = fs->len / EROFS_BLOCK,
		.files = fs->nr_inodes,
		.name_max = NAME_LEN_MAX,
	};
	return 0;
}

static void unmount(struct superblock *sb)
{
	kmem_free(sb->fs_private);
}

static const struct superblock_ops sb_ops = {
	.inode_alloc = erofs_inode_alloc,
	.inode_free = erofs_inode_free,
	.statfs = statfs,
	.unmount = unmount,
};

static int open_root(struct erofs *fs, struct inode **out)
{
	int err = erofs_inode_get(fs, fs->root_nid, out);

	if (err != 0 || S_ISDIR((*out)->mode))
		return err;
	inode_put(*out);
	return -EUCLEAN;
}

static int mount_image(const struct erofs_super *s, unsigned sb_flags, struct superblock **out)
{
	struct superblock *sb = superblock_new("erofs", &sb_ops, sb_flags | SB_RDONLY);
	struct erofs *fs = kmem_new(struct erofs);
	struct inode *root;
	int err;

	if (sb == NULL || fs == NULL) {
		kmem_free(sb);
		kmem_free(fs);
		return -ENOMEM;
	}
	*fs = (struct erofs){
		.bytes = boot_root,
		.len = (uint64_t)s->blocks * EROFS_BLOCK,
		.meta = (uint64_t)s->meta_block * EROFS_BLOCK,
		.xattrs = (uint64_t)s->xattr_block * EROFS_BLOCK,
		.root_nid = s->root_nid,
		.nr_inodes = s->inodes,
		.built = { (int64_t)s->build_time, s->build_time_nsec },
		.sb = sb,
	};
	sb->fs_private = fs;
	err = open_root(fs, &root);
	if (err == 0)
		err = superblock_set_root(sb, root);
	if (err != 0)
		superblock_put(sb);
	else
		*out = sb;
	return err;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	const struct erofs_super *s = boot_root + EROFS_SUPER_OFFSET;
	const char *wrong = "there is none";
	int err;

	if (boot_root != NULL)
		wrong = boot_root_bytes < EROFS_BLOCK ? "it is cut short"
						      : check_super(s, boot_root_bytes);
	if (wrong != NULL) {
		log_user("the root image cannot be used: %s", wrong);
		return boot_root == NULL ? -ENODEV : -EINVAL;
	}
	err = mount_image(s, sb_flags, out);
	if (err == -EUCLEAN)
		log_user("the root image cannot be used: it is damaged: its root is no directory");
	return err;
}

FS_TYPE(erofs_type) = { .name = "erofs", .mount = mount };
