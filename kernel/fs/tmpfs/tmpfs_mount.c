/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounting a tmpfs: its options (tmpfs(5)), its limit, its root. */
#include <linux/magic.h>
#include <linux/stat.h>

#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

uint64_t tmpfs_default_size(void)
{
	struct page_stats stats;

	page_stats_get(&stats);
	return stats.total / 2 * PAGE_SIZE;
}

uint64_t tmpfs_default_inodes(void)
{
	return tmpfs_default_size() / PAGE_SIZE;
}

/* A number in base 8 or 10; *end is what follows. */
static uint64_t parse_number(const char *s, unsigned base, const char **end)
{
	uint64_t n = 0;

	while (*s >= '0' && *s < '0' + (int)base)
		n = n * base + (uint64_t)(*s++ - '0');
	*end = s;
	return n;
}

static int parse_size(const char *s, uint64_t *out)
{
	const char *end;
	uint64_t n = parse_number(s, 10, &end);

	switch (*end) {
	case 'k':
	case 'K':
		n <<= 10;
		break;
	case 'm':
	case 'M':
		n <<= 20;
		break;
	case 'g':
	case 'G':
		n <<= 30;
		break;
	case '%':
		n = tmpfs_default_size() / 50 * n;
		break;
	default:
		end--;
		break;
	}
	end++;
	if (end == s || (*end != '\0' && *end != ','))
		return -EINVAL;
	*out = n;
	return 0;
}

static bool skip_prefix(const char **s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(*s, prefix, len) != 0)
		return false;
	*s += len;
	return true;
}

static int parse_one(const char *s, struct tmpfs_options *out)
{
	const char *end;

	if (skip_prefix(&s, "size="))
		return parse_size(s, &out->size_bytes);
	if (skip_prefix(&s, "nr_inodes="))
		return parse_size(s, &out->nr_inodes);
	if (skip_prefix(&s, "mode="))
		out->mode = (uint32_t)parse_number(s, 8, &end) & 07777;
	else if (skip_prefix(&s, "uid="))
		out->uid = (uint32_t)parse_number(s, 10, &end);
	else if (skip_prefix(&s, "gid="))
		out->gid = (uint32_t)parse_number(s, 10, &end);
	else if (skip_prefix(&s, "nr_blocks="))
		return 0;
	else
		return -EINVAL;
	return end != s && (*end == '\0' || *end == ',') ? 0 : -EINVAL;
}

int tmpfs_parse_options(const char *text, struct tmpfs_options *out)
{
	while (text != NULL && *text != '\0') {
		int err = parse_one(text, out);

		if (err != 0)
			return err;
		text = strchr(text, ',');
		if (text != NULL)
			text++;
	}
	return 0;
}

int tmpfs_statfs(struct superblock *sb, struct statfs_info *out)
{
	const struct tmpfs_sb *t = sb->fs_private;
	uint64_t used = atomic_load(&t->used_pages);

	out->type = t->fs_magic;
	out->block_size = PAGE_SIZE;
	out->blocks = t->limit_pages;
	out->blocks_free = out->blocks_avail = t->limit_pages > used ? t->limit_pages - used : 0;
	used = atomic_load(&t->nr_inodes);
	out->files = t->limit_inodes;
	out->files_free = t->limit_inodes > used ? t->limit_inodes - used : 0;
	out->name_max = NAME_LEN_MAX;
	return 0;
}

void tmpfs_unmount(struct superblock *sb)
{
	kmem_free(sb->fs_private);
}

static const struct superblock_ops sb_ops = {
	.inode_alloc = tmpfs_inode_alloc,
	.inode_free = tmpfs_inode_free,
	.statfs = tmpfs_statfs,
	.unmount = tmpfs_unmount,
};

int tmpfs_new(const struct tmpfs_options *o, unsigned sb_flags, struct superblock **out)
{
	struct superblock *sb = superblock_new("tmpfs", &sb_ops, sb_flags);
	struct tmpfs_sb *t;
	struct inode *root;

	if (sb == NULL)
		return -ENOMEM;
	t = kmem_new(struct tmpfs_sb);
	if (t == NULL)
		goto err_sb;
	sb->fs_private = t;
	t->limit_pages = (o->size_bytes + PAGE_SIZE - 1) / PAGE_SIZE;
	t->limit_inodes = o->nr_inodes;
	t->fs_magic = TMPFS_MAGIC;
	t->ops = &tmpfs_ops;
	t->fops = &tmpfs_fops;
	t->dir_fops = &tmpfs_dir_fops;
	root = tmpfs_inode_new(sb, NULL, S_IFDIR | o->mode);
	if (root == NULL)
		goto err_sb;
	atomic_add(&t->nr_inodes, 1);
	tmpfs_inode_of(root)->counted = true;
	root->uid = o->uid;
	root->gid = o->gid;
	if (superblock_set_root(sb, root) != 0)
		goto err_sb;
	*out = sb;
	return 0;
err_sb:
	superblock_put(sb);
	return -ENOMEM;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	struct tmpfs_options o = {
		.size_bytes = tmpfs_default_size(),
		.nr_inodes = tmpfs_default_inodes(),
		.mode = 01777,
	};
	int err = tmpfs_parse_options(options, &o);

	return err != 0 ? err : tmpfs_new(&o, sb_flags, out);
}

FS_TYPE(tmpfs_type) = { .name = "tmpfs", .mount = mount };
