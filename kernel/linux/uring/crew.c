/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task's part in io_uring: its workers and what waits for them.
 *
 * A worker is a thread of the kernel's that acts for the task: it has a task of its own that is
 * never published (no id of it is seen, no signal reaches it), in the same process, on the same
 * memory, and takes the descriptors and working directory that the task has when it begins a
 * request. Workers are made when the first request needs them, and end with the task, or at exec:
 * the memory, descriptors and credentials of before must have no users then.
 *
 * When the task itself waits in io_uring_enter(2), what becomes ready wakes it instead of a worker.
 */
#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"
#include "linux/uring/exit.h"
#include "linux/uring/uring.h"
#include "mm/alloc/kmem.h"
#include "mm/vmspace.h"

#define WAITING_MAX 64

struct worker {
	struct list link; /* [crew.lock] */
	struct crew *crew;
	struct thread *thread;
};

static void crew_init(struct crew *c, struct uring_task *part, unsigned max_workers)
{
	list_init(&c->queue);
	list_init(&c->all);
	waitq_init(&c->wq);
	c->max = max_workers;
	c->part = part;
}

struct uring_task *uring_task_current(void)
{
	struct task *self = task_current();
	struct uring_task *part = self->uring;

	if (part != NULL)
		return part;
	part = kmem_new(struct uring_task);
	if (part == NULL)
		return NULL;
	ref_init(&part->ref);
	part->task = self;
	crew_init(&part->ready, part, 1);
	crew_init(&part->waiting, part, WAITING_MAX);
	list_init(&part->requests);
	waitq_init(&part->gone);
	self->uring = part;
	return part;
}

struct uring_task *uring_task_get(struct uring_task *part)
{
	ref_get(&part->ref);
	return part;
}

void uring_task_put(struct uring_task *part)
{
	if (ref_put(&part->ref))
		kmem_free(part);
}

/* ---- workers ---- */

/* What the task has by now: the worker has it, too. */
static void follow(struct uring_task *part)
{
	struct task *self = task_current();
	struct thread *thread = thread_current();
	struct fd_table *fds = self->fds;
	struct fs_view *view = thread->fs_view;

	if (READ_ONCE(part->task->fds) != fds) {
		self->fds = task_fds(part->task);
		fd_table_put(fds);
	}
	if (READ_ONCE(part->task->thread->fs_view) != view) {
		thread->fs_view = task_fs_view(part->task);
		if (view != NULL)
			fs_view_put(view);
	}
}

static struct request *take(struct crew *c, struct thread *worker)
{
	scoped_spin(&c->lock);
	struct request *r = list_first(&c->queue, struct request, queue_link);

	if (r == NULL)
		return NULL;
	list_remove(&r->queue_link);
	if (worker != NULL)
		r->runner = worker;
	(void)atomic_exchange(&r->state, (unsigned)REQUEST_RUNNING);
	return r;
}

static bool has_work(struct crew *c)
{
	return READ_ONCE(c->queue.next) != &c->queue;
}

/* A request of the crew that may wait: what can be polled does not, nevertheless. */
static void run_waiting(struct crew *c, struct request *r)
{
	bool polls = (r->op->traits & (OP_IN | OP_OUT)) != 0 && r->file != NULL &&
		     r->file->ops->poll != NULL && r->nr_rearmed == 0;

	r->may_wait = !polls;
	ref_get(&r->ref);
	request_run(r);
	spin_lock(&c->lock);
	if (r->runner == thread_current())
		r->runner = NULL;
	thread_clear_work(thread_current(), THREAD_WORK_SIGNAL);
	spin_unlock(&c->lock);
	request_put(r);
}

static void count_idle(struct crew *c, int change)
{
	scoped_spin(&c->lock);
	c->nr_idle += (unsigned)change;
}

static void work(struct crew *c)
{
	struct uring_task *part = c->part;
	bool waits = c == &part->waiting;
	struct request *r;

	for (;;) {
		r = take(c, waits ? thread_current() : NULL);
		if (r == NULL && atomic_load(&part->ends))
			return;
		if (r == NULL) {
			count_idle(c, 1);
			(void)wait_event(&c->wq, has_work(c) || atomic_load(&part->ends),
					 WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
			count_idle(c, -1);
			continue;
		}
		follow(part);
		if (waits)
			run_waiting(c, r);
		else
			request_run(r);
	}
}

static void release_shares(struct task *self)
{
	struct thread *thread = thread_current();
	struct vmspace *vs = thread->vmspace;

	fd_table_put(self->fds);
	self->fds = NULL;
	if (thread->fs_view != NULL)
		fs_view_put(thread->fs_view);
	thread->fs_view = NULL;
	sched_switch_space(NULL);
	vmspace_put(vs);
	signal_pending_drop(self->process, &self->pending, ~0ull);
}

static void worker_gone(struct thread *thread)
{
	thread_free_stack(thread);
	task_discard(thread->task);
}

static void worker_main(void *arg)
{
	struct worker *w = arg;
	struct crew *c = w->crew;
	struct uring_task *part = c->part;

	work(c);
	release_shares(task_current());
	spin_lock(&c->lock);
	list_remove(&w->link);
	spin_unlock(&c->lock);
	kmem_free(w);
	/* The last sign of life: the task may be gone after this. */
	atomic_sub(&c->nr, 1);
	waitq_wake_all(&part->gone, 0);
	uring_task_put(part);
	thread_exit(worker_gone);
}

/* The thread and the task that nobody sees. */
static struct task *worker_task_new(struct uring_task *part, struct worker *w)
{
	struct thread *self = thread_current(), *thread;
	struct task *t = task_new(part->task->process);

	if (t == NULL)
		return NULL;
	thread = thread_new("iou-wrk", worker_main, w);
	if (thread == NULL) {
		task_discard(t);
		return NULL;
	}
	task_attach(t, thread);
	t->blocked = ~0ull;
	t->fds = task_fds(part->task);
	thread->fs_view = task_fs_view(part->task);
	thread->cred = cred_get(self->cred);
	thread->vmspace = vmspace_get(self->vmspace);
	w->thread = thread;
	return t;
}

/* Room for one more is taken before it is made. */
static bool take_place(struct crew *c)
{
	scoped_spin(&c->lock);
	if (c->nr >= c->max)
		return false;
	atomic_add(&c->nr, 1);
	return true;
}

/* One more worker, if there may be one. */
static int hire(struct crew *c)
{
	struct worker *w;

	if (!take_place(c))
		return 0;
	w = kmem_new(struct worker);
	if (w != NULL) {
		w->crew = c;
		if (worker_task_new(c->part, w) != NULL) {
			uring_task_get(c->part);
			spin_lock(&c->lock);
			list_append(&c->all, &w->link);
			spin_unlock(&c->lock);
			thread_start(w->thread);
			return 0;
		}
	}
	kmem_free(w);
	atomic_sub(&c->nr, 1);
	return -ENOMEM;
}

/* Of another process: nothing here is of use to it. It runs them when it enters, or ends. */
static bool may_hire(const struct uring_task *part)
{
	return part->task->process == process_current();
}

int crew_need_ready(struct uring_task *part)
{
	if (READ_ONCE(part->ready.nr) != 0 || !may_hire(part))
		return 0;
	return hire(&part->ready);
}

/* ---- work for them ---- */

static bool defer(struct request *r)
{
	struct uring *ring = r->ring;

	if ((ring->flags & IORING_SETUP_DEFER_TASKRUN) == 0)
		return false;
	spin_lock(&ring->deferred_lock);
	if (atomic_load(&r->part->ends) || atomic_load(&ring->dead)) {
		spin_unlock(&ring->deferred_lock);
		return false;
	}
	list_append(&ring->deferred, &r->queue_link);
	if ((ring->flags & IORING_SETUP_TASKRUN_FLAG) != 0)
		ring_flag(ring, IORING_SQ_TASKRUN, true);
	spin_unlock(&ring->deferred_lock);
	return true;
}

struct request *deferred_take(struct uring *ring, const struct uring_task *part)
{
	struct request *r;

	scoped_spin(&ring->deferred_lock);
	list_foreach(&ring->deferred, r, queue_link) {
		if (part != NULL && r->part != part)
			continue;
		list_remove(&r->queue_link);
		if (list_is_empty(&ring->deferred) &&
		    (ring->flags & IORING_SETUP_TASKRUN_FLAG) != 0)
			ring_flag(ring, IORING_SQ_TASKRUN, false);
		(void)atomic_exchange(&r->state, (unsigned)REQUEST_RUNNING);
		return r;
	}
	return NULL;
}

void crew_push_ready(struct request *r)
{
	struct uring_task *part = r->part;
	struct uring *ring = r->ring;
	struct crew *c = &part->ready;
	struct waitq *waiter;

	/* Once it is on a list others may run and free it. */
	uring_get(ring);
	uring_task_get(part);
	if (defer(r)) {
		waitq_wake_all(&ring->cq_wait, 0);
		waitq_wake_all(&ring->wq, EPOLLIN);
	} else {
		spin_lock(&c->lock);
		list_append(&c->queue, &r->queue_link);
		waiter = part->waiter;
		if (waiter != NULL)
			waitq_wake_all(waiter, 0);
		else
			waitq_wake_one(&c->wq, 0);
		spin_unlock(&c->lock);
		if (atomic_load(&part->ends))
			waitq_wake_all(&part->gone, 0);
	}
	uring_put(ring);
	uring_task_put(part);
}

int crew_push_waiting(struct request *r)
{
	struct crew *c = &r->part->waiting;
	bool none;

	spin_lock(&c->lock);
	none = c->nr_idle == 0;
	spin_unlock(&c->lock);
	if (none) {
		int err = may_hire(r->part) ? hire(c) : 0;

		if (err != 0 && READ_ONCE(c->nr) == 0)
			return err;
	}
	request_track(r);
	spin_lock(&c->lock);
	atomic_store(&r->state, (unsigned)REQUEST_QUEUED);
	list_append(&c->queue, &r->queue_link);
	waitq_wake_one(&c->wq, 0);
	spin_unlock(&c->lock);
	return 0;
}

bool crew_has_ready(struct uring_task *part)
{
	return has_work(&part->ready);
}

void crew_run_ready(struct uring_task *part)
{
	struct request *r;

	while ((r = take(&part->ready, NULL)) != NULL)
		request_run(r);
}

void crew_set_waiter(struct uring_task *part, struct waitq *at)
{
	scoped_spin(&part->ready.lock);
	part->waiter = at;
}

void crew_interrupt(struct request *r)
{
	struct crew *c = &r->part->waiting;

	scoped_spin(&c->lock);
	if (r->runner != NULL)
		thread_set_work(r->runner, THREAD_WORK_SIGNAL);
}

/* ---- the end ---- */

static void dismiss(struct crew *c)
{
	struct worker *w;

	spin_lock(&c->lock);
	list_foreach(&c->all, w, link)
		thread_set_work(w->thread, THREAD_WORK_KILLED);
	spin_unlock(&c->lock);
	waitq_wake_all(&c->wq, 0);
}

static bool all_gone(struct uring_task *part)
{
	return atomic_load(&part->ready.nr) == 0 && atomic_load(&part->waiting.nr) == 0;
}

void uring_task_exit(void)
{
	struct task *self = task_current();
	struct uring_task *part = self->uring;

	if (part == NULL)
		return;
	atomic_store(&part->ends, true);
	request_cancel_task(part);
	dismiss(&part->ready);
	dismiss(&part->waiting);
	while (!all_gone(part) || atomic_load(&part->nr_requests) != 0) {
		crew_run_ready(part);
		request_cancel_task(part);
		(void)wait_event(&part->gone,
				 (all_gone(part) && atomic_load(&part->nr_requests) == 0) ||
					 crew_has_ready(part),
				 WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
	}
	for (unsigned i = 0; i < URING_RINGS_MAX; i++)
		if (part->rings[i] != NULL)
			file_put(part->rings[i]);
	self->uring = NULL;
	uring_task_put(part);
}
