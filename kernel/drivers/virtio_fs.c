/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-fs (virtio 1.2 §5.11): FUSE requests over a ring. Queue 0 takes the requests that nobody
 * waits for (FORGET), queue 1 all others; any number of them are in flight at once, and their data
 * pages are the descriptors' buffers, so that nothing is copied.
 *
 * A round trip by notification and interrupt costs more than most requests take, so the caller
 * looks at the used ring for a while before it sleeps; the device's thread does the same on its
 * side. Whoever looks takes completions for everyone. Only a thread that goes to sleep asks for an
 * interrupt (virtq_arm), and the interrupt handler asks again while anyone sleeps.
 */
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>

#include "arch/cpu.h"
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "drivers/virtio.h"
#include "fs/fuse/fuse.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define TAG_LEN        36 /* struct virtio_fs_config.tag */
#define QUEUE_HIPRIO   0
#define QUEUE_REQUEST  1
#define QUEUE_SIZE     VIRTIO_QUEUE_SIZE_MAX
/* of a request, beside its pages: a chain is no longer than its ring */
#define HEADER_PIECES  4
#define POLL_NS        50000
#define POLLS_PER_TIME 32 /* looks at the ring between looks at the clock */

struct virtio_fs {
	struct fuse_transport transport;
	struct virtio_device *d; /* [I] */
	struct spinlock lock;
	struct virtq *requests, *forgets; /* [lock] what they hold */
	unsigned nr_sleepers;             /* [lock] threads that need an interrupt */
	struct waitq room;                /* for a place in the ring */
	char tag[TAG_LEN + 1];
	struct virtio_fs *next; /* [I] */
};

static struct virtio_fs *first; /* [a] only grows, at boot */

/* Completed requests: their callers go on. */
static void take_requests_locked(struct virtio_fs *fs)
{
	struct fuse_request *r;
	uint32_t len;

	while ((r = virtq_take(fs->requests, &len)) != NULL) {
		r->out_len = len;
		atomic_store(&r->done, true);
		waitq_wake_all(&r->wq, 0);
	}
	while ((r = virtq_abandon(fs->requests)) != NULL) {
		r->err = -ENOTCONN;
		atomic_store(&r->done, true);
		waitq_wake_all(&r->wq, 0);
	}
}

static void take_forgets_locked(struct virtio_fs *fs)
{
	struct fuse_request *r;
	uint32_t len;

	while ((r = virtq_take(fs->forgets, &len)) != NULL)
		kmem_free(r);
}

/* Takes what is there; while someone sleeps, until an interrupt will come for the rest. */
static void take_all_locked(struct virtio_fs *fs)
{
	take_requests_locked(fs);
	while (fs->nr_sleepers > 0 && virtq_arm(fs->requests))
		take_requests_locked(fs);
}

static void interrupt(struct virtio_device *d)
{
	struct virtio_fs *fs = d->private;

	spin_lock(&fs->lock);
	take_all_locked(fs);
	take_forgets_locked(fs);
	spin_unlock(&fs->lock);
	if (waitq_is_active(&fs->room))
		waitq_wake_all(&fs->room, 0);
}

/* The two have one shape: the vectors of a request are used as they are. */
_Static_assert(sizeof(struct fuse_vec) == sizeof(struct virtq_piece) &&
		       offsetof(struct fuse_vec, ptr) == offsetof(struct virtq_piece, ptr) &&
		       offsetof(struct fuse_vec, len) == offsetof(struct virtq_piece, len),
	       "same shape");

static int submit_locked(struct fuse_request *r, struct virtq *q)
{
	const struct virtq_request request = {
		.out = (const struct virtq_piece *)(const void *)r->in,
		.nr_out = r->nr_in,
		.in = (const struct virtq_piece *)(const void *)r->out,
		.nr_in = r->nr_out,
		.cookie = r,
	};
	int err = virtq_add(q, &request);

	if (err == 0)
		virtq_kick(q);
	return err;
}

/* Counts the caller as a sleeper; then every completion raises an interrupt. */
static void sleeper_begin(struct virtio_fs *fs)
{
	scoped_spin(&fs->lock);
	fs->nr_sleepers++;
	take_all_locked(fs);
}

static void sleeper_end(struct virtio_fs *fs)
{
	scoped_spin(&fs->lock);
	fs->nr_sleepers--;
}

static int try_submit(struct virtio_fs *fs, struct fuse_request *r)
{
	scoped_spin(&fs->lock);
	take_requests_locked(fs);
	return submit_locked(r, fs->requests);
}

/* -ENOSPC cannot last: each completion makes room, and wakes those who wait for it. */
static int submit(struct virtio_fs *fs, struct fuse_request *r)
{
	int err = try_submit(fs, r);

	if (err != -ENOSPC)
		return err;
	sleeper_begin(fs);
	(void)wait_event(&fs->room, (err = try_submit(fs, r)) != -ENOSPC, WAIT_UNINTERRUPTIBLE,
			 NSEC_NEVER);
	sleeper_end(fs);
	return err;
}

/* Looks for the answer for a while. A lock is taken only when there is something to take. */
static bool poll_answer(struct virtio_fs *fs, const struct fuse_request *r)
{
	nsec_t until = clock_monotonic() + POLL_NS;

	do {
		for (unsigned i = 0; i < POLLS_PER_TIME; i++) {
			if (virtq_has_used(fs->requests)) {
				scoped_spin(&fs->lock);
				take_requests_locked(fs);
			}
			if (atomic_load(&r->done))
				return true;
			cpu_relax();
		}
	} while (clock_monotonic() < until);
	return false;
}

static int call(struct fuse_transport *t, struct fuse_request *r)
{
	struct virtio_fs *fs = t->private;
	int err;

	waitq_init(&r->wq);
	r->done = false;
	r->err = 0;
	err = submit(fs, r);
	if (err != 0)
		return err;
	if (!poll_answer(fs, r)) {
		sleeper_begin(fs);
		(void)wait_event(&r->wq, atomic_load(&r->done), WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		sleeper_end(fs);
	}
	/* The waker may still hold the queue's lock, which lies in r. */
	spin_lock(&fs->lock);
	spin_unlock(&fs->lock);
	if (waitq_is_active(&fs->room))
		waitq_wake_all(&fs->room, 0);
	return r->err;
}

static void post(struct fuse_transport *t, struct fuse_request *r)
{
	struct virtio_fs *fs = t->private;

	scoped_spin(&fs->lock);
	take_forgets_locked(fs);
	/* A full ring: the host keeps that inode a little longer than it had to. */
	if (submit_locked(r, fs->forgets) != 0)
		kmem_free(r);
}

/* No interrupt comes for a forget: what the host has done with stays in the ring until the next. */
static size_t reclaim(size_t want)
{
	(void)want;
	for (struct virtio_fs *fs = atomic_load(&first); fs != NULL; fs = fs->next) {
		scoped_spin(&fs->lock);
		take_forgets_locked(fs);
	}
	return 0; /* no whole pages */
}
PAGE_RECLAIMER(virtio_fs_reclaimer) = { .reclaim = reclaim };

/* Most tags are short, and each access may be an exit: it stops at the first NUL. */
static void read_tag(struct virtio_device *d, char tag[TAG_LEN + 1])
{
	unsigned step = 8;

	for (unsigned at = 0; at < TAG_LEN; at += step) {
		step = min(step, TAG_LEN - at);
		virtio_config_read(d, at, tag + at, step);
		if (memchr(tag + at, 0, step) != NULL)
			break;
	}
}

static int probe(struct virtio_device *d)
{
	struct virtio_fs *fs = kmem_new(struct virtio_fs);
	int err;

	if (fs == NULL)
		return -ENOMEM;
	err = virtio_start(d, 0);
	if (err != 0)
		goto err_free;
	read_tag(d, fs->tag);
	waitq_init(&fs->room);
	fs->d = d;
	fs->forgets = virtq_new(d, QUEUE_HIPRIO, QUEUE_SIZE);
	fs->requests = virtq_new(d, QUEUE_REQUEST, QUEUE_SIZE);
	err = fs->requests == NULL || fs->forgets == NULL ? -ENOMEM : 0;
	if (err != 0)
		goto err_free;
	d->private = fs;
	fs->next = first;
	atomic_store(&first, fs);
	fs->transport = (struct fuse_transport){
		.tag = fs->tag,
		.call = call,
		.post = post,
		.private = fs,
		.max_pages = fs->requests->size - HEADER_PIECES,
	};
	virtio_ready(d);
	fuse_transport_register(&fs->transport);
	return 0;
err_free:
	kmem_free(fs);
	return err;
}

VIRTIO_DRIVER(virtio_fs) = { VIRTIO_ID_FS, "file system", probe, interrupt, NULL };
