/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudo terminals (pty(7), pts(4), ioctl_tty(2)). The port of such a terminal is two rings in
 * memory: what its master writes is the terminal's input, what the terminal puts out its master
 * reads. The master is an open file and no terminal: it has no discipline of its own.
 *
 * The pair is counted as its terminal (tty.h): by the master, by open files, by the node in devpts.
 * When the master is closed the node goes and the terminal is hung up. When the last of the
 * terminal's files is closed, the master reads what is left and then EIO, until somebody opens the
 * terminal again.
 *
 * Packet mode (TIOCPKT): what happens to the terminal is noted in `status`, which the master's next
 * read gives in one byte; data comes with a byte 0 before it.
 */
#pragma once
#include "fs/tty/devpts.h"
#include "fs/tty/tty.h"

#define PTS_MAJOR       136
#define PTY_INPUT_SIZE  4096u
#define PTY_OUTPUT_SIZE 8192u

struct pty_ring {
	char *bytes;         /* [I] owned */
	unsigned size;       /* [I] a power of two */
	unsigned head, tail; /* they only grow: bytes written and read so far */
};

struct pty {
	struct tty tty;
	struct port port;
	struct devpts *devpts; /* [I] counted, with `number` taken */
	unsigned number;       /* [I] */
	struct path node;      /* [I] counted, while there is a master */
	struct turn master_reading, master_writing;
	struct waitq master_readable, master_writable;
	struct spinlock lock;
	struct pty_ring input, output; /* [lock] */
	unsigned status;               /* [lock] TIOCPKT_*, not read yet */
	bool packet;                   /* [lock] */
	bool locked;                   /* [lock] TIOCSPTLCK: cannot be opened */
	bool closed;                   /* [lock] nobody has the terminal open any more */
	bool master_stopped;           /* [lock] tcflow(3) on the master */
	bool master_exclusive;         /* [lock] */
	bool master_gone;              /* [lock] */
};

static inline struct pty *pty_of(struct tty *t)
{
	return container_of(t, struct pty, tty);
}

/* ---- pty.c ---- */

/* A pair with one count, the master's, and no node yet; takes the number over. NULL = no memory. */
struct pty *pty_new(struct devpts *d, unsigned number);
/* open(2) of the terminal. -EIO: its master is gone, or has it locked. */
MUST_CHECK int pty_open(struct pty *p, struct file *f);
size_t pty_ring_used(const struct pty_ring *r);
size_t pty_ring_put(struct pty_ring *r, const char *from, size_t len); /* bytes that fitted */
size_t pty_ring_take(struct pty_ring *r, char *to, size_t len);

/* ---- pty_master.c ---- */

extern const struct file_ops pty_master_ops;
