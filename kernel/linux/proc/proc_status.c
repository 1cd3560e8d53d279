/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process is and has used: /proc/<pid>/stat, statm, status (proc(5)), field by field as
 * Linux has them. A zombie has no task and no memory: its own fields are what it left, the others
 * zero.
 */
#include "core/cred.h"
#include "core/smp/cpu.h"
#include "fs/proc/proc.h"
#include "fs/tty/port.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/proc/proc_maps.h"
#include "linux/proc/proc_task.h"
#include "linux/signal/signals.h"
#include "linux/task/seccomp.h"
#include "linux/task/task.h"
#include "linux/task/user_counts.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"

#define TICKS_PER_SEC 100
#define NSEC_PER_TICK (NSEC_PER_SEC / TICKS_PER_SEC)
#define PF_FORKNOEXEC 0x40

struct signal_sets {
	uint64_t ignored, caught, blocked, pending, shared;
};

/* A task or a zombie, as its files show it. */
struct subject {
	int id;                  /* the process's or the task's */
	struct process *process; /* counted */
	struct task *task;       /* counted; NULL: a zombie */
	struct vmspace *space;   /* counted, or NULL */
	struct cred *cred;       /* counted */
	struct signal_sets signals;
	struct usage usage, children; /* of the process */
	nsec_t cpu_ns;                /* of what is shown: all its tasks or the one */
};

static void signal_sets_get(struct subject *s)
{
	struct signal_sets *out = &s->signals;
	struct process *p = s->process;

	scoped_spin(&p->lock);
	out->shared = p->pending.set;
	if (s->task != NULL) {
		out->blocked = s->task->blocked;
		out->pending = s->task->pending.set;
	}
	for (int sig = 1; sig <= NSIG_MAX && p->actions != NULL; sig++) {
		__sighandler_t h = signal_handler_of(p->actions, sig);

		if (h == SIG_IGN)
			out->ignored |= SIGNAL_BIT(sig);
		else if (h != SIG_DFL)
			out->caught |= SIGNAL_BIT(sig);
	}
}

static struct cred *cred_of_zombie(struct process *p)
{
	scoped_spin(&task_lock);
	return cred_get(p->dead_cred != NULL ? p->dead_cred : &cred_kernel);
}

static int subject_get(int id, struct subject *s)
{
	memset(s, 0, sizeof(*s));
	s->id = id;
	s->process = proc_process(id);
	if (s->process == NULL)
		return -ESRCH;
	s->task = proc_task(id);
	if (s->task != NULL) {
		s->space = proc_task_space(s->task);
		s->cred = task_cred(s->task);
	} else {
		s->cred = cred_of_zombie(s->process);
	}
	signal_sets_get(s);
	process_usage_get(s->process, &s->usage);
	s->cpu_ns = s->usage.cpu_ns;
	if (id != s->process->pid && s->task != NULL)
		s->cpu_ns = thread_cpu_time(s->task->thread);
	scoped_spin(&task_lock);
	s->children = s->process->child_usage;
	return 0;
}

static void subject_put(struct subject *s)
{
	if (s->space != NULL)
		vmspace_put(s->space);
	if (s->task != NULL)
		task_put(s->task);
	cred_put(s->cred);
	process_put(s->process);
}

static const char *name_of(const struct subject *s)
{
	return s->task != NULL ? s->task->thread->name : s->process->dead_name;
}

static char state_of(const struct subject *s)
{
	/* So is a process whose first task ended before the others (ps(1): "Zl"). */
	if (s->task == NULL || (s->id == s->process->pid && s->task->tid != s->id))
		return 'Z';
	if (s->task == task_current())
		return 'R';
	if (READ_ONCE(s->task->stopped))
		return 'T';
	switch (READ_ONCE(s->task->thread->state)) {
	case THREAD_SLEEPING:
		return READ_ONCE(s->task->thread->interruptible) ? 'S' : 'D';
	case THREAD_DEAD:
		return 'X';
	default:
		return 'R';
	}
}

static unsigned long long ticks(nsec_t ns)
{
	return (unsigned long long)(ns / NSEC_PER_TICK);
}

/* ---- stat ---- */

static void stat_identity(struct text_buffer *b, const struct subject *s)
{
	const struct process *p = s->process;
	int tty_nr, tty_pgrp;

	tty_of_process(p->terminal, p->session, &tty_nr, &tty_pgrp);
	text_print(b, "%d (%s) %c %d %d %d %d %d %u ", s->id, name_of(s), state_of(s),
		   p->parent_pid, p->pgrp, p->session, tty_nr, tty_pgrp,
		   0x400000 | (p->did_exec ? 0 : PF_FORKNOEXEC));
}

static void stat_use(struct text_buffer *b, const struct subject *s)
{
	const struct thread *t = s->task != NULL ? s->task->thread : NULL;
	int level = t != NULL ? thread_level(t) : 0, nice = t != NULL ? t->nice : 0;

	text_print(b, "%llu %llu %llu %llu %llu 0 %llu 0 %d %d %u 0 %llu ",
		   (unsigned long long)s->usage.nr_minor_faults,
		   (unsigned long long)s->children.nr_minor_faults,
		   (unsigned long long)s->usage.nr_major_faults,
		   (unsigned long long)s->children.nr_major_faults, ticks(s->cpu_ns),
		   ticks(s->children.cpu_ns), level > 0 ? -1 - level : 20 + nice, nice,
		   s->task != NULL ? s->process->nr_tasks : 1,
		   ticks(s->task != NULL ? s->task->start_ns : s->process->start_ns));
}

static void stat_memory(struct text_buffer *b, const struct subject *s)
{
	static const struct vmspace none;
	const struct vmspace *vs = s->space != NULL ? s->space : &none;

	text_print(b, "%llu %llu %llu %llu %llu %llu 0 0 ",
		   (unsigned long long)(vs->nr_mapped * PAGE_SIZE),
		   (unsigned long long)vs->nr_pages,
		   (unsigned long long)process_limit(s->process, RLIMIT_RSS),
		   (unsigned long long)vs->code_start, (unsigned long long)vs->code_end,
		   (unsigned long long)vs->stack_top);
}

static void stat_rest(struct text_buffer *b, const struct subject *s)
{
	static const struct vmspace none;
	const struct vmspace *vs = s->space != NULL ? s->space : &none;
	const struct thread *t = s->task != NULL ? s->task->thread : NULL;

	text_print(b, "%llu %llu %llu %llu 0 0 0 %d %u %d %d 0 0 0 ",
		   (unsigned long long)s->signals.pending, (unsigned long long)s->signals.blocked,
		   (unsigned long long)s->signals.ignored, (unsigned long long)s->signals.caught,
		   s->process->exit_signal, t != NULL ? t->cpu->id : 0,
		   t != NULL ? t->rt_priority : 0, t != NULL ? (int)t->policy : 0);
	text_print(b, "%llu %llu %llu %llu %llu %llu %llu %d\n", (unsigned long long)vs->data_start,
		   (unsigned long long)vs->data_end, (unsigned long long)vs->brk_start,
		   (unsigned long long)vs->arg_start, (unsigned long long)vs->arg_end,
		   (unsigned long long)vs->env_start, (unsigned long long)vs->env_end,
		   s->task == NULL ? s->process->exit_status : 0);
}

static int show_stat(struct text_buffer *b, int pid)
{
	struct subject s;
	int err = subject_get(pid, &s);

	if (err != 0)
		return err;
	stat_identity(b, &s);
	stat_use(b, &s);
	stat_memory(b, &s);
	stat_rest(b, &s);
	subject_put(&s);
	return 0;
}
PROC_FILE(pid_stat) = { .path = "PID/stat", .mode = 0444, .show = show_stat };

static int show_statm(struct text_buffer *b, int pid)
{
	struct proc_memory m = { 0 };
	struct subject s;
	int err = subject_get(pid, &s);

	if (err != 0)
		return err;
	if (s.space != NULL)
		proc_memory_get(s.space, &m);
	text_print(b, "%llu %llu %llu %llu 0 %llu 0\n",
		   (unsigned long long)(s.space != NULL ? s.space->nr_mapped : 0),
		   (unsigned long long)(s.space != NULL ? s.space->nr_pages : 0),
		   (unsigned long long)m.file_pages, (unsigned long long)m.code_pages,
		   (unsigned long long)(m.data_pages + m.stack_pages));
	subject_put(&s);
	return 0;
}
PROC_FILE(statm) = { .path = "PID/statm", .mode = 0444, .show = show_statm };

/* ---- status ---- */

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

static void show_signals(struct text_buffer *b, const struct subject *s)
{
	text_print(b,
		   "Threads:\t%u\nSigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n"
		   "SigBlk:\t%016llx\n"
		   "SigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		   s->task != NULL ? s->process->nr_tasks : 1,
		   user_counts_signals(READ_ONCE(s->process->uid)),
		   (unsigned long long)process_limit(s->process, RLIMIT_SIGPENDING),
		   (unsigned long long)s->signals.pending, (unsigned long long)s->signals.shared,
		   (unsigned long long)s->signals.blocked, (unsigned long long)s->signals.ignored,
		   (unsigned long long)s->signals.caught);
}

static void show_caps(struct text_buffer *b, const struct cred *c, struct task *t)
{
	text_print(b,
		   "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
		   "CapAmb:\t%016llx\n"
		   "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%u\n",
		   (unsigned long long)c->cap_inheritable, (unsigned long long)c->cap_permitted,
		   (unsigned long long)c->cap_effective, (unsigned long long)c->cap_bounding,
		   (unsigned long long)c->cap_ambient, t != NULL && READ_ONCE(t->no_new_privs),
		   t != NULL ? READ_ONCE(t->seccomp_mode) : 0,
		   t != NULL ? seccomp_nr_filters(t) : 0);
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	case 'D':
		return "D (disk sleep)";
	case 'Z':
		return "Z (zombie)";
	case 'X':
		return "X (dead)";
	default:
		return "S (sleeping)";
	}
}

static unsigned umask_of(const struct subject *s)
{
	struct fs_view *view = s->task != NULL ? task_fs_view(s->task) : NULL;
	unsigned mask = 0;

	if (view != NULL) {
		mask = view->umask;
		fs_view_put(view);
	}
	return mask;
}

static void show_cpus(struct text_buffer *b, const struct thread *t)
{
	uint64_t all = nr_cpus >= 64 ? ~0ull : (1ull << nr_cpus) - 1;
	uint64_t mask = t != NULL ? t->affinity & all : all;
	bool first = true;

	text_print(b, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (unsigned long long)mask);
	for (unsigned i = 0; i < nr_cpus; i++) {
		unsigned last = i;

		if ((mask >> i & 1) == 0)
			continue;
		while (last + 1 < nr_cpus && (mask >> (last + 1) & 1) != 0)
			last++;
		text_print(b, "%s%u", first ? "" : ",", i);
		if (last > i)
			text_print(b, "-%u", last);
		first = false;
		i = last;
	}
	text_print(b, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static int show_status(struct text_buffer *b, int pid)
{
	struct subject s;
	int err = subject_get(pid, &s);

	if (err != 0)
		return err;
	text_print(b,
		   "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\n"
		   "TracerPid:\t0\n",
		   name_of(&s), umask_of(&s), state_name(state_of(&s)), s.process->pid, s.id,
		   s.process->parent_pid);
	show_ids(b, s.cred);
	text_print(b, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", s.process->pid, s.id,
		   s.process->pgrp, s.process->session);
	if (s.space != NULL)
		show_memory(b, s.space);
	show_signals(b, &s);
	show_caps(b, s.cred, s.task);
	show_cpus(b, s.task != NULL ? s.task->thread : NULL);
	text_print(b, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		   (unsigned long long)(s.task != NULL ? s.task->thread->nr_voluntary
						       : s.usage.nr_voluntary),
		   (unsigned long long)(s.task != NULL ? s.task->thread->nr_involuntary
						       : s.usage.nr_involuntary));
	subject_put(&s);
	return 0;
}
PROC_FILE(status) = { .path = "PID/status", .mode = 0444, .show = show_status };
