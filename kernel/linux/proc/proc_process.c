/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts about processes: /proc/<pid>/... (proc(5)). Each file finds its process again by id, so
 * that one that has ended meanwhile gives ESRCH. The formats are Linux's, field by field.
 */
#include "core/timer.h"
#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/proc/proc_maps.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"
#include "mm/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define TICKS_PER_SEC 100
#define NSEC_PER_TICK (NSEC_PER_SEC / TICKS_PER_SEC)
#define CMDLINE_MAX   (256 * 1024ul)

/* ---- finding ---- */

/* The task that a pid or tid names, counted. */
static struct task *find(int pid)
{
	struct task *t = task_find(pid);

	return t;
}

/* A task's address space, counted; NULL when it has none any more. */
static struct vmspace *space_of(struct task *t)
{
	scoped_spin(&task_lock);
	struct vmspace *vs = t->thread == NULL ? NULL : t->thread->vmspace;

	return vs == NULL ? NULL : vmspace_get(vs);
}

static struct fd_table *table_of(int pid)
{
	struct task *t = find(pid);
	struct fd_table *fds = NULL;

	if (t == NULL)
		return NULL;
	spin_lock(&task_lock);
	if (t->fds != NULL)
		fds = fd_table_get(t->fds);
	spin_unlock(&task_lock);
	task_put(t);
	return fds;
}

/* The address space of a process by id, counted; -ESRCH. */
int proc_space_get(int pid, struct vmspace **out)
{
	struct task *t = find(pid);

	if (t == NULL)
		return -ESRCH;
	*out = space_of(t);
	task_put(t);
	return *out == NULL ? -ESRCH : 0;
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
	struct fd_table *fds = table_of(pid);
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
	struct task *t = find(pid);

	*uid = *gid = 0;
	if (t == NULL)
		return;
	spin_lock(&task_lock);
	if (t->thread != NULL && t->thread->cred != NULL) {
		*uid = t->thread->cred->euid;
		*gid = t->thread->cred->egid;
	}
	spin_unlock(&task_lock);
	task_put(t);
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
		return err;
	err = show_range(b, vs, vs->arg_start, vs->arg_end);
	vmspace_put(vs);
	return err;
}
PROC_FILE(cmdline) = { .path = "PID/cmdline", .mode = 0444, .show = show_cmdline };

static int show_environ(struct text_buffer *b, int pid)
{
	struct vmspace *vs;
	int err = proc_space_get(pid, &vs);

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
	int err = proc_space_get(pid, &vs);

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
	struct task *t = find(pid);

	if (t == NULL)
		return -ESRCH;
	text_print(b, "%s\n", t->thread->name);
	task_put(t);
	return 0;
}

static int store_comm(const char *text, size_t len, int pid)
{
	struct task *t = find(pid);
	char name[THREAD_NAME_MAX] = "";

	if (t == NULL)
		return -ESRCH;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	memcpy(name, text, min(len, sizeof(name) - 1));
	memcpy(t->thread->name, name, sizeof(name));
	task_put(t);
	return 0;
}
PROC_FILE(comm) = { .path = "PID/comm", .mode = 0644, .show = show_comm, .store = store_comm };

/* ---- links ---- */

static int link_exe(int pid, int nr, struct path *out)
{
	struct vmspace *vs;
	int err = proc_space_get(pid, &vs);

	if (err != 0)
		return err;
	mutex_lock(&vs->lock);
	if (vs->exe == NULL || vs->exe->path.dentry == NULL) {
		err = -ENOENT;
	} else {
		*out = vs->exe->path;
		path_get(out);
	}
	mutex_unlock(&vs->lock);
	vmspace_put(vs);
	return err;
}
PROC_FILE(exe) = { .path = "PID/exe", .mode = S_IFLNK | 0777, .link = link_exe };

static int link_view(int pid, bool root, struct path *out)
{
	struct task *t = find(pid);
	struct fs_view *view;

	if (t == NULL)
		return -ESRCH;
	spin_lock(&task_lock);
	view = t->thread == NULL ? NULL : t->thread->fs_view;
	if (view != NULL)
		fs_view_get(view);
	spin_unlock(&task_lock);
	task_put(t);
	if (view == NULL)
		return -ESRCH;
	spin_lock(&view->lock);
	*out = root ? view->root : view->cwd;
	path_get(out);
	spin_unlock(&view->lock);
	fs_view_put(view);
	return 0;
}

static int link_cwd(int pid, int nr, struct path *out)
{
	return link_view(pid, false, out);
}
PROC_FILE(cwd) = { .path = "PID/cwd", .mode = S_IFLNK | 0777, .link = link_cwd };

static int link_root(int pid, int nr, struct path *out)
{
	return link_view(pid, true, out);
}
PROC_FILE(root) = { .path = "PID/root", .mode = S_IFLNK | 0777, .link = link_root };

static int get_file(int pid, int fd, struct file **out)
{
	struct fd_table *fds = table_of(pid);

	if (fds == NULL)
		return -ESRCH;
	*out = fd_table_file(fds, fd);
	fd_table_put(fds);
	return *out == NULL ? -ENOENT : 0;
}

static int link_fd(int pid, int nr, struct path *out)
{
	struct file *f;
	int err = get_file(pid, nr, &f);

	if (err != 0)
		return err;
	err = file_path_get(f, out);
	file_put(f);
	return err;
}

static int link_fd_text(int pid, int nr, char *buf, size_t size)
{
	struct file *f;
	char *name;
	int err = get_file(pid, nr, &f);

	if (err != 0)
		return err;
	if (f->ops->describe != NULL) {
		f->ops->describe(f, buf, size);
	} else if (f->path.dentry == NULL) {
		fmt(buf, size, "anon_inode:[%llu]", (unsigned long long)f->inode->ino);
	} else {
		err = path_name(&f->path, buf, size, &name);
		if (err == 0)
			memmove(buf, name, strlen(name) + 1);
	}
	file_put(f);
	return err;
}
PROC_FILE(fd) = {
	.path = "PID/fd/NR", .mode = S_IFLNK | 0700, .link = link_fd, .link_text = link_fd_text
};

static int show_fdinfo(struct text_buffer *b, int pid)
{
	char *more = kmem_alloc(PAGE_SIZE);
	struct file *f;
	int err = get_file(pid, b->nr, &f);

	if (err == 0) {
		text_print(b, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%llu\n",
			   (long long)f->pos, f->flags, f->path.mnt == NULL ? 0 : f->path.mnt->id,
			   (unsigned long long)f->inode->ino);
		if (f->ops->fdinfo != NULL && more != NULL) {
			f->ops->fdinfo(f, more, PAGE_SIZE);
			text_print(b, "%s", more);
		}
		file_put(f);
	}
	kmem_free(more);
	return err;
}
PROC_FILE(fdinfo) = { .path = "PID/fdinfo/NR", .mode = 0444, .show = show_fdinfo };

/* ---- stat, statm, status, limits ---- */

struct signal_sets {
	uint64_t ignored, caught, blocked, pending, shared;
};

static void signal_sets_get(struct task *t, struct signal_sets *s)
{
	struct process *p = t->process;

	scoped_spin(&p->lock);
	*s = (struct signal_sets){ .blocked = t->blocked,
				   .pending = t->pending.set,
				   .shared = p->pending.set };
	for (int sig = 1; sig <= NSIG_MAX; sig++) {
		__sighandler_t h = p->actions[sig - 1].sa_handler;

		if (h == SIG_IGN)
			s->ignored |= SIGNAL_BIT(sig);
		else if (h != SIG_DFL)
			s->caught |= SIGNAL_BIT(sig);
	}
}

static char state_of(const struct task *t)
{
	if (t == task_current())
		return 'R';
	if (t->stopped)
		return 'T';
	return t->thread->state == THREAD_SLEEPING ? 'S' : 'R';
}

static unsigned long long cpu_ticks(struct task *t, int pid)
{
	nsec_t ns = pid == t->process->pid ? process_cpu_time(t->process)
					   : thread_cpu_time(t->thread);

	return (unsigned long long)(ns / NSEC_PER_TICK);
}

static void show_stat_text(struct text_buffer *b, struct task *t, struct vmspace *vs, int pid)
{
	struct process *p = t->process;
	struct signal_sets s;

	signal_sets_get(t, &s);
	text_print(b, "%d (%s) %c %d %d %d 0 -1 4194304 %llu 0 %llu 0 %llu 0 0 0 %d %d %u 0 %llu ",
		   pid, t->thread->name, state_of(t), p->parent_pid, p->pgrp, p->session,
		   (unsigned long long)vs->nr_minor_faults, (unsigned long long)vs->nr_major_faults,
		   cpu_ticks(t, pid), 20 + t->thread->nice, t->thread->nice, p->nr_tasks,
		   (unsigned long long)(t->start_ns / NSEC_PER_TICK));
	text_print(
		b, "%llu %llu %llu %llu %llu %llu 0 0 %llu %llu %llu %llu 0 0 0 17 0 %d %d 0 0 0 ",
		(unsigned long long)(vs->nr_mapped * PAGE_SIZE), (unsigned long long)vs->nr_pages,
		(unsigned long long)process_limit(p, RLIMIT_RSS),
		(unsigned long long)vs->code_start, (unsigned long long)vs->code_end,
		(unsigned long long)vs->stack_top, (unsigned long long)s.pending,
		(unsigned long long)s.blocked, (unsigned long long)s.ignored,
		(unsigned long long)s.caught, t->thread->rt_priority, (int)t->thread->policy);
	text_print(b, "%llu %llu %llu %llu %llu %llu %llu %d\n", (unsigned long long)vs->data_start,
		   (unsigned long long)vs->data_end, (unsigned long long)vs->brk_start,
		   (unsigned long long)vs->arg_start, (unsigned long long)vs->arg_end,
		   (unsigned long long)vs->env_start, (unsigned long long)vs->env_end, 0);
}

/* Calls fn with the task and its address space, both held. */
static int with_task(struct text_buffer *b, int pid,
		     void (*fn)(struct text_buffer *, struct task *, struct vmspace *, int))
{
	struct task *t = find(pid);
	struct vmspace *vs;

	if (t == NULL)
		return -ESRCH;
	vs = space_of(t);
	if (vs != NULL) {
		fn(b, t, vs, pid);
		vmspace_put(vs);
	}
	task_put(t);
	return vs == NULL ? -ESRCH : 0;
}

static int show_stat(struct text_buffer *b, int pid)
{
	return with_task(b, pid, show_stat_text);
}
PROC_FILE(pid_stat) = { .path = "PID/stat", .mode = 0444, .show = show_stat };

static void show_statm_text(struct text_buffer *b, struct task *t, struct vmspace *vs, int pid)
{
	struct proc_memory m;

	proc_memory_get(vs, &m);
	text_print(b, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)vs->nr_mapped,
		   (unsigned long long)vs->nr_pages, (unsigned long long)m.file_pages,
		   (unsigned long long)m.code_pages,
		   (unsigned long long)(m.data_pages + m.stack_pages));
}

static int show_statm(struct text_buffer *b, int pid)
{
	return with_task(b, pid, show_statm_text);
}
PROC_FILE(statm) = { .path = "PID/statm", .mode = 0444, .show = show_statm };

static void show_ids(struct text_buffer *b, const struct cred *c)
{
	text_print(b, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
		   c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	text_print(b, "FDSize:\t256\nGroups:\t");
	for (unsigned i = 0; i < c->nr_groups; i++)
		text_print(b, "%u ", c->groups[i]);
	text_print(b, "\n");
}

static void show_memory(struct text_buffer *b, struct vmspace *vs)
{
	struct proc_memory m;
	const unsigned k = PAGE_SIZE / 1024;

	proc_memory_get(vs, &m);
	text_print(b,
		   "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmPin:\t       0 kB\n"
		   "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\n"
		   "RssFile:\t%8llu kB\nRssShmem:\t       0 kB\n",
		   (unsigned long long)vs->nr_mapped * k, (unsigned long long)vs->nr_mapped * k,
		   (unsigned long long)m.locked_pages * k,
		   (unsigned long long)vs->nr_pages_peak * k, (unsigned long long)vs->nr_pages * k,
		   (unsigned long long)(vs->nr_pages - min(m.file_pages, vs->nr_pages)) * k,
		   (unsigned long long)m.file_pages * k);
	text_print(b,
		   "VmData:\t%8llu kB\nVmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmLib:\t%8llu kB\n"
		   "VmPTE:\t%8llu kB\nVmSwap:\t       0 kB\n",
		   (unsigned long long)m.data_pages * k, (unsigned long long)m.stack_pages * k,
		   (unsigned long long)m.code_pages * k, (unsigned long long)m.library_pages * k,
		   (unsigned long long)(vs->nr_pages / 512 + 3) * k);
}

static void show_signals_and_caps(struct text_buffer *b, struct task *t, const struct cred *c)
{
	struct signal_sets s;

	signal_sets_get(t, &s);
	text_print(b,
		   "Threads:\t%u\nSigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n"
		   "SigBlk:\t%016llx\n"
		   "SigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		   t->process->nr_tasks, t->process->nr_queued,
		   (unsigned long long)process_limit(t->process, RLIMIT_SIGPENDING),
		   (unsigned long long)s.pending, (unsigned long long)s.shared,
		   (unsigned long long)s.blocked, (unsigned long long)s.ignored,
		   (unsigned long long)s.caught);
	text_print(b,
		   "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
		   "CapAmb:\t%016llx\n"
		   "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
		   (unsigned long long)c->cap_inheritable, (unsigned long long)c->cap_permitted,
		   (unsigned long long)c->cap_effective, (unsigned long long)c->cap_bounding,
		   (unsigned long long)c->cap_ambient, c->no_new_privs);
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	default:
		return "S (sleeping)";
	}
}

static void show_status_text(struct text_buffer *b, struct task *t, struct vmspace *vs, int pid)
{
	const struct thread *th = t->thread;
	const struct cred *c = th->cred;
	unsigned long long mask = (1ull << nr_cpus) - 1;

	text_print(b,
		   "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\n"
		   "TracerPid:\t0\n",
		   th->name, th->fs_view->umask, state_name(state_of(t)), t->process->pid, pid,
		   t->process->parent_pid);
	show_ids(b, c);
	text_print(b, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", t->process->pid, pid,
		   t->process->pgrp, t->process->session);
	show_memory(b, vs);
	show_signals_and_caps(b, t, c);
	text_print(b, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", th->affinity & mask);
	if (nr_cpus == 1)
		text_print(b, "0\n");
	else
		text_print(b, "0-%u\n", nr_cpus - 1);
	text_print(b,
		   "Mems_allowed:\t1\nMems_allowed_list:\t0\n"
		   "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		   (unsigned long long)th->nr_voluntary, (unsigned long long)th->nr_involuntary);
}

static int show_status(struct text_buffer *b, int pid)
{
	return with_task(b, pid, show_status_text);
}
PROC_FILE(status) = { .path = "PID/status", .mode = 0444, .show = show_status };

static const struct {
	const char *name, *unit;
} limit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", "" },
	[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void limit_text(uint64_t limit, char *buf, size_t size)
{
	if (limit == RLIM_INFINITY)
		string_copy(buf, "unlimited", size);
	else
		fmt(buf, size, "%llu", (unsigned long long)limit);
}

static int show_limits(struct text_buffer *b, int pid)
{
	struct process *p = process_find(pid);

	if (p == NULL)
		return -ESRCH;
	text_print(b, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		char soft[24], hard[24];

		limit_text(p->limits[i].soft, soft, sizeof(soft));
		limit_text(p->limits[i].hard, hard, sizeof(hard));
		text_print(b, "%-25s %-20s %-20s %-10s\n", limit_names[i].name, soft, hard,
			   limit_names[i].unit);
	}
	process_put(p);
	return 0;
}
PROC_FILE(limits) = { .path = "PID/limits", .mode = 0444, .show = show_limits };

/* ---- small ones ---- */

static int show_zero(struct text_buffer *b, int pid)
{
	text_print(b, "0\n");
	return 0;
}
PROC_FILE(oom_score) = { .path = "PID/oom_score", .mode = 0444, .show = show_zero };
PROC_FILE(oom_score_adj) = { .path = "PID/oom_score_adj", .mode = 0444, .show = show_zero };
PROC_FILE(loginuid) = { .path = "PID/loginuid", .mode = 0444, .show = show_zero };

static int show_cgroup(struct text_buffer *b, int pid)
{
	text_print(b, "0::/\n");
	return 0;
}
PROC_FILE(cgroup) = { .path = "PID/cgroup", .mode = 0444, .show = show_cgroup };

static int show_personality(struct text_buffer *b, int pid)
{
	struct process *p = process_find(pid);

	if (p == NULL)
		return -ESRCH;
	text_print(b, "%08x\n", p->personality);
	process_put(p);
	return 0;
}
PROC_FILE(personality) = { .path = "PID/personality", .mode = 0400, .show = show_personality };
