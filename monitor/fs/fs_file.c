/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files in the virtio-fs server. Only regular files are opened, through their O_PATH
 * descriptor; of the guest's flags those that change what a later READ or WRITE means are kept
 * and no others (O_APPEND is the guest's business: it sends offsets). A file opened for writing
 * only is opened for both where that is allowed, because the guest's page cache may have to read
 * what it partly writes.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/fs/fs_server.h"

#define MAX_COPY (64ul << 20) /* bytes of one COPY_FILE_RANGE */

static int open_file(struct fs_request *request, struct fs_inode *inode, uint32_t guest_flags)
{
	int mode = (int)(guest_flags & O_ACCMODE);
	int flags = (int)guest_flags & (O_TRUNC | O_SYNC | O_DSYNC);
	int fd = -EACCES;

	if (inode->type == S_IFDIR)
		return -EISDIR;
	if (mode == O_ACCMODE || (mode == O_RDONLY && (flags & O_TRUNC)))
		return -EINVAL;
	if (request->server->read_only && mode != O_RDONLY)
		return -EROFS;
	if (mode == O_WRONLY)
		fd = fs_inode_open(request->server, inode, O_RDWR | flags);
	if (fd == -EACCES)
		fd = fs_inode_open(request->server, inode, mode | flags);
	return fd;
}

/* Makes a handle of an open file, which it takes over, and fills the reply's structure. */
static int make_handle(struct fs_request *request, struct fs_inode *inode, int fd, uint32_t flags,
		       struct fuse_open_out *out)
{
	struct fs_handle *handle;
	int err;

	*out = (struct fuse_open_out){
		.open_flags = request->server->read_only ? FOPEN_KEEP_CACHE : 0,
	};
	err = fs_handle_new(request->server, inode, &out->fh, &handle);
	if (err) {
		close(fd);
		return err;
	}
	handle->fd = fd;
	handle->writable = (flags & O_ACCMODE) != O_RDONLY;
	return 0;
}

int fs_op_open(struct fs_request *request)
{
	const struct fuse_open_in *in = fs_request_struct(request, sizeof(*in));
	struct fuse_open_out out;
	int fd, err;

	if (!in)
		return -EINVAL;
	fd = open_file(request, request->inode, in->flags);
	if (fd < 0)
		return fd;
	err = make_handle(request, request->inode, fd, in->flags, &out);
	if (err)
		return err;
	err = fs_request_reply(request, &out, sizeof(out));
	if (err)
		fs_handle_free(request->server, fs_handle_find(request->server, out.fh));
	return err;
}

/* Makes the file unless it is there; a new file is made exclusively, so it is no special one. */
static int create_file(struct fs_request *request, const struct fuse_create_in *in,
		       const char *name)
{
	mode_t mode = in->mode & 07777 & ~in->umask;
	int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int dir_fd, fd;

	if (request->inode->type != S_IFDIR)
		return -ENOTDIR;
	if (request->inode->barred)
		return -EACCES;
	dir_fd = fs_inode_fd(request->server, request->inode);
	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, name, flags | ((int)in->flags & (O_SYNC | O_DSYNC)), mode);
	if (fd < 0)
		return errno == EMFILE ? -ENFILE : -errno;
	if (request->server->is_root && request->header.uid != 0)
		/* refused without CAP_CHOWN: the reply shows whose it is then */
		(void)!fchown(fd, request->header.uid, request->header.gid);
	return fd;
}

int fs_op_create(struct fs_request *request)
{
	const struct fuse_create_in *in = fs_request_struct(request, sizeof(*in));
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	size_t offset = sizeof(*in);
	struct fs_found found;
	const char *name;
	int fd, err;

	if (!in)
		return -EINVAL;
	err = fs_request_name(request, &offset, &name);
	if (err)
		return err;
	fd = create_file(request, in, name);
	if (fd < 0 && (fd != -EEXIST || (in->flags & O_EXCL)))
		return fd;
	err = fs_inode_lookup(request->server, request->inode, name, true, &found);
	if (err)
		goto err_close;
	if (fd == -EEXIST) {
		err = fd = open_file(request, found.inode, in->flags);
		if (fd >= 0)
			err = fs_inode_stat(request->server, found.inode, &found.st);
	}
	if (err >= 0)
		err = make_handle(request, found.inode, fd, in->flags, &out.open);
	else if (fd >= 0)
		close(fd);
	if (err)
		goto err_forget;
	fs_attr_fill_entry(request->server, &out.entry, &found);
	err = fs_request_reply(request, &out, sizeof(out));
	if (!err)
		return 0;
	fs_handle_free(request->server, fs_handle_find(request->server, out.open.fh));
err_forget:
	fs_inode_forget(request->server, found.inode, 1);
	return err;
err_close:
	if (fd >= 0)
		close(fd);
	return err;
}

/* The handle of an open file, or NULL. */
static struct fs_handle *file_of(struct fs_request *request, uint64_t fh)
{
	struct fs_handle *handle = fs_handle_find(request->server, fh);

	return handle && !handle->dir && handle->fd >= 0 ? handle : NULL;
}

int fs_op_read(struct fs_request *request)
{
	const struct fuse_read_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *handle;
	size_t len;
	unsigned nr;
	ssize_t n;

	if (!in || in->offset > INT64_MAX)
		return -EINVAL;
	handle = file_of(request, in->fh);
	if (!handle)
		return -EBADF;
	len = min(in->size, FS_MAX_IO);
	nr = fs_request_slice(request->server, request->out, request->nr_out,
			      sizeof(struct fuse_out_header), &len);
	n = preadv(handle->fd, request->server->iov, (int)nr, (off_t)in->offset);
	if (n < 0)
		return -errno;
	request->reply_len = (size_t)n;
	return 0;
}

int fs_op_write(struct fs_request *request)
{
	const struct fuse_write_in *in = fs_request_struct(request, sizeof(*in));
	const size_t head = sizeof(request->header) + sizeof(*in);
	struct fuse_write_out out = { 0 };
	struct fs_handle *handle;
	size_t len;
	unsigned nr;
	ssize_t n;

	if (!in || in->offset > INT64_MAX || in->size > FS_MAX_IO ||
	    in->size > request->in_bytes - head)
		return -EINVAL;
	handle = file_of(request, in->fh);
	if (!handle || !handle->writable)
		return -EBADF;
	len = in->size;
	nr = fs_request_slice(request->server, request->in, request->nr_in, head, &len);
	n = pwritev(handle->fd, request->server->iov, (int)nr, (off_t)in->offset);
	if (n < 0)
		return -errno;
	out.size = (uint32_t)n;
	return fs_request_reply(request, &out, sizeof(out));
}

int fs_op_release(struct fs_request *request)
{
	const struct fuse_release_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *handle = in ? file_of(request, in->fh) : NULL;

	if (!handle)
		return in ? -EBADF : -EINVAL;
	fs_handle_free(request->server, handle);
	return 0;
}

int fs_op_flush(struct fs_request *request)
{
	const struct fuse_flush_in *in = fs_request_struct(request, sizeof(*in));

	if (!in)
		return -EINVAL;
	return file_of(request, in->fh) ? 0 : -EBADF;
}

int fs_op_fsync(struct fs_request *request)
{
	const struct fuse_fsync_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *handle = in ? file_of(request, in->fh) : NULL;
	int result;

	if (!handle)
		return in ? -EBADF : -EINVAL;
	result = in->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(handle->fd) : fsync(handle->fd);
	return result < 0 ? -errno : 0;
}

int fs_op_lseek(struct fs_request *request)
{
	const struct fuse_lseek_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *handle = in ? file_of(request, in->fh) : NULL;
	struct fuse_lseek_out out;
	off_t offset;

	if (!handle)
		return in ? -EBADF : -EINVAL;
	if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE)
		return -EINVAL;
	offset = lseek(handle->fd, (off_t)in->offset, (int)in->whence);
	if (offset < 0)
		return -errno;
	out.offset = (uint64_t)offset;
	return fs_request_reply(request, &out, sizeof(out));
}

int fs_op_fallocate(struct fs_request *request)
{
	const struct fuse_fallocate_in *in = fs_request_struct(request, sizeof(*in));
	const uint32_t modes = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	struct fs_handle *handle = in ? file_of(request, in->fh) : NULL;

	if (!handle || !handle->writable)
		return in ? -EBADF : -EINVAL;
	if (in->mode & ~modes)
		return -EOPNOTSUPP;
	if (fallocate(handle->fd, (int)in->mode, (off_t)in->offset, (off_t)in->length) < 0)
		return -errno;
	return 0;
}

int fs_op_copy_file_range(struct fs_request *request)
{
	const struct fuse_copy_file_range_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_handle *from = in ? file_of(request, in->fh_in) : NULL;
	struct fs_handle *to = in ? file_of(request, in->fh_out) : NULL;
	struct fuse_write_out out = { 0 };
	off_t from_offset, to_offset;
	ssize_t n;

	if (!in || in->flags)
		return -EINVAL;
	if (!from || !to || !to->writable)
		return -EBADF;
	from_offset = (off_t)in->off_in;
	to_offset = (off_t)in->off_out;
	/* bounded, so that one request does not hold up the others for long */
	n = copy_file_range(from->fd, &from_offset, to->fd, &to_offset, min(in->len, MAX_COPY), 0);
	if (n < 0)
		return -errno;
	out.size = (uint32_t)n;
	return fs_request_reply(request, &out, sizeof(out));
}
