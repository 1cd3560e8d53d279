/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd(2): a 64-bit counter as a file. */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#include "core/sync/waitq.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/event/polling.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "mm/alloc/kmem.h"

#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	struct spinlock lock;
	uint64_t count; /* [lock] */
	bool semaphore; /* [I] */
	struct waitq wq;
};

/* Takes from the counter; false when it is 0. */
static bool take(struct eventfd *e, uint64_t *out)
{
	scoped_spin(&e->lock);
	if (e->count == 0)
		return false;
	*out = e->semaphore ? 1 : e->count;
	e->count -= *out;
	return true;
}

static bool give(struct eventfd *e, uint64_t n)
{
	scoped_spin(&e->lock);
	if (n > COUNT_MAX - e->count)
		return false;
	e->count += n;
	return true;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct eventfd *e = f->private;
	uint64_t n;
	int err = 0;

	if (u->left < sizeof(n))
		return -EINVAL;
	if (!take(e, &n)) {
		if ((f->flags & O_NONBLOCK) != 0)
			return -EAGAIN;
		err = wait_event(&e->wq, take(e, &n), WAIT_INTERRUPTIBLE, NSEC_NEVER);
	}
	if (err != 0)
		return err;
	waitq_wake_all(&e->wq, EPOLLOUT);
	return uio_copy_to(u, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct eventfd *e = f->private;
	uint64_t n;
	int err = 0;

	if (u->left < sizeof(n))
		return -EINVAL;
	if (uio_copy_from(u, &n, sizeof(n)) != sizeof(n))
		return -EFAULT;
	if (n == UINT64_MAX)
		return -EINVAL;
	if (!give(e, n)) {
		if ((f->flags & O_NONBLOCK) != 0)
			return -EAGAIN;
		err = wait_event(&e->wq, give(e, n), WAIT_INTERRUPTIBLE, NSEC_NEVER);
	}
	if (err != 0)
		return err;
	waitq_wake_all(&e->wq, EPOLLIN);
	return sizeof(n);
}

static unsigned eventfd_poll(struct file *f, struct poll_table *t)
{
	struct eventfd *e = f->private;

	poll_add(t, &e->wq);
	scoped_spin(&e->lock);
	return (e->count > 0 ? EPOLLIN : 0) | (e->count < COUNT_MAX ? EPOLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
	kmem_free(f->private);
}

static void eventfd_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:[eventfd]");
}

static void eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->private;

	fmt(buf, size, "eventfd-count: %16llx\n", (unsigned long long)READ_ONCE(e->count));
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.describe = eventfd_describe,
	.fdinfo = eventfd_fdinfo,
};

bool file_is_eventfd(const struct file *f)
{
	return f->ops == &eventfd_ops;
}

long sys_eventfd2(unsigned count, int flags)
{
	struct eventfd *e;
	struct file *f;
	int err;

	if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0)
		return -EINVAL;
	e = kmem_new(struct eventfd);
	if (e == NULL)
		return -ENOMEM;
	e->count = count;
	e->semaphore = (flags & EFD_SEMAPHORE) != 0;
	waitq_init(&e->wq);
	err = file_new_anonymous(&eventfd_ops, 0600, O_RDWR | ((unsigned)flags & O_NONBLOCK), e,
				 &f);
	if (err != 0) {
		kmem_free(e);
		return err;
	}
	return fd_install(f, (unsigned)flags & EFD_CLOEXEC, 0);
}

long sys_eventfd(unsigned count)
{
	return sys_eventfd2(count, 0);
}
