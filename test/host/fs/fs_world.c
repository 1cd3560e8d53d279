/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of fs_world.h: what kernel/core and kernel/linux are to kernel/fs. */
#include "test/host/fs/fs_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/fcntl.h>

#include "core/log.h"
#include "core/panic.h"
#include "core/random.h"
#include "core/sched/thread.h"
#include "core/time/timer.h"
#include "fs/dentry.h"
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "test/host/machine.h"

#define NR_PAGES 16384

static struct cred user = { .ref = { 1 } };
static nsec_t now = 1700000000ll * NSEC_PER_SEC;

nsec_t clock_realtime(void)
{
	return now += 1000;
}

void thread_yield(void)
{
	panic("the only thread yields");
}

void log_user(const char *format, ...)
{
	(void)format; /* a test looks at what is returned */
}

void random_get(void *buf, size_t len)
{
	memset(buf, 0x5a, len);
}

void random_add(const void *entropy, size_t len)
{
	(void)entropy;
	(void)len;
}

static void must(bool ok, const char *what, const char *name)
{
	if (!ok)
		panic("the world fails: %s %s", what, name);
}

static void remove_tree(const char *name)
{
	char *names = strdup(world_list(name)), *save = NULL;

	for (char *n = strtok_r(names, " ", &save); n != NULL; n = strtok_r(NULL, " ", &save)) {
		char path[512];
		struct path p;

		snprintf(path, sizeof(path), "%s/%s", name, n);
		p = world_path(path);
		while (p.dentry == p.mnt->root) {
			int err = vfs_unmount(&p, 0);

			path_put(&p);
			must(err == -EBUSY || err == 0, "unmount", path);
			if (err != 0)
				panic("busy: %s (mount %u, root %u)", path, p.mnt->ref.count,
				      p.dentry->ref.count);
			p = world_path(path);
		}
		if (S_ISDIR(p.dentry->inode->mode))
			remove_tree(path);
		must((S_ISDIR(p.dentry->inode->mode) ? vfs_rmdir : vfs_unlink)(NULL, path) == 0,
		     "remove", path);
		path_put(&p);
	}
	free(names);
}

void world_start(void)
{
	static bool started;

	world_user(0, 0);
	kmem_fail_at(0);
	if (started) {
		remove_tree("/");
		return;
	}
	started = true;
	machine_start(NR_PAGES);
	must(vfs_mount("tmpfs", "root", "/", 0, "mode=755,size=40m") == 0, "mount", "/");
}

void world_user(uint32_t uid, uint32_t gid)
{
	user = cred_kernel;
	user.ref.count = 1;
	user.uid = user.euid = user.suid = user.fsuid = uid;
	user.gid = user.egid = user.sgid = user.fsgid = gid;
	if (uid != 0)
		user.cap_effective = user.cap_permitted = 0;
	thread_current()->cred = &user;
}

uint64_t world_free_pages(void)
{
	struct page_stats stats;

	page_stats_get(&stats);
	return stats.free;
}

ssize_t world_file_write(struct file *f, const void *data, size_t len)
{
	struct uio u;

	uio_init_kernel(&u, (void *)data, len);
	return vfs_write(f, &u, NULL);
}

ssize_t world_file_read(struct file *f, void *buf, size_t size)
{
	struct uio u;

	uio_init_kernel(&u, buf, size);
	return vfs_read(f, &u, NULL);
}

static int write_with(const char *name, const char *text, unsigned flags)
{
	struct file *f;
	int err = vfs_open(NULL, name, O_WRONLY | O_CREAT | flags, 0644, 0, &f);
	ssize_t n;

	if (err != 0)
		return err;
	n = world_file_write(f, text, strlen(text));
	file_put(f);
	return n < 0 ? (int)n : n == (ssize_t)strlen(text) ? 0 : -ENOSPC;
}

int world_write(const char *name, const char *text)
{
	return write_with(name, text, O_TRUNC);
}

int world_append(const char *name, const char *text)
{
	return write_with(name, text, O_APPEND);
}

bool world_reads(const char *name, const char *text)
{
	size_t size = strlen(text) + 2;
	char *buf = malloc(size);
	struct file *f;
	ssize_t n = -1;

	if (vfs_open(NULL, name, O_RDONLY, 0, 0, &f) == 0) {
		n = world_file_read(f, buf, size);
		file_put(f);
	}
	if (n != (ssize_t)strlen(text) || memcmp(buf, text, strlen(text)) != 0) {
		printf("%s: \"%.*s\" instead of \"%s\"\n", name, (int)n, buf, text);
		n = -1;
	}
	free(buf);
	return n >= 0;
}

struct file *world_open(const char *name, unsigned flags)
{
	struct file *f;
	int err = vfs_open(NULL, name, flags, 0644, 0, &f);

	if (err != 0)
		panic("open %s: %d", name, err);
	return f;
}

bool world_exists(const char *name)
{
	struct statx st;

	return world_stat(name, &st) == 0;
}

int world_stat(const char *name, struct statx *out)
{
	struct path p;
	int err = vfs_lookup(NULL, name, LOOKUP_NOFOLLOW, &p);

	if (err != 0)
		return err;
	err = vfs_getattr(&p, out);
	path_put(&p);
	return err;
}

struct path world_path(const char *name)
{
	struct path p;

	must(vfs_lookup(NULL, name, LOOKUP_NOFOLLOW, &p) == 0, "find", name);
	return p;
}

struct lister {
	struct dir_sink sink;
	char text[65536];
	size_t len;
	unsigned room;
};

static bool take(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned dt_type,
		 int64_t next_pos)
{
	struct lister *l = container_of(s, struct lister, sink);

	if (l->room-- == 0)
		return false;
	if (name[0] != '.' && l->len + len + 2 < sizeof(l->text)) {
		memcpy(l->text + l->len, name, len);
		l->len += len;
		l->text[l->len++] = ' ';
	}
	return true;
}

const char *world_list(const char *name)
{
	static struct lister l;
	struct file *f = world_open(name, O_RDONLY | O_DIRECTORY);

	l = (struct lister){ .sink.emit = take };
	do {
		l.room = 3; /* a few at a time: places must hold */
		must(vfs_readdir(f, &l.sink) == 0, "readdir", name);
	} while (l.room != 3);
	file_put(f);
	l.text[l.len] = '\0';
	return l.text;
}

/* ---- one process, number 7, with two threads and descriptors 0 and 3 ---- */

static bool exists(int pid)
{
	return pid == 7;
}
static int next(int pid)
{
	return pid < 7 ? 7 : 0;
}
static bool task_exists(int pid, int tid)
{
	return pid == 7 && (tid == 7 || tid == 8);
}
static int next_task(int pid, int tid)
{
	return pid != 7 ? 0 : tid < 7 ? 7 : tid < 8 ? 8 : 0;
}
static bool fd_exists(int pid, int fd)
{
	return fd == 0 || fd == 3;
}
static int next_fd(int pid, int fd)
{
	return fd < 0 ? 0 : fd < 3 ? 3 : -1;
}
static int current_pid(void)
{
	return 7;
}
static int current_tid(void)
{
	return 8;
}
static void owner(int pid, uint32_t *uid, uint32_t *gid)
{
	*uid = *gid = 1000;
}

const struct proc_processes proc_processes = {
	exists, next, task_exists, next_task, fd_exists, next_fd, current_pid, current_tid, owner,
};

/* One interface, with the number 1. */
static int find_interface(const char *name, size_t len)
{
	return len == 2 && memcmp(name, "lo", 2) == 0 ? 1 : 0;
}
static int next_interface(int nr)
{
	return nr < 1 ? 1 : 0;
}
static void name_interface(int nr, char *buf, size_t size)
{
	snprintf(buf, size, "lo");
}

const struct proc_interfaces proc_interfaces = { find_interface, next_interface, name_interface };
