/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes in the virtio-fs server: GETATTR, SETATTR, STATFS, and struct stat in FUSE's form.
 * Descriptors that are O_PATH take no fchmod or futimens: those go through /proc/self/fd, whose
 * links lead to the very inode.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "monitor/fs/fs_server.h"

void fs_attr_fill(struct fs_server *server, struct fuse_attr *attr, const struct stat *st)
{
	*attr = (struct fuse_attr){
		.ino = fs_inode_number(server, st->st_dev, st->st_ino),
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		/* Linux's own encoding (new_encode_dev): the major number in bits 8 to 19 */
		.rdev = (minor(st->st_rdev) & 0xff) | major(st->st_rdev) << 8 |
			(minor(st->st_rdev) & ~0xffu) << 12,
		.blksize = (uint32_t)st->st_blksize,
	};
}

void fs_attr_fill_entry(struct fs_server *server, struct fuse_entry_out *entry,
			const struct fs_found *found)
{
	*entry = (struct fuse_entry_out){
		.nodeid = found->inode->id,
		.entry_valid = server->timeout_s,
		.attr_valid = server->timeout_s,
	};
	fs_attr_fill(server, &entry->attr, &found->st);
}

static int reply_attr(struct fs_request *request, const struct stat *st)
{
	struct fuse_attr_out out = { .attr_valid = request->server->timeout_s };

	fs_attr_fill(request->server, &out.attr, st);
	return fs_request_reply(request, &out, sizeof(out));
}

int fs_op_getattr(struct fs_request *request)
{
	struct stat st;
	int err = fs_inode_stat(request->server, request->inode, &st);

	return err ? err : reply_attr(request, &st);
}

static int set_mode(struct fs_request *request, const char *name, mode_t mode)
{
	if (request->inode->type == S_IFLNK)
		return -EOPNOTSUPP;
	return fchmodat(request->server->proc_fd, name, mode & 07777, 0) < 0 ? -errno : 0;
}

static int set_owner(struct fs_request *request, const struct fuse_setattr_in *in, int fd)
{
	uid_t uid = in->valid & FATTR_UID ? in->uid : (uid_t)-1;
	gid_t gid = in->valid & FATTR_GID ? in->gid : (gid_t)-1;

	(void)request;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int set_size(struct fs_request *request, const struct fuse_setattr_in *in)
{
	struct fs_handle *handle = NULL;
	int fd, err = 0;

	if (request->inode->type != S_IFREG)
		return request->inode->type == S_IFDIR ? -EISDIR : -EINVAL;
	if (in->size > INT64_MAX)
		return -EFBIG;
	if (in->valid & FATTR_FH)
		handle = fs_handle_find(request->server, in->fh);
	if (handle && handle->inode == request->inode && handle->writable)
		return ftruncate(handle->fd, (off_t)in->size) < 0 ? -errno : 0;
	fd = fs_inode_open(request->server, request->inode, O_WRONLY);
	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)in->size) < 0)
		err = -errno;
	close(fd);
	return err;
}

static struct timespec setattr_time(uint32_t valid, uint64_t s, uint32_t ns)
{
	if (!(valid & 1))
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	if (valid & 2)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return (struct timespec){ .tv_sec = (time_t)s, .tv_nsec = ns };
}

static int set_times(struct fs_request *request, const char *name, const struct fuse_setattr_in *in)
{
	struct timespec times[2];

	if (in->atimensec >= 1000000000 || in->mtimensec >= 1000000000)
		return -EINVAL;
	times[0] = setattr_time((in->valid & FATTR_ATIME ? 1 : 0) |
					(in->valid & FATTR_ATIME_NOW ? 2 : 0),
				in->atime, in->atimensec);
	times[1] = setattr_time((in->valid & FATTR_MTIME ? 1 : 0) |
					(in->valid & FATTR_MTIME_NOW ? 2 : 0),
				in->mtime, in->mtimensec);
	return utimensat(request->server->proc_fd, name, times, 0) < 0 ? -errno : 0;
}

int fs_op_setattr(struct fs_request *request)
{
	const struct fuse_setattr_in *in = fs_request_struct(request, sizeof(*in));
	char name[16];
	struct stat st;
	int fd, err = 0;

	if (!in)
		return -EINVAL;
	fd = fs_inode_fd(request->server, request->inode);
	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "%d", fd);
	/* the owner first: changing it clears set-user-ID bits that a new mode may hold */
	if (in->valid & (FATTR_UID | FATTR_GID))
		err = set_owner(request, in, fd);
	if (!err && (in->valid & FATTR_MODE))
		err = set_mode(request, name, in->mode);
	if (!err && (in->valid & FATTR_SIZE))
		err = set_size(request, in);
	if (!err && (in->valid & (FATTR_ATIME | FATTR_MTIME)))
		err = set_times(request, name, in);
	if (!err)
		err = fs_inode_stat(request->server, request->inode, &st);
	return err ? err : reply_attr(request, &st);
}

int fs_op_statfs(struct fs_request *request)
{
	int fd = fs_inode_fd(request->server, request->inode);
	struct fuse_statfs_out out = { 0 };
	struct statvfs fs;

	if (fd < 0)
		return fd;
	if (fstatvfs(fd, &fs) < 0)
		return -errno;
	out.st = (struct fuse_kstatfs){
		.blocks = fs.f_blocks,
		.bfree = fs.f_bfree,
		.bavail = fs.f_bavail,
		.files = fs.f_files,
		.ffree = fs.f_ffree,
		.bsize = (uint32_t)fs.f_bsize,
		.namelen = (uint32_t)fs.f_namemax,
		.frsize = (uint32_t)fs.f_frsize,
	};
	return fs_request_reply(request, &out, sizeof(out));
}
