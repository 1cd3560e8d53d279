/* SPDX-License-Identifier: BSD-2-Clause */
/* The file system of pseudo terminals: see devpts.h. Its one directory is a memdir, guarded by the
 * root inode's lock. */
#include "fs/tty/devpts.h"

#include <linux/magic.h>
#include <linux/stat.h>

#include "fs/dentry.h"
#include "fs/mount.h"
#include "fs/tmpfs/memdir.h"
#include "fs/tty/pty.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define NUMBERS_MAX 4096u /* as /proc/sys/kernel/pty/max */
#define INO_ROOT    1
#define INO_PTMX    2
#define INO_FIRST   3
#define PTMX_MAJOR  5
#define PTMX_MINOR  2
#define NOT_GIVEN   (~0u)

struct devpts_options {
	uint32_t uid, gid; /* NOT_GIVEN: the maker's */
	uint32_t mode, ptmxmode, max;
};

struct devpts {
	struct ref ref;
	struct spinlock lock;
	unsigned nr_taken;                           /* [lock] */
	uint64_t numbers[BITMAP_WORDS(NUMBERS_MAX)]; /* [lock] */
	struct devpts_options options;               /* [I] */
	struct memdir dir;                           /* [root inode's lock] */
};

static const struct superblock_ops sb_ops;

static void put(struct devpts *d)
{
	if (ref_put(&d->ref))
		kmem_free(d);
}

static struct devpts *instance_of(const struct superblock *sb)
{
	return sb->fs_private;
}

/* ---- its directory ---- */

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct memdir_entry *e = memdir_find(&instance_of(dir->sb)->dir, name, len);

	if (e == NULL)
		return -ENOENT;
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int readdir(struct file *f, struct dir_sink *s, int64_t *pos)
{
	if (!vfs_emit_dots(f, s, pos))
		return 0;
	scoped_mutex(&f->inode->lock);
	(void)memdir_emit(&instance_of(f->inode->sb)->dir, s, pos);
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = lookup };
static const struct inode_ops node_ops = { .lookup = NULL };
static const struct file_ops dir_fops = { .readdir = readdir };

static struct inode *node_new(struct superblock *sb, uint32_t mode, uint64_t rdev, uint64_t ino)
{
	const struct devpts_options *o = &instance_of(sb)->options;
	struct inode *inode = inode_new(sb, S_IFCHR | mode);

	if (inode == NULL)
		return NULL;
	if (sb->root != NULL)
		inode_init_owner(inode, sb->root->inode);
	if (o->uid != NOT_GIVEN)
		inode->uid = o->uid;
	if (o->gid != NOT_GIVEN)
		inode->gid = o->gid;
	inode->ino = ino;
	inode->rdev = rdev;
	inode->ops = &node_ops;
	return inode;
}

/* ---- terminals ---- */

int devpts_find(const struct file *f, struct path *root_out)
{
	struct path beside = { f->path.mnt, NULL };
	int err = 0;

	if (f->path.dentry == NULL)
		return -ENODEV;
	beside.dentry = dentry_parent(f->path.dentry);
	if (f->inode->sb->ops == &sb_ops) {
		mount_get(beside.mnt);
		*root_out = beside;
		return 0;
	}
	err = vfs_lookup(&beside, "pts", LOOKUP_DIRECTORY, root_out);
	dentry_put(beside.dentry);
	if (err == 0 && root_out->mnt->sb->ops != &sb_ops) {
		path_put(root_out);
		err = -ENODEV;
	}
	return err == -ENOENT || err == -ENOTDIR ? -ENODEV : err;
}

int devpts_number_take(const struct path *root, struct devpts **out, unsigned *number_out)
{
	struct devpts *d = instance_of(root->mnt->sb);

	scoped_spin(&d->lock);
	if (d->nr_taken >= d->options.max)
		return -ENOSPC;
	*number_out = (unsigned)bitmap_find_clear(d->numbers, NUMBERS_MAX, 0);
	bitmap_set(d->numbers, *number_out);
	d->nr_taken++;
	ref_get(&d->ref);
	*out = d;
	return 0;
}

void devpts_number_give(struct devpts *d, unsigned number)
{
	spin_lock(&d->lock);
	bitmap_clear(d->numbers, number);
	d->nr_taken--;
	spin_unlock(&d->lock);
	put(d);
}

int devpts_add(const struct path *root, struct tty *t, unsigned number, struct path *out)
{
	struct inode *dir = root->dentry->inode, *inode;
	struct devpts *d = instance_of(dir->sb);
	size_t len;
	char name[16];

	inode = node_new(dir->sb, d->options.mode, dev_make(PTS_MAJOR, number), INO_FIRST + number);
	if (inode == NULL)
		return -ENOMEM;
	tty_get(t);
	inode->fs_private = t;
	len = (size_t)fmt(name, sizeof(name), "%u", number);
	scoped_mutex(&dir->lock);
	if (memdir_set(&d->dir, name, len, inode) != 0) {
		inode_put(inode);
		return -ENOMEM;
	}
	out->dentry = dentry_add(root->dentry, name, len, inode, true);
	if (out->dentry == NULL) {
		memdir_remove(&d->dir, memdir_find(&d->dir, name, len));
		return -ENOMEM;
	}
	out->mnt = root->mnt;
	mount_get(out->mnt);
	dir->mtime = dir->ctime = timestamp_now();
	return 0;
}

void devpts_remove(const struct path *node, unsigned number)
{
	struct inode *dir = node->mnt->sb->root->inode, *inode = node->dentry->inode;
	struct devpts *d = instance_of(dir->sb);
	struct memdir_entry *e;
	char name[16];
	size_t len = (size_t)fmt(name, sizeof(name), "%u", number);

	scoped_mutex(&dir->lock);
	e = memdir_find(&d->dir, name, len);
	if (e != NULL)
		memdir_remove(&d->dir, e);
	inode->nlink = 0;
	dentry_drop(node->dentry);
	dir->mtime = dir->ctime = timestamp_now();
}

struct tty *devpts_tty_of(const struct inode *inode)
{
	return inode->sb->ops == &sb_ops && S_ISCHR(inode->mode) ? inode->fs_private : NULL;
}

/* ---- mounting ---- */

static uint32_t parse_number(const char *s, unsigned base, const char **end)
{
	uint32_t n = 0;

	while (*s >= '0' && *s < '0' + (int)base)
		n = n * base + (uint32_t)(*s++ - '0');
	*end = s;
	return n;
}

/* One "name=value" of the text, up to a comma. */
static int parse_one(const char *s, struct devpts_options *o)
{
	const struct {
		const char *name;
		uint32_t *field;
		unsigned base;
	} known[] = {
		{ "uid=", &o->uid, 10 },          { "gid=", &o->gid, 10 }, { "mode=", &o->mode, 8 },
		{ "ptmxmode=", &o->ptmxmode, 8 }, { "max=", &o->max, 10 },
	};
	const char *end;

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		size_t len = strlen(known[i].name);

		if (strncmp(s, known[i].name, len) != 0)
			continue;
		*known[i].field = parse_number(s + len, known[i].base, &end);
		return end != s + len && (*end == '\0' || *end == ',') ? 0 : -EINVAL;
	}
	/* every mount is one */
	return strncmp(s, "newinstance", 11) == 0 && (s[11] == '\0' || s[11] == ',') ? 0 : -EINVAL;
}

static int parse_options(const char *text, struct devpts_options *o)
{
	*o = (struct devpts_options){ NOT_GIVEN, NOT_GIVEN, 0600, 0, NUMBERS_MAX };
	while (text != NULL && *text != '\0') {
		int err = parse_one(text, o);

		if (err != 0)
			return err;
		text = strchr(text, ',');
		if (text != NULL)
			text++;
	}
	o->mode &= 0777;
	o->ptmxmode &= 0777;
	return o->max > NUMBERS_MAX ? -EINVAL : 0;
}

static void inode_free(struct inode *inode)
{
	if (S_ISDIR(inode->mode))
		memdir_fini(&instance_of(inode->sb)->dir);
	else if (inode->fs_private != NULL)
		tty_put(inode->fs_private);
}

static int statfs(struct superblock *sb, struct statfs_info *out)
{
	(void)sb;
	out->type = DEVPTS_SUPER_MAGIC;
	out->block_size = PAGE_SIZE;
	out->name_max = NAME_LEN_MAX;
	return 0;
}

static void unmount(struct superblock *sb)
{
	if (sb->fs_private != NULL)
		put(sb->fs_private);
}

static const struct superblock_ops sb_ops = {
	.inode_free = inode_free,
	.statfs = statfs,
	.unmount = unmount,
};

static int make_root(struct superblock *sb)
{
	struct devpts *d = instance_of(sb);
	struct inode *root = inode_new(sb, S_IFDIR | 0755), *ptmx;
	int err;

	if (root == NULL)
		return -ENOMEM;
	root->ino = INO_ROOT;
	root->ops = &dir_ops;
	root->fops = &dir_fops;
	root->nlink = 2;
	ptmx = node_new(sb, d->options.ptmxmode, dev_make(PTMX_MAJOR, PTMX_MINOR), INO_PTMX);
	err = ptmx != NULL ? memdir_set(&d->dir, "ptmx", 4, ptmx) : -ENOMEM;
	if (ptmx != NULL)
		inode_put(ptmx);
	if (err == 0)
		return superblock_set_root(sb, root);
	inode_put(root);
	return err;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	struct devpts_options parsed;
	struct superblock *sb;
	struct devpts *d;
	int err = parse_options(options, &parsed);

	(void)source;
	if (err != 0)
		return err;
	sb = superblock_new("devpts", &sb_ops, sb_flags);
	d = sb != NULL ? kmem_new(struct devpts) : NULL;
	if (d == NULL) {
		if (sb != NULL)
			superblock_put(sb);
		return -ENOMEM;
	}
	ref_init(&d->ref);
	d->options = parsed;
	memdir_init(&d->dir);
	sb->fs_private = d;
	err = make_root(sb);
	if (err != 0) {
		superblock_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

FS_TYPE(devpts_type) = { .name = "devpts", .mount = mount };
