/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Controlling terminals (credentials(7), tty_ioctl(4), POSIX chapter 11.1.3): whose a terminal is,
 * which process group is in the foreground, and who hears of it when that ends. port.h says what a
 * bond is.
 */
#include <asm/signal.h>
#include <linux/capability.h>

#include <asm/ioctls.h>

#include "core/cred.h"
#include "core/sync/mutex.h"
#include "fs/tty/tty.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "mm/user.h"

static uint64_t last_bond; /* [a] */
/* From the look whether a session has a terminal to its getting one: it never has two, which
 * threads of its leader could otherwise get at once. */
static struct mutex control_lock = MUTEX_INIT(control_lock);

/* ---- whose it is ---- */

struct holder {
	uint64_t bond;
	int session;
};

static bool is_held_by(struct tty *t, const void *arg)
{
	const struct holder *h = arg;

	scoped_spin(&t->lock);
	return t->bond != 0 && t->bond == h->bond && t->session == h->session;
}

static struct holder holder_current(void)
{
	return (struct holder){ tty_signals.current_bond(), tty_signals.current_session() };
}

bool tty_is_mine(struct tty *t)
{
	const struct holder self = holder_current();

	return is_held_by(t, &self);
}

struct tty *tty_current(void)
{
	const struct holder self = holder_current();

	return self.bond == 0 ? NULL : tty_find(is_held_by, &self);
}

unsigned tty_device_number(const struct tty *t)
{
	unsigned major = dev_major(t->rdev), minor = dev_minor(t->rdev);

	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

void tty_of_process(uint64_t bond, int session, int *device_out, int *pgrp_out)
{
	const struct holder holder = { bond, session };
	struct tty *t = bond == 0 ? NULL : tty_find(is_held_by, &holder);

	*device_out = t == NULL ? 0 : (int)tty_device_number(t);
	*pgrp_out = t == NULL ? -1 : READ_ONCE(t->pgrp);
	if (t != NULL)
		tty_put(t);
}

static int pgrp_of(struct tty *t)
{
	scoped_spin(&t->lock);
	return t->pgrp;
}

int tty_check_background(struct tty *t, int sig)
{
	int pgrp;

	if (!tty_is_mine(t))
		return 0;
	pgrp = pgrp_of(t);
	if (pgrp == 0 || pgrp == tty_signals.current_pgrp())
		return 0;
	return tty_signals.check_background(pgrp, tty_signals.current_session(), sig);
}

/* ---- beginning and end of a bond ---- */

static bool was_lost_by(struct tty *t, const void *arg)
{
	scoped_spin(&t->lock);
	return t->lost_session == *(const int *)arg;
}

/* The group that had the terminal that was hung up under the session; 0: there was none. */
static int forget_lost(int session)
{
	struct tty *t = tty_find(was_lost_by, &session);
	int pgrp = 0;

	if (t == NULL)
		return 0;
	spin_lock(&t->lock);
	if (t->lost_session == session) {
		pgrp = t->lost_pgrp;
		t->lost_session = t->lost_pgrp = 0;
	}
	spin_unlock(&t->lock);
	tty_put(t);
	if (pgrp != 0)
		tty_put(t); /* the count that it had for this */
	return pgrp;
}

/* The current process, a leader, gets t. steal: from another session. */
static int bind_current(struct tty *t, bool steal)
{
	int session = tty_signals.current_session();
	uint64_t bond;

	spin_lock(&t->lock);
	if (t->session != 0 && !steal) {
		spin_unlock(&t->lock);
		return -EPERM;
	}
	bond = t->bond = atomic_add(&last_bond, 1);
	t->session = session;
	t->pgrp = tty_signals.current_pgrp();
	spin_unlock(&t->lock);
	tty_signals.set_current_bond(bond);
	return 0;
}

/* -EPERM: the session has one, or t has a session. */
static int bind_first(struct tty *t, bool steal)
{
	struct tty *has;
	int err;

	mutex_lock(&control_lock);
	has = tty_current();
	err = has == NULL ? bind_current(t, steal) : -EPERM;
	mutex_unlock(&control_lock);
	if (has != NULL)
		tty_put(has);
	if (err == 0)
		(void)forget_lost(tty_signals.current_session());
	return err;
}

void tty_take_control(struct tty *t)
{
	(void)bind_first(t, false);
}

/* Ends t's bond if it is with `session`, 0: with whomever. The foreground group that it had. */
static int unbind(struct tty *t, int session)
{
	int pgrp;

	scoped_spin(&t->lock);
	if (session != 0 && t->session != session)
		return 0;
	pgrp = t->pgrp;
	t->session = t->pgrp = 0;
	t->bond = 0;
	return pgrp;
}

void tty_lose_session(struct tty *t)
{
	int session;

	spin_lock(&t->lock);
	session = t->session;
	spin_unlock(&t->lock);
	if (session == 0)
		return;
	(void)forget_lost(session);
	spin_lock(&t->lock);
	if (t->session == session && t->lost_session == 0 && t->pgrp != 0) {
		t->lost_session = session;
		t->lost_pgrp = t->pgrp;
		tty_get(t);
	}
	spin_unlock(&t->lock);
	(void)unbind(t, session);
	tty_signals.signal_leader(session, SIGHUP);
	tty_signals.signal_leader(session, SIGCONT);
}

static bool belongs_to(struct tty *t, const void *arg)
{
	scoped_spin(&t->lock);
	return t->session == *(const int *)arg;
}

void tty_session_ended(int session)
{
	struct tty *t = tty_find(belongs_to, &session);
	int pgrp = t != NULL ? unbind(t, session) : 0, lost = forget_lost(session);

	if (pgrp != 0)
		tty_signals.signal_group(pgrp, SIGHUP);
	if (lost != 0) {
		tty_signals.signal_group(lost, SIGHUP);
		tty_signals.signal_group(lost, SIGCONT);
	}
	if (t != NULL)
		tty_put(t);
}

void tty_hang_up_current(void)
{
	struct tty *t = tty_current();

	if (t == NULL)
		return;
	tty_hang_up(t);
	tty_put(t);
}

/* ---- ioctls ---- */

static bool is_admin(void)
{
	return cred_has_cap(cred_current(), CAP_SYS_ADMIN);
}

static long set_control(struct tty *t, struct file *f, unsigned long arg)
{
	struct tty *has = tty_current();
	bool has_one = has != NULL;

	if (has != NULL)
		tty_put(has);
	if (!tty_signals.current_is_leader())
		return -EPERM;
	if (has == t)
		return 0;
	if (has_one || ((f->traits & FILE_READ) == 0 && !is_admin()))
		return -EPERM;
	return bind_first(t, arg == 1 && is_admin());
}

/* A leader gives the terminal up for its session; anybody else for itself. */
static long give_up_control(struct tty *t)
{
	int pgrp;

	if (!tty_is_mine(t))
		return -ENOTTY;
	if (tty_signals.current_is_leader()) {
		pgrp = unbind(t, tty_signals.current_session());
		if (pgrp != 0) {
			tty_signals.signal_group(pgrp, SIGHUP);
			tty_signals.signal_group(pgrp, SIGCONT);
		}
	}
	tty_signals.set_current_bond(0);
	return 0;
}

static long set_pgrp(struct tty *t, uaddr_t arg)
{
	int session = tty_signals.current_session();
	int pgrp, err = tty_check_background(t, SIGTTOU);

	if (err == -EIO)
		return -ENOTTY;
	if (err == 0)
		err = user_read_struct(&pgrp, arg);
	if (err != 0)
		return err;
	if (pgrp < 0)
		return -EINVAL;
	if (!tty_is_mine(t))
		return -ENOTTY;
	err = tty_signals.check_group(pgrp, session);
	if (err != 0)
		return err;
	scoped_spin(&t->lock);
	if (t->session != session)
		return -ENOTTY;
	t->pgrp = pgrp;
	return 0;
}

static long get_session(struct tty *t, uaddr_t arg)
{
	int session;

	spin_lock(&t->lock);
	session = t->session;
	spin_unlock(&t->lock);
	return session == 0 ? -ENOTTY : user_write_struct(arg, &session);
}

long tty_session_ioctl(struct tty *t, struct file *f, unsigned cmd, unsigned long arg,
		       bool via_master)
{
	int pgrp;

	switch (cmd) {
	case TIOCGPGRP:
		pgrp = pgrp_of(t);
		return via_master || tty_is_mine(t) ? user_write_struct(arg, &pgrp) : -ENOTTY;
	case TIOCSPGRP:
		return set_pgrp(t, arg);
	case TIOCGSID:
		return via_master || tty_is_mine(t) ? get_session(t, arg) : -ENOTTY;
	case TIOCSCTTY:
		return set_control(t, f, arg);
	case TIOCNOTTY:
		return via_master ? -ENOTTY : give_up_control(t);
	default:
		return -ENOTTY;
	}
}
