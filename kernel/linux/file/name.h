/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names from programs: copied in, and the directory that a relative one starts from.
 *
 *	struct user_name n;
 *	err = user_name_get(&n, dirfd, upath, 0);	n.string, n.at ready for vfs_*
 *	...
 *	user_name_put(&n);				only after success
 */
#pragma once
#include "core/file.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define USER_NAME_INLINE 160

struct user_name {
	char *string;          /* NUL-terminated */
	const struct path *at; /* NULL: the working directory */
	struct file *dir;      /* counted: what `at` belongs to */
	char inline_buf[USER_NAME_INLINE];
};

/* -EFAULT, -ENAMETOOLONG, -EBADF (dirfd is looked at only for a relative name), -ENOTDIR, -ENOMEM.
 * NAME_EMPTY_OK: "" is no error here (AT_EMPTY_PATH). */
enum { NAME_EMPTY_OK = 1 };
MUST_CHECK int user_name_get(struct user_name *n, int dirfd, uaddr_t path, unsigned flags);
void user_name_put(struct user_name *n);
/* Name to path in one step. at_flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH; lookup: more of
 * LOOKUP_*. */
MUST_CHECK int user_path_get(int dirfd, uaddr_t path, int at_flags, unsigned lookup,
			     struct path *out);
/* A string of limited length; freed with kmem_free. -ENAMETOOLONG when it is longer than max. */
MUST_CHECK int user_string_new(uaddr_t from, size_t max, char **out);
