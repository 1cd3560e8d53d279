/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on names in the virtio-fs server: look up, make, rename, remove. What is made
 * belongs to the calling process's user; when that is root it is given to the guest's user, as
 * far as we may.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/fs/fs_server.h"

static int reply_entry(struct fs_request *request, const char *name)
{
	struct fs_server *server = request->server;
	struct fuse_entry_out out;
	struct fs_found found;
	int err = fs_inode_lookup(server, request->inode, name, true, &found);

	if (err)
		return err;
	fs_attr_fill_entry(server, &out, &found);
	err = fs_request_reply(request, &out, sizeof(out));
	if (err)
		fs_inode_forget(server, found.inode, 1);
	return err;
}

int fs_op_lookup(struct fs_request *request)
{
	size_t offset = 0;
	const char *name;
	int err = fs_request_name(request, &offset, &name);

	return err ? err : reply_entry(request, name);
}

/* The directory that a name is made in or removed from. */
static int directory_fd(struct fs_request *request)
{
	if (request->inode->type != S_IFDIR)
		return -ENOTDIR;
	return request->inode->barred ? -EACCES : fs_inode_fd(request->server, request->inode);
}

/* Answers a request that made `name`; result is the system call's. */
static int reply_made(struct fs_request *request, int result, int dir_fd, const char *name)
{
	if (result < 0)
		return -errno;
	if (request->server->is_root && request->header.uid != 0)
		/* refused without CAP_CHOWN: the reply shows whose it is then */
		(void)!fchownat(dir_fd, name, request->header.uid, request->header.gid,
				AT_SYMLINK_NOFOLLOW);
	return reply_entry(request, name);
}

int fs_op_mknod(struct fs_request *request)
{
	const struct fuse_mknod_in *in = fs_request_struct(request, sizeof(*in));
	size_t offset = sizeof(*in);
	const char *name;
	mode_t type;
	int fd, err;

	if (!in)
		return -EINVAL;
	type = in->mode & S_IFMT;
	if (type != 0 && type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
		return -EPERM;
	err = fs_request_name(request, &offset, &name);
	if (err)
		return err;
	fd = directory_fd(request);
	if (fd < 0)
		return fd;
	return reply_made(request, mknodat(fd, name, in->mode & ~in->umask, 0), fd, name);
}

int fs_op_mkdir(struct fs_request *request)
{
	const struct fuse_mkdir_in *in = fs_request_struct(request, sizeof(*in));
	size_t offset = sizeof(*in);
	const char *name;
	int fd, err;

	if (!in)
		return -EINVAL;
	err = fs_request_name(request, &offset, &name);
	if (err)
		return err;
	fd = directory_fd(request);
	if (fd < 0)
		return fd;
	return reply_made(request, mkdirat(fd, name, in->mode & 07777 & ~in->umask), fd, name);
}

int fs_op_symlink(struct fs_request *request)
{
	const char *name, *target;
	size_t offset = 0;
	int fd, err = fs_request_name(request, &offset, &name);

	if (err)
		return err;
	target = fs_request_string(request, &offset);
	if (!target)
		return -EINVAL;
	fd = directory_fd(request);
	if (fd < 0)
		return fd;
	return reply_made(request, symlinkat(target, fd, name), fd, name);
}

int fs_op_readlink(struct fs_request *request)
{
	char *target = request->server->reply;
	ssize_t len;
	int fd;

	if (request->inode->type != S_IFLNK)
		return -EINVAL;
	fd = fs_inode_fd(request->server, request->inode);
	if (fd < 0)
		return fd;
	len = readlinkat(fd, "", target, PATH_MAX);
	return len < 0 ? -errno : fs_request_reply(request, target, (size_t)len);
}

static int remove_name(struct fs_request *request, int flags)
{
	size_t offset = 0;
	const char *name;
	int fd, err = fs_request_name(request, &offset, &name);

	if (err)
		return err;
	fd = directory_fd(request);
	if (fd < 0)
		return fd;
	fs_inode_pin(request->server, request->inode, name);
	fd = directory_fd(request);
	if (fd < 0)
		return fd;
	return unlinkat(fd, name, flags) < 0 ? -errno : 0;
}

int fs_op_unlink(struct fs_request *request)
{
	return remove_name(request, 0);
}

int fs_op_rmdir(struct fs_request *request)
{
	return remove_name(request, AT_REMOVEDIR);
}

static int rename_to(struct fs_request *request, uint64_t new_dir, unsigned flags, size_t offset)
{
	struct fs_inode *to = fs_inode_find(request->server, new_dir);
	const char *old_name, *new_name;
	int fds[2], err;

	if (!to)
		return -ESTALE;
	if (to->type != S_IFDIR || request->inode->type != S_IFDIR)
		return -ENOTDIR;
	if (to->barred || request->inode->barred)
		return -EACCES;
	err = fs_request_name(request, &offset, &old_name);
	if (!err)
		err = fs_request_name(request, &offset, &new_name);
	if (err)
		return err;
	if (!(flags & RENAME_EXCHANGE))
		fs_inode_pin(request->server, to, new_name);
	err = fs_inode_fd_pair(request->server, request->inode, to, fds);
	if (err)
		return err;
	if (renameat2(fds[0], old_name, fds[1], new_name, flags) < 0)
		return -errno;
	fs_inode_moved(request->server, to, new_name);
	if (flags & RENAME_EXCHANGE)
		fs_inode_moved(request->server, request->inode, old_name);
	return 0;
}

int fs_op_rename(struct fs_request *request)
{
	const struct fuse_rename_in *in = fs_request_struct(request, sizeof(*in));

	return in ? rename_to(request, in->newdir, 0, sizeof(*in)) : -EINVAL;
}

int fs_op_rename2(struct fs_request *request)
{
	const struct fuse_rename2_in *in = fs_request_struct(request, sizeof(*in));

	if (!in || (in->flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)))
		return -EINVAL;
	return rename_to(request, in->newdir, in->flags, sizeof(*in));
}

int fs_op_link(struct fs_request *request)
{
	const struct fuse_link_in *in = fs_request_struct(request, sizeof(*in));
	struct fs_inode *old;
	size_t offset = sizeof(*in);
	char proc_name[16];
	const char *name;
	int fds[2], err;

	if (!in)
		return -EINVAL;
	err = fs_request_name(request, &offset, &name);
	if (err)
		return err;
	old = fs_inode_find(request->server, in->oldnodeid);
	if (!old)
		return -ESTALE;
	if (old->type == S_IFDIR)
		return -EPERM;
	err = directory_fd(request);
	if (err < 0)
		return err;
	err = fs_inode_fd_pair(request->server, old, request->inode, fds);
	if (err)
		return err;
	snprintf(proc_name, sizeof(proc_name), "%d", fds[0]);
	if (linkat(request->server->proc_fd, proc_name, fds[1], name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return reply_entry(request, name);
}
