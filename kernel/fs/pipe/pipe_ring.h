/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside a pipe: a ring of page references, shared by pipe.c (the file operations) and splice.c
 * (moving references between pipes and files). pipe->lock is a mutex of the rank of inode.lock;
 * user memory may be touched under it. Two pipes are locked in address order.
 */
#pragma once
#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "fs/pipe/pipe.h"
#include "mm/alloc/page.h"

struct pipe_slot {
	struct page *page;    /* counted */
	unsigned offset, len; /* bytes of it */
	bool packet;          /* O_DIRECT: one read takes it all */
	bool mergeable;       /* the page is ours alone: a write may go on in it */
};

struct pipe {
	struct mutex lock;
	struct waitq readable, writable;
	struct pipe_slot *slots;       /* [lock] ring of nr_slots, a power of two; owned */
	unsigned nr_slots, head, used; /* [lock; a to read] */
	unsigned readers, writers;     /* [lock; a to read] open ends */
	unsigned nr_read_opens,
		nr_write_opens; /* [lock; a to read] ever: a FIFO's open waits for a change */
	unsigned nr_files;      /* [inode.lock] opens and openers; the last one frees the pipe */
	struct page *spare;     /* [lock] the last page that was emptied, or NULL */
};

extern const struct file_ops pipe_fops;

static inline struct pipe *pipe_of(const struct file *f)
{
	return f->private;
}

static inline struct pipe_slot *pipe_slot_at(struct pipe *p, unsigned i)
{
	return &p->slots[(p->head + i) & (p->nr_slots - 1)];
}

/* All with pipe->lock held; the waits let go of it while they sleep. */
MUST_CHECK int pipe_wait_data(struct pipe *p,
			      bool nonblock); /* 0; 1 = end of file; -EAGAIN, -ERESTARTSYS */
MUST_CHECK int pipe_wait_room(struct pipe *p, bool nonblock); /* 0; -EPIPE, -EAGAIN, -ERESTARTSYS */
void pipe_push(struct pipe *p,
	       const struct pipe_slot *slot);    /* there is room; takes the page's count */
void pipe_consume(struct pipe *p, unsigned len); /* from the first slot */
void pipe_wake_readers(struct pipe *p);
void pipe_wake_writers(struct pipe *p);
