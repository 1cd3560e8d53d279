/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes for procfs: which there are (struct proc_processes), how its files find them, and the
 * files that show a process's own strings (proc(5)).
 */
#include "core/cred.h"
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/proc/proc_task.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"

#define CMDLINE_MAX (256 * 1024ul)

/* ---- finding ---- */

struct task *proc_task(int pid)
{
	struct task *t = task_find(pid);
	struct process *p;

	if (t != NULL)
		return t;
	p = process_find(pid);
	if (p == NULL)
		return NULL;
	t = process_leader(p);
	process_put(p);
	return t;
}

struct process *proc_process(int pid)
{
	struct process *p = process_find(pid);
	struct task *t;

	if (p != NULL)
		return p;
	t = task_find(pid);
	if (t == NULL)
		return NULL;
	p = process_get(t->process);
	task_put(t);
	return p;
}

struct vmspace *proc_task_space(struct task *t)
{
	scoped_spin(&task_lock);
	struct vmspace *vs = t->thread == NULL ? NULL : t->thread->vmspace;

	return vs == NULL ? NULL : vmspace_get(vs);
}

struct fd_table *proc_fd_table(int pid)
{
	struct task *t = proc_task(pid);
	struct fd_table *fds;

	if (t == NULL)
		return NULL;
	fds = task_fds(t);
	task_put(t);
	return fds;
}

int proc_space_get(int pid, struct vmspace **out)
{
	struct task *t = proc_task(pid);

	if (t == NULL)
		return -ESRCH;
	*out = proc_task_space(t);
	task_put(t);
	return *out == NULL ? -ESRCH : 0;
}

int proc_check_access(int pid)
{
	struct task *t = proc_task(pid);
	bool allowed;

	if (t == NULL)
		return -ESRCH;
	allowed = task_may_access(t);
	task_put(t);
	return allowed ? 0 : -EACCES;
}

/* The right is asked for when the space is held: an exec may bring another's in between. */
int proc_space_get_private(int pid, struct vmspace **out)
{
	int err = proc_space_get(pid, out), denied = proc_check_access(pid);

	if (denied != 0 && err == 0)
		vmspace_put(*out);
	return denied != 0 ? denied : err;
}

/* ---- what procfs asks ---- */

static bool exists(int pid)
{
	struct process *p = process_find(pid);

	if (p == NULL)
		return false;
	process_put(p);
	return true;
}

static int next(int pid)
{
	struct process *p = process_next(pid);
	int found = 0;

	if (p != NULL) {
		found = p->pid;
		process_put(p);
	}
	return found;
}

static int next_task(int pid, int tid)
{
	struct process *p = process_find(pid);
	struct task *t;
	int found = 0;

	if (p == NULL)
		return 0;
	spin_lock(&p->lock);
	list_foreach(&p->tasks, t, process_link)
		if (t->tid > tid && (found == 0 || t->tid < found))
			found = t->tid;
	spin_unlock(&p->lock);
	process_put(p);
	return found;
}

static bool task_exists(int pid, int tid)
{
	return next_task(pid, tid - 1) == tid;
}

static int next_fd(int pid, int fd)
{
	struct fd_table *fds = proc_fd_table(pid);
	int found;

	if (fds == NULL)
		return -1;
	found = fd_table_next(fds, fd);
	fd_table_put(fds);
	return found;
}

static bool fd_exists(int pid, int fd)
{
	return next_fd(pid, fd - 1) == fd;
}

static int current_pid(void)
{
	return task_current() == NULL ? 0 : process_current()->pid;
}

static int current_tid(void)
{
	return task_current() == NULL ? 0 : task_current()->tid;
}

static void owner(int pid, uint32_t *uid, uint32_t *gid)
{
	struct process *p = proc_process(pid);
	struct task *first;
	const struct cred *c;

	*uid = *gid = 0;
	if (p == NULL)
		return;
	spin_lock(&task_lock);
	first = list_first(&p->tasks, struct task, process_link);
	c = first != NULL && first->thread != NULL ? first->thread->cred : p->dead_cred;
	if (c != NULL && p->dumpable) {
		*uid = c->euid;
		*gid = c->egid;
	}
	spin_unlock(&task_lock);
	process_put(p);
}

const struct proc_processes proc_processes = {
	.exists = exists,
	.next = next,
	.task_exists = task_exists,
	.next_task = next_task,
	.fd_exists = fd_exists,
	.next_fd = next_fd,
	.current_pid = current_pid,
	.current_tid = current_tid,
	.owner = owner,
};

/* ---- memory of the process as text: cmdline, environ, auxv ---- */

static int show_range(struct text_buffer *b, struct vmspace *vs, uaddr_t start, uaddr_t end)
{
	size_t left = end > start ? min((size_t)(end - start), CMDLINE_MAX) : 0;

	while (left > 0) {
		size_t offset = start % PAGE_SIZE, n = min(left, PAGE_SIZE - offset);
		struct page *page;
		int err = vmspace_page(vs, start, MMU_READ, &page);

		if (err != 0)
			return 0; /* unmapped by the program: what was there ends here */
		text_append(b, (char *)page_to_ptr(page) + offset, n);
		page_put(page);
		start += n;
		left -= n;
	}
	return 0;
}

static int show_cmdline(struct text_buffer *b, int pid)
{
	struct vmspace *vs;
	int err = proc_space_get(pid, &vs);

	if (err != 0)
		return 0; /* a zombie's is empty */
	err = show_range(b, vs, vs->arg_start, vs->arg_end);
	vmspace_put(vs);
	return err;
}
PROC_FILE(cmdline) = { .path = "PID/cmdline", .mode = 0444, .show = show_cmdline };

static int show_environ(struct text_buffer *b, int pid)
{
	struct vmspace *vs;
	int err = proc_space_get_private(pid, &vs);

	if (err != 0)
		return err;
	err = show_range(b, vs, vs->env_start, vs->env_end);
	vmspace_put(vs);
	return err;
}
PROC_FILE(environ) = { .path = "PID/environ", .mode = 0400, .show = show_environ };

static int show_auxv(struct text_buffer *b, int pid)
{
	struct vmspace *vs;
	int err = proc_space_get_private(pid, &vs);

	if (err != 0)
		return err;
	text_append(b, vs->auxv, vs->auxv_len);
	vmspace_put(vs);
	return 0;
}
PROC_FILE(auxv) = { .path = "PID/auxv", .mode = 0400, .show = show_auxv };

/* ---- comm ---- */

static int show_comm(struct text_buffer *b, int pid)
{
	struct task *t = proc_task(pid);
	struct process *p;

	if (t != NULL) {
		text_print(b, "%s\n", t->thread->name);
		task_put(t);
		return 0;
	}
	p = process_find(pid);
	if (p == NULL)
		return -ESRCH;
	text_print(b, "%s\n", p->dead_name);
	process_put(p);
	return 0;
}

/* proc(5): a thread's name may be changed by threads of its process. */
static int store_comm(const char *text, size_t len, int pid)
{
	struct task *t = proc_task(pid);
	char name[THREAD_NAME_MAX] = "";

	if (t == NULL)
		return -ESRCH;
	if (t->process != process_current()) {
		task_put(t);
		return -EINVAL;
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	memcpy(name, text, min(len, sizeof(name) - 1));
	memcpy(t->thread->name, name, sizeof(name));
	task_put(t);
	return 0;
}
PROC_FILE(comm) = { .path = "PID/comm", .mode = 0644, .show = show_comm, .store = store_comm };
