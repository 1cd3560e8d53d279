/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing what a file is: mode, owner, times, extended attributes. */
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/time_types.h>
#include <linux/utime.h>

#include "core/time/timer.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define UTIME_NOW        0x3fffffffl
#define UTIME_OMIT       0x3ffffffel
#define XATTR_NAME_LIMIT 255
#define XATTR_SIZE_LIMIT 65536

static int change_name(int dirfd, uaddr_t path, int flags, const struct attr_change *c)
{
	struct path p;
	int err = user_path_get(dirfd, path, flags, 0, &p);

	if (err != 0)
		return err;
	err = vfs_setattr(&p, c);
	path_put(&p);
	return err;
}

/* A file without a name (a pipe) has attributes too; they go with it. */
static int change_anonymous(struct inode *inode, const struct attr_change *c)
{
	scoped_mutex(&inode->lock);
	if ((c->valid & ATTR_MODE) != 0)
		inode->mode = (inode->mode & S_IFMT) | (c->mode & 07777);
	if ((c->valid & ATTR_UID) != 0)
		inode->uid = c->uid;
	if ((c->valid & ATTR_GID) != 0)
		inode->gid = c->gid;
	return 0;
}

static int change_fd(int fd, const struct attr_change *c, bool path_only_ok)
{
	struct file *f;
	int err = path_only_ok ? fd_get_any(fd, &f) : fd_get(fd, &f);

	if (err != 0)
		return err;
	err = f->path.dentry == NULL ? change_anonymous(f->inode, c) : vfs_setattr(&f->path, c);
	file_put(f);
	return err;
}

/* ---- mode and owner ---- */

static struct attr_change mode_change(uint32_t mode)
{
	return (struct attr_change){ .valid = ATTR_MODE, .mode = mode & 07777 };
}

long sys_chmod(uaddr_t path, uint32_t mode)
{
	struct attr_change c = mode_change(mode);

	return change_name(AT_FDCWD, path, 0, &c);
}

long sys_fchmod(int fd, uint32_t mode)
{
	struct attr_change c = mode_change(mode);

	return change_fd(fd, &c, false);
}

long sys_fchmodat(int dirfd, uaddr_t path, uint32_t mode)
{
	struct attr_change c = mode_change(mode);

	return change_name(dirfd, path, 0, &c);
}

long sys_fchmodat2(int dirfd, uaddr_t path, uint32_t mode, int flags)
{
	struct attr_change c = mode_change(mode);

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	return change_name(dirfd, path, flags, &c);
}

long sys_umask(uint32_t mask)
{
	return atomic_exchange(&thread_current()->fs_view->umask, mask & 0777);
}

static struct attr_change owner_change(uint32_t uid, uint32_t gid)
{
	struct attr_change c = { .uid = uid, .gid = gid };

	c.valid |= uid == UINT32_MAX ? 0 : ATTR_UID;
	c.valid |= gid == UINT32_MAX ? 0 : ATTR_GID;
	return c;
}

long sys_fchownat(int dirfd, uaddr_t path, uint32_t uid, uint32_t gid, int flags)
{
	struct attr_change c = owner_change(uid, gid);

	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	return change_name(dirfd, path, flags, &c);
}

long sys_chown(uaddr_t path, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(uaddr_t path, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, uint32_t uid, uint32_t gid)
{
	struct attr_change c = owner_change(uid, gid);

	return change_fd(fd, &c, false);
}

/* ---- times ---- */

/* Both times of utimensat. Now-and-now asks for write permission only, anything else for
 * ownership. */
static int times_change(const struct __kernel_timespec ts[2], struct attr_change *c)
{
	struct timestamp now = timestamp_now(), *out[2] = { &c->atime, &c->mtime };
	static const unsigned bits[2] = { ATTR_ATIME, ATTR_MTIME };
	bool all_now = true;

	for (unsigned i = 0; i < 2; i++) {
		if (ts[i].tv_nsec == UTIME_OMIT) {
			all_now = false;
			continue;
		}
		c->valid |= bits[i];
		*out[i] = now;
		if (ts[i].tv_nsec == UTIME_NOW)
			continue;
		if (ts[i].tv_nsec < 0 || ts[i].tv_nsec >= NSEC_PER_SEC)
			return -EINVAL;
		all_now = false;
		*out[i] = (struct timestamp){ ts[i].tv_sec, (uint32_t)ts[i].tv_nsec };
	}
	if (all_now)
		c->valid |= ATTR_TIMES_NOW;
	return 0;
}

static long set_times(int dirfd, uaddr_t path, const struct __kernel_timespec ts[2], int flags)
{
	struct attr_change c = { .valid = 0 };
	int err = times_change(ts, &c);

	if (err != 0)
		return err;
	if (path == 0)
		return dirfd == AT_FDCWD ? -EFAULT : change_fd(dirfd, &c, false);
	return change_name(dirfd, path, flags, &c);
}

static const struct __kernel_timespec both_now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

long sys_utimensat(int dirfd, uaddr_t path, uaddr_t times, int flags)
{
	struct __kernel_timespec ts[2] = { both_now[0], both_now[1] };

	if (times != 0 && user_read(ts, times, sizeof(ts)) != 0)
		return -EFAULT;
	if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
		return 0;
	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0 || (path == 0 && flags != 0))
		return -EINVAL;
	return set_times(dirfd, path, ts, flags);
}

long sys_futimesat(int dirfd, uaddr_t path, uaddr_t times)
{
	struct __kernel_timespec ts[2] = { both_now[0], both_now[1] };
	struct __kernel_old_timeval tv[2];

	if (times != 0) {
		if (user_read(tv, times, sizeof(tv)) != 0)
			return -EFAULT;
		for (unsigned i = 0; i < 2; i++) {
			if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
				return -EINVAL;
			ts[i] = (struct __kernel_timespec){ tv[i].tv_sec, tv[i].tv_usec * 1000 };
		}
	}
	return set_times(dirfd, path, ts, 0);
}

long sys_utimes(uaddr_t path, uaddr_t times)
{
	return sys_futimesat(AT_FDCWD, path, times);
}

long sys_utime(uaddr_t path, uaddr_t times)
{
	struct __kernel_timespec ts[2] = { both_now[0], both_now[1] };
	struct utimbuf t;

	if (times != 0) {
		if (user_read_struct(&t, times) != 0)
			return -EFAULT;
		ts[0] = (struct __kernel_timespec){ t.actime, 0 };
		ts[1] = (struct __kernel_timespec){ t.modtime, 0 };
	}
	return set_times(AT_FDCWD, path, ts, 0);
}

/* ---- extended attributes: by name, by name without following, by descriptor ---- */

struct target {
	int fd; /* >= 0: a descriptor */
	uaddr_t path;
	bool nofollow;
};

/* The path that a target is; counted. */
static int target_get(const struct target *t, struct path *out)
{
	struct file *f;
	int err;

	if (t->path != 0 || t->fd < 0)
		return user_path_get(AT_FDCWD, t->path, t->nofollow ? AT_SYMLINK_NOFOLLOW : 0, 0,
				     out);
	err = fd_get(t->fd, &f);
	if (err != 0)
		return err;
	if (f->path.dentry == NULL) {
		err = -EOPNOTSUPP;
	} else {
		*out = f->path;
		path_get(out);
	}
	file_put(f);
	return err;
}

static int xattr_name(uaddr_t from, char **out)
{
	int err = user_string_new(from, XATTR_NAME_LIMIT, out);

	if (err != 0)
		return err == -ENAMETOOLONG ? -ERANGE : err;
	if ((*out)[0] != '\0')
		return 0;
	kmem_free(*out);
	return -ERANGE;
}

static long xattr_write(const struct target *t, const char *name, const void *value, size_t size,
			int flags)
{
	struct path p;
	int err = target_get(t, &p);

	if (err != 0)
		return err;
	err = vfs_xattr_set(&p, name, value, size, flags);
	path_put(&p);
	return err;
}

static long xattr_set(const struct target *t, uaddr_t uname, uaddr_t uvalue, size_t size, int flags)
{
	void *value;
	char *name;
	long err;

	if ((flags & ~3) != 0) /* XATTR_CREATE | XATTR_REPLACE */
		return -EINVAL;
	if (size > XATTR_SIZE_LIMIT)
		return -E2BIG;
	err = xattr_name(uname, &name);
	if (err != 0)
		return err;
	value = kmem_alloc(max(size, (size_t)1));
	if (value == NULL)
		err = -ENOMEM;
	else if (user_read(value, uvalue, size) != 0)
		err = -EFAULT;
	else
		err = xattr_write(t, name, value, size, flags);
	kmem_free(value);
	kmem_free(name);
	return err;
}

/* Both answers with a size and a buffer: the value of a name, or (name NULL) the list of names. */
static long xattr_read(const struct target *t, const char *name, uaddr_t to, size_t size)
{
	size_t room = min(size, (size_t)XATTR_SIZE_LIMIT);
	void *buf = room == 0 ? NULL : kmem_alloc(room);
	struct path p;
	long len;

	if (room != 0 && buf == NULL)
		return -ENOMEM;
	len = target_get(t, &p);
	if (len == 0) {
		len = name != NULL ? vfs_xattr_get(&p, name, buf, room)
				   : vfs_xattr_list(&p, buf, room);
		path_put(&p);
	}
	if (len > 0 && room > 0 && user_write(to, buf, (size_t)len) != 0)
		len = -EFAULT;
	kmem_free(buf);
	return len;
}

static long xattr_get(const struct target *t, uaddr_t uname, uaddr_t to, size_t size)
{
	char *name;
	long len = xattr_name(uname, &name);

	if (len != 0)
		return len;
	len = xattr_read(t, name, to, size);
	kmem_free(name);
	return len;
}

static long xattr_remove(const struct target *t, uaddr_t uname)
{
	struct path p;
	char *name;
	long err = xattr_name(uname, &name);

	if (err != 0)
		return err;
	err = target_get(t, &p);
	if (err == 0) {
		err = vfs_xattr_remove(&p, name);
		path_put(&p);
	}
	kmem_free(name);
	return err;
}

#define BY_PATH(p) (&(struct target){ .fd = -1, .path = (p) })
#define BY_LINK(p) (&(struct target){ .fd = -1, .path = (p), .nofollow = true })
#define BY_FD(f)   (&(struct target){ .fd = (f) < 0 ? INT32_MAX : (f) })

long sys_setxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	return xattr_set(BY_PATH(path), name, value, size, flags);
}

long sys_lsetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	return xattr_set(BY_LINK(path), name, value, size, flags);
}

long sys_fsetxattr(int fd, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	return xattr_set(BY_FD(fd), name, value, size, flags);
}

long sys_getxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	return xattr_get(BY_PATH(path), name, value, size);
}

long sys_lgetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	return xattr_get(BY_LINK(path), name, value, size);
}

long sys_fgetxattr(int fd, uaddr_t name, uaddr_t value, size_t size)
{
	return xattr_get(BY_FD(fd), name, value, size);
}

long sys_listxattr(uaddr_t path, uaddr_t list, size_t size)
{
	return xattr_read(BY_PATH(path), NULL, list, size);
}

long sys_llistxattr(uaddr_t path, uaddr_t list, size_t size)
{
	return xattr_read(BY_LINK(path), NULL, list, size);
}

long sys_flistxattr(int fd, uaddr_t list, size_t size)
{
	return xattr_read(BY_FD(fd), NULL, list, size);
}

long sys_removexattr(uaddr_t path, uaddr_t name)
{
	return xattr_remove(BY_PATH(path), name);
}

long sys_lremovexattr(uaddr_t path, uaddr_t name)
{
	return xattr_remove(BY_LINK(path), name);
}

long sys_fremovexattr(int fd, uaddr_t name)
{
	return xattr_remove(BY_FD(fd), name);
}
