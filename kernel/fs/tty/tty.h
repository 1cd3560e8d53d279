/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals (tty_ioctl(4), termios(3), credentials(7)). A terminal is a line discipline
 * (tty_ldisc.h) over a port (port.h): the console's leads to the host, a pseudo terminal's to its
 * master (pty.c). What differs between the two is in struct tty_kind.
 *
 * Input is moved from the port into the discipline as it arrives, in whatever context that is
 * (tty_pump), so that Ctrl-C works though nobody reads; it stays in the port while the discipline
 * has no room. Echo goes to the port under tty.lock; what does not fit waits in `echo` for the next
 * output, and is bounded. Signals are sent after the lock is released.
 *
 * Readers take turns, and so do writers: a line goes to one reader, and what one write(2) gives is
 * not mixed with another's.
 *
 * Hang-up. Each one begins a new generation; an open file remembers the one it belongs to (in
 * f->pos), and one of an older generation is dead: it reads as ended and writes as broken. What is
 * typed until somebody opens the terminal again is lost.
 *
 * Lives. A terminal is counted: by its open files, and by its maker. All terminals are in one list,
 * from which the last count takes it.
 *
 * Locks: turns, then the list's, then tty.lock, then the port's, then wait queues'.
 */
#pragma once
#include <asm/termios.h>

#include "core/file.h"
#include "core/sync/waitq.h"
#include "fs/tty/port.h"
#include "fs/tty/tty_ldisc.h"
#include "lib/atomic.h"
#include "lib/list.h"

#define TTY_ECHO_MAX 1024

/* Who may go on, one at a time; a signal ends the wait for it. */
struct turn {
	unsigned taken; /* [a] */
	struct waitq free;
};

struct tty;

/* What a kind of terminal does beyond its port. A NULL entry: nothing. None sleeps; those marked
 * run under tty.lock. */
struct tty_kind {
	/* Bytes of output that its port takes for certain. [lock] NULL: any number, with waiting */
	size_t (*room)(struct tty *t);
	/* Something that packet mode tells of: TIOCPKT_* (tty_ioctl(4)). [lock] */
	void (*tell)(struct tty *t, unsigned status);
	/* Throws away output that is on its way. [lock] */
	void (*flush_output)(struct tty *t);
	void (*opened)(struct tty *t);
	void (*all_closed)(struct tty *t);
	void (*release)(struct tty *t); /* the last count is gone: frees it. Thread context */
	/* Its settings change from *old to *new, which is put right first. [lock] */
	void (*set_termios)(struct tty *t, const struct termios2 *old, struct termios2 *new);
	const struct termios2 *initial; /* settings at first and after a hang-up; NULL: ldisc's */
};

struct tty {
	struct ref ref;
	struct list link;            /* [list's lock] */
	struct port *port;           /* [I] */
	const struct tty_kind *kind; /* [I] */
	uint64_t rdev;               /* [I] */
	struct turn reading, writing;
	struct waitq readable; /* input, or output going on again */
	struct spinlock lock;
	struct ldisc ldisc;       /* [lock] */
	unsigned pending_signals; /* [lock] bit per signal, on their way */
	struct winsize winsize;   /* [lock] */
	struct termios locked;    /* [lock] a bit set here: that setting stays (TIOCSLCKTRMIOS) */
	int session, pgrp;        /* [lock] whose controlling terminal it is; 0: nobody's */
	uint64_t bond;            /* [lock] with that session (port.h); 0: none */
	/* [lock] who had it when it was hung up: the group hears of it again when the leader
	 * ends. Such a terminal has a count of its own */
	int lost_session, lost_pgrp;
	unsigned generation;     /* [lock to write; a] hang-ups so far */
	unsigned nr_open;        /* [lock] files, dead ones too */
	bool detached;           /* [lock] hung up, and not opened again */
	bool exclusive;          /* [lock] TIOCEXCL */
	size_t echo_len;         /* [lock] */
	char echo[TTY_ECHO_MAX]; /* [lock] */
};

static inline bool tty_is_file_dead(const struct tty *t, const struct file *f)
{
	return (unsigned)f->pos != atomic_load(&t->generation);
}

/* Nothing more comes from the port, nor goes to it. */
static inline bool tty_is_port_closed(const struct tty *t)
{
	return atomic_load(&t->port->host_closed);
}

/* ---- tty.c ---- */

void turn_init(struct turn *t);
MUST_CHECK int turn_take(struct turn *t, bool nonblock); /* -EAGAIN, -ERESTARTSYS */
void turn_give(struct turn *t);

/* Fills a zeroed one, and lists it, with one count. */
void tty_init(struct tty *t, struct port *p, const struct tty_kind *kind, uint64_t rdev);
void tty_get(struct tty *t);
void tty_put(struct tty *t); /* thread context; not under a lock */
/* Makes f one of t's open files: counts. -EIO, -EBUSY. */
MUST_CHECK int tty_attach_file(struct tty *t, struct file *f);
/* The same for open(2), which may give the process its controlling terminal. */
MUST_CHECK int tty_open(struct tty *t, struct file *f, bool may_control);
/* All open files die; the session is told. Thread context. */
void tty_hang_up(struct tty *t);
/* Moves input from the port to the discipline. Any context. */
void tty_pump(struct tty *t);
void tty_wake_readers(struct tty *t);
void tty_send_signals(int pgrp, unsigned signals); /* a bit per signal; not under a lock */
void tty_flush_echo_locked(struct tty *t);
void tty_show_echo(struct tty *t); /* what had no room */
/* Throws input away, and so lets more in. */
void tty_flush_input(struct tty *t);
void tty_flush_output(struct tty *t);
void tty_set_held(struct tty *t, bool held); /* output, by tcflow(3) */
/* The first for which fn, called under the list's lock, returns true: counted; or NULL. fn may take
 * tty.lock. */
struct tty *tty_find(bool (*fn)(struct tty *t, const void *arg), const void *arg);

/* ---- tty_io.c ---- */

extern const struct file_ops tty_ops;

/* ---- tty_ioctl.c ---- */

/* A file of its own, or (via_master) of its master. */
long tty_ioctl(struct tty *t, struct file *f, unsigned cmd, unsigned long arg);
long tty_master_ioctl(struct tty *t, struct file *f, unsigned cmd, unsigned long arg);
void tty_change_winsize(struct tty *t, const struct winsize *size);

/* ---- tty_session.c ---- */

bool tty_is_mine(struct tty *t);                 /* the current process's controlling terminal */
struct tty *tty_current(void);                   /* that one, counted, or NULL */
unsigned tty_device_number(const struct tty *t); /* as stat(2) has it */
/* 0, or why a background process may not go on: -EIO, -ERESTARTSYS. */
MUST_CHECK int tty_check_background(struct tty *t, int sig);
/* The current process's session gets t, which has none. */
void tty_take_control(struct tty *t);
/* A hang-up: the session loses t and its leader is told. */
void tty_lose_session(struct tty *t);
/* TIOCSCTTY...; -ENOTTY: none of these. */
long tty_session_ioctl(struct tty *t, struct file *f, unsigned cmd, unsigned long arg,
		       bool via_master);
