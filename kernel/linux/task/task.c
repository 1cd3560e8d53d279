/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and processes: making them, finding them by id, counting what they use.
 *
 * Ids come from one space (a process's id is its first task's) and are given out upwards,
 * wrapping, as Linux does. The tables are hashes of lists under task_lock; ids in use are also bits
 * in a map. An id stays in use while a task, a process (a zombie too), a group or a session bears
 * it: a count for each id, so that nobody looks through all processes when one of many ends.
 */
#include "linux/task/task.h"

#include "core/cred.h"
#include "core/time/timer.h"
#include "fs/vfs.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/time/posix_timer.h"
#include "linux/signal/signals.h"
#include "linux/task/rlimits.h"
#include "linux/task/seccomp.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"

#define TABLE_SIZE  256
#define PID_WRAP_TO 300 /* as Linux: low ids are not given out again */

struct spinlock task_lock = SPINLOCK_INIT;
struct list process_list = LIST_INIT(process_list);
static struct list table[TABLE_SIZE];         /* [task_lock] tasks by id_link */
static struct list process_table[TABLE_SIZE]; /* [task_lock] by table_link */
static uint64_t ids[BITMAP_WORDS(PID_LIMIT)]; /* [task_lock] */
/* [task_lock] one for a process, for each other process of its group or session, for a task that
 * leads no process */
static uint16_t id_uses[PID_LIMIT];
static int last_id;                /* [task_lock] */
static unsigned nr_alive, nr_made; /* [task_lock] published tasks */

/* ---- ids, with task_lock held ---- */

static struct list *bucket_of(struct list *hash, int id)
{
	struct list *l = &hash[id % TABLE_SIZE];

	if (l->next == NULL)
		list_init(l);
	return l;
}

static struct list *bucket(int tid)
{
	return bucket_of(table, tid);
}

/* 0: none left. */
static int take_id(void)
{
	size_t id = bitmap_find_clear(ids, PID_LIMIT, (size_t)last_id + 1);

	if (id >= PID_LIMIT)
		id = bitmap_find_clear(ids, PID_LIMIT, PID_WRAP_TO);
	if (id >= PID_LIMIT)
		return 0;
	bitmap_set(ids, id);
	id_uses[id] = 1;
	last_id = (int)id;
	return last_id;
}

static void drop_id(int id)
{
	if (--id_uses[id] == 0)
		bitmap_clear(ids, (size_t)id);
}

static void hold_groups(const struct process *p)
{
	if (p->pgrp != p->pid)
		id_uses[p->pgrp]++;
	if (p->session != p->pid && p->session != p->pgrp)
		id_uses[p->session]++;
}

static void drop_groups(int pid, int pgrp, int session)
{
	if (pgrp != pid)
		drop_id(pgrp);
	if (session != pid && session != pgrp)
		drop_id(session);
}

void process_set_groups_locked(struct process *p, int pgrp, int session)
{
	int old_pgrp = p->pgrp, old_session = p->session;

	p->pgrp = pgrp;
	p->session = session;
	hold_groups(p);
	drop_groups(p->pid, old_pgrp, old_session);
}

struct task *task_find_locked(int tid)
{
	struct task *t;

	if (tid <= 0 || tid >= PID_LIMIT)
		return NULL;
	list_foreach(bucket(tid), t, id_link) {
		if (t->tid == tid)
			return t;
	}
	return NULL;
}

struct process *process_find_locked(int pid)
{
	struct process *p;

	if (pid <= 0 || pid >= PID_LIMIT)
		return NULL;
	list_foreach(bucket_of(process_table, pid), p, table_link) {
		if (p->pid == pid)
			return p;
	}
	return NULL;
}

/* ---- making ---- */

struct task *task_new(struct process *p)
{
	struct task *t = kmem_new(struct task);

	if (t == NULL)
		return NULL;
	spin_lock(&task_lock);
	t->tid = take_id();
	spin_unlock(&task_lock);
	if (t->tid == 0) {
		kmem_free(t);
		return NULL;
	}
	ref_init(&t->ref);
	t->process = process_get(p);
	list_init(&t->process_link);
	list_init(&t->id_link);
	list_init(&t->pi_locks);
	signal_pending_init(&t->pending);
	t->altstack.ss_flags = SS_DISABLE;
	t->mce_kill = 2; /* PR_MCE_KILL_DEFAULT */
	t->start_ns = clock_monotonic();
	return t;
}

static void interval_timers_init(struct process *p)
{
	for (int i = 0; i < 3; i++) {
		p->itimers[i].process = p;
		p->itimers[i].which = i;
		timer_init(&p->itimers[i].timer, posix_timer_interval_rings);
	}
}

/* What a forked process keeps of its parent. */
static void inherit(struct process *p, struct process *parent)
{
	scoped_spin(&parent->lock);
	memcpy(p->limits, parent->limits, sizeof(p->limits));
	p->personality = parent->personality;
	p->dumpable = parent->dumpable;
	p->thp_disable = parent->thp_disable;
	p->no_patch = parent->no_patch;
	p->terminal = parent->terminal;
	p->membarriers = parent->membarriers;
	p->oom_score_adj = parent->oom_score_adj;
	p->uid = parent->uid;
}

struct task *process_new(struct process *parent)
{
	struct process *p = kmem_new(struct process);
	struct task *t;

	if (p == NULL)
		return NULL;
	ref_init(&p->ref);
	list_init(&p->tasks);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->table_link);
	list_init(&p->all_link);
	p->exit_signal = SIGCHLD;
	signal_pending_init(&p->pending);
	waitq_init(&p->child_wq);
	waitq_init(&p->signal_wq);
	waitq_init(&p->exit_wq);
	waitq_init(&p->continue_wq);
	list_init(&p->posix_timers);
	interval_timers_init(p);
	cpu_limit_init(p);
	p->start_ns = clock_monotonic();
	p->dumpable = true;
	if (parent != NULL)
		inherit(p, parent);
	else
		process_limits_init(p);
	p->actions = signal_actions_new(parent != NULL ? parent->actions : NULL);
	t = p->actions == NULL ? NULL : task_new(p);
	if (t != NULL) {
		p->pid = t->tid;
		p->pgrp = p->session = p->pid;
	}
	process_put(p); /* the task holds it */
	return t;
}

/* ---- publishing, with task_lock held ---- */

static void publish_process(struct process *p, struct process *parent)
{
	list_append(bucket_of(process_table, p->pid), &process_get(p)->table_link);
	list_append(&process_list, &p->all_link);
	p->parent = parent;
	if (parent == NULL)
		return;
	p->parent_pid = parent->pid;
	p->parent_tid = parent == process_current() ? task_current()->tid : parent->pid;
	list_append(&parent->children, &p->sibling);
}

static void publish_child(struct process *p, bool is_sibling)
{
	struct process *self = process_current();

	process_set_groups_locked(p, self->pgrp, self->session);
	if (is_sibling) {
		p->exit_signal = self->exit_signal;
		p->parent_pid = self->parent_pid;
	}
	publish_process(p, is_sibling ? self->parent : self);
}

static void publish_task(struct task *t)
{
	struct process *p = t->process;

	list_append(bucket(t->tid), &task_get(t)->id_link);
	nr_alive++;
	nr_made++;
	scoped_spin(&p->lock);
	list_append(&p->tasks, &t->process_link);
	p->nr_tasks++;
	p->nr_staying++;
	if ((p->exiting || p->exec_task != NULL) && t->thread != NULL)
		thread_set_work(t->thread, THREAD_WORK_KILLED);
	if (p->stopping && t->thread != NULL)
		thread_set_work(t->thread, THREAD_WORK_SIGNAL);
}

int task_publish(struct task *t, bool is_sibling)
{
	scoped_spin(&task_lock);
	if (t->process != process_current()) {
		if (thread_has_signal(thread_current()))
			return -ERESTARTNOINTR;
		publish_child(t->process, is_sibling);
	}
	seccomp_inherit_locked(t);
	publish_task(t);
	return 0;
}

void task_publish_first(struct task *t)
{
	scoped_spin(&task_lock);
	publish_process(t->process, NULL);
	publish_task(t);
}

int task_choose_id(struct task *t, int tid)
{
	struct process *p = t->process;

	if (tid <= 0 || tid >= PID_LIMIT)
		return -EINVAL;
	scoped_spin(&task_lock);
	if (bitmap_test(ids, (size_t)tid))
		return -EEXIST;
	bitmap_set(ids, (size_t)tid);
	id_uses[tid] = 1;
	drop_id(t->tid);
	if (p->pid == t->tid)
		p->pid = p->pgrp = p->session = tid;
	t->tid = tid;
	return 0;
}

void task_discard(struct task *t)
{
	spin_lock(&task_lock);
	drop_id(t->tid);
	spin_unlock(&task_lock);
	task_put(t);
}

void task_attach(struct task *t, struct thread *thread)
{
	t->thread = thread;
	thread->task = t;
}

/* ---- counting ---- */

struct task *task_get(struct task *t)
{
	ref_get(&t->ref);
	return t;
}

void task_put(struct task *t)
{
	if (!ref_put(&t->ref))
		return;
	if (t->thread != NULL) {
		cred_put(t->thread->cred);
		thread_discard(t->thread);
	}
	seccomp_drop(t->seccomp);
	process_put(t->process);
	kmem_free(t);
}

struct process *process_get(struct process *p)
{
	ref_get(&p->ref);
	return p;
}

void process_put(struct process *p)
{
	if (!ref_put(&p->ref))
		return;
	if (p->dead_cred != NULL)
		cred_put(p->dead_cred);
	if (p->actions != NULL)
		signal_actions_put(p->actions);
	kmem_free(p->exe_name);
	kmem_free(p);
}

/* ---- finding ---- */

struct task *task_find(int tid)
{
	scoped_spin(&task_lock);
	struct task *t = task_find_locked(tid);

	return t == NULL ? NULL : task_get(t);
}

struct process *process_find(int pid)
{
	scoped_spin(&task_lock);
	struct process *p = process_find_locked(pid);

	return p == NULL ? NULL : process_get(p);
}

struct process *process_next(int after_pid)
{
	size_t id = (size_t)max(after_pid, 0);

	scoped_spin(&task_lock);
	while ((id = bitmap_find_set(ids, PID_LIMIT, id + 1)) < PID_LIMIT) {
		struct process *p = process_find_locked((int)id);

		if (p != NULL)
			return process_get(p);
	}
	return NULL;
}

struct task *process_leader(struct process *p)
{
	scoped_spin(&p->lock);
	struct task *t = list_first(&p->tasks, struct task, process_link), *leader;

	list_foreach(&p->tasks, leader, process_link) {
		if (leader->tid == p->pid)
			return task_get(leader);
	}
	return t == NULL ? NULL : task_get(t);
}

/* Takes a task that ended out of the table and its process; true: it was the last. */
bool task_unpublish(struct task *t)
{
	struct process *p = t->process;
	bool last;

	scoped_spin(&task_lock);
	scoped_spin(&p->lock);
	list_remove(&t->id_link);
	list_remove(&t->process_link);
	nr_alive--;
	last = --p->nr_tasks == 0;
	if (t->tid != p->pid)
		drop_id(t->tid);
	if (last) {
		p->dead_cred = cred_get(t->thread->cred);
		memcpy(p->dead_name, t->thread->name, sizeof(p->dead_name));
	}
	p->dead.cpu_ns += thread_cpu_time(t->thread);
	p->dead.nr_voluntary += t->thread->nr_voluntary;
	p->dead.nr_involuntary += t->thread->nr_involuntary;
	return last;
}

void process_unpublish_locked(struct process *p)
{
	struct signal_actions *actions = p->actions;

	spin_lock(&p->lock);
	p->actions = NULL;
	spin_unlock(&p->lock);
	signal_actions_put(actions); /* whoever waited for it may find them unshared */
	list_remove(&p->table_link);
	list_remove(&p->all_link);
	list_remove(&p->sibling);
	p->parent = NULL;
	drop_groups(p->pid, p->pgrp, p->session);
	drop_id(p->pid);
}

void task_become_leader(struct task *t)
{
	scoped_spin(&task_lock);
	if (t->tid == t->process->pid)
		return;
	list_remove(&t->id_link);
	drop_id(t->tid);
	t->tid = t->process->pid;
	list_append(bucket(t->tid), &t->id_link);
}

/* ---- what others may look at ---- */

struct vmspace *process_vmspace(struct process *p)
{
	struct task *t;

	scoped_spin(&task_lock);
	scoped_spin(&p->lock);
	list_foreach(&p->tasks, t, process_link) {
		if (t->thread->vmspace != NULL)
			return vmspace_get(t->thread->vmspace);
	}
	return NULL;
}

struct fd_table *task_fds(struct task *t)
{
	scoped_spin(&task_lock);
	return t->fds == NULL ? NULL : fd_table_get(t->fds);
}

struct fs_view *task_fs_view(struct task *t)
{
	struct fs_view *v;

	scoped_spin(&task_lock);
	v = t->thread != NULL ? t->thread->fs_view : NULL;
	if (v != NULL)
		fs_view_get(v);
	return v;
}

struct cred *task_cred(struct task *t)
{
	scoped_spin(&task_lock);
	return cred_get(t->thread == NULL ? &cred_kernel : t->thread->cred);
}

/* ---- what they use ---- */

unsigned task_nr_alive(void)
{
	return READ_ONCE(nr_alive);
}

unsigned task_nr_made(void)
{
	return READ_ONCE(nr_made);
}

int task_last_id(void)
{
	return READ_ONCE(last_id);
}

unsigned task_count_user(uint32_t uid)
{
	unsigned nr = 0;
	struct task *t;

	scoped_spin(&task_lock);
	for (int i = 0; i < TABLE_SIZE; i++) {
		list_foreach(bucket(i), t, id_link)
			nr += t->thread != NULL && t->thread->cred->uid == uid;
	}
	return nr;
}

nsec_t process_cpu_time(struct process *p)
{
	nsec_t sum;
	struct task *t;

	scoped_spin(&p->lock);
	sum = p->dead.cpu_ns;
	list_foreach(&p->tasks, t, process_link) {
		if (t->thread != NULL)
			sum += thread_cpu_time(t->thread);
	}
	return sum;
}

static void count_tasks(struct process *p, struct usage *out)
{
	struct task *t;

	scoped_spin(&p->lock);
	*out = p->dead;
	list_foreach(&p->tasks, t, process_link) {
		if (t->thread == NULL)
			continue;
		out->cpu_ns += thread_cpu_time(t->thread);
		out->nr_voluntary += t->thread->nr_voluntary;
		out->nr_involuntary += t->thread->nr_involuntary;
	}
}

static void add_space(struct usage *u, const struct vmspace *vs)
{
	u->max_rss_pages = max(u->max_rss_pages, READ_ONCE(vs->nr_pages_peak));
	u->nr_minor_faults += READ_ONCE(vs->nr_minor_faults);
	u->nr_major_faults += READ_ONCE(vs->nr_major_faults);
}

void process_usage_keep(struct process *p, struct vmspace *vs)
{
	scoped_spin(&p->lock);
	add_space(&p->dead, vs);
}

void process_usage_get(struct process *p, struct usage *out)
{
	struct vmspace *vs = process_vmspace(p);

	count_tasks(p, out);
	if (vs == NULL)
		return;
	add_space(out, vs);
	vmspace_put(vs);
}

void usage_add(struct usage *to, const struct usage *u)
{
	to->cpu_ns += u->cpu_ns;
	to->nr_voluntary += u->nr_voluntary;
	to->nr_involuntary += u->nr_involuntary;
	to->nr_minor_faults += u->nr_minor_faults;
	to->nr_major_faults += u->nr_major_faults;
	to->max_rss_pages = max(to->max_rss_pages, u->max_rss_pages);
}

void usage_to_rusage(const struct usage *u, struct rusage *out)
{
	*out = (struct rusage){
		.ru_utime = { u->cpu_ns / NSEC_PER_SEC, u->cpu_ns % NSEC_PER_SEC / 1000 },
		.ru_maxrss = (long)(u->max_rss_pages * (PAGE_SIZE / 1024)),
		.ru_minflt = (long)u->nr_minor_faults,
		.ru_majflt = (long)u->nr_major_faults,
		.ru_nvcsw = (long)u->nr_voluntary,
		.ru_nivcsw = (long)u->nr_involuntary,
	};
}

void process_usage(struct process *p, struct rusage *out)
{
	struct usage u;

	process_usage_get(p, &u);
	usage_to_rusage(&u, out);
}
