/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte port: what a console driver offers to the host's side and what streams (fs/tty/stream.c),
 * terminals (fs/tty/tty.h), the control channel and strace use. The two ends of a pseudo terminal
 * meet in one too (fs/tty/pty.c). One reader and any number of writers.
 */
#pragma once
#include "abi/hull/launch.h"
#include "core/sync/waitq.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct port {
	unsigned nr;                     /* [I] PORT_UNNUMBERED: port_find() never finds it */
	unsigned console;                /* [I] as a machine's console; 0: it is none */
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

#define PORT_UNNUMBERED (~0u)

/* What a machine's console is when there are several, best last. */
enum port_console {
	PORT_CONSOLE_MAYBE = 1, /* a virtio-console's port 0 among many: nobody may be there */
	PORT_CONSOLE_SERIAL,    /* a UART: those that look at a machine look here */
	PORT_CONSOLE_ONLY,      /* a virtio-console that has nothing else */
};

void port_add(struct port *p);
struct port *port_find(unsigned nr); /* NULL: none, or no memory to use it. Thread context */
struct port *port_console(void);     /* the machine's, or NULL. Thread context */
/* Waits until all is written, the port closes (-EPIPE) or a signal comes. Bytes or -errno. Thread
 * context. */
ssize_t port_write_all(struct port *p, const void *buf, size_t len);

/* The files over ports: what descriptors 0 to 2 are. file_out gets one count. */
struct file;
MUST_CHECK int stream_file_new(struct port *p, unsigned open_flags, struct file **file_out);

/* The console terminal. It owns its port, and is the current process's controlling terminal. */
/* makes /dev/console open it; modes NULL: the usual ones */
MUST_CHECK int tty_init_console(struct port *p, unsigned columns, unsigned rows,
				const struct launch_terminal *modes);
bool tty_console_modes(struct launch_terminal *out); /* as they are now; false: there is none */
MUST_CHECK int tty_console_file_new(unsigned open_flags, struct file **file_out);
/* Output is not processed: the host's terminal does it (LAUNCH_TTY_PLAIN). */
void tty_set_plain(void);
/* raises SIGWINCH in the foreground */
void tty_set_winsize(unsigned columns, unsigned rows);

/*
 * Job control asks the personality: filled by linux/. Any context, but for what asks about the
 * current process.
 *
 * Each time that a session takes a terminal as its own, that bond gets a number, which its leader
 * keeps and children inherit (0: none). A process's controlling terminal is the one whose bond and
 * session are its own: when the bond is dissolved, all processes have lost the terminal at once.
 */
struct tty_signals {
	void (*signal_group)(int pgrp, int sig);
	void (*signal_leader)(int session, int sig); /* if it still lives */
	int (*current_pgrp)(void);
	int (*current_session)(void);
	bool (*current_is_leader)(void); /* of its session */
	uint64_t (*current_bond)(void);
	void (*set_current_bond)(uint64_t bond);
	/*
	 * The current process reads (SIGTTIN) or changes (SIGTTOU) its terminal, whose foreground
	 * group and session these are: 0 go on, -EIO, -ERESTARTSYS (its group was sent the signal).
	 */
	int (*check_background)(int tty_pgrp, int tty_session, int sig);
	/* -ESRCH: no such group; -EPERM: it is of another session. */
	int (*check_group)(int pgrp, int session);
};
extern const struct tty_signals tty_signals; /* defined by linux/ */

/* The leader of a session ends: its terminal is free, and the foreground group hears of it. Thread
 * context. */
void tty_session_ended(int session);
/* vhangup(2), for the current process's controlling terminal. */
void tty_hang_up_current(void);
/* A process's controlling terminal: its device number as stat(2) has it and its foreground group; 0
 * and -1 if it has none. Thread context. */
void tty_of_process(uint64_t bond, int session, int *device_out, int *pgrp_out);
/* ioctl(TIOCGPTPEER): opens the other end of a master. -ENOTTY: f is no terminal. */
MUST_CHECK int tty_open_peer(struct file *f, unsigned open_flags, struct file **file_out);
