/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completions. One is written at the kernel's own tail, then the program's tail moves. When the
 * ring is full it goes on a list instead (IORING_FEAT_NODROP), IORING_SQ_CQ_OVERFLOW says so, and
 * io_uring_enter(2) moves it when there is room again; only without memory it is dropped and
 * counted. The program's head is believed as far as it makes sense: a ring that seems to hold
 * more than it can is full.
 */
#include <linux/eventpoll.h>

#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "linux/uring/uring.h"
#include "mm/alloc/kmem.h"

struct overflow_entry {
	struct list link; /* [cq_lock] */
	struct completion c;
};

static uint32_t *word(struct uring *ring, size_t at)
{
	return shared_at(&ring->rings, at);
}

void ring_flag(struct uring *ring, unsigned flag, bool on)
{
	if (on)
		atomic_or(word(ring, RING_SQ_FLAGS), flag);
	else
		atomic_and(word(ring, RING_SQ_FLAGS), ~flag);
}

static bool is_big(const struct uring *ring)
{
	return (ring->flags & IORING_SETUP_CQE32) != 0;
}

/* With cq_lock held. False: the ring is full. */
static bool write_locked(struct uring *ring, const struct completion *c)
{
	uint32_t head = atomic_load(word(ring, RING_CQ_HEAD)), tail = ring->cq_tail;
	size_t size = is_big(ring) ? 32 : 16;
	struct io_uring_cqe *cqe;

	if (tail - head >= ring->cq_entries)
		return false;
	cqe = shared_at(&ring->rings, RING_CQES + (tail & (ring->cq_entries - 1)) * size);
	cqe->user_data = c->user_data;
	cqe->res = c->res;
	cqe->flags = c->flags;
	if (is_big(ring)) {
		cqe->big_cqe[0] = c->big[0];
		cqe->big_cqe[1] = c->big[1];
	}
	WRITE_ONCE(ring->cq_tail, tail + 1);
	atomic_store(word(ring, RING_CQ_TAIL), tail + 1);
	return true;
}

/* With cq_lock held. */
static bool keep_locked(struct uring *ring, const struct completion *c)
{
	struct overflow_entry *e = kmem_alloc_nowait(sizeof(*e));

	if (e == NULL) {
		ring->nr_dropped++;
		WRITE_ONCE(*word(ring, RING_CQ_OVERFLOW), ring->nr_dropped);
		return false;
	}
	e->c = *c;
	list_append(&ring->overflow, &e->link);
	ring_flag(ring, IORING_SQ_CQ_OVERFLOW, true);
	return true;
}

/* The registered eventfd, counted; NULL: it is not to be told. */
static struct file *eventfd_to_tell(struct uring *ring)
{
	scoped_spin(&ring->cq_lock);
	if (ring->eventfd == NULL ||
	    (READ_ONCE(*word(ring, RING_CQ_FLAGS)) & IORING_CQ_EVENTFD_DISABLED) != 0)
		return NULL;
	if (ring->eventfd_async && thread_current()->nowait)
		return NULL;
	return file_get(ring->eventfd);
}

static void tell_eventfd(struct uring *ring)
{
	struct thread *self = thread_current();
	struct file *f;
	uint64_t one = 1;
	struct uio u;
	bool was = self->nowait;

	if (READ_ONCE(ring->eventfd) == NULL)
		return;
	f = eventfd_to_tell(ring);
	if (f == NULL)
		return;
	self->nowait = true; /* a counter that is full says enough */
	uio_init_kernel(&u, &one, sizeof(one));
	(void)vfs_write(f, &u, NULL);
	self->nowait = was;
	file_put(f);
}

bool completion_post(struct uring *ring, const struct completion *c)
{
	bool kept;

	if (atomic_load(&ring->dead))
		return false;
	spin_lock(&ring->cq_lock);
	kept = (list_is_empty(&ring->overflow) && write_locked(ring, c)) || keep_locked(ring, c);
	spin_unlock(&ring->cq_lock);
	waitq_wake_all(&ring->cq_wait, 0);
	waitq_wake_all(&ring->wq, EPOLLIN | EPOLLRDNORM);
	tell_eventfd(ring);
	if (atomic_load(&ring->nr_counting) != 0)
		timeouts_count(ring);
	return kept;
}

void completion_flush(struct uring *ring)
{
	struct overflow_entry *e;

	if (!completion_has_overflow(ring))
		return;
	scoped_spin(&ring->cq_lock);
	while ((e = list_first(&ring->overflow, struct overflow_entry, link)) != NULL) {
		if (!write_locked(ring, &e->c))
			return;
		list_remove(&e->link);
		kmem_free(e);
	}
	ring_flag(ring, IORING_SQ_CQ_OVERFLOW, false);
}

void completion_drop_all(struct uring *ring)
{
	struct overflow_entry *e;

	while ((e = list_first(&ring->overflow, struct overflow_entry, link)) != NULL) {
		list_remove(&e->link);
		kmem_free(e);
	}
}

bool completion_has_overflow(struct uring *ring)
{
	return READ_ONCE(ring->overflow.next) != &ring->overflow;
}

unsigned completion_count(struct uring *ring)
{
	return READ_ONCE(ring->cq_tail) - atomic_load(word(ring, RING_CQ_HEAD));
}
