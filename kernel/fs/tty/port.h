/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte port to the host: what a console driver offers and what streams (fs/tty/stream.c), the tty
 * (fs/tty/tty.c), the control channel and strace use. One reader and any number of writers.
 */
#pragma once
#include "core/waitq.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct port {
	unsigned nr;                     /* [I] */
	struct waitq readable, writable; /* woken by the driver, interrupt context */
	/* [a] no more input comes; output is lost (EPIPE) */
	bool host_closed;
	const struct port_ops *ops; /* [I] */
	/* Called by the driver when input arrived or the port closed, interrupt context; NULL:
	 * nobody. */
	void (*notify)(struct port *p);
	void *private; /* of whoever set notify */
};

struct port_ops {                                                     /* none sleeps; any context */
	size_t (*read)(struct port *p, void *buf, size_t len);        /* 0: nothing there now */
	size_t (*write)(struct port *p, const void *buf, size_t len); /* 0: no room now */
	bool (*can_read)(struct port *p);
	bool (*can_write)(struct port *p);
	size_t (*queued)(struct port *p); /* bytes that can be read now */
	/* waits (spinning or sleeping) until the host took all output */
	void (*drain)(struct port *p);
	/* Makes it ready for use: by port_find(), in thread context. NULL: it always is. 0 or
	 * -errno. */
	int (*activate)(struct port *p);
};

void port_add(struct port *p);
struct port *port_find(unsigned nr); /* NULL: none, or no memory to use it. Thread context */
/* Waits until all is written, the port closes (-EPIPE) or a signal comes. Bytes or -errno. Thread
 * context. */
ssize_t port_write_all(struct port *p, const void *buf, size_t len);

/* The files over ports: what descriptors 0 to 2 are. file_out gets one count. */
struct file;
MUST_CHECK int stream_file_new(struct port *p, unsigned open_flags, struct file **file_out);

/* The tty (termios, line discipline, job control). It owns its port. */
struct tty;
/* makes /dev/tty, /dev/console open it */
MUST_CHECK int tty_init_console(struct port *p, unsigned columns, unsigned rows);
MUST_CHECK int tty_console_file_new(unsigned open_flags, struct file **file_out);
/* raises SIGWINCH in the foreground */
/* Output is not processed: the host's terminal does it (LAUNCH_TTY_PLAIN). */
void tty_set_plain(void);
void tty_set_winsize(unsigned columns, unsigned rows);
/* Job control asks the personality: filled by linux/. Any context unless said. */
struct tty_signals {
	void (*signal_group)(int pgrp, int sig); /* to a process group */
	int (*current_pgrp)(void);
	int (*current_session)(void);
	bool (*current_is_leader)(void);                 /* of its session */
	bool (*group_in_session)(int pgrp, int session); /* does such a group exist? */
	/*
	 * The current process reads (SIGTTIN) or changes (SIGTTOU) a terminal whose foreground
	 * group this is: 0 go on, -EIO, -ERESTARTSYS (its group was sent the signal).
	 */
	int (*check_background)(int tty_pgrp, int tty_session, int sig);
	bool (*is_admin)(void); /* CAP_SYS_ADMIN: may steal a terminal, push input */
};
extern const struct tty_signals tty_signals; /* defined by linux/ */
/* Towards linux/: the leader of a session ended. Thread context. */
void tty_session_ended(int session);
