/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from descriptor to descriptor: sendfile(2), copy_file_range(2), splice(2), tee(2),
 * vmsplice(2). What does not touch a pipe goes in pieces, by the pages that the source has its
 * bytes in: a socket keeps those until they are sent (core/uio.h).
 */
#include <linux/fcntl.h>
#include <linux/signal.h>

#include "fs/pipe/pipe.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/file/rw.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"

#define COUNT_MAX         0x7ffff000ul
#define SPLICE_F_NONBLOCK 2ul
#define SPLICE_FLAGS      15ul /* SPLICE_F_MOVE | NONBLOCK | MORE | GIFT */

/* Writes all that was read; short only on an error or a full, non-blocking target. */
static ssize_t write_pages(struct file *to, struct uio_pages *r, int64_t *pos)
{
	size_t done = 0;
	struct uio u;

	uio_init_pages(&u, r);
	while (u.left > 0) {
		ssize_t n = file_write(to, &u, pos);

		if (n <= 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* The source's next bytes, by its own pages where it has such. */
static ssize_t read_pages(struct file *from, size_t len, int64_t *pos, struct uio_pages *r)
{
	struct uio u;

	uio_init_sink(&u, r, min(len, UIO_SINK_MAX));
	return vfs_read(from, &u, pos);
}

/*
 * Copies up to count bytes; positions NULL: the files' own. What was read and could not be written
 * is given back by moving the source's position.
 */
static ssize_t copy_bytes(struct file *from, int64_t *from_pos, struct file *to, int64_t *to_pos,
			  size_t count)
{
	int64_t *source = from_pos != NULL ? from_pos : &from->pos;
	struct uio_pages run;
	size_t done = 0;
	ssize_t n = 0;

	while (done < count) {
		ssize_t wrote;

		n = read_pages(from, count - done, from_pos, &run);
		wrote = n > 0 ? write_pages(to, &run, to_pos) : 0;
		uio_pages_put(&run);
		if (n <= 0)
			break;
		if (wrote < n && (from->traits & FILE_SEEKABLE) != 0)
			*source -= n - max(wrote, (ssize_t)0);
		if (wrote > 0)
			done += (size_t)wrote;
		if (wrote < n || thread_has_signal(thread_current())) {
			n = min(wrote, (ssize_t)0);
			break;
		}
	}
	return done > 0 ? (ssize_t)done : n;
}

static bool may_move(const struct file *in, const struct file *out)
{
	return (in->traits & FILE_READ) != 0 && (out->traits & FILE_WRITE) != 0;
}

/* Two descriptors, the first open for reading, the second for writing; both counted. */
static int get_pair(int in_fd, int out_fd, struct file **in, struct file **out)
{
	int err = fd_get(in_fd, in);

	if (err != 0)
		return err;
	err = fd_get(out_fd, out);
	if (err != 0) {
		file_put(*in);
		return err;
	}
	if (may_move(*in, *out))
		return 0;
	file_put(*in);
	file_put(*out);
	return -EBADF;
}

/* An optional offset in user memory; *pos is left NULL without one. */
static int read_offset(uaddr_t from, int64_t *value, int64_t **pos)
{
	*pos = NULL;
	if (from == 0)
		return 0;
	if (user_read_struct(value, from) != 0)
		return -EFAULT;
	*pos = value;
	return *value < 0 ? -EINVAL : 0;
}

static ssize_t send(struct file *in, int64_t *pos, struct file *out, size_t count)
{
	/* What was taken from a terminal or a pipe could not be put back if `out` took less. */
	if ((in->traits & FILE_SEEKABLE) == 0)
		return pos != NULL ? -ESPIPE : -EINVAL;
	if (S_ISDIR(in->inode->mode) || (out->flags & O_APPEND) != 0)
		return -EINVAL;
	return copy_bytes(in, pos, out, NULL, count);
}

long sys_sendfile(int out_fd, int in_fd, uaddr_t offset, size_t count)
{
	int64_t value, *pos;
	struct file *in, *out;
	long n = read_offset(offset, &value, &pos);

	if (n == 0)
		n = get_pair(in_fd, out_fd, &in, &out);
	if (n != 0)
		return n;
	n = send(in, pos, out, min(count, COUNT_MAX));
	file_put(in);
	file_put(out);
	if (pos != NULL && n >= 0 && user_write_struct(offset, pos) != 0)
		return -EFAULT;
	return n;
}

static ssize_t copy_range(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
			  size_t len, unsigned flags)
{
	int64_t from = in_pos != NULL ? *in_pos : in->pos,
		to = out_pos != NULL ? *out_pos : out->pos;

	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if ((out->flags & O_APPEND) != 0)
		return -EBADF;
	if (from > INT64_MAX - (int64_t)len || to > INT64_MAX - (int64_t)len)
		return -EOVERFLOW;
	if (in->inode == out->inode && from < to + (int64_t)len && to < from + (int64_t)len)
		return -EINVAL;
	return copy_bytes(in, in_pos, out, out_pos, len);
}

/* Two descriptors, each with an optional offset in user memory that is moved on. */
struct ends {
	int in_fd, out_fd;
	uaddr_t in_off, out_off;
	size_t len;
	unsigned flags;
};

static long move(const struct ends *e,
		 ssize_t (*fn)(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
			       size_t len, unsigned flags))
{
	int64_t in_value, out_value, *in_pos, *out_pos;
	struct file *in, *out;
	long n = get_pair(e->in_fd, e->out_fd, &in, &out);

	if (n != 0)
		return n;
	n = read_offset(e->in_off, &in_value, &in_pos);
	if (n == 0)
		n = read_offset(e->out_off, &out_value, &out_pos);
	if (n == 0)
		n = fn(in, in_pos, out, out_pos, min(e->len, COUNT_MAX), e->flags);
	file_put(in);
	file_put(out);
	if (n >= 0 && in_pos != NULL && user_write_struct(e->in_off, in_pos) != 0)
		return -EFAULT;
	if (n >= 0 && out_pos != NULL && user_write_struct(e->out_off, out_pos) != 0)
		return -EFAULT;
	return n;
}

long sys_copy_file_range(int in_fd, uaddr_t in_off, int out_fd, uaddr_t out_off, size_t len,
			 unsigned long flags)
{
	struct ends e = { in_fd, out_fd, in_off, out_off, len, 0 };

	return flags != 0 ? -EINVAL : move(&e, copy_range);
}

/* ---- splice, tee, vmsplice ---- */

static ssize_t splice_files(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
			    size_t len, unsigned flags)
{
	bool from_pipe = file_is_pipe(in), to_pipe = file_is_pipe(out);

	if ((from_pipe && in_pos != NULL) || (to_pipe && out_pos != NULL))
		return -ESPIPE;
	if (!from_pipe && !to_pipe)
		return -EINVAL;
	if (from_pipe && to_pipe && in->inode == out->inode)
		return -EINVAL;
	if ((in_pos != NULL && (in->traits & FILE_SEEKABLE) == 0) ||
	    (out_pos != NULL && (out->traits & FILE_SEEKABLE) == 0))
		return -EINVAL;
	if (!from_pipe)
		return pipe_splice_in(out, in, in_pos, len, flags);
	if (!to_pipe && (out->flags & O_APPEND) != 0)
		return -EINVAL;
	return pipe_splice_out(in, out, out_pos, len, flags);
}

/* As for write(2): nobody is left to read. */
static long tell_broken(long n)
{
	if (n == -EPIPE)
		signal_raise(SIGPIPE);
	return n;
}

ssize_t file_splice(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
		    size_t len, unsigned flags)
{
	if ((flags & ~SPLICE_FLAGS) != 0)
		return -EINVAL;
	if (!may_move(in, out))
		return -EBADF;
	return tell_broken(splice_files(in, in_pos, out, out_pos, min(len, COUNT_MAX), flags));
}

ssize_t file_tee(struct file *in, struct file *out, size_t len, unsigned flags)
{
	if ((flags & ~SPLICE_FLAGS) != 0)
		return -EINVAL;
	if (!may_move(in, out))
		return -EBADF;
	if (!file_is_pipe(in) || !file_is_pipe(out) || in->inode == out->inode)
		return -EINVAL;
	return tell_broken(pipe_tee(in, out, min(len, COUNT_MAX), flags));
}

long sys_splice(int in_fd, uaddr_t in_off, int out_fd, uaddr_t out_off, size_t len,
		unsigned long flags)
{
	struct ends e = { in_fd, out_fd, in_off, out_off, len, (unsigned)flags };

	if (len == 0)
		return 0;
	return (flags & ~SPLICE_FLAGS) != 0 ? -EINVAL : tell_broken(move(&e, splice_files));
}

long sys_tee(int in_fd, int out_fd, size_t len, unsigned long flags)
{
	struct file *in, *out;
	long n;

	if ((flags & ~SPLICE_FLAGS) != 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	n = get_pair(in_fd, out_fd, &in, &out);
	if (n != 0)
		return n;
	n = file_tee(in, out, len, (unsigned)flags);
	file_put(in);
	file_put(out);
	return n;
}

long sys_vmsplice(int fd, uaddr_t iov, unsigned long nr, unsigned long flags)
{
	struct uio_vec room[RW_VECS_INLINE], *vecs;
	bool nonblock = (flags & SPLICE_F_NONBLOCK) != 0;
	struct file *f;
	struct uio u;
	long n;

	if ((flags & ~SPLICE_FLAGS) != 0)
		return -EINVAL;
	n = fd_get(fd, &f);
	if (n != 0)
		return n;
	n = file_is_pipe(f) ? uio_vecs_get(iov, nr, room, &vecs) : -EBADF;
	if (n == 0) {
		uio_init_vecs(&u, vecs, (unsigned)nr, true);
		n = (f->traits & FILE_WRITE) != 0 ? pipe_vmsplice_in(f, &u, nonblock)
						  : pipe_vmsplice_out(f, &u, nonblock);
		uio_vecs_put(room, vecs);
	}
	file_put(f);
	return tell_broken(n);
}
