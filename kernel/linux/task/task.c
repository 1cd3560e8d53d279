/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and processes: making them, finding them by id, counting what they use.
 *
 * Ids come from one space (a process's id is its first task's) and are given out upwards,
 * wrapping, as Linux does. The table is a hash of lists under task_lock; ids in use are also bits
 * in a map.
 */
#include "linux/task/task.h"

#include "core/cred.h"
#include "core/timer.h"
#include "fs/vfs.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "linux/time/posix_timer.h"
#include "linux/signal/signals.h"
#include "mm/kmem.h"
#include "mm/page.h"
#include "mm/vmspace.h"

#define TABLE_SIZE  256
#define PID_WRAP_TO 300 /* as Linux: low ids are not given out again */

struct spinlock task_lock = SPINLOCK_INIT;
static struct list table[TABLE_SIZE];         /* [task_lock] */
static uint64_t ids[BITMAP_WORDS(PID_LIMIT)]; /* [task_lock] */
static int last_id;                           /* [task_lock] */

/* ---- ids, with task_lock held ---- */

static struct list *bucket(int tid)
{
	struct list *l = &table[tid % TABLE_SIZE];

	if (l->next == NULL)
		list_init(l);
	return l;
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
	last_id = (int)id;
	return last_id;
}

static struct task *find_locked(int tid)
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
	list_init(&t->pi_waiters);
	signal_pending_init(&t->pending);
	t->altstack.ss_flags = SS_DISABLE;
	t->timer_slack_ns = 50000;
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
	p->parent_pid = parent->pid;
	p->pgrp = parent->pgrp;
	p->session = parent->session;
	memcpy(p->actions, parent->actions, sizeof(p->actions));
	memcpy(p->limits, parent->limits, sizeof(p->limits));
	p->personality = parent->personality;
	p->dumpable = parent->dumpable;
	p->no_patch = parent->no_patch;
}

struct task *process_new(struct process *parent)
{
	struct process *p = kmem_new(struct process);
	struct task *t;

	if (p == NULL)
		return NULL;
	ref_init(&p->ref);
	list_init(&p->tasks);
	signal_pending_init(&p->pending);
	waitq_init(&p->signal_wq);
	waitq_init(&p->exit_wq);
	waitq_init(&p->continue_wq);
	list_init(&p->posix_timers);
	interval_timers_init(p);
	p->start_ns = clock_monotonic();
	p->dumpable = true;
	if (parent != NULL)
		inherit(p, parent);
	else
		process_limits_init(p);
	t = task_new(p);
	if (t != NULL) {
		p->pid = t->tid;
		if (parent == NULL)
			p->pgrp = p->session = p->pid;
	}
	process_put(p); /* the task holds it */
	return t;
}

void task_publish(struct task *t)
{
	struct process *p = t->process;

	scoped_spin(&task_lock);
	list_append(bucket(t->tid), &task_get(t)->id_link);
	scoped_spin(&p->lock);
	list_append(&p->tasks, &t->process_link);
	p->nr_tasks++;
	if ((p->exiting || p->exec_task != NULL) && t->thread != NULL)
		thread_set_work(t->thread, THREAD_WORK_KILLED);
	if (p->stopping && t->thread != NULL)
		thread_set_work(t->thread, THREAD_WORK_SIGNAL);
}

void task_discard(struct task *t)
{
	spin_lock(&task_lock);
	bitmap_clear(ids, (size_t)t->tid);
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
	kmem_free(p->exe_name);
	kmem_free(p);
}

/* ---- finding ---- */

struct task *task_find(int tid)
{
	scoped_spin(&task_lock);
	struct task *t = find_locked(tid);

	return t == NULL ? NULL : task_get(t);
}

/* Any task of the process whose id is pid, the leader being perhaps gone. With task_lock held. */
static struct process *find_process_locked(int pid)
{
	struct task *t = find_locked(pid);

	if (t != NULL)
		return t->process->pid == pid ? t->process : NULL;
	for (int i = 0; i < TABLE_SIZE; i++) {
		list_foreach(bucket(i), t, id_link) {
			if (t->process->pid == pid)
				return t->process;
		}
	}
	return NULL;
}

struct process *process_find(int pid)
{
	scoped_spin(&task_lock);
	struct process *p = find_process_locked(pid);

	return p == NULL ? NULL : process_get(p);
}

struct process *process_next(int after_pid)
{
	struct process *best = NULL;
	struct task *t;

	scoped_spin(&task_lock);
	for (int i = 0; i < TABLE_SIZE; i++) {
		list_foreach(bucket(i), t, id_link) {
			struct process *p = t->process;

			if (p->pid > after_pid && (best == NULL || p->pid < best->pid))
				best = p;
		}
	}
	return best == NULL ? NULL : process_get(best);
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
	last = --p->nr_tasks == 0;
	if (t->tid != p->pid)
		bitmap_clear(ids, (size_t)t->tid);
	if (last)
		bitmap_clear(ids, (size_t)p->pid); /* taken as long as the process */
	p->dead_cpu_ns += thread_cpu_time(t->thread);
	p->dead_voluntary += t->thread->nr_voluntary;
	p->dead_involuntary += t->thread->nr_involuntary;
	waitq_wake_all(&p->exit_wq, 0);
	return last;
}

void task_become_leader(struct task *t)
{
	scoped_spin(&task_lock);
	if (t->tid == t->process->pid)
		return;
	list_remove(&t->id_link);
	bitmap_clear(ids, (size_t)t->tid);
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

nsec_t process_cpu_time(struct process *p)
{
	nsec_t sum;
	struct task *t;

	scoped_spin(&p->lock);
	sum = p->dead_cpu_ns;
	list_foreach(&p->tasks, t, process_link) {
		if (t->thread != NULL)
			sum += thread_cpu_time(t->thread);
	}
	return sum;
}

static void count_switches(struct process *p, struct rusage *out)
{
	struct task *t;

	scoped_spin(&p->lock);
	out->ru_nvcsw = (long)p->dead_voluntary;
	out->ru_nivcsw = (long)p->dead_involuntary;
	list_foreach(&p->tasks, t, process_link) {
		if (t->thread == NULL)
			continue;
		out->ru_nvcsw += (long)t->thread->nr_voluntary;
		out->ru_nivcsw += (long)t->thread->nr_involuntary;
	}
}

void process_usage(struct process *p, struct rusage *out)
{
	nsec_t cpu = process_cpu_time(p);
	struct vmspace *vs = process_vmspace(p);
	uint64_t pages = p->max_rss_pages;

	*out = (struct rusage){
		.ru_utime = { cpu / NSEC_PER_SEC, cpu % NSEC_PER_SEC / 1000 },
	};
	count_switches(p, out);
	if (vs != NULL) {
		pages = max(pages, READ_ONCE(vs->nr_pages_peak));
		out->ru_minflt = (long)READ_ONCE(vs->nr_minor_faults);
		out->ru_majflt = (long)READ_ONCE(vs->nr_major_faults);
		vmspace_put(vs);
	}
	out->ru_maxrss = (long)(pages * (PAGE_SIZE / 1024));
}
