/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying path names in. Short ones, nearly all, stay on the stack. */
#include "linux/file/name.h"

#include <linux/fcntl.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

int user_string_new(uaddr_t from, size_t max, char **out)
{
	char *s = kmem_alloc(max + 1);
	ssize_t len;

	if (s == NULL)
		return -ENOMEM;
	len = user_string(s, from, max + 1);
	if (len < 0) {
		kmem_free(s);
		return (int)len;
	}
	*out = s;
	return 0;
}

static int copy_string(struct user_name *n, uaddr_t path)
{
	ssize_t len = user_string(n->inline_buf, path, sizeof(n->inline_buf));

	n->string = n->inline_buf;
	if (len == -ENAMETOOLONG)
		return user_string_new(path, PATH_LEN_MAX - 1, &n->string);
	return len < 0 ? (int)len : 0;
}

/* An empty name may refer to any file; others start from a directory. */
static int take_directory(struct user_name *n, int dirfd)
{
	int err = fd_get_any(dirfd, &n->dir);

	if (err != 0)
		return err;
	if (n->string[0] != '\0' && !S_ISDIR(n->dir->inode->mode)) {
		file_put(n->dir);
		return -ENOTDIR;
	}
	n->at = &n->dir->path;
	return 0;
}

int user_name_get(struct user_name *n, int dirfd, uaddr_t path, unsigned flags)
{
	int err = copy_string(n, path);

	if (err != 0)
		return err;
	n->dir = NULL;
	n->at = NULL;
	if (n->string[0] == '\0' && (flags & NAME_EMPTY_OK) == 0)
		err = -ENOENT;
	else if (n->string[0] != '/' && dirfd != AT_FDCWD)
		err = take_directory(n, dirfd);
	if (err != 0 && n->string != n->inline_buf)
		kmem_free(n->string);
	return err;
}

void user_name_put(struct user_name *n)
{
	if (n->dir != NULL)
		file_put(n->dir);
	if (n->string != n->inline_buf)
		kmem_free(n->string);
}

int user_path_get(int dirfd, uaddr_t path, int at_flags, unsigned lookup, struct path *out)
{
	struct user_name n;
	unsigned name_flags = (at_flags & AT_EMPTY_PATH) != 0 ? NAME_EMPTY_OK : 0;
	int err = user_name_get(&n, dirfd, path, name_flags);

	if (err != 0)
		return err;
	if ((at_flags & AT_SYMLINK_NOFOLLOW) != 0)
		lookup |= LOOKUP_NOFOLLOW;
	if ((at_flags & AT_EMPTY_PATH) != 0)
		lookup |= LOOKUP_EMPTY;
	if (n.string[0] == '\0' && n.dir != NULL && n.dir->path.dentry == NULL)
		err = -ENOENT; /* a pipe or the like: callers that can, use the descriptor */
	else
		err = vfs_lookup(n.at, n.string, lookup, out);
	user_name_put(&n);
	return err;
}
