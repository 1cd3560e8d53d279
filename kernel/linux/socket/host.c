/* SPDX-License-Identifier: BSD-2-Clause */
/* What sockets ask of the personality (net/socket.h): names of files, process ids, limits. */
#include <linux/capability.h>
#include <linux/stat.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/task/task.h"
#include "linux/task/user_counts.h"
#include "net/socket/socket.h"

#define MAY_WRITE 2u

/* The key of a path, whose counts it takes. */
static void key_init(struct socket_key *key, const struct path *p)
{
	*key = (struct socket_key){ .id = p->dentry->inode, .hold = *p };
}

static void name_undo(const char *path)
{
	IGNORE_RESULT(vfs_unlink(NULL, path)); /* somebody else may have removed it */
}

static int name_make(const char *path, uint32_t mode, struct socket_key *out)
{
	struct path p;
	int err = vfs_mknod(NULL, path, S_IFSOCK | mode, 0);

	if (err == -EEXIST)
		return -EADDRINUSE;
	if (err != 0)
		return err;
	err = vfs_lookup(NULL, path, LOOKUP_NOFOLLOW, &p);
	if (err != 0) {
		name_undo(path);
		return err;
	}
	key_init(out, &p);
	return 0;
}

static int name_find(const char *path, struct socket_key *out)
{
	struct path p;
	int err = vfs_lookup(NULL, path, 0, &p);

	if (err != 0)
		return err;
	err = inode_permission(p.dentry->inode, MAY_WRITE);
	if (err == 0 && !S_ISSOCK(p.dentry->inode->mode))
		err = -ECONNREFUSED;
	if (err != 0)
		path_put(&p);
	else
		key_init(out, &p);
	return err;
}

static void name_put(struct socket_key *key)
{
	path_put(&key->hold);
	key->id = NULL;
}

static int current_pid(void)
{
	return process_current()->pid;
}

/* No two processes that bear one id were made at the same time. */
static uint64_t current_birth(void)
{
	return (uint64_t)process_current()->start_ns;
}

static uint64_t limit_of_files(void)
{
	return process_limit(process_current(), RLIMIT_NOFILE);
}

static bool hold_pages(struct socket_pages *p)
{
	const struct cred *c = cred_current();

	p->uid = c->uid;
	if (!cred_has_cap(c, CAP_IPC_LOCK))
		return user_counts_add_pages(p->uid, p->nr,
					     process_limit(process_current(), RLIMIT_MEMLOCK) /
						     PAGE_SIZE);
	p->nr = 0;
	return true;
}

static void release_pages(const struct socket_pages *p)
{
	if (p->nr > 0)
		user_counts_drop_pages(p->uid, p->nr);
}

const struct socket_host socket_host = {
	.name_make = name_make,
	.name_undo = name_undo,
	.name_find = name_find,
	.name_put = name_put,
	.current_pid = current_pid,
	.current_birth = current_birth,
	.limit_of_files = limit_of_files,
	.hold_pages = hold_pages,
	.release_pages = release_pages,
};
