/* SPDX-License-Identifier: BSD-2-Clause */
/* A terminal's life: made, opened, fed with input, hung up, freed. See tty.h. */
#include "fs/tty/tty.h"

#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/tty.h>

#include <asm/ioctls.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"

#define INPUT_CHUNK 256

static struct spinlock list_lock = SPINLOCK_INIT;
static struct list ttys = LIST_INIT(ttys); /* [list_lock] */

/* ---- turns ---- */

void turn_init(struct turn *t)
{
	t->taken = 0;
	waitq_init(&t->free);
}

static bool try_turn(struct turn *t)
{
	unsigned nobody = 0;

	return atomic_compare_exchange(&t->taken, &nobody, 1);
}

int turn_take(struct turn *t, bool nonblock)
{
	if (try_turn(t))
		return 0;
	if (nonblock)
		return -EAGAIN;
	return wait_event(&t->free, try_turn(t), WAIT_INTERRUPTIBLE, NSEC_NEVER);
}

void turn_give(struct turn *t)
{
	atomic_store(&t->taken, 0);
	waitq_wake_all(&t->free, 0);
}

/* ---- the discipline's callbacks, under tty.lock ---- */

static struct tty *tty_of(struct ldisc *l)
{
	return container_of(l, struct tty, ldisc);
}

static void tell(struct tty *t, unsigned status)
{
	if (t->kind->tell != NULL)
		t->kind->tell(t, status);
}

void tty_flush_echo_locked(struct tty *t)
{
	size_t done;

	if (t->echo_len == 0 || t->ldisc.stopped)
		return;
	done = t->port->ops->write(t->port, t->echo, t->echo_len);
	t->echo_len -= done;
	memmove(t->echo, t->echo + done, t->echo_len);
}

void tty_show_echo(struct tty *t)
{
	scoped_spin(&t->lock);
	tty_flush_echo_locked(t);
}

static void add_echo(struct ldisc *l, const char *text, size_t len)
{
	struct tty *t = tty_of(l);

	if (t->echo_len + len > TTY_ECHO_MAX)
		tty_flush_echo_locked(t);
	if (t->echo_len + len > TTY_ECHO_MAX)
		return;
	memcpy(t->echo + t->echo_len, text, len);
	t->echo_len += len;
}

static void flush_output_locked(struct tty *t)
{
	t->echo_len = 0;
	if (t->kind->flush_output != NULL)
		t->kind->flush_output(t);
	tell(t, TIOCPKT_FLUSHWRITE);
}

/* The discipline throws its input away itself. */
static void add_signal(struct ldisc *l, int sig)
{
	struct tty *t = tty_of(l);

	t->pending_signals |= 1u << sig;
	if ((l->t.c_lflag & NOFLSH) != 0)
		return;
	flush_output_locked(t);
	tell(t, TIOCPKT_FLUSHREAD);
}

/* ---- input ---- */

void tty_send_signals(int pgrp, unsigned signals)
{
	static const int order[] = { SIGINT, SIGQUIT, SIGTSTP, SIGWINCH };

	for (unsigned i = 0; pgrp != 0 && i < ARRAY_SIZE(order); i++) {
		if ((signals & 1u << order[i]) != 0)
			tty_signals.signal_group(pgrp, order[i]);
	}
}

static size_t take_input_locked(struct tty *t)
{
	char chunk[INPUT_CHUNK];
	size_t n = min(ldisc_room(&t->ldisc), sizeof(chunk));
	bool was_stopped = t->ldisc.stopped;

	if (n > 0)
		n = t->port->ops->read(t->port, chunk, n);
	if (!t->detached)
		ldisc_input(&t->ldisc, chunk, n);
	if (t->ldisc.stopped != was_stopped)
		tell(t, was_stopped ? TIOCPKT_START : TIOCPKT_STOP);
	tty_flush_echo_locked(t);
	return n;
}

void tty_pump(struct tty *t)
{
	unsigned signals;
	size_t n;
	int pgrp;

	do {
		spin_lock(&t->lock);
		n = take_input_locked(t);
		signals = t->pending_signals;
		t->pending_signals = 0;
		pgrp = t->pgrp;
		spin_unlock(&t->lock);
		tty_send_signals(pgrp, signals);
	} while (n > 0);
}

/* Writers that were stopped wait here too: input is what starts them again. */
void tty_wake_readers(struct tty *t)
{
	waitq_wake_all(&t->readable, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM |
					     (tty_is_port_closed(t) ? EPOLLHUP : 0u));
}

static void port_notify(struct port *p)
{
	struct tty *t = p->private;

	tty_pump(t);
	tty_wake_readers(t);
}

void tty_flush_input(struct tty *t)
{
	spin_lock(&t->lock);
	ldisc_flush_input(&t->ldisc);
	tell(t, TIOCPKT_FLUSHREAD);
	spin_unlock(&t->lock);
	tty_pump(t);
}

void tty_flush_output(struct tty *t)
{
	scoped_spin(&t->lock);
	flush_output_locked(t);
}

void tty_set_held(struct tty *t, bool held)
{
	bool was_stopped;

	spin_lock(&t->lock);
	was_stopped = t->ldisc.stopped;
	ldisc_hold(&t->ldisc, held);
	if (t->ldisc.stopped != was_stopped)
		tell(t, was_stopped ? TIOCPKT_START : TIOCPKT_STOP);
	tty_flush_echo_locked(t);
	spin_unlock(&t->lock);
	if (!held)
		tty_wake_readers(t);
}

/* ---- counting, listing ---- */

void tty_init(struct tty *t, struct port *p, const struct tty_kind *kind, uint64_t rdev)
{
	ref_init(&t->ref);
	t->port = p;
	t->kind = kind;
	t->rdev = rdev;
	turn_init(&t->reading);
	turn_init(&t->writing);
	waitq_init(&t->readable);
	ldisc_init(&t->ldisc);
	if (kind->initial != NULL)
		t->ldisc.t = *kind->initial;
	t->ldisc.echo = add_echo;
	t->ldisc.signal = add_signal;
	p->private = t;
	spin_lock(&list_lock);
	list_append(&ttys, &t->link);
	spin_unlock(&list_lock);
	atomic_store(&p->notify, port_notify);
}

void tty_get(struct tty *t)
{
	ref_get(&t->ref);
}

void tty_put(struct tty *t)
{
	if (!ref_put(&t->ref))
		return;
	spin_lock(&list_lock);
	list_remove(&t->link);
	spin_unlock(&list_lock);
	t->kind->release(t);
}

/* The list still has those whose last count is just going. */
static bool try_get(struct tty *t)
{
	unsigned count = atomic_load(&t->ref.count);

	while (count != 0) {
		if (atomic_compare_exchange(&t->ref.count, &count, count + 1))
			return true;
	}
	return false;
}

struct tty *tty_find(bool (*fn)(struct tty *t, const void *arg), const void *arg)
{
	struct tty *t;

	scoped_spin(&list_lock);
	list_foreach(&ttys, t, link) {
		if (fn(t, arg) && try_get(t))
			return t;
	}
	return NULL;
}

/* ---- opening, hanging up ---- */

int tty_attach_file(struct tty *t, struct file *f)
{
	int err = 0;

	spin_lock(&t->lock);
	if (t->exclusive && !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		err = -EBUSY;
	else
		t->nr_open++;
	if (err == 0)
		t->detached = false;
	f->pos = t->generation;
	spin_unlock(&t->lock);
	if (err != 0)
		return err;
	tty_get(t);
	f->ops = &tty_ops;
	f->private = t;
	f->traits |= FILE_STREAM;
	if (t->kind->opened != NULL)
		t->kind->opened(t);
	return 0;
}

/* Who can only write gets no control by it. */
int tty_open(struct tty *t, struct file *f, bool may_control)
{
	int err = tty_attach_file(t, f);

	if (err != 0)
		return err;
	if (may_control && (f->flags & O_NOCTTY) == 0 && (f->traits & FILE_READ) != 0 &&
	    tty_signals.current_is_leader())
		tty_take_control(t);
	return 0;
}

void tty_hang_up(struct tty *t)
{
	spin_lock(&t->lock);
	atomic_store(&t->generation, t->generation + 1);
	t->detached = true;
	t->echo_len = 0;
	ldisc_hang_up(&t->ldisc, t->kind->initial);
	spin_unlock(&t->lock);
	tty_lose_session(t);
	waitq_wake_all(&t->readable,
		       EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLERR | EPOLLHUP);
	waitq_wake_all(&t->port->writable, EPOLLOUT | EPOLLWRNORM | EPOLLERR | EPOLLHUP);
}
