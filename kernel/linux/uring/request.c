/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests: issued, armed, woken, completed; chains (IOSQE_IO_LINK) and drains (IOSQE_IO_DRAIN).
 *
 * Whoever runs a request keeps a list of what that sets off (the next of its chain, what a drain
 * held back) and runs it afterwards, so nothing recurses. What is set off elsewhere, by a request
 * that was cancelled, say, goes to the workers of its own task.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/task/task.h"
#include "linux/uring/uring.h"
#include "mm/alloc/kmem.h"
#include "net/socket/socket.h"

#define REARM_MAX     8 /* so often poll may say ready where the file would wait */
#define EVENTS_ALWAYS (EPOLLERR | EPOLLHUP)

/* ---- life ---- */

struct request *request_new(struct uring *ring, struct uring_task *part)
{
	struct request *r = kmem_new(struct request);

	if (r == NULL)
		return NULL;
	ref_init(&r->ref);
	r->ring = uring_get(ring);
	r->part = uring_task_get(part);
	list_init(&r->queue_link);
	list_init(&r->ring_link);
	list_init(&r->task_link);
	atomic_add(&part->nr_requests, 1);
	return r;
}

void request_put(struct request *r)
{
	struct uring_task *part = r->part;

	if (!ref_put(&r->ref))
		return;
	if (r->op != NULL && r->op->clean != NULL)
		r->op->clean(r);
	if (r->vecs != NULL)
		uio_vecs_put(r->room, r->vecs);
	kmem_free(r->extra);
	if (r->file != NULL)
		file_put(r->file);
	if (r->cred != NULL)
		cred_put(r->cred);
	uring_put(r->ring);
	kmem_free(r);
	if (atomic_sub(&part->nr_requests, 1) == 0)
		waitq_wake_all(&part->gone, 0);
	uring_task_put(part);
}

void request_track(struct request *r)
{
	if (r->tracked)
		return;
	r->tracked = true;
	scoped_spin(&r->ring->list_lock);
	scoped_spin(&r->part->lock);
	list_append(&r->ring->requests, &r->ring_link);
	list_append(&r->part->requests, &r->task_link);
}

static void untrack(struct request *r)
{
	if (!r->tracked)
		return;
	r->tracked = false;
	scoped_spin(&r->ring->list_lock);
	scoped_spin(&r->part->lock);
	list_remove(&r->ring_link);
	list_remove(&r->task_link);
}

bool request_claim(struct request *r, enum request_state from)
{
	unsigned expected = from;

	return atomic_compare_exchange(&r->state, &expected, (unsigned)REQUEST_RUNNING);
}

/* ---- waiting ---- */

void request_wake(struct request *r)
{
	unsigned expected = REQUEST_ARMED;

	atomic_store(&r->woken, true);
	if (atomic_compare_exchange(&r->state, &expected, (unsigned)REQUEST_QUEUED))
		crew_push_ready(r);
}

static bool on_wake(struct wait_entry *e, unsigned key)
{
	struct request *r = container_of(e, struct request_queue, entry)->request;

	if (key != 0 && (key & READ_ONCE(r->events)) == 0)
		return false;
	request_wake(r);
	return true;
}

static void on_timer(struct timer *t)
{
	request_wake(container_of(t, struct request, timer));
}

static void add_queue(struct poll_table *t, struct waitq *q)
{
	struct request *r = container_of(t, struct request, table);
	struct request_queue *e = &r->queues[r->nr_queues];

	if (r->nr_queues == REQUEST_QUEUES_MAX)
		return;
	r->nr_queues++;
	e->entry.wake = on_wake;
	e->entry.exclusive = false;
	e->q = q;
	e->request = r;
	waitq_add(q, &e->entry);
}

void request_enter(struct request *r)
{
	r->table.add = add_queue;
	r->entered = true;
}

void request_disarm(struct request *r)
{
	for (unsigned i = 0; i < r->nr_queues; i++)
		waitq_remove(r->queues[i].q, &r->queues[i].entry);
	r->nr_queues = 0;
	r->entered = false;
	if (r->timed)
		timer_cancel(&r->timer);
	r->timed = false;
}

static bool is_stopped(struct request *r)
{
	return atomic_load(&r->cancelled) || atomic_load(&r->part->ends) ||
	       atomic_load(&r->ring->dead);
}

long request_park(struct request *r, bool timed)
{
	long result = ISSUE_PARKED;
	int err = (r->ring->flags & IORING_SETUP_DEFER_TASKRUN) == 0 ? crew_need_ready(r->part) : 0;

	if (err != 0)
		return err;
	request_track(r);
	r->todo = NULL;
	ref_get(&r->ref);
	if (timed) {
		timer_init(&r->timer, on_timer);
		r->timed = true;
		timer_arm(&r->timer, r->deadline);
	}
	/* The state before the look: a waker does it the other way round. */
	(void)atomic_exchange(&r->state, (unsigned)REQUEST_ARMED);
	if ((atomic_load(&r->woken) || is_stopped(r)) && request_claim(r, REQUEST_ARMED))
		result = ISSUE_AGAIN;
	request_put(r);
	return result;
}

long request_arm(struct request *r, unsigned events)
{
	WRITE_ONCE(r->events, events | EVENTS_ALWAYS);
	atomic_store(&r->woken, false);
	if (!r->entered) {
		request_enter(r);
		if ((vfs_poll(r->file, &r->table) & r->events) != 0) {
			request_disarm(r);
			return ISSUE_AGAIN;
		}
	}
	r->nr_rearmed = 0;
	return request_park(r, false);
}

/* ---- issuing ---- */

static unsigned events_of(const struct request *r)
{
	return ((r->op->traits & OP_IN) != 0 ? EPOLLIN | EPOLLRDNORM | EPOLLRDHUP : 0) |
	       ((r->op->traits & OP_OUT) != 0 ? EPOLLOUT | EPOLLWRNORM : 0);
}

static bool can_poll(const struct request *r)
{
	return (r->op->traits & (OP_IN | OP_OUT)) != 0 && r->file != NULL &&
	       r->file->ops->poll != NULL;
}

/* The file says -EAGAIN. */
static long would_wait(struct request *r)
{
	int err;

	if (r->nowait || r->may_wait)
		return -EAGAIN;
	buffer_give_back(r);
	if (can_poll(r) && r->nr_rearmed < REARM_MAX) {
		r->nr_rearmed++;
		return request_arm(r, events_of(r));
	}
	r->todo = NULL;
	err = crew_push_waiting(r);
	return err != 0 ? err : ISSUE_PARKED;
}

/* Puts r's credentials in place of the current thread's; returns those that were there. */
static struct cred *swap_cred(struct cred *now)
{
	struct thread *self = thread_current();
	struct cred *was;

	scoped_spin(&task_lock);
	was = self->cred;
	self->cred = now;
	return was;
}

static int find_file(struct request *r)
{
	int err;

	if ((r->sqe.flags & IOSQE_FIXED_FILE) == 0) {
		err = fd_get(r->sqe.fd, &r->file);
		if (err != 0)
			r->file = NULL;
		return err;
	}
	scoped_mutex(&r->ring->lock);
	r->file = files_get_locked(r->ring, (unsigned)r->sqe.fd);
	return r->file == NULL ? -EBADF : 0;
}

int request_find_file(struct request *r)
{
	int err = 0;

	if ((r->op->traits & OP_FILE) == 0)
		return 0;
	if (r->file == NULL)
		err = find_file(r);
	if (err != 0)
		return err;
	return (r->op->traits & OP_SOCKET) != 0 && socket_of_file(r->file) == NULL ? -ENOTSOCK : 0;
}

static long issue(struct request *r)
{
	struct thread *self = thread_current();
	struct cred *was = r->cred;
	bool nowait = self->nowait;
	long res;

	if (self->cred != r->cred)
		was = swap_cred(r->cred);
	self->nowait = !r->may_wait;
	do {
		res = is_stopped(r) ? -ECANCELED : request_find_file(r);
		if (res == 0)
			res = r->op->issue(r);
		if (res == -EAGAIN)
			res = would_wait(r);
	} while (res == ISSUE_AGAIN);
	self->nowait = nowait;
	if (was != self->cred)
		(void)swap_cred(was);
	return res;
}

/* Signals are of no concern to a request. */
static long without_restart(const struct request *r, long res)
{
	if (res != -ERESTARTSYS && res != -ERESTARTNOINTR && res != -ERESTARTNOHAND)
		return res;
	return atomic_load(&r->cancelled) ? -ECANCELED : -EINTR;
}

static struct request *take_timeout(struct request *r);
static void start_timeout(struct request *t);

static void run_one(struct request *r, struct list *todo)
{
	bool waits = r->may_wait; /* and then the time is over before it is back from issue() */
	struct request *t = NULL;
	long res;

	r->todo = todo;
	if (r->next != NULL && r->next->sqe.opcode == IORING_OP_LINK_TIMEOUT)
		t = take_timeout(r);
	if (t != NULL && waits)
		start_timeout(t);
	if (!r->is_multishot || r->sqe.opcode != IORING_OP_POLL_ADD)
		request_disarm(r);
	res = issue(r);
	if (res != ISSUE_PARKED)
		request_complete(r, without_restart(r, res));
	if (t != NULL && !waits)
		start_timeout(t);
	if (t != NULL)
		request_put(t);
}

void request_run(struct request *r)
{
	struct list todo = LIST_INIT(todo);

	do {
		list_remove(&r->queue_link);
		run_one(r, &todo);
		r = list_first(&todo, struct request, queue_link);
	} while (r != NULL);
}

void request_schedule(struct request *r)
{
	atomic_store(&r->state, (unsigned)REQUEST_QUEUED);
	crew_push_ready(r);
}

/* Runs after the present one of the same task, or by that task's workers. */
static void run_later(struct request *r, struct list *todo, const struct uring_task *part)
{
	if (todo != NULL && r->part == part)
		list_append(todo, &r->queue_link);
	else if (crew_need_ready(r->part) == 0)
		request_schedule(r);
	else
		request_fail_chain(r);
}

/* ---- time-outs of others ---- */

/*
 * The LINK_TIMEOUT behind r, counted: from here on it watches r, and is over when r is. Its time
 * begins when r has been issued, as Linux's does (io_queue_linked_timeout): it finds r armed.
 */
static struct request *take_timeout(struct request *r)
{
	struct request *t = r->next;

	r->next = t->next;
	t->next = NULL;
	ref_get(&t->ref);
	atomic_store(&t->state, (unsigned)REQUEST_ARMED);
	scoped_spin(&r->ring->list_lock);
	r->timeout = t;
	t->watched = r;
	return t;
}

/* Unless what it watches is over. */
static void start_timeout(struct request *t)
{
	if (request_claim(t, REQUEST_ARMED))
		request_run(t);
}

/* r is over: its time-out is, too; one that is just being run looks for r once more. */
static void stop_timeout(struct request *r)
{
	struct request *t;

	if (READ_ONCE(r->timeout) == NULL && READ_ONCE(r->watched) == NULL)
		return;
	spin_lock(&r->ring->list_lock);
	if (r->watched != NULL)
		r->watched->timeout = NULL;
	r->watched = NULL;
	t = r->timeout;
	r->timeout = NULL;
	if (t != NULL) {
		ref_get(&t->ref);
		t->watched = NULL;
	}
	spin_unlock(&r->ring->list_lock);
	if (t == NULL)
		return;
	if (request_claim(t, REQUEST_ARMED))
		request_complete(t, -ECANCELED);
	else
		request_wake(t);
	request_put(t);
}

/* ---- drains ---- */

/* With list_lock held: may this chain begin? Then its members count. */
static bool may_begin_locked(struct uring *ring, struct request *head)
{
	if ((head->is_drain || ring->draining) && ring->nr_active != 0)
		return false;
	ring->draining = head->is_drain;
	for (struct request *r = head; r != NULL; r = r->next) {
		if (r->is_multishot)
			continue;
		r->counted = true;
		ring->nr_active++;
	}
	return true;
}

static struct request *take_held(struct uring *ring)
{
	scoped_spin(&ring->list_lock);
	struct request *r = list_first(&ring->held, struct request, queue_link);

	if (r == NULL || !may_begin_locked(ring, r))
		return NULL;
	list_remove(&r->queue_link);
	atomic_store(&r->state, (unsigned)REQUEST_RUNNING);
	return r;
}

static void leave(struct request *r, struct list *todo)
{
	struct uring *ring = r->ring;
	struct request *held;

	untrack(r);
	if (r->counted) {
		scoped_spin(&ring->list_lock);
		ring->nr_active--;
	}
	while (READ_ONCE(ring->held.next) != &ring->held && (held = take_held(ring)) != NULL)
		run_later(held, todo, r->part);
}

static bool hold_back(struct request *r)
{
	struct uring *ring = r->ring;

	scoped_spin(&ring->list_lock);
	if (list_is_empty(&ring->held) && may_begin_locked(ring, r))
		return false;
	atomic_store(&r->state, (unsigned)REQUEST_HELD);
	list_append(&ring->held, &r->queue_link);
	scoped_spin(&r->part->lock);
	r->tracked = true;
	list_append(&ring->requests, &r->ring_link);
	list_append(&r->part->requests, &r->task_link);
	return true;
}

void request_submit(struct request *r)
{
	for (struct request *m = r; m != NULL; m = m->next)
		r->is_drain |= (m->sqe.flags & IOSQE_IO_DRAIN) != 0;
	if (hold_back(r))
		return;
	if ((r->sqe.flags & IOSQE_ASYNC) == 0 || (r->op->traits & OP_NO_ASYNC) != 0 ||
	    request_find_file(r) != 0 || crew_push_waiting(r) != 0)
		request_run(r);
}

/* ---- the end ---- */

static bool is_hard(const struct request *r)
{
	return (r->sqe.flags & IOSQE_IO_HARDLINK) != 0;
}

bool request_post_more(struct request *r, long res)
{
	struct completion c = { .user_data = r->sqe.user_data, .res = (int32_t)res };

	c.flags = r->cqe_flags | buffer_flags(r) | IORING_CQE_F_MORE;
	r->buffer.chosen = false;
	if (r->is_multishot)
		request_track(r);
	return completion_post(r->ring, &c);
}

/* Whoever wants no completion of a success gets none of what is cancelled behind a failure. */
static void fail_behind(const struct request *r, struct request *next)
{
	for (struct request *m = next; m != NULL; m = m->next)
		m->silent = (r->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) != 0;
	request_fail_chain(next);
}

static bool is_good(const struct request *r, long res)
{
	if (res == -ETIME && r->sqe.opcode == IORING_OP_TIMEOUT)
		return (r->sqe.timeout_flags & IORING_TIMEOUT_ETIME_SUCCESS) != 0;
	return res >= 0 && !r->failed;
}

/* The last of many results. Whoever cancelled r before this was told that it is. */
static long last_result(struct request *r, long res)
{
	(void)atomic_exchange(&r->state, (unsigned)REQUEST_ENDING);
	return atomic_load(&r->cancelled) ? -ECANCELED : res;
}

void request_complete(struct request *r, long res)
{
	struct completion c = { .user_data = r->sqe.user_data };
	struct request *next = r->next;
	struct list *todo = r->todo;
	bool good;

	if (r->is_multishot)
		res = last_result(r, res);
	c.res = (int32_t)res;
	good = is_good(r, res);
	request_disarm(r);
	if (res < 0)
		buffer_give_back(r);
	c.flags = r->cqe_flags | buffer_flags(r);
	if (!r->silent && (!good || (r->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) == 0))
		(void)completion_post(r->ring, &c);
	stop_timeout(r);
	r->next = NULL;
	if (next != NULL && (good || is_hard(r)))
		run_later(next, todo, r->part);
	else if (next != NULL)
		fail_behind(r, next);
	leave(r, todo);
	request_put(r);
}

void request_fail_chain(struct request *r)
{
	while (r != NULL) {
		struct request *next = r->next;

		r->next = NULL;
		request_complete(r, -ECANCELED);
		r = next;
	}
}

/* ---- cancelling ---- */

static bool matches(const struct request *r, const struct cancel_key *key)
{
	if (key->part != NULL && r->part != key->part)
		return false;
	if (r == key->but || (key->opcode >= 0 && r->sqe.opcode != key->opcode))
		return false;
	if (key->any)
		return true;
	if (key->file != NULL && r->file != key->file)
		return false;
	return (key->flags & IORING_ASYNC_CANCEL_USERDATA) == 0 ||
	       r->sqe.user_data == key->user_data;
}

bool request_obeys(struct request *r)
{
	unsigned state = atomic_load(&r->state);

	crew_interrupt(r);
	return state == REQUEST_QUEUED || (state == REQUEST_RUNNING && r->is_multishot);
}

/* With list_lock held: r is the caller's from now on. */
static bool take_locked(struct request *r)
{
	if (request_claim(r, REQUEST_HELD)) {
		list_remove(&r->queue_link);
		return true;
	}
	return request_claim(r, REQUEST_ARMED);
}

struct request *request_take(struct uring *ring, const struct cancel_key *key, long *result)
{
	struct request *r;

	scoped_spin(&ring->list_lock);
	list_foreach(&ring->requests, r, ring_link) {
		bool was;

		if (!matches(r, key))
			continue;
		was = !key->keep && atomic_exchange(&r->cancelled, true);
		if (take_locked(r)) {
			ref_get(&r->ref);
			return r;
		}
		if (was)
			continue;
		if (!key->keep && request_obeys(r))
			*result = max(*result, 0l) + 1;
		else if (*result < 0)
			*result = -EALREADY;
		if ((key->flags & IORING_ASYNC_CANCEL_ALL) == 0)
			break;
	}
	return NULL;
}

long request_cancel(struct uring *ring, const struct cancel_key *key)
{
	struct request *r;
	long result = -ENOENT;

	while ((r = request_take(ring, key, &result)) != NULL) {
		result = max(result, 0l) + 1;
		request_complete(r, -ECANCELED);
		request_put(r);
		if ((key->flags & IORING_ASYNC_CANCEL_ALL) == 0)
			break;
	}
	while (atomic_load(&ring->dead) && (r = deferred_take(ring, NULL)) != NULL)
		request_complete(r, -ECANCELED);
	return result;
}

/* A ring with something of this task's under way, counted; or NULL. */
static struct uring *ring_of_task(struct uring_task *part)
{
	struct request *r;

	scoped_spin(&part->lock);
	list_foreach(&part->requests, r, task_link) {
		unsigned state = atomic_load(&r->state);

		if (state == REQUEST_ARMED || state == REQUEST_HELD ||
		    (state == REQUEST_QUEUED && !atomic_load(&r->cancelled)))
			return uring_get(r->ring);
	}
	return NULL;
}

void request_cancel_task(struct uring_task *part)
{
	struct cancel_key mine = {
		.flags = IORING_ASYNC_CANCEL_ALL, .any = true, .opcode = -1, .part = part
	};
	struct uring *ring;
	struct request *r;

	while ((ring = ring_of_task(part)) != NULL) {
		(void)request_cancel(ring, &mine);
		while ((r = deferred_take(ring, part)) != NULL)
			request_complete(r, -ECANCELED);
		uring_put(ring);
	}
}
