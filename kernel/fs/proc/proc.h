/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs and sysfs: trees of generated files. Those who know the facts add files through a linker
 * set; fs/proc/procfs.c owns names, inodes, reading and seeking.
 *
 * A path holds at most one "*" for a process id ("self" and "thread-self" are links that procfs
 * makes, task/<tid> is the same tree). The show function writes into a growing buffer; for a
 * process file `pid` is the process (tid for task/).
 */
#pragma once
#include "core/file.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct text_buffer { /* grows as needed; after a failed growth err is -ENOMEM */
	char *data;
	size_t len, size;
	int err;
	int nr; /* of a "PID/.../NR" file: which descriptor is shown */
};
PRINTF(2, 3) void text_print(struct text_buffer *b, const char *format, ...);
void text_append(struct text_buffer *b, const void *bytes, size_t len);

struct proc_file {
	const char *path; /* "cpuinfo", "self-process files: "PID/maps", "sys/kernel/pid_max" */
	uint32_t mode;    /* permissions; S_IFLNK | 0777 for a link */
	int (*show)(struct text_buffer *b, int pid); /* 0 or -errno (-ESRCH: the process is gone) */
	int (*store)(const char *text, size_t len, int pid); /* NULL: not writable */
	/* Links: where it leads. Either a path (exe, cwd, root, fd/N) ... */
	int (*link)(int pid, int nr, struct path *out);
	/* ... with the text that readlink gives (also "pipe:[7]"). */
	int (*link_text)(int pid, int nr, char *buf, size_t size);
};
/* In /proc. "IF/" means every interface of the network. "PID/" at the start of a path means
 * every process; "PID/fd/NR" every descriptor. */
#define PROC_FILE(name)  LINKER_SET_ITEM(proc_files, struct proc_file) name
/* In /sys. */
#define SYSFS_FILE(name) LINKER_SET_ITEM(sysfs_files, struct proc_file) name

/* What procfs asks of the personality; filled by linux/. */
struct proc_processes {
	bool (*exists)(int pid);
	int (*next)(int pid); /* the next higher process id, or 0 */
	bool (*task_exists)(int pid, int tid);
	int (*next_task)(int pid, int tid);
	bool (*fd_exists)(int pid, int fd);
	int (*next_fd)(int pid, int fd); /* fd > given, or -1; start with -1 */
	int (*current_pid)(void);
	int (*current_tid)(void);
	void (*owner)(int pid, uint32_t *uid, uint32_t *gid);
};
extern const struct proc_processes proc_processes; /* defined by linux/ */

/* The network's interfaces: "IF/" in a path means every one, and show's and store's pid is its
 * number. Once there they stay. Filled by linux/. */
struct proc_interfaces {
	int (*find)(const char *name, size_t len); /* its number, above 0; 0: none */
	int (*next)(int nr);                       /* the next higher number, or 0 */
	void (*name)(int nr, char *buf, size_t size);
};
extern const struct proc_interfaces proc_interfaces; /* defined by linux/ */
/* The process whose directory /proc/<pid> is open as f; 0: it is another file. */
int proc_file_process(const struct file *f);
