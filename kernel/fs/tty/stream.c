/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port as a file: what descriptors 0 to 2 are when the host's are not a tty. It looks like a FIFO
 * (fstat says S_IFIFO, isatty fails). A read gives what is there and waits only for the first byte;
 * 0 is the end. A write blocks until all is taken; when the host does not listen any more it is
 * -EPIPE, of which the system call makes SIGPIPE.
 *
 * Bytes cross in pages of the kernel's own: user memory may fault, and ports are read and written
 * under spinlocks.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include <asm/ioctls.h>

#include "core/file.h"
#include "fs/tty/port.h"
#include "fs/vfs.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/alloc/page.h"
#include "mm/user.h"

#define BOUNCE_ORDER_MAX 4 /* 64 KiB */

struct bounce {
	char *ptr;
	size_t size;
	unsigned order;
	struct page *page;
};

/* A buffer of the size of `len`, smaller when memory is short. */
static int bounce_init(struct bounce *b, size_t len)
{
	b->order = 0;
	while (b->order < BOUNCE_ORDER_MAX && (PAGE_SIZE << b->order) < len)
		b->order++;
	b->page = page_alloc(b->order, 0);
	if (b->page == NULL && b->order > 0) {
		b->order = 0;
		b->page = page_alloc(0, 0);
	}
	if (b->page == NULL)
		return -ENOMEM;
	b->ptr = page_to_ptr(b->page);
	b->size = PAGE_SIZE << b->order;
	return 0;
}

static void bounce_fini(struct bounce *b)
{
	page_free(b->page, b->order);
}

static bool has_input(struct port *p)
{
	return p->ops->can_read(p) || atomic_load(&p->host_closed);
}

/* 0: there is something, or the end. */
static int wait_input(struct file *f, struct port *p)
{
	if (has_input(p))
		return 0;
	if ((f->flags & O_NONBLOCK) != 0)
		return -EAGAIN;
	return wait_event(&p->readable, has_input(p), WAIT_INTERRUPTIBLE, NSEC_NEVER);
}

static ssize_t read_available(struct port *p, struct uio *u)
{
	struct bounce b;
	ssize_t done = 0;
	int err = bounce_init(&b, u->left);

	if (err != 0)
		return err;
	while (u->left > 0) {
		size_t n = p->ops->read(p, b.ptr, min(u->left, b.size));
		size_t copied = uio_copy_to(u, b.ptr, n);

		done += (ssize_t)copied;
		if (copied < n && done == 0)
			done = -EFAULT;
		if (n == 0 || copied < n)
			break;
	}
	bounce_fini(&b);
	return done;
}

static ssize_t stream_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct port *p = f->private;
	ssize_t done;
	bool closed;
	int err;

	(void)pos;
	if (u->left == 0)
		return 0;
	do { /* again when another reader was first */
		err = wait_input(f, p);
		if (err == 0) /* before bytes are taken: a bad buffer must not lose them */
			err = uio_fault_in(u, true);
		if (err != 0)
			return err;
		closed = atomic_load(&p->host_closed); /* what came before that is read first */
		done = read_available(p, u);
	} while (done == 0 && !closed);
	return done;
}

/* As many of the bounced bytes as the port takes now. */
static ssize_t write_some(struct file *f, struct port *p, const char *from, size_t len)
{
	size_t done = 0, n;

	if ((f->flags & O_NONBLOCK) == 0)
		return port_write_all(p, from, len);
	if (atomic_load(&p->host_closed))
		return -EPIPE;
	do {
		n = p->ops->write(p, from + done, len - done);
		done += n;
	} while (n > 0 && done < len);
	return done > 0 ? (ssize_t)done : -EAGAIN;
}

static ssize_t stream_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct port *p = f->private;
	ssize_t done = 0, n = 0;
	struct bounce b;
	int err;

	(void)pos;
	if (u->left == 0)
		return 0;
	err = bounce_init(&b, u->left);
	if (err != 0)
		return err;
	while (u->left > 0) {
		size_t copied = uio_copy_from(u, b.ptr, min(u->left, b.size));

		n = copied == 0 ? -EFAULT : write_some(f, p, b.ptr, copied);
		if (n < 0)
			break;
		done += n;
		if ((size_t)n < copied)
			break;
	}
	bounce_fini(&b);
	return done > 0 ? done : n;
}

static unsigned stream_poll(struct file *f, struct poll_table *t)
{
	struct port *p = f->private;
	unsigned events = 0;
	bool closed;

	if ((f->traits & FILE_READ) != 0)
		poll_add(t, &p->readable);
	if ((f->traits & FILE_WRITE) != 0)
		poll_add(t, &p->writable);
	closed = atomic_load(&p->host_closed);
	if ((f->traits & FILE_READ) != 0) {
		if (p->ops->can_read(p))
			events |= EPOLLIN | EPOLLRDNORM;
		if (closed)
			events |= EPOLLHUP;
	}
	if ((f->traits & FILE_WRITE) != 0) {
		if (closed)
			events |= EPOLLERR;
		if (closed || p->ops->can_write(p))
			events |= EPOLLOUT | EPOLLWRNORM;
	}
	return events;
}

static long stream_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct port *p = f->private;
	int value;

	if (cmd != FIONREAD)
		return -ENOTTY;
	value = (f->traits & FILE_READ) != 0 ? (int)p->ops->queued(p) : 0;
	return user_write_struct(arg, &value);
}

static void stream_describe(struct file *f, char *buf, size_t size)
{
	struct port *p = f->private;

	fmt(buf, size, "pipe:[%u]", p->nr);
}

static const struct file_ops stream_ops = {
	.read = stream_read,
	.write = stream_write,
	.poll = stream_poll,
	.ioctl = stream_ioctl,
	.describe = stream_describe,
};

int stream_file_new(struct port *p, unsigned open_flags, struct file **out)
{
	int err = file_new_anonymous(&stream_ops, S_IFIFO | 0600, open_flags, p, out);

	if (err == 0)
		(*out)->traits |= FILE_STREAM;
	return err;
}
