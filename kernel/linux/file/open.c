/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening: open(2), openat2(2), creat(2), memfd_create(2), pipe(2), and closing. */
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/openat2.h>

#include "fs/pipe/pipe.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

/* What open(2) knows; anything else it ignores, and openat2(2) refuses. */
#define OPEN_FLAGS_ALL \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | \
	 FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | \
	 __O_SYNC | O_PATH | __O_TMPFILE)
#define PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define MODE_ALL   07777u
#define RESOLVE_ALL \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
	 RESOLVE_IN_ROOT)

static long open_name(int dirfd, uaddr_t path, const struct open_how *how, unsigned lookup)
{
	unsigned flags = (unsigned)how->flags;
	struct user_name n;
	struct file *f;
	int err = user_name_get(&n, dirfd, path, 0);

	if (err != 0)
		return err;
	err = vfs_open(n.at, n.string, flags, (uint32_t)how->mode, lookup, &f);
	user_name_put(&n);
	return err != 0 ? err : fd_install(f, flags & O_CLOEXEC, 0);
}

static long open_flags(int dirfd, uaddr_t path, unsigned flags, uint32_t mode)
{
	struct open_how how = { .flags = flags & OPEN_FLAGS_ALL, .mode = mode & MODE_ALL };

	if ((flags & O_PATH) != 0)
		how.flags &= PATH_FLAGS;
	if ((flags & (O_CREAT | __O_TMPFILE)) == 0)
		how.mode = 0;
	return open_name(dirfd, path, &how, 0);
}

long sys_open(uaddr_t path, unsigned flags, uint32_t mode)
{
	return open_flags(AT_FDCWD, path, flags, mode);
}

long sys_openat(int dirfd, uaddr_t path, unsigned flags, uint32_t mode)
{
	return open_flags(dirfd, path, flags, mode);
}

long sys_creat(uaddr_t path, uint32_t mode)
{
	return open_flags(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

static unsigned resolve_to_lookup(uint64_t resolve)
{
	return ((resolve & RESOLVE_NO_XDEV) != 0 ? LOOKUP_NO_XDEV : 0) |
	       ((resolve & RESOLVE_NO_MAGICLINKS) != 0 ? LOOKUP_NO_MAGICLINKS : 0) |
	       ((resolve & RESOLVE_NO_SYMLINKS) != 0 ? LOOKUP_NO_SYMLINKS : 0) |
	       ((resolve & RESOLVE_BENEATH) != 0 ? LOOKUP_BENEATH : 0) |
	       ((resolve & RESOLVE_IN_ROOT) != 0 ? LOOKUP_IN_ROOT : 0);
}

static int check_how(const struct open_how *how)
{
	if ((how->flags & ~(uint64_t)OPEN_FLAGS_ALL) != 0 ||
	    (how->mode & ~(uint64_t)MODE_ALL) != 0 || (how->resolve & ~(uint64_t)RESOLVE_ALL) != 0)
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) != 0 && (how->resolve & RESOLVE_IN_ROOT) != 0)
		return -EINVAL;
	if ((how->flags & (O_CREAT | __O_TMPFILE)) == 0 && how->mode != 0)
		return -EINVAL;
	if ((how->flags & O_PATH) != 0 && (how->flags & ~(uint64_t)PATH_FLAGS) != 0)
		return -EINVAL;
	return 0;
}

/* A struct that may be larger than ours is fine while the rest is zero (openat2(2), E2BIG). */
static int read_how(struct open_how *how, uaddr_t from, size_t size)
{
	if (size < sizeof(*how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	for (size_t at = sizeof(*how); at < size; at++) {
		uint8_t byte;

		if (user_read(&byte, from + at, 1) != 0)
			return -EFAULT;
		if (byte != 0)
			return -E2BIG;
	}
	return user_read_struct(how, from);
}

long sys_openat2(int dirfd, uaddr_t path, uaddr_t uhow, size_t size)
{
	struct open_how how;
	int err = read_how(&how, uhow, size);

	if (err == 0)
		err = check_how(&how);
	return err != 0 ? err : open_name(dirfd, path, &how, resolve_to_lookup(how.resolve));
}

#define MEMFD_NAME_MAX 249
#define MEMFD_ALL      (MFD_CLOEXEC | MFD_ALLOW_SEALING)

long sys_memfd_create(uaddr_t uname, unsigned long flags)
{
	char *name;
	struct file *f;
	int err;

	if ((flags & MFD_HUGETLB) != 0)
		return -ENOSYS; /* there is no pool of huge pages */
	if ((flags & ~(unsigned long)MEMFD_ALL) != 0)
		return -EINVAL;
	err = user_string_new(uname, MEMFD_NAME_MAX, &name);
	if (err != 0)
		return err == -ENAMETOOLONG ? -EINVAL : err;
	err = vfs_memory_file(name, (unsigned)flags, &f);
	kmem_free(name);
	return err != 0 ? err : fd_install(f, (flags & MFD_CLOEXEC) != 0 ? O_CLOEXEC : 0, 0);
}

#define NOTIFICATION_PIPE O_EXCL /* O_NOTIFICATION_PIPE of linux/watch_queue.h */

long sys_pipe2(uaddr_t ufds, int flags)
{
	struct file *in, *out;
	int fds[2], err;

	if (((unsigned)flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0)
		return ((unsigned)flags & NOTIFICATION_PIPE) != 0 ? -ENOPKG : -EINVAL;
	err = pipe_new((unsigned)flags & (O_NONBLOCK | O_DIRECT), &in, &out);
	if (err == 0)
		err = fd_install_pair(in, out, (unsigned)flags & O_CLOEXEC, fds);
	if (err != 0)
		return err;
	if (user_write(ufds, fds, sizeof(fds)) != 0) {
		fd_close(fds[0]);
		fd_close(fds[1]);
		return -EFAULT;
	}
	return 0;
}

long sys_pipe(uaddr_t fds)
{
	return sys_pipe2(fds, 0);
}

long sys_close(int fd)
{
	return fd_close(fd);
}
