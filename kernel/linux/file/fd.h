/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor table of a task: small numbers to open files. Shared by tasks that were cloned
 * with CLONE_FILES, counted. RLIMIT_NOFILE is checked here.
 *
 * A descriptor is reserved first and filled when the file exists, so that a program never sees a
 * descriptor that is taken back:
 *
 *	err = fd_install(file, O_CLOEXEC or 0, 0);	>= 0: the descriptor; it took the count
 */
#pragma once
#include "core/file.h"
#include "core/sync/spinlock.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define FD_TABLE_MAX (1024 * 1024) /* as /proc/sys/fs/nr_open */

struct fd_slot {
	struct file *file;        /* [table.lock] counted; NULL: free or reserved */
	bool used, close_on_exec; /* [table.lock] */
};

struct fd_table {
	struct ref ref;
	struct spinlock lock;
	struct fd_slot *slots; /* [lock] */
	unsigned nr_slots;     /* [lock] */
	unsigned first_free;   /* [lock] no free slot is below it */
};

struct fd_table *fd_table_new(void);                /* NULL = no memory */
struct fd_table *fd_table_copy(struct fd_table *t); /* NULL = no memory */
struct fd_table *fd_table_get(struct fd_table *t);
void fd_table_put(struct fd_table *t); /* the last one closes all */
void fd_table_close_on_exec(struct fd_table *t);

/* Of the current task. On success *out is counted. -EBADF: none, or O_PATH (fd_get_any takes
 * those). */
MUST_CHECK int fd_get(int fd, struct file **out);
MUST_CHECK int fd_get_any(int fd, struct file **out);
/* The lowest free descriptor >= min for f, or -EMFILE, -ENOMEM. Takes the count over, on failure
 * too. */
int fd_install(struct file *f, unsigned open_flags, int min);
/* Two at once, or none; takes the counts over, on failure too. */
MUST_CHECK int fd_install_pair(struct file *a, struct file *b, unsigned open_flags, int fds[2]);
/* By hand: -EMFILE, -ENOMEM or a descriptor that is then filled (the file's count is taken) or
 * given back. */
MUST_CHECK int fd_reserve(void);
void fd_fill(int fd, struct file *f, bool close_on_exec);
void fd_cancel(int fd);
/* dup2: at exactly `fd`, closing what was there. Takes the count over, on failure too. */
int fd_install_at(struct file *f, int fd, bool close_on_exec);
int fd_close(int fd); /* flushes; what close(2) returns */
/* close_range(2): [first, last]; only marks them when close_on_exec. */
void fd_close_range(struct fd_table *t, unsigned first, unsigned last, bool close_on_exec);
MUST_CHECK int fd_flags_get(int fd); /* FD_CLOEXEC or 0; -EBADF */
MUST_CHECK int fd_flags_set(int fd, bool close_on_exec);
/* unshare(CLONE_FILES), exec, close_range(CLOSE_RANGE_UNSHARE): the current task's own table. */
MUST_CHECK int fd_table_unshare(void);

/* procfs: of any task's table. */
struct file *fd_table_file(struct fd_table *t, int fd); /* counted, or NULL */
int fd_table_next(struct fd_table *t, int after);       /* the next used descriptor, or -1 */
