/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An open file: what a descriptor refers to, whoever implements it (a file system, a pipe, a tty,
 * eventfd, later sockets). The operations table is filled by the implementer; any NULL entry means
 * what vfs.c's default does (EINVAL, ESPIPE, ENOTTY...).
 *
 * Contexts: all operations run in thread context with no lock held and may sleep, but poll, which
 * must not.
 */
#pragma once
#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "core/uio.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct file;
struct inode;
struct mount;
struct dentry;
struct vm_area;

struct path {
	struct mount *mnt;
	struct dentry *dentry;
}; /* counted by path_get/path_put (fs/vfs.h) */

/* poll: the caller hands a table in; the file adds its queues by poll_add(), then returns its
 * state. */
struct poll_table {
	void (*add)(struct poll_table *t, struct waitq *q);
};
static inline void poll_add(struct poll_table *t, struct waitq *q)
{
	if (t != NULL)
		t->add(t, q);
}

/* getdents: returns false when the record did not fit; then the directory stops and keeps its
 * place. */
struct dir_sink {
	bool (*emit)(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		     unsigned dt_type, int64_t next_pos);
};

struct file_ops {
	/* pos is the file's own for read(2), the caller's for pread(2); updated by what was moved.
	 * Returns bytes moved, 0 at the end, or -errno. f->flags & O_NONBLOCK gives -EAGAIN. */
	ssize_t (*read)(struct file *f, struct uio *u, int64_t *pos);
	ssize_t (*write)(struct file *f, struct uio *u, int64_t *pos);
	int64_t (*seek)(struct file *f, int64_t offset,
			int whence); /* NULL and no FILE_SEEKABLE: ESPIPE */
	int (*readdir)(struct file *f, struct dir_sink *s, int64_t *pos); /* "." and ".." too */
	long (*ioctl)(struct file *f, unsigned cmd, unsigned long arg);   /* -ENOTTY: not mine */
	unsigned (*poll)(struct file *f,
			 struct poll_table *t); /* EPOLL* bits; NULL = always IN|OUT */
	int (*mmap)(struct file *f,
		    struct vm_area *area); /* sets area->object and takes a reference
						 * for it (object_get); NULL: -ENODEV. May
						 * change object_idx */
	void (*unmapped)(struct file *f);  /* one of the mappings that mmap made, or its copy, is
					    * gone; thread context */
	int (*sync)(struct file *f, int64_t start, int64_t end, bool data_only);
	int (*allocate)(struct file *f, int mode, int64_t offset, int64_t len);
	int (*flush)(struct file *f);                     /* each close(2) */
	void (*release)(struct file *f);                  /* the last reference is gone */
	int (*set_flags)(struct file *f, unsigned flags); /* fcntl(F_SETFL): to veto or to notice */
	void (*describe)(struct file *f, char *buf,
			 size_t size); /* "pipe:[7]": for /proc/self/fd; NULL: its path */
	void (*fdinfo)(struct file *f, char *buf,
		       size_t size); /* further lines of /proc/self/fdinfo */
};

enum file_traits {
	FILE_SEEKABLE = 1 << 0, /* pread and lseek work */
	FILE_READ = 1 << 1,     /* opened for reading */
	FILE_WRITE = 1 << 2,
	FILE_PATH_ONLY = 1 << 3,  /* O_PATH */
	FILE_STREAM = 1 << 4,     /* has no position: read and write take no pos_lock */
	FILE_QUIET_PIPE = 1 << 5, /* -EPIPE of a write raises no SIGPIPE: datagrams */
};

struct file {
	struct ref ref;
	unsigned flags;             /* [a] O_* of F_GETFL, without O_CLOEXEC */
	unsigned traits;            /* [I] enum file_traits */
	const struct file_ops *ops; /* [I] */
	struct path path; /* [I] of the name it was opened by; dentry NULL: none (pipe, eventfd) */
	struct inode *inode; /* [I] counted; every file has one (anonymous ones too) */
	struct mutex pos_lock;
	int64_t pos;              /* [pos_lock] */
	void *private;            /* the implementer's */
	struct list watchers;     /* [epoll's own lock] epoll entries that watch it */
	struct file_owner *owner; /* [linux/file/owner.c's lock to write] who is told by SIGIO */
	void *locks_owner;        /* flock/OFD identity: linux's own */
};

struct file *file_get(struct file *f);
void file_put(struct file *f); /* may sleep; the last one calls release */
