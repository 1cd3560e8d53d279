/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tty_ioctl(4) but for sessions: settings, queues, size. A command on a master that is not about
 * its own queues is about its terminal.
 */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/capability.h>

#include "core/cred.h"
#include "fs/tty/tty.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"

/* ---- settings ---- */

enum termios_shape { SHAPE_TERMIO, SHAPE_TERMIOS, SHAPE_TERMIOS2 };

static struct termios2 termios_of(struct tty *t)
{
	scoped_spin(&t->lock);
	return t->ldisc.t;
}

static long get_termios(struct tty *t, uaddr_t arg, enum termios_shape shape)
{
	struct termios2 now = termios_of(t);
	struct termio small = {
		.c_iflag = (unsigned short)now.c_iflag,
		.c_oflag = (unsigned short)now.c_oflag,
		.c_cflag = (unsigned short)now.c_cflag,
		.c_lflag = (unsigned short)now.c_lflag,
		.c_line = now.c_line,
	};

	if (shape == SHAPE_TERMIOS2)
		return user_write_struct(arg, &now);
	if (shape == SHAPE_TERMIOS) /* termios2 begins as termios does */
		return user_write(arg, &now, sizeof(struct termios));
	memcpy(small.c_cc, now.c_cc, sizeof(small.c_cc));
	return user_write_struct(arg, &small);
}

/* struct termio has the lower half of the flags. */
static int read_termio(uaddr_t arg, struct termios2 *new)
{
	struct termio small;

	if (user_read_struct(&small, arg) != 0)
		return -EFAULT;
	new->c_iflag = (new->c_iflag & 0xffff0000) | small.c_iflag;
	new->c_oflag = (new->c_oflag & 0xffff0000) | small.c_oflag;
	new->c_cflag = (new->c_cflag & 0xffff0000) | small.c_cflag;
	new->c_lflag = (new->c_lflag & 0xffff0000) | small.c_lflag;
	new->c_line = small.c_line;
	memcpy(new->c_cc, small.c_cc, sizeof(small.c_cc));
	return 0;
}

/* Bits a second of a Bxxx code; BOTHER says that `given` has them. */
static speed_t speed_of(tcflag_t code, speed_t given)
{
	static const speed_t low[] = { 0,   50,   75,   110,  134,  150,  200,   300,
				       600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const speed_t high[] = { 0,       57600,   115200,  230400,  460800,  500000,
					576000,  921600,  1000000, 1152000, 1500000, 2000000,
					2500000, 3000000, 3500000, 4000000 };

	if (code == BOTHER)
		return given;
	return (code & CBAUDEX) != 0 ? high[code & 15] : low[code & 15];
}

static void set_speeds(struct termios2 *t)
{
	tcflag_t out = t->c_cflag & CBAUD, in = t->c_cflag >> IBSHIFT & CBAUD;

	t->c_ospeed = speed_of(out, t->c_ospeed);
	t->c_ispeed = in == B0 ? t->c_ospeed : speed_of(in, t->c_ispeed);
}

static void drain(struct tty *t)
{
	tty_show_echo(t);
	t->port->ops->drain(t->port);
}

static tcflag_t merge(tcflag_t new, tcflag_t old, tcflag_t locked)
{
	return (new & ~locked) | (old & locked);
}

/* ioctl_tty(2): locked bits stay as they are. */
static void keep_locked(const struct tty *t, struct termios2 *new)
{
	const struct termios2 *old = &t->ldisc.t;
	const struct termios *locked = &t->locked;

	new->c_iflag = merge(new->c_iflag, old->c_iflag, locked->c_iflag);
	new->c_oflag = merge(new->c_oflag, old->c_oflag, locked->c_oflag);
	new->c_cflag = merge(new->c_cflag, old->c_cflag, locked->c_cflag);
	new->c_lflag = merge(new->c_lflag, old->c_lflag, locked->c_lflag);
	new->c_line = locked->c_line != 0 ? old->c_line : new->c_line;
	for (unsigned i = 0; i < NCCS; i++)
		new->c_cc[i] = locked->c_cc[i] != 0 ? old->c_cc[i] : new->c_cc[i];
}

static void apply_termios(struct tty *t, struct termios2 *new)
{
	spin_lock(&t->lock);
	keep_locked(t, new);
	if (t->kind->set_termios != NULL)
		t->kind->set_termios(t, &t->ldisc.t, new);
	ldisc_set_termios(&t->ldisc, new);
	tty_flush_echo_locked(t);
	spin_unlock(&t->lock);
	tty_pump(t);
	tty_wake_readers(t);
}

/* `when`: 0 now, 1 after output is out, 2 that and input is thrown away. */
static long set_termios(struct tty *t, uaddr_t arg, enum termios_shape shape, unsigned when)
{
	struct termios2 new = termios_of(t);
	int err = tty_check_background(t, SIGTTOU);

	if (err != 0)
		return err;
	if (shape == SHAPE_TERMIO)
		err = read_termio(arg, &new);
	else
		err = user_read(&new, arg,
				shape == SHAPE_TERMIOS ? sizeof(struct termios) : sizeof(new));
	if (err != 0)
		return err;
	set_speeds(&new);
	if (when > 0)
		drain(t);
	if (when > 1)
		tty_flush_input(t);
	apply_termios(t, &new);
	return 0;
}

static long soft_carrier(struct tty *t, unsigned cmd, uaddr_t arg)
{
	struct termios2 now = termios_of(t);
	int on = (now.c_cflag & CLOCAL) != 0;

	if (cmd == TIOCGSOFTCAR)
		return user_write_struct(arg, &on);
	if (user_read_struct(&on, arg) != 0)
		return -EFAULT;
	now.c_cflag = (now.c_cflag & ~(tcflag_t)CLOCAL) | (on != 0 ? (tcflag_t)CLOCAL : 0);
	apply_termios(t, &now);
	return 0;
}

static long lock_termios(struct tty *t, unsigned cmd, uaddr_t arg)
{
	struct termios locked;

	if (cmd == TIOCGLCKTRMIOS) {
		spin_lock(&t->lock);
		locked = t->locked;
		spin_unlock(&t->lock);
		return user_write_struct(arg, &locked);
	}
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (user_read_struct(&locked, arg) != 0)
		return -EFAULT;
	scoped_spin(&t->lock);
	t->locked = locked;
	return 0;
}

static long ioctl_termios(struct tty *t, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case TCGETS:
		return get_termios(t, arg, SHAPE_TERMIOS);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, arg, SHAPE_TERMIOS, cmd - TCSETS);
	case TCGETS2:
		return get_termios(t, arg, SHAPE_TERMIOS2);
	case TCSETS2:
		return set_termios(t, arg, SHAPE_TERMIOS2, 0);
	case TCSETSW2:
		return set_termios(t, arg, SHAPE_TERMIOS2, 1);
	case TCSETSF2:
		return set_termios(t, arg, SHAPE_TERMIOS2, 2);
	case TCGETA:
		return get_termios(t, arg, SHAPE_TERMIO);
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termios(t, arg, SHAPE_TERMIO, cmd - TCSETA);
	case TIOCGSOFTCAR:
	case TIOCSSOFTCAR:
		return soft_carrier(t, cmd, arg);
	case TIOCGLCKTRMIOS:
	case TIOCSLCKTRMIOS:
		return lock_termios(t, cmd, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- queues ---- */

/* tcflow(3) */
static long flow(struct tty *t, unsigned long action)
{
	char key;

	switch (action) {
	case TCOOFF:
	case TCOON:
		tty_set_held(t, action == TCOOFF);
		return 0;
	case TCIOFF:
	case TCION:
		key = (char)termios_of(t).c_cc[action == TCIOFF ? VSTOP : VSTART];
		if (key != 0)
			(void)port_write_all(t->port, &key, 1);
		return 0;
	default:
		return -EINVAL;
	}
}

static long flush(struct tty *t, unsigned long which)
{
	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which != TCOFLUSH)
		tty_flush_input(t);
	if (which != TCIFLUSH)
		tty_flush_output(t);
	return 0;
}

/* TIOCSTI: as if it had been typed. Only root may type for others. */
static long fake_input(struct tty *t, uaddr_t arg)
{
	unsigned signals;
	char c;
	int pgrp;

	if (!tty_is_mine(t) && !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (user_read_struct(&c, arg) != 0)
		return -EFAULT;
	spin_lock(&t->lock);
	ldisc_input(&t->ldisc, &c, 1);
	tty_flush_echo_locked(t);
	signals = t->pending_signals;
	t->pending_signals = 0;
	pgrp = t->pgrp;
	spin_unlock(&t->lock);
	tty_send_signals(pgrp, signals);
	tty_wake_readers(t);
	return 0;
}

static long count(struct tty *t, uaddr_t arg)
{
	int value;

	spin_lock(&t->lock);
	value = (int)ldisc_count(&t->ldisc);
	spin_unlock(&t->lock);
	return user_write_struct(arg, &value);
}

static long ioctl_queues(struct tty *t, unsigned cmd, unsigned long arg)
{
	const int output = 0; /* it leaves at once */
	int err;

	switch (cmd) {
	case FIONREAD:
		return count(t, arg);
	case TIOCOUTQ:
		return user_write_struct(arg, &output);
	case TIOCSTI:
		return fake_input(t, arg);
	case TCSBRK:
	case TCSBRKP: /* no line to break: only tcdrain(3) does something */
	case TIOCSBRK:
		err = tty_check_background(t, SIGTTOU);
		if (err == 0)
			drain(t);
		return err;
	case TIOCCBRK:
		return tty_check_background(t, SIGTTOU);
	case TCFLSH:
		err = tty_check_background(t, SIGTTOU);
		return err != 0 ? err : flush(t, arg);
	case TCXONC:
		err = tty_check_background(t, SIGTTOU);
		return err != 0 ? err : flow(t, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- size, kind, exclusive use ---- */

void tty_change_winsize(struct tty *t, const struct winsize *size)
{
	bool changed;
	int pgrp;

	spin_lock(&t->lock);
	changed = memcmp(&t->winsize, size, sizeof(*size)) != 0;
	t->winsize = *size;
	pgrp = t->pgrp;
	spin_unlock(&t->lock);
	if (changed)
		tty_send_signals(pgrp, 1u << SIGWINCH);
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
		tty_change_winsize(t, &size);
	return err;
}

static long set_exclusive(struct tty *t, bool on)
{
	scoped_spin(&t->lock);
	t->exclusive = on;
	return 0;
}

static long set_discipline(struct tty *t, uaddr_t arg)
{
	int discipline, err = tty_check_background(t, SIGTTOU);

	if (err != 0)
		return err;
	if (user_read_struct(&discipline, arg) != 0)
		return -EFAULT;
	return discipline == 0 ? 0 : -EINVAL; /* N_TTY */
}

static long hang_up(struct tty *t)
{
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	tty_hang_up(t);
	return 0;
}

static long ioctl_device(struct tty *t, unsigned cmd, unsigned long arg)
{
	const int discipline = 0; /* N_TTY */
	int exclusive;
	unsigned rdev;

	switch (cmd) {
	case TIOCGWINSZ:
	case TIOCSWINSZ:
		return ioctl_winsize(t, cmd, arg);
	case TIOCGETD:
		return user_write_struct(arg, &discipline);
	case TIOCSETD:
		return set_discipline(t, arg);
	case TIOCEXCL:
	case TIOCNXCL:
		return set_exclusive(t, cmd == TIOCEXCL);
	case TIOCGEXCL:
		exclusive = READ_ONCE(t->exclusive);
		return user_write_struct(arg, &exclusive);
	case TIOCGDEV:
		rdev = tty_device_number(t);
		return user_write_struct(arg, &rdev);
	case TIOCVHANGUP:
		return hang_up(t);
	default:
		return -ENOTTY;
	}
}

long tty_ioctl(struct tty *t, struct file *f, unsigned cmd, unsigned long arg)
{
	long err;

	if (tty_is_file_dead(t, f))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	err = ioctl_device(t, cmd, arg);
	if (err == -ENOTTY)
		err = ioctl_termios(t, cmd, arg);
	if (err == -ENOTTY)
		err = ioctl_queues(t, cmd, arg);
	return err == -ENOTTY ? tty_session_ioctl(t, f, cmd, arg, false) : err;
}

long tty_master_ioctl(struct tty *t, struct file *f, unsigned cmd, unsigned long arg)
{
	long err = ioctl_termios(t, cmd, arg);

	if (err == -ENOTTY && cmd != TIOCVHANGUP)
		err = ioctl_device(t, cmd, arg);
	return err == -ENOTTY ? tty_session_ioctl(t, f, cmd, arg, true) : err;
}
