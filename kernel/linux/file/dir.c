/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: directories and their reading, links, renaming, device nodes, the working directory and
 * root, mounts. Each call copies its names in and hands them to the vfs.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

/* ---- getdents ---- */

struct dirent64 {
	uint64_t ino;
	int64_t next;
	uint16_t len;
	uint8_t type;
	char name[];
};
struct old_dirent {
	uint64_t ino;
	int64_t next;
	uint16_t len;
	char name[];
}; /* type: its last byte */

struct dents {
	struct dir_sink sink;
	uaddr_t at; /* where the next record goes */
	size_t left, written;
	bool old;
	int err; /* -EINVAL: not one record fits; -EFAULT */
};

static size_t format_record(const struct dents *d, char *buf, const char *name, size_t len)
{
	size_t head = d->old ? sizeof(struct old_dirent) - 6 : offsetof(struct dirent64, name);
	size_t size = align_up(head + len + (d->old ? 2 : 1), 8);

	memset(buf, 0, size);
	memcpy(buf + head, name, len);
	return size;
}

static bool emit(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned type,
		 int64_t next_pos)
{
	struct dents *d = container_of(s, struct dents, sink);
	union {
		struct dirent64 now;
		struct old_dirent old;
		char bytes[NAME_LEN_MAX + 32];
	} r;
	size_t size;

	if (len > NAME_LEN_MAX)
		return true; /* not a name that anybody could open */
	size = format_record(d, r.bytes, name, len);
	r.now.ino = ino;
	r.now.next = next_pos;
	r.now.len = (uint16_t)size;
	if (d->old)
		r.bytes[size - 1] = (char)type;
	else
		r.now.type = (uint8_t)type;
	if (size > d->left) {
		d->err = d->written == 0 ? -EINVAL : 0;
		return false;
	}
	if (user_write(d->at, &r, size) != 0) {
		d->err = -EFAULT;
		return false;
	}
	d->at += size;
	d->left -= size;
	d->written += size;
	return true;
}

static long read_directory(int fd, uaddr_t buf, size_t count, bool old)
{
	struct dents d = {
		.sink.emit = emit, .at = buf, .left = min(count, (size_t)INT32_MAX), .old = old
	};
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	err = vfs_readdir(f, &d.sink);
	file_put(f);
	if (err == 0)
		err = d.err;
	return d.written > 0 ? (long)d.written : err;
}

long sys_getdents64(int fd, uaddr_t buf, size_t count)
{
	return read_directory(fd, buf, count, false);
}

long sys_getdents(int fd, uaddr_t buf, size_t count)
{
	return read_directory(fd, buf, count, true);
}

/* ---- making and removing names ---- */

long sys_mkdirat(int dirfd, uaddr_t path, uint32_t mode)
{
	struct user_name n;
	int err = user_name_get(&n, dirfd, path, 0);

	if (err != 0)
		return err;
	err = vfs_mkdir(n.at, n.string, mode);
	user_name_put(&n);
	return err;
}

long sys_mkdir(uaddr_t path, uint32_t mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(int dirfd, uaddr_t path, uint32_t mode, uint64_t dev)
{
	struct user_name n;
	uint64_t major = (dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull);
	uint64_t minor = (dev & 0xff) | (dev >> 12 & 0xffffff00u);
	int err = user_name_get(&n, dirfd, path, 0);

	if (err != 0)
		return err;
	err = vfs_mknod(n.at, n.string, mode, major << 32 | minor);
	user_name_put(&n);
	return err;
}

long sys_mknod(uaddr_t path, uint32_t mode, uint64_t dev)
{
	return sys_mknodat(AT_FDCWD, path, mode, dev);
}

long sys_unlinkat(int dirfd, uaddr_t path, int flags)
{
	struct user_name n;
	int err;

	if ((flags & ~AT_REMOVEDIR) != 0)
		return -EINVAL;
	err = user_name_get(&n, dirfd, path, 0);
	if (err != 0)
		return err;
	err = (flags & AT_REMOVEDIR) != 0 ? vfs_rmdir(n.at, n.string) : vfs_unlink(n.at, n.string);
	user_name_put(&n);
	return err;
}

long sys_unlink(uaddr_t path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(uaddr_t path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

long sys_symlinkat(uaddr_t utarget, int dirfd, uaddr_t path)
{
	struct user_name n;
	char *target;
	int err = user_string_new(utarget, PATH_LEN_MAX - 1, &target);

	if (err != 0)
		return err;
	err = target[0] == '\0' ? -ENOENT : user_name_get(&n, dirfd, path, 0);
	if (err == 0) {
		err = vfs_symlink(target, n.at, n.string);
		user_name_put(&n);
	}
	kmem_free(target);
	return err;
}

long sys_symlink(uaddr_t target, uaddr_t path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

long sys_linkat(int old_dirfd, uaddr_t old_path, int new_dirfd, uaddr_t new_path, int flags)
{
	struct user_name n;
	struct path target;
	int at_flags = (flags & AT_EMPTY_PATH) |
		       ((flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW);
	int err;

	if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	err = user_path_get(old_dirfd, old_path, at_flags, 0, &target);
	if (err != 0)
		return err;
	err = user_name_get(&n, new_dirfd, new_path, 0);
	if (err == 0) {
		err = vfs_link(&target, n.at, n.string);
		user_name_put(&n);
	}
	path_put(&target);
	return err;
}

long sys_link(uaddr_t old_path, uaddr_t new_path)
{
	return sys_linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

long sys_renameat2(int old_dirfd, uaddr_t old_path, int new_dirfd, uaddr_t new_path,
		   unsigned long flags)
{
	struct user_name from, to;
	int err;

	if ((flags & ~(unsigned long)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) != 0 ||
	    ((flags & RENAME_EXCHANGE) != 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0))
		return -EINVAL;
	err = user_name_get(&from, old_dirfd, old_path, 0);
	if (err != 0)
		return err;
	err = user_name_get(&to, new_dirfd, new_path, 0);
	if (err == 0) {
		err = vfs_rename(from.at, from.string, to.at, to.string, (unsigned)flags);
		user_name_put(&to);
	}
	user_name_put(&from);
	return err;
}

long sys_renameat(int old_dirfd, uaddr_t old_path, int new_dirfd, uaddr_t new_path)
{
	return sys_renameat2(old_dirfd, old_path, new_dirfd, new_path, 0);
}

long sys_rename(uaddr_t old_path, uaddr_t new_path)
{
	return sys_renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

/* ---- where we are ---- */

long sys_getcwd(uaddr_t to, size_t size)
{
	struct fs_view *view = thread_current()->fs_view;
	char *buf = kmem_alloc(PATH_LEN_MAX), *name;
	struct path cwd;
	long len;

	if (buf == NULL)
		return -ENOMEM;
	spin_lock(&view->lock);
	cwd = view->cwd;
	path_get(&cwd);
	spin_unlock(&view->lock);
	if (path_is_deleted(&cwd))
		len = -ENOENT;
	else
		len = path_name(&cwd, buf, PATH_LEN_MAX, &name);
	path_put(&cwd);
	if (len == 0) {
		len = (long)strlen(name) + 1;
		if ((size_t)len > size)
			len = -ERANGE;
		else if (user_write(to, name, (size_t)len) != 0)
			len = -EFAULT;
	}
	kmem_free(buf);
	return len;
}

long sys_chdir(uaddr_t path)
{
	struct path p;
	int err = user_path_get(AT_FDCWD, path, 0, LOOKUP_DIRECTORY, &p);

	if (err != 0)
		return err;
	err = vfs_chdir(&p);
	path_put(&p);
	return err;
}

long sys_fchdir(int fd)
{
	struct file *f;
	int err = fd_get_any(fd, &f);

	if (err != 0)
		return err;
	err = S_ISDIR(f->inode->mode) ? vfs_chdir(&f->path) : -ENOTDIR;
	file_put(f);
	return err;
}

#define CAP_SYS_CHROOT 18
#define CAP_SYS_ADMIN  21

long sys_chroot(uaddr_t path)
{
	struct path p;
	int err = user_path_get(AT_FDCWD, path, 0, LOOKUP_DIRECTORY, &p);

	if (err != 0)
		return err;
	err = cred_has_cap(cred_current(), CAP_SYS_CHROOT) ? vfs_chroot(&p) : -EPERM;
	path_put(&p);
	return err;
}

/* ---- mounts ---- */

static unsigned mount_flags(unsigned long ms)
{
	return ((ms & MS_RDONLY) != 0 ? SB_RDONLY : 0) | ((ms & MS_NOSUID) != 0 ? SB_NOSUID : 0) |
	       ((ms & MS_NODEV) != 0 ? SB_NODEV : 0) | ((ms & MS_NOEXEC) != 0 ? SB_NOEXEC : 0);
}

/* A string argument of mount(2); a NULL pointer is "". */
static int mount_string(uaddr_t from, char **out)
{
	if (from != 0)
		return user_string_new(from, PATH_LEN_MAX - 1, out);
	*out = kmem_string("");
	return *out == NULL ? -ENOMEM : 0;
}

#define MS_NOT_OFFERED \
	(MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

long sys_mount(uaddr_t usource, uaddr_t utarget, uaddr_t utype, unsigned long flags, uaddr_t udata)
{
	char *strings[4] = { NULL };
	const uaddr_t from[4] = { usource, utarget, utype, udata };
	int err = 0;

	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	for (unsigned i = 0; i < 4 && err == 0; i++)
		err = mount_string(from[i], &strings[i]);
	if (err == 0 && (flags & MS_NOT_OFFERED) != 0)
		err = -EINVAL;
	if (err == 0)
		err = vfs_mount(strings[2], strings[0], strings[1], mount_flags(flags), strings[3]);
	for (unsigned i = 0; i < 4; i++)
		kmem_free(strings[i]);
	return err;
}

long sys_umount2(uaddr_t target, int flags)
{
	struct path p;
	int err;

	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	err = user_path_get(AT_FDCWD, target, 0, 0, &p);
	if (err != 0)
		return err;
	err = vfs_unmount(&p, (unsigned)flags);
	path_put(&p);
	return err;
}
