/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in an overlay: own entries first, then the lower's unless a whiteout stands in the way. An
 * own entry over a lower name is marked `shadows`: removed, it must leave a whiteout. What needs
 * memory is done before the first change, so that nothing has to be undone.
 */
#include <linux/fs.h>
#include <linux/stat.h>

#include "fs/overlay/overlay.h"
#include "lib/errno.h"

static struct memdir *own_entries(struct inode *dir)
{
	return &tmpfs_inode_of(dir)->dir;
}

static int lookup_lower(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct inode *lower = overlay_inode_of(dir)->lower;

	if (lower == NULL)
		return -ENOENT;
	if (lower->ops->lookup == NULL)
		return -ENOTDIR;
	scoped_mutex(&lower->lock);
	return lower->ops->lookup(lower, name, len, out);
}

int overlay_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	const struct memdir_entry *e = memdir_find(own_entries(dir), name, len);
	struct inode *lower;
	int err;

	if (e != NULL) {
		if (e->inode == NULL)
			return -ENOENT;
		inode_get(e->inode);
		*out = e->inode;
		return 0;
	}
	err = lookup_lower(dir, name, len, &lower);
	if (err != 0)
		return err;
	*out = overlay_inode_get(dir->sb, lower);
	return *out == NULL ? -ENOMEM : 0;
}

int overlay_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
		   struct inode **out)
{
	overlay_change_locked(dir);
	return tmpfs_create(dir, name, len, mode, out);
}

int overlay_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode,
		  struct inode **out)
{
	overlay_change_locked(dir);
	return tmpfs_mkdir(dir, name, len, mode, out);
}

int overlay_mknod(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		  struct inode **out)
{
	overlay_change_locked(dir);
	return tmpfs_mknod(dir, name, len, mode, rdev, out);
}

int overlay_symlink(struct inode *dir, const char *name, size_t len, const char *target,
		    struct inode **out)
{
	overlay_change_locked(dir);
	return tmpfs_symlink(dir, name, len, target, out);
}

int overlay_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	overlay_change_locked(dir);
	overlay_change_locked(target);
	return tmpfs_link(dir, name, len, target);
}

/* An own entry for a name that is there (as `inode`): from now on nothing about it needs memory. */
static int own_entry(struct inode *dir, const char *name, size_t len, struct inode *inode,
		     struct memdir_entry **out)
{
	struct memdir *d = own_entries(dir);
	int err;

	*out = memdir_find(d, name, len);
	if (*out != NULL)
		return (*out)->inode == inode ? 0 : -ENOENT;
	err = memdir_set(d, name, len, inode);
	if (err != 0)
		return err;
	*out = memdir_find(d, name, len);
	(*out)->shadows = true;
	return 0;
}

static void drop_entry(struct inode *dir, struct memdir_entry *e)
{
	if (e->shadows)
		(void)!memdir_set(own_entries(dir), e->name, e->len, NULL); /* in place */
	else
		memdir_remove(own_entries(dir), e);
	tmpfs_dir_changed(dir);
}

static void lose_name(struct inode *dir, struct inode *victim)
{
	overlay_change_locked(victim);
	if (S_ISDIR(victim->mode)) {
		victim->nlink = 0;
		dir->nlink -= dir->nlink > 2;
	} else {
		victim->nlink -= victim->nlink > 0;
	}
	victim->ctime = timestamp_now();
	if (victim->nlink == 0)
		overlay_forget_locked(victim);
}

int overlay_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct memdir_entry *e;
	int err = own_entry(dir, name, len, victim, &e);

	if (err != 0)
		return err;
	overlay_change_locked(dir);
	drop_entry(dir, e);
	lose_name(dir, victim);
	return 0;
}

int overlay_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	int err = overlay_check_empty(victim);

	return err != 0 ? err : overlay_unlink(dir, name, len, victim);
}

/* Both names are there; what they lead to changes hands. */
static int exchange(struct inode *dir, struct memdir_entry *a, struct inode *new_dir,
		    struct memdir_entry *b)
{
	struct inode *inode = a->inode;
	int moved = S_ISDIR(a->inode->mode) - S_ISDIR(b->inode->mode);

	a->inode = b->inode;
	b->inode = inode;
	if (dir != new_dir) {
		dir->nlink -= (unsigned)moved;
		new_dir->nlink += (unsigned)moved;
	}
	a->inode->ctime = b->inode->ctime = timestamp_now();
	return 0;
}

/* moved takes the place of target (or of nothing). */
static int replace(struct inode *dir, struct memdir_entry *from, struct inode *new_dir,
		   struct memdir_entry *to, struct inode *target)
{
	struct inode *moved = from->inode;

	(void)!memdir_set(own_entries(new_dir), to->name, to->len, moved); /* in place */
	drop_entry(dir, from);
	if (target != NULL)
		lose_name(new_dir, target);
	if (S_ISDIR(moved->mode) && dir != new_dir) {
		dir->nlink -= dir->nlink > 2;
		new_dir->nlink++;
	}
	moved->ctime = dir->ctime;
	return 0;
}

/* An entry for the new name, whatever stands there now. */
static int target_entry(struct inode *dir, const char *name, size_t len, struct inode *target,
			struct memdir_entry **out)
{
	int err;

	if (target != NULL)
		return own_entry(dir, name, len, target, out);
	*out = memdir_find(own_entries(dir), name, len);
	if (*out != NULL)
		return 0; /* a whiteout */
	err = memdir_set(own_entries(dir), name, len, NULL);
	if (err == 0)
		*out = memdir_find(own_entries(dir), name, len);
	return err;
}

static int rename_found(struct inode *dir, struct memdir_entry *a, struct inode *new_dir,
			struct memdir_entry *b, struct inode *target, unsigned flags)
{
	overlay_change_locked(dir);
	overlay_change_locked(new_dir);
	overlay_change_locked(a->inode);
	tmpfs_dir_changed(new_dir);
	if (!(flags & RENAME_EXCHANGE))
		return replace(dir, a, new_dir, b, target);
	overlay_change_locked(b->inode);
	tmpfs_dir_changed(dir);
	return exchange(dir, a, new_dir, b);
}

int overlay_rename(struct inode *dir, const char *name, size_t len, struct inode *new_dir,
		   const char *new_name, size_t new_len, unsigned flags)
{
	struct inode *source, *target = NULL;
	struct memdir_entry *a, *b;
	int err = overlay_lookup(dir, name, len, &source);

	if (err != 0)
		return err;
	err = overlay_lookup(new_dir, new_name, new_len, &target);
	if (err == -ENOENT) {
		target = NULL;
		err = flags & RENAME_EXCHANGE ? -ENOENT : 0;
	}
	if (err == 0 && target != NULL && S_ISDIR(target->mode) && !(flags & RENAME_EXCHANGE))
		err = overlay_check_empty(target);
	if (err == 0)
		err = own_entry(dir, name, len, source, &a);
	if (err == 0)
		err = target_entry(new_dir, new_name, new_len, target, &b);
	if (err == 0)
		err = rename_found(dir, a, new_dir, b, target, flags);
	if (target != NULL)
		inode_put(target);
	inode_put(source);
	return err;
}
