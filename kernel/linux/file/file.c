/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving bytes: read(2), write(2) and their vectored and positioned forms, lseek, the sync family,
 * truncation and allocation. A write that meets a closed pipe raises SIGPIPE; one beyond
 * RLIMIT_FSIZE raises SIGXFSZ.
 */
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/file/rw.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define RW_MAX 0x7ffff000ul /* most bytes that one call moves, as Linux */

/* ---- limits and signals of writing ---- */

void signal_raise(int sig)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_USER };

	info.si_pid = process_current()->pid;
	info.si_uid = cred_current()->uid;
	if (signal_send_task(task_current(), &info) != 0)
		signal_force_kernel(sig, SI_KERNEL, 0);
}

static uint64_t file_size_limit(void)
{
	return process_limit(process_current(), RLIMIT_FSIZE);
}

/* Cuts a write off at RLIMIT_FSIZE. -EFBIG, with the signal, when nothing may be written. */
static int limit_write(const struct file *f, struct uio *u, int64_t pos)
{
	uint64_t limit = file_size_limit();

	if (limit == RLIM_INFINITY || !S_ISREG(f->inode->mode) || u->left == 0)
		return 0;
	if ((f->flags & O_APPEND) != 0)
		pos = (int64_t)READ_ONCE(f->inode->size);
	if ((uint64_t)pos >= limit) {
		signal_raise(SIGXFSZ);
		return -EFBIG;
	}
	u->left = min(u->left, (size_t)(limit - (uint64_t)pos));
	return 0;
}

ssize_t file_write(struct file *f, struct uio *u, int64_t *pos)
{
	ssize_t n = limit_write(f, u, pos == NULL ? READ_ONCE(f->pos) : *pos);

	if (n == 0)
		n = vfs_write(f, u, pos);
	if (n == -EPIPE && (f->traits & FILE_QUIET_PIPE) == 0)
		signal_raise(SIGPIPE);
	return n;
}

/* ---- vectors ---- */

/* Copies an iovec array in. `*vecs` is `room` or allocated. The lengths' sum is cut at RW_MAX. */
int uio_vecs_get(uaddr_t iov, unsigned long nr, struct uio_vec *room, struct uio_vec **vecs)
{
	size_t left = RW_MAX;

	if (nr > UIO_MAXIOV)
		return -EINVAL;
	*vecs = room;
	if (nr > RW_VECS_INLINE)
		*vecs = kmem_alloc_array(sizeof(**vecs), nr);
	if (*vecs == NULL)
		return -ENOMEM;
	if (user_read(*vecs, iov, nr * sizeof(**vecs)) != 0)
		goto err_free;
	for (unsigned long i = 0; i < nr; i++) {
		struct uio_vec *v = &(*vecs)[i];

		if ((ssize_t)v->len < 0) {
			uio_vecs_put(room, *vecs);
			return -EINVAL;
		}
		if (v->len != 0 && !user_range_ok(v->base, v->len))
			goto err_free;
		v->len = min(v->len, left);
		left -= v->len;
	}
	return 0;

err_free:
	uio_vecs_put(room, *vecs);
	return -EFAULT;
}

void uio_vecs_put(struct uio_vec *room, struct uio_vec *vecs)
{
	if (vecs != room)
		kmem_free(vecs);
}

static int64_t position(unsigned long low, unsigned long high)
{
	return (int64_t)low; /* on 64-bit machines the high half is not used (preadv(2)) */
}

/* ---- one call for all of them ---- */

struct transfer {
	int fd;
	bool write;
	bool positioned;
	int64_t pos;
	unsigned flags; /* RWF_* */
};

static ssize_t run(struct file *f, const struct transfer *t, struct uio *u)
{
	int64_t pos = t->pos;

	if (t->positioned && pos < 0)
		return -EINVAL;
	if (t->positioned && (f->traits & FILE_SEEKABLE) == 0)
		return -ESPIPE;
	if (!t->write)
		return vfs_read(f, u, t->positioned ? &pos : NULL);
	return file_write(f, u, t->positioned ? &pos : NULL);
}

static bool has_mode(const struct file *f, bool write)
{
	return (f->traits & (write ? FILE_WRITE : FILE_READ)) != 0;
}

/* RWF_*: those that ask for what every write here does anyway are taken; the rest is refused. */
static ssize_t run_flags(struct file *f, const struct transfer *t, struct uio *u)
{
	ssize_t n;

	if ((t->flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)) != 0)
		return -EOPNOTSUPP;
	if ((t->flags & RWF_APPEND) != 0 && t->write && S_ISREG(f->inode->mode)) {
		struct transfer at_end = *t;

		at_end.flags = 0;
		at_end.positioned = true;
		at_end.pos = (int64_t)READ_ONCE(f->inode->size);
		return run(f, &at_end, u);
	}
	n = run(f, t, u);
	if (n > 0 && t->write && (t->flags & (RWF_DSYNC | RWF_SYNC)) != 0) {
		int err = vfs_fsync(f, 0, INT64_MAX, (t->flags & RWF_SYNC) == 0);

		return err != 0 ? err : n;
	}
	return n;
}

ssize_t file_transfer(struct file *f, struct uio *u, bool write, const int64_t *pos, unsigned flags)
{
	struct transfer t = { .write = write, .positioned = pos != NULL, .flags = flags };

	if (pos != NULL)
		t.pos = *pos;
	return has_mode(f, write) ? run_flags(f, &t, u) : -EBADF;
}

static long transfer(const struct transfer *t, struct uio *u)
{
	struct file *f;
	ssize_t n = fd_get(t->fd, &f);

	if (n != 0)
		return n;
	n = has_mode(f, t->write) ? run_flags(f, t, u) : -EBADF;
	file_put(f);
	return n;
}

/* Is the descriptor one that t may use? Asked first where a bad pointer would be found before
 * it. */
static int check_fd(const struct transfer *t)
{
	struct file *f;
	int err = fd_get(t->fd, &f);

	if (err != 0)
		return err;
	err = has_mode(f, t->write) ? 0 : -EBADF;
	file_put(f);
	return err;
}

static long transfer_buffer(const struct transfer *t, uaddr_t buf, size_t count)
{
	struct uio u;
	int err;

	if ((ssize_t)count < 0)
		return -EINVAL;
	if (count > 0 && !user_range_ok(buf, count)) {
		err = check_fd(t);
		return err != 0 ? err : -EFAULT;
	}
	uio_init_user(&u, buf, min(count, RW_MAX));
	return transfer(t, &u);
}

static long transfer_vecs(const struct transfer *t, uaddr_t iov, unsigned long nr)
{
	struct uio_vec room[RW_VECS_INLINE], *vecs;
	struct uio u;
	long n;
	int err = check_fd(t);

	if (err != 0)
		return err;
	err = uio_vecs_get(iov, nr, room, &vecs);
	if (err != 0)
		return err;
	uio_init_vecs(&u, vecs, (unsigned)nr, true);
	n = transfer(t, &u);
	uio_vecs_put(room, vecs);
	return n;
}

long sys_read(int fd, uaddr_t buf, size_t count)
{
	return transfer_buffer(&(struct transfer){ .fd = fd }, buf, count);
}

long sys_write(int fd, uaddr_t buf, size_t count)
{
	return transfer_buffer(&(struct transfer){ .fd = fd, .write = true }, buf, count);
}

long sys_pread64(int fd, uaddr_t buf, size_t count, int64_t pos)
{
	return transfer_buffer(&(struct transfer){ .fd = fd, .positioned = true, .pos = pos }, buf,
			       count);
}

long sys_pwrite64(int fd, uaddr_t buf, size_t count, int64_t pos)
{
	struct transfer t = { .fd = fd, .write = true, .positioned = true, .pos = pos };

	return transfer_buffer(&t, buf, count);
}

long sys_readv(int fd, uaddr_t iov, unsigned long nr)
{
	return transfer_vecs(&(struct transfer){ .fd = fd }, iov, nr);
}

long sys_writev(int fd, uaddr_t iov, unsigned long nr)
{
	return transfer_vecs(&(struct transfer){ .fd = fd, .write = true }, iov, nr);
}

long sys_preadv(int fd, uaddr_t iov, unsigned long nr, unsigned long low, unsigned long high)
{
	struct transfer t = { .fd = fd, .positioned = true, .pos = position(low, high) };

	return transfer_vecs(&t, iov, nr);
}

long sys_pwritev(int fd, uaddr_t iov, unsigned long nr, unsigned long low, unsigned long high)
{
	struct transfer t = {
		.fd = fd, .write = true, .positioned = true, .pos = position(low, high)
	};

	return transfer_vecs(&t, iov, nr);
}

long sys_preadv2(int fd, uaddr_t iov, unsigned long nr, unsigned long low, unsigned long high,
		 unsigned long flags)
{
	int64_t pos = position(low, high);
	struct transfer t = {
		.fd = fd, .positioned = pos != -1, .pos = pos, .flags = (unsigned)flags
	};

	return transfer_vecs(&t, iov, nr);
}

long sys_pwritev2(int fd, uaddr_t iov, unsigned long nr, unsigned long low, unsigned long high,
		  unsigned long flags)
{
	int64_t pos = position(low, high);
	struct transfer t = { .fd = fd,
			      .write = true,
			      .positioned = pos != -1,
			      .pos = pos,
			      .flags = (unsigned)flags };

	return transfer_vecs(&t, iov, nr);
}

/* ---- positions and stores ---- */

long sys_lseek(int fd, int64_t offset, int whence)
{
	struct file *f;
	int64_t pos = fd_get(fd, &f);

	if (pos != 0)
		return pos;
	pos = vfs_seek(f, offset, whence);
	file_put(f);
	return pos;
}

static long sync_fd(int fd, bool data_only)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	err = vfs_fsync(f, 0, INT64_MAX, data_only);
	file_put(f);
	return err;
}

long sys_fsync(int fd)
{
	return sync_fd(fd, false);
}

long sys_fdatasync(int fd)
{
	return sync_fd(fd, true);
}

long sys_sync(void)
{
	vfs_sync();
	return 0;
}

long sys_syncfs(int fd)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	if (f->inode->sb != NULL && f->inode->sb->ops->sync != NULL)
		err = f->inode->sb->ops->sync(f->inode->sb);
	file_put(f);
	return err;
}

long sys_sync_file_range(int fd, int64_t offset, int64_t len, unsigned long flags)
{
	struct file *f;
	int err;

	if ((flags & ~7ul) != 0 || offset < 0 || len < 0 || offset + len < offset)
		return -EINVAL;
	err = fd_get(fd, &f);
	if (err != 0)
		return err;
	err = (f->traits & FILE_SEEKABLE) == 0
		      ? -ESPIPE
		      : vfs_fsync(f, offset, len == 0 ? INT64_MAX : offset + len, true);
	file_put(f);
	return err;
}

#define FADVISE_MAX 5

int file_advise(const struct file *f, int64_t len, int advice)
{
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	return advice < 0 || advice > FADVISE_MAX || len < 0 ? -EINVAL : 0;
}

long sys_fadvise64(int fd, int64_t offset, size_t len, int advice)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	err = file_advise(f, (int64_t)len, advice);
	file_put(f);
	return err;
}

long sys_readahead(int fd, int64_t offset, size_t count)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	if (!has_mode(f, false))
		err = -EBADF;
	else if (!S_ISREG(f->inode->mode))
		err = -EINVAL;
	file_put(f);
	return err;
}

long sys_truncate(uaddr_t path, int64_t length)
{
	struct path p;
	int err;

	if (length < 0)
		return -EINVAL;
	err = user_path_get(AT_FDCWD, path, 0, 0, &p);
	if (err != 0)
		return err;
	if ((uint64_t)length > file_size_limit()) {
		signal_raise(SIGXFSZ);
		err = -EFBIG;
	} else {
		err = vfs_truncate(&p, (uint64_t)length);
	}
	path_put(&p);
	return err;
}

long sys_ftruncate(int fd, int64_t length)
{
	struct file *f;
	int err;

	if (length < 0)
		return -EINVAL;
	err = fd_get(fd, &f);
	if (err != 0)
		return err;
	if ((uint64_t)length > file_size_limit()) {
		signal_raise(SIGXFSZ);
		err = -EFBIG;
	} else {
		err = vfs_file_truncate(f, (uint64_t)length);
	}
	file_put(f);
	return err;
}

int file_allocate(struct file *f, int mode, int64_t offset, int64_t len)
{
	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (offset + len < 0)
		return -EFBIG;
	if ((uint64_t)(offset + len) > file_size_limit()) {
		signal_raise(SIGXFSZ);
		return -EFBIG;
	}
	return has_mode(f, true) ? vfs_allocate(f, mode, offset, len) : -EBADF;
}

long sys_fallocate(int fd, int mode, int64_t offset, int64_t len)
{
	struct file *f;
	int err;

	if (offset < 0 || len <= 0)
		return -EINVAL;
	err = fd_get(fd, &f);
	if (err != 0)
		return err;
	err = file_allocate(f, mode, offset, len);
	file_put(f);
	return err;
}
