/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring_enter(2): takes entries from the submission ring, makes requests and chains of them,
 * issues them, and waits for completions.
 *
 * An entry is copied before it is looked at. What is wrong with it (an unknown operation, a bad
 * flag) makes a completion, fails the chain it is in, and ends the submission unless
 * IORING_SETUP_SUBMIT_ALL says otherwise. Its descriptor is looked up when it is issued: one before
 * it in its chain may have opened it.
 */
#include "core/sched/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/event/polling.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "linux/uring/uring.h"
#include "mm/user.h"

#define SQE_FLAGS_KNOWN \
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_ASYNC | \
	 IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS)
#define SQE_LINKS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)
#define ENTER_KNOWN \
	(IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT | \
	 IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING)

static uint32_t *word(struct uring *ring, size_t at)
{
	return shared_at(&ring->rings, at);
}

/* ---- one entry ---- */

/* With ring->lock held. -EAGAIN: the ring is empty. -EINVAL: the entry's index is no such. */
static int fetch_locked(struct uring *ring, struct io_uring_sqe *out)
{
	uint32_t head = ring->sq_head, tail = atomic_load(word(ring, RING_SQ_TAIL)), idx;
	size_t size = (ring->flags & IORING_SETUP_SQE128) != 0 ? 128 : 64;

	if (head == tail)
		return -EAGAIN;
	idx = READ_ONCE(*word(ring, ring->array_at + (head & (ring->sq_entries - 1)) * 4));
	if (idx < ring->sq_entries)
		memcpy(out, shared_at(&ring->sqes, idx * size), sizeof(*out));
	else
		WRITE_ONCE(*word(ring, RING_SQ_DROPPED), *word(ring, RING_SQ_DROPPED) + 1);
	WRITE_ONCE(ring->sq_head, head + 1);
	atomic_store(word(ring, RING_SQ_HEAD), head + 1);
	return idx < ring->sq_entries ? 0 : -EINVAL;
}

static int check_restrictions(const struct uring *ring, const struct io_uring_sqe *sqe)
{
	const struct restrictions *x = &ring->restrictions;

	if (!x->active)
		return 0;
	if ((x->ops >> sqe->opcode & 1) == 0 ||
	    (sqe->flags & x->flags_required) != x->flags_required ||
	    (sqe->flags & ~(x->flags_allowed | x->flags_required)) != 0)
		return -EACCES;
	return 0;
}

static int check_flags(const struct uring *ring, const struct request *r)
{
	unsigned flags = r->sqe.flags;

	if ((flags & ~SQE_FLAGS_KNOWN) != 0)
		return -EINVAL;
	if ((flags & IOSQE_BUFFER_SELECT) != 0 && (r->op->traits & OP_BUFFER_SELECT) == 0)
		return -EOPNOTSUPP;
	if ((flags & IOSQE_CQE_SKIP_SUCCESS) != 0 && (flags & IOSQE_IO_DRAIN) != 0)
		return -EOPNOTSUPP;
	if (check_restrictions(ring, &r->sqe) != 0)
		return -EACCES;
	if ((r->op->traits & OP_IOPRIO) == 0 && r->sqe.ioprio != 0)
		return -EINVAL;
	if ((ring->flags & IORING_SETUP_IOPOLL) != 0 && (r->op->traits & OP_IOPOLL) == 0)
		return -EINVAL;
	return 0;
}

static int choose_cred_locked(struct uring *ring, struct request *r)
{
	unsigned id = r->sqe.personality;

	if (id == 0) {
		r->cred = cred_get(thread_current()->cred);
		return 0;
	}
	if (id > URING_PERSONALITIES_MAX || ring->personalities[id - 1] == NULL)
		return -EINVAL;
	r->cred = cred_get(ring->personalities[id - 1]);
	return 0;
}

static long refuse(struct request *r)
{
	return -EINVAL;
}

/* What is behind a failed preparation: completes, and cancels what follows. */
static const struct uring_op nothing = { .issue = refuse };

/* With ring->lock held: r->sqe is there. */
static int prepare_locked(struct uring *ring, struct request *r)
{
	int err;

	r->op = uring_op_find(r->sqe.opcode);
	if (r->op == NULL) {
		r->op = &nothing;
		return -EINVAL;
	}
	err = check_flags(ring, r);
	return err != 0 ? err : choose_cred_locked(ring, r);
}

/* ---- chains ---- */

struct submission {
	struct uring *ring;
	struct uring_task *part;
	struct request *head, *last; /* the chain that is not complete yet */
	struct request *failed;      /* one of it, with this error */
	int err;
};

static void add_to_chain(struct submission *s, struct request *r)
{
	if (s->head == NULL)
		s->head = r;
	else
		s->last->next = r;
	s->last = r;
}

/* The failed one says why, the others that they were cancelled. */
static void fail_chain(struct submission *s, struct request *head)
{
	while (head != NULL) {
		struct request *r = head;

		head = r->next;
		r->next = NULL;
		request_complete(r, r == s->failed ? s->err : -ECANCELED);
	}
}

static void end_chain(struct submission *s)
{
	struct request *head = s->head;

	if (head == NULL)
		return;
	s->head = s->last = NULL;
	if (s->failed != NULL)
		fail_chain(s, head);
	else
		request_submit(head);
	s->failed = NULL;
}

/* A LINK_TIMEOUT watches what it is linked to, and that is no LINK_TIMEOUT. */
static int check_place(const struct submission *s, const struct request *r)
{
	if (r->sqe.opcode != IORING_OP_LINK_TIMEOUT)
		return 0;
	return s->last == NULL || s->last->sqe.opcode == IORING_OP_LINK_TIMEOUT ? -EINVAL : 0;
}

/* One entry to a request, and to a chain. An error only if it is the last of it. */
static int take_entry(struct submission *s, struct request *r)
{
	unsigned sqe_flags = r->sqe.flags; /* the request may be gone at the end */
	int err = prepare_locked(s->ring, r);

	mutex_unlock(&s->ring->lock);
	if (err == 0)
		err = check_place(s, r);
	if (err == 0 && r->op->prepare != NULL)
		err = r->op->prepare(r);
	add_to_chain(s, r);
	if (err != 0 && s->failed == NULL) {
		s->failed = r;
		s->err = err;
	}
	if ((sqe_flags & SQE_LINKS) != 0)
		return 0;
	end_chain(s);
	return err;
}

/* -EAGAIN: nothing is left. Otherwise the entry is used, whatever is the answer. */
static int submit_one(struct submission *s)
{
	struct request *r = request_new(s->ring, s->part);
	int err;

	if (r == NULL)
		return -EAGAIN;
	mutex_lock(&s->ring->lock);
	err = fetch_locked(s->ring, &r->sqe);
	if (err == 0)
		return take_entry(s, r);
	mutex_unlock(&s->ring->lock);
	request_put(r);
	return err == -EAGAIN ? err : -EBADMSG;
}

static long submit(struct uring *ring, unsigned nr)
{
	struct submission s = { .ring = ring, .part = uring_task_current() };
	bool all = (ring->flags & IORING_SETUP_SUBMIT_ALL) != 0;
	long done = 0;

	if (s.part == NULL)
		return -EAGAIN;
	nr = min(nr, ring->sq_entries);
	while (done < (long)nr) {
		int err = submit_one(&s);

		if (err == -EAGAIN || err == -EBADMSG)
			break;
		done++;
		if (err != 0 && !all)
			break;
	}
	end_chain(&s);
	return done;
}

/* ---- waiting ---- */

struct wait {
	struct uring *ring;
	struct uring_task *part; /* NULL: it never submitted */
	unsigned nr;
	nsec_t deadline;
};

static bool has_deferred(struct uring *ring)
{
	return READ_ONCE(ring->deferred.next) != &ring->deferred;
}

static void run_ready(struct uring *ring, struct uring_task *part)
{
	struct request *r;

	if (part == NULL)
		return;
	while ((r = deferred_take(ring, part)) != NULL)
		request_run(r);
	crew_run_ready(part);
}

static bool is_served(const struct wait *w)
{
	return completion_count(w->ring) >= w->nr || completion_has_overflow(w->ring);
}

static bool has_something(const struct wait *w)
{
	return is_served(w) || has_deferred(w->ring) ||
	       (w->part != NULL && crew_has_ready(w->part));
}

static int wait_for(const struct wait *w)
{
	int err = 0;

	for (;;) {
		run_ready(w->ring, w->part);
		completion_flush(w->ring);
		if (is_served(w) || err != 0)
			break;
		if (w->part != NULL)
			crew_set_waiter(w->part, &w->ring->cq_wait);
		err = wait_event(&w->ring->cq_wait, has_something(w), WAIT_INTERRUPTIBLE,
				 w->deadline);
		if (w->part != NULL)
			crew_set_waiter(w->part, NULL);
	}
	if (err == -ETIMEDOUT)
		return is_served(w) ? 0 : -ETIME;
	return is_served(w) || err == 0 ? 0 : -EINTR;
}

/* IORING_ENTER_EXT_ARG: a signal mask and a time-out. */
static int read_argument(unsigned flags, uaddr_t arg, size_t size,
			 struct io_uring_getevents_arg *out, nsec_t *deadline)
{
	*out = (struct io_uring_getevents_arg){ .sigmask = arg, .sigmask_sz = (uint32_t)size };
	*deadline = NSEC_NEVER;
	if ((flags & IORING_ENTER_EXT_ARG) == 0)
		return 0;
	if (size != sizeof(*out))
		return -EINVAL;
	if (user_read_struct(out, arg) != 0)
		return -EFAULT;
	if (out->pad != 0)
		return -EINVAL;
	if (out->ts == 0)
		return 0;
	return poll_deadline_user(out->ts, deadline);
}

static long get_events(struct uring *ring, unsigned nr, unsigned flags, uaddr_t arg, size_t size)
{
	struct io_uring_getevents_arg a;
	struct wait w = { .ring = ring, .part = task_current()->uring };
	long err = read_argument(flags, arg, size, &a, &w.deadline);

	if (err != 0)
		return err;
	w.nr = min(nr, ring->cq_entries);
	err = signal_mask_borrow(a.sigmask, a.sigmask_sz);
	if (err != 0)
		return err;
	err = wait_for(&w);
	signal_mask_restore(err == -EINTR);
	return err;
}

/* ---- the call ---- */

static long check_ring(struct uring *ring)
{
	if (atomic_load(&ring->disabled))
		return -EBADFD;
	if ((ring->flags & IORING_SETUP_SINGLE_ISSUER) != 0 &&
	    READ_ONCE(ring->submitter) != task_current())
		return -EEXIST;
	return 0;
}

static long enter(struct uring *ring, unsigned nr_submit, unsigned nr_complete, unsigned flags,
		  const struct io_uring_getevents_arg *where)
{
	long done = 0, err;

	err = atomic_load(&ring->disabled) ? -EBADFD : 0;
	if (err == 0 && nr_submit != 0) {
		err = check_ring(ring);
		if (err == 0)
			done = submit(ring, nr_submit);
		if (done < 0)
			return done;
	}
	if (err != 0)
		return err;
	if (done != (long)nr_submit || (flags & IORING_ENTER_GETEVENTS) == 0)
		return done;
	if ((ring->flags & IORING_SETUP_DEFER_TASKRUN) != 0)
		err = check_ring(ring);
	if (err == 0)
		err = get_events(ring, nr_complete, flags, where->sigmask, where->ts);
	return done > 0 ? done : err;
}

long sys_io_uring_enter(int fd, unsigned nr_submit, unsigned nr_complete, unsigned flags,
			uaddr_t arg, size_t size)
{
	struct io_uring_getevents_arg where = { .sigmask = arg, .ts = size };
	struct uring *ring;
	struct file *f;
	long n;

	if ((flags & ~ENTER_KNOWN) != 0)
		return -EINVAL;
	n = uring_file_get(fd, (flags & IORING_ENTER_REGISTERED_RING) != 0, &f, &ring);
	if (n != 0)
		return n;
	n = enter(ring, nr_submit, nr_complete, flags, &where);
	file_put(f);
	return n;
}
