/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devtmpfs: a tmpfs that starts with a node for each character device of the set chrdevs, the links
 * that programs expect (fd, stdin, stdout, stderr), and the directories shm and pts.
 */
#include <linux/stat.h>

#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"

LINKER_SET(chrdevs, struct chrdev);

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
};

static const struct {
	const char *name;
	uint32_t mode;
} dirs[] = {
	{ "shm", S_IFDIR | 01777 },
	{ "mqueue", S_IFDIR | 01777 },
	{ "pts", S_IFDIR | 0755 },
};

static int make_node(struct inode *root, const struct chrdev *c)
{
	struct inode *inode;
	int err;

	if (c->name == NULL)
		return 0;
	err = tmpfs_mknod(root, c->name, strlen(c->name), S_IFCHR | c->mode,
			  dev_make(c->major, c->minor), &inode);
	if (err == 0)
		inode_put(inode); /* the directory has its own count */
	return err;
}

static int make_link(struct inode *root, const char *name, const char *target)
{
	struct inode *inode;
	int err = tmpfs_symlink(root, name, strlen(name), target, &inode);

	if (err == 0)
		inode_put(inode);
	return err;
}

static int make_dir(struct inode *root, const char *name, uint32_t mode)
{
	struct inode *inode;
	int err = tmpfs_mkdir(root, name, strlen(name), mode, &inode);

	if (err == 0)
		inode_put(inode);
	return err;
}

static int populate(struct inode *root)
{
	int err = 0;

	scoped_mutex(&root->lock);
	LINKER_SET_FOREACH(chrdevs, c) {
		if (err == 0)
			err = make_node(root, c);
	}
	for (unsigned i = 0; err == 0 && i < ARRAY_SIZE(links); i++)
		err = make_link(root, links[i].name, links[i].target);
	for (unsigned i = 0; err == 0 && i < ARRAY_SIZE(dirs); i++)
		err = make_dir(root, dirs[i].name, dirs[i].mode);
	return err;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	struct tmpfs_options o = { .size_bytes = tmpfs_default_size(), .mode = 0755 };
	struct superblock *sb;
	int err = tmpfs_parse_options(options, &o);

	if (err == 0)
		err = tmpfs_new(&o, sb_flags, &sb);
	if (err != 0)
		return err;
	sb->type_name = "devtmpfs";
	err = populate(sb->root->inode);
	if (err != 0) {
		superblock_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

FS_TYPE(devtmpfs_type) = { .name = "devtmpfs", .mount = mount };
