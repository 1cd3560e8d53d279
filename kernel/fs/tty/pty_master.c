/* SPDX-License-Identifier: BSD-2-Clause */
/* The master's side of a pseudo terminal, /dev/ptmx and the nodes in devpts: see pty.h. */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/tty.h>

#include "core/cred.h"
#include "fs/tty/pty.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define CHUNK       512
#define NUMBERS_MAX (1u << 20)

/* ---- reading ---- */

static bool has_news(struct pty *p)
{
	scoped_spin(&p->lock);
	return pty_ring_used(&p->output) > 0 || (p->packet && p->status != 0);
}

static bool is_closed(struct pty *p)
{
	scoped_spin(&p->lock);
	return p->closed;
}

static int wait_news(struct pty *p, bool nonblock)
{
	bool closed = is_closed(p); /* first: what was written before that is still read */

	if (has_news(p))
		return 0;
	if (closed)
		return -EIO;
	if (nonblock)
		return -EAGAIN;
	return wait_event(&p->master_readable, has_news(p) || is_closed(p), WAIT_INTERRUPTIBLE,
			  NSEC_NEVER);
}

/* In packet mode, the byte that comes first. *only: and nothing else does. */
static bool take_status(struct pty *p, char *out, bool *only)
{
	scoped_spin(&p->lock);
	*only = p->packet && p->status != 0;
	*out = *only ? (char)p->status : TIOCPKT_DATA;
	if (*only)
		p->status = 0;
	return p->packet;
}

static size_t take(struct pty *p, char *buf, size_t size)
{
	scoped_spin(&p->lock);
	return pty_ring_take(&p->output, buf, size);
}

static ssize_t read_data(struct pty *p, struct uio *u)
{
	char buf[CHUNK];
	ssize_t done = 0;

	while (u->left > 0) {
		size_t n = take(p, buf, min(u->left, sizeof(buf)));
		size_t copied = uio_copy_to(u, buf, n);

		done += (ssize_t)copied;
		if (copied < n)
			return done > 0 ? done : -EFAULT;
		if (n == 0)
			break;
	}
	return done;
}

static ssize_t read_in_turn(struct pty *p, struct uio *u, bool nonblock)
{
	ssize_t n = 0, header = 0;
	bool only = false;
	char status;

	do {
		n = wait_news(p, nonblock);
		if (n != 0)
			return n;
	} while (!has_news(p) && !is_closed(p)); /* it was flushed meanwhile */
	if (take_status(p, &status, &only)) {
		if (!only && !has_news(p))
			return -EIO;
		header = (ssize_t)uio_copy_to(u, &status, 1);
		if (header == 0)
			return -EFAULT;
	}
	if (!only)
		n = read_data(p, u);
	if (n < 0 || n + header > 0)
		return n < 0 ? n : n + header;
	return -EIO;
}

static ssize_t master_read(struct file *f, struct uio *u, int64_t *pos)
{
	bool nonblock = (f->flags & O_NONBLOCK) != 0;
	struct pty *p = f->private;
	ssize_t n;

	(void)pos;
	if (u->left == 0)
		return 0;
	n = uio_fault_in(u, true);
	if (n == 0)
		n = turn_take(&p->master_reading, nonblock);
	if (n != 0)
		return n;
	n = read_in_turn(p, u, nonblock);
	turn_give(&p->master_reading);
	if (n > 0) {
		tty_show_echo(&p->tty);
		waitq_wake_all(&p->port.writable, EPOLLOUT | EPOLLWRNORM);
	}
	return n;
}

/* ---- writing ---- */

static bool can_write(struct pty *p)
{
	scoped_spin(&p->lock);
	return !p->master_stopped && pty_ring_used(&p->input) < p->input.size;
}

static size_t put(struct pty *p, const char *from, size_t len)
{
	scoped_spin(&p->lock);
	return p->master_stopped ? 0 : pty_ring_put(&p->input, from, len);
}

static void deliver(struct pty *p)
{
	tty_pump(&p->tty);
	tty_wake_readers(&p->tty);
}

/* The terminal works on each piece at once: what it has no room for stays in the ring. */
static ssize_t write_chunk(struct pty *p, const char *from, size_t len, bool nonblock)
{
	size_t done = 0;

	while (done < len) {
		size_t n = put(p, from + done, len - done);
		int err = 0;

		done += n;
		if (n > 0)
			deliver(p);
		else if (nonblock)
			err = -EAGAIN;
		else
			err = wait_event(&p->master_writable, can_write(p), WAIT_INTERRUPTIBLE,
					 NSEC_NEVER);
		if (err != 0)
			return done > 0 ? (ssize_t)done : err;
	}
	return (ssize_t)done;
}

static ssize_t write_in_turn(struct pty *p, struct uio *u, bool nonblock)
{
	ssize_t done = 0, n = 0;
	char buf[CHUNK];

	while (u->left > 0) {
		size_t copied = uio_copy_from(u, buf, min(u->left, sizeof(buf)));

		n = copied == 0 ? -EFAULT : write_chunk(p, buf, copied, nonblock);
		if (n < 0)
			break;
		done += n;
		if ((size_t)n < copied)
			break;
	}
	return done > 0 ? done : n;
}

static ssize_t master_write(struct file *f, struct uio *u, int64_t *pos)
{
	bool nonblock = (f->flags & O_NONBLOCK) != 0;
	struct pty *p = f->private;
	ssize_t n;

	(void)pos;
	if (u->left == 0)
		return 0;
	n = turn_take(&p->master_writing, nonblock);
	if (n != 0)
		return n;
	n = write_in_turn(p, u, nonblock);
	turn_give(&p->master_writing);
	return n;
}

static unsigned master_poll(struct file *f, struct poll_table *table)
{
	struct pty *p = f->private;
	unsigned events = 0;

	poll_add(table, &p->master_readable);
	poll_add(table, &p->master_writable);
	scoped_spin(&p->lock);
	if (pty_ring_used(&p->output) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	if (p->packet && p->status != 0)
		events |= EPOLLIN | EPOLLRDNORM | EPOLLPRI;
	if (p->closed)
		events |= EPOLLHUP;
	if (!p->master_stopped && pty_ring_used(&p->input) < p->input.size)
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

/* ---- ioctls about the master itself ---- */

static long set_flag(struct pty *p, bool *flag, bool on)
{
	scoped_spin(&p->lock);
	if (flag == &p->packet && on && !p->packet)
		p->status = 0;
	*flag = on;
	return 0;
}

static long set_flag_of_user(struct pty *p, bool *flag, uaddr_t arg)
{
	int on;

	return user_read_struct(&on, arg) != 0 ? -EFAULT : set_flag(p, flag, on != 0);
}

static long get_flag(const bool *flag, uaddr_t arg)
{
	int on = READ_ONCE(*flag);

	return user_write_struct(arg, &on);
}

static long send_signal(struct pty *p, unsigned long sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_send_signals(READ_ONCE(p->tty.pgrp), 1u << sig);
	return 0;
}

static long flush(struct pty *p, unsigned long which)
{
	if (which > TCIOFLUSH)
		return -EINVAL;
	spin_lock(&p->lock);
	if (which != TCOFLUSH)
		p->output.tail = p->output.head;
	if (which != TCIFLUSH)
		p->input.tail = p->input.head;
	spin_unlock(&p->lock);
	waitq_wake_all(&p->port.writable, EPOLLOUT | EPOLLWRNORM);
	waitq_wake_all(&p->master_writable, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

/* tcflow(3): the keys are those that a master has for good. */
static long flow(struct pty *p, unsigned long action)
{
	const char key = action == TCIOFF ? 19 : 17;

	switch (action) {
	case TCOOFF:
	case TCOON:
		(void)set_flag(p, &p->master_stopped, action == TCOOFF);
		waitq_wake_all(&p->master_writable, EPOLLOUT | EPOLLWRNORM);
		return 0;
	case TCIOFF:
	case TCION:
		(void)put(p, &key, 1);
		deliver(p);
		return 0;
	default:
		return -EINVAL;
	}
}

static long fake_output(struct pty *p, uaddr_t arg)
{
	char c;

	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (user_read_struct(&c, arg) != 0)
		return -EFAULT;
	(void)p->port.ops->write(&p->port, &c, 1);
	return 0;
}

static long ioctl_flags(struct pty *p, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case TIOCSPTLCK:
		return set_flag_of_user(p, &p->locked, arg);
	case TIOCGPTLCK:
		return get_flag(&p->locked, arg);
	case TIOCPKT:
		return set_flag_of_user(p, &p->packet, arg);
	case TIOCGPKT:
		return get_flag(&p->packet, arg);
	case TIOCEXCL:
	case TIOCNXCL:
		return set_flag(p, &p->master_exclusive, cmd == TIOCEXCL);
	case TIOCGEXCL:
		return get_flag(&p->master_exclusive, arg);
	default:
		return -ENOTTY;
	}
}

static long master_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct pty *p = f->private;
	int value = 0;
	long err;

	switch (cmd) {
	case TIOCGPTN:
		return user_write_struct(arg, &p->number);
	case TIOCSIG:
		return send_signal(p, arg);
	case FIONREAD:
		spin_lock(&p->lock);
		value = (int)pty_ring_used(&p->output);
		spin_unlock(&p->lock);
		return user_write_struct(arg, &value);
	case TIOCOUTQ: /* it is the terminal's at once */
		return user_write_struct(arg, &value);
	case TCFLSH:
		return flush(p, arg);
	case TCXONC:
		return flow(p, arg);
	case TIOCSTI:
		return fake_output(p, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		return 0;
	default:
		err = ioctl_flags(p, cmd, arg);
		return err == -ENOTTY ? tty_master_ioctl(&p->tty, f, cmd, arg) : err;
	}
}

/* ---- opening and closing ---- */

static void master_release(struct file *f)
{
	struct pty *p = f->private;

	spin_lock(&p->lock);
	p->master_gone = true;
	spin_unlock(&p->lock);
	devpts_remove(&p->node, p->number);
	path_put(&p->node);
	tty_hang_up(&p->tty);
	atomic_store(&p->port.host_closed, true);
	tty_wake_readers(&p->tty);
	tty_put(&p->tty);
}

const struct file_ops pty_master_ops = {
	.read = master_read,
	.write = master_write,
	.ioctl = master_ioctl,
	.poll = master_poll,
	.release = master_release,
};

static int make_pair(const struct path *root, struct pty **out)
{
	struct devpts *d;
	unsigned number;
	struct pty *p;
	int err = devpts_number_take(root, &d, &number);

	if (err != 0)
		return err;
	p = pty_new(d, number);
	if (p == NULL) {
		devpts_number_give(d, number);
		return -ENOMEM;
	}
	err = devpts_add(root, &p->tty, number, &p->node);
	if (err != 0) {
		tty_put(&p->tty);
		return err;
	}
	*out = p;
	return 0;
}

static int open_ptmx(struct inode *inode, struct file *f)
{
	struct path root;
	struct pty *p;
	int err = devpts_find(f, &root);

	(void)inode;
	if (err != 0)
		return err;
	err = make_pair(&root, &p);
	path_put(&root);
	if (err != 0)
		return err;
	f->ops = &pty_master_ops;
	f->private = p;
	f->traits |= FILE_STREAM;
	return 0;
}

static int open_pts(struct inode *inode, struct file *f)
{
	struct tty *t = devpts_tty_of(inode);

	return t == NULL ? -EIO : pty_open(pty_of(t), f);
}

CHRDEV(dev_ptmx) = { 5, 2, 1, "ptmx", 0666, open_ptmx };
CHRDEV(dev_pts) = { PTS_MAJOR, 0, NUMBERS_MAX, NULL, 0, open_pts };

int tty_open_peer(struct file *f, unsigned open_flags, struct file **out)
{
	struct pty *p = f->private;

	if (f->ops == &pty_master_ops)
		return vfs_open_path(&p->node, open_flags, out);
	return f->ops == &tty_ops ? -EIO : -ENOTTY;
}
