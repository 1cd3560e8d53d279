/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file is: stat(2) and its kin, statx(2), access(2), statfs(2), readlink(2). */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define AT_STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)
#define ACCESS_ALL    7 /* R_OK | W_OK | X_OK */

/* dev_t as programs see it: linux/kdev_t.h's "huge" form. */
static uint64_t device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
	       (uint64_t)(major & ~0xfffu) << 32;
}

static int write_stat(uaddr_t to, const struct statx *x)
{
	struct stat st = {
		.st_dev = device_number(x->stx_dev_major, x->stx_dev_minor),
		.st_ino = x->stx_ino,
		.st_nlink = x->stx_nlink,
		.st_mode = x->stx_mode,
		.st_uid = x->stx_uid,
		.st_gid = x->stx_gid,
		.st_rdev = device_number(x->stx_rdev_major, x->stx_rdev_minor),
		.st_size = (long)x->stx_size,
		.st_blksize = (long)x->stx_blksize,
		.st_blocks = (long)x->stx_blocks,
		.st_atime = (unsigned long)x->stx_atime.tv_sec,
		.st_atime_nsec = x->stx_atime.tv_nsec,
		.st_mtime = (unsigned long)x->stx_mtime.tv_sec,
		.st_mtime_nsec = x->stx_mtime.tv_nsec,
		.st_ctime = (unsigned long)x->stx_ctime.tv_sec,
		.st_ctime_nsec = x->stx_ctime.tv_nsec,
	};

	return user_write_struct(to, &st);
}

/* Attributes of a name, or of the descriptor itself where the name is empty. */
static int get_attributes(int dirfd, uaddr_t path, int flags, struct statx *out)
{
	struct user_name n;
	struct path p;
	unsigned lookup = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? LOOKUP_NOFOLLOW : 0;
	int err = user_name_get(&n, dirfd, path, (flags & AT_EMPTY_PATH) != 0 ? NAME_EMPTY_OK : 0);

	if (err != 0)
		return err;
	if (n.string[0] == '\0' && n.dir != NULL) {
		err = vfs_file_getattr(n.dir, out);
	} else {
		err = vfs_lookup(n.at, n.string, lookup | LOOKUP_EMPTY, &p);
		if (err == 0) {
			err = vfs_getattr(&p, out);
			path_put(&p);
		}
	}
	user_name_put(&n);
	return err;
}

static long stat_name(int dirfd, uaddr_t path, uaddr_t to, int flags)
{
	struct statx x;
	int err = get_attributes(dirfd, path, flags, &x);

	return err != 0 ? err : write_stat(to, &x);
}

long sys_stat(uaddr_t path, uaddr_t to)
{
	return stat_name(AT_FDCWD, path, to, 0);
}

long sys_lstat(uaddr_t path, uaddr_t to)
{
	return stat_name(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
}

long sys_newfstatat(int dirfd, uaddr_t path, uaddr_t to, int flags)
{
	if ((flags & ~AT_STAT_FLAGS) != 0)
		return -EINVAL;
	return stat_name(dirfd, path, to, flags);
}

long sys_fstat(int fd, uaddr_t to)
{
	struct statx x;
	struct file *f;
	int err = fd_get_any(fd, &f);

	if (err != 0)
		return err;
	err = vfs_file_getattr(f, &x);
	file_put(f);
	return err != 0 ? err : write_stat(to, &x);
}

long sys_statx(int dirfd, uaddr_t path, int flags, unsigned long mask, uaddr_t to)
{
	struct statx x;
	int err;

	if ((mask & STATX__RESERVED) != 0 || (flags & ~(AT_STAT_FLAGS | AT_STATX_SYNC_TYPE)) != 0 ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = get_attributes(dirfd, path, flags, &x);
	return err != 0 ? err : user_write_struct(to, &x);
}

/* ---- access ---- */

static long access_name(int dirfd, uaddr_t path, int mode, int flags)
{
	struct path p;
	int err;

	if ((mode & ~ACCESS_ALL) != 0 ||
	    (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return -EINVAL;
	err = user_path_get(dirfd, path, flags, 0, &p);
	if (err != 0)
		return err;
	err = vfs_access(&p, (unsigned)mode, (flags & AT_EACCESS) == 0);
	path_put(&p);
	return err;
}

long sys_access(uaddr_t path, int mode)
{
	return access_name(AT_FDCWD, path, mode, 0);
}

long sys_faccessat(int dirfd, uaddr_t path, int mode)
{
	return access_name(dirfd, path, mode, 0);
}

long sys_faccessat2(int dirfd, uaddr_t path, int mode, int flags)
{
	return access_name(dirfd, path, mode, flags);
}

/* ---- statfs ---- */

static int write_statfs(uaddr_t to, const struct statfs_info *i)
{
	struct statfs s = {
		.f_type = (long)i->type,
		.f_bsize = (long)i->block_size,
		.f_blocks = (long)i->blocks,
		.f_bfree = (long)i->blocks_free,
		.f_bavail = (long)i->blocks_avail,
		.f_files = (long)i->files,
		.f_ffree = (long)i->files_free,
		.f_fsid = { { (int)i->fsid, (int)(i->fsid >> 32) } },
		.f_namelen = (long)i->name_max,
		.f_frsize = (long)i->block_size,
		.f_flags = (long)i->flags | 0x20, /* ST_VALID */
	};

	return user_write_struct(to, &s);
}

long sys_statfs(uaddr_t path, uaddr_t to)
{
	struct statfs_info info;
	struct path p;
	int err = user_path_get(AT_FDCWD, path, 0, 0, &p);

	if (err != 0)
		return err;
	err = vfs_statfs(&p, &info);
	path_put(&p);
	return err != 0 ? err : write_statfs(to, &info);
}

#define PIPEFS_MAGIC 0x50495045
#define ANON_MAGIC   0x09041934

/* Of a file without a name: as Linux's internal file systems answer. */
static void anonymous_statfs(const struct file *f, struct statfs_info *out)
{
	*out = (struct statfs_info){
		.type = S_ISFIFO(f->inode->mode) ? PIPEFS_MAGIC : ANON_MAGIC,
		.block_size = PAGE_SIZE,
		.name_max = NAME_LEN_MAX,
	};
}

long sys_fstatfs(int fd, uaddr_t to)
{
	struct statfs_info info;
	struct file *f;
	int err = fd_get_any(fd, &f);

	if (err != 0)
		return err;
	if (f->path.dentry == NULL)
		anonymous_statfs(f, &info);
	else
		err = vfs_statfs(&f->path, &info);
	file_put(f);
	return err != 0 ? err : write_statfs(to, &info);
}

/* ---- readlink ---- */

static long read_link(const struct path *p, uaddr_t to, size_t size)
{
	size_t room = min(size, (size_t)PATH_LEN_MAX);
	char *text = kmem_alloc(room);
	ssize_t len;

	if (text == NULL)
		return -ENOMEM;
	len = vfs_readlink(p, text, room);
	if (len > 0 && user_write(to, text, (size_t)len) != 0)
		len = -EFAULT;
	kmem_free(text);
	return len;
}

long sys_readlinkat(int dirfd, uaddr_t path, uaddr_t to, size_t size)
{
	struct path p;
	long len;
	int err;

	if ((int)size <= 0)
		return -EINVAL;
	err = user_path_get(dirfd, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, 0, &p);
	if (err != 0)
		return err;
	len = read_link(&p, to, size);
	path_put(&p);
	return len;
}

long sys_readlink(uaddr_t path, uaddr_t to, size_t size)
{
	return sys_readlinkat(AT_FDCWD, path, to, size);
}
