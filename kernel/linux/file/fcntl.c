/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors and what hangs on them: dup(2), fcntl(2), close_range(2), ioctl(2). */
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <asm/ioctls.h>
#include <asm/sockios.h>

#include "fs/pipe/pipe.h"
#include "fs/tty/port.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/event/notify.h"
#include "linux/file/fd.h"
#include "linux/file/locks.h"
#include "linux/file/owner.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"

#define SETFL_FLAGS (O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME)

long sys_dup(int fd)
{
	struct file *f;
	int err = fd_get_any(fd, &f);

	return err != 0 ? err : fd_install(f, 0, 0);
}

static long dup_to(int old_fd, int new_fd, bool close_on_exec)
{
	struct file *f;
	int err = fd_get_any(old_fd, &f);

	return err != 0 ? err : fd_install_at(f, new_fd, close_on_exec);
}

long sys_dup2(int old_fd, int new_fd)
{
	if (old_fd == new_fd) {
		int flags = fd_flags_get(old_fd);

		return flags < 0 ? flags : new_fd;
	}
	return dup_to(old_fd, new_fd, false);
}

long sys_dup3(int old_fd, int new_fd, int flags)
{
	if (((unsigned)flags & ~(unsigned)O_CLOEXEC) != 0 || old_fd == new_fd)
		return -EINVAL;
	return dup_to(old_fd, new_fd, ((unsigned)flags & O_CLOEXEC) != 0);
}

long sys_close_range(unsigned first, unsigned last, unsigned long flags)
{
	if ((flags & ~(unsigned long)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0 ||
	    first > last)
		return -EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) != 0) {
		int err = fd_table_unshare();

		if (err != 0)
			return err;
	}
	fd_close_range(task_current()->fds, first, last, (flags & CLOSE_RANGE_CLOEXEC) != 0);
	return 0;
}

/* ---- fcntl ---- */

static int set_file_flags(int fd, struct file *f, unsigned flags)
{
	unsigned now = (f->flags & ~(unsigned)SETFL_FLAGS) | (flags & SETFL_FLAGS);

	if ((flags & O_NOATIME) != 0 && (f->flags & O_NOATIME) == 0 &&
	    cred_current()->fsuid != f->inode->uid &&
	    !cred_has_cap(cred_current(), 3 /* CAP_FOWNER */))
		return -EPERM;
	if (((f->flags ^ now) & FASYNC) != 0) {
		int err = owner_set_async(fd, f, (now & FASYNC) != 0);

		if (err != 0)
			return err;
	}
	if (f->ops->set_flags != NULL) {
		int err = f->ops->set_flags(f, now);

		if (err != 0)
			return err;
	}
	WRITE_ONCE(f->flags, now);
	return 0;
}

static long dup_min(struct file *f, unsigned flags, unsigned long min_fd)
{
	if (min_fd >= process_limit(process_current(), RLIMIT_NOFILE))
		return -EINVAL;
	return fd_install(file_get(f), flags, (int)min_fd);
}

static long fcntl_pipe_size(struct file *f, unsigned cmd, unsigned long arg)
{
	if (!file_is_pipe(f))
		return -EBADF;
	if (cmd == F_GETPIPE_SZ)
		return pipe_get_size(f);
	return (unsigned)arg > INT32_MAX ? -EINVAL : pipe_set_size(f, (unsigned)arg);
}

/* What every file of its kind answers to F_GETFL: pipes, sockets and the like have no size. */
static unsigned flags_of_kind(const struct file *f)
{
	if ((f->traits & FILE_PATH_ONLY) != 0)
		return O_PATH;
	return f->path.dentry == NULL && !S_ISREG(f->inode->mode) ? 0 : O_LARGEFILE;
}

static long fcntl_path_only(int fd, struct file *f, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case F_DUPFD:
		return dup_min(f, 0, arg);
	case F_DUPFD_CLOEXEC:
		return dup_min(f, O_CLOEXEC, arg);
	case F_GETFD:
		return fd_flags_get(fd);
	case F_SETFD:
		return fd_flags_set(fd, (arg & FD_CLOEXEC) != 0);
	case F_GETFL:
		return (long)(READ_ONCE(f->flags) | flags_of_kind(f));
	default:
		return -EBADF;
	}
}

static long fcntl_file(int fd, struct file *f, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_file_flags(fd, f, (unsigned)arg);
	case F_GETLK:
	case F_OFD_GETLK:
		return lock_get(f, arg, cmd == F_OFD_GETLK);
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_set(fd, f, arg, cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW,
				cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	case F_GETLEASE:
		return F_UNLCK;
	case F_SETLEASE:
		return (int)arg == F_UNLCK ? -EAGAIN : -EINVAL; /* there are none */
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return fcntl_pipe_size(f, cmd, arg);
	case F_ADD_SEALS:
		return vfs_seals_add(f, (unsigned)arg);
	case F_GET_SEALS:
		return vfs_seals_get(f);
	case F_NOTIFY:
		return dnotify_set(fd, f, arg);
	case F_GETOWN:
	case F_SETOWN:
	case F_GETOWN_EX:
	case F_SETOWN_EX:
	case F_GETSIG:
	case F_SETSIG:
		return owner_fcntl(f, cmd, arg);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(int fd, unsigned cmd, unsigned long arg)
{
	struct file *f;
	long result = fd_get_any(fd, &f);

	if (result != 0)
		return result;
	result = fcntl_path_only(fd, f, cmd, arg);
	if (result == -EBADF && (f->traits & FILE_PATH_ONLY) == 0)
		result = fcntl_file(fd, f, cmd, arg);
	file_put(f);
	return result;
}

/* ---- ioctl: what every descriptor knows; the rest is the file's ---- */

static long set_flag(int fd, struct file *f, unsigned flag, uaddr_t arg)
{
	int on;

	if (user_read_struct(&on, arg) != 0)
		return -EFAULT;
	return set_file_flags(fd, f, on != 0 ? f->flags | flag : f->flags & ~flag);
}

/* FIONREAD of a regular file: bytes to its end. */
static long bytes_left(struct file *f, uaddr_t arg)
{
	int left = (int)((int64_t)READ_ONCE(f->inode->size) - READ_ONCE(f->pos));

	return user_write_struct(arg, &left);
}

/* TIOCGPTPEER: the other end of a master, as a new descriptor. */
static long open_peer(struct file *f, unsigned flags)
{
	struct file *peer;
	int err = tty_open_peer(f, flags & ~(unsigned)O_CLOEXEC, &peer);

	return err != 0 ? err : fd_install(peer, flags & O_CLOEXEC, 0);
}

static long ioctl_file(int fd, struct file *f, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return fd_flags_set(fd, cmd == FIOCLEX);
	case FIONBIO:
		return set_flag(fd, f, O_NONBLOCK, arg);
	case FIOASYNC:
		return set_flag(fd, f, FASYNC, arg);
	case FIONREAD:
		if (S_ISREG(f->inode->mode))
			return bytes_left(f, arg);
		break;
	case FIGETBSZ:
		if (S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode)) {
			int size = (int)f->inode->blksize;

			return user_write_struct(arg, &size);
		}
		break;
	case TIOCGPTPEER:
		return open_peer(f, (unsigned)arg);
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
		return owner_ioctl(f, cmd, arg);
	}
	return f->ops->ioctl == NULL ? -ENOTTY : f->ops->ioctl(f, cmd, arg);
}

long sys_ioctl(int fd, unsigned cmd, unsigned long arg)
{
	struct file *f;
	long result = fd_get(fd, &f);

	if (result != 0)
		return result;
	result = ioctl_file(fd, f, cmd, arg);
	file_put(f);
	return result;
}
