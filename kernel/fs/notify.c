/* SPDX-License-Identifier: BSD-2-Clause */
/* inotify(7)'s events, from the vfs to whoever set vfs_notify. See notify.h. */
#include "fs/notify.h"

#include "core/sync/spinlock.h"
#include "fs/dentry.h"
#include "lib/string.h"

void (*vfs_notify)(struct inode *dir, struct inode *inode, const char *name, uint32_t in_mask,
		   uint32_t cookie);

static uint32_t last_cookie;

uint32_t notify_new_cookie(void)
{
	return atomic_add(&last_cookie, 1);
}

static bool is_watched(const struct inode *inode)
{
	return inode != NULL && !list_is_empty(&inode->watches);
}

void notify_name(struct inode *dir, struct inode *inode, const struct dentry *d, uint32_t in_mask,
		 uint32_t cookie)
{
	char name[NAME_LEN_MAX + 1];

	if (vfs_notify == NULL || (!is_watched(dir) && !is_watched(inode)))
		return;
	spin_lock(&dcache_lock); /* a renaming frees the name */
	memcpy(name, d->name, d->name_len);
	name[d->name_len] = '\0';
	spin_unlock(&dcache_lock);
	if (inode != NULL && S_ISDIR(inode->mode) && (in_mask & IN_DELETE_SELF) == 0)
		in_mask |= IN_ISDIR;
	vfs_notify(dir, inode, name, in_mask, cookie);
}

/* Does anyone watch d's inode or its directory? No counts are taken: this is on every read and
 * write. */
static bool is_watched_path(const struct dentry *d)
{
	scoped_spin(&dcache_lock);
	return is_watched(d->inode) || is_watched(d->parent->inode);
}

void notify_path(const struct path *p, uint32_t in_mask)
{
	struct dentry *parent;

	if (vfs_notify == NULL || p->dentry == NULL || !is_watched_path(p->dentry))
		return;
	parent = dentry_parent(p->dentry);
	notify_name(parent != p->dentry ? parent->inode : NULL, p->dentry->inode, p->dentry,
		    in_mask, 0);
	dentry_put(parent);
}
