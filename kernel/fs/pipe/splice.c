/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice(2) and tee(2): bytes move between pipes and files as references to whole pages where the
 * file has its bytes in a memory object, else through a page of the pipe's.
 */
#include <asm/fcntl.h>
#include <linux/eventpoll.h>

#include "fs/pipe/pipe_ring.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs.h"
#include "lib/errno.h"

#define SPLICE_F_NONBLOCK 2u

static bool is_nonblock(const struct file *pipe, unsigned flags)
{
	return (flags & SPLICE_F_NONBLOCK) || (pipe->flags & O_NONBLOCK);
}

/* The page cache's own page under *pos. 0 bytes: the end, or none such. */
static ssize_t page_of_object(struct file *from, int64_t pos, size_t len, struct pipe_slot *s)
{
	uint64_t size = atomic_load(&from->inode->size), at = (uint64_t)pos;
	int err;

	if (at >= size)
		return 0;
	err = object_page(&from->inode->object, at >> PAGE_SHIFT, 0, &s->page);
	if (err != 0)
		return err == -EFAULT ? 0 : err;
	s->offset = (unsigned)(at % PAGE_SIZE);
	s->len = (unsigned)min(PAGE_SIZE - s->offset, len);
	s->len = (unsigned)min((uint64_t)s->len, size - at);
	return (ssize_t)s->len;
}

static ssize_t page_by_read(struct file *from, int64_t *pos, size_t len, struct pipe_slot *s)
{
	struct uio u;
	ssize_t n;

	s->page = page_alloc(0, 0);
	if (s->page == NULL)
		return -ENOMEM;
	uio_init_kernel(&u, page_to_ptr(s->page), min(len, PAGE_SIZE));
	n = vfs_read(from, &u, pos);
	if (n <= 0) {
		page_put(s->page);
		return n;
	}
	s->len = (unsigned)n;
	s->mergeable = true;
	return n;
}

/* The next bytes of a file, as a slot. */
static ssize_t next_slot(struct file *from, int64_t *pos, size_t len, struct pipe_slot *s)
{
	bool direct = from->ops == &vfs_object_fops || from->ops == &tmpfs_fops;
	int64_t *own = pos != NULL ? pos : &from->pos;
	ssize_t n;

	*s = (struct pipe_slot){ .page = NULL };
	if (!direct || !(from->traits & FILE_READ))
		return page_by_read(from, pos, len, s);
	if (pos == NULL)
		mutex_lock(&from->pos_lock);
	n = page_of_object(from, *own, len, s);
	if (n > 0)
		*own += n;
	if (pos == NULL)
		mutex_unlock(&from->pos_lock);
	return n;
}

static void lock_two(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct pipe *a, struct pipe *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/* Until `in` has data and `out` room; both are locked when it returns 0. 1 = in's end of file. */
static int wait_two(struct pipe *in, struct pipe *out, bool nonblock)
{
	int err;

	for (;;) {
		mutex_lock(&in->lock);
		err = pipe_wait_data(in, nonblock);
		mutex_unlock(&in->lock);
		if (err != 0)
			return err;
		mutex_lock(&out->lock);
		err = pipe_wait_room(out, nonblock);
		mutex_unlock(&out->lock);
		if (err != 0)
			return err;
		lock_two(in, out);
		if (in->used > 0 && out->used < out->nr_slots)
			return 0;
		unlock_two(in, out);
	}
}

/* References of in's slots go to out. move: in loses the bytes. Both are locked. */
static size_t share_slots(struct pipe *in, struct pipe *out, size_t len, bool move)
{
	size_t total = 0;
	unsigned i = 0;

	while (total < len && i < in->used && out->used < out->nr_slots) {
		struct pipe_slot *from = pipe_slot_at(in, i), s;

		from->mergeable = false;
		s = *from;
		s.len = (unsigned)min((size_t)s.len, len - total);
		page_get(s.page);
		pipe_push(out, &s);
		total += s.len;
		if (move)
			pipe_consume(in, s.len);
		else
			i++;
	}
	return total;
}

static ssize_t pipe_to_pipe(struct file *from, struct file *to, size_t len, unsigned flags,
			    bool move)
{
	struct pipe *in = pipe_of(from), *out = pipe_of(to);
	bool nonblock = is_nonblock(from, flags) || is_nonblock(to, flags);
	size_t n;
	int err;

	if (!(from->traits & FILE_READ) || !(to->traits & FILE_WRITE))
		return -EBADF;
	if (in == out)
		return -EINVAL;
	if (len == 0)
		return 0;
	err = wait_two(in, out, nonblock);
	if (err != 0)
		return err == 1 ? 0 : err;
	n = share_slots(in, out, len, move);
	unlock_two(in, out);
	pipe_wake_readers(out);
	if (move)
		pipe_wake_writers(in);
	return (ssize_t)n;
}

ssize_t pipe_tee(struct file *from, struct file *to, size_t len, unsigned flags)
{
	if (!file_is_pipe(from) || !file_is_pipe(to))
		return -EINVAL;
	return pipe_to_pipe(from, to, len, flags, false);
}

ssize_t pipe_splice_in(struct file *pipe, struct file *from, int64_t *pos, size_t len,
		       unsigned flags)
{
	struct pipe *p = pipe_of(pipe);
	struct pipe_slot s;
	size_t total = 0;
	ssize_t n = 0;

	if (file_is_pipe(from))
		return pos != NULL ? -ESPIPE : pipe_to_pipe(from, pipe, len, flags, true);
	if (!(pipe->traits & FILE_WRITE) || !(from->traits & FILE_READ))
		return -EBADF;
	while (total < len) {
		mutex_lock(&p->lock);
		n = pipe_wait_room(p, total > 0 || is_nonblock(pipe, flags));
		mutex_unlock(&p->lock);
		if (n == 0)
			n = next_slot(from, pos, len - total, &s);
		if (n <= 0)
			break;
		mutex_lock(&p->lock);
		n = pipe_wait_room(p, false);
		if (n == 0)
			pipe_push(p, &s);
		mutex_unlock(&p->lock);
		if (n != 0) {
			page_put(s.page);
			break;
		}
		total += s.len;
		pipe_wake_readers(p);
		if (!(from->traits & FILE_SEEKABLE))
			break;
	}
	return total > 0 ? (ssize_t)total : n;
}

ssize_t pipe_splice_out(struct file *pipe, struct file *to, int64_t *pos, size_t len,
			unsigned flags)
{
	struct pipe *p = pipe_of(pipe);
	size_t total = 0;
	ssize_t n = 0;

	if (file_is_pipe(to))
		return pos != NULL ? -ESPIPE : pipe_to_pipe(pipe, to, len, flags, true);
	if (!(pipe->traits & FILE_READ) || !(to->traits & FILE_WRITE))
		return -EBADF;
	if (to->flags & O_APPEND)
		return -EINVAL;
	mutex_lock(&p->lock);
	while (total < len) {
		struct pipe_slot *s;
		struct uio u;

		n = pipe_wait_data(p, total > 0 || is_nonblock(pipe, flags));
		if (n != 0)
			break;
		s = pipe_slot_at(p, 0);
		uio_init_kernel(&u, (char *)page_to_ptr(s->page) + s->offset,
				min((size_t)s->len, len - total));
		u.pages = &s->page;
		n = vfs_write(to, &u, pos);
		if (n <= 0)
			break;
		pipe_consume(p, (unsigned)n);
		total += (size_t)n;
	}
	mutex_unlock(&p->lock);
	if (total > 0)
		pipe_wake_writers(p);
	return total > 0 ? (ssize_t)total : n == 1 ? 0 : n;
}
