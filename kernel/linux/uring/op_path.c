/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on names and descriptors. Each is the system call of its name with its arguments from
 * the entry; a result that is a descriptor may go to the ring's registered files instead.
 */
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/uring/ops.h"
#include "mm/user.h"

/* A directory is never a registered file. */
int prepare_path(struct request *r)
{
	return (r->sqe.flags & IOSQE_FIXED_FILE) != 0 ? -EBADF : 0;
}

long fd_to_slot(struct request *r, long fd, unsigned slot)
{
	struct file *f;
	long n;

	if (fd < 0 || slot == 0)
		return fd;
	n = fd_get_any((int)fd, &f);
	if (n != 0)
		return n;
	n = fd_close((int)fd);
	if (n < 0) {
		file_put(f);
		return n;
	}
	return files_install(r->ring, f, slot);
}

long issue_open(struct request *r)
{
	if (r->sqe.buf_index != 0)
		return -EINVAL;
	if (r->sqe.file_index != 0 && (r->sqe.open_flags & O_CLOEXEC) != 0)
		return -EINVAL;
	return fd_to_slot(
		r, sys_openat(r->sqe.fd, r->sqe.addr, r->sqe.open_flags | O_LARGEFILE, r->sqe.len),
		r->sqe.file_index);
}

long issue_open2(struct request *r)
{
	uint64_t flags;

	if (r->sqe.buf_index != 0)
		return -EINVAL;
	if (r->sqe.len >= sizeof(flags) && user_read_struct(&flags, r->sqe.off) != 0)
		return -EFAULT;
	if (r->sqe.file_index != 0 && (flags & O_CLOEXEC) != 0 && r->sqe.len >= sizeof(flags))
		return -EINVAL;
	return fd_to_slot(r, sys_openat2(r->sqe.fd, r->sqe.addr, r->sqe.off, r->sqe.len),
			  r->sqe.file_index);
}

int prepare_close(struct request *r)
{
	if (r->sqe.off != 0 || r->sqe.addr != 0 || r->sqe.len != 0 || r->sqe.rw_flags != 0 ||
	    r->sqe.buf_index != 0)
		return -EINVAL;
	if ((r->sqe.flags & IOSQE_FIXED_FILE) != 0)
		return -EBADF;
	return r->sqe.file_index != 0 && r->sqe.fd != 0 ? -EINVAL : 0;
}

long issue_close(struct request *r)
{
	struct file *f;
	long err;

	if (r->sqe.file_index != 0)
		return files_close(r->ring, r->sqe.file_index);
	err = fd_get_any(r->sqe.fd, &f);
	if (err != 0)
		return err;
	err = f->ops == &uring_fops ? -EBADF : fd_close(r->sqe.fd);
	file_put(f);
	return err;
}

long issue_statx(struct request *r)
{
	if (r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return sys_statx(r->sqe.fd, r->sqe.addr, (int)r->sqe.statx_flags, r->sqe.len, r->sqe.off);
}

static bool says_more(const struct request *r)
{
	return r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0;
}

long issue_rename(struct request *r)
{
	if (says_more(r))
		return -EINVAL;
	return sys_renameat2(r->sqe.fd, r->sqe.addr, (int)r->sqe.len, r->sqe.addr2,
			     r->sqe.rename_flags);
}

long issue_unlink(struct request *r)
{
	if (says_more(r) || r->sqe.off != 0 || r->sqe.len != 0)
		return -EINVAL;
	return sys_unlinkat(r->sqe.fd, r->sqe.addr, (int)r->sqe.unlink_flags);
}

long issue_mkdir(struct request *r)
{
	if (says_more(r) || r->sqe.off != 0 || r->sqe.rw_flags != 0)
		return -EINVAL;
	return sys_mkdirat(r->sqe.fd, r->sqe.addr, r->sqe.len);
}

long issue_symlink(struct request *r)
{
	if (says_more(r) || r->sqe.len != 0 || r->sqe.rw_flags != 0)
		return -EINVAL;
	return sys_symlinkat(r->sqe.addr, r->sqe.fd, r->sqe.addr2);
}

long issue_link(struct request *r)
{
	if (says_more(r))
		return -EINVAL;
	return sys_linkat(r->sqe.fd, r->sqe.addr, (int)r->sqe.len, r->sqe.addr2,
			  (int)r->sqe.hardlink_flags);
}

/* ---- extended attributes: addr the name, addr2 the value, addr3 the file ---- */

long issue_xattr_set(struct request *r)
{
	return sys_setxattr(r->sqe.addr3, r->sqe.addr, r->sqe.addr2, r->sqe.len,
			    (int)r->sqe.xattr_flags);
}

long issue_xattr_get(struct request *r)
{
	if (r->sqe.xattr_flags != 0)
		return -EINVAL;
	return sys_getxattr(r->sqe.addr3, r->sqe.addr, r->sqe.addr2, r->sqe.len);
}

long issue_xattr_set_file(struct request *r)
{
	return sys_fsetxattr(r->sqe.fd, r->sqe.addr, r->sqe.addr2, r->sqe.len,
			     (int)r->sqe.xattr_flags);
}

long issue_xattr_get_file(struct request *r)
{
	if (r->sqe.xattr_flags != 0)
		return -EINVAL;
	return sys_fgetxattr(r->sqe.fd, r->sqe.addr, r->sqe.addr2, r->sqe.len);
}

/* ---- what acts on epoll files and rings ---- */

long issue_epoll(struct request *r)
{
	if (r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return sys_epoll_ctl(r->sqe.fd, (int)r->sqe.len, (int)r->sqe.off, r->sqe.addr);
}

long issue_files_update(struct request *r)
{
	struct io_uring_rsrc_update2 u = { .offset = (uint32_t)r->sqe.off,
					   .data = r->sqe.addr,
					   .nr = r->sqe.len };

	if ((r->sqe.flags & IOSQE_FIXED_FILE) != 0 || r->sqe.rw_flags != 0 ||
	    r->sqe.splice_fd_in != 0 || r->sqe.len == 0)
		return -EINVAL;
	if (u.offset == IORING_FILE_INDEX_ALLOC)
		return -EINVAL;
	scoped_mutex(&r->ring->lock);
	return files_update(r->ring, &u);
}

static long send_data(struct request *r, struct uring *to)
{
	struct completion c = { .user_data = r->sqe.off, .res = (int32_t)r->sqe.len };

	if (r->sqe.addr3 != 0 || r->sqe.file_index != 0)
		return -EINVAL;
	return completion_post(to, &c) ? 0 : -EOVERFLOW;
}

static long send_file(struct request *r, struct uring *to)
{
	struct completion c = { .user_data = r->sqe.off };
	struct file *f;
	long n;

	if (r->sqe.len != 0 || to == r->ring)
		return -EINVAL;
	mutex_lock(&r->ring->lock);
	f = files_get_locked(r->ring, (unsigned)r->sqe.addr3);
	mutex_unlock(&r->ring->lock);
	if (f == NULL)
		return -EBADF;
	n = files_install(to, f, r->sqe.file_index);
	if (n < 0 || (r->sqe.msg_ring_flags & IORING_MSG_RING_CQE_SKIP) != 0)
		return n;
	c.res = (int32_t)n;
	return completion_post(to, &c) ? n : -EOVERFLOW;
}

long issue_message(struct request *r)
{
	struct uring *to = r->file->private;

	if (r->sqe.buf_index != 0 || r->sqe.personality != 0 ||
	    (r->sqe.msg_ring_flags & ~IORING_MSG_RING_CQE_SKIP) != 0)
		return -EINVAL;
	if (r->file->ops != &uring_fops)
		return -EBADFD;
	if (atomic_load(&to->disabled))
		return -EBADFD;
	switch (r->sqe.addr) {
	case IORING_MSG_DATA:
		return send_data(r, to);
	case IORING_MSG_SEND_FD:
		return send_file(r, to);
	default:
		return -EINVAL;
	}
}
