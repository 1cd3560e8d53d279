/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes of files: stat, chmod, chown, utimes, truncate, extended attributes, statfs. The
 * checks are here (inode(7), chmod(2), chown(2), utimensat(2), xattr(7)); a file system stores what
 * is allowed.
 */
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

#include "core/sched/thread.h"
#include "fs/attr.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/permission.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"

static struct statx_timestamp statx_time(struct timestamp t)
{
	return (struct statx_timestamp){ .tv_sec = t.sec, .tv_nsec = t.nsec };
}

static int inode_getattr(struct inode *inode, struct statx *out)
{
	if (inode->ops->getattr != NULL) {
		int err = inode->ops->getattr(inode);

		if (err != 0)
			return err;
	}
	memset(out, 0, sizeof(*out));
	out->stx_mask = STATX_BASIC_STATS | STATX_BTIME;
	out->stx_blksize = inode->blksize;
	out->stx_nlink = inode->nlink;
	out->stx_uid = inode->uid;
	out->stx_gid = inode->gid;
	out->stx_mode = (uint16_t)inode->mode;
	out->stx_ino = inode->ino;
	out->stx_size = inode->size;
	out->stx_blocks = inode->blocks;
	out->stx_atime = statx_time(inode->atime);
	out->stx_mtime = statx_time(inode->mtime);
	out->stx_ctime = statx_time(inode->ctime);
	out->stx_btime = statx_time(inode->btime);
	out->stx_rdev_major = dev_major(inode->rdev);
	out->stx_rdev_minor = dev_minor(inode->rdev);
	out->stx_dev_major = dev_major(inode->sb->dev);
	out->stx_dev_minor = dev_minor(inode->sb->dev);
	return 0;
}

int vfs_getattr(const struct path *p, struct statx *out)
{
	int err = inode_getattr(p->dentry->inode, out);

	if (err != 0)
		return err;
	out->stx_mnt_id = p->mnt->id;
	out->stx_mask |= STATX_MNT_ID;
	out->stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
	if (p->dentry == p->mnt->root)
		out->stx_attributes = STATX_ATTR_MOUNT_ROOT;
	return 0;
}

int vfs_file_getattr(struct file *f, struct statx *out)
{
	return f->path.dentry != NULL ? vfs_getattr(&f->path, out) : inode_getattr(f->inode, out);
}

/* Applies what was checked. inode->lock is held. */
static int apply_locked(struct inode *inode, struct attr_change *c)
{
	if (!(c->valid & ATTR_CTIME)) {
		c->valid |= ATTR_CTIME;
		c->ctime = timestamp_now();
	}
	if (inode->ops->setattr != NULL)
		return inode->ops->setattr(inode, c);
	inode_set_fields(inode, c);
	return 0;
}

static int check_mode(struct inode *inode, struct attr_change *c)
{
	const struct cred *cred = cred_current();

	if (!inode_is_owner(inode))
		return -EPERM;
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	if ((c->mode & S_ISGID) && !cred_in_group(cred, inode->gid) &&
	    !cred_has_cap(cred, CAP_FSETID))
		c->mode &= ~(uint32_t)S_ISGID;
	c->mode &= 07777;
	return 0;
}

static int check_owner(const struct inode *inode, const struct attr_change *c)
{
	const struct cred *cred = cred_current();
	bool own = cred->fsuid == inode->uid;

	if (cred_has_cap(cred, CAP_CHOWN))
		return 0;
	if ((c->valid & ATTR_UID) && (!own || c->uid != inode->uid))
		return -EPERM;
	if ((c->valid & ATTR_GID) &&
	    (!own || (c->gid != inode->gid && !cred_in_group(cred, c->gid))))
		return -EPERM;
	return 0;
}

/* chown and writes take the set-id bits away. */
static void clear_set_id(const struct inode *inode, struct attr_change *c)
{
	uint32_t mode = inode->mode & ~(uint32_t)S_ISUID;

	if (!S_ISREG(inode->mode))
		return;
	if (mode & 0010)
		mode &= ~(uint32_t)S_ISGID;
	if (mode == inode->mode || (c->valid & ATTR_MODE))
		return;
	c->mode = mode & 07777;
	c->valid |= ATTR_MODE;
}

/* utimensat(2): the owner may set any time, who may write may set both to now. */
static int check_times(struct inode *inode, const struct attr_change *c)
{
	if (inode_is_owner(inode))
		return 0;
	if (!(c->valid & ATTR_TIMES_NOW))
		return -EPERM;
	return inode_permission(inode, MAY_WRITE) != 0 ? -EACCES : 0;
}

int vfs_setattr(const struct path *p, const struct attr_change *change)
{
	struct inode *inode = p->dentry->inode;
	struct attr_change c = *change;
	int err = mount_check_write(p);

	if (err != 0)
		return err;
	if (c.valid & ATTR_SIZE)
		return -EINVAL;
	mutex_lock(&inode->lock);
	if (c.valid & ATTR_MODE)
		err = check_mode(inode, &c);
	if (err == 0 && (c.valid & (ATTR_UID | ATTR_GID))) {
		err = check_owner(inode, &c);
		clear_set_id(inode, &c);
	}
	if (err == 0 && (c.valid & (ATTR_ATIME | ATTR_MTIME)))
		err = check_times(inode, &c);
	c.valid &= ~(unsigned)ATTR_TIMES_NOW;
	if (err == 0)
		err = apply_locked(inode, &c);
	mutex_unlock(&inode->lock);
	if (err == 0)
		notify_path(p, IN_ATTRIB);
	return err;
}

int inode_truncate_locked(struct inode *inode, uint64_t size)
{
	struct attr_change c = { .valid = ATTR_SIZE | ATTR_MTIME, .size = size };

	c.mtime = timestamp_now();
	if (!cred_has_cap(cred_current(), CAP_FSETID))
		clear_set_id(inode, &c);
	return apply_locked(inode, &c);
}

static int truncate(const struct path *p, struct inode *inode, uint64_t size)
{
	int err;

	if (size > INT64_MAX)
		return -EINVAL;
	mutex_lock(&inode->lock);
	err = inode_truncate_locked(inode, size);
	mutex_unlock(&inode->lock);
	if (err == 0)
		notify_path(p, IN_MODIFY);
	return err;
}

int vfs_truncate(const struct path *p, uint64_t size)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode))
		return -EINVAL;
	err = inode_permission(inode, MAY_WRITE);
	if (err == 0)
		err = mount_check_write(p);
	if (err == 0 && (int)atomic_load(&inode->writers.count) < 0)
		err = -ETXTBSY;
	return err != 0 ? err : truncate(p, inode, size);
}

int vfs_file_truncate(struct file *f, uint64_t size)
{
	if (!(f->traits & FILE_WRITE) || !S_ISREG(f->inode->mode))
		return -EINVAL;
	return truncate(&f->path, f->inode, size);
}

void inode_drop_set_id(struct inode *inode)
{
	struct attr_change c = { .valid = 0 };

	if (!(inode->mode & (S_ISUID | S_ISGID)) || cred_has_cap(cred_current(), CAP_FSETID))
		return;
	clear_set_id(inode, &c);
	if (c.valid != 0)
		(void)!apply_locked(inode, &c);
}

int vfs_statfs(const struct path *p, struct statfs_info *out)
{
	struct superblock *sb = p->mnt->sb;

	memset(out, 0, sizeof(*out));
	out->block_size = PAGE_SIZE;
	out->name_max = NAME_LEN_MAX;
	out->fsid = sb->dev;
	out->flags = atomic_load(&p->mnt->flags) | sb->flags;
	return sb->ops->statfs != NULL ? sb->ops->statfs(sb, out) : 0;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* xattr(7): which names whom. */
static int check_xattr(struct inode *inode, const char *name, bool write)
{
	bool user = has_prefix(name, XATTR_USER_PREFIX);
	bool admin = cred_has_cap(cred_current(), CAP_SYS_ADMIN);

	if (name[0] == '\0' || strnlen(name, XATTR_NAME_MAX + 1) > XATTR_NAME_MAX)
		return -ERANGE;
	if (!user && !has_prefix(name, XATTR_TRUSTED_PREFIX) &&
	    !has_prefix(name, XATTR_SECURITY_PREFIX) && !has_prefix(name, XATTR_SYSTEM_PREFIX))
		return -EOPNOTSUPP;
	if (has_prefix(name, XATTR_TRUSTED_PREFIX))
		return admin ? 0 : write ? -EPERM : -ENODATA;
	if (has_prefix(name, XATTR_SECURITY_PREFIX))
		return !write || admin ? 0 : -EPERM;
	if (!user)
		return -EOPNOTSUPP;
	if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(inode->mode) && (inode->mode & S_ISVTX) && !inode_is_owner(inode))
		return -EPERM;
	return inode_permission(inode, write ? MAY_WRITE : MAY_READ);
}

ssize_t vfs_xattr_get(const struct path *p, const char *name, void *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;
	int err = check_xattr(inode, name, false);

	if (err != 0)
		return err;
	if (inode->ops->xattr_get == NULL)
		return -EOPNOTSUPP;
	return inode->ops->xattr_get(inode, name, buf, size);
}

int vfs_xattr_set(const struct path *p, const char *name, const void *v, size_t size, int flags)
{
	struct inode *inode = p->dentry->inode;
	int err = mount_check_write(p);

	if (err == 0 && (flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		err = -EINVAL;
	if (err == 0 && size > XATTR_SIZE_MAX)
		err = -E2BIG;
	if (err == 0)
		err = check_xattr(inode, name, true);
	if (err != 0)
		return err;
	if (inode->ops->xattr_set == NULL)
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	err = inode->ops->xattr_set(inode, name, v, size, flags);
	mutex_unlock(&inode->lock);
	if (err == 0)
		notify_path(p, IN_ATTRIB);
	return err;
}

ssize_t vfs_xattr_list(const struct path *p, char *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;

	return inode->ops->xattr_list != NULL ? inode->ops->xattr_list(inode, buf, size) : 0;
}

int vfs_xattr_remove(const struct path *p, const char *name)
{
	struct inode *inode = p->dentry->inode;
	int err = mount_check_write(p);

	if (err == 0)
		err = check_xattr(inode, name, true);
	if (err != 0)
		return err;
	if (inode->ops->xattr_remove == NULL)
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	err = inode->ops->xattr_remove(inode, name);
	mutex_unlock(&inode->lock);
	if (err == 0)
		notify_path(p, IN_ATTRIB);
	return err;
}

ssize_t vfs_readlink(const struct path *p, char *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;

	if (!S_ISLNK(inode->mode) || inode->ops->readlink == NULL)
		return -EINVAL;
	return inode->ops->readlink(inode, buf, size);
}
