/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inode table of the virtio-fs server: records by node id and by (device, inode number), their
 * counts, and the budget of O_PATH descriptors (fs_server.h says how it works).
 *
 * Invariants: a record is in its slot and its hash chain from creation to its last put. It is on
 * the lru list exactly when fd >= 0 and it is not pinned. The root is pinned and never put.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "monitor/fs/fs_server.h"

#define MAX_DEPTH 4096 /* directories up to the next one with a descriptor */

static struct fs_inode **chain_of(struct fs_server *server, dev_t dev, ino_t ino)
{
	return &server->hash[(ino * 0x9e3779b97f4a7c15ull + dev) >> 20 & (FS_HASH_SIZE - 1)];
}

static struct fs_inode *find_file(struct fs_server *server, dev_t dev, ino_t ino)
{
	struct fs_inode *inode = *chain_of(server, dev, ino);

	while (inode && (inode->dev != dev || inode->ino != ino))
		inode = inode->hash_next;
	return inode;
}

struct fs_inode *fs_inode_find(struct fs_server *server, uint64_t id)
{
	uint32_t slot = (uint32_t)id - 1;

	if (slot >= server->nr_slots || !server->inodes[slot] || server->inodes[slot]->id != id)
		return NULL;
	return server->inodes[slot];
}

/* The kernel's own file systems: reading them would tell the guest about the host's processes. */
static bool is_kernel_interface(int fd)
{
	static const unsigned long barred[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		DEVPTS_SUPER_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		BPF_FS_MAGIC,
		EFIVARFS_MAGIC,
		PSTOREFS_MAGIC,
		BINFMTFS_MAGIC,
		SELINUX_MAGIC,
		0x19800202 /* mqueue */,
		0x62656570 /* configfs */,
		0x65735543 /* fusectl */,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(barred); i++) {
		if ((unsigned long)fs.f_type == barred[i])
			return true;
	}
	return false;
}

static void close_fd(struct fs_server *server, struct fs_inode *inode)
{
	if (inode->fd < 0)
		return;
	close(inode->fd);
	inode->fd = -1;
	list_remove(&inode->lru);
	server->nr_inode_fds--;
}

/* False: there is none that may be closed. */
static bool close_oldest(struct fs_server *server, int keep_fd)
{
	struct fs_inode *oldest = list_first(&server->lru, struct fs_inode, lru);

	if (!oldest || oldest->fd == keep_fd)
		return false;
	close_fd(server, oldest);
	return true;
}

static void store_fd(struct fs_server *server, struct fs_inode *inode, int fd)
{
	inode->fd = fd;
	server->nr_inode_fds++;
	if (!inode->pinned)
		list_append(&server->lru, &inode->lru);
}

/*
 * An O_PATH descriptor of `name` below the open directory; closes old ones when there are too
 * many.
 */
static int open_path(struct fs_server *server, int dir_fd, const char *name)
{
	int fd;

	do {
		fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	} while (fd < 0 && (errno == EMFILE || errno == ENFILE) && close_oldest(server, dir_fd));
	if (fd < 0)
		return errno == EMFILE ? -ENFILE : -errno;
	return fd;
}

static void trim_fds(struct fs_server *server)
{
	while (server->nr_inode_fds >= server->max_inode_fds && close_oldest(server, -1))
		;
}

/* Opens `inode` again below its parent, whose descriptor is open. */
static int reopen(struct fs_server *server, struct fs_inode *inode)
{
	struct stat st;
	int fd;

	/* the parent must outlive the trim: make it the most recently used */
	if (!inode->parent->pinned) {
		list_remove(&inode->parent->lru);
		list_append(&server->lru, &inode->parent->lru);
	}
	fd = open_path(server, inode->parent->fd, inode->name);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? -ESTALE : fd;
	if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0 || st.st_dev != inode->dev ||
	    st.st_ino != inode->ino || (st.st_mode & S_IFMT) != inode->type) {
		close(fd);
		return -ESTALE;
	}
	store_fd(server, inode, fd);
	return 0;
}

int fs_inode_fd(struct fs_server *server, struct fs_inode *inode)
{
	for (int tries = 0; inode->fd < 0; tries++) {
		struct fs_inode *top = inode;
		int depth = 0, err;

		while (top->parent && top->parent->fd < 0 && depth++ < MAX_DEPTH)
			top = top->parent;
		if (!top->parent || depth >= MAX_DEPTH || tries >= MAX_DEPTH)
			return -ESTALE;
		err = reopen(server, top);
		if (err)
			return err;
	}
	if (!inode->pinned) {
		list_remove(&inode->lru);
		list_append(&server->lru, &inode->lru);
	}
	/* Above the budget others go; this one is the youngest and stays. */
	while (server->nr_inode_fds > server->max_inode_fds && close_oldest(server, inode->fd))
		;
	return inode->fd;
}

int fs_inode_fd_pair(struct fs_server *server, struct fs_inode *a, struct fs_inode *b, int fds[2])
{
	bool was_pinned = a->pinned;

	fds[0] = fs_inode_fd(server, a);
	if (fds[0] < 0)
		return fds[0];
	a->pinned = true;
	list_remove(&a->lru);
	fds[1] = fs_inode_fd(server, b);
	a->pinned = was_pinned;
	if (!was_pinned)
		list_append(&server->lru, &a->lru);
	return fds[1] < 0 ? fds[1] : 0;
}

static int grow_slots(struct fs_server *server)
{
	unsigned nr = server->nr_slots ? server->nr_slots * 2 : 256;
	struct fs_inode **slots;

	if (nr > FS_MAX_INODES)
		return -ENOMEM;
	slots = reallocarray(server->inodes, nr, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	memset(slots + server->nr_slots, 0, (nr - server->nr_slots) * sizeof(*slots));
	server->inodes = slots;
	server->nr_slots = nr;
	return 0;
}

static int find_slot(struct fs_server *server, unsigned *out)
{
	unsigned slot = server->first_free;
	int err;

	while (slot < server->nr_slots && server->inodes[slot])
		slot++;
	if (slot == server->nr_slots) {
		err = grow_slots(server);
		if (err)
			return err;
	}
	server->first_free = slot + 1;
	*out = slot;
	return 0;
}

/* A record without lookups, parent or name; the caller owns its first reference. */
static int new_inode(struct fs_server *server, const struct stat *st, struct fs_inode **out)
{
	struct fs_inode *inode = calloc(1, sizeof(*inode));
	struct fs_inode **chain = chain_of(server, st->st_dev, st->st_ino);
	unsigned slot;
	int err;

	if (!inode)
		return -ENOMEM;
	err = find_slot(server, &slot);
	if (err) {
		free(inode);
		return err;
	}
	list_init(&inode->lru);
	inode->fd = -1;
	inode->nr_refs = 1;
	inode->dev = st->st_dev;
	inode->ino = st->st_ino;
	inode->type = st->st_mode & S_IFMT;
	inode->id = (uint64_t)server->serial++ << 32 | (slot + 1);
	inode->hash_next = *chain;
	*chain = inode;
	server->inodes[slot] = inode;
	server->nr_inodes++;
	*out = inode;
	return 0;
}

/* Takes the record out of the tables and frees it; returns its parent, whose count it held. */
static struct fs_inode *free_inode(struct fs_server *server, struct fs_inode *inode)
{
	struct fs_inode **link = chain_of(server, inode->dev, inode->ino);
	struct fs_inode *parent = inode->parent;
	unsigned slot = (uint32_t)inode->id - 1;

	while (*link != inode)
		link = &(*link)->hash_next;
	*link = inode->hash_next;
	server->inodes[slot] = NULL;
	if (slot < server->first_free)
		server->first_free = slot;
	server->nr_inodes--;
	server->nr_pinned -= inode->pinned;
	close_fd(server, inode);
	free(inode->name);
	free(inode);
	return parent;
}

void fs_inode_get(struct fs_inode *inode)
{
	inode->nr_refs++;
}

void fs_inode_put(struct fs_server *server, struct fs_inode *inode)
{
	while (inode && --inode->nr_refs == 0)
		inode = free_inode(server, inode);
}

/* From now on `inode` is found below `parent` as `name`. */
static int set_name(struct fs_server *server, struct fs_inode *inode, struct fs_inode *parent,
		    const char *name)
{
	struct fs_inode *old_parent = inode->parent;
	char *copy;

	if (!inode->parent && inode->name)
		return 0; /* the root, bound again below itself: it keeps its place */
	if (old_parent == parent && strcmp(inode->name, name) == 0)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	fs_inode_get(parent);
	free(inode->name);
	inode->name = copy;
	inode->parent = parent;
	if (old_parent)
		fs_inode_put(server, old_parent);
	return 0;
}

/* Reads the attributes of parent/name, through a descriptor in *fd if one is wanted or needed. */
static int look(struct fs_server *server, struct fs_inode *parent, const char *name, int *fd,
		struct stat *st)
{
	int dir_fd = fs_inode_fd(server, parent);

	if (dir_fd < 0)
		return dir_fd;
	if (*fd == -1) {
		if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (st->st_dev == parent->dev)
			return 0;
	}
	*fd = open_path(server, dir_fd, name);
	if (*fd < 0)
		return *fd;
	if (fstatat(*fd, "", st, AT_EMPTY_PATH) < 0) {
		close(*fd);
		return -errno;
	}
	return 0;
}

int fs_inode_lookup(struct fs_server *server, struct fs_inode *parent, const char *name,
		    bool with_fd, struct fs_found *out)
{
	const struct stat *st = &out->st;
	struct fs_inode *inode;
	int fd = with_fd ? -2 : -1, err; /* -1: none unless a mount is crossed */

	if (parent->type != S_IFDIR)
		return -ENOTDIR;
	if (parent->barred)
		return -ENOENT;
	err = look(server, parent, name, &fd, &out->st);
	if (err)
		return err;
	inode = find_file(server, st->st_dev, st->st_ino);
	if (inode && inode->type == (st->st_mode & S_IFMT)) {
		fs_inode_get(inode);
	} else {
		err = new_inode(server, st, &inode);
		if (err)
			goto err_close;
		inode->barred = st->st_dev != parent->dev && is_kernel_interface(fd);
	}
	err = set_name(server, inode, parent, name);
	if (err)
		goto err_put;
	if (fd >= 0 && inode->fd < 0) {
		trim_fds(server);
		store_fd(server, inode, fd);
	} else if (fd >= 0) {
		close(fd);
	}
	if (inode->nr_lookups++ > 0)
		fs_inode_put(server, inode); /* all lookups together hold one reference */
	out->inode = inode;
	return 0;
err_put:
	fs_inode_put(server, inode);
err_close:
	if (fd >= 0)
		close(fd);
	return err;
}

void fs_inode_forget(struct fs_server *server, struct fs_inode *inode, uint64_t nr_lookups)
{
	if (!inode->parent || inode->nr_lookups == 0)
		return; /* the root stays */
	inode->nr_lookups -= min(nr_lookups, inode->nr_lookups);
	if (inode->nr_lookups == 0)
		fs_inode_put(server, inode);
}

static struct fs_inode *find_named(struct fs_server *server, struct fs_inode *parent,
				   const char *name)
{
	struct stat st;
	int dir_fd = fs_inode_fd(server, parent);

	if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	return find_file(server, st.st_dev, st.st_ino);
}

void fs_inode_pin(struct fs_server *server, struct fs_inode *parent, const char *name)
{
	struct fs_inode *inode = find_named(server, parent, name);

	if (!inode || inode->pinned || server->nr_pinned >= server->max_inode_fds / 2 ||
	    set_name(server, inode, parent, name) || fs_inode_fd(server, inode) < 0)
		return;
	inode->pinned = true;
	server->nr_pinned++;
	list_remove(&inode->lru);
}

void fs_inode_moved(struct fs_server *server, struct fs_inode *parent, const char *name)
{
	struct fs_inode *inode = find_named(server, parent, name);

	if (!inode || !inode->parent || set_name(server, inode, parent, name))
		return;
	if (inode->pinned) {
		inode->pinned = false;
		server->nr_pinned--;
		list_append(&server->lru, &inode->lru);
	}
}

int fs_inode_stat(struct fs_server *server, struct fs_inode *inode, struct stat *st)
{
	int fd = fs_inode_fd(server, inode);

	if (fd < 0)
		return fd;
	return fstatat(fd, "", st, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int fs_inode_open(struct fs_server *server, struct fs_inode *inode, int flags)
{
	char name[16];
	int path_fd, fd;

	if (inode->type == S_IFLNK)
		return -ELOOP;
	if (inode->type != S_IFREG && inode->type != S_IFDIR)
		return -ENXIO;
	path_fd = fs_inode_fd(server, inode);
	if (path_fd < 0)
		return path_fd;
	snprintf(name, sizeof(name), "%d", path_fd);
	do {
		fd = openat(server->proc_fd, name, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	} while (fd < 0 && (errno == EMFILE || errno == ENFILE) && close_oldest(server, path_fd));
	if (fd < 0)
		return errno == EMFILE ? -ENFILE : -errno;
	return fd;
}

int fs_inode_init_root(struct fs_server *server, int fd)
{
	struct fs_inode *root;
	struct stat st;
	int err;

	if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	err = new_inode(server, &st, &root);
	if (err)
		return err;
	root->name = strdup("/");
	if (!root->name) {
		free_inode(server, root);
		return -ENOMEM;
	}
	root->pinned = true;
	server->nr_pinned++;
	store_fd(server, root, fd);
	fs_inode_number(server, st.st_dev, st.st_ino);
	return 0;
}

void fs_inode_fini_all(struct fs_server *server)
{
	for (unsigned slot = 0; slot < server->nr_slots; slot++) {
		if (server->inodes[slot])
			free_inode(server, server->inodes[slot]);
	}
	free(server->inodes);
}

/*
 * The guest sees one device: numbers of other file systems get the device's index in the top
 * bits.
 */
uint64_t fs_inode_number(struct fs_server *server, dev_t dev, ino_t ino)
{
	uint64_t i;

	for (i = 0; i < server->nr_devices && server->devices[i] != dev; i++)
		;
	if (i == server->nr_devices && i < FS_MAX_DEVICES)
		server->devices[server->nr_devices++] = dev;
	return ino ^ (i << 56);
}
