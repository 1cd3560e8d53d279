/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on the bytes of files: io_uring_enter(2), IORING_OP_READV and following. */
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/uring/ops.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define RW_MAX       0x7ffff000ul /* most bytes that one call moves */
#define SPLICE_FLAGS 15u          /* of splice(2) */
#define POS_NONE     (~0ull)

/* ---- read and write ---- */

static bool selects(const struct request *r)
{
	return (r->sqe.flags & IOSQE_BUFFER_SELECT) != 0;
}

/* What is the same for all: the ring may be one that polls devices, of which there are none. */
static int prepare_any(struct request *r)
{
	r->nowait = (r->sqe.rw_flags & RWF_NOWAIT) != 0;
	if ((r->ring->flags & IORING_SETUP_IOPOLL) != 0)
		return -EOPNOTSUPP;
	return (r->sqe.rw_flags & RWF_HIPRI) != 0 ? -EINVAL : 0;
}

int prepare_rw(struct request *r)
{
	int err = prepare_any(r);

	if (err != 0 || selects(r))
		return err;
	if (r->sqe.len != 0 && !user_range_ok(r->sqe.addr, r->sqe.len))
		return -EFAULT;
	uio_init_user(&r->data, r->sqe.addr, min((size_t)r->sqe.len, RW_MAX));
	return 0;
}

/* With a chosen buffer there is one vector, and only its length counts. */
int prepare_rw_vectors(struct request *r)
{
	int err = prepare_any(r);

	if (err == 0 && selects(r) && r->sqe.len != 1)
		err = -EINVAL;
	if (err == 0)
		err = uio_vecs_get(r->sqe.addr, r->sqe.len, r->room, &r->vecs);
	if (err != 0) {
		r->vecs = NULL;
		return err;
	}
	uio_init_vecs(&r->data, r->vecs, r->sqe.len, true);
	return 0;
}

int prepare_rw_fixed(struct request *r)
{
	int err = prepare_any(r);

	if (err == 0)
		err = buffer_fixed_check(r->ring, r->sqe.buf_index, r->sqe.addr, r->sqe.len);
	if (err == 0)
		uio_init_user(&r->data, r->sqe.addr, min((size_t)r->sqe.len, RW_MAX));
	return err;
}

static bool has_vectors(const struct request *r)
{
	return r->sqe.opcode == IORING_OP_READV || r->sqe.opcode == IORING_OP_WRITEV;
}

static int choose(struct request *r)
{
	int err = buffer_choose(r, has_vectors(r) ? r->vecs[0].len : r->sqe.len);

	if (err == 0)
		uio_init_user(&r->data, r->buffer.base, r->buffer.len);
	return err;
}

static long move_bytes(struct request *r, bool write)
{
	int64_t pos = (int64_t)r->sqe.off;
	bool positioned = r->sqe.off != POS_NONE && (r->file->traits & FILE_SEEKABLE) != 0;
	size_t wanted;
	long n = 0;

	if (selects(r) && !r->buffer.chosen)
		n = choose(r);
	if (n != 0)
		return n;
	wanted = r->data.left;
	n = file_transfer(r->file, &r->data, write, positioned ? &pos : NULL,
			  r->sqe.rw_flags & ~(unsigned)RWF_NOWAIT);
	r->failed = n != (long)wanted;
	return n;
}

long issue_read(struct request *r)
{
	return move_bytes(r, false);
}

long issue_write(struct request *r)
{
	return move_bytes(r, true);
}

/* ---- stores ---- */

int prepare_fsync(struct request *r)
{
	if (r->sqe.addr != 0 || r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0 ||
	    (r->sqe.fsync_flags & ~IORING_FSYNC_DATASYNC) != 0)
		return -EINVAL;
	return 0;
}

long issue_fsync(struct request *r)
{
	int64_t start = (int64_t)r->sqe.off, end = start + r->sqe.len;

	return vfs_fsync(r->file, start, r->sqe.len == 0 || end < start ? INT64_MAX : end,
			 (r->sqe.fsync_flags & IORING_FSYNC_DATASYNC) != 0);
}

int prepare_sync_range(struct request *r)
{
	if (r->sqe.addr != 0 || r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return 0;
}

long issue_sync_range(struct request *r)
{
	int64_t start = (int64_t)r->sqe.off, end = start + r->sqe.len;

	if ((r->sqe.sync_range_flags & ~7u) != 0 || start < 0 || end < start)
		return -EINVAL;
	if ((r->file->traits & FILE_SEEKABLE) == 0)
		return -ESPIPE;
	return vfs_fsync(r->file, start, r->sqe.len == 0 ? INT64_MAX : end, true);
}

long issue_fallocate(struct request *r)
{
	if (r->sqe.buf_index != 0 || r->sqe.rw_flags != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return file_allocate(r->file, (int)r->sqe.len, (int64_t)r->sqe.off, (int64_t)r->sqe.addr);
}

long issue_fadvise(struct request *r)
{
	if (r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return file_advise(r->file, r->sqe.len, (int)r->sqe.fadvise_advice);
}

long issue_madvise(struct request *r)
{
	if (r->sqe.buf_index != 0 || r->sqe.off != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return sys_madvise(r->sqe.addr, r->sqe.len, (int)r->sqe.fadvise_advice);
}

/* ---- splice and tee: r->file is where the bytes go, r->extra where they come from ---- */

struct source {
	struct file *file; /* counted */
};

int prepare_splice(struct request *r)
{
	if ((r->sqe.splice_flags & ~(SPLICE_FLAGS | SPLICE_F_FD_IN_FIXED)) != 0)
		return -EINVAL;
	r->extra = kmem_new(struct source);
	return r->extra == NULL ? -ENOMEM : 0;
}

static int find_source(struct request *r, struct source *s)
{
	int err;

	if (s->file != NULL)
		return 0;
	if ((r->sqe.splice_flags & SPLICE_F_FD_IN_FIXED) == 0) {
		err = fd_get(r->sqe.splice_fd_in, &s->file);
		if (err != 0)
			s->file = NULL;
		return err;
	}
	scoped_mutex(&r->ring->lock);
	s->file = files_get_locked(r->ring, (unsigned)r->sqe.splice_fd_in);
	return s->file == NULL ? -EBADF : 0;
}

void clean_splice(struct request *r)
{
	struct source *s = r->extra;

	if (s != NULL && s->file != NULL)
		file_put(s->file);
}

long issue_splice(struct request *r)
{
	struct source *s = r->extra;
	int64_t in = (int64_t)r->sqe.splice_off_in, out = (int64_t)r->sqe.off;
	long n = find_source(r, s);

	if (n != 0)
		return n;
	if (r->sqe.len != 0)
		n = file_splice(s->file, in == -1 ? NULL : &in, r->file, out == -1 ? NULL : &out,
				r->sqe.len, r->sqe.splice_flags & SPLICE_FLAGS);
	r->failed = n != (long)r->sqe.len;
	return n;
}

long issue_tee(struct request *r)
{
	struct source *s = r->extra;
	long n = find_source(r, s);

	if (n != 0)
		return n;
	if (r->sqe.splice_off_in != 0 || r->sqe.off != 0)
		return -EINVAL;
	if (r->sqe.len != 0)
		n = file_tee(s->file, r->file, r->sqe.len, r->sqe.splice_flags & SPLICE_FLAGS);
	r->failed = n != (long)r->sqe.len;
	return n;
}
