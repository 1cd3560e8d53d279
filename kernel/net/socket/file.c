/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket as an open file (socket(7)): read(2) and write(2) are receive and send without an
 * address. Whoever makes the file (linux/) sets file->private to the socket and hands its count
 * over.
 */
#include <asm/fcntl.h>

#include "lib/errno.h"
#include "lib/fmt.h"
#include "net/socket/socket.h"

static unsigned call_flags(const struct file *f)
{
	return (READ_ONCE(f->flags) & O_NONBLOCK) != 0 ? MSG_DONTWAIT : 0;
}

static ssize_t read(struct file *f, struct uio *u, int64_t *pos)
{
	struct socket *s = f->private;
	struct socket_message m = { .data = u, .flags = call_flags(f) };
	ssize_t n;

	if (u->left == 0)
		return 0;
	n = s->ops->receive == NULL ? -EOPNOTSUPP : s->ops->receive(s, &m);
	socket_rights_free(m.rights); /* nobody asked for them */
	return n;
}

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	struct socket *s = f->private;
	struct socket_message m = { .data = u, .flags = call_flags(f) };

	if (s->type == SOCK_SEQPACKET)
		m.flags |= MSG_EOR;
	return s->ops->send == NULL ? -EOPNOTSUPP : s->ops->send(s, &m);
}

static long ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct socket *s = f->private;

	return s->ops->ioctl == NULL ? -ENOTTY : s->ops->ioctl(s, cmd, arg);
}

static int mmap(struct file *f, struct vm_area *area)
{
	struct socket *s = f->private;

	return s->ops->mmap == NULL ? -ENODEV : s->ops->mmap(s, area);
}

static unsigned poll(struct file *f, struct poll_table *t)
{
	struct socket *s = f->private;

	poll_add(t, &s->readable);
	poll_add(t, &s->writable);
	return s->ops->poll(s, t);
}

static void release(struct file *f)
{
	socket_close(f->private);
}

static void describe(struct file *f, char *buf, size_t size)
{
	struct socket *s = f->private;

	fmt(buf, size, "socket:[%llu]", (unsigned long long)s->ino);
}

const struct file_ops socket_fops = {
	.read = read,
	.write = write,
	.ioctl = ioctl,
	.poll = poll,
	.mmap = mmap,
	.release = release,
	.describe = describe,
};

struct socket *socket_of_file(const struct file *f)
{
	return f->ops == &socket_fops ? f->private : NULL;
}
