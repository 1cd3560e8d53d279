/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory files (memfd_create(2)): nameless files of a tmpfs that is mounted nowhere, and their
 * seals. The dentry is unhashed and called "memfd:NAME", which is what /proc shows.
 */
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "core/sync/mutex.h"
#include "fs/dentry.h"
#include "fs/mount.h"
#include "fs/openfile.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/vmspace.h"

#define MEMFD_NAME_MAX 249 /* memfd_create(2) */
#define SEALS_WRITE    (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define SEALS_ALL      (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE)

static struct mutex init_lock = MUTEX_INIT(init_lock);
static struct mount *home; /* [init_lock to write] */

static struct mount *get_home(void)
{
	struct tmpfs_options options = { .mode = 0700 };
	struct superblock *sb;

	if (atomic_load(&home) != NULL)
		return home;
	scoped_mutex(&init_lock);
	if (home == NULL && tmpfs_new(&options, 0, &sb) == 0)
		atomic_store(&home, mount_new(sb, "memfd", 0));
	return home;
}

static int make(const char *full, unsigned seals, struct file **out)
{
	struct mount *m = get_home();
	struct inode *inode;
	struct dentry *d;

	if (m == NULL)
		return -ENOMEM;
	inode = tmpfs_inode_new(m->sb, NULL, S_IFREG | 0777);
	if (inode == NULL)
		return -ENOMEM;
	inode->nlink = 0;
	tmpfs_inode_of(inode)->seals = seals;
	d = dentry_add(m->root, full, strlen(full), inode, false);
	if (d == NULL)
		return -ENOMEM;
	if (file_new_inode(d->inode, O_RDWR, out) != 0) {
		dentry_put(d);
		return -ENOMEM;
	}
	mount_get(m);
	(*out)->path = (struct path){ m, d };
	return 0;
}

int vfs_memory_file(const char *name, unsigned flags, struct file **out)
{
	char full[MEMFD_NAME_MAX + 8];

	if (strlen(name) > MEMFD_NAME_MAX)
		return -EINVAL;
	fmt(full, sizeof(full), "memfd:%s", name);
	return make(full, flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL, out);
}

int vfs_nameless_file(const char *shown_as, struct file **out)
{
	return make(shown_as, F_SEAL_SEAL, out);
}

static bool is_memory_file(const struct file *f)
{
	return atomic_load(&home) != NULL && f->inode->sb == home->sb;
}

int vfs_seals_add(struct file *f, unsigned seals)
{
	struct tmpfs_inode *t;

	if (!is_memory_file(f))
		return -EINVAL;
	if (!(f->traits & FILE_WRITE))
		return -EPERM;
	if (seals & ~(unsigned)SEALS_ALL)
		return -EINVAL;
	t = tmpfs_inode_of(f->inode);
	scoped_mutex(&f->inode->lock);
	if (t->seals & F_SEAL_SEAL)
		return -EPERM;
	/* Shared mappings that may be written stand against it, also those half made or unmade. */
	if ((seals & F_SEAL_WRITE) && !(t->seals & F_SEAL_WRITE) &&
	    atomic_load(&f->inode->object.nr_writers) != 0)
		return -EBUSY;
	t->seals |= seals;
	return 0;
}

int vfs_seals_get(struct file *f)
{
	return is_memory_file(f) ? (int)tmpfs_inode_of(f->inode)->seals : -EINVAL;
}
