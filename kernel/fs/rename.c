/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rename(2) and renameat2(2) with RENAME_NOREPLACE and RENAME_EXCHANGE. The superblock's
 * rename_lock keeps the tree still while two directories are locked, parent before child, else by
 * address; so that no directory ends up below itself.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "fs/notify.h"
#include "fs/permission.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

struct renaming {
	struct walk from, to;
	struct dentry *source, *target; /* counted, or NULL */
	char *new_name;                 /* owned */
	unsigned flags;
};

static void lock_dirs(struct dentry *a, struct dentry *b)
{
	if (a->inode == b->inode) {
		mutex_lock(&a->inode->lock);
		return;
	}
	if (dentry_is_below(a, b) || (!dentry_is_below(b, a) && a->inode > b->inode)) {
		struct dentry *first = b;

		b = a;
		a = first;
	}
	mutex_lock(&a->inode->lock);
	mutex_lock(&b->inode->lock);
}

static void unlock_dirs(struct dentry *a, struct dentry *b)
{
	mutex_unlock(&a->inode->lock);
	if (a->inode != b->inode)
		mutex_unlock(&b->inode->lock);
}

/*
 * With the directories locked: what is moved and what it replaces, whose counts of links others may
 * be changing. Neither lies above the other.
 */
static void lock_ends(struct inode *a, struct inode *b)
{
	mutex_lock(b != NULL && b < a ? &b->lock : &a->lock);
	if (b != NULL)
		mutex_lock(b < a ? &a->lock : &b->lock);
}

static void unlock_ends(struct inode *a, struct inode *b)
{
	mutex_unlock(&a->lock);
	if (b != NULL)
		mutex_unlock(&b->lock);
}

/* What the target may be, by the source's kind. */
static int check_target(struct renaming *r)
{
	bool source_dir = S_ISDIR(r->source->inode->mode);
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (r->target->inode == NULL) {
		if (exchange)
			return -ENOENT;
		return !source_dir && (r->from.trailing_slash || r->to.trailing_slash) ? -ENOTDIR
										       : 0;
	}
	if (r->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (r->target->is_mountpoint)
		return -EBUSY;
	if (exchange)
		return dentry_is_below(r->from.at.dentry, r->target) ? -EINVAL : 0;
	if (source_dir && !S_ISDIR(r->target->inode->mode))
		return -ENOTDIR;
	if (!source_dir && S_ISDIR(r->target->inode->mode))
		return -EISDIR;
	return 0;
}

/* A host may show one directory in two places. */
static bool is_either(const struct inode *i, const struct inode *a, const struct inode *b)
{
	return i != NULL && (i == a || i == b);
}

static int check_locked(struct renaming *r)
{
	struct inode *dir = r->from.at.dentry->inode, *new_dir = r->to.at.dentry->inode;
	int err = 0;

	if (r->source->inode == NULL)
		return -ENOENT;
	if (!S_ISDIR(r->source->inode->mode) && (r->from.trailing_slash || r->to.trailing_slash))
		return -ENOTDIR;
	if (dentry_is_below(r->to.at.dentry, r->source))
		return -EINVAL;
	if (dentry_is_below(r->from.at.dentry, r->target))
		return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (is_either(r->source->inode, dir, new_dir) || is_either(r->target->inode, dir, new_dir))
		return -EBUSY;
	err = check_target(r);
	if (err == 0)
		err = permission_delete(dir, r->source->inode);
	if (err == 0 && r->target->inode != NULL)
		err = permission_delete(new_dir, r->target->inode);
	if (err == 0 && r->target->inode == NULL)
		err = permission_create(new_dir);
	if (err == 0 && S_ISDIR(r->source->inode->mode) && dir != new_dir)
		err = inode_permission(r->source->inode, MAY_WRITE);
	if (err == 0 && r->source->is_mountpoint)
		err = -EBUSY;
	return err;
}

static void update_cache(struct renaming *r)
{
	uint32_t cookie = notify_new_cookie();
	struct inode *dir = r->from.at.dentry->inode, *new_dir = r->to.at.dentry->inode;

	notify_name(dir, r->source->inode, r->source, IN_MOVED_FROM, cookie);
	if (r->flags & RENAME_EXCHANGE) {
		dentry_exchange(r->source, r->target);
	} else {
		if (r->target->inode != NULL && S_ISDIR(r->target->inode->mode))
			dentry_drop_children(r->target);
		dentry_move(r->source, r->to.at.dentry, r->new_name);
		r->new_name = NULL;
		dentry_put(
			dentry_add(r->from.at.dentry, r->from.last, r->from.last_len, NULL, true));
	}
	notify_name(new_dir, r->source->inode, r->source, IN_MOVED_TO, cookie);
	notify_name(NULL, r->source->inode, r->source, IN_MOVE_SELF, 0);
}

static int rename_locked(struct renaming *r)
{
	struct inode *dir = r->from.at.dentry->inode, *new_dir = r->to.at.dentry->inode;
	struct inode *moved, *replaced;
	int err = walk_lookup_locked(r->from.at.dentry, r->from.last, r->from.last_len, &r->source);

	if (err == 0)
		err = walk_lookup_locked(r->to.at.dentry, r->to.last, r->to.last_len, &r->target);
	if (err == 0)
		err = check_locked(r);
	if (err != 0 || r->source->inode == r->target->inode)
		return err; /* two names of one file: nothing happens */
	if (dir->ops->rename == NULL)
		return -EPERM;
	moved = r->source->inode;
	replaced = r->target->inode;
	lock_ends(moved, replaced);
	err = dir->ops->rename(dir, r->from.last, r->from.last_len, new_dir, r->to.last,
			       r->to.last_len, r->flags);
	unlock_ends(moved, replaced);
	if (err == 0)
		update_cache(r);
	return err;
}

static int check_ends(struct renaming *r)
{
	struct path *a = &r->from.at, *b = &r->to.at;
	int err;

	if (a->mnt != b->mnt)
		return -EXDEV;
	if (r->from.kind != WALK_NAME)
		return -EBUSY;
	if (r->to.kind != WALK_NAME)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (!S_ISDIR(a->dentry->inode->mode) || !S_ISDIR(b->dentry->inode->mode))
		return -ENOTDIR;
	err = inode_permission(a->dentry->inode, MAY_EXEC);
	if (err == 0)
		err = inode_permission(b->dentry->inode, MAY_EXEC);
	return err == 0 ? mount_check_write(a) : err;
}

int vfs_rename(const struct path *at, const char *name, const struct path *new_at,
	       const char *new_name, unsigned flags)
{
	struct renaming r = { .flags = flags };
	int err;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
		return -EINVAL;
	if (flags & RENAME_WHITEOUT)
		return -EINVAL;
	err = walk_begin(&r.from, at, name, LOOKUP_NOFOLLOW);
	if (err != 0)
		goto out_from;
	err = walk_begin(&r.to, new_at, new_name, LOOKUP_NOFOLLOW);
	if (err == 0)
		err = check_ends(&r);
	if (err != 0)
		goto out_to;
	err = -ENOMEM;
	r.new_name = kmem_alloc(r.to.last_len + 1);
	if (r.new_name == NULL)
		goto out_to;
	memcpy(r.new_name, r.to.last, r.to.last_len);
	mutex_lock(&r.from.at.dentry->sb->rename_lock);
	lock_dirs(r.from.at.dentry, r.to.at.dentry);
	err = rename_locked(&r);
	unlock_dirs(r.from.at.dentry, r.to.at.dentry);
	mutex_unlock(&r.from.at.dentry->sb->rename_lock);
	dentry_put(r.source);
	dentry_put(r.target);
	kmem_free(r.new_name);
out_to:
	walk_end(&r.to);
out_from:
	walk_end(&r.from);
	return err;
}
