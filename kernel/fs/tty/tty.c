/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console terminal: one tty over one port (tty_ioctl(4), termios(3)). The host's own terminal
 * is in raw mode, so that everything a terminal does happens here, in the line discipline
 * (tty_ldisc.h).
 *
 * Input comes in interrupt context (port->notify) and is worked on there, so that Ctrl-C works
 * though nobody reads; it stays in the port while the discipline has no room. Echo goes to the port
 * under tty.lock; what does not fit waits in `echo` for the next output, and is bounded. Signals
 * are sent after the lock is released. Job control knows one session, PID 1's, until a program
 * makes its own.
 *
 * Locks: out_lock (writers take turns, held while one waits for room) before tty.lock before the
 * port's.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/termios.h>

#include "core/file.h"
#include "core/mutex.h"
#include "core/timer.h"
#include "fs/tty/port.h"
#include "fs/tty/tty_ldisc.h"
#include "fs/vfs.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/page.h"
#include "mm/user.h"

#define ECHO_MAX      1024
#define INPUT_CHUNK   256
#define OUTPUT_IN     1024 /* of one page: bytes to process, */
#define OUTPUT_OUT    3072 /* and what they become */
#define DECISECOND_NS 100000000ll
/* PID 1's: its session and group own the terminal at first */
#define FIRST_PGRP    1

struct tty {
	struct port *port; /* [I] */
	struct mutex out_lock;
	struct spinlock lock;
	struct ldisc ldisc;       /* [lock] */
	struct waitq readable;    /* input, or output going on again */
	unsigned pending_signals; /* [lock] bit per signal, on their way */
	struct winsize winsize;   /* [lock] */
	int session, pgrp;        /* [lock] */
	size_t echo_len;          /* [lock] */
	char echo[ECHO_MAX];      /* [lock] */
};

static struct tty *console; /* [I] after tty_init_console */

static struct tty *tty_of(struct ldisc *l)
{
	return container_of(l, struct tty, ldisc);
}

static bool has_hung_up(const struct tty *t)
{
	return atomic_load(&t->port->host_closed);
}

static void flush_echo_locked(struct tty *t)
{
	size_t done = t->echo_len == 0 ? 0 : t->port->ops->write(t->port, t->echo, t->echo_len);

	t->echo_len -= done;
	memmove(t->echo, t->echo + done, t->echo_len);
}

static void add_echo(struct ldisc *l, const char *text, size_t len)
{
	struct tty *t = tty_of(l);

	if (t->echo_len + len > ECHO_MAX)
		flush_echo_locked(t);
	if (t->echo_len + len > ECHO_MAX)
		return;
	memcpy(t->echo + t->echo_len, text, len);
	t->echo_len += len;
}

static void add_signal(struct ldisc *l, int sig)
{
	tty_of(l)->pending_signals |= 1u << sig;
}

static void send_signals(int pgrp, unsigned signals)
{
	static const int order[] = { SIGINT, SIGQUIT, SIGTSTP, SIGWINCH };

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		if ((signals & 1u << order[i]) != 0)
			tty_signals.signal_group(pgrp, order[i]);
	}
}

/* Moves input from the port to the discipline. Any context. */
static void pump(struct tty *t)
{
	char chunk[INPUT_CHUNK];
	unsigned signals;
	size_t n;
	int pgrp;

	do {
		spin_lock(&t->lock);
		n = min(ldisc_room(&t->ldisc), sizeof(chunk));
		if (n > 0)
			n = t->port->ops->read(t->port, chunk, n);
		ldisc_input(&t->ldisc, chunk, n);
		flush_echo_locked(t);
		signals = t->pending_signals;
		t->pending_signals = 0;
		pgrp = t->pgrp;
		spin_unlock(&t->lock);
		send_signals(pgrp, signals);
	} while (n > 0);
}

static void port_notify(struct port *p)
{
	struct tty *t = p->private;

	pump(t);
	waitq_wake_all(&t->readable, EPOLLIN | EPOLLRDNORM | (has_hung_up(t) ? EPOLLHUP : 0u));
}

/* Job control: 0, or why a background process may not go on. */
static int check_background(struct tty *t, int sig)
{
	int pgrp, session;

	spin_lock(&t->lock);
	pgrp = t->pgrp;
	session = t->session;
	spin_unlock(&t->lock);
	return tty_signals.check_background(pgrp, session, sig);
}

static bool can_read(struct tty *t, unsigned at_least)
{
	scoped_spin(&t->lock);
	return ldisc_can_read(&t->ldisc, at_least);
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
	if (vtime > 0)
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
static int wait_input(struct tty *t, const struct patience *p)
{
	int err = wait_event(&t->readable, can_read(t, 1) || has_hung_up(t), WAIT_INTERRUPTIBLE,
			     deadline_of(p->first_ns));

	while (err == 0 && !can_read(t, p->at_least) && !has_hung_up(t)) {
		size_t had = count(t);

		err = wait_event(&t->readable, count(t) != had || has_hung_up(t),
				 WAIT_INTERRUPTIBLE, deadline_of(p->between_ns));
	}
	if (err != 0 && err != -ETIMEDOUT && can_read(t, 1))
		return 0; /* a signal, but there are bytes: they are the answer */
	return err;
}

static size_t take(struct tty *t, char *buf, size_t size, bool *ended)
{
	scoped_spin(&t->lock);
	return ldisc_read(&t->ldisc, buf, size, ended);
}

static ssize_t read_available(struct tty *t, struct uio *u)
{
	char buf[INPUT_CHUNK];
	ssize_t done = 0;
	size_t n, copied;
	bool ended;

	do {
		n = take(t, buf, min(u->left, sizeof(buf)), &ended);
		copied = uio_copy_to(u, buf, n);
		done += (ssize_t)copied;
		if (copied < n)
			return done > 0 ? done : -EFAULT;
	} while (!ended && n > 0 && u->left > 0);
	return done;
}

static ssize_t tty_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct tty *t = f->private;
	struct patience p = patience_of(t, u->left);
	ssize_t done;
	int err = check_background(t, SIGTTIN);

	(void)pos;
	if (err != 0 || u->left == 0)
		return err;
	pump(t);
	err = uio_fault_in(u, true);
	if (err != 0)
		return err;
	if ((f->flags & O_NONBLOCK) != 0)
		err = can_read(t, 1) || has_hung_up(t) ? 0 : -EAGAIN;
	else
		err = wait_input(t, &p);
	if (err != 0 && err != -ETIMEDOUT)
		return err;
	if (!can_read(t, 1))
		return 0; /* hung up, or VTIME ran out */
	done = read_available(t, u);
	pump(t); /* there is room again */
	return done;
}

static bool may_write(struct tty *t)
{
	if (has_hung_up(t))
		return true;
	return !READ_ONCE(t->ldisc.stopped) && t->port->ops->can_write(t->port);
}

/* Stopped output waits on `readable`: input is what starts it again. */
static int wait_output(struct tty *t, bool nonblock)
{
	int err = 0;

	while (err == 0 && !may_write(t)) {
		if (nonblock)
			return -EAGAIN;
		if (READ_ONCE(t->ldisc.stopped))
			err = wait_event(&t->readable,
					 !READ_ONCE(t->ldisc.stopped) || has_hung_up(t),
					 WAIT_INTERRUPTIBLE, NSEC_NEVER);
		else
			err = wait_event(&t->port->writable, may_write(t), WAIT_INTERRUPTIBLE,
					 NSEC_NEVER);
	}
	return err == 0 && has_hung_up(t) ? -EIO : err;
}

static size_t process(struct tty *t, const char *in, size_t *len, char *out)
{
	scoped_spin(&t->lock);
	flush_echo_locked(t);
	return ldisc_output(&t->ldisc, in, len, out, OUTPUT_OUT);
}

/* Writes len bytes of `page`; what they become is made behind them. */
static ssize_t write_processed(struct tty *t, char *page, size_t len, bool nonblock)
{
	size_t done = 0;

	while (done < len) {
		size_t taken = len - done, made;
		ssize_t n = wait_output(t, nonblock);

		if (n == 0) {
			made = process(t, page + done, &taken, page + OUTPUT_IN);
			n = port_write_all(t->port, page + OUTPUT_IN, made);
		}
		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += taken;
	}
	return (ssize_t)done;
}

static ssize_t write_locked(struct tty *t, struct uio *u, char *page, bool nonblock)
{
	ssize_t done = 0, n = 0;

	while (u->left > 0) {
		size_t copied = uio_copy_from(u, page, min(u->left, (size_t)OUTPUT_IN));

		n = copied == 0 ? -EFAULT : write_processed(t, page, copied, nonblock);
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
	ssize_t n;
	int err = 0;

	(void)pos;
	if ((READ_ONCE(t->ldisc.t.c_lflag) & TOSTOP) != 0)
		err = check_background(t, SIGTTOU);
	if (err != 0 || u->left == 0)
		return err;
	if (has_hung_up(t))
		return -EIO;
	page = page_alloc(0, 0);
	if (page == NULL)
		return -ENOMEM;
	mutex_lock(&t->out_lock);
	n = write_locked(t, u, page_to_ptr(page), (f->flags & O_NONBLOCK) != 0);
	mutex_unlock(&t->out_lock);
	page_free(page, 0);
	return n;
}

static unsigned tty_poll(struct file *f, struct poll_table *table)
{
	struct tty *t = f->private;
	unsigned events = 0, at_least = 1;

	poll_add(table, &t->readable);
	poll_add(table, &t->port->writable);
	spin_lock(&t->lock);
	if (t->ldisc.t.c_cc[VTIME] == 0)
		at_least = t->ldisc.t.c_cc[VMIN];
	if (ldisc_can_read(&t->ldisc, at_least))
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&t->lock);
	if (has_hung_up(t))
		events |= EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	else if (may_write(t))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static void drain(struct tty *t)
{
	spin_lock(&t->lock);
	flush_echo_locked(t);
	spin_unlock(&t->lock);
	t->port->ops->drain(t->port);
}

static void flush_input(struct tty *t)
{
	spin_lock(&t->lock);
	ldisc_flush_input(&t->ldisc);
	spin_unlock(&t->lock);
	pump(t);
}

static void set_stopped(struct tty *t, bool stopped)
{
	spin_lock(&t->lock);
	t->ldisc.stopped = stopped;
	spin_unlock(&t->lock);
	if (!stopped)
		waitq_wake_all(&t->readable, EPOLLOUT);
}

static long get_termios(struct tty *t, uaddr_t arg, bool extended)
{
	struct termios2 now;
	struct termios old;

	spin_lock(&t->lock);
	now = t->ldisc.t;
	spin_unlock(&t->lock);
	if (extended)
		return user_write_struct(arg, &now);
	memcpy(&old, &now, sizeof(old)); /* termios2 begins as termios does */
	return user_write_struct(arg, &old);
}

/* `when`: 0 now, 1 after output is out, 2 that and input is thrown away. */
static long set_termios(struct tty *t, uaddr_t arg, bool extended, unsigned when)
{
	struct termios2 new;
	int err = check_background(t, SIGTTOU);

	spin_lock(&t->lock);
	new = t->ldisc.t;
	spin_unlock(&t->lock);
	if (err == 0)
		err = extended ? user_read_struct(&new, arg)
			       : user_read(&new, arg, sizeof(struct termios));
	if (err != 0)
		return err;
	if (when > 0)
		drain(t);
	if (when > 1)
		flush_input(t);
	spin_lock(&t->lock);
	ldisc_set_termios(&t->ldisc, &new);
	spin_unlock(&t->lock);
	pump(t);
	waitq_wake_all(&t->readable, EPOLLIN | EPOLLRDNORM);
	return 0;
}

static long ioctl_termios(struct tty *t, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case TCGETS:
		return get_termios(t, arg, false);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, arg, false, cmd - TCSETS);
	case TCGETS2:
		return get_termios(t, arg, true);
	case TCSETS2:
		return set_termios(t, arg, true, 0);
	case TCSETSW2:
		return set_termios(t, arg, true, 1);
	case TCSETSF2:
		return set_termios(t, arg, true, 2);
	default:
		return -ENOTTY;
	}
}

/* tcflow(3) */
static long flow(struct tty *t, unsigned long action)
{
	char key;

	switch (action) {
	case TCOOFF:
	case TCOON:
		set_stopped(t, action == TCOOFF);
		return 0;
	case TCIOFF:
	case TCION:
		spin_lock(&t->lock);
		key = (char)t->ldisc.t.c_cc[action == TCIOFF ? VSTOP : VSTART];
		spin_unlock(&t->lock);
		return port_write_all(t->port, &key, 1) == 1 ? 0 : -EIO;
	default:
		return -EINVAL;
	}
}

static long ioctl_queues(struct tty *t, unsigned cmd, unsigned long arg)
{
	int value = 0;
	int err;

	switch (cmd) {
	case FIONREAD:
		value = (int)count(t);
		return user_write_struct(arg, &value);
	case TIOCOUTQ: /* output leaves at once */
		return user_write_struct(arg, &value);
	case TCFLSH:
		if (arg > TCIOFLUSH)
			return -EINVAL;
		if (arg != TCOFLUSH)
			flush_input(t);
		return 0;
	case TCSBRK:
	case TCSBRKP: /* no line to break: only tcdrain(3) does something */
		err = check_background(t, SIGTTOU);
		if (err == 0)
			drain(t);
		return err;
	case TCXONC:
		err = check_background(t, SIGTTOU);
		return err != 0 ? err : flow(t, arg);
	default:
		return -ENOTTY;
	}
}

static void set_owner(struct tty *t, int session, int pgrp)
{
	scoped_spin(&t->lock);
	t->session = session;
	t->pgrp = pgrp;
}

static bool is_mine(struct tty *t)
{
	scoped_spin(&t->lock);
	return t->session == tty_signals.current_session();
}

static long set_pgrp(struct tty *t, uaddr_t arg)
{
	int pgrp, err = check_background(t, SIGTTOU);

	if (err == 0)
		err = user_read_struct(&pgrp, arg);
	if (err != 0)
		return err;
	if (!is_mine(t))
		return -ENOTTY;
	if (pgrp <= 0)
		return -EINVAL;
	set_owner(t, tty_signals.current_session(), pgrp);
	return 0;
}

static long ioctl_session(struct tty *t, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case TIOCGPGRP:
		return is_mine(t) ? user_write_struct(arg, &t->pgrp) : -ENOTTY;
	case TIOCSPGRP:
		return set_pgrp(t, arg);
	case TIOCGSID:
		return is_mine(t) ? user_write_struct(arg, &t->session) : -ENOTTY;
	case TIOCSCTTY:
		if (is_mine(t))
			return 0;
		if (READ_ONCE(t->session) != 0)
			return -EPERM;
		set_owner(t, tty_signals.current_session(), tty_signals.current_pgrp());
		return 0;
	case TIOCNOTTY:
		if (!is_mine(t))
			return -ENOTTY;
		set_owner(t, 0, 0);
		return 0;
	default:
		return -ENOTTY;
	}
}

static void change_winsize(struct tty *t, const struct winsize *size)
{
	bool changed;
	int pgrp;

	spin_lock(&t->lock);
	changed = memcmp(&t->winsize, size, sizeof(*size)) != 0;
	t->winsize = *size;
	pgrp = t->pgrp;
	spin_unlock(&t->lock);
	if (changed)
		send_signals(pgrp, 1u << SIGWINCH);
}

static long ioctl_winsize(struct tty *t, unsigned cmd, unsigned long arg)
{
	struct winsize size;
	int err;

	if (cmd == TIOCGWINSZ) {
		spin_lock(&t->lock);
		size = t->winsize;
		spin_unlock(&t->lock);
		return user_write_struct(arg, &size);
	}
	err = user_read_struct(&size, arg);
	if (err == 0)
		change_winsize(t, &size);
	return err;
}

static long tty_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct tty *t = f->private;
	int discipline = 0; /* N_TTY */
	long err;

	switch (cmd) {
	case TIOCGWINSZ:
	case TIOCSWINSZ:
		return ioctl_winsize(t, cmd, arg);
	case TIOCGETD:
		return user_write_struct(arg, &discipline);
	case TIOCSTI: /* a program must not type for its user */
		return -EIO;
	default:
		break;
	}
	err = ioctl_termios(t, cmd, arg);
	if (err == -ENOTTY)
		err = ioctl_queues(t, cmd, arg);
	return err == -ENOTTY ? ioctl_session(t, cmd, arg) : err;
}

static const struct file_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
};

static int open_console(struct inode *inode, struct file *f)
{
	(void)inode;
	if (console == NULL)
		return -ENXIO;
	f->ops = &tty_ops;
	f->private = console;
	f->traits |= FILE_STREAM;
	return 0;
}

CHRDEV(dev_tty) = { 5, 0, 1, "tty", 0666, open_console };
/* The host's terminal belongs to whoever started the VM: any user in here may open it by name. */
CHRDEV(dev_console) = { 5, 1, 1, "console", 0666, open_console };

int tty_init_console(struct port *p, unsigned columns, unsigned rows)
{
	struct tty *t = kmem_new(struct tty);

	if (t == NULL)
		return -ENOMEM;
	t->port = p;
	mutex_init(&t->out_lock);
	waitq_init(&t->readable);
	ldisc_init(&t->ldisc);
	t->ldisc.echo = add_echo;
	t->ldisc.signal = add_signal;
	t->winsize.ws_col = (unsigned short)columns;
	t->winsize.ws_row = (unsigned short)rows;
	t->session = t->pgrp = FIRST_PGRP;
	console = t;
	p->private = t;
	atomic_store(&p->notify, port_notify);
	pump(t);
	return 0;
}

void tty_set_plain(void)
{
	if (console != NULL)
		console->ldisc.t.c_oflag &= ~(tcflag_t)OPOST;
}

/* By name where there is one, so that ttyname(3) works. */
int tty_console_file_new(unsigned open_flags, struct file **out)
{
	int err;

	if (console == NULL)
		return -ENXIO;
	if (vfs_open(NULL, "/dev/console", open_flags, 0, 0, out) == 0)
		return 0;
	err = file_new_anonymous(&tty_ops, S_IFCHR | 0620, open_flags, console, out);
	if (err == 0)
		(*out)->traits |= FILE_STREAM;
	return err;
}

void tty_set_winsize(unsigned columns, unsigned rows)
{
	const struct winsize size = {
		.ws_col = (unsigned short)columns,
		.ws_row = (unsigned short)rows,
	};

	if (console != NULL)
		change_winsize(console, &size);
}

void tty_session_ended(int session)
{
	struct tty *t = console;
	int pgrp = 0;

	if (t == NULL)
		return;
	spin_lock(&t->lock);
	if (t->session == session) {
		pgrp = t->pgrp;
		t->session = t->pgrp = 0;
	}
	spin_unlock(&t->lock);
	if (pgrp != 0) {
		tty_signals.signal_group(pgrp, SIGHUP);
		tty_signals.signal_group(pgrp, SIGCONT);
	}
}
