/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes on a FUSE file system (xattr(7)). Values pass through memory of the call's
 * own size; a host that answers ENOSYS once is not asked again.
 */
#include "fs/fuse/fuse_call.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

static struct fuse_call *new_call(struct inode *inode, uint32_t opcode, size_t args)
{
	return fuse_call_new(fuse_fs_of(inode->sb), opcode, fuse_inode_of(inode)->nodeid, args);
}

static ssize_t note_missing(struct inode *inode, ssize_t err)
{
	if (err != -ENOSYS)
		return err;
	WRITE_ONCE(fuse_fs_of(inode->sb)->no_xattr, true);
	return -EOPNOTSUPP;
}

/* GETXATTR and LISTXATTR: with size 0 the answer is a size. */
static ssize_t ask(struct inode *inode, struct fuse_call *c, char *buf, size_t size)
{
	ssize_t n;
	char *data = NULL;

	if (c == NULL)
		return -ENOMEM;
	if (size > 0) {
		data = kmem_alloc(size); /* buf may be a stack's */
		if (data == NULL) {
			kmem_free(c);
			return -ENOMEM;
		}
		fuse_call_data(c, data, size);
	}
	n = fuse_call_send(c, size > 0 ? 0 : sizeof(c->reply.xattr));
	if (n == 0 && size > 0) {
		n = (ssize_t)c->reply_len;
		memcpy(buf, data, c->reply_len);
	} else if (n == 0) {
		n = c->reply.xattr.size;
	}
	kmem_free(data);
	kmem_free(c);
	return note_missing(inode, n);
}

static ssize_t get(struct inode *inode, uint32_t opcode, const char *name, char *buf, size_t size)
{
	size_t name_len = name == NULL ? 0 : strlen(name);
	struct fuse_getxattr_in *in;
	struct fuse_call *c;

	if (READ_ONCE(fuse_fs_of(inode->sb)->no_xattr))
		return -EOPNOTSUPP;
	size = min(size, (size_t)UINT16_MAX + 1); /* XATTR_SIZE_MAX, XATTR_LIST_MAX */
	c = new_call(inode, opcode, sizeof(*in) + name_len + 1);
	if (c != NULL) {
		in = fuse_call_args(c, sizeof(*in));
		in->size = (uint32_t)size;
		if (name != NULL)
			fuse_call_string(c, name, name_len);
	}
	return ask(inode, c, buf, size);
}

ssize_t fuse_xattr_get(struct inode *inode, const char *name, void *buf, size_t size)
{
	return get(inode, FUSE_GETXATTR, name, buf, size);
}

ssize_t fuse_xattr_list(struct inode *inode, char *buf, size_t size)
{
	return get(inode, FUSE_LISTXATTR, NULL, buf, size);
}

int fuse_xattr_set(struct inode *inode, const char *name, const void *v, size_t size, int flags)
{
	size_t name_len = strlen(name);
	struct fuse_setxattr_in *in;
	struct fuse_call *c;
	int err;

	if (READ_ONCE(fuse_fs_of(inode->sb)->no_xattr))
		return -EOPNOTSUPP;
	c = new_call(inode, FUSE_SETXATTR, FUSE_COMPAT_SETXATTR_IN_SIZE + name_len + 1 + size);
	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, FUSE_COMPAT_SETXATTR_IN_SIZE);
	in->size = (uint32_t)size;
	in->flags = (uint32_t)flags;
	fuse_call_string(c, name, name_len);
	memcpy(fuse_call_args(c, size), v, size);
	err = fuse_call_send(c, 0);
	kmem_free(c);
	fuse_inode_expire(inode);
	return (int)note_missing(inode, err);
}

int fuse_xattr_remove(struct inode *inode, const char *name)
{
	size_t name_len = strlen(name);
	struct fuse_call *c;
	int err;

	if (READ_ONCE(fuse_fs_of(inode->sb)->no_xattr))
		return -EOPNOTSUPP;
	c = new_call(inode, FUSE_REMOVEXATTR, name_len + 1);
	if (c == NULL)
		return -ENOMEM;
	fuse_call_string(c, name, name_len);
	err = fuse_call_send(c, 0);
	kmem_free(c);
	fuse_inode_expire(inode);
	return (int)note_missing(inode, err);
}
