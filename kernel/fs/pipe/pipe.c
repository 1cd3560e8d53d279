/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes and FIFOs (pipe(7), fifo(7)). The bytes are in whole pages; a write goes on in the last
 * page while it fits, so that many small writes do not fill the ring. A write of at most PIPE_BUF
 * (one page) bytes goes into one slot at one time: it is atomic. Both ends of a pipe(2) are files
 * over one anonymous inode; a FIFO's pipe is made by its first opener and freed by its last closer.
 */
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/stat.h>

#include "fs/openfile.h"
#include "fs/pipe/pipe_ring.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define SLOTS_DEFAULT 16u
#define SIZE_MAX_USER (1024 * 1024ul) /* without CAP_SYS_RESOURCE */
#define SIZE_MAX_ROOT (1ul << 31)

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = kmem_new(struct pipe);

	if (p == NULL)
		return NULL;
	p->slots = kmem_new_array(struct pipe_slot, SLOTS_DEFAULT);
	if (p->slots == NULL) {
		kmem_free(p);
		return NULL;
	}
	p->nr_slots = SLOTS_DEFAULT;
	mutex_init(&p->lock);
	waitq_init(&p->readable);
	waitq_init(&p->writable);
	return p;
}

static void pipe_free(struct pipe *p)
{
	while (p->used > 0)
		pipe_consume(p, pipe_slot_at(p, 0)->len);
	if (p->spare != NULL)
		page_put(p->spare);
	kmem_free(p->slots);
	kmem_free(p);
}

void pipe_wake_readers(struct pipe *p)
{
	waitq_wake_all(&p->readable, EPOLLIN | EPOLLRDNORM);
}

void pipe_wake_writers(struct pipe *p)
{
	waitq_wake_all(&p->writable, EPOLLOUT | EPOLLWRNORM);
}

static bool has_data_or_eof(struct pipe *p)
{
	return atomic_load(&p->used) > 0 || atomic_load(&p->writers) == 0;
}

static bool has_room_or_error(struct pipe *p)
{
	return atomic_load(&p->used) < atomic_load(&p->nr_slots) || atomic_load(&p->readers) == 0;
}

int pipe_wait_data(struct pipe *p, bool nonblock)
{
	while (p->used == 0) {
		int err;

		if (p->writers == 0)
			return 1;
		if (nonblock)
			return -EAGAIN;
		mutex_unlock(&p->lock);
		err = wait_event(&p->readable, has_data_or_eof(p), WAIT_INTERRUPTIBLE, NSEC_NEVER);
		mutex_lock(&p->lock);
		if (err != 0)
			return err;
	}
	return 0;
}

int pipe_wait_room(struct pipe *p, bool nonblock)
{
	for (;;) {
		int err;

		if (p->readers == 0)
			return -EPIPE;
		if (p->used < p->nr_slots)
			return 0;
		if (nonblock)
			return -EAGAIN;
		mutex_unlock(&p->lock);
		err = wait_event(&p->writable, has_room_or_error(p), WAIT_INTERRUPTIBLE,
				 NSEC_NEVER);
		mutex_lock(&p->lock);
		if (err != 0)
			return err;
	}
}

void pipe_push(struct pipe *p, const struct pipe_slot *slot)
{
	*pipe_slot_at(p, p->used) = *slot;
	atomic_store(&p->used, p->used + 1);
}

void pipe_consume(struct pipe *p, unsigned len)
{
	struct pipe_slot *s = pipe_slot_at(p, 0);

	s->offset += len;
	s->len -= len;
	if (s->len > 0 && !s->packet)
		return;
	if (s->mergeable && p->spare == NULL && READ_ONCE(s->page->refs) == 1)
		p->spare = s->page;
	else
		page_put(s->page);
	s->page = NULL;
	p->head = (p->head + 1) & (p->nr_slots - 1);
	atomic_store(&p->used, p->used - 1);
}

/* What is there, as far as the buffer goes. Bytes or -EFAULT. */
static ssize_t read_slots(struct pipe *p, struct uio *u)
{
	ssize_t total = 0;

	while (p->used > 0 && u->left > 0) {
		struct pipe_slot *s = pipe_slot_at(p, 0);
		unsigned len = (unsigned)min((size_t)s->len, u->left);
		bool packet = s->packet;
		size_t n = uio_copy_to(u, (char *)page_to_ptr(s->page) + s->offset, len);

		total += (ssize_t)n;
		if (n > 0)
			pipe_consume(p, (unsigned)n);
		if (n < len)
			return total > 0 ? total : -EFAULT;
		if (packet)
			break;
	}
	return total;
}

ssize_t pipe_vmsplice_out(struct file *f, struct uio *u, bool nonblock)
{
	struct pipe *p = pipe_of(f);
	bool was_full, has_room;
	ssize_t n;

	if (u->left == 0)
		return 0;
	mutex_lock(&p->lock);
	n = pipe_wait_data(p, nonblock);
	was_full = p->used == p->nr_slots;
	if (n == 0)
		n = read_slots(p, u);
	else if (n == 1)
		n = 0;
	has_room = p->used < p->nr_slots;
	mutex_unlock(&p->lock);
	if (was_full && has_room) /* else nobody waits, and it is no edge (epoll(7)) */
		pipe_wake_writers(p);
	return n;
}

static ssize_t read(struct file *f, struct uio *u, int64_t *pos)
{
	return pipe_vmsplice_out(f, u, f->flags & O_NONBLOCK);
}

/* Into the last page, if the part that does not fill a page fits there. */
static ssize_t merge(struct pipe *p, struct uio *u, bool packet)
{
	unsigned len = (unsigned)(u->left % PAGE_SIZE);
	struct pipe_slot *s;
	size_t n;

	if (p->used == 0 || len == 0 || packet)
		return 0;
	s = pipe_slot_at(p, p->used - 1);
	if (!s->mergeable || s->packet || s->offset + s->len + len > PAGE_SIZE)
		return 0;
	n = uio_copy_from(u, (char *)page_to_ptr(s->page) + s->offset + s->len, len);
	s->len += (unsigned)n;
	return n == len ? (ssize_t)n : n > 0 ? (ssize_t)n : -EFAULT;
}

static struct page *take_page(struct pipe *p)
{
	struct page *page = p->spare;

	p->spare = NULL;
	return page != NULL ? page : page_alloc(0, 0);
}

/* One new page's worth. There is room. */
static ssize_t write_slot(struct pipe *p, struct uio *u, bool packet)
{
	struct pipe_slot s = { .packet = packet, .mergeable = !packet };
	size_t len = min(u->left, PAGE_SIZE);

	s.page = take_page(p);
	if (s.page == NULL)
		return -ENOMEM;
	s.len = (unsigned)uio_copy_from(u, page_to_ptr(s.page), len);
	if (s.len == 0) {
		page_put(s.page);
		return -EFAULT;
	}
	pipe_push(p, &s);
	return (ssize_t)s.len;
}

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	struct pipe *p = pipe_of(f);
	bool packet = f->flags & O_DIRECT, nonblock = f->flags & O_NONBLOCK;
	ssize_t total = 0, n;

	if (u->left == 0)
		return 0;
	mutex_lock(&p->lock);
	n = p->readers == 0 ? -EPIPE : merge(p, u, packet);
	while (n >= 0) {
		total += n;
		if (u->left == 0)
			break;
		if (p->used == p->nr_slots && !nonblock)
			pipe_wake_readers(p);
		n = pipe_wait_room(p, nonblock);
		if (n == 0)
			n = write_slot(p, u, packet);
	}
	mutex_unlock(&p->lock);
	if (total > 0)
		pipe_wake_readers(p);
	return total > 0 ? total : n;
}

ssize_t pipe_vmsplice_in(struct file *f, struct uio *u, bool nonblock)
{
	struct pipe *p = pipe_of(f);
	ssize_t total = 0, n;

	if (u->left == 0)
		return 0;
	mutex_lock(&p->lock);
	n = pipe_wait_room(p, nonblock);
	while (n == 0 && u->left > 0 && p->used < p->nr_slots) {
		ssize_t moved = write_slot(p, u, false);

		if (moved < 0) {
			n = moved;
			break;
		}
		pipe_slot_at(p, p->used - 1)->mergeable = false;
		total += moved;
	}
	mutex_unlock(&p->lock);
	if (total > 0)
		pipe_wake_readers(p);
	return total > 0 ? total : n;
}

static unsigned poll(struct file *f, struct poll_table *t)
{
	struct pipe *p = pipe_of(f);
	unsigned used, events = 0;

	if (f->traits & FILE_READ)
		poll_add(t, &p->readable);
	if (f->traits & FILE_WRITE)
		poll_add(t, &p->writable);
	used = atomic_load(&p->used);
	if (f->traits & FILE_READ) {
		if (used > 0)
			events |= EPOLLIN | EPOLLRDNORM;
		/* f->pos: the number of write opens when a FIFO was opened with no writer there. */
		if (atomic_load(&p->writers) == 0 &&
		    (uint64_t)f->pos != atomic_load(&p->nr_write_opens))
			events |= EPOLLHUP;
	}
	if (f->traits & FILE_WRITE) {
		if (used < atomic_load(&p->nr_slots))
			events |= EPOLLOUT | EPOLLWRNORM;
		if (atomic_load(&p->readers) == 0)
			events |= EPOLLERR;
	}
	return events;
}

static long ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct pipe *p = pipe_of(f);
	int bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->used; i++)
		bytes += (int)pipe_slot_at(p, i)->len;
	mutex_unlock(&p->lock);
	return user_write(arg, &bytes, sizeof(bytes));
}

/* The pipe is let go by one opener; the last one frees it. */
static void leave(struct inode *inode, struct pipe *p)
{
	bool last;

	mutex_lock(&inode->lock);
	last = --p->nr_files == 0;
	if (last)
		inode->pipe = NULL;
	mutex_unlock(&inode->lock);
	if (last)
		pipe_free(p);
}

static void count_end(struct pipe *p, unsigned traits, int by)
{
	mutex_lock(&p->lock);
	if (traits & FILE_READ) {
		atomic_store(&p->readers, p->readers + (unsigned)by);
		atomic_store(&p->nr_read_opens, p->nr_read_opens + (by > 0));
	}
	if (traits & FILE_WRITE) {
		atomic_store(&p->writers, p->writers + (unsigned)by);
		atomic_store(&p->nr_write_opens, p->nr_write_opens + (by > 0));
	}
	mutex_unlock(&p->lock);
	waitq_wake_all(&p->readable, by > 0 ? EPOLLIN : EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	waitq_wake_all(&p->writable, by > 0 ? EPOLLOUT : EPOLLOUT | EPOLLWRNORM | EPOLLERR);
}

static void release(struct file *f)
{
	struct pipe *p = pipe_of(f);

	count_end(p, f->traits, -1);
	leave(f->inode, p);
}

static void describe(struct file *f, char *buf, size_t size)
{
	char *name = NULL, path[256];

	if (!inode_is_anonymous(f->inode) && path_name(&f->path, path, sizeof(path), &name) == 0)
		fmt(buf, size, "%s", name);
	else
		fmt(buf, size, "pipe:[%llu]", (unsigned long long)f->inode->ino);
}

const struct file_ops pipe_fops = {
	.read = read,
	.write = write,
	.ioctl = ioctl,
	.poll = poll,
	.release = release,
	.describe = describe,
};

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_fops;
}

static void attach(struct file *f, struct pipe *p)
{
	f->ops = &pipe_fops;
	f->private = p;
	f->pos = -1;
}

int pipe_new(unsigned flags, struct file **read_end, struct file **write_end)
{
	struct inode *inode = anonymous_inode_new(S_IFIFO | 0600);
	struct pipe *p = pipe_alloc();
	struct file *r = NULL, *w = NULL;

	if (inode != NULL) {
		r = file_alloc(inode, O_RDONLY | (flags & O_NONBLOCK), &pipe_fops);
		w = file_alloc(inode, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), &pipe_fops);
		inode_put(inode);
	}
	if (p == NULL || r == NULL || w == NULL) {
		if (r != NULL)
			file_discard(r);
		if (w != NULL)
			file_discard(w);
		if (p != NULL)
			pipe_free(p);
		return -ENOMEM;
	}
	inode->pipe = p;
	p->nr_files = 2;
	attach(r, p);
	attach(w, p);
	count_end(p, FILE_READ | FILE_WRITE, 1);
	*read_end = r;
	*write_end = w;
	return 0;
}

/* The FIFO's pipe, made if this is its first opener, with one of nr_files counted. NULL = no
 * memory. */
static struct pipe *enter(struct inode *inode)
{
	struct pipe *fresh = pipe_alloc(), *p;

	mutex_lock(&inode->lock);
	if (inode->pipe == NULL) {
		inode->pipe = fresh;
		fresh = NULL;
	}
	p = inode->pipe;
	if (p != NULL)
		p->nr_files++;
	mutex_unlock(&inode->lock);
	if (fresh != NULL)
		pipe_free(fresh);
	return p;
}

/*
 * What open(2) of one end waits for: the other end, which may have come and gone meanwhile. One
 * that was there before may be gone by the time of the wait: being counted is what lets it go on.
 */
struct peer {
	unsigned *now, *opens, opens_before;
	bool there;
};

static struct peer peer_of(struct pipe *p, unsigned ends)
{
	bool reads = ends == FILE_READ;
	struct peer peer = { reads ? &p->writers : &p->readers,
			     reads ? &p->nr_write_opens : &p->nr_read_opens, 0, false };

	peer.opens_before = atomic_load(peer.opens);
	peer.there = atomic_load(peer.now) > 0;
	return peer;
}

static int wait_for_peer(struct waitq *q, const struct peer *peer)
{
	return wait_event(
		q, atomic_load(peer->now) > 0 || atomic_load(peer->opens) != peer->opens_before,
		WAIT_INTERRUPTIBLE, NSEC_NEVER);
}

int pipe_fifo_open(struct inode *inode, struct file *f)
{
	unsigned ends = f->traits & (FILE_READ | FILE_WRITE);
	bool nonblock = f->flags & O_NONBLOCK;
	struct pipe *p = enter(inode);
	struct peer peer;
	int err = 0;

	if (p == NULL)
		return -ENOMEM;
	if (ends == FILE_WRITE && nonblock && atomic_load(&p->readers) == 0) {
		leave(inode, p);
		return -ENXIO;
	}
	peer = peer_of(p, ends);
	count_end(p, ends, 1);
	if (ends != (FILE_READ | FILE_WRITE) && !nonblock && !peer.there &&
	    !inode_is_anonymous(inode))
		err = wait_for_peer(ends == FILE_READ ? &p->readable : &p->writable, &peer);
	if (err != 0) {
		count_end(p, ends, -1);
		leave(inode, p);
		return err;
	}
	attach(f, p);
	if (nonblock && ends == FILE_READ && atomic_load(&p->writers) == 0)
		f->pos = p->nr_write_opens;
	return 0;
}

long pipe_get_size(struct file *f)
{
	return (long)(atomic_load(&pipe_of(f)->nr_slots) * PAGE_SIZE);
}

long pipe_set_size(struct file *f, size_t size)
{
	bool may = cred_has_cap(cred_current(), CAP_SYS_RESOURCE);
	struct pipe *p = pipe_of(f);
	struct pipe_slot *slots;
	unsigned nr = 1;

	if (size > SIZE_MAX_ROOT)
		return -EINVAL;
	while (nr * PAGE_SIZE < size)
		nr *= 2;
	if (nr * PAGE_SIZE > SIZE_MAX_USER && nr > p->nr_slots && !may)
		return -EPERM;
	slots = kmem_new_array(struct pipe_slot, nr);
	if (slots == NULL)
		return -ENOMEM;
	mutex_lock(&p->lock);
	if (p->used > nr) {
		mutex_unlock(&p->lock);
		kmem_free(slots);
		return -EBUSY;
	}
	for (unsigned i = 0; i < p->used; i++)
		slots[i] = *pipe_slot_at(p, i);
	kmem_free(p->slots);
	p->slots = slots;
	p->head = 0;
	atomic_store(&p->nr_slots, nr);
	mutex_unlock(&p->lock);
	pipe_wake_writers(p);
	return (long)(nr * PAGE_SIZE);
}
