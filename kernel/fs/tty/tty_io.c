/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading, writing and polling a terminal (termios(3): canonical and noncanonical mode). Bytes
 * cross in buffers of the kernel's own: user memory may fault, and the discipline works under a
 * spinlock.
 */
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/eventpoll.h>

#include "core/time/timer.h"
#include "fs/tty/tty.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "mm/alloc/page.h"
#include "mm/user.h"

#define READ_CHUNK    256
#define OUTPUT_IN     1024u /* of one page: bytes to process, */
#define OUTPUT_OUT    3072u /* and what they become */
#define OUTPUT_MARGIN 8u    /* what one byte can become */
#define DECISECOND_NS 100000000ll

/* ---- reading ---- */

static bool can_read(struct tty *t, unsigned at_least)
{
	scoped_spin(&t->lock);
	return ldisc_can_read(&t->ldisc, at_least);
}

/* Nothing more will come for this file. */
static bool is_over(struct tty *t, struct file *f)
{
	return tty_is_port_closed(t) || tty_is_file_dead(t, f);
}

/* VMIN and VTIME as a wait: how many bytes, and until when. */
struct patience {
	unsigned at_least;
	nsec_t first_ns, between_ns;
};

static struct patience patience_of(struct tty *t, size_t wanted)
{
	struct patience p = { 1, NSEC_NEVER, NSEC_NEVER };
	unsigned vmin, vtime;

	scoped_spin(&t->lock);
	if ((t->ldisc.t.c_lflag & ICANON) != 0)
		return p;
	vmin = t->ldisc.t.c_cc[VMIN];
	vtime = t->ldisc.t.c_cc[VTIME];
	p.at_least = (unsigned)min((size_t)max(vmin, 1u), wanted);
	if (vtime > 0 && vmin > 0)
		p.between_ns = vtime * DECISECOND_NS;
	if (vmin == 0)
		p.first_ns = vtime * DECISECOND_NS;
	return p;
}

static nsec_t deadline_of(nsec_t span)
{
	return span == NSEC_NEVER ? NSEC_NEVER : clock_monotonic() + span;
}

static size_t count(struct tty *t)
{
	scoped_spin(&t->lock);
	return ldisc_count(&t->ldisc);
}

/* Waits for the first byte, then, in raw mode, for at_least of them with pauses of between_ns at
 * most. */
static int wait_input(struct tty *t, struct file *f, const struct patience *p)
{
	int err = wait_event(&t->readable, can_read(t, 1) || is_over(t, f), WAIT_INTERRUPTIBLE,
			     deadline_of(p->first_ns));

	while (err == 0 && !can_read(t, p->at_least) && !is_over(t, f)) {
		size_t had = count(t);

		err = wait_event(&t->readable, count(t) != had || is_over(t, f), WAIT_INTERRUPTIBLE,
				 deadline_of(p->between_ns));
	}
	if (err != 0 && err != -ETIMEDOUT && can_read(t, 1))
		return 0; /* a signal, but there are bytes: they are the answer */
	return err;
}

/* False: there is nothing. True with *taken 0: the end that was typed. */
static bool take(struct tty *t, char *buf, size_t size, size_t *taken, bool *ended)
{
	scoped_spin(&t->lock);
	if (!ldisc_can_read(&t->ldisc, 1))
		return false;
	*taken = ldisc_read(&t->ldisc, buf, size, ended);
	return true;
}

static ssize_t read_available(struct tty *t, struct uio *u, bool *any)
{
	char buf[READ_CHUNK];
	ssize_t done = 0;
	size_t n = 1, copied;
	bool ended = false;

	while (!ended && n > 0 && u->left > 0 &&
	       take(t, buf, min(u->left, sizeof(buf)), &n, &ended)) {
		*any = true;
		copied = uio_copy_to(u, buf, n);
		done += (ssize_t)copied;
		if (copied < n)
			return done > 0 ? done : -EFAULT;
	}
	return done;
}

static ssize_t read_in_turn(struct tty *t, struct file *f, struct uio *u)
{
	struct patience p = patience_of(t, u->left);
	bool any = false, is_last;
	ssize_t done;
	int err;

	tty_pump(t);
	do { /* again when it was flushed meanwhile */
		if ((f->flags & O_NONBLOCK) != 0)
			err = can_read(t, 1) || is_over(t, f) ? 0 : -EAGAIN;
		else
			err = wait_input(t, f, &p);
		if (err != 0 && err != -ETIMEDOUT)
			return err;
		if (tty_is_file_dead(t, f))
			return -EIO;                          /* hung up meanwhile */
		is_last = err == -ETIMEDOUT || is_over(t, f); /* VTIME, or the host hung up */
		done = read_available(t, u, &any);
	} while (!any && !is_last);
	if (any)
		tty_pump(t); /* there is room again */
	return done;
}

static ssize_t tty_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct tty *t = f->private;
	ssize_t n;

	(void)pos;
	if (tty_is_file_dead(t, f))
		return 0;
	n = tty_check_background(t, SIGTTIN);
	if (n != 0 || u->left == 0)
		return n;
	n = uio_fault_in(u, true); /* before bytes are taken: a bad buffer must not lose them */
	if (n == 0)
		n = turn_take(&t->reading, (f->flags & O_NONBLOCK) != 0);
	if (n != 0)
		return n;
	n = read_in_turn(t, f, u);
	turn_give(&t->reading);
	return n;
}

/* ---- writing ---- */

static bool is_stopped(const struct tty *t)
{
	return READ_ONCE(t->ldisc.stopped);
}

static size_t room_locked(struct tty *t)
{
	return t->kind->room != NULL ? t->kind->room(t) : OUTPUT_OUT;
}

static bool has_room(struct tty *t)
{
	scoped_spin(&t->lock);
	if (t->kind->room != NULL && t->kind->room(t) < OUTPUT_MARGIN)
		return false;
	return t->port->ops->can_write(t->port);
}

static bool may_write(struct tty *t, struct file *f)
{
	return is_over(t, f) || (!is_stopped(t) && has_room(t));
}

/* Stopped output waits on `readable`: input is what starts it again. */
static int wait_output(struct tty *t, struct file *f)
{
	int err = 0;

	while (err == 0 && !may_write(t, f)) {
		if ((f->flags & O_NONBLOCK) != 0)
			return -EAGAIN;
		if (is_stopped(t))
			err = wait_event(&t->readable, !is_stopped(t) || is_over(t, f),
					 WAIT_INTERRUPTIBLE, NSEC_NEVER);
		else
			err = wait_event(&t->port->writable, may_write(t, f) || is_stopped(t),
					 WAIT_INTERRUPTIBLE, NSEC_NEVER);
	}
	return err == 0 && is_over(t, f) ? -EIO : err;
}

/* Processes up to *len bytes into `out` and hands them to the port, as far as there is room.
 * Returns how many bytes of `out` the port has not taken, which lie at its end. */
static size_t process(struct tty *t, const char *in, size_t *len, char *out, size_t *made)
{
	size_t room;

	scoped_spin(&t->lock);
	tty_flush_echo_locked(t);
	room = t->ldisc.stopped ? 0 : min(room_locked(t), (size_t)OUTPUT_OUT);
	*made = 0;
	if (room < OUTPUT_MARGIN) {
		*len = 0;
		return 0;
	}
	*made = ldisc_output(&t->ldisc, in, len, out, room);
	return *made - t->port->ops->write(t->port, out, *made);
}

/* Writes len bytes of `page`; what they become is made behind them. */
static ssize_t write_processed(struct tty *t, struct file *f, char *page, size_t len)
{
	char *out = page + OUTPUT_IN;
	size_t done = 0;

	while (done < len) {
		size_t taken = len - done, left, made;
		ssize_t n = wait_output(t, f);

		if (n == 0) {
			left = process(t, page + done, &taken, out, &made);
			if (left > 0)
				n = port_write_all(t->port, out + made - left, left);
			if (n == -EPIPE)
				n = -EIO;
		}
		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += taken;
	}
	return (ssize_t)done;
}

static ssize_t write_in_turn(struct tty *t, struct file *f, struct uio *u, char *page)
{
	ssize_t done = 0, n = 0;

	while (u->left > 0) {
		size_t copied = uio_copy_from(u, page, min(u->left, (size_t)OUTPUT_IN));

		n = copied == 0 ? -EFAULT : write_processed(t, f, page, copied);
		if (n < 0)
			break;
		done += n;
		if ((size_t)n < copied)
			break;
	}
	return done > 0 ? done : n;
}

static ssize_t tty_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct tty *t = f->private;
	struct page *page;
	ssize_t n = 0;

	(void)pos;
	if (is_over(t, f))
		return -EIO;
	if ((READ_ONCE(t->ldisc.t.c_lflag) & TOSTOP) != 0)
		n = tty_check_background(t, SIGTTOU);
	if (n != 0 || u->left == 0)
		return n;
	page = page_alloc(0, 0);
	if (page == NULL)
		return -ENOMEM;
	n = turn_take(&t->writing, (f->flags & O_NONBLOCK) != 0);
	if (n == 0) {
		n = write_in_turn(t, f, u, page_to_ptr(page));
		turn_give(&t->writing);
	}
	page_free(page, 0);
	return n;
}

/* ---- the rest ---- */

static unsigned tty_poll(struct file *f, struct poll_table *table)
{
	struct tty *t = f->private;
	unsigned events = 0, at_least = 1;

	poll_add(table, &t->readable);
	poll_add(table, &t->port->writable);
	if (tty_is_file_dead(t, f))
		return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLERR | EPOLLHUP;
	spin_lock(&t->lock);
	if (t->ldisc.t.c_cc[VTIME] == 0)
		at_least = t->ldisc.t.c_cc[VMIN];
	if (ldisc_can_read(&t->ldisc, at_least))
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&t->lock);
	if (tty_is_port_closed(t))
		events |= EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	else if (may_write(t, f))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static long file_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	return tty_ioctl(f->private, f, cmd, arg);
}

static void tty_release(struct file *f)
{
	struct tty *t = f->private;
	bool last;

	spin_lock(&t->lock);
	last = --t->nr_open == 0;
	spin_unlock(&t->lock);
	if (last && t->kind->all_closed != NULL)
		t->kind->all_closed(t);
	tty_put(t);
}

const struct file_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = file_ioctl,
	.poll = tty_poll,
	.release = tty_release,
};
