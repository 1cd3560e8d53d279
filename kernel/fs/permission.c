/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may do what: permission bits, capabilities that override them (capabilities(7)), the sticky
 * bit, and read-only mounts. Uses the calling thread's file-system ids.
 */
#include "fs/permission.h"

#include <linux/capability.h>
#include <linux/stat.h>

#include "core/sched/thread.h"
#include "fs/mount.h"
#include "lib/errno.h"

static int check(struct inode *inode, unsigned mask, const struct cred *c, uint32_t uid)
{
	uint32_t mode = inode->mode;
	unsigned granted;

	if (uid == inode->uid)
		granted = mode >> 6 & 7;
	else if (cred_in_group(c, inode->gid))
		granted = mode >> 3 & 7;
	else
		granted = mode & 7;
	if ((mask & ~granted) == 0)
		return 0;
	if (S_ISDIR(mode)) {
		if (!(mask & MAY_WRITE) && cred_has_cap(c, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_has_cap(c, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_has_cap(c, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (mode & 0111)) && cred_has_cap(c, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *inode, unsigned mask)
{
	const struct cred *c = cred_current();

	return check(inode, mask & 7, c, c->fsuid);
}

/* access(2): with the real ids; capabilities count only for a real root. */
static int check_real(struct inode *inode, unsigned mask)
{
	struct cred *c = cred_copy(cred_current());
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	c->cap_effective = c->uid == 0 ? c->cap_permitted : 0;
	err = check(inode, mask, c, c->fsuid);
	cred_put(c);
	return err;
}

int vfs_access(const struct path *p, unsigned mask, bool real_ids)
{
	struct inode *inode = p->dentry->inode;
	bool special = S_ISCHR(inode->mode) || S_ISBLK(inode->mode) || S_ISFIFO(inode->mode) ||
		       S_ISSOCK(inode->mode);
	int err;

	if (mask & ~7u)
		return -EINVAL;
	if (mask == 0)
		return 0;
	if ((mask & MAY_EXEC) && S_ISREG(inode->mode) &&
	    ((p->mnt->flags | p->mnt->sb->flags) & SB_NOEXEC))
		return -EACCES;
	err = real_ids ? check_real(inode, mask) : inode_permission(inode, mask);
	if (err != 0 || !(mask & MAY_WRITE) || special)
		return err;
	return mount_check_write(p);
}

bool inode_is_owner(const struct inode *inode)
{
	const struct cred *c = cred_current();

	return c->fsuid == inode->uid || cred_has_cap(c, CAP_FOWNER);
}

int permission_create(const struct inode *dir)
{
	if (dir->nlink == 0)
		return -ENOENT;
	return inode_permission((struct inode *)dir, MAY_WRITE | MAY_EXEC);
}

int permission_delete(const struct inode *dir, const struct inode *victim)
{
	const struct cred *c = cred_current();
	int err = inode_permission((struct inode *)dir, MAY_WRITE | MAY_EXEC);

	if (err != 0)
		return err;
	if ((dir->mode & S_ISVTX) && c->fsuid != victim->uid && c->fsuid != dir->uid &&
	    !cred_has_cap(c, CAP_FOWNER))
		return -EPERM;
	return 0;
}
