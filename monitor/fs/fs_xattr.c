/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes in the virtio-fs server. Only the "user." names exist for a guest: the
 * others carry the host's own meaning (capabilities, labels, ACLs), which a guest shall neither
 * use nor set. They exist on regular files and directories only (xattr(7)).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "monitor/fs/fs_server.h"

#define PREFIX "user."

static int path_of(struct fs_request *request, char path[32])
{
	int fd;

	if (request->inode->type != S_IFREG && request->inode->type != S_IFDIR)
		return -EOPNOTSUPP;
	fd = fs_inode_fd(request->server, request->inode);
	if (fd < 0)
		return fd;
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return 0;
}

static int attribute_name(struct fs_request *request, size_t *offset, const char **out)
{
	const char *name = fs_request_string(request, offset);

	if (!name)
		return -EINVAL;
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return -EOPNOTSUPP;
	if (strlen(name) > XATTR_NAME_MAX)
		return -ERANGE;
	*out = name;
	return 0;
}

/* A size of 0 asks for the size. */
static int reply_value(struct fs_request *request, uint32_t size, size_t len)
{
	struct fuse_getxattr_out out = { .size = (uint32_t)len };

	if (size == 0)
		return fs_request_reply(request, &out, sizeof(out));
	if (len > size)
		return -ERANGE;
	return fs_request_reply(request, request->server->reply, len);
}

int fs_op_getxattr(struct fs_request *request)
{
	const struct fuse_getxattr_in *in = fs_request_struct(request, sizeof(*in));
	size_t offset = sizeof(*in);
	const char *name;
	char path[32];
	ssize_t len;
	int err;

	if (!in)
		return -EINVAL;
	err = attribute_name(request, &offset, &name);
	if (!err)
		err = path_of(request, path);
	if (err)
		return err;
	len = getxattr(path, name, request->server->reply, sizeof(request->server->reply));
	return len < 0 ? -errno : reply_value(request, in->size, (size_t)len);
}

int fs_op_listxattr(struct fs_request *request)
{
	const struct fuse_getxattr_in *in = fs_request_struct(request, sizeof(*in));
	char *names = request->server->reply;
	size_t kept = 0, len;
	char path[32];
	ssize_t total;
	int err;

	if (!in)
		return -EINVAL;
	err = path_of(request, path);
	if (err)
		return err;
	total = listxattr(path, names, sizeof(request->server->reply));
	if (total < 0)
		return -errno;
	for (ssize_t at = 0; at < total; at += (ssize_t)len) {
		len = strlen(names + at) + 1;
		if (strncmp(names + at, PREFIX, strlen(PREFIX)) != 0)
			continue;
		memmove(names + kept, names + at, len);
		kept += len;
	}
	return reply_value(request, in->size, kept);
}

int fs_op_setxattr(struct fs_request *request)
{
	/* without FUSE_SETXATTR_EXT the structure ends after its flags */
	size_t offset = FUSE_COMPAT_SETXATTR_IN_SIZE;
	const struct fuse_setxattr_in *in = fs_request_struct(request, offset);
	const char *name;
	char path[32];
	int err;

	if (!in)
		return -EINVAL;
	err = attribute_name(request, &offset, &name);
	if (!err)
		err = path_of(request, path);
	if (err)
		return err;
	if (in->size > request->args_len - offset || in->size > XATTR_SIZE_MAX)
		return -EINVAL;
	if (setxattr(path, name, request->args + offset, in->size, (int)in->flags) < 0)
		return -errno;
	return 0;
}

int fs_op_removexattr(struct fs_request *request)
{
	size_t offset = 0;
	const char *name;
	char path[32];
	int err = attribute_name(request, &offset, &name);

	if (!err)
		err = path_of(request, path);
	if (err)
		return err;
	return removexattr(path, name) < 0 ? -errno : 0;
}
